"""Matrix products in plain loops. Transposed and sliced operands are read by strides, never copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.build import KnownDim
from ...ir.graph import Node, Value
from ...ir.types import F32, F64, FLOATS, Scalar
from ...ops.index import parts
from ..text import Text
from .gather import Gather
from .spell import ELEMENT, LOCAL, ZERO, literal, plus, times

__all__ = ["Contractions"]


@dataclass(slots=True)
class Strided:
    """An array as a pointer variable, an offset and a stride for each axis."""

    name: str
    offset: Text
    strides: list[Text]

    def argument(self) -> str:
        """Pointer and strides, for a helper."""
        return f"{plus(Text(self.name), self.offset)}, {self.strides[0]}, {self.strides[1]}"

    def at(self, *index: Text) -> Text:
        place = self.offset
        for i, s in zip(index, self.strides):
            place = plus(place, times(i, s))
        return Text(f"{self.name}[{place}]")


class Contractions(Gather):
    def matmul(self, node: Node) -> None:
        a, b = (self.strided(x) for x in node.operands)
        a_shape, b_shape = (self.shape(x) for x in node.operands)
        result = node.result
        if isinstance(result.type, Scalar):
            name = self.fresh(result)
            self._dot(name, result.type.dtype, a, b, [], [], a_shape[-1])
            self.env[result] = Text(name)
            return
        if len(b_shape) == 2 and len(a_shape) > 2 and node.operands[0] not in self.fusion.inlined:
            # The rows of all matrices stand one behind the other.
            a_shape = [self.count(a_shape[:-1]), a_shape[-1]]
            a = Strided(a.name, a.offset, a.strides[-2:])
        target, dtype = self.name_of(result), result.type.dtype
        batch = max(len(a_shape), len(b_shape)) - 2
        if batch <= 0:
            self._product(target, dtype, a, b, a_shape, b_shape)
            return
        sizes = self.shape(result)
        with self.nest(sizes[:batch]) as at:
            place = self.offset([*at, *[ZERO] * (len(sizes) - batch)], sizes)
            part = self.names.fresh(result.name, "t")
            self.w.line(f"{ELEMENT[dtype]} *{part} = {plus(Text(target), place)};", part)
            a, b = (self._one_of(s, self.dims[x], at) for s, x in zip((a, b), node.operands))
            self._product(part, dtype, a, b, a_shape[-2:], b_shape[-2:])

    @staticmethod
    def _one_of(x: Strided, dims: Sequence[KnownDim], at: list[Text]) -> Strided:
        """One matrix out of a stack; a stack of one is used again for each of the other's."""
        place = x.offset
        stacked = len(dims) - 2
        for d, i, s in zip(dims[: max(stacked, 0)], at[len(at) - max(stacked, 0) :], x.strides):
            if not isinstance(d, int):
                place = plus(place, times(i, s))
        return Strided(x.name, place, x.strides[-2:])

    def _product(
        self, target: str, dtype: str, a: Strided, b: Strided, a_shape: list[Text],
        b_shape: list[Text],
    ) -> None:  # fmt: skip
        inner = a_shape[-1]
        if len(a_shape) == 1:  # a row by a matrix is its transpose by the row
            self._matrix_vector(target, dtype, self._turned(b), a, b_shape[1], inner)
        elif len(b_shape) == 1:
            self._matrix_vector(target, dtype, a, b, a_shape[0], inner)
        else:
            self._matrix_matrix(target, dtype, a, b, [a_shape[0], b_shape[1]], inner)

    def strided(self, v: Value) -> Strided:
        if v not in self.fusion.inlined or v in self.temporaries:
            shape = self.shape(v)
            strides = [self.count(shape[k + 1 :]) for k in range(len(shape))]
            return Strided(self.name_of(v), ZERO, strides)
        node = self.made[v]
        base = self.strided(node.operands[0])
        name = node.op.name
        if name == "transpose":
            strides = [base.strides[axis] for axis in node.attrs["perm"]]
        elif name == "expand_dims":
            rest = iter(base.strides)
            strides = [ZERO if k in node.attrs["axes"] else next(rest) for k in range(v.type.rank)]
        elif name == "squeeze":
            strides = [s for k, s in enumerate(base.strides) if k not in node.attrs["axes"]]
        else:
            assert name == "load", node
            return self._sliced(node, base)
        return Strided(base.name, base.offset, strides)

    def _sliced(self, node: Node, base: Strided) -> Strided:
        letters = node.attrs["index"]
        offset, strides = base.offset, []
        for letter, p, s in zip(letters, parts(letters, node.operands[1:]), base.strides):
            offset = plus(offset, times(self.atom(p[0]), s))
            if letter == "s":
                strides.append(times(self.atom(p[2]), s))
        return Strided(base.name, offset, strides)

    @staticmethod
    def _turned(a: Strided) -> Strided:
        return Strided(a.name, a.offset, a.strides[::-1])

    def _dot(
        self, name: str, dtype: str, a: Strided, b: Strided, row: list[Text], column: list[Text],
        inner: Text,
    ) -> None:  # fmt: skip
        if dtype == F64 and a.strides[-1].text == "1" and b.strides[0].text == "1":
            places = [f"&{x}" for x in (a.at(*row, ZERO), b.at(ZERO, *column))]
            self.w.line(f"const double {name} = adc_dot({inner}, {', '.join(places)});", name)
            return
        kind = "double" if dtype == F32 else LOCAL[dtype]
        start = literal(0.0, F64) if dtype in FLOATS else ZERO
        self.w.line(f"{kind} {name} = {start};")
        with self.nest([inner], f"#pragma omp simd reduction(+:{name})") as (k,):
            self.w.line(f"{name} += {a.at(*row, k)} * {b.at(k, *column)};")

    def _matrix_vector(
        self, target: str, dtype: str, a: Strided, x: Strided, rows: Text, inner: Text
    ) -> None:
        if a.strides[1].text == "1" or a.strides[0].text != "1":
            with self.nest([rows]) as (i,):
                name = self.names.fresh("", "t")
                self._dot(name, dtype, a, x, [i], [], inner)
                self.w.line(f"{target}[{i}] = {name};")
            return
        # The rows lie side by side: add up columns.
        self._clear(target, dtype, rows)
        with self.nest([inner]) as (k,):
            factor = self.names.fresh("", "t")
            self.w.line(f"const {LOCAL[dtype]} {factor} = {x.at(k)};")
            with self.nest([rows], "#pragma omp simd") as (i,):
                self.w.line(f"{target}[{i}] += {a.at(i, k)} * {factor};")

    def _matrix_matrix(
        self, target: str, dtype: str, a: Strided, b: Strided, shape: list[Text], inner: Text
    ) -> None:
        rows, columns = shape
        if dtype in FLOATS:
            name = ("adc_product" if self.library else "adc_matmul") + ("f" if dtype == F32 else "")
            sizes = f"{'call->table, ' if self.library else ''}{rows}, {columns}, {inner}"
            self.w.line(f"{name}({sizes}, {a.argument()}, {b.argument()}, {target});")
            return
        if b.strides[1].text != "1" and b.strides[0].text == "1" and a.strides[1].text == "1":
            with self.nest([rows, columns]) as (i, j):
                name = self.names.fresh("", "t")
                self._dot(name, dtype, a, b, [i], [j], inner)
                self.w.line(f"{target}[{self.offset([i, j], shape)}] = {name};")
            return
        self._clear(target, dtype, self.count(shape))
        with self.nest([rows, inner]) as (i, k):
            factor = self.names.fresh("", "t")
            self.w.line(f"const {LOCAL[dtype]} {factor} = {a.at(i, k)};")
            with self.nest([columns], "#pragma omp simd") as (j,):
                place = self.offset([i, j], shape)
                self.w.line(f"{target}[{place}] += {factor} * {b.at(k, j)};")

    def _clear(self, target: str, dtype: str, count: Text) -> None:
        with self.nest([count], "#pragma omp simd") as (i,):
            self.w.line(
                f"{target}[{i}] = {literal(0, dtype) if dtype not in FLOATS else literal(0.0, dtype)};"
            )
