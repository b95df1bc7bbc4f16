package report

import (
	"cmp"
	"math"
	"slices"

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
	Name, On, Value string // On says on how many threads, if not on one
	Class           string // of the bar's colour
	Unsteady        bool
	Width           float64 // percent of the axis
}

// rivalBars compares the contenders on some data at one operation, the fastest
// first, in ns per element on a logarithmic axis.
func (v *view) rivalBars(base result.Case, op string, axis logAxis) Bars {
	bars := Bars{Title: op, Ticks: axis.ticks()}
	all := v.contenders(base)
	slices.SortStableFunc(all, func(a, b contender) int { return cmp.Compare(a.time(op), b.time(op)) })
	var rows []barRow
	for _, c := range all {
		s := c.series(op)
		if s == nil {
			continue
		}
		row := barRow{Name: c.name, On: c.on(), Value: median(s.NsPerElement), Class: inkNames[inkOf(c.impl)], Unsteady: unsteady(s.NsPerElement), Width: axis.at(s.NsPerElement.Median)}
		if versus := v.versusFirst(c, all, op); !c.ours && versus != "" {
			row.Value += " · " + versus
		}
		rows = append(rows, row)
	}
	bars.Groups = []barGroup{{Rows: rows}}
	return bars
}

// A logAxis is a logarithmic axis in decades.
type logAxis struct{ from, to float64 }

// rivalAxis holds the times of all contenders on all data.
func (v *view) rivalAxis(bases []result.Case) logAxis {
	low, high := math.Inf(1), 0.0
	for _, base := range bases {
		for _, c := range v.contenders(base) {
			for _, s := range []*result.Series{c.sum, c.sumGrad} {
				if s != nil {
					low, high = min(low, s.NsPerElement.Median), max(high, s.NsPerElement.Median)
				}
			}
		}
	}
	// The shortest bar has to be seen.
	return logAxis{math.Floor(math.Log10(low) - 0.2), math.Ceil(math.Log10(high))}
}

// at returns where a value is, in percent of the axis.
func (a logAxis) at(v float64) float64 {
	return 100 * (math.Log10(v) - a.from) / (a.to - a.from)
}

func (a logAxis) ticks() []barTick {
	var ticks []barTick
	for e := a.from; e <= a.to; e++ {
		v := math.Pow(10, e)
		ticks = append(ticks, barTick{a.at(v), plain(v)})
	}
	return ticks
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
			g.Name = v.name
		}
		for _, k := range v.kernels {
			if s := v.Find(result.Base(k, op, n)); s != nil {
				rate := s.ElementsPerSecond / 1e9
				g.Rows = append(g.Rows, barRow{Name: k, Value: mark(s.NsPerElement) + three(rate), Class: inkNames[inkOf(k)], Unsteady: unsteady(s.NsPerElement), Width: 100 * rate / end})
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
