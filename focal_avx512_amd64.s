//go:build !purego

#include "textflag.h"
#include "funcdata.h"
#include "go_asm.h"

// The AVX-512 kernel. It computes what the AVX2 kernel does, with the same macros,
// and differs in this:
//
// A step is a group of 64 cells: 4 rows of 16 columns. With 32 registers, what meets
// between entering and leaving stays in registers but for w, the weight and n. An instruction
// keeps its pipe for two cycles on many CPUs, so that four rows fill the pipes for as long as a
// multiplication takes; hence everything goes four rows abreast. The two pipes that multiply bind:
// whatever can be is done by additions, integers and VPTERNLOGD; compares into masks go through
// those pipes too, so that of the right side is made once, for weight and slope. A constant is loaded once for
// four rows where a register is left for it: once for each took up to 1.2 times as long on a Zen 5. Where all logits of a step are
// below frame.safe, what only tiny or clamped results need is left out.
//
// AVX512F and AVX512BW are needed.
//
// Registers that live through a variant:
#define FRAME DI
#define LOGITS SI // of the group to enter
#define LABELS DX
#define OUT BX // of the group to leave
#define OLDLABELS R12
#define STEPS CX // left to do
#define COEF R8
#define PARAMS R13
#define LEAVING R9 // slots
#define ENTERING R10
#define KEPT R11
#define HUGE K7 // columns of the step to leave with a logit of at least 2^20 or NaN, if TINY has any
#define NEWTINY R14 // columns of the step to enter where something may be tiny, or clamped; assembly that Go calls may use R14
#define TINY R15 // of the step to leave
#define ONE Z28
#define LANES Z30

#define W(j) (0+64*j)(LEAVING) // -z
#define A(j) (256+64*j)(LEAVING) // weight
#define NEWW(j) (0+64*j)(ENTERING)
#define NEWA(j) (256+64*j)(ENTERING)
#define SLOT 512
#define NM(j) (0+64*j)(KEPT) // n in the low bits
#define IN(j) (256+8*j)(KEPT) // clip: columns where L was not clamped
#define E(j) (320+64*j)(KEPT) // general gamma: e of the leaving step, times 2^64
#define SQUAREE(j) (576+64*j)(KEPT) // gamma 2 with clip: e^2, times 2^64; general gamma: of the entering step, r^2
#define LASTLOGITS 832(KEPT) // where the last step is: in place if it is whole, else in TAIL
#define LASTLABELS 840(KEPT)
#define LASTOUT 848(KEPT)
#define OLDTINY 856(KEPT) // of the step before the one to leave, until its ADDUP
#define TAIL(j) (896+64*j)(KEPT)
#define TAILLABELS 1152(KEPT)

#define K(k) (4*k)(COEF)

// CONST: Z29 = a constant or parameter, once for four rows. ZERO: Z29 = 0.
#define CONST(at) VBROADCASTSS at, Z29
#define ZERO VPXORD Z29, Z29, Z29

// A macro for each row and its registers. Of the leaving step: q holds Q and L; e; low is e^2
// (plain), or e times 2^64 (wide); m = a * q^gamma; u is free, and then the loss. Of the entering
// one: x to r, which is free for the leaving one after SIGN, and p, which is free between OUT and
// ROUND. Z29 and Z31 are for the moment; so is the mask, from ADDUP to the end of the step.
#define LEAVE(ROW) \
	ROW(0, Z0, Z16, Z20, Z12, Z24, Z4, K1) \
	ROW(1, Z1, Z17, Z21, Z13, Z25, Z5, K2) \
	ROW(2, Z2, Z18, Z22, Z14, Z26, Z6, K3) \
	ROW(3, Z3, Z19, Z23, Z15, Z27, Z7, K4)

#define ENTER(ROW) \
	ROW(0, Z4, Z8, Z16, Z20, Z24) \
	ROW(1, Z5, Z9, Z17, Z21, Z25) \
	ROW(2, Z6, Z10, Z18, Z22, Z26) \
	ROW(3, Z7, Z11, Z19, Z23, Z27)

// ---- Entering a step: logits and labels to w and e ----

// LOGIT: x = -|w|.
#define LOGITROW(j, x, p, e, low, u) VPORD (64*j)(LOGITS), Z29, x
#define LOGIT \
	CONST(K(const_kSign)) \
	ENTER(LOGITROW)

// LABEL, WEIGH and SIGN: the weight, negative for positives and 0 for ignored cells, by the low
// bits of the label, and w = -z by the sign of the weight. They clobber x, Z29 and Z31.
#define LABEL(j, x, p, e, low, u) VPMOVSXBD (16*j)(LABELS), x
#define WEIGHT(j, x, p, e, low, u) \
	VPERMILPS x, Z29, x \
	VMOVUPS x, NEWA(j)
#define WEIGH \
	VBROADCASTF32X4 params_signedWeight(PARAMS), Z29 \
	ENTER(WEIGHT)
#define SIGNED(j, x, p, e, low, u) \
	VPTERNLOGD $0x6a, (64*j)(LOGITS), Z31, x \
	VMOVUPS x, NEWW(j)
#define SIGN \
	VBROADCASTSS K(const_kSign), Z31 \
	ENTER(SIGNED)

// UNLESS: jumps if there are no such columns.
#define UNLESS(columns, label) \
	TESTL columns, columns \
	JEQ label

// LIMIT: notes an x beyond which something may be tiny; only then x may have to be clamped, and
// may be huge. Clobbers Z29, Z31, K4.
#define LIMIT(CLAMP, within) \
	VPMAXSD Z4, Z5, Z29 \
	VPMAXSD Z6, Z7, Z31 \
	VPMAXSD Z29, Z31, Z31 \
	VPCMPD.BCST $5, frame_safe(FRAME), Z31, K4 \
	KMOVW K4, NEWTINY \
	UNLESS(NEWTINY, within) \
	VPCMPGTD.BCST K(const_kHuge), Z31, HUGE \
	CLAMP \
within:

// CLAMP and CLAMPCLIP: x clamped. Clobber p.
#define CLAMPROW(j, x, p, e, low, u) VPMINSD Z29, x, x
#define CLAMP \
	CONST(params_end(PARAMS)) \
	ENTER(CLAMPROW)

#define CLAMPRIGHT(j, x, p, e, low, u) \
	VPMOVSXBD (16*j)(LABELS), p \
	VPSLLD $31, p, p \
	VPXORD (64*j)(LOGITS), p, p \
	VMAXPS Z29, p, p \
	VPORD Z31, p, x
#define CLAMPCLIP \
	CONST(params_right(PARAMS)) \
	VBROADCASTSS K(const_kSign), Z31 \
	ENTER(CLAMPRIGHT) \
	CONST(params_wrongEnd(PARAMS)) \
	ENTER(CLAMPROW)

