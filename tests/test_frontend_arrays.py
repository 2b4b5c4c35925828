"""The array half of the front end against NumPy: promotion, subscripts, calls, and what raises."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from autodiff_compiler.frontend import trace
from autodiff_compiler.ir.graph import walk
from autodiff_compiler.signature import describe
from tests.expressions import Snippets, outcomes

BINARY = ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "==", "!=", "<", "<=", ">", ">="]
#: Values by flavour: Python's numbers, NumPy's, arrays of all dtypes, 0-d, other integer widths.
FLAVOURS: dict[str, tuple[Any, ...]] = {
    "float": (1.5, -2.5, 0.0), "int": (3, -2, 0), "bool": (True, False),
    "np.float64": (np.float64(1.5), np.float64(-0.0)), "np.float32": (np.float32(2.5),),
    "np.int64": (np.int64(-3), np.int64(0)), "np.int32": (np.int32(5),),
    "np.bool": (np.bool_(True),), "f64": (np.array([1.5, -2.0, 0.0]),),
    "f32": (np.array([1.5, -2.0, 3.0], np.float32),), "i64": (np.array([3, -2, 0]),),
    "i32": (np.array([3, -2, 1], np.int32),), "b1": (np.array([True, False, True]),),
    "0-d": (np.array(2.5),), "u8": (np.array([1, 2, 200], np.uint8),),
    "u32": (np.array([1, 2, 2**32 - 1], np.uint32),), "i16": (np.array([-1, 2, 30000], np.int16),),
}  # fmt: skip
#: Refusals that are right: NumPy's result has a dtype that there is not.
LIMITS = ("in NumPy, which is not supported", "returning an array of dtype")
#: Where NumPy's narrow integers wrap, the kernel stops.
NARROW = ("uint8[", "uint32[", "int16[")


@pytest.fixture(scope="session")
def snippets(tmp_path_factory):
    return Snippets(tmp_path_factory.mktemp("snippets"))


def verify(snippets: Snippets, cases: list[tuple[str, dict[str, Any]]], allow: Any = ()) -> None:
    """All cases are the same in both ways, or raise in both, or are refused for an allowed reason."""
    assert cases
    wrong = [
        f"{case}: {outcome}"
        for case, outcome in outcomes(snippets, cases)
        if outcome not in ("same", "both raise")
        and not any(a in outcome for a in allow)
        and not (outcome.startswith("stops") and any(name in case for name in NARROW))
    ]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:30])


def verify_same(snippets: Snippets, cases: list[tuple[str, dict[str, Any]]]) -> None:
    wrong = [f"{case}: {got}" for case, got in outcomes(snippets, cases) if got != "same"]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:30])


def normal(*shape: int, dtype: str = "f8", seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=shape) * 3).astype(dtype)


# --- operators ------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", BINARY)
def test_operators_promote_as_numpy_does(snippets, symbol):
    cases = [
        (f"x {symbol} y", {"x": x, "y": y})
        for left, right in itertools.product(FLAVOURS.values(), repeat=2)
        for x, y in itertools.product(left, right)
    ]
    cases = [(s, a) for s, a in cases if not (symbol == "**" and beyond_floats(**a))]
    verify(snippets, cases, LIMITS)


def beyond_floats(x: Any, y: Any) -> bool:
    """Is this a power of Python's numbers that is complex, or a float of two run-time ints?"""
    if type(x) not in (int, float, bool) or type(y) not in (int, float, bool):
        return False
    return (x < 0 and y != int(y)) or (type(x) is not float and type(y) is not float and y < 0)


def test_an_int_to_a_negative_power_stops(snippets):
    cases = [("x ** y", {"x": 2, "y": -1}), ("x ** y", {"x": -1.0, "y": 0.5})]
    assert all(outcome.startswith("stops") for _, outcome in outcomes(snippets, cases))


