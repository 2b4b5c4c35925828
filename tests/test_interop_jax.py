"""A compiled function under JAX's transformations, against JAX's own derivatives."""

import sys

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, grad
from tests.optional import optional

jax = optional("jax")
jnp = jax.numpy

from autodiff_compiler.interop.jax import to_jax  # noqa: E402


@pytest.fixture(autouse=True)
def in_64_bits():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def rolling(x, W, n):
    y = W @ x
    for _ in range(n):
        y[0] += np.sin(y[1]) * y[0]
    return y


def in_jax(x, W, n):
    y = W @ x
    first = y[0]
    for _ in range(n):
        first = first + jnp.sin(y[1]) * first
    return jnp.stack([first, y[1]])


def newton(c):
    x = 1.0
    while abs(x * x - c) > 1e-13:
        x = 0.5 * (x + c / x)
    return x


ROLLING, NEWTON = to_jax(rolling), to_jax(newton)
X = np.linspace(0.1, 0.5, 3)
W = np.linspace(-1.0, 1.0, 6).reshape(2, 3)


def ours(x, W):
    return jnp.sum(ROLLING(x, W, 2) ** 2)


def theirs(x, W):
    return jnp.sum(in_jax(x, W, 2) ** 2)


def close(a, b, rtol=1e-11):
    for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=rtol, atol=1e-12)
        assert p.dtype == q.dtype and p.shape == q.shape


def test_64_bits_where_jax_has_32():
    """The first test here: second derivatives leave JAX's main thread set to 64 bits."""
    jax.config.update("jax_enable_x64", False)
    assert ROLLING(X, W, 2).dtype == jnp.float32
    with pytest.raises(TypeError, match="the result is float64, and JAX keeps to 32 bits"):
        to_jax(lambda x: np.zeros(3) + np.sum(x))(X)


def test_values():
    out = ROLLING(X, W, 2)
    assert isinstance(out, jax.Array)
    close(out, in_jax(X, W, 2))
    close(jax.jit(ROLLING, static_argnums=2)(X, W, 2), out)
    assert NEWTON(2.0).shape == () and abs(float(NEWTON(2.0)) ** 2 - 2.0) < 1e-12


def test_gradients():
    expected = jax.grad(theirs, (0, 1))(X, W)
    close(jax.grad(ours, (0, 1))(X, W), expected)
    close(jax.jit(jax.grad(ours, (0, 1)))(X, W), expected)
    close(jax.value_and_grad(ours)(X, W), jax.value_and_grad(theirs)(X, W))
    close(jax.jacrev(ROLLING)(X, W, 2), jax.jacrev(in_jax)(X, W, 2))
    # A `while` loop, which JAX itself has no reverse mode through.
    assert abs(jax.grad(lambda c: NEWTON(c) ** 2)(3.0) - 1.0) < 1e-12


def test_higher_orders():
    close(jax.jacrev(jax.grad(ours))(X, W), jax.hessian(theirs)(X, W))
    close(to_jax(grad(lambda x: np.sum(x**3)))(X), 3.0 * jnp.asarray(X) ** 2)


def test_vmap():
    rows = jnp.stack([X, 2.0 * X, -X])
    close(
        jax.vmap(ROLLING, (0, None, None))(rows, W, 2), jnp.stack([in_jax(r, W, 2) for r in rows])
    )
    both = jax.jit(jax.vmap(jax.grad(ours), (0, None)))(rows, W)
    close(both, jnp.stack([jax.grad(theirs)(r, W) for r in rows]))


def test_float32():
    x, V = jnp.asarray(X, jnp.float32), jnp.asarray(W, jnp.float32)
    assert ROLLING(x, V, 2).dtype == jnp.float32
    close(jax.grad(ours)(x, V), jax.grad(theirs)(x, V), rtol=1e-4)


def test_containers_and_integers():
    def f(p, k):
        return {"s": p["a"][k] * p["b"], "n": len(p["a"])}

    g = to_jax(f)
    p = {"a": jnp.asarray(X), "b": jnp.asarray(2.0)}
    out = g(p, jnp.array([0, 0, 2]))
    assert out["n"] == 3
    close(out["s"], p["a"][jnp.array([0, 0, 2])] * 2.0)
    h = to_jax(lambda p, k: [p["a"][k] * p["b"]])
    slopes = jax.grad(lambda p: jnp.sum(h(p, np.array([0, 0, 2]))[0]))(p)
    close(slopes, {"a": jnp.array([4.0, 0.0, 2.0]), "b": jnp.sum(p["a"][jnp.array([0, 0, 2])])})


def test_a_function_that_writes_into_its_arguments():
    def fill(out, a):
        for i in range(len(a)):
            out[i] += a[i] ** 2
        return out, len(a)

    g, before = to_jax(fill), jnp.ones(3)
    out, count = g(before, jnp.asarray(X))
    close(out, jnp.asarray(1.0 + X**2))
    close(before, jnp.ones(3))
    assert count == 3
    close(jax.grad(lambda a: g(before, a)[0].sum())(jnp.asarray(X)), jnp.asarray(2.0 * X))


def test_shapes_are_told_without_running():
    def runs_for_ever(x, n):
        i = 0
        while i < 1 or x[0] > 0.0:
            i += 1
        return np.zeros((n, len(x) + 1)), x[1:]

    table, rest = jax.eval_shape(lambda x: to_jax(runs_for_ever)(x, 2), jnp.ones(3))
    assert table.shape == (2, 4) and rest.shape == (2,)


def test_shapes_that_depend_on_values():
    def positive(x):
        return x[x > 0.0]

    with pytest.raises(UnsupportedError, match="depends on the values"):
        to_jax(positive)(X)
    told = to_jax(positive, result=lambda x: jax.ShapeDtypeStruct((3,), x.dtype))
    close(told(X), jnp.asarray(X))
    close(jax.grad(lambda x: jnp.sum(told(x)))(X), jnp.ones(3))
    # What was told wrong is refused when it is found out.
    with pytest.raises(Exception, match="(?i)shape"):
        jax.block_until_ready(told(-X))


def test_what_jax_refuses():
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(ours, (X, W), (X, W))
    with pytest.raises(TypeError, match="str"):
        to_jax(lambda x: (x, "text"))(X)
    with pytest.raises(TypeError, match="two deep at most"):
        jax.grad(lambda x: to_jax(lambda x: {"a": {"b": {"c": x}}})(x)["a"]["b"]["c"])(2.0)


def test_the_users_own_exception():
    with pytest.raises(Exception, match="IndexError: index 7 is out of bounds"):
        jax.block_until_ready(to_jax(lambda x: x[7] * 2.0)(X))


def test_without_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r"pip install 'autodiff_compiler\[jax\]'"):
        to_jax(rolling)
