package suite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/bench/internal/probe"
	"github.com/seed1982febc/focal/bench/internal/result"
	"github.com/seed1982febc/focal/bench/internal/rival"
)

const testdataDir = "../../../testdata"

// Every case that can be measured here runs, on data of its own kind.
func TestCases(t *testing.T) {
	kernels := focal.Kernels()
	names := make(map[string]bool)
	for _, c := range defaultCases(kernels, 2) {
		if names[c.Name()] {
			t.Errorf("%s is there twice", c.Name())
		}
		names[c.Name()] = true
	}
	for _, want := range []string{
		"impl=generic/op=Each/gamma=2/clip=0/n=681408/",
		"op=Sum/gamma=0/clip=0/n=10647/", "op=SumGrad/gamma=1/", "op=SumGrad/gamma=2.3/", "/clip=1e-07/",
		"/labels=negative/", "/labels=half-positive/", "/labels=third-ignored/", "/labels=testdata/logits=testdata/",
		"/logits=saturated/", "/logits=subnormal/", "/layout=nchw-13x13x85/", "/layout=nhwc-13x13x85/",
		"impl=loop/op=SumGrad/gamma=2/clip=0/n=1362816/workers=1/layout=nhwc-52x52x85/", "/n=16/workers=1/layout=contiguous/labels=realistic/logits=normal/calls=dependent",
		"/n=681408/workers=1/layout=nchw-52x52x85/labels=realistic/logits=normal/calls=cold",
	} {
		if !slices.ContainsFunc(sortedKeys(names), func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no case has %s", want)
		}
	}
	if !slices.Contains(kernels, "avx2") {
		t.Log("no AVX2 here: fewer cases")
	}

	cases := slices.DeleteFunc(defaultCases(kernels, 2), func(c result.Case) bool { return c.N > 30_000 })
	head, err := readHead(testdataDir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newData(cases, head)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		run, err := d.timer(c)
		if err == nil {
			_, err = run(1)
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
}

// Several workers are timed where the library makes use of all of them, and there on as many threads as some rivals.
func TestWorkers(t *testing.T) {
	kernels := []focal.Kernel{"avx2", "generic"}
	for cores, want := range map[int][]int{1: nil, 2: {batch, largest}, 10: {batch, largest}, 11: {largest}, 300: nil} {
		for _, cases := range [][]result.Case{defaultCases(kernels, cores), quickCases(kernels, cores)} {
			var got []int
			for _, c := range cases {
				if c.Workers > 1 && c.Op == "Sum" {
					got = append(got, c.N)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d cores: several workers share %v cells, want %v", cores, got, want)
			}
			want = slices.DeleteFunc(want, func(n int) bool { return n == largest }) // as quick
		}
	}
	if !slices.Contains(rivalBases(false), result.Base("", "", batch)) {
		t.Error("no rivals on a batch")
	}
}

func sortedKeys(m map[string]bool) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestData(t *testing.T) {
	const n = 100_000
	for _, test := range []struct {
		kind              string
		positive, ignored float64
	}{
		{result.Realistic, 0.01, 0.03}, {allNegative, 0, 0}, {halfPositive, 0.5, 0}, {thirdIgnored, 0.01, 1. / 3},
	} {
		stats, err := focal.Count(makeLabels(test.kind, n))
		if err != nil {
			t.Fatal(err)
		}
		if p, i := float64(stats.Positives)/n, float64(stats.Ignored)/n; math.Abs(p-test.positive) > 0.005 || math.Abs(i-test.ignored) > 0.005 {
			t.Errorf("%s: %v positive, %v ignored, want %v and %v", test.kind, p, i, test.positive, test.ignored)
		}
	}
	for _, test := range []struct {
		kind string
		ok   func(x float32) bool
	}{
		{result.Normal, func(x float32) bool { return x > -20 && x < 12 }},
		{saturated, func(x float32) bool { return x == 60 || x == -60 }},
		{subnormal, func(x float32) bool { return x >= -35 && x <= -30 }},
	} {
		x := makeLogits(test.kind, n)
		if i := slices.IndexFunc(x, func(x float32) bool { return !test.ok(x) }); i >= 0 {
			t.Errorf("%s: logit %v", test.kind, x[i])
		}
		if slices.Min(x) == slices.Max(x) {
			t.Errorf("%s: all logits are %v", test.kind, x[0])
		}
	}
	x := makeLogits(result.Normal, n)
	sum, squares := 0.0, 0.0
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	mean := sum / n
	if sd := math.Sqrt(squares/n - mean*mean); math.Abs(mean+4) > 0.05 || math.Abs(sd-2.5) > 0.05 {
		t.Errorf("normal logits have mean %v and deviation %v, want -4 and 2.5", mean, sd)
	}
}

// The cells of the head in testdata are those that its channel names.
func TestReadHead(t *testing.T) {
	h, err := readHead(testdataDir)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := focal.New(alpha, 2)
	if err != nil {
		t.Fatal(err)
	}
	channel, err := headChannel(nchwTestdata, headCells)
	if err != nil {
		t.Fatal(err)
	}
	head, err := loss.Head(channel)
	if err != nil {
		t.Fatal(err)
	}
	want, err := head.Sum(h.tensor, h.labels)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loss.Sum(h.cells, h.labels); err != nil || got != want {
		t.Errorf("cells give %+v (error %v), the head %+v", got, err, want)
	}
	if mean := want.Mean(); !(math.Abs(mean/0.0022017525835695308-1) < 2e-7) {
		t.Errorf("mean %v", mean)
	}
}

func TestHeadShape(t *testing.T) {
	if _, err := headShape(nchw13, 506); err == nil {
		t.Error("506 cells are no whole number of 13x13 heads of three anchors: no error")
	}
	if _, err := headShape("nchw-9x9x9", 81); err == nil {
		t.Error("an unknown layout: no error")
	}
	s, err := headShape(nhwc52, nhwcCells)
	if err != nil || s.Batch != 168 {
		t.Errorf("%d cells are %+v (error %v), want a batch of 168", nhwcCells, s, err)
	}
}

func TestGather(t *testing.T) {
	for n := 1; n <= 11; n++ {
		const stride = 3
		x := make([]float32, (n-1)*stride+2)
		want := float32(0)
		for i := range x {
			x[i] = 1000
		}
		for i := range n {
			x[i*stride] = float32(i + 1)
			want += float32(i + 1)
		}
		if got := gather(x, stride); got != want {
			t.Errorf("gather of %d gives %v, want %v", n, got, want)
		}
		out := make([]float32, len(x))
		if got := gatherStore(out, x, stride); got != want {
			t.Errorf("gatherStore of %d gives %v, want %v", n, got, want)
		}
		for i, v := range out {
			if want := x[i]; i%stride == 0 && v != want || i%stride != 0 && v != 0 {
				t.Errorf("gatherStore of %d stores %v at %d", n, v, i)
			}
		}
	}
}

// Progress counts the rivals on all data.
func TestRivalsProgress(t *testing.T) {
	bases := []result.Case{result.Base("", "", 100), result.Base("", "", 200)}
	d, err := newData(bases, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	opts := rival.Options{Names: []string{"go", "vek"}}
	f, err := d.openRivals(t.Context(), bases, opts, func(_ string, done, all int) {
		told = append(told, fmt.Sprintf("%d of %d", done, all))
	})
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	if want := []string{"0 of 4", "1 of 4", "2 of 4", "3 of 4"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestRun(t *testing.T) {
	full := defaultPlan
	defer func() { defaultPlan = full }()
	defaultPlan = plan{sample: time.Millisecond, minRounds: 3, maxRounds: 3}

	var stages []string
	opts := Options{
		Only:     regexp.MustCompile(`gamma=2/clip=0/n=10647/workers=1/layout=contiguous/labels=realistic/logits=normal|labels=testdata|limit=(L1|multiply)`),
		Testdata: "nowhere",
		Progress: func(stage string, done, all int) {
			if done < 0 || done >= all {
				t.Errorf("%s: %d of %d", stage, done, all)
			}
			if !slices.Contains(stages, stage) {
				stages = append(stages, stage)
			}
		},
	}
	opts.Rivals.Names = []string{"go"}
	run, err := Run(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, impl := range []string{string(focal.Kernels()[0]), "generic", "go"} {
		for _, op := range reductions {
			s := run.Find(result.Base(impl, op, image))
			if s == nil || len(s.Samples) != 3 {
				t.Errorf("%s of %s: %+v, want 3 samples", op, impl, s)
			}
		}
	}
	if want := len(ops)*len(focal.Kernels()) + len(reductions); len(run.Series) != want {
		t.Errorf("%d series, want %d", len(run.Series), want)
	}
	if l1 := 2 * min(1, run.Machine.Caches.L1D); len(run.Bandwidths) != l1 || len(run.Peaks) != len(probe.All())-1 {
		t.Errorf("bandwidths %v, want %d; peaks %v", run.Bandwidths, l1, run.Peaks)
	}
	if run.Rounds != 3 || len(run.Rivals) != 1 || run.Rivals[0].Name != "go" || len(run.Absent) != 1 || run.Absent[0].Name != testdata {
		t.Errorf("%d rounds, rivals %v, absent %v", run.Rounds, run.Rivals, run.Absent)
	}
	if want := []string{"making data", "starting the rivals", "calibrating", "measuring"}; !slices.Equal(stages, want) {
		t.Errorf("stages %q, want %q", stages, want)
	}

	opts.Only = regexp.MustCompile(`no such case`)
	if _, err := Run(context.Background(), opts); err == nil {
		t.Error("no case: no error")
	}
	t.Setenv("FOCAL_BENCH_PYTHON", "no-such-python")
	opts.Rivals.Names, opts.Only = []string{"numpy"}, regexp.MustCompile(`impl=numpy`)
	if _, err := Run(context.Background(), opts); err == nil || !strings.Contains(err.Error(), "no case to measure; numpy: ") || !strings.Contains(err.Error(), "no-such-python") {
		t.Errorf("only a rival that is absent: error %v, want the reason", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	opts.Quick, opts.Only = true, nil
	if _, err := Run(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: error %v", err)
	}
}
