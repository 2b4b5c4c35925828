"""One function of the IR as one C function: its nodes by kind, its parameters, its results."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.graph import CHECK, CONST, DIM, FOR, Block, Node, Value, free_values
from ...ir.types import BOOL, F32, F64, FLOATS, I64, Array, Scalar
from ...lowering.buffers import Buffer, Copy
from ...lowering.schedule import same_part
from ...ops.index import store
from ..text import C, Text, infix
from .control import Control
from .elements import keep_elements
from .gather import runs_of_adds
from .merge import join_loops
from .reuse import reuse_memory
from .spell import ELEMENT, LOCAL, ZERO, literal, plus
from .state import UNKNOWN
from .threads import TOGETHER, share_loops
from .writer import Line, Writer, flat

__all__ = ["Kernel"]

_STOPS = {"ADC_CHECK", "ADC_MEMORY", "ADC_POLL", "ADC_POLL_TRIPS"}
_CHECKED = {"iadd": "add", "isub": "sub", "imul": "mul"}


class Kernel(Control):
    """`write()` gives the text of the C function; `checks` then says what each check is about."""

    def write(self) -> str:
        self._params()
        self.block(self.function.block)
        self._results()
        self.w.prune()
        self.w.lines = join_loops(self.w.lines)
        keep_elements(self.w.lines, self.names.fresh)
        self.w.prune()
        if self.threads > 1:
            self.w.lines = share_loops(self.w.lines, self.threads, self.names)
        self.w.lines = reuse_memory(self.w.lines)
        return self._framed()

    def words(self) -> set[str]:
        """The names that the text uses."""
        words = self.w.words()
        return words | {"adc_enter", "adc_leave", "adc_spare"} if "frame" in words else words

    # --- the function around ----------------------------------------------------------------------

    def _params(self) -> None:
        for k, p in enumerate(self.function.params):
            if isinstance(p.type, Scalar):
                name = self.fresh(p, "x")
                member = "f" if p.type.dtype in FLOATS else "i"
                cast = {F32: "(float)", "i32": "(int)"}.get(p.type.dtype, "")
                end = " != 0" if p.type.dtype == BOOL else ""
                self.w.line(
                    f"const {LOCAL[p.type.dtype]} {name} = {cast}in[{k}].{member}{end};", name
                )
                self.env[p] = Text(name)
            else:
                buffer = self.storage.where[p]
                name = self.pointer(buffer)
                self.w.line(f"{self.pointer_type(buffer)}{name} = in[{k}].a.data;", name)
                for axis in range(p.type.rank):
                    self.lengths[p, axis] = Text(f"in[{k}].a.shape[{axis}]")

    def _results(self) -> None:
        block = self.function.block
        for k, place in self.outputs.items():
            v = block.results[k]
            if isinstance(v.type, Scalar):
                member = "f" if v.type.dtype in FLOATS else "i"
                self.w.line(f"out[{place}].{member} = {self.text(v)};")
            elif self.storage.where[v].output != k:
                self._copy_result(v, place)
        self._write_back()

    def _copy_result(self, v: Value, place: int) -> None:
        name = self.names.fresh("result")
        sizes = self.shape(v)
        self.allocate_output(name, v, place, sizes)
        kind = ELEMENT[v.type.dtype]
        self.w.line(f"adc_copy({name}, {self.name_of(v)}, {self.count(sizes)}, sizeof({kind}));")

    def _write_back(self) -> None:
        """Final versions of parameters that do not stand in the parameter's memory already."""
        copies = []
        for k, param in self.inplace.items():
            v = self.function.results[k]
            buffer = self.storage.where[v]
            if buffer.param == param and not buffer.swapped:
                continue
            p = self.function.params[param]
            home = Buffer(p.type, self.dims[p], 0, written=True)
            self.buffers[home] = name = self.names.fresh("home")
            self.w.line(f"{ELEMENT[p.type.dtype]} *{name} = in[{param}].a.data;")
            copies.append(Copy(home, v, careful=True))
        self.copies(copies)

    def _framed(self) -> str:
        words = self.w.words()
        head = Writer(1)
        if "together" in words:
            words.add("call")
        for name in ("in", "out", "call", "where"):
            if not self._uses_parameter(name, words):
                head.line(f"(void){name};")
        head.line("int status = 0;")
        if words & {"ADC_POLL", "ADC_POLL_TRIPS"}:
            head.line("long long work = 0;")
        if "together" in words:
            head.line(f"const int together = {TOGETHER};")
        if "frame" in words:
            head.line("adc_frame frame = {adc_enter(adc_spare()), 0, 0};")
        tail = Writer(1)
        if words & _STOPS:
            tail.lines.append(Line(0, "done:"))
        if "frame" in words:
            tail.line("adc_leave(&frame, adc_spare());")
        tail.line("return status;")
        if not words & _STOPS:
            head.lines = [line for line in flat(head.lines) if line.text != "int status = 0;"]
            tail.lines[-1] = Line(1, "return 0;")
        signature = f"int {self.symbol}(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)"
        return f"{signature}\n{{\n{head.text()}{self.w.text()}{tail.text()}}}\n"

    @staticmethod
    def _uses_parameter(name: str, words: set[str]) -> bool:
        through = {"call": {"ADC_POLL", "ADC_POLL_TRIPS"}, "where": {"ADC_CHECK"}}.get(name, set())
        return name in words or bool(words & through)

    # --- nodes ------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        self.claim_row(block)
        nodes = [n for n in block.nodes if n in self.fusion.live and not self._inlined(n)]
        runs = runs_of_adds(nodes, self._reads, self.storage.before, self._clears)
        zeros = {n: run for run in runs.values() if (n := self._zeros_for(run, nodes)) is not None}
        waiting = {n for run in runs.values() for n in run} | set(zeros)
        for node in nodes:
            if node in runs:
                fresh = next((z for z, run in zeros.items() if run is runs[node]), None)
                self._run_of_adds(runs[node], fresh)
            elif node not in waiting:
                self.at_line(node.span)
                self.node(node)

    def _zeros_for(self, run: Sequence[Node], nodes: Sequence[Node]) -> Node | None:
        """The node that makes the array of zeros that a run adds to, if nothing else reads it."""
        base = run[0].operands[0]
        made = self.made.get(base)
        if run[0].op is store:
            return None  # what it clears is set by itself
        if made is None or made not in nodes or made.op.name != "full":
            return None
        readers = [n for n in nodes if base in n.operands or base in self._reads(n)]
        return made if self._is_zero(made.operands[0]) and readers == [run[0]] else None

    def _is_zero(self, v: Value) -> bool:
        number = self.made.get(v)
        return number is not None and number.op is CONST and number.attrs["value"] == 0

    def _clears(self, node: Node) -> bool:
        return self._is_zero(node.operands[1])

    def _reads(self, node: Node) -> set[Value]:
        """What the node reads, itself or through what is written where it is used; not what it updates."""
        found: set[Value] = set()
        updated = node.op.consumes
        waiting = [v for k, v in enumerate(node.operands) if k != updated] + list(_free(node))
        while waiting:
            v = waiting.pop()
            if v not in found:
                found.add(v)
                if v in self.fusion.inlined:
                    waiting += self.made[v].operands
        return found

    def _run_of_adds(self, nodes: Sequence[Node], fresh: Node | None) -> None:
        self.at_line(nodes[0].span)
        if nodes[0].op is store:
            nodes = self._run_behind_zeros(nodes)
        groups = self.alike(nodes)
        if fresh is not None:
            made = self.gathered(groups[0], fresh=True)
            if made is None:
                self.node(fresh)
            else:
                self.claim(fresh.result, self.shape(fresh.result))
                made.write()
                del groups[0]
        for group in groups:
            made = self.gathered(group)
            if made is not None:
                made.write()
                continue
            for node in group:
                self.at_line(node.span)
                self.node(node)

    def _run_behind_zeros(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """What is left of a run that begins with zeros, when these and the adds that go with them are
        written."""
        clears, *adds = nodes
        cleared = next((n for n in adds if same_part(n, clears)), None)
        for group in self.alike(adds):
            if cleared in group:
                made = self.gathered(group, cleared=cleared)
                if made is not None:
                    made.write()
                    return [n for n in adds if n not in group]
        self.node(clears)
        return adds

    def _inlined(self, node: Node) -> bool:
        return len(node.results) == 1 and not node.blocks and node.result in self.fusion.inlined

    def node(self, node: Node) -> None:
        self.copy_before(node)
        kind = node.op.kind
        if node.op is CONST:
            return
        if node.op is DIM:
            self._dim(node)
        elif kind == "control":
            self.control_node(node)
        elif kind == "check":
            self._check(node)
        elif kind == "stack":
            self._births(node)
            self.stack_node(node)
        elif kind == "index":
            self._index(node)
        elif kind == "order":
            self._births(node)
            self.order(node)
        elif kind == "linalg":
            self.linear_algebra(node)
        elif isinstance(node.result.type, Scalar):
            self._scalar_node(node)
        elif node.result in self.storage.shares:
            return
        else:
            self._array_node(node)

    def _births(self, node: Node) -> None:
        if node.op.name in ("to_array", "from_array", "stack"):
            return
        for r in node.results:
            if r in self.storage.births or r in self.storage.on_tape:
                self.claim(r, self.shape(r))

    def _array_node(self, node: Node) -> None:
        v = node.result
        self.claim(v, self.shape(v))
        kind, name = node.op.kind, self.name_of(v)
        if kind == "reduce":
            self.reduce(node)
        elif kind == "contract":
            self.matmul(node)
        elif node.op.name == "reshape":
            self._reshape(node, name)
        elif node.op.name == "copy" and node.operands[0] not in self.fusion.inlined:
            self.copy(Copy(self.storage.where[v], node.operands[0]))
        elif node.op.name == "blank":
            return
        elif not self._turn_over(node):
            self.materialise(node)

    def _turn_over(self, node: Node) -> bool:
        """An array with its last axis first, or the other way round, in one call of a helper."""
        made = node
        if node.op.name == "copy" and node.operands[0] not in self.temporaries:
            made = self.made.get(node.operands[0], node)
        if made.op.name != "transpose" or node.result.type.dtype not in FLOATS:
            return False
        x, perm = made.operands[0], made.attrs["perm"]
        axes = (*range(len(perm)),)
        split = {(*axes[-1:], *axes[:-1]): -1, (*axes[1:], *axes[:1]): 1}.get(tuple(perm))
        if split is None or x in self.fusion.inlined and x not in self.temporaries:
            return False
        sizes = self.shape(x)
        rows, columns = self.count(sizes[:split]), self.count(sizes[split:])
        helper = "adc_turn" if node.result.type.dtype == F64 else "adc_turnf"
        names = f"{self.name_of(x)}, {self.name_of(node.result)}"
        self.touch(UNKNOWN)
        self.w.line(f"{helper}({rows}, {columns}, {names});")
        return True

    def _reshape(self, node: Node, name: str) -> None:
        """The operand's elements in memory order."""
        x = node.operands[0]
        if x not in self.fusion.inlined:
            self.copy(Copy(self.storage.where[node.result], x))
            return
        self.prepare(x)
        sizes = self.shape(x)
        with self.nest(sizes, "#pragma omp simd") as index:
            self.w.line(f"{name}[{self.offset(index, sizes)}] = {self.element(x, index)};")

    def _scalar_node(self, node: Node) -> None:
        kind = node.op.kind
        if kind == "reduce":
            self.reduce(node)
        elif kind == "contract":
            self.matmul(node)
        elif node.op.name in _CHECKED or node.op.name == "ipow":
            self._checked(node)
        else:
            with self.watched() as reads:
                text = self._scalar(node)
            self.local(node.result, text, reads)

    def _checked(self, node: Node) -> None:
        """Arithmetic of Python's ints, which have no limit: what no i64 holds stops the kernel."""
        name = node.op.name
        if self.ranges.fits(node):
            self.local(node.result, self._scalar(node))
            return
        a, b = (self.text(x) for x in node.operands)
        r = self.fresh(node.result)
        plain = "[" not in a.text + b.text
        self.w.line(f"long long {r};", early=plain)
        call = f"__builtin_{_CHECKED[name]}_overflow" if name in _CHECKED else "adc_ipow"
        reason = "an integer beyond 64 bits"
        self.check(f"!{call}({a}, {b}, &{r})", node.span, reason, early=plain)
        self.env[node.result] = Text(r)

    def _dim(self, node: Node) -> None:
        array, axis = node.operands[0], node.attrs["axis"]
        known = self.lengths.get((array, axis))
        if known is None:
            raise AssertionError(f"nobody knows axis {axis} of {array}")
        if known.text.isidentifier():
            self.env[node.result] = known
        else:
            self.local(node.result, known)

    def _check(self, node: Node) -> None:
        if node.op is CHECK:
            holds = self.text(node.operands[0])
            if holds.text == "1":
                return  # two names of one length
            self.check(holds.text, node.span, str(node.attrs.get("reason", "")))
            self._learn(node.operands[0])
            return
        i, n = node.operands
        if isinstance(node.result.type, Array):
            self._births(node)
            self.index_array(node)
            return
        x = self.stable(i)
        if self.ranges.inside(i, n):
            self.env[node.result] = x
            return
        reason = "index out of bounds"
        if self._hoisted(node, reason):
            self.env[node.result] = x
            return
        if self.ranges.low(i) >= 0:
            self.check(f"{x} < {self.text(n).at(60)}", node.span, reason)
            self.env[node.result] = x
            return
        length = self.atom(n)
        self.check(f"{x} >= -{length} && {x} < {length}", node.span, reason)
        self.local(node.result, Text(f"{x} < 0 ? {x} + {length} : {x}", 10))

    def _learn(self, holds: Value) -> None:
        """From here on, to the end of the loop's body, two lengths are one."""
        node = self.made.get(holds)
        around = self.loops[-1].conditional if self.loops else 0
        if self.conditional == around and node is not None and node.op.name == "eq":
            self.equal(*node.operands)

    def _hoisted(self, node: Node, reason: str) -> bool:
        """Puts the check of an index that runs with the loop's counter in front of the loop."""
        i, n = node.operands
        if not self.loops or self.conditional != self.loops[-1].conditional:
            return False
        context = self.loops[-1]
        loop = context.node

        def outside(v: Value) -> Text:
            return context.renamed.get(v) or self.text(v)

        if loop.op is not FOR or loop.attrs.get("stops") or node not in loop.blocks[0].nodes:
            return False
        if n not in context.outside or self.ranges.low(i) < 0:
            return False
        start, stop, step = loop.operands[:3]
        counter, shift = self.ranges.affine(i)
        if counter is not loop.blocks[0].params[0]:
            return False
        if self.ranges.low(step) == self.ranges.high(step) == 1:
            end = plus(outside(stop), literal(shift, I64))
            inside = infix("<=", end, outside(n), C)
        elif self.ranges.high(step) <= -1:
            inside = infix("<", plus(outside(start), literal(shift, I64)), outside(n), C)
        else:
            return False
        context.hoisted.append((inside.text, self.check_number(node.span, reason)))
        return True

    # --- indices ----------------------------------------------------------------------------------

    def _index(self, node: Node) -> None:
        name = node.op.name
        if name in ("store", "add_at"):
            self.store(node)
        elif name == "slice":
            self._slice(node)
        elif name in ("row", "set_row", "settled_rows"):
            self.row_node(node)
        elif name == "nonzero":
            self.nonzero(node)
        elif name == "distinct":
            self.distinct(node)
        elif name == "wrap" and isinstance(node.result.type, Scalar):
            self._wrap(node)
        elif isinstance(node.result.type, Scalar):
            self.local(node.result, self._scalar(node))
        else:
            self._array_node(node)

    def _wrap(self, node: Node) -> None:
        if self.ranges.low(node.operands[0]) >= 0:
            self.env[node.result] = self.stable(node.operands[0])
        else:
            self.local(node.result, self._scalar(node))

    def _slice(self, node: Node) -> None:
        """start and length of `slice.indices`."""
        *bounds, step, n = node.operands
        start, length = node.results
        low = bounds.pop(0) if node.attrs["lo"] else None
        high = bounds.pop(0) if node.attrs["hi"] else None
        forward = self.ranges.low(step) >= 1
        size = self.stable(n)
        if low is None and high is None and self.ranges.low(step) == self.ranges.high(step) == 1:
            self.env[start], self.env[length] = ZERO, size
            return
        by = self.atom(step)
        backward = self.ranges.high(step) <= -1
        # What bounds are clipped to, and where a missing one stands.
        if forward:
            limits = ("0", size.text)
        elif backward:
            limits = ("-1", f"{size} - 1")
        else:
            limits = (f"{by} < 0 ? -1 : 0", f"{by} < 0 ? {size} - 1 : {size}")
        if forward or backward:
            begin, end = limits[backward], limits[not backward]
        else:
            begin, end = f"{by} < 0 ? {size} - 1 : 0", f"{by} < 0 ? -1 : {size}"
        lo, hi = (
            (
                Text(f"adc_clip({self.text(x)}, {size}, {limits[0]}, {limits[1]})")
                if x is not None
                else Text(y)
            )
            for x, y in ((low, begin), (high, end))
        )
        if not lo.text.isalnum():
            lo = Text(self.local_text("long long", "first", lo))
        count, s = self.fresh(length, "length"), self.fresh(start, "start")
        self.w.line(f"const long long {count} = adc_length({lo}, {hi}, {by});", count)
        self.env[start], self.env[length] = ZERO, Text(count)
        if lo.text != "0":
            self.w.line(f"const long long {s} = {count} ? {lo} : 0;", s)
            self.env[start] = Text(s)


def _free(node: Node) -> set[Value]:
    return set().union(*(free_values(b) for b in node.blocks)) if node.blocks else set()
