"""Source spans, carets, and the error classes. Imports nothing of this package."""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass

__all__ = [
    "Span",
    "NO_SPAN",
    "CompileError",
    "UnsupportedError",
    "InternalError",
    "CheckFailed",
    "checking",
]


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the user's source: 1-based lines, 0-based columns, as `ast` counts them.

    `sweep`: 0 for what the user wrote, k for what the k-th reverse pass wrote on its account.
    """

    filename: str
    lineno: int
    col_offset: int
    end_lineno: int
    end_col_offset: int
    sweep: int = 0

    def __str__(self) -> str:
        return f"{self.filename}:{self.lineno}:{self.col_offset + 1}"

    def line(self) -> str:
        """The source line on which the span begins, without its newline."""
        return linecache.getline(self.filename, self.lineno).rstrip("\n")

    def marked(self) -> str:
        """The part of that line that the span covers."""
        raw = self.line().encode()
        end = self.end_col_offset if self.end_lineno == self.lineno else len(raw)
        return raw[self.col_offset : end].decode(errors="replace")

    def caret(self) -> str:
        """The source line with carets under the construct; empty if the file cannot be read."""
        line = self.line()
        if not line:
            return ""
        # ast counts columns in UTF-8 bytes; a caret stands under characters.
        raw = line.encode()
        start = len(raw[: self.col_offset].decode(errors="replace"))
        if self.end_lineno == self.lineno:
            end = len(raw[: self.end_col_offset].decode(errors="replace"))
        else:
            end = len(line)
        shown = line.lstrip()
        shift = len(line) - len(shown)
        marks = " " * (start - shift) + "^" * max(1, end - start)
        return f"    {shown}\n    {marks}"


NO_SPAN = Span("<generated>", 0, 0, 0, 0)


class CompileError(Exception):
    """A function could not be compiled. Shows the user's line with a caret, and a hint.

    Attributes: `filename`, `lineno` (1-based), `col_offset` (0-based), `hint` (may be empty).
    """

    def __init__(self, message: str, span: Span = NO_SPAN, hint: str = ""):
        self.message = message
        self.span = span
        self.hint = hint
        super().__init__(message)

    @property
    def filename(self) -> str:
        return self.span.filename

    @property
    def lineno(self) -> int:
        return self.span.lineno

    @property
    def col_offset(self) -> int:
        return self.span.col_offset

    def __str__(self) -> str:
        parts = [self.message]
        if self.span.lineno:
            parts[0] = f"{self.span}: {self.message}"
            caret = self.span.caret()
            if caret:
                parts.append(caret)
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


class UnsupportedError(CompileError):
    """The program is outside what can be differentiated correctly, so it is refused."""


class InternalError(UnsupportedError):
    """A defect of this package met while compiling: the function is refused, nothing is computed."""


class CheckFailed(Exception):
    """A run-time check of generated code did not hold; `where` numbers it in its kernel.

    The launcher turns it into the exception of the user's own function; users never see it.
    """

    def __init__(self, where: int):
        self.where = where
        super().__init__(where)


def checking() -> bool:
    """Whether users (or the tests) asked for the IR to be checked: AUTODIFF_COMPILER_CHECK=1."""
    return os.environ.get("AUTODIFF_COMPILER_CHECK", "") not in ("", "0")
