"""Functions of NumPy that are programs in others: the front end reads their source where they are called.

The programs stand in `library_sums`, `library_signals` and `library_shapes`; their parameters are NumPy's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import library_shapes as shapes
from . import library_signals as signals
from . import library_sums as sums
from . import library_windows as windows
from .registry import Handler, handles
from .values import Abstract, Static

if TYPE_CHECKING:
    from .tracer import Tracer

_PROGRAMS: dict[Any, Callable[..., Any]] = {
    np.nansum: sums.nansum, np.nanprod: sums.nanprod, np.nancumsum: sums.nancumsum,
    np.nancumprod: sums.nancumprod, np.nanmean: sums.nanmean, np.nanvar: sums.nanvar,
    np.nanstd: sums.nanstd, np.nanmax: sums.nanmax, np.nanmin: sums.nanmin,
    np.nanargmax: sums.nanargmax, np.nanargmin: sums.nanargmin, np.median: sums.median,
    np.nanmedian: sums.nanmedian, np.quantile: sums.quantile, np.percentile: sums.percentile,
    np.average: sums.average, np.cov: sums.cov, np.corrcoef: sums.corrcoef,
    np.interp: signals.interp, np.convolve: signals.convolve, np.correlate: signals.correlate,
    np.ediff1d: signals.ediff1d, np.unwrap: signals.unwrap, np.polyval: signals.polyval,
    np.digitize: signals.digitize, np.bincount: signals.bincount, np.isclose: signals.isclose,
    np.allclose: signals.allclose, np.nan_to_num: signals.nan_to_num, np.isin: signals.isin,
    np.tile: shapes.tile, np.rot90: shapes.rot90, np.diagflat: shapes.diagflat,
    np.vander: shapes.vander, np.tri: shapes.tri, np.argwhere: shapes.argwhere,
    np.tril_indices: shapes.tril_indices, np.triu_indices: shapes.triu_indices,
    np.diag_indices: shapes.diag_indices, np.diag_indices_from: shapes.diag_indices_from,
    np.tril_indices_from: shapes.tril_indices_from, np.triu_indices_from: shapes.triu_indices_from, np.extract: shapes.extract,
    np.logspace: shapes.logspace, np.atleast_3d: shapes.atleast_3d, np.dstack: shapes.dstack,
    np.repeat: shapes.repeat, np.delete: shapes.delete, np.insert: shapes.insert,
    np.compress: shapes.compress, np.choose: shapes.choose, np.select: shapes.select,
    np.put: shapes.put, np.putmask: shapes.putmask, np.place: shapes.place,
    np.array_equal: shapes.array_equal, np.rollaxis: shapes.rollaxis,
    np.hanning: windows.hanning, np.hamming: windows.hamming, np.blackman: windows.blackman,
    np.bartlett: windows.bartlett,
}  # fmt: skip
#: What later versions of NumPy have under one name, or earlier ones under another.
_LATER = {
    "trapezoid": sums.trapezoid, "trapz": sums.trapezoid, "cumulative_sum": sums.cumulative_sum,
    "cumulative_prod": sums.cumulative_prod,
}  # fmt: skip
_PROGRAMS |= {getattr(np, name): f for name, f in _LATER.items() if hasattr(np, name)}
_STATE = inspect.Parameter("st", inspect.Parameter.POSITIONAL_ONLY)
_OUT = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)


def _handler(program: Callable[..., Any], numpys: Mapping[str, inspect.Parameter]) -> Handler:
    signature = inspect.signature(program)
    parameters = list(signature.parameters.values())

    def handler(st: Tracer, *args: Abstract, **kwargs: Abstract) -> Abstract:
        bound = signature.bind(*args, **kwargs)
        given = [
            bound.arguments.get(p.name, Static(None if p.default is p.empty else p.default))
            for p in parameters
        ]
        return st.inline_source(program, given)

    shown = _by_keyword(parameters, numpys)
    more = [_OUT] if "out" in numpys else []
    handler.__signature__ = inspect.Signature([_STATE, *shown, *more])  # type: ignore[attr-defined]
    return handler


def _by_keyword(
    parameters: list[inspect.Parameter], numpys: Mapping[str, inspect.Parameter]
) -> list[inspect.Parameter]:
    """What does not stand where NumPy has it is taken by keyword only."""
    theirs = list(numpys.values())
    for k, mine in enumerate(parameters[: len(theirs)]):
        there = theirs[k]
        if there.kind is there.VAR_POSITIONAL:
            break
        if there.name != mine.name or there.kind is there.KEYWORD_ONLY:
            late = (p.replace(kind=p.KEYWORD_ONLY) for p in parameters[k:])
            return [*parameters[:k], *late]
    return parameters


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    """NumPy's own parameters; nothing where it does not tell."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


for _function, _program in _PROGRAMS.items():
    handles(_function)(_handler(_program, _parameters(_function)))


def _method(name: str, program: Callable[..., Any], *order: int) -> None:
    """An array method; `order`: where its arguments, the array first, stand in the program's."""
    inner = _handler(program, {})

    def handler(st: Tracer, x: Abstract, *args: Abstract, **kwargs: Abstract) -> Abstract:
        given = [x, *args]
        if order:
            given[: len(order)] = [given[k] for k in order]
        return inner(st, *given, **kwargs)

    handles(methods=[name])(handler)


_method("repeat", shapes.repeat)
_method("choose", shapes.choose)
_method("put", shapes.put)
_method("compress", shapes.compress, 1, 0)
