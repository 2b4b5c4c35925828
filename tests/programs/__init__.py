"""Numeric programs in the style people write, each differentiated by every test that has an oracle."""

from . import (  # noqa: F401
    applications,
    arrays,
    containers,
    containers_wide,
    control,
    functions,
    inplace,
    integers,
    language_wide,
    linear_algebra,
    loops,
    masks,
    mixtures,
    objects,
    reshapes,
    second_order,
    simulation,
    views,
)
from .registry import PROGRAMS, Program

__all__ = ["PROGRAMS", "Program"]
