"""The references themselves, against derivatives known in closed form."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import mpmath
import numpy as np
import pytest

from autodiff_compiler.testing import (
    OracleError,
    check_grads,
    dot_product_sides,
    grad_dual,
    grad_numeric,
    hessian_dual,
    hvp_dual,
    jvp_dual,
    value_and_grad_dual,
)
from autodiff_compiler.testing.checks import Table

POINTS = {
    "exp": (0.3, -1.2),
    "log": (0.4, 2.5),
    "sqrt": (0.09, 3.0),
    "sin": (0.5, 4.0),
    "cos": (0.5, 4.0),
    "tan": (0.5, -0.9),
    "tanh": (0.5, -2.0),
    "sinh": (0.4,),
    "cosh": (0.4,),
    "asin": (0.3,),
    "acos": (-0.6,),
    "atan": (2.0,),
    "asinh": (1.5,),
    "acosh": (1.5,),
    "atanh": (0.5,),
    "expm1": (0.2,),
    "log1p": (0.7,),
    "erf": (0.4,),
}
NUMPY_NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}


@pytest.mark.parametrize("name", sorted(POINTS))
def test_slopes_and_their_slopes_against_mpmath(name):
    with mpmath.workdps(40):
        for x in POINTS[name]:
            exact = [float(mpmath.diff(getattr(mpmath, name), mpmath.mpf(x), k)) for k in (1, 2)]
            scalar = getattr(math, name)
            functions = [lambda t, s=scalar: s(t)]
            if name != "erf":
                ufunc = getattr(np, NUMPY_NAMES.get(name, name))
                functions.append(lambda t, u=ufunc: u(t))
            for f in functions:
                assert math.isclose(grad_dual(f, (x,)), exact[0], rel_tol=1e-13)
                assert math.isclose(hessian_dual(f, (x,)), exact[1], rel_tol=1e-12, abs_tol=1e-14)


def test_arithmetic_of_two_numbers():
    def f(x, y):
        return (
            x * y
            + x / y
            - x**y
            + y**2
            + 2.0**x
            - (x - y) * 3
            + 5 / x
            + abs(-x)
            + divmod(7.5 * x, y)[1]
        )

    x, y = 1.3, 0.7
    steps = math.floor(7.5 * x / y)
    gx = y + 1 / y - y * x ** (y - 1) + math.log(2) * 2**x - 3 - 5 / x**2 + 1 + 7.5
    gy = x - x / y**2 - math.log(x) * x**y + 2 * y + 3 - steps
    assert np.allclose(grad_dual(f, (x, y), (0, 1)), (gx, gy), rtol=1e-13)


def test_kinks():
    one = np.array([1.0, 1.0, 0.5])
    assert grad_dual(lambda x: abs(x), (0.0,)) == 0.0
    assert grad_dual(lambda x: np.maximum(x, 2.0), (2.0,)) == 0.5
    assert grad_dual(lambda x: np.minimum(x, 2.0) * 3, (2.0,)) == 1.5
    assert grad_dual(lambda x: max(x, 2.0), (2.0,)) == 1.0
    assert grad_dual(lambda x: max(2.0, x), (2.0,)) == 0.0
    assert list(grad_dual(lambda x: x.max(), (one,))) == [0.5, 0.5, 0.0]
    assert list(grad_dual(lambda x: np.min(-x), (one,))) == [-0.5, -0.5, 0.0]
    assert grad_dual(lambda x: np.sqrt(x), (0.0,)) == math.inf
    assert grad_dual(lambda x: np.sign(x) + np.floor(x), (0.4,)) == 0.0
    assert grad_dual(lambda x: x**0, (0.0,)) == 0.0
    assert grad_dual(lambda x: x**2, (0.0,)) == 0.0
    assert hessian_dual(lambda x: x**2, (0.0,)) == 2.0
    assert grad_dual(lambda y: np.float64(0.0) ** y, (1.5,)) == 0.0


def test_the_arm_not_taken_gives_nothing():
    def f(x):
        return np.where(x > 0, np.sqrt(x), x * x).sum()

    x = np.array([4.0, -3.0, 0.0])
    assert list(grad_dual(f, (x,))) == [0.25, -6.0, 0.0]
    assert np.isfinite(hessian_dual(f, (x,))).all()


def test_an_infinite_slope_meets_no_perturbation():
    assert list(grad_dual(lambda x: np.sqrt(x).sum(), (np.array([0.0, 4.0]),))) == [math.inf, 0.25]


def test_python_numbers_raise_where_numpy_numbers_do_not():
    with pytest.raises(ZeroDivisionError):
        grad_dual(lambda x: 1.0 / (x - x), (2.0,))
    with pytest.raises(ValueError):
        grad_dual(lambda x: math.log(x - 2.0), (2.0,))
    value, slope = value_and_grad_dual(lambda x: (1.0 / x)[0], (np.array([0.0]),))
    assert value == math.inf and list(slope) == [-math.inf]


def test_views_are_written_through():
    def f(a):
        b = a.copy()
        row = b[1]
        row *= 2.0
        b.T[0] += row[-1]
        b[::2, 1:][...] = b[1, 1:] ** 2
        same = b
        same[0, 0] = b[2, 2] * 3
        flat = b.reshape(-1)
        flat[-1] -= a[0, 1]
        return (b * np.arange(1.0, 10.0).reshape(3, 3)).sum()

    a = np.arange(1.0, 10.0).reshape(3, 3)
    reference, error = grad_numeric(f, (a,))
    assert np.all(abs(grad_dual(f, (a,)) - reference) <= error + 1e-9)


def test_swapped_buffers():
    def f(p, steps):
        q = np.zeros_like(p)
        for _ in range(steps):
            q[1:] = 2.0 * p[:-1]
            q[0] = p[-1]
            p, q = q, p
        return p[1]

    # Three turns: p[1] is 2 p2[0], that is p1[-1], that is 2 p0[-2].
    assert list(grad_dual(f, (np.array([1.0, 2.0, 3.0]), 3))) == [0.0, 4.0, 0.0]


def test_masks_and_index_arrays():
    def f(x):
        y = x.copy()
        m = y > 0
        y[m] = y[m] ** 2
        y[np.array([0, -1])] += 1.5 * x[0]
        y[~m] *= 3.0
        return y.sum() + y[m].mean()

    x = np.array([2.0, -1.0, 3.0])
    # y ends as [x0^2 + 1.5 x0, 3 x1, x2^2 + 1.5 x0]; the mean is of its first and last.
    assert np.allclose(grad_dual(f, (x,)), [(4 + 3) * 1.5, 3.0, 6 * 1.5])


def test_repeated_indices_add_up():
    def f(x):
        total = np.zeros(3)
        np.add.at(total, [0, 1, 0], x)
        total[[2, 2]] += x[:2]
        return total @ np.array([1.0, 10.0, 100.0])

    assert list(grad_dual(f, (np.array([1.0, 2.0, 3.0]),))) == [1.0, 110.0, 1.0]


def test_ufunc_methods_and_out():
    def f(x):
        outer = np.multiply.outer(x, x)
        y = np.empty(3)
        np.add(x, 1.0, out=y)
        np.multiply(y, x, y)
        running = np.add.accumulate(y)
        return np.add.reduce(outer, axis=0)[1] + running[-1] + np.maximum.reduce(x)

    x = np.array([1.0, 3.0, 2.0])
    # The sum is x1 (x0 + x1 + x2) + sum of x (x + 1) + x1.
    assert np.allclose(grad_dual(f, (x,)), [3 + 3, (1 + 6 + 2) + 7 + 1, 3 + 5])


def test_linear_algebra():
    a = np.array([[4.0, 1.0], [2.0, 3.0]])
    assert np.allclose(grad_dual(lambda m: np.log(np.linalg.det(m)), (a,)), np.linalg.inv(a).T)
    b = np.array([1.0, -2.0])
    u = np.linalg.solve(a.T, np.ones(2))
    x = np.linalg.solve(a, b)
    ga, gb = grad_dual(lambda m, r: np.linalg.solve(m, r).sum(), (a, b), (0, 1))
    assert np.allclose(gb, u) and np.allclose(ga, -np.outer(u, x))
    assert np.allclose(
        grad_dual(lambda m: (m @ b).dot(b) + np.outer(b, b @ m)[0, 1], (a,)),
        np.outer(b, b) + np.outer(b, [0, 1]) * b[0],
    )


def test_hessian_of_a_quadratic_form_and_of_rosenbrock():
    a = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 5.0]])
    assert np.allclose(
        hessian_dual(lambda x: 0.5 * x @ a @ x, (np.array([0.3, -1.0, 2.0]),)), a, rtol=1e-14
    )

    def rosenbrock(x):
        total = 0.0
        for i in range(len(x) - 1):
            total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
        return total

    x, y = 0.7, -0.4
    exact = [[1200 * x * x - 400 * y + 2, -400 * x], [-400 * x, 200.0]]
    assert np.allclose(hessian_dual(rosenbrock, (np.array([x, y]),)), exact, rtol=1e-13)


def test_nested_perturbations_are_not_confused():
    # d/dx [x * d/dy (x + y)] is 1; a confusion of the two perturbations gives 2.
    def inner(x):
        return x * grad_of_sum(x)

    def grad_of_sum(x):
        return grad_dual_inside(lambda y: x + y, 1.0)

    assert grad_dual(inner, (3.0,)) == 1.0


def grad_dual_inside(f, at):
    from autodiff_compiler.testing.oracles import gradient_of

    return gradient_of(lambda: f, (at,), 0)[2]


def test_second_order_in_place():
    def f(x):
        y = np.zeros(3)
        for i in range(3):
            y[i] = x[i] ** 3
            y[:i] *= x[i]
        return y.sum()

    x = np.array([1.2, 0.5, -0.7])
    step = 1e-5
    columns = [
        (grad_dual(f, (x + step * e,)) - grad_dual(f, (x - step * e,))) / (2 * step)
        for e in np.eye(3)
    ]
    hessian = hessian_dual(f, (x,))
    assert np.allclose(hessian, np.array(columns), atol=1e-8)
    assert np.allclose(
        hvp_dual(f, (x,), [np.array([1.0, 2.0, 3.0])]), hessian @ [1.0, 2.0, 3.0], rtol=1e-13
    )


def test_second_order_through_views_shapes_and_joins():
    def f(x):
        a = x.reshape(2, 2)
        b = a.T @ a + np.outer(x[:2], x[2:])
        b[:, 0] *= np.concatenate([x[:1], x[-1:]])
        b.ravel()[1:] += np.stack([x[1:], x[:-1]]).max(axis=0)
        c = np.where(b > 0, b, b * b)
        c[[0, 0]] += np.add.accumulate(x)[:2]
        np.add.at(c, (0, [1, 1]), x[0] ** 2)
        return np.sum(np.sin(c)) * c.mean() + np.sort(x)[1] ** 2 + np.add.outer(x, x).prod() * 1e-3

    x = np.array([0.9, -0.4, 0.3, 0.7])
    step = 1e-6
    columns = [
        (grad_dual(f, (x + step * e,)) - grad_dual(f, (x - step * e,))) / (2 * step)
        for e in np.eye(4)
    ]
    hessian = hessian_dual(f, (x,))
    assert np.allclose(hessian, hessian.T, rtol=1e-12, atol=1e-13)
    assert np.allclose(hessian, np.array(columns), rtol=1e-7, atol=1e-8)


SCALE = 3.0
TABLE = np.array([1.0, 2.0, 4.0])


def _helper(values, k):
    values[k] *= SCALE
    return values[k], k + 1


def test_helpers_globals_and_closures_are_found():
    offset = np.array([0.5, 0.25, 0.125])

    def nested(v):
        return (v + offset) * TABLE

    def f(x):
        y = x.copy()
        first, k = _helper(y, 0)
        return nested(y).sum() + first * k

    assert np.allclose(grad_dual(f, (np.ones(3),)), [6.0, 2.0, 4.0])
    assert SCALE == 3.0 and list(TABLE) == [1.0, 2.0, 4.0]


class Spring:
    def __init__(self, k):
        self.k = k

    def energy(self, x):
        return 0.5 * self.k * float(x) ** 2


class Pair(NamedTuple):
    first: float
    second: np.ndarray


@dataclass
class Model:
    w: np.ndarray
    b: float


def test_methods_and_containers():
    spring = Spring(4.0)
    assert grad_dual(lambda x: spring.energy(x), (3.0,)) == 12.0
    gradient = grad_dual(lambda p: p.first * p.second.sum(), (Pair(2.0, np.ones(2)),))
    assert (
        isinstance(gradient, Pair) and gradient.first == 2.0 and list(gradient.second) == [2.0, 2.0]
    )
    gradient = grad_dual(
        lambda m, x: m.w @ x + m.b, (Model(np.zeros(2), 1.0), np.array([3.0, 4.0]))
    )
    assert list(gradient.w) == [3.0, 4.0] and gradient.b == 1.0
    gradient = grad_dual(lambda d: d["a"] * d["b"][1] ** 2, ({"a": 2.0, "b": [1.0, 3.0]},))
    assert gradient == {"a": 9.0, "b": [0.0, 12.0]}


def test_lists_grow_and_become_arrays():
    def f(x):
        parts = []
        for i in range(3):
            parts.append(x * i)
        return np.array(parts).dot(np.array([1.0, 2.0, 3.0])) + sum([p * p for p in parts])

    assert grad_dual(f, (2.0,)) == 2 + 6 + 2 * 2.0 * (1 + 4)


def test_integers_stay_plain_and_floats_of_them_hold_tangents():
    def f(x, n):
        ramp = np.arange(n) * 0.5
        ramp[1] = x
        counts = np.zeros(n, dtype=int)
        counts[0] += 3
        return (ramp * counts).sum() + ramp[1:].mean()

    assert grad_dual(f, (2.0, 4)) == pytest.approx(1 / 3)


def test_float32_keeps_its_dtype():
    def f(x):
        y = x * 2.0
        assert y.dtype == np.float32
        assert (x * np.float64(2.0)).dtype == np.float64
        return (y.astype(np.float64) ** 2).sum()

    assert np.allclose(grad_dual(f, (np.array([1.5, -2.0], dtype=np.float32),)), [12.0, -16.0])


def test_arguments_are_left_alone():
    def f(x):
        x *= 2.0
        return x.sum()

    x = np.ones(3)
    value, gradient = value_and_grad_dual(f, (x,))
    assert value == 6.0 and list(gradient) == [2.0, 2.0, 2.0] and list(x) == [1.0, 1.0, 1.0]


def test_a_tangent_is_never_dropped():
    with pytest.raises(OracleError):
        grad_dual(lambda x: np.frexp(x)[0].sum(), (np.ones(3),))
    with pytest.raises(OracleError):
        grad_dual(lambda x: np.interp(x, [0.0, 1.0], [0.0, 2.0]), (np.ones(3),))
    with pytest.raises(OracleError):
        grad_dual(lambda x: math.frexp(x)[0], (1.5,))
    with pytest.raises(OracleError):
        jvp_dual(lambda a: np.linalg.eigvals(a)[0], (np.eye(3),), (np.ones((3, 3)),))


def test_forward_products_of_trees():
    def f(x, p):
        return {"y": x * p[0], "s": (x.sum(), p[1])}

    value, tangent = jvp_dual(
        f, (np.array([1.0, 2.0]), (3.0, 4)), (np.array([1.0, 0.0]), (10.0, None))
    )
    assert list(value["y"]) == [3.0, 6.0] and value["s"] == (3.0, 4)
    assert list(tangent["y"]) == [13.0, 20.0] and tangent["s"] == (1.0, 0.0)


def test_the_dot_product_test_tells_right_from_wrong():
    def f(x):
        return np.sin(x) * x[0]

    x = np.array([0.3, 1.0, -2.0])

    def pullback(u):
        g = u * np.cos(x) * x[0]
        g[0] += u @ np.sin(x)
        return (g,)

    u, v = np.array([1.0, -1.0, 0.5]), np.array([0.2, 0.4, -1.0])
    left, right = dot_product_sides(f, (x,), pullback, u, (v,))
    assert math.isclose(left, right, rel_tol=1e-14)
    left, right = dot_product_sides(f, (x,), lambda w: (w * np.cos(x) * x[0],), u, (v,))
    assert not math.isclose(left, right, rel_tol=1e-3)


def test_differences_know_their_error():
    for f, exact in (
        (math.exp, math.exp(0.7)),
        (lambda x: x**5, 5 * 0.7**4),
        (math.sin, math.cos(0.7)),
    ):
        slope, error = grad_numeric(f, (0.7,))
        assert abs(slope - exact) <= error < 1e-9


class Compiled:
    """A compiler whose gradients are duals', with a mistake."""

    def __init__(self, mistake=0.0):
        self._mistake = mistake

    def __call__(self, f, argnums=0, *, backend="auto"):
        def gradient(*args):
            return tuple(g + self._mistake for g in grad_dual(f, args, argnums))

        return gradient


