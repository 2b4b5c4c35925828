"""The Python back end: readable NumPy source that imports only numpy, and runs."""

from .emit import PythonSource, emit_python
from .expressions import KINDS
from .load import load_python

__all__ = ["KINDS", "PythonSource", "emit_python", "load_python"]
