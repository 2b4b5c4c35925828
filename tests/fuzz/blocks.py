"""Random statements with blocks, and the draw among all statements."""

from __future__ import annotations

from .expressions import Scope
from .lane_loops import LaneLoops
from .statements import INDENT, indented
from .stencils import Stencils
from .wide import WideStatements


class Statements(WideStatements, LaneLoops, Stencils):
    LIMIT = 3  # how deep blocks nest

    def block(self, s: Scope, size, depth):
        lines = []
        for _ in range(size):
            lines += self.statement(s, depth)
        return lines or ["pass"]

    def statement(self, s: Scope, depth):
        simple = [
            self.assign,
            self.assign,
            self.augment,
            self.augment,
            self.new_vector,
            self.store,
            self.store,
            self.store_augmented,
            self.store_augmented,
            self.store_slice,
            self.store_slice,
            self.store_matrix,
            self.store_matrix,
            self.store_view,
            self.alias,
            self.view,
            self.view_block,
            self.mask,
            self.masked_store,
            self.masked_store,
            self.scatter,
            self.call_helper,
            self.call_pair,
            self.tuple_assign,
            self.chained,
            self.integers,
            self.out_argument,
            self.new_matrix,
            self.list_literal,
            self.comprehension,
            self.dictionary,
            self.guard,
            self.tuple_store,
            self.chained_store,
            self.create,
            self.power_or_round,
            self.overlapping,
        ]
        rare = [
            self.single_precision,
            self.copied_out,
            self.nested_function,
            self.lambda_function,
            self.swap_now,
        ]
        blocks = [
            self.branch,
            self.branch,
            self.for_range,
            self.for_range,
            self.for_range,
            self.triangle,
            self.for_array,
            self.while_counted,
            self.while_data,
            self.swap_loop,
            self.append_loop,
            self.for_else,
            self.carried_row,
            self.for_sequence,
            self.segments,
            self.lane_loop,
            self.lane_loop,
            self.lane_loop,
            self.lane_matrix,
            self.lane_matrix,
        ]
        exits = [self.leave, self.leave, self.early_return] if s.loop else [self.early_return]
        if self.due and self.chance(0.3):
            return self.wide(s, depth)
        draw = self.rng.random()
        if depth < self.LIMIT and draw < 0.33:
            return self.pick(*blocks)(s, depth)
        if draw < (0.45 if s.loop else 0.37):
            return self.pick(*exits)(s, depth)
        if draw < 0.5:
            return self.pick(*rare)(s, depth)
        return self.pick(*simple)(s, depth)

    # Blocks.

    def body(self, s, depth, size=None, **changes):
        return indented(self.block(s.inner(**changes), size or self.rng.randint(1, 3), depth + 1))

    def branch(self, s, depth):
        lines = [f"if {self.condition(s)}:", *self.body(s, depth)]
        if self.chance(0.35):
            lines += [f"elif {self.condition(s)}:", *self.body(s, depth)]
        if self.chance(0.6):
            lines += ["else:", *self.body(s, depth)]
        return lines

    def for_range(self, s, depth):
        i = self.fresh("i")
        span = self.pick(
            "n",
            "n",
            "1, n",
            "n - 1",
            "n - 1, -1, -1",
            "0, n, 2",
            "len(x)",
            "1, n - 1",
            "n - 2, 0, -1",
            "3",
            "k, n",
            "k % n, n, 2",
            "2, 1",
        )
        head = f"for {i} in range({span}):"
        if self.chance(0.15):
            head = f"for {i} in reversed(range({self.pick('n', '1, n')})):"
        return [head, *self.body(s, depth, loop="for", places=[*s.places, i])]

    def triangle(self, s, depth):
        i, j = self.fresh("i"), self.fresh("j")
        span = self.pick(f"{i}", f"{i} + 1", f"{i} + 1, n", f"{i}, -1, -1", f"{i}, n")
        inner = self.body(s, depth + 1, loop="for", places=[*s.places, i, j])
        after = (
            self.body(s, depth, size=1, loop="for", places=[*s.places, i])
            if self.chance(0.4)
            else []
        )
        return [
            f"for {i} in range(n):",
            INDENT + f"for {j} in range({span}):",
            *indented(inner),
            *after,
        ]

    def for_array(self, s, depth):
        i, y, z = self.fresh("i"), self.fresh("y"), self.fresh("z")
        v, w = self.pick("x", "TABLE[:n]", "A[1]"), self.pick(*s.vectors)
        kind = self.rng.randrange(4)
        if kind == 0:
            return [f"for {y} in {v}:", *self.body(s, depth, loop="for", floats=[*s.floats, y])]
        if kind == 1:
            return [
                f"for {i}, {y} in enumerate({v}):",
                *self.body(s, depth, loop="for", floats=[*s.floats, y], places=[*s.places, i]),
            ]
        if kind == 2:
            return [
                f"for {y}, {z} in zip({v}, {w}.copy()):",
                *self.body(s, depth, loop="for", floats=[*s.floats, y, z]),
            ]
        return [
            f"for {y} in {self.pick(*s.matrices)}.copy():",
            *self.body(s, depth, loop="for", vectors=[*s.vectors, y]),
        ]

    def for_sequence(self, s, depth):
        y, z = self.fresh("y"), self.fresh("z")
        if self.chance(0.5):
            return [
                f"for {y} in ({self.leaf(s)}, a, 0.5):",
                *self.body(s, depth, size=1, floats=[*s.floats, y]),
            ]
        return [
            f"for {y}, {z} in ((0, {self.leaf(s)}), (1, a)):",
            *self.body(s, depth, size=1, floats=[*s.floats, z], places=[*s.places, y]),
        ]

    def for_else(self, s, depth):
        i = self.fresh("i")
        inner = s.inner(loop="for", places=[*s.places, i])
        lines = [f"for {i} in range(n):"]
        lines += indented(self.block(inner, 1, depth + 1))
        lines += indented([f"if {self.condition(inner)}:", INDENT + "break"])
        return [*lines, "else:", *self.body(s, depth, size=1)]

    def while_counted(self, s, depth):
        c = self.fresh("c")
        stop = self.pick("n", "4", "k + 1")
        return [
            f"{c} = 0",
            f"while {c} < {stop}:",
            INDENT + f"{c} += {self.pick(1, 1, 2)}",
            *self.body(s, depth, loop="while", integers=[*s.integers, c]),
        ]

    def while_data(self, s, depth):
        c, t = self.fresh("c"), self.fresh("t")
        body = self.body(s, depth, size=1, loop="while", floats=[*s.floats, t])
        test = self.pick(
            f"{t} > 0.413 and {c} < 6",
            f"{c} < 5 and abs({t}) > 0.277",
            f"not ({t} < 0.351 or {c} >= 7)",
        )
        lines = [
            f"{t} = 1.5 + {self.bounded(s, 1)}",
            f"{c} = 0",
            f"while {test}:",
            INDENT + f"{t} = {t} * 0.7 - 0.05 * {self.bounded(s, 1)}",
            INDENT + f"{c} = {c} + 1",
            *body,
        ]
        s.floats.append(t)
        s.integers.append(c)
        return lines

    def swap_loop(self, s, depth):
        p, q, i = self.fresh("p"), self.fresh("q"), self.fresh("i")
        step = self.pick(
            f"{q}[1:-1] = {p}[1:-1] + 0.2 * ({p}[2:] - 2 * {p}[1:-1] + {p}[:-2])",
            f"{q}[:] = np.sin({p}) + 0.1 * {p}[::-1]",
            f"{q}[1:] = np.tanh({p}[:-1] * a)",
        )
        inner = s.inner(loop="for", places=[*s.places, i], vectors=[*s.vectors, p, q])
        extra = self.block(inner, 1, depth + 1) if self.chance(0.4) else []
        # `continue` before the swap is a swap not made on every way round: it is fair, and rarer.
        if any("continue" in line for line in extra) and self.chance(0.7):
            extra = []
        lines = [
            f"{p} = {self.pick('x', *s.owned)}.copy()",
            f"{q} = np.zeros(n)",
            f"for {i} in range({self.pick('3', 'n', 'k')}):",
            *indented([step, *extra, f"{p}, {q} = {q}, {p}"]),
        ]
        s.vectors += [p, q]
        return lines

    def append_loop(self, s, depth):
        name, i, t = self.fresh("items"), self.fresh("i"), self.fresh("t")
        item = self.pick(t, f"{t} * {t}", f"np.sin({t}) + {i}")
        lines = [
            f"{name} = []",
            f"{t} = {self.bounded(s, 1)}",
            f"for {i} in range(n):",
            INDENT + f"{t} = 0.8 * {t} + 0.1 * {self.bounded(s.inner(places=[*s.places, i]), 1)}",
            INDENT + f"{name}.append({item})",
        ]
        out = self.fresh("v")
        lines.append(f"{out} = np.array({name})")
        s.vectors.append(out)
        s.owned.append(out)
        s.floats.append(t)
        if self.chance(0.4):
            last = self.fresh("s")
            lines.append(f"{last} = {name}[-1] * {name}[0]")
            s.floats.append(last)
        return lines

    def carried_row(self, s, depth):
        name, i, total = self.fresh("prev"), self.fresh("i"), self.fresh("s")
        m = self.pick(*s.matrices)
        s.floats.append(total)
        return [
            f"{name} = {m}[0]",
            f"{total} = 0.0",
            f"for {i} in range(1, n):",
            INDENT + f"{total} += 0.2 * ({name} @ np.cos({m}[{i}]))",
            INDENT + f"{name} = {m}[{i}]",
        ]

    def segments(self, s, depth):
        i, total, v = self.fresh("i"), self.fresh("s"), self.pick(*s.vectors)
        s.floats.append(total)
        return [
            f"{total} = 0.0",
            f"for {i} in range(len(ptr) - 1):",
            INDENT + f"{total} += np.sin({v}[ptr[{i}]:ptr[{i} + 1]].sum())",
            *([INDENT + f"{v}[ptr[{i}]:ptr[{i} + 1]] *= 0.9"] if self.chance(0.5) else []),
        ]

    # Ways out.

    def leave(self, s, depth):
        condition = self.condition(s) if s.loop == "for" else self.condition(s, 0)
        return [f"if {condition}:", INDENT + self.pick("break", "continue")]

    def early_return(self, s, depth):
        if s.in_function or self.chance(0.5):
            return self.augment(s, depth)
        return [
            f"if {self.condition(s)} and {self.leaf(s)} > 0.457:",
            INDENT + f"return {self.bounded(s)}",
        ]
