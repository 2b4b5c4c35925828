"""C text that kernels start with: the calling convention, and helpers, of which only the used are pasted.

Kernels include no header (headers cost more to parse than most kernels to compile), so prototypes
of the C library are written out too. All integers wrap: kernels are compiled with -fwrapv.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from . import order
from .special import FOR_DOUBLES, FOR_FLOATS

__all__ = [
    "ABI",
    "all_helpers",
    "define",
    "define_for_floats",
    "REQUIRED_FLAGS",
    "VECTOR_MATH",
    "PURE",
    "free_symbol",
    "helpers",
    "prototypes",
    "library_names",
    "math_names",
]

#: Flags without which a kernel is not what it says.
REQUIRED_FLAGS = ("-fwrapv",)

ABI = """\
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

_MATH = {
    "exp": 1, "expm1": 1, "log": 1, "log1p": 1, "sqrt": 1, "sin": 1, "cos": 1, "tan": 1, "tanh": 1,
    "sinh": 1, "cosh": 1, "atan": 1, "asin": 1, "acos": 1, "fabs": 1, "floor": 1, "ceil": 1,
    "rint": 1, "trunc": 1, "atan2": 2, "hypot": 2, "pow": 2, "fmod": 2, "cbrt": 1, "log2": 1,
    "log10": 1, "exp2": 1, "erf": 1, "erfc": 1, "asinh": 1, "acosh": 1, "atanh": 1, "copysign": 2,
    "lgamma": 1, "tgamma": 1, "remainder": 2, "fmax": 2, "fmin": 2,
}  # fmt: skip
_VECTOR = """
exp log sin cos pow tan tanh sinh cosh asin acos atan atan2 expm1 log1p cbrt log2 log10 exp2 erf
"""
#: What glibc has vector forms of (2.35 and later; before, only the first five).
VECTOR_MATH = tuple(name + end for name in _VECTOR.split() for end in ("", "f"))

_LIBRARY = {
    "malloc": "void *malloc(__SIZE_TYPE__);",
    "realloc": "void *realloc(void *, __SIZE_TYPE__);",
    "free": "void free(void *);",
    "memcpy": "void *memcpy(void *, const void *, __SIZE_TYPE__);",
    "memset": "void *memset(void *, int, __SIZE_TYPE__);",
}

# In the order in which they are pasted: a helper may use those before it.
_HELPERS: dict[str, str] = {}


_DEFINES = re.compile(r"typedef (?:struct|double|float) (\w+)|#define (\w+)|\b(adc_\w+)\(")


def define(text: str) -> None:
    """A helper, under the name that its text defines."""
    found = _DEFINES.search(re.sub(r"/\*.*?\*/", "", text))
    assert found, text
    _HELPERS[next(name for name in found.groups() if name)] = text.strip("\n") + "\n"


def define_for_floats(text: str) -> None:
    """A helper for double, and the same for float under a name that ends in `f`."""
    define(text.replace("REAL", "double").replace("@", ""))
    define(text.replace("REAL", "float").replace("@", "f"))


define("""
#define ADC_CHECK(number, holds) \\
  do { if (!(holds)) { *where = (number); status = 1; goto done; } } while (0)
""")
define("""
#define ADC_MEMORY(ok) \\
  do { if (!(ok)) { status = 2; goto done; } } while (0)
""")
define("""
#define ADC_POLL(weight) \\
  do { \\
    if ((work += (weight)) > 1000000) { \\
      work = 0; \\
      if (call->poll(call)) { status = 3; goto done; } \\
    } \\
  } while (0)
""")

define("""
#define ADC_POLL_TRIPS(count) \\
  do { \\
    const long long trips_ahead = (count); \\
    if (trips_ahead > 0) ADC_POLL(trips_ahead); \\
  } while (0)
""")

# --- numbers --------------------------------------------------------------------------------------

