/* One level of a fusion: squared bands of the current plane, and its share in the mean of all.
 *
 * `reduce_squares` and `fold` compute what `Level.reduce` and `Level.fold` of `fusion.pyramid_level`
 * compute with NumPy and OpenCV; terms and sources are given there. Squared bands are computed twice
 * and never stored: this takes less time than writing and reading them.
 */
#include <math.h>

#include "rows.h"

enum { MOST_CHANNELS = 4 };

/* Difference of logarithmic weights from which on a plane's share, less than a millionth, is left out
 * of the mean. */
static const float NEGLIGIBLE = 14.0f;

/* Variance of noise in a band: the larger of `constant` + `slope` times brightness and `least`. */
typedef struct {
    float constant, slope, least;
} Variance;

static inline float expected(Variance noise, float brightness) {
    return larger(noise.constant + noise.slope * brightness, noise.least);
}

/* The current plane at one level. */
typedef struct {
    const Plane *smooth, *above;
    int32_t channels, counting; /* those that contribute to the energy */
    Variance noise, own;        /* of all planes, and of this one */
    int32_t differs;            /* whether these differ */
    float factor;               /* of the squared band, relative to the noise of the first channel */
} Bands;

/* Square the bands of some columns of a row, relative to their noise. */
static void square(const Bands *b, long y, long x, long stop, float *restrict power) {
    const long count = stop - x;
    float around[CHUNK], further[CHUNK];
    const float *fine = b->smooth[0].values + y * b->smooth[0].stride + x;
    expand_row(&b->above[0], y, x, stop, around);
    for (long i = 0; i < count; i++) {
        const float band = fine[i] - around[i];
        power[i] = band * band;
    }
    for (int c = 1; c < b->counting; c++) {
        fine = b->smooth[c].values + y * b->smooth[c].stride + x;
        expand_row(&b->above[c], y, x, stop, further);
        for (long i = 0; i < count; i++) {
            const float band = fine[i] - further[i];
            power[i] += band * band;
        }
    }
    const Variance noise = b->noise, own = b->own;
    if (noise.slope == 0) {
        const float scale = b->factor / noise.constant;
        for (long i = 0; i < count; i++) power[i] *= scale;
    } else {
        const float factor = b->factor;
        for (long i = 0; i < count; i++) power[i] = power[i] * factor / expected(noise, around[i]);
    }
    if (b->differs) {
        for (long i = 0; i < count; i++) {
            const float excess = expected(own, around[i]) / expected(noise, around[i]);
            power[i] = larger(power[i] + 1.0f - excess, 0.0f);
        }
    }
}

static void square_row(const Bands *b, long y, float *power) {
    const long width = b->smooth[0].width;
    for (long x = 0; x < width; x += CHUNK) square(b, y, x, least(x + CHUNK, width), power + x);
}

/* Reduce a row to half its width, as cv2.pyrDown does. */
static void halve_row(const float *restrict row, long width, float *restrict out) {
    const long half = (width + 1) / 2;
    const long last = least(half - 1, (width - 3) / 2); /* last pixel whose neighbours are all inside */
    for (long x = 1; x <= last; x++)
        out[x] = 0.375f * row[2 * x] + 0.25f * (row[2 * x - 1] + row[2 * x + 1]) + 0.0625f * (row[2 * x - 2] + row[2 * x + 2]);
    for (long x = 0; x < half; x = x == 0 ? most(last, 0) + 1 : x + 1) {
        const long before = reflected(2 * x - 1, width), after = reflected(2 * x + 1, width);
        const long first = reflected(2 * x - 2, width), end = reflected(2 * x + 2, width);
        out[x] = 0.375f * row[2 * x] + 0.25f * (row[before] + row[after]) + 0.0625f * (row[first] + row[end]);
    }
}

/* Write rows `top` to `end` of the squared bands at half the size; `space` holds a row and five of
 * half the width. */
