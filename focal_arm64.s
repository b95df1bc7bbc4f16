//go:build !purego

#include "textflag.h"
#include "funcdata.h"
#include "go_asm.h"
#include "neon_arm64.h"

// The NEON kernel. What it computes, and why in this order, stands in
// contract.go; the macros have the names of the steps in focal_generic.go.
//
// Cells come in groups of 64, 4 rows of 16. A step takes 4 columns: one vector
// from each row, so that four independent computations fill the pipes. What a step
// comes to stays in registers. VFMLA adds to its result, so a Horner step begins
// with a copy of the coefficient for each row; it is loaded, as loads leave the
// pipes for arithmetic alone.
//
// Where floats are known to be positive, or negative, they are compared and limited
// as integers. As integers, negative floats are in reverse order.
//
// Where all logits of a step are below frame.safe, what only tiny or clamped results need is left out.
//
// Registers are numbers: see neon_arm64.h. Those that live through a variant:
#define FRAME 0
#define LOGITS 1 // of the step
#define LABELS 2
#define OUT 3
#define STEPS 4 // left to do, four per group
#define COLUMN 5 // where T of the step goes
#define COEF 6
#define PARAMS 7
#define TABLES 8
#define SLOTS 9 // memory for 8 vectors
#define HUGE 10 // kHuge
#define LANES 11 // frame_lanes
#define LAST 12 // COLUMN after the last step of a group
#define REACH 13 // of the step: the greatest of its -|w|, as integers
#define SAFE 14 // frame_safe
#define TMP 15

// Vectors, four each, one per row. What they hold besides, the steps say.
#define W 0 // -z
#define A 4 // weight, then a * q^gamma
#define X 8
#define Y 12
#define P 16
#define Q 20
#define E 24 // e, as an argument
#define T 28 // constants, if nothing else
#define T0 28
#define T1 29
#define T2 30
#define T3 31

// One operation on four rows.
#define ROWS(op, m, n, d) \
	op(m+0, n+0, d+0) \
	op(m+1, n+1, d+1) \
	op(m+2, n+2, d+2) \
	op(m+3, n+3, d+3)

// The same with one first operand for all rows,
#define ROWSM(op, m, n, d) \
	op(m, n+0, d+0) \
	op(m, n+1, d+1) \
	op(m, n+2, d+2) \
	op(m, n+3, d+3)

// with one second operand,
#define ROWSN(op, m, n, d) \
	op(m+0, n, d+0) \
	op(m+1, n, d+1) \
	op(m+2, n, d+2) \
	op(m+3, n, d+3)

// and with only two operands.
#define ROWS2(op, n, d) \
	op(n+0, d+0) \
	op(n+1, d+1) \
	op(n+2, d+2) \
	op(n+3, d+3)

#define MOVE(n, d) ROWS(VORR, n, n, d)

// LOAD and STORE: from and to memory, row by row stride bytes further on.
#define LOAD(op, off, stride, n, d) \
	op(off+0*(stride), n, d+0) \
	op(off+1*(stride), n, d+1) \
	op(off+2*(stride), n, d+2) \
	op(off+3*(stride), n, d+3)

#define STORE(d, off, stride, n) \
	STRQ(d+0, off+0*(stride), n) \
	STRQ(d+1, off+1*(stride), n) \
	STRQ(d+2, off+2*(stride), n) \
	STRQ(d+3, off+3*(stride), n)

// CONST: one coefficient; COPY: one for each row.
#define CONST(k, d) LDRQ(16*k, COEF, d)
#define COPY(k, d) LOAD(LDRQ, 16*k, 0, COEF, d)

// ---- Labels ----

// The bytes of a vector as a table: VTBL gives 0 for an index above 15.
#define SPREAD 0 // byte i to the bytes of lane i
#define FOUR 16
#define BYTES 32 // 0, 1, 2, 3 in each lane
#define SIGNS 48 // -0 in the lane of Positive
DATA tables<>+0(SB)/8, $0x0101010100000000
DATA tables<>+8(SB)/8, $0x0303030302020202
DATA tables<>+16(SB)/8, $0x0404040404040404
DATA tables<>+24(SB)/8, $0x0404040404040404
DATA tables<>+32(SB)/8, $0x0302010003020100
DATA tables<>+40(SB)/8, $0x0302010003020100
DATA tables<>+48(SB)/8, $0x8000000000000000
DATA tables<>+56(SB)/8, $0
GLOBL tables<>(SB), RODATA|NOPTR, $64

// INDEX: labels = the label in each byte of a lane; index = where VTBL finds the four
// bytes of its lane in a table of floats: nowhere for Ignore. Clobbers T0, T1.
#define INDEX(labels, index) \
	LOAD(LDRS, 0, 16, LABELS, labels) \
	LDRQ(SPREAD, TABLES, T0) \
	LDRQ(FOUR, TABLES, T1) \
	LOAD(LDRQ, BYTES, 0, TABLES, index) \
	ROWSM(VTBL, T0, labels, labels) \
	ROWSM(VMLA_B16, T1, labels, index)

