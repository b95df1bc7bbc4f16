package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/klauspost/cpuid/v2"
	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/cmd/focal/internal/verify"
)

// A verifyReport is what focal verify prints.
type verifyReport struct {
	verifyOptions
	sweep  *verify.Sweep
	audits []verify.Audit // nil if the run was interrupted
}

// interruption says how far the run came.
func (r verifyReport) interruption() string {
	p := r.sweep.Plan
	s := "interrupted during the audit"
	if !r.sweep.Done() {
		done := float64(r.sweep.Logits()) / float64(p.Logits()*int64(len(p.Gammas)))
		s = fmt.Sprintf("interrupted after %.1f %%", 100*done)
	}
	if r.state != "" {
		return s + ": the same command continues"
	}
	return s
}

// failures lists the bounds and rules that what was found breaks.
func (r verifyReport) failures() []string {
	list := []string{} // not nil: JSON would call that null
	for i, t := range r.sweep.Tallies {
		fail := func(format string, args ...any) {
			list = append(list, fmt.Sprintf("gamma %v: ", r.sweep.Plan.Gammas[i])+fmt.Sprintf(format, args...))
		}
		var audit verify.Audit
		if r.audits != nil {
			audit = r.audits[i]
		}
		for _, out := range []struct {
			name   string
			errors *verify.Errors
			bound  float64
			audit  verify.Result
		}{{"loss", &t.Loss, r.boundLoss, audit.Loss}, {"gradient", &t.Grad, r.boundGrad, audit.Grad}} {
			if v := out.errors.First; v != nil {
				fail("rule %q broken by %d results, first by the %s %v where the exact one is %v, at %s",
					v.Rule, out.errors.Broken, out.name, v.Got, v.Want, at(v.Cell))
			}
			if e, ok := out.errors.Largest(); ok && out.bound > 0 && e.ULP > out.bound {
				fail("a %s is off by %.4f ULP, at %s", out.name, e.ULP, at(e.Cell))
			}
			if out.audit.ULP > verify.AuditLimit {
				fail("an exact %s is off by %.2g ULP, at %s", out.name, out.audit.ULP, at(out.audit.Cell))
			}
		}
		if w := worstWalk(t); r.boundLoss > 0 && w.Worst.ULP > r.boundLoss {
			fail("a loss is %.4f ULP below a better cell's, at %s", w.Worst.ULP, at(w.Worst.Cell))
		}
	}
	return list
}

// worstWalk returns the walks of both labels as one.
func worstWalk(t *verify.Tally) (w verify.Walk) {
	for _, label := range []uint8{focal.Negative, focal.Positive} {
		l := t.Walk(label)
		w.N += l.N
		w.Drops += l.Drops
		if l.Worst.ULP > w.Worst.ULP {
			w.Worst = l.Worst
		}
	}
	return w
}

// at spells a cell, its logit by its bits too.
func at(c verify.Cell) string {
	return fmt.Sprintf("%v (%#08x), label %d", c.Logit(), c.Bits, c.Label)
}

// cpuName is the machine's, for the record: the results do not depend on it.
func cpuName() string { return orUnknown(cpuid.CPU.BrandName) }

