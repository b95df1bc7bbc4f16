package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed1982febc/focal/bench/internal/report"
	"github.com/seed1982febc/focal/bench/internal/result"
)

func runReport(args []string, stdout, stderr io.Writer) error {
	flags := newFlags(stderr)
	output := flags.String("o", "report.html", "write the page to `FILE`")
	modelName := flags.String("model", "", "add the static model in the JSON `FILE`, marked as one")
	command := strings.Join(append([]string{"go run ./bench report"}, args...), " ")
	var inputs []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return err
		}
		args = flags.Args()
		if len(args) > 0 { // flags may follow
			inputs, args = append(inputs, args[0]), args[1:]
		}
	}
	if len(inputs) == 0 {
		return errors.New("report: no results to make a page of")
	}
	var runs []*result.Run
	for _, name := range inputs {
		r, err := readFile(name, result.Read)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	var model *report.Model
	if *modelName != "" {
		var err error
		if model, err = readFile(*modelName, report.ReadModel); err != nil {
			return err
		}
	}
	f, err := createFile(*output)
	if err != nil {
		return err
	}
	defer f.discard()
	return f.write(func(w io.Writer) error { return report.WriteHTML(w, runs, model, command) })
}

func readFile[T any](name string, read func(io.Reader) (*T, error)) (*T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}
