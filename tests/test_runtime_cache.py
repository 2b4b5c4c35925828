"""The cache and the compiler: every rule that keeps a wrong or foreign kernel from being loaded."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from autodiff_compiler.errors import CompileError
from autodiff_compiler.runtime import build, cache, compiler, folders, process
from autodiff_compiler.runtime.abi import KERNEL_PRELUDE

ROOT = Path(__file__).resolve().parent.parent
CC = compiler.find_compiler()
needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler")

KERNEL = KERNEL_PRELUDE + (
    "int twice(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)"
    " { out[0].f = 2 * in[0].f; return 0; }\n"
)

# A process that loads a kernel and calls it through a dispatcher.
USE = (
    f"""
import json, sys
sys.path.insert(0, {str(ROOT)!r})
from autodiff_compiler.runtime import build
from autodiff_compiler.runtime.launcher import make_dispatcher
from autodiff_compiler.runtime.plan import OutLeaf, Plan
from autodiff_compiler.signature import ScalarSpec
kernel = build.load_kernel({KERNEL!r}, "twice")
leaf = (OutLeaf("scalar", "f64", True),)
plan = Plan("twice", (ScalarSpec("f64"),), (), (), leaf, ("leaf", 0), (), (), (), kernel.address)
call = make_dispatcher(lambda x: 2 * x, lambda args: plan)
"""
    + """
