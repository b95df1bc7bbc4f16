package suite

import (
	"slices"

	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// The numbers of cells. 169 is a 13x13 plane, 2704 a 52x52 plane, 10,647 the
// cells of a 416x416 image on three grids of three anchors, 681,408 those of 64
// such images; the last is larger than any cache.
var sizes = []int{16, 64, 169, 1024, 2704, 10647, 65536, 681408, 4194304, 16777216}

const (
	image   = 10647
	batch   = 64 * image
	largest = 16777216

	// nhwcCells is a batch of 52x52 grids whose cache lines exceed most caches: one
	// line for each cell.
	nhwcCells = 168 * 3 * 52 * 52
)

// The labels and logits other than those of result.Base; see data.go.
const (
	allNegative  = "negative"
	halfPositive = "half-positive"
	thirdIgnored = "third-ignored"
	saturated    = "saturated"
	subnormal    = "subnormal"
	testdata     = "testdata"
)

var ops = []string{"Sum", "SumGrad", "Each"}
var reductions = []string{"Sum", "SumGrad"}

// A change makes one variation of a base case.
type change func(*result.Case)

func gamma(g float32) change   { return func(c *result.Case) { c.Gamma = g } }
func clip(eps float32) change  { return func(c *result.Case) { c.Clip = eps } }
func labels(l string) change   { return func(c *result.Case) { c.Labels = l } }
func logits(l string) change   { return func(c *result.Case) { c.Logits = l } }
func layout(l string) change   { return func(c *result.Case) { c.Layout = l } }
func workers(n int) change     { return func(c *result.Case) { c.Workers = n } }
func dependent(c *result.Case) { c.Calls = result.Dependent }
func cold(c *result.Case)      { c.Calls = result.Cold }

var variations = []change{
	gamma(0), gamma(1), gamma(2.3),
	clip(1e-7),
	labels(allNegative), labels(halfPositive), labels(thirdIgnored),
	logits(saturated), logits(subnormal),
}

// A selection collects cases, each once.
type selection []result.Case

func (s *selection) add(impl string, ops []string, n int, changes ...change) {
	for _, op := range ops {
		c := result.Base(impl, op, n)
		for _, apply := range changes {
			apply(&c)
		}
		if !slices.Contains(*s, c) {
			*s = append(*s, c)
		}
	}
}

// workerCells is how many cells the library wants for each worker: see focal.WithWorkers.
const workerCells = 65536

// addWorkers adds n cells shared by as many workers as there are cores, if all of them would work.
func (s *selection) addWorkers(kernel string, n, cores int) {
	if cores > 1 && n >= cores*workerCells {
		s.add(kernel, reductions, n, workers(cores))
	}
}

// defaultCases vary one thing at a time around gamma 2 and realistic labels.
func defaultCases(kernels []focal.Kernel, cores int) []result.Case {
	var s selection
	for _, k := range kernels {
		kernel := string(k)
		slow := kernel == "generic"
		for _, n := range sizes {
			if !slow || n <= batch {
				s.add(kernel, ops, n)
			}
		}
		s.add(kernel, reductions, 16, dependent)
		for _, v := range variations {
			s.add(kernel, reductions, image, v)
			if !slow {
				s.add(kernel, reductions, batch, v)
			}
		}
		s.add(kernel, reductions, image, layout(nchw13))
		s.add(kernel, reductions, image, layout(nhwc13))
		s.add(kernel, reductions, headCells)
		s.add(kernel, reductions, headCells, labels(testdata), logits(testdata))
		s.add(kernel, reductions, headCells, labels(testdata), logits(testdata), layout(nchwTestdata))
		if slow {
			continue
		}
		s.add(kernel, reductions, batch, layout(nchw13))
		s.add(kernel, reductions, batch, layout(nchw52))
		s.add(kernel, reductions, batch, cold)
		s.add(kernel, reductions, batch, layout(nchw13), cold)
		s.add(kernel, reductions, batch, layout(nchw52), cold)
		s.add(kernel, reductions, nhwcCells, layout(nhwc52))
		for _, n := range []int{batch, largest} {
			s.addWorkers(kernel, n, cores)
		}
	}
	s.add(result.Loop, reductions, image, layout(nhwc13))
	s.add(result.Loop, reductions, nhwcCells, layout(nhwc52))
	return s
}

// quickCases are a few of the default ones, none of them larger than a batch.
func quickCases(kernels []focal.Kernel, cores int) []result.Case {
	var s selection
	for _, k := range kernels {
		kernel := string(k)
		for _, n := range []int{16, 169, image, batch} {
			s.add(kernel, reductions, n)
		}
		if kernel == "generic" {
			continue
		}
		s.add(kernel, reductions, 16, dependent)
		for _, v := range variations {
			s.add(kernel, reductions, image, v)
		}
		s.add(kernel, reductions, image, layout(nchw13))
		s.add(kernel, reductions, image, layout(nhwc13))
		s.addWorkers(kernel, batch, cores)
	}
	s.add(result.Loop, reductions, image, layout(nhwc13))
	return s
}
