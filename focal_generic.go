package focal

import "math"

// fma32 returns x*y + z rounded once.
//
// The product of two float32 is exact in float64, fused or not; the sum is rounded twice.
func fma32(x, y, z float32) float32 {
	s := float64(x)*float64(y) + float64(z)
	if maybeMidpoint(s) {
		return fmaOdd(x, y, z)
	}
	return float32(s)
}

// maybeMidpoint reports whether s may lie halfway between two float32, normal or subnormal, for then
// its last 28 bits are 0. Any other rounded sum is rounded right a second time.
func maybeMidpoint(s float64) bool { return math.Float64bits(s)<<36 == 0 }

// horner goes on from p, the start of a polynomial of x, with the coefficients from coef[first] down to
// coef[last], each step as fma32, which the compiler does not inline.
func horner(coef *[numCoef]float32, p, x float32, first, last int) float32 {
	for k := first; k >= last; k-- {
		s := float64(p)*float64(x) + float64(coef[k])
		if maybeMidpoint(s) {
			p = fmaOdd(p, x, coef[k])
		} else {
			p = float32(s)
		}
	}
	return p
}

// fmaOdd is fma32 for all sums. Rounding the float64 sum to float32 rounds twice, which is wrong
// when the sum lies on or next to a midpoint of two float32; so the sum is rounded to odd first
// (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008): if
// it is inexact and its last bit is even, it moves one unit towards the exact value. With
// 53 >= 2*24+2 bits the second rounding is then right, for subnormal results too. It is called itself where
// a factor often has few bits, and so the sum: maybeMidpoint would be a branch that no CPU can foresee.
func fmaOdd(x, y, z float32) float32 {
	p := float64(x) * float64(y)
	c := float64(z)
	s := p + c
	bb := s - p
	err := (p - (s - bb)) + (c - bb) // Knuth's exact error of s
	if b := math.Float64bits(s); err != 0 && b&1 == 0 && s-s == 0 {
		if (err > 0) == (s > 0) {
			b++
		} else {
			b--
		}
		s = math.Float64frombits(b)
	}
	return float32(s)
}

// A cell is entered and left: enter computes e, leave L and the results. In between the next ones are
// entered, as in assembly, for one operation after another of a cell waits for the one before: a cell
// at a time took 1.3 to 1.9 times as long. The macros of the assembly files have the names of its methods and
// compute the same in the same order.
type cell struct {
	p     *params
	label uint8
	done  bool    // the cell is ignored, or a special case: loss and grad are known
	w     float32 // -z: positive on the wrong side
	a     float32 // class weight, scaled
	e     float32 // exp(-|w|); wide: raised to 2^-27
	eW    float32 // wide: exp(-|w|) * 2^64
	exp2  float32 // exp(-2*|w|); wide: times 2^64
	l     float32 // softplus(w); wide: times 2^64
	in    bool    // L was not clamped
	m     float32 // a * q^gamma
	loss  float32 // the results of leave
	grad  float32
}

// right reports the side by the sign of w.
func (c *cell) right() bool { return math.Signbit(float64(c.w)) }

// onSide returns the first on the right side and the second on the wrong side.
func (c *cell) onSide(right, wrong float32) float32 {
	if c.right() {
		return right
	}
	return wrong
}

// round returns n, the nearest integer to x*log2(e), and 2^(n+mag-magic).
func round(x, mag float32) (n, s float32) {
	nm := fma32(x, log2E, mag)
	return nm - mag, math.Float32frombits(math.Float32bits(nm) << 23)
}

// expm1 returns exp(r) - 1.
func expm1(r float32) float32 {
	w := float32(r * r)
	p := horner(&coef, expP3, r, kExpP2, kExpP1)
	p = fma32(p, w+expShift, expP0)
	return fma32(w, p, r)
}

// squareExp returns exp(2*r) for t = exp(r) - 1.
func squareExp(t float32) float32 { return fma32(t, t+2, 1) }

// reduce returns 2^(n+mag-magic) and exp(r)-1 with x = n*ln2 + r.
func reduce(x, mag float32) (s, t float32) {
	n, s := round(x, mag)
	r := x - float32(n*ln2Hi) // fused or not: the product is exact
	r = fma32(n, -ln2Lo, r)
	return s, expm1(r)
}

