package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mustRun runs the command, which must succeed without a word on stderr.
func mustRun(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(args, &out, &errs); status != 0 || errs.Len() != 0 {
		t.Fatalf("focal %q: exit status %d, stderr %q", args, status, errs.String())
	}
	return out.String()
}

// mustFail runs the command, which must say what is wrong as users are
// promised: status 2, nothing on stdout, on stderr one line with every fragment.
func mustFail(t *testing.T, args []string, fragments ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(args, &out, &errs)
	if status != 2 {
		t.Errorf("focal %q: exit status %d, want 2", args, status)
	}
	if out.Len() != 0 {
		t.Errorf("focal %q: stdout %q", args, out.String())
	}
	line, rest, ok := strings.Cut(errs.String(), "\n")
	if !ok || rest != "" {
		t.Errorf("focal %q: want one line on stderr, got %q", args, errs.String())
	}
	for _, f := range fragments {
		if !strings.Contains(line, f) {
			t.Errorf("focal %q: stderr %q, want %q in it", args, line, f)
		}
	}
}

// files lists a directory, hidden files included.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// saveNpy writes a tensor as dir/name and returns that path.
func saveNpy[T element](t *testing.T, dir, name string, shape []int, data []T) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeNpy(&b, tensor[T]{shape, data}); err != nil {
		t.Fatal(err)
	}
	return save(t, dir, name, b.Bytes())
}

func save(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSubcommands(t *testing.T) {
	mustFail(t, nil, "focal: ", "loss or info")
	mustFail(t, []string{"losss"}, `"losss"`)
	mustFail(t, []string{"help", "losss"}, `"losss"`)
	mustFail(t, []string{"-json"}, `"-json"`)
	mustFail(t, []string{"loss\nfocal"}, "focal: ")
	mustFail(t, []string{"info", "-v"}, "focal info: ", "-v")
	mustFail(t, []string{"info", "x"}, "focal info: ", `"x"`)
	for _, c := range commands {
		for _, args := range [][]string{{"-h"}, {"--help"}, {"help"}, {"help", c.name}, {c.name, "-h"}, {c.name, "-help"}} {
			if out := mustRun(t, args...); !strings.Contains(out, c.usage) {
				t.Errorf("focal %q printed %q", args, out)
			}
		}
	}
}

// Every flag is explained, and every explained flag exists.
func TestLossUsage(t *testing.T) {
	for _, name := range []string{"alpha", "gamma", "weights", "clip", "kernel", "workers", "layout", "attr", "grad", "each", "json"} {
		if !strings.Contains(lossUsage, "\n  -"+name+" ") {
			t.Errorf("usage lacks -%s", name)
		}
	}
	for _, line := range strings.Split(lossUsage, "\n") {
		name, ok := strings.CutPrefix(line, "  -")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		_, err := parseLoss([]string{"-" + name + "=?", "x", "y"})
		if err != nil && strings.Contains(err.Error(), "not defined") {
			t.Error(err)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestStdoutFails(t *testing.T) {
	for _, args := range [][]string{
		{"-h"},
		{"info"},
		{"info", "-h"},
		{"loss", "testdata/head_7.npy", "testdata/labels_7.npy"},
		{"loss", "-json", "testdata/head_7.npy", "testdata/labels_7.npy"},
	} {
		var errs bytes.Buffer
		if status := run(args, brokenPipe{}, &errs); status != 2 || !strings.HasSuffix(errs.String(), "broken pipe\n") {
			t.Errorf("focal %q: status %d, stderr %q", args, status, errs.String())
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"a.npy: no such file": "a.npy: no such file",
		"Grüße.npy":           "Grüße.npy",
		"a\nb\r\x1b[31m":      `a\x0ab\x0d\x1b[31m`,
	} {
		if got := oneLine(in); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

// sameFiles fails if a directory's listing is not what it was.
func sameFiles(t *testing.T, dir string, before []string) {
	t.Helper()
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("files left behind: had %v, now %v", before, after)
	}
}

// npyBytes is a .npy file made by hand, so that it can be wrong.
func npyBytes(major byte, header string, body []byte) []byte {
	b := append([]byte("\x93NUMPY"), major, 0)
	if major == 1 {
		b = append(b, byte(len(header)), byte(len(header)>>8))
	} else {
		b = append(b, byte(len(header)), byte(len(header)>>8), 0, 0)
	}
	return append(append(b, header...), body...)
}

// dict is a .npy header as numpy.save writes it.
func dict(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }   \n", descr, fortran, shape)
}
