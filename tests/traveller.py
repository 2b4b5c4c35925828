"""Functions that the tests of pickling send to other processes."""

import numpy as np

from autodiff_compiler import compile, grad, value_and_grad

SCALE = 2.0


def helper(x):
    return x * np.sin(x)


def plain(w, x):
    return np.sum(helper(w * x)) * SCALE


@value_and_grad(argnums=("w", "x"), backend="python")
def decorated(w, x):
    return np.sum(np.exp(w * x))


@grad
@grad
def curvature(x):
    return x**4


gradient = grad(plain)
doubled = compile(plain)


class Model:
    def __init__(self, scale):
        self.scale = scale

    def loss(self, w):
        return np.sum(helper(w)) * self.scale

    @grad(argnums="w")
    def slope(self, w):
        return np.sum(helper(w)) * self.scale


def with_aux(w):
    return np.sum(helper(w)), {"largest": np.max(w)}


def refused(x):
    with open("nowhere") as file:
        return x * len(file.read())
