package focal

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds x*y + z once, with big.Float.
func exactFMA(x, y, z float32) float32 {
	f := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	s := f(x)
	s.Mul(s, f(y)).Add(s, f(z))
	v, _ := s.Float32()
	return v
}

// TestFMA holds fma32 against big.Float where rounding twice goes wrong. The usual
// short cut through float64 must fail somewhere, or the triples have no power.
func TestFMA(t *testing.T) {
	bits := func(x, y, z uint32) [3]float32 {
		return [3]float32{math.Float32frombits(x), math.Float32frombits(y), math.Float32frombits(z)}
	}
	triples := [][3]float32{
		bits(0x97000800, 0x1cfff001, 0x00010002),
		{0.9474001, 4.639901e-7, -0.24325085},
		{4097, 4097, 0x1p-30},
		{-1.9369631e13, 2.1513551e-7, -1.7354427e-24},
		bits(1266679807, 1300234242, 1115553792),
		bits(1484783617, 1488977920, 2147483649),
	}
	rng := rand.New(rand.NewPCG(61, 62))
	for range 100_000 {
		x, y := float32(rng.IntN(1<<13)|1), float32(rng.IntN(1<<12)|1)
		z := float32(math.Ldexp(float64(x)*float64(y), -40-rng.IntN(41)))
		if rng.IntN(2) == 0 {
			z = -z
		}
		if rng.IntN(3) == 0 { // results around the subnormal numbers
			down := -149 + rng.IntN(30)
			x, z = float32(math.Ldexp(float64(x), down/2)), float32(math.Ldexp(float64(z), down))
			y = float32(math.Ldexp(float64(y), down-down/2))
		}
		triples = append(triples, [3]float32{x, y, z})
	}
	naive := 0
	for _, v := range triples {
		want := exactFMA(v[0], v[1], v[2])
		if got := fma32(v[0], v[1], v[2]); math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("fma32(%x, %x, %x) = %x, want %x", v[0], v[1], v[2], got, want)
		}
		if float32(math.FMA(float64(v[0]), float64(v[1]), float64(v[2]))) != want {
			naive++
		}
	}
	if naive < 100 {
		t.Errorf("only %d triples show the error of rounding twice", naive)
	}
	inf := float32(math.Inf(1))
	for _, v := range [][4]float32{{inf, 1, 0, inf}, {-inf, 1, 0, -inf}, {1, 1, inf, inf}, {0x1p100, 0x1p100, 0, inf}, {0, 1, 0, 0}} {
		if got := fma32(v[0], v[1], v[2]); got != v[3] {
			t.Errorf("fma32(%v, %v, %v) = %v", v[0], v[1], v[2], got)
		}
	}
	if got := fma32(inf, 0, 1); got == got {
		t.Errorf("fma32(Inf, 0, 1) = %v", got)
	}
}