// ROUND: nm = n, in its low bits, for x.
#define MAGIC(j, x, nm, e, low, u) VMOVAPS Z31, nm
#define ROUNDROW(j, x, nm, e, low, u) VFMADD231PS Z29, x, nm
#define ROUND(magic) \
	VBROADCASTSS K(magic), Z31 \
	CONST(K(const_kLog2E)) \
	ENTER(MAGIC) \
	ENTER(ROUNDROW)

#define ROUNDPLAIN ROUND(const_kMagicBare)
#define ROUNDWIDE ROUND(const_kMagicWide)

// SPLIT: nm to n; nm is kept. In: Z31 = magic.
#define SPLIT(j, x, nm, e, low, u) \
	VMOVUPS nm, NM(j) \
	VSUBPS Z31, nm, nm

// REDUCE: x to r for n, in two steps.
#define REDUCEROW(j, x, n, e, low, u) VFMADD231PS Z29, n, x
#define REDUCE(k) \
	CONST(K(k)) \
	ENTER(REDUCEROW)

// EXP: p = exp(r) - 1, step by step; FACTOR is the one by r^2 + expShift. Between SQUARER and EXPEND r^2 is where m is before and after.
#define WITHSQUARE(ROW) \
	ROW(0, Z4, Z8, Z12) \
	ROW(1, Z5, Z9, Z13) \
	ROW(2, Z6, Z10, Z14) \
	ROW(3, Z7, Z11, Z15)

#define EXPP3(j, r, p, e, low, u) VMOVAPS Z29, p
#define EXPBEGIN \
	CONST(K(const_kExpP3)) \
	ENTER(EXPP3)
#define EXPROW(j, r, p, e, low, u) VFMADD213PS Z29, r, p
#define EXP(k) \
	CONST(K(k)) \
	ENTER(EXPROW)
#define SQUARER(j, r, p, w) VMULPS r, r, w
#define FACTORROW(j, r, p, w) \
	VADDPS.BCST K(const_kExpShift), w, Z31 \
	VFMADD213PS Z29, Z31, p
#define FACTOR \
	CONST(K(const_kExpP0)) \
	WITHSQUARE(FACTORROW)
#define EXPEND(j, r, p, w) VFMADD213PS r, w, p

// FACTORKEPT and EXPENDKEPT: the same without SQUARER, where m is in use.
#define FACTORKEPTROW(j, r, p, e, low, u) \
	VMULPS r, r, Z31 \
	VMOVUPS Z31, SQUAREE(j) \
	VADDPS.BCST K(const_kExpShift), Z31, Z31 \
	VFMADD213PS Z29, Z31, p
#define FACTORKEPT \
	CONST(K(const_kExpP0)) \
	ENTER(FACTORKEPTROW)
#define EXPENDKEPT(j, r, p, e, low, u) VFMADD132PS SQUAREE(j), r, p

// OUT: from t = exp(r) - 1, e and e^2 (plain), or e as an argument, and e times 2^64 (wide). Clobbers y (plain).
#define ONEPLUS(j, x, t, e, low, y) VADDPS ONE, t, y
#define POWEROF2(j, x, t, e, low, y) VPSLLD $23, NM(j), e
#define TWOPLUSROW(j, x, t, e, low, y) VADDPS Z29, t, low
#define TWOPLUS \
	CONST(K(const_kTwo)) \
	ENTER(TWOPLUSROW)
#define SQUAREEXP(j, x, t, e, low, y) VFMADD213PS ONE, t, low
#define SCALED(j, x, t, e, low, y) VPADDD y, e, e
#define SCALEDTWICE(j, x, t, e, low, y) \
	VPADDD e, low, low \
	VPADDD e, low, low

#define OUTPLAIN \
	ENTER(POWEROF2) \
	TWOPLUS \
	ENTER(ONEPLUS) \
	ENTER(SQUAREEXP) \
	ENTER(SCALEDTWICE) \
	ENTER(SCALED)

#define LEASTWIDE(j, x, t, e, low, y) VPMAXSD Z29, low, e
#define UNWIDE(j, x, t, e, low, y) VPSUBD Z29, e, e

// EOFWIDE: e as an argument for e times 2^64.
#define EOFWIDE \
	CONST(K(const_kLeastWide)) \
	ENTER(LEASTWIDE) \
	CONST(K(const_kWideBits)) \
	ENTER(UNWIDE)

#define WHOLE(j, x, t, e, low, y) \
	VPSLLD $23, NM(j), low \
	VFMADD213PS low, t, low
#define OUTWIDE \
	ENTER(WHOLE) \
	EOFWIDE
// OUTKEPT keeps e times 2^64 besides.
#define KEPTWHOLE(j, x, t, e, low, y) VMOVUPS low, E(j)
#define OUTKEPT \
	ENTER(WHOLE) \
	ENTER(KEPTWHOLE) \
	EOFWIDE

#define SCALEDSQUARE(j, x, t, e, low, y) \
	VPMAXSD NM(j), Z29, e \
	VPSLLD $24, e, e \
	VPSUBD Z31, e, e \
	VPADDD e, low, low \
	VMOVUPS low, SQUAREE(j)

#define OUTCLIP2 \
	TWOPLUS \
	ENTER(SQUAREEXP) \
	CONST(K(const_kLeastSquareN)) \
	VBROADCASTSS K(const_kSquareWide), Z31 \
	ENTER(SCALEDSQUARE) \
	OUTWIDE

// ---- Leaving a step, row by row ----

// LOG: q = Q for e, step by step; after Q4 comes LOGFACTOR, which makes T, or LOGFACTORWIDE.
#define LOGQ6(j, q, e, low, m, u, x, right) VMOVAPS Z29, q
#define LOGROW(j, q, e, low, m, u, x, right) VFMADD213PS Z29, e, q

#define LOGBEGIN \
	CONST(K(const_kLogQ6)) \
	LEAVE(LOGQ6)

#define LOG(k) \
	CONST(K(k)) \
	LEAVE(LOGROW)

// LOGBEGINFINE begins a step earlier.
#define LOGBEGINFINE \
	CONST(K(const_kLogQ7)) \
	LEAVE(LOGQ6) \
	LOG(const_kLogQ6)

#define LOGFACTORROW(j, q, e, low, m, u, x, right) \
	VADDPS.BCST K(const_kLogShift), low, Z31 \
	VFMADD213PS Z29, Z31, q
#define LOGFACTOR \
	CONST(K(const_kLogQ3)) \
	LEAVE(LOGFACTORROW)

#define FACTORWIDEROW(j, q, e, eW, m, u, x, right) \
	VBROADCASTSS K(const_kLogShift), Z31 \
	VFMADD231PS e, eW, Z31 \
	VFMADD213PS Z29, Z31, q
#define LOGFACTORWIDE \
	CONST(K(const_kLogQ3)) \
	LEAVE(FACTORWIDEROW)

