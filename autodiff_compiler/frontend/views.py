"""Views: paths into an array, and how the array is read and written along them.

Nothing is emitted for a view until it is read or written, but for the checks of its indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import Array, Scalar
from ..ops.elementwise import add, floordiv, mod, mul
from ..ops.index import load, store
from ..ops.shape import copy, expand_dims, full, reshape, squeeze, transpose
from . import known
from .state import State
from .values import ArrayRef, At, Object, Path, Reshaped, Span1


def object_dims(st: State, made: Object) -> tuple[KnownDim, ...]:
    entry = st.heap[made]
    if isinstance(
        entry, Reshaped
    ):  # nothing is emitted to learn them: it may be asked of another block
        return entry.dims
    return st.b.dims[st.version(made)]


def path_of(st: State, ref: ArrayRef) -> Path:
    """The view's path; of a whole array, the path that takes all of it."""
    if ref.path is not None:
        return ref.path
    dims = object_dims(st, ref.object)
    return Path(tuple(all_of(st, d) for d in dims), tuple(range(len(dims))))


def all_of(st: State, dim: KnownDim) -> Span1:
    zero, one = known.const(st, 0), known.const(st, 1)
    return Span1(zero, known.value(st, dim), one, full=True, one=known.constant(st, dim) == 1)


def span_dim(span: Span1) -> KnownDim:
    return 1 if span.one else span.length


def path_dims(path: Path) -> tuple[KnownDim, ...]:
    return tuple(1 if axis is None else span_dim(path.items[axis]) for axis in path.out)


def dims_of(st: State, ref: ArrayRef) -> tuple[KnownDim, ...]:
    """The dims of an array or view: a value each, or 1."""
    if ref.path is None:
        return object_dims(st, ref.object)
    return path_dims(ref.path)


def type_of(st: State, ref: ArrayRef) -> Array:
    dims = dims_of(st, ref)
    dtype = st.version(ref.object.origin).type.dtype
    return Array(dtype, tuple(1 if isinstance(d, int) and d == 1 else None for d in dims))


# --- taking views of views --------------------------------------------------------------------


def at_of_span(st: State, span: Span1, index: Value) -> Value:
    """The base's index of entry `index` (checked) of a span."""
    moved = known.calculate(st, mul, index, span.step)
    return known.value(st, known.calculate(st, add, span.start, moved))


def span_of_span(st: State, outer: Span1, inner: Span1) -> Span1:
    """`inner` counts entries of `outer`; the same in the base's."""
    if inner.full:
        return outer
    if outer.full:
        return inner
    start = known.calculate(st, add, outer.start, known.calculate(st, mul, inner.start, outer.step))
    step = known.calculate(st, mul, outer.step, inner.step)
    return Span1(known.value(st, start), inner.length, known.value(st, step), False, inner.one)


def transposed(st: State, ref: ArrayRef, perm: Sequence[int]) -> ArrayRef:
    path = path_of(st, ref)
    return ArrayRef(ref.object, Path(path.items, tuple(path.out[k] for k in perm)))


def with_new_axes(st: State, ref: ArrayRef, axes: Sequence[int]) -> ArrayRef:
    """`axes`: the places of the new axes in the result."""
    path = path_of(st, ref)
    rest = iter(path.out)
    rank = len(path.out) + len(axes)
    return ArrayRef(
        ref.object, Path(path.items, tuple(None if k in axes else next(rest) for k in range(rank)))
    )


def without_axes(st: State, ref: ArrayRef, axes: Sequence[int]) -> ArrayRef:
    """Drops axes whose length is known to be 1."""
    path = path_of(st, ref)
    items = list(path.items)
    for k in axes:
        axis = path.out[k]
        if axis is not None:
            items[axis] = At(items[axis].start)
    out = tuple(axis for k, axis in enumerate(path.out) if k not in axes)
    return ArrayRef(ref.object, Path(tuple(items), out))


