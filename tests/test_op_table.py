"""Every op has a derivative or says that it has none; those of elementwise ops against mpmath."""

from __future__ import annotations

import functools
import itertools

import mpmath as mp
import numpy as np
import pytest

from autodiff_compiler.backends.python import emit_python, load_python
from autodiff_compiler.errors import UnsupportedError
from autodiff_compiler.ir.build import Builder, Rewriter
from autodiff_compiler.ir.graph import Function
from autodiff_compiler.ir.types import BOOL, F32, F64, Array, Scalar
from autodiff_compiler.ops import NON_DIFFERENTIABLE, TABLE
from autodiff_compiler.transforms.reverse import reverse
from autodiff_compiler.transforms.simplify import simplify
from tests.c_kernels import build, needs_compiler
from tests.op_reference import REFERENCES, TAILS

#: The reverse pass has a treatment of its own for these.
BY_THE_PASS = set(
    "for while cond check load store add_at stack push pop to_array from_array peek poke".split()
)
#: Refused where a derivative has to go through them.
REFUSED = {"round", "prod"}
#: Where the reference itself is a small difference from 1.
NEAR_ONE = {"expit", "ndtri", "erfcinv"}
NAMES = sorted(name for name in REFERENCES if name in TABLE)


def differentiable():
    return {
        op.name for op in TABLE.values()
        if op.kind == "elementwise" and callable(op.vjp) and op.name != "select"
    }  # fmt: skip


def test_every_op_says_what_its_derivative_is():
    silent = {op.name for op in TABLE.values() if op.vjp is None}
    assert silent == BY_THE_PASS | REFUSED
    for op in TABLE.values():
        assert op.vjp is None or op.vjp is NON_DIFFERENTIABLE or callable(op.vjp)


def test_every_derivative_has_a_reference():
    assert differentiable() - REFERENCES.keys() == set()
    assert TAILS.keys() <= REFERENCES.keys()


# --- programs ---------------------------------------------------------------------------------


def elementwise(name, types):
    """A function of the op's operands: the sum of its result, and the result."""
    b = Builder()
    params = [b.function_param(t, f"x{k}") for k, t in enumerate(types)]
    attrs = {"dtype": F64} if name == "cast" else {}
    y = b.emit(TABLE[name], *params, **attrs)
    rank = y.type.rank
    total = b.emit(TABLE["sum"], y, axes=tuple(range(rank))) if isinstance(y.type, Array) else y
    return Function(f"of_{name}", b.close(params, [total, y]))


class _SumOf(Rewriter):
    """The sum of one result of a function."""

    def of(self, function, number):
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        self.env.update(zip(function.params, params))
        self.nodes(function.block.nodes)
        value = self.env[function.results[number]]
        if isinstance(value.type, Array):
            value = self.b.emit(TABLE["sum"], value, axes=tuple(range(value.type.rank)))
        return Function("slope", self.b.close(params, [value]))


def active(name):
    """The operands that have a derivative."""
    reference = REFERENCES[name]
    every = range(len(reference.domains))
    return [k for k in every if k not in reference.constants]


def vectors(name):
    reference = REFERENCES[name]
    return [
        Scalar(F64) if k in reference.constants else Array(F64, (None,))
        for k in range(len(reference.domains))
    ]


def first_order(name, types):
    """Results: the value, then the slopes."""
    return reverse(simplify(elementwise(name, types)), active(name), [0], [1])


def second_order(name, types):
    """One function per slope, whose results are its slopes."""
    first = first_order(name, types)
    slopes = range(1, 1 + len(active(name)))
    return [reverse(simplify(_SumOf().of(first, k)), active(name), [0], []) for k in slopes]


# --- references -------------------------------------------------------------------------------


def columns(name, points):
    """The points as tuples of numbers, constants repeated."""
    count = max(map(len, points))
    return list(zip(*(p if len(p) == count else np.repeat(p, count) for p in points)))


def exact(name, points, orders, digits=100):
    """The partial derivative of these orders in each operand, at each point."""
    return _exact(name, tuple(columns(name, points)), orders, digits).copy()