define_for_floats("""
/* the larger, NaN if either is */
static inline REAL adc_max@(REAL a, REAL b) { return a > b || a != a ? a : b; }
""")
define_for_floats("""
/* the smaller, NaN if either is */
static inline REAL adc_min@(REAL a, REAL b) { return a < b || a != a ? a : b; }
""")
define_for_floats("""
static inline REAL adc_sign@(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }
""")
define("""
/* what to multiply a divisor by, so that it has an inverse with all its digits */
static inline double adc_scale(double x) {
  return fabs(x) < 0x1p-1000 ? 0x1p100 : fabs(x) > 0x1p1000 ? 0x1p-100 : 1.0;
}
""")
define_for_floats("""
/* the remainder that has b's sign */
static inline REAL adc_mod@(REAL a, REAL b) {
  REAL r = fmod@(a, b);
  if (b == 0) return r;
  if (r == 0) return copysign@(0, b);
  return (b < 0) != (r < 0) ? r + b : r;
}
""")
define_for_floats("""
/* floor(a / b) of the exact quotient */
static inline REAL adc_floordiv@(REAL a, REAL b) {
  REAL r, q, down;
  if (b == 0) return a / b;
  r = fmod@(a, b);
  q = (a - r) / b;
  if (r != 0 && (b < 0) != (r < 0)) q -= 1;
  if (q == 0) return copysign@(0, a / b);
  down = floor@(q);
  return q - down > (REAL)0.5 ? down + 1 : down;
}
""")
define_for_floats("""
/* log(exp(a) + exp(b)) */
static inline REAL adc_logaddexp@(REAL a, REAL b) {
  const REAL d = a - b;
  if (a == b) return a + (REAL)0.6931471805599453;
  return d > 0 ? a + log1p@(exp@(-d)) : d <= 0 ? b + log1p@(exp@(d)) : d;
}
""")
define_for_floats("""
/* the same of base 2 */
static inline REAL adc_logaddexp2@(REAL a, REAL b) {
  const REAL d = a - b, per_ln2 = (REAL)1.4426950408889634;
  if (a == b) return a + 1;
  return d > 0 ? a + per_ln2 * log1p@(exp2@(-d)) : d <= 0 ? b + per_ln2 * log1p@(exp2@(d)) : d;
}
""")
define_for_floats("""
static inline REAL adc_sinc@(REAL x) {
  const REAL z = (REAL)3.141592653589793 * x;
  return z == 0 ? 1 : sin@(z) / z;
}
""")
define("""
/* rounds down; 0 where NumPy only warns */
static inline long long adc_floordivi(long long a, long long b) {
  long long q;
  if (b == 0) return 0;
  if (b == -1) return -a;
  q = a / b;
  return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}
""")
define("""
/* the remainder that has b's sign; 0 where NumPy only warns */
static inline long long adc_modi(long long a, long long b) {
  long long r;
  if (b == 0 || b == -1) return 0;
  r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
""")
define("""
static inline long long adc_iabs(long long x) { return x < 0 ? -x : x; }
""")
define("""
/* wraps; the exponent is not negative */
static inline long long adc_wpow(long long x, long long n) {
  long long r = 1;
  for (; n > 0; n >>= 1, x *= x) if (n & 1) r *= x;
  return r;
}
""")
define("""
/* nonzero if x ** n is no long long */
static inline int adc_ipow(long long x, long long n, long long *r) {
  *r = 1;
  if (n < 0) return 1;
  while (n > 0) {
    if ((n & 1) && __builtin_mul_overflow(*r, x, r)) return 1;
    n >>= 1;
    if (n > 0 && __builtin_mul_overflow(x, x, &x)) return 1;
  }
  return 0;
}
""")
define("""
static inline long long adc_f2l(double x) {
  return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (long long)x : -9223372036854775807LL - 1;
}
""")
define("""
static inline int adc_f2i(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? (int)x : -2147483647 - 1;
}
""")
define("""
/* the product of lengths; the largest number where it does not fit */
static inline long long adc_times(long long a, long long b) {
  long long r;
  return __builtin_mul_overflow(a, b, &r) ? 9223372036854775807LL : r;
}
""")
define("""
/* how many numbers range(start, stop, step) has */
static inline unsigned long long adc_trips(long long start, long long stop, long long step) {
  unsigned long long a = (unsigned long long)start, b = (unsigned long long)stop;
  if (step > 0) return start < stop ? (b - a - 1) / (unsigned long long)step + 1 : 0;
  return step < 0 && start > stop ? (a - b - 1) / (0ULL - (unsigned long long)step) + 1 : 0;
}
""")

for _text in FOR_DOUBLES:
    define(_text)
for _text in FOR_FLOATS:
    define_for_floats(_text)

