package verify

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestInOrder: results are merged in order, and where there is no task nothing is done.
func TestInOrder(t *testing.T) {
	for _, c := range []struct{ first, last int64 }{{3, 40}, {5, 5}, {0, -7}} {
		var merged, want []int64
		for i := c.first; i < c.last; i++ {
			want = append(want, i*i)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := inOrder(ctx, 3, c.first, c.last, func() int { return 0 },
			func(_ int, task int64) (int64, error) { return task * task, nil },
			func(_ int64, r int64) error { merged = append(merged, r); return nil })
		cancel()
		if err != nil || !slices.Equal(merged, want) {
			t.Errorf("%d to %d: %v, error %v", c.first, c.last, merged, err)
		}
	}
}
