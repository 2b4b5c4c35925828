"""Heat in a rod of two metals: their diffusivities, recovered from a few thermometers.

    python -m samples.heat_steps

The rod is stepped through time with slices that are updated in place. The gradient of the misfit
runs the same steps backwards.
"""

import numpy as np
from scipy.optimize import minimize

from autodiff_compiler import value_and_grad

CELLS = 41
STEPS = 400
SENSORS = 5  # a thermometer on every fifth cell


def step(u, k):
    """One explicit step of the heat equation, written into `u`; its two ends are held fixed."""
    flux = k * (u[1:] - u[:-1])
    u[1:-1] += flux[1:] - flux[:-1]


def misfit(kappa, u0, observed):
    """Squared distance of the simulated thermometers from `observed`, one row per time step."""
    k = np.empty(len(u0) - 1)
    middle = len(k) // 2
    k[:middle] = kappa[0]
    k[middle:] = kappa[1]

    u = u0.copy()
    total = 0.0
    for t in range(len(observed)):
        step(u, k)
        total += np.sum((u[::SENSORS] - observed[t]) ** 2)
    return total


def simulate(kappa, u0):
    """What the thermometers show for known diffusivities: the data of the fit."""
    middle = (len(u0) - 1) // 2
    k = np.where(np.arange(len(u0) - 1) < middle, kappa[0], kappa[1])
    u = u0.copy()
    observed = []
    for _ in range(STEPS):
        step(u, k)
        observed.append(u[::SENSORS].copy())
    return np.array(observed)


def main():
    truth = np.array([0.35, 0.12])
    u0 = np.zeros(CELLS)
    u0[0] = 1.0  # one end is hot, the rest of the rod cold
    observed = simulate(truth, u0)

    guess = np.array([0.2, 0.2])
    fit = minimize(
        value_and_grad(misfit),
        guess,
        args=(u0, observed),
        jac=True,
        method="L-BFGS-B",
        # Beyond one half the explicit step is unstable.
        bounds=[(0.01, 0.45)] * 2,
        options={"gtol": 1e-12, "ftol": 1e-16},
    )
    error = float(np.max(np.abs(fit.x - truth)))

    print(f"two diffusivities from {observed.size} temperatures")
    print(f"  guess      {guess[0]:.6f}  {guess[1]:.6f}   misfit {misfit(guess, u0, observed):.3e}")
    print(f"  fitted     {fit.x[0]:.6f}  {fit.x[1]:.6f}   misfit {fit.fun:.3e}")
    print(f"  true       {truth[0]:.6f}  {truth[1]:.6f}")

    assert error < 1e-5
    return {"fitted": fit.x, "truth": truth, "misfit": float(fit.fun), "error": error}


if __name__ == "__main__":
    main()
