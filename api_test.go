package focal

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var nan = float32(math.NaN())

// TestNewErrors: each says which argument and which value.
func TestNewErrors(t *testing.T) {
	for _, c := range []struct {
		want         string
		alpha, gamma float32
		opts         []Option
	}{
		{"alpha -2", -2, 2, nil},
		{"alpha 1.5", 1.5, 2, nil},
		{"alpha NaN", nan, 2, nil},
		{"alpha 1e-20", 1e-20, 2, nil},
		{"gamma -1", 0.25, -1, nil},
		{"gamma NaN", 0.25, nan, nil},
		{"gamma 65", 0.25, 65, nil},
		{"gamma 0.0001", 0.25, 0.0001, nil},
		{"option 1 is nil", 0.25, 2, []Option{WithClip(0), nil}},
		{"positive class weight -1", -1, 2, []Option{WithClassWeights(-1, 1)}},
		{"negative class weight NaN", -1, 2, []Option{WithClassWeights(1, nan)}},
		{"positive class weight 1e+09", -1, 2, []Option{WithClassWeights(1e9, 1)}},
		{"class weights need alpha -1, not 0.25", 0.25, 2, []Option{WithClassWeights(1, 1)}},
		{"clip 0.5", 0.25, 2, []Option{WithClip(0.5)}},
		{"clip -0.1", 0.25, 2, []Option{WithClip(-0.1)}},
		{"clip NaN", 0.25, 2, []Option{WithClip(nan)}},
		{"-1 workers", 0.25, 2, []Option{WithWorkers(-1)}},
		{`kernel "mmx"`, 0.25, 2, []Option{WithKernel("mmx")}},
	} {
		l, err := New(c.alpha, c.gamma, c.opts...)
		if err == nil || !strings.Contains(err.Error(), c.want) || l != nil {
			t.Errorf("alpha %v gamma %v: error %v, want one with %q", c.alpha, c.gamma, err, c.want)
		}
	}
}

// TestOptions: a later one wins.
func TestOptions(t *testing.T) {
	got := must(t, -1, 2, WithKernel(kernelGeneric), WithClip(0.1), WithWorkers(3), WithClassWeights(2, 3), WithKernel(""), WithClip(0), WithWorkers(1), WithClassWeights(4, 5))
	if want := must(t, -1, 2, WithClassWeights(4, 5)); *got != *want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestKernelsSlice: it is the caller's.
func TestKernelsSlice(t *testing.T) {
	Kernels()[0] = "other"
	if k := Kernels(); k[0] == "other" || k[len(k)-1] != kernelGeneric {
		t.Errorf("%q", k)
	}
}

// TestDomains: each ends with the last number that is allowed.
func TestDomains(t *testing.T) {
	below := func(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(-1))) }
	above := func(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(1))) }
	gamma := func(v float32) error { _, err := New(0.25, v); return err }
	alpha := func(v float32) error { _, err := New(v, 2); return err }
	pos := func(v float32) error { _, err := New(-1, 2, WithClassWeights(v, 1)); return err }
	neg := func(v float32) error { _, err := New(-1, 2, WithClassWeights(1, v)); return err }
	clip := func(v float32) error { _, err := New(0.25, 2, WithClip(v)); return err }
	scale := func(v float32) error { _, err := must(t, 0.25, 2).SumGrad(nil, nil, nil, v); return err }
	for _, c := range []struct {
		what    string
		in, out float32
		set     func(v float32) error
	}{
		{"gamma", 0, -0x1p-149, gamma}, {"gamma", 0, 0x1p-149, gamma}, {"gamma", 0x1p-10, below(0x1p-10), gamma}, {"gamma", 64, above(64), gamma},
		{"alpha", 0, -0x1p-149, alpha}, {"alpha", 0x1p-24, below(0x1p-24), alpha}, {"alpha", below(1), above(1), alpha},
		{"alpha", -1, above(-1), alpha}, {"alpha", -1, below(-1), alpha},
		{"positive weight", 0x1p24, above(0x1p24), pos}, {"positive weight", 0x1p-24, below(0x1p-24), pos}, {"positive weight", 0, -0x1p-149, pos},
		{"negative weight", 0x1p24, above(0x1p24), neg}, {"negative weight", 0x1p-24, below(0x1p-24), neg}, {"negative weight", 0, -0x1p-149, neg},
		{"clip", 0x1p-149, -0x1p-149, clip}, {"clip", below(0.5), 0.5, clip},
		{"scale", 0x1p60, above(0x1p60), scale}, {"scale", 0x1p-60, below(0x1p-60), scale}, {"scale", -0x1p60, below(-0x1p60), scale},
		{"scale", -0x1p-60, above(-0x1p-60), scale}, {"scale", float32(math.Copysign(0, -1)), 0x1p-149, scale},
	} {
		if err := c.set(c.in); err != nil {
			t.Errorf("%s %g: %v", c.what, c.in, err)
		}
		if err := c.set(c.out); err == nil {
			t.Errorf("%s %g: no error", c.what, c.out)
		}
	}
}

