"""The sum of squares of a vector: the least there is to do."""

import numpy as np

from ..registry import Program


def sum_of_squares(x):
    return np.sum(x * x)


def data(n):
    return (np.random.default_rng(0).standard_normal(n),)


def jax_forms():
    import jax.numpy as jnp

    return {"": lambda x: jnp.sum(x * x)}


def torch_form():
    import torch

    return lambda x: torch.sum(x * x)


PROGRAM = Program(
    name="sum_of_squares",
    primal=sum_of_squares,
    argnums=(0,),
    data=data,
    sizes=((1000000,),),
    tiny=(7,),
    quick=(10000,),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
