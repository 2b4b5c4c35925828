"""Loops and branches."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from ...ir.graph import (
    COND,
    FOR,
    Block,
    Node,
    Value,
    body_of,
    carried_init,
    slot_params,
    slot_yields,
)  # fmt: skip
from ...ir.types import BOOL, Array, Scalar
from ...lowering.adders import only_adds
from ...lowering.buffers import Copy, LoopPlan
from ...lowering.ranges import LARGEST, SMALLEST
from ..text import Text, parenthesise
from .memory import Memory
from .parts import Sums
from .prelude import PURE
from .spell import ELEMENT, LOCAL, ONE, minus, plus
from .state import LoopContext
from .writer import Writer, flat

__all__ = ["Control"]

#: What may not stand in a loop whose trips run side by side.
_ORDERED = {"for", "while", "if", "else", "break", "goto"}


@dataclass(frozen=True, slots=True)
class ForHead:
    """`none`: "no trip or ", for checks in front of the loop. `span`: an expression for the trips."""

    text: str
    none: str = ""
    span: str = ""
    first_line: str = ""
    #: The same trips the other way round, for loops in which the order does not matter.
    turned: str = ""


class Control(Memory):
    def block(self, block: Block) -> None:
        raise NotImplementedError

    def control_node(self, node: Node) -> None:
        if node.op is COND:
            self.cond(node)
        else:
            self.loop(node)

    # --- loops ------------------------------------------------------------------------------------

    def loop(self, node: Node) -> None:
        plan = self.storage.loops[node]
        counted = node.op is FOR
        head = self._for_head(node) if counted else ForHead("")
        self._enter_slots(node, plan)
        context = LoopContext(plan.releases, node, set(self.env), conditional=self.conditional)
        mark = self.names.fresh("mark")
        self.loops.append(context)
        with self.w.aside() as inside:
            if not counted:
                self._while_head(node)
                self._poll(node, context.outside)
            else:
                self.w.depth += 1
            if head.first_line:
                self.w.line(head.first_line)
            for pair in self.equalities.entering.get(node, ()):
                self.equal(*pair)
            self._body(node, plan, mark)
            self.w.depth -= 1
        self.loops.pop()
        self.env.update(context.renamed)
        for holds, number in context.hoisted:
            self.w.line(f"ADC_CHECK({number}, {head.none}{holds});")
        if context.releases:
            self.w.line(f"const adc_mark {mark} = adc_here(&frame);")
        if inside.lines:
            if counted:
                self._counted(node, plan, head, inside, context)
            self.w.paste(inside)
            self.w.line("}")
        for p, r in zip(slot_params(node), node.results):
            if isinstance(p.type, Scalar):
                self.env[r] = self.env[p]

    def _counted(
        self, node: Node, plan: LoopPlan, head: ForHead, inside: Writer, context: LoopContext
    ) -> None:
        """The line that opens a counted loop, with what belongs in front of it."""
        body = body_of(node)
        pragma = self._simd(node, plan, inside, context)
        inner = any(n.blocks and n.op is not COND for n in _all_nodes(body))
        small = self.loops and not inner and not self._has_arrays(body)
        if self.loops and (pragma or small):
            self.w.line(f"ADC_POLL_TRIPS({head.span});")
        if pragma:
            self.w.line(pragma)
        self.w.line(head.turned if pragma and head.turned else head.text)
        if self.threads > 1 and not pragma and not self.loops and only_adds(node):
            self.w.lines[-1].parts = self._sums_of_parts(node, plan)
        if not pragma and not small:
            with self.w.aside() as poll:
                self.w.depth += 1
                self._poll(node, context.outside)
                self.w.depth -= 1
            self.w.paste(poll)

    def _sums_of_parts(self, node: Node, plan: LoopPlan) -> Sums | None:
        """What a loop adds to, if each trip does so in place."""
        if plan.moves or plan.copies:
            return None
        scalars, arrays = [], []
        for k, p in enumerate(slot_params(node)):
            if isinstance(p.type, Scalar):
                scalars.append((self.env[p].text, LOCAL[p.type.dtype]))
                continue
            buffer = plan.slots[k].buffer
            if self.storage.where[node.results[k]] is not buffer:
                return None
            count = self.count(self.shape(p)).at(60)
            arrays.append((self.pointer(buffer), ELEMENT[p.type.dtype], count))
        return Sums(tuple(scalars), tuple(arrays))

    def _for_head(self, node: Node) -> ForHead:
        """The `for (...)` of a counted loop; bounds are read once, before the loop."""
        start, stop, step = node.operands[:3]
        first, last = self.atom(start), self.stable(stop)
        counter = body_of(node).params[0]
        i = self.names.fresh(counter.name, "i")
        self.env[counter] = Text(i)
        low, high = self.ranges.low(step), self.ranges.high(step)
        by = self.stable(step)
        up, down = f"{minus(last, first)}", f"{minus(first, last)}"
        if low >= 1 and (high == 1 or self.ranges.high(stop) + high <= LARGEST):
            more = f"{i}++" if high == low == 1 else f"{i} += {by}"
            head = f"for (long long {i} = {first}; {i} < {last}; {more}) {{"
            return ForHead(head, self._empty(first, last, start, stop), up)
        if high <= -1 and (low == -1 or self.ranges.low(stop) + low >= SMALLEST):
            more = f"{i}--" if high == low == -1 else f"{i} += {by}"
            head = f"for (long long {i} = {first}; {i} > {last}; {more}) {{"
            turned = ""
            if high == low == -1:
                lowest, beyond = plus(last, ONE), plus(first, ONE)
                turned = f"for (long long {i} = {lowest}; {i} < {beyond}; {i}++) {{"
            return ForHead(head, f"{first} <= {last} || ", down, turned=turned)
        begin = self.stable(start)
        trips, trip = self.names.fresh("trips"), self.names.fresh("trip")
        self.w.line(f"const unsigned long long {trips} = adc_trips({begin}, {last}, {by});")
        return ForHead(
            f"for (unsigned long long {trip} = 0; {trip} < {trips}; {trip}++) {{",
            f"{trips} == 0 || ", trips,
            f"const long long {i} = {begin} + (long long){trip} * {by.at(70)};",
        )  # fmt: skip

    def _empty(self, first: Text, last: Text, start: Value, stop: Value) -> str:
        """The condition under which the loop makes no trip, as the beginning of an `or`."""
        if self.ranges.high(start) < self.ranges.low(stop):
            return ""
        return f"{last} <= {first} || "

    def _enter_slots(self, node: Node, plan: LoopPlan) -> None:
        params, init = slot_params(node), carried_init(node)
        starts = []
        for k, (p, i) in enumerate(zip(params, init)):
            if isinstance(p.type, Scalar):
                known = self.text(i)
                if k in plan.continued and known.text in self.mutable:
                    self._bind(node, k, known)
                else:
                    starts.append((k, p, known))
                continue
            slot = plan.slots[k]
            if slot.init == "point":
                self.declare(slot.buffer, self.name_of(i))
            elif slot.init == "copy":
                self.new_buffer(slot.buffer)
                self.copy(Copy(slot.buffer, i))
        for k, p, known in starts:
            name = self.fresh(p)
            self.mutable.add(name)
            self.w.line(f"{LOCAL[p.type.dtype]} {name} = {known};", name)
            self._bind(node, k, Text(name))
        for buffer in plan.allocate:
            self.new_buffer(buffer)

    def _bind(self, node: Node, k: int, name: Text) -> None:
        for block in node.blocks:
            params = block.params[1:] if node.op is FOR else block.params
            self.env[params[k]] = name

    def _body(self, node: Node, plan: LoopPlan, mark: str) -> None:
        body = body_of(node)
        self.block(body)
        stop = self._stop(node) if node.attrs.get("stops") else None
        self._yield(node, plan)
        if self.loops[-1].releases:
            self.w.line(f"adc_release(&frame, {mark});")
        if stop is not None:
            self.w.line(f"if ({stop}) break;")

    def _stop(self, node: Node) -> Text:
        """Whether this was the last trip, said before the slots change."""
        leave = body_of(node).results[0]
        if len(body_of(node).results) == 1:
            return self.text(leave)
        x = self.atom(leave)
        slots = {self.env[p].text for p in slot_params(node) if p in self.env}
        return self.stable(leave) if x.text in slots else x

    def _while_head(self, node: Node) -> None:
        test = node.blocks[0]
        with self.w.aside() as inside:
            self.w.depth += 1
            self.block(test)
            go = self.text(test.results[0])
            self.w.depth -= 1
        if not inside.lines:
            self.w.line(f"while ({go}) {{")
            self.w.depth += 1
            return
        self.w.line("for (;;) {")
        self.w.paste(inside)
        self.w.depth += 1
        self.w.line(f"if (!{parenthesise(go.text, go.level, 100)}) break;")

    def _poll(self, node: Node, known: set[Value]) -> None:
        """Long loops ask now and then whether to stop."""
        self.w.line(f"ADC_POLL({self._weight(body_of(node), known)});")

    # --- loops that vectorise ---------------------------------------------------------------------

    def _simd(self, node: Node, plan: LoopPlan, inside: Writer, context: LoopContext) -> str:
        """The pragma, if the trips of the loop do not depend on each other but through sums."""
        if node.attrs.get("stops") or plan.moves or plan.copies or context.releases:
            return ""
        words = Counter(word for line in flat(inside.lines) for word in line.words())
        if any(w in _ORDERED or (w.startswith(("adc_", "ADC_")) and w not in PURE) for w in words):
            return ""
        sums = self._sums(node, words, inside)
        if sums is None or not self._apart(node, context):
            return ""
        return "#pragma omp simd" + "".join(f" reduction({op}:{name})" for name, op in sums)

    def _sums(self, node: Node, words: Counter, inside: Writer) -> list[tuple[str, str]] | None:
        """The scalar slots with the operator that collects them; None if one is no such sum."""
        out = []
        for p in slot_params(node):
            if not isinstance(p.type, Scalar) or words[self.env[p].text] == 0:
                continue
            name = self.env[p].text
            lines = [line.text for line in flat(inside.lines) if line.declares == name]
            found = re.match(rf"{name} ([-+*])= ", lines[0]) if len(lines) == 1 else None
            if not found or words[name] != 1 or p.type.dtype == BOOL:
                return None
            out.append((name, "*" if found.group(1) == "*" else "+"))
        return out

    def _apart(self, node: Node, context: LoopContext) -> bool:
        """Do different trips touch different elements of whatever is written?"""
        i = self.env[body_of(node).params[0]].text
        moves = re.compile(rf"{i}( [-+] \d+)?")
        found = False
        for buffer in {a.buffer for a in context.accesses}:
            touched = [a for a in context.accesses if a.buffer is buffer]
            axes = [
                k for k, at in enumerate(touched[0].index)
                if moves.fullmatch(at) and all(a.index[k : k + 1] == (at,) for a in touched)
            ]  # fmt: skip
            found |= any(moves.fullmatch(at) for a in touched for at in a.index)
            if any(a.writes for a in touched) and not axes:
                return False
        # Without an array there is no telling how long the loop runs, and it could not be stopped.
        return found

    def _has_arrays(self, body: Block) -> bool:
        return any(
            isinstance(v.type, Array) and n.op.kind != "control" and not _scalar_store(n)
            for n in _all_nodes(body)
            for v in n.results
        )

    def _weight(self, body: Block, known: set[Value]) -> str:
        """Roughly the work of one trip: operations, and the sizes of arrays if they are `known`."""
        total, sizes = 0, []
        for n in _all_nodes(body):
            total += 1
            if n in self.fusion.live and not _scalar_store(n):
                for v in n.results:
                    dims = self.dims.get(v, ())
                    if v not in self.fusion.inlined and n.op.kind != "control" and dims:
                        if all(isinstance(d, int) or d in known for d in dims):
                            sizes.append(self.count(self.shape(v)).text)
                        else:
                            total += 64
        distinct = list(dict.fromkeys(sizes))
        terms = [s if sizes.count(s) == 1 else f"{sizes.count(s)} * {s}" for s in distinct]
        return " + ".join([str(total), *terms[:4]])

    def _yield(self, node: Node, plan: LoopPlan) -> None:
        pairs: list[tuple[str, str, str]] = []
        for p, y in zip(slot_params(node), slot_yields(node)):
            if isinstance(p.type, Scalar):
                pairs.append((self.env[p].text, self.text(y).text, LOCAL[p.type.dtype]))
        self.assign(pairs)
        self.copies(plan.copies)
        self.moves(plan.moves)

    # --- branches ---------------------------------------------------------------------------------

    def cond(self, node: Node) -> None:
        pred = self.text(node.operands[0])
        if self._as_ternary(node, pred):
            return
        plan = self.storage.branches[node]
        for buffer in plan.declare:
            self.declare(buffer)
        self._declare_lengths(node)
        targets: dict[int, str] = {}
        for k, r in enumerate(node.results):
            if isinstance(r.type, Scalar):
                targets[k] = self._scalar_target(node, k, r)
        parts = []
        for side, block in enumerate(node.blocks):
            with self.w.aside() as inside:
                self.w.depth += 1
                self.conditional += 1
                self.block(block)
                self._branch_end(node, side, targets)
                self.conditional -= 1
                self.w.depth -= 1
            parts.append(inside)
        self._write_branches(pred, parts)
        for k, name in targets.items():
            self.env[node.results[k]] = Text(name)

    def _write_branches(self, pred: Text, parts: list) -> None:
        then, otherwise = parts
        if not then.lines and not otherwise.lines:
            return
        if not then.lines:
            pred, then, otherwise = Text(f"!{pred.at(81)}"), otherwise, then
        self.w.line(f"if ({pred}) {{")
        self.w.paste(then)
        if otherwise.lines:
            self.w.line("} else {")
            self.w.paste(otherwise)
        self.w.line("}")

    def _branch_end(self, node: Node, side: int, targets: dict[int, str]) -> None:
        block, plan = node.blocks[side], self.storage.branches[node]
        pairs = []
        for k, name in targets.items():
            y = block.results[k]
            pairs.append((name, self.text(y).text, LOCAL[y.type.dtype]))
        for k, r in enumerate(node.results):
            for axis, d in enumerate(self.dims.get(r, ())):
                if (r, axis) in self.lengths and not isinstance(d, int):
                    size = self.shape(block.results[k])[axis].text
                    pairs.append((self.lengths[r, axis].text, size, "long long"))
        self.assign(pairs)
        self.copies(plan.copies[side])
        self.moves(plan.moves[side])

    def _declare_lengths(self, node: Node) -> None:
        """Dims that differ by branch are set in the branches."""
        for r in node.results:
            for axis, d in enumerate(self.dims.get(r, ())):
                made = self.made.get(d) if isinstance(d, Value) else None
                if made is not None and made.op.name == "dim" and made.operands[0] is r:
                    name = self.names.fresh(d.name, "n")
                    self.w.line(f"long long {name};", name)
                    self.lengths[r, axis] = Text(name)

    def _scalar_target(self, node: Node, k: int, result: Value) -> str:
        continued = self.storage.branches[node].continued.get(k)
        if continued is not None and continued in self.env:
            name = self.env[continued].text
            if name in self.mutable and name not in self._other_reads(node, k):
                return name
        name = self.fresh(result)
        self.mutable.add(name)
        self.w.line(f"{LOCAL[result.type.dtype]} {name};", name)
        return name

    def _other_reads(self, node: Node, k: int) -> set[str]:
        """Variables that other results of the branch go on with."""
        taken = self.storage.branches[node].continued
        return {self.env[v].text for j, v in taken.items() if j < k and v in self.env}

    def _as_ternary(self, node: Node, pred: Text) -> bool:
        """A branch that only chooses between two expressions is one."""
        if len(node.results) != 1 or not isinstance(node.results[0].type, Scalar):
            return False
        for block in node.blocks:
            if any(n in self.fusion.live and not self._written_inline(n) for n in block.nodes):
                return False
        if self.storage.branches[node].continued:
            return False
        with self.dry_run() as lines:
            short = all(len(self.text(block.results[0]).text) <= 60 for block in node.blocks)
        if not short or lines.lines:
            return False
        texts = [self.text(block.results[0]) for block in node.blocks]
        a, b = (parenthesise(t.text, t.level, 11) for t in texts)
        value = Text(f"{pred.at(11)} ? {a} : {b}", 10)
        result = node.results[0]
        self.local(result, value)
        return True

    def _written_inline(self, node: Node) -> bool:
        return all(r in self.fusion.inlined for r in node.results) and not node.blocks


def _all_nodes(block: Block):
    for node in block.nodes:
        yield node
        for inner in node.blocks:
            yield from _all_nodes(inner)


def _scalar_store(node: Node) -> bool:
    """A store of one element: no work to speak of."""
    index = node.attrs.get("index")
    return node.op.consumes is not None and (index is None or "s" not in index and "a" not in index)
