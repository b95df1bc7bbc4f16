package focal

import "math"

// This file is the numeric contract: what every kernel computes, in which
// order, and why in that order. focal_generic.go spells it out in Go and is the
// oracle; the assembly files follow it step by step.
//
// # Operations
//
// Only float32 operations that IEEE 754 rounds correctly: add, multiply,
// divide, square root, fused multiply-add. No estimates, and no conversion
// between float and integer: the integer part of the exponent is read off the
// bits of a sum with a large constant. So every CPU gives the same bits.
//
// # One cell
//
// With w = -z (w > 0 is the wrong side) and e = exp(-|w|) = 2^n * (1 + t):
//
//	reduce  n = round(-|w| * log2 e), r = -|w| - n*ln2 in two fused steps
//	exp     t = r + r^2*P(r), P of degree 4; e = (1+t) * 2^n,
//	        e^2 = (t*(t+2) + 1) * 2^2n, which does not double the error of e as e*e does
//	log1p   L = (e^2*Q(e) + e) + max(w, 0), Q of degree 7
//	weight  m = a*q^gamma from one division by a power of 1+e
//	value   loss = m*L
//	slope   t = gamma*(1-q)*(1+e)*L + q*(1+e), grad = m*(t/(1+e)): a second division
//	        is cheaper and more exact than the two products it replaces
//
// log1p needs no range reduction on [0, 1]: its nearest singularity is as far
// away, measured in the interval's length, as after the usual reduction. Horner's
// is the order with the least cancellation: Q is -1/2 + e/3 - ..., and the sum of
// its even terms alone is three times Q. But what binds a Zen 5 most is its two units for
// multiplication, beside two that only add. So a quartic takes three multiplications and an
// addition, with coefficients adapted to that (Knuth, "The Art of Computer Programming", 4.6.4):
// c4*x^4 + c3*x^3 + ... is ((c4*x + c3)*x + b)*(x^2 + c1/c3) + a. P is one, and takes r^2 anyway; T, the
// upper half of Q, is another, where e^2 is at hand, and e^5 hides what the last addition cancels. (To
// save a second multiplication of Q like that would more than double its error.)
//
// Over all logits, alpha 0.25, the largest errors are, in ULP of loss and gradient: gamma 0:
// 2.492 (at -3.8747957, label 0) and 3.288 (-5.287752, 0); gamma 1: 5.154 (5.89668, 1) and
// 6.883 (-8.185117, 0); gamma 2: 5.411 (-3.8182898, 0) and 7.078 (-7.2283716, 0). Every kernel
// has them, as the bits are the same; focal verify finds them.
//
// # Two flavours
//
// "plain" is for gamma 1.5, 2, 3, 4 without clip. There e stays above 2^-62
// wherever a result is above 2^-126, so e and e^2 are held as they are.
//
// "wide" is for every other call: gamma 0, 0.5, 1 and general gamma, where the
// loss outlives e, and clip, whose gradient does. It holds e and L multiplied by
// 2^64, and, where e itself is needed as an argument, e raised to at least
// 2^-27, which no sum with 1 can see. There e^2 is e*e but for clip with gamma 2; in T, it is fused with what
// is added to it, and the other factor is held divided by 2^64. As the loss may be L itself, or little
// more, Q is of degree 8 for gamma 0, 0.5 and 1 (coefFine). That costs less than to add e to L in two
// parts, 2^n and t*2^n, and is nearly as good.
//
// # Tiny results
//
// A loss or gradient whose computed magnitude is below 2^-126 is +0, and so is a
// gradient whose product with scale would be. No step meets a subnormal number
// on the way: the class weights are scaled by a power of two (params.exponent)
// that keeps all products normal, the result is compared with 2^-126 in that
// scale, and only then scaled back, exactly. (In the wide flavour that holds for class weights up to 8, for
// gamma above 24 if they are within 2^7 of each other, and for a clip of 0 or at least 2^-24: beyond, products
// whose result is tiny may be subnormal.) |w| is clamped where every result is
// tiny for either label, and where e has no effect on the wrong side. (r^2 is subnormal for a logit below 2^-63,
// and has no effect.)
//
// # Special logits
//
// An assembly kernel stops in front of a step of cells that has a NaN, or on the wrong side a logit of at
// least 2^20 in magnitude, unless the cell is ignored (tame, in assembly). The oracle does the rest of the group; it alone
// knows the special cases (cell.enter), and no sum in a kernel's scale overflows
// before that.
//
// # Reduction
//
// Cells come in groups of 64, the last padded with ignored cells. In a group,
// in float32: T(i) = (l[i]+l[i+32]) + (l[i+16]+l[i+48]) for i < 16, then U(i) = T(i)
// + T(i+8) for i < 8, added into 8 float64 lanes. A group is thus 4 rows of 16
// cells, and a step takes one vector from each row: 4, 8 or 16 columns for NEON,
// AVX2, AVX-512. None has to move data across its lanes but for the
// last halving, and three float32 additions keep the sum within 2^-22.4. After
// blockCells cells the lanes are added as ((0+4)+(2+6))+((1+5)+(3+7)), and the
// block sums in the order of the blocks. Nothing depends on who computes a block.
const (
	groupCells = 64
	rowCells   = 16

	// Up to halfGroup cells take half the time of a group, as one step of 8 columns: in a group
	// of which nothing else is used, cell c stands in row c/8. T of a column is then U of
	// the cells: with none from 32 on, both are (l[i]+l[i+16]) + (l[i+8]+l[i+24]).
	halfGroup = groupCells / 2

	// blockCells is the unit of the reduction and of the workers: small enough that one
	// assembly call, which cannot be preempted, takes microseconds, and that workers end
	// together; large enough that its overhead does not show.
	blockCells = 8192

	// labelCells bounds one assembly call of the label pass.
	labelCells = 1 << 16

	// Fewer than fewLabels labels are counted in Go: a vector would reach beyond them.
	fewLabels = 32
)

