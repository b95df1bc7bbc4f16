package focal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestHead holds strided layouts against the same cells in one slice.
func TestHead(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	channel := func(c Channel, err error) Channel {
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	channels := []Channel{
		channel(Shape{2, 3, 5, 13, 13}.NCHW(4)),
		channel(Shape{2, 3, 5, 13, 13}.NHWC(4)),
		channel(Shape{1, 2, 3, 52, 52}.NCHW(0)),
		channel(Shape{3, 2, 85, 20, 30}.NCHW(4)),
		channel(Shape{1, 3, 85, 19, 19}.NHWC(4)),
		channel(Shape{3, 2, 2, 1, 1}.NCHW(1)),
		channel(Shape{0, 2, 2, 1, 1}.NCHW(1)),
		{Offset: 7, Runs: 5, Step: 1, Len: 100, Stride: 6},  // interleaved
		{Offset: 1, Runs: 30, Step: 1, Len: 40, Stride: 30}, // transposed
		{Runs: 3, Step: 700, Len: 600, Stride: 1},
		{Runs: 1, Len: 5000, Stride: 3},
		{Runs: 700, Step: 2, Len: 1, Stride: 1},
		{Runs: 1, Len: blockCells + 5, Stride: 1},
	}
	for _, c := range channels {
		n := c.Cells()
		size := c.Size
		if size == 0 && n > 0 {
			end, _ := c.last()
			size = end + 1 + rng.IntN(10)
		}
		cells, y := mixed(rng, n)
		tensor := make([]float32, size)
		for i := range tensor {
			tensor[i] = math.Float32frombits(rng.Uint32())
		}
		j := job{cells: c}
		at := make([]int, n)
		for i := range cells {
			at[i] = j.index(i)
			tensor[at[i]] = cells[i]
		}
		for _, k := range Kernels() {
			for _, gamma := range []float32{0, 2, 2.3} {
				l := must(t, 0.25, gamma, WithKernel(k), WithWorkers(rng.IntN(4)))
				h, err := l.Head(c)
				if err != nil {
					t.Fatal(err)
				}
				want := compute(t, l, cells, y, 0.5)
				got := result{grad: make([]float32, n), each: make([]float32, n)}
				for _, inPlace := range []bool{false, true} {
					in := slices.Clone(tensor)
					out := make([]float32, size)
					for i := range out {
						out[i] = 42
					}
					if inPlace {
						out = in
					}
					if got.sum, err = h.Sum(in, y); err != nil {
						t.Fatal(err)
					}
					if err = h.Each(got.each, in, y); err != nil {
						t.Fatal(err)
					}
					before := slices.Clone(out)
					if got.gradStats, err = h.SumGrad(out, in, y, 0.5); err != nil {
						t.Fatal(err)
					}
					for i := range at {
						got.grad[i] = out[at[i]]
						out[at[i]] = before[at[i]]
					}
					what := fmt.Sprintf("kernel %s gamma %v channel %+v in place %v", k, gamma, c, inPlace)
					compare(t, what, got, want, cells, y)
					if i := sameBits(out, before); i >= 0 {
						t.Fatalf("%s: wrote element %d, which is not the channel's", what, i)
					}
				}
			}
		}
	}
}

// TestEachInPlaceOfPermuted: losses over logits in another order are refused.
func TestEachInPlaceOfPermuted(t *testing.T) {
	h, err := must(t, 0.25, 2).Head(Channel{Runs: 4, Step: 1, Len: 3, Stride: 4, Size: 12})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 12)
	if err := h.Each(x, x, make([]uint8, 12)); err == nil || !strings.Contains(err.Error(), "only where cell i is element i") {
		t.Errorf("error %v", err)
	}
}

// TestChannelCheck compares the rule for cells in one place with a count, for all
// small channels, and tries numbers that overflow.
func TestChannelCheck(t *testing.T) {
	l := must(t, 0.25, 2)
	for runs := range 5 {
		for step := range 7 {
			for length := range 5 {
				for stride := range 7 {
					c := Channel{Runs: runs, Step: step, Len: length, Stride: stride}
					seen := map[int]bool{}
					for r := range runs {
						for i := range length {
							seen[r*step+i*stride] = true
						}
					}
					_, err := l.Head(c)
					if collide := len(seen) < runs*length; collide != (err != nil) {
						t.Errorf("%+v: error %v, cells meet: %v", c, err, collide)
					}
				}
			}
		}
	}
	for _, c := range []Channel{
		{Offset: -1, Runs: 1, Len: 1}, {Runs: -1}, {Runs: 1, Len: -1}, {Runs: 1, Len: 1, Step: -1}, {Runs: 1, Len: 1, Stride: -1}, {Size: -1},
		{Runs: math.MaxInt, Len: math.MaxInt, Step: 1, Stride: 1}, {Runs: 2, Step: math.MaxInt, Len: 2, Stride: math.MaxInt - 1},
		{Offset: math.MaxInt, Runs: 1, Len: 2, Stride: 1}, {Runs: 1, Len: 3, Stride: 5, Size: 10},
	} {
		if _, err := l.Head(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	for _, s := range []Shape{{-1, 1, 5, 1, 1}, {1, -1, 5, 1, 1}, {1, 1, -5, 1, 1}, {1, 1, 5, -1, 1}, {1, 1, 5, 1, -1}, {1, 1, 4, 1, 1}, {math.MaxInt, 2, 5, 1, 1}} {
		if _, err := s.NCHW(4); err == nil {
			t.Errorf("NCHW %+v: no error", s)
		}
		if _, err := s.NHWC(4); err == nil {
			t.Errorf("NHWC %+v: no error", s)
		}
	}
}
