"""The forward pass of a hidden Markov model with Gaussian emissions, in log space."""

import numpy as np
from scipy.special import logsumexp


def log_normalize(logits, axis=-1):
    return logits - logsumexp(logits, axis=axis, keepdims=True)


def gaussian_logpdf(x, mu, sigma):
    return -0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2.0 * np.pi)


def forward(log_pi, log_A, log_B):
    T, K = log_B.shape
    log_alpha = np.full((T, K), -np.inf)
    log_alpha[0] = log_pi + log_B[0]
    for t in range(1, T):
        for k in range(K):
            log_alpha[t, k] = logsumexp(log_alpha[t - 1] + log_A[:, k]) + log_B[t, k]
    return log_alpha


def program(params, observations):
    log_pi = log_normalize(params["pi_logits"])
    log_A = log_normalize(params["A_logits"], axis=1)
    mu, sigma = params["mu"], np.exp(params["log_sigma"])
    n_states = mu.shape[0]
    if log_A.shape != (n_states, n_states):
        raise ValueError(f"expected a {n_states}x{n_states} transition matrix, got {log_A.shape}")
    log_B = gaussian_logpdf(observations[:, None], mu[None, :], sigma[None, :])
    log_alpha = forward(log_pi, log_A, log_B)
    return -logsumexp(log_alpha[-1])


def arguments():
    rng = np.random.default_rng(2)
    params = {
        "pi_logits": rng.normal(size=3),
        "A_logits": rng.normal(size=(3, 3)) + 2.0 * np.eye(3),
        "mu": np.array([-2.0, 0.1, 1.7]),
        "log_sigma": np.array([-0.2, 0.1, 0.3]),
    }
    observations = np.concatenate([rng.normal(-2.0, 1.0, 5), rng.normal(1.5, 1.0, 6)])
    return params, observations
