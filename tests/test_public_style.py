"""Programs as blog posts, courses and public repositories write them: values, gradients, second derivatives."""

import copy
import functools
import importlib

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.testing import check_grads, grad_dual, grad_numeric, hvp_dual
from autodiff_compiler.testing.checks import Table, second_directional
from autodiff_compiler.testing.oracles import leaves, map_tree

#: By which arguments each program is differentiated.
ARGNUMS = {
    "attention": (0,),
    "black_scholes": (0, 1, 2, 3),
    "convolution": (0, 1, 2, 3),
    "extended_kalman": (0, 1, 2, 3),
    "gaussian_process": (0, 1, 2, 3),
    "hidden_markov": (0, 1),
    "kalman": (0, 1),
    "kmeans": (0, 1),
    "levenberg_marquardt": (0, 1, 2, 3),
    "pagerank": (0,),
    "pendulum": (0, 1, 2, 3),
    "sir_fit": (0, 2),
}
#: Differentiated twice, by the argument of this number.
TWICE = {
    "extended_kalman": 0,
    "gaussian_process": 0,
    "kmeans": 1,
    "levenberg_marquardt": 0,
    "pagerank": 0,
    "pendulum": 2,
    "sir_fit": 0,
}
BACKENDS = ("python", "c")
every_program = pytest.mark.parametrize("name", sorted(ARGNUMS))
both_back_ends = pytest.mark.parametrize("backend", BACKENDS)


def module(name):
    return importlib.import_module(f"tests.public_style.{name}")


def bounds(expected, rtol):
    """A bound for each leaf, relative to the largest entry of its tree."""
    sizes = [np.abs(leaf).max(initial=0.0) for leaf in leaves(expected) if leaf is not None]
    limit = rtol * max(sizes) + 1e-13
    return map_tree(lambda x: None if x is None else np.full(np.shape(x), limit), expected)


def compare(name, what, argnums, ours, expected, rtol):
    table = Table(module(name).program)
    for k, mine, theirs in zip(argnums, ours, expected, strict=True):
        table.compare(k, what, mine, theirs, bounds(theirs, rtol))
    table.raise_if_any()


@functools.cache
def reference(name):
    made = module(name)
    return grad_dual(made.program, made.arguments(), ARGNUMS[name])


@every_program
@both_back_ends
def test_value_and_gradient(name, backend):
    made = module(name)
    args, kept = made.arguments(), made.arguments()
    transformed = ad.value_and_grad(made.program, argnums=ARGNUMS[name], backend=backend)
    value, gradient = transformed(*args)
    assert np.isclose(value, made.program(*copy.deepcopy(args)), rtol=1e-12, atol=0)
    compare(name, f"{backend} against dual numbers", ARGNUMS[name], gradient, reference(name), 1e-7)
    for mine, theirs in zip(leaves(list(args)), leaves(list(kept)), strict=True):
        assert type(mine) is type(theirs)
        np.testing.assert_array_equal(mine, theirs)


@every_program
def test_the_references_agree(name):
    made = module(name)
    slopes, errors = grad_numeric(made.program, made.arguments(), ARGNUMS[name])
    largest = max(np.max(e, initial=0.0) for e in leaves(errors) if e is not None)
    scale = max(np.max(np.abs(x), initial=0.0) for x in leaves(reference(name)) if x is not None)
    assert largest <= 1e-6 * max(scale, 1.0)
    compare(name, "differences against dual numbers", ARGNUMS[name], slopes, reference(name), 1e-5)


@every_program
def test_check_grads_as_a_user_calls_it(name):
    made = module(name)
    check_grads(made.program, made.arguments(), argnums=ARGNUMS[name][0])


@pytest.mark.parametrize("name", sorted(TWICE))
@both_back_ends
def test_second_order(name, backend):
    made = module(name)
    k, args = TWICE[name], made.arguments()
    direction = np.cos(np.arange(1.0, 1.0 + np.size(args[k]))).reshape(np.shape(args[k]))
    tangents = [direction if i == k else None for i in range(len(args))]
    expected = hvp_dual(made.program, made.arguments(), tangents, k)
    transformed = second_directional(ad, made.program, len(args), k, direction, backend)
    ours = transformed(*made.arguments())
    compare(name, f"second order, {backend}", (k,), (ours,), (expected,), 1e-7)


@both_back_ends
def test_second_order_by_a_captured_rest(backend):
    made = module("black_scholes")
    spot, rate, sigma, strikes, maturities, quotes = made.arguments()

    def of_strikes(strikes):
        return made.program(spot, rate, sigma, strikes, maturities, quotes)

    direction = np.cos(np.arange(1.0, 6.0))
    expected = hvp_dual(of_strikes, (strikes,), [direction], 0)
    ours = second_directional(ad, of_strikes, 1, 0, direction, backend)(strikes)
    np.testing.assert_allclose(ours, expected, rtol=1e-7, atol=1e-7 * np.max(np.abs(expected)))
