package verify

import (
	"math"
	"math/big"

	"github.com/seed1982febc/focal"
)

// A bigModel is model in math/big. It knows no special gammas: q^gamma is always
// exp(gamma*log q).
type bigModel struct {
	gamma  *big.Float
	weight [2]*big.Float
	low    [2]*big.Float // of L, by label; nil without clip
	high   [2]*big.Float // nil for no bound
}

func newBigModel(alpha, gamma, clip float32) *bigModel {
	m := &bigModel{gamma: bigOf(float64(gamma))}
	m.weight[focal.Negative], m.weight[focal.Positive] = bigOf(1), bigOf(1)
	if alpha != -1 {
		m.weight[focal.Negative], m.weight[focal.Positive] = bigOf(float64(1-alpha)), bigOf(float64(alpha))
	}
	if clip > 0 {
		lo, hi := bigOf(float64(clip)), bigOf(float64(1-clip))
		one := bigOf(1)
		m.low[focal.Negative] = newBig().Neg(bigLog1p(newBig().Neg(lo)))
		m.high[focal.Positive] = newBig().Neg(bigLog(lo))
		m.low[focal.Positive] = newBig().Neg(bigLog1p(sub(hi, one)))
		if hi.Cmp(one) < 0 {
			m.high[focal.Negative] = newBig().Neg(bigLog(sub(one, hi)))
		}
	}
	return m
}

// cell returns the loss and the gradient of a cell with a finite logit.
func (m *bigModel) cell(c Cell) (loss, grad *big.Float) {
	x := bigOf(math.Abs(float64(c.Logit())))
	e := bigExp(newBig().Neg(x))
	one := bigOf(1)
	d := add(one, e)
	l := bigLog1p(e)
	logQ := newBig().Neg(add(x, l))
	q, p := quo(e, d), quo(one, d)
	if c.wrong() {
		logQ = newBig().Neg(l)
		l = add(l, x)
		q, p = p, q
	}
	power := bigExp(mul(m.gamma, logQ))
	if low := m.low[c.Label]; low != nil && l.Cmp(low) < 0 {
		l, q = low, newBig()
	} else if high := m.high[c.Label]; high != nil && l.Cmp(high) > 0 {
		l, q = high, newBig()
	}
	a := mul(m.weight[c.Label], power)
	loss = mul(a, l)
	grad = mul(a, add(q, mul(m.gamma, mul(p, l))))
	if c.Label == focal.Positive {
		grad.Neg(grad)
	}
	return loss, grad
}