@pytest.mark.parametrize(
    "expression",
    [
        "x ** 2", "x ** 0.5", "x ** -1", "x ** 3", "x ** 0", "x ** 1", "x ** -2.0", "2 ** x",
        "2.0 ** x", "x + 2**31", "x * 3", "3 - x", "1 / x", "x // 2", "x % 3", "x % -2.5", "-x", "+x",
        "~x", "abs(x)", "x != 2", "x < 2**40", "x << 1", "x >> 1", "x & 1", "x + np.float32(1)",
        "x * True", "x * np.pi", "x == x",
    ],
)  # fmt: skip
def test_operators_with_literals(snippets, expression):
    """Overflowing powers, complex results and `~` of a bool are Python's alone."""
    values = [v for vs in FLAVOURS.values() for v in vs]
    values = [v for v in values if not (expression == "~x" and isinstance(v, bool))]
    real = [
        v for v in values if not (expression == "x ** 0.5" and type(v) in (int, float) and v < 0)
    ]
    whole = [v for v in real if not (expression == "2 ** x" and type(v) is int and v < 0)]
    verify(snippets, [(expression, {"x": v}) for v in whole], LIMITS)


def test_python_numbers_raise(snippets):
    cases = [
        ("math.exp(x)", {"x": 1000.0}), ("x ** 2", {"x": 1e200}), ("x ** -2", {"x": 0.0}),
        ("x ** y", {"x": 0.0, "y": -1.0}), ("x ** y", {"x": 10.0, "y": 400.0}),
        ("math.sqrt(x)", {"x": -1.0}), ("math.log(x)", {"x": 0.0}), ("math.sin(x)", {"x": np.inf}),
        ("x / y", {"x": 1, "y": 0}), ("x // y", {"x": 1.0, "y": 0.0}), ("x % y", {"x": 1, "y": 0}),
        ("1 / 0", {"x": 1.0}), ("int(x)", {"x": np.inf}), ("math.floor(x)", {"x": np.nan}),
        ("math.pow(x, y)", {"x": 0.0, "y": -1.0}), ("math.acos(x)", {"x": 1.5}),
        ("x << y", {"x": 1, "y": -1}), ("min(x)", {"x": np.array([])}),
        ("x @ x", {"x": 2.0}), ("x[0, 0]", {"x": normal(3)}), ("np.max(x)", {"x": np.zeros(0)}),
        ("x.reshape(5, 3)", {"x": normal(3, 4)}), ("np.sum(x, axis=2)", {"x": normal(3, 4)}),
        ("x + y", {"x": normal(3, 4), "y": normal(3)}), ("x @ x", {"x": normal(3, 4)}),
        ("x[i]", {"x": normal(3), "i": 3}), ("x[i]", {"x": normal(3), "i": np.array([0, 3])}),
        ("x[m]", {"x": normal(4), "m": np.array([True, False])}), ("np.zeros(x)", {"x": -1}),
    ]  # fmt: skip
    wrong = [(case, got) for case, got in outcomes(snippets, cases) if got != "both raise"]
    assert not wrong


def test_python_numbers(snippets):
    verify_same(
        snippets,
        [
            ("math.log(x)", {"x": np.nan}), ("math.hypot(x, y)", {"x": 3.0, "y": 4}),
            ("math.atan2(x, y)", {"x": 3.0, "y": 4}), ("math.log(x, 2)", {"x": 8.0}),
            ("math.pow(x, 2)", {"x": 3.0}), ("divmod(x, y)", {"x": -7, "y": 2}),
            ("divmod(x, y)", {"x": -7.5, "y": 2}), ("pow(x, 2)", {"x": 3}),
            ("max([x, y])", {"x": 1, "y": 4}), ("min(x, y)", {"x": 1.0, "y": 4.5}),
            ("sum([x, y])", {"x": 1, "y": 4.0}), ("sum((x, y), x)", {"x": np.float64(1), "y": 4.0}),
            ("abs(x)", {"x": -3}), ("float(x)", {"x": 3}), ("int(x)", {"x": -2.7}),
            ("round(x)", {"x": 2.5}), ("bool(x)", {"x": 2.5}), ("not x", {"x": 0}),
            ("np.maximum(x, y)", {"x": 1.0, "y": 2}), ("math.sqrt(2) * x", {"x": 2.0}),
            ("np.sqrt(2) * x", {"x": normal(2, dtype="f4")}), ("any([x > 1, y > 2])", {"x": 1.0, "y": 3.0}),
            ("np.float64(2) * x", {"x": normal(2, dtype="f4")}), ("math.radians(x)", {"x": 90.0}),
            ("math.floor(x), math.ceil(x), math.trunc(x)", {"x": -2.5}),
            ("x.item() / 2", {"x": np.int64(3)}), ("x.dtype == np.float64", {"x": np.float64(3)}),
        ],
    )  # fmt: skip


