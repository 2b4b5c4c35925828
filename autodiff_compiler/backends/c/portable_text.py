"""C text for exported code: plain C99 in place of what only gcc and clang know, and memory that the
caller supplies, as a workspace of known size or by an allocator."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .prelude import all_helpers

__all__ = ["portable", "helper_table", "HEAD", "RESERVED", "working_memory"]

#: Names that the headers included may define as macros or types.
RESERVED = (
    "NULL NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL LLONG_MAX LLONG_MIN size_t ptrdiff_t wchar_t offsetof "
    "double_t float_t isnan isinf isfinite isnormal signbit fpclassify isgreater isless M_PI M_E M_LN2 "
    "M_LN10 M_LOG2E M_LOG10E M_PI_2 M_PI_4 M_1_PI M_2_PI M_2_SQRTPI M_SQRT2 M_SQRT1_2 MAXFLOAT memcpy "
    "memset signgam code message workspace workspace_bytes memory sizes room stacks frame now peak"
).split()

HEAD = """\
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "the tests for NaN and infinity need IEEE arithmetic: compile without -ffast-math"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
"""

_SIMD = """
/* marks loops whose trips may run side by side: with -fopenmp, or -fopenmp-simd -DADC_OPENMP_SIMD */
#define ADC_PRAGMA(text) _Pragma(#text)
#if defined(_OPENMP) || defined(ADC_OPENMP_SIMD)
#define ADC_SIMD(...) ADC_PRAGMA(omp simd __VA_ARGS__)
#else
#define ADC_SIMD(...)
#endif
"""
_CHECK = """
/* what a check that fails does */
#define ADC_CHECK(number, holds) do { if (!(holds)) { code = (number); goto done; } } while (0)
"""
_MEMORY = """
#define ADC_MEMORY(ok) do { if (!(ok)) { code = -1; goto done; } } while (0)
"""

_OVERFLOWS = {
    "adc_add_overflow": """
/* nonzero if a + b is no long long */
static inline int adc_add_overflow(long long a, long long b, long long *r) {
  if (b > 0 ? a > LLONG_MAX - b : a < LLONG_MIN - b) return 1;
  *r = a + b;
  return 0;
}
""",
    "adc_sub_overflow": """
static inline int adc_sub_overflow(long long a, long long b, long long *r) {
  if (b > 0 ? a < LLONG_MIN + b : a > LLONG_MAX + b) return 1;
  *r = a - b;
  return 0;
}
""",
    "adc_mul_overflow": """
static inline int adc_mul_overflow(long long a, long long b, long long *r) {
  if (a > 0 ? (b > 0 ? a > LLONG_MAX / b : b < LLONG_MIN / a)
            : (b > 0 ? a < LLONG_MIN / b : a != 0 && b < LLONG_MAX / a))
    return 1;
  *r = a * b;
  return 0;
}
""",
}  # fmt: skip

_WRAPPING = {
    "adc_wrap": """
/* NumPy's integers wrap: what remains of the sum or product modulo 2 to the 64th */
static inline long long adc_wrap(unsigned long long x) {
  return x <= (unsigned long long)LLONG_MAX ? (long long)x : -(long long)~x - 1;
}
""",
    "adc_wrapi": """
static inline int adc_wrapi(unsigned long long x) {
  const unsigned int low = (unsigned int)(x & 0xffffffffu);
  return low <= (unsigned int)INT_MAX ? (int)low : -(int)~low - 1;
}
""",
    "adc_iabs": """
static inline long long adc_iabs(long long x) {
  return x < 0 ? adc_wrap(0 - (unsigned long long)x) : x;
}
""",
    "adc_floordivi": """
/* rounds down; 0 where NumPy only warns */
static inline long long adc_floordivi(long long a, long long b) {
  long long q;
  if (b == 0) return 0;
  if (b == -1) return adc_wrap(0 - (unsigned long long)a);
  q = a / b;
  return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}
""",
    "adc_wpow": """
/* wraps; the exponent is not negative */
static inline long long adc_wpow(long long x, long long n) {
  unsigned long long r = 1, power = (unsigned long long)x;
  for (; n > 0; n >>= 1, power *= power) if (n & 1) r *= power;
  return adc_wrap(r);
}
""",
}  # fmt: skip

_PRODUCTS = {
    "adc_dot": """
/* the sum of products, in four parts */
static inline double adc_dot(long long n, const double *a, const double *b) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  long long k = 0;
  for (; k + 4 <= n; k += 4) {
    s0 += a[k] * b[k];
    s1 += a[k + 1] * b[k + 1];
    s2 += a[k + 2] * b[k + 2];
    s3 += a[k + 3] * b[k + 3];
  }
  for (; k < n; k++) s0 += a[k] * b[k];
  return (s0 + s1) + (s2 + s3);
}
""",
    **{
        f"adc_matmul{end}": f"""
