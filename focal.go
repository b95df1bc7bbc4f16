// Package focal computes the binary (sigmoid) focal loss of float32 logits,
// value and gradient, in one pass and with the same bits on every CPU.
//
// For a cell with logit x and label y, let s = +1 for a positive and -1 for a
// negative, z = s*x, q = sigmoid(-z) (the probability the model gives to the
// wrong answer) and L = softplus(-z) (the cross entropy). Then
//
//	loss     = a_y * q^gamma * L
//	dloss/dx = -s * a_y * q^gamma * (q + gamma*(1-q)*L)
//
// with a_y = alpha for positives and 1-alpha for negatives (Lin et al., "Focal
// Loss for Dense Object Detection", 2017). Gamma 0 is weighted cross entropy.
// Cells labelled Ignore are left out whatever their logit holds.
//
//	l, err := focal.New(0.25, 2)
//	if err != nil {
//		return err
//	}
//	grad := make([]float32, len(logits))
//	stats, err := l.MeanGrad(grad, logits, labels, 1)
//
// Results do not depend on the kernel, the CPU, the alignment, the number of
// workers or the memory layout: contract.go, in the source, fixes them and says why.
//
// Logits are float32 and may be anything. For a cell that is not ignored, NaN gives loss
// and gradient NaN (with scale 0 the gradient is +0 all the same). Without clip an infinity on the right
// side gives 0 and 0, on the wrong side +Inf and -s*a_y; WithClip says what it gives there. Where a_y is 0
// all but NaN gives +0. A loss or gradient whose computed magnitude is below 2^-126 is +0. Without clip and
// with alpha 0.25, over all 2^32 logits, losses are within 2.5, 5.2 and 5.5 units in the last place of the exact
// value for gamma 0, 1 and 2, gradients within 3.3, 6.9 and 7.1; on samples, with other weights within 1 more, and
// other gammas within 16, above 4 within 16 + 3*gamma.
//
// No call panics, and one that returns an error has written nothing.
package focal

import (
	"errors"
	"fmt"
	"unsafe"
)

var errNoLoss = errors.New("focal: nil or zero Loss: use New")

// The labels of a cell. Any other value is an error.
const (
	Negative uint8 = 0
	Positive uint8 = 1
	Ignore   uint8 = 255
)

// A Kernel names one implementation of the same arithmetic: "avx512", "avx2", "neon" or "generic".
type Kernel string

const (
	kernelAVX512  Kernel = "avx512"
	kernelAVX2    Kernel = "avx2"
	kernelNEON    Kernel = "neon"
	kernelGeneric Kernel = "generic"
)

// Kernels returns the kernels that this CPU and this build can run, in order
// of preference. The last is always "generic". The slice is the caller's.
func Kernels() []Kernel {
	return append(archKernels(), kernelGeneric)
}

// preferred is the kernel of a Loss that names none.
var preferred = Kernels()[0]

// An Option changes a Loss under construction. Each must be valid; a later one wins over an
// earlier one.
type Option func(*config) error

// config collects what New was asked for.
type config struct {
	alpha, gamma float32
	pos, neg     float32
	weighted     bool // WithClassWeights was given
	clip         float32
	workers      int
	kernel       Kernel
}

// WithClassWeights multiplies the loss of positives by pos and that of
// negatives by neg. It needs alpha = -1. Each weight is 0 or in [2^-24, 2^24].
func WithClassWeights(pos, neg float32) Option {
	return func(c *config) error {
		if !validWeight(pos) {
			return fmt.Errorf("focal: positive class weight %v is neither 0 nor in [2^-24, 2^24]", pos)
		}
		if !validWeight(neg) {
			return fmt.Errorf("focal: negative class weight %v is neither 0 nor in [2^-24, 2^24]", neg)
		}
		c.pos, c.neg, c.weighted = pos, neg, true
		return nil
	}
}

// WithClip clamps the probability of the cross-entropy term to [eps, 1-eps]
// before the logarithm, as common PyTorch code does, and leaves the modulating
// factor alone: L is clamped to [-log(1-eps), -log(eps)], and where it is
// clamped the gradient keeps only -s*a_y*q^gamma*gamma*(1-q)*L. The bounds are
// those of float32(eps) and float32(1-eps): at 1e-7 the greatest L is 16.118 for positives and
// 15.942 for negatives, and up to 2^-25, where float32(1-eps) is 1, only positives have one. At an infinity L is the
// bound on its side (the loss of the right side is 0 then unless gamma is 0) and the gradient 0; on a side without a
// bound both are as without clip. eps is in [0, 0.5); 0 is off.
func WithClip(eps float32) Option {
	return func(c *config) error {
		if !(eps >= 0 && eps < 0.5) {
			return fmt.Errorf("focal: clip %v is not in [0, 0.5)", eps)
		}
		c.clip = eps
		return nil
	}
}

