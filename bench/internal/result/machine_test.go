package result

import (
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/cpuid/v2"
)

func TestCPUName(t *testing.T) {
	for want, c := range map[string]cpuid.CPUInfo{
		"A CPU @ 3 GHz":           {BrandName: " A CPU @ 3 GHz "},
		"Arm Limited, part 0xd4f": {VendorString: "Arm Limited", Model: 0xd4f1},
		"":                        {},
	} {
		if got := cpuName(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The commit is not that of another repository that the program runs in.
func TestCommit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	here := commit()
	t.Chdir(t.TempDir())
	for _, args := range []string{"init -q", "-c user.name=a -c user.email=a@b.c commit -q --allow-empty -m other"} {
		if out, err := exec.Command("git", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	if got := commit(); got != here {
		t.Errorf("in another repository the commit is %q, want %q", got, here)
	}
}

func TestCacheSizes(t *testing.T) {
	sys := fstest.MapFS{}
	for dir, files := range map[string][3]string{
		"index0": {"1", "Data", "64K"}, "index1": {"1", "Instruction", "48K"}, "index2": {"2", "Unified", "1024K"}, "index3": {"3", "Unified", "32768K"},
		"index4": {"4", "Unified", "?"},
	} {
		for i, name := range []string{"level", "type", "size"} {
			sys[dir+"/"+name] = &fstest.MapFile{Data: []byte(files[i] + "\n")}
		}
	}
	var silent, tells cpuid.CPUInfo
	silent.Cache.L1D, silent.Cache.L2, silent.Cache.L3 = -1, -1, -1
	tells.Cache.L1D, tells.Cache.L2, tells.Cache.L3 = 32<<10, 512<<10, -1
	if got, want := cacheSizes(silent, sys), (Caches{64 << 10, 1 << 20, 32 << 20}); got != want {
		t.Errorf("from the system: %+v, want %+v", got, want)
	}
	if got, want := cacheSizes(tells, sys), (Caches{32 << 10, 512 << 10, 0}); got != want {
		t.Errorf("from the CPU: %+v, want %+v", got, want)
	}
	if got := cacheSizes(silent, fstest.MapFS{}); got != (Caches{}) {
		t.Errorf("from nowhere: %+v", got)
	}
}
