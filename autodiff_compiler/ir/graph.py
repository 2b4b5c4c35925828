"""Values, nodes, blocks, functions: typed SSA with structured control flow. All frozen.

Grammar:
    function = name(params) block
    block    = params node* results
    node     = results = op[attrs](operands) blocks @ span

Control ops hold blocks, and a block may read any value of the blocks around it:
    for(start, stop, step, *init)   body(i, *carried) -> carried       range() semantics
        with attrs["stops"]         body(i, *carried) -> (stop, *carried): leaves after this trip if stop
        with attrs["sums"]          each slot is a float that every trip adds to, and nothing else reads
    while(*init)                    test(*carried) -> (go,), body(*carried) -> carried
    cond(pred)                      then() -> values, otherwise() -> values
Arrays and stacks are linear: the operand that an op consumes is read by no later node. A loop
consumes the initial values of the slots whose parameters its body consumes, or hands on as they are
to such a slot (`p, q = q, p`); a branch may consume an array of the block around its cond, and then
the cond does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import NO_SPAN, Span
from .op import NON_DIFFERENTIABLE, Op, register
from .types import BOOL, I64, Array, Scalar, Type


class Value:
    """Defined once. `name` is a hint for printers: the user's name for it, if any."""

    __slots__ = ("type", "name")

    def __init__(self, type: Type, name: str = ""):
        self.type = type
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name or 'value'}: {self.type}>"


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    op: Op
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    span: Span = NO_SPAN

    @property
    def result(self) -> Value:
        (only,) = self.results
        return only


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    params: tuple[Value, ...]
    nodes: tuple[Node, ...]
    results: tuple[Value, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """`results` of its block are what it returns, flat. `filename` is the user's file."""

    name: str
    block: Block
    filename: str = ""

    @property
    def params(self) -> tuple[Value, ...]:
        return self.block.params

    @property
    def results(self) -> tuple[Value, ...]:
        return self.block.results

    def with_block(self, block: Block) -> Function:
        return replace(self, block=block)


def _no_inference(attrs: Mapping[str, Any], *types: Type) -> tuple[Type, ...]:
    raise TypeError("control nodes are built with their blocks")


FOR = register(Op("for", "control", _no_inference))
WHILE = register(Op("while", "control", _no_inference))
COND = register(Op("cond", "control", _no_inference))


def _infer_const(attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    return (Scalar(attrs["dtype"]),)


def _infer_check(attrs: Mapping[str, Any], pred: Type) -> tuple[Type, ...]:
    if pred != Scalar(BOOL):
        raise TypeError("a check takes a bool")
    return ()


CONST = register(
    Op(
        "const", "create", _infer_const, evaluate=lambda attrs: attrs["value"],
        vjp=lambda g, y: [], cost=0,
    )
)  # fmt: skip
#: Stops the kernel if its operand is false. attrs["reason"] says what the user would read.
CHECK = register(Op("check", "check", _infer_check, effect=True))


def _infer_dim(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    if not isinstance(x, Array) or not 0 <= attrs["axis"] < x.rank:
        raise TypeError(f"{x} has no axis {attrs['axis']}")
    return (Scalar(I64),)


#: The length of an axis. Builders fold it away wherever the length is known as another value.
DIM = register(
    Op(
        "dim", "shape", _infer_dim, evaluate=lambda attrs, x: x.shape[attrs["axis"]],
        vjp=NON_DIFFERENTIABLE, cost=0,
    )
)  # fmt: skip


def join_types(a: Type, b: Type) -> Type:
    """What is known of a value that came by either of two ways. Dims may differ: 1 stays 1 only if both."""
    if isinstance(a, Array) and isinstance(b, Array) and a.rank == b.rank and a.dtype == b.dtype:
        return Array(a.dtype, tuple(1 if x == y == 1 else None for x, y in zip(a.dims, b.dims)))
    if a != b:
        raise TypeError(f"{a} and {b} meet")
    return a


def walk(block: Block) -> Iterator[Node]:
    """All nodes, in order, those of inner blocks after the node that holds them."""
    for node in block.nodes:
        yield node
        for inner in node.blocks:
            yield from walk(inner)


def count_reads(block: Block) -> Counter[Value]:
    """How often each value is read in the block, by nodes and as a result of blocks."""
    counts = Counter(block.results)
    for node in walk(block):
        counts.update(node.operands)
        for inner in node.blocks:
            counts.update(inner.results)
    return counts


def free_values(block: Block) -> list[Value]:
    """The values of enclosing blocks that the block reads, in the order of first reading."""
    bound: set[Value] = set(block.params)
    free: dict[Value, None] = {}

    def read(values: Iterable[Value]) -> None:
        for v in values:
            if v not in bound:
                free[v] = None

    for node in block.nodes:
        read(node.operands)
        for inner in node.blocks:
            read(free_values(inner))
        bound.update(node.results)
    read(block.results)
    return list(free)


def carried_init(node: Node) -> tuple[Value, ...]:
    """The initial values of a loop's slots."""
    return node.operands[3:] if node.op is FOR else node.operands


def body_of(node: Node) -> Block:
    return node.blocks[-1]


def slot_params(node: Node) -> tuple[Value, ...]:
    """The parameters of a loop's body that are slots (the counter is none)."""
    return body_of(node).params[1:] if node.op is FOR else body_of(node).params


def slot_yields(node: Node) -> tuple[Value, ...]:
    """What a loop's body hands to the next trip, one per slot."""
    return body_of(node).results[1:] if node.attrs.get("stops") else body_of(node).results


def consumed_slots(node: Node, eaten: Container[Value]) -> set[int]:
    """The slots of a loop whose initial values it consumes, given what its body's nodes consume."""
    params, yields = slot_params(node), slot_yields(node)
    slots = {k for k, p in enumerate(params) if p in eaten}
    size = -1
    while size != len(slots):
        size = len(slots)
        moved = {yields[k] for k in slots}
        slots |= {k for k, p in enumerate(params) if p in moved}
    return slots


def consumed_values(nodes: Iterable[Node]) -> set[Value]:
    """The values that the nodes consume: directly, as slots of loops, or in the blocks they hold."""
    eaten: set[Value] = set()
    for node in nodes:
        for inner in node.blocks:
            eaten |= consumed_values(inner.nodes)
        if node.op is FOR or node.op is WHILE:
            eaten.update(carried_init(node)[k] for k in consumed_slots(node, eaten))
        elif node.op.consumes is not None:
            eaten.add(node.operands[node.op.consumes])
    return eaten
