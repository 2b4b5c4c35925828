"""Pictures of functions of the IR: SVG, DOT, Mermaid and plain text.

    from autodiff_compiler.drawing import graph

    g = graph(function)          # a function of the IR: `kernel.program.function`, for example
    g.svg()                      # one <svg> element, to stand alone or in a page
    g.dot(), g.mermaid(), str(g)
    g.picture                    # the model: regions, vertices, edges (see `drawing.model`)

`kernel.graph(stage="adjoint")` does this for a compiled function and is what most callers want. In
the SVG each box and each edge has `data-value`, the name under which `kernel.ir` prints its value
(boxes `data-values` too: all that are computed in them), so that a page's script can find a value's
box with `querySelector('.node[data-values~="z"]')` and its edges with `.edge[data-value="z"]`;
`drawing.svg` lists all attributes. The same function gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..ir.graph import Function
from .build import draw
from .dot import dot
from .mermaid import mermaid
from .model import Picture
from .svg import svg
from .texts import text

__all__ = ["DETAILS", "FORMATS", "Graph", "graph"]

DETAILS = ("auto", "operations", "lines")
#: The writers, by what one calls their formats.
FORMATS = {"svg": svg, "dot": dot, "mermaid": mermaid, "text": text}


class Graph:
    """A drawn function. In a notebook it shows itself."""

    def __init__(self, picture: Picture):
        self.picture = picture

    def write(self, format: str) -> str:
        """The picture in one of `FORMATS`."""
        return FORMATS[format](self.picture)

    def svg(self) -> str:
        """One <svg> element."""
        return svg(self.picture)

    def dot(self) -> str:
        """For Graphviz."""
        return dot(self.picture)

    def mermaid(self) -> str:
        """For Markdown."""
        return mermaid(self.picture)

    def __str__(self) -> str:
        return text(self.picture)

    def __repr__(self) -> str:
        picture = self.picture
        count = sum(1 for _ in picture.body.vertices())
        return (
            f"<graph of {picture.name}: {picture.stage}, {count} boxes, {len(picture.edges)} edges>"
        )

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto;max-width:100%">{self.svg()}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook stores: HTML (with tooltips), an image for viewers without, text."""
        return {
            "text/html": self._repr_html_(), "image/svg+xml": self.svg(), "text/plain": repr(self),
        }  # fmt: skip


def graph(
    function: Function, *, name: str = "", stage: str = "", detail: str = "auto",
    leaves: Iterable[int] = (), outputs: Sequence[str] = (), signature: str = "",
    arguments: int | None = None,
) -> Graph:  # fmt: skip
    """The picture of a function: see `drawing.build.draw` for the arguments."""
    if detail not in DETAILS:
        raise ValueError(f"detail is one of {', '.join(DETAILS)}, not {detail!r}")
    return Graph(
        draw(
            function, name=name, stage=stage, detail=detail, leaves=leaves, outputs=outputs,
            signature=signature, arguments=arguments,
        )
    )  # fmt: skip
