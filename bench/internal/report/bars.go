package report

import (
	"math"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// Bars are horizontal bars along one axis.
type Bars struct {
	Title  string
	Ticks  []barTick
	Groups []barGroup
}

type barGroup struct {
	Name string // "" if there is but one
	Rows []barRow
}

type barTick struct {
	Left  float64 // percent of the axis
	Label string
}

type barRow struct {
	Name, Value, Note string
	Class             string  // of the bar's colour
	Width             float64 // percent of the axis
}

// rivalBars compares the contenders on a base at one operation, on a logarithmic
// axis of ns per element.
func (v *view) rivalBars(base result.Case, op string) Bars {
	bars := Bars{Title: op}
	series := func(c contender) *result.Series {
		if op == "Sum" {
			return c.sum
		}
		return c.sumGrad
	}
	low, high := math.Inf(1), 0.0
	best := math.NaN()
	all := v.contenders(base)
	for _, c := range all {
		if s := series(c); s != nil {
			low, high = min(low, s.NsPerElement.Median), max(high, s.NsPerElement.Median)
			if len(v.kernels) > 0 && c.name == ourName(v.kernels[0], 1) {
				best = s.NsPerElement.Median
			}
		}
	}
	from, to := math.Floor(math.Log10(low)-0.05), math.Ceil(math.Log10(high))
	for e := from; e <= to; e++ {
		bars.Ticks = append(bars.Ticks, barTick{100 * (e - from) / (to - from), plain(math.Pow(10, e))})
	}
	var rows []barRow
	for _, c := range all {
		s := series(c)
		if s == nil {
			continue
		}
		t := s.NsPerElement.Median
		row := barRow{Name: c.name, Value: three(t), Note: c.about, Class: "other", Width: 100 * (math.Log10(t) - from) / (to - from)}
		if c.ours {
			row.Class = inkNames[inkOf(s.Impl)]
		} else if best > 0 {
			row.Value += " · " + three(t/best) + "×"
		}
		rows = append(rows, row)
	}
	bars.Groups = []barGroup{{Rows: rows}}
	return bars
}

// machineBars compares machines and kernels at one operation, a batch of gamma 2,
// in billions of elements per second.
func machineBars(views []*view, op string, n int) Bars {
	bars := Bars{Title: op}
	high := 0.0
	for _, v := range views {
		for _, k := range v.kernels {
			if s := v.Find(result.Base(k, op, n)); s != nil {
				high = max(high, s.ElementsPerSecond/1e9)
			}
		}
	}
	step := niceStep(high)
	end := math.Ceil(high/step) * step
	for i := 0.0; i*step <= end*1.001; i++ {
		bars.Ticks = append(bars.Ticks, barTick{100 * i * step / end, plain(i * step)})
	}
	for _, v := range views {
		var g barGroup
		if len(views) > 1 {
			g.Name = cpuName(v.Machine)
		}
		for _, k := range v.kernels {
			if s := v.Find(result.Base(k, op, n)); s != nil {
				rate := s.ElementsPerSecond / 1e9
				g.Rows = append(g.Rows, barRow{Name: k, Value: three(rate), Class: inkNames[inkOf(k)], Width: 100 * rate / end})
			}
		}
		if g.Rows != nil {
			bars.Groups = append(bars.Groups, g)
		}
	}
	return bars
}

// niceStep returns 1, 2 or 5 times a power of ten: a fifth to a half of high.
func niceStep(high float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(high)))
	switch {
	case high < 2*power:
		return power / 2
	case high < 5*power:
		return power
	}
	return 2 * power
}
