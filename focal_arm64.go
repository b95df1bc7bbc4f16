//go:build !purego

package focal

import "unsafe"

func archKernels() []Kernel { return []Kernel{kernelNEON} }

// archCells, archCount, archGather, archScatter and stage: see dispatch.go.
func archCells(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int) {
	whole := n / groupCells * groupCells
	if last != nil {
		whole -= groupCells
	}
	if whole > 0 {
		if done, column = cellsNEON(f, f.variant, out, logits, labels, whole); done < whole {
			return done, column
		}
	}
	if last != nil {
		done, column = cellsNEON(f, f.variant, &last[0], &last[0], &unsafe.Slice(labels, n)[whole], groupCells)
		return whole + done, column
	}
	if whole < n {
		var to []float32
		if out != nil {
			to = unsafe.Slice(out, n)[whole:]
		}
		if tailNEON(f, to, unsafe.Slice(logits, n)[whole:], unsafe.Slice(labels, n)[whole:]) {
			return n, 0
		}
	}
	return whole, 0
}

// tailNEON does a group that is cut short, by way of copies. It reports false, and has written nothing but
// f.column, if a logit is special.
func tailNEON(f *frame, out, logits []float32, labels []uint8) bool {
	columns, cells := 16, groupCells
	n := len(labels)
	if n <= halfGroup {
		columns, cells = 8, halfGroup
	}
	var x [groupCells]float32
	y := allIgnored
	for c, row := 0, 0; c < n; c, row = c+columns, row+16 {
		end := min(n, c+columns)
		copy(x[row:], logits[c:end])
		copy(y[row:], labels[c:end])
	}
	done, column := cellsNEON(f, f.variant, &x[0], &x[0], &y[0], cells)
	if done != groupCells && (n > halfGroup || column != columns) {
		return false
	}
	if n <= halfGroup {
		for i := range f.lanes {
			f.lanes[i] += float64(f.column[i])
		}
	}
	if out != nil {
		for c, row := 0, 0; c < n; c, row = c+columns, row+16 {
			copy(out[c:min(n, c+columns)], x[row:])
		}
	}
	return true
}

//go:noescape
func archCount(labels *uint8, n int, k isa) (positives, ignored, negatives int)

func archRuns(dst, src []float32, n, runs, dstStep, srcStep int) {
	for i := range runs {
		copy(dst[i*dstStep:][:n], src[i*srcStep:])
	}
}

//go:noescape
func archGather(dst, src []float32, stride int)

//go:noescape
func archScatter(dst, src []float32, stride int)

//go:noescape
func stage(f *frame, j *job, i, end int)

// coefNEON, coefWideNEON and coefFineNEON are coef, coefWide and coefFine, each number once for every lane.
var coefNEON, coefWideNEON, coefFineNEON = everyLane(coef), everyLane(coefWide), everyLane(coefFine)

func everyLane(coef [numCoef]float32) (t [numCoef][4]float32) {
	for i, c := range coef {
		t[i] = [4]float32{c, c, c, c}
	}
	return t
}

// cellsNEON runs the variant form*numModes + mode.
//
//go:noescape
func cellsNEON(f *frame, variant int, out, logits *float32, labels *uint8, n int) (done, column int)
