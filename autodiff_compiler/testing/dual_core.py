"""Dual numbers that behave like the NumPy arrays and scalars they stand for.

A dual is a pair (value, tangent) at one *level* of differentiation.  Levels nest: at level 2 both halves are
duals of level 1, so a derivative of a derivative needs no further rule.  An operation takes the highest level
among its operands apart and treats operands of lower levels as constants, which is what keeps two perturbations
from being confused with one another.

Arrays hold their halves in two NumPy arrays of one memory layout; every view is taken of both, so aliasing is NumPy's.
"""

from __future__ import annotations

import contextlib
import functools
import math
import operator

import numpy as np


class OracleError(Exception):
    """The reference derivative could not be computed; the comparison it was meant for has not taken place."""


class _Depth:
    """How many derivatives are being taken at the moment; arrays are born able to hold that many."""

    current = 0


@contextlib.contextmanager
def one_level_deeper():
    _Depth.current += 1
    try:
        yield _Depth.current
    finally:
        _Depth.current -= 1


def entered(rule):
    """`rule` as the user's program calls it.  What a rule computes on the way belongs to lower levels, so nothing
    is made ready for the present depth until its result comes out."""

    @functools.wraps(rule)
    def enter(*args, **kwargs):
        depth = _Depth.current
        if depth == 0:
            return rule(*args, **kwargs)
        _Depth.current = 0
        try:
            result = rule(*args, **kwargs)
        finally:
            _Depth.current = depth
        return lift(result, depth) if isinstance(result, DualArray) else owned(result)

    return enter


class _Rules(dict):
    def __setitem__(self, name, rule):
        super().__setitem__(name, entered(rule))

    def add_view(self, name, rule):
        """A rule whose result may be a view: it has the level of its base, whatever the depth."""
        super().__setitem__(name, rule)


# name of a NumPy function -> its rule; ufunc -> its rule.  Filled by the modules that define the rules.
FUNCTIONS = _Rules()
UFUNCS = _Rules()
UFUNC_METHODS = _Rules()


def level_of(x) -> int:
    """The highest level found in `x`, looking into lists, tuples and dicts."""
    if isinstance(x, Dual):
        return x.level
    if isinstance(x, (list, tuple)):
        return max((level_of(e) for e in x), default=0)
    if isinstance(x, dict):
        return max((level_of(e) for e in x.values()), default=0)
    return 0


def value_at(x, level):
    return x.val if isinstance(x, Dual) and x.level == level else x


def tangent_at(x, level):
    """The tangent of `x` at `level`, or None where it has none."""
    return x.tan if isinstance(x, Dual) and x.level == level else None


def primal(x):
    """The number or array under all levels."""
    while isinstance(x, Dual):
        x = x.val
    return x


def is_array(x) -> bool:
    return isinstance(primal(x), np.ndarray)


def shape_of(x):
    return np.shape(primal(x))


def is_structural_zero(t):
    """Where a tangent is zero with all of its own tangents (elementwise)."""
    if isinstance(t, Dual):
        return is_structural_zero(t.val) & is_structural_zero(t.tan)
    return np.equal(t, 0)


def _all_finite(t) -> bool:
    if isinstance(t, Dual):
        return _all_finite(t.val) and _all_finite(t.tan)
    if isinstance(t, np.ndarray):
        return bool(np.isfinite(t).all())
    return math.isfinite(t)


def times(partial, tangent):
    """partial * tangent, where no perturbation at all stays none even against an infinite slope."""
    product = np.multiply(partial, tangent)
    if _all_finite(product):
        return product
    zero = is_structural_zero(tangent)
    if not np.any(zero):
        return product
    return choose(zero, 0.0, product)


@entered
def choose(mask, a, b):
    """np.where on duals of any level; the arm not taken contributes nothing."""
    level = max(level_of(a), level_of(b))
    if level == 0:
        picked = np.where(mask, primal(a), primal(b))
        return picked if picked.ndim else picked[()]
    ta, tb = tangent_at(a, level), tangent_at(b, level)
    return make(
        level,
        choose(mask, value_at(a, level), value_at(b, level)),
        choose(mask, 0.0 if ta is None else ta, 0.0 if tb is None else tb),
    )


def as_numpy(x):
    """The same number with NumPy's rules for division by zero and domains: slopes never raise."""
    if isinstance(x, DualScalar):
        return DualScalar(x.level, as_numpy(x.val), x.tan)
    if isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
        return np.float64(x)
    if isinstance(x, (np.float32, np.integer, np.bool_)):
        return np.float64(x)
    if isinstance(x, np.ndarray) and x.dtype != np.float64:
        return x.astype(np.float64)
    if isinstance(x, DualArray) and primal(x).dtype != np.float64:
        return DualArray(x.level, as_numpy(x.val), x.tan)
    return x


