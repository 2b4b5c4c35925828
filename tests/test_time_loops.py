"""Array statements in loops over time, in C: one nest where lengths agree, one claim of the tape a trip,
elements kept in scalars. Whatever is joined, moved or left out, the numbers are those of the other back end.
"""

import itertools
import re

import numpy as np
import pytest

from autodiff_compiler import compile, grad, value_and_grad
from autodiff_compiler.backends.c.elements import keep_elements
from autodiff_compiler.backends.c.state import Access
from autodiff_compiler.backends.c.writer import Line, Loop
from autodiff_compiler.ir.types import Array
from autodiff_compiler.lowering.buffers import Buffer


def cell(w, bias, h0, c0, inputs):
    h = h0.copy()
    c = c0.copy()
    n = h0.shape[0]
    total = 0.0
    for t in range(inputs.shape[0]):
        x = inputs[t]
        keep = 1.0 / (1.0 + np.exp(-(x * w[:n] + bias[:n])))
        new = np.tanh(h * w[n : 2 * n] + bias[n : 2 * n])
        c = c * keep + (1.0 - keep) * new
        h = np.tanh(c) * w[2 * n :]
        total += np.sum(h * x)
    return total


def agree(f, args, argnums=(0,), rtol=1e-12):
    """Value and gradients of both back ends; gives those of C."""
    given, expected = (
        value_and_grad(f, argnums=argnums, backend=b)(*args) for b in ("c", "python")
    )
    assert np.allclose(given[0], expected[0], rtol=rtol, atol=1e-13, equal_nan=True)
    for a, b in zip(given[1], expected[1], strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.allclose(a, b, rtol=rtol, atol=1e-13, equal_nan=True)
    return given


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 14, 16])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_cell_at_every_size(n, steps):
    args = normal(3 * n), normal(3 * n), normal(n), normal(n), normal(steps, n)
    agree(cell, args, argnums=(0, 1, 2, 3, 4))


def source(f, *args, **options):
    return value_and_grad(f, backend="c", **options).specialize(*args).c_source


def loops_of(text, head):
    """The text of the loop over time that begins with `head`."""
    lines = text[text.index(head) :].splitlines()
    depth = 0
    for k, line in enumerate(lines):
        depth += line.count("{") - line.count("}")
        if depth == 0:
            return "\n".join(lines[: k + 1])
    raise AssertionError


def test_the_reverse_of_a_step_is_one_nest_and_the_tape_one_claim():
    n = 5
    args = normal(3 * n), normal(3 * n), normal(n), normal(n), normal(3, n)
    text = source(cell, *args, argnums=(0, 1, 2, 3))
    kernel = text[text.index("int adc_value_and_grad_cell(") :]
    steps = re.findall(r"^  for \(long long t.*\{$", kernel, re.M)
    forward, backward = (loops_of(kernel, head) for head in steps)
    assert len(re.findall(r"for \(long long [ij]\b", backward)) == 1
    assert forward.count("adc_push") == backward.count("adc_pop") == 1
    # Two copies of what the trip begins with. What else is saved is computed where it is saved: one
    # loop for each call of exp or tanh.
    assert len(re.findall(r"for \(long long [ij]\b", forward)) == 5


# --- lengths that agree, and those that need not ---------------------------------------------------


def agree_in_a_loop(a, b, n):
    x = a
    for _ in range(n):
        x = np.sin(x) * b
    return np.sum(x) + np.sum(a * a) + np.sum(b * b * b)


def agree_in_one_loop_only(a, b, n, m):
    x, y, z = a, b, a
    for _ in range(n):
        x = np.sin(x) * b
    for k in range(m):
        y = np.cos(y) + k
        z = z * z
    return np.sum(x) + np.sum(y) + np.sum(z)


def agree_in_an_inner_loop(a, b, n, m):
    x, y = a, b
    for k in range(n):
        y = np.cos(y) + k
        for _ in range(m):
            x = np.sin(x) * b
        x = x * x
    return np.sum(x) + np.sum(y)


def agree_after_an_inner_loop(a, b, n, m):
    x, y = a, b
    for k in range(n):
        for _ in range(m - k):
            x = np.sin(x) * b
        for _ in range(n):
            y = np.cos(y) + k
    return np.sum(x) + np.sum(y)


def agree_in_an_arm(a, b, n):
    x, y = a, b
    for k in range(n):
        if k > 1:
            x = x * b
        x, y = np.sin(x), np.cos(y) + k
    return np.sum(x) + np.sum(y)


