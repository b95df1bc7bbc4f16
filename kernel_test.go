package focal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// FOCAL_TEST_REQUIRE names kernels that must be there, so that no run is green by
// skipping; FOCAL_TEST_FIRST the one that must be preferred.
func TestRequire(t *testing.T) {
	for _, k := range strings.Split(os.Getenv("FOCAL_TEST_REQUIRE"), ",") {
		if k != "" && !slices.Contains(Kernels(), Kernel(k)) {
			t.Errorf("kernel %q is required, but this CPU and build have %q", k, Kernels())
		}
	}
	if k := os.Getenv("FOCAL_TEST_FIRST"); k != "" && Kernels()[0] != Kernel(k) {
		t.Errorf("kernel %q is preferred, want %q", Kernels()[0], k)
	}
	if ks := Kernels(); ks[len(ks)-1] != kernelGeneric {
		t.Errorf("the last kernel of %q is not generic", ks)
	}
}

var (
	testGammas = []float32{0, 0.5, 1, 1.5, 2, 2.3, 3, 4, 7, 0x1p-10, 64}
	testClips  = []float32{0, 1e-7, 0.1, 1e-20}
)

// specials are logits at which something changes.
var specials = []float32{
	math.Float32frombits(0x7FC00000), math.Float32frombits(0x7F800001), math.Float32frombits(0xFFC001FF),
	math.Float32frombits(0x7FC000AB), math.Float32frombits(0xFF8000FF),
	float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, -0x1p-127,
	math.MaxFloat32, -math.MaxFloat32, 1e30, -1e30, 0x1p24, -0x1p24, 0x1p24 - 1,
	1, -1, 16.118096, -16.118096, 15.942385, 30, -30, 33, -34, 60, -60, 66.5, -66.5, 88.7, -88.7, 104, -104, 120, -120,
}

// mixed returns n logits of all sorts, mostly ordinary, and labels of all sorts.
func mixed(rng *rand.Rand, n int) ([]float32, []uint8) {
	x, y := make([]float32, n), make([]uint8, n)
	odd := rng.IntN(3) * 5 // in some inputs none but ordinary logits
	for i := range x {
		x[i] = float32(rng.NormFloat64() * 20)
		if rng.IntN(100) < odd {
			x[i] = specials[rng.IntN(len(specials))]
			if rng.IntN(2) == 0 {
				x[i] = math.Float32frombits(rng.Uint32())
			}
		}
		y[i] = [...]uint8{Negative, Negative, Negative, Positive, Ignore}[rng.IntN(5)]
	}
	return x, y
}

// testFrame returns a frame for gradients times 1.
func testFrame(l *Loss) frame {
	f := frame{p: &l.params}
	f.setScale(1)
	return f
}