/* c = a b; a_row and a_column: how far apart the rows and columns of a stand in memory */
static void adc_matmul{end}(
    long long rows, long long columns, long long inner, const {real} *a, long long a_row,
    long long a_column, const {real} *b, long long b_row, long long b_column, {real} *c) {{
  for (long long i = 0; i < rows; i++) {{
    {real} *const to = c + i * columns;
    for (long long j = 0; j < columns; j++) to[j] = 0;
    for (long long k = 0; k < inner; k++) {{
      const {real} factor = a[i * a_row + k * a_column];
      for (long long j = 0; j < columns; j++) to[j] += factor * b[k * b_row + j * b_column];
    }}
  }}
}}
"""
        for real, end in (("double", ""), ("float", "f"))
    },
    **{
        f"adc_turn{end}": f"""
/* out = x with rows and columns exchanged, tile by tile, so that lines of memory are used whole */
static void adc_turn{end}(long long rows, long long columns, const {real} *x, {real} *out) {{
  enum {{ TILE = 16 }};
  for (long long i = 0; i < rows; i += TILE) {{
    const long long below = i + TILE < rows ? i + TILE : rows;
    for (long long j = 0; j < columns; j += TILE) {{
      const long long right = j + TILE < columns ? j + TILE : columns;
      for (long long l = j; l < right; l++)
        for (long long k = i; k < below; k++) out[l * rows + k] = x[k * columns + l];
    }}
  }}
}}
"""
        for real, end in (("double", ""), ("float", "f"))
    },
}  # fmt: skip

# --- a workspace of known size ----------------------------------------------------------------------

_SIZED = {
    "adc_stack": """
/* A sequence of elements, one behind the other. `ends`: where each ends, if they are arrays. */
typedef struct adc_stack {
  char *data;
  long long *ends;
  long long used, room, length, ends_room;
} adc_stack;
""",
    "adc_room": """
/* how many bytes and elements a stack holds, now and at most */
typedef struct adc_room { long long used, length, most, longest; } adc_room;
""",
    "adc_frame": """
/* The workspace: arrays come one behind the other, and are given back by going back to a mark. */
typedef struct adc_frame { char *data; long long used, size; adc_stack *stacks; } adc_frame;
""",
    "adc_padded": """
/* a number of bytes, rounded up so that the next array is aligned; LLONG_MAX stands for too many */
static inline long long adc_padded(long long bytes) {
  if (bytes <= 0) return 0;
  return bytes > LLONG_MAX - 63 ? LLONG_MAX : (bytes + 63) & ~63LL;
}
""",
    "adc_plus": """
static inline long long adc_plus(long long a, long long b) {
  long long r;
  return adc_add_overflow(a, b, &r) ? LLONG_MAX : r;
}
""",
    "adc_total": """
/* the size of a workspace: the stacks at their longest, `peak` bytes of arrays, room to align it all */
static long long adc_total(long long peak, const adc_room *room, int count) {
  long long total = adc_plus(peak, 64);
  for (int k = 0; k < count; k++) {
    total = adc_plus(total, adc_padded(room[k].most));
    total = adc_plus(total, adc_padded(adc_times(room[k].longest, sizeof(long long))));
  }
  return total;
}
""",
    "adc_enter": """
/* gives the stacks their places in the workspace, and the rest to the arrays; 0 if it is too small */
static int adc_enter(
    adc_frame *f, void *workspace, size_t bytes, long long peak, const adc_room *room,
    adc_stack *stacks, int count) {
  const long long total = adc_total(peak, room, count);
  const size_t odd = (size_t)workspace & 63;
  char *at = workspace;
  if (!workspace || total == LLONG_MAX || (unsigned long long)total > bytes) return 0;
  if (odd) at += 64 - odd;
  for (int k = 0; k < count; k++) {
    stacks[k].data = at;
    stacks[k].room = room[k].most;
    at += adc_padded(room[k].most);
    stacks[k].ends = (long long *)(void *)at;
    stacks[k].ends_room = room[k].longest;
    at += adc_padded(room[k].longest * (long long)sizeof(long long));
  }
  f->data = at;
  f->used = 0;
  f->size = peak;
  f->stacks = stacks;
  return 1;
}
""",
    "adc_alloc": """