// ---- Entering a step: logits and labels to w, the weight and e ----

// NOSIGN and SIGN are what DECODE does with the sign of the gradient: the weights,
// whose table is in T2, get it.
#define NOSIGN
#define SIGN \
	LDRQ(SIGNS, TABLES, T3) \
	VEOR(T3, T2, T2)

// DECODE: w = -z and the weight, 0 for ignored cells. Clobbers X, T.
#define DECODE(SIGN) \
	INDEX(X, A) \
	LOAD(LDRQ, 0, 64, LOGITS, W) \
	LDRQ(params_weight, PARAMS, T2) \
	SIGN \
	ROWSM(VSHL, 31, X, X) \
	ROWSN(VTBL, A, T2, A) \
	ROWS(VEOR, X, W, W)

// IFSAFE: jumps if nothing in the step is tiny or clamped.
#define IFSAFE(label) \
	CMPW R(SAFE), R(REACH) \
	BLT label

// LIMIT: X = w to -|w|, and clamped if need be. It goes to huge, and may come back, if one is at least 2^20 or NaN.
// Clobbers T.
#define LIMIT(CLAMP) \
	CONST(const_kSign, T0) \
	ROWSM(VORR, T0, W, X) \
	VSMAX(X+0, X+1, T2) \
	VSMAX(X+2, X+3, T3) \
	VSMAX(T2, T3, T2) \
	VSMAXV(T2, T2) \
	FMOVS F(T2), R(REACH) \
	IFSAFE(within) \
	CMPW R(HUGE), R(REACH) \
	BGT huge \
tamed: \
	CLAMP \
within:

#define CLAMP \
	LDRQ(params_end, PARAMS, T1) \
	ROWSM(VFMAX, T1, X, X)

#define CLAMPCLIP \
	LDRQ(params_right, PARAMS, T1) \
	LDRQ(params_wrongEnd, PARAMS, T2) \
	ROWSM(VFMAX, T1, W, X) \
	ROWSM(VORR, T0, X, X) \
	ROWSM(VFMAX, T2, X, X)

// ROUND: P = n, in its low bits, for x, and Q = n. x may be Q. Clobbers T0, T1.
#define ROUND(MAGIC, x) \
	COPY(MAGIC, P) \
	CONST(const_kLog2E, T0) \
	CONST(MAGIC, T1) \
	ROWSM(VFMLA, T0, x, P) \
	ROWSM(VFSUB, T1, P, Q)

// REDUCE: X = x to r for n in Q. ADD comes between the high and the low part of ln 2.
#define NOADD
#define REDUCE(ADD) \
	CONST(const_kLn2HiNeg, T0) \
	CONST(const_kLn2LoNeg, T1) \
	ROWSM(VFMLA, T0, Q, X) \
	ADD \
	ROWSM(VFMLA, T1, Q, X)

// EXP: X = t = exp(r) - 1 for r. Clobbers Y, Q, E, T. EXPBEGIN: p = the quadratic that P begins with. Clobbers Q, T0.
#define EXPBEGIN(p) \
	CONST(const_kExpP3, T0) \
	COPY(const_kExpP2, Q) \
	ROWSM(VFMLA, T0, X, Q) \
	COPY(const_kExpP1, p) \
	ROWS(VFMLA, Q, X, p)

#define EXP \
	EXPBEGIN(Y) \
	ROWS(VFMUL, X, X, E) \
	CONST(const_kExpShift, T0) \
	ROWSM(VFADD, T0, E, Q) \
	COPY(const_kExpP0, T) \
	ROWS(VFMLA, Y, Q, T) \
	ROWS(VFMLA, T, E, X)

// SQUAREEXP: Q = exp(2*r) for t in X. Clobbers Y, T0.
#define SQUAREEXP \
	CONST(const_kTwo, T0) \
	COPY(const_kOne, Q) \
	ROWSM(VFADD, T0, X, Y) \
	ROWS(VFMLA, Y, X, Q)

// OUTPLAIN: E = e and X = e^2 for t in X and n in P. Clobbers Y, P, Q, T0.
#define OUTPLAIN \
	SQUAREEXP \
	CONST(const_kOne, T0) \
	ROWSM(VFADD, T0, X, Y) \
	ROWSM(VSHL, 23, P, P) \
	ROWS(VFMUL, P, Y, E) \
	ROWS(VFMUL, P, P, P) \
	ROWS(VFMUL, P, Q, X)

