"""A document as Markdown. Everything of the user's stands in code spans, which hide its marks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .document import Document, Heading, Lines, Source, Table

__all__ = ["markdown", "code"]


def markdown(document: Document) -> str:
    parts: list[str] = []
    for block in document:
        if isinstance(block, Heading):
            # A title may hold the user's names.
            text = code(block.text) if block.level == 1 else block.text
            parts.append(f"{'#' * block.level} {text}")
        elif isinstance(block, Lines):
            parts.append(_quoted(block.indent, _lines(block)))
        else:
            parts.append(_quoted(block.indent, _table(block)))
    return "\n\n".join(parts) + "\n"


def _lines(block: Lines) -> list[str]:
    if not block.role:
        return [escaped(line) for line in block.lines]
    if not block.code:
        # Two spaces at its end keep a line one.
        return [f"{code(line)}  " if len(block.lines) > 1 else code(line) for line in block.lines]
    longest = max((len(run) for line in block.lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *block.lines, fence]


def _quoted(depth: int, lines: Sequence[str]) -> str:
    mark = "> " * depth
    return "\n".join(f"{mark}{line}" for line in lines)


def _table(block: Table) -> list[str]:
    lines = [_row([cell(c) for c in block.columns])]
    lines.append(_row(["--:" if k in block.numeric else "---" for k in range(len(block.columns))]))
    for row in block.rows:
        if isinstance(row, Source):
            spare = [""] * (len(block.columns) - 2)
            lines.append(_row([f"*{row.place}*", cell(row.text), *spare]))
        else:
            lines.append(_row([cell(text) for text in row.texts]))
    return lines


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    """A code span within a table, where a bar would end the cell."""
    plain = re.fullmatch(r"[\w .,+-]*", text) is not None and "_" not in text
    return text if plain else code(text).replace("|", "\\|")


def escaped(text: str) -> str:
    """Text in which nothing is a mark."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~-])", r"\\\1", text)


def code(text: str) -> str:
    """A code span, whatever backticks the text holds."""
    if not text:
        return ""
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
