// fetch begins to fetch a group of later logits, and where their results go. Each kernel calls it once for a group, if
// there is a frame.later. In: FRAME; CURSOR, a register that is free. Clobbers AX.
TEXT fetch<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ frame_later(FRAME), AX
	MOVQ later_at(AX), CURSOR
	TESTQ CURSOR, CURSOR
	JEQ none
	CMPQ CURSOR, later_end(AX)
	JCS inside
	MOVQ later_end(AX), CURSOR
	ADDQ later_step(AX), CURSOR
	MOVQ CURSOR, later_end(AX)
	SUBQ later_len(AX), CURSOR

inside:
	PREFETCHT0 (CURSOR)
	PREFETCHT0 64(CURSOR)
	PREFETCHT0 128(CURSOR)
	PREFETCHT0 192(CURSOR)
	ADDQ $256, CURSOR
	MOVQ CURSOR, later_at(AX)
	ADDQ later_out(AX), CURSOR
	PREFETCHT0 -256(CURSOR)
	PREFETCHT0 -192(CURSOR)
	PREFETCHT0 -128(CURSOR)
	PREFETCHT0 -64(CURSOR)

none:
	RET
