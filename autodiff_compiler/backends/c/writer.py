"""Lines of C with their indentation, loop nests among them, and the removal of unread locals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Line", "Loop", "Writer", "flat", "words_in"]

# Names of variables and functions, not of members.
_WORD = re.compile(r"(?<![\w.])(?<!->)[A-Za-z_]\w*")


def words_in(text: str) -> list[str]:
    return _WORD.findall(text)


@dataclass(eq=False, slots=True)
class Line:
    """`declares`: the local that the line sets; if nothing reads it, `instead` takes its place.

    `early`: the line may as well stand in front of loops over arrays that come before it. `late`: it
    may as well stand behind those that come after it. `reads`: all that it touches of memory, if that
    is known; it may then stand in front of loops that write elsewhere.
    `work`: of the head of a loop whose trips do not meet, how many elements it is for. `parts`: of the
    head of a loop whose trips only add to sums, what these are.
    """

    depth: int
    text: str
    declares: str = ""
    instead: str = ""
    early: bool = False
    work: str = ""
    late: bool = False
    parts: Any = None
    reads: list[Any] | None = None

    def words(self) -> list[str]:
        return [] if self.text.startswith("/*") else words_in(self.text)


@dataclass(eq=False, slots=True)
class Loop:
    """A loop over an axis of arrays. `accesses`: what it and the loops in it touch."""

    depth: int
    head: str
    index: str
    pragma: str
    children: list[Line | Loop] = field(default_factory=list)
    accesses: list[Any] = field(default_factory=list)
    #: Arrays of which one row serves all trips, with the row's length.
    rows: list[tuple[str, str]] = field(default_factory=list)


def flat(items: list[Line | Loop]) -> Iterator[Line]:
    """The lines as they are printed."""
    for item in items:
        if isinstance(item, Line):
            yield item
            continue
        if item.pragma:
            yield Line(item.depth, item.pragma)
        yield Line(item.depth, item.head)
        yield from flat(item.children)
        yield Line(item.depth, "}")


class Writer:
    def __init__(self, depth: int = 0) -> None:
        self.lines: list[Line | Loop] = []
        self.depth = depth
        self.open_loops: list[Loop] = []

    def line(
        self, text: str, declares: str = "", instead: str = "", early: bool = False,
        late: bool = False, reads: list[Any] | None = None,
    ) -> None:  # fmt: skip
        self.lines.append(Line(self.depth, text, declares, instead, early, late=late, reads=reads))

    @contextmanager
    def loop(self, head: str, index: str, pragma: str) -> Iterator[None]:
        """A loop over an axis: one that may be joined with its neighbours."""
        loop = Loop(self.depth, head, index, pragma)
        around, self.lines = self.lines, loop.children
        self.open_loops.append(loop)
        self.depth += 1
        yield
        self.depth -= 1
        self.open_loops.pop()
        self.lines = around
        self.lines.append(loop)

    def touch(self, access: Any) -> None:
        for loop in self.open_loops:
            loop.accesses.append(access)

    @contextmanager
    def indented(self, head: str, tail: str = "}") -> Iterator[None]:
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1
        self.line(tail)

    @contextmanager
    def aside(self) -> Iterator[Writer]:
        """Collects lines that the caller will `paste` (or not)."""
        kept, self.lines = self.lines, []
        loops, self.open_loops = self.open_loops, []
        part = Writer(self.depth)
        try:
            yield part
        finally:
            part.lines, self.lines = self.lines, kept
            self.open_loops = loops

    def paste(self, part: Writer) -> None:
        self.lines += part.lines

    def prune(self) -> None:
        """Drops the locals that nothing reads but the lines that set them."""
        counts = Counter(word for line in flat(self.lines) for word in line.words())
        while True:
            own: Counter[str] = Counter()
            for line in flat(self.lines):
                if line.declares:
                    own[line.declares] += line.words().count(line.declares)
            unread = {name for name, count in own.items() if counts[name] == count}
            if not unread:
                return
            self.lines = _without(self.lines, unread, counts)

    def words(self) -> set[str]:
        return {word for line in flat(self.lines) for word in line.words()}

    def text(self) -> str:
        return "".join(f"{'  ' * x.depth}{x.text}\n" for x in flat(self.lines))


def _without(items: list[Line | Loop], unread: set[str], counts: Counter[str]) -> list[Line | Loop]:
    kept: list[Line | Loop] = []
    for item in items:
        if isinstance(item, Loop):
            item.children = _without(item.children, unread, counts)
            if item.children:
                kept.append(item)
            else:
                counts.subtract(words_in(item.head))
            continue
        if item.declares in unread:
            counts.subtract(item.words())
            item.text, item.declares = item.instead, ""
            counts.update(item.words())
        if item.text:
            kept.append(item)
    return kept
