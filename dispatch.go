package focal

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
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
	mode   mode
	norm   norm
	out    []float32 // grad, or the losses of Each
	logits []float32
	labels []uint8
	scale  float32
	cells  *Channel // a Head's: where the logits (and gradients) are; if nil, cell i is logits[i]
}

// A frame is what a kernel reads and writes besides the cells, one per
// goroutine. The assembly knows its layout through go_asm.h.
type frame struct {
	p        *params
	variant  int         // of the kernel
	scale    float32     // of gradients: the call's scale times p.unscale
	tinyGrad float32     // the greatest gradient that is too small, in the kernel's scale
	safe     float32     // minus the magnitude of a logit below which nothing is tiny
	later    *later      // what a kernel fetches besides, or nil
	_        int         // Go clears 16 bytes at a time: small calls took up to 1.12 times as long without it
	lanes    [8]float64  // sums of the block, in the kernel's scale
	column   [16]float32 // T of the group at hand
}

// A later is what an amd64 kernel begins to fetch with each group that it does, of a tensor that is hardly in a cache: as
// many logits that come later, and where their results go. A CPU by itself fetches no next run, and fetches too late for that
// many stores: from memory, SumGrad of a tensor took up to 1.2 times as long on a Zen 5, and heads 1.2 to 3 times. In bytes.
type later struct {
	at   uintptr // where the next are; 0: nothing is fetched
	end  uintptr // where their run ends
	len  int     // of a run
	step int     // from one run to the next
	out  int     // from a logit to its result
}

// run does the whole of a call.
func (l *Loss) run(j *job) (Stats, error) {
	if err := l.check(j); err != nil {
		return Stats{}, err
	}
	if j.mode == modeGrad && j.scale == 0 {
		return l.zero(*j)
	}
	n := len(j.labels)
	if l.workers != 1 && n > blockCells { // for what little there is, asking how many takes 10 ns
		if w := l.worthwhile(n); w > 1 {
			return l.together(*j, w)
		}
	}
	stats, err := countLabels(l.params.isa, j.labels)
	if err == nil && j.mode == modeGrad {
		err = j.normalize(stats)
	}
	if err != nil || n == 0 {
		return stats, err
	}
	if len(j.logits) >= farLen {
		stats.Sum = l.far(j)
		return stats, nil
	}
	var f frame
	f.set(&l.params, j.mode, j.scale)
	stats.Sum = f.block(j, 0)
	for i := blockCells; i < n; i += blockCells {
		stats.Sum += f.block(j, i)
	}
	return stats, nil
}

// far is the end of run for a tensor that is fetched ahead.
func (l *Loss) far(j *job) float64 {
	var f frame
	var ahead later
	f.later = &ahead
	f.set(&l.params, j.mode, j.scale)
	sum := 0.0
	for i := 0; i < len(j.labels); i += blockCells {
		f.fetch(j, i+laterCells)
		sum += f.block(j, i)
	}
	return sum
}

// zero is run for a scale of 0: whatever the logits, all gradients are +0.
func (l *Loss) zero(j job) (Stats, error) {
	grad := j.out
	j.mode, j.out = modeSum, nil
	stats, err := l.run(&j)
	if err == nil {
		for i := range j.labels {
			grad[j.index(i)] = 0
		}
	}
	return stats, err
}

