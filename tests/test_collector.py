"""Python's collector of cycles waits while a function is compiled, and is then as it was."""

import gc

import pytest

from autodiff_compiler import CompileError, grad, kernel, pipeline
from autodiff_compiler.collector import collector_waits
from tests.c_kernels import needs_compiler


@pytest.fixture(autouse=True)
def enabled():
    gc.enable()
    yield
    gc.enable()


@pytest.mark.parametrize("before", [True, False])
def test_it_is_put_back_as_it_was(before):
    if not before:
        gc.disable()
    with collector_waits():
        assert not gc.isenabled()
        with collector_waits():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is before


def test_the_last_to_go_puts_it_back():
    """Two threads that compile at once leave in any order."""
    first, second = collector_waits(), collector_waits()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


@needs_compiler
def test_a_compilation_runs_without_it(monkeypatch):
    seen = {}
    for home, name in ((kernel, "trace"), (pipeline, "run"), (kernel, "emit_c")):

        def watched(*args, name=name, work=getattr(home, name), **options):
            seen[name] = gc.isenabled()
            return work(*args, **options)

        monkeypatch.setattr(home, name, watched)

    def loss(x):
        return x * x - 3.25 * x

    assert grad(loss, backend="c")(2.0) == 0.75
    assert seen == {"trace": False, "run": False, "emit_c": False}
    assert gc.isenabled()


def test_a_refusal_puts_it_back_too():
    def refused(x):
        return open(x)

    with pytest.raises(CompileError):
        grad(refused, backend="python")(1.0)
    assert gc.isenabled()
