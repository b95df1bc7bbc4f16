//go:build !purego

#include "textflag.h"
#include "funcdata.h"
#include "go_asm.h"

// The AVX2 kernel. What it computes, and why in this order, stands in
// contract.go; the macros have the names of the steps in focal_generic.go.
//
// Cells come in groups of 64, 4 rows of 16. A step takes 8 columns: one vector
// from each row. A step is entered (labels, exp) and left (log1p, everything else),
// and while one step is left the next is entered: the steps of the two polynomials
// alternate, so that eight independent computations fill the pipes. The two meet
// in slots of memory.
//
// Where floats are known to be positive, or negative, they are compared, limited
// and scaled by powers of two as integers: that leaves the units for
// multiplication and addition alone. As integers, negative floats are in reverse order.
//
// Registers that live through a variant:
#define FRAME DI
#define LOGITS SI // of the step to enter
#define LABELS DX
#define OUT BX // of the step to leave
#define OLDLABELS R12
#define STEPS CX // left to do, two per group
#define ADVANCE R11 // bytes of logits to the next step: 32 or 224
#define COEF R8
#define PARAMS R13
#define LEAVING R9 // slots
#define ENTERING R10

// A slot holds, per row, what a step has come to.
#define W(j) (0+32*j)(LEAVING) // -z
#define A(j) (128+32*j)(LEAVING) // weight
#define E(j) (256+32*j)(LEAVING) // e; wide: times 2^64
#define TS(j) (384+32*j)(LEAVING) // wide: e - 2^n, times 2^64
#define EF(j) (512+32*j)(LEAVING) // wide: e, at least 2^-27
#define SIGN(j) (640+32*j)(LEAVING) // of the gradient
#define M(j) (768+32*j)(LEAVING) // a * q^gamma
#define E2(j) (896+32*j)(LEAVING) // e^2; wide: times 2^64
#define IN(j) (896+32*j)(LEAVING) // clip: mask of L that was not clamped
#define L(j) (1024+32*j)(LEAVING) // softplus(w); wide: times 2^64
#define POWEROF2(j) (1152+32*j)(LEAVING) // exponent field of a 2^n; wide: 2^(n+64)
#define SPECIAL 1280(LEAVING) // not 0: there is a logit for the oracle
#define SLOT 1344

#define NEWW(j) (0+32*j)(ENTERING)
#define NEWA(j) (128+32*j)(ENTERING)
#define NEWE(j) (256+32*j)(ENTERING)
#define NEWTS(j) (384+32*j)(ENTERING)
#define NEWEF(j) (512+32*j)(ENTERING)
#define NEWSIGN(j) (640+32*j)(ENTERING)
#define NEWE2(j) (896+32*j)(ENTERING)
#define NEWPOWEROF2(j) (1152+32*j)(ENTERING)
#define NEWSPECIAL 1280(ENTERING)

#define K(k) (32*k)(COEF)

// The registers of the leaving step are Y0-3, those of the entering one Y4-11.
// Y12-15 are for the moment.
#define LEAVE(ROW) \
	ROW(0, Y0) \
	ROW(1, Y1) \
	ROW(2, Y2) \
	ROW(3, Y3)

#define ENTER(ROW) \
	ROW(0, Y4, Y8) \
	ROW(1, Y5, Y9) \
	ROW(2, Y6, Y10) \
	ROW(3, Y7, Y11)

// ---- Entering a step: logits and labels to w, the weight and e ----

// NOSIGN and KEEPSIGN are what DECODE does with the sign of the gradient.
#define NOSIGN(j, s)
#define KEEPSIGN(j, s) VMOVUPS s, NEWSIGN(j)

// DECODE: w = -z and the weight, 0 for ignored cells, by the low bits of the
// label. In: Y13 = params_weight. Clobbers Y14, Y15.
#define DECODE(KEEP, j, w) \
	VPMOVSXBD (16*j)(LABELS), Y15 \
	VPERMILPS Y15, Y13, Y14 \
	VPSLLD $31, Y15, Y15 \
	VMOVUPS Y14, NEWA(j) \
	KEEP(j, Y15) \
	VPXOR (64*j)(LOGITS), Y15, w \
	VMOVUPS w, NEWW(j)

// FINDSPECIAL: notes a -|w| beyond what the kernel does. Clobbers Y14, Y15, AX.
#define FINDSPECIAL(x0, x1, x2, x3) \
	VPMAXSD x0, x1, Y14 \
	VPMAXSD x2, x3, Y15 \
	VPMAXSD Y14, Y15, Y15 \
	VPCMPGTD K(const_kHuge), Y15, Y15 \
	VMOVMSKPS Y15, AX \
	MOVL AX, NEWSPECIAL

