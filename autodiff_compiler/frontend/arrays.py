"""Abstract values as operands of graph nodes: what NumPy's dtype of them is, casts, broadcasting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import (
    BOOL,
    DTYPE_NAME,
    F32,
    F64,
    FLOATS,
    I32,
    I64,
    INTS,
    NUMPY_DTYPE,
    Array,
    Scalar,
)
from ..ops.elementwise import and_, cast, ge, le, ne, trunc_to_int
from ..ops.index import store
from ..ops.shape import copy, full
from ..ops.stack import to_array
from . import known, progressions
from .frames import PythonRaises
from .state import State
from .values import Abstract, ArrayRef, ListRef, Num, RangeVal, Static, TupleVal
from .views import dims_of, fit, read, read_scalar, type_of
from .walk import describe

__all__ = [
    "Operand", "operand", "is_operand", "is_number", "is_static_number", "read", "type_of", "dims_of", "as_value",
    "as_array", "dtype_of", "to_dtype", "convert", "check_broadcast", "fresh_array", "wrap", "named_dtype", "as_bool",
]  # fmt: skip

BROADCAST = "operands could not be broadcast together"
_WEAK = {BOOL: bool, I64: int, F64: float}
_PYTHON_NUMBERS = (bool, int, float)


@dataclass(frozen=True, slots=True)
class Operand:
    """A graph value as NumPy sees it: a scalar, or an array of rank 1 or more.

    `dtype` may be one that kernels receive as i64. `weak`: the type of Python's own number.
    `mixed`: on some ways through the program it is NumPy's instead.
    """

    value: Value
    dtype: np.dtype
    weak: type | None = None
    mixed: bool = False

    @property
    def given(self) -> Any:
        """What stands for it in NumPy's promotion."""
        return self.weak if self.weak in (int, float) else self.dtype


def is_static_number(x: Abstract) -> bool:
    return isinstance(x, Static) and isinstance(x.value, (*_PYTHON_NUMBERS, np.number, np.bool_))


def is_number(x: Abstract) -> bool:
    return isinstance(x, Num) or is_static_number(x)


def is_operand(x: Abstract) -> bool:
    """May NumPy compute with it? Numbers, arrays, and lists and tuples of them."""
    return is_number(x) or isinstance(x, (ArrayRef, TupleVal, ListRef))


def operand(st: State, x: Abstract) -> Operand:
    """A number or array as an operand; a 0-d array as the scalar that NumPy makes of it."""
    if isinstance(x, ArrayRef):
        dtype = dtype_of(st, x)
        scalar = type_of(st, x).rank == 0
        return Operand(read_scalar(st, x) if scalar else read(st, x), dtype)
    if isinstance(x, Num):
        weak = _WEAK[x.dtype] if x.python else None
        return Operand(x.value, NUMPY_DTYPE[x.dtype], weak, x.mixed)
    if is_static_number(x):
        return _literal(st, x.value)
    if isinstance(x, (TupleVal, ListRef)):
        value = as_value(st, x)
        return Operand(value, NUMPY_DTYPE[value.type.dtype])
    if isinstance(x, RangeVal):
        value, length = range_value(st, x)
        st.check_at_least(length, 1, "NumPy makes an array of floats of an empty range")
        return Operand(value, np.dtype(np.int64))
    what = repr(x.value) if isinstance(x, Static) else describe(st, x)
    st.refuse(f"{what} is no number or array")


def range_value(st: State, x: RangeVal) -> tuple[Value, KnownDim]:
    """The numbers of a range as an array of i64, and how many they are."""
    first, last, by = (convert(st, operand(st, b).value, I64) for b in (x.start, x.stop, x.step))
    length = progressions.length_of(st, first, last, by)
    return progressions.whole_numbers(st, first, by, length), length


def strong(x: Operand) -> Operand:
    """A number as the array that NumPy makes of it: with a dtype of its own."""
    return Operand(x.value, x.dtype)


def _literal(st: State, value: Any) -> Operand:
    if isinstance(value, np.generic):
        name = DTYPE_NAME.get(value.dtype)
        if name is None:
            st.refuse(f"numbers of dtype {value.dtype} are not supported", "use float64 or int64")
        return Operand(known.const(st, value.item(), name), value.dtype)
    if isinstance(value, bool):
        return Operand(known.const(st, value, BOOL), np.dtype(bool), bool)
    if isinstance(value, float):
        return Operand(known.const(st, value, F64), np.dtype(float), float)
    if not -(2**63) <= value < 2**63:
        st.refuse(f"the integer {value} is beyond 64 bits", "write it as a float")
    return Operand(known.const(st, int(value)), np.dtype(np.int64), int)