// OUTWIDE: X = Y = e times 2^64, and E = e, raised to 2^-27, for t in X and n in P. Clobbers P, T.
#define OUTWIDE \
	CONST(const_kOne, T0) \
	CONST(const_kWideBits, T1) \
	CONST(const_kLeastWide, T2) \
	ROWSM(VSHL, 23, P, P) \
	ROWSM(VFADD, T0, X, X) \
	ROWS(VFMUL, P, X, X) \
	ROWSM(VSMAX, T2, X, E) \
	MOVE(X, Y) \
	ROWSM(VSUB, T1, E, E)

// OUTCLIP2: besides, in slots, e^2 times 2^64.
#define OUTCLIP2 \
	SQUAREEXP \
	CONST(const_kSquareWide, T1) \
	CONST(const_kLeastSquareN, T2) \
	ROWSM(VSMAX, T2, P, Y) \
	ROWSM(VSHL, 24, Y, Y) \
	ROWSM(VSUB, T1, Y, Y) \
	ROWS(VADD, Y, Q, Q) \
	STORE(Q, 64, 16, SLOTS) \
	OUTWIDE

// ---- Leaving a step ----

// SQUARE: T = (1+e)^2. Clobbers P.
#define SQUARE \
	CONST(const_kTwo, T0) \
	ROWSM(VFADD, T0, E, P) \
	COPY(const_kOne, T) \
	ROWS(VFMLA, P, E, T)

// ONEPLUS: P = 1+e. Clobbers T0.
#define ONEPLUS \
	CONST(const_kOne, T0) \
	ROWSM(VFADD, T0, E, P)

// ONSIDE: Q = right where w is negative, else k. Clobbers T0.
#define ONSIDE(right, k) \
	CONST(k, T0) \
	ROWS2(VCMLT0, W, Q) \
	ROWSM(VBSL, T0, right, Q)

// MODULATE...: A = a * q^gamma; wide, for e times 2^64 in X. They come before log1p, so that it
// hides the division. Clobber P, Q, T, and plain Y.

#define MODULATE15 \
	ONSIDE(E, const_kOne) \
	ONEPLUS \
	ROWS(VFDIV, P, Q, Q) \
	ROWS2(VFSQRT, Q, P) \
	ROWS(VFMUL, P, Q, Q) \
	ROWS(VFMUL, Q, A, A)

#define MODULATE2 \
	SQUARE \
	ROWS(VFDIV, T, A, A) \
	ONSIDE(X, const_kOne) \
	ROWS(VFMUL, Q, A, A)

#define MODULATE3 \
	SQUARE \
	CONST(const_kOne, P) \
	ROWSM(VFADD, P, E, Y) \
	ROWS(VFMUL, Y, T, T) \
	ROWS(VFDIV, T, A, A) \
	ROWS(VFMUL, E, X, P) \
	ONSIDE(P, const_kOne) \
	ROWS(VFMUL, Q, A, A)

#define MODULATE4 \
	SQUARE \
	ROWS(VFMUL, T, T, T) \
	ROWS(VFDIV, T, A, A) \
	ONSIDE(X, const_kOne) \
	ROWS(VFMUL, Q, A, A) \
	ROWS(VFMUL, Q, A, A)

#define MODULATE05 \
	ONEPLUS \
	ONSIDE(X, const_kWide) \
	ROWS(VFDIV, P, Q, Q) \
	ROWS2(VFSQRT, Q, Q) \
	ROWS(VFMUL, Q, A, A)

#define MODULATE1 \
	ONEPLUS \
	ROWS(VFDIV, P, A, A) \
	ONSIDE(X, const_kWide) \
	ROWS(VFMUL, Q, A, A)

#define MODULATE2CLIP \
	SQUARE \
	ROWS(VFDIV, T, A, A) \
	LOAD(LDRQ, 64, 16, SLOTS, P) \
	ONSIDE(P, const_kWide) \
	ROWS(VFMUL, Q, A, A)

// LOG: Q = the polynomial of log1p for e. Clobbers P, T. FACTOR: Q = the factor of its part T.
#define LOGSTEP(k, p, q) \
	COPY(k, q) \
	ROWS(VFMLA, p, E, q)

#define FACTORPLAIN \
	CONST(const_kLogShift, T0) \
	ROWSM(VFADD, T0, X, Q)

#define FACTORWIDE \
	COPY(const_kLogShift, Q) \
	ROWS(VFMLA, E, X, Q)

#define LOG(FACTOR) \
	CONST(const_kLogQ6, P) \
	COPY(const_kLogQ5, Q) \
	ROWSM(VFMLA, P, E, Q) \
	LOGSTEP(const_kLogQ4, Q, P) \
	LOGEND(FACTOR)

// LOGFINE begins a step earlier.
#define LOGFINE(FACTOR) \
	CONST(const_kLogQ7, P) \
	COPY(const_kLogQ6, Q) \
	ROWSM(VFMLA, P, E, Q) \
	LOGSTEP(const_kLogQ5, Q, T) \
	LOGSTEP(const_kLogQ4, T, P) \
	LOGEND(FACTOR)

