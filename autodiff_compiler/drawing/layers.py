"""A layered layout of one level: boxes in rows, links as curves that keep clear of boxes.

The usual four steps (Sugiyama, Tagawa, Toda 1981): rows by longest path, placeholders where a link
passes a row, an order in each row by medians, then positions. All links of one value share their
placeholders, so that a value with many readers is a trunk with branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

#: Between rows, between boxes of a row, and how much room a passing link takes.
ROW_GAP, BOX_GAP, LINK_ROOM = 34.0, 26.0, 12.0
_SWEEPS = 12

Point = tuple[float, float]


@dataclass
class Box:
    """Something to be placed. `ports`: where on its upper and lower side the links of a key end,
    counted from its left; others are spread by the layout. `end`: "first" or "last" row."""

    id: str
    w: float
    h: float
    inlets: dict[str, float] = field(default_factory=dict)
    outlets: dict[str, float] = field(default_factory=dict)
    end: str = ""
    x: float = 0.0
    y: float = 0.0
    row: int = 0


@dataclass(frozen=True)
class Link:
    """From a box to another. Links of one source and key share their way."""

    source: str
    target: str
    key: str


class _Spot:
    """A box, or a placeholder, in its row."""

    __slots__ = ("box", "w", "x", "row", "above", "below", "index", "order")

    def __init__(self, box: Box | None, w: float, row: int, index: int):
        self.box = box
        self.w = w
        self.x = 0.0
        self.row = row
        self.index = index
        self.order = 0
        #: (neighbour, where on this spot, where on the neighbour, weight)
        self.above: list[tuple[_Spot, str, float]] = []
        self.below: list[tuple[_Spot, str, float]] = []

    def outlet(self, key: str) -> float:
        return self.box.outlets.get(key, self.w / 2) if self.box else self.w / 2

    def inlet(self, key: str) -> float:
        return self.box.inlets.get(key, self.w / 2) if self.box else self.w / 2


class Level:
    """One level, laid out: its boxes have places, `routes` has a list of points per link.

    A route goes straight down within rows and bends only between them.
    """

    def __init__(self, boxes: Sequence[Box], links: Iterable[Link], gap: float = ROW_GAP):
        self.boxes = {b.id: b for b in boxes}
        self.links = list(dict.fromkeys(links))
        self.gap = gap
        self.routes: dict[Link, list[Point]] = {}
        self.width = self.height = 0.0
        if boxes:
            self._rows()
            self._spots()
            self._order()
            self._place()
            self._spread()
            self._heights()
            self._route()

    # -- rows ---------------------------------------------------------------------------------------

    def _rows(self) -> None:
        into: dict[str, list[str]] = {b: [] for b in self.boxes}
        outof: dict[str, list[str]] = {b: [] for b in self.boxes}
        for link in self.links:
            into[link.target].append(link.source)
            outof[link.source].append(link.target)
        order = _topological(list(self.boxes), into, outof)
        base = 1 if any(b.end == "first" for b in self.boxes.values()) else 0
        for name in order:
            box = self.boxes[name]
            behind = [self.boxes[s].row + 1 for s in into[name]]
            box.row = 0 if box.end == "first" else max([base, *behind])
        for name in reversed(order):
            # What nothing leads to stands just above its first reader.
            box = self.boxes[name]
            readers = [self.boxes[t].row for t in outof[name]]
            if not into[name] and readers and not box.end:
                box.row = max(base, min(readers) - 1)
        inner = [b.row for b in self.boxes.values() if b.end != "last"]
        for box in self.boxes.values():
            if box.end == "last":
                box.row = max(inner, default=0) + 1
        used = sorted({b.row for b in self.boxes.values()})
        for box in self.boxes.values():
            box.row = used.index(box.row)

    def _spots(self) -> None:
        count = 1 + max(b.row for b in self.boxes.values())
        self.rows: list[list[_Spot]] = [[] for _ in range(count)]
        self.spot: dict[str, _Spot] = {}
        self.through: dict[tuple[str, str], dict[int, _Spot]] = {}
        index = 0
        for box in self.boxes.values():
            spot = self.spot[box.id] = _Spot(box, box.w, box.row, index)
            self.rows[box.row].append(spot)
            index += 1
        for link in self.links:
            chain = self.through.setdefault((link.source, link.key), {})
            before = self.spot[link.source]
            target = self.spot[link.target]
            for row in range(before.row + 1, target.row):
                if row not in chain:
                    chain[row] = _Spot(None, LINK_ROOM, row, index)
                    index += 1
                    self.rows[row].append(chain[row])
                    _join(before, chain[row], link.key)
                before = chain[row]
            _join(before, target, link.key)

    # -- order --------------------------------------------------------------------------------------

    def _order(self) -> None:
        for row in self.rows:
            row.sort(key=lambda s: s.index)
            _number(row)
        best, fewest = self._orders(), self._crossings()
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for row in self.rows if down else reversed(self.rows):
                keys = {s: _middle(s, s.above if down else s.below) for s in row}
                row.sort(key=lambda s: (keys[s], s.order))
                _number(row)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = self._orders(), crossings
        for row, order in zip(self.rows, best):
            row[:] = order
            _number(row)

    def _orders(self) -> list[list[_Spot]]:
        return [list(row) for row in self.rows]

    def _crossings(self) -> int:
        found = 0
        for row in self.rows[:-1]:
            ends: list[float] = []
            for spot in row:
                mine = sorted(_at(other, other.inlet(key)) for other, key, _ in spot.below)
                for end in mine:
                    found += sum(e > end for e in ends)
                ends += mine
        return found

    # -- positions ----------------------------------------------------------------------------------

    def _place(self) -> None:
        for row in self.rows:
            x = 0.0
            for spot in row:
                spot.x = x
                x += spot.w + BOX_GAP
        for sweep in range(16):
            down = sweep % 2 == 0
            for row in self.rows if down else reversed(self.rows):
                both = sweep >= 12
                wanted = []
                for spot in row:
                    pull = [
                        (o.x + o.outlet(k) - spot.inlet(k), w) for o, k, w in spot.above
                    ] if down or both else []  # fmt: skip
                    if not down or both:
                        pull += [(o.x + o.inlet(k) - spot.outlet(k), w) for o, k, w in spot.below]
                    total = sum(w for _, w in pull)
                    if pull:
                        wanted.append((sum(x * w for x, w in pull) / total, total))
                    else:
                        wanted.append((self._beside(row, spot), 0.01))
                _settle(row, wanted)
        left = min(s.x for row in self.rows for s in row)
        for row in self.rows:
            for spot in row:
                spot.x = round(spot.x - left, 1)
                if spot.box:
                    spot.box.x = spot.x
        self.width = max(s.x + s.w for row in self.rows for s in row)

    @staticmethod
    def _beside(row: Sequence[_Spot], spot: _Spot) -> float:
        """Where a spot stands that nothing pulls: where it is, or next to the one before it."""
        if not spot.order or spot.above or spot.below:
            return spot.x
        before = row[spot.order - 1]
        return before.x + before.w + BOX_GAP

    def _spread(self) -> None:
        """Gives the links of a box their places along its sides, in the order of where they go."""
        for spot in self.spot.values():
            assert spot.box is not None
            box = spot.box
            ends = [
                (o.x + o.outlet(k), k, o.index) for o, k, _ in spot.above if k not in box.inlets
            ]
            for n, (_, key, _) in enumerate(sorted(ends)):
                box.inlets[key] = round(box.w * (n + 1) / (len(ends) + 1), 1)
            starts: dict[str, list[float]] = {}
            for o, k, _ in spot.below:
                if k not in box.outlets:
                    starts.setdefault(k, []).append(o.x + o.inlet(k))
            keys = sorted(starts, key=lambda k: (sum(starts[k]) / len(starts[k]), k))
            for n, key in enumerate(keys):
                box.outlets[key] = round(box.w * (n + 1) / (len(keys) + 1), 1)

    def _heights(self) -> None:
        y = 0.0
        self.top: list[float] = []
        self.bottom: list[float] = []
        for row in self.rows:
            height = max((s.box.h for s in row if s.box), default=0.0)
            self.top.append(round(y, 1))
            self.bottom.append(round(y + height, 1))
            for spot in row:
                if spot.box:
                    spot.box.y = round(y, 1)
            ports = all(s.box is not None and s.box.h == 0 for s in row)
            y += height + (self._reach(row) if not ports else self._reach(row) * 0.55)
        self.height = self.bottom[-1]

    def _reach(self, row: Sequence[_Spot]) -> float:
        """The room below a row: more where links go far aside."""
        far = 0.0
        for spot in row:
            for other, key, _ in spot.below:
                far = max(far, abs(spot.x + spot.outlet(key) - other.x - other.inlet(key)))
        return self.gap + min(60.0, far * 0.06)

    def _route(self) -> None:
        for link in self.links:
            spot, target = self.spot[link.source], self.spot[link.target]
            assert spot.box is not None and target.box is not None
            x = spot.x + spot.outlet(link.key)
            points = [(x, spot.box.y + spot.box.h), (x, self.bottom[spot.row])]
            chain = self.through[link.source, link.key]
            for row in range(spot.row + 1, target.row):
                x = chain[row].x + LINK_ROOM / 2
                points += [(x, self.top[row]), (x, self.bottom[row])]
            x = target.x + target.inlet(link.key)
            points.append((x, target.box.y))
            self.routes[link] = [(round(a, 1), round(b, 1)) for a, b in points]


def _topological(
    names: Sequence[str], into: dict[str, list[str]], outof: dict[str, list[str]]
) -> list[str]:
    """The names so that links lead forward, otherwise in their own order."""
    waiting = {n: len(into[n]) for n in names}
    place = {n: k for k, n in enumerate(names)}
    ready = [n for n in names if not waiting[n]]
    found = []
    while ready:
        ready.sort(key=place.__getitem__)
        name = ready.pop(0)
        found.append(name)
        for other in outof[name]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    if len(found) != len(names):
        raise ValueError("the links of a level go round in a circle")
    return found


def _join(above: _Spot, below: _Spot, key: str) -> None:
    weight = 4.0 if above.box is None and below.box is None else 1.0
    if all(o is not below or k != key for o, k, _ in above.below):
        above.below.append((below, key, weight))
        below.above.append((above, key, weight))


def _number(row: Sequence[_Spot]) -> None:
    for k, spot in enumerate(row):
        spot.order = k


def _at(spot: _Spot, offset: float) -> float:
    """Where in its row a link ends, for counting crossings."""
    return spot.order + offset / (spot.w + 1.0)


def _middle(spot: _Spot, neighbours: Sequence[tuple[_Spot, str, float]]) -> float:
    """The middle of the neighbours' places; without any, the spot's own."""
    if not neighbours:
        return float(spot.order)
    upper = neighbours is spot.above
    places = sorted(_at(o, o.outlet(k) if upper else o.inlet(k)) for o, k, _ in neighbours)
    half = len(places) // 2
    if len(places) % 2:
        return places[half]
    return (places[half - 1] + places[half]) / 2


def _settle(row: Sequence[_Spot], wanted: Sequence[tuple[float, float]]) -> None:
    """Moves a row's spots as near to where they want to be as their order and sizes allow.

    The least weighted squares under x[k + 1] >= x[k] + distance, by pooling neighbours in conflict.
    """
    shift = 0.0
    pools: list[list[float]] = []  # mean, weight, how many
    shifts = []
    for k, (spot, (x, weight)) in enumerate(zip(row, wanted)):
        if k:
            before = row[k - 1]
            narrow = before.box is None and spot.box is None
            shift += before.w + (LINK_ROOM / 2 if narrow else BOX_GAP)
        shifts.append(shift)
        pools.append([x - shift, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, heavy, many = pools.pop()
            last = pools[-1]
            last[0] = (last[0] * last[1] + mean * heavy) / (last[1] + heavy)
            last[1] += heavy
            last[2] += many
    k = 0
    for mean, _, many in pools:
        for _ in range(int(many)):
            row[k].x = mean + shifts[k]
            k += 1
