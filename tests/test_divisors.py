"""Rows that are divided by one number: quotients are those of NumPy, to the last place."""

import numpy as np
import pytest

from autodiff_compiler import compile, value_and_grad

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 3.0, 1 / 3, np.inf, -np.inf, np.nan, 1e290, -1e300, 1.7e308, 5e-324, 1e-310,
    2.3e-308, 1e-300,
]  # fmt: skip


def quotient(x, s):
    return x / s


def by_constants(x):
    return x / 3.0 + x / 1e-303


def steps(x, dx):
    return np.floor(x / dx)


def normalised(x):
    total = np.sum(x)
    return np.sum((x / total) ** 2) + np.sum((x / 1e-303) * (x * 1e-10))


def same(a, b):
    return (a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b)


@pytest.mark.parametrize("divisor", SPECIAL)
def test_special_numbers(divisor):
    x = np.array([v for v in SPECIAL if v == 0 or not abs(v) < 1e-291] * 3)
    with np.errstate(all="ignore"):
        expected = x / divisor
    assert same(compile(quotient, backend="c")(x, divisor), expected).all()


def test_every_quotient_is_the_nearest():
    rng = np.random.default_rng(0)
    kernel = compile(quotient, backend="c")
    for _ in range(40):
        divisor = float(rng.standard_normal() * 10.0 ** rng.integers(-20, 20))
        x = rng.standard_normal(20000) * 10.0 ** rng.integers(-250, 250, 20000)
        np.testing.assert_array_equal(kernel(x, divisor), x / divisor)


def test_tiny_numbers_are_off_by_a_place_at_most():
    x = np.array([1e-310, 2.3e-308, -1e-300, 5e-324] * 3)
    for divisor in (1e-290, 1e-300, 3e-310, 7.0):
        np.testing.assert_array_max_ulp(compile(quotient, backend="c")(x, divisor), x / divisor, 1)


def test_whole_quotients_stay_whole():
    dx = 0.1
    x = np.arange(2000) * dx
    np.testing.assert_array_equal(compile(steps, backend="c")(x, dx), np.floor(x / dx))


def test_constants():
    x = np.array([1.0, -2.0, 3.5, 1e-5, 7.0]) * 1e-290
    kernel = compile(by_constants, backend="c")
    np.testing.assert_array_equal(kernel(x), x / 3.0 + x / 1e-303)


def test_adjoints_of_divisors_without_an_inverse():
    x = np.array([1.0, 2.0, 4.0])
    value, slope = value_and_grad(normalised, backend="c")(x)
    expected, wanted = value_and_grad(normalised, backend="python")(x)
    assert value == expected
    np.testing.assert_allclose(slope, wanted, rtol=1e-15)
