"""Compiling without Python's collector of cycles. Imports nothing."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_waits"]

_waiting: list[bool] = []
_lock = threading.Lock()


@contextmanager
def collector_waits() -> Iterator[None]:
    """Python's collector of cycles does not run meanwhile, in any thread.

    A compilation makes hundreds of thousands of objects and next to no cycles among them; looking
    through them again and again took up to a third of its time.
    """
    with _lock:
        _waiting.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            # The first to come knows how it was, and the last to go puts it back.
            was_enabled = _waiting[0]
            _waiting.pop()
            if was_enabled and not _waiting:
                gc.enable()
