"""Derivatives called inside a traced function."""

import numpy as np
import pytest

from autodiff_compiler import compile, grad, stop_gradient, value_and_grad
from autodiff_compiler.errors import UnsupportedError
from autodiff_compiler.frontend import trace
from autodiff_compiler.kernel import derive
from autodiff_compiler.signature import describe
from tests.frontend_harness import agree

X = np.array([0.5, -1.0, 2.0])


def cube(x):
    return x * x * x


def energy(x, k, table):
    x[0] *= k
    total = 0.0
    for i in range(len(x)):
        total += x[i] ** 2 * table[i]
    return total


@grad
def slope(x, k=2.0):
    return k * x * np.sin(x)


@value_and_grad(argnums=("x", "k"), has_aux=True)
def both(x, k):
    return (x * k).sum(), {"squares": x * x, "name": "aux", "k": k}


@compile
def doubled(x):
    return x * 2.0


def decorated(x):
    return slope(x) + slope(x, k=3.0) + doubled(x)


def with_aux(x):
    (value, aux), (dx, dk) = both(x, 2.0)
    return value, aux["squares"], aux["name"], dx, dk


def made_inside(x):
    g = grad(cube)
    h = lambda v: v * v
    return g(x) + grad(grad(cube))(x) + grad(h)(x) + value_and_grad(cube)(x)[0]


def over_closure(x, y):
    def f(v):
        return (v * y).sum() * y[0]

    return grad(f)(x)


def in_a_loop(x, rate):
    w = x.copy()
    for i in range(3):
        g = grad(energy)(w, rate, X)
        if g[0] > 1.0:
            w -= 0.1 * g
        else:
            w = w - 0.2 * g
    return w, energy(w, 1.0, X)


def of_containers(p):
    def f(q):
        return q["a"] * q["b"][0] * q["b"][1].sum()

    return grad(f)(p)


def newton(x):
    for _ in range(5):
        x = x - grad(cube)(x) / grad(grad(cube))(x)
    return x


def stopped(x):
    y = stop_gradient(x) * x
    a, b = stop_gradient((x, 1.0))
    return y.sum() + a.sum() * b


def test_derivatives_inside():
    agree(decorated, 0.7, derive=derive)
    agree(with_aux, X, derive=derive)
    agree(made_inside, 0.7, derive=derive)
    agree(over_closure, X, X * 2, derive=derive)
    agree(in_a_loop, X, 0.5, derive=derive)
    agree(of_containers, {"a": 2.0, "b": (3.0, X)}, derive=derive)
    agree(newton, 0.9, derive=derive)
    agree(stopped, X, derive=derive)


def by_integer(n):
    return grad(cube)(n)


def writes_outside(x):
    y = x.copy()

    def f(v):
        y[0] = v
        return y.sum()

    return grad(f)(x[0])


def of_an_array(x):
    return grad(lambda v: v * 2)(x)


@pytest.mark.parametrize(
    "f, arg",
    [(by_integer, 2), (writes_outside, X), (of_an_array, X)],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_refused(f, arg):
    with pytest.raises(UnsupportedError) as caught:
        trace(f, [describe(arg)], derive=derive)
    assert caught.value.filename == __file__
