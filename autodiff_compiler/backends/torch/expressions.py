"""Nodes as PyTorch expressions, where they differ from NumPy's."""

from __future__ import annotations

import math

from ...errors import UnsupportedError
from ...ir.graph import CONST, Node, Value
from ...ir.types import BOOL, F64, FLOATS, I32, I64, NUMPY_DTYPE, Array, Scalar
from ..python.expressions import UNARY, Expressions, operator_of
from ..text import ATOM, PYTHON, Text, fill, infix
from .subscripts import TorchSubscripts

_INTS = (I64, I32)


def dtype_text(dtype: str) -> str:
    return f"torch.{NUMPY_DTYPE[dtype].name}"


def _plain(value: float | int | bool) -> Text:
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return Text("torch.nan")
        return Text("torch.inf") if value > 0 else Text("-torch.inf", UNARY)
    return Text(repr(value), UNARY if repr(value).startswith("-") else ATOM)


class TorchExpressions(Expressions):
    """Floats print as tensors wherever no operator with a tensor stands beside them."""

    def _subscripts(self) -> TorchSubscripts:
        return TorchSubscripts(self.program, self)

    def constant(self, node: Node, weak: bool) -> Text:
        dtype = node.attrs["dtype"]
        plain = _plain(node.attrs["value"])
        if weak or dtype not in FLOATS:
            return plain
        return Text(f"torch.tensor({plain}, dtype={dtype_text(dtype)})")

    def made(self, value: Value, weak: bool = False) -> Text:
        if weak and self._whole_number(value):
            return self.value(self.program.definition[value].operands[0])
        return super().made(value, weak)

    def whole(self, text: str) -> str:
        return text

    def _number(self, text: str, value: Value) -> Text:
        """What PyTorch gives as a tensor without dims, as Python's own number if it is no float."""
        if isinstance(value.type, Scalar) and value.type.dtype not in FLOATS:
            return Text(f"{'bool' if value.type.dtype == BOOL else 'int'}({text})")
        return Text(text)

    def tensor(self, value: Value) -> Text:
        """An argument of a function that takes tensors only."""
        if isinstance(value.type, Scalar) and value.type.dtype not in FLOATS:
            return Text(f"torch.as_tensor({self.loose(value)})")
        return self.value(value)

    # -- elementwise ------------------------------------------------------------------------------

    def _elementwise(self, node: Node, value: Value) -> Text:
        template = self.program.spelling(node)
        if node.op.name == "cast":
            return self._cast(node)
        if template is None and node.op.infix is None:
            name = node.op.spellings[0] if node.op.spellings else node.op.name
            raise UnsupportedError(f"{name} has no spelling in PyTorch", node.span)
        text = self._sum(node) or self._apply(node.op, template, self.operands(node))
        if "torch." in (template or "") and value.type.dtype in _INTS:
            return self._number(text.text, value)
        return text

    def operands(self, node: Node) -> list[Text]:
        template = self.program.spelling(node)
        if template is None or operator_of(node.op, template) or "torch." not in template:
            chosen = template is not None and " if " in template
            if chosen:
                return [self.value(v) for v in node.operands]
            alone = all(map(self._literal, node.operands))
            # PyTorch has no derivative of the remainder of a bare number.
            alone = alone or "%" in (template or "")
            return [self.value(v, weak=not alone or k > 0) for k, v in enumerate(node.operands)]
        if "{z}" in template:
            mask, *arms = node.operands
            alone = all(map(self._literal, arms))
            texts = [self.value(v, weak=not alone or k > 0) for k, v in enumerate(arms)]
            return [self.tensor(mask), *texts]
        return [
            self.value(v, weak=True) if f"int({{{hole}}})" in template else self.tensor(v)
            for hole, v in zip("xyz", node.operands)
        ]

    def _literal(self, value: Value) -> bool:
        value = self.program.of(value)
        if self.choice.named(value):
            return False
        return self.program.definition[value].op is CONST or self._whole_number(value)

    def _whole_number(self, value: Value) -> bool:
        """Is it an integer of Python's, as a float?"""
        node = self.program.definition.get(value)
        if node is None or node.op.name != "cast" or value.type.dtype not in FLOATS:
            return False
        x = node.operands[0].type
        return isinstance(x, Scalar) and x.dtype in _INTS and isinstance(value.type, Scalar)

    def _cast(self, node: Node) -> Text:
        x, dtype = node.operands[0], node.attrs["dtype"]
        if isinstance(x.type, Array) or (x.type.dtype in FLOATS and dtype in FLOATS):
            return Text(f"{self.tight(x)}.to({dtype_text(dtype)})")
        if dtype in FLOATS:
            return Text(f"torch.as_tensor({self.loose(x)}, dtype={dtype_text(dtype)})")
        if dtype == BOOL:
            return infix("!=", self.value(x), Text("0"), PYTHON)
        return Text(f"int({self.loose(x)})")

    # -- reductions and products ------------------------------------------------------------------

    def _reduce(self, node: Node, value: Value) -> Text:
        x, axes = node.operands[0], node.attrs["axes"]
        name = self.program.spelling(node)
        if not axes:
            return Text(f"{self.tight(x)}.clone()")
        if len(axes) == x.type.rank:
            return self._number(f"{name}({self.loose(x)})", value)
        if name == "torch.prod":
            text = self.loose(x)
            for axis in reversed(axes):
                text = f"{name}({text}, dim={axis})"
            return Text(text)
        dim = str(axes[0]) if len(axes) == 1 else str(tuple(axes))
        return Text(f"{name}({self.loose(x)}, dim={dim})")

    def _contract(self, node: Node, value: Value) -> Text:
        text = super()._contract(node, value)
        return self._number(text.text, value) if value.type.dtype in _INTS else text

    def _order(self, node: Node, value: Value) -> Text:
        spelling = self.program.spelling(node)
        assert spelling is not None
        texts = {hole: self.tensor(v).text for hole, v in zip("xy", node.operands)}
        attrs = {name: repr(known) for name, known in node.attrs.items()}
        return self._number(spelling.format(**texts, **attrs), value)

    def linalg_call(self, node: Node) -> Text:
        spelling = self.program.spelling(node)
        assert spelling is not None
        return fill(spelling, dict(zip("xyz", map(self.value, node.operands))), PYTHON)

    # -- shapes -----------------------------------------------------------------------------------

    def _shape(self, node: Node, value: Value) -> Text:
        x = node.operands[0]
        if node.op.name == "copy":
            return Text(f"{self.tight(x)}.clone()")
        if node.op.name == "squeeze":
            return self._number(super()._shape(node, value).text, value)
        return super()._shape(node, value)

    def _transpose(self, x: Value, perm: tuple[int, ...]) -> str:
        if len(perm) < 2 or tuple(perm) == tuple(range(len(perm))):
            return self.tight(x)
        if tuple(perm) == (1, 0):
            return f"{self.tight(x)}.T"
        return f"{self.tight(x)}.permute({', '.join(map(str, perm))})"

    def _expand(self, x: Value, axes: tuple[int, ...]) -> str:
        if isinstance(x.type, Scalar):
            text = self.tensor(x).at(ATOM)
            return f"{text}.reshape({', '.join('1' for _ in axes)})" if axes else text
        return super()._expand(x, axes)

    def _broadcast(self, x: Value, sizes: tuple[Value, ...]) -> str:
        return f"torch.broadcast_to({self.tensor(x)}, {self._sizes(sizes) or '()'})"

    def _sizes(self, sizes: tuple[Value, ...]) -> str:
        texts = [self.loose(n) for n in sizes]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    # -- making -----------------------------------------------------------------------------------

    def _full(self, node: Node, dtype: str) -> str:
        filler, *sizes = node.operands
        shape = self.loose(sizes[0]) if len(sizes) == 1 else self._sizes(tuple(sizes))
        typed = f", dtype={dtype_text(dtype)}"
        known = self.program.constant(filler)
        if known is not None and known in (0, 1) and math.copysign(1, known) > 0:
            return f"torch.{'ones' if known else 'zeros'}({shape}{typed})"
        if not sizes:
            return f"{self.tensor(filler).at(ATOM)}.clone()"
        shape = self._sizes(tuple(sizes))
        if known is not None or dtype not in FLOATS:
            return f"torch.full({shape}, {self.value(filler, weak=True)}{typed})"
        # `torch.full` would take the number alone, and lose its derivative.
        return f"torch.broadcast_to({self.loose(filler)}, {shape}).clone()"

    def _iota(self, node: Node, dtype: str) -> str:
        return f"torch.arange({self.loose(node.operands[0])}, dtype={dtype_text(dtype)})"

    # -- parts of arrays --------------------------------------------------------------------------

    def _index(self, node: Node, value: Value) -> Text:
        if node.op.name == "load":
            return self._number(self._load(node), value)
        return super()._index(node, value)

    def _load(self, node: Node) -> str:
        base, letters, operands = node.operands[0], node.attrs["index"], node.operands[1:]
        subscripts = self.subscripts
        assert isinstance(subscripts, TorchSubscripts)
        inside = subscripts.text(base, letters, operands)
        text = self.tight(base) if inside == ":" else f"{self.tight(base)}[{inside}]"
        turned = subscripts.turned(base, letters, operands, node)
        return f"{text}.flip({', '.join(map(str, turned))})" if turned else text

    def places(self, node: Node) -> str:
        return f"torch.nonzero({self.loose(node.operands[0])}, as_tuple=True)"

    def _distinct(self, arrays: tuple[Value, ...]) -> Text:
        texts = ", ".join(self.loose(a) for a in arrays)
        rows = f"zip(*(a.flatten().tolist() for a in torch.broadcast_tensors({texts})))"
        size = f"torch.broadcast_tensors({texts})[0].numel()"
        return infix("==", Text(f"len(set({rows}))"), Text(size), PYTHON)

    # -- stacks -----------------------------------------------------------------------------------

    def _stack(self, node: Node, value: Value) -> Text:
        if node.op.name == "from_array":
            array = node.operands[0]
            if isinstance(value.type.element, Scalar) and array.type.dtype not in FLOATS:
                return Text(f"{self.tight(array)}.tolist()")
            # The parts that `list` gives cannot be written in place.
            return Text(f"[{self.tight(array)}[__] for __ in range(len({self.loose(array)}))]")
        return super()._stack(node, value)

    def _joined(self, node: Node) -> str:
        s, *sizes = node.operands
        text, dtype = self.loose(s), s.type.dtype
        typed = f"dtype={dtype_text(dtype)}"
        if isinstance(s.type.element, Scalar) and dtype not in FLOATS:
            return f"torch.tensor({text}, {typed})"
        shape = ", ".join(["0", *(self.loose(n) for n in sizes)])
        # Only an empty list does not tell the sizes of its elements.
        return f"(torch.stack({text}) if {text} else torch.zeros(({shape},), {typed}))"


__all__ = ["TorchExpressions", "dtype_text", "F64"]
