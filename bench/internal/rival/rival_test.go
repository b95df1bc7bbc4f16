package rival

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed1982febc/focal"
)

var (
	slow     = flag.Bool("slow", false, "also test torch-compiled, and copies on two threads")
	goRivals = flag.Bool("gorivals", false, "also test gomlx and gorgonia, built from ../../rivals")
)

// cells returns n logits between -8 and 8, where all float32 code is right, and
// their labels: a twentieth positive, a tenth ignored.
func cells(n int) (logits []float32, labels []uint8) {
	rng := rand.New(rand.NewPCG(5, 85))
	logits, labels = make([]float32, n), make([]uint8, n)
	for i := range logits {
		logits[i] = float32(min(8, max(-8, 4*rng.NormFloat64()-2)))
		switch r := rng.Float64(); {
		case r < 0.05:
			labels[i] = focal.Positive
		case r < 0.15:
			labels[i] = focal.Ignore
		}
	}
	return logits, labels
}

// contiguous is an Input of cells side by side.
func contiguous(n int, gamma float32) Input {
	in := Input{Alpha: 0.25, Gamma: gamma}
	in.Logits, in.Labels = cells(n)
	return in
}

// head is an Input of a small detector's raw output.
func head(gamma float32) Input {
	s := focal.Shape{Batch: 2, Anchors: 3, Attrs: 7, Height: 5, Width: 6}
	in := Input{Alpha: 0.25, Gamma: gamma, Shape: s, Attr: 4}
	in.Logits, _ = cells(s.Batch * s.Anchors * s.Attrs * s.Height * s.Width)
	_, in.Labels = cells(s.Batch * s.Anchors * s.Height * s.Width)
	return in
}

