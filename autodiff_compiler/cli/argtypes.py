"""The small language of --types: "w: f64, x: f64[n,3], t: (f64, f64), p: {'a': f64[n]}".

    types   = [name ":" type {"," name ":" type} [","]]
    type    = scalar | array | tuple | list | dict | "None" | string
    scalar  = "f64" | "i64" | "bool"                    Python's float, int, bool
            | "f32" | "i32" | "np." dtype               NumPy's
    array   = dtype "[" [dim {"," dim}] "]"             dim: a name, a number or ":"
    tuple   = "(" [type {"," type}] [","] ")"           parentheses always make a tuple
    list    = "[" [type {"," type}] [","] "]"
    dict    = "{" [key ":" type {"," key ":" type}] [","] "}"        key: a string or an integer

A dim that is the number 1 is known to be 1, which decides broadcasting; every other dim is free.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ..signature import (
    DTYPES,
    PASSIVE_DTYPES,
    ArraySpec,
    ScalarSpec,
    Spec,
    StaticSpec,
    TreeSpec,
)
from .faults import Fault

PYTHON_SCALARS = ("f64", "i64", "bool")
SCALAR_DTYPES = tuple(DTYPES.values())
ARRAY_DTYPES = (*SCALAR_DTYPES, *PASSIVE_DTYPES.values())

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)|(?P<number>\d+)"
    r"|(?P<string>'[^'\\]*'|\"[^\"\\]*\")|(?P<mark>[\[\](){},:])|(?P<end>$))"
)

T = TypeVar("T")


class Typed(NamedTuple):
    """A type as it was written, and what it says. `dims`: the words for them, array by array."""

    spec: Spec
    text: str
    dims: tuple[tuple[str, ...], ...] = ()


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def parse_types(text: str) -> dict[str, Typed]:
    """The types by parameter, in the order in which they are written. Raises Fault."""
    return _Parser(text).types()


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.dims: list[tuple[str, ...]] = []
        self.token = _Token("mark", "", 0, 0)
        self.last_end = 0
        self.advance()

    def advance(self) -> _Token:
        """The current token; the one behind it becomes the current one."""
        passed = self.token
        self.last_end = passed.end
        match = _TOKEN.match(self.text, passed.end)
        if match is None:
            start = (
                passed.end + len(self.text[passed.end :]) - len(self.text[passed.end :].lstrip())
            )
            raise self.fault("this does not belong into a type", start, start + 1)
        kind = str(match.lastgroup)
        self.token = _Token(kind, match[kind], match.start(kind), match.end(kind))
        return passed

    def fault(self, message: str, start: int | None = None, end: int | None = None) -> Fault:
        """A fault at the current token, or at the given place."""
        start = self.token.start if start is None else start
        end = self.token.end if end is None else end
        marks = " " * start + "^" * max(1, end - start)
        # A tab or newline in the text would put the caret elsewhere.
        line = re.sub(r"\s", " ", self.text)
        return Fault(f"error: --types, column {start + 1}: {message}\n    {line}\n    {marks}")

    def at(self, mark: str) -> bool:
        return self.token.kind == "mark" and self.token.text == mark

    def expect(self, mark: str, where: str) -> None:
        if not self.at(mark):
            raise self.fault(f"expected {mark!r} {where}")
        self.advance()

    def types(self) -> dict[str, Typed]:
        found: dict[str, Typed] = {}
        while self.token.kind != "end":
            token = self.token
            if token.kind != "name" or "." in token.text:
                raise self.fault("expected the name of a parameter")
            if token.text in found:
                raise self.fault(f"{token.text} has a type already")
            self.advance()
            self.expect(":", f"after the parameter {token.text}")
            start, self.dims = self.token.start, []
            spec = self.type()
            written = self.text[start : self.last_end]
            found[token.text] = Typed(spec, " ".join(written.split()), tuple(self.dims))
            if self.token.kind != "end":
                self.expect(",", "between parameters")
        return found

    def type(self) -> Spec:
        token = self.token
        if token.kind == "name":
            return self.named()
        if token.kind == "string":
            return StaticSpec(self.advance().text[1:-1])
        if self.at("("):
            return TreeSpec("tuple", tuple(self.series(")", self.type)))
        if self.at("["):
            return TreeSpec("list", tuple(self.series("]", self.type)))
        if self.at("{"):
            pairs = self.series("}", self.pair)
            return TreeSpec("dict", tuple(s for _, s in pairs), tuple(k for k, _ in pairs))
        raise self.fault("expected a type, such as f64, i64, f64[n,3] or (f64, f64)")

    def series(self, close: str, item: Callable[[], T]) -> list[T]:
        """Items between brackets, separated by commas, a last comma allowed."""
        opened = self.advance()
        found: list[T] = []
        while not self.at(close):
            if self.token.kind == "end":
                raise self.fault(f"this {opened.text!r} is never closed", opened.start, opened.end)
            found.append(item())
            if not self.at(close):
                if self.token.kind == "end":
                    continue
                self.expect(",", f"or {close!r}")
        self.advance()
        return found

    def pair(self) -> tuple[str | int, Spec]:
        token = self.token
        if token.kind not in ("string", "number"):
            raise self.fault("expected the key of a dict: a string in quotes or an integer")
        self.advance()
        self.expect(":", "after the key of a dict")
        return (token.text[1:-1] if token.kind == "string" else int(token.text)), self.type()

    def named(self) -> Spec:
        token = self.advance()
        if token.text == "None":
            return StaticSpec(None)
        dtype = token.text.removeprefix("np.")
        if dtype not in ARRAY_DTYPES:
            known = ", ".join(ARRAY_DTYPES)
            raise self.fault(f"{token.text} is no type; there are {known}", token.start, token.end)
        if self.at("["):
            if dtype != token.text:
                raise self.fault(f"arrays are written {dtype}[...]", token.start, token.end)
            words = self.series("]", self.dim)
            self.dims.append(tuple("" if word == ":" else word for word in words))
            return ArraySpec(dtype, tuple(word == "1" for word in words))
        if dtype not in SCALAR_DTYPES:
            raise self.fault(
                f"{dtype} is a type of arrays: write {dtype}[n]", token.start, token.end
            )
        return ScalarSpec(dtype, python=token.text in PYTHON_SCALARS)

    def dim(self) -> str:
        """A dim as it is written; the number 1 is known to be 1."""
        if not (self.token.kind in ("name", "number") or self.at(":")) or "." in self.token.text:
            raise self.fault("expected a dim: a name, a number or ':'")
        return self.advance().text