static void *adc_alloc(adc_frame *f, long long count, long long size) {
  const long long bytes = adc_padded(adc_times(count, size));
  char *const data = f->data + f->used;
  if (count < 0 || bytes > f->size - f->used) return 0;
  f->used += bytes;
  return data;
}
""",
    "adc_mark": "typedef long long adc_mark;\n",
    "adc_here": "static inline adc_mark adc_here(const adc_frame *f) { return f->used; }\n",
    "adc_release": "static inline void adc_release(adc_frame *f, adc_mark m) { f->used = m; }\n",
    "adc_stack_new": """
static inline adc_stack *adc_stack_new(adc_frame *f, int number) {
  f->stacks[number].used = f->stacks[number].length = 0;
  return f->stacks + number;
}
""",
    "adc_push": """
/* makes room for one more element and gives its place, or null */
static inline void *adc_push(adc_stack *s, long long count, long long size) {
  const long long bytes = adc_times(count, size);
  if (bytes > s->room - s->used) return 0;
  s->used += bytes;
  s->length++;
  return s->data + s->used - bytes;
}
""",
    "adc_push_array": """
/* the same for elements that are arrays: they may differ in size */
static inline void *adc_push_array(adc_stack *s, long long count, long long size) {
  if (s->length >= s->ends_room) return 0;
  s->ends[s->length] = s->used;
  return adc_push(s, count, size);
}
""",
    "adc_stack_copy": """
/* makes `to` hold what `from` holds; null if there is no room for it */
static inline adc_stack *adc_stack_copy(adc_stack *to, const adc_stack *from) {
  if (to == from) return to;
  if (to->room < from->used || (to->ends_room && to->ends_room < from->length)) return 0;
  adc_copy(to->data, from->data, from->used, 1);
  if (to->ends_room) adc_copy(to->ends, from->ends, from->length, sizeof(long long));
  to->used = from->used;
  to->length = from->length;
  return to;
}
""",
    "adc_peak": """
/* notes an array in the reckoning of the workspace */
static inline void adc_peak(long long *now, long long *peak, long long bytes) {
  *now = adc_plus(*now, adc_padded(bytes));
  if (*now > *peak) *peak = *now;
}
""",
    "adc_peak_of": """
/* the same of what a function works in, and gives back */
static inline void adc_peak_of(long long now, long long *peak, long long bytes) {
  const long long top = adc_plus(now, bytes);
  if (top > *peak) *peak = top;
}
""",
    "adc_room_push": """
/* the same of elements pushed on a stack, `times` of them with `bytes` each */
static inline void adc_room_push(adc_room *s, long long times, long long bytes, int arrays) {
  if (times <= 0) return;
  s->used = adc_plus(s->used, adc_times(times, bytes));
  s->length = adc_plus(s->length, times);
  if (s->used > s->most) s->most = s->used;
  if (arrays && s->length > s->longest) s->longest = s->length;
}
""",
    "adc_room_copy": """
/* the same of a stack that takes over what another one holds */
static inline void adc_room_copy(adc_room *to, const adc_room *from, int arrays) {
  if (to->length < from->length) to->length = from->length;
  if (to->used < from->used) to->used = from->used;
  if (to->used > to->most) to->most = to->used;
  if (arrays && to->length > to->longest) to->longest = to->length;
}
""",
    "adc_room_new": """
static inline adc_room *adc_room_new(adc_room *room, int number) {
  room[number].used = room[number].length = 0;
  return room + number;
}
""",
    "adc_count": """
