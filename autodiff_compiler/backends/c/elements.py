"""Elements that a loop's body touches more than once: kept in scalars between.

A C compiler does not know that two pointers never name one array, so each store makes it read again
all that it had read. What the adjoint of an update in place does to an element (take it, clear it, add to
it twice) becomes one read and one write. An element is known by its text; what may be the same one
under another text is written before it is read, as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ...ir.types import F32, F64
from .spell import ELEMENT
from .writer import Line, Loop, words_in

__all__ = ["keep_elements"]

_DECLARED = re.compile(r"const (\w+) (\w+) = (.*);")
_STORED = re.compile(r"(\w+\[.*\]) (\+?=) (.*);")
_COLLECTED = re.compile(r"(\w+) ([-+*|]?=) (.*);")
_REFERENCE = re.compile(r"(?<!&)&(?!&)")
_OPENED = re.compile(r"\b\w+\[")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")


def keep_elements(items: list[Line | Loop], fresh: Callable[[str], str]) -> None:
    """Rewrites the bodies of innermost loops. `fresh`: makes a name that nothing else has."""
    for item in items:
        if isinstance(item, Loop):
            if any(isinstance(x, Loop) for x in item.children):
                keep_elements(item.children, fresh)
            else:
                _Body(item, fresh).rewrite()


@dataclass(slots=True)
class _Statement:
    """`target op text;`. `kind`: "const double" and the like, of a constant that is declared."""

    line: Line
    target: str
    op: str
    text: str
    kind: str = ""

    @property
    def stores(self) -> bool:
        return "[" in self.target

    def write(self) -> None:
        start = f"{self.kind} " if self.kind else ""
        self.line.text = f"{start}{self.target} {self.op} {self.text};"


class _Body:
    def __init__(self, loop: Loop, fresh: Callable[[str], str]) -> None:
        self.loop = loop
        self.fresh = fresh
        self.accesses = {a.element: a for a in loop.accesses}
        #: by element: the constant or number that it is equal to
        self.known: dict[str, str] = {}
        #: by name: the type of a constant
        self.constants: dict[str, str] = {}

    def rewrite(self) -> None:
        statements = self.statements()
        if statements is None or not any(s.stores for s in statements):
            return
        out: list[_Statement] = []
        for k, statement in enumerate(statements):
            self.step(statement, statements[k + 1 :], out)
        self.drop_dead(out)

    # --- what can be understood -------------------------------------------------------------------

    def statements(self) -> list[_Statement] | None:
        """The body as statements that follow one another; None if there is anything else in it."""
        if any(a.buffer.alias for a in self.loop.accesses):
            return None
        found: list[_Statement] = []
        for line in self.loop.children:
            assert isinstance(line, Line)
            if line.text.startswith("/*"):
                continue
            if _REFERENCE.search(line.text):
                return None
            if match := _DECLARED.fullmatch(line.text):
                found.append(_Statement(line, match[2], "=", match[3], f"const {match[1]}"))
            elif match := _STORED.fullmatch(line.text):
                if _elements(match[1]) != (match[1],):
                    return None
                found.append(_Statement(line, match[1], match[2], match[3]))
            elif match := _COLLECTED.fullmatch(line.text):
                found.append(_Statement(line, match[1], match[2], match[3]))
            else:
                return None
        arrays = {e.split("[")[0] for s in found for e in _elements(f"{s.target} {s.text}")}
        texts = (f"{s.target} {s.text}" for s in found)
        bare = re.compile(rf"\b(?:{'|'.join(sorted(arrays))})\b(?!\[)") if arrays else None
        return None if bare is not None and any(map(bare.search, texts)) else found

    def kind(self, element: str) -> str | None:
        access = self.accesses.get(element)
        if access is None or access.buffer.type.dtype not in (F64, F32):
            return None
        return ELEMENT[access.buffer.type.dtype]

    def apart(self, one: str, other: str) -> bool:
        """Are these certainly two elements?"""
        if one == other:
            return False
        names = one.split("[")[0], other.split("[")[0]
        if names[0] != names[1]:
            return names[1] not in words_in(one[len(names[0]) :])
        a, b = self.accesses.get(one), self.accesses.get(other)
        return a is not None and b is not None and a.shape == b.shape and a.apart(b)

    # --- one statement after the other ------------------------------------------------------------

    def step(self, s: _Statement, later: list[_Statement], out: list[_Statement]) -> None:
        for element in dict.fromkeys(_elements(s.text)):
            changes = s.stores and not self.apart(element, s.target)
            if element not in self.known and not changes and self.wanted(element, later):
                self.name(element, element, s, out)
        s.text = _replaced(s.text, self.known)
        if s.stores:
            self.store(s, later, out)
        elif s.kind:
            self.constants[s.target] = s.kind.removeprefix("const ")
            if self.kind(s.text) == self.constants[s.target]:
                self.known[s.text] = s.target
        s.write()
        out.append(s)

    def store(self, s: _Statement, later: list[_Statement], out: list[_Statement]) -> None:
        element, before = s.target, self.known.get(s.target)
        wanted = self.wanted(element, later)
        if s.op == "+=" and (before or wanted):
            s.op, s.text = "=", f"{before or element} + {_operand(s.text)}"
        if s.op == "=" and wanted and self.settled(element, s.text) is None:
            self.name(element, s.text, s, out)
            s.text = self.known[element]
        value = self.settled(element, s.text) if s.op == "=" else None
        self.known = {e: v for e, v in self.known.items() if self.apart(e, element)}
        if value is not None:
            self.known[element] = value

    def settled(self, element: str, text: str) -> str | None:
        """The text, if it is a constant or number of the element's own type."""
        kind = self.kind(element)
        if kind == "double" and _NUMBER.fullmatch(text):
            return f"({text})" if text.startswith("-") else text
        return text if kind is not None and self.constants.get(text) == kind else None

    def wanted(self, element: str, later: list[_Statement]) -> bool:
        """Is it read in these statements, before it may be another number?"""
        if self.kind(element) is None:
            return False
        for t in later:
            if element in _elements(t.text) or t.target == element and t.op == "+=":
                return True
            if t.stores and not self.apart(element, t.target):
                return False
        return False

    def name(self, element: str, text: str, s: _Statement, out: list[_Statement]) -> None:
        """Puts what the element holds into a constant, in front of the statement."""
        name = self.fresh("t")
        line = Line(s.line.depth, "", name)
        at = next(k for k, x in enumerate(self.loop.children) if x is s.line)
        self.loop.children.insert(at, line)
        made = _Statement(line, name, "=", text, f"const {self.kind(element)}")
        made.write()
        out.append(made)
        self.constants[name] = self.kind(element) or ""
        self.known[element] = name

    # --- stores that nobody reads -----------------------------------------------------------------

    def drop_dead(self, statements: list[_Statement]) -> None:
        for k, s in enumerate(statements):
            if s.stores and self.overwritten(s.target, statements[k + 1 :]):
                self.loop.children = [x for x in self.loop.children if x is not s.line]

    def overwritten(self, element: str, later: list[_Statement]) -> bool:
        """Is the element written again before anything may read it?"""
        for t in later:
            if any(not self.apart(e, element) for e in _elements(t.text)):
                return False
            if t.stores and t.target == element:
                return t.op == "="
            if t.stores and any(not self.apart(e, element) for e in _inner(t.target)):
                return False
            if t.stores and t.op == "+=" and not self.apart(t.target, element):
                return False
        return False


def _operand(text: str) -> str:
    """The text as what is added on the right."""
    return f"({text})" if re.search(r" [-+?<>=&|]", text) else text


@lru_cache(maxsize=4096)
def _elements(text: str) -> tuple[str, ...]:
    """The elements of arrays that the text names, not those in the index of one."""
    out: list[str] = []
    at = 0
    while (found := _OPENED.search(text, at)) is not None:
        at = _closing(text, found.end())
        out.append(text[found.start() : at])
    return tuple(out)


def _inner(element: str) -> tuple[str, ...]:
    """The elements in an element's index."""
    return _elements(element[element.index("[") + 1 : -1])


def _closing(text: str, at: int) -> int:
    """Where the bracket ends that has been opened before `at`."""
    depth = 1
    while depth:
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        at += 1
    return at


def _replaced(text: str, known: dict[str, str]) -> str:
    out, at = [], 0
    for element in _elements(text):
        start = text.index(element, at)
        out += [text[at:start], known.get(element, element)]
        at = start + len(element)
    return "".join([*out, text[at:]])