// ONSIDE: mask = right where mask is set, else wrong.
#define ONSIDE(right, wrong, mask) VPTERNLOGD $0xca, wrong, right, mask

// RIGHT: mask = all bits in columns of the right side, by the sign of w.
#define RIGHT(j, mask) VPSRAD $31, W(j), mask

// SIDE: right = the same as a mask, which lives until SLOPE2.
#define SIDEROW(j, q, e, low, m, u, x, right) VPCMPGTD W(j), Z29, right
#define SIDE \
	ZERO \
	LEAVE(SIDEROW)

// DENOMINATOR: u = the power of 1+e by which DIVIDE divides. In three steps.
#define TWOANDE(j, q, e, low, m, u, x, right) VADDPS Z29, e, u
#define SQUARE1 \
	CONST(K(const_kTwo)) \
	LEAVE(TWOANDE)
#define SQUARED(j, q, e, low, m, u, x, right) VFMADD213PS ONE, e, u
#define SQUARE2 LEAVE(SQUARED)
#define CUBED(j, q, e, low, m, u, x, right) \
	VADDPS ONE, e, Z31 \
	VMULPS Z31, u, u
#define CUBE3 LEAVE(CUBED)
#define SQUAREDTWICE(j, q, e, low, m, u, x, right) VMULPS u, u, u
#define FOURTH3 LEAVE(SQUAREDTWICE)
#define ONEANDE(j, q, e, low, m, u, x, right) VADDPS ONE, e, u
#define FIRST1 LEAVE(ONEANDE)
#define DONE

// DIVIDE: m = what of a * q^gamma comes from the division; all of it for gamma 1.5, 0.5 and 0.
// Clobbers u.
#define QUOTIENT(j, q, e, low, m, u, x, right) \
	VMOVUPS A(j), m \
	VDIVPS u, m, m
#define DIVIDE LEAVE(QUOTIENT)

#define ONEANDHALF(j, q, e, low, m, u, x, right) \
	RIGHT(j, m) \
	ONSIDE(e, ONE, m) \
	VDIVPS u, m, m \
	VSQRTPS m, u \
	VMULPS u, m, m \
	VMULPS A(j), m, m
#define DIVIDE15 LEAVE(ONEANDHALF)

#define HALF(j, q, e, low, m, u, x, right) \
	RIGHT(j, m) \
	ONSIDE(low, Z29, m) \
	VDIVPS u, m, m \
	VSQRTPS m, m \
	VMULPS A(j), m, m
#define DIVIDE05 \
	CONST(K(const_kWide)) \
	LEAVE(HALF)

#define WEIGHTS(j, q, e, low, m, u, x, right) VMOVUPS A(j), m
#define DIVIDE0 LEAVE(WEIGHTS)

// SOFTPLUS and MODULATE: Q to L, and the rest of m. The plain ones, in steps 2 to 5:
#define PLAINLOG(j, q, e, low, m, u, x, right) VFMADD213PS e, low, q
#define PLAIN2 LEAVE(PLAINLOG)
#define ECUBED(j, q, e, low, m, u, x, right) VMULPS e, low, low
#define CUBED3 LEAVE(ECUBED)
#define PLAINEND(j, q, e, low, m, u, x, right) \
	VPMAXSD W(j), Z29, u \
	VMULPS low, m, right, m \
	VADDPS u, q, q
#define PLAIN5 \
	ZERO \
	LEAVE(PLAINEND)
#define AGAIN(j, q, e, low, m, u, x, right) VMULPS low, m, right, m
#define FOURTH5 \
	PLAIN5 \
	LEAVE(AGAIN)
#define ADDW(j, q, e, low, m, u, x, right) \
	VPMAXSD W(j), Z29, u \
	VADDPS u, q, q
#define ADDW5 \
	ZERO \
	LEAVE(ADDW)

// The wide ones:
#define WIDESQUARE(j, q, e, eW, m, u, x, right) VMULPS e, eW, u
#define WIDE1 LEAVE(WIDESQUARE)
// With clip and gamma 2, e^2 is at hand.
#define TAKESQUARE(j, q, e, eW, m, u, x, right) VMOVUPS SQUAREE(j), u
#define SQUARECLIP1 LEAVE(TAKESQUARE)
#define WIDELOG(j, q, e, eW, m, u, x, right) VFMADD213PS eW, u, q
#define WIDE2 LEAVE(WIDELOG)
#define WRONGW(j, q, e, eW, m, u, x, right) VPMAXSD W(j), Z29, u
#define WIDE3 \
	ZERO \
	LEAVE(WRONGW)
#define WIDEADD(j, q, e, eW, m, u, x, right) VFMADD231PS Z29, u, q
#define WIDE4 \
	CONST(K(const_kWide)) \
	LEAVE(WIDEADD)
#define FIRSTEND(j, q, e, eW, m, u, x, right) \
	VBLENDMPS eW, Z29, right, u \
	VMULPS u, m, m
#define FIRST5 \
	SIDE \
	CONST(K(const_kWide)) \
	LEAVE(FIRSTEND)
#define SQUAREEND(j, q, e, eW, m, u, x, right) \
	VBLENDMPS SQUAREE(j), Z29, right, u \
	VMULPS u, m, m
#define SQUARECLIP5 \
	SIDE \
	CONST(K(const_kWide)) \
	LEAVE(SQUAREEND)

// CLIP: clamps L to the bounds of the label, if it may be beyond; IN = where it was not. Clobbers
// u, x, Z29, Z31, K0.
#define CLIPROW(j, l, e, eW, m, u, x, right) \
	VPMOVSXBD (16*j)(OLDLABELS), u \
	VPERMILPS u, Z29, x \
	VPERMILPS u, Z31, u \
	VPMAXSD l, x, x \
	VPMINSD u, x, x \
	VPCMPEQD l, x, K0 \
	VMOVAPS x, l \
	KMOVW K0, IN(j)

#define CLIP \
	UNLESS(TINY, unclipped) \
	VBROADCASTF32X4 params_clipLow(PARAMS), Z29 \
	VBROADCASTF32X4 params_clipHigh(PARAMS), Z31 \
	LEAVE(CLIPROW) \
unclipped:

// POWER1 to POWER3: m = a * q^gamma for log1p(e) in q. hi + lo = gamma * log q, exact but for the rounding of
// lo; hi is in u, lo in m, their sum x in e, and p in low. Clobber e, low, u, Z29, Z31. POWERZ: x = min(w, 0),
// which only has to be bounded if something may be tiny. The exp between POWER2 and POWER3 is
// that of the entering step in RAISE's registers.
#define RAISE(ROW) \
	ROW(0, Z16, Z20, Z0, Z0, Z24) \
	ROW(1, Z17, Z21, Z1, Z1, Z25) \
	ROW(2, Z18, Z22, Z2, Z2, Z26) \
	ROW(3, Z19, Z23, Z3, Z3, Z27)

