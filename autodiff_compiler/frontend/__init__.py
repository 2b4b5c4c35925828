"""From Python to the typed graph: `trace`."""

from .captures import NeedsValue
from .entry import Traced, trace

__all__ = ["NeedsValue", "Traced", "trace"]
