package focal

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Histograms of the runtime: how long the collector waits until all goroutines have
// stopped, and how long until they go on.
var pauseMetrics = [2]string{"/sched/pauses/stopping/gc:seconds", "/sched/pauses/total/gc:seconds"}

// pauses are what the collector did meanwhile: how often the world was stopped, how
// often it took more than a millisecond to stop it, and upper bounds of the longest
// time to stop it and of the longest pause.
type pauses struct {
	stops, slow     uint64
	stopping, total time.Duration
}

func (p pauses) String() string {
	return fmt.Sprintf("%d stops, %d slow, at most %v to stop, %v in all", p.stops, p.slow, p.stopping, p.total)
}

func readPauses() [2]*metrics.Float64Histogram {
	var s [2]metrics.Sample
	for i := range s {
		s[i].Name = pauseMetrics[i]
	}
	metrics.Read(s[:])
	return [2]*metrics.Float64Histogram{s[0].Value.Float64Histogram(), s[1].Value.Float64Histogram()}
}

// collectDuring runs f, and the collector again and again until f has returned.
func collectDuring(f func()) (p pauses) {
	before := readPauses()
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
	}
	after := readPauses()
	for i, longest := range []*time.Duration{&p.stopping, &p.total} {
		for b, n := range after[i].Counts {
			if n -= before[i].Counts[b]; n == 0 {
				continue
			}
			*longest = time.Duration(math.Ceil(after[i].Buckets[b+1] * 1e9))
			if i == 0 {
				p.stops += n
				if *longest > time.Millisecond {
					p.slow += n
				}
			}
		}
	}
	return p
}

// TestPreemption: with a huge call in flight, the collector does not wait longer
// than a millisecond for goroutines that are in an assembly kernel.
//
// FOCAL_TEST_PREEMPT is the number of cells; a thousand million need 5 GB. Other
// programs, and the host of a virtual machine, delay the collector too: two
// controls, one idle and one of Go code that can be stopped anywhere, show by how
// much. A kernel that cannot be stopped would show in every round, which has tens to hundreds of stops,
// so one round without a delay is enough.
func TestPreemption(t *testing.T) {
	cells, err := strconv.ParseFloat(os.Getenv("FOCAL_TEST_PREEMPT"), 64)
	if err != nil {
		t.Skip("set FOCAL_TEST_PREEMPT to the number of cells, for instance 1e9")
	}
	x, y := make([]float32, int(cells)), make([]uint8, int(cells))
	for i := range x {
		x[i] = float32(i%256)/16 - 12
		y[i] = [...]uint8{Negative, Positive, Ignore, Negative}[i>>4&3]
	}
	asm := Kernels()
	for _, k := range asm[:len(asm)-1] {
		for _, workers := range []int{1, 2} {
			prompt := false
			for round := 1; round <= 5 && !prompt; round++ {
				call, idle, busy := preempt(t, must(t, 0.25, 2, WithKernel(k), WithWorkers(workers)), workers, x, y)
				t.Logf("kernel %s, %d workers, round %d\n call: %v\n idle: %v\n busy: %v", k, workers, round, call, idle, busy)
				prompt = call.slow == 0
			}
			if !prompt {
				t.Errorf("kernel %s, %d workers: the collector has waited for more than a millisecond in every round", k, workers)
			}
		}
	}
}

// preempt runs the collector during calls of l, and as long during the controls.
func preempt(t *testing.T, l *Loss, workers int, x []float32, y []uint8) (call, idle, busy pauses) {
	var took time.Duration
	call = collectDuring(func() {
		start := time.Now()
		for range 3 {
			if _, err := l.SumGrad(x, x, y, 1); err != nil {
				t.Error(err)
			}
		}
		took = time.Since(start)
	})
	idle = collectDuring(func() { time.Sleep(took) })
	busy = collectDuring(func() {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for start := time.Now(); time.Since(start) < took; {
				}
			})
		}
		wg.Wait()
	})
	return call, idle, busy
}
