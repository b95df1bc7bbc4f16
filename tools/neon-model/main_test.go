package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestGroupOf: the block that a b.ne skips appears once per group, that of another forward branch never, nor what
// follows the return.
func TestGroupOf(t *testing.T) {
	asm := []string{"mov x0, x1", "fadd v0.4s, v0.4s, v0.4s", "b.pl #32", "b.lt #8", "brk #1", "b.ne #8", "nop", "subs x3, x3, #1", "b.ne #-28", "ret", "bl #64", "b.le #-32", "ret"}
	got, err := groupOf(asm)
	if err != nil {
		t.Fatal(err)
	}
	step := slices.Concat(asm[1:4], asm[5:6], asm[7:9])
	want := slices.Concat(step, step, step, asm[1:4], asm[5:9])
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := groupOf(asm[:6]); err == nil {
		t.Error("no error without a loop")
	}
}

// TestPortBound: work that only few ports can do counts against those alone, and
// against all of them together.
func TestPortBound(t *testing.T) {
	const pressure = `{"ResourcePressureView": {"ResourcePressureInfo": [
		{"InstructionIndex": 0, "ResourceIndex": 1, "ResourceUsage": 4},
		{"InstructionIndex": 0, "ResourceIndex": 2, "ResourceUsage": 4},
		{"InstructionIndex": 1, "ResourceIndex": 1, "ResourceUsage": 3},
		{"InstructionIndex": 1, "ResourceIndex": 2, "ResourceUsage": 1},
		{"InstructionIndex": 1, "ResourceIndex": 3, "ResourceUsage": 1},
		{"InstructionIndex": 2, "ResourceIndex": 0, "ResourceUsage": 3},
		{"InstructionIndex": 3, "ResourceIndex": 0, "ResourceUsage": 100}]}}`
	for _, c := range []struct {
		n     int
		bound float64
		by    string
	}{{1, 4, "V0+V1"}, {2, 13.0 / 3, "V0+V1+V2"}, {3, 13.0 / 3, "V0+V1+V2"}, {4, 103, "L"}} {
		var r region
		if err := json.Unmarshal([]byte(pressure), &r); err != nil {
			t.Fatal(err)
		}
		bound, by := portBound(r, []string{"L", "V0", "V1", "V2"}, c.n)
		if bound != c.bound || by != c.by {
			t.Errorf("%d instructions: %v by %s, want %v by %s", c.n, bound, by, c.bound, c.by)
		}
	}
}
