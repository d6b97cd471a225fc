/* Rows of a pyramid's levels, and the functions that every kernel needs.
 *
 * Kernels are given parts of a plane and work through them in chunks of a row whose buffers stay in
 * a core's first cache. Loops are plain, so that the compiler makes vector code of them.
 */
#ifndef FOCUSSTACK_ROWS_H
#define FOCUSSTACK_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

/* Pixels of a row that are processed at a time; even. */
enum { CHUNK = 256 };

static inline long least(long a, long b) { return a < b ? a : b; }
static inline long most(long a, long b) { return a > b ? a : b; }
static inline long within(long i, long size) { return most(0, least(i, size - 1)); }
static inline float larger(float a, float b) { return a > b ? a : b; }
static inline float smaller(float a, float b) { return a < b ? a : b; }

/* Index mirrored at the first and last pixel, as OpenCV's BORDER_REFLECT_101. */
static inline long reflected(long i, long size) {
    if (size < 2) return 0;
    while (i < 0 || i >= size) i = i < 0 ? -i : 2 * size - 2 - i;
    return i;
}

/* One level of a pyramid, or part of an image: float32, rows `stride` values apart. */
typedef struct {
    const float *values;
    int64_t height, width, stride;
} Plane;

/* Expand columns `from` to `to` of a row of the next finer level, equal to cv2.pyrUp, from the row at
 * half its number, the next, and, if its number is even, the one before. `from` is even. */
static inline void expand_between(const float *before, const float *same, const float *next, long width, long from,
                                  long to, float *restrict out) {
    float between[CHUNK / 2 + 2];
    const long first = from / 2 - 1, last = (to - 1) / 2 + 1;
    const long left = most(first, 0), right = least(last, width - 1);
    float *inner = between - first;
    if (before) {
        for (long x = left; x <= right; x++) inner[x] = 0.75f * same[x] + 0.125f * (before[x] + next[x]);
    } else {
        for (long x = left; x <= right; x++) inner[x] = 0.5f * (same[x] + next[x]);
    }
    if (first < 0) inner[-1] = inner[least(1, right)];
    if (last > right) inner[last] = inner[right];
    const long pairs = (to - from) / 2;
    for (long i = 0; i < pairs; i++) {
        out[2 * i] = 0.75f * between[i + 1] + 0.125f * (between[i] + between[i + 2]);
        out[2 * i + 1] = 0.5f * (between[i + 1] + between[i + 2]);
    }
    if ((to - from) % 2) out[2 * pairs] = 0.75f * between[pairs + 1] + 0.125f * (between[pairs] + between[pairs + 2]);
}

/* Number of the row before one of `height`, from which a row is expanded: before the first comes the
 * second. */
static inline long before_row(long row, long height) { return within(row ? row - 1 : 1, height); }

/* Expand columns of a row of the next finer level. */
static inline void expand_row(const Plane *coarse, long row, long from, long to, float *restrict out) {
    const long half = within(row / 2, coarse->height), next = within(half + 1, coarse->height);
    const float *values = coarse->values;
    const float *before = row % 2 ? NULL : values + before_row(half, coarse->height) * coarse->stride;
    expand_between(before, values + half * coarse->stride, values + next * coarse->stride, coarse->width, from, to, out);
}

/* Exponential for arguments from -87 to 87, within 2e-7 of the result. */
static inline float exponential(float x) {
    const float shifted = x * 1.44269504f + 12582912.0f; /* rounds to a whole number */
    const float whole = shifted - 12582912.0f;
    const float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { float f; int32_t i; } power = {.i = ((int32_t)whole + 127) << 23};
    return p * power.f;
}

/* Natural logarithm of a positive, normal number, within 1e-7. */
static inline float logarithm(float x) {
    union { float f; int32_t i; } bits = {.f = x};
    const int32_t shifted = bits.i - 0x3f3504f3; /* mantissa from sqrt(1/2) to sqrt(2) */
    const int32_t exponent = shifted >> 23;
    bits.i = (shifted & 0x007fffff) + 0x3f3504f3;
    const float m = bits.f - 1.0f, e = (float)exponent, square = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    p = p * m * square - 2.12194440e-4f * e - 0.5f * square;
    return m + p + 0.693359375f * e;
}

#endif
