"""What the parts of the emitter share while one function is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...errors import NO_SPAN, Span
from ...ir.build import KnownDim
from ...ir.graph import Function, Node, Value, walk
from ...ir.types import Array, Stack
from ...lowering.buffers import Buffer
from ...lowering.divisors import inverted
from ...lowering.equal import Equalities
from ...lowering.extents import Extent, Extents
from ...lowering.fusion import Fusion
from ...lowering.invariants import settled
from ...lowering.ranges import Ranges
from ...lowering.rotate import rotated
from ...lowering.rows import by_rows
from ...lowering.schedule import scheduled
from ...lowering.shapes import with_dims
from ...lowering.storage import Storage
from ..text import C, Names, Text
from .prelude import library_names
from .spell import ELEMENT, ONE, ZERO, allocation, comment, plus, times
from .writer import Writer

__all__ = ["State", "LoopContext", "Access"]


@dataclass(slots=True)
class LoopContext:
    """A loop of the program that is being written. `outside`: values known before it."""

    releases: bool
    node: Node
    outside: set[Value]
    #: Checks to make once, before the loop: what must hold, the check's number.
    hoisted: list[tuple[str, int]] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    conditional: int = 0
    #: Lengths that have another name in the body, with the one that they have outside.
    renamed: dict[Value, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """One use of a buffer: at which element."""

    buffer: Buffer
    index: tuple[str, ...]
    shape: tuple[str, ...]
    writes: bool = False
    adds: bool = False
    #: What is known of the index on each axis.
    extents: tuple[Extent | None, ...] = ()
    #: The element as text.
    element: str = ""

    def apart(self, other: Access) -> bool:
        """Do the two never touch one element, whatever the loops around them count?

        Both are of one buffer, and it has the same shape for both.
        """
        pairs = zip(self.extents, other.extents)
        return any(x is not None and y is not None and x.apart(y) for x, y in pairs)


#: Stands for uses of memory that nobody has described: it may be anything.
UNKNOWN = Access(Buffer(Array("f64", ()), (), 0, alias=True), (), (), writes=True)


@dataclass(frozen=True, slots=True)
class Placed(Text):
    """An index into an axis, of which something is known."""

    extent: Extent | None = None


@dataclass(frozen=True, slots=True)
class Flat:
    """An index that counts the elements of an array in memory order."""

    at: Text


class State:
    #: Whether the kernel is handed a table of a library's functions.
    library = True
    #: Whether rows of large results are worked out aside.
    aside = True

    def __init__(
        self, function: Function, inplace: Mapping[int, int], symbol: str, threads: int = 1
    ) -> None:
        function = rotated(settled(inverted(function)))
        # Loops that only add may be shared out; one that sets rows would not be.
        rowwise = self.aside and threads == 1
        shaped = with_dims(scheduled(by_rows(function) if rowwise else function))
        #: in how many parts big loops are shared out
        self.threads = threads
        self.function = shaped.function
        self.symbol = symbol
        self.dims = shaped.dims
        self.sizes = shaped.sizes
        self.inplace = dict(inplace)
        self.ranges = Ranges(self.function)
        self.fusion = Fusion(shaped, self.ranges)
        outputs = [k for k in range(len(function.results)) if k not in self.inplace]
        self.outputs = {k: place for place, k in enumerate(outputs)}
        self.storage = Storage(shaped, self.fusion, self.inplace.values(), outputs)
        nodes = list(walk(self.function.block))
        self.made: dict[Value, Node] = {r: n for n in nodes for r in n.results}
        self.extents = Extents(self.made, self.ranges)
        hints = {v.name for n in nodes for v in _named(n)} | {p.name for p in self.function.params}
        self.names = Names(C, {*library_names(), symbol})
        self.indices = [self.names.fresh(x) for x in _index_names(hints)]
        self.w = Writer(1)
        self.env: dict[Value, Text] = {}
        #: Scalars whose variable changes: the slots of loops.
        self.mutable: set[str] = set()
        self.buffers: dict[Buffer, str] = {}
        #: Arrays that stand in a temporary for the moment, instead of being inlined.
        self.temporaries: dict[Value, Buffer] = {}
        self.checks: list[tuple[Span, str]] = []
        self.loops: list[LoopContext] = []
        #: How many branches there are around, within the function.
        self.conditional = 0
        self.reads: list[Access] | None = None
        #: Lengths that only a run knows, by array and axis.
        self.lengths: dict[tuple[Value, int], Text] = {}
        self._line: tuple[str, int] | None = None
        self.equalities = Equalities(self.function, self.ranges)
        #: Pushes and pops whose place is part of a row that is claimed or given back as a whole: its
        #: name, and where in it.
        self.placed: dict[Node, tuple[str, str]] = {}

    # --- names and sizes --------------------------------------------------------------------------

    def fresh(self, value: Value | None, otherwise: str = "t") -> str:
        return self.names.fresh(value.name if value is not None else "", otherwise)

    def pointer(self, buffer: Buffer) -> str:
        name = self.buffers.get(buffer)
        if name is None:
            name = self.names.fresh(buffer.name, "s" if isinstance(buffer.type, Stack) else "t")
            self.buffers[buffer] = name
        return name

    def name_of(self, v: Value) -> str:
        """The pointer variable of an array or stack."""
        return self.pointer(self.buffer_of(v))

    def buffer_of(self, v: Value) -> Buffer:
        return self.temporaries.get(v) or self.storage.where[v]

    def size(self, d: KnownDim) -> Text:
        return ONE if isinstance(d, int) else self.text(d)

    def shape(self, v: Value) -> list[Text]:
        return [self.size(d) for d in self.dims.get(v, ())]

    def count(self, sizes: Sequence[Text]) -> Text:
        """The number of elements: known to fit, because the array exists."""
        total = ONE
        for n in sizes:
            total = times(total, n)
        return total

    def equal(self, a: Value, b: Value) -> None:
        """Two lengths are one: they need one name, and then loops over them are alike."""
        if not all(x in self.sizes and x in self.env for x in (a, b)):
            return
        names = {self.env[x].text for x in (a, b)}
        first = next(t for t in self.env.values() if t.text in names)
        for v in self.sizes & self.env.keys():
            known = self.env[v]
            if known.text in names and known.text != first.text and known.text.isidentifier():
                if self.loops:
                    self.loops[-1].renamed.setdefault(v, known)
                self.env[v] = first

    def text(self, v: Value) -> Text:
        raise NotImplementedError

    @staticmethod
    def offset(index: Sequence[Text], shape: Sequence[Text]) -> Text:
        """Where in memory an element of an array stands, rows first."""
        at = ZERO
        for i, n in zip(index, shape):
            at = plus(times(at, n), i)
        return at

    @contextmanager
    def dry_run(self) -> Iterator[Writer]:
        """Tries how something would be written, and forgets it."""
        env = dict(self.env)
        with self.w.aside() as part:
            yield part
        self.env = env

    # --- statements that all parts need -----------------------------------------------------------

    def check(self, holds: str, span: Span, reason: str, early: bool | None = None) -> None:
        """`early`: it reads and sets nothing but integers."""
        if early is None:
            early = "[" not in holds and "&" not in holds.replace("&&", "")
        self.w.line(f"ADC_CHECK({self.check_number(span, reason)}, {holds});", early=early)

    def check_number(self, span: Span, reason: str) -> int:
        self.checks.append((span, reason))
        return len(self.checks) - 1

    def allocate(
        self, name: str, v_dtype: str, sizes: Iterable[Text], declare: bool = True
    ) -> None:
        """Makes an array in the arena."""
        count = Text("1")
        for n in sizes:
            if n.text == "1":
                continue
            count = n if count.text == "1" else Text(f"adc_times({count}, {n})")
        kind = ELEMENT[v_dtype]
        left = f"{kind} *{name}" if declare else name
        self.w.line(
            f"{left} = {allocation(kind, count)};",
            name if declare else "",
            early=True,
        )
        self.w.line(f"ADC_MEMORY({name});", early=True)
        if self.loops:
            self.loops[-1].releases = True

    def at_line(self, span: Span) -> None:
        """A comment with the user's line, when it is another than before."""
        place = (span.filename, span.lineno)
        if not span.lineno or span == NO_SPAN or place == self._line:
            return
        self._line = place
        shown = comment(f"{os.path.basename(span.filename)}:{span.lineno}: {span.line().strip()}")
        self.w.line(f"/* {shown} */")


def _named(node: Node) -> Iterable[Value]:
    yield from node.results
    for block in node.blocks:
        yield from block.params


def _index_names(hints: set[str]) -> list[str]:
    """Names for the counters of loops over arrays that the user's program does not have."""
    return [x for x in (*"ijklpqrs", *(f"i{k}" for k in range(32))) if x not in hints]
