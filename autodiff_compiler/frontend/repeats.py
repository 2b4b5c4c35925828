"""Stores through index arrays that may name an element twice: the last value stays, as in NumPy.

A derivative must know which that is. So where the indices do repeat, the entries that are written
over at once are left out, and what is stored is distinct.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import I64, Array
from ..ops import elementwise as ew
from ..ops.index import distinct, layout, load, nonzero, parts, store
from ..ops.shape import broadcast_to, full, iota
from . import known
from .arrays import broadcast_dims
from .reshaping import reshaped
from .state import State
from .views import Gather


def store_last(st: State, base: Value, picked: Gather, value: Value) -> Value:
    """`base[picked] = value`, the value in the order of the region: the next version."""
    together = st.b.emit(distinct, *picked.arrays)
    st.b.open()
    then = st.b.close((), [_store(st, base, picked, value)])
    st.b.open()
    otherwise = st.b.close((), [_store(st, base, *_last_ones(st, base, picked, value))])
    (version,) = st.b.cond(together, then, otherwise)
    version.name = base.name
    return version


def _store(st: State, base: Value, picked: Gather, value: Value) -> Value:
    return st.b.emit(
        store, base, value, *picked.operands, index=picked.letters, ones=picked.ones, name=base.name
    )


def _last_ones(st: State, base: Value, picked: Gather, value: Value) -> tuple[Gather, Value]:
    """The indices, flat, without those that come again later; and the values that go there."""
    shape = broadcast_dims(picked.arrays, st)
    count = known.product(st, shape)
    flat = [reshaped(st, _stretched(st, a, shape), [count]) for a in picked.arrays]
    keep = _last(st, base, picked.letters, flat, count)
    indices = [st.b.emit(load, a, keep, index="a", ones=()) for a in flat]
    operands: list[Value] = []
    left = iter(indices)
    for letter, given in zip(picked.letters, parts(picked.letters, picked.operands)):
        operands += [next(left)] if letter == "a" else given
    chosen = replace(picked, operands=tuple(operands), arrays=tuple(indices))
    if isinstance(value.type, Array):
        value = _values(st, picked, value, shape, count, keep)
    return chosen, value


def _last(st: State, base: Value, letters: str, flat: Sequence[Value], count: KnownDim) -> Value:
    """The places of the entries after which none names the same element."""
    dims = [d for letter, d in zip(letters, st.b.dims[base]) if letter == "a"]
    sizes = [known.value(st, d) for d in dims]
    owner = st.b.emit(full, known.const(st, 0), *sizes, ones=known.ones_of(dims))
    one = known.constant(st, count) == 1
    places = st.b.emit(iota, known.value(st, count), dtype=I64, one=one)
    index = "a" * len(dims)
    owner = st.b.emit(store, owner, places, *flat, index=index, ones=())
    owners = st.b.emit(load, owner, *flat, index=index, ones=())
    return st.b.emit(nonzero, st.b.emit(ew.eq, owners, places))


def _values(
    st: State, picked: Gather, value: Value, shape: Sequence[KnownDim], count: KnownDim, keep: Value
) -> Value:
    """The values of the entries that are kept, along one axis instead of the index arrays' own."""
    slices, before = layout(picked.letters)
    spans = parts(picked.letters, picked.operands)
    lengths: list[KnownDim] = [1 if k in picked.ones else spans[k][1] for k in slices]
    value = _stretched(st, value, [*lengths[:before], *shape, *lengths[before:]])
    value = reshaped(st, value, [*lengths[:before], count, *lengths[before:]])
    index: list[Value] = []
    for k, length in enumerate([*lengths[:before], None, *lengths[before:]]):
        if k == before:
            index.append(keep)
        else:
            index += (known.const(st, 0), known.value(st, length), known.const(st, 1))
    letters = "s" * before + "a" + "s" * (len(lengths) - before)
    ones = tuple(k + (k >= before) for k, d in enumerate(lengths) if d == 1)
    return st.b.emit(load, value, *index, index=letters, ones=ones)


def _stretched(st: State, value: Value, dims: Sequence[KnownDim]) -> Value:
    if tuple(st.b.dims[value]) == tuple(dims):
        return value
    sizes = [known.value(st, d) for d in dims]
    return st.b.emit(broadcast_to, value, *sizes, ones=known.ones_of(dims))
