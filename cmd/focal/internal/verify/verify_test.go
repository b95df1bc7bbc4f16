package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed1982febc/focal"
)

// perfect returns the correctly rounded loss and gradient, by the rules.
func perfect(p Plan, gamma float32) Func {
	m := newModel(p.Alpha, gamma, p.Clip)
	round := func(x float64) float32 {
		if math.Abs(x) < 0x1p-126 {
			return 0
		}
		return float32(x)
	}
	return func(loss, grad, logits []float32, labels []uint8) error {
		for i, x := range logits {
			if x != x {
				loss[i], grad[i] = nan32, nan32
				continue
			}
			v := m.cell(Cell{math.Float32bits(x), labels[i]})
			if m.weight[labels[i]] == 0 {
				v = value{}
			}
			loss[i], grad[i] = round(v.loss), round(v.grad)
		}
		return nil
	}
}

// at returns f with another loss and gradient at one cell.
func at(f Func, c Cell, change func(loss, grad *float32)) Func {
	return func(loss, grad, logits []float32, labels []uint8) error {
		err := f(loss, grad, logits, labels)
		for i, x := range logits {
			if math.Float32bits(x) == c.Bits && labels[i] == c.Label {
				change(&loss[i], &grad[i])
			}
		}
		return err
	}
}

func sweep(t *testing.T, p Plan, workers int, funcs ...Func) *Sweep {
	t.Helper()
	s := New(p)
	if err := s.Run(context.Background(), workers, funcs, nil); err != nil {
		t.Fatal(err)
	}
	if !s.Done() {
		t.Fatalf("%d of %d tasks done", s.Next, s.tasks())
	}
	return s
}

const testEvery = 30011

func largest(t *testing.T, e *Errors) Result {
	t.Helper()
	r, ok := e.Largest()
	if !ok {
		t.Fatal("nothing was compared")
	}
	return r
}

// The rounded exact function has no fault of any kind, whatever the parameters.
func TestPerfect(t *testing.T) {
	for _, p := range []Plan{
		{Alpha: 0.25}, {Alpha: -1}, {Alpha: 0}, {Alpha: 1}, {Alpha: 0.1},
		{Alpha: 0.25, Clip: 1e-7}, {Alpha: 0.25, Clip: 0.1}, {Alpha: 0.75, Clip: 1e-9}, {Alpha: 0.25, Clip: 1e-40},
	} {
		for _, gamma := range []float32{0, 0.5, 1, 2, 2.3, 64} {
			p.Gammas, p.Every = []float32{gamma}, 70001
			tally := sweep(t, p, 2, perfect(p, gamma)).Tallies[0]
			name := fmt.Sprintf("alpha %v, clip %v, gamma %v", p.Alpha, p.Clip, gamma)
			for out, e := range []*Errors{&tally.Loss, &tally.Grad} {
				if r := largest(t, e); r.ULP > 0.5 || r.ULP < 0.49 && p.Alpha != 0 && p.Alpha != 1 {
					t.Errorf("%s, output %d: largest error %v", name, out, r)
				}
				if e.Broken != 0 {
					t.Errorf("%s, output %d: %d broken rules, first %+v", name, out, e.Broken, e.First)
				}
				if e.Near > 100 || p.Clip == 0 && e.Near > 0 {
					t.Errorf("%s, output %d: %d near a bound", name, out, e.Near)
				}
				if e.Histogram[0] != e.Compared() || e.Compared()+e.Tiny+e.Near+e.Special != 2*p.Logits() {
					t.Errorf("%s, output %d: %v, %d tiny, %d near, %d special of %d", name, out, e.Histogram, e.Tiny, e.Near, e.Special, 2*p.Logits())
				}
			}
			for label := range uint8(2) {
				w := tally.Walk(label)
				if w.Drops != 0 || w.Worst.ULP != 0 {
					t.Errorf("%s: the loss of label %d drops: %+v", name, label, w)
				}
			}
		}
	}
}