#define RAISEWITHSQUARE(ROW) \
	ROW(0, Z16, Z20, Z12) \
	ROW(1, Z17, Z21, Z13) \
	ROW(2, Z18, Z22, Z14) \
	ROW(3, Z19, Z23, Z15)

#define RAISEBEGIN \
	CONST(K(const_kExpP3)) \
	RAISE(EXPP3) \
	RAISEWITHSQUARE(SQUARER)
#define RAISEEXP(k) \
	CONST(K(k)) \
	RAISE(EXPROW)
#define RAISEFACTOR \
	CONST(K(const_kExpP0)) \
	RAISEWITHSQUARE(FACTORROW)

#define POWERZ(j, log, x, p, lo, hi, free, right) VPMINSD W(j), Z29, x
#define POWERBOUND(j, log, x, p, lo, hi, free, right) VMAXPS.BCST params_right(PARAMS), x, x

#define POWERHILO(j, log, x, p, lo, hi, free, right) \
	VMULPS Z29, x, hi \
	VFMSUB213PS hi, Z29, x \
	VPMAXSD Z31, log, lo \
	VFNMADD132PS.BCST params_gammaUnwide(PARAMS), x, lo \
	VADDPS hi, lo, x

#define POWER1(bounded) \
	ZERO \
	LEAVE(POWERZ) \
	UNLESS(TINY, bounded) \
	LEAVE(POWERBOUND) \
bounded: \
	CONST(params_gamma(PARAMS)) \
	VBROADCASTSS K(const_kWideFloor), Z31 \
	LEAVE(POWERHILO)

#define POWERREDUCE(j, log, x, nm, lo, hi, free, right) \
	VSUBPS Z31, nm, Z29 \
	VFMADD231PS.BCST K(const_kLn2HiNeg), Z29, hi \
	VADDPS lo, hi, x \
	VFMADD231PS.BCST K(const_kLn2LoNeg), Z29, x \
	VPSLLD $23, nm, hi

#define POWER2 \
	VBROADCASTSS K(const_kMagicWide), Z31 \
	CONST(K(const_kLog2E)) \
	RAISE(MAGIC) \
	RAISE(ROUNDROW) \
	LEAVE(POWERREDUCE)

#define POWEROUT(j, log, r, t, m, s, free, right) \
	VFMADD213PS s, s, t \
	VMULPS A(j), t, m

#define POWER3 LEAVE(POWEROUT)

// POWER: all of it at once.
#define POWER \
	POWER1(boundedLast) \
	POWER2 \
	RAISEBEGIN \
	RAISEEXP(const_kExpP2) \
	RAISEEXP(const_kExpP1) \
	RAISEFACTOR \
	RAISEWITHSQUARE(EXPEND) \
	POWER3 \
	WIDE3 \
	WIDE4

// The loss u = q * m, 0 where that is tiny, and what a mode does besides. The losses of a step
// are added up while the next one is left: LOSS to ADDUP are spread over that. m is
// free after LOSS.
#define PRODUCT(j, q, e, low, m, u, x, right) \
	VMULPS m, q, u \
	VPANDD Z29, u, u
#define LOSS \
	CONST(K(const_kMagnitude)) \
	LEAVE(PRODUCT)

#define NONE(j, q, e, low, m, u, x, right) \
	VPXORD q, q, q \
	VPXORD m, m, m

// ADDUP: U of the losses to the lanes. ADDUP1 leaves out those that are not above tiny, if there may be
// some. Clobbers Z8, Z9, Z29, K1-3.
#define NOTTINY(x, mask) VPCMPD $6, Z29, x, mask

#define ADDUPTINY \
	CONST(params_tiny(PARAMS)) \
	NOTTINY(Z24, K1) \
	NOTTINY(Z25, K2) \
	VMOVAPS.Z Z24, K1, Z8 \
	VMOVAPS.Z Z25, K2, Z9 \
	NOTTINY(Z26, K3) \
	NOTTINY(Z27, K1) \
	VADDPS Z26, Z8, K3, Z8 \
	VADDPS Z27, Z9, K1, Z9

#define ADDUP1(tiny, added) \
	CMPL OLDTINY, $0 \
	JNE tiny \
	VADDPS Z24, Z26, Z8 \
	VADDPS Z25, Z27, Z9 \
added: \
	VADDPS Z8, Z9, Z8 \
	VEXTRACTF64X4 $1, Z8, Y9
#define ADDUP2 \
	VADDPS Z8, Z9, Z8 \
	VCVTPS2PD Y8, Z8 \
	VADDPD Z8, LANES, LANES

#define LOSSES(LOSS, ADDUP1, ADDUP2) \
	LOSS \
	ADDUP1(tinyEnd, addedEnd) \
	ADDUP2

// SUMTINY: where ADDUP1 goes.
#define SUMTINY \
tinyEnd: \
	ADDUPTINY \
	JMP addedEnd \
tinyLast: \
	ADDUPTINY \
	JMP addedLast \
tinyLosses: \
	ADDUPTINY \
	JMP addedLosses

// For Each, which has no sum:
#define NOADDUP1(tiny, added)
#define NOADDUP2
#define NOTINY

// Each writes the losses at once.
#define FLUSH(j, q, e, low, m, u, x, right) \
	NOTTINY(u, K1) \
	VMOVAPS.Z u, K1, u

#define EACHPLAIN(j, q, e, low, m, u, x, right) \
	VMULPS Z29, u, u \
	VMOVUPS u, (64*j)(OUT)

#define EACHWIDE(j, q, e, low, m, u, x, right) \
	VMULPS Z31, u, u \
	VMULPS Z29, u, u \
	VMOVUPS u, (64*j)(OUT)

#define WRITE(EACH) \
	LOSS \
	UNLESS(TINY, flushed) \
	CONST(params_tiny(PARAMS)) \
	LEAVE(FLUSH) \
flushed: \
	CONST(params_unscale(PARAMS)) \
	VBROADCASTSS K(const_kUnwide), Z31 \
	LEAVE(EACH)

#define EACHESPLAIN WRITE(EACHPLAIN)
#define EACHESWIDE WRITE(EACHWIDE)

// SLOPE1 to SLOPE4: x = t of the slope's t + s*L, u = s, and all of it in x, if s is not 0. Clobber low. Those of
// gamma 1, 2, 3 and 4 have the mask of the right side still, the others make it here. The plain ones:
#define SLOPEROW(j, q, e, low, m, u, x, right) \
	VBLENDMPS e, ONE, right, x \
	VMULPS Z31, e, low
#define SLOPEPLAIN1 \
	VBROADCASTSS params_slopeWrong(PARAMS), Z31 \
	LEAVE(SLOPEROW)
#define SLOPEPLAINSIDE1 \
	SIDE \
	SLOPEPLAIN1

