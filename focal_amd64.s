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
// in slots of memory, and e in registers too where there is one for it.
//
// What binds besides the pipes are the two loads of a cycle: so a constant is loaded
// once for four rows. On a Zen 3 four stores took as long as eight multiplications, so only what finds no register
// is stored. Where floats are known to be positive, or negative, they are compared, limited
// and scaled by powers of two as integers: that leaves the units for
// multiplication and addition alone. As integers, negative floats are in reverse order.
// Where all logits of a step are below frame.safe, what only tiny or clamped results need is left
// out.
//
// Registers that live through a variant:
#define FRAME DI
#define LOGITS SI // of the step to enter
#define LABELS DX
#define OUT BX // of the step to leave
#define OLDLABELS R12
#define STEPS CX // left to do, two per group
#define ADVANCE R11 // cells to the next step: 8 or 56; 0 where one step is the group
#define COEF R8
#define PARAMS R13
#define LEAVING R9 // slots
#define ENTERING R10
#define SAFE R15 // of the step to leave: ALL, if nothing may be tiny, or clamped
#define NEWSAFE AX // of the step to enter, once LIMIT has seen it
#define ENDS R14 // the last group; assembly that Go calls may use R14, as what calls it loads g again

#define ALL $0xff

// Where the last group is: in place if it is whole, else in a copy.
#define LASTLOGITS 0(ENDS)
#define LASTLABELS 8(ENDS)
#define LASTOUT 16(ENDS)
#define COPY 32 // the copy's offset from there
#define COPYLABELS 320 // 32 past the end of the copied logits: a row of labels may begin in front of them

// A slot holds, per row, what a step has come to.
#define W(j) (0+32*j)(LEAVING) // -z
#define A(j) (128+32*j)(LEAVING) // weight; for gradients negative where the label is positive
#define E(j) (256+32*j)(LEAVING) // e; wide: times 2^64
#define TS(j) (384+32*j)(LEAVING) // general gamma: t, and then the slope
#define EF(j) (512+32*j)(LEAVING) // wide: e, at least 2^-27
#define IN(j) (640+32*j)(LEAVING) // clip: mask of L that was not clamped, unless SAFE
#define HI(j) (768+32*j)(LEAVING) // general gamma: of gamma * log q
#define E2(j) (896+32*j)(LEAVING) // e^2; wide: times 2^64; before, of an exp, r^2
#define POWEROF2(j) (1024+32*j)(LEAVING) // exponent field of a 2^n; wide: 2^(n+64)
#define HUGE 1152(LEAVING) // unless SAFE, not 0: there is a logit of at least 2^20 or NaN
#define SLOT 1216

#define NEWW(j) (0+32*j)(ENTERING)
#define NEWA(j) (128+32*j)(ENTERING)
#define NEWE(j) (256+32*j)(ENTERING)
#define NEWTS(j) (384+32*j)(ENTERING)
#define NEWEF(j) (512+32*j)(ENTERING)
#define NEWE2(j) (896+32*j)(ENTERING)
#define NEWPOWEROF2(j) (1024+32*j)(ENTERING)
#define NEWHUGE 1152(ENTERING)

#define K(k) (32*k)(COEF)

// A macro for each row and its registers. Of the leaving step: q, which holds Q, L and the loss; m, which from DIVIDE on
// becomes a * q^gamma; and t, where e is until ROUND if OUT or TAKE has left it there, and which is free after OUT. Of
// the entering one: x to r, which EXPEND leaves to m, and p to t. Y12-15 are for the moment.
#define LEAVE(ROW) \
	ROW(0, Y0, Y4, Y8) \
	ROW(1, Y1, Y5, Y9) \
	ROW(2, Y2, Y6, Y10) \
	ROW(3, Y3, Y7, Y11)

#define ENTER(ROW) \
	ROW(0, Y4, Y8) \
	ROW(1, Y5, Y9) \
	ROW(2, Y6, Y10) \
	ROW(3, Y7, Y11)

// IFSAFE: jumps if nothing may be tiny, or clamped, in the step to leave.
#define IFSAFE(label) \
	CMPL SAFE, ALL \
	JEQ label

// ---- Entering a step: logits and labels to w, the weight and e ----

// DECODE: w = -z and the weight, 0 for ignored cells, by the low bits of the
// label. In: Y13 = table of weights. Clobbers Y14, Y15.
#define DECODE(j, w) \
	VPMOVSXBD (16*j)(LABELS), Y15 \
	VPERMILPS Y15, Y13, Y14 \
	VPSLLD $31, Y15, Y15 \
	VMOVUPS Y14, NEWA(j) \
	VPXOR (64*j)(LOGITS), Y15, w \
	VMOVUPS w, NEWW(j)

// LIMIT: x = w to -|w|, and notes one beyond which something may be tiny; only then x may have to be
// clamped, and may be huge. Clobbers Y12-15, AX.
#define NEGATE(j, x, p) VPOR Y12, x, x

#define LIMIT(CLAMP, within) \
	VMOVUPS K(const_kSign), Y12 \
	VBROADCASTSS frame_safe(FRAME), Y13 \
	ENTER(NEGATE) \
	VPMAXSD Y4, Y5, Y14 \
	VPMAXSD Y6, Y7, Y15 \
	VPMAXSD Y14, Y15, Y15 \
	VPCMPGTD Y15, Y13, Y14 \
	VMOVMSKPS Y14, NEWSAFE \
	CMPL NEWSAFE, ALL \
	JEQ within \
	VPCMPGTD K(const_kHuge), Y15, Y15 \
	VMOVMSKPS Y15, AX \
	MOVL AX, NEWHUGE \
	XORL NEWSAFE, NEWSAFE \
	CLAMP \
within:

// CLAMP and CLAMPCLIP: x clamped. In: Y12 = sign. Clobber Y13-15.
#define NOTBEYOND(j, x, p) VPMINSD Y13, x, x

#define CLAMP \
	VMOVUPS params_end(PARAMS), Y13 \
	ENTER(NOTBEYOND)

#define NOTRIGHT(j, x, p) \
	VMAXPS NEWW(j), Y14, x \
	VPOR Y12, x, x \
	VPMINSD Y13, x, x

#define CLAMPCLIP \
	VMOVUPS params_right(PARAMS), Y14 \
	VMOVUPS params_wrongEnd(PARAMS), Y13 \
	ENTER(NOTRIGHT)

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

// SPLIT: nm to n, and 2^n. In: Y15 = magic. Clobbers Y14.
#define SPLIT(j, x, nm) \
	VPSLLD $23, nm, Y14 \
	VSUBPS Y15, nm, nm \
	VMOVUPS Y14, NEWPOWEROF2(j)

// REDUCE: x to r for n, in two steps. Clobbers Y13.
#define REDUCEROW(j, x, n) VFMADD231PS Y13, n, x

#define REDUCE(k) \
	VMOVUPS K(k), Y13 \
	ENTER(REDUCEROW)

// EXP: p = exp(r) - 1, step by step; FACTOR is the one by r^2 + expShift. Clobbers Y13, FACTOR Y14 and Y15 too.
#define EXPP3(j, r, p) VMOVAPS Y13, p

#define EXPBEGIN \
	VMOVUPS K(const_kExpP3), Y13 \
	ENTER(EXPP3)

#define EXPROW(j, r, p) VFMADD213PS Y13, r, p

#define EXP(k) \
	VMOVUPS K(k), Y13 \
	ENTER(EXPROW)

#define FACTORBY(SQUARE, r, p) \
	VMULPS r, r, Y15 \
	VMOVUPS Y15, SQUARE \
	VADDPS Y14, Y15, Y15 \
	VFMADD213PS Y13, Y15, p

#define FACTOR(ROW) \
	VMOVUPS K(const_kExpP0), Y13 \
	VMOVUPS K(const_kExpShift), Y14 \
	ENTER(ROW)

#define FACTORROW(j, r, p) FACTORBY(NEWE2(j), r, p)
#define EXPEND(j, r, p) VFMADD132PS NEWE2(j), r, p

// OUT: e and e^2 from t = exp(r) - 1; wide, e times 2^64, and e as an
// argument, which stays in t. Clobbers Y12-15.
#define OUTROWS(k, l, ROW) \
	VMOVUPS K(k), Y12 \
	VMOVUPS K(l), Y13 \
	ENTER(ROW)

