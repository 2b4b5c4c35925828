"""Programs that once went wrong: control flow, aliasing, functions."""

import numpy as np
import pytest

from autodiff_compiler import check_grads

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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "args", "argnums", "order"), FOUND)
def test_found(f, args, argnums, order, backend):
    check_grads(f, args, argnums, order=order, backends=(backend,))
