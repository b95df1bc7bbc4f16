package report

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/seed1982febc/focal/bench/internal/result"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Parse(pageText))

// WriteHTML writes a page of the runs, which needs nothing but itself: no network,
// no script. model may be nil. command is the one that makes the page.
func WriteHTML(w io.Writer, runs []*result.Run, model *Model, command string) error {
	data := struct {
		Comparison []Bars
		Batch      string
		Machines   []machine
		Model      *Model
		ModelTable Table
		Command    string
	}{Command: command, Model: model, Batch: thousands(batch)}
	if model != nil {
		data.ModelTable = model.table()
	}
	var views []*view
	for _, r := range runs {
		v := newView(r)
		views = append(views, v)
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

// The numbers of cells that figures are taken from: those of one image, in cache,
// and of a batch.
const (
	image = 10647
	batch = 681408
)

// A machine is what the page shows of one run.
type machine struct {
	Name        string
	Facts       []string
	Tiles       []tile
	Time        []figure
	TimeKernels []string
	Rivals      []rivalSection
	Roof        []figure
	RoofKernels []string
	Tables      []Table
}

type rivalSection struct {
	Data string
	Bars []Bars
}

// A tile is one figure in large type.
type tile struct{ Value, Unit, What string }

func (v *view) machine() (machine, error) {
	m := machine{Name: machineName(v.Machine), Facts: facts(v.Run), Tiles: v.tiles(), TimeKernels: v.kernels, Tables: Tables(v.Run)}
	for _, k := range v.kernels {
		if v.peak(k) > 0 {
			m.RoofKernels = append(m.RoofKernels, k)
		}
	}
	var err error
	if m.Time, err = v.timeCharts(); err != nil {
		return m, err
	}
	if m.Roof, err = v.rooflines(); err != nil {
		return m, err
	}
	bases := v.rivalBases()
	axis := v.rivalAxis(bases)
	for _, base := range bases {
		m.Rivals = append(m.Rivals, rivalSection{dataName(base), []Bars{v.rivalBars(base, "Sum", axis), v.rivalBars(base, "SumGrad", axis)}})
	}
	return m, nil
}

// tiles are the figures that a reader looks for first.
func (v *view) tiles() []tile {
	kernel := v.first()
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
