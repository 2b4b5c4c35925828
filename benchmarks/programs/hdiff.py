"""Horizontal diffusion with flux limiters, a stencil of weather models, on whole arrays."""

import numpy as np

from ..registry import Program


def hdiff(field, coefficient):
    laplacian = 4.0 * field[1:-1, 1:-1, :] - (
        field[2:, 1:-1, :] + field[:-2, 1:-1, :] + field[1:-1, 2:, :] + field[1:-1, :-2, :]
    )
    flux_x = laplacian[1:, 1:-1, :] - laplacian[:-1, 1:-1, :]
    step_x = field[2:-1, 2:-2, :] - field[1:-2, 2:-2, :]
    flux_x = np.where(flux_x * step_x > 0.0, 0.0, flux_x)
    flux_y = laplacian[1:-1, 1:, :] - laplacian[1:-1, :-1, :]
    step_y = field[2:-2, 2:-1, :] - field[2:-2, 1:-2, :]
    flux_y = np.where(flux_y * step_y > 0.0, 0.0, flux_y)
    out = field[2:-2, 2:-2, :] - coefficient * (
        flux_x[1:, :, :] - flux_x[:-1, :, :] + flux_y[:, 1:, :] - flux_y[:, :-1, :]
    )
    return np.sum(out)


def data(i, j, k):
    rng = np.random.default_rng(0)
    return rng.random((i + 4, j + 4, k)), rng.random((i, j, k))


def jax_forms():
    import jax.numpy as jnp

    def translation(field, coefficient):
        laplacian = 4.0 * field[1:-1, 1:-1, :] - (
            field[2:, 1:-1, :] + field[:-2, 1:-1, :] + field[1:-1, 2:, :] + field[1:-1, :-2, :]
        )
        flux_x = laplacian[1:, 1:-1, :] - laplacian[:-1, 1:-1, :]
        step_x = field[2:-1, 2:-2, :] - field[1:-2, 2:-2, :]
        flux_x = jnp.where(flux_x * step_x > 0.0, 0.0, flux_x)
        flux_y = laplacian[1:-1, 1:, :] - laplacian[1:-1, :-1, :]
        step_y = field[2:-2, 2:-1, :] - field[2:-2, 1:-2, :]
        flux_y = jnp.where(flux_y * step_y > 0.0, 0.0, flux_y)
        out = field[2:-2, 2:-2, :] - coefficient * (
            flux_x[1:] - flux_x[:-1] + flux_y[:, 1:] - flux_y[:, :-1]
        )
        return jnp.sum(out)

    return {"": translation}


def torch_form():
    import torch

    def loss(field, coefficient):
        laplacian = 4.0 * field[1:-1, 1:-1] - (
            field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2]
        )
        flux_x = laplacian[1:, 1:-1] - laplacian[:-1, 1:-1]
        step_x = field[2:-1, 2:-2] - field[1:-2, 2:-2]
        flux_x = torch.where(flux_x * step_x > 0.0, 0.0, flux_x)
        flux_y = laplacian[1:-1, 1:] - laplacian[1:-1, :-1]
        step_y = field[2:-2, 2:-1] - field[2:-2, 1:-2]
        flux_y = torch.where(flux_y * step_y > 0.0, 0.0, flux_y)
        out = field[2:-2, 2:-2] - coefficient * (
            flux_x[1:] - flux_x[:-1] + flux_y[:, 1:] - flux_y[:, :-1]
        )
        return torch.sum(out)

    return loss


PROGRAM = Program(
    name="hdiff",
    primal=hdiff,
    argnums=(0, 1),
    data=data,
    sizes=((64, 64, 60),),
    tiny=(4, 3, 2),
    quick=(16, 16, 20),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