#define SLOPEDOUBLE(j, q, e, low, m, u, x, right) \
	VBLENDMPS e, ONE, right, x \
	VADDPS e, e, low
#define SLOPETWO1 LEAVE(SLOPEDOUBLE)

#define SLOPEMASKED(j, q, e, low, m, u, x, right) VBLENDMPS Z29, low, right, u
#define SLOPE2 \
	CONST(params_slopeRight(PARAMS)) \
	LEAVE(SLOPEMASKED)

// The wide ones. For gamma 0, where s is 0:
#define SLOPEZERO(j, q, e, eW, m, u, x, right) VBLENDMPS eW, Z29, right, x
#define SLOPEZERO1 \
	SIDE \
	CONST(K(const_kWide)) \
	LEAVE(SLOPEZERO)

// For the others.
#define SLOPEWIDE(j, q, e, eW, m, u, x, right) \
	VBLENDMPS eW, Z29, right, x \
	VMULPS Z31, eW, eW
#define SLOPEWIDE1 \
	CONST(K(const_kWide)) \
	VBROADCASTSS params_slopeWrong(PARAMS), Z31 \
	LEAVE(SLOPEWIDE)

#define SLOPEWIDESIDE1 \
	SIDE \
	SLOPEWIDE1

// For general gamma: e and e times 2^64 anew, as POWER clobbers them.
#define TAKEWHOLE(j, q, e, eW, m, u, x, right) VMOVUPS E(j), eW
#define SLOPEANY1 \
	LEAVE(TAKEWHOLE) \
	EOFWIDE \
	SLOPEWIDESIDE1

#define ONEPLUSE(j, q, e, low, m, u, x, right) VADDPS ONE, e, e
#define SLOPE3 LEAVE(ONEPLUSE)

#define TAKEL(j, q, e, low, m, u, x, right) VMOVAPS q, low
#define SLOPESTEEP3 \
	LEAVE(TAKEL) \
	LEAVE(ONEPLUSE)

#define SCALEL(j, q, e, low, m, u, x, right) VMULPS Z29, q, low
#define SLOPEWIDE3 \
	CONST(K(const_kSlopeL)) \
	LEAVE(SCALEL) \
	LEAVE(ONEPLUSE)

#define SLOPEL(j, q, e, low, m, u, x, right) VFMADD231PS q, u, x
#define SLOPE4 LEAVE(SLOPEL)

// The same with L bounded or scaled, in low.
#define SLOPELOW(j, q, e, low, m, u, x, right) VFMADD231PS low, u, x
#define SLOPELOW4 LEAVE(SLOPELOW)

// What else the slope takes if something may be tiny: for a steep form, and with clip.
#define BOUNDL(j, q, e, low, m, u, x, right) VPMINSD Z29, low, low
#define SLOPESTEEPTINY \
	UNLESS(TINY, moderate) \
	CONST(K(const_kSlopeMax)) \
	LEAVE(BOUNDL) \
moderate:
#define UNCLAMPED(j, q, e, low, m, u, x, right) \
	KMOVW IN(j), K1 \
	VMOVDQA32.Z x, K1, x
#define SLOPECLIPTINY \
	UNLESS(TINY, moderate) \
	LEAVE(UNCLAMPED) \
moderate:

// FINISH: scales and stores the gradient m * x / e. Fused with +0, the last product is +0 where
// the gradient is, whatever its sign. Clobbers u, Z29, Z31.
#define FINISH1(j, q, e, low, m, u, x, right) VDIVPS e, x, x
#define FINISH2(j, q, e, low, m, u, x, right) VMULPS m, x, x
#define UNSCALED(j, q, e, low, m, u, x, right) VPSUBD Z31, x, x
#define WIDESCALE \
	VBROADCASTSS K(const_kWideBits), Z31 \
	LEAVE(UNSCALED)
#define FINISH3(j, q, e, low, m, u, x, right) \
	VFMADD213PS Z31, Z29, x \
	VMOVUPS x, (64*j)(OUT)

// The same with 0 for what is tiny.
#define MAGNITUDE(j, q, e, low, m, u, x, great) VPANDD Z31, x, u
#define GREAT(j, q, e, low, m, u, x, great) VPCMPD $6, Z31, u, great
#define FINISHTINY(j, q, e, low, m, u, x, great) \
	VFMADD213PS.Z Z31, Z29, great, x \
	VMOVUPS x, (64*j)(OUT)

#define SLOPES(SLOPE1, SLOPE2, SLOPE3, SLOPETINY, SLOPE4) \
	SLOPE1 \
	SLOPE2 \
	SLOPE3 \
	SLOPETINY \
	SLOPE4 \
	LEAVE(FINISH1)

#define GRADS(SCALE) \
	CONST(frame_scale(FRAME)) \
	UNLESS(TINY, great) \
	LEAVE(FINISH2) \
	VBROADCASTSS K(const_kMagnitude), Z31 \
	LEAVE(MAGNITUDE) \
	VBROADCASTSS frame_tinyGrad(FRAME), Z31 \
	LEAVE(GREAT) \
	SCALE \
	VPXORD Z31, Z31, Z31 \
	LEAVE(FINISHTINY) \
	JMP finished \
great: \
	SCALE \
	LEAVE(FINISH2) \
	VPXORD Z31, Z31, Z31 \
	LEAVE(FINISH3) \
finished:

#define SLOPESTWO SLOPES(SLOPETWO1, SLOPE2, SLOPE3, DONE, SLOPE4)
#define SLOPES15 SLOPES(SLOPEPLAINSIDE1, SLOPE2, SLOPE3, DONE, SLOPE4)
#define SLOPESSTEEP SLOPES(SLOPEPLAIN1, SLOPE2, SLOPESTEEP3, SLOPESTEEPTINY, SLOPELOW4)
#define SLOPESWIDE SLOPES(SLOPEWIDE1, SLOPE2, SLOPEWIDE3, DONE, SLOPELOW4)
#define SLOPES05 SLOPES(SLOPEWIDESIDE1, SLOPE2, SLOPEWIDE3, DONE, SLOPELOW4)
#define SLOPESANY SLOPES(SLOPEANY1, SLOPE2, SLOPEWIDE3, DONE, SLOPELOW4)
#define SLOPESANYCLIP SLOPES(SLOPEANY1, SLOPE2, SLOPEWIDE3, SLOPECLIPTINY, SLOPELOW4)
#define SLOPESCLIP SLOPES(SLOPEWIDE1, SLOPE2, SLOPEWIDE3, SLOPECLIPTINY, SLOPELOW4)
#define SLOPESZERO SLOPES(SLOPEZERO1, DONE, SLOPE3, DONE, DONE)
#define SLOPESZEROCLIP SLOPES(SLOPEZERO1, DONE, SLOPE3, SLOPECLIPTINY, DONE)
#define GRADSPLAIN GRADS(DONE)
#define GRADSWIDE GRADS(WIDESCALE)