// The coefficients. Those of exp began as what sollya's fpminimax gives for float32, those of log1p as the
// polynomial of least relative error; then all were varied by their last bits until the largest errors of gamma
// 0, 1 and 2, with the roundings around them and for many weights, were small. Their own relative error is
// 2^-26.9 (exp, on +-0.347), 2^-24.7 (log1p, on [0, 1]) and 2^-27.4 (the same with the longer Q, of which only the
// shift was varied). The terms 1 + r and e are exact. coef holds them, in the order of the k names.
const (
	log2E = 0x1.715476p+0
	ln2Hi = 0x1.62e4p-1    // 15 bits, so that n*ln2Hi is exact
	ln2Lo = 0x1.7f7d1cp-20 // ln2 - ln2Hi

	// P = ((expP3*r + expP2)*r + expP1)*(r^2 + expShift) + expP0
	expP0    = 0x1.bf19eap-3
	expP1    = 0x1.cf802ap-7
	expP2    = 0x1.123cap-7
	expP3    = 0x1.6a4d56p-10
	expShift = 0x1.3ea1bep+4

	// Q = ((T*e + logQ2)*e + logQ1)*e + logQ0, T = ((logQ6*e + logQ5)*e + logQ4)*(e^2 + logShift) + logQ3
	logQ0    = -0x1.ffff14p-2
	logQ1    = 0x1.5535dep-2
	logQ2    = -0x1.fd1368p-3
	logQ3    = -0x1.df638ep-5
	logQ4    = 0x1.bfd20ap-5
	logQ5    = -0x1.eca398p-6
	logQ6    = 0x1.5fa126p-8
	logShift = 0x1.24c19ap+2

	// The longer Q, which begins with a cubic: T = (((fineQ7*e + fineQ6)*e + fineQ5)*e + fineQ4)*(e^2 + fineShift) + fineQ3
	fineQ0    = -0x1.ffffd8p-2
	fineQ1    = 0x1.554e6ep-2
	fineQ2    = -0x1.ff3004p-3
	fineQ3    = 0x1.0819a2p-4
	fineQ4    = 0x1.4c1322p-5
	fineQ5    = -0x1.8138a8p-5
	fineQ6    = 0x1.4dc73ep-6
	fineQ7    = -0x1.b7a852p-9
	fineShift = 0x1.a292a8p+1

	// Adding magic rounds to an integer n and leaves n + 127, the exponent field of 2^n, in
	// the low bits. magicWide adds 64 to that.
	magic     = 0x1.8p+23 + 127
	magicWide = magic + wideExp

	wideExp     = 64 // e and L are held times 2^wideExp in the wide flavour
	wide        = 0x1p+64
	unwide      = 0x1p-64
	leastWide   = 0x1p+37 // 2^-27, wide: the least e that is used as an argument
	leastSquare = -90     // least n of e^2 with clip: beyond, e^2 has no effect
	wideFloor   = 0x1p+14 // 2^-50, wide: the least log1p(e) in the exponent of general gamma

	// In the wide slope gamma*(1-q)*(1+e)*L, L is held times 2^27 and the rest times
	// 2^37, so that neither is subnormal.
	slopeL     = 0x1p-37
	slopeRight = 0x1p+37
	slopeWrong = 0x1p-27

	huge     = 0x1p20 // an assembly kernel stops at a logit of this magnitude on the wrong side
	slopeMax = 128    // L that enters the slope of a steep form: above, e*L has no effect
)