// Each kind of fault is found, once, where it is.
func TestFaults(t *testing.T) {
	p := Plan{Alpha: 0.25, Gammas: []float32{2}, Every: testEvery}
	good := perfect(p, 2)
	// Samples: their bits are multiples of testEvery.
	sample := func(x float32) uint32 {
		b := math.Float32bits(x)
		return b - b&(1<<31-1)%testEvery
	}
	nan := uint32(math.MaxInt32) / testEvery * testEvery
	for _, c := range []struct {
		name   string
		cell   Cell
		change func(loss, grad *float32)
		rule   string
	}{
		{"NaN payload", Cell{nan, 0}, func(l, g *float32) { *l = math.Float32frombits(0x7FC00001); *g = *l }, ruleNaN},
		{"NaN sign", Cell{nan | 1<<31, 1}, func(l, g *float32) { *l = math.Float32frombits(0xFFC00000); *g = *l }, ruleNaN},
		{"NaN lost", Cell{nan, 1}, func(l, g *float32) { *l, *g = 0, 0 }, ruleNaN},
		{"wrong infinity", Cell{infinity, 0}, func(l, g *float32) { *l, *g = math.MaxFloat32, 0.74999994 }, ruleLimit},
		{"right infinity", Cell{infinity, 1}, func(l, g *float32) { *l, *g = 1e-38, -1e-38 }, ruleLimit},
		{"overflow", Cell{sample(1e30), 0}, func(l, g *float32) { *l, *g = float32(math.Inf(1)), float32(math.Inf(1)) }, ruleFinite},
		{"NaN made", Cell{sample(-3), 0}, func(l, g *float32) { *l, *g = nan32, nan32 }, ruleFinite},
		{"tiny too large", Cell{sample(-60), 0}, func(l, g *float32) { *l, *g = 0x1p-125, 0x1p-125 }, ruleTiny},
		{"tiny subnormal", Cell{sample(-60), 0}, func(l, g *float32) { *l, *g = 0x1p-127, -0x1p-127 }, ruleTiny},
		{"minus zero", Cell{sample(60), 1}, func(l, g *float32) { *l = float32(math.Copysign(0, -1)); *g = *l }, ruleTiny},
		{"subnormal", Cell{sample(-3), 0}, func(l, g *float32) { *l, *g = 0x1p-130, 0x1p-130 }, ruleSubnormal},
		{"tiny allowed", Cell{sample(-60), 0}, func(l, g *float32) { *l, *g = 0x1p-126, -0x1.fffffep-126 }, ""},
	} {
		tally := sweep(t, p, 1, at(good, c.cell, c.change)).Tallies[0]
		for _, e := range []*Errors{&tally.Loss, &tally.Grad} {
			switch v := e.First; {
			case c.rule == "" && v != nil:
				t.Errorf("%s: %+v", c.name, v)
			case c.rule != "" && (v == nil || v.Rule != c.rule || v.Cell != c.cell || e.Broken != 1):
				t.Errorf("%s: %d broken, first %+v, want %q at %v", c.name, e.Broken, v, c.rule, c.cell)
			}
		}
	}

	p.Alpha = 1
	weightless := Cell{sample(3), focal.Negative}
	tally := sweep(t, p, 1, at(perfect(p, 2), weightless, func(l, g *float32) { *l, *g = 0x1p-126, 0x1p-126 })).Tallies[0]
	for _, e := range []*Errors{&tally.Loss, &tally.Grad} {
		if e.First == nil || e.First.Rule != ruleWeight || e.First.Cell != weightless {
			t.Errorf("no weight: %+v", e.First)
		}
	}
}

