"""Words that all writers share, and the picture as plain text."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import Span
from .model import BACKWARD, FORWARD, Edge, Picture, Region, Vertex

_MARKS = {"leaf": "leaf ", "input": "input ", "output": "", "check": "", "exit": "next "}


def tooltip(span: Span, text: str) -> str:
    """The place, the user's line, and what is there."""
    if not span.lineno:
        return text
    line = span.line().strip()
    place = f"{os.path.basename(span.filename)}:{span.lineno}"
    return f"{place}: {line}\n{text}" if line else f"{place}\n{text}"


def heading(picture: Picture) -> str:
    """What is drawn, its stage, its file."""
    where = os.path.basename(picture.filename)
    title = picture.signature or picture.name
    return " · ".join(part for part in (title, picture.stage, where) if part)


def edge_label(edge: Edge, picture: Picture, shown: set[tuple[str, str]]) -> str:
    """What stands at an edge: its type, once for each value, with the name if its box has not."""
    if edge.label:
        return edge.label
    if edge.kind == "choice" or (edge.source, edge.value) in shown:
        return ""
    shown.add((edge.source, edge.value))
    named = picture.detail == "lines" and edge.name and not edge.plain
    return f"{edge.name} {edge.type}" if named else edge.type


def text(picture: Picture) -> str:
    """The picture as an indented list: what each box holds, its type, and what it reads."""
    rows = [heading(picture)]
    rows += [f"  {row}" for row in picture.dims]
    names = {v.id: _short(v) for v in picture.body.vertices()}
    reads: dict[str, list[str]] = {}
    for edge in picture.edges:
        mark = "kept " if edge.kind == "tape" else ""
        known = edge.name or (edge.type and names[edge.source])
        reads.setdefault(edge.target, []).append(mark + known)
    for role in (FORWARD, BACKWARD):
        items = [item for item in picture.body.items if item.role == role]
        if items:
            rows += ["", *([role] if picture.two_sweeps else []), *_listed(items, "  ", reads)]
    return "\n".join(row.rstrip() for row in rows) + "\n"


def _listed(
    items: Iterable[Vertex | Region], pad: str, reads: dict[str, list[str]]
) -> list[str]:  # fmt: skip
    rows: list[str] = []
    for item in items:
        if isinstance(item, Region):
            notes = f"    # {'; '.join(item.notes)}" if item.notes else ""
            rows.append(f"{pad}{item.title}:{notes}")
            rows += _listed(item.items, pad + "  ", reads)
        else:
            rows += _vertex_rows(item, pad, reads.get(item.id, []))
    return rows


def _vertex_rows(vertex: Vertex, pad: str, reads: list[str]) -> list[str]:
    mark = _MARKS.get(vertex.kind, "")
    if vertex.kind == "output":
        mark = f"{vertex.caption}: " if vertex.caption else ""
    elif vertex.kind == "input" and vertex.caption:
        mark = f"{vertex.caption} "
    tail = []
    if vertex.type:
        tail.append(vertex.type)
    if reads and vertex.kind in ("operation", "line", "check", "predicate", "merge"):
        tail.append("reads " + ", ".join(dict.fromkeys(reads)))
    if vertex.span.lineno and vertex.kind in ("operation", "line", "check"):
        tail.append(f"line {vertex.span.lineno}")
    first = f"{pad}{mark}{vertex.rows[0]}"
    note = f"    # {'; '.join(tail)}" if tail else ""
    return [first + note, *(f"{pad}{row}" for row in vertex.rows[1:])]


def _short(vertex: Vertex) -> str:
    row = vertex.rows[-1]
    return row.split(" = ")[0] if " = " in row else row
