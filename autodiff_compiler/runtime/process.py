"""Running a compiler: without a shell, in a private folder, within a time limit."""

from __future__ import annotations

import os
import signal
from pathlib import Path

__all__ = ["run", "TIME_LIMIT"]

#: Seconds that one run of a compiler may take.
TIME_LIMIT = 120.0

#: All that a compiler sees of the environment. CPATH, LIBRARY_PATH and their like stay outside:
#: they change what is compiled without being part of the cache's key.
_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SDKROOT", "DEVELOPER_DIR",
    "MACOSX_DEPLOYMENT_TARGET", "SYSTEMROOT", "XDG_CACHE_HOME",
)  # fmt: skip


def run(argv: list[str], folder: Path, time_limit: float = TIME_LIMIT) -> tuple[int, str, str]:
    """Runs `argv` in `folder`: its exit code, standard output and standard error.

    Whatever ends the wait, Ctrl-C and the time limit included, leaves no process behind.
    Raises TimeoutError, or OSError where the program cannot be started.
    """
    import subprocess

    environment = {k: os.environ[k] for k in _ENVIRONMENT if k in os.environ}
    # Compilers put intermediate files in TMPDIR and forget them when killed: there they go with
    # the folder. LC_ALL keeps their messages in one language.
    environment.update(TMPDIR=str(folder), LC_ALL="C", ZIG_LOCAL_CACHE_DIR=str(folder / "zig"))
    # A Ctrl-C that comes while the process is being made waits until there is one to end.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        raise
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        out, err = process.communicate(timeout=time_limit)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the compiler did not end within {time_limit:g} s") from None
    finally:
        if process.returncode is None:
            _end(process)
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def _end(process) -> None:
    """Ends the compiler and the passes it started, which share its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()
