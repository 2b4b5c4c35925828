"""A European call by Monte Carlo, path by path; its gradient is delta, rho, vega and theta."""

import math

import numpy as np

from ..registry import Program


def black_scholes(spot, rate, volatility, maturity, strike, normals):
    paths, steps = normals.shape
    dt = maturity / steps
    drift = (rate - 0.5 * volatility * volatility) * dt
    scale = volatility * math.sqrt(dt)
    total = 0.0
    for p in range(paths):
        s = spot
        for t in range(steps):
            s = s * np.exp(drift + scale * normals[p, t])
        total += max(s - strike, 0.0)
    return math.exp(-rate * maturity) * total / paths


def loops(spot, rate, volatility, maturity, strike, normals):
    paths, steps = normals.shape
    dt = maturity / steps
    drift = (rate - 0.5 * volatility * volatility) * dt
    scale = volatility * math.sqrt(dt)
    total = 0.0
    for p in range(paths):
        s = spot
        for t in range(steps):
            s = s * math.exp(drift + scale * normals[p, t])
        total += max(s - strike, 0.0)
    return math.exp(-rate * maturity) * total / paths


def data(paths, steps):
    normals = np.random.default_rng(0).standard_normal((paths, steps))
    return 100.0, 0.03, 0.2, 1.0, 101.0, normals


def jax_forms():
    import jax
    import jax.numpy as jnp
    from jax import lax

    def translation(spot, rate, volatility, maturity, strike, normals):
        paths, steps = normals.shape
        dt = maturity / steps
        drift = (rate - 0.5 * volatility * volatility) * dt
        scale = volatility * jnp.sqrt(dt)

        def payoff(z):
            step = lambda s, now: (s * jnp.exp(drift + scale * now), None)
            s, _ = lax.scan(step, spot, z)
            return jnp.maximum(s - strike, 0.0)

        return jnp.exp(-rate * maturity) * jnp.sum(jax.vmap(payoff)(normals)) / paths

    return {"": translation}


PROGRAM = Program(
    name="black_scholes",
    primal=black_scholes,
    argnums=(0, 1, 2, 3),
    data=data,
    sizes=((10000, 50),),
    tiny=(7, 3),
    quick=(500, 20),
    jax=jax_forms,
    numba=loops,
)
