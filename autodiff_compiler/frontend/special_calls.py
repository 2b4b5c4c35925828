"""The functions of `scipy.special`, which only the user's program imports.

Its ufuncs say nothing of where they come from, so they are known by identity, once the module is
there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.graph import Value
from ..ir.op import TABLE, Op
from ..ir.types import F64, FLOATS, NUMPY_DTYPE, Array
from ..ops import elementwise as ew
from ..ops import numerics, special
from ..ops.reduce import max_
from ..ops.shape import full, squeeze
from . import arrays, known, library_special, ufuncs
from .arrays import convert, fresh_array, is_operand, operand, wrap
from .reductions import check_not_empty, reduce_value
from .registry import HANDLERS, axes, flag, given, integer
from .state import State
from .values import Abstract, Static, TupleVal
from .views import read

if TYPE_CHECKING:
    from .tracer import Tracer

MODULE = "scipy.special"
#: Orders beyond which factorials and powers leave the range of floats.
_HIGHEST_ORDER = 40

#: Made of other functions: what the front end reads in the place of the ufunc.
_SOURCES = {
    "ndtr": library_special.ndtr, "loggamma": library_special.loggamma, "kl_div": library_special.kl_div,
    "huber": library_special.huber, "pseudo_huber": library_special.pseudo_huber, "exp10": library_special.exp10,
}  # fmt: skip
#: Twins of NumPy's, where the op's record does not say so.
_TWINS = {
    "exp2": "np.exp2",
    "expm1": "np.expm1",
    "log1p": "np.log1p",
    "cbrt": "np.cbrt",
    "sinc": "np.sinc",
}

#: Functions by the name that they have in `scipy.special`.
NAMED: dict[str, Callable[..., Abstract]] = {}
_seen: ModuleType | None = None


def discover() -> None:
    """Notes the functions of `scipy.special`, if the user has imported it since this was last asked."""
    global _seen
    module = sys.modules.get(MODULE)
    if module is None or module is _seen:
        return
    _seen = module
    for name, op in spelled().items():
        found = getattr(module, name, None)
        if isinstance(found, np.ufunc) and found.nin == len(_operands(op)):
            ufuncs.OPS.setdefault(found, op)
    for name, handler in NAMED.items():
        found = getattr(module, name, None)
        if found is not None:
            HANDLERS.setdefault(found, handler)


def belongs(function: Any) -> bool:
    """Is it a function of `scipy.special`? Of its ufuncs, those are meant that NumPy has not."""
    name = getattr(function, "__name__", None)
    if isinstance(function, np.ufunc):
        module = sys.modules.get(MODULE)
        return name is not None and getattr(module, name, None) is function is not getattr(
            np, name, None
        )
    return (getattr(function, "__module__", None) or "").startswith(MODULE)


def spelled() -> dict[str, Op]:
    """The functions that are one op, by the spellings in the ops' records."""
    found = {}
    twins = {spelling: name for name, spelling in _TWINS.items()}
    for op in TABLE.values():
        for spelling in op.spellings:
            if spelling.startswith(MODULE + "."):
                found[spelling.removeprefix(MODULE + ".")] = op
            elif spelling in twins and op.kind == "elementwise":
                found[twins[spelling]] = op
    return {name: op for name, op in found.items() if name not in _SOURCES and name != "polygamma"}


def _operands(op: Op) -> Sequence[str]:
    return [letter for letter in "xyz" if "{" + letter + "}" in str(op.numpy)]


def _named(name: str) -> Callable[[Callable[..., Abstract]], Callable[..., Abstract]]:
    def register(handler: Callable[..., Abstract]) -> Callable[..., Abstract]:
        NAMED[name] = handler
        return handler

    return register


# --- ufuncs that are made of others ---------------------------------------------------------------


def _read_instead(name: str, source: FunctionType) -> Callable[..., Abstract]:
    def values_of(st: State, args: Sequence[Abstract]) -> list[Abstract]:
        for x in args:
            if not is_operand(x):
                st.refuse(f"{MODULE}.{name} takes numbers and arrays")
        operands = [operand(st, x) for x in args]
        loop = ufuncs.loop_dtypes(st, getattr(sys.modules[MODULE], name), operands)
        return [wrap(st, ufuncs.to_dtype(st, x, d)) for x, d in zip(operands, loop)]

    def one(st: Tracer, x: Abstract, out: Abstract | None = None) -> Abstract:
        return st.inline_source(source, values_of(st, [x]))

    def two(st: Tracer, x: Abstract, y: Abstract, out: Abstract | None = None) -> Abstract:
        return st.inline_source(source, values_of(st, [x, y]))

    return one if source.__code__.co_argcount == 1 else two


for _name, _source in _SOURCES.items():
    NAMED[_name] = _read_instead(_name, _source)


def _op(op: Op) -> Callable[..., Abstract]:
    """What `library_special` calls under the name that a function has in `numerics`."""

    def handler(st: State, *args: Abstract) -> Abstract:
        return wrap(st, ufuncs.emit(st, op, [operand(st, x).value for x in args]))

    return handler


