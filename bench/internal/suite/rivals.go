package suite

import (
	"context"
	"slices"
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
	absent  []result.Absent
}

// openRivals starts the rivals on the data of the bases. The caller closes the
// field, also after an error.
func (d *data) openRivals(ctx context.Context, bases []result.Case, opts rival.Options) (*field, error) {
	f := new(field)
	for _, base := range bases {
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
			f.miss(a.Name, a.Reason)
		}
	}
	return f, nil
}

// meet and miss note who takes part and who does not, once.
func (f *field) meet(r *rival.Rival) {
	if known := (result.Rival{Name: r.Name(), About: r.Describe()}); !slices.Contains(f.rivals, known) {
		f.rivals = append(f.rivals, known)
	}
}

func (f *field) miss(name, reason string) {
	if a := (result.Absent{Name: name, Reason: reason}); !slices.Contains(f.absent, a) {
		f.absent = append(f.absent, a)
	}
}

func (f *field) close() {
	for _, r := range f.open {
		r.Close()
	}
}