// logPoly returns Q with log1p(e) = e + e*e*Q(e). t is T, its upper half.
func (c *cell) logPoly() float32 {
	k := &coef
	if c.p.form.wide() {
		k = &coefWide
	}
	var t float32
	switch c.p.form {
	case wide0, wide05, wide1, clip0, clip1:
		k = &coefFine
		t = horner(k, k[kLogQ7], c.e, kLogQ6, kLogQ4)
	default:
		t = horner(k, k[kLogQ6], c.e, kLogQ5, kLogQ4)
	}
	d := c.exp2 + k[kLogShift]
	if c.p.form.wide() {
		d = fma32(c.e, c.eW, k[kLogShift])
	}
	t = fma32(t, d, k[kLogQ3])
	return horner(k, t, c.e, kLogQ2, kLogQ0)
}

// onePlus returns 1+e.
func (c *cell) onePlus() float32 { return 1 + c.e }

// square returns (1+e)^2.
func (c *cell) square() float32 { return fma32(c.e+2, c.e, 1) }

// plain computes e and e^2.
func (c *cell) plain() {
	x := max(-abs32(c.w), c.p.end[0])
	s, t := reduce(x, magic)
	c.e = (1 + t) * s
	c.exp2 = squareExp(t) * (s * s)
}

// wide computes e, e*2^64 and e^2*2^64.
func (c *cell) wide() {
	x := max(-abs32(c.w), c.p.end[0])
	if c.p.form.clip() {
		x = max(-abs32(max(c.w, c.p.right[0])), c.p.wrongEnd[0])
	}
	s, t := reduce(x, magicWide)
	c.eW = (1 + t) * s
	c.e = max(c.eW, leastWide) * unwide
	c.exp2 = c.e * c.eW
	if c.p.form == clip2 {
		s = max(s, coef[kLeastSquare])
		c.exp2 = squareExp(t) * (s * unwide * s)
	}
}

// softplusPlain computes L.
func (c *cell) softplusPlain() {
	c.l = fma32(c.exp2, c.logPoly(), c.e) + max(c.w, 0)
	c.in = true
}

// softplusWide computes L*2^64, and for general gamma m.
func (c *cell) softplusWide() {
	log := fma32(c.exp2, c.logPoly(), c.eW)
	c.l = log + max(c.w, 0)*wide
	c.in = true
	switch c.p.form {
	case wideAny, clipAny:
		c.m = c.a * c.power(max(log, wideFloor)*unwide)
	}
	if c.p.form.clip() {
		l := min(max(c.l, c.p.clipLow[c.label]), c.p.clipHigh[c.label])
		c.in = l == c.l
		c.l = l
	}
}

// power returns q^gamma * 2^64 = exp(gamma*log q) * 2^64, where log q is -z - log1p(e) on
// the right side and -log1p(e) on the wrong one. gamma*z is taken exactly, in two
// parts: an error in the exponent is one of the result.
func (c *cell) power(log1pE float32) float32 {
	g := c.p.gamma[0]
	z := min(max(c.w, c.p.right[0]), 0)
	hi := float32(g * z)
	lo := float32(float64(g)*float64(z) - float64(hi)) // exact
	lo = fma32(-g, log1pE, lo)
	n, s := round(hi+lo, magicWide)
	r := hi - float32(n*ln2Hi) + lo
	r = fma32(n, -ln2Lo, r)
	return (1 + expm1(r)) * s // or fused: s is a power of two
}

// modulate computes a * q^gamma.
func (c *cell) modulate() {
	switch c.p.form {
	case wide0, clip0:
		c.m = c.a
	case wide05:
		c.m = c.a * sqrt32(c.onSide(c.eW, wide)/c.onePlus())
	case wide1, clip1:
		c.m = c.a / c.onePlus() * c.onSide(c.eW, wide)
	case plain15:
		q := c.onSide(c.e, 1) / c.onePlus()
		c.m = c.a * float32(q*sqrt32(q))
	case plain2:
		c.m = c.a / c.square() * c.onSide(c.exp2, 1)
	case clip2:
		c.m = c.a / c.square() * c.onSide(c.exp2, wide)
	case plain3:
		c.m = c.a / float32(c.square()*c.onePlus()) * c.onSide(float32(c.exp2*c.e), 1)
	case plain4:
		d := c.square()
		b := c.onSide(c.exp2, 1)
		c.m = c.a / float32(d*d) * b * b
	}
}