print(json.dumps({"value": call(21.0), "hit": kernel.from_cache, "path": kernel.path}))
"""
)


def environment(folder, **more):
    variables = dict(os.environ, AUTODIFF_COMPILER_CACHE_DIR=str(folder))
    variables.update({k: str(v) for k, v in more.items()})
    return variables


def use(folder, **more):
    done = subprocess.run(
        [sys.executable, "-c", USE], env=environment(folder, **more), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def litter(folder):
    return [p.name for p in Path(folder).iterdir() if not cache._KEY.fullmatch(p.name)]


@pytest.fixture
def logged_compiler(tmp_path):
    """A compiler that writes a line for each run, and the file with the lines."""
    log, script = tmp_path / "log", tmp_path / "cc"
    log.touch()
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {CC.argv[0]} "$@"\n')
    script.chmod(0o755)
    return script, log


# -- processes ----------------------------------------------------------------------------------


@needs_compiler
def test_a_second_process_runs_no_compiler(tmp_path, logged_compiler):
    script, log = logged_compiler
    first = use(tmp_path / "cache", AUTODIFF_COMPILER_CC=script)
    assert first["value"] == 42.0 and not first["hit"]
    assert log.read_text()
    log.write_text("")
    second = use(tmp_path / "cache", AUTODIFF_COMPILER_CC=script)
    assert second["value"] == 42.0 and second["hit"] and second["path"] == first["path"]
    assert log.read_text() == ""


@needs_compiler
def test_sixteen_processes_start_cold_at_once(tmp_path):
    folder, temporary = tmp_path / "cache", tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-c", USE]
    variables = environment(folder, TMPDIR=temporary)
    running = [
        subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(16)
    ]
    for one in running:
        out, err = one.communicate()
        assert one.returncode == 0 and not err, err
        assert json.loads(out)["value"] == 42.0
    assert litter(folder) == [] and list(temporary.iterdir()) == []
    found = cache.Cache(folder)
    assert all(found.find(entry.name) for entry in folder.iterdir())


@needs_compiler
def test_ctrl_c_during_a_compilation_leaves_nothing(tmp_path):
    folder, slow, started = tmp_path / "cache", tmp_path / "slow", tmp_path / "started"
    script = tmp_path / "cc"
    script.write_text(
        f'#!/bin/sh\nif [ -e {slow} ] && [ "$1" != --version ]; then\n'
        f"  touch half.o; echo $$ > {started}.new; mv {started}.new {started}; exec sleep 60\nfi\n"
        f'exec {CC.argv[0]} "$@"\n'
    )
    script.chmod(0o755)
    assert use(folder, AUTODIFF_COMPILER_CC=script)["value"] == 42.0
    before = set(os.listdir(folder))
    slow.touch()
    # Where the whole test run was put into the background, its children ignore SIGINT.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    other = listens + USE.replace("return 0; }", "return 0; } /* another */")
    variables = environment(folder, AUTODIFF_COMPILER_CC=script)
    one = subprocess.Popen([sys.executable, "-c", other], env=variables, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    sleeper = int(started.read_text())
    one.send_signal(signal.SIGINT)
    _, err = one.communicate(timeout=10)
    assert b"KeyboardInterrupt" in err
    assert set(os.listdir(folder)) == before
    with pytest.raises(ProcessLookupError):
        os.kill(sleeper, 0)


# -- entries ------------------------------------------------------------------------------------


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def replace_by_link(path):
    away = path.with_name("away")
    os.rename(path, path.parent.parent / "away")
    path.symlink_to(path.parent.parent / "away")
    assert not away.exists()


def swap_libraries(entry, other):
    for name in ("kernel.so",):
        here, there = entry / name, other / name
        data = here.read_bytes()
        here.write_bytes(there.read_bytes())
        there.write_bytes(data)


def swap_entries(entry, other):
    os.rename(entry, entry.parent / "x")
    os.rename(other, entry)
    os.rename(entry.parent / "x", other)


def rewrite_manifest(entry, text):
    (entry / "manifest.json").write_text(text)


def resize_in_manifest(entry, other):
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["files"]["kernel.so"]["size"] += 1
    rewrite_manifest(entry, json.dumps(manifest))


def link_entry(entry, other):
    shutil.rmtree(entry)
    entry.symlink_to(other)


def file_for_entry(entry, other):
    shutil.rmtree(entry)
    entry.write_text("")


DAMAGE = {
    "library truncated": lambda e, o: truncate(e / "kernel.so"),
    "library bit-flipped": lambda e, o: flip(e / "kernel.so"),
    "library removed": lambda e, o: (e / "kernel.so").unlink(),
    "library a link": lambda e, o: replace_by_link(e / "kernel.so"),
    "library a pipe": lambda e, o: ((e / "kernel.so").unlink(), os.mkfifo(e / "kernel.so")),
    "library writable by all": lambda e, o: (e / "kernel.so").chmod(0o666),
    "libraries swapped": swap_libraries,
    "entries swapped": swap_entries,
    "a file more": lambda e, o: (e / "more").touch(),
    "manifest truncated": lambda e, o: truncate(e / "manifest.json"),
    "manifest bit-flipped": lambda e, o: flip(e / "manifest.json"),
    "manifest empty": lambda e, o: rewrite_manifest(e, ""),
    "manifest a list": lambda e, o: rewrite_manifest(e, "[1]"),
    "manifest nested": lambda e, o: rewrite_manifest(e, "[" * 60000),
    "manifest not text": lambda e, o: (e / "manifest.json").write_bytes(b"\xff\xfe{"),
    "manifest of another size": resize_in_manifest,
    "manifest removed": lambda e, o: (e / "manifest.json").unlink(),
    "entry a link": link_entry,
    "entry a file": file_for_entry,
    "entry empty": lambda e, o: [f.unlink() for f in e.iterdir()],
}


@needs_compiler
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_wrong_entry_is_rebuilt(tmp_path, damage):
    # Nothing is loaded here: a process whose loaded library is overwritten would crash.
    store = cache.Cache(folders.prepare(tmp_path / "cache"))
    key, other = "a" * 64, "b" * 64
    path, hit = build.build_library(CC, KERNEL, key, cache=store)
    assert not hit
    build.build_library(CC, KERNEL + "int other;\n", other, cache=store)
    content = path.read_bytes()
    assert build.build_library(CC, KERNEL, key, cache=store) == (path, True)
    DAMAGE[damage](store.folder / key, store.folder / other)
    assert store.find(key) is None
    again, hit = build.build_library(CC, KERNEL, key, cache=store)
    assert again == path and not hit
    assert store.find(key) and path.read_bytes() == content and not path.is_symlink()
    assert [p for p in litter(store.folder) if p != "away"] == []


def publish(store, key, size=1000):
    with store.workspace() as folder:
        (folder / "data").write_bytes(os.urandom(size))
        return store.publish(key, folder, ["data"])


def test_entries_are_private(tmp_path):
    store = cache.Cache(folders.prepare(tmp_path / "cache"))
    entry = publish(store, "a" * 64)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in entry.iterdir())


def test_the_first_publication_stays(tmp_path):
    store = cache.Cache(folders.prepare(tmp_path / "cache"))
    content = (publish(store, "a" * 64) / "data").read_bytes()
    assert (publish(store, "a" * 64) / "data").read_bytes() == content


@pytest.mark.parametrize("key", ["../" + "a" * 61, "A" * 64, "a" * 63, "tmp"])
def test_keys_are_hashes_only(tmp_path, key):
    store = cache.Cache(folders.prepare(tmp_path / "cache"))
    with pytest.raises(ValueError):
        publish(store, key)


def test_size_is_capped_and_the_least_used_go_first(tmp_path):
    store = cache.Cache(folders.prepare(tmp_path / "cache"), limit=4500)
    for k, name in enumerate("abc"):
        os.utime(publish(store, name * 64), (1000 + k, 1000 + k))
    assert store.find("a" * 64)  # a hit makes it the youngest
    publish(store, "d" * 64)
    kept = [name for name in "abcd" if store.find(name * 64)]
    assert kept == ["a", "c", "d"]
    assert litter(store.folder) == []


def test_work_of_dead_processes_is_swept(tmp_path):
    folder = folders.prepare(tmp_path / "cache")
    dead = subprocess.Popen(["true"])
    dead.wait()
    machine = cache._machine()
    for pid in (dead.pid, os.getppid(), os.getpid()):
        (folder / f"tmp-{machine}-{pid}-x").mkdir()
    (folder / f"tmp-00000000-{dead.pid}-elsewhere").mkdir()
    with cache.Cache(folder).workspace():
        pass
    assert f"tmp-{machine}-{dead.pid}-x" not in litter(folder)
    assert len(litter(folder)) == 3
    old = folder / f"tmp-00000000-{dead.pid}-elsewhere"
    os.utime(old, (1000, 1000))
    with cache.Cache(folder).workspace():
        pass
    assert not old.exists()


def test_a_key_depends_on_how_texts_are_divided():
    assert cache.digest("ab", "c") != cache.digest("a", "bc") != cache.digest("abc")


# -- the folder ---------------------------------------------------------------------------------

FOLDERS = (
    f"""
