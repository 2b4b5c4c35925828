"""Functions of `scipy.special` as programs call them: types, shapes, edges, refusals."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.special as sc
from scipy import special
from scipy.special import expit, gammaln, huber, logsumexp, xlogy

import autodiff_compiler as ad
from tests.c_kernels import needs_compiler

BACKENDS = ["python", pytest.param("c", marks=needs_compiler)]
both = pytest.mark.parametrize("backend", BACKENDS)
M = np.random.default_rng(2).normal(size=(3, 4)) * 3


def same(f, args, backend, rtol=1e-13):
    """The value, its type, dtype and shape."""
    with np.errstate(all="ignore"):
        expected = f(*args)
    found = ad.compile(f, backend=backend)(*args)
    assert type(found) is type(expected), (type(found), type(expected))
    assert np.result_type(found) == np.result_type(expected)
    assert np.shape(found) == np.shape(expected)
    finite = np.abs(np.where(np.isfinite(expected), expected, 0.0))
    atol = 3e-7 * np.max(finite, initial=0.0) if rtol == 1e-6 else 1e-300
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


# --- types and shapes ---------------------------------------------------------------------------


def gamma_of_anything(x):
    return gammaln(x)


def two_of_them(x, y):
    return xlogy(x, y)


def in_place(x, out):
    expit(x, out=out)
    return special.log_expit(out) + sc.erf(x, out)


@both
@pytest.mark.parametrize(
    "x",
    [1.7, 3, True, np.float32(1.7), np.float64(-1.7), np.arange(1, 5), np.arange(1, 5, dtype=np.int32),
     np.ones((0, 3)), np.full((1, 1), 2.5), np.array([True, False]), np.linspace(1, 3, 4, dtype=np.float32)],
    ids=str,
)  # fmt: skip
def test_what_comes_out(x, backend):
    single = np.result_type(x) == np.float32
    same(gamma_of_anything, (x,), backend, 1e-6 if single else 1e-13)


@both
def test_pairs(backend):
    column, single = np.array([[0.0], [2.0]]), np.array([0.5, 2.0], np.float32)
    for args in [
        (1.5, 2),
        (column, single),
        (single, 2.0),
        (single, np.float64(2.0)),
        (3, column + 1),
    ]:
        same(two_of_them, args, backend, 1e-6)
    same(in_place, (np.array([0.3, -2.0]), np.zeros(2)), backend)
    with pytest.raises(ValueError, match="broadcast"):
        ad.compile(two_of_them, backend=backend)(np.ones(3), np.ones(4))


def shares(x, axis):
    return special.softmax(x, axis=axis) - special.log_softmax(x, axis)


@both
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), (-1, 0)])
def test_axes(axis, backend):
    for x, rtol in ((M, 1e-13), (M.astype(np.float32), 1e-6)):
        same(lambda x: logsumexp(x, axis=axis), (x,), backend, rtol)
        same(lambda x: logsumexp(x, axis, keepdims=True), (x,), backend, rtol)
    same(lambda x: shares(x, axis), (M,), backend, 1e-12)
    same(lambda x: shares(x, axis), (M[:, :1],), backend, 1e-12)


@both
def test_an_axis_that_is_not_there(backend):
    with pytest.raises(Exception, match="out of bounds") as theirs:
        logsumexp(M, axis=2)
    with pytest.raises(type(theirs.value)):
        ad.compile(lambda x: logsumexp(x, axis=2), backend=backend)(M)


def weighted(x, b):
    return logsumexp(x, axis=0, b=b)


@both
def test_weights(backend):
    b = np.array([[1.0], [0.0], [2.5]])
    x = M.copy()
    x[1] = np.inf  # of no weight, and so of no consequence
    same(weighted, (x, b), backend)
    for weights in (
        b.astype(np.float32),
        b.astype(int),
        2.0,
        np.array([True, False, True])[:, None],
    ):
        same(weighted, (x[:1].astype(np.float32), weights), backend, 1e-6)
    found = ad.grad(lambda x, b: np.sum(weighted(x, b)), argnums=(0, 1), backend=backend)(M, b)
    share = b * np.exp(M) / np.sum(b * np.exp(M), axis=0)
    np.testing.assert_allclose(found[0], share, rtol=1e-12)
    np.testing.assert_allclose(
        found[1][[0, 2], 0], (share / np.where(b, b, 1)).sum(axis=1)[[0, 2]], rtol=1e-12
    )


# --- edges ----------------------------------------------------------------------------------------


@both
def test_entries_of_minus_infinity(backend):
    x = np.array([0.5, -np.inf, 1.5])
    share = special.softmax(x)
    np.testing.assert_allclose(
        ad.grad(lambda x: logsumexp(x), backend=backend)(x), share, rtol=1e-14
    )
    second = ad.grad(
        lambda x: np.sum(ad.grad(lambda y: logsumexp(y))(x) * np.array([1.0, 2.0, 3.0])),
        backend=backend,
    )(x)
    weights = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(second, share * (weights - share @ weights), rtol=1e-13)
    every = np.full(3, -np.inf)
    assert ad.compile(lambda x: logsumexp(x), backend=backend)(every) == -np.inf
    assert np.isnan(ad.grad(lambda x: logsumexp(x), backend=backend)(every)).all()


@both
def test_what_a_large_entry_hides(backend):
    x = np.array([0.0, -40.0, -50.0])
    same(lambda x: logsumexp(x), (x,), backend)
    same(lambda x: logsumexp(x), (np.array([1000.0, 1000.0, -1000.0]),), backend)


@both
def test_saturation(backend):
    f = ad.grad(lambda x: np.sum(expit(x)), backend=backend)
    x = np.array([-700.0, -40.0, 0.0, 40.0, 700.0])
    expected = [9.859676543759770e-305, 4.248354255291589e-18, 0.25, 4.248354255291589e-18]
    np.testing.assert_allclose(f(x), [*expected, expected[0]], rtol=1e-13)
    g = ad.grad(lambda x: np.sum(special.log_ndtr(x)), backend=backend)
    np.testing.assert_allclose(g(np.array([-1e5, -1e3, 40.0])), [1e5 + 1e-5, 1e3 + 9.99998e-4, 0.0])


def kinks(x, y):
    return xlogy(x, y) + huber(1.0, x) + sc.xlog1py(x, y)


@both
def test_kinks(backend):
    slopes = ad.grad(lambda x, y: xlogy(x, y), argnums=(0, 1), backend=backend)
    assert slopes(np.float64(0.0), np.float64(0.0)) == (-np.inf, 0.0)
    assert slopes(np.float64(0.0), np.float64(2.0)) == (math.log(2.0), 0.0)
    # At x == 0 the derivative by y is 0, and that of it by x is not.
    mixed = ad.grad(lambda x: ad.grad(lambda y: xlogy(x, y))(2.0), backend=backend)
    assert mixed(0.0) == 0.5
    assert ad.grad(lambda r: huber(1.0, r), backend=backend)(-1.0) == -1.0
    assert ad.grad(lambda d: huber(d, 2.0), backend=backend)(2.0) == 0.0
    assert ad.grad(lambda x: sc.entr(x), backend=backend)(0.0) == np.inf
    by_both = ad.grad(lambda x, y: sc.rel_entr(x, y), argnums=(0, 1), backend=backend)
    assert by_both(0.0, 2.0) == (-np.inf, 0.0)


@both
def test_poles(backend):
    x = np.array([0.0, -1.0, -2.5, 171.7, 1e306])
    for f in (lambda x: sc.gamma(x), lambda x: gammaln(x)):
        same(f, (x,), backend, 1e-12)
    same(lambda x: sc.loggamma(x), (np.array([-0.5, 0.0, 2.0]),), backend)


@both
def test_beta_of_large_and_of_negative_arguments(backend):
    a = np.array([1e6, 3e5, 0.5, 1e-5, -0.5, -2.5])
    b = np.array([2.0, 4e5, 1e9, 1e4, 2.0, 1.5])
    same(lambda a, b: sc.betaln(a, b), (a, b), backend, 1e-9)
    same(lambda a, b: sc.beta(a, b), (a[2:], b[2:]), backend, 1e-9)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: sc.jv(0, x), "^.*scipy.special.jv is not supported"),
        (lambda x: sc.comb(x, 2), "scipy.special.comb is not supported"),
        (lambda x: logsumexp(x, return_sign=True)[0], "return_sign"),
        (lambda x: sc.polygamma(x[0], x), "known at compile time"),
        (lambda x: sc.polygamma(1.5, x), "known at compile time"),
        (lambda x: expit(x, where=x > 0), "np.where on the result"),
        (lambda x: special.softmax(x[0]), "of a number"),
        (lambda x: expit("a"), "numbers and arrays"),
        (lambda x: sc.ndtr(None), "numbers and arrays"),
    ],
)
def test_refused(f, message):
    with pytest.raises(ad.UnsupportedError, match=message):
        ad.compile(f)(np.array([0.5, 1.5]))


def test_scipy_is_never_imported():
    code = (
        "import sys, math, autodiff_compiler as ad\n"
        "from tests.test_math_calls import function\n"
        "for name in ('gamma', 'lgamma', 'erf'):\n"
        "    for backend in ('python', 'auto'):\n"
        "        assert ad.grad(ad.grad(function(name, 1)), backend=backend)(1.3)\n"
        "assert not any(m.split('.')[0] == 'scipy' for m in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- emitted source -------------------------------------------------------------------------------


def expit_of(digamma, x):
    erf = sc.erf(x)
    return np.sum(gammaln(digamma) * erf)


def test_the_source_carries_what_it_calls_and_keeps_out_of_the_way_of_names():
    kernel = ad.grad(expit_of, argnums=(0, 1)).specialize(np.ones(3), np.ones(3))
    text = kernel.source
    assert text.count("def digamma(") == text.count("def erf(") == text.count("def lgamma(") == 1
    assert "def gamma(" not in text and "scipy" not in text
    assert [line for line in text.splitlines() if line.startswith("import")] == [
        "import math", "import numpy as np",
    ]  # fmt: skip
    scope: dict = {}
    exec(text, scope)
    args = np.array([1.5, 2.5, 0.3]), np.array([0.2, -0.4, 1.0])
    ours = ad.grad(expit_of, argnums=(0, 1), backend="python")(*args)
    for a, b in zip(ours, scope["grad_expit_of"](*args)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(ours[0], sc.digamma(args[0]) * sc.erf(args[1]), rtol=1e-13)


def gamma(x):
    return math.gamma(x) * 2


def test_a_function_that_has_the_name_of_one_that_is_carried():
    assert ad.compile(gamma, backend="python")(3.0) == 4.0


def test_a_program_that_calls_none_carries_none():
    source = ad.grad(lambda x: np.sum(np.sin(x))).specialize(np.ones(3)).source
    assert source.count("def ") == 1 and "import math" not in source
