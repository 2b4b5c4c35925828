"""Rules for functions of NumPy that pick, order, interpolate or summarise what is in arrays.

What only moves entries about needs no rule of its own: it is run on entries that carry their place as a number, and
the result says where each of its entries comes from.
"""

from __future__ import annotations

import numpy as np

from .dual_core import (
    FUNCTIONS,
    UFUNCS,
    Dual,
    OracleError,
    Passive,
    as_numpy,
    choose,
    from_lists,
    is_array,
    level_of,
    make,
    owned,
    primal,
    shape_of,
    tangent_at,
    times,
    value_at,
)
from .dual_functions import _call, _plain_values, _primal_tree, rule
from .dual_ufuncs import _share_of_first, _share_of_second, elementwise

#: Numbers from here on are places; programs under test hold no such numbers.
_TAG = 2.0**52


def _tree_map(f, x):
    if type(x) in (list, tuple):
        return type(x)(_tree_map(f, e) for e in x)
    return f(x)


def _moving(name, data=(0,)):
    """A function that moves entries of the arguments number `data` (or of that name) about."""
    real = getattr(np, name)

    def move(*args, **kwargs):
        level = max(level_of(args), level_of(list(kwargs.values())))
        if level == 0:
            args = [_primal_tree(a) for a in args]
            return owned(real(*args, **{k: _primal_tree(v) for k, v in kwargs.items()}))
        below = [_tree_map(lambda e: value_at(e, level), a) for a in args]
        below_kw = {k: _tree_map(lambda e: value_at(e, level), v) for k, v in kwargs.items()}
        sources: list = []

        def tagged(x):
            if not (np.asarray(primal(x)).dtype.kind == "f"):
                return _primal_tree(x)
            first = sum(np.size(primal(s)) for s in sources)
            tangent = tangent_at(x, level)
            sources.append(np.zeros(shape_of(x)) if tangent is None else tangent)
            tags = _TAG + first + np.arange(float(np.size(primal(x))))
            return np.reshape(tags, shape_of(x)) if shape_of(x) else tags[0]

        marked = [
            _tree_map(tagged, a) if k in data else _primal_tree(a) for k, a in enumerate(args)
        ]
        marked_kw = {
            k: _tree_map(tagged, v) if k in data else _primal_tree(v) for k, v in kwargs.items()
        }
        values = move(*below, **below_kw)
        flat = FUNCTIONS["concatenate"]([np.ravel(s) for s in sources])
        return _fetched(level, values, real(*marked, **marked_kw), flat)

    FUNCTIONS[name] = move


def _fetched(level, value, marks, tangents):
    if isinstance(marks, (list, tuple)):
        return type(marks)(_fetched(level, v, m, tangents) for v, m in zip(value, marks))
    from_data = np.asarray(marks) >= _TAG
    places = np.where(from_data, np.asarray(marks) - _TAG, 0).astype(int)
    return make(level, value, choose(from_data, tangents[places], 0.0))


for _name, _data in {
    "rot90": (0,), "diagflat": (0,), "extract": (1,), "compress": (1,), "insert": (0, 2, "values"),
    "pad": (0, "constant_values", "end_values"), "block": (0,), "broadcast_arrays": (0, 1, 2, 3),
    "meshgrid": (0, 1, 2), "hsplit": (0,), "vsplit": (0,), "dsplit": (0,), "array_split": (0,),
    "choose": (1,), "select": (1, 2, "default"), "tile": (0,), "repeat": (0,), "delete": (0,),
    "atleast_3d": (0,),
}.items():  # fmt: skip
    _moving(_name, _data)


# --- elementwise ----------------------------------------------------------------------------------


def _scaled(factor):
    return lambda x, y: factor


elementwise(np.deg2rad, _scaled(np.pi / 180))
elementwise(np.radians, _scaled(np.pi / 180))
elementwise(np.rad2deg, _scaled(180 / np.pi))
elementwise(np.degrees, _scaled(180 / np.pi))
elementwise(np.conjugate, _scaled(1.0))
elementwise(np.float_power, *(
    lambda x, y, p: np.multiply(y, np.power(x, np.subtract(y, 1.0))),
    lambda x, y, p: np.multiply(np.log(x), p),
))  # fmt: skip
elementwise(
    np.logaddexp2,
    lambda a, b, y: np.exp2(np.subtract(a, y)),
    lambda a, b, y: np.exp2(np.subtract(b, y)),
)
elementwise(
    np.copysign,
    lambda a, b, y: np.multiply(np.sign(primal(a)), np.copysign(1.0, primal(b))),
    None,
)
elementwise(
    np.heaviside,
    None,
    lambda x, h, y: np.where(primal(x) == 0, 1.0, 0.0),
)


