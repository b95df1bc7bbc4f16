package suite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed1982febc/focal/bench/internal/result"
	"github.com/seed1982febc/focal/bench/internal/rival"
)

// InProcess names the rivals that start at once.
var InProcess = []string{"go", "math32", "vek"}

// rivalBases are the data that rivals are measured on: one image and a batch as
// cells one after the other, and a batch of one grid as a raw head.
func rivalBases(quick bool) []result.Case {
	bases := []result.Case{result.Base("", "", image)}
	if !quick {
		head := result.Base("", "", image)
		head.Layout = nchw13
		bases = append(bases, result.Base("", "", batch), head)
	}
	return bases
}

// A field is the rivals that take part.
type field struct {
	open    []*rival.Rival
	entries []*entry
	rivals  []result.Rival
	misses  []miss
}

// A miss is a rival that could not be measured, for a reason, on some data.
type miss struct {
	result.Absent
	on []string
}

// openRivals starts the rivals on the data of the bases. The caller closes the
// field, also after an error.
func (d *data) openRivals(
	ctx context.Context, bases []result.Case, opts rival.Options, progress Progress,
) (*field, error) {
	f := new(field)
	for i, base := range bases {
		opts.Progress = func(ready, all int) { progress("starting the rivals", i*all+ready, len(bases)*all) }
		in := rival.Input{Labels: d.labels[base.Labels][:base.N], Alpha: alpha, Gamma: base.Gamma}
		if base.Layout == result.Contiguous {
			in.Logits = d.logits[base.Logits][:base.N]
		} else {
			channel, err := headChannel(base.Layout, base.N)
			if err != nil {
				return f, err
			}
			in.Logits, in.Attr = d.tensors[base.Logits][:channel.Size], confidence
			if in.Shape, err = headShape(base.Layout, base.N); err != nil {
				return f, err
			}
		}
		rivals, absent, err := rival.Open(ctx, in, opts)
		if err != nil {
			return f, err
		}
		f.open = append(f.open, rivals...)
		for _, r := range rivals {
			f.meet(r)
			for _, op := range []rival.Op{rival.Sum, rival.SumGrad} {
				c := base
				c.Impl, c.Op, c.Workers = r.Name(), op.String(), r.Threads()
				run := func(calls int) (time.Duration, error) { return r.Measure(op, calls) }
				f.entries = append(f.entries, &entry{Case: c, task: task{run: run, optional: true}})
			}
		}
		for _, a := range absent {
			f.miss(a.Name, a.Reason, base)
		}
	}
	return f, nil
}

// meet notes who takes part.
func (f *field) meet(r *rival.Rival) {
	if known := (result.Rival{Name: r.Name(), About: r.Describe()}); !slices.Contains(f.rivals, known) {
		f.rivals = append(f.rivals, known)
	}
}

// miss notes who does not take part on the data of a case.
func (f *field) miss(name, reason string, c result.Case) {
	a, on := result.Absent{Name: name, Reason: reason}, fmt.Sprintf("n=%d %s", c.N, c.Layout)
	i := slices.IndexFunc(f.misses, func(m miss) bool { return m.Absent == a })
	if i < 0 {
		f.misses = append(f.misses, miss{a, []string{on}})
	} else if !slices.Contains(f.misses[i].on, on) {
		f.misses[i].on = append(f.misses[i].on, on)
	}
}

// absent returns all misses. Those that are not on all data say on which.
func (f *field) absent(data int) []result.Absent {
	var all []result.Absent
	for _, m := range f.misses {
		if len(m.on) < data {
			m.Name += ", " + strings.Join(m.on, ", ")
		}
		all = append(all, m.Absent)
	}
	return all
}

func (f *field) close() {
	for _, r := range f.open {
		r.Close()
	}
}
