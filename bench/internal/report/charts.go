package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/seed1982febc/focal/bench/internal/result"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A figure is a chart with its title.
type figure struct {
	Title string
	Chart template.HTML
}

// timeCharts are ns per element against the number of cells, a chart for each
// operation with a line for each kernel.
func (v *view) timeCharts() ([]figure, error) {
	var figures []figure
	low, high := math.Inf(1), 0.0
	of := func(op string) func(result.Case) bool {
		return func(c result.Case) bool { return isBase(c) && c.Op == op && v.isKernel(c.Impl) }
	}
	for _, s := range v.Series {
		if of(s.Op)(s.Case) {
			low, high = min(low, s.NsPerElement.Low), max(high, s.NsPerElement.High)
		}
	}
	for _, op := range ops {
		sizes := v.sizes(of(op))
		if len(sizes) < 2 {
			continue
		}
		c := newChart(350, 300, "cells of a call", "ns per element", sizeTicks, decades(low/1.15, high*1.15, 300))
		first, last := float64(sizes[0]), float64(sizes[len(sizes)-1])
		yMin, yMax := low/1.2, high*2 // above the last tick there is room for the names of caches
		caches := v.Machine.Caches
		for _, l := range []struct {
			name string
			size int
		}{{"L1", caches.L1D}, {"L2", caches.L2}, {"L3", caches.L3}} {
			full := float64(l.size) / result.Base("", op, 1).BytesPerElement()
			if full > first && full < last {
				c.line(inkGrid, 1, []vg.Length{3, 3}, plotter.XY{X: full, Y: yMin}, plotter.XY{X: full, Y: yMax})
				c.label(inkMuted, plotter.XY{X: full, Y: yMax}, draw.XRight, vg.Point{X: -4, Y: -11}, l.name)
			}
		}
		for i := len(v.kernels) - 1; i >= 0; i-- { // the preferred one on top
			kernel := v.kernels[i]
			var line plotter.XYs
			for _, n := range sizes {
				s := v.Find(result.Base(kernel, op, n))
				if s == nil {
					continue
				}
				t, x := s.NsPerElement, float64(n)
				line = append(line, plotter.XY{X: x, Y: t.Median})
				c.line(inkOf(kernel), 1, nil, plotter.XY{X: x, Y: t.Low}, plotter.XY{X: x, Y: t.High})
				tip := fmt.Sprintf("%s, n = %s: %s ns", kernel, thousands(n), cell(s))
				c.dot(inkOf(kernel), 3, plotter.XY{X: x, Y: t.Median}, tip)
			}
			c.line(inkOf(kernel), 2, nil, line...)
		}
		c.within(first/1.3, last*1.3, yMin, yMax)
		chart, err := c.svg("ns per element of " + op + " against the number of cells, by kernel")
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{op, chart})
	}
	return figures, nil
}

var sizeTicks = []plot.Tick{
	{Value: 16, Label: "16"}, {Value: 256, Label: "256"}, {Value: 4096, Label: "4k"},
	{Value: 65536, Label: "65k"}, {Value: 1 << 20, Label: "1M"}, {Value: 1 << 24, Label: "16M"},
}

// multiplications returns how often the contract's arithmetic multiplies, with or
// without an addition, or divides, for one cell of the operation and gamma, without
// clip: what the multiply units of a core have to do whatever the kernel. They are
// counted in the library's focal_generic.go, along the path of usual logits.
// Products with a power of two are not counted, as a kernel can add to the exponent
// instead. A gradient's product with the scale is; losses are scaled once a sum.
func multiplications(op string, gamma float32) (count float64, known bool) {
	counts := map[string]map[float32]float64{
		"Sum":     {0: 19, 1: 21, 2: 20, 2.3: 30},
		"SumGrad": {0: 24, 1: 26, 2: 25, 2.3: 35},
	}
	count, known = counts[op][gamma]
	return count, known
}

// rooflines are multiplications per second against multiplications per byte, under
// the roofs of the core's memory and of its multiply units.
func (v *view) rooflines() ([]figure, error) {
	var figures []figure
	for _, f := range []struct{ op, traffic string }{{"Sum", "read"}, {"SumGrad", "copy"}} {
		chart, err := v.roofline(f.op, f.traffic)
		if err != nil {
			return nil, err
		}
		if chart != "" {
			figures = append(figures, figure{f.op, chart})
		}
	}
	return figures, nil
}