# --- subscripts -------------------------------------------------------------------------------------


def random_key(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """The text of a subscript, and the arrays and integers that it names."""
    items: list[str] = []
    named: dict[str, Any] = {}
    length: int | None = None
    axis, last = 0, int(rng.integers(1, len(shape) + 1))
    ellipsis = False
    while axis < last:
        n = shape[axis]
        kind = rng.choice(["int", "int name", "slice", "slice", "new", "...", "array", "mask"])
        name = f"k{len(named)}"
        if kind == "int":
            items.append(str(rng.integers(-n, n)))
        elif kind == "int name":
            named[name] = int(rng.integers(-n, n))
            items.append(name)
        elif kind == "slice":
            low, high = (rng.choice(["", str(rng.integers(-n - 1, n + 2))]) for _ in range(2))
            items.append(f"{low}:{high}{rng.choice(['', '', '', ':2', ':-1', ':-2', ':3'])}")
        elif kind == "new" and len(items) < 4:
            items.append("None")
            continue
        elif kind == "..." and not ellipsis:
            items.append("...")
            ellipsis = True
            continue
        elif kind == "array":
            length = length or int(rng.integers(1, 4))
            outer = (2,) if rng.random() < 0.2 else ()
            named[name] = rng.integers(-n, n, (*outer, length)).astype(
                rng.choice(["i8", "i4", "i2"])
            )
            items.append(name)
        elif kind == "mask":
            mask = rng.random(n) < 0.6
            if mask.sum() == 0 or (length is not None and mask.sum() != length):
                continue
            length = int(mask.sum())
            named[name] = mask
            items.append(name)
        else:
            continue
        axis += 1
    return ", ".join(items), named


def renamed(key: str, named: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return key.replace("k", "m"), {name.replace("k", "m"): value for name, value in named.items()}


def subscripts(seed: int, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Reads, writes and updates through random subscripts and views of views."""
    rng = np.random.default_rng(seed)
    cases: list[tuple[str, dict[str, Any]]] = []
    for _ in range(count):
        shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4], rng.integers(1, 5)))
        a = rng.normal(size=shape)
        key, named = random_key(rng, shape)
        try:
            region = eval(f"a[{key}]", {"a": a, **named})
        except IndexError:
            cases.append((f"a[{key}]", {"a": a, **named}))
            continue
        cases.append((f"a[{key}]", {"a": a, **named}))
        cases.append((f"a[{key}] = 3\na", {"a": a, **named}))
        cases.append((f"a[{key}] *= 2.0\na", {"a": a, **named}))
        if not np.ndim(region) or not region.size:
            continue
        v = rng.normal(size=region.shape[int(rng.integers(0, region.ndim)) :])
        v = v[..., :1].copy() if rng.random() < 0.3 else v
        v = v[None].copy() if rng.random() < 0.2 else v
        cases.append((f"a[{key}] = v\na", {"a": a, "v": v, **named}))
        if not any(isinstance(x, np.ndarray) for x in named.values()):
            second, more = renamed(*random_key(rng, region.shape))
            both = {"a": a, **named, **more}
            cases.append((f"a[{key}][{second}]", both))
            cases.append((f"a[{key}][{second}] = 3.0\na", both))
            cases.append((f"b = a[{key}].T\nb[{second}] += 3.0\n(a, b)", both))
    return cases


#: A slice of constant width 1 that is empty, an index array that repeats itself in a store, and
#: writes with index arrays through a new axis.
SUBSCRIPT_LIMITS = ("stops (CheckFailed", "with a new axis", "slice of a new axis")


@pytest.mark.parametrize("seed", range(8))
def test_random_subscripts(snippets, seed):
    cases = subscripts(seed, 60)
    found = outcomes(snippets, cases)
    wrong = [
        f"{case}: {got}" for case, got in found
        if got not in ("same", "both raise") and not any(a in got for a in SUBSCRIPT_LIMITS)
    ]  # fmt: skip
    assert not wrong, "\n".join(wrong[:20])
    assert sum(got == "same" for _, got in found) > 0.8 * len(found)


def stores_through_index_arrays(seed: int, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Index arrays that may name an element twice, beside slices, integers and new axes."""
    rng = np.random.default_rng(seed)
    cases: list[tuple[str, dict[str, Any]]] = []
    while len(cases) < count:
        shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 4)))
        a = rng.normal(size=shape)
        named: dict[str, Any] = {}
        items: list[str] = []
        length = int(rng.integers(1, 6))
        for axis, n in enumerate(shape):
            kind = rng.choice(["array", "array", ":", "int", "None, :"])
            if kind == "array":
                outer = (2,) if rng.random() < 0.3 else ()
                named[f"k{axis}"] = rng.integers(-n, n, (*outer, length))
                items.append(f"k{axis}")
            else:
                items.append(str(rng.integers(-n, n)) if kind == "int" else str(kind))
        if not named:
            continue
        key = ", ".join(items)
        region = eval(f"a[{key}]", {"a": a, **named})
        for v in (rng.normal(size=region.shape), rng.normal(size=region.shape[-1:]), 1.5):
            cases.append((f"a[{key}] = v\na", {"a": a, "v": v, **named}))
        cases.append((f"a[{key}] += v\na", {"a": a, "v": rng.normal(size=region.shape), **named}))
    return cases


