"""The loss of a logistic regression with labels of -1 and 1, and its ridge."""

import numpy as np

from ..registry import Program


def logistic_regression(w, b, X, y):
    margin = y * (X @ w + b)
    return np.mean(np.log1p(np.exp(-margin))) + 0.5e-3 * np.sum(w * w)


def data(n, features):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, features))
    y = np.where(X @ rng.standard_normal(features) + rng.standard_normal(n) > 0.0, 1.0, -1.0)
    return 0.1 * rng.standard_normal(features), 0.1, X, y


def jax_forms():
    import jax.numpy as jnp

    def translation(w, b, X, y):
        margin = y * (X @ w + b)
        return jnp.mean(jnp.log1p(jnp.exp(-margin))) + 0.5e-3 * jnp.sum(w * w)

    return {"": translation}


def torch_form():
    import torch

    def loss(w, b, X, y):
        margin = y * (X @ w + b)
        return torch.mean(torch.log1p(torch.exp(-margin))) + 0.5e-3 * torch.sum(w * w)

    return loss


PROGRAM = Program(
    name="logistic_regression",
    primal=logistic_regression,
    argnums=(0, 1),
    data=data,
    sizes=((20000, 50),),
    tiny=(7, 3),
    quick=(500, 20),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
