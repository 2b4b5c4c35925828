"""Value and gradient of a sum over the rows of arrays that outgrow one machine, by Dask."""

from __future__ import annotations

import functools
import inspect
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..api import Argnums, _positions, value_and_grad
from ..errors import UnsupportedError
from .common import leaves, put, required

__all__ = ["value_and_grad_of_rows"]

#: How many rows the loss is tried on, whole and in two parts.
_TRIED = 64
_RTOL = {"float64": 1e-8, "float32": 1e-3}


def value_and_grad_of_rows(
    loss: Callable[..., Any], argnums: Argnums = 0, *, backend: str = "auto", split_every: int = 8,
    check: bool = True,
) -> Callable[..., tuple[Any, Any]]:  # fmt: skip
    """Like `value_and_grad(loss)`, for a loss that is a sum over the rows of Dask arrays.

    loss         a function that the compiler takes; it is called with a block of rows in place of
                 each Dask array, and its values are added
    argnums      what to differentiate by, as for `grad`; no Dask array
    backend      "auto", "c" or "python", as for `grad`
    split_every  how many blocks' results one task adds
    check        try at the first call, on a few rows, whether the loss is such a sum

    The function made takes the loss's arguments, at least one of them a Dask array; all that are must
    have the same blocks along their first axis. It computes at once, on the cluster that a
    `dask.distributed.Client` is connected to, or else in this process, and returns `(value,
    gradient)`. Each worker compiles the loss for itself, once. What a worker held that is lost is
    computed again by another: the sum is the same, number by number.

    Raises UnsupportedError for a loss that is no sum over rows (a mean; a penalty, which each block
    would add again), ValueError for blocks that do not match, and what the loss and its compilation
    raise; ImportError without Dask.
    """
    required("dask", "dask")
    if split_every < 2:
        raise ValueError("split_every is at least 2")
    part = value_and_grad(loss, argnums, backend=backend)
    chosen = _positions(loss, argnums)
    signature = inspect.signature(loss, follow_wrapped=False)
    done = threading.Event()

    def call(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        import cloudpickle  # comes with Dask
        import dask

        bound = signature.bind(*args, **kwargs)
        names = list(signature.parameters)
        for k in chosen if isinstance(chosen, tuple) else (chosen,):
            if _is_dask(bound.arguments.get(names[k])):
                raise TypeError(f"the gradient by {names[k]}, a Dask array, is not supported")
        blocks, lengths = _blocks(bound.arguments)
        # One key for each of the two, so that they travel to a worker once and not with every task.
        function = dask.delayed(cloudpickle.dumps(part), pure=False, traverse=False)
        others = {k: v for k, v in bound.arguments.items() if not _is_dask(v)}
        rest = dask.delayed(others, pure=False, traverse=False)
        task = dask.delayed(_part, pure=False)
        used = [k for k, n in enumerate(lengths) if n] or [0]
        parts = [task(function, rest, blocks[k]) for k in used]
        tried, wanted = None, check and not done.is_set() and max(lengths) > 1
        if wanted:
            longest = lengths.index(max(lengths))
            tried = dask.delayed(_try, pure=False)(function, rest, blocks[longest])
        total, _ = dask.compute(_tree(parts, split_every), tried)
        if wanted:
            done.set()
        return total

    functools.update_wrapper(call, loss)
    vars(call).pop("__wrapped__")
    return call


def _is_dask(x: Any) -> bool:
    from dask.array import Array

    return isinstance(x, Array)


def _blocks(arguments: dict[str, Any]) -> tuple[list[dict[str, Any]], list[int]]:
    """For each block of rows its part of every Dask array, by parameter; and how many rows it has."""
    arrays = {name: x for name, x in arguments.items() if _is_dask(x)}
    if not arrays:
        raise TypeError("none of the arguments is a Dask array; use value_and_grad")
    rows: tuple[int, ...] | None = None
    found: list[dict[str, Any]] = []
    for name, x in arrays.items():
        if x.ndim == 0:
            raise ValueError(f"{name} has no rows")
        if any(np.isnan(n) for n in x.chunks[0]):
            raise ValueError(
                f"the blocks of {name} have unknown lengths: call compute_chunk_sizes()"
            )
        if rows is None:
            rows = x.chunks[0]
            found = [{} for _ in rows]
        if x.chunks[0] != rows:
            raise ValueError(
                f"the blocks of {name} have {x.chunks[0]} rows, those of {next(iter(arrays))}"
                f" {rows}: rechunk one of them"
            )
        whole = x.rechunk({axis: -1 for axis in range(1, x.ndim)}) if x.ndim > 1 else x
        for parts, block in zip(found, whole.to_delayed().ravel(), strict=True):
            parts[name] = block
    return found, [int(n) for n in rows or ()]


# --- tasks: what runs on the workers -------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def _loaded(pickled: bytes) -> Any:
    """The compiled function, the same one for the same pickle, so that it is compiled once."""
    return pickle.loads(pickled)


def _part(pickled: bytes, others: dict[str, Any], block: dict[str, Any]) -> Any:
    return _loaded(pickled)(**others, **{name: np.asarray(x) for name, x in block.items()})


def _added(parts: Sequence[Any]) -> Any:
    """The sums of values and gradients, leaf by leaf, from the left."""
    first, *others = parts
    sums = leaves(first)
    for part in others:
        sums = [None if a is None else a + b for a, b in zip(sums, leaves(part), strict=True)]
    return put(first, sums)


def _tree(parts: list[Any], split_every: int) -> Any:
    import dask

    add = dask.delayed(_added, pure=False)
    while len(parts) > 1:
        parts = [add(parts[k : k + split_every]) for k in range(0, len(parts), split_every)]
    return parts[0]


def _try(pickled: bytes, others: dict[str, Any], block: dict[str, Any]) -> None:
    """Refuses a loss that is not the sum of what it is of two parts of the rows."""
    few = {name: np.asarray(x)[:_TRIED] for name, x in block.items()}
    cut = (len(next(iter(few.values()))) + 1) // 3 or 1
    # Unequal parts: the mean of two halves' means is a mean, too.
    first = {name: x[:cut] for name, x in few.items()}
    second = {name: x[cut:] for name, x in few.items()}
    whole, *parts = (_part(pickled, others, rows) for rows in (few, first, second))
    for a, b in zip(leaves(whole), leaves(_added(parts)), strict=True):
        if a is not None and not _alike(a, b):
            raise UnsupportedError(
                "the loss is not a sum over rows: of some rows together it is not what it is of"
                " them in two parts, added",
                hint="use sums instead of means, and add what does not depend on the rows outside",
            )


def _alike(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    scale = np.max(np.abs(a), initial=0.0, where=np.isfinite(a))
    rtol = _RTOL[a.dtype.name] if a.dtype.name in _RTOL else 1e-3
    return bool(np.allclose(a, b, rtol=rtol, atol=rtol * scale, equal_nan=True))
