package verify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/seed1982febc/focal"
)

const (
	infinity   = 0x7F800000 // the bits of +Inf: those above are NaN
	magnitudes = 1 << 31    // how many bit patterns there are without the sign

	// chunkSize is how many magnitudes a task has: few enough that a worker's
	// buffers stay in the second-level cache and that Ctrl-C acts at once.
	chunkSize = 1 << 14
)

// A Plan says what is verified. What was found for one plan is worth nothing for
// another.
type Plan struct {
	Build  string // the program that runs, down to its last bit
	Kernel focal.Kernel
	Alpha  float32
	Gammas []float32
	Clip   float32
	Every  uint32 // each Every-th magnitude; 1 for all
}

// Differs names the first setting in which p and q differ, with its values; it is
// "" if there is none.
func (p Plan) Differs(q Plan) string {
	switch {
	case p.Kernel != q.Kernel:
		return fmt.Sprintf("kernel %s, not %s", p.Kernel, q.Kernel)
	case p.Alpha != q.Alpha:
		return fmt.Sprintf("alpha %v, not %v", p.Alpha, q.Alpha)
	case !slices.Equal(p.Gammas, q.Gammas):
		return fmt.Sprintf("gamma %v, not %v", p.Gammas, q.Gammas)
	case p.Clip != q.Clip:
		return fmt.Sprintf("clip %v, not %v", p.Clip, q.Clip)
	case p.Every != q.Every:
		return fmt.Sprintf("every %d, not %d", p.Every, q.Every)
	case p.Build != q.Build:
		return "another build of this program"
	}
	return ""
}

// samples returns how many magnitudes are looked at.
func (p Plan) samples() int64 { return (magnitudes + int64(p.Every) - 1) / int64(p.Every) }

// magnitude returns the bits of sample i. The first at or beyond infinity is
// infinity, which a sample must not miss.
func (p Plan) magnitude(i int64) uint32 {
	u := uint32(i * int64(p.Every))
	if u >= infinity && u-infinity < p.Every {
		return infinity
	}
	return u
}

// chunks returns into how many tasks the samples of one gamma fall.
func (p Plan) chunks() int64 { return (p.samples() + chunkSize - 1) / chunkSize }

// Logits returns how many logits are looked at for each gamma.
func (p Plan) Logits() int64 { return 2 * p.samples() }

// A Sweep is a plan and what has been found so far. Its exported fields are its
// whole state.
type Sweep struct {
	Plan    Plan
	Next    int64    // the tasks before this one are done: all chunks of the first gamma, then of the next
	Tallies []*Tally // one for each gamma
}

// New returns a Sweep that has found nothing yet.
func New(p Plan) *Sweep {
	s := &Sweep{Plan: p}
	for range p.Gammas {
		s.Tallies = append(s.Tallies, newTally(-1, -1))
	}
	return s
}

// Done tells whether every logit has been looked at.
func (s *Sweep) Done() bool { return s.Next == s.tasks() }

// Logits returns how many logits have been looked at, for all gammas together.
func (s *Sweep) Logits() (n int64) {
	for _, t := range s.Tallies {
		n += t.Logits
	}
	return n
}

// At returns how far the sweep is: the gamma at hand and the magnitude of the next
// logit, of which smaller ones come before larger ones.
func (s *Sweep) At() (gamma, logit float32) {
	chunks := s.Plan.chunks()
	last := int64(len(s.Plan.Gammas)) - 1
	return s.Plan.Gammas[min(s.Next/chunks, last)], math.Float32frombits(s.Plan.magnitude(s.Next % chunks * chunkSize))
}

func (s *Sweep) tasks() int64 { return int64(len(s.Plan.Gammas)) * s.Plan.chunks() }

// A Func computes losses and gradients, as Loss.Each and Loss.SumGrad with scale
// 1 do. It is called from several goroutines at once.
type Func func(loss, grad, logits []float32, labels []uint8) error

// Run does what is left of the plan, on so many goroutines, with one Func for
// each gamma. It calls merged, if not nil, after each task, when the state of s
// may be read; an error of merged ends the run. When ctx is done it returns the
// context's error after a few milliseconds. What is found does not depend on the
// workers, nor on interruptions.
func (s *Sweep) Run(ctx context.Context, workers int, funcs []Func, merged func() error) error {
	models := make([]*model, len(s.Plan.Gammas))
	for i, gamma := range s.Plan.Gammas {
		models[i] = newModel(s.Plan.Alpha, gamma, s.Plan.Clip)
	}
	var mu sync.Mutex // guards the tallies, whose floors the next chunks start from
	return inOrder(ctx, workers, s.Next, s.tasks(),
		newWorker,
		func(w *worker, task int64) (*Tally, error) {
			gamma := task / s.Plan.chunks()
			mu.Lock()
			t := newTally(s.Tallies[gamma].Loss.Floor, s.Tallies[gamma].Grad.Floor)
			mu.Unlock()
			err := w.chunk(t, s.Plan, task%s.Plan.chunks(), models[gamma], funcs[gamma])
			return t, err
		},
		func(task int64, t *Tally) error {
			mu.Lock()
			defer mu.Unlock()
			s.Tallies[task/s.Plan.chunks()].merge(t)
			s.Next = task + 1
			if merged == nil {
				return nil
			}
			return merged()
		})
}

