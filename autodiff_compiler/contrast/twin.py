"""The same function as eager PyTorch, run on the same arguments with `requires_grad`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..backends.python import PythonSource
from ..backends.torch import emit_torch, load_torch
from ..ir.graph import Block, Function, Value, walk
from ..ir.types import FLOATS, I32, I64, NUMPY_DTYPE, Array
from ..kernel import Kernel, Program, _seeds, differentiable_leaves, make_program, value_and_aux
from ..runtime.plan import leaf_names, read_source
from ..signature import Request, Spec, StaticSpec, TreeSpec, leaves
from ..transforms.activity import active_values

__all__ = ["Twin", "make_twin", "float_leaves"]


@dataclass(frozen=True)
class Twin:
    """`run` takes the leaves as tensors and gives the function's flat results.

    `function`: what was emitted, as the user wrote it. `seed`: which result is differentiated;
    None: it is a constant. `wrt`: the numbers of the leaves to differentiate by.
    """

    function: Function
    source: PythonSource
    run: Callable[..., tuple]
    program: Program
    names: tuple[str, ...]
    seed: int | None
    wrt: tuple[int, ...]

    def leaves(self, args: Sequence[Any]) -> list[Any]:
        """The numbers and arrays in the arguments, then the captured ones, in the order of `names`."""
        given: list[Any] = []
        for spec, arg in zip(self.program.params, args):
            given.extend(leaves(spec, arg))
        for source, spec in self.program.captures:
            given.extend(leaves(spec, read_source(source)))
        return given

    def inputs(self, args: Sequence[Any]) -> list[Any]:
        """The leaves as fresh leaves of a graph."""
        import torch

        out: list[Any] = []
        for k, (value, param) in enumerate(zip(self.leaves(args), self.function.params)):
            dtype = param.type.dtype
            if not isinstance(param.type, Array) and dtype not in FLOATS:
                out.append(int(value) if dtype in (I64, I32) else bool(value))
                continue
            array = np.array(value, NUMPY_DTYPE[dtype], order="C")
            tensor = torch.from_numpy(array) if array.ndim else torch.tensor(
                array.item(), dtype=getattr(torch, NUMPY_DTYPE[dtype].name)
            )  # fmt: skip
            out.append(tensor.requires_grad_() if k in self.wrt else tensor)
        return out

    def gradients(self, inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The value, and a gradient per leaf of `wrt`, all as tensors. One forward and one backward
        run."""
        import torch

        results = self.run(*inputs)
        active = [inputs[k] for k in self.wrt]
        value = None if self.seed is None else results[self.seed]
        if not torch.is_tensor(value) or not value.requires_grad:
            return value, [torch.zeros_like(x) for x in active]
        found = torch.autograd.grad(value, active, allow_unused=True)
        return value, [
            torch.zeros_like(x) if g is None else g for g, x in zip(found, active, strict=True)
        ]

    @cached_property
    def copies(self) -> int:
        """The places in the text that copy what PyTorch's graph has kept, or an argument that is
        written, where the function itself copies nothing."""
        own = sum(node.op.name == "copy" for node in walk(self.function.block))
        return max(0, self.source.text.count(".clone()") - own)

    @cached_property
    def value_names(self) -> frozenset[str]:
        """What the user calls the values of the function."""
        return frozenset(v.name for v in _values(self.function.block) if v.name)

    @cached_property
    def _active(self) -> set[Value]:
        if self.seed is None:
            return set()
        wrt = [self.function.params[k] for k in self.wrt]
        return active_values(self.function, wrt, [self.function.results[self.seed]])

    @cached_property
    def active_leaves(self) -> frozenset[str]:
        """The leaves that carry a derivative, as the static graph knows before any call."""
        pairs = zip(self.names, self.function.params)
        return frozenset(name for name, p in pairs if p in self._active)

    @cached_property
    def active_names(self) -> frozenset[str]:
        """The same of what the function computes."""
        computed = self._active.difference(self.function.params)
        return frozenset(v.name for v in computed if v.name)


def float_leaves(spec: Spec, gradient: Any) -> Iterator[Any]:
    """The gradients of the floats in an argument, from a gradient of its structure."""
    if isinstance(spec, TreeSpec):
        for item, part in zip(spec.items, spec.parts(gradient)):
            yield from float_leaves(item, part)
    elif not isinstance(spec, StaticSpec) and spec.dtype in FLOATS:
        yield gradient


def _values(block: Block) -> Iterator[Value]:
    yield from block.params
    for node in block.nodes:
        yield from node.results
        for inner in node.blocks:
            yield from _values(inner)


def make_twin(function: Callable[..., Any], kernel: Kernel, request: Request) -> Twin:
    """The twin of the function that `kernel` differentiates, for arguments of the same types.

    Raises UnsupportedError where an op has no spelling in PyTorch.
    """
    seen: dict[str, Function] = {}
    specs = kernel.program.params
    program = make_program(function, Request("compile"), specs, seen.__setitem__)
    # As the user wrote it: the passes behind this one rewrite loops for the gradient's sake.
    whole = seen["simplify"]
    count = len(whole.results) - len(program.writes)
    block = replace(whole.block, results=whole.results[:count])
    plain = whole.with_block(block)
    name = getattr(function, "__name__", "function")
    name = name if name.isidentifier() else "function"
    source = emit_torch(plain, name)
    value, _ = value_and_aux(program.result, request)
    seeds = [] if program.raises else _seeds(replace(program, function=plain), value, request)
    parameters = tuple(inspect.signature(function, follow_wrapped=False).parameters)
    return Twin(
        plain, source, load_torch(source), program, tuple(leaf_names(kernel.plan, parameters)),
        seeds[0] if seeds else None, tuple(differentiable_leaves(specs, request.wrt)),
    )  # fmt: skip
