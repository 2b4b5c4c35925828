"""Vertical advection of weather models: a tridiagonal system in each column (Thomas)."""

import numpy as np

from ..registry import Program

BET_M = 0.0
BET_P = 1.0
DTR_STAGE = 3.0 / 20.0


def vadv(utens_stage, u_stage, wcon, u_pos, utens):
    I, J, K = u_stage.shape
    ccol = np.zeros((I, J, K))
    dcol = np.zeros((I, J, K))
    data_col = np.zeros((I, J))
    out = utens_stage.copy()

    gcv = 0.25 * (wcon[1:, :, 1] + wcon[:-1, :, 1])
    cs = gcv * BET_M
    ccol[:, :, 0] = gcv * BET_P
    bcol = DTR_STAGE - ccol[:, :, 0]
    correction = -cs * (u_stage[:, :, 1] - u_stage[:, :, 0])
    dcol[:, :, 0] = DTR_STAGE * u_pos[:, :, 0] + utens[:, :, 0] + out[:, :, 0] + correction
    divided = 1.0 / bcol
    ccol[:, :, 0] = ccol[:, :, 0] * divided
    dcol[:, :, 0] = dcol[:, :, 0] * divided

    for k in range(1, K - 1):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        as_ = gav * BET_M
        cs = gcv * BET_M
        acol = gav * BET_P
        ccol[:, :, k] = gcv * BET_P
        bcol = DTR_STAGE - acol - ccol[:, :, k]
        correction = -as_ * (u_stage[:, :, k - 1] - u_stage[:, :, k]) - cs * (
            u_stage[:, :, k + 1] - u_stage[:, :, k]
        )
        dcol[:, :, k] = DTR_STAGE * u_pos[:, :, k] + utens[:, :, k] + out[:, :, k] + correction
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = (dcol[:, :, k] - dcol[:, :, k - 1] * acol) * divided

    gav = -0.25 * (wcon[1:, :, K - 1] + wcon[:-1, :, K - 1])
    as_ = gav * BET_M
    acol = gav * BET_P
    bcol = DTR_STAGE - acol
    correction = -as_ * (u_stage[:, :, K - 2] - u_stage[:, :, K - 1])
    dcol[:, :, K - 1] = (
        DTR_STAGE * u_pos[:, :, K - 1] + utens[:, :, K - 1] + out[:, :, K - 1] + correction
    )
    divided = 1.0 / (bcol - ccol[:, :, K - 2] * acol)
    dcol[:, :, K - 1] = (dcol[:, :, K - 1] - dcol[:, :, K - 2] * acol) * divided

    data_col[:, :] = dcol[:, :, K - 1]
    out[:, :, K - 1] = DTR_STAGE * (data_col - u_pos[:, :, K - 1])
    for k in range(K - 2, -1, -1):
        data_col[:, :] = dcol[:, :, k] - ccol[:, :, k] * data_col
        out[:, :, k] = DTR_STAGE * (data_col - u_pos[:, :, k])
    return np.sum(out)


def loops(utens_stage, u_stage, wcon, u_pos, utens):
    I, J, K = u_stage.shape
    ccol = np.empty(K)
    dcol = np.empty(K)
    total = 0.0
    for i in range(I):
        for j in range(J):
            for k in range(K):
                acol = 0.0
                ccol[k] = 0.0
                correction = 0.0
                if k > 0:
                    gav = -0.25 * (wcon[i + 1, j, k] + wcon[i, j, k])
                    acol = gav * BET_P
                    correction -= gav * BET_M * (u_stage[i, j, k - 1] - u_stage[i, j, k])
                if k < K - 1:
                    gcv = 0.25 * (wcon[i + 1, j, k + 1] + wcon[i, j, k + 1])
                    ccol[k] = gcv * BET_P
                    correction -= gcv * BET_M * (u_stage[i, j, k + 1] - u_stage[i, j, k])
                below = DTR_STAGE - acol - ccol[k]
                dcol[k] = (
                    DTR_STAGE * u_pos[i, j, k] + utens[i, j, k] + utens_stage[i, j, k] + correction
                )
                if k > 0:
                    below -= ccol[k - 1] * acol
                    dcol[k] -= dcol[k - 1] * acol
                ccol[k] /= below
                dcol[k] /= below
            x = 0.0
            for k in range(K - 1, -1, -1):
                x = dcol[k] - ccol[k] * x
                total += DTR_STAGE * (x - u_pos[i, j, k])
    return total


def data(i, j, k):
    rng = np.random.default_rng(0)
    shape = (i, j, k)
    # wcon small against the diagonal, so that no pivot comes near zero.
    wcon = 0.1 * rng.random((i + 1, j, k))
    return rng.random(shape), rng.random(shape), wcon, rng.random(shape), rng.random(shape)


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(utens_stage, u_stage, wcon, u_pos, utens):
        I, J, K = u_stage.shape
        first = lambda x: jnp.moveaxis(x, -1, 0)  # levels in front, for the scans
        u, pos = first(u_stage), first(u_pos)
        right = first(utens) + first(utens_stage) + DTR_STAGE * pos
        g = 0.25 * first(wcon[1:] + wcon[:-1])
        none = jnp.zeros((1, I, J))
        gav = jnp.concatenate([none, -g[1:]])
        gcv = jnp.concatenate([g[1:], none])
        before = jnp.concatenate([u[:1], u[:-1]])
        after = jnp.concatenate([u[1:], u[-1:]])
        right = right - gav * BET_M * (before - u) - gcv * BET_M * (after - u)
        a, c = gav * BET_P, gcv * BET_P

        def down(state, level):
            c_before, d_before = state
            a, c, d = level
            divided = 1.0 / (DTR_STAGE - a - c - c_before * a)
            c, d = c * divided, (d - d_before * a) * divided
            return (c, d), (c, d)

        zero = jnp.zeros((I, J))
        _, (c, d) = lax.scan(down, (zero, zero), (a, c, right))

        def up(x, level):
            c, d = level
            x = d - c * x
            return x, x

        _, x = lax.scan(up, zero, (c, d), reverse=True)
        return jnp.sum(DTR_STAGE * (x - pos))

    return {"": translation}


PROGRAM = Program(
    name="vadv",
    primal=vadv,
    argnums=(0, 1, 2, 3, 4),
    data=data,
    sizes=((60, 60, 40),),
    tiny=(2, 3, 4),
    quick=(12, 12, 20),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda i, j, k: 5 * i * j * k,
)
