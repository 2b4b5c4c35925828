"""Which scalars are Python's own numbers at run time, and which are NumPy's.

In the IR a scalar is a machine number: 1.0 / 0.0 is inf, f32 rounds to f32. NumPy's scalars do that,
Python's do not (they raise, and know no f32), but mixed with one of NumPy's they follow it. So an
operation needs care only where all its operands may be Python's.
"""

from __future__ import annotations

from ...ir.graph import COND, CONST, FOR, WHILE, Block, Node, Value
from ...ir.types import Array
from .prelude import called
from .program import Program

PYTHON, NUMPY = 1, 2
#: Index ops that give back a number of the same sort as they got.
_PASSING = {"index", "wrap"}
_PYTHON_OPS = {"dim", "length", "slice"}


class Numbers:
    """Per scalar (or stack of scalars): may it hold Python's numbers, may it hold NumPy's?"""

    def __init__(self, program: Program):
        self.program = program
        self._flags: dict[Value, int] = {}
        for p in program.function.params:
            # Floats are handed in as NumPy's (`load_python`); integers as the caller has them.
            self._flags[p] = PYTHON if p.type.dtype in ("i64", "bool") else NUMPY
        changed = True
        while changed:
            before = dict(self._flags)
            self._block(program.function.block)
            changed = before != self._flags

    def python(self, value: Value) -> bool:
        """May it be Python's own? Arrays never are."""
        return not isinstance(value.type, Array) and bool(self._get(value) & PYTHON)

    def numpy(self, value: Value) -> bool:
        return bool(self._get(value) & NUMPY)

    def _get(self, value: Value) -> int:
        return self._flags.get(self.program.of(value), 0)

    def _put(self, value: Value, flags: int) -> None:
        value = self.program.of(value)
        self._flags[value] = self._flags.get(value, 0) | flags

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            if node.op is FOR or node.op is WHILE:
                if node.op is FOR:
                    self._put(node.blocks[0].params[0], PYTHON)
                for slot in self.program.slots[node]:
                    self._put(slot.param, self._get(slot.init))
                for inner in node.blocks:
                    self._block(inner)
                for slot in self.program.slots[node]:
                    self._put(slot.param, self._get(slot.again))
            elif node.op is COND:
                for inner in node.blocks:
                    self._block(inner)
                    for result, value in zip(node.results, inner.results):
                        self._put(result, self._get(value))
            else:
                self._simple(node)

    def _simple(self, node: Node) -> None:
        if not node.results:
            return
        name = node.op.name
        if name in ("push", "poke"):
            flags = self._get(node.operands[0]) | self._get(node.operands[1])
        elif name in ("pop", "peek"):
            flags = self._get(node.operands[0])
        elif node.op is CONST:
            flags = PYTHON if node.attrs["dtype"] not in ("f32", "i32") else NUMPY
        elif name in _PYTHON_OPS:
            flags = PYTHON
        elif name in _PASSING:
            flags = self._get(node.operands[0])
        elif name == "cast":
            flags = PYTHON if node.attrs["dtype"] in ("i64", "bool") else NUMPY
        elif node.op.kind == "elementwise":
            flags = self._elementwise(node)
        else:
            flags = NUMPY
        for result in node.results:
            self._put(result, flags)

    def _elementwise(self, node: Node) -> int:
        text = self.program.spelling(node) or ""
        if "np." in text or called(text):
            return NUMPY
        if text.startswith("int("):
            return PYTHON
        operands = node.operands
        if " if " in text:
            return self._get(operands[1]) | self._get(operands[2])
        flags = [self._get(v) if not isinstance(v.type, Array) else NUMPY for v in operands]
        if all(f & PYTHON for f in flags):
            # One of NumPy's among them makes the result NumPy's; which it is may vary from run to run.
            mixed = any(f & NUMPY for f in flags)
            return PYTHON | NUMPY if mixed else PYTHON
        return NUMPY
