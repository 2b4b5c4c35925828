"""Numeric programs in the style people write, each differentiated by every test that has an oracle."""

from . import (  # noqa: F401
    applications,
    arrays,
    containers,
    containers_wide,
    contraction,
    control,
    functions,
    inplace,
    integers,
    language_wide,
    linalg,
    linear_algebra,
    loops,
    masks,
    mixtures,
    numpy_width,
    objects,
    reshapes,
    second_order,
    simulation,
    special,
    views,
)
from .registry import PROGRAMS, Program

__all__ = ["PROGRAMS", "Program"]
