//go:build purego || !(amd64 || arm64)

package focal

// Without assembly the generic kernel is the only one: archCells, archCount and archRuns, for which see dispatch.go,
// are never called.

func archKernels() []Kernel { return nil }

func archCells(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int) {
	return 0, 0
}

func stage(f *frame, j *job, i, end int) {
	var x [stageCells]float32
	staged(f, j, i, end, &x)
}

func archCount(labels *uint8, n int, k isa) (positives, ignored, negatives int) {
	return 0, 0, 0
}

func archRuns(dst, src []float32, n, runs, dstStep, srcStep int) {}

// Four at a time, so that more of them are on their way from memory.
func archGather(dst, src []float32, stride int) {
	x := 0
	for ; x+4 <= len(dst); x += 4 {
		d, s := dst[x:x+4], src[x*stride:(x+3)*stride+1]
		d[0], d[1], d[2], d[3] = s[0], s[stride], s[2*stride], s[3*stride]
	}
	for ; x < len(dst); x++ {
		dst[x] = src[x*stride]
	}
}

func archScatter(dst, src []float32, stride int) {
	x := 0
	for ; x+4 <= len(src); x += 4 {
		d, s := dst[x*stride:(x+3)*stride+1], src[x:x+4]
		d[0], d[stride], d[2*stride], d[3*stride] = s[0], s[1], s[2], s[3]
	}
	for ; x < len(src); x++ {
		dst[x*stride] = src[x]
	}
}
