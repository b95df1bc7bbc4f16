package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/seed1982febc/focal/bench/internal/result"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Parse(pageText))

// WriteHTML writes a page of the runs, which needs nothing but itself: no network,
// no script. model may be nil. command is the one that makes the page.
func WriteHTML(w io.Writer, runs []*result.Run, model *Model, command string) error {
	data := struct {
		Title      string
		Kernels    []string
		Comparison []Bars
		Batch      string
		Machines   []machine
		Model      *Model
		ModelTable Table
		Command    string
	}{Title: "focal", Command: command, Model: model, Batch: thousands(batch)}
	if model != nil {
		data.ModelTable = model.table()
	}
	var views []*view
	for _, r := range runs {
		v := newView(r)
		views = append(views, v)
		for _, k := range v.kernels {
			if !slices.Contains(data.Kernels, k) {
				data.Kernels = append(data.Kernels, k)
			}
		}
		m, err := v.machine()
		if err != nil {
			return err
		}
		data.Machines = append(data.Machines, m)
	}
	for _, op := range []string{"Sum", "SumGrad"} {
		if bars := machineBars(views, op, batch); bars.Groups != nil {
			data.Comparison = append(data.Comparison, bars)
		}
	}
	return page.Execute(w, data)
}

// batch is the number of cells at which machines are compared.
const batch = 681408

// A machine is what the page shows of one run.
type machine struct {
	Name    string
	Facts   []string
	Tiles   []tile
	Kernels []string
	Time    []figure
	Rivals  []rivalSection
	Roof    []figure
	Tables  []Table
}

type rivalSection struct {
	Data string
	Bars []Bars
}

// A tile is one figure in large type.
type tile struct{ Value, Unit, What string }

func (v *view) machine() (machine, error) {
	m := machine{Name: cpuName(v.Machine), Facts: Headline(v.Run)[1:], Kernels: v.kernels, Tables: Tables(v.Run), Tiles: v.tiles()}
	m.Facts = append([]string{fmt.Sprintf("%d CPUs, caches %s", v.Machine.Cores, caches(v.Machine.Caches))}, m.Facts...)
	var err error
	if m.Time, err = v.timeCharts(); err != nil {
		return m, err
	}
	if m.Roof, err = v.rooflines(); err != nil {
		return m, err
	}
	for _, base := range v.rivalBases() {
		m.Rivals = append(m.Rivals, rivalSection{dataName(base), []Bars{v.rivalBars(base, "Sum"), v.rivalBars(base, "SumGrad")}})
	}
	return m, nil
}

// tiles are the figures that a reader looks for first.
func (v *view) tiles() []tile {
	if len(v.kernels) == 0 {
		return nil
	}
	const image = 10647
	kernel := v.kernels[0]
	var tiles []tile
	for _, op := range []string{"Sum", "SumGrad"} {
		if s := v.Find(result.Base(kernel, op, image)); s != nil {
			tiles = append(tiles, tile{three(s.NsPerElement.Median), "ns", op + " per element, " + kernel})
		}
	}
	ours := v.Find(result.Base(kernel, "SumGrad", image))
	for _, rival := range []struct{ impl, what string }{
		{"torch", "as fast as PyTorch eager"}, {"c", "as fast as gcc's C loop"}, {"go", "as fast as a plain Go loop"},
	} {
		if s := v.Find(result.Base(rival.impl, "SumGrad", image)); s != nil && ours != nil {
			tiles = append(tiles, tile{three(s.NsPerElement.Median / ours.NsPerElement.Median), "×", rival.what + ", SumGrad"})
		}
	}
	if len(tiles) > 4 {
		tiles = tiles[:4]
	}
	return tiles
}
