"""A Gaussian mixture's log-likelihood as matrix products on whole arrays."""

import math

import numpy as np

from ..registry import Program
from .gmm_common import data
from .gmm_common import jax_forms as all_jax_forms


def gmm_matrix(alphas, means, icf, x):
    n, d = x.shape
    K = alphas.shape[0]
    diagonal = np.exp(icf[:, :d])
    Q = np.zeros((K, d, d))
    place = d
    for col in range(d):
        Q[:, col, col] = diagonal[:, col]
        Q[:, col + 1 :, col] = icf[:, place : place + d - col - 1]
        place += d - col - 1
    W = Q.reshape(K * d, d)
    shift = np.sum(Q * means[:, np.newaxis, :], axis=2).reshape(K * d)
    y = (x @ W.T - shift).reshape(n, K, d)
    main = alphas + np.sum(icf[:, :d], axis=1) - 0.5 * np.sum(y * y, axis=2)
    top = np.max(main, axis=1, keepdims=True)
    total = np.sum(top[:, 0] + np.log(np.sum(np.exp(main - top), axis=1)))
    top = np.max(alphas)
    weights = top + np.log(np.sum(np.exp(alphas - top)))
    prior = 0.5 * (np.sum(diagonal**2) + np.sum(icf[:, d:] ** 2))
    return -n * d / 2 * math.log(2.0 * math.pi) + total - n * weights + prior


def jax_forms():
    forms = all_jax_forms()
    return {"": forms["matrix"], "chunked": forms["chunked"]}


def torch_form():
    import torch

    def loss(alphas, means, icf, x):
        n, d = x.shape
        K = alphas.shape[0]
        diagonal = torch.exp(icf[:, :d])
        rows, columns = torch.triu_indices(d, d, 1).flip(0)
        order = torch.argsort(columns * d + rows)
        Q = torch.diag_embed(diagonal)
        Q = Q.index_put(
            (torch.arange(K)[:, None], rows[order][None, :], columns[order][None, :]), icf[:, d:]
        )
        shift = torch.sum(Q * means[:, None, :], dim=2).reshape(-1)
        y = (x @ Q.reshape(K * d, d).T - shift).reshape(n, K, d)
        main = alphas + torch.sum(icf[:, :d], dim=1) - 0.5 * torch.sum(y * y, dim=2)
        total = torch.sum(torch.logsumexp(main, dim=1))
        prior = 0.5 * (torch.sum(diagonal**2) + torch.sum(icf[:, d:] ** 2))
        constant = -n * d / 2 * math.log(2.0 * math.pi)
        return constant + total - n * torch.logsumexp(alphas, dim=0) + prior

    return loss


PROGRAM = Program(
    name="gmm_matrix",
    primal=gmm_matrix,
    argnums=(0, 1, 2),
    data=data,
    sizes=((10, 25, 1000), (10, 25, 10000), (32, 25, 1000)),
    tiny=(3, 2, 4),
    quick=(10, 25, 40),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