// CLAMP and CLAMPCLIP: Y4-7 = w to -|w|, clamped. Clobber Y8-15, AX.
#define NEGATE(j, x, y) VPOR Y12, x, x
#define NEGATED(j, x, y) VPOR Y12, x, y
#define NOTBELOW(j, x, y) VMAXPS Y13, x, x
#define NOTBEYOND(j, x, y) VPMINSD Y13, x, x

#define CLAMP \
	VMOVUPS K(const_kSign), Y12 \
	VMOVUPS params_end(PARAMS), Y13 \
	ENTER(NEGATE) \
	FINDSPECIAL(Y4, Y5, Y6, Y7) \
	ENTER(NOTBEYOND)

#define CLAMPCLIP \
	VMOVUPS K(const_kSign), Y12 \
	VMOVUPS params_right(PARAMS), Y13 \
	ENTER(NEGATED) \
	FINDSPECIAL(Y8, Y9, Y10, Y11) \
	ENTER(NOTBELOW) \
	VMOVUPS K(const_kWrongEnd), Y13 \
	ENTER(NEGATE) \
	ENTER(NOTBEYOND)

// ROUND: nm = n, in its low bits, for x. Out: Y15 = magic. Clobbers Y14.
#define ROUNDROW(j, x, nm) \
	VMOVAPS Y15, nm \
	VFMADD231PS Y14, x, nm

#define ROUND(MAGIC) \
	VMOVUPS K(MAGIC), Y15 \
	VMOVUPS K(const_kLog2E), Y14 \
	ENTER(ROUNDROW)

#define ROUNDPLAIN ROUND(const_kMagicBare)
#define ROUNDWIDE ROUND(const_kMagicWide)

// SPLIT: nm to n, and the powers of two: of e, and wide, of e as an argument. In: Y15 =
// magic. Clobbers Y12-14.
#define SPLITPLAIN(j, x, nm) \
	VPSLLD $23, nm, Y14 \
	VSUBPS Y15, nm, nm \
	VMOVUPS Y14, NEWPOWEROF2(j)

#define SPLITWIDE(j, x, nm) \
	VPMAXSD K(const_kMagicLeast), nm, Y13 \
	VPSLLD $23, nm, Y14 \
	VSUBPS Y15, nm, nm \
	VPSLLD $23, Y13, Y13 \
	VMOVUPS Y14, NEWPOWEROF2(j) \
	VMOVUPS Y13, NEWEF(j)

// REDUCE: x to r for n, in two steps. Clobbers Y13.
#define REDUCEROW(j, x, n) VFMADD231PS Y13, n, x

#define REDUCE(k) \
	VMOVUPS K(k), Y13 \
	ENTER(REDUCEROW)

// EXP: p = exp(r) - 1, step by step. Clobbers Y13.
#define EXPP4(j, r, p) VMOVAPS Y13, p

#define EXPBEGIN \
	VMOVUPS K(const_kExpP4), Y13 \
	ENTER(EXPP4)

#define EXPROW(j, r, p) VFMADD213PS Y13, r, p

#define EXP(k) \
	VMOVUPS K(k), Y13 \
	ENTER(EXPROW)

#define EXPMUL(j, r, p) VMULPS r, p, p
#define EXPEND(j, r, p) VFMADD213PS r, r, p

// OUT: e and e^2 from t = exp(r) - 1; wide, e times 2^64 and what it is the sum of, and e as an
// argument. Clobbers t, y, Y14, Y15.

// SQUAREEXP: Y15 = exp(2*r).
#define SQUAREEXP(t) \
	VADDPS K(const_kTwo), t, Y15 \
	VFMADD213PS K(const_kOne), t, Y15

#define OUTPLAIN(j, y, t) \
	VMOVUPS NEWPOWEROF2(j), Y14 \
	VADDPS K(const_kOne), t, y \
	SQUAREEXP(t) \
	VPADDD Y14, y, y \
	VPADDD Y14, Y14, Y14 \
	VPADDD Y14, Y15, Y15 \
	VMOVUPS y, NEWE(j) \
	VMOVUPS Y15, NEWE2(j)

#define OUTWIDE(j, y, t) \
	VMOVUPS NEWPOWEROF2(j), Y15 \
	VADDPS K(const_kOne), t, y \
	VMULPS Y15, t, t \
	VPADDD NEWEF(j), y, y \
	VADDPS t, Y15, Y15 \
	VPSUBD K(const_kOneWide), y, y \
	VMOVUPS t, NEWTS(j) \
	VMOVUPS Y15, NEWE(j) \
	VMOVUPS y, NEWEF(j)

