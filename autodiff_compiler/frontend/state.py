"""The tracer's state: the builder, the heap, where we are in the source, what the call depends on."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import NO_SPAN, Span, UnsupportedError
from ..ir.build import Builder
from ..ir.graph import CHECK, Value
from ..ir.types import BOOL, I64, Array, Stack
from ..ops.elementwise import eq, ge
from .values import ArrayRef, HeapEntry, ListRef, Num, Object, Poison, Reshaped, Static

OVERTAKEN = Poison(
    "this array may be the same as one that has been written since, depending on the way taken",
    "read it before that, or take a copy: `x.copy()`",
)


class State:
    """What every part of the front end works on. Control flow takes snapshots of `heap` and names."""

    def __init__(self) -> None:
        self.b = Builder()
        self.heap: dict[Object, HeapEntry] = {}
        self.filename = "<unknown>"
        #: arguments and captures (leaf numbers) that the program writes
        self.mutated: set[int] = set()
        #: what each growing list holds
        self.elements: dict[Object, Any] = {}
        #: integer nodes that may be used again, and index arrays of which no entry comes twice
        self.memo: dict[Any, Any] = {}
        self.distinct: set[Value] = set()
        self.reshapes: dict[Object, tuple[Value, Value]] = {}

    # -- places -------------------------------------------------------------------------------

    def at(self, node: Any) -> Span:
        """Makes `node` the place that new graph nodes and refusals point at; gives the old place."""
        old = self.b.span
        if hasattr(node, "lineno"):
            self.b.span = Span(
                self.filename, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
            )
        return old

    def refuse(self, message: str, hint: str = "") -> NoReturn:
        raise UnsupportedError(message, self.b.span or NO_SPAN, hint)

    # -- checks -------------------------------------------------------------------------------

    def check(self, pred: Value, reason: str) -> None:
        """The kernel stops where `pred` is false; Python then says what it has to say."""
        if self.b.constants.get(pred) is True:
            return
        self.b.emit(CHECK, pred, reason=reason)

    def check_same(self, a: Value | int, b: Value | int, reason: str) -> None:
        """Two dims must agree; nothing is emitted where they are known to."""
        if a is b or (isinstance(a, int) and a == b):
            return
        x, y = (self.b.const(d) if isinstance(d, int) else d for d in (a, b))
        known_x, known_y = self.b.constants.get(x), self.b.constants.get(y)
        if known_x is not None and known_x == known_y:
            return
        self.check(self.b.emit(eq, x, y), reason)

    def check_at_least(self, dim: Value | int, low: int, reason: str) -> None:
        """A dim must be no less than a number."""
        x = self.b.const(dim) if isinstance(dim, int) else dim
        self.check(self.b.emit(ge, x, self.b.const(low)), reason)

    # -- numbers ------------------------------------------------------------------------------

    def number(self, value: float | int | bool) -> Num:
        """A literal as a graph value, Python's own."""
        return Num(self.b.const(value), True)

    def i64(self, value: Any) -> Value:
        """An abstract integer as an i64 graph value."""
        if isinstance(value, int):
            return self.b.const(value)
        if isinstance(value, Static) and type(value.value) is int:
            return self.b.const(value.value)
        if isinstance(value, Num) and value.dtype == I64:
            return value.value
        self.refuse("an integer is needed here")

    # -- objects ------------------------------------------------------------------------------

    def new_array(self, value: Value, name: str = "") -> ArrayRef:
        """Gives a fresh array value identity."""
        assert isinstance(value.type, Array)
        made = Object(name or value.name)
        self.heap[made] = value
        return ArrayRef(made)

    def new_list(self, entry: HeapEntry) -> ListRef:
        made = Object()
        self.heap[made] = entry
        return ListRef(made)

    def version(self, made: Object) -> Value:
        """The current contents of an array (or growing list)."""
        value = self.heap[made]
        if isinstance(value, Poison):
            self.refuse(value.reason, value.hint)
        if isinstance(value, Reshaped):
            return self._reshaped(made, value)
        assert isinstance(value, Value) and isinstance(value.type, (Array, Stack))
        return value

    def write(self, made: Object, value: Value) -> None:
        """The object's next version. Refuses where it is not sure which names see the write."""
        if made.locked:
            self.refuse(
                f"this writes to an array that {made.locked}", "work on a copy: `x = x.copy()`"
            )
        if made.foreign:
            self.refuse(
                f"writing into an array of dtype {made.foreign} is not supported",
                "convert it to int64 first",
            )
        entry = self.heap[made]
        if isinstance(entry, Reshaped):
            from .reshaping import reshaped

            dims = self.b.dims[self.version(entry.base)]
            self.write(entry.base, reshaped(self, value, dims))
            return
        if made.leaf is not None:
            self.mutated.add(made.leaf)
        self._end(made.shadows, set())
        self.heap[made] = value

    def _reshaped(self, made: Object, entry: Reshaped) -> Value:
        """The contents in another shape; one node for each version of them."""
        from .reshaping import reshaped

        base = self.version(entry.base)
        known = self.reshapes.get(made)
        scoped: Any = self.b  # the tracer's
        if known is None or known[0] is not base or not scoped.visible(known[1]):
            known = self.reshapes[made] = (base, reshaped(self, base, entry.dims))
        return known[1]

    def _end(self, shadows: list[Object], seen: set[Object]) -> None:
        """What may have been the array that is written now stands for nothing any more."""
        for made in shadows:
            if made not in seen:
                seen.add(made)
                if made in self.heap:
                    self.heap[made] = OVERTAKEN
                self._end(made.shadows, seen)


def is_bool(x: Any) -> bool:
    return isinstance(x, Num) and x.dtype == BOOL or isinstance(x, Static) and type(x.value) is bool
