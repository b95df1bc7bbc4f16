package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/cmd/focal/internal/verify"
)

// sampled makes a run of focal verify quick.
var sampled = []string{"-every", "30011", "-audit", "100"}

// verifyWith is run for focal verify with another function than the library's,
// and with the standard error that is to be a terminal or not.
func verifyWith(t *testing.T, wrap func(*focal.Loss) verify.Func, args ...string) (stdout string, err error) {
	t.Helper()
	o, err := parseVerify(append(slices.Clone(sampled), args...))
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	var out bytes.Buffer
	err = o.run(&out, stderr, wrap)
	if content, rerr := os.ReadFile(stderr.Name()); rerr != nil || len(content) > 0 {
		t.Errorf("on a standard error that is no terminal: %q, error %v", content, rerr)
	}
	return out.String(), err
}

func wantStatus(t *testing.T, err error, status int, fragments ...string) {
	t.Helper()
	var own statusError
	if !errors.As(err, &own) || own.status != status {
		t.Errorf("error %v, want status %d", err, status)
		return
	}
	for _, f := range fragments {
		if !strings.Contains(own.text, f) {
			t.Errorf("error %q, want %q in it", own.text, f)
		}
	}
}

// verifyDoc is the JSON document with what the tests look at.
type verifyDoc struct {
	Kernel   string
	Every    int64
	Logits   int64
	Complete bool
	Failures []string
	Gammas   []struct {
		Gamma          float64
		Logits         int64
		Loss, Gradient struct {
			Largest struct {
				ULP   float64
				Logit *float32
				Bits  string
				Label int
			}
			Compared, Tiny, Special, Broken int64
			NearClip                        int64 `json:"near_clip"`
			Histogram                       []struct{ Count int64 }
			First                           *struct{ Rule, Got, Want, Bits string } `json:"first_broken"`
			SHA256                          string
		}
		Drops struct{ Steps, Count int64 }
		Audit *struct {
			Cells          int64
			Loss, Gradient struct{ ULP float64 }
		}
	}
}

