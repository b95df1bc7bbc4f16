//go:build race

package focal

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const raceEnabled = true

// races are what another goroutine writes to x, y and out while a Loss uses them. "none" begins what is no race; what ends
// in the name of a channel is for a Head.
var races = map[string]func(x []float32, y []uint8, out []float32){
	"none":   func(x []float32, y []uint8, out []float32) {},
	"grad":   func(x []float32, y []uint8, out []float32) { out[raceCells/2] = 1 },
	"loss":   func(x []float32, y []uint8, out []float32) { out[raceCells/2] = 1 },
	"logits": func(x []float32, y []uint8, out []float32) { x[raceCells/2] = 1 },
	"labels": func(x []float32, y []uint8, out []float32) { y[raceCells/2] = 1 },
	"count":  func(x []float32, y []uint8, out []float32) { y[raceCells/2] = 1 },

	"logits, strided":    func(x []float32, y []uint8, out []float32) { x[raceCells/2] = 1 },
	"grad, strided":      func(x []float32, y []uint8, out []float32) { out[raceCells/2] = 1 },
	"logits, short runs": func(x []float32, y []uint8, out []float32) { x[raceCells/2] = 1 },
	"grad, short runs":   func(x []float32, y []uint8, out []float32) { out[raceCells/2] = 1 },
	"logits, long runs":  func(x []float32, y []uint8, out []float32) { x[raceCells/2] = 1 },
	"grad, long runs":    func(x []float32, y []uint8, out []float32) { out[raceCells/2] = 1 },
	"none, long runs":    func(x []float32, y []uint8, out []float32) { x[raceCells/2-1], out[raceCells/2-1] = 1, 1 },
}

// raceChannels have cell raceCells/2 of the tensor, and those of runs not the one before it.
var raceChannels = map[string]Channel{
	"strided":    {Runs: 1, Len: raceCells / 2, Stride: 2},
	"short runs": {Runs: 10, Step: raceCells / 10, Len: raceCells / 20, Stride: 1},
	"long runs":  {Runs: 2, Step: raceCells / 2, Len: longRun + 50, Stride: 1},
}

const raceCells = 1000

// TestRaceReported: the race detector sees what the kernels read and write. A process of its own has the
// race, as the detector ends it.
func TestRaceReported(t *testing.T) {
	const variable = "FOCAL_TEST_RACE"
	if what := os.Getenv(variable); what != "" {
		haveRace(t, what)
		return
	}
	for what := range races {
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
	x, y, out := make([]float32, raceCells), make([]uint8, raceCells), make([]float32, raceCells)
	l := must(t, 0.25, 2)
	done := make(chan bool)
	go func() {
		races[what](x, y, out)
		close(done)
	}()
	var err error
	_, channel, strided := strings.Cut(what, ", ")
	switch {
	case what == "loss":
		err = l.Each(out, x, y)
	case what == "count":
		_, err = Count(y)
	case strided:
		c := raceChannels[channel]
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
