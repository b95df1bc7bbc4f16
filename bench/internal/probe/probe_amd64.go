//go:build !purego

package probe

import "golang.org/x/sys/cpu"

func archLoops() []Loops {
	var loops []Loops
	if cpu.X86.HasAVX512F {
		loops = append(loops, Loops{
			Name: "avx512",
			Read: func(src []float32) uint32 {
				var or [16]uint32
				if n := whole(src); n > 0 {
					readAVX512(&or, &src[0], n/Block)
				}
				return orOf(or[:])
			},
			Copy: func(dst, src []float32) {
				if n := whole(src); n > 0 {
					copyAVX512(&dst[:n][0], &src[0], n/Block)
				}
			},
			MultiplyAdd: func(rounds int) float64 {
				var lanes [192]float32
				multiplyAddAVX512(&lanes, rounds)
				return sumOf(lanes[:])
			},
			Lanes: 192,
		})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		loops = append(loops, Loops{
			Name: "avx2",
			Read: func(src []float32) uint32 {
				var or [8]uint32
				if n := whole(src); n > 0 {
					readAVX2(&or, &src[0], n/Block)
				}
				return orOf(or[:])
			},
			Copy: func(dst, src []float32) {
				if n := whole(src); n > 0 {
					copyAVX2(&dst[:n][0], &src[0], n/Block)
				}
			},
			MultiplyAdd: func(rounds int) float64 {
				var lanes [96]float32
				multiplyAddAVX2(&lanes, rounds)
				return sumOf(lanes[:])
			},
			Lanes: 96,
		})
	}
	return loops
}

// The loops take a number of blocks, or of rounds, above 0.

//go:noescape
func readAVX2(or *[8]uint32, src *float32, blocks int)

//go:noescape
func readAVX512(or *[16]uint32, src *float32, blocks int)

//go:noescape
func copyAVX2(dst, src *float32, blocks int)

//go:noescape
func copyAVX512(dst, src *float32, blocks int)

//go:noescape
func multiplyAddAVX2(lanes *[96]float32, rounds int)

//go:noescape
func multiplyAddAVX512(lanes *[192]float32, rounds int)