// must returns a Loss or fails the test.
func must(t testing.TB, alpha, gamma float32, opts ...Option) *Loss {
	t.Helper()
	l, err := New(alpha, gamma, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// result is all that the API says about one input.
type result struct {
	sum, gradStats Stats
	grad, each     []float32
}

// api is what Loss and Head have in common.
type api interface {
	Sum(logits []float32, labels []uint8) (Stats, error)
	SumGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error)
	Each(loss, logits []float32, labels []uint8) error
}

func compute(t testing.TB, l api, x []float32, y []uint8, scale float32) result {
	t.Helper()
	r := result{grad: make([]float32, len(x)), each: make([]float32, len(y))}
	var errs [3]error
	r.sum, errs[0] = l.Sum(x, y)
	r.gradStats, errs[1] = l.SumGrad(r.grad, x, y, scale)
	errs[2] = l.Each(r.each, x, y)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// sameBits reports the first difference between two slices, -1 if there is none.
func sameBits(a, b []float32) int {
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

func sameStats(a, b Stats) bool {
	return math.Float64bits(a.Sum) == math.Float64bits(b.Sum) && a.Positives == b.Positives && a.Negatives == b.Negatives && a.Ignored == b.Ignored
}

// compare fails if two results are not the same bit for bit.
func compare(t testing.TB, what string, got, want result, x []float32, y []uint8) {
	t.Helper()
	if i := sameBits(got.each, want.each); i >= 0 {
		t.Fatalf("%s: loss %d is %x, want %x; logit %v label %d", what, i, got.each[i], want.each[i], x[i], y[i])
	}
	if i := sameBits(got.grad, want.grad); i >= 0 {
		t.Fatalf("%s: gradient %d is %x, want %x; logit %v", what, i, got.grad[i], want.grad[i], x[i])
	}
	if !sameStats(got.sum, want.sum) || !sameStats(got.gradStats, want.sum) {
		t.Fatalf("%s: Sum %v, SumGrad %v, want %v", what, got.sum, got.gradStats, want.sum)
	}
}

// TestKernelRuns: the kernel that is asked for is the one that runs, which results cannot show. They differ in
// how many T of a group they leave in the frame.
func TestKernelRuns(t *testing.T) {
	x, y := dense(groupCells)
	for _, k := range Kernels() {
		l := must(t, 0.25, 2, WithKernel(k))
		if (l.params.isa == isaGeneric) != (k == kernelGeneric) {
			t.Errorf("kernel %s is number %d", k, l.params.isa)
		}
		f := testFrame(l)
		f.cells(&job{mode: modeSum, logits: x, labels: y}, 0, 0, groupCells, nil)
		left := 0
		for _, v := range f.column {
			if v != 0 {
				left++
			}
		}
		if want := map[Kernel]int{kernelGeneric: 16, kernelAVX2: 8, kernelAVX512: 0, kernelNEON: 16}[k]; left != want {
			t.Errorf("kernel %s: %d T left in the frame, want %d", k, left, want)
		}
	}
}

// TestKernels holds every kernel against the oracle, for all lengths up to 300 and
// around the block, and all forms.
func TestKernels(t *testing.T) {
	lengths := []int{blockCells - 1, blockCells, blockCells + 1, blockCells + 63, blockCells + 65, 2*blockCells + 17}
	short := 300
	if testing.Short() {
		short, lengths = 140, lengths[:3]
	}
	for n := range short + 1 {
		lengths = append(lengths, n)
	}
	weights := [][2]float32{{0.25, 0.75}, {1, 1}, {0, 3}, {2, 0}, {0x1p24, 0x1p-24}, {1.0 / 3, 1e6}}
	scales := []float32{1, 0.5, -3, 0x1p-60, 0x1p60, 1e-6, 0}
	for _, k := range Kernels() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, gamma := range testGammas {
			for _, clip := range testClips {
				for _, n := range lengths {
					if testing.Short() && n > 70 && n%7 != 0 {
						continue
					}
					w := weights[rng.IntN(len(weights))]
					opts := []Option{WithClassWeights(w[0], w[1]), WithClip(clip)}
					x, y := mixed(rng, n)
					scale := scales[rng.IntN(len(scales))]
					got := compute(t, must(t, -1, gamma, append(opts, WithKernel(k), WithWorkers(1+rng.IntN(5)))...), x, y, scale)
					want := compute(t, must(t, -1, gamma, append(opts, WithKernel(kernelGeneric))...), x, y, scale)
					compare(t, fmt.Sprintf("kernel %s gamma %v clip %v weights %v scale %v n %d", k, gamma, clip, w, scale, n), got, want, x, y)
				}
			}
		}
	}
}

// genericCell returns the loss of one cell, and its gradient times scale.
func genericCell(f *frame, x float32, label uint8) (loss, grad float32) {
	c := cell{p: f.p}
	c.enter(f, x, label)
	c.leave(f, true)
	return c.loss, c.grad
}

// TestOracleByCell holds the oracle's groups, blocks and tails against its cells
// and a sum written from the contract.
func TestOracleByCell(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 63, 64, 65, 1000, blockCells + 100} {
		x, y := mixed(rng, n)
		l := must(t, 0.25, 2, WithKernel(kernelGeneric))
		r := compute(t, l, x, y, 1)
		f := testFrame(l)
		total := 0.0
		for b := 0; b < n; b += blockCells {
			var lanes [8]float64
			for g := b; g < min(n, b+blockCells); g += groupCells {
				var c [groupCells]float32
				for i := g; i < min(n, g+groupCells); i++ {
					loss, grad := genericCell(&f, x[i], y[i])
					if math.Float32bits(loss) != math.Float32bits(r.each[i]) || math.Float32bits(grad) != math.Float32bits(r.grad[i]) {
						t.Fatalf("cell %d of %d: %v %v, want %v %v", i, n, r.each[i], r.grad[i], loss, grad)
					}
					c[i-g] = loss
				}
				column := func(i int) float32 { return (c[i] + c[i+32]) + (c[i+16] + c[i+48]) }
				for i := range lanes {
					lanes[i] += float64(column(i) + column(i+8))
				}
			}
			total += ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
		}
		if math.IsNaN(total) != math.IsNaN(r.sum.Sum) || total == total && total != r.sum.Sum {
			t.Fatalf("n %d: sum %v, want %v", n, r.sum.Sum, total)
		}
	}
}

// TestAlignment moves the slices against each other by every number of elements.
func TestAlignment(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n = 200
	x, y := mixed(rng, n)
	for _, k := range Kernels() {
		for _, gamma := range []float32{0, 2, 2.3} {
			l := must(t, 0.25, gamma, WithKernel(k))
			want := compute(t, l, x, y, 1)
			for shift := range 33 {
				bx, by, bg := make([]float32, n+33), make([]uint8, n+65), make([]float32, n+33)
				ax, ay, ag := bx[shift:][:n], by[2*shift%65:][:n], bg[(shift*5)%33:][:n]
				copy(ax, x)
				copy(ay, y)
				s, err := l.SumGrad(ag, ax, ay, 1)
				if err != nil || !sameStats(s, want.sum) || sameBits(ag, want.grad) >= 0 {
					t.Fatalf("kernel %s gamma %v shift %d: %v %v, want %v", k, gamma, shift, s, err, want.sum)
				}
				for i, g := range bg {
					if at := (shift * 5) % 33; (i < at || i >= at+n) && g != 0 {
						t.Fatalf("kernel %s wrote element %d outside grad", k, i-at)
					}
				}
			}
		}
	}
}

// TestInPlace: grad or loss may be logits.
func TestInPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, k := range Kernels() {
		for _, gamma := range testGammas {
			for _, n := range []int{1, 50, 64, 100, 300, blockCells + 77} {
				l := must(t, 0.25, gamma, WithKernel(k), WithWorkers(2))
				x, y := mixed(rng, n)
				want := compute(t, l, x, y, 0.5)
				got := result{sum: want.sum, grad: slices.Clone(x), each: slices.Clone(x)}
				var err error
				if got.gradStats, err = l.SumGrad(got.grad, got.grad, y, 0.5); err != nil {
					t.Fatal(err)
				}
				if err := l.Each(got.each, got.each, y); err != nil {
					t.Fatal(err)
				}
				compare(t, fmt.Sprintf("kernel %s gamma %v n %d in place", k, gamma, n), got, want, x, y)
			}
		}
	}
}

