/* Pixels of a plane that exceed all their neighbours, or fall short of them; see `sensor.isolation`. */
#include "rows.h"

/* Columns of a row that are compared at a time, and those that are searched if any differs enough. */
enum { PART = 512, FEW = 32 };

/* A plane of 8 or 16 bits and the least difference from all neighbours that is wanted. */
typedef struct {
    const void *values; /* (y, x), rows adjacent */
    int64_t height, width;
    int32_t bytes, step;
} Search;

/* Load columns `from` - 1 to `to` of a row; those beyond the edges keep their value. */
static void load(const Search *s, long y, long from, long to, uint16_t *restrict row) {
    const long first = most(from - 1, 0), count = least(to + 1, s->width) - first;
    uint16_t *inner = row + first + 1 - from;
    if (s->bytes == 1) {
        const uint8_t *values = (const uint8_t *)s->values + y * s->width + first;
        for (long i = 0; i < count; i++) inner[i] = values[i];
    } else {
        memcpy(inner, (const uint16_t *)s->values + y * s->width + first, sizeof(uint16_t) * count);
    }
}

static inline uint16_t higher(uint16_t a, uint16_t b) { return a > b ? a : b; }
static inline uint16_t lower(uint16_t a, uint16_t b) { return a < b ? a : b; }

/* Write how far each pixel is above all neighbours, and below. */
static void compare(const Search *s, long y, long from, long to, uint16_t *restrict above, uint16_t *restrict below) {
    /* the row itself is its own neighbour beyond the first and last one, but not at the pixel */
    const long before = y > 0 ? y - 1 : y + 1, after = y + 1 < s->height ? y + 1 : y - 1, count = to - from;
    uint16_t rows[3][PART + 2], highest[PART + 2], lowest[PART + 2];
    load(s, before, from, to, rows[0]);
    load(s, y, from, to, rows[1]);
    load(s, after, from, to, rows[2]);
    for (long i = 0; i < count + 2; i++) {
        highest[i] = higher(higher(rows[0][i], rows[1][i]), rows[2][i]);
        lowest[i] = lower(lower(rows[0][i], rows[1][i]), rows[2][i]);
    }
    if (from == 0) highest[0] = 0, lowest[0] = UINT16_MAX;
    if (to == s->width) highest[count + 1] = 0, lowest[count + 1] = UINT16_MAX;
    for (long i = 0; i < count; i++) {
        const uint16_t here = rows[1][i + 1];
        const uint16_t high = higher(higher(highest[i], highest[i + 2]), higher(rows[0][i + 1], rows[2][i + 1]));
        const uint16_t low = lower(lower(lowest[i], lowest[i + 2]), lower(rows[0][i + 1], rows[2][i + 1]));
        above[i] = higher(here, high) - high;
        below[i] = low - lower(here, low);
    }
}

static uint16_t largest(const uint16_t *values, long count) {
    uint16_t found = 0;
    for (long i = 0; i < count; i++) found = higher(found, values[i]);
    return found;
}

/* Write the indices of isolated pixels and their difference, negative if they are darker; return
 * their number, or -1 if there are more than `room`. */
EXPORTED int64_t isolated(const Search *s, int64_t room, int32_t *places, int32_t *differences) {
    int64_t found = 0;
    for (long y = 0; y < s->height; y++) {
        for (long from = 0; from < s->width; from += PART) {
            uint16_t above[PART], below[PART];
            const long to = least(from + PART, s->width);
            compare(s, y, from, to, above, below);
            for (long first = 0; first < to - from; first += FEW) {
                const long count = least(FEW, to - from - first);
                if (higher(largest(above + first, count), largest(below + first, count)) < s->step) continue;
                for (long i = first; i < first + count; i++) {
                    if (above[i] < s->step && below[i] < s->step) continue;
                    if (found == room) return -1;
                    places[found] = (int32_t)(y * s->width + from + i);
                    differences[found++] = (int32_t)above[i] - below[i];
                }
            }
        }
    }
    return found;
}
