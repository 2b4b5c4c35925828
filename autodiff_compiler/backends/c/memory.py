"""Buffers: where they come from, copies between them, exchanges of pointers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...ir.graph import Node, Value
from ...ir.types import Array, Stack
from ...lowering.buffers import Buffer, Copy
from ..text import Text
from .spell import ELEMENT, ZERO
from .stacks import Stacks

__all__ = ["Memory"]

_WORD = re.compile(r"[A-Za-z_]\w*")


class Memory(Stacks):
    # --- new buffers ------------------------------------------------------------------------------

    def claim(self, v: Value, sizes: Sequence[Text]) -> None:
        """Memory for an array about to be computed, unless a place was set aside for it."""
        push = self.storage.on_tape.get(v)
        if push is not None:
            self.push_place(push, self.name_of(v), sizes)
            return
        buffer = self.storage.births.get(v)
        if buffer is None:
            return
        name = self.pointer(buffer)
        if buffer.output is not None:
            self.allocate_output(name, v, self.outputs[buffer.output], sizes)
        else:
            self.allocate(name, v.type.dtype, sizes)

    def allocate_output(self, name: str, v: Value, place: int, sizes: Sequence[Text]) -> None:
        shape, data = self.names.fresh("shape"), self.names.fresh("data")
        if sizes:
            lengths = ", ".join(map(str, sizes))
            self.w.line(f"const long long {shape}[] = {{{lengths}}};", early=True)
        self.w.line(f"void *{data};", early=True)
        given = shape if sizes else "0"
        self.w.line(f"ADC_MEMORY(call->alloc(call, {place}, {given}, &{data}) == 0);", early=True)
        self.w.line(f"{ELEMENT[v.type.dtype]} *{name} = {data};", early=True)

    def row_node(self, node: Node) -> None:
        """A row of a result that is worked out in its place or aside, and what puts it there."""
        if node.op.name == "settled_rows":
            self.w.line("adc_rows_settled();")
            return
        puts = node.op.name == "set_row"
        base, row, at = (
            node.operands[:3] if puts else (node.operands[0], node.result, node.operands[1])
        )
        sizes, kind = self.shape(base), ELEMENT[base.type.dtype]
        start = self.offset([self.text(at), *(ZERO for _ in sizes[1:])], sizes)
        place = f"&{self.name_of(base)}[{start}]"
        length = f"{self.count(sizes[1:]).at(70)} * sizeof({kind})"
        if puts:
            self.w.line(f"adc_set_row({place}, {self.name_of(row)}, {length});")
            return
        name = self.pointer(self.storage.births[row])
        whole = f"{self.count(sizes).at(70)} * sizeof({kind})"
        self.w.line(f"{kind} *{name} = adc_row(&frame, {place}, {length}, {whole});")
        self.w.line(f"ADC_MEMORY({name});")

    def new_buffer(self, buffer: Buffer) -> None:
        name = self.pointer(buffer)
        if isinstance(buffer.type, Stack):
            self.new_stack(name)
        else:
            self.allocate(name, buffer.type.dtype, [self.size(d) for d in buffer.dims])

    def declare(self, buffer: Buffer, start: str = "") -> None:
        """A pointer variable that owns nothing of its own."""
        name = self.pointer(buffer)
        begin = f" = {start}" if start else ""
        self.w.line(f"{self.pointer_type(buffer)}{name}{begin};", name)

    @staticmethod
    def pointer_type(buffer: Buffer) -> str:
        if isinstance(buffer.type, Stack):
            return "adc_stack *"
        return f"{'' if buffer.written else 'const '}{ELEMENT[buffer.type.dtype]} *"

    # --- copies -----------------------------------------------------------------------------------

    def copy_before(self, node: Node) -> None:
        copy = self.storage.before.get(node)
        if copy is not None:
            self.copy_new(copy)

    def copy_new(self, copy: Copy) -> None:
        """A new buffer with the contents of a value."""
        self.new_buffer(copy.to)
        self.copy(copy)

    def copy(self, copy: Copy) -> None:
        self._copy(self.pointer(copy.to), self.name_of(copy.value), copy)

    def _copy(self, target: str, source: str, copy: Copy) -> None:
        if isinstance(copy.to.type, Stack):
            if copy.steal:
                self.w.line(f"adc_stack_swap({target}, {source});")
            else:
                self.w.line(f"ADC_MEMORY(adc_stack_copy({target}, {source}));")
            return
        assert isinstance(copy.value.type, Array)
        count = self.count(self.shape(copy.value))
        kind = ELEMENT[copy.to.type.dtype]
        self.w.line(f"adc_copy({target}, {source}, {count}, sizeof({kind}));")

    def copies(self, copies: Sequence[Copy]) -> None:
        """Several copies as if at once: what another may write over is put aside first."""
        aside: list[tuple[str, Copy]] = []
        for copy in copies:
            if not copy.careful or len(copies) == 1:
                continue
            name = self.names.fresh(copy.to.name, "t")
            temporary = Buffer(copy.to.type, self.dims.get(copy.value, ()), 0)
            self.buffers[temporary] = name
            self.new_buffer(temporary)
            self._copy(name, self.name_of(copy.value), Copy(temporary, copy.value))
            aside.append((name, copy))
        for copy in copies:
            if not copy.careful or len(copies) == 1:
                self.copy(copy)
        for name, copy in aside:
            self._copy(self.pointer(copy.to), name, copy)

    # --- assignments at once ----------------------------------------------------------------------

    def moves(self, moves: Sequence[tuple[Buffer, Buffer]]) -> None:
        pairs = [(self.pointer(a), self.pointer(b), self.pointer_type(a)) for a, b in moves]
        self.assign(pairs)

    def assign(self, pairs: Sequence[tuple[str, str, str]]) -> None:
        """Assigns (variable, expression, type) all at once, with as few temporaries as it takes."""
        left = [p for p in pairs if p[0] != p[1]]
        while left:
            ready = next(
                (p for p in left if not any(_reads(q[1], p[0]) for q in left if q is not p)), None
            )
            if ready is None:  # a cycle: keep one old value
                name, _, kind = left[0]
                old = self.names.fresh(f"old_{name}")
                space = "" if kind.endswith("*") else " "
                self.w.line(f"{kind}{space}{old} = {name};")
                left = [(t, _rename(x, name, old), k) for t, x, k in left]
                continue
            self.w.line(f"{_shortened(ready[0], ready[1])};", ready[0])
            left.remove(ready)


_SUM = re.compile(r"[-\w.()\[\]>]+( [*/] [-\w.()\[\]>]+)*")


def _shortened(name: str, text: str) -> str:
    """`x += y` for `x = x + y`, where it means the same."""
    for op in "+-*/":
        if text.startswith(f"{name} {op} "):
            rest = text[len(name) + 3 :]
            flat = _without_brackets(rest)
            alone = " " not in flat if op in "*/" else _SUM.fullmatch(flat) is not None
            if alone and name not in _WORD.findall(rest):
                return f"{name} {op}= {rest}"
    return f"{name} = {text}"


def _without_brackets(text: str) -> str:
    """The text with what stands in brackets left out."""
    out, depth = [], 0
    for letter in text:
        depth -= letter in ")]"
        if not depth:
            out.append(letter)
        depth += letter in "(["
    return "".join(out)


def _reads(text: str, name: str) -> bool:
    return name in _WORD.findall(text)


def _rename(text: str, old: str, new: str) -> str:
    return re.sub(rf"\b{old}\b", new, text)
