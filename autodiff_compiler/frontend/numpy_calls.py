"""Calls of functions that are known by identity: NumPy's, math's, Python's builtins.

An elementwise function needs no line here: its op's record names it.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.types import DTYPE_NAME, FLOATS
from ..ops import elementwise as ew
from ..ops.functions import sinc as sinc_op
from . import (
    advanced,
    asking,
    builtin_calls,
    concatenation,
    creation,
    einsum,
    folding,
    linear_algebra,
    math_calls,
    math_more,
    norms,
    ordering,
    picking,
    pieces,
    products,
    reductions,
    scipy_calls,
    shaping,
    special_calls,
    ufunc_methods,
    ufuncs,
    written,
)
from .arrays import (
    as_bool,
    as_value,
    convert,
    fresh_array,
    is_operand,
    numpy_number,
    operand,
    type_of,
    wrap,
)
from .frames import PythonRaises
from .hints import hint_for
from .indexing import getitem, setitem
from .keys import SliceVal
from .promotion import assign
from .registry import HANDLERS, given, handles, into, invoke, one_axis
from .reshaping import flat_value
from .state import State
from .values import Abstract, ArrayRef, Num, Static, TupleVal

#: Modules that register their handlers on being imported.
_REGISTERED = (
    asking, builtin_calls, concatenation, creation, einsum, folding, linear_algebra, math_more, norms,
    ordering, picking, pieces, products, reductions, shaping, written,
)  # fmt: skip


def known(function: Any) -> bool:
    """Is a call of this function traced here?"""
    try:
        hash(function)
    except TypeError:
        return False
    special_calls.discover()
    return (
        isinstance(function, np.ufunc)
        or function in HANDLERS
        or function in math_calls.OPS
        or _ufunc_method(function) is not None
        or _scalar_type(function) is not None
        or scipy_calls.handler(function) is not None
        or _module(function) in ("numpy", "math", "builtins")
        or special_calls.belongs(function)
    )


def _module(function: Any) -> str:
    return (getattr(function, "__module__", None) or "").partition(".")[0]


def call(
    st: State, function: Any, args: Sequence[Abstract], kwargs: Mapping[str, Abstract]
) -> Abstract:
    """`function(*args, **kwargs)`."""
    name = name_of(function)
    if function in HANDLERS and not _foldable(function, args, kwargs):
        return invoke(st, HANDLERS[function], name, args, kwargs)
    of_scipy = scipy_calls.handler(function)
    if of_scipy is not None:
        return invoke(st, of_scipy, f"scipy.linalg.{function.__name__}", args, kwargs)
    if isinstance(function, np.ufunc):
        return _ufunc(st, function, name, args, dict(kwargs))
    if _foldable(function, args, kwargs):
        return _fold(st, function, args, kwargs)
    if function in math_calls.OPS and not kwargs:
        return math_calls.call(st, function, args)
    method = _ufunc_method(function)
    if method is not None:
        return ufunc_methods.call(st, *method, args, kwargs)
    dtype = _scalar_type(function)
    if dtype is not None and len(args) == 1 and not kwargs:
        return _converted(st, args[0], dtype)
    st.refuse(f"{name} is not supported", math_more.HINTS.get(function) or hint_for(name))


def name_of(function: Any) -> str:
    if special_calls.belongs(function):
        return f"{special_calls.MODULE}.{function.__name__}"
    short = {"numpy": "np.", "math": "math."}.get(_module(function), "")
    inner = (getattr(function, "__module__", None) or "").split(".")[1:2]
    if short and inner and inner[0] in ("linalg", "random", "fft"):
        short += f"{inner[0]}."
    return short + getattr(function, "__name__", repr(function))


def _ufunc(
    st: State, ufunc: np.ufunc, name: str, args: Sequence[Abstract], kwargs: dict[str, Abstract]
) -> Abstract:
    if not ufuncs.supported(ufunc):
        st.refuse(f"{name} is not supported", hint_for(name))
    out = kwargs.pop("out", None)
    dtype = kwargs.pop("dtype", None)
    if given(kwargs.get("where")) or set(kwargs) - {"where"}:
        st.refuse(
            f"{name} with {', '.join(kwargs)}= is not supported", "use np.where on the result"
        )
    if len(args) > ufunc.nin:
        *args, out = args
    for x in args:
        if not is_operand(x):
            st.refuse(f"{name} takes numbers and arrays")
    if given(dtype):
        st.refuse(f"{name} with dtype= is not supported", "use `.astype` on the operands")
    result = ufuncs.apply(st, ufunc, args)
    return into(st, out, result) if given(out) else result


def _ufunc_method(function: Any) -> tuple[np.ufunc, str] | None:
    owner = getattr(function, "__self__", None)
    return (owner, function.__name__) if isinstance(owner, np.ufunc) else None


def is_scalar_type(function: Any) -> bool:
    """Is it one of NumPy's number types, which convert?"""
    try:
        return _scalar_type(function) is not None
    except TypeError:  # an abstract one, such as np.floating
        return False


