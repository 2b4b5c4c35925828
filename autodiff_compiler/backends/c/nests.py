"""Loop nests over arrays: results computed whole, parts stored or added to, reductions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property

from ...ir.build import KnownDim
from ...ir.graph import Node, Value
from ...ir.types import F32, F64, FLOATS, I32, I64, Array, Scalar
from ...lowering.buffers import Buffer
from ...ops.index import region_dims
from ..text import C, Text, fill, infix
from .expressions import Expressions
from .spell import LOCAL, ZERO, is_simple, literal
from .state import UNKNOWN, Flat

__all__ = ["Nests"]

_SIMD = "#pragma omp simd"
_LOWEST = {F64: -float("inf"), F32: -float("inf"), I64: -(2**63), I32: -(2**31)}
_HIGHEST = {F64: float("inf"), F32: float("inf"), I64: 2**63 - 1, I32: 2**31 - 1}


class Nests(Expressions):
    @contextmanager
    def nest(
        self, sizes: Sequence[Text], pragma: str = "", order: Sequence[int] | None = None,
        known: bool = False,
    ) -> Iterator[list[Text]]:  # fmt: skip
        """Loops over an index space, outermost first; axes of length 1 need none.

        `known`: all memory that the loops touch is noted as they are written.
        """
        index = [ZERO] * len(sizes)
        axes = [k for k in (order or range(len(sizes))) if sizes[k].text != "1"]
        start = self._nested
        with ExitStack() as loops:
            for depth, k in enumerate(axes):
                i = self.indices[start + depth]
                head = f"for (long long {i} = 0; {i} < {sizes[k]}; {i}++) {{"
                loops.enter_context(self.w.loop(head, i, pragma if depth == len(axes) - 1 else ""))
                index[k] = Text(i)
            self._nested += len(axes)
            if not known:
                self.touch(UNKNOWN)
            yield index
            self._nested -= len(axes)

    _nested = 0

    # --- arrays computed whole --------------------------------------------------------------------

    def materialise(self, node: Node) -> None:
        """Computes the node's array into its buffer, element by element."""
        self.prepare_operands(node)
        v = node.result
        sizes = self.shape(v)
        if len(sizes) > 1 and self._is_flat(v, node):
            with self.nest([self.count(sizes)], _SIMD, known=True) as (i,):
                self.set_element(v, Flat(i), self.defined(node, Flat(i)))
            return
        with self.nest(sizes, _SIMD, known=True) as index:
            self.set_element(v, index, self.defined(node, index))

    def temporary(self, v: Value) -> None:
        """Computes an array that would be inlined, because what it reads is about to change."""
        sizes = self.shape(v)
        buffer = Buffer(v.type, self.dims[v], 0, v.name)
        self.allocate(self.pointer(buffer), v.type.dtype, sizes)
        with self.nest(sizes, _SIMD, known=True) as index:
            text = self.element(v, index)
            self.temporaries[v] = buffer
            self.set_element(v, index, text)
            del self.temporaries[v]
        self.temporaries[v] = buffer

    def _is_flat(self, v: Value, node: Node | None = None) -> bool:
        """Can the array be run through in memory order, its operands side by side with it?"""
        if self.dims[v] in self.walked:
            return False
        if node is None:
            if v not in self.fusion.inlined or v in self.temporaries:
                return True
            node = self.made[v]
        if node.op.name == "full":
            return True
        if node.op.kind != "elementwise" and node.op.name != "copy":
            return False
        arrays = [x for x in node.operands if isinstance(x.type, Array)]
        return all(self._sizes_of(x) == self._sizes_of(v) and self._is_flat(x) for x in arrays)

    @cached_property
    def walked(self) -> set[tuple[KnownDim, ...]]:
        """The shapes of arrays that are run through row by row somewhere: then they always are, so that
        the loops can be joined."""
        found = set()
        for node in self.fusion.live:
            if node.op.kind == "reduce":
                x = node.operands[0]
                if x.type.rank > 1 and len(node.attrs["axes"]) < x.type.rank:
                    found.add(self.dims[x])
            elif node.op.kind == "elementwise" and node.result.type.rank > 1:
                arrays = [x for x in node.operands if isinstance(x.type, Array)]
                if any(self.dims[x] != self.dims[node.result] for x in arrays):
                    found.add(self.dims[node.result])
                    found.update(self.dims[x] for x in arrays if x.type.rank > 1)
        return found

    def _sizes_of(self, v: Value) -> list[str]:
        return [n.text for n in self.shape(v)]

    # --- stores -----------------------------------------------------------------------------------

    def store(self, node: Node) -> None:
        """store and add_at: `node.operands` are the base, the value, the index."""
        base, value, *index_values = node.operands
        letters = node.attrs["index"]
        adds = "+" if node.op.name == "add_at" else ""
        dims = region_dims(node.attrs, index_values, [self.dims.get(x, ()) for x in index_values])
        sizes = [self.size(d) for d in dims]
        if not dims and "a" not in letters:
            self._assign(node, self.place(letters, index_values, []), [], adds)
            return
        for x in (value, *index_values):
            self.prepare(x)
        if self._conflicts(node, dims):
            self.temporary(value)
        pragma = "" if "a" in letters else _SIMD
        with self.nest(sizes, pragma, known=True) as at:
            target = self.place(letters, index_values, at)
            self._assign(node, target, self._spread(value, at, dims), adds)

    def _assign(self, node: Node, target: list[Text], at: list[Text], adds: str) -> None:
        text = self.element(node.operands[1], at)
        self.set_element(node.result, target, text, f"{adds}=")

    def _spread(self, value: Value, at: list[Text], dims: Sequence[KnownDim]) -> list[Text]:
        return [] if isinstance(value.type, Scalar) else self.narrowed(value, at, dims)

    def _conflicts(self, node: Node, dims: Sequence[KnownDim]) -> bool:
        """Does the value read elements of the base that the store will have overwritten by then?"""
        base, value, *index_values = node.operands
        if isinstance(value.type, Scalar) or value not in self.fusion.inlined:
            return False
        at = [ZERO if d == 1 else Text(f"${k}") for k, d in enumerate(dims)]
        with self.dry_run():
            target = tuple(i.text for i in self.place(node.attrs["index"], index_values, at))
            with self.watched() as reads:
                self.element(value, self._spread(value, at, dims))
        touching = [r for r in reads if r.buffer is self.storage.where[base]]
        if "a" in node.attrs["index"]:
            return bool(touching)
        return any(r.index != target for r in touching)

    # --- reductions -------------------------------------------------------------------------------

    def reduce(self, node: Node) -> None:
        x, result = node.operands[0], node.result
        self.prepare(x)
        if isinstance(result.type, Scalar):
            name = self.fresh(result)
            self._reduce_into(node, name, self._start(node), None)
            self.env[result] = Text(f"(float){name}", 80) if self._wide(node) else Text(name)
            return
        axes = node.attrs["axes"]
        last = x.type.rank - 1
        target = self.name_of(result)
        sizes, kept = self.shape(x), [k for k in range(x.type.rank) if k not in axes]
        shape = [sizes[k] for k in kept]
        if last in axes or "better" in node.op.c:
            with self.nest(shape, known=True) as outer:
                name = self.names.fresh("", "t")
                self._reduce_into(node, name, self._start(node), dict(zip(kept, outer)))
                self.set_element(result, outer, Text(name))
            return
        with self.nest(shape, _SIMD, known=True) as outer:
            self.set_element(result, outer, self._start(node))
        order = [*(k for k in kept if k != last), *axes, last]
        with self.nest(sizes, _SIMD, order, known=True) as index:
            here = [index[k] for k in kept]
            self.touch(replace(self.access(result, here), writes=True))
            place = Text(f"{target}[{self.offset(here, shape)}]")
            self._step(node, place, self._once(x, self.element(x, index), node))

    def _start(self, node: Node) -> Text:
        dtype = node.operands[0].type.dtype
        known = node.op.c["start"]
        if known in ("lowest", "highest"):
            return literal((_LOWEST if known == "lowest" else _HIGHEST)[dtype], dtype)
        return literal(float(known) if dtype in FLOATS else int(known), dtype)

    def _reduce_into(
        self, node: Node, name: str, start: Text, outer: dict[int, Text] | None
    ) -> None:
        """One scalar out of the reduced axes, the others standing still at `outer`."""
        x = node.operands[0]
        sizes = self.shape(x)
        if "better" in node.op.c:
            self._search(node, name, start, outer or {})
            return
        dtype = node.result.type.dtype
        wide = self._wide(node)
        if wide:
            start = literal(0.0, F64)
        self.w.line(f"{'double' if wide else LOCAL[dtype]} {name} = {start};", early=True)
        if dtype in FLOATS and "wins" in node.op.c:
            self._extremum(node, name, outer or {})
            return
        pragma = f"#pragma omp simd reduction(+:{name})" if node.op.c["step"] == "{x} + {y}" else ""
        if outer is None and len(sizes) > 1 and self._is_flat(x):
            with self.nest([self.count(sizes)], pragma, known=True) as (i,):
                self._step(node, Text(name), self._once(x, self.element(x, Flat(i)), node))
            return
        fixed = outer or {}
        inner = [Text("1") if k in fixed else n for k, n in enumerate(sizes)]
        with self.nest(inner, pragma, known=True) as index:
            at = [fixed.get(k, i) for k, i in enumerate(index)]
            self._step(node, Text(name), self._once(x, self.element(x, at), node))

    def _extremum(self, node: Node, name: str, outer: dict[int, Text]) -> None:
        """A NaN is looked for beside: the choice alone is what processors do side by side."""
        x, sizes = node.operands[0], self.shape(node.operands[0])
        kind = LOCAL[x.type.dtype]
        odd, candidate = self.names.fresh("odd"), self.names.fresh("", "t")
        # A count of the same type, so that both are as many side by side, in the same instructions.
        self.w.line(f"{kind} {odd} = 0;", early=True)
        clause = node.op.c["clause"]
        inner = [Text("1") if k in outer else n for k, n in enumerate(sizes)]
        pragma = f"#pragma omp simd reduction({clause}:{name}) reduction(+:{odd})"
        with self.nest(inner, pragma, known=True) as index:
            at = [outer.get(k, i) for k, i in enumerate(index)]
            self.w.line(f"const {kind} {candidate} = {self.element(x, at)};")
            better = fill(node.op.c["wins"], {"x": Text(candidate), "y": Text(name)}, C)
            self.w.line(f"{name} = {better} ? {candidate} : {name};")
            one, none = literal(1.0, x.type.dtype), literal(0.0, x.type.dtype)
            self.w.line(f"{odd} += {candidate} != {candidate} ? {one} : {none};")
        self.w.line(f'if ({odd}) {name} = __builtin_nan("");')

    @staticmethod
    def _wide(node: Node) -> bool:
        """Sums of single floats are kept in a double."""
        return node.result.type.dtype == F32 and node.op.c.get("step") == "{x} + {y}"

    def _once(self, x: Value, text: Text, node: Node) -> Text:
        twice = any(template.count("{y}") > 1 for template in node.op.c.values())
        return self._twice(x, text) if twice and not is_simple(text) else text

    def _step(self, node: Node, place: Text, element: Text) -> None:
        template = node.op.c["step"]
        dtype = node.operands[0].type.dtype
        if template in ("{x} + {y}", "{x} * {y}"):
            self.w.line(f"{place} {template[4]}= {element};")
            return
        if dtype not in FLOATS and "int" in node.op.c:
            template = node.op.c["int"]
        template = template.replace("{f}", "f" if dtype == F32 else "")
        self.w.line(f"{place} = {fill(template, {'x': place, 'y': element}, C)};")

    def _search(self, node: Node, name: str, start: Text, outer: dict[int, Text]) -> None:
        """argmax, argmin: the first of the best, NaN before all."""
        x, (axis,) = node.operands[0], node.attrs["axes"]
        dtype = x.type.dtype
        best, candidate = self.names.fresh("best"), self.names.fresh("", "t")
        kind = LOCAL[dtype]
        self.w.line(f"long long {name} = -1;")
        self.w.line(f"{kind} {best} = {start};")
        sizes = self.shape(x)
        inner = [n if k == axis else Text("1") for k, n in enumerate(sizes)]
        with self.nest(inner) as index:
            at = [outer.get(k, i) for k, i in enumerate(index)]
            self.w.line(f"const {kind} {candidate} = {self.element(x, at)};")
            better = fill(node.op.c["better"], {"x": Text(candidate), "y": Text(best)}, C)
            test = f"{name} < 0 || {better}"
            if dtype in FLOATS:
                test = f"{name} < 0 || {better} || ({candidate} != {candidate} && {best} == {best})"
            with self.w.indented(f"if ({test}) {{"):
                self.w.line(f"{best} = {candidate};")
                self.w.line(f"{name} = {index[axis]};")

    # --- other nests ------------------------------------------------------------------------------

    def nonzero(self, node: Node) -> None:
        mask = node.operands[0]
        self.prepare(mask)
        sizes = self.shape(mask)
        names = []
        for r in node.results:
            names.append(self.name_of(r))
            self.allocate(names[-1], I64, sizes)
        count = self.names.fresh("n")
        self.w.line(f"long long {count} = 0;")
        with self.nest(sizes) as index:
            with self.w.indented(f"if ({self.element(mask, index)}) {{"):
                for name, i in zip(names, index):
                    self.w.line(f"{name}[{count}] = {i};")
                self.w.line(f"{count}++;")
        for r in node.results:
            self.lengths[r, 0] = Text(count)

    def order(self, node: Node) -> None:
        """Permutations that sort, and places in what is sorted: calls of helpers."""
        x = node.operands[0]
        assert isinstance(node.op.c, str)
        helper = node.op.c + {F64: "", F32: "f", I64: "i"}[x.type.dtype]
        if len(node.operands) > 1:
            self._searched(node, helper)
            return
        sizes, axis = self.shape(x), node.attrs["axis"]
        work = self.names.fresh("work")
        self.allocate(work, I64, [sizes[axis], Text("2")])
        lanes = [Text("1") if k == axis else n for k, n in enumerate(sizes)]
        step = self.count(sizes[axis + 1 :])
        with self.nest(lanes) as index:
            at = self.offset(index, sizes)
            lane, out = (f"{self.name_of(v)} + {at.at(60)}" for v in (x, node.result))
            self.w.line(f"{helper}({lane}, {sizes[axis]}, {step}, {out}, {work});")

    def _searched(self, node: Node, helper: str) -> None:
        a, v = node.operands
        (n,) = self.shape(a)
        right = int(node.attrs["side"] == "right")
        if isinstance(v.type, Scalar):
            call = Text(f"{helper}({self.name_of(a)}, {n}, {self.text(v)}, {right})")
            self.local(node.result, call)
            return
        with self.nest(self.shape(v)) as index:
            call = Text(f"{helper}({self.name_of(a)}, {n}, {self.element(v, index)}, {right})")
            self.set_element(node.result, index, call)

    def index_array(self, node: Node) -> None:
        """index on an array: each entry is checked and wrapped."""
        i, n = node.operands
        self.prepare(i)
        n_text = self.atom(n)
        number = self.check_number(node.span, "index out of bounds")
        sizes, name = self.shape(node.result), self.name_of(node.result)
        entry = self.names.fresh("", "t")
        with self.nest(sizes) as index:
            self.w.line(f"const long long {entry} = {self.element(i, index)};")
            self.w.line(f"ADC_CHECK({number}, {entry} >= -{n_text} && {entry} < {n_text});")
            at = self.offset(index, sizes)
            self.w.line(f"{name}[{at}] = {entry} < 0 ? {entry} + {n_text} : {entry};")

    def distinct(self, node: Node) -> None:
        """Does no tuple of indices come twice?"""
        name = self.fresh(node.result)
        arrays = node.operands
        rank = max(a.type.rank for a in arrays)
        wide = self._broadcast(arrays, rank)
        sizes = [self.size(d) for d in wide]
        for a in arrays:
            self.prepare(a)
        keys = self.names.fresh("keys")
        total = self.local_text("long long", "count", self.count(sizes))
        self.allocate(keys, I64, [Text(total), Text(str(len(arrays)))])
        with self.nest(sizes) as index:
            at = self.offset(index, sizes)
            for k, a in enumerate(arrays):
                entry = self.element(a, self.narrowed(a, index, wide))
                place = infix("+", infix("*", at, Text(str(len(arrays))), C), Text(str(k)), C)
                self.w.line(f"{keys}[{place}] = {entry};")
        self.w.line(f"const int {name} = adc_distinct({keys}, {total}, {len(arrays)});", name)
        self.env[node.result] = Text(name)

    def local_text(self, kind: str, hint: str, text: Text) -> str:
        name = self.names.fresh(hint)
        self.w.line(f"const {kind} {name} = {text};", name)
        return name
