/* The launcher, first part: calls of compiled kernels without a line of Python on the way.
 *
 * It knows the common case only: a known plan whose arguments fit. All else (a miss, memory that
 * overlaps, a check that failed) is handed to the Python dispatcher, which holds the rules.
 * Compiled as one text: abi.KERNEL_PRELUDE, this file, launcher_module.c.
 */
#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <Python.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <structmember.h>
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>

typedef int (*kernel_entry)(const adc_leaf *, adc_leaf *, adc_call *, long long *);

typedef char adc_dims_are_long_long[sizeof(npy_intp) == sizeof(long long) ? 1 : -1];
typedef char adc_leaf_is_16_bytes[sizeof(adc_leaf) == 16 ? 1 : -1];

/* Above this many elements the GIL is released: it costs as much as a small kernel. */
#define RELEASE_ABOVE 4096
#define MAX_PLANS 8
/* Seconds between two looks for signals. */
#define POLL_EVERY 0.05
/* Bytes of a call's bookkeeping that fit on the stack. */
#define SMALL 1024

/* Numbers shared with launcher.py. */
enum { F64, F32, I64, I32, BOOL, I8, I16, U8, U16, U32, NO_DTYPE };
enum { M_FLOAT, M_INT, M_BOOL, M_NUMPY, M_ARRAY, M_IS, M_EQ, M_TUPLE, M_LIST, M_DICT, M_NAMED, M_FIELDS };
enum { S_DICT, S_CELL, S_ATTR, S_ITEM, S_DEFAULT, S_KWDEFAULT, S_CONST, S_HAS };
enum { G_IS, G_CODE, G_EQ };
enum { R_LEAF, R_ARG, R_STATIC, R_TUPLE, R_LIST, R_DICT, R_CAPTURE, R_RECORD };

enum { ERROR = -1, NO = 0, YES = 1, UNUSUAL = 2 };

static PyObject *same_value;  /* plan.same_value */
static unsigned long main_thread;
static unsigned char dtype_of_type_num[32];

/* A node of a spec, in pre-order: what a value must be. */
typedef struct {
  int code, dtype, count, contiguous;
  unsigned long long ones;
  PyObject *object; /* the static value, the scalar type, the keys, the class, or (class, names) */
} Node;

typedef struct Source {
  int code;
  struct Source *inner;
  PyObject *a, *b, *c;
} Source;

typedef struct {
  Source *source;
  int how;
  PyObject *expected;
} Guard;

typedef struct {
  int array, dtype, python, rank;
  PyObject *last[2]; /* the arrays of the last calls, if they are worth keeping */
} Out;

typedef struct {
  PyObject_HEAD
  PyObject *record, *name; /* the Python Plan, and its name */
  kernel_entry entry;
  void *const *table;
  int nparams, ncaptures, nguards, nin, nout, nmutated, nwrites, nchecks;
  Node *nodes;
  int nnodes;
  Guard *guards;
  Source **captures;
  Out *outs;
  int *mutated, *writes;
  PyObject *result;
  PyObject *owned; /* a list: every object that the C structures point to */
} Plan;

typedef struct {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  Py_ssize_t nargs; /* of a call that needs no binding, or -1 */
  PyObject *bind, *slow, *failed;
  int nplans;
  Plan *plans[MAX_PLANS];
} Launcher;

typedef struct {
  adc_call call; /* first: a kernel gives back this address */
  Plan *plan;
  PyThreadState *released; /* not null while the GIL is released */
  double polled;           /* when signals were looked for last */
  adc_leaf *in, *out;
  PyObject **held;     /* by input leaf: the array, or null */
  PyObject **made;     /* by output: the array, or null */
  PyObject **captured; /* by capture: the value read */
  int leaf;
} Frame;

/* -- callbacks of kernels ----------------------------------------------------------------- */

static const int type_num_of_dtype[] = {NPY_DOUBLE, NPY_FLOAT, NPY_INT64, NPY_INT32, NPY_BOOL};

