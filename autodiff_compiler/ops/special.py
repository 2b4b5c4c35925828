"""Special functions: ops of `math` and `scipy.special` that NumPy does not have.

What emitted Python calls for them stands in `numerics`; C has erf, erfc and the gamma functions,
and the rest as helpers of the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..ir.op import Kink, Op, register
from ..ir.types import FLOATS, Scalar, Type
from . import numerics
from .elementwise import (
    MULTIPLES,
    and_,
    broadcast_known,
    elementwise,
    exp,
    log,
    log1p,
    rint,
    select,
)

_SQRT_PI = 1.772453850905516
_SQRT_2_PI = 2.5066282746310002


def special(
    name: str, vjp: Any, c: str, *spellings: str, arity: int = 1, torch: str = "",
    kinks: tuple[Kink, ...] = (),
) -> Op:  # fmt: skip
    """A function of `numerics`; `c`: the name that C calls, of a double; `torch`: as in a record, where
    it is not a function of that name in `torch.special`."""
    evaluate: Callable[..., Any] = getattr(numerics, name)
    holes = ", ".join("{" + letter + "}" for letter in "xyz"[:arity])
    return elementwise(
        name, evaluate, vjp=vjp, numpy=f"{name}({holes})", c=f"{c}{{f}}({holes})", cost=2,
        torch=torch or f"torch.special.{name}({holes})", spellings=spellings, kinks=kinks,
    )  # fmt: skip


def _quotient(a: Any, b: Any) -> Any:
    """a / b, and 0 / 0 as 0."""
    return a / select(and_(a == 0, b == 0), 1, b)


# --- the error function and its kin -----------------------------------------------------------

erf = special(
    "erf", lambda g, y, x: [g * (exp(-(x * x)) * (2 / _SQRT_PI))], "erf",
    "math.erf", "scipy.special.erf",
)  # fmt: skip
erfc = special(
    "erfc", lambda g, y, x: [g * (exp(-(x * x)) * (-2 / _SQRT_PI))], "erfc",
    "math.erfc", "scipy.special.erfc",
)  # fmt: skip
#: exp(x * x) * erfc(x)
erfcx = special("erfcx", lambda g, y, x: [g * erfcx_slope(x)], "adc_erfcx", "scipy.special.erfcx")
#: Its derivative, 2 * x * erfcx(x) - 2 / sqrt(pi).
erfcx_slope = special(
    "erfcx_slope",
    lambda g, y, x: [g * (2 * erfcx(x) + 2 * x * y)],
    "adc_erfcx_slope",
    torch="2 * {x} * torch.special.erfcx({x}) - 1.1283791670955126",
)
erfinv = special(
    "erfinv", lambda g, y, x: [g * (exp(y * y) * (_SQRT_PI / 2))], "adc_erfinv",
    "scipy.special.erfinv",
)  # fmt: skip
erfcinv = special(
    "erfcinv", lambda g, y, x: [g * (exp(y * y) * (-_SQRT_PI / 2))], "adc_erfcinv",
    "scipy.special.erfcinv", torch="torch.special.ndtri({x} / 2) * -0.7071067811865476",
)  # fmt: skip
#: The quantile of the standard normal distribution.
ndtri = special(
    "ndtri", lambda g, y, x: [g * (exp(y * y * 0.5) * _SQRT_2_PI)], "adc_ndtri",
    "scipy.special.ndtri",
)  # fmt: skip
#: The logarithm of its distribution function: the derivative is a ratio that neither overflows nor
#: vanishes where the distribution function does.
log_ndtr = special(
    "log_ndtr", lambda g, y, x: [g * (0.7978845608028654 / erfcx(x * -0.7071067811865476))],
    "adc_log_ndtr", "scipy.special.log_ndtr",
)  # fmt: skip

# --- logistic ---------------------------------------------------------------------------------

#: The other factor is not 1 - y, which would be 0 for large x.
expit = special("expit", lambda g, y, x: [g * (y * expit(-x))], "adc_expit", "scipy.special.expit")
log_expit = special(
    "log_expit",
    lambda g, y, x: [g * expit(-x)],
    "adc_log_expit",
    "scipy.special.log_expit",
    torch="torch.nn.functional.logsigmoid({x})",
)
logit = special(
    "logit", lambda g, y, x: [g / (x * (1 - x))], "adc_logit", "scipy.special.logit",
    kinks=(Kink("its argument is 0 or 1", "infinite"),),
)  # fmt: skip

# --- the gamma function -----------------------------------------------------------------------

gamma = special(
    "gamma",
    lambda g, y, x: [g * y * digamma(x)],
    "tgamma",
    "math.gamma",
    "scipy.special.gamma",
    torch="torch.exp(torch.lgamma({x})) * (1 - 2 * (({x} < 0) & (torch.floor({x}) % 2 != 0)).to({x}.dtype))",
)


#: The logarithm of the absolute value of the gamma function.
lgamma = special(
    "lgamma", lambda g, y, x: [g * digamma(x)], "lgamma", "math.lgamma", "scipy.special.gammaln",
    "scipy.special.loggamma", torch="torch.lgamma({x})",
)  # fmt: skip
digamma = special(
    "digamma", lambda g, y, x: [g * polygamma(1, x)], "adc_digamma",
    "scipy.special.digamma", "scipy.special.psi",
)  # fmt: skip
def _infer_polygamma(attrs: Mapping[str, Any], n: Type, x: Type) -> tuple[Type, ...]:
    if not isinstance(n, Scalar) or n.dtype != x.dtype or x.dtype not in FLOATS:
        raise TypeError(f"takes a number and floats of its dtype, not {n} and {x}")
    return (x,)


#: polygamma(n, x), the n-th derivative of digamma: n > 0 is a whole number, and no variable.
polygamma = register(
    Op(
        "polygamma", "elementwise", _infer_polygamma, dims=broadcast_known,
        evaluate=lambda attrs, n, x: numerics.polygamma(n, x),
        vjp=lambda g, y, n, x: [None, g * polygamma(n + 1, x)],
        numpy="polygamma({x}, {y})", torch="torch.polygamma(int({x}), {y})", c="adc_polygamma{f}({x}, {y})", cost=2,
        spellings=("scipy.special.polygamma",),
    )
)  # fmt: skip

betaln = special(
    "betaln", lambda g, y, a, b: [g * _slope(a, b), g * _slope(b, a)], "adc_betaln",
    "scipy.special.betaln", arity=2,
    torch="torch.lgamma({x}) + torch.lgamma({y}) - torch.lgamma({x} + {y})",
)  # fmt: skip
beta = special(
    "beta", lambda g, y, a, b: [g * y * _slope(a, b), g * y * _slope(b, a)], "adc_beta",
    "scipy.special.beta", arity=2,
    torch="torch.exp(torch.lgamma({x}) + torch.lgamma({y}) - torch.lgamma({x} + {y}))",
)  # fmt: skip


def _slope(a: Any, b: Any) -> Any:
    """The derivative of betaln(a, b) in a."""
    return digamma(a) - digamma(a + b)


#: x less the nearest multiple of y: C's `remainder`, not Python's `%`. (a - y) / b is that whole
#: number but for rounding.
remainder = special(
    "remainder", lambda g, y, a, b: [g, -g * rint((a - y) / b)], "remainder", "math.remainder",
    arity=2, torch="{x} - torch.round({x} / {y}) * {y}", kinks=(MULTIPLES,),
)  # fmt: skip

# --- entropies --------------------------------------------------------------------------------

xlogy = special(
    "xlogy", lambda g, y, a, b: [g * log(b), g * _quotient(a, b)], "adc_xlogy",
    "scipy.special.xlogy", arity=2,
)  # fmt: skip
xlog1py = special(
    "xlog1py", lambda g, y, a, b: [g * log1p(b), g * _quotient(a, b + 1)], "adc_xlog1py",
    "scipy.special.xlog1py", arity=2,
)  # fmt: skip
#: -x * log(x)
entr = special(
    "entr", lambda g, y, x: [-g * (log(x) + 1)], "adc_entr", "scipy.special.entr"
)  # fmt: skip
#: x * log(x / y)
rel_entr = special(
    "rel_entr", lambda g, y, a, b: [g * (log(a / b) + 1), -g * _quotient(a, b)], "adc_rel_entr",
    "scipy.special.rel_entr", arity=2,
    torch="torch.special.xlogy({x}, {x} / {y})",
)  # fmt: skip
