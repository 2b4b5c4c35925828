"""The checker: scopes, types, arity, and that every array is consumed at most once, and last.

Runs after every pass in the tests, and for users with AUTODIFF_COMPILER_CHECK=1.
"""

from __future__ import annotations

from collections.abc import Iterable

from .graph import (
    COND,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    consumed_slots,
    join_types,
    slot_params,
)
from .types import BOOL, I64, Array, Scalar, Type


class IRError(AssertionError):
    """A pass has produced a program that is none: a defect of this package, not of the user's."""


def check(function: Function) -> None:
    """Raises IRError unless the function is well formed."""
    _Checker().block(function.block, set(), function.name)


def _accepts(slot: Type, value: Type) -> bool:
    """May a value of one type flow into a place of another? Knowledge of 1 may be lost, never made up."""
    if isinstance(slot, Array) and isinstance(value, Array):
        return join_types_ok(slot, value) and all(
            s != 1 or v == 1 for s, v in zip(slot.dims, value.dims)
        )
    return slot == value


def join_types_ok(a: Type, b: Type) -> bool:
    try:
        join_types(a, b)
    except TypeError:
        return False
    return True


class _Checker:
    def __init__(self) -> None:
        self.defined: set[Value] = set()

    def block(self, block: Block, scope: set[Value], where: str) -> set[Value]:
        """Checks a block inside `scope`; gives the values that it consumes, its own included."""
        scope = set(scope)
        consumed: set[Value] = set()
        self._define(block.params, scope, where)
        for node in block.nodes:
            at = f"{where}: {node.op.name} at {node.span}"
            self._read(node.operands, scope, consumed, at)
            eaten = self._node(node, scope, consumed, at)
            again = eaten & consumed
            if again:
                raise IRError(f"{at}: consumes {again} a second time")
            consumed |= eaten
            self._define(node.results, scope, at)
        self._read(block.results, scope, consumed, f"{where}: results")
        return consumed

    def _define(self, values: Iterable[Value], scope: set[Value], where: str) -> None:
        for v in values:
            if v in self.defined:
                raise IRError(f"{where}: {v} is defined twice")
            self.defined.add(v)
            scope.add(v)

    def _read(
        self, values: Iterable[Value], scope: set[Value], consumed: set[Value], where: str
    ) -> None:
        for v in values:
            if v not in scope:
                raise IRError(f"{where}: {v} is not in scope")
            if v in consumed:
                raise IRError(f"{where}: {v} is read after it was consumed")

    def _node(self, node: Node, scope: set[Value], consumed: set[Value], at: str) -> set[Value]:
        if node.op is FOR or node.op is WHILE:
            return self._loop(node, scope, consumed, at)
        if node.op is COND:
            return self._cond(node, scope, consumed, at)
        try:
            types = node.op.infer(node.attrs, *(v.type for v in node.operands))
        except TypeError as error:
            raise IRError(f"{at}: {error}") from error
        if tuple(types) != tuple(v.type for v in node.results):
            raise IRError(f"{at}: yields {[v.type for v in node.results]}, should be {types}")
        eaten = node.op.consumes
        if eaten is None:
            return set()
        if node.operands.count(node.operands[eaten]) > 1:
            raise IRError(f"{at}: reads what it consumes")
        return {node.operands[eaten]}

    def _loop(self, node: Node, scope: set[Value], consumed: set[Value], at: str) -> set[Value]:
        init = node.operands
        if node.op is FOR:
            if any(v.type != Scalar(I64) for v in init[:3]):
                raise IRError(f"{at}: bounds are i64")
            init = init[3:]
        live = scope - consumed
        eaten_params: set[Value] = set()
        free_eaten: set[Value] = set()
        for block in node.blocks:
            eaten = self.block(block, live, at)
            free_eaten |= eaten & live
            eaten_params |= eaten
        if free_eaten:
            raise IRError(f"{at}: the body consumes {free_eaten}, which is not carried")
        params = slot_params(node)
        yields = node.blocks[-1].results
        if node.attrs.get("stops"):
            if yields[0].type != Scalar(BOOL):
                raise IRError(f"{at}: stop is a bool")
            yields = yields[1:]
        if node.op is WHILE:
            test = node.blocks[0]
            if [v.type for v in test.results] != [Scalar(BOOL)]:
                raise IRError(f"{at}: the test yields one bool")
            if set(test.params) & eaten_params:
                raise IRError(f"{at}: the test consumes a slot")
        if not len(init) == len(params) == len(yields) == len(node.results):
            raise IRError(f"{at}: slots differ in number")
        for i, p, y, r in zip(init, params, yields, node.results):
            if not (_accepts(p.type, i.type) and _accepts(p.type, y.type) and r.type == p.type):
                raise IRError(f"{at}: slot {p} begins as {i} and continues as {y}")
        eaten_init = [init[k] for k in sorted(consumed_slots(node, eaten_params))]
        if any(node.operands.count(i) > 1 for i in eaten_init):
            raise IRError(f"{at}: an array that the body consumes is handed in twice")
        return set(eaten_init)

    def _cond(self, node: Node, scope: set[Value], consumed: set[Value], at: str) -> set[Value]:
        if len(node.operands) != 1 or node.operands[0].type != Scalar(BOOL):
            raise IRError(f"{at}: takes one bool")
        live = scope - consumed
        eaten = set()
        for block in node.blocks:
            if block.params:
                raise IRError(f"{at}: branches take no parameters")
            eaten |= self.block(block, live, at) & live
            if len(block.results) != len(node.results):
                raise IRError(f"{at}: branches yield differently many values")
            for r, y in zip(node.results, block.results):
                if not _accepts(r.type, y.type):
                    raise IRError(f"{at}: {y} does not fit {r}")
        return eaten