/* Fresh pages can cost more than the work that fills them. So of long arrays the last two are kept, or the
 * last, up to KEPT bytes in all, and given out again when nobody else has them any more. */
#define LONG_ARRAY (128LL << 10)
#define KEPT (64LL << 20)

static int is_free(PyObject *array, const Out *o, const npy_intp *shape) {
#ifdef Py_GIL_DISABLED
  return 0;
#else
  PyArrayObject *a = (PyArrayObject *)array;
  return a && Py_REFCNT(array) == 1 && !((PyArrayObject_fields *)a)->weakreflist &&
         PyArray_TYPE(a) == type_num_of_dtype[o->dtype] && PyArray_ISNOTSWAPPED(a) &&
         PyArray_NDIM(a) == o->rank && PyArray_BASE(a) == NULL &&
         PyArray_CHKFLAGS(a, NPY_ARRAY_CARRAY | NPY_ARRAY_OWNDATA) &&
         PyArray_CompareLists(PyArray_DIMS(a), shape, o->rank);
#endif
}

/* A new array for output number `out`, or one that is free. */
static PyObject *new_array(const Plan *p, int out, const npy_intp *shape) {
  Out *o = &p->outs[out];
  PyObject *array = is_free(o->last[0], o, shape) ? o->last[0] : is_free(o->last[1], o, shape) ? o->last[1] : NULL;
  if (array) return Py_NewRef(array);
  array = PyArray_SimpleNew(o->rank, (npy_intp *)shape, type_num_of_dtype[o->dtype]);
  if (!array) return NULL;
  long long bytes = PyArray_NBYTES((PyArrayObject *)array), arrays = 0;
  for (int k = 0; k < p->nout; k++) arrays += p->outs[k].array != 0;
  int keep = bytes >= LONG_ARRAY && bytes <= KEPT / arrays, two = bytes <= KEPT / arrays / 2;
  if (keep || o->last[0]) {
    PyObject *second = two ? Py_XNewRef(o->last[0]) : NULL;
    Py_XSETREF(o->last[0], keep ? Py_NewRef(array) : NULL);
    Py_XSETREF(o->last[1], second);
  }
  return array;
}