// roofline is that of one operation, whose roofs are the bandwidths of a kind of
// traffic. It is empty for a machine without a measured peak.
func (v *view) roofline(op, traffic string) (template.HTML, error) {
	points, roofs := v.roofPoints(op), v.roofs()
	if roofs == nil || points == nil {
		return "", nil
	}
	peak := 0.0
	for _, r := range roofs {
		peak = max(peak, r.rate)
	}
	xMin, xMax, yMin := math.Inf(1), 0.0, math.Inf(1)
	for _, p := range points {
		xMin, xMax, yMin = min(xMin, p.X), max(xMax, p.X), min(yMin, p.Y)
	}
	xMax, yMin = 1.4*xMax, yMin/1.2
	for _, b := range v.Bandwidths {
		if b.Op == traffic { // the end of its roof has to be seen
			xMin = min(xMin, peak/result.Summarize(b.Samples).Median)
		}
	}
	xMin, yMax := xMin/1.15, 1.3*peak

	c := newChart(400, 310, "multiplications/byte", "G multiplications/s",
		decades(xMin, xMax, 300), decades(yMin, yMax, 300))
	height := vg.Length(5) // of a label above its roof's end, the next one out of its way
	for _, b := range v.Bandwidths {
		if b.Op == traffic {
			rate := result.Summarize(b.Samples).Median
			ridge := plotter.XY{X: peak / rate, Y: peak}
			c.line(inkMuted, 1, nil, plotter.XY{X: xMin, Y: xMin * rate}, ridge)
			c.label(inkMuted, ridge, draw.XLeft, vg.Point{X: -3, Y: height}, b.Level+" "+three(rate)+" GB/s")
			height = 23 - height
		}
	}
	for _, r := range roofs {
		c.line(inkOf(r.kernels[0]), 1.5, nil, plotter.XY{X: xMin, Y: r.rate}, plotter.XY{X: xMax, Y: r.rate})
		name := list(r.kernels) + " " + three(r.rate) + " G/s"
		c.label(inkMuted, plotter.XY{X: xMax, Y: r.rate}, draw.XRight, vg.Point{Y: 6}, name)
	}
	for _, p := range points {
		if !p.inCache {
			c.dot(inkOf(p.kernel), 1.5, p.XY, p.tip)
			continue
		}
		c.dot(inkOf(p.kernel), 3, p.XY, p.tip)
		at, text := beside[p.gamma], plain(float64(p.gamma))
		if p.gamma == 2 {
			text += fmt.Sprintf(" · %.0f %%", 100*p.Y/v.peak(p.kernel))
		}
		c.label(inkOf(p.kernel), p.XY, at.align, at.offset, text)
	}
	c.within(xMin, xMax, yMin, yMax)
	return c.svg("roofline of " + op)
}

// beside is where the gamma of a point is written: points of close gammas are neighbours.
var beside = map[float32]struct {
	align  draw.XAlignment
	offset vg.Point
}{
	0:   {draw.XRight, vg.Point{X: -5, Y: -4}},
	1:   {draw.XCenter, vg.Point{X: 2, Y: -14}},
	2:   {draw.XCenter, vg.Point{Y: 6}},
	2.3: {draw.XLeft, vg.Point{X: 5, Y: -4}},
}

// A roof is the multiply-adds per ns of kernels whose vectors reach the same.
type roof struct {
	kernels []string
	rate    float64
}

// roofs are those of the kernels whose peak is known. Two within 3 % are one.
func (v *view) roofs() []roof {
	var all []roof
	for _, k := range v.kernels {
		rate := v.peak(k)
		i := slices.IndexFunc(all, func(r roof) bool { return math.Abs(rate/r.rate-1) < 0.03 })
		switch {
		case rate == 0:
		case i < 0:
			all = append(all, roof{[]string{k}, rate})
		default:
			all[i].kernels = append(all[i].kernels, k)
		}
	}
	return all
}

// roofLegend names the kernels under roofs, those whose roofs coincide, and the working sets.
func (v *view) roofLegend() legend {
	var l legend
	for _, r := range v.roofs() {
		l.Kernels = append(l.Kernels, r.kernels...)
		if len(r.kernels) > 1 {
			l.Note = "The roofs of " + list(r.kernels) + " coincide. "
		}
	}
	var sets []string
	for _, b := range v.Bandwidths {
		if set := b.Level + " " + sizeOf(b.Bytes); !slices.Contains(sets, set) {
			sets = append(sets, set)
		}
	}
	if sets != nil {
		l.Note += "Working sets: " + strings.Join(sets, ", ") + "."
	}
	return l
}

// A roofPoint is a series under the roofs.
type roofPoint struct {
	plotter.XY
	kernel, tip string
	gamma       float32
	inCache     bool
}

// roofPoints are the series of an operation with different gammas in cache and, at gamma 2, of the
// most cells, of the kernels whose peak is known.
func (v *view) roofPoints(op string) []roofPoint {
	var points []roofPoint
	for _, s := range v.Series {
		base := result.Base(s.Impl, op, s.N)
		base.Gamma = s.Gamma
		count, known := multiplications(op, s.Gamma)
		inCache := s.N == image
		ofKernel := func(c result.Case) bool { return isBase(c) && c.Impl == s.Impl && c.Op == op }
		if s.Case != base || !known || v.peak(s.Impl) == 0 {
			continue
		}
		if !inCache && (s.Gamma != 2 || s.N < slices.Max(v.sizes(ofKernel))) {
			continue
		}
		t := s.NsPerElement.Median
		points = append(points, roofPoint{
			XY:      plotter.XY{X: count / s.BytesPerElement(), Y: count / t},
			kernel:  s.Impl,
			tip:     fmt.Sprintf("%s, gamma %v, n = %s: %s ns, %s G multiplications/s", s.Impl, s.Gamma, thousands(s.N), three(t), three(count/t)),
			gamma:   s.Gamma,
			inCache: inCache,
		})
	}
	return points
}

// peak returns the multiply-adds per ns that a kernel's vectors reach, 0 if that
// has not been measured.
func (v *view) peak(kernel string) float64 {
	for _, p := range v.Peaks {
		if p.Kernel == kernel {
			return result.Summarize(p.Samples).Median
		}
	}
	return 0
}
