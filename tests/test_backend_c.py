"""The C back end against the interpreter: every op, dtype and shape, and all that holds blocks."""

import itertools
import zlib

import numpy as np
import pytest

from autodiff_compiler.ir.build import Builder
from autodiff_compiler.ir.graph import Function
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.ir.types import BOOL, F32, F64, I32, I64, NUMPY_DTYPE, Array, Scalar
from autodiff_compiler.ops import TABLE
from tests.c_kernels import build, needs_compiler, same

pytestmark = needs_compiler

UNCHECKED = {"iadd", "isub", "imul", "ipow"}


def data(dtype, shape, seed, plain=False):
    """Numbers of a dtype; `plain`: without NaN and infinities."""
    rng = np.random.default_rng(seed)
    if dtype == BOOL:
        return rng.random(shape) < 0.5
    if dtype in (I64, I32):
        return rng.integers(-4, 5, shape).astype(NUMPY_DTYPE[dtype])
    x = np.round(rng.normal(size=shape) * 2, 2).astype(NUMPY_DTYPE[dtype])
    if not plain and np.ndim(x) and x.size > 4:
        special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0]
        where = rng.choice(x.size, 4, replace=False)
        x.flat[where] = rng.choice(special, 4)
    return x if np.ndim(x) else NUMPY_DTYPE[dtype].type(x)


def function_of(params, body):
    """A function whose results `body(builder, *params)` gives."""
    b = Builder()
    values = [b.function_param(t, name) for name, t in params]
    results = body(b, *values)
    return Function("f", b.close(values, results if isinstance(results, tuple) else (results,)))


VECTOR, MATRIX = (None,), (None, None)
SHAPES = {VECTOR: (7,), MATRIX: (3, 5), (1, None): (1, 5), (None, 1): (3, 1), (1,): (1,)}


def operand_types(arity):
    """Combinations of scalars and arrays that broadcast: None is a scalar."""
    if arity == 1:
        return [(None,), (VECTOR,), (MATRIX,), ((),)]
    if arity == 2:
        return [
            (None, None), (VECTOR, VECTOR), (VECTOR, None), (None, MATRIX), (MATRIX, MATRIX),
            ((None, 1), MATRIX), ((1, None), (None, 1)), ((1,), MATRIX),
        ]  # fmt: skip
    return [(None,) * 3, (MATRIX,) * 3, (MATRIX, None, (1, None)), (VECTOR, VECTOR, None)]


def arity_of(op):
    if op.c is None:
        return 2
    texts = [op.c] if isinstance(op.c, str) else list(op.c.values())
    return max(k + 1 for k, hole in enumerate(("{x}", "{y}", "{z}")) if hole in "".join(texts))


def elementwise_cases():
    dtypes = (F64, F32, I64, I32, BOOL)
    for name, op in TABLE.items():
        if op.kind != "elementwise":
            continue
        if name == "cast":
            for source, target, dims in itertools.product(dtypes, dtypes, (None, MATRIX)):
                yield name, {"dtype": target}, (source,), (dims,)
            continue
        for arity in (arity_of(op),):
            for dtype in dtypes:
                operands = (BOOL, dtype, dtype) if name == "select" else (dtype,) * arity
                for dims in operand_types(arity):
                    types = [
                        Scalar(d) if s is None else Array(d, s) for d, s in zip(operands, dims)
                    ]
                    try:
                        op.infer({}, *types)
                    except TypeError:
                        continue
                    if name in UNCHECKED and any(s is not None for s in dims):
                        continue
                    yield name, {}, operands, dims


def elementwise_function(name, attrs, dtypes, dims):
    types = [Scalar(d) if s is None else Array(d, s) for d, s in zip(dtypes, dims)]
    params = [(f"x{k}", t) for k, t in enumerate(types)]
    function = function_of(params, lambda b, *x: b.emit(TABLE[name], *x, **attrs))
    seed = zlib.crc32(repr((name, attrs, dtypes, dims)).encode())
    args = []
    for k, (dtype, s) in enumerate(zip(dtypes, dims)):
        x = data(dtype, SHAPES.get(s, ()) if s is not None else (), seed + k)
        if name in ("wpow", "ipow") and k == 1:
            x = np.abs(x)
        if name == "polygamma" and k == 0:
            x = 1 + np.abs(np.rint(x))
        args.append(x)
    return function, args


