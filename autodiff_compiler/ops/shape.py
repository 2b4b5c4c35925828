"""Ops that rearrange or make arrays. All give new arrays as values; back ends may spare the copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import NON_DIFFERENTIABLE, Op, register
from ..ir.types import I64, NUMPY_DTYPE, Array, Scalar, Type

Dims = Sequence[Sequence[KnownDim]]
Known = tuple[tuple[KnownDim, ...], ...]


def _array(x: Type) -> Array:
    if not isinstance(x, Array):
        raise TypeError(f"takes an array, not {x}")
    return x


def _static_dims(attrs: Mapping[str, Any], sizes: Sequence[Type]) -> tuple[int | None, ...]:
    """attrs["ones"][k]: dim k is known to be 1. The sizes are operands all the same."""
    ones = attrs["ones"]
    if len(ones) != len(sizes) or any(s != Scalar(I64) for s in sizes):
        raise TypeError(f"takes {len(ones)} sizes, i64 each, not {sizes}")
    return tuple(1 if one else None for one in ones)


def _sizes(attrs: Mapping[str, Any], sizes: Sequence[Value]) -> tuple[KnownDim, ...]:
    return tuple(1 if one else n for one, n in zip(attrs["ones"], sizes))


# --- the same numbers, another shape ------------------------------------------------------------


def _infer_reshape(attrs: Mapping[str, Any], x: Type, *sizes: Type) -> tuple[Type, ...]:
    return (Array(_array(x).dtype, _static_dims(attrs, sizes)),)


#: reshape(x, *sizes), C order. The sizes multiply to x's (checked before); attrs: ones.
reshape = register(
    Op(
        "reshape", "shape", _infer_reshape,
        dims=lambda attrs, operands, dims: (_sizes(attrs, operands[1:]),),
        evaluate=lambda attrs, x, *sizes: np.reshape(x, [int(n) for n in sizes]).copy(),
        vjp=lambda g, y, x, *sizes, ones=(): [reshape_like(g, x), *(None for _ in sizes)],
        spellings=("np.reshape", "ndarray.reshape", "ndarray.ravel", "ndarray.flatten"),
    )
)  # fmt: skip


def reshape_like(g: Any, x: Any) -> Any:
    return reshape(g, *x.sizes, ones=tuple(d == 1 for d in x.type.dims))


def _infer_transpose(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    x = _array(x)
    if sorted(attrs["perm"]) != list(range(x.rank)):
        raise TypeError(f"{attrs['perm']} permutes no axes of {x}")
    return (Array(x.dtype, tuple(x.dims[k] for k in attrs["perm"])),)


def _inverse(perm: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


#: Axis k of the result is axis attrs["perm"][k] of x.
transpose = register(
    Op(
        "transpose", "shape", _infer_transpose,
        dims=lambda attrs, operands, dims: (tuple(dims[0][k] for k in attrs["perm"]),),
        evaluate=lambda attrs, x: np.transpose(x, attrs["perm"]).copy(),
        vjp=lambda g, y, x, perm: [transpose(g, perm=_inverse(perm))],
        spellings=("np.transpose", "ndarray.T", "ndarray.transpose"),
    )
)  # fmt: skip


def _infer_expand(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    axes = attrs["axes"]
    if not axes:
        return (x,)
    return (Array(x.dtype, tuple(_expanded(axes, x.dims, 1))),)


def _expanded(axes: Sequence[int], dims: Sequence[Any], one: Any) -> list[Any]:
    rest = iter(dims)
    return [one if k in axes else next(rest) for k in range(len(dims) + len(axes))]


#: New dims of 1; attrs["axes"] are their places in the result, ascending. Takes scalars too.
expand_dims = register(
    Op(
        "expand_dims", "shape", _infer_expand,
        dims=lambda attrs, operands, dims: (tuple(_expanded(attrs["axes"], dims[0], 1)),),
        evaluate=lambda attrs, x: np.array(np.expand_dims(x, attrs["axes"])),
        vjp=lambda g, y, x, axes: [squeeze(g, axes=axes)],
        spellings=("np.newaxis", "np.expand_dims"), cost=0,
    )
)  # fmt: skip


def _infer_squeeze(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    x = _array(x)
    axes = attrs["axes"]
    if any(x.dims[a] != 1 for a in axes):
        raise TypeError(f"{axes} of {x} are not known to be 1")
    dims = tuple(d for k, d in enumerate(x.dims) if k not in axes)
    return (Array(x.dtype, dims) if dims or attrs.get("array") else Scalar(x.dtype),)


#: Drops dims of 1. What is left of no dims is a scalar, unless attrs["array"].
squeeze = register(
    Op(
        "squeeze", "shape", _infer_squeeze,
        dims=lambda attrs, operands, dims: (
            tuple(d for k, d in enumerate(dims[0]) if k not in attrs["axes"]),
        ),
        evaluate=lambda attrs, x: np.squeeze(x, attrs["axes"]).copy(),
        vjp=lambda g, y, x, axes, array=False: [expand_dims(g, axes=axes)],
        spellings=("np.squeeze",), cost=0,
    )
)  # fmt: skip


def _infer_broadcast(attrs: Mapping[str, Any], x: Type, *sizes: Type) -> tuple[Type, ...]:
    dims = _static_dims(attrs, sizes)
    if x.rank > len(dims):
        raise TypeError(f"{x} does not broadcast to rank {len(dims)}")
    return (Array(x.dtype, dims),)


#: broadcast_to(x, *sizes): dims of 1 are stretched, the others agree. The reverse pass undoes it.
broadcast_to = register(
    Op(
        "broadcast_to", "shape", _infer_broadcast,
        dims=lambda attrs, operands, dims: (_sizes(attrs, operands[1:]),),
        evaluate=lambda attrs, x, *sizes: np.broadcast_to(x, [int(n) for n in sizes]).copy(),
        vjp=lambda g, y, x, *sizes, ones=(): [g, *(None for _ in sizes)],
        spellings=("np.broadcast_to",),
    )
)  # fmt: skip


def _infer_same(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    return (x,)


#: A new array with the same contents: the only op whose purpose is to copy.
copy = register(
    Op(
        "copy", "shape", _infer_same, dims=lambda attrs, operands, dims: (dims[0],),
        evaluate=lambda attrs, x: np.array(x), vjp=lambda g, y, x: [g],
        spellings=("np.copy", "ndarray.copy"), cost=2,
    )
)  # fmt: skip

# --- making ---------------------------------------------------------------------------------------


def _infer_full(attrs: Mapping[str, Any], value: Type, *sizes: Type) -> tuple[Type, ...]:
    if not isinstance(value, Scalar):
        raise TypeError(f"fills with a scalar, not {value}")
    return (Array(value.dtype, _static_dims(attrs, sizes)),)


#: full(value, *sizes); attrs: ones. `zeros`, `ones` and `empty` are this op.
full = register(
    Op(
        "full", "create", _infer_full,
        dims=lambda attrs, operands, dims: (_sizes(attrs, operands[1:]),),
        evaluate=lambda attrs, value, *sizes: np.full(
            [int(n) for n in sizes], value, dtype=np.asarray(value).dtype
        ),
        vjp=lambda g, y, value, *sizes, ones=(): [g, *(None for _ in sizes)],
        spellings=("np.full", "np.zeros", "np.ones", "np.empty"),
    )
)  # fmt: skip


def _infer_iota(attrs: Mapping[str, Any], n: Type) -> tuple[Type, ...]:
    return (Array(attrs["dtype"], _static_dims({"ones": (attrs.get("one", False),)}, (n,))),)


#: 0, 1, ..., n - 1 in attrs["dtype"].
iota = register(
    Op(
        "iota", "create", _infer_iota,
        dims=lambda attrs, operands, dims: ((1 if attrs.get("one") else operands[0],),),
        evaluate=lambda attrs, n: np.arange(int(n)).astype(NUMPY_DTYPE[attrs["dtype"]]),
        vjp=NON_DIFFERENTIABLE, spellings=("np.arange",),
    )
)  # fmt: skip
