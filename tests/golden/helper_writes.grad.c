/* The gradient of angle(a, b) in helper_writes.py, by a and b.
 * Types as given: a: f64[n], b: f64[n]
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

#define ADC_CHECK(number, holds) \
  do { if (!(holds)) { *where = (number); status = 1; goto done; } } while (0)

#define ADC_MEMORY(ok) \
  do { if (!(ok)) { status = 2; goto done; } } while (0)

/* what to multiply a divisor by, so that it has an inverse with all its digits */
static inline double adc_scale(double x) {
  return fabs(x) < 0x1p-1000 ? 0x1p100 : fabs(x) > 0x1p1000 ? 0x1p-100 : 1.0;
}

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

/* the memory of `room` elements that nothing reads any more, if it is enough; or new memory */
static __attribute__((noinline)) void *adc_again(
    adc_frame *f, void *old, long long room, long long count, long long size) {
  return count >= 0 && count <= room ? old : adc_alloc(f, count, size);
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

static inline void adc_copy(void *to, const void *from, long long count, long long size) {
  if (to != from && count > 0) memcpy(to, from, (__SIZE_TYPE__)(count * size));
}

int adc_grad_angle(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  (void)out;
  int status = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double *a = in[0].a.data;
  const double *b = in[1].a.data;
  const long long a_n0 = in[0].a.shape[0];
  const long long b_n0 = in[1].a.shape[0];
  /* helper_writes.py:10: a, b = a.copy(), b.copy() */
  const long long shape[] = {a_n0};
  void *data;
  ADC_MEMORY(call->alloc(call, 1, shape, &data) == 0);
  double *d_b_2 = data;
  double *a_1 = d_b_2; /* which is not written yet */
  adc_copy(a_1, a, a_n0, sizeof(double));
  double *a_old = adc_alloc(&frame, a_n0, sizeof(double));
  ADC_MEMORY(a_old);
  adc_copy(a_old, a_1, a_n0, sizeof(double));
  const long long shape_1[] = {a_n0};
  void *data_1;
  ADC_MEMORY(call->alloc(call, 0, shape_1, &data_1) == 0);
  double *d_a_2 = data_1;
  double *b_1 = adc_again(&frame, d_a_2, a_n0, b_n0, sizeof(double));
  ADC_MEMORY(b_1);
  adc_copy(b_1, b, b_n0, sizeof(double));
  double *b_old = adc_alloc(&frame, b_n0, sizeof(double));
  ADC_MEMORY(b_old);
  adc_copy(b_old, b_1, b_n0, sizeof(double));
  /* helper_writes.py:6: v /= np.sqrt(np.sum(v * v)) */
  double t = 0.0;
  #pragma omp simd reduction(+:t)
  for (long long i = 0; i < a_n0; i++) {
    t += a_1[i] * a_1[i];
  }
  const double t_1 = sqrt(t);
  const double t_2 = adc_scale(t_1);
  const double t_3 = t_1 * t_2;
  const double t_4 = 1.0 / t_3;
  double *t_5 = adc_alloc(&frame, a_n0, sizeof(double));
  ADC_MEMORY(t_5);
  #pragma omp simd
  for (long long i = 0; i < a_n0; i++) {
    const double t_18 = adc_quotient(a_1[i] * t_2, t_3, t_4);
    t_5[i] = t_18;
    a_1[i] = t_18;
  }
  double t_6 = 0.0;
  #pragma omp simd reduction(+:t_6)
  for (long long i = 0; i < b_n0; i++) {
    t_6 += b_1[i] * b_1[i];
  }
  const double t_7 = sqrt(t_6);
  const double t_8 = adc_scale(t_7);
  const double t_9 = t_7 * t_8;
  const double t_10 = 1.0 / t_9;
  double *t_11 = adc_alloc(&frame, b_n0, sizeof(double));
  ADC_MEMORY(t_11);
  #pragma omp simd
  for (long long i = 0; i < b_n0; i++) {
    const double t_19 = adc_quotient(b_1[i] * t_8, t_9, t_10);
    t_11[i] = t_19;
    b_1[i] = t_19;
  }
  /* helper_writes.py:13: return 1.0 - a @ b */
  ADC_CHECK(0, a_n0 == b_n0);
  double *d_a = adc_alloc(&frame, a_n0, sizeof(double));
  ADC_MEMORY(d_a);
  double *d_b = adc_alloc(&frame, a_n0, sizeof(double));
  ADC_MEMORY(d_b);
  double *t_12 = adc_alloc(&frame, a_n0, sizeof(double));
  ADC_MEMORY(t_12);
  double t_13 = 0.0;
  #pragma omp simd reduction(+:t_13)
  for (long long i = 0; i < a_n0; i++) {
    d_a[i] = -1.0 * b_1[i];
    const double t_20 = -1.0 * a_1[i];
    /* helper_writes.py:6: v /= np.sqrt(np.sum(v * v)) */
    t_12[i] = t_20;
    d_b[i] = 0.0;
    t_13 += -t_20 * t_11[i] * t_8 * t_10;
  }
  const double t_14 = t_13 * 0.5 / t_7;
  double *t_15 = adc_again(&frame, t_11, b_n0, a_n0, sizeof(double));
  ADC_MEMORY(t_15);
  double t_16 = 0.0;
  #pragma omp simd reduction(+:t_16)
  for (long long i = 0; i < a_n0; i++) {
    const double d_b_1 = t_14 * b_old[i];
    d_b_2[i] = d_b[i] + t_12[i] * t_8 * t_10 + d_b_1 + d_b_1;
    const double t_21 = d_a[i];
    t_15[i] = t_21;
    d_a[i] = 0.0;
    t_16 += -t_21 * t_5[i] * t_2 * t_4;
  }
  const double t_17 = t_16 * 0.5 / t_1;
  #pragma omp simd
  for (long long i = 0; i < a_n0; i++) {
    const double d_a_1 = t_17 * a_old[i];
    d_a_2[i] = d_a[i] + t_15[i] * t_2 * t_4 + d_a_1 + d_a_1;
  }
done:
  adc_leave(&frame, adc_spare());
  return status;
}
