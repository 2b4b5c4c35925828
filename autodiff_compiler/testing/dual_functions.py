"""Rules for NumPy functions on dual arrays: shapes, reductions, products, sorting, joining."""

from __future__ import annotations

import numpy as np

from .dual_core import (
    FUNCTIONS,
    Dual,
    DualArray,
    DualScalar,
    OracleError,
    Passive,
    choose,
    from_lists,
    is_array,
    level_of,
    make,
    owned,
    primal,
    real_dtype,
    shape_of,
    tangent_at,
    value_at,
)
from .dual_ufuncs import bilinear


def rule(name=None):
    def register(f):
        FUNCTIONS[name or f.__name__.strip("_")] = f
        return f

    return register


def _call(name, x, *args, **kwargs):
    """The rule where there is a dual, NumPy's own function where there is none."""
    if level_of(x):
        return FUNCTIONS[name](x, *args, **kwargs)
    return _find(name)(x, *args, **kwargs)


def _find(name):
    return getattr(np.linalg, name[7:]) if name.startswith("linalg.") else getattr(np, name)


def _same_function_of_both_halves(name):
    """Functions linear in their first argument; what they return of an array is a view of it or is not, alike
    for both halves."""

    def linear(x, *args, **kwargs):
        x = from_lists(x)
        if not isinstance(x, Dual):
            return owned(_find(name)(x, *args, **kwargs))
        val = _call(name, x.val, *args, **kwargs)
        tan = _call(name, x.tan, *args, **kwargs)
        return (DualArray if is_array(val) else DualScalar)(x.level, val, tan)

    FUNCTIONS.add_view(name, linear)


for _name in (
    "reshape ravel transpose permute_dims matrix_transpose squeeze swapaxes moveaxis rollaxis expand_dims "
    "broadcast_to atleast_1d atleast_2d atleast_3d diagonal flip fliplr flipud rot90 real"
).split():
    if hasattr(np, _name):
        _same_function_of_both_halves(_name)


def _fresh_linear(name):
    """Linear functions whose result is always a new array."""

    def linear(x, *args, dtype=None, out=None, **kwargs):
        x = from_lists(x)
        if dtype is not None:
            x = x.astype(dtype) if is_array(x) else x
        level = level_of(x)
        if level == 0:
            result = owned(_find(name)(x, *args, **kwargs))
        else:
            args, kwargs = _without_duals(args), _without_duals(kwargs)
            result = make(
                level, _call(name, x.val, *args, **kwargs), _call(name, x.tan, *args, **kwargs)
            )
        if out is None:
            return result
        out[...] = result
        return out

    FUNCTIONS[name] = linear


def _without_duals(x):
    if level_of(x):
        raise OracleError("a dual number in a place that must be a constant")
    return x


for (
    _name
) in "sum mean cumsum trace repeat tile roll tril triu diag diff take delete nansum".split():
    _fresh_linear(_name)


def _with_initial(name):
    plain = FUNCTIONS[name]

    def affine(x, *args, initial=None, **kwargs):
        total = plain(x, *args, **kwargs)
        return total if initial is None else np.add(total, initial)

    FUNCTIONS[name] = affine


_with_initial("sum")


@rule()
def copy(x, order="K", subok=False):
    x = from_lists(x)
    if not isinstance(x, Dual):
        return owned(np.array(x, copy=True))
    if isinstance(x, DualScalar):
        return x
    halves = _call("copy", x.val, order=order), _call("copy", x.tan, order=order)
    return DualArray(x.level, *halves)


@rule()
def flatten(x, order="C"):
    return copy(FUNCTIONS["ravel"](x, order), order="C")


@rule()
def array(obj, dtype=None, copy=True, ndmin=0, order="K", **_):
    """np.array and np.asarray of anything that may hold duals."""
    dtype = real_dtype(dtype)
    if not level_of(obj):
        return owned(
            np.array(_plain_values(obj), dtype=dtype, copy=True if copy else None, ndmin=ndmin)
        )
    if isinstance(obj, DualArray):
        if dtype is not None and dtype != obj.dtype:
            return obj.astype(dtype)
        return FUNCTIONS["copy"](obj, order=order) if copy else obj
    if isinstance(obj, DualScalar):
        obj = make(obj.level, array(obj.val, dtype=dtype), _as_array(obj.tan))
        return obj
    result = from_lists(obj, dtype)
    return result


def _as_array(t):
    return t if is_array(t) else array(t) if isinstance(t, Dual) else np.asarray(t)


def _plain_values(x):
    return x.view(np.ndarray) if isinstance(x, Passive) else x


@rule()
def asarray(obj, dtype=None, **_):
    return array(obj, dtype=dtype, copy=False)


FUNCTIONS["ascontiguousarray"] = lambda obj, dtype=None: array(obj, dtype=dtype, copy=False)


def _like(name):
    real = getattr(np, name)

    def creation(x, *args, dtype=None, **kwargs):
        value = primal(from_lists(x))
        return owned(real(_plain_values(value), *args, dtype=real_dtype(dtype), **kwargs))

    FUNCTIONS[name] = creation


