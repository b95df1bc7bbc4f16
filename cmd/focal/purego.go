//go:build purego

package main

// purego tells whether this build leaves out the library's assembly.
const purego = true
