"""The calling convention between kernels and launchers, as C text and as numbers.

Kernels include no header, so the C back end pastes `KERNEL_PRELUDE` before its functions; the
launcher is compiled with the same text, which keeps the two from drifting apart.

A kernel is `int NAME(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)`.

* Scalars: f64 and f32 travel in `.f`, i64, i32 and bool in `.i`.
* Arrays: `.a.data` is C-contiguous and aligned, of the leaf's own dtype (bool: unsigned char),
  `.a.shape` has rank entries (and may be null for rank 0). Data of an empty array is never read.
* Array results come only from `call->alloc`, whose memory is *not* cleared.
* Input arrays are written only where `Plan.writes` says so.
* `call->poll` is for long loops, about every millisecond; a kernel that it tells to stop returns
  `INTERRUPTED` after freeing what it holds. Both callbacks may be called only by the calling thread.
"""

from __future__ import annotations

__all__ = ["KERNEL_PRELUDE", "OK", "CHECK_FAILED", "NO_MEMORY", "INTERRUPTED"]

OK = 0
CHECK_FAILED = 1
NO_MEMORY = 2
INTERRUPTED = 3

KERNEL_PRELUDE = """\
typedef union {
  double f;
  long long i;
  struct { void *data; const long long *shape; } a;
} adc_leaf;
typedef struct adc_call {
  /* makes the result array number `out`; 0, or 2 = no memory */
  int (*alloc)(struct adc_call *, int out, const long long *shape, void **data);
  /* nonzero: interrupted (Ctrl-C) */
  int (*poll)(struct adc_call *);
  /* library pointers (BLAS), may be null */
  void *const *table;
} adc_call;
"""
