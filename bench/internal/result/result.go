// Package result is what a run of the benchmark has measured, and the files it is
// kept in.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aclements/go-moremath/stats"
)

// Format is the version of the JSON files that Write writes and Read reads.
const Format = 1

// A Run is one run of the benchmark on one machine.
type Run struct {
	Format     int         `json:"format"`
	Machine    Machine     `json:"machine"`
	Command    string      `json:"command"` // that made it
	Started    time.Time   `json:"started"`
	Seconds    float64     `json:"seconds"` // it took
	Rounds     int         `json:"rounds"`  // samples of each series
	Series     []Series    `json:"series"`
	Bandwidths []Bandwidth `json:"bandwidths"`
	Peaks      []Peak      `json:"peaks"`
	Rivals     []Rival     `json:"rivals"`
	Absent     []Absent    `json:"absent"`
}

// A Case says what one series has measured: who computed what from which data.
type Case struct {
	Impl    string  `json:"impl"` // a kernel, a rival, or "loop" for the plain loops of heads
	Op      string  `json:"op"`   // "Sum", "SumGrad" or "Each"
	Gamma   float32 `json:"gamma"`
	Clip    float32 `json:"clip"`    // 0: off
	N       int     `json:"n"`       // cells of one call
	Workers int     `json:"workers"` // that share one call
	Layout  string  `json:"layout"`  // "contiguous" or that of a head
	Labels  string  `json:"labels"`
	Logits  string  `json:"logits"`
	Calls   string  `json:"calls"` // "independent"; "dependent": each needs the last one's result; "cold": each finds its data in no cache
}

// The values of a Case that most series have.
const (
	Contiguous  = "contiguous"
	Realistic   = "realistic"
	Normal      = "normal"
	Independent = "independent"
	Dependent   = "dependent"
	Cold        = "cold"
	Loop        = "loop"
)

// Base is the case that the others are varied from.
func Base(impl, op string, n int) Case {
	return Case{
		Impl: impl, Op: op, Gamma: 2, N: n, Workers: 1,
		Layout: Contiguous, Labels: Realistic, Logits: Normal, Calls: Independent,
	}
}

// A Series is the samples of one case, in the order of the rounds.
type Series struct {
	Case
	CallsPerSample int       `json:"calls_per_sample"`
	Samples        []float64 `json:"ns_per_call"`

	// These follow from the samples. Read computes them anew.
	NsPerElement      Summary `json:"ns_per_element"`
	ElementsPerSecond float64 `json:"elements_per_second"`
	GBPerSecond       float64 `json:"gb_per_second"` // of logits, labels and output
}

// NewSeries returns the series of a case from the ns per call of each sample.
func NewSeries(c Case, callsPerSample int, nsPerCall []float64) Series {
	s := Series{Case: c, CallsPerSample: callsPerSample, Samples: nsPerCall}
	perElement := make([]float64, len(nsPerCall))
	for i, ns := range nsPerCall {
		perElement[i] = ns / float64(c.N)
	}
	s.NsPerElement = Summarize(perElement)
	s.ElementsPerSecond = 1e9 / s.NsPerElement.Median
	s.GBPerSecond = c.BytesPerElement() / s.NsPerElement.Median
	return s
}

// BytesPerElement returns how many bytes of logits, labels and output a cell has.
func (c Case) BytesPerElement() float64 {
	if c.Op == "Sum" {
		return 4 + 1
	}
	return 4 + 1 + 4
}

// A Bandwidth is how fast one core reads, or copies, a working set of a level of
// the memory hierarchy.
type Bandwidth struct {
	Level   string    `json:"level"` // "L1", "L2", "L3" or "DRAM"
	Op      string    `json:"op"`    // "read" or "copy"
	Bytes   int       `json:"bytes"` // of the working set
	Loop    string    `json:"loop"`  // the kernel with the same vectors
	Samples []float64 `json:"gb_per_second"`
}

// A Peak is how many fused multiply-adds one core does with a kernel's vectors.
type Peak struct {
	Kernel  string    `json:"kernel"`
	Samples []float64 `json:"billion_multiply_adds_per_second"` // of numbers, not of vectors
}

// A Rival is another way to the same loss that took part in the run.
type Rival struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// An Absent is a rival, or a part of the run, that could not take place.
type Absent struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// A Summary describes samples by their quartiles.
type Summary struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`  // a quarter of the samples are below
	High   float64 `json:"high"` // a quarter of the samples are above
}

// Summarize returns the quartiles of samples, of which there must be some.
func Summarize(samples []float64) Summary {
	sorted := stats.Sample{Xs: slices.Sorted(slices.Values(samples)), Sorted: true}
	return Summary{Median: sorted.Quantile(0.5), Low: sorted.Quantile(0.25), High: sorted.Quantile(0.75)}
}

// Spread returns half the distance of the quartiles as a part of the median.
func (s Summary) Spread() float64 { return (s.High - s.Low) / 2 / s.Median }

// Find returns the series of a case, or nil.
func (r *Run) Find(c Case) *Series {
	for i := range r.Series {
		if r.Series[i].Case == c {
			return &r.Series[i]
		}
	}
	return nil
}

// Write writes r as JSON.
func (r *Run) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// Read reads what Write has written.
func Read(r io.Reader) (*Run, error) {
	var run Run
	if err := json.NewDecoder(r).Decode(&run); err != nil {
		return nil, fmt.Errorf("not a result of bench: %w", err)
	}
	if run.Format != Format {
		return nil, fmt.Errorf("format %d of a result; this program reads format %d", run.Format, Format)
	}
	if err := run.check(); err != nil {
		return nil, err
	}
	for i, s := range run.Series {
		run.Series[i] = NewSeries(s.Case, s.CallsPerSample, s.Samples)
	}
	return &run, nil
}

// check reports a run without any figures, and samples that are none.
func (r *Run) check() error {
	if len(r.Series)+len(r.Bandwidths)+len(r.Peaks) == 0 {
		return errors.New("a result without any figures")
	}
	valid := func(samples []float64) bool {
		return len(samples) > 0 && !slices.ContainsFunc(samples, func(v float64) bool { return !(v > 0) })
	}
	for i, s := range r.Series {
		if s.N < 1 || !valid(s.Samples) {
			return fmt.Errorf("series %d of a result has no cells, or not a positive number for each sample", i)
		}
	}
	for i, b := range r.Bandwidths {
		if !valid(b.Samples) {
			return fmt.Errorf("bandwidth %d of a result has not a positive number for each sample", i)
		}
	}
	for i, p := range r.Peaks {
		if !valid(p.Samples) {
			return fmt.Errorf("peak %d of a result has not a positive number for each sample", i)
		}
	}
	return nil
}
