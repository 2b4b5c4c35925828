"""A compiled function as a node of PyTorch's graph: a static kernel inside a dynamic program."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..api import vjp
from .common import compiled, is_several, leaves, map_leaves, paired_gradient, put, required

__all__ = ["to_torch"]

_FLOATS = ("float64", "float32")
_DTYPES = (*_FLOATS, "int64", "int32", "int16", "int8", "uint8", "bool")


def to_torch(f: Callable[..., Any], *, backend: str = "auto") -> Callable[..., Any]:
    """`f`, a function of numbers and NumPy arrays, as a function of CPU tensors that autograd knows.

    f        a function that the compiler takes, plain or made by `grad`, `compile`, ...
    backend  "auto", "c" or "python", as for `grad`

    Arguments are tensors (float64, float32, integers, bool; those without dims are numbers to `f`),
    containers of them, and whatever else `f` takes, by position. Floats and arrays of the result
    come back as tensors, in the same containers. `f` sees copies: what it writes into its arguments
    is not seen outside. Derivatives of any order are kernels too; beyond the first, results and
    arguments are floats, arrays, or tuples, lists and dicts of them, two deep at most.

    Raises, when called, TypeError for tensors elsewhere than on the CPU, of other dtypes and layouts,
    and what `f` and its compilation raise; ImportError without PyTorch.
    """
    torch = required("torch", "torch")
    node = _nodes()
    made = _Bridge(f, backend)

    def call(*args: Any) -> Any:
        tensors = [x for x in leaves(args) if isinstance(x, torch.Tensor)]
        run = _Run(made, args)
        results = node.apply(run, *tensors)
        given = iter(results)
        floats = [next(given) if isinstance(x, _Slot) else x for x in leaves(run.shape)]
        return put(run.shape, floats)

    if hasattr(f, "__name__"):
        functools.update_wrapper(call, f)
        vars(call).pop("__wrapped__")
    return call


class _Bridge:
    """A function and the pullbacks of it, the latter made when they are asked for."""

    def __init__(self, f: Callable[..., Any], backend: str):
        self.f = compiled(f, backend)
        self.backend = backend
        self._second: dict[bool, Callable[..., Any]] = {}

    def pullback(self, several: bool) -> Callable[..., Any]:
        """The pullback as a function of tensors, itself a node of the graph."""
        if several not in self._second:
            made = paired_gradient(self.f, several, self.backend)
            self._second[several] = to_torch(made, backend=self.backend)
        return self._second[several]


class _Slot:
    """Stands for a tensor in a tree."""


@dataclass
class _Run:
    """One call: what the node's two halves tell each other."""

    bridge: _Bridge
    args: Any
    pull: Callable[..., tuple[Any, ...]] | None = None
    value: Any = None
    #: the result with a `_Slot` for each tensor
    shape: Any = None


@functools.cache
def _nodes() -> Any:
    """The class of nodes, made once PyTorch is there."""
    import torch

    class CompiledFunction(torch.autograd.Function):
        """forward(run, *tensors) -> tensors: the run says what they are parts of."""

        @staticmethod
        def forward(run: _Run, *tensors: Any) -> tuple[Any, ...]:
            args = _filled(run.args, map(_to_numpy, tensors))
            run.value, run.pull = vjp(run.bridge.f, *args, backend=run.bridge.backend)
            made = [_to_tensor(x) for x in leaves(run.value)]
            slots = [x if m is None else _Slot() for x, m in zip(leaves(run.value), made)]
            run.shape = put(run.value, slots)
            return tuple(m for m in made if m is not None)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
            ctx.run = inputs[0]
            ctx.save_for_backward(*inputs[1:])
            ctx.mark_non_differentiable(*(t for t in output if not t.is_floating_point()))

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
            # Reading them finds out whether they were changed since.
            tensors = ctx.saved_tensors
            if torch.is_grad_enabled() or ctx.run.pull is None:
                return (None, *_graph_pull(ctx.run, tensors, cotangents))
            return (None, *_plain_pull(ctx.run, cotangents))

        @staticmethod
        def vmap(info: Any, in_dims: tuple[Any, ...], run: _Run, *tensors: Any) -> Any:
            rows = []
            for k in range(info.batch_size):
                parts = [t if d is None else t.select(d, k) for t, d in zip(tensors, in_dims[1:])]
                each = _Run(run.bridge, _filled(run.args, parts))
                rows.append(CompiledFunction.apply(each, *parts))
                # What belongs to one entry of the batch says how the result is built.
                run.shape, run.value = each.shape, each.value
            if not rows:
                raise ValueError(
                    "vmap over a batch of no entries: the shape of its result is not known"
                )
            return tuple(map(torch.stack, zip(*rows))), tuple(0 for _ in rows[0])

    return CompiledFunction


