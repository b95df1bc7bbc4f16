package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/cmd/focal/internal/verify"
	"golang.org/x/term"
)

const verifyUsage = `usage: focal verify [flags]

Runs a kernel on all 4294967296 float32 logits with both labels and compares
every loss and gradient with the exact one. Prints for each, in ULP (distances
between neighbouring float32 numbers), the largest error, where it is and a
histogram; how many results are below 2^-126; how often a worse cell has a
smaller loss; and a SHA-256 of all results, which is the same on every machine.

  -alpha A         weight A for positives, 1-A for negatives; -1: both 1 (default 0.25)
  -gamma G,G,...   exponents of the modulating factor (default 0,1,2)
  -clip EPS        clip the probability to [EPS, 1-EPS] in the logarithm (default 0: off)
  -kernel K        the kernel to run, one of those 'focal info' lists (default: the best)
  -workers N       goroutines that share the work; 0: one per CPU (default 0)
  -every N         only every Nth bit pattern of either sign (default 1: all)
  -audit N         so many random cells, besides the 1000 worst losses and gradients, of
                   which the exact values are audited (default 1000000)
  -bound-loss U    fail if a loss is off by more than U ULP, or more than U below a better cell's
  -bound-grad U    fail if a gradient is off by more than U ULP
  -state FILE      save the progress there, and continue from what is there
  -plot OUT.svg    draw the errors against the logit
  -json            print one JSON object

The exact values are computed in float64; the audit compares them with 256-bit
arithmetic and fails if they are more than 1e-6 ULP apart. Without -every one gamma
takes some minutes on two cores, the generic kernel up to half an hour. Exit
status 1 means that a bound or a rule of the library is broken, 130 that Ctrl-C
ended the run; what was found is printed all the same, but not drawn.
`

// verifyOptions is the command line of focal verify.
type verifyOptions struct {
	plan                 verify.Plan
	workers              int
	audit                int64
	boundLoss, boundGrad float64 // ULP; 0: none
	state, plot          string  // paths, "" for none
	json                 bool
}

func parseVerify(args []string) (verifyOptions, error) {
	o := verifyOptions{plan: verify.Plan{Alpha: 0.25, Gammas: []float32{0, 1, 2}}}
	var every uint64
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("alpha", "", float32Flag(&o.plan.Alpha))
	flags.Func("gamma", "", func(s string) error {
		o.plan.Gammas = nil
		for _, digits := range strings.Split(s, ",") {
			var gamma float32
			if err := float32Flag(&gamma)(digits); err != nil {
				return err
			}
			if slices.Contains(o.plan.Gammas, gamma) {
				return fmt.Errorf("%v is there twice", gamma)
			}
			o.plan.Gammas = append(o.plan.Gammas, gamma)
		}
		return nil
	})
	flags.Func("clip", "", float32Flag(&o.plan.Clip))
	flags.StringVar((*string)(&o.plan.Kernel), "kernel", "", "")
	flags.IntVar(&o.workers, "workers", 0, "")
	flags.Uint64Var(&every, "every", 1, "")
	flags.Int64Var(&o.audit, "audit", 1e6, "")
	flags.Float64Var(&o.boundLoss, "bound-loss", 0, "")
	flags.Float64Var(&o.boundGrad, "bound-grad", 0, "")
	flags.StringVar(&o.state, "state", "", "")
	flags.StringVar(&o.plot, "plot", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() != 0:
		return o, fmt.Errorf("want no arguments after the flags, got %q", flags.Args())
	case o.workers < 0:
		return o, fmt.Errorf("-workers %d, must not be negative", o.workers)
	case every < 1 || every > 1<<31:
		return o, fmt.Errorf("-every %d, want 1 to 2147483648", every)
	case o.plot != "" && filepath.Ext(o.plot) != ".svg":
		return o, fmt.Errorf("-plot %s: the drawing is SVG, want a name that ends in .svg", o.plot)
	case o.audit < 0 || o.audit > 1<<33:
		return o, fmt.Errorf("-audit %d, want 0 to %d, which is every logit and label", o.audit, int64(1)<<33)
	}
	o.plan.Every = uint32(every)
	if o.workers == 0 {
		o.workers = runtime.GOMAXPROCS(0)
	}
	for _, b := range []struct {
		flag string
		ulp  float64
	}{{"-bound-loss", o.boundLoss}, {"-bound-grad", o.boundGrad}} {
		if !(b.ulp >= 0) {
			return o, fmt.Errorf("%s %v, want a number of ULP", b.flag, b.ulp)
		}
	}
	return o, nil
}

// libraryFunc is what focal verify verifies: l as users call it.
func libraryFunc(l *focal.Loss) verify.Func {
	return func(loss, grad, logits []float32, labels []uint8) error {
		if err := l.Each(loss, logits, labels); err != nil {
			return err
		}
		_, err := l.SumGrad(grad, logits, labels, 1)
		return err
	}
}

