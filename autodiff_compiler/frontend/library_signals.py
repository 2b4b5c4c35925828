"""Functions of NumPy on sampled signals and tables, as programs: read by the front end when called."""

from __future__ import annotations

from typing import Any

import numpy as np


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Linear interpolation. At a point of the table the slope is that of the piece on its right."""
    x, xp, fp = (np.asarray(v, dtype=np.float64) for v in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape:
        raise ValueError("fp and xp are not of the same length.")
    n = xp.shape[0]
    if n == 0:
        raise ValueError("array of sample points is empty")
    first, last = xp[0], xp[n - 1]
    before = fp[0] if left is None else left
    behind = fp[n - 1] if right is None else right
    piece = np.clip(np.searchsorted(xp, x, "right") - 1, 0, np.maximum(n - 2, 0))
    after = np.minimum(piece + 1, n - 1)
    slope = (fp[after] - fp[piece]) / (xp[after] - xp[piece])
    inside = slope * (x - xp[piece]) + fp[piece]
    inside = np.where(x == last, fp[n - 1], inside)
    return np.where(x < first, before, np.where(x > last, behind, inside))


def _full(a: Any, v: Any) -> Any:
    """All of the convolution of two vectors: shifted copies of the one, by the other's entries."""
    n, m = a.shape[0], v.shape[0]
    if n == 0 or m == 0:
        raise ValueError("the arrays cannot be empty")
    out = np.zeros(n + m - 1, dtype=np.result_type(a, v))
    for k in range(m):
        out[k : k + n] += a * v[k]
    return out


def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    out = _full(a, v)
    n, m = a.shape[0], v.shape[0]
    short, long = min(n, m), max(n, m)
    if mode == "full":
        return out
    if mode == "same":
        start = (short - 1) // 2
        return out[start : start + long].copy()
    if mode == "valid":
        return out[short - 1 : long].copy()
    raise ValueError("mode must be one of 'valid', 'same', or 'full'")


def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    out = _full(a, v[::-1])
    n, m = a.shape[0], v.shape[0]
    short, long = min(n, m), max(n, m)
    if mode == "full":
        return out
    if mode == "same":
        # With the longer one second, NumPy exchanges them and turns the result round.
        start = (short - 1) // 2 if n >= m else short // 2
        return out[start : start + long].copy()
    if mode == "valid":
        return out[short - 1 : long].copy()
    raise ValueError("mode must be one of 'valid', 'same', or 'full'")


def slopes(f: Any, h: Any, axis: Any, edge_order: Any) -> Any:
    """np.gradient along one axis; `h` is a number or the places of the samples."""
    x = np.moveaxis(f, axis, 0)
    n = x.shape[0]
    if n < edge_order + 1:
        raise ValueError("Shape of array too small to calculate a numerical gradient")
    out = np.empty_like(x)
    if np.ndim(h) == 0:
        out[1:-1] = (x[2:] - x[:-2]) / (2.0 * h)
        if edge_order == 1:
            out[0] = (x[1] - x[0]) / h
            out[-1] = (x[-1] - x[-2]) / h
        else:
            out[0] = -1.5 / h * x[0] + 2.0 / h * x[1] - 0.5 / h * x[2]
            out[-1] = 0.5 / h * x[-3] - 2.0 / h * x[-2] + 1.5 / h * x[-1]
        return np.moveaxis(out, 0, axis)
    if h.ndim != 1:
        raise ValueError("distances must be either scalars or 1d")
    if h.shape[0] != n:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    steps = np.diff(h)
    s, t = steps[:-1], steps[1:]
    wide = (-1,) + (1,) * (x.ndim - 1)
    a = np.reshape(-t / (s * (s + t)), wide)
    b = np.reshape((t - s) / (s * t), wide)
    c = np.reshape(s / (t * (s + t)), wide)
    out[1:-1] = a * x[:-2] + b * x[1:-1] + c * x[2:]
    if edge_order == 1:
        out[0] = (x[1] - x[0]) / steps[0]
        out[-1] = (x[-1] - x[-2]) / steps[-1]
        return np.moveaxis(out, 0, axis)
    s, t = steps[0], steps[1]
    out[0] = (
        -(2.0 * s + t) / (s * (s + t)) * x[0] + (s + t) / (s * t) * x[1] - s / (t * (s + t)) * x[2]
    )
    s, t = steps[-2], steps[-1]
    out[-1] = (
        t / (s * (s + t)) * x[-3]
        - (t + s) / (s * t) * x[-2]
        + (2.0 * t + s) / (t * (s + t)) * x[-1]
    )
    return np.moveaxis(out, 0, axis)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    x = np.ravel(ary)
    out = x[1:] - x[:-1]
    if to_begin is not None:
        out = np.concatenate((np.ravel(np.asarray(to_begin).astype(x.dtype)), out))
    if to_end is not None:
        out = np.concatenate((out, np.ravel(np.asarray(to_end).astype(x.dtype))))
    return out


