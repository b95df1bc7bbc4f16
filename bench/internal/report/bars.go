package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// Bars are horizontal bars along one axis, or dots if the axis has no zero.
type Bars struct {
	Title  string
	Dots   bool
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
	At              float64 // percent of the axis
}

// rivalDots compares the contenders on some data at one operation, the fastest
// first, in ns per element on a logarithmic axis.
func (v *view) rivalDots(base result.Case, op string, axis logAxis) Bars {
	dots := Bars{Title: op, Dots: true, Ticks: axis.ticks()}
	all := v.contenders(base)
	slices.SortStableFunc(all, func(a, b contender) int { return cmp.Compare(a.time(op), b.time(op)) })
	var rows []barRow
	for _, c := range all {
		s := c.series(op)
		if s == nil {
			continue
		}
		row := barRow{
			Name: c.name, On: c.on(), Value: median(s.NsPerElement), Class: inkNames[inkOf(c.impl)],
			Unsteady: unsteady(s.NsPerElement), At: axis.at(s.NsPerElement.Median),
		}
		if versus := v.versusFirst(c, all, op); !c.ours && versus != "" {
			row.Value += " · " + versus
		}
		rows = append(rows, row)
	}
	dots.Groups = []barGroup{{Rows: rows}}
	return dots
}

// A logAxis is a logarithmic axis, between two powers of ten.
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
	return logAxis{math.Log10(low) - 0.1, math.Log10(high) + 0.1}
}

// at returns where a value is, in percent of the axis.
func (a logAxis) at(v float64) float64 {
	return 100 * (math.Log10(v) - a.from) / (a.to - a.from)
}

// ticks are few enough for a phone.
func (a logAxis) ticks() []barTick {
	var ticks []barTick
	for _, t := range decades(math.Pow(10, a.from), math.Pow(10, a.to), 30) {
		ticks = append(ticks, barTick{a.at(t.Value), t.Label})
	}
	return ticks
}

// machineBars compares machines and kernels at a batch of gamma 2, in billions of elements per second, on
// one axis for all operations.
func machineBars(views []*view, n int) []Bars {
	high := 0.0
	for _, v := range views {
		for _, s := range v.Series {
			if v.isKernel(s.Impl) && s.Op != "Each" && s.Case == result.Base(s.Impl, s.Op, n) {
				high = max(high, s.ElementsPerSecond/1e9)
			}
		}
	}
	step := niceStep(high)
	end := math.Ceil(high/step) * step
	var ticks []barTick
	for i := 0.0; i*step <= end*1.001; i++ {
		ticks = append(ticks, barTick{100 * i * step / end, plain(i * step)})
	}
	var all []Bars
	for _, op := range []string{"Sum", "SumGrad"} {
		bars := Bars{Title: op, Ticks: ticks}
		for _, v := range views {
			if g := v.rates(op, n, end); g.Rows != nil {
				if len(views) == 1 {
					g.Name = ""
				}
				bars.Groups = append(bars.Groups, g)
			}
		}
		if bars.Groups != nil {
			all = append(all, bars)
		}
	}
	return all
}

// rates are a machine's in machineBars, on an axis from 0 to end.
func (v *view) rates(op string, n int, end float64) barGroup {
	g := barGroup{Name: v.name}
	for _, k := range v.kernels {
		if s := v.Find(result.Base(k, op, n)); s != nil {
			rate := s.ElementsPerSecond / 1e9
			g.Rows = append(g.Rows, barRow{
				Name: k, Value: mark(s.NsPerElement) + three(rate), Class: inkNames[inkOf(k)],
				Unsteady: unsteady(s.NsPerElement), At: 100 * rate / end,
			})
		}
	}
	return g
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
