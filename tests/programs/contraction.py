"""Products of arrays of three and more dims: attention, networks on batches, tensors."""

import numpy as np

from .registry import program


@program(
    lambda r: tuple(r.normal(size=(2, 3, 4, 5)) for _ in range(3)), (0, 1, 2), second_order=True
)
def attention_by_einsum(q, k, v):
    scores = np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(q.shape[-1])
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed = np.einsum("bhqk,bhkd->bqhd", weights, v)
    return np.mean(mixed**2)


@program(
    lambda r: (r.normal(size=(4, 6)), r.normal(size=(6, 3)), r.normal(size=(5, 2, 4))), (0, 1, 2),
    second_order=True,
)  # fmt: skip
def layers_on_a_batch(w1, w2, x):
    hidden = np.tanh(x @ w1)
    out = hidden @ w2
    return np.sum(out * out) / x.shape[0]


@program(lambda r: (r.normal(size=(3, 4, 2)), r.normal(size=(2, 5)), r.normal(size=(4, 5, 3))))
def tensor_network(a, b, c):
    ab = np.tensordot(a, b, axes=1)
    closed = np.tensordot(ab, c, axes=([0, 1, 2], [2, 0, 1]))
    outer = np.einsum("ijk,kl,jlm->im", a, b, c)
    return closed + np.trace(outer) + np.sum(np.tensordot(b, b, axes=0)[0, 0])


@program(lambda r: (r.normal(size=(4, 3)), r.normal(size=(4, 3))), (0, 1), second_order=True)
def rigid_bodies(position, velocity):
    momentum = np.cross(position, velocity)
    speed = np.einsum("ij,ij->i", velocity, velocity)
    inertia = np.einsum("i,ij,ik->jk", speed, position, position)
    return np.sum(momentum**2) + np.trace(inertia) + np.inner(speed, position[:, 0])


@program(lambda r: (r.normal(size=(2, 2)), r.normal(size=(3, 3))), (0, 1), second_order=True)
def kronecker_sum(a, b):
    whole = np.kron(a, np.eye(3)) + np.kron(np.eye(2), b)
    return np.sum(np.linalg.matrix_power(whole, 3)) + np.vdot(whole, whole)


@program(lambda r: (r.normal(size=(5, 2, 2)) * 0.5, r.normal(size=2)), (0, 1))
def transfer_matrices(ts, v):
    state = v
    total = np.eye(2)
    for t in ts:
        state = np.tanh(t @ state)
        total = total @ t
    pairs = np.matmul(ts[:-1], ts[1:])
    return state @ total @ v + np.einsum("nij,nji->", pairs, pairs)


@program(lambda r: (r.normal(size=(3, 4)), r.normal(size=(2, 3, 3))), (0, 1))
def products_in_a_loop(x, ws):
    loss = 0.0
    for k in range(ws.shape[0]):
        x = np.dot(ws[k], x)
        if np.sum(x) > 0.0:
            loss += np.einsum("ij,ij", x, x)
        else:
            loss += np.linalg.multi_dot([x.T, ws[k], x])[0, 0]
    return loss


@program(
    lambda r: (
        r.normal(size=(3, 4)).astype(np.float32),
        r.normal(size=(2, 4, 3)).astype(np.float32),
    )
)
def stacked_single_floats(a, b):
    return np.sum(np.tanh(a @ b)) + np.einsum("ij,bji->", a, b)


@program(
    lambda r: (r.normal(size=(4, 2)), r.normal(size=(3, 2, 5)), r.normal(size=(4, 5))), (0, 1, 2),
    second_order=True,
)  # fmt: skip
def bilinear_layer(x, ws, y):
    return np.sum(np.tanh(np.einsum("bi,kij,bj->bk", x, ws, y)))
