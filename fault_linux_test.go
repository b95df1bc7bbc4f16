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
		h, err := l.Head(Channel{Runs: cells / 100, Step: 100, Len: 100, Stride: 1})
		if err != nil {
			t.Fatal(err)
		}
		for what, sum := range map[string]func() (Stats, error){
			"the kernel":  func() (Stats, error) { return l.Sum(beyond, y) },
			"the copying": func() (Stats, error) { return h.Sum(beyond, y[:cells/100*100]) },
		} {
			func() {
				defer func() {
					if _, ok := recover().(runtime.Error); !ok {
						t.Errorf("kernel %s: no fault in %s", k, what)
					}
				}()
				sum()
			}()
		}
		got := compute(t, l, x, y, 1)
		compare(t, string(k)+" after a fault", got, want, x, y)
	}
	noneLeft(t, before)
}
