"""Elementwise ops: one record each. Rules are calculus on the broadcast shape; nothing here unbroadcasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import NON_DIFFERENTIABLE, Kink, Op, register
from ..ir.types import BOOL, FLOATS, I64, INTS, Type, broadcast_dims, shaped


def broadcast_known(
    attrs: Mapping[str, Any], operands: Sequence[Value], dims: Sequence[Sequence[KnownDim]]
) -> tuple[tuple[KnownDim, ...], ...]:
    """The dims of a broadcast: along each axis those of the first operand that is not stretched."""
    rank = max(map(len, dims))
    out: list[KnownDim] = [1] * rank
    for known in dims:
        for k, d in enumerate(known, start=rank - len(known)):
            if isinstance(out[k], int):
                out[k] = d
    return (tuple(out),)


def _infer(accepts: str, result: str) -> Callable[..., tuple[Type, ...]]:
    classes = {"f": FLOATS, "i": INTS, "b": (BOOL,), "n": (I64,)}
    allowed = {d for letter in accepts for d in classes[letter]}

    def infer(attrs: Mapping[str, Any], *types: Type) -> tuple[Type, ...]:
        dtypes = {t.dtype for t in types}
        if len(dtypes) != 1 or not dtypes <= allowed:
            raise TypeError(f"takes operands of one dtype out of {sorted(allowed)}, not {types}")
        dtype = types[0].dtype if result == "same" else result
        return (shaped(dtype, broadcast_dims(*types), *types),)

    return infer


def elementwise(
    name: str, evaluate: Callable[..., Any], *, vjp: Any, numpy: Any = None, c: Any = None,
    torch: Any = None, infix: str | None = None, c_infix: str | None = None, accepts: str = "f",
    result: str = "same", cost: int = 1, spellings: tuple[str, ...] = (), kinks: tuple[Kink, ...] = (),
) -> Op:  # fmt: skip
    return register(
        Op(
            name, "elementwise", _infer(accepts, result), dims=broadcast_known,
            evaluate=lambda attrs, *x: evaluate(*x), vjp=vjp, numpy=numpy, c=c,
            torch=torch, infix=infix, c_infix=c_infix or infix, cost=cost, spellings=spellings,
            kinks=kinks,
        )
    )  # fmt: skip


def function(name: str, evaluate: Callable[..., Any], vjp: Any, c: str, **more: Any) -> Op:
    """A transcendental of one float, spelled `np.name` and `math.name`."""
    spellings = more.pop("spellings", (f"np.{name}", f"math.{name}"))
    text = f"np.{evaluate.__name__}({{x}})"
    return elementwise(
        name,
        evaluate,
        vjp=vjp,
        numpy=text,
        c=c,
        torch=more.pop("torch", text.replace("np.", "torch.")),
        cost=more.pop("cost", 2),
        spellings=spellings,
        **more,
    )


def compare(name: str, evaluate: Callable[..., Any], infix: str) -> Op:
    return elementwise(
        name, evaluate, vjp=NON_DIFFERENTIABLE, infix=infix, accepts="fib", result=BOOL,
        spellings=(f"operator {infix}", f"np.{evaluate.__name__}"),
    )  # fmt: skip


# --- kinks that several have ----------------------------------------------------------------------

AT_ZERO_INFINITE = Kink("its argument is 0", "infinite", ("x != 0",))
AT_ZERO_ZERO = Kink("its argument is 0", "0", ("x != 0",))
BOTH_ZERO = Kink("both arguments are 0", "nan", ("x != 0", "y != 0"))
TIES = Kink("its arguments are equal", "one half to each")
AT_ONES = Kink("its argument is 1 or -1", "infinite")
MULTIPLES = Kink("it jumps, at whole quotients", "1 by the first argument, as between the jumps")
DIVISOR = Kink("the divisor is 0", "infinite or nan", ("y != 0",), of="y")

# --- arithmetic -------------------------------------------------------------------------------

add = elementwise(
    "add", np.add, vjp=lambda g, y, a, b: [g, g], infix="+", accepts="fi",
    spellings=("operator +", "np.add"),
)  # fmt: skip
sub = elementwise(
    "sub", np.subtract, vjp=lambda g, y, a, b: [g, -g], infix="-", accepts="fi",
    spellings=("operator -", "np.subtract"),
)  # fmt: skip
mul = elementwise(
    "mul", np.multiply, vjp=lambda g, y, a, b: [g * b, g * a], infix="*", accepts="fi",
    spellings=("operator *", "np.multiply"),
)  # fmt: skip
div = elementwise(
    "div", np.true_divide, vjp=lambda g, y, a, b: [g / b, -g * y / b], infix="/",
    spellings=("operator /", "np.divide", "np.true_divide"),
    kinks=(DIVISOR,),
)  # fmt: skip
neg = elementwise(
    "neg", np.negative, vjp=lambda g, y, x: [-g], numpy="-{x}", c="-{x}", accepts="fi",
    spellings=("operator unary -", "np.negative"),
)  # fmt: skip
floordiv = elementwise(
    "floordiv", np.floor_divide, vjp=NON_DIFFERENTIABLE, numpy="{x} // {y}", accepts="fi",
    c={"f": "adc_floordiv{f}({x}, {y})", "i": "adc_floordivi({x}, {y})"},
    torch={"f": "torch.div({x}, {y}, rounding_mode='floor')", "i": "{x} // {y}"},
    spellings=("operator //", "np.floor_divide"),
)  # fmt: skip
mod = elementwise(
    "mod", np.mod, vjp=lambda g, y, a, b: [g, -g * floordiv(a, b)], numpy="{x} % {y}", accepts="fi",
    c={"f": "adc_mod{f}({x}, {y})", "i": "adc_modi({x}, {y})"},
    spellings=("operator %", "np.mod", "np.remainder"),
    kinks=(MULTIPLES,),
)  # fmt: skip

# Python's own ints: C stops on overflow, Python has no such limit.
iadd = elementwise(
    "iadd", lambda a, b: int(a) + int(b), vjp=NON_DIFFERENTIABLE, numpy="{x} + {y}",
    c="adc_iadd({x}, {y})", accepts="n",
)  # fmt: skip
isub = elementwise(
    "isub", lambda a, b: int(a) - int(b), vjp=NON_DIFFERENTIABLE, numpy="{x} - {y}",
    c="adc_isub({x}, {y})", accepts="n",
)  # fmt: skip
imul = elementwise(
    "imul", lambda a, b: int(a) * int(b), vjp=NON_DIFFERENTIABLE, numpy="{x} * {y}",
    c="adc_imul({x}, {y})", accepts="n",
)  # fmt: skip
ipow = elementwise(
    "ipow", lambda a, b: int(a) ** int(b), vjp=NON_DIFFERENTIABLE, numpy="{x} ** {y}",
    c="adc_ipow({x}, {y})", accepts="n",
)  # fmt: skip
#: NumPy's integer power: wraps; the exponent is not negative (checked before).
wpow = elementwise(
    "wpow", np.power, vjp=NON_DIFFERENTIABLE, numpy="np.power({x}, {y})",
    torch="{x} ** {y}", c="adc_wpow({x}, {y})", accepts="i",
)  # fmt: skip

# --- bits and logic ---------------------------------------------------------------------------

and_ = elementwise(
    "and", np.bitwise_and, vjp=NON_DIFFERENTIABLE, infix="&", accepts="ib",
    numpy={"scalar b": "{x} and {y}"},
    spellings=("operator &", "np.logical_and", "np.bitwise_and"),
)  # fmt: skip
or_ = elementwise(
    "or", np.bitwise_or, vjp=NON_DIFFERENTIABLE, infix="|", accepts="ib",
    numpy={"scalar b": "{x} or {y}"},
    spellings=("operator |", "np.logical_or", "np.bitwise_or"),
)  # fmt: skip
xor = elementwise(
    "xor", np.bitwise_xor, vjp=NON_DIFFERENTIABLE, infix="^", accepts="ib",
    spellings=("operator ^", "np.logical_xor", "np.bitwise_xor"),
)  # fmt: skip
not_ = elementwise(
    "not", np.logical_not, vjp=NON_DIFFERENTIABLE, c="!{x}", accepts="b",
    numpy={"scalar": "not {x}", "array": "np.logical_not({x})"}, result=BOOL,
    torch={"scalar": "not {x}", "array": "~{x}"},
    spellings=("operator ~", "operator not", "np.logical_not"),
)  # fmt: skip
invert = elementwise(
    "invert", np.invert, vjp=NON_DIFFERENTIABLE, numpy="~{x}", c="~{x}", accepts="i",
    spellings=("operator ~", "np.invert"),
)  # fmt: skip

eq = compare("eq", np.equal, "==")
ne = compare("ne", np.not_equal, "!=")
lt = compare("lt", np.less, "<")
le = compare("le", np.less_equal, "<=")
gt = compare("gt", np.greater, ">")
ge = compare("ge", np.greater_equal, ">=")


def _infer_select(attrs: Mapping[str, Any], m: Type, a: Type, b: Type) -> tuple[Type, ...]:
    if m.dtype != BOOL or a.dtype != b.dtype:
        raise TypeError(f"takes a bool and two operands of one dtype, not {m}, {a}, {b}")
    return (shaped(a.dtype, broadcast_dims(m, a, b), m, a, b),)


#: `a` where the mask holds, else `b`. The reverse pass carries the mask into the arms behind it.
select = register(
    Op(
        "select", "elementwise", _infer_select, dims=broadcast_known,
        evaluate=lambda attrs, m, a, b: np.where(m, a, b),
        vjp=lambda g, y, m, a, b: [None, select(m, g, 0), select(m, 0, g)],
        numpy={"scalar": "{y} if {x} else {z}", "array": "np.where({x}, {y}, {z})"},
        torch={"scalar": "{y} if {x} else {z}", "array": "torch.where({x}, {y}, {z})"},
        c="({x} ? {y} : {z})", spellings=("np.where",),
    )
)  # fmt: skip


def _infer_cast(attrs: Mapping[str, Any], x: Type) -> tuple[Type, ...]:
    return (shaped(attrs["dtype"], x.dims, x),)


def _cast(attrs: Mapping[str, Any], x: Any) -> Any:
    from ..ir.types import NUMPY_DTYPE

    return np.asarray(x).astype(NUMPY_DTYPE[attrs["dtype"]])[()]


#: NumPy's `astype` between the five dtypes. Emitters spell it from attrs["dtype"].
cast = register(
    Op(
        "cast", "elementwise", _infer_cast, dims=broadcast_known, evaluate=_cast,
        vjp=lambda g, y, x, dtype="": [cast(g, dtype=x.dtype)], spellings=("ndarray.astype", "float", "int"),
    )
)  # fmt: skip

#: NumPy's scalar made Python's own (its int has no width). Nothing in C.
pyint = elementwise(
    "pyint", lambda x: x, vjp=NON_DIFFERENTIABLE, numpy={"scalar": "int({x})", "array": "{x}"},
    c="{x}", accepts="n",
)  # fmt: skip
pyfloat = elementwise("pyfloat", lambda x: x, vjp=lambda g, y, x: [g], numpy="{x}", c="{x}")
stop_gradient = elementwise(
    "stop_gradient", lambda x: x, vjp=NON_DIFFERENTIABLE, numpy="{x}", c="{x}",
    torch="{x}.detach()", spellings=("autodiff_compiler.stop_gradient",),
)  # fmt: skip

#: What `round` does to a float. Unlike `rint` it is refused where active: a zero derivative there is
#: hardly what was meant.
round_ = elementwise(
    "round", np.rint, vjp=None, numpy="np.rint({x})", c="rint{f}({x})",
    torch="torch.round({x})", spellings=("np.round", "ndarray.round"),
)  # fmt: skip
#: What `int` does: its result is an integer, and passes no derivative on.
trunc_to_int = elementwise(
    "trunc_to_int", lambda x: np.asarray(x).astype(np.int64), vjp=NON_DIFFERENTIABLE, numpy={"scalar": "np.int64({x})", "array": "{x}.astype(np.int64)"},
    torch={"scalar": "int({x})", "array": "{x}.to(torch.int64)"},
    c="(long long)({x})", result=I64,
)  # fmt: skip
#: y = f(x) did not overflow: y is finite, or x was not. Python raises where this does not hold.
not_overflowed = elementwise(
    "not_overflowed", lambda y, x: np.isfinite(y) | ~np.isfinite(x), vjp=NON_DIFFERENTIABLE,
    numpy={"scalar": "(np.isfinite({x}) or not np.isfinite({y}))",
           "array": "np.isfinite({x}) | ~np.isfinite({y})"},
    torch={"scalar": "(torch.isfinite({x}) or not torch.isfinite({y}))",
           "array": "torch.isfinite({x}) | ~torch.isfinite({y})"},
    c="({x} - {x} == 0 || {y} - {y} != 0)",
    result=BOOL,
)  # fmt: skip

# --- functions --------------------------------------------------------------------------------

exp = function("exp", np.exp, lambda g, y, x: [g * y], "exp{f}({x})")
expm1 = function("expm1", np.expm1, lambda g, y, x: [g * (y + 1)], "expm1{f}({x})")
log = function("log", np.log, lambda g, y, x: [g / x], "log{f}({x})", kinks=(AT_ZERO_INFINITE,))
log1p = function(
    "log1p",
    np.log1p,
    lambda g, y, x: [g / (x + 1)],
    "log1p{f}({x})",
    kinks=(Kink("its argument is -1", "infinite", ("x > -1",)),),
)
log2 = function(
    "log2",
    np.log2,
    lambda g, y, x: [g / (x * 0.6931471805599453)],
    "log2{f}({x})",
    kinks=(AT_ZERO_INFINITE,),
)
log10 = function(
    "log10",
    np.log10,
    lambda g, y, x: [g / (x * 2.302585092994046)],
    "log10{f}({x})",
    kinks=(AT_ZERO_INFINITE,),
)
sqrt = function(
    "sqrt",
    np.sqrt,
    lambda g, y, x: [g * 0.5 / y],
    "sqrt{f}({x})",
    cost=1,
    kinks=(AT_ZERO_INFINITE,),
)
sin = function("sin", np.sin, lambda g, y, x: [g * cos(x)], "sin{f}({x})")
cos = function("cos", np.cos, lambda g, y, x: [-g * sin(x)], "cos{f}({x})")
tan = function("tan", np.tan, lambda g, y, x: [g * (1 + y * y)], "tan{f}({x})")
tanh = function("tanh", np.tanh, lambda g, y, x: [g * (1 - y * y)], "adc_tanh{f}({x})")
sinh = function("sinh", np.sinh, lambda g, y, x: [g * cosh(x)], "sinh{f}({x})")
cosh = function("cosh", np.cosh, lambda g, y, x: [g * sinh(x)], "cosh{f}({x})")
arctan = function(
    "arctan", np.arctan, lambda g, y, x: [g / (1 + x * x)], "atan{f}({x})",
    spellings=("np.arctan", "math.atan"),
)  # fmt: skip
arcsin = function(
    "arcsin", np.arcsin, lambda g, y, x: [g / sqrt(1 - x * x)], "asin{f}({x})",
    spellings=("np.arcsin", "math.asin"),
    kinks=(AT_ONES,),
)  # fmt: skip
arccos = function(
    "arccos", np.arccos, lambda g, y, x: [-g / sqrt(1 - x * x)], "acos{f}({x})",
    spellings=("np.arccos", "math.acos"),
    kinks=(AT_ONES,),
)  # fmt: skip
arctan2 = elementwise(
    "arctan2", np.arctan2, vjp=lambda g, y, a, b: [g * b / (a * a + b * b), -g * a / (a * a + b * b)],
    numpy="np.arctan2({x}, {y})", c="atan2{f}({x}, {y})", cost=2,
    torch="torch.arctan2({x}, {y})",
    spellings=("np.arctan2", "math.atan2"),
    kinks=(BOTH_ZERO,),
)  # fmt: skip
hypot = elementwise(
    "hypot", np.hypot, vjp=lambda g, y, a, b: [g * a / y, g * b / y],
    numpy="np.hypot({x}, {y})", c="hypot{f}({x}, {y})", cost=2,
    torch="torch.hypot({x}, {y})", spellings=("np.hypot", "math.hypot"),
    kinks=(BOTH_ZERO,),
)  # fmt: skip
#: x ** y. d/dx is 0 at y == 0; d/dy is 0 at x == 0, y > 0.
pow_ = elementwise(
    "pow", np.power,
    vjp=lambda g, y, a, b: [
        select(b == 0, 0, g * b * pow_(a, b - 1)),
        g * y * log(select(a == 0, 1, a)),
    ],
    numpy="{x} ** {y}", c="pow{f}({x}, {y})", cost=2,
    spellings=("operator **", "np.power", "pow", "math.pow"),
    kinks=(Kink("the base is 0 and the exponent below 1", "infinite", ("x > 0", "y >= 1"), of="x"),),
)  # fmt: skip
abs_ = elementwise(
    "abs", np.abs, vjp=lambda g, y, x: [g * sign(x)], numpy="np.abs({x})", accepts="fi",
    c={"f": "fabs{f}({x})", "i": "adc_iabs({x})"},
    torch={"scalar i": "abs({x})", "array": "torch.abs({x})", "scalar": "torch.abs({x})"},
    spellings=("np.abs", "np.absolute", "np.fabs", "abs", "math.fabs"),
    kinks=(AT_ZERO_ZERO,),
)  # fmt: skip
sign = elementwise(
    "sign", np.sign, vjp=NON_DIFFERENTIABLE, numpy="np.sign({x})", accepts="fi",
    c={"f": "adc_sign{f}({x})", "i": "(({x} > 0) - ({x} < 0))"},
    torch="torch.sign({x})", spellings=("np.sign",),
)  # fmt: skip
floor = elementwise(
    "floor", np.floor, vjp=NON_DIFFERENTIABLE, numpy="np.floor({x})", c="floor{f}({x})",
    torch="torch.floor({x})",
    spellings=("np.floor",),
)  # fmt: skip
ceil = elementwise(
    "ceil", np.ceil, vjp=NON_DIFFERENTIABLE, numpy="np.ceil({x})", c="ceil{f}({x})",
    torch="torch.ceil({x})",
    spellings=("np.ceil",),
)  # fmt: skip
#: To the nearest, halves to even.
rint = elementwise(
    "rint", np.rint, vjp=NON_DIFFERENTIABLE, numpy="np.rint({x})", c="rint{f}({x})",
    torch="torch.round({x})", spellings=("np.rint",),
)  # fmt: skip
trunc = elementwise(
    "trunc", np.trunc, vjp=NON_DIFFERENTIABLE, numpy="np.trunc({x})", c="trunc{f}({x})",
    torch="torch.trunc({x})",
    spellings=("np.trunc",),
)  # fmt: skip
isnan = elementwise(
    "isnan", np.isnan, vjp=NON_DIFFERENTIABLE, numpy="np.isnan({x})", c="({x} != {x})",
    torch="torch.isnan({x})",
    result=BOOL, spellings=("np.isnan", "math.isnan"),
)  # fmt: skip
isfinite = elementwise(
    "isfinite", np.isfinite, vjp=NON_DIFFERENTIABLE, numpy="np.isfinite({x})",
    torch="torch.isfinite({x})",
    c="({x} - {x} == 0)", result=BOOL, spellings=("np.isfinite", "math.isfinite"),
)  # fmt: skip
isinf = elementwise(
    "isinf", np.isinf, vjp=NON_DIFFERENTIABLE, numpy="np.isinf({x})",
    torch="torch.isinf({x})",
    c="({x} == {x} && {x} - {x} != 0)", result=BOOL, spellings=("np.isinf", "math.isinf"),
)  # fmt: skip
# Ties share the cotangent by halves.
maximum = elementwise(
    "maximum", np.maximum, accepts="fi", numpy="np.maximum({x}, {y})",
    vjp=lambda g, y, a, b: [
        select(a > b, g, select(a == b, g * 0.5, 0)), select(b > a, g, select(a == b, g * 0.5, 0))
    ],
    torch={"scalar i": "max({x}, {y})", "array": "torch.maximum({x}, {y})",
           "scalar": "torch.maximum({x}, {y})"},
    c={"f": "adc_max{f}({x}, {y})", "i": "({x} > {y} ? {x} : {y})"}, spellings=("np.maximum",),
    kinks=(TIES,),
)  # fmt: skip
minimum = elementwise(
    "minimum", np.minimum, accepts="fi", numpy="np.minimum({x}, {y})",
    vjp=lambda g, y, a, b: [
        select(a < b, g, select(a == b, g * 0.5, 0)), select(b < a, g, select(a == b, g * 0.5, 0))
    ],
    torch={"scalar i": "min({x}, {y})", "array": "torch.minimum({x}, {y})",
           "scalar": "torch.minimum({x}, {y})"},
    c={"f": "adc_min{f}({x}, {y})", "i": "({x} < {y} ? {x} : {y})"}, spellings=("np.minimum",),
    kinks=(TIES,),
)  # fmt: skip
