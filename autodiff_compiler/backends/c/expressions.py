"""Expressions: scalars as text, and elements of arrays that are not computed but written where used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ...ir.build import KnownDim
from ...ir.graph import CONST, Node, Value
from ...ir.types import BOOL, F32, FLOATS, I32, I64, Scalar
from ...ops.index import layout, parts
from ..text import C, Text, fill, infix
from .merge import FLAT
from .spell import LOCAL, ONE, ZERO, cast, is_literal, is_simple, literal, plus, times
from .state import Access, Flat, Placed, State

__all__ = ["Expressions"]

Index = list[Text] | Flat


class Expressions(State):
    # --- scalars ----------------------------------------------------------------------------------

    def text(self, v: Value) -> Text:
        """A scalar as an expression."""
        known = self.env.get(v)
        if known is None:
            known = self._scalar(self.made[v])
            if self.made[v].op is CONST:
                self.env[v] = known
        return known

    def atom(self, v: Value) -> Text:
        """A scalar as a name or a literal, so that it may be read many times."""
        with self.watched() as reads:
            x = self.text(v)
        made = self.made.get(v)
        if not _is_name_or_literal(x) and (made is None or made.op is not CONST):
            x = self.local(v, x, reads)
        return x

    @contextmanager
    def watched(self) -> Iterator[list[Access]]:
        """What is read of arrays meanwhile."""
        outer, self.reads = self.reads, []
        reads = self.reads
        yield reads
        self.reads = outer
        if outer is not None:
            outer += reads

    def local(self, v: Value, x: Text, reads: list[Access] | None = None) -> Text:
        """Puts an expression into a constant of its own, unless it is a truth value that is known.

        `reads`: all that it reads of arrays.
        """
        if v.type.dtype == BOOL and x.text in ("0", "1"):
            self.env[v] = x
            return x
        name = self.fresh(v)
        early = "[" not in x.text and "(" not in x.text
        self.w.line(f"const {LOCAL[v.type.dtype]} {name} = {x};", name, early=early, reads=reads)
        self.env[v] = Text(name)
        return self.env[v]

    def stable(self, v: Value) -> Text:
        """As `atom`, and not a variable that a loop changes: it holds what the value is now."""
        x = self.atom(v)
        if x.text not in self.mutable:
            return x
        name = self.fresh(v)
        self.w.line(f"const {LOCAL[v.type.dtype]} {name} = {x};", name)
        return Text(name)

    def _scalar(self, node: Node) -> Text:
        name = node.op.name
        if node.op is CONST:
            return literal(node.attrs["value"], node.attrs["dtype"])
        if node.op.kind == "elementwise":
            if name in ("iadd", "isub", "imul"):
                return self.apply_infix({"iadd": "+", "isub": "-", "imul": "*"}[name], node, [])
            return self.apply(node, [])
        if name == "load":
            return self.load(node, [])
        if name == "wrap":
            return self._wrapped(self.text(node.operands[0]), node)
        if name == "index":  # proved to be inside
            return self.text(node.operands[0])
        if name == "squeeze":
            return self.element(node.operands[0], [ZERO] * node.operands[0].type.rank)
        if name == "length":
            return Text(f"{self.name_of(node.operands[0])}->length")
        raise NotImplementedError(f"{name} as a scalar expression")

    # --- elementwise ops --------------------------------------------------------------------------

    def apply(self, node: Node, index: Index) -> Text:
        """An elementwise op on the elements of its operands that belong to `index`."""
        op = node.op
        dtype = node.result.type.dtype
        if op.name == "cast":
            x = node.operands[0]
            return cast(self._operand(node, x, index), x.type.dtype, dtype)
        template = op.c
        if isinstance(template, Mapping):
            template = template.get(_dtype_class(node.operands[0].type.dtype))
        if template is None:
            return self.apply_infix(op.c_infix or "", node, index)
        texts = [self._operand(node, x, index) for x in node.operands]
        holes = dict(zip("xyz", texts))
        for letter, x in zip("xyz", node.operands):
            if template.count("{" + letter + "}") > 1 and not is_simple(holes[letter]):
                holes[letter] = self._twice(x, holes[letter])
        is_f32 = any(x.type.dtype == F32 for x in node.operands)
        filled = fill(template.replace("{f}", "f" if is_f32 else ""), holes, C)
        if dtype == I32 and filled.text.startswith("adc_"):
            return Text(f"(int){filled.text}", 80)
        return filled

    def apply_infix(self, op: str, node: Node, index: Index) -> Text:
        a, b = (self._operand(node, x, index) for x in node.operands)
        if node.operands[0].type.dtype == I64 and is_literal(a) and is_literal(b):
            a = Text(a.text.removesuffix("LL") + "LL", a.level)
        if a.text == b.text and node.operands[0].type.dtype not in FLOATS and op in _OF_EQUALS:
            return _OF_EQUALS[op]  # compilers warn of comparisons with itself
        return infix(op, a, b, C)

    def _operand(self, node: Node, x: Value, index: Index) -> Text:
        if isinstance(x.type, Scalar):
            return self.text(x)
        if isinstance(index, Flat):
            return self.element(x, index)
        return self.element(x, self.narrowed(x, index, self.dims[node.results[0]]))

    def _twice(self, x: Value, text: Text) -> Text:
        name = self.names.fresh("", "t")
        self.w.line(f"const {LOCAL[x.type.dtype]} {name} = {text};", name)
        return Text(name)

    def narrowed(self, x: Value, index: Sequence[Text], wide: Sequence[KnownDim]) -> list[Text]:
        """The index into an operand that broadcasts to a result with dims `wide`."""
        own = self.dims[x]
        skip = len(index) - len(own)
        return [ZERO if d == 1 and w != 1 else i for i, d, w in zip(index[skip:], own, wide[skip:])]

    def access(self, v: Value, index: Index) -> Access:
        where = (FLAT,) if isinstance(index, Flat) else tuple(i.text for i in index)
        shape = tuple(n.text for n in self.shape(v))
        if isinstance(index, Flat):
            return Access(self.buffer_of(v), where, shape)
        known = tuple(i.extent if isinstance(i, Placed) else None for i in index)
        return Access(self.buffer_of(v), where, shape, extents=known)

    def set_element(self, v: Value, index: Index, text: Text, op: str = "=") -> None:
        """Sets an element of an array (op "+=": adds to it)."""
        at = index.at if isinstance(index, Flat) else self.offset(index, self.shape(v))
        element = f"{self.name_of(v)}[{at}]"
        use = self.access(v, index)
        self.touch(replace(use, writes=True, adds=op == "+=", element=element))
        self.w.line(f"{element} {op} {text};")

    def touch(self, access: Access) -> None:
        """Notes a use of a buffer for those who want to know."""
        if self.reads is not None:
            self.reads.append(access)
        if self.loops:
            self.loops[-1].accesses.append(access)
        self.w.touch(access)

    # --- elements of arrays -----------------------------------------------------------------------

    def element(self, v: Value, index: Index) -> Text:
        """The element of an array at an index, or the scalar itself."""
        if isinstance(v.type, Scalar):
            return self.text(v)
        if v in self.temporaries or v not in self.fusion.inlined:
            return self._read(v, index)
        return self.defined(self.made[v], index)

    def _read(self, v: Value, index: Index) -> Text:
        at = index.at if isinstance(index, Flat) else self.offset(index, self.shape(v))
        element = f"{self.name_of(v)}[{at}]"
        self.touch(replace(self.access(v, index), element=element))
        return Text(element)

    def defined(self, node: Node, index: Index) -> Text:
        """An element of a node's result, from the node's definition."""
        op, x = node.op, node.operands
        if op.kind == "elementwise":
            return self.apply(node, index)
        if op.name == "full":
            return self.text(x[0])
        if op.name == "copy":
            return self.element(x[0], index)
        if op.name == "iota":
            at = index.at if isinstance(index, Flat) else index[0]
            return cast(at, I64, node.attrs["dtype"])
        assert not isinstance(index, Flat), op
        if op.name == "load":
            return self.load(node, index)
        if op.name == "wrap":
            return self._wrapped(self.element(x[0], index), node)
        return self.element(x[0], self._behind(node, index))

    def _behind(self, node: Node, index: list[Text]) -> list[Text]:
        """Where an element of a rearranged array stands in the array that it was made of."""
        op, x = node.op, node.operands[0]
        if op.name == "transpose":
            out = [ZERO] * len(index)
            for k, axis in enumerate(node.attrs["perm"]):
                out[axis] = index[k]
            return out
        if op.name == "expand_dims":
            return [i for k, i in enumerate(index) if k not in node.attrs["axes"]]
        if op.name == "squeeze":
            rest = iter(index)
            return [ZERO if k in node.attrs["axes"] else next(rest) for k in range(x.type.rank)]
        if op.name == "broadcast_to":
            return (
                []
                if isinstance(x.type, Scalar)
                else self.narrowed(x, index, self.dims[node.result])
            )
        raise NotImplementedError(f"an element of {op.name}")

    def _wrapped(self, i: Text, node: Node) -> Text:
        if self.ranges.low(node.operands[0]) >= 0:
            return i
        if not is_simple(i):
            i = self._twice(node.operands[0], i)
        n = self.atom(node.operands[1])
        return Text(f"({i} < 0 ? {i} + {n} : {i})")

    # --- indices ----------------------------------------------------------------------------------

    def load(self, node: Node, index: list[Text]) -> Text:
        base, letters = node.operands[0], node.attrs["index"]
        return self.element(base, self.place(letters, node.operands[1:], index))

    def place(self, letters: str, operands: Sequence[Value], index: Sequence[Text]) -> list[Text]:
        """Where in the base the element `index` of a region stands."""
        slices, before = layout(letters)
        of_arrays = len(index) - len(slices)
        array_index = list(index[before : before + of_arrays])
        slice_index = iter([*index[:before], *index[before + of_arrays :]])
        per_axis = parts(letters, operands)
        arrays = [p[0] for letter, p in zip(letters, per_axis) if letter == "a"]
        wide = self._broadcast(arrays, of_arrays)
        out: list[Text] = []
        for letter, p in zip(letters, per_axis):
            if letter == "i":
                at = self.text(p[0])
                out.append(Placed(at.text, at.level, self.extents.point(p[0])))
            elif letter == "a":
                out.append(self.element(p[0], self.narrowed(p[0], array_index, wide)))
            else:
                at = plus(self.text(p[0]), times(self.text(p[2]), next(slice_index)))
                out.append(Placed(at.text, at.level, self.extents.part(*p)))
        return out

    def _broadcast(self, arrays: Sequence[Value], rank: int) -> list[KnownDim]:
        wide: list[KnownDim] = [1] * rank
        for a in arrays:
            for k, d in enumerate(self.dims[a], start=rank - a.type.rank):
                if d != 1:
                    wide[k] = d
        return wide

    # --- before a loop nest -----------------------------------------------------------------------

    def prepare(self, v: Value) -> None:
        """Gives names to the scalars in an array's expression, so that the loops only read them."""
        if isinstance(v.type, Scalar):
            self.atom(v)
        elif v in self.fusion.inlined and v not in self.temporaries:
            self.prepare_operands(self.made[v])

    def prepare_operands(self, node: Node) -> None:
        sizes = node.operands[1:] if node.op.name in ("full", "broadcast_to") else ()
        for x in node.operands:
            if node.op.name == "iota" or any(x is s for s in sizes):
                continue
            self.prepare(x)


_OF_EQUALS = {"==": ONE, "<=": ONE, ">=": ONE, "!=": ZERO, "<": ZERO, ">": ZERO}


def _is_name_or_literal(x: Text) -> bool:
    return x.text.lstrip("-").replace(".", "").replace("_", "").isalnum()


def _dtype_class(dtype: str) -> str:
    return "f" if dtype in ("f64", "f32") else "b" if dtype == "bool" else "i"
