"""Random expressions over the names in scope, with values that stay small and slopes that stay tame.

Lengths agree by construction: every vector has n elements and every matrix n by n, with n at least 3 and known only
when the program runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random


@dataclass
class Scope:
    """What can be read and written at a point of the program."""

    floats: list[str] = field(default_factory=list)
    vectors: list[str] = field(default_factory=list)
    matrices: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # ints that index any axis as they are
    integers: list[str] = field(default_factory=list)  # ints of any size
    masks: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)  # closures float -> float
    owned: list[str] = field(default_factory=list)  # vectors that are no view and no alias
    loop: str = ""  # "for", "while" or nothing: where break and continue may stand
    in_function: bool = False

    def inner(self, **changes):
        copied = {k: list(v) for k, v in vars(self).items() if isinstance(v, list)}
        return replace(self, **{**copied, **changes})


class Expressions:
    def __init__(self, rng: Random):
        self.rng = rng
        self._names = 0

    def pick(self, *options):
        return self.rng.choice(options)

    def chance(self, p):
        return self.rng.random() < p

    def fresh(self, stem):
        self._names += 1
        return f"{stem}{self._names}"

    def number(self):
        return repr(round(self.rng.uniform(0.1, 1.9) * self.pick(1, 1, -1), 2))

    # Indices.

    def place(self, s: Scope):
        """An int expression that is in range along every axis."""
        options = ["0", "1", "-1", "-2", "n - 1", "n // 2", "k % n", "x.size - 1"]
        options += s.places * 3
        options += (
            [f"{i} - 1" for i in s.places]
            + [f"n - 1 - {i}" for i in s.places]
            + [f"-1 - {i}" for i in s.places]
        )
        options += [f"({i} + 2) % n" for i in s.places] + [f"{i} % n" for i in s.integers]
        return self.pick(*options)

    def integer(self, s: Scope):
        a = self.pick(*(s.integers + s.places + ["k", "n"]))
        return self.pick(
            f"({a} * 3 - 5) // 2",
            f"-{a} % 4",
            f"({a} - 4) // -3",
            f"{a} + 1",
            f"2 * {a} - n",
            f"(7 - {a}) % -3",
            f"abs({a} - 3)",
            f"max({a}, 2)",
            f"len(idx) - {a}",
            f"x.size + {a}",
        )

    # Conditions.

    def condition(self, s: Scope, depth=1):
        kind = self.rng.randrange(9)
        if kind == 0 and (s.places or s.integers):
            return f"{self.pick(*(s.places + s.integers))} % 2 == {self.pick(0, 1)}"
        if kind == 1 and depth:
            return f"{self.condition(s, 0)} {self.pick('and', 'or')} {self.condition(s, 0)}"
        if kind == 2 and depth:
            return f"not ({self.condition(s, 0)})"
        if kind == 3:
            return f"-0.73 < {self.leaf(s)} <= {self.pick('0.91', '1.13')}"
        if kind == 4 and s.places:
            return f"{self.pick(*s.places)} {self.pick('<', '>=', '!=')} {self.pick('1', '2', 'n - 2', 'k')}"
        return f"{self.leaf(s)} {self.pick('<', '>', '<=', '>=')} {self.pick(self.number(), self.leaf(s) + ' + 0.017')}"

    # Numbers.

    def leaf(self, s: Scope):
        options = [f"{v}[{self.place(s)}]" for v in s.vectors]
        options += [f"{m}[{self.place(s)}, {self.place(s)}]" for m in s.matrices]
        options += s.floats * 2 + ["a"]
        if s.places:
            options.append(f"0.5 * {self.pick(*s.places)}")
        if self.chance(0.15):
            return self.pick(self.number(), "SCALE", f"TABLE[{self.place(s)}]")
        return self.pick(*options)

    def scalar(self, s: Scope, depth=2):
        if depth <= 0 or self.chance(0.15):
            return self.leaf(s)
        kind = self.rng.randrange(12)
        e = lambda: self.scalar(s, depth - 1)  # noqa: E731
        if kind < 3:
            return f"{self.factor(s, depth)} {self.pick('+', '-', '*')} {self.factor(s, depth)}"
        if kind == 3:
            return self.unary(e())
        if kind == 4:
            return f"{self.factor(s, depth)} / (1.0 + {self.factor(s, depth)} ** 2)"
        if kind == 5:
            return self.pick(
                f"min({e()}, {e()})",
                f"max({e()}, {e()})",
                f"np.maximum({e()}, {e()})",
                f"np.minimum({e()}, {e()})",
                f"abs({e()})",
                f"pow({e()}, 2)",
                f"({e()}) ** 3",
                f"np.where({self.condition(s, 0)}, {e()}, {e()})",
                f"float({e()})",
                f"max({e()}, {e()}, 0.31)",
            )
        if kind == 6:
            return f"({e()} if {self.condition(s)} else {e()})"
        if kind in (7, 8):
            return self.reduction(s, depth - 1)
        if kind == 9 and s.functions:
            return f"{self.pick(*s.functions)}({e()})"
        if kind == 10:
            return self.pick(
                f"mix({e()}, {e()})",
                f"mix({e()}, {e()}, w=0.25)",
                f"MODEL.respond({e()})",
                f"mix(q={e()}, p={e()})",
            )
        return self.unary(e())

    def factor(self, s, depth):
        return f"({self.scalar(s, depth - 1)})" if depth > 1 else self.leaf(s)

    def unary(self, e):
        return self.pick(
            f"math.sin({e})",
            f"np.sin({e})",
            f"np.cos({e})",
            f"math.cos({e})",
            f"np.tanh({e})",
            f"math.tanh({e})",
            f"np.exp(-abs({e}))",
            f"math.exp(0.3 * math.tanh({e}))",
            f"np.sqrt(1.0 + ({e}) ** 2)",
            f"math.sqrt(1.5 + abs({e}))",
            f"np.log(1.5 + ({e}) ** 2)",
            f"math.log(2.0 + abs({e}))",
            f"-({e})",
            f"np.tan(0.4 * np.tanh({e}))",
            f"np.abs({e})",
            f"math.atan({e})",
            f"np.square({e})",
        )

    def bounded(self, s: Scope, depth=2):
        """An expression of size one, whatever is in it."""
        e = self.scalar(s, depth)
        return self.pick(
            f"np.tanh({e})",
            f"math.sin({e})",
            f"np.cos({e})",
            f"math.tanh({e})",
            f"0.5 * np.sin({e}) + 0.25",
        )

    def reduction(self, s: Scope, depth=1):
        v, w = self.vector(s, depth), self.vector(s, depth)
        m = self.pick(*s.matrices)
        name = self.pick(*s.vectors)
        options = [
            f"({v}).sum()",
            f"np.sum({v})",
            f"np.mean({v})",
            f"({v}).mean()",
            f"({v}).max()",
            f"np.min({v})",
            f"np.dot({v}, {w})",
            f"({v}) @ ({w})",
            f"({m}).sum()",
            f"np.mean({m})",
            f"{m}[{self.place(s)}].sum()",
            f"{name}[1:].sum()",
            f"{name}[::2] @ {name}[::2]",
            f"np.max({m}, axis=0)[{self.place(s)}]",
            f"np.add.reduce({v})",
            f"({m}).T[{self.place(s)}] @ ({v})",
            f"sum([{self.leaf(s)}, {self.leaf(s)}])",
            f"{m}.sum(axis=1)[{self.place(s)}]",
            f"np.add.accumulate({v})[{self.place(s)}]",
            f"float(len({name})) * 0.2",
        ]
        if s.masks:
            mask = self.pick(*s.masks)
            options += [
                f"np.sum({name}[{mask}])",
                f"np.where({mask}, {name}, 0.0).sum()",
                f"0.3 * {mask}.sum()",
            ] * 2
        return self.pick(*options)

    # Vectors and matrices.

    def vector_leaf(self, s: Scope):
        v = self.pick(*s.vectors)
        m = self.pick(*s.matrices)
        if self.chance(0.6):
            return v
        return self.pick(
            f"{m}[{self.place(s)}]",
            f"{m}[:, {self.place(s)}]",
            f"{m}.T[{self.place(s)}]",
            f"{v}[::-1]",
            f"{v}[idx]",
            "TABLE[:n]",
            f"{m}[..., {self.place(s)}]",
            f"{v}.copy()",
            f"np.zeros_like({v})",
            f"{m}[idx, {self.place(s)}]",
            "np.ones(n)",
            "np.arange(n)",
            "np.eye(n)[1]",
            f"{m}.transpose()[0]",
            f"np.sign({v})",
            f"np.floor({v})",
        )

    def vector(self, s: Scope, depth=1):
        if depth <= 0 or self.chance(0.2):
            return self.vector_leaf(s)
        kind = self.rng.randrange(9)
        v = lambda: self.vector(s, depth - 1)  # noqa: E731
        if kind < 3:
            other = self.pick(f"({v()})", f"({v()})", self.leaf(s))
            return f"({v()}) {self.pick('+', '-', '*')} {other}"
        if kind == 3:
            return f"({v()}) / (1.0 + ({v()}) ** 2)"
        if kind == 4:
            return self.pick(
                f"np.sin({v()})",
                f"np.cos({v()})",
                f"np.tanh({v()})",
                f"np.exp(-np.abs({v()}))",
                f"np.sqrt(1.0 + np.abs({v()}))",
                f"np.log(2.0 + ({v()}) ** 2)",
                f"abs({v()})",
                f"np.negative({v()})",
                f"np.sign({v()}) * {self.leaf(s)}",
                f"np.tan(0.3 * np.sin({v()}))",
                f"np.floor({v()}) * {self.leaf(s)}",
            )
        if kind == 5:
            return self.pick(
                f"np.maximum({v()}, {v()})",
                f"np.minimum({v()}, {self.leaf(s)})",
                f"np.where({v()} > {self.number()}, {v()}, {v()})",
                f"np.where({v()} < {self.leaf(s)} - 0.013, {self.leaf(s)}, {v()})",
            )
        m = self.pick(*s.matrices)
        if kind == 6:
            return self.pick(
                f"{m} @ ({v()})", f"({v()}) @ {m}", f"np.dot({m}, {v()})", f"{m}.T @ ({v()})"
            )
        if kind == 7:
            return self.pick(
                f"np.sum({m}, axis=0)",
                f"{m}.mean(axis=1)",
                f"{m}.max(axis=0)",
                f"{m}.sum(axis=1, keepdims=True).reshape(-1)",
                f"np.outer({v()}, {v()})[{self.place(s)}]",
                f"np.min({m}, axis=-1)",
            )
        return self.vector_leaf(s)

    def bounded_vector(self, s: Scope, depth=1):
        v = self.vector(s, depth)
        return self.pick(
            f"np.tanh({v})", f"np.sin({v})", f"np.cos({v})", f"0.5 * np.tanh({v}) - 0.1"
        )

    def matrix(self, s: Scope):
        m, o = self.pick(*s.matrices), self.pick(*s.matrices)
        v, w = self.vector(s, 0), self.vector(s, 0)
        return self.pick(
            m,
            f"{m}.T",
            f"{m} + {v}",
            f"{m} * {o}",
            f"{m} @ {o}",
            f"np.outer({v}, {w})",
            f"({v})[:, None] * ({w})",
            f"({v})[np.newaxis, :] - ({w})[:, np.newaxis]",
            f"np.eye(n) * {self.leaf(s)} + {m}",
            f"{m}[::-1]",
            f"{m}.transpose()",
            f"np.add.outer({v}, {w})",
            f"np.multiply.outer({v}, {w})",
            f"{m}[idx]",
            f"np.where({m} > {self.number()}, {m}, {self.leaf(s)})",
            f"{m} - {m}.mean(axis=0)",
            f"np.zeros((n, n)) + {self.leaf(s)}",
            f"({m}.reshape(n * n) * 2).reshape(n, n)",
        )

    def bounded_matrix(self, s: Scope):
        return self.pick(
            f"np.tanh({self.matrix(s)})", f"np.sin({self.matrix(s)})", f"np.cos({self.matrix(s)})"
        )
