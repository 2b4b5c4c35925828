"""Rows in chunks: what is done to all points of a data set is done to some dozens of them at a time.

`y = (x @ W.T - shift).reshape(n, K, d)` and what follows it, gradient included, makes arrays of n rows
that are far bigger than `x`, writes each to memory and reads it again. Here the nodes that work row
by row on an axis of length n become the body of a loop over chunks of rows. What leaves the loop are
sums over the rows.

The body is the same program with n replaced by the length of the chunk, so a node may go there if
its result's row i hangs on its operands' rows i alone, or if it sums over the rows and nothing that
goes there needs the sum. The axis is told by its dim, which is one value throughout. A function is
left as it is unless some temporary has more axes than the arrays that the rows come from, since
otherwise there is nothing to gain; and the chunks are long enough for the sums to cost little.

This runs on the way to C only, after everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..ir.build import KnownDim, Rewriter
from ..ir.graph import CHECK, DIM, Block, Function, Node, Value, free_values
from ..ir.types import F64, Array, Scalar
from ..ops.elementwise import add, floordiv, maximum, mul
from ..ops.index import WIDTH, add_at, load, parts, slice_
from ..ops.shape import full

__all__ = ["chunks"]

#: Rows of a chunk, at least; numbers that a chunk works on, roughly what a second-level cache holds.
ROWS, NUMBERS = 64, 1 << 17
#: So many times the numbers of all sums are worked on before they are added up.
OF_SUMS = 8

_SIZED = {"full": 1, "broadcast_to": 1, "reshape": 1}
_LOCAL = {"expand_dims", "squeeze", "transpose", "copy"}


def chunks(function: Function) -> Function:
    """The function, with the work on the rows of one axis in a loop over chunks of them."""
    plain = Rewriter()
    function = plain.run(function)
    for node in function.block.nodes:
        if node.op is DIM:
            plan = Region(function, plain.b.dims, node.result)
            if plan.found():
                return Chunked(plan).run(function)
    return function


class Region:
    """The nodes of the outermost block that work on the rows of an axis of length `n`."""

    def __init__(
        self, function: Function, dims: dict[Value, tuple[KnownDim, ...]], n: Value
    ) -> None:
        self.function = function
        self.dims = dims
        self.n = n
        #: All lengths that are this one, by a check in front of the loop.
        self.same = _same_lengths(function, n)
        self.nodes: list[Node] = []
        self.sums: list[Value] = []
        self.rows: dict[Value, None] = {}
        #: Arrays with such rows from outside: sliced on entry.
        self.inputs: dict[Value, None] = {}
        #: Nodes outside that come behind the loop, because they need a sum.
        self.after: set[Node] = set()

    def axis(self, v: Value) -> int | None:
        """Which axis the rows are; None without them."""
        found = [k for k, d in enumerate(self.dims.get(v, ())) if d in self.same]
        return found[0] if found else None

    def found(self) -> bool:
        late: set[Value] = set()  # what hangs on a sum
        for node in self.function.block.nodes:
            reads = [*node.operands, *(v for block in node.blocks for v in free_values(block))]
            if self._takes_part(node):
                if any(v in late for v in reads) or not self._fits(node):
                    return False
                self._add(node)
                late.update(v for v in node.results if v not in self.rows)
            elif any(v in self.rows for v in reads):
                return False
            elif any(v in late for v in reads):
                late.update(node.results)
                self.after.add(node)
        if any(v in self.rows for v in self.function.results):
            return False
        return self._is_worth_it() and self._keeps_arrays()

    def _takes_part(self, node: Node) -> bool:
        if node.blocks or node.op is DIM:
            return False
        if any(v in self.rows for v in node.operands):
            return True
        if node.op.name in ("full", "broadcast_to"):
            return self.axis(node.result) is not None
        return any(self.axis(v) is not None for v in node.operands) and self._fits(node)

    def _add(self, node: Node) -> None:
        self.nodes.append(node)
        for v in node.operands:
            if self.axis(v) is not None and v not in self.rows:
                self.inputs[v] = None
        if self.axis(node.result) is None:
            self.sums.append(node.result)
        else:
            self.rows[node.result] = None

    # --- which nodes work row by row --------------------------------------------------------------

    def _fits(self, node: Node) -> bool:
        if len(node.results) != 1 or node.op.effect:
            return False
        arrays = [v for v in (*node.operands, *node.results) if isinstance(v.type, Array)]
        if any(sum(d in self.same for d in self.dims[v]) > 1 for v in arrays):
            return False
        kind, name = node.op.kind, node.op.name
        if kind == "elementwise":
            return self._aligned(node.operands, node.result)
        if kind == "reduce":
            return self._reduces(node)
        if name == "matmul":
            return self._multiplies(node)
        if name in _LOCAL:
            return self.axis(node.result) is not None
        if name == "full":
            return isinstance(node.operands[0].type, Array) is False
        if name == "broadcast_to":
            x = node.operands[0]
            return not isinstance(x.type, Array) or self._aligned((x,), node.result)
        if name == "reshape":
            return self.axis(node.operands[0]) == 0 == self.axis(node.result)
        if name in ("load", "store", "add_at"):
            return self._indexes(node)
        return False

    def _aligned(self, operands: Sequence[Value], result: Value) -> bool:
        """Does every operand have the rows at the result's place, or nothing there to tell rows apart?"""
        place = self.axis(result)
        if place is None:
            return False
        for v in operands:
            if not isinstance(v.type, Array):
                continue
            k = place - (len(self.dims[result]) - len(self.dims[v]))
            own = self.dims[v][k] if k >= 0 else 1
            if own != 1 and own not in self.same or (own == 1 and self.axis(v) is not None):
                return False
        return True

    def _reduces(self, node: Node) -> bool:
        place = self.axis(node.operands[0])
        if place not in node.attrs["axes"]:
            return place is not None
        return node.op.name == "sum" and node.result.type.dtype == F64

    def _multiplies(self, node: Node) -> bool:
        a, b = node.operands
        at, bt = self.axis(a), self.axis(b)
        ra, rb = len(self.dims[a]), len(self.dims[b])
        if at == ra - 1 and bt == max(rb - 2, 0):  # summed over the rows
            return node.result.type.dtype == F64 and ra <= 2 and rb <= 2
        if at is not None and bt is None:
            return at == ra - 2 and rb <= 2
        return at is None and bt is not None and rb == 2 and bt == 1 and ra <= 2

    def _indexes(self, node: Node) -> bool:
        """All rows, and no index arrays."""
        letters = node.attrs["index"]
        first = 1 if node.op.name == "load" else 2
        base = node.operands[0]
        place = self.axis(base)
        if place is None or "a" in letters or letters[place] != "s":
            return False
        start, length, step = parts(letters, node.operands[first:])[place]
        if not (self._is(start, 0) and length in self.same and self._is(step, 1)):
            return False
        if node.op.name == "load":
            return self.axis(node.result) is not None
        value = node.operands[1]
        if base not in self.rows:
            return False
        # the value has the region's axes, of which the rows are one
        axes = [k for k, letter in enumerate(letters) if letter == "s"]
        if not isinstance(value.type, Array) or self.axis(value) is None:
            return not isinstance(value.type, Array)
        skip = len(axes) - len(self.dims[value])
        return self.axis(value) == axes.index(place) - skip

    def _is(self, v: Value, number: int) -> bool:
        for node in self.function.block.nodes:
            if v in node.results:
                return node.attrs.get("value") == number and node.op.name == "const"
        return False

    # --- is it worth it, and may it be done ---------------------------------------------------------

    def _is_worth_it(self) -> bool:
        most = max((len(self.dims[v]) for v in self.rows), default=0)
        given = max((len(self.dims[v]) for v in self.inputs), default=0)
        return bool(self.sums) and 0 < given < most

    def _keeps_arrays(self) -> bool:
        """No array that the loop reads may be written by what comes before it."""
        eaten: set[Value] = set()
        inside = set(self.nodes)
        for node in self.function.block.nodes:
            if node in inside or node in self.after:
                continue
            if node.op.consumes is not None:
                eaten.add(node.operands[node.op.consumes])
            if node.blocks:
                eaten.update(v for v in node.operands if not isinstance(v.type, Scalar))
        return not any(v in eaten for v in self.read())

    def read(self) -> Iterator[Value]:
        """The values from outside that the region reads."""
        made = {r for node in self.nodes for r in node.results}
        for node in self.nodes:
            yield from (v for v in node.operands if v not in made)


