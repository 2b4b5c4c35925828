"""Index arrays and masks: what they pick out of an array, in the order that NumPy gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import BOOL, FLOATS, I64, Array
from ..ops import elementwise as ew
from ..ops.index import add_at, layout, load, nonzero, store
from ..ops.index import index as index_op
from ..ops.shape import copy, expand_dims, transpose
from . import known
from .arrays import broadcast_dims, check_broadcast, convert, fresh_array, read
from .keys import GAP, NEW, SliceVal, axes_of, checked, span_of
from .repeats import store_last
from .state import State
from .values import Abstract, ArrayRef, At, Object, Path, Span1
from .views import Gather, apart, at_of_span, drop_ones, fit, path_of, span_dim, span_of_span

MISMATCH = "could not broadcast input array into the indexed region"
#: An item of the result's layout that stands for all dims of the index arrays.
_ARRAYS = "arrays"


def without_new_axes(st: State, ref: ArrayRef) -> ArrayRef:
    """A copy of a view."""
    value = read(st, ref)
    if value is st.version(ref.object):
        value = st.b.emit(copy, value)
    return fresh_array(st, value, ref.object.foreign)


# --- working out --------------------------------------------------------------------------------


def gather(st: State, ref: ArrayRef, items: Sequence[Any]) -> Gather:
    """What a key with index arrays picks. The items cover all axes of the view."""
    path = path_of(st, ref)
    taken: dict[int, At | Span1 | Value] = {
        k: x for k, x in enumerate(path.items) if isinstance(x, At)
    }
    tokens: list[Any] = []
    first, adjacent, ended = -1, True, False
    axes = iter(path.out)
    for item in items:
        if item is GAP:
            ended = first >= 0
            continue
        if item is NEW or isinstance(item, SliceVal):
            tokens.append(_plain(st, path, item, axes, taken))
            ended = first >= 0
            continue
        _pick(st, path, item, [next(axes) for _ in range(axes_of(st, item))], taken)
        adjacent = adjacent and not ended
        first = len(tokens) if first < 0 else first
    tokens.insert(first if adjacent else 0, _ARRAYS)
    return _layout(st, taken, tokens)


def _plain(st: State, path: Path, item: Any, axes: Any, taken: dict[int, Any]) -> int | None:
    """A slice or a new axis: the base axis that it runs along, or None."""
    if item is NEW:
        return None
    axis = next(axes)
    span = path.items[axis]
    taken[axis] = span_of_span(st, span, span_of(st, item, span_dim(span)))
    return axis


def _pick(st: State, path: Path, item: Any, axes: list[int], taken: dict[int, Any]) -> None:
    """An integer, an index array or a mask, in the base's indices."""
    spans = [path.items[axis] for axis in axes]
    if not isinstance(item, ArrayRef):
        taken[axes[0]] = At(at_of_span(st, spans[0], checked(st, item, span_dim(spans[0]))))
        return
    value = read(st, item)
    if value.type.dtype == BOOL:
        found = _nonzero(st, value, [span_dim(span) for span in spans])
    else:
        found = [_checked_array(st, convert(st, value, I64), span_dim(spans[0]))]
    for axis, span, index in zip(axes, spans, found):
        taken[axis] = _moved(st, span, index)


def _nonzero(st: State, mask: Value, dims: Sequence[KnownDim]) -> list[Value]:
    for have, want in zip(st.b.dims[mask], dims, strict=True):
        st.check_same(have, want, "boolean index did not match the indexed array")
    return nonzero_of(st, mask)


def nonzero_of(st: State, mask: Value) -> list[Value]:
    """The index arrays of a mask, known to be equally long and without repetition."""
    found = st.b.emit(nonzero, mask)
    found = list(found) if isinstance(found, tuple) else [found]
    for other in found[1:]:
        st.b.dims[other] = st.b.dims[found[0]]
    if len(found) == 1:
        st.distinct.add(found[0])
    st.memo["together", tuple(found)] = True
    return found


def _checked_array(st: State, index: Value, dim: KnownDim) -> Value:
    made = known.shared(st, index_op, index, known.value(st, dim))
    if index in st.distinct:
        st.distinct.add(made)
    return made


