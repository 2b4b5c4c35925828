"""Which C compiler there is, and what it can do. Found out once, then read from the cache."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import CompileError
from .cache import Cache, default_cache, digest
from .process import run

__all__ = ["Compiler", "find_compiler", "resolve_backend", "cpu_features", "VECTOR_FUNCTIONS"]

_BASE_FLAGS = (
    "-O2", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd",
    # Off, so that both back ends round alike.
    "-ffp-contract=off",
    # Unrolls the loops of known length that GCC ends sums of vectors with.
    "-fpeel-loops",
    # How fast a short loop runs can hang on where it begins, so that is not left to chance.
    "-falign-loops=64",
    "-fPIC", "-shared",
)  # fmt: skip
#: Flags that some compiler or machine may not know, in the order in which they are given up.
_OPTIONAL_FLAGS = (
    "-falign-loops=64", "-fpeel-loops", "-march=native", "-fopenmp-simd", "-fno-trapping-math",
)  # fmt: skip

#: Functions of one or two doubles that a vector library may have; the float ones end in `f`.
VECTOR_FUNCTIONS = {
    "exp": 1, "log": 1, "sin": 1, "cos": 1, "tan": 1, "tanh": 1, "sinh": 1, "cosh": 1, "asin": 1,
    "acos": 1, "atan": 1, "erf": 1, "log1p": 1, "expm1": 1, "cbrt": 1, "log2": 1, "log10": 1,
    "exp2": 1, "pow": 2, "atan2": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler that has compiled. `argv + flags + [files] + libs` is a command for a library."""

    argv: tuple[str, ...]
    kind: str  # "gcc", "clang" or "zig"
    version: str
    flags: tuple[str, ...]
    libs: tuple[str, ...] = ("-lm",)
    #: C names ("exp", "expf", ...) that loops can call for a whole vector.
    vector_math: tuple[str, ...] = ()
    #: The program file: path, size and time of change.
    stamp: str = ""

    @property
    def has_vector_math(self) -> bool:
        return bool(self.vector_math)

    @property
    def vector_prototypes(self) -> bool:
        """Vector calls need `#pragma omp declare simd` on the prototypes (clang has a flag)."""
        return bool(self.vector_math) and "-fveclib=libmvec" not in self.flags

    @property
    def identity(self) -> str:
        """All that makes its output what it is."""
        return "\0".join(
            (self.stamp, self.version, *self.argv, *self.flags, *self.libs, cpu_features())
        )


def cpu_features() -> str:
    """What `-march=native` depends on."""
    global _cpu
    if not _cpu:
        _cpu = _read_cpu_features()
    return _cpu


_cpu = ""


def _read_cpu_features() -> str:
    wanted = {
        "vendor_id",
        "cpu family",
        "model",
        "flags",
        "Features",
        "CPU implementer",
        "CPU part",
    }
    found = {}
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            for line in lines:  # the first processor's: the file grows with their number
                name, _, value = line.partition(":")
                if not line.strip():
                    break
                if name.strip() in wanted:
                    found[name.strip()] = value.strip()
    except OSError:
        pass
    if not found:
        import platform

        return f"{platform.machine()} {platform.processor()}"
    return digest(*(f"{k}={v}" for k, v in sorted(found.items())))


_found: dict[tuple, Compiler | None] = {}


def find_compiler() -> Compiler | None:
    """The compiler to use, or None. AUTODIFF_COMPILER_CC overrides CC; empty or "none": there is none."""
    names = ("AUTODIFF_COMPILER_CC", "CC", "PATH")
    wanted = tuple(map(os.environ.get, names))
    if wanted not in _found:
        _found[wanted] = _search()
    return _found[wanted]


def resolve_backend(backend: str) -> str:
    """ "auto" becomes "c" where a compiler is found. Raises ValueError, or CompileError for "c" without one."""
    if backend not in ("auto", "c", "python"):
        raise ValueError(f'backend is "auto", "c" or "python", not {backend!r}')
    if backend == "python":
        return backend
    found = find_compiler() is not None
    if backend == "c" and not found:
        raise CompileError(
            'no C compiler was found for backend="c"',
            hint='install gcc or clang, set CC, or use backend="auto"',
        )
    return "c" if found else "python"


def _search() -> Compiler | None:
    override = os.environ.get("AUTODIFF_COMPILER_CC")
    if override is not None and override.strip().lower() in ("", "none"):
        return None
    cache = default_cache()
    for argv in _candidates(override):
        stamp = _stamp(argv)
        if stamp:
            compiler = _probed(cache, argv, stamp)
            if compiler is not None:
                return compiler
    return None


def _candidates(override: str | None):
    import shlex

    for wanted in (override or os.environ.get("CC", ""), "cc", "gcc", "clang"):
        try:
            words = shlex.split(wanted)
        except ValueError:
            continue
        program = _resolve(words[0]) if words else None
        if program:
            yield (program, *words[1:])
    zig = _zig()
    if zig:
        yield zig


def _resolve(name: str) -> str | None:
    """A program's absolute path. A path relative to the working folder is never one."""
    if os.path.isabs(name):
        return name if os.access(name, os.X_OK) else None
    if os.sep in name:
        return None
    import shutil

    folders = [p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(p)]
    return shutil.which(name, path=os.pathsep.join(folders))


def _zig() -> tuple[str, ...] | None:
    """The compiler in the `ziglang` package from PyPI."""
    from importlib.util import find_spec

    spec = find_spec("ziglang")
    if spec is None or not spec.origin:
        return None
    program = Path(spec.origin).parent / "zig"
    if os.access(program, os.X_OK):  # one start of Python less than `python -m ziglang`
        return (str(program), "cc")
    return (sys.executable, "-m", "ziglang", "cc")


