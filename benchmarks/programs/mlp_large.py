"""A larger network with two hidden layers of relu and the cross-entropy of given labels."""

import numpy as np

from ..registry import Program


def mlp_large(x, labels, w1, b1, w2, b2, w3, b3):
    h = np.maximum(x @ w1 + b1, 0.0)
    h = np.maximum(h @ w2 + b2, 0.0)
    logits = h @ w3 + b3
    top = np.max(logits, axis=1, keepdims=True)
    logp = logits - top - np.log(np.sum(np.exp(logits - top), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(x.shape[0]), labels])


def data(n, inputs, first, second, outputs):
    rng = np.random.default_rng(0)

    def layer(i, o):
        return rng.standard_normal((i, o)) * np.sqrt(2.0 / i), 0.1 * rng.standard_normal(o)

    x = rng.random((n, inputs))
    labels = rng.integers(0, outputs, n)
    return (x, labels, *layer(inputs, first), *layer(first, second), *layer(second, outputs))


def jax_forms():
    import jax
    import jax.numpy as jnp

    def translation(x, labels, w1, b1, w2, b2, w3, b3):
        h = jax.nn.relu(x @ w1 + b1)
        h = jax.nn.relu(h @ w2 + b2)
        logp = jax.nn.log_softmax(h @ w3 + b3, axis=1)
        return -jnp.mean(logp[jnp.arange(x.shape[0]), labels])

    return {"": translation}


def torch_form():
    import torch

    def loss(x, labels, w1, b1, w2, b2, w3, b3):
        h = torch.relu(torch.addmm(b1, x, w1))
        h = torch.relu(torch.addmm(b2, h, w2))
        return torch.nn.functional.cross_entropy(torch.addmm(b3, h, w3), labels)

    return loss


PROGRAM = Program(
    name="mlp_large",
    primal=mlp_large,
    argnums=(2, 3, 4, 5, 6, 7),
    data=data,
    sizes=((256, 784, 512, 512, 10),),
    tiny=(4, 3, 5, 4, 3),
    quick=(64, 100, 64, 64, 10),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
