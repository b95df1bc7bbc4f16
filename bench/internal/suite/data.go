package suite

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"codeberg.org/sbinet/npyio/npy"
	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// The layouts other than result.Contiguous: raw heads with 85 numbers for each of
// three anchors, and the head in testdata.
const (
	nchw13       = "nchw-13x13x85"
	nchw52       = "nchw-52x52x85"
	nhwc13       = "nhwc-13x13x85"
	nhwc52       = "nhwc-52x52x85"
	nchwTestdata = "nchw-13x13x25"
)

var heads = map[string]struct {
	anchors, attrs, grid int
	channel              func(focal.Shape, int) (focal.Channel, error)
}{
	nchw13:       {3, 85, 13, focal.Shape.NCHW},
	nchw52:       {3, 85, 52, focal.Shape.NCHW},
	nhwc13:       {3, 85, 13, focal.Shape.NHWC},
	nhwc52:       {3, 85, 52, focal.Shape.NHWC},
	nchwTestdata: {5, 5, 13, focal.Shape.NCHW},
}

// headCells is the number of cells of the head in testdata.
const headCells = 32 * 5 * 13 * 13

// confidence is the attribute that the loss takes in every head.
const confidence = 4

// headShape returns the shape of a layout's head with n cells.
func headShape(layout string, n int) (focal.Shape, error) {
	h, ok := heads[layout]
	perImage := h.anchors * h.grid * h.grid
	if !ok || n%perImage != 0 {
		return focal.Shape{}, fmt.Errorf("no head %q has %d cells", layout, n)
	}
	return focal.Shape{Batch: n / perImage, Anchors: h.anchors, Attrs: h.attrs, Height: h.grid, Width: h.grid}, nil
}

// headChannel returns where the cells of a layout's head with n cells are.
func headChannel(layout string, n int) (focal.Channel, error) {
	s, err := headShape(layout, n)
	if err != nil {
		return focal.Channel{}, err
	}
	return heads[layout].channel(s, confidence)
}

// data are the inputs and outputs of all cases. Cases of one kind share a slice:
// each takes the front of it.
type data struct {
	logits  map[string][]float32 // of cells one after the other, by kind
	tensors map[string][]float32 // of heads, by kind of logits
	labels  map[string][]uint8
	out     []float32 // as long as the longest of logits and tensors
	other   []float32 // what coldTimer reads, if there are cold calls
}

// newData makes what the cases need. head is testdata's, nil if no case needs it.
func newData(cases []result.Case, head *head) (*data, error) {
	d := &data{
		logits:  make(map[string][]float32),
		tensors: make(map[string][]float32),
		labels:  make(map[string][]uint8),
	}
	if head != nil {
		d.logits[testdata], d.tensors[testdata], d.labels[testdata] = head.cells, head.tensor, head.labels
	}
	logits, tensors, labels := make(map[string]int), make(map[string]int), make(map[string]int)
	for _, c := range cases {
		labels[c.Labels] = max(labels[c.Labels], c.N)
		if c.Layout == result.Contiguous {
			logits[c.Logits] = max(logits[c.Logits], c.N+spare)
			continue
		}
		channel, err := headChannel(c.Layout, c.N)
		if err != nil {
			return nil, err
		}
		tensors[c.Logits] = max(tensors[c.Logits], channel.Size)
	}
	for kind, n := range logits {
		if kind != testdata {
			d.logits[kind] = makeLogits(kind, n)
		}
	}
	for kind, n := range tensors {
		if kind != testdata {
			d.tensors[kind] = tile(makeLogits(kind, min(n, tileLen)), n)
		}
	}
	for kind, n := range labels {
		if kind != testdata {
			d.labels[kind] = makeLabels(kind, n)
		}
	}
	longest := 0
	for _, x := range d.logits {
		longest = max(longest, len(x))
	}
	for _, x := range d.tensors {
		longest = max(longest, len(x))
	}
	d.out = tile([]float32{0}, longest)
	if slices.ContainsFunc(cases, func(c result.Case) bool { return c.Calls == result.Cold }) {
		d.other = tile([]float32{0}, otherLen)
	}
	return d, nil
}

// otherLen numbers, 128 MiB, leave nothing else in most caches.
const otherLen = 32 << 20

// spare logits beyond those of a case are where dependentTimer might begin.
const spare = 1

// makeLogits returns n logits of a kind.
func makeLogits(kind string, n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func() float64 { return -4 + 2.5*rng.NormFloat64() } // those of a detector in training
	switch kind {
	case saturated:
		draw = func() float64 { return 120*float64(rng.IntN(2)) - 60 }
	case subnormal:
		draw = func() float64 { return -30 - 5*rng.Float64() } // q^2*L is subnormal
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(draw())
	}
	return x
}

// tileLen logits are drawn for a tensor, which repeats them.
const tileLen = 1 << 20

// tile returns n numbers, those of pattern again and again.
func tile(pattern []float32, n int) []float32 {
	x := make([]float32, n)
	for i := 0; i < n; {
		i += copy(x[i:], pattern)
	}
	return x
}

// makeLabels returns n labels of a kind.
func makeLabels(kind string, n int) []uint8 {
	positive, ignored := 0.01, 0.03 // result.Realistic
	switch kind {
	case allNegative:
		positive, ignored = 0, 0
	case halfPositive:
		positive, ignored = 0.5, 0
	case thirdIgnored:
		ignored = 1. / 3
	}
	rng := rand.New(rand.NewPCG(2, 2))
	y := make([]uint8, n)
	for i := range y {
		switch u := rng.Float64(); {
		case u < positive:
			y[i] = focal.Positive
		case u < positive+ignored:
			y[i] = focal.Ignore
		}
	}
	return y
}

// A head is the one in testdata.
type head struct {
	tensor []float32
	cells  []float32 // those of the tensor that the loss takes, one after the other
	labels []uint8
}

// readHead reads the head in the directory testdata.
func readHead(dir string) (*head, error) {
	tensor, err := readNpy[float32](filepath.Join(dir, "head_13.npy"))
	if err != nil {
		return nil, err
	}
	labels, err := readNpy[uint8](filepath.Join(dir, "labels_13.npy"))
	if err != nil {
		return nil, err
	}
	channel, err := headChannel(nchwTestdata, headCells)
	if err != nil {
		return nil, err
	}
	if len(tensor) != channel.Size || len(labels) != headCells {
		return nil, fmt.Errorf("the head in %s has %d logits and %d labels, want %d and %d", dir, len(tensor), len(labels), channel.Size, headCells)
	}
	cells := make([]float32, 0, headCells)
	for run := range channel.Runs {
		start := channel.Offset + run*channel.Step
		cells = append(cells, tensor[start:start+channel.Len]...)
	}
	return &head{tensor, cells, labels}, nil
}

func readNpy[T float32 | uint8](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var values []T
	if err := npy.Read(bufio.NewReader(f), &values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}
