//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// The AVX2 kernel. What it computes, and why in this order, stands in
// contract.go; the macros have the names of the steps in focal_generic.go.
//
// Cells come in groups of 64, 4 rows of 16. A step takes 8 columns: one vector
// from each row, so that four independent computations fill the pipes. A step is
// entered (load, exp) and left (log1p, everything else) in turn, and step k+1 is entered
// before the processor has left step k. The two meet in slots of memory.
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
#define SIGN(j) (384+32*j)(LEAVING) // of the gradient
#define M(j) (512+32*j)(LEAVING) // a * q^gamma
#define L(j) (640+32*j)(LEAVING) // softplus(w); wide: times 2^64
#define EF(j) (768+32*j)(LEAVING) // wide: e, at least 2^-60
#define IN(j) (896+32*j)(LEAVING) // clip: mask of L that was not clamped
#define SLOT 1024

#define NEWW(j) (0+32*j)(ENTERING)
#define NEWA(j) (128+32*j)(ENTERING)
#define NEWE(j) (256+32*j)(ENTERING)
#define NEWSIGN(j) (384+32*j)(ENTERING)

#define K(k) (32*k)(COEF)

// One operation on four rows.
#define ROWS(op, a0, b0, c0, a1, b1, c1, a2, b2, c2, a3, b3, c3) \
	op a0, b0, c0 \
	op a1, b1, c1 \
	op a2, b2, c2 \
	op a3, b3, c3

// The same with a constant k as first operand and the last two equal.
#define ROWSK(op, k, a0, a1, a2, a3) \
	op k, a0, a0 \
	op k, a1, a1 \
	op k, a2, a2 \
	op k, a3, a3

#define LOAD(m, a0, a1, a2, a3) \
	VMOVUPS m(0), a0 \
	VMOVUPS m(1), a1 \
	VMOVUPS m(2), a2 \
	VMOVUPS m(3), a3

#define STORE(a0, a1, a2, a3, m) \
	VMOVUPS a0, m(0) \
	VMOVUPS a1, m(1) \
	VMOVUPS a2, m(2) \
	VMOVUPS a3, m(3)

#define COPY(k, a0, a1, a2, a3) \
	VMOVAPS k, a0 \
	VMOVAPS k, a1 \
	VMOVAPS k, a2 \
	VMOVAPS k, a3

// ---- Entering a step: logits and labels to w, the weight and e ----

// NOSIGN and KEEPSIGN are what DECODE does with the sign of the gradient.
#define NOSIGN(j, s)
#define KEEPSIGN(j, s) VMOVUPS s, NEWSIGN(j)

// DECODE: w = -z and the weight, both 0 for ignored cells. As signed numbers the
// labels are 0, 1 and -1.
// In: TAB params_weight. Out: w. Clobbers T1, T2.
#define DECODE(KEEP, j, w, TAB, T1, T2) \
	VPMOVSXBD (16*j)(LABELS), T1 \
	VPERMILPS T1, TAB, T2 \
	VMOVUPS T2, NEWA(j) \
	VPSRAD $31, T1, T2 \
	VPSLLD $31, T1, T1 \
	KEEP(j, T1) \
	VPANDN (64*j)(LOGITS), T2, w \
	VPXOR T1, w, w \
	VMOVUPS w, NEWW(j)

#define DECODE4(KEEP) \
	VMOVUPS params_weight(PARAMS), Y15 \
	DECODE(KEEP, 0, Y0, Y15, Y8, Y9) \
	DECODE(KEEP, 1, Y1, Y15, Y10, Y11) \
	DECODE(KEEP, 2, Y2, Y15, Y12, Y13) \
	DECODE(KEEP, 3, Y3, Y15, Y8, Y9)

// CLAMPPLAIN and CLAMPWIDE: Y0-3 = w to -|w|, clamped. MAXPS returns its first
// operand here (its last in Intel's order) if that is NaN.
#define CLAMPPLAIN \
	VMOVUPS K(const_kSign), Y15 \
	VMOVUPS params_right(PARAMS), Y14 \
	ROWSK(VORPS, Y15, Y0, Y1, Y2, Y3) \
	ROWS(VMAXPS, Y0, Y14, Y0, Y1, Y14, Y1, Y2, Y14, Y2, Y3, Y14, Y3)

