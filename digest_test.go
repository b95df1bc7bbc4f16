package focal

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the digests in testdata with what the generic kernel gives")

// A digestSet is a fixed input. The digests of what each kernel makes of it are in
// file, one line for each form and operation.
type digestSet struct {
	file     string
	stride   uint64 // through all float32 bit patterns
	ordinary int    // thousands of logits as detectors produce them
}

var (
	digestsFull  = digestSet{"testdata/digests.txt", 4099, 200}
	digestsShort = digestSet{"testdata/digests_short.txt", 1_048_573, 20} // for -short and emulators
)

// A digestCall is the input of one call.
type digestCall struct {
	logits  []float32
	labels  []uint8
	shift   int // elements by which the output is off its alignment
	scale   float32
	workers int
}

const longestDigestCall = 20_000

// A digestInput makes the calls of a set. It uses integer arithmetic alone, so that
// they are the same with every compiler and on every CPU.
type digestInput struct {
	pcg   *rand.PCG
	calls []digestCall
}

// calls makes the input: first logits around each change of the exponent with each
// label, then all of the stride as negatives, then as positives, and then what
// detectors produce, with some strays. Logits that an assembly kernel leaves to the
// oracle, with all that follow in their group, come together or rarely.
func (s digestSet) calls() []digestCall {
	in := digestInput{pcg: rand.NewPCG(81, 82)}
	var x []float32
	var y []uint8
	for _, high := range []uint32{0, 1 << 31} {
		for exponent := range uint32(256) {
			for _, fraction := range []uint32{0, 1, 2, 0x1FF, 0x200, 0x400000, 0x400001, 0x7FFFFE, 0x7FFFFF} {
				v := math.Float32frombits(high | exponent<<23 | fraction)
				x = append(x, v, v, v)
				y = append(y, Negative, Positive, Ignore)
			}
		}
	}
	in.cut(x, y)
	for _, label := range []uint8{Negative, Positive} {
		x, y = nil, nil
		for i := uint64(0); i < 1<<32; i += s.stride {
			x = append(x, math.Float32frombits(uint32(i)))
			y = append(y, label)
		}
		in.cut(x, y)
	}
	for range s.ordinary {
		x, y = nil, nil
		strays := in.below(3) * 10 // in a thousand
		for range 1000 {
			// Up to a half, 1, 2 ... or 128 in magnitude.
			v := float32(in.below(1<<24)-1<<23) / float32(int(1<<16)<<in.below(9))
			if in.below(1000) < strays {
				v = math.Float32frombits(uint32(in.pcg.Uint64()))
			}
			x = append(x, v)
			y = append(y, [...]uint8{Negative, Negative, Positive, Ignore}[in.below(4)])
		}
		in.cut(x, y)
	}
	return in.calls
}

func (in *digestInput) below(n int) int { return int(in.pcg.Uint64() % uint64(n)) }

// cut makes calls of x and y, of random lengths, alignments, scales and numbers of workers.
func (in *digestInput) cut(x []float32, y []uint8) {
	for len(x) > 0 {
		n := in.below([...]int{300, 300, 300, 3000, longestDigestCall + 1}[in.below(5)])
		n = min(n, len(x))
		in.calls = append(in.calls, digestCall{
			logits:  shifted(x[:n], in.below(16)),
			labels:  shifted(y[:n], in.below(64)),
			shift:   in.below(16),
			scale:   [...]float32{1, -0.5, 1e-3, 0x1p60, 0x1p-60}[in.below(5)],
			workers: 1 + 2*in.below(2),
		})
		x, y = x[n:], y[n:]
	}
}

var digestOps = []string{"Sum", "SumGrad", "Each"}

