"""Value and gradient of a sum over the rows of Dask arrays, and a worker that dies."""

import sys

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, value_and_grad
from tests.optional import optional

dask = optional("dask")
optional("distributed")
da = pytest.importorskip("dask.array")

from autodiff_compiler.interop.dask import value_and_grad_of_rows  # noqa: E402

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(23, 3)), RNG.normal(size=23)


def squares(p, x, y, power=2):
    z = np.tanh(x @ p["w"] + p["b"])
    return np.sum((z - y) ** power)


def mean(w, x):
    return np.mean(x @ w)


def penalised(w, x):
    return np.sum((x @ w) ** 2) + w @ w


def neighbours(w, x):
    return np.sum(np.diff(x @ w) ** 2)


def total(w, x):
    return np.sum(x @ w)


P = {"w": np.array([0.3, -0.1, 0.7]), "b": 0.2}


@pytest.fixture(autouse=True)
def in_this_process():
    with dask.config.set(scheduler="synchronous"):
        yield


def same(a, b, rtol=1e-12):
    assert a[0] == pytest.approx(b[0], rel=rtol)
    np.testing.assert_allclose(a[1]["w"], b[1]["w"], rtol=rtol, atol=1e-13)
    assert a[1]["b"] == pytest.approx(b[1]["b"], rel=rtol)


@pytest.mark.parametrize("rows", [(23,), (10, 10, 3), (1,) * 23, (0, 12, 11), (5, 0, 18)])
@pytest.mark.parametrize("split_every", [2, 8])
def test_any_blocks(rows, split_every):
    x, y = da.from_array(X, chunks=(rows, 3)), da.from_array(Y, chunks=(rows,))
    f = value_and_grad_of_rows(squares, split_every=split_every)
    same(f(P, x, y), value_and_grad(squares)(P, X, Y))
    same(f(P, x, y=y, power=4), value_and_grad(squares)(P, X, Y, 4))


def test_columns_in_blocks_and_argnums():
    x, y = da.from_array(X, chunks=(6, 2)), da.from_array(Y, chunks=6)
    value, (by_p,) = value_and_grad_of_rows(squares, argnums=("p",))(P, x, y)
    same((value, by_p), value_and_grad(squares)(P, X, Y))


def test_float32():
    x = da.from_array(X.astype(np.float32), chunks=5)
    value, gradient = value_and_grad_of_rows(total)(np.ones(3, np.float32), x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, X.sum(0), rtol=1e-5)


@pytest.mark.parametrize("loss", [mean, penalised, neighbours])
def test_a_loss_that_is_no_sum_over_rows_is_refused(loss):
    x = da.from_array(X, chunks=12)
    with pytest.raises(UnsupportedError, match="not a sum over rows"):
        value_and_grad_of_rows(loss)(P["w"], x)
    assert value_and_grad_of_rows(loss, check=False)(P["w"], x)[1].shape == (3,)


def test_what_is_not_taken():
    f = value_and_grad_of_rows(squares)
    x, y = da.from_array(X, chunks=6), da.from_array(Y, chunks=6)
    with pytest.raises(TypeError, match="none of the arguments is a Dask array"):
        f(P, X, Y)
    with pytest.raises(ValueError, match="rechunk one of them"):
        f(P, x, y.rechunk(5))
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        f(P, x[x[:, 0] > 0.0], y)
    with pytest.raises(TypeError, match="the gradient by x, a Dask array"):
        value_and_grad_of_rows(squares, argnums="x")(P, x, y)
    with pytest.raises(ValueError, match="split_every"):
        value_and_grad_of_rows(squares, split_every=1)
    with pytest.raises(ValueError, match="y has no rows"):
        f(P, x, y.sum())
    with pytest.raises(ValueError):
        f(P, x, Y)


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ImportError, match=r"pip install 'autodiff_compiler\[dask\]'"):
        value_and_grad_of_rows(squares)


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as POSIX has it")
def test_a_worker_that_dies_does_not_lose_the_sum():
    from samples import dask_rows

    result = dask_rows.main(blocks=12, length=500)
    assert result["killed"] and result["gone"] == 1
    assert result["value"][0] == pytest.approx(result["value"][1], rel=1e-12)
    assert result["difference"] < 1e-12
