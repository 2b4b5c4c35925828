/* The gradient of energy(x, floor) in masks.py, by x.
 * Types as given: x: f64[n]
 * Types assumed, for none were given: floor: f64
 */

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

void *realloc(void *, __SIZE_TYPE__);
void free(void *);
void *mmap(void *, __SIZE_TYPE__, int, int, int, long);
void *mremap(void *, __SIZE_TYPE__, __SIZE_TYPE__, int, ...);
int munmap(void *, __SIZE_TYPE__);
int madvise(void *, __SIZE_TYPE__, int);
void *memcpy(void *, const void *, __SIZE_TYPE__);
double sqrt(double);
double fabs(double);

#define ADC_MEMORY(ok) \
  do { if (!(ok)) { status = 2; goto done; } } while (0)

static inline double adc_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

/* Memory of one call: chunks, allocated from in order, given back by going back to a mark. `owner`: of
   one that waits for a stack, so that each stack finds the room that it had in the last call. */
typedef struct adc_chunk { struct adc_chunk *next; long long size, used, owner, mapped, pad[3]; } adc_chunk;

/* A sequence of elements, one behind the other. `ends`: where each ends, if they are arrays. */
typedef struct adc_stack {
  struct adc_stack *older;
  struct adc_frame *frame;
  char *data;
  long long *ends;
  long long used, room, length, ends_room, number;
} adc_stack;

typedef struct adc_frame { adc_chunk *first, *now; adc_stack *stacks; } adc_frame;

/* On Linux long chunks are mappings of whole large pages (MADV_HUGEPAGE), as long arrays of NumPy's ask
   for: they are soon touched, and grow without being copied. */
#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)
#define ADC_LARGE_PAGE ((__SIZE_TYPE__)1 << 21)
#endif

#ifdef ADC_LARGE_PAGE
/* the same as `adc_resize`, as a mapping; where a move fails, addresses may be lost, but no memory */
static adc_chunk *adc_map(adc_chunk *c, __SIZE_TYPE__ bytes) {
  char *const all = mmap(0, bytes + ADC_LARGE_PAGE, 3, 0x22, -1, 0); /* our own, to read and write */
  if (all == (char *)-1) return 0;
  const __SIZE_TYPE__ before = -(__SIZE_TYPE__)all & (ADC_LARGE_PAGE - 1);
  char *const to = all + before;
  if (before) munmap(all, before);
  munmap(to + bytes, ADC_LARGE_PAGE - before);
  if (c && c->mapped) {
    if (mremap(c, (__SIZE_TYPE__)c->mapped, bytes, 3, to) != to) return 0; /* 3: moved, to just there */
  } else {
    madvise(to, bytes, 14);
    if (c) memcpy(to, c, (__SIZE_TYPE__)c->size + sizeof *c);
    free(c);
  }
  c = (adc_chunk *)to;
  c->mapped = (long long)bytes;
  c->size = (long long)(bytes - sizeof *c - 64);
  return c;
}
#endif

/* a chunk for `room` bytes that begins as `c` does, which is gone then; or null, and `c` is as it was */
static __attribute__((noinline)) adc_chunk *adc_resize(adc_chunk *c, long long room) {
  const __SIZE_TYPE__ bytes = (__SIZE_TYPE__)room + sizeof *c + 64;
  adc_chunk *made = 0;
#ifdef ADC_LARGE_PAGE
  if (bytes > 2 * ADC_LARGE_PAGE) {
    made = adc_map(c, (bytes + ADC_LARGE_PAGE - 1) & -ADC_LARGE_PAGE);
    if (made || (c && c->mapped)) return made;
  }
#endif
  made = realloc(c, bytes);
  if (!made) return 0;
  made->mapped = 0;
  made->size = room;
  return made;
}

static void adc_drop(adc_chunk *c) {
#ifdef ADC_LARGE_PAGE
  if (c->mapped) munmap(c, (__SIZE_TYPE__)c->mapped);
  else free(c);
#else
  free(c);
#endif
}

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
    c = adc_resize(0, room);
    if (!c) return 0;
    c->used = c->owner = 0;
    /* what is too small for this array may still do for a later one */
    if (f->now) { c->next = f->now->next; f->now->next = c; }
    else { c->next = f->first; f->first = c; }
  }
  f->now = c;
  c->used += bytes;
  return (char *)(((__SIZE_TYPE__)(c + 1) + 63) & ~(__SIZE_TYPE__)63) + c->used - bytes;
}

static void adc_give_back(adc_frame *f, void *data, long long owner) {
  adc_chunk *c, **place = f->now ? &f->now->next : &f->first;
  if (!data) return;
  c = (adc_chunk *)data - 1;
  c->owner = owner;
  c->next = *place;
  *place = c;
}

