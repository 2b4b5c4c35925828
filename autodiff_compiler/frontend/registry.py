"""Which Python functions are known, and what traces a call of each.

A handler takes the state and the call's abstract arguments under NumPy's own parameter names; what
it has no parameter for is refused. None stands for what was not given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.types import DTYPE_NAME
from .arrays import items_of
from .frames import PythonRaises
from .promotion import assign
from .state import State
from .values import Abstract, ArrayRef, ListRef, Num, Static, TupleVal

Handler = Callable[..., Abstract]

HANDLERS: dict[Hashable, Handler] = {}
METHODS: dict[str, Handler] = {}
_SIGNATURES: dict[Handler, inspect.Signature] = {}


def handles(*functions: Any, methods: Sequence[str] = ()) -> Callable[[Handler], Handler]:
    """Registers a handler for functions, and for the array methods whose first argument is the array."""

    def register(handler: Handler) -> Handler:
        for function in functions:
            HANDLERS[function] = handler
        for name in methods:
            METHODS[name] = handler
        return handler

    return register


def invoke(
    st: State, handler: Handler, name: str, args: Sequence[Abstract], kwargs: Mapping[str, Abstract]
) -> Abstract:
    """Calls a handler; refuses arguments that it does not know."""
    signature = _SIGNATURES.get(handler)
    if signature is None:
        signature = _SIGNATURES[handler] = inspect.signature(handler)
    try:
        bound = signature.bind(st, *args, **kwargs)
    except TypeError as error:
        st.refuse(f"this call of {name} is not supported: {error}")
    out = bound.arguments.pop("out", None)
    result = handler(*bound.args, **bound.kwargs)
    return into(st, out, result, exact=True) if given(out) else result


def into(st: State, out: Abstract, result: Abstract, exact: bool = False) -> ArrayRef:
    """`out=`: the result goes into an array, which is the value of the call."""
    (target,) = sequence(st, out)
    if not isinstance(target, ArrayRef):
        st.refuse("`out=` takes an array")
    return assign(st, target, result, exact)


def given(x: Abstract | None) -> bool:
    """Was this argument given, and not as None?"""
    return x is not None and not (isinstance(x, Static) and x.value is None)


def flag(st: State, x: Abstract | None, default: bool = False) -> bool:
    """An argument that must be known: `keepdims=True`."""
    if not given(x):
        return default
    if isinstance(x, Static) and isinstance(x.value, (bool, int, np.bool_)):
        return bool(x.value)
    st.refuse("this flag must be written as True or False")


def integer(st: State, x: Abstract, what: str = "this argument") -> int:
    """An integer that must be known at compile time."""
    if isinstance(x, Static) and isinstance(x.value, (int, np.integer)):
        return int(x.value)
    if isinstance(x, Num):
        literal = st.b.constants.get(x.value)
        if isinstance(literal, int):
            return int(literal)
    st.refuse(f"{what} must be an integer that is known at compile time")


def sequence(st: State, x: Abstract) -> tuple[Abstract, ...]:
    """The items of a tuple or list, or the one thing that it is."""
    if isinstance(x, (TupleVal, ListRef)):
        items = items_of(st, x)
        if items is None:
            st.refuse(
                "a list that grows is not supported here", "make it an array: `np.array(items)`"
            )
        return items
    if isinstance(x, Static) and isinstance(x.value, (tuple, list)):
        return tuple(map(Static, x.value))
    return (x,)


def axes(st: State, axis: Abstract | None, rank: int) -> tuple[int, ...]:
    """`axis=` as ascending axes: all of them for None."""
    if not given(axis):
        return tuple(range(rank))
    found = [one_axis(st, a, rank) for a in sequence(st, axis)]
    if len(set(found)) != len(found):
        raise PythonRaises("duplicate value in 'axis'")
    return tuple(sorted(found))


def one_axis(st: State, axis: Abstract, rank: int) -> int:
    found = integer(st, axis, "an axis")
    if not -rank <= found < rank:
        raise PythonRaises(f"axis {found} is out of bounds for an array of dimension {rank}")
    return found % rank


def dtype_argument(st: State, x: Abstract | None) -> str | None:
    """`dtype=` as the IR's name; None if it was not given."""
    if not given(x):
        return None
    if not isinstance(x, Static):
        st.refuse("a dtype must be known at compile time")
    try:
        dtype = np.dtype(x.value)
    except TypeError:
        st.refuse(f"{x.value!r} is no dtype")
    name = DTYPE_NAME.get(dtype)
    if name is None:
        st.refuse(
            f"arrays of dtype {dtype} are not supported",
            "use float64, float32, int64, int32 or bool",
        )
    return name
