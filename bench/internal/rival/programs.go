package rival

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// sources are the programs of the rivals in C and in Python.
//
//go:embed child/loop.c child/driver.py
var sources embed.FS

// unpack writes a source file into a new directory and returns both.
func unpack(name string) (dir, path string, err error) {
	text, err := sources.ReadFile("child/" + name)
	if err != nil {
		return "", "", err
	}
	if dir, err = os.MkdirTemp("", "focal-rival-"); err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		os.RemoveAll(dir)
		return "", "", err
	}
	return dir, path, nil
}

// environment returns the value of a variable, or a default if it is empty.
func environment(key, otherwise string) string {
	if v := os.Getenv(key); v != "" {
		return v
	}
	return otherwise
}

// openPython starts a rival of driver.py.
func openPython(b *bench, name string, threads int) (runner, string, error) {
	python, err := exec.LookPath(environment("FOCAL_BENCH_PYTHON", "python3"))
	if err != nil {
		return nil, "", err
	}
	if python, err = filepath.Abs(python); err != nil {
		return nil, "", err
	}
	dir, driver, err := unpack("driver.py")
	if err != nil {
		return nil, "", err
	}
	limit := b.patience.ready
	if name == "torch-compiled" {
		limit = b.patience.compile
	}
	return b.startChild([]string{python, driver}, name, threads, dir, limit)
}

// openC compiles loop.c and starts it.
func openC(b *bench, name string, threads int) (runner, string, error) {
	cc, err := exec.LookPath(environment("FOCAL_BENCH_CC", "gcc"))
	if err != nil {
		return nil, "", err
	}
	dir, source, err := unpack("loop.c")
	if err != nil {
		return nil, "", err
	}
	program := filepath.Join(dir, "loop.exe")
	flags := []string{"-O3", "-march=native", "-ffast-math"}
	if err := b.compile(b.patience.compile, exec.Command(cc, append(flags, source, "-o", program, "-lm")...)); err != nil {
		os.RemoveAll(dir)
		return nil, "", err
	}
	run, about, err := b.startChild([]string{program}, name, threads, dir, b.patience.ready)
	return run, about + " " + strings.Join(flags, " "), err
}

// openGo builds the program of the module bench/rivals, once, and starts one of
// its rivals.
func openGo(b *bench, name string, threads int) (runner, string, error) {
	if b.goRivals == "" {
		return nil, "", fmt.Errorf("the directory of the module bench/rivals is not given")
	}
	if _, err := os.Stat(b.goRivals); err != nil {
		return nil, "", fmt.Errorf("%w: run this from the repository's root, where the module bench/rivals is", err)
	}
	program := filepath.Join(b.dir, "rivals.exe")
	b.build.Do(func() {
		cmd := exec.Command("go", "build", "-o", program, ".")
		cmd.Dir = b.goRivals
		cmd.Env = append(os.Environ(), "GOWORK=off")
		b.buildErr = b.compile(b.patience.build, cmd)
	})
	if b.buildErr != nil {
		return nil, "", b.buildErr
	}
	dir, err := os.MkdirTemp("", "focal-rival-")
	if err != nil {
		return nil, "", err
	}
	return b.startChild([]string{program}, name, threads, dir, b.patience.ready)
}

// compile runs a compiler for at most limit.
func (b *bench) compile(limit time.Duration, compiler *exec.Cmd) error {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, compiler.Path, compiler.Args[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = compiler.Dir, compiler.Env, time.Second
	complaints := new(tail)
	cmd.Stderr = complaints
	inGroup(cmd)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s: %w: %s", filepath.Base(compiler.Path), err, complaints.lastLine())
	}
	return nil
}
