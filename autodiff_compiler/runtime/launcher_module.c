/* The launcher, second part: the Python types, and how they are filled. */

/* -- plans --------------------------------------------------------------------------------- */

static void free_source(Source *s) {
  while (s) {
    Source *inner = s->inner;
    PyMem_Free(s);
    s = inner;
  }
}

/* A source is a tuple (code, inner or None, a, b, c) of objects that `owned` keeps alive. */
static Source *parse_source(PyObject *tuple) {
  int code;
  PyObject *inner, *a, *b, *c;
  if (!PyArg_ParseTuple(tuple, "iOOOO", &code, &inner, &a, &b, &c)) return NULL;
  Source *s = PyMem_Calloc(1, sizeof *s);
  if (!s) { PyErr_NoMemory(); return NULL; }
  s->code = code;
  s->a = a;
  s->b = b;
  s->c = c == Py_None ? NULL : c;
  if (inner != Py_None && !(s->inner = parse_source(inner))) {
    PyMem_Free(s);
    return NULL;
  }
  return s;
}

static int parse_nodes(Plan *p, PyObject *nodes) {
  p->nnodes = (int)PyTuple_GET_SIZE(nodes);
  if (!(p->nodes = PyMem_Calloc(p->nnodes + 1, sizeof *p->nodes))) return -1;
  for (int k = 0; k < p->nnodes; k++) {
    Node *n = &p->nodes[k];
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(nodes, k), "iiipKO", &n->code, &n->dtype, &n->count,
                          &n->contiguous, &n->ones, &n->object))
      return -1;
  }
  return 0;
}

static int parse_guards(Plan *p, PyObject *guards) {
  int n = (int)PyTuple_GET_SIZE(guards);
  if (!(p->guards = PyMem_Calloc(n + 1, sizeof *p->guards))) return -1;
  for (; p->nguards < n; p->nguards++) {
    Guard *g = &p->guards[p->nguards];
    PyObject *source;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(guards, p->nguards), "OiO", &source, &g->how, &g->expected)) return -1;
    if (!(g->source = parse_source(source))) return -1;
  }
  return 0;
}

static int parse_captures(Plan *p, PyObject *captures) {
  int n = (int)PyTuple_GET_SIZE(captures);
  if (!(p->captures = PyMem_Calloc(n + 1, sizeof *p->captures))) return -1;
  for (; p->ncaptures < n; p->ncaptures++)
    if (!(p->captures[p->ncaptures] = parse_source(PyTuple_GET_ITEM(captures, p->ncaptures)))) return -1;
  return 0;
}

static int parse_outs(Plan *p, PyObject *outs) {
  p->nout = (int)PyTuple_GET_SIZE(outs);
  if (!(p->outs = PyMem_Calloc(p->nout + 1, sizeof *p->outs))) return -1;
  for (int k = 0; k < p->nout; k++) {
    Out *o = &p->outs[k];
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(outs, k), "piip", &o->array, &o->dtype, &o->rank, &o->python)) return -1;
  }
  return 0;
}

static int *parse_leaf_numbers(PyObject *numbers, int *count, int nin) {
  int n = (int)PyTuple_GET_SIZE(numbers);
  int *list = PyMem_Calloc(n + 1, sizeof *list);
  if (!list) { PyErr_NoMemory(); return NULL; }
  for (int k = 0; k < n; k++) {
    list[k] = (int)PyLong_AsLong(PyTuple_GET_ITEM(numbers, k));
    if (list[k] < 0 || list[k] >= nin) {
      if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no such input leaf");
      PyMem_Free(list);
      return NULL;
    }
  }
  *count = n;
  return list;
}