// WithWorkers sets how many goroutines share one call. 1, the default, is the
// calling goroutine alone; 0 is runtime.GOMAXPROCS at each call. The results
// are the same for every number. A call takes fewer, down to 1, where its cells are not
// worth waking more: an assembly kernel wants 65,536 for each. The caller is one of them, and returns when all is done:
// a goroutine that has not begun by then ends without a look at the slices. A caller that is locked to its thread
// (runtime.LockOSThread) takes tens of microseconds longer. With one worker alone, the caller can recover from a fault of
// memory in its slices (debug.SetPanicOnFault).
func WithWorkers(n int) Option {
	return func(c *config) error {
		if n < 0 {
			return fmt.Errorf("focal: %d workers: the number must not be negative", n)
		}
		c.workers = n
		return nil
	}
}

// WithKernel selects a kernel by name; "" is the default, Kernels()[0]. One that cannot run here is an error of New.
func WithKernel(k Kernel) Option {
	return func(c *config) error {
		if k == "" {
			c.kernel = ""
			return nil
		}
		for _, have := range Kernels() {
			if k == have {
				c.kernel = k
				return nil
			}
		}
		return fmt.Errorf("focal: kernel %q cannot run here; this CPU and build have %q", k, Kernels())
	}
}

// A Loss is a focal loss with fixed parameters. It is immutable and safe for
// concurrent use. Make one with New. Errors of its methods are slices whose lengths do not fit, a label other than the
// three (with its index), a scale out of range, slices that overlap, and a nil or zero Loss.
type Loss struct {
	params  params
	workers int
}

// New returns the focal loss with the given alpha and gamma. Alpha is in
// [0, 1] but not a positive number below 2^-24, or -1 for no weighting (both
// classes 1). Gamma is 0 or in [2^-10, 64].
func New(alpha, gamma float32, opts ...Option) (*Loss, error) {
	if !(alpha == -1 || alpha >= 0 && alpha <= 1) {
		return nil, fmt.Errorf("focal: alpha %v is neither -1 nor in [0, 1]", alpha)
	}
	if !(gamma == 0 || gamma >= 0x1p-10 && gamma <= 64) {
		return nil, fmt.Errorf("focal: gamma %v is neither 0 nor in [2^-10, 64]", gamma)
	}
	c := config{alpha: alpha, gamma: gamma, pos: 1, neg: 1, workers: 1}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("focal: option %d is nil", i)
		}
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	if alpha != -1 {
		if c.weighted {
			return nil, fmt.Errorf("focal: class weights need alpha -1, not %v", alpha)
		}
		c.pos, c.neg = alpha, 1-alpha
		if !validWeight(alpha) { // then 1-alpha is, rounded
			return nil, fmt.Errorf("focal: alpha %v is a positive number below 2^-24", alpha)
		}
	}
	c.pos, c.neg = max(c.pos, 0), max(c.neg, 0) // -0 to +0
	if c.kernel == "" {
		c.kernel = preferred
	}
	return &Loss{params: newParams(&c), workers: c.workers}, nil
}

func validWeight(w float32) bool {
	return w == 0 || w >= 0x1p-24 && w <= 0x1p24
}

// Kernel returns the name of the kernel that l uses, "" for a nil or zero Loss.
func (l *Loss) Kernel() Kernel {
	if l == nil {
		return ""
	}
	return l.params.kernel
}

// Sum returns the sum of the losses of all cells that are not ignored, and the
// counts of labels. logits and labels have the same length, which may be 0. A
// NaN logit that is not ignored makes the sum NaN. Sum does not allocate with
// one worker.
func (l *Loss) Sum(logits []float32, labels []uint8) (Stats, error) {
	return l.run(&job{mode: modeSum, logits: logits, labels: labels})
}

// SumGrad returns what Sum returns and sets grad[i] to scale times the
// derivative of the sum with respect to logits[i], +0 where the label is
// Ignore. grad may be logits itself and must otherwise not overlap it. scale is
// 0 (all gradients +0) or has a magnitude in [2^-60, 2^60]. SumGrad does not allocate with
// one worker.
func (l *Loss) SumGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error) {
	return l.run(&job{mode: modeGrad, out: grad, logits: logits, labels: labels, scale: scale})
}