#: Helpers without side effects.
PURE = frozenset(_HELPERS) - {"ADC_CHECK", "ADC_MEMORY", "ADC_POLL", "ADC_POLL_TRIPS", "adc_ipow"}

# --- slices ---------------------------------------------------------------------------------------

define("""
/* a bound of a slice, wrapped and clipped to low..high */
static inline long long adc_clip(long long i, long long n, long long low, long long high) {
  if (i < 0) i += n;
  return i < low ? low : i > high ? high : i;
}
""")
define("""
/* the length of a slice with bounds that are wrapped and clipped */
static inline long long adc_length(long long lo, long long hi, long long step) {
  return (long long)adc_trips(lo, hi, step);
}
""")

# --- memory ---------------------------------------------------------------------------------------

define("""
/* Memory of one call: chunks, allocated from in order, given back by going back to a mark. `owner`: of
   one that waits for a stack, so that each stack finds the room that it had in the last call. */
typedef struct adc_chunk { struct adc_chunk *next; long long size, used, owner, pad[4]; } adc_chunk;
""")
define("""
/* A sequence of elements, one behind the other. `ends`: where each ends, if they are arrays. */
typedef struct adc_stack {
  struct adc_stack *older;
  struct adc_frame *frame;
  char *data;
  long long *ends;
  long long used, room, length, ends_room, number;
} adc_stack;
""")
define("""
typedef struct adc_frame { adc_chunk *first, *now; adc_stack *stacks; } adc_frame;
""")
define("""
typedef struct adc_mark { adc_chunk *chunk; long long used; adc_stack *stacks; } adc_mark;
""")
define("""
static void *adc_alloc(adc_frame *f, long long count, long long size) {
  long long bytes;
  adc_chunk *c = f->now ? f->now : f->first;
  if (count < 0 || __builtin_mul_overflow(count, size, &bytes) || bytes > 1LL << 47) return 0;
  bytes = (bytes + 63) & ~63LL;
  if (c && !f->now) c->used = 0;
  while (c && (c->owner || c->size - c->used < bytes)) {
    c = c->next;
    if (c) c->used = 0;
  }
  if (!c) {
    long long room = f->now ? 2 * f->now->size : 1 << 16;
    if (room > 1 << 24) room = 1 << 24;
    if (room < bytes) room = bytes;
    c = malloc((__SIZE_TYPE__)room + sizeof *c + 64);
    if (!c) return 0;
    c->size = room;
    c->used = c->owner = 0;
    /* what is too small for this array may still do for a later one */
    if (f->now) { c->next = f->now->next; f->now->next = c; }
    else { c->next = f->first; f->first = c; }
  }
  f->now = c;
  c->used += bytes;
  return (char *)(((__SIZE_TYPE__)(c + 1) + 63) & ~(__SIZE_TYPE__)63) + c->used - bytes;
}
""")
define("""
static void adc_give_back(adc_frame *f, void *data, long long owner) {
  adc_chunk *c, **place = f->now ? &f->now->next : &f->first;
  if (!data) return;
  c = (adc_chunk *)data - 1;
  c->owner = owner;
  c->next = *place;
  *place = c;
}
""")
define("""
static __attribute__((noinline)) void adc_free_stacks(adc_frame *f, adc_stack *until) {
  while (f->stacks != until) {
    adc_stack *s = f->stacks;
    f->stacks = s->older;
    adc_give_back(f, s->data, 2 * s->number + 1);
    adc_give_back(f, s->ends, 2 * s->number + 2);
  }
}
""")
define("""
static inline adc_mark adc_here(const adc_frame *f) {
  adc_mark m;
  m.chunk = f->now;
  m.used = f->now ? f->now->used : 0;
  m.stacks = f->stacks;
  return m;
}
""")
define("""
static inline void adc_release(adc_frame *f, adc_mark m) {
  if (f->stacks != m.stacks) adc_free_stacks(f, m.stacks);
  f->now = m.chunk;
  if (f->now) f->now->used = m.used;
}
""")
define("""
/* What the last call worked in (*keep), for the next one. Whoever takes it has it alone. */
static adc_chunk **adc_spare(void) { static adc_chunk *keep; return &keep; }
""")
define("""
static adc_chunk *adc_enter(adc_chunk **keep) {
  return __atomic_exchange_n(keep, 0, __ATOMIC_ACQ_REL);
}
""")
define("""
/* bytes that may be kept between calls */
#ifndef ADC_KEEP
#define ADC_KEEP (64LL << 20)
#endif
""")
define("""
/* keeps the memory for the next call, unless it is much */
static void adc_leave(adc_frame *f, adc_chunk **keep) {
  long long kept = 0;
  adc_chunk *c;
  adc_free_stacks(f, 0);
  for (c = f->first; c; c = c->next) kept += c->size;
  c = kept > ADC_KEEP ? f->first : __atomic_exchange_n(keep, f->first, __ATOMIC_ACQ_REL);
  while (c) {
    adc_chunk *next = c->next;
    free(c);
    c = next;
  }
}
""")
define("""
static inline void adc_copy(void *to, const void *from, long long count, long long size) {
  if (to != from && count > 0) memcpy(to, from, (__SIZE_TYPE__)(count * size));
}
""")

