"""An explanation as a document: headings, lines and tables, which each kind of output sets in its way."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Heading", "Lines", "Source", "Cells", "Table", "Document"]


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text, or of code. `role` says what they are of: forward, backward, result or nothing."""

    lines: tuple[str, ...]
    indent: int = 0
    role: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the user's, over the rows that come from it."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Cells:
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`role`: forward, backward or nothing. `numeric`: columns set to the right."""

    columns: tuple[str, ...]
    rows: tuple[Source | Cells, ...]
    indent: int = 0
    role: str = ""
    numeric: tuple[int, ...] = ()


Block = Heading | Lines | Table
Document = tuple[Block, ...]
