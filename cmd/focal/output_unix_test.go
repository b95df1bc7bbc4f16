//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOutputMode: files have the mode that the umask leaves, and symbolic links stay.
func TestOutputMode(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	dir := t.TempDir()
	x := saveNpy(t, dir, "x.npy", []int{1}, []float32{1})
	y := saveNpy(t, dir, "y.npy", []int{1}, []uint8{1})
	out, plot := filepath.Join(dir, "g.npy"), filepath.Join(dir, "p.svg")
	mustRun(t, "loss", "-grad", out, x, y)
	mustRun(t, append([]string{"verify", "-gamma", "2", "-plot", plot}, sampled...)...)
	for _, p := range []string{out, plot} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v %v", p, info.Mode(), err)
		}
	}
	link := filepath.Join(dir, "link.svg")
	if err := os.Symlink(plot, link); err != nil {
		t.Fatal(err)
	}
	mustRun(t, append([]string{"verify", "-gamma", "2", "-plot", link}, sampled...)...)
	if to, err := os.Readlink(link); err != nil || to != plot {
		t.Errorf("link %q %v", to, err)
	}
}
