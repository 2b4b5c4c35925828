"""Reading and writing parts of arrays. Their adjoints stand in the reverse pass, by construct.

An index is a string with a letter per axis of the base, attrs["index"], and operands in that order:
    i   one i64, 0 <= i < n (an `index` node has checked and wrapped it)
    s   three i64: start, length, step; within bounds (from a `slice` node)
    a   one array of i64, within bounds (an `index` node on arrays), any rank
The dims of the region are NumPy's for such an index (integers beside index arrays count as arrays).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import NON_DIFFERENTIABLE, Op, register
from ..ir.types import BOOL, I64, Array, Scalar, Type, broadcast_dims, is_array
from .elementwise import broadcast_known

WIDTH = {"i": 1, "s": 3, "a": 1}


def parts(letters: str, operands: Sequence[Any]) -> list[Sequence[Any]]:
    """The operands of each letter."""
    out, k = [], 0
    for letter in letters:
        out.append(operands[k : k + WIDTH[letter]])
        k += WIDTH[letter]
    if k != len(operands):
        raise TypeError(f"index {letters!r} takes {k} operands, not {len(operands)}")
    return out


def layout(letters: str) -> tuple[list[int], int]:
    """The axes that are slices, and before how many of them the index arrays' dims stand."""
    if "a" not in letters:
        return [k for k, x in enumerate(letters) if x == "s"], 0
    advanced = [k for k, x in enumerate(letters) if x != "s"]
    slices = [k for k, x in enumerate(letters) if x == "s"]
    adjacent = advanced[-1] - advanced[0] + 1 == len(advanced)
    return slices, sum(k < advanced[0] for k in slices) if adjacent else 0


def region_type(attrs: Mapping[str, Any], base: Type, *index: Type) -> Type:
    """The type of what an index picks out of `base`. attrs["ones"]: which slices have length 1."""
    letters = attrs["index"]
    if not isinstance(base, Array) or len(letters) != base.rank:
        raise TypeError(f"index {letters!r} does not fit {base}")
    per_axis = parts(letters, index)
    for letter, types in zip(letters, per_axis):
        if letter == "a":
            if not (is_array(types[0]) and types[0].dtype == I64):
                raise TypeError(f"an index array is i64, not {types[0]}")
        elif any(t != Scalar(I64) for t in types):
            raise TypeError(f"indices are i64, not {types}")
    ones = attrs.get("ones", ())
    slices, before = layout(letters)
    dims: list[int | None] = [1 if k in ones else None for k in slices]
    arrays = [types[0] for letter, types in zip(letters, per_axis) if letter == "a"]
    if arrays:
        dims[before:before] = broadcast_dims(*arrays)
    return Array(base.dtype, tuple(dims)) if dims or arrays else Scalar(base.dtype)


def region_dims(
    attrs: Mapping[str, Any], index: Sequence[Value], dims: Sequence[Sequence[KnownDim]]
) -> tuple[KnownDim, ...]:
    letters = attrs["index"]
    per_axis, per_dims = parts(letters, index), parts(letters, dims)
    ones = attrs.get("ones", ())
    slices, before = layout(letters)
    out: list[KnownDim] = [1 if k in ones else per_axis[k][1] for k in slices]
    arrays = [d[0] for letter, d in zip(letters, per_dims) if letter == "a"]
    if arrays:
        out[before:before] = broadcast_known({}, (), arrays)[0]
    return tuple(out)


def numpy_index(letters: str, index: Sequence[Any]) -> tuple[Any, ...]:
    """The index as NumPy takes it."""
    out: list[Any] = []
    for letter, p in zip(letters, parts(letters, index)):
        if letter == "s":
            start, length, step = map(int, p)
            stop = start + length * step
            out.append(slice(start, stop if stop >= 0 else None, step) if length else slice(0, 0))
        else:
            out.append(int(p[0]) if letter == "i" else p[0])
    return tuple(out)


def _infer_load(attrs: Mapping[str, Any], base: Type, *index: Type) -> tuple[Type, ...]:
    return (region_type(attrs, base, *index),)


load = register(
    Op(
        "load", "index", _infer_load,
        dims=lambda attrs, operands, dims: (region_dims(attrs, operands[1:], dims[1:]),),
        evaluate=lambda attrs, base, *index: np.array(base[numpy_index(attrs["index"], index)])[()],
        spellings=("operator []",),
    )
)  # fmt: skip


def _infer_store(attrs: Mapping[str, Any], base: Type, v: Type, *index: Type) -> tuple[Type, ...]:
    region = region_type(attrs, base, *index)
    if v.dtype != base.dtype:
        raise TypeError(f"stores {v} into {base}")
    if is_array(v) and (
        v.rank != region.rank or any(d != 1 and r == 1 for d, r in zip(v.dims, region.dims))
    ):
        raise TypeError(f"stores {v} into a region {region}")
    return (base,)


def _base_dims(attrs: Mapping[str, Any], operands: Any, dims: Any) -> Any:
    return (dims[0],)


def _store(attrs: Mapping[str, Any], base: Any, v: Any, *index: Any) -> Any:
    out = base.copy()
    out[numpy_index(attrs["index"], index)] = v
    return out


