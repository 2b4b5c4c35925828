"""What mpmath says of the elementwise ops: a reference function and the domain of each operand.

Points are kept away from kinks, which `docs/language.md` decides, and from zeros of a derivative,
where nothing can be said of relative accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numpy as np

LN_2, LN_10 = mp.mpf(2), mp.mpf(10)


@dataclass(frozen=True)
class Reference:
    """`function` of mpmath numbers; `domains`: an interval per operand, or a tuple of points."""

    function: Callable
    domains: tuple
    constants: tuple = ()

    def points(self, count: int = 24, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [
            rng.uniform(d.low, d.high, size=count) if isinstance(d, Interval) else np.array(d)
            for d in self.domains
        ]


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def on(*domains: tuple[float, float]) -> Callable[[Callable], Reference]:
    return lambda function: Reference(function, tuple(Interval(*d) for d in domains))


WIDE, POSITIVE, UNIT, INNER = (-4.0, 4.0), (0.05, 9.0), (0.02, 0.98), (-0.95, 0.95)
ABOVE, BELOW = (1.1, 5.0), (-5.0, 0.9)

REFERENCES: dict[str, Reference] = {
    # arithmetic
    "add": on(WIDE, WIDE)(lambda a, b: a + b),
    "sub": on(WIDE, WIDE)(lambda a, b: a - b),
    "mul": on(WIDE, WIDE)(lambda a, b: a * b),
    "div": on(WIDE, POSITIVE)(lambda a, b: a / b),
    "neg": on(WIDE)(lambda x: -x),
    "mod": on((7.1, 7.9), (2.1, 2.2))(lambda a, b: a - b * mp.floor(a / b)),
    "pyfloat": on(WIDE)(lambda x: x),
    "cast": on(WIDE)(lambda x: x),
    "abs": on((-4.0, -0.1))(abs),
    "maximum": on(ABOVE, BELOW)(lambda a, b: max(a, b)),
    "minimum": on(ABOVE, BELOW)(lambda a, b: min(a, b)),
    "fmax": on(BELOW, ABOVE)(lambda a, b: max(a, b)),
    "fmin": on(BELOW, ABOVE)(lambda a, b: min(a, b)),
    "fmod": on((-7.9, -7.1), (2.1, 2.2))(lambda a, b: a + 3 * b),
    "copysign": on(POSITIVE, (-3.0, -1.0))(lambda a, b: -a),
    "remainder": on((7.1, 7.9), (2.1, 2.2))(lambda a, b: a - b * mp.nint(a / b)),
    # powers and logarithms
    "exp": on((-30.0, 30.0))(mp.exp),
    "exp2": on((-30.0, 30.0))(lambda x: mp.mpf(2) ** x),
    "expm1": on((-5.0, 5.0))(mp.expm1),
    "log": on((1e-3, 100.0))(mp.log),
    "log1p": on((-0.9, 50.0))(mp.log1p),
    "log2": on((1e-3, 100.0))(lambda x: mp.log(x) / mp.log(LN_2)),
    "log10": on((1e-3, 100.0))(lambda x: mp.log(x) / mp.log(LN_10)),
    "sqrt": on((1e-3, 100.0))(mp.sqrt),
    "cbrt": on((1e-3, 100.0))(mp.cbrt),
    "pow": on(POSITIVE, WIDE)(lambda a, b: a**b),
    "hypot": on(WIDE, POSITIVE)(mp.hypot),
    "logaddexp": on(WIDE, WIDE)(lambda a, b: mp.log(mp.exp(a) + mp.exp(b))),
    "logaddexp2": on(WIDE, WIDE)(
        lambda a, b: mp.log(mp.mpf(2) ** a + mp.mpf(2) ** b) / mp.log(LN_2)
    ),
    # angles
    "sin": on((0.1, 1.4))(mp.sin),
    "cos": on((0.1, 1.4))(mp.cos),
    "tan": on((0.1, 1.4))(mp.tan),
    "arcsin": on((0.1, 0.95))(mp.asin),
    "arccos": on((0.1, 0.95))(mp.acos),
    "arctan": on((0.1, 9.0))(mp.atan),
    "arctan2": on(POSITIVE, POSITIVE)(mp.atan2),
    "sinh": on((0.1, 9.0))(mp.sinh),
    "cosh": on((0.1, 9.0))(mp.cosh),
    "tanh": on((0.1, 3.0))(mp.tanh),
    "arcsinh": on((0.1, 9.0))(mp.asinh),
    "arccosh": on(ABOVE)(mp.acosh),
    "arctanh": on((0.1, 0.9))(mp.atanh),
    "sinc": on((0.05, 0.9))(lambda x: mp.sincpi(x)),
    # probability
    "erf": on((0.05, 4.0))(mp.erf),
    "erfc": on((0.05, 9.0))(mp.erfc),
    "erfcx": on((-3.0, 5.0))(lambda x: mp.exp(x * x) * mp.erfc(x)),
    "erfcx_slope": on((-3.0, 5.0))(
        lambda x: 2 * x * mp.exp(x * x) * mp.erfc(x) - 2 / mp.sqrt(mp.pi)
    ),
    "erfinv": on((0.05, 0.97))(mp.erfinv),
    "erfcinv": on((0.01, 0.9))(lambda y: mp.erfinv(1 - y)),
    "ndtri": on((0.01, 0.45))(lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1)),
    "log_ndtr": on((-12.0, 5.0))(lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)),
    "expit": on((0.3, 30.0))(lambda x: 1 / (1 + mp.exp(-x))),
    "log_expit": on((-30.0, 30.0))(lambda x: -mp.log1p(mp.exp(-x))),
    "logit": on((0.02, 0.48))(lambda p: mp.log(p / (1 - p))),
    "gamma": on((2.0, 9.0))(mp.gamma),
    "lgamma": on((1.6, 30.0))(mp.loggamma),
    "digamma": on((0.05, 30.0))(mp.digamma),
    "polygamma": Reference(
        lambda n, x: mp.polygamma(int(n), x), ((3.0,), Interval(0.05, 30.0)), constants=(0,)
    ),
    "betaln": on((1.5, 30.0), (1.5, 30.0))(lambda a, b: mp.log(mp.beta(a, b))),
    "beta": on((0.3, 9.0), (0.3, 9.0))(mp.beta),
    "xlogy": on(WIDE, (1.2, 9.0))(lambda x, y: x * mp.log(y)),
    "xlog1py": on(WIDE, (0.2, 9.0))(lambda x, y: x * mp.log1p(y)),
    "entr": on((0.5, 9.0))(lambda x: -x * mp.log(x)),
    "rel_entr": on((1.0, 9.0), (0.1, 0.9))(lambda x, y: x * mp.log(x / y)),
}

#: Both tails of what saturates or vanishes there: value and first derivative only.
TAILS: dict[str, tuple[float, ...]] = {
    "exp": (-700.0, 700.0), "expm1": (-10.0, 1e-12, -1e-12), "log1p": (1e-14, -1e-14, 1e300),
    "erfc": (20.0, 26.0), "erfcx": (20.0, 30.0, 1e8), "log_ndtr": (-1e4, -300.0, 9.0),
    "expit": (-700.0, -40.0, 40.0, 700.0), "log_expit": (-1e5, 40.0, 700.0),
    "logit": (1e-300, 1e-9, 1 - 1e-9), "lgamma": (1e-9, 1.0 + 1e-9, 2.0 - 1e-9, 1e6, 1e200),
    "digamma": (1e-9, 1.4616, 1.4617, 1e6, 1e100), "gamma": (1e-9, 150.0, -3.5, -0.25),
    "erfinv": (1e-12, 1 - 1e-12), "ndtri": (1e-300, 1e-12), "erfcinv": (1e-300, 1e-12),
    "tanh": (6.0, 1e-9), "arctan": (1e9, 1e-9), "sqrt": (1e-300, 1e300),
}  # fmt: skip