static int on_alloc(adc_call *call, int out, const long long *shape, void **data) {
  Frame *f = (Frame *)call;
  int was_released = f->released != NULL;
  if (was_released) { PyEval_RestoreThread(f->released); f->released = NULL; }
  PyObject *array = new_array(f->plan, out, (npy_intp *)shape);
  if (array) {
    Py_XSETREF(f->made[out], array);
    *data = PyArray_DATA((PyArrayObject *)array);
  } else {
    PyErr_Clear(); /* "too big" and "no memory" are both: no memory */
  }
  if (was_released) f->released = PyEval_SaveThread();
  return array ? 0 : 2;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static int on_poll(adc_call *call) {
  Frame *f = (Frame *)call;
  if (f->released) {
    /* Only the main thread handles signals, and the GIL may be long in coming: other threads keep
     * it for milliseconds. */
    if (PyThread_get_thread_ident() != main_thread) return 0;
    double t = now();
    if (t - f->polled < POLL_EVERY) return 0;
    f->polled = t;
    PyEval_RestoreThread(f->released);
    f->released = NULL;
  }
  int stop = PyErr_CheckSignals() < 0;
  /* A kernel that polls is a long one: from now on other threads may run beside it. */
  if (!stop) f->released = PyEval_SaveThread();
  return stop;
}

/* -- matching ------------------------------------------------------------------------------ */

static int array_dtype(PyArrayObject *a) {
  int num = PyArray_TYPE(a);
  if (num < 0 || num >= (int)sizeof dtype_of_type_num || !PyArray_ISNOTSWAPPED(a)) return NO_DTYPE;
  return dtype_of_type_num[num];
}

static int same_object_value(PyObject *a, PyObject *b) {
  if (a == b) return YES;
  if (Py_TYPE(a) != Py_TYPE(b)) return NO;
  if (PyUnicode_CheckExact(a)) return PyUnicode_Compare(a, b) == 0;
  PyObject *answer = PyObject_CallFunctionObjArgs(same_value, a, b, NULL);
  if (!answer) return ERROR;
  int yes = PyObject_IsTrue(answer);
  Py_DECREF(answer);
  return yes;
}

static int match_array(Frame *f, const Node *n, PyObject *value) {
  if (Py_TYPE(value) != &PyArray_Type) return NO;
  PyArrayObject *a = (PyArrayObject *)value;
  if (PyArray_NDIM(a) != n->count || array_dtype(a) != n->dtype) return NO;
  if (PyArray_IS_C_CONTIGUOUS(a) != n->contiguous) return NO;
  const npy_intp *dims = PyArray_DIMS(a);
  for (int k = 0; k < n->count; k++)
    if ((dims[k] == 1) != (int)(n->ones >> k & 1)) return NO;
  f->held[f->leaf++] = Py_NewRef(value);
  return YES;
}

static int match_numpy_scalar(Frame *f, const Node *n, PyObject *value) {
  if ((PyObject *)Py_TYPE(value) != n->object) return NO;
  adc_leaf *in = &f->in[f->leaf++];
  switch (n->dtype) {
  case F64: in->f = PyArrayScalar_VAL(value, Double); return YES;
  case F32: in->f = PyArrayScalar_VAL(value, Float); return YES;
  case BOOL: in->i = PyArrayScalar_VAL(value, Bool) != 0; return YES;
  case I64: { npy_int64 v; PyArray_ScalarAsCtype(value, &v); in->i = v; return YES; }
  default: { npy_int32 v; PyArray_ScalarAsCtype(value, &v); in->i = v; return YES; }
  }
}

static int match(Frame *f, const Node **cursor, PyObject *value);

static int match_dict(Frame *f, const Node *n, const Node **cursor, PyObject *value) {
  if (!PyDict_CheckExact(value) || PyDict_GET_SIZE(value) != n->count) return NO;
  Py_ssize_t at = 0, k = 0;
  PyObject *key, *part;
  while (PyDict_Next(value, &at, &key, &part)) {
    if (k >= n->count) return NO;
    PyObject *wanted = PyTuple_GET_ITEM(n->object, k++);
    Py_INCREF(key);
    Py_INCREF(part);
    int fits = same_object_value(key, wanted);
    if (fits == YES) fits = match(f, cursor, part);
    Py_DECREF(key);
    Py_DECREF(part);
    if (fits != YES) return fits;
  }
  return k == n->count;
}

static int match_tuple(Frame *f, const Node *n, const Node **cursor, PyObject *value) {
  if (PyTuple_GET_SIZE(value) != n->count) return NO;
  for (int k = 0; k < n->count; k++) {
    int fits = match(f, cursor, PyTuple_GET_ITEM(value, k));
    if (fits != YES) return fits;
  }
  return YES;
}

static int match_fields(Frame *f, const Node *n, const Node **cursor, PyObject *value) {
  if ((PyObject *)Py_TYPE(value) != PyTuple_GET_ITEM(n->object, 0)) return NO;
  PyObject *names = PyTuple_GET_ITEM(n->object, 1);
  for (int k = 0; k < n->count; k++) {
    PyObject *part = PyObject_GetAttr(value, PyTuple_GET_ITEM(names, k));
    if (!part) {
      if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return ERROR;
      PyErr_Clear();
      return NO;
    }
    int fits = match(f, cursor, part);
    Py_DECREF(part);
    if (fits != YES) return fits;
  }
  return YES;
}

static int match(Frame *f, const Node **cursor, PyObject *value) {
  const Node *n = (*cursor)++;
  switch (n->code) {
  case M_FLOAT:
    if (!PyFloat_CheckExact(value)) return NO;
    f->in[f->leaf++].f = PyFloat_AS_DOUBLE(value);
    return YES;
  case M_INT: {
    if (!PyLong_CheckExact(value)) return NO;
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow) return NO;
    f->in[f->leaf++].i = v;
    return YES;
  }
  case M_BOOL:
    if (!PyBool_Check(value)) return NO;
    f->in[f->leaf++].i = value == Py_True;
    return YES;
  case M_NUMPY: return match_numpy_scalar(f, n, value);
  case M_ARRAY: return match_array(f, n, value);
  case M_IS: return value == n->object;
  case M_EQ: return same_object_value(value, n->object);
  case M_TUPLE:
    return PyTuple_CheckExact(value) ? match_tuple(f, n, cursor, value) : NO;
  case M_NAMED:
    return (PyObject *)Py_TYPE(value) == n->object ? match_tuple(f, n, cursor, value) : NO;
  case M_FIELDS: return match_fields(f, n, cursor, value);
  case M_LIST:
    if (!PyList_CheckExact(value) || PyList_GET_SIZE(value) != n->count) return NO;
    for (int k = 0; k < n->count; k++) {
      /* A comparison inside may run Python code that shortens the list. */
      if (k >= PyList_GET_SIZE(value)) return NO;
      PyObject *part = Py_NewRef(PyList_GET_ITEM(value, k));
      int fits = match(f, cursor, part);
      Py_DECREF(part);
      if (fits != YES) return fits;
    }
    return YES;
  default: return match_dict(f, n, cursor, value);
  }
}

