"""What a picture must know of a function: names, shapes, which values are folded into their readers.

Constants, sizes and subscripts have no box of their own: they are text in the box that uses them.
A tape is no object of the picture either: what a sweep pushes and the other pops is one edge.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from ..backends.python.dialect import NUMPY
from ..backends.python.program import Program, Slot
from ..ir.build import Rewriter
from ..ir.graph import COND, CONST, DIM, FOR, WHILE, Function, Node, Value, walk
from ..ir.show import value_names
from ..ir.types import BOOL, I64, Array, Scalar, Stack

_LETTERS = ("n", "m", "k", "p", "q")
_BOOL = Scalar(BOOL)
#: Ops that only say where or how large something is, or the same thing in another form.
_FOLDED = {"dim", "wrap", "slice", "expand_dims", "squeeze", "pyfloat", "pyint"}
#: Kinds of ops whose integer operands are places and sizes, named in the text of the box.
_PLACED = {"index", "shape", "create", "stack", "check"}


class Reading:
    """A function that was read for drawing. All values are those of `program`, a copy of it."""

    def __init__(self, function: Function):
        rewriter = Rewriter()
        copied = rewriter.run(function)
        self.program = Program(copied, rewriter.b, NUMPY)
        self.printed: dict[Value, str] = {}
        for old, name in value_names(function).items():
            self.printed.setdefault(rewriter.env[old], name)
        self.users = self._users()
        self.pushed = _pushed_values(copied)
        self.updates = sorted(
            self.program.start[n] for n in walk(copied.block) if n.op.consumes is not None
        )
        self.dims: dict[Value, str] = {}
        self.dim_rows: list[str] = []
        self._name_dims()
        self.namesakes = self._find_namesakes()
        self.deciding = self._find_deciding()

    def _users(self) -> dict[Value, list[int]]:
        """The places at which each value is read, by nodes or by the ends of blocks."""
        users: dict[Value, list[int]] = {}
        program = self.program
        for node in program.block_of:
            for v in node.operands:
                users.setdefault(program.of(v), []).append(program.start[node])
            for block in node.blocks:
                for v in block.results:
                    users.setdefault(program.of(v), []).append(program.end[block])
        for v in program.function.results:
            users.setdefault(program.of(v), []).append(program.end[program.function.block])
        return users

    def _name_dims(self) -> None:
        """A letter for each length that has no name of the user's."""
        nodes = list(walk(self.program.function.block))
        values = [v for n in nodes for v in n.results] + list(self.program.function.params)
        taken = {v.name for v in values} | {
            b.params[0].name for n in nodes if n.op is FOR for b in n.blocks
        }
        free = [x for x in _LETTERS if x not in taken]
        free += [f"n{k}" for k in range(1, 99) if f"n{k}" not in taken]
        for node in nodes:
            if node.op is DIM and node.result in self.users | self._shape_dims():
                base = node.operands[0]
                letter = free.pop(0)
                self.dims[node.result] = letter
                if base.name:
                    self.dim_rows.append(f"{letter} = {base.name}.shape[{node.attrs['axis']}]")

    def _shape_dims(self) -> dict[Value, None]:
        if not hasattr(self, "_in_shapes"):
            known = self.program.builder.dims.values()
            self._in_shapes = {d: None for dims in known for d in dims if isinstance(d, Value)}
        return self._in_shapes

    # -- names --------------------------------------------------------------------------------------

    def name(self, value: Value) -> str:
        """The user's name for a value, or what one would call it; empty if there is neither."""
        value = self.program.of(value)
        if value in self.dims:
            return self.dims[value]
        slot = self.program.slot_of.get(value)
        if not value.name and slot is not None:
            if self._counts_trips(slot):
                return "trips"
            return slot.init.name or slot.again.name or ("flag" if value.type == _BOOL else "")
        if not value.name and value in self.program.counters:
            return "i"
        if value in self.namesakes:
            printed = self.printed_name(value)
            return printed if printed != value.name else f"{printed}.0"
        return value.name

    def _find_namesakes(self) -> set[Value]:
        """Values that meet another of the same name in one operation: `d_x + d_x` would say nothing."""
        self.namesakes = set()
        found: set[Value] = set()
        for node in self.program.block_of:
            if node.blocks or len(node.operands) < 2:
                continue
            first: dict[str, Value] = {}
            for v in map(self.program.of, node.operands):
                name = self.name(v)
                if name and first.setdefault(name, v) is not v:
                    # The one that has just been made, not the one that it is added to.
                    other = first[name]
                    found.add(v if self.program.maker(v) is not None else other)
        return {v for v in found if self.program.maker(v) is not None}

    def printed_name(self, value: Value) -> str:
        """The name under which `ir.show` prints it."""
        return self.printed.get(value, "")

    def type_text(self, value: Value) -> str:
        t = value.type
        if isinstance(t, Stack):
            return f"list of {t.element}"
        if not isinstance(t, Array):
            return str(t)
        dims = self.program.dims(value) or (None,) * t.rank
        return f"{t.dtype}[{','.join(self._dim(d) for d in dims)}]"

    def _dim(self, d: Value | int | None) -> str:
        if isinstance(d, int):
            return str(d)
        if d is None:
            return "?"
        known = self.program.constant(d)
        if known is not None:
            return str(known)
        return self.dims.get(d) or (d.name if d.name.isidentifier() else "?")

    # -- folding ------------------------------------------------------------------------------------

    def hidden(self, value: Value) -> bool:
        """Is it a tape, which is drawn as edges only?"""
        return isinstance(value.type, Stack) and value.type.tape

    def unseen(self, slot: Slot) -> bool:
        """Is a carried value left out: a tape, or the count of a loop's trips?"""
        return self.hidden(slot.param) or self._counts_trips(slot)

    def _counts_trips(self, slot: Slot) -> bool:
        """No user's value: an integer without a name that begins at 0 and grows by 1."""
        if slot.param.type != Scalar(I64) or slot.param.name or slot.init.name:
            return False
        last = self.program.maker(self.program.of(slot.again))
        if last is None or last.op.name != "iadd" or self.program.constant(slot.init) != 0:
            return False
        return last.operands[0] in (slot.param, *(b.params[-1] for b in slot.node.blocks))

    def folded(self, node: Node) -> bool:
        """Has the node no box of its own?"""
        if node.op is CONST or node.op.name in _FOLDED or node in self.deciding:
            return True
        if node.op.name in ("stack", "push", "pop"):
            return self.hidden(node.results[0])
        if node.op.name == "index":
            # A check whose index nobody reads is a statement of its own.
            return bool(self.users.get(node.results[0]))
        if node.op.kind != "elementwise" or node.result.name:
            return False
        known = all(self.program.constant(v) is not None for v in node.operands)
        return node.result.type == Scalar(I64) or known and isinstance(node.result.type, Scalar)

    def _find_deciding(self) -> set[Node]:
        """Nodes that only make a predicate: they are the text of its box."""
        made: set[Node] = set()
        readers: dict[Value, list[Node | None]] = {}
        for node in self.program.block_of:
            for v in node.operands:
                readers.setdefault(self.program.of(v), []).append(node)
            for k, block in enumerate(node.blocks):
                tests = node.op is WHILE and k == 0
                for v in block.results:
                    readers.setdefault(self.program.of(v), []).append(node if tests else None)
        for v in self.program.function.results:
            readers.setdefault(self.program.of(v), []).append(None)
        for node in reversed(list(self.program.block_of)):
            if node.blocks or len(node.results) != 1 or node.result.name:
                continue
            simple = node.op.kind == "elementwise" or node.op.name == "load"
            if not simple or not isinstance(node.result.type, Scalar):
                continue
            found = readers.get(node.result, [])
            if found and all(r is not None and self._asks(r, made, node) for r in found):
                made.add(node)
        return made

    def _asks(self, reader: Node, made: set[Node], node: Node) -> bool:
        if reader in made:
            return True
        whole = node.result.type == _BOOL
        return whole and (reader.op in (COND, WHILE) or reader.op.name == "check")

    def sources(self, node: Node) -> dict[Value, str]:
        """The values with a box of their own that a node reads, and how: "data" or "tape"."""
        found: dict[Value, str] = {}
        for v in node.operands:
            placed = v.type == Scalar(I64) and node.op.kind in _PLACED
            for source, kind in self.origins(v, placed):
                found.setdefault(source, kind)
        return found

    def origins(self, value: Value, placed: bool = False) -> Iterator[tuple[Value, str]]:
        """The values with a box that stand behind one. `placed`: the text names counters and sizes."""
        value = self.program.of(value)
        if self.hidden(value):
            return
        node = self.program.maker(value)
        if node is None:
            if not (placed and (value in self.program.counters or value.type == Scalar(I64))):
                yield value, "data"
        elif node.op.name == "pop" and node in self.pushed:
            for kept in self.pushed[node]:
                for source, _ in self.origins(kept):
                    yield source, "tape"
        elif self.folded(node):
            if node.op is not DIM:
                placed = placed or node.op.name in ("index", "wrap", "slice")
                for v in node.operands:
                    yield from self.origins(v, placed or self._length(node, v))
        else:
            yield value, "data"

    @staticmethod
    def _length(node: Node, value: Value) -> bool:
        return node.op.kind in _PLACED and value.type == Scalar(I64)

    def updated_between(self, low: int, high: int) -> bool:
        """Is any array updated strictly between two places?"""
        return bisect_right(self.updates, low) < bisect_left(self.updates, high)


