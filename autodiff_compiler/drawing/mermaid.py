"""The picture for Mermaid, which GitHub and many editors draw from Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .model import Picture, Region, Vertex
from .texts import edge_label

_CLASSES = """\
  classDef forward fill:#e9f1fa,stroke:#2f6fb0,color:#1c2733
  classDef backward fill:#fdefe4,stroke:#c2571a,color:#1c2733
  classDef leaf fill:#fff3bf,stroke:#946c00,stroke-width:3px,color:#1c2733
  classDef forwardRegion fill:#f6f9fd,stroke:#7fa6cd,color:#1c2733
  classDef backwardRegion fill:#fefaf6,stroke:#dba27d,color:#1c2733
"""
_PILLS = ("input", "leaf", "entry", "exit", "counter", "merge")
#: What Mermaid reads as markup, as the entities that it takes instead.
_ENTITIES = {c: f"#{ord(c)};" for c in '#"<>&`[](){}|\\;*_~'}


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart."""
    names = _Names()
    lines = ["---", f"title: {_title(picture.signature or picture.name)}", "---", "flowchart TB"]
    lines += _items(picture.body.items, "  ", names)
    shown: set[tuple[str, str]] = set()
    for edge in picture.edges:
        label = edge_label(edge, picture, shown)
        arrow = "-.->" if edge.kind != "data" else "-->"
        words = f'|"{_escaped(label)}"|' if label else ""
        lines.append(f"  {names[edge.source]} {arrow}{words} {names[edge.target]}")
    lines += _CLASSES.rstrip("\n").split("\n")
    for kind, members in _members(picture).items():
        if members:
            lines.append(f"  class {','.join(names[m] for m in members)} {kind}")
    return "\n".join(lines) + "\n"


class _Names(dict[str, str]):
    """Identifiers that Mermaid takes, for our ids."""

    def __missing__(self, key: str) -> str:
        base = re.sub(r"[^0-9A-Za-z]+", "_", key).strip("_") or "v"
        # `end` and the like are words of the language; nothing of ours is one with this in front.
        name, k = f"v_{base}", 1
        while name in self.values():
            k += 1
            name = f"v_{base}_{k}"
        self[key] = name
        return name


def _members(picture: Picture) -> dict[str, list[str]]:
    kinds = ("forward", "backward", "leaf", "forwardRegion", "backwardRegion")
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for vertex in picture.body.vertices():
        found["leaf" if vertex.kind == "leaf" else vertex.role].append(vertex.id)
    for region in picture.body.regions():
        found[f"{region.role}Region"].append(region.id)
    return found


def _items(items: Iterable[Vertex | Region], pad: str, names: _Names) -> list[str]:
    made = []
    for item in items:
        if isinstance(item, Vertex):
            made.append(pad + _vertex(item, names))
            continue
        title = "<br/>".join(_escaped(t) for t in (item.title, *item.notes))
        made.append(f'{pad}subgraph {names[item.id]}["{title}"]')
        made += _items(item.items, pad + "  ", names)
        made.append(f"{pad}end")
    return made


def _vertex(vertex: Vertex, names: _Names) -> str:
    rows = [vertex.caption] if vertex.caption else []
    label = '"' + "<br/>".join(_escaped(r) for r in (*rows, *vertex.rows)) + '"'
    if vertex.kind == "predicate":
        return f"{names[vertex.id]}{{{{{label}}}}}"
    if vertex.kind in _PILLS:
        return f"{names[vertex.id]}([{label}])"
    return f"{names[vertex.id]}[{label}]"


def _escaped(text: str) -> str:
    return "".join(_ENTITIES.get(c, c) for c in text)


def _title(text: str) -> str:
    """For the front matter, which is YAML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