// SQUAREEXP: Y15 = exp(2*r). In: Y12 = 1, Y13 = 2.
#define SQUAREEXP(t) \
	VADDPS Y13, t, Y15 \
	VFMADD213PS Y12, t, Y15

#define OUTPLAINROW(j, r, t) \
	SQUAREEXP(t) \
	VMOVUPS NEWPOWEROF2(j), Y14 \
	VADDPS Y12, t, t \
	VPADDD Y14, t, t \
	VPADDD Y14, Y14, Y14 \
	VPADDD Y14, Y15, Y15 \
	VMOVUPS t, NEWE(j) \
	VMOVUPS Y15, NEWE2(j)

#define OUTPLAIN OUTROWS(const_kOne, const_kTwo, OUTPLAINROW)

// OUTWIDEBY: a row of it; LEAST and BITS are the constants.
#define OUTWIDEBY(j, src, y, LEAST, BITS) \
	VMOVUPS NEWPOWEROF2(j), Y15 \
	VFMADD132PS src, Y15, Y15 \
	VPMAXSD LEAST, Y15, y \
	VMOVUPS Y15, NEWE(j) \
	VPSUBD BITS, y, y \
	VMOVUPS y, NEWEF(j)

#define OUTWIDEROW(j, y, t) OUTWIDEBY(j, t, t, Y12, Y13)
#define OUTWIDE OUTROWS(const_kLeastWide, const_kWideBits, OUTWIDEROW)

// KEEPT and OUTLATER: OUTWIDE in two parts, the second of which goes between other work and clobbers Y13-15 alone.
// KEEPNONE: for OUTLATER where no step has been entered. Clobbers Y12.
#define KEEPTROW(j, y, t) VMOVUPS t, NEWTS(j)
#define KEEPT ENTER(KEEPTROW)
#define KEEPNONEROW(j, y, t) \
	VMOVUPS Y12, NEWTS(j) \
	VMOVUPS Y12, NEWPOWEROF2(j)
#define KEEPNONE \
	VPXOR Y12, Y12, Y12 \
	ENTER(KEEPNONEROW)
#define OUTLATER(j, q) OUTWIDEBY(j, NEWTS(j), Y13, K(const_kLeastWide), K(const_kWideBits))

#define OUTSQUARE(j, y, t) \
	VMOVUPS NEWPOWEROF2(j), Y14 \
	SQUAREEXP(t) \
	VPMAXSD K(const_kLeastSquare), Y14, Y14 \
	VPADDD Y14, Y14, Y14 \
	VPSUBD K(const_kSquareWide), Y14, Y14 \
	VPADDD Y14, Y15, Y15 \
	VMOVUPS Y15, NEWE2(j)

#define OUTCLIP2 \
	OUTROWS(const_kOne, const_kTwo, OUTSQUARE) \
	OUTWIDE

// ---- Leaving a step ----

// LOG: q = Q for e, step by step; LOGM for e in memory, ARG. After Q4 comes LOGFACTOR, which makes T. Clobber Y12,
// LOGFACTOR Y13 and Y14 too.
#define LOGQ6(j, q, m, e) VMOVAPS Y12, q
#define LOGROW(j, q, m, e) VFMADD213PS Y12, e, q

#define LOGBEGIN(LOGFIRST, ARG) \
	VMOVUPS K(const_kLogQ6), Y12 \
	LEAVE(LOGQ6)

// LOGBEGINFINE begins a step earlier.
#define LOGBEGINFINE(LOGFIRST, ARG) \
	VMOVUPS K(const_kLogQ7), Y12 \
	LEAVE(LOGQ6) \
	LOGFIRST(ARG, const_kLogQ6)

#define LOG(k) \
	VMOVUPS K(k), Y12 \
	LEAVE(LOGROW)

#define LOGM(ARG, k) \
	VMOVUPS K(k), Y12 \
	VFMADD132PS ARG(0), Y12, Y0 \
	VFMADD132PS ARG(1), Y12, Y1 \
	VFMADD132PS ARG(2), Y12, Y2 \
	VFMADD132PS ARG(3), Y12, Y3

#define FACTORPLAIN(j, q, m, e) \
	VADDPS E2(j), Y13, Y14 \
	VFMADD213PS Y12, Y14, q
#define FACTORWIDE(j, q, m, e) \
	VMOVUPS EF(j), Y14 \
	VFMADD132PS E(j), Y13, Y14 \
	VFMADD213PS Y12, Y14, q
#define LOGFACTOR(ROW) \
	VMOVUPS K(const_kLogQ3), Y12 \
	VMOVUPS K(const_kLogShift), Y13 \
	LEAVE(ROW)

// LOGFIRST and TAKE_: with a MODE that leaves e in t, LOGKEPT and KEPT; else LOGM and TAKE, which takes it from the slot
// for the last step, unless that is the only one.
#define LOGKEPT(ARG, k) LOG(k)
#define KEPT

#define TAKE(ROW) \
	TESTQ ADVANCE, ADVANCE \
	JEQ taken \
	LEAVE(ROW) \
taken:

#define TAKEPLAINROW(j, q, m, e) VMOVUPS E(j), e
#define TAKEPLAIN TAKE(TAKEPLAINROW)
#define TAKEWIDEROW(j, q, m, e) VMOVUPS EF(j), e
#define TAKEWIDE TAKE(TAKEWIDEROW)

// ONSIDE: r = right where w is negative, else wrong.
#define ONSIDE(w, right, wrong, r) VBLENDVPS w, right, wrong, r

// DIVIDE: m = what of a * q^gamma comes from the division by a power of 1+e; all of it for gamma 1.5
// and 0.5. ENTERED is what comes before each row, of the entering step. Clobbers Y12-15.
#define DIVIDE(ENTERED, ROW) \
	VMOVUPS K(const_kTwo), Y12 \
	VMOVUPS K(const_kOne), Y13 \
	ENTERED(0, Y4, Y8) \
	ROW(0, Y4) \
	ENTERED(1, Y5, Y9) \
	ROW(1, Y5) \
	ENTERED(2, Y6, Y10) \
	ROW(2, Y6) \
	ENTERED(3, Y7, Y11) \
	ROW(3, Y7)

// SQUARE: Y14 = (1+e)^2, for e in memory.
#define SQUARE(e) \
	VADDPS e, Y12, Y14 \
	VFMADD132PS e, Y13, Y14

#define QUOTIENT(j, m) \
	VMOVUPS A(j), m \
	VDIVPS Y14, m, m

#define FIRST(j, m) \
	VADDPS EF(j), Y13, Y14 \
	QUOTIENT(j, m)

#define SECOND(j, m) \
	SQUARE(E(j)) \
	QUOTIENT(j, m)

#define SECONDWIDE(j, m) \
	SQUARE(EF(j)) \
	QUOTIENT(j, m)

#define THIRD(j, m) \
	SQUARE(E(j)) \
	VADDPS E(j), Y13, Y15 \
	VMULPS Y15, Y14, Y14 \
	QUOTIENT(j, m)

#define FOURTH(j, m) \
	SQUARE(E(j)) \
	VMULPS Y14, Y14, Y14 \
	QUOTIENT(j, m)

#define ONEANDHALF(j, m) \
	VMOVUPS W(j), Y14 \
	ONSIDE(Y14, E(j), Y13, m) \
	VADDPS E(j), Y13, Y14 \
	VDIVPS Y14, m, m \
	VSQRTPS m, Y14 \
	VMULPS Y14, m, m \
	VMULPS A(j), m, m

#define HALF(j, m) \
	VMOVUPS W(j), Y14 \
	VMOVUPS K(const_kWide), Y12 \
	ONSIDE(Y14, E(j), Y12, m) \
	VADDPS EF(j), Y13, Y14 \
	VDIVPS Y14, m, m \
	VSQRTPS m, m \
	VMULPS A(j), m, m

#define ZEROTH(j, m) VMOVUPS A(j), m

#define NOTENTERED(j, r, p)

#define BYZEROTH(ENTERED) DIVIDE(ENTERED, ZEROTH)
#define BYHALF(ENTERED) DIVIDE(ENTERED, HALF)
#define BYFIRST(ENTERED) DIVIDE(ENTERED, FIRST)
#define BYONEANDHALF(ENTERED) DIVIDE(ENTERED, ONEANDHALF)
#define BYSECOND(ENTERED) DIVIDE(ENTERED, SECOND)
#define BYSECONDWIDE(ENTERED) DIVIDE(ENTERED, SECONDWIDE)
#define BYTHIRD(ENTERED) DIVIDE(ENTERED, THIRD)
#define BYFOURTH(ENTERED) DIVIDE(ENTERED, FOURTH)
#define BYNONE(ENTERED) ENTER(ENTERED)

