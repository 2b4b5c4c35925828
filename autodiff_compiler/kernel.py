"""One specialisation: from a user's function and the types of a call to a plan that can be run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import pipeline
from .backends.c import emit_c
from .collector import collector_waits
from .errors import InternalError, Span, UnsupportedError
from .frontend import Traced, trace
from .ir.build import Rewriter
from .ir.graph import Function, Value, walk
from .ir.show import show
from .ir.types import FLOATS, Array, Scalar
from .runtime.blas import table_address
from .runtime.build import LoadedKernel, load_kernel
from .runtime.compiler import Compiler, find_compiler
from .runtime.plan import Capture, Guard, OutLeaf, Plan
from .runtime.threads import openmp_flags
from .signature import Request, ScalarSpec, Spec, StaticSpec, TreeSpec, leaf_specs

if TYPE_CHECKING:
    from .drawing import Graph

Tree = tuple
Origin = tuple[Callable[..., Any], Request, tuple[Spec, ...]]
_CONTAINERS = ("tuple", "list", "dict", "record")
_DEFECTS = (
    AssertionError, LookupError, AttributeError, ValueError, RecursionError, NotImplementedError,
    StopIteration,
)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A function of the IR with everything that a plan is made of.

    `result` is a tree with ("leaf", k, python) for result k of the function.
    """

    function: Function
    params: tuple[Spec, ...]
    result: Tree
    captures: tuple[Any, ...]
    guards: tuple[Any, ...]
    mutated: tuple[int, ...]
    #: results behind the first `len - writes` ones are the final versions of the mutated parameters
    writes: tuple[int, ...] = ()
    static: dict[str, Any] = field(default_factory=dict)
    #: every call raises: there is no result
    raises: bool = False
    #: attributes that were looked up in modules, classes and objects: (where, name)
    looked: tuple[tuple[Any, str], ...] = ()


def why_it_raises(function: Function) -> str:
    """Of a function whose every call raises, the first check that always fails: ", at line 3: ..."."""
    false = set()
    for node in function.block.nodes:
        if node.op.name == "const" and node.attrs["value"] is False:
            false.add(node.result)
        if node.op.name == "check" and false.intersection(node.operands):
            return f", at line {node.span.lineno}: {node.attrs.get('reason') or 'raise'}"
    return ""


@contextmanager
def defects(name: str) -> Iterator[None]:
    """Turns what can only be a defect of this package into a refusal. A TypeError with which the
    user is told of a wrong argument or result passes."""
    try:
        yield
    except _DEFECTS as error:
        if pipeline.checking():
            raise
        raise InternalError(
            f"the compiler failed on `{name}` ({type(error).__name__}: {error})",
            hint="this is a defect of autodiff_compiler; please report the function",
        ) from error


