"""What a picture consists of: vertices, edges, and the regions of loops and branches that nest.

Every id is stable: it is made from the name under which `ir.show` prints a value, so that a page's
script (or a reader) finds a value of the printed program in the picture, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import NO_SPAN, Span

FORWARD, BACKWARD = "forward", "backward"


@dataclass(frozen=True)
class Vertex:
    """One box of the picture.

    kind     input, leaf (an input by which one differentiates), output, operation, line (the
             operations of one source line), check, predicate, counter, entry and exit (of a value
             that a loop carries), merge (of what comes by either branch)
    rows     the text in the box; `caption`: a smaller row above it
    value    the printed name of the value that it stands for; empty if there is none
    values   all that are computed in it, `value` included
    """

    id: str
    kind: str
    rows: tuple[str, ...]
    role: str = FORWARD
    value: str = ""
    values: tuple[str, ...] = ()
    type: str = ""
    span: Span = NO_SPAN
    caption: str = ""


@dataclass(frozen=True)
class Region:
    """A loop, a branch, one arm of a branch, or the whole function (`kind` "function").

    title    its header as one would write it: "for i in range(n)", "while abs(step) > 1e-12"
    notes    rows under the title: how often it runs, which values it carries
    carried  the printed names of the values that go round a loop
    """

    id: str
    kind: str
    title: str
    items: tuple[Vertex | Region, ...]
    role: str = FORWARD
    notes: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    span: Span = NO_SPAN

    def vertices(self) -> Iterator[Vertex]:
        for item in self.items:
            if isinstance(item, Vertex):
                yield item
            else:
                yield from item.vertices()

    def regions(self) -> Iterator[Region]:
        """The regions inside this one, at any depth, outer ones first."""
        for item in self.items:
            if isinstance(item, Region):
                yield item
                yield from item.regions()


@dataclass(frozen=True)
class Edge:
    """A value on its way. `kind`: data; tape (kept by the forward sweep for the backward one);
    choice (from a predicate to an arm or a merge; `label` says which way). `name`: the user's name for
    the value; `plain`: the box that it comes from shows just that name."""

    id: str
    source: str
    target: str
    value: str
    type: str = ""
    role: str = FORWARD
    kind: str = "data"
    label: str = ""
    name: str = ""
    plain: bool = False


@dataclass(frozen=True)
class Picture:
    """A whole picture: `name` of the function, `stage`, `detail` ("operations" or "lines").

    `dims`: what letters in shapes stand for, as rows for the legend.
    """

    name: str
    stage: str
    detail: str
    filename: str
    body: Region
    edges: tuple[Edge, ...]
    dims: tuple[str, ...] = ()
    signature: str = ""

    @property
    def prefix(self) -> str:
        """What ids in a page begin with, so that two pictures may stand on one."""
        return f"{self.name}-{self.stage}"

    @property
    def two_sweeps(self) -> bool:
        roles = {item.role for item in self.body.items}
        return roles == {FORWARD, BACKWARD}