// SOFTPLUS: Q to L, and m to a * q^gamma; MODULATE says how. In: Y12 = 1, wide 2^64, and
// Y13 = 0. Clobbers Y14, Y15.
#define SOFTPLUSPLAIN(j, q, m, MODULATE) \
	VMOVUPS E2(j), Y14 \
	VMOVUPS W(j), Y15 \
	VFMADD213PS E(j), Y14, q \
	MODULATE(j, m) \
	VPMAXSD Y13, Y15, Y15 \
	VADDPS Y15, q, q

// LOG1PWIDE: Q to log1p(e). Out: Y14 = e times 2^64. Clobbers Y15.
#define LOG1PWIDE(j, q, m, MODULATE) \
	VMOVUPS E(j), Y14 \
	VMULPS EF(j), Y14, Y15 \
	VFMADD213PS Y14, Y15, q

#define SOFTPLUSWIDE(j, q, m, MODULATE) \
	LOG1PWIDE(j, q, m, MODULATE) \
	VMOVUPS W(j), Y15 \
	MODULATE(j, m) \
	VPMAXSD Y13, Y15, Y15 \
	VFMADD231PS Y12, Y15, q

// For gamma 2 with clip, with a better e^2.
#define SOFTPLUSCLIP2(j, q, m, MODULATE) \
	VMOVUPS E2(j), Y14 \
	VMOVUPS W(j), Y15 \
	VFMADD213PS E(j), Y14, q \
	MODULATE(j, m) \
	VPMAXSD Y13, Y15, Y15 \
	VFMADD231PS Y12, Y15, q

#define NOMODULATE(j, m)

#define MODULATE(j, m) \
	ONSIDE(Y15, Y14, Y12, Y14) \
	VMULPS Y14, m, m

#define MODULATE3(j, m) \
	VMULPS E(j), Y14, Y14 \
	MODULATE(j, m)

#define MODULATE4(j, m) \
	MODULATE(j, m) \
	VMULPS Y14, m, m

// ADDW: log1p(e) to L, for general gamma. Clobbers Y12-14.
#define ADDWROW(j, q, m, t) \
	VMOVUPS W(j), Y14 \
	VPMAXSD Y13, Y14, Y14 \
	VFMADD231PS Y12, Y14, q

#define ADDW \
	VMOVUPS K(const_kWide), Y12 \
	VPXOR Y13, Y13, Y13 \
	LEAVE(ADDWROW)

// CLIP: clamps L to the bounds of the label, if it may be beyond; IN = where it was not. Clobbers
// Y12-15, t.
#define CLIPROW(j, l, m, t) \
	VPMOVSXBD (16*j)(OLDLABELS), Y15 \
	VPERMILPS Y15, Y12, t \
	VPERMILPS Y15, Y13, Y15 \
	VMOVAPS l, Y14 \
	VPMAXSD t, l, l \
	VPMINSD Y15, l, l \
	VPCMPEQD l, Y14, Y14 \
	VMOVUPS Y14, IN(j)

#define CLIP \
	IFSAFE(unclipped) \
	VMOVUPS params_clipLow(PARAMS), Y12 \
	VMOVUPS params_clipHigh(PARAMS), Y13 \
	LEAVE(CLIPROW) \
unclipped:

// POWER: m = a * q^gamma for log1p(e) in Y0-3, which it makes L. hi + lo = gamma * log q, exact but for the
// rounding of lo; they are kept in HI and E2. Clobbers all else. POWERZ: x = min(w, 0), which only has
// to be bounded if something may be tiny. As each row is one long chain, other work goes between: MEANWHILE(j,
// L), which may clobber Y12-15.
#define POWERZ(j, log, x, hi) VPMINSD W(j), Y15, x
#define POWERBOUND(j, log, x, hi) VMAXPS Y12, x, x

#define POWERHILO(j, log, x, hi) \
	VMULPS Y13, x, hi \
	VFMSUB213PS hi, Y13, x \
	VPMAXSD Y12, log, Y14 \
	VFNMADD231PS Y15, Y14, x \
	VMOVUPS hi, HI(j) \
	VMOVUPS x, E2(j) \
	VADDPS hi, x, x

#define POWERSPLIT(j, x, nm) \
	VPSLLD $23, nm, Y14 \
	VMOVUPS Y14, POWEROF2(j) \
	VSUBPS Y15, nm, nm \
	VMOVUPS HI(j), x

#define POWERLOW(j, x, n) VADDPS E2(j), x, x

#define POWERFACTOR(j, r, p) FACTORBY(E2(j), r, p)
#define POWEREND(j, r, p) VFMADD132PS E2(j), r, p

#define POWEROUT(j, m, t) \
	VMOVUPS POWEROF2(j), Y15 \
	VFMADD213PS Y15, Y15, t \
	VMULPS A(j), t, m

#define POWER(MEANWHILE) \
	VPXOR Y15, Y15, Y15 \
	LEAVE(POWERZ) \
	IFSAFE(bounded) \
	VMOVUPS params_right(PARAMS), Y12 \
	LEAVE(POWERBOUND) \
bounded: \
	VMOVUPS K(const_kWideFloor), Y12 \
	VMOVUPS params_gamma(PARAMS), Y13 \
	VMOVUPS params_gammaUnwide(PARAMS), Y15 \
	LEAVE(POWERHILO) \
	ADDW \
	ROUNDWIDE \
	ENTER(POWERSPLIT) \
	REDUCE(const_kLn2HiNeg) \
	ENTER(POWERLOW) \
	REDUCE(const_kLn2LoNeg) \
	EXPBEGIN \
	MEANWHILE(0, Y0) \
	EXP(const_kExpP2) \
	MEANWHILE(1, Y1) \
	EXP(const_kExpP1) \
	MEANWHILE(2, Y2) \
	FACTOR(POWERFACTOR) \
	MEANWHILE(3, Y3) \
	ENTER(POWEREND) \
	ENTER(POWEROUT)

// VALUES: L to the loss.
#define VALUE(j, q, m, t) VMULPS m, q, q
#define VALUES LEAVE(VALUE)

// FLUSH: losses that are tiny to 0, if there may be some. Clobbers Y12, Y13.
#define FLUSHROW(l) \
	VPCMPGTD Y12, l, Y13 \
	VPAND Y13, l, l

#define FLUSH(l0, l1, l2, l3, LIMIT) \
	IFSAFE(flushed) \
	VMOVUPS params_tiny(PARAMS), Y12 \
	FLUSHROW(l0) \
	FLUSHROW(l1) \
	FLUSHROW(l2) \
	FLUSHROW(l3) \
	LIMIT \
flushed:

// TOTAL: Y12 = T of the step. Clobbers Y13.
#define TOTAL(l0, l1, l2, l3) \
	VADDPS l0, l2, Y12 \
	VADDPS l1, l3, Y13 \
	VADDPS Y12, Y13, Y12

// ACCUMULATE: T in Y12 to frame_column in the first step of a group; in the second, U
// to the lanes. In a step that is the group, T is U. Clobbers Y12, Y13.
#define ACCUMULATE \
	CMPQ ADVANCE, $8 \
	JEQ first \
	JLT alone \
	VADDPS frame_column(FRAME), Y12, Y12 \
alone: \
	VEXTRACTF128 $1, Y12, X13 \
	VCVTPS2PD X12, Y12 \
	VCVTPS2PD X13, Y13 \
	VADDPD (frame_lanes+0)(FRAME), Y12, Y12 \
	VADDPD (frame_lanes+32)(FRAME), Y13, Y13 \
	VMOVUPD Y12, (frame_lanes+0)(FRAME) \
	VMOVUPD Y13, (frame_lanes+32)(FRAME) \
	JMP reduced \
first: \
	VMOVUPS Y12, frame_column(FRAME) \
reduced:

// What a mode does in the end. SUM: adds up the losses in q.
#define NOLIMIT

#define SUM \
	FLUSH(Y0, Y1, Y2, Y3, NOLIMIT) \
	TOTAL(Y0, Y1, Y2, Y3) \
	ACCUMULATE

