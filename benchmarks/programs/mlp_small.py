"""A small network: two hidden layers of relu, then softmax.

The loss is the sum of squares of the outputs: their sum is a constant.
"""

import numpy as np

from ..registry import Program


def softmax(x):
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / np.sum(shifted, axis=-1, keepdims=True)


def relu(x):
    return np.maximum(x, 0.0)


def mlp_small(x, w1, b1, w2, b2, w3, b3):
    h = relu(x @ w1 + b1)
    h = relu(h @ w2 + b2)
    out = softmax(h @ w3 + b3)
    return np.sum(out * out)


def data(n, inputs, first, second, outputs):
    rng = np.random.default_rng(0)

    def layer(i, o):
        return rng.standard_normal((i, o)) / np.sqrt(i), 0.1 * rng.standard_normal(o)

    x = rng.standard_normal((n, inputs))
    return (x, *layer(inputs, first), *layer(first, second), *layer(second, outputs))


def jax_forms():
    import jax
    import jax.numpy as jnp

    def translation(x, w1, b1, w2, b2, w3, b3):
        h = jax.nn.relu(x @ w1 + b1)
        h = jax.nn.relu(h @ w2 + b2)
        out = jax.nn.softmax(h @ w3 + b3, axis=-1)
        return jnp.sum(out * out)

    return {"": translation}


def torch_form():
    import torch

    def loss(x, w1, b1, w2, b2, w3, b3):
        h = torch.relu(torch.addmm(b1, x, w1))
        h = torch.relu(torch.addmm(b2, h, w2))
        out = torch.softmax(torch.addmm(b3, h, w3), dim=-1)
        return torch.sum(out * out)

    return loss


PROGRAM = Program(
    name="mlp_small",
    primal=mlp_small,
    argnums=(1, 2, 3, 4, 5, 6),
    data=data,
    sizes=((8, 3, 300, 100, 10),),
    tiny=(3, 2, 5, 4, 3),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