def test_elementwise(tmp_path):
    cases = list(elementwise_cases())
    assert len(cases) > 300
    built = [elementwise_function(*case) for case in cases]
    kernels = build(tmp_path, [f for f, _ in built])
    for case, kernel, (function, args) in zip(cases, kernels, built):
        try:
            same(kernel(*args), interpret(function, args))
        except Exception as error:
            raise AssertionError(f"{case}: {args}\n{kernel.source.text[-1500:]}") from error


# --- reductions, products, shapes ---------------------------------------------------------------


def agree(tmp_path, cases, **options):
    """Builds all functions of `cases` (function, arguments) at once and compares them."""
    kernels = build(tmp_path, [f for f, _ in cases], **options)
    for kernel, (function, args) in zip(kernels, cases):
        try:
            same(kernel(*args), interpret(function, args))
        except Exception as error:
            text = kernel.source.text
            raise AssertionError(
                f"{args}\n{text[text.index(kernel.source.symbol) :][:2500]}"
            ) from error


def test_reductions(tmp_path):
    cases = []
    shapes = [(6,), (40,), (3, 4), (2, 37), (1, 4), (2, 3, 4)]
    for op in (op for op in TABLE.values() if op.kind == "reduce"):
        for dtype, shape in itertools.product((F64, F32, I64, I32, BOOL), shapes):
            rank = len(shape)
            dims = tuple(1 if n == 1 else None for n in shape)
            for axes in (
                a for r in range(rank + 1) for a in itertools.combinations(range(rank), r)
            ):
                if op.name in ("argmax", "argmin") and len(axes) != 1:
                    continue
                if op.name in ("sum", "prod") and dtype == I32:
                    continue  # the front end casts first
                try:
                    op.infer({"axes": axes}, Array(dtype, dims))
                except TypeError:
                    continue
                f = function_of([("x", Array(dtype, dims))], lambda b, x: b.emit(op, x, axes=axes))
                cases.append((f, [data(dtype, shape, len(cases), plain=op.name == "sum")]))
    assert len(cases) > 100
    agree(tmp_path, cases)


def test_sums_of_nothing_and_of_expressions(tmp_path):
    def products(b, x, y):
        return b.emit(TABLE["sum"], b.emit(TABLE["exp"], b.emit(TABLE["mul"], x, y)), axes=(0,))

    def rows(b, x):
        return b.emit(TABLE["sum"], b.emit(TABLE["mul"], x, x), axes=(1,))

    vector, matrix = Array(F64, VECTOR), Array(F64, MATRIX)
    cases = []
    for n in (0, 1, 3, 15, 16, 17, 100):
        f = function_of([("x", vector), ("y", vector)], products)
        cases.append((f, [data(F64, (n,), 1, True), data(F64, (n,), 2, True)]))
    for shape in ((0, 3), (3, 0), (4, 50)):
        cases.append((function_of([("x", matrix)], rows), [data(F64, shape, 3, True)]))
        f = function_of([("x", matrix)], lambda b, x: b.emit(TABLE["sum"], x, axes=(0, 1)))
        cases.append((f, [data(F64, shape, 4, True)]))
    agree(tmp_path, cases)


