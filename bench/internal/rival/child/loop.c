// The focal loss as a plain C loop: one pass, float32, written for a compiler
// that vectorises it. Usage: loop NAME DATA THREADS; the protocol that it speaks
// on standard input and output is described in child.go.
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static int64_t runs, step, offset, plane; // runs of plane cells, step apart
static float pos, neg, gam;               // class weights and gamma
static float *logits, *grad;              // the whole tensor, and one like it
static uint8_t *labels;

// cells returns the sum of the losses of n cells, added up in parts in float32, and,
// if want_grad, sets g to their gradient. square says that gamma is 2, as no
// programmer calls powf for it. log1pf would be slower, and has no vector form before
// glibc 2.35.
static inline __attribute__((always_inline)) double
cells(const float *restrict x, const uint8_t *restrict y, float *restrict g, int64_t n, int want_grad, int square) {
	double sum = 0;
	for (int64_t i = 0; i < n;) {
		float part = 0;
		for (int64_t end = n - i < 1024 ? n : i + 1024; i < end; i++) {
			float s = y[i] == 1 ? 1 : -1, a = y[i] == 1 ? pos : neg;
			float z = s * x[i];
			float e = expf(-fabsf(z)), r = 1 / (1 + e), er = e * r;
			float q = z >= 0 ? er : r, p = z >= 0 ? r : er;
			float l = logf(1 + e) + fmaxf(-z, 0);
			float m = a * (square ? q * q : powf(q, gam));
			part += y[i] == 255 ? 0 : m * l;
			if (want_grad)
				g[i] = y[i] == 255 ? 0 : -s * m * (q + gam * p * l);
		}
		sum += part;
	}
	return sum;
}

__attribute__((noinline)) static double compute(int want_grad) {
	double sum = 0;
	for (int64_t r = 0; r < runs; r++) {
		const float *x = logits + offset + r * step;
		const uint8_t *y = labels + r * plane;
		float *g = grad + offset + r * step;
		if (gam == 2)
			sum += want_grad ? cells(x, y, g, plane, 1, 1) : cells(x, y, g, plane, 0, 1);
		else
			sum += want_grad ? cells(x, y, g, plane, 1, 0) : cells(x, y, g, plane, 0, 0);
	}
	return sum;
}

static double measure(int want_grad, long calls) {
	volatile double sink;
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < calls; i++) {
		sink = compute(want_grad);
		__asm__ volatile("" ::: "memory"); // each call reads its data anew
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	(void)sink;
	return (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
}

// check writes both sums and the gradient of the cells to a file.
static int check(const char *path) {
	double sums[2] = {compute(0), compute(1)};
	FILE *f = fopen(path, "wb");
	if (!f)
		return 0;
	int ok = fwrite(sums, sizeof sums, 1, f) == 1;
	for (int64_t r = 0; r < runs; r++)
		ok &= fwrite(grad + offset + r * step, sizeof *grad, plane, f) == (size_t)plane;
	return !fclose(f) && ok;
}

static int load(const char *path) {
	int64_t shape[6]; // batch, anchors, attrs, height, width, attr
	double params[3]; // weight of positives, of negatives, gamma
	FILE *f = fopen(path, "rb");
	if (!f || fread(shape, sizeof shape, 1, f) != 1 || fread(params, sizeof params, 1, f) != 1)
		return 0;
	runs = shape[0] * shape[1], plane = shape[3] * shape[4];
	step = shape[2] * plane, offset = shape[5] * plane;
	pos = params[0], neg = params[1], gam = params[2];
	logits = malloc(runs * step * sizeof *logits);
	grad = calloc(runs * step, sizeof *grad);
	labels = malloc(runs * plane);
	int ok = logits && grad && labels && fread(logits, sizeof *logits, runs * step, f) == (size_t)(runs * step) &&
		fread(labels, 1, runs * plane, f) == (size_t)(runs * plane);
	return !fclose(f) && ok;
}

int main(int argc, char **argv) {
	char line[4096];
	if (argc != 4 || !load(argv[2])) {
		puts("absent the data cannot be read");
		return 1;
	}
	puts("ready C loop, " COMPILER);
	while (fflush(stdout), fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\r\n")] = 0;
		if (!strncmp(line, "sum ", 4))
			printf("time %.9g\n", measure(0, atol(line + 4)));
		else if (!strncmp(line, "sumgrad ", 8))
			printf("time %.9g\n", measure(1, atol(line + 8)));
		else if (!strncmp(line, "check ", 6))
			puts(check(line + 6) ? "ok" : "error the results cannot be written");
		else
			puts("error unknown command");
	}
	return 0;
}
