"""Slopes of `scipy.special`'s functions and of `math`'s that NumPy has not, by SciPy's own functions.

SciPy is imported when a program that is checked has imported it, or calls such a function of `math`.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from .dual_core import (
    FUNCTIONS,
    UFUNCS,
    OracleError,
    as_numpy,
    choose,
    from_lists,
    is_array,
    level_of,
    owned,
    primal,
)
from .dual_ufuncs import elementwise

_ROOT_PI = math.sqrt(math.pi)
_ROOT_2PI = math.sqrt(2 * math.pi)
_registered: list[bool] = []


def ensure():
    """Registers the rules, once SciPy's special functions have been imported."""
    if "scipy.special" in sys.modules and not _registered:
        _registered.append(True)
        _register()


def special():
    """`scipy.special`, with its rules."""
    try:
        import scipy.special
    except ImportError:
        raise OracleError("the slope of this function needs SciPy") from None
    ensure()
    return scipy.special


def _exp_of_square(y, factor):
    return np.exp(np.multiply(factor, np.multiply(y, y)))


def _register():
    import scipy.special as sc

    zeta = sc._ufuncs._zeta
    elementwise(zeta, None, lambda s, q, y: np.multiply(-s, zeta(np.add(s, 1.0), q)))
    elementwise(sc.erf, lambda x, y: np.multiply(2 / _ROOT_PI, _exp_of_square(x, -1.0)))
    elementwise(sc.erfc, lambda x, y: np.multiply(-2 / _ROOT_PI, _exp_of_square(x, -1.0)))
    elementwise(
        sc.erfcx, lambda x, y: np.subtract(np.multiply(2.0, np.multiply(x, y)), 2 / _ROOT_PI)
    )
    elementwise(sc.erfinv, lambda x, y: np.multiply(_ROOT_PI / 2, _exp_of_square(y, 1.0)))
    elementwise(sc.erfcinv, lambda x, y: np.multiply(-_ROOT_PI / 2, _exp_of_square(y, 1.0)))
    elementwise(sc.ndtr, lambda x, y: np.multiply(1 / _ROOT_2PI, _exp_of_square(x, -0.5)))
    elementwise(sc.ndtri, lambda x, y: np.multiply(_ROOT_2PI, _exp_of_square(y, 0.5)))
    elementwise(
        sc.log_ndtr,
        lambda x, y: np.divide(
            np.exp(np.subtract(np.multiply(-0.5, np.multiply(x, x)), y)), _ROOT_2PI
        ),
    )
    elementwise(sc.expit, lambda x, y: np.multiply(y, np.subtract(1.0, y)))
    elementwise(sc.log_expit, lambda x, y: np.subtract(1.0, np.exp(y)))
    elementwise(
        sc.logit, lambda x, y: np.add(np.divide(1.0, x), np.divide(1.0, np.subtract(1.0, x)))
    )
    elementwise(sc.gamma, lambda x, y: np.multiply(y, sc.psi(x)))
    elementwise(sc.gammaln, lambda x, y: sc.psi(x))
    elementwise(sc.loggamma, lambda x, y: sc.psi(x))
    elementwise(sc.psi, lambda x, y: zeta(2.0, x))
    elementwise(sc.exp2, lambda x, y: np.multiply(y, math.log(2)))
    elementwise(sc.exp10, lambda x, y: np.multiply(y, math.log(10)))
    elementwise(sc.expm1, lambda x, y: np.exp(x))
    elementwise(sc.log1p, lambda x, y: np.divide(1.0, np.add(1.0, x)))
    elementwise(sc.cbrt, lambda x, y: np.divide(y, np.multiply(3.0, x)))
    _register_pairs(sc)


def _ratio(x, y):
    return choose((primal(x) == 0) & (primal(y) == 0), 0.0, np.divide(x, y))