#define OUTCLIP2(j, y, t) \
	VMOVUPS NEWPOWEROF2(j), Y14 \
	SQUAREEXP(t) \
	VPADDD Y14, Y14, Y14 \
	VPSUBD K(const_kSquareWide), Y14, Y14 \
	VPADDD Y14, Y15, Y15 \
	VMOVUPS Y15, NEWE2(j) \
	OUTWIDE(j, y, t)

// ---- Leaving a step, row by row ----

// LOG: Y0-3 = Q for e in ARG, step by step. Clobbers Y12.
#define LOGQ7(j, q) VMOVAPS Y12, q

#define LOGBEGIN \
	VMOVUPS K(const_kLogQ7), Y12 \
	LEAVE(LOGQ7)

#define LOG(ARG, k) \
	VMOVUPS K(k), Y12 \
	VFMADD132PS ARG(0), Y12, Y0 \
	VFMADD132PS ARG(1), Y12, Y1 \
	VFMADD132PS ARG(2), Y12, Y2 \
	VFMADD132PS ARG(3), Y12, Y3

// SOFTPLUSPLAIN: Q to L. Out: Y13 = e, Y14 = e^2, Y15 = w. Clobbers Y12.
#define SOFTPLUSPLAIN(j, q) \
	VMOVUPS E(j), Y13 \
	VMOVUPS E2(j), Y14 \
	VFMADD213PS Y13, Y14, q \
	VMOVUPS W(j), Y15 \
	VPMAXSD K(const_kZero), Y15, Y12 \
	VADDPS Y12, q, q

// LOG1PWIDE: Q to log1p(e). Out: Y13 = e, Y14 = e times 2^64. Clobbers Y15.
#define LOG1PWIDE(j, q) \
	VMOVUPS EF(j), Y13 \
	VMOVUPS E(j), Y14 \
	VMULPS Y13, Y14, Y15 \
	VFMADD213PS TS(j), Y15, q \
	VADDPS POWEROF2(j), q, q

// ADDW: log1p(e) to L. Out: Y15 = w. Clobbers Y12.
#define ADDW(j, q) \
	VMOVUPS W(j), Y15 \
	VPMAXSD K(const_kZero), Y15, Y12 \
	VMULPS K(const_kWide), Y12, Y12 \
	VADDPS Y12, q, q

#define SOFTPLUSWIDE(j, q) \
	LOG1PWIDE(j, q) \
	ADDW(j, q)

// MODULATE: Y12 = a * q^gamma. In: what SOFTPLUS leaves. Clobbers Y13-15.

// ONSIDE: r = right where w is negative, else wrong.
#define ONSIDE(w, right, wrong, r) VBLENDVPS w, right, wrong, r

#define MODULATE15(j) \
	VMOVUPS K(const_kOne), Y12 \
	ONSIDE(Y15, Y13, Y12, Y14) \
	VADDPS Y12, Y13, Y13 \
	VDIVPS Y13, Y14, Y12 \
	VSQRTPS Y12, Y13 \
	VMULPS Y13, Y12, Y12 \
	VMULPS A(j), Y12, Y12

#define MODULATE2(j) \
	VMOVUPS K(const_kOne), Y12 \
	ONSIDE(Y15, Y14, Y12, Y14) \
	VADDPS K(const_kTwo), Y13, Y15 \
	VFMADD213PS Y12, Y13, Y15 \
	VMOVUPS A(j), Y12 \
	VDIVPS Y15, Y12, Y12 \
	VMULPS Y14, Y12, Y12

#define MODULATE3(j) \
	VMOVUPS K(const_kOne), Y12 \
	VMULPS Y13, Y14, Y14 \
	ONSIDE(Y15, Y14, Y12, Y14) \
	VADDPS K(const_kTwo), Y13, Y15 \
	VFMADD213PS Y12, Y13, Y15 \
	VADDPS Y12, Y13, Y13 \
	VMULPS Y13, Y15, Y15 \
	VMOVUPS A(j), Y12 \
	VDIVPS Y15, Y12, Y12 \
	VMULPS Y14, Y12, Y12

#define MODULATE4(j) \
	VMOVUPS K(const_kOne), Y12 \
	ONSIDE(Y15, Y14, Y12, Y14) \
	VADDPS K(const_kTwo), Y13, Y15 \
	VFMADD213PS Y12, Y13, Y15 \
	VMULPS Y15, Y15, Y15 \
	VMOVUPS A(j), Y12 \
	VDIVPS Y15, Y12, Y12 \
	VMULPS Y14, Y12, Y12 \
	VMULPS Y14, Y12, Y12

