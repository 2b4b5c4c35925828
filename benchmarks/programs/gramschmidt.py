"""Modified Gram-Schmidt: A = Q R, by columns, in place. The loss is the sum of Q and R."""

import numpy as np

from ..registry import Program


def gramschmidt(A):
    A = A.copy()
    m, n = A.shape
    Q = np.zeros((m, n))
    R = np.zeros((n, n))
    for k in range(n):
        norm = A[:, k] @ A[:, k]
        R[k, k] = np.sqrt(norm)
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, n):
            R[k, j] = Q[:, k] @ A[:, j]
            A[:, j] -= Q[:, k] * R[k, j]
    return np.sum(Q) + np.sum(R)


def loops(A0):
    A = A0.copy()
    m, n = A.shape
    Q = np.zeros((m, n))
    R = np.zeros((n, n))
    total = 0.0
    for k in range(n):
        norm = 0.0
        for i in range(m):
            norm += A[i, k] * A[i, k]
        R[k, k] = np.sqrt(norm)
        total += R[k, k]
        for i in range(m):
            Q[i, k] = A[i, k] / R[k, k]
            total += Q[i, k]
        for j in range(k + 1, n):
            s = 0.0
            for i in range(m):
                s += Q[i, k] * A[i, j]
            R[k, j] = s
            total += s
            for i in range(m):
                A[i, j] -= Q[i, k] * s
    return total


def data(m, n):
    return (np.random.default_rng(0).random((m, n)) + 3.0 * np.eye(m, n),)


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(A):
        m, n = A.shape
        columns = jnp.arange(n)

        def column(k, arrays):
            A, Q, R = arrays
            norm = jnp.sqrt(A[:, k] @ A[:, k])
            q = A[:, k] / norm
            r = jnp.where(columns > k, q @ A, 0.0)
            return A - jnp.outer(q, r), Q.at[:, k].set(q), R.at[k].set(r.at[k].set(norm))

        _, Q, R = lax.fori_loop(0, n, column, (A, jnp.zeros((m, n)), jnp.zeros((n, n))))
        return jnp.sum(Q) + jnp.sum(R)

    return {"": translation}


PROGRAM = Program(
    name="gramschmidt",
    primal=gramschmidt,
    argnums=(0,),
    data=data,
    sizes=((70, 60), (220, 180)),
    tiny=(6, 4),
    quick=(30, 25),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda m, n: m * n * (n - 1) // 2 + m * n + n * n,
)
