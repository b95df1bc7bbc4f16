// Command rivals computes the focal loss with the deep-learning libraries of the
// Go world, for the benchmark program to time. It is a module of its own, outside
// go.work, so that nothing else needs their module graphs.
//
//	rivals NAME DATA THREADS
//
// NAME is gomlx or gorgonia. The file DATA and the protocol on standard input and
// output are described in bench/internal/rival/child.go. GOMAXPROCS, which the
// caller sets, limits the threads.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Data is what a data file holds.
type Data struct {
	Shape           [5]int // batch, anchors, attrs, height, width
	Attr            int    // the attribute that is the cells
	Pos, Neg, Gamma float32
	Logits          []float32 // the whole tensor
	Labels          []uint8
}

// readData reads a data file.
func readData(r io.Reader) (*Data, error) {
	var head struct {
		Shape           [5]int64
		Attr            int64
		Pos, Neg, Gamma float64
	}
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	d := &Data{Attr: int(head.Attr), Pos: float32(head.Pos), Neg: float32(head.Neg), Gamma: float32(head.Gamma)}
	size := 1
	for i, n := range head.Shape {
		if n < 1 || int64(size) > 1<<40/n {
			return nil, fmt.Errorf("a tensor of shape %v", head.Shape)
		}
		d.Shape[i] = int(n)
		size *= int(n)
	}
	d.Logits = make([]float32, size)
	d.Labels = make([]uint8, size/d.Shape[2])
	if err := binary.Read(r, binary.LittleEndian, d.Logits); err != nil {
		return nil, err
	}
	_, err := io.ReadFull(r, d.Labels)
	return d, err
}

// gather copies the logits of the cells into one vector, in the labels' order.
func (d *Data) gather(cells []float32) {
	n := d.Shape[3] * d.Shape[4] // of a plane
	for run := range d.Shape[0] * d.Shape[1] {
		copy(cells[run*n:(run+1)*n], d.Logits[(run*d.Shape[2]+d.Attr)*n:])
	}
}

// A Rival computes the loss of the data that it was opened with.
type Rival interface {
	// About returns the library and its version.
	About() string
	// Sum returns the sum of the losses.
	Sum() (float32, error)
	// SumGrad returns the same, and keeps the gradient.
	SumGrad() (float32, error)
	// Cells returns the gradient that SumGrad kept, one element per cell.
	Cells() ([]float32, error)
}

// open makes a rival.
func open(name string, d *Data) (Rival, error) {
	switch name {
	case "gomlx":
		return newGoMLX(d)
	case "gorgonia":
		return newGorgonia(d)
	}
	return nil, fmt.Errorf("no rival is named %q", name)
}

func main() {
	// The protocol keeps standard output to itself.
	out := os.Stdout
	os.Stdout = os.Stderr
	if err := serve(out, os.Stdin, os.Args[1:]); err != nil {
		fmt.Fprintln(out, "absent", oneLine(err))
		os.Exit(1)
	}
}

// serve opens the rival and answers commands until their end. Its error is for a
// rival that cannot be opened.
func serve(out io.Writer, in io.Reader, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%d arguments: want NAME DATA THREADS", len(args))
	}
	file, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer file.Close()
	d, err := readData(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return err
	}
	r, err := open(args[0], d)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready", r.About())
	for lines := bufio.NewScanner(in); lines.Scan(); {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		reply, err := answer(r, command, argument)
		if err != nil {
			reply = "error " + oneLine(err)
		}
		fmt.Fprintln(out, reply)
	}
	return nil
}

// answer carries out one command.
func answer(r Rival, command, argument string) (string, error) {
	compute := r.Sum
	switch command {
	case "sum":
	case "sumgrad":
		compute = r.SumGrad
	case "check":
		return "ok", writeResults(r, argument)
	default:
		return "", fmt.Errorf("unknown command %q", command)
	}
	calls, err := strconv.Atoi(argument)
	if err != nil {
		return "", err
	}
	start := time.Now()
	for range calls {
		if _, err := compute(); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("time %.9g", time.Since(start).Seconds()), nil
}

// writeResults writes what r computes to a file.
func writeResults(r Rival, path string) error {
	sum, err := r.Sum()
	if err != nil {
		return err
	}
	gradSum, err := r.SumGrad()
	if err != nil {
		return err
	}
	cells, err := r.Cells()
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	for _, part := range []any{[]float64{float64(sum), float64(gradSum)}, cells} {
		if err := binary.Write(&buf, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(path, buf.Bytes(), 0o600)
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