def test_products(tmp_path):
    def product(first, second, turned):
        def body(b, x, y):
            if "a" in turned:
                x = b.emit(TABLE["transpose"], x, perm=(1, 0))
            if "b" in turned:
                y = b.emit(TABLE["transpose"], y, perm=(1, 0))
            return b.emit(TABLE["matmul"], x, y)

        return body

    cases = []
    for dtype in (F64, F32, I64):
        for a, b in (((5,), (5,)), ((3, 5), (5,)), ((5,), (5, 4)), ((3, 5), (5, 4)), ((0, 5), (5, 4)),
                     ((3, 0), (0, 4)), ((19, 70), (70, 33)), ((1, 1), (1, 1))):  # fmt: skip
            for turned in ("", "a", "b", "ab"):
                if ("a" in turned and len(a) < 2) or ("b" in turned and len(b) < 2):
                    continue
                x = data(dtype, a[::-1] if "a" in turned else a, 1, True)
                y = data(dtype, b[::-1] if "b" in turned else b, 2, True)
                types = [
                    ("x", Array(dtype, (None,) * x.ndim)),
                    ("y", Array(dtype, (None,) * y.ndim)),
                ]
                cases.append((function_of(types, product(a, b, turned)), [x, y]))
    agree(tmp_path, cases)


def test_product_of_slices(tmp_path):
    def body(b, x, y, n):
        start, length = b.emit(
            TABLE["slice"], b.const(1), b.const(2), b.dim(x, 0), lo=True, hi=False
        )
        step = b.const(2)
        rows = b.emit(
            TABLE["load"], x, start, length, step, b.const(0), b.dim(x, 1), b.const(1), index="ss"
        )
        column = b.emit(TABLE["load"], y, b.const(0), b.dim(y, 0), b.const(1), n, index="si")
        return b.emit(TABLE["matmul"], rows, column)

    types = [("x", Array(F64, MATRIX)), ("y", Array(F64, MATRIX)), ("n", Scalar(I64))]
    agree(
        tmp_path,
        [(function_of(types, body), [data(F64, (6, 4), 1, True), data(F64, (4, 3), 2, True), 1])],
    )


def test_matrices_of_all_sizes_turned_over(tmp_path):
    functions = [
        function_of([("x", Array(t, (None, None)))], lambda b, x: b.emit(TABLE["transpose"], x, perm=(1, 0)))
        for t in (F64, F32)
    ]  # fmt: skip
    for function, kernel, helper in zip(
        functions, build(tmp_path, functions), ("adc_turn(", "adc_turnf(")
    ):
        assert helper in kernel.source.text
        dtype = NUMPY_DTYPE[function.params[0].type.dtype]
        for rows in (*range(11), 67):
            for columns in (*range(10), 65):
                x = np.arange(rows * columns, dtype=dtype).reshape(rows, columns)
                same(kernel(x), [x.T])


def test_shapes_and_making(tmp_path):
    matrix = Array(F64, MATRIX)
    x = data(F64, (3, 4), 1)

    def one(name, *, ranks=(3, 4), **attrs):
        return lambda b, x: b.emit(TABLE[name], x, **attrs)

    def sized(name, sizes, ones, **attrs):
        return lambda b, x: b.emit(TABLE[name], x, *map(b.const, sizes), ones=ones, **attrs)

    cases = [
        (function_of([("x", matrix)], one("transpose", perm=(1, 0))), [x]),
        (function_of([("x", matrix)], one("transpose", perm=(0, 1))), [x]),
        (function_of([("x", Array(F64, (None,) * 3))], one("transpose", perm=(2, 0, 1))), [data(F64, (2, 3, 4), 1)]),
        (function_of([("x", matrix)], one("expand_dims", axes=(0, 2))), [x]),
        (function_of([("x", Scalar(F64))], one("expand_dims", axes=(0, 1))), [1.5]),
        (function_of([("x", Array(F64, (1, None, 1)))], one("squeeze", axes=(0, 2))), [data(F64, (1, 4, 1), 1)]),
        (function_of([("x", Array(F64, (1, 1)))], one("squeeze", axes=(0, 1))), [data(F64, (1, 1), 1)]),
        (function_of([("x", Array(F64, (1,)))], one("squeeze", axes=(0,), array=True)), [data(F64, (1,), 1)]),
        (function_of([("x", matrix)], sized("reshape", (2, 6), (False, False))), [x]),
        (function_of([("x", matrix)], sized("reshape", (12,), (False,))), [x]),
        (function_of([("x", matrix)], sized("reshape", (3, 1, 4), (False, True, False))), [x]),
        (function_of([("x", Array(F64, (1, None)))], sized("broadcast_to", (3, 4), (False, False))), [x[:1]]),
        (function_of([("x", Scalar(F64))], sized("broadcast_to", (2, 4), (False, False))), [2.5]),
        (function_of([("x", Array(F64, VECTOR))], sized("broadcast_to", (3, 4), (False, False))), [x[0]]),
        (function_of([("x", matrix)], one("copy")), [x]),
        (function_of([("x", Scalar(F32))], sized("full", (2, 3), (False, False))), [np.float32(0.1)]),
        (function_of([("x", Scalar(I64))], sized("full", (), ())), [3]),
    ]  # fmt: skip
    for dtype in (F64, F32, I64, I32):
        cases.append(
            (
                function_of(
                    [("n", Scalar(I64))], lambda b, n: b.emit(TABLE["iota"], n, dtype=dtype)
                ),
                [5],
            )
        )
    agree(tmp_path, cases)


