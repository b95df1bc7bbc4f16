package focal_test

import (
	"fmt"

	"github.com/seed1982febc/focal"
)

// The drop-in: the mean focal loss of a slice and its gradient.
func ExampleLoss_MeanGrad() {
	logits := []float32{-4, -3, 2, 0.5, -6}
	labels := []uint8{focal.Negative, focal.Negative, focal.Positive, focal.Ignore, focal.Negative}

	l, err := focal.New(0.25, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	grad := make([]float32, len(logits))
	stats, err := l.MeanGrad(grad, logits, labels, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("mean %.6g of %d cells, %d positive\n", stats.Mean(), stats.Count(), stats.Positives)
	fmt.Printf("%.4g\n", grad)
	// Output:
	// mean 0.000134317 of 4 cells, 1 positive
	// [3.253e-06 5.904e-05 -0.0003044 0 8.496e-09]
}

// Labels from the pair of masks of a YOLO assignment: cells in neither are
// ignored.
func Example_masks() {
	obj := []bool{false, true, false, false}
	noobj := []bool{true, false, false, true}
	labels := make([]uint8, len(obj))
	for i := range labels {
		switch {
		case obj[i]:
			labels[i] = focal.Positive
		case noobj[i]:
			labels[i] = focal.Negative
		default:
			labels[i] = focal.Ignore
		}
	}
	stats, err := focal.Count(labels)
	fmt.Println(labels, stats.Positives, stats.Negatives, stats.Ignored, err)
	// Output: [0 1 255 0] 1 2 1 <nil>
}

// The confidence loss of YOLOv4 over three raw heads [B, 3*85, H, W]: 10 times the
// mean of each, balanced between the grids. The gradients go straight into the
// confidence channels.
func ExampleLoss_Head() {
	l, err := focal.New(0.25, 2, focal.WithClip(1e-7))
	if err != nil {
		fmt.Println(err)
		return
	}
	balance := []float32{0.4, 1, 4}
	total := 0.0
	for i, grid := range []int{13, 26, 52} {
		shape := focal.Shape{Batch: 1, Anchors: 3, Attrs: 85, Height: grid, Width: grid}
		channel, err := shape.NCHW(4)
		if err != nil {
			fmt.Println(err)
			return
		}
		logits := make([]float32, channel.Size) // all 0: probability 1/2
		labels := make([]uint8, channel.Cells())
		labels[0] = focal.Positive

		head, err := l.Head(channel)
		if err != nil {
			fmt.Println(err)
			return
		}
		ratio := float32(5*grid*grid) / (416 * 416)
		scale := 10 * balance[i] * ratio
		grad := make([]float32, len(logits))
		stats, err := head.MeanGrad(grad, logits, labels, scale)
		if err != nil {
			fmt.Println(err)
			return
		}
		total += float64(scale) * stats.Mean()
	}
	fmt.Printf("%.6f\n", total)
	// Output: 0.434018
}

// RetinaNet divides the sum of an image by its number of positives, at least 1. A batch is one
// call for each image, with scale 1 over the number of images.
func ExampleLoss_PerPositiveGrad() {
	l, err := focal.New(0.25, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := [][]float32{{-2, 1, 0, -1}, {3, 1, -1, -4}}
	labels := [][]uint8{{0, 1, 1, 0}, {1, 1, 1, 0}}
	scale := 1 / float32(len(logits))
	total := 0.0
	for i := range logits {
		grad := make([]float32, len(logits[i]))
		stats, err := l.PerPositiveGrad(grad, logits[i], labels[i], scale)
		if err != nil {
			fmt.Println(err)
			return
		}
		total += float64(scale) * stats.PerPositive()
	}
	fmt.Printf("%.5f\n", total)
	// Output: 0.04703
}

// The mean over shards, on one machine or many: count everywhere, add the counts
// up (the all-reduce), then let each shard scale its own gradient.
func ExampleStats_Add() {
	l, err := focal.New(0.25, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := [][]float32{{-2, 1, 0}, {-1, 3}}
	labels := [][]uint8{{0, 1, 1}, {0, 255}}

	var counts focal.Stats
	for _, shard := range labels {
		c, err := focal.Count(shard)
		if err != nil {
			fmt.Println(err)
			return
		}
		counts = counts.Add(c)
	}
	// Start anew for the sums: adding them to counts would count each cell twice. For
	// the same reason a total that came back from an all-reduce is not added again.
	var total focal.Stats
	scale := float32(1 / float64(max(1, counts.Count())))
	for i := range logits {
		grad := make([]float32, len(logits[i]))
		s, err := l.SumGrad(grad, logits[i], labels[i], scale)
		if err != nil {
			fmt.Println(err)
			return
		}
		total = total.Add(s)
	}
	fmt.Printf("mean %.5f over %d cells\n", total.Mean(), total.Count())
	// Output: mean 0.01683 over 4 cells
}
