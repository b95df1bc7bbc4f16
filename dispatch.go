package focal

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A norm is what a gradient is divided by.
type norm int

const (
	perCall     norm = iota // nothing
	perCell                 // cells that are not ignored
	perPositive             // positives
)

// A job is one call of the public API.
type job struct {
	mode    mode
	norm    norm
	out     []float32 // grad, or the losses of Each
	logits  []float32
	labels  []uint8
	scale   float32
	cells   Channel // where the logits (and gradients) are
	strided bool    // cells is a Head's channel, not the whole of logits
}

// A frame is what a kernel reads and writes besides the cells, one per
// goroutine. The assembly knows its layout through go_asm.h.
type frame struct {
	p        *params
	scale    vec         // of gradients: the call's scale times p.unscale
	tinyGrad vec         // the greatest gradient that is too small, in the kernel's scale
	lanes    [8]float64  // sums of the block, in the kernel's scale
	column   [16]float32 // T of the group at hand
}

// run does the whole of a call.
func (l *Loss) run(j job) (Stats, error) {
	if err := l.check(&j); err != nil {
		return Stats{}, err
	}
	workers := l.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	stats, err := countLabels(l.kernel, j.labels, workers)
	if err != nil {
		return Stats{}, err
	}
	if j.mode == modeGrad {
		switch j.norm {
		case perCell:
			j.scale = float32(float64(j.scale) / float64(max(1, stats.Count())))
		case perPositive:
			j.scale = float32(float64(j.scale) / float64(max(1, stats.Positives)))
		}
		if err := checkScale(j.scale); err != nil {
			return Stats{}, err
		}
	}
	n := len(j.labels)
	zero := j.mode == modeGrad && j.scale == 0
	if zero {
		j.mode = modeSum
	}
	if blocks := (n + blockCells - 1) / blockCells; workers > 1 && blocks > 1 {
		stats.Sum = l.parallel(j, workers, blocks)
	} else {
		f := l.frame(j.scale)
		for b := range blocks {
			stats.Sum += l.block(&f, &j, b)
		}
	}
	if stats.Sum != stats.Sum {
		stats.Sum = math.Float64frombits(0x7FF8000000000000)
	}
	if zero {
		for i := range n {
			j.out[j.index(i)] = 0
		}
	}
	return stats, nil
}

// index returns where cell i is.
func (j *job) index(i int) int {
	c := &j.cells
	return c.Offset + i/c.Len*c.Step + i%c.Len*c.Stride
}

// frame returns a frame for gradients times scale.
func (l *Loss) frame(scale float32) frame {
	f := frame{p: &l.params}
	f.scale = splat(scale * l.params.unscale[0])
	// The least gradient that, in the kernel's scale, stands for one of at least
	// 2^-126 both before and after it is multiplied by scale.
	least := float32(0x1p-126)
	if a := math.Abs(float64(scale)); a < 1 && a > 0 {
		least = float32(0x1p-126 / a)
		if float64(least)*a < 0x1p-126 {
			least = math.Nextafter32(least, 1)
		}
	}
	f.tinyGrad = splat(below(scaleb(least, l.params.exponent)))
	return f
}

// parallel shares the blocks among workers and adds their sums in order.
func (l *Loss) parallel(j job, workers, blocks int) float64 {
	sums := make([]float64, blocks)
	share(workers, blocks, func(next func() (int, bool)) {
		f := l.frame(j.scale)
		for b, ok := next(); ok; b, ok = next() {
			sums[b] = l.block(&f, &j, b)
		}
	})
	sum := 0.0
	for _, s := range sums {
		sum += s
	}
	return sum
}

// share runs work on up to workers goroutines, the caller's among them, and
// returns when all are done. next hands out the tasks.
func share(workers, tasks int, work func(next func() (task int, ok bool))) {
	var taken atomic.Int64
	next := func() (int, bool) {
		t := int(taken.Add(1)) - 1
		return t, t < tasks
	}
	var wg sync.WaitGroup
	for range min(workers, tasks) - 1 {
		wg.Go(func() { work(next) })
	}
	work(next)
	wg.Wait()
}

// Cells of one run are worth passing in place if the run is long; short runs are
// gathered by the stageful, and so is what lies across the end of a run.
const (
	longRun   = 512
	stageful  = 1024
	seamCells = groupCells
)

// block returns the sum of block b and writes its losses or gradients.
func (l *Loss) block(f *frame, j *job, b int) float64 {
	f.lanes = [8]float64{}
	i := b * blockCells
	end := min(i+blockCells, len(j.labels))
	c := &j.cells
	inPlace := c.Stride == 1 && (c.Runs == 1 || c.Len >= longRun)
	for i < end {
		if !inPlace {
			i += l.stage(f, j, i, end)
			continue
		}
		n := min(c.Len-i%c.Len, end-i) / groupCells * groupCells
		if n == 0 {
			i += l.stageSeam(f, j, i, end)
			continue
		}
		at := j.index(i)
		out := j.out
		switch j.mode {
		case modeGrad:
			out = out[at : at+n]
		case modeEach:
			out = out[i : i+n]
		}
		l.kernelCells(f, j.mode, out, j.logits[at:at+n], j.labels[i:i+n])
		i += n
	}
	v := &f.lanes
	sum := ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
	return math.Ldexp(sum, -l.params.exponent)
}

