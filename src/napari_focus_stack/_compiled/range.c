/* Range of the values that planes recorded at each pixel; see `fusion.recorded_range`. */
#include "rows.h"

#define EXTEND(NAME, TYPE, CONVERTED)                                                                 \
    EXPORTED void NAME(TYPE *lowest, TYPE *highest, int64_t stride, const float *bright, int64_t apart, \
                       int64_t height, int64_t width, float scale) {                                  \
        for (int64_t y = 0; y < height; y++) {                                                        \
            TYPE *restrict low = lowest + y * stride, *restrict high = highest + y * stride;          \
            const float *restrict row = bright + y * apart;                                           \
            for (int64_t x = 0; x < width; x++) {                                                     \
                const TYPE value = CONVERTED;                                                         \
                low[x] = value < low[x] ? value : low[x];                                             \
                high[x] = value > high[x] ? value : high[x];                                          \
            }                                                                                         \
        }                                                                                             \
    }

EXTEND(extend_range_uint8, uint8_t, (uint8_t)(int32_t)(smaller(larger(row[x] * scale, 0.0f), 255.0f) + 0.5f))
EXTEND(extend_range_uint16, uint16_t, (uint16_t)(int32_t)(smaller(larger(row[x] * scale, 0.0f), 65535.0f) + 0.5f))
EXTEND(extend_range_float32, float, row[x] * scale)
