"""What the bridges to other tools share."""

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, check_grads, compile, grad, vjp
from autodiff_compiler.interop.common import is_several, paired_gradient, required
from autodiff_compiler.interop.shapes import result_shapes

U = np.array([1.0, -2.0, 0.5])


def mixed(n, p, kind, w):
    return {"a": p["x"] * w * n, "b": None}, None, np.sum(p["x"] ** 2)


def is_float(x):
    return isinstance(x, (float, np.floating)) or getattr(x, "dtype", np.dtype(int)).kind == "f"


def test_a_pullback_that_can_be_differentiated_again():
    args = (3, {"x": U}, "kind", 2.0)
    value, pull = vjp(mixed, *args)
    assert is_several(value, is_float)
    cotangents = ({"a": U + 1.0, "b": None}, None, 4.0)
    expected = pull(cotangents)
    moving, fixed = (None, {"x": U}, None, 2.0), (3, None, "kind", None)
    pullback = paired_gradient(mixed, True, "auto")
    made = pullback(cotangents, moving, fixed)
    assert made[0] is None and made[2] is None
    np.testing.assert_allclose(made[1]["x"], expected[1]["x"], rtol=1e-14)
    assert made[3] == pytest.approx(expected[3], rel=1e-14)
    # And once more: the pullback of the pullback, against the rule d/dw of 3 w (U + 1) + 8 x.
    second = paired_gradient(pullback, True, "auto")
    ones = (None, {"x": np.ones(3)}, None, 0.0)
    by_moving = second(ones, (None, moving, None), (cotangents, None, fixed))[1]
    assert by_moving[3] == pytest.approx(np.sum(3.0 * (U + 1.0)))
    np.testing.assert_allclose(by_moving[1]["x"], np.full(3, 8.0))


@pytest.mark.parametrize("result", ["text", {"a": {"b": {"c": 1.0}}}, (1, 2), np.arange(3)])
def test_results_that_have_no_pullback(result):
    with pytest.raises(TypeError, match="two deep at most"):
        is_several(result, is_float)


def twice(f):
    def g(x):
        return f(f(x))

    return g


def test_closures_of_one_text_may_call_each_other():
    check_grads(twice(twice(lambda x: np.sin(x) * 2.0)), (0.3,))


def factorial(n):
    return 1.0 if n < 1 else n * factorial(n - 1)


def test_a_function_that_calls_itself():
    with pytest.raises(UnsupportedError, match="`factorial` calls itself"):
        grad(factorial)(3.0)


def test_none_in_a_container_has_no_derivative():
    def slopes(p):
        return grad(lambda q: q["a"] ** 2 * q["c"][1])(p)

    p = {"a": 3.0, "b": None, "c": (None, 2.0)}
    assert compile(slopes)(p) == {"a": 12.0, "b": None, "c": (None, 9.0)}


SHAPED = {
    "elementwise": (lambda x, n: x * 2.0, (3, 2)),
    "matmul": (lambda x, n: x.T @ x, (2, 2)),
    "slices": (lambda x, n: x[n:, ::-1][:1], (1, 2)),
    "made": (lambda x, n: np.zeros((n, len(x) + 1), np.float32), (2, 4)),
    "branch": (lambda x, n: x if n > 1 else x * 2.0, (3, 2)),
    "joined": (lambda x, n: np.concatenate([x, x[:n]]), (5, 2)),
}


@pytest.mark.parametrize("name", SHAPED)
def test_shapes_told_from_shapes(name):
    f, shape = SHAPED[name]
    x = np.full((3, 2), np.nan)
    made = result_shapes(compile(f).specialize(x, 2), (x, 2), (x, 2), {id(x)})
    expected = f(np.ones((3, 2)), 2)
    assert made.shape == shape == expected.shape and made.dtype == expected.dtype


@pytest.mark.parametrize("f", [lambda x: x[x > 0.0], lambda x: np.zeros(int(x[0]))])
def test_shapes_that_values_decide(f):
    x = np.ones(3)
    with pytest.raises(UnsupportedError, match="depends on the values"):
        result_shapes(compile(f).specialize(x), (x,), (x,), {id(x)})


def test_a_package_that_is_not_there():
    with pytest.raises(ImportError, match=r"nowhere is not installed: pip install .*\[extra\]"):
        required("nowhere", "extra")
