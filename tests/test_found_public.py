"""What programs in the style of public code found: ranges as arrays, pieces in a list that grew, windows."""

import random
import statistics
from functools import reduce
from typing import NamedTuple

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.testing import check_grads, grad_dual

both_back_ends = pytest.mark.parametrize("backend", ["python", "c"])


def numbers(v, i):
    return v[0, 0, i % 2] * (i + 1)


def rows(v, i):
    return v[0, 1] * (i + 1)


def matrices(v, i):
    return v[1] * (i + 1)


def cubes(v, i):
    return v * (i + 1)


JOINS = {
    "stack": np.stack,
    "stack, second axis": lambda a: np.stack(a, axis=1),
    "stack, last axis": lambda a: np.stack(a, -1),
    "vstack": np.vstack,
    "hstack": np.hstack,
    "column_stack": np.column_stack,
    "concatenate": np.concatenate,
    "concatenate, second axis": lambda a: np.concatenate(a, axis=1),
    "concatenate, last axis": lambda a: np.concatenate(a, -1),
    "concatenate, flat": lambda a: np.concatenate(a, axis=None),
}
CUBE = np.random.default_rng(0).normal(size=(2, 3, 4))


def grown(join, item):
    def f(v, n):
        items = []
        for i in range(n):
            items.append(item(v, i))
            v = np.sin(v)
        return join(items)

    return f


def outcome(f, *args):
    try:
        return f(*args)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize("item", [numbers, rows, matrices, cubes])
@both_back_ends
def test_pieces_in_a_list_that_grew(name, item, backend):
    f = grown(JOINS[name], item)
    made = ad.compile(f, backend=backend)
    for n in (3, 1, 0):
        ours, expected = outcome(made, CUBE, n), outcome(f, CUBE, n)
        if isinstance(expected, type):
            assert ours is expected
        else:
            assert ours.dtype == expected.dtype
            np.testing.assert_allclose(ours, expected, rtol=1e-14, strict=True)


@pytest.mark.parametrize("name", ["stack, last axis", "vstack", "hstack", "column_stack"])
@pytest.mark.parametrize("item", [rows, matrices])
def test_gradients_of_joined_pieces(name, item):
    f = grown(JOINS[name], item)

    def loss(v, n):
        joined = f(v, n)
        return np.sum(joined**2 * np.cos(np.arange(joined.shape[-1])))

    check_grads(loss, (CUBE, 4))


def test_pieces_may_be_written_after_they_were_joined():
    def f(x):
        items = []
        for i in range(3):
            items.append(x * i)
        a = np.vstack(items)
        a[1] *= 2.0
        return np.sum(a * items[1])

    check_grads(f, (np.array([0.3, 0.7]),))


@both_back_ends
def test_ranges_as_arrays_and_indices(backend):
    def f(x, n):
        y = x * 1.0
        y[range(1, n), 0] *= 3.0
        a = x[range(n - 1, -1, -1)] * np.array(range(n))[:, None]
        return np.sum(a) + np.dot(range(2), y[0]) + np.sum(y[range(n), range(n)] ** 2)

    x = CUBE[0, :, :2] * 1.0
    for n in (2, 1):
        assert np.isclose(ad.compile(f, backend=backend)(x, n), f(x, n))
    np.testing.assert_allclose(ad.grad(f, backend=backend)(x, 2), ad.grad(f)(x, 2))
    check_grads(f, (x, 2))
    # NumPy makes an array of floats of a range that is empty, and takes it as an index all the same.
    empty = ad.compile(lambda x, n: x[range(n)], backend=backend)
    assert empty(x, 0).shape == (0, 2)
    with pytest.raises(ad.UnsupportedError, match="empty range"):
        ad.compile(lambda x, n: x * np.array(range(n)), backend=backend)(np.zeros(0), 0)


def test_indices_from_an_array():
    def f(a):
        b = a @ a.T
        b[np.diag_indices_from(b)] += 1.0
        return (
            np.sum(np.log(b[np.tril_indices_from(b, -1)] ** 2 + 1)) + b[np.triu_indices_from(b)][1]
        )

    check_grads(f, (CUBE[0],))
    for wrong in (np.diag_indices_from, np.tril_indices_from):
        with pytest.raises(ValueError, match="input"):
            ad.compile(lambda x: np.sum(x[wrong(x)]))(np.ones(3))
    with pytest.raises(ValueError, match="equal length"):
        ad.compile(lambda x: np.sum(x[np.diag_indices_from(x)]))(np.ones((3, 2)))


@pytest.mark.parametrize("window", [np.hanning, np.hamming, np.blackman, np.bartlett])
@both_back_ends
def test_windows(window, backend):
    made = ad.compile(lambda x, n: x * window(n), backend=backend)
    for n in (0, 1, 2, 3, 8):
        x = np.arange(1.0, n + 1.0)
        np.testing.assert_allclose(made(x, n), x * window(n), rtol=1e-14, atol=1e-15, strict=True)
    check_grads(lambda x: np.sum((x * window(len(x))) ** 2), (np.arange(1.0, 6.0),))


