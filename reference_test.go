package focal

import "math"

// exact is one cell's loss and gradient in float64, from the formulas of the
// package comment. near is true within 4 ULP of a bound of clip, where either gradient is right.
type exact struct {
	loss, grad float64
	near       bool
}

// reference computes what a Loss with these parameters should return.
type reference struct {
	pos, neg, gamma float64
	clip            float32
}

func (r *reference) cell(x float32, label uint8) exact {
	s, a := -1.0, r.neg
	if label == Positive {
		s, a = 1, r.pos
	}
	if a == 0 {
		return exact{}
	}
	z := s * float64(x)
	// e below the least float64 has no effect on anything above 2^-126.
	e := math.Exp(-math.Abs(z))
	log := math.Log1p(e)
	var q, p, l, logQ float64
	if z >= 0 {
		q, p, l, logQ = e/(1+e), 1/(1+e), log, -(z + log)
	} else {
		q, p, l, logQ = 1/(1+e), e/(1+e), log-z, -log
	}
	var out exact
	ce := q
	if r.clip > 0 {
		lo, hi := float64(r.clip), float64(1-r.clip)
		low, high := -math.Log(hi), -math.Log(lo)
		if label == Negative {
			low, high = -math.Log1p(-lo), -math.Log1p(-hi)
		}
		near := func(b float64) bool { return math.Abs(l-b) <= 4*ulp32(b) }
		out.near = near(low) || near(high)
		if l < low || l > high {
			l, ce = min(max(l, low), high), 0
		}
	}
	m := a
	if r.gamma > 0 {
		m *= math.Exp(r.gamma * logQ)
	}
	out.loss = m * l
	pl := p * l
	if p == 0 {
		pl = 0 // the limit at infinity
	}
	out.grad = -s * m * (ce + r.gamma*pl)
	if m == 0 {
		out = exact{near: out.near}
	}
	return out
}

// ulp32 returns the distance between float32 numbers near x, at least that of
// the least normal number.
func ulp32(x float64) float64 {
	_, e := math.Frexp(math.Abs(x))
	return math.Ldexp(1, max(e, -125)-24)
}

// ulps returns the error of got in units of the last place of want, 0 where the
// rule for tiny results covers got.
func ulps(got float32, want float64) float64 {
	g := float64(got)
	switch {
	case math.IsNaN(g) != math.IsNaN(want):
		return math.Inf(1)
	case g == want || math.IsNaN(g):
		return 0
	case math.Abs(want) < 0x1p-126 && g == 0:
		return 0
	case math.Abs(want) >= math.MaxFloat32:
		// The result may overflow.
		if math.IsInf(g, 0) && g > 0 == (want > 0) {
			return 0
		}
	}
	return math.Abs(g-want) / ulp32(want)
}
