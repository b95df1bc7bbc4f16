package rival

import (
	"math"
	"time"

	"github.com/chewxy/math32"
	"github.com/seed1982febc/focal"
	"github.com/viterin/vek/vek32"
)

// A loop returns the sum of the losses of cells that lie side by side and, if grad
// is not nil, sets grad to their gradient.
type loop func(grad, logits []float32, labels []uint8) float64

// inProcess runs a loop over every plane of a tensor.
type inProcess struct {
	loop    loop
	problem *problem
	grad    []float32 // like Logits
	sum     float64   // of the last call
}

// openLoop makes a kind's open function from what makes a loop for a problem.
func openLoop(of func(*problem) loop, about string) func(*bench, string, int) (runner, string, error) {
	return func(b *bench, _ string, _ int) (runner, string, error) {
		return &inProcess{loop: of(b.problem), problem: b.problem, grad: make([]float32, len(b.problem.Logits))}, about, nil
	}
}

// compute is one whole computation.
func (r *inProcess) compute(op Op) float64 {
	c := r.problem.channel
	var sum float64
	for run := range c.Runs {
		from := c.Offset + run*c.Step
		var grad []float32
		if op == SumGrad {
			grad = r.grad[from : from+c.Len]
		}
		sum += r.loop(grad, r.problem.Logits[from:from+c.Len], r.problem.Labels[run*c.Len:(run+1)*c.Len])
	}
	return sum
}

func (r *inProcess) measure(op Op, calls int) (time.Duration, error) {
	start := time.Now()
	for range calls {
		r.sum = r.compute(op)
	}
	return time.Since(start), nil
}

func (r *inProcess) results() (results, error) {
	got := results{sum: r.compute(Sum), gradSum: r.compute(SumGrad), grad: make([]float32, len(r.problem.Labels))}
	for i := range got.grad {
		got.grad[i] = r.grad[r.problem.element(i)]
	}
	return got, nil
}

func (r *inProcess) close() {}

// naive is the loop that one writes first, in float64. Gamma 2 is a product.
func naive(p *problem) loop {
	pos, neg, gamma := p.pos, p.neg, float64(p.Gamma)
	return func(grad, logits []float32, labels []uint8) float64 {
		var sum float64
		for i, x := range logits {
			y := labels[i]
			if y == focal.Ignore {
				if grad != nil {
					grad[i] = 0
				}
				continue
			}
			s, a := -1.0, neg
			if y == focal.Positive {
				s, a = 1, pos
			}
			z := s * float64(x)
			e := math.Exp(-math.Abs(z))
			right, wrong, l := 1/(1+e), e/(1+e), math.Log1p(e)
			if z < 0 {
				right, wrong, l = wrong, right, l-z
			}
			m := a
			if gamma == 2 {
				m *= wrong * wrong
			} else {
				m *= math.Pow(wrong, gamma)
			}
			sum += m * l
			if grad != nil {
				grad[i] = float32(-s * m * (wrong + gamma*right*l))
			}
		}
		return sum
	}
}

// naive32 is naive in float32, but for the sum.
func naive32(p *problem) loop {
	pos, neg, gamma := float32(p.pos), float32(p.neg), p.Gamma
	return func(grad, logits []float32, labels []uint8) float64 {
		var sum float64
		for i, x := range logits {
			y := labels[i]
			if y == focal.Ignore {
				if grad != nil {
					grad[i] = 0
				}
				continue
			}
			s, a := float32(-1), neg
			if y == focal.Positive {
				s, a = 1, pos
			}
			z := s * x
			e := math32.Exp(-math32.Abs(z))
			right, wrong, l := 1/(1+e), e/(1+e), math32.Log1p(e)
			if z < 0 {
				right, wrong, l = wrong, right, l-z
			}
			m := a
			if gamma == 2 {
				m *= wrong * wrong
			} else {
				m *= math32.Pow(wrong, gamma)
			}
			sum += float64(m * l)
			if grad != nil {
				grad[i] = -s * m * (wrong + gamma*right*l)
			}
		}
		return sum
	}
}

// passes is one vek32 call per operation, with all arrays allocated beforehand.
// Masks are vectors of signs and of weights, 0 where ignored.
func passes(p *problem) loop {
	n, gamma := p.channel.Len, p.Gamma
	buffer := func() []float32 { return make([]float32, n) }
	sign, weight, z, e, l, wrong, right := buffer(), buffer(), buffer(), buffer(), buffer(), buffer(), buffer()
	exponent := vek32.Repeat(gamma, n)
	weights := [256]float32{focal.Negative: float32(p.neg), focal.Positive: float32(p.pos)}
	signs := [256]float32{focal.Negative: -1, focal.Positive: 1, focal.Ignore: 1}
	return func(grad, logits []float32, labels []uint8) float64 {
		for i, y := range labels {
			sign[i], weight[i] = signs[y], weights[y]
		}
		vek32.Mul_Into(z, sign, logits)

		// l = max(-z, 0) + log(1 + exp(-|z|))
		vek32.Abs_Into(l, z)
		vek32.Neg_Inplace(l)
		vek32.Exp_Into(e, l)
		vek32.AddNumber_Into(l, e, 1)
		vek32.Log_Inplace(l)
		vek32.Neg_Into(wrong, z)
		vek32.MaximumNumber_Inplace(wrong, 0)
		vek32.Add_Inplace(l, wrong)

		// wrong = 1 / (1 + exp(z))
		vek32.Exp_Into(wrong, z)
		vek32.AddNumber_Inplace(wrong, 1)
		vek32.Inv_Inplace(wrong)

		// weight *= wrong^gamma
		if gamma == 2 {
			vek32.Mul_Inplace(weight, wrong)
			vek32.Mul_Inplace(weight, wrong)
		} else {
			vek32.Pow_Into(e, wrong, exponent)
			vek32.Mul_Inplace(weight, e)
		}
		if grad != nil {
			// grad = -sign * weight * (wrong + gamma*(1-wrong)*l)
			vek32.Neg_Into(right, wrong)
			vek32.AddNumber_Inplace(right, 1)
			vek32.Mul_Inplace(right, l)
			vek32.MulNumber_Inplace(right, gamma)
			vek32.Add_Inplace(right, wrong)
			vek32.Mul_Inplace(right, weight)
			vek32.Mul_Inplace(right, sign)
			vek32.Neg_Into(grad, right)
		}
		return float64(vek32.Dot(weight, l))
	}
}
