package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

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
		"\nNHWC 13x13x85, n = 10,647  0.800 · 1.60×  1.20 · 1.60×  96.0 · 1.60×  0.960 · 1.60×  1.44 · 1.60×  115 · 1.60×  0.400 ±1%  0.480 ±1%  2.00×  2.00×\n",
		"\n2 workers, n = 681,408  0.260 · 0.51×",
		"\nback to back, n = 16  64.0  96.0",
		"\neach needs the last one's sum, n = 16  88.0  132",
		"\nfocal avx512  0.500 ±1%  1.00×  0.600 ±1%  1.00×\n",
		"\ntorch, 2 threads  60.0 ±1%  72.0 ±1%  PyTorch eager, 2 threads\n",
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

// In a terminal notes are not too wide, and columns stay where they are although a row ends early.
func TestTextLayout(t *testing.T) {
	r := readSample(t)
	var b strings.Builder
	if err := WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if i := strings.Index(text, " \n"); i >= 0 {
		t.Errorf("a line ends with a space: %q", text[max(0, i-80):i+1])
	}
	if long := regexp.MustCompile(`.{101}`).FindString(wrap(Tables(r)[0].Note + " " + wholeJob)); long != "" {
		t.Errorf("a line of a note is longer than %s", long)
	}
	for _, table := range Tables(r) {
		if table.Note != "" && !strings.Contains(text, "\n"+table.Title+"\n"+wrap(table.Note)) {
			t.Errorf("no note, or one that is not wrapped, below %s", table.Title)
		}
	}
	column := -1
	for _, line := range strings.Split(text, "\n") {
		if _, after, ok := strings.Cut(line, "Sum loop"); ok && after != "" {
			column = utf8.RuneCountInString(line) - utf8.RuneCountInString(after) - len("Sum loop")
		}
		if i := strings.Index(line, "0.400 ±1%"); column > 0 && i >= 0 && utf8.RuneCountInString(line[:i]) != column {
			t.Errorf("the loop's time is not below its heading at %d: %s", column, line)
		}
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
		"<b>0.500</b><span>ns</span><div>Sum per element</div>",
		"<div class=\"of\">avx512, n\u00a0=\u00a010,647, one\u00a0thread</div>",
		"<b>200</b><span>×</span><div>as fast as PyTorch eager</div><div class=\"of\">SumGrad, avx512, n",
		`<title>avx2, n = 10,647: 0.750 ±1% ns</title>`,
		`gamma 0, n = 10,647: 0.450 ns`, // on a roofline
		`<div class="name">torch <small>2 threads</small></div>`, `<div class="value">72.0</div>`,
		`<dt>go</dt><dd>naive Go loop, float64</dd>`,
		"multiplications/byte", "G multiplications/s",
		"model, not measured", "4.50, 1.50 ns at 3 GHz", "3.25",
		"prefers-color-scheme: dark", `name="viewport"`,
		"go run ./bench report a&amp;b.json", "Working sets: L1 16 KiB, L2 512 KiB, L3 16 MiB, DRAM 256 MiB.",
		"<dt>NCHW 13x13x85</dt>", "figure { margin: 0; max-width: 440px; }",
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

// Results of one name can be told apart.
func TestNames(t *testing.T) {
	name := func(change func(*result.Run)) *view {
		r := readSample(t)
		r.Machine.Name = "A"
		change(r)
		return newView(r)
	}
	views := []*view{
		name(func(r *result.Run) { r.Machine.Name = "B" }),
		name(func(r *result.Run) { r.Machine.Commit = "f00" }),
		name(func(r *result.Run) { r.Started = r.Started.AddDate(0, 0, 1) }),
		name(func(r *result.Run) {}),
		name(func(r *result.Run) {}),
	}
	day := views[3].Started.Format("2006-01-02 15:04")
	tellApart(views)
	for i, want := range []string{
		"B", "A, f00", "A, 0123456789ab, " + views[2].Started.Format("2006-01-02 15:04"),
		"A, 0123456789ab, " + day + ", result 4", "A, 0123456789ab, " + day + ", result 5",
	} {
		if got := views[i].name; got != want {
			t.Errorf("result %d is called %q, want %q", i, got, want)
		}
	}
	var b bytes.Buffer
	if err := WriteHTML(&b, []*result.Run{views[0].Run, views[1].Run, views[3].Run}, nil, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<h2>A, f00</h2>`, `<div class="group">A, f00</div>`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}

// texts returns the text tables and the page of a run.
func texts(t *testing.T, r *result.Run) (tables, page string) {
	t.Helper()
	var text, html strings.Builder
	if err := WriteText(&text, r); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(&html, []*result.Run{r}, nil, ""); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`  +`).ReplaceAllString(text.String(), "  "), html.String()
}

// Rivals on two threads are compared with the kernel on two.
func TestThreads(t *testing.T) {
	r := readSample(t)
	for _, op := range []string{"Sum", "SumGrad"} {
		s := *r.Find(result.Base("avx512", op, image))
		s.Workers = 2
		s.NsPerElement.Median /= 2
		r.Series = append(r.Series, s)
	}
	tables, page := texts(t, r)
	if want := "\ntorch, 2 threads  60.0 ±1%  240×  72.0 ±1%  240×"; !strings.Contains(tables, want) {
		t.Errorf("no %q in the tables:\n%s", want, tables)
	}
	if want := `<div class="value">72.0 · 240×</div>`; !strings.Contains(page, want) {
		t.Errorf("no %q in the page", want)
	}
}

// Heads in no cache are compared with the same cells in none.
func TestCold(t *testing.T) {
	r := readSample(t)
	for i, layout := range []string{result.Contiguous, "nchw-13x13x85"} {
		c := result.Base("avx512", "Sum", image)
		c.Layout, c.Calls = layout, result.Cold
		r.Series = append(r.Series, result.NewSeries(c, 1, []float64{float64(i+2) * image}))
	}
	tables, _ := texts(t, r)
	for _, want := range []string{"\ncontiguous, n = 10,647, cold  2.00", "\nNCHW 13x13x85, n = 10,647, cold  3.00 · 1.50×"} {
		if !strings.Contains(tables, want) {
			t.Errorf("no %q in the tables:\n%s", want, tables)
		}
	}
}

// A figure that was not steady is marked, and the mark explained.
func TestUnsteady(t *testing.T) {
	const explained = unsteadyMark + " marks"
	r := readSample(t)
	if tables, page := texts(t, r); strings.Contains(tables+page, unsteadyMark) {
		t.Errorf("steady figures are marked:\n%s", tables)
	}
	s := r.Find(result.Base("torch", "Sum", image))
	*s = result.NewSeries(s.Case, 1, []float64{image, 2 * image, 3 * image})
	tables, page := texts(t, r)
	for _, want := range []string{explained, "\ntorch  ≈2.00 ±42%  ≈4.00×"} {
		if !strings.Contains(tables, want) {
			t.Errorf("no %q in the tables:\n%s", want, tables)
		}
	}
	for _, want := range []string{
		explained, `<div class="value unsteady">≈2.00 · ≈4.00×</div>`, `<td class="unsteady">≈2.00 ±42%</td>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
}

// A figure of two is marked if either was not steady.
func TestUnsteadyRatio(t *testing.T) {
	r := readSample(t)
	for _, base := range []result.Case{result.Base("avx512", "SumGrad", image), result.Base("torch", "Sum", image)} {
		s := r.Find(base)
		median := s.NsPerElement.Median * image
		*s = result.NewSeries(s.Case, 1, []float64{median / 2, median, 1.5 * median})
	}
	tables, page := texts(t, r)
	for _, want := range []string{
		"\ngamma 0  0.450 · 0.90×  0.675 · 0.90×  54.0 · 0.90×  0.540 · ≈0.90×  0.810 · 0.90×",
		"\ntorch  ≈100 ±42%  ≈200×  120 ±1%  ≈200×",
	} {
		if !strings.Contains(tables, want) {
			t.Errorf("no %q in the tables:\n%s", want, tables)
		}
	}
	for _, want := range []string{
		`<b class="unsteady">≈0.600</b><span>ns</span>`, `<b class="unsteady">≈200</b><span>×</span>`,
		`<div class="value unsteady">120 · ≈200×</div>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
}

// On raw heads the report says what PyTorch does more.
func TestCopyNote(t *testing.T) {
	const note = "only Sum, compiled, goes without the copy"
	r := readSample(t)
	if tables, page := texts(t, r); strings.Contains(tables+page, note) {
		t.Error("a note on heads without rivals on a head")
	}
	s := *r.Find(result.Base("torch", "Sum", image))
	s.Layout = "nchw-13x13x85"
	r.Series = append(r.Series, s)
	if tables, page := texts(t, r); strings.Count(tables, note) != 1 || strings.Count(page, note) != 2 {
		t.Error("no note on heads in the tables, or in the page with the bars and with the table")
	}
}

// Bars of all operations have one axis, dots one that holds them all; what was not steady is hollow.
func TestBars(t *testing.T) {
	r := readSample(t)
	s := r.Find(result.Base("avx2", "SumGrad", batch))
	s.Samples[0], s.Samples[1] = s.Samples[0]/2, s.Samples[1]*2
	*s = result.NewSeries(s.Case, 1, s.Samples)
	bars := machineBars([]*view{newView(r)}, batch)
	if len(bars) != 2 || !reflect.DeepEqual(bars[0].Ticks, bars[1].Ticks) {
		t.Fatalf("not two on one axis: %+v", bars)
	}
	sum, sumGrad := bars[0].Groups[0].Rows, bars[1].Groups[0].Rows
	for at, want := range map[float64]float64{sum[0].At: 100 / 0.51 / 2, sumGrad[0].At: 100 / 0.612 / 2} { // up to 2
		if math.Abs(at-want) > 1e-3 {
			t.Errorf("a bar ends at %v %%, want %v", at, want)
		}
	}
	if name := bars[0].Groups[0].Name; name != "" {
		t.Errorf("the one machine is called %s", name)
	}
	if sum[1].Unsteady || !sumGrad[1].Unsteady {
		t.Errorf("not steady: %+v, want the second of SumGrad", bars)
	}
	v := newView(r)
	axis := v.rivalAxis(v.rivalBases())
	if at := axis.at(0.5); at < 1 || at > 10 {
		t.Errorf("the fastest is at %v %%", at)
	}
	if at := axis.at(120); at < 90 || at > 99 {
		t.Errorf("the slowest is at %v %%", at)
	}
	if ticks := axis.ticks(); len(ticks) != 3 || ticks[0].Label != "1" {
		t.Errorf("ticks %v, want 1, 10 and 100", ticks)
	}
	_, page := texts(t, r)
	for _, want := range []string{
		`<div class="bar ink-avx2 hollow" style="width:`, `<div class="dot ink-other" style="left:`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Roofs that coincide are named together.
func TestRoofs(t *testing.T) {
	r := readSample(t)
	const together = "The roofs of avx512 and avx2 coincide."
	_, page := texts(t, r)
	if strings.Contains(page, together) ||
		!strings.Contains(page, ">avx512 60.0 G/s<") || !strings.Contains(page, ">avx2 58.0 G/s<") {
		t.Error("roofs of 60 and 58 are one, or have no name")
	}
	r.Peaks[1].Samples = []float64{59}
	if _, page := texts(t, r); !strings.Contains(page, together) || !strings.Contains(page, ">avx512 and avx2 60.0 G/s<") {
		t.Error("roofs of 60 and 59 are two")
	}
}

// The points of a roofline take up most of it, and say their gamma; the most cells have a point too.
func TestRooflineRange(t *testing.T) {
	for _, op := range []string{"Sum", "SumGrad"} {
		chart, err := newView(readSample(t)).roofline(op, map[string]string{"Sum": "read", "SumGrad": "copy"}[op])
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{">0<", ">2 · 6", ">L1 ", " GB/s<", "n = 681,408"} {
			if !strings.Contains(string(chart), want) {
				t.Errorf("%s: no %q", op, want)
			}
		}
		var height, lowest float64
		if _, err := fmt.Sscanf(string(chart), `<svg viewBox="0 0 400 %f"`, &height); err != nil {
			t.Fatal(err)
		}
		for _, tip := range regexp.MustCompile(`class="tip" cx="[0-9.]+" cy="([0-9.]+)"`).FindAllStringSubmatch(string(chart), -1) {
			y, err := strconv.ParseFloat(tip[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			lowest = max(lowest, y)
		}
		if lowest < 0.6*height || lowest > 0.9*height {
			t.Errorf("%s: the lowest point is at %v of %v", op, lowest, height)
		}
	}
}

// A model's operations are beside each other, and one kernel has no column.
func TestModelTable(t *testing.T) {
	m := Model{Rows: []ModelRow{
		{Core: "C", Kernel: "neon", Op: "Sum", Gamma: 1, CyclesPerElement: 2, Limit: "ports"},
		{Core: "C", Kernel: "neon", Op: "Sum", Gamma: 2, CyclesPerElement: 3, Limit: "ports"},
		{Core: "C", Kernel: "neon", Op: "SumGrad", Gamma: 1, CyclesPerElement: 4, Limit: "ports"},
		{Core: "C", Kernel: "neon", Op: "SumGrad", Gamma: 2, CyclesPerElement: 5, Limit: "division", GHz: 2},
	}}
	want := [][]string{
		{"core", "gamma", "Sum", "SumGrad", "limited by"},
		{"C", "1", "2.00", "4.00", "ports"}, {"C", "2", "3.00", "", "ports"},
		{"C", "2", "", "5.00, 2.50 ns at 2 GHz", "division"},
	}
	if got := append([][]string{m.table().Head}, m.table().Rows...); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	m.Rows[3].Kernel = "sve"
	if table := m.table(); table.Head[1] != "kernel" || table.Rows[2][1] != "sve" {
		t.Errorf("of two kernels %q, %q", table.Head, table.Rows)
	}
}

// What a run lacks, the page leaves out.
func TestWriteHTMLSparse(t *testing.T) {
	for name, cut := range map[string]func(*result.Run){
		"one series": func(r *result.Run) { r.Series = r.Series[:1] },
		"no series":  func(r *result.Run) { r.Series = nil },
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
		"", "[]", `{"title": "no rows"}`, `{"rows": [{"core": "c", "op": "Sum", "cycles_per_element": 0}]}`,
		`{"rows": [{"op": "Sum", "cycles_per_element": 1}]}`,
		`{"rows": [{"core": "c", "op": "Mean", "cycles_per_element": 1}]}`,
		`{"rows": [{"core": "c", "op": "Sum", "cycles_per_element": 1, "ghz": -1}]}`,
		`{"rows": [{"core": "c", "op": "Sum", "cycles_per_element": 1, "gigahertz": 3}]}`,
	} {
		if _, err := ReadModel(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestDecades(t *testing.T) {
	for _, test := range []struct {
		min, max float64
		want     string
	}{{22, 70, "30 40 50 60"}, {0.4, 100, "0.5 1 2 5 10 20 50 100"}, {0.4, 2000, "1 10 100 1k"}} {
		var labels []string
		for _, tick := range decades(test.min, test.max, 300) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != test.want {
			t.Errorf("from %v to %v: %s, want %s", test.min, test.max, got, test.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{three(0.1234), "0.123"}, {three(1.234), "1.23"}, {three(12.34), "12.3"}, {three(1234), "1234"},
		{si(999), "999"}, {si(1.5e6), "1.50M"}, {si(2e9), "2.00G"}, {si(3e12), "3000G"},
		{thousands(7), "7"}, {thousands(999), "999"}, {thousands(1000), "1,000"}, {thousands(16777216), "16,777,216"},
		{sizeOf(32 << 10), "32 KiB"}, {sizeOf(1 << 20), "1 MiB"}, {sizeOf(3 << 19), "1.5 MiB"},
		{plain(0.1 + 0.2), "0.3"}, {plain(1000), "1000"}, {short(500), "500"}, {short(20000), "20k"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