// together is the rest of run with other goroutines; it adds the blocks in the same order.
func (l *Loss) together(j job, workers int) (Stats, error) {
	var stats Stats
	var err error
	labels := newPass(workers, (len(j.labels)+labelCells-1)/labelCells)
	counts := make([]Stats, labels.tasks)
	cells := newPass(workers, blocks(len(j.labels)))
	sums := make([]float64, cells.tasks)
	share(workers, func() {
		last := labels.do(func(next func() (int, bool)) {
			for i, ok := next(); ok; i, ok = next() {
				counts[i], _ = countLabels(l.params.isa, j.labels[i*labelCells:min(len(j.labels), (i+1)*labelCells)])
			}
		})
		if last {
			for _, s := range counts {
				stats = stats.Add(s)
			}
			if stats.Count()+stats.Ignored != int64(len(j.labels)) {
				err = wrongLabel(j.labels)
			} else if j.mode == modeGrad {
				err = j.normalize(stats)
			}
			close(labels.over)
		}
		labels.wait()
		if err != nil {
			return
		}
		last = cells.do(func(next func() (int, bool)) {
			var f frame
			var ahead later
			if len(j.logits) >= farLen {
				f.later = &ahead
			}
			f.set(&l.params, j.mode, j.scale)
			for b, ok := next(); ok; b, ok = next() {
				f.fetch(&j, b*blockCells+laterCells)
				sums[b] = f.block(&j, b*blockCells)
			}
		})
		if last {
			close(cells.over)
		}
	})
	if err != nil {
		return Stats{}, err
	}
	cells.wait()
	for _, s := range sums {
		stats.Sum += s
	}
	return stats, nil
}

// normalize divides the scale of gradients by the norm, and reports one that is out of range.
func (j *job) normalize(s Stats) error {
	scale, by, of := j.scale, int64(1), ""
	switch j.norm {
	case perCell:
		by, of = s.Count(), "cells"
	case perPositive:
		by, of = s.Positives, "positives"
	}
	if by > 1 { // else it is the same, but takes a division
		scale = float32(float64(scale) / float64(by))
	}
	if a := math.Abs(float64(scale)); a >= 0x1p-60 && a <= 0x1p60 {
		j.scale = scale
		return nil
	}
	const want = "neither 0 nor of a magnitude in [2^-60, 2^60]"
	if by > 1 {
		return fmt.Errorf("focal: scale %v over %d %s is %v: %s", j.scale, by, of, scale, want)
	}
	return fmt.Errorf("focal: scale %v is %s", scale, want)
}

// index returns where cell i is.
func (j *job) index(i int) int {
	if j.cells == nil {
		return i
	}
	run, x := j.run(i)
	_, at := j.piece(run, x, 0)
	return at
}

// set makes f the frame of a goroutine for p and m, and for gradients times scale.
func (f *frame) set(p *params, m mode, scale float32) {
	f.p = p
	f.variant = p.variant + int(m)
	f.safe = p.safeFrame
	if m == modeGrad {
		f.setScale(scale)
	}
}

// setScale prepares f for gradients times scale.
func (f *frame) setScale(scale float32) {
	f.scale = scale * f.p.unscale[0]
	f.tinyGrad = f.p.tiny[0]
	if a := math.Abs(float64(scale)); a < 1 {
		// The least gradient that stands for one of at least 2^-126 after it is multiplied
		// by scale, and the one before that in the kernel's scale.
		least := float32(0x1p-126 / a)
		if float64(least)*a < 0x1p-126 {
			least = math.Nextafter32(least, 1)
		}
		f.tinyGrad = below(least * f.p.power)
		f.safe = -f.p.safe(exponent(scale))
	}
}

// leastBlocks is how many blocks of an assembly kernel, each of 2 to 8 us, are worth waking
// another goroutine for, which takes 4 to 90 us on a virtual machine. Tests set it to 1.
var leastBlocks = 8

// worthwhile returns how many workers of l n cells, at least one, are enough for, at least 1.
func (l *Loss) worthwhile(n int) int {
	workers := l.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	most := blocks(n)
	if l.params.isa != isaGeneric {
		most /= leastBlocks
	}
	return max(1, min(workers, most))
}

// blocks returns the number of blocks of n cells, at least one.
func blocks(n int) int { return (n-1)/blockCells + 1 }

// share runs work in the caller's goroutine and in workers-1 others, without waiting for those.
//
// The one that was started last runs at once, in the caller's thread, and the caller in another that is free: for
// Go has other threads first sleep, on Linux for 50 us and more, before they take it from that thread. They do so, too,
// when a goroutine ends for which the caller waits, and are then not there for the next call; hence pass.wait.
func share(workers int, work func()) {
	for range workers - 1 {
		go work()
	}
	runtime.Gosched()
	work()
}

