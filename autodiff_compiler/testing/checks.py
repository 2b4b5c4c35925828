"""check_grads: a compiled gradient against two references that share nothing with the compiler."""

from __future__ import annotations

import math

import numpy as np

from .dual_core import OracleError
from .oracles import (
    argument_numbers,
    children,
    grad_dual,
    grad_numeric,
    hvp_dual,
    is_float_leaf,
    leaves,
    map_tree,
)


def check_grads(f, args, argnums=0, *, order=1, backends=("python", "c"), rtol=1e-7, atol=1e-12):
    """Raise AssertionError, with a table, where the gradient of `f` at `args` is not what the references say.

    The dual-number reference must be met to `rtol` of the largest entry of the gradient it belongs to, and central
    differences to within their own error estimate.  `order=2` checks, besides, the gradient of the gradient in a
    fixed direction against duals of duals.  Where a reference cannot be computed, OracleError is raised.
    """
    import autodiff_compiler as ad

    f = getattr(f, "primal", f)
    if order not in (1, 2):
        raise ValueError("order is 1 or 2")
    if not isinstance(args, (tuple, list)):
        raise TypeError("args is the tuple of all arguments: `check_grads(f, (x,))`")
    args = tuple(args)
    numbers = argument_numbers(f, argnums)
    references = grad_dual(f, args, tuple(numbers))
    differences, errors = grad_numeric(f, args, tuple(numbers))
    _require_reference(numbers, references)
    table = Table(f)
    for k, r, d, e in zip(numbers, references, differences, errors, strict=True):
        table.compare(
            k, "dual numbers against differences", r, d, _difference_bound(r, e, rtol, atol)
        )
    for backend in backends:
        ours = ad.grad(f, argnums=tuple(numbers), backend=backend)(*args)
        for k, g, r in zip(numbers, ours, references, strict=True):
            table.compare(k, f"{backend} against dual numbers", g, r, _dual_bound(r, rtol, atol))
    if order == 2:
        for k in numbers:
            _check_second_order(ad, table, f, args, k, backends, rtol, atol)
    table.raise_if_any()


def _check_second_order(ad, table, f, args, k, backends, rtol, atol):
    direction = map_tree(_fixed_direction, args[k])
    tangents = [direction if i == k else None for i in range(len(args))]
    reference = hvp_dual(f, args, tangents, k)
    for backend in backends:
        ours = second_directional(ad, f, len(args), k, direction, backend)(*args)
        table.compare(
            k,
            f"second order, {backend} against dual numbers",
            ours,
            reference,
            _dual_bound(reference, rtol, atol),
        )


def _fixed_direction(x):
    """Uneven numbers, so that entries that trade places are noticed."""
    if not is_float_leaf(x):
        return None
    if np.ndim(x) == 0:
        return 0.75
    return np.cos(np.arange(1.0, 1.0 + np.size(x))).reshape(np.shape(x))


def second_directional(ad, f, count, argnum, v, backend):
    """The gradient in one argument of <gradient of f, v>: a gradient taken inside a function, and taken again."""
    if children(v) is not None:
        raise OracleError("second order is checked for arguments that are numbers or arrays")
    g = ad.grad(f, argnums=argnum, backend=backend)
    along = _ALONG.get(count)
    if along is None:
        raise OracleError(f"second order is checked for functions of up to {max(_ALONG)} arguments")
    return ad.grad(along(g, v), argnums=argnum, backend=backend)


# One for each number of arguments: a function with *args has no fixed signature to differentiate.


def _along1(g, v):
    def directional(a):
        return np.sum(g(a) * v)

    return directional


def _along2(g, v):
    def directional(a, b):
        return np.sum(g(a, b) * v)

    return directional


def _along3(g, v):
    def directional(a, b, c):
        return np.sum(g(a, b, c) * v)

    return directional


def _along4(g, v):
    def directional(a, b, c, d):
        return np.sum(g(a, b, c, d) * v)

    return directional


def _along5(g, v):
    def directional(a, b, c, d, e):
        return np.sum(g(a, b, c, d, e) * v)

    return directional


_ALONG = {1: _along1, 2: _along2, 3: _along3, 4: _along4, 5: _along5}


def _require_reference(numbers, references):
    for k, r in zip(numbers, references, strict=True):
        if all(leaf is None for leaf in leaves(r)):
            raise OracleError(f"argument {k} holds no floats to differentiate")


def _largest(tree):
    """The largest finite entry of a gradient, over all its leaves."""
    sizes = [np.abs(np.asarray(x, dtype=float)) for x in leaves(tree) if x is not None]
    return max((float(s[np.isfinite(s)].max(initial=0.0)) for s in sizes), default=0.0)


def _dual_bound(reference, rtol, atol):
    bound = atol + rtol * _largest(reference)
    return map_tree(lambda x: None if x is None else np.full(np.shape(x), bound), reference)


def _difference_bound(reference, errors, rtol, atol):
    floor = atol + rtol * _largest(reference)
    return map_tree(lambda e: None if e is None else 10.0 * np.asarray(e) + floor, errors)


class Table:
    """Mismatches, gathered to be shown together."""

    LIMIT = 20

    def __init__(self, f):
        self._name = getattr(f, "__name__", repr(f))
        self._rows = []

    def compare(self, argnum, what, ours, reference, bound):
        """Entry by entry; NaN and infinity must stand in the same places on both sides."""
        for path, a, b, tolerance in _entries(ours, reference, bound):
            if a is None or b is None or np.shape(a) != np.shape(b):
                self._rows.append(
                    (argnum, what, path, f"shape {np.shape(a)}", f"shape {np.shape(b)}", "")
                )
                continue
            for index in np.ndindex(np.shape(b)):
                x, y, t = (
                    float(np.asarray(a)[index]),
                    float(np.asarray(b)[index]),
                    float(tolerance[index]),
                )
                if not _agree(x, y, t):
                    where = path + (str(list(index)) if index else "")
                    self._rows.append(
                        (argnum, what, where, f"{x:.15g}", f"{y:.15g}", f"{x - y:.3g}")
                    )

    @property
    def rows(self):
        return list(self._rows)

    def raise_if_any(self):
        if not self._rows:
            return
        head = ("argument", "comparison", "index", "ours", "reference", "difference")
        shown = [head, *[tuple(str(c) for c in row) for row in self._rows[: self.LIMIT]]]
        widths = [max(len(row[i]) for row in shown) for i in range(len(head))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in shown
        ]
        if len(self._rows) > self.LIMIT:
            lines.append(f"... and {len(self._rows) - self.LIMIT} more")
        raise AssertionError(
            f"the gradient of {self._name} is not what the reference says\n" + "\n".join(lines)
        )


def _entries(ours, reference, bound, path=""):
    parts = children(reference)
    if parts is None:
        if reference is not None:
            yield path, ours, reference, bound
        return
    names = list(reference) if isinstance(reference, dict) else range(len(parts))
    mine = children(ours)
    if mine is None or len(mine) != len(parts) or type(ours) is not type(reference):
        yield path or "whole", None, reference, bound
        return
    for name, p, q, r in zip(names, mine, parts, children(bound), strict=True):
        yield from _entries(p, q, r, f"{path}[{name!r}]")


def _agree(x, y, tolerance):
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if math.isinf(x) or math.isinf(y):
        return x == y
    return abs(x - y) <= tolerance