// EACH: stores the losses, and moves OUT on; there is no sum.
#define EACHPLAINROW(j, q, m, t) \
	VMULPS Y12, q, q \
	VMOVUPS q, (64*j)(OUT)

#define EACHWIDEROW(j, q, m, t) \
	VMULPS Y13, q, q \
	VMULPS Y12, q, q \
	VMOVUPS q, (64*j)(OUT)

#define EACH(ROW) \
	FLUSH(Y0, Y1, Y2, Y3, NOLIMIT) \
	VMOVUPS params_unscale(PARAMS), Y12 \
	VMOVUPS K(const_kUnwide), Y13 \
	LEAVE(ROW) \
	LEAQ (OUT)(ADVANCE*4), OUT

#define EACHPLAIN EACH(EACHPLAINROW)
#define EACHWIDE EACH(EACHWIDEROW)

// LOSS: t = the loss. WEIGHTED: t times a * q^gamma.
#define LOSS(j, q, m, t) \
	VMULPS m, q, t \
	VPAND Y15, t, t
#define WEIGHTED(j, q, m, t) VMULPS m, t, t

// SLOPE: t of the slope's t + s*L and Y15 = s; ONE is 1 in the scale of e. Of e and 1, t is the one of
// this side and s gamma times the other: slopeRight is slopeWrong * ONE. In: Y12 = ONE, Y13 =
// slopeWrong. Clobbers Y14.
#define SLOPE(j, t) \
	VMOVUPS W(j), Y14 \
	VPXOR E(j), Y12, Y15 \
	ONSIDE(Y14, E(j), Y12, t) \
	VPXOR t, Y15, Y15 \
	VMULPS Y13, Y15, Y15

#define SLOPEPLAIN(j, q, m, t) \
	SLOPE(j, t) \
	VADDPS E(j), Y12, Y14 \
	VFMADD231PS q, Y15, t \
	VDIVPS Y14, t, t

#define SLOPEWIDE(j, q, m, t) \
	SLOPE(j, t) \
	QUOTIENTWIDE(j, q, t)

#define QUOTIENTWIDE(j, q, t) \
	VMOVUPS K(const_kOne), Y14 \
	VADDPS EF(j), Y14, Y14 \
	VFMADD231PS q, Y15, t \
	VDIVPS Y14, t, t

// The same for general gamma, with L as it is, to TS.
#define SLOPEANY(j, q) \
	VMOVUPS K(const_kWide), Y14 \
	VMOVUPS W(j), Y15 \
	VPXOR E(j), Y14, Y13 \
	ONSIDE(Y15, E(j), Y14, Y14) \
	VMOVUPS EF(j), Y12 \
	VPXOR Y14, Y13, Y13 \
	VADDPS K(const_kOne), Y12, Y12 \
	VMULPS params_slopeWrong(PARAMS), Y13, Y13 \
	VMULPS K(const_kSlopeL), q, Y15 \
	VFMADD231PS Y15, Y13, Y14 \
	VDIVPS Y12, Y14, Y14 \
	VMOVUPS Y14, TS(j)
#define SLOPED(j, q, m, t) VMOVUPS TS(j), t

// The same if L may have been clamped.
#define CLAMPED(j, q, m, t) VPAND IN(j), t, t

#define SLOPECLIP(j, q, m, t) \
	SLOPE(j, t) \
	CLAMPED(j, q, m, t) \
	QUOTIENTWIDE(j, q, t)

// For gamma 0, where s is 0.
#define SLOPEZERO(j, q, m, t) \
	VMOVUPS W(j), Y14 \
	VADDPS EF(j), Y13, Y15 \
	ONSIDE(Y14, E(j), Y12, t) \
	VDIVPS Y15, t, t

// What L must be for the slope: bounded for a steep form, and scaled for the wide ones.
#define SLOPEMAX(j, q, m, t) VPMINSD Y12, q, q
#define LIMITL \
	VMOVUPS K(const_kSlopeMax), Y12 \
	LEAVE(SLOPEMAX)
#define SLOPEL(j, q, m, t) VMULPS Y12, q, q
#define SCALEL \
	VMOVUPS K(const_kSlopeL), Y12 \
	LEAVE(SLOPEL)

// FINISH: scales and stores the gradient m * t, and moves OUT on. Fused with +0, the last product is +0 where
// the gradient is, whatever its sign. Clobbers m, Y12-14.
#define SCALED(j, q, m, t) \
	VFMADD213PS Y13, Y12, t \
	VMOVUPS t, (64*j)(OUT)
#define NOTTINY(j, q, m, t) \
	VPAND Y12, t, m \
	VPCMPGTD Y13, m, m
#define FLUSHED(j, q, m, t) VPAND m, t, t
#define UNWIDEROW(j, q, m, t) VPSUBD Y14, t, t
#define UNWIDE \
	VMOVUPS K(const_kWideBits), Y14 \
	LEAVE(UNWIDEROW)
#define NOTWIDE

#define FINISH(UNWIDE) \
	IFSAFE(great) \
	VMOVUPS K(const_kMagnitude), Y12 \
	VBROADCASTSS frame_tinyGrad(FRAME), Y13 \
	LEAVE(WEIGHTED) \
	LEAVE(NOTTINY) \
	UNWIDE \
	LEAVE(FLUSHED) \
	JMP finish \
great: \
	UNWIDE \
	LEAVE(WEIGHTED) \
finish: \
	VBROADCASTSS frame_scale(FRAME), Y12 \
	VPXOR Y13, Y13, Y13 \
	LEAVE(SCALED) \
	LEAQ (OUT)(ADVANCE*4), OUT

// GRAD: the losses, and the gradients.
#define LOSSES(LIMIT) \
	VMOVUPS K(const_kMagnitude), Y15 \
	LEAVE(LOSS) \
	FLUSH(Y8, Y9, Y10, Y11, LIMIT) \
	TOTAL(Y8, Y9, Y10, Y11) \
	ACCUMULATE

#define SLOPES(ONE) \
	VMOVUPS ONE, Y12 \
	VMOVUPS params_slopeWrong(PARAMS), Y13

#define PLAINGRAD(LIMIT) \
	LOSSES(LIMIT) \
	SLOPES(K(const_kOne)) \
	LEAVE(SLOPEPLAIN) \
	FINISH(NOTWIDE)

#define GRADPLAIN PLAINGRAD(NOLIMIT)
#define GRADSTEEP PLAINGRAD(LIMITL)

#define GRADWIDE \
	LOSSES(NOLIMIT) \
	SCALEL \
	SLOPES(K(const_kWide)) \
	LEAVE(SLOPEWIDE) \
	FINISH(UNWIDE)

#define GRADANY \
	LOSSES(NOLIMIT) \
	LEAVE(SLOPED) \
	FINISH(UNWIDE)

#define SLOPESZERO \
	VMOVUPS K(const_kWide), Y12 \
	VMOVUPS K(const_kOne), Y13 \
	LEAVE(SLOPEZERO)

#define GRADZERO \
	LOSSES(NOLIMIT) \
	SLOPESZERO \
	FINISH(UNWIDE)

#define GRADZEROCLIP \
	LOSSES(NOLIMIT) \
	SLOPESZERO \
	IFSAFE(unclamped) \
	LEAVE(CLAMPED) \
unclamped: \
	FINISH(UNWIDE)

#define GRADCLIP \
	LOSSES(NOLIMIT) \
	SCALEL \
	SLOPES(K(const_kWide)) \
	IFSAFE(unclamped) \
	LEAVE(SLOPECLIP) \
	JMP sloped \
unclamped: \
	LEAVE(SLOPEWIDE) \
sloped: \
	FINISH(UNWIDE)

// ---- A step entered, a step left, and both at once ----

// ENTERFIRST: labels and logits to e of the entering step.
#define ENTERFIRST(WEIGHTS, CLAMP, ROUND, OUT_) \
	VMOVUPS WEIGHTS(PARAMS), Y13 \
	DECODE(0, Y4) \
	DECODE(1, Y5) \
	DECODE(2, Y6) \
	DECODE(3, Y7) \
	LIMIT(CLAMP, within) \
	ROUND \
	ENTER(SPLIT) \
	REDUCE(const_kLn2HiNeg) \
	REDUCE(const_kLn2LoNeg) \
	EXPBEGIN \
	EXP(const_kExpP2) \
	EXP(const_kExpP1) \
	FACTOR(FACTORROW) \
	ENTER(EXPEND) \
	OUT_

