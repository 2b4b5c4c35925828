"""The marginal likelihood of a Gaussian process and its prediction, after Rasmussen's Algorithm 2.1."""

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular


def rbf(X1, X2, length_scale=1.0, variance=1.0):
    sqdist = np.sum(X1**2, 1).reshape(-1, 1) + np.sum(X2**2, 1) - 2 * np.dot(X1, X2.T)
    return variance * np.exp(-0.5 / length_scale**2 * sqdist)


def periodic(X1, X2, period, length_scale):
    d = np.abs(X1[:, None, 0] - X2[None, :, 0])
    return np.exp(-2 * np.sin(np.pi * d / period) ** 2 / length_scale**2)


KERNELS = {"rbf": rbf, "periodic": periodic}


def negative_log_likelihood(theta, X, y, noise=1e-2):
    K = KERNELS["rbf"](X, X, length_scale=theta[0], variance=theta[1] ** 2)
    K += 0.3 * KERNELS["periodic"](X, X, theta[2], theta[3])
    K[np.diag_indices_from(K)] += noise
    L = cholesky(K, lower=True)
    alpha = cho_solve((L, True), y)
    nll = 0.5 * y.dot(alpha)
    nll += np.sum(np.log(np.diagonal(L)))
    nll += 0.5 * len(X) * np.log(2 * np.pi)
    return nll, L, alpha


def program(theta, X, y, X_test, y_test):
    nll, L, alpha = negative_log_likelihood(theta, X, y)
    K_s = rbf(X, X_test, length_scale=theta[0], variance=theta[1] ** 2)
    K_s = K_s + 0.3 * periodic(X, X_test, theta[2], theta[3])
    mu = K_s.T.dot(alpha)
    v = solve_triangular(L, K_s, lower=True)
    var = theta[1] ** 2 + 0.3 - np.einsum("ij,ij->j", v, v)
    lpd = -0.5 * np.log(2 * np.pi * var) - 0.5 * (y_test - mu) ** 2 / var
    return nll - lpd.mean()


def arguments():
    rng = np.random.default_rng(6)
    X = np.linspace(-3.0, 3.0, 9).reshape(-1, 1)
    y = np.sin(X).ravel() + 0.1 * rng.standard_normal(9)
    X_test = np.array([[-2.2], [0.4], [2.6]])
    return np.array([1.1, 0.9, 2.3, 1.3]), X, y, X_test, np.sin(X_test[:, 0])
