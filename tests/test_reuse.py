"""Arrays that take over the memory of others: the same numbers, and never the memory of one that lives."""

import numpy as np
import pytest

from autodiff_compiler import compile, value_and_grad

R = np.random.default_rng(31)


def normal(*shape):
    return R.normal(size=shape)


def chain(x, y):
    """Many arrays of one length, each of which is dead soon."""
    a = np.cumsum(x * y)
    b = np.sort(a) + x
    c = np.cumsum(b * b)
    d = np.sort(np.sin(c)) + a[::-1]
    e = np.cumsum(d)
    return np.sum(e * y)


def columns(u, w):
    """Turned arrays, whose turned adjoints and results come late."""
    c = np.zeros(u.shape)
    out = w.copy()
    c[:, 0] = u[:, 0] / (2.0 + w[:, 0] ** 2)
    for k in range(1, u.shape[1]):
        c[:, k] = (u[:, k] - c[:, k - 1] * w[:, k]) / (2.0 + w[:, k] ** 2)
    for k in range(u.shape[1] - 2, -1, -1):
        out[:, k] = c[:, k] - 0.5 * out[:, k + 1] * u[:, k]
    return np.sum(out * out)


def trips(x, steps):
    """The result is first written in the loop that still reads the arrays before it."""
    h = np.cumsum(x)
    g = np.sort(x)
    total = 0.0
    for t in range(steps):
        s = h * np.cumsum(g)
        total += np.sum(s * s[::-1]) * x[t]
        h = np.cumsum(np.sin(s)) / (1.0 + t)
    return total


def stepper(x, v):
    x, v = x.copy(), v.copy()
    for _ in range(4):
        v -= 0.1 * x**3
        x += 0.1 * v
        x, v = v, x
    return np.sum(x * v)


def rows_and_dots(A, b):
    """Helpers get addresses: of products, triangular systems."""
    B = A @ A.T + len(b) * np.eye(len(b))
    L = np.linalg.cholesky(B)
    x = np.linalg.solve(L, b)
    C = np.cumsum(B, axis=0) @ L
    return np.sum(x * x) + np.sum(np.sort(C, axis=0)[0])


def different_lengths(x, y):
    """Whether there is room is known when the kernel runs."""
    a = np.cumsum(x)
    s = np.sum(a * np.sort(a))
    b = np.cumsum(y * s)
    return np.sum(b * np.sort(b))


PROGRAMS = [
    pytest.param(chain, lambda n: (normal(n), normal(n)), (0, 1), id="chain"),
    pytest.param(columns, lambda n: (normal(n, 5), normal(n, 5)), (0, 1), id="columns"),
    pytest.param(trips, lambda n: (normal(n + 3), 3), (0,), id="trips"),
    pytest.param(stepper, lambda n: (normal(n), normal(n)), (0, 1), id="stepper"),
    pytest.param(rows_and_dots, lambda n: (normal(n, n), normal(n)), (0, 1), id="rows_and_dots"),
    pytest.param(different_lengths, lambda n: (normal(n), normal(2)), (0, 1), id="long_short"),
    pytest.param(different_lengths, lambda n: (normal(2), normal(n)), (0, 1), id="short_long"),
]


@pytest.mark.parametrize("f, make, argnums", PROGRAMS)
def test_the_numbers_are_those_of_numpy(f, make, argnums):
    inC = value_and_grad(f, argnums=argnums, backend="c")
    for n in (6, 2, 7):
        args = make(n)
        kept = [np.array(a) for a in args]
        value, found = inC(*args)
        _, wanted = value_and_grad(f, argnums=argnums, backend="python")(*args)
        np.testing.assert_allclose(value, f(*args), rtol=1e-12)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
        for a, b in zip(args, kept, strict=True):
            np.testing.assert_array_equal(a, b)


def text(f, *args, **options):
    whole = value_and_grad(f, backend="c", **options).specialize(*args).c_source
    return whole[whole.index("int adc_value_and_grad") :]


@pytest.mark.parametrize("f, make, argnums", [p for p in PROGRAMS if p.id != "stepper"])
def test_memory_is_used_again(f, make, argnums):
    source = text(f, *make(6), argnums=argnums)
    assert "adc_again(&" in source or "which is not" in source


def test_arrays_that_loops_exchange_keep_theirs():
    source = text(stepper, normal(6), normal(6), argnums=(0, 1))
    assert "adc_again(&" not in source and "which is not" not in source


def test_what_a_loop_reads_does_not_stand_in_a_result_that_it_writes():
    source = text(trips, normal(6), 3)
    loop = source.index("for (long long t")
    taken = [line for line in source[:loop].splitlines() if "written yet" in line]
    later = source[loop:]
    for line in taken:
        name, result = line.split("*")[1].split(" = ")[0], line.split(" = ")[1].split(";")[0]
        assert later.index(f"{result}[") > later.rindex(f"{name}[")


@pytest.mark.parametrize("f, make, argnums", PROGRAMS)
def test_loops_that_threads_share_out(f, make, argnums):
    args = make(400) if f is not rows_and_dots else make(60)
    found = value_and_grad(f, argnums=argnums, threads=2)(*args)
    wanted = value_and_grad(f, argnums=argnums, backend="python")(*args)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-11)
    for a, b in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9 * np.max(np.abs(b)))
    if f is columns:
        source = text(f, *args, argnums=argnums, threads=2)
        assert "adc_again(&" in source and "#pragma omp parallel" in source


def test_an_error_leaves_nothing_behind():
    def checked(x):
        a = np.cumsum(x)
        b = np.sort(a)
        assert np.sum(b) < 100.0
        return np.sum(b * a)

    g = value_and_grad(checked, backend="c")
    x = normal(5)
    first = g(x)[1]
    with pytest.raises(AssertionError):
        g(x + 1e6)
    np.testing.assert_array_equal(g(x)[1], first)


def test_a_result_that_somebody_has_is_not_worked_in():
    f = compile(columns, backend="c")
    g = value_and_grad(columns, argnums=(0, 1), backend="c")
    args = normal(400, 60), normal(400, 60)
    _, (first, second) = g(*args)
    kept = first.copy(), second.copy()
    f(*args), g(args[1], args[0])
    np.testing.assert_array_equal(first, kept[0])
    np.testing.assert_array_equal(second, kept[1])


def test_results_of_no_axes_and_of_known_lengths():
    def f(x):
        y = np.zeros(6)
        y[:3] = np.cumsum(x)
        z = y + np.sort(y)[::-1]
        return np.sum(z * z), np.array(2.0) * z[0], z

    x = normal(3)
    for found, wanted in zip(compile(f, backend="c")(x), f(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
