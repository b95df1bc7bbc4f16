package focal

import (
	"runtime"
	"runtime/debug"
	"testing"
	"unsafe"
)

// TestFault: a caller that survives faults of memory, as one that maps files may
// want to, can go on after one in the middle of a call.
func TestFault(t *testing.T) {
	const cells = 3 * blockCells
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	x, y := guardedFloats(t, cells, true), make([]uint8, cells)
	// The last blocks reach into the page that faults.
	beyond := unsafe.Slice(&x[blockCells], cells)
	before := runtime.NumGoroutine()
	for _, k := range Kernels() {
		l := must(t, 0.25, 2, WithKernel(k))
		want := compute(t, l, x, y, 1)
		func() {
			defer func() {
				if _, ok := recover().(runtime.Error); !ok {
					t.Errorf("kernel %s: no fault", k)
				}
			}()
			l.Sum(beyond, y)
		}()
		got := compute(t, l, x, y, 1)
		compare(t, string(k)+" after a fault", got, want, x, y)
	}
	noneLeft(t, before)
}