func decode(t *testing.T, out string) (doc verifyDoc) {
	t.Helper()
	if strings.Count(out, "\n") != 1 {
		t.Fatalf("%q is not one line", out)
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return doc
}

// The library keeps generous bounds and all rules on a sample, and all kernels
// give the same results.
func TestVerify(t *testing.T) {
	digests := map[string]string{}
	for _, k := range focal.Kernels() {
		args := append([]string{"verify", "-json", "-kernel", string(k), "-bound-loss", "20", "-bound-grad", "20"}, sampled...)
		doc := decode(t, mustRun(t, args...))
		logits := int64(2 * ((1<<31 + 30010) / 30011))
		if doc.Kernel != string(k) || doc.Every != 30011 || doc.Logits != logits || !doc.Complete || doc.Failures == nil || len(doc.Failures) != 0 || len(doc.Gammas) != 3 {
			t.Errorf("%s: %+v", k, doc)
		}
		for i, g := range doc.Gammas {
			if g.Gamma != float64(i) || g.Logits != logits || g.Drops.Steps < logits || g.Audit == nil ||
				g.Audit.Cells != 2100 || !(g.Audit.Loss.ULP > 0 && g.Audit.Loss.ULP < 1e-6) || !(g.Audit.Gradient.ULP > 0 && g.Audit.Gradient.ULP < 1e-6) {
				t.Errorf("%s: %+v", k, g)
			}
			for name, e := range map[string]struct {
				ulp                                        float64
				compared, tiny, special, broken, histogram int64
				sha                                        string
			}{
				"loss":     {g.Loss.Largest.ULP, g.Loss.Compared, g.Loss.Tiny, g.Loss.Special, g.Loss.Broken, bar(g.Loss.Histogram), g.Loss.SHA256},
				"gradient": {g.Gradient.Largest.ULP, g.Gradient.Compared, g.Gradient.Tiny, g.Gradient.Special, g.Gradient.Broken, bar(g.Gradient.Histogram), g.Gradient.SHA256},
			} {
				what := fmt.Sprintf("%s of gamma %v", name, g.Gamma)
				if !(e.ulp > 0.5 && e.ulp < 20) || e.compared+e.tiny+e.special != 2*logits || e.histogram != e.compared || e.broken != 0 || e.special < 50 || e.tiny < logits/4 {
					t.Errorf("%s, %s: %+v", k, what, e)
				}
				if other, ok := digests[what]; ok && other != e.sha {
					t.Errorf("%s: the %s has digest %s, with another kernel %s", k, what, e.sha, other)
				}
				digests[what] = e.sha
			}
		}
	}
	values := slices.Sorted(maps.Values(digests))
	if len(slices.Compact(values)) != 6 || len(values[0]) != 64 {
		t.Errorf("digests %v", digests)
	}
}

func bar(histogram []struct{ Count int64 }) (sum int64) {
	for _, b := range histogram {
		sum += b.Count
	}
	return sum
}

func TestVerifyText(t *testing.T) {
	out := mustRun(t, append([]string{"verify", "-gamma", "2.5", "-clip", "0.01", "-alpha", "0.5"}, sampled...)...)
	number, cells := `-?[0-9.]+(e[-+][0-9]+)?`, ` +[0-9]+ +[0-9]+\n`
	want := regexp.MustCompile(`^kernel +[a-z0-9]+
CPU .*
build +go.*
alpha +0\.5
clip +0\.01
logits +143114 for each gamma: 1 in 30011

gamma 2\.5
 +loss +gradient
  largest error +` + number + ` ULP +` + number + ` ULP
    at logit +` + number + ` +` + number + `
    its bits +0x[0-9a-f]{8} +0x[0-9a-f]{8}
    label +[01] +[01]
(  error <= ` + number + ` ULP +[0-9]+ +` + number + ` % +[0-9]+ +` + number + ` %
){3,}  exact value below 2\^-126` + cells + `  near a bound of clip` + cells + `  NaN, infinity, no weight` + cells + `  rules broken +0 +0
  of [0-9]+ steps to a worse cell [0-9]+ lower the loss(, to at most .* label [01])?
  audit of the exact values of 2100 cells: losses at most ` + number + ` ULP off, gradients ` + number + `
  SHA-256 of losses     [0-9a-f]{64}
  SHA-256 of gradients  [0-9a-f]{64}
$`)
	if !want.MatchString(out) {
		t.Errorf("report is\n%s", out)
	}
}

func TestVerifyBadFlags(t *testing.T) {
	dir := t.TempDir()
	protected := save(t, dir, "file", nil)
	directory := filepath.Join(t.TempDir(), "d.svg")
	if err := os.Mkdir(directory, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"x"}, `"x"`},
		{[]string{"-gama", "2"}, "-gama"},
		{[]string{"-gamma", ""}, "-gamma"},
		{[]string{"-gamma", "1,,2"}, "-gamma"},
		{[]string{"-gamma", "1,2,1"}, "twice"},
		{[]string{"-gamma", "0,65"}, "gamma 65"},
		{[]string{"-gamma", "NaN"}, "gamma NaN"},
		{[]string{"-alpha", "2"}, "alpha 2"},
		{[]string{"-clip", "0.5"}, "clip 0.5"},
		{[]string{"-kernel", "mmx"}, `"mmx"`},
		{[]string{"-workers", "-1"}, "-workers -1"},
		{[]string{"-every", "0"}, "-every 0"},
		{[]string{"-every", "2147483649"}, "-every 2147483649"},
		{[]string{"-every", "-1"}, "-every"},
		{[]string{"-audit", "-1"}, "-audit -1"},
		{[]string{"-bound-loss", "-1"}, "-bound-loss -1"},
		{[]string{"-bound-grad", "NaN"}, "-bound-grad NaN"},
		{[]string{"-plot", filepath.Join(dir, "nowhere", "p.svg")}, "nowhere"},
		{[]string{"-plot", directory}, "not a regular file"},
		{[]string{"-plot", filepath.Join(dir, "p.png")}, ".svg"},
		{[]string{"-state", filepath.Join(protected, "s")}, protected},
		{[]string{"-state", filepath.Join(dir, "s.svg"), "-plot", filepath.Join(dir, "s.svg")}, "-state and -plot"},
		{[]string{"-state", protected}, protected + ": not a"},
	} {
		mustFail(t, append([]string{"verify"}, c.args...), "focal verify: ", c.want)
	}
	sameFiles(t, dir, []string{"file"})
}

