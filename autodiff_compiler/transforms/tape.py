"""The two sides of the tape: a forward sweep that saves what was planned, and the source from which
the reverse sweep takes what it asks of the primal.

Tapes are ordinary stacks of the IR, one per saved value or logged store, threaded as linear values
through the loops and branches that lie between; so a gradient can be reversed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..ir.build import Builder, KnownDim, Rewriter
from ..ir.graph import (
    COND,
    CONST,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import Array, Type
from ..ops import TABLE
from ..ops.elementwise import iadd
from ..ops.index import load, store
from ..ops.shape import copy
from ..ops.stack import new, pop, push
from .residuals import Plan, logged_whole
from .structure import Place, Structure

Key = Value | Node


class Source(Protocol):
    """Where the reverse sweep gets the primal from."""

    def look(self, v: Value) -> Value: ...
    def has(self, v: Value) -> bool: ...
    def sizes(self, v: Value) -> Sequence[KnownDim]: ...
    def trips(self, node: Node) -> Value: ...
    def visit(self, place: Place) -> None: ...
    def undo(self, node: Node) -> None: ...
    def restores(self, node: Node) -> bool: ...
    def enter_top(self) -> None: ...
    def enter_loop(self, node: Node) -> list[Value]: ...
    def begin_loop(self, node: Node, counter: Value, params: Sequence[Value]) -> None: ...
    def end_loop(self, node: Node) -> list[Value]: ...
    def leave_loop(self, node: Node, results: Sequence[Value]) -> None: ...
    def enter_branch(self, node: Node) -> None: ...
    def begin_arm(self, node: Node, arm: int) -> None: ...
    def end_arm(self, node: Node, arm: int) -> list[Value]: ...
    def leave_branch(self, node: Node, results: Sequence[Value]) -> None: ...


class DrySource:
    """Hands out the primal's own values, and notes through the builder who asked."""

    def __init__(self, b: Builder, structure: Structure):
        self.b = b
        self.structure = structure

    def look(self, v: Value) -> Value:
        return v

    def has(self, v: Value) -> bool:
        return True

    def sizes(self, v: Value) -> Sequence[KnownDim]:
        return self.structure.dims.get(v, ())

    def trips(self, node: Node) -> Value:
        return self.structure.trips[node]

    def visit(self, place: Place) -> None:
        self.b.position = place  # type: ignore[attr-defined]

    def undo(self, node: Node) -> None:
        pass

    def restores(self, node: Node) -> bool:
        return False

    def enter_top(self) -> None:
        pass

    def enter_loop(self, node: Node) -> list[Value]:
        return []

    def begin_loop(self, node: Node, counter: Value, params: Sequence[Value]) -> None:
        pass

    def end_loop(self, node: Node) -> list[Value]:
        self.visit(self.structure.node_place[node])
        return []

    def leave_loop(self, node: Node, results: Sequence[Value]) -> None:
        pass

    def enter_branch(self, node: Node) -> None:
        pass

    def begin_arm(self, node: Node, arm: int) -> None:
        pass

    def end_arm(self, node: Node, arm: int) -> list[Value]:
        self.visit(self.structure.node_place[node])
        return []

    def leave_branch(self, node: Node, results: Sequence[Value]) -> None:
        pass


