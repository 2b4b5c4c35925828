"""Extremes that only shift, as in `exp(x - max(x)) / sum(exp(x - max(x)))`, count as constants.

Softmax and the logarithm of a sum of exponentials take the largest entry out so that nothing
overflows; what they give does not hang on it, so its derivative is exactly zero. The reverse sweep
would find that as a sum that cancels, with a pass over the row to add it up and one to share it out
among the entries that reach the maximum.

Followed is what each value's derivative by the extreme m is: of `m / T + ...` a factor that the program
has (it is shifted), of `exp(m / T) * ...` that factor times itself (it is scaled). If every value that hangs on m ends in values
that do not (the quotient of two that are scaled alike, the difference of two that are shifted alike),
m counts as a constant. Values of another kind, or that leave the block, settle that it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..ir.graph import CONST, Block, Function, Node, Value, free_values, walk
from ..ir.op import NON_DIFFERENTIABLE
from ..ir.types import FLOATS, Array
from ..ops import elementwise as ew
from ..ops.contract import matmul
from ..ops.reduce import max_, min_, sum_
from ..ops.shape import broadcast_to, copy, expand_dims, squeeze

__all__ = ["constant_shifts"]

#: By axis of a value, the axis of the extreme that runs along it; None where all entries hang on one.
_Axes = tuple[int | None, ...]


#: Numbers of the program's that are multiplied, with their powers.
_Unit = frozenset[tuple[Value, int]]


class _Share(NamedTuple):
    """How a value hangs on the extreme m: its derivative is `by` units, or (`scaled`) that times itself."""

    scaled: bool
    by: int
    unit: _Unit
    axes: _Axes


class _Other(Exception):
    """The value hangs on m in another way."""


def constant_shifts(function: Function) -> set[Value]:
    """The extremes that only shift: no result hangs on them."""
    zeros = {n.result for n in walk(function.block) if n.op is CONST and n.attrs["value"] == 0}
    return {v for block in _blocks(function.block) for v in _of_block(block, zeros)}


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for node in block.nodes:
        for inner in node.blocks:
            yield from _blocks(inner)


def _of_block(block: Block, zeros: Container[Value]) -> Iterator[Value]:
    for k, node in enumerate(block.nodes):
        if node.op in (max_, min_) and node.result.type.dtype in FLOATS:
            if _only_shifts(node.result, block.nodes[k + 1 :], block.results, zeros):
                yield node.result


def _only_shifts(
    extreme: Value, behind: Iterable[Node], results: Iterable[Value], zeros: Container[Value]
) -> bool:
    """Is the derivative of all that the block gives by this value exactly zero?"""
    shares = {extreme: _Share(False, 1, frozenset(), tuple(range(_rank(extreme))))}
    try:
        for node in behind:
            _follow(node, shares, zeros)
    except _Other:
        return False
    return len(shares) > 1 and shares.keys().isdisjoint(results)


def _follow(node: Node, shares: dict[Value, _Share], zeros: Container[Value]) -> None:
    if any(v in shares for inner in node.blocks for v in free_values(inner)):
        raise _Other
    if node.op.vjp is NON_DIFFERENTIABLE or all(v not in shares for v in node.operands):
        return
    rule = _RULES.get(node.op.name)
    if rule is None:
        raise _Other
    given = [shares.get(v) for v in node.operands]
    if node.op is ew.select:
        # Zero is scaled as one likes.
        known = next(s for s in given if s is not None)
        given = [known if known.scaled and v in zeros else s for v, s in zip(node.operands, given)]
    share = rule(node, given)
    if share.by:
        shares[node.result] = share


def _rank(value: Value) -> int:
    return value.type.rank if isinstance(value.type, Array) else 0


# --- rules: how the result hangs on m, by how the operands do (None: they do not) --------------------

_Shares = Sequence[_Share | None]


def _one(shares: _Shares) -> _Share:
    """The operand that hangs on m."""
    (found,) = (s for s in shares if s is not None)
    return found


def _along(node: Node, shares: _Shares) -> _Axes:
    """The axes of an elementwise result, of operands that are broadcast to it."""
    rank = _rank(node.result)
    axes = {(None,) * (rank - len(s.axes)) + s.axes for s in shares if s is not None}
    if len(axes) != 1:
        raise _Other  # two entries of m meet in one
    return axes.pop()


def _joined(node: Node, shares: _Shares, scaled: bool, sign: int) -> _Share:
    """Of two that are scaled (or shifted), by so much together."""
    found = [s for s in shares if s is not None]
    if any(s.scaled is not scaled or s.unit != found[0].unit for s in found):
        raise _Other
    a, b = (0 if s is None else s.by for s in shares)
    return _Share(scaled, a + sign * b, found[0].unit, _along(node, shares))


def _sum(node: Node, shares: _Shares, sign: int) -> _Share:
    if all(s is not None and s.scaled for s in shares):
        return _alike(node, shares)
    return _joined(node, shares, False, sign)


def _product(node: Node, shares: _Shares, sign: int) -> _Share:
    k = 0 if shares[0] is not None else 1
    x, other = shares[k], node.operands[1 - k]
    if x is None or x.scaled or shares[1 - k] is not None:
        return _joined(node, shares, True, sign)
    if _rank(other) or (k and sign < 0):
        raise _Other
    powers = dict(x.unit)
    powers[other] = powers.get(other, 0) + sign
    unit = frozenset((v, n) for v, n in powers.items() if n)
    return x._replace(unit=unit, axes=_along(node, shares))


def _alike(node: Node, shares: _Shares) -> _Share:
    """Of operands that all hang on m in the same way."""
    found = [s for s in shares if s is not None]
    if len(found) < len(shares) or len({(s.scaled, s.by, s.unit) for s in found}) != 1:
        raise _Other
    return found[0]._replace(axes=_along(node, shares))


def _neg(node: Node, shares: _Shares) -> _Share:
    x = _one(shares)
    return x if x.scaled else x._replace(by=-x.by)


def _exp(node: Node, shares: _Shares) -> _Share:
    return _must(_one(shares), False)._replace(scaled=True)


def _log(node: Node, shares: _Shares) -> _Share:
    return _must(_one(shares), True)._replace(scaled=False)


def _must(x: _Share, scaled: bool) -> _Share:
    if x.scaled is not scaled:
        raise _Other
    return x


def _expand_dims(node: Node, shares: _Shares) -> _Share:
    x, new = _one(shares), node.attrs["axes"]
    rest = iter(x.axes)
    ranks = range(len(x.axes) + len(new))
    return x._replace(axes=tuple(None if k in new else next(rest) for k in ranks))


def _squeeze(node: Node, shares: _Shares) -> _Share:
    """Some axes less. Those that go have length 1, or one entry of m along all of them."""
    x, gone = _one(shares), node.attrs["axes"]
    return x._replace(axes=tuple(a for k, a in enumerate(x.axes) if k not in gone))


def _reduced(node: Node, shares: _Shares, scaled: bool) -> _Share:
    x = _must(_one(shares), scaled)
    if any(x.axes[k] is not None for k in node.attrs["axes"]):
        raise _Other
    return _squeeze(node, shares)


def _matmul(node: Node, shares: _Shares) -> _Share:
    """Of matrices, one of which is scaled by rows or by columns."""
    x = _must(_one(shares), True) if None in shares else None
    if x is None or min(map(_rank, node.operands)) < 2:
        raise _Other
    left = shares[0] is not None
    if x.axes[-1 if left else -2] is not None:
        raise _Other
    ends = (x.axes[-2], None) if left else (None, x.axes[-1])
    batch = (None,) * (_rank(node.result) - len(x.axes)) + x.axes[:-2]
    return x._replace(axes=batch + ends)


_RULES: dict[str, Callable[[Node, _Shares], _Share]] = {
    ew.add.name: lambda node, shares: _sum(node, shares, 1),
    ew.sub.name: lambda node, shares: _sum(node, shares, -1),
    ew.mul.name: lambda node, shares: _product(node, shares, 1),
    ew.div.name: lambda node, shares: _product(node, shares, -1),
    ew.neg.name: _neg,
    ew.exp.name: _exp,
    ew.log.name: _log,
    ew.select.name: lambda node, shares: _alike(node, shares[1:]),
    ew.cast.name: _alike,
    ew.pyfloat.name: _alike,
    copy.name: _alike,
    broadcast_to.name: lambda node, shares: _alike(node, shares[:1]),
    expand_dims.name: _expand_dims,
    squeeze.name: _squeeze,
    sum_.name: lambda node, shares: _reduced(node, shares, True),
    max_.name: lambda node, shares: _reduced(node, shares, False),
    min_.name: lambda node, shares: _reduced(node, shares, False),
    matmul.name: _matmul,
}
