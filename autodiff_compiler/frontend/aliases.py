"""Which names share an array after two ways have met, and which of the arrays may be written then.

If on each way the same names share an array, and nobody else sees it, they share one afterwards,
and it may be written. Otherwise each name is left with the contents only, and the arrays that it
may have been are locked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import arrays
from .frames import RESULT, Snapshot
from .sides import Side, Yields
from .templates import Lost
from .values import ArrayRef, Object, Path

if TYPE_CHECKING:
    from .tracer import Tracer

#: A root is a name, or a list or dict whose contents differ.
Root = Any


@dataclass
class Pair:
    """An array leaf: what it is on either side (None: nobody asks there).

    `objects`: its arrays, completed by what other names say. `linear`: it is the joined names' own.
    """

    root: Root
    refs: tuple[ArrayRef | None, ArrayRef | None]
    objects: list[Object | None] = field(default_factory=list)
    linear: bool = False
    group: int | None = None
    lost: Lost | None = None

    @property
    def bases(self) -> list[Object | None]:
        return [ref and ref.object for ref in self.refs]


class Aliases:
    """Sorts pairs into groups: linear ones share an array, any other has one to itself."""

    def __init__(
        self, st: Tracer, before: Snapshot, sides: tuple[Side, Side], yields: Yields,
        was_plain: Callable[[Root], bool], in_loop: bool,
    ):  # fmt: skip
        self.st = st
        self.before = before
        self.sides = sides
        self.yields = yields
        self.was_plain = was_plain
        self.in_loop = in_loop
        self.pairs: list[Pair] = []

    def groups(self) -> list[Pair]:
        """Numbers the groups; gives one pair of each."""
        for pair in self.pairs:
            pair.lost = self._mismatch(pair)
        pairs = [p for p in self.pairs if not p.lost]
        partners = self._partners(pairs)
        for pair in pairs:
            pair.objects = self._completed(pair, partners)
            pair.linear = self._is_linear(pair, partners)
        self._spread(pairs)
        numbers: dict[Any, int] = {}
        firsts: list[Pair] = []
        for pair in pairs:
            key = tuple(pair.objects) if pair.linear else id(pair)
            if key not in numbers:
                numbers[key] = len(firsts)
                firsts.append(pair)
            pair.group = numbers[key]
        return firsts

    def moved(self, made: Object) -> bool:
        """Is every name of this array given another one by the meeting?"""
        return all(
            side.references[made] == sum(p.linear and p.bases[k] is made for p in self.pairs)
            for k, side in enumerate(self.sides)
        ) and any(p.linear and made in p.bases for p in self.pairs)

    def _partners(self, pairs: list[Pair]) -> tuple[dict, dict]:
        """Per side and array: the arrays that stand in its place on the other side."""
        found: tuple[dict, dict] = ({}, {})
        for pair in pairs:
            objects = pair.bases
            for k in (0, 1):
                if objects[k] is not None:
                    others = found[k].setdefault(objects[k], set())
                    if objects[1 - k] is not None:
                        others.add(objects[1 - k])
        return found

    def _completed(self, pair: Pair, partners: tuple[dict, dict]) -> list[Object | None]:
        """On a side where nobody asks for this name, another name may say what it is."""
        objects = list(pair.bases)
        for k in (0, 1):
            others = partners[1 - k].get(objects[1 - k], ())
            if objects[k] is None and len(others) == 1:
                objects[k] = next(iter(others))
        return objects

    def _is_linear(self, pair: Pair, partners: tuple[dict, dict]) -> bool:
        """Does nobody but the names that are joined here see the array, on either side?"""
        if self.was_plain(pair.root):
            return False
        if pair.refs[0] and pair.refs[1] and not alike(pair.refs[0].path, pair.refs[1].path):
            return False
        for k, made in enumerate(pair.objects):
            if made is None:
                continue
            uses = sum(p.bases[k] is made for p in self.pairs)
            if (
                made.leaf is not None
                or made.locked
                or made.origin.shadows
                or made.root is not None
                or len(partners[k].get(made, ())) > 1
                or uses != self.sides[k].references[made]
            ):
                return False
        return True

    def _spread(self, pairs: list[Pair]) -> None:
        """What one name may be a mere copy of is no longer another name's own."""
        changed = True
        while changed:
            changed = False
            for k in (0, 1):
                shared = {p.objects[k] for p in pairs if not p.linear} - {None}
                for pair in pairs:
                    if pair.linear and pair.objects[k] in shared:
                        pair.linear = False
                        changed = True

    def _mismatch(self, pair: Pair) -> Lost | None:
        """Why no array can stand for both, if so."""
        label = pair.root if isinstance(pair.root, str) and pair.root.isidentifier() else ""
        what = f"`{label}`" if label else "this"
        known = [(k, ref) for k, ref in enumerate(pair.refs) if ref is not None]
        types = [
            self.yields.at_side(k, lambda r=ref: arrays.type_of(self.st, r)) for k, ref in known
        ]
        kinds = {(t.dtype, t.rank, ref.object.foreign) for t, (_, ref) in zip(types, known)}
        if len(kinds) > 1:
            return Lost(
                f"{what} is an array of {types[0]} on one way and of {types[1]} on another",
                "begin with an array of the final dtype and number of axes",
            )
        if not self.in_loop or pair.refs[0] is not None:
            return None
        dims = self.yields.at_side(1, lambda: arrays.dims_of(self.st, known[0][1]))
        if all(isinstance(d, int) or self.st.b.visible(d) for d in dims):
            return None
        if pair.root == RESULT:
            return Lost(
                "an array is returned from within a loop, and its size is known only there",
                "bind it to a name before the loop, and return that behind the loop",
            )
        return Lost(
            f"{what} is bound within a loop, to an array whose size is known only there",
            "bind it to an array before the loop, for instance to `np.zeros(n)`",
        )


def alike(a: Path | None, b: Path | None) -> bool:
    """Are two views of one structure, so that only their indices differ?"""
    if a is None or b is None:
        return a is b
    return a.out == b.out and [type(i) for i in a.items] == [type(i) for i in b.items]
