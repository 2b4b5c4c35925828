"""Small exact rewrites: folded constants, common scalars computed once, slots that never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.build import Rewriter
from ..ir.graph import (
    COND,
    CONST,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    consumed_values,
    slot_params,
    slot_yields,
    walk,
)  # fmt: skip
from ..ir.types import BOOL, F64, FLOATS, I64, INTS, Array, Scalar
from ..ops import TABLE
from ..ops.shape import full
from .dce import eliminate_dead_code

_FOLDABLE = {
    TABLE[name]
    for name in (
        "iadd",
        "isub",
        "imul",
        "sign",
        "floordiv",
        "mod",
        "select",
        "add",
        "sub",
        "mul",
        "neg",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "not",
        "and",
        "or",
    )
}
_MUL, _DIV, _IADD, _ISUB, _IMUL = (TABLE[n] for n in ("mul", "div", "iadd", "isub", "imul"))
_NEG, _CAST = TABLE["neg"], TABLE["cast"]
_NOT, _AND, _OR, _PYINT, _SELECT, _POW = (
    TABLE[n] for n in ("not", "and", "or", "pyint", "select", "pow")
)


def simplify(function: Function) -> Function:
    """The same function, smaller; bit for bit the same results."""
    return eliminate_dead_code(_Simplify().run(eliminate_dead_code(function)))


class _Simplify(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[Any, tuple[Value, ...]]] = [{}]
        self.eaten: set[Value] = set()
        self.handed_on: set[Value] = set()
        self.literals: dict[Value, float | int | bool] = {}
        #: of the copy: arrays that hold one number, and what made them
        self.filled: dict[Value, Node] = {}

    def run(self, function: Function) -> Function:
        self.eaten |= consumed_values(function.block.nodes)
        self.literals = {n.result: n.attrs["value"] for n in walk(function.block) if n.op is CONST}
        self.handed_on = {
            v for node in walk(function.block) for b in node.blocks for v in b.results
        }
        self.handed_on.update(function.results)
        return super().run(function)

    def node(self, node: Node) -> None:
        if node.op is FOR or node.op is WHILE:
            # Two values that are one array: neither may be written while the other is read.
            slots = zip(slot_params(node), slot_yields(node), node.results, carried_init(node))
            fixed = [
                k for k, (p, y, r, init) in enumerate(slots) if p is y and self.immutable(r, init)
            ]
            if fixed:
                node = self.without_fixed(node, fixed)
            super().node(node)
        elif node.op is COND and (short := self.same_either_way(node)):
            super().node(short)
        elif (
            node.op is COND
            and (known := self.b.constants.get(self.env[node.operands[0]])) is not None
        ):
            block = node.blocks[0 if known else 1]
            self.nodes(block.nodes)
            self.bind(node.results, [self.env[v] for v in block.results])
        else:
            super().node(node)

    def same_either_way(self, node: Node) -> Node | None:
        """The branch without results that are its condition, or the same whichever way it goes."""
        then, otherwise = node.blocks
        keep = []
        for k, (a, b) in enumerate(zip(then.results, otherwise.results)):
            x, y = self.known(a), self.known(b)
            if x is True and y is False:
                self.env[node.results[k]] = self.env[node.operands[0]]
            elif a is b and isinstance(a.type, Scalar):
                self.env[node.results[k]] = self.env[a]
            else:
                keep.append(k)
        if len(keep) == len(node.results):
            return None
        blocks = tuple(
            Block((), blk.nodes, tuple(blk.results[k] for k in keep)) for blk in node.blocks
        )
        results = tuple(node.results[k] for k in keep)
        return Node(node.op, node.operands, results, node.attrs, blocks, node.span)

    def known(self, v: Value) -> float | int | bool | None:
        """The value of a constant, of an arm or of a block around it."""
        if v in self.env:
            return self.b.constants.get(self.env[v])
        return self.literals.get(v)

    def without_fixed(self, node: Node, fixed: Sequence[int]) -> Node:
        """Drops slots whose parameter is handed on unchanged: they are their initial values."""
        lead = 1 if node.op is FOR else 0
        for k in fixed:
            init = self.env[carried_init(node)[k]]
            self.env[node.results[k]] = init
            for block in node.blocks:
                self.env[block.params[lead + k]] = init

        def kept(items: Sequence[Any], first: int) -> tuple[Any, ...]:
            return tuple(x for k, x in enumerate(items) if k - first not in fixed)

        stop = 1 if node.attrs.get("stops") else 0
        blocks = tuple(
            Block(
                kept(block.params, lead), block.nodes,
                kept(block.results, stop) if block is node.blocks[-1] else block.results,
            )
            for block in node.blocks
        )  # fmt: skip
        operands = kept(node.operands, 3 if node.op is FOR else 0)
        return Node(node.op, operands, kept(node.results, 0), node.attrs, blocks, node.span)

    def block(self, block: Block, params: Sequence[Value]) -> Block:
        self.seen.append({})
        try:
            return super().block(block, params)
        finally:
            self.seen.pop()

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if _of_floats(node) and any(v in self.filled for v in operands):
            operands = self.without_fill(node, operands)
            if all(isinstance(v.type, Scalar) for v in operands):
                self.fill_later(node, operands)
                return
        short = self.shortcut(node, operands)
        if short is not None:
            self.bind_short(node, short)
            return
        if not self.shareable(node):
            super().simple(node, operands)
            if node.op is full:
                self.filled[self.env[node.result]] = Node(full, tuple(operands), (), node.attrs)
            return
        attrs = tuple(sorted((k, repr(v)) for k, v in node.attrs.items()))
        key = (node.op, tuple(operands), attrs)
        for table in reversed(self.seen):
            if key in table:
                self.env.update(zip(node.results, table[key], strict=True))
                return
        super().simple(node, operands)
        self.seen[-1][key] = tuple(self.env[r] for r in node.results)

    # -- arrays of one number ----------------------------------------------------------------------

    def without_fill(self, node: Node, operands: Sequence[Value]) -> list[Value]:
        """The operands with the number itself for an array that holds nothing else, if the result has
        its shape from another operand, or from this one alone."""
        arrays = [v for v in operands if isinstance(v.type, Array)]
        plain = [v for v in arrays if v not in self.filled]
        wide = node.result.type.dims
        if not (any(v.type.dims == wide for v in plain) or len(arrays) == 1):
            return list(operands)
        return [self.filled[v].operands[0] if v in self.filled else v for v in operands]

    def fill_later(self, node: Node, operands: Sequence[Value]) -> None:
        """An op on an array of one number: the op on the number, and an array of what it gives."""
        (array,) = {self.env[v] for v in node.operands if self.env[v] in self.filled}
        made = self.filled[array]
        one = self.folded(node, operands, [self.b.constants.get(v) for v in operands])
        if one is None:
            one = self.b.emit(node.op, *operands, **node.attrs)
        result = self.b.emit(full, one, *made.operands[1:], **made.attrs)
        self.bind(node.results, [result])
        self.filled[result] = self.b.nodes[-1]

    def immutable(self, *values: Value) -> bool:
        """May one of these arrays stand for another? Not if one is written, or leaves its block."""
        return all(
            isinstance(v.type, Scalar) or v not in self.eaten and v not in self.handed_on
            for v in values
        )

    def bind_short(self, node: Node, short: Value) -> None:
        self.env[node.result] = short

    def shareable(self, node: Node) -> bool:
        """Pure, and a scalar or an array that nothing writes: two of the same are one."""
        if any(not isinstance(v.type, Scalar) for v in (*node.results, *node.operands)):
            return node.op.kind == "elementwise" and self.immutable(*node.results, *node.operands)
        return node.op is CONST or node.op.kind == "check" or not node.op.effect

    def shortcut(self, node: Node, operands: Sequence[Value]) -> Value | None:
        """The value that the node is sure to give, if one is at hand."""
        constants = self.b.constants
        known = [constants.get(v) for v in operands]
        if (
            not node.results
            or node.op is CONST
            or not self.immutable(*node.results, *node.operands)
        ):
            return None
        folded = self.folded(node, operands, known)
        return self.identity(node, operands, known) if folded is None else folded

    def folded(self, node: Node, operands: Sequence[Value], known: Sequence[Any]) -> Value | None:
        if node.op not in _FOLDABLE or None in known or self.risky(node, operands, known):
            return None
        value = node.op.evaluate(node.attrs, *known)
        if node.result.type.dtype == I64 and not -(2**63) <= value < 2**63:
            return None
        if node.result.type.dtype == F64 and not np.isfinite(value):
            return None
        return self.b.const(value, node.result.type.dtype)

    def risky(self, node: Node, operands: Sequence[Value], known: Sequence[Any]) -> bool:
        """Only doubles and i64 are folded, as they are computed here; a division by zero is not."""
        narrow = any(v.type.dtype not in (F64, I64, BOOL) for v in operands)
        return narrow or node.op.name in ("floordiv", "mod") and known[1] == 0

    def identity(self, node: Node, operands: Sequence[Value], known: Sequence[Any]) -> Value | None:
        op = node.op
        if op is _MUL and -1 in known and node.result.type.dtype in FLOATS:
            x = operands[1 if known[0] == -1 else 0]
            return self.b.emit(_NEG, x) if x.type == node.result.type else None
        if op is _MUL or op is _IMUL:
            if known[1] == 1 and operands[0].type == node.result.type:
                return operands[0]
            return operands[1] if known[0] == 1 and operands[1].type == node.result.type else None
        if op is _POW and known[1] == 1.0:
            return operands[0] if operands[0].type == node.result.type else None
        if op is _IADD or op is _ISUB or op is _DIV:
            if known[1] == (1 if op is _DIV else 0) and operands[0].type == node.result.type:
                return operands[0]
            return operands[1] if op is _IADD and known[0] == 0 else None
        if op is _PYINT and operands[0] in constants_of(self):
            return operands[0]
        if op is _SELECT and known[0] is not None:
            arm = operands[1 if known[0] else 2]
            return arm if arm.type == node.result.type else None
        if op in (_AND, _OR) and operands[0].type.dtype == BOOL:
            for a, b in ((0, 1), (1, 0)):
                if known[a] is not None:
                    return operands[b if known[a] == (op is _AND) else a]
        return None


def _of_floats(node: Node) -> bool:
    """Elementwise, and the same on numbers as on arrays: an array's integers wrap, and may be divided
    by zero, where Python's do not."""
    if node.op.kind != "elementwise":
        return False
    read = () if node.op is _CAST else node.operands
    return all(v.type.dtype not in INTS for v in (*node.results, *read))


def constants_of(rewriter: Rewriter) -> dict[Value, Any]:
    return rewriter.b.constants
