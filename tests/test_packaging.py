"""What the wheel holds, and that its parts agree."""

import fnmatch
import tomllib
from pathlib import Path

import autodiff_compiler
from autodiff_compiler import _version

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autodiff_compiler"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_there_is_one_version():
    assert autodiff_compiler.__version__ == _version.__version__


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_every_file_of_the_package_is_in_the_wheel():
    patterns = [*PROJECT["tool"]["setuptools"]["package-data"]["*"], "*.py"]
    files = [p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    left_out = [p for p in files if not any(fnmatch.fnmatch(p.name, q) for q in patterns)]
    assert not left_out
    # Only folders with an `__init__.py` are packages, and only packages are packed.
    assert not {p.parent for p in files if not (p.parent / "__init__.py").is_file()}