def _moved(st: State, span: Span1, index: Value) -> Value:
    """Indices into a span as indices into the base."""
    if span.full:
        return index
    out = index
    if known.constant(st, span.step) != 1:
        out = st.b.emit(ew.mul, out, span.step)
    if known.constant(st, span.start) != 0:
        out = st.b.emit(ew.add, out, span.start)
    if index in st.distinct:
        st.distinct.add(out)
    return out


def _layout(st: State, taken: dict[int, Any], tokens: list[Any]) -> Gather:
    letters, arrays = "", []
    operands: list[Value] = []
    for axis in sorted(taken):
        item = taken[axis]
        if isinstance(item, At):
            letters, operands = letters + "i", [*operands, item.index]
        elif isinstance(item, Span1):
            letters, operands = letters + "s", [*operands, item.start, item.length, item.step]
        else:
            letters, operands = letters + "a", [*operands, item]
            arrays.append(item)
    check_broadcast(st, arrays)
    dims_of_arrays = broadcast_dims(arrays, st)
    slices, before = layout(letters)
    order = [*slices[:before], *_block(dims_of_arrays), *slices[before:]]
    dims: list[KnownDim] = []
    kept: list[Any] = []
    new: list[int] = []
    for token in tokens:
        if token == _ARRAYS:
            kept += _block(dims_of_arrays)
            dims += dims_of_arrays
        elif token is None:
            new.append(len(dims))
            dims.append(1)
        else:
            kept.append(token)
            dims.append(span_dim(taken[token]))
    ones = tuple(k for k in slices if taken[k].one)
    return Gather(
        letters, tuple(operands), ones, tuple(arrays), tuple(dims), tuple(new),
        tuple(order.index(x) for x in kept),
    )  # fmt: skip


def _block(dims: Sequence[KnownDim]) -> list[tuple[str, int]]:
    return [(_ARRAYS, k) for k in range(len(dims))]


# --- reading and writing ----------------------------------------------------------------------


def fetch(st: State, made: Object, picked: Gather) -> Abstract:
    """A copy of what is picked."""
    base = st.version(made)
    value = st.b.emit(load, base, *picked.operands, index=picked.letters, ones=picked.ones)
    if picked.order != tuple(range(len(picked.order))):
        value = st.b.emit(transpose, value, perm=picked.order)
    if picked.new:
        value = st.b.emit(expand_dims, value, axes=picked.new)
    return fresh_array(st, value, made.foreign)


def put(st: State, made: Object, picked: Gather, value: Value, passive: bool) -> None:
    """Writes what is picked. `passive`: the value is a literal, which has no derivative."""
    value = _in_order(st, picked, value)
    base = st.version(made)
    if base.type.dtype in FLOATS and not passive and not _are_distinct(st, picked.arrays):
        st.write(made, store_last(st, base, picked, apart(st, base, value)))
    else:
        _write(st, made, picked, value, store)


def add_to(st: State, made: Object, picked: Gather, value: Value) -> None:
    """np.add.at: what is picked twice is added to twice."""
    _write(st, made, picked, _in_order(st, picked, value), add_at)


def _in_order(st: State, picked: Gather, value: Value) -> Value:
    """A value as `store` takes it: of the region's rank, its axes in the region's order."""
    value = fit(st, value, picked.dims, MISMATCH)
    if isinstance(value.type, Array) and picked.new:
        value = drop_ones(st, value, picked.new, MISMATCH)
    if isinstance(value.type, Array) and picked.order != tuple(range(len(picked.order))):
        back = sorted(range(len(picked.order)), key=picked.order.__getitem__)
        value = st.b.emit(transpose, value, perm=tuple(back))
    return value


def _write(st: State, made: Object, picked: Gather, value: Value, op: Op) -> None:
    base = st.version(made)
    value, *index = (apart(st, base, v) for v in (value, *picked.operands))
    version = st.b.emit(
        op, base, value, *index, index=picked.letters, ones=picked.ones, name=base.name
    )
    st.write(made, version)


def _are_distinct(st: State, arrays: Sequence[Value]) -> bool:
    """Is it known that no tuple of indices comes twice?"""
    shape = broadcast_dims(arrays, st)
    if any(a in st.distinct and st.b.dims[a] == shape for a in arrays):
        return True
    return bool(st.memo.get(("together", tuple(arrays))))
