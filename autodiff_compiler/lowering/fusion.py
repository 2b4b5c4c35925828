"""Which values are written where they are used instead of being computed into a variable of their own.

First-level fusion: an array whose only reader stands in the same block becomes an expression over
the reader's indices; views (transposes, slices, broadcasts) do so for any number of readers. What
is delayed must still read what it would have read: nothing that it reads is updated in between.
"""

from __future__ import annotations

from ..ir.build import KnownDim
from ..ir.graph import (
    COND,
    CONST,
    DIM,
    FOR,
    WHILE,
    Block,
    Node,
    Value,
    carried_init,
    free_values,
    slot_params,
    walk,
)  # fmt: skip
from ..ir.types import Array, Scalar, Stack
from ..ops.index import add_at
from .ranges import Ranges
from .shapes import Shaped

__all__ = ["Fusion", "consumed_by", "consumed_in"]

_VIEWS = {"expand_dims", "squeeze", "transpose", "broadcast_to", "full", "iota"}
_COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
#: Scalar expressions of more operations than this are broken up: people read them.
_LONGEST_SCALAR = 12
_LONGEST_ARRAY = 80
#: These stand as statements with a check of their own.
_CHECKED = {"iadd", "isub", "imul", "ipow"}


def consumed_in(block: Block) -> set[Value]:
    """The values that some node of the block or of an inner block consumes."""
    out: set[Value] = set()
    for node in block.nodes:
        out |= consumed_by(node)
        for inner in node.blocks:
            out |= consumed_in(inner)
    return out


def consumed_by(node: Node) -> set[Value]:
    """The operands (for a cond: the values of blocks around it) that a node consumes."""
    if node.op is FOR or node.op is WHILE:
        eaten = consumed_in(node.blocks[-1])
        init = node.operands[3:] if node.op is FOR else node.operands
        params = node.blocks[-1].params[1:] if node.op is FOR else node.blocks[-1].params
        return {i for i, p in zip(init, params) if p in eaten}
    if node.op is COND:
        return set().union(*(consumed_in(b) & set(free_values(b)) for b in node.blocks))
    return set() if node.op.consumes is None else {node.operands[node.op.consumes]}


def _starts_slot(v: Value, reader: Node | None) -> bool:
    """Is it the initial value of a slot of the same name, which will be a variable of that name?"""
    if reader is None or reader.op not in (FOR, WHILE):
        return False
    pairs = zip(carried_init(reader), slot_params(reader))
    return any(i is v and p.name == v.name for i, p in pairs)