def _scalar_type(function: Any) -> np.dtype | None:
    if isinstance(function, type) and issubclass(function, np.generic):
        dtype = np.dtype(function)
        return dtype if dtype in DTYPE_NAME else None
    return None


def _converted(st: State, x: Abstract, dtype: np.dtype) -> Abstract:
    """`np.float64(x)`: NumPy's scalar, or an array of the dtype."""
    if isinstance(x, ArrayRef) and type_of(st, x).rank:
        return creation.array(st, x, Static(dtype))
    if isinstance(x, (ArrayRef, Num, Static)):
        given_ = operand(st, x)
        value = convert(st, given_.value, DTYPE_NAME[dtype])
        same = value is given_.value and given_.weak is not None
        return Num(numpy_number(st, value) if same else value, False)
    return wrap(st, as_value(st, x, DTYPE_NAME[dtype]))


# --- what Python can work out at once -----------------------------------------------------------

_PURE = {
    np.dtype, np.finfo, np.iinfo, np.issubdtype, np.result_type, np.promote_types, np.can_cast,
    builtins.isinstance, builtins.issubclass, builtins.str, builtins.repr, builtins.hash,
    builtins.callable, builtins.type,
}  # fmt: skip


def _foldable(function: Any, args: Sequence[Abstract], kwargs: Mapping[str, Abstract]) -> bool:
    """Are all arguments known, and the function one that has no effect?"""
    if not all(isinstance(x, Static) for x in (*args, *kwargs.values())):
        return False
    if _module(function) == "math":
        return not any(isinstance(x.value, np.ndarray) for x in args)
    return function in _PURE


def _fold(
    st: State, function: Any, args: Sequence[Abstract], kwargs: Mapping[str, Abstract]
) -> Abstract:
    try:
        return Static(function(*(x.value for x in args), **{k: x.value for k, x in kwargs.items()}))
    except (ArithmeticError, ValueError, TypeError) as error:
        raise PythonRaises(str(error)) from None


# --- NumPy's other functions ----------------------------------------------------------------------


@handles(np.where)
def where(
    st: State, condition: Abstract, x: Abstract | None = None, y: Abstract | None = None
) -> Abstract:
    if x is None and y is None:
        return nonzero(st, condition)
    if x is None or y is None:
        raise PythonRaises("either both or neither of x and y should be given")
    return ufuncs.select(st, condition, x, y)


@handles(np.nonzero, methods=["nonzero"])
def nonzero(st: State, a: Abstract) -> Abstract:
    mask = as_bool(st, operand(st, a).value)
    if not mask.type.rank:
        st.refuse("np.nonzero of a number is not supported")
    return TupleVal(tuple(fresh_array(st, v) for v in advanced.nonzero_of(st, mask)))


@handles(np.flatnonzero)
def flatnonzero(st: State, a: Abstract) -> Abstract:
    mask = flat_value(st, as_bool(st, operand(st, a).value))
    return fresh_array(st, advanced.nonzero_of(st, mask)[0])


