package focal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/build"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// neonText is what a disassembler says of each macro of neon_arm64.h: the words
// of the architecture manual, the operands in its order.
var neonText = map[string]string{
	"VFADD":    "fadd v{d}.4s, v{n}.4s, v{m}.4s",
	"VFADD_D2": "fadd v{d}.2d, v{n}.2d, v{m}.2d",
	"VFSUB":    "fsub v{d}.4s, v{n}.4s, v{m}.4s",
	"VFMUL":    "fmul v{d}.4s, v{n}.4s, v{m}.4s",
	"VFDIV":    "fdiv v{d}.4s, v{n}.4s, v{m}.4s",
	"VFSQRT":   "fsqrt v{d}.4s, v{n}.4s",
	"VFMLA":    "fmla v{d}.4s, v{n}.4s, v{m}.4s",
	"VFMLS":    "fmls v{d}.4s, v{n}.4s, v{m}.4s",
	"VFMAX":    "fmax v{d}.4s, v{n}.4s, v{m}.4s",
	"VFCVTL":   "fcvtl v{d}.2d, v{n}.2s",
	"VFCVTL2":  "fcvtl2 v{d}.2d, v{n}.4s",
	"VADD":     "add v{d}.4s, v{n}.4s, v{m}.4s",
	"VSUB":     "sub v{d}.4s, v{n}.4s, v{m}.4s",
	"VSMAX":    "smax v{d}.4s, v{n}.4s, v{m}.4s",
	"VSMIN":    "smin v{d}.4s, v{n}.4s, v{m}.4s",
	"VCMGT":    "cmgt v{d}.4s, v{n}.4s, v{m}.4s",
	"VCMEQ":    "cmeq v{d}.4s, v{n}.4s, v{m}.4s",
	"VFACGT":   "facgt v{d}.4s, v{n}.4s, v{m}.4s",
	"VFNEG":    "fneg v{d}.4s, v{n}.4s",
	"VFABS":    "fabs v{d}.4s, v{n}.4s",
	"VSMAXV":   "smaxv s{d}, v{n}.4s",
	"VCMLT0":   "cmlt v{d}.4s, v{n}.4s, #0",
	"VSHL":     "shl v{d}.4s, v{n}.4s, #{k}",
	"VDUP_S0":  "dup v{d}.4s, v{n}.s[0]",
	"VADD_B16": "add v{d}.16b, v{n}.16b, v{m}.16b",
	"VABS_B16": "abs v{d}.16b, v{n}.16b",
	"VMLA_B16": "mla v{d}.16b, v{n}.16b, v{m}.16b",
	"VAND":     "and v{d}.16b, v{n}.16b, v{m}.16b",
	"VORR":     "orr v{d}.16b, v{n}.16b, v{m}.16b",
	"VEOR":     "eor v{d}.16b, v{n}.16b, v{m}.16b",
	"VBSL":     "bsl v{d}.16b, v{n}.16b, v{m}.16b",
	"VBIT":     "bit v{d}.16b, v{n}.16b, v{m}.16b",
	"VTBL":     "tbl v{d}.16b, {v{n}.16b}, v{m}.16b",
	"LDRQ":     "ldr q{d}, [x{n}, #{off}]",
	"STRQ":     "str q{d}, [x{n}, #{off}]",
	"LDRS":     "ldr s{d}, [x{n}, #{off}]",
}

