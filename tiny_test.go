package focal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"
)

// TestTiny holds every kernel against the oracle where a loss or a gradient becomes
// tiny. A sum shows whether losses were flushed only if nothing greater is added to them: so each
// input has logits from one side of the border, or is ignored there.
func TestTiny(t *testing.T) {
	weights := [][2]float32{{0.25, 0.75}, {0x1p24, 0x1p-24}, {1.0 / 3, 1e6}, {0, 3}}
	scales := []float32{1, -0.3, 0x1p-60, 1e-6, 0x1p60}
	if testing.Short() {
		weights, scales = weights[:2], scales[:3]
	}
	kernels := Kernels()[:len(Kernels())-1]
	for _, gamma := range testGammas {
		for _, clip := range testClips {
			for _, w := range weights {
				loss := func(k Kernel) *Loss {
					return must(t, -1, gamma, WithClassWeights(w[0], w[1]), WithClip(clip), WithKernel(k))
				}
				oracle := loss(kernelGeneric)
				losses := make([]*Loss, len(kernels))
				for i, k := range kernels {
					losses[i] = loss(k)
				}
				for _, scale := range scales {
					for _, in := range tinyInputs(oracle, scale) {
						want := compute(t, oracle, in.logits, in.labels, scale)
						for i, k := range kernels {
							what := fmt.Sprintf("kernel %s gamma %v clip %v weights %v scale %v", k, gamma, clip, w, scale)
							compare(t, what, compute(t, losses[i], in.logits, in.labels, scale), want, in.logits, in.labels)
						}
					}
				}
			}
		}
	}
}

type tinyInput struct {
	logits []float32
	labels []uint8
}

// tinyInputs returns inputs around each magnitude of a logit from which on a loss of l is
// +0, or a gradient times scale, for each label and side.
func tinyInputs(l *Loss, scale float32) (inputs []tinyInput) {
	f := testFrame(l)
	f.setScale(scale)
	for _, label := range []uint8{Negative, Positive} {
		for _, side := range []float32{1, -1} {
			for _, grad := range []bool{false, true} {
				zero := func(magnitude float32) bool {
					loss, slope := genericCell(&f, side*magnitude, label)
					if grad {
						return slope == 0
					}
					return loss == 0
				}
				const far = 1000
				if zero(0.5) || !zero(far) {
					continue
				}
				// Positive floats are in the order of their bits.
				border := math.Float32frombits(uint32(sort.Search(int(math.Float32bits(far)), func(i int) bool {
					return math.Float32frombits(uint32(i)) >= 0.5 && zero(math.Float32frombits(uint32(i)))
				})))
				for _, reach := range []float32{-0.1, -0x1p-19, 0x1p-19, 0.1} {
					inputs = append(inputs,
						tinyCells(side*border, reach, label, 0, 20, 0),
						tinyCells(side*border, reach, label, 0, groupCells, 0),
						tinyCells(side*border, reach, label, groupCells, groupCells, 2*groupCells))
					for at := 0; at < groupCells; at += groupCells/4 + 5 { // one cell, in each row
						inputs = append(inputs, tinyCells(side*border, reach, label, at, 1, 2*groupCells-1-at))
					}
				}
			}
		}
	}
	return inputs
}

// tinyCells returns n cells with logits between x and x*(1+reach), after and before ignored
// ones.
func tinyCells(x, reach float32, label uint8, before, n, after int) tinyInput {
	in := tinyInput{make([]float32, before+n+after), make([]uint8, before+n+after)}
	for i := range in.labels {
		in.labels[i] = Ignore
		if c := i - before; c >= 0 && c < n {
			in.logits[i] = x * (1 + reach*float32(c)/float32(n))
			in.labels[i] = label
		}
	}
	return in
}

// TestLeastGradient: what a gradient is compared with is the greatest number whose product with scale is below
// 2^-126.
func TestLeastGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(121, 122))
	for _, gamma := range testGammas {
		l := must(t, 0.25, gamma)
		for range 1000 {
			scale := float32(math.Ldexp(1+rng.Float64(), -1-rng.IntN(59)))
			f := testFrame(l)
			f.setScale(scale)
			power, s := float64(l.params.power), float64(scale)
			next := math.Nextafter32(f.tinyGrad, math.MaxFloat32)
			if least, tiny := float64(next)/power, float64(f.tinyGrad)/power; least*s < 0x1p-126 || tiny*s >= 0x1p-126 {
				t.Fatalf("gamma %v scale %x: tiny gradient %x, the next one %x", gamma, scale, tiny, least)
			}
		}
	}
}

// TestTinyAtZero: with a great gamma and a small weight and scale, all gradients are tiny, those of logits 0
// too.
func TestTinyAtZero(t *testing.T) {
	x, y := make([]float32, 200), make([]uint8, 200)
	for i := range y {
		y[i] = uint8(i % 2)
	}
	for _, k := range Kernels() {
		l := must(t, -1, 64, WithClassWeights(0x1p-24, 0x1p-24), WithKernel(k))
		for i, g := range compute(t, l, x, y, -0x1p-60).grad {
			if math.Float32bits(g) != 0 {
				t.Fatalf("kernel %s: gradient %d is %g, want +0", k, i, g)
			}
		}
	}
}