class Kernel:
    """A compiled specialisation.

    `source` (NumPy Python), `c_source` (C) and `ir` are texts; `graph()` is a picture; `plan` is
    what the launcher runs. `origin`: what it was made from, as `build` was given it.
    """

    def __init__(
        self, program: Program, backend: str, name: str, origin: Origin | None = None,
        threads: int = 1,
    ):  # fmt: skip
        self.program = program
        self.backend = backend
        self.name = name
        self.origin = origin
        self.threads = threads
        #: with backend="c", when there is a plan
        self.loaded: LoadedKernel | None = None

    @cached_property
    def python(self) -> Any:
        from .backends.python import emit_python  # what runs as C does without

        with defects(self.name):
            return emit_python(self.program.function, self.name)

    @property
    def source(self) -> str:
        """The kernel as NumPy Python: what runs with backend="python"."""
        return self.python.text

    @cached_property
    def c(self) -> Any:
        # Only what the C library here has vector forms of is declared so.
        compiler = find_compiler()
        vector = {} if compiler is None else {"vector_math": _vector_forms(compiler)}
        symbol = f"adc_{self.name}"
        _backend_for(self.program.function, fallback=False)
        with defects(self.name), collector_waits():
            return emit_c(
                self.program.function, symbol, frozenset(self.program.writes),
                threads=self.threads, **vector,
            )  # fmt: skip

    @property
    def c_source(self) -> str:
        """The kernel as C99: what runs with backend="c"."""
        return self.c.text

    @cached_property
    def ir(self) -> str:
        """The kernel's typed graph."""
        return show(self.program.function)

    def graph(self, stage: str = "adjoint", detail: str = "auto") -> Graph:
        """The kernel's graph as a picture, which a notebook shows as it is.

        stage   "primal" (the function itself), "adjoint" (with its adjoint, rule by rule) or
                "optimised" (simplified: what runs)
        detail  "operations", "lines" (the operations of a source line share a box), or "auto"

        Of what has no derivative there is no adjoint; "adjoint" then gives the function itself.
        """
        from .stages import drawn, staged

        assert self.origin is not None
        function, request, specs = self.origin
        with defects(self.name):
            if stage == "optimised":
                return drawn(self.program, function, request, specs, stage, detail)
            if stage == "adjoint" and request.kind == "compile":
                stage = "primal"
            return staged(function, request, specs, stage, detail)

    def _repr_html_(self) -> str:
        return self.graph()._repr_html_()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {**self.graph()._repr_mimebundle_(), "text/plain": repr(self)}

    def export_c(
        self, folder: str | os.PathLike[str], *, name: str | None = None, force: bool = False,
        workspace_only: bool = False,
    ) -> Any:  # fmt: skip
        """Writes the function and its gradient as C99 into the folder: NAME.c, NAME.h, main.c.

        See `autodiff_compiler.exporting.export` for the options, the result and what it raises.
        """
        from .exporting import export

        assert self.origin is not None
        function, request, specs = self.origin
        options: dict[str, Any] = {"name": name, "force": force, "workspace_only": workspace_only}
        return export(function, request, specs, folder, **options)

    @cached_property
    def plan(self) -> Plan:
        program = self.program
        entry, checks = self._entry()
        native = isinstance(entry, int)
        count = len(program.function.results) - len(program.writes)
        return Plan(
            name=self.name,
            params=program.params,
            captures=tuple(Capture(source, spec) for source, spec in program.captures),
            guards=tuple(Guard(*guard) for guard in program.guards),
            outputs=tuple(_out_leaves(program, count)),
            result=_plain(program.result),
            writes=program.writes,
            mutated=program.mutated,
            checks=checks,
            entry=entry,
            table=table_address() if native and "call->table" in self.c.text else 0,
            span=program.static.get("span", Span("<unknown>", 0, 0, 0, 0)),
        )

    def _entry(self) -> tuple[Any, tuple[Any, ...]]:
        if self.backend == "python":
            from .backends.python import load_python

            run = load_python(self.python, self.name)
            writes = self.program.writes
            return (_writing(run, writes) if writes else run), tuple(self.python.checks)
        flags = openmp_flags() if "omp parallel" in self.c.text else ()
        loaded = load_kernel(self.c.text, self.c.symbol, extra_flags=(*self.c.flags, *flags))
        self.loaded = loaded
        return loaded.address, tuple(self.c.checks)


def _vector_forms(compiler: Compiler) -> tuple[str, ...]:
    return compiler.vector_math if compiler.vector_prototypes else ()


def _writing(run: Callable[..., tuple], writes: Sequence[int]) -> Callable[..., tuple]:
    """The last results of `run` are the final versions of the leaves `writes`: they go back there."""

    def entry(*leaves: Any) -> tuple:
        results = run(*leaves)
        count = len(results) - len(writes)
        elsewhere = [(k, v) for k, v in zip(writes, results[count:]) if v is not leaves[k]]
        # Two arrays may have traded places.
        for k, v in [(k, v.copy()) for k, v in elsewhere]:
            leaves[k][...] = v
        return results[:count]

    return entry


def _out_leaves(program: Program, count: int) -> Iterator[OutLeaf]:
    flavours = dict(leaf_flavours(program.result))
    for k, value in enumerate(program.function.results[:count]):
        kind = "array" if isinstance(value.type, Array) else "scalar"
        rank = value.type.rank if isinstance(value.type, Array) else 0
        yield OutLeaf(kind, value.type.dtype, flavours.get(k, False), rank)


def leaf_flavours(tree: Tree) -> Iterator[tuple[int, bool]]:
    if tree[0] == "leaf":
        yield tree[1], tree[2]
    elif tree[0] in _CONTAINERS:
        for part in tree[-1]:
            yield from leaf_flavours(part)


def _plain(tree: Tree) -> Tree:
    """The tree as a plan has it: flavours are with the outputs."""
    if tree[0] == "leaf":
        return ("leaf", tree[1])
    if tree[0] in _CONTAINERS:
        return (*tree[:-1], [_plain(part) for part in tree[-1]])
    return tree


# --- programs -----------------------------------------------------------------------------------


