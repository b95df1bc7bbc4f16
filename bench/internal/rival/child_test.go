package rival

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed1982febc/focal"
)

// The test binary plays the part of a Python interpreter when this variable says
// how.
const (
	behaviour = "FOCAL_TEST_FAKE"
	pidFile   = "FOCAL_TEST_PIDS" // where it writes the numbers of its processes
)

func TestMain(m *testing.M) {
	if how := os.Getenv(behaviour); how != "" {
		if err := fake(how, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// fake is a child that behaves as it is told, args being DRIVER NAME DATA THREADS.
func fake(how string, args []string) error {
	if err := notePid(); err != nil {
		return err
	}
	switch how {
	case "hang":
		time.Sleep(time.Hour)
	case "crash":
		return fmt.Errorf("some trace\nImportError: no module named numpy")
	case "leave":
		return nil
	case "nonsense":
		fmt.Println("Hello, world")
		time.Sleep(time.Hour)
	case "flood":
		for {
			if _, err := fmt.Println("y"); err != nil {
				return err
			}
		}
	case "endless":
		for {
			if _, err := io.WriteString(os.Stdout, strings.Repeat("y", 1000)); err != nil {
				return err
			}
		}
	case "absent":
		fmt.Println("absent for a reason")
		return nil
	}

	p, err := readProblem(args[2])
	if err != nil {
		return err
	}
	loop := &inProcess{loop: naive(p), problem: p, grad: make([]float32, len(p.Logits))}
	fmt.Println("ready fake", args[1], "on", args[3])
	for {
		var command, argument string
		if _, err := fmt.Scanln(&command, &argument); err != nil {
			return nil // the end of the input
		}
		if command == "check" {
			got, _ := loop.results()
			var buf bytes.Buffer
			for _, part := range []any{[]float64{got.sum, got.gradSum}, got.grad} {
				if err := binary.Write(&buf, binary.LittleEndian, part); err != nil {
					return err
				}
			}
			file := buf.Bytes()
			switch how {
			case "wrong":
				file[19] ^= 0x40 // the exponent of the first gradient
			case "short":
				file = file[:17]
			}
			if err := os.WriteFile(argument, file, 0o600); err != nil {
				return err
			}
			fmt.Println("ok")
			continue
		}
		switch how {
		case "hang later":
			time.Sleep(time.Hour)
		case "crash later":
			return fmt.Errorf("out of memory")
		case "error later":
			fmt.Println("error it hurts")
		case "soon", "-1", "NaN", "1e9":
			fmt.Println("time", how)
		case "family":
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), behaviour+"=hang")
			if err := cmd.Start(); err != nil {
				return err
			}
			cmd.Wait()
		default:
			calls, _ := strconv.Atoi(argument)
			op := Sum
			if command == "sumgrad" {
				op = SumGrad
			}
			d, _ := loop.measure(op, calls)
			fmt.Println("time", d.Seconds())
		}
	}
}

// notePid appends the process's number to the file of pids.
func notePid() error {
	f, err := os.OpenFile(os.Getenv(pidFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	fmt.Fprintln(f, os.Getpid())
	return f.Close()
}

// readProblem reads a data file.
func readProblem(path string) (*problem, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ints [6]int64
	var params [3]float64
	for _, part := range []any{&ints, &params} {
		if err := binary.Read(f, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}
	in := Input{
		Shape: focal.Shape{Batch: int(ints[0]), Anchors: int(ints[1]), Attrs: int(ints[2]), Height: int(ints[3]), Width: int(ints[4])},
		Attr:  int(ints[5]),
		Alpha: float32(params[0]),
		Gamma: float32(params[2]),
	}
	channel, err := in.Shape.NCHW(in.Attr)
	if err != nil {
		return nil, err
	}
	in.Logits, in.Labels = make([]float32, channel.Size), make([]uint8, channel.Cells())
	for _, part := range []any{in.Logits, in.Labels} {
		if err := binary.Read(f, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}
	return newProblem(in)
}

// How long a fake is waited for: as long as it may take, and shorter for the one
// thing that it never does.
var (
	untilItAnswers = patience{ready: 20 * time.Second, answer: 20 * time.Second}
	neverReady     = patience{ready: 300 * time.Millisecond, answer: 20 * time.Second}
	neverAnswers   = patience{ready: 20 * time.Second, answer: time.Second}
)

// openFake opens the rival numpy with a fake interpreter. The function that it
// returns tells the processes that there have been.
func openFake(t *testing.T, ctx context.Context, how string, in Input, limits patience) ([]*Rival, []Absent, error, func() []int) {
	t.Helper()
	pids, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	pids.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("FOCAL_BENCH_PYTHON", self)
	t.Setenv(behaviour, how)
	t.Setenv(pidFile, pids.Name())
	t.Setenv("TMPDIR", t.TempDir())
	opts := Options{Names: []string{"numpy"}, Threads: 1, patience: limits}
	rivals, absent, err := Open(ctx, in, opts)
	return rivals, absent, err, func() []int {
		text, err := os.ReadFile(pids.Name())
		if err != nil {
			t.Fatal(err)
		}
		var list []int
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, pid)
		}
		return list
	}
}

// noneLeft checks that processes are gone, and so are their files.
func noneLeft(t *testing.T, pids []int) {
	t.Helper()
	for i, pid := range pids {
		if ours := i == 0; !gone(pid, ours) {
			t.Errorf("process %d is still there", pid)
		}
	}
	entries, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left behind", e.Name())
	}
}

// TestChild is a child that does all it should, on both kinds of data.
func TestChild(t *testing.T) {
	for _, in := range []Input{contiguous(1000, 2), head(1.5)} {
		rivals, absent, err, pids := openFake(t, t.Context(), "good", in, untilItAnswers)
		if err != nil || len(rivals) != 1 {
			t.Fatalf("rivals %v, absent %v, error %v", rivals, absent, err)
		}
		r := rivals[0]
		if r.Describe() != "fake numpy on 1" {
			t.Errorf("description %q", r.Describe())
		}
		for _, op := range []Op{Sum, SumGrad, Sum} {
			if d, err := r.Measure(op, 3); err != nil || d <= 0 || d > time.Second {
				t.Errorf("%v takes %v, error %v", op, d, err)
			}
		}
		r.Close()
		if _, err := r.Measure(Sum, 1); err == nil {
			t.Error("a closed rival answers")
		}
		if len(pids()) != 1 {
			t.Errorf("processes %v", pids())
		}
		noneLeft(t, pids())
	}
}

// TestBadChild are children that do not get as far as being timed.
func TestBadChild(t *testing.T) {
	for how, reason := range map[string]string{
		"hang":     "no answer in 300ms",
		"crash":    "ImportError: no module named numpy",
		"leave":    "its process ended: exit status 0",
		"nonsense": `it says "Hello, world"`,
		"flood":    `it says "y"`,
		"endless":  "its process ended",
		"absent":   "for a reason",
		"wrong":    "wrong result",
		"short":    "it writes results of 17 bytes",
	} {
		t.Run(how, func(t *testing.T) {
			limits := untilItAnswers
			if how == "hang" {
				limits = neverReady
			}
			rivals, absent, err, pids := openFake(t, t.Context(), how, contiguous(1000, 2), limits)
			if err != nil || len(rivals) != 0 || len(absent) != 1 {
				t.Fatalf("rivals %v, absent %v, error %v", rivals, absent, err)
			}
			if a := absent[0]; a.Name != "numpy" || !strings.Contains(a.Reason, reason) {
				t.Errorf("%s is absent because %q, want %q", a.Name, a.Reason, reason)
			}
			noneLeft(t, pids())
		})
	}
}

// TestLateFailure are children that fail while they are being timed.
func TestLateFailure(t *testing.T) {
	for how, reason := range map[string]string{
		"hang later":  "no answer in 1s",
		"family":      "no answer in 1s",
		"crash later": "out of memory",
		"error later": "it hurts",
		"soon":        `a time of "soon"`,
		"-1":          `a time of "-1"`,
		"NaN":         `a time of "NaN"`,
		"1e9":         `a time of "1e9"`,
	} {
		t.Run(how, func(t *testing.T) {
			limits := untilItAnswers
			if how == "hang later" || how == "family" {
				limits = neverAnswers
			}
			rivals, absent, err, pids := openFake(t, t.Context(), how, contiguous(1000, 2), limits)
			if err != nil || len(rivals) != 1 {
				t.Fatalf("rivals %v, absent %v, error %v", rivals, absent, err)
			}
			for range 2 {
				if _, err := rivals[0].Measure(Sum, 1); err == nil || !strings.Contains(err.Error(), reason) {
					t.Errorf("error %v, want %q", err, reason)
				}
			}
			noneLeft(t, pids()) // before Close
			rivals[0].Close()
		})
	}
}

// TestContext ends the context while a child starts, and while one is timed.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	rivals, absent, err, pids := openFake(t, ctx, "hang", contiguous(1000, 2), untilItAnswers)
	if err == nil || rivals != nil || absent != nil {
		t.Errorf("rivals %v, absent %v, error %v", rivals, absent, err)
	}
	noneLeft(t, pids())

	ctx, cancel = context.WithCancel(t.Context())
	rivals, absent, err, pids = openFake(t, ctx, "hang later", contiguous(1000, 2), untilItAnswers)
	if err != nil || len(rivals) != 1 {
		t.Fatalf("rivals %v, absent %v, error %v", rivals, absent, err)
	}
	time.AfterFunc(200*time.Millisecond, cancel)
	start := time.Now()
	if _, err := rivals[0].Measure(Sum, 1); err == nil || time.Since(start) > time.Second {
		t.Errorf("error %v after %v", err, time.Since(start))
	}
	noneLeft(t, pids())
}
