// Mutate breaks the library on purpose, one line at a time, and checks that the
// tests notice: go run ./tools/mutate, from the root of the module.
//
// Each mutation of mutations.txt is applied to a copy of the module, and each test that it
// names must then fail. One that does not is a hole in the net: mutate lists it and exits
// with status 1. First all these tests must pass without any mutation.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed mutations.txt
var list string

// A mutation is one change of the source, and what must notice it.
type mutation struct {
	name     string
	kernel   string   // whose code it is in; "all" for what the kernels share
	file     string   // relative to the module's root
	old, new string   // whole lines
	times    int      // that old occurs
	tests    []string // each must fail
	env      []string // of go and of the tests
	exec     []string // emulator to run the tests with
	subset   bool     // in the selection for every CI run
}

// title names m in a report.
func (m *mutation) title() string { return m.kernel + ": " + m.name }

// parse reads mutations: paragraphs of lines that begin with a key, or with - and +
// as in a diff.
func parse(text string) (mutations []mutation, err error) {
	var m mutation
	for n, line := range strings.Split(text+"\n", "\n") {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("mutations.txt:%d: %s", n+1, fmt.Sprintf(format, args...))
		}
		key, value, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "-"):
			m.old += line[1:] + "\n"
		case strings.HasPrefix(line, "+"):
			m.new += line[1:] + "\n"
		case line == "":
			if m.name == "" {
				continue
			}
			if !slices.Contains([]string{"all", "generic", "avx2", "avx512", "neon"}, m.kernel) {
				return nil, fail("mutation %q: there is no kernel %q", m.name, m.kernel)
			}
			if m.file == "" || m.old == "" || m.old == m.new || len(m.tests) == 0 {
				return nil, fail("mutation %q needs file, test and a change", m.name)
			}
			mutations = append(mutations, m)
			m = mutation{}
		case (m.name == "") != (key == "mutation"):
			return nil, fail("want a line that begins with mutation, after an empty one")
		case key == "mutation":
			m.name, m.times = value, 1
		case key == "kernel":
			m.kernel = value
		case key == "file":
			m.file = value
		case key == "times":
			if m.times, err = strconv.Atoi(value); err != nil {
				return nil, fail("%v", err)
			}
		case key == "test":
			m.tests = append(m.tests, strings.Fields(value)...)
		case key == "env":
			m.env = append(m.env, strings.Fields(value)...)
		case key == "exec":
			m.exec = strings.Fields(value)
		case key == "subset":
			m.subset = true
		default:
			return nil, fail("unknown key %q", key)
		}
	}
	return mutations, nil
}

// mutated returns the file of m, in the module at root, as m leaves it.
func (m *mutation) mutated(root string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, err
	}
	// With a line break in front, lines are found where they begin.
	text, old := "\n"+string(content), "\n"+m.old
	if n := strings.Count(text, old); n != m.times {
		return nil, fmt.Errorf("%s has the old lines %d times, not %d", m.file, n, m.times)
	}
	return []byte(strings.ReplaceAll(text, old, "\n"+m.new)[1:]), nil
}

// copyModule copies the module at root, without other modules inside it.
func copyModule(root, to string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if rel != "." && (err == nil || strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o644)
	})
}

// build builds the test program of the module at root.
func (m *mutation) build(root string) error {
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-trimpath", "-o", "mutated.test", ".")
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), m.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("does not build: %v\n%s", err, out)
	}
	return nil
}

// run runs one test of the module at root and returns its output. The error is nil if
// the test passes.
func (m *mutation) run(root, test string, env ...string) (string, error) {
	command := slices.Concat(m.exec, []string{filepath.Join(root, "mutated.test"), "-test.short", "-test.v", "-test.timeout=2m", "-test.run=^" + test + "$"})
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = root
	cmd.Env = slices.Concat(os.Environ(), m.env, env)
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		return "", fmt.Errorf("running %s: %w", test, err)
	}
	if err == nil && !strings.Contains(string(out), "--- PASS: "+test) {
		return string(out), fmt.Errorf("test %s has not run:\n%s", test, out)
	}
	return string(out), err
}

// place is what distinguishes builds and machines to run them on.
func (m *mutation) place() string { return fmt.Sprint(m.env, m.exec) }

