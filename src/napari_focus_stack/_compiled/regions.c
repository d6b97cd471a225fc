/* Power of the finest band of a plane by regions; see `fusion.regional_energy`. */
#include "rows.h"

/* Pixels between regions, pixels beside a region's centre that count, and regions at a time. */
enum { STEP = 4, REACH = 2, PART = (CHUNK - 2 * REACH) / STEP };

/* Square the finest band in the rows of a window, and sum them over its rows. */
static void column_sums(const Plane *light, const Plane *above, long centre, long from, long to, float *restrict sums) {
    float around[CHUNK];
    for (int i = -REACH; i <= REACH; i++) {
        const long y = reflected(centre + i, light->height);
        const float *fine = light->values + y * light->stride + from;
        expand_row(above, y, from, to, around);
        for (long x = 0; x < to - from; x++) {
            const float band = fine[x] - around[x];
            sums[x] = i == -REACH ? band * band : sums[x] + band * band;
        }
    }
}

/* Average the squared band around every `STEP`-th pixel of `rows` rows, `STEP` apart from `first` on. */
EXPORTED void finest_power(const Plane *light, const Plane *above, int64_t first, int64_t rows, float *out) {
    const long width = light->width, columns = (width + STEP - 1) / STEP;
    const float area = (2 * REACH + 1) * (2 * REACH + 1);
    for (long row = 0; row < rows; row++) {
        for (long left = 0; left < columns; left += PART) {
            const long count = least(PART, columns - left), start = STEP * left - REACH;
            const long from = most(start, 0), to = least(STEP * (left + count - 1) + REACH + 1, width);
            float sums[CHUNK + 2 * REACH], *inner = sums - start;
            column_sums(light, above, first + STEP * row, from, to, inner + from);
            for (long x = start; x < from; x++) inner[x] = inner[reflected(x, width)];
            for (long x = to; x < STEP * (left + count - 1) + REACH + 1; x++) inner[x] = inner[reflected(x, width)];
            float *power = out + row * columns + left;
            for (long i = 0; i < count; i++) {
                const float *window = sums + STEP * i;
                power[i] = (window[0] + window[1] + window[2] + window[3] + window[4]) / area;
            }
        }
    }
}