def dtype_of(st: State, x: Abstract) -> np.dtype:
    """The dtype that NumPy would say it has."""
    if isinstance(x, ArrayRef):
        if x.object.foreign:
            return np.dtype(x.object.foreign)
        return NUMPY_DTYPE[st.version(x.object).type.dtype]
    return operand(st, x).dtype


def foreign_name(dtype: np.dtype) -> str:
    """What `Object.foreign` holds for an array of this dtype."""
    return "" if dtype in DTYPE_NAME else dtype.name


# --- casts ----------------------------------------------------------------------------------------


def named_dtype(st: State, dtype: np.dtype) -> str:
    """The IR's name of a dtype; refuses those that it has not."""
    name = DTYPE_NAME.get(dtype)
    if name is None:
        st.refuse(
            f"this has dtype {dtype} in NumPy, which is not supported",
            "convert first: `.astype(np.int64)` or `.astype(np.float64)`",
        )
    return name


def to_dtype(st: State, x: Operand, dtype: np.dtype) -> Value:
    """The operand in the dtype of the loop that NumPy runs."""
    name = named_dtype(st, dtype)
    if x.weak is int and name == I32:
        _check_range(st, x.value)
    return convert(st, x.value, name)


def _check_range(st: State, value: Value) -> None:
    """Python's ints raise where they do not fit an int32."""
    fine = known.fits(st, value, I32)
    if st.b.constants.get(value) is not None:
        if not fine:
            raise PythonRaises("Python integer out of bounds for int32")
        return
    low, high = known.const(st, -(2**31)), known.const(st, 2**31 - 1)
    above, below = st.b.emit(ge, value, low), st.b.emit(le, value, high)
    st.check(st.b.emit(and_, above, below), "Python integer out of bounds for int32")


def convert(st: State, value: Value, name: str) -> Value:
    """NumPy's `astype`, nothing if the dtype is that already."""
    have = value.type.dtype
    if have == name:
        return value
    literal = st.b.constants.get(value)
    if literal is not None and (name in FLOATS or name == BOOL):
        return known.const(st, NUMPY_DTYPE[name].type(literal).item(), name)
    if literal is not None and have != F64 and have != F32 and known.fits(st, value, name):
        return known.const(st, int(literal), name)
    if name == BOOL:
        return as_bool(st, value)
    if have in FLOATS and name in INTS:
        value = st.b.emit(trunc_to_int, value)
        return value if name == I64 else st.b.emit(cast, value, dtype=name)
    return st.b.emit(cast, value, dtype=name)


def as_bool(st: State, value: Value) -> Value:
    """Is it not zero? Elementwise."""
    if value.type.dtype == BOOL:
        return value
    return st.b.emit(ne, value, known.const(st, 0, value.type.dtype))


# --- shapes ---------------------------------------------------------------------------------------


def check_broadcast(st: State, values: Sequence[Value]) -> None:
    """Along each axis, the dims that are not known to be 1 must agree."""
    shapes = [st.b.dims[v] for v in values if isinstance(v.type, Array)]
    rank = max(map(len, shapes), default=0)
    for axis in range(1, rank + 1):
        dims = [s[-axis] for s in shapes if len(s) >= axis and s[-axis] != 1]
        for d in dims[1:]:
            st.check_same(dims[0], d, BROADCAST)


def broadcast_dims(values: Sequence[Value], st: State) -> tuple[KnownDim, ...]:
    """The dims of a broadcast that has been checked."""
    shapes = [st.b.dims[v] for v in values if isinstance(v.type, Array)]
    rank = max(map(len, shapes), default=0)
    out: list[KnownDim] = [1] * rank
    for s in shapes:
        for k, d in enumerate(s, start=rank - len(s)):
            if isinstance(out[k], int):
                out[k] = d
    return tuple(out)


def fresh_array(st: State, value: Value, foreign: str = "") -> ArrayRef:
    """A new array object, made by an operation and under no name yet. `value` belongs to no other."""
    ref = st.new_array(value)
    ref.object.fresh = True
    ref.object.foreign = foreign
    return ref


def numpy_number(st: State, value: Value) -> Value:
    """A scalar that may be Python's own, as NumPy's: a cast that says so, for it changes nothing."""
    if value in st.b.constants:
        return value
    return st.b.emit(cast, value, dtype=value.type.dtype)


