"""The derivative of a solution that a `while` loop finds: Kepler's equation by Newton's method.

    python -m samples.newton_while

A planet's eccentric anomaly E solves E - e * sin(E) = M. No formula gives E, but the implicit
function theorem gives its derivatives at the solution:

    dE/dM = 1 / (1 - e * cos(E))        dE/de = sin(E) / (1 - e * cos(E))
"""

import numpy as np

from autodiff_compiler import value_and_grad


def eccentric_anomaly(M, e):
    E = M
    step = 1.0
    while abs(step) > 1e-12:
        step = (E - e * np.sin(E) - M) / (1.0 - e * np.cos(E))
        E -= step
    return E


def main(M=0.8, e=0.6):
    E, (dE_dM, dE_de) = value_and_grad(eccentric_anomaly, argnums=("M", "e"))(M, e)

    slope = 1.0 - e * np.cos(E)
    expected = (1.0 / slope, np.sin(E) / slope)

    print(f"E - {e} * sin(E) = {M} at E = {E:.12f}")
    print(f"  dE/dM  through the loop {dE_dM:.12f}   implicit function theorem {expected[0]:.12f}")
    print(f"  dE/de  through the loop {dE_de:.12f}   implicit function theorem {expected[1]:.12f}")

    assert abs(E - e * np.sin(E) - M) < 1e-12
    assert np.allclose((dE_dM, dE_de), expected, rtol=1e-9, atol=0.0)
    return {
        "E": float(E),
        "dE_dM": float(dE_dM),
        "dE_de": float(dE_de),
        "expected_dE_dM": float(expected[0]),
        "expected_dE_de": float(expected[1]),
    }


if __name__ == "__main__":
    main()