// TestReference holds the float64 reference to package focal.
func TestReference(t *testing.T) {
	for _, in := range []Input{contiguous(1000, 2), contiguous(999, 0), head(2.3), head(1)} {
		p, err := newProblem(in)
		if err != nil {
			t.Fatal(err)
		}
		l, err := focal.New(in.Alpha, in.Gamma, focal.WithKernel("generic"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := l.Head(p.channel)
		if err != nil {
			t.Fatal(err)
		}
		grad := make([]float32, len(in.Logits))
		stats, err := h.SumGrad(grad, in.Logits, in.Labels, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(stats.Sum-p.sum) < 1e-6*p.sum) {
			t.Errorf("gamma %v: sum %v, focal has %v", in.Gamma, p.sum, stats.Sum)
		}
		for i, want := range p.grad {
			if got := float64(grad[p.element(i)]); !(math.Abs(got-want) <= 1e-5*math.Abs(want)) {
				t.Errorf("gamma %v: gradient %v of cell %d, focal has %v", in.Gamma, want, i, got)
			}
		}
	}
}

// TestCheck makes one thing wrong at a time in the right results.
func TestCheck(t *testing.T) {
	p, err := newProblem(contiguous(1000, 2))
	if err != nil {
		t.Fatal(err)
	}
	right := func() results {
		r := results{sum: p.sum, gradSum: p.sum, grad: make([]float32, len(p.grad))}
		for i, g := range p.grad {
			r.grad[i] = float32(g)
		}
		return r
	}
	nan := float32(math.NaN())
	ignored := slices.Index(p.Labels, focal.Ignore)
	used := slices.Index(p.Labels, focal.Positive)
	for name, spoil := range map[string]func(r *results){
		"sum":             func(r *results) { r.sum *= 1 + 2e-5 },
		"sum of SumGrad":  func(r *results) { r.gradSum *= 1 - 2e-5 },
		"NaN sum":         func(r *results) { r.sum = math.NaN() },
		"gradient":        func(r *results) { r.grad[used] += float32(p.steepest * 3e-6) },
		"NaN gradient":    func(r *results) { r.grad[used] = nan },
		"ignored":         func(r *results) { r.grad[ignored] = 1e-30 },
		"NaN ignored":     func(r *results) { r.grad[ignored] = nan },
		"gradients short": func(r *results) { r.grad = r.grad[1:] },
	} {
		r := right()
		if err := p.check(r, single); err != nil {
			t.Fatalf("the right results: %v", err)
		}
		spoil(&r)
		if err := p.check(r, single); err == nil || !strings.HasPrefix(err.Error(), "wrong result") {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
}

// TestInput lists inputs that are none.
func TestInput(t *testing.T) {
	for name, spoil := range map[string]func(in *Input){
		"no cells":        func(in *Input) { *in = Input{} },
		"a label too few": func(in *Input) { in.Labels = in.Labels[1:] },
		"a logit too few": func(in *Input) { in.Logits = in.Logits[1:] },
		"label 2":         func(in *Input) { in.Labels[3] = 2 },
		"alpha":           func(in *Input) { in.Alpha = 1.5 },
		"gamma":           func(in *Input) { in.Gamma = float32(math.NaN()) },
		"attribute":       func(in *Input) { in.Attr = 7 },
		"a NaN loss":      func(in *Input) { in.Logits[in.Shape.Height*in.Shape.Width*4] = float32(math.NaN()) },
	} {
		in := head(2)
		in.Labels[0] = focal.Negative
		spoil(&in)
		if _, _, err := Open(context.Background(), in, Options{Names: []string{"go"}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, opts := range map[string]Options{"name": {Names: []string{"fortran"}}, "threads": {Threads: -1}} {
		if _, _, err := Open(context.Background(), contiguous(10, 2), opts); err == nil {
			t.Errorf("bad %s: no error", name)
		}
	}
}

// have reports whether a rival has what it needs here.
func have(name string) bool {
	probe := func(program string, args ...string) bool { return exec.Command(program, args...).Run() == nil }
	python := func(modules string) bool {
		return probe(environment("FOCAL_BENCH_PYTHON", "python3"), "-c", "import "+modules)
	}
	switch name {
	case "c":
		return runtime.GOOS == "linux" && probe(environment("FOCAL_BENCH_CC", "gcc"), "--version")
	case "numpy":
		return python("numpy")
	case "torch", "torch-compiled":
		return python("numpy, torch")
	case "onnxruntime":
		return python("numpy, onnx, onnxruntime")
	}
	return true
}

// TestRivals opens the rivals that can run here, which has each checked against
// float64, and times each once. None that can run may be absent.
func TestRivals(t *testing.T) {
	names := []string{"go", "math32", "vek", "c", "numpy", "torch", "onnxruntime"}
	threads := 1
	if *slow {
		names, threads = append(names, "torch-compiled"), 2
	}
	if *goRivals {
		names = append(names, "gomlx", "gorgonia")
	}
	inputs := map[string]Input{"contiguous": contiguous(1001, 2), "head": head(1.5)}
	opts := Options{Names: names, Threads: threads, GoRivals: "../../rivals"}
	for name, in := range inputs {
		t.Run(name, func(t *testing.T) { testRivals(t, in, opts) })
	}
	quick := Options{Names: []string{"go", "math32", "vek", "c"}}
	for _, gamma := range []float32{0, 1, 2, 2.3} {
		in := contiguous(1001, gamma)
		in.Alpha = -1
		t.Run("quick", func(t *testing.T) { testRivals(t, in, quick) })
	}
}

// TestLargeSum: a float32 sum of many cells is far from float64's, and no reason to be
// absent.
func TestLargeSum(t *testing.T) {
	testRivals(t, contiguous(681_408, 2), Options{Names: []string{"math32", "vek", "c", "numpy", "onnxruntime"}, Threads: 1})
}

func testRivals(t *testing.T, in Input, opts Options) {
	rivals, absent, err := Open(t.Context(), in, opts)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, a := range absent {
		seen[a.Name] = true
		name, _, _ := strings.Cut(a.Name, "-2t")
		if a.Reason == "" || have(name) {
			t.Errorf("%s is absent: %s", a.Name, a.Reason)
		}
	}
	for _, r := range rivals {
		if seen[r.Name()] {
			t.Errorf("%s is there twice", r.Name())
		}
		seen[r.Name()] = true
		if r.Describe() == "" || r.Threads() < 1 {
			t.Errorf("%s: %q, %d threads", r.Name(), r.Describe(), r.Threads())
		}
		for _, op := range []Op{Sum, SumGrad} {
			if d, err := r.Measure(op, 2); err != nil || d <= 0 {
				t.Errorf("%s: %v takes %v, error %v", r.Name(), op, d, err)
			}
			if _, err := r.Measure(op, 0); err == nil {
				t.Errorf("%s: no calls, no error", r.Name())
			}
		}
		r.Close()
		r.Close()
	}
	for _, name := range opts.Names {
		if !seen[name] {
			t.Errorf("%s is neither there nor absent", name)
		}
	}
}

// TestAbsent asks for tools that are not there.
func TestAbsent(t *testing.T) {
	t.Setenv("FOCAL_BENCH_PYTHON", "no-such-python")
	t.Setenv("FOCAL_BENCH_CC", "no-such-cc")
	var progress []string
	opts := Options{Names: Names(), Threads: 2, GoRivals: "no/rivals", Progress: func(started, all int) {
		progress = append(progress, fmt.Sprintf("%d of %d", started, all))
	}}
	rivals, absent, err := Open(t.Context(), contiguous(100, 2), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(progress) != 14 || progress[0] != "0 of 14" || progress[13] != "13 of 14" { // four on two threads too
		t.Errorf("progress %q", progress)
	}
	for _, a := range absent {
		if a.Name == "gomlx" && !strings.Contains(a.Reason, "run this from the repository's root") {
			t.Errorf("gomlx is absent because %q", a.Reason)
		}
	}
	if len(rivals) != 3 || len(absent) != len(Names())-3 {
		t.Errorf("%d rivals, absent %v", len(rivals), absent)
	}
	if _, absent, _ = Open(t.Context(), contiguous(100, 2), Options{}); slices.ContainsFunc(absent, func(a Absent) bool { return a.Name == "gomlx" }) {
		t.Error("gomlx is tried without having been asked for")
	}
}