@pytest.mark.parametrize("seed", range(3))
def test_the_last_of_repeated_indices_wins(snippets, seed):
    verify_same(snippets, stores_through_index_arrays(seed, 120))


def test_integers_of_other_widths(snippets):
    i16, u8 = np.array([2, 0, 3], np.int16), np.array([1, 2, 200], np.uint8)
    x = normal(6)
    verify_same(
        snippets,
        [
            ("x[k[0] + 1] + x[k + 1].sum()", {"x": x, "k": i16}),
            ("x[k[0] * 2 - 1:k[2] + 2].sum()", {"x": x, "k": i16}),
            ("k.sum()", {"k": i16}), ("k.sum() * 0.5", {"k": u8}), ("k.max() * x", {"k": i16, "x": x}),
            ("(k // 2).astype(int)", {"k": u8}), ("int(k[2]) * 2", {"k": u8}),
            ("np.abs(-k).astype(float)", {"k": i16}),
        ],
    )  # fmt: skip
    ((_, got),) = outcomes(snippets, [("(k * 2).astype(int)", {"k": u8})])
    assert got.startswith("stops"), "NumPy wraps"


# --- what the graph looks like ----------------------------------------------------------------------


def nodes_of(snippets: Snippets, source: str, **arguments: Any) -> list[str]:
    (function,) = snippets.functions([source], [tuple(arguments)])
    traced = trace(function, tuple(describe(x) for x in arguments.values()))
    return [node.op.name for node in walk(traced.function.block)]


@pytest.mark.parametrize(
    "source",
    [
        "v[2:] - 2.0 * v[1:-1] + v[:-2]", "v[1:] - v[:-1]", "np.diff(v)", "v[::-1] * v", "v[:3] + v[:3]",
        "a[1:-1, 2:] - a[2:, 1:-1] + a[:-2, :-2]", "a.T.T * a",
        "np.zeros(len(v)) + v", "np.arange(v.shape[0]) * v", "np.ones_like(a) @ np.ones(a.shape[1])",
        "np.roll(v, 1) - v", "a - a.mean(axis=0, keepdims=True)", "np.zeros(a.shape) + a.copy()",
    ],
)  # fmt: skip
def test_equal_lengths_are_known_to_be_equal(snippets, source):
    assert "check" not in nodes_of(snippets, source, v=normal(5), a=normal(4, 6))


