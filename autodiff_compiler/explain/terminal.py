"""A document on a terminal, set by rich: forward in one colour, backward in another."""

from __future__ import annotations

from typing import Any

from .document import Document, Heading, Lines, Source, Table

__all__ = ["has_rich", "print_rich"]

_COLOURS = {"forward": "cyan", "backward": "magenta", "result": "green", "": ""}


def has_rich() -> bool:
    from importlib.util import find_spec

    return find_spec("rich") is not None


def print_rich(document: Document, file: Any = None) -> None:
    from rich.console import Console

    console = Console(file=file, highlight=False, markup=False, emoji=False, force_terminal=True)
    for block in document:
        if isinstance(block, Heading):
            _heading(console, block)
        elif isinstance(block, Lines):
            _lines(console, block)
        else:
            _table(console, block)


def _heading(console: Any, block: Heading) -> None:
    from rich.text import Text

    console.print()
    if block.level == 1:
        console.rule(Text(block.text, style="bold"))
    else:
        colour = _COLOURS.get(block.text.lower(), "")
        console.print(Text(block.text, style=f"bold {colour}".strip()))


def _lines(console: Any, block: Lines) -> None:
    from rich.padding import Padding
    from rich.text import Text

    style = _COLOURS[block.role]
    for line in block.lines:
        console.print(Padding(Text(line, style=style), (0, 0, 0, 4 * block.indent)))
    if block.role == "result":
        console.print()


def _table(console: Any, block: Table) -> None:
    from rich import box
    from rich import table as rich_table
    from rich.padding import Padding
    from rich.text import Text

    colour = _COLOURS[block.role]
    made = rich_table.Table(box=box.SIMPLE_HEAD, border_style=colour or "dim", pad_edge=False)
    sources = any(isinstance(row, Source) for row in block.rows)
    if sources:
        made.add_column("line", style="dim", no_wrap=True)
    for k, title in enumerate(block.columns):
        # A name stays on one line; what is long is folded.
        made.add_column(
            Text(title), justify="right" if k in block.numeric else "left", no_wrap=k == 0,
            overflow="fold", style="bold" if k == 0 else "",
        )  # fmt: skip
    spare = max(0, len(block.columns) - 2)
    for row in block.rows:
        if isinstance(row, Source):
            made.add_row(
                Text(row.place.removeprefix("line ")), Text(""), Text(row.text, style=colour),
                *[""] * spare,
            )  # fmt: skip
        else:
            made.add_row(*[""] * sources, *map(Text, row.texts))
    console.print(Padding(made, (0, 0, 0, 4 * block.indent)))
