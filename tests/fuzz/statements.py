"""Random statements without blocks: each method writes the lines of one, and may add names to the scope."""

from __future__ import annotations

from .expressions import Expressions

INDENT = "    "


def indented(lines):
    return [INDENT + line for line in lines]


class SimpleStatements(Expressions):
    # Numbers.

    def assign(self, s, depth):
        if s.floats and self.chance(0.5):
            return [f"{self.pick(*s.floats)} = {self.bounded(s)}"]
        name = self.fresh("s")
        lines = [f"{name} = {self.bounded(s)}"]
        s.floats.append(name)
        return lines

    def augment(self, s, depth):
        if not s.floats:
            return self.assign(s, depth)
        name = self.pick(*s.floats)
        return [
            self.pick(
                f"{name} += 0.3 * {self.bounded(s)}",
                f"{name} -= 0.2 * {self.bounded(s)}",
                f"{name} *= {self.bounded(s)}",
                f"{name} /= 1.0 + {self.bounded(s)} ** 2",
                f"{name} = 0.5 * {name} + {self.bounded(s)}",
            )
        ]

    def tuple_assign(self, s, depth):
        a, b = self.fresh("p"), self.fresh("q")
        lines = [f"{a}, {b} = {self.bounded(s, 1)}, {self.bounded(s, 1)}"]
        s.floats += [a, b]
        if self.chance(0.5):
            lines.append(f"{a}, {b} = {b}, {a}")
        return lines

    def chained(self, s, depth):
        a, b = self.fresh("c"), self.fresh("d")
        lines = [f"{a} = {b} = {self.bounded(s)}"]
        s.floats += [a, b]
        return lines

    def power_or_round(self, s, depth):
        name = self.fresh("r")
        line = self.pick(
            f"{name} = math.sin(pow({self.leaf(s)}, 2)) * round(k / 2)",
            f"{name} = np.sin(({self.leaf(s)}) ** (k % 3))",
            f"{name} = np.tanh({self.leaf(s)} * int(2.7))",
            f"{name} = math.tanh(float(k) * {self.leaf(s)})",
            f"{name}: float = np.tanh({self.leaf(s)})",
        )
        s.floats.append(name)
        return [line]

    def integers(self, s, depth):
        name = self.fresh("j")
        lines = [f"{name} = {self.integer(s)}"]
        s.integers.append(name)
        return lines

    def guard(self, s, depth):
        return self.pick(
            ["assert n > 2, 'too short'"],
            ["if n < 1:", INDENT + "raise ValueError('empty')"],
            ["assert k >= 0"],
        )

    # Arrays.

    def new_vector(self, s, depth):
        name = self.fresh("v")
        lines = [f"{name} = {self.bounded_vector(s, 2)}"]
        s.vectors.append(name)
        s.owned.append(name)
        return lines

    def new_matrix(self, s, depth):
        name = self.fresh("B")
        lines = [f"{name} = {self.bounded_matrix(s)}"]
        s.matrices.append(name)
        return lines

    def create(self, s, depth):
        name = self.fresh("z")
        first = self.pick(
            f"{name} = np.zeros(n)",
            f"{name} = np.ones(n)",
            f"{name} = np.empty(n)",
            f"{name} = np.empty_like(x)",
            f"{name} = np.zeros_like(x)",
            f"{name} = np.full(n, {self.leaf(s)})",
            f"{name} = np.arange(n) * {self.bounded(s, 1)}",
            f"{name} = x.copy()",
        )
        lines = [first]
        if "empty" in first:
            lines.append(f"{name}[:] = {self.pick(self.leaf(s), self.bounded_vector(s))}")
        s.vectors.append(name)
        s.owned.append(name)
        return lines

    def store(self, s, depth):
        return [f"{self.pick(*s.vectors)}[{self.place(s)}] = {self.bounded(s)}"]

    def store_augmented(self, s, depth):
        v = self.pick(*s.vectors)
        return [
            self.pick(
                f"{v}[{self.place(s)}] += 0.4 * {self.bounded(s)}",
                f"{v}[{self.place(s)}] *= {self.bounded(s)}",
                f"{v}[{self.place(s)}] -= 0.3 * {v}[{self.place(s)}]",
                f"{v}[{self.place(s)}] /= 1.2 + {self.bounded(s)}",
            )
        ]

    def tuple_store(self, s, depth):
        v, w = self.pick(*s.vectors), self.pick(*s.vectors)
        i, j = self.place(s), self.place(s)
        return [
            self.pick(
                f"{v}[{i}], {v}[{j}] = {v}[{j}], {v}[{i}]",
                f"{v}[{i}], {w}[{j}] = {self.bounded(s, 1)}, {v}[{j}]",
            )
        ]

    def chained_store(self, s, depth):
        v, w = self.pick(*s.vectors), self.pick(*s.vectors)
        return [f"{v}[{self.place(s)}] = {w}[{self.place(s)}] = {self.bounded(s)}"]

    def store_slice(self, s, depth):
        v, w = self.pick(*s.vectors), self.pick(*s.vectors)
        e = self.bounded(s, 1)
        return [
            self.pick(
                f"{v}[1:] = np.tanh({w}[:-1] + {e})",
                f"{v}[::2] *= {e}",
                f"{v}[1:-1] += 0.3 * ({w}[2:] - {w}[:-2])",
                f"{v}[:-1] -= 0.2 * {w}[1:]",
                f"{v}[-2:] = {e}",
                f"{v}[:n - 1] *= np.cos({w}[1:])",
                f"{v}[::-1] = {self.bounded_vector(s)}",
                f"{v}[1::2] = {w}[1::2] * {e}",
                f"{v}[:] = {self.bounded_vector(s)}",
                f"{v}[-1:0:-1] += 0.1 * {w}[1:]",
                f"{v}[...] = {self.bounded_vector(s)}",
                f"{v} *= {e}",
                f"{v} += 0.3 * {self.bounded_vector(s)}",
                f"{v} -= 0.2 * {w}",
                f"{v} /= 1.0 + {w} ** 2",
            )
        ]

    def overlapping(self, s, depth):
        v = self.pick(*s.vectors)
        m = self.pick(*s.matrices)
        return [
            self.pick(
                f"{v}[1:] = {v}[:-1]",
                f"{v}[:-1] += 0.5 * {v}[1:]",
                f"{v}[:] = {v}[::-1]",
                f"{v}[1:-1] = 0.5 * ({v}[:-2] + {v}[2:])",
                f"{m}[1:] -= 0.4 * {m}[:-1]",
                f"{m}[:, 1:] = np.sin({m}[:, :-1])",
                f"{m}[:] = 0.5 * ({m} + {m}.T)",
                f"{m} += 0.3 * {m}.T",
            )
        ]

    def store_matrix(self, s, depth):
        m = self.pick(*s.matrices)
        i, j = self.place(s), self.place(s)
        e = self.bounded(s, 1)
        return [
            self.pick(
                f"{m}[{i}, {j}] = {e}",
                f"{m}[{i}, {j}] -= 0.3 * {e}",
                f"{m}[{i}] = {self.bounded_vector(s)}",
                f"{m}[:, {j}] *= {e}",
                f"{m}[{i}, 1:] += 0.2 * {self.pick(*s.vectors)}[:-1]",
                f"{m}[1:, {j}] = {e}",
                f"{m}[1:, 1:] -= 0.2 * {self.pick(*s.matrices)}[:-1, :-1]",
                f"{m}[..., {j}] = {self.bounded_vector(s)}",
                f"{m}[::2, ::-1] = {e}",
                f"{m} *= {e}",
                f"{m}[{i}][{j}] = {e}",
                f"{m}[idx[0], idx[1]] += 0.5 * {e}",
                f"{m}[1:3, 0:2] = {self.pick(*s.matrices)}[0:2, 1:3] * {e}",
            )
        ]

    def store_view(self, s, depth):
        m, v = self.pick(*s.matrices), self.pick(*s.vectors)
        return [
            self.pick(
                f"{m}.T[{self.place(s)}] = {self.bounded_vector(s)}",
                f"{m}[{self.place(s)}][1:] *= {self.bounded(s, 1)}",
                f"{v}[::-1][:2] = {self.bounded(s, 1)}",
                f"{m}.T[1:, 0] += 0.3 * {v}[1:]",
                f"{v}[np.newaxis, :][0, {self.place(s)}] = {self.bounded(s, 1)}",
                f"{v}[:, None][1:, 0] *= {self.bounded(s, 1)}",
            )
        ]

    def alias(self, s, depth):
        name, v = self.fresh("b"), self.pick(*s.vectors)
        s.vectors.append(name)
        return [
            f"{name} = {v}",
            self.pick(
                f"{name}[{self.place(s)}] = {self.bounded(s, 1)}",
                f"{v}[{self.place(s)}] *= 0.7",
                f"{name} *= {self.bounded(s, 1)}",
            ),
        ]

    def view(self, s, depth):
        name, m = self.fresh("row"), self.pick(*s.matrices)
        lines = [
            self.pick(
                f"{name} = {m}[{self.place(s)}]",
                f"{name} = {m}[:, {self.place(s)}]",
                f"{name} = {m}.T[{self.place(s)}]",
                f"{name} = {self.pick(*s.vectors)}[::-1]",
            )
        ]
        s.vectors.append(name)
        lines.append(
            self.pick(
                f"{name} *= {self.bounded(s, 1)}",
                f"{name}[{self.place(s)}] += 0.3 * {self.bounded(s, 1)}",
                f"{name}[1:] = {self.bounded(s, 1)}",
                f"{m}[{self.place(s)}, {self.place(s)}] = {self.bounded(s, 1)}",
            )
        )
        return lines

    def view_block(self, s, depth):
        name, m = self.fresh("t"), self.pick(*s.matrices)
        s.matrices.append(name)
        return [
            f"{name} = {m}.T",
            f"{name}[{self.place(s)}, {self.place(s)}] = {self.bounded(s, 1)}",
            self.pick(f"{name}[0] *= 0.5", f"{m}[1] += 0.25"),
        ]

    def mask(self, s, depth):
        name = self.fresh("m")
        v = self.pick(*s.vectors)
        lines = [
            f"{name} = "
            + self.pick(
                f"{v} > {self.number()}",
                f"{v} < {self.leaf(s)} + 0.011",
                f"np.abs({v}) < 0.83",
                f"np.isnan({v})" if self.chance(0.3) else f"{v} <= 0.37",
            )
        ]
        s.masks.append(name)
        return lines

    def masked_store(self, s, depth):
        lines = [] if s.masks else self.mask(s, depth)
        m = self.pick(*s.masks)
        v = self.pick(*s.vectors)
        w = self.pick(*s.vectors)
        block = self.pick(*s.matrices)
        return lines + [
            self.pick(
                f"{v}[{m}] = np.sin({v}[{m}])",
                f"{v}[{m}] = {self.bounded(s, 1)}",
                f"{v}[~{m}] *= 0.5",
                f"{v}[{m}] += 0.3 * {w}[{m}]",
                f"{v}[{v} > 0.71] = 0.71",
                f"{block}[{block} < -0.62] *= {self.bounded(s, 1)}",
                f"{block}[{m}] = {self.bounded(s, 1)}",
            )
        ]

    def scatter(self, s, depth):
        v, w = self.pick(*s.vectors), self.pick(*s.vectors)
        return [
            self.pick(
                f"np.add.at({v}, idx, 0.3 * {self.bounded_vector(s)})",
                f"{v}[idx] = np.cos({w}[idx])",
                f"{v}[idx] += 0.2 * {w}",
                f"{v}[[0, 2]] *= {self.bounded(s, 1)}",
                f"{v}[idx[1:]] = {self.bounded(s, 1)}",
                f"np.subtract.at({v}, idx, 0.1 * {w})",
                f"{v}[[0, -1]] = {w}[[1, 0]]",
            )
        ]

    def out_argument(self, s, depth):
        v, w, u = (self.pick(*s.vectors) for _ in range(3))
        return [
            self.pick(
                f"np.multiply({v}, {w}, out={u})",
                f"np.tanh({v}, out={u})",
                f"np.sin({v} + {w}, out={u})",
                f"np.add({v}, {self.leaf(s)}, out={u})",
                f"np.maximum({v}, 0.21, out={u})",
            ),
            f"{u} *= 0.6",
        ]

    def single_precision(self, s, depth):
        name, total = self.fresh("h"), self.fresh("s")
        lines = [
            f"{name} = ({self.bounded_vector(s)}).astype(np.float32)",
            f"{name} *= {self.number()}",
            f"{name}[{self.place(s)}] += np.float32(0.5)",
            f"{total} = float(({name} * {self.number()}).sum()) * 0.3",
        ]
        s.floats.append(total)
        return lines

    def copied_out(self, s, depth):
        name, v = self.fresh("e"), self.pick(*s.vectors)
        s.vectors.append(name)
        s.owned.append(name)
        return [f"{name} = {v}.copy()", f"{v}[{self.place(s)}] = {self.bounded(s, 1)}"]

    def swap_now(self, s, depth):
        if len(s.owned) < 2:
            return self.new_vector(s, depth) + self.create(s, depth)
        v, w = self.rng.sample(s.owned, 2)
        return [f"{v}, {w} = {w}, {v}", f"{v}[0] = {self.bounded(s, 1)}"]

    # Functions.

    def call_helper(self, s, depth):
        v = self.pick(*s.vectors)
        return [
            self.pick(
                f"bump({v}, {self.place(s)}, {self.bounded(s, 1)})",
                f"relax({self.pick(*s.matrices)}, {self.bounded(s, 1)})",
                f"bump({self.pick(*s.matrices)}[{self.place(s)}], {self.place(s)}, {self.bounded(s, 1)})",
            )
        ]

    def call_pair(self, s, depth):
        a, b = self.fresh("u"), self.fresh("w")
        lines = [f"{a}, {b} = pair({self.bounded(s, 1)}, {self.bounded(s, 1)})"]
        s.floats += [a, b]
        return lines

    def nested_function(self, s, depth):
        name = self.fresh("g")
        v = self.pick(*s.vectors)
        body = [
            "if y > 0.43:",
            INDENT + f"return np.sin(y) * {v}[0]",
            f"return 0.5 * y + {self.leaf(s)}",
        ]
        lines = [f"def {name}(y):", *indented(body)]
        if not s.loop:
            s.functions.append(name)
        else:
            result = self.fresh("s")
            lines.append(f"{result} = {name}({self.bounded(s, 1)})")
            s.floats.append(result)
        return lines

    def lambda_function(self, s, depth):
        name = self.fresh("fn")
        lines = [f"{name} = lambda y: np.tanh(y * {self.leaf(s)}) - 0.2"]
        result = self.fresh("s")
        lines.append(f"{result} = {name}({self.bounded(s, 1)}) * {name}(a)")
        s.floats.append(result)
        return lines

    # Containers.

    def list_literal(self, s, depth):
        name, out = self.fresh("L"), self.fresh("s")
        lines = [
            f"{name} = [{self.bounded(s, 1)}, {self.bounded(s, 1)}, {self.leaf(s)}]",
            self.pick(
                f"{out} = {name}[0] * {name}[-1] + len({name})",
                f"{out} = sum({name}) * 0.2",
                f"{out} = np.array({name}).sum()",
                f"{out} = max({name}) - min({name})",
            ),
        ]
        s.floats.append(out)
        return lines

    def comprehension(self, s, depth):
        name, out = self.fresh("L"), self.fresh("s")
        lines = [
            self.pick(
                f"{name} = [np.sin({self.leaf(s)} + i) for i in range(3)]",
                f"{name} = [0.5 * e for e in (a, {self.leaf(s)})]",
                f"{name} = [y * y for y in x]",
            ),
            self.pick(
                f"{out} = sum({name}) * 0.2",
                f"{out} = np.array({name}).mean()",
                f"{out} = {name}[1]",
            ),
        ]
        s.floats.append(out)
        return lines

    def dictionary(self, s, depth):
        name, out = self.fresh("D"), self.fresh("s")
        lines = [
            f'{name} = {{"one": {self.bounded(s, 1)}, "two": {self.bounded_vector(s)}}}',
            f'{name}["one"] += 0.2',
            f'{name}["two"][0] *= 0.5',
            f'{out} = {name}["one"] * {name}["two"].sum()',
        ]
        s.floats.append(out)
        return lines