EXPORTED void reduce_squares(const Bands *b, int64_t top, int64_t end, float *out, float *space) {
    const long width = b->smooth[0].width, height = b->smooth[0].height, half = (width + 1) / 2;
    float *power = space, *ring = space + width;
    long next = most(2 * top - 2, 0);
    for (long y = top; y < end; y++) {
        const float *rows[5];
        for (int i = 0; i < 5; i++) {
            const long row = reflected(2 * y + i - 2, height);
            for (; next <= row; next++) {
                square_row(b, next, power);
                halve_row(power, width, ring + next % 5 * half);
            }
            rows[i] = ring + row % 5 * half;
        }
        float *restrict row = out + y * half;
        for (long x = 0; x < half; x++)
            row[x] = 0.375f * rows[2][x] + 0.25f * (rows[1][x] + rows[3][x]) + 0.0625f * (rows[0][x] + rows[4][x]);
    }
}

/* Positive numbers from 2^-16 to 2^16 in 16 bits, 5 of them the exponent: within 0.02 % in half the
 * memory of a float32. */
static inline uint16_t packed(float value) {
    union { float f; int32_t i; } bits = {.f = larger(smaller(value, 65000.0f), 1.6e-5f)};
    return (uint16_t)((bits.i - (111 << 23) + (1 << 11)) >> 12);
}

static inline float unpacked(uint16_t stored) {
    union { int32_t i; float f; } bits = {.i = ((int32_t)stored << 12) + (111 << 23)};
    return bits.f;
}

enum { MAPS = 3, MAP_ROWS = 4 };

/* What weights the energies of a plane, at the size of the level or of one `steps` coarser, 2 at most:
 * factor of the energies, logarithm of the prior weight, share of the plane's own score; see
 * `fusion.focus_prior.PlanePrior`. */
typedef struct {
    Plane maps[MAPS];
    int32_t present, steps;
} Prior;

/* Rows of a map at half the size of the level, the last four of those that were expanded. */
typedef struct {
    float *rows;
    long width, height, next;
} MapRing;

/* State of a level, and the current plane in it. */
typedef struct {
    Bands bands;
    float *means[MOST_CHANNELS];
    float *weight;
    uint16_t *squares; /* sums of squared shares, see `packed` */
    Plane power, wide; /* squared band at half the size, the wide tail of its window at a quarter */
    const uint8_t *recorded; /* 255 where the plane recorded; null if it recorded everything */
    const float *alpha;      /* logarithm of the weight by alpha; null if there is none */
    float *scored;           /* receives the score; null if it is not kept */
    float *energy, *halved;  /* receive the energy, at its size and at half of it; null if not kept */
    Prior prior;
    float core[3];       /* centre of the window's Gaussian core, and one side of it */
    float near_tail;     /* share of the tail at half the size */
    float scale;         /* of core and tail together */
    float samples;       /* independent samples of an energy */
    float floor;         /* least energy above one half */
    float variance;      /* of the plane's noise relative to the others' */
    float limit;         /* largest difference of logarithmic weights */
    float no_score, unrecorded;
    int32_t least_coverage, first;
} Fold;

/* Expand rows of a map to half the size of the level, up to the one after `row`. */
static void fill_ring(const Plane *map, MapRing *ring, long row) {
    for (; ring->next <= least(row + 1, ring->height - 1); ring->next++)
        for (long x = 0; x < ring->width; x += CHUNK) {
            const long stop = least(x + CHUNK, ring->width);
            expand_row(map, ring->next, x, stop, ring->rows + ring->next % MAP_ROWS * ring->width + x);
        }
}

/* The same of the wide tail, to which the tail at half the size is added. */
static void fill_tail(const Fold *f, MapRing *ring, long row) {
    for (long y = ring->next; y <= least(row + 1, ring->height - 1); y++) {
        fill_ring(&f->wide, ring, y - 1);
        const float *restrict power = f->power.values + y * f->power.stride;
        float *restrict tail = ring->rows + y % MAP_ROWS * ring->width;
        for (long x = 0; x < ring->width; x++) tail[x] += f->near_tail * power[x];
    }
}

/* Expand columns of a row of the level from the rows of a ring. */
static void expand_ring(const MapRing *ring, long y, long x, long stop, float *restrict out) {
    const long half = y / 2, next = within(half + 1, ring->height), before = before_row(half, ring->height);
    const float *rows = ring->rows;
    expand_between(y % 2 ? NULL : rows + before % MAP_ROWS * ring->width, rows + half % MAP_ROWS * ring->width,
                   rows + next % MAP_ROWS * ring->width, ring->width, x, stop, out);
}

