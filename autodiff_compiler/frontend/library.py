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


def cross(a: Any, b: Any, axis_a: int, axis_b: int, axis_c: int) -> Any:
    a, b = np.moveaxis(a, axis_a, -1), np.moveaxis(b, axis_b, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError("incompatible dimensions for cross product")
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    made = np.stack((x, y, z), axis=-1)
    return made if made.ndim == 1 else np.moveaxis(made, -1, axis_c)


# --- linear algebra -------------------------------------------------------------------------------


def has_full_rank(singular: Any, limit: Any) -> Any:
    return singular.shape[0] == 0 or singular[-1] > limit * singular[0]


def condition(x: Any) -> Any:
    s = np.linalg.svd(x, compute_uv=False)
    ratio = s[..., 0] / s[..., -1]
    return np.where(np.isnan(ratio), np.inf, ratio)


def inverse_condition(x: Any) -> Any:
    s = np.linalg.svd(x, compute_uv=False)
    ratio = s[..., -1] / s[..., 0]
    return np.where(np.isnan(ratio), np.inf, ratio)


def condition_by_norm(x: Any, p: Any) -> Any:
    inverse = np.linalg.inv(x)
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))


def matrix_rank(x: Any, eps: Any) -> Any:
    s = np.linalg.svd(x, compute_uv=False)
    limit = np.max(s, axis=-1, keepdims=True) * (max(x.shape[-2], x.shape[-1]) * eps)
    return np.count_nonzero(s > limit, axis=-1)
