"""C helpers for the functions that neither C nor NumPy has: the formulas of `ops/numerics.py`.

REAL and @ stand for double and nothing, or for float and the `f` at the end of a name.
"""

from __future__ import annotations

import re

__all__ = ["FOR_DOUBLES", "FOR_FLOATS"]


def _in_double(text: str) -> str:
    """The float form of a helper that computes in double."""
    name, arguments = re.findall(r"double (adc_\w+)\(([^)]*)\)", text)[-1]
    names = ", ".join(a.split()[-1] for a in arguments.split(","))
    floats = arguments.replace("double", "float")
    return f"static inline float {name}f({floats}) {{ return (float){name}({names}); }}"


_ERFCX = """
/* exp(x * x) * erfc(x), with x * x in two parts; by its asymptotic series for large x */
static double adc_erfcx(double x) {
  if (x < 25) {
    const double near = x > -27 ? x : -27, head = (double)(float)near;
    return exp(head * head) * exp((near - head) * (near + head)) * erfc(near);
  } else {
    const double t = 0.5 / x / x;
    const double series = 1 - t * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t * (1 - 9 * t * (1 - 11 * t)))));
    return series / (x * 1.772453850905516);
  }
}
"""
_ERFCX_SLOPE = """
/* the derivative of erfcx: for large x by its series, since the difference would cancel */
static double adc_erfcx_slope(double x) {
  const double t = 0.5 / x / x;
  if (x < 25) return 2 * x * adc_erfcx(x) - 1.1283791670955126;
  return -1.1283791670955126 *
         (t * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t * (1 - 9 * t * (1 - 11 * t))))));
}
"""
_ROOTS = """
/* the x with erf(x) == y, for y of at most one half: by Newton's method */
static double adc_erf_root(double y) {
  double x = y * 0.8862269254527580;
  for (int k = 0; k < 5; k++) x -= (erf(x) - y) * exp(x * x) * 0.8862269254527580;
  return x;
}
""", """
/* the x with erfc(x) == y, for y of at most one half: by Newton's method on logarithms */
static double adc_erfc_root(double y) {
  const double goal = log(y);
  double x = sqrt(-goal);
  if (y == 0) return x;
  for (int k = 0; k < 7; k++) {
    const double ratio = adc_erfcx(x);
    x += 0.8862269254527580 * ratio * (log(ratio) - x * x - goal);
  }
  return x;
}
"""  # fmt: skip
_INVERSES = """
/* the x with erf(x) == y */
static double adc_erfinv(double y) {
  if (fabs(y) < 0.5) return adc_erf_root(y);
  return copysign(adc_erfc_root(1 - fabs(y)), y);
}
""", """
/* the x with erfc(x) == y */
static double adc_erfcinv(double y) {
  if (fabs(1 - y) < 0.5) return adc_erf_root(1 - y);
  return y < 1 ? adc_erfc_root(y) : -adc_erfc_root(2 - y);
}
""", """
/* the x below which a standard normal variable lies with probability p */
static double adc_ndtri(double p) { return -1.4142135623730951 * adc_erfcinv(2 * p); }
"""  # fmt: skip
_LOG_NDTR = """
/* the logarithm of the probability that a standard normal variable lies below x */
static double adc_log_ndtr(double x) {
  const double z = x * 0.7071067811865476;
  if (z < -0.5) return log(0.5 * adc_erfcx(-z)) - z * z;
  return log1p(-0.5 * erfc(z));
}
"""
_DIGAMMA = """
/* digamma(y) - log(y), for y of at least 10 */
static double adc_digamma_tail(double y) {
  const double z = 1 / (y * y);
  const double series = 1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12)));
  return -0.5 / y - z * (1.0 / 12 - z * (1.0 / 120 - z * series));
}
""", """
/* The derivative of lgamma: recurrence and asymptotic series, each less what it is at the root;
   below 0 by reflection. */
static double adc_digamma(double x) {
  const double y = x < 0 ? 1 - x : x, root = 1.4616321449683622;
  const double d = y - root - 9.549995429965697e-17;
  double total = log1p(d / (root + 10)) + adc_digamma_tail(y + 10) - adc_digamma_tail(root + 10);
  total += d / root / y;
  for (int k = 1; k < 10; k++) total += d / (root + k) / (y + k);
  if (y > 1e15) total = log(y);
  if (x < 0) {
    const double turn = 3.141592653589793 * (x - rint(x));
    total = turn == 0 ? __builtin_nan("") : total - 3.141592653589793 / tan(turn);
  }
  return total;
}
"""  # fmt: skip
_POLYGAMMA = """
static double adc_power(double x, int n) {
  double r = 1;
  for (; n > 0; n >>= 1, x *= x) if (n & 1) r *= x;
  return r;
}
""", """
/* the n-th derivative of pi * cot(pi * x): a polynomial in cot; n is at most 60 */
static double adc_cot_derivative(int n, double x) {
  const double pi = 3.141592653589793, cot = 1 / tan(pi * (x - rint(x)));
  double p[64] = {0, pi}, q[64], total = 0;
  for (int step = 0; step < n; step++) {
    const int top = step + 1; /* the degree of p */
    for (int k = 0; k <= top + 1; k++) {
      q[k] = -pi * ((k < top ? (k + 1) * p[k + 1] : 0) + (k > 1 ? (k - 1) * p[k - 1] : 0));
    }
    for (int k = 0; k <= top + 1; k++) p[k] = q[k];
  }
  for (int k = n + 1; k >= 0; k--) total = total * cot + p[k];
  return total;
}
""", """
/* the n-th derivative of digamma, n > 0: a sum of powers, its rest by Euler and Maclaurin */
static double adc_polygamma(double order, double x) {
  static const double bernoulli[7] = {
    1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160,
    -691.0 / 1307674368000, 1.0 / 74724249600
  };
  const int n = (int)order, s = n + 1;
  const double y = x < 0 ? 1 - x : x, end = y + 15, power = 1 / adc_power(end, n);
  double total = 0, term = s * power / end / end, factorial = 1;
  for (int k = 0; k < 15; k++) total += 1 / adc_power(y + k, s);
  total += power / n + 0.5 * power / end;
  for (int k = 0; k < 7; k++) {
    total += bernoulli[k] * term;
    term = term * (s + 2 * k + 1) * (s + 2 * k + 2) / end / end;
  }
  for (int k = 2; k <= n; k++) factorial *= k;
  total *= n % 2 ? factorial : -factorial;
  if (x < 0) total = (n % 2 ? -total : total) - adc_cot_derivative(n, x);
  return total;
}
"""  # fmt: skip
_BETA = """
/* lgamma(y) less Stirling's formula, for y of at least 10 */
static double adc_lgamma_tail(double y) {
  const double z = 1 / (y * y);
  const double series =
    1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360 - z / 156)));
  return (1.0 / 12 - z * (1.0 / 360 - z * series)) / y;
}
""", """
/* log|beta(a, b)|: where one is large, the difference of its two lgammas by Stirling's series */
static double adc_betaln(double a, double b) {
  const double low = a < b ? a : b, high = a < b ? b : a;
  if (low > 0 && high >= 10) {
    const double rest = low - (high - 0.5) * log1p(low / high) - low * log(high + low);
    return lgamma(low) + (rest + adc_lgamma_tail(high) - adc_lgamma_tail(high + low));
  }
  return lgamma(low) + lgamma(high) - lgamma(a + b);
}
""", """
/* the sign of the gamma function */
static double adc_gamma_sign(double x) {
  return x >= 0 || fmod(floor(x), 2) == 0 ? 1 : -1;
}
""", """
static double adc_beta(double a, double b) {
  return adc_gamma_sign(a) * adc_gamma_sign(b) * adc_gamma_sign(a + b) * exp(adc_betaln(a, b));
}
"""  # fmt: skip

