/* Planes as they were recorded, and their rows as one float32 channel. */
#ifndef FOCUSSTACK_RECORDED_H
#define FOCUSSTACK_RECORDED_H

#include "rows.h"

enum Kind { UINT8, UINT16, FLOAT32 };

/* A plane as it was recorded; `weights` mix its channels to the one that is read. */
typedef struct {
    const char *pixels;
    int64_t height, width, row_bytes;
    int32_t kind, channels;
    float weights[4];
} Recorded;

#define MIX(TYPE)                                                                                       \
    static inline void mix_##TYPE(const TYPE *pixels, long channels, const float *weights, long count,  \
                                  float *restrict out) {                                                \
        if (channels == 1) {                                                                            \
            for (long i = 0; i < count; i++) out[i] = (float)pixels[i] * weights[0];                    \
        } else if (channels == 3) {                                                                     \
            for (long i = 0; i < count; i++)                                                            \
                out[i] = (float)pixels[3 * i] * weights[0] + (float)pixels[3 * i + 1] * weights[1] +    \
                         (float)pixels[3 * i + 2] * weights[2];                                         \
        } else if (channels == 4) {                                                                     \
            for (long i = 0; i < count; i++)                                                            \
                out[i] = (float)pixels[4 * i] * weights[0] + (float)pixels[4 * i + 1] * weights[1] +    \
                         (float)pixels[4 * i + 2] * weights[2] + (float)pixels[4 * i + 3] * weights[3]; \
        } else {                                                                                        \
            for (long i = 0; i < count; i++)                                                            \
                out[i] = (float)pixels[2 * i] * weights[0] + (float)pixels[2 * i + 1] * weights[1];     \
        }                                                                                               \
    }
MIX(uint8_t)
MIX(uint16_t)
MIX(float)

/* Write columns `from` to `to` of a row as one float32 channel; beyond the edges, they are repeated. */
static inline void read_row(const Recorded *plane, long y, long from, long to, float *restrict out) {
    const long left = within(from, plane->width), right = within(to - 1, plane->width) + 1;
    const char *row = plane->pixels + within(y, plane->height) * plane->row_bytes;
    /* a row wholly beside the plane repeats the one pixel nearest to it */
    float *inner = out + within(left - from, to - from);
    if (plane->kind == UINT8)
        mix_uint8_t((const uint8_t *)row + left * plane->channels, plane->channels, plane->weights, right - left, inner);
    else if (plane->kind == UINT16)
        mix_uint16_t((const uint16_t *)row + left * plane->channels, plane->channels, plane->weights, right - left, inner);
    else
        mix_float((const float *)row + left * plane->channels, plane->channels, plane->weights, right - left, inner);
    const long first = inner - out, last = first + right - left;
    for (long i = 0; i < first; i++) out[i] = out[first];
    for (long i = last; i < to - from; i++) out[i] = out[last - 1];
}

#endif
