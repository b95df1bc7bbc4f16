package suite

import (
	"strings"
	"testing"

	"github.com/seed1982febc/focal/bench/internal/probe"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// TestLimits: the work of a limit is what its loop does, and its rate is work per ns.
func TestLimits(t *testing.T) {
	var run result.Run
	caches := result.Caches{L1D: 32 << 10, L2: 1 << 20, L3: 32 << 20}
	for _, l := range limits(caches, func(name string) bool { return !strings.HasPrefix(name, "limit=DRAM") }) {
		l.samples = []float64{2}
		l.addTo(&run)
		if l.bandwidth.Level != "" && l.work != float64(l.bandwidth.Bytes) {
			t.Errorf("%+v: work %v", l.bandwidth, l.work)
		}
	}
	for i, want := range []int{16 << 10, 16 << 10, 512 << 10, 512 << 10, 4 << 20, 4 << 20} {
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

// The working set of the L3 is beyond the L2 and a small part of the L3, if both can be had.
func TestL3(t *testing.T) {
	for caches, want := range map[result.Caches]int{
		{L2: 1 << 20, L3: 256 << 20}: 32 << 20,
		{L2: 2 << 20, L3: 30 << 20}:  4 << 20,
		{L2: 1 << 20, L3: 2 << 20}:   1 << 20,
		{L3: 8 << 20}:                1 << 20,
	} {
		for _, l := range limits(caches, func(name string) bool { return strings.HasPrefix(name, "limit=L3") }) {
			if l.bandwidth.Bytes != want {
				t.Errorf("%+v: %+v, want %d bytes", caches, l.bandwidth, want)
			}
		}
	}
}
