package main

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gorgoniaLoss is Gorgonia's tape machine, with automatic differentiation. It has
// no selection by a mask: the labels become vectors of signs and of weights, 0
// where ignored. The vectors are the backing arrays of the graphs' inputs.
type gorgoniaLoss struct {
	data                  *Data
	logits, sign, weights []float32
	value, both           tape
}

// A tape is a graph of the sum, perhaps with its gradient, and the machine that
// runs it.
type tape struct {
	vm        G.VM
	sum, grad G.Value
}

func newGorgonia(d *Data) (*gorgoniaLoss, error) {
	n := len(d.Labels)
	r := &gorgoniaLoss{data: d, logits: make([]float32, n), sign: make([]float32, n), weights: make([]float32, n)}
	if err := r.build(&r.value, false); err != nil {
		return nil, err
	}
	return r, r.build(&r.both, true)
}

// build makes a graph over the vectors of r. What the library finds wrong with it
// is an error.
func (r *gorgoniaLoss) build(t *tape, withGrad bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the graph cannot be built: %v", p)
		}
	}()
	g := G.NewGraph()
	vector := func(name string, of []float32) *G.Node {
		value := tensor.New(tensor.WithShape(len(of)), tensor.WithBacking(of))
		return G.NewVector(g, tensor.Float32, G.WithName(name), G.WithValue(value))
	}
	logits, sign, weights := vector("logits", r.logits), vector("sign", r.sign), vector("weights", r.weights)

	wrong := G.Must(G.HadamardProd(logits, sign))
	modulator := G.Must(G.Sigmoid(wrong))
	if r.data.Gamma == 2 {
		modulator = G.Must(G.Square(modulator))
	} else {
		modulator = G.Must(G.Pow(modulator, G.NewConstant(r.data.Gamma)))
	}
	loss := G.Must(G.HadamardProd(modulator, G.Must(G.Softplus(wrong))))
	sum := G.Must(G.Sum(G.Must(G.HadamardProd(weights, loss))))
	G.Read(sum, &t.sum)
	if withGrad {
		grads, err := G.Grad(sum, logits)
		if err != nil {
			return err
		}
		G.Read(grads[0], &t.grad)
	}
	t.vm = G.NewTapeMachine(g)
	return nil
}

func (r *gorgoniaLoss) About() string {
	return "Gorgonia " + version("gorgonia.org/gorgonia") + ", tape machine, automatic differentiation"
}

// run gathers the cells, makes the masks and runs a tape.
func (r *gorgoniaLoss) run(t *tape) (float32, error) {
	r.data.gather(r.logits)
	for i, y := range r.data.Labels {
		switch y {
		case 0:
			r.sign[i], r.weights[i] = 1, r.data.Neg
		case 1:
			r.sign[i], r.weights[i] = -1, r.data.Pos
		default:
			r.sign[i], r.weights[i] = 1, 0
		}
	}
	t.vm.Reset()
	if err := t.vm.RunAll(); err != nil {
		return 0, err
	}
	sum, ok := t.sum.Data().(float32)
	if !ok {
		return 0, fmt.Errorf("the sum is a %T", t.sum.Data())
	}
	return sum, nil
}

func (r *gorgoniaLoss) Sum() (float32, error) { return r.run(&r.value) }

func (r *gorgoniaLoss) SumGrad() (float32, error) { return r.run(&r.both) }

func (r *gorgoniaLoss) Cells() ([]float32, error) {
	grad, ok := r.both.grad.Data().([]float32)
	if !ok {
		return nil, fmt.Errorf("the gradient is a %T", r.both.grad.Data())
	}
	return grad, nil
}
