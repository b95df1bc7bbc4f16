package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// A Table is figures of one run. The first column says what a row is about.
type Table struct {
	Title string
	Note  string
	Head  []string
	Rows  [][]string
	Prose bool // the last column is words, not figures
}

// ops are the operations that there are.
var ops = []string{"Sum", "SumGrad", "Each"}

// Tables returns all figures of a run.
func Tables(r *result.Run) []Table {
	v := newView(r)
	var all []Table
	for _, op := range ops {
		all = append(all, v.bySize(op))
	}
	for _, n := range v.variedSizes() {
		all = append(all, v.variations(n))
	}
	all = append(all, v.heads(), v.workers(), v.latency())
	for _, base := range v.rivalBases() {
		all = append(all, v.rivals(base))
	}
	all = append(all, v.limits(), v.absent())
	all = slices.DeleteFunc(all, func(t Table) bool { return len(t.Rows) == 0 })
	for i := range all {
		all[i].dropEmptyColumns()
	}
	return all
}

// dropEmptyColumns drops those that no row has a figure in.
func (t *Table) dropEmptyColumns() {
	for i := len(t.Head) - 1; i > 0; i-- {
		if !slices.ContainsFunc(t.Rows, func(row []string) bool { return row[i] != "" }) {
			t.Head = slices.Delete(t.Head, i, i+1)
			for r := range t.Rows {
				t.Rows[r] = slices.Delete(t.Rows[r], i, i+1)
			}
		}
	}
}

// A view is a run with what the tables and charts ask of it.
type view struct {
	*result.Run
	name    string   // of the run on a page
	kernels []string // those with series, in the library's order of preference
}

func newView(r *result.Run) *view {
	v := &view{Run: r, name: machineName(r.Machine)}
	for _, k := range r.Machine.Kernels {
		if slices.ContainsFunc(r.Series, func(s result.Series) bool { return s.Impl == string(k) }) {
			v.kernels = append(v.kernels, string(k))
		}
	}
	return v
}

// first returns the kernel that the library prefers, "" if none was measured.
func (v *view) first() string {
	if len(v.kernels) == 0 {
		return ""
	}
	return v.kernels[0]
}

// isKernel tells a kernel from a rival and from the plain loops.
func (v *view) isKernel(impl string) bool { return slices.Contains(v.kernels, impl) }

// isBase reports whether only implementation, operation and n make the case.
func isBase(c result.Case) bool { return c == result.Base(c.Impl, c.Op, c.N) }