static void plan_dealloc(PyObject *object) {
  Plan *p = (Plan *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  for (int k = 0; k < p->nguards; k++) free_source(p->guards[k].source);
  for (int k = 0; k < p->ncaptures; k++) free_source(p->captures[k]);
  PyMem_Free(p->guards);
  PyMem_Free(p->captures);
  PyMem_Free(p->nodes);
  for (int k = 0; p->outs && k < p->nout; k++)
    for (int j = 0; j < 2; j++) Py_XDECREF(p->outs[k].last[j]);
  PyMem_Free(p->outs);
  PyMem_Free(p->mutated);
  PyMem_Free(p->writes);
  Py_XDECREF(p->owned);
  type->tp_free(object);
  Py_DECREF(type);
}

/* There is no tp_clear: the structures point into `owned`, and every cycle through a plan goes
 * through a launcher, which has one. */
static int plan_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(((Plan *)object)->owned);
  return 0;
}

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  PyObject *record, *name, *nodes, *guards, *captures, *outs, *mutated, *writes, *result;
  unsigned long long entry, table;
  int nparams, nin, nchecks;
  if (!PyArg_ParseTuple(args, "OUKKiiiO!O!O!O!O!O!O!", &record, &name, &entry, &table, &nparams, &nin, &nchecks,
                        &PyTuple_Type, &nodes, &PyTuple_Type, &guards, &PyTuple_Type, &captures,
                        &PyTuple_Type, &outs, &PyTuple_Type, &mutated, &PyTuple_Type, &writes,
                        &PyTuple_Type, &result))
    return NULL;
  Plan *p = (Plan *)type->tp_alloc(type, 0);
  if (!p) return NULL;
  p->owned = Py_NewRef(args);
  p->record = record;
  p->name = name;
  p->result = result;
  p->entry = (kernel_entry)(uintptr_t)entry;
  p->table = (void *const *)(uintptr_t)table;
  p->nparams = nparams;
  p->nin = nin;
  p->nchecks = nchecks;
  if (parse_nodes(p, nodes) < 0 || parse_guards(p, guards) < 0 || parse_captures(p, captures) < 0 ||
      parse_outs(p, outs) < 0 || !(p->mutated = parse_leaf_numbers(mutated, &p->nmutated, nin)) ||
      !(p->writes = parse_leaf_numbers(writes, &p->nwrites, nin))) {
    if (!PyErr_Occurred()) PyErr_NoMemory();
    Py_DECREF(p);
    return NULL;
  }
  return (PyObject *)p;
}

static int put_leaf(Frame *f, int k, PyObject *value, npy_intp *work) {
  if (Py_TYPE(value) == &PyArray_Type) {
    PyArrayObject *a = (PyArrayObject *)value;
    f->held[k] = Py_NewRef(value);
    f->in[k].a.data = PyArray_DATA(a);
    f->in[k].a.shape = (const long long *)PyArray_DIMS(a);
    *work += PyArray_SIZE(a);
  } else if (PyFloat_Check(value)) {
    f->in[k].f = PyFloat_AS_DOUBLE(value);
  } else {
    f->in[k].i = PyLong_AsLongLong(value);
  }
  return PyErr_Occurred() ? ERROR : YES;
}

/* The kernel alone, on leaves that Python has prepared. */
static PyObject *plan_run(PyObject *object, PyObject *values) {
  Plan *p = (Plan *)object;
  if (!PyTuple_Check(values) || PyTuple_GET_SIZE(values) != p->nin) {
    PyErr_SetString(PyExc_TypeError, "a tuple of all leaves is expected");
    return NULL;
  }
  char small[SMALL];
  Frame f;
  npy_intp work = 0;
  if (open_frame(&f, p, small) != YES) return NULL;
  PyObject *result = NULL;
  int fits = YES;
  for (int k = 0; fits == YES && k < p->nin; k++) fits = put_leaf(&f, k, PyTuple_GET_ITEM(values, k), &work);
  if (fits == YES) {
    long long where;
    int status = enter(&f, work, &where);
    PyObject *outs = PyErr_Occurred() ? NULL : PyTuple_New(status ? 0 : p->nout);
    for (int k = 0; outs && !status && k < p->nout; k++) {
      PyObject *leaf = make_leaf(&f, k);
      if (leaf) PyTuple_SET_ITEM(outs, k, leaf);
      else Py_CLEAR(outs);
    }
    if (outs) result = Py_BuildValue("iLN", status, where, outs);
  }
  close_frame(&f, small);
  return result;
}

