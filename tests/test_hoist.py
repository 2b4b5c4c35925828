"""Sums that are taken apart or moved on the way to C give what they gave where they stood."""

import numpy as np
import pytest

from autodiff_compiler import value_and_grad
from autodiff_compiler.backends.c.merge import join_loops
from autodiff_compiler.backends.c.writer import Line, Loop


def scaled(x, s):
    return np.sum(x * s)


def divided_parts(x, s):
    t = 0.0
    for i in range(len(s)):
        t += np.sum(np.sin(x[:i]) / s[i])
    return t


@pytest.mark.parametrize(
    "f, args",
    [
        (scaled, (np.full(3, 1e308), 1e-10)),  # adding up first would overflow
        (scaled, (np.array([0.0, 1.0]), np.inf)),
        (scaled, (np.array([]), np.nan)),
        (divided_parts, (np.arange(1.0, 4.0), np.array([0.0, 1.0, 2.0]))),  # nothing / 0
    ],
)
def test_sums_of_scaled_arrays_at_the_ends_of_the_range(f, args):
    with np.errstate(all="ignore"):
        value, gradient = value_and_grad(f, argnums=(0, 1), backend="c")(*args)
        expected, slopes = value_and_grad(f, argnums=(0, 1), backend="python")(*args)
        assert np.array_equal(value, f(*args), equal_nan=True)
        for a, b in zip(gradient, slopes):
            assert np.allclose(a, b, equal_nan=True)


def test_a_number_that_a_loop_counts_stays_behind_the_loop():
    rows, columns = "for (long long i = 0; i < n; i++) {", "for (long long j = 0; j < m; j++) {"
    counted = [Line(3, "if (x[i] > 0.1) {"), Line(4, "count++;"), Line(3, "}")]
    first = Loop(1, rows, "i", "", [Loop(2, columns, "j", "", counted)])
    second = Loop(1, rows, "i", "", [Loop(2, columns, "j", "", [Line(3, "t += x[i] * k;")])])
    number = Line(1, "const double k = count * 0.5;", "k")
    assert join_loops([first, number, second]) == [first, number, second]