class Link(NamedTuple):
    a: float
    alpha: float
    joint: str = "revolute"


CHAIN = [Link(0.3, 0.5), Link(0.5, 0.0), Link(0.2, -0.4, joint="prismatic")]


def turned(link, q):
    theta, d = (q, 0.2) if link.joint == "revolute" else (0.0, 0.2 + q)
    c, s = np.cos(theta), np.sin(theta)
    return np.array([[c, -s, link.a * c], [s, c, link.a * s + np.sin(link.alpha)], [0, 0, 1 + d]])


def by_comprehension(q):
    whole = reduce(np.matmul, [turned(link, angle) for link, angle in zip(CHAIN, q)], np.eye(3))
    return np.sum(whole * np.arange(9.0).reshape(3, 3))


def by_loop(q):
    total = 0.0
    for k, (angle, link) in enumerate(zip(q, CHAIN)):
        if angle > 5.0:
            break
        total += (k + 1) * np.sum(turned(link, angle) ** 2)
    return total


@pytest.mark.parametrize("f", [by_comprehension, by_loop])
@both_back_ends
def test_unlike_items_next_to_an_array(f, backend):
    """The array must be as long as the items are many: with a longer one too, only a shorter one is refused."""
    for q in (
        np.array([0.3, -0.5, 0.8]),
        np.array([0.3, -0.5, 0.8, 2.0]),
        np.array([0.3, 6.0, 0.8]),
    ):
        value, slope = ad.value_and_grad(f, backend=backend)(q)
        assert np.isclose(value, f(q), rtol=1e-14)
        np.testing.assert_allclose(slope, grad_dual(f, (q,), 0), rtol=1e-12, atol=1e-15)
    with pytest.raises(ad.UnsupportedError, match="shorter"):
        ad.grad(f, backend=backend)(np.array([0.3, -0.5]))


def test_a_list_next_to_an_array_must_not_change():
    def f(x):
        items = [Link(1.0, 2.0), Link(2.0, 3.0, "prismatic"), Link(3.0, 1.0)]
        total = 0.0
        for link, v in zip(items, x):
            items.append(link)
            total += turned(link, v)[0, 0]
        return total

    with pytest.raises(ad.UnsupportedError):
        ad.grad(f)(np.ones(3))


def test_a_diagonal_is_filled_in_the_dual_numbers_too():
    def f(x):
        w = np.outer(x, x)
        np.fill_diagonal(w, x[0] * 3.0)
        return np.sum(np.sin(w))

    check_grads(f, (np.array([0.4, -0.3, 1.1]),))


def test_a_text_that_a_run_decides_is_refused_with_a_way_out():
    def f(x):
        total = 0.0
        for i, v in enumerate(x):
            kind = "call" if i % 2 == 0 else "put"
            total += v**2 if kind == "call" else v
        return total

    with pytest.raises(ad.UnsupportedError, match="`'call'` on one way") as caught:
        ad.grad(f)(np.ones(3))
    assert "list of the texts" in caught.value.hint


def test_messages_that_tell_what_to_do():
    with pytest.raises(TypeError, match="take its sum"):
        ad.grad(lambda x: x * 2.0)(np.ones(3))
    with pytest.raises(TypeError, match="tuple of all arguments"):
        check_grads(lambda x: np.sum(x**2), np.ones(1))


@both_back_ends
def test_joined_by_a_subscript(backend):
    forms = [
        lambda x, a: np.r_[x, 1.0, 2, x[1]],
        lambda x, a: np.r_[x],
        lambda x, a: np.r_[1, 2],
        lambda x, a: np.r_[[0.0, 1.0], np.arange(3), x],
        lambda x, a: np.r_[a, a * 2.0],
        lambda x, a: np.c_[x, x**2],
        lambda x, a: np.c_[np.ones(2), a],
        lambda x, a: np.c_[x],
    ]
    args = (np.array([0.3, -0.7]), CUBE[0, :2])
    for f in forms:
        np.testing.assert_allclose(
            ad.compile(f, backend=backend)(*args), f(*args), rtol=1e-15, strict=True
        )
    check_grads(lambda x: np.sum(np.c_[np.r_[x, 1.0], np.r_[0.5, x]] ** 3), (args[0],))
    single = args[0].astype(np.float32)
    for f in (
        lambda x: np.r_[0:3][0] * x[0],
        lambda x: np.r_[x, 1.0],
        lambda x: np.mgrid[0:3] * x[0],
    ):
        with pytest.raises(ad.UnsupportedError, match="np.r_ and np.c_"):
            ad.compile(f, backend=backend)(single)


def test_what_comes_with_python_is_refused_at_the_users_line():
    for f, name in (
        (lambda x: statistics.fmean([v * v for v in x]), "statistics.fmean"),
        (lambda x: x[0] * random.gauss(0.0, 1.0), "random.*gauss"),
    ):
        with pytest.raises(ad.UnsupportedError, match=name) as caught:
            ad.grad(f)(np.ones(3))
        assert caught.value.filename == __file__
