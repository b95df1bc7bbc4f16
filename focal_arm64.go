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

// archGroup does a group of n cells, the rest of which is ignored: it adds U to f.lanes and writes
// to out, which may be nil for modeSum, what m says. It reports false, and has written nothing but f.column, if
// a logit is special.
func archGroup(f *frame, m mode, out, logits *float32, labels *uint8, n int) bool {
	columns, cells := 16, groupCells
	if n <= halfGroup {
		columns, cells = 8, halfGroup
	}
	var x [groupCells]float32
	y := allIgnored
	for c, row := 0, 0; c < n; c, row = c+columns, row+16 {
		end := min(n, c+columns)
		copy(x[row:], unsafe.Slice(logits, n)[c:end])
		copy(y[row:], unsafe.Slice(labels, n)[c:end])
	}
	done, column := cellsNEON(f, int(f.p.form)*int(numModes)+int(m), &x[0], &x[0], &y[0], cells)
	if done != groupCells && (n > halfGroup || column != columns) {
		return false
	}
	if n <= halfGroup {
		for i := range f.lanes {
			f.lanes[i] += float64(f.column[i])
		}
	}
	if m != modeSum {
		for c, row := 0, 0; c < n; c, row = c+columns, row+16 {
			copy(unsafe.Slice(out, n)[c:min(n, c+columns)], x[row:])
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
