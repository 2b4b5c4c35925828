"""The op record: everything that is known of one primitive, in one place.

Emitters know kinds, never ops: what an op looks like in Python and in C is text in its record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .types import Type


class NonDifferentiable:
    """Says that an op's derivative is zero wherever it exists (`sign`, comparisons, indices)."""

    def __repr__(self) -> str:
        return "NON_DIFFERENTIABLE"


NON_DIFFERENTIABLE = NonDifferentiable()


@dataclass(frozen=True, slots=True)
class Kink:
    """Where a derivative does not exist, or is no longer what one expects, and what is taken there.

    at      in words: "its argument is 0"
    slope   the derivative there: "0", "infinite", "one half to each"
    safe    what excludes it, as comparisons of operands with numbers, of which one must hold: "x != 0"
    of      the operands that must carry a derivative for it to matter, by letter; all if empty
    """

    at: str
    slope: str
    safe: tuple[str, ...] = ()
    of: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """One primitive.

    kind      what the emitters dispatch on: elementwise, reduce, contract, order, shape, create,
              index, stack, control, check
    infer     (attrs, *operand types) -> tuple of result types; raises TypeError on misuse
    dims      (attrs, operands, their dims) -> per result, its dims: values, 1, or None for an integer
              that only the result itself knows. Left out for scalars
    evaluate  (attrs, *NumPy values) -> value or tuple of values; the reference semantics; it never
              changes its operands
    vjp       (g, y, *x) -> one cotangent per operand (None for none), on `Expr`s, as calculus on
              the broadcast shape; NON_DIFFERENTIABLE; or None: there is no derivative (an error)
    numpy, c  spellings. Elementwise: text with {x} {y} {z}; {f} is "f" for float32, else "".
              A dict gives a spelling per dtype class: "f", "i", "b"; for numpy also by what the
              result is: "scalar", "scalar b", "array". What it leaves out is spelled as infix.
              Order: for numpy the call, with {x} {y} and the attributes; for c the helper's name,
              to which "f" or "i" is added by dtype
    torch     the same for PyTorch, where it is not what `numpy` says without its name; "scalar i" is of
              Python's ints. None where there is no spelling, which is refused
    infix     the operator, where all languages have one; parentheses come from the precedence table
    consumes  the operand that the op updates in place (its array may not be read afterwards)
    effect    must stay although nothing reads its result
    cost      0 free, 1 cheap enough to do again rather than to keep, 2 dear
    spellings what users write: "np.tanh", "math.tanh", "operator +"
    kinks     where the derivative does not exist, and what is taken there
    """

    name: str
    kind: str
    infer: Callable[..., tuple[Type, ...]]
    dims: Callable[..., tuple[tuple[Any, ...], ...]] | None = None
    evaluate: Callable[..., Any] | None = None
    vjp: Any = None
    numpy: str | Mapping[str, str] | None = None
    c: str | Mapping[str, str] | None = None
    torch: str | Mapping[str, str] | None = None
    infix: str | None = None
    c_infix: str | None = None
    consumes: int | None = None
    effect: bool = False
    cost: int = 1
    spellings: tuple[str, ...] = field(default=())
    kinks: tuple[Kink, ...] = ()

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __call__(self, *exprs: Any, **attrs: Any) -> Any:
        """Applies the op inside a derivative rule: whoever runs the rule supplies the `Expr`s."""
        apply = next(e.apply for e in exprs if hasattr(e, "apply"))
        return apply(self, exprs, attrs)


TABLE: dict[str, Op] = {}


def register(op: Op) -> Op:
    if op.name in TABLE:
        raise ValueError(f"op {op.name} is defined twice")
    TABLE[op.name] = op
    return op
