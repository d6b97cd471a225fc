/* Masks with a byte for each pixel, 0 or 1: what `imgproc.morphology` computes. */
#include "rows.h"

enum { UNSEEN, SEEN, LARGE }; /* pixels of a group that is known to be large make it so at a touch */

typedef struct {
    uint8_t *mask, *seen; /* (height, width); `seen` is 0 at first */
    int64_t height, width, smallest;
    int64_t *places; /* (smallest,) */
} Regions;

/* Collect pixels of the group around one until it is known to be large; return how many. */
static long collect(const Regions *r, long start, int *large) {
    long found = 1;
    r->places[0] = start;
    r->seen[start] = SEEN;
    *large = r->smallest <= 1;
    for (long next = 0; next < found && !*large; next++) {
        const long y = r->places[next] / r->width, x = r->places[next] % r->width;
        for (long v = most(y - 1, 0); v <= least(y + 1, r->height - 1); v++)
            for (long u = most(x - 1, 0); u <= least(x + 1, r->width - 1); u++) {
                const long at = v * r->width + u;
                if (!r->mask[at] || r->seen[at] == SEEN || *large) continue;
                if (r->seen[at] == UNSEEN) {
                    r->seen[at] = SEEN;
                    r->places[found++] = at;
                }
                *large = r->seen[at] == LARGE || found == r->smallest;
            }
    }
    return found;
}

/* Erase groups of fewer than `smallest` pixels that touch at their sides or corners. */
EXPORTED void erase_small_regions(const Regions *r) {
    const long size = r->height * r->width;
    for (long at = 0; at < size; at++) {
        uint64_t next;
        while (at + 8 <= size && (memcpy(&next, r->mask + at, 8), next == 0)) at += 8;
        if (at == size || !r->mask[at] || r->seen[at]) continue;
        int large;
        const long found = collect(r, at, &large);
        for (long i = 0; i < found; i++) {
            if (large)
                r->seen[r->places[i]] = LARGE;
            else
                r->mask[r->places[i]] = 0;
        }
    }
}

/* Mark what lies within `radius` pixels, 254 at most, of a mask. `widths` has for each distance of
 * rows up to `radius` + 1 how many columns on either side are marked, -1 for none; `row` holds a row. */
EXPORTED void dilate_mask(const uint8_t *mask, int64_t height, int64_t width, int32_t radius, const int32_t *widths,
                          uint8_t *restrict out, uint8_t *restrict row) {
    const uint8_t far = (uint8_t)(radius + 1);
    memset(row, far, width);
    for (long y = 0; y < height; y++)
        for (long x = 0; x < width; x++) {
            const uint8_t apart = row[x] < far ? row[x] + 1 : far;
            out[y * width + x] = row[x] = mask[y * width + x] ? 0 : apart;
        }
    memset(row, far, width);
    for (long y = height - 1; y >= 0; y--) {
        uint8_t *restrict here = out + y * width;
        int any = 0;
        for (long x = 0; x < width; x++) {
            const uint8_t apart = row[x] < far ? row[x] + 1 : far;
            here[x] = row[x] = here[x] < apart ? here[x] : apart;
            any |= here[x] < far;
        }
        if (!any) {
            memset(here, 0, width);
            continue;
        }
        long reached = width; /* from the right */
        for (long x = width - 1; x >= 0; x--) {
            const int32_t beside = widths[row[x]];
            if (beside >= 0) reached = least(reached, x - beside);
            here[x] = x >= reached;
        }
        reached = -1;
        for (long x = 0; x < width; x++) {
            const int32_t beside = widths[row[x]];
            if (beside >= 0) reached = most(reached, x + beside);
            here[x] |= x <= reached;
        }
    }
}
