"""What the values of a run are called, and the text of the user's that each node came from.

A value has the user's own name for it; `E#3` is the third value that `E` has had in the run. What has no
name of the user's is `t1`, `t2`, ... in the order of the program.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..backends.text import ATOM, Text
from ..errors import Span
from ..ir.graph import CONST, DIM, FOR, Node, Value, walk
from ..ir.types import Scalar, is_float
from ..ops.index import load, nonzero, parts, slice_
from .formulas import Term, constant, loose, spelled
from .record import Branch, Event, Item, Loop, Run, Step, is_constant

if TYPE_CHECKING:
    from .running import Explained

__all__ = ["Labels", "source_text"]

#: Longer expressions are not written into others.
_LONGEST = 48


_COMPOUND = ("for ", "while ", "if ", "elif ", "with ", "def ", "try:", "match ")


def source_text(span: Span) -> str:
    """The user's text of a span, on one line; empty where there is none. Of a compound statement it
    is the header."""
    if not span.lineno:
        return ""
    first = span.line().strip()
    if span.end_lineno > span.lineno and first.startswith(_COMPOUND):
        return first
    lines = [linecache.getline(span.filename, n) for n in range(span.lineno, span.end_lineno + 1)]
    if not lines or not lines[-1]:
        return ""
    raw = [line.encode() for line in lines]
    raw[-1] = raw[-1][: span.end_col_offset]
    raw[0] = raw[0][span.col_offset :]
    return " ".join(b"".join(raw).decode(errors="replace").split())


class Labels:
    """Names of items, expressions of nodes."""

    def __init__(self, explained: Explained):
        self.run = explained.run
        self.result = explained.result
        self._words = _words(node.span for node in walk(self.run.function.block))
        self._names: dict[Item, str] = {}
        self._own = {leaf.item: leaf.label for leaf in explained.leaves}
        self._temporaries: dict[Value, str] = {}
        self._name_all()
        self._number_temporaries()
        self._names.setdefault(self.result, self._free("L", "out", "result_"))
        self._versions = self._count_versions()
        #: what is differentiated: `L`, unless the user has a name for it
        self.top = self(self.result)

    # -- names ---------------------------------------------------------------------------------

    def _is_users(self, name: str) -> bool:
        return bool(name) and name in self._words

    def _name_all(self) -> None:
        counters = _unnamed_counters(self.run)
        for item in self.run.items:
            if item.value in counters:
                self._names[item] = "k"
            elif self._is_users(item.value.name) and item not in self._own:
                self._names[item] = item.value.name
        for value, item in _carried(self.run.events):
            if self._is_users(value.name) and item.step and item.step.node.op is not CONST:
                self._names.setdefault(item, value.name)
        self._names.update(self._own)

    def _number_temporaries(self) -> None:
        letter = next(c for c in ("t", "tmp", "value_") if not self._taken(c))
        shown = {
            i.value
            for i in self.run.items
            if is_float(i.value.type) and not is_constant(i) and not self.is_only_cast(i)
        }
        for node in walk(self.run.function.block):
            for r in node.results:
                if r in shown and not self._is_users(r.name):
                    self._temporaries[r] = f"{letter}{len(self._temporaries) + 1}"

    def _taken(self, letter: str) -> bool:
        return any(re.fullmatch(letter + r"\d+", word) for word in self._words)

    def _free(self, *names: str) -> str:
        return next((n for n in names if n not in self._words), names[-1])

    def _count_versions(self) -> dict[Item, int]:
        """Which of the values of its name an item is; only where there are several."""
        by_name: dict[str, list[Item]] = {}
        for item, name in sorted(self._names.items(), key=lambda pair: pair[0].number):
            if is_float(item.value.type):
                by_name.setdefault(name, []).append(item)
        return {
            item: k
            for items in by_name.values()
            if len(items) > 1
            for k, item in enumerate(items, 1)
        }

    def is_only_cast(self, item: Item) -> bool:
        """An int that becomes a float on the way, without a name and without a derivative."""
        cast = item.step is not None and item.step.node.op.name in ("cast", "pyfloat")
        return (
            cast and not item.needs and not self.named(item) and isinstance(item.value.type, Scalar)
        )

    def counter(self, loop: Node) -> str:
        """What the counter of a `for` is called."""
        param = loop.blocks[0].params[0]
        return "k" if not param.name or param in _unnamed_counters(self.run) else param.name

    def named(self, item: Item) -> bool:
        """Has the user a name for it (or is it the result)?"""
        return item in self._names

    def base(self, item: Item) -> str:
        """The name without its number."""
        return self._names.get(item) or self._temporaries.get(item.value, "")

    def __call__(self, item: Item) -> str:
        if item.step is not None and item.step.node.op is CONST and not self.named(item):
            return str(constant(item.step.node.attrs["value"]))
        if self.is_only_cast(item):
            return self(item.step.operands[0])
        version = self._versions.get(item)
        name = self.base(item)
        if not name:
            # An integer or a mask: where it is used, its expression says more than a number of ours.
            return (
                self._made(item, [self.inside(i) for i in item.step.operands]).at(0)
                if item.step
                else "k"
            )
        return name if version is None else f"{name}#{version}"

    # -- expressions -----------------------------------------------------------------------------

    def definition(self, item: Item) -> Text:
        """The op that made the item, on the labels of its operands; the user's text for what is not
        elementwise."""
        return self._made(item, [Text(self(i)) for i in item.step.operands] if item.step else [])

    def inside(self, item: Item) -> Text:
        """The item as it is written into a formula: its name, or the expression that it is."""
        if self.named(item) or item.step is None:
            return Text(self(item))
        if item.step.node.op is CONST:
            return constant(item.step.node.attrs["value"])
        made = self._made(item, [self.inside(i) for i in item.step.operands])
        return made if len(made.text) <= _LONGEST else Text(self(item))

    def term(self, item: Item, text: Text) -> Term:
        """An operand of a derivative rule: a number where it is a constant, else this text."""
        value = item.step.node.attrs["value"] if item.step and is_constant(item) else None
        return Term(float(value)) if value is not None and not self.named(item) else Term.of(text)

    def _made(self, item: Item, operands: Sequence[Text]) -> Text:
        step = item.step
        if step is None:
            return Text(self(item))
        if step.node.op is CONST:
            return constant(step.node.attrs["value"])
        if step.node.op.kind == "elementwise" and not self._own_parts(item):
            if step.node.op.name in ("cast", "pyfloat", "stop_gradient"):
                return operands[0]
            return spelled(step.node.op, operands, item.value.type)
        if step.node.op.name in ("index", "wrap", "nonzero"):
            return operands[0]
        if step.node.op is DIM:
            return Text(f"{operands[0].at(ATOM)}.shape[{step.node.attrs['axis']}]")
        if step.node.op is load:
            return Text(operands[0].at(ATOM) + self.subscript(step, 1))
        return loose(source_text(step.node.span) or step.node.op.name)

    def _own_parts(self, item: Item) -> bool:
        """Is it made of what only the library knows, which has no text but that of the whole call?"""
        step = item.step
        return step is not None and any(
            i.step is not None
            and i.step.node.span == step.node.span
            and i.step.node.op.kind in ("create", "shape", "reduce", "order")
            and not self.base(i)
            and i.step.node.op not in (CONST, DIM)
            for i in step.operands
        )

    # -- indices -----------------------------------------------------------------------------------

    def subscript(self, step: Step, first: int) -> str:
        """The index of a load or a store, from its operand number `first` on: `[i, :j]`."""
        letters = step.node.attrs["index"]
        texts: list[str] = []
        masked: Step | None = None
        for letter, p in zip(letters, parts(letters, step.operands[first:])):
            text = self._slice(*p) if letter == "s" else self.inside(p[0]).at(0)
            # A mask of several axes is one index of the user's, and an array for each axis here.
            if not (letter == "a" and texts and p[0].step is not None and p[0].step is masked):
                texts.append(text)
            of_mask = letter == "a" and p[0].step is not None and p[0].step.node.op is nonzero
            masked = p[0].step if of_mask else None
        text = ", ".join(texts)
        return f"[{text}]" if len(text) <= _LONGEST else "[...]"

    def _slice(self, start: Item, length: Item, stride: Item) -> str:
        """A slice as the user bounded it, if a `slice` node tells."""
        made = length.step
        by = "" if stride.data == 1 else f":{self.inside(stride)}"
        if made is not None and made.node.op is slice_:
            bounds = list(made.operands)
            lo = self.inside(bounds.pop(0)).at(0) if made.node.attrs["lo"] else ""
            hi = self.inside(bounds.pop(0)).at(0) if made.node.attrs["hi"] else ""
            return f"{lo}:{hi}{by}"
        if made is not None and made.node.op is DIM or start.data == 0 and not is_constant(length):
            return f":{by}"
        return f"{int(start.data)}:{int(start.data + length.data * stride.data)}{by}"


def _words(spans: Iterable[Span]) -> set[str]:
    """The words in the lines that the spans come from, and around them."""
    lines: dict[str, set[int]] = {}
    for span in spans:
        if span.lineno:
            lines.setdefault(span.filename, set()).update(range(span.lineno, span.end_lineno + 1))
    words: set[str] = set()
    for filename, numbers in lines.items():
        for n in numbers:
            words.update(re.findall(r"\w+", linecache.getline(filename, n)))
    return words


def _unnamed_counters(run: Run) -> set[Value]:
    """The counters of loops over things: the user's name there is the thing's."""
    loops = [n for n in walk(run.function.block) if n.op is FOR]
    return {
        n.blocks[0].params[0]
        for n in loops
        if not re.search(r"\b(range|enumerate|ndindex)\(", n.span.line())
    }


def _carried(events: Sequence[Event]) -> Iterator[tuple[Value, Item]]:
    """Where loops and branches give an item another value's place, and so its name."""
    for event in events:
        if isinstance(event, Loop):
            params = event.node.blocks[-1].params
            params = params[1:] if event.node.op.name == "for" else params
            for trip in event.trips:
                yield from zip(params, trip.slots)
                yield from _carried(trip.events)
            yield from zip(event.node.results, event.results)
        elif isinstance(event, Branch):
            yield from _carried(event.events)
            yield from zip(event.node.results, event.results)
