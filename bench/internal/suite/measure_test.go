package suite

import (
	"context"
	"errors"
	"testing"
	"time"
)

// fake is a timer for which a call takes so long, without waiting.
func fake(perCall time.Duration, log *[]int, id int) timer {
	return func(calls int) (time.Duration, error) {
		*log = append(*log, id)
		return time.Duration(calls) * perCall, nil
	}
}

func quiet(string, int, int) {}

func TestMeasure(t *testing.T) {
	var log []int
	perCall := []time.Duration{10 * time.Nanosecond, 3 * time.Microsecond, 50 * time.Millisecond}
	var tasks []*task
	for id, d := range perCall {
		tasks = append(tasks, &task{run: fake(d, &log, id)})
	}
	p := plan{sample: 20 * time.Millisecond, budget: time.Second, minRounds: 3, maxRounds: 100}
	measured, all := 0, 0
	rounds, err := measure(context.Background(), tasks, p, func(stage string, done, of int) {
		if stage == "measuring" {
			if done != measured || all > 0 && of != all {
				t.Errorf("progress goes from %d of %d to %d of %d", measured-1, all, done, of)
			}
			measured, all = done+1, of
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if measured != all || all != rounds*len(tasks) {
		t.Errorf("progress ends at %d of %d", measured, all)
	}
	// A round takes 22.5 + 22.5 + 50 ms.
	if rounds != 10 {
		t.Errorf("%d rounds, want 10", rounds)
	}
	for id, task := range tasks {
		if len(task.samples) != rounds {
			t.Errorf("task %d has %d samples for %d rounds", id, len(task.samples), rounds)
		}
		for _, ns := range task.samples {
			if ns != float64(perCall[id]) {
				t.Errorf("task %d takes %v ns, want %v", id, ns, perCall[id])
			}
		}
	}
	if calls := tasks[0].calls; calls != 2_000_000 {
		t.Errorf("%d calls of 10 ns make a sample of 20 ms", calls)
	}
	if calls := tasks[2].calls; calls != 1 {
		t.Errorf("%d calls of 50 ms make a sample of 20 ms", calls)
	}
	// Interleaved: no task runs twice for lack of the others, but for its warm-up.
	longest, run := 0, 0
	for i := len(log) / 2; i < len(log); i++ {
		if log[i] == log[i-1] {
			run++
		} else {
			run = 1
		}
		longest = max(longest, run)
	}
	if longest > 4 {
		t.Errorf("one task ran %d times in a row: %v", longest, log)
	}
}

func TestMeasureRounds(t *testing.T) {
	var log []int
	for _, test := range []struct {
		budget time.Duration
		want   int
	}{{0, 3}, {time.Hour, 7}} {
		tasks := []*task{{run: fake(time.Second, &log, 0)}}
		p := plan{sample: time.Millisecond, budget: test.budget, minRounds: 3, maxRounds: 7}
		if rounds, err := measure(context.Background(), tasks, p, quiet); err != nil || rounds != test.want {
			t.Errorf("budget %v: %d rounds (error %v), want %d", test.budget, rounds, err, test.want)
		}
	}
}

// TestMeasureSlow: a task that takes longer than it says uses up the budget all the same.
func TestMeasureSlow(t *testing.T) {
	slow := &task{run: func(int) (time.Duration, error) {
		time.Sleep(5 * time.Millisecond)
		return time.Millisecond, nil
	}}
	p := plan{sample: time.Millisecond, budget: 100 * time.Millisecond, minRounds: 2, maxRounds: 1000}
	rounds, err := measure(context.Background(), []*task{slow}, p, quiet)
	if err != nil || rounds < 2 || rounds > 20 || len(slow.samples) != rounds {
		t.Errorf("%d rounds, %d samples (error %v), want 2 to 20 in 100 ms", rounds, len(slow.samples), err)
	}
}

// TestCalibrate: a hiccup in a timed call does not make a sample of one cold call.
func TestCalibrate(t *testing.T) {
	for _, test := range []struct {
		perCall       time.Duration
		hiccup        int // the run that takes 10 ms longer
		calls, warmUp int
	}{
		{50 * time.Microsecond, 1, 80, 10},
		{50 * time.Microsecond, 2, 80, 10},
		{50 * time.Microsecond, 3, 80, 10},
		{3 * time.Millisecond, 2, 1, 1},
		{4 * time.Millisecond, 2, 1, 0},
	} {
		runs := 0
		task := task{run: func(calls int) (time.Duration, error) {
			d := time.Duration(calls) * test.perCall
			if runs++; runs == test.hiccup {
				d += 10 * time.Millisecond
			}
			return d, nil
		}}
		if err := task.calibrate(4 * time.Millisecond); err != nil || task.calls != test.calls || task.warmUp != test.warmUp {
			t.Errorf("%v a call, run %d slow: %d calls after %d (error %v), want %d after %d",
				test.perCall, test.hiccup, task.calls, task.warmUp, err, test.calls, test.warmUp)
		}
	}
}

// TestCalibrateCold: a run that begins slowly, as threads have to wake, is not taken for one of slow calls, and neither
// are the first runs. A call that lasts as long as many samples is made no more often than it has to be.
func TestCalibrateCold(t *testing.T) {
	const perCall, sample = 50 * time.Microsecond, 4 * time.Millisecond
	for _, test := range []struct {
		cold time.Duration // longer, each run
		slow int           // first calls of all, each 3 ms longer
	}{{1500 * time.Microsecond, 0}, {3 * time.Millisecond, 0}, {0, 6}, {sample, 8}} {
		made := 0
		task := task{run: func(calls int) (time.Duration, error) {
			d := test.cold + time.Duration(calls)*perCall
			d += 3 * time.Millisecond * time.Duration(min(calls, max(0, test.slow-made)))
			made += calls
			return d, nil
		}}
		if err := task.calibrate(sample); err != nil || task.calls < 55 || task.calls > 80 {
			t.Errorf("%+v: %d calls of %v (error %v) make a sample of %v", test, task.calls, perCall, err, sample)
		}
	}
	made := 0
	long := task{run: func(calls int) (time.Duration, error) {
		made += calls
		return time.Duration(calls) * 8 * sample, nil
	}}
	if err := long.calibrate(sample); err != nil || long.calls != 1 || made != 4 {
		t.Errorf("%d calls make a sample, found in %d (error %v), want 1 and 4", long.calls, made, err)
	}
}

func TestMeasureErrors(t *testing.T) {
	boom := errors.New("boom")
	var log []int
	calls := 0
	dies := func(int) (time.Duration, error) {
		if calls++; calls > 6 {
			return 0, boom
		}
		return time.Second, nil
	}
	p := plan{sample: time.Millisecond, minRounds: 5, maxRounds: 5}

	healthy, rival := &task{run: fake(time.Second, &log, 0)}, &task{run: dies, optional: true}
	if _, err := measure(context.Background(), []*task{healthy, rival}, p, quiet); err != nil {
		t.Errorf("a rival's death ends the measurement: %v", err)
	}
	if rival.err != boom || len(healthy.samples) != 5 {
		t.Errorf("rival's error %v; the other has %d samples, want 5", rival.err, len(healthy.samples))
	}

	calls = 0
	if _, err := measure(context.Background(), []*task{{run: dies}}, p, quiet); err != boom {
		t.Errorf("a kernel's error is %v", err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	killed := &task{optional: true, run: func(int) (time.Duration, error) {
		cancel()
		return 0, boom
	}}
	if _, err := measure(ctx, []*task{killed}, p, quiet); err != context.Canceled {
		t.Errorf("a rival that was cancelled in a sample: error %v", err)
	}

	ctx, cancel = context.WithCancel(context.Background())
	samples := 0
	stops := &task{run: func(int) (time.Duration, error) {
		if samples++; samples == 5 {
			cancel()
		}
		return time.Second, nil
	}}
	if _, err := measure(ctx, []*task{stops}, p, quiet); !errors.Is(err, context.Canceled) || samples != 5 {
		t.Errorf("cancelled: error %v after %d calls, want 5", err, samples)
	}
}