def build(
    function: Callable[..., Any], request: Request, specs: Sequence[Spec], backend: str,
    watch: pipeline.Watch | None = None, fallback: bool = False, threads: int = 1,
) -> Kernel:  # fmt: skip
    """Compiles `function` for arguments of these types. Raises CompileError, or TypeError if the
    arguments or the result cannot be differentiated.

    `fallback`: what has no form in C is compiled to Python. `threads`: how many big loops may take.
    """
    name = getattr(function, "__name__", "this function")
    with defects(name):
        program = make_program(function, request, tuple(specs), watch, backend == "c")
    if backend == "c" and _backend_for(program.function, fallback) == "python":
        # People who read the Python want the loops that they wrote.
        with defects(name):
            program, backend = make_program(function, request, tuple(specs), watch), "python"
    elif backend == "c":
        with defects(name):
            made = pipeline.run(program.function, pipeline.final_passes(), watch)
            program = replace(program, function=made)
    name = getattr(function, "__name__", "function")
    name = name if name.isidentifier() else "function"
    prefix = {"compile": "", "grad": "grad_", "value_and_grad": "value_and_grad_", "vjp": "vjp_"}
    origin = (function, request, tuple(specs))
    return Kernel(program, backend, prefix[request.kind] + name, origin, threads)


def _backend_for(function: Function, fallback: bool) -> str:
    """ "c", or "python" where an op has no form in C and that is allowed."""
    for node in walk(function.block):
        if node.op.kind == "linalg" and node.op.c is None:
            if fallback:
                return "python"
            raise UnsupportedError(
                f"{node.op.spellings[0]} has no form in C: the signs of its vectors are NumPy's own",
                node.span,
                'use backend="auto" or "python", or only the values (np.linalg.eigvalsh, svdvals)',
            )
    return "c"


def make_program(
    function: Callable[..., Any], request: Request, specs: tuple[Spec, ...],
    watch: pipeline.Watch | None = None, fast: bool = False,
) -> Program:  # fmt: skip
    """Traces the function, or what another transform made of it, and transforms that."""
    inner = getattr(function, "__autodiff__", None)
    if inner is not None and inner["kind"] != "compile":
        program = make_program(inner["function"], inner["request"], specs, fast=fast)
        if inner["request"].kind == "compile":
            program = replace(program, writes=())
    else:
        target = inner["function"] if inner is not None else function
        traced = trace(target, specs, derive=derive, keep_writes=request.kind == "compile")
        program = _from_traced(traced, specs, request.kind == "compile")
    if watch is not None:
        watch("trace", program.function)
    if request.kind == "compile":
        made = pipeline.run(program.function, pipeline.primal_passes(fast), watch)
        return replace(program, function=made)
    return differentiate(program, request, specs, watch, fast)


def _from_traced(traced: Traced, specs: tuple[Spec, ...], keep_writes: bool) -> Program:
    return Program(
        traced.function, specs, traced.result, tuple(traced.captures), tuple(traced.guards),
        tuple(traced.mutated), tuple(traced.mutated) if keep_writes else (), raises=traced.raises,
        looked=tuple(traced.looked),
    )  # fmt: skip


_ANY: Tree = ("static", 0.0)


def differentiate(
    program: Program, request: Request, specs: tuple[Spec, ...], watch: pipeline.Watch | None,
    fast: bool = False,
) -> Program:  # fmt: skip
    """The program of value and gradient, or of a pullback, of `program`."""
    leaves = differentiable_leaves(specs, request.wrt)
    # What always raises stops at its check, whatever would be returned.
    value, aux = (_ANY, None) if program.raises else value_and_aux(program.result, request)
    keep = [] if request.kind == "vjp" else [k for k, _ in leaf_flavours(program.result)]
    if request.kind == "grad":
        keep = [k for k, _ in leaf_flavours(aux)] if aux else []
    seeds = _seeds(program, value, request)
    passes = pipeline.gradient_passes(leaves, seeds, keep, request.kind == "vjp", fast)
    function = pipeline.run(program.function, passes, watch)
    renumbered = {old: new for new, old in enumerate(keep)}
    gradients = _gradient_tree(specs, request, len(keep))
    if request.kind == "vjp":
        result = gradients
    elif request.kind == "grad":
        result = ("tuple", [gradients, _renumber(aux, renumbered)]) if aux else gradients
    else:
        result = ("tuple", [_renumber(program.result, renumbered), gradients])
    return replace(program, function=function, result=result)


def differentiable_leaves(specs: Sequence[Spec], wrt: Sequence[int]) -> list[int]:
    """The leaf numbers of the parameters to differentiate. Raises TypeError if one is no float."""
    firsts, count = [], 0
    for spec in specs:
        firsts.append(count)
        count += sum(1 for _ in leaf_specs(spec))
    out = []
    for k in wrt:
        found = list(_told_leaves(specs[k]))
        for leaf, in_record in found:
            if leaf.dtype not in FLOATS and not in_record:
                raise TypeError(
                    f"argument {k} holds {leaf}, which cannot be differentiated: pass a float"
                )
        floats = [firsts[k] + j for j, (leaf, _) in enumerate(found) if leaf.dtype in FLOATS]
        if not floats:
            raise TypeError(_holds_no_float(k, specs[k]))
        out += floats
    return out


