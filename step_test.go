package focal

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestHalfStep: the few cells at the end of a block reach the sum in the lanes of their group, and
// nothing else does. The losses differ so much in magnitude that float64 sums
// show the order.
func TestHalfStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(111, 112))
	for _, k := range Kernels() {
		for n := range 2 * groupCells {
			n += 5 * groupCells
			x, y := make([]float32, n), make([]uint8, n)
			for i := range x {
				x[i] = float32(math.Ldexp(rng.Float64()-0.5, rng.IntN(20)))
				y[i] = uint8(rng.IntN(2))
			}
			x[rng.IntN(5*groupCells)] = 0x1p21 // for the oracle, which leaves T of its group
			weights := WithClassWeights(0x1p24, 0x1p-24)
			want := compute(t, must(t, -1, 2, weights, WithKernel(kernelGeneric)), x, y, 1)
			compare(t, "kernel "+string(k), compute(t, must(t, -1, 2, weights, WithKernel(k)), x, y, 1), want, x, y)
			tail, labels := x[n/groupCells*groupCells:], y[n/groupCells*groupCells:]
			want = compute(t, must(t, -1, 2, weights, WithKernel(kernelGeneric)), tail, labels, 1)
			compare(t, "kernel "+string(k), compute(t, must(t, -1, 2, weights, WithKernel(k)), tail, labels, 1), want, tail, labels)
		}
	}
}

// TestSpecialInPlace: a group that an assembly kernel has left to the oracle halfway has results where logits
// were, if the call is in place; the oracle must go on behind them.
func TestSpecialInPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(113, 114))
	for _, k := range Kernels() {
		l := must(t, 0.25, 2, WithKernel(k))
		for at := range 2 * groupCells {
			x, y := make([]float32, 2*groupCells+41), make([]uint8, 2*groupCells+41)
			for i := range x {
				x[i], y[i] = float32(rng.NormFloat64()), uint8(rng.IntN(2))
			}
			x[at] = 0x1p21
			want := compute(t, l, x, y, 1)
			s, err := l.SumGrad(x, x, y, 1)
			if i := sameBits(x, want.grad); err != nil || !sameStats(s, want.sum) || i >= 0 {
				t.Fatalf("kernel %s, special logit at %d: %v %v, want %v; first wrong gradient %d", k, at, s, err, want.sum, i)
			}
		}
	}
}