def _register_pairs(sc):
    elementwise(sc.xlogy, lambda x, y, v: np.log(y), lambda x, y, v: _ratio(x, y))
    elementwise(sc.xlog1py, lambda x, y, v: np.log1p(y), lambda x, y, v: _ratio(x, np.add(1.0, y)))
    elementwise(sc.entr, lambda x, y: np.subtract(-1.0, np.log(x)))
    elementwise(
        sc.rel_entr,
        lambda x, y, v: np.add(1.0, np.subtract(np.log(x), np.log(y))),
        lambda x, y, v: np.negative(_ratio(x, y)),
    )
    elementwise(
        sc.kl_div,
        lambda x, y, v: np.subtract(np.log(x), np.log(y)),
        lambda x, y, v: np.subtract(1.0, _ratio(x, y)),
    )

    def inside(d, r):
        return np.abs(primal(r)) <= primal(d)

    elementwise(
        sc.huber,
        lambda d, r, v: choose(inside(d, r), 0.0, np.subtract(np.abs(r), d)),
        lambda d, r, v: choose(inside(d, r), r, np.multiply(d, np.sign(primal(r)))),
    )

    def root(d, r):
        return np.hypot(d, r)

    elementwise(
        sc.pseudo_huber,
        lambda d, r, v: np.subtract(
            np.add(root(d, r), np.divide(np.multiply(d, d), root(d, r))), np.multiply(2.0, d)
        ),
        lambda d, r, v: np.divide(np.multiply(d, r), root(d, r)),
    )

    def of_betaln(a, b):
        return np.subtract(sc.psi(a), sc.psi(np.add(a, b)))

    elementwise(sc.betaln, lambda a, b, y: of_betaln(a, b), lambda a, b, y: of_betaln(b, a))
    elementwise(
        sc.beta,
        lambda a, b, y: np.multiply(y, of_betaln(a, b)),
        lambda a, b, y: np.multiply(y, of_betaln(b, a)),
    )


# --- functions that are no ufuncs -------------------------------------------------------------


def _rule(f):
    FUNCTIONS[f.__name__] = f
    return f


@_rule
def softplus(x):
    return np.logaddexp(0.0, x)


@_rule
def polygamma(n, x):
    sc = special()
    if not level_of(x):
        return owned(sc.polygamma(n, x))
    if n == 0:
        return sc.psi(x)
    factor = (-1.0) ** (n + 1) * math.factorial(n)
    return np.multiply(factor, sc._ufuncs._zeta(n + 1.0, x))


def _shifted(x, axis):
    """x less its largest entry along the axis, which is a constant, and that."""
    plain = primal(x)
    top = np.max(plain, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    return np.subtract(x, top), top


def _total(x, axis):
    return FUNCTIONS["sum"](x, axis=axis, keepdims=True)


@_rule
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    a, b = from_lists(a), from_lists(b)
    if return_sign or not is_array(a):
        raise OracleError("this call of logsumexp")
    if b is not None:
        a = choose(primal(b) == 0, -np.inf, a)
    shifted, top = _shifted(a, axis)
    share = np.exp(shifted)
    found = np.add(np.log(_total(share if b is None else np.multiply(b, share), axis)), top)
    if keepdims:
        return found
    return FUNCTIONS["squeeze"](found, axis=axis)[()]


@_rule
def softmax(x, axis=None):
    share = np.exp(_shifted(from_lists(x), axis)[0])
    return np.divide(share, _total(share, axis))


@_rule
def log_softmax(x, axis=None):
    shifted, _ = _shifted(from_lists(x), axis)
    return np.subtract(shifted, np.log(_total(np.exp(shifted), axis)))


# --- math ---------------------------------------------------------------------------------------


def remainder_slope(a, b):
    """math.remainder is linear in a, and in b with the whole number that is taken off."""
    return -round((a - math.remainder(a, b)) / b)


def math_rule(name, args):
    """A function of `math` on duals that are Python's; None if there is no rule here."""
    if name in ("gamma", "lgamma", "erf", "erfc"):
        sc = special()
        ufunc = {"lgamma": sc.gammaln}.get(name) or getattr(sc, name)
        getattr(math, name)(primal(args[0]))
        return UFUNCS[ufunc](*args, op=ufunc)
    if name == "remainder":
        a, b = args
        math.remainder(primal(a), primal(b))
        return a + b * remainder_slope(primal(a), primal(b))
    if name == "copysign":
        a, b = (primal(x) for x in args)
        return args[0] * (math.copysign(1.0, a) * math.copysign(1.0, b) if a else 0.0)
    if name in ("hypot", "dist"):
        return _length(name, args)
    if name == "modf":
        (x,) = args
        rest, whole = math.modf(primal(x))
        return (x - whole if math.isfinite(whole) else rest), whole
    if name == "ldexp":
        return args[0] * math.ldexp(1.0, args[1])
    if name in ("fsum", "sumprod"):
        return _sum(name, args)
    if name == "degrees":
        return args[0] * (180.0 / math.pi)
    if name == "radians":
        return args[0] * (math.pi / 180.0)
    return None


def _length(name, args):
    if name == "dist":
        args = [p - q for p, q in zip(*args, strict=True)]
    squares = sum(np.multiply(as_numpy(x), as_numpy(x)) for x in args)
    return np.sqrt(squares)


def _sum(name, args):
    if name == "sumprod":
        return sum(p * q for p, q in zip(*args, strict=True))
    items = list(args[0])
    exact = math.fsum(primal(x) for x in items)
    total = sum(items)
    return total + (exact - primal(total))