def as_python_float(x):
    if isinstance(x, DualScalar):
        return DualScalar(x.level, as_python_float(x.val), x.tan)
    if isinstance(x, DualArray):
        if primal(x).size != 1:
            raise TypeError("only length-1 arrays can be converted to Python scalars")
        return as_python_float(x.reshape(-1)[0])
    return float(x)


def _plain(a):
    return a.view(np.ndarray) if isinstance(a, Passive) else a


def _twin(value, fill):
    """An array of tangents laid out like `value` (so that reshape is a view of both or of neither)."""
    if isinstance(value, DualArray):
        return DualArray(
            value.level,
            _twin(value.val, _half(fill, value.level, "val")),
            _twin(value.val, _half(fill, value.level, "tan")),
        )
    twin = np.empty_like(_plain(value), dtype=np.float64)
    twin[...] = fill
    return twin


def _half(x, level, which):
    if isinstance(x, Dual) and x.level == level:
        return getattr(x, which)
    return x if which == "val" else 0.0


def lift(value, level):
    """`value` (an array) as an array of exactly `level`, with zero tangents where it had none."""
    have = value.level if isinstance(value, DualArray) else 0
    value = _plain(value)
    while have < level:
        have += 1
        value = DualArray(have, value, _twin(value, 0.0))
    return value


def make(level, val, tan):
    """The dual of these halves: an array if the value is one, else a scalar."""
    if not is_array(val):
        if isinstance(tan, np.ndarray):
            tan = tan[()]
        return DualScalar(level, val, tan)
    if primal(val).dtype.kind != "f":
        raise OracleError(f"a value of dtype {primal(val).dtype} cannot carry a tangent")
    val = lift(val, level - 1)
    return DualArray(level, val, _twin(val, tan))


def owned(x):
    """Results of plain NumPy as the user's function may go on to use them: float arrays must be able to hold
    tangents written into them later, and integer arrays must hand their float results on as such.
    """
    if isinstance(x, Passive):
        return x if x.dtype.kind != "f" else lift(_plain(x), _Depth.current)
    if isinstance(x, np.ndarray):
        if x.dtype.kind == "f":
            return lift(x, _Depth.current)
        return x.view(Passive) if x.dtype.kind in "biu" else x
    if type(x) is tuple:
        return tuple(owned(e) for e in x)
    if type(x) is list:
        return [owned(e) for e in x]
    return x