// A pass is a number of tasks, at least one, that workers share.
type pass struct {
	workers, tasks int
	taken, done    atomic.Int64
	over           chan struct{} // closed once all tasks are done, and what depends on them
}

func newPass(workers, tasks int) *pass {
	return &pass{workers: workers, tasks: tasks, over: make(chan struct{})}
}

// do runs work, which gets its tasks from next: a run of neighbours at a time, half of its share of those that are left,
// as memory is read fastest in one go. It reports whether all tasks are done with that: to one worker.
func (p *pass) do(work func(next func() (task int, ok bool))) (last bool) {
	task, end, done := 0, 0, 0
	work(func() (int, bool) {
		for task == end {
			t := int(p.taken.Load())
			n := max(1, (p.tasks-t)/(2*p.workers))
			if t >= p.tasks {
				return 0, false
			}
			if p.taken.CompareAndSwap(int64(t), int64(t+n)) {
				task, end = t, t+n
				done += n
			}
		}
		task++
		return task - 1, true
	})
	return done > 0 && p.done.Add(int64(done)) == int64(p.tasks)
}

// wait returns once the pass is over. It sleeps only if a task of an assembly kernel would have been done meanwhile.
func (p *pass) wait() {
	const tries = 5000 // 17 us on a Zen 5
	for range tries {
		select {
		case <-p.over:
			return
		default:
		}
	}
	<-p.over
}

// Cells of one run are worth passing in place if the run is long; short runs are
// gathered into a buffer, and so is what lies across the end of a run.
const (
	longRun    = 400 // on a Zen 5 361 cells are faster gathered, 676 in place, and 400 as fast
	stageCells = 4096
	laterCells = 3072    // how far ahead cells are fetched that are read in place: 676 were too few
	aheadCells = 128     // and strided ones
	leastRun   = 8       // that archRuns copies: a vector
	farLen     = 2 << 20 // so many numbers are hardly in a cache: such a tensor is fetched ahead, or what is left of one
	everyCells = 1024    // of one assembly call, which cannot be preempted: 64 KiB in lines of memory
)

// The frames of stage in assembly are for that size.
var _ = [1]int{}[stageCells-4096]

// block returns the sum of the block from cell i on and writes its losses or gradients.
func (f *frame) block(j *job, i int) float64 {
	if i > 0 { // else it is the first that f does
		f.lanes = [8]float64{}
	}
	end := min(i+blockCells, len(j.labels))
	switch c := j.cells; {
	case c == nil:
		f.cells(j, i, i, end-i, nil)
	case c.Runs == 1 && c.Stride == 1:
		f.cells(j, c.Offset+i, i, end-i, nil)
	default:
		stage(f, j, i, end)
	}
	v := &f.lanes
	sum := ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
	if sum != sum {
		return math.Float64frombits(0x7FF8000000000000)
	}
	return sum * f.p.unscaleSum
}

// fetch has the next call of a kernel fetch cell i and those after it, if f is for a tensor that is far.
func (f *frame) fetch(j *job, i int) {
	if f.later != nil {
		f.later.set(j, i)
	}
}

// set makes l what belongs to cell i and those after it. Strided cells are fetched by archGather and archScatter.
func (l *later) set(j *job, i int) {
	*l = later{}
	left := len(j.labels) - i
	if left <= 0 {
		return
	}
	at := i
	if c := j.cells; c != nil {
		if c.Stride != 1 {
			return
		}
		run, x := j.run(i)
		_, at = j.piece(run, x, 0)
		left, l.len, l.step = c.Len-x, 4*c.Len, 4*c.Step
	}
	logits := uintptr(unsafe.Pointer(&j.logits[0]))
	l.at = logits + 4*uintptr(at)
	l.end = l.at + 4*uintptr(left)
	if len(j.out) == len(j.logits) {
		l.out = int(uintptr(unsafe.Pointer(&j.out[0])) - logits)
	}
}

