"""Slopes of the elementwise functions, written with NumPy calls so that they are differentiable themselves.

At kinks: `abs` has slope 0 at 0; `maximum` and `minimum` split ties in half; `sign`, `floor` and their kin have slope
0 everywhere; `x ** 0` has slope 0, and so has `0 ** y` in `y` for positive `y`.
"""

from __future__ import annotations

import numpy as np

from .dual_core import (
    FUNCTIONS,
    UFUNC_METHODS,
    UFUNCS,
    Dual,
    OracleError,
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


def elementwise(ufunc, *slopes):
    """`slopes[i](*operands, result)` is the partial derivative in operand i; None means zero."""

    def rule(*inputs, op=ufunc, **kwargs):
        if len(inputs) > ufunc.nin:
            # np.add(a, b, c): the output given by position
            out = inputs[ufunc.nin]
            out[...] = rule(*inputs[: ufunc.nin], op=op, **kwargs)
            return out
        inputs = [from_lists(x) for x in inputs]
        level = level_of(inputs)
        values = [value_at(x, level) for x in inputs]
        if level == 0:
            return owned(op(*values, **kwargs))
        result = rule(*values, op=op, **kwargs) if level_of(values) else op(*values, **kwargs)
        if isinstance(primal(result), complex):
            raise OracleError("a complex result")
        operands = [as_numpy(v) for v in values]
        y = as_numpy(result)
        total = 0.0
        for x, slope in zip(inputs, slopes, strict=True):
            tangent = tangent_at(x, level)
            if tangent is not None and slope is not None:
                total = np.add(total, times(slope(*operands, y), tangent))
        return make(level, result, total)

    UFUNCS[ufunc] = rule


def _flat(ufunc):
    """A function whose result is a truth value or an integer."""

    def rule(*inputs, op=ufunc, **kwargs):
        return owned(ufunc(*[primal(from_lists(x)) for x in inputs], **kwargs))

    UFUNCS[ufunc] = rule


def _where(mask, a, b):
    return choose(primal(mask), a, b)


def _power_in_base(x, y, _):
    flat = (primal(x) == 0) & (primal(y) == 0)
    return _where(flat, 0.0, np.multiply(y, np.power(x, np.subtract(y, 1.0))))


def _power_in_exponent(x, y, p):
    flat = (primal(x) == 0) & (primal(y) > 0)
    return _where(flat, 0.0, np.multiply(np.log(x), p))


def _share_of_first(wins):
    def slope(a, b, _):
        a, b = primal(a), primal(b)
        return np.where(wins(a, b) | np.isnan(a), 1.0, np.where(a == b, 0.5, 0.0))

    return slope


def _share_of_second(wins):
    first = _share_of_first(wins)
    return lambda a, b, y: 1.0 - first(a, b, y)


def one(*_):
    return 1.0


elementwise(np.add, one, one)
elementwise(np.subtract, one, lambda a, b, y: -1.0)
elementwise(np.multiply, lambda a, b, y: b, lambda a, b, y: a)
elementwise(
    np.divide, lambda a, b, y: np.divide(1.0, b), lambda a, b, y: np.negative(np.divide(y, b))
)
elementwise(np.floor_divide, None, None)
elementwise(np.remainder, one, lambda a, b, y: np.negative(np.floor_divide(primal(a), primal(b))))
elementwise(np.fmod, one, lambda a, b, y: np.negative(np.trunc(primal(a) / primal(b))))
elementwise(np.power, _power_in_base, _power_in_exponent)
elementwise(np.negative, lambda x, y: -1.0)
elementwise(np.positive, one)
elementwise(np.absolute, lambda x, y: np.sign(primal(x)))
elementwise(np.fabs, lambda x, y: np.sign(primal(x)))
elementwise(np.maximum, _share_of_first(np.greater), _share_of_second(np.greater))
elementwise(np.minimum, _share_of_first(np.less), _share_of_second(np.less))
elementwise(np.exp, lambda x, y: y)
elementwise(np.exp2, lambda x, y: np.multiply(y, np.log(2.0)))
elementwise(np.expm1, lambda x, y: np.exp(x))
elementwise(np.log, lambda x, y: np.divide(1.0, x))
elementwise(np.log2, lambda x, y: np.divide(1.0 / np.log(2.0), x))
elementwise(np.log10, lambda x, y: np.divide(1.0 / np.log(10.0), x))
elementwise(np.log1p, lambda x, y: np.divide(1.0, np.add(1.0, x)))
elementwise(np.sqrt, lambda x, y: np.divide(0.5, y))
elementwise(np.cbrt, lambda x, y: np.divide(1.0 / 3.0, np.multiply(y, y)))
elementwise(np.square, lambda x, y: np.multiply(2.0, x))
elementwise(np.reciprocal, lambda x, y: np.negative(np.multiply(y, y)))
elementwise(np.sin, lambda x, y: np.cos(x))
elementwise(np.cos, lambda x, y: np.negative(np.sin(x)))
elementwise(np.tan, lambda x, y: np.add(1.0, np.multiply(y, y)))
elementwise(np.arcsin, lambda x, y: np.divide(1.0, np.sqrt(np.subtract(1.0, np.multiply(x, x)))))
elementwise(np.arccos, lambda x, y: np.divide(-1.0, np.sqrt(np.subtract(1.0, np.multiply(x, x)))))
elementwise(np.arctan, lambda x, y: np.divide(1.0, np.add(1.0, np.multiply(x, x))))
elementwise(
    np.arctan2,
    lambda a, b, y: np.divide(b, np.add(np.multiply(a, a), np.multiply(b, b))),
    lambda a, b, y: np.negative(np.divide(a, np.add(np.multiply(a, a), np.multiply(b, b)))),
)
elementwise(
    np.hypot,
    lambda a, b, y: np.divide(a, y),
    lambda a, b, y: np.divide(b, y),
)
elementwise(np.sinh, lambda x, y: np.cosh(x))
elementwise(np.cosh, lambda x, y: np.sinh(x))
elementwise(np.tanh, lambda x, y: np.subtract(1.0, np.multiply(y, y)))
elementwise(np.arcsinh, lambda x, y: np.divide(1.0, np.sqrt(np.add(np.multiply(x, x), 1.0))))
elementwise(np.arccosh, lambda x, y: np.divide(1.0, np.sqrt(np.subtract(np.multiply(x, x), 1.0))))
elementwise(np.arctanh, lambda x, y: np.divide(1.0, np.subtract(1.0, np.multiply(x, x))))
elementwise(
    np.logaddexp,
    lambda a, b, y: np.exp(np.subtract(a, y)),
    lambda a, b, y: np.exp(np.subtract(b, y)),
)
for _ufunc in (np.sign, np.floor, np.ceil, np.trunc, np.rint):
    elementwise(_ufunc, None)
for _ufunc in (
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.equal,
    np.not_equal,
    np.isnan,
    np.isfinite,
    np.isinf,
    np.signbit,
    np.logical_and,
    np.logical_or,
    np.logical_not,
    np.logical_xor,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.left_shift,
    np.right_shift,
    np.invert,
):
    _flat(_ufunc)


def bilinear(f, a, b, op=None):
    """Products that are linear in each of two operands (matmul, dot, outer, ...)."""
    op = op or f
    a, b = from_lists(a), from_lists(b)
    level = max(level_of(a), level_of(b))
    if level == 0:
        return owned(op(a, b))
    va, vb = value_at(a, level), value_at(b, level)
    ta, tb = tangent_at(a, level), tangent_at(b, level)
    total = 0.0
    if ta is not None:
        total = np.add(total, f(ta, vb))
    if tb is not None:
        total = np.add(total, f(va, tb))
    return make(level, op(va, vb), total)


def _matmul(a, b, op=np.matmul):
    return bilinear(np.matmul, a, b, op=op)


UFUNCS[np.matmul] = _matmul
for _name in ("vecdot", "matvec", "vecmat"):
    if hasattr(np, _name):
        _product = getattr(np, _name)
        UFUNCS[_product] = lambda a, b, op=_product, **kw: bilinear(
            lambda p, q: op(p, q, **kw), a, b
        )


def _outer(ufunc, a, b, **kwargs):
    a, b = from_lists(a), from_lists(b)
    rank = len(shape_of(b))
    spread = FUNCTIONS["reshape"](a, shape_of(a) + (1,) * rank) if is_array(a) else a
    return UFUNCS[ufunc](spread, b, **kwargs)


def _reduce(ufunc, a, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):
    named = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min"}.get(ufunc)
    options = {} if initial is None else {"initial": initial}
    if dtype is not None:
        options["dtype"] = dtype
    if where is not True:
        options["where"] = where
    if named is not None:
        return FUNCTIONS[named](a, axis=axis, keepdims=keepdims, **options)
    if ufunc in (np.logical_and, np.logical_or):
        return owned(ufunc.reduce(primal(a), axis=axis, keepdims=keepdims))
    if options:
        raise OracleError(f"np.{ufunc.__name__}.reduce with {', '.join(options)}")
    parts = _slices(a, axis)
    total = parts[0]
    for part in parts[1:]:
        total = UFUNCS[ufunc](total, part)
    return FUNCTIONS["expand_dims"](total, axis) if keepdims else total


def _slices(a, axis):
    rank = len(shape_of(a))
    if not isinstance(axis, int):
        raise OracleError("a reduction of this ufunc over several axes")
    before = (slice(None),) * (axis % rank)
    return [a[before + (i,)] for i in range(shape_of(a)[axis])]


def _accumulate(ufunc, a, axis=0, dtype=None, out=None):
    a = from_lists(a)
    if not isinstance(a, Dual):
        return owned(ufunc.accumulate(a, axis=axis, dtype=dtype))
    result = FUNCTIONS["copy"](a) if dtype is None else a.astype(dtype)
    before = (slice(None),) * (axis % len(shape_of(a)))
    for i in range(1, shape_of(a)[axis]):
        result[before + (i,)] = UFUNCS[ufunc](result[before + (i - 1,)], a[before + (i,)])
    return result


def _at(ufunc, a, index, b=None):
    """Unbuffered in-place operation: an element named twice is changed twice."""
    if b is None:
        raise OracleError(f"np.{ufunc.__name__}.at with one operand")
    if not isinstance(a, Dual):
        raise OracleError("a tangent was written into an array that cannot hold it")
    b = from_lists(b)
    place = np.arange(a.size).reshape(a.shape)[index]
    values = np.broadcast_to(0, np.shape(place)) + b if np.ndim(place) else b
    flat_places = np.ravel(place)
    flat_values = FUNCTIONS["ravel"](values) if np.ndim(place) else [values]
    if shape_of(values) != np.shape(place) and np.ndim(place):
        raise ValueError("array is not broadcastable to correct shape")
    for k, flat in enumerate(flat_places):
        where = tuple(int(i) for i in np.unravel_index(flat, a.shape))
        a[where] = UFUNCS[ufunc](a[where], flat_values[k])
    return None


for _method in (_outer, _reduce, _accumulate, _at):
    UFUNC_METHODS[_method.__name__.strip("_")] = _method
