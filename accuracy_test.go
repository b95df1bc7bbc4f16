package focal

import (
	"fmt"
	"math"
	"testing"
)

// proved is the greatest error in ULP of loss and gradient without clip that focal verify found over all
// logits: see README.md.
var proved = map[float32][2]float64{0: {2.50, 3.29}, 1: {5.16, 6.89}, 2: {5.42, 7.08}}

// accuracy is a table of the greatest error in ULP that a form may show.
var accuracy = []struct {
	gamma      float32
	loss, grad float64
}{
	{0, 2.5, 3.5}, {0.5, 16, 16}, {1, 5.5, 7.5}, {1.5, 16, 16}, {2, 6, 8}, {2.3, 16, 16}, {3, 16, 16}, {3.7, 16, 16}, {4, 16, 16},
	{0.001, 16, 16}, {0.1, 16, 16}, {7, 16 + 21, 16 + 21}, {20, 76, 76}, {64, 16 + 192, 16 + 192},
}

// TestLog holds the logarithms of the bounds of clip against those of package math.
func TestLog(t *testing.T) {
	near := func(got, want float64) bool { return got == want || math.Abs(got/want-1) < 2e-15 }
	for x := 1e-40; x < 0.5; x *= 1.7 {
		y := -(1 - x)
		if !near(log(x), math.Log(x)) || !near(log1p(-x), math.Log1p(-x)) || !near(log1p(y), math.Log1p(y)) {
			t.Errorf("%v: log %v, log1p of -x %v, of x-1 %v", x, log(x), log1p(-x), log1p(y))
		}
	}
}

// TestAccuracyOfWeights: where the error with other weights is greatest, as far as is known, it is within 1 ULP of that
// with alpha 0.25.
func TestAccuracyOfWeights(t *testing.T) {
	for _, c := range []struct{ gamma, alpha, x float32 }{
		{0, 0.910291433, 0.329463392}, {1, 0.918768704, 5.84784079}, {1, 0.240198731, 7.26638937},
		{2, 0.698539853, 5.88834381}, {2, 0.378418475, 7.22069883},
	} {
		l := must(t, c.alpha, c.gamma)
		r := reference{pos: float64(c.alpha), neg: float64(1 - c.alpha), gamma: float64(c.gamma)}
		f := testFrame(l)
		for _, label := range []uint8{Negative, Positive} {
			loss, grad := genericCell(&f, c.x, label)
			want, bound := r.cell(c.x, label), proved[c.gamma]
			if a, b := ulps(loss, want.loss), ulps(grad, want.grad); !(a <= bound[0]+1) || !(b <= bound[1]+1) {
				t.Errorf("%+v label %d: loss %.2f ULP, gradient %.2f", c, label, a, b)
			}
		}
	}
}

func TestAccuracy(t *testing.T) {
	step := uint32(100003)
	if testing.Short() {
		step = 1000003
	}
	// Those of alpha 0.25, times powers of 2, have its bound; others, of the gammas that are proved, 1 more.
	weights := [][2]float32{{0.25, 0.75}, {1, 1}, {0x1p24, 3}, {0x1p-24, 0x1p-20}, {0.35, 0.65}, {0.87, 0.13}}
	const proven = 4
	for _, a := range accuracy {
		for _, clip := range []float32{0, 1e-7, 0.1, 1e-20, 1e-45} {
			for i, w := range weights {
				bound := [2]float64{a.loss, a.grad}
				if p, ok := proved[a.gamma]; ok {
					if clip == 0 {
						bound = p
					}
					if i >= proven {
						bound[0]++
						bound[1]++
					}
				}
				l, err := New(-1, a.gamma, WithClassWeights(w[0], w[1]), WithClip(clip), WithKernel(kernelGeneric))
				if err != nil {
					t.Fatal(err)
				}
				r := reference{pos: float64(w[0]), neg: float64(w[1]), gamma: float64(a.gamma), clip: clip}
				f := testFrame(l)
				var worst [2]float64
				var at [2]float32
				for i := uint64(0); i < 1<<32; i += uint64(step) {
					x := math.Float32frombits(uint32(i))
					for _, label := range []uint8{Negative, Positive} {
						loss, grad := genericCell(&f, x, label)
						want := r.cell(x, label)
						if want.near {
							continue
						}
						if x != x {
							if loss == loss || grad == grad {
								t.Fatalf("NaN logit gives %v, %v", loss, grad)
							}
							continue
						}
						if u := ulps(loss, want.loss); !(u <= worst[0]) {
							worst[0], at[0] = u, x
						}
						if u := ulps(grad, want.grad); !(u <= worst[1]) {
							worst[1], at[1] = u, x
						}
					}
				}
				name := fmt.Sprintf("gamma %v clip %v weights %v", a.gamma, clip, w)
				t.Logf("%s: loss %.2f at %v, gradient %.2f at %v", name, worst[0], at[0], worst[1], at[1])
				if !(worst[0] <= bound[0]) || !(worst[1] <= bound[1]) {
					t.Errorf("%s: loss %.2f ULP at %v, gradient %.2f at %v; want %v and %v", name, worst[0], at[0], worst[1], at[1], bound[0], bound[1])
				}
			}
		}
	}
}