class Forward(Rewriter):
    """The primal again, with what the plan saves pushed on tapes."""

    def __init__(self, structure: Structure, plan: Plan):
        super().__init__()
        self.structure = structure
        self.plan = plan
        self.stacks: dict[Key, Value] = {}
        self.copied: dict[Value, Value] = {}
        self.keys_in: dict[Node, list[Key]] = {}
        for key in (*plan.saved, *plan.logged):
            place = structure.node_place[key] if isinstance(key, Node) else structure.place[key]
            block = place.block
            while block in structure.parent:
                node = structure.parent[block]
                self.keys_in.setdefault(node, []).append(key)
                block = structure.node_place[node].block

    def primal(self, function: Function) -> list[Value]:
        """Emits the function's body; gives the new parameters. `env` then has all outer values."""
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        for old, given in zip(function.params, params):
            eaten = old in self.structure.eaters
            # The caller's arrays stay as they are; the given one serves as the old version.
            self.env[old] = self.b.emit(copy, given, name=given.name) if eaten else given
            self.copied[old] = given
        keys: list[Key] = [*self.plan.saved, *self.plan.logged]
        for key in keys:
            value = key.operands[0] if isinstance(key, Node) else key
            self.stacks[key] = self.b.emit(
                new, element=self.element(key), tape=True, name=f"tape_{value.name or 'value'}"
            )
        self.nodes(function.block.nodes)
        return params

    def element(self, key: Key) -> Type:
        if isinstance(key, Value):
            return key.type
        base, _, *index = key.operands
        if logged_whole(key):
            return base.type
        return load.infer(key.attrs, base.type, *(v.type for v in index))[0]

    # -- saving --------------------------------------------------------------------------------

    def save(self, key: Key, value: Value) -> None:
        self.stacks[key] = self.b.emit(push, self.stacks[key], value, name=self.stacks[key].name)

    def note(self, values: Iterable[Value]) -> None:
        """Saves or copies, of these values just defined, those that the plan says."""
        for v in values:
            if v in self.plan.saved:
                self.save(v, self.env[v])
            if v in self.plan.copies and v not in self.copied:
                self.copied[v] = self.b.emit(
                    copy, self.env[v], name=f"{v.name}_old" if v.name else ""
                )

    def node(self, node: Node) -> None:
        if node in self.plan.logged:
            base, _, *index = (self.env[v] for v in node.operands)
            whole = logged_whole(node)
            self.save(node, base if whole else self.b.emit(load, base, *index, **node.attrs))
        if node.op is FOR or node.op is WHILE:
            self.loop(node)
        elif node.op is COND:
            self.branch(node)
        else:
            super().node(node)
        self.note(node.results)

    def loop(self, node: Node) -> None:
        b = self.b
        keys = self.keys_in.get(node, [])
        counted = node in self.structure.trips and self.needs_trips(node)
        operands = [self.env[v] for v in node.operands]
        lead = 3 if node.op is FOR else 0
        init = operands[lead:]
        extra = [self.stacks[k] for k in keys] + ([b.const(0)] if counted else [])

        def made(block: Block, after: Callable[[list[Value]], list[Value]]) -> Block:
            first = []
            if node.op is FOR:
                first = [b.param(block.params[0].type, block.params[0].name)]
                self.env[block.params[0]] = first[0]
            slots = self.slots(block.params[len(first) :], init)
            more = [b.param(v.type, v.name) for v in extra]
            self.stacks.update(zip(keys, more))
            b.open()
            if block is node.blocks[-1]:
                self.note(block.params)
            self.nodes(block.nodes)
            return b.close([*first, *slots, *more], after(more))

        def body_results(more: list[Value]) -> list[Value]:
            out = [self.env[v] for v in node.blocks[-1].results]
            out += [self.stacks[k] for k in keys]
            return out + ([b.emit(iadd, more[-1], b.const(1))] if counted else [])

        if node.op is FOR:
            body = made(node.blocks[0], body_results)
            b.span = node.span
            results = b.for_(operands[:3], [*init, *extra], body, node.attrs)
        else:
            test = made(node.blocks[0], lambda more: [self.env[node.blocks[0].results[0]]])
            body = made(node.blocks[1], body_results)
            b.span = node.span
            results = b.while_([*init, *extra], test, body)
        self.bind(node.results, results[: len(node.results)])
        self.stacks.update(zip(keys, results[len(node.results) :]))
        if counted:
            trips = self.structure.trips[node]
            self.env[trips] = results[-1]
            self.note([trips])

    def needs_trips(self, node: Node) -> bool:
        trips = self.structure.trips[node]
        return trips in self.plan.saved or self.structure.is_top(trips)

    def branch(self, node: Node) -> None:
        b = self.b
        keys = self.keys_in.get(node, [])
        before = dict(self.stacks)
        arms = []
        for arm in node.blocks:
            self.stacks = dict(before)
            b.open()
            self.nodes(arm.nodes)
            values = [self.env[v] for v in arm.results] + [self.stacks[k] for k in keys]
            arms.append(b.close([], values))
        self.stacks = before
        b.span = node.span
        results = b.cond(self.env[node.operands[0]], *arms)
        self.bind(node.results, results[: len(node.results)])
        self.stacks.update(zip(keys, results[len(node.results) :]))


@dataclass(eq=False, slots=True)
class _Context:
    """The reverse of one block while it is emitted."""

    block: Block
    depth: int
    found: dict[Value, Value] = field(default_factory=dict)
    #: by root: the array that the sweep carries, and which version of the primal it is now
    arrays: dict[Value, tuple[Value, Value]] = field(default_factory=dict)


