"""The findings: where a function is differentiable almost everywhere only, or its gradient is zero.

What happens at a kink stands in the op's record; here is only where one can be met.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import NO_SPAN, Span
from ..ir.graph import (
    CHECK,
    COND,
    DIM,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
    walk,
)  # fmt: skip
from ..ir.op import NON_DIFFERENTIABLE, Kink
from ..ir.types import BOOL, FLOATS, is_float
from ..transforms.activity import active_values, varied_values
from .facts import Facts, holds

__all__ = ["CODES", "Finding", "findings"]

#: Kinds of findings, with what they are about.
CODES = {
    "kink": "a point where the derivative does not exist, and what is taken there",
    "branch": "which way is taken depends on a number that carries a derivative",
    "loop": "how often a loop runs depends on a number that carries a derivative",
    "cut": "an operation that passes no derivative on",
    "equality": "two floats that carry a derivative are compared by == or !=",
    "zero": "the gradient by a parameter is 0 everywhere",
    "unused": "a parameter that the result does not depend on",
}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_LOGIC = ("and", "or", "xor", "not", "any", "all", "broadcast_to", "expand_dims", "reshape", "squeeze",
          "transpose", "copy", "select", "load")  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """`code`: a key of CODES."""

    code: str
    message: str
    span: Span
    hint: str = ""

    def __str__(self) -> str:
        lines = [
            (
                f"{self.span}: {self.message} [{self.code}]"
                if self.span.lineno
                else f"{self.message} [{self.code}]"
            )
        ]
        caret = self.span.caret() if self.span.lineno else ""
        lines += [caret] if caret else []
        lines += [f"hint: {self.hint}"] if self.hint else []
        return "\n".join(lines)


@dataclass(frozen=True)
class Parameter:
    """A leaf of a parameter: how it is called, and whether it is differentiated by."""

    value: Value
    label: str
    wanted: bool


def findings(
    function: Function, parameters: Sequence[Parameter], result: int, span: Span = NO_SPAN
) -> list[Finding]:
    """All findings, by place. `result`: which result is the value; `span`: of the function's head."""
    return _Linter(function, parameters, function.results[result], span).run()


