package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// replaceFile writes a file by way of a temporary one beside it, so that under its
// own name there is always a whole one, the old or the new. Its errors begin with path.
func replaceFile(path string, write func(io.Writer) error) error {
	real := followLinks(path)
	f, err := createBeside(real)
	if err != nil {
		return inFile(path, err)
	}
	defer os.Remove(f.Name()) // once renamed it is no longer there
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), real)
	}
	if err != nil {
		return inFile(path, err)
	}
	return nil
}

// tryCreate tells whether replaceFile could create its file.
func tryCreate(path string) error {
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	return f.Close()
}

// createBeside creates a temporary file in the directory of path. It is not
// os.CreateTemp's, which would be private: this one follows the umask.
func createBeside(path string) (*os.File, error) {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".focal-%016x.tmp", rand.Uint64()))
	return os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// followLinks returns the file that path names in the end, if it exists.
func followLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
