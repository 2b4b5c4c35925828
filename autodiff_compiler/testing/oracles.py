"""Reference derivatives that know nothing of the compiler: dual numbers, differences, and the dot-product test."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import math

import numpy as np

from .dual_core import (
    FUNCTIONS,
    Dual,
    DualArray,
    DualScalar,
    OracleError,
    Passive,
    _twin,
    from_lists,
    lift,
    one_level_deeper,
    primal,
    shape_of,
)
from .rebuild import Rebuilder


def jvp_dual(f, args, tangents):
    """(f(*args), J tangents).  `tangents` mirrors `args`; None stands for no perturbation."""
    with np.errstate(all="ignore"):
        value, tangent = push_forward(_fresh(f), args, tangents)
    return value, tangent


def grad_dual(f, args, argnums=0, *, has_aux=False):
    """The gradient of a scalar function, one pass for each number in the arguments named."""
    with np.errstate(all="ignore"):
        return gradient_of(_fresh(f), args, argnums, has_aux=has_aux)[2]


def value_and_grad_dual(f, args, argnums=0):
    with np.errstate(all="ignore"):
        value, _, gradients = gradient_of(_fresh(f), args, argnums)
    return value, gradients


def hvp_dual(f, args, tangents, argnums=0):
    """The derivative of the gradient in the direction of `tangents`."""
    fresh = _fresh(f)

    def gradient():
        return lambda *inner_args: gradient_of(fresh, inner_args, argnums)[2]

    with np.errstate(all="ignore"):
        return push_forward(gradient, args, tangents)[1]


def hessian_dual(f, args, argnums=0):
    """The second derivatives of f in one argument, a number or an array, by nested duals."""
    x = args[argnums]
    columns = []
    for seed in _unit_seeds(x):
        tangents = [seed if k == argnums else None for k in range(len(args))]
        columns.append(hvp_dual(f, args, tangents, argnums))
    if np.ndim(x) == 0:
        return columns[0]
    return np.moveaxis(np.array(columns), 0, -1).reshape(np.shape(x) * 2)


def _fresh(f):
    def make():
        rebuild = Rebuilder()
        run = rebuild(f)

        @functools.wraps(run)
        def with_own_objects(*args, **kwargs):
            return run(*map(rebuild.argument, args), **kwargs)

        return with_own_objects

    return make


def push_forward(fresh, args, tangents):
    """One pass at one more level.  `fresh` makes the function, inside that level."""
    # The seeds are made of numbers of the level outside, before the new one begins.
    own = [map_tree(_own_copy, a) for a in args]
    with one_level_deeper() as level:
        run = fresh()
        seeded = [_seed(a, t, level) for a, t in zip(own, tangents, strict=True)]
        result = run(*seeded)
    return _split(result, level, 0), _split(result, level, 1)


def gradient_of(fresh, args, argnums, *, has_aux=False):
    """(value, aux, gradients) for argnums as `grad` takes them."""
    numbers = argument_numbers(fresh(), argnums)
    results = {}

    def run(tangents):
        value, tangent = push_forward(fresh, args, tangents)
        results["value"], results["aux"] = value if has_aux else (value, None)
        slope = tangent[0] if has_aux else tangent
        if shape_of(slope) != ():
            raise OracleError(
                f"the function gave a result of shape {shape_of(slope)}, not a number"
            )
        return slope

    gradients = []
    for k in numbers:
        slopes = iter([run(_only(args, k, seed)) for seed in _unit_seeds(args[k])])
        gradients.append(_fill(args[k], slopes))
    if "value" not in results:
        run([None] * len(args))
    alone = not isinstance(argnums, (tuple, list))
    return results["value"], results["aux"], gradients[0] if alone else tuple(gradients)


def _only(args, k, seed):
    return [seed if i == k else None for i in range(len(args))]


def argument_numbers(f, argnums):
    names = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if all(isinstance(n, int) for n in names):
        return list(names)
    order = list(inspect.signature(f).parameters)
    return [n if isinstance(n, int) else order.index(n) for n in names]


def positional(f, args, kwargs):
    if not kwargs:
        return args
    bound = inspect.signature(f).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


# Trees: tuples, lists, dicts, and objects of them; leaves are numbers and arrays.


def rebuild_container(x, parts):
    if isinstance(x, dict):
        return dict(zip(x, parts, strict=True))
    if hasattr(x, "_fields"):
        return type(x)(*parts)
    if isinstance(x, (list, tuple)):
        return type(x)(parts)
    clone = copy.copy(x)
    for name, part in zip(_field_names(x), parts, strict=True):
        object.__setattr__(clone, name, part)
    return clone


def _field_names(x):
    return [field.name for field in dataclasses.fields(x)]


def children(x):
    """The parts of a container, or None of a leaf."""
    if isinstance(x, dict):
        return list(x.values())
    if isinstance(x, (list, tuple)):
        return list(x)
    if hasattr(x, "__dataclass_fields__") and not isinstance(x, type):
        return [getattr(x, name) for name in _field_names(x)]
    return None


def map_tree(f, x, *others):
    parts = children(x)
    if parts is None:
        return f(x, *others)
    columns = [children(o) if o is not None else [None] * len(parts) for o in others]
    return rebuild_container(
        x, [map_tree(f, p, *rest) for p, *rest in zip(parts, *columns, strict=True)]
    )


def leaves(x):
    parts = children(x)
    return [x] if parts is None else [leaf for p in parts for leaf in leaves(p)]


def is_float_leaf(x) -> bool:
    value = primal(x)
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f"
    return isinstance(value, (float, np.floating))


def _seed(arg, tangent, level):
    return map_tree(lambda x, t: _seed_leaf(x, t, level), arg, tangent)


def _own_copy(x):
    if isinstance(x, DualArray):
        return FUNCTIONS["copy"](x)
    return np.array(x, copy=True) if isinstance(x, np.ndarray) else x


def _seed_leaf(x, t, level):
    value = primal(x)
    if isinstance(value, np.ndarray):
        if not is_float_leaf(x):
            return value.view(Passive)
        low = lift(x, level - 1)
        return DualArray(level, low, _twin(low, 0.0 if t is None else t))
    if t is None or not is_float_leaf(x):
        return x
    return DualScalar(level, x, t if isinstance(t, Dual) else np.float64(t))


def _split(x, level, half):
    if children(x) is not None:
        return rebuild_container(x, [_split(p, level, half) for p in children(x)])
    if isinstance(x, Dual) and x.level == level:
        return (x.val, x.tan)[half]
    if half == 0:
        return np.asarray(x) if isinstance(x, Passive) else x
    return np.zeros(shape_of(x))[()] if not isinstance(x, (str, type(None))) else None


def _unit_seeds(x):
    """Tangents for `x`, one for each of its numbers, in the order of its leaves."""
    parts = children(x)
    if parts is not None:
        for k, part in enumerate(parts):
            for seed in _unit_seeds(part):
                yield rebuild_container(x, [seed if i == k else None for i in range(len(parts))])
        return
    if not is_float_leaf(x):
        return
    if not isinstance(primal(x), np.ndarray):
        yield 1.0
        return
    for index in np.ndindex(shape_of(x)):
        seed = np.zeros(shape_of(x))
        seed[index] = 1.0
        yield seed


def _fill(x, slopes):
    """A container like `x` of the slopes, in the order of `_unit_seeds`."""
    parts = children(x)
    if parts is not None:
        return rebuild_container(x, [_fill(p, slopes) for p in parts])
    if not is_float_leaf(x):
        return None
    if not isinstance(primal(x), np.ndarray):
        slope = next(slopes)
        return slope if isinstance(slope, Dual) else float(slope)
    flat = [next(slopes) for _ in range(primal(x).size)]
    stacked = from_lists(flat) if flat else np.zeros(0)
    return stacked.reshape(shape_of(x))


def inner(a, b):
    """The inner product of two trees of numbers."""
    if children(a) is not None:
        return sum(inner(p, q) for p, q in zip(children(a), children(b), strict=True))
    return np.sum(np.multiply(a, b))


# Central differences.


def grad_numeric(f, args, argnums=0):
    """(gradient, error) trees by central differences with Richardson extrapolation.  Where an argument is no
    container, an array or a float each; the error is an estimate for each entry."""
    numbers = argument_numbers(f, argnums)
    pairs = [_differences(f, args, k) for k in numbers]
    if not isinstance(argnums, (tuple, list)):
        return pairs[0]
    return tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)


def _differences(f, args, k):
    slopes, errors = [], []
    for seed in _unit_seeds(args[k]):
        scale = _scale_at(args[k], seed)
        slope, error = _one_slope(
            lambda h, s=seed: _value_moved(f, args, k, s, h), scale, _precision(args)
        )
        slopes.append(slope)
        errors.append(error)
    return _fill(args[k], iter(slopes)), _fill(args[k], iter(errors))


def _scale_at(x, seed):
    parts = children(x)
    if parts is not None:
        return max(
            (_scale_at(p, s) for p, s in zip(parts, children(seed), strict=True) if s is not None),
            default=1.0,
        )
    at = np.max(np.abs(np.asarray(x)[np.asarray(seed) != 0]), initial=0.0) if np.ndim(x) else abs(x)
    return min(max(float(at), 0.1), 10.0) if math.isfinite(at) else 1.0


def _value_moved(f, args, k, seed, h):
    moved = [copy.deepcopy(a) for a in args]
    moved[k] = map_tree(lambda x, s: x if s is None else _shifted(x, h * s), moved[k], seed)
    with np.errstate(all="ignore"):
        return float(f(*moved))


def _shifted(x, by):
    return (x + by).astype(x.dtype) if isinstance(x, (np.ndarray, np.generic)) else x + by


def _precision(args):
    """The relative rounding of the coarsest float among the arguments."""
    dtypes = [np.asarray(leaf).dtype for leaf in leaves(list(args)) if is_float_leaf(leaf)]
    return max((float(np.finfo(d).eps) for d in dtypes), default=float(np.finfo(float).eps))


def _one_slope(value, scale, precision):
    """Ridders' method: extrapolate central differences to zero step, and keep the best column."""
    shrink, steps = 1.6, 11
    h = 0.05 * scale
    table: list[list[float]] = []
    best, error = math.nan, math.inf
    for i in range(steps):
        up, down = value(h), value(-h)
        row = [(up - down) / (2 * h)]
        rounding = 4 * precision * (abs(up) + abs(down)) / h
        factor = shrink**2
        for j in range(1, i + 1):
            row.append((row[j - 1] * factor - table[-1][j - 1]) / (factor - 1))
            factor *= shrink**2
            guess = max(abs(row[j] - row[j - 1]), abs(row[j] - table[-1][j - 1])) + rounding
            if guess <= error:
                best, error = row[j], guess
        table.append(row)
        h /= shrink
    return best, 2 * error


# The dot-product test.


def dot_product_sides(f, args, pullback, cotangent, tangents):
    """<u, J v> by dual numbers and <J^T u, v> by the pullback under test: equal if it is right."""
    _, pushed = jvp_dual(f, args, tangents)
    pulled = pullback(cotangent)
    left = inner(cotangent, pushed)
    right = 0.0
    for p, v in zip(pulled, tangents, strict=True):
        if v is not None:
            right += inner(p, v)
    return float(left), float(right)
