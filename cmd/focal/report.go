package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/seed1982febc/focal"
)

// A report is what focal loss prints.
type report struct {
	stats     focal.Stats
	kernel    focal.Kernel
	nonFinite int64 // logits, among the cells not ignored
	elapsed   time.Duration
}

func (r report) cells() int64 { return r.stats.Count() + r.stats.Ignored }

// print writes one value per line. Floating-point numbers have the digits that
// identify them, so that equal lines mean equal bits.
func (r report) print(w io.Writer) error {
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, "%-17s %v\n", name, value) }
	line("cells", r.cells())
	line("positives", r.stats.Positives)
	line("negatives", r.stats.Negatives)
	line("ignored", r.stats.Ignored)
	if r.nonFinite > 0 {
		line("non-finite logits", r.nonFinite)
	}
	line("sum", r.stats.Sum)
	line("mean", r.stats.Mean())
	line("per positive", r.stats.PerPositive())
	line("kernel", r.kernel)
	line("time", r.elapsed)
	if r.elapsed > 0 { // a coarse clock may not have moved
		line("cells per second", fmt.Sprintf("%.3g", float64(r.cells())/r.elapsed.Seconds()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printJSON writes the report as one object on one line.
func (r report) printJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		Kernel      focal.Kernel `json:"kernel"`
		Cells       int64        `json:"cells"`
		Positives   int64        `json:"positives"`
		Negatives   int64        `json:"negatives"`
		Ignored     int64        `json:"ignored"`
		Sum         *float64     `json:"sum"`
		Mean        *float64     `json:"mean"`
		PerPositive *float64     `json:"per_positive"`
		Seconds     float64      `json:"seconds"`
		NonFinite   int64        `json:"non_finite"`
	}{
		r.kernel, r.cells(), r.stats.Positives, r.stats.Negatives, r.stats.Ignored,
		finite(r.stats.Sum), finite(r.stats.Mean()), finite(r.stats.PerPositive()), r.elapsed.Seconds(), r.nonFinite,
	})
}

// finite is nil, JSON's null, for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
