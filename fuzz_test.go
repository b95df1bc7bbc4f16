package focal

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// A tensor is cells laid out as a channel says, between elements that no call may
// touch.
type tensor struct {
	channel Channel
	all     []float32
	shift   int // where the tensor begins in all
	size    int
}

const untouched = 42

// newTensor returns a tensor of size elements. The shift moves it against its
// alignment.
func newTensor(c Channel, size, shift int) tensor {
	t := tensor{channel: c, all: make([]float32, shift+size+64), shift: shift, size: size}
	for i := range t.all {
		t.all[i] = untouched
	}
	return t
}

func (t tensor) elements() []float32 { return t.all[t.shift:][:t.size] }

// cell returns the address of cell i, by the definition of a channel.
func (t tensor) cell(i int) *float32 {
	c := t.channel
	return &t.elements()[c.Offset+i/c.Len*c.Step+i%c.Len*c.Stride]
}

// set sets the cells to x.
func (t tensor) set(x []float32) {
	for i, v := range x {
		*t.cell(i) = v
	}
}

// take returns the cells, and reports an element touched that is not one of them.
// The tensor is then as it was when new.
func (t tensor) take(f testing.TB, what string) []float32 {
	x := make([]float32, t.channel.Cells())
	for i := range x {
		x[i] = *t.cell(i)
		*t.cell(i) = untouched
	}
	if i := slices.IndexFunc(t.all, func(v float32) bool { return v != untouched }); i >= 0 {
		f.Fatalf("%s: element %d of a tensor of %d was written", what, i-t.shift, t.size)
	}
	return x
}

// checkUnwritten fails if a call that returned err has touched the tensor, new before.
func (t tensor) checkUnwritten(f testing.TB, what string, err error) {
	if slices.ContainsFunc(t.all, func(v float32) bool { return v != untouched }) {
		f.Fatalf("%s: wrote in spite of %v", what, err)
	}
}

// gradients is all of the API that writes gradients.
type gradients interface {
	api
	MeanGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error)
	PerPositiveGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error)
}

var gradientMethods = []struct {
	name string
	call func(l gradients, grad, logits []float32, labels []uint8, scale float32) (Stats, error)
}{
	{"SumGrad", gradients.SumGrad}, {"MeanGrad", gradients.MeanGrad}, {"PerPositiveGrad", gradients.PerPositiveGrad},
}

// shifted returns a copy of s that begins shift elements into an allocation.
func shifted[T any](s []T, shift int) []T {
	return append(make([]T, shift, shift+len(s)), s...)[shift:]
}

// FuzzKernels holds every kernel against the oracle, in any layout. data holds cells
// of 5 bytes, which are repeated up to their number.
func FuzzKernels(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, cells uint16, alpha, pos, neg, gamma, clip, scale float32, workers uint8, layout uint32) {
		n := int(cells)
		if n > 3*blockCells {
			n %= 5 * groupCells
		}
		if len(data) < 5 {
			n = 0
		}
		x, y := make([]float32, n), make([]uint8, n)
		for i := range x {
			d := data[i%(len(data)/5)*5:]
			x[i] = math.Float32frombits(uint32(d[0]) | uint32(d[1])<<8 | uint32(d[2])<<16 | uint32(d[3])<<24)
			y[i] = [...]uint8{Negative, Negative, Negative, Positive, Positive, Ignore, Ignore, d[4]}[d[4]%8]
		}

		opts := []Option{WithClip(clip), WithWorkers(int(workers % 8))}
		if alpha == -1 {
			opts = append(opts, WithClassWeights(pos, neg))
		}
		oracle, refused := New(alpha, gamma, append(opts, WithKernel(kernelGeneric), WithWorkers(1))...)
		for _, k := range Kernels() {
			l, err := New(alpha, gamma, append(opts, WithKernel(k))...)
			if (err == nil) != (refused == nil) || (l == nil) != (err != nil) {
				t.Fatalf("kernel %s: %v and error %v; generic: %v", k, l, err, refused)
			}
			if err != nil {
				continue
			}
			fuzzLayouts(t, l, oracle, x, y, scale, layout)
		}
	})
}

