package main

import (
	"fmt"
	"slices"

	"github.com/seed1982febc/focal"
)

// channelOf finds the logit of every label: the two shapes are equal, or logits
// is a detector's raw head, of which the labels belong to attribute attr of
// every anchor.
func channelOf(logits, labels []int, layout string, attr int) (focal.Channel, error) {
	if slices.Equal(logits, labels) {
		n, err := elements(labels)
		return focal.Channel{Runs: 1, Step: n, Len: n, Stride: 1, Size: n}, err
	}
	if s, ok := headShape(logits, labels, layout); ok {
		if attr < 0 || attr >= s.Attrs {
			return focal.Channel{}, fmt.Errorf("-attr %d: an anchor of this head has attributes 0 to %d", attr, s.Attrs-1)
		}
		if layout == nhwc {
			return s.NHWC(attr)
		}
		return s.NCHW(attr)
	}
	err := fmt.Errorf("shape %s does not fit labels of shape %s", tuple(logits), tuple(labels))
	if len(logits) == 4 && len(labels) == 4 {
		err = fmt.Errorf("%w with -layout %s", err, layout)
	}
	for _, other := range layouts {
		if _, ok := headShape(logits, labels, other); ok {
			err = fmt.Errorf("%w: try -layout %s", err, other)
		}
	}
	return focal.Channel{}, err
}

const (
	nchw = "nchw" // logits [B, A*attrs, H, W], labels [B, A, H, W]
	nhwc = "nhwc" // logits [B, H, W, A*attrs], labels [B, H, W, A]
)

var layouts = []string{nchw, nhwc}

// headShape reads the two shapes as a raw head's in the given layout.
func headShape(logits, labels []int, layout string) (s focal.Shape, ok bool) {
	if len(logits) != 4 || len(labels) != 4 {
		return s, false
	}
	channel := 1
	if layout == nhwc {
		channel = 3
	}
	anchors, channels := labels[channel], logits[channel]
	if anchors == 0 || channels == 0 || channels%anchors != 0 {
		return s, false
	}
	for i := range labels {
		if i != channel && labels[i] != logits[i] {
			return s, false
		}
	}
	s = focal.Shape{Batch: labels[0], Anchors: anchors, Attrs: channels / anchors}
	if layout == nhwc {
		s.Height, s.Width = labels[1], labels[2]
	} else {
		s.Height, s.Width = labels[2], labels[3]
	}
	return s, true
}
