package focal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// TestLater: a tensor that is fetched ahead gives what the oracle gives, which fetches nothing, with one worker and two.
func TestLater(t *testing.T) {
	defer func(n int) { leastBlocks = n }(leastBlocks)
	leastBlocks = 1
	x, y := dense(farLen + 77)
	want := compute(t, must(t, 0.25, 2, WithKernel(kernelGeneric)), x, y, 0.5)
	for _, k := range Kernels()[:len(Kernels())-1] {
		for workers := 1; workers <= 2; workers++ {
			l := must(t, 0.25, 2, WithKernel(k), WithWorkers(workers))
			compare(t, fmt.Sprintf("kernel %s, workers %d", k, workers), compute(t, l, x, y, 0.5), want, x, y)
		}
	}
}

// TestLaterGroups: an amd64 kernel goes on by a group in what it fetches with each that it does, from run to run, in every
// variant; that changes no result, and no address is read.
func TestLaterGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(131, 132))
	for _, k := range []Kernel{kernelAVX2, kernelAVX512} {
		if !slices.Contains(Kernels(), k) {
			continue
		}
		for _, gamma := range testGammas {
			for _, clip := range testClips {
				l := must(t, 0.25, gamma, WithClip(clip), WithKernel(k))
				for i := range 3 * 4 {
					m, n := mode(i%3), []int{20, groupCells, 5*groupCells + 1, 9 * groupCells}[i/3]
					x, y := dense(n)
					f, g := frame{}, frame{}
					f.set(&l.params, m, 1)
					g.set(&l.params, m, 1)
					got, want := make([]float32, n), make([]float32, n)
					var to, wantTo *float32
					if m != modeSum {
						to, wantTo = &got[0], &want[0]
					}
					length := 4 * (1 + rng.IntN(300))
					next := later{at: 8, end: 8 + uintptr(length), len: length, step: 1 << 20, out: -1 << 30}
					f.later = &later{}
					*f.later = next
					archCells(&f, to, &x[0], &y[0], n, nil)
					archCells(&g, wantTo, &x[0], &y[0], n, nil)
					if n > halfGroup { // few cells are no group
						for range (n + groupCells - 1) / groupCells {
							if next.at >= next.end {
								next.end += uintptr(next.step)
								next.at = next.end - uintptr(next.len)
							}
							next.at += 4 * groupCells
						}
					}
					if *f.later != next {
						t.Fatalf("kernel %s gamma %v clip %v mode %d: after %d cells %+v, want %+v", k, gamma, clip, m, n, *f.later, next)
					}
					if c := sameBits(got, want); c >= 0 || f.lanes != g.lanes {
						t.Fatalf("kernel %s gamma %v clip %v mode %d: %d cells differ from those without", k, gamma, clip, m, n)
					}
				}
			}
		}
	}
}

// TestLaterCells: what is fetched for a cell is its logit and what follows in its run, and where its gradient goes.
func TestLaterCells(t *testing.T) {
	logits, grad := make([]float32, 100), make([]float32, 100)
	address := func(s []float32, i int) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s))) + 4*uintptr(i) }
	for _, c := range []*Channel{nil, {Runs: 1, Len: 100, Stride: 1}, {Offset: 3, Runs: 4, Step: 20, Len: 9, Stride: 1}, {Runs: 5, Step: 20, Len: 5, Stride: 4}} {
		n := 100
		if c != nil {
			n = c.Cells()
		}
		for _, m := range []mode{modeSum, modeGrad} {
			j := job{mode: m, logits: logits, labels: make([]uint8, n), cells: c}
			if m == modeGrad {
				j.out = grad
			}
			for i := range n + 1 {
				l := later{at: 1, end: 2, len: 3, step: 4, out: 5}
				l.set(&j, i)
				var want later
				if i < n && (c == nil || c.Stride == 1) {
					last := n - 1
					if c != nil {
						last = i/c.Len*c.Len + c.Len - 1
						want.len, want.step = 4*c.Len, 4*c.Step
					}
					want.at, want.end = address(logits, j.index(i)), address(logits, j.index(last)+1)
					if m == modeGrad {
						want.out = int(address(grad, 0) - address(logits, 0))
					}
				}
				if l != want {
					t.Fatalf("channel %+v cell %d mode %d: %+v, want %+v", c, i, m, l, want)
				}
			}
		}
	}
}
