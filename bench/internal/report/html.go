package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/seed1982febc/focal/bench/internal/result"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"unsteady": func(figure string) bool { return strings.Contains(figure, unsteadyMark) },
}).Parse(pageText))

// WriteHTML writes a page of the runs, which needs nothing but itself: no network,
// no script. model may be nil. command is the one that makes the page.
func WriteHTML(w io.Writer, runs []*result.Run, model *Model, command string) error {
	data := struct {
		Comparison []Bars
		Batch      string
		WholeJob   string
		Machines   []machine
		Model      *Model
		ModelTable Table
		Command    string
	}{Command: command, Model: model, Batch: thousands(batch), WholeJob: wholeJob}
	if model != nil {
		data.ModelTable = model.table()
	}
	var views []*view
	for _, r := range runs {
		views = append(views, newView(r))
	}
	tellApart(views)
	for _, v := range views {
		m, err := v.machine()
		if err != nil {
			return err
		}
		data.Machines = append(data.Machines, m)
	}
	data.Comparison = machineBars(views, batch)
	return page.Execute(w, data)
}

// tellApart adds to names that are there more than once what tells their runs apart.
func tellApart(views []*view) {
	for _, what := range []func(i int, v *view) string{
		func(_ int, v *view) string { return commit(v.Machine) },
		func(_ int, v *view) string { return v.Started.Format("2006-01-02 15:04") },
		func(i int, _ *view) string { return fmt.Sprintf("result %d", i+1) },
	} {
		count := make(map[string]int)
		for _, v := range views {
			count[v.name]++
		}
		for i, v := range views {
			if count[v.name] > 1 {
				v.name += ", " + what(i, v)
			}
		}
	}
}

// The numbers of cells that figures are taken from: those of one image, in cache,
// and of a batch.
const (
	image = 10647
	batch = 681408
)

// A machine is what the page shows of one run.
type machine struct {
	Name       string
	Facts      []string
	Tiles      []tile
	Time       []figure
	TimeLegend legend
	First      string // kernel
	Rivals     []rivalSection
	Who        []result.Rival
	Roof       []figure
	RoofLegend legend
	Tables     []Table
}

// A legend says which colour is which kernel's.
type legend struct {
	Kernels []string
	Note    string
}

type rivalSection struct {
	Data, Note string
	Bars       []Bars
}

// A tile is one figure in large type: what it is, and of what.
type tile struct{ Value, Unit, What, Of string }

func (v *view) machine() (machine, error) {
	m := machine{
		Name: v.name, Facts: facts(v.Run), Tiles: v.tiles(), TimeLegend: legend{Kernels: v.kernels},
		First: v.first(), RoofLegend: v.roofLegend(), Tables: Tables(v.Run),
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
		all := v.contenders(base)
		dots := []Bars{v.rivalDots(base, "Sum", axis), v.rivalDots(base, "SumGrad", axis)}
		m.Rivals = append(m.Rivals, rivalSection{dataName(base), copyNote(base, all), dots})
		for _, c := range all {
			if who := (result.Rival{Name: c.name, About: c.about}); !c.ours && !slices.Contains(m.Who, who) {
				m.Who = append(m.Who, who)
			}
		}
	}
	return m, nil
}

// tiles are the figures that a reader looks for first.
func (v *view) tiles() []tile {
	kernel := v.first()
	of := fmt.Sprintf("%s, n\u00a0=\u00a0%s, one\u00a0thread", kernel, thousands(image))
	var tiles []tile
	for _, op := range []string{"Sum", "SumGrad"} {
		if s := v.Find(result.Base(kernel, op, image)); s != nil {
			tiles = append(tiles, tile{median(s.NsPerElement), "ns", op + " per element", of})
		}
	}
	ours := v.Find(result.Base(kernel, "SumGrad", image))
	for _, rival := range []struct{ impl, what string }{
		{"torch", "as fast as PyTorch eager"}, {"c", "as fast as gcc's C loop"}, {"go", "as fast as a plain Go loop"},
	} {
		if s := v.Find(result.Base(rival.impl, "SumGrad", image)); s != nil && ours != nil {
			tiles = append(tiles, tile{ratio(s, ours, three), "×", rival.what, "SumGrad, " + of})
		}
	}
	if len(tiles) > 4 {
		tiles = tiles[:4]
	}
	return tiles
}