def _told_leaves(spec: Spec, in_record: bool = False) -> Iterator[tuple[Any, bool]]:
    """The leaves of a spec, and whether each stands in a NamedTuple or dataclass: what is no float
    there is a setting, and no mistake."""
    if isinstance(spec, TreeSpec):
        for item in spec.items:
            yield from _told_leaves(item, in_record or spec.cls is not None)
    elif not isinstance(spec, StaticSpec):
        yield spec, in_record


def _holds_no_float(k: int, spec: Spec) -> str:
    if isinstance(spec, StaticSpec) and spec.by_identity and not hasattr(spec.value, "__name__"):
        name = type(spec.value).__name__
        return (
            f"argument {k} is a `{name}`, which cannot be differentiated: make the class a dataclass"
            " or a NamedTuple, or pass its numbers in a tuple or dict"
        )
    return f"argument {k} ({spec}) holds no float to differentiate"


def value_and_aux(result: Tree, request: Request) -> tuple[Tree, Tree | None]:
    if not request.has_aux:
        return result, None
    if result[0] != "tuple" or len(result[1]) != 2:
        raise TypeError("with has_aux=True the function returns a pair (value, aux)")
    return result[1][0], result[1][1]


def _seeds(program: Program, value: Tree, request: Request) -> list[int]:
    """The results whose cotangents drive the sweep."""
    results = program.function.results
    if request.kind == "vjp":
        return [k for k, _ in leaf_flavours(value) if results[k].type.dtype in FLOATS]
    if value[0] == "leaf":
        t = results[value[1]].type
        if t.dtype in FLOATS and (isinstance(t, Scalar) or t.rank == 0):
            return [value[1]]
        way = "; take its sum or mean, or use vjp" if isinstance(t, Array) and t.rank else ""
        raise TypeError(
            f"the gradient is that of a scalar float, and this function returns {t}{way}"
        )
    if value[0] == "static" and isinstance(value[1], float):
        return []
    raise TypeError("the gradient is that of a scalar float, and this function returns none")


def _gradient_tree(specs: Sequence[Spec], request: Request, first: int) -> Tree:
    numbers = iter(range(first, 10**9))

    def tree(spec: Spec, in_record: bool) -> Tree:
        if isinstance(spec, TreeSpec):
            parts = [tree(item, in_record or spec.cls is not None) for item in spec.items]
            if spec.cls is not None:
                names = spec.keys if spec.kind == "dataclass" else None
                return ("record", (spec.cls, names), parts)
            return ("dict", spec.keys, parts) if spec.kind == "dict" else (spec.kind, parts)
        if isinstance(spec, StaticSpec):
            # A mode or a function stays in its field; numbers there have no derivative.
            number = isinstance(spec.value, (int, float, np.generic))
            return ("static", spec.value if in_record and not number else None)
        if spec.dtype not in FLOATS:
            return ("static", None)
        return ("leaf", next(numbers), isinstance(spec, ScalarSpec) and spec.python)

    parts = [tree(specs[k], False) for k in request.wrt]
    return parts[0] if request.single else ("tuple", parts)


def _renumber(tree: Tree, numbers: dict[int, int]) -> Tree:
    if tree[0] == "leaf":
        return ("leaf", numbers[tree[1]], tree[2])
    if tree[0] in _CONTAINERS:
        return (*tree[:-1], [_renumber(part, numbers) for part in tree[-1]])
    return tree


def derive(kind: str, function: Function, wrt: Sequence[int], has_aux: bool = False) -> Function:
    """What the front end asks for where a traced function calls `grad(g)`: the function that gives
    all results of `function`, then the gradient of its first result by the parameters `wrt`."""
    first = function.results[0].type
    if first.dtype not in FLOATS or isinstance(first, Array) and first.rank:
        raise UnsupportedError(f"the gradient is that of a scalar float, not of {first}")
    keep = list(range(len(function.results)))
    return pipeline.run(function, pipeline.gradient_passes(wrt, [0], keep))


def move_params(function: Function, order: Sequence[int]) -> Function:
    """The function with its parameters in another order."""
    block = Rewriter().run(function).block
    params: list[Value] = [block.params[k] for k in order]
    return function.with_block(replace(block, params=tuple(params)))
