//go:build race

package focal

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const raceEnabled = true

// TestRaceReported: the race detector sees what the kernels read and write. A process of its own has the
// race, as the detector ends it.
func TestRaceReported(t *testing.T) {
	const variable = "FOCAL_TEST_RACE"
	if what := os.Getenv(variable); what != "" {
		haveRace(t, what)
		return
	}
	for _, what := range []string{"none", "grad", "loss", "logits", "labels", "count", "strided logits", "strided grad", "logits of runs", "grad of runs", "logits of long runs", "grad of long runs", "none between long runs"} {
		c := exec.Command(os.Args[0], "-test.run=^TestRaceReported$")
		c.Env = append(os.Environ(), variable+"="+what)
		out, err := c.CombinedOutput()
		if seen := strings.Contains(string(out), "DATA RACE"); seen == strings.HasPrefix(what, "none") || (err != nil) != seen {
			t.Errorf("race for %s: reported %v, error %v:\n%s", what, seen, err, out)
		}
	}
}

// haveRace calls a Loss while another goroutine writes to what it uses.
func haveRace(t *testing.T, what string) {
	const n = 1000
	x, y, out := make([]float32, n), make([]uint8, n), make([]float32, n)
	other := map[string]func(){
		"none":   func() {},
		"grad":   func() { out[n/2] = 1 },
		"loss":   func() { out[n/2] = 1 },
		"logits": func() { x[n/2] = 1 },
		"labels": func() { y[n/2] = 1 },
		"count":  func() { y[n/2] = 1 },

		"strided logits": func() { x[n/2] = 1 },
		"strided grad":   func() { out[n/2] = 1 },
		"logits of runs": func() { x[n/2] = 1 },
		"grad of runs":   func() { out[n/2] = 1 },

		"logits of long runs":    func() { x[n/2] = 1 },
		"grad of long runs":      func() { out[n/2] = 1 },
		"none between long runs": func() { x[n/2-1], out[n/2-1] = 1, 1 },
	}[what]
	l := must(t, 0.25, 2)
	done := make(chan bool)
	go func() {
		other()
		close(done)
	}()
	var err error
	switch what {
	case "loss":
		err = l.Each(out, x, y)
	case "count":
		_, err = Count(y)
	case "strided logits", "strided grad", "logits of runs", "grad of runs", "logits of long runs", "grad of long runs", "none between long runs":
		c := Channel{Runs: 1, Len: n / 2, Stride: 2}
		switch {
		case strings.HasSuffix(what, "long runs"):
			c = Channel{Runs: 2, Step: n / 2, Len: longRun + 50, Stride: 1}
		case strings.HasSuffix(what, "runs"):
			c = Channel{Runs: 10, Step: n / 10, Len: n / 20, Stride: 1}
		}
		h, e := l.Head(c)
		if e != nil {
			t.Fatal(e)
		}
		_, err = h.SumGrad(out, x, y[:c.Cells()], 1)
	default:
		_, err = l.SumGrad(out, x, y, 1)
	}
	if err != nil {
		t.Error(err)
	}
	<-done
}
