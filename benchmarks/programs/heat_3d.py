"""The heat equation on a cube, seven points, from one array to another and back."""

import numpy as np

from ..registry import Program


def heat_3d(tsteps, A, B):
    A = A.copy()
    B = B.copy()
    for t in range(tsteps):
        B[1:-1, 1:-1, 1:-1] = (
            0.125 * (A[2:, 1:-1, 1:-1] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[:-2, 1:-1, 1:-1])
            + 0.125 * (A[1:-1, 2:, 1:-1] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[1:-1, :-2, 1:-1])
            + 0.125 * (A[1:-1, 1:-1, 2:] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[1:-1, 1:-1, :-2])
            + A[1:-1, 1:-1, 1:-1]
        )
        A[1:-1, 1:-1, 1:-1] = (
            0.125 * (B[2:, 1:-1, 1:-1] - 2.0 * B[1:-1, 1:-1, 1:-1] + B[:-2, 1:-1, 1:-1])
            + 0.125 * (B[1:-1, 2:, 1:-1] - 2.0 * B[1:-1, 1:-1, 1:-1] + B[1:-1, :-2, 1:-1])
            + 0.125 * (B[1:-1, 1:-1, 2:] - 2.0 * B[1:-1, 1:-1, 1:-1] + B[1:-1, 1:-1, :-2])
            + B[1:-1, 1:-1, 1:-1]
        )
    return np.sum(A)


def loops(tsteps, A0, B0):
    A = A0.copy()
    B = B0.copy()
    n = A.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                for k in range(1, n - 1):
                    B[i, j, k] = (
                        0.125 * (A[i + 1, j, k] - 2.0 * A[i, j, k] + A[i - 1, j, k])
                        + 0.125 * (A[i, j + 1, k] - 2.0 * A[i, j, k] + A[i, j - 1, k])
                        + 0.125 * (A[i, j, k + 1] - 2.0 * A[i, j, k] + A[i, j, k - 1])
                        + A[i, j, k]
                    )
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                for k in range(1, n - 1):
                    A[i, j, k] = (
                        0.125 * (B[i + 1, j, k] - 2.0 * B[i, j, k] + B[i - 1, j, k])
                        + 0.125 * (B[i, j + 1, k] - 2.0 * B[i, j, k] + B[i, j - 1, k])
                        + 0.125 * (B[i, j, k + 1] - 2.0 * B[i, j, k] + B[i, j, k - 1])
                        + B[i, j, k]
                    )
    total = 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                total += A[i, j, k]
    return total


def data(tsteps, n):
    rng = np.random.default_rng(0)
    return tsteps, rng.random((n, n, n)), rng.random((n, n, n))


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def moved(X):
        c = X[1:-1, 1:-1, 1:-1]
        return (
            0.125 * (X[2:, 1:-1, 1:-1] - 2.0 * c + X[:-2, 1:-1, 1:-1])
            + 0.125 * (X[1:-1, 2:, 1:-1] - 2.0 * c + X[1:-1, :-2, 1:-1])
            + 0.125 * (X[1:-1, 1:-1, 2:] - 2.0 * c + X[1:-1, 1:-1, :-2])
            + c
        )

    def translation(tsteps, A, B):
        def step(t, arrays):
            A, B = arrays
            B = B.at[1:-1, 1:-1, 1:-1].set(moved(A))
            A = A.at[1:-1, 1:-1, 1:-1].set(moved(B))
            return A, B

        return jnp.sum(lax.fori_loop(0, tsteps, step, (A, B))[0])

    return {"": translation}


PROGRAM = Program(
    name="heat_3d",
    primal=heat_3d,
    argnums=(1, 2),
    data=data,
    sizes=((25, 25),),
    tiny=(2, 5),
    quick=(5, 15),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda tsteps, n: 2 * tsteps * (n - 2) ** 3,
)
