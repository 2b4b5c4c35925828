"""Stores whose old values nothing before them reads, so that the sweep need not put these back.

`x[t + 1] = step(x[t])` in a loop over t: no earlier trip, and nothing earlier in the trip, reads at
t + 1 or beyond. Behind the store, going backwards, what stands there does not matter any more. The
loop stands in the outermost block, or trips of a loop around it might read all of the array; what
reads the array before the loop gets a copy.
"""

from __future__ import annotations

from ..ir.graph import (
    COND,
    DIM,
    FOR,
    WHILE,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
    walk,
)
from ..ops.index import add_at, load, parts, slice_, store
from .indices import Affine, Indices
from .structure import Structure

__all__ = ["Fresh"]


class Fresh:
    """Asks of stores whether they are such ones. All reads of the array in the loop are looked at,
    whether the sweep does them again or not."""

    def __init__(self, structure: Structure):
        self.s = structure
        self.known = Indices(structure.function)
        self._answers: dict[Node, bool] = {}

    def __call__(self, node: Node) -> bool:
        if node not in self._answers:
            self._answers[node] = self._is_fresh(node)
        return self._answers[node]

    def _is_fresh(self, node: Node) -> bool:
        loop = self.s.parent.get(self.s.node_place[node].block)
        if loop is None or loop.op is not FOR or self.s.node_place[loop].block is not self.s.top:
            return False
        letters = node.attrs["index"]
        if "a" in letters or not self.known.literal(loop.operands[2]):
            return False
        index = parts(letters, node.operands[2:])
        axes = [k for k, letter in enumerate(letters) if letter == "i"]
        return any(self._beyond(node, loop, k, index[k][0]) for k in axes)

    def _beyond(self, node: Node, loop: Node, axis: int, i: Value) -> bool:
        """Along this axis, does the loop write where it has not read yet?"""
        written = self._place(i)
        if written is None or written[0] is not loop.blocks[0].params[0]:
            return False
        kin = self.s.kin(node.operands[0])
        if not self._keeps_to_itself(loop, kin):
            return False
        return all(
            self._before(reader, node, loop, axis, written)
            for reader in walk(loop.blocks[0])
            if self._reads(reader, kin)
        )

    def _keeps_to_itself(self, loop: Node, kin: Value) -> bool:
        """Is every version of the array in a slot of its own, and never a value of something else?"""
        for inner in (loop, *walk(loop.blocks[0])):
            if inner.op is FOR or inner.op is WHILE:
                for init, p, y in zip(carried_init(inner), slot_params(inner), slot_yields(inner)):
                    if len({self.s.kin(v) is kin for v in (p, y)}) > 1:
                        return False
                    if self.s.kin(init) is kin and inner not in self.s.eaters.get(init, ()):
                        return False
            elif inner.op is COND:
                for r, *ys in zip(inner.results, *(block.results for block in inner.blocks)):
                    if len({self.s.kin(v) is kin for v in (r, *ys)}) > 1:
                        return False
        return True

    def _reads(self, node: Node, kin: Value) -> bool:
        if node.blocks or node.op is DIM:
            return False
        first = 1 if node.op in (store, add_at) else 0
        return any(self.s.kin(v) is kin for v in node.operands[first:])

    def _before(self, reader: Node, node: Node, loop: Node, axis: int, written: Affine) -> bool:
        """Does it read, in this trip and in all earlier ones, short of where this trip writes?"""
        if reader.op is not load or any(
            self.s.kin(v) is self.s.kin(node.operands[0]) for v in reader.operands[1:]
        ):
            return False
        step = self.known.literal(loop.operands[2])
        assert step
        letter = reader.attrs["index"][axis]
        given = parts(reader.attrs["index"], reader.operands[1:])[axis]
        read = self._place(given[0]) if letter == "i" else self._end(letter, given, step > 0)
        if read is None:
            return False
        # What is read behind the store in the same trip may be what was stored.
        body = loop.blocks[0]
        here = self.s.node_place[node].index
        earlier = self.s.index_in(body, self.s.node_place[reader]) < here
        counter, offset = written
        if step > 0:
            return self.known.at_most(read, (counter, offset - earlier))
        return self.known.at_most((counter, offset + earlier), read)

    def _place(self, i: Value) -> Affine | None:
        """An index as a value and a number added to it, if it does not count from the end."""
        bare = self.known.bare(i)
        return self.known.affine(bare) if self.known.not_negative(bare) else None

    def _end(self, letter: str, given: tuple[Value, ...], upper: bool) -> Affine | None:
        """The last place of a slice, or the first."""
        made = self.known.producer.get(given[1]) if letter == "s" else None
        if made is None or made.op is not slice_ or made.results[1] is not given[1]:
            return None
        # A slice of a slice begins elsewhere.
        own = given[0] is made.results[0] or (
            not made.attrs["lo"] and self.known.literal(given[0]) == 0
        )
        if not own or self.known.literal(given[2]) != 1:
            return None
        bounds = list(made.operands)
        low = bounds.pop(0) if made.attrs["lo"] else None
        high = bounds.pop(0) if made.attrs["hi"] else None
        bound = high if upper else low
        if (
            bound is None
            or self.known.literal(bounds[0]) != 1
            or not self.known.not_negative(bound)
        ):
            return None
        base, offset = self.known.affine(bound)
        return base, offset - upper
