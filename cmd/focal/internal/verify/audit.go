package verify

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"

	"github.com/seed1982febc/focal"
)

// An Audit compares the float64 values that results were judged by with the same
// in math/big.
type Audit struct {
	Cells      int64  // audited
	Loss, Grad Result // the greatest disagreements
}

// AuditLimit is the disagreement that would make errors in ULP doubtful.
const AuditLimit = 1e-6

// auditBatch is how many cells a task has.
const auditBatch = 256

// Audit audits the cells of the worst results found so far and so many random
// ones, for each gamma. Half of the random cells have any finite logit, half one with
// 2^-32 <= |x| < 2^8, where exp and log1p are not trivial. It calls merged, if not nil,
// with the number of cells done since the last call.
func (s *Sweep) Audit(ctx context.Context, workers int, random int64, merged func(cells int)) ([]Audit, error) {
	audits := make([]Audit, len(s.Tallies))
	for i, t := range s.Tallies {
		t.Loss.cut()
		t.Grad.cut()
		a := auditor{
			small: newModel(s.Plan.Alpha, s.Plan.Gammas[i], s.Plan.Clip),
			big:   newBigModel(s.Plan.Alpha, s.Plan.Gammas[i], s.Plan.Clip),
			worst: slices.Concat(t.Loss.Worst, t.Grad.Worst),
		}
		a.cells = int64(len(a.worst)) + random
		err := inOrder(ctx, workers, 0, (a.cells+auditBatch-1)/auditBatch,
			func() *auditor { return &a },
			func(a *auditor, task int64) (found Audit, err error) {
				for _, c := range a.batch(task) {
					a.audit(&found, c)
				}
				return found, nil
			},
			func(_ int64, found Audit) error {
				audits[i].merge(found)
				if merged != nil {
					merged(int(found.Cells))
				}
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return audits, nil
}

// AuditCells returns how many cells Audit will look at.
func (s *Sweep) AuditCells(random int64) (n int64) {
	for _, t := range s.Tallies {
		n += int64(min(len(t.Loss.Worst), worstKept)+min(len(t.Grad.Worst), worstKept)) + random
	}
	return n
}

// An auditor has the exact values of one gamma twice, and knows which to compare.
type auditor struct {
	small *model
	big   *bigModel
	worst []Result
	cells int64 // the worst ones, then random ones
}

// batch returns the cells of a task. They depend on its number alone.
func (a *auditor) batch(task int64) (cells []Cell) {
	rng := rand.New(rand.NewPCG(1, uint64(task)))
	for i := task * auditBatch; i < min((task+1)*auditBatch, a.cells); i++ {
		if i < int64(len(a.worst)) {
			cells = append(cells, a.worst[i].Cell)
		} else {
			cells = append(cells, randomCell(rng))
		}
	}
	return cells
}

func randomCell(rng *rand.Rand) Cell {
	c := Cell{Label: focal.Negative}
	if rng.Uint32()&1 != 0 {
		c.Label = focal.Positive
	}
	least, end := uint32(0), uint32(infinity)
	if rng.Uint32()&1 != 0 {
		least, end = math.Float32bits(0x1p-32), math.Float32bits(0x1p8)
	}
	c.Bits = least + rng.Uint32N(end-least) | rng.Uint32()&(1<<31)
	return c
}

// audit adds a cell to found. At infinity there is nothing to compute.
func (a *auditor) audit(found *Audit, c Cell) {
	found.Cells++
	v := a.small.cell(c)
	if v.near || math.IsInf(float64(c.Logit()), 0) {
		return
	}
	loss, grad := a.big.cell(c)
	found.Loss.raise(Result{c, disagreement(v.loss, loss)})
	found.Grad.raise(Result{c, disagreement(v.grad, grad)})
}

// disagreement returns the error of x in ULP of exact, and 0 where both are so
// small that the rule for tiny results applies.
func disagreement(x float64, exact *big.Float) float64 {
	y, _ := exact.Float64()
	size := math.Abs(y)
	if size < 0x1p-126 && math.Abs(x) < 0x1p-126 {
		return 0
	}
	if x-x != 0 {
		return math.MaxFloat64
	}
	d, _ := sub(bigOf(x), exact).Float64()
	return math.Abs(d) / ulp32(size)
}

func (a *Audit) merge(o Audit) {
	a.Cells += o.Cells
	a.Loss.raise(o.Loss)
	a.Grad.raise(o.Grad)
}
