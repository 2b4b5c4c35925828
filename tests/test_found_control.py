"""Programs that once went wrong: control flow, aliasing, functions."""

import numpy as np
import pytest

from autodiff_compiler import check_grads, grad, value_and_grad

BACKENDS = ("python", "c")
FOUND = []


def found(*args, argnums=0, order=1):
    def record(f):
        FOUND.append(pytest.param(f, args, argnums, order, id=f.__name__))
        return f

    return record


@found(np.array([1.3, -0.4, 0.9, -1.7]), order=2)
def sorted_in_nested_loops(a):
    n = len(a)
    for i in range(n):
        for j in range(n - i - 1):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a[0] * a[1] + a[2] ** 2 * a[3]


@found(np.arange(1.0, 9.0), order=2)
def views_that_trade_places(a):
    low, high = a[:4], a[4:]
    for _ in range(3):
        low, high = high, low
        low += 0.5 * high * high
    return (low * high).sum() + a[0] ** 2


@found(np.array([[0.4, 1.2, -0.3], [-0.9, 0.2, 1.7], [0.1, 0.6, 1.1]]), order=2)
def arm_that_returns_or_breaks(a):
    s = 0.0
    for i in range(3):
        for j in range(3):
            s += a[i, j] * a[j, i]
            if a[i, j] > 1.0:
                if a[i, 0] < -0.5 and j == 0:
                    return a[i, 0] * s
                break
            a[i, j] *= s
    return a.sum() ** 2


@found(np.array([[0.4, 1.2, -0.3], [-0.9, 0.2, 1.7], [0.1, 0.6, 1.1]]))
def arm_that_searches_and_goes_on(a):
    s = 0.0
    for i in range(3):
        for j in range(3):
            if a[i, j] > 0.3:
                for k in range(j + 1):
                    if a[i, k] < -0.5:
                        return s * a[i, k]
                    s += a[k, j] ** 2
                continue
            a[i, j] = s * a[i, j]
        s *= a[i, 0]
    return a.sum() * s


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "args", "argnums", "order"), FOUND)
def test_found(f, args, argnums, order, backend):
    check_grads(f, args, argnums, order=order, backends=(backend,))


def always_raises(x, name):
    if name == "known":
        return x.sum()
    raise ValueError(f"{name} is unknown")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("transform", (grad, value_and_grad))
def test_what_always_raises_raises_its_own_exception(transform, backend):
    with pytest.raises(ValueError, match="^other is unknown$"):
        transform(always_raises, backend=backend)(np.ones(2), "other")
    transform(always_raises, backend=backend)(np.ones(2), "known")
