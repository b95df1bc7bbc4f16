package result

import (
	"bytes"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	for _, test := range []struct {
		samples []float64
		want    Summary
	}{
		{[]float64{7}, Summary{7, 7, 7}},
		{[]float64{30, 10, 20}, Summary{Median: 20, Low: 11 + 2./3, High: 28 + 1./3}},
		{[]float64{4, 1, 3, 2}, Summary{Median: 2.5, Low: 1 + 5./12, High: 3 + 7./12}},
		{[]float64{100, 1, 1, 1, 1, 1, 1, 1}, Summary{1, 1, 1}}, // one outlier moves nothing
	} {
		in := append([]float64(nil), test.samples...)
		got := Summarize(in)
		if far(got.Median, test.want.Median) || far(got.Low, test.want.Low) || far(got.High, test.want.High) {
			t.Errorf("Summarize(%v) = %+v, want %+v", test.samples, got, test.want)
		}
		if !reflect.DeepEqual(in, test.samples) {
			t.Errorf("Summarize reordered its argument to %v", in)
		}
	}
	if got := (Summary{Median: 10, Low: 9, High: 12}).Spread(); math.Abs(got-0.15) > 1e-15 {
		t.Errorf("Spread = %v, want 0.15", got)
	}
}

func TestNewSeries(t *testing.T) {
	s := NewSeries(Base("avx2", "SumGrad", 1000), 3, []float64{500, 500, 500})
	if s.NsPerElement.Median != 0.5 || s.ElementsPerSecond != 2e9 || s.GBPerSecond != 18 {
		t.Errorf("500 ns for 1000 cells of SumGrad: %+v, want 0.5 ns, 2e9 elements/s, 18 GB/s", s)
	}
	if got := NewSeries(Base("avx2", "Sum", 1000), 3, []float64{500}).GBPerSecond; got != 10 {
		t.Errorf("500 ns for 1000 cells of Sum: %v GB/s, want 10", got)
	}
}

func far(a, b float64) bool { return !(math.Abs(a-b) < 1e-12) }

func sample() *Run {
	other := Base("torch-2t", "SumGrad", 10647)
	other.Workers, other.Clip, other.Layout = 2, 1e-7, "nchw-13x13x85"
	return &Run{
		Format:     Format,
		Machine:    Machine{CPU: "A CPU", Cores: 2, Caches: Caches{L1D: 32 << 10}, Features: []string{"FMA3"}, OS: "linux", Arch: "amd64", Kernels: nil, Go: "go1.99", Commit: "0123abc+dirty"},
		Command:    "go run ./bench -quick",
		Started:    time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Seconds:    12.5,
		Rounds:     2,
		Series:     []Series{NewSeries(Base("avx2", "Sum", 16), 1000, []float64{50, 60}), NewSeries(other, 1, []float64{1.5e6, 1.25e6})},
		Bandwidths: []Bandwidth{{Level: "L1", Op: "read", Bytes: 16 << 10, Loop: "avx2", Samples: []float64{100, 90}}},
		Peaks:      []Peak{{Kernel: "avx2", Samples: []float64{55, 56}}},
		Rivals:     []Rival{{Name: "torch", About: "PyTorch 9"}},
		Absent:     []Absent{{Name: "c", Reason: "no gcc"}},
	}
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	want := sample()
	if err := want.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back:\n%+v\nwritten:\n%+v", got, want)
	}
	if got.Find(want.Series[1].Case) == nil || got.Find(Base("avx2", "Sum", 17)) != nil {
		t.Error("Find does not find what is there, or finds what is not")
	}
}

// What follows from the samples is not believed.
func TestReadRecomputes(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`"median": [0-9.]+`).ReplaceAllString(b.String(), `"median": 99`)
	got, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := 55.0 / 16; far(got.Series[0].NsPerElement.Median, want) {
		t.Errorf("median %v, want %v", got.Series[0].NsPerElement.Median, want)
	}
}

func TestReadRejects(t *testing.T) {
	for name, change := range map[string]func(*Run){
		"another format":  func(r *Run) { r.Format = 2 },
		"no figures":      func(r *Run) { r.Series, r.Bandwidths, r.Peaks = nil, nil, nil },
		"no samples":      func(r *Run) { r.Series[0].Samples = nil },
		"a zero":          func(r *Run) { r.Series[1].Samples[1] = 0 },
		"no cells":        func(r *Run) { r.Series[0].N = 0 },
		"a bad bandwidth": func(r *Run) { r.Bandwidths[0].Samples[0] = -1 },
		"a bad peak":      func(r *Run) { r.Peaks[0].Samples = nil },
	} {
		r := sample()
		change(r)
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Read(strings.NewReader("{")); err == nil {
		t.Error("half a file: no error")
	}
}

func TestWriteBenchfmt(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteBenchfmt(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := "BenchmarkFocal/impl=avx2/op=Sum/gamma=2/clip=0/n=16/workers=1/layout=contiguous/labels=realistic/logits=normal/calls=independent-2\t1000\t50 ns/op\t3.125 ns/elem\t3.2e+08 elem/s\t1.6e+09 B/s"
	if len(lines) != 5+4 || lines[5] != want {
		first := lines[min(5, len(lines)-1)]
		t.Errorf("%d lines, the first of a benchmark:\n%s\nwant %d and\n%s", len(lines), first, 5+4, want)
	}
	if lines[4] != "# commit 0123abc+dirty, go1.99" {
		t.Errorf("%q says what was measured; a key would keep benchstat from comparing it", lines[4])
	}
	name := regexp.MustCompile(`^BenchmarkFocal(/[a-z]+=[^/ ]+)+-2\t`)
	for _, l := range lines[5:] {
		if !name.MatchString(l) {
			t.Errorf("not a benchmark line: %s", l)
		}
	}
}