def _add_at(attrs: Mapping[str, Any], base: Any, v: Any, *index: Any) -> Any:
    out = base.copy()
    np.add.at(out, numpy_index(attrs["index"], index), v)
    return out


#: store(base, v, *index): v is a scalar, or of the region's rank with dims that agree or are 1.
store = register(
    Op(
        "store", "index", _infer_store, dims=_base_dims, evaluate=_store, consumes=0, cost=2,
        spellings=("operator []=",),
    )
)  # fmt: skip
#: add_at(base, v, *index): adds; what an index array names twice is added twice.
add_at = register(
    Op(
        "add_at", "index", _infer_store, dims=_base_dims, evaluate=_add_at, consumes=0, cost=2,
        spellings=("np.add.at",),
    )
)  # fmt: skip


# --- indices, checked ---------------------------------------------------------------------------


def _infer_index(attrs: Mapping[str, Any], i: Type, n: Type) -> tuple[Type, ...]:
    if i.dtype != I64 or n != Scalar(I64):
        raise TypeError(f"indexes with i64, not {i}")
    return (i,)


def _index(attrs: Mapping[str, Any], i: Any, n: Any) -> Any:
    if np.any((i < -n) | (i >= n)):
        raise IndexError(f"index {i} is out of bounds for an axis of {n}")
    return np.where(i < 0, i + n, i)


def _first_dims(attrs: Mapping[str, Any], operands: Any, dims: Any) -> Any:
    return (dims[0],)


#: index(i, n): i, or i + n if negative; stops the kernel if that is outside 0..n-1.
index = register(
    Op(
        "index", "check", _infer_index, dims=_first_dims, evaluate=_index,
        vjp=NON_DIFFERENTIABLE, effect=True,
    )
)  # fmt: skip
#: The same without the check, for indices that were checked before (the reverse sweep).
wrap = register(
    Op(
        "wrap", "index", _infer_index, dims=_first_dims,
        evaluate=lambda attrs, i, n: np.where(i < 0, i + n, i), vjp=NON_DIFFERENTIABLE,
    )
)  # fmt: skip


def _infer_slice(attrs: Mapping[str, Any], *types: Type) -> tuple[Type, ...]:
    expected = 2 + attrs["lo"] + attrs["hi"]
    if len(types) != expected or any(t != Scalar(I64) for t in types):
        raise TypeError(f"takes {expected} i64, not {types}")
    return (Scalar(I64), Scalar(I64))


def _slice(attrs: Mapping[str, Any], *x: Any) -> tuple[int, int]:
    bounds = [int(v) for v in x]
    lo = bounds.pop(0) if attrs["lo"] else None
    hi = bounds.pop(0) if attrs["hi"] else None
    step, n = bounds
    start, stop, step = slice(lo, hi, step).indices(n)
    length = len(range(start, stop, step))
    return (start if length else 0), length


#: slice([lo], [hi], step, n) -> start, length: exactly `slice.indices`, clipped. attrs: lo, hi tell
#: which bounds there are. The step is not 0 (checked before). An empty slice starts at 0.
slice_ = register(
    Op(
        "slice",
        "index",
        _infer_slice,
        evaluate=_slice,
        vjp=NON_DIFFERENTIABLE,
        spellings=("slice",),
    )
)


def _infer_nonzero(attrs: Mapping[str, Any], mask: Type) -> tuple[Type, ...]:
    if not is_array(mask) or mask.dtype != BOOL or mask.rank == 0:
        raise TypeError(f"takes a mask, not {mask}")
    return (Array(I64, (None,)),) * mask.rank


def _nonzero(attrs: Mapping[str, Any], mask: Any) -> Any:
    found = np.nonzero(mask)
    return found if len(found) > 1 else found[0]


def _nonzero_dims(attrs: Mapping[str, Any], operands: Any, dims: Any) -> Any:
    return ((None,),) * len(dims[0])


#: nonzero(mask) -> an index array per axis. A mask as an index is this.
nonzero = register(
    Op(
        "nonzero", "index", _infer_nonzero, dims=_nonzero_dims, evaluate=_nonzero,
        vjp=NON_DIFFERENTIABLE, cost=2, spellings=("np.nonzero", "np.flatnonzero"),
    )
)  # fmt: skip


def _infer_distinct(attrs: Mapping[str, Any], *arrays: Type) -> tuple[Type, ...]:
    if not arrays or any(not is_array(a) or a.dtype != I64 for a in arrays):
        raise TypeError(f"takes index arrays, not {arrays}")
    return (Scalar(BOOL),)


def _distinct(attrs: Mapping[str, Any], *arrays: Any) -> bool:
    rows = np.stack([a.ravel() for a in np.broadcast_arrays(*arrays)])
    return bool(np.unique(rows, axis=1).shape[1] == rows.shape[1])


#: Does no tuple of entries of the arrays, broadcast together, come twice?
distinct = register(
    Op("distinct", "index", _infer_distinct, evaluate=_distinct, vjp=NON_DIFFERENTIABLE, cost=2)
)
