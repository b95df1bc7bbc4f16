package verify

import (
	"math"
	"math/big"
	"sync"
)

// precision of the big numbers, in bits: four words, of which the functions
// below get well over 200 bits right.
const precision = 256

func newBig() *big.Float                   { return new(big.Float).SetPrec(precision) }
func bigOf(x float64) *big.Float           { return newBig().SetFloat64(x) }
func add(x, y *big.Float) *big.Float       { return newBig().Add(x, y) }
func sub(x, y *big.Float) *big.Float       { return newBig().Sub(x, y) }
func mul(x, y *big.Float) *big.Float       { return newBig().Mul(x, y) }
func quo(x, y *big.Float) *big.Float       { return newBig().Quo(x, y) }
func ratio(x, y float64) *big.Float        { return quo(bigOf(x), bigOf(y)) }
func scale(x *big.Float, n int) *big.Float { return newBig().SetMantExp(x, n) }

const (
	expSteps = 64  // exp's table has a step of 1/64: what is left is at most 1/128
	logSteps = 128 // log1p's table has a step of 1/128

	expTerms = 28 // (1/128)^28 / 28! < 2^-290
	logTerms = 17 // (1/256)^(2*17) < 2^-270
)

// bigTables are the constants of bigExp and bigLog1p.
var bigTables = sync.OnceValue(func() (t struct {
	factorial [expTerms]*big.Float      // 1/i!
	odd       [logTerms]*big.Float      // 1/(2i+1)
	exp       [expSteps + 1]*big.Float  // exp(j/64) for j from -32 to 32
	log       [logSteps + 65]*big.Float // log(1 + j/128) for j from -64 to 128
	ln2       *big.Float
}) {
	t.factorial[0] = bigOf(1)
	for i := 1; i < expTerms; i++ {
		t.factorial[i] = quo(t.factorial[i-1], bigOf(float64(i)))
	}
	for i := range t.odd {
		t.odd[i] = ratio(1, float64(2*i+1))
	}
	for j := range t.exp {
		// exp(x) = exp(x/64)^64, and |x| is at most 1/2.
		x := horner(t.factorial[:], ratio(float64(j-expSteps/2), expSteps*64))
		for range 6 {
			x = mul(x, x)
		}
		t.exp[j] = x
	}
	for j := range t.log {
		t.log[j] = newBig()
		// log(1+x) = 2*(s + s^3/3 + s^5/5 + ...), s = x/(2+x), and |s| is at most 1/3.
		x := float64(j-64) / logSteps
		power := ratio(x, 2+x)
		s2 := mul(power, power)
		for i := 1; i < 180; i += 2 {
			t.log[j] = add(t.log[j], quo(power, bigOf(float64(i)/2)))
			power = mul(power, s2)
		}
	}
	t.ln2 = t.log[len(t.log)-1]
	return t
})

// horner returns the polynomial with coefficients c, the constant one first.
func horner(c []*big.Float, x *big.Float) *big.Float {
	sum, product := newBig().Set(c[len(c)-1]), newBig()
	for i := len(c) - 2; i >= 0; i-- {
		sum.Add(product.Mul(sum, x), c[i])
	}
	return sum
}

// bigExp returns exp(x) for x <= 0, and 0 where that is below 2^-1000000.
func bigExp(x *big.Float) *big.Float {
	f, _ := x.Float64()
	if f < -1e6*math.Ln2 {
		return newBig()
	}
	t := bigTables()
	// x = n*ln2 + j/64 + r
	n := math.Round(f / math.Ln2)
	r := sub(x, mul(bigOf(n), t.ln2))
	f, _ = r.Float64()
	j := math.Round(f * expSteps)
	r = sub(r, ratio(j, expSteps))
	return scale(mul(t.exp[int(j)+expSteps/2], horner(t.factorial[:], r)), int(n))
}

// bigLog1p returns log(1+x) for x in [-1/2, 1], with a small relative error for
// small x too.
func bigLog1p(x *big.Float) *big.Float {
	t := bigTables()
	f, _ := x.Float64()
	j := math.Round(f * logSteps)
	c := ratio(j, logSteps)
	// (1+x)/(1+c) = (1+s)/(1-s)
	s := quo(sub(x, c), add(add(x, c), bigOf(2)))
	series := horner(t.odd[:], mul(s, s))
	return add(t.log[int(j)+64], scale(mul(s, series), 1))
}

// bigLog returns log(x) for x > 0.
func bigLog(x *big.Float) *big.Float {
	m := newBig()
	n := x.MantExp(m) - 1 // x = m * 2^(n+1), m in [1/2, 1)
	return add(bigLog1p(sub(scale(m, 1), bigOf(1))), mul(bigOf(float64(n)), bigTables().ln2))
}
