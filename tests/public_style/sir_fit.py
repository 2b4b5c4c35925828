"""Fitting an SIR epidemic: Poisson likelihood of daily cases under an RK4-integrated model."""

import numpy as np
from scipy.special import expit, gammaln


def sir_rhs(y, t, N, beta, gamma):
    S, I, R = y
    dSdt = -beta(t) * S * I / N
    dIdt = beta(t) * S * I / N - gamma * I
    dRdt = gamma * I
    return dSdt, dIdt, dRdt


def odeint_rk4(rhs, y0, ts, args=()):
    ys = np.zeros((len(ts), len(y0)))
    ys[0] = y0
    for i in range(len(ts) - 1):
        h = ts[i + 1] - ts[i]
        y, t = ys[i], ts[i]
        k1 = np.array(rhs(y, t, *args))
        k2 = np.array(rhs(y + 0.5 * h * k1, t + 0.5 * h, *args))
        k3 = np.array(rhs(y + 0.5 * h * k2, t + 0.5 * h, *args))
        k4 = np.array(rhs(y + h * k3, t + h, *args))
        ys[i + 1] = y + (h / 6.0) * (k1 + 2 * k2 + 2 * k3 + k4)
    return ys


def program(theta, days, cases, population=1000.0):
    R0, gamma, I0, effect = np.exp(theta[0]), np.exp(theta[1]), np.exp(theta[2]), theta[3]
    lockdown = 4.0

    def beta(t):
        reduction = 1.0 - expit(effect) * expit(2.0 * (t - lockdown))
        return R0 * gamma * reduction

    y0 = population - I0, I0, 0.0
    S, I, R = odeint_rk4(sir_rhs, y0, days, args=(population, beta, gamma)).T
    incidence = -np.diff(S)
    if np.any(incidence <= 0):
        return np.inf
    expected = np.clip(incidence, 1e-6, None)
    log_lik = cases[1:] * np.log(expected) - expected - gammaln(cases[1:] + 1.0)
    prior = -0.5 * ((theta[1] - np.log(0.3)) / 0.2) ** 2 - 0.5 * effect**2
    return -(log_lik.sum() + prior)


def arguments():
    days = np.arange(10.0)
    cases = np.array([0.0, 2.0, 3.0, 6.0, 8.0, 9.0, 12.0, 11.0, 14.0, 12.0])
    return np.array([0.9, -1.1, 1.2, 0.4]), days, cases