// Every flag is explained, and every explained flag exists.
func TestVerifyUsage(t *testing.T) {
	for _, name := range []string{"alpha", "gamma", "clip", "kernel", "workers", "every", "audit", "bound-loss", "bound-grad", "state", "plot", "json"} {
		if !strings.Contains(verifyUsage, "\n  -"+name+" ") {
			t.Errorf("usage lacks -%s", name)
		}
	}
	for _, line := range strings.Split(verifyUsage, "\n") {
		if name, ok := strings.CutPrefix(line, "  -"); ok {
			name, _, _ = strings.Cut(name, " ")
			if _, err := parseVerify([]string{"-" + name + "=?"}); err != nil && strings.Contains(err.Error(), "not defined") {
				t.Error(err)
			}
		}
	}
}

func TestVerifyDefaults(t *testing.T) {
	o, err := parseVerify(nil)
	if err != nil || o.plan.Every != 1 || o.audit != 1000000 || o.workers != runtime.GOMAXPROCS(0) ||
		o.plan.Alpha != 0.25 || o.plan.Clip != 0 || !slices.Equal(o.plan.Gammas, []float32{0, 1, 2}) {
		t.Errorf("%+v, error %v", o, err)
	}
}

// A kernel that is wrong at one cell is found out, and so are bounds that the
// library does not keep. What was found is printed all the same.
func TestVerifyFailures(t *testing.T) {
	bits := uint32(0x40490fdb) / 30011 * 30011 // about 3.14
	wrong := func(what func(loss, grad *float32)) func(*focal.Loss) verify.Func {
		return func(l *focal.Loss) verify.Func {
			right := libraryFunc(l)
			return func(loss, grad, logits []float32, labels []uint8) error {
				err := right(loss, grad, logits, labels)
				for i, x := range logits {
					if math.Float32bits(x) == bits && labels[i] == focal.Positive {
						what(&loss[i], &grad[i])
					}
				}
				return err
			}
		}
	}
	for _, c := range []struct {
		name string
		what func(loss, grad *float32)
		args []string
		want []string
	}{
		{"bounds", func(loss, grad *float32) {}, []string{"-bound-loss", "0.5", "-bound-grad", "0.5"}, []string{"gamma 2: a loss is off by", "; gamma 2: a gradient is off by", " ULP, at "}},
		{"loss", func(loss, grad *float32) { *loss *= 1.00002 }, []string{"-bound-loss", "100", "-bound-grad", "100"}, []string{"gamma 2: a loss is off by", fmt.Sprintf("(%#08x), label 1", bits)}},
		{"gradient", func(loss, grad *float32) { *grad = -*grad }, []string{"-bound-loss", "100", "-bound-grad", "100"}, []string{"gamma 2: a gradient is off by", fmt.Sprintf("(%#08x), label 1", bits)}},
		{"drop", func(loss, grad *float32) { *loss *= 0.5 }, []string{"-bound-loss", "100"}, []string{"ULP below a better cell's, at"}},
		{"NaN", func(loss, grad *float32) { *grad = float32(math.NaN()) }, nil, []string{`rule "finite in, finite out" broken by 1 results, first by the gradient NaN`, fmt.Sprintf("(%#08x), label 1", bits)}},
		{"subnormal", func(loss, grad *float32) { *loss = 1e-40 }, nil, []string{`rule "no result is subnormal" broken by 1 results, first by the loss 1e-40`}},
	} {
		for _, args := range [][]string{{"-gamma", "2"}, {"-gamma", "2", "-json"}} {
			out, err := verifyWith(t, wrong(c.what), append(args, c.args...)...)
			wantStatus(t, err, 1, c.want...)
			if len(args) == 2 {
				if !strings.Contains(out, "\n  SHA-256 of gradients ") {
					t.Errorf("%s: printed %q", c.name, out)
				}
			} else if doc := decode(t, out); !doc.Complete || len(doc.Failures) == 0 {
				t.Errorf("%s: printed %q", c.name, out)
			}
		}
	}
	out, err := verifyWith(t, func(*focal.Loss) verify.Func {
		return func(loss, grad, logits []float32, labels []uint8) error { return errors.New("no kernel") }
	})
	if out != "" || err == nil || err.Error() != "no kernel" {
		t.Errorf("printed %q, error %v", out, err)
	}
}

