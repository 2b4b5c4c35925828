"""Functions of NumPy that rearrange or make arrays, as programs: read by the front end when called."""

from __future__ import annotations

from typing import Any

import numpy as np


def tile(A: Any, reps: Any) -> Any:
    x = np.asarray(A)
    counts = reps if isinstance(reps, (tuple, list)) else (reps,)
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + tuple(counts)
    shape = (1,) * (rank - x.ndim) + x.shape
    pairs: Any = ()
    apart: Any = ()
    whole: Any = ()
    for n, r in zip(shape, counts):
        pairs += (r, n)
        apart += (1, n)
        whole += (r * n,)
    return np.reshape(np.broadcast_to(np.reshape(x, apart), pairs), whole)


def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    x = np.asarray(m)
    first, second = axes
    turns = k % 4
    if turns == 0:
        return x[...]
    if turns == 2:
        return np.flip(np.flip(x, first), second)
    if turns == 1:
        return np.swapaxes(np.flip(x, second), first, second)
    return np.flip(np.swapaxes(x, first, second), second)


def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    x = np.asarray(a)
    axis = axis % x.ndim
    start = start + x.ndim if start < 0 else start
    return np.moveaxis(x, axis, start - 1 if axis < start else start)


def diagflat(v: Any, k: Any = 0) -> Any:
    return np.diag(np.ravel(v), k)


def vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    x = np.asarray(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    columns = x.shape[0] if N is None else N
    out = np.ones((x.shape[0], columns), dtype=np.result_type(x, np.int64))
    for k in range(1, columns):
        if increasing:
            out[:, k] = out[:, k - 1] * x
        else:
            out[:, columns - 1 - k] = out[:, columns - k] * x
    return out


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> Any:
    columns = N if M is None else M
    return (np.arange(N)[:, None] + k >= np.arange(columns)).astype(dtype)


def tril_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    return np.nonzero(tri(n, m, k, bool))


def triu_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    return np.nonzero(~tri(n, m, k - 1, bool))


def diag_indices(n: Any, ndim: Any = 2) -> Any:
    return (np.arange(n),) * ndim


def diag_indices_from(arr: Any) -> Any:
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    n = arr.shape[0]
    for m in arr.shape:
        if m != n:
            raise ValueError("All dimensions of input must be of equal length")
    return diag_indices(n, arr.ndim)


def tril_indices_from(arr: Any, k: Any = 0) -> Any:
    if arr.ndim != 2:
        raise ValueError("input array must be 2-d")
    return tril_indices(arr.shape[-2], k, arr.shape[-1])


def triu_indices_from(arr: Any, k: Any = 0) -> Any:
    if arr.ndim != 2:
        raise ValueError("input array must be 2-d")
    return triu_indices(arr.shape[-2], k, arr.shape[-1])


def argwhere(a: Any) -> Any:
    return np.stack(np.nonzero(np.atleast_1d(a)), -1)


def extract(condition: Any, arr: Any) -> Any:
    return np.ravel(arr)[np.nonzero(np.ravel(condition))[0]]


def logspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0) -> Any:
    return np.power(base, np.linspace(start, stop, num, endpoint))


def atleast_3d(a: Any) -> Any:
    x = np.asarray(a)
    if x.ndim == 0:
        return np.reshape(x, (1, 1, 1))
    if x.ndim == 1:
        return x[None, :, None]
    return x[:, :, None] if x.ndim == 2 else x


def dstack(tup: Any) -> Any:
    return np.concatenate([atleast_3d(x) for x in tup], 2)


def array_equal(a1: Any, a2: Any) -> Any:
    x, y = np.asarray(a1), np.asarray(a2)
    if x.ndim != y.ndim or x.shape != y.shape:
        return False
    return bool(np.all(x == y))


def linspace_between(start: Any, stop: Any, num: Any, endpoint: Any) -> Any:
    """np.linspace where an end is an array."""
    a, b = np.broadcast_arrays(np.asarray(start) * 1.0, np.asarray(stop) * 1.0)
    parts = max(num - 1, 1) if endpoint else num
    steps = np.reshape(np.arange(num).astype(a.dtype), (-1,) + (1,) * a.ndim)
    out = steps * ((b - a) / parts) + a
    if endpoint and num > 1:
        out[-1] = b
    return out


# --- picking, leaving out, putting in ---------------------------------------------------------------


