"""Checks for derivatives: `check_grads`, and the references it compares with.

Nothing here uses the compiler's rules.  The references run the user's own function, on dual numbers or on
shifted arguments.
"""

from .checks import check_grads
from .dual_core import OracleError
from .oracles import (
    dot_product_sides,
    grad_dual,
    grad_numeric,
    hessian_dual,
    hvp_dual,
    jvp_dual,
    value_and_grad_dual,
)
from .report import Report, gradient_report

__all__ = [
    "OracleError",
    "Report",
    "check_grads",
    "dot_product_sides",
    "grad_dual",
    "grad_numeric",
    "gradient_report",
    "hessian_dual",
    "hvp_dual",
    "jvp_dual",
    "value_and_grad_dual",
]
