//go:build unix

package rival

import (
	"os/exec"
	"syscall"
)

// inGroup puts cmd and the processes that it starts in a process group, and lets
// the end of its context kill them all.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