def _filled(args: Any, tensors: Iterable[Any]) -> Any:
    """The arguments with these in place of their tensors."""
    import torch

    given = iter(tensors)
    return map_leaves(lambda x: next(given) if isinstance(x, torch.Tensor) else x, args)


def _plain_pull(run: _Run, cotangents: Any) -> list[Any]:
    """The cotangents of the tensors, as numbers."""
    import torch

    # Ints of the result have no cotangent; `pull` does not look at what stands in their places.
    given = iter(cotangents)
    values = [
        x if not isinstance(s, _Slot) else _cotangent(next(given))
        for x, s in zip(leaves(run.value), leaves(run.shape))
    ]
    assert run.pull is not None
    pulled = run.pull(put(run.value, values))
    out = []
    for arg, gradient in zip(run.args, pulled):
        found = leaves(gradient)
        if gradient is None:
            found = [None] * len(leaves(arg))
        for x, g in zip(leaves(arg), found, strict=True):
            if isinstance(x, torch.Tensor):
                out.append(None if g is None else _to_tensor(g))
    return out


def _graph_pull(run: _Run, tensors: Any, cotangents: Any) -> list[Any]:
    """The cotangents of the tensors, as nodes that can be differentiated again."""
    import torch

    several = is_several(run.value, _is_float)
    args = _filled(run.args, tensors)
    moves = [any(_is_float(x) for x in leaves(arg)) for arg in args]
    moving = tuple(arg if m else None for arg, m in zip(args, moves))
    fixed = tuple(None if m else arg for arg, m in zip(args, moves))
    given = iter(cotangents)
    parts = [next(given) if isinstance(s, _Slot) else None for s in leaves(run.shape)]
    paired = put(run.value, [c if _is_float(x) else None for x, c in zip(leaves(run.value), parts)])
    pulled = run.bridge.pullback(several)(paired, moving, fixed)
    out = []
    for arg, gradient, m in zip(args, pulled, moves):
        found = leaves(gradient) if m else [None] * len(leaves(arg))
        out += [g for x, g in zip(leaves(arg), found, strict=True) if isinstance(x, torch.Tensor)]
    return out


def _is_float(x: Any) -> bool:
    import torch

    if isinstance(x, torch.Tensor):
        return x.is_floating_point()
    return isinstance(x, (float, np.floating)) or (
        isinstance(x, np.ndarray) and x.dtype.kind == "f"
    )


# --- tensors and arrays --------------------------------------------------------------------------


def _to_numpy(t: Any) -> Any:
    """A number for a tensor without dims, else an array that shares its memory."""
    import torch

    if t.device.type != "cpu":
        raise TypeError(
            f"a tensor on {t.device} was given, and compiled functions run on the CPU: pass t.cpu()"
        )
    if t.layout is not torch.strided:
        raise TypeError(f"a tensor of layout {t.layout} was given: pass t.to_dense()")
    name = str(t.dtype).removeprefix("torch.")
    if name not in _DTYPES:
        way = ": pass t.to(torch.float32)" if t.is_floating_point() else ""
        raise TypeError(
            f"a tensor of {name} was given; compiled functions take {', '.join(_DTYPES)}{way}"
        )
    array = t.detach().resolve_neg().numpy()
    return array[()] if array.ndim == 0 and name in (*_FLOATS, "int64", "int32", "bool") else array


def _cotangent(t: Any) -> Any:
    return t.detach().resolve_neg().numpy()


def _to_tensor(x: Any) -> Any:
    """A tensor of its own memory; None for what is no number of NumPy's and no float."""
    import torch

    if isinstance(x, np.ndarray):
        return torch.from_numpy(np.array(x, order="C"))
    if isinstance(x, (float, np.floating)):
        return torch.tensor(x, dtype=torch.float32 if isinstance(x, np.float32) else torch.float64)
    return None
