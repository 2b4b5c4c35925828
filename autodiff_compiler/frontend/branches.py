"""Branches: both arms are traced, each from the same state, and joined.

What follows an arm that surely leaves (break, continue, return) goes into the other arm. An arm
that surely raises is not traced into the graph: it is a check that it is not taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ir.graph import Node, Value
from ..ops.elementwise import not_, or_
from .frames import HIDDEN, RESULT, RETURNED, Snapshot
from .join import Joiner, Side
from .scopes import NONE, Names
from .values import Abstract, Num, Poison, Static

if TYPE_CHECKING:
    from .tracer import Tracer

#: A pseudo-name: this path has surely left the block, though it is open which way.
LEFT = "<left>"
#: Do we surely leave, surely stay, or does a run decide?
Gone = bool | Value
Arm = Callable[[], "Abstract | None"]

FORGOTTEN = Poison("the compiler has lost what this name stands for", "please report this program")


@dataclass
class Rest:
    """What follows in a block. `live`: the names live behind its end."""

    trace: Callable[[], None]
    live: Names


@dataclass
class _Way:
    nodes: list[Node]
    state: Snapshot
    gone: Gone
    raised: bool


def gone(st: Tracer) -> Gone:
    """Has this path left the block by break, continue or return?"""
    if LEFT in st.frame.env:
        return True
    flags = [st.frame.env.get(name) for name in exits(st)]
    found: Value | None = None
    for flag in flags:
        if isinstance(flag, Num):
            found = flag.value if found is None else st.b.emit(or_, found, flag.value)
        elif isinstance(flag, Static) and flag.value:
            return True
    return False if found is None else found


def exits(st: Tracer) -> list[str]:
    """The pseudo-names of the ways out of the present block."""
    names = [RETURNED]
    if st.frame.loops:
        names += (st.frame.loops[-1].broken, st.frame.loops[-1].skipped)
    return names


def relevance(
    st: Tracer, state: Snapshot, live: Names | None, left: bool = False
) -> Callable[[str], bool]:
    """Which names matter at the end of a path. `live` None: all of them. `left`: it goes nowhere on."""
    if _is(state, RETURNED) is True:
        return lambda name: name.startswith(HIDDEN)
    wanted = NONE if left else live
    for loop in reversed(st.frame.loops):
        for flag, names in ((loop.broken, loop.live_broken), (loop.skipped, loop.live_skipped)):
            holds = _is(state, flag)
            if holds is True:
                return lambda name, names=names: name.startswith(HIDDEN) or name in names
            if holds is None and wanted is not None:
                wanted |= names
    if wanted is None:
        return lambda name: True
    return lambda name: name.startswith(HIDDEN) or name in wanted


def _is(state: Snapshot, flag: str) -> bool | None:
    """Is a flag known to hold or not to hold?"""
    value = state.env.get(flag)
    if isinstance(value, Num):
        return None
    return isinstance(value, Static) and bool(value.value)


def branch(
    st: Tracer, pred: Value, then: Arm, otherwise: Arm, live: Names | None = None,
    rest: Rest | None = None,
) -> tuple[Abstract | None, bool]:  # fmt: skip
    """Traces both arms and joins them. What they give is joined as well.

    `live`: the names live afterwards. `rest` is what follows in the block: if one arm surely
    leaves, it is traced inside the other. Returns the joined result, and whether `rest` was traced.
    """
    before = st.snapshot()
    span = st.b.span
    ways = []
    for arm in (then, otherwise):
        st.restore(before)
        st.b.span = span
        st.b.open()
        given = st.guarded(arm)
        if given is not None:
            st.frame.env[RESULT_OF_ARM] = given
        ways.append(_leave(st))
    st.b.span = span
    if any(way.raised for way in ways):
        return _without_raising(st, pred, before, ways), False
    rest_done = False
    if rest is not None and sum(way.gone is True for way in ways) == 1:
        k = 0 if ways[1].gone is True else 1
        st.restore(ways[k].state)
        st.b.resume(ways[k].nodes)
        leaving = ways[k].gone
        st.guarded(lambda: continue_unless(st, leaving, rest))
        ways[k] = _leave(st)
        rest_done = True
        live = rest.live
        st.b.span = span
        if any(way.raised for way in ways):
            return _without_raising(st, pred, before, ways), True
    _join(st, pred, before, ways, live)
    return st.frame.env.pop(RESULT_OF_ARM, None), rest_done


#: The value of an arm, while it is joined.
RESULT_OF_ARM = "<value of arm>"


def continue_unless(st: Tracer, leaving: Gone, rest: Rest) -> None:
    """Traces the rest of a block for the paths that have not left it."""
    if isinstance(leaving, bool):
        if not leaving:
            rest.trace()
        return

    def stay() -> None:
        resolve_flags(st, False)
        rest.trace()

    branch(st, leaving, lambda: resolve_flags(st, True), stay, rest.live)


def _leave(st: Tracer) -> _Way:
    leaving = gone(st)
    st.frame.env.pop(LEFT, None)
    return _Way(st.b.suspend(), st.snapshot(), leaving, st.raised())


def _without_raising(
    st: Tracer, pred: Value, before: Snapshot, ways: list[_Way]
) -> Abstract | None:
    """One arm raises: the program goes on as if there were only the other, which is checked."""
    st.restore(before)
    k = 1 if ways[0].raised else 0
    if ways[k].raised:
        st.raise_here("both ways raise")
        return None
    st.check(pred if k == 0 else st.b.emit(not_, pred), "raise")
    st.b.splice(ways[k].nodes)
    st.restore(ways[k].state)
    return st.frame.env.pop(RESULT_OF_ARM, None)


def _join(st: Tracer, pred: Value, before: Snapshot, ways: list[_Way], live: Names | None) -> None:
    st.restore(before)
    sides = tuple(Side(way.state, relevance(st, way.state, live, way.gone is True)) for way in ways)
    names = sorted({name for way in ways for name in way.state.env})
    joiner = Joiner(st, before, (sides[0], sides[1]))
    plan = joiner.plan(names)
    blocks = []
    for k, way in enumerate(ways):
        st.b.resume(way.nodes)
        st.heap, st.elements = dict(way.state.heap), dict(way.state.elements)
        values = [slot.emit[k]() for slot in plan.slots]
        blocks.append(st.b.close((), values))
    st.restore(before)
    _take_over(st, before, ways)
    for name in names:
        if not any(side.relevant(name) for side in sides):
            st.frame.env[name] = FORGOTTEN
        elif name not in plan.names:
            chosen = sides[0] if sides[0].relevant(name) else sides[1]
            st.frame.env[name] = chosen.state.env.get(name, st.unset)
    results = st.b.cond(pred, blocks[0], blocks[1])
    for slot, result in zip(plan.slots, results):
        result.name = slot.name or result.name
    plan.enter(st, list(results))
    if all(way.gone is True for way in ways):
        st.frame.env[LEFT] = Static(True)


def _take_over(st: Tracer, before: Snapshot, ways: list[_Way]) -> None:
    """What was done to the world in either arm, beside what is joined."""
    for way in ways:
        st.mutated |= way.state.mutated
        for made in before.heap:
            made.locked = made.locked or way.state.locks.get(made, "")
    for made, entry in ways[0].state.heap.items():
        if made in before.heap and ways[1].state.heap[made] is entry:
            st.heap[made] = entry


def resolve_flags(st: Tracer, holds: bool) -> None:
    """Inside an arm that was entered because this path has left its block, or has not.

    If several ways out are open, it is not known which was taken.
    """
    open_flags = [n for n in exits(st) if isinstance(st.frame.env.get(n), Num)]
    if holds and len(open_flags) > 1:
        return
    for name in open_flags:
        st.frame.env[name] = Static(holds)
    if not holds and RETURNED in open_flags:
        st.frame.env.pop(RESULT, None)