// Of these functions every architecture has its own.
//
// archCells(f, out, logits, labels, n, last) runs the kernel on n cells, at least one, from the first of a group on; if the
// last group is not whole, no cells follow. Unless for modeEach it adds their losses to f.lanes, and unless for modeSum,
// where out is nil, it writes to out. If last is not nil, all groups are whole, and the logits of the last one are there,
// and what it writes for them. It returns as done n, or the cells before the first group with a logit that only
// the oracle can do; of that group, if it is whole, the columns before column are done, and f.column holds their T.
//
// archCount(labels, n, k) counts the labels of each kind among n, at least fewLabels and at most labelCells. If one is of
// no kind, the counts are fewer than n.
//
// archGather(dst, src, stride) is gatherEvery, at least one number, and archScatter(dst, src, stride) scatterEvery. In
// assembly they begin to fetch the cells that come aheadCells later, also those of the next call: so memory is at work
// while the kernel runs in between.
//
// archRuns(dst, src, n, runs, dstStep, srcStep) is copyRuns, n at least leastRun. That of amd64 fetches runs of a far
// tensor ahead, as the kernel does not come to all of them: in a near one it would cost 2 to 4 %.
//
// stage(f, j, i, end) is staged with a buffer on the stack, which Go would clear: that took 8 % of the time of a head of
// 3 x 13 x 13. As it is declared so, staged must let nothing that it gets escape.

// staged does cells i to end of a channel that the kernel cannot read in one go, by way of a buffer. It is called by stage,
// which has the buffer.
func staged(f *frame, j *job, i, end int, buf *[stageCells]float32) {
	if c := j.cells; c.Stride == 1 && c.Len >= longRun {
		inPlace(f, j, i, end, (*[groupCells]float32)(buf[:]))
		return
	}
	here := job{mode: j.mode, out: buf[:], logits: buf[:], labels: j.labels}
	if j.mode == modeEach {
		here.out = j.out // losses are in the order of the cells
	}
	for ; i < end; i += stageCells {
		n := min(stageCells, end-i)
		f.fetch(j, i+stageCells)
		run, x := j.run(i)
		j.gather(buf[:n], run, x, f.p.isa)
		f.cells(&here, 0, i, n, nil)
		if j.mode == modeGrad {
			j.scatter(buf[:n], run, x, f.p.isa)
		}
	}
}

// inPlace does the same where the cells are, run by run, and by way of buf only what lies across the end of a run: a group,
// as the last one of the call that does what is before it.
func inPlace(f *frame, j *job, i, end int, buf *[groupCells]float32) {
	for run, x := j.run(i); i < end; run++ {
		n, at := j.piece(run, x, end-i)
		f.fetch(j, i+laterCells)
		rest := n % groupCells
		if rest == 0 || i+n == end {
			f.cells(j, at, i, n, nil)
			i, x = i+n, 0
			continue
		}
		x = groupCells - rest // of the next run
		across, next := at+n-rest, j.cells.Offset+(run+1)*j.cells.Step
		copy(buf[:rest], j.logits[across:])
		copy(buf[rest:], j.logits[next:])
		f.cells(j, at, i, n+x, buf)
		i += n + x
		switch j.mode {
		case modeEach:
			copy(j.out[i-groupCells:], buf[:])
		case modeGrad:
			copy(j.out[across:], buf[:rest])
			copy(j.out[next:], buf[rest:])
		}
	}
}

// gather copies the logits of cells from place x of a run on to buf.
func (j *job) gather(buf []float32, run, x int, k isa) {
	c := j.cells
	for ; len(buf) > 0; run, x = run+1, 0 {
		n, at := j.piece(run, x, len(buf))
		src := j.logits[at:]
		switch runs := j.wholeRuns(x, len(buf), k); {
		case c.Stride != 1:
			gatherEvery(buf[:n], src, c.Stride)
		case runs > 0:
			n = runs * c.Len
			copyRuns(buf[:n], src, c.Len, runs, c.Len, c.Step)
			run += runs - 1
		default:
			copy(buf[:n], src)
		}
		buf = buf[n:]
	}
}

