package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// bench runs a command line.
func bench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// From measurement to page, with a few cases.
func TestQuick(t *testing.T) {
	dir := t.TempDir()
	jsonFile, benchfmtFile, page := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.txt"), filepath.Join(dir, "r.html")
	code, stdout, stderr := bench(t, "-quick", "-rivals", "none", "-testdata", "../testdata", "-run", "op=Sum/gamma=2/clip=0/n=169/", "-o", jsonFile, "-benchfmt", benchfmtFile)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	if !strings.Contains(stdout, "Sum by number of cells") || !strings.Contains(stdout, "\n169 ") {
		t.Errorf("no table of the case:\n%s", stdout)
	}
	r, err := readFile(jsonFile, result.Read)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Find(result.Base("generic", "Sum", 169)); s == nil || len(s.Samples) != r.Rounds {
		t.Errorf("%d rounds, %+v", r.Rounds, s)
	}
	if !strings.HasPrefix(r.Command, "go run ./bench -quick -rivals none") {
		t.Errorf("command %q", r.Command)
	}
	if text, err := os.ReadFile(benchfmtFile); err != nil || strings.Count(string(text), "BenchmarkFocal/") != len(r.Series)*r.Rounds {
		t.Errorf("error %v, or not a line for each of %d samples:\n%s", err, len(r.Series)*r.Rounds, text)
	}

	if code, _, stderr := bench(t, "report", jsonFile, "-o", page, "-model", "internal/report/testdata/model.json"); code != 0 {
		t.Fatalf("report: exit code %d, %s", code, stderr)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "model, not measured") {
		t.Errorf("no page with the model (error %v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); left != nil {
		t.Errorf("left behind: %q", left)
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

func TestUsage(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"format": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string // in stderr
	}{
		{[]string{"-h"}, 0, "usage: go run ./bench"},
		{[]string{"report", "-h"}, 0, "-model FILE"},
		{[]string{"-unknown"}, 2, "-unknown"},
		{[]string{"argument"}, 2, `"argument"`},
		{[]string{"-run", "("}, 2, "-run"},
		{[]string{"-quick", "-rivals", "none", "-run", "no such case"}, 2, "no case"},
		{[]string{"-quick", "-rivals", "nobody", "-run", "n=16/"}, 2, "nobody"},
		{[]string{"-o", "no/such/directory/r.json"}, 2, "no/such/directory"},
		{[]string{"-o", os.DevNull}, 2, "not a regular file"},
		{[]string{"report"}, 2, "no results"},
		{[]string{"report", "no.json"}, 2, "no.json"},
		{[]string{"report", bad, "-o", filepath.Join(t.TempDir(), "r.html")}, 2, "bad.json"},
		{[]string{"report", "internal/report/testdata/sample.json", "-model", bad}, 2, "bad.json"},
	} {
		code, stdout, stderr := bench(t, test.args...)
		if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want code %d and %q", test.args, code, stdout, stderr, test.code, test.want)
		}
	}
	if _, err := os.Stat("report.html"); err == nil {
		t.Error("a failed report has written report.html")
	}
}