#define LOGEND(FACTOR) \
	FACTOR \
	COPY(const_kLogQ3, T) \
	ROWS(VFMLA, P, Q, T) \
	LOGSTEP(const_kLogQ2, T, Q) \
	LOGSTEP(const_kLogQ1, Q, P) \
	LOGSTEP(const_kLogQ0, P, Q)

// SOFTPLUSPLAIN: l = L, in place of e if it is E; where gradients take e besides, KEEP copies it to Y. Clobbers
// P, Q, T.
#define KEEPE MOVE(E, Y)
#define SOFTPLUSPLAIN(KEEP, l) \
	LOG(FACTORPLAIN) \
	CONST(const_kZero, T0) \
	KEEP \
	ROWS(VFMLA, Q, X, l) \
	ROWSM(VSMAX, T0, W, P) \
	ROWS(VFADD, P, l, l)

// LOG1PWIDE: Y = log1p(e) times 2^64. SQUARE: T = e^2 times 2^64, for gamma 2 with clip from its slot. Clobbers P, Q, T.
#define SQUAREE ROWS(VFMUL, X, E, T)
#define SQUARECLIP2 LOAD(LDRQ, 64, 16, SLOTS, T)

#define LOG1PWIDE(LOG, SQUARE) \
	LOG(FACTORWIDE) \
	SQUARE \
	ROWS(VFMLA, Q, T, Y)

// ADDW: Y = log1p(e) to L. Clobbers P, T0, T1.
#define ADDW \
	CONST(const_kZero, T0) \
	CONST(const_kWide, T1) \
	ROWSM(VSMAX, T0, W, P) \
	ROWSM(VFMUL, T1, P, P) \
	ROWS(VFADD, P, Y, Y)

#define SOFTPLUSFINE \
	LOG1PWIDE(LOGFINE, SQUAREE) \
	ADDW

// CLIP: clamps L to the bounds of the label; Q = mask of where it was not. Clobbers P, T.
#define CLIP \
	INDEX(P, Q) \
	LDRQ(params_clipLow, PARAMS, T2) \
	LDRQ(params_clipHigh, PARAMS, T3) \
	ROWSN(VTBL, Q, T2, P) \
	ROWSN(VTBL, Q, T3, Q) \
	ROWS(VSMAX, Y, P, P) \
	ROWS(VSMIN, Q, P, P) \
	ROWS(VCMEQ, P, Y, Q) \
	MOVE(P, Y)

#define SOFTPLUSCLIP \
	SOFTPLUSFINE \
	CLIP

#define SOFTPLUSCLIP2 \
	LOG1PWIDE(LOG, SQUARECLIP2) \
	ADDW \
	CLIP

// POWER: A = a * q^gamma for log1p(e) in Y. hi + lo = gamma * log q, exact but for the
// rounding of lo; hi is in X, lo in E. Leaves W, X, Y, E alone, clobbers the rest.
#define ADDLOW ROWS(VFADD, E, X, X)

// POWEREXP: EXP where only E, Q and T are free; r^2 is made twice.
#define POWEREXP \
	EXPBEGIN(E) \
	ROWS(VFMUL, X, X, Q) \
	COPY(const_kExpShift, T) \
	ROWS(VFADD, Q, T, T) \
	COPY(const_kExpP0, Q) \
	ROWS(VFMLA, E, T, Q) \
	ROWS(VFMUL, X, X, T) \
	ROWS(VFMLA, T, Q, X)

#define POWER \
	STORE(X, 0, 16, SLOTS) \
	STORE(E, 64, 16, SLOTS) \
	LDRQ(params_right, PARAMS, T0) \
	CONST(const_kZero, T1) \
	LDRQ(params_gamma, PARAMS, T2) \
	CONST(const_kWideFloor, T3) \
	ROWSM(VFMAX, T0, W, P) \
	ROWSM(VSMIN, T1, P, P) \
	LDRQ(params_gammaUnwide, PARAMS, T0) \
	ROWSM(VFMUL, T2, P, X) \
	ROWS2(VFNEG, X, E) \
	ROWSM(VFMLA, T2, P, E) \
	ROWSM(VSMAX, T3, Y, P) \
	ROWSM(VFMLS, T0, P, E) \
	ROWS(VFADD, E, X, Q) \
	ROUND(const_kMagicWide, Q) \
	REDUCE(ADDLOW) \
	POWEREXP \
	CONST(const_kOne, T0) \
	ROWSM(VSHL, 23, P, P) \
	ROWSM(VFADD, T0, X, Q) \
	ROWS(VFMUL, P, Q, Q) \
	ROWS(VFMUL, Q, A, A) \
	LOAD(LDRQ, 0, 16, SLOTS, X) \
	LOAD(LDRQ, 64, 16, SLOTS, E)

#define SOFTPLUSANY \
	LOG1PWIDE(LOG, SQUAREE) \
	POWER \
	ADDW

