// The vector instructions of focal_arm64.s, encoded by hand: the assembler of Go 1.26
// knows hardly any of those for floats, and it cannot compute a register, as ROWS does.
// They have the names and the operand order of Go's assembler, the result last, and
// take registers as numbers. TestNEONEncoding holds what they make against a
// disassembler.

// Floats, 4 lanes of 32 bits unless the name says D2.
#define VFADD(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define VFADD_D2(m, n, d) WORD $(0x4E60D400 | (m)<<16 | (n)<<5 | (d))
#define VFSUB(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d)) // n - m
#define VFMUL(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))
#define VFDIV(m, n, d) WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d)) // n / m
#define VFSQRT(n, d) WORD $(0x6EA1F800 | (n)<<5 | (d))
#define VFMLA(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d)) // d + n*m
#define VFMLS(m, n, d) WORD $(0x4EA0CC00 | (m)<<16 | (n)<<5 | (d)) // d - n*m
#define VFMAX(m, n, d) WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d)) // NaN if either is
#define VFCVTL(n, d) WORD $(0x0E617800 | (n)<<5 | (d)) // lanes 0 and 1 to D2
#define VFCVTL2(n, d) WORD $(0x4E617800 | (n)<<5 | (d)) // lanes 2 and 3 to D2
#define VFNEG(n, d) WORD $(0x6EA0F800 | (n)<<5 | (d))
#define VFABS(n, d) WORD $(0x4EA0F800 | (n)<<5 | (d))
#define VFACGT(m, n, d) WORD $(0x6EA0EC00 | (m)<<16 | (n)<<5 | (d)) // |n| > |m|

// Integers, 4 lanes of 32 bits unless the name says B16.
#define VADD(m, n, d) WORD $(0x4EA08400 | (m)<<16 | (n)<<5 | (d))
#define VSUB(m, n, d) WORD $(0x6EA08400 | (m)<<16 | (n)<<5 | (d)) // n - m
#define VSMAX(m, n, d) WORD $(0x4EA06400 | (m)<<16 | (n)<<5 | (d))
#define VSMIN(m, n, d) WORD $(0x4EA06C00 | (m)<<16 | (n)<<5 | (d))
#define VSMAXV(n, d) WORD $(0x4EB0A800 | (n)<<5 | (d)) // of all lanes
#define VCMGT(m, n, d) WORD $(0x4EA03400 | (m)<<16 | (n)<<5 | (d)) // n > m
#define VCMEQ(m, n, d) WORD $(0x6EA08C00 | (m)<<16 | (n)<<5 | (d))
#define VCMLT0(n, d) WORD $(0x4EA0A800 | (n)<<5 | (d)) // n < 0
#define VSHL(k, n, d) WORD $(0x4F005400 | (32+(k))<<16 | (n)<<5 | (d))
#define VADD_B16(m, n, d) WORD $(0x4E208400 | (m)<<16 | (n)<<5 | (d))
#define VABS_B16(n, d) WORD $(0x4E20B800 | (n)<<5 | (d))
#define VMLA_B16(m, n, d) WORD $(0x4E209400 | (m)<<16 | (n)<<5 | (d)) // d + n*m

// Bits.
#define VAND(m, n, d) WORD $(0x4E201C00 | (m)<<16 | (n)<<5 | (d))
#define VORR(m, n, d) WORD $(0x4EA01C00 | (m)<<16 | (n)<<5 | (d))
#define VEOR(m, n, d) WORD $(0x6E201C00 | (m)<<16 | (n)<<5 | (d))
#define VBSL(m, n, d) WORD $(0x6E601C00 | (m)<<16 | (n)<<5 | (d)) // where d n, else m
#define VBIT(m, n, d) WORD $(0x6EA01C00 | (m)<<16 | (n)<<5 | (d)) // where m n, else d
#define VTBL(m, n, d) WORD $(0x4E000000 | (m)<<16 | (n)<<5 | (d)) // bytes m of n

#define VDUP_S0(n, d) WORD $(0x4E040400 | (n)<<5 | (d)) // lane 0 to all

// Memory: 16 or 4 bytes, off bytes from the address in R(n).
#define LDRQ(off, n, d) WORD $(0x3DC00000 | (off)<<6 | (n)<<5 | (d))
#define STRQ(d, off, n) WORD $(0x3D800000 | (off)<<6 | (n)<<5 | (d))
#define LDRS(off, n, d) WORD $(0xBD400000 | (off)<<8 | (n)<<5 | (d))