for _candidate in vars(special).values():
    if isinstance(_candidate, Op) and hasattr(numerics, _candidate.name):
        HANDLERS[getattr(numerics, _candidate.name)] = _op(_candidate)


@_named("softplus")
def softplus(st: Tracer, x: Abstract) -> Abstract:
    value = operand(st, x)
    dtype = np.logaddexp.resolve_dtypes((int, value.given, None))[-1]
    if value.weak is not None:
        dtype = np.dtype(float)
    return st.inline_source(library_special.softplus, [wrap(st, ufuncs.to_dtype(st, value, dtype))])


@_named("polygamma")
def polygamma(st: State, n: Abstract, x: Abstract) -> Abstract:
    order = integer(st, n, "the order of polygamma")
    if not 0 <= order <= _HIGHEST_ORDER:
        st.refuse(
            f"polygamma of an order that is not one of 0, ..., {_HIGHEST_ORDER} is not supported"
        )
    value = convert(st, operand(st, x).value, F64)
    if order == 0:
        found = st.b.emit(special.digamma, value)
    else:
        found = st.b.emit(special.polygamma, known.const(st, float(order), F64), value)
    # SciPy gives an array even for a number.
    return fresh_array(
        st, found if isinstance(found.type, Array) else st.b.emit(full, found, ones=())
    )


# --- exponentials along axes ----------------------------------------------------------------------


def _floats(st: State, x: Abstract, name: str) -> Value:
    value = operand(st, x).value
    if not isinstance(value.type, Array):
        st.refuse(f"{MODULE}.{name} of a number is not supported", "it takes an array")
    return value if value.type.dtype in FLOATS else convert(st, value, F64)


def _top(st: State, value: Value, over: Sequence[int]) -> Abstract:
    """The largest entries, or 0 where they are infinite; no derivative goes through them."""
    check_not_empty(st, value, over)
    top = reduce_value(st, max_, value, over, True)
    finite = st.b.emit(ew.isfinite, top)
    top = st.b.emit(ew.select, finite, top, known.const(st, 0.0, top.type.dtype))
    return fresh_array(st, st.b.emit(ew.stop_gradient, top))


def _axis(over: Sequence[int]) -> TupleVal:
    return TupleVal(tuple(map(Static, over)))


@_named("logsumexp")
def logsumexp(
    st: Tracer, a: Abstract, axis: Abstract | None = None, b: Abstract | None = None,
    keepdims: Abstract | None = None, return_sign: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if flag(st, return_sign):
        st.refuse("logsumexp with return_sign=True is not supported")
    value = _floats(st, a, "logsumexp")
    if given(b):
        return _weighted(st, value, b, axis, flag(st, keepdims))
    over = axes(st, axis, value.type.rank)
    args = (fresh_array(st, value), _top(st, value, over), _axis(over))
    return _reduced(st, st.inline_source(library_special.logsumexp, args), over, flag(st, keepdims))


def _weighted(
    st: Tracer, value: Value, b: Abstract, axis: Abstract | None, keepdims: bool
) -> Abstract:
    given_ = operand(st, b)
    weights = given_.value
    weak = given_.weak in (int, float)
    common = np.result_type(NUMPY_DTYPE[value.type.dtype], *(() if weak else (given_.dtype,)))
    dtype = arrays.named_dtype(st, common)
    value, weights = convert(st, value, dtype), convert(st, weights, dtype)
    # Entries of no weight count for nothing, even if they are infinite.
    none = st.b.emit(ew.eq, weights, known.const(st, 0.0, dtype))
    lowest = known.const(st, -np.inf, dtype)
    value = ufuncs.emit(st, ew.select, [none, lowest, value])
    over = axes(st, axis, value.type.rank)
    args = (fresh_array(st, value), wrap(st, weights), _top(st, value, over), _axis(over))
    return _reduced(st, st.inline_source(library_special.weighted_logsumexp, args), over, keepdims)


def _reduced(st: State, x: Abstract, over: Sequence[int], keepdims: bool) -> Abstract:
    value = operand(st, x).value
    return wrap(st, value if keepdims or not over else st.b.emit(squeeze, value, axes=tuple(over)))


@_named("softmax")
def softmax(st: Tracer, x: Abstract, axis: Abstract | None = None) -> Abstract:
    value = _floats(st, x, "softmax")
    over = axes(st, axis, value.type.rank)
    args = (fresh_array(st, value), _top(st, value, over), _axis(over))
    return st.inline_source(library_special.softmax, args)


@_named("log_softmax")
def log_softmax(st: Tracer, x: Abstract, axis: Abstract | None = None) -> Abstract:
    value = _floats(st, x, "log_softmax")
    over = axes(st, axis, value.type.rank)
    top = _top(st, value, over)
    shifted = fresh_array(st, st.b.emit(ew.sub, value, read(st, top)))
    zero = fresh_array(st, st.b.emit(ew.mul, read(st, top), known.const(st, 0.0, value.type.dtype)))
    total = st.inline_source(library_special.logsumexp, (shifted, zero, _axis(over)))
    return ufuncs.apply(st, np.subtract, [shifted, total])
