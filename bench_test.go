package focal

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// dense makes logits and labels like those of an untrained detector: 1 % of the
// cells positive, 3 % ignored.
func dense(n int) ([]float32, []uint8) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	x, y := make([]float32, n), make([]uint8, n)
	for i := range x {
		x[i] = float32(-4 + 2.5*rng.NormFloat64())
		switch u := rng.Float64(); {
		case u < 0.01:
			y[i] = Positive
		case u < 0.04:
			y[i] = Ignore
		}
	}
	return x, y
}

func BenchmarkLoss(b *testing.B) {
	for _, k := range Kernels() {
		for _, gamma := range []float32{0, 1, 2, 2.3} {
			for _, clip := range []float32{0, 1e-7} {
				for _, n := range []int{16, 169, 10647, 681408} {
					l, err := New(0.25, gamma, WithClip(clip), WithKernel(k))
					if err != nil {
						b.Fatal(err)
					}
					x, y := dense(n)
					grad := make([]float32, n)
					run := func(op string, f func()) {
						b.Run(fmt.Sprintf("op=%s/kernel=%s/gamma=%v/clip=%v/n=%d", op, k, gamma, clip > 0, n), func(b *testing.B) {
							b.SetBytes(int64(4 * n))
							for b.Loop() {
								f()
							}
							b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/cell")
						})
					}
					run("Sum", func() { l.Sum(x, y) })
					run("SumGrad", func() { l.SumGrad(grad, x, y, 1) })
					run("Each", func() { l.Each(grad, x, y) })
				}
			}
		}
	}
}
