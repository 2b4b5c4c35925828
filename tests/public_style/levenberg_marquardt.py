"""Levenberg-Marquardt for a sum of two exponentials with a hand-written Jacobian."""

import numpy as np


def model(p, t):
    a, k1, b, k2 = p
    return a * np.exp(-k1 * t) + b * np.exp(-k2 * t)


def residuals(p, t, y, w):
    return (model(p, t) - y) * w


def jacobian(p, t, w):
    a, k1, b, k2 = p
    J = np.empty((t.size, p.size))
    J[:, 0] = np.exp(-k1 * t)
    J[:, 1] = -a * t * np.exp(-k1 * t)
    J[:, 2] = np.exp(-k2 * t)
    J[:, 3] = -b * t * np.exp(-k2 * t)
    return J * w[:, None]


def levenberg_marquardt(p, t, y, w, lam=1e-2, max_iter=5, tol=1e-10):
    r = residuals(p, t, y, w)
    cost = 0.5 * r @ r
    for iteration in range(max_iter):
        J = jacobian(p, t, w)
        A = J.T @ J
        g = J.T @ r
        while True:
            step = np.linalg.solve(A + lam * np.diag(np.diag(A)), -g)
            p_new = p + step
            r_new = residuals(p_new, t, y, w)
            cost_new = 0.5 * np.sum(np.square(r_new))
            if cost_new < cost:
                lam = max(lam / 10, 1e-12)
                break
            lam *= 10
            if lam > 1e8:
                return p, cost
        converged = abs(cost - cost_new) < tol * (1 + cost)
        p, r, cost = p_new, r_new, cost_new
        if converged:
            break
    return p, cost


def program(p0, t, y, sigma):
    w = 1.0 / sigma
    p, cost = levenberg_marquardt(p0, t, y, w)
    prior = np.sum((p - np.array([2.0, 1.0, 1.0, 0.2])) ** 2 / 0.5**2)
    return 2 * cost / (len(t) - len(p)) + 0.05 * prior


def arguments():
    rng = np.random.default_rng(8)
    t = np.linspace(0.0, 6.0, 15)
    y = 2.1 * np.exp(-1.3 * t) + 0.9 * np.exp(-0.25 * t) + 0.02 * rng.standard_normal(15)
    return np.array([1.5, 0.9, 1.2, 0.4]), t, y, 0.1 + 0.05 * rng.random(15)