#define CLAMPWIDE \
	VMOVUPS params_right(PARAMS), Y14 \
	VMOVUPS K(const_kSign), Y15 \
	ROWS(VMAXPS, Y0, Y14, Y0, Y1, Y14, Y1, Y2, Y14, Y2, Y3, Y14, Y3) \
	VMOVUPS K(const_kWrongEnd), Y14 \
	ROWSK(VORPS, Y15, Y0, Y1, Y2, Y3) \
	ROWS(VMAXPS, Y0, Y14, Y0, Y1, Y14, Y1, Y2, Y14, Y2, Y3, Y14, Y3)

// ROUND: Y8-11 = n, plus what makes it the exponent of 2^n, for x in Y0-3. Out: Y15
// = MAGIC. Clobbers Y14.
#define ROUND(MAGIC) \
	VMOVUPS K(MAGIC), Y15 \
	VMOVUPS K(const_kLog2E), Y14 \
	COPY(Y15, Y8, Y9, Y10, Y11) \
	ROWS(VFMADD231PS, Y14, Y0, Y8, Y14, Y1, Y9, Y14, Y2, Y10, Y14, Y3, Y11)

// REDUCE: Y0-3 = r for x in Y0-3, Y8-11 = 2^n (wide: times 2^64). ADD comes between
// the high and the low part of ln 2. In: as ROUND left it. Clobbers Y12-14.
#define REDUCE2(ADD, i, xi, ni, j, xj, nj) \
	VSUBPS Y15, ni, Y12 \
	VSUBPS Y15, nj, Y13 \
	VFMADD231PS Y14, Y12, xi \
	VFMADD231PS Y14, Y13, xj \
	ADD(i, xi) \
	ADD(j, xj) \
	VFMADD231PS K(const_kLn2LoNeg), Y12, xi \
	VFMADD231PS K(const_kLn2LoNeg), Y13, xj

#define REDUCE(ADD) \
	VMOVUPS K(const_kLn2HiNeg), Y14 \
	REDUCE2(ADD, 0, Y0, Y8, 1, Y1, Y9) \
	REDUCE2(ADD, 2, Y2, Y10, 3, Y3, Y11) \
	ROWSK(VPSLLD, $23, Y8, Y9, Y10, Y11)

#define NOADD(j, x)
#define ADDLOW(j, x) VADDPS M(j), x, x

// EXPSTEP: Y4-7 = Y4-7 * r + k.
#define EXPSTEP(k, t) \
	VMOVUPS K(k), t \
	ROWS(VFMADD213PS, t, Y0, Y4, t, Y1, Y5, t, Y2, Y6, t, Y3, Y7)

// EXPPOLY: Y4-7 = 2^n * exp(r) for r in Y0-3 and 2^n in Y8-11. Clobbers Y12-15.
#define EXPPOLY \
	VMOVUPS K(const_kExpP4), Y4 \
	COPY(Y4, Y4, Y5, Y6, Y7) \
	EXPSTEP(const_kExpP3, Y12) \
	EXPSTEP(const_kExpP2, Y13) \
	EXPSTEP(const_kExpP1, Y14) \
	EXPSTEP(const_kExpP0, Y15) \
	ROWS(VMULPS, Y0, Y4, Y4, Y1, Y5, Y5, Y2, Y6, Y6, Y3, Y7, Y7) \
	ROWS(VFMADD213PS, Y0, Y0, Y4, Y1, Y1, Y5, Y2, Y2, Y6, Y3, Y3, Y7) \
	ROWS(VFMADD213PS, Y8, Y8, Y4, Y9, Y9, Y5, Y10, Y10, Y6, Y11, Y11, Y7)

// A step is entered in three parts, DECODE4, ENTER and ENTERED, so that the other
// step's work can come between: DECODE4 leaves w in its slot, ENTER leaves r in Y0-3
// and 2^n in Y8-11, and Y4-7 alone.
#define ENTER(CLAMP, MAGIC) \
	LOAD(NEWW, Y0, Y1, Y2, Y3) \
	CLAMP \
	ROUND(MAGIC) \
	REDUCE(NOADD)

