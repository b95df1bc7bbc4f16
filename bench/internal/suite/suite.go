// Package suite measures the kernels of package focal, their rivals, and what the
// machine can do at most.
package suite

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/seed1982febc/focal/bench/internal/result"
	"github.com/seed1982febc/focal/bench/internal/rival"
)

// Options say what to measure.
type Options struct {
	Quick    bool           // a few cases, ten seconds
	Only     *regexp.Regexp // cases and limits whose name matches; nil: all
	Testdata string         // directory of the head that comes with the library
	NoRivals bool
	Rivals   rival.Options
	Progress Progress
}

// alpha is the weight of positives in all cases.
const alpha = 0.25

// The plans of a default and of a quick run. Samples are short and many: on a
// machine that does other things too, most short ones are left alone.
var (
	defaultPlan = plan{sample: 4 * time.Millisecond, budget: 80 * time.Second, minRounds: 5, maxRounds: 50}
	quickPlan   = plan{sample: time.Millisecond, budget: 5 * time.Second, minRounds: 5, maxRounds: 30}
)

func (o *Options) wants(name string) bool {
	return o.Only == nil || o.Only.MatchString(name)
}

// wantsRivals reports whether any rival is wanted on a base.
func (o *Options) wantsRivals(base result.Case, cores int) bool {
	for _, name := range rival.Names() {
		for _, op := range reductions {
			c := base
			c.Impl, c.Op = name, op
			several := c
			several.Impl, several.Workers = fmt.Sprintf("%s-%dt", name, cores), cores
			if o.wants(c.Name()) || o.wants(several.Name()) {
				return true
			}
		}
	}
	return false
}

// An entry is a task that becomes a series.
type entry struct {
	result.Case
	task
}

// Run measures and returns all but the command of a run. When ctx ends it returns
// ctx's error soon: at the end of the sample that is being taken.
func Run(ctx context.Context, opts Options) (*result.Run, error) {
	machine := result.ThisMachine()
	run := &result.Run{Format: result.Format, Machine: machine, Started: time.Now().UTC().Truncate(time.Second)}
	p, cases := defaultPlan, defaultCases(machine.Kernels, machine.Cores)
	if opts.Quick {
		p, cases = quickPlan, quickCases(machine.Kernels, machine.Cores)
	}
	bases := rivalBases(opts.Quick)
	if opts.NoRivals {
		bases = nil
	}
	bases = slices.DeleteFunc(bases, func(base result.Case) bool { return !opts.wantsRivals(base, machine.Cores) })
	cases = slices.DeleteFunc(cases, func(c result.Case) bool { return !opts.wants(c.Name()) })
	opts.Progress("making data", 0, 1)
	head, err := readHead(opts.Testdata)
	if ofTestdata := func(c result.Case) bool { return c.Labels == testdata }; err != nil && slices.ContainsFunc(cases, ofTestdata) {
		cases = slices.DeleteFunc(cases, ofTestdata)
		run.Absent = append(run.Absent, result.Absent{Name: testdata, Reason: err.Error()})
	}
	d, err := newData(slices.Concat(cases, bases), head)
	if err != nil {
		return nil, err
	}

	var entries []*entry
	for _, c := range cases {
		t, err := d.timer(c)
		if err != nil {
			return nil, err
		}
		entries = append(entries, &entry{Case: c, task: task{run: t}})
	}
	rivals, err := d.openRivals(ctx, bases, opts.Rivals, opts.Progress)
	defer rivals.close()
	if err != nil {
		return nil, err
	}
	for _, e := range rivals.entries {
		if opts.wants(e.Name()) {
			entries = append(entries, e)
		}
	}
	limits := limits(machine.Caches, opts.wants)

	if len(entries)+len(limits) == 0 {
		text := "no case to measure"
		for _, a := range slices.Concat(run.Absent, rivals.absent(len(bases))) {
			text += fmt.Sprintf("; %s: %s", a.Name, a.Reason)
		}
		return nil, errors.New(text)
	}
	var tasks []*task
	for _, e := range entries {
		tasks = append(tasks, &e.task)
	}
	for _, l := range limits {
		tasks = append(tasks, &l.task)
	}
	if run.Rounds, err = measure(ctx, tasks, p, opts.Progress); err != nil {
		return nil, err
	}

	for _, e := range entries {
		if e.err != nil {
			rivals.miss(e.Impl, e.err.Error(), e.Case)
			continue
		}
		run.Series = append(run.Series, result.NewSeries(e.Case, e.calls, e.samples))
	}
	for _, l := range limits {
		l.addTo(run)
	}
	run.Rivals = rivals.rivals
	run.Absent = append(run.Absent, rivals.absent(len(bases))...)
	run.Seconds = time.Since(run.Started).Seconds()
	return run, nil
}
