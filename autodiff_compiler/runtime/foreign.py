"""Calling C kernels by ctypes, for machines without the headers that the launcher needs.

The callbacks are C too: one in Python would have to survive signal handlers that run inside it,
where ctypes drops exceptions, and a kernel would then write into an array that was never made.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .abi import KERNEL_PRELUDE
from .build import LoadedKernel, load_kernels
from .plan import OutLeaf, Plan

__all__ = ["call"]

_MAX_RANK = 64

_SHIM = KERNEL_PRELUDE + """
extern void *calloc(__SIZE_TYPE__, __SIZE_TYPE__);
extern void free(void *);
typedef struct {
  void *data;
  long long itemsize, rank;
  long long shape[64];
} adc_result;
typedef struct {
  adc_call call;
  adc_result *results;
} adc_frame;

int adc_shim_alloc(adc_call *call, int out, const long long *shape, void **data) {
  adc_result *r = ((adc_frame *)call)->results + out;
  long long count = 1;
  for (long long k = 0; k < r->rank; k++) {
    if (shape[k] < 0 || __builtin_mul_overflow(count, shape[k], &count)) return 2;
    r->shape[k] = shape[k];
  }
  free(r->data);
  *data = r->data = calloc(count > 0 ? count : 1, r->itemsize);
  return r->data ? 0 : 2;
}

void adc_shim_free(adc_result *results, long long count) {
  for (long long k = 0; k < count; k++) free(results[k].data);
}
"""


class _Array(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("shape", ctypes.c_void_p)]


class _Leaf(ctypes.Union):
    _fields_ = [("f", ctypes.c_double), ("i", ctypes.c_longlong), ("a", _Array)]


class _Call(ctypes.Structure):
    _fields_ = [("alloc", ctypes.c_void_p), ("poll", ctypes.c_void_p), ("table", ctypes.c_void_p)]


class _Result(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("itemsize", ctypes.c_longlong),
        ("rank", ctypes.c_longlong),
        ("shape", ctypes.c_longlong * _MAX_RANK),
    ]


class _Frame(ctypes.Structure):
    _fields_ = [("call", _Call), ("results", ctypes.POINTER(_Result))]


# PyDLL's kind of call keeps the GIL and looks for a Python exception afterwards: `poll` is
# CPython's own check for signals, and the KeyboardInterrupt it leaves comes out of the call.
_KERNEL = ctypes.PYFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)
_shim: dict[str, LoadedKernel] = {}
_POLL = ctypes.cast(ctypes.pythonapi.PyErr_CheckSignals, ctypes.c_void_p).value
_FREE = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_longlong)

_DTYPES = {
    "f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_,
}  # fmt: skip


def call(plan: Plan, specs: list, values: list) -> tuple[int, int, tuple]:
    """Runs a kernel on prepared leaves: status, number of the failed check, outputs."""
    if not _shim:
        _shim.update(load_kernels(_SHIM, ("adc_shim_alloc", "adc_shim_free")))
    inputs = (_Leaf * max(1, len(values)))()
    shapes = []
    for leaf, spec, value in zip(inputs, specs, values):
        if type(value) is np.ndarray:
            shape = (ctypes.c_longlong * max(1, value.ndim))(*value.shape)
            shapes.append(shape)  # the kernel sees its address only
            leaf.a.data = value.ctypes.data
            leaf.a.shape = ctypes.addressof(shape)
        elif spec.dtype in ("f64", "f32"):
            leaf.f = value
        else:
            leaf.i = int(value)
    outputs = (_Leaf * max(1, len(plan.outputs)))()
    results = (_Result * max(1, len(plan.outputs)))()
    for result, out in zip(results, plan.outputs):
        result.itemsize = np.dtype(_DTYPES[out.dtype]).itemsize
        result.rank = out.rank
    frame = _Frame(_Call(_shim["adc_shim_alloc"].address, _POLL, plan.table or None), results)
    where = ctypes.c_longlong(-1)
    try:
        status = _KERNEL(plan.entry)(
            ctypes.addressof(inputs),
            ctypes.addressof(outputs),
            ctypes.addressof(frame),
            ctypes.addressof(where),
        )
        if status:
            return status, where.value, ()
        return 0, -1, tuple(map(_output, plan.outputs, outputs, results))
    finally:
        _FREE(_shim["adc_shim_free"].address)(ctypes.addressof(results), len(plan.outputs))


def _output(out: OutLeaf, leaf: Any, result: Any) -> Any:
    kind = _DTYPES[out.dtype]
    if out.kind == "scalar":
        value = leaf.f if out.dtype in ("f64", "f32") else leaf.i
        if out.python:
            return bool(value) if out.dtype == "bool" else value
        return kind(value)
    if not result.data:
        raise RuntimeError("a kernel did not make one of its result arrays")
    array = np.empty(tuple(result.shape[: out.rank]), kind)
    ctypes.memmove(array.ctypes.data, result.data, array.nbytes)
    return array
