# The gradient of final_energy(position, velocity, dt, steps) in leapfrog.py, by position and velocity.
# Types as given: position: f64[n], velocity: f64[n], steps: i64
# Types assumed, for none were given: dt: f64

import numpy as np


def grad_final_energy(position, velocity, dt, steps):
    n = position.shape[0]
    velocity_n0 = velocity.shape[0]
    tape_x = []
    # line 5: x, v = position.copy(), velocity.copy()
    x = position.copy()
    v = velocity.copy()
    for _ in range(steps):  # line 6
        # line 7: v -= 0.5 * dt * x**3
        t = 0.5 * dt
        if velocity_n0 != n:
            raise ArithmeticError("check 0: operands could not be broadcast together")
        v[:] = v - t * x**3.0
        # line 8: x += dt * v
        if n != velocity_n0:
            raise ArithmeticError("check 1: operands could not be broadcast together")
        tape_x.append(x.copy())
        x[:] = x + dt * v
        # line 9: v -= 0.5 * dt * x**3
        v[:] = v - t * x**3.0
    # line 10: return 0.5 * np.sum(v * v) + 0.25 * np.sum(x**4)
    d_x = x**3.0
    d_v = 0.5 * v
    d_v = d_v + d_v
    # line 6: for _ in range(steps):
    for _ in range(steps - 1, -1, -1):
        # line 9: v -= 0.5 * dt * x**3
        d_v_1 = d_v.copy()
        d_v[:] = 0.0
        d_v = d_v + d_v_1
        t_1 = 0.5 * dt
        d_x = d_x - d_v_1 * t_1 * 3.0 * x**2.0
        # line 8: x += dt * v
        d_x_1 = d_x.copy()
        d_x[:] = 0.0
        x[:] = tape_x.pop()
        d_x = d_x + d_x_1
        d_v = d_v + d_x_1 * dt
        # line 7: v -= 0.5 * dt * x**3
        d_v_1 = d_v.copy()
        d_v[:] = 0.0
        d_v = d_v + d_v_1
        d_x = d_x - d_v_1 * t_1 * 3.0 * x**2.0
    return d_x, d_v
