"""Integers that must be known when a function is compiled are part of the key by their value."""

import numpy as np
import pytest

from autodiff_compiler import compile, grad


def along(x, axis):
    return np.sum(np.sum(x, axis=axis) ** 2)


def power(x, options):
    y = np.sum(x, axis=options["axis"], keepdims=True)
    return np.sum(y * x) * options["scale"]


X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("backend", ["python", "c"])
def test_an_axis_is_an_argument(backend):
    gradient = grad(along, backend=backend)
    for axis in (0, 1, -1, 0):
        expected = 2 * np.sum(X, axis=axis, keepdims=True) * np.ones_like(X)
        np.testing.assert_allclose(gradient(X, axis), expected)
    with pytest.raises(np.exceptions.AxisError):
        gradient(X, 2)


@pytest.mark.parametrize("backend", ["python", "c"])
def test_an_axis_in_a_container(backend):
    compiled = compile(power, backend=backend)
    for axis in (1, 0):
        options = {"axis": axis, "scale": 2.5}
        assert compiled(X, options) == pytest.approx(power(X, options))
