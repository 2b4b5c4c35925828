"""Reductions over a tuple of axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import NON_DIFFERENTIABLE, Kink, Op, register
from ..ir.types import BOOL, FLOATS, I64, Array, Scalar, Type
from .elementwise import cast, select
from .shape import expand_dims


def _kept(axes: Sequence[int], rank: int) -> list[int]:
    return [k for k in range(rank) if k not in axes]


def _reduced_dims(
    attrs: Mapping[str, Any], operands: Sequence[Value], dims: Sequence[Sequence[KnownDim]]
) -> tuple[tuple[KnownDim, ...], ...]:
    return (tuple(dims[0][k] for k in _kept(attrs["axes"], len(dims[0]))),)


def reduction(
    name: str, evaluate: Callable[..., Any], *, vjp: Any, result: str = "same",
    spellings: tuple[str, ...] = (), dtypes: tuple[str, ...] = (*FLOATS, I64, "i32"),
    c: Mapping[str, str], torch: str = "", kinks: tuple[Kink, ...] = (),
) -> Op:  # fmt: skip
    """attrs["axes"]: which axes go, ascending. All of them: the result is a scalar.

    `c`: "start" (a number, "lowest" or "highest") and "step", the next of {x} so far and {y} (for
    integers "int", if it differs); or "better", if the place of the best {x} against {y} is meant.
    "wins", "clause": for floats, when {x} takes the place of {y}, and OpenMP's word for that.
    """

    def infer(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
        axes = attrs["axes"]
        if not isinstance(x, Array) or x.dtype not in dtypes:
            raise TypeError(f"reduces arrays of {dtypes}, not {x}")
        if list(axes) != sorted(set(axes)) or not all(0 <= a < x.rank for a in axes):
            raise TypeError(f"{axes} are no axes of {x}")
        dtype = x.dtype if result == "same" else result
        dims = tuple(x.dims[k] for k in _kept(axes, x.rank))
        return (Array(dtype, dims) if dims else Scalar(dtype),)

    return register(
        Op(
            name, "reduce", infer, dims=_reduced_dims, vjp=vjp, numpy=f"np.{evaluate.__name__}", torch=torch or f"torch.{evaluate.__name__}",
            evaluate=lambda attrs, x: evaluate(x, axis=attrs["axes"] or ()), cost=2,
            spellings=spellings, c=c, kinks=kinks,
        )
    )  # fmt: skip


def _extremum_vjp(g: Any, y: Any, x: Any, axes: tuple[int, ...]) -> list[Any]:
    """Split evenly over the entries that reach the extremum."""
    hit = x == expand_dims(y, axes=axes)
    share = g / sum_(cast(hit, dtype=x.dtype), axes=axes)
    return [select(hit, expand_dims(share, axes=axes), 0)]


# Sums of i32 are i64, as NumPy's are: the front end casts first.
sum_ = reduction(
    "sum", np.sum, vjp=lambda g, y, x, axes: [expand_dims(g, axes=axes) if g.rank else g],
    spellings=("np.sum", "ndarray.sum", "np.add.reduce"), c={"start": "0", "step": "{x} + {y}"},
)  # fmt: skip
prod = reduction(
    "prod",
    np.prod,
    vjp=None,
    spellings=("np.prod", "np.multiply.reduce"),
    dtypes=(I64, "i32"),
    c={"start": "1", "step": "{x} * {y}"},
)
SPLIT = Kink("several entries are equal to it", "split evenly over them")

max_ = reduction(
    "max", np.max, vjp=_extremum_vjp, torch="torch.amax", spellings=("np.max", "np.amax", "ndarray.max"),
    c={"start": "lowest", "step": "adc_max{f}({x}, {y})", "int": "({x} > {y} ? {x} : {y})",
       "wins": "{x} > {y}", "clause": "max"},
    kinks=(SPLIT,),
)  # fmt: skip
min_ = reduction(
    "min", np.min, vjp=_extremum_vjp, torch="torch.amin", spellings=("np.min", "np.amin", "ndarray.min"),
    c={"start": "highest", "step": "adc_min{f}({x}, {y})", "int": "({x} < {y} ? {x} : {y})",
       "wins": "{x} < {y}", "clause": "min"},
    kinks=(SPLIT,),
)  # fmt: skip
any_ = reduction(
    "any", np.any, vjp=NON_DIFFERENTIABLE, dtypes=(BOOL,), spellings=("np.any", "ndarray.any"),
    c={"start": "0", "step": "{x} | {y}"},
)  # fmt: skip
all_ = reduction(
    "all", np.all, vjp=NON_DIFFERENTIABLE, dtypes=(BOOL,), spellings=("np.all", "ndarray.all"),
    c={"start": "1", "step": "{x} & {y}"},
)  # fmt: skip


def _one_axis(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    def on_axes(x: Any, axis: tuple[int, ...]) -> Any:
        return evaluate(x, axis=axis[0])

    on_axes.__name__ = evaluate.__name__
    return on_axes


# One axis only; the front end flattens for `axis=None`. First of equals, a NaN before all.
argmax = reduction(
    "argmax", _one_axis(np.argmax), vjp=NON_DIFFERENTIABLE, result=I64,
    spellings=("np.argmax", "ndarray.argmax"), c={"start": "lowest", "better": "{x} > {y}"},
)  # fmt: skip
argmin = reduction(
    "argmin", _one_axis(np.argmin), vjp=NON_DIFFERENTIABLE, result=I64,
    spellings=("np.argmin", "ndarray.argmin"), c={"start": "highest", "better": "{x} < {y}"},
)  # fmt: skip
