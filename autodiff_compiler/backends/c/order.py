"""Helpers that sort and search, for double, float and long long: REAL, and under names that end in @."""

from __future__ import annotations

__all__ = ["FOR_NUMBERS"]

FOR_NUMBERS = (
    """
/* does a stand before b? NaN stands last */
static inline int adc_before@(REAL a, REAL b) { return a < b || (b != b && a == a); }
""",
    """
/* the places of x's entries in ascending order, equals as they come; both run by `step`.
   Merges runs, from one of two rows of `work` into the other; a row has n entries. */
static void adc_argsort@(const REAL *x, long long n, long long step, long long *out, long long *work) {
  long long *from = work, *to = work + n;
  for (long long k = 0; k < n; k++) from[k] = k;
  for (long long width = 1; width < n; width *= 2) {
    for (long long start = 0; start < n; start += 2 * width) {
      const long long middle = start + width < n ? start + width : n;
      const long long end = start + 2 * width < n ? start + 2 * width : n;
      long long a = start, b = middle;
      for (long long k = start; k < end; k++) {
        const int second = a == middle || (b < end && adc_before@(x[from[b] * step], x[from[a] * step]));
        to[k] = second ? from[b++] : from[a++];
      }
    }
    long long *other = from;
    from = to;
    to = other;
  }
  for (long long k = 0; k < n; k++) out[k * step] = from[k];
}
""",
    """
/* how many of the ascending a[0], ..., a[n - 1] stand before v; equals do if `right` */
static long long adc_searchsorted@(const REAL *a, long long n, REAL v, int right) {
  long long low = 0, high = n;
  while (low < high) {
    const long long middle = low + (high - low) / 2;
    if (right ? !adc_before@(v, a[middle]) : adc_before@(a[middle], v)) low = middle + 1;
    else high = middle;
  }
  return low;
}
""",
)