#define SOFTPLUSCLIPANY \
	SOFTPLUSANY \
	CLIP

// VALUE: P = A * L, which WEIGHT makes, or WEIGHTE, or 0 where that is tiny. ABS takes off the sign that A has for
// gradients. Clobbers T.
#define WEIGHT ROWS(VFMUL, A, Y, P)
#define WEIGHTE ROWS(VFMUL, A, E, P)
#define NOABS
#define ABS ROWS2(VFABS, P, P)
#define NOTTINY(v, t) \
	VCMGT(T0, v, t) \
	VAND(t, v, v)

#define VALUE(WEIGHT, ABS) \
	WEIGHT \
	ABS \
	IFSAFE(valued) \
	LDRQ(params_tiny, PARAMS, T0) \
	NOTTINY(P+0, T1) \
	NOTTINY(P+1, T2) \
	NOTTINY(P+2, T3) \
	NOTTINY(P+3, T1) \
valued:

// TOTAL: T of the step, to the column. Clobbers T.
#define TOTAL \
	VFADD(P+0, P+2, T0) \
	VFADD(P+1, P+3, T1) \
	VFADD(T0, T1, T0) \
	STRQ(T0, 0, COLUMN)

// REWIND: COLUMN before a group. It is all that Each does, which has no sum.
#define REWIND SUB $64, R(COLUMN)

// ACCUMULATE: U of the group, whose last T lies before COLUMN, to the lanes. Clobbers T,
// X, Y.
#define ACCUMULATE \
	REWIND \
	LOAD(LDRQ, 0, 16, COLUMN, T) \
	LOAD(LDRQ, 0, 16, LANES, Y) \
	VFADD(T0, T2, T0) \
	VFADD(T1, T3, T1) \
	VFCVTL(T0, X+0) \
	VFCVTL2(T0, X+1) \
	VFCVTL(T1, X+2) \
	VFCVTL2(T1, X+3) \
	ROWS(VFADD_D2, X, Y, Y) \
	STORE(Y, 0, 16, LANES)

// ---- What a mode does with L in Y and the loss in P ----

#define NOTHING

#define EACHPLAIN \
	LDRQ(params_unscale, PARAMS, T0) \
	ROWSM(VFMUL, T0, P, P) \
	STORE(P, 0, 64, OUT)

#define EACHWIDE \
	CONST(const_kUnwide, T0) \
	LDRQ(params_unscale, PARAMS, T1) \
	ROWSM(VFMUL, T0, P, P) \
	ROWSM(VFMUL, T1, P, P) \
	STORE(P, 0, 64, OUT)

// SLOPE: t in W and s in P of the slope's t + s*L; ONE is 1 in the scale of e. Clobbers
// T1-3.
#define SLOPE(ONE, e) \
	LDRQ(params_slopeWrong, PARAMS, T1) \
	LDRQ(params_slopeRight, PARAMS, T2) \
	CONST(ONE, T3) \
	ROWSM(VFMUL, T1, e, P) \
	ROWS2(VCMLT0, W, W) \
	ROWSN(VBIT, W, T2, P) \
	ROWSM(VBSL, T3, e, W)

// FINISH: scales and stores the gradient A * W / (1+e). Fused with +0, the last product
// is +0 where the gradient is, whatever its sign. Clobbers W, X, P, T.
#define FINISH(UNWIDE) \
	ONEPLUS \
	ROWS(VFDIV, P, W, W) \
	FMOVS frame_scale(R(FRAME)), F(T1) \
	VDUP_S0(T1, T1) \
	IFSAFE(great) \
	FMOVS frame_tinyGrad(R(FRAME)), F(T0) \
	VDUP_S0(T0, T0) \
	ROWS(VFMUL, A, W, W) \
	ROWSM(VFACGT, T0, W, X) \
	UNWIDE \
	ROWS(VAND, X, W, W) \
	JMP finish \
great: \
	UNWIDE \
	ROWS(VFMUL, A, W, W) \
finish: \
	COPY(const_kZero, P) \
	ROWSM(VFMLA, T1, W, P) \
	STORE(P, 0, 64, OUT)

#define PLAINSCALE
#define WIDESCALE \
	CONST(const_kWideBits, T2) \
	ROWSM(VSUB, T2, W, W)

#define GRADPLAIN \
	SLOPE(const_kOne, E) \
	ROWS(VFMLA, P, Y, W) \
	FINISH(PLAINSCALE)

// For a steep form, with L bounded.
#define GRADSTEEP \
	CONST(const_kSlopeMax, T0) \
	ROWSM(VSMIN, T0, Y, Y) \
	GRADPLAIN

#define NOMASK
#define INMASK ROWS(VAND, Q, W, W)

