"""What the user's function finds under the names `np`, `math`, `float`, `isinstance` while it runs on duals."""

from __future__ import annotations

import builtins
import math
import operator
import types

import numpy as np

from . import dual_linalg, dual_special, dual_stats, dual_subscripts, dual_tables  # noqa: F401
from .dual_core import (
    UFUNCS,
    Dual,
    DualArray,
    OracleError,
    apply_ufunc,
    as_python_float,
    from_lists,
    is_structural_zero,
    level_of,
    owned,
    primal,
    rule_of,
)
from .dual_functions import _primal_tree


class _StandInType(type):
    """Types that programs use in three roles: to convert, to ask isinstance, and as a dtype."""

    def __call__(cls, *args, **kwargs):
        return cls.convert(*args, **kwargs)

    def __instancecheck__(cls, x):
        return is_instance(x, cls.stands_for)

    def __eq__(cls, other):
        return getattr(other, "stands_for", other) is cls.stands_for

    def __hash__(cls):
        return hash(cls.stands_for)


class FloatStandIn(float, metaclass=_StandInType):
    stands_for = float

    @staticmethod
    def convert(x=0.0):
        return as_python_float(x) if isinstance(x, Dual) else float(x)


def _numpy_float(real):
    def convert(x=0.0):
        if not isinstance(x, (Dual, list, tuple)):
            return owned(real(x))
        x = from_lists(x)
        if not isinstance(x, Dual):
            return owned(real(x))
        return _convert_scalar(x, real) if not isinstance(x, DualArray) else x.astype(real)

    return _StandInType(
        real.__name__, (real,), {"stands_for": real, "convert": staticmethod(convert)}
    )


def _convert_scalar(x, real):
    return type(x)(
        x.level, _convert_scalar(x.val, real) if isinstance(x.val, Dual) else real(x.val), x.tan
    )


FLOATS = {np.float64: _numpy_float(np.float64), np.float32: _numpy_float(np.float32)}


def is_instance(x, kinds):
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    kinds = tuple(getattr(k, "stands_for", k) for k in kinds)
    if isinstance(x, Dual):
        return issubclass(type(primal(x)), kinds)
    return builtins.isinstance(x, kinds)


def real_things(x):
    """Arguments for NumPy itself: stand-ins for types replaced by the types."""
    if hasattr(x, "stands_for"):
        return x.stands_for
    return x


class UfuncStandIn:
    def __init__(self, ufunc):
        self._ufunc = ufunc
        self.__name__ = ufunc.__name__

    def __call__(self, *args, out=None, **kwargs):
        if out is not None and not isinstance(out, tuple):
            out = (out,)
        return apply_ufunc(self._ufunc, "__call__", args, out, kwargs)

    def _method(self, name, *args, out=None, **kwargs):
        if out is not None and not isinstance(out, tuple):
            out = (out,)
        if name != "at":  # whose second operand is an index, and may be a ragged tuple
            args = tuple(from_lists(a) for a in args)
        if not level_of(args):
            plain = [_primal_tree(a) for a in args]
            if name == "at":
                return getattr(self._ufunc, name)(*plain)
            result = owned(getattr(self._ufunc, name)(*plain, **_real_keywords(kwargs)))
            if out is None:
                return result
            out[0][...] = result
            return out[0]
        return apply_ufunc(self._ufunc, name, args, out, kwargs)

    def outer(self, *args, **kwargs):
        return self._method("outer", *args, **kwargs)

    def reduce(self, *args, **kwargs):
        return self._method("reduce", *args, **kwargs)

    def accumulate(self, *args, **kwargs):
        return self._method("accumulate", *args, **kwargs)

    def reduceat(self, *args, **kwargs):
        return self._method("reduceat", *args, **kwargs)

    def at(self, *args):
        return self._method("at", *args)


def _real_keywords(kwargs):
    return {k: real_things(v) for k, v in kwargs.items()}


