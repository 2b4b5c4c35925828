"""A document as plain text: what a pipe gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .document import Cells, Document, Heading, Lines, Source, Table

__all__ = ["plain"]

#: Columns that hold wider texts hold arrays, which are not set to the right.
_NUMBER = 16


def plain(document: Document) -> str:
    lines: list[str] = []
    for block in document:
        if isinstance(block, Heading):
            lines += _heading(block)
        elif isinstance(block, Lines):
            lines += [f"{'    ' * block.indent}{line}" for line in block.lines]
            lines += [""] if block.role == "result" else []
        else:
            lines += [*_table(block), ""]
    return "\n".join(line.rstrip() for line in _single(lines)).rstrip() + "\n"


def _single(lines: Sequence[str]) -> Iterator[str]:
    """No two empty lines in a row."""
    before = ""
    for line in lines:
        if line or before:
            yield line
        before = line


def _heading(block: Heading) -> list[str]:
    mark = "=" if block.level == 1 else "-"
    return ["", block.text, mark * len(block.text), ""]


def _table(block: Table) -> Iterator[str]:
    pad = "    " * block.indent
    cells = [row.texts for row in block.rows if isinstance(row, Cells)]
    widths = [max(map(len, column)) for column in zip(block.columns, *cells)]
    numeric = [k for k in block.numeric if widths[k] <= _NUMBER]

    def line(texts: Sequence[str]) -> str:
        parts = [
            text.rjust(w) if k in numeric else text.ljust(w)
            for k, (text, w) in enumerate(zip(texts, widths))
        ]
        inner = "  " if any(isinstance(row, Source) for row in block.rows) else ""
        return f"{pad}{inner}{'   '.join(parts)}"

    yield line(block.columns)
    for row in block.rows:
        yield f"{pad}{row.place}: {row.text}" if isinstance(row, Source) else line(row.texts)
