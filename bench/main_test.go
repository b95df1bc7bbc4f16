package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// bench runs a command line.
func bench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// From measurement to page, with a few cases.
func TestQuick(t *testing.T) {
	dir := t.TempDir()
	jsonFile, benchfmtFile, page := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.txt"), filepath.Join(dir, "r.html")
	code, stdout, stderr := bench(t, "-quick", "-rivals", "none", "-name", "A machine", "-testdata", "../testdata", "-run", "op=Sum/gamma=2/clip=0/n=169/", "-o", jsonFile, "-benchfmt", benchfmtFile)
	if code != 0 || stderr != "bench: making data\nbench: calibrating\nbench: measuring\n" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	if !strings.Contains(stdout, "Sum by number of cells") || !strings.Contains(stdout, "\n169 ") {
		t.Errorf("no table of the case:\n%s", stdout)
	}
	r, _, err := readInput([]byte(readFile(t, jsonFile)))
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Find(result.Base("generic", "Sum", 169)); s == nil || len(s.Samples) != r.Rounds {
		t.Errorf("%d rounds, %+v", r.Rounds, s)
	}
	if !strings.HasPrefix(r.Command, "go run ./bench -quick -rivals none -name 'A machine' -testdata ") {
		t.Errorf("command %q", r.Command)
	}
	if text := readFile(t, benchfmtFile); strings.Count(text, "BenchmarkFocal/") != len(r.Series)*r.Rounds {
		t.Errorf("not a line for each of %d samples:\n%s", len(r.Series)*r.Rounds, text)
	}

	again := filepath.Join(dir, "again.txt")
	if code, _, stderr := bench(t, "report", "-benchfmt", again, jsonFile); code != 0 {
		t.Fatalf("report -benchfmt: exit code %d, %s", code, stderr)
	}
	if got, want := readFile(t, again), readFile(t, benchfmtFile); got != want {
		t.Errorf("of the JSON file, the format of benchmarks is\n%s\nnot as measured\n%s", got, want)
	}
	if code, _, stderr := bench(t, "report", jsonFile, "internal/report/testdata/model.json", "-o", page); code != 0 {
		t.Fatalf("report: exit code %d, %s", code, stderr)
	}
	if !strings.Contains(readFile(t, page), "model, not measured") {
		t.Error("no page with the model")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

// Limits can be measured without a case.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	jsonFile, page := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
	args := []string{"-quick", "-rivals", "none", "-run", "limit=DRAM/op=read", "-o", jsonFile}
	code, stdout, stderr := bench(t, args...)
	if code != 0 || !strings.Contains(stdout, "DRAM read") {
		t.Fatalf("exit code %d, %s\n%s", code, stderr, stdout)
	}
	if code, _, stderr = bench(t, "report", jsonFile, "-o", page); code != 0 {
		t.Fatalf("report: exit code %d, %s", code, stderr)
	}
	if !strings.Contains(readFile(t, page), "DRAM read") {
		t.Error("no limit in the page")
	}
}

// A standard output that cannot be written to does not cost the results.
func TestNoStdout(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.json")
	_, closed := io.Pipe()
	closed.Close()
	var stderr bytes.Buffer
	args := []string{"-quick", "-rivals", "none", "-run", "impl=generic/op=Sum/gamma=2/clip=0/n=16/", "-o", name}
	if code := run(t.Context(), args, closed, &stderr); code != 2 || !strings.Contains(stderr.String(), "closed pipe") {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
	readFile(t, name)
}

// A shell takes a recorded command for the same arguments.
func TestCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"go run ./bench": nil,
		"go run ./bench report -o a.html b/c_1.json":                 {"report", "-o", "a.html", "b/c_1.json"},
		"go run ./bench -name 'AMD EPYC, Zen 4' -rivals numpy,torch": {"-name", "AMD EPYC, Zen 4", "-rivals", "numpy,torch"},
		`go run ./bench -name 'Bob'\''s' -run '^a|b$' ''`:            {"-name", "Bob's", "-run", "^a|b$", ""},
	} {
		if got := command(args...); got != want {
			t.Errorf("%q gives %s, want %s", args, got, want)
		}
	}
	name := filepath.Join(t.TempDir(), "a page.html")
	code, stdout, stderr := bench(t, "report", "internal/report/testdata/sample.json", "-o", name)
	if code != 0 || stdout != name+"\n" || stderr != "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if page, err := os.ReadFile(name); err != nil || !strings.Contains(string(page), "a page.html&#39;</code>") {
		t.Errorf("error %v, or no command of the page", err)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"-quick", "-rivals", "none", "-run", "n=16/", "-o", filepath.Join(dir, "r.json")}, &stdout, &stderr)
	if code != 130 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Whatever asks the program to end interrupts it.
