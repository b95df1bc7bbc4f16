package report

import (
	"cmp"
	"fmt"
	"go/doc/comment"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// WriteText writes the tables of a run for a terminal.
func WriteText(w io.Writer, r *result.Run) error {
	var b strings.Builder
	fmt.Fprintln(&b, machineName(r.Machine))
	for _, line := range facts(r) {
		fmt.Fprintln(&b, line)
	}
	for _, t := range Tables(r) {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		if t.Note != "" {
			b.WriteString(wrap(t.Note))
		}
		tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		if strings.Join(t.Head, "") != "" {
			fmt.Fprintln(tw, strings.Join(t.Head, "\t"))
		}
		for _, row := range t.Rows {
			fmt.Fprintln(tw, strings.Join(row, "\t"))
		}
		tw.Flush()
	}
	_, err := io.WriteString(w, trailing.ReplaceAllString(b.String(), ""))
	return err
}

// trailing is what tabwriter pads empty cells at the end of a line with.
var trailing = regexp.MustCompile(`(?m) +$`)

// wrap breaks a note into lines.
func wrap(note string) string {
	paragraph := &comment.Paragraph{Text: []comment.Text{comment.Plain(note)}}
	printer := comment.Printer{TextWidth: 90}
	return string(printer.Text(&comment.Doc{Content: []comment.Block{paragraph}}))
}

// facts says on what machine, with what, how and when a run was made.
func facts(r *result.Run) []string {
	m := r.Machine
	cpus := fmt.Sprintf("%d CPUs, caches %s", m.Cores, caches(m.Caches))
	if m.Name != "" && m.CPU != "" {
		cpus = m.CPU + ", " + cpus
	}
	all := []string{
		cpus,
		fmt.Sprintf("%s/%s, %s, commit %s", m.OS, m.Arch, m.Go, commit(m)),
		fmt.Sprintf("%s, %s: %d rounds in %.0f s", r.Command, r.Started.Format("2006-01-02"), r.Rounds, r.Seconds),
	}
	if anyUnsteady(r) {
		all = append(all, unsteadyMark+" marks what was not steady: half the distance of the quartiles is over 25 % of the median")
	}
	return all
}

// anyUnsteady reports whether any figure of a run is marked.
func anyUnsteady(r *result.Run) bool {
	return slices.ContainsFunc(r.Series, func(s result.Series) bool { return unsteady(s.NsPerElement) }) ||
		slices.ContainsFunc(r.Bandwidths, func(b result.Bandwidth) bool { return unsteady(result.Summarize(b.Samples)) }) ||
		slices.ContainsFunc(r.Peaks, func(p result.Peak) bool { return unsteady(result.Summarize(p.Samples)) })
}

// machineName is the name that the user gave the machine, else the CPU's.
func machineName(m result.Machine) string {
	return cmp.Or(m.Name, m.CPU, "unknown "+m.Arch+" CPU")
}

func caches(c result.Caches) string {
	var parts []string
	for _, l := range []struct {
		name string
		size int
	}{{"L1d", c.L1D}, {"L2", c.L2}, {"L3", c.L3}} {
		if l.size > 0 {
			parts = append(parts, l.name+" "+sizeOf(l.size))
		}
	}
	if parts == nil {
		return "unknown"
	}
	return strings.Join(parts, ", ")
}

// commit is the commit, shortened.
func commit(m result.Machine) string {
	revision, dirty, _ := strings.Cut(m.Commit, "+")
	if revision == "" {
		return "unknown"
	}
	if len(revision) == 40 {
		revision = revision[:12]
	}
	if dirty != "" {
		revision += " with changes"
	}
	return revision
}
