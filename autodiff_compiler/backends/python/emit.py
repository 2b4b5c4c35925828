"""A function of the IR as NumPy source: statements, loops and branches, in the user's order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...errors import Span
from ...ir.graph import COND, FOR, WHILE, Block, Function, Node, Value
from ...ir.types import F32, F64, Scalar
from ..text import LOWEST
from .choice import Choices
from .copies import insert_copies, writes_to_arguments
from .dialect import NUMPY, Dialect
from .naming import Variables, targets_of
from .numbers import Numbers
from .program import Program

INDENT = "    "
_COMMENT_WIDTH = 70


@dataclass(frozen=True)
class PythonSource:
    """The text of a module that defines one function, and what its runner must know.

    `raw`: what runs; `text`: the same, formatted by black if it is there, for people to read.
    `checks`: by number, where a check stands and why. `single`: the function returns its one result
    bare. `scalars`: per parameter "f64" or "f32" if it is a float: to be handed in as NumPy's, so
    that 1.0 / x is inf at 0, as in the IR.
    """

    raw: str
    name: str
    checks: tuple[tuple[Span, str], ...]
    single: bool
    scalars: tuple[str | None, ...]
    pretty: bool = True

    @cached_property
    def text(self) -> str:
        return _formatted(self.raw) if self.pretty else self.raw


def emit_python(
    function: Function,
    name: str,
    param_names: Sequence[str] | None = None,
    doc: str | None = None,
    pretty: bool = True,
    dialect: Dialect = NUMPY,
) -> PythonSource:
    """`def name(leaves, flat): ...` returning the flat results. `pretty`: `text` may use black."""
    program, sharing, _ = insert_copies(function, dialect)
    numbers = dialect.numbers(program)
    roots = writes_to_arguments(program, sharing)
    wanted = list(param_names) if param_names is not None else [p.name for p in function.params]
    choices = Choices(program, sharing, numbers, roots)
    imports, carried = dialect.head(choices.needed.nodes)
    while name in carried:
        name += "_"
    # The function's own name is no variable's.
    reserved = [name, dialect.module, *carried]
    variables = Variables(program, choices, numbers, wanted, reserved)
    if variables.apart:
        choices = Choices(program, sharing, numbers, roots, frozenset(variables.apart))
        variables = Variables(program, choices, numbers, wanted, reserved)
    emitter = _Emitter(program, choices, numbers, variables)
    scalars = tuple(
        p.type.dtype if isinstance(p.type, Scalar) and p.type.dtype in (F64, F32) else None
        for p in function.params
    )
    single = len(function.results) == 1
    head = "\n\n\n".join(["\n".join(imports), *carried.values()])
    return PythonSource(
        emitter.module(name, doc, head), name, emitter.checks(), single, scalars, pretty
    )


def _formatted(text: str) -> str:
    try:
        import black
    except ImportError:
        return text
    return black.format_str(text, mode=black.Mode(line_length=88))


class _Emitter:
    def __init__(self, program: Program, choices: Choices, numbers: Numbers, variables: Variables):
        self.program = program
        self.choices = choices
        self.needed = choices.needed
        self.variables = variables
        self._asked: set[str] = set()
        dialect = program.dialect
        self.expressions = dialect.expressions(program, numbers, choices, self._name)
        self.statements = dialect.statements(program, self.expressions, choices.checks)
        self._line: tuple[str, int] = ("", 0)

    def _name(self, value: Value) -> str:
        name = self.variables.name(value)
        self._asked.add(name)
        return name

    # -- the module -------------------------------------------------------------------------------

    def module(self, name: str, doc: str | None, head: str) -> str:
        function = self.program.function
        params = ", ".join(self.variables.name(p) for p in function.params)
        body = self._block(function.block)
        results = ", ".join(self.expressions.loose(v) for v in function.results)
        if function.results:
            body += self._returned(function.results, f"return {results}")
        elif not body:
            body = ["pass"]
        if doc:
            body.insert(0, _docstring(doc))
        lines = [*head.split("\n"), "", "", f"def {name}({params}):", *_indented(body)]
        return "\n".join(lines) + "\n"

    def _returned(self, results: Sequence[Value], line: str) -> list[str]:
        """Where every line is to be told, that of what is computed in the `return` itself."""
        for value in results if self.program.dialect.tells_return else ():
            maker = self.program.maker(value)
            if maker is not None and not self.choices.named(value):
                return self._explained(maker.span, [line])
        return [line]

    def checks(self) -> tuple[tuple[Span, str], ...]:
        return tuple(
            (node.span, str(node.attrs.get("reason", "the index is out of bounds")))
            for node in self.choices.checks
        )

    def _explained(self, span: Span, lines: list[str]) -> list[str]:
        """The lines with the user's line above them, where it changes; or its number, if it is the same."""
        if not lines or not span.lineno or (span.filename, span.lineno) == self._line:
            return lines
        self._line = (span.filename, span.lineno)
        where = f"line {span.lineno}"
        if self.program.function.filename and span.filename != self.program.function.filename:
            where = f"{os.path.basename(span.filename)}, {where}"
        where, source = _printable(where), _printable(span.line().strip())
        if source.replace(" ", "") == lines[0].replace(" ", ""):
            return [f"{lines[0]}  # {where}", *lines[1:]]
        if len(source) > _COMMENT_WIDTH:
            source = source[: _COMMENT_WIDTH - 3] + "..."
        return [f"# {where}: {source}" if source else f"# {where}", *lines]

    # -- statements -------------------------------------------------------------------------------

    def _block(self, block: Block) -> list[str]:
        lines: list[str] = []
        for node in block.nodes:
            if node in self.needed.nodes:
                lines += self._node(node)
        return lines

    def _node(self, node: Node) -> list[str]:
        if node.op is FOR or node.op is WHILE:
            return self._loop(node)
        if node.op is COND and node not in self.choices.ternaries:
            return self._branch(node)
        targets = targets_of(node, self.choices, self.variables.name)
        if targets is None:
            return []
        if node.op is COND:
            pairs = zip(targets, node.results)
            lines = [self.statements.assignment(t, r) for t, r in pairs if t]
        else:
            lines = self.statements.lines(node, targets) + self._renamed(node)
        return self._explained(node.span, lines)

    def _renamed(self, node: Node) -> list[str]:
        """What was updated in place goes on under its next version's name."""
        if node.op.consumes is None or node.results[0] not in self.needed.values:
            return []
        old = self.variables.name(self.program.of(node.operands[node.op.consumes]))
        new = self.variables.name(node.results[0])
        return [f"{new} = {old}"] if new != old else []

    def _flow(self, pairs: Sequence[tuple[Value, Value]]) -> list[str]:
        """Assigns sources to targets all at once, in plain assignments where the order allows it."""
        pending: list[tuple[str, str, set[str], Value]] = []
        for target, source in pairs:
            name, source = self.variables.name(target), self.program.of(source)
            self._asked = set()
            text = self.expressions.value(source).at(LOWEST)
            if text != name:
                pending.append((name, text, self._asked, source))
        lines = []
        while pending:
            for item in pending:
                if not any(item[0] in other[2] for other in pending if other is not item):
                    break
            else:
                names = ", ".join(item[0] for item in pending)
                lines.append(f"{names} = {', '.join(item[1] for item in pending)}")
                break
            pending.remove(item)
            lines.append(self._assigned(item[0], item[1], item[3]))
        return lines

    def _assigned(self, name: str, text: str, source: Value) -> str:
        if not self.choices.named(source) and self.program.constant(source) is None:
            return self.statements.assignment(name, source)
        return f"{name} = {text}"

    # -- loops ------------------------------------------------------------------------------------

    def _loop(self, node: Node) -> list[str]:
        slots = self.needed.slots(node)
        lines = self._flow([(s.param, s.init) for s in slots])
        if node.op is FOR:
            counter = self.variables.name(node.blocks[0].params[0])
            lines += self._explained(node.span, [f"for {counter} in {self._range(node)}:"])
            body: list[str] = []
        else:
            head, body = self._while_head(node)
            lines += head
        body += self._body(node, node.blocks[-1])
        return [*lines, *_indented(body or ["pass"])]

    def _range(self, node: Node) -> str:
        start, stop, step = node.operands[:3]
        texts = [self.expressions.loose(v) for v in (start, stop, step)]
        if self.program.constant(step) == 1:
            texts.pop()
            if self.program.constant(start) == 0:
                texts.pop(0)
        return f"range({', '.join(texts)})"

    def _while_head(self, node: Node) -> tuple[list[str], list[str]]:
        """The head, and what comes of the test at the beginning of the body."""
        test = node.blocks[0]
        line = self._line
        if not self._block(test):
            return (
                self._explained(node.span, [f"while {self.expressions.loose(test.results[0])}:"]),
                [],
            )
        self._line = line
        head = self._explained(node.span, ["while True:"])
        lines = self._block(test)
        return head, [*lines, f"if {self.statements.negated(test.results[0])}:", INDENT + "break"]

    def _body(self, node: Node, block: Block) -> list[str]:
        """A loop's body with its flow to the next trip and its way out."""
        again = [(s.param, s.again) for s in self.needed.slots(node)]
        if not node.attrs.get("stops"):
            return self._block(block) + self._flow(again)
        return self._leaving(block, [], again, block.results[0])

    def _leaving(
        self, block: Block, flow_in: list[tuple[Value, Value]], again: list[tuple[Value, Value]],
        stop: Value,
    ) -> list[str]:  # fmt: skip
        """A block at whose end the loop is left if `stop` holds."""
        stop = self.program.of(stop)
        nodes = [n for n in block.nodes if n in self.needed.nodes]
        last = nodes[-1] if nodes else None
        if last is not None and last.op is COND and last not in self.choices.ternaries:
            if stop in last.results and not flow_in:
                arms = self._arms(last, stop)
                if arms is not None:
                    return self._un_nested(block, last, arms, again, stop)
        lines = self._block(block) + self._flow(flow_in)
        return lines + self._stop(again, stop)

    def _arms(self, node: Node, stop: Value) -> tuple[int, int] | None:
        """(the arm that always leaves, the other one)."""
        k = node.results.index(stop)
        for leaving in (0, 1):
            if self.program.constant(node.blocks[leaving].results[k]) is True:
                return leaving, 1 - leaving
        return None

    def _un_nested(
        self, block: Block, node: Node, arms: tuple[int, int], again: list[tuple[Value, Value]],
        stop: Value,
    ) -> list[str]:  # fmt: skip
        """`if c: ...; break`, and the rest of the body without an `else`."""
        lines: list[str] = []
        for inner in block.nodes:
            if inner in self.needed.nodes and inner is not node:
                lines += self._node(inner)
        leaving, staying = (node.blocks[k] for k in arms)
        pred = node.operands[0]
        test = self.statements.negated(pred) if arms[0] else self.expressions.loose(pred)
        lines += self._explained(node.span, [f"if {test}:"])
        # A slot may carry the test on, to be read behind the loop; `break` alone would not set it.
        carried = any(self.program.of(v) is stop for _, v in again)
        without = None if carried else stop
        gone = self._block(leaving) + self._flow(self._branch_flow(node, leaving, without))
        lines += _indented([*gone, *self._flow(again), "break"])
        rest = self._block(staying) + self._flow(self._branch_flow(node, staying, without))
        test_again = staying.results[node.results.index(stop)]
        if carried and self.program.constant(test_again) is None:
            test_again = stop
        return lines + rest + self._stop(again, test_again)

    def _branch_flow(
        self, node: Node, block: Block, without: Value | None
    ) -> list[tuple[Value, Value]]:
        return [(r, y) for r, y in self.needed.yields(node, block) if r is not without]

    def _stop(self, again: list[tuple[Value, Value]], stop: Value) -> list[str]:
        """The flow to the next trip, then `if stop: break`."""
        stop = self.program.of(stop)
        known = self.program.constant(stop)
        if known is not None:
            return self._flow(again) + (["break"] if known else [])
        self._asked = set()
        text = self.expressions.loose(stop)
        read = self._asked
        lines = self._flow(again)
        # An assignment begins with the names that it gives.
        given = {name for line in lines for name in re.split(r"[ ,]+", line.split("=")[0])}
        if given & read:
            # The test is of this trip's values.
            name = self.variables.spare("stop")
            lines = [f"{name} = {text}", *lines]
            text = name
        return [*lines, f"if {text}:", INDENT + "break"]

    # -- branches ---------------------------------------------------------------------------------

    def _branch(self, node: Node) -> list[str]:
        line = self._line
        pred = node.operands[0]
        head = self._explained(node.span, [f"if {self.expressions.loose(pred)}:"])
        then, otherwise = self._arm(node, 0), self._arm(node, 1)
        if then:
            return [*head, *_indented(then), *(_otherwise(otherwise) if otherwise else [])]
        if not otherwise:
            return []
        self._line = line
        head = self._explained(node.span, [f"if {self.statements.negated(pred)}:"])
        return [*head, *_indented(self._arm(node, 1))]

    def _arm(self, node: Node, k: int) -> list[str]:
        block = node.blocks[k]
        return self._block(block) + self._flow(self.needed.yields(node, block))


def _otherwise(lines: list[str]) -> list[str]:
    """`else:`, or `elif` if all of it is one `if`."""
    outer = [k for k, line in enumerate(lines) if not line.startswith(INDENT)]
    comments = [k for k in outer if lines[k].startswith("#")]
    rest = [k for k in outer if k not in comments]
    one = lines[rest[0]].startswith("if ") and all(
        lines[k].startswith(("elif ", "else:")) for k in rest[1:]
    )
    if one and (not comments or comments == [0]):
        head = lines[rest[0]]
        inside = _indented([lines[0]]) if comments else []
        return [f"el{head}", *inside, *lines[rest[0] + 1 :]]
    return ["else:", *_indented(lines)]


def _indented(lines: Sequence[str]) -> list[str]:
    return [INDENT + line if line else line for line in lines]


def _printable(text: str) -> str:
    """Whatever could end a comment, or hide what follows, is shown as a blank."""
    return "".join(c if c.isprintable() else " " for c in text)


def _docstring(doc: str) -> str:
    plain = all(c.isprintable() for c in doc) and '"""' not in doc and "\\" not in doc
    return f'"""{doc}"""' if plain and not doc.endswith('"') else repr(doc)