// The process tells a broken bound from a mistake in the command line.
func TestVerifyStatus(t *testing.T) {
	var out, errs bytes.Buffer
	status := run(append([]string{"verify", "-bound-loss", "0.1"}, sampled...), &out, &errs)
	if status != 1 || out.Len() == 0 || !strings.HasPrefix(errs.String(), "focal verify: gamma 0: a loss is off by ") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("status %d, stdout %q, stderr %q", status, out.String(), errs.String())
	}
}

// An accident costs no more than what came after the last save.
func TestVerifySaves(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	accident := func(l *focal.Loss) verify.Func {
		right, calls := libraryFunc(l), 0
		return func(loss, grad, logits []float32, labels []uint8) error {
			if calls++; calls > 10 {
				return errors.New("accident")
			}
			return right(loss, grad, logits, labels)
		}
	}
	run := func() int64 {
		if _, err := verifyWith(t, accident, "-workers", "1", "-state", state); err == nil || err.Error() != "accident" {
			t.Fatalf("error %v", err)
		}
		content, err := os.ReadFile(state)
		if errors.Is(err, os.ErrNotExist) {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(content))
	}
	if n := run(); n != 0 {
		t.Errorf("%d bytes saved in a moment", n)
	}
	defer func(d time.Duration) { saveEvery = d }(saveEvery)
	saveEvery = 0
	if n := run(); n == 0 {
		t.Error("nothing saved")
	}
}

// Exact values that are not exact enough make the run worthless.
func TestVerifyAuditFails(t *testing.T) {
	r := verifyReport{sweep: verify.New(verify.Plan{Gammas: []float32{2}, Every: 1})}
	for _, c := range []struct {
		ulp  float64
		want int
	}{{1e-7, 0}, {2e-6, 1}, {math.MaxFloat64, 1}} {
		for what, a := range map[string]verify.Audit{
			"loss":     {Loss: verify.Result{ULP: c.ulp}},
			"gradient": {Grad: verify.Result{ULP: c.ulp}},
		} {
			r.audits = []verify.Audit{a}
			if f := r.failures(); len(f) != c.want || c.want > 0 && !strings.Contains(f[0], "gamma 2: an exact "+what+" is off by") {
				t.Errorf("%v ULP: %q", c.ulp, f)
			}
		}
	}
}

// interrupting is the library's function, and sends what Ctrl-C sends after so
// many calls.
func interrupting(t *testing.T, after int64) func(*focal.Loss) verify.Func {
	var calls atomic.Int64
	return func(l *focal.Loss) verify.Func {
		right := libraryFunc(l)
		return func(loss, grad, logits []float32, labels []uint8) error {
			if calls.Add(1) == after {
				p, err := os.FindProcess(os.Getpid())
				if err == nil {
					err = p.Signal(os.Interrupt)
				}
				if err != nil {
					t.Error(err)
				}
				time.Sleep(100 * time.Millisecond) // for it to arrive
			}
			return right(loss, grad, logits, labels)
		}
	}
}