def test_nodes_of_indices_come_once(snippets):
    names = nodes_of(snippets, "v[i] += v[i] * v[i]\nv", v=normal(5), i=2)
    assert names.count("index") == 1
    names = nodes_of(snippets, "v[1:] = v[1:] * v[1:]\nv", v=normal(5))
    assert names.count("slice") == 1


def test_nothing_is_read_before_it_is_needed(snippets):
    names = nodes_of(snippets, "b = a[1:].T\nc = b[None]\na[0, 0]", a=normal(3, 4))
    assert names.count("load") == 1


def test_views_and_writes(snippets):
    a, b, v = normal(3, 4), normal(3, 4, seed=2), normal(4)
    i, j, m = normal(3, 4, dtype="i8"), normal(3, 4, dtype="i4"), a > 0
    one, square = normal(1, 4), normal(3, 3)
    image = np.abs(normal(3, 4)).astype("u1")
    verify_same(
        snippets,
        [
            ("np.add(a, b, out=c)\nc", {"a": a, "b": b, "c": np.zeros((3, 4))}),
            ("np.add(a, b, c)\nc", {"a": a, "b": b, "c": np.zeros((3, 4))}),
            ("np.exp(a, out=a)\na", {"a": a}), ("np.multiply(a, 2, out=(a,))\na", {"a": a}),
            ("np.add(v, 1, out=c[0])\nc", {"v": v, "c": np.zeros((3, 4))}),
            ("np.sum(a, axis=0, out=v)\nv", {"a": a, "v": v}),
            ("np.dot(a, v, out=w)\nw", {"a": a, "v": v, "w": np.zeros(3)}),
            ("np.add.at(v, k, 1.0)\nv", {"v": v, "k": np.array([0, 0, 1])}),
            ("np.subtract.at(v, k, w)\nv", {"v": v, "k": np.array([0, 0, 1]), "w": normal(3)}),
            (
                "np.add.at(a, (k, l), w)\na",
                {"a": a, "k": np.array([0, 0, 1]), "l": np.array([1, 1, -1]), "w": normal(3)},
            ),
            ("a += v\na", {"a": a, "v": v}), ("i *= 2\ni", {"i": i}), ("j += i\nj", {"j": j, "i": i}),
            ("f += a\nf", {"f": normal(3, 4, dtype="f4"), "a": a}), ("a **= 2\na", {"a": a}),
            ("i //= 2\ni", {"i": i}), ("a %= 2.5\na", {"a": a}), ("m |= n\nm", {"m": m, "n": m[0]}),
            ("a += m\na", {"a": a, "m": m}), ("a @= b\na", {"a": square, "b": square}),
            ("one -= 1\none", {"one": one}), ("a += one\na", {"a": a, "one": one}),
            ("a[0] = v\na", {"a": a, "v": v}), ("a[:] = a.T\na", {"a": square}),
            ("a[1:] = a[:-1]\na", {"a": a}), ("a[...] = c\na", {"a": a, "c": normal(3, 1)}),
            ("i[0] = 1.5\ni", {"i": i}), ("f[0, 0] = x\nf", {"f": normal(3, 4, dtype="f4"), "x": 1.5}),
            ("a[0] = [1, 2, 3, 4]\na", {"a": a}), ("i[0, 1] += 2\ni", {"i": i}),
            ("a[a > 0] = 0\na", {"a": a}), ("a[m] = b[m]\na", {"a": a, "b": b, "m": m}),
            ("a[[0, 1]] = b\na", {"a": a, "b": normal(2, 4)}), ("a.fill(3)\na", {"a": a}),
            ("v[k] += 1\nv", {"v": v, "k": np.array([0, 2])}), ("np.copyto(a, v)\na", {"a": a, "v": v}),
            ("np.fill_diagonal(a, 0)\na", {"a": square}), ("b = a.T\nb[0] = 1\na", {"a": a}),
            ("b = a[::2, None, 1:]\nb *= 2\na", {"a": a}), ("r = a[0]\nr *= 2\na", {"a": a}),
            ("b = a.reshape(12)\nb.sum()", {"a": a}), ("b = a.reshape(12)\nb[0] = 1\na", {"a": a}), ("b = a.reshape(12)\na[0] = 1\nb", {"a": a}), ("x += 1\nx", {"x": np.array(2.0)}),
            ("b = np.arange(6.0).reshape(2, 3)\nb[0, 0] = 1\nb", {"a": a}),
            ("x[()] + x[...]", {"x": np.array(2.0)}), ("image[1, 2] * 2.0", {"image": image}),
            ("image[1, 2] * x", {"image": image, "x": np.float32(2.5)}), ("image > 2", {"image": image}),
            ("v[k]", {"v": v, "k": np.array([0, 3, 1], "u1")}), ("image.mean()", {"image": image}),
            ("v[k[0]]", {"v": v, "k": np.array([2, 3], "i2")}), ("image.astype(int) + 1", {"image": image}),
            ("v[p[0]:p[1]].sum()", {"v": v, "p": np.array([1, 3])}),
            ("a[k:k + 1] * b", {"a": a, "b": b, "k": 2}), ("a[:, :1] * b", {"a": a, "b": b}),
            ("v[1:-1] + v[2:] - v[:-2]", {"v": v}),
        ],
    )  # fmt: skip


