//go:build (amd64 || arm64) && !purego

// Package fpenv changes how the floating-point unit treats subnormal numbers, and tells whether it met
// some, for tests of what must not depend on it.
package fpenv

import "runtime"

// Flush runs f while the floating-point unit takes subnormal operands for 0 and
// returns 0 in place of subnormal results: FTZ and DAZ in MXCSR, FZ in FPCR.
//
// The setting belongs to the thread. f is locked to its thread, to which no other
// goroutine comes meanwhile, and the runtime starts no thread from a locked one, so
// none inherits it. Goroutines that f starts run without it.
func Flush(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := get()
	defer set(old)
	set(old | flush)
	f()
}

// Met reports whether the floating-point unit met subnormal numbers while it ran f: on amd64 as operands, which
// sets DE in MXCSR, or as inexact results, which set UE; on arm64 the latter alone, which set UFC in FPSR. Goroutines
// that f starts are left out.
func Met(f func()) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clearMet()
	f()
	return met()
}

// met reports whether subnormal numbers have been met since clearMet.
func met() bool

// clearMet clears what says so.
func clearMet()

// get returns the control register of the floating-point unit.
func get() uint64

// set sets it.
func set(control uint64)
