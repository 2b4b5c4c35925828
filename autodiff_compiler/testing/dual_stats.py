"""`scipy.stats.norm` for dual numbers: its definitions, with `scipy.special`'s functions of duals."""

from __future__ import annotations

import math
import sys

import numpy as np

from .dual_core import from_lists, is_array
from .dual_special import special


def is_norm(x):
    module = sys.modules.get("scipy.stats")
    return module is not None and x is getattr(module, "norm", None)


def _double(x):
    x = from_lists(x)
    return x if is_array(x) else np.multiply(x, 1.0)


def _standard(x, loc, scale):
    return np.divide(np.subtract(_double(x), _double(loc)), _double(scale))


class Norm:
    __name__ = "norm"

    def pdf(self, x, loc=0, scale=1):
        z = _standard(x, loc, scale)
        bell = np.exp(np.multiply(np.multiply(z, z), -0.5))
        return np.divide(bell, np.multiply(_double(scale), math.sqrt(2 * math.pi)))

    def logpdf(self, x, loc=0, scale=1):
        z = _standard(x, loc, scale)
        level = np.add(np.log(_double(scale)), 0.5 * math.log(2 * math.pi))
        return np.subtract(np.multiply(np.multiply(z, z), -0.5), level)

    def cdf(self, x, loc=0, scale=1):
        return special().ndtr(_standard(x, loc, scale))

    def sf(self, x, loc=0, scale=1):
        return special().ndtr(np.negative(_standard(x, loc, scale)))

    def logcdf(self, x, loc=0, scale=1):
        return special().log_ndtr(_standard(x, loc, scale))

    def logsf(self, x, loc=0, scale=1):
        return special().log_ndtr(np.negative(_standard(x, loc, scale)))

    def ppf(self, q, loc=0, scale=1):
        return np.add(np.multiply(special().ndtri(_double(q)), _double(scale)), _double(loc))

    def isf(self, q, loc=0, scale=1):
        z = np.negative(special().ndtri(_double(q)))
        return np.add(np.multiply(z, _double(scale)), _double(loc))
