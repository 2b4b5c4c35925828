"""Helpers that hand big products, factorisations and solutions to the BLAS and LAPACK of the process.

`call->table` is null, or has the width of the library's integers in bits and then the functions in
the order of `ENTRIES`, of which some may be null (`runtime/blas.py` makes it); the last is no function,
but set in a process in which no threads may be started. Without a library, or
for what is small or has strides that the library does not know, the helpers in plain C do the work:
an exported kernel needs nothing else.
"""

from __future__ import annotations

from . import linalg_text, matmul_text  # noqa: F401  (what is used without a library)
from .prelude import define

__all__ = ["ENTRIES", "WITH_LIBRARY"]

ENTRIES = ("width", "dgemm", "sgemm", "dtrsm", "dgetrf", "dgetrs", "dpotrf", "forked")

#: Helpers of linear algebra that have a form with the library, which takes the table first.
WITH_LIBRARY = {
    name: f"{name}_big"
    for name in (
        "adc_solve", "adc_solve_vector", "adc_inv", "adc_det", "adc_slogdet", "adc_cholesky",
        "adc_solve_lower", "adc_solve_upper",
    )
}  # fmt: skip

# --- what a library takes ---------------------------------------------------------------------------

define("""
/* the width of the library's integers if it has a function and they hold `largest`, else 0 */
static inline int adc_library(void *const *table, int entry, long long largest) {
  const int width = table && table[entry] ? (int)(__SIZE_TYPE__)table[0] : 0;
  return width == 32 && largest > 2147483647 ? 0 : width;
}
""")
define("""
/* how far apart the rows of a matrix stand if each lies side by side, else 0 */
static inline long long adc_leading(long long rows, long long wide, long long far, long long near) {
  if (near != 1 && wide > 1) return 0;
  if (rows == 1) return wide;
  return far >= wide && far > 0 ? far : 0;
}
""")

define("""
/* from so many multiplications on the library is faster */
#define ADC_BIG_PRODUCT 512
""")
define("""
/* the same for factorisations and triangular systems, by the length of the matrix */
#define ADC_BIG_MATRIX 64
""")

# --- matrix products --------------------------------------------------------------------------------

for _entry, _text in ((1, ""), (2, "f")):
    _real = "float" if _text else "double"
    define(f"""
/* c = a b by the library */
static void adc_gemm{_text}(
    void *const *table, int width, int turn_a, int turn_b, long long m, long long n, long long k,
    const {_real} *a, long long lda, const {_real} *b, long long ldb, {_real} *c) {{
  union {{
    void *pointer;
    void (*wide)(int, int, int, long long, long long, long long, {_real}, const {_real} *, long long,
                 const {_real} *, long long, {_real}, {_real} *, long long);
    void (*narrow)(int, int, int, int, int, int, {_real}, const {_real} *, int, const {_real} *, int,
                   {_real}, {_real} *, int);
  }} gemm;
  gemm.pointer = table[{_entry}];
  /* 101: rows first; 111, 112: as it stands, transposed */
  if (width == 64) gemm.wide(101, 111 + turn_a, 111 + turn_b, m, n, k, 1, a, lda, b, ldb, 0, c, n);
  else
    gemm.narrow(101, 111 + turn_a, 111 + turn_b, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
                0, c, (int)n);
}}
""")
    define(f"""
/* c = a b, by the library if it is big */
static void adc_product{_text}(
    void *const *table, long long rows, long long columns, long long inner, const {_real} *a,
    long long a_row, long long a_column, const {_real} *b, long long b_row, long long b_column,
    {_real} *c) {{
  if ((double)rows * (double)columns * (double)inner >= ADC_BIG_PRODUCT) {{
    long long lda = adc_leading(rows, inner, a_row, a_column);
    long long ldb = adc_leading(inner, columns, b_row, b_column);
    const int turn_a = !lda, turn_b = !ldb;
    if (turn_a) lda = adc_leading(inner, rows, a_column, a_row);
    if (turn_b) ldb = adc_leading(columns, inner, b_column, b_row);
    const long long most = rows > columns ? rows : columns, far = lda > ldb ? lda : ldb;
    const int width = adc_library(table, {_entry}, most > far ? most : far);
    if (width && lda && ldb) {{
      adc_gemm{_text}(table, width, turn_a, turn_b, rows, columns, inner, a, lda, b, ldb, c);
      return;
    }}
  }}
  adc_matmul{_text}(rows, columns, inner, a, a_row, a_column, b, b_row, b_column, c);
}}
""")

