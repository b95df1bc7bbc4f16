//go:build !purego

package focal

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// needs are the features each kernel uses, as GODEBUG names them.
var needs = map[Kernel][]string{
	kernelAVX512: {"avx512f", "avx512bw", "avx2", "fma"},
	kernelAVX2:   {"avx2", "fma"},
}

// TestGate: a kernel is not offered where any one of the features it uses is missing.
// The test runs itself again without the feature.
func TestGate(t *testing.T) {
	const env = "FOCAL_TEST_GATE"
	if os.Getenv(env) != "" {
		os.Stdout.WriteString(env)
		for _, k := range Kernels() {
			os.Stdout.WriteString("," + string(k))
		}
		os.Exit(0)
	}
	for _, k := range Kernels() {
		if k != kernelGeneric && len(needs[k]) == 0 {
			t.Errorf("kernel %s: what it needs is not listed", k)
		}
		for _, feature := range needs[k] {
			cmd := exec.Command(os.Args[0], "-test.run=^TestGate$")
			cmd.Env = append(os.Environ(), env+"=1", "GODEBUG=cpu."+feature+"=off")
			out, err := cmd.Output()
			kernels := strings.Split(string(out), ",")
			if err != nil || kernels[0] != env || kernels[len(kernels)-1] != string(kernelGeneric) {
				t.Fatalf("without %s: %q, %v", feature, out, err)
			}
			if slices.Contains(kernels, string(k)) {
				t.Errorf("kernel %s is offered without %s", k, feature)
			}
		}
	}
}