// ---- A step entered, a step left, and both at once ----

// ENTERFIRST: labels and logits to exp(r) - 1 of the entering step.
#define ENTERFIRST(CLAMP, ROUND) \
	LOGIT \
	LIMIT(CLAMP, withinFirst) \
	ROUND \
	ENTER(SPLIT) \
	REDUCE(const_kLn2HiNeg) \
	REDUCE(const_kLn2LoNeg) \
	EXPBEGIN \
	WITHSQUARE(SQUARER) \
	EXP(const_kExpP2) \
	EXP(const_kExpP1) \
	FACTOR \
	WITHSQUARE(EXPEND) \
	ENTER(LABEL) \
	WEIGH \
	SIGN

// LEAVELAST: L and m of the leaving step; the losses of the one before are added up. D1 to D4 are the steps of DENOMINATOR
// and DIVIDE, T is LOGFACTOR, L1 to L5 are those of SOFTPLUS and MODULATE.
#define LEAVELAST(LOSS, ADDUP1, ADDUP2, LOGBEGIN_, D1, D2, D3, D4, T, L1, L2, L3, L4, L5) \
	LOSS \
	ADDUP1(tinyLast, addedLast) \
	LOGBEGIN_ \
	D1 \
	LOG(const_kLogQ5) \
	ADDUP2 \
	D2 \
	LOG(const_kLogQ4) \
	D3 \
	D4 \
	T \
	LOG(const_kLogQ2) \
	LOG(const_kLogQ1) \
	L1 \
	LOG(const_kLogQ0) \
	L2 \
	L3 \
	L4 \
	L5

// BOTH: both at once. The order is measured on a Zen 5: what takes longest, from logit to e, goes ahead of the rest.
#define BOTH(LOSS, ADDUP1, ADDUP2, CLAMP, ROUND, LOGBEGIN_, D1, D2, D3, D4, T, L1, L2, L3, L4, L5) \
	LOGIT \
	LOSS \
	LIMIT(CLAMP, within) \
	ADDUP1(tinyLosses, addedLosses) \
	ADDUP2 \
	ROUND \
	ENTER(SPLIT) \
	REDUCE(const_kLn2HiNeg) \
	LOGBEGIN_ \
	LOG(const_kLogQ5) \
	LOG(const_kLogQ4) \
	REDUCE(const_kLn2LoNeg) \
	EXPBEGIN \
	D1 \
	EXP(const_kExpP2) \
	WITHSQUARE(SQUARER) \
	T \
	D2 \
	EXP(const_kExpP1) \
	FACTOR \
	D3 \
	WITHSQUARE(EXPEND) \
	ENTER(LABEL) \
	D4 \
	WEIGH \
	LOG(const_kLogQ2) \
	L1 \
	SIGN \
	LOG(const_kLogQ1) \
	LOG(const_kLogQ0) \
	L2 \
	L3 \
	L4 \
	L5

// BOTHPOWER: the same for general gamma, where log1p(e) and then the power take longest. The power is L3 of the last
// step; here it is spread.
#define BOTHPOWER(LOSS, ADDUP1, ADDUP2, CLAMP, ROUND, LOGBEGIN_, D1, D2, D3, D4, T, L1, L2, L3, L4, L5) \
	LOSS \
	ADDUP1(tinyLosses, addedLosses) \
	LOGBEGIN_ \
	LOG(const_kLogQ5) \
	ADDUP2 \
	LOG(const_kLogQ4) \
	T \
	LOGIT \
	LIMIT(CLAMP, within) \
	ROUND \
	ENTER(SPLIT) \
	LOG(const_kLogQ2) \
	LOG(const_kLogQ1) \
	REDUCE(const_kLn2HiNeg) \
	L1 \
	LOG(const_kLogQ0) \
	REDUCE(const_kLn2LoNeg) \
	L2 \
	EXPBEGIN \
	POWER1(bounded) \
	EXP(const_kExpP2) \
	POWER2 \
	EXP(const_kExpP1) \
	RAISEBEGIN \
	RAISEEXP(const_kExpP2) \
	FACTORKEPT \
	RAISEEXP(const_kExpP1) \
	ENTER(EXPENDKEPT) \
	RAISEFACTOR \
	ENTER(LABEL) \
	WEIGH \
	RAISEWITHSQUARE(EXPEND) \
	POWER3 \
	WIDE3 \
	WIDE4 \
	SIGN

// tame: in a step to leave that has a huge logit or NaN, w of ignored cells to 0, on which nothing depends. HUGE =
// columns where another cell is for the oracle: NaN, or a huge logit on the wrong side. Clobbers Z29, K1.
#define TAMEROW(j) \
	VPMOVSXBD (16*j)(LABELS), Z29 \
	VPSRAD $31, Z29, Z29 \
	VPANDND W(j), Z29, Z29 \
	VMOVUPS Z29, W(j) \
	VPCMPGTD.BCST K(const_kHugeWrong), Z29, K1 \
	KORW K1, HUGE, HUGE \
	VCMPPS $3, Z29, Z29, K1 \
	KORW K1, HUGE, HUGE

TEXT tame<>(SB), NOSPLIT|NOFRAME, $0-0
	KXORW HUGE, HUGE, HUGE
	TAMEROW(0)
	TAMEROW(1)
	TAMEROW(2)
	TAMEROW(3)
	RET

#define CURSOR NEWTINY // set anew after that
#include "fetch_amd64.h"

// A variant: returns the steps left in STEPS, 0 unless it met a special logit. OUT_ after the last step
// is for nothing, as there is no next.
#define VARIANT(name, COEFS, BOTH, LOSS, ADDUP1, ADDUP2, SUMTINY, CLAMP, ROUND, LOGBEGIN_, D1, D2, D3, D4, T, L1, L2, L3, L4, L5, REST, MODE, OUT_, AFTER) \
TEXT name<>(SB), NOSPLIT|NOFRAME, $0-0 \
	LEAQ COEFS(SB), COEF \
	ENTERFIRST(CLAMP, ROUND) \
	LEAVE(NONE) \
	MOVL $0, OLDTINY \
	OUT_ \
	MOVL NEWTINY, TINY \
	XCHGQ LEAVING, ENTERING \
	PCALIGN $64 \
loop: \
	UNLESS(TINY, usual) \
	KORTESTW HUGE, HUGE \
	JNE huge \
usual: \
	CMPQ frame_later(FRAME), $0 \
	JNE far \
near: \
	CMPQ STEPS, $2 \
	JLE ending \
	ADDQ $64, LABELS \
	ADDQ $256, LOGITS \
entering: \
	BOTH(LOSS, ADDUP1, ADDUP2, CLAMP, ROUND, LOGBEGIN_, D1, D2, D3, D4, T, L1, L2, L3, L4, L5) \
