"""Time stepping, filters, processes."""

import math

import numpy as np

from .registry import program


@program(lambda r: (r.normal(size=8), 0.2, 5), (0, 1), second_order=True)
def heat(u0, k, steps):
    u = u0.copy()
    for _ in range(steps):
        u[1:-1] = u[1:-1] + k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u**2)


@program(lambda r: (r.normal(size=(5, 5)), 3))
def wave_on_a_plate(u, steps):
    previous = u.copy()
    current = u.copy()
    following = np.zeros_like(u)
    for _ in range(steps):
        laplacian = (
            current[2:, 1:-1]
            + current[:-2, 1:-1]
            + current[1:-1, 2:]
            + current[1:-1, :-2]
            - 4 * current[1:-1, 1:-1]
        )
        following[1:-1, 1:-1] = 2 * current[1:-1, 1:-1] - previous[1:-1, 1:-1] + 0.1 * laplacian
        previous, current, following = current, following, previous
    return (current**2).sum() + previous[2, 2]


@program(lambda r: (r.normal(size=6), 1.0, 0.1), (0, 1, 2))
def scalar_kalman_filter(z, p, q):
    x = 0.0
    score = 0.0
    for k in range(len(z)):
        p = p + q
        innovation = z[k] - x
        s = p + 0.5
        gain = p / s
        score += 0.5 * (math.log(s) + innovation**2 / s)
        x = x + gain * innovation
        p = (1 - gain) * p
    return score


@program(lambda r: (r.normal(size=(3, 2)), r.normal(size=(3, 2)) * 0.1), (0, 1))
def three_bodies(position, velocity):
    x, v = position.copy(), velocity.copy()
    for _ in range(3):
        force = np.zeros((3, 2))
        for i in range(3):
            for j in range(i + 1, 3):
                d = x[j] - x[i]
                f = d / (d @ d + 0.5) ** 1.5
                force[i] += f
                force[j] -= f
        v += 0.1 * force
        x += 0.1 * v
    return 0.5 * (v * v).sum() + x[0, 0]


@program(lambda r: (0.9, 0.4, 20), (0, 1), second_order=True)
def leapfrog(q, p, steps):
    dt = 0.1
    p -= 0.5 * dt * math.sin(q)
    for i in range(steps):
        q += dt * p
        if i < steps - 1:
            p -= dt * math.sin(q)
    return 0.5 * p * p - math.cos(q)


@program(
    lambda r: (np.array([0.9, 0.1, 0.2, 0.8]), np.array([0.7, 0.3]), np.array([0, 1, 1, 0, 1])),
    (0, 1),
)
def hidden_markov(flat, emission, observed):
    a = flat.reshape(2, 2)
    alpha = np.array([0.5, 0.5])
    score = 0.0
    for o in observed:
        b = emission if o == 0 else 1.0 - emission
        alpha = (alpha @ a) * b
        total = alpha.sum()
        alpha = alpha / total
        score += math.log(total)
    return score


@program(lambda r: (r.normal(size=10), 0.3, 0.5), (0, 1, 2))
def recursive_filter(x, a, b):
    y = np.zeros_like(x)
    for n in range(len(x)):
        y[n] = b * x[n]
        if n >= 1:
            y[n] += a * y[n - 1]
        if n >= 2:
            y[n] -= 0.1 * y[n - 2] * y[n - 1]
    return np.mean(y[2:] ** 2)


@program(lambda r: (1.0, 0.05, 0.2), (0, 1, 2))
def option_by_binomial_tree(price, rate, volatility):
    n = 6
    dt = 1.0 / n
    up = math.exp(volatility * math.sqrt(dt))
    chance = (math.exp(rate * dt) - 1 / up) / (up - 1 / up)
    values = np.empty(n + 1)
    for i in range(n + 1):
        values[i] = max(price * up ** (2 * i - n) - 0.95, 0.0)
    for step in range(n, 0, -1):
        for i in range(step):
            values[i] = math.exp(-rate * dt) * (chance * values[i + 1] + (1 - chance) * values[i])
    return values[0]


@program(lambda r: (r.normal(size=6), 0.1))
def gradient_descent_inside(x, rate):
    w = np.zeros(6)
    for _ in range(8):
        residual = w - x
        w = w - rate * (2 * residual + 0.1 * w**3)
    return np.sum((w - x) ** 2)


@program(lambda r: (1.1, 0.4, 0.1), (0, 1, 2))
def adaptive_euler(x, a, b):
    t = 0.0
    h = 0.25
    while t < 1.0:
        slope = a * x - b * x * x
        if abs(slope) * h > 0.1:
            h *= 0.5
            continue
        x += h * slope
        t += h
    return x
