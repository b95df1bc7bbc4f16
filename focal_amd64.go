//go:build !purego

package focal

import (
	"golang.org/x/sys/cpu"
)

// The AVX2 kernel also uses fused multiply-add, which CPUID reports apart.
var hasAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// The AVX-512 kernel uses AVX512F and AVX512BW, and AVX2 for few cells.
var hasAVX512 = hasAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW

func archKernels() []Kernel {
	switch {
	case hasAVX512:
		return []Kernel{kernelAVX512, kernelAVX2}
	case hasAVX2:
		return []Kernel{kernelAVX2}
	}
	return nil
}

// archCells, archCount, archGather, archScatter and stage: see dispatch.go.
//
//go:noescape
func archCells(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)

//go:noescape
func archCount(labels *uint8, n int, k isa) (positives, ignored, negatives int)

//go:noescape
func archRuns(dst, src []float32, n, runs, dstStep, srcStep int)

//go:noescape
func archGather(dst, src []float32, stride int)

//go:noescape
func archScatter(dst, src []float32, stride int)

//go:noescape
func stage(f *frame, j *job, i, end int)

// coefAVX2, coefWideAVX2 and coefFineAVX2 are coef, coefWide and coefFine, each number once for every lane.
var coefAVX2, coefWideAVX2, coefFineAVX2 = everyLane(coef), everyLane(coefWide), everyLane(coefFine)

func everyLane(coef [numCoef]float32) (t [numCoef]vec) {
	for i, c := range coef {
		t[i] = splat(c)
	}
	return t
}

// What archCells runs: cellsAVX2; fewAVX2, in one step of columns, for up to halfGroup cells; or cellsAVX512, in
// steps of whole groups.
//
//go:noescape
func cellsAVX2(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)

//go:noescape
func fewAVX2(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)

//go:noescape
func cellsAVX512(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)

// What archCount jumps to, and leaves its arguments: countAVX2, which reads fewLabels labels up to its last, or
// countAVX512, for at least one group.
//
//go:noescape
func countAVX2(labels *uint8, n int, k isa) (positives, ignored, negatives int)

//go:noescape
func countAVX512(labels *uint8, n int, k isa) (positives, ignored, negatives int)
