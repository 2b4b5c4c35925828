"""Figures of a row, by name; None for what was not measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]

__all__ = ["Row", "best", "cost", "extra", "first_call", "geometric_mean", "peak", "ratio", "time"]


def time(row: Row, tool: str) -> float | None:
    """The least time of a call, in seconds."""
    found = row["times"].get(tool)
    return None if found is None else found["min"]


def best(row: Row, tools: Iterable[str]) -> float | None:
    """The least of several tools' times."""
    known = [t for t in (time(row, tool) for tool in tools) if t is not None]
    return min(known, default=None)


def ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None or not b else a / b


def cost(row: Row) -> float | None:
    """Our gradient over the better of our primal and numba's."""
    return ratio(time(row, "gradient"), best(row, ("primal", "numba")))


def hands(row: Row) -> list[str]:
    return [tool for tool in row["times"] if tool.partition(":")[0] == "hand"]


def extra(row: Row) -> list[str]:
    """JAX's other forms."""
    return [tool for tool in row["times"] if tool.startswith("jax:")]


def first_call(row: Row, label: str) -> float | None:
    """What the first call took beyond a later one."""
    found = row.get(f"first_{label}")
    if not found or "first" not in found:
        return None
    return max(found["first"] - found["next"], 0.0)


def peak(row: Row, tool: str = "gradient") -> int | None:
    """Bytes at the peak beyond the inputs."""
    found = row.get("memory", {}).get(tool)
    return None if not found or "peak" not in found else found["peak"]


def geometric_mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None and v > 0]
    return math.exp(sum(map(math.log, known)) / len(known)) if known else None
