// The variants of a kernel by form and mode: number form*numModes + mode is frame.variant. Each assembly file
// defines them under these names, and includes this after.
#define FORM(form, sum, each, grad) \
DATA variants<>+(24*form+0)(SB)/8, $sum<>(SB) \
DATA variants<>+(24*form+8)(SB)/8, $each<>(SB) \
DATA variants<>+(24*form+16)(SB)/8, $grad<>(SB)

FORM(const_plain15, plain15Sum, plain15Each, plain15Grad)
FORM(const_plain2, plain2Sum, plain2Each, plain2Grad)
FORM(const_plain3, plain3Sum, plain3Each, plain3Grad)
FORM(const_plain4, plain4Sum, plain4Each, plain4Grad)
FORM(const_wide0, wide0Sum, wide0Each, wide0Grad)
FORM(const_wide05, wide05Sum, wide05Each, wide05Grad)
FORM(const_wide1, wide1Sum, wide1Each, wide1Grad)
FORM(const_wideAny, wideAnySum, wideAnyEach, wideAnyGrad)
FORM(const_clip0, clip0Sum, clip0Each, clip0Grad)
FORM(const_clip1, clip1Sum, clip1Each, clip1Grad)
FORM(const_clip2, clip2Sum, clip2Each, clip2Grad)
FORM(const_clipAny, clipAnySum, clipAnyEach, clipAnyGrad)
GLOBL variants<>(SB), NOPTR, $(24*const_numForms)