#: Computed in double, whatever is asked for.
_TANH = (
    """
/* 1 - 2 / (exp(2 x) + 1); near 0, where digits would cancel, x + x^3 P(x^2) / Q(x^2). One division, no
   branch: for vectors this takes four fifths of the time of the library's, and errs less */
static inline double adc_tanh(double x) {
  const double a = fabs(x), s = x * x, e = exp(2 * a);
  const double p = (-0.9643982616357059 * s - 99.28537762347372) * s - 1614.6392465734075;
  const double q = ((s + 112.80913795382173) * s + 2235.4232287584427) * s + 4843.917739720224;
  const int near = a < 0.625;
  return copysign((near ? a : 1.0) + (near ? p * s * a : -2.0) / (near ? q : e + 1.0), x);
}
""",
    """
static inline float adc_tanhf(float x) { return tanhf(x); }
""",
)

FOR_DOUBLES = _TANH + tuple(
    part
    for text in (
        _ERFCX,
        _ERFCX_SLOPE,
        *_ROOTS,
        *_INVERSES,
        _LOG_NDTR,
        *_DIGAMMA,
        *_POLYGAMMA,
        *_BETA,
    )
    for part in (text, _in_double(text))
)

FOR_FLOATS = (
    """
/* 1 / (1 + exp(-x)), where neither overflows */
static inline REAL adc_expit@(REAL x) { return exp@(x < 0 ? x : 0) / (1 + exp@(-fabs@(x))); }
""",
    """
/* log(expit(x)) */
static inline REAL adc_log_expit@(REAL x) { return (x < 0 ? x : 0) - log1p@(exp@(-fabs@(x))); }
""",
    """
/* log(x / (1 - x)); by log1p where that is near 0 */
static inline REAL adc_logit@(REAL x) {
  if (fabs@(x - (REAL)0.5) < (REAL)0.2) return log1p@((2 * x - 1) / (1 - x));
  return log@(x / (1 - x));
}
""",
    """
/* x * log(y), and 0 where x is 0 */
static inline REAL adc_xlogy@(REAL x, REAL y) {
  const REAL t = x * log@(y);
  return x == 0 && y == y ? 0 : t;
}
""",
    """
/* x * log1p(y), and 0 where x is 0 */
static inline REAL adc_xlog1py@(REAL x, REAL y) {
  const REAL t = x * log1p@(y);
  return x == 0 && y == y ? 0 : t;
}
""",
    """
/* -x * log(x); 0 at 0, -inf below */
static inline REAL adc_entr@(REAL x) {
  if (x < 0) return -__builtin_inf@();
  return x == 0 ? 0 : -x * log@(x);
}
""",
    """
/* x * log(x / y); 0 where x is 0, inf where either is below 0 */
static inline REAL adc_rel_entr@(REAL x, REAL y) {
  const REAL ratio = x / y;
  if (x != x || y != y) return x + y;
  if (x < 0 || y < 0) return __builtin_inf@();
  if (x == 0) return 0;
  if (ratio > (REAL)0.5 && ratio < 2) return x * log1p@((x - y) / y);
  return x * (ratio > 0 && ratio < __builtin_inf@() ? log@(ratio) : log@(x) - log@(y));
}
""",
)