#define ENTERPLAIN ENTER(CLAMPPLAIN, const_kMagic)
#define ENTERWIDE ENTER(CLAMPWIDE, const_kMagicWide)

#define ENTERED \
	EXPPOLY \
	STORE(Y4, Y5, Y6, Y7, NEWE)

// ---- Leaving a step ----

// SQUARE: Y4-7 = (1+e)^2 for e in Y0-3. Clobbers Y14, Y15 = 1.
#define SQUARE \
	VMOVUPS K(const_kTwo), Y14 \
	VMOVUPS K(const_kOne), Y15 \
	ROWS(VADDPS, Y14, Y0, Y4, Y14, Y1, Y5, Y14, Y2, Y6, Y14, Y3, Y7) \
	ROWS(VFMADD213PS, Y15, Y0, Y4, Y15, Y1, Y5, Y15, Y2, Y6, Y15, Y3, Y7)

// ONEPLUS: Y8-11 = 1+e for e in Y0-3. Out: Y15 = 1.
#define ONEPLUS \
	VMOVUPS K(const_kOne), Y15 \
	ROWS(VADDPS, Y15, Y0, Y8, Y15, Y1, Y9, Y15, Y2, Y10, Y15, Y3, Y11)

// DIVWEIGHT: Y8-11 = weight / Y4-7.
#define DIVWEIGHT \
	LOAD(A, Y8, Y9, Y10, Y11) \
	ROWS(VDIVPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11)

#define EE ROWS(VMULPS, Y0, Y0, Y0, Y1, Y1, Y1, Y2, Y2, Y2, Y3, Y3, Y3)

// ONSIDE: r = right where w is negative, else wrong. r may be right. Clobbers Y14.
#define ONSIDE(j, right, wrong, r) \
	VMOVUPS W(j), Y14 \
	VBLENDVPS Y14, right, wrong, r

#define ONSIDE4(right0, right1, right2, right3, wrong, r0, r1, r2, r3) \
	ONSIDE(0, right0, wrong, r0) \
	ONSIDE(1, right1, wrong, r1) \
	ONSIDE(2, right2, wrong, r2) \
	ONSIDE(3, right3, wrong, r3)

// MODULATE...: M = a * q^gamma, and Y0-3 = e^2, for e in Y0-3. Clobbers all.

