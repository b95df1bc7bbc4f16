package rival

import (
	"fmt"
	"math"

	"github.com/seed1982febc/focal"
)

// A problem is an Input that has been checked, and its solution in float64.
type problem struct {
	Input
	channel  focal.Channel // where the cells are in Logits; Stride is 1
	pos, neg float64       // class weights
	sum      float64
	grad     []float64 // one element per cell
	steepest float64   // the largest magnitude in grad
}

// newProblem checks in and solves it.
func newProblem(in Input) (*problem, error) {
	p := &problem{Input: in, pos: 1, neg: 1}
	if p.Shape == (focal.Shape{}) {
		p.Shape = focal.Shape{Batch: 1, Anchors: 1, Attrs: 1, Height: 1, Width: len(in.Logits)}
	}
	var err error
	if p.channel, err = p.Shape.NCHW(p.Attr); err != nil {
		return nil, fmt.Errorf("rival: %w", err)
	}
	switch n := p.channel.Cells(); {
	case n == 0:
		return nil, fmt.Errorf("rival: no cells")
	case len(in.Logits) != p.channel.Size:
		return nil, fmt.Errorf("rival: %d logits for a tensor of %d", len(in.Logits), p.channel.Size)
	case len(in.Labels) != n:
		return nil, fmt.Errorf("rival: %d labels for %d cells", len(in.Labels), n)
	case !(in.Alpha == -1 || in.Alpha >= 0 && in.Alpha <= 1):
		return nil, fmt.Errorf("rival: alpha %v is neither -1 nor in [0, 1]", in.Alpha)
	case !(in.Gamma >= 0 && in.Gamma <= 64):
		return nil, fmt.Errorf("rival: gamma %v is not in [0, 64]", in.Gamma)
	}
	if in.Alpha != -1 {
		p.pos, p.neg = float64(in.Alpha), 1-float64(in.Alpha)
	}
	for i, y := range in.Labels {
		if y != focal.Negative && y != focal.Positive && y != focal.Ignore {
			return nil, fmt.Errorf("rival: label %d at %d is not 0, 1 or 255", y, i)
		}
	}
	p.grad = make([]float64, len(in.Labels))
	for i, y := range in.Labels {
		if y == focal.Ignore {
			continue
		}
		loss, slope := p.cell(float64(p.Logits[p.element(i)]), y)
		p.sum += loss
		p.grad[i] = slope
		p.steepest = max(p.steepest, math.Abs(slope))
	}
	if math.IsNaN(p.sum) || math.IsInf(p.sum, 0) {
		return nil, fmt.Errorf("rival: the loss of the data is %v", p.sum)
	}
	return p, nil
}

// element returns the index in Logits of cell i.
func (p *problem) element(i int) int {
	c := p.channel
	return c.Offset + i/c.Len*c.Step + i%c.Len
}

// cell returns the loss and its derivative for one logit, by the formulas of
// package focal: q is the probability of the wrong answer, l = -log(1-q).
func (p *problem) cell(x float64, y uint8) (loss, slope float64) {
	s, a := -1.0, p.neg
	if y == focal.Positive {
		s, a = 1, p.pos
	}
	z := s * x
	q := 1 / (1 + math.Exp(z))
	right := 1 / (1 + math.Exp(-z))
	l := math.Max(-z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
	g := float64(p.Gamma)
	m := a * math.Pow(q, g)
	return m * l, -s * m * (q + g*right*l)
}

// A Tolerance is how far a rival may be from float64 on the data of the benchmark.
type Tolerance struct {
	Sum  float64 // relative error of the sum
	Grad float64 // error of a gradient, as a part of the largest gradient
}

// A gradient is compared with the largest one, because float32 code that forms
// 1-p has no correct digit left where the cell is right and p near 1: its loss and
// gradient are tiny there, and wrong.
var (
	// float64 all through; the gradient is rounded to float32 once.
	double = Tolerance{Sum: 1e-12, Grad: 1e-7}
	// Formulas without cancellation in float32, and a sum in float64 or of short parts.
	single = Tolerance{Sum: 1e-5, Grad: 2e-6}
	// The same, with the sum added up in a few float32, each of which rounds as often as
	// there are cells for it.
	running = Tolerance{Sum: 1e-4, Grad: 2e-6}
	// The same, with the sum added up one by one in a float32.
	sequential = Tolerance{Sum: 1e-3, Grad: 2e-6}
	// Formulas that form 1-p in float32, and a sum in a few float32. Where a cell is
	// wrong, 1-p has few digits (at a logit of 8, 12 of 24 bits); and PyTorch's usual clip
	// cuts the loss off at 16.
	cancelling = Tolerance{Sum: 1e-4, Grad: 1e-5}
)

// check reports results that are not the solution.
func (p *problem) check(got results, tol Tolerance) error {
	for _, s := range [...]struct {
		op  Op
		sum float64
	}{{Sum, got.sum}, {SumGrad, got.gradSum}} {
		if e := math.Abs(s.sum-p.sum) / p.sum; !(e <= tol.Sum || s.sum == p.sum) {
			return fmt.Errorf("wrong result: %v gives the sum %v, float64 %v: an error of %.1e, over %.1e", s.op, s.sum, p.sum, e, tol.Sum)
		}
	}
	if len(got.grad) != len(p.grad) {
		return fmt.Errorf("wrong result: %d gradients for %d cells", len(got.grad), len(p.grad))
	}
	for i, want := range p.grad {
		g := float64(got.grad[i])
		if p.Labels[i] == focal.Ignore && g != 0 {
			return fmt.Errorf("wrong result: the gradient of the ignored cell %d is %v", i, g)
		}
		if e := math.Abs(g-want) / p.steepest; !(e <= tol.Grad || g == want) {
			return fmt.Errorf("wrong result: the gradient of cell %d is %v, in float64 %v: an error of %.1e of the largest, over %.1e", i, g, want, e, tol.Grad)
		}
	}
	return nil
}
