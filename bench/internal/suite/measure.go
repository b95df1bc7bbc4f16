package suite

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// A task is one thing to be timed, and its samples.
type task struct {
	run      timer
	optional bool      // an error ends the task, not the measurement
	err      error     // that ended it
	calls    int       // of one sample
	warmUp   int       // calls before a sample that bring data back into caches and wake threads
	cost     float64   // estimated ns of a sample and its warm-up
	samples  []float64 // ns per call
}

// A plan says how long to measure.
type plan struct {
	sample    time.Duration // what a sample should take, if a call is not longer
	budget    time.Duration // for all samples of all tasks
	minRounds int
	maxRounds int
}

// Progress is told what is being done, and how much of how much of it is over.
type Progress func(stage string, done, all int)

// measure takes a sample of every task in each of several rounds, each time in
// another order, so that a drift of the machine's speed and the state in which one
// task leaves it hit all alike. It returns the number of rounds: as many as fit the budget
// by what calibration says a round takes, fewer if rounds turn out to take longer.
func measure(ctx context.Context, tasks []*task, p plan, progress Progress) (rounds int, err error) {
	round := 0.0
	for i, t := range tasks {
		progress("calibrating", i, len(tasks))
		if err := t.try(ctx, func() error { return t.calibrate(p.sample) }); err != nil {
			return 0, err
		}
		round += t.cost
	}
	rounds = max(p.minRounds, min(p.maxRounds, int(float64(p.budget)/max(round, 1))))

	rng := rand.New(rand.NewPCG(3, 3))
	began := time.Now()
	for done := range rounds {
		if done >= p.minRounds && time.Since(began) > p.budget {
			return done, nil
		}
		for before, i := range rng.Perm(len(tasks)) {
			progress("measuring", done*len(tasks)+before, rounds*len(tasks))
			if err := tasks[i].try(ctx, tasks[i].sample); err != nil {
				return 0, err
			}
		}
	}
	return rounds, nil
}

// try does a step of a task that has not ended, and returns an error if the
// measurement has to end.
func (t *task) try(ctx context.Context, step func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.err != nil {
		return nil
	}
	err := step()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // which has killed the rival, say
		return ctx.Err()
	case t.optional:
		t.err = err
		return nil
	}
	return err
}

// calibrate sets how many calls make a sample, and how many come before it. A call
// as long as a sample has no use for a warm-up. Threads that have slept make the first
// calls slow, so an estimate counts when one from at least twice as many calls agrees
// with it; from a run as long as many samples it counts in any case.
func (t *task) calibrate(sample time.Duration) error {
	if _, err := t.run(1); err != nil { // first touch of memory and code
		return err
	}
	for calls, last := 1, 0.0; ; {
		d, err := t.fastest(calls)
		if err != nil {
			return err
		}
		perCall := float64(d) / float64(calls)
		want := float64(sample) / perCall
		agrees := math.Abs(last/perCall-1) < 0.2
		if d >= sample/2 && agrees || d >= 8*sample {
			t.calls, t.warmUp = max(1, int(want)), 0
			if want > 1 {
				t.warmUp = (t.calls + 7) / 8
			}
			t.cost = perCall * float64(t.calls+t.warmUp)
			return nil
		}
		last = perCall
		calls = max(2*calls, int(min(want, 100*float64(calls))))
	}
}

// fastest returns the least time, at least 1 ns, of several runs: one may be slow for
// reasons of the machine, such as a thread that has to be woken.
func (t *task) fastest(calls int) (time.Duration, error) {
	least := time.Duration(math.MaxInt64)
	for range 3 {
		d, err := t.run(calls)
		if err != nil {
			return 0, err
		}
		least = min(least, max(d, 1))
	}
	return least, nil
}

// sample takes one sample.
func (t *task) sample() error {
	if t.warmUp > 0 {
		if _, err := t.run(t.warmUp); err != nil {
			return err
		}
	}
	d, err := t.run(t.calls)
	if err != nil {
		return err
	}
	t.samples = append(t.samples, significant(float64(max(d, 1))/float64(t.calls)))
	return nil
}

// significant rounds to six digits, more than any clock here is good for.
func significant(v float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return r
}
