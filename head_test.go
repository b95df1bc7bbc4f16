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
	for _, n := range []int{longRun, longRun + 1, longRun + 63, 2*longRun + 7} { // groups across the ends of long runs
		channels = append(channels, Channel{Offset: 3, Runs: 9, Step: n + 100, Len: n, Stride: 1})
	}
	for n := range 160 { // ends of short runs
		channels = append(channels, Channel{Offset: 1, Runs: 3, Step: n + 41, Len: n + 1, Stride: 1})
	}
	for i := range 2 * len(channels) {
		c := channels[i/2]
		n := c.Cells()
		size := c.Size
		if size == 0 && n > 0 {
			end, _ := c.last()
			size = end + 1 + rng.IntN(10)
		}
		cells, y := mixed(rng, n)
		if i%2 == 1 { // no special logits, of which the others have one in almost every group
			cells, y = dense(n)
		}
		tensor := make([]float32, size)
		for i := range tensor {
			tensor[i] = math.Float32frombits(rng.Uint32())
		}
		j := job{cells: &c}
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

// TestFarRuns: runs of a tensor so large that they are fetched ahead give what the cells give by themselves: short ones,
// which are copied, and longer ones.
func TestFarRuns(t *testing.T) {
	for _, n := range []int{100, longRun + 5, blockCells + 9} {
		c := Channel{Offset: 1, Runs: 20, Step: farLen / 19, Len: n, Stride: 1}
		end, _ := c.last()
		x, y := dense(c.Cells())
		tensor, want, grad := make([]float32, end+1), make([]float32, end+1), make([]float32, end+1)
		for _, k := range Kernels() {
			l := must(t, 0.25, 2, WithKernel(k))
			h, err := l.Head(c)
			if err != nil {
				t.Fatal(err)
			}
			r := compute(t, l, x, y, 0.5)
			j := job{cells: &c}
			for i := range x {
				tensor[j.index(i)], want[j.index(i)] = x[i], r.grad[i]
			}
			clear(grad)
			stats, err := h.SumGrad(grad, tensor, y, 0.5)
			if err != nil {
				t.Fatal(err)
			}
			if stats != r.gradStats {
				t.Errorf("kernel %s, runs of %d: %+v, want %+v", k, n, stats, r.gradStats)
			}
			if i := sameBits(grad, want); i >= 0 {
				t.Errorf("kernel %s, runs of %d: element %d is %v, want %v", k, n, i, grad[i], want[i])
			}
		}
	}
}

// TestShape holds the channels of a shape against the indices of the layout.
func TestShape(t *testing.T) {
	s := Shape{Batch: 2, Anchors: 3, Attrs: 5, Height: 4, Width: 7}
	for attr := range 5 {
		nchw, err := s.NCHW(attr)
		if err != nil {
			t.Fatal(err)
		}
		nhwc, err := s.NHWC(attr)
		if err != nil {
			t.Fatal(err)
		}
		var planes, points []int
		for b := range 2 {
			for a := range 3 {
				for p := range 28 {
					planes = append(planes, ((b*3+a)*5+attr)*28+p)
				}
			}
			for p := range 28 {
				for a := range 3 {
					points = append(points, ((b*28+p)*3+a)*5+attr)
				}
			}
		}
		for what, c := range map[string]struct {
			got  Channel
			want []int
		}{"NCHW": {nchw, planes}, "NHWC": {nhwc, points}} {
			j := job{cells: &c.got}
			got := make([]int, c.got.Cells())
			for i := range got {
				got[i] = j.index(i)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s of attribute %d: %v, want %v", what, attr, got, c.want)
			}
		}
	}
	for what, channel := range map[string]func(Shape, int) (Channel, error){"NCHW": Shape.NCHW, "NHWC": Shape.NHWC} {
		for _, attr := range []int{-1, 5} {
			if _, err := channel(s, attr); err == nil {
				t.Errorf("%s of attribute %d: no error", what, attr)
			}
		}
	}
}

// TestStage: every length around those of the buffers that cells are gathered into.
func TestStage(t *testing.T) {
	l := must(t, 0.25, 2)
	for _, border := range []int{groupCells, stageCells, 2 * stageCells, blockCells, blockCells + stageCells} {
		for n := border - 1; n <= border+1; n++ {
			h, err := l.Head(Channel{Runs: 1, Len: n, Stride: 2})
			if err != nil {
				t.Fatal(err)
			}
			cells, y := dense(n)
			x := make([]float32, 2*n)
			for i, v := range cells {
				x[2*i] = v
			}
			want, _ := l.Sum(cells, y)
			if got, err := h.Sum(x, y); err != nil || !sameStats(got, want) {
				t.Errorf("%d cells: %v %v, want %v", n, got, err, want)
			}
		}
	}
}

// TestStackGrows: goroutines whose stack ends anywhere, also while cells are in a buffer on it, get the same.
func TestStackGrows(t *testing.T) {
	const n = 300
	for _, k := range Kernels() {
		l := must(t, 0.25, 2, WithKernel(k))
		h, err := l.Head(Channel{Runs: 3, Step: n, Len: n / 3, Stride: 2})
		if err != nil {
			t.Fatal(err)
		}
		x, y := dense(3 * n)
		want := make([]float32, len(x))
		wantStats, err := h.SumGrad(want, x, y[:n], 1)
		if err != nil {
			t.Fatal(err)
		}
		for depth := range 200 {
			done := make(chan bool)
			go func() {
				defer close(done)
				got := make([]float32, len(x))
				if s := deep(depth, func() (s Stats) { s, err = h.SumGrad(got, x, y[:n], 1); return s }); err != nil || !sameStats(s, wantStats) || sameBits(got, want) >= 0 {
					t.Errorf("kernel %s: on a stack of %d frames: %v %v, want %v", k, depth, s, err, wantStats)
				}
			}()
			<-done
		}
	}
}

// deep calls f on a stack with depth frames more, of some 150 bytes.
//
//go:noinline
func deep(depth int, f func() Stats) Stats {
	var space [128]byte
	if depth == 0 {
		return f()
	}
	s := deep(depth-1, f)
	s.Ignored += int64(space[depth%128])
	return s
}

// TestHeadNorms: the gradients of all methods of a Head are those of the same methods of its Loss.
func TestHeadNorms(t *testing.T) {
	const n = 700
	x, y := mixed(rand.New(rand.NewPCG(13, 14)), n)
	l := must(t, 0.25, 2)
	h, err := l.Head(oneRun(n))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range gradientMethods {
		got, want := make([]float32, n), make([]float32, n)
		s, err := m.call(h, got, x, y, 3)
		wantStats, wantErr := m.call(l, want, x, y, 3)
		if err != nil || wantErr != nil || !sameStats(s, wantStats) || sameBits(got, want) >= 0 {
			t.Errorf("%s: %v %v, want %v %v", m.name, s, err, wantStats, wantErr)
		}
	}
}

// TestEachInPlace: losses may replace the logits where cell i is element i.
func TestEachInPlace(t *testing.T) {
	l := must(t, 0.25, 2)
	for _, c := range []Channel{{Runs: 1, Len: 100, Stride: 1}, {Runs: 4, Step: 25, Len: 25, Stride: 1}, {Runs: 100, Step: 1, Len: 1, Stride: 7}} {
		h, err := l.Head(c)
		if err != nil {
			t.Fatal(err)
		}
		x, y := dense(100)
		want := make([]float32, 100)
		if err := h.Each(want, x, y); err != nil {
			t.Fatal(err)
		}
		if err := h.Each(x, x, y); err != nil || sameBits(x, want) >= 0 {
			t.Errorf("%+v in place: %v", c, err)
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

	// A part of the tensor is not the tensor.
	h, err = must(t, 0.25, 2).Head(Channel{Runs: 1, Len: 3, Stride: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Each(x[:3], x[:5], make([]uint8, 3)); err == nil || !strings.Contains(err.Error(), "overlaps") {
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
		{Runs: 5, Step: math.MaxInt/2 + 1, Len: 1}, {Runs: 1, Len: 5, Stride: math.MaxInt/2 + 1},
		{Runs: 2, Step: math.MaxInt/2 + 1, Len: math.MaxInt/2 + 1, Stride: 1},
	} {
		if _, err := l.Head(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	for _, c := range []Channel{{Runs: math.MaxInt, Len: 3}, {Runs: 2, Len: math.MaxInt/2 + 1}} {
		if n := c.Cells(); n != 0 {
			t.Errorf("%+v: %d cells, want 0 as they are too many for an int", c, n)
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