#define GRAD(MASK) \
	CONST(const_kSlopeL, T0) \
	SLOPE(const_kWide, X) \
	MASK \
	ROWSM(VFMUL, T0, Y, Y) \
	ROWS(VFMLA, P, Y, W) \
	FINISH(WIDESCALE)

#define GRADWIDE GRAD(NOMASK)
#define GRADCLIP GRAD(INMASK)

// For gamma 0, where s is 0.
#define ZERO(MASK) \
	CONST(const_kWide, T3) \
	ROWS2(VCMLT0, W, W) \
	ROWSM(VBSL, T3, X, W) \
	MASK \
	FINISH(WIDESCALE)

#define GRADZERO ZERO(NOMASK)
#define GRADZEROCLIP ZERO(INMASK)

// tame: in a step that has a huge logit or NaN, w of ignored cells to 0, on which nothing depends, and X = -|w|. The
// flags say GT if another cell is for the oracle: NaN, or a huge logit on the wrong side. Out: T0 = sign. Clobbers Y,
// T, TMP, R20.
TEXT tame<>(SB), NOSPLIT|NOFRAME, $0-0
	LOAD(LDRS, 0, 16, LABELS, Y)
	LDRQ(SPREAD, TABLES, T0)
	ROWSM(VTBL, T0, Y, Y)
	ROWS2(VCMLT0, Y, Y)
	VEOR(T1, T1, T1)
	ROWSN(VBIT, Y, T1, W)
	CONST(const_kSign, T0)
	ROWSM(VORR, T0, W, X)

	VSMAX(W+0, W+1, T2)
	VSMAX(W+2, W+3, T3)
	VSMAX(T2, T3, T2)
	VSMAXV(T2, T2)
	FMOVS F(T2), R(TMP)
	MOVW (16*const_kHugeWrong)(R(COEF)), R20
	CMPW R20, R(TMP)
	BGT special
	VSMAX(X+0, X+1, T2)
	VSMAX(X+2, X+3, T3)
	VSMAX(T2, T3, T2)
	VSMAXV(T2, T2)
	FMOVS F(T2), R(TMP)
	CMPW $-0x800000, R(TMP) // -Inf
special:
	RET

// A variant: returns the steps left in STEPS, 0 unless it met a special logit. The last
// group may be cut short.
#define VARIANT(name, COEFS, SIGN, CLAMP, MAGIC, OUT_, MODULATE, SOFTPLUS, WEIGHT, ABS, TOTAL, ACCUMULATE, MODE) \
TEXT name<>(SB), NOSPLIT|NOFRAME, $0-0 \
	MOVD $COEFS(SB), R(COEF) \
	PCALIGN $32 \
loop: \
	DECODE(SIGN) \
	LIMIT(CLAMP) \
	ROUND(MAGIC, X) \
	REDUCE(NOADD) \
	EXP \
	OUT_ \
	MODULATE \
	SOFTPLUS \
	VALUE(WEIGHT, ABS) \
	TOTAL \
	MODE \
	ADD $16, R(LOGITS) \
	ADD $4, R(LABELS) \
	ADD $16, R(OUT) \
	ADD $16, R(COLUMN) \
	SUB $1, R(STEPS) \
	CMP R(LAST), R(COLUMN) \
	BNE reduced \
	ACCUMULATE \
	ADD $192, R(LOGITS) \
	ADD $48, R(LABELS) \
	ADD $192, R(OUT) \
reduced: \
	CBNZ R(STEPS), loop \
	RET \
huge: \
	MOVD R30, R19 \
	CALL tame<>(SB) \
	MOVD R19, R30 \
	BLE tamed \
	RET

#define PLAIN(sum, each, grad, MODULATE, GRAD) \
	VARIANT(sum, ·coefNEON, NOSIGN, CLAMP, const_kMagic, OUTPLAIN, MODULATE, SOFTPLUSPLAIN(NOTHING, E), WEIGHTE, NOABS, TOTAL, ACCUMULATE, NOTHING) \
	VARIANT(each, ·coefNEON, NOSIGN, CLAMP, const_kMagic, OUTPLAIN, MODULATE, SOFTPLUSPLAIN(NOTHING, E), WEIGHTE, NOABS, NOTHING, REWIND, EACHPLAIN) \
	VARIANT(grad, ·coefNEON, SIGN, CLAMP, const_kMagic, OUTPLAIN, MODULATE, SOFTPLUSPLAIN(KEEPE, Y), WEIGHT, ABS, TOTAL, ACCUMULATE, GRAD)

#define WIDE(sum, each, grad, COEFS, CLAMP, OUT_, MODULATE, SOFTPLUS, GRAD) \
	VARIANT(sum, COEFS, NOSIGN, CLAMP, const_kMagicWide, OUT_, MODULATE, SOFTPLUS, WEIGHT, NOABS, TOTAL, ACCUMULATE, NOTHING) \
	VARIANT(each, COEFS, NOSIGN, CLAMP, const_kMagicWide, OUT_, MODULATE, SOFTPLUS, WEIGHT, NOABS, NOTHING, REWIND, EACHWIDE) \
	VARIANT(grad, COEFS, SIGN, CLAMP, const_kMagicWide, OUT_, MODULATE, SOFTPLUS, WEIGHT, ABS, TOTAL, ACCUMULATE, GRAD)

