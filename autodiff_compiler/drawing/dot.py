"""The picture for Graphviz: clusters for regions, the same ids and tooltips as the SVG."""

from __future__ import annotations

from collections.abc import Iterable

from .model import BACKWARD, FORWARD, Edge, Picture, Region, Vertex
from .texts import edge_label, tooltip

_FILL = {FORWARD: ("#e9f1fa", "#2f6fb0"), BACKWARD: ("#fdefe4", "#c2571a")}
_PILLS = ("input", "leaf", "entry", "exit", "counter", "merge")
_HEAD = """\
  graph [compound=true, fontname="monospace", labeljust=l, labelloc=t, rankdir=TB, tooltip=" "];
  node [fontname="monospace", fontsize=11, shape=box, style="rounded,filled"];
  edge [fontname="monospace", fontsize=8, arrowsize=0.6];
"""


def dot(picture: Picture) -> str:
    """The picture in the DOT language."""
    title = picture.signature or picture.name
    lines = [f"digraph {_text(picture.prefix)} {{", _HEAD.rstrip("\n"), f"  label={_text(title)};"]
    lines += _items(picture.body.items, "  ")
    first = {r.id: next(r.vertices()).id for r in picture.body.regions()}
    shown: set[tuple[str, str]] = set()
    for edge in picture.edges:
        lines.append("  " + _edge(edge, picture, first, shown))
    lines.append("}")
    return "\n".join(lines) + "\n"


def _items(items: Iterable[Vertex | Region], pad: str) -> list[str]:
    made = []
    for item in items:
        if isinstance(item, Vertex):
            made.append(pad + _vertex(item))
            continue
        color = _FILL[item.role][1]
        title = "\\l".join(_escaped(t) for t in (item.title, *item.notes)) + "\\l"
        made.append(f"{pad}subgraph {_text('cluster_' + item.id)} {{")
        made.append(
            f'{pad}  graph [label="{title}", color="{color}", style=rounded, fontsize=11, '
            f"id={_text(item.id)}, tooltip={_text(tooltip(item.span, item.title))}];"
        )
        made += _items(item.items, pad + "  ")
        made.append(pad + "}")
    return made


def _vertex(vertex: Vertex) -> str:
    fill, color = _FILL[vertex.role]
    if vertex.kind == "leaf":
        fill, color = "#fff3bf", "#946c00"
    elif vertex.kind in _PILLS:
        fill = "#ffffff"
    end = "\\l" if vertex.kind == "line" else ""
    rows = [vertex.caption] if vertex.caption else []
    label = ("\\l" if end else "\\n").join(_escaped(r) for r in (*rows, *vertex.rows)) + end
    attributes = [f'label="{label}"', f'fillcolor="{fill}"', f'color="{color}"']
    if vertex.kind == "predicate":
        attributes += ["shape=hexagon", 'style="filled"']
    elif vertex.kind in _PILLS:
        attributes.append("shape=oval")
        attributes.append('style="filled"')
    if vertex.kind in ("leaf", "output"):
        attributes.append("penwidth=2")
    said = "; ".join(vertex.rows) + (f": {vertex.type}" if vertex.type else "")
    attributes += [f"id={_text(vertex.id)}", f"tooltip={_text(tooltip(vertex.span, said))}"]
    return f"{_text(vertex.id)} [{', '.join(attributes)}];"


def _edge(
    edge: Edge, picture: Picture, first: dict[str, str], shown: set[tuple[str, str]]
) -> str:  # fmt: skip
    color = "#7a3fa0" if edge.kind == "tape" else _FILL[edge.role][1]
    attributes = [f'color="{color}"', f"id={_text(edge.id)}"]
    label = edge_label(edge, picture, shown)
    if label:
        attributes.append(f"label={_text(label)}")
    if edge.kind != "data":
        attributes.append("style=dashed")
    target = edge.target
    if target in first:
        attributes.append(f"lhead={_text('cluster_' + target)}")
        target = first[target]
    said = f"{edge.value}: {edge.type}" if edge.type else edge.value
    attributes.append(f"edgetooltip={_text(said)}")
    return f"{_text(edge.source)} -> {_text(target)} [{', '.join(attributes)}];"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _text(text: str) -> str:
    return f'"{_escaped(text)}"'