@functools.cache
def _exact(name, points, orders, digits):
    function, constants = REFERENCES[name].function, REFERENCES[name].constants
    found = []
    with mp.workdps(digits):
        for point in points:
            xs = [mp.mpf(float(x)) for x in point]
            if not any(orders):
                found.append(float(function(*xs)))
                continue
            moving = [k for k in range(len(xs)) if k not in constants]

            def along(*moved, xs=xs, moving=moving):
                whole = list(xs)
                for k, x in zip(moving, moved):
                    whole[k] = x
                return function(*whole)

            at = tuple(xs[k] for k in moving)
            n = tuple(orders[k] for k in moving)
            small = min(abs(x) for x in at)
            h = mp.mpf(10) ** -28 * small
            derivative = mp.diff(
                along, at if len(at) > 1 else at[0], n if len(n) > 1 else n[0], h=h
            )
            found.append(float(derivative))
    return np.array(found)


def unit(k, name):
    return tuple(int(j == k) for j in range(len(REFERENCES[name].domains)))


def add(a, b):
    return tuple(x + y for x, y in zip(a, b))


def arguments(points, name):
    constants = REFERENCES[name].constants
    return [p[0] if k in constants else p for k, p in enumerate(points)]


def by_python(functions):
    runs = [load_python(emit_python(f, "kernel", pretty=False)) for f in functions]

    def quietly(run):
        def call(*args):
            with np.errstate(all="ignore"):
                return run(*args)

        return call

    return [quietly(run) for run in runs]


def kernels(backend, functions, folder):
    return by_python(functions) if backend == "python" else build(folder, functions)


BACKENDS = ["python", pytest.param("c", marks=needs_compiler)]


def close(ours, reference, rtol, what):
    ours = np.broadcast_to(ours, reference.shape)
    np.testing.assert_allclose(ours, reference, rtol=rtol, atol=0, err_msg=str(what))


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_slopes(tmp_path, backend):
    functions = [first_order(name, vectors(name)) for name in NAMES]
    for name, kernel in zip(NAMES, kernels(backend, functions, tmp_path)):
        points = REFERENCES[name].points()
        value, *slopes = kernel(*arguments(points, name))
        close(value, exact(name, points, unit(-1, name)), 4e-14, name)
        for k, slope in zip(active(name), slopes):
            close(slope, exact(name, points, unit(k, name)), 1e-12, (name, k))


@pytest.mark.parametrize("backend", BACKENDS)
def test_second_derivatives(tmp_path, backend):
    made = {name: second_order(name, vectors(name)) for name in NAMES}
    flat = iter(kernels(backend, list(itertools.chain(*made.values())), tmp_path))
    for name in NAMES:
        points = REFERENCES[name].points(count=6, seed=1)
        for j in active(name):
            for k, second in zip(active(name), next(flat)(*arguments(points, name))):
                reference = exact(name, points, add(unit(j, name), unit(k, name)))
                reference[np.abs(reference) < 1e-40] = 0.0
                close(second, reference, 1e-10, (name, j, k))


@pytest.mark.parametrize("backend", BACKENDS)
def test_tails(tmp_path, backend):
    names = [name for name in TAILS if name in TABLE]
    functions = [first_order(name, vectors(name)) for name in names]
    for name, kernel in zip(names, kernels(backend, functions, tmp_path)):
        points, digits = [np.array(TAILS[name])], 450 if name in NEAR_ONE else 120
        value, slope = kernel(*points)
        close(value, exact(name, points, (0,), digits), 2e-13, (name, points))
        close(slope, exact(name, points, (1,), digits), 1e-10, (name, points))


# --- shapes -----------------------------------------------------------------------------------

SHAPES = [
    ((), (4,)), ((3, 1), (4,)), ((1, 4), (3, 1)), ((3, 4), (4,)), ((3, 4), (1, 1)), ((1,), (4,)),
    ((0,), (1,)), ((2, 3, 1), (1, 4)), ((), ()),
]  # fmt: skip


