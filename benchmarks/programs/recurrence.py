"""A recurrence of one number, with a branch in each step."""

import math

from ..registry import Program


def recurrence(steps, x, a, b):
    for i in range(steps):
        if x > 0.5:
            x = a * x * (1.0 - x)
        else:
            x = x + b * math.sin(x + 1.0)
    return x


def data(steps):
    return steps, 0.3, 1.7, 0.25


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(steps, x, a, b):
        def step(i, x):
            return lax.cond(
                x > 0.5, lambda x: a * x * (1.0 - x), lambda x: x + b * jnp.sin(x + 1.0), x
            )

        return lax.fori_loop(0, steps, step, x)

    def selected(steps, x, a, b):
        def step(i, x):
            return jnp.where(x > 0.5, a * x * (1.0 - x), x + b * jnp.sin(x + 1.0))

        return lax.fori_loop(0, steps, step, x)

    return {"": translation, "where": selected}


PROGRAM = Program(
    name="recurrence",
    primal=recurrence,
    argnums=(1, 2, 3),
    data=data,
    sizes=((1000,),),
    tiny=(6,),
    quick=(200,),
    jax=jax_forms,
    numba=recurrence,
)