// A control is what the tests do without a mutation.
type control struct {
	root    string
	missing map[string]bool // kernels that cannot run in this place
	passed  map[string]bool // tests
}

// check runs, without the mutation, what m will run.
func (c *control) check(m *mutation, dir, source string) error {
	if c.root == "" {
		root, err := os.MkdirTemp(dir, "control")
		if err != nil {
			return err
		}
		if err := copyModule(source, root); err != nil {
			return err
		}
		if err := m.build(root); err != nil {
			return err
		}
		*c = control{root: root, missing: map[string]bool{}, passed: map[string]bool{}}
	}
	if _, known := c.missing[m.kernel]; !known && m.kernel != "all" {
		_, err := m.run(c.root, "TestRequire", "FOCAL_TEST_REQUIRE="+m.kernel)
		c.missing[m.kernel] = err != nil
	}
	for _, test := range m.tests {
		if !c.passed[test] && !c.missing[m.kernel] {
			if out, err := m.run(c.root, test); err != nil {
				return fmt.Errorf("%s fails without any mutation: %v\n%s", test, err, out)
			}
			c.passed[test] = true
		}
	}
	return nil
}

// survived makes a copy of the module with m in it and returns the tests that do not notice.
func (m *mutation) survived(dir, source string) (tests []string, err error) {
	root, err := os.MkdirTemp(dir, "mutated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	if err := copyModule(source, root); err != nil {
		return nil, err
	}
	content, err := m.mutated(source)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(m.file)), content, 0o644); err != nil {
		return nil, err
	}
	if err := m.build(root); err != nil {
		return nil, err
	}
	for _, test := range m.tests {
		_, err := m.run(root, test)
		if err == nil {
			tests = append(tests, test)
		} else if !errors.As(err, new(*exec.ExitError)) {
			return nil, err
		}
	}
	return tests, nil
}

func main() {
	subset := flag.Bool("subset", false, "only the mutations marked subset")
	names := flag.String("run", "", "only the mutations whose kernel and name match this regular `expression`")
	flag.Parse()
	if err := run(*subset, *names); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(subset bool, names string) error {
	expression, err := regexp.Compile(names)
	if err != nil {
		return err
	}
	mutations, err := parse(list)
	if err != nil {
		return err
	}
	if _, err := os.Stat("focal.go"); err != nil {
		return errors.New("run it from the root of the module")
	}
	// Those not chosen must fit the source too, or the list would rot.
	var unfit []error
	for _, m := range mutations {
		if _, err := m.mutated("."); err != nil {
			unfit = append(unfit, fmt.Errorf("%s: %w", m.title(), err))
		}
	}
	if err := errors.Join(unfit...); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	mutations = slices.DeleteFunc(mutations, func(m mutation) bool {
		return subset && !m.subset || !expression.MatchString(m.title())
	})
	width := 0
	for _, m := range mutations {
		width = max(width, len(m.title()))
	}
	controls := map[string]*control{}
	caught, missing := 0, 0
	var survivors []string
	for _, m := range mutations {
		start := time.Now()
		c := controls[m.place()]
		if c == nil {
			c = new(control)
			controls[m.place()] = c
		}
		if err := c.check(&m, dir, "."); err != nil {
			return fmt.Errorf("%s: %w", m.title(), err)
		}
		result := "caught by " + strings.Join(m.tests, ", ")
		if c.missing[m.kernel] {
			result = "not tried: the kernel cannot run here"
			missing++
		} else if tests, err := m.survived(dir, "."); err != nil {
			return fmt.Errorf("%s: %w", m.title(), err)
		} else if len(tests) > 0 {
			result = "SURVIVED " + strings.Join(tests, ", ")
			survivors = append(survivors, m.title())
		} else {
			caught++
		}
		fmt.Printf("%-*s  %5.1f s  %s\n", width, m.title(), time.Since(start).Seconds(), result)
	}
	fmt.Printf("%d caught, %d not tried, %d survived\n", caught, missing, len(survivors))
	if len(survivors) > 0 {
		return fmt.Errorf("the tests do not notice:\n\t%s", strings.Join(survivors, "\n\t"))
	}
	return nil
}
