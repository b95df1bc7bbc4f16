package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/sbinet/npyio/npy"
)

// A tensor is a dense array in C order, as a .npy file holds it.
type tensor[T element] struct {
	shape []int
	data  []T
}

// element lists what this command reads: logits and labels.
type element interface{ float32 | uint8 }

// dtype is T as .npy headers spell it, the size of one element in bytes, and
// what people call it.
func dtype[T element]() (descr string, size int, name string) {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return "<f4", 4, "little-endian float32"
	}
	return "|u1", 1, "uint8"
}

// readNpyFile reads the tensor in the file at path; its errors begin with path.
func readNpyFile[T element](path string) (tensor[T], error) {
	t, err := openNpy[T](path)
	if err != nil {
		return t, inFile(path, err)
	}
	return t, nil
}

func openNpy[T element](path string) (tensor[T], error) {
	// Asked before opening: opening a named pipe waits for its other end.
	info, err := os.Stat(path)
	if err != nil {
		return tensor[T]{}, err
	}
	if !info.Mode().IsRegular() {
		return tensor[T]{}, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return tensor[T]{}, err
	}
	defer f.Close()
	return readNpy[T](f, info.Size())
}

var errNotRegular = errors.New("not a regular file")

// inFile puts path, as the user gave it, before what went wrong there.
func inFile(path string, err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe): // would name the file again, or a temporary one
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// readNpy reads a whole .npy file of size bytes. The size bounds what is
// allocated, whatever the header claims.
func readNpy[T element](r io.Reader, size int64) (tensor[T], error) {
	var t tensor[T]
	br := bufio.NewReaderSize(r, 1<<16)
	offset, err := checkHeader(br)
	if err != nil {
		return t, err
	}
	nr, err := npy.NewReader(br)
	if err != nil {
		return t, err
	}
	t.shape = nr.Header.Descr.Shape

	descr, itemSize, name := dtype[T]()
	if got := strings.Trim(nr.Header.Descr.Type, "'"); got != descr {
		return t, fmt.Errorf("dtype %q, want %q (%s)", got, descr, name)
	}
	if nr.Header.Descr.Fortran {
		return t, errors.New("Fortran order, want C order (numpy.ascontiguousarray)")
	}
	n, err := elements(t.shape)
	if err != nil {
		return t, err
	}
	if n > math.MaxInt/itemSize {
		return t, fmt.Errorf("shape %s is too large", tuple(t.shape))
	}
	want, have := int64(n)*int64(itemSize), size-offset
	if have < want {
		return t, fmt.Errorf("truncated: shape %s needs %d bytes of data, the file has %d", tuple(t.shape), want, have)
	}
	if have > want {
		return t, fmt.Errorf("%d extra bytes after the data of shape %s", have-want, tuple(t.shape))
	}

	t.data = make([]T, n)
	if err := nr.Read(&t.data); err != nil {
		return t, fmt.Errorf("reading %d bytes of data: %w", want, err)
	}
	return t, nil
}

const (
	// maxHeader is numpy.load's own limit for headers of files it does not trust.
	maxHeader = 10000
	// maxRank is NumPy 2's limit on dimensions.
	maxRank = 64
)

// plainHeader matches the dictionary as numpy.save writes it: three keys in
// this order, with this spacing, then padding.
var plainHeader = regexp.MustCompile(
	`^\{'descr': ('[^'{}]*'|\[[^:{}]*\]), 'fortran_order': (True|False), 'shape': \((-?\d+,|-?\d+(, -?\d+)+,?)?\), \} *\n$`)

// checkHeader looks at the header without consuming it, and returns where the
// data begins.
//
// It stands before npyio because that parser trusts the file: it allocates the
// header's claimed length, up to 4 GiB, and cuts the dictionary at the places
// where it finds its keys, so that keys in another order, a missing newline or
// a missing brace make it panic, and a missing space makes it drop a dimension.
// What plainHeader matches, it parses correctly.
func checkHeader(br *bufio.Reader) (offset int64, err error) {
	start, err := peek(br, len(npy.Magic)+2)
	if err != nil {
		return 0, err
	}
	if [6]byte(start) != npy.Magic {
		return 0, errors.New("not a .npy file")
	}
	lengthSize := 2
	switch v := [2]byte(start[6:]); v {
	case [2]byte{1, 0}:
	case [2]byte{2, 0}:
		lengthSize = 4
	default:
		return 0, fmt.Errorf(".npy version %d.%d, want 1.0 or 2.0", v[0], v[1])
	}

	at := len(start) + lengthSize
	start, err = peek(br, at)
	if err != nil {
		return 0, err
	}
	var length [4]byte
	copy(length[:], start[at-lengthSize:])
	n := binary.LittleEndian.Uint32(length[:])
	if n > maxHeader {
		return 0, fmt.Errorf(".npy header of %d bytes, want at most %d", n, maxHeader)
	}
	whole, err := peek(br, at+int(n))
	if err != nil {
		return 0, err
	}
	if header := whole[at:]; !plainHeader.Match(header) {
		return 0, fmt.Errorf(".npy header is not as numpy.save writes it: %.120q", header)
	}
	return int64(len(whole)), nil
}

func peek(br *bufio.Reader, n int) ([]byte, error) {
	b, err := br.Peek(n)
	if err == io.EOF {
		err = fmt.Errorf("not a .npy file, or truncated in its header: %d bytes", len(b))
	}
	return b, err
}

// elements is the number of elements of an array of this shape, at most math.MaxInt.
func elements(shape []int) (int, error) {
	if len(shape) > maxRank {
		return 0, fmt.Errorf("%d dimensions, want at most %d", len(shape), maxRank)
	}
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %s has a negative dimension", tuple(shape))
		}
	}
	if slices.Contains(shape, 0) {
		return 0, nil
	}
	n := 1
	for _, d := range shape {
		if n > math.MaxInt/d {
			return 0, fmt.Errorf("shape %s is too large", tuple(shape))
		}
		n *= d
	}
	return n, nil
}

// tuple spells a shape as Python does.
func tuple(shape []int) string {
	s := make([]string, len(shape))
	for i, d := range shape {
		s[i] = strconv.Itoa(d)
	}
	if len(s) == 1 {
		return "(" + s[0] + ",)"
	}
	return "(" + strings.Join(s, ", ") + ")"
}

// writeNpy writes t as a version 1.0 .npy file. (npyio takes an array's shape
// from its Go type, so it cannot write a flat slice as a tensor.)
func writeNpy[T element](w io.Writer, t tensor[T]) error {
	descr, _, _ := dtype[T]()
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, tuple(t.shape))
	prefix := len(npy.Magic) + 2 + 2
	// NumPy aligns the data to 64 bytes; the newline is the padding's last byte.
	padding := 64 - (prefix+len(dict))%64
	head := append(npy.Magic[:], 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(dict)+padding))
	head = append(head, dict...)
	head = append(head, strings.Repeat(" ", padding-1)...)
	head = append(head, '\n')
	if _, err := w.Write(head); err != nil {
		return err
	}

	var buf []byte
	for chunk := range slices.Chunk(t.data, 1<<14) {
		var err error
		if buf, err = binary.Append(buf[:0], binary.LittleEndian, chunk); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
