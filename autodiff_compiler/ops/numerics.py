"""Functions that NumPy does not have, written with NumPy.

Emitted Python carries the source of those that it calls, so each stands for itself: it takes floats
or arrays of them, computes in float64, and gives back the dtype that it was given. The helpers of
the C back end (`backends/c/special.py`) are the same formulas. No annotations, since what is
emitted should not need to import any.

Formulas: Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 6, 7 and 23.
"""

from __future__ import annotations

import math

import numpy as np


def each(function, x):
    """A function of one float on each element of x."""
    x = np.asarray(x)
    found = [function(v) for v in x.ravel().tolist()]
    return np.array(found, x.dtype).reshape(x.shape)[()]


def remainder(x, y):
    """x less the nearest multiple of y."""
    dtype = np.result_type(x, y)
    x, y = np.broadcast_arrays(np.float64(x), np.float64(y))
    found = [remainder_of(a, b) for a, b in zip(x.ravel().tolist(), y.ravel().tolist())]
    return np.array(found, dtype).reshape(x.shape)[()]


def remainder_of(x, y):
    if y == 0 or math.isinf(x):
        return math.nan
    return math.remainder(x, y)


def erf(x):
    return each(math.erf, x)


def erfc(x):
    return each(math.erfc, x)


def erfcx(x):
    """exp(x * x) * erfc(x), with x * x in two parts; by its asymptotic series for large x."""
    dtype, x = np.result_type(x), np.float64(x)
    near = np.clip(x, -27.0, 25.0)
    head = np.float64(np.float32(near))
    scale = np.exp(head * head) * np.exp((near - head) * (near + head))
    far = np.maximum(x, 25.0)
    t = 0.5 / far / far
    series = 1 - t * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t * (1 - 9 * t * (1 - 11 * t)))))
    series = series / (far * 1.772453850905516)
    return np.where(x < 25.0, scale * erfc(near), series).astype(dtype)[()]


def erfcx_slope(x):
    """The derivative of erfcx: for large x by its series, since the difference would cancel."""
    dtype, x = np.result_type(x), np.float64(x)
    far = np.maximum(x, 25.0)
    t = 0.5 / far / far
    series = t * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t * (1 - 9 * t * (1 - 11 * t)))))
    near = 2 * x * erfcx(x) - 1.1283791670955126
    return np.where(x < 25.0, near, -1.1283791670955126 * series).astype(dtype)[()]


def erf_root(y):
    """The x with erf(x) == y, for y of at most one half: by Newton's method."""
    x = y * 0.8862269254527580
    for _ in range(5):
        x = x - (erf(x) - y) * np.exp(x * x) * 0.8862269254527580
    return x


def erfc_root(y):
    """The x with erfc(x) == y, for y of at most one half: by Newton's method on logarithms.

    log(erfc) is concave and the start lies on the far side, so that it comes from there.
    """
    goal = np.log(y)
    x = np.sqrt(-goal)
    for _ in range(7):
        ratio = erfcx(x)
        x = x + 0.8862269254527580 * ratio * (np.log(ratio) - x * x - goal)
    return np.where(y == 0, np.inf, x)


def erfinv(y):
    """The x with erf(x) == y."""
    dtype, y = np.result_type(y), np.float64(y)
    inner = erf_root(np.clip(y, -0.5, 0.5))
    outer = np.copysign(erfc_root(np.minimum(1 - np.abs(y), 0.5)), y)
    return np.where(np.abs(y) < 0.5, inner, outer).astype(dtype)[()]


def erfcinv(y):
    """The x with erfc(x) == y."""
    dtype, y = np.result_type(y), np.float64(y)
    inner = erf_root(np.clip(1 - y, -0.5, 0.5))
    outer = np.copysign(erfc_root(np.minimum(np.minimum(y, 2 - y), 0.5)), 1 - y)
    return np.where(np.abs(1 - y) < 0.5, inner, outer).astype(dtype)[()]


