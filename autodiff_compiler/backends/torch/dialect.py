"""What PyTorch's eager Python settles in its own way.

Floats are tensors, numbers too: those have no dims. Integers and booleans that are no arrays are
Python's own. A literal stands bare beside a tensor, which decides its dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...ir.graph import Function, Node, Value
from ...ir.types import FLOATS, I32, I64, Array, Scalar, Type
from ..python.copies import Fixes
from ..python.dialect import Dialect
from ..python.emit import PythonSource, emit_python
from ..python.expressions import Choice, Expressions
from ..python.program import Needed, Program
from ..python.sharing import Sharing
from .expressions import TorchExpressions
from .keeping import keep
from .statements import TorchStatements


class TorchDialect(Dialect):
    """Spellings from `Op.torch`; an element of an array is a window on it, and tensors that the
    recorded graph keeps must not be overwritten."""

    module = "torch"
    keeps_arguments = True
    tells_return = True

    def spelling(self, node: Node) -> str | Mapping[str, str] | None:
        """The text for PyTorch, or that for NumPy where it names no function."""
        op = node.op
        if op.torch is not None:
            return op.torch
        texts = op.numpy.values() if isinstance(op.numpy, Mapping) else [op.numpy or ""]
        return None if any("np." in text for text in texts) else op.numpy

    def head(self, nodes: Iterable[Node]) -> tuple[Sequence[str], Mapping[str, str]]:
        return ["import torch"], {}

    def holds_memory(self, type: Type) -> bool:
        return isinstance(type, Array) or (isinstance(type, Scalar) and type.dtype in FLOATS)

    def windows(self, node: Node) -> Sequence[Value]:
        if node.op.kind == "elementwise" and " if " in str(self.spelling(node)):
            # A ternary gives one of its arms itself; arrays are chosen from element by element.
            scalar = node.results[0].type == node.operands[1].type and not node.results[0].type.rank
            return [v for v in node.operands[1:] if scalar and self.holds_memory(v.type)]
        return super().windows(node)

    def passes_on(self, node: Node) -> bool:
        return self.spelling(node) in ("{x}", "{x}.detach()")

    def read_late(self, node: Node) -> list[int]:
        """A tensor may not be copied into a part of itself."""
        late = super().read_late(node)
        if node.op.name in ("store", "add_at") and 1 not in late:
            late += [1] if self.holds_memory(node.operands[1].type) else []
        return late

    def keep(self, program: Program, sharing: Sharing, needed: Needed, fixes: Fixes) -> None:
        keep(program, sharing, needed, fixes)

    def numbers(self, program: Program) -> Any:
        return TorchNumbers()

    def expressions(
        self, program: Program, numbers: Any, choice: Choice, name: Callable[[Value], str]
    ) -> Expressions:
        return TorchExpressions(program, numbers, choice, name)

    def statements(
        self, program: Program, expressions: Expressions, checks: Mapping[Node, int]
    ) -> TorchStatements:
        return TorchStatements(program, expressions, checks)


class TorchNumbers:
    """Which numbers are Python's own: integers; a boolean may be either."""

    def python(self, value: Value) -> bool:
        return isinstance(value.type, Scalar) and value.type.dtype in (I64, I32)

    def numpy(self, value: Value) -> bool:
        return not self.python(value)


TORCH = TorchDialect()


def emit_torch(
    function: Function, name: str, param_names: Sequence[str] | None = None, pretty: bool = True
) -> PythonSource:
    """The function as eager PyTorch. Raises UnsupportedError, with the line, for an op without a
    spelling there."""
    return emit_python(function, name, param_names, pretty=pretty, dialect=TORCH)