def _number_first(ufunc, wins):
    """As of maximum and minimum, but a NaN loses."""
    first, second = _share_of_first(wins), _share_of_second(wins)

    def of_first(a, b, y):
        return np.where(
            np.isnan(primal(b)), 1.0, np.where(np.isnan(primal(a)), 0.0, first(a, b, y))
        )

    def of_second(a, b, y):
        lost = np.isnan(primal(b))
        return np.where(lost, 0.0, np.where(np.isnan(primal(a)), 1.0, second(a, b, y)))

    elementwise(ufunc, of_first, of_second)


_number_first(np.fmax, np.greater)
_number_first(np.fmin, np.less)


def _sinc_slope(x):
    """The power series where |x| is small, its closed form elsewhere."""
    z = np.multiply(np.pi, x)
    term, series = np.multiply(-np.pi / 3, z), 0.0
    for k in range(1, 12):
        series = np.add(series, term)
        # 2k / (2k + 1)! becomes (2k + 2) / (2k + 3)!
        term = np.multiply(term, np.multiply(np.multiply(z, z), -1 / (2 * k * (2 * k + 3))))
    away = choose(np.abs(primal(x)) < 0.2, 1.0, x)
    inside = np.divide(np.sin(np.multiply(np.pi, away)), np.multiply(np.pi, away))
    closed = np.divide(np.subtract(np.cos(np.multiply(np.pi, away)), inside), away)
    return choose(np.abs(primal(x)) < 0.2, series, closed)


@rule()
def sinc(x):
    x = from_lists(x)
    if not isinstance(x, Dual):
        return owned(np.sinc(_plain_values(x)))
    return make(x.level, sinc(x.val), times(_sinc_slope(as_numpy(x.val)), x.tan))


@rule()
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    x = from_lists(x)
    if not isinstance(x, Dual):
        return owned(np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf))
    value = nan_to_num(x.val, True, nan, posinf, neginf)
    return make(x.level, value, choose(np.isfinite(primal(x)), x.tan, 0.0))


@rule("divmod")
def _divmod(a, b):
    return np.floor_divide(a, b), np.remainder(a, b)


UFUNCS[np.divmod] = lambda a, b, op=None: _divmod(a, b)


@rule()
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """Whole periods are added, which have no derivative."""
    if not isinstance(p, Dual):
        return owned(np.unwrap(p, discont, axis, period=period))
    return make(p.level, unwrap(p.val, discont, axis, period=period), p.tan)


FUNCTIONS["fix"] = lambda x, out=None: owned(np.trunc(primal(x)))
FUNCTIONS["asanyarray"] = lambda x, dtype=None: FUNCTIONS["asarray"](x, dtype=dtype)


# --- order ----------------------------------------------------------------------------------------


@rule()
def ptp(a, axis=None, out=None, keepdims=False):
    return np.subtract(
        FUNCTIONS["max"](a, axis=axis, keepdims=keepdims),
        FUNCTIONS["min"](a, axis=axis, keepdims=keepdims),
    )


def _ordered(x, axis):
    """The sorted entries along a last axis, what is reduced being flat."""
    x = from_lists(x)
    if axis is None:
        return FUNCTIONS["sort"](FUNCTIONS["ravel"](x))
    axes = axis if isinstance(axis, tuple) else (axis,)
    ends = tuple(range(-len(axes), 0))
    moved = FUNCTIONS["moveaxis"](x, axes, ends)
    kept = shape_of(moved)[: len(shape_of(x)) - len(axes)]
    return FUNCTIONS["sort"](FUNCTIONS["reshape"](moved, (*kept, -1)), axis=-1)


def _kept(result, x, axis, keepdims, more=0):
    if not keepdims:
        return result
    rank = len(shape_of(x))
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return FUNCTIONS["expand_dims"](result, tuple(more + k % rank for k in axes))


def _as_float_array(x):
    return x if is_array(x) else FUNCTIONS["array"](x)


