/* Errors of planes as rendered from an image: what `occlusion.model_check` adds up. */
#include <math.h>

#include "rows.h"

typedef struct {
    const int64_t *pixels; /* that are compared: places in flattened maps */
    int64_t count, channels;
    const float *discs;         /* (count,): number of the disc that blurs each of them, with a fraction */
    const float *const *levels; /* the image blurred by each disc */
    const float *light, *cover; /* foreground blur that is added, and that blocks light; null for none */
    float gamma, noise, worst;  /* noise to subtract from a squared error, and the most that counts */
} Rendered;

static float encoded(float light, float gamma) { return gamma == 1.0f ? light : powf(larger(light, 0.0f), 1.0f / gamma); }

/* Add the squared error of a plane, averaged over its channels, to `total` at each compared pixel. */
EXPORTED void add_errors(const Rendered *r, const float *plane, float *restrict total) {
    for (long i = 0; i < r->count; i++) {
        const long below = (long)r->discs[i], at = r->pixels[i] * r->channels;
        const float part = r->discs[i] - (float)below;
        const float *lower = r->levels[below] + at, *upper = r->levels[below + 1] + at;
        float error = 0.0f;
        for (long c = 0; c < r->channels; c++) {
            float seen = lower[c] + part * (upper[c] - lower[c]);
            if (r->cover) seen *= 1.0f - r->cover[r->pixels[i]];
            if (r->light) seen += r->light[at + c];
            const float off = plane[at + c] - encoded(seen, r->gamma);
            error += off * off;
        }
        total[r->pixels[i]] += smaller(error / (float)r->channels - r->noise, r->worst);
    }
}
