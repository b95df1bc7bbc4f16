package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Model is what a static analysis expects of kernels on cores that nothing was
// measured on.
type Model struct {
	Title string     `json:"title"`
	How   string     `json:"how"` // the tool, and what it leaves out
	Rows  []ModelRow `json:"rows"`
}

// A ModelRow is one kernel on one core.
type ModelRow struct {
	Core             string  `json:"core"`
	Kernel           string  `json:"kernel"`
	Op               string  `json:"op"`
	Gamma            float64 `json:"gamma"`
	CyclesPerElement float64 `json:"cycles_per_element"`
	GHz              float64 `json:"ghz,omitempty"` // 0: unknown
	Limit            string  `json:"limit"`         // the resource that limits the kernel
}

// ReadModel reads a model from JSON.
func ReadModel(r io.Reader) (*Model, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var m Model
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("not a model: %w", err)
	}
	if len(m.Rows) == 0 {
		return nil, errors.New("a model without rows")
	}
	for i, row := range m.Rows {
		if row.Core == "" || !slices.Contains(ops, row.Op) || !(row.CyclesPerElement > 0) || row.GHz < 0 {
			return nil, fmt.Errorf("row %d of a model has no core, no op of %s, "+
				"no positive cycles_per_element, or a negative ghz", i, list(ops))
		}
	}
	return &m, nil
}

// table is the model's cycles per element, a row for each core, kernel and gamma. The kernel is
// not named if there is but one.
func (m *Model) table() Table {
	t := Table{Prose: true, Head: []string{"core", "kernel", "gamma", "Sum", "SumGrad", "Each", "limited by"}}
	one := !slices.ContainsFunc(m.Rows, func(r ModelRow) bool { return r.Kernel != m.Rows[0].Kernel })
	for _, r := range m.Rows {
		kernel, gamma, limit := r.Kernel, plain(r.Gamma), len(t.Head)-1
		if one {
			kernel = ""
		}
		i := slices.IndexFunc(t.Rows, func(row []string) bool {
			return row[0] == r.Core && row[1] == kernel && row[2] == gamma && row[limit] == r.Limit
		})
		if i < 0 {
			i = len(t.Rows)
			t.Rows = append(t.Rows, []string{r.Core, kernel, gamma, "", "", "", r.Limit})
		}
		text := three(r.CyclesPerElement)
		if r.GHz > 0 {
			text += fmt.Sprintf(", %s ns at %v GHz", three(r.CyclesPerElement/r.GHz), r.GHz)
		}
		t.Rows[i][slices.Index(t.Head, r.Op)] = text
	}
	t.dropEmptyColumns()
	return t
}