def unwrap(p: Any, discont: Any = None, axis: Any = -1, period: Any = 6.283185307179586) -> Any:
    x = np.asarray(p)
    lanes = np.moveaxis(x, axis, 0)
    steps = lanes[1:] - lanes[:-1]
    half = period / 2
    limit = half if discont is None else discont
    wrapped = np.mod(steps + half, period) - half
    wrapped = np.where((wrapped == -half) & (steps > 0), half, wrapped)
    turns = np.where(np.abs(steps) < limit, 0.0, wrapped - steps)
    moved = lanes[1:] + np.cumsum(turns, 0)
    return np.moveaxis(np.concatenate((lanes[:1], moved)), 0, axis)


def polyval(p: Any, x: Any) -> Any:
    coefficients = np.asarray(p)
    x = np.asarray(x)
    dtype = np.result_type(coefficients, x)
    out = np.zeros(x.shape, dtype=dtype) if x.ndim else dtype.type(0)
    for k in range(coefficients.shape[0]):
        out = out * x + coefficients[k]
    return out


def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    edges = np.asarray(bins)
    values = np.asarray(x)
    side: Any = "left" if right else "right"
    if np.all(edges[1:] >= edges[:-1]):
        return np.searchsorted(edges, values, side)
    if np.all(edges[1:] <= edges[:-1]):
        return edges.shape[0] - np.searchsorted(edges[::-1], values, side)
    raise ValueError("bins must be monotonically increasing or decreasing")


def bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    places = np.asarray(x)
    if places.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    if np.any(places < 0):
        raise ValueError("'x' argument must have no negative elements")
    n = int(np.max(np.append(places, minlength - 1))) + 1
    if weights is None:
        counts = np.zeros(n, dtype=np.int64)
        np.add.at(counts, places, 1)
        return counts
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != places.shape:
        raise ValueError("The weights and list don't have the same length.")
    out = np.zeros(n)
    np.add.at(out, places, shares)
    return out


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    x, y = np.asarray(a), np.asarray(b)
    if y.dtype.kind != "f":
        y = y.astype(np.float64)
    near = (np.abs(x - y) <= atol + rtol * np.abs(y)) & np.isfinite(y) | (x == y)
    if equal_nan:
        near = near | (np.isnan(x) & np.isnan(y))
    return near


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


def nan_to_num(
    x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    if not copy:
        raise NotImplementedError("np.nan_to_num with copy=False")
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x.copy()
    largest = float(np.finfo(x.dtype).max)
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    instead = np.where(np.isnan(x), nan, np.where(x > 0, high, low))
    return np.where(np.isfinite(x), x, instead.astype(x.dtype))


def isin(element: Any, test_elements: Any, assume_unique: Any = False, invert: Any = False) -> Any:
    x, among = np.asarray(element), np.ravel(test_elements)
    found = np.any(x[..., None] == among, -1)
    return ~found if invert else found
