package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed1982febc/focal"
)

// heads are the real ones, with the counts and float64 means of focal loss
// (alpha 0.25, gamma 2) that they were delivered with.
var heads = []struct {
	grid                          int
	positives, ignored, negatives int64
	mean                          float64
}{
	{19, 109, 378, 57273, 0.00073648951864816923},
	{13, 109, 184, 26747, 0.0022017525835695308},
	{7, 101, 35, 7704, 0.011098169078978514},
}

func headFiles(grid int) (logits, labels string) {
	return fmt.Sprintf("testdata/head_%d.npy", grid), fmt.Sprintf("testdata/labels_%d.npy", grid)
}

// A reading is what focal loss -json prints.
type reading struct {
	Kernel      string
	Cells       int64
	Positives   int64
	Negatives   int64
	Ignored     int64
	Sum         *float64
	Mean        *float64
	PerPositive *float64 `json:"per_positive"`
	Seconds     float64
	NonFinite   int64 `json:"non_finite"`
}

func runJSON(t *testing.T, args ...string) (r reading, keys []string) {
	t.Helper()
	out := mustRun(t, append([]string{"loss", "-json"}, args...)...)
	if strings.Count(out, "\n") != 1 {
		t.Fatalf("%q is not one line", out)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(out), &object); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return r, slices.Sorted(maps.Keys(object))
}

func near(got, want, tolerance float64) bool {
	return !math.IsNaN(got) && math.Abs(got-want) <= tolerance*math.Abs(want)
}

func TestHeads(t *testing.T) {
	for _, h := range heads {
		logits, labels := headFiles(h.grid)
		for _, k := range focal.Kernels() {
			r, _ := runJSON(t, "-kernel", string(k), logits, labels)
			if !near(*r.Mean, h.mean, 2e-7) {
				t.Errorf("%s, %s: mean %v, want %v", logits, k, *r.Mean, h.mean)
			}
			if r.Positives != h.positives || r.Ignored != h.ignored || r.Negatives != h.negatives ||
				r.Cells != h.positives+h.ignored+h.negatives || r.NonFinite != 0 {
				t.Errorf("%s, %s: %+v, want %+v", logits, k, r, h)
			}
			if !near(*r.Sum, h.mean*float64(h.positives+h.negatives), 2e-7) || !near(*r.PerPositive, *r.Sum/float64(h.positives), 1e-15) {
				t.Errorf("%s, %s: sum %v, per positive %v", logits, k, *r.Sum, *r.PerPositive)
			}
			if r.Kernel != string(k) || !(r.Seconds >= 0 && r.Seconds < 60) {
				t.Errorf("%s: kernel %q, %v seconds", k, r.Kernel, r.Seconds)
			}
		}
	}
}

// digits are the lines of a report that are to be the same with every kernel.
func digits(t *testing.T, args ...string) string {
	t.Helper()
	out := mustRun(t, append([]string{"loss"}, args...)...)
	digits, _, ok := strings.Cut(out, "kernel ")
	if !ok {
		t.Fatalf("no kernel in %q", out)
	}
	return digits
}

func TestSameDigits(t *testing.T) {
	dir := t.TempDir()
	for _, h := range heads {
		logits, labels := headFiles(h.grid)
		want := digits(t, logits, labels)
		others := [][]string{{"-workers", "3"}, {"-workers", "0"}, {"-attr", "4", "-layout", "nchw"}, {"-alpha", "0.25", "-gamma", "2.0"},
			{"-weights", "0.25,0.75"}, {"-grad", filepath.Join(dir, "g.npy"), "-each", filepath.Join(dir, "e.npy")}}
		for _, k := range focal.Kernels() {
			others = append(others, []string{"-kernel", string(k)})
		}
		for _, flags := range others {
			if got := digits(t, append(flags, logits, labels)...); got != want {
				t.Errorf("focal loss %q prints\n%s, without flags\n%s", flags, got, want)
			}
		}
	}
}