#define MODULATE0(j) VMOVUPS A(j), Y12

#define MODULATE05(j) \
	VMOVUPS K(const_kWide), Y12 \
	ONSIDE(Y15, Y14, Y12, Y12) \
	VADDPS K(const_kOne), Y13, Y13 \
	VDIVPS Y13, Y12, Y12 \
	VSQRTPS Y12, Y12 \
	VMULPS A(j), Y12, Y12

#define MODULATE1(j) \
	VADDPS K(const_kOne), Y13, Y13 \
	VMOVUPS A(j), Y12 \
	VDIVPS Y13, Y12, Y12 \
	VMOVUPS K(const_kWide), Y13 \
	ONSIDE(Y15, Y14, Y13, Y14) \
	VMULPS Y14, Y12, Y12

#define MODULATE2CLIP(j) \
	VMOVUPS E2(j), Y14 \
	VMOVUPS K(const_kWide), Y12 \
	ONSIDE(Y15, Y14, Y12, Y14) \
	VMOVUPS K(const_kOne), Y12 \
	VADDPS K(const_kTwo), Y13, Y15 \
	VFMADD213PS Y12, Y13, Y15 \
	VMOVUPS A(j), Y12 \
	VDIVPS Y15, Y12, Y12 \
	VMULPS Y14, Y12, Y12

// CLIP: clamps L to the bounds of the label; IN = where it was not. Clobbers Y12-15.
#define CLIP(j, l) \
	VPMOVSXBD (16*j)(OLDLABELS), Y12 \
	VMOVUPS params_clipLow(PARAMS), Y13 \
	VMOVUPS params_clipHigh(PARAMS), Y14 \
	VPERMILPS Y12, Y13, Y13 \
	VPERMILPS Y12, Y14, Y14 \
	VMOVAPS l, Y15 \
	VPMAXSD Y13, l, l \
	VPMINSD Y14, l, l \
	VPCMPEQD l, Y15, Y15 \
	VMOVUPS Y15, IN(j)

// POWER: M = a * q^gamma for log1p(e) in Y0-3. hi + lo = gamma * log q, exact but for the
// rounding of lo. Leaves Y0-3 alone, clobbers the rest.
#define POWERHILO(j, log, x, hi) \
	VXORPS Y15, Y15, Y15 \
	VMOVUPS W(j), Y12 \
	VMAXPS params_right(PARAMS), Y12, Y12 \
	VMINPS Y15, Y12, Y12 \
	VMOVUPS params_gamma(PARAMS), Y13 \
	VMULPS Y13, Y12, hi \
	VMOVAPS hi, x \
	VFMSUB231PS Y13, Y12, x \
	VPMAXSD K(const_kWideFloor), log, Y14 \
	VMULPS K(const_kUnwide), Y14, Y14 \
	VFNMADD231PS Y13, Y14, x \
	VMOVUPS x, IN(j) \
	VMOVUPS hi, M(j) \
	VADDPS hi, x, x

#define POWERSPLIT(j, x, nm) \
	VPSLLD $23, nm, Y14 \
	VMOVUPS Y14, POWEROF2(j) \
	VSUBPS Y15, nm, nm \
	VMOVUPS M(j), x

#define POWERLOW(j, x, n) VADDPS IN(j), x, x

#define POWEROUT(j, y, t) \
	VMOVUPS POWEROF2(j), Y15 \
	VFMADD213PS Y15, Y15, t \
	VMULPS A(j), t, t \
	VMOVUPS t, M(j)

#define POWER \
	POWERHILO(0, Y0, Y4, Y8) \
	POWERHILO(1, Y1, Y5, Y9) \
	POWERHILO(2, Y2, Y6, Y10) \
	POWERHILO(3, Y3, Y7, Y11) \
	ROUNDWIDE \
	ENTER(POWERSPLIT) \
	REDUCE(const_kLn2HiNeg) \
	ENTER(POWERLOW) \
	REDUCE(const_kLn2LoNeg) \
	EXPBEGIN \
	EXP(const_kExpP3) \
	EXP(const_kExpP2) \
	EXP(const_kExpP1) \
	EXP(const_kExpP0) \
	ENTER(EXPMUL) \
	ENTER(EXPEND) \
	ENTER(POWEROUT)

// What a mode does with L in q and m in Y12: the loss, 0 where that is tiny; or it
// keeps m for later. Clobbers Y13.

#define VALUE(j, q) \
	VMULPS Y12, q, q \
	VPCMPGTD params_tiny(PARAMS), q, Y13 \
	VPAND Y13, q, q