# --- indices ------------------------------------------------------------------------------------


def index_values(b, letters, sizes):
    """Operands of an index with these letters; slices have all kinds of bounds and steps."""
    out, slices = [], itertools.cycle([(1, None, 2), (None, None, 1), (-1, None, -1), (0, 2, 1)])
    for letter, n in zip(letters, sizes):
        if letter == "i":
            out.append(b.emit(TABLE["index"], b.const(-1), n))
        elif letter == "a":
            picked = b.emit(TABLE["iota"], b.const(4), dtype=I64)
            turned = b.emit(TABLE["mod"], b.emit(TABLE["mul"], picked, b.const(2)), b.const(3))
            out.append(b.emit(TABLE["index"], turned, n))
        else:
            lo, hi, step = next(slices)
            bounds = [b.const(x) for x in (lo, hi) if x is not None]
            start, length = b.emit(
                TABLE["slice"], *bounds, b.const(step), n, lo=lo is not None, hi=hi is not None
            )
            out += [start, length, b.const(step)]
    return out


LETTERS = [
    "i",
    "s",
    "a",
    "ii",
    "is",
    "si",
    "ss",
    "as",
    "sa",
    "ai",
    "aa",
    "sss",
    "sis",
    "asa",
    "isa",
    "sas",
    "ssi",
]


def test_loads(tmp_path):
    cases = []
    for letters in LETTERS:
        for dtype in (F64, I32, BOOL):

            def body(b, x, letters=letters):
                sizes = [b.dim(x, k) for k in range(len(letters))]
                return b.emit(TABLE["load"], x, *index_values(b, letters, sizes), index=letters)

            t = Array(dtype, (None,) * len(letters))
            cases.append(
                (function_of([("x", t)], body), [data(dtype, (4, 5, 3)[: len(letters)], 7)])
            )
    agree(tmp_path, cases)


@pytest.mark.parametrize("op", ["store", "add_at"])
def test_stores(tmp_path, op):
    cases = []
    for letters in LETTERS:
        for kind in ("scalar", "same", "stretched", "itself", "shifted"):
            for dtype in (F64, I64):
                rank = len(letters)

                def body(b, x, v, letters=letters, kind=kind):
                    a = b.emit(TABLE["copy"], x)
                    sizes = [b.dim(x, k) for k in range(len(letters))]
                    index = index_values(b, letters, sizes)
                    region = b.emit(TABLE["load"], x, *index, index=letters)
                    value = v
                    if isinstance(region.type, Array) and kind != "scalar":
                        value = b.emit(TABLE["mul"], region, v)
                        if kind == "stretched":
                            value = b.emit(TABLE["load"], value, *[
                                y for k in range(region.type.rank)
                                for y in ([b.const(0), b.const(1), b.const(1)] if k == 0 else
                                          [b.const(0), b.dim(region, k), b.const(1)])
                            ], index="s" * region.type.rank, ones=(0,))  # fmt: skip
                        elif kind == "itself":
                            own = b.emit(TABLE["load"], a, *index, index=letters)
                            value = b.emit(TABLE["add"], own, value)
                        elif kind == "shifted":
                            own = b.emit(TABLE["load"], a, *index, index=letters)
                            turned = [
                                y for k in range(region.type.rank)
                                for y in (b.emit(TABLE["isub"], b.dim(region, k), b.const(1)),
                                          b.dim(region, k), b.const(-1))
                            ]  # fmt: skip
                            value = b.emit(
                                TABLE["load"], own, *turned, index="s" * region.type.rank
                            )
                    out = b.emit(TABLE[op], a, value, *index, index=letters)
                    return out, x

                t = Array(dtype, (None,) * rank)
                f = function_of([("x", t), ("v", Scalar(dtype))], body)
                cases.append(
                    (f, [data(dtype, (4, 5, 3)[:rank], 3, True), data(dtype, (), 5, True)])
                )
    agree(tmp_path, cases)


