"""Lines of C with their indentation, and the removal of locals that nothing reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

__all__ = ["Writer"]

# Names of variables and functions, not of members.
_WORD = re.compile(r"(?<![\w.])(?<!->)[A-Za-z_]\w*")


@dataclass(slots=True)
class _Line:
    depth: int
    text: str
    declares: str = ""
    instead: str = ""

    def words(self) -> list[str]:
        return [] if self.text.startswith("/*") else _WORD.findall(self.text)


class Writer:
    def __init__(self, depth: int = 0) -> None:
        self.lines: list[_Line] = []
        self.depth = depth

    def line(self, text: str, declares: str = "", instead: str = "") -> None:
        """`declares`: the local that the line sets; if nothing reads it, `instead` takes its place."""
        self.lines.append(_Line(self.depth, text, declares, instead))

    @contextmanager
    def indented(self, head: str, tail: str = "}") -> Iterator[None]:
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1
        self.line(tail)

    @contextmanager
    def aside(self) -> Iterator["Writer"]:
        """Collects lines that the caller will `paste` (or not)."""
        kept, self.lines = self.lines, []
        part = Writer(self.depth)
        try:
            yield part
        finally:
            part.lines, self.lines = self.lines, kept

    def paste(self, part: "Writer", deeper: int = 0) -> None:
        for line in part.lines:
            self.lines.append(replace(line, depth=line.depth + deeper))

    def prune(self) -> None:
        """Drops the locals that nothing reads but the lines that set them."""
        counts = Counter(word for line in self.lines for word in line.words())
        again = True
        while again:
            own = Counter(
                {line.declares: 0 for line in self.lines if line.declares}
            )
            for line in self.lines:
                if line.declares:
                    own[line.declares] += line.words().count(line.declares)
            unread = {name for name, count in own.items() if counts[name] == count}
            again = bool(unread)
            for line in self.lines:
                if line.declares in unread:
                    counts.subtract(line.words())
                    line.text, line.declares = line.instead, ""
                    counts.update(line.words())
            self.lines = [line for line in self.lines if line.text]

    def words(self) -> set[str]:
        return {word for line in self.lines for word in line.words()}

    def text(self) -> str:
        return "".join(f"{'  ' * line.depth}{line.text}\n" if line.text else "\n" for line in self.lines)
