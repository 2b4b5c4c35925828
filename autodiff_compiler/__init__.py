"""autodiff_compiler: gradients of ordinary numeric Python, compiled to readable Python and fast C."""

from typing import Any

from ._version import __version__
from .api import compile, grad, stop_gradient, value_and_grad, vjp
from .errors import CompileError, UnsupportedError
from .jacobians import jacobian

__all__ = [
    "grad", "value_and_grad", "vjp", "jacobian", "compile", "stop_gradient", "check_grads",
    "CompileError", "UnsupportedError", "__version__",
]  # fmt: skip


def check_grads(*args: Any, **kwargs: Any) -> None:
    """Compares compiled gradients with dual numbers and differences: see `testing.check_grads`."""
    from .testing import check_grads as check

    check(*args, **kwargs)
