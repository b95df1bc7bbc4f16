//go:build !purego

package focal

import "golang.org/x/sys/cpu"

// The AVX2 kernel also uses fused multiply-add, which CPUID reports apart.
var hasAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// The AVX-512 kernel uses AVX512F, and AVX512BW and POPCNT for labels, and AVX2 for short tails.
var hasAVX512 = hasAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasPOPCNT

func archKernels() []Kernel {
	switch {
	case hasAVX512:
		return []Kernel{kernelAVX512, kernelAVX2}
	case hasAVX2:
		return []Kernel{kernelAVX2}
	}
	return nil
}

// archCells runs kernel k on n cells, a multiple of groupCells: it adds their
// losses to f.lanes and writes to out what m says. It returns n, or the cells before
// the first group with a logit that only the oracle can do; of that group, the
// columns before column are done, and f.column holds their T.
func archCells(k Kernel, f *frame, m mode, out, logits *float32, labels *uint8, n int) (done, column int) {
	variant := int(f.p.form)*int(numModes) + int(m)
	if k == kernelAVX512 {
		return cellsAVX512(f, variant, out, logits, labels, n), 0
	}
	return cellsAVX2(f, variant, out, logits, labels, n)
}

// archStepCells is how many cells archStep does.
const archStepCells = 32

// archStep does n cells, at most archStepCells, as one step of the AVX2 kernel: in a group of which
// nothing else is used, cell c stands in row c/8. T of a column is then U of the cells: with none
// from 32 on, both are (l[i]+l[i+16]) + (l[i+8]+l[i+24]). It leaves U in f.column and writes to out what
// m says. It reports false, and has done nothing, if a logit is special.
func archStep(f *frame, m mode, out, logits *float32, labels *uint8, n int) bool {
	return stepAVX2(f, int(f.p.form)*int(numModes)+int(m), out, logits, labels, n)
}

// archCount counts the labels of each kind among n, a multiple of groupCells and
// at most labelCells.
func archCount(k Kernel, labels *uint8, n int) (positives, ignored, negatives int) {
	if k == kernelAVX512 {
		return countAVX512(labels, n)
	}
	return countAVX2(labels, n)
}

// coefAVX2 is coef, each number once for every lane.
var coefAVX2 = func() (t [numCoef]vec) {
	for i, c := range coef {
		t[i] = splat(c)
	}
	return t
}()

// cellsAVX2 runs the variant form*numModes + mode.
//
//go:noescape
func cellsAVX2(f *frame, variant int, out, logits *float32, labels *uint8, n int) (done, column int)

// stepAVX2 does one step of n cells: see archStep. out may be nil if the variant writes nothing.
//
//go:noescape
func stepAVX2(f *frame, variant int, out, logits *float32, labels *uint8, n int) (ok bool)

// cellsAVX512 is cellsAVX2 in steps of whole groups.
//
//go:noescape
func cellsAVX512(f *frame, variant int, out, logits *float32, labels *uint8, n int) (done int)

//go:noescape
func countAVX2(labels *uint8, n int) (positives, ignored, negatives int)

//go:noescape
func countAVX512(labels *uint8, n int) (positives, ignored, negatives int)
