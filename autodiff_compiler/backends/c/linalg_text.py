"""Linear algebra in plain C: helpers of the prelude, each for one matrix of doubles, rows first.

They give 0; 1 where NumPy raises LinAlgError; 2 if there is no memory. No operand is changed.
"""

from __future__ import annotations

from .prelude import define

# --- LU with partial pivoting -----------------------------------------------------------------------

define("""
/* a becomes L (unit diagonal) and U, row[i] the row that came to stand at i; gives the sign of the
   permutation. A column of zeros leaves a zero on the diagonal. */
static int adc_lu(long long n, double *a, long long *row) {
  int sign = 1;
  for (long long i = 0; i < n; i++) row[i] = i;
  for (long long k = 0; k < n; k++) {
    long long best = k;
    for (long long i = k + 1; i < n; i++)
      if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
    if (best != k) {
      const long long held = row[k];
      row[k] = row[best];
      row[best] = held;
      sign = -sign;
      for (long long j = 0; j < n; j++) {
        const double t = a[k * n + j];
        a[k * n + j] = a[best * n + j];
        a[best * n + j] = t;
      }
    }
    if (a[k * n + k] == 0) continue;
    for (long long i = k + 1; i < n; i++) {
      const double *const from = a + k * n;
      double *const to = a + i * n;
      const double factor = to[k] / from[k];
      to[k] = factor;
#pragma omp simd
      for (long long j = k + 1; j < n; j++) to[j] -= factor * from[j];
    }
  }
  return sign;
}
""")
define("""
/* x becomes the solution of a x = x for a triangular, k columns; unit: ones are on the diagonal */
static int adc_triangular(
    long long n, long long k, const double *a, double *x, int upper, int unit) {
  for (long long s = 0; s < n; s++) {
    const long long i = upper ? n - 1 - s : s;
    const double *const from = a + i * n;
    const long long first = upper ? i + 1 : 0, last = upper ? n : i;
    if (!unit && from[i] == 0) return 1;
    if (k == 1) {
      double sum = 0;
#pragma omp simd reduction(+:sum)
      for (long long j = first; j < last; j++) sum += from[j] * x[j];
      x[i] -= sum;
    } else {
      double *const to = x + i * k;
      for (long long j = first; j < last; j++) {
        const double factor = from[j];
        const double *const other = x + j * k;
#pragma omp simd
        for (long long c = 0; c < k; c++) to[c] -= factor * other[c];
      }
    }
    if (!unit) for (long long c = 0; c < k; c++) x[i * k + c] /= from[i];
  }
  return 0;
}
""")
define("""
static int adc_solve(
    adc_frame *f, long long n, long long k, const double *a, const double *b, double *x) {
  const adc_mark mark = adc_here(f);
  double *const lu = adc_alloc(f, adc_times(n, n), sizeof(double));
  long long *const row = adc_alloc(f, n, sizeof(long long));
  int failed = 2;
  if (lu && row) {
    adc_copy(lu, a, n * n, sizeof(double));
    adc_lu(n, lu, row);
    for (long long i = 0; i < n; i++) adc_copy(x + i * k, b + row[i] * k, k, sizeof(double));
    failed = 0;
    for (long long i = 0; i < n; i++) failed |= lu[i * n + i] == 0;
    if (!failed) {
      adc_triangular(n, k, lu, x, 0, 1);
      adc_triangular(n, k, lu, x, 1, 0);
    }
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
static int adc_solve_vector(adc_frame *f, long long n, const double *a, const double *b, double *x) {
  return adc_solve(f, n, 1, a, b, x);
}
""")
define("""
static int adc_inv(adc_frame *f, long long n, const double *a, double *x) {
  const adc_mark mark = adc_here(f);
  double *const one = adc_alloc(f, adc_times(n, n), sizeof(double));
  int failed = 2;
  if (one) {
    for (long long i = 0; i < n; i++)
      for (long long j = 0; j < n; j++) one[i * n + j] = i == j;
    failed = adc_solve(f, n, n, a, one, x);
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
static int adc_slogdet(adc_frame *f, long long n, const double *a, double *sign, double *logarithm) {
  const adc_mark mark = adc_here(f);
  double *const lu = adc_alloc(f, adc_times(n, n), sizeof(double));
  long long *const row = adc_alloc(f, n, sizeof(long long));
  const int failed = lu && row ? 0 : 2;
  if (!failed) {
    adc_copy(lu, a, n * n, sizeof(double));
    *sign = adc_lu(n, lu, row);
    *logarithm = 0;
    for (long long i = 0; i < n; i++) {
      const double d = lu[i * n + i];
      *sign *= d > 0 ? 1 : d < 0 ? -1 : d;
      *logarithm += log(fabs(d));
    }
    if (*sign == 0) *logarithm = -__builtin_inf();
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
static int adc_det(adc_frame *f, long long n, const double *a, double *det) {
  const adc_mark mark = adc_here(f);
  double *const lu = adc_alloc(f, adc_times(n, n), sizeof(double));
  long long *const row = adc_alloc(f, n, sizeof(long long));
  const int failed = lu && row ? 0 : 2;
  if (!failed) {
    adc_copy(lu, a, n * n, sizeof(double));
    *det = adc_lu(n, lu, row);
    for (long long i = 0; i < n; i++) *det *= lu[i * n + i];
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
static int adc_solve_lower(
    adc_frame *f, long long n, long long k, const double *a, const double *b, double *x) {
  (void)f;
  adc_copy(x, b, n * k, sizeof(double));
  return adc_triangular(n, k, a, x, 0, 0);
}
""")
define("""
static int adc_solve_upper(
    adc_frame *f, long long n, long long k, const double *a, const double *b, double *x) {
  (void)f;
  adc_copy(x, b, n * k, sizeof(double));
  return adc_triangular(n, k, a, x, 1, 0);
}
""")