// TestSpecialLogits puts each special logit at every position of body and tail; its
// result must not depend on the position, nor reach its neighbours.
func TestSpecialLogits(t *testing.T) {
	inf := float32(math.Inf(1))
	canonical := uint32(0x7FC00000)
	step := 1
	if testing.Short() {
		step = 7
	}
	for _, k := range Kernels() {
		for _, gamma := range testGammas {
			l := must(t, 0.25, gamma, WithKernel(k))
			for _, label := range []uint8{Negative, Positive, Ignore} {
				for _, x := range specials {
					weight, s := float32(0.75), float32(-1)
					if label == Positive {
						weight, s = 0.25, 1
					}
					var wantLoss, wantGrad float32
					known := true
					switch w := -s * x; {
					case label == Ignore:
					case x != x:
						wantLoss, wantGrad = math.Float32frombits(canonical), math.Float32frombits(canonical)
					case w == inf:
						wantLoss, wantGrad = inf, -s*weight
					case w >= 0x1p24:
						wantLoss, wantGrad = weight*w, -s*weight
					case w <= -0x1p24:
					default:
						known = false
					}
					for _, n := range []int{1, 64, 130} {
						logits, labels := make([]float32, n), make([]uint8, n)
						plain := compute(t, l, logits, labels, 1)
						var first result
						for at := 0; at < n; at += step {
							logits[at], labels[at] = x, label
							r := compute(t, l, logits, labels, 1)
							what := fmt.Sprintf("kernel %s gamma %v logit %x label %d at %d of %d", k, gamma, x, label, at, n)
							if first.each == nil {
								first = result{each: []float32{r.each[at]}, grad: []float32{r.grad[at]}}
							}
							if sameBits(r.each[at:at+1], first.each) >= 0 || sameBits(r.grad[at:at+1], first.grad) >= 0 {
								t.Fatalf("%s: %v %v depend on the position", what, r.each[at], r.grad[at])
							}
							if known && (math.Float32bits(r.each[at]) != math.Float32bits(wantLoss) || math.Float32bits(r.grad[at]) != math.Float32bits(wantGrad)) {
								t.Fatalf("%s: %x %x, want %x %x", what, r.each[at], r.grad[at], wantLoss, wantGrad)
							}
							if nan := label != Ignore && x != x; nan != (math.Float64bits(r.sum.Sum) == 0x7FF8000000000000) {
								t.Fatalf("%s: sum %x", what, r.sum.Sum)
							}
							r.each[at], r.grad[at] = plain.each[at], plain.grad[at]
							if sameBits(r.each, plain.each) >= 0 || sameBits(r.grad, plain.grad) >= 0 {
								t.Fatalf("%s: reaches a neighbour", what)
							}
							logits[at], labels[at] = 0, Negative
						}
					}
				}
			}
		}
	}
}

