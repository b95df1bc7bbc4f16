package verify

import (
	"cmp"
	"math"
	"slices"
)

// Edges are the upper ends, in ULP, of a histogram's bars; one more bar is for
// what lies above the last.
var Edges = [...]float64{0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32, 64, 128, 256}

// The axis of Errors.Profile: asinh(logit), from that of -ProfileEnd to that of
// ProfileEnd, in equal buckets. Logits beyond the ends are in the end buckets.
const (
	ProfileEnd     = 128
	ProfileBuckets = 512
)

// worstKept is how many of the worst results are kept for the audit.
const worstKept = 1000

// Errors is what was found of one output, the loss or the gradient.
type Errors struct {
	Histogram [len(Edges) + 1]int64 // results compared with the exact value, by error
	Tiny      int64                 // results with an exact value below 2^-126
	Near      int64                 // results not compared: L is near a bound of clip
	Special   int64                 // results known to the bit: NaN and infinite logits, no weight
	Broken    int64                 // results that break a rule
	First     *Violation            // the first of them

	// Worst holds the results with the greatest errors, among others. The errors of
	// those left out are at most Floor.
	Worst []Result
	Floor float64

	// Profile has the greatest error by label and bucket of the logit, -1 where
	// nothing was compared.
	Profile [2][ProfileBuckets]float64

	// Digest is the SHA-256 of all results: each of a chunk's four runs, in the order
	// of newWorker, is hashed after the digest of the run before it, and each chunk's digest
	// after that of all chunks before it. The first follows 32 zero bytes.
	Digest [32]byte
}

// A Result is an error in ULP and where it was found.
type Result struct {
	Cell
	ULP float64
}

// raise makes r the greater of two.
func (r *Result) raise(o Result) {
	if o.ULP > r.ULP {
		*r = o
	}
}

// A Violation is a result that breaks a rule.
type Violation struct {
	Cell
	Rule string
	Got  float32
	Want float64
}

// The rules that a result can break, whatever its error.
const (
	ruleNaN       = "NaN in, the canonical NaN out"
	ruleLimit     = "an infinite logit gives the limit"
	ruleFinite    = "finite in, finite out"
	ruleTiny      = "below 2^-126, the result is +0 or at least 2^-126 and below 2^-125"
	ruleSubnormal = "no result is subnormal"
	ruleWeight    = "no weight, +0"
)

func newErrors(floor float64) (e Errors) {
	e.Floor = floor
	for label := range e.Profile {
		for b := range e.Profile[label] {
			e.Profile[label][b] = -1
		}
	}
	return e
}

// add judges the result of a cell with a finite logit. bucket is the logit's.
func (e *Errors) add(c Cell, got float32, want float64, bucket int) {
	size, bits := math.Abs(want), math.Float32bits(got)
	switch {
	case got-got != 0: // NaN or Inf
		e.violate(c, ruleFinite, got, want)
		return
	case size < 0x1p-126:
		e.Tiny++
		if bits != 0 && bits<<1>>24 != 1 {
			e.violate(c, ruleTiny, got, want)
		}
		return
	case bits<<1>>24 == 0 && bits<<1 != 0:
		e.violate(c, ruleSubnormal, got, want)
	}
	ulp := math.Abs(float64(got)-want) / ulp32(size)
	i := 0
	for i < len(Edges) && ulp > Edges[i] {
		i++
	}
	e.Histogram[i]++
	if p := &e.Profile[c.Label][bucket]; ulp > *p {
		*p = ulp
	}
	if ulp > e.Floor {
		e.keep(Result{c, ulp})
	}
}

// special judges the result of a cell by a rule: the bits are known.
func (e *Errors) special(c Cell, rule string, got, want float32) {
	e.Special++
	if math.Float32bits(got) != math.Float32bits(want) {
		e.violate(c, rule, got, float64(want))
	}
}

// near leaves out the result of a cell near a bound of clip.
func (e *Errors) near(c Cell, got float32, want float64) {
	e.Near++
	if got-got != 0 {
		e.violate(c, ruleFinite, got, want)
	}
}

func (e *Errors) violate(c Cell, rule string, got float32, want float64) {
	e.Broken++
	if e.First == nil {
		e.First = &Violation{c, rule, got, want}
	}
}

// keep adds to the worst, which are cut back when there are twice too many.
// Among equals the first found stay.
func (e *Errors) keep(r ...Result) {
	e.Worst = append(e.Worst, r...)
	if len(e.Worst) >= 2*worstKept {
		e.cut()
	}
}

