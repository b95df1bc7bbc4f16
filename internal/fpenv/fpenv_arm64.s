//go:build !purego

#include "textflag.h"

// func get() uint64
TEXT ·get(SB), NOSPLIT, $0-8
	MRS FPCR, R0
	MOVD R0, ret+0(FP)
	RET

// func set(control uint64)
TEXT ·set(SB), NOSPLIT, $0-8
	MOVD control+0(FP), R0
	MSR R0, FPCR
	RET

// func met() bool
TEXT ·met(SB), NOSPLIT, $0-1
	MRS FPSR, R0
	UBFX $3, R0, $1, R0 // UFC
	MOVB R0, ret+0(FP)
	RET

// func clearMet()
TEXT ·clearMet(SB), NOSPLIT, $0-0
	MRS FPSR, R0
	AND $~(1<<3), R0
	MSR R0, FPSR
	RET
