"""More elementwise functions: the hyperbolic inverses, cube root, `fmod` and its kin, logarithms of sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.op import NON_DIFFERENTIABLE, Kink
from ..ir.types import BOOL
from .elementwise import (
    AT_ONES,
    AT_ZERO_INFINITE,
    AT_ZERO_ZERO,
    MULTIPLES,
    TIES,
    abs_,
    and_,
    cos,
    elementwise,
    exp,
    function,
    isfinite,
    isnan,
    not_,
    or_,
    rint,
    select,
    sign,
    sqrt,
)

_LN2 = 0.6931471805599453
_PI = 3.141592653589793

exp2 = function(
    "exp2", np.exp2, lambda g, y, x: [g * y * _LN2], "exp2{f}({x})",
    spellings=("np.exp2", "math.exp2"),
)  # fmt: skip
cbrt = function(
    "cbrt", np.cbrt, lambda g, y, x: [g / (y * y * 3)], "cbrt{f}({x})",
    torch="torch.sign({x}) * torch.abs({x}) ** (1 / 3)", kinks=(AT_ZERO_INFINITE,),
)  # fmt: skip
arcsinh = function(
    "arcsinh", np.arcsinh, lambda g, y, x: [g / sqrt(x * x + 1)], "asinh{f}({x})",
    spellings=("np.arcsinh", "math.asinh"),
)  # fmt: skip
arccosh = function(
    "arccosh", np.arccosh, lambda g, y, x: [g / sqrt((x - 1) * (x + 1))], "acosh{f}({x})",
    spellings=("np.arccosh", "math.acosh"),
    kinks=(Kink("its argument is 1", "infinite", ("x > 1",)),),
)  # fmt: skip
arctanh = function(
    "arctanh", np.arctanh, lambda g, y, x: [g / ((1 - x) * (1 + x))], "atanh{f}({x})",
    spellings=("np.arctanh", "math.atanh"),
    kinks=(AT_ONES,),
)  # fmt: skip
#: The remainder that has a's sign. (a - y) / b is a whole number but for rounding.
fmod = elementwise(
    "fmod", np.fmod, vjp=lambda g, y, a, b: [g, -g * rint((a - y) / b)],
    numpy="np.fmod({x}, {y})", c="fmod{f}({x}, {y})", cost=2,
    torch="torch.fmod({x}, {y})", spellings=("np.fmod", "math.fmod"),
    kinks=(MULTIPLES,),
)  # fmt: skip
#: The size of a with the sign of b: like `abs`, 0 is the derivative at a = 0.
copysign = elementwise(
    "copysign", np.copysign, vjp=lambda g, y, a, b: [g * sign(a) * sign(y), None],
    numpy="np.copysign({x}, {y})", c="copysign{f}({x}, {y})",
    torch="torch.copysign({x}, {y})",
    spellings=("np.copysign", "math.copysign"),
    kinks=(AT_ZERO_ZERO,),
)  # fmt: skip
signbit = elementwise(
    "signbit", np.signbit, vjp=NON_DIFFERENTIABLE, numpy="np.signbit({x})",
    torch="torch.signbit({x})",
    c="(__builtin_signbit({x}) != 0)", result=BOOL, spellings=("np.signbit",),
)  # fmt: skip


def _extremum_vjp(first_wins: Callable[[Any, Any], Any]) -> Callable[..., list[Any]]:
    """As of `maximum`, ties by halves; a NaN gives way to a number."""

    def vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
        tie = a == b
        only_b = and_(isnan(a), not_(isnan(b)))
        return [
            select(or_(first_wins(a, b), isnan(b)), g, select(tie, g * 0.5, 0)),
            select(or_(first_wins(b, a), only_b), g, select(tie, g * 0.5, 0)),
        ]

    return vjp


fmax = elementwise(
    "fmax", np.fmax, vjp=_extremum_vjp(lambda a, b: a > b), numpy="np.fmax({x}, {y})",
    c="fmax{f}({x}, {y})", torch="torch.fmax({x}, {y})", spellings=("np.fmax",),
    kinks=(TIES,),
)  # fmt: skip
fmin = elementwise(
    "fmin", np.fmin, vjp=_extremum_vjp(lambda a, b: a < b), numpy="np.fmin({x}, {y})",
    c="fmin{f}({x}, {y})", torch="torch.fmin({x}, {y})", spellings=("np.fmin",),
    kinks=(TIES,),
)  # fmt: skip


def _share(y: Any, a: Any, b: Any, half: float) -> Any:
    """a - y, how far an operand stays behind the logarithm of the sum; at infinities, in the limit."""
    at_infinity = select(a == b, half, select(a == y, 0, a - y))
    return select(isfinite(y), a - y, at_infinity)


#: log(exp(a) + exp(b)) without overflow.
logaddexp = elementwise(
    "logaddexp", np.logaddexp, numpy="np.logaddexp({x}, {y})", c="adc_logaddexp{f}({x}, {y})",
    torch="torch.logaddexp({x}, {y})",
    vjp=lambda g, y, a, b: [g * exp(_share(y, a, b, -_LN2)), g * exp(_share(y, b, a, -_LN2))],
    cost=2, spellings=("np.logaddexp",),
)  # fmt: skip
logaddexp2 = elementwise(
    "logaddexp2", np.logaddexp2, numpy="np.logaddexp2({x}, {y})", c="adc_logaddexp2{f}({x}, {y})",
    torch="torch.logaddexp2({x}, {y})",
    vjp=lambda g, y, a, b: [g * exp2(_share(y, a, b, -1)), g * exp2(_share(y, b, a, -1))],
    cost=2, spellings=("np.logaddexp2",),
)  # fmt: skip


def _sinc_slope(y: Any, x: Any) -> Any:
    """(cos(pi x) - y) / x, which cancels near 0: there by its Taylor series, to the last digit."""
    near = abs_(x) < 0.12
    t = x * x * (_PI * _PI)
    series = 1 - t * (1 / 130)
    for ratio in (88, 54, 28, 10):
        series = 1 - t * series * (1 / ratio)
    return select(near, x * series * (-_PI * _PI / 3), (cos(x * _PI) - y) / select(near, 1, x))


#: sin(pi x) / (pi x), 1 at 0.
sinc = elementwise(
    "sinc", np.sinc, vjp=lambda g, y, x: [g * _sinc_slope(y, x)], numpy="np.sinc({x})",
    c="adc_sinc{f}({x})", torch="torch.sinc({x})", cost=2, spellings=("np.sinc",),
)  # fmt: skip