// LEAVELAST: of the leaving step L in Y0-3 and a * q^gamma in Y4-7.
#define LEAVELAST(BEGIN, T, DENOMINATOR, ONE, SOFTPLUS, MODULATE) \
	DENOMINATOR(NOTENTERED) \
	BEGIN(LOGKEPT, E) \
	LOG(const_kLogQ5) \
	LOG(const_kLogQ4) \
	LOGFACTOR(T) \
	LOG(const_kLogQ2) \
	LOG(const_kLogQ1) \
	LOG(const_kLogQ0) \
	LEAVEBEGIN(ONE) \
	SOFTPLUS(0, Y0, Y4, MODULATE) \
	SOFTPLUS(1, Y1, Y5, MODULATE) \
	SOFTPLUS(2, Y2, Y6, MODULATE) \
	SOFTPLUS(3, Y3, Y7, MODULATE)

// BOTH: both at once. A chain of dependent instructions is spread over the whole; the order is
// measured.
#define BOTH(WEIGHTS, CLAMP, ROUND, OUT_, LOGFIRST, ARG, BEGIN, T, DENOMINATOR, ONE, SOFTPLUS, MODULATE) \
	VMOVUPS WEIGHTS(PARAMS), Y13 \
	DECODE(0, Y4) \
	DECODE(1, Y5) \
	BEGIN(LOGFIRST, ARG) \
	LOGFIRST(ARG, const_kLogQ5) \
	DECODE(2, Y6) \
	DECODE(3, Y7) \
	LOGFIRST(ARG, const_kLogQ4) \
	LIMIT(CLAMP, withinNext) \
	ROUND \
	ENTER(SPLIT) \
	REDUCE(const_kLn2HiNeg) \
	LOGFACTOR(T) \
	REDUCE(const_kLn2LoNeg) \
	LOGM(ARG, const_kLogQ2) \
	EXPBEGIN \
	EXP(const_kExpP2) \
	EXP(const_kExpP1) \
	FACTOR(FACTORROW) \
	DENOMINATOR(EXPEND) \
	LOGM(ARG, const_kLogQ1) \
	LOGM(ARG, const_kLogQ0) \
	LEAVEBEGIN(ONE) \
	SOFTPLUS(0, Y0, Y4, MODULATE) \
	SOFTPLUS(1, Y1, Y5, MODULATE) \
	SOFTPLUS(2, Y2, Y6, MODULATE) \
	SOFTPLUS(3, Y3, Y7, MODULATE) \
	OUT_

#define LEAVEBEGIN(ONE) \
	VMOVUPS ONE, Y12 \
	VPXOR Y13, Y13, Y13

// What comes between that and the mode; and NOOUT, in place of OUT_ where no step is entered.
#define DONE
#define NOOUT
#define POWERED POWER(OUTLATER)
#define POWEREDSLOPE POWER(SLOPEANDOUT)
#define SLOPEANDOUT(j, q) \
	SLOPEANY(j, q) \
	OUTLATER(j, q)
#define POWEREDCLIP \
	POWER(OUTLATER) \
	CLIP

// tame: in a step to leave that has a huge logit or NaN, w of ignored cells to 0, on which nothing depends. AX = columns
// where another cell is for the oracle: NaN, or a huge logit on the wrong side. Clobbers Y12-15.
#define TAMEROW(j) \
	VPMOVSXBD (16*j)(LABELS), Y13 \
	VPSRAD $31, Y13, Y13 \
	VPANDN W(j), Y13, Y13 \
	VMOVUPS Y13, W(j) \
	VPCMPGTD Y12, Y13, Y14 \
	VPOR Y14, Y15, Y15 \
	VCMPPS $3, Y13, Y13, Y14 \
	VPOR Y14, Y15, Y15

TEXT tame<>(SB), NOSPLIT|NOFRAME, $0-0
	VMOVUPS K(const_kHugeWrong), Y12
	VPXOR Y15, Y15, Y15
	TAMEROW(0)
	TAMEROW(1)
	TAMEROW(2)
	TAMEROW(3)
	VMOVMSKPS Y15, AX
	RET

#define CURSOR OLDLABELS // set anew after that
#include "fetch_amd64.h"

// A variant: returns the steps left in STEPS, 0 unless it met a special logit. In: ADVANCE of its first step. What OUT
// is where a step is entered alone, beside another, and where none is: OUTFIRST, OUT_, OUTLAST.
// The loop begins a cache line, so that its speed does not hang on what is before it: half a line further took .98 to
// 1.01 of the time on a Zen 3.
#define VARIANT(name, COEFS, WEIGHTS, CLAMP, ROUND, OUTFIRST, OUT_, OUTLAST, TAKE_, LOGFIRST, ARG, BEGIN, T, DENOMINATOR, ONE, SOFTPLUS, MODULATE, REST, MODE) \
TEXT name<>(SB), NOSPLIT|NOFRAME, $0-0 \
	LEAQ COEFS(SB), COEF \
	ENTERFIRST(WEIGHTS, CLAMP, ROUND, OUTFIRST) \
	XCHGQ LEAVING, ENTERING \
	PCALIGN $64 \
loop: \
	MOVL NEWSAFE, SAFE \
	IFSAFE(usual) \
	CMPL HUGE, $0 \
	JNE huge \
usual: \
	CMPQ frame_later(FRAME), $0 \
	JNE far \
near: \
	MOVQ LABELS, OLDLABELS \
	CMPQ STEPS, $3 \
	JLE ending \
advance: \
	LEAQ (LOGITS)(ADVANCE*4), LOGITS \
	ADDQ ADVANCE, LABELS \
entering: \
	BOTH(WEIGHTS, CLAMP, ROUND, OUT_, LOGFIRST, ARG, BEGIN, T, DENOMINATOR, ONE, SOFTPLUS, MODULATE) \
left: \
	REST \
	MODE \
	XCHGQ LEAVING, ENTERING \
	XORQ $(8^56), ADVANCE \
	DECQ STEPS \
	JNZ loop \
	RET \
ending: \
	JEQ enterLast \
	CMPQ STEPS, $1 \
	JEQ last \
	MOVQ LASTOUT, OUT \
	JMP advance \
enterLast: \
	MOVQ LASTLOGITS, LOGITS \
	MOVQ LASTLABELS, LABELS \
	JMP entering \
	PCALIGN $64 \
last: \
	OUTLAST \
	TAKE_ \
	LEAVELAST(BEGIN, T, DENOMINATOR, ONE, SOFTPLUS, MODULATE) \
	JMP left \
far: \
	CMPQ ADVANCE, $8 \
	JNE near \
	CALL fetch<>(SB) \
	JMP near \
huge: \
	CALL tame<>(SB) \
	TESTL AX, AX \
	JEQ usual \
	RET

#define PLAIN(sum, each, grad, DENOMINATOR, MODULATE, GRAD) \
	VARIANT(sum, ·coefAVX2, params_weight, CLAMP, ROUNDPLAIN, OUTPLAIN, OUTPLAIN, NOOUT, KEPT, LOGKEPT, E, LOGBEGIN, FACTORPLAIN, DENOMINATOR, K(const_kOne), SOFTPLUSPLAIN, MODULATE, VALUES, SUM) \
	VARIANT(each, ·coefAVX2, params_weight, CLAMP, ROUNDPLAIN, OUTPLAIN, OUTPLAIN, NOOUT, KEPT, LOGKEPT, E, LOGBEGIN, FACTORPLAIN, DENOMINATOR, K(const_kOne), SOFTPLUSPLAIN, MODULATE, VALUES, EACHPLAIN) \
	VARIANT(grad, ·coefAVX2, params_signedWeight, CLAMP, ROUNDPLAIN, OUTPLAIN, OUTPLAIN, NOOUT, TAKEPLAIN, LOGM, E, LOGBEGIN, FACTORPLAIN, DENOMINATOR, K(const_kOne), SOFTPLUSPLAIN, MODULATE, DONE, GRAD)