class _Linter:
    def __init__(
        self, function: Function, parameters: Sequence[Parameter], result: Value, span: Span
    ) -> None:
        self.function = function
        self.parameters = parameters
        self.result = result
        self.span = span
        self.facts = Facts(function)
        wrt = [p.value for p in parameters if p.wanted]
        #: Carry a derivative of a parameter; those through which one reaches the result, too.
        self.varied = varied_values(function, wrt)
        _vary_tests(function, self.varied)
        self.active = active_values(function, wrt, [result])
        self.users = _users(function)
        self.live = _live(function, result)
        self.out: dict[tuple[str, Span, str], Finding] = {}

    def run(self) -> list[Finding]:
        self.block(self.function.block)
        self.about_parameters()
        return sorted(
            self.out.values(),
            key=lambda f: (f.span.filename, f.span.lineno, f.span.col_offset, f.code, f.message),
        )

    def say(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.out.setdefault((code, span, message), Finding(code, message, span, hint))

    # --- nodes ------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        with self.facts.visiting():
            for node in block.nodes:
                if node.op is CHECK:
                    self.facts.learn(node)
                elif node.op is COND:
                    for inner, taken in zip(node.blocks, (True, False)):
                        with self.facts.assuming(node.operands[0], taken):
                            self.block(inner)
                elif node.blocks:
                    for inner in node.blocks:
                        self.block(inner)
                elif any(r in self.live for r in node.results):
                    self.node(node)

    def node(self, node: Node) -> None:
        if node.op is DIM or node.op.name == "length":
            return
        if node.op.vjp is NON_DIFFERENTIABLE:
            if any(v in self.varied for v in node.operands):
                self.cut(node)
            return
        if not any(r in self.active for r in node.results):
            return
        for kink in node.op.kinks:
            if self.meets(node, kink):
                self.say(
                    "kink",
                    f"{_name(node)} where {kink.at}: the derivative is {kink.slope}",
                    node.span,
                )

    # --- kinks ------------------------------------------------------------------------------------

    def meets(self, node: Node, kink: Kink) -> bool:
        """Can the kink be met, as far as is known, where it matters?"""
        letters = dict(zip("xyz", node.operands))
        if not any(letters[k] in self.active for k in (kink.of or letters) if k in letters):
            return False
        return not (self._safe(letters, kink) or self._masked(node.results[0], letters, kink))

    def _safe(self, letters: dict[str, Value], kink: Kink) -> bool:
        known = {k: self.facts.interval(v) for k, v in letters.items()}
        return any(holds(test, known) for test in kink.safe)

    def _masked(self, v: Value, letters: dict[str, Value], kink: Kink, depth: int = 8) -> bool:
        """Is the result used in arms of `where` only, by masks that exclude the kink?"""
        users = self.users.get(v, [])
        if not users or depth == 0 or v is self.result:
            return False
        for user in users:
            if user.op.name == "select" and v in user.operands[1:]:
                with self.facts.assuming(user.operands[0], v is user.operands[1]):
                    if self._safe(letters, kink):
                        continue
            if user.op.kind not in ("elementwise", "shape") or user.blocks:
                return False
            if not self._masked(user.results[0], letters, kink, depth - 1):
                return False
        return True

    # --- what cuts --------------------------------------------------------------------------------

    def cut(self, node: Node) -> None:
        name = node.op.name
        if name == "stop_gradient":
            return  # is said to be one
        if name in _COMPARISONS or node.results[0].type.dtype == BOOL:
            self.comparison(node)
        elif node.op.kinks:
            for kink in node.op.kinks:
                self.say(
                    "kink",
                    f"{_name(node)} where {kink.at}: the derivative is {kink.slope}",
                    node.span,
                )
        elif node.results[0].type.dtype in FLOATS:
            self.say("cut", f"{_name(node)} has the derivative 0 everywhere", node.span, _STOP)
        else:
            made = f"{_name(node)} makes an integer, which passes no derivative on"
            self.say("cut", made, node.span, _STOP)

    def comparison(self, node: Node) -> None:
        """By what becomes of the truth value."""
        both = all(v in self.varied or v in self.facts.made for v in node.operands)
        for use in self.uses(node.results[0], set()):
            if use == "branch" or use == "mask":
                if node.op.name in ("eq", "ne") and both:
                    self.say("equality", "an equality of floats, which small changes undo", node.span,
                             "compare with a tolerance")  # fmt: skip
                elif use == "branch":
                    self.say("branch", "which way is taken depends on what is differentiated: the derivative is"
                             " that of the way taken", node.span)  # fmt: skip
                else:
                    self.say("branch", "which arm counts depends on what is differentiated: the derivative is"
                             " that of the arm taken", node.span)  # fmt: skip
            elif use == "loop":
                self.say("loop", "how often the loop runs depends on what is differentiated, and that has no"
                         " derivative", node.span)  # fmt: skip
            elif use == "number":
                self.say("cut", "a comparison that counts as a number passes no derivative on", node.span,
                         "use np.where, or a smooth step")  # fmt: skip

    def uses(self, truth: Value, seen: set[Value]) -> set[str]:
        """What a truth value decides: "branch", "loop", "mask" of `where`, "number"; nothing of checks."""
        if truth in seen:
            return set()
        seen.add(truth)
        found: set[str] = set()
        for user in self.users.get(truth, []):
            if user.op is COND and user.operands[0] is truth:
                if any(n.results and any(r in self.live for r in n.results) for n in [user]):
                    found.add("branch")
            elif user.op is WHILE or user.op is FOR:
                found |= self._through_loop(user, truth, seen)
            elif user.op is CHECK:
                continue
            elif user.op.name == "select" and user.operands[0] is truth:
                found.add("mask")
            elif user.results and user.results[0].type.dtype == BOOL and user.op.name in _LOGIC:
                found |= self.uses(user.results[0], seen)
            elif user.op.name in ("nonzero",):
                found.add("mask")
            elif user.op.name == "cast":
                found.add("number")
        for node, index in self._yielded(truth):
            if node.op is WHILE and index == -1:
                found.add("loop")
            elif index >= 0 and node.results[index].type.dtype == BOOL:
                found |= self.uses(node.results[index], seen)
                if node.op is not COND:
                    found |= self.uses(slot_params(node)[index], seen)
            elif node.op is FOR and index == -1:
                found.add("loop")
        return found

    def _through_loop(self, node: Node, truth: Value, seen: set[Value]) -> set[str]:
        found: set[str] = set()
        for p, init in zip(slot_params(node), carried_init(node)):
            if init is truth:
                found |= self.uses(p, seen)
        return found

    def _yielded(self, v: Value) -> Iterator[tuple[Node, int]]:
        """The nodes whose blocks give v as a result: -1 for a loop's test or stop."""
        for node in walk(self.function.block):
            if node.op is COND:
                for inner in node.blocks:
                    yield from ((node, k) for k, r in enumerate(inner.results) if r is v)
            elif node.op is WHILE or node.op is FOR:
                if node.op is WHILE and v in node.blocks[0].results:
                    yield node, -1
                if node.op is FOR and node.attrs.get("stops") and node.blocks[0].results[0] is v:
                    yield node, -1
                yield from ((node, k) for k, r in enumerate(slot_yields(node)) if r is v)

    # --- parameters -------------------------------------------------------------------------------

    def about_parameters(self) -> None:
        reached = _reaching(self.function, self.result)
        for p in self.parameters:
            if p.value not in reached:
                self.say("unused", f"the result does not depend on `{p.label}`", self.span)
            elif p.wanted and is_float(p.value.type) and p.value not in self.active:
                self.say("zero", f"the gradient by `{p.label}` is 0: it reaches the result through what passes no"
                         " derivative on", self.span)  # fmt: skip


_STOP = "wrap the argument in stop_gradient() if that is meant"


def _name(node: Node) -> str:
    """The op as the user's line spells it."""
    line = node.span.line().encode()
    end = node.span.end_col_offset if node.span.end_lineno == node.span.lineno else len(line)
    text = line[node.span.col_offset : end].decode(errors="replace")
    for spelling in node.op.spellings:
        symbol = spelling.removeprefix("operator ").removeprefix("unary ")
        if symbol != spelling and symbol in text:
            return f"`{symbol}`"
        called = spelling.rpartition(".")[2]
        found = re.search(rf"(?:[\w.]+\.)?\b{called}(?=\()", text)
        if found:
            return f"`{found[0]}`"
    head = re.match(r"[\w.]+(?=\()", text)
    if node.op.spellings:
        inner = f"`{node.op.spellings[0].removeprefix('operator ')}`"
        return f"`{head[0]}`, by {inner}," if head else f"{inner} inside this,"
    return f"`{head[0]}`" if head else "this"


def _vary_tests(function: Function, varied: set[Value]) -> None:
    """Adds what varies in the tests of `while`, which no derivative goes through."""
    for node in walk(function.block):
        if node.op is not WHILE:
            continue
        test = node.blocks[0]
        varied.update(t for t, p in zip(test.params, slot_params(node)) if p in varied)
        for inner in walk(test):
            if any(v in varied for v in inner.operands):
                varied.update(r for r in inner.results if r.type.dtype in FLOATS)


def _users(function: Function) -> dict[Value, list[Node]]:
    users: dict[Value, list[Node]] = {}
    for node in walk(function.block):
        for v in node.operands:
            users.setdefault(v, []).append(node)
    return users


def _reaching(function: Function, result: Value) -> set[Value]:
    """All values on which the result depends in any way; checks do not count."""
    reached = {result}
    size = -1
    while size != len(reached):
        size = len(reached)
        _reach(function.block, reached)
    return reached


def _reach(block: Block, reached: set[Value]) -> None:
    for node in reversed(block.nodes):
        inside = False
        for inner in node.blocks:
            _reach(inner, reached)
        if node.op is COND:
            for inner in node.blocks:
                for r, y in zip(node.results, inner.results):
                    if r in reached:
                        reached.add(y)
        elif node.op is FOR or node.op is WHILE:
            slots = zip(node.results, slot_params(node), slot_yields(node), carried_init(node))
            tested = node.blocks[0].params if node.op is WHILE else slot_params(node)
            for (r, p, y, i), t in zip(slots, tested):
                if r in reached or p in reached or t in reached:
                    reached |= {p, y, i}
        else:
            inside = any(r in reached for r in node.results)
        if node.blocks and any(r in reached for r in node.results):
            reached.update(_deciding(node))
        if inside:
            reached.update(node.operands)


def _deciding(node: Node) -> list[Value]:
    """What decides which way a node goes, and how often."""
    if node.op is COND:
        return [node.operands[0]]
    if node.op is WHILE:
        return list(node.blocks[0].results)
    stop = [node.blocks[0].results[0]] if node.attrs.get("stops") else []
    return [*node.operands[:3], *stop]


def _live(function: Function, result: Value) -> set[Value]:
    return _reaching(function, result)
