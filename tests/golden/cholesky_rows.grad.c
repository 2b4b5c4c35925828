/* The gradient of logdet(A) in cholesky_rows.py, by A.
 * Types as given: A: f64[n,n]
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
void *memset(void *, int, __SIZE_TYPE__);
double sqrt(double);

#define ADC_CHECK(number, holds) \
  do { if (!(holds)) { *where = (number); status = 1; goto done; } } while (0)

#define ADC_MEMORY(ok) \
  do { if (!(ok)) { status = 2; goto done; } } while (0)

#define ADC_POLL(weight) \
  do { \
    if ((work += (weight)) > 1000000) { \
      work = 0; \
      if (call->poll(call)) { status = 3; goto done; } \
    } \
  } while (0)

/* the product of lengths; the largest number where it does not fit */
static inline long long adc_times(long long a, long long b) {
  long long r;
  return __builtin_mul_overflow(a, b, &r) ? 9223372036854775807LL : r;
}

/* how many numbers range(start, stop, step) has */
static inline unsigned long long adc_trips(long long start, long long stop, long long step) {
  unsigned long long a = (unsigned long long)start, b = (unsigned long long)stop;
  if (step > 0) return start < stop ? (b - a - 1) / (unsigned long long)step + 1 : 0;
  return step < 0 && start > stop ? (a - b - 1) / (0ULL - (unsigned long long)step) + 1 : 0;
}

/* a bound of a slice, wrapped and clipped to low..high */
static inline long long adc_clip(long long i, long long n, long long low, long long high) {
  if (i < 0) i += n;
  return i < low ? low : i > high ? high : i;
}

/* the length of a slice with bounds that are wrapped and clipped */
static inline long long adc_length(long long lo, long long hi, long long step) {
  return (long long)adc_trips(lo, hi, step);
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
    adc_chunk *const grown = adc_resize(c, more);
    if (!grown) {
      if (c && !*data) adc_give_back(f, c + 1, owner);
      return 0;
    }
    c = grown;
  }
  *data = (char *)(c + 1);
  *room = c->size;
  return 1;
}

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

