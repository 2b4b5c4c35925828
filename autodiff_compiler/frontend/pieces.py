"""Calls that take arrays apart or put a grid of them together: splitting, blocks, meshes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir.build import KnownDim
from ..ir.types import BOOL
from ..ops import elementwise as ew
from ..ops.shape import copy as copy_op
from . import advanced, known, shaping
from .arrays import as_array, as_bool, broadcast_dims, check_broadcast, fresh_array, operand
from .concatenation import concatenate, stack
from .creation import counting, shape_of
from .frames import PythonRaises
from .indexing import getitem
from .keys import SliceVal
from .registry import flag, given, handles, integer, one_axis, sequence
from .state import State
from .values import Abstract, ArrayRef, ListRef, Num, Static, TupleVal
from .views import dims_of, type_of, with_new_axes

FIRST, XY = Static(0), Static("xy")


def listed(st: State, items: Sequence[Abstract]) -> ListRef:
    for item in items:
        if isinstance(item, ArrayRef):
            item.object.fresh = False
    return st.new_list(tuple(items))


def _slab(st: State, ref: ArrayRef, axis: int, lower: KnownDim, upper: KnownDim | None) -> Abstract:
    low = Num(known.value(st, lower), True)
    high = None if upper is None else Num(known.value(st, upper), True)
    key = SliceVal(lower=low, upper=high)
    return getitem(st, ref, TupleVal((*(SliceVal() for _ in range(axis)), key)))


def _split(st: State, ary: Abstract, sections: Abstract, axis: int, equal: bool) -> Abstract:
    """Views of an array one behind the other; `sections` is their number, or where they begin."""
    ref = shaping.as_ref(st, ary)
    n = dims_of(st, ref)[axis]
    if isinstance(sections, (TupleVal, ListRef)):
        bounds = [st.i64(x) for x in sequence(st, sections)]
        edges = zip([known.const(st, 0), *bounds], [*bounds, None])
        return listed(st, [_slab(st, ref, axis, a, b) for a, b in edges])
    if isinstance(sections, ArrayRef):
        st.refuse("splitting at the entries of an array is not supported", "give a list of places")
    count = integer(st, sections, "the number of sections")
    if count <= 0:
        raise PythonRaises("number sections must be larger than 0.")
    size = known.calculate(st, ew.floordiv, n, count)
    rest = known.calculate(st, ew.sub, n, known.calculate(st, ew.mul, size, count))
    if equal:
        st.check_same(rest, 0, "array split does not result in an equal division")
    pieces: list[Abstract] = []
    start: KnownDim = 0
    for k in range(count):
        end = known.calculate(st, ew.add, start, size)
        if not equal:
            end = known.calculate(st, ew.add, end, _one_of(st, rest, k))
        pieces.append(_slab(st, ref, axis, start, end))
        start = end
    return listed(st, pieces)


def _one_of(st: State, rest: KnownDim, k: int) -> KnownDim:
    """The first pieces are one longer, as many as there are entries left over."""
    left = known.calculate(st, ew.maximum, known.calculate(st, ew.sub, rest, k), 0)
    return known.calculate(st, ew.minimum, left, 1)


@handles(np.split)
def split(
    st: State, ary: Abstract, indices_or_sections: Abstract, axis: Abstract = FIRST
) -> Abstract:
    along = one_axis(st, axis, type_of(st, shaping.as_ref(st, ary)).rank)
    return _split(st, ary, indices_or_sections, along, True)


@handles(np.array_split)
def array_split(
    st: State, ary: Abstract, indices_or_sections: Abstract, axis: Abstract = FIRST
) -> Abstract:
    along = one_axis(st, axis, type_of(st, shaping.as_ref(st, ary)).rank)
    return _split(st, ary, indices_or_sections, along, False)


def _split_along(st: State, ary: Abstract, sections: Abstract, axis: int, least: int) -> Abstract:
    if type_of(st, shaping.as_ref(st, ary)).rank < least:
        raise PythonRaises("the array has too few dimensions to be split so")
    return _split(st, ary, sections, axis, True)


@handles(np.hsplit)
def hsplit(st: State, ary: Abstract, indices_or_sections: Abstract) -> Abstract:
    rank = type_of(st, shaping.as_ref(st, ary)).rank
    return _split_along(st, ary, indices_or_sections, 1 if rank > 1 else 0, 1)


@handles(np.vsplit)
def vsplit(st: State, ary: Abstract, indices_or_sections: Abstract) -> Abstract:
    return _split_along(st, ary, indices_or_sections, 0, 2)


@handles(np.dsplit)
def dsplit(st: State, ary: Abstract, indices_or_sections: Abstract) -> Abstract:
    return _split_along(st, ary, indices_or_sections, 2, 3)


# --- blocks -------------------------------------------------------------------------------------------


def _depth(st: State, x: Abstract) -> int:
    if not isinstance(x, ListRef):
        return 0
    return 1 + max((_depth(st, item) for item in sequence(st, x)), default=0)


@handles(np.block)
def block(st: State, arrays: Abstract) -> Abstract:
    depth = _depth(st, arrays)
    rank = max(depth, _rank(st, arrays))
    if not depth:
        return fresh_array(st, as_array(st, arrays))
    return _block(st, arrays, depth, rank)


def _rank(st: State, x: Abstract) -> int:
    if isinstance(x, ListRef):
        return max((_rank(st, item) for item in sequence(st, x)), default=0)
    return type_of(st, x).rank if isinstance(x, ArrayRef) else operand(st, x).value.type.rank


def _block(st: State, x: Abstract, depth: int, rank: int) -> Abstract:
    if not depth:
        if isinstance(x, ListRef):
            raise PythonRaises("List depths are mismatched.")
        ref = shaping.as_ref(st, x)
        return with_new_axes(st, ref, range(rank - type_of(st, ref).rank))
    if not isinstance(x, ListRef):
        raise PythonRaises("List depths are mismatched.")
    parts = tuple(_block(st, item, depth - 1, rank) for item in sequence(st, x))
    return concatenate(st, TupleVal(parts), Static(rank - depth))


# --- grids --------------------------------------------------------------------------------------------


@handles(np.broadcast_arrays)
def broadcast_arrays(st: State, *args: Abstract) -> Abstract:
    refs = [shaping.as_ref(st, x) for x in args]
    values = [as_array(st, ref) for ref in refs]
    check_broadcast(st, values)
    dims = broadcast_dims(values, st)
    shape = TupleVal(tuple(Num(known.value(st, d), True) for d in dims))
    return TupleVal(tuple(shaping.broadcast_to(st, ref, shape) for ref in refs))


def _spread(st: State, vectors: Sequence[ArrayRef]) -> list[Abstract]:
    """Vector k along axis k, views of 1 along the others."""
    rank = len(vectors)
    return [with_new_axes(st, v, [j for j in range(rank) if j != k]) for k, v in enumerate(vectors)]


@handles(np.meshgrid)
def meshgrid(
    st: State, *xi: Abstract, copy: Abstract | None = None, sparse: Abstract | None = None,
    indexing: Abstract = XY,
) -> Abstract:  # fmt: skip
    if not isinstance(indexing, Static) or indexing.value not in ("xy", "ij"):
        raise PythonRaises("Valid values for `indexing` are 'xy' and 'ij'.")
    if not flag(st, copy, True):
        st.refuse("np.meshgrid with copy=False is not supported", "leave `copy` out")
    vectors = [
        shaping.ravel(st, x) if type_of(st, x).rank != 1 else x
        for x in (shaping.as_ref(st, x) for x in xi)
    ]
    order = list(range(len(vectors)))
    if indexing.value == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    spread = _spread(st, [vectors[k] for k in order])
    grids = [spread[order.index(k)] for k in range(len(vectors))]
    if not flag(st, sparse):
        shape = TupleVal(tuple(_length(st, vectors[k]) for k in order))
        grids = [shaping.broadcast_to(st, g, shape) for g in grids]
    return TupleVal(tuple(fresh_array(st, st.b.emit(copy_op, as_array(st, g))) for g in grids))


def _length(st: State, vector: ArrayRef) -> Abstract:
    n = dims_of(st, vector)[0]
    return Static(n) if isinstance(n, int) else Num(known.value(st, n), True)


@handles(np.ix_)
def ix_(st: State, *args: Abstract) -> Abstract:
    vectors = []
    for x in args:
        ref = shaping.as_ref(st, x)
        if type_of(st, ref).rank != 1:
            raise PythonRaises("Cross index must be 1 dimensional")
        if type_of(st, ref).dtype == BOOL:
            mask = as_bool(st, operand(st, ref).value)
            ref = fresh_array(st, advanced.nonzero_of(st, mask)[0])
        vectors.append(ref)
    return TupleVal(tuple(_spread(st, vectors)))


@handles(np.indices)
def indices(
    st: State, dimensions: Abstract, dtype: Abstract | None = None, sparse: Abstract | None = None
) -> Abstract:
    if given(dtype) and dtype != Static(int):
        st.refuse("np.indices with a dtype is not supported", "use `.astype` on the result")
    vectors = [fresh_array(st, counting(st, n)) for n in shape_of(st, dimensions)]
    if flag(st, sparse):
        return TupleVal(tuple(_spread(st, vectors)))
    grids = broadcast_arrays(st, *_spread(st, vectors))
    assert isinstance(grids, TupleVal)
    return stack(st, grids)
