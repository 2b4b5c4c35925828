"""The order of the house: who may import whom, how long a file may be, what is imported at all."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autodiff_compiler"
NAME = PACKAGE.name

# Each floor imports itself and what stands above it. Names in one row are one floor: they may
# import each other, except that nothing imports a face (the last row's `cli` and `interop`).
FLOORS = [
    ["_version", "errors", "collector"],
    ["records"],
    ["signature"],
    ["ir"],
    ["ops"],
    ["frontend"],
    ["transforms"],
    ["lowering"],
    ["backends"],
    ["drawing"],
    ["runtime"],
    ["index"],
    ["pipeline"],
    ["kernel", "stages", "exporting"],
    ["specialize"],
    ["pickling"],
    ["api"],
    ["jacobians"],
    ["testing"],
    ["cli", "contrast", "explain", "lint", "interop"],
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
NOBODY_IMPORTS = {"cli", "interop"}
# The package's own front door and `python -m` stand below everything.
DOORS = {"__init__", "__main__"}

REQUIRED = {"numpy"}
# Imported when used, so that importing the package costs little more than importing NumPy.
LAZY = {
    "black", "scipy", "ziglang", "jax", "torch", "dask", "cloudpickle", "IPython", "matplotlib",
    "pygments", "rich",
}  # fmt: skip
MAX_LINES = 600


def modules():
    """(dotted name, path) of every Python file of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts), path


