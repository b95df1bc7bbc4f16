package focal

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// usualBlocks is leastBlocks outside of tests: variables are set before init runs.
var usualBlocks = leastBlocks

func init() { leastBlocks = 1 }

// TestWorthwhile: a call is shared only if there is enough for each worker.
func TestWorthwhile(t *testing.T) {
	defer func(n int) { leastBlocks = n }(leastBlocks)
	leastBlocks = usualBlocks
	for _, c := range []struct{ workers, blocks, assembly, generic int }{
		{1, 100, 1, 1}, {2, 1, 1, 1}, {2, 2, 1, 2}, {2, 15, 1, 2}, {2, 16, 2, 2}, {9, 24, 3, 9}, {64, 83, 10, 64},
	} {
		for _, k := range Kernels() {
			want := c.assembly
			if k == kernelGeneric {
				want = c.generic
			}
			for _, n := range []int{(c.blocks-1)*blockCells + 1, c.blocks * blockCells} {
				if got := must(t, 0.25, 2, WithKernel(k), WithWorkers(c.workers)).worthwhile(n); got != want {
					t.Errorf("kernel %s: %d of %d workers for %d cells, want %d", k, got, c.workers, n, want)
				}
			}
		}
	}
}

// loadTime is how long TestLoad runs: FOCAL_TEST_LOAD=1m for a minute.
func loadTime(t *testing.T) time.Duration {
	if s := os.Getenv("FOCAL_TEST_LOAD"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("FOCAL_TEST_LOAD: %v", err)
		}
		return d
	}
	if testing.Short() {
		return 500 * time.Millisecond
	}
	return 2 * time.Second
}

// noneLeft fails if more goroutines than before are still there after a while: one
// that has called Done may need a moment to end.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	for range 300 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// TestWorkers: a call starts goroutines, which it has to allocate, if WithWorkers asks for some, or for as many as
// GOMAXPROCS has at that time and those are several.
func TestWorkers(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	x, y := dense(20 * blockCells)
	grad := make([]float32, len(x))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, c := range []struct {
		workers, procs int
		alone          bool
	}{{1, 2, true}, {3, 1, false}, {0, 1, true}, {0, 2, false}, {0, 1, true}} {
		runtime.GOMAXPROCS(c.procs)
		l := must(t, 0.25, 2, WithWorkers(c.workers))
		least := uint64(math.MaxUint64) // not testing.AllocsPerRun, which sets GOMAXPROCS to 1
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			l.SumGrad(grad, x, y, 1)
			runtime.ReadMemStats(&after)
			least = min(least, after.Mallocs-before.Mallocs)
		}
		if (least == 0) != c.alone {
			t.Errorf("%d workers, GOMAXPROCS %d: %d allocations", c.workers, c.procs, least)
		}
	}
}

// TestLoad lets 64 goroutines call one Loss, in place and not, and end by panic and
// Goexit between calls, while the collector runs without pause. Each result must
// have the bits that one goroutine gets alone.
func TestLoad(t *testing.T) {
	for _, k := range Kernels() {
		t.Run(string(k), func(t *testing.T) { testLoad(t, k, loadTime(t)) })
	}
}

func testLoad(t *testing.T, k Kernel, long time.Duration) {
	before := runtime.NumGoroutine()
	rng := rand.New(rand.NewPCG(91, 92))
	l, alone := must(t, 0.25, 2, WithKernel(k), WithWorkers(3)), must(t, 0.25, 2, WithKernel(k))
	type input struct {
		x    []float32
		y    []uint8
		want result
	}
	var inputs []input
	for _, n := range []int{16, 300, blockCells + 1, 2*blockCells + 77} {
		x, y := mixed(rng, n)
		inputs = append(inputs, input{x, y, compute(t, alone, x, y, -0.5)})
	}

	end := time.Now().Add(long)
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	collections := -int(memory.NumGC)
	var callers sync.WaitGroup
	var calls [64]int
	for id := range calls {
		// Done by hand, as a WaitGroup's Go does not let a function panic.
		callers.Add(1)
		go func() {
			defer callers.Done()
			defer func() { recover() }()
			for again := true; again; again = time.Now().Before(end) {
				in := inputs[(id+calls[id])%len(inputs)]
				grad := make([]float32, len(in.x))
				from := in.x
				if calls[id]%2 == 0 {
					from = grad
					copy(grad, in.x)
				}
				s, err := l.SumGrad(grad, from, in.y, -0.5)
				if err != nil || !sameStats(s, in.want.sum) || sameBits(grad, in.want.grad) >= 0 {
					t.Errorf("n %d: %v %v, want %v; first wrong gradient %d", len(in.x), s, err, in.want.sum, sameBits(grad, in.want.grad))
					return
				}
				calls[id]++
			}
			switch id % 3 {
			case 0:
				panic("a caller's own")
			case 1:
				runtime.Goexit()
			}
		}()
	}
	callers.Wait()
	runtime.ReadMemStats(&memory)
	collections += int(memory.NumGC)
	total := 0
	for _, n := range calls {
		total += n
	}
	t.Logf("%d calls of 64 goroutines, %d collections", total, collections)
	if slices.Min(calls[:]) == 0 || collections == 0 {
		t.Errorf("calls of each goroutine %v, %d collections", calls, collections)
	}
	noneLeft(t, before)
}

// goroutine returns the number of the calling goroutine.
func goroutine() string {
	b := make([]byte, 64)
	return strings.Fields(string(b[:runtime.Stack(b, false)]))[1]
}

// TestShare: the caller is one of the workers, and waits for none of the others.
func TestShare(t *testing.T) {
	before := runtime.NumGoroutine()
	var others sync.WaitGroup
	var mu sync.Mutex
	var ran []string
	others.Add(2)
	returned := make(chan struct{})
	caller := goroutine()
	share(3, func() {
		me := goroutine()
		mu.Lock()
		ran = append(ran, me)
		mu.Unlock()
		if me != caller {
			<-returned
			others.Done()
		}
	})
	close(returned)
	others.Wait()
	if len(ran) != 3 || !slices.Contains(ran, caller) {
		t.Errorf("workers %v, the caller is %s", ran, caller)
	}
	noneLeft(t, before)
}

// TestPass: each task is done by one worker, one worker is told that all are done, and one that comes late is not.
func TestPass(t *testing.T) {
	for _, tasks := range []int{1, 2, 7, 100} {
		p := newPass(3, tasks)
		times := make([]atomic.Int32, tasks)
		work := func(next func() (int, bool)) {
			for i, ok := next(); ok; i, ok = next() {
				times[i].Add(1)
				runtime.Gosched()
			}
		}
		var last atomic.Int32
		var workers sync.WaitGroup
		for range p.workers {
			workers.Go(func() {
				if p.do(work) {
					for i := range times {
						if n := times[i].Load(); n != 1 {
							t.Errorf("task %d of %d done %d times", i, tasks, n)
						}
					}
					last.Add(1)
				}
			})
		}
		workers.Wait()
		if n := last.Load(); n != 1 {
			t.Errorf("%d tasks: %d workers were told that all are done", tasks, n)
		}
		if p.do(work) {
			t.Errorf("%d tasks: one that comes late was told that all are done", tasks)
		}
		var closed atomic.Bool
		go func() {
			time.Sleep(10 * time.Millisecond)
			closed.Store(true)
			close(p.over)
		}()
		if p.wait(); !closed.Load() {
			t.Errorf("%d tasks: wait returned before the pass was over", tasks)
		}
		p.wait()
	}
}