def ndtri(p):
    """The x below which a standard normal variable lies with probability p."""
    dtype, p = np.result_type(p), np.float64(p)
    return np.float64(-1.4142135623730951 * erfcinv(2 * p)).astype(dtype)[()]


def log_ndtr(x):
    """The logarithm of the probability that a standard normal variable lies below x."""
    dtype, x = np.result_type(x), np.float64(x)
    z = x * 0.7071067811865476
    low = np.log(0.5 * erfcx(-np.minimum(z, 0.0))) - z * z
    high = np.log1p(-0.5 * erfc(np.maximum(z, -1.0)))
    return np.where(z < -0.5, low, high).astype(dtype)[()]


def expit(x):
    """1 / (1 + exp(-x)), where neither overflows."""
    return np.exp(np.minimum(x, 0.0)) / (1 + np.exp(-np.abs(x)))


def log_expit(x):
    """log(expit(x))"""
    return np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))


def logit(x):
    """log(x / (1 - x)); by log1p where that is near 0."""
    middle = np.clip(x, 0.3, 0.7)
    near = np.log1p((2 * middle - 1) / (1 - middle))
    return np.where(np.abs(x - 0.5) < 0.2, near, np.log(x / (1 - x)))[()]


def xlogy(x, y):
    """x * log(y), and 0 where x is 0."""
    return np.where((x == 0) & (y == y), 0.0, x * np.log(y))[()]


def xlog1py(x, y):
    """x * log1p(y), and 0 where x is 0."""
    return np.where((x == 0) & (y == y), 0.0, x * np.log1p(y))[()]


def entr(x):
    """-x * log(x); 0 at 0, -inf below."""
    return np.where(x < 0, -np.inf, np.where(x == 0, 0.0, -x * np.log(x)))[()]


def rel_entr(x, y):
    """x * log(x / y); 0 where x is 0, inf where either is below 0."""
    ratio = x / y
    near = np.log1p((x - y) / y)
    apart = np.where((ratio > 0) & (ratio < np.inf), np.log(ratio), np.log(x) - np.log(y))
    found = x * np.where((ratio > 0.5) & (ratio < 2), near, apart)
    found = np.where((x == 0) & (y >= 0), 0.0, found)
    found = np.where((x < 0) | (y < 0), np.inf, found)
    return np.where((x != x) | (y != y), x + y, found)[()]


def gamma(x):
    return each(gamma_of, x)


def gamma_of(x):
    if x == 0:
        return math.copysign(math.inf, x)
    if x < 0 and (x == -math.inf or x % 1 == 0):
        return math.nan
    try:
        return math.gamma(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def lgamma(x):
    """The logarithm of the absolute value of the gamma function."""
    return each(lgamma_of, x)


def lgamma_of(x):
    if not 0.5 < x < 2.5:
        if x <= 0 and x % 1 == 0:
            return math.inf
        try:
            return math.lgamma(x)
        except OverflowError:
            return math.inf
    # Around its zeros, 1 and 2, by its series at 2: (-1)^k (zeta(k) - 1) / k.
    series = (
        0.3224670334241132,
        -0.0673523010531981,
        0.020580808427784546,
        -0.007385551028673986,
        0.0028905103307415234,
        -0.001192753911703261,
        0.0005096695247430425,
        -0.00022315475845357939,
        9.945751278180853e-05,
        -4.492623673813314e-05,
        2.050721277567069e-05,
        -9.439488275268397e-06,
        4.374866789907488e-06,
        -2.039215753801366e-06,
        9.55141213040742e-07,
        -4.492469198764566e-07,
        2.1207184805554665e-07,
        -1.0043224823968099e-07,
        4.7698101693639804e-08,
        -2.2711094608943164e-08,
        1.0838659214896955e-08,
        -5.183475041970047e-09,
        2.4836745438024785e-09,
        -1.1921401405860912e-09,
        5.731367241678862e-10,
        -2.7595228851242334e-10,
        1.330476437424449e-10,
    )
    t = x - 2 if x >= 1.5 else x - 1
    total = 0.0
    for c in reversed(series):
        total = t * (total + c)
    total = t * (0.42278433509846714 + total)
    return total if x >= 1.5 else total - math.log1p(t)


def digamma(x):
    """The derivative of lgamma.

    Its recurrence and asymptotic series, each less what it is at the root, so that the difference
    from the root stands in front of every term; below 0 by reflection.
    """
    dtype, x = np.result_type(x), np.float64(x)
    y = np.where(x < 0, 1 - x, x)
    root = 1.4616321449683622
    d = (y - root) - 9.549995429965697e-17
    total = np.log1p(d / (root + 10)) + digamma_tail(y + 10) - digamma_tail(root + 10)
    total = total + d / root / y
    for k in range(1, 10):
        total = total + d / (root + k) / (y + k)
    # Beyond any of that, it is the logarithm.
    total = np.where(y > 1e15, np.log(y), total)
    turn = np.pi * (x - np.rint(x))
    below = total - np.pi / np.where(turn == 0, np.nan, np.tan(turn))
    return np.where(x < 0, below, total).astype(dtype)[()]


def digamma_tail(y):
    """digamma(y) - log(y), for y of at least 10."""
    z = 1 / (y * y)
    series = 1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12)))
    return -0.5 / y - z * (1 / 12 - z * (1 / 120 - z * series))


