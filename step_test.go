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
	weights := WithClassWeights(0x1p24, 0x1p-24)
	oracle := must(t, -1, 2, weights, WithKernel(kernelGeneric))
	input := func(n int) ([]float32, []uint8) {
		x, y := make([]float32, n), make([]uint8, n)
		for i := range x {
			x[i] = float32(math.Ldexp(rng.Float64()-0.5, rng.IntN(20)))
			y[i] = uint8(rng.IntN(2))
		}
		return x, y
	}
	for _, k := range Kernels() {
		l := must(t, -1, 2, weights, WithKernel(k))
		check := func(x []float32, y []uint8) {
			t.Helper()
			compare(t, "kernel "+string(k), compute(t, l, x, y, 1), compute(t, oracle, x, y, 1), x, y)
		}
		for n := range 2 * groupCells {
			x, y := input(5*groupCells + n)
			x[rng.IntN(5*groupCells)] = 0x1p21 // for the oracle, which leaves T of its group
			check(x, y)
			whole := len(x) / groupCells * groupCells
			check(x[whole:], y[whole:])
		}
		for n := range halfGroup {
			check(input(blockCells + n)) // after a block whose last T the kernel has left
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