// TestNEONEncoding disassembles every instruction that focal_arm64.s makes with the
// macros of neon_arm64.h. The file is assembled twice: as it is, and with macros that
// leave their own number and arguments in the code; so the assembler itself tells
// which word came of which call.
func TestNEONEncoding(t *testing.T) {
	b := newAssembler(t)
	header := b.read("neon_arm64.h")
	if strings.Contains(b.read("focal_arm64.s"), "WORD") {
		t.Error("focal_arm64.s has words that are not from neon_arm64.h")
	}
	macros, marks := markedMacros(t, header)
	words, trace := b.assemble(header), b.assemble(marks)

	// One for each call.
	type instruction struct {
		call, want string
		word       uint32
	}
	var made []instruction
	used := make(map[string]bool)
	for len(words) > 0 && len(trace) > 0 {
		word := words[0]
		i := int(trace[0]) - marker
		words, trace = words[1:], trace[1:]
		if i < 0 || i >= len(macros) {
			continue // an instruction of the assembler's own
		}
		m := macros[i]
		used[m.name] = true
		want := neonText[m.name]
		var args []string
		for k, p := range m.params {
			arg := strconv.Itoa(int(int32(trace[k])) - argument)
			args = append(args, arg)
			want = strings.ReplaceAll(want, "{"+p+"}", arg)
		}
		trace = trace[len(m.params):]
		want = strings.ReplaceAll(want, ", #0]", "]")
		made = append(made, instruction{fmt.Sprintf("%s(%s)", m.name, strings.Join(args, ", ")), want, word})
	}
	if len(trace) != 0 || len(words) != 0 || len(made) == 0 {
		t.Fatalf("the two assemblies do not match: %d and %d words left after %d calls", len(words), len(trace), len(made))
	}
	for _, m := range macros {
		if !used[m.name] {
			t.Errorf("focal_arm64.s does not use %s", m.name)
		}
	}

	var code []byte
	for _, in := range made {
		code = binary.LittleEndian.AppendUint32(code, in.word)
	}
	lines := b.disassemble(code)
	if len(lines) != len(made) {
		t.Fatalf("%s gave %d lines for %d instructions", b.objdump, len(lines), len(made))
	}
	wrong := make(map[string]bool)
	for i, in := range made {
		if lines[i] != in.want && !wrong[in.call] {
			wrong[in.call] = true
			t.Errorf("%s is %08x, %q, want %q", in.call, in.word, lines[i], in.want)
		}
	}
}

// A marked macro leaves the word marker + its index, and argument + a for each argument
// a. As an instruction the former would be UDF, which is always undefined.
const marker, argument = 0x8000, 0x10000

type neonMacro struct {
	name   string
	params []string
}

// markedMacros returns the macros of a header, and a header in which they are marked.
func markedMacros(t *testing.T, header string) (macros []neonMacro, marks string) {
	t.Helper()
	for _, d := range regexp.MustCompile(`(?m)^#define (\w+)\(([^)]*)\)`).FindAllStringSubmatch(header, -1) {
		m := neonMacro{d[1], strings.Split(d[2], ", ")}
		if neonText[m.name] == "" {
			t.Errorf("neonText does not say what %s is", m.name)
		}
		marks += fmt.Sprintf("#define %s(%s) WORD $%d", m.name, d[2], marker+len(macros))
		for _, p := range m.params {
			marks += fmt.Sprintf("; WORD $(%d+(%s))", argument, p)
		}
		marks += "\n"
		macros = append(macros, m)
	}
	return macros, marks
}

// An assembler has the tools to assemble and disassemble for arm64.
type assembler struct {
	t                    *testing.T
	goTool, objdump      string
	source, include, dir string // of focal_arm64.s, of Go, and for files
}

// newAssembler skips the test if a tool is missing, and fails it if FOCAL_TEST_TOOLS is not
// empty.
func newAssembler(t *testing.T) *assembler {
	t.Helper()
	b := &assembler{t: t, dir: t.TempDir()}
	missing := t.Skip
	if os.Getenv("FOCAL_TEST_TOOLS") != "" {
		missing = t.Fatal
	}
	var err error
	if b.goTool, err = exec.LookPath("go"); err != nil {
		missing(err)
	}
	for _, name := range []string{"aarch64-linux-gnu-objdump", "objdump"} {
		if out, err := exec.Command(name, "-i").Output(); err == nil && bytes.Contains(out, []byte("aarch64")) {
			b.objdump = name
			break
		}
	}
	if b.objdump == "" {
		missing("no objdump that knows aarch64")
	}
	if b.source, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	b.include = filepath.Join(strings.TrimSpace(b.run(b.goTool, "env", "GOROOT")), "pkg", "include")
	b.write("go_asm.h", asmHeader(t, "arm64"))
	return b
}