def _stamp(argv: tuple[str, ...]) -> str:
    path = os.path.realpath(argv[0])
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def _probed(cache: Cache, argv: tuple[str, ...], stamp: str) -> Compiler | None:
    key = digest("compiler", "1", stamp, *argv, *_BASE_FLAGS, cpu_features())
    entry = cache.find(key)
    if entry is not None:
        known = _read_probe(entry / "compiler.json", argv, stamp)
        if known is not None:
            return known
    try:
        with cache.workspace() as folder:
            compiler = _probe(argv, stamp, folder)
            if compiler is not None:
                import json

                (folder / "compiler.json").write_text(json.dumps(asdict(compiler)), "ascii")
                cache.publish(key, folder, ["compiler.json"])
            return compiler
    except (OSError, TimeoutError):
        return None


def _read_probe(path: Path, argv: tuple[str, ...], stamp: str) -> Compiler | None:
    import json

    try:
        record: Any = json.loads(path.read_bytes())
        fields: dict[str, Any] = {k: tuple(v) if type(v) is list else v for k, v in record.items()}
        known = Compiler(**fields)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    # What is run comes from the environment, never from the cache.
    return known if known.argv == argv and known.stamp == stamp else None


def _probe(argv: tuple[str, ...], stamp: str, folder: Path) -> Compiler | None:
    code, version, _ = run([*argv, "--version"], folder)
    if code:
        return None
    kind = "zig" if "zig" in argv[-1] or argv[-1] == "cc" and "zig" in argv[0] else "gcc"
    if kind == "gcc" and "clang" in version.lower():
        kind = "clang"
    flags = _working_flags(argv, kind, folder)
    if flags is None:
        return None
    flags, functions = _vector_math(argv, kind, flags, folder)
    first = version.strip().splitlines()[0] if version.strip() else ""
    return Compiler(argv, kind, first, flags, vector_math=functions, stamp=stamp)


def _working_flags(argv: tuple[str, ...], kind: str, folder: Path) -> tuple[str, ...] | None:
    source = folder / "probe.c"
    source.write_text(
        "#pragma omp declare simd\ndouble f(double);\nint adc_probe(void) { return 0; }\n"
    )
    flags = list(_BASE_FLAGS)
    if kind == "zig":
        flags.append("-fno-sanitize=undefined")
    for given_up in (None, *_OPTIONAL_FLAGS):
        if given_up:
            flags.remove(given_up)
        code, _, _ = run(
            [*argv, *flags, "-o", str(folder / "probe.so"), str(source), "-lm"], folder
        )
        if code == 0:
            return tuple(flags)
    return None


def _vector_math(argv, kind: str, flags: tuple[str, ...], folder: Path):
    """The flags to use, and the functions that a loop then calls by vectors and that link."""
    if kind == "clang":
        flags = (*flags, "-fveclib=libmvec")
    names = [n + end for n in VECTOR_FUNCTIONS for end in ("", "f")]
    for _ in range(3):
        names = _called_by_vectors(argv, flags, names, kind == "gcc", folder)
        if not names:
            break
        missing = _unlinkable(argv, flags, names, kind == "gcc", folder)
        if not missing:
            return flags, tuple(names)
        names = [n for n in names if n not in missing]
    return tuple(f for f in flags if f != "-fveclib=libmvec"), ()


def _loops(names: list[str], prototypes: bool) -> str:
    lines = []
    for name in names:
        kind = "double" if name in VECTOR_FUNCTIONS else "float"
        plain = name if name in VECTOR_FUNCTIONS else name.removesuffix("f")
        two = VECTOR_FUNCTIONS[plain] == 2
        if prototypes:
            lines.append("#pragma omp declare simd notinbranch")
        lines.append(f"extern {kind} {name}({kind}{', ' + kind if two else ''});")
        arrays = ", ".join(f"{kind} *restrict {a}" for a in "zxy")
        lines.append(f"void adc_{name}_loop({arrays}, long n) {{")
        lines.append("  #pragma omp simd")
        lines.append(
            f"  for (long i = 0; i < n; i++) z[i] = {name}(x[i]{', y[i]' if two else ''});\n}}"
        )
    return "\n".join(lines) + "\n"


def _called_by_vectors(argv, flags, names: list[str], prototypes: bool, folder: Path) -> list[str]:
    import re

    (folder / "vector.c").write_text(_loops(names, prototypes))
    wanted = [f for f in flags if f != "-shared"]
    code, _, _ = run([*argv, *wanted, "-S", "-o", "vector.s", "vector.c"], folder)
    if code:
        return []
    text = (folder / "vector.s").read_text("ascii", "replace")
    called = set(re.findall(r"_ZGV\w\w\d+v+_(\w+)", text))
    return [n for n in names if n in called]


def _unlinkable(argv, flags, names: list[str], prototypes: bool, folder: Path) -> set[str]:
    """The functions whose vector forms the C library lacks: a kernel with them would not load."""
    import re

    (folder / "vector.c").write_text(_loops(names, prototypes))
    command = [*argv, *flags, "-Wl,--no-undefined", "-o", "vector.so", "vector.c", "-lm"]
    code, _, errors = run(command, folder)
    if code == 0:
        return set()
    return set(re.findall(r"_ZGV\w\w\d+v+_(\w+)", errors)) or set(names)