/* shortens by one element and gives its place, good until the next push */
static inline void *adc_pop(adc_stack *s, long long count, long long size) {
  s->used -= count * size;
  s->length--;
  return s->data + s->used;
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

int adc_grad_logdet(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  (void)out;
  int status = 0;
  long long work = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double *A = in[0].a.data;
  const long long A_n0 = in[0].a.shape[0];
  const long long A_n1 = in[0].a.shape[1];
  adc_stack *tape_value = adc_stack_new(&frame, 0);
  ADC_MEMORY(tape_value);
  adc_stack *tape_value_1 = adc_stack_new(&frame, 1);
  ADC_MEMORY(tape_value_1);
  /* cholesky_rows.py:6: L = A.copy() */
  double *L = adc_alloc(&frame, adc_times(A_n0, A_n1), sizeof(double));
  ADC_MEMORY(L);
  adc_copy(L, A, A_n0 * A_n1, sizeof(double));
  /* cholesky_rows.py:8: for j in range(len(L)): */
  ADC_CHECK(0, A_n0 <= 0 || A_n0 <= A_n1);
  for (long long j = 0; j < A_n0; j++) {
    ADC_POLL(27);
    double *row = adc_push(tape_value_1, 2, sizeof(double));
    ADC_MEMORY(row);
    /* cholesky_rows.py:9: L[j, j] = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j]) */
    const long long length = adc_length(0, adc_clip(j, A_n1, 0, A_n1), 1);
    const double t = adc_dot(length, &L[j * A_n1], &L[j * A_n1]);
    const double t_1 = sqrt(L[j * A_n1 + j] - t);
    row[0] = t_1;
    const double t_2 = L[j * A_n1 + j];
    row[1] = t_2;
    L[j * A_n1 + j] = t_1;
    /* cholesky_rows.py:10: for i in range(j + 1, len(L)): */
    const long long t_3 = j + 1;
    for (long long i = t_3; i < A_n0; i++) {
      ADC_POLL(12);
      double *row_1 = adc_push(tape_value, 2, sizeof(double));
      ADC_MEMORY(row_1);
      /* cholesky_rows.py:11: L[i, j] = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j] */
      const double t_4 = adc_dot(length, &L[i * A_n1], &L[j * A_n1]);
      const double t_5 = (L[i * A_n1 + j] - t_4) / L[j * A_n1 + j];
      row_1[0] = t_5;
      const double t_6 = L[i * A_n1 + j];
      row_1[1] = t_6;
      L[i * A_n1 + j] = t_5;
    }
  }
  /* cholesky_rows.py:8: for j in range(len(L)): */
  const long long shape[] = {A_n0, A_n1};
  void *data;
  ADC_MEMORY(call->alloc(call, 0, shape, &data) == 0);
  double *d_L = data;
  #pragma omp simd
  for (long long k = 0; k < A_n0 * A_n1; k++) {
    d_L[k] = 0.0;
  }
  const long long t_7 = A_n0 - 1;
  for (long long j_1 = t_7; j_1 > -1; j_1--) {
    ADC_POLL(46 + 4 * A_n0 * A_n1);
    const double *row_2 = adc_pop(tape_value_1, 2, sizeof(double));
    /* cholesky_rows.py:12: total += 2.0 * np.log(L[j, j]) */
    d_L[j_1 * A_n1 + j_1] += 2.0 / L[j_1 * A_n1 + j_1];
    /* cholesky_rows.py:11: L[i, j] = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j] */
    const long long length_1 = adc_length(0, adc_clip(j_1, A_n1, 0, A_n1), 1);
    /* cholesky_rows.py:10: for i in range(j + 1, len(L)): */
    const long long t_8 = j_1 + 1 - 1;
    for (long long i_1 = t_7; i_1 > t_8; i_1--) {
      ADC_POLL(20 + 2 * A_n0 * A_n1);
      const double *row_3 = adc_pop(tape_value, 2, sizeof(double));
      /* cholesky_rows.py:11: L[i, j] = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j] */
      const double t_9 = d_L[i_1 * A_n1 + j_1];
      d_L[i_1 * A_n1 + j_1] = 0.0;
      const double t_10 = row_3[1];
      L[i_1 * A_n1 + j_1] = t_10;
      const double t_11 = L[j_1 * A_n1 + j_1];
      const double t_12 = t_9 / t_11;
      const double t_13 = row_3[0];
      d_L[j_1 * A_n1 + j_1] += -t_9 * t_13 / t_11;
      const double t_14 = -t_12;
      #pragma omp simd
      for (long long k = 0; k < length_1; k++) {
        d_L[j_1 * A_n1 + k] += t_14 * L[i_1 * A_n1 + k];
      }
      #pragma omp simd
      for (long long k = 0; k < length_1; k++) {
        d_L[i_1 * A_n1 + k] += t_14 * L[j_1 * A_n1 + k];
      }
      d_L[i_1 * A_n1 + j_1] += t_12;
    }
    /* cholesky_rows.py:9: L[j, j] = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j]) */
    const double t_15 = d_L[j_1 * A_n1 + j_1];
    d_L[j_1 * A_n1 + j_1] = 0.0;
    const double t_16 = row_2[1];
    L[j_1 * A_n1 + j_1] = t_16;
    const double t_17 = row_2[0];
    const double t_18 = t_15 * 0.5 / t_17;
    const double t_19 = -t_18;
    #pragma omp simd
    for (long long k = 0; k < length_1; k++) {
      const double t_20 = L[j_1 * A_n1 + k];
      const double t_21 = d_L[j_1 * A_n1 + k] + t_19 * t_20;
      d_L[j_1 * A_n1 + k] = t_21 + t_19 * t_20;
    }
    d_L[j_1 * A_n1 + j_1] += t_18;
  }
done:
  adc_leave(&frame, adc_spare());
  return status;
}
