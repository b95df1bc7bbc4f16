//go:build !purego

package fpenv

const flush = 1<<15 | 1<<6 // FTZ and DAZ