#define WIDE(sum, each, grad, COEFS, BEGIN, DENOMINATOR, SOFTPLUS, MODULATE, VALUES, GRAD) \
	VARIANT(sum, COEFS, params_weight, CLAMP, ROUNDWIDE, OUTWIDE, OUTWIDE, NOOUT, KEPT, LOGKEPT, EF, BEGIN, FACTORWIDE, DENOMINATOR, K(const_kWide), SOFTPLUS, MODULATE, VALUES, SUM) \
	VARIANT(each, COEFS, params_weight, CLAMP, ROUNDWIDE, OUTWIDE, OUTWIDE, NOOUT, KEPT, LOGKEPT, EF, BEGIN, FACTORWIDE, DENOMINATOR, K(const_kWide), SOFTPLUS, MODULATE, VALUES, EACHWIDE) \
	VARIANT(grad, COEFS, params_signedWeight, CLAMP, ROUNDWIDE, OUTWIDE, OUTWIDE, NOOUT, TAKEWIDE, LOGM, EF, BEGIN, FACTORWIDE, DENOMINATOR, K(const_kWide), SOFTPLUS, MODULATE, DONE, GRAD)

// LATER: REST comes before the loss.
#define LATER(sum, each, grad, COEFS, BEGIN, CLAMP, OUTFIRST, OUT_, OUTLAST, DENOMINATOR, SOFTPLUS, MODULATE, REST, RESTGRAD, GRAD) \
	VARIANT(sum, COEFS, params_weight, CLAMP, ROUNDWIDE, OUTFIRST, OUT_, OUTLAST, TAKEWIDE, LOGM, EF, BEGIN, FACTORWIDE, DENOMINATOR, K(const_kWide), SOFTPLUS, MODULATE, REST, LATERSUM) \
	VARIANT(each, COEFS, params_weight, CLAMP, ROUNDWIDE, OUTFIRST, OUT_, OUTLAST, TAKEWIDE, LOGM, EF, BEGIN, FACTORWIDE, DENOMINATOR, K(const_kWide), SOFTPLUS, MODULATE, REST, LATEREACH) \
	VARIANT(grad, COEFS, params_signedWeight, CLAMP, ROUNDWIDE, OUTFIRST, OUT_, OUTLAST, TAKEWIDE, LOGM, EF, BEGIN, FACTORWIDE, DENOMINATOR, K(const_kWide), SOFTPLUS, MODULATE, RESTGRAD, GRAD)

#define LATERSUM \
	VALUES \
	SUM

#define LATEREACH \
	VALUES \
	EACHWIDE

// Sum, each and grad; DENOMINATOR, MODULATE, GRAD (of grad).
PLAIN(plain15Sum, plain15Each, plain15Grad, BYONEANDHALF, NOMODULATE, GRADPLAIN)
PLAIN(plain2Sum, plain2Each, plain2Grad, BYSECOND, MODULATE, GRADPLAIN)
PLAIN(plain3Sum, plain3Each, plain3Grad, BYTHIRD, MODULATE3, GRADSTEEP)
PLAIN(plain4Sum, plain4Each, plain4Grad, BYFOURTH, MODULATE4, GRADSTEEP)

// COEFS, BEGIN, DENOMINATOR, SOFTPLUS, MODULATE, VALUES (of sum and each) and GRAD (of grad).
WIDE(wide0Sum, wide0Each, wide0Grad, ·coefFineAVX2, LOGBEGINFINE, BYZEROTH, SOFTPLUSWIDE, NOMODULATE, VALUES, GRADZERO)
WIDE(wide05Sum, wide05Each, wide05Grad, ·coefFineAVX2, LOGBEGINFINE, BYHALF, SOFTPLUSWIDE, NOMODULATE, VALUES, GRADWIDE)
WIDE(wide1Sum, wide1Each, wide1Grad, ·coefFineAVX2, LOGBEGINFINE, BYFIRST, SOFTPLUSWIDE, MODULATE, VALUES, GRADWIDE)

// COEFS, BEGIN, CLAMP, OUTFIRST, OUT_, OUTLAST, DENOMINATOR, SOFTPLUS, MODULATE, REST, RESTGRAD, GRAD.
LATER(wideAnySum, wideAnyEach, wideAnyGrad, ·coefWideAVX2, LOGBEGIN, CLAMP, OUTWIDE, KEEPT, KEEPNONE, BYNONE, LOG1PWIDE, NOMODULATE, POWERED, POWEREDSLOPE, GRADANY)
LATER(clip0Sum, clip0Each, clip0Grad, ·coefFineAVX2, LOGBEGINFINE, CLAMPCLIP, OUTWIDE, OUTWIDE, NOOUT, BYZEROTH, SOFTPLUSWIDE, NOMODULATE, CLIP, CLIP, GRADZEROCLIP)
LATER(clip1Sum, clip1Each, clip1Grad, ·coefFineAVX2, LOGBEGINFINE, CLAMPCLIP, OUTWIDE, OUTWIDE, NOOUT, BYFIRST, SOFTPLUSWIDE, MODULATE, CLIP, CLIP, GRADCLIP)
LATER(clip2Sum, clip2Each, clip2Grad, ·coefWideAVX2, LOGBEGIN, CLAMPCLIP, OUTCLIP2, OUTCLIP2, NOOUT, BYSECONDWIDE, SOFTPLUSCLIP2, MODULATE, CLIP, CLIP, GRADCLIP)
LATER(clipAnySum, clipAnyEach, clipAnyGrad, ·coefWideAVX2, LOGBEGIN, CLAMPCLIP, OUTWIDE, KEEPT, KEEPNONE, BYNONE, LOG1PWIDE, NOMODULATE, POWEREDCLIP, POWEREDCLIP, GRADCLIP)

#include "variants.h"

// FILLLABELS and FILL: ignored cells in the copy; FILL their logits, which are 0, in the first of every two times
// 32 bytes, or the second, from Y0 = 0, which FILLLABELS leaves. Clobber Y1.
#define FILL(at) \
	VMOVUPS Y0, (COPY+at)(ENDS) \
	VMOVUPS Y0, (COPY+at+64)(ENDS) \
	VMOVUPS Y0, (COPY+at+128)(ENDS) \
	VMOVUPS Y0, (COPY+at+192)(ENDS)

#define FILLLABELS \
	VPXOR Y0, Y0, Y0 \
	VPCMPEQB Y1, Y1, Y1 \
	VMOVUPS Y1, COPYLABELS(ENDS) \
	VMOVUPS Y1, (COPYLABELS+32)(ENDS)

// COPYROW: 8 cells from cell i of R8 and R13 on to the copy, at logit and label. Clobbers AX, Y0.
#define COPYROW(i, logit, label) \
	VMOVUPS (R8)(i*4), Y0 \
	MOVQ (R13)(i*1), AX \
	VMOVUPS Y0, COPY(ENDS)(logit) \
	MOVQ AX, COPYLABELS(ENDS)(label)

// The lanes of a vector twice: from lane k on they turn it by k lanes.
DATA turned<>+0(SB)/8, $0x0000000100000000
DATA turned<>+8(SB)/8, $0x0000000300000002
DATA turned<>+16(SB)/8, $0x0000000500000004
DATA turned<>+24(SB)/8, $0x0000000700000006
DATA turned<>+32(SB)/8, $0x0000000100000000
DATA turned<>+40(SB)/8, $0x0000000300000002
DATA turned<>+48(SB)/8, $0x0000000500000004
DATA turned<>+56(SB)/8, $0x0000000700000006
GLOBL turned<>(SB), RODATA|NOPTR, $64

// COPYOUT: the other way, CX cells to DI. row is where the copy has cell BX. Clobbers AX, BX, CX, SI, DI, Y0.
#define COPYOUT(row) \
	XORL BX, BX \
	SUBQ $8, CX \
	JLT rest \
write: \
	VMOVUPS COPY(ENDS)(row), Y0 \
	VMOVUPS Y0, (DI)(BX*4) \
	ADDQ $8, BX \
	CMPQ BX, CX \
	JLE write \
rest: \
	LEAQ COPY(ENDS)(row), SI \
	LEAQ (DI)(BX*4), DI \
	TESTL $4, CX \
	JEQ two \
	VMOVUPS (SI), X0 \
	VMOVUPS X0, (DI) \
	ADDQ $16, SI \
	ADDQ $16, DI \
two: \
	TESTL $2, CX \
	JEQ one \
	MOVQ (SI), AX \
	MOVQ AX, (DI) \
	ADDQ $8, SI \
	ADDQ $8, DI \
