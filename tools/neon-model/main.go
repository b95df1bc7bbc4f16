// Neon-model estimates the speed of the NEON kernel on CPUs that need not be at
// hand. It takes the loops of focal_arm64.s out of a test binary built for arm64
// and gives them to llvm-mca, a static model: no caches, no branch prediction, and
// only what LLVM knows of a CPU's pipes.
//
//	go run ./tools/neon-model
//
// It needs llvm-mc and llvm-mca of LLVM 17 or newer.
package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

const (
	library    = "github.com/seed1982febc/focal"
	groupSteps = 4 // a step is 16 cells; some code runs only in the last step of a group
	groupCells = 64
)

// The loops, by their names in focal_arm64.s.
var loops = []struct {
	name, op string
	gamma    float64
}{
	{"wide0Sum", "Sum", 0},
	{"wide0Grad", "SumGrad", 0},
	{"wide1Sum", "Sum", 1},
	{"wide1Grad", "SumGrad", 1},
	{"plain2Sum", "Sum", 2},
	{"plain2Grad", "SumGrad", 2},
	{"wideAnySum", "Sum", 2.3},
	{"wideAnyGrad", "SumGrad", 2.3},
}

// The cores, by LLVM's names.
var cores = []struct{ cpu, name string }{
	{"neoverse-n1", "Neoverse N1"},
	{"neoverse-v2", "Neoverse V2"},
	{"apple-m1", "Apple M1, as Cyclone"},
}

// A model is what "bench report" reads.
type model struct {
	Title string `json:"title"`
	How   string `json:"how"`
	Rows  []row  `json:"rows"`
}

type row struct {
	Core             string  `json:"core"`
	Kernel           string  `json:"kernel"`
	Op               string  `json:"op"`
	Gamma            float64 `json:"gamma"`
	CyclesPerElement float64 `json:"cycles_per_element"`
	Limit            string  `json:"limit"`

	bound        float64 // cycles per element that the ports, or dispatch, allow
	instructions float64 // per element
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "neon-model:", err)
		os.Exit(1)
	}
}

func run() error {
	out := flag.String("json", "", "also write the results to this `file`")
	limit := flag.Float64("limit", 0, "fail if a loop of gamma 2 takes more than this many `times` the bound on Neoverse V2")
	trace := flag.String("trace", "", "print what one group of this `loop` executes, and no results")
	flag.Parse()

	suffix, version, err := llvm()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "neon-model")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "focal.test")
	build := exec.Command("go", "test", "-c", "-o", binary, library)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if _, err := output(build); err != nil {
		return err
	}
	group := func(loop string) ([]string, error) {
		code, err := function(binary, loop)
		if err != nil {
			return nil, err
		}
		asm, err := disassemble("llvm-mc"+suffix, code)
		if err != nil {
			return nil, err
		}
		return groupOf(asm)
	}
	if *trace != "" {
		asm, err := group(*trace)
		if err != nil {
			return err
		}
		fmt.Println(strings.Join(asm, "\n"))
		return nil
	}

	m := model{
		Title: "NEON kernel, static model",
		How: "llvm-mca " + version + " on the loops of the built kernel: no caches, no mispredicted branches, and of a core " +
			"what LLVM knows. For Apple M1 that is Cyclone, a core of 2013 whose divisions are taken to cost nothing.",
	}
	for _, core := range cores {
		for _, l := range loops {
			asm, err := group(l.name)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			r, err := analyse("llvm-mca"+suffix, core.cpu, asm)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", l.name, core.name, err)
			}
			r.Core, r.Kernel, r.Op, r.Gamma = core.name, "neon", l.op, l.gamma
			m.Rows = append(m.Rows, r)
		}
	}
	m.print()
	if *out != "" {
		b, err := json.MarshalIndent(m, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*out, append(b, '\n'), 0o666); err != nil {
			return err
		}
	}
	for _, r := range m.Rows {
		if times := r.CyclesPerElement / r.bound; *limit > 0 && r.Core == "Neoverse V2" && r.Gamma == 2 && times > *limit {
			return fmt.Errorf("%s at gamma 2 takes %.2f times the bound on %s, more than %v", r.Op, times, r.Core, *limit)
		}
	}
	return nil
}

