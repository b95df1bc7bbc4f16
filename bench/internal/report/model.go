package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		if row.Core == "" || !(row.CyclesPerElement > 0) || row.GHz < 0 {
			return nil, fmt.Errorf("row %d of a model has no core, no positive cycles_per_element, or a negative ghz", i)
		}
	}
	return &m, nil
}

// table is the model's figures.
func (m *Model) table() Table {
	t := Table{Prose: true, Head: []string{"core", "kernel", "op", "gamma", "cycles/element", "ns/element", "limited by"}}
	for _, r := range m.Rows {
		ns := ""
		if r.GHz > 0 {
			ns = fmt.Sprintf("%s at %v GHz", three(r.CyclesPerElement/r.GHz), r.GHz)
		}
		t.Rows = append(t.Rows, []string{r.Core, r.Kernel, r.Op, plain(r.Gamma), three(r.CyclesPerElement), ns, r.Limit})
	}
	t.dropEmptyColumns()
	return t
}
