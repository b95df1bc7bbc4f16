//go:build !race

package focal

func race(out, logits *float32, labels *uint8, n int) {}

func raceEvery(s []float32, n, stride int, write bool) {}

func raceRuns(dst, src []float32, n, runs, dstStep, srcStep int) {}
