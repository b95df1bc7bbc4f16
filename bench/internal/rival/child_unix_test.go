//go:build unix

package rival

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

// gone reports whether a process has ended. Ours must have been waited for; a
// child's child is waited for by the system, which may take its time.
func gone(pid int, ours bool) bool {
	for range 100 {
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return true
		}
		if ours {
			return false
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(stat, []byte(") Z ")) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}
