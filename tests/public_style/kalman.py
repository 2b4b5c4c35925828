"""A linear Kalman filter's log likelihood, as a tutorial on tracking writes it."""

import numpy as np
from numpy.linalg import inv


def predict(x, P, F, Q):
    x = F @ x
    P = F @ P @ F.T + Q
    return x, P


def update(x, P, z, H, R):
    y = z - H @ x
    S = H @ P @ H.T + R
    K = P @ H.T @ inv(S)
    x = x + K @ y
    P = (np.eye(len(x)) - K @ H) @ P
    sign, logdet = np.linalg.slogdet(2 * np.pi * S)
    if sign <= 0:
        raise ValueError(f"innovation covariance is not positive definite: {S}")
    ll = -0.5 * (logdet + y.T @ inv(S) @ y)
    return x, P, ll


def program(params, zs, dt=0.1):
    """Constant-velocity model in one dimension; params holds the log standard deviations."""
    q = np.exp(params["log_q"])
    r = np.exp(params["log_r"])
    F = np.array([[1.0, dt], [0.0, 1.0]])
    G = np.array([[0.5 * dt**2], [dt]])
    Q = G @ G.T * q**2
    H = np.array([[1.0, 0.0]])
    R = np.array([[r**2]])

    x = params["x0"]
    P = np.diag([1.0, 1.0])
    loglik = 0.0
    for z in zs:
        x, P = predict(x, P, F, Q)
        x, P, ll = update(x, P, np.array([z]), H, R)
        loglik += ll
    return -loglik


def arguments():
    rng = np.random.default_rng(0)
    t = np.arange(12) * 0.1
    zs = 0.3 + 1.2 * t + 0.1 * rng.standard_normal(12)
    params = {"log_q": 0.2, "log_r": -1.5, "x0": np.array([0.1, 0.8])}
    return params, zs