define("""
static int adc_less(const long long *a, const long long *b, long long width) {
  for (long long k = 0; k < width; k++) if (a[k] != b[k]) return a[k] < b[k];
  return 0;
}
""")
define("""
/* sorts rows of indices (heap sort, in place) and tells whether all differ */
static int adc_distinct(long long *rows, long long count, long long width) {
  for (long long end = count, top = count / 2; end > 1;) {
    long long hole, child;
    if (top > 0) top--;
    else {
      end--;
      for (long long k = 0; k < width; k++) {
        long long t = rows[k];
        rows[k] = rows[end * width + k];
        rows[end * width + k] = t;
      }
    }
    for (hole = top; (child = 2 * hole + 1) < end; hole = child) {
      if (child + 1 < end && adc_less(rows + child * width, rows + (child + 1) * width, width)) child++;
      if (!adc_less(rows + hole * width, rows + child * width, width)) break;
      for (long long k = 0; k < width; k++) {
        long long t = rows[hole * width + k];
        rows[hole * width + k] = rows[child * width + k];
        rows[child * width + k] = t;
      }
    }
  }
  for (long long r = 1; r < count; r++)
    if (!adc_less(rows + (r - 1) * width, rows + r * width, width)) return 0;
  return 1;
}
""")

# --- order ----------------------------------------------------------------------------------------

for _text in order.FOR_NUMBERS:
    define_for_floats(_text)
    define(_text.replace("REAL", "long long").replace("@", "i"))

# --- stacks ---------------------------------------------------------------------------------------

