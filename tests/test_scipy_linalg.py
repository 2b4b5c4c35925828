"""Functions of scipy.linalg that the front end knows; SciPy is the user's own."""

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler import UnsupportedError
from autodiff_compiler.testing import check_grads
from tests.c_kernels import needs_compiler

sla = pytest.importorskip("scipy.linalg")
pytestmark = needs_compiler
both = pytest.mark.parametrize("backend", ("python", "c"))
RNG = np.random.default_rng(11)
A = RNG.normal(size=(4, 4)) + 4 * np.eye(4)
S = A @ A.T
B, V = RNG.normal(size=(4, 3)), RNG.normal(size=4)


def triangular(a, b):
    x = sla.solve_triangular(a, b, lower=True)
    y = sla.solve_triangular(a, b)
    return np.sum(np.sin(x)) + np.sum(y**2)


def triangular_turned(a, b):
    x = sla.solve_triangular(a, b, trans=1)
    y = sla.solve_triangular(a, b, trans="T", lower=True, unit_diagonal=True)
    return np.sum(np.sin(x)) + np.sum(np.cos(0.1 * y))


def by_factor(a, b):
    factor = sla.cho_factor(a, lower=True)
    c, low = sla.cho_factor(a)
    return np.sum(sla.cho_solve(factor, b) ** 2) + np.sum(np.sin(sla.cho_solve((c, low), b)))


def factors(a, b):
    upper, lower = sla.cholesky(a), sla.cholesky(a, lower=True)
    return np.sum(np.sin(upper) * lower.T) + np.sum(upper @ b)


def general(a, b):
    return np.sum(sla.solve(a, b) ** 2) * sla.det(a) + np.sum(np.sin(sla.inv(a)))


@pytest.mark.parametrize("b", [V, B])
@pytest.mark.parametrize("f", [triangular, triangular_turned, by_factor, factors, general])
def test_against_duals(f, b):
    a = S if f in (by_factor, factors) else A
    check_grads(f, (a, b), (0, 1), order=2)
    for backend in ("python", "c"):
        assert np.isclose(ad.compile(f, backend=backend)(a, b), f(a, b), rtol=1e-11)


@both
def test_what_raises(backend):
    def solved(a):
        return np.sum(sla.solve_triangular(a, np.ones(2)))

    def factor(a):
        return np.sum(sla.cho_factor(a)[0])

    with pytest.raises(np.linalg.LinAlgError):
        ad.grad(solved, backend=backend)(np.array([[1.0, 2.0], [3.0, 0.0]]))
    with pytest.raises(ValueError, match="infs or NaNs"):
        ad.grad(solved, backend=backend)(np.array([[1.0, np.nan], [3.0, 1.0]]))
    with pytest.raises(np.linalg.LinAlgError):
        ad.grad(factor, backend=backend)(-np.eye(2))


def test_refusals():
    for f in (
        lambda a: np.sum(sla.expm(a)),
        lambda a: np.sum(sla.solve(a, a, assume_a="pos")),
        lambda a: np.sum(sla.cholesky(a, overwrite_a=True)),
    ):
        with pytest.raises(UnsupportedError):
            ad.grad(f)(S)
