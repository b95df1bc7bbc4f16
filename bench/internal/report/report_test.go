package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed1982febc/focal/bench/internal/result"
)

func readSample(t *testing.T) *result.Run {
	t.Helper()
	f, err := os.Open("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readModel(t *testing.T) *Model {
	t.Helper()
	f, err := os.Open("testdata/model.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := ReadModel(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWriteText(t *testing.T) {
	var b strings.Builder
	if err := WriteText(&b, readSample(t)); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`  +`).ReplaceAllString(b.String(), "  ")
	for _, want := range []string{
		"Sample CPU <1>\n2 CPUs, caches L1d 32 KiB, L2 1 MiB, L3 32 MiB\nlinux/amd64, go1.25.0, commit 0123456789ab\n",
		"go run ./bench -o sample.json, 2030-01-02: 3 rounds in 100 s\n",
		"\nn  avx512  avx2  generic  elements/s  GB/s\n",
		"\n10,647  0.500 ±1%  0.750 ±1%  60.0 ±1%  2.00G  10.0\n", // Sum: 0.5 ns for 5 bytes
		"\n10,647  0.600 ±1%  0.900 ±1%  72.0 ±1%  1.67G  15.0\n", // SumGrad: 0.6 ns for 9 bytes
		"\ngamma 0  0.450 · 0.90×  0.675 · 0.90×",
		"\nclip 1e-07  0.550 · 1.10×",
		"\nNCHW 13x13x85, n = 10,647  0.600 · 1.20×",
		"\nNHWC 13x13x85, n = 10,647  0.800 · 1.60×  1.20 · 1.60×  96.0 · 1.60×  0.960 · 1.60×  1.44 · 1.60×  115 · 1.60×  0.400 ±1%  0.480 ±1%\n",
		"\n2 workers, n = 681,408  0.260 · 0.51×",
		"\nback to back, n = 16  64.0  96.0",
		"\neach needs the last one's sum, n = 16  88.0  132",
		"\nfocal avx512  0.500 ±1%  1.00×  0.600 ±1%  1.00×\n",
		"\ntorch-2t  60.0 ±1%  120×  72.0 ±1%  120×  PyTorch eager, 2 threads\n",
		"\nL1 read, avx512  180 GB/s  working set 16 KiB\n",
		"\nmultiply-adds, avx2  58.0 G/s  of float32 numbers\n",
		"\nnumpy  No module named 'numpy'\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the tables", want)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestWriteHTML(t *testing.T) {
	arm := readSample(t)
	arm.Machine.Name, arm.Machine.Kernels = "Other machine", arm.Machine.Kernels[1:]
	var b bytes.Buffer
	if err := WriteHTML(&b, []*result.Run{readSample(t), arm}, readModel(t), "go run ./bench report a&b.json"); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"<h2>Sample CPU &lt;1&gt;</h2>", "<h2>Other machine</h2>", "<li>Sample CPU &lt;1&gt;, 2 CPUs",
		`<b>0.500</b><span>ns</span><div>Sum per element, avx512</div>`,
		`<b>200</b><span>×</span><div>as fast as PyTorch eager, SumGrad</div>`,
		`<title>avx2, n = 10,647: 0.750 ±1% ns</title>`,
		`gamma 0, n = 10,647: 0.450 ns`, // on a roofline
		`<div class="value">72.0 · 120×</div>`,
		"model, not measured", "1.50 at 3 GHz", "3.25",
		"prefers-color-scheme: dark", `name="viewport"`,
		"go run ./bench report a&amp;b.json",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	// The page is all there is: no script, nothing from elsewhere, no placeholder.
	for _, unwanted := range []string{"<script", "http://", "https://", "url(", "src=", "href=", "#FEDC", "ZgotmplZ", "NaN", "Inf"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("%q in the page", unwanted)
		}
	}
	charts := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	if len(charts) != 2*(3+2) {
		t.Errorf("%d charts, want three of time and two of roofs for each machine", len(charts))
	}
	for _, chart := range charts {
		dec := xml.NewDecoder(strings.NewReader(chart))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("a chart is not well formed: %v\n%s", err, chart)
			}
		}
		if !strings.Contains(chart, "var(--avx2)") {
			t.Error("a chart without the page's colour of avx2")
		}
	}
}

// What a run lacks, the page leaves out.
func TestWriteHTMLSparse(t *testing.T) {
	for name, cut := range map[string]func(*result.Run){
		"one series": func(r *result.Run) { r.Series = r.Series[:1] },
		"no kernel":  func(r *result.Run) { r.Machine.Kernels = nil },
		"no limits":  func(r *result.Run) { r.Bandwidths, r.Peaks, r.Machine.Caches = nil, nil, result.Caches{} },
		"no CPU":     func(r *result.Run) { r.Machine.CPU, r.Machine.Commit = "", "" },
	} {
		r := readSample(t)
		cut(r)
		var page bytes.Buffer
		if err := WriteHTML(&page, []*result.Run{r}, nil, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := page.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || strings.Contains(s, "not measured</span>") {
			t.Errorf("%s: the page has a figure that is none, or a model", name)
		}
		if err := WriteText(io.Discard, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadModelRejects(t *testing.T) {
	for _, text := range []string{
		"", "[]", `{"title": "no rows"}`, `{"rows": [{"core": "c", "cycles_per_element": 0}]}`,
		`{"rows": [{"cycles_per_element": 1}]}`, `{"rows": [{"core": "c", "cycles_per_element": 1, "ghz": -1}]}`,
		`{"rows": [{"core": "c", "cycles_per_element": 1, "gigahertz": 3}]}`,
	} {
		if _, err := ReadModel(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{three(0.1234), "0.123"}, {three(1.234), "1.23"}, {three(12.34), "12.3"}, {three(1234), "1234"},
		{si(999), "999"}, {si(1.5e6), "1.50M"}, {si(2e9), "2.00G"}, {si(3e12), "3000G"},
		{thousands(7), "7"}, {thousands(999), "999"}, {thousands(1000), "1,000"}, {thousands(16777216), "16,777,216"},
		{sizeOf(32 << 10), "32 KiB"}, {sizeOf(1 << 20), "1 MiB"}, {sizeOf(3 << 19), "1.5 MiB"},
		{plain(0.1 + 0.2), "0.3"}, {plain(1000), "1000"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