def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None:
        return repeat(np.ravel(a), repeats, 0)
    lanes = np.moveaxis(np.asarray(a), axis, 0)
    n = lanes.shape[0]
    if np.ndim(repeats) == 0:
        wide = np.broadcast_to(lanes[:, None], (n, repeats, *lanes.shape[1:]))
        return np.moveaxis(np.reshape(wide, (n * repeats, *lanes.shape[1:])).copy(), 0, axis)
    counts = np.asarray(repeats)
    if np.any(counts < 0):
        raise ValueError("repeats may not contain negative values.")
    if counts.shape[0] != n:
        raise ValueError("operands could not be broadcast together")
    places = np.searchsorted(np.cumsum(counts), np.arange(int(np.sum(counts))), "right")
    return np.moveaxis(lanes[places], 0, axis)


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    if axis is None:
        return delete(np.ravel(arr), obj, 0)
    lanes = np.moveaxis(np.asarray(arr), axis, 0)
    n = lanes.shape[0]
    if np.ndim(obj) == 0:
        k = obj + n if obj < 0 else obj
        if k < 0 or k >= n:
            raise IndexError("index is out of bounds")
        left = np.concatenate((lanes[:k], lanes[k + 1 :]))
    else:
        keep = np.ones(n, dtype=bool)
        keep[np.asarray(obj)] = False
        left = lanes[keep]
    return np.moveaxis(left, 0, axis)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return insert(np.ravel(arr), obj, values, 0)
    x = np.asarray(arr)
    if np.ndim(obj) != 0:
        raise NotImplementedError("np.insert at more than one place")
    lanes = np.moveaxis(x, axis, 0)
    n = lanes.shape[0]
    k = obj + n if obj < 0 else obj
    if k < 0 or k > n:
        raise IndexError("index is out of bounds")
    new = np.asarray(values).astype(x.dtype)
    if new.ndim < x.ndim:
        new = np.reshape(new, (1,) * (x.ndim - new.ndim) + new.shape)
    # NumPy puts the first axis of the values where the inserted one goes.
    count = new.shape[0]
    filled = np.empty((count, *lanes.shape[1:]), dtype=x.dtype)
    filled[...] = np.moveaxis(np.moveaxis(new, 0, axis), axis, 0)
    return np.moveaxis(np.concatenate((lanes[:k], filled, lanes[k:])), 0, axis)


def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.ravel(a)[np.nonzero(np.ravel(condition))[0]]
    lanes = np.moveaxis(np.asarray(a), axis, 0)
    return np.moveaxis(lanes[np.nonzero(np.asarray(condition))[0]], 0, axis)


def choose(a: Any, choices: Any, mode: Any = "raise") -> Any:
    if mode != "raise" or not isinstance(choices, (tuple, list)):
        raise NotImplementedError("np.choose with a mode, or with choices that are no list")
    picked = np.asarray(a)
    if np.any((picked < 0) | (picked >= len(choices))):
        raise ValueError("invalid entry in choice array")
    first = np.asarray(choices[0])
    out = np.where(picked == 0, first, first)
    for k, choice in enumerate(choices):
        if k > 0:
            out = np.where(picked == k, np.asarray(choice), out)
    return out


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    dtype = np.result_type(*choicelist, default)
    out = default
    for condition, choice in reversed(list(zip(condlist, choicelist))):
        if np.asarray(condition).dtype != np.dtype(bool):
            raise TypeError("invalid entry in condlist: should be boolean ndarray")
        out = np.where(condition, choice, out)
    return out if out.dtype == dtype else out.astype(dtype)


def pad_constant(x: Any, axis: Any, before: Any, after: Any, low: Any, high: Any) -> Any:
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")
    lanes = np.moveaxis(x, axis, 0)
    first = np.full((before, *lanes.shape[1:]), low, dtype=x.dtype)
    last = np.full((after, *lanes.shape[1:]), high, dtype=x.dtype)
    return np.moveaxis(np.concatenate((first, lanes, last)), 0, axis)


def pad_from_inside(x: Any, axis: Any, before: Any, after: Any, mode: Any) -> Any:
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")
    lanes = np.moveaxis(x, axis, 0)
    n = lanes.shape[0]
    if n == 0 and before + after > 0:
        raise ValueError("can't extend empty axis")
    places = np.arange(before + n + after) - before
    if mode == "edge":
        places = np.clip(places, 0, n - 1)
    elif mode == "wrap":
        places = places % n
    elif mode == "reflect":
        places = places % np.maximum(2 * n - 2, 1)
        places = np.where(places < n, places, 2 * n - 2 - places)
    else:
        places = places % (2 * n)
        places = np.where(places < n, places, 2 * n - 1 - places)
    return np.moveaxis(lanes[places], 0, axis)


def with_ends(a: Any, axis: Any, prepend: Any, append: Any) -> Any:
    """An array with more in front and behind along an axis; of a number, one of it."""
    lanes = np.moveaxis(np.asarray(a), axis, 0)
    if prepend is not None:
        lanes = np.concatenate((_end(prepend, axis, lanes), lanes))
    if append is not None:
        lanes = np.concatenate((lanes, _end(append, axis, lanes)))
    return np.moveaxis(lanes, 0, axis)


def _end(piece: Any, axis: Any, lanes: Any) -> Any:
    piece = np.asarray(piece)
    if piece.ndim == 0:
        return np.broadcast_to(piece, (1, *lanes.shape[1:]))
    return np.moveaxis(piece, axis, 0)


# --- writing ------------------------------------------------------------------------------------------


def put(a: Any, ind: Any, v: Any) -> None:
    if a.ndim != 1:
        raise NotImplementedError("np.put into an array of more than one dimension")
    a[np.ravel(ind)] = v if np.ndim(v) == 0 else np.ravel(v)


def putmask(a: Any, mask: Any, values: Any) -> None:
    new = np.asarray(values)
    if new.ndim > 0 and new.shape != a.shape:
        raise ValueError("values of another shape")
    a[...] = np.where(mask, new, a)


def place(arr: Any, mask: Any, vals: Any) -> None:
    new = np.ravel(vals)
    count = np.count_nonzero(mask)
    arr[np.asarray(mask) != 0] = new[np.arange(count) % new.shape[0]]
