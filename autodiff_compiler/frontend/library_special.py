"""Functions of `scipy.special` that are made of others: ordinary source, read when called.

What they call from `numerics` is known to the front end by identity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.numerics import erfc, lgamma, log_expit, rel_entr


def ndtr(x: Any) -> Any:
    return 0.5 * erfc(-0.7071067811865476 * x)


def loggamma(x: Any) -> Any:
    return np.where(x < 0, np.nan, lgamma(x))


def softplus(x: Any) -> Any:
    return -log_expit(-x)


def kl_div(x: Any, y: Any) -> Any:
    return rel_entr(x, y) - x + y


def huber(delta: Any, r: Any) -> Any:
    size = np.abs(r)
    return np.where(
        delta < 0, np.inf, np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    )


def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta ** 2 * (sqrt(1 + (r / delta) ** 2) - 1), as a quotient that does not cancel."""
    bend = np.where(delta > 0, r / np.where(delta > 0, delta, 1.0), 0.0)
    return np.where(delta < 0, np.inf, delta * r * bend / (1.0 + np.sqrt(1.0 + bend * bend)))


def exp10(x: Any) -> Any:
    return 10.0**x


def logsumexp(a: Any, top: Any, axis: Any) -> Any:
    """Sums what the largest entries leave: log1p sees it even if it is tiny."""
    shifted = a - top
    peak = shifted == 0
    count = np.sum(peak, axis=axis, keepdims=True).astype(a.dtype)
    peaks = np.maximum(count, 1.0)
    rest = np.sum(np.where(peak, np.expm1(shifted), np.exp(shifted)), axis=axis, keepdims=True)
    return np.log1p((rest + (count - peaks)) / peaks) + np.log(peaks) + top


def weighted_logsumexp(a: Any, b: Any, top: Any, axis: Any) -> Any:
    return np.log(np.sum(b * np.exp(a - top), axis=axis, keepdims=True)) + top


def softmax(x: Any, top: Any, axis: Any) -> Any:
    share = np.exp(x - top)
    total = np.sum(share, axis=axis, keepdims=True)
    return share / np.where(total < np.inf, total, np.nan)  # an entry of inf leaves no number