// cut sorts the worst results and leaves worstKept of them.
func (e *Errors) cut() {
	slices.SortStableFunc(e.Worst, func(a, b Result) int { return cmp.Compare(b.ULP, a.ULP) })
	if len(e.Worst) >= worstKept {
		e.Worst = e.Worst[:worstKept]
		e.Floor = e.Worst[worstKept-1].ULP
	}
}

// merge adds what was found in the chunk after those of e.
func (e *Errors) merge(o *Errors) {
	for i, n := range o.Histogram {
		e.Histogram[i] += n
	}
	e.Tiny += o.Tiny
	e.Near += o.Near
	e.Special += o.Special
	e.Broken += o.Broken
	if e.First == nil {
		e.First = o.First
	}
	e.keep(o.Worst...)
	for label := range e.Profile {
		for b, ulp := range o.Profile[label] {
			e.Profile[label][b] = max(e.Profile[label][b], ulp)
		}
	}
	e.Digest = chain(e.Digest, o.Digest)
}

// Compared returns how many results were compared with the exact value.
func (e *Errors) Compared() (n int64) {
	for _, bar := range e.Histogram {
		n += bar
	}
	return n
}

// Largest returns the greatest error; ok is false if nothing was compared.
func (e *Errors) Largest() (r Result, ok bool) {
	r.ULP = -1
	for _, w := range e.Worst {
		r.raise(w)
	}
	return r, r.ULP >= 0
}

// A Walk is a row of losses, from a cell to ever worse ones. The exact loss
// never falls on the way. Results that are not finite are left out, and those
// below 2^-125, where the rule for tiny results leaves the order open, count as 2^-125.
type Walk struct {
	N     int64  // losses
	Drops int64  // losses smaller than the one before
	Worst Result // the loss that is the most below a loss before it, in its ULP

	First, Last, Max float32
	Min              float32
	MinAt            Cell
}

// add puts a loss at the end of the walk.
func (w *Walk) add(c Cell, loss float32) {
	if loss-loss != 0 {
		return
	}
	v := max(loss, 0x1p-125)
	if w.N == 0 {
		*w = Walk{N: 1, First: v, Last: v, Max: v, Min: v, MinAt: c}
		return
	}
	w.N++
	if v < w.Last {
		w.Drops++
	}
	w.Last = v
	if v >= w.Max {
		w.Max = v
		return
	}
	w.drop(w.Max, v, c)
	if v < w.Min {
		w.Min, w.MinAt = v, c
	}
}

// drop notes that the loss v of c comes after a greater one.
func (w *Walk) drop(greater, v float32, c Cell) {
	w.Worst.raise(Result{c, (float64(greater) - float64(v)) / ulp32(float64(v))})
}

// join returns the walk a and then b. In units of the later loss the greatest
// fall across the seam is that from the maximum of a to the minimum of b.
func join(a, b Walk) Walk {
	if a.N == 0 {
		return b
	}
	if b.N == 0 {
		return a
	}
	j := Walk{N: a.N + b.N, Drops: a.Drops + b.Drops, Worst: a.Worst, First: a.First, Last: b.Last, Max: max(a.Max, b.Max), Min: a.Min, MinAt: a.MinAt}
	if b.First < a.Last {
		j.Drops++
	}
	j.Worst.raise(b.Worst)
	if b.Min < a.Max {
		j.drop(a.Max, b.Min, b.MinAt)
	}
	if b.Min < a.Min {
		j.Min, j.MinAt = b.Min, b.MinAt
	}
	return j
}

// A Tally is what was found for one gamma.
type Tally struct {
	Logits     int64 // done, each with both labels
	Loss, Grad Errors
	// By label, on the right side and on the wrong side, each in the order in which
	// the cell gets worse.
	Right, Wrong [2]Walk
}

func newTally(lossFloor, gradFloor float64) *Tally {
	return &Tally{Loss: newErrors(lossFloor), Grad: newErrors(gradFloor)}
}

// merge adds what was found in the next chunk, farther from zero.
func (t *Tally) merge(o *Tally) {
	t.Logits += o.Logits
	t.Loss.merge(&o.Loss)
	t.Grad.merge(&o.Grad)
	for label := range t.Right {
		t.Right[label] = join(o.Right[label], t.Right[label])
		t.Wrong[label] = join(t.Wrong[label], o.Wrong[label])
	}
}

// Walk returns the walk over all logits, for one label.
func (t *Tally) Walk(label uint8) Walk {
	return join(t.Right[label], t.Wrong[label])
}