# What is seldom called is never put into its callers: each push would hold it twice, and compiling
# that took up to a third of a kernel's time.
define("""
static __attribute__((noinline)) adc_stack *adc_stack_new(adc_frame *f, long long number) {
  adc_stack *s = adc_alloc(f, 1, sizeof *s);
  if (!s) return 0;
  memset(s, 0, sizeof *s);
  s->frame = f;
  s->number = number;
  s->older = f->stacks;
  f->stacks = s;
  return s;
}
""")
define("""
static __attribute__((noinline)) int adc_grow(
    adc_frame *f, long long owner, char **data, long long *room, long long needed) {
  long long more = *room + *room / 2 + 256;
  adc_chunk *c = 0, **place = &f->first;
  if (*data) c = (adc_chunk *)*data - 1;
  else {
    while (*place && (*place)->owner != owner) place = &(*place)->next;
    if (*place) { c = *place; *place = c->next; }
  }
  if (!c || c->size < needed) {
    if (more < needed) more = needed;
    c = realloc(c, (__SIZE_TYPE__)more + sizeof *c);
    if (!c) return 0;
    c->size = more;
  }
  *data = (char *)(c + 1);
  *room = c->size;
  return 1;
}
""")
define("""
/* makes room for one more element and gives its place, or null */
static inline void *adc_push(adc_stack *s, long long count, long long size) {
  long long bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > 1LL << 46) return 0;
  if (s->room - s->used < bytes || !s->data)
    if (!adc_grow(s->frame, 2 * s->number + 1, &s->data, &s->room, s->used + bytes)) return 0;
  s->used += bytes;
  s->length++;
  return s->data + s->used - bytes;
}
""")
define("""
/* the same for elements that are arrays: they may differ in size */
static inline void *adc_push_array(adc_stack *s, long long count, long long size) {
  char *ends = (char *)s->ends;
  if (s->ends_room < (s->length + 1) * 8) {
    if (!adc_grow(s->frame, 2 * s->number + 2, &ends, &s->ends_room, (s->length + 1) * 8)) return 0;
    s->ends = (long long *)ends;
  }
  s->ends[s->length] = s->used;
  return adc_push(s, count, size);
}
""")
define("""
/* shortens by one element and gives its place, good until the next push */
static inline void *adc_pop(adc_stack *s, long long count, long long size) {
  s->used -= count * size;
  s->length--;
  return s->data + s->used;
}
""")
define("""
/* makes `to` hold what `from` holds; null if there is no memory */
static adc_stack *adc_stack_copy(adc_stack *to, const adc_stack *from) {
  char *ends = (char *)to->ends;
  if (to == from) return to;
  if (to->room < from->used && !adc_grow(to->frame, 2 * to->number + 1, &to->data, &to->room, from->used)) return 0;
  if (from->ends && to->ends_room < from->length * 8) {
    if (!adc_grow(to->frame, 2 * to->number + 2, &ends, &to->ends_room, from->length * 8)) return 0;
    to->ends = (long long *)ends;
  }
  adc_copy(to->data, from->data, from->used, 1);
  if (from->ends) adc_copy(to->ends, from->ends, from->length, 8);
  to->used = from->used;
  to->length = from->length;
  return to;
}
""")
define("""
/* trades contents: how a stack outlives the loop body that it was made in */
static inline void adc_stack_swap(adc_stack *a, adc_stack *b) {
  adc_stack old = *a;
  adc_stack *a_older = a->older, *b_older = b->older;
  *a = *b;
  *b = old;
  a->older = a_older;
  b->older = b_older;
}
""")


def library_names() -> set[str]:
    """Names that a kernel may not give to its own variables."""
    floats = {f"{name}f" for name in _MATH}
    own = "in out call where status frame work done together trips_ahead adc_leaf adc_call"
    return {*_MATH, *floats, *_LIBRARY, *_HELPERS, *own.split()}


def math_names() -> frozenset[str]:
    """Functions of the C library that loops may call for a whole vector."""
    return frozenset((*VECTOR_MATH, "adc_tanh", "adc_tanhf"))


_WORD = re.compile(r"\b[A-Za-z_]\w*\b")


def all_helpers() -> dict[str, str]:
    """The text of every helper, in the order in which they are pasted."""
    return dict(_HELPERS)


def helpers(
    words: Iterable[str], table: Mapping[str, str] = _HELPERS
) -> tuple[list[str], set[str]]:
    """The helpers that `words` name, those that these need, and all names that occur now."""
    seen = set(words)
    chosen: set[str] = set()
    grows = True
    while grows:
        grows = False
        for name, text in table.items():
            if name in seen and name not in chosen:
                chosen.add(name)
                seen |= set(_WORD.findall(text))
                grows = True
    return [text for name, text in table.items() if name in chosen], seen


def free_symbol(symbol: str) -> str:
    """The symbol, changed if it is the name of something here: the user's `mod` is not our `adc_mod`."""
    taken = set(_WORD.findall(ABI)).union(*map(_WORD.findall, _HELPERS.values()))
    while symbol in taken:
        symbol += "_"
    return symbol


def prototypes(words: set[str], vector_math: Iterable[str]) -> list[str]:
    """Declarations of the library functions among `words`, those with vector forms marked so."""
    plain = [text for name, text in _LIBRARY.items() if name in words]
    vector = set(vector_math)
    marked: list[str] = []
    scalar: list[str] = []
    for name, arity in _MATH.items():
        for kind, end in (("double", ""), ("float", "f")):
            if name + end in words:
                line = f"{kind} {name}{end}({', '.join([kind] * arity)});"
                (marked if name + end in vector else scalar).append(line)
    if marked:
        plain += [
            "#if defined(__GNUC__) && !defined(__clang__)",
            '#define ADC_VECTOR _Pragma("omp declare simd notinbranch")',
        ]
        plain += ["#else", "#define ADC_VECTOR", "#endif"]
        plain += [f"ADC_VECTOR {line}" for line in marked]
    return plain + scalar