class TapeSource:
    """Pops, restores and recomputes what the plan says, in the order of the reverse sweep."""

    def __init__(self, forward: Forward):
        self.forward = forward
        self.b = forward.b
        self.plan = forward.plan
        self.s = forward.structure
        self.stacks = forward.stacks
        self.contexts: list[_Context] = []
        self._before: list[dict[Key, Value]] = []

    def visit(self, place: Place) -> None:
        pass

    def enter_top(self) -> None:
        self.contexts.append(_Context(self.s.top, self.b.depth))

    def restores(self, node: Node) -> bool:
        return self.plan.touches(node)

    # -- values --------------------------------------------------------------------------------

    def sizes(self, v: Value) -> Sequence[KnownDim]:
        return [d if isinstance(d, int) else self.look(d) for d in self.s.dims.get(v, ())]

    def trips(self, node: Node) -> Value:
        return self.look(self.s.trips[node])

    def look(self, v: Value) -> Value:
        if v in self.plan.versions:
            return self.version(v)
        if self.s.is_top(v) and self.has(v):
            return self.forward.env[v]
        for context in self.contexts[self.home(v) :]:
            if v in context.found:
                return context.found[v]
        context = self.contexts[self.level(v)]
        with self.b.at(context.depth):
            context.found[v] = self.provide(v, context)
        return context.found[v]

    def has(self, v: Value) -> bool:
        """Can it be had, if it is a value of the outermost block? Not if it was overwritten, and no rule
        reads it."""
        return v in self.plan.versions or v not in self.s.eaters

    def home(self, v: Value) -> int:
        """Which of the contexts is the block that defines `v`."""
        block = self.s.place[v].block
        return next(
            k for k in reversed(range(len(self.contexts))) if self.contexts[k].block is block
        )

    def level(self, v: Value) -> int:
        """The outermost context in which `v` can be had: where it is defined, unless it is done
        again from an array that is only in an arm back at the version that it takes."""
        if v in self.plan.versions:
            root = self.s.root[v]
            for k in reversed(range(len(self.contexts))):
                if root in self.contexts[k].arrays:
                    return k
        home = self.home(v)
        if home and v in self.plan.recomputed and v not in self.plan.saved:
            return max([home, *map(self.level, self.s.producer[v].operands)])
        return home

    def provide(self, v: Value, context: _Context) -> Value:
        node = self.s.producer.get(v)
        if v in self.plan.saved:
            return self.popped(v, v.name, self.sizes(v))
        if node is not None and node.op is CONST:
            return self.b.const(node.attrs["value"], node.attrs["dtype"])
        if v in self.plan.recomputed and node is not None:
            return self.again(node, v, context)
        # Asked for, but dead: whatever reads it is removed, or the checker says so.
        return self.b.emit(TABLE["undefined"], type=v.type)

    def again(self, node: Node, v: Value, context: _Context) -> Value:
        op = TABLE["wrap"] if node.op is TABLE["index"] else node.op
        out = self.b.emit(op, *map(self.look, node.operands), name=v.name, **node.attrs)
        if not isinstance(out, tuple):
            return out
        for r, x in zip(node.results, out):
            context.found.setdefault(r, x)
        return out[node.results.index(v)]

    def popped(self, key: Key, name: str, sizes: Sequence[KnownDim]) -> Value:
        values = [self.b.const(n) if isinstance(n, int) else n for n in sizes]
        old = self.stacks[key]
        shorter, value = self.b.emit(pop, old, *values, name=name)
        shorter.name = old.name
        self.stacks[key] = shorter
        return value

    # -- versions of arrays --------------------------------------------------------------------

    def version(self, v: Value) -> Value:
        root = self.s.root[v]
        for context in reversed(self.contexts):
            if root in context.arrays:
                value, current = context.arrays[root]
                if current is v:
                    return value
                break
        home = self.contexts[self.home(v)]
        if v not in home.found:
            with self.b.at(home.depth):
                home.found[v] = self.fetch(v)
        home.arrays[root] = (home.found[v], v)
        return home.found[v]

    def fetch(self, v: Value) -> Value:
        if self.s.is_top(v):
            if v in self.plan.copies or v in self.forward.copied and v in self.s.eaters:
                return self.forward.copied[v]
            if v not in self.s.eaters:
                return self.forward.env[v]
        elif v in self.plan.saved:
            return self.popped(v, v.name, self.sizes(v))
        raise AssertionError(f"the sweep does not have {v} here")

    def undo(self, node: Node) -> None:
        """Puts back what a logged store overwrote."""
        base, _, *index = node.operands
        if node in self.plan.left:
            self.put(self.s.root[base], self.version(node.results[0]), base)
        if node not in self.plan.logged:
            return
        if logged_whole(node):
            self.put(self.s.root[base], self.popped(node, base.name, self.sizes(base)), base)
            return
        current = self.version(node.results[0])
        at = [self.look(v) for v in index]
        region = load.dims(node.attrs, (current, *at), [(), *(self.sizes(v) for v in index)])[0]
        region_type = self.forward.element(node)
        sizes = region if isinstance(region_type, Array) else ()
        old = self.popped(node, "", sizes)
        restored = self.b.emit(store, current, old, *at, name=current.name, **node.attrs)
        self.put(self.s.root[base], restored, base)

    def put(self, root: Value, value: Value, version: Value) -> None:
        for context in reversed(self.contexts):
            if root in context.arrays:
                context.arrays[root] = (value, version)
                return
        self.contexts[-1].arrays[root] = (value, version)

    # -- loops ---------------------------------------------------------------------------------

    def carried(self, node: Node) -> list[int]:
        return [k for k in range(len(node.results)) if (node, k) in self.plan.carried]

    def keys(self, node: Node) -> list[Key]:
        return self.forward.keys_in.get(node, [])

    def enter_loop(self, node: Node) -> list[Value]:
        init = [self.writable(node.results[k]) for k in self.carried(node)]
        return init + [self.stacks[key] for key in self.keys(node)]

    def writable(self, v: Value) -> Value:
        """The version, free to be written: what the gradient also returns is copied."""
        value = self.version(v)
        if v in self.plan.kept_results:
            value = self.b.emit(copy, value, name=value.name)
            self.settle(self.s.root[v], value, v)
        return value

    def begin_loop(self, node: Node, counter: Value, params: Sequence[Value]) -> None:
        block = node.blocks[-1]
        context = _Context(block, self.b.depth)
        if node.op is FOR:
            context.found[block.params[0]] = counter
        slots = self.carried(node)
        for k, p in zip(slots, params):
            y = slot_yields(node)[k]
            context.arrays[self.s.root[y]] = (p, y)
        self.contexts.append(context)
        self.stacks.update(zip(self.keys(node), params[len(slots) :]))

    def end_loop(self, node: Node) -> list[Value]:
        out = [self.version(slot_params(node)[k]) for k in self.carried(node)]
        self.flush(node.blocks[-1])
        self.contexts.pop()
        return out + [self.stacks[key] for key in self.keys(node)]

    def leave_loop(self, node: Node, results: Sequence[Value]) -> None:
        slots = self.carried(node)
        for k, r in zip(slots, results):
            init = carried_init(node)[k]
            if node in self.s.eaters.get(init, ()) and not self.plan.loses(self.s, node, init):
                self.settle(self.s.root[init], r, init)
        self.stacks.update(zip(self.keys(node), results[len(slots) :]))

    def settle(self, root: Value, value: Value, version: Value) -> None:
        """Records, in the block where the sweep now is, that `root` is back at `version`."""
        self.contexts[-1].arrays[root] = (value, version)

    def flush(self, block: Block) -> None:
        """Pops what nobody asked for, so that the tapes stay in step."""
        context = self.contexts[-1]
        for v in self.plan.saved:
            if self.s.place[v].block is block and v not in context.found:
                context.found[v] = self.popped(v, v.name, self.sizes(v))

    # -- branches ------------------------------------------------------------------------------

    def enter_branch(self, node: Node) -> None:
        for k in self.carried(node):
            self.writable(node.results[k])
        self._before.append(dict(self.stacks))

    def begin_arm(self, node: Node, arm: int) -> None:
        before = self._before[-1]
        self.stacks.update((key, before[key]) for key in self.keys(node))
        block = node.blocks[arm]
        context = _Context(block, self.b.depth)
        for k in self.carried(node):
            y = block.results[k]
            context.arrays[self.s.root[y]] = (self.version(node.results[k]), y)
        self.contexts.append(context)

    def end_arm(self, node: Node, arm: int) -> list[Value]:
        out = [self.version(v) for v in self.given_back(node)]
        self.flush(node.blocks[arm])
        self.contexts.pop()
        return out + [self.stacks[key] for key in self.keys(node)]

    def given_back(self, node: Node) -> list[Value]:
        """The outer versions that the branch consumes and its reverse restores."""
        lost = (*self.plan.copies, *self.plan.saved)
        return [
            v
            for v, eaters in self.s.eaters.items()
            if v in self.plan.versions
            and v not in lost
            and not self.s.within(node, self.s.place[v].block)
            and any(self.s.within(node, self.s.node_place[e].block) for e in eaters)
        ]

    def leave_branch(self, node: Node, results: Sequence[Value]) -> None:
        self._before.pop()
        back = self.given_back(node)
        for v, r in zip(back, results):
            self.settle(self.s.root[v], r, v)
        self.stacks.update(zip(self.keys(node), results[len(back) :]))