def test_slices_as_python_has_them(tmp_path):
    """start and length for every combination of bounds and steps, against the interpreter."""
    forms = list(itertools.product((False, True), (False, True)))

    def body(lo, hi, step):
        def with_step(b, p, q, s, n):
            bounds = [v for v, has in ((p, lo), (q, hi)) if has]
            by = s if step is None else b.const(step)
            return b.emit(TABLE["slice"], *bounds, by, n, lo=lo, hi=hi)

        return with_step

    params = [(x, Scalar(I64)) for x in "pqsn"]
    functions, steps = [], []
    for (lo, hi), step in itertools.product(forms, (None, 1, 2, -1, -3)):
        functions.append(function_of(params, body(lo, hi, step)))
        steps.append(step)
    kernels = build(tmp_path, functions)
    for kernel, step in zip(kernels, steps):
        for p, q, n in itertools.product(
            (-9, -5, -1, 0, 2, 4, 9), (-9, -4, -1, 0, 3, 9), (0, 1, 4)
        ):
            for s in (1, -1, 3, -2) if step is None else (step,):
                same(kernel(p, q, s, n), interpret(kernel.function, [p, q, s, n]))


def test_masks(tmp_path):
    def body(b, x):
        found = b.emit(TABLE["nonzero"], b.emit(TABLE["gt"], x, b.const(0.0)))
        if x.type.rank == 1:
            found = (found,)
        picked = b.emit(TABLE["load"], x, *found, index="a" * x.type.rank)
        total = b.emit(TABLE["sum"], b.emit(TABLE["mul"], picked, picked), axes=(0,))
        a = b.emit(TABLE["copy"], x)
        a = b.emit(TABLE["store"], a, b.emit(TABLE["neg"], picked), *found, index="a" * x.type.rank)
        return (picked, total, a, b.dim(picked, 0), b.emit(TABLE["distinct"], *found))

    cases = []
    for shape in ((9,), (3, 4), (0,), (2, 0)):
        f = function_of([("x", Array(F64, (None,) * len(shape)))], body)
        cases.append((f, [data(F64, shape, 8, True)]))
    agree(tmp_path, cases)


def test_distinct(tmp_path):
    vector = Array(I64, VECTOR)
    one = function_of([("i", vector)], lambda b, i: b.emit(TABLE["distinct"], i))
    two = function_of(
        [("i", Array(I64, (None, 1))), ("j", vector)],
        lambda b, i, j: b.emit(TABLE["distinct"], i, j),
    )
    cases = [
        (one, [np.array(x, np.int64)])
        for x in ([], [3], [1, 2], [2, 2], [5, 1, 4, 1], [4, 3, 2, 1, 0])
    ]
    cases += [
        (two, [np.array(i, np.int64).reshape(-1, 1), np.array(j, np.int64)])
        for i, j in (
            ([1, 2], [0, 1, 2]),
            ([1, 1], [0, 1]),
            ([0, 5], [3, 3]),
            ([7], list(range(20))),
        )
    ]
    agree(tmp_path, cases)
