package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed1982febc/focal"
)

func TestVerdict(t *testing.T) {
	amd64 := func(features string, off string, runnable ...focal.Kernel) machine {
		return machine{
			arch:     "amd64",
			runnable: runnable,
			inCPU:    func(f feature) bool { return slices.Contains(strings.Fields(features), f.name) },
			enabled:  func(f feature) bool { return !slices.Contains(strings.Fields(off), f.name) },
		}
	}
	const avx512 = "AVX2 FMA AVX512F AVX512BW"
	pure := amd64(avx512, "", "generic")
	pure.purego = true
	arm := machine{arch: "arm64", runnable: []focal.Kernel{"generic"}}
	armNEON := machine{arch: "arm64", runnable: []focal.Kernel{"neon", "generic"}}
	for _, c := range []struct {
		name string
		m    machine
		want [4]string // avx512, avx2, neon, generic
	}{
		{"Zen 4", amd64(avx512, "", "avx512", "avx2", "generic"),
			[4]string{"chosen", "not chosen: less preferred than avx512", "not run: needs arm64, this is amd64", "not chosen: less preferred than avx512"}},
		{"Zen 3", amd64("AVX2 FMA", "", "avx2", "generic"),
			[4]string{"not run: CPU lacks AVX512F, AVX512BW", "chosen", "not run: needs arm64, this is amd64", "not chosen: less preferred than avx2"}},
		{"no FMA", amd64("AVX2", "FMA", "generic"),
			[4]string{"not run: CPU lacks AVX512F, AVX512BW, FMA", "not run: CPU lacks FMA", "not run: needs arm64, this is amd64", "chosen"}},
		{"GODEBUG=cpu.avx2=off", amd64("AVX2 FMA", "AVX2", "generic"),
			[4]string{"not run: CPU lacks AVX512F, AVX512BW", "not run: AVX2 switched off, by GODEBUG or the operating system", "not run: needs arm64, this is amd64", "chosen"}},
		{"purego", pure,
			[4]string{"not run: built with -tags purego", "not run: built with -tags purego", "not run: needs arm64, this is amd64", "chosen"}},
		{"arm64 without it", arm,
			[4]string{"not run: needs amd64, this is arm64", "not run: needs amd64, this is arm64", "not run: not in this build", "chosen"}},
		{"arm64", armNEON,
			[4]string{"not run: needs amd64, this is arm64", "not run: needs amd64, this is arm64", "chosen", "not chosen: less preferred than neon"}},
	} {
		for i, k := range kernels {
			if got := c.m.verdict(k); got != c.want[i] {
				t.Errorf("%s, %s: %q, want %q", c.name, k.name, got, c.want[i])
			}
		}
	}
}

// What info says of this machine must be what the library does on it.
func TestInfo(t *testing.T) {
	lines := map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(mustRun(t, "info"), "\n"), "\n") {
		name, value, _ := strings.Cut(line, " ")
		lines[name] = strings.TrimSpace(value)
	}
	for _, name := range []string{"CPU", "caches", "features", "build"} {
		if lines[name] == "" {
			t.Errorf("info has no line %s: %q", name, lines)
		}
	}
	var known, runnable []string
	for _, k := range kernels {
		known = append(known, string(k.name))
		if lines[string(k.name)] == "" {
			t.Errorf("info has no line %s", k.name)
		}
	}
	for i, k := range focal.Kernels() {
		runnable = append(runnable, string(k))
		if !slices.Contains(known, string(k)) {
			t.Errorf("info does not know kernel %s", k)
		}
		if chosen := lines[string(k)] == "chosen"; chosen != (i == 0) {
			t.Errorf("info says of %s: %s", k, lines[string(k)])
		}
	}
	if want := strings.Join(runnable, ", "); lines["kernels"] != want {
		t.Errorf("kernels %q, want %q", lines["kernels"], want)
	}
	loss, err := focal.New(0.25, 2)
	if err != nil {
		t.Fatal(err)
	}
	if k := loss.Kernel(); lines[string(k)] != "chosen" {
		t.Errorf("the default kernel is %s; info says %q", k, lines[string(k)])
	}
}

func TestBytesOf(t *testing.T) {
	for n, want := range map[int]string{-1: "unknown", 0: "unknown", 48 << 10: "48 KiB", 32 << 20: "32 MiB", 1280 << 10: "1280 KiB"} {
		if got := bytesOf(n); got != want {
			t.Errorf("bytesOf(%d) = %q, want %q", n, got, want)
		}
	}
}