// sizes returns the sorted numbers of cells of the series that ok accepts.
func (v *view) sizes(ok func(result.Case) bool) []int {
	var all []int
	for _, s := range v.Series {
		if ok(s.Case) {
			all = append(all, s.N)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bySize is an operation's time by kernel and number of cells.
func (v *view) bySize(op string) Table {
	t := Table{
		Title: op + " by number of cells",
		Note:  "ns per element, ± half the distance of the quartiles; gamma 2, one worker, 1 % positive and 3 % ignored labels. The rates are those of the first kernel.",
		Head:  append(append([]string{"n"}, v.kernels...), "elements/s", "GB/s"),
	}
	for _, n := range v.sizes(func(c result.Case) bool { return isBase(c) && c.Op == op && v.isKernel(c.Impl) }) {
		row := []string{thousands(n)}
		for _, k := range v.kernels {
			row = append(row, cell(v.Find(result.Base(k, op, n))))
		}
		rates := []string{"", ""}
		if s := v.Find(result.Base(v.first(), op, n)); s != nil {
			rates = []string{si(s.ElementsPerSecond), three(s.GBPerSecond)}
		}
		t.Rows = append(t.Rows, append(row, rates...))
	}
	return t
}

// varied reports whether data or parameters are not those of the base case, and
// nothing else.
func varied(c result.Case) bool {
	return !isBase(c) && c.Layout == result.Contiguous && c.Workers == 1 && c.Calls == result.Independent
}

func (v *view) variedSizes() []int {
	return v.sizes(func(c result.Case) bool { return varied(c) && v.isKernel(c.Impl) })
}

// variations is what changes the time at a number of cells.
func (v *view) variations(n int) Table {
	t := Table{
		Title: "One thing changed, n = " + thousands(n),
		Note:  "ns per element, and times that of gamma 2, realistic labels and normal logits.",
		Head:  append([]string{""}, v.columns()...),
	}
	var cases []result.Case
	for _, s := range v.Series {
		if c := s.Case; s.N == n && v.isKernel(c.Impl) && (isBase(c) || varied(c)) && c.Op != "Each" {
			c.Impl, c.Op = "", ""
			cases = append(cases, c)
		}
	}
	for _, c := range unique(cases) {
		base := c
		base.Gamma, base.Clip, base.Labels, base.Logits = 2, 0, result.Realistic, result.Normal
		t.Rows = append(t.Rows, v.row(describe(c), c, &base))
	}
	return t
}

// columns are the headings of row's cells.
func (v *view) columns() []string {
	var head []string
	for _, op := range []string{"Sum", "SumGrad"} {
		for _, k := range v.kernels {
			head = append(head, op+" "+k)
		}
	}
	return head
}

// row is a case's time for Sum and SumGrad with every kernel, and how it compares
// with the base, if there is one.
func (v *view) row(label string, c result.Case, base *result.Case) []string {
	row := []string{label}
	for _, op := range []string{"Sum", "SumGrad"} {
		for _, k := range v.kernels {
			c.Impl, c.Op = k, op
			s := v.Find(c)
			text := cell(s)
			if s != nil && base != nil && *base != c {
				base.Impl, base.Op = k, op
				if b := v.Find(*base); b != nil && *base != c {
					text = median(s.NsPerElement) + " · " + ratio(s, b, twoDigits) + "×"
				}
			}
			row = append(row, text)
		}
	}
	return row
}

// ratio spells how many times b's time a takes.
func ratio(a, b *result.Series, spell func(float64) string) string {
	return mark(a.NsPerElement, b.NsPerElement) + spell(a.NsPerElement.Median/b.NsPerElement.Median)
}

// heads compares raw heads with cells that lie one after the other, in caches and in none, and with the
// plain loops.
func (v *view) heads() Table {
	t := Table{
		Title: "Raw heads",
		Note:  "ns per element, and times the same cells one after the other, where those were measured. Cold: what a call reads and writes is in no cache before. The plain loop only gathers the channel and adds it up, and for SumGrad stores it too; the last columns are the first kernel's time, times the loop's.",
		Head:  append(append([]string{""}, v.columns()...), "Sum loop", "SumGrad loop", "Sum / loop", "SumGrad / loop"),
	}
	var cases []result.Case
	for _, s := range v.Series {
		if c := s.Case; (c.Layout != result.Contiguous || c.Calls == result.Cold) && c.Workers == 1 && v.isKernel(c.Impl) {
			c.Impl, c.Op = "", ""
			cases = append(cases, c)
		}
	}
	for _, c := range unique(cases) {
		base := c
		base.Layout = result.Contiguous
		label := layoutName(c.Layout) + ", n = " + thousands(c.N)
		if c.Calls == result.Cold {
			label += ", cold"
		}
		row := v.row(label, c, &base)
		var ratios []string
		for _, op := range []string{"Sum", "SumGrad"} {
			c.Impl, c.Op = result.Loop, op
			loop := v.Find(c)
			c.Impl = v.first()
			text := ""
			if s := v.Find(c); s != nil && loop != nil {
				text = ratio(s, loop, twoDigits) + "×"
			}
			row, ratios = append(row, cell(loop)), append(ratios, text)
		}
		t.Rows = append(t.Rows, append(row, ratios...))
	}
	return t
}

// workers compares several workers with one.
func (v *view) workers() Table {
	t := Table{
		Title: "Workers",
		Note:  "ns per element, and times the same with one worker.",
		Head:  append([]string{""}, v.columns()...),
	}
	var cases []result.Case
	for _, s := range v.Series {
		if c := s.Case; c.Workers > 1 && v.isKernel(c.Impl) {
			c.Impl, c.Op = "", ""
			cases = append(cases, c)
		}
	}
	for _, c := range unique(cases) {
		base := c
		base.Workers = 1
		t.Rows = append(t.Rows, v.row(fmt.Sprintf("%d workers, %s", c.Workers, dataName(c)), c, &base))
	}
	return t
}

// latency is the time of small calls.
func (v *view) latency() Table {
	t := Table{
		Title: "Small calls",
		Note:  "ns per call.",
		Head:  append([]string{""}, v.columns()...),
	}
	add := func(n int, calls, label string) {
		row, any := []string{label + ", n = " + thousands(n)}, false
		for _, op := range []string{"Sum", "SumGrad"} {
			for _, k := range v.kernels {
				c := result.Base(k, op, n)
				c.Calls = calls
				text := ""
				if s := v.Find(c); s != nil {
					text, any = mark(s.NsPerElement)+three(s.NsPerElement.Median*float64(n)), true
				}
				row = append(row, text)
			}
		}
		if any {
			t.Rows = append(t.Rows, row)
		}
	}
	for _, n := range v.sizes(func(c result.Case) bool { return c.Calls == result.Dependent }) {
		add(n, result.Independent, "back to back")
		add(n, result.Dependent, "each needs the last one's sum")
	}
	return t
}

// rivalBases returns the data that rivals were measured on, as cases of no
// implementation and operation.
func (v *view) rivalBases() []result.Case {
	var bases []result.Case
	for _, s := range v.Series {
		if c := s.Case; !v.isKernel(c.Impl) && c.Impl != result.Loop {
			c.Impl, c.Op, c.Workers = "", "", 1
			bases = append(bases, c)
		}
	}
	return unique(bases)
}

// A contender is a kernel or a rival on some threads, with what it takes on some
// data.
type contender struct {
	name         string // without the threads
	impl         string
	threads      int
	about        string
	ours         bool
	sum, sumGrad *result.Series
}

// series returns that of an operation, nil if that was not measured.
func (c contender) series(op string) *result.Series {
	if op == "Sum" {
		return c.sum
	}
	return c.sumGrad
}

// time returns the ns per element of an operation, +Inf if that was not measured.
func (c contender) time(op string) float64 {
	if s := c.series(op); s != nil {
		return s.NsPerElement.Median
	}
	return math.Inf(1)
}

// on says on how many threads, "" for one.
func (c contender) on() string {
	if c.threads == 1 {
		return ""
	}
	return fmt.Sprintf("%d threads", c.threads)
}

// label is the name with the threads.
func (c contender) label() string {
	if c.threads == 1 {
		return c.name
	}
	return c.name + ", " + c.on()
}

// contenders returns all who took part on a base.
func (v *view) contenders(base result.Case) []contender {
	var all []contender
	for _, s := range v.Series {
		c := s.Case
		c.Impl, c.Op, c.Workers = "", "", 1
		if c != base || s.Impl == result.Loop || s.Op == "Each" {
			continue
		}
		i := slices.IndexFunc(all, func(c contender) bool { return c.impl == s.Impl && c.threads == s.Workers })
		if i < 0 {
			i = len(all)
			name, ours := strings.TrimSuffix(s.Impl, fmt.Sprintf("-%dt", s.Workers)), v.isKernel(s.Impl)
			if ours {
				name = "focal " + s.Impl
			}
			all = append(all, contender{name: name, impl: s.Impl, threads: s.Workers, ours: ours, about: v.about(s.Impl)})
		}
		if s.Op == "Sum" {
			all[i].sum = &s
		} else {
			all[i].sumGrad = &s
		}
	}
	return all
}

// versusFirst returns how many times the first kernel's time a contender takes for an
// operation, on as many threads; "" if one of them was not measured.
func (v *view) versusFirst(c contender, all []contender, op string) string {
	i := slices.IndexFunc(all, func(o contender) bool { return o.impl == v.first() && o.threads == c.threads })
	if i < 0 || all[i].series(op) == nil || c.series(op) == nil {
		return ""
	}
	return ratio(c.series(op), all[i].series(op), three) + "×"
}

// copyNote says what the times of PyTorch on a raw head contain; "" for other data,
// and without PyTorch.
func copyNote(base result.Case, all []contender) string {
	torch := func(c contender) bool { return strings.HasPrefix(c.impl, "torch") }
	if base.Layout == result.Contiguous || !slices.ContainsFunc(all, torch) {
		return ""
	}
	return "PyTorch runs the usual code, which permutes and copies the whole tensor before it takes the channel; " +
		"only Sum, compiled, goes without the copy. The copy also serves the losses of boxes and classes, " +
		"and the gradient is that of all attributes. The others touch one channel."
}

func (v *view) about(impl string) string {
	for _, r := range v.Rivals {
		if r.Name == impl {
			return r.About
		}
	}
	return ""
}

// rivals compares everyone with the first kernel.
func (v *view) rivals(base result.Case) Table {
	all := v.contenders(base)
	slices.SortStableFunc(all, func(a, b contender) int { return cmp.Compare(a.time("SumGrad"), b.time("SumGrad")) })
	t := Table{
		Title: "Rivals, " + dataName(base),
		Note:  strings.TrimSpace("ns per element, and times the first kernel on as many threads, where that was measured. " + wholeJob + " " + copyNote(base, all)),
		Head:  []string{"", "Sum", "", "SumGrad", "", "what it is"},
		Prose: true,
	}
	for _, c := range all {
		t.Rows = append(t.Rows, []string{
			c.label(), cell(c.sum), v.versusFirst(c, all, "Sum"), cell(c.sumGrad), v.versusFirst(c, all, "SumGrad"), c.about,
		})
	}
	return t
}

// wholeJob says what every rival does, and has done to take part.
const wholeJob = "Each does the whole job: it leaves ignored cells out and reduces to the sum, and for SumGrad computes the gradient. Each has shown first that it computes the same, a float32 sum as far as its additions let it."

// limits is what one core can do at most.
func (v *view) limits() Table {
	t := Table{
		Title: "What one core can do at most",
		Head:  []string{"", "", ""},
		Prose: true,
	}
	for _, b := range v.Bandwidths {
		s := result.Summarize(b.Samples)
		verb := map[string]string{"read": "read", "copy": "read and write"}[b.Op]
		t.Rows = append(t.Rows, []string{b.Level + " " + verb + ", " + b.Loop, median(s) + " GB/s", "working set " + sizeOf(b.Bytes)})
	}
	for _, p := range v.Peaks {
		s := result.Summarize(p.Samples)
		t.Rows = append(t.Rows, []string{"multiply-adds, " + p.Kernel, median(s) + " G/s", "of float32 numbers"})
	}
	return t
}

func (v *view) absent() Table {
	t := Table{Title: "Not measured", Head: []string{"", ""}, Prose: true}
	for _, a := range v.Absent {
		t.Rows = append(t.Rows, []string{a.Name, a.Reason})
	}
	return t
}

// unique returns cases without repetitions, in order.
func unique(cases []result.Case) []result.Case {
	var all []result.Case
	for _, c := range cases {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// describe says in which way data and parameters of a case are not those of the
// base case.
func describe(c result.Case) string {
	var parts []string
	base := result.Base(c.Impl, c.Op, c.N)
	if c.Gamma != base.Gamma {
		parts = append(parts, fmt.Sprintf("gamma %v", c.Gamma))
	}
	if c.Clip != base.Clip {
		parts = append(parts, fmt.Sprintf("clip %v", c.Clip))
	}
	if c.Labels != base.Labels {
		parts = append(parts, "labels "+c.Labels)
	}
	if c.Logits != base.Logits {
		parts = append(parts, "logits "+c.Logits)
	}
	if parts == nil {
		return "nothing changed"
	}
	return strings.Join(parts, ", ")
}

// layoutName spells a layout.
func layoutName(layout string) string {
	kind, shape, ok := strings.Cut(layout, "-")
	if !ok {
		return layout
	}
	return strings.ToUpper(kind) + " " + shape
}

// dataName says what rivals were measured on.
func dataName(base result.Case) string {
	if base.Layout == result.Contiguous {
		return "n = " + thousands(base.N)
	}
	return fmt.Sprintf("raw head %s, n = %s", layoutName(base.Layout), thousands(base.N))
}
