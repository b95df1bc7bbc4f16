package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/seed1982febc/focal/bench/internal/report"
	"github.com/seed1982febc/focal/bench/internal/rival"
	"github.com/seed1982febc/focal/bench/internal/suite"
	"golang.org/x/term"
)

func runMeasure(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := newFlags()
	quick := flags.Bool("quick", false, "measure a few cases, in ten seconds")
	only := flags.String("run", "", "measure only the cases whose name, as in -benchfmt, matches `REGEXP`;\nlimits are named like limit=L1/op=read and limit=multiply-add/impl=avx2")
	rivals := flags.String("rivals", "", "the rivals to measure: none, all, or `LIST` of "+strings.Join(rival.Names(), ",")+
		"\n(default all but gomlx and gorgonia, with -quick those that start at once)")
	testdata := flags.String("testdata", "testdata", "`DIR` of the library's testdata")
	name := flags.String("name", "", "call this machine `NAME` in reports, instead of what its CPU calls itself")
	output := flags.String("o", "", "write the results as JSON to `FILE`")
	benchfmt := flags.String("benchfmt", "", "write the results to `FILE` in the format of go test -bench, for benchstat")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	opts := suite.Options{Quick: *quick, Testdata: *testdata}
	opts.Rivals.GoRivals = "bench/rivals"
	switch {
	case *rivals == "none":
		opts.NoRivals = true
	case *rivals == "all":
		opts.Rivals.Names = rival.Names()
	case *rivals != "":
		for _, name := range strings.Split(*rivals, ",") {
			name = strings.TrimSpace(name)
			if !slices.Contains(rival.Names(), name) {
				return fmt.Errorf("-rivals: no rival is named %q; there are %s", name, strings.Join(rival.Names(), ", "))
			}
			opts.Rivals.Names = append(opts.Rivals.Names, name)
		}
	case *quick:
		opts.Rivals.Names = suite.InProcess
	}
	if *only != "" {
		var err error
		if opts.Only, err = regexp.Compile(*only); err != nil {
			return fmt.Errorf("-run: %w", err)
		}
	}

	jsonFile, err := createFile(*output)
	if err != nil {
		return err
	}
	defer jsonFile.discard()
	benchfmtFile, err := createFile(*benchfmt, *output)
	if err != nil {
		return err
	}
	defer benchfmtFile.discard()

	var done func()
	opts.Progress, done = newProgress(stderr)
	result, err := suite.Run(ctx, opts)
	done()
	if err != nil {
		return err
	}
	result.Machine.Name = *name
	result.Command = command(args...)

	if err := jsonFile.write(result.Write); err != nil {
		return err
	}
	if err := benchfmtFile.write(result.WriteBenchfmt); err != nil {
		return err
	}
	return report.WriteText(stdout, result) // the last, as nobody may be reading
}

// newProgress shows a bar on a terminal, which done removes, and a line for each stage elsewhere.
func newProgress(stderr io.Writer) (show suite.Progress, done func()) {
	last := ""
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(stage string, _, _ int) {
			if stage != last {
				last = stage
				fmt.Fprintln(stderr, "bench:", stage)
			}
		}, func() {}
	}
	bar := progressbar.NewOptions(1,
		progressbar.OptionSetWriter(f),
		progressbar.OptionFullWidth(),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true),
	)
	show = func(stage string, done, all int) {
		if stage != last {
			last = stage
			bar.Reset()
			bar.ChangeMax(all)
			bar.Describe(stage)
		}
		bar.Set(done)
	}
	return show, func() { bar.Clear() }
}

// A file is one that appears under its name only when it is complete. A nil file
// is none.
type file struct {
	*os.File
	name string
}

// createFile returns an empty file that is going to be name, or what that is a symbolic link to; nil if
// name is "". The files kept are not to be replaced.
func createFile(name string, kept ...string) (*file, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return nil, errors.New("a file called - is not written; standard output is for the tables")
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	for _, k := range kept {
		other, otherErr := os.Stat(k)
		if filepath.Clean(k) == filepath.Clean(name) || err == nil && otherErr == nil && os.SameFile(info, other) {
			return nil, fmt.Errorf("%s would be replaced by the output", k)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".bench-*")
	var failed *fs.PathError
	if errors.As(err, &failed) {
		failed.Path = name // and not that of the temporary file
	}
	if err != nil {
		return nil, err
	}
	return &file{f, name}, nil
}

// write fills f and gives it its name.
func (f *file) write(fill func(io.Writer) error) error {
	if f == nil {
		return nil
	}
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), f.name)
}

// discard removes a file that has not been written.
func (f *file) discard() {
	if f != nil {
		f.Close()
		os.Remove(f.Name()) // of a file that write has renamed there is nothing left here
	}
}