// TestCallErrors: errors name what is wrong, and nothing has been written.
func TestCallErrors(t *testing.T) {
	const n = 100
	x, y := make([]float32, n), make([]uint8, n)
	backing := make([]float32, 3*n)
	for i := range backing {
		backing[i] = 42
	}
	bad := slices.Clone(y)
	bad[77], bad[88] = 2, 254
	two := slices.Clone(y)
	two[3], two[4] = Positive, Positive
	l := must(t, 0.25, 2)
	head := func(c Channel) *Head {
		h, err := l.Head(c)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	shape := head(Channel{Runs: 1, Len: n, Stride: 1, Size: n})
	every := head(Channel{Runs: 1, Len: n, Stride: 2})
	far := head(Channel{Offset: 1, Runs: 1, Len: n, Stride: 1})
	out := backing[n : 2*n]
	for want, call := range map[string]func() error{
		"100 logits for 99 labels":       func() error { _, err := l.Sum(x, y[1:]); return err },
		"grad has 99 elements":           func() error { _, err := l.SumGrad(out[1:], x, y, 1); return err },
		"loss has 101 elements":          func() error { return l.Each(backing[:n+1], x, y) },
		"label 2 at index 77":            func() error { _, err := l.SumGrad(out, x, bad, 1); return err },
		"2 at index 77 is neither":       func() error { return l.Each(out, x, bad) },
		"label 2 at index 77 is":         func() error { _, err := Count(bad); return err },
		"scale NaN is neither 0 nor":     func() error { _, err := l.SumGrad(out, x, y, nan); return err },
		"scale 1e-30":                    func() error { _, err := l.SumGrad(out, x, y, 1e-30); return err },
		"scale +Inf":                     func() error { _, err := l.SumGrad(out, x, y, float32(math.Inf(1))); return err },
		"1e-45 over 100 cells is 0":      func() error { _, err := l.MeanGrad(out, x, y, 1e-45); return err },
		"over 2 positives is":            func() error { _, err := l.PerPositiveGrad(out, x, two, 0x1p-60); return err },
		"scale 8.67":                     func() error { _, err := l.MeanGrad(out, x, y, 0x1p-60); return err },
		"grad overlaps logits":           func() error { _, err := l.SumGrad(out, backing[n+1:2*n+1], y, 1); return err },
		"loss overlaps logits":           func() error { return l.Each(out, backing[1:n+1], y) },
		"nil or zero Loss":               func() error { _, err := (*Loss)(nil).Sum(x, y); return err },
		"zero Loss":                      func() error { _, err := new(Loss).SumGrad(out, x, y, 1); return err },
		"nil or zero Head":               func() error { _, err := (*Head)(nil).Sum(x, y); return err },
		"zero Head":                      func() error { return new(Head).Each(out, x, y) },
		"Loss: use New":                  func() error { _, err := new(Loss).Head(Channel{}); return err },
		"99 labels for 100 cells":        func() error { _, err := shape.Sum(x, y[1:]); return err },
		"101 labels for 100 cells":       func() error { _, err := shape.Sum(x, make([]uint8, n+1)); return err },
		"logits has 99 elements":         func() error { _, err := shape.Sum(x[1:], y); return err },
		"logits has 101 elements":        func() error { _, err := shape.Sum(make([]float32, n+1), y); return err },
		"logits has 1 elements":          func() error { _, err := head(Channel{Size: 5}).Sum(x[:1], nil); return err },
		"loss has 99 elements":           func() error { return shape.Each(out[1:], x, y) },
		"loss has 200 elements":          func() error { return every.Each(backing[:2*n], make([]float32, 2*n), y) },
		"reaches element 100 of logits":  func() error { _, err := far.Sum(x, y); return err },
		"grad has 101 elements for 100 ": func() error { _, err := shape.SumGrad(backing[:n+1], x, y, 1); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for shift := -n + 1; shift < n; shift++ {
		if _, err := l.SumGrad(out, backing[n+shift:2*n+shift], y, 1); shift != 0 && err == nil {
			t.Errorf("no error for an overlap of %d", shift)
			break
		}
		if shift == 0 {
			for i := range out {
				out[i] = 42
			}
		}
	}
	if slices.ContainsFunc(backing, func(v float32) bool { return v != 42 }) {
		t.Error("an erring call wrote to its output")
	}
	if k := (*Loss)(nil).Kernel() + new(Loss).Kernel() + (*Head)(nil).Kernel() + new(Head).Kernel(); k != "" {
		t.Errorf("kernel of nothing is %q", k)
	}
}

// TestNeighbours: slices may lie side by side.
func TestNeighbours(t *testing.T) {
	const n = 100
	l := must(t, 0.25, 2)
	all, y := make([]float32, 3*n), make([]uint8, n)
	for _, out := range [][]float32{all[:n], all[2*n:]} {
		if _, err := l.SumGrad(out, all[n:2*n], y, 1); err != nil {
			t.Error(err)
		}
		if err := l.Each(out, all[n:2*n], y); err != nil {
			t.Error(err)
		}
	}
}

// TestScaleZero: gradients are 0, in place and over others, and the sum is that of Sum.
func TestScaleZero(t *testing.T) {
	x, y := mixed(rand.New(rand.NewPCG(27, 28)), 700)
	for _, k := range Kernels() {
		l := must(t, 0.25, 2, WithKernel(k))
		want, _ := l.Sum(x, y)
		inPlace, apart := slices.Clone(x), slices.Clone(x)
		for _, c := range [][2][]float32{{inPlace, inPlace}, {apart, x}} {
			got, err := l.SumGrad(c[0], c[1], y, 0)
			if err != nil || !sameStats(got, want) || sameBits(c[0], make([]float32, len(x))) >= 0 {
				t.Errorf("kernel %s: %v %v, want %v", k, got, err, want)
			}
		}
	}
}

// TestNorms: the scale is divided in float64, which shows where a count is no float32.
func TestNorms(t *testing.T) {
	for n := int64(1); n < 1<<50; n = n*3/2 + 1 {
		for scale := float32(1); scale < 2; scale *= 1.01 {
			s := Stats{Positives: n, Negatives: n / 3}
			for norm, by := range map[norm]int64{perCell: s.Count(), perPositive: s.Positives} {
				j := job{norm: norm, scale: scale}
				if err := j.normalize(s); err != nil {
					t.Fatal(err)
				}
				if want := float32(float64(scale) / float64(by)); j.scale != want {
					t.Fatalf("scale %v by %d: %v, want %v", scale, by, j.scale, want)
				}
			}
		}
	}
}

// TestMinusZero: a class weight of -0 is 0.
func TestMinusZero(t *testing.T) {
	zero := float32(math.Copysign(0, -1))
	x, y := mixed(rand.New(rand.NewPCG(25, 26)), 300)
	for _, k := range Kernels() {
		for _, gamma := range testGammas {
			for _, l := range [][2]*Loss{
				{must(t, zero, gamma, WithKernel(k)), must(t, 0, gamma, WithKernel(k))},
				{must(t, -1, gamma, WithClassWeights(3, zero), WithKernel(k)), must(t, -1, gamma, WithClassWeights(3, 0), WithKernel(k))},
			} {
				compare(t, fmt.Sprintf("kernel %s gamma %v", k, gamma), compute(t, l[0], x, y, 1), compute(t, l[1], x, y, 1), x, y)
			}
		}
	}
}

// TestNormalisers: MeanGrad and PerPositiveGrad are SumGrad with another scale.
func TestNormalisers(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, n := range []int{0, 1, 5, 200, blockCells + 3} {
		x, y := mixed(rng, n)
		for i := range y {
			if n == 5 {
				y[i] = Ignore
			}
		}
		l := must(t, 0.25, 2, WithWorkers(0))
		sum, _ := l.Sum(x, y)
		for _, scale := range []float32{1, -7, 0, 1e-3} {
			for _, m := range []struct {
				norm int64
				grad func(grad, logits []float32, labels []uint8, scale float32) (Stats, error)
			}{{sum.Count(), l.MeanGrad}, {sum.Positives, l.PerPositiveGrad}} {
				got, want := make([]float32, n), make([]float32, n)
				s, err := m.grad(got, x, y, scale)
				if err != nil || !sameStats(s, sum) {
					t.Fatalf("n %d scale %v: %v %v, want %v", n, scale, s, err, sum)
				}
				if _, err := l.SumGrad(want, x, y, float32(float64(scale)/float64(max(1, m.norm)))); err != nil {
					t.Fatal(err)
				}
				if i := sameBits(got, want); i >= 0 {
					t.Fatalf("n %d scale %v divisor %d: gradient %d is %v, want %v", n, scale, m.norm, i, got[i], want[i])
				}
			}
		}
	}
}

func TestStats(t *testing.T) {
	s := Stats{Sum: 6, Positives: 2, Negatives: 1, Ignored: 9}
	if s.Count() != 3 || s.Mean() != 2 || s.PerPositive() != 3 {
		t.Errorf("%v: %v %v %v", s, s.Count(), s.Mean(), s.PerPositive())
	}
	if z := (Stats{Ignored: 1}); z.Mean() != 0 || z.PerPositive() != 0 {
		t.Errorf("%v: %v %v", z, z.Mean(), z.PerPositive())
	}
	for _, one := range []Stats{{Sum: 6, Positives: 1}, {Sum: 6, Negatives: 1}} {
		if one.PerPositive() != 6 {
			t.Errorf("%v: %v per positive", one, one.PerPositive())
		}
	}
	if got, want := s.Add(Stats{1, 2, 3, 4}), (Stats{7, 4, 4, 13}); got != want {
		t.Errorf("Add: %v, want %v", got, want)
	}
	labels := make([]uint8, 3*labelCells+100)
	for i := range labels {
		labels[i] = [...]uint8{0, 1, 255, 0, 0}[i%5]
	}
	for i := range 400 {
		n := i + 1
		if i >= 200 {
			n += len(labels) - 400
		}
		for _, k := range Kernels() {
			got, err := countLabels(isas[k], labels[:n])
			want := Stats{Positives: int64(n+3) / 5, Ignored: int64(n+2) / 5}
			want.Negatives = int64(n) - want.Positives - want.Ignored
			if err != nil || got != want {
				t.Fatalf("kernel %s: Count of %d is %v %v, want %v", k, n, got, err, want)
			}
		}
	}
	// One kind alone, so that a byte of a SIMD count would overflow first.
	for _, label := range []uint8{Negative, Positive, Ignore} {
		alike := make([]uint8, labelCells)
		for i := range alike {
			alike[i] = label
		}
		for _, n := range []int{labelCells, labelCells - 1} {
			for _, k := range Kernels() {
				s, err := countLabels(isas[k], alike[:n])
				if got := [3]int64{s.Negatives, s.Positives, s.Ignored}[min(label, 2)]; err != nil || got != int64(n) {
					t.Errorf("kernel %s: %d labels %d are %v %v", k, n, label, s, err)
				}
			}
		}
	}
	for _, c := range []struct{ n, step int }{{len(labels), labelCells - 1}, {130, 1}, {95, 1}, {40, 1}, {9, 1}} {
		for at := 0; at < c.n; at += c.step {
			for _, v := range []uint8{2, 128, 254} {
				was := labels[at]
				labels[at] = v
				want := fmt.Sprintf("label %d at index %d ", v, at)
				for _, k := range Kernels() {
					if _, err := countLabels(isas[k], labels[:c.n]); err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("kernel %s: %s of %d gives the error %v", k, want, c.n, err)
					}
				}
				labels[at] = was
			}
		}
	}
}

// TestSharedCount: what several workers count is what one does, and if they meet a label of no kind, they write nothing.
func TestSharedCount(t *testing.T) {
	const n = 3*labelCells + 100
	labels, logits, out := make([]uint8, n), make([]float32, n), make([]float32, n)
	for i := range labels {
		labels[i] = [...]uint8{0, 1, 255, 0, 0}[i%5]
	}
	for _, k := range Kernels() {
		l := must(t, 0.25, 2, WithKernel(k), WithWorkers(3))
		got, err := l.MeanGrad(out, logits, labels, 1)
		want, _ := countLabels(isas[k], labels)
		if want.Sum = got.Sum; err != nil || got != want {
			t.Errorf("kernel %s: %+v %v, want %+v", k, got, err, want)
		}
		if want := -0.25 * 0.25 * (0.5 + math.Ln2) / float64(want.Count()); !(math.Abs(float64(out[1])/want-1) <= 1e-6) {
			t.Errorf("kernel %s: gradient %v, want %v", k, out[1], want)
		}
		clear(out)
		for at := 0; at < n; at += labelCells - 1 {
			was := labels[at]
			labels[at] = 2
			want := fmt.Sprintf("label %d at index %d ", labels[at], at)
			if s, err := l.SumGrad(out, logits, labels, 1); err == nil || !strings.Contains(err.Error(), want) || s != (Stats{}) {
				t.Errorf("kernel %s: %s gives %v and the error %v", k, want, s, err)
			}
			labels[at] = was
		}
		for i, g := range out {
			if g != 0 {
				t.Fatalf("kernel %s: gradient %d written in spite of a wrong label", k, i)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	rng := rand.New(rand.NewPCG(31, 32))
	far := Channel{Runs: 3, Step: farLen / 2, Len: longRun + 1, Stride: 1, Size: farLen + longRun + 1}
	tensor, labels := make([]float32, far.Size), make([]uint8, far.Cells())
	for _, k := range Kernels() {
		h, err := must(t, 0.25, 2, WithKernel(k)).Head(far)
		if err != nil {
			t.Fatal(err)
		}
		if a := testing.AllocsPerRun(20, func() { h.SumGrad(tensor, tensor, labels, 1) }); a != 0 {
			t.Errorf("kernel %s channel %+v: %v allocations", k, far, a)
		}
		for _, n := range []int{16, 169, 5000, labelCells + 1} {
			l := must(t, 0.25, 2, WithKernel(k))
			x, y := mixed(rng, n)
			grad := make([]float32, n)
			if a := testing.AllocsPerRun(20, func() {
				Count(y)
				l.Sum(x, y)
				l.MeanGrad(grad, x, y, 1)
				l.Each(grad, x, y)
			}); a != 0 {
				t.Errorf("kernel %s n %d: %v allocations", k, n, a)
			}
			for _, c := range []Channel{
				{Runs: 1, Len: n / 2, Stride: 2},
				{Runs: n / 16, Step: 16, Len: 9, Stride: 1},
				{Runs: n / (longRun + 50), Step: longRun + 50, Len: longRun + 1, Stride: 1},
			} {
				h, err := l.Head(c)
				if err != nil {
					t.Fatal(err)
				}
				m := c.Cells()
				if a := testing.AllocsPerRun(20, func() {
					h.PerPositiveGrad(grad, x, y[:m], 1)
					h.Each(grad[:m], x, y[:m])
				}); a != 0 {
					t.Errorf("kernel %s channel %+v: %v allocations", k, c, a)
				}
			}
		}
	}
}

// TestSumExact holds the sum against an exact sum of the losses.
func TestSumExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for _, spread := range []float64{1, 20} {
		x, y := make([]float32, 100_003), make([]uint8, 100_003)
		for i := range x {
			x[i] = float32(rng.NormFloat64() * spread)
			y[i] = uint8(rng.IntN(2))
		}
		r := compute(t, must(t, 0.25, 2), x, y, 1)
		exact := new(big.Float).SetPrec(300)
		for _, v := range r.each {
			exact.Add(exact, big.NewFloat(float64(v)))
		}
		want, _ := exact.Float64()
		if rel := math.Abs(r.sum.Sum/want - 1); !(rel <= 1.8e-7) {
			t.Errorf("spread %v: sum %v, want %v: relative error %v", spread, r.sum.Sum, want, rel)
		}
	}
}

// TestSlope holds the gradient against differences of the loss, in float64 and
// independent of the formula for the gradient.
func TestSlope(t *testing.T) {
	for _, gamma := range testGammas {
		r := reference{pos: 0.25, neg: 0.75, gamma: float64(gamma)}
		l := must(t, 0.25, gamma)
		for x := float32(-12); x <= 12; x += 0.375 {
			for _, label := range []uint8{Negative, Positive} {
				const h = 0x1p-10
				slope := (r.cell(x+h, label).loss - r.cell(x-h, label).loss) / (2 * h)
				f := testFrame(l)
				_, grad := genericCell(&f, x, label)
				if math.Abs(slope) > 1e-30 && !(math.Abs(float64(grad)/slope-1) < 5e-3) {
					t.Errorf("gamma %v logit %v label %d: gradient %v, differences give %v", gamma, x, label, grad, slope)
				}
			}
		}
	}
}