// stage and stageSeam do the cells from i on that fit a buffer, and return how
// many. There are two because Go clears arrays.
func (l *Loss) stage(f *frame, j *job, i, end int) int {
	if end-i <= seamCells {
		return l.stageSeam(f, j, i, end)
	}
	var buf [stageful]float32
	return l.staged(f, j, i, min(end, i+stageful), buf[:])
}

func (l *Loss) stageSeam(f *frame, j *job, i, end int) int {
	var buf [seamCells]float32
	return l.staged(f, j, i, min(end, i+seamCells), buf[:])
}

// staged gathers cells i to end into buf, runs the kernel there, and scatters what
// it produced. The last group is filled up with ignored cells: the label is the
// mask of the tail.
func (l *Loss) staged(f *frame, j *job, i, end int, buf []float32) int {
	n := end - i
	j.gather(buf, i, n)
	out := buf
	if j.mode == modeSum {
		out = nil
	}
	whole := n / groupCells * groupCells
	if whole > 0 {
		l.kernelCells(f, j.mode, from(out, 0, whole), buf[:whole], j.labels[i:i+whole])
	}
	if whole < n {
		labels := allIgnored
		copy(labels[:], j.labels[i+whole:end])
		l.kernelCells(f, j.mode, from(out, whole, groupCells), buf[whole:whole+groupCells], labels[:])
	}
	switch j.mode {
	case modeGrad:
		j.scatter(buf, i, n)
	case modeEach:
		copy(j.out[i:end], buf)
	}
	return n
}

var allIgnored = func() (labels [groupCells]uint8) {
	for i := range labels {
		labels[i] = Ignore
	}
	return labels
}()

// gather copies the logits of n cells from cell i on to buf.
func (j *job) gather(buf []float32, i, n int) {
	c := &j.cells
	for n > 0 {
		k := min(n, c.Len-i%c.Len)
		src := j.logits[j.index(i):]
		if c.Stride == 1 {
			copy(buf[:k], src)
		} else {
			for x := range buf[:k] {
				buf[x] = src[x*c.Stride]
			}
		}
		buf, i, n = buf[k:], i+k, n-k
	}
}

// scatter copies n gradients from buf to cell i and on.
func (j *job) scatter(buf []float32, i, n int) {
	c := &j.cells
	for n > 0 {
		k := min(n, c.Len-i%c.Len)
		dst := j.out[j.index(i):]
		if c.Stride == 1 {
			copy(dst, buf[:k])
		} else {
			for x, v := range buf[:k] {
				dst[x*c.Stride] = v
			}
		}
		buf, i, n = buf[k:], i+k, n-k
	}
}

// kernelCells runs whole groups of cells that lie one after another. out is as
// long as logits, or nil for modeSum.
func (l *Loss) kernelCells(f *frame, m mode, out, logits []float32, labels []uint8) {
	for done := 0; done < len(labels); done += groupCells {
		column := 0
		if l.kernel != kernelGeneric {
			race(out, logits, labels)
			var n int
			n, column = archCells(l.kernel, f, m, unsafe.SliceData(from(out, done, 0)), &logits[done], &labels[done], len(labels)-done)
			if done += n; done == len(labels) {
				return
			}
		}
		genericGroup(f, m, from(out, done, groupCells), logits[done:], labels[done:], column)
	}
}

// from returns n elements of s from index i on, nil if s is nil.
func from(s []float32, i, n int) []float32 {
	if s == nil {
		return nil
	}
	return s[i : i+n]
}

// countLabels counts labels of each kind and reports the first that is none.
func countLabels(k Kernel, labels []uint8, workers int) (Stats, error) {
	chunks := (len(labels) + labelCells - 1) / labelCells
	var s Stats
	if workers > 1 && chunks > 1 {
		var positives, ignored, negatives atomic.Int64
		share(workers, chunks, func(next func() (int, bool)) {
			for i, ok := next(); ok; i, ok = next() {
				p, g, n := countChunk(k, labelChunk(labels, i))
				positives.Add(int64(p))
				ignored.Add(int64(g))
				negatives.Add(int64(n))
			}
		})
		s = Stats{Positives: positives.Load(), Ignored: ignored.Load(), Negatives: negatives.Load()}
	} else {
		for i := range chunks {
			p, g, n := countChunk(k, labelChunk(labels, i))
			s.Positives += int64(p)
			s.Ignored += int64(g)
			s.Negatives += int64(n)
		}
	}
	if s.Count()+s.Ignored == int64(len(labels)) {
		return s, nil
	}
	for i, y := range labels {
		if y != Negative && y != Positive && y != Ignore {
			return Stats{}, fmt.Errorf("focal: label %d at index %d is neither 0, 1 nor 255", y, i)
		}
	}
	return Stats{}, fmt.Errorf("focal: labels changed during the call")
}

func labelChunk(labels []uint8, i int) []uint8 {
	return labels[i*labelCells : min(len(labels), (i+1)*labelCells)]
}

// countChunk counts the labels of each kind in at most labelCells.
func countChunk(k Kernel, labels []uint8) (positives, ignored, negatives int) {
	whole := 0
	if k != kernelGeneric {
		race(nil, nil, labels)
		if whole = len(labels) / groupCells * groupCells; whole > 0 {
			positives, ignored, negatives = archCount(k, &labels[0], whole)
		}
	}
	for _, y := range labels[whole:] {
		switch y {
		case Positive:
			positives++
		case Ignore:
			ignored++
		case Negative:
			negatives++
		}
	}
	return positives, ignored, negatives
}
