"""`scipy.stats.norm` as programs call it: types, shapes, edges; and refusals of the rest of SciPy at its call."""

import numpy as np
import pytest
import scipy.stats as st
from scipy import integrate, interpolate, optimize, stats
from scipy.stats import norm

import autodiff_compiler as ad
from autodiff_compiler.testing import check_grads, grad_dual

both_back_ends = pytest.mark.parametrize("backend", ["python", "c"])
cdf = norm.cdf

METHODS = {
    "pdf": lambda x, m, s: norm.pdf(x, m, s),
    "logpdf": lambda x, m, s: stats.norm.logpdf(x, loc=m, scale=s),
    "cdf": lambda x, m, s: st.norm.cdf(x, m, scale=s),
    "logcdf": lambda x, m, s: norm.logcdf(x, m, s),
    "sf": lambda x, m, s: norm.sf(x=x, loc=m, scale=s),
    "logsf": lambda x, m, s: norm.logsf(x, m, s),
    "ppf": lambda x, m, s: norm.ppf(0.5 + 0.25 * np.tanh(x), m, s),
    "isf": lambda x, m, s: norm.isf(0.5 + 0.25 * np.tanh(x), m, s),
    "of a name": lambda x, m, s: cdf(x, m, s),
    "without scale": lambda x, m, s: norm.pdf(x * s, m) + norm.logpdf(x * s, m) + norm.cdf(x, s),
    "without both": lambda x, m, s: norm.pdf(x * s + m) + norm.sf(x + m) * norm.logcdf(s),
    "scale only": lambda x, m, s: norm.logpdf(x - m, scale=s) + norm.ppf(0.3, scale=s),
    "lists": lambda x, m, s: norm.logpdf([0.5, 1, 2], m, s) @ norm.cdf([x, m, s]),
}
ARGUMENTS = {
    "numbers": (0.3, -0.4, 0.7),
    "arrays": (np.array([0.3, -1.2, 2.0]), np.array([0.1, 0.2, -0.5]), np.array([0.7, 1.1, 2.0])),
    "mixed": (np.array([[0.3], [-1.2]]), 0.2, np.array([0.7, 1.1, 2.0])),
    "tails": (np.array([-12.0, 9.0, 3.0]), 0.5, 1.5),
}
CASES = [(m, a) for m in METHODS for a in ARGUMENTS if m != "lists" or a == "numbers"]


@pytest.mark.parametrize("name,kind", CASES)
@both_back_ends
def test_values_and_gradients(name, kind, backend):
    method, args = METHODS[name], ARGUMENTS[kind]

    def f(x, m, s):
        return np.sum(method(x, m, s) * np.cos(m))

    value, gradient = ad.value_and_grad(f, argnums=(0, 1, 2), backend=backend)(*args)
    np.testing.assert_allclose(value, f(*args), rtol=1e-12)
    for ours, expected in zip(gradient, grad_dual(f, args, (0, 1, 2)), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", [m for m in METHODS])
def test_against_differences(name):
    method = METHODS[name]
    check_grads(lambda x, m, s: np.sum(method(x, m, s)), ARGUMENTS["numbers"], argnums=(0, 1, 2))


@pytest.mark.parametrize("name", ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"])
@both_back_ends
def test_second_derivatives(name, backend):
    method = METHODS[name]

    def slope(s):
        return ad.grad(lambda s: method(0.3, -0.4, s), backend=backend)(s)

    step = 1e-5
    expected = (slope(0.7 + step) - slope(0.7 - step)) / (2 * step)
    second = ad.grad(ad.grad(lambda s: method(0.3, -0.4, s), backend=backend), backend=backend)
    np.testing.assert_allclose(second(0.7), expected, rtol=1e-7)


@pytest.mark.parametrize(
    "name,backend",
    [(m, "python") for m in METHODS if m != "lists"] + [("logpdf", "c"), ("isf", "c")],
)
def test_dtypes_and_edges(name, backend):
    method = METHODS[name]
    single = tuple(np.float32(x) for x in (0.3, -0.4, 0.7))
    arrays = tuple(np.full(3, x, dtype=np.float32) for x in single)
    whole = (np.arange(3), 1, 2)
    edges = (np.array([np.inf, -np.inf, np.nan, 1.0]), np.zeros(4), np.array([1.0, 1.0, 1.0, -1.0]))
    empty = (np.zeros(0), 0.5, 2.0)
    for args in (
        single,
        arrays,
        (arrays[0], 0.5, 2.0),
        (arrays[0], arrays[1], 2),
        whole,
        edges,
        empty,
    ):
        with np.errstate(all="ignore"):
            expected = np.asarray(method(*args))
        ours = np.asarray(ad.compile(method, backend=backend)(*args))
        assert (ours.dtype, ours.shape) == (expected.dtype, expected.shape)
        has_single = any(np.asarray(a).dtype == np.float32 for a in args)
        # SciPy's quantiles of single precision are of that precision, though they come as doubles.
        rtol, atol = (2e-7, 5e-8) if has_single else (1e-12, 0)
        np.testing.assert_allclose(ours, expected, rtol=rtol, atol=atol)


def test_in_a_loop_and_a_branch():
    def f(x, s):
        total = 0.0
        for v in x:
            total += norm.logpdf(v, 0, s) if v > 0 else np.log(norm.cdf(v / s))
        return total

    check_grads(f, (np.array([0.4, -1.0, 2.0]), 0.6), argnums=(0, 1))


spline = interpolate.CubicSpline(np.arange(4.0), np.ones(4))


@pytest.mark.parametrize(
    "f,message",
    [
        (lambda x: integrate.quad(lambda t: t * x, 0, 1)[0], r"scipy\.integrate\.quad is not supp"),
        (lambda x: optimize.brentq(lambda t: t - x, 0, 3), r"scipy\.optimize\.brentq is not supp"),
        (
            lambda x: interpolate.interp1d([0.0, 1.0], [x, x])(0.5),
            r"interpolate\.interp1d is not s",
        ),
        (lambda x: spline(x), r"scipy\.interpolate\.CubicSpline is not supported"),
        (lambda x: norm.entropy(0, x), r"scipy\.stats\.norm\.entropy is not supported"),
        (lambda x: norm(0, x).pdf(1.0), r"scipy\.stats\.norm is not supported"),
        (lambda x: stats.gamma.logpdf(x, 2.0), r"scipy\.stats\.gamma\.logpdf is not supported"),
        (lambda x: stats.zscore(np.ones(2) * x)[0], r"scipy\.stats\.zscore is not supported"),
    ],
)
def test_refused_at_the_users_line(f, message):
    with pytest.raises(ad.UnsupportedError, match=message) as caught:
        ad.grad(f)(0.5)
    assert caught.value.filename == __file__
    assert "formula" in caught.value.hint