@pytest.mark.parametrize(
    "f, idle, busy",
    [
        (agree_in_a_loop, (0,), (2,)),
        (agree_in_one_loop_only, (0, 3), (2, 3)),
        (agree_in_an_inner_loop, (3, 0), (3, 2)),
        (agree_after_an_inner_loop, (3, 0), (3, 4)),
        (agree_in_an_arm, (2,), (4,)),
    ],
)
def test_lengths_are_one_only_where_a_check_has_been_passed(f, idle, busy):
    a, b = normal(3), normal(5, seed=1)
    agree(f, (a, b, *idle), argnums=(0, 1))
    agree(f, (a, a + 1.0, *busy), argnums=(0, 1))
    for backend in ("c", "python"):
        with pytest.raises(ValueError):
            value_and_grad(f, argnums=(0, 1), backend=backend)(a, b, *busy)


def test_while_loops_and_early_exits():
    def f(a, b, n):
        total, k = 0.0, 0
        while k < n:
            total += np.sum(np.tanh(a * b))
            k += 1
            if total > 50.0:
                break
        for _ in range(n):
            a = np.sin(a) * 2.0
            total += np.sum(a[1:] * b[:-1])
            if total < -50.0:
                break
        return total

    for n in (0, 1, 4):
        agree(f, (normal(6), normal(6, seed=1), n), argnums=(0, 1))


# --- slices -----------------------------------------------------------------------------------------


def overlapping(w, n, k):
    x = np.ones(n)
    total = 0.0
    for t in range(3):
        x = np.sin(x * w[:n] + w[k : k + n] * w[1 : n + 1]) + t
        total += np.sum(x)
    return total


def test_slices_that_overlap_are_not_taken_for_others():
    for n, k in itertools.product((0, 1, 4, 7), (0, 1, 3, 4, 7, 9)):
        agree(overlapping, (normal(20), n, k))


def from_behind(w, n):
    total = 0.0
    for t in range(2):
        total += np.sum(w[-n:] * w[:n]) * (t + 1) + np.sum(w[:-n] ** 2) + np.sum(w[n - 9 :])
    return total


def backwards(w, n):
    y = w.copy()
    for _ in range(2):
        y[:n] = y[:n] * w[n - 1 :: -1] + y[n : 2 * n]
        y[n : 2 * n] += y[:n] * w[-n:]
        y[2 * n - 1 :] *= 0.5
    return np.sum(y * w)


@pytest.mark.parametrize("f", [from_behind, backwards])
def test_slices_with_other_bounds(f):
    for n in (1, 2, 5):
        agree(f, (normal(12), n))


def rows(a, i):
    s = np.zeros(a.shape[1])
    for k in range(3):
        s = s + a[2 * k] * a[2 * k + 1] + a[i] * a[k]
        a[k + 1] = a[k] * 0.5 + s
        a[k] = s * a[k + 2]
    return np.sum(a) + np.sum(s)


def test_rows_that_may_be_one():
    for i in range(-7, 7):
        agree(lambda a, i: rows(a.copy(), i), (normal(7, 3), i))


# --- what is computed on the tape -------------------------------------------------------------------


def written_afterwards(x):
    total = 0.0
    for _ in range(3):
        e = np.exp(x)
        total += np.sum(e * e)
        e *= 2.0
        x = x * 0.3 + np.sin(e)
    return total


def handed_on(x):
    before = np.ones(x.shape[0])
    for _ in range(3):
        e = np.exp(-x * x * before)
        x = x * 0.5 + e * before
        before = e
    return np.sum(x * before)


def products(w, x):
    h = x
    for _ in range(3):
        h = np.tanh(w @ h)
        s = np.exp(np.sum(w * h, axis=1))
        h = h * s / np.sum(s)
    return np.sum(h)


def parts_that_grow(x):
    total = 0.0
    for k in range(x.shape[0]):
        e = np.exp(x[:k])
        total += np.sum(e * e) + np.sum(np.sin(e) * e)
    return total


def in_both_arms(x):
    for k in range(5):
        if k % 2 == 0:
            e = np.exp(-x * x)
            x = e * np.sin(e) + x[0]
        else:
            s = np.tanh(x)
            x = x * s + s * s
    return np.sum(x)


def single_precision(x):
    y = x.copy()
    for _ in range(3):
        e = np.exp(-y)
        y -= np.float32(0.3) * e * y
        y *= y + np.float32(0.1)
        y += e
    return np.sum(y)


def of_several_kinds(x, k):
    total = 0.0
    for t in range(4):
        picked = x[k + t]
        e = np.exp(picked)
        small = picked.astype(np.float32) * np.float32(0.5)
        total += np.sum(e * small) + e[0] * np.sum(picked > 0.1)
        x = x * np.where(x > 0.2, 0.5, 1.5)
    return total


CASES = [
    (written_afterwards, (normal(5),)),
    (handed_on, (normal(5),)),
    (products, (normal(4, 4), normal(4, seed=1))),
    (parts_that_grow, (normal(6),)),
    (in_both_arms, (normal(5),)),
    (of_several_kinds, (normal(9), np.array([0, 3, 3, 5]))),
]


