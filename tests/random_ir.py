"""Random functions of the IR: loops, branches, stores, windows, stacks; every hazard a back end has.

All programs are well formed (the checker holds them to it) and run to their end, unless they are
to fail checks. Vectors have n
entries, matrices n by n, where n is the length of the first parameter.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from autodiff_compiler.errors import Span
from autodiff_compiler.ir.build import Builder
from autodiff_compiler.ir.graph import CHECK, Function, Value
from autodiff_compiler.ir.types import BOOL, F64, I64, Array, Scalar, Stack
from autodiff_compiler.ops import TABLE

VECTOR = Array(F64, (None,))
MATRIX = Array(F64, (None, None))
NUMBER = Scalar(F64)
INT = Scalar(I64)
FLAG = Scalar(BOOL)
NAMES = ["", "", "", "x", "y", "u", "v", "acc", "row", "tmp"]


class RandomFunction:
    """Draws one function. `writes`: parameters may be updated in place. `risky`: checks may fail."""

    def __init__(self, seed: int, size: int = 14, writes: bool = False, risky: bool = False):
        self.rng = random.Random(seed)
        self.risky = risky
        self.b = Builder()
        self.b.span = Span("program.py", 1, 0, 1, 1)
        self.env: list[Value] = []
        #: arrays and stacks that may be consumed here
        self.free: set[Value] = set()
        self.gone: set[Value] = set()
        #: (an array, a later version of it)
        self.updated: list[tuple[Value, Value]] = []
        self.depth = 0
        self.params = [
            self.b.function_param(VECTOR, "a"),
            self.b.function_param(VECTOR, "b"),
            self.b.function_param(MATRIX, "A"),
            self.b.function_param(MATRIX, "B"),
            self.b.function_param(NUMBER, "s"),
            self.b.function_param(INT, "m"),
        ]
        self.n = self.b.dim(self.params[0], 0)
        self.env += self.params
        if writes:
            self.free.update(self.params[:4])
        for _ in range(size):
            self.step()
        results = self.results()
        self.function = Function("f", self.b.close(self.params, results), "program.py")

    # -- choosing ---------------------------------------------------------------------------------

    def visible(self, type) -> list[Value]:
        return [v for v in self.env if v.type == type and v not in self.gone]

    def pick(self, type) -> Value:
        found = self.visible(type)
        if not found or (not isinstance(type, (Array, Stack)) and self.rng.random() < 0.15):
            return self.constant(type)
        # Young values oftener than old ones.
        if self.rng.random() < 0.6:
            found = found[-4:]
        return self.rng.choice(found)

    def constant(self, type) -> Value:
        if type == NUMBER:
            return self.b.const(self.rng.choice([0.0, 0.5, 1.0, -2.0, 1.5]))
        if type == INT:
            return self.b.const(self.rng.choice([0, 1, 2, -1, 3]))
        if type == FLAG:
            return self.b.const(self.rng.random() < 0.5)
        if isinstance(type, Stack):
            return self.b.emit(TABLE["stack"], element=type.element)
        return self.full(type)

    def full(self, type) -> Value:
        value = self.constant(NUMBER)
        sizes = [self.n] * type.rank
        return self.keep(self.b.emit(TABLE["full"], value, *sizes, ones=(False,) * type.rank))

    def eatable(self, type) -> Value | None:
        found = [v for v in self.visible(type) if v in self.free]
        return self.rng.choice(found) if found else None

    def keep(self, value: Value) -> Value:
        self.env.append(value)
        if isinstance(value.type, (Array, Stack)):
            self.free.add(value)
        return value

    def emit(self, op: str, *operands: Value, **attrs) -> Value:
        return self.keep(self.b.emit(TABLE[op], *operands, name=self.rng.choice(NAMES), **attrs))

    def eat(self, value: Value) -> None:
        self.gone.add(value)
        self.free.discard(value)

    # -- steps ------------------------------------------------------------------------------------

    def step(self) -> None:
        self.b.span = Span("program.py", self.b.span.lineno + self.rng.randrange(3), 0, 9999, 1)
        steps: list[tuple[int, Callable[[], object]]] = [
            (6, self.elementwise), (3, self.integer), (2, self.comparison), (2, self.reduction),
            (4, self.window), (3, self.scalar_load), (8, self.store), (1, self.copy),
            (2, self.stack), (1, self.gather), (1, self.check), (2, self.sliced),
        ]  # fmt: skip
        if self.depth < 3:
            steps += [(4, self.for_), (1, self.while_), (4, self.cond)]
        weights = [w for w, _ in steps]
        self.rng.choices([s for _, s in steps], weights)[0]()

    def elementwise(self) -> None:
        type = self.rng.choice([NUMBER, VECTOR, VECTOR, MATRIX])
        kind = self.rng.random()
        x = self.pick(type)
        if kind < 0.1 and isinstance(type, Array):
            sizes, ones = (self.n,) * type.rank, (False,) * type.rank
            one = self.b.emit(TABLE["full"], self.constant(NUMBER), *sizes, ones=ones)
            self.emit("mul", one, x)
        elif kind < 0.25:
            self.emit(self.rng.choice(["neg", "sin", "tanh", "abs", "sign"]), x)
        elif kind < 0.85:
            y = self.pick(self.rng.choice([type, NUMBER]))
            if self.rng.random() < 0.3:
                x, y = y, x
            self.emit(self.rng.choice(["add", "sub", "mul", "div", "maximum", "add"]), x, y)
        else:
            mask = self.emit(self.rng.choice(["lt", "ge"]), x, self.pick(type))
            self.emit("select", mask, x, self.pick(type))

    def integer(self) -> None:
        x = self.emit(self.rng.choice(["iadd", "isub"]), self.pick(INT), self.pick(INT))
        if self.rng.random() < 0.5:
            self.emit("mod", x, self.b.const(7))

    def comparison(self) -> None:
        type = self.rng.choice([NUMBER, INT])
        flag = self.emit(self.rng.choice(["lt", "eq", "ge"]), self.pick(type), self.pick(type))
        if self.rng.random() < 0.4:
            self.emit(self.rng.choice(["and", "or", "xor"]), flag, self.pick(FLAG))
        elif self.rng.random() < 0.4:
            self.emit("not", flag)

    def reduction(self) -> None:
        kind = self.rng.randrange(4)
        if kind == 0:
            self.emit("sum", self.pick(VECTOR), axes=(0,))
        elif kind == 1:
            self.emit(
                self.rng.choice(["sum", "max"]), self.pick(MATRIX), axes=(self.rng.randrange(2),)
            )
        elif kind == 2:
            self.emit("matmul", self.pick(MATRIX), self.pick(self.rng.choice([VECTOR, MATRIX])))
        else:
            self.emit("matmul", self.pick(VECTOR), self.pick(VECTOR))

    def index(self, n: Value | None = None) -> Value:
        """An integer within an axis, from either end, checked or only wrapped."""
        n = n or self.n
        if self.risky and self.rng.random() < 0.2:
            made = self.b.emit(TABLE["index"], self.pick(INT), n)
            if self.rng.random() < 0.3:
                self.env.append(made)
            return made
        i = self.b.emit(TABLE["mod"], self.pick(INT), n)
        if self.rng.random() < 0.3:
            i = self.b.emit(TABLE["isub"], i, n)
        made = self.b.emit(TABLE[self.rng.choice(["index", "index", "wrap"])], i, n)
        if self.rng.random() < 0.3:
            self.env.append(made)
        return made

    def all_of(self) -> tuple[Value, Value, Value]:
        return self.b.const(0), self.n, self.b.const(1)

    def window(self) -> None:
        kind = self.rng.randrange(6)
        A = self.pick(MATRIX)
        if kind == 0:
            self.emit("load", A, self.index(), *self.all_of(), index="is")
        elif kind == 1:
            self.emit("load", A, *self.all_of(), self.index(), index="si")
        elif kind == 2:
            self.emit("transpose", A, perm=(1, 0))
        elif kind == 3:
            column = self.b.emit(
                TABLE["expand_dims"], self.pick(VECTOR), axes=(self.rng.randrange(2),)
            )
            self.emit("broadcast_to", column, self.n, self.n, ones=(False, False))
        elif kind == 4:
            size = self.b.emit(TABLE["imul"], self.n, self.n)
            flat = self.b.emit(TABLE["reshape"], A, size, ones=(False,))
            if self.rng.random() < 0.5:
                one = self.b.emit(TABLE["load"], flat, self.b.const(0), index="i")
                flat = self.b.emit(TABLE["store"], flat, one, self.b.const(0), index="i")
            self.emit("reshape", flat, self.n, self.n, ones=(False, False))
        else:
            self.emit("stop_gradient", self.pick(self.rng.choice([VECTOR, MATRIX])))

    def scalar_load(self) -> None:
        if self.rng.random() < 0.6:
            self.emit("load", self.pick(VECTOR), self.index(), index="i")
        else:
            self.emit("load", self.pick(MATRIX), self.index(), self.index(), index="ii")

    def slice(self) -> tuple[Value, Value, Value]:
        step = self.b.const(self.rng.choice([1, 1, 2, -1, -2]))
        bounds, has = [], {}
        for key in ("lo", "hi"):
            has[key] = self.rng.random() < 0.6
            if has[key]:
                bounds.append(self.pick(INT))
        start, length = self.b.emit(TABLE["slice"], *bounds, step, self.n, **has)
        if self.rng.random() < 0.2:
            self.env += [start, length]
        return start, length, step

    def sliced(self) -> None:
        """Moves a slice within or between vectors: windows that may overlap what is written."""
        source, target = self.pick(VECTOR), self.eatable(VECTOR)
        region = self.slice()
        if self.rng.random() < 0.2:
            region = (region[0], self.b.emit(TABLE["pyint"], region[1]), region[2])
        part = self.b.emit(TABLE["load"], source, *region, index="s")
        if self.rng.random() < 0.4:
            part = self.b.emit(TABLE["mul"], part, self.pick(NUMBER))
        if target is None or target is source and self.rng.random() < 0.5:
            self.emit("sum", part, axes=(0,))
            return
        self.update("store", target, part, region, "s")

    def gather(self) -> None:
        i = self.b.emit(TABLE["iota"], self.n, dtype=I64)
        i = self.b.emit(TABLE["index"], self.b.emit(TABLE["mod"], i, self.b.const(2)), self.n)
        target = self.eatable(VECTOR)
        if target is None or self.rng.random() < 0.4:
            self.emit("load", self.pick(VECTOR), i, index="a")
        else:
            value = self.pick(self.rng.choice([VECTOR, NUMBER]))
            if value is not target:
                self.update(self.rng.choice(["store", "add_at"]), target, value, (i,), "a")

    def update(self, op: str, target: Value, value: Value, index, letters: str) -> None:
        name = target.name if self.rng.random() < 0.7 else self.rng.choice(NAMES)
        made = self.b.emit(TABLE[op], target, value, *index, index=letters, name=name)
        self.eat(target)
        self.keep(made)
        self.updated += [(first, made) for first, last in self.updated if last is target]
        self.updated.append((target, made))

    def store(self) -> None:
        op = self.rng.choice(["store", "add_at"])
        if self.rng.random() < 0.5:
            target = self.eatable(VECTOR)
            if target is None:
                return
            if self.rng.random() < 0.7:
                index, letters, value = (self.index(),), "i", self.pick(NUMBER)
            else:
                index, letters = self.all_of(), "s"
                value = self.pick(self.rng.choice([VECTOR, NUMBER]))
        else:
            target = self.eatable(MATRIX)
            if target is None:
                return
            index, letters, value = self.matrix_place()
        if value is target:
            return
        if self.rng.random() < 0.3:
            old = self.b.emit(TABLE["load"], target, *index, index=letters)
            value = self.b.emit(TABLE[self.rng.choice(["add", "sub", "mul"])], old, value)
        self.update(op, target, value, index, letters)

    def matrix_place(self):
        kind = self.rng.randrange(4)
        if kind == 0:
            return (self.index(), self.index()), "ii", self.pick(NUMBER)
        value = self.pick(self.rng.choice([VECTOR, NUMBER]))
        if kind == 1:
            return (self.index(), *self.all_of()), "is", value
        if kind == 2:
            return (*self.all_of(), self.index()), "si", value
        return (*self.all_of(), *self.all_of()), "ss", self.pick(self.rng.choice([MATRIX, NUMBER]))

    def copy(self) -> None:
        self.emit("copy", self.pick(self.rng.choice([VECTOR, MATRIX])))

    def check(self) -> None:
        if self.risky and self.rng.random() < 0.2:
            self.b.emit(CHECK, self.pick(FLAG), reason="may happen")
            return
        i = self.b.emit(TABLE["mod"], self.pick(INT), self.n)
        self.b.emit(CHECK, self.b.emit(TABLE["lt"], i, self.n), reason="cannot happen")

    # -- stacks -----------------------------------------------------------------------------------

    def stack(self) -> None:
        """Pushes some, then pops them, with anything in between."""
        element = self.rng.choice([NUMBER, VECTOR, VECTOR])
        s = self.b.emit(TABLE["stack"], element=element)
        if self.rng.random() < 0.3 and element == NUMBER:
            s = self.b.emit(TABLE["from_array"], self.pick(VECTOR))
        count = self.rng.randrange(1, 3)
        for _ in range(count):
            s = self.b.emit(TABLE["push"], s, self.pick(element))
            if self.rng.random() < 0.5:
                self.store()
        sizes = (self.n,) * element.rank
        if self.rng.random() < 0.4:
            zero = self.b.const(0)
            self.emit("peek", s, zero, *sizes)
            if self.rng.random() < 0.5:
                s = self.b.emit(TABLE["poke"], s, self.pick(element), zero)
        if self.rng.random() < 0.3:
            total = self.b.emit(TABLE["to_array"], s, *sizes)
            self.emit("sum", total, axes=(0,))
        if self.rng.random() < 0.3:
            self.emit("length", s)
        for _ in range(count):
            s, value = self.b.emit(TABLE["pop"], s, *sizes)
            value.name = self.rng.choice(NAMES)
            self.keep(value)
            if self.rng.random() < 0.5:
                self.store()

    # -- control ----------------------------------------------------------------------------------

    def slots(self) -> tuple[list[Value], list[bool]]:
        """Initial values, and which of them the body may consume."""
        init, eats = [], []
        some = self.rng.choice([VECTOR, VECTOR, MATRIX, NUMBER])
        for _ in range(self.rng.randrange(1, 5)):
            type = self.rng.choice([NUMBER, VECTOR, MATRIX, INT, some, some, some])
            value = self.pick(type)
            eaten = value in self.free and value not in init and self.rng.random() < 0.7
            if any(v is value and e for v, e in zip(init, eats)):
                value, eaten = self.constant(type), False
            init.append(value)
            eats.append(eaten)
        return init, eats

    def params_of(self, init, eats, again: list[Value] | None = None) -> list[Value]:
        params = []
        for k, (value, eaten) in enumerate(zip(init, eats)):
            name = value.name if self.rng.random() < 0.6 else self.rng.choice(NAMES)
            param = self.b.param(value.type, name, self.b.dims.get(value))
            params.append(param)
            self.env.append(param)
            if eaten:
                self.free.add(param)
        return params

    def enter(self, init, eats):
        saved = (list(self.env), set(self.free), set(self.gone))
        self.free = set()
        for value, eaten in zip(init, eats):
            if eaten:
                self.gone.add(value)
        self.depth += 1
        return saved

    def leave(self, saved, init, eats) -> None:
        self.env, self.free, self.gone = saved
        for value, eaten in zip(init, eats):
            if eaten:
                self.eat(value)
        self.depth -= 1

    def yields(self, params, eats) -> list[Value]:
        """What goes into the next trip: another slot's value, an outer one, or something new."""
        out: list[Value] = []
        trade = self.rng.random() < 0.4
        solid = [p for p, eaten in zip(params, eats) if not eaten]
        for p, eaten in zip(params, eats):
            found = self.visible(p.type)
            if eaten:
                # What goes into a slot that is consumed is consumed.
                found = [v for v in found if v not in solid]
            if trade:
                # Slots that trade places, or hold the same.
                found = [v for v in found if v in params or v in self.versions(params)] or found
            elif self.rng.random() < 0.7:
                found = [v for v in found if v not in out] or found
            if not found:
                found = [self.constant(p.type)]
            out.append(self.rng.choice(found[-6:]))
        return out

    def versions(self, params) -> set[Value]:
        """What the slots' arrays have become by updates in place."""
        return {new for old, new in self.updated if old in params} | set(params)

    def body(self, params, eats) -> list[Value]:
        for _ in range(self.rng.randrange(1, 6)):
            self.step()
        return self.yields(params, eats)

    def for_(self) -> None:
        init, eats = self.slots()
        start, step = self.b.const(self.rng.choice([0, 0, 1])), self.b.const(1)
        stop = self.rng.choice([self.n, self.b.const(3), self.b.const(2), self.b.const(0)])
        if self.rng.random() < 0.3:
            start, stop, step = stop, self.b.const(-1), self.b.const(-1)
        saved = self.enter(init, eats)
        self.b.open()
        counter = self.b.param(INT, self.rng.choice(["i", "j", "k", ""]))
        self.env.append(counter)
        params = self.params_of(init, eats)
        stops = self.rng.random() < 0.35
        yields = self.stopping(params, eats) if stops else self.body(params, eats)
        block = self.b.close([counter, *params], yields)
        self.leave(saved, init, eats)
        for result in self.b.for_(
            [start, stop, step], init, block, {"stops": True} if stops else {}
        ):
            self.keep(result)

    def stopping(self, params, eats) -> list[Value]:
        if self.rng.random() < 0.5:
            yields = self.body(params, eats)
            return [self.pick(FLAG), *yields]
        for _ in range(self.rng.randrange(0, 3)):
            self.step()
        flag = self.pick(FLAG)
        return list(
            self.branch(
                flag,
                lambda: [self.b.const(True), *self.yields(params, eats)],
                lambda: [self.b.const(False), *self.body(params, eats)],
            )
        )

    def while_(self) -> None:
        init, eats = self.slots()
        init, eats = [self.b.const(0), *init], [False, *eats]
        saved = self.enter(init, eats)
        env = list(self.env)
        self.b.open()
        params = self.params_of(init, [False] * len(init))
        flag = self.b.emit(TABLE["lt"], params[0], self.b.const(self.rng.randrange(4)))
        if self.rng.random() < 0.3:
            self.elementwise()
            flag = self.b.emit(TABLE["and"], flag, self.pick(FLAG))
        test = self.b.close(params, [flag])
        self.env = env
        self.b.open()
        params = self.params_of(init, eats)
        yields = self.body(params, eats)
        yields[0] = self.b.emit(TABLE["iadd"], params[0], self.b.const(1))
        block = self.b.close(params, yields)
        self.leave(saved, init, eats)
        for result in self.b.while_(init, test, block):
            self.keep(result)

    def cond(self) -> None:
        types = [
            self.rng.choice([NUMBER, VECTOR, MATRIX, INT]) for _ in range(self.rng.randrange(1, 4))
        ]
        for result in self.branch(
            self.pick(FLAG), lambda: self.arm(types), lambda: self.arm(types)
        ):
            self.keep(result)

    def arm(self, types) -> list[Value]:
        for _ in range(self.rng.randrange(0, 4)):
            self.step()
        out: list[Value] = []
        for type in types:
            found = self.visible(type)
            out.append(self.rng.choice(found[-5:]) if found else self.constant(type))
        return out

    def branch(self, flag, then, otherwise):
        blocks, eaten = [], set()
        for arm in (then, otherwise):
            saved = (list(self.env), set(self.free), set(self.gone))
            self.depth += 1
            self.b.open()
            results = arm()
            blocks.append(self.b.close([], results))
            self.depth -= 1
            eaten |= self.gone - saved[2]
            self.env, self.free, self.gone = saved
        for value in eaten:
            self.eat(value)
        return self.b.cond(flag, *blocks)

    def results(self) -> list[Value]:
        found = [v for v in self.env if v not in self.gone and not isinstance(v.type, Stack)]
        self.rng.shuffle(found)
        arrays = [v for v in found if isinstance(v.type, Array)][:4]
        return arrays + [v for v in found if not isinstance(v.type, Array)][:3]
