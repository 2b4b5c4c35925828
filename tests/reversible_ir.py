"""Random programs of the IR for the reverse pass: smooth, with nested loops, branches, stores through
slices, permuted slots, growing stacks; what no front end would write as well as what one would."""

from __future__ import annotations

import random

from autodiff_compiler.ir.build import Builder
from autodiff_compiler.ir.graph import Function, Value
from autodiff_compiler.ir.types import F64, I64, Array, Scalar, Stack
from autodiff_compiler.ops import TABLE

SIZE = 4
VECTOR = Array(F64, (None,))


class Program:
    """Builds one program. `scalars` and `ints` are what may be read; `arrays` are linear versions."""

    def __init__(self, seed: int, depth: int = 3):
        self.r = random.Random(seed)
        self.b = Builder()
        self.depth = depth
        self.scalars: list[Value] = []
        self.ints: list[Value] = []
        self.arrays: list[Value] = []

    def function(self) -> Function:
        b = self.b
        params = [b.function_param(VECTOR, "x"), b.function_param(VECTOR, "y")]
        params.append(b.function_param(Scalar(F64), "s"))
        self.size = b.const(SIZE)
        self.arrays = params[:2]
        for x in self.arrays:
            b.dims[x] = (self.size,)
        self.scalars = [params[2], b.const(0.5)]
        self.ints = [b.const(1), b.const(2)]
        self.statements(self.depth)
        total = self.scalars[-1]
        for x in self.arrays:
            w = b.emit(TABLE["sin"], x)
            total = b.emit(TABLE["add"], total, b.emit(TABLE["sum"], w, axes=(0,)))
        total = b.emit(TABLE["add"], total, self.bounded(self.scalar()))
        return Function("random_program", b.close(params, [total]))

    def statements(self, depth: int) -> None:
        for _ in range(self.r.randint(1, 4)):
            self.r.choice(self.choices(depth))(depth)

    def choices(self, depth: int) -> list:
        plain = [
            self.assign,
            self.assign,
            self.store,
            self.store,
            self.add_at,
            self.fresh,
            self.whole,
        ]
        plain += [self.region, self.load_row, self.trade]
        nested = [self.for_loop, self.while_loop, self.branch, self.stack_loop]
        return plain + (nested * 2 if depth > 0 else [])

    # -- leaves --------------------------------------------------------------------------------

    def scalar(self) -> Value:
        return self.r.choice(self.scalars[-6:])

    def bounded(self, v: Value) -> Value:
        return self.b.emit(TABLE[self.r.choice(["sin", "tanh", "cos"])], v)

    def index(self) -> Value:
        i = self.r.choice(self.ints[-4:])
        if self.r.random() < 0.3:
            i = self.b.emit(TABLE["isub"], i, self.r.choice(self.ints[-3:]))
        four = self.b.const(SIZE)
        return self.b.emit(TABLE["index"], self.b.emit(TABLE["mod"], i, four), self.size)

    def expression(self) -> Value:
        kind = self.r.random()
        if kind < 0.35:
            return self.b.emit(TABLE["load"], self.r.choice(self.arrays), self.index(), index="i")
        if kind < 0.7:
            op = self.r.choice(["add", "mul", "sub"])
            return self.bounded(self.b.emit(TABLE[op], self.scalar(), self.scalar()))
        if kind < 0.8:
            p = self.b.emit(TABLE["gt"], self.scalar(), self.b.const(0.3))
            return self.b.emit(TABLE["select"], p, self.scalar(), self.bounded(self.scalar()))
        return self.bounded(self.scalar())

    # -- statements ----------------------------------------------------------------------------

    def assign(self, depth: int) -> None:
        self.scalars.append(self.expression())

    def pick(self) -> int:
        return self.r.randrange(len(self.arrays))

    def single(self, k: int) -> None:
        """Arrays are linear: two names of one value become two values before a write."""
        if self.arrays[0] is self.arrays[1]:
            self.arrays[k] = self.b.emit(TABLE["copy"], self.arrays[k])

    def store(self, depth: int) -> None:
        k = self.pick()
        v = self.expression()
        self.single(k)
        self.arrays[k] = self.b.emit(TABLE["store"], self.arrays[k], v, self.index(), index="i")

    def add_at(self, depth: int) -> None:
        k = self.pick()
        v = self.bounded(self.scalar())
        self.single(k)
        self.arrays[k] = self.b.emit(TABLE["add_at"], self.arrays[k], v, self.index(), index="i")

    def bounds(self) -> tuple[Value, Value, Value]:
        b = self.b
        start, length = b.emit(
            TABLE["slice"], self.r.choice(self.ints[-3:]), b.const(1), self.size, lo=True, hi=False
        )
        return start, length, b.const(1)

    def region(self, depth: int) -> None:
        """x[i:] = f(x[i:]): one slice of one array into another (or the same)."""
        b = self.b
        k, j = self.pick(), self.pick()
        where = self.bounds()
        part = b.emit(TABLE["load"], self.arrays[j], *where, index="s")
        value = self.bounded(b.emit(TABLE["mul"], part, self.scalar()))
        op = TABLE[self.r.choice(["store", "add_at"])]
        self.single(k)
        self.arrays[k] = b.emit(op, self.arrays[k], value, *where, index="s")

    def load_row(self, depth: int) -> None:
        b = self.b
        part = b.emit(TABLE["load"], self.arrays[self.pick()], *self.bounds(), index="s")
        self.scalars.append(b.emit(TABLE["sum"], self.bounded(part), axes=(0,)))

    def fresh(self, depth: int) -> None:
        """A new array in place of an old one."""
        b, k = self.b, self.pick()
        op = self.r.choice(["copy", "mul", "full"])
        if op == "copy":
            self.arrays[k] = b.emit(TABLE["copy"], self.arrays[self.pick()])
        elif op == "full":
            self.arrays[k] = b.emit(TABLE["full"], self.scalar(), self.size, ones=(False,))
        else:
            value = b.emit(TABLE["mul"], self.arrays[self.pick()], self.scalar())
            self.arrays[k] = self.bounded(value)

    def whole(self, depth: int) -> None:
        b = self.b
        a, c = self.r.choice(self.arrays), self.r.choice(self.arrays)
        self.scalars.append(b.emit(TABLE["tanh"], b.emit(TABLE["matmul"], a, c)))

    def trade(self, depth: int) -> None:
        self.arrays[0], self.arrays[1] = self.arrays[1], self.arrays[0]

    # -- blocks --------------------------------------------------------------------------------

    def carried(self) -> list[Value]:
        self.single(1)
        return [self.scalars[-1], *self.arrays]

    def enter(self, init: list[Value]) -> list[Value]:
        params = [self.b.param(v.type, v.name, self.b.dims.get(v)) for v in init]
        for p in params[1:]:
            self.b.dims[p] = (self.size,)
        self.scalars.append(params[0])
        self.arrays = params[1:3]
        return params

    def leave(self, results: tuple[Value, ...], mark: tuple[int, int]) -> None:
        del self.scalars[mark[0] :]
        del self.ints[mark[1] :]
        self.scalars.append(results[0])
        self.arrays = list(results[1:3])
        for x in self.arrays:
            self.b.dims[x] = (self.size,)

    def for_loop(self, depth: int) -> None:
        b = self.b
        mark = len(self.scalars), len(self.ints)
        init = self.carried()
        start, stop, step = self.r.choice(
            [(0, 3, 1), (0, 4, 2), (3, -1, -1), (5, 0, -2), (2, 2, 1)]
        )
        high = self.r.choice(self.ints[-2:]) if self.r.random() < 0.3 else b.const(stop)
        bounds = [b.const(start), high, b.const(step)]
        stops = self.r.random() < 0.25
        b.open()
        i = b.param(Scalar(I64), "i")
        params = self.enter(init)
        self.ints.append(i)
        self.statements(depth - 1)
        yields = self.carried()
        if stops:
            yields.insert(0, b.emit(TABLE["gt"], self.scalar(), b.const(0.9)))
        body = b.close([i, *params], yields)
        self.leave(b.for_(bounds, init, body, {"stops": True} if stops else {}), mark)

    def while_loop(self, depth: int) -> None:
        b = self.b
        mark = len(self.scalars), len(self.ints)
        init = [*self.carried(), b.const(0)]
        b.open()
        test_params = [b.param(v.type, v.name, b.dims.get(v)) for v in init]
        test = b.close(test_params, [b.emit(TABLE["lt"], test_params[3], b.const(3))])
        b.open()
        params = self.enter(init[:3]) + [b.param(Scalar(I64), "k")]
        self.ints.append(params[3])
        self.statements(depth - 1)
        body = b.close(params, [*self.carried(), b.emit(TABLE["iadd"], params[3], b.const(1))])
        self.leave(b.while_(init, test, body)[:3], mark)

    def branch(self, depth: int) -> None:
        b = self.b
        mark = len(self.scalars), len(self.ints)
        self.carried()
        before = list(self.arrays)
        pred = b.emit(TABLE["gt"], self.scalar(), b.const(0.2))
        arms = []
        for _ in range(2):
            self.arrays = list(before)
            b.open()
            self.statements(depth - 1)
            arms.append(b.close([], self.carried()))
            del self.scalars[mark[0] :]
            del self.ints[mark[1] :]
        self.leave(b.cond(pred, *arms), mark)

    def stack_loop(self, depth: int) -> None:
        """Pushes numbers in a loop, then reads them all."""
        b = self.b
        empty = b.emit(TABLE["stack"], element=Scalar(F64))
        start, three, one = b.const(0), b.const(3), b.const(1)
        b.open()
        i = b.param(Scalar(I64), "i")
        s = b.param(Stack(Scalar(F64)), "items")
        self.ints.append(i)
        pushed = b.emit(TABLE["push"], s, self.expression())
        self.ints.pop()
        (items,) = b.for_([start, three, one], [empty], b.close([i, s], [pushed]))
        total = b.emit(TABLE["sum"], b.emit(TABLE["to_array"], items), axes=(0,))
        peeked = b.emit(TABLE["peek"], items, one)
        self.scalars.append(self.bounded(b.emit(TABLE["mul"], total, peeked)))