const (
	kLog2E = iota
	kLn2HiNeg
	kLn2LoNeg
	kExpP0
	kExpP1
	kExpP2
	kExpP3
	kExpShift
	kLogQ0
	kLogQ1
	kLogQ2
	kLogQ3
	kLogQ4
	kLogQ5
	kLogQ6
	kLogQ7
	kLogShift
	kMagic
	kMagicWide
	kLeastWide
	kMagicBare
	kSign
	kZero
	kOne
	kTwo
	kHuge
	kHugeWrong
	kSlopeMax
	kWide
	kUnwide
	kWideBits
	kWideFloor
	kSlopeL
	kSquareWide
	kLeastSquare
	kLeastSquareN
	kMagnitude
	numCoef
)

var coef = [numCoef]float32{
	kLog2E: log2E, kLn2HiNeg: -ln2Hi, kLn2LoNeg: -ln2Lo,
	kExpP0: expP0, kExpP1: expP1, kExpP2: expP2, kExpP3: expP3, kExpShift: expShift,
	kLogQ0: logQ0, kLogQ1: logQ1, kLogQ2: logQ2, kLogQ3: logQ3,
	kLogQ4: logQ4, kLogQ5: logQ5, kLogQ6: logQ6, kLogShift: logShift,
	kMagic: magic, kMagicWide: magicWide,
	kMagicBare: magic - 127, // without the bias
	kSign:      float32(math.Copysign(0, -1)), kOne: 1, kTwo: 2,
	kHuge: -below(huge), kHugeWrong: below(huge),
	kSlopeMax: slopeMax,
	kWide:     wide, kUnwide: unwide, kWideFloor: wideFloor, kLeastWide: leastWide,
	kWideBits:     math.Float32frombits(wideExp << 23), // added as an integer, it multiplies by wide
	kSlopeL:       slopeL,
	kSquareWide:   math.Float32frombits((2*127 + wideExp) << 23), // as bits: 2^(n+64) twice minus this multiplies by 2^(2n+64)
	kLeastSquare:  0x1p-26,                                       // 2^(leastSquare+64)
	kLeastSquareN: magicWide + leastSquare,                       // leastSquare in the low bits, as n is
	kMagnitude:    math.Float32frombits(1<<31 - 1),               // all bits but the sign
}

// coefWide is coef for the wide flavour: for e^2 times 2^wideExp in T. coefFine is the same with the longer Q.
var coefWide, coefFine = widen(coef), func() [numCoef]float32 {
	c := coef
	copy(c[kLogQ0:], []float32{fineQ0, fineQ1, fineQ2, fineQ3, fineQ4, fineQ5, fineQ6, fineQ7, fineShift})
	return widen(c)
}()

func widen(c [numCoef]float32) [numCoef]float32 {
	c[kLogShift] *= wide
	for k := kLogQ4; k <= kLogQ7; k++ {
		c[k] *= unwide
	}
	return c
}

// A form is one way to compute a cell: how q^gamma comes about, plain or wide,
// clip or not.
type form int

const (
	plain15 form = iota
	plain2
	plain3
	plain4
	wide0
	wide05
	wide1
	wideAny
	clip0
	clip1
	clip2
	clipAny
	numForms
)

// A mode is what a call produces.
type mode int

const (
	modeSum  mode = iota // the sum
	modeEach             // each loss
	modeGrad             // the sum, and each gradient
	numModes
)

// output names the slice that m writes.
func (m mode) output() string {
	if m == modeEach {
		return "loss"
	}
	return "grad"
}

// vec is one value for each lane of the widest vector that cannot broadcast a
// memory operand.
type vec [8]float32

func splat(x float32) vec { return vec{x, x, x, x, x, x, x, x} }

// table is looked up by the low two bits of a label: 0, 1, or 3 for Ignore.
func table(neg, pos float32) vec { return vec{neg, pos, 0, 0, neg, pos, 0, 0} }

