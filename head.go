package focal

import (
	"fmt"
	"math/bits"
)

// A Channel says where the logits of one channel lie in a tensor that is one
// slice: Runs runs of Len elements, the first at Offset, each Step elements
// after the one before, with Stride between the elements of a run. Size is the
// exact length of the tensor, or 0 for any that holds the channel.
//
// Cell i is element i%Len of run i/Len; labels are in that order.
type Channel struct{ Offset, Runs, Step, Len, Stride, Size int }

// Cells returns the number of cells, Runs*Len, or 0 if one of them is negative or the product
// overflows.
func (c Channel) Cells() int {
	n, ok := mul(c.Runs, c.Len)
	if !ok {
		return 0
	}
	return n
}

// mul returns a*b and whether both are non-negative and the product fits an int.
func mul(a, b int) (int, bool) {
	if a < 0 || b < 0 {
		return 0, false
	}
	hi, lo := bits.Mul(uint(a), uint(b))
	return int(lo), hi == 0 && int(lo) >= 0
}

// add returns a+b of two non-negative numbers and whether it fits an int.
func add(a, b int) (int, bool) {
	return a + b, a+b >= a
}

// last returns the index of the channel's last element.
func (c Channel) last() (int, bool) {
	runs, ok1 := mul(c.Runs-1, c.Step)
	within, ok2 := mul(c.Len-1, c.Stride)
	span, ok3 := add(runs, within)
	end, ok4 := add(span, c.Offset)
	return end, ok1 && ok2 && ok3 && ok4
}