// scatter copies gradients from buf to the cells from place x of a run on.
func (j *job) scatter(buf []float32, run, x int, k isa) {
	c := j.cells
	for ; len(buf) > 0; run, x = run+1, 0 {
		n, at := j.piece(run, x, len(buf))
		dst := j.out[at:]
		switch runs := j.wholeRuns(x, len(buf), k); {
		case c.Stride != 1:
			scatterEvery(dst, buf[:n], c.Stride)
		case runs > 0:
			n = runs * c.Len
			copyRuns(dst, buf[:n], c.Len, runs, c.Step, c.Len)
			run += runs - 1
		default:
			copy(dst, buf[:n])
		}
		buf = buf[n:]
	}
}

// wholeRuns returns how many of n cells from place x on are whole runs that copyRuns takes: 0, or at least 2.
func (j *job) wholeRuns(x, n int, k isa) int {
	c := j.cells
	if x > 0 || c.Stride != 1 || n < 2*c.Len || c.Len < leastRun || k == isaGeneric {
		return 0
	}
	return n / c.Len
}

// copyRuns copies runs of n numbers each, those of dst and src so many numbers apart.
func copyRuns(dst, src []float32, n, runs, dstStep, srcStep int) {
	_, _ = dst[(runs-1)*dstStep+n-1], src[(runs-1)*srcStep+n-1]
	raceRuns(dst, src, n, runs, dstStep, srcStep)
	archRuns(dst, src, n, runs, dstStep, srcStep)
}

// gatherEvery copies every stride-th number of src to dst, and scatterEvery src to every stride-th of dst.
func gatherEvery(dst, src []float32, stride int) {
	_ = src[(len(dst)-1)*stride]
	raceEvery(src, len(dst), stride, false)
	for ; len(dst) > everyCells; dst, src = dst[everyCells:], src[everyCells*stride:] {
		archGather(dst[:everyCells], src, stride)
	}
	archGather(dst, src, stride)
}

func scatterEvery(dst, src []float32, stride int) {
	_ = dst[(len(src)-1)*stride]
	raceEvery(dst, len(src), stride, true)
	for ; len(src) > everyCells; dst, src = dst[everyCells*stride:], src[everyCells:] {
		archScatter(dst, src[:everyCells], stride)
	}
	archScatter(dst, src, stride)
}

// run returns the run of cell i and its place there.
func (j *job) run(i int) (run, x int) {
	if j.cells.Runs <= 1 {
		return 0, i
	}
	return i / j.cells.Len, i % j.cells.Len
}

// piece returns how many of n cells from place x on are in the run, and where the first is.
func (j *job) piece(run, x, n int) (k, at int) {
	c := j.cells
	return min(n, c.Len-x), c.Offset + run*c.Step + x*c.Stride
}

// outIndex returns where in out the result of cell i goes, whose logit is at at.
func (j *job) outIndex(at, i int) int {
	if j.mode == modeEach {
		return i
	}
	return at
}

// outAt returns where the results of n cells from cell i on go, which lie one after another from at on; nil
// for modeSum.
func (j *job) outAt(at, i, n int) []float32 {
	if j.mode == modeSum {
		return nil
	}
	x := j.outIndex(at, i)
	return j.out[x : x+n]
}

// first returns the first of n elements, at least one, from at on, all of which s must have. It takes five instructions
// fewer than a slice.
func first[T any](s []T, at, n int) *T {
	_ = s[at+n-1]
	return &s[at]
}

// cells does n cells, at least one, from cell i on, which lie one after another from at on, from a border of groups on
// and to one or the end of all. If last is not nil, it stands for the last group, as in archCells.
func (f *frame) cells(j *job, at, i, n int, last *[groupCells]float32) {
	for {
		done, column := 0, 0
		if f.p.isa != isaGeneric {
			here := n
			if last != nil {
				here = max(1, n-groupCells)
			}
			var out *float32
			if j.mode != modeSum {
				out = first(j.out, j.outIndex(at, i), here)
			}
			logits, labels := first(j.logits, at, here), first(j.labels, i, n)
			race(out, logits, labels, here)
			done, column = archCells(f, out, logits, labels, n, last)
			if done == n {
				return
			}
		}
		k := min(groupCells, n-done)
		at, i, n = at+done, i+done, n-done
		if k == n && last != nil {
			genericGroup(f, j.mode, last[:], last[:], j.labels[i:i+k], column)
			return
		}
		f.group(j, at, i, k, column)
		if k == n {
			return
		}
		at, i, n = at+k, i+k, n-k
	}
}

