package main

import (
	"runtime/debug"

	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// goMLX is GoMLX on its pure-Go backend, with automatic differentiation. That
// backend has no gradient of a slice, so the cells are gathered first.
type goMLX struct {
	data           *Data
	value, both    *graph.Exec
	logits, labels *tensors.Tensor // of the cells
	grad           *tensors.Tensor // of the last SumGrad, nil before it
}

func newGoMLX(d *Data) (*goMLX, error) {
	backend, err := simplego.New("")
	if err != nil {
		return nil, err
	}
	n := len(d.Labels)
	r := &goMLX{
		data:   d,
		logits: tensors.FromFlatDataAndDimensions(make([]float32, n), n),
		labels: tensors.FromFlatDataAndDimensions(d.Labels, n),
	}
	r.value, err = graph.NewExec(backend, r.loss)
	if err != nil {
		return nil, err
	}
	r.both, err = graph.NewExec(backend, func(logits, labels *graph.Node) (*graph.Node, *graph.Node) {
		loss := r.loss(logits, labels)
		return loss, graph.Gradient(loss, logits)[0]
	})
	return r, err
}

// loss is the graph of the sum.
func (r *goMLX) loss(logits, labels *graph.Node) *graph.Node {
	g, d := logits.Graph(), r.data
	positive := graph.Equal(labels, graph.ConstAs(labels, uint8(1)))
	ignored := graph.Equal(labels, graph.ConstAs(labels, uint8(255)))
	wrong := graph.Where(positive, graph.Neg(logits), logits)
	modulator := graph.Sigmoid(wrong)
	if d.Gamma == 2 {
		modulator = graph.Square(modulator)
	} else {
		modulator = graph.PowScalar(modulator, d.Gamma)
	}
	weight := graph.Where(positive, graph.Const(g, d.Pos), graph.Const(g, d.Neg))
	loss := graph.Mul(graph.Mul(weight, modulator), graph.Softplus(wrong))
	return graph.ReduceAllSum(graph.Where(ignored, graph.ZerosLike(loss), loss))
}

func (r *goMLX) About() string {
	return "GoMLX " + version("github.com/gomlx/gomlx") + ", pure-Go backend, automatic differentiation"
}

// gather copies the cells into logits.
func (r *goMLX) gather() error {
	return tensors.MutableFlatData(r.logits, r.data.gather)
}

func (r *goMLX) Sum() (float32, error) {
	if err := r.gather(); err != nil {
		return 0, err
	}
	sum, err := r.value.Exec1(r.logits, r.labels)
	if err != nil {
		return 0, err
	}
	defer sum.MustFinalizeAll()
	return tensors.ToScalar[float32](sum), nil
}

func (r *goMLX) SumGrad() (float32, error) {
	if err := r.gather(); err != nil {
		return 0, err
	}
	sum, grad, err := r.both.Exec2(r.logits, r.labels)
	if err != nil {
		return 0, err
	}
	if r.grad != nil {
		r.grad.MustFinalizeAll()
	}
	r.grad = grad
	defer sum.MustFinalizeAll()
	return tensors.ToScalar[float32](sum), nil
}

func (r *goMLX) Cells() ([]float32, error) { return tensors.CopyFlatData[float32](r.grad) }

// version returns the version of a module that this program is built with.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return ""
}
