"""Black-Scholes prices and greeks of a small book, and its calibration error."""

from collections import namedtuple
from math import exp, log, pi, sqrt

import numpy as np
from scipy.special import erf
from scipy.stats import norm

Greeks = namedtuple("Greeks", ["delta", "gamma", "vega", "theta"])


def N(x):
    return 0.5 * (1 + erf(x / np.sqrt(2)))


def n(x):
    return exp(-x * x / 2) / sqrt(2 * pi)


def bs_price(S, K, T, r, sigma, option_type="call"):
    if T <= 0:
        return max(S - K, 0.0) if option_type == "call" else max(K - S, 0.0)
    d1 = (log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * sqrt(T))
    d2 = d1 - sigma * sqrt(T)
    if option_type == "call":
        return S * N(d1) - K * exp(-r * T) * N(d2)
    elif option_type == "put":
        return K * exp(-r * T) * N(-d2) - S * N(-d1)
    else:
        raise ValueError(f"unknown option type: {option_type!r}")


def bs_greeks(S, K, T, r, sigma):
    d1 = (log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * sqrt(T))
    d2 = d1 - sigma * sqrt(T)
    delta = norm.cdf(d1)
    gamma = norm.pdf(d1) / (S * sigma * sqrt(T))
    vega = S * n(d1) * sqrt(T)
    theta = -S * n(d1) * sigma / (2 * sqrt(T)) - r * K * exp(-r * T) * N(d2)
    return Greeks(delta, gamma, vega, theta)


BOOK = ["call", "put", "call", "put", "call"]


def program(S, r, sigma, strikes, maturities, quotes):
    error = 0.0
    net_delta = net_gamma = 0.0
    for i, (K, T, kind) in enumerate(zip(strikes, maturities, BOOK)):
        price = bs_price(S, K, T, r, sigma, option_type=kind)
        error += (price - quotes[i]) ** 2
        if T > 0:
            g = bs_greeks(S, K, T, r, sigma)
            net_delta += g.delta
            net_gamma += g.gamma + 1e-3 * g.vega * g.theta
    return error / len(strikes) + 0.1 * (net_delta**2 + 100 * net_gamma)


def arguments():
    strikes = np.array([90.0, 95.0, 100.0, 110.0, 98.0])
    maturities = np.array([0.25, 0.5, 1.0, 2.0, 0.0])
    quotes = np.array([12.0, 4.0, 10.5, 17.0, 3.0])
    return 101.3, 0.03, 0.22, strikes, maturities, quotes