func TestSignals(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if s == syscall.SIGHUP && signal.Ignored(s) {
			continue
		}
		received := make(chan os.Signal, 1)
		signal.Notify(received, s) // or it would end the tests
		ctx := interruptible()
		if err := self.Signal(s); err != nil {
			t.Skip(err) // as on Windows
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%v does not interrupt", s)
		}
		signal.Stop(received)
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"bad.json": `{"format": 1}`, "badmodel.json": `{"rows": []}`, "other.json": `{}`, "no.txt": "text"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	const sample, model = "internal/report/testdata/sample.json", "internal/report/testdata/model.json"
	if text, err := os.ReadFile(sample); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(file("sample.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(file("sample.json"), file("link")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string // in stderr
	}{
		{[]string{"-h"}, 0, "usage: go run ./bench"},
		{[]string{"report", "-h"}, 0, "[MODEL.json]"},
		{[]string{"-unknown"}, 2, "-unknown"},
		{[]string{"report", "-unknown"}, 2, "-unknown"},
		{[]string{"argument"}, 2, `"argument"`},
		{[]string{"-run", "("}, 2, "-run"},
		{[]string{"-quick", "-rivals", "none", "-run", "no such case"}, 2, "no case"},
		{[]string{"-quick", "-rivals", "nobody", "-run", "n=16/"}, 2, "nobody"},
		{[]string{"-quick", "-rivals", "go, nobody", "-run", "n=16/"}, 2, `"nobody"`},
		{[]string{"-o", "no/such/directory/r.json"}, 2, "open no/such/directory/r.json: no such file"},
		{[]string{"-quick", "-run", "no such case", "-o", "-"}, 2, "standard output"},
		{[]string{"report", sample, "-o", "-"}, 2, "standard output"},
		{[]string{"-o", os.DevNull}, 2, "not a regular file"},
		{[]string{"-o", file("new"), "-benchfmt", dir + "/./new"}, 2, "new would be replaced"},
		{[]string{"report", file("sample.json"), "-o", file("sample.json")}, 2, "sample.json would be replaced"},
		{[]string{"report", file("sample.json"), "-o", file("link")}, 2, "sample.json would be replaced"},
		{[]string{"report", file("link"), "-o", file("sample.json")}, 2, "link would be replaced"},
		{[]string{"report"}, 2, "no results"},
		{[]string{"report", "no.json"}, 2, "no.json"},
		{[]string{"report", file("bad.json"), "-o", file("r.html")}, 2, "bad.json: a result without any figures"},
		{[]string{"report", sample, file("badmodel.json")}, 2, "badmodel.json: a model without rows"},
		{[]string{"report", sample, file("other.json")}, 2, "other.json: neither a result of bench nor a model"},
		{[]string{"report", sample, file("no.txt")}, 2, "no.txt: neither a result of bench nor a model"},
		{[]string{"report", model, sample, model}, 2, "two models"},
		{[]string{"report", model}, 2, "no results"},
		{[]string{"report", "-benchfmt", file("r.txt"), sample, model}, 2, "one result"},
		{[]string{"report", "-benchfmt", file("r.txt"), model}, 2, "no results"},
		{[]string{"report", "-benchfmt", file("link"), file("sample.json")}, 2, "sample.json would be replaced"},
	} {
		code, stdout, stderr := bench(t, test.args...)
		_, unexpected, _ := strings.Cut(strings.TrimPrefix(stderr, "bench: making data\n"), "\n")
		if test.code == 2 && unexpected != "" {
			t.Errorf("%q: an error of several lines: %s", test.args, stderr)
		}
		if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want code %d and %q", test.args, code, stdout, stderr, test.code, test.want)
		}
	}
	if _, err := os.Stat("report.html"); err == nil {
		t.Error("a failed report has written report.html")
	}
}