static PyMethodDef plan_methods[] = {
    {"run", plan_run, METH_O, "run(leaves): (status, number of the failed check, outputs)"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot plan_slots[] = {{Py_tp_new, plan_new},
                                   {Py_tp_dealloc, plan_dealloc},
                                   {Py_tp_traverse, plan_traverse},
                                   {Py_tp_methods, plan_methods},
                                   {0, NULL}};

static PyType_Spec plan_spec = {
    "autodiff_compiler_launcher.Plan", sizeof(Plan), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, plan_slots};

static PyTypeObject *plan_type;

/* -- launchers ----------------------------------------------------------------------------- */

static PyObject *launcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)args;
  (void)kwargs;
  Launcher *self = (Launcher *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->vectorcall = launcher_call;
  self->nargs = -1;
  return (PyObject *)self;
}

static int launcher_traverse(PyObject *object, visitproc visit, void *arg) {
  Launcher *self = (Launcher *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->bind);
  Py_VISIT(self->slow);
  Py_VISIT(self->failed);
  for (int k = 0; k < self->nplans; k++) Py_VISIT(self->plans[k]);
  return 0;
}

static void drop_plans(Launcher *self) {
  while (self->nplans) {
    Plan *p = self->plans[--self->nplans];
    self->plans[self->nplans] = NULL;
    Py_DECREF(p);
  }
}

static int launcher_clear(PyObject *object) {
  Launcher *self = (Launcher *)object;
  drop_plans(self);
  self->nargs = -1;
  Py_CLEAR(self->bind);
  Py_CLEAR(self->slow);
  Py_CLEAR(self->failed);
  return 0;
}

static void launcher_dealloc(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  launcher_clear(object);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyObject *launcher_setup(PyObject *object, PyObject *args) {
  Launcher *self = (Launcher *)object;
  Py_ssize_t nargs;
  PyObject *bind, *slow, *failed;
  if (!PyArg_ParseTuple(args, "nOOO", &nargs, &bind, &slow, &failed)) return NULL;
  self->nargs = nargs;
  Py_XSETREF(self->bind, Py_NewRef(bind));
  Py_XSETREF(self->slow, Py_NewRef(slow));
  Py_XSETREF(self->failed, Py_NewRef(failed));
  Py_RETURN_NONE;
}

static PyObject *launcher_install(PyObject *object, PyObject *plan) {
  Launcher *self = (Launcher *)object;
  if (Py_TYPE(plan) != plan_type) {
    PyErr_SetString(PyExc_TypeError, "a plan is expected");
    return NULL;
  }
  Plan *dropped = NULL;
  int at = 0;
  while (at < self->nplans && self->plans[at]->record != ((Plan *)plan)->record) at++;
  if (at == self->nplans && at < MAX_PLANS) self->nplans++;
  else dropped = self->plans[at = at < MAX_PLANS ? at : MAX_PLANS - 1];
  memmove(self->plans + 1, self->plans, at * sizeof *self->plans);
  self->plans[0] = (Plan *)Py_NewRef(plan);
  Py_XDECREF(dropped);
  Py_RETURN_NONE;
}

static PyObject *launcher_forget(PyObject *object, PyObject *none) {
  (void)none;
  drop_plans((Launcher *)object);
  Py_RETURN_NONE;
}

/* Like a function, a launcher in a class becomes a method. */
static PyObject *launcher_get(PyObject *self, PyObject *instance, PyObject *owner) {
  (void)owner;
  return instance ? PyMethod_New(self, instance) : Py_NewRef(self);
}

static PyMethodDef launcher_methods[] = {
    {"_setup", launcher_setup, METH_VARARGS, "_setup(nargs, bind, slow, failed)"},
    {"_install", launcher_install, METH_O, "_install(plan): put first"},
    {"_forget", launcher_forget, METH_NOARGS, "_forget(): drop all plans"},
    {NULL, NULL, 0, NULL}};

static PyMemberDef launcher_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Launcher, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot launcher_slots[] = {
    {Py_tp_new, launcher_new},         {Py_tp_dealloc, launcher_dealloc},
    {Py_tp_traverse, launcher_traverse}, {Py_tp_clear, launcher_clear},
    {Py_tp_call, PyVectorcall_Call},   {Py_tp_descr_get, launcher_get},
    {Py_tp_methods, launcher_methods}, {Py_tp_members, launcher_members},
    {0, NULL}};

static PyType_Spec launcher_spec = {
    "autodiff_compiler_launcher.Launcher", sizeof(Launcher), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, launcher_slots};

/* -- the module ---------------------------------------------------------------------------- */

static PyObject *setup(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *function;
  if (!PyArg_ParseTuple(args, "Ok", &function, &main_thread)) return NULL;
  Py_XSETREF(same_value, Py_NewRef(function));
  Py_RETURN_NONE;
}

/* The interpreter before 3.12 does not pass the fast calling convention on to subclasses made in
 * Python. To be used on classes that never define __call__. */
static PyObject *call_fast(PyObject *module, PyObject *type) {
  (void)module;
  if (!PyType_Check(type) || ((PyTypeObject *)type)->tp_call != PyVectorcall_Call ||
      ((PyTypeObject *)type)->tp_vectorcall_offset != offsetof(Launcher, vectorcall)) {
    PyErr_SetString(PyExc_TypeError, "a subclass of Launcher without a __call__ is expected");
    return NULL;
  }
  ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  PyType_Modified((PyTypeObject *)type);
  Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"setup", setup, METH_VARARGS, "setup(same_value, ident of the main thread)"},
    {"call_fast", call_fast, METH_O, NULL},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "autodiff_compiler_launcher", NULL, -1, module_methods, NULL, NULL, NULL, NULL};

static void fill_dtypes(void) {
  memset(dtype_of_type_num, NO_DTYPE, sizeof dtype_of_type_num);
  dtype_of_type_num[NPY_DOUBLE] = F64;
  dtype_of_type_num[NPY_FLOAT] = F32;
  dtype_of_type_num[NPY_BOOL] = BOOL;
  dtype_of_type_num[NPY_BYTE] = I8;
  dtype_of_type_num[NPY_SHORT] = I16;
  dtype_of_type_num[NPY_UBYTE] = U8;
  dtype_of_type_num[NPY_USHORT] = U16;
  dtype_of_type_num[NPY_INT] = I32;
  dtype_of_type_num[NPY_UINT] = U32;
  dtype_of_type_num[NPY_LONG] = sizeof(long) == 8 ? I64 : I32;
  if (sizeof(long) == 4) dtype_of_type_num[NPY_ULONG] = U32;
  dtype_of_type_num[NPY_LONGLONG] = I64;
}

PyMODINIT_FUNC PyInit_autodiff_compiler_launcher(void) {
  import_array();
  fill_dtypes();
  PyObject *module = PyModule_Create(&module_def);
  if (!module) return NULL;
  plan_type = (PyTypeObject *)PyType_FromSpec(&plan_spec);
  PyObject *launcher = PyType_FromSpec(&launcher_spec);
  if (!plan_type || !launcher || PyModule_AddObjectRef(module, "Plan", (PyObject *)plan_type) < 0 ||
      PyModule_AddObjectRef(module, "Launcher", launcher) < 0) {
    Py_XDECREF(launcher);
    Py_DECREF(module);
    return NULL;
  }
  Py_DECREF(launcher);
  return module;
}
