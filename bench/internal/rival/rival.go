// Package rival runs other people's ways to the binary focal loss on the data of
// a benchmark, so that they can be timed in turns with package focal's.
//
//	rivals, absent, err := rival.Open(ctx, rival.Input{Logits: x, Labels: y, Alpha: 0.25, Gamma: 2}, rival.Options{})
//	for _, r := range rivals {
//		defer r.Close()
//		d, err := r.Measure(rival.SumGrad, 10) // the time of ten whole computations
//	}
//
// Every rival does the whole job: it takes logits and label bytes (a framework's
// rival takes its usual masks), leaves ignored cells out, reduces to the sum, and
// for SumGrad computes the gradient too. Each has shown first that its sum and
// gradient agree with float64 on the very data: see Tolerance. A sum that is added
// up in float32 may be off by 1e-4, one by one in a single float32 by 1e-3. What
// cannot run here is reported as Absent, with the reason.
//
// The rivals are
//
//	go              a naive float64 loop over package math
//	math32          the same loop in float32 over github.com/chewxy/math32
//	vek             a pass per operation with github.com/viterin/vek/vek32
//	c               a C loop compiled on the spot: gcc -O3 -march=native -ffast-math
//	numpy           NumPy, an array per operation
//	torch           PyTorch eager, the code that YOLO trainers use, with autograd
//	torch-compiled  the same through torch.compile
//	onnxruntime     ONNX Runtime, the gradient in closed form
//	gomlx           GoMLX on its pure-Go backend, automatic differentiation
//	gorgonia        Gorgonia's tape machine, automatic differentiation
//
// Python's come from the interpreter that the environment variable
// FOCAL_BENCH_PYTHON names, else python3; the C compiler is FOCAL_BENCH_CC, else
// gcc. gomlx and gorgonia are a program of their own, in bench/rivals, which is
// built when they are asked for by name. They and those of Python and C are child
// processes; Close or the end of Open's context kills them, and if the program just
// ends, they go when they see the end of their input.
package rival

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/seed1982febc/focal"
)

// An Op is a computation that a rival is timed at.
type Op int

const (
	Sum     Op = iota // the sum of the losses
	SumGrad           // the sum, and its derivative with respect to every logit
)

// String returns "Sum" or "SumGrad".
func (op Op) String() string {
	switch op {
	case Sum:
		return "Sum"
	case SumGrad:
		return "SumGrad"
	}
	return fmt.Sprintf("Op(%d)", int(op))
}

// An Input is the data and the parameters of a benchmark.
type Input struct {
	Logits []float32 // of the cells, or with a Shape the whole tensor
	Labels []uint8   // of the cells: 0 negative, 1 positive, 255 ignore
	Alpha  float32   // weight of positives, 1-Alpha of negatives; -1: both 1
	Gamma  float32

	// Shape, if not zero, says that Logits is a detector's raw output
	// [Batch, Anchors*Attrs, Height, Width], of which attribute Attr is the cells.
	Shape focal.Shape
	Attr  int
}

// Options say which rivals to open.
type Options struct {
	// Names are the rivals wanted; nil is all but gomlx and gorgonia.
	Names []string
	// Threads is the number of threads of the second copy of those rivals that can
	// use several; 0 is GOMAXPROCS, 1 leaves the second copy out.
	Threads int
	// GoRivals is the directory of the module bench/rivals, for gomlx and gorgonia.
	GoRivals string
	// Progress, if not nil, is told how many have started, or turned out to be absent, of all.
	Progress func(started, all int)

	patience patience // zero: defaultPatience
}

// Absent is a rival that was wanted and cannot run here, or does not compute the
// loss.
type Absent struct {
	Name   string
	Reason string // one line
}

// A Rival is ready to be timed. It is not safe for concurrent use.
type Rival struct {
	name, about string
	threads     int
	runner      runner
}

// A runner computes the loss of the Input that it was opened with.
type runner interface {
	measure(op Op, calls int) (time.Duration, error)
	results() (results, error)
	close()
}

// results are what a runner computes: the sum as each Op finds it, and the
// gradient, one element per cell.
type results struct {
	sum, gradSum float64
	grad         []float32
}

// Name returns the rival's name, unique among those of one Open: "torch", and
// "torch-2t" for its copy on two threads.
func (r *Rival) Name() string { return r.name }

// Describe returns what the rival is, with versions, on one line.
func (r *Rival) Describe() string { return r.about }

// Threads returns how many threads the rival may use.
func (r *Rival) Threads() int { return r.threads }

// Measure returns the time of calls whole computations, one after the other. An
// error of a child process is final.
func (r *Rival) Measure(op Op, calls int) (time.Duration, error) {
	if op != Sum && op != SumGrad {
		return 0, fmt.Errorf("rival %s: unknown %v", r.name, op)
	}
	if calls < 1 {
		return 0, fmt.Errorf("rival %s: %d calls", r.name, calls)
	}
	d, err := r.runner.measure(op, calls)
	if err != nil {
		return 0, fmt.Errorf("rival %s: %w", r.name, err)
	}
	return d, nil
}

