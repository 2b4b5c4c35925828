"""Updates as PyTorch writes them."""

from __future__ import annotations

from ...ir.graph import COND, Node, Value
from ...ir.types import FLOATS
from ..python.statements import Statements
from .expressions import TorchExpressions
from .subscripts import TorchSubscripts


class TorchStatements(Statements):
    def _augmented(self, target: str, value: Value) -> str | None:
        """`s += x` would write into a tensor that others may hold; integers are Python's own."""
        return None if value.type.dtype in FLOATS else super()._augmented(target, value)

    def _store(self, node: Node) -> str:
        subscripts = self.expressions.subscripts
        assert isinstance(subscripts, TorchSubscripts)
        turned = subscripts.turned(node.operands[0], node.attrs["index"], node.operands[2:], node)
        if not turned:
            return super()._store(node)
        value = self.expressions.value(node.operands[1], weak=True)
        if not node.operands[1].type.rank:
            return f"{self._place(node)} = {value}"
        return f"{self._place(node)} = {value.at(100)}.flip({', '.join(map(str, turned))})"

    def _updated(self, node: Node, place: str) -> str | None:
        """`a[i] += v`, but for a `v` that may be a part of `a`: NumPy reads such a part first."""
        maker = self.program.maker(self.program.of(node.operands[1]))
        if maker is None or not all(map(self._apart, maker.operands[1:])):
            return None
        return super()._updated(node, place)

    def _apart(self, value: Value) -> bool:
        """Is it certainly a tensor of its own, or none?"""
        if not self.program.dialect.holds_memory(value.type):
            return True
        maker = self.program.maker(self.program.of(value))
        if maker is None or maker.op is COND or maker.op.consumes is not None:
            return False
        return not self.program.dialect.windows(maker)

    def _add_at(self, node: Node) -> str:
        subscripts = self.expressions.subscripts
        assert isinstance(subscripts, TorchSubscripts)
        base, letters = node.operands[0], node.attrs["index"]
        if "a" not in letters:
            if subscripts.turned(base, letters, node.operands[2:], node):
                raise subscripts.no_spelling("an addition to a reversed slice", node)
            return super()._add_at(node)
        expressions = self.expressions
        assert isinstance(expressions, TorchExpressions)
        index = subscripts.tensors(base, letters, node.operands[2:], node)
        array, value = self.expressions.tight(base), expressions.tensor(node.operands[1])
        if "None" in index:
            where = f"[{', '.join(index)}]"
            return f"torch.ops.aten.index_put_({array}, {where}, {value}, True)"
        where = f"({index[0]},)" if len(index) == 1 else f"({', '.join(index)})"
        return f"{array}.index_put_({where}, {value}, accumulate=True)"
