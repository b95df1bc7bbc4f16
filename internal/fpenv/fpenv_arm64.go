//go:build !purego

package fpenv

const flush = 1 << 24 // FZ