@rule()
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    lanes = _ordered(a, axis)
    n = shape_of(lanes)[-1]
    middle = lanes[..., n // 2]
    if n % 2 == 0:
        middle = np.multiply(0.5, np.add(middle, lanes[..., n // 2 - 1]))
    middle = choose(np.isnan(primal(lanes))[..., -1], np.nan, middle)
    return _kept(_as_float_array(middle), a, axis, True) if keepdims else middle


@rule()
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    if not np.isnan(primal(from_lists(a))).any():
        return median(a, axis, keepdims=keepdims)
    if axis is not None or keepdims:
        raise OracleError("np.nanmedian of NaNs along an axis")
    flat = FUNCTIONS["ravel"](a)
    return median(flat[~np.isnan(primal(flat))])


@rule()
def quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False):
    if method != "linear":
        raise OracleError(f"np.quantile by {method}")
    q = from_lists(q)
    if is_array(q):
        parts = [quantile(a, q[k], axis, keepdims=keepdims) for k in range(len(q))]
        return FUNCTIONS["stack"](parts)
    lanes = _ordered(a, axis)
    n = shape_of(lanes)[-1]
    place = np.multiply(q, float(n - 1))
    low = int(np.floor(primal(place)))
    high = min(low + 1, n - 1)
    between = np.subtract(place, float(low))
    result = np.add(
        np.multiply(np.subtract(1.0, between), lanes[..., low]),
        np.multiply(between, lanes[..., high]),
    )
    result = choose(np.isnan(primal(lanes))[..., -1], np.nan, result)
    return _kept(_as_float_array(result), a, axis, True) if keepdims else result


@rule()
def percentile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False):
    return quantile(a, np.divide(from_lists(q), 100.0), axis, None, False, method, keepdims)


# --- with NaN left out ------------------------------------------------------------------------------


def _filled(a, number):
    a = from_lists(a)
    return choose(np.isnan(primal(a)), number, a)


def _numbers(a, axis, keepdims):
    return np.sum(~np.isnan(primal(from_lists(a))), axis=axis, keepdims=keepdims) * 1.0


@rule()
def nansum(a, axis=None, dtype=None, out=None, keepdims=False):
    return FUNCTIONS["sum"](_filled(a, 0.0), axis=axis, keepdims=keepdims)


@rule()
def nanprod(a, axis=None, dtype=None, out=None, keepdims=False):
    return FUNCTIONS["prod"](_filled(a, 1.0), axis=axis, keepdims=keepdims)


@rule()
def nancumsum(a, axis=None, dtype=None, out=None):
    return FUNCTIONS["cumsum"](_filled(a, 0.0), axis=axis)


@rule()
def nancumprod(a, axis=None, dtype=None, out=None):
    return FUNCTIONS["cumprod"](_filled(a, 1.0), axis=axis)


@rule()
def nanmean(a, axis=None, dtype=None, out=None, keepdims=False):
    return np.divide(nansum(a, axis, keepdims=keepdims), _numbers(a, axis, keepdims))


@rule()
def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    centred = np.subtract(a, nanmean(a, axis, keepdims=True))
    left = _numbers(a, axis, keepdims) - ddof
    return np.divide(nansum(np.square(centred), axis, keepdims=keepdims), left)


@rule()
def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    return np.sqrt(nanvar(a, axis, ddof=ddof, keepdims=keepdims))


@rule()
def nanmax(a, axis=None, out=None, keepdims=False):
    return FUNCTIONS["max"](_filled(a, -np.inf), axis=axis, keepdims=keepdims)


@rule()
def nanmin(a, axis=None, out=None, keepdims=False):
    return FUNCTIONS["min"](_filled(a, np.inf), axis=axis, keepdims=keepdims)


# --- sums and running sums -----------------------------------------------------------------------------


@rule()
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = from_lists(a)
    if weights is None:
        return FUNCTIONS["mean"](a, axis=axis, keepdims=keepdims)
    w = from_lists(weights)
    if len(shape_of(w)) != len(shape_of(a)):
        wide = [1] * len(shape_of(a))
        wide[axis] = -1
        w = np.multiply(np.ones(shape_of(a)), FUNCTIONS["reshape"](w, tuple(wide)))
    total = FUNCTIONS["sum"](w, axis=axis, keepdims=keepdims)
    result = np.divide(FUNCTIONS["sum"](np.multiply(a, w), axis=axis, keepdims=keepdims), total)
    return (result, total) if returned else result


def _variables(x, rowvar):
    rows = FUNCTIONS["atleast_2d"](x)
    return rows if rowvar or len(shape_of(x)) == 1 else FUNCTIONS["transpose"](rows)


@rule()
def cov(m, y=None, rowvar=True, bias=False, ddof=None):
    rows = _variables(from_lists(m), rowvar)
    if y is not None:
        rows = FUNCTIONS["vstack"]([rows, _variables(from_lists(y), rowvar)])
    less = (0 if bias else 1) if ddof is None else ddof
    count = shape_of(rows)[1] - less
    means = [FUNCTIONS["mean"](rows[i]) for i in range(shape_of(rows)[0])]
    table = [
        [np.divide(FUNCTIONS["sum"](np.multiply(np.subtract(rows[i], means[i]), np.subtract(rows[j], means[j]))), count)
         for j in range(len(means))] for i in range(len(means))
    ]  # fmt: skip
    return FUNCTIONS["array"](table) if len(means) > 1 else FUNCTIONS["array"](table[0][0])


@rule()
def corrcoef(x, y=None, rowvar=True):
    c = cov(x, y, rowvar)
    n = shape_of(c)[0]
    return FUNCTIONS["array"](
        [[np.divide(c[i, j], np.sqrt(np.multiply(c[i, i], c[j, j]))) for j in range(n)]
         for i in range(n)]
    )  # fmt: skip


@rule()
def cumulative_sum(x, *, axis=None, dtype=None, out=None, include_initial=False):
    axis = 0 if axis is None else axis
    total = FUNCTIONS["cumsum"](x, axis=axis)
    return _after(np.zeros, total, axis) if include_initial else total


@rule()
def cumulative_prod(x, *, axis=None, dtype=None, out=None, include_initial=False):
    axis = 0 if axis is None else axis
    total = FUNCTIONS["cumprod"](x, axis=axis)
    return _after(np.ones, total, axis) if include_initial else total


def _after(fill, total, axis):
    shape = list(shape_of(total))
    shape[axis] = 1
    return FUNCTIONS["concatenate"]([fill(shape), total], axis=axis)


@rule()
def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = FUNCTIONS["moveaxis"](from_lists(y), axis, -1)
    steps = dx
    if x is not None:
        x = from_lists(x)
        x = x if len(shape_of(x)) == 1 else FUNCTIONS["moveaxis"](x, axis, -1)
        steps = np.subtract(x[..., 1:], x[..., :-1])
    heights = np.multiply(0.5, np.add(y[..., 1:], y[..., :-1]))
    return FUNCTIONS["sum"](np.multiply(steps, heights), axis=-1)


@rule()
def ediff1d(ary, to_end=None, to_begin=None):
    parts = [to_begin, FUNCTIONS["diff"](FUNCTIONS["ravel"](from_lists(ary))), to_end]
    arrays = [FUNCTIONS["ravel"](_as_float_array(p)) for p in parts if p is not None]
    return FUNCTIONS["concatenate"](arrays)


@rule()
def diff(a, n=1, axis=-1, prepend=None, append=None):
    ends = []
    for piece in (prepend, append):
        if piece is not None and not shape_of(piece):
            shape = list(shape_of(a))
            shape[axis] = 1
            piece = FUNCTIONS["full"](shape, piece)
        ends.append(piece)
    parts = [p for p in (ends[0], from_lists(a), ends[1]) if p is not None]
    x = FUNCTIONS["moveaxis"](FUNCTIONS["concatenate"](parts, axis=axis), axis, -1)
    for _ in range(n):
        x = np.subtract(x[..., 1:], x[..., :-1])
    return FUNCTIONS["moveaxis"](x, -1, axis)


@rule()
def gradient(f, *varargs, axis=None, edge_order=1):
    f = from_lists(f)
    rank = len(shape_of(f))
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    steps = list(varargs) or [1.0]
    steps = steps * len(axes) if len(steps) == 1 and not shape_of(steps[0]) else steps
    found = [_slopes(f, from_lists(h), k, edge_order) for h, k in zip(steps, axes)]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(f, h, axis, edge_order):
    """At each point the slope of the parabola (at an end of order 1: the line) through its neighbours."""
    f = FUNCTIONS["moveaxis"](f, axis, 0)
    n = shape_of(f)[0]
    x = h if shape_of(h) else np.multiply(h, np.arange(float(n)))

    def parabola(i, j):
        total = 0.0
        for k in range(i, i + 3):
            p, q = (x[other] for other in range(i, i + 3) if other != k)
            numerator = np.subtract(np.subtract(np.multiply(2.0, x[j]), p), q)
            below = np.multiply(np.subtract(x[k], p), np.subtract(x[k], q))
            total = np.add(total, np.multiply(np.divide(numerator, below), f[k]))
        return total

    def line(i):
        return np.divide(np.subtract(f[i + 1], f[i]), np.subtract(x[i + 1], x[i]))

    first = line(0) if edge_order == 1 else parabola(0, 0)
    last = line(n - 2) if edge_order == 1 else parabola(n - 3, n - 1)
    rows = [first, *(parabola(k - 1, k) for k in range(1, n - 1)), last]
    return FUNCTIONS["moveaxis"](FUNCTIONS["stack"](rows), 0, axis)


@rule()
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = (from_lists(v) for v in (x, xp, fp))
    if period is not None:
        raise OracleError("np.interp with a period")
    if is_array(x):
        flat = FUNCTIONS["ravel"](x)
        found = [interp(flat[k], xp, fp, left, right) for k in range(len(flat))]
        return FUNCTIONS["reshape"](FUNCTIONS["array"](found), shape_of(x))
    n = len(xp)
    at = primal(x)
    if at < primal(xp)[0]:
        return fp[0] if left is None else left
    if at > primal(xp)[n - 1]:
        return fp[n - 1] if right is None else right
    k = max(i for i in range(n) if primal(xp)[i] <= at)
    if k == n - 1:
        return fp[k]
    share = np.divide(np.subtract(x, xp[k]), np.subtract(xp[k + 1], xp[k]))
    return np.add(np.multiply(np.subtract(1.0, share), fp[k]), np.multiply(share, fp[k + 1]))


@rule()
def bincount(x, weights=None, minlength=0):
    places = primal(from_lists(x))
    weights = from_lists(weights)
    if not isinstance(weights, Dual):
        return owned(np.bincount(places, _plain_values(weights), minlength))
    halves = (_call("bincount", places, half, minlength) if level_of(half) == 0 else
              bincount(places, half, minlength) for half in (weights.val, weights.tan))  # fmt: skip
    return make(weights.level, *halves)


@rule()
def logspace(start, stop, num=50, endpoint=True, base=10.0, **_):
    return np.power(base, FUNCTIONS["linspace"](start, stop, num, endpoint))


@rule()
def vander(x, N=None, increasing=False):
    x = from_lists(x)
    n = shape_of(x)[0] if N is None else N
    powers = [FUNCTIONS["prod"](FUNCTIONS["array"]([x] * k), axis=0) if k else np.ones(shape_of(x))
              for k in range(n)]  # fmt: skip
    return FUNCTIONS["stack"](powers if increasing else powers[::-1], axis=1)


@rule()
def piecewise(x, condlist, funclist, *args, **kwargs):
    result = FUNCTIONS["zeros_like"](x) if not isinstance(x, Dual) else np.multiply(x, 0.0)
    masks = [np.asarray(primal(c)) for c in (condlist if type(condlist) is list else [condlist])]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.logical_or.reduce(masks))
    for mask, f in zip(masks, funclist):
        result[mask] = f(x[mask], *args, **kwargs) if callable(f) else f
    return result


@rule()
def place(arr, mask, vals):
    vals = from_lists(vals)
    mask = np.asarray(primal(mask))
    arr[mask] = FUNCTIONS["ravel"](vals)[np.arange(mask.sum()) % np.size(primal(vals))]


@rule()
def put_along_axis(arr, indices, values, axis):
    places = np.asarray(primal(indices))
    grid = [np.arange(n).reshape((-1,) + (1,) * (places.ndim - 1 - k))
            for k, n in enumerate(shape_of(arr))]  # fmt: skip
    grid[axis] = places
    arr[tuple(grid)] = from_lists(values)


@rule()
def putmask(a, mask, values):
    a[...] = choose(primal(mask), from_lists(values), a)


@rule()
def fill_diagonal(a, val, wrap=False):
    if wrap or np.ndim(primal(a)) != 2:
        raise OracleError("this call of fill_diagonal")
    places = np.arange(min(np.shape(primal(a))))
    a[places, places] = from_lists(val)


@rule()
def put(a, ind, v, mode="raise"):
    a[np.ravel(primal(from_lists(ind)))] = from_lists(v)


def _passive(name):
    real = getattr(np, name)

    def flat(*args, **kwargs):
        return owned(real(*(_primal_tree(a) for a in args), **kwargs))

    FUNCTIONS[name] = flat


for _name in (
    "isin isreal iscomplex isrealobj isneginf isposinf array_equiv nanargmax nanargmin iterable lexsort "
    "tril_indices triu_indices diag_indices diag_indices_from tril_indices_from triu_indices_from ix_ indices can_cast promote_types broadcast_shapes"
).split():
    _passive(_name)


def _compress(self, condition, axis=None):
    return FUNCTIONS["compress"](condition, self, axis)


Dual.compress = _compress
Passive.choose = lambda self, choices: FUNCTIONS["choose"](self, choices)
Dual.conj = lambda self: +self
Dual.real = property(lambda self: self)
Dual.itemsize = property(lambda self: primal(self).itemsize)
Dual.mT = property(lambda self: FUNCTIONS["swapaxes"](self, -1, -2))