for _name in ("zeros_like", "ones_like", "empty_like"):
    _like(_name)


@rule()
def full(shape, fill_value, dtype=None, **_):
    fill = from_lists(fill_value)
    if not isinstance(fill, Dual):
        return owned(np.full(shape, _plain_values(fill), real_dtype(dtype)))
    dtype = real_dtype(dtype) or np.result_type(np.asarray(primal(fill)))
    return make(fill.level, full(shape, fill.val, dtype), full(shape, fill.tan, np.float64))


@rule()
def full_like(x, fill_value, dtype=None, **_):
    value = primal(from_lists(x))
    return full(np.shape(value), fill_value, dtype or value.dtype)


@rule()
def astype(x, dtype, copy=True):
    dtype = real_dtype(dtype)
    if dtype.kind != "f":
        return owned(primal(x).astype(dtype))
    return make(
        x.level, astype(x.val, dtype) if isinstance(x.val, Dual) else x.val.astype(dtype), x.tan
    )


@rule()
def where(condition, *arms):
    mask = primal(from_lists(condition))
    if not arms:
        return owned(np.where(_plain_values(mask)))
    a, b = (from_lists(x) for x in arms)
    return owned(_where_by_level(_plain_values(mask), a, b))


def _where_by_level(mask, a, b):
    level = max(level_of(a), level_of(b))
    if level == 0:
        return np.where(mask, a, b)
    ta, tb = tangent_at(a, level), tangent_at(b, level)
    return make(
        level,
        _where_by_level(mask, value_at(a, level), value_at(b, level)),
        choose(mask, 0.0 if ta is None else ta, 0.0 if tb is None else tb),
    )


def _extreme(name):
    real = getattr(np, name)

    def reduction(x, axis=None, out=None, keepdims=False, **options):
        x = from_lists(x)
        initial = options.pop("initial", None)
        if initial is not None:
            pairwise = np.maximum if name in ("max", "amax") else np.minimum
            return pairwise(reduction(x, axis, out, keepdims, **options), initial)
        if options:
            raise OracleError(f"np.{name} with {', '.join(options)}")
        if not isinstance(x, Dual):
            result = owned(real(x, axis=axis, keepdims=keepdims))
        else:
            flat = primal(x)
            top = real(flat, axis=axis, keepdims=True)
            ties = (flat == top) | (np.isnan(flat) & np.isnan(top))
            share = ties / np.sum(ties, axis=axis, keepdims=True)
            tan = np.sum(np.multiply(share, x.tan), axis=axis, keepdims=keepdims)
            result = make(x.level, _call(name, x.val, axis=axis, keepdims=keepdims), tan)
        if out is None:
            return result
        out[...] = result
        return out

    FUNCTIONS[name] = reduction


for _name in ("max", "min", "amax", "amin"):
    _extreme(_name)


@rule()
def prod(x, axis=None, dtype=None, out=None, keepdims=False, initial=None):
    if initial is not None:
        return np.multiply(prod(x, axis, dtype, out, keepdims), initial)
    x = from_lists(x)
    if not isinstance(x, Dual):
        return owned(np.prod(x, axis=axis, keepdims=keepdims))
    if axis is None:
        result = 1.0
        for i in range(x.size):
            result = np.multiply(result, FUNCTIONS["ravel"](x)[i])
        return FUNCTIONS["reshape"](array(result), (1,) * len(x.shape)) if keepdims else result
    moved = FUNCTIONS["moveaxis"](x, axis, 0)
    result = np.ones(moved.shape[1:])
    for i in range(len(moved)):
        result = np.multiply(result, moved[i])
    return FUNCTIONS["expand_dims"](result, axis) if keepdims else result


@rule()
def cumprod(x, axis=None):
    x = FUNCTIONS["ravel"](x) if axis is None else x
    return np.multiply.accumulate(x, axis=0 if axis is None else axis)


@rule()
def var(x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, correction=None):
    if dtype is not None or out is not None:
        raise OracleError("np.var with dtype= or out=")
    ddof = ddof if correction is None else correction
    mean = FUNCTIONS["mean"](x, axis=axis, keepdims=True)
    n = x.size / np.size(primal(mean))
    return np.divide(
        FUNCTIONS["sum"](np.square(np.subtract(x, mean)), axis=axis, keepdims=keepdims), n - ddof
    )


@rule()
def std(x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, correction=None):
    return np.sqrt(var(x, axis, dtype, out, ddof, keepdims, correction))


@rule()
def clip(x, a_min=None, a_max=None, out=None, min=None, max=None):
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        x = np.maximum(x, low)
    if high is not None:
        x = np.minimum(x, high)
    if out is None:
        return x
    out[...] = x
    return out


@rule()
def round(x, decimals=0, out=None):
    if not is_array(x):
        return owned(np.round(primal(x), decimals))
    return make(x.level, _call("round", x.val, decimals), 0.0)