// params are the constants of a Loss. The assembly reads the vecs.
type params struct {
	weight       vec // table of class weights, times 2^weightExp
	signedWeight vec // with those of positives negative
	end          vec // without clip, -|w| is raised to this: beyond, all is tiny or e has no effect
	right        vec // with clip and in general gamma, w is raised to this: beyond, all is tiny
	wrongEnd     vec // with clip, what that leaves of -|w| is raised to this: beyond, e has no effect
	tiny         vec // the greatest loss that is too small, in the kernel's scale
	unscale      vec // what brings a plain loss, or a wide one times unwide, to its own scale
	gamma        vec
	gammaUnwide  vec // what the wide log1p(e) meets: gamma * 2^-64
	slopeRight   vec // gamma*(1-q)*(1+e) on the right side: a constant
	slopeWrong   vec // and on the wrong side: this times e
	clipLow      vec // table of the least L, wide
	clipHigh     vec // table of the greatest

	kernel   Kernel
	isa      isa // of the kernel
	form     form
	variant  int     // of the kernel, for modeSum
	pos, neg float32 // class weights
	exponent int     // a kernel's losses and gradients are multiplied by 2^exponent

	safeBits   float64 // what safe consists of: for scale 1 by what is tiny,
	safeBit    float64 // more for each bit of the scale,
	unclamped  float64 // by what is clamped
	safeFrame  float32 // minus safe(0): frame.safe of losses, and of gradients times 1 and more
	power      float32 // 2^exponent
	unscaleSum float64 // 2^-exponent
}

// An isa is a kernel by number, for the assembly.
type isa uint8

const (
	isaGeneric isa = iota
	isaAVX2
	isaAVX512
	isaNEON
)

var isas = map[Kernel]isa{
	kernelGeneric: isaGeneric,
	kernelAVX2:    isaAVX2,
	kernelAVX512:  isaAVX512,
	kernelNEON:    isaNEON,
}

// newParams derives the constants. All of it is exact or rounded in a fixed
// order: math.Log and math.Exp differ between architectures.
func newParams(c *config) params {
	p := params{kernel: c.kernel, isa: isas[c.kernel], pos: c.pos, neg: c.neg, form: chooseForm(c.gamma, c.clip), gamma: splat(c.gamma), gammaUnwide: splat(c.gamma * unwide)}

	p.variant = int(p.form) * int(numModes)
	leastWeight := weightExponent(c.pos, c.neg) // the lesser one that is not 0 is at least 2^leastWeight

	// The larger weight is at most 2^top.
	_, top := math.Frexp(float64(max(c.pos, c.neg)))
	// 2^-66 is the least that scale may be multiplied by, which is at least 2^-60.
	weightExp := 66
	p.exponent = weightExp
	p.slopeRight, p.slopeWrong = splat(c.gamma), splat(c.gamma)
	if p.form.wide() {
		// A loss is held times 2^104 if top is 0: one of 2^20 is still finite, and so is a sum of eight.
		p.exponent = 40 - top + wideExp
		weightExp = 40 - top - p.form.modulatorExp()
		p.slopeRight, p.slopeWrong = splat(c.gamma*slopeRight), splat(c.gamma*slopeWrong)
	}
	p.weight = table(scaleb(c.neg, weightExp), scaleb(c.pos, weightExp))
	p.signedWeight = table(scaleb(c.neg, weightExp), -scaleb(c.pos, weightExp))
	p.tiny = splat(below(scaleb(1, p.exponent-126)))
	p.power, p.unscaleSum = scaleb(1, p.exponent), math.Ldexp(1, -p.exponent)
	if p.form.wide() {
		p.unscale = splat(scaleb(1, wideExp-p.exponent))
	} else {
		p.unscale = splat(scaleb(1, -p.exponent))
	}

	// e^(gamma+1) * weight * (gamma+1) < 2^-127 beyond right; with clip, L stays above 0
	// and only e^gamma falls.
	_, growth := math.Frexp(float64(c.gamma) + 1)
	bits := float64(127 + top + growth)
	power := float64(c.gamma) + 1
	if c.clip > 0 && c.gamma > 0 {
		power = float64(c.gamma)
	}
	end := float64(math.Ln2*bits) / power
	p.right = splat(-float32(end))
	// On the wrong side e has no effect where the gamma*e*L that 1 is added to in the slope is below 2^-24. L is
	// below 2^24, as the rest is special; so e may be 2^-50 for a gamma of up to 2, and 2^-57 up to 64. A steep form takes
	// 2^-33.5, and L only up to slopeMax. With clip the gradient is a*gamma*e*L
	// where L is clamped: for e of 2^-162.8 at most 2^-126.1, with the greatest a, gamma and L, and so +0. The slope's
	// gamma*e is a normal number there, which for gamma below 1 ends sooner.
	noEffect := 34.7
	switch {
	case p.form.steep():
		noEffect = 23.25
	case p.form.wide():
		noEffect = 40
	}
	p.end = splat(-float32(max(end, noEffect)))
	wrongEnd := 112.9
	if c.gamma > 0 {
		wrongEnd += float64(math.Ln2 * float64(min(0, exponent(c.gamma))))
	}
	p.wrongEnd = splat(-float32(wrongEnd))

	if c.clip > 0 {
		lo, hi := float64(c.clip), float64(1-c.clip)
		p.clipLow = table(float32(-log1p(-lo)*wide), float32(-log1p(hi-1)*wide))
		p.clipHigh = table(float32(-log1p(-hi)*wide), float32(-log(lo)*wide))
	}
	p.setSafe(leastWeight)
	return p
}

