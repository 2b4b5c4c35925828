"""A builder that knows where each value is defined, and can leave a block and come back to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.build import Builder, KnownDim
from ..ir.graph import Node, Value
from ..ir.types import Type


class ScopedBuilder(Builder):
    """What control flow needs: arms are left and taken up again, and joins ask what is in scope."""

    def __init__(self, budget: int, on_excess: Callable[[], None]) -> None:
        super().__init__()
        self._home: dict[Value, list[Node]] = {}
        self._left = budget
        self._on_excess = on_excess

    def append(self, node: Node) -> None:
        super().append(node)
        for result in node.results:
            self._home[result] = self.nodes
        self._left -= 1
        if self._left < 0:
            self._on_excess()

    def param(self, type: Type, name: str = "", dims: Sequence[KnownDim] | None = None) -> Value:
        value = super().param(type, name, dims)
        self._home[value] = self.nodes
        return value

    def function_param(self, type: Type, name: str) -> Value:
        value = super().function_param(type, name)
        self._home[value] = self.nodes
        return value

    def visible(self, value: Value) -> bool:
        """Is the value defined in a block that is open?"""
        home = self._home.get(value)
        return home is not None and self.is_open(home)

    def depth_of(self, value: Value) -> int:
        """How many blocks are open where the value is defined."""
        home = self._home[value]
        return next(k for k, block in enumerate(self._open, start=1) if block is home)

    def truncate(self, length: int) -> None:
        """Takes back the last nodes of the innermost block."""
        for node in self.nodes[length:]:
            for result in node.results:
                del self._home[result]
        del self.nodes[length:]

    def suspend(self) -> list[Node]:
        """Leaves the innermost block; `resume` takes it up again."""
        return self._open.pop()

    def resume(self, nodes: list[Node]) -> None:
        self._open.append(nodes)

    def splice(self, nodes: list[Node]) -> None:
        """Moves the nodes of a block that was left to the end of the innermost one."""
        for node in nodes:
            for result in node.results:
                self._home[result] = self.nodes
        self.nodes.extend(nodes)