def polygamma(n, x):
    """The n-th derivative of digamma, n > 0: a sum of powers, its rest by Euler and Maclaurin."""
    n, dtype, x = int(n), np.result_type(x), np.float64(x)
    s = n + 1
    y = np.where(x < 0, 1 - x, x)
    total = 0.0
    for k in range(15):
        total = total + 1 / (y + k) ** s
    end = y + 15
    power = 1 / end**n
    total = total + power / n + 0.5 * power / end
    term = s * power / end / end
    bernoulli = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)
    for k, b in enumerate((*bernoulli, 1 / 74724249600)):
        total = total + b * term
        term = term * (s + 2 * k + 1) * (s + 2 * k + 2) / end / end
    found = -((-1) ** n) * math.factorial(n) * total
    below = (-1) ** n * found - cot_derivative(n, x)
    return np.where(x < 0, below, found).astype(dtype)[()]


def cot_derivative(n, x):
    """The n-th derivative of pi * cot(pi * x): a polynomial in cot."""
    p = np.poly1d([math.pi, 0.0])
    for _ in range(n):
        p = -math.pi * p.deriv() * np.poly1d([1.0, 0.0, 1.0])
    return p(1 / np.tan(np.pi * (x - np.rint(x))))


def betaln(a, b):
    """log|beta(a, b)|: where one is large, the difference of its two lgammas by Stirling's series."""
    dtype, a, b = np.result_type(a, b), np.float64(a), np.float64(b)
    low, high = np.minimum(a, b), np.maximum(a, b)
    plain = lgamma(low) + lgamma(high) - lgamma(a + b)
    big = np.maximum(high, 10.0)
    rest = low - (big - 0.5) * np.log1p(low / big) - low * np.log(big + low)
    rest = rest + lgamma_tail(big) - lgamma_tail(big + low)
    stirling = lgamma(low) + rest
    return np.where((low > 0) & (high >= 10), stirling, plain).astype(dtype)[()]


def lgamma_tail(y):
    """lgamma(y) less Stirling's formula, for y of at least 10."""
    z = 1 / (y * y)
    series = 1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * (691 / 360360 - z / 156)))
    return (1 / 12 - z * (1 / 360 - z * series)) / y


def beta(a, b):
    return gamma_sign(a) * gamma_sign(b) * gamma_sign(a + b) * np.exp(betaln(a, b))


def gamma_sign(x):
    """The sign of the gamma function."""
    return np.where((x >= 0) | (np.floor(x) % 2 == 0), x * 0.0 + 1.0, x * 0.0 - 1.0)[()]
