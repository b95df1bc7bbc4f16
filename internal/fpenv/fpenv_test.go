//go:build (amd64 || arm64) && !purego

package fpenv

import (
	"math"
	"runtime"
	"testing"
)

//go:noinline
func times(x, y float32) float32 { return x * y }

//go:noinline
func times64(x, y float64) float64 { return x * y }

// TestFlush: subnormal results and operands become 0 inside, and only there, even
// when the scheduler and the collector run in between.
//
// It looks at bits: a comparison with 0 takes a subnormal number for 0 too.
func TestFlush(t *testing.T) {
	check := func(where string, flushed bool) {
		t.Helper()
		if v := times(0x1p-100, 0x1p-30); (math.Float32bits(v) == 0) != flushed {
			t.Errorf("%s: 2^-100 * 2^-30 is %g", where, v)
		}
		if v := times(0x1p-130, 0x1p60); (math.Float32bits(v) == 0) != flushed {
			t.Errorf("%s: 2^-130 * 2^60 is %g", where, v)
		}
		if v := times64(0x1p-1000, 0x1p-50); (math.Float64bits(v) == 0) != flushed {
			t.Errorf("%s: 2^-1000 * 2^-50 is %g", where, v)
		}
	}
	check("before", false)
	Flush(func() {
		check("inside", true)
		done := make(chan bool)
		go func() {
			check("in another goroutine", false)
			close(done)
		}()
		<-done
		for range 100 {
			runtime.GC()
			runtime.Gosched()
		}
		check("inside, later", true)
	})
	check("after", false)
	func() {
		defer func() { recover() }()
		Flush(func() { panic("inside") })
	}()
	check("after a panic", false)
}

// TestMet: subnormal results are seen, on amd64 also operands, and nothing else.
func TestMet(t *testing.T) {
	for _, c := range []struct {
		x, y float32
		met  bool
	}{
		{2, 3, false}, {0x1p-60, 0x1p-60, false}, {0x1.000002p-100, 0x1.000002p-40, true}, {2, 3, false},
		{0x1p-130, 0x1p60, runtime.GOARCH == "amd64"}, {2, 3, false},
	} {
		if got := Met(func() { times(c.x, c.y) }); got != c.met {
			t.Errorf("%g * %g: %v", c.x, c.y, got)
		}
	}
}
