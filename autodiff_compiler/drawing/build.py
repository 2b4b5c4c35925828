"""From a function of the IR to a picture: what gets a box, what its text is, what is joined to what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..errors import NO_SPAN, Span
from ..ir.graph import COND, FOR, WHILE, Block, Function, Node, Value
from ..ir.types import Stack
from .model import BACKWARD, FORWARD, Edge, Picture, Region, Vertex
from .reading import Reading
from .terms import Terms, shortened

#: More boxes than this, and the operations of one source line share one.
MANY = 30
#: What is longer is not repeated in the text of its reader.
_SHORT = 36
_WIDEST = 66
_MOST_ROWS = 24

#: A value that nobody has named, by the name that the printer gives it.
_TEMPORARY = re.compile(r"\bt\d+\b")

Item = Vertex | Region


def draw(
    function: Function, *, name: str = "", stage: str = "", detail: str = "auto",
    leaves: Iterable[int] = (), outputs: Sequence[str] = (), signature: str = "",
    arguments: int | None = None,
) -> Picture:  # fmt: skip
    """The picture of a function.

    detail     "operations", "lines" (the operations of a source line share a box), or "auto": lines
               where there are many operations
    leaves     the numbers of the parameters by which one differentiates
    outputs    what the results are called, in order
    arguments  how many of the parameters the user passes; the others are captured
    """
    reading = Reading(function)
    if detail == "auto":
        boxes = sum(not reading.folded(n) and not n.blocks for n in reading.program.block_of)
        detail = "lines" if boxes > MANY else "operations"
    builder = _Builder(reading, detail, frozenset(leaves), outputs)
    own = len(function.params) if arguments is None else arguments
    return builder.picture(name or function.name, stage, function.filename, signature, own)


@dataclass
class _Group:
    """Nodes that share a box."""

    nodes: list[Node]
    span: Span
    vertex: Vertex | None = None
    pushes: list[Node] = field(default_factory=list)


class _Builder:
    def __init__(
        self, reading: Reading, detail: str, leaves: frozenset[int], outputs: Sequence[str]
    ):
        self.reading = reading
        self.program = reading.program
        self.detail = detail
        self.leaves = leaves
        self.outputs = outputs
        self.last_sweep = max((n.span.sweep for n in self.program.block_of), default=0)
        self.home: dict[Value, str] = {}
        #: where a value that was kept on a tape came from when it was
        self.kept_at: dict[Value, str] = {}
        self.roles: dict[str, str] = {}
        #: what stands on a pill
        self.rows: dict[str, str] = {}
        self.edges: dict[str, Edge] = {}
        self.ids: set[str] = set()
        self.group_of: dict[Node, _Group] = {}
        self.groups: dict[Block, list[_Group | Node]] = {}
        self._shown: dict[Value, str | None] = {}
        self.terms = Terms(self.program, self.shown)
        self.wanted = self._find_wanted()
        self._form_groups(self.program.function.block)
        self._choose_texts()

    def picture(
        self, name: str, stage: str, filename: str, signature: str, arguments: int
    ) -> Picture:  # fmt: skip
        function = self.program.function
        inputs = [
            self._input(k, p, k >= arguments)
            for k, p in enumerate(function.params)
            if k < arguments or self.reading.users.get(p)
        ]
        items = [*inputs, *self._block(function.block)]
        items += [self._output(k, v) for k, v in enumerate(function.results)]
        body = Region("r-function", "function", name, tuple(items))
        edges = tuple(self.edges.values())
        return Picture(
            name, stage, self.detail, filename, body, edges, tuple(self.reading.dim_rows), signature
        )

    # -- ids and roles ------------------------------------------------------------------------------

    def fresh(self, wanted: str) -> str:
        made, k = wanted, 1
        while made in self.ids:
            k += 1
            made = f"{wanted}-{k}"
        self.ids.add(made)
        return made

    def role(self, span: Span) -> str:
        return BACKWARD if span.sweep and span.sweep == self.last_sweep else FORWARD

    def printed(self, values: Iterable[Value]) -> tuple[str, ...]:
        names = (self.reading.printed_name(v) for v in values)
        return tuple(dict.fromkeys(n for n in names if n))

    # -- texts --------------------------------------------------------------------------------------

    def shown(self, value: Value) -> str | None:
        """The name that stands for a value, or None where its expression is printed."""
        value = self.program.of(value)
        if value in self._shown:
            return self._shown[value]
        return self.reading.name(value) or "·"

    def _choose_texts(self) -> None:
        for node in self.program.block_of:
            for value in node.results:
                value = self.program.of(value)
                if self.program.maker(value) is not None:
                    self._shown[value] = self._choice(node, value)

    def _choice(self, node: Node, value: Value) -> str | None:
        name = self.reading.name(value)
        if value in self.reading.dims:
            return name
        if node.op.name == "pop" and not isinstance(value.type, Stack):
            kept = self.reading.pushed.get(node)
            return name or (_atom(self.told(kept[0])) if kept else "·")
        if self.reading.folded(node) and not (name and node.op.name not in ("const",)):
            return None
        otherwise = name or (self.reading.printed_name(value) if self.detail == "lines" else "·")
        if name or node.op.consumes is not None or node.op is COND or len(node.results) > 1:
            return otherwise
        if isinstance(value.type, Stack):
            return otherwise
        users = self.reading.users.get(value, [])
        if users and self.reading.updated_between(self.program.start[node], max(users)):
            return otherwise
        self._shown[value] = None
        limit = _SHORT if self.detail == "operations" else _WIDEST - 10
        short = len(self.terms.expression(value)) <= limit
        if self.detail == "lines" and not self._read_in_own_group(node, value):
            short = False
        return None if short else otherwise

    def _read_in_own_group(self, node: Node, value: Value) -> bool:
        users = self.reading.users.get(value, [])
        group = self.group_of[node]
        places = {self.program.start[n] for n in [*group.nodes, *group.pushes]}
        own = [u for u in users if u in places]
        return (
            len(own) == len(users)
            and len({*own} - {self.program.start[p] for p in group.pushes}) <= 1
        )

    def told(self, value: Value) -> str:
        """A value that was kept, as one would call it where it is wanted again."""
        text = self.terms.use(value)
        if self.reading.name(value) or (text != "·" and not _TEMPORARY.search(text)):
            return text
        longer = self.terms.expression(value)
        good = len(longer) <= _SHORT and "·" not in longer and not _TEMPORARY.search(longer)
        # By then an array may hold something else.
        good = good and "[" not in longer
        return longer if good else text

    # -- groups -------------------------------------------------------------------------------------

    def _form_groups(self, block: Block) -> None:
        """Neighbouring operations of one source line, or each on its own."""
        made: list[_Group | Node] = []
        current: _Group | None = None
        for node in block.nodes:
            if node.blocks:
                made.append(node)
                current = None
                for inner in node.blocks:
                    self._form_groups(inner)
            elif node.op.name == "push" and self.reading.hidden(node.results[0]):
                maker = self.program.maker(self.program.of(node.operands[1]))
                home = self.group_of.get(maker) if maker is not None else None
                if home is not None:
                    home.pushes.append(node)
            elif not self.reading.folded(node):
                together = (
                    self.detail == "lines"
                    and current is not None
                    and _place(current.span) == _place(node.span)
                )
                if not together or current is None:
                    current = _Group([], node.span)
                    made.append(current)
                current.nodes.append(node)
                self.group_of[node] = current
        self.groups[block] = made

    # -- boxes --------------------------------------------------------------------------------------

    def _input(self, k: int, value: Value, captured: bool) -> Vertex:
        kind = "leaf" if k in self.leaves else "input"
        made = self._slot_vertex(kind, value, (value,), FORWARD, NO_SPAN)
        return replace(made, caption="captured") if captured else made

    def _slot_vertex(
        self, kind: str, value: Value, values: Sequence[Value], role: str, span: Span
    ) -> Vertex:
        """A pill with a value's name."""
        printed = self.printed(values)
        text = self.reading.name(value) or "·"
        prefix = {"exit": "x", "merge": "m"}.get(kind, "n")
        made = Vertex(
            self.fresh(f"{prefix}-{printed[0] if printed else text}"), kind, (text,), role,
            printed[0] if printed else "", printed, self.reading.type_text(value), span,
        )  # fmt: skip
        self.home[value] = made.id
        self.roles[made.id] = role
        self.rows[made.id] = text
        return made

    def _output(self, k: int, value: Value) -> Vertex:
        label = said = self.outputs[k] if k < len(self.outputs) else ""
        printed = self.reading.printed_name(value)
        text = self.terms.use(value)
        if text == "·" or _TEMPORARY.fullmatch(text):
            text = self.terms.expression(value)
        if "·" in text or _TEMPORARY.search(text):
            text, label = label or "result", ""
        maker = self.program.maker(self.program.of(value))
        role = BACKWARD if said.startswith("gradient") else FORWARD
        if not said and maker is not None:
            role = self.role(maker.span)
        made = Vertex(
            self.fresh(f"o-{printed}"), "output", (shortened(text, _SHORT),), role, printed,
            (printed,), self.reading.type_text(value), caption=label,
        )  # fmt: skip
        self.roles[made.id] = role
        self._join(self.reading.origins(value), made.id)
        return made

    def _join(self, sources: Iterable[tuple[Value, str]], target: str, label: str = "") -> None:
        self._lead(self._homes(sources), target, label)

    def _homes(self, sources: Iterable[tuple[Value, str]]) -> list[tuple[Value, str, str]]:
        """(value, how it comes, the box that it comes from)."""
        found = []
        for value, kind in sources:
            home = self.home.get(value)
            if home is not None:
                if kind == "tape":
                    home = self.kept_at.get(value, home)
                found.append((value, kind, home))
        return found

    def _lead(
        self, sources: Iterable[tuple[Value, str, str]], target: str, label: str = ""
    ) -> None:
        """Edges from boxes to one."""
        for value, kind, source in sources:
            printed = self.reading.printed_name(value)
            made = f"e-{printed}-{target}"
            if made not in self.edges and source != target:
                role = self.roles[source]
                name = self.told(value) if kind == "tape" else self.reading.name(value)
                self.edges[made] = Edge(
                    made, source, target, printed, self.reading.type_text(value), role, kind, label,
                    name, self.rows.get(source) == name,
                )  # fmt: skip

    def _block(self, block: Block) -> list[Item]:
        items: list[Item] = []
        for part in self.groups[block]:
            if isinstance(part, Node):
                made = self._control(part)
                if made is not None:
                    items.append(made)
            else:
                items.append(self._box(part))
        for node in block.nodes:
            if node.op.name == "push" and self.reading.hidden(node.results[0]):
                for value, _ in self.reading.origins(node.operands[1]):
                    if value in self.home:
                        self.kept_at.setdefault(value, self.home[value])
        return items

    def _box(self, group: _Group) -> Vertex:
        nodes = group.nodes
        results = [r for n in nodes for r in n.results if not self.reading.hidden(r)]
        role = self.role(group.span)
        own = [r for r in results if self.program.maker(self.program.of(r)) is not None]
        main = next((r for r in reversed(own) if r.name), own[-1] if own else None)
        printed = self.printed(own)
        value = self.reading.printed_name(main) if main is not None else ""
        kind = "check" if not own else "line" if self.detail == "lines" else "operation"
        identity = self.fresh(f"n-{value or 'check'}")
        rows, caption = self._rows(group, role)
        made = Vertex(
            identity, kind, rows, role, value, printed,
            self.reading.type_text(main) if main is not None else "", group.span, caption,
        )  # fmt: skip
        self.roles[identity] = role
        found: dict[Value, str] = {}
        for node in nodes:
            for source, how in self.reading.sources(node).items():
                found.setdefault(source, how)
        self._join(found.items(), identity)
        self.home.update((r, identity) for r in own)
        return made

    def _rows(self, group: _Group, role: str) -> tuple[tuple[str, ...], str]:
        """The text of a box, and its caption."""
        kept = [self.told(p.operands[1]) for p in group.pushes]
        line = group.span.line().strip() if group.span.lineno else ""
        written = line and not group.span.sweep and not _only_checks(group.nodes)
        if self.detail == "lines" and role == FORWARD and written:
            rows = [shortened(line, _WIDEST)]
            if kept:
                rows.append(shortened(f"kept: {', '.join(dict.fromkeys(kept))}", _WIDEST))
            return tuple(rows), f"line {group.span.lineno}"
        rows = [row for node in group.nodes for row in self._statements(node)]
        if not rows:
            # All of it goes into the text of others, and nothing else reads it.
            rows = [self.terms.expression(r) for n in group.nodes[-1:] for r in n.results]
        rows = [shortened(row, _WIDEST) for row in rows]
        if len(rows) > _MOST_ROWS:
            rows[_MOST_ROWS - 1 :] = [f"… {len(rows) - _MOST_ROWS + 1} more"]
        caption = ""
        if self.detail == "lines" and line:
            caption = shortened(f"line {group.span.lineno}: {line}", _WIDEST)
        return tuple(rows), caption

    def _statements(self, node: Node) -> list[str]:
        if node.op.kind == "check":
            return self.terms.statement(node, [])
        if self.detail == "lines" and node.results and self._inlined(node):
            return []
        if node.op.name == "store" and self._restores(node):
            place = self.terms.statement(node, [None])[0].split(" = ")[0]
            return [f"restore {place}"]
        if self.detail == "operations" and len(node.results) == 1 and node.op.consumes is None:
            text = self.terms.expression(node.result)
            name = self.reading.name(node.result)
            return [f"{name} = {text}" if name and name != text else text]
        names = [self.shown(r) or self.reading.printed_name(r) for r in node.results]
        return self.terms.statement(node, [*names])

    def _inlined(self, node: Node) -> bool:
        return all(self.shown(r) is None for r in node.results)

    def _restores(self, node: Node) -> bool:
        maker = self.program.maker(self.program.of(node.operands[1]))
        return maker is not None and maker.op.name == "pop" and maker in self.reading.pushed

    # -- loops and branches -------------------------------------------------------------------------

    def _control(self, node: Node) -> Region | None:
        if node.op is COND:
            return self._branch(node)
        return self._loop(node)

    def _loop(self, node: Node) -> Region:
        role = self.role(node.span)
        items: list[Item] = []
        slots = [s for s in self.program.slots[node] if not self.reading.unseen(s)]
        for slot in slots:
            before = list(self.reading.origins(slot.init))
            both = [b.params[slot.number + (node.op is FOR)] for b in node.blocks]
            first = self.terms.use(slot.init) if not before else "·"
            made = self._slot_vertex("entry", slot.param, both, role, node.span)
            made = _given(made, first)
            self._join(before, made.id)
            items.append(made)
        if node.op is FOR:
            counter = self._counter(node, role)
            items += [counter] if counter else []
        for block in node.blocks:
            items += self._block(block)
            if node.op is WHILE and block is node.blocks[0]:
                items.append(self._predicate(node, block.results[0], "", role))
        if node.attrs.get("stops"):
            stop = node.blocks[-1].results[0]
            if self.program.constant(stop) is None:
                items.append(self._predicate(node, stop, "leave if ", role))
        # What a trip hands on is looked up before the exits take the places of the slots.
        yields = [(s, self._homes(self.reading.origins(s.again))) for s in slots]
        for slot, last in yields:
            result = node.results[slot.number]
            last_text = self.terms.use(slot.again) if not last else "·"
            made = self._slot_vertex("exit", slot.param, (result,), role, node.span)
            made = _given(made, last_text)
            self._lead(last, made.id)
            items.append(made)
        ends = {e.source for e in self.edges.values()} | {e.target for e in self.edges.values()}
        handed = {self.home[s.param] for s in slots if self.reading.users.get(s.param)}
        handed |= {*self.kept_at.values()}
        pills = ("entry", "exit", "counter")
        items = [i for i in items if i.kind not in pills or i.id in ends or i.id in handed]
        if not items:
            items.append(self._empty(node, role))
        title, notes = self._header(node, role, [s.param for s in slots])
        return Region(
            self.fresh(f"r-line{node.span.lineno}-{role}"), "for" if node.op is FOR else "while",
            title, tuple(items), role, notes, self.printed(s.param for s in slots), node.span,
        )  # fmt: skip

    def _empty(self, node: Node, role: str) -> Vertex:
        return Vertex(self.fresh("n-nothing"), "check", ("nothing is left here",), role)

    def _counter(self, node: Node, role: str) -> Vertex | None:
        """The counter has a box where values depend on it, not only places."""
        counter = node.blocks[0].params[0]
        bounds = [o for v in node.operands[:3] for o in self.reading.origins(v, True)]
        if not bounds and counter not in self.wanted:
            return None
        made = self._slot_vertex("counter", counter, (counter,), role, node.span)
        made = replace(made, rows=(f"{made.rows[0]} in {self._range(node)}",))
        self._join(bounds, made.id)
        return made

    def _find_wanted(self) -> set[Value]:
        """The values that something with a box reads."""
        found: set[Value] = set()
        for node in self.program.block_of:
            if node.blocks:
                ends = [v for block in node.blocks for v in block.results]
                for v in (*node.operands[3 if node.op is FOR else 0 :], *ends):
                    found.update(o for o, _ in self.reading.origins(v))
            elif not self.reading.folded(node):
                found.update(self.reading.sources(node))
        return found

    def _predicate(self, node: Node, value: Value, before: str, role: str) -> Vertex:
        printed = self.reading.printed_name(value)
        text = shortened(before + self._asked(value), _WIDEST)
        made = Vertex(
            self.fresh(f"p-{printed}"), "predicate", (text,), role, printed, (printed,), "bool",
            node.span,
        )  # fmt: skip
        self.roles[made.id] = role
        self._join(self.reading.origins(value), made.id)
        return made

    def _asked(self, value: Value) -> str:
        """A predicate as one would read it."""
        text = self.terms.use(value)
        if text == "·" or _TEMPORARY.fullmatch(text):
            text = self.terms.expression(value)
        return text[1:-1] if text.startswith("(") and _atom(text[1:-1]) == text else text

    def _branch(self, node: Node) -> Region | None:
        role = self.role(node.span)
        predicate = self._predicate(node, node.operands[0], "", role)
        items: list[Item] = [predicate]
        for block, kind, says in zip(node.blocks, ("then", "else"), ("true", "false")):
            inside = self._block(block)
            if inside:
                arm = Region(
                    self.fresh(f"r-line{node.span.lineno}-{kind}"), "arm", kind, tuple(inside),
                    role, span=node.span,
                )  # fmt: skip
                items.append(arm)
                name = f"e-{predicate.id}-{arm.id}"
                self.edges[name] = Edge(
                    name, predicate.id, arm.id, predicate.value, "bool", role, "choice", says
                )
        for k, result in enumerate(node.results):
            if self.reading.hidden(result):
                continue
            arms = [list(self.reading.origins(b.results[k])) for b in node.blocks]
            texts = [self.terms.use(b.results[k]) for b in node.blocks]
            made = self._slot_vertex("merge", result, (result,), role, node.span)
            if not all(arms) and len(" ".join(texts)) < _SHORT:
                name = self.reading.name(result)
                pred = self._asked(node.operands[0])
                text = f"{texts[0]} if {pred} else {texts[1]}"
                text = f"{name} = {text}" if name else text
                made = replace(made, rows=(shortened(text, _WIDEST),))
            for origins in arms:
                self._join(origins, made.id)
            if not any(arms) or len(items) == 1:
                name = f"e-{predicate.id}-{made.id}"
                self.edges[name] = Edge(
                    name, predicate.id, made.id, predicate.value, "bool", role, "choice"
                )
            items.append(made)
        title, notes = self._header(node, role, [])
        return Region(
            self.fresh(f"r-line{node.span.lineno}-{role}"), "if", title, tuple(items), role,
            notes, (), node.span,
        )  # fmt: skip

    # -- headers ------------------------------------------------------------------------------------

    def _range(self, node: Node) -> str:
        start, stop, step = (self.terms.use(v) for v in node.operands[:3])
        if step != "1":
            return f"range({start}, {stop}, {step})"
        return f"range({stop})" if start == "0" else f"range({start}, {stop})"

    def _header(
        self, node: Node, role: str, carried: Sequence[Value]
    ) -> tuple[str, tuple[str, ...]]:
        written = node.span.line().strip().rstrip(":") if node.span.lineno else ""
        own = self._own_title(node)
        first = written.split(" ")[0]
        expected = {FOR: ("for", "while"), WHILE: ("while", "for"), COND: ("if", "elif")}[node.op]
        title = shortened(written, _WIDEST) if first in expected else own
        notes = []
        if node.span.lineno:
            notes.append(f"line {node.span.lineno}")
        if role == BACKWARD:
            title = f"backwards: {title}"
        if node.op is FOR:
            if own not in title and first != "while":
                counter = self.reading.name(node.blocks[0].params[0])
                notes.append(f"{counter} in {self._range(node)}")
            notes.append(_trips(*(self.terms.use(v) for v in node.operands[:3])))
        names = dict.fromkeys(self.reading.name(v) or self.reading.printed_name(v) for v in carried)
        if names:
            notes.append("carries " + shortened(", ".join(names), _WIDEST))
        return title, (" · ".join(n for n in notes if n),) if notes else ()

    def _own_title(self, node: Node) -> str:
        if node.op is FOR:
            counter = self.reading.name(node.blocks[0].params[0])
            return f"for {counter} in {self._range(node)}"
        if node.op is WHILE:
            return f"while {shortened(self._asked(node.blocks[0].results[0]), _WIDEST)}"
        return f"if {shortened(self._asked(node.operands[0]), _WIDEST)}"


def _given(pill: Vertex, text: str) -> Vertex:
    """The pill of a value that is a constant, or the like of it."""
    if text in ("·", pill.rows[0]):
        return pill
    return replace(pill, rows=(shortened(f"{pill.rows[0]} = {text}", _SHORT),))


def _only_checks(nodes: Sequence[Node]) -> bool:
    """Is all that is left of a line the checks of its subscripts?"""
    return all(node.op.kind == "check" for node in nodes)


def _place(span: Span) -> tuple[str, int, int]:
    return span.filename, span.lineno, span.sweep


def _atom(text: str) -> str:
    """The text with parentheses if an operator could tear it apart."""
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == " " and depth == 0:
            return f"({text})"
    return f"({text})" if text.startswith("-") else text


def _trips(start: str, stop: str, step: str) -> str:
    """How often a loop runs, where that is easily said."""
    if stop == "trips":
        return "as often as it ran"
    if step == "1":
        return f"{stop} times" if start == "0" else f"{stop} - {_atom(start)} times"
    if step == "-1" and stop == "-1":
        return f"{start[:-4]} times" if start.endswith(" - 1") else f"{start} + 1 times"
    return ""
