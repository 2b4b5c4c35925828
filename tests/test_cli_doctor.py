"""`cache` and `doctor`: what they say, what they remove, and the codes they exit with."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from autodiff_compiler.cli import main
from autodiff_compiler.cli.cache import size_text
from autodiff_compiler.runtime.cache import Cache, digest
from tests.c_kernels import needs_compiler

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache folder of this test's own, which is not there yet."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "kernels"
    monkeypatch.setenv("AUTODIFF_COMPILER_CACHE_DIR", str(folder))
    return folder


def entry(folder, name, size=3000):
    cache = Cache(folder)
    with cache.workspace() as work:
        (work / "kernel.so").write_bytes(b"x" * size)
        return cache.publish(digest(name), work, ["kernel.so"])


def say(capsys, *arguments):
    capsys.readouterr()
    code = main(list(arguments))
    done = capsys.readouterr()
    assert "Traceback" not in done.out + done.err
    return code, done.out, done.err


def run(*arguments, **environment):
    kept = {k: v for k, v in os.environ.items() if k not in ("CC", "AUTODIFF_COMPILER_CC")}
    return subprocess.run(
        [sys.executable, "-m", "autodiff_compiler", *arguments],
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
    )


# --- cache --------------------------------------------------------------------------------------


def test_a_cache_that_is_not_there_is_not_made(place, capsys):
    for action in ("info", "clear"):
        code, out, _ = say(capsys, "cache", action)
        assert code == 0 and str(place) in out and "not there" in out
    assert not place.exists()


def test_info(place, capsys, monkeypatch):
    place.mkdir(mode=0o700)
    entry(place, "a")
    entry(place, "b")
    monkeypatch.setenv("AUTODIFF_COMPILER_CACHE_SIZE", str(5 << 20))
    code, out, _ = say(capsys, "cache", "info")
    said = dict(line.split(None, 1) for line in out.splitlines())
    assert code == 0
    assert said["folder"] == str(place)
    assert said["entries"] == "2"
    assert said["size"].endswith("KiB") and 6000 / 1024 < float(said["size"].split()[0]) < 8
    assert said["limit"].startswith("5.0 MiB")


def test_clear_removes_what_is_ours_and_nothing_else(place, capsys):
    place.mkdir(mode=0o700)
    kept = entry(place, "a"), entry(place, "broken")
    (kept[1] / "manifest.json").write_text("no manifest")
    (place / "letters").mkdir()
    (place / "letters" / "one").write_text("dear")
    (place / ("f" * 63)).write_text("not quite a key")
    with Cache(place).workspace() as building:
        code, out, _ = say(capsys, "cache", "clear")
        assert building.is_dir()
    assert code == 0 and "removed 2 entries" in out
    assert "letters" in out and "f" * 63 in out and str(place) in out
    assert not any(path.exists() for path in kept)
    assert (place / "letters" / "one").read_text() == "dear"
    assert (place / ("f" * 63)).exists()
    assert "removed 0 entries" in say(capsys, "cache", "clear")[1]


def test_clear_removes_abandoned_work(place, capsys):
    place.mkdir(mode=0o700)
    # A process that has ended: its number is free again.
    code = (
        "from autodiff_compiler.runtime.cache import Cache; from pathlib import Path; import os\n"
        f"c = Cache(Path({str(place)!r})).workspace(); c.__enter__(); os._exit(0)"
    )
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
    assert len(list(place.iterdir())) == 1
    say(capsys, "cache", "clear")
    assert list(place.iterdir()) == []


def test_a_folder_that_others_may_write_to_is_not_touched(place, capsys):
    place.mkdir()
    (place / digest("a")).mkdir()
    place.chmod(0o777)
    for action in ("info", "clear"):
        code, out, err = say(capsys, "cache", action)
        assert code == 2 and out == "" and "can be written by other users" in err
    assert (place / digest("a")).is_dir()


def test_a_kernel_is_compiled_again_after_clear(place, capsys):
    place.mkdir(mode=0o700)
    entry(place, "a")
    say(capsys, "cache", "clear")
    assert Cache(place).find(digest("a")) is None
    assert entry(place, "a").is_dir() and Cache(place).find(digest("a"))


def test_sizes_for_people():
    assert [size_text(n) for n in (0, 1023, 1024, 512 << 20, 3 << 30)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "512.0 MiB", "3.0 GiB",
    ]  # fmt: skip


# --- doctor -------------------------------------------------------------------------------------


@needs_compiler
def test_all_is_well(place):
    done = run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Kernels run as C.\n") and done.stderr == ""
    for subject in ("C compiler", "vector math", "OpenMP", "headers", "BLAS", "black", "cache"):
        assert f"\n{subject}" in done.stdout
    assert "compiled, loaded and ran" in done.stdout and str(place) in done.stdout


no_zig = pytest.mark.skipif(find_spec("ziglang") is not None, reason="a compiler from PyPI")


@no_zig
def test_no_compiler(place):
    done = run("doctor", PATH="")
    assert done.returncode == 1
    assert "no C compiler was found" in done.stdout.splitlines()[-1]
    assert "-> install gcc or clang" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_compiler_that_is_switched_off(place):
    done = run("doctor", AUTODIFF_COMPILER_CC="none")
    assert done.returncode == 1
    assert "AUTODIFF_COMPILER_CC" in done.stdout.splitlines()[-1]
    assert "install gcc" not in done.stdout


@no_zig
def test_a_compiler_that_fails(place, tmp_path):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    done = run("doctor", AUTODIFF_COMPILER_CC=str(broken), PATH="")
    assert done.returncode == 1 and "Kernels run as Python" in done.stdout


def test_a_cache_that_cannot_be_used(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    done = run("doctor", AUTODIFF_COMPILER_CACHE_DIR=str(shared))
    assert "can be written by other users" in done.stdout
    assert "AUTODIFF_COMPILER_CACHE_DIR" in done.stdout