class Passive(np.ndarray):
    """An integer or boolean array; floats computed from it become dual arrays."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if level_of(inputs) or level_of(out or ()):
            return apply_ufunc(ufunc, method, inputs, out, kwargs)
        plain = [_plain(x) for x in inputs]
        kwargs = _plain_tree(kwargs)
        if out is not None:
            kwargs["out"] = tuple(_plain(x) for x in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return owned(result)

    def __array_function__(self, func, types, args, kwargs):
        if any(issubclass(t, Dual) for t in types):
            return apply_function(func, args, kwargs)
        return owned(func(*_plain_tree(args), **_plain_tree(kwargs)))

    def astype(self, dtype, **kwargs):
        return owned(_plain(self).astype(real_dtype(dtype), **kwargs))

    def sum(self, *args, **kwargs):
        return owned(_plain(self).sum(*args, **kwargs))

    def mean(self, *args, **kwargs):
        return owned(_plain(self).mean(*args, **kwargs))


def _plain_tree(x):
    if isinstance(x, Passive):
        return _plain(x)
    if type(x) in (tuple, list):
        return type(x)(_plain_tree(e) for e in x)
    if type(x) is dict:
        return {k: _plain_tree(e) for k, e in x.items()}
    return x


def real_dtype(dtype):
    """The dtype a program means, also where it spells it `float` or `np.float32` through a stand-in."""
    if dtype is None:
        return None
    real = getattr(dtype, "stands_for", dtype)
    return np.dtype(real)


def apply_ufunc(ufunc, method, inputs, out, kwargs):
    if "dtype" in kwargs:
        kwargs["dtype"] = real_dtype(kwargs["dtype"])
    if method == "__call__":
        where = kwargs.pop("where", True)
        if where is not True and out is None:
            raise OracleError(f"np.{ufunc.__name__} with where= and no out= has undefined elements")
        rule = UFUNCS.get(ufunc)
        if rule is None:
            raise OracleError(f"no dual rule for np.{ufunc.__name__}")
        result = rule(*inputs, **kwargs)
        if out is None:
            return result
        return _write_out(ufunc, result, out, where)
    rule = UFUNC_METHODS.get(method)
    if rule is None:
        raise OracleError(f"no dual rule for np.{ufunc.__name__}.{method}")
    result = rule(ufunc, *inputs, **kwargs)
    return result if out is None else _write_out(ufunc, result, out, True)


def _write_out(ufunc, result, out, where):
    if len(out) != 1:
        raise OracleError(f"np.{ufunc.__name__} with several outputs")
    target = out[0]
    if shape_of(result) != shape_of(target):
        if np.broadcast_shapes(shape_of(result), shape_of(target)) != shape_of(target):
            raise ValueError("non-broadcastable output operand")
    to, source = primal(target).dtype, np.result_type(primal(result))
    if not np.can_cast(source, to, "same_kind"):
        raise TypeError(f"Cannot cast ufunc '{ufunc.__name__}' output from {source!r} to {to!r}")
    if where is True:
        target[...] = result
    else:
        target[...] = choose(primal(where), result, target)
    return target


def apply_function(func, args, kwargs):
    if rule := rule_of(func):
        return rule(*args, **kwargs)
    raise OracleError(f"no dual rule for np.{func.__name__}")


def rule_of(func):  # by its full name: np.linalg.trace is not np.trace
    return FUNCTIONS.get(f"{func.__module__}.{func.__name__}") or FUNCTIONS.get(func.__name__)


def _forward(op, ufunc):
    def method(self, other):
        return UFUNCS[ufunc](self, other, op=op) if _is_operand(other) else NotImplemented

    return method


def _backward(op, ufunc):
    def method(self, other):
        return UFUNCS[ufunc](other, self, op=op) if _is_operand(other) else NotImplemented

    return method


def _in_place(op, ufunc):
    # Only arrays change in place; on a scalar `+=` binds the name anew.
    def method(self, other):
        if not _is_operand(other):
            return NotImplemented
        return _write_out(ufunc, UFUNCS[ufunc](self, other, op=op), (self,), True)

    return method


def _comparison(op):
    def method(self, other):
        if not _is_operand(other):
            return NotImplemented
        return owned(op(primal(self), primal(other)))

    return method


def _is_operand(x) -> bool:
    return isinstance(x, (Dual, np.ndarray, np.generic, bool, int, float, list, tuple))


class Dual:
    __slots__ = ("level", "val", "tan")

    def __init__(self, level, val, tan):
        self.level = level
        self.val = val
        self.tan = tan

    def __repr__(self):
        return f"Dual{self.level}({self.val!r}, {self.tan!r})"

    # A conversion would drop the tangent; the stand-ins for float() and np.array() never come here.
    def __float__(self):
        raise OracleError("a dual number was turned into a plain float, which drops its tangent")

    def __array__(self, dtype=None, copy=None):
        raise OracleError("a dual number was turned into a plain array, which drops its tangent")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        return apply_ufunc(ufunc, method, inputs, out, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        return apply_function(func, args, kwargs)

    __add__, __radd__ = _forward(operator.add, np.add), _backward(operator.add, np.add)
    __sub__, __rsub__ = _forward(operator.sub, np.subtract), _backward(operator.sub, np.subtract)
    __mul__, __rmul__ = _forward(operator.mul, np.multiply), _backward(operator.mul, np.multiply)
    __truediv__ = _forward(operator.truediv, np.divide)
    __rtruediv__ = _backward(operator.truediv, np.divide)
    __floordiv__ = _forward(operator.floordiv, np.floor_divide)
    __rfloordiv__ = _backward(operator.floordiv, np.floor_divide)
    __mod__, __rmod__ = _forward(operator.mod, np.remainder), _backward(operator.mod, np.remainder)
    __pow__, __rpow__ = _forward(operator.pow, np.power), _backward(operator.pow, np.power)
    __matmul__ = _forward(operator.matmul, np.matmul)
    __rmatmul__ = _backward(operator.matmul, np.matmul)
    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)
    __eq__, __ne__ = _comparison(operator.eq), _comparison(operator.ne)
    __hash__ = None

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    def __neg__(self):
        return UFUNCS[np.negative](self, op=operator.neg)

    def __pos__(self):
        return UFUNCS[np.positive](self, op=operator.pos)

    def __abs__(self):
        return UFUNCS[np.absolute](self, op=operator.abs)

    def __bool__(self):
        return bool(primal(self))

    def __int__(self):
        return int(primal(self))

    def __round__(self, digits=None):
        return round(primal(self), digits) if digits is not None else round(primal(self))

    def __floor__(self):
        return math.floor(primal(self))

    def __ceil__(self):
        return math.ceil(primal(self))

    def __trunc__(self):
        return math.trunc(primal(self))

    # Attributes and methods that arrays and NumPy's scalars share.

    @property
    def shape(self):
        return primal(self).shape

    @property
    def ndim(self):
        return primal(self).ndim

    @property
    def size(self):
        return primal(self).size

    @property
    def dtype(self):
        return primal(self).dtype

    @property
    def T(self):
        return FUNCTIONS["transpose"](self)

    def item(self, *index):
        return as_python_float(self[index] if index else self)

    def astype(self, dtype, copy=True, **_):
        dtype = real_dtype(dtype)
        if not copy and dtype == self.dtype:
            return self
        return FUNCTIONS["astype"](self, dtype)

    def reshape(self, *shape, order="C"):
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return FUNCTIONS["reshape"](self, shape, order=order)

    def transpose(self, *axes):
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return FUNCTIONS["transpose"](self, axes or None)

    def is_integer(self):
        return primal(self).is_integer()

    def conjugate(self):
        return +self


def _as_method(name):
    def method(self, *args, **kwargs):
        return FUNCTIONS[name](self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    "sum mean max min prod cumsum cumprod dot copy ravel flatten clip squeeze swapaxes repeat diagonal "
    "trace var std take argmax argmin argsort any all nonzero round searchsorted"
).split():
    setattr(Dual, _name, _as_method(_name))


class DualScalar(Dual):
    """A number.  Its value is a Python float or a NumPy scalar, and keeps that one's rules."""

    __slots__ = ()

    def __format__(self, spec):
        return format(primal(self), spec)


