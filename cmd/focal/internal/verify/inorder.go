package verify

import (
	"context"
	"sync"
)

// inOrder does the tasks from first to before last on so many goroutines, each
// with a worker of its own. merge gets the results one at a time and in order, up
// to the first task that failed. After the first error, or the end of ctx, no
// further task begins; those that have begun end.
func inOrder[W, R any](ctx context.Context, workers int, first, last int64, newWorker func() W, do func(w W, task int64) (R, error), merge func(task int64, r R) error) error {
	var (
		mu      sync.Mutex
		next    = first         // to begin
		merged  = first         // to merge
		waiting = map[int64]R{} // done, but not merged
		failed  error
		wg      sync.WaitGroup
	)
	fail := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	begin := func() (task int64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= last {
			return 0, false
		}
		if fail(ctx.Err()); failed != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	end := func(task int64, r R, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fail(err)
			return
		}
		waiting[task] = r
		for r, ok := waiting[merged]; ok; r, ok = waiting[merged] {
			delete(waiting, merged)
			fail(merge(merged, r))
			merged++
		}
	}
	for range workers {
		wg.Go(func() {
			w := newWorker()
			for task, ok := begin(); ok; task, ok = begin() {
				r, err := do(w, task)
				end(task, r, err)
			}
		})
	}
	wg.Wait()
	return failed
}
