"""C text that kernels start with: the calling convention, and helpers, of which only the used are pasted.

Kernels include no header (headers cost more to parse than most kernels to compile), so prototypes
of the C library are written out too. All integers wrap: kernels are compiled with -fwrapv.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from . import order
from .memory_text import FOR_MEMORY, FOR_STACKS
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
    "mmap": "void *mmap(void *, __SIZE_TYPE__, int, int, int, long);",
    "mremap": "void *mremap(void *, __SIZE_TYPE__, __SIZE_TYPE__, int, ...);",
    "munmap": "int munmap(void *, __SIZE_TYPE__);",
    "madvise": "int madvise(void *, __SIZE_TYPE__, int);",
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
define("""
/* a / b, given 1 / b: corrected by what is left over, if that is a number */
static inline double adc_quotient(double a, double b, double inverse) {
#if defined __FMA__ || defined __aarch64__
  const double q = a * inverse;
  const double better = __builtin_fma(__builtin_fma(-q, b, a), inverse, q);
  return __builtin_islessgreater(better, q) ? better : q;
#else
  (void)inverse;
  return a / b;
#endif
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

for _text in FOR_MEMORY:
    define(_text)

# --- order ----------------------------------------------------------------------------------------

for _text in order.FOR_NUMBERS:
    define_for_floats(_text)
    define(_text.replace("REAL", "long long").replace("@", "i"))

# --- stacks ---------------------------------------------------------------------------------------

for _text in FOR_STACKS:
    define(_text)


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
