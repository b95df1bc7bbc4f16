package result

import (
	"bufio"
	"fmt"
	"io"
)

// WriteBenchfmt writes r in the format of `go test -bench`, a line for each
// sample, for benchstat. That has a table for each commit if the commit is a key, so
// it and Go's version are in a line that benchstat skips.
func (r *Run) WriteBenchfmt(w io.Writer) error {
	b := bufio.NewWriter(w)
	m := &r.Machine
	fmt.Fprintf(b, "goos: %s\ngoarch: %s\npkg: github.com/seed1982febc/focal/bench\ncpu: %s\n# commit %s, %s\n",
		m.OS, m.Arch, m.CPU, m.Commit, m.Go)
	for _, s := range r.Series {
		for _, ns := range s.Samples {
			perElement := ns / float64(s.N)
			fmt.Fprintf(b, "BenchmarkFocal/%s-%d\t%d\t%.6g ns/op\t%.6g ns/elem\t%.6g elem/s\t%.6g B/s\n",
				s.Name(), m.Cores, s.CallsPerSample, ns, perElement, 1e9/perElement, 1e9*s.BytesPerElement()/perElement)
		}
	}
	return b.Flush()
}

// Name is the case as keys and values, which benchstat can group and filter by.
func (c Case) Name() string {
	return fmt.Sprintf("impl=%s/op=%s/gamma=%v/clip=%v/n=%d/workers=%d/layout=%s/labels=%s/logits=%s/calls=%s",
		c.Impl, c.Op, c.Gamma, c.Clip, c.N, c.Workers, c.Layout, c.Labels, c.Logits, c.Calls)
}