// An interrupted run prints what it found; with a state it can be continued as
// if nothing had happened.
func TestVerifyInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt itself")
	}
	dir := t.TempDir()
	state, svg := filepath.Join(dir, "state"), filepath.Join(dir, "p.svg")
	want, err := verifyWith(t, libraryFunc, "-json")
	if err != nil {
		t.Fatal(err)
	}

	out, err := verifyWith(t, interrupting(t, 8), "-json", "-workers", "1")
	wantStatus(t, err, 130, "interrupted after", "%")
	if doc := decode(t, out); doc.Complete || doc.Gammas[0].Logits == 0 || doc.Gammas[2].Logits != 0 || doc.Gammas[0].Audit != nil || doc.Gammas[0].Loss.Compared == 0 {
		t.Errorf("printed %s", out)
	}
	if out, err = verifyWith(t, interrupting(t, 8), "-workers", "1"); !regexp.MustCompile(`\nlogits +65536 of 429342: interrupted at gamma 0, \|logit\| [0-9.e-]+\n`).MatchString(out) {
		t.Errorf("printed %q", out)
	}
	wantStatus(t, err, 130)

	runs := 0
	for ; runs < 100; runs++ {
		out, err = verifyWith(t, interrupting(t, 18), "-json", "-workers", "1", "-state", state, "-plot", svg)
		if err == nil {
			break
		}
		wantStatus(t, err, 130, "the same command continues")
		sameFiles(t, dir, []string{"state"})
	}
	if out != want || runs < 2 {
		t.Errorf("after %d interruptions\n%swithout\n%s", runs, out, want)
	}
	sameFiles(t, dir, []string{"p.svg", "state"})

	// Done is done: the function is not called again.
	out, err = verifyWith(t, func(*focal.Loss) verify.Func { return nil }, "-json", "-state", state)
	if err != nil || out != want {
		t.Errorf("printed %s, error %v", out, err)
	}

	for _, c := range []struct{ flag, value, want string }{
		{"-alpha", "0.5", "alpha 0.25, not 0.5"},
		{"-gamma", "2", "gamma [0 1 2], not [2]"},
		{"-clip", "0.1", "clip 0, not 0.1"},
		{"-every", "5", "every 30011, not 5"},
		{"-kernel", "generic", "not generic"},
	} {
		if c.flag == "-kernel" && focal.Kernels()[0] == "generic" {
			continue
		}
		args := append(append([]string{"verify"}, sampled...), "-state", state, c.flag, c.value)
		mustFail(t, args, state+": state of another run: ", c.want)
	}
	content, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2]++
	mustFail(t, append([]string{"verify", "-state", save(t, dir, "state", content)}, sampled...), state+": damaged")
}

// The plot is well-formed, says what is in it, and replaces a whole file.
func TestVerifyPlot(t *testing.T) {
	dir := t.TempDir()
	svg := save(t, dir, "p.svg", []byte("old"))
	_, err := verifyWith(t, libraryFunc, "-gamma", "2,0.5", "-bound-loss", "1e9", "-bound-grad", "0.1", "-plot", svg)
	wantStatus(t, err, 1, "a gradient")
	content, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]bool{}
	d := xml.NewDecoder(bytes.NewReader(content))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok {
			text[strings.TrimSpace(string(c))] = true
		}
	}
	for _, want := range []string{"loss, gamma 2", "gradient, gamma 2", "loss, gamma 0.5", "gradient, gamma 0.5", "label 0, negative", "label 1, positive", "logit", "error, ULP", "-100", "0"} {
		if !text[want] {
			t.Errorf("plot lacks %q: %v", want, slices.Sorted(maps.Keys(text)))
		}
	}
	sameFiles(t, dir, []string{"p.svg"})

	// Written in part is not written.
	err = replaceFile(svg, func(w io.Writer) error {
		io.WriteString(w, "half")
		return errors.New("disk full")
	})
	if err == nil || err.Error() != svg+": disk full" {
		t.Errorf("error %v", err)
	}
	if after, err := os.ReadFile(svg); err != nil || !bytes.Equal(after, content) {
		t.Errorf("after a failure the plot holds %.50q (error %v)", after, err)
	}
	sameFiles(t, dir, []string{"p.svg"})
}

