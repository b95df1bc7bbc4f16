package suite

import (
	"testing"

	"github.com/seed1982febc/focal/bench/internal/probe"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// TestLimits: the work of a limit is what its loop does, and its rate is work per ns.
func TestLimits(t *testing.T) {
	var run result.Run
	for _, l := range limits(result.Caches{L1D: 32 << 10, L2: 1 << 20}, func(name string) bool { return name != "limit=DRAM/op=read" && name != "limit=DRAM/op=copy" }) {
		l.samples = []float64{2}
		l.addTo(&run)
		if l.bandwidth.Level != "" && l.work != float64(l.bandwidth.Bytes) {
			t.Errorf("%+v: work %v", l.bandwidth, l.work)
		}
	}
	for i, want := range []int{16 << 10, 16 << 10, 512 << 10, 512 << 10} {
		if b := run.Bandwidths[i]; b.Bytes != want || b.Samples[0] != significant(float64(want)/2) {
			t.Errorf("%+v, want %d", b, want)
		}
	}
	for i, l := range probe.All() {
		if l.MultiplyAdd != nil && run.Peaks[i].Samples[0] != l.MultiplyAdd(10000)/2 {
			t.Errorf("%+v", run.Peaks[i])
		}
	}
}
