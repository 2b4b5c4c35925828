"""Numeric programs in the style people write, each differentiated by every test that has an oracle."""

from . import (  # noqa: F401
    arrays,
    containers,
    contraction,
    control,
    functions,
    inplace,
    integers,
    linalg,
    linear_algebra,
    loops,
    masks,
    mixtures,
    numpy_width,
    second_order,
    simulation,
    special,
    views,
)
from .registry import PROGRAMS, Program

__all__ = ["PROGRAMS", "Program"]
