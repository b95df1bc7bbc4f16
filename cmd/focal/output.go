package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An output is a file the user asked for by a flag.
type output struct {
	flag string
	path string // as given, for messages
	real string // with symbolic links followed: what is replaced
	tensor[float32]
}

// outputs are written together, once all of them are computed.
type outputs struct {
	inputs []string // paths, not to be overwritten
	list   []output
}

// add asks for a file at path with n elements of the given shape, and returns
// where to put them. It finds what speaks against writing path as far as that
// shows beforehand.
func (o *outputs) add(flag, path string, shape []int, n int) ([]float32, error) {
	out := output{flag: flag, path: path, real: followLinks(path)}
	if err := o.check(out); err != nil {
		return nil, inFile(path, err)
	}
	out.tensor = tensor[float32]{shape, make([]float32, n)}
	o.list = append(o.list, out)
	return out.data, nil
}

func (o *outputs) check(out output) error {
	for _, other := range o.list {
		if sameEntry(out.real, other.real) {
			return fmt.Errorf("%s and %s name the same file", other.flag, out.flag)
		}
	}
	info, err := os.Stat(out.real)
	if err != nil {
		return nil // not there yet, or out of reach: creating it will tell
	}
	for _, in := range o.inputs {
		if inInfo, err := os.Stat(in); err == nil && os.SameFile(info, inInfo) {
			return fmt.Errorf("%s would overwrite an input", out.flag)
		}
	}
	if !info.Mode().IsRegular() { // renaming onto a device would replace it
		return errNotRegular
	}
	// Renaming asks only the directory: a write-protected file must be asked itself.
	f, err := os.OpenFile(out.real, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// sameEntry tells whether two paths, which need not exist, are one entry of one
// directory. Letter case is no difference: on some file systems it is none.
func sameEntry(a, b string) bool {
	if !strings.EqualFold(filepath.Base(a), filepath.Base(b)) {
		return false
	}
	dirA, errA := os.Stat(filepath.Dir(a))
	dirB, errB := os.Stat(filepath.Dir(b))
	if errA != nil || errB != nil {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	return os.SameFile(dirA, dirB)
}

// write writes every output to a temporary file beside its target, then
// renames them all: a file under its final name is always complete.
func (o *outputs) write() error {
	var temps []string
	defer func() {
		for _, t := range temps {
			os.Remove(t) // those renamed are no longer there
		}
	}()
	for _, out := range o.list {
		f, err := createBeside(out.real)
		if err != nil {
			return inFile(out.path, err)
		}
		temps = append(temps, f.Name())
		err = writeNpy(f, out.tensor)
		if err == nil {
			err = f.Sync()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return inFile(out.path, err)
		}
	}
	for i, out := range o.list {
		if err := os.Rename(temps[i], out.real); err != nil {
			return inFile(out.path, err)
		}
	}
	return nil
}
