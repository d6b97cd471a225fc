/* Light of a blurred layer of the foreground: what `occlusion.unblurring` adds up layer by layer. */
#include "rows.h"

/* Add a layer behind those before it to `light` (height, width, channels) and `cover` (height, width),
 * whose rows are `stride` pixels apart. `layer` holds the blurred share and light of each of its
 * pixels, (height, width, 1 + channels), `covered` the blurred union of the layers up to it. */
EXPORTED void add_layer(const float *restrict layer, const float *restrict covered, int64_t height, int64_t width,
                        int64_t channels, int64_t stride, float least_weight, float *restrict light,
                        float *restrict cover) {
    for (long y = 0; y < height; y++)
        for (long x = 0; x < width; x++) {
            const float *own = layer + (y * width + x) * (1 + channels);
            const long at = y * stride + x;
            const float gain = smaller(larger(covered[y * width + x] - cover[at], 0.0f), 1.0f);
            if (own[0] <= least_weight) continue;
            for (long c = 0; c < channels; c++) light[at * channels + c] += own[1 + c] * (gain / own[0]);
            cover[at] += gain;
        }
}

/* Limits of the removal of foreground blur: light that planes show, and by how much a background may
 * exceed it; alpha that is not worth removing; transmitted share that is not divided by; least divisor. */
typedef struct {
    float low, high, beyond, least_cover, least_left, least_weight;
} Limits;

/* Divide what is left of each pixel of (size, channels) without the foreground's light by the share that
 * is transmitted, at pixels in `where`. Pixels that show no background are marked in `lost`. */
EXPORTED void remove_blur(const float *restrict plane, const float *restrict light, const float *restrict cover,
                          const uint8_t *restrict where, int64_t size, int64_t channels, const Limits *limits,
                          float *restrict background, uint8_t *restrict lost) {
    const float low = limits->low - limits->beyond, high = limits->high + limits->beyond;
    for (long i = 0; i < size; i++) {
        const float left = 1.0f - cover[i];
        const int covered = where[i] && cover[i] > limits->least_cover;
        const float divisor = larger(left, limits->least_weight);
        lost[i] = where[i] && left <= limits->least_left;
        for (long c = 0; c < channels; c++) {
            const long at = i * channels + c;
            background[at] = plane[at];
            if (!covered) continue;
            const float shown = (plane[at] - light[at]) / divisor;
            lost[i] |= shown < low || shown > high;
            background[at] = smaller(larger(shown, limits->low), limits->high);
        }
    }
}
