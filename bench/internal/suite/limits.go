package suite

import (
	"math"
	"time"

	"github.com/seed1982febc/focal/bench/internal/probe"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// A limit is a task that finds what a core can do at most.
type limit struct {
	task
	bandwidth result.Bandwidth // Level is "" for a peak
	peak      result.Peak
	work      float64 // bytes, or multiply-adds, of a call
}

// DRAM's working set is so many times the last cache, within these bounds.
const (
	dramFactor = 4
	dramLeast  = 256 << 20
	dramMost   = 1 << 30
)

// limits returns the tasks for all levels of memory and all vectors whose name is
// wanted.
func limits(caches result.Caches, wanted func(name string) bool) []*limit {
	loops := probe.All()
	var all []*limit
	add := func(level string, size int) {
		for _, kind := range []struct {
			op   string
			make func(l probe.Loops, level string, size int) *limit
		}{{"read", readLimit}, {"copy", copyLimit}} {
			if wanted("limit=" + level + "/op=" + kind.op) {
				all = append(all, kind.make(loops[0], level, size))
			}
		}
	}
	// The L3 is other cores' too, and on a virtual machine other machines': a part of it is enough to leave L2.
	inL3 := min(caches.L3/2, max(2*caches.L2, caches.L3/8))
	for _, l := range []struct {
		level string
		size  int
	}{{"L1", caches.L1D / 2}, {"L2", caches.L2 / 2}, {"L3", inL3}} {
		if l.size > 0 {
			add(l.level, l.size)
		}
	}
	add("DRAM", min(dramMost, max(dramLeast, dramFactor*max(caches.L1D, caches.L2, caches.L3))))
	for _, l := range loops {
		if l.MultiplyAdd != nil && wanted("limit=multiply-add/impl="+l.Name) {
			all = append(all, peakLimit(l))
		}
	}
	return all
}

// readLimit reads size bytes.
func readLimit(l probe.Loops, level string, size int) *limit {
	src := floats(size)
	return &limit{
		task: task{run: func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				l.Read(src)
			}
			return time.Since(start), nil
		}},
		bandwidth: result.Bandwidth{Level: level, Op: "read", Bytes: 4 * len(src), Loop: l.Name},
		work:      float64(4 * len(src)),
	}
}

// copyLimit reads the half of size bytes and writes them to the other half.
func copyLimit(l probe.Loops, level string, size int) *limit {
	src, dst := floats(size/2), floats(size/2)
	return &limit{
		task: task{run: func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				l.Copy(dst, src)
			}
			return time.Since(start), nil
		}},
		bandwidth: result.Bandwidth{Level: level, Op: "copy", Bytes: 8 * len(src), Loop: l.Name},
		work:      float64(8 * len(src)),
	}
}

// peakLimit multiplies and adds.
func peakLimit(l probe.Loops) *limit {
	const rounds = 10000
	return &limit{
		task: task{run: func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				l.MultiplyAdd(rounds)
			}
			return time.Since(start), nil
		}},
		peak: result.Peak{Kernel: l.Name},
		work: float64(rounds * l.Lanes),
	}
}

// floats returns whole blocks of about size bytes, each page of which is in
// memory.
func floats(size int) []float32 {
	n := max(1, int(math.Round(float64(size)/4/probe.Block))) * probe.Block
	return tile([]float32{1}, n)
}

// addTo adds what has been measured to a run.
func (l *limit) addTo(r *result.Run) {
	rates := make([]float64, len(l.samples))
	for i, ns := range l.samples {
		rates[i] = significant(l.work / ns)
	}
	if l.bandwidth.Level == "" {
		l.peak.Samples = rates
		r.Peaks = append(r.Peaks, l.peak)
		return
	}
	l.bandwidth.Samples = rates
	r.Bandwidths = append(r.Bandwidths, l.bandwidth)
}
