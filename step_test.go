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
