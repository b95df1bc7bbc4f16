//go:build !purego

package focal

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

// archStep does columns 0 to 7 of the group at logits and labels, to out what m says,
// and T of them to f.column. It reports false if a logit is special; some of out may
// have been written then.
func archStep(f *frame, m mode, out, logits *float32, labels *uint8) bool {
	_, column := cellsNEON(f, int(f.p.form)*int(numModes)+int(m), out, logits, labels, archStepCells)
	return column == 8
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
