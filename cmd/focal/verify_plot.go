package main

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"github.com/seed1982febc/focal"
	"github.com/seed1982febc/focal/cmd/focal/internal/verify"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Lengths are in points.
const (
	panelWidth   = 520
	panelHeight  = 230
	headerHeight = 46
)

var (
	ink       = color.RGBA{0x1f, 0x29, 0x37, 0xff}
	faint     = color.RGBA{0xe5, 0xe7, 0xeb, 0xff}
	boundInk  = color.RGBA{0xb9, 0x1c, 0x1c, 0xff}
	labelInks = [2]color.RGBA{
		focal.Negative: {0x25, 0x63, 0xeb, 0xff},
		focal.Positive: {0xd9, 0x77, 0x06, 0xff},
	}
	labelNames = [2]string{focal.Negative: "label 0, negative", focal.Positive: "label 1, positive"}
)

// plotSVG draws one row for each gamma: the loss, the gradient.
func (r verifyReport) plotSVG(w io.Writer) error {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	rows := len(r.sweep.Tallies)
	panels := make([][]*plot.Plot, rows)
	for i, t := range r.sweep.Tallies {
		gamma := r.sweep.Plan.Gammas[i]
		loss := errorPanel(fmt.Sprintf("loss, gamma %v", gamma), &t.Loss, r.boundLoss)
		grad := errorPanel(fmt.Sprintf("gradient, gamma %v", gamma), &t.Grad, r.boundGrad)
		loss.Y.Max = max(loss.Y.Max, grad.Y.Max)
		grad.Y.Max = loss.Y.Max
		panels[i] = []*plot.Plot{loss, grad}
	}
	svg := vgsvg.New(2*panelWidth, vg.Length(rows)*panelHeight+headerHeight)
	page := draw.New(svg)
	page.SetColor(color.White)
	page.Fill(page.Rectangle.Path())
	r.drawHeader(draw.Crop(page, 0, 0, vg.Length(rows)*panelHeight, 0))
	tiles := draw.Tiles{Rows: rows, Cols: 2, PadLeft: 8, PadRight: 14, PadBottom: 8, PadX: 18, PadY: 12}
	for i, row := range plot.Align(panels, tiles, draw.Crop(page, 0, 0, 0, -headerHeight)) {
		for j, canvas := range row {
			panels[i][j].Draw(canvas)
		}
	}
	_, err := svg.WriteTo(w)
	return err
}

// drawHeader says what is shown, and what the colours mean.
func (r verifyReport) drawHeader(c draw.Canvas) {
	p := r.sweep.Plan
	title := fmt.Sprintf("focal, kernel %s, alpha %v", p.Kernel, p.Alpha)
	if p.Clip > 0 {
		title += fmt.Sprintf(", clip %v", p.Clip)
	}
	if p.Every > 1 {
		title += fmt.Sprintf(": largest errors over 1 in %d float32 logits", p.Every)
	} else {
		title += ": largest errors over all float32 logits"
	}
	style := draw.TextStyle{Color: ink, Font: font.From(plot.DefaultFont, 14), YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
	middle := c.Center().Y
	c.FillText(style, vg.Point{X: c.Min.X + 14, Y: middle}, title)
	style.Font.Size = 11
	x := c.Max.X - 14
	for label := len(labelNames) - 1; label >= 0; label-- {
		x -= style.Width(labelNames[label])
		c.FillText(style, vg.Point{X: x, Y: middle}, labelNames[label])
		c.StrokeLine2(draw.LineStyle{Color: labelInks[label], Width: 2}, x-24, middle, x-6, middle)
		x -= 42
	}
}

// errorPanel draws the profile of one output. bound is drawn if not 0.
func errorPanel(title string, e *verify.Errors, bound float64) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = 12
	p.Title.TextStyle.Color = ink
	p.Title.Padding = 6
	p.Y.Label.Text = "error, ULP"
	p.X.Label.Text = "logit"
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size = 10
		axis.Label.TextStyle.Color = ink
		axis.Tick.Label.Font.Size = 9
		axis.Tick.Label.Color = ink
		axis.Color, axis.Tick.Color = ink, ink
		axis.Width, axis.Tick.Width = 0.5, 0.5
		axis.Tick.Length = 3
		axis.Padding = 0
	}
	p.X.Min, p.X.Max = -verify.ProfileEnd, verify.ProfileEnd
	p.X.Scale, p.X.Tick.Marker = asinhScale{}, plot.ConstantTicks(logitTicks)
	p.Y.Tick.Marker = plot.TickerFunc(ulpTicks)

	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: faint, Width: 0.5}
	grid.Vertical = grid.Horizontal
	p.Add(grid)
	for label, ink := range labelInks {
		for _, line := range profileLines(e.Profile[label]) {
			p.Add(&plotter.Line{XYs: line, LineStyle: draw.LineStyle{Color: ink, Width: 0.8}})
		}
	}
	worst, ok := e.Largest()
	top := max(bound, worst.ULP)
	if bound > 0 {
		line := plotter.XYs{{X: p.X.Min, Y: bound}, {X: p.X.Max, Y: bound}}
		p.Add(&plotter.Line{XYs: line, LineStyle: draw.LineStyle{Color: boundInk, Width: 0.7, Dashes: []vg.Length{4, 3}}})
	}
	if ok {
		addMark(p, worst, 1.12*top)
	}
	p.Y.Min, p.Y.Max = 0, max(1.2*top, 1)
	return p
}