// group does one group of n cells with the oracle, but for what a kernel has done of it before column.
func (f *frame) group(j *job, at, i, n, column int) {
	out, logits, labels := j.outAt(at, i, n), j.logits[at:at+n], j.labels[i:i+n]
	if n == groupCells {
		genericGroup(f, j.mode, out, logits, labels, column)
	} else {
		genericTail(f, j.mode, out, logits, labels)
	}
}

var allIgnored = func() (labels [groupCells]uint8) {
	for i := range labels {
		labels[i] = Ignore
	}
	return labels
}()

// genericTail does a group that is cut short, filled up with ignored cells.
func genericTail(f *frame, m mode, out, logits []float32, labels []uint8) {
	var x [groupCells]float32
	y := allIgnored
	copy(x[:], logits)
	copy(y[:], labels)
	genericGroup(f, m, x[:], x[:], y[:], 0)
	copy(out, x[:])
}

// countLabels counts labels of each kind. If one is none, it reports the first and counts nothing.
func countLabels(k isa, labels []uint8) (Stats, error) {
	var positives, ignored, negatives int
	switch n := len(labels); {
	case n < fewLabels:
		positives, ignored, negatives = countWords(labels)
	case k == isaGeneric:
		positives, ignored, negatives = countGeneric(labels)
	case n <= labelCells:
		race(nil, nil, &labels[0], n)
		positives, ignored, negatives = archCount(&labels[0], n, k)
	default:
		for i := 0; i < n; i += labelCells {
			s, _ := countLabels(k, labels[i:min(n, i+labelCells)])
			positives, ignored, negatives = positives+int(s.Positives), ignored+int(s.Ignored), negatives+int(s.Negatives)
		}
	}
	if positives+ignored+negatives != len(labels) {
		return Stats{}, wrongLabel(labels)
	}
	return Stats{Positives: int64(positives), Negatives: int64(negatives), Ignored: int64(ignored)}, nil
}

// wrongLabel reports the first label that is of no kind.
func wrongLabel(labels []uint8) error {
	for i, y := range labels {
		if y != Negative && y != Positive && y != Ignore {
			return fmt.Errorf("focal: label %d at index %d is neither 0, 1 nor 255", y, i)
		}
	}
	return fmt.Errorf("focal: labels changed during the call")
}

// countGeneric is archCount in Go, for any number of labels.
func countGeneric(labels []uint8) (positives, ignored, negatives int) {
	for len(labels) > 0 {
		n := min(len(labels), wordLabels)
		p, g, m := countWords(labels[:n])
		positives, ignored, negatives = positives+p, ignored+g, negatives+m
		labels = labels[n:]
	}
	return positives, ignored, negatives
}

// wordLabels is how many labels countWords can count: the bytes of a sum of bytes hold 255.
const wordLabels = 255 / 8 * 8

// countWords counts the labels of each kind, at most wordLabels, eight at a time. If one of them is of no kind, all
// counts are 0.
func countWords(labels []uint8) (positives, ignored, negatives int) {
	const ones = 0x0101010101010101
	var highs, lows, wrong uint64
	add := func(v uint64) {
		high, low := v>>7&ones, v&ones
		wrong |= v ^ (high*uint64(Ignore) | low)
		highs += high
		lows += low
	}
	i := 0
	for ; i < len(labels)-7; i += 8 {
		add(binary.NativeEndian.Uint64(labels[i:]))
	}
	if i < len(labels) {
		var v uint64
		for _, y := range labels[i:] {
			v = v<<8 | uint64(y)
		}
		add(v)
	}
	if wrong != 0 {
		return 0, 0, 0
	}
	odd := int(lows * ones >> 56)
	ignored = int(highs * ones >> 56)
	return odd - ignored, ignored, len(labels) - odd
}