import json, os, stat, sys, warnings
sys.path.insert(0, {str(ROOT)!r})
place = sys.argv[1]
from autodiff_compiler.runtime import build, cache, folders
source = {KERNEL!r}
"""
    + """
# With root's rights everything is allowed, so that nothing would be tested. All modules are
# loaded before: their files need not be readable for the other user.
os.mkdir(os.path.join(place, "own"), 0o700)
os.environ["AUTODIFF_COMPILER_CACHE_DIR"] = os.path.join(place, "own", "cache")
build.load_kernel(source, "twice")
if os.geteuid() == 0:
    other = os.path.join(place, "foreign")
    os.mkdir(other); os.chmod(other, 0o777)
    os.mkdir(os.path.join(place, "home"))
    os.chown(os.path.join(place, "home"), 65534, 65534)
    os.chmod(os.path.join(place, "home"), 0o700)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
else:
    other = "/usr"
    os.mkdir(os.path.join(place, "home"), 0o700)
assert os.geteuid() != 0
home = os.path.join(place, "home")
os.environ["HOME"] = home
os.environ["TMPDIR"] = home
os.chdir("/")

def make(name, mode=0o700):
    path = os.path.join(home, name)
    os.makedirs(path, exist_ok=True); os.chmod(path, mode)
    return path

def case(override=None, xdg=None, cwd="/"):
    for name, value in (("AUTODIFF_COMPILER_CACHE_DIR", override), ("XDG_CACHE_HOME", xdg)):
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    os.chdir(cwd)
    cache._open.clear(); build.forget_loaded()
    folders._warned = False
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        kernel = build.load_kernel(source, "twice", key_extra=(str(override), str(xdg), cwd))
        build.load_kernel(source, "twice", key_extra=("again", str(override), str(xdg), cwd))
    used = os.path.dirname(os.path.dirname(kernel.path))
    os.chdir("/")
    return {
        "used": os.path.relpath(used, home), "warnings": [str(w.message) for w in seen],
        "mode": stat.S_IMODE(os.stat(used).st_mode), "owner": os.stat(used).st_uid == os.geteuid(),
    }

result = {}
result["default"] = case()
result["xdg"] = case(xdg=make("xdg"))
result["xdg relative"] = case(xdg="xdg", cwd=home)
result["readable by others"] = case(override=make("readable", 0o755))
result["linked parent"] = (os.symlink(make("real"), os.path.join(home, "seeming")),
                           case(override=os.path.join(home, "seeming", "cache")))[1]
result["home is cwd"] = case(cwd=home)
bad = {}
bad["foreign"] = case(override=other)
bad["group-writable"] = case(override=make("group", 0o770))
bad["world-writable"] = case(override=make("world", 0o707))
os.symlink(make("target"), os.path.join(home, "link"))
bad["symlink"] = case(override=os.path.join(home, "link"))
os.symlink(os.path.join(home, "nowhere"), os.path.join(home, "dangling"))
bad["dangling symlink"] = case(override=os.path.join(home, "dangling"))
open(os.path.join(home, "file"), "w").close()
bad["file"] = case(override=os.path.join(home, "file"))
bad["below a file"] = case(override=os.path.join(home, "file", "cache"))
bad["unwritable"] = case(override=os.path.join(make("closed", 0o500), "cache"))
bad["in an unwritable one"] = case(override="/autodiff_compiler_cache")
bad["shared"] = case(xdg="/tmp")
bad["below the shared"] = (os.makedirs("/tmp/adc-%d" % os.getpid()),
                           case(override="/tmp/adc-%d/cache" % os.getpid()))[1]
