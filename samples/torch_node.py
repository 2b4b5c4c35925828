"""A compiled function as a node of PyTorch's graph: a root finder between two layers.

    python -m samples.torch_node

A network learns Kepler's equation the wrong way round: from the place of a planet to its mean
anomaly and eccentricity, so that the equation E - e sin E = M, solved by Newton's method in a `while`
loop, gives the place back. The layers are PyTorch's; the loop is a compiled kernel, one node of the
graph, and the loss goes through both.
"""

import numpy as np
import torch

from autodiff_compiler.interop.torch import to_torch


def eccentric_anomaly(M, e):
    """Newton's method, for each planet as many steps as it needs."""
    E = np.empty_like(M)
    for i in range(len(M)):
        x = M[i]
        step = 1.0
        while abs(step) > 1e-13:
            step = (x - e[i] * np.sin(x) - M[i]) / (1.0 - e[i] * np.cos(x))
            x -= step
        E[i] = x
    return E


solve = to_torch(eccentric_anomaly)


def main(steps=150):
    torch.manual_seed(0)
    E = torch.linspace(0.2, 2.8, 40, dtype=torch.float64)
    layers = torch.nn.Sequential(
        torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
    ).double()
    optimiser = torch.optim.Adam(layers.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        M, raw = layers(E[:, None]).T
        e = 0.8 * torch.sigmoid(raw)
        loss = torch.mean((solve(M, e) - E) ** 2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))

    M = torch.tensor([0.4, 1.9], dtype=torch.float64, requires_grad=True)
    e = torch.tensor([0.3, 0.6], dtype=torch.float64, requires_grad=True)
    checked = torch.autograd.gradcheck(solve, (M, e)) and torch.autograd.gradgradcheck(
        solve, (M, e)
    )
    print(f"loss {losses[0]:.6f} before training, {losses[-1]:.6f} after {steps} steps")
    print(f"gradcheck and gradgradcheck of the loop: {'passed' if checked else 'failed'}")
    assert losses[-1] < 0.01 * losses[0]
    return {"losses": losses, "checked": checked}


if __name__ == "__main__":
    main()
