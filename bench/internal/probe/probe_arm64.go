//go:build !purego

package probe

func archLoops() []Loops {
	return []Loops{{
		Name: "neon",
		Read: func(src []float32) uint32 {
			var or [16]uint32
			if n := whole(src); n > 0 {
				readNEON(&or, &src[0], n/Block)
			}
			return orOf(or[:])
		},
		Copy: func(dst, src []float32) {
			if n := whole(src); n > 0 {
				copyNEON(&dst[:n][0], &src[0], n/Block)
			}
		},
		MultiplyAdd: func(rounds int) float64 {
			var lanes [96]float32
			multiplyAddNEON(&lanes, rounds)
			return sumOf(lanes[:])
		},
		Lanes: 96,
	}}
}

// The loops take a number of blocks, or of rounds, above 0.

//go:noescape
func readNEON(or *[16]uint32, src *float32, blocks int)

//go:noescape
func copyNEON(dst, src *float32, blocks int)

//go:noescape
func multiplyAddNEON(lanes *[96]float32, rounds int)
