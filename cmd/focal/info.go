package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/seed1982febc/focal"
	"golang.org/x/sys/cpu"
)

const infoUsage = `usage: focal info

Prints the CPU, the kernels it can run, the one that is chosen, and why each
other one is not.
`

func runInfo(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("info", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return fmt.Errorf("want no arguments, got %q", flags.Args())
	}

	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-9s %s\n", name, value) }
	c := cpuid.CPU
	line("CPU", orUnknown(c.BrandName))
	line("caches", fmt.Sprintf("L1d %s, L1i %s, L2 %s, L3 %s",
		bytesOf(c.Cache.L1D), bytesOf(c.Cache.L1I), bytesOf(c.Cache.L2), bytesOf(c.Cache.L3)))
	line("features", orUnknown(strings.Join(c.FeatureSet(), " ")))
	line("build", fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH))
	m := thisMachine()
	var runnable []string
	for _, k := range m.runnable {
		runnable = append(runnable, string(k))
	}
	line("kernels", strings.Join(runnable, ", "))
	for _, k := range kernels {
		line(string(k.name), m.verdict(k))
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// bytesOf spells a cache size as cpuid reports it: -1 or 0 if it could not tell.
func bytesOf(n int) string {
	switch {
	case n <= 0:
		return "unknown"
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d KiB", n>>10)
	}
}

// A feature is a part of an instruction set that a kernel needs. It is looked
// up twice: in the CPU, and as golang.org/x/sys/cpu reports it to the library,
// where GODEBUG can switch it off.
type feature struct {
	name    string
	id      cpuid.FeatureID
	enabled *bool
}

// A kernel is one of the library, for this architecture or another.
type kernel struct {
	name  focal.Kernel
	arch  string // the only GOARCH it exists for; "": every one
	needs []feature
}

// kernels are in the library's order of preference.
var kernels = []kernel{
	{"avx512", "amd64", []feature{
		{"AVX512F", cpuid.AVX512F, &cpu.X86.HasAVX512F},
		{"AVX512BW", cpuid.AVX512BW, &cpu.X86.HasAVX512BW},
		{"AVX2", cpuid.AVX2, &cpu.X86.HasAVX2},
		{"FMA", cpuid.FMA3, &cpu.X86.HasFMA},
	}},
	{"avx2", "amd64", []feature{
		{"AVX2", cpuid.AVX2, &cpu.X86.HasAVX2},
		{"FMA", cpuid.FMA3, &cpu.X86.HasFMA},
	}},
	{"neon", "arm64", nil}, // Go itself needs NEON on arm64
	{"generic", "", nil},
}

// A machine is what decides which kernels run.
type machine struct {
	arch     string
	purego   bool
	runnable []focal.Kernel // focal.Kernels()
	inCPU    func(feature) bool
	enabled  func(feature) bool
}

func thisMachine() machine {
	return machine{
		arch:     runtime.GOARCH,
		purego:   purego,
		runnable: focal.Kernels(),
		inCPU:    func(f feature) bool { return cpuid.CPU.Has(f.id) },
		enabled:  func(f feature) bool { return *f.enabled },
	}
}

// verdict says whether k is the kernel that runs by default, and if not, why.
func (m machine) verdict(k kernel) string {
	switch i := slices.Index(m.runnable, k.name); {
	case i == 0:
		return "chosen"
	case i > 0:
		return fmt.Sprintf("not chosen: less preferred than %s", m.runnable[0])
	case k.arch != "" && k.arch != m.arch:
		return fmt.Sprintf("not run: needs %s, this is %s", k.arch, m.arch)
	case m.purego:
		return "not run: built with -tags purego"
	}
	var lacks, off []string
	for _, f := range k.needs {
		if !m.inCPU(f) {
			lacks = append(lacks, f.name)
		} else if !m.enabled(f) {
			off = append(off, f.name)
		}
	}
	switch {
	case len(lacks) > 0:
		return "not run: CPU lacks " + strings.Join(lacks, ", ")
	case len(off) > 0:
		return fmt.Sprintf("not run: %s switched off, by GODEBUG or the operating system", strings.Join(off, ", "))
	}
	return "not run: not in this build"
}