// Close ends the rival's process, if it has one, and waits until it is gone. It
// may be called again.
func (r *Rival) Close() { r.runner.close() }

// A kind is one way to the loss.
type kind struct {
	name      string
	threaded  bool // can use several threads
	onDemand  bool // only when asked for by name
	tolerance Tolerance
	open      func(b *bench, name string, threads int) (runner, string, error)
}

// kinds are all there are. Which tolerance each has, and why: reference.go.
var kinds = []kind{
	{name: "go", tolerance: double, open: openLoop(naive, "naive Go loop, float64, package math")},
	{name: "math32", tolerance: single, open: openLoop(naive32, "naive Go loop, float32, chewxy/math32")},
	{name: "vek", tolerance: cancelling, open: openLoop(passes, "viterin/vek, a pass per operation, float32")},
	{name: "c", tolerance: single, open: openC},
	{name: "numpy", tolerance: single, open: openPython},
	{name: "torch", threaded: true, tolerance: cancelling, open: openPython},
	{name: "torch-compiled", threaded: true, tolerance: cancelling, open: openPython},
	{name: "onnxruntime", threaded: true, tolerance: running, open: openPython},
	{name: "gomlx", threaded: true, onDemand: true, tolerance: sequential, open: openGo},
	{name: "gorgonia", onDemand: true, tolerance: sequential, open: openGo},
}

// Names returns the names that Options may ask for.
func Names() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// Open starts the rivals that opts asks for, checks each against float64, and
// returns those that can be timed, in the order of the package documentation, and
// those that cannot. It takes seconds where Python has to start and a minute where
// torch.compile has to compile. When ctx ends, so do the rivals' processes. An
// error means that nothing has been started, or that ctx ended meanwhile.
func Open(ctx context.Context, in Input, opts Options) ([]*Rival, []Absent, error) {
	for _, name := range opts.Names {
		if !slices.Contains(Names(), name) {
			return nil, nil, fmt.Errorf("rival: no rival is named %q; there are %q", name, Names())
		}
	}
	if opts.Threads < 0 {
		return nil, nil, fmt.Errorf("rival: %d threads", opts.Threads)
	}
	if opts.Threads == 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	if opts.Progress == nil {
		opts.Progress = func(int, int) {}
	}
	if opts.patience == (patience{}) {
		opts.patience = defaultPatience
	}
	p, err := newProblem(in)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "focal-rivals-")
	if err != nil {
		return nil, nil, fmt.Errorf("rival: %w", err)
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: ctx, problem: p, dir: dir, goRivals: opts.GoRivals, patience: opts.patience}
	if err := b.writeData(); err != nil {
		return nil, nil, fmt.Errorf("rival: %w", err)
	}

	type entry struct {
		kind    kind
		threads int
		rival   *Rival
		err     error
	}
	var entries []*entry
	for _, k := range kinds {
		if opts.Names == nil && k.onDemand || opts.Names != nil && !slices.Contains(opts.Names, k.name) {
			continue
		}
		entries = append(entries, &entry{kind: k, threads: 1})
		if k.threaded && opts.Threads > 1 {
			entries = append(entries, &entry{kind: k, threads: opts.Threads})
		}
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0)) // as many start at a time
	started := make(chan struct{})
	for _, e := range entries {
		go func() {
			slots <- struct{}{}
			e.rival, e.err = b.open(e.kind, e.threads)
			<-slots
			started <- struct{}{}
		}()
	}
	for i := range entries {
		opts.Progress(i, len(entries))
		<-started
	}

	var rivals []*Rival
	var absent []Absent
	for i, e := range entries {
		switch {
		case e.err == nil:
			rivals = append(rivals, e.rival)
		case e.threads == 1 || entries[i-1].err == nil: // else its first copy has said so
			absent = append(absent, Absent{Name: label(e.kind, e.threads), Reason: oneLine(e.err.Error())})
		}
	}
	if err := ctx.Err(); err != nil {
		for _, r := range rivals {
			r.Close()
		}
		return nil, nil, fmt.Errorf("rival: %w", err)
	}
	return rivals, absent, nil
}

// bench is what the rivals of one Open share.
type bench struct {
	ctx      context.Context
	problem  *problem
	dir      string // of files that are needed only until the rivals have started
	goRivals string // directory of the module bench/rivals
	patience patience
	build    sync.Once
	buildErr error
}

// label is the name of a kind with so many threads.
func label(k kind, threads int) string {
	if threads == 1 {
		return k.name
	}
	return fmt.Sprintf("%s-%dt", k.name, threads)
}

// open starts one rival and holds it to the reference.
func (b *bench) open(k kind, threads int) (*Rival, error) {
	run, about, err := k.open(b, k.name, threads)
	if err != nil {
		return nil, err
	}
	got, err := run.results()
	if err == nil {
		err = b.problem.check(got, k.tolerance)
	}
	if err != nil {
		run.close()
		return nil, err
	}
	return &Rival{name: label(k, threads), about: about, threads: threads, runner: run}, nil
}
