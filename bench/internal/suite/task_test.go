package suite

import (
	"math"
	"slices"
	"testing"

	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// TestTimer: what a case names is what is timed. What one call writes shows operation, gamma, clip, layout, labels and
// logits, and the error that it returns for a wrong label that it is called at all, as Sum writes nothing; the kernel is that of
// its evaluator. The workers do not show.
func TestTimer(t *testing.T) {
	head, err := readHead(testdataDir)
	if err != nil {
		t.Fatal(err)
	}
	cases := slices.DeleteFunc(defaultCases(focal.Kernels(), 2), func(c result.Case) bool { return c.N > 30_000 || c.Impl == result.Loop })
	for _, op := range ops {
		c := result.Base("generic", op, image)
		cold(&c)
		cases = append(cases, c)
	}
	d, err := newData(cases, head)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for i := range d.out {
			d.out[i] = 42
		}
		run, err := d.timer(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(1); err != nil {
			t.Fatal(err)
		}
		last := &d.labels[c.Labels][c.N-1]
		was := *last
		*last = 7
		if _, err := run(1); err == nil {
			t.Errorf("%s: a label that is none is not seen", c.Name())
		}
		*last = was
		loss, err := focal.New(alpha, c.Gamma, focal.WithClip(c.Clip))
		if err != nil {
			t.Fatal(err)
		}
		want, x, channel := make([]float32, len(d.out)), d.logits[c.Logits], focal.Channel{Runs: 1, Len: c.N, Stride: 1, Size: c.N}
		if c.Layout != result.Contiguous {
			x = d.tensors[c.Logits]
			if channel, err = headChannel(c.Layout, c.N); err != nil {
				t.Fatal(err)
			}
		}
		for i := range want {
			want[i] = 42
		}
		h, err := loss.Head(channel)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := newEvaluator(c, channel); err != nil || string(e.Kernel()) != c.Impl {
			t.Errorf("%s: %v runs kernel %s", c.Name(), err, e.Kernel())
		}
		switch c.Op {
		case "SumGrad":
			_, err = h.SumGrad(want[:channel.Size], x[:channel.Size], d.labels[c.Labels][:c.N], 1)
		case "Each":
			err = h.Each(want[:c.N], x[:channel.Size], d.labels[c.Labels][:c.N])
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(d.out, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("%s: other results", c.Name())
		}
	}
}

// counter is an evaluator that counts the calls of Sum.
type counter struct {
	evaluator
	calls int
}

func (c *counter) Sum([]float32, []uint8) (focal.Stats, error) {
	c.calls++
	return focal.Stats{}, nil
}

// TestColdTimer: other data is read before each call, a number of each cache line, and few calls stand for many.
func TestColdTimer(t *testing.T) {
	other := slices.Repeat([]float32{1}, 1600)
	var c counter
	run, err := coldTimer(&c, "Sum", nil, nil, nil, other)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ calls, made int }{{1, 1}, {5, 2}} {
		sink, c.calls = 0, 0
		if _, err := run(test.calls); err != nil {
			t.Fatal(err)
		}
		if c.calls != test.made || sink != float32(100*test.made) {
			t.Errorf("%d calls: %d made, %v lines read, want %d and %d", test.calls, c.calls, sink, test.made, 100*test.made)
		}
	}
}
