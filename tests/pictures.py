"""What holds for the SVG of every picture, read back as XML."""

import re
import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def parsed(text):
    return ET.fromstring(text)


def by_class(root, name):
    return [g for g in root.iter(f"{SVG}g") if name in g.get("class", "").split()]


def box(group):
    """(left, top, right, bottom) of a group's first shape."""
    rect = group.find(f"{SVG}rect")
    if rect is not None:
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        return x, y, x + w, y + h
    return _hexagon(group.find(f"{SVG}path").get("d"))


def _hexagon(path):
    left, middle, _, top, right, *rest = map(float, _NUMBER.findall(path))
    return left, top, rest[0], 2 * middle - top


def ends(path):
    """The first and the last point of an edge's path."""
    at, points = None, []
    for command, text in re.findall(r"([MVHC])([^MVHC]*)", path):
        numbers = [float(n) for n in _NUMBER.findall(text)]
        if command == "V":
            at = (at[0], numbers[-1])
        elif command == "H":
            at = (numbers[-1], at[1])
        else:
            at = tuple(numbers[-2:])
        points.append(at)
    return points[0], points[-1]


def on_border(point, rect, slack=0.6):
    (x, y), (left, top, right, bottom) = point, rect
    inside = left - slack <= x <= right + slack and top - slack <= y <= bottom + slack
    beside = min(abs(x - left), abs(x - right), abs(y - top), abs(y - bottom))
    return inside and beside <= slack


def faults(graph):
    """Everything that is wrong with a picture's SVG."""
    root = parsed(graph.svg())
    picture = graph.picture
    found = []
    groups = {g.get("id"): g for g in root.iter(f"{SVG}g") if g.get("id")}
    ids = [g.get("id") for g in root.iter() if g.get("id")]
    if len(ids) != len(set(ids)):
        found.append("an id stands twice")
    boxes = {}
    for kind in ("node", "region"):
        for group in by_class(root, kind):
            if group.get("id"):
                boxes[group.get("id").removeprefix(picture.prefix + "-")] = box(group)
                if group.find(f"{SVG}title") is None:
                    found.append(f"{group.get('id')} has no tooltip")
    found += _misplaced(picture.body.items, boxes, None)
    for edge in picture.edges:
        group = groups[f"{picture.prefix}-{edge.id}"]
        if (group.get("data-source"), group.get("data-target")) != (edge.source, edge.target):
            found.append(f"{edge.id} says other ends than it has")
        if edge.value and group.get("data-value") != edge.value:
            found.append(f"{edge.id} does not name its value")
        first, last = ends(group.find(f"{SVG}path").get("d"))
        if not on_border(first, boxes[edge.source]):
            found.append(f"{edge.id} begins at {first}, off {boxes[edge.source]}")
        if not on_border(last, boxes[edge.target]):
            found.append(f"{edge.id} ends at {last}, off {boxes[edge.target]}")
    return found


def _misplaced(items, boxes, around):
    """Boxes that overlap their neighbours or leave the region around them."""
    found = []
    for k, item in enumerate(items):
        mine = boxes[item.id]
        if around is not None and not _within(mine, around):
            found.append(f"{item.id} leaves its region")
        found += [
            f"{item.id} overlaps {other.id}"
            for other in items[:k]
            if _overlap(mine, boxes[other.id])
        ]
        if hasattr(item, "items"):
            found += _misplaced(item.items, boxes, mine)
    return found


def _within(a, b):
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


def _overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