// weightExponent returns the exponent of two of the lesser weight that is not 0, and 0 if both are.
func weightExponent(pos, neg float32) int {
	least := min(pos, neg)
	if least == 0 {
		least = max(pos, neg)
	}
	if least == 0 {
		return 0
	}
	return exponent(least)
}

// exponent returns that of two of a normal number.
func exponent(x float32) int { return int(math.Float32bits(x)>>23&0xFF) - 127 }

// setSafe prepares safe. At least half of e is left of q, and of L on the right side, so losses and gradients are
// at least 2^leastWeight * (e/2)^(gamma+1).
func (p *params) setSafe(leastWeight int) {
	bits := float64(124 + min(leastWeight, 0))
	p.safeBit = math.Ln2 / (float64(p.gamma[0]) + 1)
	p.safeBits = float64(bits*p.safeBit) - math.Ln2
	p.unclamped = math.Inf(1) // what ends the range of exp lies beyond
	if p.form.clip() {
		// As half of e is left of q, q is not clamped, and so L is not, on either side.
		low := float64(max(p.clipLow[0], p.clipLow[1])) / wide
		p.unclamped = -log(2.01 * low)
	}
	p.safeFrame = -p.safe(0)
}

// safe returns the magnitude of a logit below which no loss is tiny, and no gradient before or after it is
// multiplied by a scale of at least 2^exp, exp <= 0, and nothing is clamped.
func (p *params) safe(exp int) float32 {
	return float32(max(0, min(p.unclamped, p.safeBits+float64(float64(exp)*p.safeBit))))
}

func chooseForm(gamma, clip float32) form {
	if clip > 0 {
		switch gamma {
		case 0:
			return clip0
		case 1:
			return clip1
		case 2:
			return clip2
		}
		return clipAny
	}
	switch gamma {
	case 0:
		return wide0
	case 0.5:
		return wide05
	case 1:
		return wide1
	case 1.5:
		return plain15
	case 2:
		return plain2
	case 3:
		return plain3
	case 4:
		return plain4
	}
	return wideAny
}

// steep reports whether q^gamma falls so fast that e^(gamma+1) would be subnormal where e has no effect on the slope,
// which therefore bounds L.
func (f form) steep() bool { return f == plain3 || f == plain4 }

// wide reports whether f holds e and L times 2^wideExp.
func (f form) wide() bool { return f >= wide0 }

// clip reports whether f clamps L.
func (f form) clip() bool { return f >= clip0 }

// modulatorExp returns the power of two by which f holds q^gamma.
func (f form) modulatorExp() int {
	switch f {
	case wide0, clip0:
		return 0
	case wide05:
		return wideExp / 2
	}
	return wideExp
}

// below returns the next number below x > 0.
func below(x float32) float32 { return math.Nextafter32(x, 0) }

// scaleb returns x * 2^n, which must be a normal number or 0.
func scaleb(x float32, n int) float32 { return float32(math.Ldexp(float64(x), n)) }

// log1p returns log(1+x) for x in [-1, 0] to about 1e-15, with the same bits everywhere.
func log1p(x float64) float64 {
	switch m := 1 + x; {
	case m == 0:
		return math.Inf(-1)
	case m < math.Sqrt2/2:
		return log(m)
	}
	return twiceAtanh(x / (2 + x))
}

// log returns the logarithm of x > 0, as log1p does.
func log(x float64) float64 {
	// x = m * 2^k with m in [sqrt(1/2), sqrt(2)).
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = 2*m, k-1
	}
	return twiceAtanh((m-1)/(m+1)) + float64(float64(k)*math.Ln2)
}

// twiceAtanh returns 2*atanh(s), which is log((1+s)/(1-s)), for |s| below 0.18.
func twiceAtanh(s float64) float64 {
	s2 := s * s
	sum := 0.0
	for i := 41; i >= 1; i -= 2 {
		sum = float64(sum*s2) + 1/float64(i)
	}
	return float64(2 * s * sum)
}
