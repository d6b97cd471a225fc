/* Motion left between a plane and another one that a transform lays over it.
 *
 * `motion_moments` computes what `_block_sums` and `_without_focus` of `alignment.motion_evidence`
 * compute with NumPy and OpenCV; terms and sources are given there.
 */
#include <math.h>

#include "rows.h"

/* Columns: both gradients, the difference, the Laplacian, the mean of both planes, and 1. */
enum { COLUMNS = 6, PRODUCTS = COLUMNS * (COLUMNS + 1) / 2 };
/* Pixels between samples, samples along a side of a block, and along a part of a row. */
enum { STEP = 2, SIDE = 6, PART = 16 * SIDE };

/* Both planes, where they may be compared, and the difference from which a pixel counts less. */
typedef struct {
    Plane fixed, moved;
    const uint8_t *inside; /* (y, x), not 0 where both may be compared */
    float limit;
} Pair;

/* Mean of both planes along a row from one pixel before `from`, that of the fixed plane elsewhere. */
static void mean_row(const Pair *p, long y, long from, long to, float *restrict mean) {
    const long width = p->fixed.width, left = most(from - 1, 0), right = least(to + 1, width);
    const float *fixed = p->fixed.values + y * p->fixed.stride, *moved = p->moved.values + y * p->moved.stride;
    const uint8_t *inside = p->inside + y * width;
    float *inner = mean + 1 - from;
    for (long x = left; x < right; x++) {
        const float middle = fixed[x] - 0.5f * (fixed[x] - moved[x]);
        inner[x] = inside[x] ? middle : fixed[x];
    }
    if (from == 0) inner[-1] = inner[reflected(-1, width)];
    for (long x = right; x < to + 1; x++) inner[x] = inner[reflected(x, width)];
}

/* Add the weighted products of all columns at every second pixel of a row. */
static void add_row(const Pair *p, long y, long from, long to, float sums[PRODUCTS][PART]) {
    const long width = p->fixed.width, height = p->fixed.height, count = (to - from + 1) / STEP;
    float above[STEP * PART + 3], here[STEP * PART + 3], below[STEP * PART + 3];
    float columns[COLUMNS][PART], weight[PART];
    const float *fixed = p->fixed.values + y * p->fixed.stride + from;
    const float *moved = p->moved.values + y * p->moved.stride + from;
    const uint8_t *inside = p->inside + y * width + from;
    mean_row(p, reflected(y - 1, height), from, to, above);
    mean_row(p, y, from, to, here);
    mean_row(p, reflected(y + 1, height), from, to, below);
    for (long i = 0; i < count; i++) {
        const long x = STEP * i, after = x + 2;
        const float difference = inside[x] ? fixed[x] - moved[x] : 0.0f;
        const float size = difference < 0 ? -difference : difference;
        const float corners = above[x] + above[after] + below[x] + below[after];
        weight[i] = inside[x] ? p->limit / larger(size, p->limit) : 0.0f;
        columns[0][i] = (3 * (above[after] - above[x] + below[after] - below[x]) + 10 * (here[after] - here[x])) / 32;
        columns[1][i] = (3 * (below[x] - above[x] + below[after] - above[after]) + 10 * (below[x + 1] - above[x + 1])) / 32;
        columns[2][i] = difference;
        columns[3][i] = 2 * corners - 8 * here[x + 1];
        columns[4][i] = here[x + 1];
        columns[5][i] = 1.0f;
    }
    for (int a = 0, product = 0; a < COLUMNS; a++) {
        float weighted[PART];
        for (long i = 0; i < count; i++) weighted[i] = weight[i] * columns[a][i];
        for (int b = a; b < COLUMNS; b++, product++)
            for (long i = 0; i < count; i++) sums[product][i] += weighted[i] * columns[b][i];
    }
}

/* Eliminate the last three columns of symmetric sums by their Schur complement. */
static void without_focus(const double sums[COLUMNS][COLUMNS], double *left) {
    double lower[3][3] = {{0}}, half[3][3];
    const double trace = sums[3][3] + sums[4][4] + sums[5][5];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j <= i; j++) {
            double value = sums[3 + i][3 + j];
            if (i == j) value += 1e-3 * value + 1e-9 * trace + 1e-12;
            for (int k = 0; k < j; k++) value -= lower[i][k] * lower[j][k];
            lower[i][j] = i == j ? sqrt(value) : value / lower[j][j];
        }
        for (int c = 0; c < 3; c++) {
            double value = sums[3 + i][c];
            for (int k = 0; k < i; k++) value -= lower[i][k] * half[k][c];
            half[i][c] = value / lower[i][i];
        }
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            left[3 * a + b] = sums[a][b] - half[0][a] * half[0][b] - half[1][a] * half[1][b] - half[2][a] * half[2][b];
}

/* Sum the products over each block; write its moments, (blocks, 3, 3), and its weight. */
EXPORTED void motion_moments(const Pair *p, double *moments, double *pixels) {
    const long width = p->fixed.width, height = p->fixed.height, block = STEP * SIDE;
    const long blocks = (width + block - 1) / block;
    for (long top = 0, row = 0; top < height; top += block, row++) {
        for (long from = 0; from < width; from += STEP * PART) {
            const long to = least(from + STEP * PART, width), samples = (to - from + 1) / STEP;
            float sums[PRODUCTS][PART];
            memset(sums, 0, sizeof(sums));
            for (long y = top; y < least(top + block, height); y += STEP) add_row(p, y, from, to, sums);
            for (long first = 0; first < samples; first += SIDE) {
                const long end = least(first + SIDE, samples), at = row * blocks + from / block + first / SIDE;
                double total[COLUMNS][COLUMNS];
                for (int a = 0, product = 0; a < COLUMNS; a++) {
                    for (int b = a; b < COLUMNS; b++, product++) {
                        double sum = 0;
                        for (long i = first; i < end; i++) sum += sums[product][i];
                        total[a][b] = total[b][a] = sum;
                    }
                }
                without_focus(total, moments + 9 * at);
                pixels[at] = total[COLUMNS - 1][COLUMNS - 1];
            }
        }
    }
}