/* how many trips a loop from `start` to `stop` makes */
static inline long long adc_count(long long start, long long stop, long long step) {
  const unsigned long long n = adc_trips(start, stop, step);
  return n > (unsigned long long)LLONG_MAX ? LLONG_MAX : (long long)n;
}
""",
}  # fmt: skip

# --- an allocator -----------------------------------------------------------------------------------

_FRAME = "typedef struct adc_frame { const NAME_memory *memory; adc_chunk *first, *now; adc_stack *stacks; } adc_frame;\n"
_LEAVE = """
static void adc_leave(adc_frame *f) {
  adc_free_stacks(f, 0);
  while (f->first) {
    adc_chunk *next = f->first->next;
    f->memory->resize(f->memory->context, f->first, 0);
    f->first = next;
  }
}
"""
_RESIZE = """
/* a chunk for `room` bytes that begins as `c` does, which is gone then; or null, and `c` is as it was */
static adc_chunk *adc_resize(adc_frame *f, adc_chunk *c, long long room) {
  adc_chunk *const made = f->memory->resize(f->memory->context, c, (size_t)room + sizeof *c + 64);
  if (made) made->size = room;
  return made;
}
"""


def helper_table(sized: bool, name: str) -> dict[str, str]:
    """The helpers of the prelude in portable form, in the order in which they are pasted."""
    table: dict[str, str] = {"ADC_SIMD": _SIMD, **_OVERFLOWS}
    table |= {k: _WRAPPING[k] for k in ("adc_wrap", "adc_wrapi")}
    for key, text in all_helpers().items():
        if key.startswith(
            (
                "ADC_POLL",
                "adc_vector",
                "adc_four",
                "adc_tile",
                "adc_spare",
                "ADC_KEEP",
                "ADC_LARGE_PAGE",
                "adc_map",
                "adc_drop",
            )
        ):
            continue
        table[key] = portable(text)
    table |= {"ADC_CHECK": _CHECK, "ADC_MEMORY": _MEMORY, **_WRAPPING, **_PRODUCTS}
    if sized:
        # Of the prelude's, memory has other helpers here; those in front are needed by the others.
        replaced = {key: _SIZED[key] for key in table if key in _SIZED}
        table |= replaced
        return _in_front("adc_chunk", {k: t for k, t in _SIZED.items() if k not in replaced}, table)
    table["adc_frame"] = _FRAME.replace("NAME", name)
    table["adc_leave"] = _LEAVE
    del table["adc_enter"]
    table["adc_resize"] = _RESIZE
    for key in ("adc_alloc", "adc_grow"):
        table[key] = _once(table[key], "adc_resize(", "adc_resize(f, ")
    return table


# --- what helpers work in ---------------------------------------------------------------------------

_SIGNATURE = re.compile(
    r"static int (adc_\w+)\(\s*adc_frame \*f, (long long [^)]*)\) \{\n(.*)", re.S
)
_LOCAL = re.compile(r"^  const long long (\w+) = (.*);$", re.M)
_ALLOCATED = re.compile(r"= adc_alloc\(f, (.*), (sizeof\(.*?\))\);")
_NESTED = re.compile(r"\b(adc_\w+)\(f, (.*?)\)")


def working_memory(table: Mapping[str, str]) -> tuple[dict[str, str], dict[str, tuple[str, int]]]:
    """For each helper that allocates: a function of its sizes that tells how many bytes; and, by the
    helper's name, that function's name and how many sizes it takes."""
    texts: dict[str, str] = {}
    found: dict[str, tuple[str, int]] = {}
    for name, text in table.items():
        signature = _SIGNATURE.search(text)
        if signature is None:
            continue
        sizes, body = re.findall(r"long long (\w+)", signature[2]), signature[3]
        parts = []
        for count, size in _ALLOCATED.findall(body):
            count = re.sub(r"^\w+ \? (.*) : 0$", r"\1", count)
            parts.append(f"adc_padded(adc_times({count}, {size}))")
        for called, arguments in _NESTED.findall(body):
            if called in found:
                reckon, number = found[called]
                parts.append(f"{reckon}({', '.join(arguments.split(', ')[:number])})")
        lines = [f"  bytes = adc_plus(bytes, {part});" for part in parts]
        for local, value in reversed(_LOCAL.findall(body)):
            if re.search(rf"\b{local}\b", "\n".join(lines)):
                lines.insert(0, f"  const long long {local} = {value};")
        read = "\n".join(lines)
        lines += [f"  (void){n};" for n in sizes if not re.search(rf"\b{n}\b", read)]
        lines.insert(0, "  long long bytes = 0;")
        reckon = f"{name}_bytes"
        head = f"static long long {reckon}({', '.join(f'long long {n}' for n in sizes)}) {{"
        texts[reckon] = "\n".join([head, *lines, "  return bytes;", "}"]) + "\n"
        found[name] = (reckon, len(sizes))
    return texts, found


def _once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, (old, text)
    return text.replace(old, new)


def _in_front(place: str, more: dict[str, str], table: dict[str, str]) -> dict[str, str]:
    """`table` with `more` put in where `place` stands."""
    out: dict[str, str] = {}
    for key, text in table.items():
        if key == place:
            out |= more
        else:
            out[key] = text
    return out


_PRAGMA = re.compile(r"^([ \t]*)#pragma omp simd ?(.*)$", re.M)


def portable(text: str) -> str:
    """The text without what is not C99."""
    text = re.sub(r"__builtin_(add|sub|mul)_overflow\b", r"adc_\1_overflow", text)
    text = re.sub(r'__builtin_nanf?\(""\)', "NAN", text)
    text = re.sub(r"__builtin_inff?\(\)", "INFINITY", text)
    text = text.replace("__builtin_signbit", "signbit").replace("__SIZE_TYPE__", "size_t")
    text = text.replace("9223372036854775807LL", "LLONG_MAX")
    text = text.replace("__attribute__((noinline)) ", "")
    return _PRAGMA.sub(r"\1ADC_SIMD(\2)", text)
