# The gradient of misfit(u0, conductivity, target, steps) in heat_stepper.py, by u0 and conductivity.
# Types as given: u0: f64[n], target: f64[n], steps: i64
# Types assumed, for none were given: conductivity: f64

import numpy as np


def grad_misfit(u0, conductivity, target, steps):
    tape_u = []
    u = u0.copy()  # line 5
    for _ in range(steps):  # line 6
        # line 7: u[1:-1] += conductivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        tape_u.append(u[1:-1].copy())
        u[1:-1] += conductivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    # line 8: return np.sum((u - target) ** 2)
    if u0.shape[0] != target.shape[0]:
        raise ArithmeticError("check 0: operands could not be broadcast together")
    t = u - target
    d_u = t + t
    d_conductivity = 0.0
    # line 6: for _ in range(steps):
    for _ in range(steps - 1, -1, -1):
        # line 7: u[1:-1] += conductivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        t_1 = d_u[1:-1]
        u[1:-1] = tape_u.pop()
        d_conductivity += np.sum(t_1 * (u[2:] - 2.0 * u[1:-1] + u[:-2]))
        t_2 = t_1 * conductivity
        d_u[:-2] += t_2
        d_u[2:] += t_2
        d_u[1:-1] -= t_2 * 2.0
    return d_u, d_conductivity
