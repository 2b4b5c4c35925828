"""PyTorch as a dialect of the Python back end: the same function as eager source, for contrast and as an oracle."""

from .dialect import TORCH, emit_torch
from .load import load_torch

__all__ = ["TORCH", "emit_torch", "load_torch"]
