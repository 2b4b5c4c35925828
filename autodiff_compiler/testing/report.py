"""A gradient held to all its references at one place, as a table: what the command `check` prints."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .checks import Table, _difference_bound, _dual_bound, _largest
from .oracles import argument_numbers, grad_dual, grad_numeric, is_float_leaf, leaves

__all__ = ["Cell", "Report", "Row", "gradient_report"]

#: Differences whose own error is a larger part of the gradient than this say nothing.
_ROUGH = 1e-3
DUAL, DIFFERENCES, OTHER = "dual numbers", "differences", "other back end"


@dataclass(frozen=True)
class Cell:
    """One comparison. `status`: "ok", "wrong" or "none" (there is nothing to compare with).

    `error`: the largest difference, as a part of the gradient's largest entry (or of 1e-5, if that
    is larger). `entries`: what differs, as (index, ours, reference).
    """

    status: str
    error: float = 0.0
    entries: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Row:
    """One argument: its number, how many numbers it holds, and its comparisons by column."""

    argument: int
    count: int
    cells: dict[str, Cell]

    @property
    def verdict(self) -> str:
        """ "wrong" if any comparison fails, "unchecked" if no independent reference says anything."""
        if any(cell.status == "wrong" for cell in self.cells.values()):
            return "wrong"
        if all(self.cells[name].status == "none" for name in (DUAL, DIFFERENCES)):
            return "unchecked"
        return "ok"


@dataclass
class Report:
    """`backends`: those that were run, the one under test first. `notes`: what is missing, and why."""

    backends: tuple[str, ...]
    value: float
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Every argument is held to an independent reference, and all comparisons agree."""
        return bool(self.rows) and all(row.verdict == "ok" for row in self.rows)


def gradient_report(
    f: Callable[..., Any], args: Sequence[Any], argnums: Any = 0, *, rtol: float | None = None,
    has_aux: bool = False,
) -> Report:  # fmt: skip
    """The gradient of `f` at `args` next to dual numbers, differences and the other back end.

    `rtol` is that of `check_grads`; by default 1e-7, and 1e-4 where an argument holds float32.
    A reference that cannot be computed is noted and leaves its cells empty; an argument that neither
    dual numbers nor differences can be computed for is unchecked, and the report is not `ok`.

    Raises what compiling raises (CompileError, TypeError), and what `f` raises at `args`.
    """
    f = getattr(f, "primal", f)
    args = tuple(args)
    numbers = tuple(argument_numbers(f, argnums))
    single = (lambda *a: f(*a)[0]) if has_aux else f
    with np.errstate(all="ignore"):
        value = float(single(*copy.deepcopy(args)))
    rtol = rtol or (1e-4 if any(map(_is_f32, leaves(list(args)))) else 1e-7)
    ours, other, notes, backends = _compiled(f, args, numbers, has_aux)
    report = Report(backends, value, notes=notes)
    duals = _try(lambda: grad_dual(f, args, numbers, has_aux=has_aux), DUAL, report.notes)
    slopes = _try(lambda: grad_numeric(single, args, numbers), DIFFERENCES, report.notes)
    for k, number in enumerate(numbers):
        cells = {
            DUAL: _against(ours[k], None if duals is None else duals[k], rtol),
            DIFFERENCES: _differences(ours[k], slopes, k, rtol),
            OTHER: _against(ours[k], None if other is None else other[k], rtol * 1e-3),
        }
        count = sum(np.size(x) for x in leaves(args[number]) if is_float_leaf(x))
        report.rows.append(Row(number, count, cells))
        if slopes is not None and cells[DIFFERENCES].status == "none":
            report.notes.append(f"{DIFFERENCES}: too rough to say anything about argument {number}")
    return report


def _is_f32(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype == np.float32


def _compiled(
    f: Callable[..., Any], args: tuple[Any, ...], numbers: tuple[int, ...], has_aux: bool
) -> tuple[Any, Any, list[str], tuple[str, ...]]:
    """The gradient by the back end that users get, and by the other one, if there is one."""
    import autodiff_compiler as ad

    made = ad.grad(f, argnums=numbers, has_aux=has_aux)
    main = made.specialize(*args).backend
    second = {"c": "python", "python": "c"}[main]
    ours = made(*copy.deepcopy(args))
    notes: list[str] = []
    try:
        other = ad.grad(f, argnums=numbers, has_aux=has_aux, backend=second)(*copy.deepcopy(args))
    except ad.CompileError as error:
        notes.append(f"back end {second}: {error.message}")
        return (ours[0] if has_aux else ours), None, notes, (main,)
    pair = (ours[0], other[0]) if has_aux else (ours, other)
    return *pair, notes, (main, second)


def _try(compute: Callable[[], Any], name: str, notes: list[str]) -> Any:
    """A reference, or None and a note. Whatever it raises, it is the reference that failed."""
    try:
        return compute()
    except Exception as error:
        notes.append(
            f"{name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        )
        return None


def _against(ours: Any, reference: Any, rtol: float) -> Cell:
    if reference is None:
        return Cell("none")
    return _cell(ours, reference, _dual_bound(reference, rtol, 1e-12))


def _differences(ours: Any, slopes: Any, k: int, rtol: float) -> Cell:
    if slopes is None:
        return Cell("none")
    reference, errors = slopes[0][k], slopes[1][k]
    scale = max(_largest(reference), _largest(ours), 1e-6)
    sizes = [
        np.max(np.asarray(e, dtype=float), initial=0.0) for e in leaves(errors) if e is not None
    ]
    if any(not math.isfinite(s) or s > _ROUGH * scale for s in map(float, sizes)):
        return Cell("none")
    return _cell(ours, reference, _difference_bound(reference, errors, rtol, 1e-12))


def _cell(ours: Any, reference: Any, bound: Any) -> Cell:
    table = Table(None)
    table.compare(0, "", ours, reference, bound)
    entries = tuple((where, a, b) for _, _, where, a, b, _ in table.rows)
    pairs = [(x, y) for x, y in zip(leaves(ours), leaves(reference)) if y is not None]
    gaps = [_gap(x, y) for x, y in pairs if np.shape(x) == np.shape(y)]
    scale = max(_largest(reference), _largest(ours), 1e-5)
    return Cell("wrong" if entries else "ok", max(gaps, default=0.0) / scale, entries)


def _gap(x: Any, y: Any) -> float:
    with np.errstate(all="ignore"):
        gap = np.abs(np.asarray(x, dtype=float) - np.asarray(y, dtype=float))
    return float(np.max(gap[np.isfinite(gap)], initial=0.0))