// TestNoWeight: a class without weight gives +0 for all logits but NaN.
func TestNoWeight(t *testing.T) {
	for _, k := range Kernels() {
		for _, gamma := range testGammas {
			for _, clip := range []float32{0, 1e-7, 1e-30} {
				l := must(t, 1, gamma, WithClip(clip), WithKernel(k))
				r := compute(t, l, specials, make([]uint8, len(specials)), -1)
				for i, x := range specials {
					want := uint32(0)
					if x != x {
						want = 0x7FC00000
					}
					if math.Float32bits(r.each[i]) != want || math.Float32bits(r.grad[i]) != want {
						t.Errorf("kernel %s gamma %v clip %v logit %v: %x %x", k, gamma, clip, x, r.each[i], r.grad[i])
					}
				}
			}
		}
	}
}

// TestNoSubnormals: no result is subnormal, whatever the scale, and losses do not
// depend on it.
func TestNoSubnormals(t *testing.T) {
	var x []float32
	for v := float32(-130); v < 130; v += 0.0173 {
		x = append(x, v)
	}
	y := make([]uint8, len(x))
	for i := range y {
		y[i] = uint8(i % 2)
	}
	subnormal := func(v float32) bool { return v != 0 && abs32(v) < 0x1p-126 }
	for _, k := range Kernels() {
		for _, gamma := range testGammas {
			for _, clip := range testClips {
				l := must(t, 0.25, gamma, WithKernel(k), WithClip(clip))
				first := compute(t, l, x, y, 1)
				for _, scale := range []float32{1, -1, 0x1p-60, 0x1p60, 1e-7, -12345, 0} {
					r := compute(t, l, x, y, scale)
					if sameBits(r.each, first.each) >= 0 || !sameStats(r.gradStats, first.sum) {
						t.Fatalf("kernel %s gamma %v scale %v: the losses differ", k, gamma, scale)
					}
					for i := range x {
						if subnormal(r.each[i]) || subnormal(r.grad[i]) || scale == 0 && math.Float32bits(r.grad[i]) != 0 {
							t.Fatalf("kernel %s gamma %v clip %v scale %v logit %v: %g %g", k, gamma, clip, scale, x[i], r.each[i], r.grad[i])
						}
						// The scale is multiplied last.
						if p := first.grad[i] * scale; first.grad[i] != 0 && abs32(p) >= 0x1p-126 && p != r.grad[i] {
							t.Fatalf("kernel %s gamma %v scale %v logit %v: gradient %g, want %g", k, gamma, scale, x[i], r.grad[i], p)
						}
					}
				}
			}
		}
	}
}