@pytest.mark.parametrize("f, args", CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_saved_arrays(f, args):
    agree(f, args)


@pytest.mark.parametrize("f", [written_afterwards, handed_on, in_both_arms])
def test_saved_arrays_of_second_derivatives(f):
    def slope(x):
        return np.sum(np.sin(grad(f)(x)))

    agree(slope, (normal(4) * 0.3,), rtol=1e-9)


def test_kept_elements_are_rounded_as_stored_ones():
    x = normal(11).astype(np.float32)
    given, expected = (compile(single_precision, backend=b)(x) for b in ("c", "python"))
    assert given.dtype == expected.dtype and np.allclose(given, expected, rtol=3e-7)
    for b in ("c", "python"):
        assert grad(single_precision, backend=b)(x).dtype == np.float32
    assert np.allclose(*(grad(single_precision, backend=b)(x) for b in ("c", "python")), rtol=1e-5)


def swept(u, n):
    for _ in range(n):
        u[1:-1] = 0.5 * u[1:-1] + 0.25 * (u[:-2] + u[2:])
        u[1:] += 0.1 * u[:-1]
        u[0] = u[1] * u[0]
        u[1] = u[0] * 0.5
        u[0] += u[1]
    return u


@pytest.mark.parametrize("size", [2, 3, 4, 9])
def test_neighbours_are_other_elements(size):
    agree(lambda u, n: np.sum(swept(u.copy(), n) ** 2), (normal(size), 3))


def body(*lines):
    """A loop over the axis of arrays in which these statements stand."""
    loop = Loop(1, "for (long long i = 0; i < n; i++) {", "i", "", [Line(2, x) for x in lines])
    buffers = {name: Buffer(Array("f64", (None,)), (), 0, name) for name in "abcd"}
    for name, at in {found for x in lines for found in re.findall(r"(\w+)\[([^]]*)\]", x)}:
        loop.accesses.append(Access(buffers[name], (at,), ("n",), element=f"{name}[{at}]"))
    counter = itertools.count()
    keep_elements([loop], lambda hint: f"{hint}{next(counter)}")
    return [x.text for x in loop.children]


def test_elements_are_kept_as_long_as_they_are_the_same():
    assert body("a[i] = b[i] * 2.0;", "c[i] = a[i];", "a[i] = 0.0;", "a[i] += d[i];") == [
        "const double t0 = b[i] * 2.0;",
        "c[i] = t0;",
        "a[i] = 0.0 + d[i];",
    ]
    # What may be the same element, or the place of one, is read again.
    for between in ("a[k + i] = 1.0;", "a[k + i] += 1.0;"):
        lines = ["a[i] = b[i] * 2.0;", between, "c[i] = a[i];"]
        assert body(*lines) == lines
    lines = ["a[i] = b[i];", "c[i] = a[k + i];", "a[i] = 0.0;"]
    assert body(*lines) == lines
    lines = ["const double x = a[(long long)c[i]];", "c[i] = 1.0;", "d[i] = a[(long long)c[i]];"]
    assert body(*lines) == lines
    # Anything but plain statements is left as it is.
    lines = ["a[i] = b[i] * 2.0;", "if (a[i] > 0.0) {", "c[i] = a[i];", "}"]
    assert body(*lines) == lines
    lines = ["a[i] = b[i] * 2.0;", "const double x = adc_dot(n, &a[0], &b[0]);", "c[i] = a[i];"]
    assert body(*lines) == lines


# --- numbers ----------------------------------------------------------------------------------------


def test_tanh_of_c():
    tanh = compile(lambda x: np.tanh(x), backend="c")
    x = np.concatenate([s * normal(2001, seed=k) for k, s in enumerate((1e-8, 0.1, 0.6, 1, 3, 30))])
    x = np.concatenate([x, np.linspace(0.6249, 0.6251, 101)])
    exact = np.tanh(x.astype(np.longdouble))
    off = np.abs((tanh(x) - exact) / np.spacing(np.abs(exact.astype(float))))
    assert np.max(off) < 2.5
    assert np.array_equal(tanh(-x), -tanh(x))
    odd = np.array(
        [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 1e308, -1e308, 400.0, 22.0]
    )
    with np.errstate(all="ignore"):
        expected = np.tanh(odd)
    assert np.array_equal(tanh(odd), expected, equal_nan=True)
    assert np.array_equal(np.signbit(tanh(odd[:2])), [False, True])
    assert all(
        np.array_equal(tanh(odd[k : k + 1]), expected[k : k + 1], equal_nan=True) for k in range(11)
    )


def test_inverses_at_the_ends_of_the_range():
    def f(x):
        return np.sum(1.0 / x)

    x = np.array(
        [1.0, -3.0, 1e-150, 1e-170, 1e150, 1e170, 1e300, 1e-308, 5e-310, np.inf, 0.0, np.nan]
    )
    with np.errstate(all="ignore"):
        given, expected = (grad(f, backend=b)(x) for b in ("c", "python"))
    assert np.allclose(given, expected, rtol=1e-14, atol=0.0, equal_nan=True)