// run runs a command in b.dir and returns what it prints.
func (b *assembler) run(name string, args ...string) string {
	b.t.Helper()
	c := exec.Command(name, args...)
	c.Dir = b.dir
	c.Env = append(os.Environ(), "GOARCH=arm64", "GOOS=linux")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", c, err, stderr.Bytes())
	}
	return string(out)
}

// read returns a file of the package.
func (b *assembler) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.source, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// write makes a file in b.dir.
func (b *assembler) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o666); err != nil {
		b.t.Fatal(err)
	}
}

// assemble returns the words of focal_arm64.s with the given neon_arm64.h, but for
// those that align.
func (b *assembler) assemble(header string) []uint32 {
	b.t.Helper()
	b.write("neon_arm64.h", header)
	b.run(b.goTool, "tool", "asm", "-p", "focal", "-I", b.dir, "-I", b.include, "-o", "focal.o", filepath.Join(b.source, "focal_arm64.s"))
	// Lines such as "  focal_arm64.s:612	0x7ac	4e20d400	FADD ...".
	line := regexp.MustCompile(`(?m)^\s*\S+:\d+\s+0x[0-9a-f]+\s+([0-9a-f]{8})\s`)
	var words []uint32
	for _, m := range line.FindAllStringSubmatch(b.run(b.goTool, "tool", "objdump", "focal.o"), -1) {
		w, err := strconv.ParseUint(m[1], 16, 32)
		if err != nil {
			b.t.Fatal(err)
		}
		const nop = 0xD503201F
		if w != 0 && w != nop {
			words = append(words, uint32(w))
		}
	}
	return words
}

// disassemble returns the text of each instruction in code.
func (b *assembler) disassemble(code []byte) []string {
	b.t.Helper()
	b.write("code", string(code))
	// Lines such as "   4:	4e20d400 	fadd	v0.4s, v0.4s, v0.4s".
	line := regexp.MustCompile(`(?m)^ *[0-9a-f]+:\t[0-9a-f]{8} *\t([^\n]*)$`)
	var text []string
	for _, m := range line.FindAllStringSubmatch(b.run(b.objdump, "-D", "-z", "-b", "binary", "-m", "aarch64", "-M", "no-aliases", "code"), -1) {
		text = append(text, strings.TrimSpace(strings.ReplaceAll(m[1], "\t", " ")))
	}
	return text
}

// asmHeader returns what the go command puts into go_asm.h for this package: the
// integer constants and the offsets of struct fields.
func asmHeader(t *testing.T, arch string) string {
	t.Helper()
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.BuildTags = "linux", arch, nil
	pkg, err := ctx.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	sizes := types.SizesFor("gc", arch)
	// No imports are needed for the constants and structs that assembly reads.
	conf := types.Config{Sizes: sizes, Error: func(error) {}, Importer: nothing{}}
	p, _ := conf.Check("focal", fset, files, nil)
	var b strings.Builder
	for _, name := range p.Scope().Names() {
		switch o := p.Scope().Lookup(name).(type) {
		case *types.Const:
			if v, ok := constant.Int64Val(constant.ToInt(o.Val())); ok {
				fmt.Fprintf(&b, "#define const_%s %d\n", name, v)
			}
		case *types.TypeName:
			if s, ok := o.Type().Underlying().(*types.Struct); ok {
				fields := make([]*types.Var, s.NumFields())
				for i := range fields {
					fields[i] = s.Field(i)
				}
				for i, offset := range sizes.Offsetsof(fields) {
					fmt.Fprintf(&b, "#define %s_%s %d\n", name, fields[i].Name(), offset)
				}
			}
		}
	}
	return b.String()
}

// nothing is an importer for code whose imports do not matter.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}