left: \
	REST \
	MODE \
	OUT_ \
	AFTER \
	MOVL TINY, OLDTINY \
	MOVL NEWTINY, TINY \
	XCHGQ LEAVING, ENTERING \
	ADDQ $256, OUT \
	ADDQ $64, OLDLABELS \
	DECQ STEPS \
	JNZ loop \
leave: \
	LOSSES(LOSS, ADDUP1, ADDUP2) \
	RET \
far: \
	CALL fetch<>(SB) \
	JMP near \
huge: \
	CALL tame<>(SB) \
	KORTESTW HUGE, HUGE \
	JEQ usual \
	JMP leave \
	SUMTINY \
ending: \
	JNE last \
	MOVQ LASTLOGITS, LOGITS \
	MOVQ LASTLABELS, LABELS \
	JMP entering \
last: \
	MOVQ LASTOUT, OUT \
	MOVQ LASTLABELS, OLDLABELS \
	LEAVELAST(LOSS, ADDUP1, ADDUP2, LOGBEGIN_, D1, D2, D3, D4, T, L1, L2, L3, L4, L5) \
	JMP left

#define PLAIN(sum, each, grad, D1, D2, D3, D4, L3, L4, L5, SLOPES) \
	VARIANT(sum, ·coef, BOTH, LOSS, ADDUP1, ADDUP2, SUMTINY, CLAMP, ROUNDPLAIN, LOGBEGIN, D1, D2, D3, D4, LOGFACTOR, DONE, PLAIN2, L3, L4, L5, DONE, DONE, OUTPLAIN, DONE) \
	VARIANT(each, ·coef, BOTH, DONE, NOADDUP1, NOADDUP2, NOTINY, CLAMP, ROUNDPLAIN, LOGBEGIN, D1, D2, D3, D4, LOGFACTOR, DONE, PLAIN2, L3, L4, L5, DONE, EACHESPLAIN, OUTPLAIN, DONE) \
	VARIANT(grad, ·coef, BOTH, LOSS, ADDUP1, ADDUP2, SUMTINY, CLAMP, ROUNDPLAIN, LOGBEGIN, D1, D2, D3, D4, LOGFACTOR, DONE, PLAIN2, L3, L4, L5, DONE, SLOPES, OUTPLAIN, GRADSPLAIN)

#define WIDE(sum, each, grad, COEFS, LOGBEGIN_, BOTH, CLAMP, D1, D2, D3, L1, L2, L3, L4, L5, REST, EACHES, SLOPES, OUT_) \
	VARIANT(sum, COEFS, BOTH, LOSS, ADDUP1, ADDUP2, SUMTINY, CLAMP, ROUNDWIDE, LOGBEGIN_, D1, D2, DONE, D3, LOGFACTORWIDE, L1, L2, L3, L4, L5, REST, DONE, OUT_, DONE) \
	VARIANT(each, COEFS, BOTH, DONE, NOADDUP1, NOADDUP2, NOTINY, CLAMP, ROUNDWIDE, LOGBEGIN_, D1, D2, DONE, D3, LOGFACTORWIDE, L1, L2, L3, L4, L5, REST, EACHES, OUT_, DONE) \
	VARIANT(grad, COEFS, BOTH, LOSS, ADDUP1, ADDUP2, SUMTINY, CLAMP, ROUNDWIDE, LOGBEGIN_, D1, D2, DONE, D3, LOGFACTORWIDE, L1, L2, L3, L4, L5, REST, SLOPES, OUT_, GRADSWIDE)

// Sum, each and grad; the denominator by D1 to D4, and between the others L3 to L5; SLOPES (of grad).
PLAIN(plain15Sum, plain15Each, plain15Grad, FIRST1, DONE, DONE, DIVIDE15, DONE, DONE, ADDW5, SLOPES15)
PLAIN(plain2Sum, plain2Each, plain2Grad, SQUARE1, SQUARE2, DONE, DIVIDE, DONE, SIDE, PLAIN5, SLOPESTWO)
PLAIN(plain3Sum, plain3Each, plain3Grad, SQUARE1, SQUARE2, CUBE3, DIVIDE, CUBED3, SIDE, PLAIN5, SLOPESSTEEP)
PLAIN(plain4Sum, plain4Each, plain4Grad, SQUARE1, SQUARE2, FOURTH3, DIVIDE, DONE, SIDE, FOURTH5, SLOPESSTEEP)

// COEFS, LOGBEGIN_, BOTH, CLAMP; D1, D2, D4 (as D3); L1 to L5; REST, EACHES (of each), SLOPES (of grad), OUT_.
WIDE(wide0Sum, wide0Each, wide0Grad, ·coefFine, LOGBEGINFINE, BOTH, CLAMP, DONE, DONE, DIVIDE0, WIDE1, WIDE2, WIDE3, WIDE4, DONE, DONE, EACHESWIDE, SLOPESZERO, OUTWIDE)
WIDE(wide05Sum, wide05Each, wide05Grad, ·coefFine, LOGBEGINFINE, BOTH, CLAMP, FIRST1, DONE, DIVIDE05, WIDE1, WIDE2, WIDE3, WIDE4, DONE, DONE, EACHESWIDE, SLOPES05, OUTWIDE)
WIDE(wide1Sum, wide1Each, wide1Grad, ·coefFine, LOGBEGINFINE, BOTH, CLAMP, FIRST1, DONE, DIVIDE, WIDE1, WIDE2, WIDE3, WIDE4, FIRST5, DONE, EACHESWIDE, SLOPESWIDE, OUTWIDE)
WIDE(wideAnySum, wideAnyEach, wideAnyGrad, ·coefWide, LOGBEGIN, BOTHPOWER, CLAMP, DONE, DONE, DONE, WIDE1, WIDE2, POWER, DONE, DONE, DONE, EACHESWIDE, SLOPESANY, OUTKEPT)
WIDE(clip0Sum, clip0Each, clip0Grad, ·coefFine, LOGBEGINFINE, BOTH, CLAMPCLIP, DONE, DONE, DIVIDE0, WIDE1, WIDE2, WIDE3, WIDE4, DONE, CLIP, EACHESWIDE, SLOPESZEROCLIP, OUTWIDE)
WIDE(clip1Sum, clip1Each, clip1Grad, ·coefFine, LOGBEGINFINE, BOTH, CLAMPCLIP, FIRST1, DONE, DIVIDE, WIDE1, WIDE2, WIDE3, WIDE4, FIRST5, CLIP, EACHESWIDE, SLOPESCLIP, OUTWIDE)
WIDE(clip2Sum, clip2Each, clip2Grad, ·coefWide, LOGBEGIN, BOTH, CLAMPCLIP, SQUARE1, SQUARE2, DIVIDE, SQUARECLIP1, WIDE2, WIDE3, WIDE4, SQUARECLIP5, CLIP, EACHESWIDE, SLOPESCLIP, OUTCLIP2)
WIDE(clipAnySum, clipAnyEach, clipAnyGrad, ·coefWide, LOGBEGIN, BOTHPOWER, CLAMPCLIP, DONE, DONE, DONE, WIDE1, WIDE2, POWER, DONE, DONE, CLIP, EACHESWIDE, SLOPESANYCLIP, OUTKEPT)

