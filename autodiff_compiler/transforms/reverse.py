"""Reverse mode: a function's gradient as a function of the same IR.

Adjoints are named after what they belong to: `d_z` is the adjoint of `z`. The sweep visits each
block's nodes last to first. Straight-line code is here, by the ops' own rules; loops and branches
are in `reverse_control`; what of the primal the sweep needs, and how it gets it, is `residuals`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..ir.build import Builder
from ..ir.graph import CONST, Block, Function, Node, Value, walk
from ..ir.op import NON_DIFFERENTIABLE
from ..ir.types import Array, Scalar
from ..ops import TABLE
from ..ops.elementwise import select
from ..ops.index import add_at, load, store
from ..ops.shape import copy, expand_dims
from ..ops.stack import from_array, peek, poke, pop, push, to_array
from .activity import active_values
from .adjoints import Adjoint, Adjoints, add_to_stack, fit, fit_mask, zeros
from .dce import sweep_block
from .expr import Expr
from .once import Pair, once
from .residuals import Plan, Uses, plan_residuals
from .reverse_control import ControlSweep
from .simplify import simplify
from .structure import Structure
from .tape import DrySource, Forward, Source, TapeSource

#: Elementwise ops whose rules only pass the cotangent on, so that zeros in it stay zeros.
_LINEAR = {TABLE[n] for n in ("add", "sub", "neg", "cast", "pyfloat", "select")}
#: The kinds of op whose rules multiply the cotangent by what may be NaN or infinite.
_MULTIPLYING = ("elementwise", "contract", "linalg")
#: Ops that only rearrange: a mask is rearranged by the same rule.
_REARRANGING = {TABLE[n] for n in ("expand_dims", "squeeze", "transpose", "reshape", "copy")}


def reverse(
    function: Function, wrt: Sequence[int], seeds: Sequence[int], keep: Sequence[int],
    cotangents: bool = False,
) -> Function:  # fmt: skip
    """The function that gives results `keep` of `function`, then the gradients of its parameters
    `wrt`, for cotangents of its results `seeds`: 1.0, or further parameters if `cotangents`.

    Raises UnsupportedError where an op on the way has no derivative.
    """
    return simplify(adjoint(function, wrt, seeds, keep, cotangents))


def adjoint(
    function: Function, wrt: Sequence[int], seeds: Sequence[int], keep: Sequence[int],
    cotangents: bool = False,
) -> Function:  # fmt: skip
    """The same function as the sweep writes it, rule by rule, with all of the primal in it."""
    structure = Structure(function)
    primal = structure.function
    params = [primal.params[k] for k in wrt]
    results = [primal.results[k] for k in seeds]
    active = active_values(primal, params, results)

    uses = _dry_run(structure, active, params, results, cotangents)
    plan = plan_residuals(structure, uses, [primal.results[k] for k in keep])
    return _emit(structure, active, plan, params, results, keep, cotangents)


def reverse_into(function: Function, wrt: Sequence[int]) -> Function:
    """The function that gives the results, and adds to the adjoints of the parameters `wrt` what they
    owe to these.

    Its parameters are those of `function`, a cotangent for each result, and the adjoints so far.
    """
    structure = Structure(function)
    primal = structure.function
    params = [primal.params[k] for k in wrt]
    active = active_values(primal, params, primal.results)
    uses = _dry_run(structure, active, params, primal.results, True, into=True)
    plan = plan_residuals(structure, uses, primal.results)
    keep = range(len(primal.results))
    return simplify(_emit(structure, active, plan, params, primal.results, keep, True, into=True))


def _dry_run(
    structure: Structure, active: set[Value], params: Sequence[Value], results: Sequence[Value],
    cotangents: bool, into: bool = False,
) -> Uses:  # fmt: skip
    """The sweep with free references to the primal: what is left of them is what it needs."""
    b = TaggingBuilder()
    b.dims.update(structure.dims)
    sweep = Sweep(b, structure, active, DrySource(b, structure))
    _seed(sweep, results, cotangents)
    if into:
        _begin_with(sweep, params)
    sweep.block(structure.top)
    gradients = [sweep.final(p) for p in params]
    return b.uses(sweep_block(b.close([], gradients)), structure)


def _emit(
    structure: Structure, active: set[Value], plan: Plan, params: Sequence[Value],
    results: Sequence[Value], keep: Sequence[int], cotangents: bool, into: bool = False,
) -> Function:  # fmt: skip
    primal = structure.function
    forward = Forward(structure, plan)
    own_params = forward.primal(primal)
    b = forward.b
    written = len(b.nodes)
    values = [forward.env[primal.results[k]] for k in keep]
    sweep = Sweep(b, structure, active, TapeSource(forward))
    seed_params = _seed(sweep, results, cotangents)
    begun = _begin_with(sweep, params) if into else []
    sweep.source.enter_top()
    sweep.block(structure.top)
    gradients = [sweep.final(p) for p in params]
    outputs: list[Value] = []
    for v in (*values, *gradients):
        shared = v in outputs or v in own_params or v in seed_params
        if shared and isinstance(v.type, Array):
            v = b.emit(copy, v, name=v.name)
        outputs.append(v)
    b.nodes[written:] = _marked(b.nodes[written:], 1 + _sweeps(primal), sweep.repeated)
    block = b.close([*own_params, *seed_params, *begun], outputs)
    pairs = [
        Pair(tuple(forward.env[r] for r in loop.results), again) for loop, again in sweep.repeated
    ]
    return once(Function(f"d_{primal.name}", block, primal.filename), pairs)


def _sweeps(function: Function) -> int:
    """How often the function has been through this pass."""
    return max((node.span.sweep for node in walk(function.block)), default=0)


def _marked(
    nodes: Iterable[Node], sweep: int, repeated: Sequence[tuple[Node, tuple[Value, ...]]]
) -> list[Node]:
    """The nodes of a sweep, told by their spans from those that it is the sweep of.

    In a loop that does trips again they have been told apart before.
    """
    told = {again[0] for _, again in repeated}

    def inside(block: Block) -> Block:
        return replace(block, nodes=tuple(_marked(block.nodes, sweep, repeated)))

    return [
        (
            node
            if node.results and node.results[0] in told
            else replace(
                node, span=replace(node.span, sweep=sweep), blocks=tuple(map(inside, node.blocks))
            )
        )
        for node in nodes
    ]


def _seed(sweep: Sweep, results: Sequence[Value], cotangents: bool) -> list[Value]:
    """Starts the adjoints of the results; gives the parameters that bring the cotangents."""
    made = []
    for r in results:
        if cotangents:
            g = sweep.b.function_param(r.type, f"d_{r.name or 'result'}")
            made.append(g)
            owned = False
        else:
            g, owned = zeros_or_one(sweep, r), True
        if r in sweep.active:
            sweep.adjoints.contribute(sweep.structure.root[r], g, owned)
    return made


def _begin_with(sweep: Sweep, params: Sequence[Value]) -> list[Value]:
    """Starts the adjoints of the parameters with what they are given, to be added to in place."""
    begun = []
    for p in params:
        d = sweep.b.function_param(p.type, f"d_{p.name}" if p.name else "")
        sweep.adjoints.put(p, d, True)
        begun.append(d)
    return begun


def zeros_or_one(sweep: Sweep, result: Value) -> Value:
    one = sweep.b.const(1.0, result.type.dtype)
    return one if isinstance(result.type, Scalar) else fit(sweep.b, one, result.type, ())


class TaggingBuilder(Builder):
    """Notes which node of the primal each adjoint node was made for."""

    def __init__(self) -> None:
        super().__init__()
        self.position: Any = None
        self.tags: dict[Value, Any] = {}

    def append(self, node: Node) -> None:
        self.tags.update((r, self.position) for r in node.results)
        super().append(node)

    def uses(self, block: Block, structure: Structure, around: Any = None) -> Uses:
        """For each primal value that the block reads: for which places of the primal it does."""
        uses: Uses = {}
        for node in block.nodes:
            # A check stands only in a trip that is done again, all of it for one place.
            position = self.tags[node.results[0]] if node.results else around
            inner = [v for blk in node.blocks for v in blk.results]
            for v in (*node.operands, *inner):
                if v in structure.place:
                    uses.setdefault(v, []).append(position)
            for blk in node.blocks:
                for v, places in self.uses(blk, structure, position).items():
                    uses.setdefault(v, []).extend(places)
        return uses


class Sweep(ControlSweep):
    """One reverse sweep. `adjoints` are those of the block being swept."""

    def __init__(self, b: Builder, structure: Structure, active: set[Value], source: Source):
        self.b = b
        self.structure = structure
        self.active = active
        self.source = source
        self.adjoints = Adjoints(b)
        self.repeated = []

    def reversed_trip(self, node: Node, captured: Sequence[Value]) -> tuple[Function, list[Value]]:
        """What a trip of a loop of sums adds to the adjoints of what it reads from outside, and the
        outer values that are its parameters beside the counter and the slots."""
        known = self.structure.reversed_trips
        if node not in known:
            body = node.blocks[0]
            outer = self.structure.captured(node)
            constants = [made for v in outer if (made := self.constant(v)) is not None]
            rest = [v for v in outer if self.constant(v) is None]
            params = (*body.params, *rest)
            block = Block(params, (*constants, *body.nodes), body.results)
            trip = Function(self.structure.function.name, block, self.structure.function.filename)
            known[node] = reverse_into(trip, [params.index(v) for v in captured]), rest
        return known[node]

    def constant(self, v: Value) -> Node | None:
        made = self.structure.producer.get(v)
        return made if made is not None and made.op is CONST else None

    def final(self, param: Value) -> Value:
        """The gradient of a parameter, zero if nothing reached it."""
        adjoint = self.adjoints.take(param)
        if adjoint is None:
            return zeros(self.b, param.type, self.source.sizes(param), f"d_{param.name}")
        if not adjoint.value.name:
            adjoint.value.name = f"d_{param.name}"
        return self.own(adjoint)

    def own(self, adjoint: Adjoint) -> Value:
        return self.adjoints.own(adjoint)

    def block(self, block: Block) -> None:
        for index in range(len(block.nodes) - 1, -1, -1):
            node = block.nodes[index]
            if node.op is CONST:
                continue
            self.b.span = node.span
            self.source.visit(self.structure.node_place[node])
            self.node(node)

    def node(self, node: Node) -> None:
        kind = node.op.kind
        if kind == "control":
            self.control(node)
        elif kind == "stack":
            self.stack_op(node)
        elif node.op is load:
            self.load(node)
        elif node.op is store or node.op is add_at:
            self.store(node)
            self.source.undo(node)
        elif node.op.vjp is not NON_DIFFERENTIABLE and node.results:
            self.simple(node)

    # -- straight-line ops ---------------------------------------------------------------------

    def simple(self, node: Node) -> None:
        """An op with a rule of its own."""
        if len(node.results) > 1:
            self.several(node)
            return
        adjoint = self.adjoints.take(node.result)
        if adjoint is None or not any(v in self.active for v in node.operands):
            return
        g = Expr.of(self.b, adjoint.value)
        rule = node.op.vjp(g, self.expr(node.result), *map(self.expr, node.operands), **node.attrs)
        passed_on = sum(
            c is g for c, x in zip(rule, node.operands) if c is not None and x in self.active
        )
        for c, x in zip(rule, node.operands, strict=True):
            if c is not None and x in self.active:
                self.operand(node, x, c, adjoint, owned=c is not g or passed_on == 1)

    def several(self, node: Node) -> None:
        """An op of several results: its rule gets a cotangent or None for each."""
        adjoints = [self.adjoints.take(r) for r in node.results]
        if not any(adjoints) or not any(v in self.active for v in node.operands):
            return
        g = [None if a is None else Expr.of(self.b, a.value) for a in adjoints]
        y = [self.expr(r) for r in node.results]
        rule = node.op.vjp(g, y, *map(self.expr, node.operands), **node.attrs)
        for c, x in zip(rule, node.operands, strict=True):
            if c is not None and x in self.active:
                value = fit(self.b, c.value, x.type, self.source.sizes(x))
                self.adjoints.contribute(self.structure.root[x], value, True)

    def operand(self, node: Node, x: Value, c: Expr, adjoint: Adjoint, owned: bool) -> None:
        """One operand's share: masked, brought to its shape, added."""
        raw = c.value
        owned = owned and (raw is not adjoint.value or adjoint.owned)
        mask = self.mask_behind(node, x, adjoint)
        if mask is not None and node.op.kind in _MULTIPLYING and node.op not in _LINEAR:
            raw = self.b.emit(select, mask, raw, self.b.const(0.0, raw.type.dtype))
        if node.op is TABLE["select"]:
            mask = self.arm_mask(node, x, mask)
        value = fit(self.b, raw, x.type, self.source.sizes(x))
        if value is not raw:
            owned = True
            mask = fit_mask(self.b, mask, raw.type, x.type)
        if mask is not None and mask.type.rank not in (0, value.type.rank):
            mask = None
        self.adjoints.contribute(self.structure.root[x], value, owned, mask)

    def mask_behind(self, node: Node, x: Value, adjoint: Adjoint) -> Value | None:
        """Where the operand's cotangent may be other than zero, as far as its result's mask tells."""
        mask = adjoint.mask
        if mask is None or mask.type.rank == 0:
            return mask
        if node.op.kind == "reduce":
            return self.b.emit(expand_dims, mask, axes=node.attrs["axes"])
        if node.op in _REARRANGING:
            rule = node.op.vjp(
                Expr.of(self.b, mask), None, *map(self.expr, node.operands), **node.attrs
            )
            return rule[0].value
        return mask if node.op.kind == "elementwise" else None

    def arm_mask(self, node: Node, x: Value, mask: Value | None) -> Value | None:
        """The mask of an arm of a select, and of what came from behind."""
        m, a, b = node.operands
        if a is b:
            return mask
        arm = self.source.look(m)
        if x is b:
            arm = self.b.emit(TABLE["not"], arm)
        return arm if mask is None else self.b.emit(TABLE["and"], arm, mask)

    def expr(self, v: Value) -> Expr:
        return Expr(self.b, v.type, lambda: self.source.look(v), lambda: self.source.sizes(v))

    # -- parts of arrays -----------------------------------------------------------------------

    def index(self, node: Node, first: int) -> list[Value]:
        return [self.source.look(v) for v in node.operands[first:]]

    def array_adjoint(self, v: Value) -> Value:
        """The adjoint of an array object, ready to be written."""
        adjoint = self.adjoints.take(self.structure.root[v])
        if adjoint is None:
            name = f"d_{self.structure.root[v].name}" if self.structure.root[v].name else ""
            return zeros(self.b, v.type, self.source.sizes(v), name)
        return self.own(adjoint)

    def load(self, node: Node) -> None:
        base = node.operands[0]
        adjoint = self.adjoints.take(node.result)
        if adjoint is None or base not in self.active:
            return
        whole = self.array_adjoint(base)
        index = self.index(node, 1)
        whole = self.b.emit(add_at, whole, adjoint.value, *index, name=whole.name, **node.attrs)
        self.adjoints.put(self.structure.root[base], whole, True)

    def store(self, node: Node) -> None:
        """The part's adjoint goes to what was stored; a `store` then clears it, an `add_at` not."""
        base, v = node.operands[:2]
        root = self.structure.root[base]
        if node.result not in self.active or root not in self.adjoints:
            return
        whole = self.array_adjoint(base)
        index = self.index(node, 2)
        update = self.update(node)
        if update is not None:
            share = self.accumulated(node, update, whole, index)
            self.adjoints.put(root, whole, True)
            if share is not None:
                self.adjoints.contribute(self.structure.root[update[0]], share, True)
            return
        share = None
        if v in self.active:
            part = self.b.emit(load, whole, *index, **node.attrs)
            share = fit(self.b, part, v.type, self.source.sizes(v))
        if base in self.active:
            if node.op is store:
                zero = self.b.const(0.0, base.type.dtype)
                whole = self.b.emit(store, whole, zero, *index, name=whole.name, **node.attrs)
            self.adjoints.put(root, whole, True)
        if share is not None:
            # Last, since an array may be stored into itself: `a[::-1] = a`.
            self.adjoints.contribute(self.structure.root[v], share, True)

    def update(self, node: Node) -> tuple[Value, bool] | None:
        """Of `a[i] = a[i] + w` or `- w`, where nothing else reads the parts: w, and whether it is
        subtracted."""
        base, v, *index = node.operands
        made = self.structure.producer.get(v)
        reads = self.structure.reads
        if (
            node.op is not store
            or made is None
            or made.op.name not in ("add", "sub")
            or reads[v] > 1
        ):
            return None
        for old, w in (made.operands, made.operands[::-1]):
            part = self.structure.producer.get(old)
            same = part is not None and part.op is load and list(part.operands) == [base, *index]
            if same and reads[old] == 1 and old.type == v.type and base in self.active:
                return w, made.op.name == "sub"
            if made.op.name == "sub":
                break
        return None

    def accumulated(
        self, node: Node, update: tuple[Value, bool], whole: Value, index: Sequence[Value]
    ) -> Value | None:
        """What is added to the elements has their adjoint for its own; theirs stays what it is."""
        w, subtracted = update
        if w not in self.active:
            return None
        part = self.b.emit(load, whole, *index, **node.attrs)
        if subtracted:
            part = self.b.emit(TABLE["neg"], part)
        return fit(self.b, part, w.type, self.source.sizes(w))

    # -- stacks --------------------------------------------------------------------------------

    def stack_op(self, node: Node) -> None:
        handler = {
            "push": self.push, "pop": self.pop, "to_array": self.to_array, "peek": self.peek,
            "from_array": self.from_array, "poke": self.poke,
        }.get(node.op.name)  # fmt: skip
        if handler is not None and any(r in self.active for r in node.results):
            handler(node)

    def stack_adjoint(self, s: Value) -> Value:
        """The adjoint of a stack, as long as the stack is here."""
        adjoint = self.adjoints.take(self.structure.root[s])
        if adjoint is not None:
            return adjoint.value
        return self.zero_stack(s)

    def put_stack(self, s: Value, value: Value) -> None:
        self.adjoints.put(self.structure.root[s], value, True)

    def element_sizes(self, v: Value) -> list[Value]:
        return [self.b.const(n) if isinstance(n, int) else n for n in self.source.sizes(v)]

    def push(self, node: Node) -> None:
        s, v = node.operands
        if self.structure.root[s] not in self.adjoints:
            return
        shorter, g = self.b.emit(pop, self.stack_adjoint(node.result), *self.element_sizes(v))
        self.put_stack(s, shorter)
        if v in self.active:
            self.adjoints.contribute(self.structure.root[v], g, True)

    def pop(self, node: Node) -> None:
        s, v = node.operands[0], node.results[1]
        adjoint = self.adjoints.take(v)
        g = self.own(adjoint) if adjoint else zeros(self.b, v.type, self.source.sizes(v))
        longer = self.b.emit(push, self.stack_adjoint(node.results[0]), g)
        self.put_stack(s, longer)

    def to_array(self, node: Node) -> None:
        adjoint = self.adjoints.take(node.result)
        if adjoint is None:
            return
        s = node.operands[0]
        old = self.adjoints.take(self.structure.root[s])
        if old is None:
            self.put_stack(s, self.b.emit(from_array, adjoint.value))
        else:
            sizes = [self.source.look(v) for v in node.operands[1:]]
            self.put_stack(s, add_to_stack(self.b, old.value, adjoint.value, sizes))

    def from_array(self, node: Node) -> None:
        a = node.operands[0]
        old = self.adjoints.take(node.result)
        if old is not None:
            sizes = [self.b.const(n) if isinstance(n, int) else n for n in self.source.sizes(a)]
            g = self.b.emit(to_array, old.value, *sizes[1:])
            self.adjoints.contribute(self.structure.root[a], g, True)

    def peek(self, node: Node) -> None:
        adjoint = self.adjoints.take(node.result)
        if adjoint is None:
            return
        s, i, *sizes = node.operands
        whole = self.stack_adjoint(s)
        at = [self.source.look(v) for v in (i, *sizes)]
        old = self.b.emit(peek, whole, *at)
        total = self.b.emit(TABLE["add"], old, adjoint.value)
        self.put_stack(s, self.b.emit(poke, whole, total, at[0]))

    def poke(self, node: Node) -> None:
        s, v, i = node.operands
        if self.structure.root[s] not in self.adjoints:
            return
        whole, at = self.stack_adjoint(s), self.source.look(i)
        g = self.b.emit(peek, whole, at, *self.element_sizes(v))
        if v in self.active:
            self.adjoints.contribute(self.structure.root[v], g, True)
        zero = zeros(self.b, v.type, self.source.sizes(v))
        self.put_stack(s, self.b.emit(poke, whole, zero, at))
