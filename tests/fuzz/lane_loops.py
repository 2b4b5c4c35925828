"""Loops whose trips do not meet, and loops that look like them and whose trips do.

A body is drawn from statements that each trip can do for itself: what it reads of an array that it writes stands at
its own place. A body that is not `clean` goes elsewhere now and then, which makes the trips depend on their order.
"""

from __future__ import annotations

from .statements import INDENT, SimpleStatements, indented

#: Ranges of a counter that stays in range along every axis, as it is.
FORWARD = [
    "n",
    "n",
    "n",
    "n",
    "len(x)",
    "1, n",
    "1, n - 1",
    "n - 1",
    "2, n",
    "k % n, n",
    "n - k % 2",
]
OTHERS = ["n - 1, -1, -1", "0, n, 2", "1 - n, n", "-2, n - 2", "1 - n, 1", "2, 1"]


class LaneLoops(SimpleStatements):
    def lane_loop(self, s, depth):
        i = self.fresh("i")
        self.clean = self.chance(0.55)
        self.i, self.inner = i, ""
        self.sums = [self.fresh("t") for _ in range(2)]
        self.locals = []
        self.target = self.pick(*s.vectors)
        self.block_written = self.pick(*s.matrices)
        self.fixed = self.fresh("z")
        span = self.pick(*FORWARD) if self.chance(0.85) else self.pick(*OTHERS)
        start = [f"{name} = {self.bounded(s, 1)}" for name in self.sums]
        start.append(f"{self.fixed} = np.zeros(3)")
        head = f"for {i} in range({span}):"
        if self.chance(0.2):
            walked, y = self.pick(*s.vectors, f"{self.block_written}[:, 1]"), self.fresh("y")
            head = f"for {i}, {y} in enumerate({walked}.copy()):"
            self.locals.append(y)
        body = []
        for _ in range(self.rng.randint(1, 4)):
            body += self.lane_statement(s)
        end = [f"total += 0.1 * ({self.sums[0]} - {self.sums[1]} * {self.fixed}[1])"]
        s.floats += self.sums
        if self.chance(0.15):
            flags = self.fresh("m")
            start.append(f"{flags} = np.zeros(n, dtype=bool)")
            body.append(f"{flags}[{self.at()}] = {self.guard_of(s)}")
            end.append(f"total += 0.1 * np.sum(x[{flags}])")
        return [*start, head, *indented(body), *end]

    def lane_statement(self, s, inside=False):
        options = [self.lane_local] * 2 + [self.lane_sum] * 3 + [self.lane_store] * 4
        options += [self.lane_row] * 2 + [self.lane_fixed]
        if not inside:
            options += [self.lane_branch] * 3 + [self.lane_private] * 2 + [self.lane_inner] * 3
            if not self.clean:
                options.append(self.lane_exit)
        return self.pick(*options)(s)

    # What is read, and where.

    def at(self):
        """The trip's own place; elsewhere at times."""
        i = self.i
        if self.clean or self.chance(0.65):
            return i
        return self.pick(
            f"{i} - 1",
            f"({i} + 1) % n",
            f"n - 1 - abs({i})",
            "0",
            "-1",
            "k % n",
            f"idx[{i}]",
            f"{i} // 2",
            f"-{i}",
            f"{i} * 2 % n",
            f"({i} + k) % n",
            *([self.inner] if self.inner else []),
        )

    def other(self):
        """A place along the axis that the trips do not part, or of an array that none writes."""
        places = ["0", "1", "-1", "k % n", "n - 1"]
        return self.pick(*places, *([self.inner] * 6 if self.inner else []))

    def read(self, s):
        """A number that a trip can have."""
        unwritten = [v for v in s.vectors if v != self.target]
        options = [f"{self.target}[{self.at()}]", f"TABLE[{self.i}]", "a", f"0.3 * {self.i}"]
        options += [f"{self.pick(*unwritten)}[{self.read_at()}]"] * 3 if unwritten else []
        m = self.pick(*s.matrices)
        pair = f"{self.at()}, {self.other()}"
        if m != self.block_written and self.chance(0.5):
            pair = self.pick(f"{self.other()}, {self.read_at()}", f"{self.read_at()}, {self.i}")
        options += [f"{m}[{pair}]"] * 3
        options += self.locals * 3
        if not self.clean and self.chance(0.2):
            options += [self.sums[0], f"{self.fixed}[{self.pick(0, 1)}]", f"{self.target}.sum()"]
        return self.pick(*options)

    def read_at(self):
        i = self.i
        places = [f"{i} - 1", f"({i} + 1) % n", f"idx[{i}]", f"-{i}", "0", f"{i} * 2 % n"]
        return i if self.chance(0.5) else self.pick(*places)

    def term(self, s):
        p, q = self.read(s), self.read(s)
        return self.pick(
            f"np.sin({p})",
            f"math.cos({p} * {q})",
            f"np.tanh({p} + {q})",
            f"0.4 * np.tanh({p}) * {q} / (1.0 + {q} ** 2)",
            f"np.maximum(np.sin({p}), 0.3 * np.cos({q}))",
            f"np.where({p} > {self.number()}, np.sin({q}), 0.5)",
            f"(math.sin({p}) if {q} > {self.number()} else 0.3)",
            f"np.exp(-abs({p}))",
            f"min(math.tanh({p}), 0.413)",
            f"np.sqrt(1.0 + {p} ** 2) * 0.3",
            f"mix(np.sin({p}), np.cos({q}))",
            f"float({p}) / (1.2 + float({q}) ** 2)",
            f"np.sin({p}) * ({q} > {self.number()})",
            f"0.2 * ({self.i} // 2) * np.cos({p})",
            f"0.1 * {self.i} * {self.i} - ({self.i} % 3) * np.sin({p})",
            f"min({self.i}, 2) * 0.3 * np.tanh({p})",
            f"abs({self.i} - 2) * 0.2 + np.sin({p}) ** 2",
            f"0.3 * int(2.1 * {p}) + np.sin({q})",
            f"np.hypot(1.1, {p}) * 0.3",
        )

    def guard_of(self, s):
        i = self.i
        return self.pick(
            f"{self.read(s)} > {self.number()}",
            f"{self.read(s)} < {self.read(s)} + 0.017",
            f"{i} % 2 == 0",
            f"{i} > 1",
            "k > 1",
            f"{i} != k",
            f"{i} >= n - 2",
        )

    # Statements of a trip.

    def lane_local(self, s):
        if self.locals and self.chance(0.5):
            return [f"{self.pick(*self.locals)} {self.pick('=', '+=', '*=')} {self.term(s)}"]
        name = self.fresh("y")
        line = f"{name} = {self.term(s)}"
        self.locals.append(name)
        return [line]

    def lane_sum(self, s):
        t = self.pick(*self.sums)
        options = [f"{t} += {self.term(s)}", f"{t} -= 0.5 * {self.term(s)}"]
        options += [f"{t} = {t} + {self.term(s)}", f"{t} = {self.term(s)} + {t}"]
        if not self.clean:
            options += [
                f"{t} = 0.7 * {t} + {self.term(s)}",
                f"{t} *= {self.term(s)}",
                f"{t} = {self.term(s)} - {t}",
                f"{t} = max({t}, {self.term(s)})",
            ]
        return [self.pick(*options)]

    def lane_store(self, s):
        v = self.target
        return [
            self.pick(
                f"{v}[{self.at()}] = {self.term(s)}",
                f"{v}[{self.at()}] += 0.4 * {self.term(s)}",
                f"{v}[{self.at()}] *= {self.term(s)}",
                f"{v}[{self.at()}] = 0.5 * {v}[{self.at()}] + {self.term(s)}",
                f"{v}[{self.at()}] -= 0.3 * {v}[{self.at()}]",
            )
        ]

    def lane_row(self, s):
        m, i = self.block_written, self.at()
        w = self.pick(*[v for v in s.vectors if v != self.target] or ["TABLE[:n]"])
        other, j = self.other(), self.at()
        return [
            self.pick(
                f"{m}[{i}, {other}] = {self.term(s)}",
                f"{m}[{i}, {other}] -= 0.3 * {self.term(s)}",
                f"{m}[{other}, {i}] += 0.3 * {self.term(s)}",
                f"{m}[{other}, {i}] *= {self.term(s)}",
                f"{m}[{i}] *= {self.term(s)}",
                f"{m}[{i}] = np.sin({w} * {self.term(s)})",
                f"{m}[:, {i}] -= 0.2 * {w} * {self.term(s)}",
                f"{m}[:, {i}] = np.tanh({m}[:, {j}] + {self.term(s)})",
                f"{m}[1:, {i}] += 0.2 * {m}[:-1, {j}]",
                f"{m}[:2, {i}] = {w}[1:3] * {m}[2, {j}]",
                f"{self.target}[{i}] += 0.2 * ({m}[:, {j}] @ {w})",
                f"{self.target}[{i}] -= 0.2 * ({m}[{j}, :{i}] @ {w}[:{i}])",
                f"{self.pick(*self.sums)} += 0.2 * ({m}[:, {j}] @ {m}[:, {i}])",
                f"{m}[{i}, {i}] = {self.term(s)}",
                f"{m}[idx[0], {i}] += {self.term(s)}",
            )
        ]

    def lane_fixed(self, s):
        place = self.pick("0", "1", "2", "-1", "k % 3")
        if not self.clean and self.chance(0.5):
            return [
                self.pick(
                    f"{self.fixed}[{place}] = {self.term(s)}",
                    f"{self.fixed}[{place}] *= {self.term(s)}",
                    f"{self.fixed}[idx[{self.i}] % 3] += {self.term(s)}",
                    f"{self.fixed}[{self.i} % 2] -= {self.term(s)}",
                    f"{self.fixed}[1:] += {self.term(s)}",
                )
            ]
        return [
            self.pick(
                f"{self.fixed}[{place}] += {self.term(s)}",
                f"{self.fixed}[{place}] -= 0.4 * {self.term(s)}",
                f"{self.fixed}[{place}] = {self.fixed}[{place}] + {self.term(s)}",
            )
        ]

    # Blocks of a trip.

    def lane_branch(self, s):
        guard = self.guard_of(s)
        t = self.pick(*self.sums)
        if self.chance(0.4):
            name = self.fresh("y")
            lines = [f"if {guard}:", INDENT + f"{name} = {self.term(s)}", "else:"]
            lines.append(INDENT + f"{name} = {self.term(s)}")
            self.locals.append(name)
            return lines
        if self.chance(0.4):
            lines = [f"if {guard}:", INDENT + f"{t} += {self.term(s)}"]
            if self.chance(0.5):
                lines += [f"elif {self.guard_of(s)}:", INDENT + f"{t} -= {self.term(s)}"]
            if self.chance(0.5):
                lines += ["else:", INDENT + f"{t} += 0.5 * {self.term(s)}"]
            return lines
        known = list(self.locals)
        lines = [f"if {guard}:", *indented(self.lane_statement(s, inside=True))]
        self.locals = list(known)
        if self.chance(0.6):
            lines += ["else:", *indented(self.lane_statement(s, inside=True))]
        self.locals = known
        return lines

    def lane_private(self, s):
        name, j = self.fresh("u"), self.fresh("j")
        w = self.pick(*[v for v in s.vectors if v != self.target] or ["TABLE[:n]"])
        m = self.block_written
        lines = [
            self.pick(
                f"{name} = np.zeros(n)",
                f"{name} = np.full(n, {self.term(s)})",
                f"{name} = {w} * {self.term(s)}",
                f"{name} = np.sin({m}[:, {self.at()}])",
                f"{name} = {m}[{self.at()}].copy()",
                f"{name} = np.empty(n)",
            )
        ]
        if "empty" in lines[0]:
            lines.append(f"{name}[:] = {self.pick(w, self.term(s))}")
        for _ in range(self.rng.randint(0, 2)):
            lines.append(
                self.pick(
                    f"{name}[{self.pick('0', '1', '-1', self.i)}] += {self.term(s)}",
                    f"{name}[{self.pick('0', '2', self.i)}] = {name}[1] * {self.term(s)}",
                    f"{name} *= {self.term(s)}",
                    f"{name}[1:] -= 0.3 * {name}[:-1]",
                    f"{name} = np.tanh({name} + {w})",
                )
            )
        if self.chance(0.5):
            before = self.inner
            self.inner = j
            lines += [
                f"for {j} in range({self.pick('n', 'n', '1, n', 'n - 1', 'n - 1, -1, -1')}):",
                INDENT
                + self.pick(
                    f"{name}[{j}] += 0.4 * {self.term(s)}",
                    f"{name}[{j}] = 0.5 * {name}[{j} - 1] + {self.term(s)}",
                    f"{name}[{j}] *= {m}[{j}, {self.at()}]",
                ),
            ]
            self.inner = before
        y = self.fresh("y")
        lines.append(
            self.pick(
                f"{y} = np.sin({name}.sum())",
                f"{y} = 0.3 * ({name} @ {w})",
                f"{y} = np.tanh({name}[0] * {name}[-1])",
                f"{y} = 0.2 * ({name} @ {name})",
                f"{y} = {name}.max()",
                f"{y} = np.mean({name}[::-1] * {w})",
            )
        )
        self.locals.append(y)
        return lines

    def lane_inner(self, s):
        j, i = self.fresh("j"), self.i
        safe = f"abs({i})"
        span = self.pick(
            "n",
            "n",
            "1, n",
            "3",
            f"{safe}",
            f"{safe}, n",
            f"{safe} + 1, n",
            f"{safe} + 1",
            "n - 1, -1, -1",
        )
        known = list(self.locals)
        before, self.inner = self.inner, j
        body = []
        for _ in range(self.rng.randint(1, 2)):
            body += self.lane_statement(s, inside=True)
        self.inner, self.locals = before, known
        return [f"for {j} in range({span}):", *indented(body)]

    def lane_exit(self, s):
        return [f"if {self.guard_of(s)}:", INDENT + self.pick("break", "continue", "continue")]

    # Factorisations, recurrences along a matrix, with an index moved now and then.

    def lane_matrix(self, s, depth):
        i, j, k = self.fresh("i"), self.fresh("j"), self.fresh("h")
        m, o = self.pick(*s.matrices), self.pick(*s.matrices)
        v = self.pick(*s.vectors)
        e = self.bounded(s, 1)

        def moved(*index, outside=False):
            """The index, of which one part is another one in some programs."""
            index = list(index)
            if self.chance(0.15):
                at = self.rng.randrange(len(index))
                index[at] = self.pick(i, j, f"{i} - 1", f"({j} + 1) % n", "0", f"n - 1 - {i}", "-1")
                # The inner counter is no name outside of its loop.
                if outside and j in index[at]:
                    index[at] = i
            return f"[{', '.join(index)}]"

        ij, ik, kj, jj = moved(i, j), moved(i, k), moved(k, j), moved(j, j)
        span = self.pick(f"{i}, n", f"{i} + 1, n", i, "n", f"{i} + 1", "1, n")
        inner = self.pick(i, j, f"min({i}, {j})", "n", f"{i}, n")
        update = self.pick(
            [f"for {k} in range({inner}):", INDENT + f"{m}{ij} -= 0.2 * {m}{ik} * {m}{kj}"],
            [f"for {k} in range({inner}):", INDENT + f"{m}{ij} += 0.2 * {m}{kj} * {o}{ik}"],
            [f"{m}{ij} -= 0.2 * ({m}[{i}, :{i}] @ {m}[:{i}, {j}])"],
            [f"{m}{ij} -= 0.2 * ({m}[{i}, :{j}] @ {m}[:{j}, {j}])"],
            [f"{m}{ij} /= 1.5 + {m}{jj} ** 2"],
            [f"{m}{ij} -= 0.3 * {m}{moved(i, i)} * {m}{moved(j, i)}"],
            [f"{m}[:, {j}] -= 0.2 * {m}[:, {i}] * np.tanh({m}[:, {i}] @ {m}[:, {j}])"],
            [f"{m}[{j}] -= 0.2 * {m}[{i}] * np.tanh({m}{moved(j, i)})"],
            [f"{m}{ij} = 0.5 * {m}{moved(j, i)} + np.sin({o}{ij})"],
            [f"{v}[{i}] -= 0.2 * {m}{ij} * {v}[{j}]"],
            [f"{v}[{j}] += 0.2 * {m}{ij} * np.sin({v}[{i}])"],
            [f"{m}{ij} = np.tanh({m}{moved(f'{i} - 1', j)} + {o}{ij})"],
            [f"{m}[{i}, {j}:] *= np.cos({o}{ij})"],
            [f"{m}[{i} + 1:, {j}] -= 0.2 * {m}[{i} + 1:, {i}] * {m}{ij}"],
        )
        lines = [f"for {i} in range({self.pick('n', 'n', '1, n', 'n - 1')}):"]
        if self.chance(0.3):
            lines.append(INDENT + f"{m}{moved(i, i, outside=True)} = {e}")
        lines += indented([f"for {j} in range({span}):", *indented(update)])
        if self.chance(0.3):
            lines.append(INDENT + f"{v}[{i}] = np.sin({v}[{i}] + {m}{moved(i, '0', outside=True)})")
        return lines
