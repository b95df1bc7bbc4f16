//go:build race

package focal

const raceEnabled = true
