"""Shifted parts that are all added to one array: one pass over the elements that are written.

The adjoint of `B[1:-1] = A[:-2] + A[2:]` adds to two parts of `d_A`. One pass for each reads and
writes `d_A` twice. Here each element gathers what it is owed: in the core, where all parts lie one over
another, by one expression; at the two ends of a row, element by element; in the rows at the border,
part by part.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from ...ir.graph import Node
from ...ir.types import Array
from ...ops.index import parts, region_dims
from ..text import C, Text, infix
from .nests import Nests
from .spell import ZERO, is_literal, minus, plus

__all__ = ["Gather", "runs_of_adds"]

_SIMD = "#pragma omp simd"


@dataclass(frozen=True, slots=True)
class _Axis:
    """An axis of the array: where each part begins on it, and how long they all are.

    `fixed`: the one index on it, if the parts have no length there.
    """

    lows: tuple[int, ...] = ()
    length: Text = ZERO
    fixed: Text | None = None

    @property
    def low(self) -> int:
        return min(self.lows)

    @property
    def core(self) -> int:
        return max(self.lows)

    def end(self, low: int) -> Text:
        return plus(Text(str(low)), self.length)


def runs_of_adds(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
    """By its last node: each run of nodes that add to slices of one array, with only integers between."""
    found: dict[Node, list[Node]] = {}
    run: list[Node] = []
    for node in nodes:
        letters = node.attrs.get("index", "")
        slices = node.op.name == "add_at" and "s" in letters and "a" not in letters
        if slices and run and node.operands[0] is run[-1].result:
            run.append(node)
        elif slices:
            run = [node]
        elif node.blocks or any(isinstance(v.type, Array) for v in node.results):
            run = []
        elif run and any(v is run[-1].result for v in node.operands):
            run = []
        if len(run) > 1:
            found.pop(run[-2], None)
            found[run[-1]] = run
    return {last: list(nodes) for last, nodes in found.items()}


class Gather(Nests):
    def gather(self, nodes: Sequence[Node]) -> bool:
        """Writes a run of adds as one pass; False if they have to be written one after the other."""
        if any(node.attrs["index"] != nodes[0].attrs["index"] for node in nodes):
            return False
        if any(self._reads_base(node) for node in nodes):
            return False
        for node in nodes:
            for x in node.operands[1:]:
                self.prepare(x)
        axes = self._axes(nodes)
        if axes is None or all(a.fixed or a.low == a.core for a in axes):
            return False
        last = axes[-1]
        if last.fixed is not None:
            return False
        names = iter(self.indices[self._nested :])
        index = [a.fixed or Text(next(names)) for a in axes]
        inside = [
            f"{i} >= {a.core} && {i} < {a.end(a.low)}"
            for i, a in zip(index, axes[:-1])
            if a.fixed is None and a.low != a.core
        ]
        if last.low != last.core:
            inside.append(f"{last.core} < {last.end(last.low)}")
        outermost = True
        with ExitStack() as loops:
            for i, a in zip(index, axes[:-1]):
                if a.fixed is not None:
                    continue
                head = f"for (long long {i} = {a.low}; {i} < {a.end(a.core)}; {i}++) {{"
                loops.enter_context(self.w.indented(head))
                if outermost:  # each trip adds to rows of its own
                    self.w.lines[-1].work = f"({a.end(a.core)}) * ({last.end(last.core)})"
                outermost = False
            if not inside:
                self._whole_row(nodes, axes, index)
                return True
            with self.w.indented(f"if ({' && '.join(inside)}) {{", "} else {"):
                self._whole_row(nodes, axes, index)
            self.w.depth += 1
            self._row_at_the_border(nodes, axes, index)
            self.w.depth -= 1
            self.w.line("}")
        return True

    # -- what is added where -----------------------------------------------------------------------

    def _axes(self, nodes: Sequence[Node]) -> list[_Axis] | None:
        """The axes of the array, if the parts begin at known places and are of one size."""
        letters = nodes[0].attrs["index"]
        per_node = [parts(letters, node.operands[2:]) for node in nodes]
        axes: list[_Axis] = []
        for k, letter in enumerate(letters):
            column = [p[k] for p in per_node]
            if letter == "i":
                texts = {self.text(p[0]).text for p in column}
                if len(texts) > 1:
                    return None
                axes.append(_Axis(fixed=self.atom(column[0][0])))
                continue
            first = [self.text(p[0]) for p in column]
            length = {self.atom(p[1]).text for p in column}
            steps = {self.text(p[2]).text for p in column}
            if steps != {"1"} or len(length) > 1 or not all(map(_is_count, first)):
                return None
            axes.append(_Axis(tuple(int(t.text) for t in first), Text(length.pop())))
        return axes

    def _reads_base(self, node: Node) -> bool:
        """Does what is added read the array that it is added to?"""
        dims = region_dims(
            node.attrs, node.operands[2:], [self.dims.get(x, ()) for x in node.operands[2:]]
        )
        at = [ZERO if d == 1 else Text(f"${k}") for k, d in enumerate(dims)]
        with self.dry_run():
            self.reads = []
            self.element(node.operands[1], self._spread(node.operands[1], at, dims))
            reads, self.reads = self.reads, None
        return any(r.buffer is self.storage.where[node.operands[0]] for r in reads)

    def _share(self, node: Node, k: int, axes: Sequence[_Axis], index: Sequence[Text]) -> Text:
        """What part number k adds to the element at `index`."""
        at = [minus(i, Text(str(a.lows[k]))) for i, a in zip(index, axes) if a.fixed is None]
        operands = node.operands[2:]
        dims = region_dims(node.attrs, operands, [self.dims.get(x, ()) for x in operands])
        return self.element(node.operands[1], self._spread(node.operands[1], at, dims))

    def _add(
        self, nodes: Sequence[Node], which: Sequence[int], axes: Sequence[_Axis], index: list[Text]
    ) -> None:
        """The statement that adds the shares of the parts `which` to the element at `index`."""
        total: Text | None = None
        for k in which:
            share = self._share(nodes[k], k, axes, index)
            total = share if total is None else infix("+", total, share, C)
        assert total is not None
        v = nodes[-1].result
        self.touch(replace(self.access(v, index), writes=True, adds=True))
        self.w.line(f"{self.name_of(v)}[{self.offset(index, self.shape(v))}] += {total};")

    # -- rows --------------------------------------------------------------------------------------

    def _whole_row(
        self, nodes: Sequence[Node], axes: Sequence[_Axis], index: Sequence[Text]
    ) -> None:
        """A row that every part has a share in."""
        last = axes[-1]
        every = range(len(nodes))
        for k in range(last.low, last.core):
            before = [m for m in every if last.lows[m] <= k]
            self._add(nodes, before, axes, [*index[:-1], Text(str(k))])
        self._loop(nodes, every, axes, index, Text(str(last.core)), last.end(last.low))
        for k in range(last.low, last.core):
            behind = [m for m in every if last.lows[m] > k]
            self._add(nodes, behind, axes, [*index[:-1], last.end(k)])

    def _row_at_the_border(
        self, nodes: Sequence[Node], axes: Sequence[_Axis], index: Sequence[Text]
    ) -> None:
        last = axes[-1]
        for m, low in enumerate(last.lows):
            there = []
            for i, a in zip(index, axes[:-1]):
                if a.fixed is None and a.lows[m] != a.low:
                    there.append(f"{i} >= {a.lows[m]}")
                if a.fixed is None and a.lows[m] != a.core:
                    there.append(f"{i} < {a.end(a.lows[m])}")
            with ExitStack() as branch:
                if there:
                    branch.enter_context(self.w.indented(f"if ({' && '.join(there)}) {{"))
                self._loop(nodes, [m], axes, index, Text(str(low)), last.end(low))

    def _loop(
        self, nodes: Sequence[Node], which: Sequence[int], axes: Sequence[_Axis],
        index: Sequence[Text], low: Text, end: Text,
    ) -> None:  # fmt: skip
        i = index[-1]
        self.w.line(_SIMD)
        with self.w.indented(f"for (long long {i} = {low}; {i} < {end}; {i}++) {{"):
            self._add(nodes, which, axes, list(index))


def _is_count(text: Text) -> bool:
    return is_literal(text) and text.text.isdigit()