# --- factorisations ---------------------------------------------------------------------------------

define("""
/* LU with partial pivoting by the library, columns first; row: room for n integers. Its answer: 0, or
   where a zero stands on the diagonal. */
static long long adc_getrf(void *const *table, int width, long long n, double *lu, long long *row) {
  union {
    void *pointer;
    void (*wide)(const long long *, const long long *, double *, const long long *, long long *, long long *);
    void (*narrow)(const int *, const int *, double *, const int *, int *, int *);
  } getrf;
  long long failed = 0;
  int narrow_failed = 0, narrow_n = (int)n;
  getrf.pointer = table[4];
  if (width == 64) getrf.wide(&n, &n, lu, &n, row, &failed);
  else getrf.narrow(&narrow_n, &narrow_n, lu, &narrow_n, (int *)(void *)row, &narrow_failed);
  return failed | narrow_failed;
}
""")
define("""
/* solves with what adc_getrf gave, for k columns, columns first */
static void adc_getrs(
    void *const *table, int width, long long n, long long k, const double *lu, const long long *row,
    double *x) {
  union {
    void *pointer;
    void (*wide)(const char *, const long long *, const long long *, const double *, const long long *,
                 const long long *, double *, const long long *, long long *, __SIZE_TYPE__);
    void (*narrow)(const char *, const int *, const int *, const double *, const int *, const int *,
                   double *, const int *, int *, __SIZE_TYPE__);
  } getrs;
  long long failed = 0;
  int narrow_failed = 0, narrow_n = (int)n, narrow_k = (int)k;
  getrs.pointer = table[5];
  if (width == 64) getrs.wide("N", &n, &k, lu, &n, row, x, &n, &failed, 1);
  else
    getrs.narrow("N", &narrow_n, &narrow_k, lu, &narrow_n, (const int *)(const void *)row, x, &narrow_n,
                 &narrow_failed, 1);
}
""")
define("""
static int adc_solve_big(
    void *const *table, adc_frame *f, long long n, long long k, const double *a, const double *b,
    double *x) {
  const int width = n >= ADC_BIG_MATRIX && table && table[5] ? adc_library(table, 4, n > k ? n : k) : 0;
  if (!width) return adc_solve(f, n, k, a, b, x);
  const adc_mark mark = adc_here(f);
  double *const lu = adc_alloc(f, adc_times(n, n), sizeof(double));
  double *const y = adc_alloc(f, adc_times(n, k), sizeof(double));
  long long *const row = adc_alloc(f, n, sizeof(long long));
  int failed = lu && y && row ? 0 : 2;
  if (!failed && k > 0) {
    adc_turn(n, n, a, lu);
    failed = adc_getrf(table, width, n, lu, row) != 0;
    if (!failed) {
      adc_turn(n, k, b, y);
      adc_getrs(table, width, n, k, lu, row, y);
      adc_turn(k, n, y, x);
    }
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
static int adc_solve_vector_big(
    void *const *table, adc_frame *f, long long n, const double *a, const double *b, double *x) {
  return adc_solve_big(table, f, n, 1, a, b, x);
}
""")
define("""
static int adc_inv_big(void *const *table, adc_frame *f, long long n, const double *a, double *x) {
  if (n < ADC_BIG_MATRIX || !adc_library(table, 4, n)) return adc_inv(f, n, a, x);
  const adc_mark mark = adc_here(f);
  double *const one = adc_alloc(f, adc_times(n, n), sizeof(double));
  int failed = 2;
  if (one) {
    for (long long i = 0; i < n; i++)
      for (long long j = 0; j < n; j++) one[i * n + j] = i == j;
    failed = adc_solve_big(table, f, n, n, a, one, x);
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
/* the diagonal of U, and the sign of the permutation; 2: no memory, -1: not by the library */
static int adc_pivots(
    void *const *table, adc_frame *f, long long n, const double *a, double *diagonal, int *sign) {
  const int width = n >= ADC_BIG_MATRIX ? adc_library(table, 4, n) : 0;
  if (!width) return -1;
  double *const lu = adc_alloc(f, adc_times(n, n), sizeof(double));
  long long *const row = adc_alloc(f, n, sizeof(long long));
  if (!lu || !row) return 2;
  adc_turn(n, n, a, lu);
  adc_getrf(table, width, n, lu, row);
  *sign = 1;
  for (long long i = 0; i < n; i++) {
    diagonal[i] = lu[i * n + i];
    if ((width == 64 ? row[i] : ((int *)(void *)row)[i]) != i + 1) *sign = -*sign;
  }
  return 0;
}
""")
define("""
static int adc_slogdet_big(
    void *const *table, adc_frame *f, long long n, const double *a, double *sign, double *logarithm) {
  const adc_mark mark = adc_here(f);
  int turned, failed = 2;
  double *const d = adc_alloc(f, n, sizeof(double));
  if (d) failed = adc_pivots(table, f, n, a, d, &turned);
  if (!failed) {
    *sign = turned;
    *logarithm = 0;
    for (long long i = 0; i < n; i++) {
      *sign *= d[i] > 0 ? 1 : d[i] < 0 ? -1 : d[i];
      *logarithm += log(fabs(d[i]));
    }
    if (*sign == 0) *logarithm = -__builtin_inf();
  }
  adc_release(f, mark);
  return failed < 0 ? adc_slogdet(f, n, a, sign, logarithm) : failed;
}
""")
define("""
static int adc_det_big(void *const *table, adc_frame *f, long long n, const double *a, double *det) {
  const adc_mark mark = adc_here(f);
  int turned, failed = 2;
  double *const d = adc_alloc(f, n, sizeof(double));
  if (d) failed = adc_pivots(table, f, n, a, d, &turned);
  if (!failed) {
    *det = turned;
    for (long long i = 0; i < n; i++) *det *= d[i];
  }
  adc_release(f, mark);
  return failed < 0 ? adc_det(f, n, a, det) : failed;
}
""")
define("""
static int adc_cholesky_big(void *const *table, adc_frame *f, long long n, const double *a, double *l) {
  const int width = n >= ADC_BIG_MATRIX ? adc_library(table, 6, n) : 0;
  if (!width) return adc_cholesky(f, n, a, l);
  union {
    void *pointer;
    void (*wide)(const char *, const long long *, double *, const long long *, long long *, __SIZE_TYPE__);
    void (*narrow)(const char *, const int *, double *, const int *, int *, __SIZE_TYPE__);
  } potrf;
  long long failed = 0;
  int narrow_failed = 0, narrow_n = (int)n;
  for (long long i = 0; i < n; i++)
    for (long long j = 0; j < n; j++) l[i * n + j] = j > i ? 0 : a[i * n + j];
  potrf.pointer = table[6];
  /* the lower triangle by rows is the upper one by columns */
  if (width == 64) potrf.wide("U", &n, l, &n, &failed, 1);
  else potrf.narrow("U", &narrow_n, l, &narrow_n, &narrow_failed, 1);
  return (failed | narrow_failed) != 0;
}
""")

