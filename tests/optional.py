"""Packages that the suite can do without, except where continuous integration runs it."""

import importlib
import os

import pytest


def optional(name):
    """The imported package. Without it the tests that need it are skipped; under CI=1 they fail."""
    if os.environ.get("CI") == "1":
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"{name} is not installed")
