/* Selection of one plane for each pixel: what `imgproc.selection` computes. */
#include <math.h>

#include "rows.h"

/* Take each pixel of (size, channels) from the plane nearest to its depth. */
EXPORTED void pick_plane(const float *const *planes, int64_t count, const float *depth, int64_t size, int64_t channels,
                         float *restrict out) {
    for (long i = 0; i < size; i++) {
        const long k = (long)rintf(larger(0.0f, smaller(depth[i], (float)(count - 1))));
        for (long c = 0; c < channels; c++) out[i * channels + c] = planes[k][i * channels + c];
    }
}