/* Average the squared band, of which five rows are given, over the window. */
static void windowed(const Fold *f, const float *const rows[5], const MapRing *tail, long y, long x, long stop,
                     float *restrict energy) {
    const long width = f->bands.smooth[0].width;
    float sums[CHUNK + 4], grown[CHUNK];
    const long left = most(x - 2, 0), right = least(stop + 2, width);
    float *inner = sums + 2 - x;
    for (long i = left; i < right; i++)
        inner[i] = f->core[0] * rows[2][i] + f->core[1] * (rows[1][i] + rows[3][i]) + f->core[2] * (rows[0][i] + rows[4][i]);
    for (long i = x - 2; i < left; i++) inner[i] = inner[reflected(i, width)];
    for (long i = right; i < stop + 2; i++) inner[i] = inner[reflected(i, width)];
    expand_ring(tail, y, x, stop, grown);
    for (long i = 0; i < stop - x; i++) {
        const float core = f->core[0] * sums[i + 2] + f->core[1] * (sums[i + 1] + sums[i + 3]) + f->core[2] * (sums[i] + sums[i + 4]);
        energy[i] = (core + grown[i]) * f->scale;
    }
}

/* Write columns of a row of a map at the size of the level. */
static void map_row(const Prior *p, int map, const MapRing *ring, long y, long x, long stop, float *restrict out) {
    const Plane *plane = &p->maps[map];
    if (p->steps == 0) {
        memcpy(out, plane->values + y * plane->stride + x, sizeof(float) * (stop - x));
    } else if (p->steps == 1) {
        expand_row(plane, y, x, stop, out);
    } else {
        expand_ring(ring, y, x, stop, out);
    }
}

static inline float score(const Fold *f, float energy) {
    return sqrtf(f->samples * larger(energy - 0.5f, f->floor));
}

/* Compute the logarithm of the plane's weight. */
static void scores(const Fold *f, const MapRing *rings, const float *restrict energy, long y, long x, long stop,
                   float *restrict scored) {
    const long count = stop - x;
    if (f->prior.present) {
        float factor[CHUNK], prior[CHUNK], share[CHUNK];
        map_row(&f->prior, 0, &rings[0], y, x, stop, factor);
        map_row(&f->prior, 1, &rings[1], y, x, stop, prior);
        map_row(&f->prior, 2, &rings[2], y, x, stop, share);
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
        const float *alpha = f->alpha + y * f->bands.smooth[0].width + x;
        for (long i = 0; i < count; i++) scored[i] += alpha[i];
    }
    if (f->scored) memcpy(f->scored + y * f->bands.smooth[0].width + x, scored, sizeof(float) * count);
}

static void leave_out(const Fold *f, long at, long count, float *restrict energy, float *restrict scored) {
    const uint8_t *recorded = f->recorded + at;
    const int32_t least_coverage = f->least_coverage;
    const float unrecorded = f->unrecorded, no_score = f->no_score;
    int32_t outside[CHUNK];
    for (long i = 0; i < count; i++) outside[i] = recorded[i] < least_coverage;
    for (long i = 0; i < count; i++) {
        energy[i] = outside[i] ? unrecorded : energy[i];
        scored[i] = outside[i] ? no_score : scored[i];
    }
}

/* Return whether the plane has a share in a mean of float32 anywhere in a chunk. */
static int matters(const Fold *f, const float *restrict weight, const float *restrict scored, long count) {
    int32_t some = f->first;
    for (long i = 0; i < count; i++) some |= weight[i] - scored[i] < NEGLIGIBLE;
    return some;
}

static void shares(const Fold *f, long at, long count, const float *restrict scored, float *restrict share) {
    float *restrict weight = f->weight + at;
    uint16_t *restrict squares = f->squares + at;
    if (f->first) {
        for (long i = 0; i < count; i++) {
            weight[i] = scored[i];
            squares[i] = packed(f->variance);
            share[i] = 1.0f;
        }
        return;
    }
    for (long i = 0; i < count; i++) {
        const float apart = larger(smaller(weight[i] - scored[i], f->limit), -f->limit);
        const float odds = exponential(apart) + 1.0f, own = 1.0f / odds, kept = 1.0f - own;
        weight[i] = larger(weight[i], scored[i] + logarithm(odds));
        squares[i] = packed(unpacked(squares[i]) * kept * kept + own * own * f->variance);
        share[i] = own;
    }
}

