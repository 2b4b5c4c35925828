"""What a dialect of Python settles for the printer: the spellings of ops, what shares memory, what is kept.

The printer of statements, names and loops is one; NumPy and PyTorch differ in what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.graph import Node, Value
from ...ir.types import Array, Type
from ...ops.index import parts

if TYPE_CHECKING:
    from .copies import Fixes
    from .expressions import Choice, Expressions
    from .program import Needed, Program
    from .sharing import Sharing
    from .statements import Statements

#: Ops whose array result is a window on their first operand.
WINDOWS = {"transpose", "expand_dims", "squeeze", "broadcast_to", "reshape"}


class Dialect:
    """NumPy's Python, where nothing is said otherwise. `module`: the library's name in the text.

    `keeps_arguments`: arguments are never written, not even where the function writes them.
    `tells_return`: a `return` that computes something has the user's line, too.
    """

    module = "np"
    keeps_arguments = False
    tells_return = False

    def spelling(self, node: Node) -> str | Mapping[str, str] | None:
        """The text in the op's record."""
        return node.op.numpy

    def head(self, nodes: Iterable[Node]) -> tuple[Sequence[str], Mapping[str, str]]:
        """The module's imports, and by name the functions that it carries for these nodes."""
        from .prelude import helpers, imports

        carried = helpers(nodes)
        return imports(carried), carried

    # -- memory -----------------------------------------------------------------------------------

    def holds_memory(self, type: Type) -> bool:
        """Is a value of this type an object that could be written in place?"""
        return isinstance(type, Array)

    def windows(self, node: Node) -> Sequence[Value]:
        """The operands on which the result is a window, or of which it may be one."""
        if not node.operands or not self.holds_memory(node.results[0].type):
            return ()
        if not self.holds_memory(node.operands[0].type):
            return ()
        if node.op.name == "load":
            window = "a" not in node.attrs["index"]
        elif node.op.kind == "elementwise":
            window = self.passes_on(node)
        else:
            window = node.op.name in WINDOWS
        return node.operands[:1] if window else ()

    def passes_on(self, node: Node) -> bool:
        """Does an elementwise op print as its operand?"""
        return self.spelling(node) == "{x}"

    def read_late(self, node: Node) -> list[int]:
        """Operands that may still be read while an update writes: those of index arrays' updates."""
        letters = node.attrs.get("index", "")
        if "a" not in letters:
            return []
        arrays = [
            p[0] for x, p in zip(letters, parts(letters, range(2, len(node.operands)))) if x == "a"
        ]
        return [k for k in (1, *arrays) if isinstance(node.operands[k].type, Array)]

    def keep(self, program: Program, sharing: Sharing, needed: Needed, fixes: Fixes) -> None:
        """Adds copies of what is to be kept although nothing printed reads it again."""

    # -- printers ---------------------------------------------------------------------------------

    def numbers(self, program: Program) -> Any:
        from .numbers import Numbers

        return Numbers(program)

    def expressions(
        self, program: Program, numbers: Any, choice: Choice, name: Callable[[Value], str]
    ) -> Expressions:
        from .expressions import Expressions

        return Expressions(program, numbers, choice, name)

    def statements(
        self, program: Program, expressions: Expressions, checks: Mapping[Node, int]
    ) -> Statements:
        from .statements import Statements

        return Statements(program, expressions, checks)


NUMPY = Dialect()
