"""What is known of the integers that index arrays: literals, offsets from a value, signs."""

from __future__ import annotations

from ..ir.graph import CONST, DIM, FOR, Function, Value, walk
from ..ops import TABLE

_INDEX, _IADD, _ISUB = TABLE["index"], TABLE["iadd"], TABLE["isub"]

#: An integer as a value (None: zero) and a number added to it.
Affine = tuple[Value | None, int]


class Indices:
    """Facts about the integers of one function. All are sound; what is not known is not guessed."""

    def __init__(self, function: Function):
        nodes = list(walk(function.block))
        self.producer = {r: node for node in nodes for r in node.results}
        self.counter_of = {node.blocks[0].params[0]: node for node in nodes if node.op is FOR}

    def bare(self, v: Value) -> Value:
        made = self.producer.get(v)
        return made.operands[0] if made is not None and made.op is _INDEX else v

    def literal(self, v: Value) -> int | None:
        made = self.producer.get(v)
        return made.attrs["value"] if made is not None and made.op is CONST else None

    def affine(self, v: Value) -> Affine:
        """`v` as a value and a number added to it; a literal is a number added to nothing."""
        known = self.literal(v)
        if known is not None:
            return None, known
        made = self.producer.get(v)
        if made is not None and made.op in (_IADD, _ISUB):
            offset = self.literal(made.operands[1])
            if offset is not None:
                base, more = self.affine(made.operands[0])
                return base, more + (offset if made.op is _IADD else -offset)
        return v, 0

    def not_negative(self, v: Value) -> bool:
        return self.at_least(v, 0)

    def at_least(self, v: Value, least: int) -> bool:
        """Is v >= least certain?"""
        base, offset = self.affine(v)
        if base is None:
            return offset >= least
        least -= offset
        made = self.producer.get(base)
        if made is not None and (made.op is DIM or made.op is _INDEX):
            return least <= 0
        loop = self.counter_of.get(base)
        if loop is None:
            return False
        start, stop, step = loop.operands[:3]
        forward = self.literal(step)
        if forward is not None and forward > 0:
            return self.at_least(start, least)
        end = self.literal(stop)
        return forward is not None and forward < 0 and end is not None and end + 1 >= least

    def at_most(self, a: Affine, b: Affine) -> bool:
        """Is a <= b certain?"""
        (x, p), (y, q) = a, b
        if x is y:
            return p <= q
        if x is None and y is not None:
            return self.at_least(y, p - q)
        for base, shift, other in ((x, p, b), (y, q, a)):
            loop = None if base is None else self.counter_of.get(base)
            step = None if loop is None else self.literal(loop.operands[2])
            if loop is None or not step:
                continue
            start, stop = (self.affine(v) for v in loop.operands[:2])
            if base is x:
                # A counter is below where it stops, or at most where it starts to go down from.
                end = (stop[0], stop[1] + shift - 1) if step > 0 else (start[0], start[1] + shift)
                if self.at_most(end, other):
                    return True
            else:
                end = (start[0], start[1] + shift) if step > 0 else (stop[0], stop[1] + shift + 1)
                if self.at_most(other, end):
                    return True
        return False
