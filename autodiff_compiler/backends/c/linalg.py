"""Linear algebra: one call of a helper for each matrix of a stack.

The op's record names the helper and the dims that it takes; helpers work on doubles, so single
floats are converted on the way in and out.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.graph import Node, Value
from ...ir.types import F32, F64, Scalar
from ...ops.linalg import split
from ..text import Text
from .blas_text import WITH_LIBRARY
from .contract import Contractions
from .spell import ELEMENT, ZERO, plus, times

__all__ = ["LinearAlgebra"]


class LinearAlgebra(Contractions):
    def linear_algebra(self, node: Node) -> None:
        arrays, sizes, results = split(node.op.c["signature"])
        batch = len(self.dims.get(node.results[0], ())) - len(results[0])
        for r in node.results:
            if isinstance(r.type, Scalar):
                name = self.fresh(r)
                self.w.line(f"{ELEMENT[r.type.dtype]} {name} = 0;")
                self.env[r] = Text(name)
            elif r in self.storage.births or r in self.storage.on_tape:
                self.claim(r, self.shape(r))
        lengths = self._signature_dims(node, arrays, sizes)
        wide = {
            v: self._in_doubles(v, core, lengths) for v, core in self._cores(node, arrays, results)
        }
        status = self.names.fresh("failed")
        number = self.check_number(node.span, f"a matrix here: {node.op.c['reason']}")
        with self.nest(self.shape(node.results[0])[:batch]) as at:
            given = [self._one_matrix(x, len(core), at) for x, core in zip(node.operands, arrays)]
            made = [self._one_matrix(r, len(core), at) for r, core in zip(node.results, results)]
            for x, core, place in zip(node.operands, arrays, given):
                if wide[x]:
                    self._between_widths(wide[x], place, "double", self._core_sizes(core, lengths))
            whole = (*node.operands[: len(arrays)], *node.results)
            parts = [wide[v] or p for v, p in zip(whole, (*given, *made))]
            counts = ", ".join(str(n) for n in lengths.values())
            name = node.op.c["call"]
            table = ""
            if self.library and name in WITH_LIBRARY:
                table, name = "call->table, ", WITH_LIBRARY[name]
            call = f"{name}({table}&frame, {counts}, {', '.join(parts)})"
            self.w.line(f"const int {status} = {call};")
            self.w.line(f"ADC_MEMORY({status} != 2);")
            self.w.line(f"ADC_CHECK({number}, {status} == 0);")
            for r, core, place in zip(node.results, results, made):
                if wide[r]:
                    self._between_widths(place, wide[r], "float", self._core_sizes(core, lengths))

    def claim(self, v: Value, sizes: Sequence[Text]) -> None:
        raise NotImplementedError

    @staticmethod
    def _cores(
        node: Node, arrays: Sequence[str], results: Sequence[str]
    ) -> list[tuple[Value, str]]:
        return [*zip(node.operands, arrays), *zip(node.results, results)]

    def _signature_dims(self, node: Node, arrays: Sequence[str], sizes: str) -> dict[str, Text]:
        """The dims of the signature, in the order of their first appearance."""
        lengths: dict[str, Text] = {}
        for x, core in zip(node.operands, arrays):
            shape = self.shape(x)
            for letter, n in zip(core, shape[len(shape) - len(core) :]):
                lengths.setdefault(letter, n)
        for letter, x in zip(sizes, node.operands[len(arrays) :]):
            lengths.setdefault(letter, self.atom(x))
        return lengths

    @staticmethod
    def _core_sizes(core: str, lengths: dict[str, Text]) -> list[Text]:
        return [lengths[x] for x in core]

    def _in_doubles(self, v: Value, core: str, lengths: dict[str, Text]) -> str:
        """Doubles for a matrix of single floats."""
        if v.type.dtype != F32:
            return ""
        name = self.names.fresh(v.name, "wide")
        self.allocate(name, F64, self._core_sizes(core, lengths))
        return name

    def _one_matrix(self, v: Value, rank: int, at: Sequence[Text]) -> str:
        """A pointer to one matrix; a stack of one is used again for each of the others."""
        if isinstance(v.type, Scalar):
            return f"&{self.env[v]}"
        shape, dims = self.shape(v), self.dims[v]
        stacked = len(shape) - rank
        place = ZERO
        for k in range(stacked):
            if not isinstance(dims[k], int):
                i = at[len(at) - stacked + k]
                place = plus(place, times(i, self.count(shape[k + 1 :])))
        return plus(Text(self.name_of(v)), place).text

    def _between_widths(self, target: str, source: str, kind: str, sizes: Sequence[Text]) -> None:
        with self.nest([self.count(sizes)], "#pragma omp simd") as (i,):
            left = f"({target})[{i}]"
            self.w.line(f"{left} = ({kind})({source})[{i}];")