# --- the index of a path ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """A path as `load` and `store` take it. `axes`: the base axes that the region keeps, ascending."""

    letters: str
    operands: tuple[Value, ...]
    ones: tuple[int, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gather:
    """A region of the base picked by index arrays, as `load` and `store` take it.

    `dims` are NumPy's, `new` its new axes; `order[k]` is the axis of the region that is its k-th
    other axis.
    """

    letters: str
    operands: tuple[Value, ...]
    ones: tuple[int, ...]
    arrays: tuple[Value, ...]
    dims: tuple[KnownDim, ...]
    new: tuple[int, ...]
    order: tuple[int, ...]


def region(path: Path) -> Region:
    operands: list[Value] = []
    for item in path.items:
        operands += (item.index,) if isinstance(item, At) else (item.start, item.length, item.step)
    letters = "".join("i" if isinstance(item, At) else "s" for item in path.items)
    axes = tuple(k for k, x in enumerate(letters) if x == "s")
    return Region(letters, tuple(operands), tuple(k for k in axes if path.items[k].one), axes)


def _is_whole(path: Path) -> bool:
    return all(isinstance(item, Span1) and item.full for item in path.items)


def in_root(st: State, made: Object, path: Path) -> tuple[Object, Path]:
    """The same place in the array that `made` is another shape of, if it is an element there, or a
    row of a flat one; else as it is."""
    entry = st.heap[made]
    if not isinstance(entry, Reshaped) or _is_whole(path):
        return made, path
    spans = [k for k, item in enumerate(path.items) if isinstance(item, Span1)]
    dims = object_dims(st, entry.base)
    if len(spans) > 1 or (spans and len(dims) > 1):
        return made, path
    at: KnownDim | int = 0
    stride: KnownDim | int = 1
    strides: dict[int, KnownDim | int] = {}
    for k in reversed(range(len(path.items))):
        item = path.items[k]
        strides[k] = stride
        first = item.index if isinstance(item, At) else item.start
        at = known.calculate(st, add, at, known.calculate(st, mul, first, stride))
        stride = known.calculate(st, mul, stride, entry.dims[k])
    start = known.value(st, at)
    if not spans:
        return entry.base, Path(_element(st, start, dims), path.out)
    span = path.items[spans[0]]
    assert isinstance(span, Span1)
    step = known.value(st, known.calculate(st, mul, span.step, strides[spans[0]]))
    row = Span1(start, span.length, step, False, span.one)
    return entry.base, Path((row,), tuple(None if axis is None else 0 for axis in path.out))


def _element(st: State, flat: Value, dims: Sequence[KnownDim]) -> tuple[At, ...]:
    """The indices of an element by its number in C order."""
    items: list[At] = []
    left: KnownDim = flat
    for k, dim in reversed(list(enumerate(dims))):
        if k == 0:
            items.append(At(known.value(st, left)))
            break
        items.append(
            At(known.value(st, known.shared(st, mod, known.value(st, left), known.value(st, dim))))
        )
        left = known.calculate(st, floordiv, left, dim)
    return tuple(reversed(items))


def load_path(st: State, made: Object, path: Path) -> Value:
    """What a view holds now. Of no kept axes: a scalar. May be the object's own version."""
    made, path = in_root(st, made, path)
    base = st.version(made)
    if path.items and _is_whole(path):
        value, axes = base, tuple(range(len(path.items)))
    else:
        r = region(path)
        value = st.b.emit(load, base, *r.operands, index=r.letters, ones=r.ones)
        axes = r.axes
    order = [axes.index(axis) for axis in path.out if axis is not None]
    if order != list(range(len(order))):
        value = st.b.emit(transpose, value, perm=tuple(order))
    new = tuple(k for k, axis in enumerate(path.out) if axis is None)
    return st.b.emit(expand_dims, value, axes=new) if new else value


def read(st: State, ref: ArrayRef) -> Value:
    """The current contents as an array value. It may be the object's own version: do not give it
    to another object without a copy."""
    if ref.path is None:
        return st.version(ref.object)
    value = load_path(st, ref.object, ref.path)
    return st.b.emit(full, value, ones=()) if isinstance(value.type, Scalar) else value


def read_scalar(st: State, ref: ArrayRef) -> Value:
    """The one number of a 0-d array or view."""
    if ref.path is None:
        return st.b.emit(load, st.version(ref.object), index="", ones=())
    return load_path(st, ref.object, ref.path)


# --- writing --------------------------------------------------------------------------------------


def fit(st: State, value: Value, dims: Sequence[KnownDim], reason: str) -> Value:
    """Makes an array ready to be stored into a region of `dims`: the same rank, and dims that agree
    or are 1. Scalars pass."""
    if isinstance(value.type, Scalar):
        return value
    surplus = value.type.rank - len(dims)
    if surplus > 0:
        value = drop_ones(st, value, tuple(range(surplus)), reason)
    elif surplus < 0:
        value = st.b.emit(expand_dims, value, axes=tuple(range(-surplus)))
    if isinstance(value.type, Scalar):
        return value
    pinned = []
    for axis, (have, want) in enumerate(zip(st.b.dims[value], dims, strict=True)):
        if have != 1:
            st.check_same(have, want, reason)
            if isinstance(want, int) and want == 1:
                pinned.append(axis)
    return pin_ones(st, value, pinned)


def drop_ones(st: State, value: Value, axes: tuple[int, ...], reason: str) -> Value:
    """Drops axes that are 1, checked where it is not known."""
    dims = st.b.dims[value]
    for axis in axes:
        st.check_same(dims[axis], 1, reason)
    value = pin_ones(st, value, [axis for axis in axes if dims[axis] != 1])
    return st.b.emit(squeeze, value, axes=axes)


def pin_ones(st: State, value: Value, axes: Sequence[int]) -> Value:
    """The same array, of which the type says that these axes (checked before) are 1."""
    if not axes:
        return value
    dims = [1 if k in axes else d for k, d in enumerate(st.b.dims[value])]
    sizes = [known.value(st, d) for d in dims]
    return st.b.emit(reshape, value, *sizes, ones=known.ones_of(dims))


def store_path(st: State, made: Object, path: Path, value: Value, reason: str) -> None:
    """Writes a value of the array's dtype along a path, broadcast as NumPy does."""
    made, path = in_root(st, made, path)
    value = fit(st, value, path_dims(path), reason)
    if isinstance(value.type, Array):
        new = tuple(k for k, axis in enumerate(path.out) if axis is None)
        if new:
            value = drop_ones(st, value, new, reason)
    if isinstance(value.type, Array):
        axes = [axis for axis in path.out if axis is not None]
        order = tuple(sorted(range(len(axes)), key=axes.__getitem__))
        if order != tuple(range(len(order))):
            value = st.b.emit(transpose, value, perm=order)
    r = region(path)
    base = st.version(made)
    value = apart(st, base, value)
    version = st.b.emit(
        store, base, value, *r.operands, index=r.letters, ones=r.ones, name=base.name
    )
    st.write(made, version)


def apart(st: State, base: Value, value: Value) -> Value:
    """A value to store into `base`, which is not `base` itself: NumPy reads all of it first."""
    return st.b.emit(copy, value) if value is base else value
