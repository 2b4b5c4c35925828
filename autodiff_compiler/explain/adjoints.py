"""The backward sweep over a recorded run: the adjoint of every value, and each step's shares of it.

The derivatives are those of the op records, applied by the reverse pass's own sweep to one node at a
time; parts of arrays and stacks, whose reverse stands in the pass itself, are done on the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..ir.build import Builder
from ..ir.graph import Function, Node, Value
from ..ir.interpret import interpret
from ..ir.op import NON_DIFFERENTIABLE
from ..ir.types import BOOL, Scalar, Type, broadcast_dims, shaped
from ..ops.index import add_at, load, numpy_index, store
from ..transforms.adjoints import Adjoint
from ..transforms.expr import Expr
from ..transforms.reverse import Sweep
from .record import Item, Run, Step

__all__ = ["Share", "Backward", "backward", "local_rule"]


@dataclass(frozen=True, slots=True)
class Mask:
    """Where an adjoint may be other than zero: see the reverse pass."""

    type: Type
    data: Any


@dataclass(frozen=True, slots=True)
class Share:
    """What one step adds to the adjoint of its operand number `operand`."""

    operand: int
    data: Any
    mask: Mask | None = None


class Backward:
    """`adjoints` by item (None: no path leads from it to the result), `shares` by step."""

    def __init__(self, run: Run):
        self.run = run
        self.adjoints: dict[Item, Any] = {}
        self.masks: dict[Item, Mask | None] = {}
        self.shares: dict[Step, list[Share]] = {}
        #: the largest share of each adjoint: what its rounding errors are relative to
        self.scale: dict[Item, float] = {}
        self.rules = Rules()

    def add(self, item: Item, data: Any, mask: Mask | None = None) -> None:
        self.scale[item] = max(self.scale.get(item, 0.0), _largest(data))
        if item not in self.adjoints:
            self.adjoints[item], self.masks[item] = data, mask
            return
        old = self.adjoints[item]
        if isinstance(old, tuple):
            self.adjoints[item] = tuple(a + b for a, b in zip(old, data, strict=True))
        else:
            self.adjoints[item] = old + data
        self.masks[item] = _either(self.masks[item], mask)

    def partial(self, step: Step, operand: int) -> float | None:
        """d result / d operand, where both are scalars and the step has one result."""
        if len(step.results) != 1 or not isinstance(step.operands[operand].value.type, Scalar):
            return None
        (result,) = step.results
        if not isinstance(result.value.type, Scalar):
            return None
        one = type(result.data)(1.0)
        with np.errstate(all="ignore"):
            for share in self.rules.shares(step, [one], [None]):
                if share.operand == operand:
                    return share.data
        return None


def backward(run: Run, result: Item) -> Backward:
    """The adjoints of everything that `result`, a scalar, depends on."""
    made = Backward(run)
    one = np.ones_like(np.asarray(result.data))
    made.add(result, one if isinstance(result.data, np.ndarray) else one[()])
    with np.errstate(all="ignore"):
        for step in reversed(run.steps):
            _step(made, step)
    return made


def _step(made: Backward, step: Step) -> None:
    node = step.node
    if node.op.vjp is NON_DIFFERENTIABLE or not any(i.needs for i in step.operands):
        return
    g = [made.adjoints.get(r) for r in step.results]
    if all(x is None for x in g):
        return
    if node.op.kind == "stack":
        shares = _stack(step, g)
    elif node.op is load:
        shares = [Share(0, _scattered(step, g[0]))]
    elif node.op is store or node.op is add_at:
        shares = _stored(step, g[0])
    else:
        shares = made.rules.shares(step, g, [made.masks.get(r) for r in step.results])
    shares = [s for s in shares if step.operands[s.operand].needs]
    made.shares[step] = shares
    for share in shares:
        made.add(step.operands[share.operand], share.data, share.mask)


def _largest(data: Any) -> float:
    if isinstance(data, tuple):
        return max((_largest(x) for x in data), default=0.0)
    return float(np.max(np.abs(data), initial=0.0)) if np.size(data) else 0.0


def _either(a: Mask | None, b: Mask | None) -> Mask | None:
    if a is None or b is None:
        return None
    t = shaped(BOOL, broadcast_dims(a.type, b.type), a.type, b.type)
    return Mask(t, np.logical_or(a.data, b.data))


# --- parts of arrays, and stacks ----------------------------------------------------------------


def _scattered(step: Step, g: Any) -> Any:
    base, *index = step.operands
    out = np.zeros_like(base.data)
    np.add.at(out, numpy_index(step.node.attrs["index"], [i.data for i in index]), g)
    return out


def _stored(step: Step, g: Any) -> list[Share]:
    """The part's adjoint goes to what was stored; a `store` clears it, an `add_at` does not."""
    base, v, *index = step.operands
    at = numpy_index(step.node.attrs["index"], [i.data for i in index])
    share = _unstretched(np.array(g[at]), v)
    rest = g.copy()
    if step.node.op is store:
        rest[at] = 0.0
    return [Share(1, share), Share(0, rest)]


