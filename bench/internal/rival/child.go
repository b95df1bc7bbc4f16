package rival

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A child is a rival in a process of its own, called as
//
//	PROGRAM ... NAME DATA THREADS
//
// It reads the file DATA, writes one line, "ready DESCRIPTION" or "absent REASON",
// and then answers each line on its standard input with one line on its standard
// output, until the input ends:
//
//	sum N         time S    S is the time in seconds of N computations of the sum
//	sumgrad N     time S    the same of sum and gradient
//	check PATH    ok        PATH has what it computes: the sum by both ways as two
//	                        float64, then the gradient of each cell as float32
//	anything      error REASON
//
// DATA is six int64, batch, anchors, attrs, height, width and attr; three float64,
// the weights of positives and of negatives and gamma; the tensor as float32
// [batch, anchors*attrs, height, width]; the labels as bytes [batch, anchors,
// height, width]. All numbers are little-endian. Data that are no head have one
// attribute, and their cells are the width.
type child struct {
	cmd     *exec.Cmd
	cancel  context.CancelFunc // kills the process
	stdin   io.Writer
	lines   chan string   // that the child has written
	stderr  *tail         // the end of what it has complained about
	exited  chan struct{} // closed when the process has been waited for
	timeout time.Duration // for an answer
	scratch string        // directory of the child's own files
	failed  error         // once set, the child is gone
}

// patience is how long things may take before they are given up.
type patience struct {
	answer  time.Duration // to a command
	ready   time.Duration // for a child's first line
	compile time.Duration // for gcc, and for the first line where torch.compile works first
	build   time.Duration // for the module bench/rivals, with its downloads
}

var defaultPatience = patience{answer: time.Minute, ready: time.Minute, compile: 5 * time.Minute, build: 10 * time.Minute}

// dataPath is the file that children read.
func (b *bench) dataPath() string { return filepath.Join(b.dir, "data") }

// writeData writes it.
func (b *bench) writeData() error {
	p := b.problem
	s := p.Shape
	var buf bytes.Buffer
	for _, part := range []any{
		[]int64{int64(s.Batch), int64(s.Anchors), int64(s.Attrs), int64(s.Height), int64(s.Width), int64(p.Attr)},
		[]float64{p.pos, p.neg, float64(p.Gamma)},
		p.Logits, p.Labels,
	} {
		if err := binary.Write(&buf, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(b.dataPath(), buf.Bytes(), 0o600)
}

// startChild starts argv as a child and waits at most ready for its first line.
// The child becomes the owner of the directory scratch. It returns the child's
// description.
func (b *bench) startChild(argv []string, name string, threads int, scratch string, ready time.Duration) (runner, string, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	c := &child{
		cancel:  cancel,
		lines:   make(chan string, 1),
		stderr:  new(tail),
		exited:  make(chan struct{}),
		timeout: b.patience.answer,
		scratch: scratch,
	}
	count := strconv.Itoa(threads)
	c.cmd = exec.CommandContext(ctx, argv[0], append(argv[1:], name, b.dataPath(), count)...)
	c.cmd.Stdout = &lineWriter{lines: c.lines, done: ctx.Done()}
	c.cmd.Stderr = c.stderr
	c.cmd.WaitDelay = time.Second
	c.cmd.Env = append(os.Environ(),
		"OMP_NUM_THREADS="+count, "MKL_NUM_THREADS="+count, "OPENBLAS_NUM_THREADS="+count, "GOMAXPROCS="+count,
		"TORCHINDUCTOR_COMPILE_THREADS=1") // compiles in the process itself, not in a pool of them
	inGroup(c.cmd)
	stdin, err := c.cmd.StdinPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		os.RemoveAll(scratch)
		return nil, "", err
	}
	c.stdin = stdin
	go func() {
		c.cmd.Wait()
		close(c.exited)
	}()
	line, err := c.receive(ready)
	if err != nil {
		return nil, "", err
	}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "ready":
		return c, rest, nil
	case "absent":
		c.close()
		return nil, "", errors.New(rest)
	}
	return nil, "", c.fail(fmt.Errorf("it says %.60q when it starts", line))
}

// receive returns the child's next line. An error is final: the child is gone.
func (c *child) receive(limit time.Duration) (string, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case line := <-c.lines:
		return line, nil
	case <-timer.C:
		return "", c.fail(fmt.Errorf("no answer in %v", limit))
	case <-c.exited:
	}
	select {
	case line := <-c.lines: // its last word
		return line, nil
	default:
	}
	err := fmt.Errorf("its process ended: %v", c.cmd.ProcessState)
	if last := c.stderr.lastLine(); last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return "", c.fail(err)
}

// ask sends a command and returns what follows the word want in the answer.
func (c *child) ask(want, format string, args ...any) (string, error) {
	if c.failed != nil {
		return "", c.failed
	}
	// An error here is that of a process that has ended, which receive reports.
	fmt.Fprintf(c.stdin, format+"\n", args...)
	line, err := c.receive(c.timeout)
	if err != nil {
		return "", err
	}
	switch word, rest, _ := strings.Cut(line, " "); word {
	case want:
		return rest, nil
	case "error":
		return "", c.fail(errors.New(rest))
	}
	return "", c.fail(fmt.Errorf("it answers %.60q", line))
}

// fail ends the child and returns err, from now on also to those who ask.
func (c *child) fail(err error) error {
	c.close()
	c.failed = err
	return err
}

func (c *child) measure(op Op, calls int) (time.Duration, error) {
	command := "sum"
	if op == SumGrad {
		command = "sumgrad"
	}
	text, err := c.ask("time", "%s %d", command, calls)
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= c.timeout.Seconds()) {
		return 0, c.fail(fmt.Errorf("it answers a time of %.60q", text))
	}
	return time.Duration(math.Round(seconds * 1e9)), nil
}

func (c *child) results() (results, error) {
	path := filepath.Join(c.scratch, "results")
	if _, err := c.ask("ok", "check %s", path); err != nil {
		return results{}, err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return results{}, c.fail(err)
	}
	if len(file) < 16 || len(file)%4 != 0 {
		return results{}, c.fail(fmt.Errorf("it writes results of %d bytes", len(file)))
	}
	word := binary.LittleEndian
	got := results{
		sum:     math.Float64frombits(word.Uint64(file)),
		gradSum: math.Float64frombits(word.Uint64(file[8:])),
		grad:    make([]float32, (len(file)-16)/4),
	}
	for i := range got.grad {
		got.grad[i] = math.Float32frombits(word.Uint32(file[16+4*i:]))
	}
	return got, nil
}

// close kills the child, waits for it and removes its files.
func (c *child) close() {
	c.cancel()
	<-c.exited
	os.RemoveAll(c.scratch)
	if c.failed == nil {
		c.failed = errors.New("it is closed")
	}
}

// A lineWriter sends each line that is written to it to a channel, until done is
// closed.
type lineWriter struct {
	lines chan<- string
	done  <-chan struct{}
	part  []byte // of a line
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	for {
		line, rest, found := bytes.Cut(w.part, []byte("\n"))
		if !found {
			break
		}
		select {
		case w.lines <- strings.TrimRight(string(line), "\r"):
		case <-w.done:
			return 0, io.ErrClosedPipe
		}
		w.part = rest
	}
	if len(w.part) > 1<<16 {
		return 0, errors.New("a line without an end")
	}
	return len(p), nil
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4096):]
	return len(p), nil
}

// lastLine returns the last line that is not blank.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// oneLine returns text with each run of white space as one space.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