#define EACHPLAIN(j, q) \
	VALUE(j, q) \
	VMULPS params_unscale(PARAMS), q, Y13 \
	VMOVUPS Y13, (64*j)(OUT)

#define EACHWIDE(j, q) \
	VALUE(j, q) \
	VMULPS K(const_kUnwide), q, Y13 \
	VMULPS params_unscale(PARAMS), Y13, Y13 \
	VMOVUPS Y13, (64*j)(OUT)

#define KEEPM(j, q) VMOVUPS Y12, M(j)

#define LATERVALUE(j, q) \
	VMOVUPS M(j), Y12 \
	VALUE(j, q)

#define LATEREACH(j, q) \
	VMOVUPS M(j), Y12 \
	EACHWIDE(j, q)

// SLOPE: t and s of the slope's t + s*L; ONE is 1 in the scale of e. Of e and 1, t is the one
// of this side and s gamma times the other: slopeRight is slopeWrong * ONE.
#define SLOPE(ONE, j, e, t, s) \
	VMOVUPS ONE, s \
	VMOVUPS W(j), t \
	ONSIDE(t, e, s, t) \
	VPXOR e, s, s \
	VPXOR t, s, s \
	VMULPS params_slopeWrong(PARAMS), s, s

// FINISH: scales and stores the gradient m * t / u for m in Y12. Fused with +0, the last product is
// +0 where the gradient is, whatever its sign. Clobbers T1, T2.
#define FINISH(UNWIDE, j, t, u, T1, T2) \
	VDIVPS u, t, t \
	VMULPS Y12, t, t \
	VPCMPGTD frame_tinyGrad(FRAME), t, T1 \
	UNWIDE(t) \
	VPAND T1, t, t \
	VMOVUPS frame_scale(FRAME), T1 \
	VPXOR SIGN(j), T1, T1 \
	VPXOR T2, T2, T2 \
	VFMADD213PS T2, T1, t \
	VMOVUPS t, (64*j)(OUT)

#define PLAINSCALE(x)
#define WIDESCALE(x) VPSUBD K(const_kWideBits), x, x

#define GRADPLAINROW(j, q, e, t, s, T1) \
	VMOVUPS E(j), e \
	SLOPE(K(const_kOne), j, e, t, s) \
	VPMINSD K(const_kSlopeMax), q, T1 \
	LATERVALUE(j, q) \
	VFMADD231PS T1, s, t \
	VADDPS K(const_kOne), e, e \
	FINISH(PLAINSCALE, j, t, e, s, T1)

#define NOMASK(j, x)
#define INMASK(j, x) VPAND IN(j), x, x

#define GRADWIDEROW(MASK, j, q, e, t, s, T1) \
	VMOVUPS E(j), e \
	SLOPE(K(const_kWide), j, e, t, s) \
	MASK(j, t) \
	VMULPS K(const_kSlopeL), q, T1 \
	LATERVALUE(j, q) \
	VFMADD231PS T1, s, t \
	VMOVUPS EF(j), e \
	VADDPS K(const_kOne), e, e \
	FINISH(WIDESCALE, j, t, e, s, T1)

#define GRADSPLAIN \
	GRADPLAINROW(0, Y0, Y4, Y5, Y6, Y7) \
	GRADPLAINROW(1, Y1, Y8, Y9, Y10, Y11) \
	GRADPLAINROW(2, Y2, Y4, Y5, Y6, Y7) \
	GRADPLAINROW(3, Y3, Y8, Y9, Y10, Y11)

#define GRADS(MASK) \
	GRADWIDEROW(MASK, 0, Y0, Y4, Y5, Y6, Y7) \
	GRADWIDEROW(MASK, 1, Y1, Y8, Y9, Y10, Y11) \
	GRADWIDEROW(MASK, 2, Y2, Y4, Y5, Y6, Y7) \
	GRADWIDEROW(MASK, 3, Y3, Y8, Y9, Y10, Y11)

#define GRADSWIDE GRADS(NOMASK)
#define GRADSCLIP GRADS(INMASK)

// TOTAL: Y12 = T of the step. Clobbers Y13.
#define TOTAL \
	VADDPS Y0, Y2, Y12 \
	VADDPS Y1, Y3, Y13 \
	VADDPS Y12, Y13, Y12

// ACCUMULATE: T in Y12 to frame_column in the first step of a group; in the second, U
// to the lanes. Clobbers Y12, Y13.
#define ACCUMULATE \
	CMPQ ADVANCE, $32 \
	JNE second \
	VMOVUPS Y12, frame_column(FRAME) \
	JMP reduced \