def test_writes_that_numpy_refuses(snippets):
    a, i, m = normal(3, 4), normal(3, 4, dtype="i8"), normal(3, 4) > 0
    cases = [
        ("np.add(a, 1.5, out=i)", {"a": a, "i": i}), ("v += a\nv", {"v": normal(4), "a": a}),
        ("i += 1.5\ni", {"i": i}), ("i /= 2\ni", {"i": i}), ("m += 1\nm", {"m": m}),
        ("one += a\none", {"one": normal(1, 4), "a": a}), ("a[:, 0] = v\na", {"a": a, "v": normal(4)}),
        ("j[0] = 2**40\nj", {"j": normal(3, 4, dtype="i4")}), ("m - m", {"m": m}),
    ]  # fmt: skip
    wrong = [(case, got) for case, got in outcomes(snippets, cases) if got != "both raise"]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("b = np.diag(a)\na[0] = 1\nb", "diagonal"),
        ("np.partition(a, 2)", "np.partition is not supported"),
        ("np.linalg.eigvals(a[:, :3])", "np.linalg.eigvals is not supported"),
        ("np.exp(a, where=a > 0)", "where="),
        ("a.tolist()", "tolist"),
        ("a.flat", "flat"),
        ("a[True]", "no index"),
    ],
)
def test_refusals(snippets, source, reason):
    ((_, got),) = outcomes(snippets, [(source, {"a": normal(3, 4)})])
    assert got.startswith("refused") and reason in got


# --- calls --------------------------------------------------------------------------------------------


ELEMENTWISE = [
    "sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "tanh", "abs", "absolute", "fabs", "sign",
    "floor", "ceil", "rint", "trunc", "isnan", "isfinite", "isinf", "negative", "positive", "square",
    "logical_not", "invert", "expm1", "log1p", "deg2rad", "sinh", "cosh", "arctan", "round",
]  # fmt: skip
WHOLE = [
    "sum", "mean", "max", "min", "prod", "any", "all", "argmax", "std", "ravel", "ptp", "cumsum",
    "cumprod", "count_nonzero", "zeros_like", "ones_like", "copy", "array", "asarray", "float64",
    "float32", "int64", "int32", "bool_",
]  # fmt: skip
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions(snippets, name):
    values = [v for vs in FLAVOURS.values() for v in vs]
    verify(snippets, [(f"np.{name}(x)", {"x": v}) for v in values], (*LIMITS, "gives float16"))


@pytest.mark.parametrize("name", WHOLE)
def test_functions_of_every_dtype(snippets, name):
    values = [v for key, vs in FLAVOURS.items() for v in vs if key not in ("u8", "u32", "i16")]
    verify(snippets, [(f"np.{name}(x)", {"x": v}) for v in values], LIMITS)


