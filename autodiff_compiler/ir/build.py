"""The builder: appends typed nodes to nested blocks, and knows the dims of every array as it goes.

Dims are propagated by the rule in each op's record. A dim is 1 or an i64 value; two dims are known
to be equal when they are the same value. What only a run knows (the length of `nonzero`, the dims
of what came by either branch) is named by a `dim` node right behind its definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import NO_SPAN, Span
from .graph import COND, CONST, DIM, FOR, WHILE, Block, Function, Node, Value, join_types
from .op import Op
from .types import BOOL, F64, I64, Array, Scalar, Type

KnownDim = Value | int
_NO_ATTRS: Mapping[str, Any] = {}


class Builder:
    """Blocks nest: `open()`, emit, `close(params, results)`. `span` is stamped on each new node."""

    def __init__(self) -> None:
        self._open: list[list[Node]] = [[]]
        self.span: Span = NO_SPAN
        self.dims: dict[Value, tuple[KnownDim, ...]] = {}
        #: i64 constants by value, and which block depth they stand at
        self.constants: dict[Value, float | int | bool] = {}

    @property
    def depth(self) -> int:
        return len(self._open)

    @property
    def nodes(self) -> list[Node]:
        return self._open[-1]

    def is_open(self, nodes: list[Node]) -> bool:
        """Is this (what `nodes` once was) the list of a block that is still open?"""
        return any(nodes is block for block in self._open)

    def open(self) -> None:
        self._open.append([])

    def close(self, params: Sequence[Value], results: Sequence[Value]) -> Block:
        return Block(tuple(params), tuple(self._open.pop()), tuple(results))

    def discard(self) -> None:
        self._open.pop()

    def append(self, node: Node) -> None:
        self._open[-1].append(node)

    @contextmanager
    def at(self, depth: int) -> Iterator[None]:
        """Appends to the block that is open at `depth`: what is being built inside it comes later."""
        inner = self._open[depth:]
        del self._open[depth:]
        try:
            yield
        finally:
            self._open.extend(inner)

    def param(self, type: Type, name: str = "", dims: Sequence[KnownDim] | None = None) -> Value:
        """A new parameter; an array's dims are given (a slot's: those of its initial value)."""
        value = Value(type, name)
        if isinstance(type, Array) and dims is not None:
            self.dims[value] = _sharpen(type, dims)
        return value

    def function_param(self, type: Type, name: str) -> Value:
        """A parameter of the function: its dims are named by `dim` nodes here."""
        value = Value(type, name)
        self.name_dims(value)
        return value

    def name_dims(self, value: Value, known: Sequence[KnownDim | None] | None = None) -> None:
        """Records an array's dims; those unknown are named by `dim` nodes in the open block."""
        if not isinstance(value.type, Array):
            return
        known = known or (None,) * value.type.rank
        dims: list[KnownDim] = []
        for axis, (d, k) in enumerate(zip(value.type.dims, known)):
            if d == 1:
                dims.append(1)
            elif k is None:
                name = f"{value.name}_n{axis}" if value.name else ""
                dims.append(self._append(DIM, (value,), {"axis": axis}, (Scalar(I64),), name)[0])
            else:
                dims.append(k)
        self.dims[value] = tuple(dims)

    def emit(self, op: Op, *operands: Value, name: str = "", **attrs: Any) -> Any:
        """Appends a node and gives its result: one Value, a tuple of several, or None.

        Raises TypeError if the op does not take such operands.
        """
        if op is DIM:
            return self.dim(operands[0], attrs["axis"])
        types = op.infer(attrs, *(v.type for v in operands))
        results = self._append(op, operands, attrs, types, name)
        self._set_dims(op, operands, attrs, results)
        return results[0] if len(results) == 1 else (results or None)

    def _append(
        self, op: Op, operands: tuple[Value, ...], attrs: Mapping[str, Any],
        types: Iterable[Type], name: str,
    ) -> tuple[Value, ...]:  # fmt: skip
        results = tuple(Value(t, name) for t in types)
        self.append(Node(op, operands, results, attrs, (), self.span))
        return results

    def _set_dims(
        self, op: Op, operands: Sequence[Value], attrs: Mapping[str, Any], results: Sequence[Value]
    ) -> None:
        if not any(isinstance(r.type, Array) for r in results):
            return
        if op.dims is None:
            raise TypeError(f"op {op.name} makes arrays and has no rule for their dims")
        known = op.dims(attrs, operands, [self.dims.get(v, ()) for v in operands])
        for result, dims in zip(results, known, strict=True):
            self.name_dims(result, dims)

    def const(self, value: float | int | bool, dtype: str | None = None) -> Value:
        if dtype is None:
            dtype = BOOL if isinstance(value, bool) else I64 if isinstance(value, int) else F64
        cast = bool if dtype == BOOL else int if dtype in (I64, "i32") else float
        result = self.emit(CONST, value=cast(value), dtype=dtype)
        self.constants[result] = cast(value)
        return result

    def dim(self, value: Value, axis: int) -> Value:
        """The length of an axis, as the value that is known to be it."""
        known = self.dims[value][axis]
        return self.const(known) if isinstance(known, int) else known

    def for_(
        self, bounds: Sequence[Value], init: Sequence[Value], body: Block,
        attrs: Mapping[str, Any] = _NO_ATTRS,
    ) -> tuple[Value, ...]:  # fmt: skip
        """Closes a counted loop over `body`, built with params (i, *slots) that carry their dims."""
        return self._loop(FOR, (*bounds, *init), body.params[1:], attrs, (body,))

    def while_(self, init: Sequence[Value], test: Block, body: Block) -> tuple[Value, ...]:
        return self._loop(WHILE, tuple(init), body.params, {}, (test, body))

    def _loop(
        self, op: Op, operands: tuple[Value, ...], params: Sequence[Value],
        attrs: Mapping[str, Any], blocks: tuple[Block, ...],
    ) -> tuple[Value, ...]:  # fmt: skip
        results = tuple(Value(p.type, p.name) for p in params)
        self.append(Node(op, operands, results, attrs, blocks, self.span))
        for result, param in zip(results, params):
            if isinstance(param.type, Array):
                self.dims[result] = self.dims[param]
        return results

    def cond(self, pred: Value, then: Block, otherwise: Block) -> tuple[Value, ...]:
        """Closes a branch. An array that comes with the same dims either way keeps them."""
        inner = {r for block in (then, otherwise) for n in block.nodes for r in n.results}
        results = tuple(
            Value(join_types(a.type, b.type), a.name or b.name)
            for a, b in zip(then.results, otherwise.results, strict=True)
        )
        self.append(Node(COND, (pred,), results, {}, (then, otherwise), self.span))
        for r, a, b in zip(results, then.results, otherwise.results):
            if isinstance(r.type, Array):
                pairs = zip(self.dims[a], self.dims[b])
                self.name_dims(r, [x if x is y and x not in inner else None for x, y in pairs])
        return results