def type_of(shape, scalar, dtype=F64):
    if scalar:
        return Scalar(dtype)
    return Array(dtype, tuple(1 if n == 1 else None for n in shape))


def summed_to(x, shape):
    """The adjoint of broadcasting."""
    x = np.sum(x, axis=tuple(range(x.ndim - len(shape))))
    stretched = tuple(k for k, n in enumerate(shape) if n == 1 and x.shape[k] != 1)
    return np.sum(x, axis=stretched, keepdims=True)


def pairs():
    for name in NAMES:
        if len(REFERENCES[name].domains) == 2 and not REFERENCES[name].constants:
            for shapes in SHAPES:
                for turned in (shapes, shapes[::-1]):
                    yield name, turned


@pytest.mark.parametrize("backend", BACKENDS)
def test_broadcasting_is_undone(tmp_path, backend):
    cases = list(pairs())
    plain = {
        name: by_python([first_order(name, [Array(F64, (None,))] * 2)])[0]
        for name in {name for name, _ in cases}
    }
    functions = [first_order(name, [type_of(s, s == ()) for s in shapes]) for name, shapes in cases]
    rng = np.random.default_rng(3)
    for (name, shapes), kernel in zip(cases, kernels(backend, functions, tmp_path)):
        domains = REFERENCES[name].domains
        args = [rng.uniform(d.low, d.high, size=s)[()] for d, s in zip(domains, shapes)]
        wide = np.broadcast_arrays(*args)
        value, *slopes = plain[name](*(w.ravel() for w in wide))
        ours, *gradient = kernel(*args)
        np.testing.assert_allclose(ours, np.reshape(value, wide[0].shape), rtol=1e-13)
        for g, slope, shape in zip(gradient, slopes, shapes):
            assert np.shape(g) == shape
            whole = np.broadcast_to(slope, value.shape).reshape(wide[0].shape)
            np.testing.assert_allclose(g, summed_to(whole, shape), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_precision(tmp_path, backend):
    def in_f32(name):
        types = [type(t)(F32, *([t.dims] if isinstance(t, Array) else [])) for t in vectors(name)]
        return first_order(name, types)

    names = [name for name in NAMES if name != "cast"]
    functions = [in_f32(name) for name in names]
    doubles = by_python([first_order(name, vectors(name)) for name in names])
    for name, kernel, double in zip(names, kernels(backend, functions, tmp_path), doubles):
        points = [p.astype(np.float32) for p in REFERENCES[name].points()]
        results = kernel(*arguments(points, name))
        references = double(*arguments([p.astype(float) for p in points], name))
        for ours, reference in zip(results, references):
            assert np.asarray(ours).dtype == np.float32
            scale = np.abs(reference).max()
            np.testing.assert_allclose(ours, reference, rtol=3e-5, atol=1e-5 * scale, err_msg=name)


def test_a_choice_passes_the_cotangent_to_the_arm_that_was_taken():
    b = Builder()
    types = [Array(BOOL, (None,)), Array(F64, (None,)), Array(F64, (None,))]
    params = [b.function_param(t, n) for t, n in zip(types, "mxy")]
    chosen = b.emit(TABLE["select"], *params)
    total = b.emit(TABLE["sum"], b.emit(TABLE["mul"], chosen, chosen), axes=(0,))
    function = reverse(Function("f", b.close(params, [total])), [1, 2], [0], [])
    dx, dy = by_python([function])[0](
        np.array([True, False]), np.array([3.0, 4.0]), np.array([5.0, 6.0])
    )
    assert dx.tolist() == [6.0, 0.0] and dy.tolist() == [0.0, 12.0]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_has_no_derivative_is_refused_by_name(name):
    b = Builder()
    x = b.function_param(Array(F64, (None,)), "x")
    try:
        y = b.emit(TABLE[name], x, **({"axes": (0,)} if TABLE[name].kind == "reduce" else {}))
    except TypeError:
        return  # it takes no floats at all
    total = b.emit(TABLE["sum"], y, axes=(0,))
    with pytest.raises(UnsupportedError, match=name):
        reverse(Function("f", b.close([x], [total])), [0], [0], [])
