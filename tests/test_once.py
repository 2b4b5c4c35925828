"""Loops of sums are gone through once, or twice where the cotangents wait for the sums."""

import copy

import numpy as np
import pytest

from autodiff_compiler import check_grads, compile, value_and_grad

R = np.random.default_rng(11)
W, X = R.normal(size=4), R.normal(size=(300, 4))  # more rows than a strip has


def mean_of_squares(w, x):
    total = 0.0
    for i in range(len(x)):
        y = 0.0
        for k in range(len(w)):
            y += w[k] * x[i, k]
        total += np.exp(-y * y)
    return total / len(x) + np.sum(w)


def begins_with_a_number(w, x):
    total = np.sum(w * w)
    for i in range(len(x)):
        total += np.tanh(x[i, 0] * w[1])
    return 3.0 * total


def two_sums_of_which_one_counts(w, x):
    a = b = 0.0
    for i in range(len(x)):
        a += np.sin(x[i, 1] * w[0])
        b += x[i, 2] * w[3] * w[3]
    return a + 0.0 * b


def loop_after_loop(w, x):
    a = 0.0
    for i in range(len(x)):
        a += np.sin(x[i, 1] * w[0])
    b = 2.0 * a
    for i in range(len(x)):
        b += np.cos(x[i, 2] * w[1]) * w[2]
    return 2.0 * a + b


def stored_behind(w, x):
    total = 0.0
    for i in range(len(x)):
        total += np.sin(x[i, 1] * w[0])
    w[2] = 1.0  # the array that the sum goes into is written before and after
    w[3] += 2.0 * total
    return w[3] + w[1]


def logarithm_of_the_sum(w, x):
    total = 0.0
    for i in range(len(x)):
        total += np.exp(np.sin(x[i, 1] * w[0]))
    return np.log(total)


def product_of_two(w, x):
    a = b = 0.0
    for i in range(len(x)):
        a += np.sin(x[i, 1] * w[0])
        b += np.cos(x[i, 2] * w[1])
    return a * b


def the_second_scales_the_first(w, x):
    a = b = 0.0
    for i in range(len(x)):
        a += np.sin(x[i, 1] * w[0])
    for i in range(len(x)):
        b += np.cos(x[i, 2] * w[1])
    return a * b + a


def what_is_read_is_overwritten_behind(w, x):
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i, 0]) * w[1]  # no slope by w asks for w
    w[1] = w[0] * 2.0
    return total + np.sum(w * w)


def both_wait_for_a_sum_that_is_overwritten(w, x):
    total = 0.0
    for i in range(len(x) - 1):
        total += np.sum(w)
    for i in range(1, len(x)):
        total += w[1]
    w[0] *= np.tanh(0.01 * total)
    return 0.3 * total + np.sum(w * w)


def strips(function, args):
    text = function.specialize(*copy.deepcopy(args)).c_source
    return text.count("+= 256)")


@pytest.mark.parametrize(
    ("f", "loops"),
    [
        (mean_of_squares, 1), (begins_with_a_number, 1), (two_sums_of_which_one_counts, 1),
        (loop_after_loop, 3),  # the second begins with what the first gives
        (stored_behind, 1),
        (logarithm_of_the_sum, 2), (product_of_two, 2),
        (the_second_scales_the_first, 3),
        (what_is_read_is_overwritten_behind, 1), (both_wait_for_a_sum_that_is_overwritten, 4),
    ],
)  # fmt: skip
def test_how_often_the_trips_are_done(f, loops):
    args = (W, X)
    both = value_and_grad(f, argnums=(0, 1), backend="c")
    assert strips(both, args) == loops
    check_grads(f, (W, X[:5]), (0, 1), order=2, backends=("c",))
    check_grads(f, (W, X), 0, backends=("c",))
    value, _ = both(*copy.deepcopy(args))
    np.testing.assert_allclose(value, f(*copy.deepcopy(args)), rtol=1e-13)
    assert value == compile(f, backend="c")(*copy.deepcopy(args))


def test_a_sum_that_overflows_when_scaled_first_keeps_its_value():
    """The trips done again are the user's arithmetic, in which no factor is taken out of a sum."""

    def f(x, s):
        total = 0.0
        for i in range(len(x)):
            total += x[i] * s
        return total

    args = (np.full(3, 1e308), 1e-10)
    value, gradients = value_and_grad(f, argnums=(0, 1), backend="c")(*args)
    np.testing.assert_allclose(value, f(*args), rtol=1e-15)
    assert np.isfinite(gradients[0]).all()


def test_checks_of_a_trip_are_made():
    def f(w, x):
        total = 0.0
        for i in range(len(x)):
            total += w[i] * x[i, 0]
        return total

    with pytest.raises(IndexError):
        value_and_grad(f, backend="c")(W, X)


def test_a_sum_that_begins_with_another_and_is_used_besides():
    def f(w, x):
        total = 0.0
        for i in range(len(x)):
            total += np.exp(0.8 * x[i, 0] * w[0])
        for i in range(len(x) - 1):
            total += np.sin(x[i, 1])
        return total, total * 2.0

    (value, twice), slope = value_and_grad(f, has_aux=True, backend="c")(W, X)
    assert (value, twice) == pytest.approx(f(W, X), rel=1e-13)
    np.testing.assert_allclose(slope, value_and_grad(f, has_aux=True, backend="python")(W, X)[1])