# --- factorisations ---------------------------------------------------------------------------------

define("""
/* the lower factor; only the lower triangle of a is read */
static int adc_cholesky(adc_frame *f, long long n, const double *a, double *l) {
  (void)f;
  for (long long i = 0; i < n; i++) {
    for (long long j = 0; j <= i; j++) {
      const double *const p = l + i * n, *const q = l + j * n;
      double sum = 0;
#pragma omp simd reduction(+:sum)
      for (long long k = 0; k < j; k++) sum += p[k] * q[k];
      sum = a[i * n + j] - sum;
      if (j < i) l[i * n + j] = sum / l[j * n + j];
      else if (sum <= 0) return 1;
      else l[i * n + i] = sqrt(sum);
    }
    for (long long j = i + 1; j < n; j++) l[i * n + j] = 0;
  }
  return 0;
}
""")
define("""
/* Householder's reflections, m >= n, signs as LAPACK has them. 1: a sign hangs on rounding. */
static int adc_qr_signed(
    adc_frame *f, long long m, long long n, const double *a, double *q, double *r) {
  const adc_mark mark = adc_here(f);
  /* a, its columns as rows; the reflections' vectors take the place of what they clear */
  double *const w = adc_alloc(f, adc_times(m, n), sizeof(double));
  double *const tau = adc_alloc(f, n, sizeof(double));
  double *const t = adc_alloc(f, adc_times(m, n), sizeof(double));
  int failed = w && tau && t ? 0 : 2;
  if (!failed) {
    for (long long i = 0; i < m; i++)
      for (long long j = 0; j < n; j++) w[j * m + i] = a[i * n + j];
    for (long long j = 0; j < n; j++) {
      double *const v = w + j * m;
      double largest = 0, sum = 0;
      for (long long i = j + 1; i < m; i++) if (fabs(v[i]) > largest) largest = fabs(v[i]);
      if (largest > 0)
        for (long long i = j + 1; i < m; i++) sum += (v[i] / largest) * (v[i] / largest);
      const double below = largest * sqrt(sum), norm = hypot(v[j], below);
      if (j > 0 && below > 0 && fabs(v[j]) <= 1e-13 * norm) failed = 1;
      tau[j] = 0;
      if (below > 0) {
        const double beta = v[j] < 0 || (v[j] == 0 && 1 / v[j] < 0) ? norm : -norm;
        tau[j] = (beta - v[j]) / beta;
        for (long long i = j + 1; i < m; i++) v[i] /= v[j] - beta;
        v[j] = beta;
      }
      for (long long c = j + 1; c < n; c++) {
        double *const x = w + c * m;
        double dot = x[j];
#pragma omp simd reduction(+:dot)
        for (long long i = j + 1; i < m; i++) dot += v[i] * x[i];
        dot *= tau[j];
        x[j] -= dot;
#pragma omp simd
        for (long long i = j + 1; i < m; i++) x[i] -= dot * v[i];
      }
    }
    for (long long i = 0; i < n; i++)
      for (long long j = 0; j < n; j++) r[i * n + j] = j < i ? 0 : w[j * m + i];
    for (long long c = 0; c < n; c++) {
      double *const x = t + c * m;
      for (long long i = 0; i < m; i++) x[i] = i == c;
      for (long long j = c; j >= 0; j--) {
        const double *const v = w + j * m;
        double dot = x[j];
#pragma omp simd reduction(+:dot)
        for (long long i = j + 1; i < m; i++) dot += v[i] * x[i];
        dot *= tau[j];
        x[j] -= dot;
#pragma omp simd
        for (long long i = j + 1; i < m; i++) x[i] -= dot * v[i];
      }
      for (long long i = 0; i < m; i++) q[i * n + c] = x[i];
    }
  }
  adc_release(f, mark);
  return failed;
}
""")

