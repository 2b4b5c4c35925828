"""Whole-array expressions, reductions, shapes, dtypes."""

import numpy as np

from .registry import program


@program(
    lambda r: (
        r.normal(size=3),
        0.1,
        r.normal(size=(6, 3)),
        r.integers(0, 2, size=6).astype(float),
    ),
    (0, 1),
)
def logistic_loss(w, b, x, y):
    z = x @ w + b
    y_hat = 1.0 / (1.0 + np.exp(-z))
    return -np.mean(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))


@program(lambda r: (r.normal(size=(3, 4)), r.normal(size=4)), (0, 1), second_order=True)
def softmax_entropy(a, b):
    z = a + b
    z = z - z.max(axis=1)[:, np.newaxis]
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(p * np.log(p))


@program(lambda r: (r.normal(size=(4, 3)), r.normal(size=(3, 2))), (0, 1))
def two_layers(x, w):
    h = np.maximum(x @ w, 0.1 * (x @ w))
    centred = h - h.mean(axis=0)
    return np.sqrt(np.mean(centred * centred)) + np.tanh(h).sum()


@program(lambda r: r.normal(size=(2, 3, 4)))
def axes(a):
    b = a.transpose(2, 0, 1)
    c = np.sum(b, axis=(0, 2)) + a.mean(axis=1).min(axis=-1)
    return (c * a[..., 0].T.sum(axis=0)).sum()


@program(lambda r: r.normal(size=12))
def reshaped(x):
    a = x.reshape(3, 4)
    b = np.reshape(a, (2, -1))
    c = np.transpose(a) * np.arange(3)
    return (b[0] * b[1]).sum() + c.sum() + np.dot(a[0], a[2])


@program(lambda r: (r.normal(size=4), r.normal(size=3)), (0, 1), second_order=True)
def outer_products(u, v):
    a = np.outer(u, v)
    b = u[:, None] + v[None, :]
    return np.sum(np.sin(a) * np.cos(b)) + np.sum(np.tan(0.1 * b))


@program(lambda r: r.normal(size=5))
def creation(x):
    a = np.zeros_like(x)
    b = np.ones((5, 5)) + np.eye(5)
    c = np.empty_like(x)
    c[:] = x
    a[::2] = x[::2]
    d = np.array([x[0], 2.0, x[1] * x[2]])
    return a @ b @ c + d.sum() + np.full(3, x[3]).sum() * np.ones(2).sum()


@program(lambda r: r.normal(size=6).astype(np.float32))
def single_precision(x):
    y = x * 0.5 + 1.0
    assert y.dtype == np.float32
    z = y.astype(np.float64) ** 2
    return float(np.sum(z)) + float(np.sum(np.sqrt(np.abs(y) + 1)))


@program(lambda r: (r.normal(size=4), r.integers(-3, 4, size=4)))
def mixed_dtypes(x, k):
    shift = k * 0.5
    y = x * k + shift
    half = np.array([1, 2, 3, 4], dtype=np.float32)
    return (y * half).mean() + (k % 3 * x).sum() + (k // 2 * x).sum()


@program(lambda r: r.normal(size=(3, 3)))
def abs_sign_floor(a):
    return (
        np.sum(np.abs(a) * np.sign(a - 0.1)) + np.sum(a * np.floor(3.0 * a)) + a.size * abs(a[0, 0])
    )


@program(lambda r: (r.normal(size=5), r.normal(size=5)), (0, 1))
def maximum_of_two(a, b):
    return np.maximum(a, b) @ np.minimum(a, b) + np.max(a) * np.min(b) + a.max() - b.min()


@program(lambda r: (r.uniform(0.5, 2.0, size=4), 1.7), (0, 1), second_order=True)
def powers(x, p):
    return np.sum(x**p) + np.sum(x**2) * pow(p, 3) + np.sum(2.0**x) + np.sum(np.sqrt(x) / p)


@program(lambda r: r.normal(size=(4, 4)))
def pairwise_distances(x):
    d = x[:, np.newaxis, :] - x[np.newaxis, :, :]
    r2 = np.sum(d * d, axis=-1)
    return np.sum(np.exp(-0.5 * r2)) + np.sum(np.log(1.0 + r2))


@program(lambda r: (r.normal(size=(3, 4)), r.normal(size=4), r.normal(size=3)), (0, 1, 2))
def products(a, x, y):
    return (a @ x) @ y + np.dot(a.T, y) @ x + np.dot(x, x) + a.dot(x).sum() + np.matmul(y, a).sum()


@program(lambda r: r.normal(size=5))
def ufunc_methods(x):
    table = np.multiply.outer(x, x)
    diffs = np.subtract.outer(x, x[:3])
    running = np.add.accumulate(x)
    return (
        np.add.reduce(table, axis=0) @ running
        + np.sum(diffs**2)
        + np.add.reduce(x) * np.add.outer(x, x)[1, 2]
    )


@program(lambda r: (r.normal(size=5), r.normal(size=5)), (0, 1))
def out_arguments(a, b):
    t = np.empty(5)
    np.multiply(a, b, out=t)
    np.add(t, 1.0, out=t)
    s = np.zeros(5)
    np.exp(t * 0.3, out=s)
    np.maximum(s, t, out=s)
    return s.sum() + t[0]


@program(lambda r: r.normal(size=(3, 2)))
def broadcast_sums(a):
    total = np.zeros((3, 2))
    total += a.sum(axis=0)
    total -= a.sum(axis=1, keepdims=True)
    total *= np.array([[1.0], [2.0], [3.0]])
    return (total / (1 + a**2)).sum()
