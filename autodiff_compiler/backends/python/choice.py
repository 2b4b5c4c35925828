"""Decides which values get a line of their own, and which are printed where they are used.

A value used once is printed inline, unless the user gave it a name, an update lies between that
changes what it reads, it would move into a loop, or the line would get long.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ...ir.graph import COND, CONST, FOR, WHILE, Block, Node, Value
from ...ir.types import Array, Scalar, Stack
from ...ops.index import WIDTH
from .expressions import Expressions
from .numbers import Numbers
from .program import Needed, Program
from .sharing import Sharing

LONGEST = 70
#: What is shorter is not worth a line of its own.
_SHORT = 10
_MARK = "<value>"
#: Kinds of ops whose results are assigned by one statement.
_TOGETHER = {"linalg", "index"}
_NEVER_INLINE = {"stack", "from_array", "store", "add_at", "push", "poke"}


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a value is printed. `flow`: it becomes part of a slot or of a branch's result.

    `lazy`: it may be left unevaluated there.
    """

    place: int
    block: Block
    node: Node | None = None
    flow: bool = False
    lazy: bool = False


class _Flat:
    """Every value has a name: tells what a node itself prints."""

    def named(self, value: Value) -> bool:
        return True

    def bare(self, value: Value) -> bool:
        return False


class Choices:
    """`named` and `bare` for the printer; `needed` says which nodes are printed at all.

    `inline_flows`: values that become parts of slots and could not share their names.
    """

    def __init__(
        self, program: Program, sharing: Sharing, numbers: Numbers, roots: Iterable[Node],
        inline_flows: frozenset[Value] = frozenset(),
    ):  # fmt: skip
        self.program = program
        self.sharing = sharing
        self.numbers = numbers
        self.inline_flows = inline_flows
        self.inline: set[Value] = set()
        self.ternaries: set[Node] = set()
        self._bare: set[Value] = set()
        #: `index` nodes whose check no subscript makes
        self.apart: set[Node] = set()
        self._pinned: set[Value] = set()
        self._reads: dict[Value, int] = {}
        self.checks: dict[Node, int] = {}
        self._number_checks()
        self._records: dict[Node, list[Value]] = {}
        self._flat(numbers)
        self._find_bare(list(roots))
        self.expressions = program.dialect.expressions(
            program, numbers, self, lambda v: v.name or "t0"
        )
        self.statements = program.dialect.statements(program, self.expressions, self.checks)
        self.sites = self._find_sites()
        self._namesakes = Counter(v.name for v in self.needed.values)
        self._updates = self._find_updates()
        self._stack_uses = self._find_stack_uses()
        self._decide(program.function.block)

    def named(self, value: Value) -> bool:
        return value not in self.inline

    def bare(self, value: Value) -> bool:
        return value in self._bare

    def _number_checks(self) -> None:
        for node in self.program.block_of:
            if node.op.kind == "check":
                self.checks[node] = len(self.checks)

    # -- what is printed at all ---------------------------------------------------------------------

    def _flat(self, numbers: Numbers) -> None:
        """Notes what each simple node prints."""
        asked: list[Value] = []

        def name(value: Value) -> str:
            asked.append(value)
            return "t"

        dialect = self.program.dialect
        expressions = dialect.expressions(self.program, numbers, _Flat(), name)
        statements = dialect.statements(self.program, expressions, self.checks)
        for node in self.program.block_of:
            if node.op not in (FOR, WHILE, COND, CONST):
                asked.clear()
                statements.lines(node, ["t"] * len(node.results))
                self._records[node] = list(asked)
        self._records_of_parts(expressions, asked)

    def _records_of_parts(self, expressions: Expressions, asked: list[Value]) -> None:
        """The two results of a slice are printed one by one."""
        for node in self._records:
            if node.op.name == "slice":
                asked.clear()
                expressions.made(node.results[1])
                self._records[node] = list(asked)

    def record(self, node: Node) -> list[Value]:
        """The values that a simple node prints, as often as it does."""
        if node.op is CONST:
            return []
        if node.op.name == "index" and self.bare(node.results[0]) and node not in self.apart:
            return []
        return self._records[node]

    def _find_bare(self, roots: list[Node]) -> None:
        """Settles together what is needed and which checks are made by subscripts."""
        users = self._users(Needed(self.program, roots))
        returned = set(self.program.function.results)
        indices = [n for n in self.program.block_of if n.op.name in ("index", "wrap")]
        for node in indices:
            value = node.results[0]
            found = users.get(value, [])
            if found and value not in returned:
                if all(self._subscripted(user, node) for user in found):
                    self._bare.add(value)
        while True:
            self.needed = Needed(self.program, roots, self._printed_reads)
            lost = {n for n in indices if n.op.name == "index" and not self._checked(n, users)}
            if lost <= self.apart:
                return
            # A check that is printed needs more values, never fewer, so that this ends.
            self.apart |= lost

    def _users(self, needed: Needed) -> dict[Value, list[Node]]:
        users: dict[Value, list[Node]] = {}
        for node in self.program.block_of:
            if node in needed.nodes:
                read = [*node.operands, *(v for block in node.blocks for v in block.results)]
                for v in dict.fromkeys(read):
                    users.setdefault(v, []).append(node)
        return users

    def _checked(self, node: Node, users: dict[Value, list[Node]]) -> bool:
        """Does a subscript in the same block make the check of an `index` node?"""
        if not self.bare(node.results[0]):
            return False
        home = self.program.block_of[node]
        return any(
            u in self.needed.nodes and self.program.block_of[u] is home
            for u in users.get(node.results[0], [])
        )

    def _printed_reads(self, node: Node) -> list[Value]:
        reads = list(self.record(node))
        for v in list(reads):
            while self.bare(v):
                v = self.program.definition[v].operands[0]
                reads.append(v)
        return reads

    def _subscripted(self, user: Node, node: Node) -> bool:
        """Does `user` take the index as a subscript of axes of the length that it was checked for?"""
        value, n = node.results[0], node.operands[1]
        if user.op.name in ("peek", "poke"):
            return self._subscripts_list(user, node)
        if user.op.name not in ("load", "store", "add_at"):
            return False
        first = 1 if user.op.name == "load" else 2
        if value in user.operands[:first]:
            return False
        at = first
        for axis, letter in enumerate(user.attrs["index"]):
            here = user.operands[at : at + WIDTH[letter]]
            at += WIDTH[letter]
            if value in here:
                dims = self.program.dims(user.operands[0])
                if letter == "s" or not self.program.same(dims[axis], n):
                    return False
        return True

    def _subscripts_list(self, user: Node, node: Node) -> bool:
        """The same for an element of a list, which Python checks as NumPy does its arrays."""
        place = 1 if user.op.name == "peek" else 2
        length = self.program.maker(node.operands[1])
        if length is None or length.op.name != "length":
            return False
        whole = [k for k, v in enumerate(user.operands) if v is node.results[0]] == [place]
        return whole and length.operands[0] is user.operands[0]

    # -- where values are printed -------------------------------------------------------------------

    def _find_sites(self) -> dict[Value, list[Site]]:
        sites: dict[Value, list[Site]] = {}

        def add(value: Value, site: Site) -> None:
            sites.setdefault(self.program.of(value), []).append(site)

        for node, block in self.program.block_of.items():
            if node not in self.needed.nodes:
                continue
            here = Site(self.program.start[node], block, node)
            if node.op is FOR or node.op is WHILE:
                self._loop_sites(node, here, add)
            elif node.op is COND:
                add(node.operands[0], here)
                for inner in node.blocks:
                    for _, y in self.needed.yields(node, inner):
                        add(y, Site(self.program.end[inner], inner, node, flow=True))
            else:
                lazy = self._lazy_operands(node)
                for v in self.record(node):
                    add(v, Site(here.place, block, node, lazy=v in lazy))
        last = self.program.function.block
        for v in last.results:
            add(v, Site(self.program.end[last], last))
        for value in sorted(
            self._bare, key=lambda v: -self.program.start[self.program.definition[v]]
        ):
            operand = self.program.definition[value].operands[0]
            for site in sites.get(value, []):
                add(operand, site)
        return sites

    def _loop_sites(self, node: Node, here: Site, add) -> None:
        if node.op is FOR:
            for v in node.operands[:3]:
                add(v, here)
        body = node.blocks[-1]
        end = Site(self.program.end[body], body, node)
        if node.attrs.get("stops"):
            add(body.results[0], end)
        if node.op is WHILE:
            test = node.blocks[0]
            add(test.results[0], Site(self.program.end[test], test, node))
        for slot in self.needed.slots(node):
            add(slot.init, Site(here.place, here.block, node, flow=True))
            add(slot.again, Site(end.place, body, node, flow=True))

    def _lazy_operands(self, node: Node) -> set[Value]:
        if node.op.kind != "elementwise":
            return set()
        text = self.program.spelling(node) or ""
        if " if " in text or " and " in text or " or " in text:
            return set(node.operands[1:])
        return set()

    def _find_updates(self) -> tuple[list[int], list[int]]:
        """Places of updates in place, ascending, and what each may change."""
        places, masks = [], []
        for node in self.program.block_of:
            cell = self.sharing.written(node) if node in self.needed.nodes else None
            if cell is not None:
                places.append(self.program.start[node])
                masks.append(self.sharing.mask[cell])
        return places, masks

    def _find_stack_uses(self) -> tuple[list[int], list[int]]:
        places, masks = [], []
        for node in self.program.block_of:
            if node in self.needed.nodes:
                mask = 0
                for v in node.operands:
                    if isinstance(v.type, Stack):
                        mask |= self.sharing.reach(v)
                if mask:
                    places.append(self.program.start[node])
                    masks.append(mask)
        return places, masks

    @staticmethod
    def _between(events: tuple[list[int], list[int]], low: int, high: int) -> int:
        """What the events strictly between two places touch, together."""
        places, masks = events
        found = 0
        for mask in masks[bisect_right(places, low) : bisect_left(places, high)]:
            found |= mask
        return found

    # -- decisions ----------------------------------------------------------------------------------

    def _decide(self, block: Block) -> None:
        for node in block.nodes:
            if node not in self.needed.nodes:
                continue
            for inner in node.blocks:
                self._decide(inner)
            if node.op is COND:
                self._decide_branch(node)
            elif node.op not in (FOR, WHILE):
                self._decide_simple(node)

    def _decide_simple(self, node: Node) -> None:
        if node.op is not CONST and self._printed(node):
            self._shorten(node)
        self._pin(node)
        for value in node.results:
            if value in self.needed.values and self._inlined(node, value):
                self.inline.add(value)

    def _printed(self, node: Node) -> bool:
        return node in self.apart or not any(self.bare(v) for v in node.results)

    def _pin(self, node: Node) -> None:
        """What is printed with a check or a pop in it must be evaluated where its block runs."""
        carries = (
            node.op.name == "pop"
            or node.op.kind == "linalg"
            or any(
                self.bare(v) and self.program.definition[v].op.name == "index"
                for v in node.operands
            )
        )
        if carries or any(self._is_pinned(v) for v in self.record(node)):
            self._pinned.update(node.results)

    def _is_pinned(self, value: Value) -> bool:
        return value in self._pinned and value in self.inline

    def _inlined(self, node: Node, value: Value) -> bool:
        if node.op is CONST or self._trivial(node, value):
            return True
        if self.bare(value):
            return True
        if node.op.name in _NEVER_INLINE or node in self.apart or isinstance(value.type, Stack):
            return False
        if node.op.name != "slice" and len(node.results) > 1 and node.op.kind in _TOGETHER:
            return False
        sites = self.sites.get(value, [])
        if len(sites) != 1:
            return False
        site = sites[0]
        if value.name and node.op.name != "dim" and not self._name_goes_on(node, value, site):
            return False
        if site.flow and value not in self.inline_flows:
            return False
        if node.op.name == "dim" and not self._alive_at(self.program.of(node.operands[0]), site):
            return False
        if value in self._pinned and self._repeated(value, site.node):
            return False
        return self._may_move(node, value, site)

    def _repeated(self, value: Value, user: Node | None) -> bool:
        """Does `user` print the value more than once? What holds a pop must run only once."""
        if user is None or user.op in (FOR, WHILE, COND):
            return False
        dialect = self.program.dialect
        marked = dialect.expressions(
            self.program, self.numbers, _Flat(),
            lambda v: _MARK if v is self.program.of(value) else "t",
        )  # fmt: skip
        targets = ["t" if r in self.needed.values else None for r in user.results]
        lines = dialect.statements(self.program, marked, self.checks).lines(user, targets)
        return sum(line.count(_MARK) for line in lines) > 1

    @staticmethod
    def _name_goes_on(node: Node, value: Value, site: Site) -> bool:
        """Is it a part of what has the same name, on the same line?"""
        user = site.node
        if user is None or len(user.results) != 1 or user.op in (FOR, WHILE, COND):
            return False
        here, there = node.span, user.span
        return user.results[0].name == value.name and here.lineno == there.lineno

    def _alive_at(self, value: Value, site: Site) -> bool:
        """Is the value there anyway? An array is not kept, or its name taken, for its length alone."""
        if value in self.program.function.params and self._namesakes[value.name] == 1:
            return True
        return max(s.place for s in self.sites[value]) > site.place

    def _trivial(self, node: Node, value: Value) -> bool:
        """Small enough to print as often as it is used: i + 1."""
        if node.op.kind != "elementwise" or not isinstance(value.type, Scalar) or value.name:
            return False
        if self.program.spelling(node) == "{x}":
            return self._atom(node.operands[0])
        if node.op.name not in ("iadd", "isub"):
            return False
        a, b = node.operands
        return self._atom(a) and self._atom(b) and self.program.constant(b) is not None

    def _atom(self, value: Value) -> bool:
        value = self.program.of(value)
        return self.named(value) or self.program.constant(value) is not None

    def _may_move(self, node: Node, value: Value, site: Site) -> bool:
        if self._consumed(value, site):
            return False
        home = self.program.block_of[node]
        if site.block is not home:
            if value in self._pinned:
                return False
            for holder, _ in self.program.path(site.block):
                if holder.op is not COND:
                    return False
                if self.program.block_of[holder] is home:
                    break
            else:
                return False
        elif site.lazy and value in self._pinned:
            return False
        low = self.program.finish[node]
        if node.op.name == "pop":
            stack = self.sharing.reach(node.operands[0])
            if self._between(self._stack_uses, low, site.place) & stack:
                return False
        return not self._between(self._updates, low, site.place) & self._read_by(node, value)

    @staticmethod
    def _consumed(value: Value, site: Site) -> bool:
        if site.node is None or site.flow or site.node.op.consumes is None:
            return False
        return site.node.operands[site.node.op.consumes] is value

    def _read_by(self, node: Node, value: Value) -> int:
        """The memory that the printed expression reads."""
        if value not in self._reads:
            if node.op is COND:
                k = node.results.index(value)
                parts = [node.operands[0], *(b.results[k] for b in node.blocks)]
            else:
                parts = self.record(node)
            mask = 0
            for v in parts:
                v = self.program.of(v)
                while self.bare(v):
                    v = self.program.of(self.program.definition[v].operands[0])
                mask |= self.sharing.reach(v)
                if v in self.inline:
                    mask |= self._read_by(self.program.definition[v], v)
            self._reads[value] = mask
        return self._reads[value]

    # -- length -------------------------------------------------------------------------------------

    def _shorten(self, node: Node) -> None:
        """Names the longest parts of a line until it is short enough."""
        while True:
            lines = self.statements.lines(node, ["t0"] * len(node.results))
            # The message of a check is as long as it is.
            if max((len(line) for line in lines if not line.startswith(" ")), default=0) <= LONGEST:
                return
            parts = [v for v in map(self.program.of, self.record(node)) if self._nameable(v)]
            lengths = [len(self.expressions.made(v).text) for v in parts]
            if not parts or max(lengths) <= _SHORT:
                return
            self.inline.discard(parts[lengths.index(max(lengths))])

    def _nameable(self, value: Value) -> bool:
        if value not in self.inline or self.bare(value):
            return False
        return self.program.definition[value].op is not CONST

    # -- branches -----------------------------------------------------------------------------------

    def _decide_branch(self, node: Node) -> None:
        """A branch that only chooses between two numbers is one expression."""
        results = [r for r in node.results if r in self.needed.values]
        if len(results) != 1 or not isinstance(results[0].type, Scalar):
            return
        value = results[0]
        added: list[Value] = []
        for block in node.blocks:
            ((_, last),) = self.needed.yields(node, block)
            if not self._pure_arm(block, last, added):
                self.inline.difference_update(added)
                return
        text = self.expressions.made(value).text
        if len(text) > LONGEST or (value.name and len(text) > LONGEST // 2):
            self.inline.difference_update(added)
            return
        self.ternaries.add(node)
        arms = [y for b in node.blocks for _, y in self.needed.yields(node, b)]
        if any(self._is_pinned(v) for v in (node.operands[0], *arms)):
            self._pinned.add(value)
        sites = self.sites.get(value, [])
        if (
            len(sites) == 1
            and not value.name
            and not (sites[0].flow and value not in self.inline_flows)
        ):
            if self._may_move_branch(node, value, sites[0]):
                self.inline.add(value)

    def _may_move_branch(self, node: Node, value: Value, site: Site) -> bool:
        home = self.program.block_of[node]
        if site.block is not home or (site.lazy and value in self._pinned):
            return False
        low = self.program.finish[node]
        return not self._between(self._updates, low, site.place) & self._read_by(node, value)

    def _pure_arm(self, block: Block, last: Value, added: list[Value]) -> bool:
        for inner in block.nodes:
            if inner not in self.needed.nodes:
                continue
            if inner.op in (FOR, WHILE, COND) and inner not in self.ternaries:
                return False
            if not inner.results or inner in self.apart or inner.op.consumes is not None:
                return False
            for value in inner.results:
                if value not in self.needed.values or value in self.inline:
                    continue
                sites = self.sites.get(value, [])
                if value is not last or len(sites) != 1 or value.name:
                    return False
                if isinstance(value.type, Array) or not self._may_move(inner, value, sites[0]):
                    return False
                self.inline.add(value)
                added.append(value)
        return True
