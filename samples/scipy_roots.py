"""`scipy.optimize` with compiled Jacobians: an equation solved, and a simulation fitted.

    python -m samples.scipy_roots

`root` solves the Bratu equation u'' + k exp(u) = 0 on a grid, one residual for each point.
`least_squares` fits the rates of two reactions in a row, A -> B -> C, to noisy measurements of a
simulation that is stepped in a loop: many residuals of few parameters. `jacobian` works row by row
for the one and column by column for the other.
"""

import numpy as np
from scipy.optimize import least_squares, root

from autodiff_compiler import jacobian


def bratu(u, k):
    """The residuals at the points inside; u is 0 at both ends."""
    n = len(u)
    h = 1.0 / (n + 1)
    r = np.empty_like(u)
    for i in range(n):
        left = u[i - 1] if i > 0 else 0.0
        right = u[i + 1] if i < n - 1 else 0.0
        r[i] = (left - 2.0 * u[i] + right) / h**2 + k * np.exp(u[i])
    return r


def concentrations(rates, steps, dt):
    """A -> B -> C, by the midpoint rule: a row of A, B, C for each step."""
    state = np.array([1.0, 0.0, 0.0])
    out = np.empty((steps, 3))
    for i in range(steps):
        half = state + 0.5 * dt * speeds(state, rates)
        state = state + dt * speeds(half, rates)
        out[i] = state
    return out


def speeds(state, rates):
    first = rates[0] * state[0]
    second = rates[1] * state[1]
    return np.array([-first, first - second, second])


def residuals(rates, measured, dt):
    return (concentrations(rates, len(measured), dt) - measured).ravel()


def solve():
    k = 2.0
    found = root(bratu, np.zeros(40), args=(k,), jac=jacobian(bratu), tol=1e-12)
    # The exact solution, at the middle: u = 2 log(cosh(c) / cosh(c (1 - 2 t))), c from a scalar equation.
    c = root(lambda c: c - np.sqrt(k / 8.0) * np.cosh(c), 0.5, tol=1e-14).x[0]
    t = np.arange(1, 41) / 41.0
    exact = 2.0 * np.log(np.cosh(c) / np.cosh(c * (1.0 - 2.0 * t)))
    return found, float(np.max(np.abs(found.x - exact)))


def fit():
    rates, dt = np.array([1.3, 0.4]), 0.05
    noise = 0.01 * np.random.default_rng(5).normal(size=(120, 3))
    measured = concentrations(rates, 120, dt) + noise
    by_hand = least_squares(residuals, [1.0, 1.0], args=(measured, dt), jac="3-point")
    ours = least_squares(residuals, [1.0, 1.0], args=(measured, dt), jac=jacobian(residuals))
    return ours, by_hand, rates


def main():
    found, error = solve()
    print(
        f"Bratu: {found.nfev} evaluations, {found.njev} Jacobians of {len(found.x)} x {len(found.x)}"
    )
    print(f"  largest residual                     {np.max(np.abs(found.fun)):.1e}")
    print(f"  off the differential equation's own  {error:.1e} (the grid's error)")

    ours, by_hand, rates = fit()
    print(f"reaction rates: {ours.x.round(4)}, measured from {rates}")
    print(f"  evaluations  {ours.nfev} with our Jacobians, {ours.njev} of {ours.jac.shape}")
    print(f"  off the fit by central differences   {np.max(np.abs(ours.x - by_hand.x)):.1e}")
    assert found.success and error < 1e-3
    assert ours.success and np.max(np.abs(ours.x - by_hand.x)) < 1e-6
    return {
        "residual": float(np.max(np.abs(found.fun))),
        "error": error,
        "rates": ours.x,
        "difference": float(np.max(np.abs(ours.x - by_hand.x))),
        "shapes": (jacobian(bratu)(found.x, 2.0).shape, ours.jac.shape),
    }


if __name__ == "__main__":
    main()