# --- triangular systems -----------------------------------------------------------------------------

define("""
/* x becomes the solution of a x = x for a triangular, k columns; 0 if the library is not for it */
static int adc_trsm(
    void *const *table, long long n, long long k, const double *a, double *x, int upper) {
  const int width = n >= ADC_BIG_MATRIX && k > 1 ? adc_library(table, 3, n > k ? n : k) : 0;
  if (!width) return 0;
  union {
    void *pointer;
    void (*wide)(int, int, int, int, int, long long, long long, double, const double *, long long,
                 double *, long long);
    void (*narrow)(int, int, int, int, int, int, int, double, const double *, int, double *, int);
  } trsm;
  trsm.pointer = table[3];
  /* 101: rows first; 141: from the left; 121, 122: upper, lower; 111: as it stands; 131: any diagonal */
  if (width == 64) trsm.wide(101, 141, 122 - upper, 111, 131, n, k, 1, a, n, x, k);
  else trsm.narrow(101, 141, 122 - upper, 111, 131, (int)n, (int)k, 1, a, (int)n, x, (int)k);
  return 1;
}
""")
for _name, _upper in (("lower", 0), ("upper", 1)):
    define(f"""
static int adc_solve_{_name}_big(
    void *const *table, adc_frame *f, long long n, long long k, const double *a, const double *b,
    double *x) {{
  (void)f;
  for (long long i = 0; i < n; i++) if (a[i * n + i] == 0) return 1;
  adc_copy(x, b, adc_times(n, k), sizeof(double));
  return adc_trsm(table, n, k, a, x, {_upper}) ? 0 : adc_triangular(n, k, a, x, {_upper}, 0);
}}
""")
