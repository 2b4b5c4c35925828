"""Stacks: tapes, and lists that grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...ir.graph import Block, Node, Value
from ...ir.types import Array, Stack
from ...lowering.buffers import Buffer
from ..text import Text
from .linalg import LinearAlgebra
from .spell import ELEMENT, LOCAL
from .state import Access

__all__ = ["Stacks"]


def _summed(counts: Sequence[str], times: str = "{} * {}") -> str:
    """The counts added up: equal ones as a multiple."""
    numbers = sum(int(c) for c in counts if c.isdigit())
    often = Counter(c for c in counts if not c.isdigit())
    terms = [c if n == 1 else times.format(n, c) for c, n in often.items()]
    return " + ".join([*terms, str(numbers)] if numbers or not terms else terms)


class Stacks(LinearAlgebra):
    #: how many places there are at which a stack is made
    stacks = 0

    def stack_node(self, node: Node) -> None:
        getattr(self, f"_{node.op.name}")(node)

    def new_stack(self, name: str, declare: bool = True) -> None:
        unread = name if declare else ""
        left = f"{'adc_stack *' if declare else ''}{name}"
        self.w.line(f"{left} = adc_stack_new(&frame, {self.stacks});", unread)
        self.stacks += 1
        self.w.line(f"ADC_MEMORY({name});", unread)
        if self.loops:
            self.loops[-1].releases = True

    def _stack(self, node: Node) -> None:
        self.new_stack(self.name_of(node.result))

    def _element(self, s: Value) -> tuple[str, bool]:
        assert isinstance(s.type, Stack)
        return ELEMENT[s.type.element.dtype], isinstance(s.type.element, Array)

    def _push(self, node: Node) -> None:
        value = node.operands[1]
        if self.storage.on_tape.get(value) is node:
            return  # computed in its place
        self.prepare(value)
        if node in self.placed and not isinstance(value.type, Array):
            row, offset = self.placed[node]
            self._set(f"{row}[{offset}]", value, alone=True)
            return
        place = self.names.fresh("place")
        self.push_place(node, place, self.shape(value))
        self._fill(place, value, alone=node in self.storage.lone)

    def push_place(self, node: Node, place: str, sizes: Sequence[Text]) -> None:
        """Makes room on top of a stack for what the node pushes.

        If nothing else is done to the stack around, that may be as well before the loops in front.
        """
        kind, is_array = self._element(node.operands[0])
        if node in self.placed:
            row, offset = self.placed[node]
            start = row if offset == "0" else f"{row} + {offset}"
            self.w.line(f"{kind} *{place} = {start};", early=True)
            return
        name = self.pointer(self.storage.where[node.results[0]])
        count = self._count(sizes) if is_array else Text("1")
        stack = node.operands[0].type
        assert isinstance(stack, Stack)
        # Where an array ends is asked of lists only.
        push = "adc_push_array" if is_array and not stack.tape else "adc_push"
        early = node in self.storage.lone
        text = f"{kind} *{place} = {push}({name}, {count}, sizeof({kind}));"
        self.w.line(text, early=early)
        self.w.line(f"ADC_MEMORY({place});", early=early)

    def claim_row(self, block: Block) -> None:
        """The place of all that the block saves, or reads back, before it does anything else."""
        row = self.storage.rows.get(block)
        if row is None:
            return
        pushes = row.pushes[0] in block.nodes
        nodes = row.pushes if pushes else row.pops
        counts, products = self._row_counts(nodes)
        kind = ELEMENT[row.pushes[0].operands[1].type.dtype]
        tape = self.pointer(self.storage.where[nodes[0].results[0]])
        name = self.names.fresh("row")
        self.placed.update((node, (name, _summed(counts[:k]))) for k, node in enumerate(nodes))
        total = _summed(counts, "adc_times({}, {})" if products else "{} * {}")
        move, const = ("adc_push", "") if pushes else ("adc_pop", "const ")
        self.w.line(f"{const}{kind} *{name} = {move}({tape}, {total}, sizeof({kind}));")
        if pushes:
            self.w.line(f"ADC_MEMORY({name});")

    def _row_counts(self, nodes: Sequence[Node]) -> tuple[list[str], bool]:
        """Of how many elements each push or pop is, as a name or number; and whether any is a product."""
        out: list[str] = []
        products: dict[str, str] = {}
        for node in nodes:
            pushes = node.op.name == "push"
            sizes = (
                self.shape(node.operands[1])
                if pushes
                else [self.size_of(n) for n in node.operands[1:]]
            )
            text = self._count(sizes).text
            if not text.isdigit() and not text.isidentifier():
                if text not in products:
                    products[text] = self.local_text("long long", "size", Text(text))
                text = products[text]
            out.append(text)
        return out, bool(products)

    def _fill(self, place: str, value: Value, alone: bool = False) -> None:
        """`alone`: the place is no memory that anything else around may name."""
        if not isinstance(value.type, Array):
            self._set(f"*{place}", value, alone)
            return
        sizes = self.shape(value)
        with self.nest(sizes, "#pragma omp simd", known=alone) as index:
            text = self.element(value, index)
            if alone:
                buffer = Buffer(value.type, self.dims[value], 0)
                where = tuple(i.text for i in index)
                self.touch(Access(buffer, where, tuple(n.text for n in sizes), writes=True))
            self.w.line(f"{place}[{self.offset(index, sizes)}] = {text};")

    def _set(self, place: str, value: Value, alone: bool) -> None:
        text = self.text(value).text
        # Memory is read where it is meant to be.
        late = alone and not any(x in text for x in ("[", "->", "adc_"))
        self.w.line(f"{place} = {text};", late=late)

    @staticmethod
    def _count(sizes: Sequence[Text]) -> Text:
        count = Text("1")
        for n in sizes:
            if n.text != "1":
                count = n if count.text == "1" else Text(f"adc_times({count}, {n})")
        return count

    def _pop(self, node: Node) -> None:
        shorter, value = node.results
        kind, is_array = self._element(shorter)
        name = self.pointer(self.storage.where[shorter])
        row = self.placed.get(node)
        if not is_array:
            x = self.fresh(value)
            if row is not None:
                text = f"const {LOCAL[value.type.dtype]} {x} = {row[0]}[{row[1]}];"
                self.w.line(text, x, early=True)
                self.env[value] = Text(x)
                return
            pop = f"adc_pop({name}, 1, sizeof({kind}))"
            text = f"const {LOCAL[value.type.dtype]} {x} = *({kind} *){pop};"
            self.w.line(text, x, f"{pop};", early=node in self.storage.lone)
            self.env[value] = Text(x)
            return
        count = self._count([self.size_of(n) for n in node.operands[1:]])
        pop = f"adc_pop({name}, {count}, sizeof({kind}))"
        if row is not None:
            pop = row[0] if row[1] == "0" else f"{row[0]} + {row[1]}"
        if value in self.storage.stays:
            x = self.name_of(value)
            instead = "" if row else f"{pop};"
            self.w.line(f"const {kind} *{x} = {pop};", x, instead, early=node in self.storage.lone)
        else:
            self._copy_out(value, pop, count, kind)

    def size_of(self, n: Value) -> Text:
        return self.atom(n)

    def _copy_out(self, value: Value, source: str, count: Text, kind: str) -> None:
        self.w.line(f"adc_copy({self.name_of(value)}, {source}, {count}, sizeof({kind}));")

    def _to_array(self, node: Node) -> None:
        stack = node.operands[0]
        kind, is_array = self._element(stack)
        source, target = self.name_of(stack), self.name_of(node.result)
        length = self.local_text("long long", "n", Text(f"{source}->length"))
        sizes = [Text(length), *(self.size_of(n) for n in node.operands[1:])]
        self.lengths[node.result, 0] = Text(length)
        self.claim(node.result, sizes)
        count = self._count(sizes)
        self.w.line(f"adc_copy({target}, {source}->data, {count}, sizeof({kind}));")

    def _from_array(self, node: Node) -> None:
        array = node.operands[0]
        name = self.name_of(node.result)
        kind, is_array = self._element(node.result)
        self.new_stack(name)
        sizes = self.shape(array)
        i, place = self.indices[self._nested], self.names.fresh("place")
        row = self._count(sizes[1:])
        self.w.line(f"for (long long {i} = 0; {i} < {sizes[0]}; {i}++) {{")
        self.w.depth += 1
        push = "adc_push_array" if is_array else "adc_push"
        self.w.line(f"{kind} *{place} = {push}({name}, {row}, sizeof({kind}));")
        self.w.line(f"ADC_MEMORY({place});")
        start = i if row.text == "1" else f"{i} * {row}"
        self.w.line(f"adc_copy({place}, {self.name_of(array)} + {start}, {row}, sizeof({kind}));")
        self.w.depth -= 1
        self.w.line("}")

    def _place(self, name: str, kind: str, is_array: bool, i: Text) -> str:
        if is_array:
            return f"({kind} *)({name}->data + {name}->ends[{i}])"
        return f"(({kind} *){name}->data)[{i}]"

    def _peek(self, node: Node) -> None:
        stack, i, *sizes = node.operands
        kind, is_array = self._element(stack)
        place = self._place(self.name_of(stack), kind, is_array, self.text(i))
        if not is_array:
            x = self.fresh(node.result)
            self.w.line(f"const {LOCAL[node.result.type.dtype]} {x} = {place};", x)
            self.env[node.result] = Text(x)
            return
        count = self._count([self.size_of(n) for n in sizes])
        self._copy_out(node.result, place, count, kind)

    def _poke(self, node: Node) -> None:
        stack, value, i = node.operands
        kind, is_array = self._element(stack)
        name = self.pointer(self.storage.where[node.results[0]])
        self.prepare(value)
        place = self.names.fresh("place")
        address = self._place(name, kind, is_array, self.text(i))
        self.w.line(f"{kind} *{place} = {address if is_array else '&' + address};")
        self._fill(place, value)

    def _length(self, node: Node) -> None:
        self.local(node.result, Text(f"{self.name_of(node.operands[0])}->length"))

    def claim(self, v: Value, sizes: Sequence[Text]) -> None:
        raise NotImplementedError
