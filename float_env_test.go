//go:build (amd64 || arm64) && !purego

package focal

import (
	"testing"

	"github.com/seed1982febc/focal/internal/fpenv"
)

// TestDigestsFlushed: the bits of the assembly kernels do not depend on what the
// floating-point unit does with subnormal numbers.
func TestDigestsFlushed(t *testing.T) {
	asm := Kernels()
	testDigests(t, asm[:len(asm)-1], fpenv.Flush)
}
