"""Every program of the corpus: references against each other, and both back ends against the references."""

import collections
import copy
import functools
import inspect
import textwrap

import numpy as np
import pytest

from autodiff_compiler.testing import grad_dual, grad_numeric, hvp_dual
from autodiff_compiler.testing.checks import Table, second_directional
from autodiff_compiler.testing.oracles import is_float_leaf, leaves, map_tree
from tests.constructs import constructs
from tests.programs import PROGRAMS

BACKENDS = ("python", "c")
BY_NAME = {p.name: p for p in PROGRAMS}
every_program = pytest.mark.parametrize("name", sorted(BY_NAME))
twice_differentiated = pytest.mark.parametrize(
    "name", sorted(p.name for p in PROGRAMS if p.second_order)
)

# What a corpus must hold at least twice, by the names that `constructs` gives.
REQUIRED = """
default|keyword argument|annotations|docstring|chained assignment|tuple assignment|augmented assignment
augmented assignment to a subscript|if|ternary|and|or|not|chained comparison|range()|range with a step|enumerate()
zip()|reversed()|for over a tuple or list|for over an object|while|break|continue|for-else|several returns
return in a loop|call of a helper|method call|nested function|lambda|returns a tuple|list literal|comprehension
.append()|len()|abs()|min()|max()|sum()|pow()|round()|int()|float()|assert|raise|//|%|store|negative index|slice
slice with a step|slice with a negative step|ellipsis|newaxis|mask|masked store|inverted mask|named view|alias
.copy()|swap|nested loops|triangular loops|chained assignment to subscripts|tuple assignment to subscripts
slice bounds read from an array|out=|.outer()|.reduce()|.accumulate()|.at()|.astype()|.dtype|.size|.T|.shape|@|**
np.exp|np.log|np.sqrt|np.sin|np.cos|np.tan|np.tanh|np.abs|np.maximum|np.minimum|np.where|np.sum|np.mean|np.max
np.min|np.dot|np.outer|np.zeros|np.ones|np.empty|np.zeros_like|np.empty_like|np.arange|np.array|np.eye|np.reshape
np.transpose|np.sign|np.floor|np.isnan|.sum()|.mean()|.min()|.max()|.dot()|.reshape()|.transpose()|math.sin|math.exp
math.log|math.sqrt|math.cos|axis=|keepdims=|dtype=|dict literal
"""


def test_the_corpus_covers_the_language():
    counts = collections.Counter()
    for p in PROGRAMS:
        counts.update(constructs(textwrap.dedent(inspect.getsource(p.fn))))
    helpers = constructs(inspect.getsource(inspect.getmodule(BY_NAME["helpers_that_write"].fn)))
    counts.update(helpers)
    required = [name for line in REQUIRED.split("\n") for name in line.split("|") if name]
    assert len(PROGRAMS) >= 70 and len(BY_NAME) == len(PROGRAMS)
    assert [name for name in required if counts[name] < 2] == []


@functools.cache
def reference(name):
    p = BY_NAME[name]
    return grad_dual(p.fn, p.args(), _as_tuple(p.argnums))


def _as_tuple(argnums):
    return argnums if isinstance(argnums, tuple) else (argnums,)


def _bound(of, rtol):
    sizes = [np.abs(leaf).max(initial=0.0) for leaf in leaves(of) if leaf is not None]
    top = max((s for s in sizes if np.isfinite(s)), default=0.0)
    return map_tree(lambda x: None if x is None else np.full(np.shape(x), rtol * top + 1e-14), of)


def assert_close(p, what, ours, expected, bounds, argnums):
    table = Table(p.fn)
    for k, a, b, bound in zip(argnums, ours, expected, bounds, strict=True):
        table.compare(k, what, a, b, bound)
    table.raise_if_any()


@every_program
def test_the_references_agree(name):
    p = BY_NAME[name]
    numbers = _as_tuple(p.argnums)
    slopes, errors = grad_numeric(p.fn, p.args(), numbers)
    bounds = []
    for e, r in zip(errors, reference(name), strict=True):
        bounds.append(
            map_tree(
                lambda e, b: None if e is None else 20 * np.asarray(e) + b * 1e-2,
                e,
                _bound(r, 1e-6),
            )
        )
        largest = max((np.max(x, initial=0) for x in leaves(e) if x is not None), default=0)
        scale = max(np.max(np.abs(x), initial=0) for x in leaves(r) if x is not None)
        # A reference with no precision agrees with everything, which is no agreement.
        assert largest <= (1e-2 if _is_float32(p) else 1e-6) * max(scale, 1.0)
    assert_close(p, "dual numbers against differences", reference(name), slopes, bounds, numbers)


