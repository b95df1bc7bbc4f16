//go:build purego || (!amd64 && !arm64)

package probe

func archLoops() []Loops { return nil }
