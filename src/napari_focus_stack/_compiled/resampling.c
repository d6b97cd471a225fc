/* Resampling of a window of the reference plane from a plane that was recorded elsewhere.
 *
 * The same interpolation as `imgproc.resampling`: a small symmetric prefilter, the cubic of Keys at
 * a quarter of a pixel on both sides of each pixel, and linear interpolation between those. Rows are
 * resampled first, at the columns where they cross the columns of the window, then columns
 * (E. Catmull and A. R. Smith, "3-D transformations of images in scanline order", SIGGRAPH 1980,
 * https://doi.org/10.1145/965105.807505).
 */
#include <math.h>

#include "recorded.h"

enum {
    REACH = 4,   /* pixels on each side that contribute to a value */
    STRIP = 256, /* columns that are resampled at a time */
    KNOTS = 64,  /* columns over which a place moves along a straight line */
};

/* What is asked for: a window, the transform of its pixels (x, y, 1) to those of the plane, and the
 * weights of the pixels from -4 to 3 around a place a quarter of a pixel before a pixel. */
typedef struct {
    double matrix[9];
    int64_t top, left, height, width;
    float before[2 * REACH];
    int32_t linear;
    float *out;
    int64_t stride;
} Wanted;

/* Interpolate a quarter of a pixel before and after each of `count` values, which lie `step` apart
 * from the values that contribute. */
static void quarters(const float *restrict values, long step, const float *k, long count, float *restrict before,
                     float *restrict after) {
    const float k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3], k4 = k[4], k5 = k[5], k6 = k[6], k7 = k[7];
    for (long i = 0; i < count; i++) {
        const float *v = values + i;
        const float m4 = v[-4 * step], m3 = v[-3 * step], m2 = v[-2 * step], m1 = v[-step], c = v[0];
        const float p1 = v[step], p2 = v[2 * step], p3 = v[3 * step], p4 = v[4 * step];
        before[i] = k0 * m4 + k1 * m3 + k2 * m2 + k3 * m1 + k4 * c + k5 * p1 + k6 * p2 + k7 * p3;
        after[i] = k0 * p4 + k1 * p3 + k2 * p2 + k3 * p1 + k4 * c + k5 * m1 + k6 * m2 + k7 * m3;
    }
}

/* Three values around a pixel, between which the result is interpolated linearly, and how far they
 * lie apart from one pixel to the next of a row. */
typedef struct {
    const float *before, *after, *next;
} Around;

/* Interpolate `count` values; the place is `t` - 1/4 after the pixel and moves by `slope`. */
static void interpolate(Around a, float t, float slope, int32_t count, float *restrict out) {
    const float *restrict before = a.before, *restrict after = a.after, *restrict next = a.next;
    for (int32_t i = 0; i < count; i++) {
        const float place = 2.0f * (t + slope * (float)i);
        const float early = larger(1.0f - place, 0.0f), late = larger(place - 1.0f, 0.0f);
        const float middle = 1.0f - early - late;
        out[i] = early * before[i] + middle * after[i] + late * next[i];
    }
}

static void interpolate_linearly(const float *restrict values, const float *restrict next, float t, float slope,
                                 int32_t count, float *restrict out) {
    for (int32_t i = 0; i < count; i++) out[i] = values[i] + (t + slope * (float)i) * (next[i] - values[i]);
}

/* Number of values until a place that moves by `slope` leaves the pixel; `t` is from 0 to 1. */
static long run_length(double t, double slope, long count) {
    if (fabs(slope) * count < 1e-9) return count;
    const double left = slope > 0 ? (1.0 - t) / slope : -t / slope;
    return most(1, least(count, (long)ceil(left - 1e-9)));
}

/* Rows of the plane at the columns of the window, in two or one buffers of (rows, STRIP). */
typedef struct {
    float *rows, *before, *after;
    long first, count;
} Crossed;

/* Place along x where a row of the plane crosses a column of the window. */
static double crossing(const double *m, double column, double row) {
    const double line = (m[3] * column + m[5] - row * (m[6] * column + m[8])) / (row * m[7] - m[4]);
    return (m[0] * column + m[1] * line + m[2]) / (m[6] * column + m[7] * line + m[8]);
}

static double place_along_y(const double *m, double column, double line) {
    return (m[3] * column + m[4] * line + m[5]) / (m[6] * column + m[7] * line + m[8]);
}

