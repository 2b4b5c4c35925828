"""A compiled function as a node of PyTorch's graph."""

import sys
from typing import NamedTuple

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, grad
from tests.optional import optional

torch = optional("torch")

from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

from autodiff_compiler.interop.torch import to_torch  # noqa: E402


def tensor(*shape, seed=0, dtype=torch.float64, requires_grad=True):
    numbers = np.random.default_rng(seed).normal(size=shape)
    return torch.tensor(numbers, dtype=dtype, requires_grad=requires_grad)


def rolling(x, W, n):
    y = W @ x
    for _ in range(n):
        y[0] += np.sin(y[1]) * y[0]
    return y


def newton(c):
    x = 1.0
    while abs(x * x - c) > 1e-13:
        x = 0.5 * (x + c / x)
    return x


def of_dict(p, s):
    return np.sum(p["a"] * p["b"]) * s, p["a"] ** 2


class Pair(NamedTuple):
    a: object
    b: object


ROLLING, NEWTON, OF_DICT = to_torch(rolling), to_torch(newton), to_torch(of_dict)
CUBES = to_torch(lambda x: np.sum(x**3))


def test_values_and_types():
    x, W = tensor(3), tensor(2, 3, seed=1)
    out = ROLLING(x, W, 3)
    assert isinstance(out, torch.Tensor) and out.dtype == torch.float64 and out.requires_grad
    expected = rolling(x.detach().numpy(), W.detach().numpy(), 3)
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-12)
    root = NEWTON(torch.tensor(2.0, dtype=torch.float64))
    assert root.shape == () and not root.requires_grad and abs(root.item() ** 2 - 2.0) < 1e-12
    assert CUBES(tensor(3, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize("order", [1, 2])
def test_gradcheck(order):
    check = gradcheck if order == 1 else gradgradcheck
    x, W, s = tensor(3), tensor(2, 3, seed=1), tensor(seed=2)
    assert check(ROLLING, (x, W, 3))
    assert check(NEWTON, (torch.tensor(2.0, dtype=torch.float64, requires_grad=True),))
    assert check(lambda a, b, s: OF_DICT({"a": a, "b": b}, s), (x, W[0], s))


def test_of_a_derivative():
    assert gradcheck(to_torch(grad(lambda x: np.sum(x**3))), (tensor(3),))


def test_third_derivative():
    x = tensor(3)
    (first,) = torch.autograd.grad(CUBES(x), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    np.testing.assert_allclose(second.detach(), 6.0 * x.detach())
    np.testing.assert_allclose(third, np.full(3, 6.0))


def test_inside_a_dynamic_graph():
    """What is PyTorch's before and behind the kernel, against PyTorch alone."""
    layer = torch.nn.Linear(3, 3).double()
    inputs = tensor(3, requires_grad=False)
    CUBES(torch.tanh(layer(inputs))).exp().backward()
    ours = layer.weight.grad.clone()
    layer.zero_grad()
    (torch.tanh(layer(inputs)) ** 3).sum().exp().backward()
    torch.testing.assert_close(ours, layer.weight.grad, rtol=1e-12, atol=1e-12)


def test_torch_func():
    x = tensor(4, 3, requires_grad=False)
    torch.testing.assert_close(torch.func.grad(CUBES)(x[0]), 3.0 * x[0] ** 2)
    torch.testing.assert_close(torch.vmap(CUBES)(x), (x**3).sum(1))
    torch.testing.assert_close(torch.vmap(torch.func.grad(CUBES))(x), 3.0 * x**2)
    hessian = torch.func.jacrev(torch.func.grad(CUBES))(x[0])
    torch.testing.assert_close(hessian, torch.diag(6.0 * x[0]))


def test_layouts():
    """Transposed, strided, broadcast and turned tensors are what they say they are."""
    f = to_torch(lambda x: np.sum(x * np.arange(6.0).reshape(2, 3)))
    base = tensor(3, 4, requires_grad=False)
    for x in (base.T[:2], base[:, ::2].T, tensor(3, requires_grad=False).expand(2, 3)):
        x = x.detach().requires_grad_()
        f(x).backward()
        assert torch.equal(x.grad, torch.arange(6.0, dtype=torch.float64).reshape(2, 3))


def test_containers_and_integers():
    def f(p, k, table):
        return {"s": np.sum(p.a[k]) * p.b, "where": np.argsort(p.a), "table": table}

    a, b = tensor(3), tensor(seed=4)
    out = to_torch(f)(Pair(a, b), torch.tensor([0, 0, 2]), "a name")
    assert out["table"] == "a name" and out["where"].dtype == torch.int64
    out["s"].backward()
    torch.testing.assert_close(a.grad, b.detach() * torch.tensor([2.0, 0.0, 1.0], dtype=b.dtype))
    assert np.isclose(b.grad, (2 * a[0] + a[2]).item(), rtol=1e-12)


def test_arguments_and_results_are_not_shared():
    def f(x):
        x[0] = 7.0
        return x

    x = tensor(3, requires_grad=False)
    before = x.clone()
    out = to_torch(f)(x)
    out += 1.0
    assert torch.equal(x, before) and out[0] == 8.0


def test_a_tensor_that_is_changed_before_the_way_back():
    x = tensor(3)
    y = x * 1.0
    z = CUBES(y)
    y.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_what_is_not_taken():
    x = tensor(3, requires_grad=False)
    with pytest.raises(TypeError, match="a tensor of bfloat16 .* pass t.to"):
        CUBES(x.to(torch.bfloat16))
    with pytest.raises(TypeError, match="a tensor of complex64 was given; compiled functions take"):
        CUBES(x.to(torch.complex64))
    with pytest.raises(TypeError, match=r"a tensor on meta .* pass t.cpu\(\)"):
        CUBES(x.to("meta"))
    with pytest.raises(TypeError, match="to_dense"):
        CUBES(x.to_sparse())
    with pytest.raises(IndexError):
        to_torch(lambda x: x[5])(x)
    with pytest.raises(UnsupportedError, match="open"):
        to_torch(lambda x: x * len(open("a").read()))(x)


def test_second_derivatives_of_records_with_integers_in_them():
    def f(p, n):
        return Pair(p.a * p.b * n, n)

    a, b = tensor(3), tensor(3, seed=5)
    g = to_torch(f)
    assert g(Pair(a, b), 2).b == 2
    assert gradgradcheck(lambda a, b: g(Pair(a, b), 2).a, (a, b))


def test_no_second_derivative_of_deeper_results():
    x = tensor(3)
    f = to_torch(lambda x: {"a": {"b": {"c": x * x}}})
    out = f(x)["a"]["b"]["c"].sum()
    torch.testing.assert_close(torch.autograd.grad(out, x)[0], 2.0 * x.detach())
    with pytest.raises(TypeError, match="two deep at most"):
        torch.autograd.grad(f(x)["a"]["b"]["c"].sum(), x, create_graph=True)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'autodiff_compiler\[torch\]'"):
        to_torch(rolling)
