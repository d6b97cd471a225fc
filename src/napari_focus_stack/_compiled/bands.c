/* One level of a fusion: squared bands of the current plane, and its share in the mean of all.
 *
 * `square_bands` and `fold` compute what `Level.gather` and `Level.fold` of `fusion.pyramid_level`
 * compute with NumPy and OpenCV; terms and sources are given there.
 */
#include <math.h>

#include "rows.h"

enum { MOST_CHANNELS = 4 };

/* Least difference of logarithmic weights at which a plane changes no bit of a float32 mean. */
static const float NEGLIGIBLE = 20.0f;

/* Variance of noise in a band: the larger of `constant` + `slope` times brightness and `least`. */
typedef struct {
    float constant, slope, least;
} Variance;

static inline float expected(Variance noise, float brightness) {
    return larger(noise.constant + noise.slope * brightness, noise.least);
}

EXPORTED void square_bands(const Plane *smooth, const Plane *above, int32_t channels, Variance noise,
                           const Variance *own, float factor, int64_t top, int64_t end, float *out) {
    const long width = smooth[0].width;
    for (long y = top; y < end; y++) {
        for (long x = 0; x < width; x += CHUNK) {
            const long stop = least(x + CHUNK, width), count = stop - x;
            float around[CHUNK], squared[CHUNK], further[CHUNK];
            const float *fine = smooth[0].values + y * smooth[0].stride + x;
            expand_row(&above[0], y, x, stop, around);
            for (long i = 0; i < count; i++) {
                const float band = fine[i] - around[i];
                squared[i] = band * band;
            }
            for (int c = 1; c < channels; c++) {
                fine = smooth[c].values + y * smooth[c].stride + x;
                expand_row(&above[c], y, x, stop, further);
                for (long i = 0; i < count; i++) {
                    const float band = fine[i] - further[i];
                    squared[i] += band * band;
                }
            }
            float *power = out + y * width + x;
            if (noise.slope == 0) {
                const float scale = factor / noise.constant;
                for (long i = 0; i < count; i++) power[i] = squared[i] * scale;
            } else {
                for (long i = 0; i < count; i++) power[i] = squared[i] * factor / expected(noise, around[i]);
            }
            if (own) {
                for (long i = 0; i < count; i++) {
                    const float excess = expected(*own, around[i]) / expected(noise, around[i]);
                    power[i] = larger(power[i] + 1.0f - excess, 0.0f);
                }
            }
        }
    }
}

/* What weights the energies of a plane; see `fusion.focus_prior.PlanePrior`. */
typedef struct {
    Plane energies, prior, share;
    int32_t present, expanded;
} Prior;

/* State of a level, and the current plane in it. */
typedef struct {
    const Plane *smooth, *above;
    int32_t channels;
    float *means[MOST_CHANNELS];
    float *weight, *squares;
    Plane power, tail;
    const uint8_t *recorded; /* 255 where the plane recorded; null if it recorded everything */
    const float *alpha;      /* logarithm of the weight by alpha; null if there is none */
    float *scored;           /* receives the score; null if it is not kept */
    Prior prior;
    float core[3];       /* centre of the window's Gaussian core, and one side of it */
    float scale;         /* of core and tail together */
    float samples;       /* independent samples of an energy */
    float floor;         /* least energy above one half */
    float variance;      /* of the plane's noise relative to the others' */
    float limit;         /* largest difference of logarithmic weights */
    float no_score, unrecorded;
    int32_t least_coverage, first;
} Fold;

/* Average the squared band over the window. */
static void windowed(const Fold *f, long y, long x, long stop, float *restrict energy) {
    const long height = f->power.height, width = f->power.width, stride = f->power.stride;
    const float *rows[5];
    float sums[CHUNK + 4], grown[CHUNK];
    for (int i = 0; i < 5; i++) rows[i] = f->power.values + reflected(y + i - 2, height) * stride;
    const long left = most(x - 2, 0), right = least(stop + 2, width);
    float *inner = sums + 2 - x;
    for (long i = left; i < right; i++)
        inner[i] = f->core[0] * rows[2][i] + f->core[1] * (rows[1][i] + rows[3][i]) + f->core[2] * (rows[0][i] + rows[4][i]);
    for (long i = x - 2; i < left; i++) inner[i] = inner[reflected(i, width)];
    for (long i = right; i < stop + 2; i++) inner[i] = inner[reflected(i, width)];
    expand_row(&f->tail, y, x, stop, grown);
    for (long i = 0; i < stop - x; i++) {
        const float core = f->core[0] * sums[i + 2] + f->core[1] * (sums[i + 1] + sums[i + 3]) + f->core[2] * (sums[i] + sums[i + 4]);
        energy[i] = (core + grown[i]) * f->scale;
    }
}

