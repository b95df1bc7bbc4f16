//go:build !purego

#include "textflag.h"

// func get() uint64
TEXT ·get(SB), NOSPLIT, $0-8
	MOVQ $0, ret+0(FP)
	STMXCSR ret+0(FP)
	RET

// func set(control uint64)
TEXT ·set(SB), NOSPLIT, $0-8
	LDMXCSR control+0(FP)
	RET

#define MET (1<<1 | 1<<4) // DE and UE

// func met() bool
TEXT ·met(SB), NOSPLIT, $8-1
	STMXCSR 0(SP)
	TESTL $MET, 0(SP)
	SETNE ret+0(FP)
	RET

// func clearMet()
TEXT ·clearMet(SB), NOSPLIT, $8-0
	STMXCSR 0(SP)
	ANDL $~MET, 0(SP)
	LDMXCSR 0(SP)
	RET