#include "variants.h"

// MASKS: K1 = mask of the first CX of 64 cells; K1 to K4, in their low 16 bits, of each row. Clobbers R12.
#define MASKS \
	MOVL $1, R12 \
	SHLQ CX, R12 \
	DECQ R12 \
	KMOVQ R12, K1 \
	KSHIFTRQ $16, K1, K2 \
	KSHIFTRQ $32, K1, K3 \
	KSHIFTRQ $48, K1, K4

// func cellsAVX512(f *frame, out, logits *float32, labels *uint8, n int, last *[groupCells]float32) (done, column int)
//
// The variants read and write whole groups: the last one works on a copy if it is cut short.
TEXT ·cellsAVX512(SB), 0, $2304-64
	NO_LOCAL_POINTERS
	MOVQ f+0(FP), FRAME
	MOVQ out+8(FP), OUT
	MOVQ logits+16(FP), LOGITS
	MOVQ labels+24(FP), LABELS
	LEAQ slots-2304(SP), LEAVING // two slots, what is kept, the tail, and what aligns them
	ADDQ $63, LEAVING
	ANDQ $~63, LEAVING
	LEAQ SLOT(LEAVING), ENTERING
	LEAQ SLOT(ENTERING), KEPT

	MOVQ n+32(FP), CX
	LEAQ -1(CX), AX
	ANDQ $~63, AX // cells before the last group
	SUBQ AX, CX
	LEAQ (LOGITS)(AX*4), R8
	LEAQ (LABELS)(AX*1), R13
	LEAQ (OUT)(AX*4), R12
	CMPQ CX, $64
	JEQ whole
	MASKS
	VPTERNLOGD $0xff, Z0, Z0, Z0 // Ignore
	VMOVDQU8 (R13), K1, Z0
	VMOVDQU64 Z0, TAILLABELS
	VMOVUPS.Z 0(R8), K1, Z0
	VMOVUPS.Z 64(R8), K2, Z1
	VMOVUPS.Z 128(R8), K3, Z2
	VMOVUPS.Z 192(R8), K4, Z3
	LEAQ TAIL(0), R8
	VMOVUPS Z0, TAIL(0)
	VMOVUPS Z1, TAIL(1)
	VMOVUPS Z2, TAIL(2)
	VMOVUPS Z3, TAIL(3)
	LEAQ TAILLABELS, R13
	MOVQ R8, R12
	JMP ready

whole:
	MOVQ last+40(FP), CX
	TESTQ CX, CX
	JEQ ready
	MOVQ CX, R8
	MOVQ CX, R12

ready:
	MOVQ R8, LASTLOGITS
	MOVQ R13, LASTLABELS
	MOVQ R12, LASTOUT
	MOVQ AX, STEPS
	SHRQ $6, STEPS
	INCQ STEPS
	CMPQ STEPS, $1
	CMOVQEQ R8, LOGITS
	CMOVQEQ R13, LABELS
	MOVQ LABELS, OLDLABELS
	MOVQ frame_variant(FRAME), AX
	MOVQ frame_p(FRAME), PARAMS
	LEAQ variants<>(SB), COEF
	MOVQ (COEF)(AX*8), AX
	VBROADCASTSS ·coef+(4*const_kOne)(SB), ONE
	VMOVUPD frame_lanes(FRAME), LANES
	CALL AX
	VMOVUPD LANES, frame_lanes(FRAME)

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
	MASKS
	VMOVUPS TAIL(0), Z0
	VMOVUPS TAIL(1), Z1
	VMOVUPS TAIL(2), Z2
	VMOVUPS TAIL(3), Z3
	VMOVUPS Z0, K1, 0(DI)
	VMOVUPS Z1, K2, 64(DI)
	VMOVUPS Z2, K3, 128(DI)
	VMOVUPS Z3, K4, 192(DI)

written:
	VZEROUPPER
	RET

	// STEPS are left.
part:
	ADDQ $63, AX
	SHRQ $6, AX
	SUBQ STEPS, AX
	SHLQ $6, AX
	MOVQ AX, done+48(FP)
	MOVQ $0, column+56(FP)
	VZEROUPPER
	RET

// COUNT: adds the 64 labels y in Z6 to the bytes of Z1 (|y|) and Z2 (y), and |y| to the bits of Z0. Clobbers Z4.
#define COUNT \
	VPABSB Z6, Z4 \
	VPADDB Z6, Z2, Z2 \
	VPORD Z4, Z0, Z0 \
	VPADDB Z4, Z1, Z1

// func countAVX512(labels *uint8, n int, k isa) (positives, ignored, negatives int)
//
// See countAVX2. First the last group, as far as no whole one is left of it, and up to 126 groups.
TEXT ·countAVX512(SB), NOSPLIT|NOFRAME, $0-48
	MOVQ labels+0(FP), SI
	MOVQ n+8(FP), BX
	MOVQ BX, CX
	NEGQ CX // the shift takes it modulo 64
	MOVQ $-1, AX
	SHLQ CX, AX
	KMOVQ AX, K1
	VMOVDQU8.Z -64(SI)(BX*1), K1, Z2
	VPABSB Z2, Z0
	VMOVDQA64 Z0, Z1
	VPXORD Z3, Z3, Z3
	VPXORD Z5, Z5, Z5
	LEAQ -1(BX), DX
	SHRQ $6, DX
	JEQ sum

batch:
	MOVL $126, AX
	CMPQ DX, AX
	CMOVQLT DX, AX
	SUBQ AX, DX
	PCALIGN $64

count:
	VMOVDQU64 (SI), Z6
	COUNT
	ADDQ $64, SI
	DECQ AX
	JNZ count

	// Z3 adds up both in one: positives and ignored labels, and from bit 32 on twice the positives.
sum:
	VPADDB Z1, Z2, Z2
	VPSADBW Z5, Z1, Z1
	VPSADBW Z5, Z2, Z2
	VPSLLQ $32, Z2, Z2
	VPADDQ Z1, Z3, Z3
	VPADDQ Z2, Z3, Z3
	TESTQ DX, DX
	JEQ counted
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	JMP batch

counted:
	VPTESTMD.BCST ·noLabel(SB), Z0, K1
	VEXTRACTI64X4 $1, Z3, Y4
	VPADDQ Y4, Y3, Y3
	VEXTRACTI128 $1, Y3, X4
	VPADDQ X4, X3, X3
	VPSRLDQ $8, X3, X4
	VPADDQ X4, X3, X3
	VMOVQ X3, AX
	VZEROUPPER
	KORTESTW K1, K1
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