def imports(tree, module, is_package):
    """(dotted name, line, whether inside a function) of every import in a file."""
    found = []

    def visit(node, inside):
        if isinstance(node, ast.Import):
            found.extend((alias.name, node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                home = module.split(".")
                if is_package:
                    home.append("")
                home = home[: len(home) - node.level]
                base = ".".join(home + ([base] if base else []))
            for alias in node.names:
                # `from package import name` may name a module or something inside one.
                found.append((f"{base}.{alias.name}", node.lineno, inside))
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, False)
    return found


def file_imports(module, path):
    is_package = path.name == "__init__.py"
    name = module.removesuffix(".__init__")
    return imports(ast.parse(path.read_text("utf-8"), str(path)), name, is_package)


def floor_name(dotted):
    """The part of a dotted name that stands on a floor: `ir` of `autodiff_compiler.ir.types`."""
    return dotted.split(".")[1] if "." in dotted else ""


def layering_faults(module, found):
    importer = floor_name(module)
    if importer in DOORS:
        return []
    if importer not in FLOOR_OF:
        return [f"{module}: {importer!r} has no place in the list of floors"]
    faults = []
    for dotted, line, inside in found:
        if dotted.split(".")[0] != NAME:
            continue
        if dotted == NAME and FLOOR_OF[importer] > FLOOR_OF["api"] and inside:
            # Below the API one may use the package as its users do, once it is imported.
            continue
        imported = floor_name(dotted)
        if imported == importer:
            continue
        if imported not in FLOOR_OF:
            faults.append(f"{module}:{line} imports {dotted}, which stands on no floor")
        elif imported in NOBODY_IMPORTS:
            faults.append(f"{module}:{line} imports {imported}, which nothing may import")
        elif FLOOR_OF[imported] > FLOOR_OF[importer]:
            faults.append(f"{module}:{line} imports {imported}, which stands below {importer}")
    return faults


def dependency_faults(module, found):
    faults = []
    for dotted, line, inside in found:
        top = dotted.split(".")[0]
        if top in sys.stdlib_module_names or top == NAME or top in REQUIRED:
            continue
        if top not in LAZY:
            faults.append(f"{module}:{line} imports {top}, which is no dependency")
        elif not inside:
            faults.append(f"{module}:{line} imports {top} outside a function")
    return faults


def test_each_floor_imports_only_what_stands_above_it():
    faults = [f for m, p in modules() for f in layering_faults(m, file_imports(m, p))]
    assert not faults, "\n".join(faults)


def test_imports_outside_the_standard_library():
    faults = [f for m, p in modules() for f in dependency_faults(m, file_imports(m, p))]
    assert not faults, "\n".join(faults)


def test_no_file_of_the_package_is_long():
    lengths = {m: len(p.read_text("utf-8").splitlines()) for m, p in modules()}
    assert lengths
    long = {module: count for module, count in lengths.items() if count > MAX_LINES}
    assert not long, f"over {MAX_LINES} lines: {long}"


# Built here from pieces, so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:" + "|".join(["work", "root", r"home/\w+"]) + ")/")
SKIPPED_FOLDERS = {"__pycache__", "build", "dist", "results"}
TEXT_SUFFIXES = {
    "", ".py", ".md", ".toml", ".txt", ".c", ".h", ".cfg", ".ini", ".json", ".yml", ".yaml",
    ".typed", ".ir",
}  # fmt: skip


def texts(folder=ROOT):
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not hidden and path.name not in SKIPPED_FOLDERS and path.suffix != ".egg-info":
                yield from texts(path)
        elif path.suffix in TEXT_SUFFIXES and path.name != ".git":
            yield path


def test_no_text_names_a_path_of_one_machine():
    faults = []
    for path in texts():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if MACHINE_PATH.search(line):
                faults.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not faults, "\n".join(faults)


# The rules themselves, on imports made up for the purpose.


@pytest.mark.parametrize(
    ("module", "source", "faults"),
    [
        ("autodiff_compiler.ops.table", "from ..ir import types", 0),
        ("autodiff_compiler.ops.table", "from ..frontend import lower", 1),
        ("autodiff_compiler.ops.table", "from .. import pipeline", 1),
        ("autodiff_compiler.ops.table", "from . import records", 0),
        ("autodiff_compiler.ops.table", "def f():\n    import autodiff_compiler.api", 1),
        ("autodiff_compiler.ops.table", "from autodiff_compiler import grad", 1),
        ("autodiff_compiler.ops.table", "import autodiff_compiler", 1),
        ("autodiff_compiler.testing", "def f():\n    from .api import grad", 0),
        ("autodiff_compiler.testing.checks", "def f():\n    import autodiff_compiler as ad", 0),
        ("autodiff_compiler.testing.checks", "import autodiff_compiler as ad", 1),
        ("autodiff_compiler.pipeline", "def f():\n    import autodiff_compiler as ad", 1),
        ("autodiff_compiler.cli", "from . import explain", 0),
        ("autodiff_compiler.explain", "from .cli import main", 1),
        ("autodiff_compiler.cli", "from .interop import jax", 1),
        ("autodiff_compiler.elsewhere", "", 1),
        ("autodiff_compiler.__main__", "from .cli import main", 0),
    ],
)
def test_layering_rule(module, source, faults):
    assert len(layering_faults(module, imports(ast.parse(source), module, False))) == faults


def test_layering_rule_of_a_folder_itself():
    found = imports(
        ast.parse("from . import types\nfrom .. import errors"), "autodiff_compiler.ir", True
    )
    assert [name for name, _, _ in found] == [
        "autodiff_compiler.ir.types",
        "autodiff_compiler.errors",
    ]
    assert layering_faults("autodiff_compiler.ir", found) == []


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("import numpy as np, ast", 0),
        ("import black", 1),
        ("def f():\n    import black", 0),
        ("def f():\n    import pandas", 1),
        ("import scipy.linalg", 1),
    ],
)
def test_dependency_rule(source, faults):
    found = imports(ast.parse(source), "autodiff_compiler.api", False)
    assert len(dependency_faults("autodiff_compiler.api", found)) == faults


def test_machine_path_rule():
    assert MACHINE_PATH.search('open("' + "/wo" + 'rk/data")')
    assert not MACHINE_PATH.search("see docs/work/notes and https://example.org/home/page/")
