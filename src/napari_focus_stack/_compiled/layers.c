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
