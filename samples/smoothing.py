"""The weight of an exponential smoothing, fitted by its compiled gradient.

    python -m samples.smoothing

The function that docs/walkthrough.md follows through the compiler, from its source to C.
"""

import numpy as np

from autodiff_compiler import value_and_grad


def misfit(weight, x):
    """How badly a smoothed level foretells each next value."""
    level = x[0]
    total = 0.0
    for t in range(1, len(x)):
        error = x[t] - level
        total += error * error
        level += weight * error
    return total / len(x)


def main(steps=60):
    rng = np.random.default_rng(1)
    x = np.cumsum(0.3 * rng.normal(size=400)) + rng.normal(size=400)
    weight, first = 0.9, misfit(0.9, x)
    both = value_and_grad(misfit)
    for _ in range(steps):
        value, slope = both(weight, x)
        weight -= 0.1 * slope
    print(f"weight {weight:.4f}, misfit {value:.4f} (at 0.9 it was {first:.4f}), slope {slope:.1e}")
    return {"weight": weight, "value": value, "first": first, "slope": slope}


if __name__ == "__main__":
    main()
