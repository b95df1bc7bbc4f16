// Package probe has loops that reach what a core can do at most: read, copy, and
// multiply and add. Timing them gives the roofs under which a kernel works.
package probe

import "math"

// Block is the number of floats that one turn of a loop reads or copies. What
// is left of a slice beyond a multiple of Block is not touched.
const Block = 128

// Loops are the loops for one kind of vector.
type Loops struct {
	Name string // that of the library's kernel which uses such vectors

	// Read loads each float once and returns the OR of their bits: the least
	// work that a loop can do and still depend on every load.
	Read func(src []float32) uint32

	// Copy copies src to dst. Both have the same length.
	Copy func(dst, src []float32)

	// MultiplyAdd does rounds fused multiply-adds in each of Lanes independent
	// lanes and returns their number, which the lanes have counted themselves:
	// each adds 1*1 at a time, exactly up to 2^24 rounds.
	MultiplyAdd func(rounds int) float64
	Lanes       int // 0: there is no such loop
}

// All returns the loops that this CPU and this build can run, those with the
// widest vectors first, those in plain Go last.
func All() []Loops {
	return append(archLoops(), Loops{Name: "generic", Read: readGo, Copy: copyGo})
}

func readGo(src []float32) uint32 {
	var or [8]uint32
	for len(src) >= Block {
		for i := 0; i < Block; i += 8 {
			s := src[i : i+8 : i+8]
			or[0] |= math.Float32bits(s[0])
			or[1] |= math.Float32bits(s[1])
			or[2] |= math.Float32bits(s[2])
			or[3] |= math.Float32bits(s[3])
			or[4] |= math.Float32bits(s[4])
			or[5] |= math.Float32bits(s[5])
			or[6] |= math.Float32bits(s[6])
			or[7] |= math.Float32bits(s[7])
		}
		src = src[Block:]
	}
	return orOf(or[:])
}

func copyGo(dst, src []float32) {
	n := whole(src)
	copy(dst[:n], src[:n])
}

// whole returns the number of floats in whole blocks of s.
func whole(s []float32) int { return len(s) / Block * Block }

func orOf(words []uint32) uint32 {
	var or uint32
	for _, w := range words {
		or |= w
	}
	return or
}

func sumOf(lanes []float32) float64 {
	sum := 0.0
	for _, v := range lanes {
		sum += float64(v)
	}
	return sum
}