// check reports a channel that cannot be one: a negative field, an overflow, an
// element outside Size, or two cells in one place.
func (c Channel) check() error {
	for _, f := range [...]struct {
		name string
		v    int
	}{{"offset", c.Offset}, {"runs", c.Runs}, {"step", c.Step}, {"len", c.Len}, {"stride", c.Stride}, {"size", c.Size}} {
		if f.v < 0 {
			return fmt.Errorf("focal: channel %s %d is negative", f.name, f.v)
		}
	}
	if _, ok := mul(c.Runs, c.Len); !ok {
		return fmt.Errorf("focal: channel of %d runs of %d elements overflows int", c.Runs, c.Len)
	}
	if c.Runs == 0 || c.Len == 0 {
		return nil
	}
	end, ok := c.last()
	if !ok {
		return fmt.Errorf("focal: channel %+v overflows int", c)
	}
	if c.Size > 0 && end >= c.Size {
		return fmt.Errorf("focal: channel reaches element %d of a tensor of %d", end, c.Size)
	}
	// Two cells meet when a*Step = b*Stride with a < Runs and b < Len, not both 0; the
	// smallest such pair is (Stride/g, Step/g) with g = gcd(Step, Stride), or any if both are 0.
	g := max(1, gcd(c.Step, c.Stride))
	if c.Cells() > 1 && c.Stride/g < c.Runs && c.Step/g < c.Len {
		return fmt.Errorf("focal: channel step %d and stride %d put two cells in one place", c.Step, c.Stride)
	}
	return nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// identity reports whether cell i is element i of a tensor of c.Cells() elements, which c is known to fill.
func (c Channel) identity() bool { return c.Stride == 1 || c.Len <= 1 }

// fits reports a tensor of n elements that is not one of c's.
func (c Channel) fits(name string, n int) error {
	if c.Size > 0 && n != c.Size {
		return fmt.Errorf("focal: %s has %d elements, the channel's tensor %d", name, n, c.Size)
	}
	if c.Cells() == 0 {
		return nil
	}
	if end, _ := c.last(); end >= n {
		return fmt.Errorf("focal: channel reaches element %d of %s of length %d", end, name, n)
	}
	return nil
}

// A Shape is that of a detector's raw output: Batch images, Anchors boxes per
// position, Attrs numbers per box, on a grid of Height by Width. A negative dimension, a product that
// overflows int and an attribute that is not one of Attrs are errors. A shape with no images, anchors, height or
// width has no cells, and its channel fits a tensor of any length.
type Shape struct{ Batch, Anchors, Attrs, Height, Width int }

// NCHW returns the channel of attribute attr in a tensor [B, A*attrs, H, W]: B*A
// contiguous planes of H*W. Labels are [B, A, H, W].
func (s Shape) NCHW(attr int) (Channel, error) {
	size, err := s.size(attr)
	if err != nil {
		return Channel{}, err
	}
	plane := s.Height * s.Width
	return Channel{Offset: attr * plane, Runs: s.Batch * s.Anchors, Step: s.Attrs * plane, Len: plane, Stride: 1, Size: size}, nil
}

// NHWC returns the channel of attribute attr in a tensor [B, H, W, A*attrs]: one
// run with stride attrs. Labels are [B, H, W, A].
func (s Shape) NHWC(attr int) (Channel, error) {
	size, err := s.size(attr)
	if err != nil {
		return Channel{}, err
	}
	return Channel{Offset: attr, Runs: 1, Step: size, Len: size / s.Attrs, Stride: s.Attrs, Size: size}, nil
}

// size returns the number of elements and reports a shape with a negative
// dimension, one that overflows, and an attribute that it does not have.
func (s Shape) size(attr int) (int, error) {
	n, empty := 1, false
	for _, d := range [...]struct {
		name string
		v    int
	}{{"batch", s.Batch}, {"anchors", s.Anchors}, {"attrs", s.Attrs}, {"height", s.Height}, {"width", s.Width}} {
		if d.v < 0 {
			return 0, fmt.Errorf("focal: shape %s %d is negative", d.name, d.v)
		}
		empty = empty || d.v == 0
		var ok bool
		if n, ok = mul(n, max(1, d.v)); !ok {
			return 0, fmt.Errorf("focal: shape %+v overflows int", s)
		}
	}
	if attr < 0 || attr >= s.Attrs {
		return 0, fmt.Errorf("focal: attribute %d is not in [0, %d)", attr, s.Attrs)
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

// A Head is a Loss bound to one channel of a detector's raw output. Nothing is
// permuted, and only what the kernel cannot read in place is copied, a little at
// a time. It is immutable and safe for concurrent use.
type Head struct {
	loss    *Loss
	channel Channel
}

// Head binds l to a channel. The results have the bits that the Loss gives for
// the channel's cells copied into one slice. A channel that has a negative field, overflows int, reaches
// beyond its Size or has two cells in one place is an error. The methods of a Head allocate as
// little as those of the Loss: nothing with one worker; their errors are those of the Loss, and a tensor that the channel
// does not fit.
func (l *Loss) Head(c Channel) (*Head, error) {
	if l == nil || l.params.kernel == "" {
		return nil, errNoLoss
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Head{loss: l, channel: c}, nil
}

// Kernel returns the name of the kernel in use, "" for a nil or zero Head.
func (h *Head) Kernel() Kernel {
	if h == nil {
		return ""
	}
	return h.loss.Kernel()
}

// run runs j on the head's channel.
func (h *Head) run(j *job) (Stats, error) {
	if h == nil || h.loss == nil {
		return Stats{}, fmt.Errorf("focal: nil or zero Head: use Loss.Head")
	}
	j.cells = &h.channel
	return h.loss.run(j)
}

// Sum is Loss.Sum of the channel. logits is the whole tensor, labels has
// Channel.Cells entries.
func (h *Head) Sum(logits []float32, labels []uint8) (Stats, error) {
	return h.run(&job{mode: modeSum, logits: logits, labels: labels})
}

// SumGrad is Loss.SumGrad of the channel. grad has the tensor's length; what is
// not the channel stays as it was.
func (h *Head) SumGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error) {
	return h.run(&job{mode: modeGrad, out: grad, logits: logits, labels: labels, scale: scale})
}

// MeanGrad is Loss.MeanGrad of the channel. grad has the tensor's length; what
// is not the channel stays as it was.
func (h *Head) MeanGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error) {
	return h.run(&job{mode: modeGrad, norm: perCell, out: grad, logits: logits, labels: labels, scale: scale})
}

// PerPositiveGrad is Loss.PerPositiveGrad of the channel. grad has the tensor's
// length; what is not the channel stays as it was.
func (h *Head) PerPositiveGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error) {
	return h.run(&job{mode: modeGrad, norm: perPositive, out: grad, logits: logits, labels: labels, scale: scale})
}

// Each is Loss.Each of the channel: loss has one entry per cell. It may be logits itself only if the
// channel is the whole tensor in order, and must otherwise not overlap it.
func (h *Head) Each(loss, logits []float32, labels []uint8) error {
	_, err := h.run(&job{mode: modeEach, out: loss, logits: logits, labels: labels})
	return err
}
