package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed1982febc/focal/bench/internal/result"
)

// unsteadyMark stands before the medians of unsteady samples.
const unsteadyMark = "≈"

// unsteady reports whether the quartiles of samples are far from the median.
func unsteady(s result.Summary) bool { return s.Spread() > 0.25 }

// mark is what stands before a figure that comes from samples: the mark if any were unsteady.
func mark(samples ...result.Summary) string {
	if slices.ContainsFunc(samples, unsteady) {
		return unsteadyMark
	}
	return ""
}

// median is a median, marked.
func median(s result.Summary) string { return mark(s) + three(s.Median) }

// cell is a series in a table, "" if there is none.
func cell(s *result.Series) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%s ±%.0f%%", median(s.NsPerElement), math.Ceil(100*s.NsPerElement.Spread()))
}

// list joins names as a sentence does.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// three spells a number with three digits, or all of those before the point.
func three(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// twoDigits spells a number with two digits after the point.
func twoDigits(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// si spells a rate with the letter of its power of a thousand.
func si(v float64) string {
	for _, unit := range []string{"", "k", "M"} {
		if v < 1000 {
			return three(v) + unit
		}
		v /= 1000
	}
	return three(v) + "G"
}

// thousands spells a whole number with a comma after every three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sizeOf spells a size in KiB or MiB.
func sizeOf(n int) string {
	if n >= 1<<20 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<20)), ".0") + " MiB"
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// short is plain, in thousands if there are any.
func short(v float64) string {
	if v >= 1000 {
		return plain(v/1000) + "k"
	}
	return plain(v)
}

// plain spells a number with few digits without an exponent.
func plain(v float64) string {
	const digits = 1e6
	return strconv.FormatFloat(math.Round(v*digits)/digits, 'f', -1, 64)
}
