"""The printer: a function of the IR as text, the same text for the same function."""

from __future__ import annotations

from collections.abc import Iterable

from .graph import COND, CONST, FOR, WHILE, Block, Function, Node, Value


def show(function: Function) -> str:
    """The function as text: one node a line, inner blocks indented, user's names where there are."""
    return _Printer().function(function)


def value_names(function: Function) -> dict[Value, str]:
    """The name under which `show` prints each value."""
    printer = _Printer()
    printer.function(function)
    return printer.names


class _Printer:
    def __init__(self) -> None:
        self.names: dict[Value, str] = {}
        self.taken: set[str] = set()
        #: where to go on looking for a free number, by name
        self.numbers: dict[str, int] = {}

    def function(self, function: Function) -> str:
        params = ", ".join(f"{self.name(p)}: {p.type}" for p in function.params)
        lines = [f"function {function.name}({params})"]
        lines += self.block(function.block, 1)
        lines.append("  return " + self.list(function.results))
        return "\n".join(lines) + "\n"

    def block(self, block: Block, depth: int) -> list[str]:
        lines: list[str] = []
        for node in block.nodes:
            lines += self.node(node, depth)
        return lines

    def node(self, node: Node, depth: int) -> list[str]:
        pad = "  " * depth
        if node.op is FOR:
            body = node.blocks[0]
            slots = self.slots(body.params[1:], node.operands[3:])
            stops = " until stop" if node.attrs.get("stops") else ""
            stops += " of sums" if node.attrs.get("sums") else ""
            head = (
                f"for {self.name(body.params[0])} in {self.list(node.operands[:3])}{slots}{stops}"
            )
            lines = [pad + head, *self.block(body, depth + 1)]
            lines.append(f"{pad}  yield {self.list(body.results)}")
        elif node.op is WHILE:
            test, body = node.blocks
            lines = [f"{pad}while{self.slots(test.params, node.operands)}"]
            lines += self.block(test, depth + 1)
            lines.append(f"{pad}  test {self.list(test.results)}")
            lines.append(f"{pad}do ({self.list(body.params)})")
            lines += self.block(body, depth + 1)
            lines.append(f"{pad}  yield {self.list(body.results)}")
        elif node.op is COND:
            lines = [f"{pad}if {self.list(node.operands)}"]
            for k, block in enumerate(node.blocks):
                if k:
                    lines.append(f"{pad}else")
                lines += self.block(block, depth + 1)
                lines.append(f"{pad}  yield {self.list(block.results)}")
        else:
            return [pad + self.simple(node)]
        if node.results:
            results = ", ".join(f"{self.name(r)}: {r.type}" for r in node.results)
            lines.append(f"{pad}-> {results}")
        return lines

    def simple(self, node: Node) -> str:
        if node.op is CONST:
            right = repr(node.attrs["value"])
        else:
            attrs = ", ".join(f"{k}={v!r}" for k, v in node.attrs.items())
            right = node.op.name + (f"[{attrs}]" if attrs else "") + f"({self.list(node.operands)})"
        line = f" @ {node.span.lineno}" if node.span.lineno else ""
        if not node.results:
            return right + line
        left = ", ".join(f"{self.name(r)}: {r.type}" for r in node.results)
        return f"{left} = {right}{line}"

    def slots(self, params: Iterable[Value], init: Iterable[Value]) -> str:
        pairs = ", ".join(f"{self.name(p)} = {self.name(i)}" for p, i in zip(params, init))
        return f" with {pairs}" if pairs else ""

    def list(self, values: Iterable[Value]) -> str:
        return ", ".join(map(self.name, values))

    def name(self, value: Value) -> str:
        known = self.names.get(value)
        if known is None:
            base = value.name or "t"
            known, k = (base if value.name else "t0"), self.numbers.get(value.name, 0)
            while known in self.taken:
                k += 1
                known = f"{base}{k}" if not value.name else f"{base}.{k}"
            self.numbers[value.name] = k
            self.taken.add(known)
            self.names[value] = known
        return known
