"""Updates of shifted parts by shifted parts, one after the other: what their adjoints add to one array is gathered."""

from __future__ import annotations

from .statements import SimpleStatements, indented


class Stencils(SimpleStatements):
    def stencil(self, s, depth):
        """Two arrays of a program's own, updated in place, and a number that is made on the way."""
        axes = self.pick(1, 1, 2)
        names, number = [self.fresh("u"), self.fresh("u")], self.fresh("q")
        source = self.pick(*(s.vectors if axes == 1 else s.matrices))
        lines = [f"{names[0]} = np.sin({source})", f"{names[1]} = np.cos({names[0]})"]
        lines.append(f"{number} = 0.5 * a")
        updates = []
        for _ in range(self.rng.randint(2, 5)):
            if self.chance(0.2):
                updates.append(f"{number} = np.tanh({number} + 0.1 * np.sum({self.pick(*names)}))")
            updates.append(self.shifted_update(names, number, axes))
        lines += ["for _ in range(2):", *indented(updates)] if self.chance(0.3) else updates
        s.floats.append(number)
        return [*lines, f"total += 0.1 * np.sum(np.tanh({names[0]} + {names[1]} * {names[1]}))"]

    def shifted_update(self, names, number, axes):
        shorter = [self.rng.randint(0, 2) for _ in range(axes)]
        target, op = self.pick(*names), self.pick("+=", "+=", "-=", "=")
        terms = []
        for _ in range(self.rng.randint(1, 3)):
            part, other = (self.shifted(self.pick(*names), shorter) for _ in range(2))
            terms.append(
                self.pick(
                    f"{part} * {other}",
                    f"{number} * {part}",
                    f"np.sin({part})",
                    f"-{part}",
                    f"{part} / (1.5 + a * a)",
                )
            )
        return f"{self.shifted(target, shorter)} {op} 0.2 * ({' + '.join(terms)})"

    def shifted(self, name, shorter):
        """A part of the array that is `shorter` along each axis."""
        slices = []
        for less in shorter:
            low = self.rng.randint(0, less)
            slices.append(f"{low or ''}:{low - less or ''}")
        return f"{name}[{', '.join(slices)}]"
