"""Shifted parts that are all added to one array: one pass over the elements that are written.

The adjoint of `B[1:-1] = A[:-2] + A[2:]` adds to two parts of `d_A`. One pass for each reads and
writes `d_A` twice. Here each element gathers what it is owed: in the core, where all parts lie one over
another, by one expression; at the two ends of a row, element by element; in the rows at the border,
part by part.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ...ir.build import KnownDim
from ...ir.graph import Node, Value
from ...ir.types import Array
from ...ops.index import parts, region_dims
from ..text import C, Text, infix
from .nests import Nests
from .spell import ZERO, is_literal, minus, plus

__all__ = ["Gather", "runs_of_adds"]

_SIMD = "#pragma omp simd"
#: How far parts may be shifted along a row: the ends are written out, element by element.
_FARTHEST = 8


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


def runs_of_adds(
    nodes: Sequence[Node], reads: Callable[[Node], set[Value]], alone: Container[Node],
    clears: Callable[[Node], bool],
) -> dict[Node, list[Node]]:  # fmt: skip
    """By its last node: each run of nodes that add to slices of one array, with only integers between.
    A run may begin with a node that `clears` a part.

    `reads`: what a node reads, itself or through what is written where it is used. All of a run may be
    written at its end and in any order, so that nothing in it or between reads the array, and that
    nothing is done before one of them (`alone`).
    """
    found: dict[Node, list[Node]] = {}
    run: list[Node] = []
    for node in nodes:
        letters = node.attrs.get("index", "")
        first = node.op.name == "store" and clears(node)
        slices = (first or node.op.name == "add_at") and "s" in letters and "a" not in letters
        if slices and node not in alone and node.operands[0] not in reads(node):
            follows = run and not first and node.operands[0] is run[-1].result
            run = [*run, node] if follows else [node]
        elif slices or node.blocks or any(isinstance(v.type, Array) for v in node.results):
            run = []
        elif run and run[-1].result in reads(node):
            run = []
        if len(run) > 1:
            found.pop(run[-2], None)
            found[run[-1]] = run
    return found


class Gather(Nests):
    def alike(self, nodes: Sequence[Node]) -> list[list[Node]]:
        """The adds by the sizes of their parts, the most first: these can be written as one."""
        groups: dict[tuple[str, ...], list[Node]] = {}
        for node in nodes:
            letters = node.attrs["index"]
            per_axis = zip(letters, parts(letters, node.operands[2:]))
            key = tuple(self.text(p[1] if letter == "s" else p[0]).text for letter, p in per_axis)
            groups.setdefault((letters, *key), []).append(node)
        return sorted(groups.values(), key=len, reverse=True)

    def gathered(
        self, nodes: Sequence[Node], fresh: bool = False, cleared: Node | None = None
    ) -> _Pass | None:
        """Adds to parts of one size as one pass, or None if they must be written one by one.

        `fresh`: the array is to be set, as if it had held zeros. `cleared`: the one that is added to a
        part that is to be set.
        """
        if len(nodes) < 2 or any(self._reads_base(node) for node in nodes):
            return None
        for node in nodes:
            for x in node.operands[1:]:
                self.prepare(x)
        axes = self._axes(nodes)
        if axes is None or axes[-1].fixed or all(a.fixed or a.low == a.core for a in axes):
            return None
        if axes[-1].core - axes[-1].low > _FARTHEST:
            return None
        if fresh and any(a.fixed for a in axes):
            return None
        return _Pass(self, nodes, axes, fresh, nodes.index(cleared) if cleared else None)

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
        at = [ZERO if d == 1 else Text(f"${k}") for k, d in enumerate(self._part_dims(node))]
        with self.dry_run(), self.watched() as reads:
            self.element(node.operands[1], self.spread_part(node, at))
        return any(r.buffer is self.storage.where[node.operands[0]] for r in reads)

    def _part_dims(self, node: Node) -> list[KnownDim]:
        operands = node.operands[2:]
        return list(region_dims(node.attrs, operands, [self.dims.get(x, ()) for x in operands]))

    def spread_part(self, node: Node, at: list[Text]) -> list[Text]:
        """Where in what is added the element stands that goes to `at` in the part."""
        return self._spread(node.operands[1], at, self._part_dims(node))


def _is_count(text: Text) -> bool:
    return is_literal(text) and text.text.isdigit()


class _Pass:
    """One pass over the array to which the parts of `nodes` are added."""

    def __init__(
        self, out: Gather, nodes: Sequence[Node], axes: Sequence[_Axis], fresh: bool,
        cleared: int | None,
    ) -> None:  # fmt: skip
        self.out, self.nodes, self.axes, self.fresh = out, nodes, axes, fresh
        #: the number of the part of which all elements are set, not added to
        self.cleared = cleared
        self.sizes = out.shape(nodes[0].result)
        names = iter(out.indices[out._nested :])
        self.index = [a.fixed or Text(next(names)) for a in axes]
        self.last = axes[-1]

    def write(self) -> None:
        w = self.out.w
        outermost = True
        with ExitStack() as loops:
            for i, a, n in zip(self.index[:-1], self.axes, self.sizes):
                if a.fixed is None:
                    low, end = (0, n) if self.fresh else (a.low, a.end(a.core))
                    head = f"for (long long {i} = {low}; {i} < {end}; {i}++) {{"
                    loops.enter_context(w.indented(head))
                    if outermost:  # each trip adds to rows of its own
                        w.lines[-1].work = f"({end}) * ({self.last.end(self.last.core)})"
                    outermost = False
            inside = self._inside()
            if not inside:
                self._whole_row()
                return
            with w.indented(f"if ({' && '.join(inside)}) {{", "} else {"):
                self._whole_row()
            w.depth += 1
            self._row_at_the_border()
            w.depth -= 1
            w.line("}")

    def _inside(self) -> list[str]:
        """What holds in the rows that every part has a share in."""
        tests = []
        for i, a, n in zip(self.index[:-1], self.axes, self.sizes):
            if a.fixed is None:
                tests += self._between(i, a, n, a.core, a.low)
        if self.last.low != self.last.core:
            tests.append(f"{self.last.core} < {self.last.end(self.last.low)}")
        elif self.fresh and self.last.low:
            # Parts without a length say nothing about how long the row is.
            tests.append(f"{self.last.length} > 0")
        return tests

    def _between(self, i: Text, a: _Axis, n: Text, low: int, end: int) -> list[str]:
        """low <= i < where a part that begins at `end` ends, less what the loop sees to."""
        first, stop = (0, n.text) if self.fresh else (a.low, a.end(a.core).text)
        tests = [f"{i} >= {low}"] if low != first else []
        return tests + ([f"{i} < {a.end(end)}"] if a.end(end).text != stop else [])

    # -- rows --------------------------------------------------------------------------------------

    def _whole_row(self) -> None:
        last, every = self.last, range(len(self.nodes))
        if self.fresh:
            self._zeros(Text("0"), Text(str(last.low)))
        for k in range(last.low, last.core):
            self._add([m for m in every if last.lows[m] <= k], Text(str(k)), self.fresh)
        self._loop(every, Text(str(last.core)), last.end(last.low), self.fresh)
        for k in range(last.low, last.core):
            self._add([m for m in every if last.lows[m] > k], last.end(k), self.fresh)
        if self.fresh:
            self._zeros(last.end(last.core), self.sizes[-1])

    def _row_at_the_border(self) -> None:
        last, w = self.last, self.out.w
        if self.fresh:
            self._zeros(Text("0"), self.sizes[-1])
        for places, parts_there in sorted(
            self._by_place().items(), key=lambda item: self.cleared not in item[1]
        ):
            there: list[str] = []
            for i, a, n, low in zip(self.index[:-1], self.axes, self.sizes, places):
                if a.fixed is None:
                    there += self._between(i, a, n, low, low)
            with ExitStack() as branch:
                if there:
                    branch.enter_context(w.indented(f"if ({' && '.join(there)}) {{"))
                low = places[-1]
                self._loop(parts_there, Text(str(low)), last.end(low), False)

    def _by_place(self) -> dict[tuple[int, ...], list[int]]:
        """The numbers of the parts, by where they begin on each axis."""
        found: dict[tuple[int, ...], list[int]] = {}
        for m in range(len(self.nodes)):
            place = tuple(0 if a.fixed is not None else a.lows[m] for a in self.axes)
            found.setdefault(place, []).append(m)
        return found

    def _zeros(self, low: Text, end: Text) -> None:
        if low.text == end.text:
            return
        w, i = self.out.w, self.index[-1]
        place = self.out.offset(self.index, self.sizes)
        w.line(_SIMD)
        with w.indented(f"for (long long {i} = {low}; {i} < {end}; {i}++) {{"):
            w.line(f"{self.out.name_of(self.nodes[-1].result)}[{place}] = 0.0;")

    def _loop(self, which: Sequence[int], low: Text, end: Text, sets: bool) -> None:
        w, i = self.out.w, self.index[-1]
        w.line(_SIMD)
        with w.indented(f"for (long long {i} = {low}; {i} < {end}; {i}++) {{"):
            self._add(which, i, sets)

    def _add(self, which: Sequence[int], at: Text, sets: bool) -> None:
        """The statement that adds the shares of the parts `which` to the element of the row."""
        index = [*self.index[:-1], at]
        shares = [self._share(k, index) for k in which]
        total = shares[0]
        for share in shares[1:]:
            total = infix("+", total, share, C)
        sets = sets or self.cleared in which
        self.out.set_element(self.nodes[-1].result, index, total, "=" if sets else "+=")

    def _share(self, k: int, index: Sequence[Text]) -> Text:
        """What part number k adds to the element at `index`."""
        node, out = self.nodes[k], self.out
        at = [minus(i, Text(str(a.lows[k]))) for i, a in zip(index, self.axes) if a.fixed is None]
        return out.element(node.operands[1], out.spread_part(node, at))
