package result

import (
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/seed1982febc/focal"
)

// A Machine is what a result was measured on.
type Machine struct {
	CPU      string         `json:"cpu"`
	Cores    int            `json:"cores"`  // logical CPUs this process may use
	Caches   Caches         `json:"caches"` // of one core, as the CPU reports them
	Features []string       `json:"features"`
	OS       string         `json:"os"`
	Arch     string         `json:"arch"`
	Kernels  []focal.Kernel `json:"kernels"` // that can run here, the default first
	Go       string         `json:"go"`
	Commit   string         `json:"commit"` // "" when it is not known
}

// Caches are sizes in bytes; 0 when the CPU does not tell.
type Caches struct {
	L1D int `json:"l1d"`
	L2  int `json:"l2"`
	L3  int `json:"l3"`
}

// ThisMachine describes the CPU, the system and the build.
func ThisMachine() Machine {
	c := cpuid.CPU
	return Machine{
		CPU:      strings.TrimSpace(c.BrandName),
		Cores:    runtime.GOMAXPROCS(0),
		Caches:   Caches{L1D: max(0, c.Cache.L1D), L2: max(0, c.Cache.L2), L3: max(0, c.Cache.L3)},
		Features: c.FeatureSet(),
		OS:       runtime.GOOS,
		Arch:     runtime.GOARCH,
		Kernels:  focal.Kernels(),
		Go:       runtime.Version(),
		Commit:   commit(),
	}
}

// commit returns the revision of this program, with "+dirty" if its tree had
// changes: the build's stamp, or its version, or what git says of the current
// directory, for `go run` stamps nothing.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		settings := make(map[string]string)
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if revision := settings["vcs.revision"]; revision != "" {
			return revision + dirty(settings["vcs.modified"] == "true")
		}
		if v := info.Main.Version; v != "" && v != "(devel)" {
			return v
		}
	}
	revision, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return ""
	}
	changes, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	return strings.TrimSpace(string(revision)) + dirty(err == nil && len(changes) > 0)
}

func dirty(is bool) string {
	if is {
		return "+dirty"
	}
	return ""
}