@handles(np.clip, methods=["clip"])
def clip(
    st: State, a: Abstract, a_min: Abstract | None = None, a_max: Abstract | None = None,
    out: Abstract | None = None, *, min: Abstract | None = None, max: Abstract | None = None,
) -> Abstract:  # fmt: skip
    low, high = (x if given(x) else y for x, y in ((a_min, min), (a_max, max)))
    limits = [x for x in (low, high) if given(x)]
    if not limits:
        st.refuse("one of the limits of np.clip must be given")
    operands = [operand(st, x) for x in (a, *limits)]
    dtype = ufuncs.common_dtype(st, operands)
    value, *bounds = (ufuncs.to_dtype(st, x, dtype) for x in operands)
    ops = [op for op, x in ((ew.maximum, low), (ew.minimum, high)) if given(x)]
    for op, bound in zip(ops, bounds):
        value = ufuncs.emit(st, op, [value, bound])
    return wrap(st, value)


def _sinc_dtype(st: State, x: Abstract) -> str:
    dtype = operand(st, x).value.type.dtype
    return dtype if dtype in FLOATS else "f64"


@handles(np.sinc)
def sinc(st: State, x: Abstract) -> Abstract:
    return wrap(st, ufuncs.emit(st, sinc_op, [as_value(st, x, _sinc_dtype(st, x))]))


@handles(np.divmod)
def divmod_(st: State, x1: Abstract, x2: Abstract) -> Abstract:
    pair = (np.floor_divide, np.remainder)
    return TupleVal(tuple(ufuncs.apply(st, f, [x1, x2]) for f in pair))


@handles(np.fix)
def fix(st: State, x: Abstract, out: Abstract | None = None) -> Abstract:
    return ufuncs.apply(st, np.trunc, [x])


@handles(np.take, methods=["take"])
def take(
    st: State, a: Abstract, indices: Abstract, axis: Abstract | None = None,
    out: Abstract | None = None, mode: Abstract | None = None,
) -> Abstract:  # fmt: skip
    ref = shaping.as_ref(st, a)
    if given(mode) and mode != Static("raise"):
        st.refuse("np.take with a mode is not supported", "use `%` or np.clip on the indices")
    if not given(axis):
        return getitem(st, shaping.flatten(st, ref), indices)
    along = one_axis(st, axis, type_of(st, ref).rank)
    found = getitem(st, ref, TupleVal((*(SliceVal() for _ in range(along)), indices)))
    return (
        found
        if not isinstance(found, ArrayRef) or found.path is None
        else creation.copy_(st, found)
    )


@handles(np.copyto)
def copyto(st: State, dst: Abstract, src: Abstract, *, where: Abstract | None = None) -> Abstract:
    if not isinstance(dst, ArrayRef):
        st.refuse("np.copyto writes into an array")
    if given(where) and where != Static(True):
        src = ufuncs.select(st, where, src, dst)
    assign(st, dst, src)
    return Static(None)


@handles(np.fill_diagonal)
def fill_diagonal(st: State, a: Abstract, val: Abstract) -> Abstract:
    if not isinstance(a, ArrayRef) or type_of(st, a).rank != 2 or not is_operand(val):
        st.refuse("np.fill_diagonal takes a matrix and a number")
    if operand(st, val).value.type.rank:
        st.refuse("np.fill_diagonal with an array is not supported", "write a loop")
    rows, columns = st.b.dims[operand(st, a).value]
    if rows is not columns:
        st.check_same(rows, columns, "np.fill_diagonal of a matrix that is not square")
    places = fresh_array(st, creation.counting(st, rows))
    setitem(st, a, TupleVal((places, places)), val)
    return Static(None)


@handles(np.ndim)
def ndim(st: State, a: Abstract) -> Abstract:
    return Static(
        type_of(st, a).rank if isinstance(a, ArrayRef) else operand(st, a).value.type.rank
    )
