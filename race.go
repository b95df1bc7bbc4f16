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

// raceRuns tells the race detector what copyRuns is about to do.
func raceRuns(dst, src []float32, n, runs, dstStep, srcStep int) {
	for i := range runs {
		runtime.RaceWriteRange(unsafe.Pointer(&dst[i*dstStep]), 4*n)
		runtime.RaceReadRange(unsafe.Pointer(&src[i*srcStep]), 4*n)
	}
}