/* The value that a source has now: a new reference, or null with or without an exception. */
static PyObject *read_source(const Source *s) {
  PyObject *value;
  switch (s->code) {
  case S_DICT:
    value = PyDict_GetItemWithError(s->a, s->b);
    if (!value && !PyErr_Occurred() && s->c) value = PyDict_GetItemWithError(s->c, s->b);
    return Py_XNewRef(value);
  case S_CELL: return Py_XNewRef(PyCell_GET(s->a));
  case S_CONST: return Py_NewRef(s->a);
  case S_DEFAULT: {
    PyObject *defaults = PyFunction_GET_DEFAULTS(s->a);
    Py_ssize_t back = PyLong_AsSsize_t(s->b);
    if (!defaults || back > PyTuple_GET_SIZE(defaults)) return NULL;
    return Py_NewRef(PyTuple_GET_ITEM(defaults, PyTuple_GET_SIZE(defaults) - back));
  }
  case S_KWDEFAULT: {
    PyObject *defaults = PyFunction_GET_KW_DEFAULTS(s->a);
    return defaults ? Py_XNewRef(PyDict_GetItemWithError(defaults, s->b)) : NULL;
  }
  }
  PyObject *inner = read_source(s->inner);
  if (!inner) return NULL;
  if (s->code == S_HAS) {
    value = PyObject_GetAttr(inner, s->b);
    if (!value && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    if (!PyErr_Occurred()) Py_XSETREF(value, PyBool_FromLong(value != NULL));
  } else if (s->code == S_ATTR) {
    value = PyObject_GetAttr(inner, s->b);
    if (!value && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
  } else {
    value = PyObject_GetItem(inner, s->b);
    if (!value && (PyErr_ExceptionMatches(PyExc_LookupError) || PyErr_ExceptionMatches(PyExc_TypeError)))
      PyErr_Clear();
  }
  Py_DECREF(inner);
  return value;
}

static int guard_holds(const Guard *g) {
  PyObject *value = read_source(g->source);
  if (!value) return PyErr_Occurred() ? ERROR : NO;
  int holds;
  if (g->how == G_IS) {
    holds = value == g->expected;
  } else if (g->how == G_EQ) {
    holds = same_object_value(value, g->expected);
  } else if (PyFunction_Check(value)) {
    holds = PyFunction_GET_CODE(value) == g->expected;
  } else {
    PyObject *code = PyObject_GetAttrString(value, "__code__");
    if (!code && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    holds = code ? code == g->expected : PyErr_Occurred() ? ERROR : NO;
    Py_XDECREF(code);
  }
  Py_DECREF(value);
  return holds;
}

static int match_call(Frame *f, PyObject *const *args) {
  Plan *p = f->plan;
  const Node *cursor = p->nodes;
  for (int k = 0; k < p->nparams; k++) {
    int fits = match(f, &cursor, args[k]);
    if (fits != YES) return fits;
  }
  for (int k = 0; k < p->nguards; k++) {
    int fits = guard_holds(&p->guards[k]);
    if (fits != YES) return fits;
  }
  for (int k = 0; k < p->ncaptures; k++) {
    f->captured[k] = read_source(p->captures[k]);
    if (!f->captured[k]) return PyErr_Occurred() ? ERROR : NO;
    int fits = match(f, &cursor, f->captured[k]);
    if (fits != YES) return fits;
  }
  return YES;
}

/* -- running ------------------------------------------------------------------------------- */

/* Contiguous memory for every array leaf. */
static int prepare(Frame *f, npy_intp *work) {
  Plan *p = f->plan;
  for (int k = 0; k < p->nin; k++) {
    PyArrayObject *a = (PyArrayObject *)f->held[k];
    if (!a) continue;
    int dtype = array_dtype(a);
    if (!PyArray_ISALIGNED(a) || !PyArray_IS_C_CONTIGUOUS(a) || dtype > BOOL) {
      /* The memory of the original is what must not overlap. */
      if (p->nmutated) return UNUSUAL;
      int num = dtype > BOOL ? NPY_INT64 : type_num_of_dtype[dtype];
      PyObject *converted = PyArray_FromArray(
          a, PyArray_DescrFromType(num), NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_FORCECAST);
      if (!converted) return ERROR;
      Py_SETREF(f->held[k], converted);
      a = (PyArrayObject *)converted;
    }
    f->in[k].a.data = PyArray_DATA(a);
    f->in[k].a.shape = (const long long *)PyArray_DIMS(a);
    *work += PyArray_SIZE(a);
  }
  for (int m = 0; m < p->nmutated; m++) {
    PyArrayObject *a = (PyArrayObject *)f->held[p->mutated[m]];
    if (!PyArray_ISWRITEABLE(a)) return UNUSUAL;
    const char *start = PyArray_BYTES(a), *end = start + PyArray_NBYTES(a);
    for (int k = 0; k < p->nin; k++) {
      PyArrayObject *b = (PyArrayObject *)f->held[k];
      if (!b || k == p->mutated[m]) continue;
      if (PyArray_BYTES(b) < end && start < PyArray_BYTES(b) + PyArray_NBYTES(b)) return UNUSUAL;
    }
  }
  return YES;
}

/* Copies what a kernel writes in place out of, or back into, its arrays. */
static char *copy_written(Frame *f, char *kept, int back) {
  Plan *p = f->plan;
  npy_intp total = 0;
  for (int k = 0; k < p->nwrites; k++) total += PyArray_NBYTES((PyArrayObject *)f->held[p->writes[k]]);
  if (!kept) kept = PyMem_RawMalloc(total ? total : 1);
  if (!kept) return NULL;
  char *at = kept;
  for (int k = 0; k < p->nwrites; k++) {
    PyArrayObject *a = (PyArrayObject *)f->held[p->writes[k]];
    npy_intp size = PyArray_NBYTES(a);
    if (back) memcpy(PyArray_DATA(a), at, size);
    else memcpy(at, PyArray_DATA(a), size);
    at += size;
  }
  return kept;
}

static PyObject *make_scalar(const Out *o, adc_leaf v) {
  if (o->python) {
    if (o->dtype <= F32) return PyFloat_FromDouble(v.f);
    if (o->dtype == BOOL) return PyBool_FromLong(v.i != 0);
    return PyLong_FromLongLong(v.i);
  }
  float single = (float)v.f;
  npy_int32 narrow = (npy_int32)v.i;
  npy_bool truth = v.i != 0;
  void *data = o->dtype == F64 ? (void *)&v.f : o->dtype == F32 ? (void *)&single
             : o->dtype == I64 ? (void *)&v.i : o->dtype == I32 ? (void *)&narrow : (void *)&truth;
  PyArray_Descr *descr = PyArray_DescrFromType(type_num_of_dtype[o->dtype]);
  PyObject *scalar = PyArray_Scalar(data, descr, NULL);
  Py_DECREF(descr);
  return scalar;
}

static PyObject *make_leaf(Frame *f, int k) {
  const Out *o = &f->plan->outs[k];
  if (!o->array) return make_scalar(o, f->out[k]);
  if (!f->made[k]) {
    PyErr_SetString(PyExc_RuntimeError, "a kernel did not make one of its result arrays");
    return NULL;
  }
  return Py_NewRef(f->made[k]);
}

static PyObject *find_arg(PyObject *path, PyObject *const *args) {
  /* A step is (is it an attribute, its name or key). */
  PyObject *value = Py_NewRef(args[PyLong_AsLong(PyTuple_GET_ITEM(PyTuple_GET_ITEM(path, 0), 1))]);
  for (Py_ssize_t k = 1; value && k < PyTuple_GET_SIZE(path); k++) {
    PyObject *step = PyTuple_GET_ITEM(path, k), *key = PyTuple_GET_ITEM(step, 1);
    Py_SETREF(value, PyTuple_GET_ITEM(step, 0) == Py_True ? PyObject_GetAttr(value, key) : PyObject_GetItem(value, key));
  }
  return value;
}

/* A tree is (code, what) or, for containers, (code, trees, keys or what makes the object). */
static PyObject *make_result(Frame *f, PyObject *tree, PyObject *const *args) {
  PyObject *what = PyTuple_GET_ITEM(tree, 1);
  long code = PyLong_AsLong(PyTuple_GET_ITEM(tree, 0));
  switch (code) {
  case R_LEAF: return make_leaf(f, (int)PyLong_AsLong(what));
  case R_STATIC: return Py_NewRef(what);
  case R_ARG: return find_arg(what, args);
  case R_CAPTURE: return Py_NewRef(f->captured[PyLong_AsLong(what)]);
  }
  Py_ssize_t n = PyTuple_GET_SIZE(what);
  PyObject *made = code == R_TUPLE || code == R_RECORD ? PyTuple_New(n) : code == R_LIST ? PyList_New(n) : PyDict_New();
  for (Py_ssize_t k = 0; made && k < n; k++) {
    PyObject *part = make_result(f, PyTuple_GET_ITEM(what, k), args);
    if (!part) {
      Py_CLEAR(made);
    } else if (code == R_TUPLE || code == R_RECORD) {
      PyTuple_SET_ITEM(made, k, part);
    } else if (code == R_LIST) {
      PyList_SET_ITEM(made, k, part);
    } else {
      if (PyDict_SetItem(made, PyTuple_GET_ITEM(PyTuple_GET_ITEM(tree, 2), k), part) < 0) Py_CLEAR(made);
      Py_DECREF(part);
    }
  }
  if (made && code == R_RECORD) Py_SETREF(made, PyObject_CallOneArg(PyTuple_GET_ITEM(tree, 2), made));
  return made;
}

static PyObject *tuple_of(PyObject *const *args, Py_ssize_t n) {
  PyObject *tuple = PyTuple_New(n);
  for (Py_ssize_t k = 0; tuple && k < n; k++) PyTuple_SET_ITEM(tuple, k, Py_NewRef(args[k]));
  return tuple;
}

/* Lays out a frame, on the stack if it is small. */
static int open_frame(Frame *f, Plan *p, char small[SMALL]) {
  int nrefs = p->nin + p->nout + p->ncaptures;
  size_t bytes = (p->nin + p->nout) * sizeof(adc_leaf) + nrefs * sizeof(PyObject *);
  *f = (Frame){.call = {on_alloc, on_poll, p->table}, .plan = p};
  f->in = bytes <= SMALL ? (adc_leaf *)small : PyMem_Malloc(bytes);
  if (!f->in) { PyErr_NoMemory(); return ERROR; }
  f->out = f->in + p->nin;
  f->held = (PyObject **)(f->out + p->nout);
  f->made = f->held + p->nin;
  f->captured = f->made + p->nout;
  for (int k = 0; k < nrefs; k++) f->held[k] = NULL;
  return YES;
}

static void close_frame(Frame *f, char small[SMALL]) {
  int nrefs = f->plan->nin + f->plan->nout + f->plan->ncaptures;
  for (int k = 0; k < nrefs; k++) Py_XDECREF(f->held[k]);
  if ((char *)f->in != small) PyMem_Free(f->in);
}

static int enter(Frame *f, npy_intp work, long long *where) {
  *where = -1;
  if (work > RELEASE_ABOVE) f->released = PyEval_SaveThread();
  int status = f->plan->entry(f->in, f->out, &f->call, where);
  if (f->released) { PyEval_RestoreThread(f->released); f->released = NULL; }
  return status;
}

static PyObject *run(Launcher *self, Frame *f, PyObject *const *args, npy_intp work) {
  Plan *p = f->plan;
  char *kept = NULL;
  if (p->nwrites && p->nchecks && !(kept = copy_written(f, NULL, 0))) return PyErr_NoMemory();
  long long where;
  int status = enter(f, work, &where);
  if (kept) {
    if (status) copy_written(f, kept, 1);
    PyMem_RawFree(kept);
  }
  if (status == 0) return make_result(f, p->result, args);
  if (PyErr_Occurred()) return NULL; /* left by a signal's handler */
  if (status == 2) return PyErr_Format(PyExc_MemoryError, "no memory for the work of %U", p->name);
  if (status == 3) { PyErr_SetNone(PyExc_KeyboardInterrupt); return NULL; }
  PyObject *all = tuple_of(args, p->nparams);
  if (!all) return NULL;
  PyObject *result = PyObject_CallFunction(self->failed, "OOL", p->record, all, where);
  Py_DECREF(all);
  return result;
}

/* Tries one plan: YES and a result (or null and an exception), or why not. */
static int attempt(Launcher *self, Plan *p, PyObject *const *args, PyObject **result) {
  char small[SMALL];
  Frame f;
  npy_intp work = 0;
  int fits = open_frame(&f, p, small);
  if (fits != YES) return fits;
  fits = match_call(&f, args);
  if (fits == YES) fits = prepare(&f, &work);
  if (fits == YES) *result = run(self, &f, args, work);
  close_frame(&f, small);
  return fits;
}

static PyObject *launch(Launcher *self, PyObject *const *args, Py_ssize_t n) {
  for (int k = 0; k < self->nplans; k++) {
    /* Held, because guards may run Python code that calls this launcher and reorders its plans. */
    Plan *p = (Plan *)Py_NewRef(self->plans[k]);
    PyObject *result = NULL;
    int fits = p->nparams == n ? attempt(self, p, args, &result) : NO;
    if (fits == YES && k && k < self->nplans && self->plans[k] == p) {
      memmove(self->plans + 1, self->plans, k * sizeof *self->plans);
      self->plans[0] = p;
    }
    Py_DECREF(p);
    if (fits == YES || fits == ERROR) return result;
    if (fits == UNUSUAL) break;
  }
  if (!self->slow) {
    PyErr_SetString(PyExc_RuntimeError, "this launcher was not set up");
    return NULL;
  }
  PyObject *all = tuple_of(args, n);
  if (!all) return NULL;
  PyObject *result = PyObject_CallOneArg(self->slow, all);
  Py_DECREF(all);
  return result;
}

static PyObject *launcher_call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
  Launcher *self = (Launcher *)object;
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (n == self->nargs && (!kwnames || !PyTuple_GET_SIZE(kwnames))) return launch(self, args, n);
  if (!self->bind) {
    PyErr_SetString(PyExc_RuntimeError, "this launcher was not set up");
    return NULL;
  }
  PyObject *bound = PyObject_Vectorcall(self->bind, args, n, kwnames);
  if (!bound) return NULL;
  if (!PyTuple_CheckExact(bound)) {
    Py_DECREF(bound);
    PyErr_SetString(PyExc_TypeError, "bind must give a tuple");
    return NULL;
  }
  PyObject *result = launch(self, ((PyTupleObject *)bound)->ob_item, PyTuple_GET_SIZE(bound));
  Py_DECREF(bound);
  return result;
}
