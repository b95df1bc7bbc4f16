package verify

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bits returns how many leading bits of got are right.
func bits(t *testing.T, got, want *big.Float) int {
	t.Helper()
	d := sub(got, want)
	if d.Sign() == 0 {
		return precision
	}
	return want.MantExp(nil) - d.MantExp(nil)
}

func digits(t *testing.T, s string) *big.Float {
	t.Helper()
	x, _, err := big.ParseFloat(s, 10, precision, big.ToNearestEven)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestBigConstants(t *testing.T) {
	const (
		ln2  = "0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863326996418687542"
		e    = "2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138217852516642742746"
		ln10 = "2.30258509299404568401799145468436420760110148862877297603332790096757260967735248023599720508959829834196"
	)
	for _, c := range []struct {
		name      string
		got, want *big.Float
	}{
		{"log1p(1)", bigLog1p(bigOf(1)), digits(t, ln2)},
		{"log(10)", bigLog(bigOf(10)), digits(t, ln10)},
		{"exp(-1)", quo(bigOf(1), bigExp(bigOf(-1))), digits(t, e)},
		{"exp(-ln 10)", bigExp(newBig().Neg(digits(t, ln10))), ratio(1, 10)},
		{"exp(0)", bigExp(bigOf(0)), bigOf(1)},
	} {
		if n := bits(t, c.got, c.want); n < 230 {
			t.Errorf("%s is right to %d bits", c.name, n)
		}
	}
	if x := bigExp(bigOf(-1e30)); x.Sign() != 0 {
		t.Errorf("exp(-1e30) = %v", x)
	}
}

// exp and log undo each other, which they would not if one were wrong, and exp
// turns sums into products.
func TestBigIdentities(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		x := bigOf(-math.Ldexp(rng.Float64(), rng.IntN(40)-30))
		y := bigOf(-100 * rng.Float64())
		if n := bits(t, bigLog(bigExp(x)), x); n < 200 {
			t.Errorf("log(exp(%v)) is right to %d bits", x, n)
		}
		if n := bits(t, bigExp(add(x, y)), mul(bigExp(x), bigExp(y))); n < 220 {
			t.Errorf("exp(%v + %v) is right to %d bits", x, y, n)
		}
		e := bigExp(x)
		if n := bits(t, bigLog1p(e), bigLog(add(bigOf(1), e))); n < 220 && e.Cmp(bigOf(0x1p-20)) > 0 {
			t.Errorf("log1p(%v) is right to %d bits", e, n)
		}
	}
}

// Half way between the steps of the tables, where the series have most to do.
func TestBigTables(t *testing.T) {
	for j := -64; j < 128; j++ {
		x := bigOf((float64(j) + 0.499) / logSteps)
		inverse := bigExp(newBig().Neg(newBig().Abs(bigLog1p(x))))
		if x.Sign() > 0 {
			inverse = quo(bigOf(1), inverse)
		}
		if n := bits(t, inverse, add(bigOf(1), x)); n < 230 {
			t.Errorf("exp(log1p(%v)) is right to %d bits", x, n)
		}
	}
}

// For a small argument log(1+x) is useless, but log1p is x - x^2/2 + x^3/3 - x^4/4.
func TestBigLog1pSmall(t *testing.T) {
	for _, x := range []*big.Float{bigOf(0x1p-80), bigOf(-0x1p-80), bigOf(0x1p-149), bigOf(0x1.8p-70)} {
		want := mul(x, horner([]*big.Float{bigOf(1), bigOf(-0.5), ratio(1, 3), bigOf(-0.25)}, x))
		if n := bits(t, bigLog1p(x), want); n < 230 {
			t.Errorf("log1p(%v) is right to %d bits", x, n)
		}
	}
}
