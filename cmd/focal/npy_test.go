package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio/npy"
)

func f4(shape string) string { return dict("'<f4'", "False", shape) }

// badNpy are files that cannot be read as float32 tensors, and what must be said.
var badNpy = []struct {
	name    string
	content []byte
	want    string
}{
	{"empty", nil, "0 bytes"},
	{"magic only", []byte("\x93NUMPY"), "6 bytes"},
	{"not npy", []byte("PK\x03\x04 and so on, an archive"), "not a .npy file"},
	{"version 0", npyBytes(0, f4("()"), make([]byte, 4)), "version 0.0"},
	{"version 3", npyBytes(3, f4("()"), make([]byte, 4)), "version 3.0"},
	{"version 1.1", append([]byte("\x93NUMPY\x01\x01\x05\x00"), f4("()")...), "version 1.1"},
	{"no header length", []byte("\x93NUMPY\x02\x00\x05"), "truncated in its header"},
	{"half a header", npyBytes(1, f4("(1,)"), nil)[:30], "truncated in its header"},
	{"header beyond the file", append([]byte("\x93NUMPY\x01\x00\x00\x20"), f4("(1,)")...), "truncated in its header"},
	{"header of 4 GiB", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'"), "header of 4294967295 bytes"},
	{"no header", npyBytes(1, "", nil), "not as numpy.save writes it"},
	{"no newline", npyBytes(1, strings.TrimSpace(f4("(1,)")), make([]byte, 4)), "not as numpy.save writes it"},
	{"no brace", npyBytes(1, strings.Replace(f4("(1,)"), "}", "", 1), make([]byte, 4)), "not as numpy.save writes it"},
	{"keys in another order", npyBytes(1, "{'fortran_order': False, 'descr': '<f4', 'shape': (1,), }\n", make([]byte, 4)), "not as numpy.save writes it"},
	{"a key inside the dtype", npyBytes(1, "{'descr': ['fortran_order': ], 'fortran_order': False, 'shape': (1,), }\n", nil), "not as numpy.save writes it"},
	{"no shape", npyBytes(1, "{'descr': '<f4', 'fortran_order': False, }\n", nil), "not as numpy.save writes it"},
	{"no space after the shape", npyBytes(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 10)}\n", make([]byte, 40)), "not as numpy.save writes it"},
	{"shape without end", npyBytes(1, f4("(1"), make([]byte, 4)), "not as numpy.save writes it"},
	{"shape of one letter", npyBytes(1, f4("1"), make([]byte, 4)), "not as numpy.save writes it"},
	{"shape of names", npyBytes(1, f4("(one,)"), make([]byte, 4)), "not as numpy.save writes it"},
	{"fortran_order maybe", npyBytes(1, dict("'<f4'", "Maybe", "(1,)"), make([]byte, 4)), "not as numpy.save writes it"},
	{"fortran order", npyBytes(1, dict("'<f4'", "True", "(2, 3)"), make([]byte, 24)), "Fortran order"},
	{"big-endian", npyBytes(1, dict("'>f4'", "False", "(2, 3)"), make([]byte, 24)), `dtype ">f4", want "<f4" (little-endian float32)`},
	{"float64", npyBytes(1, dict("'<f8'", "False", "(2, 3)"), make([]byte, 48)), `dtype "<f8"`},
	{"float16", npyBytes(1, dict("'<f2'", "False", "(2, 3)"), make([]byte, 12)), `dtype "<f2"`},
	{"int8", npyBytes(1, dict("'|i1'", "False", "(4,)"), make([]byte, 4)), `dtype "|i1"`},
	{"object", npyBytes(1, dict("'|O'", "False", "(4,)"), make([]byte, 16)), `dtype "|O"`},
	{"record", npyBytes(1, dict("[('x', '<f4')]", "False", "(4,)"), make([]byte, 16)), `dtype "[('x', '<f4')]"`},
	{"negative dimension", npyBytes(1, f4("(-1, -1)"), make([]byte, 4)), "shape (-1, -1) has a negative dimension"},
	{"negative and zero", npyBytes(1, f4("(0, -1)"), nil), "negative dimension"},
	{"dimension over int64", npyBytes(1, f4("(18446744073709551617,)"), make([]byte, 4)), "out of range"},
	{"product over 2^31", npyBytes(1, f4("(65536, 65536)"), make([]byte, 4)), "(65536, 65536)"},
	{"product over 2^64", npyBytes(1, f4("(65536, 65536, 65536, 65536)"), nil), "too large"},
	{"bytes over 2^31 only", npyBytes(1, f4("(1073741824,)"), make([]byte, 4)), "(1073741824,)"},
	{"65 dimensions", npyBytes(1, f4("("+strings.Repeat("1, ", 64)+"1)"), make([]byte, 4)), "65 dimensions"},
	{"header too long", npyBytes(1, f4("(1,)")+strings.Repeat(" ", maxHeader), make([]byte, 4)), "want at most 10000"},
	{"truncated", npyBytes(1, f4("(2, 3)"), make([]byte, 23)), "truncated: shape (2, 3) needs 24 bytes of data, the file has 23"},
	{"no data", npyBytes(2, f4("(2, 3)"), nil), "the file has 0"},
	{"extra bytes", npyBytes(1, f4("(2, 3)"), make([]byte, 25)), "1 extra bytes after the data of shape (2, 3)"},
	{"data for a zero", npyBytes(1, f4("(0, 3)"), make([]byte, 12)), "12 extra bytes"},
}

func TestReadBadNpy(t *testing.T) {
	for _, c := range badNpy {
		_, err := readNpy[float32](bytes.NewReader(c.content), int64(len(c.content)))
		if err == nil {
			t.Errorf("%s: no error", c.name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, want %q in it", c.name, err, c.want)
		}
	}
	content := npyBytes(1, f4("(4,)"), make([]byte, 16))
	if _, err := readNpy[uint8](bytes.NewReader(content), int64(len(content))); err == nil || !strings.Contains(err.Error(), `dtype "<f4", want "|u1" (uint8)`) {
		t.Errorf("float32 as labels: %v", err)
	}
}

// What a header claims must not be allocated before the file's size confirms it.
func TestReadAllocatesByTheFile(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range badNpy {
		_, _ = readNpy[float32](bytes.NewReader(c.content), int64(len(c.content)))
	}
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(len(badNpy))<<17; got > limit {
		t.Errorf("allocated %d bytes for %d small files, want at most %d", got, len(badNpy), limit)
	}
}

// A file that shrinks after its size was asked is an error, not zeros.
func TestReadShrunkNpy(t *testing.T) {
	whole := npyBytes(1, f4("(2, 3)"), make([]byte, 24))
	for cut := 1; cut <= 24; cut++ {
		if _, err := readNpy[float32](bytes.NewReader(whole[:len(whole)-cut]), int64(len(whole))); err == nil {
			t.Errorf("%d bytes short: no error", cut)
		}
	}
}

func TestReadNpyFileErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                              "not a regular file",
		filepath.Join(dir, "absent.npy"): "no such file",
	} {
		_, err := readNpyFile[float32](path)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v", path, err)
		} else if runtime.GOOS != "windows" && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// NaN payloads included: the bytes of a file are its values' bits.
var someFloats = []float32{0, float32(math.Copysign(0, -1)), 1, -1.5, math.MaxFloat32, 1e-45,
	float32(math.Inf(-1)), math.Float32frombits(0x7f800001), math.Float32frombits(0xffc12345), 3, 4, 5}

func TestNpyRoundTrip(t *testing.T) {
	for _, shape := range [][]int{{12}, {3, 4}, {1, 3, 2, 2}, {12, 1}, {}, {0}, {3, 0, 2}, slices.Repeat([]int{1}, maxRank)} {
		n, err := elements(shape)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, tensor[float32]{shape, someFloats[:n]})
		roundTrip(t, tensor[uint8]{shape, []uint8{0, 1, 255, 2, 3, 4, 5, 6, 7, 8, 9, 10}[:n]})
	}
	long := make([]float32, 100_003) // several of writeNpy's chunks
	for i := range long {
		long[i] = float32(i)
	}
	roundTrip(t, tensor[float32]{[]int{len(long)}, long})
}