// A line stays on one side of a gap, and its points are where their buckets are.
func TestVerifyProfileLines(t *testing.T) {
	var profile [verify.ProfileBuckets]float64
	for b := range profile {
		profile[b] = -1
	}
	for _, b := range []int{0, 1, 255, 256, 257, 511} {
		profile[b] = float64(b)
	}
	lines := profileLines(profile)
	if len(lines) != 3 || len(lines[0]) != 2 || len(lines[1]) != 3 || len(lines[2]) != 1 {
		t.Fatalf("lines %v", lines)
	}
	s := asinhScale{}
	for _, line := range lines {
		for _, p := range line {
			if at := 512 * s.Normalize(-verify.ProfileEnd, verify.ProfileEnd, p.X); math.Abs(at-(p.Y+0.5)) > 1e-9 {
				t.Errorf("bucket %v is drawn at %v of 512", p.Y, at)
			}
		}
	}
	if a, b, c := s.Normalize(-128, 128, -128), s.Normalize(-128, 128, 0), s.Normalize(-128, 128, 128); a != 0 || b != 0.5 || c != 1 {
		t.Errorf("the axis goes from %v by %v to %v", a, b, c)
	}
}

func TestVerifyULPTicks(t *testing.T) {
	for _, c := range []struct {
		max  float64
		last string
		n    int
	}{{1, "1", 3}, {5, "5", 11}, {5.9, "5", 6}, {10, "10", 11}, {12, "12", 7}, {30, "30", 7}, {8.4e6, "8e+06", 9}} {
		ticks := ulpTicks(0, c.max)
		if len(ticks) != c.n || ticks[len(ticks)-1].Label != c.last || ticks[0].Label != "0" {
			t.Errorf("up to %v: %v", c.max, ticks)
		}
	}
}

func TestVerifyStdoutFails(t *testing.T) {
	for _, args := range [][]string{{"verify"}, {"verify", "-json"}} {
		var errs bytes.Buffer
		args = append(args, "-every", "1000003", "-audit", "0", "-gamma", "2")
		if status := run(args, brokenPipe{}, &errs); status != 2 || !strings.HasSuffix(errs.String(), "broken pipe\n") {
			t.Errorf("focal %q: status %d, stderr %q", args, status, errs.String())
		}
	}
}

// TestVerifyReport holds the text and the JSON document of a sweep against testdata/verify_report.txt.
func TestVerifyReport(t *testing.T) {
	s := verify.New(verify.Plan{Kernel: "k", Alpha: 0.25, Gammas: []float32{2}, Every: 1 << 30})
	s.Next = 1
	y := s.Tallies[0]
	y.Logits = 4
	c := func(x float32, label uint8, ulp float64) verify.Result {
		return verify.Result{Cell: verify.Cell{Bits: math.Float32bits(x), Label: label}, ULP: ulp}
	}
	y.Loss.Worst, y.Grad.Worst = []verify.Result{c(1.5, 0, 2.25)}, []verify.Result{c(-3, 1, 3.5)}
	y.Loss.Histogram[0], y.Loss.Histogram[4], y.Grad.Histogram[5] = 3, 1, 4
	y.Loss.Tiny, y.Loss.Near, y.Loss.Special, y.Grad.Tiny, y.Grad.Near, y.Grad.Special = 11, 12, 13, 21, 22, 23
	y.Grad.First = &verify.Violation{Cell: verify.Cell{Bits: 0x40000000, Label: 1}, Rule: "rule", Got: 7, Want: 8}
	y.Grad.Broken = 1
	y.Loss.Digest[0], y.Grad.Digest[0] = 0xaa, 0xbb
	y.Wrong[0] = verify.Walk{N: 10, Drops: 1, Worst: c(2.5, 0, 0.75), First: 1, Last: 1, Max: 1, Min: 1}
	y.Wrong[1] = verify.Walk{N: 10}
	r := verifyReport{sweep: s, audits: []verify.Audit{{Cells: 9, Loss: c(4, 0, 1e-9), Grad: c(5, 1, 2e-9)}}}
	var text, doc bytes.Buffer
	if err := r.print(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.printJSON(&doc); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "verify_report.txt"))
	got := text.String()[strings.Index(text.String(), "alpha"):] + doc.String()[strings.Index(doc.String(), `"alpha"`):]
	if err != nil || string(want) != got {
		t.Errorf("error %v, got\n%s\nwant\n%s", err, got, want)
	}
}