// fuzzLayouts compares what l gives for one layout with what the oracle gives for
// the cells in one slice.
func fuzzLayouts(t *testing.T, l, oracle *Loss, x []float32, y []uint8, scale float32, layout uint32) {
	digit := func(n uint32) int { // of layout
		d := layout % n
		layout /= n
		return int(d)
	}
	method := gradientMethods[digit(3)]
	inPlace := digit(2) == 1
	shiftIn, shiftOut, shiftLabels := digit(16), digit(16), digit(64)
	y = shifted(y, shiftLabels)

	var on gradients = l
	c := oneRun(len(x))
	if kind := digit(4); kind > 0 && len(x) > 0 {
		c.Runs = 1 + digit(9)
		c.Len = len(x) / c.Runs
		x, y = x[:c.Cells()], y[:c.Cells()]
		gap := digit(7)
		switch kind {
		case 1: // planes
			c.Stride, c.Step = 1, c.Len+gap
		case 2: // every so many elements
			c.Stride, c.Step = 1+gap, c.Len*(1+gap)
		case 3: // runs woven into each other
			c.Stride, c.Step = c.Runs+gap, 1
		}
		c.Offset = gap
		h, err := l.Head(c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		on = h
	}
	size := 0
	if len(x) > 0 {
		size = 1 + c.Offset + (c.Runs-1)*c.Step + (c.Len-1)*c.Stride
	}
	in, out, loss := newTensor(c, size, shiftIn), newTensor(c, size, shiftOut), newTensor(oneRun(len(x)), len(x), shiftOut)
	in.set(x)
	what := fmt.Sprintf("kernel %s channel %+v shifts %d %d %d", l.Kernel(), c, shiftIn, shiftOut, shiftLabels)

	// Each call must give the oracle's error or its bits.
	wantSum, refused := oracle.Sum(x, y)
	sum, err := on.Sum(in.elements(), y)
	if fmt.Sprint(err) != fmt.Sprint(refused) || !sameStats(sum, wantSum) {
		t.Fatalf("%s Sum: %v %v, want %v %v", what, sum, err, wantSum, refused)
	}

	want := make([]float32, len(x))
	refused = oracle.Each(want, x, y)
	if err = on.Each(loss.elements(), in.elements(), y); fmt.Sprint(err) != fmt.Sprint(refused) {
		t.Fatalf("%s Each: %v, want %v", what, err, refused)
	}
	if err == nil {
		sameAs(t, what+" Each", loss.take(t, what), want, x, y)
	}
	loss.checkUnwritten(t, what+" Each", err)

	wantSum, refused = method.call(oracle, want, x, y, scale)
	target := out
	if inPlace {
		target = in
	}
	sum, err = method.call(on, target.elements(), in.elements(), y, scale)
	what += fmt.Sprintf(" %s scale %v in place %v", method.name, scale, inPlace)
	if fmt.Sprint(err) != fmt.Sprint(refused) || !sameStats(sum, wantSum) {
		t.Fatalf("%s: %v %v, want %v %v", what, sum, err, wantSum, refused)
	}
	if err == nil {
		sameAs(t, what, target.take(t, what), want, x, y)
	}
	if err != nil || !inPlace {
		sameAs(t, what+" logits", in.take(t, what), x, x, y)
		out.checkUnwritten(t, what, err)
	}
}

func sameAs(t testing.TB, what string, got, want, x []float32, y []uint8) {
	t.Helper()
	if i := sameBits(got, want); i >= 0 {
		t.Fatalf("%s: element %d is %x, want %x; logit %x label %d", what, i, got[i], want[i], x[i], y[i])
	}
}

// FuzzChannel: no channel and no tensor makes a call panic, or touch what is not the
// channel's; and no shape makes a channel that is none.
func FuzzChannel(f *testing.F) {
	for _, c := range []Channel{
		{}, {-1, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 0},
		{0, 2, 13, 3, 5, 0}, {3, 5, 1, 20, 6, 200}, {0, 3, 700, 600, 1, 0}, {1, 30, 1, 40, 30, 0}, {0, 700, 2, 1, 1, 0},
		{0, 1, 1, blockCells + 5, 1, 0}, {2, 3, 5, 13, 13, 4},
		{1, math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt},
		{0, 2, math.MaxInt, 2, math.MaxInt - 1, 0}, {math.MaxInt, 1, 1, 2, 1, 0},
		{0, 1, 5, math.MaxInt, math.MaxInt, 4}, {0, 1, 5, math.MaxInt, 2, 4},
	} {
		f.Add(c.Offset, c.Runs, c.Step, c.Len, c.Stride, c.Size, 3000)
	}
	f.Fuzz(func(t *testing.T, offset, runs, step, length, stride, size, elements int) {
		l := must(t, 0.25, 2, WithWorkers(3))
		shape, attr := Shape{offset, runs, step, length, stride}, size
		for _, layout := range []func(Shape, int) (Channel, error){Shape.NCHW, Shape.NHWC} {
			c, err := layout(shape, attr)
			if err != nil {
				continue
			}
			if _, err := l.Head(c); err != nil {
				t.Fatalf("%+v attribute %d gives %+v: %v", shape, attr, c, err)
			}
			if n := shape.Batch * shape.Anchors * shape.Height * shape.Width; c.Cells() != n || c.Size != n*shape.Attrs {
				t.Fatalf("%+v attribute %d gives %+v, %d cells", shape, attr, c, c.Cells())
			}
		}

		c := Channel{offset, runs, step, length, stride, size}
		n := c.Cells()
		if n < 0 {
			t.Fatalf("%+v: %d cells", c, n)
		}
		if n > 1<<16 || elements < 0 || elements > 1<<20 {
			return
		}
		x, y := make([]float32, n), make([]uint8, n)
		for i := range x {
			x[i] = float32(i%97) - 48
			y[i] = [...]uint8{Negative, Ignore, Positive}[i%3]
		}
		for _, k := range Kernels() {
			l := must(t, 0.25, 2, WithWorkers(3), WithKernel(k))
			h, err := l.Head(c)
			if err != nil {
				return
			}
			in, out, loss := newTensor(c, elements, 0), newTensor(c, elements, 0), newTensor(oneRun(n), n, 0)
			want := compute(t, l, x, y, 1)
			what := fmt.Sprintf("kernel %s %+v of %d elements", k, c, elements)
			if _, err := h.Sum(in.elements(), y); err != nil {
				for name, err := range map[string]error{
					"Each":    h.Each(loss.elements(), in.elements(), y),
					"SumGrad": second(h.SumGrad(out.elements(), in.elements(), y, 1)),
				} {
					if err == nil {
						t.Fatalf("%s: an error of Sum is none of %s", what, name)
					}
				}
				out.checkUnwritten(t, what, err)
				loss.checkUnwritten(t, what, err)
				return
			}
			in.set(x)
			var got result
			if got.sum, err = h.Sum(in.elements(), y); err != nil {
				t.Fatal(err)
			}
			if err := h.Each(loss.elements(), in.elements(), y); err != nil {
				t.Fatal(err)
			}
			if got.gradStats, err = h.SumGrad(out.elements(), in.elements(), y, 1); err != nil {
				t.Fatal(err)
			}
			got.each, got.grad = loss.take(t, what), out.take(t, what)
			compare(t, what, got, want, x, y)
			sameAs(t, what+" logits", in.take(t, what), x, x, y)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// oneRun is the channel that is the whole of a slice of n elements.
func oneRun(n int) Channel { return Channel{Runs: 1, Step: n, Len: n, Stride: 1} }
