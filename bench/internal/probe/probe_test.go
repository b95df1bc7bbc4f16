package probe

import (
	"math"
	"slices"
	"testing"
)

func TestRead(t *testing.T) {
	for _, l := range All() {
		src := make([]float32, 5*Block+3)
		n := whole(src)
		if got := l.Read(src); got != 0 {
			t.Errorf("%s: Read of zeros gives %#x", l.Name, got)
		}
		for i := range src {
			want := uint32(1) << (i % 31)
			src[i] = math.Float32frombits(want)
			if i >= n {
				want = 0
			}
			if got := l.Read(src); got != want {
				t.Errorf("%s: Read with one bit set in element %d gives %#x, want %#x", l.Name, i, got, want)
			}
			src[i] = 0
		}
		if got := l.Read(src[:Block-1]); got != 0 {
			t.Errorf("%s: Read of less than a block gives %#x", l.Name, got)
		}
	}
}

func TestCopy(t *testing.T) {
	for _, l := range All() {
		src, dst := make([]float32, 5*Block+3), make([]float32, 5*Block+3)
		for i := range src {
			src[i] = float32(i + 1)
		}
		n := whole(src)
		l.Copy(dst, src)
		if !slices.Equal(dst[:n], src[:n]) {
			t.Errorf("%s: Copy did not copy", l.Name)
		}
		if !slices.Equal(dst[n:], []float32{0, 0, 0}) {
			t.Errorf("%s: Copy wrote %v beyond the last whole block", l.Name, dst[n:])
		}
	}
}

func TestMultiplyAdd(t *testing.T) {
	for _, l := range All() {
		if l.MultiplyAdd == nil {
			continue
		}
		for _, rounds := range []int{1, 2, 1000} {
			if got, want := l.MultiplyAdd(rounds), float64(rounds*l.Lanes); got != want {
				t.Errorf("%s: MultiplyAdd(%d) did %v, want %v", l.Name, rounds, got, want)
			}
		}
	}
}
