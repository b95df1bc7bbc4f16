package suite

import (
	"fmt"
	"math"
	"time"

	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/bench/internal/result"
)

// A timer makes a number of calls and returns the time they took together.
type timer func(calls int) (time.Duration, error)

// An evaluator is what Loss and Head have in common.
type evaluator interface {
	Sum(logits []float32, labels []uint8) (focal.Stats, error)
	SumGrad(grad, logits []float32, labels []uint8, scale float32) (focal.Stats, error)
	Each(loss, logits []float32, labels []uint8) error
	Kernel() focal.Kernel
}

// newEvaluator returns what does a case, on the channel unless its layout is contiguous.
func newEvaluator(c result.Case, channel focal.Channel) (evaluator, error) {
	loss, err := focal.New(alpha, c.Gamma, focal.WithClip(c.Clip), focal.WithWorkers(c.Workers), focal.WithKernel(focal.Kernel(c.Impl)))
	if err != nil || c.Layout == result.Contiguous {
		return loss, err
	}
	return loss.Head(channel)
}

// timer returns what times a case.
func (d *data) timer(c result.Case) (timer, error) {
	x, y, channel := d.logits[c.Logits], d.labels[c.Labels][:c.N], focal.Channel{}
	if c.Layout == result.Contiguous {
		x = x[:c.N]
	} else {
		var err error
		if channel, err = headChannel(c.Layout, c.N); err != nil {
			return nil, err
		}
		x = d.tensors[c.Logits][:channel.Size]
	}
	out := d.out[:len(x)]
	if c.Impl == result.Loop {
		return loopTimer(c.Op, channel, out, x)
	}

	e, err := newEvaluator(c, channel)
	if err != nil {
		return nil, err
	}
	if c.Calls == result.Dependent {
		return dependentTimer(e, c, d.out, d.logits[c.Logits], y)
	}
	if c.Calls == result.Cold {
		return coldTimer(e, c.Op, out, x, y, d.other)
	}
	switch c.Op {
	case "Sum":
		return func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				if _, err := e.Sum(x, y); err != nil {
					return 0, err
				}
			}
			return time.Since(start), nil
		}, nil
	case "SumGrad":
		return func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				if _, err := e.SumGrad(out, x, y, 1); err != nil {
					return 0, err
				}
			}
			return time.Since(start), nil
		}, nil
	case "Each":
		return func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				if err := e.Each(out, x, y); err != nil {
					return 0, err
				}
			}
			return time.Since(start), nil
		}, nil
	}
	return nil, fmt.Errorf("no operation %q", c.Op)
}

// dependentTimer times calls whose logits' address depends on the last call's sum:
// its sign bit, always 0, is added to it. So no call can start before the last
// has ended, whatever the CPU guesses.
func dependentTimer(e evaluator, c result.Case, out, x []float32, y []uint8) (timer, error) {
	n := c.N
	if len(x) < n+spare || len(out) < n+spare {
		return nil, fmt.Errorf("dependent calls need %d logits more than %d", spare, n)
	}
	switch c.Op {
	case "Sum":
		return func(calls int) (time.Duration, error) {
			at := 0
			start := time.Now()
			for range calls {
				stats, err := e.Sum(x[at:at+n], y)
				if err != nil {
					return 0, err
				}
				at = int(math.Float64bits(stats.Sum) >> 63)
			}
			return time.Since(start), nil
		}, nil
	case "SumGrad":
		return func(calls int) (time.Duration, error) {
			at := 0
			start := time.Now()
			for range calls {
				stats, err := e.SumGrad(out[at:at+n], x[at:at+n], y, 1)
				if err != nil {
					return 0, err
				}
				at = int(math.Float64bits(stats.Sum) >> 63)
			}
			return time.Since(start), nil
		}, nil
	}
	return nil, fmt.Errorf("no dependent calls of %q", c.Op)
}

// coldTimer times calls before each of which other data is read, so that there is nothing else in the caches. That takes
// longer than the call: a few calls stand for many.
func coldTimer(e evaluator, op string, out, x []float32, y []uint8, other []float32) (timer, error) {
	call, ok := map[string]func() error{
		"Sum":     func() error { _, err := e.Sum(x, y); return err },
		"SumGrad": func() error { _, err := e.SumGrad(out, x, y, 1); return err },
		"Each":    func() error { return e.Each(out, x, y) },
	}[op]
	if !ok {
		return nil, fmt.Errorf("no operation %q", op)
	}
	const most, line = 2, 16
	return func(calls int) (time.Duration, error) {
		var took time.Duration
		made := min(calls, most)
		for range made {
			sink += gather(other, line)
			start := time.Now()
			if err := call(); err != nil {
				return 0, err
			}
			took += time.Since(start)
		}
		return took * time.Duration(calls) / time.Duration(made), nil
	}, nil
}

// loopTimer times the least that a loop over a head's channel does: gather it and
// add it up, and for SumGrad store to another tensor's channel too.
func loopTimer(op string, channel focal.Channel, out, x []float32) (timer, error) {
	switch {
	case channel.Runs != 1:
		return nil, fmt.Errorf("the plain loop is for one run of cells, not %d", channel.Runs)
	case op == "Sum":
		return func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				sink += gather(x[channel.Offset:], channel.Stride)
			}
			return time.Since(start), nil
		}, nil
	case op == "SumGrad":
		return func(calls int) (time.Duration, error) {
			start := time.Now()
			for range calls {
				sink += gatherStore(out[channel.Offset:], x[channel.Offset:], channel.Stride)
			}
			return time.Since(start), nil
		}, nil
	}
	return nil, fmt.Errorf("no plain loop for %q", op)
}

// sink keeps the compiler from leaving out what nothing else uses.
var sink float32

// gather adds up every stride-th number of x, in four chains, so that memory is
// the limit and not the latency of addition.
func gather(x []float32, stride int) float32 {
	var a, b, c, d float32
	i := 0
	for ; i+3*stride < len(x); i += 4 * stride {
		a += x[i]
		b += x[i+stride]
		c += x[i+2*stride]
		d += x[i+3*stride]
	}
	for ; i < len(x); i += stride {
		a += x[i]
	}
	return a + b + c + d
}

// gatherStore is gather and stores every number at the same place of out.
func gatherStore(out, x []float32, stride int) float32 {
	out = out[:len(x)]
	var a, b, c, d float32
	i := 0
	for ; i+3*stride < len(x); i += 4 * stride {
		u, v, w, z := x[i], x[i+stride], x[i+2*stride], x[i+3*stride]
		out[i], out[i+stride], out[i+2*stride], out[i+3*stride] = u, v, w, z
		a, b, c, d = a+u, b+v, c+w, d+z
	}
	for ; i < len(x); i += stride {
		out[i] = x[i]
		a += x[i]
	}
	return a + b + c + d
}
