//go:build !unix

package rival

import "os/exec"

// inGroup does nothing here: the end of cmd's context kills cmd alone.
func inGroup(cmd *exec.Cmd) {}
