"""Nodes as NumPy expressions, by kind. What is named prints as its name, the rest as what it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

from ...ir.graph import COND, CONST, Node, Value
from ...ir.op import Op
from ...ir.types import F64, I32, I64, NUMPY_DTYPE, Array, Scalar
from ..text import ATOM, LOWEST, PYTHON, Text, fill, infix
from .numbers import Numbers
from .program import Program
from .subscripts import Subscripts

UNARY = PYTHON.levels["u-"]
#: Operators that raise on Python's numbers where NumPy's give inf or nan.
_RAISING = {"/", "//", "%", "**"}
#: Ops on Python's own ints. A NumPy int among them would wrap instead of growing.
_OWN_INTS = {"iadd", "isub", "imul", "ipow"}


#: The kinds of ops that are printed: the keys of `Expressions`' table.
KINDS = frozenset(
    "elementwise reduce contract order linalg shape create index stack control check undefined".split()
)


class Choice(Protocol):
    """What has been decided about the printing of values."""

    def named(self, value: Value) -> bool:
        """Does the value have a name of its own?"""

    def bare(self, value: Value) -> bool:
        """Is it a checked index that prints as the integer it was made from?"""


def number(value: float | int | bool, dtype: str) -> Text:
    """A literal; of f32 and i32 as NumPy's scalar, which Python's literals are not."""
    if isinstance(value, float) and not math.isfinite(value):
        plain = Text("np.nan") if math.isnan(value) else Text("np.inf")
        if value < 0:
            plain = Text("-np.inf", UNARY)
    else:
        plain = Text(repr(value), UNARY if repr(value).startswith("-") else ATOM)
    if dtype in ("f32", I32):
        return Text(f"np.{NUMPY_DTYPE[dtype].name}({plain})")
    return plain


def dtype_text(dtype: str) -> str:
    return "bool" if dtype == "bool" else f"np.{NUMPY_DTYPE[dtype].name}"


def operator_of(op: Op, template: str | None) -> str | None:
    """The infix operator that a node is printed with, if it is."""
    if template is None:
        return op.infix
    words = template.split()
    return words[1] if len(words) == 3 and words[0] == "{x}" and words[2] == "{y}" else None


class Expressions:
    """Prints values and nodes. `name` gives a named value's name (and may note that it was asked)."""

    def __init__(
        self, program: Program, numbers: Numbers, choice: Choice, name: Callable[[Value], str]
    ):
        self.program = program
        self.numbers = numbers
        self.choice = choice
        self.name = name
        self.module = program.dialect.module
        self.subscripts = self._subscripts()
        self._kinds: Mapping[str, Callable[[Node, Value], Text]] = {
            "elementwise": self._elementwise,
            "reduce": self._reduce,
            "contract": self._contract,
            "order": self._order,
            "linalg": self._linalg,
            "shape": self._shape,
            "create": self._create,
            "index": self._index,
            "stack": self._stack,
            "control": self._ternary,
            "check": self._checked,
            "undefined": lambda node, value: Text("None"),
        }
        assert self._kinds.keys() == KINDS

    def _subscripts(self) -> Subscripts:
        return Subscripts(self.program, self)

    def value(self, value: Value, weak: bool = False) -> Text:
        """A value where it is used. `weak`: a literal may be Python's, something stronger is beside it."""
        value = self.program.of(value)
        if self.choice.named(value):
            return Text(self.name(value))
        return self.made(value, weak)

    def made(self, value: Value, weak: bool = False) -> Text:
        """The expression that makes a value."""
        node = self.program.definition[value]
        if node.op is CONST:
            return self.constant(node, weak)
        return self._kinds[node.op.kind](node, value)

    def constant(self, node: Node, weak: bool) -> Text:
        return number(node.attrs["value"], F64 if weak else node.attrs["dtype"])

    def index(self, value: Value) -> Text:
        """An integer, or an index array, as a subscript: NumPy wraps and checks it itself."""
        value = self.program.of(value)
        if self.choice.bare(value):
            return self.index(self.program.definition[value].operands[0])
        return self.value(value)

    def loose(self, value: Value) -> str:
        """The text where any operator may stand: an argument, an assignment's right side."""
        return self.value(value).at(LOWEST)

    def tight(self, value: Value) -> str:
        """The text where a dot or a bracket follows."""
        return self.value(value).at(ATOM)

    # -- elementwise ------------------------------------------------------------------------------

    def _elementwise(self, node: Node, value: Value) -> Text:
        if node.op.name == "cast":
            text = self._cast(node)
        else:
            text = self._sum(node) or self._apply(
                node.op, self.program.spelling(node), self.operands(node)
            )
        if (
            isinstance(value.type, Array)
            and value.type.rank == 0
            and self.program.spelling(node) != "{x}"
        ):
            # NumPy makes scalars of what has no dims; only arrays can be stored into.
            return Text(self.whole(text.text))
        return text

    def whole(self, text: str) -> str:
        """An array without dims, of what may be a scalar."""
        return f"np.asarray({text})"

    def _sum(self, node: Node) -> Text | None:
        """x + -y as x - y."""
        if node.op.infix != "+":
            return None
        taken = self.opposite(node.operands[1])
        return infix("-", self.operands(node)[0], taken, PYTHON) if taken else None

    def opposite(self, value: Value) -> Text | None:
        """What prints as the value with its sign changed, if the value prints with a minus in front.

        Signs pass through products unchanged, bit for bit.
        """
        value = self.program.of(value)
        node = self.program.maker(value)
        if node is None or self.choice.named(value) or node.op.kind != "elementwise":
            return None
        if self.program.spelling(node) == "-{x}":
            return self.value(node.operands[0])
        if node.op.infix not in ("*", "/") or value.type.dtype not in ("f64", "f32"):
            return None
        left = self.opposite(node.operands[0])
        if left is None:
            return None
        return infix(node.op.infix, left, self.operands(node)[1], PYTHON)

    def _apply(self, op: Op, template: str | None, operands: list[Text]) -> Text:
        if template is None:
            assert op.infix is not None
            return infix(op.infix, operands[0], operands[1], PYTHON)
        if template.startswith("not "):
            level = PYTHON.levels["not"]
            return Text(f"not {operands[0].at(level)}", level)
        return fill(template, dict(zip("xyz", operands)), PYTHON)

    def operands(self, node: Node) -> list[Text]:
        """The operands of an elementwise node, with the care that its scalars need."""
        template = self.program.spelling(node)
        if node.op.name in _OWN_INTS:
            return [self._own_int(v) for v in node.operands]
        calculated = self._calculated(node, template)
        harden = self._all_python(node, template, calculated)
        constants = all(self.program.constant(node.operands[k]) is not None for k in calculated)
        # An arm of a ternary stands for itself; elsewhere one strong operand rules the others.
        alone = template is not None and " if " in template
        out = []
        for k, v in enumerate(node.operands):
            strong = alone or (constants and k == calculated[0])
            if harden and k == calculated[0]:
                out.append(Text(f"np.float64({self.loose(v)})"))
            else:
                out.append(self.value(v, weak=not strong))
        return out

    def _calculated(self, node: Node, template: str | None) -> list[int]:
        """The places of the operands that decide the result's dtype."""
        first = 1 if template is not None and ("{z}" in template or " if " in template) else 0
        return list(range(first, len(node.operands)))

    def _all_python(self, node: Node, template: str | None, calculated: list[int]) -> bool:
        """Would Python raise here, or give what is no float?"""
        operands = [node.operands[k] for k in calculated]
        if operator_of(node.op, template) not in _RAISING or operands[0].type.dtype != F64:
            return False
        if not all(self.numbers.python(v) for v in operands):
            return False
        divisor = self.program.constant(operands[1])
        return not divisor or operator_of(node.op, template) == "**"

    def _own_int(self, value: Value) -> Text:
        if self.numbers.numpy(value) and not isinstance(value.type, Array):
            return Text(f"int({self.loose(value)})")
        return self.value(value)

    def _cast(self, node: Node) -> Text:
        x, dtype = node.operands[0], node.attrs["dtype"]
        if isinstance(x.type, Array):
            return Text(f"{self.tight(x)}.astype({dtype_text(dtype)})")
        if dtype == I64:
            return Text(f"int({self.loose(x)})")
        if dtype == I32 and x.type.dtype == I64:
            # Python's ints do not fit; NumPy's lose what is beyond 32 bits.
            return Text(f"np.int64({self.loose(x)}).astype(np.int32)")
        return Text(f"{dtype_text(dtype)}({self.loose(x)})")

    # -- reductions and products --------------------------------------------------------------------

    def _reduce(self, node: Node, value: Value) -> Text:
        x, axes = node.operands[0], node.attrs["axes"]
        assert isinstance(x.type, Array)
        axis = ""
        if len(axes) < x.type.rank:
            axis = f", axis={axes[0]}" if len(axes) == 1 else f", axis={tuple(axes)}"
        return Text(f"{self.program.spelling(node)}({self.loose(x)}{axis})")

    def _contract(self, node: Node, value: Value) -> Text:
        assert node.op.infix is not None
        left, right = node.operands
        return infix(node.op.infix, self.value(left), self.value(right), PYTHON)

    def _order(self, node: Node, value: Value) -> Text:
        spelling = self.program.spelling(node)
        assert spelling is not None
        texts = dict(zip("xy", map(self.loose, node.operands)))
        attrs = {name: repr(known) for name, known in node.attrs.items()}
        return Text(spelling.format(**texts, **attrs))

    def linalg_call(self, node: Node) -> Text:
        """The call that gives all results of the node."""
        spelling = self.program.spelling(node)
        assert spelling is not None
        return fill(spelling, dict(zip("xyz", map(self.value, node.operands))), PYTHON)

    def _linalg(self, node: Node, value: Value) -> Text:
        call = self.linalg_call(node)
        if len(node.results) == 1:
            return call
        return Text(f"{call}[{node.results.index(value)}]")

    # -- shapes ---------------------------------------------------------------------------------

    def _shape(self, node: Node, value: Value) -> Text:
        x = node.operands[0]
        how = {
            "dim": lambda: f"{self.tight(x)}.shape[{node.attrs['axis']}]",
            "copy": lambda: f"{self.tight(x)}.copy()",
            "transpose": lambda: self._transpose(x, node.attrs["perm"]),
            "reshape": lambda: self._reshape(x, node.operands[1:]),
            "expand_dims": lambda: self._expand(x, node.attrs["axes"]),
            "squeeze": lambda: self._squeeze(x, value),
            "broadcast_to": lambda: self._broadcast(x, node.operands[1:]),
        }
        return Text(how[node.op.name]())

    def _transpose(self, x: Value, perm: tuple[int, ...]) -> str:
        if tuple(perm) == tuple(reversed(range(len(perm)))):
            return f"{self.tight(x)}.T"
        return f"{self.tight(x)}.transpose({', '.join(map(str, perm))})"

    def _reshape(self, x: Value, sizes: tuple[Value, ...]) -> str:
        if len(sizes) == 1:
            # The one size that fits; what it is has been checked.
            return f"{self.tight(x)}.reshape(-1)"
        shape = ", ".join(self.loose(n) for n in sizes) or "()"
        return f"{self.tight(x)}.reshape({shape})"

    def _broadcast(self, x: Value, sizes: tuple[Value, ...]) -> str:
        return f"{self.module}.broadcast_to({self.loose(x)}, {self._sizes(sizes)})"

    def _expand(self, x: Value, axes: tuple[int, ...]) -> str:
        if isinstance(x.type, Scalar):
            if not axes:
                return self.tight(x)
            shape = "1" if len(axes) == 1 else f"({', '.join('1' for _ in axes)})"
            return f"np.reshape({self.loose(x)}, {shape})"
        rank = x.type.rank + len(axes)
        items = ["None" if k in axes else ":" for k in range(rank)]
        while items and items[-1] == ":":
            items.pop()
        return f"{self.tight(x)}[{', '.join(items)}]" if items else self.tight(x)

    def _squeeze(self, x: Value, value: Value) -> str:
        axes = self.program.definition[value].attrs["axes"]
        if isinstance(value.type, Array) and value.type.rank == 0:
            return f"{self.tight(x)}.reshape(())"
        items = ["0" if k in axes else ":" for k in range(x.type.rank)]
        while items and items[-1] == ":":
            items.pop()
        return f"{self.tight(x)}[{', '.join(items) or '()'}]" if axes else self.tight(x)

    def _sizes(self, sizes: tuple[Value, ...]) -> str:
        texts = [self.loose(n) for n in sizes]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    # -- making -----------------------------------------------------------------------------------

    def _create(self, node: Node, value: Value) -> Text:
        how = {"full": self._full, "iota": self._iota}
        return Text(how[node.op.name](node, value.type.dtype))

    def _full(self, node: Node, dtype: str) -> str:
        filler, *sizes = node.operands
        shape = self._sizes(tuple(sizes))
        typed = "" if dtype == F64 else f", dtype={dtype_text(dtype)}"
        known = self.program.constant(filler)
        if known is not None and known in (0, 1) and math.copysign(1, known) > 0:
            return f"np.{'ones' if known else 'zeros'}({shape}{typed})"
        return f"np.full({shape}, {self.value(filler, weak=True)}{typed})"

    def _iota(self, node: Node, dtype: str) -> str:
        typed = "" if dtype == I64 else f", dtype={dtype_text(dtype)}"
        return f"np.arange({self.loose(node.operands[0])}{typed})"

    # -- parts of arrays ----------------------------------------------------------------------------

    def _index(self, node: Node, value: Value) -> Text:
        name = node.op.name
        if name == "load":
            base = node.operands[0]
            inside = self.subscripts.text(base, node.attrs["index"], node.operands[1:])
            text = self.tight(base) if inside == ":" else f"{self.tight(base)}[{inside}]"
            if isinstance(value.type, Array) and value.type.rank == 0:
                text = self.whole(text)
            return Text(text)
        if name == "wrap":
            return self._wrapped(node, value)
        if name == "slice":
            return Text(self.subscripts.slice_part(node, node.results.index(value)))
        if name == "nonzero":
            return Text(f"{self.places(node)}[{node.results.index(value)}]")
        if name == "distinct":
            return self._distinct(node.operands)
        raise TypeError(f"{name} is a statement")

    def places(self, node: Node) -> str:
        """The call that gives all results of a `nonzero`."""
        return f"np.nonzero({self.loose(node.operands[0])})"

    def _distinct(self, arrays: tuple[Value, ...]) -> Text:
        texts = ", ".join(self.loose(a) for a in arrays)
        if len(arrays) == 1:
            found, size = f"np.unique({texts}).size", f"{self.tight(arrays[0])}.size"
        else:
            rows = f"zip(*(a.flat for a in np.broadcast_arrays({texts})))"
            found, size = f"len(set({rows}))", f"np.broadcast({texts}).size"
        return infix("==", Text(found), Text(size), PYTHON)

    def _wrapped(self, node: Node, value: Value) -> Text:
        """An index made non-negative; the check, if there is one, is a statement before it."""
        known = self.program.constant(node.operands[0])
        if known is not None and known >= 0:
            return self.value(node.operands[0])
        i, n = (self.value(v) for v in node.operands)
        if known is not None:
            return infix("-", n, Text(str(-int(known))), PYTHON)
        added = infix("+", i, n, PYTHON)
        negative = infix("<", i, Text("0"), PYTHON)
        if isinstance(value.type, Array):
            text = f"{self.module}.where({negative}, {added}, {i})"
            return Text(self.whole(text) if value.type.rank == 0 else text)
        level = PYTHON.levels["if"]
        return Text(f"{added} if {negative} else {i.at(level + 1)}", level)

    def _checked(self, node: Node, value: Value) -> Text:
        return self._wrapped(node, value)

    # -- stacks -------------------------------------------------------------------------------------

    def _stack(self, node: Node, value: Value) -> Text:
        how: dict[str, Callable[[], str]] = {
            "stack": lambda: "[]",
            "length": lambda: f"len({self.loose(node.operands[0])})",
            "from_array": lambda: f"list({self.loose(node.operands[0])})",
            "peek": lambda: f"{self.tight(node.operands[0])}[{self.index(node.operands[1]).text}]",
            "pop": lambda: f"{self._popped(node)}.pop()",
            "to_array": lambda: self._joined(node),
        }
        return Text(how[node.op.name]())

    def _popped(self, node: Node) -> str:
        """A pop that is printed later than it stands finds the list under its next name."""
        return self.tight(
            node.operands[0] if self.choice.named(node.results[1]) else node.results[0]
        )

    def _joined(self, node: Node) -> str:
        s, *sizes = node.operands
        dtype = s.type.dtype
        typed = "" if dtype == F64 else f", dtype={dtype_text(dtype)}"
        text = f"np.array({self.loose(s)}{typed})"
        if sizes:
            # An empty list would not tell the sizes of its elements.
            shape = [f"len({self.loose(s)})", *(self.loose(n) for n in sizes)]
            text += f".reshape({', '.join(shape)})"
        return text

    # -- branches -----------------------------------------------------------------------------------

    def _ternary(self, node: Node, value: Value) -> Text:
        assert node.op is COND
        k = node.results.index(value)
        then, otherwise = (block.results[k] for block in node.blocks)
        level = PYTHON.levels["if"]
        parts = [self.value(v).at(level + 1) for v in (then, node.operands[0], otherwise)]
        return Text(f"{parts[0]} if {parts[1]} else {parts[2]}", level)
