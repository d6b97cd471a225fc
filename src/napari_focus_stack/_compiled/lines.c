/* Edge-aware smoothing along lines: what `EdgeAwareMean` of `imgproc.smoothing` solves.
 *
 * D. Min et al., "Fast global image smoothing based on weighted least squares", IEEE TIP 23, 2014,
 * https://doi.org/10.1109/TIP.2014.2366600.
 */
#include "rows.h"

enum { LINES = 16 }; /* that are solved side by side */

/* Copy up to LINES lines into a buffer of (length, LINES). */
static void load(const float *from, long along, long across, long length, long lines, float *restrict to) {
    if (across == 1) {
        for (long i = 0; i < length; i++)
            for (long j = 0; j < lines; j++) to[i * LINES + j] = from[i * along + j];
    } else {
        for (long j = 0; j < lines; j++)
            for (long i = 0; i < length; i++) to[i * LINES + j] = from[j * across + i * along];
    }
}

static void store(const float *restrict from, long along, long across, long length, long lines, float *to) {
    if (across == 1) {
        for (long i = 0; i < length; i++)
            for (long j = 0; j < lines; j++) to[i * along + j] = from[i * LINES + j];
    } else {
        for (long j = 0; j < lines; j++)
            for (long i = 0; i < length; i++) to[j * across + i * along] = from[i * LINES + j];
    }
}

/* Factorise I + strength * L, L the Laplacian of the couplings; `links` become the factors with which
 * values are carried back, `scales` those by which they are divided. */
static void factorise(float *restrict links, float *restrict scales, float *restrict carried, float strength, long length) {
    float before[LINES] = {0}, factor[LINES] = {0};
    for (long i = 0; i < length; i++) {
        for (long j = 0; j < LINES; j++) {
            const float after = i + 1 < length ? strength * links[i * LINES + j] : 0.0f;
            const float scale = 1.0f / (1.0f + before[j] + after - before[j] * factor[j]);
            carried[i * LINES + j] = before[j];
            scales[i * LINES + j] = scale;
            factor[j] = after * scale;
            links[i * LINES + j] = factor[j];
            before[j] = after;
        }
    }
}

static void substitute(const float *restrict links, const float *restrict scales, const float *restrict carried,
                       float *restrict values, long length) {
    float previous[LINES] = {0};
    for (long i = 0; i < length; i++)
        for (long j = 0; j < LINES; j++) {
            const long at = i * LINES + j;
            previous[j] = (values[at] + carried[at] * previous[j]) * scales[at];
            values[at] = previous[j];
        }
    for (long i = length - 2; i >= 0; i--)
        for (long j = 0; j < LINES; j++) {
            const long at = i * LINES + j;
            previous[j] = values[at] + links[at] * previous[j];
            values[at] = previous[j];
        }
}

/* Solve up to LINES lines of several maps in place. Values of a line lie `along` apart, lines
 * `across`, those of the couplings likewise; `space` holds (4, length, LINES). */
EXPORTED void smooth_lines(float *const *maps, int32_t count, const float *coupling, float strength, int64_t length,
                           int64_t lines, int64_t along, int64_t across, int64_t coupling_along,
                           int64_t coupling_across, float *space) {
    float *links = space, *scales = space + length * LINES, *carried = scales + length * LINES;
    float *values = carried + length * LINES;
    memset(space, 0, sizeof(float) * length * LINES);
    load(coupling, coupling_along, coupling_across, length - 1, lines, links);
    factorise(links, scales, carried, strength, length);
    for (int32_t m = 0; m < count; m++) {
        load(maps[m], along, across, length, lines, values);
        substitute(links, scales, carried, values, length);
        store(values, along, across, length, lines, maps[m]);
    }
}