def _cubes(x, scale):
    return (x**3).sum() * scale


def test_check_grads_passes_what_is_right_and_shows_what_is_wrong(monkeypatch):
    args = (np.array([1.0, 2.0]), 0.5)
    monkeypatch.setattr("autodiff_compiler.grad", Compiled(), raising=False)
    check_grads(_cubes, args, argnums=(0, 1))
    check_grads(_cubes, args, argnums="scale")
    monkeypatch.setattr("autodiff_compiler.grad", Compiled(1e-5), raising=False)
    with pytest.raises(AssertionError, match=r"(?s)argument.*difference.*python.*\[1\].*6\.00001"):
        check_grads(_cubes, args)
    monkeypatch.setattr("autodiff_compiler.grad", Compiled(math.nan), raising=False)
    with pytest.raises(AssertionError, match="nan"):
        check_grads(_cubes, args)


def test_check_grads_fails_without_a_reference():
    with pytest.raises(OracleError):
        check_grads(lambda x: np.nextafter(x, 2.0), (0.5,))
    with pytest.raises(OracleError):
        check_grads(lambda n: n * 2.0, (3,))


def test_nan_must_meet_nan_in_the_same_place():
    table = Table(_cubes)
    nan = math.nan
    bound = np.full(3, 1.0)
    table.compare(0, "", np.array([nan, 1.0, math.inf]), np.array([nan, 1.0, math.inf]), bound)
    assert table.rows == []
    table.compare(0, "", np.array([nan, 1.0, -math.inf]), np.array([1.0, nan, math.inf]), bound)
    assert len(table.rows) == 3