// Every flag must reach the library: these change the sum.
func TestFlagsMatter(t *testing.T) {
	logits, labels := headFiles(7)
	seen := map[string]string{}
	for _, flags := range []string{"", "-alpha 0.5", "-alpha -1", "-gamma 0", "-gamma 1.7", "-weights 2,3", "-clip 0.01", "-attr 0"} {
		got := digits(t, append(strings.Fields(flags), logits, labels)...)
		if other, ok := seen[got]; ok {
			t.Errorf("focal loss prints the same with %q and %q", flags, other)
		}
		seen[got] = flags
	}
	unweighted := digits(t, "-alpha", "-1", logits, labels)
	if got := digits(t, "-weights", "1,1", logits, labels); got != unweighted {
		t.Errorf("-weights 1,1 prints\n%s, -alpha -1\n%s", got, unweighted)
	}
}

func TestReport(t *testing.T) {
	logits, labels := headFiles(7)
	number := `-?[0-9.]+(e[-+][0-9]+)?`
	want := regexp.MustCompile(`^cells +7840
positives +101
negatives +7704
ignored +35
sum +` + number + `
mean +` + number + `
per positive +` + number + `
kernel +[a-z0-9]+
time +[0-9.]+(ns|µs|ms|s)
(cells per second +` + number + `
)?$`)
	if out := mustRun(t, "loss", logits, labels); !want.MatchString(out) {
		t.Errorf("report is\n%s", out)
	}
}

func TestNonFinite(t *testing.T) {
	dir := t.TempDir()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	keys := []string{"cells", "ignored", "kernel", "mean", "negatives", "non_finite", "per_positive", "positives", "seconds", "sum"}
	for _, c := range []struct {
		name      string
		logits    []float32
		labels    []uint8
		nonFinite int64
		null      bool
	}{
		{"finite", []float32{1, 2, 3}, []uint8{0, 1, 0}, 0, false},
		{"nan", []float32{nan, 2, inf}, []uint8{0, 1, 1}, 2, true},
		{"wrong infinity", []float32{1, 2, inf}, []uint8{0, 1, 0}, 1, true},
		{"right infinities", []float32{-inf, 2, inf}, []uint8{0, 1, 1}, 2, false},
		{"ignored", []float32{nan, 2, inf}, []uint8{255, 1, 255}, 0, false},
		{"empty", nil, nil, 0, false},
	} {
		logits := saveNpy(t, dir, "x.npy", []int{len(c.logits)}, c.logits)
		labels := saveNpy(t, dir, "y.npy", []int{len(c.labels)}, c.labels)
		r, gotKeys := runJSON(t, logits, labels)
		if !slices.Equal(gotKeys, keys) {
			t.Errorf("%s: keys %q, want %q", c.name, gotKeys, keys)
		}
		if r.NonFinite != c.nonFinite || r.Cells != int64(len(c.labels)) {
			t.Errorf("%s: %+v", c.name, r)
		}
		for _, value := range []*float64{r.Sum, r.Mean, r.PerPositive} {
			if (value == nil) != c.null {
				t.Errorf("%s: sum %v, mean %v, per positive %v", c.name, r.Sum, r.Mean, r.PerPositive)
			}
		}
		text := mustRun(t, "loss", logits, labels)
		if line := regexp.MustCompile(`(?m)^non-finite logits (\d+)$`).FindStringSubmatch(text); (line != nil) != (c.nonFinite > 0) ||
			line != nil && line[1] != strconv.FormatInt(c.nonFinite, 10) {
			t.Errorf("%s: report\n%s", c.name, text)
		}
	}
}

// plane cuts the labelled attribute of an NCHW head out, in the labels' order.
func plane(head tensor[float32], labels tensor[uint8], attr int) []float32 {
	cells := head.shape[2] * head.shape[3]
	attrs := head.shape[1] / labels.shape[1]
	var out []float32
	for run := range labels.shape[0] * labels.shape[1] {
		at := (run*attrs + attr) * cells
		out = append(out, head.data[at:at+cells]...)
	}
	return out
}