static void map_row(const Plane *map, int expanded, long y, long x, long stop, float *restrict out) {
    if (expanded)
        expand_row(map, y, x, stop, out);
    else
        memcpy(out, map->values + y * map->stride + x, sizeof(float) * (stop - x));
}

static inline float score(const Fold *f, float energy) {
    return sqrtf(f->samples * larger(energy - 0.5f, f->floor));
}

/* Compute the logarithm of the plane's weight. */
static void scores(const Fold *f, const float *restrict energy, long y, long x, long stop, float *restrict scored) {
    const long count = stop - x;
    if (f->prior.present) {
        float factor[CHUNK], prior[CHUNK], share[CHUNK];
        map_row(&f->prior.energies, f->prior.expanded, y, x, stop, factor);
        map_row(&f->prior.prior, f->prior.expanded, y, x, stop, prior);
        map_row(&f->prior.share, f->prior.expanded, y, x, stop, share);
        for (long i = 0; i < count; i++)
            scored[i] = (score(f, energy[i] * factor[i]) - prior[i]) * share[i] + prior[i];
    } else {
        for (long i = 0; i < count; i++) scored[i] = score(f, energy[i]);
    }
    if (f->variance != 1.0f) {
        const float inverse = logf(f->variance);
        for (long i = 0; i < count; i++) scored[i] -= inverse;
    }
    if (f->alpha) {
        const float *alpha = f->alpha + y * f->power.width + x;
        for (long i = 0; i < count; i++) scored[i] += alpha[i];
    }
    if (f->scored) memcpy(f->scored + y * f->power.width + x, scored, sizeof(float) * count);
}

static void leave_out(const Fold *f, long at, long count, float *restrict energy, float *restrict scored) {
    const uint8_t *recorded = f->recorded + at;
    for (long i = 0; i < count; i++) {
        const int outside = recorded[i] < f->least_coverage;
        energy[i] = outside ? f->unrecorded : energy[i];
        scored[i] = outside ? f->no_score : scored[i];
    }
}

/* Return whether the plane has a share in a mean of float32 anywhere in a chunk. */
static int matters(const Fold *f, const float *restrict weight, const float *restrict scored, long count) {
    int32_t some = f->first;
    for (long i = 0; i < count; i++) some |= weight[i] - scored[i] < NEGLIGIBLE;
    return some;
}

static void shares(const Fold *f, long at, long count, const float *restrict scored, float *restrict share) {
    float *restrict weight = f->weight + at, *restrict squares = f->squares + at;
    if (f->first) {
        for (long i = 0; i < count; i++) {
            weight[i] = scored[i];
            squares[i] = f->variance;
            share[i] = 1.0f;
        }
        return;
    }
    for (long i = 0; i < count; i++) {
        const float apart = larger(smaller(weight[i] - scored[i], f->limit), -f->limit);
        const float odds = exponential(apart) + 1.0f, own = 1.0f / odds, kept = 1.0f - own;
        weight[i] = larger(weight[i], scored[i] + logarithm(odds));
        squares[i] = squares[i] * kept * kept + own * own * f->variance;
        share[i] = own;
    }
}

static void move_means(const Fold *f, long y, long x, long stop, const float *restrict share) {
    const long at = y * f->power.width + x, count = stop - x;
    float around[CHUNK];
    for (int c = 0; c < f->channels; c++) {
        const float *fine = f->smooth[c].values + y * f->smooth[c].stride + x;
        float *restrict mean = f->means[c] + at;
        expand_row(&f->above[c], y, x, stop, around);
        for (long i = 0; i < count; i++) mean[i] += (fine[i] - around[i] - mean[i]) * share[i];
    }
}

/* Add rows of a plane to the mean; write its energy, (end - top, width). */
EXPORTED void fold(const Fold *f, int64_t top, int64_t end, float *energies) {
    const long width = f->power.width;
    for (long y = top; y < end; y++) {
        for (long x = 0; x < width; x += CHUNK) {
            const long stop = least(x + CHUNK, width), at = y * width + x, count = stop - x;
            float scored[CHUNK], share[CHUNK];
            float *energy = energies + (y - top) * width + x;
            windowed(f, y, x, stop, energy);
            scores(f, energy, y, x, stop, scored);
            if (f->recorded) leave_out(f, at, count, energy, scored);
            if (!matters(f, f->weight + at, scored, count)) continue;
            shares(f, at, count, scored, share);
            move_means(f, y, x, stop, share);
        }
    }
}
