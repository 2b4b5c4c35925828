import numpy as np


def final_energy(position, velocity, dt, steps):
    x, v = position.copy(), velocity.copy()
    for _ in range(steps):
        v -= 0.5 * dt * x**3
        x += dt * v
        v -= 0.5 * dt * x**3
    return 0.5 * np.sum(v * v) + 0.25 * np.sum(x**4)
