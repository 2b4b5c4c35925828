"""Functions of NumPy that are loops, as loops: ordinary source, read by the front end when called."""

from __future__ import annotations

from typing import Any

import numpy as np


def multiply_all(total: Any, x: Any) -> Any:
    for i in range(x.shape[0]):
        total = total * x[i]
    return total


def multiply_rows(total: Any, rows: Any) -> Any:
    for i in range(rows.shape[0]):
        total *= rows[i]
    return total


def accumulate_add(x: Any) -> Any:
    for i in range(1, x.shape[0]):
        x[i] += x[i - 1]
    return x


def accumulate_multiply(x: Any) -> Any:
    for i in range(1, x.shape[0]):
        x[i] *= x[i - 1]
    return x


def accumulate_subtract(x: Any) -> Any:
    for i in range(1, x.shape[0]):
        x[i] = x[i - 1] - x[i]
    return x


def accumulate_maximum(x: Any) -> Any:
    for i in range(1, x.shape[0]):
        x[i] = np.maximum(x[i - 1], x[i])
    return x


def accumulate_minimum(x: Any) -> Any:
    for i in range(1, x.shape[0]):
        x[i] = np.minimum(x[i - 1], x[i])
    return x


def multiply_at(x: Any, index: Any, factors: Any) -> None:
    for k in range(index.shape[0]):
        x[index[k]] *= factors[k]


def sum_of(x: Any) -> Any:
    total = 0.0
    for i in range(x.shape[0]):
        total = total + x[i]
    return total


def lost_in_sum(x: Any) -> Any:
    """What rounding takes from `sum_of`, step by step."""
    total = 0.0
    lost = 0.0
    for i in range(x.shape[0]):
        after = total + x[i]
        part = after - total
        lost = lost + ((total - (after - part)) + (x[i] - part))
        total = after
    return lost


def apply_at(f: Any, x: Any, index: Any, values: Any) -> None:
    shares = np.broadcast_to(values, (index.shape[0], *x.shape[1:]))
    for k in range(index.shape[0]):
        x[index[k]] = f(x[index[k]], shares[k])


def accumulate_any(f: Any, x: Any) -> Any:
    for i in range(1, x.shape[0]):
        x[i] = f(x[i - 1], x[i])
    return x


def fold_numbers(f: Any, x: Any) -> Any:
    total = x[0]
    for i in range(1, x.shape[0]):
        total = f(total, x[i])
    return total


def fold_rows(f: Any, x: Any) -> Any:
    total = x[0].copy()
    for i in range(1, x.shape[0]):
        total = f(total, x[i])
    return total
