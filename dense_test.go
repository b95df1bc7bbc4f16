package focal

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestDense holds the kernels against the oracle on very many logits where the
// steps of a cell have most to do: there one operation that is rounded
// otherwise shows, if only in one result of ten thousand.
func TestDense(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	rng := rand.New(rand.NewPCG(101, 102))
	x, y := make([]float32, n), make([]uint8, n)
	for _, c := range []struct{ gamma, clip, reach float32 }{
		{0, 0, 87}, // exp of the logit
		{2, 0, 40},
		{2, 0, 1.5}, // log1p of an e near 1
		{2, 1e-7, 1.5},
		{1, 0, 1.5},
		{0, 0, 1.5},
		{64, 0, 2}, // exp of gamma*log q
		{3, 1e-7, 30},
	} {
		for i := range x {
			x[i] = (2*rng.Float32() - 1) * c.reach
			y[i] = uint8(rng.IntN(2))
		}
		oracle := must(t, 0.25, c.gamma, WithClip(c.clip), WithKernel(kernelGeneric), WithWorkers(0))
		want := compute(t, oracle, x, y, 1)
		for _, k := range Kernels()[:len(Kernels())-1] {
			l := must(t, 0.25, c.gamma, WithClip(c.clip), WithKernel(k), WithWorkers(0))
			compare(t, fmt.Sprintf("kernel %s gamma %v clip %v", k, c.gamma, c.clip), compute(t, l, x, y, 1), want, x, y)
		}
	}
}