second: \
	VADDPS frame_column(FRAME), Y12, Y12 \
	VEXTRACTF128 $1, Y12, X13 \
	VCVTPS2PD X12, Y12 \
	VCVTPS2PD X13, Y13 \
	VADDPD (frame_lanes+0)(FRAME), Y12, Y12 \
	VADDPD (frame_lanes+32)(FRAME), Y13, Y13 \
	VMOVUPD Y12, (frame_lanes+0)(FRAME) \
	VMOVUPD Y13, (frame_lanes+32)(FRAME) \
reduced:

// ---- Both at once ----

// BOTH: labels and logits to e of the entering step; of the leaving one Q in Y0-3, and then
// LEAVEROW for each row. A chain of dependent instructions is spread over the whole.
#define BOTH(KEEP, CLAMP, ROUND, SPLIT, OUT_, BEGIN, LOG, ARG, LEAVEROW, SOFTPLUS, MODULATE, MODE) \
	BEGIN \
	LOG(ARG, const_kLogQ6) \
	VMOVUPS params_weight(PARAMS), Y13 \
	DECODE(KEEP, 0, Y4) \
	DECODE(KEEP, 1, Y5) \
	DECODE(KEEP, 2, Y6) \
	DECODE(KEEP, 3, Y7) \
	LOG(ARG, const_kLogQ5) \
	CLAMP \
	LOG(ARG, const_kLogQ4) \
	ROUND \
	ENTER(SPLIT) \
	LOG(ARG, const_kLogQ3) \
	REDUCE(const_kLn2HiNeg) \
	LOG(ARG, const_kLogQ2) \
	REDUCE(const_kLn2LoNeg) \
	LOG(ARG, const_kLogQ1) \
	EXPBEGIN \
	EXP(const_kExpP3) \
	LOG(ARG, const_kLogQ0) \
	EXP(const_kExpP2) \
	LEAVEROW(0, Y0, SOFTPLUS, MODULATE, MODE) \
	EXP(const_kExpP1) \
	LEAVEROW(1, Y1, SOFTPLUS, MODULATE, MODE) \
	EXP(const_kExpP0) \
	LEAVEROW(2, Y2, SOFTPLUS, MODULATE, MODE) \
	ENTER(EXPMUL) \
	ENTER(EXPEND) \
	LEAVEROW(3, Y3, SOFTPLUS, MODULATE, MODE) \
	ENTER(OUT_)

#define LEAVEROW(j, q, SOFTPLUS, MODULATE, MODE) \
	SOFTPLUS(j, q) \
	MODULATE(j) \
	MODE(j, q)

#define NOBEGIN
#define NOLOG(ARG, k)
#define NOROW(j, q, SOFTPLUS, MODULATE, MODE)
#define LATER(j)
#define NOTHING(j, q)

// What is left to do after that.
#define DONE
#define POWERED \
	POWER \
	LEAVE(ADDW)
#define CLIPPED LEAVE(CLIP)
#define POWEREDCLIP \
	POWER \
	LEAVE(ADDW) \
	LEAVE(CLIP)

// A variant: returns the steps left in STEPS, 0 unless it met a special logit. The
// last step is entered twice, the second time for nothing, as there is no next.
#define VARIANT(name, KEEP, CLAMP, ROUND, SPLIT, OUT_, ARG, SOFTPLUS, MODULATE, MODE, REST, LATERMODE) \
TEXT name<>(SB), NOSPLIT|NOFRAME, $0-0 \
	MOVQ $32, ADVANCE \
	BOTH(KEEP, CLAMP, ROUND, SPLIT, OUT_, NOBEGIN, NOLOG, ARG, NOROW, SOFTPLUS, MODULATE, MODE) \
	XCHGQ LEAVING, ENTERING \
	PCALIGN $32 \
loop: \
	CMPL SPECIAL, $0 \
	JNE special \
	XORL AX, AX \
	CMPQ STEPS, $1 \
	CMOVQNE ADVANCE, AX \
	ADDQ AX, LOGITS \
	SHRQ $2, AX \
	ADDQ AX, LABELS \
	BOTH(KEEP, CLAMP, ROUND, SPLIT, OUT_, LOGBEGIN, LOG, ARG, LEAVEROW, SOFTPLUS, MODULATE, MODE) \
	REST \
	LATERMODE \
	TOTAL \
	ACCUMULATE \
	XCHGQ LEAVING, ENTERING \
	ADDQ ADVANCE, OUT \
	MOVQ ADVANCE, AX \
	SHRQ $2, AX \
	ADDQ AX, OLDLABELS \
	NEGQ ADVANCE \
	ADDQ $256, ADVANCE \
	DECQ STEPS \
	JNZ loop \