def wrap(st: State, value: Value) -> Abstract:
    """What a NumPy operation yields: a fresh array, or NumPy's scalar."""
    if isinstance(value.type, Scalar):
        return Num(value, False)
    return fresh_array(st, value)


def copied(st: State, x: Abstract) -> ArrayRef:
    """`np.array(x)`: a fresh array with the same contents."""
    if isinstance(x, ArrayRef):
        value = st.b.emit(copy, read(st, x)) if x.path is None else read(st, x)
        if x.path is not None and value is st.version(x.object):
            value = st.b.emit(copy, value)
        return fresh_array(st, value, x.object.foreign)
    return fresh_array(st, as_array(st, x))


# --- lists and tuples of numbers ------------------------------------------------------------------


def as_value(st: State, x: Abstract, dtype: str | None = None) -> Value:
    """A number, an array, or nested lists and tuples of them, as one graph value.

    An array's value may be the object's own version.
    """
    if isinstance(x, (TupleVal, ListRef)):
        value = _join(st, x)
    elif isinstance(x, ArrayRef) and dtype is None and x.object.foreign:
        named_dtype(st, dtype_of(st, x))
    else:
        value = read(st, x) if isinstance(x, ArrayRef) else operand(st, x).value
    return value if dtype is None else convert(st, value, dtype)


def as_array(st: State, x: Abstract, dtype: str | None = None) -> Value:
    """As `as_value`, with a number made a 0-d array."""
    value = as_value(st, x, dtype)
    return st.b.emit(full, value, ones=()) if isinstance(value.type, Scalar) else value


def items_of(st: State, x: TupleVal | ListRef) -> tuple[Abstract, ...] | None:
    """The elements of a tuple or list; None if their number is not known."""
    if isinstance(x, TupleVal):
        return x.items
    entry = st.heap[x.object]
    return entry if isinstance(entry, tuple) else None


def _join(st: State, x: TupleVal | ListRef) -> Value:
    items = items_of(st, x)
    if items is None:
        return _join_stack(st, x)
    leaves = list(_leaves(st, x, ()))
    if not leaves:
        return st.b.emit(full, known.const(st, 0.0, F64), known.const(st, 0), ones=(False,))
    depth = len(leaves[0][0])
    counts = tuple(
        1 + max(place[k] for place, _ in leaves) for k in range(min(len(p) for p, _ in leaves))
    )
    if (
        len(counts) != depth
        or any(len(p) != depth for p, _ in leaves)
        or len(leaves) != np.prod(counts)
    ):
        raise PythonRaises("a list of lists of different lengths makes no array")
    dtype = named_dtype(st, np.result_type(*(leaf.dtype for _, leaf in leaves)))
    return _assemble(st, counts, [(p, convert(st, leaf.value, dtype)) for p, leaf in leaves])


def _leaves(
    st: State, x: Abstract, place: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], Operand]]:
    if isinstance(x, (TupleVal, ListRef)):
        items = items_of(st, x)
        if items is not None:
            for k, item in enumerate(items):
                yield from _leaves(st, item, (*place, k))
            return
    yield place, operand(st, x)


def _assemble(
    st: State, counts: tuple[int, ...], leaves: list[tuple[tuple[int, ...], Value]]
) -> Value:
    """An array of `counts` elements, each a scalar or an array of the same dims."""
    first = leaves[0][1]
    if len({leaf.type.rank for _, leaf in leaves}) > 1:
        st.refuse("arrays of different ranks do not stack")
    inner = st.b.dims[first] if isinstance(first.type, Array) else ()
    dims = (*counts, *inner)
    sizes = [known.value(st, d) for d in dims]
    zero = known.const(st, 0, first.type.dtype)
    out = st.b.emit(full, zero, *sizes, ones=known.ones_of(dims))
    for place, leaf in leaves:
        leaf = fit(st, leaf, inner, "arrays of different shapes do not stack")
        index: list[Value] = [known.const(st, k) for k in place]
        for d in inner:
            index += (known.const(st, 0), known.value(st, d), known.const(st, 1))
        letters = "i" * len(place) + "s" * len(inner)
        ones = tuple(k + len(place) for k, d in enumerate(inner) if isinstance(d, int) and d == 1)
        out = st.b.emit(store, out, leaf, *index, index=letters, ones=ones)
    return out


def _join_stack(st: State, x: ListRef) -> Value:
    """A list that grew in a loop, as an array."""
    dims = st.elements[x.object].dims
    return st.b.emit(to_array, st.version(x.object), *(known.value(st, d) for d in dims))