static void move_means(const Fold *f, long y, long x, long stop, const float *restrict share) {
    const long at = y * f->bands.smooth[0].width + x, count = stop - x;
    float around[CHUNK];
    for (int c = 0; c < f->bands.channels; c++) {
        const float *fine = f->bands.smooth[c].values + y * f->bands.smooth[c].stride + x;
        float *restrict mean = f->means[c] + at;
        expand_row(&f->bands.above[c], y, x, stop, around);
        for (long i = 0; i < count; i++) mean[i] += (fine[i] - around[i] - mean[i]) * share[i];
    }
}

static inline float mean_of_four(float a, float b, float c, float d, float unrecorded) {
    const float lowest = smaller(smaller(a, b), smaller(c, d));
    return lowest < 0 ? unrecorded : 0.25f * (a + b + c + d);
}

/* Average energies of two rows over two by two pixels; those not recorded leave out all four. */
static void halve_energies(const Fold *f, const float *even, const float *odd, float *restrict out) {
    const long width = f->bands.smooth[0].width, pairs = width / 2;
    const float unrecorded = f->unrecorded;
    for (long x = 0; x < pairs; x++)
        out[x] = mean_of_four(even[2 * x], even[2 * x + 1], odd[2 * x], odd[2 * x + 1], unrecorded);
    if (width % 2) out[pairs] = mean_of_four(even[width - 1], even[width - 1], odd[width - 1], odd[width - 1], unrecorded);
}

/* Score one row and add it to the mean. */
static void fold_row(const Fold *f, const float *const rows[5], const MapRing *rings, long y, float *energies) {
    const long width = f->bands.smooth[0].width;
    for (long x = 0; x < width; x += CHUNK) {
        const long stop = least(x + CHUNK, width), at = y * width + x, count = stop - x;
        float scored[CHUNK], share[CHUNK];
        float *energy = energies + x;
        windowed(f, rows, &rings[MAPS], y, x, stop, energy);
        scores(f, rings, energy, y, x, stop, scored);
        if (f->recorded) leave_out(f, at, count, energy, scored);
        if (!matters(f, f->weight + at, scored, count)) continue;
        shares(f, at, count, scored, share);
        move_means(f, y, x, stop, share);
    }
}

/* Add rows of a plane, starting at an even one, to the mean; `space` holds 15 rows and 16 values. */
EXPORTED void fold(const Fold *f, int64_t top, int64_t end, float *space) {
    const long width = f->bands.smooth[0].width, height = f->bands.smooth[0].height;
    const long half = (width + 1) / 2;
    float *even = space + 5 * width;
    MapRing rings[MAPS + 1]; /* the last is that of the tail */
    for (int i = 0; i <= MAPS; i++)
        rings[i] = (MapRing){even + 2 * width + i * MAP_ROWS * half, half, (height + 1) / 2, most(top / 2 - 1, 0)};
    long next = most(top - 2, 0);
    for (long y = top; y < end; y++) {
        const float *rows[5];
        for (int i = 0; i < MAPS && f->prior.present && f->prior.steps == 2; i++)
            fill_ring(&f->prior.maps[i], &rings[i], y / 2);
        fill_tail(f, &rings[MAPS], y / 2);
        for (int i = 0; i < 5; i++) {
            const long row = reflected(y + i - 2, height);
            for (; next <= row; next++) square_row(&f->bands, next, space + next % 5 * width);
            rows[i] = space + row % 5 * width;
        }
        float *energies = f->energy ? f->energy + y * width : even + y % 2 * width;
        fold_row(f, rows, rings, y, energies);
        if (f->halved && (y % 2 || y == height - 1)) {
            const float *above = y % 2 == 0 ? energies : f->energy ? energies - width : even;
            halve_energies(f, above, energies, f->halved + y / 2 * ((width + 1) / 2));
        }
    }
}
