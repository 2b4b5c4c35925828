"""`ops`: the table of ops with their derivatives, as Markdown: `docs/ops.md` is what it prints."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from ..backends.formulas import Formula
from ..backends.python import emit_python
from ..frontend.catalogue import written_in_others
from ..ir.build import Builder
from ..ir.graph import Function
from ..ir.op import NON_DIFFERENTIABLE, TABLE, Op
from ..ir.types import BOOL, F32, F64, I32, I64, Array, Scalar, Type
from ..transforms.expr import Expr
from ..transforms.simplify import simplify
from .faults import exit_codes
from .output import write_stdout

__all__ = ["add_parser", "page"]

_LEAD = """\
# Ops

Printed by `python -m autodiff_compiler ops`; do not edit. One line for each op of the compiler's
intermediate form: what users write for it, the dtypes that it takes, and its derivative as the
compiler writes it. There `x`, `y`, `z` are the operands, `out` is the result and `g` the
cotangent of the result; each operand gets its own, in their order. Broadcasting is undone
afterwards. Every op runs in both back ends. The last column says where a derivative does not exist,
and what is taken there; [the table of kinks](language.md#kinks) says it of all functions.
"""
_KINDS = {
    "elementwise": "Elementwise", "reduce": "Reductions", "contract": "Products",
    "linalg": "Linear algebra", "shape": "Shapes", "create": "Making arrays", "index": "Parts of arrays",
    "order": "Order",
}  # fmt: skip
_FLOAT, _ANY = (F64, F32), (F64, F32, I64, I32, BOOL)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "ops",
        help="the table of ops with their derivatives, as Markdown",
        description="Every op of the compiler with its derivative, as the table that docs/ops.md holds.",
        epilog=exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    write_stdout(page(), "markdown", "never")
    return 0


def page() -> str:
    parts = [_LEAD]
    for kind in dict.fromkeys(op.kind for op in TABLE.values()):
        if kind in _KINDS:
            rows = [_row(op) for op in TABLE.values() if op.kind == kind]
            parts.append(_table(_KINDS[kind], rows))
    parts.append(_others())
    return "\n".join(parts)


def _table(title: str, rows: Iterable[Sequence[str]]) -> str:
    head = ["op", "written as", "dtypes", "derivative", "where there is none"]
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([*lines, ""])


def _row(op: Op) -> tuple[str, str, str, str, str]:
    spelled = ", ".join(f"`{s}`" for s in op.spellings)
    kinks = "; ".join(f"{kink.at}: {kink.slope}" for kink in op.kinks)
    return f"`{op.name}`", spelled, _dtypes(op), _derivative(op), kinks


def _others() -> str:
    lines = [
        "## Made of these",
        "",
        "Functions that no single op does: the front end writes them with several.",
    ]
    for module, names in written_in_others().items():
        lines += ["", f"`{module}`: {', '.join(f'`{name}`' for name in names)}"]
    return "\n".join([*lines, ""])


# --- dtypes -----------------------------------------------------------------------------------


def _arity(op: Op) -> int:
    text = str(op.numpy) + str(op.c)
    if op.infix:
        return 2
    return max((k + 1 for k, letter in enumerate("xyz") if "{" + letter + "}" in text), default=1)


def _dtypes(op: Op) -> str:
    if op.kind != "elementwise":
        return ""
    taken = [d for d in _ANY if _takes(op, d)]
    if taken == list(_ANY):
        return "all"
    return ", ".join(taken)


def _takes(op: Op, dtype: str) -> bool:
    types: list[Type] = [Scalar(dtype)] * _arity(op)
    if op.name == "select":
        types = [Scalar(BOOL), Scalar(dtype), Scalar(dtype)]
    try:
        op.infer({"dtype": F64}, *types)
    except TypeError:
        return False
    return True


# --- derivatives ------------------------------------------------------------------------------


def _derivative(op: Op) -> str:
    if op.vjp is NON_DIFFERENTIABLE:
        return "0"
    if op.vjp is None:
        return "refused" if op.kind in ("elementwise", "reduce") else "by the reverse pass"
    if op.kind != "elementwise":
        return _on_sample(op)
    names = "xyz"[: _arity(op)]
    attrs = {"dtype": F64} if op.name == "cast" else {}
    rule = op.vjp(Formula("g"), Formula("out"), *map(Formula, names), **attrs)
    texts = [str(x) for x in rule if x is not None]
    return ", ".join(f"`{t}`" for t in texts)


_VECTOR, _MATRIX, _ROW = Array(F64, (None,)), Array(F64, (None, None)), Array(F64, (1, None))
_SIZE = Scalar(I64)
#: Operands and attributes for which the rules of other kinds are shown.
_SAMPLES: dict[str, tuple[tuple[Type, ...], dict[str, Any]]] = {
    "sum": ((_MATRIX,), {"axes": (1,)}), "max": ((_MATRIX,), {"axes": (1,)}),
    "min": ((_MATRIX,), {"axes": (1,)}), "matmul": ((_MATRIX, _MATRIX), {}),
    "transpose": ((_MATRIX,), {"perm": (1, 0)}), "expand_dims": ((_VECTOR,), {"axes": (0,)}),
    "squeeze": ((_ROW,), {"axes": (0,)}), "copy": ((_VECTOR,), {}),
}  # fmt: skip


def _on_sample(op: Op) -> str:
    """The rule as the Python back end prints it for operands of one shape."""
    if op.name not in _SAMPLES:
        return "by a rule of its own"
    types, attrs = _SAMPLES[op.name]
    b = Builder()
    operands = [b.function_param(t, n) for t, n in zip(types, "xyz")]
    (result,) = op.infer(attrs, *types)
    cotangent, out = b.function_param(result, "g"), b.function_param(result, "out")
    exprs = [Expr.of(b, v) for v in (cotangent, out, *operands)]
    made = [e.value for e in op.vjp(*exprs, **attrs) if e is not None]
    function = Function("rule", b.close([*operands, cotangent, out], made))
    lines = emit_python(simplify(function), "rule", pretty=False).raw.split("\n")
    body = [line.strip().removeprefix("return ") for line in lines[lines.index("") :]]
    shown = [line.removesuffix(".copy()") for line in body if line and line[:4] != "def "]
    given = ", ".join(f"{k}={v}" for k, v in attrs.items())
    return "; ".join(f"`{line}`" for line in shown) + (f" with `{given}`" if given else "")