FUNCTIONS["around"] = FUNCTIONS["round"]


def _bilinear_function(name):
    real = getattr(np, name)

    def product(a, b, *args, out=None, **kwargs):
        result = bilinear(lambda p, q: real(p, q, *args, **kwargs), a, b)
        if out is None:
            return result
        out[...] = result
        return out

    FUNCTIONS[name] = product


for _name in "dot outer inner vdot tensordot kron convolve correlate".split():
    _bilinear_function(_name)


@rule()
def cross(a, b, **kwargs):
    return bilinear(lambda p, q: np.cross(p, q, **kwargs), a, b)


@rule()
def einsum(subscripts, *operands, **kwargs):
    level = level_of(operands)
    if level == 0:
        return owned(np.einsum(subscripts, *operands, **kwargs))
    values = [value_at(x, level) for x in operands]
    total = 0.0
    for k, x in enumerate(operands):
        tangent = tangent_at(x, level)
        if tangent is not None:
            varied = [*values[:k], tangent, *values[k + 1 :]]
            total = np.add(total, np.einsum(subscripts, *varied, **kwargs))
    return make(level, np.einsum(subscripts, *values, **kwargs), total)


def _joining(name):
    real = getattr(np, name)

    def join(parts, *args, out=None, dtype=None, **kwargs):
        parts = [from_lists(p) for p in parts] if not isinstance(parts, Dual) else parts
        level = level_of(parts)
        if level == 0:
            return owned(real([_plain_values(p) for p in parts], *args, **kwargs))
        if isinstance(parts, Dual):
            parts = list(parts)
        values = [value_at(p, level) for p in parts]
        tangents = [_tangent_like(p, level) for p in parts]
        return make(
            level, _call(name, values, *args, **kwargs), _call(name, tangents, *args, **kwargs)
        )

    FUNCTIONS[name] = join


def _tangent_like(x, level):
    tan = tangent_at(x, level)
    return np.zeros(shape_of(x)) if tan is None else tan


for _name in "concatenate stack hstack vstack column_stack dstack".split():
    _joining(_name)


@rule()
def append(arr, values, axis=None):
    arr, values = array(arr, copy=False), array(values, copy=False)
    if axis is None:
        arr, values, axis = FUNCTIONS["ravel"](arr), FUNCTIONS["ravel"](values), 0
    return FUNCTIONS["concatenate"]([arr, values], axis=axis)


@rule()
def split(x, sections, axis=0):
    where_from = np.split(np.arange(x.shape[axis]), sections)
    before = (slice(None),) * (axis % x.ndim)
    return [x[(*before, slice(p[0], p[-1] + 1) if len(p) else slice(0, 0))] for p in where_from]


@rule()
def linspace(start, stop, num=50, endpoint=True, retstep=False, **_):
    parts = max(num - 1, 1) if endpoint else num
    rank = max(len(shape_of(start)), len(shape_of(stop)))
    steps = (np.arange(num) / parts).reshape((-1,) + (1,) * rank)
    result = np.add(start, np.multiply(np.subtract(stop, start), steps))
    return (result, np.divide(np.subtract(stop, start), parts)) if retstep else result


@rule()
def copyto(dst, src, where=True):
    dst[...] = src if where is True else choose(primal(where), src, dst)


@rule()
def sort(x, axis=-1, **_):
    order = np.argsort(primal(x), axis=axis, kind="stable")
    return take_along_axis(x, order, axis)


@rule()
def take_along_axis(x, indices, axis):
    real = np.take_along_axis
    if not isinstance(x, Dual):
        return real(x, indices, axis)
    return make(
        x.level, take_along_axis(x.val, indices, axis), take_along_axis(x.tan, indices, axis)
    )


def _flat_function(name):
    real = getattr(np, name)

    def flat(*args, **kwargs):
        return owned(
            real(
                *(_primal_tree(a) for a in args), **{k: _primal_tree(a) for k, a in kwargs.items()}
            )
        )

    FUNCTIONS[name] = flat


def _primal_tree(x):
    if type(x) in (list, tuple):
        return type(x)(_primal_tree(e) for e in x)
    return _plain_values(primal(x))


for _name in (
    "argmax argmin argsort nonzero flatnonzero argwhere any all count_nonzero searchsorted digitize array_equal "
    "allclose isclose shape ndim size may_share_memory shares_memory result_type iscomplexobj isscalar"
).split():
    _flat_function(_name)


@rule()
def polyval(coefficients, x):
    result = np.multiply(0.0, x)
    for c in coefficients:
        result = np.add(np.multiply(result, x), c)
    return result


@rule()
def trapezoid(y, x=None, dx=1.0, axis=-1):
    if len(shape_of(y)) != 1:
        raise OracleError("np.trapezoid of more than one dimension")
    step = dx if x is None else np.subtract(x[1:], x[:-1])
    return FUNCTIONS["sum"](np.multiply(step, np.multiply(0.5, np.add(y[1:], y[:-1]))))