// An error of some ULP is measured, in the histogram, the profile, and the walk.
func TestErrors(t *testing.T) {
	p := Plan{Alpha: -1, Gammas: []float32{0}, Every: testEvery}
	bits := math.Float32bits(3) / testEvery * testEvery
	c := Cell{bits, focal.Negative}
	f := at(perfect(p, 0), c, func(loss, grad *float32) {
		*loss = math.Float32frombits(math.Float32bits(*loss) - 1000000) // further down than the next better loss
		*grad = math.Float32frombits(math.Float32bits(*grad) + 5)
	})
	// Beyond the ends of the profile: in its last bucket.
	far := Cell{math.Float32bits(1e30) / testEvery * testEvery, focal.Negative}
	f = at(f, far, func(loss, grad *float32) { *grad = math.Float32frombits(math.Float32bits(*grad) + 3) })
	s := sweep(t, p, 1, f)
	loss, grad := largest(t, &s.Tallies[0].Loss), largest(t, &s.Tallies[0].Grad)
	if loss.Cell != c || math.Abs(loss.ULP-1000000) > 0.5 || grad.Cell != c || math.Abs(grad.ULP-5) > 0.5 {
		t.Errorf("largest errors %v and %v, want 1000000 and 5 ULP at %v", loss, grad, c)
	}
	e := &s.Tallies[0].Grad
	if n := e.Histogram[6] + e.Histogram[7]; n != 1 { // 4 to 5, 5 to 6
		t.Errorf("histogram %v", e.Histogram)
	}
	if s.Tallies[0].Loss.Histogram[len(Edges)] != 1 {
		t.Errorf("histogram %v", s.Tallies[0].Loss.Histogram)
	}
	bucket := int((math.Asinh(float64(c.Logit()))/math.Asinh(ProfileEnd) + 1) / 2 * ProfileBuckets)
	for label, profile := range e.Profile {
		for b, ulp := range profile {
			if (ulp > 1) != (label == 0 && (b == bucket || b == ProfileBuckets-1)) {
				t.Errorf("bucket %d of label %d has %v ULP", b, label, ulp)
			}
		}
	}
	w := s.Tallies[0].Walk(focal.Negative)
	if w.Drops != 1 || w.Worst.Cell != c || !(w.Worst.ULP > 1000 && w.Worst.ULP < 1000000) {
		t.Errorf("walk %+v", w)
	}
	if w := s.Tallies[0].Walk(focal.Positive); w.Drops != 0 {
		t.Errorf("walk %+v", w)
	}
	audits, err := s.Audit(context.Background(), 2, 0, nil)
	if err != nil || audits[0].Cells != 2000 {
		t.Errorf("audit %+v, error %v", audits, err)
	}
}

// Near a bound of clip, where the gradient jumps, either side's gradient is right.
func TestNear(t *testing.T) {
	p := Plan{Alpha: 0.25, Clip: 0.1, Every: 1}
	// sigmoid(x) is 0.1 or 0.9 at x = -log 9 or log 9.
	bound := math.Float32bits(float32(math.Log(9)))
	check := func(change func(loss, grad *float32)) *Tally {
		tally := newTally(-1, -1)
		f := at(perfect(p, 2), Cell{bound, focal.Negative}, change)
		if err := newWorker().chunk(tally, p, int64(bound/chunkSize), newModel(p.Alpha, 2, p.Clip), f); err != nil {
			t.Fatal(err)
		}
		sum := newTally(-1, -1)
		sum.merge(tally)
		tally = sum
		if n := tally.Loss.Near; n < 20 || n > 500 || n != tally.Grad.Near || n+tally.Loss.Compared() != 4*chunkSize {
			t.Errorf("%d losses and %d gradients near a bound, %d compared", n, tally.Grad.Near, tally.Loss.Compared())
		}
		return tally
	}
	tally := check(func(loss, grad *float32) { *grad /= 2 })
	if r := largest(t, &tally.Grad); r.ULP > 0.5 || tally.Grad.Broken != 0 {
		t.Errorf("largest error %v, %d rules broken", r, tally.Grad.Broken)
	}
	tally = check(func(loss, grad *float32) { *loss, *grad = nan32, nan32 })
	for _, e := range []*Errors{&tally.Loss, &tally.Grad} {
		if e.First == nil || e.First.Rule != ruleFinite {
			t.Errorf("NaN near a bound: %+v", e.First)
		}
	}
}

