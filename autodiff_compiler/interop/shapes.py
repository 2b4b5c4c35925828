"""The shapes of a compiled function's results, told from the shapes of its arguments alone."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..ir.build import Rewriter
from ..ir.graph import CHECK, DIM, Function, Node, Value, walk
from ..ir.interpret import interpret
from ..ir.types import NUMPY_DTYPE, Array
from ..kernel import Kernel
from ..runtime.dispatch import _build as build_result
from ..runtime.plan import read_source
from ..signature import leaves
from ..transforms.dce import eliminate_dead_code

__all__ = ["result_shapes"]


def result_shapes(
    kernel: Kernel, args: tuple[Any, ...], shown: tuple[Any, ...], unknown: Container[int]
) -> Any:
    """The result of a call, with an empty array of the right shape and dtype for each of its leaves.

    `args` are the arguments, those with `id`s in `unknown` standing for others of their types; what
    the result holds of the arguments themselves is taken from `shown`. Raises UnsupportedError where
    a length depends on the value of an unknown one.
    """
    program, plan = kernel.program, kernel.plan
    count = len(plan.outputs)
    dims = _dims(program.function, count)
    values = [v for spec, arg in zip(program.params, args) for v in leaves(spec, arg)]
    _check_reads(dims, [id(v) not in unknown for v in values])
    captured = [read_source(c.source) for c in plan.captures]
    for capture, value in zip(plan.captures, captured):
        values += leaves(capture.spec, value)
    lengths = iter(interpret(dims, values))
    outputs = []
    for out in plan.outputs:
        shape = tuple(int(next(lengths)) for _ in range(out.rank))
        outputs.append(np.empty(shape, NUMPY_DTYPE[out.dtype]))
    return build_result(plan.result, tuple(outputs), shown, captured)


class _WithoutChecks(Rewriter):
    """What may raise is kept only where its result is needed."""

    def node(self, node: Node) -> None:
        if node.op is CHECK:
            return
        if node.op.effect:
            node = replace(node, op=replace(node.op, effect=False))
        super().node(node)


def _dims(function: Function, count: int) -> Function:
    """The function that gives the lengths of the first results, and does nothing else."""
    copier = _WithoutChecks()
    params = [copier.b.function_param(p.type, p.name) for p in function.params]
    copier.env.update(zip(function.params, params))
    copier.nodes(function.block.nodes)
    made: list[Value] = []
    for result in (copier.env[v] for v in function.results[:count]):
        if isinstance(result.type, Array):
            made += [copier.b.dim(result, axis) for axis in range(result.type.rank)]
    return eliminate_dead_code(function.with_block(copier.b.close(params, made)))


def _check_reads(function: Function, known: Sequence[bool]) -> None:
    unknown = {p for p, k in zip(function.params, known) if not k}
    for node in walk(function.block):
        if node.op is not DIM and any(v in unknown for v in node.operands):
            raise UnsupportedError(
                "the shape of the result depends on the values of the arguments",
                node.span,
                "say what it is: `result=` takes a function of the arguments",
            )
    if any(v in unknown for v in function.results):
        raise UnsupportedError(
            "the shape of the result is given by the value of an argument",
            hint="make that argument static, so that it is known when the shape is asked for",
        )