PLAIN(plain15Sum, plain15Each, plain15Grad, MODULATE15, GRADPLAIN)
PLAIN(plain2Sum, plain2Each, plain2Grad, MODULATE2, GRADPLAIN)
PLAIN(plain3Sum, plain3Each, plain3Grad, MODULATE3, GRADSTEEP)
PLAIN(plain4Sum, plain4Each, plain4Grad, MODULATE4, GRADSTEEP)
WIDE(wide0Sum, wide0Each, wide0Grad, ·coefFineNEON, CLAMP, OUTWIDE, NOTHING, SOFTPLUSFINE, GRADZERO)
WIDE(wide05Sum, wide05Each, wide05Grad, ·coefFineNEON, CLAMP, OUTWIDE, MODULATE05, SOFTPLUSFINE, GRADWIDE)
WIDE(wide1Sum, wide1Each, wide1Grad, ·coefFineNEON, CLAMP, OUTWIDE, MODULATE1, SOFTPLUSFINE, GRADWIDE)
WIDE(wideAnySum, wideAnyEach, wideAnyGrad, ·coefWideNEON, CLAMP, OUTWIDE, NOTHING, SOFTPLUSANY, GRADWIDE)
WIDE(clip0Sum, clip0Each, clip0Grad, ·coefFineNEON, CLAMPCLIP, OUTWIDE, NOTHING, SOFTPLUSCLIP, GRADZEROCLIP)
WIDE(clip1Sum, clip1Each, clip1Grad, ·coefFineNEON, CLAMPCLIP, OUTWIDE, MODULATE1, SOFTPLUSCLIP, GRADCLIP)
WIDE(clip2Sum, clip2Each, clip2Grad, ·coefWideNEON, CLAMPCLIP, OUTCLIP2, MODULATE2CLIP, SOFTPLUSCLIP2, GRADCLIP)
WIDE(clipAnySum, clipAnyEach, clipAnyGrad, ·coefWideNEON, CLAMPCLIP, OUTWIDE, NOTHING, SOFTPLUSCLIPANY, GRADCLIP)

#include "variants.h"

// func cellsNEON(f *frame, variant int, out, logits *float32, labels *uint8, n int) (done, column int)
TEXT ·cellsNEON(SB), 0, $128-64
	NO_LOCAL_POINTERS
	MOVD f+0(FP), R(FRAME)
	MOVD out+16(FP), R(OUT)
	MOVD logits+24(FP), R(LOGITS)
	MOVD labels+32(FP), R(LABELS)
	MOVD n+40(FP), R(STEPS)
	MOVD frame_p(R(FRAME)), R(PARAMS)
	ADD $frame_lanes, R(FRAME), R(LANES)
	ADD $frame_column, R(FRAME), R(COLUMN)
	ADD $64, R(COLUMN), R(LAST)
	MOVD $tables<>(SB), R(TABLES)
	MOVD $slots-128(SP), R(SLOTS)
	MOVW ·coefNEON+(16*const_kHuge)(SB), R(HUGE)
	LSR $4, R(STEPS)
	MOVW frame_safe(R(FRAME)), R(SAFE)
	MOVD variant+8(FP), R15
	MOVD $variants<>(SB), R16
	MOVD (R16)(R15<<3), R15
	CALL (R15)

	// STEPS are left. Of those done, each four are a group.
	MOVD n+40(FP), R(TMP)
	LSR $4, R(TMP)
	SUB R(STEPS), R(TMP)
	AND $3, R(TMP), R(STEPS)
	LSL $2, R(STEPS)
	MOVD R(STEPS), column+56(FP)
	LSR $2, R(TMP)
	LSL $6, R(TMP)
	MOVD R(TMP), done+48(FP)
	RET

// func stage(f *frame, j *job, i, end int)
//
// The frame: 48 bytes for five arguments and 4*stageCells.
TEXT ·stage(SB), 0, $16432-32
	NO_LOCAL_POINTERS
	MOVD f+0(FP), R0
	MOVD j+8(FP), R1
	MOVD i+16(FP), R2
	MOVD end+24(FP), R3
	MOVD $48(RSP), R4
	MOVD R0, 8(RSP)
	MOVD R1, 16(RSP)
	MOVD R2, 24(RSP)
	MOVD R3, 32(RSP)
	MOVD R4, 40(RSP)
	CALL ·staged(SB)
	RET

