"""Kernels as functions that a C program calls: named parameters, results where the caller wants them,
C99 and the C library's arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import NO_SPAN, Span
from ...ir.graph import Function, Node, Value
from ...ir.types import BOOL, I64, INTS, Array, Scalar
from ...lowering.buffers import Copy
from ...lowering.ranges import SMALLEST
from ..text import C, Names, Text
from .elements import keep_elements
from .expressions import Index
from .kernel import Kernel
from .merge import join_loops
from .portable_text import RESERVED, portable
from .prelude import library_names
from .sizing import reckoning
from .spell import ELEMENT, LOCAL
from .state import _index_names
from .writer import Line, Loop, Writer, flat

__all__ = ["Codes", "Interface", "Leaf", "PortableKernel"]


@dataclass(frozen=True)
class Leaf:
    """A number or array that the C function takes or gives. `label`: what the user calls it.

    `dims`: names of parameters that hold lengths, or numbers.
    """

    name: str
    label: str
    dtype: str
    dims: tuple[str | int, ...] | None = None

    @property
    def is_array(self) -> bool:
        return self.dims is not None

    @property
    def element(self) -> str:
        return ELEMENT[self.dtype] if self.is_array else LOCAL[self.dtype]

    def parameter(self, out: bool = False) -> str:
        kind = ELEMENT[self.dtype] if self.is_array or out else LOCAL[self.dtype]
        if out:
            return f"{kind} *{self.name}"
        return f"const {kind} *{self.name}" if self.is_array else f"{kind} {self.name}"


@dataclass(frozen=True)
class Interface:
    """`inputs`: one for each parameter of the function; `outputs`: one for each result."""

    inputs: tuple[Leaf, ...]
    outputs: tuple[Leaf, ...]
    sizes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [*self.sizes, *(x.name for x in (*self.inputs, *self.outputs))]


@dataclass
class Codes:
    """Numbers of what may fail, from 1: the code that a function returns then."""

    known: dict[tuple[str, int, str], tuple[int, Span, str]] = field(default_factory=dict)

    def number(self, span: Span, reason: str) -> int:
        key = (span.filename, span.lineno, reason)
        return self.known.setdefault(key, (len(self.known) + 1, span, reason))[0]

    def all(self) -> list[tuple[int, Span, str]]:
        return list(self.known.values())


_POLLS = ("ADC_POLL(", "ADC_POLL_TRIPS(")
_WRAPS = {"add": "+", "sub": "-", "mul": "*", "neg": "-"}


class PortableKernel(Kernel):
    """`sized`: its memory is a workspace of known size, not an allocator's.

    After `write`, `takes_memory` says whether there is need of any; `reckoning` gives the statements
    that reckon how much.
    """

    library = False
    aside = False

    def __init__(
        self, function: Function, symbol: str, interface: Interface, codes: Codes, sized: bool
    ) -> None:
        super().__init__(function, {}, symbol)
        self.interface = interface
        self.codes = codes
        self.sized = sized
        #: The places that comments name.
        self.places: dict[str, Span] = {}
        reserved = {*library_names(), symbol, *interface.names, *RESERVED}
        self.names = Names(C, reserved)
        hints = {v.name for v in self.made} | set(interface.names)
        self.indices = [self.names.fresh(x) for x in _index_names(hints)]

    @property
    def takes_memory(self) -> bool:
        return "frame" in self.w.words()

    def body(self) -> list[Line]:
        """The statements, as flat lines of portable text."""
        return list(flat(self.w.lines))

    def reckoning(self, bytes_of: Mapping[str, tuple[str, int]]) -> Writer:
        known = [*self.interface.sizes, *(x.name for x in self.interface.inputs if x.dtype in INTS)]
        return reckoning(self.body(), known, bytes_of)

    def write(self) -> str:
        self._params()
        self.block(self.function.block)
        self._results()
        self.w.lines = _without_polls(self.w.lines)
        self.w.prune()
        self.w.lines = join_loops(self.w.lines)
        keep_elements(self.w.lines, self.names.fresh)
        self.w.prune()
        _in_portable_words(self.w.lines)
        return self.w.text()

    # --- parameters and results -------------------------------------------------------------------

    def _params(self) -> None:
        for p, leaf in zip(self.function.params, self.interface.inputs, strict=True):
            if isinstance(p.type, Scalar):
                self.env[p] = Text(leaf.name)
                if p.type.dtype == BOOL:
                    name = self.names.fresh(leaf.name)
                    self.w.line(f"const int {name} = {leaf.name} != 0;", name)
                    self.env[p] = Text(name)
                continue
            self.buffers[self.storage.where[p]] = leaf.name
            for axis, n in enumerate(leaf.dims or ()):
                self.lengths[p, axis] = Text(str(n))
        for k, place in self.outputs.items():
            v = self.function.results[k]
            if isinstance(v.type, Array) and self.storage.where[v].output == k:
                self.buffers[self.storage.where[v]] = self.interface.outputs[place].name

    def allocate_output(self, name: str, v: Value, place: int, sizes: Sequence[Text]) -> None:
        """The memory is the caller's, who knows the shape of a gradient by that of its argument."""
        leaf = self.interface.outputs[place]
        for n, m in zip(sizes, leaf.dims or (), strict=True):
            if n.text != str(m):
                self.check(f"{n.at(60)} == {m}", NO_SPAN, f"the shape of {leaf.label}")
        if name != leaf.name:
            self.w.line(f"{ELEMENT[v.type.dtype]} *{name} = {leaf.name};", early=True)

    def _results(self) -> None:
        for k, place in self.outputs.items():
            v, leaf = self.function.results[k], self.interface.outputs[place]
            if isinstance(v.type, Scalar):
                self.w.line(f"*{leaf.name} = {self.text(v)};")
            elif self.storage.where[v].output != k:
                self._copy_result(v, place)

    def at_line(self, span: Span) -> None:
        count = len(self.w.lines)
        super().at_line(span)
        for line in flat(self.w.lines[count:]):
            self.places[line.text] = span

    # --- checks -----------------------------------------------------------------------------------

    def check(self, holds: str, span: Span, reason: str, early: bool | None = None) -> None:
        if holds != "1":
            super().check(holds, span, reason, early)

    def check_number(self, span: Span, reason: str) -> int:
        self.checks.append((span, reason))
        return self.codes.number(span, reason)

    # --- memory -----------------------------------------------------------------------------------

    def new_stack(self, name: str, declare: bool = True) -> None:
        if not self.sized:
            super().new_stack(name, declare)
            return
        left = f"{'adc_stack *' if declare else ''}{name}"
        unread = name if declare else ""
        self.w.line(f"{left} = adc_stack_new(&frame, {self.stacks});", unread)
        self.stacks += 1
        if self.loops:
            self.loops[-1].releases = True

    def _copy(self, target: str, source: str, copy: Copy) -> None:
        if copy.steal and self.sized:
            copy = Copy(copy.to, copy.value, careful=copy.careful)
        super()._copy(target, source, copy)

    # --- integers that wrap -----------------------------------------------------------------------

    def apply(self, node: Node, index: Index) -> Text:
        if node.op.name in ("maximum", "minimum") and node.result.type.dtype in INTS:
            a, b = (self._operand(node, x, index) for x in node.operands)
            if a.text == b.text:  # of lengths that are one parameter
                return a
        sign = _WRAPS.get(node.op.name)
        dtype = node.result.type.dtype
        if sign is None or dtype not in INTS or self._fits(node):
            return super().apply(node, index)
        parts = [
            f"(unsigned long long){self._operand(node, x, index).at(81)}" for x in node.operands
        ]
        whole = f" {sign} ".join(parts if len(parts) == 2 else ["0", *parts])
        return Text(f"{'adc_wrap' if dtype == I64 else 'adc_wrapi'}({whole})")

    def _fits(self, node: Node) -> bool:
        if node.op.name == "neg":
            return self.ranges.low(node.operands[0]) > SMALLEST
        return self.ranges.fits(node)


def _without_polls(items: list[Line | Loop]) -> list[Line | Loop]:
    """Without what asks a launcher whether to stop."""
    for item in items:
        if isinstance(item, Loop):
            item.children = _without_polls(item.children)
    return [x for x in items if isinstance(x, Loop) or not x.text.startswith(_POLLS)]


def _in_portable_words(items: list[Line | Loop]) -> None:
    for item in items:
        if isinstance(item, Loop):
            item.pragma = portable(item.pragma)
            _in_portable_words(item.children)
        else:
            item.text = portable(item.text)
