package report

import (
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// An ink is a colour of the page's style sheet, by the name of its variable: charts
// are drawn with placeholders, so that they follow the page from light to dark.
type ink uint8

const (
	inkText ink = iota
	inkMuted
	inkGrid
	inkAVX512
	inkAVX2
	inkNEON
	inkGeneric
	inkOther
)

var inkNames = [...]string{
	inkText: "text", inkMuted: "muted", inkGrid: "grid",
	inkAVX512: "avx512", inkAVX2: "avx2", inkNEON: "neon", inkGeneric: "generic", inkOther: "other",
}

// RGBA makes an ink a color.Color: the placeholder.
func (i ink) RGBA() (r, g, b, a uint32) {
	return color.RGBA{R: 0xFE, G: 0xDC, B: uint8(i), A: 0xFF}.RGBA()
}

// inkOf returns the ink of an implementation.
func inkOf(impl string) ink {
	for i, name := range inkNames {
		if name == impl {
			return ink(i)
		}
	}
	return inkOther
}

var (
	placeholder = regexp.MustCompile(`#FEDC([0-9A-F]{2})`)
	fontStyle   = regexp.MustCompile(`font-family:[^;"]*;font-variant:[^;"]*;font-weight:[^;"]*;font-style:[^;"]*;`)
)

// A chart is a plot on logarithmic axes whose points say their value when pointed
// at.
type chart struct {
	*plot.Plot
	width, height vg.Length
	tips          []tip
}

type tip struct {
	x, y float64
	text string
}

func newChart(width, height vg.Length, xTitle, yTitle string, xTicks, yTicks []plot.Tick) *chart {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale = plot.LogScale{}
		axis.Padding = 0
		axis.LineStyle.Width = 0
		axis.Tick.LineStyle.Width = 0
		axis.Tick.Length = vg.Points(4)
		axis.Tick.Label = textStyle(inkMuted)
		axis.Label.TextStyle.Color, axis.Label.TextStyle.Font = inkMuted, axis.Tick.Label.Font
		axis.Tick.Label.XAlign, axis.Tick.Label.YAlign = draw.XCenter, draw.YTop
	}
	p.Y.Tick.Label.XAlign, p.Y.Tick.Label.YAlign = draw.XRight, draw.YCenter
	p.X.Label.Text, p.Y.Label.Text = xTitle, yTitle
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(xTicks), plot.ConstantTicks(yTicks)
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: inkGrid, Width: vg.Points(1)}
	grid.Vertical.Width = 0
	p.Add(grid)
	return &chart{Plot: p, width: width, height: height}
}

func textStyle(i ink) text.Style {
	return text.Style{
		Color:   i,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, 12),
		Handler: plot.DefaultTextHandler,
	}
}

// within sets the range of the axes.
func (c *chart) within(xMin, xMax, yMin, yMax float64) {
	c.X.Min, c.X.Max, c.Y.Min, c.Y.Max = xMin, xMax, yMin, yMax
}

// line draws a line.
func (c *chart) line(i ink, width float64, dashes []vg.Length, points ...plotter.XY) {
	c.Add(&plotter.Line{XYs: points, LineStyle: draw.LineStyle{Color: i, Width: vg.Points(width), Dashes: dashes}})
}

// dot draws a point of a radius that says a text when pointed at.
func (c *chart) dot(i ink, radius float64, at plotter.XY, text string) {
	style := draw.GlyphStyle{Color: i, Radius: vg.Points(radius), Shape: draw.CircleGlyph{}}
	c.Add(&plotter.Scatter{XYs: plotter.XYs{at}, GlyphStyle: style})
	c.tips = append(c.tips, tip{at.X, at.Y, text})
}

// label writes a text beside a point.
func (c *chart) label(i ink, at plotter.XY, align text.XAlignment, offset vg.Point, s string) {
	style := textStyle(i)
	style.XAlign = align
	c.Add(&plotter.Labels{XYs: plotter.XYs{at}, Labels: []string{s}, TextStyle: []text.Style{style}, Offset: offset})
}

// svg returns the chart as an element of a page, described by name.
func (c *chart) svg(name string) (template.HTML, error) {
	canvas := vgsvg.NewWith(vgsvg.UseWH(c.width, c.height))
	dc := draw.New(canvas)
	c.Draw(dc)
	var b strings.Builder
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", err
	}
	_, body, _ := strings.Cut(b.String(), "<g ")
	body = "<g " + body[:strings.LastIndex(body, "</svg>")]
	body = fontStyle.ReplaceAllString(body, "")
	body = placeholder.ReplaceAllStringFunc(body, func(s string) string {
		var i ink
		fmt.Sscanf(s[5:], "%X", &i)
		return "var(--" + inkNames[i] + ")"
	})

	data := c.DataCanvas(dc)
	x, y := c.Transforms(&data)
	var tips strings.Builder
	for _, t := range c.tips {
		fmt.Fprintf(&tips, `<circle class="tip" cx="%.1f" cy="%.1f" r="9"><title>%s</title></circle>`+"\n",
			x(t.x).Points(), (c.height - y(t.y)).Points(), html.EscapeString(t.text))
	}
	return template.HTML(fmt.Sprintf("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n%s%s</svg>",
		c.width.Points(), c.height.Points(), html.EscapeString(name), body, tips.String())), nil
}

// decades returns ticks at 1, 2 and 5 times powers of ten from min to max: more if max is less
// than ten times min, fewer if it is more than wide times min.
func decades(min, max, wide float64) []plot.Tick {
	steps := []float64{1, 2, 5}
	switch {
	case max < 10*min:
		steps = []float64{1, 1.5, 2, 3, 4, 5, 6, 8}
	case max > wide*min:
		steps = []float64{1}
	}
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(min)); e <= math.Log10(max); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= min*0.999 && v <= max*1.001 {
				ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
			}
		}
	}
	return ticks
}
