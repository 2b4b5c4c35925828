"""What got slower between two runs, beyond their noise."""

from __future__ import annotations

import statistics
from typing import Any

from .figures import Row, time
from .report import label, seconds

__all__ = ["compare"]

OURS = ("primal", "gradient")
#: A change smaller than this is never reported.
LEAST = 1.10


def compare(old: dict[str, Any], new: dict[str, Any]) -> str:
    """A line for each figure that changed, the worst first.

    The machine may have been faster in one run: the median change of everybody else's figures is taken
    off. A figure counts as slower only if its change exceeds the spread of both runs' samples.
    """
    pairs = _pairs(old, new)
    drift = _drift(pairs)
    changes = []
    for before, after in pairs:
        for tool in OURS:
            a, b = before["times"].get(tool), after["times"].get(tool)
            if a and b:
                factor = b["min"] / a["min"] / drift
                if max(factor, 1 / factor) > max(LEAST, min(_spread(a), 1.5), min(_spread(b), 1.5)):
                    changes.append((factor, after, tool, a["min"], b["min"]))
    changes.sort(key=lambda change: -change[0])
    lines = [
        f"Compared with the old run ({len(pairs)} rows; others' times changed {drift:.2f} times):"
    ]
    for factor, row, tool, a, b in changes:
        word = "slower" if factor > 1 else "faster"
        times = factor if factor > 1 else 1 / factor
        lines.append(
            f"  {row['program']} {label(row)}, {tool}: {times:.2f} times {word} "
            f"({seconds(a)} -> {seconds(b)})"
        )
    lines += _lost(old, new)
    return "\n".join(lines if len(lines) > 1 else [*lines, "  nothing beyond noise"])


def _key(row: Row) -> tuple:
    return row["program"], tuple(row["size"])


def _pairs(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[Row, Row]]:
    known = {_key(row): row for row in old["rows"]}
    return [(known[_key(row)], row) for row in new["rows"] if _key(row) in known]


def _drift(pairs: list[tuple[Row, Row]]) -> float:
    factors = []
    for before, after in pairs:
        for tool in after["times"]:
            a, b = time(before, tool), time(after, tool)
            if tool not in OURS and a and b:
                factors.append(b / a)
    return statistics.median(factors) if factors else 1.0


def _spread(figure: dict[str, float]) -> float:
    return figure["median"] / figure["min"]


def _lost(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Rows that had a gradient and have none now."""
    return [
        f"  {after['program']} {label(after)}: there is no gradient any more"
        for before, after in _pairs(old, new)
        if "gradient" in before["times"] and "gradient" not in after["times"]
    ]
