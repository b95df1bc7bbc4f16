package focal

import (
	"fmt"
	"math"
	"testing"
)

// TestGreatLosses: wherever the sum of a step, a group or a block comes near
// overflow in the scale of a kernel, it has the oracle's bits.
func TestGreatLosses(t *testing.T) {
	const n = 2 * groupCells
	x, y := make([]float32, n), make([]uint8, n)
	for _, k := range Kernels()[:len(Kernels())-1] {
		for _, gamma := range testGammas {
			for _, weight := range []float32{0.75, 0x1p24, 0x1p-24} {
				l := must(t, -1, gamma, WithClassWeights(1, weight), WithKernel(k))
				oracle := must(t, -1, gamma, WithClassWeights(1, weight), WithKernel(kernelGeneric))
				for exponent := range 128 {
					for _, m := range []float64{1, 1.3, 1.7} {
						for i := range x {
							x[i] = float32(math.Ldexp(m, exponent))
						}
						what := fmt.Sprintf("kernel %s gamma %v weight %v logits %g", k, gamma, weight, x[0])
						compare(t, what, compute(t, l, x, y, 1), compute(t, oracle, x, y, 1), x, y)
					}
				}
			}
		}
	}
}

// TestBlockOrder: the sums of blocks are added in the order of the blocks, where any
// other order gives another sum.
func TestBlockOrder(t *testing.T) {
	const blocks = 4
	x, y := make([]float32, blocks*blockCells), make([]uint8, blocks*blockCells)
	for i := range y {
		y[i] = Ignore
	}
	for b, loss := range [blocks]float32{0x1p77, 0x1p24, 0x1p24, 0x1p24} {
		// So great a logit is its own loss as a negative.
		x[b*blockCells], y[b*blockCells] = loss, Negative
	}
	for _, k := range Kernels() {
		for workers := range 6 {
			s, err := must(t, -1, 2, WithKernel(k), WithWorkers(workers)).Sum(x, y)
			if err != nil || s.Sum != 0x1p77 {
				t.Errorf("kernel %s, %d workers: sum %x %v, want 2^77: 2^24 is less than half of its last place", k, workers, s.Sum, err)
			}
		}
	}
}