def _unstretched(g: np.ndarray, v: Item) -> Any:
    """A region's adjoint summed to the shape of what was stored into it."""
    shape = np.shape(v.data)
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    axes = tuple(k for k, n in enumerate(shape) if n == 1 and np.shape(g)[k] != 1)
    return g.sum(axis=axes, keepdims=True) if axes else g


def _stack(step: Step, g: Sequence[Any]) -> list[Share]:
    handler = _STACK.get(step.node.op.name)
    return [] if handler is None else handler(step, *g)


def _zeros(data: Any) -> Any:
    if isinstance(data, tuple):
        return tuple(_zeros(x) for x in data)
    return np.zeros_like(data)[()] if np.ndim(data) == 0 else np.zeros_like(data)


def _push(step: Step, g: Any) -> list[Share]:
    return [Share(0, g[:-1]), Share(1, g[-1])]


def _pop(step: Step, g: Any, g_element: Any) -> list[Share]:
    shorter, element = step.results
    g = _zeros(shorter.data) if g is None else g
    return [Share(0, (*g, _zeros(element.data) if g_element is None else g_element))]


def _peek(step: Step, g: Any) -> list[Share]:
    s, i = step.operands[:2]
    out = list(_zeros(s.data))
    out[int(i.data)] = g
    return [Share(0, tuple(out))]


def _poke(step: Step, g: Any) -> list[Share]:
    k = int(step.operands[2].data)
    return [Share(0, (*g[:k], _zeros(g[k]), *g[k + 1 :])), Share(1, g[k])]


_STACK: dict[str, Callable[..., list[Share]]] = {
    "push": _push,
    "pop": _pop,
    "peek": _peek,
    "poke": _poke,
    "to_array": lambda step, g: [Share(0, tuple(g))],
    "from_array": lambda step, g: [Share(0, np.array(g).reshape(step.operands[0].data.shape))],
}

# --- the rules of the op records ------------------------------------------------------------------


class _Collected:
    """Stands in for the reverse pass's table of adjoints: holds the results', collects the shares."""

    def __init__(self, b: Builder, given: dict[Value, Adjoint]):
        self.b = b
        self.given = given
        self.shares: list[tuple[int, Value, Value | None]] = []
        self.operand = -1

    def take(self, root: Value) -> Adjoint | None:
        return self.given.get(root)

    def contribute(
        self, root: Value, value: Value, owned: bool = False, mask: Value | None = None
    ) -> None:
        self.shares.append((self.operand, value, mask))