#define MODULATE2 \
	SQUARE \
	DIVWEIGHT \
	EE \
	ONSIDE4(Y0, Y1, Y2, Y3, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	STORE(Y8, Y9, Y10, Y11, M)

#define MODULATE4 \
	SQUARE \
	ROWS(VMULPS, Y4, Y4, Y4, Y5, Y5, Y5, Y6, Y6, Y6, Y7, Y7, Y7) \
	DIVWEIGHT \
	EE \
	ONSIDE4(Y0, Y1, Y2, Y3, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	STORE(Y8, Y9, Y10, Y11, M)

#define MODULATE3 \
	SQUARE \
	ONEPLUS \
	ROWS(VMULPS, Y8, Y4, Y4, Y9, Y5, Y5, Y10, Y6, Y6, Y11, Y7, Y7) \
	DIVWEIGHT \
	EE \
	VMULPS E(0), Y0, Y4 \
	VMULPS E(1), Y1, Y5 \
	VMULPS E(2), Y2, Y6 \
	VMULPS E(3), Y3, Y7 \
	VMOVUPS K(const_kOne), Y15 \
	ONSIDE4(Y4, Y5, Y6, Y7, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	STORE(Y8, Y9, Y10, Y11, M)

#define MODULATE15 \
	ONEPLUS \
	ONSIDE4(Y0, Y1, Y2, Y3, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VDIVPS, Y8, Y4, Y4, Y9, Y5, Y5, Y10, Y6, Y6, Y11, Y7, Y7) \
	VSQRTPS Y4, Y8 \
	VSQRTPS Y5, Y9 \
	VSQRTPS Y6, Y10 \
	VSQRTPS Y7, Y11 \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	LOAD(A, Y4, Y5, Y6, Y7) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	EE \
	STORE(Y8, Y9, Y10, Y11, M)

// The wide ones find e, at least 2^-60, in Y0-3 and in EF.

#define MODULATE0 \
	LOAD(A, Y4, Y5, Y6, Y7) \
	STORE(Y4, Y5, Y6, Y7, M) \
	EE

#define MODULATE05 \
	ONEPLUS \
	LOAD(E, Y4, Y5, Y6, Y7) \
	VMOVUPS K(const_kWide), Y15 \
	ONSIDE4(Y4, Y5, Y6, Y7, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VDIVPS, Y8, Y4, Y4, Y9, Y5, Y5, Y10, Y6, Y6, Y11, Y7, Y7) \
	VSQRTPS Y4, Y4 \
	VSQRTPS Y5, Y5 \
	VSQRTPS Y6, Y6 \
	VSQRTPS Y7, Y7 \
	LOAD(A, Y8, Y9, Y10, Y11) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	EE \
	STORE(Y8, Y9, Y10, Y11, M)

#define MODULATE1 \
	VMOVUPS K(const_kOne), Y15 \
	ROWS(VADDPS, Y15, Y0, Y4, Y15, Y1, Y5, Y15, Y2, Y6, Y15, Y3, Y7) \
	DIVWEIGHT \
	LOAD(E, Y4, Y5, Y6, Y7) \
	VMOVUPS K(const_kWide), Y15 \
	ONSIDE4(Y4, Y5, Y6, Y7, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	EE \
	STORE(Y8, Y9, Y10, Y11, M)

#define MODULATE2CLIP \
	SQUARE \
	DIVWEIGHT \
	EE \
	VMOVUPS K(const_kHalfUnwide), Y13 \
	VMULPS E(0), Y13, Y4 \
	VMULPS E(1), Y13, Y5 \
	VMULPS E(2), Y13, Y6 \
	VMULPS E(3), Y13, Y7 \
	ROWS(VMULPS, Y4, Y4, Y4, Y5, Y5, Y5, Y6, Y6, Y6, Y7, Y7, Y7) \
	VMOVUPS K(const_kWide), Y15 \
	ONSIDE4(Y4, Y5, Y6, Y7, Y15, Y4, Y5, Y6, Y7) \
	ROWS(VMULPS, Y4, Y8, Y8, Y5, Y9, Y9, Y6, Y10, Y10, Y7, Y11, Y11) \
	STORE(Y8, Y9, Y10, Y11, M)

// The modulator of general gamma needs log1p(e) and comes later.
#define MODULATELATER EE

// LOGSTEP: x = x * e^2 + k.
#define LOGSTEP(k, t, x0, x1, x2, x3) \
	VMOVUPS K(k), t \
	ROWS(VFMADD213PS, t, Y0, x0, t, Y1, x1, t, Y2, x2, t, Y3, x3)

// LOGPOLY: Y4-7 = Q for e^2 in Y0-3 and e in ARG. Clobbers Y8-15.
#define LOGPOLY(ARG) \
	VMOVUPS K(const_kLogQ8), Y4 \
	VMOVUPS K(const_kLogQ7), Y8 \
	COPY(Y4, Y4, Y5, Y6, Y7) \
	COPY(Y8, Y8, Y9, Y10, Y11) \
	LOGSTEP(const_kLogQ6, Y12, Y4, Y5, Y6, Y7) \
	LOGSTEP(const_kLogQ5, Y13, Y8, Y9, Y10, Y11) \
	LOGSTEP(const_kLogQ4, Y14, Y4, Y5, Y6, Y7) \
	LOGSTEP(const_kLogQ3, Y15, Y8, Y9, Y10, Y11) \
	LOGSTEP(const_kLogQ2, Y12, Y4, Y5, Y6, Y7) \
	LOGSTEP(const_kLogQ1, Y13, Y8, Y9, Y10, Y11) \
	LOGSTEP(const_kLogQ0, Y14, Y4, Y5, Y6, Y7) \
	VFMADD231PS ARG(0), Y8, Y4 \
	VFMADD231PS ARG(1), Y9, Y5 \
	VFMADD231PS ARG(2), Y10, Y6 \
	VFMADD231PS ARG(3), Y11, Y7

// SOFTPLUSPLAIN: Y4-7 = L for Q in Y4-7 and e^2 in Y0-3. Clobbers Y8-11, Y15.
#define SOFTPLUSPLAIN \
	VXORPS Y15, Y15, Y15 \
	VMAXPS W(0), Y15, Y8 \
	VMAXPS W(1), Y15, Y9 \
	VMAXPS W(2), Y15, Y10 \
	VMAXPS W(3), Y15, Y11 \
	VADDPS E(0), Y8, Y8 \
	VADDPS E(1), Y9, Y9 \
	VADDPS E(2), Y10, Y10 \
	VADDPS E(3), Y11, Y11 \
	ROWS(VFMADD213PS, Y8, Y0, Y4, Y9, Y1, Y5, Y10, Y2, Y6, Y11, Y3, Y7)

// FLOOR: Y0-3 and EF = e, at least 2^-60.
#define FLOOR \
	VMOVUPS K(const_kWideFloor), Y4 \
	VMOVUPS K(const_kUnwide), Y5 \
	VMAXPS E(0), Y4, Y0 \
	VMAXPS E(1), Y4, Y1 \
	VMAXPS E(2), Y4, Y2 \
	VMAXPS E(3), Y4, Y3 \
	ROWSK(VMULPS, Y5, Y0, Y1, Y2, Y3) \
	STORE(Y0, Y1, Y2, Y3, EF)

// LOGRATIO: Y4-7 = log1p(e)/e for Q in Y4-7.
#define LOGRATIO \
	VMOVUPS K(const_kOne), Y15 \
	VFMADD132PS EF(0), Y15, Y4 \
	VFMADD132PS EF(1), Y15, Y5 \
	VFMADD132PS EF(2), Y15, Y6 \
	VFMADD132PS EF(3), Y15, Y7

// SOFTPLUSWIDE: Y4-7 = L for log1p(e)/e in Y4-7. Clobbers Y8-11, Y14, Y15.
#define SOFTPLUSWIDE \
	VMOVUPS K(const_kWide), Y14 \
	VXORPS Y15, Y15, Y15 \
	VMULPS W(0), Y14, Y8 \
	VMULPS W(1), Y14, Y9 \
	VMULPS W(2), Y14, Y10 \
	VMULPS W(3), Y14, Y11 \
	ROWS(VMAXPS, Y8, Y15, Y8, Y9, Y15, Y9, Y10, Y15, Y10, Y11, Y15, Y11) \
	VFMADD132PS E(0), Y8, Y4 \
	VFMADD132PS E(1), Y9, Y5 \
	VFMADD132PS E(2), Y10, Y6 \
	VFMADD132PS E(3), Y11, Y7

// CLIP: clamps L in Y4-7 to the bounds of the label; IN = where it was not. NaN
// stays. Clobbers Y8-15.
#define CLIPROW(j, l, T1, T2) \
	VPMOVSXBD (16*j)(OLDLABELS), T1 \
	VPERMILPS T1, Y12, T2 \
	VPERMILPS T1, Y13, T1 \
	VMAXPS l, T2, T2 \
	VMINPS T2, T1, T2 \
	VCMPPS $0, T2, l, T1 \
	VMOVUPS T1, IN(j) \
	VMOVAPS T2, l

#define CLIP \
	VMOVUPS params_clipLow(PARAMS), Y12 \
	VMOVUPS params_clipHigh(PARAMS), Y13 \
	CLIPROW(0, Y4, Y8, Y9) \
	CLIPROW(1, Y5, Y10, Y11) \
	CLIPROW(2, Y6, Y14, Y15) \
	CLIPROW(3, Y7, Y8, Y9)

// POWER: M = a * q^gamma for log1p(e)/e in Y4-7, which stays in L. Clobbers all.
// hi + lo = gamma * log q, exact but for the rounding of lo; hi is in W8-11.
#define POWERROW(j, w, ratio, hi, lo) \
	VMAXPS W(j), Y14, w \
	VMINPS w, Y15, w \
	VMULPS Y13, w, hi \
	VMOVAPS hi, lo \
	VFMSUB231PS Y13, w, lo \
	VMULPS EF(j), ratio, ratio \
	VFNMADD231PS Y13, ratio, lo

#define POWER \
	STORE(Y4, Y5, Y6, Y7, L) \
	VMOVUPS params_right(PARAMS), Y14 \
	VXORPS Y15, Y15, Y15 \
	VMOVUPS params_gamma(PARAMS), Y13 \
	POWERROW(0, Y12, Y4, Y0, Y8) \
	POWERROW(1, Y12, Y5, Y1, Y9) \
	POWERROW(2, Y12, Y6, Y2, Y10) \
	POWERROW(3, Y12, Y7, Y3, Y11) \
	STORE(Y8, Y9, Y10, Y11, M) \
	STORE(Y0, Y1, Y2, Y3, IN) \
	ROWS(VADDPS, Y8, Y0, Y0, Y9, Y1, Y1, Y10, Y2, Y2, Y11, Y3, Y3) \
	ROUND(const_kMagicWide) \
	LOAD(IN, Y0, Y1, Y2, Y3) \
	REDUCE(ADDLOW) \
	EXPPOLY \
	VMULPS A(0), Y4, Y0 \
	VMULPS A(1), Y5, Y1 \
	VMULPS A(2), Y6, Y2 \
	VMULPS A(3), Y7, Y3 \
	STORE(Y0, Y1, Y2, Y3, M) \
	LOAD(L, Y4, Y5, Y6, Y7)

// LEAVE...: from e in E to M and to L in Y4-7.

#define LEAVEPLAIN(MODULATE) \
	LOAD(E, Y0, Y1, Y2, Y3) \
	MODULATE \
	LOGPOLY(E) \
	SOFTPLUSPLAIN

#define LEAVEWIDE(MODULATE) \
	FLOOR \
	MODULATE \
	LOGPOLY(EF) \
	LOGRATIO \
	SOFTPLUSWIDE

#define LEAVECLIP(MODULATE) \
	LEAVEWIDE(MODULATE) \
	CLIP

#define LEAVEANY \
	FLOOR \
	MODULATELATER \
	LOGPOLY(EF) \
	LOGRATIO \
	POWER \
	SOFTPLUSWIDE

#define LEAVECLIPANY \
	LEAVEANY \
	CLIP

// VALUE: Y4-7 = M * L, or 0 where that is tiny; predicate 5 is "not less than". Y12 = T
// of the step. Clobbers Y12-15.
#define VALUEROW(j, l, t) \
	VMULPS M(j), l, l \
	VCMPPS $5, Y15, l, t \
	VANDPS t, l, l

#define VALUE \
	VMOVUPS params_tiny(PARAMS), Y15 \
	VALUEROW(0, Y4, Y12) \
	VALUEROW(1, Y5, Y13) \
	VALUEROW(2, Y6, Y14) \
	VALUEROW(3, Y7, Y12) \
	VADDPS Y4, Y6, Y12 \
	VADDPS Y5, Y7, Y13 \
	VADDPS Y12, Y13, Y12

// SPECIAL: goes to special if a sum in Y12 is Inf or NaN. Clobbers Y13, AX.
#define SPECIAL \
	VCMPPS $5, K(const_kInf), Y12, Y13 \
	VMOVMSKPS Y13, AX \
	TESTL AX, AX \
	JNZ special

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

// What a mode does besides: with L in Y4-7, with the loss in Y4-7, and at the end.
// The first two leave Y4-7 alone, the second also Y0-3 and Y8-11.

#define PLAINSCALE(x)
#define WIDESCALE(x) VMULPS K(const_kUnwide), x, x

#define NOTHING
#define KEEPL STORE(Y4, Y5, Y6, Y7, L)

#define WRITEEACHROW(UNWIDE, j, v, t) \
	VMULPS Y15, v, t \
	UNWIDE(t) \
	VMOVUPS t, (64*j)(OUT)

#define WRITEEACH(UNWIDE) \
	VMOVUPS params_unscale(PARAMS), Y15 \
	WRITEEACHROW(UNWIDE, 0, Y4, Y12) \
	WRITEEACHROW(UNWIDE, 1, Y5, Y13) \
	WRITEEACHROW(UNWIDE, 2, Y6, Y14) \
	WRITEEACHROW(UNWIDE, 3, Y7, Y12)

#define WRITEEACHPLAIN WRITEEACH(PLAINSCALE)
#define WRITEEACHWIDE WRITEEACH(WIDESCALE)

// FINISH: scales and stores the gradient m * t / u for t and u in registers.
// Fused with +0, the last product is +0 where the gradient is, whatever its sign.
#define FINISH(UNWIDE, j, t, u, T1, T2) \
	VDIVPS u, t, t \
	VMULPS M(j), t, t \
	VCMPPS $5, frame_tinyGrad(FRAME), t, T1 \
	VANDPS T1, t, t \
	UNWIDE(t) \
	VMOVUPS frame_scale(FRAME), T1 \
	VXORPS SIGN(j), T1, T1 \
	VXORPS T2, T2, T2 \
	VFMADD213PS T2, T1, t \
	VMOVUPS t, (64*j)(OUT)

#define SLOPEPLAIN(j, l, e, w, t, s) \
	VMOVUPS L(j), l \
	VMOVUPS E(j), e \
	VMOVUPS W(j), w \
	VMULPS params_slopeWrong(PARAMS), e, s \
	VMOVUPS K(const_kOne), t \
	VBLENDVPS w, e, t, t \
	VBLENDVPS w, params_slopeRight(PARAMS), s, s \
	VMINPS K(const_kSlopeMax), l, l \
	VFMADD231PS l, s, t \
	VADDPS K(const_kOne), e, e \
	FINISH(PLAINSCALE, j, t, e, w, s)

#define WRITEGRADPLAIN \
	SLOPEPLAIN(0, Y4, Y8, Y9, Y10, Y11) \
	SLOPEPLAIN(1, Y5, Y12, Y13, Y14, Y15) \
	SLOPEPLAIN(2, Y6, Y8, Y9, Y10, Y11) \
	SLOPEPLAIN(3, Y7, Y12, Y13, Y14, Y15)

#define NOMASK(j, x)
#define INMASK(j, x) VANDPS IN(j), x, x

#define SLOPEWIDE(MASK, j, l, e, w, t, s) \
	VMOVUPS L(j), l \
	VMOVUPS E(j), e \
	VMOVUPS W(j), w \
	VMULPS params_slopeWrong(PARAMS), e, s \
	VMOVUPS K(const_kWide), t \
	VBLENDVPS w, e, t, t \
	MASK(j, t) \
	VBLENDVPS w, params_slopeRight(PARAMS), s, s \
	VMULPS K(const_kSlopeL), l, l \
	VFMADD231PS l, s, t \
	VMOVUPS K(const_kOne), e \
	VADDPS EF(j), e, e \
	FINISH(WIDESCALE, j, t, e, w, s)

#define WRITEGRAD(MASK) \
	SLOPEWIDE(MASK, 0, Y4, Y8, Y9, Y10, Y11) \
	SLOPEWIDE(MASK, 1, Y5, Y12, Y13, Y14, Y15) \
	SLOPEWIDE(MASK, 2, Y6, Y8, Y9, Y10, Y11) \
	SLOPEWIDE(MASK, 3, Y7, Y12, Y13, Y14, Y15)

#define WRITEGRADWIDE WRITEGRAD(NOMASK)
#define WRITEGRADCLIP WRITEGRAD(INMASK)

// A variant: returns the steps left in STEPS, 0 unless it met a special logit. The
// last step is entered twice, the second time for nothing, as there is no next.
#define VARIANT(name, KEEP, ENTER, LEAVE, WITHL, WITHLOSS, LAST) \
TEXT name<>(SB), NOSPLIT|NOFRAME, $0-0 \
	MOVQ $32, ADVANCE \
	DECODE4(KEEP) \
	ENTER \
	ENTERED \
	XCHGQ LEAVING, ENTERING \
	PCALIGN $32 \
loop: \
	XORL AX, AX \
	CMPQ STEPS, $1 \
	CMOVQNE ADVANCE, AX \
	ADDQ AX, LOGITS \
	SHRQ $2, AX \
	ADDQ AX, LABELS \
	DECODE4(KEEP) \
	LEAVE \
	WITHL \
	ENTER \
	VALUE \
	SPECIAL \
	ACCUMULATE \
	WITHLOSS \
	ENTERED \
	LAST \
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

#define VARIANTS(sum, each, grad, ENTER, LEAVE, EACH, GRAD) \
	VARIANT(sum, NOSIGN, ENTER, LEAVE, NOTHING, NOTHING, NOTHING) \
	VARIANT(each, NOSIGN, ENTER, LEAVE, NOTHING, EACH, NOTHING) \
	VARIANT(grad, KEEPSIGN, ENTER, LEAVE, KEEPL, NOTHING, GRAD)

VARIANTS(plain15Sum, plain15Each, plain15Grad, ENTERPLAIN, LEAVEPLAIN(MODULATE15), WRITEEACHPLAIN, WRITEGRADPLAIN)
VARIANTS(plain2Sum, plain2Each, plain2Grad, ENTERPLAIN, LEAVEPLAIN(MODULATE2), WRITEEACHPLAIN, WRITEGRADPLAIN)
VARIANTS(plain3Sum, plain3Each, plain3Grad, ENTERPLAIN, LEAVEPLAIN(MODULATE3), WRITEEACHPLAIN, WRITEGRADPLAIN)
VARIANTS(plain4Sum, plain4Each, plain4Grad, ENTERPLAIN, LEAVEPLAIN(MODULATE4), WRITEEACHPLAIN, WRITEGRADPLAIN)
VARIANTS(wide0Sum, wide0Each, wide0Grad, ENTERWIDE, LEAVEWIDE(MODULATE0), WRITEEACHWIDE, WRITEGRADWIDE)
VARIANTS(wide05Sum, wide05Each, wide05Grad, ENTERWIDE, LEAVEWIDE(MODULATE05), WRITEEACHWIDE, WRITEGRADWIDE)
VARIANTS(wide1Sum, wide1Each, wide1Grad, ENTERWIDE, LEAVEWIDE(MODULATE1), WRITEEACHWIDE, WRITEGRADWIDE)
VARIANTS(wideAnySum, wideAnyEach, wideAnyGrad, ENTERWIDE, LEAVEANY, WRITEEACHWIDE, WRITEGRADWIDE)
VARIANTS(clip0Sum, clip0Each, clip0Grad, ENTERWIDE, LEAVECLIP(MODULATE0), WRITEEACHWIDE, WRITEGRADCLIP)
VARIANTS(clip1Sum, clip1Each, clip1Grad, ENTERWIDE, LEAVECLIP(MODULATE1), WRITEEACHWIDE, WRITEGRADCLIP)
VARIANTS(clip2Sum, clip2Each, clip2Grad, ENTERWIDE, LEAVECLIP(MODULATE2CLIP), WRITEEACHWIDE, WRITEGRADCLIP)
VARIANTS(clipAnySum, clipAnyEach, clipAnyGrad, ENTERWIDE, LEAVECLIPANY, WRITEEACHWIDE, WRITEGRADCLIP)

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
TEXT ·cellsAVX2(SB), 0, $2112-64
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
	LEAQ slots-2112(SP), LEAVING // two slots and what aligns them
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

#define TOTAL(y, x, t) \
	VEXTRACTI128 $1, y, t \
	VPADDQ t, x, x \
	VPSRLDQ $8, x, t \
	VPADDQ t, x, x

	TOTAL(Y0, X0, X3)
	TOTAL(Y1, X1, X3)
	TOTAL(Y2, X2, X3)
	VMOVQ X0, positives+16(FP)
	VMOVQ X1, ignored+24(FP)
	VMOVQ X2, negatives+32(FP)
	VZEROUPPER
	RET
