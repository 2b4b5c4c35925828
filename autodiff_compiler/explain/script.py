"""A run as the stops of a page: what each stop shows, and what it writes on the graph.

Values of the graph are known by the names under which `ir.show` prints them, which are also those of
the drawing. A stop of the forward pass writes values, one of the backward pass adjoints, with what had
come together by then; a folded loop is one stop, and an unfolded one has the stops of the trip chosen.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import Span
from ..ir.graph import WHILE, Node, Value, carried_init, free_values, slot_yields
from ..ir.show import value_names
from ..ir.types import is_float
from .naming import source_text
from .numbers import Digits
from .record import Branch, Event, Item, Loop, Step, is_constant
from .rows import Row
from .sections import Sections

__all__ = ["Script"]

#: Stops that a page holds; of long loops it holds trips at their beginning and end.
MAX_STOPS = 3000
_TRIPS = (400, 100, 40, 16, 8, 4, 2)
_SHORT_DIGITS = 4
Json = dict[str, Any]


class Script:
    """`drawn`: the names of the values that have a box on the graph."""

    def __init__(self, sections: Sections, drawn: Container[str] = ()):
        self.sections = sections
        self.drawn = drawn
        self.explained = sections.explained
        self.names = value_names(self.explained.run.function)
        self.short = Digits(min(_SHORT_DIGITS, sections.options.digits))
        self.running: dict[Item, Any] = {}
        self._loops: dict[Node, str] = {}
        #: the stops inside branches and trips, by event
        self.inside: dict[int, dict[int, Json]] = {}
        self.kept = self._trips_that_fit()

    def events(self) -> list[Json]:
        """The tree of stops. The backward halves are filled in from the end to the beginning, as
        the sums of adjoints run."""
        stops: dict[int, Json] = {}
        made = self._all(self.explained.run.events, stops)
        self.running[self.explained.result] = np.asarray(1.0)
        self._through(self.explained.run.events, stops)
        return made

    def leaves(self) -> list[Json]:
        return [
            {
                "name": self.name(leaf.item.value), "label": leaf.label,
                "value": self.sections.digits.data(leaf.item.data), "needs": leaf.wrt,
                "short": self._short(leaf.item.data),
            }
            for leaf in self.explained.leaves
        ]  # fmt: skip

    def seed(self) -> Json:
        """The turn: the adjoint of the result is 1."""
        shown = self.explained.run.results
        values = [v for v, i in zip(self.explained.run.function.results, shown) if self._is_top(i)]
        values.append(self.explained.result.value)
        return {"adj": [[self.name(v), "1"] for v in values]}

    def _is_top(self, item: Item) -> bool:
        return item is self.explained.result

    # -- which of it -----------------------------------------------------------------------------

    def _worth(self, events: Sequence[Event]) -> list[Event]:
        """The events that have something to show."""
        return [e for e in events if self.sections.any_shown([e], True)]

    def _trips_that_fit(self) -> int:
        return next(
            (n for n in _TRIPS if self._count(self.explained.run.events, n) <= MAX_STOPS), 2
        )

    def _count(self, events: Sequence[Event], kept: int) -> int:
        total = 0
        for event in self._worth(events):
            if isinstance(event, Loop):
                total += 1 + sum(
                    1 + self._count(event.trips[k].events, kept)
                    for k in _ends(len(event.trips), kept)
                )
            else:
                total += 1 if isinstance(event, Step) else 1 + self._count(event.events, kept)
            if total > MAX_STOPS:
                break
        return total

    # -- forward ---------------------------------------------------------------------------------

    def _all(self, events: Sequence[Event], stops: dict[int, Json]) -> list[Json]:
        """The stops of events, noted by event too; what is not worth one may still write values."""
        worth = {id(e) for e in self._worth(events)}
        made: list[Json] = []
        for event in events:
            if id(event) in worth:
                stops[id(event)] = self._forward(event)
                made.append(stops[id(event)])
            elif isinstance(event, Step):
                results = [(v, i) for v, i in zip(event.node.results, event.results)]
                written = [pair for pair in results if self.name(pair[0]) in self.drawn]
                if written:
                    made.append({"kind": "silent", "set": self._values(written)})
        return made

    def _forward(self, event: Event) -> Json:
        if isinstance(event, Step):
            return self._step(event)
        if isinstance(event, Branch):
            return self._branch(event)
        return self._loop(event)

    def _step(self, step: Step) -> Json:
        row = self.sections.rows.row(step)
        return {
            "kind": "step", "span": self._span(row.span), "at": self.name(row.item.value),
            "label": row.label, "made": row.made_by, "value": row.value, "needs": row.needs,
            "from": self._operands(step),
            "set": [[self.name(r.value), self._short(r.data)] for r in step.results],
        }  # fmt: skip

    def _operands(self, step: Step) -> list[Json]:
        """The operands that carry numbers."""
        return [
            {
                "name": self.name(v), "label": self.sections.labels(i), "leaf": i.step is None,
                "value": self.sections.digits.data(i.data), "needs": i.needs,
            }
            for v, i in dict(zip(step.node.operands, step.operands)).items()
            if is_float(i.value.type) and not is_constant(i)
        ]  # fmt: skip

    def _branch(self, branch: Branch) -> Json:
        taken = "holds" if branch.taken == 0 else "does not hold"
        return {
            "kind": "branch", "span": self._span(branch.node.span), "taken": taken,
            "title": source_text(branch.node.span).split(":")[0],
            "at": self.name(branch.node.operands[0]),
            "test": [[self.name(branch.node.operands[0]), str(branch.taken == 0)]],
            "set": self._values(zip(branch.node.results, branch.results)),
            "events": self._all(branch.events, self.inside.setdefault(id(branch), {})),
        }  # fmt: skip

    def _loop(self, loop: Loop) -> Json:
        kept = _ends(len(loop.trips), self.kept)
        summary = self.sections.summary(loop, 0, True)
        return {
            "kind": "loop", "span": self._span(loop.node.span), "count": len(loop.trips),
            "title": loop.node.span.line().strip().rstrip(":"), "loop": self._loop_id(loop.node),
            "table": _table(summary), "set": self._values(zip(loop.node.results, loop.results)),
            "trips": [self._trip(loop, k) for k in kept],
        }  # fmt: skip

    def _trip(self, loop: Loop, k: int) -> Json:
        trip = loop.trips[k]
        pairs: list[tuple[Value, Item]] = []
        for block in loop.node.blocks:
            own = block.params[len(block.params) - len(trip.slots) :] if trip.slots else ()
            pairs += zip(own, trip.slots)
        made = self._values(pairs)
        if loop.node.op is WHILE:
            made.append([self.name(loop.node.blocks[0].results[0]), "True"])
        elif trip.counter is not None:
            made.append([self.name(loop.node.blocks[0].params[0]), str(trip.counter)])
        counter = self.sections.counter(loop, trip).removeprefix(", ")
        events = self._all(trip.events, self.inside.setdefault(id(trip), {}))
        return {"number": trip.number, "counter": counter, "set": made, "events": events}

    def _loop_id(self, node: Node) -> str:
        """The same loop has the same name in every trip of a loop around it."""
        return self._loops.setdefault(node, f"loop{len(self._loops)}")

    # -- backward --------------------------------------------------------------------------------

    def _backward(self, event: Event, stop: Json) -> None:
        if isinstance(event, Step):
            self._back_step(event, stop)
        elif isinstance(event, Branch):
            self._through(event.events, self.inside[id(event)])
            stop["adj"] = self._adjoints(free_values(event.node.blocks[event.taken]))
        else:
            self._back_loop(event, stop)

    def _through(self, events: Sequence[Event], stops: dict[int, Json]) -> None:
        """Backward through events, whether they have stops or not: the sums must run on."""
        for event in reversed(events):
            stop = stops.get(id(event))
            if stop is not None:
                self._backward(event, stop)
            elif isinstance(event, Step):
                self._add(event)
            elif isinstance(event, Branch):
                self._through(event.events, {})
            else:
                self._through(event.last_test, {})
                for trip in reversed(event.trips):
                    self._through(trip.events, {})

    def _add(self, step: Step) -> None:
        for share in self.explained.back.shares.get(step, []):
            item, data = step.operands[share.operand], share.data
            old = self.running.get(item)
            if isinstance(data, tuple):
                both = data if old is None else tuple(a + b for a, b in zip(old, data))
                self.running[item] = both
            else:
                self.running[item] = data if old is None else old + data

    def _back_step(self, step: Step, stop: Json) -> None:
        row = self.sections.rows.row(step)
        self._add(step)
        if not row.shares:
            return
        values = dict(zip(step.operands, step.node.operands))
        stop["back"] = {
            "incoming": f"{row.adjoint_name} = {row.adjoint}",
            "shares": self._shares(row, values),
            "adj": [
                [self.name(values[i]), self._short(self.running[i])]
                for i in dict.fromkeys(s.operand for s in row.shares)
            ],
        }

    def _shares(self, row: Row, values: dict[Item, Value]) -> list[Json]:
        return [
            {
                "name": self.name(values[s.operand]), "local": s.rule or s.slope,
                "formula": "" if s.rule else s.formula, "partial": s.partial,
                "product": s.product, "outgoing": s.outgoing, "target": s.target,
                "several": self.sections.shared(s.operand),
                "sum": self.sections.digits.data(self.running[s.operand]),
            }
            for s in row.shares
        ]  # fmt: skip

    def _back_loop(self, loop: Loop, stop: Json) -> None:
        stop["back_table"] = _table(self.sections.summary(loop, 0, False))
        stop["matters"] = self.sections.any_shown([loop], False)
        kept = {t["number"]: t for t in stop["trips"]}
        self._through(loop.last_test, {})
        slots = slot_yields(loop.node)
        carried = [*(trip.slots for trip in loop.trips[1:]), loop.results]
        for k in range(len(loop.trips) - 1, -1, -1):
            trip = loop.trips[k]
            shown = kept.get(trip.number)
            if shown is None:
                self._through(trip.events, {})
                continue
            shown["adj"] = self._running(zip(slots, carried[k]))
            self._through(trip.events, self.inside[id(trip)])
        outer = [v for block in loop.node.blocks for v in free_values(block)]
        stop["adj"] = self._adjoints([*carried_init(loop.node), *outer])

    def _adjoints(self, values: Iterable[Value]) -> list[list[str]]:
        """What has come together by now for values that the code around can see."""
        held = {i.value: i for i in self.running}
        return self._running((v, held[v]) for v in dict.fromkeys(values) if v in held)

    def _running(self, pairs: Iterable[tuple[Value, Item]]) -> list[list[str]]:
        return [[self.name(v), self._short(self.running[i])] for v, i in pairs if i in self.running]

    # -- texts -----------------------------------------------------------------------------------

    def name(self, value: Value) -> str:
        return self.names.get(value, "")

    def _values(self, pairs: Iterable[tuple[Value, Item]]) -> list[list[str]]:
        return [[self.name(v), self._short(i.data)] for v, i in pairs]

    def _short(self, data: Any) -> str:
        """For the graph."""
        if isinstance(data, tuple):
            return f"list of {len(data)}"
        array = np.asarray(data)
        if array.size == 1:
            return self.short.number(array.ravel()[0])
        if array.dtype == np.bool_:
            return "×".join(map(str, array.shape))
        return f"‖·‖ {self.short.number(np.linalg.norm(array.ravel().astype(float)))}"

    def _span(self, span: Span) -> list[Any]:
        return [span.filename, span.lineno]


def _ends(count: int, kept: int) -> list[int]:
    """The first and the last of so many trips."""
    if count <= kept:
        return list(range(count))
    half = max(1, kept // 2)
    return [*range(half), *range(count - half, count)]


def _table(table: Any) -> Json | None:
    if table is None:
        return None
    return {"columns": list(table.columns), "rows": [list(r.texts) for r in table.rows]}