@pytest.mark.parametrize(
    "name",
    ["sum", "mean", "max", "min", "any", "all", "std", "var", "prod", "argmax", "argmin", "ptp", "count_nonzero"],
)  # fmt: skip
def test_reductions(snippets, name):
    arrays = [
        normal(3, 4), normal(4), normal(2, 3, 4), normal(3, 4, dtype="i8"), normal(3, 4, dtype="f4"),
        normal(3, 4, dtype="i4"), normal(3, 4) > 0, normal(1, 4), np.zeros((0, 3)), np.zeros((3, 0)),
    ]  # fmt: skip
    options = [
        "", "axis=0", "axis=-1", "axis=None", "axis=1", "axis=0, keepdims=True", "keepdims=True",
        "axis=(0,)", "axis=(0, -1)", "axis=()",
    ]  # fmt: skip
    cases = []
    for x, option in itertools.product(arrays, options):
        if name in ("argmax", "argmin") and "(" in option:
            continue
        cases.append((f"np.{name}(x, {option})", {"x": x}))
        if name not in ("ptp", "count_nonzero"):
            cases.append((f"x.{name}({option})", {"x": x}))
    verify(snippets, cases)


SHAPES = """
x.T  x.reshape(-1)  x.reshape(2,-1)  x.reshape((4,3))  x.reshape(12)  x.reshape(3,1,4)  np.reshape(x,(2,6))
x.ravel()  x.flatten()  x.transpose()  x.transpose(1,0)  x.transpose((1,0))  np.transpose(x)
x.swapaxes(0,1)  np.swapaxes(x,0,-1)  np.moveaxis(x,0,1)  np.expand_dims(x,0)  np.expand_dims(x,(0,2))
np.squeeze(x)  x[:1].squeeze()  x[:1].squeeze(0)  np.squeeze(x[None],axis=0)  np.atleast_2d(x[0])
np.broadcast_to(x,(2,3,4))  np.broadcast_to(x[0],(3,4))  np.flip(x)  np.flip(x,0)  np.flip(x,axis=(0,1))
np.fliplr(x)  np.roll(x,1)  np.roll(x,-2,axis=1)  np.roll(x,7,axis=0)  np.diag(x)  np.diag(x,1)
np.diag(x,-1)  np.diag(x[0])  np.diag(x[0],2)  np.diag(x[0],-1)  np.trace(x)  x.trace()  np.trace(x,1)
x.diagonal()  np.concatenate([x,x])  np.concatenate((x,x[:1]),axis=0)  np.concatenate([x,x],axis=-1)
np.concatenate([x,x],axis=None)  np.stack([x,x])  np.stack([x,x],axis=-1)  np.hstack([x,x])
np.hstack([x[0],x[1]])  np.vstack([x,x[0]])  np.column_stack([x[0],x[1]])  np.append(x,x)
np.append(x[0],1.0)  np.append(x,x,axis=0)  np.diff(x)  np.diff(x,axis=0)  np.diff(x,n=2)
np.tril(x)  np.triu(x,1)  np.take(x,[0,2])  np.take(x,[0,2],axis=0)  x.take([1],axis=1)
x.shape  x.size  x.ndim  x.size*2.0  x.dtype==np.float64  np.ndim(x)  x.shape==x.T.shape
"""
MAKING = """
np.zeros(3)  np.zeros((2,3))  np.ones(4)  np.empty((2,))*0  np.full((2,2),3.0)  np.full(3,2)
np.full((3,4),x[0])  np.zeros_like(x)  np.ones_like(x)  np.full_like(x,2)  np.eye(3)  np.eye(3,4)
np.eye(3,k=1)  np.identity(2)  np.arange(5)  np.arange(2,8)  np.arange(2,9,3)  np.arange(9,2,-3)
np.arange(5,2)  np.arange(0.0,1.0,0.1)  np.arange(3.0)  np.arange(5,dtype=float)
np.arange(1,6,2,dtype=np.float32)  np.linspace(0,1,5)  np.linspace(0,1,5,endpoint=False)
np.linspace(1.0,3.0)  np.linspace(0,1,1)  np.linspace(x[0,0],2.0,4)  np.array([1,2,3])  np.array([1.0,2])
np.array([[1,2],[3,4.5]])  np.array([x[0,0],x[1,1]])  np.array([x[0],x[1]])  np.array([True,False])
np.array([[x[0,0],1],[2,3]])  np.asarray([1,2],dtype=float)  np.array(x,dtype=np.float32)  np.array([])
np.array(3.0)  np.zeros(x.shape)  np.zeros(x.shape[0])  np.arange(x.shape[1])  np.zeros((x.shape[0],1))
x.astype(int)  x.astype("float32")  x.astype(bool)  np.float32(x)  np.int64(x)  x.copy()  np.copy(x)
"""
COMPUTING = """
np.clip(x,-1,1)  np.clip(x,0,None)  np.clip(x,None,0.5)  x.clip(-1.0,1.0)  np.clip(x,-x,x[0])
np.where(x>0,x,0)  np.where(x>0,x,-x)  np.where(x>0,1.0,2.0)  np.where(x>0,1,x)  np.where(x>0)
np.nonzero(x>0)  np.flatnonzero(x>0)  x[x>0]  x[x>0].sum()  np.outer(x[0],x[1])  np.inner(x,x)
np.inner(x[0],x[1])  np.vdot(x,x)  np.dot(x,x.T)  np.dot(x[0],x[1])  np.dot(x,x[0])  np.dot(x,2.0)
x.dot(x[0])  x@x.T  x[0]@x[1]  x@x[0]  x[:,0]@x  np.matmul(x,x.T)  np.add(x,1)  np.multiply(x,x)
np.subtract(x,x[0])  np.divide(x,2)  np.power(x,2)  np.add.outer(x[0],x[1])  np.subtract.outer(x[0],x)
np.multiply.outer(x[0],2.0)  np.maximum.outer(x[0],x[1])  np.add.reduce(x)  np.add.reduce(x,axis=1)
np.add.reduce(x,axis=None)  np.maximum.reduce(x,axis=1,keepdims=True)  np.subtract.reduce(x)
np.minimum.reduce(x[0])  np.logical_and.reduce(x>0,axis=0)  np.multiply.reduce(x)  np.prod(x)
np.prod(x,axis=1)  np.prod(x,axis=(0,1),keepdims=True)  np.cumsum(x)  np.cumsum(x,axis=1)  x.cumsum(0)
np.cumprod(x,axis=0)  np.add.accumulate(x)  np.maximum.accumulate(x,axis=1)  np.subtract.accumulate(x[0])
np.multiply.accumulate(x[0])  np.minimum.accumulate(x)  np.linalg.norm(x[0])  np.linalg.norm(x)
np.linalg.norm(x,axis=1)  np.average(x)  np.average(x,axis=0)  np.average(x,weights=x*x)
np.logical_and(x>0,x<1)  np.logical_or(x,0)  np.logical_not(x)  np.hypot(x,x)  np.arctan2(x,2.0)
np.float_power(np.abs(x),2)  x.sum(0)  x.mean(1)  x.max(0)  sum(x)  sum(x[0])  min(x[0])  max(x[0])
abs(x)  any(x[0]>0)  all(x[0]>-99)  round(x[0,0])  float(x[0,0])  int(x[0,0])  x.item(0,0)
x[0,0].item()  np.mean(x,dtype=np.float64)  np.var(x,ddof=1)  np.std(x,axis=0,ddof=1,keepdims=True)
"""


@pytest.mark.parametrize(
    "table", [SHAPES, MAKING, COMPUTING], ids=["shapes", "making", "computing"]
)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
def test_calls(snippets, table, dtype):
    sources = [s for line in table.strip().split("\n") for s in line.split("  ") if s]
    verify_same(snippets, [(source, {"x": normal(3, 4, dtype=dtype)}) for source in sources])
