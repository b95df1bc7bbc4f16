package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed1982febc/focal"
)

const lossUsage = `usage: focal loss [flags] LOGITS.npy LABELS.npy

Prints the focal loss of float32 logits against uint8 labels (0 negative,
1 positive, 255 ignored). LOGITS has the shape of LABELS, or is the raw output
of a detector's head, of which one attribute per anchor is the logit; -layout
and -attr are for such a head alone.

  -alpha A         weight A for positives, 1-A for negatives; -1: both 1 (default 0.25)
  -gamma G         exponent of the modulating factor (default 2)
  -weights P,N     weight P for positives, N for negatives, in place of -alpha
  -clip EPS        clip the probability to [EPS, 1-EPS] in the logarithm (default 0: off)
  -kernel K        the kernel to run, one of those 'focal info' lists (default: the best)
  -workers N       goroutines that share the work; 0: one per CPU (default 1)
  -layout L        of a raw head: nchw, [B, A*attrs, H, W] with labels [B, A, H, W],
                   or nhwc, [B, H, W, A*attrs] with labels [B, H, W, A] (default nchw)
  -attr I          which attribute of an anchor in a raw head is the logit (default 4)
  -grad OUT.npy    write the gradient of the mean, shaped like LOGITS, 0 outside the attribute
  -each OUT.npy    write the loss of every cell, shaped like LABELS
  -json            print one JSON object; what is NaN or infinite is null there

The mean is over the cells that are not ignored; so is the count of logits that
are not finite. The time is that of a single pass: the loss, or with -grad the
loss and the gradient.
`

// lossOptions is the command line of focal loss.
type lossOptions struct {
	alpha, gamma, clip float32
	weights            *[2]float32 // positives', negatives'; nil: alpha
	kernel             string
	workers            int
	layout             string
	attr               int
	raw                string // a flag that is for raw heads alone, if one was given
	grad, each         string // paths, "" for none
	json               bool
	logits, labels     string // paths
}

func parseLoss(args []string) (lossOptions, error) {
	o := lossOptions{alpha: 0.25, gamma: 2}
	flags := flag.NewFlagSet("loss", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("alpha", "", float32Flag(&o.alpha))
	flags.Func("gamma", "", float32Flag(&o.gamma))
	flags.Func("clip", "", float32Flag(&o.clip))
	flags.Func("weights", "", func(s string) error {
		pos, neg, ok := strings.Cut(s, ",")
		if !ok || strings.Contains(neg, ",") {
			return errors.New("want two numbers, POS,NEG")
		}
		o.weights = new([2]float32)
		if err := float32Flag(&o.weights[0])(pos); err != nil {
			return err
		}
		return float32Flag(&o.weights[1])(neg)
	})
	flags.StringVar(&o.kernel, "kernel", "", "")
	flags.IntVar(&o.workers, "workers", 1, "")
	flags.StringVar(&o.layout, "layout", nchw, "")
	flags.IntVar(&o.attr, "attr", 4, "")
	flags.StringVar(&o.grad, "grad", "", "")
	flags.StringVar(&o.each, "each", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })

	for _, name := range []string{"attr", "layout"} {
		if given[name] {
			o.raw = "-" + name
		}
	}
	if given["alpha"] && given["weights"] {
		return o, errors.New("-alpha and -weights exclude each other")
	}
	if !slices.Contains(layouts, o.layout) {
		return o, fmt.Errorf("-layout %q, want %s", o.layout, strings.Join(layouts, " or "))
	}
	if flags.NArg() != 2 {
		return o, fmt.Errorf("want two files, LOGITS.npy LABELS.npy, after the flags; got %d: %q", flags.NArg(), flags.Args())
	}
	o.logits, o.labels = flags.Arg(0), flags.Arg(1)
	return o, nil
}

// float32Flag rounds a number once, from its decimal digits to float32.
func float32Flag(p *float32) func(string) error {
	return func(s string) error {
		f, err := strconv.ParseFloat(s, 32)
		if err != nil {
			return errors.Unwrap(err)
		}
		*p = float32(f)
		return nil
	}
}

func (o lossOptions) newLoss() (*focal.Loss, error) {
	opts := []focal.Option{
		focal.WithClip(o.clip),
		focal.WithWorkers(o.workers),
		focal.WithKernel(focal.Kernel(o.kernel)),
	}
	alpha := o.alpha
	if o.weights != nil {
		alpha = -1
		opts = append(opts, focal.WithClassWeights(o.weights[0], o.weights[1]))
	}
	return focal.New(alpha, o.gamma, opts...)
}

func runLoss(args []string, stdout io.Writer) error {
	o, err := parseLoss(args)
	if err != nil {
		return err
	}
	loss, err := o.newLoss()
	if err != nil {
		return err
	}
	logits, err := readNpyFile[float32](o.logits)
	if err != nil {
		return err
	}
	labels, err := readNpyFile[uint8](o.labels)
	if err != nil {
		return err
	}
	if _, err := focal.Count(labels.data); err != nil {
		return inFile(o.labels, err)
	}
	if o.raw != "" && slices.Equal(logits.shape, labels.shape) {
		return inFile(o.logits, fmt.Errorf("%s is for a raw head, and these logits have the shape of the labels, %s", o.raw, tuple(labels.shape)))
	}
	channel, err := channelOf(logits.shape, labels.shape, o.layout, o.attr)
	if err != nil {
		return inFile(o.logits, err)
	}
	head, err := loss.Head(channel)
	if err != nil {
		return inFile(o.logits, err)
	}

	var grad, each []float32
	outs := outputs{inputs: []string{o.logits, o.labels}}
	if o.grad != "" {
		if grad, err = outs.add("-grad", o.grad, logits.shape, len(logits.data)); err != nil {
			return err
		}
	}
	if o.each != "" {
		if each, err = outs.add("-each", o.each, labels.shape, len(labels.data)); err != nil {
			return err
		}
	}

	r := report{kernel: head.Kernel(), nonFinite: nonFinite(logits.data, labels.data, channel)}
	start := time.Now()
	if grad != nil {
		r.stats, err = head.MeanGrad(grad, logits.data, labels.data, 1)
	} else {
		r.stats, err = head.Sum(logits.data, labels.data)
	}
	r.elapsed = time.Since(start)
	if err == nil && each != nil {
		err = head.Each(each, logits.data, labels.data)
	}
	if err != nil {
		return inFile(o.logits, err)
	}
	if err := outs.write(); err != nil {
		return err
	}
	if o.json {
		return r.printJSON(stdout)
	}
	return r.print(stdout)
}

// nonFinite counts the NaN and infinite logits of cells that are not ignored:
// those that can make the sum NaN or infinite.
func nonFinite(logits []float32, labels []uint8, c focal.Channel) (n int64) {
	for run := range c.Runs {
		for i := range c.Len {
			x := float64(logits[c.Offset+run*c.Step+i*c.Stride])
			if labels[run*c.Len+i] != focal.Ignore && (math.IsNaN(x) || math.IsInf(x, 0)) {
				n++
			}
		}
	}
	return n
}
