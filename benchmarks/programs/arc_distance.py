"""Distances on a sphere between pairs of points (haversine)."""

import numpy as np

from ..registry import Program


def arc_distance(theta_1, phi_1, theta_2, phi_2):
    temp = (
        np.sin((theta_2 - theta_1) / 2.0) ** 2
        + np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2.0) ** 2
    )
    return np.sum(2.0 * np.arctan2(np.sqrt(temp), np.sqrt(1.0 - temp)))


def data(n):
    rng = np.random.default_rng(0)
    return tuple(rng.random(n) for _ in range(4))


def jax_forms():
    import jax.numpy as jnp

    def translation(theta_1, phi_1, theta_2, phi_2):
        temp = (
            jnp.sin((theta_2 - theta_1) / 2.0) ** 2
            + jnp.cos(theta_1) * jnp.cos(theta_2) * jnp.sin((phi_2 - phi_1) / 2.0) ** 2
        )
        return jnp.sum(2.0 * jnp.arctan2(jnp.sqrt(temp), jnp.sqrt(1.0 - temp)))

    return {"": translation}


def torch_form():
    import torch

    def loss(theta_1, phi_1, theta_2, phi_2):
        temp = (
            torch.sin((theta_2 - theta_1) / 2.0) ** 2
            + torch.cos(theta_1) * torch.cos(theta_2) * torch.sin((phi_2 - phi_1) / 2.0) ** 2
        )
        return torch.sum(2.0 * torch.arctan2(torch.sqrt(temp), torch.sqrt(1.0 - temp)))

    return loss


PROGRAM = Program(
    name="arc_distance",
    primal=arc_distance,
    argnums=(0, 1, 2, 3),
    data=data,
    sizes=((100000,),),
    tiny=(6,),
    quick=(5000,),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
)
