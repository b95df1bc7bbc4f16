package main

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"codeberg.org/sbinet/npyio/npy"
	"github.com/seed1982febc/focal"
)

// A goldenCase is one entry of testdata/golden/index.json: losses that PyTorch
// computed in float64, gradients of their sum in long double.
type goldenCase struct {
	Case, X, Y                string
	Alpha, Gamma, Eps         float32
	Count, Positives, Ignored int64
	Sum                       float64
}

const goldenDir = "testdata/golden"

func TestGolden(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(goldenDir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct{ Cases []goldenCase }
	if err := json.Unmarshal(content, &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Cases) != 64 {
		t.Fatalf("%d cases, want 64", len(index.Cases))
	}
	for _, c := range index.Cases {
		t.Run(c.Case, c.test)
	}
}

func (c goldenCase) test(t *testing.T) {
	x, err := readNpyFile[float32](filepath.Join(goldenDir, c.X))
	if err != nil {
		t.Fatal(err)
	}
	y, err := readNpyFile[uint8](filepath.Join(goldenDir, c.Y))
	if err != nil {
		t.Fatal(err)
	}
	n := len(x.data)
	each := goldenFloat64s(t, c.Case+".each.npy", n)
	grad := goldenFloat64s(t, c.Case+".grad.npy", n)

	for _, k := range focal.Kernels() {
		loss, err := focal.New(c.Alpha, c.Gamma, focal.WithClip(c.Eps), focal.WithKernel(k))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, n)
		if err := loss.Each(got, x.data, y.data); err != nil {
			t.Fatalf("%s: Each: %v", k, err)
		}
		bad := 0
		for i := range got {
			if y.data[i] == focal.Ignore && math.Float32bits(got[i]) != 0 || !close2e6(got[i], each[i]) {
				if bad++; bad <= 5 {
					t.Errorf("%s: logit %v, label %d: loss %v, want %v", k, x.data[i], y.data[i], got[i], each[i])
				}
			}
		}

		stats, err := loss.SumGrad(got, x.data, y.data, 1)
		if err != nil {
			t.Fatalf("%s: SumGrad: %v", k, err)
		}
		bad = 0
		for i := range got {
			if y.data[i] == focal.Ignore && math.Float32bits(got[i]) != 0 || !c.gradOK(got[i], grad[i], x.data[i], y.data[i]) {
				if bad++; bad <= 5 {
					t.Errorf("%s: logit %v, label %d: gradient %v, want %v", k, x.data[i], y.data[i], got[i], grad[i])
				}
			}
		}
		// A NaN sum would fail no comparison written as "differs by more than".
		if math.IsNaN(stats.Sum) || !(math.Abs(stats.Sum-c.Sum) <= 2e-7*c.Sum) {
			t.Errorf("%s: sum %v, want %v", k, stats.Sum, c.Sum)
		}
		if stats.Positives != c.Positives || stats.Ignored != c.Ignored || stats.Count() != c.Count {
			t.Errorf("%s: %+v, want count %d, positives %d, ignored %d", k, stats, c.Count, c.Positives, c.Ignored)
		}
		if sum, err := loss.Sum(x.data, y.data); err != nil || sum != stats {
			t.Errorf("%s: Sum gives %+v (error %v), SumGrad %+v", k, sum, err, stats)
		}
	}
}

// gradOK compares a gradient with the golden one; near the clip points, where
// it jumps, either side's value is right.
func (c goldenCase) gradOK(got float32, want float64, x float32, y uint8) bool {
	if close2e6(got, want) {
		return true
	}
	at := math.Abs(float64(x))
	if c.Eps == 0 || y == focal.Ignore || math.Abs(at-16.118096) > 1e-3 && math.Abs(at-15.942385) > 1e-3 {
		return false
	}
	unclamped, clamped := c.gradients(float64(x), y)
	return close2e6(got, unclamped) || close2e6(got, clamped)
}

// gradients are the textbook formulas, on both sides of a clip point.
func (c goldenCase) gradients(x float64, y uint8) (unclamped, clamped float64) {
	s, a := -1.0, 1-float64(c.Alpha)
	if y == focal.Positive {
		s, a = 1, float64(c.Alpha)
	}
	if c.Alpha == -1 {
		a = 1
	}
	q, p := 1/(1+math.Exp(s*x)), 1/(1+math.Exp(-s*x))
	g := float64(c.Gamma)
	modulated := -s * a * math.Pow(q, g)
	l := math.Log1p(math.Exp(-s * x))
	return modulated * (q + g*p*l), modulated * g * p * l
}

// close2e6 tells whether got is within 2e-6 of want; what is below 2^-126 may
// come as anything below 2^-125.
func close2e6(got float32, want float64) bool {
	g := float64(got)
	switch {
	case math.IsNaN(g) || math.IsNaN(want):
		return math.IsNaN(g) && math.IsNaN(want)
	case math.IsInf(g, 0) || math.IsInf(want, 0):
		return g == want
	case math.Abs(want) < 0x1p-126:
		return math.Abs(g) < 0x1p-125
	}
	return math.Abs(g-want) <= 2e-6*math.Abs(want)
}

func goldenFloat64s(t *testing.T, name string, n int) (data []float64) {
	t.Helper()
	f, err := os.Open(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := npy.Read(bufio.NewReader(f), &data); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(data) != n {
		t.Fatalf("%s: %d elements, want %d", name, len(data), n)
	}
	return data
}