// A worker holds the buffers of one goroutine.
type worker struct {
	magnitudes []uint32
	runs       [4]run
	bytes      []byte
}

// A run is the cells of a chunk with one sign and one label.
type run struct {
	sign               uint32
	label              uint8
	labels             []uint8
	logits, loss, grad []float32
}

func newWorker() *worker {
	w := &worker{magnitudes: make([]uint32, 0, chunkSize), bytes: make([]byte, 0, 4*chunkSize)}
	for i := range w.runs {
		r := run{sign: uint32(i>>1) << 31, label: []uint8{focal.Negative, focal.Positive}[i&1]}
		r.labels = slices.Repeat([]uint8{r.label}, chunkSize)
		r.logits, r.loss, r.grad = make([]float32, chunkSize), make([]float32, chunkSize), make([]float32, chunkSize)
		w.runs[i] = r
	}
	return w
}

// chunk looks at one chunk's magnitudes, with both signs and both labels.
func (w *worker) chunk(t *Tally, p Plan, chunk int64, m *model, f Func) error {
	w.magnitudes = w.magnitudes[:0]
	for i := chunk * chunkSize; i < min((chunk+1)*chunkSize, p.samples()); i++ {
		w.magnitudes = append(w.magnitudes, p.magnitude(i))
	}
	n := len(w.magnitudes)
	t.Logits = 2 * int64(n)
	for i := range w.runs {
		r := &w.runs[i]
		for j, u := range w.magnitudes {
			r.logits[j] = math.Float32frombits(u | r.sign)
		}
		if err := f(r.loss[:n], r.grad[:n], r.logits[:n], r.labels[:n]); err != nil {
			return err
		}
	}
	w.judge(t, m)
	for i := range w.runs {
		r := &w.runs[i]
		r.walk(t, w.magnitudes)
		t.Loss.Digest = w.digest(t.Loss.Digest, r.loss[:n])
		t.Grad.Digest = w.digest(t.Grad.Digest, r.grad[:n])
	}
	return nil
}

// judge compares the runs' results with the exact ones. The expensive part of
// these, the functions of |x|, is done once for the four cells that share it.
func (w *worker) judge(t *Tally, m *model) {
	bucket := 0
	for i, u := range w.magnitudes {
		if u > infinity {
			for k := range w.runs {
				r := &w.runs[k]
				c := Cell{u | r.sign, r.label}
				t.Loss.special(c, ruleNaN, r.loss[i], nan32)
				t.Grad.special(c, ruleNaN, r.grad[i], nan32)
			}
			continue
		}
		x := float64(math.Float32frombits(u))
		for bucket+1 < len(bucketStart) && x >= bucketStart[bucket+1] {
			bucket++
		}
		right, wrong := m.sides(x)
		for k := range w.runs {
			r := &w.runs[k]
			c, at, s := Cell{u | r.sign, r.label}, ProfileBuckets/2+bucket, &right
			if r.sign != 0 {
				at = ProfileBuckets/2 - 1 - bucket
			}
			if c.wrong() {
				s = &wrong
			}
			v := m.value(s, r.label)
			loss, grad := r.loss[i], r.grad[i]
			switch {
			case m.weight[r.label] == 0:
				t.Loss.special(c, ruleWeight, loss, 0)
				t.Grad.special(c, ruleWeight, grad, 0)
			case v.near:
				t.Loss.near(c, loss, v.loss)
				t.Grad.near(c, grad, v.grad)
			case u == infinity && (m.clip == 0 || math.IsInf(v.loss, 1)):
				t.Loss.special(c, ruleLimit, loss, float32(v.loss))
				t.Grad.special(c, ruleLimit, grad, float32(v.grad))
			default:
				t.Loss.add(c, loss, v.loss, at)
				t.Grad.add(c, grad, v.grad, at)
			}
		}
	}
}

var nan32 = math.Float32frombits(0x7FC00000)

// bucketStart has the least |logit| of each bucket of Errors.Profile, from zero
// to one end.
var bucketStart = func() (start [ProfileBuckets / 2]float64) {
	for b := range start {
		start[b] = math.Sinh(math.Asinh(ProfileEnd) * float64(b) / float64(len(start)))
	}
	return start
}()

// walk takes the run's losses in the order in which the cell gets worse: away
// from zero on the wrong side, towards it on the right one.
func (r *run) walk(t *Tally, magnitudes []uint32) {
	c := Cell{r.sign, r.label}
	if c.wrong() {
		walk := &t.Wrong[r.label]
		for i, u := range magnitudes {
			c.Bits = u | r.sign
			walk.add(c, r.loss[i])
		}
		return
	}
	walk := &t.Right[r.label]
	for i, u := range slices.Backward(magnitudes) {
		c.Bits = u | r.sign
		walk.add(c, r.loss[i])
	}
}

// digest returns the SHA-256 of d and the little-endian bytes of v.
func (w *worker) digest(d [32]byte, v []float32) [32]byte {
	b := append(w.bytes[:0], d[:]...)
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	w.bytes = b
	return sha256.Sum256(b)
}

// chain returns the SHA-256 of two digests.
func chain(a, b [32]byte) [32]byte {
	return sha256.Sum256(append(a[:], b[:]...))
}
