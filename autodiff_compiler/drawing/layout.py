"""Where everything of a picture stands: levels inside levels, and two sweeps side by side.

Regions are laid out from the inside out. Where an edge enters or leaves a region it has a port on
the upper or lower side; its way is put together from the routes of all the levels that it crosses.
With two sweeps the forward one runs down at the left and the backward one up at the right, so that
a value and its adjoint stand at about the same height.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .layers import Box, Level, Link, Point
from .model import BACKWARD, FORWARD, Edge, Picture, Region, Vertex
from .texts import edge_label

LETTER, LETTER_SMALL, LETTER_LABEL = 7.25, 5.7, 5.4
ROW_HEIGHT, PAD = 16.0, 14.0
LOOP_PAD = 30.0
COLUMN_GAP = 110.0


@dataclass
class Rect:
    x: float
    y: float
    w: float
    h: float

    def moved(self, dx: float, dy: float) -> Rect:
        return Rect(round(self.x + dx, 1), round(self.y + dy, 1), self.w, self.h)


@dataclass
class Layout:
    """`rects` by the id of a vertex or region, `paths` by the id of an edge. `across`: edges between
    the two sweeps, which are drawn as one curve. `upward`: ids of what flows up."""

    width: float = 0.0
    height: float = 0.0
    rects: dict[str, Rect] = field(default_factory=dict)
    paths: dict[str, list[Point]] = field(default_factory=dict)
    across: dict[str, list[Point]] = field(default_factory=dict)
    upward: set[str] = field(default_factory=set)


def header_height(region: Region) -> float:
    return 12.0 + ROW_HEIGHT + 14.0 * len(region.notes)


def vertex_size(vertex: Vertex) -> tuple[float, float]:
    widest = max(map(len, vertex.rows), default=1) * LETTER
    widest = max(widest, len(vertex.caption) * LETTER_SMALL)
    caption = 13.0 if vertex.caption else 0.0
    return round(max(30.0, widest + 18.0), 1), ROW_HEIGHT * len(vertex.rows) + 10.0 + caption


def lay_out(picture: Picture) -> Layout:
    """The layout of a picture, the same for the same picture."""
    if not picture.two_sweeps:
        return _Column(picture, picture.body.items, False).layout()
    sides = {
        role: _Column(picture, [i for i in picture.body.items if i.role == role], role == BACKWARD)
        for role in (FORWARD, BACKWARD)
    }
    return _side_by_side(picture, sides[FORWARD].layout(), sides[BACKWARD].layout())


def _side_by_side(picture: Picture, down: Layout, up: Layout) -> Layout:
    """The two sweeps meet at their lower ends."""
    height = max(down.height, up.height)
    made = Layout(down.width + COLUMN_GAP + up.width, height)
    for part, dx, dy in (
        (down, 0.0, 0.0),
        (up, down.width + COLUMN_GAP, height - up.height),
    ):
        made.rects.update((k, r.moved(dx, dy)) for k, r in part.rects.items())
        for key, path in part.paths.items():
            made.paths[key] = [(round(x + dx, 1), round(y + dy, 1)) for x, y in path]
        made.upward |= part.upward
    for edge in picture.edges:
        if edge.id not in made.paths:
            made.across[edge.id] = _crossing(made.rects[edge.source], made.rects[edge.target])
    return made


def _crossing(a: Rect, b: Rect) -> list[Point]:
    """From a side of one box to the facing side of another."""
    if a.x > b.x:
        return [(a.x, a.y + a.h / 2), (b.x + b.w, b.y + b.h / 2)]
    return [(round(a.x + a.w, 1), a.y + a.h / 2), (b.x, b.y + b.h / 2)]


class _Column:
    """Items that flow one way, with the regions inside them."""

    def __init__(self, picture: Picture, items: Sequence[Vertex | Region], upward: bool):
        self.items = items
        self.upward = upward
        self.level: dict[str, Level] = {}
        self.inner: dict[str, tuple[float, float]] = {}
        #: the regions around each item, outermost first; "" is the column itself
        self.around: dict[str, tuple[str, ...]] = {}
        self.region: dict[str, Region] = {}
        self._note(items, ("",))
        inside = set(self.around)
        self.edges = [e for e in picture.edges if e.source in inside and e.target in inside]
        self.links: dict[str, dict[Link, None]] = {}
        self.ins: dict[str, dict[str, None]] = {}
        self.outs: dict[str, dict[str, None]] = {}
        self.ways: dict[str, list[tuple[str, Link]]] = {}
        #: how long the labels are of the values that leave each box
        self.labels: dict[str, dict[str, int]] = {}
        for edge in self.edges:
            said = edge_label(edge, picture, set())
            self.labels.setdefault(edge.source, {})[edge.value] = len(said)
        for edge in self.edges:
            self._enter(edge)

    def _note(self, items: Iterable[Vertex | Region], around: tuple[str, ...]) -> None:
        for item in items:
            self.around[item.id] = around
            if isinstance(item, Region):
                self.region[item.id] = item
                self._note(item.items, (*around, item.id))

    def _enter(self, edge: Edge) -> None:
        """The links that an edge is made of, one per level that it crosses."""
        key = f"{edge.source} {edge.value}"
        source = (*self.around[edge.source], edge.source)
        target = (*self.around[edge.target], edge.target)
        common = 0
        while source[common] == target[common]:
            common += 1
        way = []
        for k in range(len(source) - 2, common - 1, -1):
            # Out of region source[k], from what holds the source inside it.
            port = f"out {source[k]} {key}"
            self.outs.setdefault(source[k], {})[port] = None
            way.append((source[k], Link(source[k + 1], port, key)))
        way.append((source[common - 1], Link(source[common], target[common], key)))
        for k in range(common, len(target) - 1):
            port = f"in {target[k]} {key}"
            self.ins.setdefault(target[k], {})[port] = None
            way.append((target[k], Link(port, target[k + 1], key)))
        for place, link in way:
            self.links.setdefault(place, {})[link] = None
        self.ways[edge.id] = way

    def layout(self) -> Layout:
        w, h = self._arrange("", self.items)
        made = Layout(w, h)
        self._collect("", self.items, 0.0, 0.0, made)
        for edge in self.edges:
            made.paths[edge.id] = self._path(edge, made)
        if self.upward:
            self._turn(made)
        return made

    # -- sizes, from the inside out -----------------------------------------------------------------

    def _arrange(self, place: str, items: Iterable[Vertex | Region]) -> tuple[float, float]:
        """Lays out one level; gives the size of what it holds."""
        boxes = [Box(port, 2.0, 0.0, end="first") for port in self.ins.get(place, ())]
        for item in items:
            if isinstance(item, Vertex):
                w, h = vertex_size(item)
                boxes.append(Box(item.id, max(w, self._label_room(item)), h))
                continue
            self._arrange(item.id, item.items)
            boxes.append(self._region_box(item))
        boxes += [Box(port, 2.0, 0.0, end="last") for port in self.outs.get(place, ())]
        level = self.level[place] = Level(boxes, self.links.get(place, {}))
        return level.width, level.height

    def _label_room(self, vertex: Vertex) -> float:
        """How wide a box must be for the labels of its values to stand side by side."""
        labels = self.labels.get(vertex.id, {})
        if len(labels) < 2:
            return 0.0
        return round((len(labels) + 1) * (max(labels.values()) * LETTER_LABEL + 12.0), 1)

    def _region_box(self, region: Region) -> Box:
        level = self.level[region.id]
        left, top = self._margins(region)
        words = max(
            len(region.title) * LETTER, *(len(n) * LETTER_SMALL for n in region.notes or "-")
        )
        w = max(left + level.width + PAD, words + 2 * PAD)
        box = Box(region.id, round(w, 1), round(level.height + header_height(region) + 2 * PAD, 1))
        for kind, ports, sides in (
            ("in", self.ins, box.inlets), ("out", self.outs, box.outlets),
        ):  # fmt: skip
            for port in ports.get(region.id, ()):
                key = port.removeprefix(f"{kind} {region.id} ")
                sides[key] = left + level.boxes[port].x + 1.0
        return box

    def _margins(self, region: Region) -> tuple[float, float]:
        """Where inside a region its level begins. The header is above, so below when turned."""
        left = LOOP_PAD if region.carried else PAD
        return left, PAD if self.upward else PAD + header_height(region)

    # -- places, from the outside in ----------------------------------------------------------------

    def _collect(
        self, place: str, items: Iterable[Vertex | Region], dx: float, dy: float, made: Layout
    ) -> None:
        self.inner[place] = (dx, dy)
        for item in items:
            box = self.level[place].boxes[item.id]
            made.rects[item.id] = Rect(round(box.x + dx, 1), round(box.y + dy, 1), box.w, box.h)
            if isinstance(item, Region):
                left, top = self._margins(item)
                self._collect(item.id, item.items, dx + box.x + left, dy + box.y + top, made)

    def _path(self, edge: Edge, made: Layout) -> list[Point]:
        points: list[Point] = []
        for place, link in self.ways[edge.id]:
            dx, dy = self.inner[place]
            route = [
                (round(x + dx, 1), round(y + dy, 1)) for x, y in self.level[place].routes[link]
            ]
            points += [p for p in route if not points or p != points[-1]]
        return points

    def _turn(self, made: Layout) -> None:
        """Upside down, so that it flows up."""
        for rect in made.rects.values():
            rect.y = round(made.height - rect.y - rect.h, 1)
        for key, path in made.paths.items():
            made.paths[key] = [(x, round(made.height - y, 1)) for x, y in path]
        made.upward = set(self.around)