class Fusion:
    """`inlined`: values without a variable. `live`: nodes that must be emitted (or inlined).

    `last_use[block][value]` is the position in the block after which nothing reads the value:
    an index into its nodes, or their number if the block's results do.
    """

    def __init__(self, shaped: Shaped, ranges: Ranges) -> None:
        self._dims = shaped.dims
        self._sizes = shaped.sizes
        self._ranges = ranges
        self.live: set[Node] = set()
        self.inlined: set[Value] = set()
        self.last_use: dict[Block, dict[Value, int]] = {}
        self.users: dict[Value, list[tuple[Block, int]]] = {}
        # An inlined value's root is the value or node that its text ends up in; sizes are by root.
        self._root: dict[Value, Node] = {}
        self._size: dict[Node, int] = {}
        self._eaten: dict[Node, set[Value]] = {}
        self._made = {r: n for n in walk(shaped.function.block) for r in n.results}
        self._stretched: set[Value] = set()
        #: what several readers would each work out, through a slight operation that is written in each
        self._repeated: set[Value] = set()
        self._slight: set[Value] = set()
        self._pointers: set[Value] = set()
        needed: set[Value] = set(shaped.sizes)
        self._mark(shaped.function.block, needed)
        self._block(shaped.function.block, top=True)

    # --- what is needed ---------------------------------------------------------------------------

    def _mark(self, block: Block, needed: set[Value]) -> bool:
        """Marks live nodes; tells whether the block has an effect of its own."""
        effect = False
        needed.update(block.results)
        for node in reversed(block.nodes):
            if node.blocks:
                inner = [self._has_effect(b) for b in node.blocks]
                keep = any(inner) or any(r in needed for r in node.results)
                if keep:
                    for b in node.blocks:
                        self._mark(b, needed)
                effect |= any(inner)
            else:
                keep = node.op.effect or any(r in needed for r in node.results)
                effect |= node.op.effect
            if keep:
                self.live.add(node)
                needed.update(node.operands)
        return effect

    def _has_effect(self, block: Block) -> bool:
        return any(
            n.op.effect or n.op is WHILE or any(map(self._has_effect, n.blocks))
            for n in block.nodes
        )

    # --- blocks, last node first ------------------------------------------------------------------

    def _block(self, block: Block, top: bool = False) -> None:
        end = len(block.nodes)
        place: dict[Value, int] = {}  # where an inlined value is finally written
        users: dict[Value, list[int]] = {}
        last: dict[Value, int] = {}
        self.last_use[block] = last
        for v in block.results:
            users.setdefault(v, []).append(end)
            last[v] = end
        for at in range(end - 1, -1, -1):
            node = block.nodes[at]
            if node not in self.live:
                continue
            for inner in node.blocks:
                self._block(inner)
            if len(node.results) == 1 and not node.blocks:
                self._decide(block, at, users.get(node.result, []), place, top)
            goes = place.get(node.results[0], at) if node.results else at
            for v in self._reads(node):
                users.setdefault(v, []).append(at)
                last[v] = max(last.get(v, -1), goes)

    @staticmethod
    def _reads(node: Node) -> list[Value]:
        out = list(node.operands)
        for inner in node.blocks:
            out += free_values(inner)
        return out

    def _decide(
        self, block: Block, at: int, users: list[int], place: dict[Value, int], top: bool
    ) -> None:
        """Inlines the value if it may be, and says where it then goes."""
        node = block.nodes[at]
        v = node.result
        if node.op is CONST:
            self.inlined.add(v)
            return
        if node.op is DIM or not users or isinstance(v.type, Stack):
            return
        end = len(block.nodes)
        readers = [block.nodes[u] if u < end else None for u in users]
        goes = max(
            u if n is None or n.blocks or not n.results else place.get(n.results[0], u)
            for u, n in zip(users, readers)
        )
        if isinstance(v.type, Scalar):
            fits = self._scalar_fits(node, users, readers, top)
        else:
            fits = self._array_fits(node, readers)
        if fits and self._updated_between(block, node, at, goes):
            # Perhaps the reader itself stands early enough, and need not go further.
            if len(users) != 1 or self._updated_between(block, node, at, users[0]):
                return
            goes = users[0]
            self.inlined.discard(block.nodes[goes].results[0])
        if fits:
            self.inlined.add(v)
            place[v] = goes

    def _updated_between(self, block: Block, node: Node, at: int, goes: int) -> bool:
        read = {x for x in node.operands if isinstance(x.type, (Array, Stack))}
        if not read:
            return False
        for k in range(at + 1, goes):
            between = block.nodes[k]
            if between not in self.live:
                continue
            if not read.isdisjoint(self._consumed(between)):
                return True
            # A loop or a branch may also take over the buffer of what it is handed.
            if between.blocks and not read.isdisjoint(self._handed(between)):
                return True
        return False

    def _consumed(self, node: Node) -> set[Value]:
        if node not in self._eaten:
            self._eaten[node] = consumed_by(node)
        return self._eaten[node]

    @staticmethod
    def _handed(node: Node) -> set[Value]:
        out = set(node.operands)
        for inner in node.blocks:
            out |= set(inner.results)
        return out

    # --- scalars ----------------------------------------------------------------------------------

    def _scalar_fits(
        self, node: Node, users: list[int], readers: list[Node | None], top: bool
    ) -> bool:
        v = node.result
        simple = (
            node.op.kind == "elementwise"
            and (node.op.name not in _CHECKED or self._ranges.fits(node))
            or node.op.name in ("load", "wrap", "length")
            or (node.op.name == "index" and self._ranges.inside(*node.operands))
        )
        if not simple or len(users) != 1 or v in self._sizes or v in self._repeated:
            return False
        # A name that the user gave is worth a line, except where a loop's variable has it anyway.
        if v.name and (top or readers[0] is not None) and not _starts_slot(v, readers[0]):
            return False
        if readers[0] is not None and v not in readers[0].operands:
            return False  # an inner block reads it, maybe many times
        return self._grows(v, readers[0], _LONGEST_SCALAR)

    def _grows(self, v: Value, reader: Node | None, limit: int) -> bool:
        """Adds the value to the expression that its reader is part of, unless that gets too long."""
        if reader is None:
            return True
        root = self._root.get(reader.results[0], reader) if reader.results else reader
        size = self._size.get(root, 0) + 1
        if size > limit:
            return False
        self._size[root] = size
        self._root[v] = root
        return True

    # --- arrays -----------------------------------------------------------------------------------

    def _array_fits(self, node: Node, readers: list[Node | None]) -> bool:
        v = node.result
        slight = self._is_slight(node, readers)
        if v in self._repeated and not slight and not self._is_view(node):
            return False
        view = self._is_view(node) or slight and not v.name
        if not view and not (node.op.kind == "elementwise" or self._gathers(node)):
            return False
        if len(readers) != 1 and not view:
            return False
        if any(n is None or not self._accepts(n, node) for n in readers):
            return False
        if any(self._stretches(n, v) for n in readers if n and n.results):
            if not view:
                return False
            self._stretched.add(v)
        if not all(self._grows(v, n, _LONGEST_ARRAY) for n in readers):
            return False
        if slight and len(readers) > 1 or v in self._repeated:
            self._repeated.update(node.operands)
        if slight:
            self._slight.add(v)
        return True

    def _is_slight(self, node: Node, readers: list[Node | None]) -> bool:
        """Is an element worked out again sooner than it is read back from memory?"""
        if node.op.name == "neg" or node.op.name in _COMPARISONS and self._of_leaves(node):
            return True
        # What is scaled and added to parts of an array: those adds will be one pass.
        return sum(isinstance(x.type, Scalar) for x in node.operands) == 1 and (
            node.op.name == "mul"
            and all(n and (n.op is add_at or {*n.results} & self._slight) for n in readers)
        )

    def _of_leaves(self, node: Node) -> bool:
        """Are the operands arrays (or parts of them) that stand in memory, whatever reads them?"""
        for v in node.operands:
            made = self._made.get(v)
            while made is not None and self._is_view(made):
                made = self._made.get(made.operands[0])
            if made is not None and made.op.kind == "elementwise":
                return False
        return True

    @staticmethod
    def _is_view(node: Node) -> bool:
        if node.op.name == "load":
            return "a" not in node.attrs["index"]
        return node.op.name in _VIEWS

    @staticmethod
    def _gathers(node: Node) -> bool:
        return node.op.name in ("load", "wrap")

    def _accepts(self, reader: Node, node: Node) -> bool:
        """Can the reader take the node's array as an expression over its own indices?"""
        v, name, kind = node.result, reader.op.name, reader.op.kind
        if kind == "contract" or (reader.results and reader.results[0] in self._pointers):
            # A pointer and strides must be able to express it, all the way down.
            if name in _VIEWS or name == "load" or kind == "contract":
                return self._is_pointer(node)
        if kind in ("elementwise", "reduce") or name in _VIEWS:
            return True
        if name in ("copy", "reshape", "nonzero", "wrap"):
            return True
        if name == "index":
            return reader.operands[0] is v
        if name == "load":
            return reader.operands[0] is v and "a" not in reader.attrs["index"]
        if name in ("store", "add_at", "push", "poke"):
            return reader.operands[1] is v and reader.operands.count(v) == 1
        return False

    def _is_pointer(self, node: Node) -> bool:
        if node.op.name not in ("expand_dims", "squeeze", "transpose", "load"):
            return False
        if not isinstance(node.operands[0].type, Array) or not self._is_view(node):
            return False
        self._pointers.add(node.result)
        return True

    def _stretches(self, reader: Node, v: Value) -> bool:
        """Would the reader evaluate an element of the value more than once?"""
        if reader.results[0] in self._stretched:
            return True
        if reader.op.name in ("store", "add_at"):
            return isinstance(v.type, Array) and 1 in v.type.dims
        if reader.op.kind != "elementwise" and reader.op.name not in ("broadcast_to", "wrap"):
            return False
        own, result = self._known(v), self._known(reader.results[0])
        padded = (1,) * (len(result) - len(own)) + tuple(own)
        return any(a == 1 and b != 1 for a, b in zip(padded, result))

    def _known(self, v: Value) -> tuple[KnownDim, ...]:
        return self._dims.get(v, ())
