/* Peaks of focus curves, plane by plane: what `FocusPeak.add` of `depth.peak_fitting` computes. */
#include <math.h>

#include "rows.h"

/* State of some rows, as the attributes of `FocusPeak`. */
typedef struct {
    float *best, *before, *after, *last;
    float *chosen; /* null if energies are not weighted: then the best is the largest */
    uint16_t *index;
    float *scores; /* at every second row and column */
    float samples, floor;
} Peaks;

/* Add a plane to a chunk of a row; `weighed` are its energies as they compete for the best. */
static void add_chunk(const Peaks *p, long at, long count, const float *restrict energy, const float *restrict weighed,
                      uint16_t k) {
    float *restrict before = p->before + at, *restrict after = p->after + at, *restrict last = p->last + at;
    float *restrict chosen = p->chosen ? p->chosen + at : p->best + at;
    uint16_t *restrict index = p->index + at;
    int32_t follows[CHUNK], better[CHUNK];
    for (long i = 0; i < count; i++) follows[i] = index[i] == (uint16_t)(k - 1);
    for (long i = 0; i < count; i++) {
        better[i] = weighed[i] > chosen[i];
        after[i] = follows[i] ? energy[i] : after[i];
        before[i] = better[i] ? last[i] : before[i];
        chosen[i] = larger(weighed[i], chosen[i]);
        last[i] = energy[i];
    }
    for (long i = 0; i < count; i++) index[i] = better[i] ? k : index[i];
    if (!p->chosen) return;
    float *restrict best = p->best + at;
    for (long i = 0; i < count; i++) best[i] = better[i] ? energy[i] : best[i];
}

static void add_row(const Peaks *p, long at, long width, const float *energy, const float *allowed, uint16_t k) {
    float weighed[CHUNK];
    for (long x = 0; x < width; x += CHUNK) {
        const long count = least(CHUNK, width - x);
        if (allowed)
            for (long i = 0; i < count; i++) {
                const float e = energy[x + i];
                weighed[i] = e < 0 ? e : e * allowed[x + i];
            }
        add_chunk(p, at + x, count, energy + x, allowed ? weighed : energy + x, k);
    }
}

static void begin_row(const Peaks *p, long at, long width, const float *energy, const float *allowed) {
    memcpy(p->best + at, energy, sizeof(float) * width);
    memcpy(p->last + at, energy, sizeof(float) * width);
    if (p->chosen)
        for (long i = 0; i < width; i++) p->chosen[at + i] = energy[i] * allowed[i];
}

static void add_scores(const Peaks *p, long row, long width, const float *restrict energy) {
    float *restrict scores = p->scores + row * ((width + 1) / 2);
    for (long i = 0; i < (width + 1) / 2; i++) {
        const float e = energy[2 * i], scored = sqrtf(p->samples * larger(e - 0.5f, p->floor));
        scores[i] += e < 0 ? 0.0f : scored;
    }
}

/* Add plane `k` to rows `top` to `end`; `energy` and `allowed` are (end - top, width). */
EXPORTED void add_to_peaks(const Peaks *p, int64_t top, int64_t end, int64_t width, const float *energy,
                           const float *allowed, int32_t k) {
    for (long y = top; y < end; y++) {
        const long at = y * width, here = (y - top) * width;
        const float *weights = allowed ? allowed + here : 0;
        if (k == 0)
            begin_row(p, at, width, energy + here, weights);
        else
            add_row(p, at, width, energy + here, weights, (uint16_t)k);
        if (y % 2 == 0) add_scores(p, y / 2, width, energy + here);
    }
}
