//go:build purego || !(amd64 || arm64)

package focal

// Without assembly the generic kernel is the only one: archCells and archCount, for which see dispatch.go, are never
// called.

func archKernels() []Kernel { return nil }

func archCells(f *frame, out, logits *float32, labels *uint8, n int) (done, column int) {
	return 0, 0
}

func stage(f *frame, j *job, i, end int) {
	var x [stageCells]float32
	staged(f, j, i, end, &x)
}

func archCount(labels *uint8, n int, k isa) (positives, ignored, negatives int) {
	return 0, 0, 0
}