func (m model) print() {
	fmt.Println(m.How)
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "core\t\tgamma\tinstructions/cell\tcycles/cell\tbound\tratio\tof\t")
	for _, r := range m.Rows {
		fmt.Fprintf(w, "%s\t%s\t%v\t%.1f\t%.2f\t%.2f\t%.2f\t%s\t\n", r.Core, r.Op, r.Gamma, r.instructions, r.CyclesPerElement, r.bound, r.CyclesPerElement/r.bound, r.Limit)
	}
	w.Flush()
}

// output runs a command and returns what it prints.
func output(c *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	c.Stderr = &stderr
	b, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, stderr.Bytes())
	}
	return b, nil
}

// llvm returns the suffix of the newest LLVM tools, such as "-19", or "", and their
// version.
func llvm() (suffix, version string, err error) {
	const oldest = 17
	for v := 40; v >= oldest; v-- {
		if _, err := exec.LookPath(fmt.Sprintf("llvm-mca-%d", v)); err == nil {
			suffix = fmt.Sprintf("-%d", v)
			break
		}
	}
	b, err := output(exec.Command("llvm-mca"+suffix, "--version"))
	if err != nil {
		return "", "", err
	}
	_, version, _ = strings.Cut(string(b), "version ")
	version, _, _ = strings.Cut(version, "\n")
	major, _, _ := strings.Cut(version, ".")
	if v, err := strconv.Atoi(major); err != nil || v < oldest {
		return "", "", fmt.Errorf("llvm-mca is of LLVM %q, and it takes %d", version, oldest)
	}
	return suffix, version, nil
}

// function returns the machine code of a function.
func function(file, name string) ([]byte, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		if s.Name == name || s.Name == library+"."+name {
			text := f.Sections[s.Section]
			code := make([]byte, s.Size)
			_, err := text.ReadAt(code, int64(s.Value-text.Addr))
			return code, err
		}
	}
	return nil, fmt.Errorf("no function %s in the arm64 build", name)
}

// disassemble returns one line per instruction.
func disassemble(mc string, code []byte) ([]string, error) {
	var in strings.Builder
	for _, b := range code {
		fmt.Fprintf(&in, "%#02x\n", b)
	}
	c := exec.Command(mc, "-triple=aarch64", "-disassemble")
	c.Stdin = strings.NewReader(in.String())
	b, err := output(c)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), ".") })
	if len(lines) != len(code)/4 {
		return nil, fmt.Errorf("%d instructions in %d bytes", len(lines), len(code))
	}
	return lines, nil
}

// jump returns where the instruction at index i may branch to.
func jump(asm []string, i int) (to int, ok bool) {
	f := strings.Fields(strings.ReplaceAll(asm[i], ",", " "))
	switch {
	case f[0] == "b", strings.HasPrefix(f[0], "b."), f[0] == "cbz", f[0] == "cbnz", f[0] == "tbz", f[0] == "tbnz":
		offset, err := strconv.Atoi(strings.TrimPrefix(f[len(f)-1], "#"))
		return i + offset/4, err == nil
	}
	return 0, false
}

// groupOf returns the instructions of one group of cells: the loop that the last
// backward branch before a return closes, once for every step. What a b.ne inside the loop skips runs in
// the last step only: the end of a group. What another forward branch skips never runs: it is for
// results that may be tiny.
func groupOf(asm []string) ([]string, error) {
	first, last := 0, -1
	for i := range asm {
		if strings.TrimSpace(asm[i]) == "ret" {
			break
		}
		if to, ok := jump(asm, i); ok && to <= i {
			first, last = to, i
		}
	}
	if last < 0 {
		return nil, errors.New("no loop")
	}
	var group []string
	for step := range groupSteps {
		for i := first; i <= last; i++ {
			group = append(group, asm[i])
			to, ok := jump(asm, i)
			ends := strings.HasPrefix(asm[i], "b.ne") && step == groupSteps-1
			if ok && to > i && to <= last && !ends {
				i = to - 1
			}
		}
	}
	return group, nil
}

// region is what llvm-mca says about one piece of code.
type region struct {
	ResourcePressureView struct {
		ResourcePressureInfo []struct {
			InstructionIndex, ResourceIndex int
			ResourceUsage                   float64
		}
	}
	SummaryView struct {
		DispatchWidth, TotaluOps, TotalCycles int
	}
}

