"""Loops: the body is traced again and again until what enters a trip is what a trip leaves.

A loop has at most one exit: break, and return from within, are flags that are carried and stop it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..ir.graph import Block, Value
from ..ir.types import BOOL, I64, Array, Scalar
from ..ops.elementwise import and_, eq, not_, or_
from ..ops.shape import full, reshape
from .branches import FORGOTTEN, LEFT, Gone, Rest, branch, continue_unless, gone
from .frames import HIDDEN, RESULT, RETURNED, LoopFrame, Snapshot
from .join import Joiner, Plan, Side
from .numbers import Kind, join_kinds, kind_of
from .scopes import NONE, Names
from .templates import Number, Slot
from .values import MaybeUnset, Num, Object, Static, Unset

if TYPE_CHECKING:
    from .tracer import Tracer

_ROUNDS = 16


@dataclass
class Loop:
    """One loop statement, before it is traced.

    `begin` binds the target at the head of a trip, given the counter. `at_least_one`: is it known
    that there is a trip? `left`: does the trip that was just traced surely leave the loop, by break
    or by return?
    """

    node: ast.For | ast.While
    frame: LoopFrame
    head: Names
    needed: Names
    after: Names
    assigned: Names
    begin: Callable[[Value], None] = lambda counter: None
    at_least_one: bool = False
    left: bool = False


@dataclass
class _Hints:
    """What earlier tracings of the same loop have found out, so that inner loops settle at once."""

    numbers: dict[str, Kind] = field(default_factory=dict)
    written: set[Object] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    #: the objects that `written` decides on; what is born anew at each tracing goes by its name
    seen: set[Object] = field(default_factory=set)


def describe_loop(st: Tracer, node: ast.For | ast.While) -> Loop:
    scope = st.frame.scope
    depth = len(st.frame.loops)
    after = scope.after[node]
    frame = LoopFrame(f"<break {depth}>", f"<continue {depth}>", after, scope.head[node])
    assigned = scope.assigned(node)
    return Loop(node, frame, scope.head[node], scope.needed[node], after, assigned)


# --- rounds ------------------------------------------------------------------------------------------


class _Rounds:
    """Traces a body until its plan is stable; then both sides can yield their slots."""

    def __init__(self, st: Tracer, loop: Loop):
        self.st = st
        self.loop = loop
        self.key = (loop.node, st.call_path())
        self.hints: _Hints = st.loop_hints.setdefault(self.key, _Hints())
        st.frame.env[loop.frame.broken] = Static(False)
        st.frame.env[loop.frame.skipped] = Static(False)
        self.entry = st.snapshot()
        self.span = st.b.span
        self.plan = self.first_plan()

    def first_plan(self) -> Plan:
        """A guess: names that a trip reads and binds again are carried."""
        tail = Snapshot(
            dict(self.entry.env),
            dict(self.entry.heap),
            self.entry.locks,
            self.entry.elements,
            set(),
        )
        for name in sorted(self.loop.assigned & self.loop.needed):
            kind = kind_of(self.entry.env.get(name, Unset()))
            hint = self.hints.numbers.get(name)
            if kind is None:
                continue
            joined = kind if hint is None else join_kinds(kind, hint) or kind
            tail.env[name] = Num(Value(Scalar(joined.dtype)), joined.python, joined.mixed)
        for made, entry in self.entry.heap.items():
            by_name = made not in self.hints.seen and made.name and made.name in self.hints.names
            if made in self.hints.written or by_name:
                if isinstance(entry, Value) and isinstance(entry.type, Array):
                    tail.heap[made] = Value(entry.type)
        return self.join(tail, None)

    def join(self, tail: Snapshot, previous: Plan | None) -> Plan:
        st = self.st
        held = st.frame.env
        sides = (
            Side(self.entry, self.relevant_at_entry),
            Side(tail, self.relevance_of(tail)),
        )
        names = sorted(set(self.entry.env) | set(tail.env))
        names = [n for n in names if n != self.loop.frame.skipped]
        joiner = Joiner(st, self.entry, sides, previous, in_loop=True)
        joiner.begins = lambda name: adds_in_each_trip(self.loop.node, name)
        plan = joiner.plan(names)
        plan.locks |= {
            made
            for made in self.entry.heap
            if tail.locks.get(made) and not self.entry.locks.get(made)
        }
        assert st.frame.env is held
        return plan

    def relevance_of(self, tail: Snapshot) -> Callable[[str], bool]:
        """Which names matter at the end of a trip: fewer, if it surely leaves the loop."""
        returned, broken = (tail.env.get(n) for n in (RETURNED, self.loop.frame.broken))
        if isinstance(returned, Static) and returned.value:
            return lambda name: name.startswith(HIDDEN)
        if self.loop.left or isinstance(broken, Static) and broken.value:
            return lambda name: name.startswith(HIDDEN) or name in self.loop.after
        return self.relevant_at_tail

    def relevant_at_tail(self, name: str) -> bool:
        return name.startswith(HIDDEN) or name in self.loop.head or name in self.loop.after

    def relevant_at_entry(self, name: str) -> bool:
        if name.startswith(HIDDEN) or name in self.loop.needed:
            return True
        return not self.loop.at_least_one and self.relevant_at_tail(name)

    def enter_head(self, params: list[Value]) -> None:
        st = self.st
        st.restore(self.entry)
        st.b.span = self.span
        for name in list(st.frame.env):
            if not self.relevant_at_tail(name):
                st.frame.env[name] = FORGOTTEN
            elif not self.relevant_at_entry(name):
                st.frame.env[name] = st.unset
        self.plan.enter(st, params)

    def begin_trip(self, params: list[Value]) -> None:
        """Nobody comes here who has left the loop."""
        self.enter_head(params)
        for flag in (RETURNED, self.loop.frame.broken, _done(self.loop)):
            if flag in self.st.frame.env:
                self.st.frame.env[flag] = Static(False)
        self.st.frame.env.pop(RESULT, None)

    def params(self) -> list[Value]:
        return [self.st.b.param(s.type, s.name, s.dims) for s in self.plan.slots]

    def advance(self, tail: Snapshot) -> bool:
        """Takes over what a trip has shown. True if it was known already."""
        plan = self.join(tail, self.plan)
        stable = plan.same_as(self.plan)
        self.plan = plan
        self.remember(tail)
        return stable

    def remember(self, tail: Snapshot) -> None:
        for name, template in self.plan.names.items():
            if isinstance(template, Number):
                slot = self.plan.slots[template.slot]
                kind = Kind(slot.type.dtype, template.python, template.mixed)
                old = self.hints.numbers.get(name)
                self.hints.numbers[name] = (join_kinds(old, kind) if old else kind) or kind
        self.hints.written = set(self.plan.arrays)
        self.hints.names = {made.name for made in self.plan.arrays}
        self.hints.seen = set(self.entry.heap)

    def initial(self) -> list[Value]:
        st = self.st
        st.restore(self.entry)
        st.b.span = self.span
        return [slot.emit[0]() for slot in self.plan.slots]

    def yields(self, tail: Snapshot) -> list[Value]:
        """What the body hands on: arrays of the sizes that the slots have."""
        st = self.st
        st.heap, st.elements = dict(tail.heap), dict(tail.elements)
        values = []
        for slot in self.plan.slots:
            value = slot.emit[1]()
            if isinstance(slot.type, Array):
                value = self.resized(value, slot, tail)
            values.append(value)
        return values

    def resized(self, value: Value, slot: Slot, tail: Snapshot) -> Value:
        """The array that a slot is handed, of the size that the slot has had from the beginning."""
        st = self.st
        assert slot.dims is not None
        reason = (
            "the sizes of an array that is carried round a loop are constant"
            " (collect what is added in a list, and make that an array after the loop)"
        )
        nobody = self.nobody_asks(slot, tail)
        different = [
            (have, want)
            for have, want in zip(st.b.dims[value], slot.dims, strict=True)
            if not same_dim(st, have, want)
        ]
        if different and nobody is not None:
            return self.replaced(value, slot, different, nobody, reason)
        for have, want in different:
            st.check_same(have, want, reason)
        return self.sharpened(value, slot)

    def sharpened(self, value: Value, slot: Slot) -> Value:
        """The array with what its type did not say: which of its dims are 1."""
        st = self.st
        assert slot.dims is not None
        if all(w is None or h == 1 for h, w in zip(value.type.dims, slot.type.dims)):
            return value
        sizes = [st.b.const(d) if isinstance(d, int) else d for d in slot.dims]
        return st.b.emit(reshape, value, *sizes, ones=tuple(isinstance(d, int) for d in slot.dims))

    def nobody_asks(self, slot: Slot, tail: Snapshot) -> Value | None:
        """A flag that holds if nobody will ask for a slot: then what it is handed may be of any size."""
        st, name = self.st, slot.root
        if not isinstance(name, str):
            return None
        returned, broken, now = (tail.env.get(n) for n in (RETURNED, self.loop.frame.broken, name))
        found: list[Value] = []
        if isinstance(returned, Num):
            found.append(st.b.emit(not_, returned.value) if name == RESULT else returned.value)
        if isinstance(broken, Num) and name != RESULT and name not in self.loop.after:
            found.append(broken.value)
        if isinstance(now, MaybeUnset):
            found.append(st.b.emit(not_, now.flag))
        flag = found[0] if found else None
        for other in found[1:]:
            assert flag is not None
            flag = st.b.emit(or_, flag, other)
        return flag

    def replaced(
        self, value: Value, slot: Slot, different: list[Any], nobody: Value, reason: str
    ) -> Value:
        st = self.st
        assert slot.dims is not None
        fits: Value | None = None
        for have, want in different:
            x, y = (st.b.const(d) if isinstance(d, int) else d for d in (have, want))
            equal = st.b.emit(eq, x, y)
            fits = equal if fits is None else st.b.emit(and_, fits, equal)
        assert fits is not None
        st.b.open()
        kept = st.b.close((), [self.sharpened(value, slot)])
        st.b.open()
        st.check(nobody, reason)
        sizes = [st.b.const(d) if isinstance(d, int) else d for d in slot.dims]
        ones = tuple(isinstance(d, int) for d in slot.dims)
        empty = st.b.emit(full, st.b.const(0, value.type.dtype), *sizes, ones=ones)
        other = st.b.close((), [empty])
        return st.b.cond(fits, kept, other)[0]

    def leave(self, results: Sequence[Value], tail: Snapshot) -> None:
        """The state behind the loop."""
        st = self.st
        st.restore(self.entry)
        st.mutated |= tail.mutated
        for made in self.entry.heap:
            made.locked = made.locked or tail.locks.get(made, "")
        for name in set(self.entry.env) | set(tail.env):
            if not self.relevant_at_tail(name):
                st.frame.env[name] = FORGOTTEN
        for slot, result in zip(self.plan.slots, results):
            result.name = slot.name or result.name
        self.plan.enter(st, list(results))
        st.frame.env.pop(self.loop.frame.skipped, None)


def _trip(st: Tracer, loop: Loop) -> None:
    # Whoever catches an error on the way puts the stack of loops back.
    st.frame.loops.append(loop.frame)
    st.run(loop.node.body)
    skipped = st.frame.env.get(loop.frame.skipped)
    # A trip that surely leaves its block may do so by going on with the next one.
    loop.left = LEFT in st.frame.env and isinstance(skipped, Static) and not skipped.value
    st.frame.env.pop(LEFT, None)
    st.frame.loops.pop()


def _stopped(st: Tracer, loop: Loop) -> Gone:
    """Has the trip broken off, or returned?"""
    st.frame.loops.append(LoopFrame(loop.frame.broken, "<never>", NONE, NONE))
    leaving = gone(st)
    st.frame.loops.pop()
    return leaving


# --- counted -----------------------------------------------------------------------------------------


def counted(st: Tracer, loop: Loop, bounds: tuple[Value, Value, Value]) -> None:
    """`for` over a range: `loop.begin` makes the target of the counter."""
    rounds = _Rounds(st, loop)
    for _ in range(_ROUNDS):
        st.b.open()
        counter = st.b.param(Scalar(I64), _target_name(loop.node))
        params = rounds.params()
        rounds.begin_trip(params)
        loop.begin(counter)
        _trip(st, loop)
        if st.raised():
            st.b.discard()
            _never_entered(st, rounds, bounds)
            return
        stop = _stopped(st, loop)
        tail = st.snapshot()
        nodes = st.b.suspend()
        if rounds.advance(tail):
            break
    else:
        st.refuse("what the names in this loop stand for does not settle")
    st.b.resume(nodes)
    yields = rounds.yields(tail)
    stops = stop is not False
    if stops:
        yields = [stop if isinstance(stop, Value) else st.b.const(True), *yields]
    body = st.b.close([counter, *params], yields)
    init = rounds.initial()
    if rounds.plan.needs_trip and not loop.at_least_one:
        # With no trip Python would be left with its own number.
        st.check(st.has_trips(bounds), "a loop that adds float32 to a Python number makes a trip")
    results = st.b.for_(bounds, init, body, {"stops": True} if stops else {})
    rounds.leave(results, tail)
    _else(st, loop)


def adds_in_each_trip(loop: ast.For | ast.While, name: str) -> bool:
    """Is the body sure to add to, or multiply, this number, and to do nothing else with it?"""
    inside = [n for s in loop.body for n in ast.walk(s)]
    if isinstance(loop, ast.While) or any(isinstance(n, _LEAVING) for n in inside):
        return False
    uses = sum(isinstance(n, ast.Name) and n.id == name for n in inside)
    return any(uses == _adds_to(s, name) for s in loop.body)


def _adds_to(s: ast.stmt, name: str) -> int:
    """How often the name stands in `name += v` or `name = name + v`; -1 of other statements."""
    plain = (ast.Add, ast.Sub, ast.Mult)
    if isinstance(s, ast.AugAssign) and isinstance(s.op, plain):
        return 1 if isinstance(s.target, ast.Name) and s.target.id == name else -1
    if not isinstance(s, ast.Assign) or len(s.targets) != 1 or not isinstance(s.value, ast.BinOp):
        return -1
    places = (s.targets[0], s.value.left)
    named = all(isinstance(x, ast.Name) and x.id == name for x in places)
    return 2 if named and isinstance(s.value.op, plain) else -1


_LEAVING = (ast.Break, ast.Continue, ast.Return)


def _target_name(node: ast.For | ast.While) -> str:
    return node.target.id if isinstance(node, ast.For) and isinstance(node.target, ast.Name) else ""


def _never_entered(st: Tracer, rounds: _Rounds, bounds: tuple[Value, Value, Value]) -> None:
    """A trip would surely raise."""
    st.restore(rounds.entry)
    st.check(st.b.emit(not_, st.has_trips(bounds)), "raise in a loop")
    _else(st, rounds.loop)


def _else(st: Tracer, loop: Loop) -> None:
    """`else` is for a loop that was not left by break."""
    node = loop.node
    if not node.orelse:
        st.frame.env.pop(loop.frame.broken, None)
        return
    leaving = _stopped(st, loop)
    st.frame.env.pop(loop.frame.broken, None)
    if isinstance(leaving, bool):
        if not leaving:
            st.run(node.orelse)
        return
    returned = st.frame.env.get(RETURNED)

    def run_else() -> None:
        if isinstance(returned, Num):
            st.frame.env[RETURNED] = Static(False)
        st.run(node.orelse)

    branch(st, leaving, lambda: None, run_else, loop.after)


# --- while -------------------------------------------------------------------------------------------


def while_loop(st: Tracer, loop: Loop) -> None:
    """`while`: the test is a block of its own, unless it changes anything."""
    st.frame.env[_done(loop)] = Static(False)
    rounds = _Rounds(st, loop)
    impure = False
    for _ in range(_ROUNDS):
        test: Block | None = None
        first: Any = None
        if not impure:
            traced = _test_block(st, loop, rounds)
            if traced is None:
                impure = True
            else:
                test, first = traced
                if first is False:
                    # No slot decides the test, so that it fails at once, or never.
                    st.restore(rounds.entry)
                    _else(st, loop)
                    return
        st.b.open()
        params = rounds.params()
        rounds.begin_trip(params)
        if impure:
            _tested_trip(st, loop)
        else:
            _trip(st, loop)
        if st.raised():
            st.b.discard()
            _raises_if_entered(st, rounds)
            return
        stop = _stopped(st, loop)
        tail = st.snapshot()
        nodes = st.b.suspend()
        if rounds.advance(tail):
            break
    else:
        st.refuse("what the names in this loop stand for does not settle")
    if first is True and stop is False:
        st.refuse("this loop never ends")
    st.b.resume(nodes)
    body = st.b.close(params, rounds.yields(tail))
    init = rounds.initial()
    if test is None:
        test = _go_block(st, rounds)
    results = st.b.while_(init, test, body)
    rounds.leave(results, tail)
    if first is True:
        _left_by_force(st, loop)
    st.frame.env.pop(_done(loop), None)
    _else(st, loop)


def _left_by_force(st: Tracer, loop: Loop) -> None:
    """The test always holds: who comes here has broken off, or returned."""
    for flag, other in ((RETURNED, loop.frame.broken), (loop.frame.broken, RETURNED)):
        if isinstance(st.frame.env.get(flag), Num) and not isinstance(st.frame.env.get(other), Num):
            st.frame.env[flag] = Static(True)


def _done(loop: Loop) -> str:
    return f"<done {loop.frame.broken}>"


def _test_block(st: Tracer, loop: Loop, rounds: _Rounds) -> tuple[Block, Any] | None:
    """The test as a block: not left by a flag, and it holds. None if it changes anything.

    Gives also what is known of it at compile time: True, False, or None.
    """
    assert isinstance(loop.node, ast.While)
    if any(isinstance(n, ast.NamedExpr) for n in ast.walk(loop.node.test)):
        return None
    st.b.open()
    params = rounds.params()
    rounds.enter_head(params)
    heap, mutated = dict(st.heap), set(st.mutated)
    stopped = _stopped(st, loop)
    known: Any = None

    def test() -> Num | Static:
        nonlocal known
        st.at(loop.node.test)
        holds = st.truth(st.eval(loop.node.test))
        known = holds if isinstance(holds, bool) else None
        return Static(holds) if isinstance(holds, bool) else Num(holds, True)

    if isinstance(stopped, bool):
        assert not stopped
        result: Any = test()
    else:
        result = st.both(st.b.emit(not_, stopped), test)
    changed = (
        st.raised()
        or st.mutated != mutated
        or any(st.heap.get(made) is not entry for made, entry in heap.items())
    )
    if changed:
        st.b.discard()
        return None
    value = st.number_value(result, BOOL)
    return st.b.close(params, [value]), known


def _go_block(st: Tracer, rounds: _Rounds) -> Block:
    """The test of a loop whose own test is in its body: it has not been left."""
    st.b.open()
    params = rounds.params()
    rounds.enter_head(params)
    flags = [st.frame.env.get(n) for n in (_done(rounds.loop), rounds.loop.frame.broken, RETURNED)]
    go: Value | None = None
    for flag in flags:
        if isinstance(flag, Num):
            more = st.b.emit(not_, flag.value)
            go = more if go is None else st.b.emit(and_, go, more)
    return st.b.close(params, [st.b.const(True) if go is None else go])


def _tested_trip(st: Tracer, loop: Loop) -> None:
    """A trip that begins with the test."""
    assert isinstance(loop.node, ast.While)
    holds = st.truth(st.eval(loop.node.test))
    done = _done(loop)
    if isinstance(holds, bool):
        st.frame.env[done] = Static(not holds)
        if holds:
            _trip(st, loop)
        return

    def trip() -> None:
        st.frame.env[done] = Static(False)
        _trip(st, loop)

    def end() -> None:
        st.frame.env[done] = Static(True)

    branch(st, holds, trip, end, loop.head | loop.after)


def _raises_if_entered(st: Tracer, rounds: _Rounds) -> None:
    assert isinstance(rounds.loop.node, ast.While)
    st.restore(rounds.entry)
    holds = st.truth(st.eval(rounds.loop.node.test))
    if isinstance(holds, bool):
        if holds:
            st.raise_here("raise in a loop")
            return
    else:
        st.check(st.b.emit(not_, holds), "raise in a loop")
    _else(st, rounds.loop)


# --- unrolled ----------------------------------------------------------------------------------------


def unrolled(st: Tracer, loop: Loop, bind: Sequence[Callable[[], None]]) -> None:
    """A loop over the items of a known container: the body once per item."""
    st.frame.env[loop.frame.broken] = Static(False)
    _next_item(st, loop, bind, 0)
    _else(st, loop)


def _next_item(st: Tracer, loop: Loop, bind: Sequence[Callable[[], None]], k: int) -> None:
    if k == len(bind):
        return
    st.frame.env[loop.frame.skipped] = Static(False)
    bind[k]()
    with st.step(k):
        _trip(st, loop)
    st.frame.env.pop(loop.frame.skipped, None)
    if st.raised():
        return
    rest = Rest(lambda: _next_item(st, loop, bind, k + 1), loop.head | loop.after)
    _unless_stopped(st, loop, rest)


def _unless_stopped(st: Tracer, loop: Loop, rest: Rest) -> None:
    """The next items, for the paths that have not broken off: the flag of this loop is an exit."""
    st.frame.loops.append(LoopFrame(loop.frame.broken, "<never>", loop.after, NONE))
    continue_unless(st, gone(st), rest)
    st.frame.loops.pop()


def same_dim(st: Tracer, a: Any, b: Any) -> bool:
    """Are two dims known to be equal?"""
    known = [d if isinstance(d, int) else st.b.constants.get(d) for d in (a, b)]
    return a is b or (known[0] is not None and known[0] == known[1])
