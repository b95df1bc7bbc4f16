package focal

import (
	"fmt"
	"math"
	"math/rand/v2"
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

// TestSumOrder computes sums of several blocks from the losses, in the order that contract.go gives.
func TestSumOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(131, 132))
	l := must(t, -1, 2)
	for _, n := range []int{64, 100, 500, 1000, 8192, 8193, 3*8192 + 100} {
		for range 10 {
			x, y, losses := make([]float32, n), make([]uint8, n), make([]float32, n)
			for i := range x {
				// So great a logit is its own loss as a negative, and with such a spread every order has its own sum.
				x[i] = float32(math.Ldexp(1+rng.Float64(), 10+rng.IntN(70)))
			}
			s, err := l.Sum(x, y)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Each(losses, x, y); err != nil {
				t.Fatal(err)
			}
			total := 0.0
			for b := 0; b < n; b += 8192 {
				var v [8]float64
				for g := b; g < min(n, b+8192); g += 64 {
					var c [64]float32
					copy(c[:], losses[g:min(n, g+64)])
					column := func(i int) float32 { return (c[i] + c[i+32]) + (c[i+16] + c[i+48]) }
					for i := range v {
						v[i] += float64(column(i) + column(i+8))
					}
				}
				total += ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
			}
			if s.Sum != total {
				t.Fatalf("n %d: sum %x, want %x", n, s.Sum, total)
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