define("""
static int adc_qr(
    adc_frame *f, long long m, long long n, const double *a, double *q, double *r) {
  return adc_qr_signed(f, m, n, a, q, r) & 2;
}
""")

# --- spectra ------------------------------------------------------------------------------------------

define("""
static int adc_finite(long long count, const double *a) {
  double sum = 0;
  for (long long i = 0; i < count; i++) sum += a[i] - a[i];
  return sum == 0;
}
""")
define("""
/* turns two rows by an angle */
static inline void adc_rotate(long long n, double *restrict p, double *restrict q, double c, double s) {
#pragma omp simd
  for (long long i = 0; i < n; i++) {
    const double x = p[i], y = q[i];
    p[i] = c * x - s * y;
    q[i] = s * x + c * y;
  }
}
""")
define("""
/* the places of numbers in ascending (descending) order */
static void adc_order(long long n, const double *x, long long *place, int down) {
  for (long long i = 0; i < n; i++) {
    long long k = i;
    for (; k > 0 && (down ? x[place[k - 1]] < x[i] : x[place[k - 1]] > x[i]); k--)
      place[k] = place[k - 1];
    place[k] = i;
  }
}
""")
define("""
/* A symmetric matrix becomes tridiagonal by reflections (after Householder): d the diagonal, e beside
   it, and the rows of z, unless that is null, turn along. v and w: room for n numbers each. */
static void adc_tridiagonal(
    long long n, double *b, double *d, double *e, double *z, double *v, double *w) {
  for (long long k = 0; k + 1 < n; k++) {
    const long long m = n - k - 1;
    double *const c = b + (k + 1) * n + k + 1;  /* what is left, m by m */
    double sum = 0;
    for (long long i = 0; i < m; i++) v[i] = b[(k + 1 + i) * n + k];
    for (long long i = 1; i < m; i++) sum += v[i] * v[i];
    d[k] = b[k * n + k];
    e[k] = v[0];
    if (sum == 0) continue;
    const double norm = sqrt(v[0] * v[0] + sum);
    e[k] = v[0] > 0 ? -norm : norm;
    v[0] -= e[k];
    const double tau = 2 / (v[0] * v[0] + sum);
    double along = 0;
    for (long long i = 0; i < m; i++) {
      double dot = 0;
#pragma omp simd reduction(+:dot)
      for (long long j = 0; j < m; j++) dot += c[i * n + j] * v[j];
      w[i] = tau * dot;
      along += w[i] * v[i];
    }
    for (long long i = 0; i < m; i++) w[i] -= tau / 2 * along * v[i];
    for (long long i = 0; i < m; i++) {
      const double x = v[i], y = w[i];
#pragma omp simd
      for (long long j = 0; j < m; j++) c[i * n + j] -= x * w[j] + y * v[j];
    }
    if (!z) continue;
    for (long long j = 0; j < n; j++) w[j] = 0;
    for (long long i = 0; i < m; i++) {
      const double x = v[i], *const row = z + (k + 1 + i) * n;
#pragma omp simd
      for (long long j = 0; j < n; j++) w[j] += x * row[j];
    }
    for (long long i = 0; i < m; i++) {
      const double x = tau * v[i];
      double *const row = z + (k + 1 + i) * n;
#pragma omp simd
      for (long long j = 0; j < n; j++) row[j] -= x * w[j];
    }
  }
  if (n > 0) d[n - 1] = b[n * n - 1];
}
""")
define("""
/* The QR algorithm with Wilkinson's shifts: d becomes the eigenvalues of a tridiagonal matrix, and the
   rows of z turn along. Nonzero if it does not converge. */
static int adc_tridiagonal_qr(long long n, double *d, double *e, double *z) {
  long long high = n - 1, steps = 0;
  while (high > 0) {
    long long low = high;
    for (; low > 0; low--) {
      if (fabs(e[low - 1]) <= 1.2e-16 * (fabs(d[low - 1]) + fabs(d[low])) + 1e-18) {
        e[low - 1] = 0;
        break;
      }
    }
    if (low == high) {
      high--;
      continue;
    }
    if (steps++ > 60 * n) return 1;
    const double half = (d[high - 1] - d[high]) / 2, last = e[high - 1];
    const double root = hypot(half, last);
    const double shift = d[high] - last * (last / (half + (half < 0 ? -root : root)));
    double x = d[low] - shift, y = e[low];
    for (long long k = low; k < high; k++) {
      const double r = hypot(x, y), c = r > 0 ? x / r : 1, s = r > 0 ? y / r : 0;
      const double d0 = d[k], d1 = d[k + 1], off = e[k];
      if (k > low) e[k - 1] = r;
      d[k] = c * (c * d0 + s * off) + s * (c * off + s * d1);
      d[k + 1] = s * (s * d0 - c * off) + c * (c * d1 - s * off);
      e[k] = (c - s) * (c + s) * off + c * s * (d1 - d0);
      if (k + 1 < high) {
        x = e[k];
        y = s * e[k + 1];
        e[k + 1] *= c;
      }
      if (z) adc_rotate(n, z + k * n, z + (k + 1) * n, c, -s);
    }
  }
  return 0;
}
""")
define("""
/* Eigenvalues, ascending, and eigenvectors (columns; none if v is null) of a symmetric matrix of which
   the lower triangle is read. */
static int adc_eigh(adc_frame *f, long long n, const double *a, double *w, double *v) {
  const adc_mark mark = adc_here(f);
  double *const b = adc_alloc(f, adc_times(n, n), sizeof(double));
  double *const z = adc_alloc(f, v ? adc_times(n, n) : 0, sizeof(double));
  double *const d = adc_alloc(f, adc_times(4, n), sizeof(double));
  long long *const place = adc_alloc(f, n, sizeof(long long));
  int failed = b && z && d && place ? 0 : 2;
  double scale = 0;
  for (long long i = 0; !failed && i < n; i++) failed = !adc_finite(i + 1, a + i * n);
  if (!failed) {
    for (long long i = 0; i < n; i++)
      for (long long j = 0; j <= i; j++)
        if (fabs(a[i * n + j]) > scale) scale = fabs(a[i * n + j]);
    if (scale == 0) scale = 1;
    for (long long i = 0; i < n; i++)
      for (long long j = 0; j <= i; j++) b[i * n + j] = b[j * n + i] = a[i * n + j] / scale;
    for (long long i = 0; v && i < n; i++)
      for (long long j = 0; j < n; j++) z[i * n + j] = i == j;
    adc_tridiagonal(n, b, d, d + n, v ? z : 0, d + 2 * n, d + 3 * n);
    failed = adc_tridiagonal_qr(n, d, d + n, v ? z : 0);
    adc_order(n, d, place, 0);
    for (long long j = 0; j < n; j++) {
      w[j] = d[place[j]] * scale;
      for (long long i = 0; v && i < n; i++) v[i * n + j] = z[place[j] * n + i];
    }
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
static int adc_eigvalsh(adc_frame *f, long long n, const double *a, double *w) {
  return adc_eigh(f, n, a, w, 0);
}
""")
define("""
/* Makes the rows of x (n of length m) orthogonal by turning pairs of them; y (n by n) turns along. */
static void adc_orthogonal(long long m, long long n, double *x, double *y) {
  for (int sweep = 0, turned = 1; turned && sweep < 60; sweep++) {
    turned = 0;
    for (long long p = 0; p < n - 1; p++)
      for (long long q = p + 1; q < n; q++) {
        const double *const a = x + p * m, *const b = x + q * m;
        double aa = 0, ab = 0, bb = 0;
#pragma omp simd reduction(+:aa, ab, bb)
        for (long long i = 0; i < m; i++) {
          aa += a[i] * a[i];
          ab += a[i] * b[i];
          bb += b[i] * b[i];
        }
        if (fabs(ab) <= 2e-16 * sqrt(aa) * sqrt(bb) || ab == 0) continue;
        const double theta = (bb - aa) / (2 * ab);
        const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1));
        const double c = 1 / sqrt(t * t + 1), s = t * c;
        if (fabs(s) > 1e-16) turned = 1;
        adc_rotate(m, x + p * m, x + q * m, c, s);
        if (y) adc_rotate(n, y + p * n, y + q * n, c, s);
      }
  }
}
""")
define("""
/* The reduced factors; without vectors if u is null. Of a zero singular value one vector is zero. */
static int adc_svd(
    adc_frame *f, long long m, long long n, long long k, const double *a, double *u, double *s,
    double *vh) {
  const adc_mark mark = adc_here(f);
  const long long longer = m < n ? n : m;
  double *const x = adc_alloc(f, adc_times(m, n), sizeof(double));
  double *const y = adc_alloc(f, u ? adc_times(k, k) : 0, sizeof(double));
  double *const d = adc_alloc(f, k, sizeof(double));
  long long *const place = adc_alloc(f, k, sizeof(long long));
  int failed = x && y && d && place ? !adc_finite(m * n, a) : 2;
  double scale = 0;
  if (!failed) {
    for (long long i = 0; i < m * n; i++) if (fabs(a[i]) > scale) scale = fabs(a[i]);
    if (scale == 0) scale = 1;
    /* rows: the columns of a tall matrix, the rows of a wide one; of ordinary size */
    for (long long i = 0; i < m; i++)
      for (long long j = 0; j < n; j++) x[m < n ? i * n + j : j * m + i] = a[i * n + j] / scale;
    for (long long i = 0; u && i < k; i++)
      for (long long j = 0; j < k; j++) y[i * k + j] = i == j;
    adc_orthogonal(longer, k, x, u ? y : 0);
    for (long long j = 0; j < k; j++) {
      double sum = 0;
      for (long long i = 0; i < longer; i++) sum += x[j * longer + i] * x[j * longer + i];
      d[j] = sqrt(sum);
    }
    adc_order(k, d, place, 1);
    for (long long j = 0; j < k; j++) {
      const double size = d[place[j]], *const one = x + place[j] * longer, *const two = y + place[j] * k;
      s[j] = size * scale;
      for (long long i = 0; u && i < longer; i++) {
        const double e = size > 0 ? one[i] / size : 0;
        if (m < n) vh[j * n + i] = e;
        else u[i * k + j] = e;
      }
      for (long long i = 0; u && i < k; i++) {
        if (m < n) u[i * k + j] = two[i];
        else vh[j * n + i] = two[i];
      }
    }
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
/* A matrix of m >= n becomes upper bidiagonal by reflections from both sides: the entries of its
   diagonal and of the one above, in turn, go to t. v: room for m numbers, w for n. */
static void adc_bidiagonal(
    long long m, long long n, double *x, double *t, double *v, double *w) {
  for (long long k = 0; k < n; k++) {
    double sum = 0, norm;
    for (long long i = k; i < m; i++) v[i] = x[i * n + k];
    for (long long i = k + 1; i < m; i++) sum += v[i] * v[i];
    t[2 * k] = v[k];
    if (sum > 0) {
      norm = sqrt(v[k] * v[k] + sum);
      t[2 * k] = v[k] > 0 ? -norm : norm;
      v[k] -= t[2 * k];
      const double tau = 2 / (v[k] * v[k] + sum);
      for (long long j = k + 1; j < n; j++) w[j] = 0;
      for (long long i = k; i < m; i++)
#pragma omp simd
        for (long long j = k + 1; j < n; j++) w[j] += v[i] * x[i * n + j];
      for (long long i = k; i < m; i++)
#pragma omp simd
        for (long long j = k + 1; j < n; j++) x[i * n + j] -= tau * v[i] * w[j];
    }
    if (k + 1 == n) break;
    sum = 0;
    for (long long j = k + 1; j < n; j++) w[j] = x[k * n + j];
    for (long long j = k + 2; j < n; j++) sum += w[j] * w[j];
    t[2 * k + 1] = w[k + 1];
    if (sum == 0) continue;
    norm = sqrt(w[k + 1] * w[k + 1] + sum);
    t[2 * k + 1] = w[k + 1] > 0 ? -norm : norm;
    w[k + 1] -= t[2 * k + 1];
    const double tau = 2 / (w[k + 1] * w[k + 1] + sum);
    for (long long i = k + 1; i < m; i++) {
      double dot = 0;
#pragma omp simd reduction(+:dot)
      for (long long j = k + 1; j < n; j++) dot += x[i * n + j] * w[j];
      dot *= tau;
#pragma omp simd
      for (long long j = k + 1; j < n; j++) x[i * n + j] -= dot * w[j];
    }
  }
}
""")
define("""
/* Singular values, descending: those of a bidiagonal matrix B are the upper half of the eigenvalues of
   the symmetric matrix with B and its transpose off the diagonal, which an order of the rows makes
   tridiagonal (after Golub and Kahan). */
static int adc_svdvals(
    adc_frame *f, long long m, long long n, long long k, const double *a, double *s) {
  const adc_mark mark = adc_here(f);
  const long long longer = m < n ? n : m;
  double *const x = adc_alloc(f, adc_times(m, n), sizeof(double));
  double *const t = adc_alloc(f, adc_times(4, k), sizeof(double));
  double *const v = adc_alloc(f, adc_times(2, longer), sizeof(double));
  long long *const place = adc_alloc(f, adc_times(2, k), sizeof(long long));
  int failed = x && t && v && place ? !adc_finite(m * n, a) : 2;
  double scale = 0;
  if (!failed) {
    for (long long i = 0; i < m * n; i++) if (fabs(a[i]) > scale) scale = fabs(a[i]);
    if (scale == 0) scale = 1;
    for (long long i = 0; i < m; i++)
      for (long long j = 0; j < n; j++) x[m < n ? j * m + i : i * n + j] = a[i * n + j] / scale;
    for (long long i = 0; i < 4 * k; i++) t[i] = 0;
    adc_bidiagonal(longer, k, x, t + 2 * k, v, v + longer);
    failed = adc_tridiagonal_qr(2 * k, t, t + 2 * k, 0);
    adc_order(2 * k, t, place, 1);
    for (long long j = 0; j < k; j++) s[j] = fabs(t[place[j]]) * scale;
  }
  adc_release(f, mark);
  return failed;
}
""")
define("""
/* the pseudoinverse; singular values below 1e-15 of the largest count as zero */
static int adc_pinv(adc_frame *f, long long m, long long n, const double *a, double *p) {
  const adc_mark mark = adc_here(f);
  const long long k = m < n ? m : n;
  double *const u = adc_alloc(f, adc_times(m, k), sizeof(double));
  double *const s = adc_alloc(f, k, sizeof(double));
  double *const vh = adc_alloc(f, adc_times(k, n), sizeof(double));
  int failed = u && s && vh ? adc_svd(f, m, n, k, a, u, s, vh) : 2;
  if (!failed) {
    for (long long i = 0; i < n * m; i++) p[i] = 0;
    for (long long c = 0; c < k; c++) {
      if (!(s[c] > 1e-15 * s[0])) continue;
      for (long long i = 0; i < n; i++)
        for (long long j = 0; j < m; j++) p[i * m + j] += vh[c * n + i] / s[c] * u[j * k + c];
    }
  }
  adc_release(f, mark);
  return failed;
}
""")
