"""Alternating direction implicit integration of the heat equation on a square."""

import numpy as np

from ..registry import Program


def adi(tsteps, u):
    u = u.copy()
    n = u.shape[0]
    v = np.zeros((n, n))
    p = np.zeros((n, n))
    q = np.zeros((n, n))
    dx = 1.0 / n
    dt = 1.0 / tsteps
    mul1 = 2.0 * dt / (dx * dx)
    mul2 = 1.0 * dt / (dx * dx)
    a = -mul1 / 2.0
    b = 1.0 + mul1
    c = a
    d = -mul2 / 2.0
    e = 1.0 + mul2
    f = d
    for t in range(tsteps):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (
                -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - f * u[j, 2:] - a * q[1:-1, j - 1]
            ) / (a * p[1:-1, j - 1] + b)
        v[n - 1, 1:-1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 0] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = u[1:-1, 0]
        for j in range(1, n - 1):
            p[1:-1, j] = -f / (d * p[1:-1, j - 1] + e)
            q[1:-1, j] = (
                -a * v[:-2, j] + (1.0 + 2.0 * a) * v[1:-1, j] - c * v[2:, j] - d * q[1:-1, j - 1]
            ) / (d * p[1:-1, j - 1] + e)
        u[1:-1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]
    return np.sum(u)


def loops(tsteps, u0):
    u = u0.copy()
    n = u.shape[0]
    v = np.zeros((n, n))
    p = np.zeros((n, n))
    q = np.zeros((n, n))
    dx = 1.0 / n
    dt = 1.0 / tsteps
    mul1 = 2.0 * dt / (dx * dx)
    mul2 = 1.0 * dt / (dx * dx)
    a = -mul1 / 2.0
    b = 1.0 + mul1
    c = a
    d = -mul2 / 2.0
    e = 1.0 + mul2
    f = d
    for t in range(tsteps):
        for i in range(1, n - 1):
            v[0, i] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = v[0, i]
            for j in range(1, n - 1):
                p[i, j] = -c / (a * p[i, j - 1] + b)
                q[i, j] = (
                    -d * u[j, i - 1] + (1.0 + 2.0 * d) * u[j, i] - f * u[j, i + 1] - a * q[i, j - 1]
                ) / (a * p[i, j - 1] + b)
            v[n - 1, i] = 1.0
            for j in range(n - 2, 0, -1):
                v[j, i] = p[i, j] * v[j + 1, i] + q[i, j]
        for i in range(1, n - 1):
            u[i, 0] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = u[i, 0]
            for j in range(1, n - 1):
                p[i, j] = -f / (d * p[i, j - 1] + e)
                q[i, j] = (
                    -a * v[i - 1, j] + (1.0 + 2.0 * a) * v[i, j] - c * v[i + 1, j] - d * q[i, j - 1]
                ) / (d * p[i, j - 1] + e)
            u[i, n - 1] = 1.0
            for j in range(n - 2, 0, -1):
                u[i, j] = p[i, j] * u[i, j + 1] + q[i, j]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += u[i, j]
    return total


def data(tsteps, n):
    return tsteps, np.random.default_rng(0).random((n, n))


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(tsteps, u):
        n = u.shape[0]
        dx, dt = 1.0 / n, 1.0 / tsteps
        mul1, mul2 = 2.0 * dt / (dx * dx), 1.0 * dt / (dx * dx)
        a, b, c = -mul1 / 2.0, 1.0 + mul1, -mul1 / 2.0
        d, e, f = -mul2 / 2.0, 1.0 + mul2, -mul2 / 2.0

        def step(t, arrays):
            u, v, p, q = arrays
            v = v.at[0, 1:-1].set(1.0)
            p = p.at[1:-1, 0].set(0.0)
            q = q.at[1:-1, 0].set(v[0, 1:-1])

            def down_columns(j, pq):
                p, q = pq
                below = a * p[1:-1, j - 1] + b
                q = q.at[1:-1, j].set(
                    (-d * u[j, :-2] + (1 + 2 * d) * u[j, 1:-1] - f * u[j, 2:] - a * q[1:-1, j - 1])
                    / below
                )
                return p.at[1:-1, j].set(-c / below), q

            p, q = lax.fori_loop(1, n - 1, down_columns, (p, q))
            v = v.at[n - 1, 1:-1].set(1.0)

            def back_columns(k, v):
                j = n - 1 - k
                return v.at[j, 1:-1].set(p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j])

            v = lax.fori_loop(1, n - 1, back_columns, v)
            u = u.at[1:-1, 0].set(1.0)
            p = p.at[1:-1, 0].set(0.0)
            q = q.at[1:-1, 0].set(u[1:-1, 0])

            def down_rows(j, pq):
                p, q = pq
                below = d * p[1:-1, j - 1] + e
                q = q.at[1:-1, j].set(
                    (-a * v[:-2, j] + (1 + 2 * a) * v[1:-1, j] - c * v[2:, j] - d * q[1:-1, j - 1])
                    / below
                )
                return p.at[1:-1, j].set(-f / below), q

            p, q = lax.fori_loop(1, n - 1, down_rows, (p, q))
            u = u.at[1:-1, n - 1].set(1.0)

            def back_rows(k, u):
                j = n - 1 - k
                return u.at[1:-1, j].set(p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j])

            return lax.fori_loop(1, n - 1, back_rows, u), v, p, q

        zeros = jnp.zeros((n, n))
        return jnp.sum(lax.fori_loop(0, tsteps, step, (u, zeros, zeros, zeros))[0])

    return {"": translation}


PROGRAM = Program(
    name="adi",
    primal=adi,
    argnums=(1,),
    data=data,
    sizes=((5, 100),),
    tiny=(2, 6),
    quick=(2, 30),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda tsteps, n: 6 * tsteps * (n - 2) * n,
)
