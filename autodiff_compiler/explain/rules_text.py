"""What a node with arrays does to adjoints, as a line of NumPy: `d_w = x.T @ d_z`.

It is the local rule, printed by the Python back end, so the sums that undo broadcasting are in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..backends.python import emit_python
from ..ir.build import Builder
from ..ir.graph import Function, Node, Value
from ..ops.index import add_at, load, store
from ..ops.shape import copy
from ..transforms.simplify import simplify
from .adjoints import local_rule

__all__ = ["adjoint_lines", "defining_text"]

_MARK = re.compile(r"\badc_(\d+)_(?:_\d+)?")
_LONGEST = 140
#: Lines that may stand behind a rule, for the sizes that it uses.
_GIVEN = 3


def adjoint_lines(node: Node, name: Callable[[Value], str], index: str) -> dict[int, str]:
    """Per operand: the statement that gives its adjoint, or what it adds to it. `name`: labels;
    `index`: the subscript of a load or a store."""
    if node.op is load:
        return {0: f"d_{name(node.operands[0])}{index} += d_{name(node.result)}"}
    if node.op is store or node.op is add_at:
        base, v = node.operands[:2]
        part = f"d_{name(node.result)}{index}"
        whole = f"{part} = 0" if node.op is store else f"d_{name(base)} = d_{name(node.result)}"
        return {0: whole, 1: f"d_{name(v)} = {part}"}
    if node.op.kind == "stack":
        return _of_lists(node, name)
    rule = local_rule(node, [True] * len(node.results), [None] * len(node.results))
    marks = _Marks(name)
    params = [marks.new(name(v)) for v in rule.inputs]
    params += [marks.new(f"d_{name(r)}") for r in node.results]
    out = {}
    for k, (operand, _) in enumerate(rule.outputs):
        block = rule.function.block
        one = Function("rule", type(block)(block.params, block.nodes, (block.results[k],)))
        lines = _body(simplify(one), params)
        *before, last = _joined(lines)
        given = f" with {'; '.join(before)}" if before else ""
        text = marks.back(f"{last}{given}")
        out[operand] = f"d_{name(node.operands[operand])} = {text}"
        if len(text) > _LONGEST or len(before) > _GIVEN:
            out[operand] = f"the rule of `{node.op.name}`"
    return out


def _of_lists(node: Node, name: Callable[[Value], str]) -> dict[int, str]:
    """What ops on lists that grow do: adjoints of lists are lists."""
    s, out = f"d_{name(node.operands[0])}", f"d_{name(node.results[0])}"
    kind = node.op.name
    if kind == "push":
        return {0: f"{s} = {out}[:-1]", 1: f"d_{name(node.operands[1])} = {out}[-1]"}
    if kind == "pop":
        return {0: f"{s} = {out} + [d_{name(node.results[1])}]"}
    if kind == "peek":
        return {0: f"{s}[{name(node.operands[1])}] += {out}"}
    if kind == "poke":
        part = f"{out}[{name(node.operands[2])}]"
        return {0: f"{part} = 0", 1: f"d_{name(node.operands[1])} = {part}"}
    return {0: f"{s} = {'list' if kind == 'to_array' else 'np.array'}({out})"}


def defining_text(
    node: Node, name: Callable[[Value], str], constants: Callable[[Value], object]
) -> str:
    """An op of one result applied to labels, as the Python back end prints it."""
    b = Builder()
    marks, names, params, operands = _Marks(name), [], [], []
    for v in node.operands:
        known = constants(v)
        if known is not None:
            operands.append(b.const(known, v.type.dtype))  # type: ignore[arg-type]
        else:
            operands.append(b.function_param(v.type, ""))
            params.append(operands[-1])
            names.append(marks.new(name(v)))
    result = b.emit(node.op, *operands, **node.attrs)
    lines = _body(Function("made", b.close(params, [result])), names)
    if node.op is copy:
        lines = [f"{line}.copy()" for line in lines]
    text = marks.back("; ".join(lines))
    return text if len(lines) == 1 and len(text) <= _LONGEST else ""


def _body(function: Function, names: Sequence[str]) -> list[str]:
    """The statements that the back end prints, the value of the last one bare."""
    raw = emit_python(function, "rule", names, pretty=False).raw.split("\n")
    start = next(k for k, line in enumerate(raw) if line.startswith("def rule("))
    body = [line.strip() for line in raw[start + 1 :] if line.strip()]
    return [line.removeprefix("return ").removesuffix(".copy()") for line in body]


def _joined(lines: list[str]) -> list[str]:
    """The last line a value, where it is only the name of the one before."""
    if len(lines) > 1 and lines[-2].startswith(f"{lines[-1]} = "):
        return [*lines[:-2], lines[-2].removeprefix(f"{lines[-1]} = ")]
    return lines


class _Marks:
    """Identifiers that stand for labels, which need not be identifiers, until the text is made."""

    def __init__(self, name: Callable[[Value], str]):
        self.labels: list[str] = []

    def new(self, label: str) -> str:
        self.labels.append(label)
        return f"adc_{len(self.labels) - 1}_"

    def back(self, text: str) -> str:
        return _MARK.sub(lambda m: self.labels[int(m[1])], text)
