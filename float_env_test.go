//go:build (amd64 || arm64) && !purego

package focal

import (
	"fmt"
	"math"
	"testing"

	"github.com/seed1982febc/focal/internal/fpenv"
)

// TestDigestsFlushed: the bits of the assembly kernels do not depend on what the
// floating-point unit does with subnormal numbers.
func TestDigestsFlushed(t *testing.T) {
	asm := Kernels()
	testDigests(t, asm[:len(asm)-1], fpenv.Flush)
}

// TestMeetsNoSubnormals: on the way to their results, too, the kernels meet no subnormal numbers, wherever the
// call ends and whatever the stack holds.
func TestMeetsNoSubnormals(t *testing.T) {
	weights := [][2]float32{{0.25, 0.75}, {1, 0x1p-24}, {0x1p-24, 8}, {8, 0x1p-4}, {0x1p-24, 0x1p24}}
	var x []float32
	for v := float32(-130); v < 130; v += 0.37 {
		x = append(x, v)
	}
	for v := float32(0x1p-60); v < 0x1p20; v *= 1.7 {
		x = append(x, v, -v)
	}
	y := make([]uint8, len(x))
	for i := range y {
		y[i] = [...]uint8{Negative, Positive, Ignore, Positive, Negative}[i%5]
	}
	out := make([]float32, len(x))
	for _, k := range Kernels() {
		for _, gamma := range append([]float32{24}, testGammas...) {
			for _, clip := range testClips {
				for _, w := range weights {
					l := must(t, -1, gamma, WithKernel(k), WithClip(clip), WithClassWeights(w[0], w[1]))
					// See contract.go.
					wide := l.params.form.wide() && (max(w[0], w[1]) > 8 || gamma > 24 && max(w[0]/w[1], w[1]/w[0]) > 0x1p7)
					if wide || clip > 0 && clip < 0x1p-24 {
						continue
					}
					for at, n := range map[int]int{0: 1, 5: 16, 40: halfGroup, 80: halfGroup + 1, 200: groupCells, 300: 2*groupCells + 41, 3: len(x) - 3} {
						x, y, out := x[at:at+n], y[at:at+n], out[:n]
						for name, call := range map[string]func(){
							"Sum":            func() { l.Sum(x, y) },
							"Each":           func() { l.Each(out, x, y) },
							"SumGrad":        func() { l.SumGrad(out, x, y, -1) },
							"SumGrad scaled": func() { l.SumGrad(out, x, y, 0x1p-60) },
						} {
							fillStack(math.Float32frombits(1))
							if fpenv.Met(call) {
								t.Fatalf("%s, kernel %s gamma %v clip %v weights %v: one of %d logits from %v on led to a subnormal number", name, k, gamma, clip, w, n, x[0])
							}
						}
					}
				}
			}
		}
	}
}

// fillStack leaves v all over the part of the stack that the next call will use.
//
//go:noinline
func fillStack(v float32) string {
	var stack [4096]float32
	for i := range stack {
		stack[i] = v
	}
	return fmt.Sprint(stack[int(v)])
}
