"""Reductions and running reductions of NumPy that are a few lines of others: read by the front end when called."""

from __future__ import annotations

from typing import Any

import numpy as np

# --- with NaN left out -----------------------------------------------------------------------------


def nansum(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.sum(x, axis, dtype, keepdims=keepdims)
    return np.sum(np.where(np.isnan(x), 0.0, x), axis, dtype, keepdims=keepdims)


def nanprod(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.prod(x, axis, dtype, keepdims=keepdims)
    return np.prod(np.where(np.isnan(x), 1.0, x), axis, dtype, keepdims=keepdims)


def nancumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.cumsum(x, axis, dtype)
    return np.cumsum(np.where(np.isnan(x), 0.0, x), axis, dtype)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.cumprod(x, axis, dtype)
    return np.cumprod(np.where(np.isnan(x), 1.0, x), axis, dtype)


def nanmean(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.mean(x, axis, keepdims=keepdims)
    counts = np.sum(~np.isnan(x), axis, keepdims=keepdims)
    return nansum(x, axis, None, keepdims) / counts.astype(x.dtype)


def nanvar(a: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.var(x, axis, ddof=ddof, keepdims=keepdims)
    counts = np.sum(~np.isnan(x), axis, keepdims=keepdims)
    centred = np.where(np.isnan(x), 0.0, x - nanmean(x, axis, True))
    total = np.sum(centred * centred, axis, keepdims=keepdims)
    left = counts - ddof
    return np.where(left > 0, total / left.astype(x.dtype), np.nan)


def nanstd(a: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return np.sqrt(nanvar(a, axis, ddof, keepdims))


def nanmax(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.max(x, axis, keepdims=keepdims)
    missing = np.isnan(x)
    found = np.max(np.where(missing, -np.inf, x), axis, keepdims=keepdims)
    return np.where(np.all(missing, axis, keepdims=keepdims), np.nan, found)


def nanmin(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.min(x, axis, keepdims=keepdims)
    missing = np.isnan(x)
    found = np.min(np.where(missing, np.inf, x), axis, keepdims=keepdims)
    return np.where(np.all(missing, axis, keepdims=keepdims), np.nan, found)


def nanargmax(a: Any, axis: Any = None) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.argmax(x, axis)
    if np.any(np.all(np.isnan(x), axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmax(np.where(np.isnan(x), -np.inf, x), axis)


def nanargmin(a: Any, axis: Any = None) -> Any:
    x = np.asarray(a)
    if x.dtype.kind != "f":
        return np.argmin(x, axis)
    if np.any(np.all(np.isnan(x), axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmin(np.where(np.isnan(x), np.inf, x), axis)


# --- running -----------------------------------------------------------------------------------------


def cumulative_sum(
    x: Any, axis: Any = None, dtype: Any = None, include_initial: Any = False
) -> Any:
    x = np.atleast_1d(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError("axis is needed for more than one dimension")
        axis = 0
    total = np.cumsum(x, axis, dtype)
    if include_initial:
        lane = np.moveaxis(total, axis, 0)
        first = np.zeros((1, *lane.shape[1:]), dtype=total.dtype)
        return np.moveaxis(np.concatenate((first, lane)), 0, axis)
    return total


def cumulative_prod(
    x: Any, axis: Any = None, dtype: Any = None, include_initial: Any = False
) -> Any:
    x = np.atleast_1d(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError("axis is needed for more than one dimension")
        axis = 0
    total = np.cumprod(x, axis, dtype)
    if include_initial:
        lane = np.moveaxis(total, axis, 0)
        first = np.ones((1, *lane.shape[1:]), dtype=total.dtype)
        return np.moveaxis(np.concatenate((first, lane)), 0, axis)
    return total


# --- order -------------------------------------------------------------------------------------------


def _lanes(a: Any, axis: Any) -> Any:
    """What is reduced along the first axis, the rest behind it."""
    x = np.asarray(a)
    if axis is None:
        return np.ravel(x)
    if isinstance(axis, tuple):
        count = len(axis)
        moved = np.moveaxis(x, axis, tuple(range(count)))
        return np.reshape(moved, (-1, *moved.shape[count:]))
    return np.moveaxis(x, axis, 0)


def _with_dims(result: Any, a: Any, axis: Any) -> Any:
    """`keepdims=True`: the axes that went, as axes of 1."""
    rank = np.ndim(a)
    if axis is None:
        return np.reshape(result, (1,) * rank)
    if isinstance(axis, tuple):
        return np.expand_dims(result, tuple(k % rank for k in axis))
    return np.expand_dims(result, axis)


def median(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    lanes = _lanes(a, axis)
    ordered = np.sort(lanes, 0)
    n = ordered.shape[0]
    if lanes.dtype.kind == "f":
        middle = np.mean(np.stack((ordered[(n - 1) // 2], ordered[n // 2])), 0)
        result = np.where(np.isnan(ordered[n - 1]), ordered[n - 1], middle)
    else:
        result = np.mean(np.stack((ordered[(n - 1) // 2], ordered[n // 2])), 0)
    return _with_dims(result, a, axis) if keepdims else result


def nanmedian(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    lanes = _lanes(a, axis)
    if lanes.dtype.kind != "f":
        return median(a, axis, keepdims)
    ordered = np.sort(lanes, 0)
    counts = np.sum(~np.isnan(lanes), 0, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, 0)
    high = np.take_along_axis(ordered, np.minimum(counts // 2, lanes.shape[0] - 1), 0)
    result = np.mean(np.concatenate((low, high)), 0)
    return _with_dims(result, a, axis) if keepdims else result


def quantile(
    a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: Any = False
) -> Any:
    if method != "linear":
        raise NotImplementedError("a method of np.quantile other than 'linear'")
    lanes = _lanes(a, axis)
    ordered = np.sort(lanes, 0)
    n = ordered.shape[0]
    # A number of Python's takes the precision of the samples.
    if np.asarray(q).dtype.kind in "bi":  # the least or the greatest, as they are
        part = np.asarray(q, dtype=np.int64)
    else:
        dtype = np.result_type(lanes, q) if lanes.dtype.kind == "f" else np.float64
        part = np.asarray(q, dtype=dtype)
    if not np.all((part >= 0) & (part <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    places = part * (n - 1)
    if part.dtype.kind == "i":
        result = ordered[places]
    else:
        result = _between(ordered, places)
    last = ordered[n - 1]
    if lanes.dtype.kind == "f":
        result = np.where(np.isnan(last), last, result)
    if not keepdims:
        return result
    if axis is None:
        return np.reshape(result, part.shape + (1,) * np.ndim(a))
    if isinstance(axis, tuple):
        gone = tuple(k % np.ndim(a) + part.ndim for k in axis)
        return np.expand_dims(result, gone)
    return np.expand_dims(result, axis % np.ndim(a) + part.ndim)


def _between(ordered: Any, places: Any) -> Any:
    """The entries at places that need not be whole."""
    floor = np.floor(places)
    before = floor.astype(np.int64)
    after = np.minimum(before + 1, ordered.shape[0] - 1)
    rest = np.reshape(places - floor, places.shape + (1,) * (ordered.ndim - 1))
    low, high = ordered[before], ordered[after]
    # From the nearer end, as NumPy rounds.
    width = high - low
    return np.where(rest >= 0.5, high - width * (1 - rest), low + width * rest)


def percentile(
    a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: Any = False
) -> Any:
    x = np.asarray(a)
    hundred = x.dtype.type(100) if x.dtype.kind == "f" else 100
    return quantile(x, np.true_divide(q, hundred), axis, method, keepdims)


# --- sums over something ------------------------------------------------------------------------------


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    lanes = np.moveaxis(np.asarray(y), axis, -1)
    if x is None:
        steps = dx
    else:
        places = np.asarray(x)
        steps = np.diff(places) if places.ndim == 1 else np.diff(np.moveaxis(places, axis, -1))
    return np.sum(steps * (lanes[..., 1:] + lanes[..., :-1]) / 2.0, -1)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = False, keepdims: Any = False
) -> Any:
    x = np.asarray(a)
    if weights is None:
        result = np.mean(x, axis, keepdims=keepdims)
        if not returned:
            return result
        return result, np.ones_like(result) * (x.size / np.size(result))
    w = np.asarray(weights)
    if w.ndim != x.ndim:
        if axis is None or isinstance(axis, tuple) or w.ndim != 1:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        if w.shape[0] != x.shape[axis]:
            raise ValueError("Shape of weights must be consistent with shape of a along axis.")
        w = np.moveaxis(np.reshape(w, (-1,) + (1,) * (x.ndim - 1)), 0, axis)
        w = np.broadcast_to(w, x.shape)
    elif w.shape != x.shape:
        raise ValueError("Shape of weights must be consistent with shape of a.")
    total = np.sum(w, axis, keepdims=keepdims)
    if np.any(total == 0.0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    result = np.sum(x * w, axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def cov(m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None) -> Any:
    x = np.atleast_2d(m)
    if not rowvar and np.ndim(m) > 1:
        x = x.T
    if y is not None:
        other = np.atleast_2d(y)
        if not rowvar and np.ndim(y) > 1:
            other = other.T
        x = np.concatenate((x, other))
    if ddof is None:
        ddof = 0 if bias else 1
    x = x.astype(np.float64)
    x = x - np.mean(x, 1, keepdims=True)
    count = np.maximum(x.shape[1] - ddof, 0)
    result = (x @ x.T) / count
    if y is None and np.ndim(m) < 2:
        return np.reshape(result, ())
    return result


def corrcoef(x: Any, y: Any = None, rowvar: Any = True) -> Any:
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    spread = np.sqrt(np.diag(c))
    return np.clip(c / spread[:, None] / spread[None, :], -1, 1)