one: \
	TESTL $1, CX \
	JEQ written \
	MOVL (SI), AX \
	MOVL AX, (DI) \
written:

// SLOTS: the slots, and ENDS: twice SLOT, 32 bytes for where the last group is, 256 and 64 for its copy, 32 between,
// and 63 to align them: a frame of 2880 bytes.
#define SLOTS(slots) \
	LEAQ slots, LEAVING \
	ADDQ $63, LEAVING \
	ANDQ $~63, LEAVING \
	LEAQ SLOT(LEAVING), ENTERING \
	LEAQ SLOT(ENTERING), ENDS

// RUN: runs the frame's variant, from STEPS and ADVANCE on. Clobbers AX.
#define RUN \
	MOVQ frame_p(FRAME), PARAMS \
	LEAQ variants<>(SB), COEF \
	MOVQ frame_variant(FRAME), AX \
	MOVQ (COEF)(AX*8), AX \
	CALL AX

// func archCells(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)
TEXT ·archCells(SB), NOSPLIT|NOFRAME, $0-64
	MOVQ f+0(FP), AX
	MOVQ frame_p(AX), AX
	CMPQ n+32(FP), $const_halfGroup
	JLE few
	CMPB params_isa(AX), $const_isaAVX512
	JEQ avx512
	JMP ·cellsAVX2(SB)
few:
	JMP ·fewAVX2(SB)
avx512:
	JMP ·cellsAVX512(SB)

// func cellsAVX2(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)
//
// The variants read and write whole rows: the last group works on a copy if it is cut short.
TEXT ·cellsAVX2(SB), 0, $2880-64
	NO_LOCAL_POINTERS
	SLOTS(slots-2880(SP))
	MOVQ n+32(FP), CX
	MOVQ out+8(FP), R12
	MOVQ logits+16(FP), R8
	MOVQ labels+24(FP), R13
	LEAQ -1(CX), AX
	ANDQ $~63, AX // cells before the last group
	SUBQ AX, CX
	LEAQ (R12)(AX*4), R12
	LEAQ (R8)(AX*4), R8
	ADDQ AX, R13
	SHRQ $5, AX
	LEAQ 2(AX), R11 // steps
	CMPQ CX, $64
	JEQ whole
	FILLLABELS
	FILL(0)
	FILL(32)

	// The last row ends with the last cell: it begins in the one before, or in front of the copy, where nothing is yet.
	LEAQ -8(CX), DX
	XORL BX, BX
	JMP more
row:
	COPYROW(BX, BX*4, BX*1)
	ADDQ $8, BX
more:
	CMPQ BX, DX
	JLT row
	COPYROW(DX, DX*4, DX*1)
	LEAQ COPY(ENDS), R8
	LEAQ COPYLABELS(ENDS), R13
	MOVQ R8, R12
	JMP ready

whole:
	MOVQ last+40(FP), AX
	TESTQ AX, AX
	JEQ ready
	MOVQ AX, R8
	MOVQ AX, R12

ready:
	MOVQ R8, LASTLOGITS
	MOVQ R13, LASTLABELS
	MOVQ R12, LASTOUT
	MOVQ f+0(FP), FRAME
	MOVQ out+8(FP), OUT
	MOVQ logits+16(FP), LOGITS
	MOVQ labels+24(FP), LABELS
	MOVQ R11, STEPS
	MOVL $8, ADVANCE
	CMPQ STEPS, $2
	CMOVQEQ R8, LOGITS
	CMOVQEQ R13, LABELS
	RUN

	MOVQ n+32(FP), AX
	TESTQ STEPS, STEPS
	JNE part
	MOVQ AX, done+48(FP)
	MOVQ $0, column+56(FP)
	MOVQ out+8(FP), DI
	TESTQ DI, DI
	JEQ written
	MOVQ AX, CX
	ANDQ $63, CX
	JEQ written
	SUBQ CX, AX
	LEAQ (DI)(AX*4), DI
	COPYOUT(BX*4)
	VZEROUPPER
	RET

	// STEPS are left: the group at hand began at the even number of them done.
part:
	LEAQ 63(AX), DX
	SHRQ $6, DX
	SHLQ $1, DX
	SUBQ STEPS, DX
	MOVQ DX, CX
	SHRQ $1, CX
	SHLQ $6, CX
	ANDQ $1, DX
	SHLQ $3, DX
	MOVQ CX, done+48(FP)
	MOVQ DX, column+56(FP)
	VZEROUPPER
	RET

// func fewAVX2(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)
TEXT ·fewAVX2(SB), 0, $2880-64
	NO_LOCAL_POINTERS
	SLOTS(slots-2880(SP))
	MOVQ n+32(FP), CX
	MOVQ logits+16(FP), R8
	MOVQ labels+24(FP), R13
	FILLLABELS
	FILL(0)

	// Rows of 8 columns, of 16.
	XORL BX, BX
	SUBQ $8, CX // where the last 8 cells begin
	JLT alone
row:
	COPYROW(BX, BX*8, BX*2)
	ADDQ $8, BX
	CMPQ BX, CX
	JLE row
	MOVQ BX, DX
	SUBQ CX, DX // of those, so many are in the row before
	CMPQ DX, $8
	JEQ copied

	// They are turned to the end, and ignored there. So the kernel loads what one store has written.
	VMOVUPS (R8)(CX*4), Y0
	MOVQ (R13)(CX*1), AX
	LEAQ turned<>(SB), SI
	VMOVDQU (SI)(DX*4), Y1
	VPERMPS Y0, Y1, Y0
	LEAL (DX*8), CX
	NOTQ AX
	SHRQ CX, AX
	NOTQ AX
	VMOVUPS Y0, COPY(ENDS)(BX*8)
	MOVQ AX, COPYLABELS(ENDS)(BX*2)
	JMP copied

	// Fewer than 8 are copied one by one, as nothing is before them, and an emulator may read all of a masked load.
alone:
	ADDQ $8, CX
	MOVQ $-1, AX
cell:
	SHLQ $8, AX
	MOVB -1(R13)(CX*1), AX
	MOVL -4(R8)(CX*4), SI
	MOVL SI, (COPY-4)(ENDS)(CX*4)
	DECQ CX
	JNZ cell
	MOVQ AX, COPYLABELS(ENDS)
copied:
	LEAQ COPY(ENDS), LOGITS
	LEAQ COPYLABELS(ENDS), LABELS
	MOVQ LOGITS, OUT
	MOVQ f+0(FP), FRAME

	// One step is the group.
	XORL ADVANCE, ADVANCE
	MOVL $1, STEPS
	RUN
	XORL AX, AX
	MOVQ AX, column+56(FP)
	TESTQ STEPS, STEPS
	JNE none
	MOVQ n+32(FP), CX
	MOVQ CX, done+48(FP)
	MOVQ out+8(FP), DI
	TESTQ DI, DI
	JEQ written
	COPYOUT(BX*8)
	VZEROUPPER
	RET

none:
	MOVQ AX, done+48(FP)
	VZEROUPPER
	RET

// func stage(f *frame, j *job, i, end int)
//
// The frame: five arguments, 64 to align the buffer, and 4*stageCells.
TEXT ·stage(SB), 0, $16488-32
	NO_LOCAL_POINTERS
	MOVQ f+0(FP), AX
	MOVQ j+8(FP), BX
	MOVQ i+16(FP), CX
	MOVQ end+24(FP), DX
	LEAQ 103(SP), SI
	ANDQ $~63, SI
	MOVQ AX, 0(SP)
	MOVQ BX, 8(SP)
	MOVQ CX, 16(SP)
	MOVQ DX, 24(SP)
	MOVQ SI, 32(SP)
	CALL ·staged(SB)
	RET

// func archRuns(dst, src []float32, n, runs, dstStep, srcStep int)
//
// Between the first and the last of a run the vectors are aligned in the tensor, which is where the runs are further
// apart, and not in the buffer, which is near. Of a far tensor, it begins to fetch the eighth run from there.
TEXT ·archRuns(SB), NOSPLIT|NOFRAME, $0-80
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ n+48(FP), CX
	MOVQ runs+56(FP), DX
	MOVQ dstStep+64(FP), R8
	MOVQ srcStep+72(FP), R9
	SHLQ $2, R8
	SHLQ $2, R9
	MOVQ SI, BX // in the tensor
	MOVQ R9, R12
	MOVQ src_len+32(FP), R13
	CMPQ R8, R9
	JLE apart
	MOVQ DI, BX
	MOVQ R8, R12
	MOVQ dst_len+8(FP), R13