// INSIDE: its 32 bytes from offset k on have all bits in the last k bytes and none before.
DATA inside<>+32(SB)/8, $-1
DATA inside<>+40(SB)/8, $-1
DATA inside<>+48(SB)/8, $-1
DATA inside<>+56(SB)/8, $-1
GLOBL inside<>(SB), RODATA|NOPTR, $64

// COUNT: adds 32 labels y in V(x) and V(x+1) to the bytes of V17 (|y|) and V18 (y), and |y| to the bits of V16.
// Clobbers V4-6.
#define COUNT(x) \
	VABS_B16(x, 4) \
	VABS_B16(x+1, 5) \
	VORR(4, 5, 6) \
	VORR(6, 16, 16) \
	VADD_B16(4, 5, 4) \
	VADD_B16(4, 17, 17) \
	VADD_B16(x, x+1, 5) \
	VADD_B16(5, 18, 18)

// func archGather(dst, src []float32, stride int)
TEXT ·archGather(SB), NOSPLIT|NOFRAME, $0-56
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R2
	MOVD src_base+24(FP), R1
	MOVD src_len+32(FP), R5
	MOVD stride+48(FP), R3
	LSL $2, R3
	MOVD $4, R4
	MOVD R1, R6
	MOVD R3, R7
	B every<>(SB)

// func archScatter(dst, src []float32, stride int)
TEXT ·archScatter(SB), NOSPLIT|NOFRAME, $0-56
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R5
	MOVD src_base+24(FP), R1
	MOVD src_len+32(FP), R2
	MOVD stride+48(FP), R4
	LSL $2, R4
	MOVD $4, R3
	MOVD R0, R6
	MOVD R4, R7
	B every<>(SB)

// every: copies R2 numbers from R1 to R0, R3 and R4 bytes apart, and fetches what comes aheadCells later in the tensor,
// R5 numbers from R6 on, in steps of R7 bytes.
TEXT every<>(SB), NOSPLIT|NOFRAME, $0-0
	ADD R5<<2, R6, R5
	MOVD $const_aheadCells, R8
	MADD R7, R6, R8, R6

cell:
	CMP R5, R6
	BHS fetched
	PRFM (R6), PLDL1KEEP
	ADD R7, R6

fetched:
	MOVWU (R1), R8
	MOVW R8, (R0)
	ADD R3, R1
	ADD R4, R0
	SUB $1, R2
	CBNZ R2, cell
	RET

// func archCount(labels *uint8, n int, k isa) (positives, ignored, negatives int)
//
// A label is 1, -1 or 0 as a signed byte, any other has a greater magnitude: the sum of |y| is that of positives and
// ignored labels, that of |y| and y twice the positives. It adds up in bytes, which hold 127 of each: first what is left
// of whole groups, with 0 before it, and up to 30 groups; the sums of the bytes after these and after every 30 more.
TEXT ·archCount(SB), NOSPLIT|NOFRAME, $0-48
	MOVD labels+0(FP), R0
	MOVD n+8(FP), R1
	VEOR(16, 16, 16)
	VEOR(17, 17, 17)
	VEOR(18, 18, 18)
	MOVD ZR, R4 // positives and ignored
	MOVD ZR, R5 // twice the positives
	ANDS $63, R1, R3
	BEQ whole
	ADD R1, R0, R6
	SUB $32, R6, R7
	VLD1 (R7), [V0.B16, V1.B16]
	AND $31, R3, R7
	MOVD $inside<>(SB), R8
	ADD R7, R8
	VLD1 (R8), [V2.B16, V3.B16]
	VAND(2, 0, 0)
	VAND(3, 1, 1)
	COUNT(0)
	CMP $32, R3
	BLT whole
	SUB R3, R6
	VLD1 (R6), [V0.B16, V1.B16]
	COUNT(0)

whole:
	LSR $6, R1, R2
	CBZ R2, sum

batch:
	MOVD $30, R3
	CMP R3, R2
	CSEL LT, R2, R3, R3
	SUB R3, R2
	PCALIGN $32

count:
	VLD1 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	ADD $64, R0
	COUNT(0)
	COUNT(2)
	SUB $1, R3
	CBNZ R3, count

sum:
	VADD_B16(17, 18, 18)
	VUADDLV V17.B16, V17
	VUADDLV V18.B16, V18
	FMOVD F17, R6
	FMOVD F18, R7
	ADD R6, R4
	ADD R7, R5
	VEOR(17, 17, 17)
	VEOR(18, 18, 18)
	CBNZ R2, batch

	VMOV V16.D[0], R6
	VMOV V16.D[1], R7
	ORR R7, R6
	LSR $1, R5
	TST $0xfefefefefefefefe, R6
	CSEL EQ, R1, ZR, R1
	CSEL EQ, R4, ZR, R4
	CSEL EQ, R5, ZR, R5
	SUB R4, R1
	SUB R5, R4
	MOVD R5, positives+24(FP)
	MOVD R4, ignored+32(FP)
	MOVD R1, negatives+40(FP)
	RET
