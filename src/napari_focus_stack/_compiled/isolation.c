/* Pixels that exceed all of their eight neighbours, or that all of these exceed; see `sensor.isolation`. */
#include "rows.h"

/* Pixels that were found: flat indices, and by how much they exceed the neighbour that is nearest in value. */
typedef struct {
    int32_t *places;
    float *excess;
    int64_t count, capacity;
} Found;

static inline void note(Found *found, int64_t place, float excess) {
    if (found->count < found->capacity) {
        found->places[found->count] = (int32_t)place;
        found->excess[found->count] = excess;
    }
    found->count++;
}

/* `least` is the excess from which on pixels are noted. A chunk of a row is searched for any, which
 * is vector code, and those that have some once more, pixel by pixel. Columns and rows beyond the
 * edges are mirrored, which adds no neighbour. */
#define ISOLATED(NAME, TYPE, FLAG)                                                                              \
    typedef struct {                                                                                            \
        TYPE brightest[CHUNK + 2], darkest[CHUNK + 2];           /* of a column of three pixels */              \
        TYPE brighter_end[CHUNK + 2], darker_end[CHUNK + 2];     /* of those above and below alone */           \
    } Columns_##TYPE;                                                                                           \
                                                                                                                \
    static inline TYPE more_##TYPE(TYPE a, TYPE b) { return a > b ? a : b; }                                    \
    static inline TYPE less_##TYPE(TYPE a, TYPE b) { return a < b ? a : b; }                                    \
    static inline TYPE beyond_##TYPE(TYPE a, TYPE b) { return a > b ? (TYPE)(a - b) : 0; }                      \
                                                                                                                \
    static inline TYPE over_##TYPE(const Columns_##TYPE *c, TYPE value, long i) {                               \
        const TYPE beside = more_##TYPE(c->brightest[i], c->brightest[i + 2]);                                  \
        return beyond_##TYPE(value, more_##TYPE(beside, c->brighter_end[i + 1]));                               \
    }                                                                                                           \
    static inline TYPE under_##TYPE(const Columns_##TYPE *c, TYPE value, long i) {                              \
        const TYPE beside = less_##TYPE(c->darkest[i], c->darkest[i + 2]);                                      \
        return beyond_##TYPE(less_##TYPE(beside, c->darker_end[i + 1]), value);                                 \
    }                                                                                                           \
                                                                                                                \
    static void columns_##TYPE(const TYPE *const rows[3], long from, long count, long width,                    \
                               Columns_##TYPE *c) {                                                             \
        const long first = most(from - 1, 0), last = least(from + count, width - 1);                            \
        const TYPE *restrict up = rows[0] + first, *restrict row = rows[1] + first;                             \
        const TYPE *restrict down = rows[2] + first;                                                            \
        const long skipped = first - (from - 1);                                                                \
        for (long i = 0; i <= last - first; i++) {                                                              \
            const TYPE high = more_##TYPE(up[i], down[i]), low = less_##TYPE(up[i], down[i]);                   \
            c->brighter_end[i + skipped] = high;                                                                \
            c->darker_end[i + skipped] = low;                                                                   \
            c->brightest[i + skipped] = more_##TYPE(high, row[i]);                                              \
            c->darkest[i + skipped] = less_##TYPE(low, row[i]);                                                 \
        }                                                                                                       \
        if (from == 0) c->brightest[0] = c->brightest[2], c->darkest[0] = c->darkest[2];                        \
        if (from + count == width)                                                                              \
            c->brightest[count + 1] = c->brightest[count - 1], c->darkest[count + 1] = c->darkest[count - 1];   \
    }                                                                                                           \
                                                                                                                \
    EXPORTED void NAME(const TYPE *light, int64_t height, int64_t width, int64_t stride,                        \
                                  float threshold, Found *bright, Found *dark) {                                \
        const TYPE limit = (TYPE)threshold;                                                                     \
        for (long y = 0; y < height; y++) {                                                                     \
            const TYPE *const rows[3] = {light + reflected(y - 1, height) * stride, light + y * stride,         \
                                         light + reflected(y + 1, height) * stride};                            \
            for (long x = 0; x < width; x += CHUNK) {                                                           \
                const long count = least(CHUNK, width - x);                                                     \
                const TYPE *row = rows[1] + x;                                                                  \
                Columns_##TYPE c;                                                                               \
                columns_##TYPE(rows, x, count, width, &c);                                                      \
                FLAG any = 0; /* as wide as a value, or no vector code is made of it */                         \
                for (long i = 0; i < count; i++)                                                                \
                    any |= (over_##TYPE(&c, row[i], i) > limit) | (under_##TYPE(&c, row[i], i) > limit);        \
                for (long i = 0; any && i < count; i++) {                                                       \
                    const TYPE over = over_##TYPE(&c, row[i], i), under = under_##TYPE(&c, row[i], i);          \
                    if (over > limit) note(bright, y * width + x + i, (float)over);                             \
                    if (under > limit) note(dark, y * width + x + i, (float)under);                             \
                }                                                                                               \
                if (bright->count + dark->count > bright->capacity) return;                                     \
            }                                                                                                   \
        }                                                                                                       \
    }

ISOLATED(isolated_uint8, uint8_t, uint8_t)
ISOLATED(isolated_uint16, uint16_t, uint16_t)
ISOLATED(isolated_float32, float, int32_t)
