"""One neuron of three small arrays: the call, and the results' allocation."""

import numpy as np

from ..registry import Program


def neuron_arrays(w, x, b):
    z = w * x + b
    return np.sum(z)


def data(n):
    rng = np.random.default_rng(0)
    return rng.random(n), rng.random(n), rng.random(n)


def jax_forms():
    import jax.numpy as jnp

    return {"": lambda w, x, b: jnp.sum(w * x + b)}


def torch_form():
    import torch

    return lambda w, x, b: torch.sum(w * x + b)


PROGRAM = Program(
    name="neuron_arrays",
    primal=neuron_arrays,
    argnums=(0, 1, 2),
    data=data,
    sizes=((4,),),
    tiny=(3,),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
    transform="grad",
)