special: \
	RET

#define PLAIN(sum, each, grad, MODULATE) \
	VARIANT(sum, NOSIGN, CLAMP, ROUNDPLAIN, SPLITPLAIN, OUTPLAIN, E, SOFTPLUSPLAIN, MODULATE, VALUE, DONE, DONE) \
	VARIANT(each, NOSIGN, CLAMP, ROUNDPLAIN, SPLITPLAIN, OUTPLAIN, E, SOFTPLUSPLAIN, MODULATE, EACHPLAIN, DONE, DONE) \
	VARIANT(grad, KEEPSIGN, CLAMP, ROUNDPLAIN, SPLITPLAIN, OUTPLAIN, E, SOFTPLUSPLAIN, MODULATE, KEEPM, DONE, GRADSPLAIN)

#define WIDE(sum, each, grad, MODULATE) \
	VARIANT(sum, NOSIGN, CLAMP, ROUNDWIDE, SPLITWIDE, OUTWIDE, EF, SOFTPLUSWIDE, MODULATE, VALUE, DONE, DONE) \
	VARIANT(each, NOSIGN, CLAMP, ROUNDWIDE, SPLITWIDE, OUTWIDE, EF, SOFTPLUSWIDE, MODULATE, EACHWIDE, DONE, DONE) \
	VARIANT(grad, KEEPSIGN, CLAMP, ROUNDWIDE, SPLITWIDE, OUTWIDE, EF, SOFTPLUSWIDE, MODULATE, KEEPM, DONE, GRADSWIDE)

#define LATERS(sum, each, grad, CLAMP, OUT_, SOFTPLUS, MODULATE, KEEPM, REST, GRADS) \
	VARIANT(sum, NOSIGN, CLAMP, ROUNDWIDE, SPLITWIDE, OUT_, EF, SOFTPLUS, MODULATE, KEEPM, REST, LEAVE(LATERVALUE)) \
	VARIANT(each, NOSIGN, CLAMP, ROUNDWIDE, SPLITWIDE, OUT_, EF, SOFTPLUS, MODULATE, KEEPM, REST, LEAVE(LATEREACH)) \
	VARIANT(grad, KEEPSIGN, CLAMP, ROUNDWIDE, SPLITWIDE, OUT_, EF, SOFTPLUS, MODULATE, KEEPM, REST, GRADS)

PLAIN(plain15Sum, plain15Each, plain15Grad, MODULATE15)
PLAIN(plain2Sum, plain2Each, plain2Grad, MODULATE2)
PLAIN(plain3Sum, plain3Each, plain3Grad, MODULATE3)
PLAIN(plain4Sum, plain4Each, plain4Grad, MODULATE4)
WIDE(wide0Sum, wide0Each, wide0Grad, MODULATE0)
WIDE(wide05Sum, wide05Each, wide05Grad, MODULATE05)
WIDE(wide1Sum, wide1Each, wide1Grad, MODULATE1)
LATERS(wideAnySum, wideAnyEach, wideAnyGrad, CLAMP, OUTWIDE, LOG1PWIDE, LATER, NOTHING, POWERED, GRADSWIDE)
LATERS(clip0Sum, clip0Each, clip0Grad, CLAMPCLIP, OUTWIDE, SOFTPLUSWIDE, MODULATE0, KEEPM, CLIPPED, GRADSCLIP)
LATERS(clip1Sum, clip1Each, clip1Grad, CLAMPCLIP, OUTWIDE, SOFTPLUSWIDE, MODULATE1, KEEPM, CLIPPED, GRADSCLIP)
LATERS(clip2Sum, clip2Each, clip2Grad, CLAMPCLIP, OUTCLIP2, SOFTPLUSWIDE, MODULATE2CLIP, KEEPM, CLIPPED, GRADSCLIP)
LATERS(clipAnySum, clipAnyEach, clipAnyGrad, CLAMPCLIP, OUTWIDE, LOG1PWIDE, LATER, NOTHING, POWEREDCLIP, GRADSCLIP)

// The variants by form and mode.
#define ROW(form, sum, each, grad) \
DATA variants<>+(24*form+0)(SB)/8, $sum<>(SB) \
DATA variants<>+(24*form+8)(SB)/8, $each<>(SB) \
DATA variants<>+(24*form+16)(SB)/8, $grad<>(SB)

