"""Compiles kernels of the C back end, many in one file, and calls them through ctypes."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from autodiff_compiler.backends.c import REQUIRED_FLAGS, emit_many
from autodiff_compiler.ir.check import check
from autodiff_compiler.ir.graph import Function
from autodiff_compiler.ir.types import FLOATS, NUMPY_DTYPE, Array

CC = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler")
FLAGS = [
    "-std=gnu99", "-O2", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd",
    "-ffp-contract=off", *REQUIRED_FLAGS, "-fPIC", "-shared",
]  # fmt: skip
STRICT = ["-Wall", "-Wextra", "-Werror"]

OK, CHECK_FAILED, NO_MEMORY, INTERRUPTED = range(4)


class _Array(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("shape", ctypes.POINTER(ctypes.c_longlong))]


class _Leaf(ctypes.Union):
    _fields_ = [("f", ctypes.c_double), ("i", ctypes.c_longlong), ("a", _Array)]


class _Call(ctypes.Structure):
    pass


_ALLOC = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_Call), ctypes.c_int, ctypes.POINTER(ctypes.c_longlong),
    ctypes.POINTER(ctypes.c_void_p),
)  # fmt: skip
_POLL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Call))
_Call._fields_ = [("alloc", _ALLOC), ("poll", _POLL), ("table", ctypes.c_void_p)]


class KernelStopped(Exception):
    """A kernel returned something other than 0. `check`: where, if a check failed."""

    def __init__(self, status, check=None):
        super().__init__(status, check)
        self.status, self.check = status, check


# Stands in for the allocator: counts what is not freed, and fails when it is told to.
COUNTED = """
#include <stdlib.h>
static long live, left = -1;
long adc_live(void) { return live; }
void adc_fail_after(long n) { left = n; }
static int fails(void) { return left == 0 || (left > 0 && left-- == 0); }
void *counted_malloc(size_t n) { void *p = fails() ? 0 : malloc(n); live += p != 0; return p; }
void *counted_realloc(void *old, size_t n) {
  void *p = fails() ? 0 : realloc(old, n);
  live += p != 0 && old == 0;
  return p;
}
void counted_free(void *p) { live -= p != 0; free(p); }
"""
COUNTED_FLAGS = ["-Dmalloc=counted_malloc", "-Drealloc=counted_realloc", "-Dfree=counted_free"]


@dataclass
class Kernel:
    function: Function
    source: object
    entry: object
    inplace: tuple = ()
    library: object = None

    def __call__(self, *args, interrupt_after=None):
        """The outputs. Raises KernelStopped. Parameters in `inplace` are written to."""
        results = self.function.results[: len(self.function.results) - len(self.inplace)]
        kept, outputs, polls = [], [None] * len(results), [0]

        def alloc(call, k, shape, data):
            t = results[k].type
            out = np.empty([shape[axis] for axis in range(t.rank)], NUMPY_DTYPE[t.dtype])
            out.view(np.uint8).fill(0xA5) if out.size and out.ndim else None
            outputs[k] = out
            data[0] = out.ctypes.data
            return 0

        def poll(call):
            polls[0] += 1
            return int(interrupt_after is not None and polls[0] > interrupt_after)

        inputs = (_Leaf * max(1, len(args)))()
        for leaf, p, x in zip(inputs, self.function.params, args, strict=True):
            if isinstance(p.type, Array):
                x = _held(x, p, kept)
                leaf.a.data = x.ctypes.data
                leaf.a.shape = (ctypes.c_longlong * max(1, x.ndim))(*x.shape)
            elif p.type.dtype in FLOATS:
                leaf.f = float(x)
            else:
                leaf.i = int(x)
        out = (_Leaf * max(1, len(results)))()
        call = _Call(_ALLOC(alloc), _POLL(poll), None)
        where = ctypes.c_longlong(-1)
        status = self.entry(inputs, out, ctypes.byref(call), ctypes.byref(where))
        if status != OK:
            raise KernelStopped(status, where.value if status == CHECK_FAILED else None)
        for k, r in enumerate(results):
            if not isinstance(r.type, Array):
                value = out[k].f if r.type.dtype in FLOATS else out[k].i
                outputs[k] = NUMPY_DTYPE[r.type.dtype].type(value)
        return outputs


def _held(x, p, kept):
    x = np.asarray(x)
    assert x.dtype == NUMPY_DTYPE[p.type.dtype] and x.ndim == p.type.rank, (x.dtype, x.shape, p)
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    kept.append(x)
    return x


def build(folder, functions, inplace=(), flags=(), strict=True, counted=False, keep=0):
    """Kernels for the functions, in order, out of one C file.

    `counted`: with `COUNTED` linked in; then `keep` says how many bytes a kernel may keep between calls.
    """
    named = [(f, f"kernel_{k}") for k, f in enumerate(functions)]
    for f in functions:
        check(f)
    text, sources = emit_many(named, inplace)
    path, library = os.path.join(folder, "kernels.c"), os.path.join(folder, "kernels.so")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    flags = [*flags]
    if counted:
        flags += [*_counting(folder), f"-DADC_KEEP={keep}"]
    command = [CC, *FLAGS, *(STRICT if strict else []), *flags, "-o", library, path, "-lm"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[:6000]
    loaded = ctypes.CDLL(library)
    return [
        Kernel(f, s, getattr(loaded, s.symbol), tuple(sorted(inplace)), loaded)
        for f, s in zip(functions, sources)
    ]


def _counting(folder):
    path, made = os.path.join(folder, "counted.c"), os.path.join(folder, "counted.o")
    with open(path, "w", encoding="ascii") as out:
        out.write(COUNTED)
    subprocess.run([CC, "-O1", "-fPIC", "-c", "-o", made, path], check=True)
    return [*COUNTED_FLAGS, made]


def same(ours, reference, rtol=1e-13):
    """Asserts that two lists of results agree, to `rtol` of the largest entry, NaNs included."""
    assert len(ours) == len(reference)
    for a, b in zip(ours, reference):
        b = np.asarray(b)
        a = np.asarray(a)
        assert a.shape == b.shape and a.dtype == b.dtype, (a, b)
        if b.dtype.kind == "f":
            tol = max(rtol, 4e-6 if b.dtype == np.float32 else 0)
            finite = b[np.isfinite(b)]
            scale = tol * (np.abs(finite).max() if finite.size else 1)
            np.testing.assert_allclose(a, b, rtol=tol, atol=scale)
        else:
            np.testing.assert_array_equal(a, b)
