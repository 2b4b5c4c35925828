"""The two ways that meet, and what each of them yields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import Array
from ..ops import stack as stacks
from ..ops.shape import copy, full
from . import arrays
from .frames import Snapshot
from .growing import element_value
from .templates import Element
from .values import ArrayRef, MaybeUnset, Object, Unset

if TYPE_CHECKING:
    from .tracer import Tracer


class Dead:
    """What a name stands for on a way on which nobody will ask."""

    def __repr__(self) -> str:
        return "DEAD"


DEAD = Dead()


def inside_maybe(x: Any) -> Any:
    """What a name stands for where it is bound."""
    return x.value if isinstance(x, MaybeUnset) else DEAD if isinstance(x, Unset) else x


def ref_or_none(x: Any) -> ArrayRef | None:
    return None if x is DEAD else x


def fill(mine: Any, other: Any, x: Any) -> Any:
    return (other[0], [DEAD] * len(other[1])) if mine is None and x is DEAD else mine


Emit = Callable[[], Value]
Emits = tuple[Emit, Emit]


@dataclass
class Side:
    """One way: its state at its end. `relevant`: does a name matter on this way?

    `references`: how often each array, list or dict can be reached. `yielded`: the array values
    that this side yields already.
    """

    state: Snapshot
    relevant: Callable[[str], bool]
    references: Counter[Object] = field(default_factory=Counter)
    yielded: set[Value] = field(default_factory=set)


class Yields:
    """Makes the values that the sides yield, each in the block at whose end it is asked for."""

    def __init__(self, st: Tracer, sides: tuple[Side, Side]):
        self.st = st
        self.sides = sides

    def at_side(self, k: int, act: Callable[[], Any]) -> Any:
        """Asks about a side, or emits there, with its heap in place."""
        held = self.st.heap
        self.st.heap = self.sides[k].state.heap
        try:
            return act()
        finally:
            self.st.heap = held

    def once(self, k: int, value: Value) -> Value:
        """A way never yields one array twice: the second time it is a copy."""
        yielded = self.sides[k].yielded
        if value in yielded and isinstance(value.type, Array):
            return self.st.b.emit(copy, value)
        yielded.add(value)
        return value

    def whole(self, k: int, value: Value) -> Emit:
        return lambda: self.once(k, value)

    def copied(self, value: Value) -> Emit:
        return lambda: self.st.b.emit(copy, value)

    def view(self, k: int, ref: ArrayRef) -> Emit:
        return lambda: self.once(k, self.at_side(k, lambda: arrays.read(self.st, ref)))

    def dummy(self, dtype: str, dims: tuple[KnownDim, ...]) -> Emit:
        """An array of the right type, where nobody will look at it."""

        def make() -> Value:
            b = self.st.b
            sizes = [
                b.const(d) if isinstance(d, int) else d if b.visible(d) else b.const(0)
                for d in dims
            ]
            ones = tuple(isinstance(d, int) for d in dims)
            return b.emit(full, b.const(0, dtype), *sizes, ones=ones)

        return make

    def stack(self, k: int, entry: Any, element: Element) -> Emit:
        """A list's contents as a stack."""

        def make() -> Value:
            if isinstance(entry, Value):
                return self.once(k, entry)
            made = self.st.b.emit(stacks.new, element=element.type)
            for item in entry if isinstance(entry, tuple) else ():
                value = self.at_side(k, lambda i=item: element_value(self.st, i, element))
                made = self.st.b.emit(stacks.push, made, value)
            return made

        return make