// do makes call c and returns what it returned and wrote. buf holds the output.
func (f digestForm) do(t testing.TB, k Kernel, op string, c *digestCall, buf []float32) (s Stats, out []float32) {
	l := must(t, 0.25, f.gamma, WithClip(f.clip), WithKernel(k), WithWorkers(c.workers))
	out = buf[c.shift:][:len(c.logits)]
	var err error
	switch op {
	case "Sum":
		out = nil
		s, err = l.Sum(c.logits, c.labels)
	case "SumGrad":
		s, err = l.SumGrad(out, c.logits, c.labels, c.scale)
	case "Each":
		err = l.Each(out, c.logits, c.labels)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

// A digestForm is what a Loss is made from.
type digestForm struct{ gamma, clip float32 }

var digestForms = func() (forms []digestForm) {
	for _, gamma := range []float32{0, 0.5, 1, 1.5, 2, 2.3, 3, 4, 7} {
		forms = append(forms, digestForm{gamma, 0}, digestForm{gamma, 1e-7})
	}
	return forms
}()

// line begins the line of a digest.
func (f digestForm) line(op string) string {
	return fmt.Sprintf("gamma %v clip %v %s ", f.gamma, f.clip, op)
}

// digest returns the digest of all that op gives for calls, each made by call.
func (f digestForm) digest(t testing.TB, k Kernel, op string, calls []digestCall, call func(func())) string {
	h := sha256.New()
	buf := make([]float32, longestDigestCall+16)
	for i := range calls {
		var s Stats
		var out []float32
		call(func() { s, out = f.do(t, k, op, &calls[i], buf) })
		hashResult(h, s, out)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func hashResult(h hash.Hash, s Stats, out []float32) {
	b := make([]byte, 0, 4096)
	for _, v := range []uint64{math.Float64bits(s.Sum), uint64(s.Positives), uint64(s.Negatives), uint64(s.Ignored)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for part := range slices.Chunk(out, 1000) {
		for _, v := range part {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(b)
		b = b[:0]
	}
	h.Write(b)
}

// difference describes the first result of k that is not the oracle's, "" if all are.
func (f digestForm) difference(t testing.TB, k Kernel, op string, calls []digestCall, call func(func())) string {
	buf, wantBuf := make([]float32, longestDigestCall+16), make([]float32, longestDigestCall+16)
	for n := range calls {
		c := &calls[n]
		var s Stats
		var out []float32
		call(func() { s, out = f.do(t, k, op, c, buf) })
		wantStats, want := f.do(t, kernelGeneric, op, c, wantBuf)
		where := fmt.Sprintf("call %d of %d cells, scale %v", n, len(c.logits), c.scale)
		if i := sameBits(out, want); i >= 0 {
			return fmt.Sprintf("%s: cell %d, logit %#08x (%v) label %d: %#08x (%v), generic %#08x (%v)", where, i,
				math.Float32bits(c.logits[i]), c.logits[i], c.labels[i], math.Float32bits(out[i]), out[i], math.Float32bits(want[i]), want[i])
		}
		if !sameStats(s, wantStats) {
			return fmt.Sprintf("%s: %v, generic %v; sums %#016x and %#016x", where, s, wantStats, math.Float64bits(s.Sum), math.Float64bits(wantStats.Sum))
		}
	}
	return ""
}

// coefDigest is the digest of the coefficients of exp and log1p: few results show a
// change in the last place of the least important ones.
func coefDigest() string {
	h := sha256.New()
	hashResult(h, Stats{}, coef[kLog2E:kLogShift+1])
	hashResult(h, Stats{}, coefFine[kLogQ0:kLogShift+1])
	return fmt.Sprintf("%x", h.Sum(nil))
}

const coefLine = "coefficients "

// digestLines returns the lines of a file by how they begin.
func digestLines(t *testing.T, s digestSet) map[string]string {
	b, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if i := strings.LastIndexByte(line, ' ') + 1; !strings.HasPrefix(line, "#") {
			lines[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return lines
}

// writeDigests writes the oracle's digests to the file of s.
func writeDigests(t *testing.T, s digestSet) {
	calls := s.calls()
	var b strings.Builder
	b.WriteString("# SHA-256 of the results for the input of digest_test.go, the same for every kernel and CPU.\n# Rewritten by: go test -run TestDigests . -update\n")
	b.WriteString(coefLine + coefDigest() + "\n")
	for _, f := range digestForms {
		for _, op := range digestOps {
			b.WriteString(f.line(op) + f.digest(t, kernelGeneric, op, calls, direct) + "\n")
		}
	}
	if err := os.WriteFile(s.file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func direct(f func()) { f() }

// testDigests holds kernels to the digests, each call made by call.
func testDigests(t *testing.T, kernels []Kernel, call func(func())) {
	s := digestsFull
	if testing.Short() {
		s = digestsShort
	}
	calls, want := s.calls(), digestLines(t, s)
	if got := coefDigest(); got != want[coefLine] {
		t.Errorf("%s%s differs from %q in %s", coefLine, got, want[coefLine], s.file)
	}
	for _, f := range digestForms {
		t.Run(fmt.Sprintf("gamma=%v,clip=%v", f.gamma, f.clip), func(t *testing.T) {
			t.Parallel()
			for _, op := range digestOps {
				for _, k := range kernels {
					if k == kernelGeneric && op == "Sum" {
						continue // slow, and the sum of SumGrad comes from the same code
					}
					line := f.line(op)
					if got := f.digest(t, k, op, calls, call); got != want[line] {
						first := "and the generic kernel gives the same: if that is meant, -update rewrites the digests"
						if d := f.difference(t, k, op, calls, call); d != "" {
							first = "first at " + d
						}
						t.Errorf("kernel %s: %s%s differs from %q in %s, %s", k, line, got, want[line], s.file, first)
					}
				}
			}
		})
	}
}

// TestDigests: every kernel gives the bits that are committed.
func TestDigests(t *testing.T) {
	if *update {
		writeDigests(t, digestsFull)
		writeDigests(t, digestsShort)
	}
	testDigests(t, Kernels(), direct)
}
