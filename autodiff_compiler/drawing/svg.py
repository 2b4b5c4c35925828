"""The picture as SVG, to stand alone or in a page.

Each box is `<g class="node ..." id="PREFIX-n-z" data-value="z" data-values="t0 z" data-type="f64"
data-role="forward" data-line="17">`, each edge `<g class="edge ..." id="PREFIX-e-z-n-t1"
data-value="z" data-source="n-z" data-target="n-t1" data-type="f64">` with a `<path>` and, on the
first edge of a value, a `<text class="value">` beside its start. `data-value` is the name under
which `ir.show` prints the value; PREFIX is `Picture.prefix`. The tooltip is a `<title>` in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.sax import saxutils

from .layers import Point
from .layout import ROW_HEIGHT, Layout, Rect, header_height, lay_out
from .model import BACKWARD, Edge, Picture, Region, Vertex
from .texts import edge_label, heading, tooltip

MARGIN, HEAD = 16.0, 58.0
_LOOPS = ("for", "while")
#: What XML cannot hold, not even as an entity; a source line may.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

STYLE = """
.adc text{font:12px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1c2733}
.adc .back{fill:#fff}
.adc .head{font-size:13px;font-weight:600}
.adc .note,.adc .caption{font-size:9.5px;fill:#5b6875}
.adc .value{font-size:9px;fill:#5b6875;paint-order:stroke;stroke:#fff;stroke-width:2.5px}
.adc .region>rect{fill:#5b687508;stroke:#9aa5b1;stroke-dasharray:none}
.adc .region.forward>rect{fill:#2f6fb008;stroke:#7fa6cd}
.adc .region.backward>rect{fill:#c2571a08;stroke:#dba27d}
.adc .region.arm>rect{stroke-dasharray:4 3}
.adc .region>text{paint-order:stroke;stroke:#fff;stroke-width:3px}
.adc .node>rect,.adc .node>path{stroke-width:1.2px}
.adc .forward>rect,.adc .forward>path.shape{fill:#e9f1fa;stroke:#2f6fb0}
.adc .backward>rect,.adc .backward>path.shape{fill:#fdefe4;stroke:#c2571a}
.adc .node.leaf>rect{fill:#fff3bf;stroke:#946c00;stroke-width:2.4px}
.adc .node.input>rect{fill:#fff}
.adc .node.output>rect{stroke-width:2.4px}
.adc .node.entry>rect,.adc .node.exit>rect,.adc .node.counter>rect,.adc .node.merge>rect{fill:#fff}
.adc .node.check>rect{fill:#f4f4f4;stroke:#8a8a8a}
.adc .edge path{fill:none;stroke:#2f6fb0;stroke-opacity:.75;stroke-width:1.2px}
.adc .edge.backward path{stroke:#c2571a}
.adc .edge.across path{stroke-opacity:.32}
.adc .edge.tape path{stroke:#7a3fa0;stroke-dasharray:5 3}
.adc .edge.choice path{stroke:#6b7680;stroke-dasharray:2 3}
.adc .loop path{fill:none;stroke:#6b7680;stroke-width:1.2px;stroke-dasharray:4 3}
.adc marker path{stroke:none}
.adc .edge:hover path{stroke-opacity:1;stroke-width:3px}
.adc .node:hover>rect{stroke-width:3px}
"""


def escape(text: str) -> str:
    """Text as XML takes it."""
    return saxutils.escape(_FORBIDDEN.sub(" ", text))


def quoteattr(text: str) -> str:
    """The same as an attribute, in quotes."""
    return saxutils.quoteattr(_FORBIDDEN.sub(" ", text))


def svg(picture: Picture) -> str:
    """The picture as one SVG element; the same text for the same picture."""
    return _Writer(picture, lay_out(picture)).text()


class _Writer:
    def __init__(self, picture: Picture, layout: Layout):
        self.picture = picture
        self.layout = layout
        self.named: set[tuple[str, str]] = set()

    def text(self) -> str:
        picture, layout = self.picture, self.layout
        legend = self._legend()
        width = max(layout.width, 8.0 * len(picture.signature), 560.0) + 2 * MARGIN
        height = layout.height + HEAD + 2 * MARGIN
        size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
        shift = (width - 2 * MARGIN - layout.width) / 2
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="adc" {size} role="img" '
            f"data-function={quoteattr(picture.name)} data-stage={quoteattr(picture.stage)} "
            f"data-detail={quoteattr(picture.detail)}>",
            f"<title>{escape(picture.signature or picture.name)}</title>",
            f"<style>{escape(STYLE)}</style>",
            self._markers(),
            f'<rect class="back" width="{width:g}" height="{height:g}"/>',
            *legend,
            f'<g transform="translate({MARGIN + shift:g} {MARGIN + HEAD:g})">',
            *self._regions(picture.body.items),
            *(self._edge(e) for e in picture.edges if e.id in layout.across),
            *(self._edge(e) for e in picture.edges if e.id in layout.paths),
            *(self._node(v) for v in picture.body.vertices()),
            *self._headers(picture.body.items),
            "</g>",
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    # -- around it ----------------------------------------------------------------------------------

    def _markers(self) -> str:
        colours = {
            "forward": "#2f6fb0", "backward": "#c2571a", "tape": "#7a3fa0", "choice": "#6b7680",
        }  # fmt: skip
        made = [
            f'<marker id={quoteattr(self.id("arrow-" + name))} viewBox="0 0 8 8" refX="7.5" refY="4"'
            ' markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0.8L8 4L0 7.2z" fill="{colour}"/></marker>'
            for name, colour in colours.items()
        ]
        return f"<defs>{''.join(made)}</defs>"

    def _legend(self) -> list[str]:
        picture = self.picture
        rows = [f'<text class="head" x="{MARGIN:g}" y="24">{escape(heading(self.picture))}</text>']
        x, y = MARGIN, 44.0
        marks = [("leaf", "#fff3bf", "#946c00", "differentiated by")]
        kinds = {v.kind for v in picture.body.vertices()}
        if "leaf" not in kinds:
            marks = []
        if any(v.role == BACKWARD for v in picture.body.vertices()):
            marks += [
                ("f", "#e9f1fa", "#2f6fb0", "forward"),
                ("b", "#fdefe4", "#c2571a", "backward"),
            ]
        for _, fill, stroke, words in marks:
            rows.append(
                f'<rect x="{x:g}" y="{y - 9:g}" width="14" height="10" rx="2" fill="{fill}" '
                f'stroke="{stroke}" stroke-width="1.5"/>'
                f'<text class="note" x="{x + 19:g}" y="{y:g}">{escape(words)}</text>'
            )
            x += 19 + 6 * len(words) + 16
        if any(e.kind == "tape" for e in picture.edges):
            rows.append(
                f'<g class="edge tape"><path d="M{x:g} {y - 4:g}H{x + 22:g}"/></g>'
                f'<text class="note" x="{x + 27:g}" y="{y:g}">kept on a tape</text>'
            )
            x += 27 + 6 * 14 + 16
        if picture.dims:
            dims = escape(", ".join(picture.dims))
            rows.append(f'<text class="note" x="{x:g}" y="{y:g}">{dims}</text>')
        return rows

    def id(self, own: str) -> str:
        return f"{self.picture.prefix}-{own}"

    # -- regions ------------------------------------------------------------------------------------

    def _regions(self, items: Iterable[Vertex | Region]) -> list[str]:
        made = []
        for item in items:
            if isinstance(item, Region):
                made.append(self._region(item))
                made += self._regions(item.items)
        return made

    def _region(self, region: Region) -> str:
        rect = self.layout.rects[region.id]
        data = f'data-region="{region.kind}" data-role="{region.role}"'
        if region.carried:
            data += f" data-carried={quoteattr(' '.join(region.carried))}"
        if region.span.lineno:
            data += f' data-line="{region.span.lineno}"'
        return (
            f'<g class="region {region.kind} {region.role}" id={quoteattr(self.id(region.id))} {data}>'
            f"<title>{escape(tooltip(region.span, region.title))}</title>{_rect(rect, 8)}"
            f"{self._loop(region, rect)}</g>"
        )

    def _loop(self, region: Region, rect: Rect) -> str:
        """The way back to the head of a loop that carries something."""
        if not region.carried or region.kind not in _LOOPS:
            return ""
        up = region.id in self.layout.upward
        x = rect.x + 13
        head = rect.y + header_height(region) + 8
        first, last = (head, rect.y + rect.h - 14) if up else (rect.y + rect.h - 14, head)
        # From where a trip ends to where the next one begins.
        path = f"M{x + 9:g} {first:g}H{x:g}V{last:g}H{x + 9:g}"
        arrow = self.id("arrow-choice")
        return (
            f'<g class="loop"><title>next trip</title><path d="{path}" '
            f"marker-end={quoteattr(f'url(#{arrow})')}/></g>"
        )

    def _headers(self, items: Iterable[Vertex | Region]) -> list[str]:
        """Above the edges, so that they can be read where edges enter."""
        made = []
        for item in items:
            if isinstance(item, Region):
                rect = self.layout.rects[item.id]
                lines = [("head", item.title, 20.0)]
                lines += [("note", note, 34.0 + 14 * k) for k, note in enumerate(item.notes)]
                made.append(f'<g class="region {item.role}">')
                made += [
                    f'<text class="{kind}" x="{rect.x + 12:g}" y="{rect.y + dy:g}">{escape(t)}</text>'
                    for kind, t, dy in lines
                ]
                made.append("</g>")
                made += self._headers(item.items)
        return made

    # -- nodes --------------------------------------------------------------------------------------

    def _node(self, vertex: Vertex) -> str:
        rect = self.layout.rects[vertex.id]
        data = [f'data-role="{vertex.role}"']
        if vertex.value:
            data.append(f"data-value={quoteattr(vertex.value)}")
        if vertex.values:
            data.append(f"data-values={quoteattr(' '.join(vertex.values))}")
        if vertex.type:
            data.append(f"data-type={quoteattr(vertex.type)}")
        if vertex.span.lineno:
            data.append(f'data-line="{vertex.span.lineno}"')
        said = "; ".join(vertex.rows) + (f": {vertex.type}" if vertex.type else "")
        shape = _hexagon(rect) if vertex.kind == "predicate" else _rect(rect, _radius(vertex, rect))
        return (
            f'<g class="node {vertex.kind} {vertex.role}" id={quoteattr(self.id(vertex.id))} '
            f"{' '.join(data)}><title>{escape(tooltip(vertex.span, said))}</title>{shape}"
            f"{self._rows(vertex, rect)}</g>"
        )

    def _rows(self, vertex: Vertex, rect: Rect) -> str:
        made = []
        centred = vertex.kind != "line"
        x = rect.x + rect.w / 2 if centred else rect.x + 9
        anchor = ' text-anchor="middle"' if centred else ""
        y = rect.y + 17.0
        if vertex.caption:
            made.append(
                f'<text class="caption" x="{x:g}" y="{rect.y + 13:g}"{anchor}>'
                f"{escape(vertex.caption)}</text>"
            )
            y += 13.0
        for row in vertex.rows:
            made.append(
                f'<text x="{x:g}" y="{y:g}"{anchor} xml:space="preserve">{escape(row)}</text>'
            )
            y += ROW_HEIGHT
        return "".join(made)

    # -- edges --------------------------------------------------------------------------------------

    def _edge(self, edge: Edge) -> str:
        across = edge.id in self.layout.across
        points = self.layout.across[edge.id] if across else self.layout.paths[edge.id]
        path = _curve_across(points) if across else _curve(points)
        arrow = self.id("arrow-" + (edge.kind if edge.kind != "data" else edge.role))
        classes = f"edge {edge.kind} {edge.role}" + (" across" if across else "")
        data = [f"data-source={quoteattr(edge.source)}", f"data-target={quoteattr(edge.target)}"]
        if edge.value:
            data.append(f"data-value={quoteattr(edge.value)}")
        if edge.type:
            data.append(f"data-type={quoteattr(edge.type)}")
        said = f"{edge.value}: {edge.type}" if edge.type else edge.value
        if edge.kind == "tape":
            said += " (kept on a tape)"
        return (
            f'<g class="{classes}" id={quoteattr(self.id(edge.id))} {" ".join(data)}>'
            f"<title>{escape(said)}</title>"
            f'<path d="{path}" marker-end={quoteattr(f"url(#{arrow})")}/>'
            f"{self._value(edge, points, across)}</g>"
        )

    def _value(self, edge: Edge, points: Sequence[Point], across: bool) -> str:
        """The type of a value, once, where its first edge begins."""
        up = points[-1][1] < points[0][1]
        if edge.label:
            x, y = points[-1]
            y += 14 if up else -9
            return f'<text class="value" x="{x + 5:g}" y="{y:g}">{escape(edge.label)}</text>'
        said = "" if across else edge_label(edge, self.picture, self.named)
        if not said:
            return ""
        x, y = points[0]
        dy = -5.0 if up else 11.0
        return f'<text class="value" x="{x + 4:g}" y="{y + dy:g}">{escape(said)}</text>'


def _radius(vertex: Vertex, rect: Rect) -> float:
    return {"operation": 4.0, "line": 4.0, "check": 4.0}.get(vertex.kind, min(rect.h / 2, 13.0))


def _rect(r: Rect, radius: float) -> str:
    return f'<rect x="{r.x:g}" y="{r.y:g}" width="{r.w:g}" height="{r.h:g}" rx="{radius:g}"/>'


def _hexagon(r: Rect) -> str:
    a, b, c, d = r.x, r.x + 8, r.x + r.w - 8, r.x + r.w
    top, mid, low = r.y, r.y + r.h / 2, r.y + r.h
    path = f"M{a:g} {mid:g}L{b:g} {top:g}H{c:g}L{d:g} {mid:g}L{c:g} {low:g}H{b:g}z"
    return f'<path class="shape" d="{path}"/>'


def _curve(points: Sequence[Point]) -> str:
    """Straight where it goes down, an S where it also goes aside."""
    x, y = points[0]
    made = f"M{x:g} {y:g}"
    for k, (u, v) in enumerate(points[1:], 1):
        straight = u == x
        if not straight:
            half = round((y + v) / 2, 1)
            made += f"C{x:g} {half:g} {u:g} {half:g} {u:g} {v:g}"
        elif k + 1 == len(points) or points[k + 1][0] != x:
            made += f"V{v:g}"
        x, y = u, v
    return made


def _curve_across(points: Sequence[Point]) -> str:
    (x, y), (u, v) = points
    pull = round(max(30.0, abs(u - x) * 0.45), 1)
    if u < x:
        pull = -pull
    return f"M{x:g} {y:g}C{x + pull:g} {y:g} {u - pull:g} {v:g} {u:g} {v:g}"
