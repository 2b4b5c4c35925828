"""Which values carry a derivative: those that depend on the chosen parameters (varied) and on which
the chosen results depend (useful)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import UnsupportedError
from ..ir.graph import (
    COND,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.op import NON_DIFFERENTIABLE
from ..ir.types import is_float
from .shifts import constant_shifts

#: Kinds whose reverse stands in the pass itself, by construct.
STRUCTURAL = ("index", "stack", "control", "check")


def passes_derivative(node: Node) -> bool:
    """Is there a derivative from the operands to the results (or should there be one)?"""
    return node.op.vjp is not NON_DIFFERENTIABLE


def active_values(function: Function, wrt: Iterable[Value], results: Iterable[Value]) -> set[Value]:
    """The values that are both varied and useful. Raises UnsupportedError, with the user's line,
    where an active op has no derivative."""
    varied = varied_values(function, wrt)
    useful = {v for v in results if is_float(v.type)}
    _until_stable(useful, lambda: _useful(function.block, useful))
    _refuse_missing(function.block, varied)
    return varied & useful


def varied_values(function: Function, wrt: Iterable[Value]) -> set[Value]:
    """The values that depend on `wrt` through derivatives, whether or not a result depends on them;
    of extremes those that do not only shift."""
    varied = {v for v in wrt if is_float(v.type)}
    constant = constant_shifts(function)
    _until_stable(varied, lambda: _varied(function.block, varied, constant))
    return varied


def _until_stable(marked: set[Value], step: Callable[[], None]) -> None:
    size = -1
    while size != len(marked):
        size = len(marked)
        step()


def _varied(block: Block, varied: set[Value], constant: set[Value]) -> None:
    for node in block.nodes:
        if node.op is COND:
            for inner in node.blocks:
                _varied(inner, varied, constant)
                _flow(inner.results, node.results, varied)
        elif node.op is FOR or node.op is WHILE:
            _flow(carried_init(node), slot_params(node), varied)
            _varied(node.blocks[-1], varied, constant)
            _flow(slot_yields(node), slot_params(node), varied)
            _flow(slot_params(node), node.results, varied)
        elif passes_derivative(node) and any(v in varied for v in node.operands):
            varied.update(r for r in node.results if is_float(r.type) and r not in constant)


def _useful(block: Block, useful: set[Value]) -> None:
    for node in reversed(block.nodes):
        if node.op is COND:
            for inner in node.blocks:
                _flow(node.results, inner.results, useful)
                _useful(inner, useful)
        elif node.op is FOR or node.op is WHILE:
            _flow(node.results, slot_yields(node), useful)
            _flow(slot_params(node), slot_yields(node), useful)
            _useful(node.blocks[-1], useful)
            _flow(slot_params(node), carried_init(node), useful)
            _flow(node.results, carried_init(node), useful)
        elif passes_derivative(node) and any(r in useful for r in node.results):
            useful.update(v for v in node.operands if is_float(v.type))


def _flow(source: Iterable[Value], target: Iterable[Value], marked: set[Value]) -> None:
    for s, t in zip(source, target, strict=True):
        if s in marked and is_float(t.type):
            marked.add(t)


def _refuse_missing(block: Block, varied: set[Value]) -> None:
    """Refuses an op without a derivative that a derivative comes to, though it may end there (in an
    integer): `round` is no constant."""
    for node in block.nodes:
        for inner in node.blocks:
            _refuse_missing(inner, varied)
        if node.op.vjp is None and node.op.kind not in STRUCTURAL:
            if any(v in varied for v in node.operands):
                raise UnsupportedError(
                    f"`{node.op.name}` has no derivative, and its argument carries one",
                    node.span,
                    "wrap the argument in stop_gradient() if it is to count as a constant",
                )
