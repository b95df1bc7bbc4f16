package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeData writes a small head: two images, three anchors, five attributes of
// which the last is the cells, on a grid of four by four.
func writeData(t *testing.T, gamma float64) (path string, cells []float32, labels []uint8) {
	t.Helper()
	const batch, anchors, attrs, side, attr = 2, 3, 5, 4, 4
	logits := make([]float32, batch*anchors*attrs*side*side)
	labels = make([]uint8, len(logits)/attrs)
	for i := range logits {
		logits[i] = float32(8 * math.Sin(float64(7*i)))
	}
	for i := range labels {
		labels[i] = [...]uint8{0, 0, 1, 0, 255, 0}[i%6]
		plane := i / (side * side)
		cells = append(cells, logits[(plane*attrs+attr)*side*side+i%(side*side)])
	}
	var buf bytes.Buffer
	for _, part := range []any{[]int64{batch, anchors, attrs, side, side, attr}, []float64{0.25, 0.75, gamma}, logits, labels} {
		if err := binary.Write(&buf, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, cells, labels
}

// TestRivals runs each library through the protocol and compares it with float64.
func TestRivals(t *testing.T) {
	for _, name := range []string{"gomlx", "gorgonia"} {
		for _, gamma := range []float64{2, 1.5} {
			data, cells, labels := writeData(t, gamma)
			path := filepath.Join(t.TempDir(), "results")
			var out strings.Builder
			if err := serve(&out, strings.NewReader("sum 1\nsumgrad 2\ncheck "+path+"\nsing 3\n"), []string{name, data, "1"}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := []string{"ready ", "time ", "time ", "ok", "error unknown command"}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != len(want) {
				t.Fatalf("%s answers %q", name, lines)
			}
			for i := range want {
				if !strings.HasPrefix(lines[i], want[i]) {
					t.Errorf("%s answers %q, want %q", name, lines[i], want[i])
				}
			}

			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sums, grad := make([]float64, 2), make([]float32, len(cells))
			r := bytes.NewReader(file)
			for _, part := range []any{sums, grad} {
				if err := binary.Read(r, binary.LittleEndian, part); err != nil {
					t.Fatal(err)
				}
			}
			var sum float64
			for i, y := range labels {
				s, a := -1.0, 0.75
				switch y {
				case 1:
					s, a = 1, 0.25
				case 255:
					a = 0
				}
				z := s * float64(cells[i])
				q, l := 1/(1+math.Exp(z)), math.Log1p(math.Exp(-z))
				m := a * math.Pow(q, gamma)
				sum += m * l
				if slope := -s * m * (q + gamma*(1-q)*l); !(math.Abs(float64(grad[i])-slope) < 1e-5) {
					t.Errorf("%s, gamma %v: gradient %v of cell %d, want %v", name, gamma, grad[i], i, slope)
				}
			}
			for _, got := range sums {
				if !(math.Abs(got-sum) < 1e-5*sum) {
					t.Errorf("%s, gamma %v: sum %v, want %v", name, gamma, got, sum)
				}
			}
		}
	}
}

// TestBadData checks that what is no data file is an error.
func TestBadData(t *testing.T) {
	for name, file := range map[string][]byte{"empty": nil, "zeros": make([]byte, 72), "ones": bytes.Repeat([]byte{0xff}, 100)} {
		if _, err := readData(bytes.NewReader(file)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := serve(new(strings.Builder), strings.NewReader(""), []string{"gomlx"}); err == nil {
		t.Error("too few arguments: no error")
	}
}
