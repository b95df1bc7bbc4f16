package result

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/seed1982febc/focal"
)

// A Machine is what a result was measured on.
type Machine struct {
	Name     string         `json:"name,omitempty"` // that the user gave it
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
		CPU:      cpuName(c),
		Cores:    runtime.GOMAXPROCS(0),
		Caches:   cacheSizes(c, os.DirFS("/sys/devices/system/cpu/cpu0/cache")),
		Features: c.FeatureSet(),
		OS:       runtime.GOOS,
		Arch:     runtime.GOARCH,
		Kernels:  focal.Kernels(),
		Go:       runtime.Version(),
		Commit:   commit(),
	}
}

// cpuName returns the name that the CPU has for itself, or what else identifies
// it, or "". Arm's cores under Linux have a part number only.
func cpuName(c cpuid.CPUInfo) string {
	name := strings.TrimSpace(c.BrandName)
	if name == "" && c.VendorString != "" {
		name = fmt.Sprintf("%s, part %#x", c.VendorString, c.Model>>4&0xFFF)
	}
	return name
}

// cacheSizes returns what the CPU tells of its caches, or what Linux tells in the
// directory sys.
func cacheSizes(c cpuid.CPUInfo, sys fs.FS) Caches {
	sizes := Caches{L1D: max(0, c.Cache.L1D), L2: max(0, c.Cache.L2), L3: max(0, c.Cache.L3)}
	if sizes != (Caches{}) {
		return sizes
	}
	dirs, err := fs.Glob(sys, "index*")
	if err != nil {
		return sizes
	}
	for _, dir := range dirs {
		read := func(file string) string {
			text, _ := fs.ReadFile(sys, path.Join(dir, file)) // without it: no size, below
			return strings.TrimSpace(string(text))
		}
		kib, err := strconv.Atoi(strings.TrimSuffix(read("size"), "K"))
		if err != nil {
			continue
		}
		switch read("level") + " " + read("type") {
		case "1 Data", "1 Unified":
			sizes.L1D = kib << 10
		case "2 Unified":
			sizes.L2 = kib << 10
		case "3 Unified":
			sizes.L3 = kib << 10
		}
	}
	return sizes
}

// commit returns the revision of this program, with "+dirty" if its tree had
// changes: the build's stamp, or its version, or what git says of the directory
// that this file was compiled from, for `go run` stamps nothing.
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
	_, source, _, _ := runtime.Caller(0)
	git := func(args ...string) ([]byte, error) {
		return exec.Command("git", append([]string{"-C", filepath.Dir(source)}, args...)...).Output()
	}
	revision, err := git("rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	changes, err := git("status", "--porcelain", "--untracked-files=no")
	return strings.TrimSpace(string(revision)) + dirty(err == nil && len(changes) > 0)
}

func dirty(is bool) string {
	if is {
		return "+dirty"
	}
	return ""
}
