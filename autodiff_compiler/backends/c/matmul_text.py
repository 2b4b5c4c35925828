"""Matrix products in plain C, and transposes: helpers of the prelude, for doubles and for floats."""

from __future__ import annotations

from .prelude import define, define_for_floats

define_for_floats("""
typedef REAL adc_vector@ __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));
""")
define("""
/* the sum of products, in sixteen parts */
static inline double adc_dot(long long n, const double *a, const double *b) {
  adc_vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  long long k = 0;
  for (; k + 16 <= n; k += 16) {
    const adc_vector *x = (const adc_vector *)(a + k), *y = (const adc_vector *)(b + k);
    s0 += x[0] * y[0];
    s1 += x[1] * y[1];
    s2 += x[2] * y[2];
    s3 += x[3] * y[3];
  }
  for (; k + 4 <= n; k += 4) s0 += *(const adc_vector *)(a + k) * *(const adc_vector *)(b + k);
  s0 = (s0 + s1) + (s2 + s3);
  double sum = (s0[0] + s0[1]) + (s0[2] + s0[3]);
  for (; k < n; k++) sum += a[k] * b[k];
  return sum;
}
""")
define_for_floats("""
/* c = a b for 4 rows of a, stored column by column, and two vectors of columns of b */
static inline void adc_tile@(long long depth, const REAL *a, const REAL *b, REAL *c) {
  const adc_vector@ *v = (const adc_vector@ *)b;
  adc_vector@ c00 = {0}, c01 = {0}, c10 = {0}, c11 = {0}, c20 = {0}, c21 = {0}, c30 = {0}, c31 = {0};
  for (; depth > 0; depth--, a += 4, v += 2) {
    const adc_vector@ b0 = v[0], b1 = v[1];
    c00 += a[0] * b0; c01 += a[0] * b1;
    c10 += a[1] * b0; c11 += a[1] * b1;
    c20 += a[2] * b0; c21 += a[2] * b1;
    c30 += a[3] * b0; c31 += a[3] * b1;
  }
  adc_vector@ *out = (adc_vector@ *)c;
  out[0] = c00; out[1] = c01; out[2] = c10; out[3] = c11;
  out[4] = c20; out[5] = c21; out[6] = c30; out[7] = c31;
}
""")
define_for_floats("""
/* c = a b; a_row and a_column: how far apart the rows and columns of a stand in memory */
static void adc_matmul@(
    long long rows, long long columns, long long inner, const REAL *a, long long a_row,
    long long a_column, const REAL *b, long long b_row, long long b_column, REAL *c) {
  enum { WIDTH = 64 / sizeof(REAL), DEPTH = 128, COLUMNS = 8 * WIDTH };
  for (long long i = 0; i < rows * columns; i++) c[i] = 0;
  if (rows * columns < 64 || inner < 4) {
    for (long long i = 0; i < rows; i++)
      for (long long k = 0; k < inner; k++)
        for (long long j = 0; j < columns; j++)
          c[i * columns + j] += a[i * a_row + k * a_column] * b[k * b_row + j * b_column];
    return;
  }
  REAL pa[4 * DEPTH], pb[COLUMNS * DEPTH], tile[4 * WIDTH];
  for (long long k0 = 0; k0 < inner; k0 += DEPTH) {
    const long long depth = inner - k0 < DEPTH ? inner - k0 : DEPTH;
    for (long long j0 = 0; j0 < columns; j0 += COLUMNS) {
      const long long wide = columns - j0 < COLUMNS ? columns - j0 : COLUMNS;
      for (long long j = 0; j < wide; j += WIDTH)
        for (long long k = 0; k < depth; k++)
          for (long long w = 0; w < WIDTH; w++)
            pb[j * depth + k * WIDTH + w] =
                j + w < wide ? b[(k0 + k) * b_row + (j0 + j + w) * b_column] : 0;
      for (long long i0 = 0; i0 < rows; i0 += 4) {
        const long long high = rows - i0 < 4 ? rows - i0 : 4;
        for (long long k = 0; k < depth; k++)
          for (long long r = 0; r < 4; r++)
            pa[k * 4 + r] = r < high ? a[(i0 + r) * a_row + (k0 + k) * a_column] : 0;
        for (long long j = 0; j < wide; j += WIDTH) {
          const long long some = wide - j < WIDTH ? wide - j : WIDTH;
          adc_tile@(depth, pa, pb + j * depth, tile);
          for (long long r = 0; r < high; r++)
            for (long long w = 0; w < some; w++)
              c[(i0 + r) * columns + j0 + j + w] += tile[r * WIDTH + w];
        }
      }
    }
  }
}
""")
define_for_floats("""
typedef REAL adc_four@ __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
""")
define_for_floats("""
/* out = x with rows and columns exchanged, 8 rows at a time: lines of memory are written whole */
static void adc_turn@(long long rows, long long columns, const REAL *x, REAL *out) {
  const long long high = rows - rows % 4, wide = columns - columns % 4;
  for (long long i = 0; i < high; i += 8) {
    const long long below = i + 8 < high ? i + 8 : high;
    for (long long j = 0; j < wide; j += 4)
      for (long long k = i; k < below; k += 4) {
        const REAL *a = x + k * columns + j, *b = a + columns, *c = b + columns, *d = c + columns;
        REAL *const to = out + j * rows + k;
        *(adc_four@ *)to = (adc_four@){a[0], b[0], c[0], d[0]};
        *(adc_four@ *)(to + rows) = (adc_four@){a[1], b[1], c[1], d[1]};
        *(adc_four@ *)(to + 2 * rows) = (adc_four@){a[2], b[2], c[2], d[2]};
        *(adc_four@ *)(to + 3 * rows) = (adc_four@){a[3], b[3], c[3], d[3]};
      }
    for (long long j = wide; j < columns; j++)
      for (long long k = i; k < below; k++) out[j * rows + k] = x[k * columns + j];
  }
  for (long long j = 0; j < columns; j++)
    for (long long k = high; k < rows; k++) out[j * rows + k] = x[k * columns + j];
}
""")
