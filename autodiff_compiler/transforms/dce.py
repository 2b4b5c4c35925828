"""Dead code: what no result, check or live loop needs. Checks are never dead; dead slots are dropped."""

from __future__ import annotations

from collections.abc import Iterable

from ..ir.graph import (
    COND,
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


def eliminate_dead_code(function: Function) -> Function:
    return function.with_block(sweep_block(function.block))


def sweep_block(block: Block) -> Block:
    """The block without what its results and its checks do not need. Free values may be read."""
    marks = _Marks(block)
    marks.live_all(block.results)
    return Block(block.params, tuple(_kept(block.nodes, marks)), block.results)


class _Marks:
    """Which values are live. A value's definition is found by `home`: its node, and its slot if any."""

    def __init__(self, block: Block):
        self.live: set[Value] = set()
        self.busy: set[Node] = set()
        self.home: dict[Value, tuple[Node | None, int]] = {}
        self.inside: dict[Value | Node, tuple[Node, ...]] = {}
        self._work: list[Value] = []
        self._index(block, ())
        self._effects(block)

    def _index(self, block: Block, around: tuple[Node, ...]) -> None:
        for node in block.nodes:
            self.inside[node] = around
            for k, r in enumerate(node.results):
                self.home[r], self.inside[r] = (node, k), around
            for inner in node.blocks:
                offset = 1 if node.op is FOR else 0
                for k, p in enumerate(inner.params):
                    self.home[p], self.inside[p] = (node, k - offset), (*around, node)
                self._index(inner, (*around, node))

    def _effects(self, block: Block) -> None:
        for node in block.nodes:
            if node.op.effect:
                self._busy((*self.inside[node], node))
                self.live_all(node.operands)
            for inner in node.blocks:
                self._effects(inner)

    def live_all(self, values: Iterable[Value]) -> None:
        self._work.extend(values)
        while self._work:
            self._mark(self._work.pop())

    def _mark(self, v: Value) -> None:
        if v in self.live:
            return
        self.live.add(v)
        node, k = self.home.get(v, (None, 0))
        if node is None:
            return
        self._busy((*self.inside[v], node))
        if node.op is FOR or node.op is WHILE:
            if k >= 0:
                self._work += [carried_init(node)[k], slot_yields(node)[k], slot_params(node)[k]]
                self._work += [block.params[k] for block in node.blocks[:-1]]
        elif node.op is COND:
            self._work += [block.results[k] for block in node.blocks]
        else:
            self._work += node.operands

    def _busy(self, nodes: Iterable[Node]) -> None:
        """These control nodes run, so what steers them is live."""
        for node in nodes:
            if node in self.busy:
                continue
            self.busy.add(node)
            if node.op is FOR:
                self._work += node.operands[:3]
                if node.attrs.get("stops"):
                    self._work.append(node.blocks[0].results[0])
            elif node.op is WHILE:
                self._work += node.blocks[0].results
            elif node.op is COND:
                self._work += node.operands


def _kept(nodes: Iterable[Node], marks: _Marks) -> Iterable[Node]:
    for node in nodes:
        if node.op is FOR or node.op is WHILE or node.op is COND:
            if node in marks.busy:
                yield _rebuilt(node, marks)
        elif node.op.effect or any(r in marks.live for r in node.results):
            yield node


def _rebuilt(node: Node, marks: _Marks) -> Node:
    """The control node with its live slots only."""
    if node.op is COND:
        keep = [k for k, r in enumerate(node.results) if r in marks.live]
    else:
        pairs = zip(node.results, slot_params(node))
        keep = [k for k, (r, p) in enumerate(pairs) if r in marks.live or p in marks.live]
    lead = 1 if node.op is FOR else 0
    blocks = []
    for block in node.blocks:
        params = (*block.params[:lead], *(block.params[lead + k] for k in keep if block.params))
        results = block.results
        if node.op is COND:
            results = tuple(results[k] for k in keep)
        elif block is node.blocks[-1]:
            stop = results[: len(results) - len(node.results)]
            results = (*stop, *(slot_yields(node)[k] for k in keep))
        blocks.append(Block(params, tuple(_kept(block.nodes, marks)), results))
    operands = node.operands
    if node.op is not COND:
        bounds = operands[:3] if node.op is FOR else ()
        operands = (*bounds, *(carried_init(node)[k] for k in keep))
    results = tuple(node.results[k] for k in keep)
    return Node(node.op, operands, results, node.attrs, tuple(blocks), node.span)