static __attribute__((noinline)) void adc_free_stacks(adc_frame *f, adc_stack *until) {
  while (f->stacks != until) {
    adc_stack *s = f->stacks;
    f->stacks = s->older;
    adc_give_back(f, s->data, 2 * s->number + 1);
    adc_give_back(f, s->ends, 2 * s->number + 2);
  }
}

/* What the last call worked in (*keep), for the next one. Whoever takes it has it alone. */
static adc_chunk **adc_spare(void) { static adc_chunk *keep; return &keep; }

static adc_chunk *adc_enter(adc_chunk **keep) {
  return __atomic_exchange_n(keep, 0, __ATOMIC_ACQ_REL);
}

/* bytes that may be kept between calls */
#ifndef ADC_KEEP
#define ADC_KEEP (64LL << 20)
#endif

/* keeps the memory for the next call, unless it is much */
static void adc_leave(adc_frame *f, adc_chunk **keep) {
  long long kept = 0;
  adc_chunk *c;
  adc_free_stacks(f, 0);
  for (c = f->first; c; c = c->next) kept += c->size;
  c = kept > ADC_KEEP ? f->first : __atomic_exchange_n(keep, f->first, __ATOMIC_ACQ_REL);
  while (c) {
    adc_chunk *next = c->next;
    adc_drop(c);
    c = next;
  }
}

int adc_grad_energy(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  (void)out;
  (void)where;
  int status = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double *x = in[0].a.data;
  const double floor_1 = in[1].f;
  const long long x_n0 = in[0].a.shape[0];
  /* masks.py:5: y = x * x */
  double *y = adc_alloc(&frame, x_n0, sizeof(double));
  ADC_MEMORY(y);
  #pragma omp simd
  for (long long i = 0; i < x_n0; i++) {
    y[i] = x[i] * x[i];
  }
  /* masks.py:6: y[x < floor] = 0.0 */
  long long *t = adc_alloc(&frame, x_n0, sizeof(long long));
  ADC_MEMORY(t);
  long long n = 0;
  for (long long i = 0; i < x_n0; i++) {
    if (x[i] < floor_1) {
      t[n] = i;
      n++;
    }
  }
  for (long long i = 0; i < n; i++) {
    y[t[i]] = 0.0;
  }
  /* masks.py:7: safe = np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0) */
  double *t_1 = adc_alloc(&frame, x_n0, sizeof(double));
  ADC_MEMORY(t_1);
  #pragma omp simd
  for (long long i = 0; i < x_n0; i++) {
    t_1[i] = sqrt(fabs(x[i]));
  }
  /* masks.py:8: return np.sum(y * safe) + np.mean(x[x > floor]) */
  long long *t_2 = adc_alloc(&frame, x_n0, sizeof(long long));
  ADC_MEMORY(t_2);
  long long n_1 = 0;
  for (long long i = 0; i < x_n0; i++) {
    if (x[i] > floor_1) {
      t_2[n_1] = i;
      n_1++;
    }
  }
  double *d_x = adc_alloc(&frame, x_n0, sizeof(double));
  ADC_MEMORY(d_x);
  #pragma omp simd
  for (long long i = 0; i < x_n0; i++) {
    d_x[i] = 0.0;
  }
  const double t_3 = 1.0 / (double)n_1;
  for (long long i = 0; i < n_1; i++) {
    d_x[t_2[i]] += t_3;
  }
  double *d_y = adc_alloc(&frame, x_n0, sizeof(double));
  ADC_MEMORY(d_y);
  #pragma omp simd
  for (long long i = 0; i < x_n0; i++) {
    d_y[i] = 1.0 * (x[i] > 0.0 ? t_1[i] : 0.0);
  }
  /* masks.py:6: y[x < floor] = 0.0 */
  for (long long i = 0; i < n; i++) {
    d_y[t[i]] = 0.0;
  }
  /* masks.py:5: y = x * x */
  const long long shape[] = {x_n0};
  void *data;
  ADC_MEMORY(call->alloc(call, 0, shape, &data) == 0);
  double *d_x_2 = data;
  #pragma omp simd
  for (long long i = 0; i < x_n0; i++) {
    const double t_4 = x[i];
    const double d_x_1 = d_y[i] * t_4;
    d_x_2[i] = d_x[i] + (t_4 > 0.0 ? (t_4 > 0.0 ? (t_4 > 0.0 ? y[i] : 0.0) * 0.5 / t_1[i] : 0.0) * adc_sign(t_4) : 0.0) + d_x_1 + d_x_1;
  }
done:
  adc_leave(&frame, adc_spare());
  return status;
}