def _sharpen(type: Array, dims: Sequence[KnownDim]) -> tuple[KnownDim, ...]:
    return tuple(1 if t == 1 else d for t, d in zip(type.dims, dims, strict=True))


class Rewriter:
    """Copies a function node by node into a builder; a pass overrides `node` where it acts.

    `env` maps values of the source to values of the copy.
    """

    def __init__(self) -> None:
        self.b = Builder()
        self.env: dict[Value, Value] = {}

    def run(self, function: Function) -> Function:
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        self.env.update(zip(function.params, params))
        self.nodes(function.block.nodes)
        results = [self.env[v] for v in function.results]
        return function.with_block(self.b.close(params, results))

    def nodes(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self.b.span = node.span
            self.node(node)

    def node(self, node: Node) -> None:
        """Copies one node."""
        operands = [self.env[v] for v in node.operands]
        if node.op is FOR:
            body = node.blocks[0]
            counter = self.b.param(body.params[0].type, body.params[0].name)
            self.env[body.params[0]] = counter
            slots = self.slots(body.params[1:], operands[3:])
            block = self.block(body, [counter, *slots])
            self.b.span = node.span
            results = self.b.for_(operands[:3], operands[3:], block, node.attrs)
        elif node.op is WHILE:
            test, body = node.blocks
            first = self.block(test, self.slots(test.params, operands))
            second = self.block(body, self.slots(body.params, operands))
            self.b.span = node.span
            results = self.b.while_(operands, first, second)
        elif node.op is COND:
            then, otherwise = (self.block(block, []) for block in node.blocks)
            self.b.span = node.span
            results = self.b.cond(operands[0], then, otherwise)
        else:
            self.simple(node, operands)
            return
        self.bind(node.results, results)

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node.op is CONST:
            out = self.b.const(node.attrs["value"], node.attrs["dtype"])
        else:
            out = self.b.emit(node.op, *operands, **node.attrs)
        if node.results:
            self.bind(node.results, out if isinstance(out, tuple) else (out,))

    def slots(self, params: Sequence[Value], init: Sequence[Value]) -> list[Value]:
        made = [self.b.param(p.type, p.name, self.b.dims.get(i)) for p, i in zip(params, init)]
        self.env.update(zip(params, made))
        return made

    def block(self, block: Block, params: Sequence[Value]) -> Block:
        self.b.open()
        self.nodes(block.nodes)
        return self.b.close(params, [self.env[v] for v in block.results])

    def bind(self, old: Sequence[Value], new: Sequence[Value]) -> None:
        for o, n in zip(old, new, strict=True):
            if not n.name:
                n.name = o.name
            self.env[o] = n


class Inline(Rewriter):
    """Copies the body of a function into a block that is being built."""

    def __init__(self, b: Builder) -> None:
        super().__init__()
        self.b = b

    def call(self, function: Function, arguments: Sequence[Value]) -> list[Value]:
        """The function's results for these arguments."""
        self.env.update(zip(function.params, arguments, strict=True))
        self.nodes(function.block.nodes)
        return [self.env[v] for v in function.results]