bad["sticky"] = case(override=os.path.join(make("sticky", 0o1777), "cache"))
bad["relative"] = case(override="cache", cwd=home)
inside = make("tree")
bad["working folder"] = case(override=os.path.join(inside, "cache"), cwd=inside)
bad["below the working folder"] = case(override=os.path.join(inside, "a", "cache"), cwd=inside)
os.chmod(os.path.join(home, "closed"), 0o700)
private = os.path.join(home, bad["foreign"]["used"])
os.rmdir("/tmp/adc-%d" % os.getpid())
print(json.dumps({"good": result, "bad": bad, "private": private}))
"""
)


@needs_compiler
def test_which_folders_are_used():
    # Not in pytest's own folder, which another user cannot enter.
    place = tempfile.mkdtemp()
    try:
        os.chmod(place, 0o755)
        command = [sys.executable, "-c", FOLDERS, place]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        used = {name: case["used"] for name, case in found["good"].items()}
        assert used == {
            "default": ".cache/autodiff_compiler",
            "xdg": "xdg/autodiff_compiler",
            "xdg relative": ".cache/autodiff_compiler",
            "readable by others": "readable",
            "linked parent": "real/cache",
            "home is cwd": ".cache/autodiff_compiler",
        }
        for case in found["good"].values():
            assert case["warnings"] == [] and case["mode"] == 0o700 and case["owner"]
        for name, case in found["bad"].items():
            assert case["used"].startswith("autodiff_compiler-"), (name, case)
            assert len(case["warnings"]) == 1, (name, case)
            assert case["mode"] == 0o700 and case["owner"]
        assert len({case["used"] for case in found["bad"].values()}) == 1
        assert not os.path.exists(found["private"])
    finally:
        folders.remove_tree(Path(place))


# -- the compiler -------------------------------------------------------------------------------


@needs_compiler
def test_the_compiler_is_absolute_and_knows_vector_math():
    assert os.path.isabs(CC.argv[0])
    assert {"-O2", "-fPIC", "-shared", "-ffp-contract=off"} <= set(CC.flags)
    assert CC.has_vector_math == bool(CC.vector_math)
    assert compiler.cpu_features() in CC.identity


@pytest.mark.parametrize("text", ["", "none", " None "])
def test_no_compiler(monkeypatch, text):
    monkeypatch.setenv("AUTODIFF_COMPILER_CC", text)
    assert compiler.find_compiler() is None
    with pytest.raises(CompileError) as caught:
        build.load_kernel(KERNEL, "twice")
    assert "backend=" in caught.value.hint


@needs_compiler
def test_a_compiler_of_the_working_folder_is_not_run(tmp_path, monkeypatch):
    evil = tmp_path / "gcc"
    evil.write_text("#!/bin/sh\ntouch ran\n")
    evil.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTODIFF_COMPILER_CC", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    for wanted in ("gcc", "./gcc"):
        monkeypatch.setenv("CC", wanted)
        assert compiler.find_compiler() is not None
    assert not (tmp_path / "ran").exists()


@needs_compiler
def test_what_the_compiler_sees(tmp_path, monkeypatch):
    monkeypatch.setenv("CPATH", "/nonexistent")
    monkeypatch.setenv("SECRET", "x")
    code, out, _ = process.run(["/usr/bin/env"], tmp_path)
    names = {line.partition("=")[0] for line in out.splitlines()}
    assert code == 0 and "PATH" in names
    assert not names & {"CPATH", "SECRET", "LD_PRELOAD"}
    assert f"TMPDIR={tmp_path}" in out


def test_a_slow_compiler_is_ended(tmp_path):
    script = tmp_path / "slow"
    script.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/pid\nwait\n")
    script.chmod(0o755)
    with pytest.raises(TimeoutError):
        process.run([str(script)], tmp_path, time_limit=0.5)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the compiler's own child still runs")


@needs_compiler
def test_an_error_shows_the_first_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_COMPILER_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(CompileError) as caught:
        build.load_kernel("int f(void) { return nonsense; }\n" + "bad;\n" * 100, "f")
    assert "nonsense" in str(caught.value)
    assert len(str(caught.value).splitlines()) < 40
    assert litter(tmp_path / "cache") == []


@needs_compiler
def test_an_object_file(tmp_path):
    build.compile_to_object(KERNEL, tmp_path / "kernel.o", ("-O1",))
    assert (tmp_path / "kernel.o").read_bytes()[:4] == b"\x7fELF"


@needs_compiler
def test_a_full_or_vanished_cache_does_not_stop_a_call(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_COMPILER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(folders, "_warned", False)
    full = cache.default_cache()

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(full, "publish", no_space)
    with pytest.warns(RuntimeWarning, match="No space left"):
        kernel = build.load_kernel(KERNEL, "twice", key_extra=("full",))
    assert not kernel.path.startswith(str(tmp_path))
    shutil.rmtree(tmp_path / "cache")
    kernel = build.load_kernel(KERNEL, "twice", key_extra=("vanished",))
    assert kernel.path.startswith(str(tmp_path))