func TestHistogramEdges(t *testing.T) {
	e := newErrors(-1)
	var want [len(Edges) + 1]int64
	for _, ulp := range []float64{0, 1, 2, 3, 16, 17, 256, 257} {
		e.add(Cell{}, float32(0x1p23+ulp), 0x1p23, 0) // one is one ULP there
		i, _ := slices.BinarySearch(Edges[:], ulp)
		want[i]++
	}
	if e.Histogram != want {
		t.Errorf("got %v, want %v", e.Histogram, want)
	}
	e = newErrors(-1)
	e.add(Cell{}, 1, 1+0.5*0x1p-23, 0)
	e.add(Cell{}, 1, 1+0.5000001*0x1p-23, 0)
	if e.Histogram[0] != 1 || e.Histogram[1] != 1 {
		t.Errorf("around 0.5 ULP: %v", e.Histogram)
	}
}

// The samples of a plan: all magnitudes for 1, else every Nth, infinity always.
func TestSamples(t *testing.T) {
	seen := func(p Plan, chunk int64) (bits []uint32) {
		w := newWorker()
		err := w.chunk(newTally(-1, -1), p, chunk, newModel(0.25, 2, 0), func(loss, grad, x []float32, y []uint8) error {
			for i := range x {
				if y[i] != y[0] || math.Signbit(float64(x[i])) != math.Signbit(float64(x[0])) {
					t.Errorf("run of mixed cells")
				}
				if y[0] == focal.Negative && !math.Signbit(float64(x[0])) {
					bits = append(bits, math.Float32bits(x[i]))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return bits
	}
	all := Plan{Every: 1}
	for _, chunk := range []int64{0, 1, infinity/chunkSize - 1, infinity / chunkSize, all.chunks() - 1} {
		got := seen(all, chunk)
		if len(got) != chunkSize {
			t.Fatalf("chunk %d has %d magnitudes", chunk, len(got))
		}
		for i, u := range got {
			if int64(u) != chunk*chunkSize+int64(i) {
				t.Fatalf("magnitude %d of chunk %d is %#x", i, chunk, u)
			}
		}
	}
	if all.chunks()*chunkSize != 1<<31 || all.Logits() != 1<<32 {
		t.Errorf("%d chunks, %d logits", all.chunks(), all.Logits())
	}
	for _, every := range []uint32{2, 3, 4099, 1 << 20, 1<<31 - 1, 1 << 31} {
		p := Plan{Every: every}
		var got []uint32
		for chunk := range p.chunks() {
			first, end := chunk*chunkSize*int64(every), (chunk+1)*chunkSize*int64(every)
			if p.chunks() < 100 || chunk < 2 || first < infinity+int64(every) && end > infinity {
				got = append(got, seen(p, chunk)...)
			}
		}
		if every < 1<<30 && !slices.Contains(got, infinity) {
			t.Errorf("every %d leaves out infinity", every)
		}
		for i, u := range got {
			if u%every != 0 && u != infinity {
				t.Fatalf("every %d: sample %d is %#x", every, i, u)
			}
		}
		if p.chunks() < 100 && int64(len(got)) != p.Logits()/2 {
			t.Errorf("every %d: %d samples, want %d", every, len(got), p.Logits()/2)
		}
	}
}

// Walks that are cut anywhere and joined are those that are walked at once.
func TestWalkJoin(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		losses := make([]float32, 1+rng.IntN(12))
		for i := range losses {
			losses[i] = []float32{0, 0x1p-126, 1, 1 + 0x1p-23, 1.5, 2, 3, 1e30, float32(math.Inf(1)), nan32}[rng.IntN(10)]
		}
		walk := func(from, to int) (w Walk) {
			for i := from; i < to; i++ {
				w.add(Cell{Bits: uint32(i)}, losses[i])
			}
			return w
		}
		whole := walk(0, len(losses))
		cut := rng.IntN(len(losses) + 1)
		parts := join(walk(0, cut), walk(cut, len(losses)))
		// Where drops are equal another may be the first.
		whole.Worst.Cell, parts.Worst.Cell, whole.MinAt, parts.MinAt = Cell{}, Cell{}, Cell{}, Cell{}
		if whole != parts {
			t.Fatalf("%v cut at %d: %+v, whole %+v", losses, cut, parts, whole)
		}
		// By definition: the most that a loss is below one before it.
		var worst float64
		for i := range losses {
			for j := range i {
				a, b := float64(max(losses[j], 0x1p-125)), float64(max(losses[i], 0x1p-125))
				if b < a && !math.IsInf(a, 1) {
					worst = max(worst, (a-b)/ulp32(b))
				}
			}
		}
		if whole.Worst.ULP != worst {
			t.Fatalf("%v: worst drop %v, want %v", losses, whole.Worst.ULP, worst)
		}
	}
}

// encoding is a sweep's whole state.
func encoding(t *testing.T, s *Sweep) []byte {
	t.Helper()
	for _, tally := range s.Tallies {
		tally.Loss.cut()
		tally.Grad.cut()
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// libraryFuncs are those of the library, which has errors of all sizes.
func libraryFuncs(t *testing.T, p Plan) (funcs []Func) {
	t.Helper()
	for _, gamma := range p.Gammas {
		l, err := focal.New(p.Alpha, gamma, focal.WithClip(p.Clip), focal.WithKernel(p.Kernel))
		if err != nil {
			t.Fatal(err)
		}
		funcs = append(funcs, func(loss, grad, logits []float32, labels []uint8) error {
			if err := l.Each(loss, logits, labels); err != nil {
				return err
			}
			_, err := l.SumGrad(grad, logits, labels, 1)
			return err
		})
	}
	return funcs
}

// What is found does not depend on the workers, nor on interruptions.
func TestSameState(t *testing.T) {
	p := Plan{Alpha: 0.25, Gammas: []float32{2, 1}, Every: 9001}
	want := encoding(t, sweep(t, p, 1, libraryFuncs(t, p)...))
	if got := encoding(t, sweep(t, p, 7, libraryFuncs(t, p)...)); !bytes.Equal(got, want) {
		t.Error("seven workers find something else")
	}
	s, runs := New(p), 0
	for ; !s.Done(); runs++ {
		ctx, cancel := context.WithCancel(context.Background())
		err := s.Run(ctx, 2, libraryFuncs(t, p), func() error { cancel(); return nil })
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
		var b bytes.Buffer
		if err := s.Save(&b); err != nil {
			t.Fatal(err)
		}
		if s, err = Load(b.Bytes(), p); err != nil {
			t.Fatal(err)
		}
	}
	if got := encoding(t, s); !bytes.Equal(got, want) {
		t.Error("a run with interruptions finds something else")
	}
	if runs < 5 {
		t.Errorf("only %d runs", runs)
	}
}

// The digest is what its definition says.
func TestDigestDefinition(t *testing.T) {
	p := Plan{Alpha: 0.25, Gammas: []float32{2}, Every: 100003} // two chunks
	f := perfect(p, 2)
	var want [32]byte
	for from := uint32(0); from < uint32(p.samples()); from += chunkSize {
		var digest [32]byte
		for _, run := range []struct {
			sign  uint32
			label uint8
		}{{0, 0}, {0, 1}, {1 << 31, 0}, {1 << 31, 1}} {
			content := bytes.Clone(digest[:])
			for i := from; i < min(from+chunkSize, uint32(p.samples())); i++ {
				u := i * p.Every
				if u > infinity && u-infinity < p.Every {
					u = infinity
				}
				grad := make([]float32, 1)
				if err := f(make([]float32, 1), grad, []float32{math.Float32frombits(u | run.sign)}, []uint8{run.label}); err != nil {
					t.Fatal(err)
				}
				bits := math.Float32bits(grad[0])
				content = append(content, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
			}
			digest = sha256.Sum256(content)
		}
		want = sha256.Sum256(append(want[:], digest[:]...))
	}
	if got := sweep(t, p, 2, f).Tallies[0].Grad.Digest; got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
}

// One bit of one result is a different digest.
func TestDigest(t *testing.T) {
	p := Plan{Alpha: 0.25, Gammas: []float32{2}, Every: 1000003}
	want := sweep(t, p, 1, perfect(p, 2)).Tallies[0]
	for _, bits := range []uint32{0, 1 << 31, 500 * p.Every, 2147 * p.Every} {
		for label := range uint8(2) {
			got := sweep(t, p, 1, at(perfect(p, 2), Cell{bits, label}, func(loss, grad *float32) {
				*loss = math.Float32frombits(math.Float32bits(*loss) ^ 1)
			})).Tallies[0]
			if got.Loss.Digest == want.Loss.Digest || got.Grad.Digest != want.Grad.Digest {
				t.Errorf("loss of %#x, label %d: digests %x and %x, before %x and %x", bits, label, got.Loss.Digest, got.Grad.Digest, want.Loss.Digest, want.Grad.Digest)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	p := Plan{Build: "b", Kernel: "k", Alpha: 0.25, Gammas: []float32{2}, Clip: 0.5, Every: 1 << 24}
	var b bytes.Buffer
	if err := New(p).Save(&b); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(b.Bytes(), p); err != nil || !reflect.DeepEqual(s, New(p)) {
		t.Fatalf("loaded %+v, error %v", s, err)
	}
	for _, c := range []struct {
		change func(*Plan)
		want   string
	}{
		{func(p *Plan) { p.Build = "c" }, "another build"},
		{func(p *Plan) { p.Kernel = "l" }, "kernel k, not l"},
		{func(p *Plan) { p.Alpha = 1 }, "alpha 0.25, not 1"},
		{func(p *Plan) { p.Gammas = []float32{2, 3} }, "gamma [2], not [2 3]"},
		{func(p *Plan) { p.Clip = 0 }, "clip 0.5, not 0"},
		{func(p *Plan) { p.Every = 1 }, "every 16777216, not 1"},
	} {
		other := p
		c.change(&other)
		if _, err := Load(b.Bytes(), other); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	for i := range b.Bytes() {
		damaged := bytes.Clone(b.Bytes())
		damaged[i] ^= 0x10
		if _, err := Load(damaged, p); err == nil {
			t.Fatalf("byte %d damaged, and loaded", i)
		}
		if _, err := Load(b.Bytes()[:i], p); err == nil {
			t.Fatalf("cut to %d bytes, and loaded", i)
		}
	}
}

// float64 is as good as the audit says it must be, for all kinds of parameters.
func TestAudit(t *testing.T) {
	for _, p := range []Plan{
		{Alpha: 0.25, Gammas: []float32{0, 0.5, 1, 1.5, 2, 2.3, 3, 4, 7, 64, 0x1p-10}},
		{Alpha: -1, Gammas: []float32{0, 2}},
		{Alpha: 0, Gammas: []float32{1}},
		{Alpha: 0.25, Clip: 1e-7, Gammas: []float32{0, 1, 2, 3.7}},
		{Alpha: 0.75, Clip: 0.1, Gammas: []float32{2}},
		{Alpha: 0.75, Clip: 1e-9, Gammas: []float32{2}},
		{Alpha: 0.75, Clip: 1e-40, Gammas: []float32{1}},
	} {
		p.Every = 1 << 20
		var funcs []Func
		for _, gamma := range p.Gammas {
			funcs = append(funcs, perfect(p, gamma))
		}
		s := sweep(t, p, 1, funcs...)
		var told int64
		audits, err := s.Audit(context.Background(), 2, 1500, func(cells int) { told += int64(cells) })
		if err != nil {
			t.Fatal(err)
		}
		if told != s.AuditCells(1500) {
			t.Errorf("told of %d cells, not %d", told, s.AuditCells(1500))
		}
		for i, a := range audits {
			if !(a.Loss.ULP > 0 && a.Loss.ULP < AuditLimit) || !(a.Grad.ULP > 0 && a.Grad.ULP < AuditLimit) || a.Cells < 1500 {
				t.Errorf("alpha %v, clip %v, gamma %v: %+v", p.Alpha, p.Clip, p.Gammas[i], a)
			}
		}
	}
}

// An audit looks at the worst cells, and at random ones that are not the same
// again and again.
func TestAuditCells(t *testing.T) {
	a := auditor{cells: 2000}
	for i := range 300 {
		a.worst = append(a.worst, Result{Cell: Cell{Bits: uint32(i)}})
	}
	var cells []Cell
	for task := range int64(2000/auditBatch + 1) {
		cells = append(cells, a.batch(task)...)
	}
	distinct := map[Cell]bool{}
	var positive, negative, one, middle int
	for i, c := range cells {
		distinct[c] = true
		if i < 300 {
			if c != a.worst[i].Cell {
				t.Errorf("cell %d is %v, not the %dth worst", i, c, i)
			}
			continue
		}
		x := math.Abs(float64(c.Logit()))
		if !(x <= math.MaxFloat32) {
			t.Errorf("logit %v", c.Logit())
		}
		if c.Logit() > 0 {
			positive++
		} else {
			negative++
		}
		one += int(c.Label)
		if x >= 0x1p-32 && x < 0x1p8 {
			middle++
		}
	}
	if len(cells) != 2000 || len(distinct) < 1990 || positive < 700 || negative < 700 || one < 700 || one > 1000 || middle < 850 || middle > 1200 {
		t.Errorf("%d cells, %d of them distinct, %d and %d by sign, %d with label 1, %d between 2^-32 and 2^8", len(cells), len(distinct), positive, negative, one, middle)
	}
}

// An audit finds an exact value that is not.
func TestAuditFinds(t *testing.T) {
	big := newBigModel(0.25, 2.3, 1e-7)
	for name, m := range map[string]*model{
		"gamma":    newModel(0.25, math.Nextafter32(2.3, 3), 1e-7),
		"weight":   newModel(0.2500001, 2.3, 1e-7),
		"clip":     newModel(0.25, 2.3, 2e-7),
		"clip off": newModel(0.25, 2.3, 0),
	} {
		a := auditor{small: m, big: big}
		var found Audit
		rng := rand.New(rand.NewPCG(5, 6))
		for range 2000 {
			a.audit(&found, randomCell(rng))
		}
		if found.Loss.ULP < 0.01 || found.Grad.ULP < 0.01 {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestRunErrors(t *testing.T) {
	p := Plan{Alpha: 0.25, Gammas: []float32{2}, Every: testEvery / 100} // more tasks than workers can be ahead
	broken := errors.New("broken")
	for _, workers := range []int{1, 3} {
		s := New(p)
		err := s.Run(context.Background(), workers, []Func{func(loss, grad, logits []float32, labels []uint8) error { return broken }}, nil)
		if err != broken || s.Next != 0 {
			t.Errorf("a function's error: %v after %d tasks", err, s.Next)
		}
		err = s.Run(context.Background(), workers, []Func{perfect(p, 2)}, func() error { return broken })
		if err != broken || s.Done() {
			t.Errorf("a callback's error: %v after %d tasks", err, s.Next)
		}
		if _, err := s.Audit(canceled(), workers, 1000, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("an interrupted audit: %v", err)
		}
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
