package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed1982febc/focal/bench/internal/report"
	"github.com/seed1982febc/focal/bench/internal/result"
)

func runReport(args []string, stdout, stderr io.Writer) error {
	flags := newFlags()
	output := flags.String("o", "report.html", "write the page to `FILE`")
	benchfmt := flags.String("benchfmt", "", "write the one result to `FILE` in the format of go test -bench, and no page")
	line := command(append([]string{"report"}, args...)...)
	var inputs []string
	for len(args) > 0 {
		if err := parse(flags, args, stderr); err != nil {
			return err
		}
		args = flags.Args()
		if len(args) > 0 { // flags may follow
			inputs, args = append(inputs, args[0]), args[1:]
		}
	}
	var runs []*result.Run
	var model *report.Model
	modelName := ""
	for _, name := range inputs {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		r, m, err := readInput(text)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case r != nil:
			runs = append(runs, r)
		case model != nil:
			return fmt.Errorf("report: %s and %s are two models; a page has one at most", modelName, name)
		default:
			model, modelName = m, name
		}
	}
	if runs == nil {
		return errors.New("report: no results to make a page of")
	}
	name, fill := *output, func(w io.Writer) error { return report.WriteHTML(w, runs, model, line) }
	if *benchfmt != "" {
		if len(inputs) > 1 {
			return errors.New("report: -benchfmt is for one result")
		}
		name, fill = *benchfmt, runs[0].WriteBenchfmt
	}
	f, err := createFile(name, inputs...)
	if err != nil {
		return err
	}
	defer f.discard()
	if err := f.write(fill); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, name)
	return err
}

// readInput reads a result or a model: a result has a format, a model has rows.
func readInput(text []byte) (*result.Run, *report.Model, error) {
	var has struct{ Format, Rows json.RawMessage }
	if err := json.Unmarshal(text, &has); err != nil {
		return nil, nil, fmt.Errorf("neither a result of bench nor a model: %w", err)
	}
	switch {
	case has.Format != nil:
		r, err := result.Read(bytes.NewReader(text))
		return r, nil, err
	case has.Rows != nil:
		m, err := report.ReadModel(bytes.NewReader(text))
		return nil, m, err
	}
	return nil, nil, errors.New("neither a result of bench nor a model")
}