ROW(const_plain15, plain15Sum, plain15Each, plain15Grad)
ROW(const_plain2, plain2Sum, plain2Each, plain2Grad)
ROW(const_plain3, plain3Sum, plain3Each, plain3Grad)
ROW(const_plain4, plain4Sum, plain4Each, plain4Grad)
ROW(const_wide0, wide0Sum, wide0Each, wide0Grad)
ROW(const_wide05, wide05Sum, wide05Each, wide05Grad)
ROW(const_wide1, wide1Sum, wide1Each, wide1Grad)
ROW(const_wideAny, wideAnySum, wideAnyEach, wideAnyGrad)
ROW(const_clip0, clip0Sum, clip0Each, clip0Grad)
ROW(const_clip1, clip1Sum, clip1Each, clip1Grad)
ROW(const_clip2, clip2Sum, clip2Each, clip2Grad)
ROW(const_clipAny, clipAnySum, clipAnyEach, clipAnyGrad)
GLOBL variants<>(SB), NOPTR, $(24*const_numForms)

// func cellsAVX2(f *frame, variant int, out, logits *float32, labels *uint8, n int) (done, column int)
TEXT ·cellsAVX2(SB), 0, $2816-64
	NO_LOCAL_POINTERS
	MOVQ f+0(FP), FRAME
	MOVQ variant+8(FP), AX
	MOVQ out+16(FP), OUT
	MOVQ logits+24(FP), LOGITS
	MOVQ labels+32(FP), LABELS
	MOVQ n+40(FP), STEPS
	MOVQ frame_p(FRAME), PARAMS
	LEAQ ·coefAVX2(SB), COEF
	LEAQ variants<>(SB), R9
	MOVQ (R9)(AX*8), AX
	LEAQ slots-2816(SP), LEAVING // two slots and what aligns them
	ADDQ $63, LEAVING
	ANDQ $~63, LEAVING
	LEAQ SLOT(LEAVING), ENTERING
	MOVQ LABELS, OLDLABELS
	SHRQ $5, STEPS
	CALL AX
	VZEROUPPER

	// STEPS are left: the group at hand began at the even number of them done.
	MOVQ n+40(FP), AX
	SHRQ $5, AX
	SUBQ STEPS, AX
	MOVQ AX, DX
	ANDQ $1, DX
	SHLQ $3, DX
	MOVQ DX, column+56(FP)
	SHRQ $1, AX
	SHLQ $6, AX
	MOVQ AX, done+48(FP)
	RET

// func countAVX2(labels *uint8, n int) (positives, ignored, negatives int)
//
// Counts in bytes, which hold 255; the sums of the bytes after every 127 groups.
TEXT ·countAVX2(SB), NOSPLIT|NOFRAME, $0-40
	MOVQ labels+0(FP), SI
	MOVQ n+8(FP), CX
	SHRQ $6, CX
	VPCMPEQB Y15, Y15, Y15 // Ignore
	VPABSB Y15, Y14 // Positive
	VPXOR Y13, Y13, Y13 // Negative
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2

bytes:
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	MOVQ $127, AX
	CMPQ CX, AX
	CMOVQLT CX, AX
	SUBQ AX, CX
	PCALIGN $32

count:
	VMOVDQU (SI), Y6
	VMOVDQU 32(SI), Y7
	VPCMPEQB Y6, Y14, Y8
	VPCMPEQB Y7, Y14, Y9
	VPSUBB Y8, Y3, Y3
	VPSUBB Y9, Y3, Y3
	VPCMPEQB Y6, Y15, Y8
	VPCMPEQB Y7, Y15, Y9
	VPSUBB Y8, Y4, Y4
	VPSUBB Y9, Y4, Y4
	VPCMPEQB Y6, Y13, Y8
	VPCMPEQB Y7, Y13, Y9
	VPSUBB Y8, Y5, Y5
	VPSUBB Y9, Y5, Y5
	ADDQ $64, SI
	DECQ AX
	JNZ count

	VPSADBW Y13, Y3, Y3
	VPSADBW Y13, Y4, Y4
	VPSADBW Y13, Y5, Y5
	VPADDQ Y3, Y0, Y0
	VPADDQ Y4, Y1, Y1
	VPADDQ Y5, Y2, Y2
	TESTQ CX, CX
	JNZ bytes

#define BYTES(y, x, t) \
	VEXTRACTI128 $1, y, t \
	VPADDQ t, x, x \
	VPSRLDQ $8, x, t \
	VPADDQ t, x, x

	BYTES(Y0, X0, X3)
	BYTES(Y1, X1, X3)
	BYTES(Y2, X2, X3)
	VMOVQ X0, positives+16(FP)
	VMOVQ X1, ignored+24(FP)
	VMOVQ X2, negatives+32(FP)
	VZEROUPPER
	RET
