"""What `map`, `functools.reduce` and their kin do, as loops: read by the front end when called."""

from __future__ import annotations

from typing import Any


def map_one(f: Any, items: Any) -> Any:
    return [f(item) for item in items]


def map_many(f: Any, items: Any) -> Any:
    return [f(*item) for item in items]


def filter_by(f: Any, items: Any) -> Any:
    return [item for item in items if f(item)]


def filter_true(items: Any) -> Any:
    return [item for item in items if item]


def reduce_from(f: Any, total: Any, items: Any) -> Any:
    for item in items:
        total = f(total, item)
    return total


def accumulate_from(f: Any, total: Any, items: Any) -> Any:
    totals = [total]
    for item in items:
        total = f(total, item)
        totals.append(total)
    return totals
