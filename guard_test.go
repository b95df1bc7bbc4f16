//go:build linux

package focal

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns size bytes that end, or begin, at a page that faults.
func guarded(t *testing.T, size int, atEnd bool) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	body := (size + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, body+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(m) })
	for _, p := range [][]byte{m[:page], m[page+body:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if atEnd {
		return m[page+body-size : page+body]
	}
	return m[page : page+size]
}

func guardedFloats(t *testing.T, n int, atEnd bool) []float32 {
	b := guarded(t, 4*n, atEnd)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// TestGuardPages: a byte read or written outside a slice is a fault.
func TestGuardPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	longest := 300
	if testing.Short() {
		longest = 150
	}
	for _, atEnd := range []bool{true, false} {
		fx, fg, fy := guardedFloats(t, 5000, atEnd), guardedFloats(t, 5000, atEnd), guarded(t, 5000, atEnd)
		cut := func(f []float32, n int) []float32 {
			if atEnd {
				return f[len(f)-n:]
			}
			return f[:n]
		}
		for n := 1; n <= longest+1; n++ {
			size := n
			if n > longest {
				size = 5000
			}
			x, y := mixed(rng, size)
			if size%8 == 0 {
				// An assembly kernel stops in front of a special logit: here it must reach the end.
				for i := range x {
					x[i] = float32(rng.NormFloat64())
				}
			}
			gx, gg := cut(fx, size), cut(fg, size)
			gy := fy[:size]
			if atEnd {
				gy = fy[len(fy)-size:]
			}
			copy(gx, x)
			copy(gy, y)
			for _, k := range Kernels() {
				for _, gamma := range []float32{0, 2, 2.3} {
					l := must(t, 0.25, gamma, WithKernel(k))
					want := compute(t, l, x, y, 1)
					got := result{grad: gg, each: make([]float32, size)}
					var err [4]error
					got.sum, err[0] = l.Sum(gx, gy)
					got.gradStats, err[1] = l.SumGrad(gg, gx, gy, 1)
					compare(t, fmt.Sprintf("kernel %s gamma %v n %d", k, gamma, size), result{sum: got.sum, gradStats: got.gradStats, grad: gg, each: want.each}, want, x, y)
					err[2] = l.Each(gg, gx, gy)
					h, e := l.Head(Channel{Runs: 1, Len: (size + 2) / 3, Stride: 3, Offset: (size - 1) % 3})
					err[3] = e
					for _, e := range err {
						if e != nil {
							t.Fatal(e)
						}
					}
					if _, e := h.SumGrad(gg, gx, gy[:(size+2)/3], 1); e != nil {
						t.Fatal(e)
					}
				}
			}
		}
	}
}