def _pushed_values(function: Function) -> dict[Node, list[Value]]:
    """For each pop of a tape: the values that may be what it finds."""
    parent: dict[Value, Value] = {}

    def root(v: Value) -> Value:
        while parent.get(v, v) is not v:
            v = parent[v]
        return v

    def unite(*values: Value) -> None:
        for v in values[1:]:
            parent[root(v)] = root(values[0])

    nodes = list(walk(function.block))
    for node in nodes:
        for group in _same_stack(node):
            if isinstance(group[0].type, Stack):
                unite(*group)
    pushes: dict[Value, list[Value]] = {}
    found: dict[Node, list[Value]] = {}
    for node in nodes:
        if node.op.name == "push":
            pushes.setdefault(root(node.operands[0]), []).append(node.operands[1])
        elif node.op.name == "pop":
            found[node] = list(pushes.get(root(node.operands[0]), ()))
    return found


def _same_stack(node: Node) -> Iterator[list[Value]]:
    """Groups of values that are one stack at different times."""
    if node.op is FOR or node.op is WHILE:
        inits = node.operands[3:] if node.op is FOR else node.operands
        ends = node.blocks[-1].results[1 if node.attrs.get("stops") else 0 :]
        for k, (init, end, result) in enumerate(zip(inits, ends, node.results)):
            first = 1 if node.op is FOR else 0
            yield [init, end, result, *(b.params[first + k] for b in node.blocks)]
    elif node.op is COND:
        for k, result in enumerate(node.results):
            yield [result, *(b.results[k] for b in node.blocks)]
    elif node.op.consumes is not None:
        yield [node.operands[node.op.consumes], node.results[0]]
