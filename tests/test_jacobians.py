"""`jacobian`, row by row and column by column, against dual numbers."""

import pickle

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, compile, grad, jacobian, vjp
from autodiff_compiler.testing.oracles import grad_dual
from tests import traveller

RNG = np.random.default_rng(3)


def residuals(p, t, y):
    return p[0] * np.exp(-p[1] * t) + np.cos(p[2] * t) - y


def chain(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] ** 2
        if i > 0:
            out[i] -= x[i - 1] * np.sin(x[i])
    return out


def product(A, b):
    return np.tanh(A @ b)


def newton(c):
    x = np.ones_like(c)
    while np.max(np.abs(x * x - c)) > 1e-14:
        x = 0.5 * (x + c / x)
    return x


def of_numbers(x, y):
    return np.array([x * y, x - y, x / y])


T = np.linspace(0.0, 2.0, 7)
CASES = {
    "more residuals": (residuals, (np.array([1.0, 0.5, 2.0]), T, np.sin(T)), 0),
    "in place": (chain, (np.linspace(1.0, 2.0, 4),), 0),
    "matrix": (product, (RNG.normal(size=(3, 2)), RNG.normal(size=2)), 0),
    "matrix, by the vector": (product, (RNG.normal(size=(3, 2)), RNG.normal(size=2)), 1),
    "while": (newton, (np.array([2.0, 3.0]),), 0),
    "numbers": (of_numbers, (2.0, 3.0), 1),
    "length 1": (chain, (np.array([1.5]),), 0),
}


def reference(f, args, k):
    """Each number of the result by itself, its gradient by dual numbers."""
    shape = np.shape(f(*args))
    rows = []
    for place in np.ndindex(shape):
        (row,) = grad_dual(lambda *a, place=place: f(*a)[place], args, (k,))
        rows.append(np.asarray(row))
    return np.array(rows).reshape(*shape, *np.shape(args[k]))


@pytest.mark.parametrize("backend", ["c", "python"])
@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("name", CASES)
def test_against_dual_numbers(name, mode, backend):
    f, args, k = CASES[name]
    before = [np.copy(a) for a in args]
    made = jacobian(f, k, mode=mode, backend=backend)(*args)
    expected = reference(f, args, k)
    assert made.shape == expected.shape and made.dtype == np.float64
    np.testing.assert_allclose(made, expected, rtol=1e-9, atol=1e-12)
    assert all(map(np.array_equal, args, before))


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_dtypes_and_shapes(mode):
    A, b = np.ones((3, 2), np.float32), np.arange(2, dtype=np.float32)
    by_A, by_b = jacobian(product, ("A", "b"), mode=mode)(A, b)
    assert by_A.shape == (3, 3, 2) and by_b.shape == (3, 2)
    assert by_A.dtype == by_b.dtype == np.float32
    f = jacobian(lambda x: x * x, mode=mode)
    assert f(3.0) == 6.0 and type(f(3.0)) is float
    assert type(f(np.float32(3.0))) is np.float32
    assert f(np.zeros((2, 3))).shape == (2, 3, 2, 3)
    assert f(np.zeros(0)).shape == (0, 0)
    assert f(np.array(2.0)).shape == () and type(f(np.array(2.0))) is np.ndarray


def test_wide_and_narrow_choose_for_themselves():
    """Columns come from one kernel more; rows from `vjp` alone."""
    wide, narrow = jacobian(lambda x: np.array([np.sum(x), x[0]])), jacobian(residuals)
    wide(np.ones(50))
    narrow(np.ones(3), T, T)
    assert not wide._columns and narrow._columns


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_by_an_argument_behind_others(mode):
    """What holds no floats has a place among a pullback's results, too."""

    def f(n, kind, x, y):
        return n * x * y if kind == "product" else x

    made = jacobian(f, ("y", "x"), mode=mode)(3, "product", np.array([1.0, 2.0]), np.ones(2))
    assert np.array_equal(made, [np.diag([3.0, 6.0]), np.diag([3.0, 3.0])])


def test_integers_whose_values_decide():
    """An axis is known to a pullback and to a Jacobian as it is to a gradient."""

    def spread(x, axis, how):
        return x.std(axis=axis) if how == "std" else x.mean(axis=axis)

    x = np.arange(6.0).reshape(2, 3) ** 2
    for axis in (0, 1, -1):
        value, pull = vjp(spread, x, axis, "std")
        expected = grad(lambda x: np.sum(spread(x, axis, "std")))(x)
        np.testing.assert_allclose(pull(np.ones_like(value))[0], expected, rtol=1e-12)
    assert jacobian(spread)(x, 1, "mean").shape == (2, 2, 3)


def test_keywords_defaults_and_what_is_no_number():
    def f(x, power=2, *, mode="sum"):
        return x**power

    assert np.array_equal(jacobian(lambda x, k="n": x * x)(np.ones(2)), 2.0 * np.eye(2))
    assert np.array_equal(jacobian(lambda x, k: x * k)(k=3.0, x=np.ones(2)), 3.0 * np.eye(2))
    with pytest.raises(TypeError, match="mode cannot be passed so"):
        jacobian(f)(np.ones(2), mode="mean")


def test_of_a_compiled_function_and_in_a_pickle():
    x = np.linspace(1.0, 2.0, 3)
    assert np.array_equal(jacobian(compile(chain))(x), jacobian(chain)(x))
    back = pickle.loads(pickle.dumps(jacobian(traveller.helper, mode="columns")))
    np.testing.assert_allclose(back(x), np.diag(np.sin(x) + x * np.cos(x)), rtol=1e-12, atol=0)
    assert back.mode == "columns"


def test_refusals():
    with pytest.raises(TypeError, match="this one returns a tuple"):
        jacobian(lambda x: (x, x))(1.0)
    with pytest.raises(TypeError, match="this one returns an array of int64"):
        jacobian(lambda x: np.argsort(x))(np.ones(2))
    with pytest.raises(TypeError, match="argument 0 is an array of int64"):
        jacobian(lambda x: x * 1.0)(np.ones(2, int))
    with pytest.raises(ValueError, match="no parameter 'q'"):
        jacobian(residuals, "q")
    with pytest.raises(ValueError, match="mode is"):
        jacobian(residuals, mode="forward")
    with pytest.raises(UnsupportedError, match="with"):
        jacobian(traveller.refused)(1.0)
    with pytest.raises(IndexError):
        jacobian(lambda x: x[:2] * x[5])(np.ones(3))