apart:
	LEAQ (BX)(R13*4), AX // where the tensor ends, if it is far, else 0
	CMPQ R13, $const_farLen
	MOVL $0, R13
	CMOVQGE AX, R13
	LEAQ -32(CX*4), R10 // where the last vector begins
	LEAQ -128(CX*4), R11 // and the last four

run:
	VMOVUPS (SI), Y0
	VMOVUPS Y0, (DI)
	MOVQ BX, AX
	NEGQ AX
	ANDQ $31, AX
	CMPQ AX, R11
	JGT few

many:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS 32(SI)(AX*1), Y1
	VMOVUPS 64(SI)(AX*1), Y2
	VMOVUPS 96(SI)(AX*1), Y3
	VMOVUPS Y0, (DI)(AX*1)
	VMOVUPS Y1, 32(DI)(AX*1)
	VMOVUPS Y2, 64(DI)(AX*1)
	VMOVUPS Y3, 96(DI)(AX*1)
	ADDQ $128, AX
	CMPQ AX, R11
	JLE many

few:
	CMPQ AX, R10
	JGE last
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ $32, AX
	JMP few

last:
	VMOVUPS (SI)(R10*1), Y0
	VMOVUPS Y0, (DI)(R10*1)
	LEAQ (BX)(R12*8), AX
	CMPQ AX, R13
	JCC fetched
	LEAQ (AX)(CX*4), R14

fetch:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, R14
	JCS fetch
	PREFETCHT0 -4(R14)

fetched:
	ADDQ R8, DI
	ADDQ R9, SI
	ADDQ R12, BX
	DECQ DX
	JNZ run
	VZEROUPPER
	RET

// func archGather(dst, src []float32, stride int)
TEXT ·archGather(SB), NOSPLIT|NOFRAME, $0-56
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), R13
	MOVQ stride+48(FP), R8
	SHLQ $2, R8
	MOVL $4, R10
	MOVQ SI, R12
	MOVQ R8, DX
	JMP every<>(SB)

// func archScatter(dst, src []float32, stride int)
TEXT ·archScatter(SB), NOSPLIT|NOFRAME, $0-56
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), R13
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	MOVQ stride+48(FP), R10
	SHLQ $2, R10
	MOVL $4, R8
	MOVQ DI, R12
	MOVQ R10, DX
	JMP every<>(SB)

// every: copies CX numbers from SI to DI, R8 and R10 bytes apart, and fetches what comes aheadCells later in the tensor,
// R13 numbers from R12 on, in steps of DX bytes.
TEXT every<>(SB), NOSPLIT|NOFRAME, $0-0
	LEAQ (R12)(R13*4), R13
	IMUL3Q $const_aheadCells, DX, AX
	ADDQ AX, R12
	LEAQ (DX)(DX*2), AX
	LEAQ (R8)(R8*2), R9
	LEAQ (R10)(R10*2), R11
	SUBQ $4, CX
	JLT rest

four:
	CMPQ R12, R13
	JCC fetched
	PREFETCHT0 (R12)
	PREFETCHT0 (R12)(DX*1)
	PREFETCHT0 (R12)(DX*2)
	PREFETCHT0 (R12)(AX*1)
	LEAQ (R12)(DX*4), R12

fetched:
	MOVL (SI), BX
	MOVL BX, (DI)
	MOVL (SI)(R8*1), BX
	MOVL BX, (DI)(R10*1)
	MOVL (SI)(R8*2), BX
	MOVL BX, (DI)(R10*2)
	MOVL (SI)(R9*1), BX
	MOVL BX, (DI)(R11*1)
	LEAQ (SI)(R8*4), SI
	LEAQ (DI)(R10*4), DI
	SUBQ $4, CX
	JGE four

rest:
	ADDQ $4, CX
	JEQ copied

one:
	MOVL (SI), BX
	MOVL BX, (DI)
	ADDQ R8, SI
	ADDQ R10, DI
	DECQ CX
	JNZ one

copied:
	RET

// INSIDE: its 32 bytes from offset k on have all bits in the last k bytes and none before.
DATA inside<>+32(SB)/8, $-1
DATA inside<>+40(SB)/8, $-1
DATA inside<>+48(SB)/8, $-1
DATA inside<>+56(SB)/8, $-1
GLOBL inside<>(SB), RODATA|NOPTR, $64

// All bits but the last of each byte: |y| of a label has none of them. countAVX512 uses it too.
DATA ·noLabel+0(SB)/8, $0xfefefefefefefefe
DATA ·noLabel+8(SB)/8, $0xfefefefefefefefe
DATA ·noLabel+16(SB)/8, $0xfefefefefefefefe
DATA ·noLabel+24(SB)/8, $0xfefefefefefefefe
GLOBL ·noLabel(SB), RODATA|NOPTR, $32

// COUNT: adds the 32 labels y in Y6 to the bytes of Y1 (|y|) and Y2 (y), and |y| to the bits of Y0. Clobbers Y4.
#define COUNT \
	VPABSB Y6, Y4 \
	VPADDB Y6, Y2, Y2 \
	VPOR Y4, Y0, Y0 \
	VPADDB Y4, Y1, Y1

// func archCount(labels *uint8, n int, k isa) (positives, ignored, negatives int)
TEXT ·archCount(SB), NOSPLIT|NOFRAME, $0-48
	CMPB k+16(FP), $const_isaAVX512
	JNE narrow
	CMPQ n+8(FP), $const_groupCells
	JLT narrow
	JMP ·countAVX512(SB)
narrow:
	JMP ·countAVX2(SB)

// func countAVX2(labels *uint8, n int, k isa) (positives, ignored, negatives int)
//
// A label is 1, -1 or 0 as a signed byte, any other has a greater magnitude: the sum of |y| is that of positives and
// ignored labels, that of |y| and y twice the positives. It adds up in bytes, which hold 127 of each: first what is left
// of whole groups, with 0 before it, and up to 62 groups; the sums of the bytes after these and after every 62 more.
TEXT ·countAVX2(SB), NOSPLIT|NOFRAME, $0-48
	MOVQ labels+0(FP), SI
	MOVQ n+8(FP), BX
	LEAQ -32(SI)(BX*1), R8
	LEAQ inside<>(SB), R9
	MOVL BX, AX
	ANDL $31, AX
	VMOVDQU (R9)(AX*1), Y2
	VPAND (R8), Y2, Y2
	VPABSB Y2, Y0
	VMOVDQA Y0, Y1
	VPXOR Y3, Y3, Y3
	VPXOR Y5, Y5, Y5
	MOVQ BX, CX
	TESTL $32, CX
	JEQ whole
	SUBQ AX, R8
	VMOVDQU (R8), Y6
	COUNT

whole:
	SHRQ $6, CX
	JEQ sum

batch:
	MOVL $62, AX
	CMPQ CX, AX
	CMOVQLT CX, AX
	SUBQ AX, CX
	PCALIGN $32

count:
	VMOVDQU (SI), Y6
	COUNT
	VMOVDQU 32(SI), Y6
	COUNT
	ADDQ $64, SI
	DECQ AX
	JNZ count

	// Y3 adds up both in one: positives and ignored labels, and from bit 32 on twice the positives.
sum:
	VPADDB Y1, Y2, Y2
	VPSADBW Y5, Y1, Y1
	VPSADBW Y5, Y2, Y2
	VPSLLQ $32, Y2, Y2
	VPADDQ Y1, Y3, Y3
	VPADDQ Y2, Y3, Y3
	TESTQ CX, CX
	JEQ counted
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	JMP batch

counted:
	VPTEST ·noLabel(SB), Y0
	VEXTRACTI128 $1, Y3, X4
	VPADDQ X4, X3, X3
	VPSRLDQ $8, X3, X4
	VPADDQ X4, X3, X3
	VMOVQ X3, AX
	VZEROUPPER
	JNE wrong

write:
	MOVL AX, DX // positives and ignored
	SHRQ $33, AX
	SUBQ DX, BX
	SUBQ AX, DX
	MOVQ AX, positives+24(FP)
	MOVQ DX, ignored+32(FP)
	MOVQ BX, negatives+40(FP)
	RET

wrong:
	XORL AX, AX
	XORL BX, BX
	JMP write
