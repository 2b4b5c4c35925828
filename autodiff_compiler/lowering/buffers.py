"""What a storage plan is made of: buffers, copies between them, what loops and branches do with them.

Levels: what is allocated in a loop's body is given back when that trip ends. Level 0 is the
function, level k the body of the k-th loop around.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import Type

__all__ = ["Buffer", "Copy", "Slot", "LoopPlan", "BranchPlan"]


@dataclass(eq=False, slots=True)
class Buffer:
    """A pointer variable. `level`: in which loop body its memory is allocated (see above)."""

    type: Type
    dims: tuple[KnownDim, ...]
    level: int
    name: str = ""
    #: The function's parameter or result whose memory this is, if any.
    param: int | None = None
    output: int | None = None
    #: It takes part in an exchange of pointers, so that its variable is not always the same memory.
    swapped: bool = False
    #: Its memory may be that of another buffer (it only ever is read then).
    alias: bool = False
    written: bool = False


@dataclass(eq=False, slots=True)
class Copy:
    """Contents of `value` into `to`. `steal`: a stack whose contents may be taken instead."""

    to: Buffer
    value: Value
    steal: bool = False
    #: Through a temporary, because another copy may write what this one reads.
    careful: bool = False


@dataclass(eq=False, slots=True)
class Slot:
    """One array or stack slot. `init`: "same" (the initial value's variable), "point" or "copy"."""

    buffer: Buffer
    init: str
    owned: bool
    ring: int = -1


@dataclass(eq=False, slots=True)
class LoopPlan:
    slots: dict[int, Slot] = field(default_factory=dict)
    #: Allocated before the loop (those that inner loops need included).
    allocate: list[Buffer] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    #: At the end of a trip, all at once: variable <- old variable.
    moves: list[tuple[Buffer, Buffer]] = field(default_factory=list)
    #: The body allocates memory that each trip gives back.
    releases: bool = False
    #: Scalar slots that continue the variable of their initial value.
    continued: set[int] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class BranchPlan:
    """Per branch: copies, then moves. `declare`: variables that the branches set."""

    declare: list[Buffer] = field(default_factory=list)
    copies: tuple[list[Copy], list[Copy]] = field(default_factory=lambda: ([], []))
    moves: tuple[list[tuple[Buffer, Buffer]], ...] = field(default_factory=lambda: ([], []))
    #: Scalar results that continue a variable: result number -> (branch, value in that branch).
    continued: dict[int, Value] = field(default_factory=dict)
