"""Methods of `scipy.stats.norm`, and SciPy's other functions, which are refused where they are called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.types import F32, F64, FLOATS
from . import library_stats
from .arrays import convert, is_operand, operand, wrap
from .registry import given
from .state import State
from .values import Abstract, Static

if TYPE_CHECKING:
    from .tracer import Tracer

_DENSITIES = {
    "pdf": library_stats.norm_pdf, "logpdf": library_stats.norm_logpdf,
    "cdf": library_stats.norm_cdf, "logcdf": library_stats.norm_logcdf,
    "sf": library_stats.norm_sf, "logsf": library_stats.norm_logsf,
}  # fmt: skip
_QUANTILES = {"ppf": library_stats.norm_ppf, "isf": library_stats.norm_isf}
_OLD_NUMPY = int(np.__version__.partition(".")[0]) < 2

Handler = Callable[..., Abstract]


def handler(owner: Any, name: str) -> Handler | None:
    """What traces a call of a method of `scipy.stats.norm`, if `owner` is that."""
    if owner is None or owner is not getattr(sys.modules.get("scipy.stats"), "norm", None):
        return None
    return _HANDLERS.get(name)


def _traced(program: Callable[..., Any]) -> Handler:
    def density(
        st: Tracer, x: Abstract, loc: Abstract | None = None, scale: Abstract | None = None
    ) -> Abstract:
        return _called(st, program, x, loc, scale)

    def quantile(
        st: Tracer, q: Abstract, loc: Abstract | None = None, scale: Abstract | None = None
    ) -> Abstract:
        return _called(st, program, q, loc, scale)

    return quantile if program in _QUANTILES.values() else density


_HANDLERS = {name: _traced(program) for name, program in (_DENSITIES | _QUANTILES).items()}


def _called(
    st: Tracer, program: Any, x: Abstract, loc: Abstract | None, scale: Abstract | None
) -> Abstract:
    """As SciPy: an integer stands for what is left out, and an integer makes double precision."""
    args = [_number(st, x, given(loc) and program not in _QUANTILES.values())]
    for other in (loc, scale):
        args.append(_number(st, other, True) if other is not None else Static(None))
    return st.inline_source(program, args)


def _number(st: State, x: Abstract, single: bool) -> Abstract:
    """In double precision; `single`: unless it is of single precision."""
    if not is_operand(x):
        st.refuse("methods of scipy.stats.norm take numbers and arrays")
    value = operand(st, x).value
    if value.type.dtype == F32 and _OLD_NUMPY:
        st.refuse("scipy.stats.norm of single precision is not supported", "use `.astype(float)`")
    return wrap(st, value if single and value.type.dtype in FLOATS else convert(st, value, F64))


def refuse_others(st: State, function: Any, method: str = "") -> None:
    """SciPy's sources check, dispatch and iterate: none of that is the user's to read about."""
    module = getattr(function, "__module__", None) or ""
    if module.partition(".")[0] != "scipy":
        return
    name = getattr(function, "__name__", None) or getattr(function, "name", "")
    if not isinstance(name, str) or not name:
        name = type(function).__name__
    public = [part for part in module.split(".") if not part.startswith("_")]
    full = ".".join([*public, name, *([method] if method else [])])
    st.refuse(
        f"{full} is not supported", "write its formula out, or call it outside and pass the result"
    )