class _LocalSweep(Sweep):
    """The reverse pass on a single node, whose operands and results are parameters."""

    def __init__(self, b: Builder, node: Node, known: dict[Value, Value], collected: _Collected):
        self.b = b
        self.structure = SimpleNamespace(root={v: v for v in known})  # type: ignore[assignment]
        self.active = set(node.operands)
        self.source = SimpleNamespace(  # type: ignore[assignment]
            look=known.__getitem__, sizes=lambda v: b.dims.get(known[v], ())
        )
        self.adjoints = collected  # type: ignore[assignment]
        self.collected = collected

    def operand(self, node: Node, x: Value, c: Expr, adjoint: Adjoint, owned: bool) -> None:
        # `x * x` has shares for both of its operands, in their order.
        at = self.collected.operand + 1
        self.collected.operand = node.operands.index(x, at) if x in node.operands[at:] else at - 1
        super().operand(node, x, c, adjoint, owned)


@dataclass(frozen=True, slots=True)
class LocalRule:
    """The shares of a node's operands as a function of: its operands, its results, the adjoints of
    the results and their masks. `outputs`: per share its operand, and whether a mask comes behind.
    """

    function: Function
    inputs: tuple[Value, ...]
    outputs: tuple[tuple[int, Type | None], ...]


def local_rule(node: Node, given: Sequence[bool], masks: Sequence[Type | None]) -> LocalRule:
    """The rule of one node, for those of its results that have an adjoint."""
    b = Builder()
    known: dict[Value, Value] = {}
    params: list[Value] = []
    for v in (*dict.fromkeys(node.operands), *node.results):
        known[v] = b.function_param(v.type, v.name)
        params.append(known[v])
    adjoints: dict[Value, Adjoint] = {}
    for r, present, mask in zip(node.results, given, masks):
        if present:
            g = b.function_param(r.type, f"d_{r.name}" if r.name else "d")
            m = None if mask is None else b.function_param(mask, "mask")
            params += [g] if m is None else [g, m]
            adjoints[r] = Adjoint(g, False, m)
    collected = _Collected(b, adjoints)
    sweep = _LocalSweep(b, node, known, collected)
    _several(sweep, node) if len(node.results) > 1 else sweep.simple(node)
    results: list[Value] = []
    outputs: list[tuple[int, Type | None]] = []
    for operand, value, mask_value in collected.shares:
        outputs.append((operand, None if mask_value is None else mask_value.type))
        results += [value] if mask_value is None else [value, mask_value]
    inputs = (*dict.fromkeys(node.operands), *node.results)
    return LocalRule(Function("rule", b.close(params, results)), inputs, tuple(outputs))


def _several(sweep: _LocalSweep, node: Node) -> None:
    """A node of several results: as for one, operand by operand."""
    positions = iter([k for k, v in enumerate(node.operands)])
    contribute = sweep.collected.contribute

    def numbered(root: Value, *rest: Any, **more: Any) -> None:
        sweep.collected.operand = next(k for k in positions if node.operands[k] is root)
        contribute(root, *rest, **more)

    sweep.collected.contribute = numbered  # type: ignore[method-assign]
    sweep.several(node)


class Rules:
    """The local rules of a function's nodes, each written once."""

    def __init__(self) -> None:
        self.known: dict[Any, LocalRule] = {}

    def shares(self, step: Step, g: Sequence[Any], masks: Sequence[Mask | None]) -> list[Share]:
        present = tuple(x is not None for x in g)
        types = tuple(None if m is None else m.type for m in masks)
        key = (step.node, present, types)
        if key not in self.known:
            self.known[key] = local_rule(step.node, present, types)
        rule = self.known[key]
        held = dict(zip((*step.node.operands, *step.node.results), (*step.operands, *step.results)))
        args = [held[v].data for v in rule.inputs]
        for x, m in zip(g, masks):
            if x is not None:
                args += [x] if m is None else [x, m.data]
        out = iter(interpret(rule.function, args))
        return [
            Share(k, next(out), None if t is None else Mask(t, next(out))) for k, t in rule.outputs
        ]