// TestTame: an assembly kernel itself does huge logits on the right side and whatever is in ignored cells, with the
// oracle's bits, and stops at the group of any other.
func TestTame(t *testing.T) {
	inf := float32(math.Inf(1))
	rng := rand.New(rand.NewPCG(27, 28))
	for _, k := range Kernels()[:len(Kernels())-1] {
		for _, gamma := range testGammas {
			for _, clip := range testClips {
				l := must(t, 0.25, gamma, WithClip(clip), WithKernel(k))
				for i := range 3 * 8 {
					m, n := mode(i%3), 1+rng.IntN(3*groupCells)
					if i < 6 {
						n = groupCells * (1 + i/3)
					}
					x, y := make([]float32, n), make([]uint8, n)
					for c := range x {
						x[c], y[c] = float32(rng.NormFloat64()*9), uint8(rng.IntN(2))
						switch rng.IntN(4) {
						case 0:
							x[c], y[c] = specials[rng.IntN(len(specials))], Ignore
						case 1:
							x[c] = [...]float32{huge, 1e30, inf}[rng.IntN(3)]
							if y[c] == Negative {
								x[c] = -x[c]
							}
						}
					}
					var f frame
					f.set(&l.params, m, 1)
					g := f
					got, want := slices.Repeat([]float32{42}, n), slices.Repeat([]float32{42}, n)
					var to *float32
					if m != modeSum {
						to = &got[0]
					}
					if done, _ := archCells(&f, to, &x[0], &y[0], n, nil); done != n {
						t.Fatalf("kernel %s gamma %v clip %v mode %d: %d of %d done", k, gamma, clip, m, done, n)
					}
					j := job{mode: m, out: want, logits: x, labels: y}
					generic := l.params
					generic.isa = isaGeneric
					g.p = &generic
					g.cells(&j, 0, 0, n, nil)
					if c := sameBits(got, want); c >= 0 {
						t.Fatalf("kernel %s gamma %v clip %v mode %d: cell %d (%v %d) is %v, want %v", k, gamma, clip, m, c, x[c], y[c], got[c], want[c])
					}
					if m != modeEach && f.lanes != g.lanes {
						t.Fatalf("kernel %s gamma %v clip %v mode %d: lanes %v, want %v", k, gamma, clip, m, f.lanes, g.lanes)
					}
					at := rng.IntN(n)
					x[at], y[at] = [...]float32{nan, math.Float32frombits(0xFFC00001), inf, huge}[rng.IntN(4)], Negative
					if rng.IntN(2) == 0 {
						x[at], y[at] = -x[at], Positive
					}
					if done, _ := archCells(&f, to, &x[0], &y[0], n, nil); done != at/groupCells*groupCells {
						t.Fatalf("kernel %s gamma %v clip %v mode %d: %v %d at %d of %d: %d done", k, gamma, clip, m, x[at], y[at], at, n, done)
					}
				}
			}
		}
	}
}
