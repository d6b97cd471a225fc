/* Detail of a plane: mean squares of its finest band, and the next coarser level; see
 * `imgproc.band_power`. Rows are read once, and the few that are needed again stay in a core's cache.
 */
#include "recorded.h"

enum {
    KEPT = 8,   /* rows that are kept, of which five are filtered; a power of two */
    BEYOND = 2, /* pixels that contribute on each side of one */
};

/* Symmetric window of five pixels along rows and columns: weights of the middle one, of its
 * neighbours and of theirs. It is applied at every pixel whose row and column `step` divides. */
typedef struct {
    float weights[3];
    int32_t step;
} Window;

static const Window BINOMIAL = {{0.375f, 0.25f, 0.0625f}, 2}; /* as in cv2.pyrDown */

/* Where the rows of one level lie while they are needed. */
typedef struct {
    float *rows, *column_sums;
    int64_t height, width;
} Ring;

static inline float *kept_row(const Ring *ring, long y) { return ring->rows + y % KEPT * ring->width; }

static inline void filter_columns(const float *restrict v, const float *k, long step, long count, float *restrict out) {
    const float k0 = k[0], k1 = k[1], k2 = k[2];
    for (long i = 0; i < count; i++) {
        const float *c = v + i * step;
        out[i] = k0 * c[0] + k1 * (c[-1] + c[1]) + k2 * (c[-2] + c[2]);
    }
}

/* Apply a window to the kept rows around row `y`; beyond the edges, rows and columns are mirrored. */
static void filter_rows(const Ring *ring, const Window *window, long y, float *out) {
    const float *around[2 * BEYOND + 1];
    for (long i = -BEYOND; i <= BEYOND; i++) around[i + BEYOND] = kept_row(ring, reflected(y + i, ring->height));
    const float *restrict a = around[0], *restrict b = around[1], *restrict c = around[2];
    const float *restrict d = around[3], *restrict e = around[4];
    const float k0 = window->weights[0], k1 = window->weights[1], k2 = window->weights[2];
    const long width = ring->width;
    float *restrict sums = ring->column_sums + BEYOND;
    for (long x = 0; x < width; x++) sums[x] = k0 * c[x] + k1 * (b[x] + d[x]) + k2 * (a[x] + e[x]);
    for (long i = 1; i <= BEYOND; i++) {
        sums[-i] = sums[reflected(-i, width)];
        sums[width - 1 + i] = sums[reflected(width - 1 + i, width)];
    }
    const long count = (width + window->step - 1) / window->step;
    if (window->step == 2)
        filter_columns(sums, window->weights, 2, count, out);
    else if (window->step == 4)
        filter_columns(sums, window->weights, 4, count, out);
    else
        filter_columns(sums, window->weights, window->step, count, out);
}

/* Square the finest band of row `y`. */
static void square_row(const float *restrict row, const Plane *coarse, long y, long width, float *restrict out) {
    float expanded[CHUNK];
    for (long x = 0; x < width; x += CHUNK) {
        const long count = least(CHUNK, width - x);
        expand_row(coarse, y, x, x + count, expanded);
        for (long i = 0; i < count; i++) {
            const float band = row[x + i] - expanded[i];
            out[x + i] = band * band;
        }
    }
}

/* Number of float32 that `measure_detail` works in. */
EXPORTED int64_t detail_space(int64_t width) { return (2 * KEPT + 1) * width + 2 * BEYOND; }

/* Write the next coarser level, ((height + 1) / 2, (width + 1) / 2), and the mean squares in a window
 * around every `step`th pixel of every `step`th row. */
EXPORTED void measure_detail(const Recorded *plane, const Window *window, float *coarse, float *power, float *space) {
    const long height = plane->height, width = plane->width, step = window->step;
    const long columns = (width + step - 1) / step;
    float *sums = space + 2 * KEPT * width;
    const Ring values = {space, sums, height, width}, squares = {space + KEPT * width, sums, height, width};
    const Plane above = {coarse, (height + 1) / 2, (width + 1) / 2, (width + 1) / 2};
    long read = 0, squared = 0, written = 0;
    for (long y = 0; y <= above.height; y++) {
        if (y < above.height) {
            for (; read < least(2 * y + BEYOND + 1, height); read++)
                read_row(plane, read, 0, width, kept_row(&values, read));
            filter_rows(&values, &BINOMIAL, 2 * y, coarse + y * above.width);
        }
        /* a row of the band needs the coarser rows on both of its sides */
        for (; squared < least(2 * y, height); squared++) {
            square_row(kept_row(&values, squared), &above, squared, width, kept_row(&squares, squared));
            for (; written * step < height && (written * step + BEYOND <= squared || squared == height - 1); written++)
                filter_rows(&squares, window, written * step, power + written * columns);
        }
    }
}