def _is_float32(p):
    return any(np.asarray(leaf).dtype == np.float32 for leaf in leaves(list(p.args())))


@every_program
@pytest.mark.parametrize("backend", BACKENDS)
def test_value_and_gradient(name, backend):
    import autodiff_compiler as ad

    p = BY_NAME[name]
    numbers = _as_tuple(p.argnums)
    args, kept = p.args(), copy.deepcopy(p.args())
    value, gradient = ad.value_and_grad(p.fn, argnums=numbers, backend=backend)(*args)
    expected = p.fn(*copy.deepcopy(args))
    rtol = 1e-6 if _is_float32(p) else 1e-12
    assert np.isclose(value, expected, rtol=rtol, atol=0, equal_nan=True)
    tolerance = 1e-5 if _is_float32(p) else 1e-7
    bounds = [_bound(r, tolerance) for r in reference(name)]
    assert_close(p, f"{backend} against dual numbers", gradient, reference(name), bounds, numbers)
    for mine, theirs in zip(leaves(list(args)), leaves(list(kept)), strict=True):
        assert type(mine) is type(theirs)
        np.testing.assert_array_equal(mine, theirs)


@every_program
def test_the_back_ends_agree(name):
    import autodiff_compiler as ad

    p = BY_NAME[name]
    numbers = _as_tuple(p.argnums)
    a, b = (ad.grad(p.fn, argnums=numbers, backend=backend)(*p.args()) for backend in BACKENDS)
    bounds = [_bound(x, 1e-6 if _is_float32(p) else 1e-12) for x in a]
    assert_close(p, "c against python", b, a, bounds, numbers)


@every_program
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_function_itself_writes_as_the_user_does(name, backend):
    import autodiff_compiler as ad

    p = BY_NAME[name]
    theirs, ours = p.args(), p.args()
    expected = p.fn(*theirs)
    value = ad.compile(p.fn, backend=backend)(*ours)
    rtol = 1e-6 if _is_float32(p) else 1e-12
    assert np.allclose(value, expected, rtol=rtol, atol=1e-14, equal_nan=True)
    for mine, other in zip(leaves(list(ours)), leaves(list(theirs)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=1e-14)


def _direction(x):
    if not is_float_leaf(x):
        return None
    return (
        0.75 if np.ndim(x) == 0 else np.cos(np.arange(1.0, 1.0 + np.size(x))).reshape(np.shape(x))
    )


@functools.cache
def second_reference(name):
    p = BY_NAME[name]
    k = _as_tuple(p.argnums)[0]
    direction = _direction(p.args()[k])
    tangents = [direction if i == k else None for i in range(len(p.args()))]
    return k, direction, hvp_dual(p.fn, p.args(), tangents, k)


@twice_differentiated
def test_the_second_references_agree(name):
    p = BY_NAME[name]
    k, direction, expected = second_reference(name)

    args = p.args()
    other = np.sin(np.arange(1.0, 1.0 + np.size(args[k]))).reshape(np.shape(args[k]))[()]

    def along(h):
        moved = [a + h * other if i == k else a for i, a in enumerate(args)]
        return float(np.sum(np.multiply(grad_dual(p.fn, moved, k), direction)))

    slope, error = grad_numeric(along, (0.0,))
    reference = float(np.sum(expected * other))
    scale = np.max(np.abs(expected))
    assert abs(slope - reference) <= 20 * error + 1e-7 * scale + 1e-12
    assert error <= 1e-5 * max(scale, 1.0)


@twice_differentiated
@pytest.mark.parametrize("backend", BACKENDS)
def test_second_order(name, backend):
    import autodiff_compiler as ad

    p = BY_NAME[name]
    k, direction, expected = second_reference(name)
    ours = second_directional(ad, p.fn, len(p.args()), k, direction, backend)(*p.args())
    assert_close(
        p, f"second order, {backend}", (ours,), (expected,), (_bound(expected, 1e-7),), (k,)
    )