def _same_lengths(function: Function, n: Value) -> set[Value]:
    """`n`, and what is checked to equal it in the outermost block."""
    made = {r: node for node in function.block.nodes for r in node.results}
    pairs = [
        set(made[node.operands[0]].operands)
        for node in function.block.nodes
        if node.op is CHECK and node.operands[0] in made and made[node.operands[0]].op.name == "eq"
    ]
    same = {n}
    while more := [pair for pair in pairs if pair & same and not pair <= same]:
        same = same.union(*more)
    return same


class Chunked(Rewriter):
    """The copy in which a region is a loop over chunks."""

    def __init__(self, region: Region) -> None:
        super().__init__()
        self.region = region

    def run(self, function: Function) -> Function:
        region, inside = self.region, set(self.region.nodes)
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        self.env.update(zip(function.params, params))
        rest = [n for n in function.block.nodes if n not in inside]
        self.nodes(n for n in rest if n not in region.after)
        self._loop()
        self.nodes(n for n in rest if n in region.after)
        results = [self.env[v] for v in function.results]
        return function.with_block(self.b.close(params, results))

    def node(self, node: Node) -> None:
        # Dims of parameters are named by the builder itself.
        if node.op is DIM:
            known = self.b.dim(self.env[node.operands[0]], node.attrs["axis"])
            self.env[node.result] = known
            return
        super().node(node)

    def _loop(self) -> None:
        region, b = self.region, self.b
        b.span = region.nodes[0].span
        n = self.env[region.n]
        zero, one = b.const(0), b.const(1)
        rows = self._rows_of_a_chunk(zero, one)
        trips = b.emit(floordiv, b.emit(add, n, b.emit(add, rows, b.const(-1))), rows)
        init = [self._zero(v) for v in region.sums]
        counter = b.param(zero.type, "chunk")
        slots = [b.param(v.type, v.name, b.dims.get(i)) for v, i in zip(region.sums, init)]
        outside = dict(self.env)
        b.open()
        low = b.emit(mul, counter, rows)
        start, self.length = b.emit(slice_, low, b.emit(add, low, rows), one, n, lo=True, hi=True)
        for v in region.inputs:
            self.env[v] = self._slice(v, start, zero, one)
        for node in region.nodes:
            b.span = node.span
            self._row_node(node)
        yields = [self._added(s, self.env[v], zero, one) for s, v in zip(slots, region.sums)]
        body: Block = b.close([counter, *slots], yields)
        self.env = outside
        b.span = region.nodes[0].span
        results = b.for_((zero, trips, one), init, body)
        self.bind(region.sums, results)

    def _rows_of_a_chunk(self, zero: Value, one: Value) -> Value:
        b, region = self.b, self.region
        a_row = self._total([self._others(v) for v in region.rows], one)
        sums = self._total([self.region.dims.get(v, ()) for v in region.sums], one)
        work = b.emit(maximum, b.const(NUMBERS), b.emit(mul, sums, b.const(OF_SUMS)))
        return b.emit(maximum, b.const(ROWS), b.emit(floordiv, work, b.emit(maximum, a_row, one)))

    def _others(self, v: Value) -> tuple[KnownDim, ...]:
        return tuple(d for d in self.region.dims[v] if d not in self.region.same)

    def _total(self, shapes: Sequence[tuple[KnownDim, ...]], one: Value) -> Value:
        """The numbers in arrays of these shapes."""
        counts: dict[tuple[KnownDim, ...], int] = {}
        for shape in shapes:
            key = tuple(d for d in shape if not isinstance(d, int))
            counts[key] = counts.get(key, 0) + 1
        total = None
        for shape, count in sorted(counts.items(), key=lambda item: len(item[0])):
            size = self.b.const(count)
            for d in shape:
                assert isinstance(d, Value)
                size = self.b.emit(mul, size, self.env[d])
            total = size if total is None else self.b.emit(add, total, size)
        return one if total is None else total

    def _sizes(self, v: Value, one: Value) -> list[Value]:
        return [one if isinstance(d, int) else self.env[d] for d in self.region.dims[v]]

    def _zero(self, v: Value) -> Value:
        nothing = self.b.const(0.0, F64)
        if not isinstance(v.type, Array):
            return nothing
        sizes = self._sizes(v, self.b.const(1))
        ones = tuple(d == 1 for d in v.type.dims)
        return self.b.emit(full, nothing, *sizes, ones=ones, name=v.name)

    def _added(self, total: Value, part: Value, zero: Value, one: Value) -> Value:
        if not isinstance(total.type, Array):
            return self.b.emit(add, total, part, name=total.name)
        dims = self.b.dims[total]
        index = [x for d in dims for x in (zero, one if isinstance(d, int) else d, one)]
        attrs = {
            "index": "s" * len(dims),
            "ones": tuple(k for k, d in enumerate(dims) if isinstance(d, int)),
        }
        return self.b.emit(add_at, total, part, *index, name=total.name, **attrs)

    def _slice(self, v: Value, start: Value, zero: Value, one: Value) -> Value:
        """The chunk's rows of an array from outside."""
        place = self.region.axis(v)
        index: list[Value] = []
        for k, size in enumerate(self._sizes(v, one)):
            index += [start, self.length, one] if k == place else [zero, size, one]
        ones = tuple(k for k, d in enumerate(v.type.dims) if d == 1)
        attrs = {"index": "s" * len(v.type.dims), "ones": ones}
        return self.b.emit(load, self.env[v], *index, name=v.name, **attrs)

    def _row_node(self, node: Node) -> None:
        """The node on the chunk: where the rows' number is a size, it is the chunk's."""
        operands = [self.env[v] for v in node.operands]
        name = node.op.name
        if name in _SIZED:
            for k in range(_SIZED[name], len(operands)):
                if node.operands[k] in self.region.same:
                    operands[k] = self.length
        elif name in ("load", "store", "add_at"):
            letters, place = node.attrs["index"], self.region.axis(node.operands[0])
            assert place is not None
            first = 1 if name == "load" else 2
            operands[first + sum(WIDTH[x] for x in letters[:place]) + 1] = self.length
        self.simple(node, operands)