func roundTrip[T element](t *testing.T, want tensor[T]) {
	t.Helper()
	var b bytes.Buffer
	if err := writeNpy(&b, want); err != nil {
		t.Fatal(err)
	}
	_, size, _ := dtype[T]()
	if offset := b.Len() - size*len(want.data); offset%64 != 0 {
		t.Errorf("shape %v: data at offset %d, want a multiple of 64", want.shape, offset)
	}
	got, err := readNpy[T](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatalf("shape %v: %v", want.shape, err)
	}
	if !slices.Equal(got.shape, want.shape) {
		t.Errorf("shape %v came back as %v", want.shape, got.shape)
	}
	if !bytes.Equal(bits(got.data), bits(want.data)) {
		t.Errorf("shape %v: %x came back as %x", want.shape, bits(want.data), bits(got.data))
	}
}

// bits are values as bytes, to compare NaNs too.
func bits[T element](data []T) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		panic(err)
	}
	return b
}

// What is written is byte for byte what numpy.save writes, and another reader reads it.
func TestWriteNpyAsNumpyDoes(t *testing.T) {
	want, err := os.ReadFile("testdata/head_7.npy")
	if err != nil {
		t.Fatal(err)
	}
	head, err := readNpyFile[float32]("testdata/head_7.npy")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := writeNpy(&b, head); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("head_7.npy came back different: header %q, want %q", b.Bytes()[:128], want[:128])
	}

	var data []float32
	if err := npy.Read(&b, &data); err != nil || !reflect.DeepEqual(data, head.data) {
		t.Errorf("npyio reads another array (error %v)", err)
	}
}

func FuzzNpy(f *testing.F) {
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzzNpy[float32](t, content)
		fuzzNpy[uint8](t, content)
	})
}

// fuzzNpy checks that a file is refused or holds exactly what was read from it.
func fuzzNpy[T element](t *testing.T, content []byte) {
	got, err := readNpy[T](bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return
	}
	n, err := elements(got.shape)
	if err != nil || n != len(got.data) {
		t.Fatalf("shape %v (%v) with %d elements", got.shape, err, len(got.data))
	}
	if !bytes.HasSuffix(content, bits(got.data)) {
		t.Fatalf("data read are not the file's last bytes")
	}
	roundTrip(t, got)
}

// TestGreatShape: a size beyond what an int holds is an error, and so are labels of another batch.
func TestGreatShape(t *testing.T) {
	b := npyBytes(1, f4("(4611686018427387904,)"), nil) // 2^64 bytes
	if _, err := readNpy[float32](bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%v", err)
	}
	if _, err := channelOf([]int{1, 10, 2, 3}, []int{2, 2, 2, 3}, nchw, 4); err == nil {
		t.Error("another batch: no error")
	}
}