func runVerify(args []string, stdout io.Writer) error {
	o, err := parseVerify(args)
	if err != nil {
		return err
	}
	return o.run(stdout, os.Stderr, libraryFunc)
}

// run verifies what wrap makes of each Loss.
func (o verifyOptions) run(stdout io.Writer, stderr *os.File, wrap func(*focal.Loss) verify.Func) error {
	var funcs []verify.Func
	for _, gamma := range o.plan.Gammas {
		l, err := focal.New(o.plan.Alpha, gamma, focal.WithClip(o.plan.Clip), focal.WithKernel(o.plan.Kernel))
		if err != nil {
			return err
		}
		o.plan.Kernel = l.Kernel()
		funcs = append(funcs, wrap(l))
	}
	var err error
	if o.plan.Build, err = buildID(); err != nil {
		return err
	}
	if err := o.checkFiles(); err != nil {
		return err
	}
	sweep, err := o.load()
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := verifyReport{verifyOptions: o, sweep: sweep}
	err = o.runSweep(ctx, stderr, sweep, funcs)
	if err == nil {
		r.audits, err = o.runAudit(ctx, stderr, sweep)
	}
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return err
	}

	if o.json {
		err = r.printJSON(stdout)
	} else {
		err = r.print(stdout)
	}
	if err != nil {
		return err
	}
	if interrupted {
		return statusError{130, r.interruption()}
	}
	if o.plot != "" {
		if err := replaceFile(o.plot, r.plotSVG); err != nil {
			return err
		}
	}
	if failures := r.failures(); len(failures) > 0 {
		return statusError{1, strings.Join(failures, "; ")}
	}
	return nil
}

// buildID identifies the running program, and so the kernels in it.
func buildID() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkFiles finds what speaks against writing the files asked for, before the
// work and not after it.
func (o verifyOptions) checkFiles() error {
	var outs outputs
	for _, out := range []output{{flag: "-state", path: o.state}, {flag: "-plot", path: o.plot}} {
		if out.path == "" {
			continue
		}
		out.real = followLinks(out.path)
		err := outs.check(out)
		if err == nil {
			err = tryCreate(out.real)
		}
		if err != nil {
			return inFile(out.path, err)
		}
		outs.list = append(outs.list, out)
	}
	return nil
}

// load returns the sweep to continue, or a new one.
func (o verifyOptions) load() (*verify.Sweep, error) {
	if o.state == "" {
		return verify.New(o.plan), nil
	}
	content, err := os.ReadFile(o.state)
	if errors.Is(err, fs.ErrNotExist) {
		return verify.New(o.plan), nil
	}
	if err == nil {
		var s *verify.Sweep
		if s, err = verify.Load(content, o.plan); err == nil {
			return s, nil
		}
	}
	return nil, inFile(o.state, err)
}

// saveEvery is how much work an accident may cost.
var saveEvery = 10 * time.Second

// runSweep does what is left of the sweep, and saves it.
func (o verifyOptions) runSweep(ctx context.Context, stderr *os.File, s *verify.Sweep, funcs []verify.Func) error {
	const unit = 1e6 // of the bar, so that its numbers are short
	before := s.Logits()
	bar := newBar(stderr, (s.Plan.Logits()*int64(len(s.Plan.Gammas))-before)/unit, "million logits")
	defer bar.Clear()
	save := func() error { return replaceFile(o.state, s.Save) }
	if o.state == "" {
		save = func() error { return nil }
	}
	saved := time.Now()
	err := s.Run(ctx, o.workers, funcs, func() error {
		gamma, _ := s.At()
		bar.Describe(fmt.Sprintf("gamma %v", gamma))
		bar.Set64((s.Logits() - before) / unit)
		if time.Since(saved) < saveEvery {
			return nil
		}
		saved = time.Now()
		return save()
	})
	if err == nil || errors.Is(err, context.Canceled) {
		if err := save(); err != nil {
			return err
		}
	}
	return err
}

// runAudit audits the sweep's exact values.
func (o verifyOptions) runAudit(ctx context.Context, stderr *os.File, s *verify.Sweep) ([]verify.Audit, error) {
	bar := newBar(stderr, s.AuditCells(o.audit), "cells")
	defer bar.Clear()
	bar.Describe("audit")
	return s.Audit(ctx, o.workers, o.audit, func(cells int) { bar.Add(cells) })
}

// newBar returns a progress bar on a terminal, and nothing to be seen elsewhere.
func newBar(stderr *os.File, max int64, unit string) *progressbar.ProgressBar {
	if !term.IsTerminal(int(stderr.Fd())) {
		return progressbar.DefaultSilent(max)
	}
	return progressbar.NewOptions64(max,
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(unit),
		progressbar.OptionThrottle(100*time.Millisecond),
	)
}
