// Package verify compares a focal loss with the exact one at every float32
// logit, for both labels, and keeps what it found in a form that can be merged,
// saved and continued.
package verify

import (
	"math"

	"github.com/seed1982febc/focal"
)

// A Cell is a logit, by its bits, and its label, focal.Negative or Positive.
type Cell struct {
	Bits  uint32
	Label uint8
}

// Logit returns the cell's logit.
func (c Cell) Logit() float32 { return math.Float32frombits(c.Bits) }

// wrong tells whether the cell is on the side of zero that its label is not.
func (c Cell) wrong() bool { return (c.Bits>>31 == 0) == (c.Label == focal.Negative) }

// A model is the loss by the formulas of package focal, in float64. All terms
// are positive, so nothing cancels, and the error is that of exp and log1p and of
// a few roundings.
type model struct {
	gamma  float64
	weight [2]float64 // by label
	clip   float32
	low    [2]float64 // the least L, by label: 0 without clip
	high   [2]float64 // the greatest: +Inf without clip
}

func newModel(alpha, gamma, clip float32) *model {
	m := &model{gamma: float64(gamma), clip: clip, high: [2]float64{math.Inf(1), math.Inf(1)}}
	m.weight[focal.Negative], m.weight[focal.Positive] = 1, 1
	if alpha != -1 {
		m.weight[focal.Negative], m.weight[focal.Positive] = float64(1-alpha), float64(alpha)
	}
	if clip > 0 {
		lo, hi := float64(clip), float64(1-clip)
		m.low = [2]float64{focal.Negative: -math.Log1p(-lo), focal.Positive: -math.Log(hi)}
		m.high = [2]float64{focal.Negative: -math.Log1p(-hi), focal.Positive: -math.Log(lo)}
	}
	return m
}

// A side is what does not depend on the label: two cells of opposite logits and
// opposite labels share it.
type side struct {
	l float64 // softplus(-z), the cross entropy
	q float64 // sigmoid(-z), the probability given to the wrong answer
	p float64 // 1-q
	m float64 // q^gamma
}

// sides returns both sides at distance x >= 0 from zero. They share the
// exponential, the logarithm and the divisions.
func (m *model) sides(x float64) (right, wrong side) {
	e := math.Exp(-x)
	log := math.Log1p(e)
	small, large := e/(1+e), 1/(1+e)
	right = side{l: log, q: small, p: large, m: m.power(small, -(x + log))}
	wrong = side{l: log + x, q: large, p: small, m: m.power(large, -log)}
	return right, wrong
}

// power returns q^gamma, given also the logarithm of q.
func (m *model) power(q, logQ float64) float64 {
	switch m.gamma {
	case 0:
		return 1
	case 0.5:
		return math.Sqrt(q)
	case 1:
		return q
	case 1.5:
		return q * math.Sqrt(q)
	case 2:
		return q * q
	case 3:
		return q * q * q
	case 4:
		return (q * q) * (q * q)
	}
	return math.Exp(m.gamma * logQ)
}

// A value is what the library should return for a cell. near is true within 4 ULP
// of a bound of clip, where the gradient jumps and either side's is right.
type value struct {
	loss, grad float64
	near       bool
}

// value returns the loss and the gradient of a cell with this label on side s.
// Without weight the loss of an infinite logit is not defined here.
func (m *model) value(s *side, label uint8) (v value) {
	l, q := s.l, s.q
	if m.clip > 0 {
		low, high := m.low[label], m.high[label]
		v.near = near(l, low) || near(l, high)
		if l < low || l > high {
			l, q = min(max(l, low), high), 0
		}
	}
	slope := q
	if s.p > 0 { // at infinity p*L has the limit 0
		slope += m.gamma * s.p * l
	}
	a := m.weight[label] * s.m
	v.loss, v.grad = a*l, a*slope
	if label == focal.Positive {
		v.grad = 0 - v.grad // 0 has no sign
	}
	return v
}

// near tells whether l is within 4 ULP of a bound of L. 0 and +Inf are none.
func near(l, bound float64) bool {
	return bound > 0 && !math.IsInf(bound, 1) && math.Abs(l-bound) <= 4*ulp32(bound)
}

// cell returns the value of any cell whose logit is not NaN.
func (m *model) cell(c Cell) value {
	right, wrong := m.sides(math.Abs(float64(c.Logit())))
	if c.wrong() {
		return m.value(&wrong, c.Label)
	}
	return m.value(&right, c.Label)
}

// ulp32 returns the distance between neighbouring float32 numbers in the binade
// of a finite x >= 0, as if there were no least exponent; that of 0 is 0.
func ulp32(x float64) float64 {
	const exponent = 0x7FF << 52
	return math.Float64frombits(math.Float64bits(x)&exponent) * 0x1p-23
}
