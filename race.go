//go:build race

package focal

import (
	"runtime"
	"unsafe"
)

// race tells the race detector, which does not see into assembly, what a kernel
// is about to write and to read: n of each that is not nil.
func race(out, logits *float32, labels *uint8, n int) {
	if out != nil {
		runtime.RaceWriteRange(unsafe.Pointer(out), 4*n)
	}
	if logits != nil {
		runtime.RaceReadRange(unsafe.Pointer(logits), 4*n)
	}
	runtime.RaceReadRange(unsafe.Pointer(labels), n)
}

// raceEvery tells the race detector that n numbers of s, stride apart, are about to be read, or written.
func raceEvery(s []float32, n, stride int, write bool) {
	for i := range n {
		if p := unsafe.Pointer(&s[i*stride]); write {
			runtime.RaceWriteRange(p, 4)
		} else {
			runtime.RaceReadRange(p, 4)
		}
	}
}

// raceRun tells the race detector that n numbers are about to be copied.
func raceRun(dst, src *float32, n int) {
	runtime.RaceWriteRange(unsafe.Pointer(dst), 4*n)
	runtime.RaceReadRange(unsafe.Pointer(src), 4*n)
}
