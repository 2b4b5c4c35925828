"""Everything that is said of a function's two graphs, as sections of tables and lines."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.graph import CONST, Node, walk
from ..ir.types import F32
from .measure import Times
from .recording import Place, Recording
from .twin import Twin

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["Call", "Section", "agrees", "sections", "as_text", "as_markdown"]

#: How far gradients may differ, relative to the largest entry: what rounding in another order gives.
TOLERANCE = {"f64": 1e-9, F32: 1e-4}
_MOST_NAMES = 16


@dataclass(frozen=True)
class Call:
    """One set of arguments on both sides. `shown`: the arguments as they were given; `times` and
    `memory`: PyTorch's, then ours; None where nothing was measured."""

    shown: str
    kernel: Kernel
    twin: Twin
    recording: Recording
    value: Any
    gradients: tuple[Any, ...]
    times: tuple[Times, Times] | None = None
    memory: tuple[int, int] | None = None


@dataclass(frozen=True)
class Section:
    """A heading, lines of prose or code, and a table whose first row is its head."""

    title: str
    table: list[list[str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    note: str = ""


def difference(call: Call, k: int) -> float:
    """The largest difference of gradient k, relative to its largest entry."""
    ours, theirs = np.asarray(call.gradients[k]), call.recording.gradients[k]
    # An infinity in the same place is no difference.
    apart = np.where(ours == theirs, 0.0, np.abs(ours - theirs))
    largest = float(np.max(np.abs(ours), initial=0.0))
    gap = float(np.max(apart, initial=0.0))
    return gap if not np.isfinite(largest) or largest == 0.0 else gap / largest


def agrees(call: Call) -> bool:
    """Do all gradients agree but for rounding?"""
    for k, leaf in enumerate(call.twin.wrt):
        dtype = call.twin.function.params[leaf].type.dtype
        if not difference(call, k) <= TOLERANCE[dtype]:
            return False
    return True


def sections(calls: Sequence[Call]) -> Iterator[Section]:
    yield _leaves(calls)
    yield _lines(calls)
    yield _graphs(calls)
    yield _agreement(calls)
    if calls[0].times is not None:
        yield _measured(calls)


# --- names ----------------------------------------------------------------------------------------


def _leaves(calls: Sequence[Call]) -> Section:
    """What PyTorch reports of each tensor, and what the static graph says of the value."""
    first = calls[0]
    rows = [["value", "is_leaf", "requires_grad", "grad_fn", "static graph"]]
    every = first.recording.seen
    for seen in every[:_MOST_NAMES]:
        what = "parameter" if seen.given else "computed"
        active = "active" if seen.active else "no derivative"
        told = [str(seen.is_leaf), str(seen.requires_grad), seen.grad_fn or "-"]
        rows.append([seen.name, *told, f"{what}, {active}"])
    left = len(every) - _MOST_NAMES
    note = f"and {left} more" if left > 0 else ""
    return Section("Leaves: what PyTorch reports after a call, what the graph here knows before any",
                   rows, note=note)  # fmt: skip


# --- lines ----------------------------------------------------------------------------------------


def _lines(calls: Sequence[Call]) -> Section:
    """The function, line by line, with what each line is in the static graph and in each dynamic one."""
    static = _static_ops(calls[0])
    places = set(static)
    for call in calls:
        places |= set(call.recording.by_line)
    out: list[str] = []
    for place in sorted(places):
        if out:
            out.append("")
        out.append(f"{_called(place):>6}  {_source(calls[0], place)}")
        out += _wrapped("static", _ops(static.get(place, Counter())))
        for k, call in enumerate(calls, 1):
            name = f"call {k}" if len(calls) > 1 else "dynamic"
            out += _wrapped(name, _recorded(call.recording, place))
    return Section("The graphs, line by line", lines=out)


def _static_ops(call: Call) -> dict[Place, Counter[str]]:
    function = call.twin.function
    found: dict[Place, Counter[str]] = {}
    for node in walk(function.block):
        if _is_work(node):
            file = node.span.filename
            own = "" if file == function.filename else os.path.basename(file)
            found.setdefault((own, node.span.lineno), Counter())[node.op.name] += 1
    return found


def _is_work(node: Node) -> bool:
    """PyTorch records no constants, sizes and integers, nor what compares these; no checks either."""
    if node.op.kind == "control":
        return True
    types = [v.type for v in (*node.operands, *node.results)]
    only_integers = all(getattr(t, "dtype", "") in ("i64", "i32", "bool") for t in types)
    sizes = bool(node.results) and all(v.type.dtype in ("i64", "i32") for v in node.results)
    return node.op is not CONST and node.op.kind != "check" and not only_integers and not sizes


def _called(place: Place) -> str:
    file, number = place
    return f"{file}:{number}" if file else str(number)


def _source(call: Call, place: Place) -> str:
    for node in walk(call.twin.function.block):
        span = node.span
        if span.lineno == place[1] and os.path.basename(span.filename) == (
            place[0] or os.path.basename(call.twin.function.filename)
        ):
            return span.line().rstrip()
    return ""


def _ops(ops: Counter[str]) -> str:
    return ", ".join(_times(name, count) for name, count in ops.items()) or "-"


def _recorded(recording: Recording, place: Place) -> str:
    nodes = recording.by_line.get(place, Counter())
    passes = recording.passes.get(place, 0)
    text = (
        ", ".join(_times(name, count) for name, count in nodes.items())
        or "nothing that leads to the result"
    )
    return f"{text}  (ran {passes} times)" if passes > 1 and nodes else text


def _times(name: str, count: int) -> str:
    return name if count == 1 else f"{name} x{count}"


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, 92, initial_indent=f"{'':8}{name:<9}", subsequent_indent=" " * 17,
        break_long_words=False,
    )  # fmt: skip


# --- figures --------------------------------------------------------------------------------------


def _heads(calls: Sequence[Call], first: str) -> list[str]:
    if len(calls) == 1:
        return [first, "PyTorch", "here"]
    return [first, *(f"PyTorch, call {k}" for k in range(1, len(calls) + 1)), "here, any call"]


def _graphs(calls: Sequence[Call]) -> Section:
    kernels = list(dict.fromkeys(c.kernel for c in calls))
    first = calls[0]
    work = sum(_is_work(n) for n in walk(first.twin.function.block))
    whole = sum(_is_work(n) for n in walk(first.kernel.program.function.block))
    static = "1, for all sizes" if len(kernels) == 1 else f"{len(kernels)}: the types differ"

    def row(name: str, each: Callable[[Call], object], here: object) -> list[str]:
        return [name, *(f"{each(c)}" for c in calls), f"{here}"]

    rows = [
        _heads(calls, "graph"),
        row("graphs", lambda c: "1 a call", static),
        row("nodes of the function", lambda c: c.recording.total, work),
        row("edges", lambda c: c.recording.edges, "-"),
        row("nodes on the longest way back", lambda c: c.recording.depth, "-"),
        row("nodes of value and gradient", lambda c: "walked, not built", whole),
        row("nodes created a call", lambda c: c.recording.created, 0),
    ]
    copied = [c.recording.nodes.get("CloneBackward0", 0) for c in calls]
    if any(copied) or first.twin.copies:
        rows.append([
            "copies made a call", *map(str, copied), str(_own_copies(first.twin)) + " in its text"
        ])  # fmt: skip
    note = (
        "Counted here: what PyTorch would record, and control flow; no sizes, integers, checks. PyTorch "
        "also creates nodes that lead nowhere, for what is only compared, say."
    )
    if first.twin.copies:
        places = "place" if first.twin.copies == 1 else "places"
        note += (
            f" {first.twin.copies} {places} in the twin copy a tensor that the dynamic graph keeps for its way "
            "back and that is written in place later; the function itself copies nothing there."
        )
    return Section("Two kinds of graph", rows, note=note)


def _own_copies(twin: Twin) -> int:
    return sum(node.op.name == "copy" for node in walk(twin.function.block))


def _agreement(calls: Sequence[Call]) -> Section:
    rows = [["call", "value or gradient", "PyTorch", "here", "relative difference"]]
    for number, call in enumerate(calls, 1):
        value = np.asarray(call.value)
        gap = abs(float(value) - float(call.recording.value))
        scale = abs(float(value))
        relative = gap / scale if scale and np.isfinite(scale) else gap
        rows.append([
            str(number), "value", _shown(np.asarray(call.recording.value)), _shown(value),
            f"{relative:.1e}",
        ])  # fmt: skip
        for k, leaf in enumerate(call.twin.wrt):
            theirs, ours = call.recording.gradients[k], np.asarray(call.gradients[k])
            rows.append([
                str(number), f"gradient by {call.twin.names[leaf]}", _shown(theirs), _shown(ours),
                f"{difference(call, k):.1e}",
            ])  # fmt: skip
    verdict = "" if all(map(agrees, calls)) else (
        "The gradients DIFFER. At kinks the conventions do: docs/static_and_dynamic.md has the table."
    )  # fmt: skip
    if len(calls) == 1:
        rows = [row[1:] for row in rows]
    return Section("Agreement", rows, note=verdict)


def _shown(x: Any) -> str:
    """A number; an array as its shape and its norm."""
    x = np.asarray(x)
    if x.ndim == 0:
        return f"{float(x):.12g}"
    shape = " x ".join(map(str, x.shape))
    return f"{shape}, norm {float(np.sqrt(np.sum(np.square(x, dtype=float)))):.6g}"


def _measured(calls: Sequence[Call]) -> Section:
    rows = [["call", "measured", "PyTorch", "here", "ratio"]]
    for number, call in enumerate(calls, 1):
        assert call.times is not None
        theirs, ours = call.times
        for name, a, b in (
            ("time, median", theirs.median, ours.median), ("time, least", theirs.least, ours.least),
        ):  # fmt: skip
            rows.append([str(number), name, _seconds(a), _seconds(b), _ratio(a, b)])
        if call.memory is not None:
            a, b = call.memory
            rows.append([str(number), "peak memory", _bytes(a), _bytes(b), _ratio(a, b)])
    if len(calls) == 1:
        rows = [row[1:] for row in rows]
    note = (
        "Value and gradient, both warm, in turns in one process; PyTorch on one thread, its tensors made "
        "beforehand. Memory: what a call holds at most beyond its arguments; of PyTorch, tensors alone, "
        "without the graph's nodes. A kernel here asks for its work in pieces of 64 KiB and more."
    )
    return Section("Measured", rows, note=note)


def _ratio(a: float, b: float) -> str:
    return "-" if not b else f"{a / b:.0f}" if a >= 10 * b else f"{a / b:.2g}"


def _seconds(t: float) -> str:
    return f"{t * 1e6:.3g} us" if t < 1e-3 else f"{t * 1e3:.3g} ms" if t < 1 else f"{t:.3g} s"


def _bytes(n: int) -> str:
    return f"{n} B" if n < 10_000 else f"{n / 1024:.0f} KiB" if n < 1e7 else f"{n / 2**20:.0f} MiB"


# --- text -----------------------------------------------------------------------------------------


def as_text(heading: str, found: Sequence[Section], color: bool = False) -> str:
    bold, faint, plain = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if color else ("", "", "")
    out = [f"{bold}{line}{plain}" if k == 0 else line for k, line in enumerate(heading.split("\n"))]
    for section in found:
        out += ["", f"{bold}{section.title}{plain}", ""]
        if section.table:
            head, *rows = _aligned(section.table)
            out.append(f"  {faint}{head}{plain}")
            out += [f"  {row}" for row in rows]
        out += section.lines
        if section.note:
            out += [f"  {line}" for line in textwrap.wrap(section.note, 90)]
    return "\n".join(line.rstrip() for line in out) + "\n"


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table)]
    return ["   ".join(f"{cell:<{w}}" for cell, w in zip(row, widths)) for row in table]


def as_markdown(heading: str, found: Sequence[Section]) -> str:
    first, *rest = heading.split("\n")
    out = [f"# {first}", *(("", *rest) if rest else ())]
    for section in found:
        out += ["", f"## {section.title}", ""]
        if section.table:
            head, *rows = [[cell.replace("|", "\\|") for cell in row] for row in section.table]
            out += [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
        if section.lines:
            out += ["```text", *section.lines, "```"]
        if section.note:
            out += ["", section.note]
    return "\n".join(line.rstrip() for line in out) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