// MeanGrad is SumGrad for scale times the mean loss over the cells that are not
// ignored: the reduction "mean" of PyTorch. It equals SumGrad with scale
// float32(float64(scale)/float64(max(1, Count))), which must be in the range of SumGrad, and the
// Stats are those of Sum. MeanGrad does not allocate with one worker.
func (l *Loss) MeanGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error) {
	return l.run(&job{mode: modeGrad, norm: perCell, out: grad, logits: logits, labels: labels, scale: scale})
}

// PerPositiveGrad is SumGrad for scale times the sum over max(1, Positives), the
// normaliser of RetinaNet. It equals SumGrad with scale
// float32(float64(scale)/float64(max(1, Positives))), which must be in the range of SumGrad, and
// the Stats are those of Sum. Libraries that normalise each image by itself need a call for each
// image. PerPositiveGrad does not allocate with one worker.
func (l *Loss) PerPositiveGrad(grad, logits []float32, labels []uint8, scale float32) (Stats, error) {
	return l.run(&job{mode: modeGrad, norm: perPositive, out: grad, logits: logits, labels: labels, scale: scale})
}

// Each sets loss[i] to the loss of cell i, +0 where the label is Ignore: the
// reduction "none" of PyTorch. loss may be logits itself and must otherwise not
// overlap it. Each does not allocate with one worker.
func (l *Loss) Each(loss, logits []float32, labels []uint8) error {
	_, err := l.run(&job{mode: modeEach, out: loss, logits: logits, labels: labels})
	return err
}

// Count returns the counts of labels alone; its Sum is 0. Shards that share one
// mean count first, add the counts up, and then call SumGrad with scale
// float32(1/float64(max(1, Count))). Any other value than the labels is an error, which gives its index. Count does not
// allocate.
func Count(labels []uint8) (Stats, error) {
	return countLabels(isas[preferred], labels)
}

// Stats is what one call saw, or several calls together.
type Stats struct {
	Sum                           float64 // of the losses of positives and negatives
	Positives, Negatives, Ignored int64   // labels of each kind
}

// Count returns the number of cells that are not ignored.
func (s Stats) Count() int64 { return s.Positives + s.Negatives }

// Mean returns Sum / Count, and 0 when there is nothing to count.
func (s Stats) Mean() float64 {
	if s.Count() == 0 {
		return 0
	}
	return s.Sum / float64(s.Count())
}

// PerPositive returns Sum / max(1, Positives). Of several images together that is not the mean of what it returns
// for each.
func (s Stats) PerPositive() float64 {
	return s.Sum / float64(max(1, s.Positives))
}

// Add returns the Stats of two disjoint parts of one data set, such as shards
// on several machines. Stats that already cover all parts, for instance those
// read back from an all-reduce, must not be added again.
func (s Stats) Add(o Stats) Stats {
	return Stats{
		Sum:       s.Sum + o.Sum,
		Positives: s.Positives + o.Positives,
		Negatives: s.Negatives + o.Negatives,
		Ignored:   s.Ignored + o.Ignored,
	}
}

// check reports what is wrong with the arguments of a call, apart from the
// labels' values.
func (l *Loss) check(j *job) error {
	if l == nil || l.params.kernel == "" {
		return errNoLoss
	}
	n := len(j.labels)
	if j.cells != nil {
		if cells := j.cells.Cells(); n != cells {
			return fmt.Errorf("focal: %d labels for %d cells", n, cells)
		}
		if err := j.cells.fits("logits", len(j.logits)); err != nil {
			return err
		}
	} else if len(j.logits) != n {
		return fmt.Errorf("focal: %d logits for %d labels", len(j.logits), n)
	}
	switch j.mode {
	case modeGrad:
		if len(j.out) != len(j.logits) {
			return fmt.Errorf("focal: grad has %d elements for %d logits", len(j.out), len(j.logits))
		}
	case modeEach:
		if len(j.out) != n {
			return fmt.Errorf("focal: loss has %d elements for %d cells", len(j.out), n)
		}
	}
	if len(j.out) == 0 || len(j.logits) == 0 {
		return nil
	}
	out, in := uintptr(unsafe.Pointer(&j.out[0])), uintptr(unsafe.Pointer(&j.logits[0]))
	switch {
	case out+4*uintptr(len(j.out)) <= in || in+4*uintptr(len(j.logits)) <= out:
		return nil
	case out != in || len(j.out) != len(j.logits):
		return fmt.Errorf("focal: %s overlaps logits without being the same slice", j.mode.output())
	case j.mode != modeGrad && j.cells != nil && !j.cells.identity():
		return fmt.Errorf("focal: loss may be logits itself only where cell i is element i of the tensor")
	}
	return nil
}
