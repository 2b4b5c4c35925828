"""The import stays cheap: a few milliseconds, and nothing optional is loaded."""

import subprocess
import sys

from benchmarks import import_time


def test_import_costs_little_beyond_numpy():
    assert import_time.seconds(processes=10) <= 0.030


def test_import_loads_nothing_optional():
    program = (
        "import sys, numpy; before = set(sys.modules); import autodiff_compiler\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    optional = {"black", "scipy", "sklearn", "torch", "jax", "autograd", "ziglang", "matplotlib"}
    assert not loaded & optional
