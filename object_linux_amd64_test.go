//go:build !purego

package focal

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A function is one of this package's assembly files as it is in this test binary.
type function struct {
	gosym.Func
	code []instruction
}

type instruction struct {
	address        uint64
	name, operands string
}

// exported reports whether Go code calls f. The names of the others have no package.
func (f *function) exported() bool { return strings.Contains(f.Name, ".") }

// wide reports whether i leaves something in the upper half of a vector register.
func (i instruction) wide() bool {
	return strings.Contains(i.operands, "%ymm") || strings.Contains(i.operands, "%zmm")
}

// target returns where a jump or a call goes, 0 if that is not in the instruction.
func (i instruction) target() uint64 {
	a, _, _ := strings.Cut(i.operands, " ")
	v, _ := strconv.ParseUint(strings.TrimPrefix(a, "0x"), 16, 64)
	return v
}

// assembly returns the functions of this package's assembly files. They are found in
// the table of the Go runtime, as tests are linked without symbols.
func assembly(t *testing.T) (functions []*function) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := f.Section(".gopclntab").Data()
	if err != nil {
		t.Fatal(err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, f.Section(".text").Addr))
	if err != nil {
		t.Fatal(err)
	}
	for _, fn := range table.Funcs {
		file, _, _ := table.PCToLine(fn.Entry)
		if _, err := os.Stat(filepath.Base(file)); err == nil && strings.HasSuffix(file, ".s") {
			functions = append(functions, &function{Func: fn})
		}
	}
	if len(functions) == 0 {
		t.Fatal("no assembly in this binary")
	}

	objdump := os.Getenv("FOCAL_TEST_OBJDUMP")
	if objdump == "" {
		if objdump, err = exec.LookPath("objdump"); err != nil {
			t.Skip("objdump of GNU binutils is not here")
		}
	}
	line := regexp.MustCompile(`^ *([0-9a-f]+):\s+(\S+)\s*(.*)`)
	for _, fn := range functions {
		out, err := exec.Command(objdump, "-d", "--no-show-raw-insn",
			fmt.Sprint("--start-address=", fn.Entry), fmt.Sprint("--stop-address=", fn.End), binary).Output()
		if err != nil {
			t.Fatal(err)
		}
		for text := range strings.Lines(string(out)) {
			if m := line.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
				address, _ := strconv.ParseUint(m[1], 16, 64)
				fn.code = append(fn.code, instruction{address, m[2], m[3]})
			}
		}
	}
	return functions
}

// TestVZEROUPPER: on every path from an instruction that uses a YMM or ZMM register to
// the RET into Go code, or the jump to another function, there is a VZEROUPPER. Without it SSE code, Go's own among
// it, is slow for a long time, with the same results.
func TestVZEROUPPER(t *testing.T) {
	functions := assembly(t)
	wide := map[uint64]bool{} // functions by entry
	for _, f := range functions {
		wide[f.Entry] = slices.ContainsFunc(f.code, instruction.wide)
	}
	checked := 0
	for _, f := range functions {
		at := map[uint64]int{}
		for n, i := range f.code {
			at[i.address] = n
		}
		const clean, dirty = 1, 2
		reached := make([]int, len(f.code)) // in which states
		work := []int{0}
		reach := func(n, state int) {
			if n < len(f.code) && reached[n]&state != state {
				reached[n] |= state
				work = append(work, n)
			}
		}
		reached[0] = clean
		for len(work) > 0 {
			n := work[len(work)-1]
			work = work[:len(work)-1]
			i, state := f.code[n], reached[n]
			switch {
			case i.name == "vzeroupper":
				state = clean
			case i.wide():
				state = dirty
			case strings.HasPrefix(i.name, "call"):
				if to := i.target(); to == 0 || wide[to] {
					state = dirty
				}
			case strings.HasPrefix(i.name, "ret"):
				checked++
				if f.exported() && state&dirty != 0 {
					t.Errorf("%s returns at %#x without VZEROUPPER", f.Name, i.address)
				}
				continue
			case strings.HasPrefix(i.name, "j"):
				to, inside := at[i.target()]
				if _, entry := wide[i.target()]; !inside && entry && i.name == "jmp" && state == clean {
					checked++ // the other function returns
					continue
				}
				if !inside {
					t.Errorf("%s jumps out at %#x: %s %s", f.Name, i.address, i.name, i.operands)
				}
				reach(to, state)
				if i.name == "jmp" {
					continue
				}
			}
			reach(n+1, state)
		}
	}
	if checked < len(functions) {
		t.Errorf("%d RET in %d functions", checked, len(functions))
	}
}

// TestNoControlWord: the kernels leave rounding, flushing and the flags of the
// floating-point unit alone.
func TestNoControlWord(t *testing.T) {
	for _, f := range assembly(t) {
		for _, i := range f.code {
			switch strings.TrimPrefix(i.name, "v") {
			case "ldmxcsr", "stmxcsr", "fldcw", "xrstor", "fxrstor":
				t.Errorf("%s at %#x: %s %s", f.Name, i.address, i.name, i.operands)
			}
		}
	}
}

// TestVectorLength: nothing needs AVX512VL, which the gate does not ask for: registers from 16 on and masks only with
// 512 bits.
func TestVectorLength(t *testing.T) {
	evex := regexp.MustCompile(`%[xy]mm(1[6-9]|2[0-9]|3[01])|%[xy]mm.*%k[0-7]|%k[0-7].*%[xy]mm`)
	for _, f := range assembly(t) {
		for _, i := range f.code {
			if evex.MatchString(i.operands) && !strings.Contains(i.operands, "%zmm") {
				t.Errorf("%s at %#x: %s %s", f.Name, i.address, i.name, i.operands)
			}
		}
	}
}