// profileLines turns a profile into lines, one for each row of buckets in which
// something was compared.
func profileLines(profile [verify.ProfileBuckets]float64) (lines []plotter.XYs) {
	gap := true
	for b, ulp := range profile {
		if ulp < 0 {
			gap = true
			continue
		}
		if gap {
			lines = append(lines, nil)
		}
		gap = false
		t := (float64(b)+0.5)/verify.ProfileBuckets*2 - 1
		x := math.Sinh(t * math.Asinh(verify.ProfileEnd))
		lines[len(lines)-1] = append(lines[len(lines)-1], plotter.XY{X: x, Y: ulp})
	}
	return lines
}

// addMark marks the worst result, and says at height y, above all lines, what it is.
func addMark(p *plot.Plot, worst verify.Result, y float64) {
	at := plotter.XY{X: min(max(float64(worst.Logit()), p.X.Min), p.X.Max), Y: worst.ULP}
	above := plotter.XY{X: at.X, Y: y}
	p.Add(
		&plotter.Line{XYs: plotter.XYs{at, above}, LineStyle: draw.LineStyle{Color: ink, Width: 0.5}},
		&plotter.Scatter{XYs: plotter.XYs{at}, GlyphStyle: draw.GlyphStyle{Color: ink, Radius: 4, Shape: draw.RingGlyph{}}},
	)
	style := draw.TextStyle{Color: ink, Font: font.From(plot.DefaultFont, 10), YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
	offset := vg.Point{X: 5}
	if at.X > 0 {
		style.XAlign, offset.X = draw.XRight, -5
	}
	p.Add(&plotter.Labels{
		XYs:       plotter.XYs{above},
		Labels:    []string{fmt.Sprintf("%.2f ULP at %v, label %d", worst.ULP, worst.Logit(), worst.Label)},
		TextStyle: []draw.TextStyle{style},
		Offset:    offset,
	})
}

// asinhScale is linear near zero and logarithmic far from it, on both sides.
type asinhScale struct{}

func (asinhScale) Normalize(min, max, x float64) float64 {
	return (math.Asinh(x) - math.Asinh(min)) / (math.Asinh(max) - math.Asinh(min))
}

var logitTicks = func() (ticks []plot.Tick) {
	for _, x := range []float64{0, 1, 2, 5, 10, 20, 50, 100} {
		ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprint(x)})
		if x > 0 {
			ticks = append(ticks, plot.Tick{Value: -x, Label: fmt.Sprint(-x)})
		}
	}
	return ticks
}()

// ulpTicks has up to ten ticks, at round numbers.
func ulpTicks(min, max float64) (ticks []plot.Tick) {
	step := 0.5
	for i := 0; max/step > 10; i++ {
		step *= [...]float64{2, 2, 2.5}[i%3] // to 1, 2, 5, 10, ...
	}
	for y := 0.0; y <= max; y += step {
		ticks = append(ticks, plot.Tick{Value: y, Label: fmt.Sprint(y)})
	}
	return ticks
}
