"""The document of a run: leaves, forward, backward, the chain rule, the update."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import Span
from ..ir.graph import WHILE, Node, slot_yields
from ..ir.types import Stack, is_float
from .adjoints import Share
from .chain import Chain, Slope, Way, Ways
from .document import Block, Cells, Document, Heading, Lines, Source, Table
from .naming import Labels, source_text
from .numbers import Digits
from .record import Branch, Event, Item, Loop, Step, Trip
from .rows import Row, Rows
from .running import Explained, Leaf

__all__ = ["Options", "Sections", "FOLDED"]

#: Trips shown of a folded loop, half of them from its beginning and half from its end.
FOLDED = 8
_LEAVES = ("name", "value", "leaf", "requires gradient")
_FORWARD = ("name", "made by", "value", "leaf", "requires gradient")
_BACKWARD = ("name", "incoming adjoint", "local derivative", "outgoing adjoint")
#: Factors of one way that are written out.
_FACTORS = 10
_CONTRIBUTIONS = 6
#: Of more slopes only those are spelled out that are more than a number.
_SLOPES = 6


@dataclass(frozen=True, slots=True)
class Options:
    """`trips`: which trip to unfold of each loop, outermost first, 1-based, negative from the end;
    `every`: all of them. `alpha`: the learning rate."""

    trips: tuple[int, ...] = ()
    every: bool = False
    alpha: float = 0.1
    digits: int = 6


@dataclass
class _Piece:
    """Rows of one table being collected."""

    rows: list[Source | Cells] = field(default_factory=list)
    line: tuple[str, int] = ("", 0)


class Sections:
    def __init__(self, explained: Explained, options: Options):
        self.explained = explained
        self.options = options
        self.digits = Digits(options.digits)
        self.labels = Labels(explained)
        self.rows = Rows(explained, self.labels, self.digits)
        self.chain = Chain(explained.back, self.labels, explained.result)
        self.filename = explained.run.function.filename
        self._counted: dict[Item, int] = {}

    def document(self, place: str) -> Document:
        return tuple(
            [
                *self.heading(place), *self.leaves(), *self.forward(), *self.backward(),
                *self.chain_rule(), *self.update(),
            ]
        )  # fmt: skip

    # -- what it is about ------------------------------------------------------------------------

    def heading(self, place: str) -> Iterator[Block]:
        name = self.explained.function.__name__
        own = [leaf for leaf in self.explained.leaves if not leaf.captured]
        yield Heading(
            f"{name}({', '.join(dict.fromkeys(_base(leaf.label) for leaf in own))}) in {place}", 1
        )
        top, value = self.labels.top, self.digits.data(self.explained.result.data)
        wrt = [leaf.label for leaf in self.explained.leaves if leaf.wrt]
        yield Lines((f"{top} = {value}, and its derivatives by {_listed(wrt)}.",))

    def leaves(self) -> Iterator[Block]:
        yield Heading("Leaves")
        cells = [
            Cells((self.labels(leaf.item), self.digits.data(leaf.item.data), "yes", _yes(leaf.wrt)))
            for leaf in self.explained.leaves
        ]
        yield Table(_LEAVES, tuple(cells), 0, "", (1,))

    # -- forward ---------------------------------------------------------------------------------

    def forward(self) -> Iterator[Block]:
        yield Heading("Forward")
        blocks = list(self._walk(self.explained.run.events, 0, 0, True))
        yield from blocks or [Lines(("nothing is computed: a leaf is returned",))]

    def _walk(
        self, events: Sequence[Event], indent: int, depth: int, forward: bool
    ) -> Iterator[Block]:
        """Tables of the steps, and what loops and branches did between them."""
        piece = _Piece()
        for event in events if forward else reversed(events):
            if isinstance(event, Step):
                self._step(event, piece, forward)
                continue
            inner = self._loop if isinstance(event, Loop) else self._branch
            blocks = list(inner(event, indent, depth, forward))  # type: ignore[operator]
            if blocks:
                yield from self._table(piece, indent, forward)
                piece = _Piece()
                yield from blocks
        yield from self._table(piece, indent, forward)

    def _table(self, piece: _Piece, indent: int, forward: bool) -> Iterator[Block]:
        if piece.rows:
            columns, numeric = (_FORWARD, (2,)) if forward else (_BACKWARD, ())
            role = "forward" if forward else "backward"
            yield Table(columns, tuple(piece.rows), indent, role, numeric)

    def _step(self, step: Step, piece: _Piece, forward: bool) -> None:
        if not self.rows.shown(step) or (not forward and not self._matters(step)):
            return
        row = self.rows.row(step)
        line = (row.span.filename, row.span.lineno)
        if line != piece.line and row.span.lineno:
            piece.line = line
            piece.rows.append(Source(self.place(row.span), row.span.line().strip()))
        piece.rows += self._forward_cells(row) if forward else self._backward_cells(row)

    def _matters(self, step: Step) -> bool:
        return bool(self.explained.back.shares.get(step))

    def _forward_cells(self, row: Row) -> list[Source | Cells]:
        return [Cells((row.label, row.made_by, row.value, "no", _yes(row.needs)))]

    def _backward_cells(self, row: Row) -> list[Source | Cells]:
        cells: list[Source | Cells] = []
        incoming = f"{row.adjoint_name} = {row.adjoint}"
        for k, s in enumerate(row.shares):
            local = s.rule or " = ".join(
                dict.fromkeys(t for t in (s.slope, s.formula, s.partial) if t)
            )
            product = f"{s.product} = " if s.product else ""
            sign = "+=" if self.shared(s.operand) else "="
            outgoing = f"{s.target} {sign} {product}{s.outgoing}"
            cells.append(Cells((*((row.label, incoming) if k == 0 else ("", "")), local, outgoing)))
        return cells

    def shared(self, item: Item) -> bool:
        """Do several shares make its adjoint?"""
        return self._uses()[item] > 1

    def _uses(self) -> dict[Item, int]:
        if not self._counted:
            for step, shares in self.explained.back.shares.items():
                for s in shares:
                    i = step.operands[s.operand]
                    self._counted[i] = self._counted.get(i, 0) + 1
        return self._counted

    def place(self, span: Span) -> str:
        if span.filename and self.filename and span.filename != self.filename:
            return f"{os.path.basename(span.filename)}, line {span.lineno}"
        return f"line {span.lineno}"

    # -- loops and branches ----------------------------------------------------------------------

    def _loop(self, loop: Loop, indent: int, depth: int, forward: bool) -> Iterator[Block]:
        if not self._worth(loop.trips, forward):
            return
        source = loop.node.span.line().strip()
        title = f"{self.place(loop.node.span)}  {source}"
        role = "forward" if forward else "backward"
        count = len(loop.trips)
        way = "" if forward else ", from the last to the first"
        yield Lines((f"{title}   {_counted(count, 'trip')}{way}",), indent, role)
        table = self.summary(loop, indent + 1, forward)
        if table is not None:
            yield table
        asked = self._asked(count, depth)
        if asked is not None and not 0 <= asked < count and forward:
            yield Lines((f"it has no trip {self.options.trips[depth]}",), indent + 1, role)
        for k in self._unfolded(count, depth, forward):
            trip = loop.trips[k]
            counter = self.counter(loop, trip)
            yield Lines((f"trip {trip.number} of {count}{counter}",), indent + 1, role)
            yield from self._walk(trip.events, indent + 2, depth + 1, forward)

    def _worth(self, trips: Sequence[Trip], forward: bool) -> bool:
        return any(self.any_shown(trip.events, forward) for trip in trips)

    def any_shown(self, events: Sequence[Event], forward: bool) -> bool:
        for event in events:
            if isinstance(event, Step):
                if self.rows.shown(event) and (forward or self._matters(event)):
                    return True
            elif isinstance(event, Branch):
                if self.any_shown(event.events, forward):
                    return True
            elif self._worth(event.trips, forward):
                return True
        return False

    def counter(self, loop: Loop, trip: Trip) -> str:
        if trip.counter is None:
            return ""
        return f", {self.labels.counter(loop.node)} = {trip.counter}"

    def _unfolded(self, count: int, depth: int, forward: bool) -> Sequence[int]:
        if self.options.every:
            return range(count) if forward else range(count - 1, -1, -1)
        k = self._asked(count, depth)
        return (k,) if k is not None and 0 <= k < count else ()

    def _asked(self, count: int, depth: int) -> int | None:
        """The trip that the options name for loops at this depth, from 0."""
        if self.options.every or depth >= len(self.options.trips):
            return None
        k = self.options.trips[depth]
        return k - 1 if k > 0 else count + k

    def summary(self, loop: Loop, indent: int, forward: bool) -> Table | None:
        """What each trip leaves in the names that the loop carries, or their adjoints there."""
        back = self.explained.back
        slots = self.carried(loop)
        if not forward:
            slots = [k for k in slots if any(i in back.adjoints for i in self.after(loop, k))]
        if not slots:
            return None
        columns = [
            "trip",
            *([self.labels.counter(loop.node)] if loop.node.op is not WHILE else []),
        ]
        names = [self._slot_name(loop, k) for k in slots]
        columns += names if forward else [f"d{self.labels.top}/d{n}" for n in names]
        order = range(len(loop.trips)) if forward else range(len(loop.trips) - 1, -1, -1)
        rows: list[Source | Cells] = []
        for n, k in enumerate(order):
            if len(order) > FOLDED and n == FOLDED // 2:
                rows.append(Cells(("...",) * len(columns)))
            if len(order) > FOLDED and FOLDED // 2 <= n < len(order) - FOLDED // 2:
                continue
            rows.append(Cells(tuple(self._summary_cells(loop, k, slots, forward))))
        role = "forward" if forward else "backward"
        return Table(tuple(columns), tuple(rows), indent, role, tuple(range(len(columns))))

    def _summary_cells(
        self, loop: Loop, k: int, slots: Sequence[int], forward: bool
    ) -> Iterator[str]:
        yield str(loop.trips[k].number)
        if loop.node.op is not WHILE:
            yield str(loop.trips[k].counter)
        for slot in slots:
            item = self.after(loop, slot)[k]
            yield self.digits.data(item.data) if forward else self.rows.adjoint(item) or "-"

    def carried(self, loop: Loop) -> list[int]:
        """The slots worth a column: floats that change, under a name of the user's."""
        yields = slot_yields(loop.node)
        params = loop.node.blocks[-1].params[-len(yields) :] if yields else ()
        return [
            k
            for k, (y, p) in enumerate(zip(yields, params))
            if is_float(y.type) and y is not p and self._slot_name(loop, k)
        ]

    def after(self, loop: Loop, slot: int) -> list[Item]:
        """What the slot holds after each trip."""
        later = [trip.slots for trip in loop.trips[1:]] + [loop.results]
        return [slots[slot] for slots in later]

    def _slot_name(self, loop: Loop, slot: int) -> str:
        yields = slot_yields(loop.node)
        params = loop.node.blocks[-1].params[-len(yields) :]
        items = self.after(loop, slot)
        # A list has a number of ours; what is returned from inside has a slot, and no name there.
        named = self.labels.base(items[-1]) if items and is_stack(items[-1]) else ""
        return params[slot].name or yields[slot].name or named

    def _branch(self, branch: Branch, indent: int, depth: int, forward: bool) -> Iterator[Block]:
        blocks = list(self._walk(branch.events, indent + 1, depth, forward))
        if not blocks:
            return
        condition = source_text(branch.node.span)
        first = condition.split(":")[0] if condition.startswith(("if ", "elif ")) else condition
        taken = "the condition holds" if branch.taken == 0 else "the condition does not hold"
        role = "forward" if forward else "backward"
        yield Lines((f"{self.place(branch.node.span)}  {first}   {taken}",), indent, role)
        yield from blocks

    # -- backward --------------------------------------------------------------------------------

    def backward(self) -> Iterator[Block]:
        yield Heading("Backward")
        top = self.labels.top
        yield Lines((f"begins with d{top}/d{top} = 1",), 0, "backward")
        yield from self._walk(self.explained.run.events, 0, 0, False)

    # -- the chain rule --------------------------------------------------------------------------

    def chain_rule(self) -> Iterator[Block]:
        yield Heading("Chain rule")
        for leaf in self.explained.leaves:
            if leaf.wrt:
                ways = self.chain.ways(leaf.item)
                told = ways is not None and (ways.count > 1 or _is_told(ways.shown[0]))
                lines = self._ways(leaf, ways) if ways and told else self._contributions(leaf)
                yield Lines(tuple(lines), 0, "result", True)

    def _ways(self, leaf: Leaf, ways: Ways) -> Iterator[str]:
        name = self.rows.adjoint_name(leaf.item)
        several = ways.count > 1
        for number, way in enumerate(ways.shown, 1):
            yield from self._way(f"way {number}" if several else name, way, several)
        if several:
            yield from self._slopes(dict.fromkeys(s for w in ways.shown for s in w.slopes))
            numbers = " + ".join(self.digits.factor(w.product) for w in ways.shown)
            left = ways.count - len(ways.shown)
            rest = f" + {self.digits.factor(ways.rest)}" if left else ""
            if left:
                yield f"and {_counted(left, 'more way')}, together {self.digits.number(ways.rest)}"
            yield f"{name} = {numbers}{rest} = {self.digits.number(ways.total)}"

    def _way(self, name: str, way: Way, several: bool) -> Iterator[str]:
        slopes = [self.rows.slope(s.top, s.bottom) for s in way.slopes]
        values = [self.digits.number(s.value) for s in way.slopes]
        if len(way.slopes) == 1 and not several:
            (s,) = way.slopes
            formula = f"{s.formula} = " if s.formula and s.formula != values[0] else ""
            yield f"{slopes[0]} = {formula}{values[0]}"
            return
        yield f"{name} = {' * '.join(_shortened(slopes))}"
        if not several:
            yield from self._slopes(way.slopes)
        factors = [v if k == 0 else f"({v})" if v[0] == "-" else v for k, v in enumerate(values)]
        product = f"{' * '.join(_shortened(factors))} = " if len(factors) > 1 else ""
        yield f"  = {product}{self.digits.number(way.product)}"

    def _slopes(self, slopes: Iterable[Slope]) -> Iterator[str]:
        """What the slopes of ways are; of many, those that are more than a number."""
        found = []
        for s in slopes:
            value = self.digits.number(s.value)
            formula = f"{s.formula} = " if s.formula and s.formula != value else ""
            found.append((self.rows.slope(s.top, s.bottom), f"{formula}{value}", bool(formula)))
        if len(found) > _SLOPES:
            found = [f for f in found if f[2]][:_FACTORS]
        width = max((len(slope) for slope, _, _ in found), default=0)
        for slope, text, _ in found:
            yield f"    {slope:{width}} = {text}"

    def _contributions(self, leaf: Leaf) -> Iterator[str]:
        """Where arrays lie between: what each use of the leaf adds."""
        name, back = self.rows.adjoint_name(leaf.item), self.explained.back
        found: dict[tuple[Node, int], list[tuple[Step, Share]]] = {}
        for step, shares in back.shares.items():
            for s in shares:
                if step.operands[s.operand] is leaf.item:
                    found.setdefault((step.node, s.operand), []).append((step, s))
        if not found:
            yield f"{name} = 0: {leaf.label} does not reach {self.labels.top}"
            return
        uses = list(found.values())
        for steps in uses[:_CONTRIBUTIONS]:
            yield self._use(leaf, steps)
        left = [pair for steps in uses[_CONTRIBUTIONS:] for pair in steps]
        if left:
            yield f"and {_counted(len(left), 'more use')}, together {self.digits.data(_added(left))}"
        yield f"{name} = {self.digits.data(back.adjoints[leaf.item])}"

    def _use(self, leaf: Leaf, steps: Sequence[tuple[Step, Share]]) -> str:
        """What one place in the program adds, in all of its trips."""
        step, _ = steps[0]
        shown = next(r for r in self.rows.row(step).shares if r.operand is leaf.item)
        rule = shown.rule or f"{shown.slope} = {shown.formula}"
        times = f", {len(steps)} times, together" if len(steps) > 1 else ""
        return (
            f"{self.place(step.node.span)}: {rule}   adds{times} {self.digits.data(_added(steps))}"
        )

    # -- the update ------------------------------------------------------------------------------

    def update(self) -> Iterator[Block]:
        alpha = self.digits.number(self.options.alpha)
        yield Heading(f"Update with learning rate {alpha}")
        lines = []
        for leaf in self.explained.leaves:
            if leaf.wrt:
                gradient = np.asarray(leaf.gradient)
                new = np.asarray(leaf.item.data) - self.options.alpha * gradient
                name, data = self.rows.adjoint_name(leaf.item), self.digits.data
                lines.append(f"{leaf.label} <- {leaf.label} - {alpha} * {name}")
                product = (
                    f"{alpha} * {self.digits.factor(gradient[()])}" if not gradient.ndim else ""
                )
                numbers = f"{data(leaf.item.data)} - {product} = " if product else ""
                lines.append(f"  = {numbers}{data(new)}")
        yield Lines(tuple(lines), 0, "result", True)


def is_stack(item: Item) -> bool:
    return isinstance(item.value.type, Stack)


def _is_told(way: Way) -> bool:
    """Does it say more than its number?"""
    return len(way.slopes) > 1 or bool(way.slopes[0].formula)


def _added(steps: Sequence[tuple[Step, Share]]) -> np.ndarray:
    out = np.asarray(steps[0][1].data)
    for _, share in steps[1:]:
        out = out + share.data
    return out


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _base(label: str) -> str:
    return label.split("[")[0].split(".")[0]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))


def _shortened(factors: Sequence[str]) -> list[str]:
    if len(factors) <= _FACTORS:
        return list(factors)
    half = _FACTORS // 2
    left = len(factors) - 2 * half
    return [*factors[:half], f"... ({left} more)", *factors[-half:]]