// value returns the loss but for its scale.
func (c *cell) value() float32 { return c.m * c.l }

// slope returns the gradient but for sign and scale.
func (c *cell) slope() float32 {
	var t float32
	if c.p.form.wide() {
		q := c.onSide(c.eW, wide)
		if !c.in {
			q = 0
		}
		t = fmaOdd(c.onSide(c.p.slopeRight[0], c.eW*c.p.slopeWrong[0]), c.l*slopeL, q)
	} else {
		l := c.l
		if c.p.form.steep() {
			l = min(l, slopeMax)
		}
		t = fmaOdd(c.onSide(c.p.slopeRight[0], c.e*c.p.slopeWrong[0]), l, c.onSide(c.e, 1))
	}
	return c.m * float32(t/c.onePlus())
}

// enter begins a cell. With leave it is the oracle, and the only code that knows the special logits.
func (c *cell) enter(f *frame, x float32, label uint8) {
	p := c.p
	c.label = label
	c.done, c.loss, c.grad = true, 0, 0
	if label == Ignore {
		return
	}
	if x != x {
		c.loss, c.grad = nan32, nan32
		return
	}
	c.w, c.a = x, p.weight[label]
	weight := p.neg
	if label == Positive {
		c.w, weight = -x, p.pos
	}
	if c.w >= 0x1p24 && !(p.form.clip() && p.clipHigh[label] <= math.MaxFloat32) {
		// L = w, q = 1 and 1-q = 0 to the last bit, and the scaled loss may overflow. An
		// infinite w times no weight is no loss.
		if weight != 0 {
			c.loss = weight * c.w
			c.grad = c.scaled(f, scaleb(weight, p.exponent))
		}
		return
	}
	c.done = false
	if p.form.wide() {
		c.wide()
	} else {
		c.plain()
	}
}

// leave ends a cell: its loss, and with grad its gradient times scale.
func (c *cell) leave(f *frame, grad bool) {
	if c.done {
		return
	}
	p := c.p
	if p.form.wide() {
		c.softplusWide()
	} else {
		c.softplusPlain()
	}
	c.modulate()
	if v := c.value(); v > p.tiny[0] {
		if p.form.wide() {
			v *= unwide
		}
		c.loss = v * p.unscale[0]
	}
	if grad {
		c.grad = c.scaled(f, c.slope())
	}
}

// scaled returns the gradient for a slope g.
func (c *cell) scaled(f *frame, g float32) float32 {
	if g <= f.tinyGrad {
		return 0
	}
	if c.p.form.wide() {
		g *= unwide
	}
	g *= f.scale
	if c.label == Positive {
		return -g
	}
	return g
}

// genericGroup does columns from and on of the group at out, logits and labels, and
// adds the group to f.lanes. An assembly kernel did the columns before and left their T in f.column, in
// its scale.
func genericGroup(f *frame, m mode, out, logits []float32, labels []uint8, from int) {
	for i := range from {
		f.column[i] = float32(float64(f.column[i]) * f.p.unscaleSum)
	}
	var rows [groupCells / rowCells]cell
	for row := range rows {
		rows[row].p = f.p
	}
	for i := from; i < rowCells; i++ {
		for row := range rows {
			k := i + rowCells*row
			rows[row].enter(f, logits[k], labels[k])
		}
		for row := range rows {
			c, k := &rows[row], i+rowCells*row
			c.leave(f, m == modeGrad)
			switch m {
			case modeEach:
				out[k] = c.loss
			case modeGrad:
				out[k] = c.grad
			}
		}
		f.column[i] = (rows[0].loss + rows[2].loss) + (rows[1].loss + rows[3].loss)
	}
	for i := range f.lanes {
		f.lanes[i] += float64(f.column[i]+f.column[i+8]) * float64(f.p.power)
	}
}

var nan32 = math.Float32frombits(0x7FC00000)

func abs32(x float32) float32 {
	return math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
}

// sqrt32 is rounded once: a float64 square root has more than twice the bits.
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
