/* The gradient of loss(w, b, x, y) in neuron_arrays.py, by w and b.
 * Types as given: w: f64[m], x: f64[n,m], y: f64[n]
 * Types assumed, for none were given: b: f64
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
#if defined(__GNUC__) && !defined(__clang__)
#define ADC_VECTOR _Pragma("omp declare simd notinbranch")
#else
#define ADC_VECTOR
#endif
ADC_VECTOR double exp(double);

#define ADC_CHECK(number, holds) \
  do { if (!(holds)) { *where = (number); status = 1; goto done; } } while (0)

#define ADC_MEMORY(ok) \
  do { if (!(ok)) { status = 2; goto done; } } while (0)

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

typedef double adc_vector __attribute__((vector_size(32), aligned(sizeof(double)), may_alias));

/* the sum of products, in sixteen parts */
static inline double adc_dot(long long n, const double *a, const double *b) {
  adc_vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  long long k = 0;
  for (; k + 16 <= n; k += 16) {
    const adc_vector *x = (const adc_vector *)(a + k), *y = (const adc_vector *)(b + k);
    s0 += x[0] * y[0];
    s1 += x[1] * y[1];
    s2 += x[2] * y[2];
    s3 += x[3] * y[3];
  }
  for (; k + 4 <= n; k += 4) s0 += *(const adc_vector *)(a + k) * *(const adc_vector *)(b + k);
  s0 = (s0 + s1) + (s2 + s3);
  double sum = (s0[0] + s0[1]) + (s0[2] + s0[3]);
  for (; k < n; k++) sum += a[k] * b[k];
  return sum;
}

int adc_grad_loss(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  int status = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double *w = in[0].a.data;
  const double b = in[1].f;
  const double *x = in[2].a.data;
  const double *y = in[3].a.data;
  const long long w_n0 = in[0].a.shape[0];
  const long long x_n0 = in[2].a.shape[0];
  const long long x_n1 = in[2].a.shape[1];
  const long long y_n0 = in[3].a.shape[0];
  /* neuron_arrays.py:5: z = x @ w + b */
  ADC_CHECK(0, x_n1 == w_n0);
  const long long shape[] = {w_n0};
  void *data;
  ADC_MEMORY(call->alloc(call, 0, shape, &data) == 0);
  double *d_w = data;
  double *t = adc_again(&frame, d_w, w_n0, x_n0, sizeof(double));
  ADC_MEMORY(t);
  for (long long i = 0; i < x_n0; i++) {
    const double t_1 = adc_dot(w_n0, &x[i * w_n0], &w[0]);
    t[i] = t_1;
  }
  /* neuron_arrays.py:6: y_hat = 1.0 / (1.0 + np.exp(-z)) */
  ADC_CHECK(1, y_n0 == x_n0);
  const double t_4 = 1.0 / (double)x_n0;
  double *d_z = adc_alloc(&frame, x_n0, sizeof(double));
  ADC_MEMORY(d_z);
  double d_b = 0.0;
  #pragma omp simd reduction(+:d_b)
  for (long long i = 0; i < x_n0; i++) {
    const double t_2 = exp(-(t[i] + b));
    const double y_hat = 1.0 / (1.0 + t_2);
    /* neuron_arrays.py:7: return np.mean((y - y_hat) ** 2) */
    const double t_3 = t_4 * (y[i] - y_hat);
    /* neuron_arrays.py:6: y_hat = 1.0 / (1.0 + np.exp(-z)) */
    const double t_6 = -(-(-(t_3 + t_3)) * y_hat * y_hat * t_2);
    d_z[i] = t_6;
    /* neuron_arrays.py:5: z = x @ w + b */
    d_b += t_6;
  }
  #pragma omp simd
  for (long long i = 0; i < w_n0; i++) {
    d_w[i] = 0.0;
  }
  for (long long i = 0; i < x_n0; i++) {
    const double t_5 = d_z[i];
    #pragma omp simd
    for (long long j = 0; j < w_n0; j++) {
      d_w[j] += x[j + i * w_n0] * t_5;
    }
  }
  out[1].f = d_b;
done:
  adc_leave(&frame, adc_spare());
  return status;
}