func goVersion() string {
	return fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// print writes one block of lines for all gammas and one for each.
func (r verifyReport) print(out io.Writer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
	p := r.sweep.Plan
	row("kernel", string(p.Kernel))
	row("CPU", cpuName())
	row("build", goVersion())
	row("alpha", fmt.Sprint(p.Alpha))
	if p.Clip > 0 {
		row("clip", fmt.Sprint(p.Clip))
	}
	switch {
	case !r.sweep.Done():
		gamma, logit := r.sweep.At()
		row("logits", fmt.Sprintf("%d of %d: interrupted at gamma %v, |logit| %v", r.sweep.Logits(), p.Logits()*int64(len(p.Gammas)), gamma, logit))
	case p.Every > 1:
		row("logits", fmt.Sprintf("%d for each gamma: 1 in %d", p.Logits(), p.Every))
	default:
		row("logits", fmt.Sprintf("%d for each gamma: all", p.Logits()))
	}
	w.Flush()
	for i, t := range r.sweep.Tallies {
		if t.Logits > 0 {
			r.printGamma(&b, i, t)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r verifyReport) printGamma(b *strings.Builder, i int, t *verify.Tally) {
	fmt.Fprintf(b, "\ngamma %v\n", r.sweep.Plan.Gammas[i])
	both := []*verify.Errors{&t.Loss, &t.Grad}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row := func(name string, cell func(e *verify.Errors) string) {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", name, cell(both[0]), cell(both[1]))
	}
	largest := func(spell func(verify.Result) string) func(*verify.Errors) string {
		return func(e *verify.Errors) string {
			if worst, ok := e.Largest(); ok {
				return spell(worst)
			}
			return "-"
		}
	}
	count := func(n func(*verify.Errors) int64) func(*verify.Errors) string {
		return func(e *verify.Errors) string { return fmt.Sprintf("%10d", n(e)) }
	}
	fmt.Fprintln(w, "  \tloss\tgradient")
	row("largest error", largest(func(e verify.Result) string { return fmt.Sprintf("%.4f ULP", e.ULP) }))
	row("  at logit", largest(func(e verify.Result) string { return fmt.Sprint(e.Logit()) }))
	row("  its bits", largest(func(e verify.Result) string { return fmt.Sprintf("%#08x", e.Bits) }))
	row("  label", largest(func(e verify.Result) string { return fmt.Sprint(e.Label) }))
	for k := range bars(both...) {
		row(barName(k), func(e *verify.Errors) string {
			n, all := e.Histogram[k], e.Compared()
			return fmt.Sprintf("%10d  %s", n, percent(n, all))
		})
	}
	row("exact value below 2^-126", count(func(e *verify.Errors) int64 { return e.Tiny }))
	if r.sweep.Plan.Clip > 0 {
		row("near a bound of clip", count(func(e *verify.Errors) int64 { return e.Near }))
	}
	row("NaN, infinity, no weight", count(func(e *verify.Errors) int64 { return e.Special }))
	row("rules broken", count(func(e *verify.Errors) int64 { return e.Broken }))
	w.Flush()

	walk := worstWalk(t)
	fmt.Fprintf(b, "  of %d steps to a worse cell %d lower the loss", max(walk.N-2, 0), walk.Drops)
	if walk.Drops > 0 {
		fmt.Fprintf(b, ", to at most %.4f ULP below a better one's, at %s", walk.Worst.ULP, at(walk.Worst.Cell))
	}
	fmt.Fprintln(b)
	if r.audits != nil {
		a := r.audits[i]
		fmt.Fprintf(b, "  audit of the exact values of %d cells: losses at most %.2g ULP off, gradients %.2g\n", a.Cells, a.Loss.ULP, a.Grad.ULP)
	}
	fmt.Fprintf(b, "  SHA-256 of losses     %x\n", t.Loss.Digest)
	fmt.Fprintf(b, "  SHA-256 of gradients  %x\n", t.Grad.Digest)
}

// bars returns how many bars of the histograms there are up to the last that is
// not empty.
func bars(errors ...*verify.Errors) (n int) {
	for _, e := range errors {
		for k, count := range e.Histogram {
			if count > 0 {
				n = max(n, k+1)
			}
		}
	}
	return n
}

func barName(k int) string {
	if k == len(verify.Edges) {
		return fmt.Sprintf("error > %v ULP", verify.Edges[k-1])
	}
	return fmt.Sprintf("error <= %v ULP", verify.Edges[k])
}

func percent(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4g %%", 100*float64(n)/float64(of))
}

// The JSON document of focal verify.
type (
	verifyJSON struct {
		Kernel   focal.Kernel `json:"kernel"`
		CPU      string       `json:"cpu"`
		Build    string       `json:"build"`
		Alpha    float32      `json:"alpha"`
		Clip     float32      `json:"clip"`
		Every    uint32       `json:"every"`
		Logits   int64        `json:"logits"` // to look at for each gamma
		Complete bool         `json:"complete"`
		Failures []string     `json:"failures"`
		Gammas   []gammaJSON  `json:"gammas"`
	}
	gammaJSON struct {
		Gamma    float32    `json:"gamma"`
		Logits   int64      `json:"logits"` // looked at
		Loss     errorsJSON `json:"loss"`
		Gradient errorsJSON `json:"gradient"`
		Drops    dropsJSON  `json:"drops"`
		Audit    *auditJSON `json:"audit"`
	}
	errorsJSON struct {
		Largest   *resultJSON    `json:"largest"`
		Compared  int64          `json:"compared"`
		Histogram []barJSON      `json:"histogram"`
		Tiny      int64          `json:"tiny"`
		NearClip  int64          `json:"near_clip"`
		Special   int64          `json:"special"`
		Broken    int64          `json:"broken"`
		First     *violationJSON `json:"first_broken"`
		SHA256    string         `json:"sha256"`
	}
	// A cellJSON has the logit as a number too, null if JSON has none for it.
	cellJSON struct {
		Logit *float32 `json:"logit"`
		Bits  string   `json:"bits"`
		Label uint8    `json:"label"`
	}
	resultJSON struct {
		ULP float64 `json:"ulp"`
		cellJSON
	}
	barJSON struct {
		Above float64  `json:"above"`
		UpTo  *float64 `json:"up_to"` // null for no end
		Count int64    `json:"count"`
	}
	violationJSON struct {
		Rule string `json:"rule"`
		Got  string `json:"got"`
		Want string `json:"want"`
		cellJSON
	}
	dropsJSON struct {
		Steps int64       `json:"steps"`
		Count int64       `json:"count"`
		Worst *resultJSON `json:"worst"`
	}
	auditJSON struct {
		Cells    int64       `json:"cells"`
		Loss     *resultJSON `json:"loss"`
		Gradient *resultJSON `json:"gradient"`
	}
)

// printJSON writes the report as one object on one line.
func (r verifyReport) printJSON(w io.Writer) error {
	p := r.sweep.Plan
	doc := verifyJSON{
		Kernel: p.Kernel, CPU: cpuName(), Build: goVersion(),
		Alpha: p.Alpha, Clip: p.Clip, Every: p.Every, Logits: p.Logits(),
		Complete: r.audits != nil, Failures: r.failures(),
	}
	for i, t := range r.sweep.Tallies {
		walk := worstWalk(t)
		g := gammaJSON{
			Gamma: p.Gammas[i], Logits: t.Logits, Loss: toJSON(&t.Loss), Gradient: toJSON(&t.Grad),
			Drops: dropsJSON{Steps: max(walk.N-2, 0), Count: walk.Drops},
		}
		if walk.Drops > 0 {
			g.Drops.Worst = result(walk.Worst)
		}
		if r.audits != nil {
			a := r.audits[i]
			g.Audit = &auditJSON{a.Cells, result(a.Loss), result(a.Grad)}
		}
		doc.Gammas = append(doc.Gammas, g)
	}
	return json.NewEncoder(w).Encode(doc)
}

func toJSON(e *verify.Errors) errorsJSON {
	j := errorsJSON{
		Compared: e.Compared(), Tiny: e.Tiny, NearClip: e.Near, Special: e.Special, Broken: e.Broken,
		Histogram: []barJSON{}, SHA256: fmt.Sprintf("%x", e.Digest),
	}
	if worst, ok := e.Largest(); ok {
		j.Largest = result(worst)
	}
	for k := range bars(e) {
		bar := barJSON{Count: e.Histogram[k]}
		if k > 0 {
			bar.Above = verify.Edges[k-1]
		}
		if k < len(verify.Edges) {
			bar.UpTo = &verify.Edges[k]
		}
		j.Histogram = append(j.Histogram, bar)
	}
	if v := e.First; v != nil {
		j.First = &violationJSON{v.Rule, fmt.Sprint(v.Got), fmt.Sprint(v.Want), cell(v.Cell)}
	}
	return j
}

func cell(c verify.Cell) cellJSON {
	j := cellJSON{Bits: fmt.Sprintf("%#08x", c.Bits), Label: c.Label}
	if x := c.Logit(); x-x == 0 {
		j.Logit = &x
	}
	return j
}

func result(r verify.Result) *resultJSON {
	return &resultJSON{r.ULP, cell(r.Cell)}
}
