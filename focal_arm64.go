//go:build !purego

package focal

import "unsafe"

func archKernels() []Kernel { return []Kernel{kernelNEON} }

// archCells runs kernel k on n cells, a multiple of groupCells: it adds their
// losses to f.lanes and writes to out what m says. It returns n, or the cells before
// the first group with a logit that only the oracle can do; of that group, the
// columns before column are done, and f.column holds their T.
func archCells(k Kernel, f *frame, m mode, out, logits *float32, labels *uint8, n int) (done, column int) {
	return cellsNEON(f, int(f.p.form)*int(numModes)+int(m), out, logits, labels, n)
}

// archStepCells is how many cells archStep does.
const archStepCells = 32

// archStep does n cells, at most archStepCells, as two steps: in a group of which
// nothing else is used, cell c stands in row c/8. T of a column is then U of the cells: with none
// from 32 on, both are (l[i]+l[i+16]) + (l[i+8]+l[i+24]). It leaves U in f.column and writes to out what
// m says. It reports false, and has written nothing there, if a logit is special.
func archStep(f *frame, m mode, out, logits *float32, labels *uint8, n int) bool {
	var x [groupCells]float32
	y := allIgnored
	for c, row := 0, 0; c < n; c, row = c+8, row+16 {
		k := min(8, n-c)
		copy(x[row:], unsafe.Slice(logits, n)[c:c+k])
		copy(y[row:], unsafe.Slice(labels, n)[c:c+k])
	}
	_, column := cellsNEON(f, int(f.p.form)*int(numModes)+int(m), &x[0], &x[0], &y[0], archStepCells)
	if column != 8 {
		return false
	}
	if m != modeSum {
		for c, row := 0, 0; c < n; c, row = c+8, row+16 {
			copy(unsafe.Slice(out, n)[c:min(n, c+8)], x[row:])
		}
	}
	return true
}

// archCount counts the labels of each kind among n, a multiple of groupCells and
// at most labelCells.
func archCount(k Kernel, labels *uint8, n int) (positives, ignored, negatives int) {
	return countNEON(labels, n)
}

// coefNEON is coef, each number once for every lane.
var coefNEON = func() (t [numCoef][4]float32) {
	for i, c := range coef {
		t[i] = [4]float32{c, c, c, c}
	}
	return t
}()

// cellsNEON runs the variant form*numModes + mode.
//
//go:noescape
func cellsNEON(f *frame, variant int, out, logits *float32, labels *uint8, n int) (done, column int)

//go:noescape
func countNEON(labels *uint8, n int) (positives, ignored, negatives int)
