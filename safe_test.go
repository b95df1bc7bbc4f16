package focal

import (
	"fmt"
	"testing"
)

// TestSafe: groups whose greatest logit is anywhere near where a kernel may leave out what only
// tiny or clamped results need.
func TestSafe(t *testing.T) {
	x, y := make([]float32, groupCells), make([]uint8, groupCells)
	for i := range y {
		y[i] = [...]uint8{Negative, Positive, Negative, Ignore}[i/2%4]
	}
	for _, gamma := range testGammas {
		for _, clip := range testClips {
			for _, w := range [][2]float32{{0.25, 0.75}, {0x1p24, 0}, {0x1p-24, 1}} {
				opts := []Option{WithClassWeights(w[0], w[1]), WithClip(clip)}
				oracle := must(t, -1, gamma, append(opts, WithKernel(kernelGeneric))...)
				for _, k := range Kernels() {
					l := must(t, -1, gamma, append(opts, WithKernel(k))...)
					for m := float32(0.05); m < 130; m += max(0.05, m/50) {
						for i := range x {
							x[i] = [...]float32{-m, m}[i%2]
						}
						for _, scale := range []float32{1, -0x1p-40} {
							want, got := compute(t, oracle, x, y, scale), compute(t, l, x, y, scale)
							compare(t, fmt.Sprintf("kernel %s gamma %v clip %v weights %v scale %v logits %v", k, gamma, clip, w, scale, m), got, want, x, y)
						}
					}
				}
			}
		}
	}
}