class DualArray(Dual):
    """An array; views share both halves with their base."""

    __slots__ = ()

    __iadd__ = _in_place(operator.add, np.add)
    __isub__ = _in_place(operator.sub, np.subtract)
    __imul__ = _in_place(operator.mul, np.multiply)
    __itruediv__ = _in_place(operator.truediv, np.divide)
    __ifloordiv__ = _in_place(operator.floordiv, np.floor_divide)
    __imod__ = _in_place(operator.mod, np.remainder)
    __ipow__ = _in_place(operator.pow, np.power)
    __imatmul__ = _in_place(operator.matmul, np.matmul)

    @property
    def flat(self):
        raise OracleError("ndarray.flat")

    @property
    def nbytes(self):
        return primal(self).nbytes

    @property
    def strides(self):
        return primal(self).strides

    @property
    def flags(self):
        return primal(self).flags

    def __len__(self):
        return len(primal(self))

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        val, tan = self.val[index], self.tan[index]
        return (DualArray if is_array(val) else DualScalar)(self.level, val, tan)

    def __setitem__(self, index, value):
        if isinstance(value, (list, tuple)):
            value = from_lists(value)
        if isinstance(value, Dual) and value.level > self.level:
            raise OracleError("a tangent was written into an array that cannot hold it")
        self.val[index] = value_at(value, self.level)
        tan = tangent_at(value, self.level)
        self.tan[index] = 0.0 if tan is None else tan

    def __contains__(self, x):
        return primal(x) in primal(self)

    def fill(self, value):
        self[...] = value

    def sort(self, axis=-1):
        self[...] = FUNCTIONS["sort"](self, axis=axis)

    def tolist(self):
        return [e.tolist() if isinstance(e, DualArray) else as_python_float(e) for e in self]

    def view(self, *_):
        raise OracleError("ndarray.view")


def from_lists(x, dtype=None):
    """np.array on nested lists that may hold duals; other things come back as they are."""
    return _array_of_lists(x, dtype) if isinstance(x, (list, tuple)) else x


@entered
def _array_of_lists(x, dtype):
    level = level_of(x)
    if level == 0:
        return np.array(_plain_tree(x), dtype=dtype)
    values = from_lists(_map_lists(lambda e: value_at(e, level), x), dtype)
    if values.dtype.kind != "f":
        raise OracleError(f"a list with tangents became an array of dtype {values.dtype}")
    return make(level, values, from_lists(_map_lists(lambda e: _tangent_or_zero(e, level), x)))


def _tangent_or_zero(x, level):
    tan = tangent_at(x, level)
    return np.zeros(shape_of(x)) if tan is None else tan


def _map_lists(f, x):
    return [_map_lists(f, e) for e in x] if isinstance(x, (list, tuple)) else f(x)
