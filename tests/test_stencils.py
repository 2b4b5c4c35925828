"""Adjoints of stencils, gathered in one pass: at every size, down to arrays in which no part has an element."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from autodiff_compiler import value_and_grad
from autodiff_compiler.ir.build import Builder
from autodiff_compiler.ir.graph import Function
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.ir.types import Array
from autodiff_compiler.ops import TABLE
from tests.c_kernels import build, needs_compiler, same


def rows_of_columns(x, n, m):
    a = np.ones((n, m)) * x
    b = a[:-2, 3:] * a[2:, 3:] + np.sin(a[1:-1, 3:])
    return np.sum(b * b)


def a_line(x, n, m):
    a = np.ones(n + m) * x
    b = a[:-2] * a[2:] + np.sin(a[1:-1])
    return np.sum(b * b)


def a_cube(x, n, m):
    a = np.ones((n, m, n)) * x
    b = a[:-2, 1:-1, 1:-1] * a[2:, 1:-1, 1:-1] + np.sin(a[1:-1, :-2, 1:-1]) * a[1:-1, 1:-1, 2:]
    return np.sum(b * b) + np.sum(a)


def far_apart(x, n, m):
    a = np.ones(n + 3000) * x
    b = a[:-3000] * 2.0 + a[3000:] * a[m]
    return np.sum(b * b)


def in_place(x, n, m):
    a = np.sin(np.arange(n + m) * x)
    a[1:-1] += 0.3 * a[2:]
    a[:-3] += 0.7 * a[3:]  # of another length: its adjoint reads what the one before wrote
    a[1:-1] += 0.2 * a[:-2]
    return np.sum(a * a)


def in_place_times_a_scalar(x, n, m):
    a = np.sin(np.arange(n + m) * x)
    a[1:-1] += 0.3 * a[2:]
    a[1:-1] += x * a[:-2]  # the scalar's adjoint reads the array between two adds
    a[1:-1] += 0.2 * a[:-2]
    return np.sum(a * a)


def from_one_to_another_and_back(x, n, m):
    a, b = np.sin(np.arange(n * m) * x).reshape(n, m), np.cos(np.arange(n * m) * x).reshape(n, m)
    for _ in range(3):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] * x)
        a[1:-1, 1:-1] = np.sin(b[:-2, 1:-1]) + b[1:-1, 1:-1] * b[2:, 1:-1]
    return np.sum(a * a) + np.sum(b)


def what_is_read_is_overwritten(x, n, m):
    a = np.sin(np.arange(n + m) * x)
    for _ in range(2):
        a[1:-1] = a[1:-1] * x + a[:-2] * a[2:]  # the part in the middle is cleared, then added to
        a[:-1] = a[1:] * 0.5  # the part that is cleared is not added to
        a[1:-1] = 0.3 * a[:-2] - a[1:-1] + a[2:] * a[1:-1]
    return np.sum(a * a)


def two_in_turns(x, n, m):
    a = np.sin(np.arange(n) * x)
    b = np.zeros(n)
    for _ in range(m):
        b[1:-1] = x * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.3 * (b[:-2] - 2.0 * b[1:-1] + b[2:])
    return np.sum(a * a)


def two_in_turns_both_in_the_result(x, n, m):
    a = np.sin(np.arange(n * m).reshape(n, m) * x)
    b = a * a
    for _ in range(m % 4):
        b[1:-1, 2:] = 0.2 * (a[1:-1, 2:] + a[:-2, 1:-1] - a[2:, :-2])
        a[1:-1, 2:] = x * (b[1:-1, 2:] + b[:-2, 1:-1] * a[1:-1, 2:])
    return np.sum(a * a) + np.sum(b)


def two_in_turns_of_other_parts(x, n, m):
    a = np.sin(np.arange(n + 2) * x)
    b = np.ones(n + 2)
    for t in range(m):
        b[:n] = x * (a[1 : n + 1] + a[:n])
        a[1 : n + 1] = -(2.0 * b[:n] + b[2 : n + 2]) / 3.0
        for s in range(t):
            b[1:-1] = 0.4 * (a[:-2] - a[2:])
            a[1:-1] = 0.4 * (b[1:-1] - b[2:])
    return np.sum(a * a)


def in_turns_until_small(x, n, m):
    a = np.sin(np.arange(n) * x)
    b = np.zeros(n)
    k = 0
    while k < m:
        k += 1
        b[1:-1] = 0.5 * (a[:-2] + a[2:])
        if k > 2:
            break
        a[1:-1] = x * (b[:-2] + b[2:])
    return np.sum(a * a)


def rows_in_turns(x, n, m):
    a = np.sin(np.arange(n * 6.0).reshape(n, 6) * x)
    b = np.zeros((n, 6))
    for _ in range(m * (n > 4)):  # no trip where there is no such row
        b[4] = x * a[4]
        a[4, 1:] = 0.5 * b[4, :-1]
        b[2, 1:-1] = a[4, 1:-1] * x
        a[2, 1:-1] = b[2, 1:-1] - b[2, 2:]
    return np.sum(a * a)


def scalars_between(x, n, m):
    a = np.sin(np.arange(n + m + 1) * x)
    b, c = np.zeros(n + m + 1), np.zeros((m + 1, n + m + 1))
    for t in range(m):
        b[:] = a * x
        s = b[t]  # what the loop before it has just written
        a[:] = 0.5 * a + s * b
        c[t + 1] = c[t] + a
        r = c[t, 0] * c[t + 1, 1 - min(t, 1)]  # rows of which the loop before it writes one
        a[:] = a + r * b
    return np.sum(a * a) + np.sum(c)


@pytest.mark.parametrize(
    "f",
    [
        from_one_to_another_and_back,
        what_is_read_is_overwritten,
        two_in_turns,
        two_in_turns_both_in_the_result,
        two_in_turns_of_other_parts,
        in_turns_until_small,
        rows_in_turns,
        scalars_between,
        rows_of_columns,
        a_line,
        a_cube,
        far_apart,
        in_place,
        in_place_times_a_scalar,
    ],
)
def test_one_kernel_at_every_size(f):
    compiled, plain = (value_and_grad(f, backend=b) for b in ("c", "python"))
    for n in (5, 3, 2, 1, 0):
        for m in (7, 4, 3, 1, 0):
            value, slope = compiled(0.7, n, m)
            assert np.isclose(value, f(0.7, n, m), rtol=1e-12, atol=0)
            assert np.isclose(slope, plain(0.7, n, m)[1], rtol=1e-11, atol=0)


def test_parts_that_begin_beyond_the_end_of_the_array(tmp_path):
    """In a process of its own, which ends badly if zeros are written where the parts would begin."""
    program = """
        import numpy as np
        from autodiff_compiler import grad
        def f(x, n, m):
            a = np.ones((n, m)) * x
            b = a[:-1, 9000000:] + a[1:, 9000000:]
            return np.sum(b * b) + np.sum(a[0])
        print(grad(f, backend="c")(1.0, 4, 1))
    """
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=300, env=os.environ
    )
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr


def test_a_part_that_is_cleared_and_added_to_is_set():
    text = value_and_grad(from_one_to_another_and_back, backend="c").specialize(0.3, 5, 4).c_source
    assert "d_a[i * m + j] = " in text


def test_what_is_cleared_at_the_end_of_a_trip_is_set_at_the_beginning_of_the_next():
    text = value_and_grad(two_in_turns, backend="c").specialize(0.3, 5, 4).c_source
    assert text.count("d_b[i] = 0.0") == 1  # before the loop
    assert "d_b[i] = d_a[i - 1] * 0.3 + " in text


def cleared_and_added_to(zeros, cleared, parts):
    """A part that is cleared, of zeros or of a copy, and adds to parts of the same size."""
    b = Builder()
    x = b.function_param(Array("f64", (None,)), "x")
    n, zero, one = b.dim(x, 0), b.const(0.0), b.const(1)
    size = b.emit(TABLE["isub"], n, b.const(2))
    at = [b.const(k) for k in range(3)]
    part = [b.emit(TABLE["load"], x, k, size, one, index="s") for k in at]
    d = b.emit(TABLE["full"], zero, n, ones=(False,)) if zeros else b.emit(TABLE["copy"], x)
    d = b.emit(TABLE["store"], d, zero, at[cleared], size, one, index="s")
    for k, p in enumerate(parts):
        more = b.emit(TABLE["mul"], part[(k + 1) % 3], part[k % 3])
        d = b.emit(TABLE["add_at"], d, more, at[p], size, one, index="s")
    return Function("f", b.close([x], [d]))


@needs_compiler
def test_a_part_of_zeros_that_is_cleared(tmp_path):
    parts = ([1], [1, 1], [1, 2], [0, 1, 2], [2, 0, 1], [0, 2])
    functions = [
        cleared_and_added_to(zeros, cleared, p)
        for zeros in (True, False)
        for cleared in (0, 1)
        for p in parts
    ]
    for function, kernel in zip(functions, build(tmp_path, functions)):
        for n in (2, 3, 7):
            x = np.cos(np.arange(n) + 0.5)
            same(kernel(x), interpret(function, [x]))


def test_a_scaled_part_that_the_trip_hands_on():
    def f(x):
        a, b = np.sin(x), np.zeros(4)
        for _ in range(3):
            a[1:-1] = 0.3 * b
            b = np.sin(a[:4])
        return np.sum(a * a) + np.sum(b)

    x = np.cos(np.arange(6.0))
    c, plain = (value_and_grad(f, backend=k)(x)[1] for k in ("c", "python"))
    np.testing.assert_allclose(c, plain, rtol=1e-13)
