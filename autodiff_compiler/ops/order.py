"""Order: the permutation that sorts, and places in what is sorted. Their results are indices.

Sorting is a gather by that permutation, so that its derivative needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import NON_DIFFERENTIABLE, Kink, Op, register
from ..ir.types import F32, F64, I64, Array, Scalar, Type, is_array

_SORTED = (F64, F32, I64)


def _infer_argsort(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    if not isinstance(x, Array) or x.dtype not in _SORTED:
        raise TypeError(f"sorts arrays of {_SORTED}, not {x}")
    if not 0 <= attrs["axis"] < x.rank:
        raise TypeError(f"{attrs['axis']} is no axis of {x}")
    return (Array(I64, x.dims),)


#: argsort(x): along attrs["axis"], the places of the entries in ascending order; equals keep theirs,
#: NaN comes last.
argsort = register(
    Op(
        "argsort", "order", _infer_argsort, dims=lambda attrs, operands, dims: (dims[0],),
        evaluate=lambda attrs, x: np.argsort(x, axis=attrs["axis"], kind="stable"),
        vjp=NON_DIFFERENTIABLE, cost=2, numpy="np.argsort({x}, axis={axis}, kind='stable')",
        torch="torch.argsort({x}, dim={axis}, stable=True)",
        c="adc_argsort", spellings=("np.argsort", "ndarray.argsort"),
        kinks=(Kink("entries are equal", "that of the order in which a stable sort leaves them"),),
    )
)  # fmt: skip


def _infer_searchsorted(attrs: Mapping[str, Any], a: Type, v: Type) -> tuple[Type, ...]:
    if not isinstance(a, Array) or a.rank != 1 or a.dtype != v.dtype or a.dtype not in _SORTED:
        raise TypeError(f"searches vectors of {_SORTED} for the same, not {a} for {v}")
    return (Array(I64, v.dims) if is_array(v) else Scalar(I64),)


def _searched_dims(
    attrs: Mapping[str, Any], operands: Sequence[Value], dims: Sequence[Sequence[KnownDim]]
) -> tuple[tuple[KnownDim, ...], ...]:
    return (tuple(dims[1]),)


#: searchsorted(a, v): how many entries of the ascending `a` stand before each of `v`; equals do if
#: attrs["side"] is "right".
searchsorted = register(
    Op(
        "searchsorted", "order", _infer_searchsorted, dims=_searched_dims,
        evaluate=lambda attrs, a, v: np.searchsorted(a, v, side=attrs["side"]),
        vjp=NON_DIFFERENTIABLE, cost=2, numpy="np.searchsorted({x}, {y}, side={side})",
        torch="torch.searchsorted({x}, {y}, side={side})",
        c="adc_searchsorted", spellings=("np.searchsorted",),
    )
)  # fmt: skip
