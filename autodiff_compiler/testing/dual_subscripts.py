"""`np.r_` and `np.c_` of dual numbers: their pieces, joined as NumPy describes it."""

from __future__ import annotations

import numpy as np

from .dual_core import FUNCTIONS, OracleError, from_lists, primal


class Joined:
    def __init__(self, columns):
        self._columns = columns

    def __getitem__(self, key):
        pieces = [from_lists(x) for x in (key if isinstance(key, tuple) else (key,))]
        if any(isinstance(x, (slice, str)) for x in pieces):
            raise OracleError("np.r_ and np.c_ of slices")
        ranks = {np.ndim(primal(x)) for x in pieces}
        if self._columns:
            return FUNCTIONS["column_stack"](pieces)
        name = "hstack" if max(ranks) <= 1 else "concatenate"
        return FUNCTIONS[name](pieces)


def stand_in(x):
    """The stand-in for `np.r_` or `np.c_`; None for anything else."""
    return Joined(x is np.c_) if x is np.r_ or x is np.c_ else None