// toNHWC moves the second dimension of four to the end.
func toNHWC[T element](t tensor[T]) tensor[T] {
	b, c, h, w := t.shape[0], t.shape[1], t.shape[2], t.shape[3]
	out := make([]T, len(t.data))
	for i, v := range t.data {
		x, y, k, n := i%w, i/w%h, i/w/h%c, i/w/h/c
		out[((n*h+y)*w+x)*c+k] = v
	}
	return tensor[T]{[]int{b, h, w, c}, out}
}

func readFloats(t *testing.T, path string) tensor[float32] {
	t.Helper()
	x, err := readNpyFile[float32](path)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// -grad and -each hold what the library gives for the cut-out plane, put back
// where it came from, for a head in either layout and for the plane itself.
func TestOutputs(t *testing.T) {
	const attr, attrs = 4, 5
	logitsFile, labelsFile := headFiles(7)
	head := readFloats(t, logitsFile)
	labels, err := readNpyFile[uint8](labelsFile)
	if err != nil {
		t.Fatal(err)
	}
	logits := plane(head, labels, attr)
	wantGrad, wantEach := make([]float32, len(logits)), make([]float32, len(logits))
	loss, err := focal.New(0.25, 2)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := loss.MeanGrad(wantGrad, logits, labels.data, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := loss.Each(wantEach, logits, labels.data); err != nil {
		t.Fatal(err)
	}
	headGrad := tensor[float32]{head.shape, make([]float32, len(head.data))}
	cells := 7 * 7
	for i, g := range wantGrad {
		headGrad.data[(i/cells*attrs+attr)*cells+i%cells] = g
	}
	each := tensor[float32]{labels.shape, wantEach}

	dir := t.TempDir()
	headNHWC, labelsNHWC := toNHWC(head), toNHWC(labels)
	for _, c := range []struct {
		name           string
		logits         tensor[float32]
		labels         tensor[uint8]
		grad, each     tensor[float32]
		flags          []string
		sumIsTheSameTo float64
	}{
		{"nchw", head, labels, headGrad, each, nil, 0},
		// Another order of the cells: only the sum may differ.
		{"nhwc", headNHWC, labelsNHWC, toNHWC(headGrad), toNHWC(each), []string{"-layout", "nhwc"}, 4e-7},
		{"plane", tensor[float32]{labels.shape, logits}, labels, tensor[float32]{labels.shape, wantGrad}, each, nil, 0},
		{"flat", tensor[float32]{[]int{len(logits)}, logits}, tensor[uint8]{[]int{len(logits)}, labels.data},
			tensor[float32]{[]int{len(logits)}, wantGrad}, tensor[float32]{[]int{len(logits)}, wantEach}, nil, 0},
	} {
		x := saveNpy(t, dir, "x.npy", c.logits.shape, c.logits.data)
		y := saveNpy(t, dir, "y.npy", c.labels.shape, c.labels.data)
		gradFile, eachFile := filepath.Join(dir, "grad.npy"), filepath.Join(dir, "each.npy")
		for _, k := range focal.Kernels() {
			args := slices.Concat(c.flags, []string{"-kernel", string(k), "-grad", gradFile, "-each", eachFile, x, y})
			r, _ := runJSON(t, args...)
			if !near(*r.Sum, stats.Sum, c.sumIsTheSameTo) || r.Positives != stats.Positives || r.Ignored != stats.Ignored {
				t.Errorf("%s, %s: %+v, want %+v", c.name, k, r, stats)
			}
			sameTensor(t, c.name+" -grad", readFloats(t, gradFile), c.grad)
			sameTensor(t, c.name+" -each", readFloats(t, eachFile), c.each)
			sameFiles(t, dir, []string{"each.npy", "grad.npy", "x.npy", "y.npy"})

			// Alone, each gives the same file.
			for flag, path := range map[string]string{"-grad": gradFile, "-each": eachFile} {
				both, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				runJSON(t, slices.Concat(c.flags, []string{flag, path, x, y})...)
				if alone, err := os.ReadFile(path); err != nil || string(alone) != string(both) {
					t.Errorf("%s: %s alone writes another file (error %v)", c.name, flag, err)
				}
			}
		}
	}
}

func sameTensor(t *testing.T, name string, got, want tensor[float32]) {
	t.Helper()
	if !slices.Equal(got.shape, want.shape) {
		t.Errorf("%s: shape %v, want %v", name, got.shape, want.shape)
		return
	}
	bad := 0
	for i := range want.data {
		if math.Float32bits(got.data[i]) != math.Float32bits(want.data[i]) {
			if bad++; bad <= 3 {
				t.Errorf("%s: element %d is %v, want %v", name, i, got.data[i], want.data[i])
			}
		}
	}
}

// A head of two anchors with three attributes, small enough to count by hand.
func TestChannelOf(t *testing.T) {
	for _, c := range []struct {
		logits, labels []int
		layout         string
		attr           int
		want           focal.Channel
	}{
		{[]int{2, 6, 4, 5}, []int{2, 2, 4, 5}, nchw, 1, focal.Channel{Offset: 20, Runs: 4, Step: 60, Len: 20, Stride: 1, Size: 240}},
		{[]int{2, 4, 5, 6}, []int{2, 4, 5, 2}, nhwc, 1, focal.Channel{Offset: 1, Runs: 1, Step: 240, Len: 80, Stride: 3, Size: 240}},
		{[]int{2, 6}, []int{2, 6}, nchw, 4, focal.Channel{Runs: 1, Step: 12, Len: 12, Stride: 1, Size: 12}},
		{nil, nil, nchw, 4, focal.Channel{Runs: 1, Step: 1, Len: 1, Stride: 1, Size: 1}},
	} {
		got, err := channelOf(c.logits, c.labels, c.layout, c.attr)
		if err != nil {
			t.Errorf("%v, %v: %v", c.logits, c.labels, err)
			continue
		}
		// A single run may be described in several ways: compare the cells.
		if !slices.Equal(indices(got), indices(c.want)) || got.Size != c.want.Size {
			t.Errorf("%v, %v, %s, %d: %+v, want %+v", c.logits, c.labels, c.layout, c.attr, got, c.want)
		}
	}
}

func indices(c focal.Channel) (is []int) {
	for run := range c.Runs {
		for i := range c.Len {
			is = append(is, c.Offset+run*c.Step+i*c.Stride)
		}
	}
	return is
}

func TestLossErrors(t *testing.T) {
	dir := t.TempDir()
	x := saveNpy(t, dir, "x.npy", []int{1, 10, 2, 3}, make([]float32, 60))
	flat := saveNpy(t, dir, "flat.npy", []int{1, 2, 2, 3}, make([]float32, 12))
	y := saveNpy(t, dir, "y.npy", []int{1, 2, 2, 3}, make([]uint8, 12))
	saveBadLabel := func(name string, shape []int, n int) string {
		labels := make([]uint8, n)
		labels[n-1] = 7
		return saveNpy(t, dir, name, shape, labels)
	}
	badLabel := saveBadLabel("badlabel.npy", []int{1, 2, 2, 3}, 12)
	yNHWC := saveNpy(t, dir, "ynhwc.npy", []int{1, 10, 2, 1}, make([]uint8, 20))
	yWide := saveNpy(t, dir, "ywide.npy", []int{1, 2, 2, 4}, make([]uint8, 16))
	yThree := saveNpy(t, dir, "ythree.npy", []int{1, 3, 2, 3}, make([]uint8, 18))
	yNone := saveNpy(t, dir, "ynone.npy", []int{1, 0, 2, 3}, []uint8{})
	yFlat := saveNpy(t, dir, "yflat.npy", []int{60}, make([]uint8, 60))
	content, err := os.ReadFile(x)
	if err != nil {
		t.Fatal(err)
	}
	truncated := save(t, dir, "truncated.npy", content[:len(content)-1])
	extra := save(t, dir, "extra.npy", append(content, 0))
	newline := save(t, dir, "new\nline.npy", []byte("no array"))
	absent := filepath.Join(dir, "absent.npy")
	grad, each := filepath.Join(dir, "grad.npy"), filepath.Join(dir, "each.npy")
	nowhere := filepath.Join(dir, "nowhere", "grad.npy")
	before := files(t, dir)

	for _, c := range []struct {
		args  []string
		names []string // what the line must name
	}{
		{nil, []string{"LOGITS.npy LABELS.npy"}},
		{[]string{x}, []string{"LOGITS.npy LABELS.npy", "got 1"}},
		{[]string{x, y, "-json"}, []string{"after the flags", `"-json"`}},
		{[]string{"-beta", "2", x, y}, []string{"-beta"}},
		{[]string{"-alpha", "2", x, y}, []string{"alpha"}},
		{[]string{"-alpha", "x", x, y}, []string{"-alpha", `"x"`}},
		{[]string{"-alpha", "1e99", x, y}, []string{"-alpha", `"1e99"`}},
		{[]string{"-gamma", "nan", x, y}, []string{"gamma"}},
		{[]string{"-gamma", "1000", x, y}, []string{"focal loss: gamma"}},
		{[]string{"-clip", "0.6", x, y}, []string{"clip"}},
		{[]string{"-weights", "1", x, y}, []string{"-weights", "POS,NEG"}},
		{[]string{"-weights", "1,", x, y}, []string{"-weights"}},
		{[]string{"-weights", "1,2,3", x, y}, []string{"-weights", "POS,NEG"}},
		{[]string{"-weights", "-1,2", x, y}, []string{"weight"}},
		{[]string{"-weights", "1,2", "-alpha", "0.25", x, y}, []string{"-alpha", "-weights"}},
		{[]string{"-kernel", "mmx", x, y}, []string{"mmx"}},
		{[]string{"-workers", "-1", x, y}, []string{"workers"}},
		{[]string{"-workers", "many", x, y}, []string{"-workers"}},
		{[]string{"-layout", "chwn", x, y}, []string{"-layout", "chwn"}},
		{[]string{"-attr", "5", x, y}, []string{x, "-attr 5", "0 to 4"}},
		{[]string{"-attr", "-1", x, y}, []string{x, "-1"}},
		{[]string{"-attr", "0", flat, y}, []string{flat, "-attr"}},
		{[]string{"-layout", "nhwc", flat, y}, []string{flat, "-layout"}},
		{[]string{"-json=perhaps", x, y}, []string{"-json", "perhaps"}},
		{[]string{absent, y}, []string{absent}},
		{[]string{x, absent}, []string{absent}},
		{[]string{dir, y}, []string{dir, "not a regular file"}},
		{[]string{y, y}, []string{y, "dtype"}},
		{[]string{x, x}, []string{x, "dtype"}},
		{[]string{truncated, y}, []string{truncated, "truncated"}},
		{[]string{extra, y}, []string{extra, "extra"}},
		{[]string{newline, y}, []string{`new\x0aline.npy`}},
		{[]string{x, badLabel}, []string{badLabel + ": label", "11", "7"}},
		{[]string{x, yNHWC}, []string{x, "(1, 10, 2, 3)", "(1, 10, 2, 1)", "try -layout nhwc"}},
		{[]string{"-layout", "nhwc", x, y}, []string{x, "try -layout nchw"}},
		{[]string{x, yWide}, []string{x, "(1, 2, 2, 4)"}},
		{[]string{x, yThree}, []string{x, "(1, 3, 2, 3)"}},
		{[]string{x, yNone}, []string{x, "(1, 0, 2, 3)"}},
		{[]string{x, yFlat}, []string{x, "labels of shape (60,)"}},
		{[]string{"-grad", x, x, y}, []string{x, "overwrite an input"}},
		{[]string{"-each", y, x, y}, []string{y, "overwrite an input"}},
		{[]string{"-grad", filepath.Join(dir, ".", "x.npy"), x, y}, []string{"x.npy", "overwrite an input"}},
		{[]string{"-each", grad, "-grad", grad, x, y}, []string{grad, "-grad and -each"}},
		{[]string{"-each", grad, "-grad", filepath.Join(dir, "GRAD.npy"), x, y}, []string{grad, "-grad and -each"}},
		{[]string{"-grad", dir, x, y}, []string{dir, "not a regular file"}},
		{[]string{"-grad", nowhere, x, y}, []string{nowhere}},
		{[]string{"-grad", grad, "-each", nowhere, x, y}, []string{nowhere}},
		{[]string{"-each", each, "-grad", filepath.Join(x, "grad.npy"), x, y}, []string{"grad.npy"}},
		{[]string{"-grad", grad, "-each", each, x, badLabel}, []string{badLabel}},
		{[]string{"-grad", grad, "-each", each, truncated, y}, []string{truncated}},
		{[]string{"-grad", grad, "-each", each, x, yWide}, []string{x}},
	} {
		mustFail(t, append([]string{"loss"}, c.args...), append(c.names, "focal loss: ")...)
		sameFiles(t, dir, before)
	}

	for i, c := range badNpy {
		bad := save(t, t.TempDir(), fmt.Sprintf("bad%d.npy", i), c.content)
		mustFail(t, []string{"loss", "-grad", grad, "-each", each, bad, y}, bad, c.want)
		sameFiles(t, dir, before)
	}
	// Not all of these are wrong for labels, but none fits.
	for i, c := range badNpy {
		bad := save(t, t.TempDir(), fmt.Sprintf("bad%d.npy", i), c.content)
		mustFail(t, []string{"loss", "-grad", grad, "-each", each, x, bad}, bad)
		sameFiles(t, dir, before)
	}
}

// Shapes whose product overflows unless its zero is seen must not panic: they
// hold nothing, or are refused where an int cannot hold them.
func TestVastEmptyShape(t *testing.T) {
	dir := t.TempDir()
	x := save(t, dir, "x.npy", npyBytes(1, dict("'<f4'", "False", "(9223372036854775807, 10, 0, 3)"), nil))
	y := save(t, dir, "y.npy", npyBytes(1, dict("'|u1'", "False", "(9223372036854775807, 2, 0, 3)"), nil))
	var out, errs bytes.Buffer
	switch status := run([]string{"loss", x, y}, &out, &errs); {
	case status == 0 && strings.HasPrefix(out.String(), "cells             0\n"):
	case status == 2 && strings.HasPrefix(errs.String(), "focal loss: "+x):
	default:
		t.Errorf("status %d, stdout %q, stderr %q", status, out.String(), errs.String())
	}
}

// An output that exists is replaced as a whole or, on an error, left as it was.
func TestReplaceOutput(t *testing.T) {
	dir := t.TempDir()
	x := saveNpy(t, dir, "x.npy", []int{3}, []float32{1, 2, 3})
	y := saveNpy(t, dir, "y.npy", []int{3}, []uint8{0, 1, 255})
	old := strings.Repeat("old content ", 100)
	out := save(t, dir, "out.npy", []byte(old))
	mustFail(t, []string{"loss", "-grad", out, "-each", filepath.Join(dir, "nowhere", "each.npy"), x, y}, "nowhere")
	if content, err := os.ReadFile(out); err != nil || string(content) != old {
		t.Errorf("after a failure the output holds %.50q (error %v)", content, err)
	}
	sameFiles(t, dir, []string{"out.npy", "x.npy", "y.npy"})

	mustRun(t, "loss", "-grad", out, x, y)
	if g := readFloats(t, out); !slices.Equal(g.shape, []int{3}) || !(g.data[0] > 0 && g.data[1] < 0 && g.data[2] == 0) {
		t.Errorf("gradient %v", g)
	}
}

// Links are followed: what is replaced is the file a link names, not the link.
func TestOutputLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	dir := t.TempDir()
	x := saveNpy(t, dir, "x.npy", []int{3}, []float32{1, 2, 3})
	y := saveNpy(t, dir, "y.npy", []int{3}, []uint8{0, 1, 255})
	out := save(t, dir, "out.npy", nil)
	link := func(name, target string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// A socket stands for all that is no file: if the command broke, run by
	// root, an output called /dev/null would cost the machine its /dev/null.
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	toInput, toOut, toSocket := link("to-x", x), link("to-out", out), link("to-s", socket)
	before := files(t, dir)

	mustFail(t, []string{"loss", "-grad", toInput, x, y}, toInput, "overwrite an input")
	mustFail(t, []string{"loss", "-grad", x, toInput, y}, x, "overwrite an input")
	mustFail(t, []string{"loss", "-grad", toOut, "-each", out, x, y}, out, "-grad and -each")
	mustFail(t, []string{"loss", "-grad", toSocket, x, y}, toSocket, "not a regular file")
	mustFail(t, []string{"loss", "-grad", socket, x, y}, socket, "not a regular file")
	mustFail(t, []string{"loss", os.DevNull, y}, os.DevNull, "not a regular file")

	mustRun(t, "loss", "-grad", toOut, x, y)
	if target, err := os.Readlink(toOut); err != nil || target != out {
		t.Errorf("the link is now %q (error %v)", target, err)
	}
	if g := readFloats(t, out); len(g.data) != 3 {
		t.Errorf("gradient %v", g)
	}
	sameFiles(t, dir, before)
}

func TestWriteProtectedOutput(t *testing.T) {
	dir := t.TempDir()
	x := saveNpy(t, dir, "x.npy", []int{1}, []float32{1})
	y := saveNpy(t, dir, "y.npy", []int{1}, []uint8{1})
	out := save(t, dir, "out.npy", []byte("keep"))
	if err := os.Chmod(out, 0o444); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(out, os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Skip("this user may write everything")
	}
	mustFail(t, []string{"loss", "-grad", out, x, y}, out)
	if content, err := os.ReadFile(out); err != nil || string(content) != "keep" {
		t.Errorf("the output holds %q (error %v)", content, err)
	}
}

// TestReportDigits: figures are printed with all their digits.
func TestReportDigits(t *testing.T) {
	r := report{stats: focal.Stats{Sum: 6.000000000000001, Positives: 2, Negatives: 4, Ignored: 1}, kernel: "k", nonFinite: 5, elapsed: 2 * time.Second}
	var text, doc bytes.Buffer
	if err := r.print(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.printJSON(&doc); err != nil {
		t.Fatal(err)
	}
	const want = `cells             7
positives         2
negatives         4
ignored           1
non-finite logits 5
sum               6.000000000000001
mean              1.0000000000000002
per positive      3.0000000000000004
kernel            k
time              2s
cells per second  3.5
`
	const wantDoc = `{"kernel":"k","cells":7,"positives":2,"negatives":4,"ignored":1,"sum":6.000000000000001,"mean":1.0000000000000002,"per_positive":3.0000000000000004,"seconds":2,"non_finite":5}` + "\n"
	if text.String() != want || doc.String() != wantDoc {
		t.Errorf("%s%s", &text, &doc)
	}
}

// TestNonFiniteOfHead: only the logits of the channel are counted.
func TestNonFiniteOfHead(t *testing.T) {
	inf := float32(math.Inf(1))
	c, err := focal.Shape{Batch: 2, Anchors: 1, Attrs: 2, Height: 1, Width: 2}.NCHW(1)
	if err != nil {
		t.Fatal(err)
	}
	if n := nonFinite([]float32{0, inf, 0, inf, inf, 0, 0, 0}, make([]uint8, 4), c); n != 1 {
		t.Errorf("%d", n)
	}
}

// TestDefaults: those that the help and README.md tell.
func TestDefaults(t *testing.T) {
	o, err := parseLoss([]string{"x", "y"})
	if want := (lossOptions{alpha: 0.25, gamma: 2, workers: 1, layout: nchw, attr: 4, logits: "x", labels: "y"}); err != nil || o != want {
		t.Errorf("%+v %v", o, err)
	}
}
