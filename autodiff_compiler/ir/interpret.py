"""The reference interpreter: runs a function of the IR on NumPy values, every op by its `evaluate`.

Values are immutable here (an op that consumes works on a copy), so it is slow and cannot alias:
whatever a back end gives must agree with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import CheckFailed
from .graph import CHECK, COND, CONST, FOR, WHILE, Block, Function, Node, Value
from .types import NUMPY_DTYPE, Array, Scalar


def interpret(function: Function, args: Sequence[Any], counts: Counter | None = None) -> list[Any]:
    """The results of the function on `args`, flat, one per parameter.

    `counts`, if given, receives under "push:<dtype>" the numbers written to stacks, under "copy"
    those copied by `copy` nodes, and under each op's name how many scalar results it made.
    Raises CheckFailed at a check that does not hold.
    """
    env = dict(zip(function.params, args, strict=True))
    with np.errstate(all="ignore"):
        return _Interpreter(counts).block(function.block, env)


class _Interpreter:
    def __init__(self, counts: Counter | None):
        self.counts = counts

    def block(self, block: Block, env: dict[Value, Any]) -> list[Any]:
        for node in block.nodes:
            self.node(node, env)
        return [env[v] for v in block.results]

    def node(self, node: Node, env: dict[Value, Any]) -> None:
        operands = [env[v] for v in node.operands]
        if node.op is FOR:
            results = self.for_(node, operands, env)
        elif node.op is WHILE:
            results = self.while_(node, operands, env)
        elif node.op is COND:
            results = self.block(node.blocks[0 if operands[0] else 1], env)
        elif node.op is CHECK:
            if not operands[0]:
                raise CheckFailed(0)
            results = []
        else:
            out = node.op.evaluate(node.attrs, *operands)
            results = list(out) if len(node.results) > 1 else [out] if node.results else []
            results = [_typed(x, v) for x, v in zip(results, node.results)]
            if self.counts is not None:
                self.count(node, operands, results)
        env.update(zip(node.results, results, strict=True))

    def count(self, node: Node, operands: list[Any], results: list[Any]) -> None:
        assert self.counts is not None
        if node.op.name == "push":
            self.counts[f"push:{node.operands[1].type.dtype}"] += np.size(operands[1])
        elif node.op.name == "copy":
            self.counts["copy"] += np.size(operands[0])
        elif node.op is not CONST:
            self.counts[node.op.name] += sum(
                np.size(r) for r in results if not isinstance(r, tuple)
            )

    def for_(self, node: Node, operands: list[Any], env: dict[Value, Any]) -> list[Any]:
        body = node.blocks[0]
        start, stop, step, *carried = operands
        for i in range(int(start), int(stop), int(step)):
            env.update(zip(body.params, [np.int64(i), *carried]))
            carried = self.block(body, env)
            if node.attrs.get("stops"):
                leave, *carried = carried
                if leave:
                    break
        return carried

    def while_(self, node: Node, carried: list[Any], env: dict[Value, Any]) -> list[Any]:
        test, body = node.blocks
        while True:
            env.update(zip(test.params, carried))
            if not self.block(test, env)[0]:
                return carried
            env.update(zip(body.params, carried))
            carried = self.block(body, env)


def _typed(x: Any, value: Value) -> Any:
    """Holds every op's `evaluate` to its `infer`."""
    if isinstance(value.type, Scalar):
        return NUMPY_DTYPE[value.type.dtype].type(x)
    if isinstance(value.type, Array):
        x = np.asarray(x)
        if x.dtype != NUMPY_DTYPE[value.type.dtype] or x.ndim != value.type.rank:
            raise AssertionError(f"an op gave {x.dtype}[{x.ndim}d] where {value} was inferred")
        if any(d == 1 and n != 1 for d, n in zip(value.type.dims, x.shape)):
            raise AssertionError(f"an op gave shape {x.shape} where {value} was inferred")
    return x