// mca runs llvm-mca and returns its result and the names of the CPU's resources.
func mca(tool, cpu string, asm []string, args ...string) (region, []string, error) {
	c := exec.Command(tool, append(args, "-mtriple=aarch64", "-mcpu="+cpu, "-json")...)
	c.Stdin = strings.NewReader(strings.Join(asm, "\n") + "\n")
	b, err := output(c)
	if err != nil {
		return region{}, nil, err
	}
	var r struct {
		CodeRegions []region
		TargetInfo  struct{ Resources []string }
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return region{}, nil, err
	}
	if len(r.CodeRegions) != 1 {
		return region{}, nil, fmt.Errorf("%s: %d regions", tool, len(r.CodeRegions))
	}
	// Units of one resource are numbered by a character: U+0000 and on.
	names := r.TargetInfo.Resources
	for i, name := range names {
		names[i] = strings.Map(func(c rune) rune {
			if c < 10 {
				return '0' + c
			}
			return c
		}, name)
		// What precedes "Unit" names the core.
		if _, unit, ok := strings.Cut(names[i], "Unit"); ok {
			names[i] = unit
		}
	}
	return r.CodeRegions[0], names, nil
}

// analyse returns what llvm-mca says about a group of cells on a core.
func analyse(tool, cpu string, group []string) (row, error) {
	// The difference of two runs is free of their start and end.
	var cycles [2]int
	const few, many = 20, 120
	for i, n := range []int{few, many} {
		r, _, err := mca(tool, cpu, group, "-iterations="+strconv.Itoa(n))
		if err != nil {
			return row{}, err
		}
		cycles[i] = r.SummaryView.TotalCycles
	}
	once, _, err := mca(tool, cpu, group, "-iterations=1")
	if err != nil {
		return row{}, err
	}
	tables, resources, err := mca(tool, cpu, group, "-instruction-tables")
	if err != nil {
		return row{}, err
	}
	bound, ports := portBound(tables, resources, len(group))
	limit := fmt.Sprintf("ports %s", ports)
	if d := float64(once.SummaryView.TotaluOps) / float64(once.SummaryView.DispatchWidth); d > bound {
		bound, limit = d, "dispatch"
	}
	return row{
		CyclesPerElement: float64(cycles[1]-cycles[0]) / (many - few) / groupCells,
		Limit:            limit,
		bound:            bound / groupCells,
		instructions:     float64(len(group)) / groupCells,
	}, nil
}

// portBound returns the least number of cycles in which the CPU's ports can do n
// instructions, however they are scheduled, and the ports that set it. For
// any set of ports, the work that no other port can do takes at least its amount
// divided by their number. Ports compete if they are of one kind, the letters of
// their names.
func portBound(r region, resources []string, n int) (float64, string) {
	kind := func(i int) string { return strings.TrimRight(resources[i], "0123456789.") }
	type use struct {
		ports uint64
		work  float64
	}
	uses := make(map[string]map[int]*use) // by kind and instruction
	ports := make(map[string]uint64)
	for _, p := range r.ResourcePressureView.ResourcePressureInfo {
		if p.InstructionIndex >= n { // the totals
			continue
		}
		k := kind(p.ResourceIndex)
		if uses[k] == nil {
			uses[k] = make(map[int]*use)
		}
		if uses[k][p.InstructionIndex] == nil {
			uses[k][p.InstructionIndex] = new(use)
		}
		u := uses[k][p.InstructionIndex]
		u.ports |= 1 << p.ResourceIndex
		u.work += p.ResourceUsage
		ports[k] |= 1 << p.ResourceIndex
	}
	bound, by := 0.0, ""
	for k, all := range ports {
		for set := all; set != 0; set = (set - 1) & all {
			work := 0.0
			for _, u := range uses[k] {
				if u.ports&^set == 0 {
					work += u.work
				}
			}
			count, names := 0, []string{}
			for i := range resources {
				if set>>i&1 != 0 {
					count++
					names = append(names, resources[i])
				}
			}
			if b := work / float64(count); b > bound {
				bound, by = b, strings.Join(names, "+")
			}
		}
	}
	return bound, by
}