class FunctionStandIn:
    """A NumPy function: its dual rule if it has one; else NumPy itself, provided no tangent would be lost."""

    def __init__(self, real):
        self._real = real
        self.__name__ = getattr(real, "__name__", type(real).__name__)

    def __call__(self, *args, **kwargs):
        rule = rule_of(self._real)
        if rule is not None:
            return rule(*args, **kwargs)
        return call_passively(self._real, args, kwargs)


def call_passively(real, args, kwargs):
    tangents_lost(real, args)
    tangents_lost(real, list(kwargs.values()))
    args = [_primal_tree(real_things(a)) for a in args]
    kwargs = {k: _primal_tree(real_things(a)) for k, a in kwargs.items()}
    return owned(real(*args, **kwargs))


def tangents_lost(function, x):
    if isinstance(x, Dual):
        if not np.all(is_structural_zero(x.tan)):
            raise OracleError(f"no dual rule for {getattr(function, '__name__', function)}")
        tangents_lost(function, x.val)
    elif isinstance(x, (list, tuple)):
        for e in x:
            tangents_lost(function, e)


class NumpyStandIn:
    def __init__(self, module):
        self._module = module
        self.__name__ = module.__name__

    def __getattr__(self, name):
        found = stand_in(getattr(self._module, name))
        self.__dict__[name] = found
        return found


_MATH_AS_UFUNC = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "pow": np.power,
    "fabs": np.fabs,
    "fmod": np.fmod,
    "hypot": np.hypot,
}
_MATH_FLAT = {"isnan", "isfinite", "isinf", "isclose", "floor", "ceil", "trunc"}


class MathFunction:
    def __init__(self, name):
        self.__name__ = name
        self._real = getattr(math, name)

    def __call__(self, *args, **kwargs):
        if not level_of(args):
            return self._real(*args, **kwargs)
        args = [as_python_float(a) if isinstance(a, Dual) else a for a in args]
        name = self.__name__
        if name == "log" and len(args) == 2:
            log = MathFunction("log")
            return log(args[0]) / log(args[1])
        if name in _MATH_AS_UFUNC and (name != "hypot" or len(args) == 2):
            return UFUNCS[_MATH_AS_UFUNC[name]](*args, op=self._real)
        if name in _MATH_FLAT:
            return self._real(*[primal(a) for a in args], **kwargs)
        found = dual_special.math_rule(name, args)
        if found is not None:
            return _as_python(found)
        raise OracleError(f"no dual rule for math.{name}")


def _as_python(x):
    """`math` gives Python's own floats."""
    if isinstance(x, tuple):
        return tuple(_as_python(e) for e in x)
    return as_python_float(x) if isinstance(x, Dual) else x


class MathStandIn:
    def __getattr__(self, name):
        return stand_in(getattr(math, name))


def stand_in(x):
    """The stand-in for something of NumPy's, math's or Python's own; other things come back as they are."""
    dual_special.ensure()
    if isinstance(x, np.ufunc):
        return UfuncStandIn(x)
    if isinstance(x, type):
        if x is float:
            return FloatStandIn
        return FLOATS.get(x, x)
    if x is math:
        return MathStandIn()
    if isinstance(x, types.ModuleType) and x.__name__.split(".")[0] in ("numpy", "scipy"):
        return NumpyStandIn(x)
    if isinstance(x, types.BuiltinFunctionType) and getattr(math, x.__name__, None) is x:
        return MathFunction(x.__name__)
    if getattr(x, "__module__", None) in ("operator", "_operator") or x is operator:
        return x
    joined = dual_subscripts.stand_in(x)
    if joined is not None:
        return joined
    if dual_stats.is_norm(x):
        return dual_stats.Norm()
    if isinstance(x, types.MethodType) and dual_stats.is_norm(x.__self__):
        return getattr(dual_stats.Norm(), x.__name__)
    if callable(x) and _home(x) in ("numpy", "scipy"):
        return FunctionStandIn(x)
    return x


def _home(x):
    return (getattr(x, "__module__", None) or "").split(".")[0]


def _import(name, *args, **kwargs):
    return stand_in(builtins.__import__(name, *args, **kwargs))


BUILTINS = dict(builtins.__dict__, float=FloatStandIn, isinstance=is_instance, __import__=_import)