/* Resample one row of the plane at `count` columns of the window from `left` on. */
static void cross(const Recorded *plane, const Wanted *w, long y, long left, long count, float *space, float *out) {
    const double *m = w->matrix, shift = w->linear ? 0.0 : 0.25;
    const double ends[2] = {crossing(m, left, y), crossing(m, left + count, y)};
    const long from = (long)floor(fmin(ends[0], ends[1])) - REACH - 2;
    const long to = (long)ceil(fmax(ends[0], ends[1])) + REACH + 4, wide = to - from;
    float *values = space, *before = space + wide, *after = before + wide;
    read_row(plane, y, from, to, values);
    if (!w->linear) quarters(values + REACH, 1, w->before, wide - 2 * REACH, before + REACH, after + REACH);
    for (long knot = 0; knot < count; knot += KNOTS) {
        const long stop = least(knot + KNOTS, count);
        const double start = crossing(m, left + knot, y), end = crossing(m, left + stop, y);
        const double slope = (end - start) / (double)(stop - knot);
        for (long i = knot; i < stop;) {
            const double place = start + slope * (double)(i - knot) + shift, whole = floor(place);
            const long at = (long)whole - from, length = run_length(place - whole, slope - 1.0, stop - i);
            const float t = (float)(place - whole), drift = (float)(slope - 1.0);
            if (w->linear)
                interpolate_linearly(values + at, values + at + 1, t, drift, length, out + i);
            else
                interpolate((Around){before + at, after + at, before + at + 1}, t, drift, length, out + i);
            i += length;
        }
    }
}

/* Resample one row of the window from the rows of the plane that cross it. */
static void gather_row(const Crossed *c, const Wanted *w, long y, long left, long count, float *out) {
    const double *m = w->matrix, shift = w->linear ? 0.0 : 0.25;
    for (long knot = 0; knot < count; knot += KNOTS) {
        const long stop = least(knot + KNOTS, count);
        const double start = place_along_y(m, left + knot, y), end = place_along_y(m, left + stop, y);
        const double slope = (end - start) / (double)(stop - knot);
        for (long i = knot; i < stop;) {
            const double place = start + slope * (double)(i - knot) + shift, whole = floor(place);
            const long length = run_length(place - whole, slope, stop - i);
            const long at = within((long)whole - c->first, c->count - 1) * STRIP + i;
            const float t = (float)(place - whole), drift = (float)slope;
            if (w->linear)
                interpolate_linearly(c->rows + at, c->rows + at + STRIP, t, drift, length, out + i);
            else
                interpolate((Around){c->before + at, c->after + at, c->before + at + STRIP}, t, drift, length, out + i);
            i += length;
        }
    }
}

/* Rows of the plane that a strip of the window needs. */
static void rows_needed(const Wanted *w, long left, long count, long *first, long *last) {
    double low = INFINITY, high = -INFINITY;
    for (int corner = 0; corner < 4; corner++) {
        const double x = corner % 2 ? left + count : left, y = w->top + (corner / 2 ? w->height : 0);
        const double place = place_along_y(w->matrix, x, y);
        low = fmin(low, place);
        high = fmax(high, place);
    }
    *first = (long)floor(low) - 1;
    *last = (long)ceil(high) + 2;
}

/* Columns of the plane that a row of a strip needs, at most. */
static long columns_needed(const Wanted *w, long left, long count, long first, long last) {
    const double *m = w->matrix;
    const double top = fabs(crossing(m, left + count, first) - crossing(m, left, first));
    const double bottom = fabs(crossing(m, left + count, last) - crossing(m, left, last));
    return (long)fmax(top, bottom) + 2 * REACH + 10;
}

/* Number of float32 that `resample` works in. */
EXPORTED int64_t resampling_space(const Wanted *w) {
    long needed = 0;
    for (long x = 0; x < w->width; x += STRIP) {
        const long count = least(STRIP, w->width - x), left = w->left + x;
        long first, last;
        rows_needed(w, left, count, &first, &last);
        const long rows = last - first + 1 + 2 * REACH;
        needed = most(needed, 3 * (rows * STRIP + columns_needed(w, left, count, first - REACH, last + REACH)));
    }
    return needed;
}

/* Resample a window in the space given. */
EXPORTED void resample(const Recorded *plane, const Wanted *w, float *space) {
    for (long x = 0; x < w->width; x += STRIP) {
        const long count = least(STRIP, w->width - x), left = w->left + x;
        long first, last;
        rows_needed(w, left, count, &first, &last);
        const long margin = w->linear ? 0 : REACH, rows = last - first + 1, all = rows + 2 * margin;
        float *crossed = space + 3 * columns_needed(w, left, count, first - REACH, last + REACH);
        float *before = crossed + all * STRIP, *after = before + rows * STRIP;
        const Crossed c = {crossed + margin * STRIP, before, after, first, rows};
        for (long y = 0; y < all; y++) cross(plane, w, first - margin + y, left, count, space, crossed + y * STRIP);
        for (long y = 0; y < rows && !w->linear; y++)
            quarters(c.rows + y * STRIP, STRIP, w->before, count, before + y * STRIP, after + y * STRIP);
        for (long y = 0; y < w->height; y++) gather_row(&c, w, w->top + y, left, count, w->out + y * w->stride + x);
    }
}
