/* The gradient of logdet(A) in cholesky.py, by A.
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

#define ADC_POLL_TRIPS(count) \
  do { \
    const long long trips_ahead = (count); \
    if (trips_ahead > 0) ADC_POLL(trips_ahead); \
  } while (0)

/* the product of lengths; the largest number where it does not fit */
static inline long long adc_times(long long a, long long b) {
  long long r;
  return __builtin_mul_overflow(a, b, &r) ? 9223372036854775807LL : r;
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

int adc_grad_logdet(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  (void)out;
  int status = 0;
  long long work = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double *A = in[0].a.data;
  const long long A_n0 = in[0].a.shape[0];
  const long long A_n1 = in[0].a.shape[1];
  adc_stack *tape_L = adc_stack_new(&frame, 0);
  ADC_MEMORY(tape_L);
  adc_stack *tape_L_1 = adc_stack_new(&frame, 1);
  ADC_MEMORY(tape_L_1);
  adc_stack *tape_L_2 = adc_stack_new(&frame, 2);
  ADC_MEMORY(tape_L_2);
  adc_stack *tape_L_3 = adc_stack_new(&frame, 3);
  ADC_MEMORY(tape_L_3);
  /* cholesky.py:6: L = A.copy() */
  double *L = adc_alloc(&frame, adc_times(A_n0, A_n1), sizeof(double));
  ADC_MEMORY(L);
  adc_copy(L, A, A_n0 * A_n1, sizeof(double));
  /* cholesky.py:8: for j in range(n): */
  ADC_CHECK(2, A_n0 <= 0 || A_n0 <= A_n1);
  for (long long j = 0; j < A_n0; j++) {
    ADC_POLL(41);
    /* cholesky.py:9: for k in range(j): */
    const int t = 0 < j;
    if (t) {
      /* cholesky.py:10: L[j, j] -= L[j, k] ** 2 */
      ADC_CHECK(0, j < A_n1);
      /* cholesky.py:9: for k in range(j): */
      double t_1 = L[j * A_n1 + j];
      ADC_CHECK(1, j <= 0 || j <= A_n1);
      ADC_POLL_TRIPS(j);
      #pragma omp simd reduction(+:t_1)
      for (long long k = 0; k < j; k++) {
        /* cholesky.py:10: L[j, j] -= L[j, k] ** 2 */
        const double t_2 = L[j * A_n1 + k];
        t_1 -= t_2 * t_2;
      }
      const double t_3 = L[j * A_n1 + j];
      double *place = adc_push(tape_L_2, 1, sizeof(double));
      ADC_MEMORY(place);
      *place = t_3;
      L[j * A_n1 + j] = t_1;
    }
    /* cholesky.py:11: L[j, j] = np.sqrt(L[j, j]) */
    const double t_4 = L[j * A_n1 + j];
    double *place_1 = adc_push(tape_L_3, 1, sizeof(double));
    ADC_MEMORY(place_1);
    *place_1 = t_4;
    L[j * A_n1 + j] = sqrt(L[j * A_n1 + j]);
    /* cholesky.py:12: for i in range(j + 1, n): */
    const long long t_5 = j + 1;
    for (long long i = t_5; i < A_n0; i++) {
      ADC_POLL(19);
      /* cholesky.py:13: for k in range(j): */
      if (t) {
        /* cholesky.py:14: L[i, j] -= L[i, k] * L[j, k] */
        /* cholesky.py:13: for k in range(j): */
        double t_6 = L[i * A_n1 + j];
        ADC_CHECK(3, j <= 0 || j <= A_n1);
        ADC_POLL_TRIPS(j);
        #pragma omp simd reduction(+:t_6)
        for (long long k_1 = 0; k_1 < j; k_1++) {
          /* cholesky.py:14: L[i, j] -= L[i, k] * L[j, k] */
          t_6 -= L[i * A_n1 + k_1] * L[j * A_n1 + k_1];
        }
        const double t_7 = L[i * A_n1 + j];
        double *place_2 = adc_push(tape_L_1, 1, sizeof(double));
        ADC_MEMORY(place_2);
        *place_2 = t_7;
        L[i * A_n1 + j] = t_6;
      }
      /* cholesky.py:15: L[i, j] /= L[j, j] */
      const double t_8 = L[i * A_n1 + j];
      double *place_3 = adc_push(tape_L, 1, sizeof(double));
      ADC_MEMORY(place_3);
      *place_3 = t_8;
      L[i * A_n1 + j] = L[i * A_n1 + j] / L[j * A_n1 + j];
    }
  }
  /* cholesky.py:17: for j in range(n): */
  ADC_CHECK(4, A_n0 <= 0 || A_n0 <= A_n1);
  for (long long j_1 = 0; j_1 < A_n0; j_1++) {
    ADC_POLL(2);
    /* cholesky.py:18: total += np.log(L[j, j]) */
  }
  /* cholesky.py:17: for j in range(n): */
  const long long shape[] = {A_n0, A_n1};
  void *data;
  ADC_MEMORY(call->alloc(call, 0, shape, &data) == 0);
  double *d_L = data;
  #pragma omp simd
  for (long long l = 0; l < A_n0 * A_n1; l++) {
    d_L[l] = 0.0;
  }
  const long long t_9 = A_n0 - 1;
  #pragma omp simd
  for (long long j_2 = 0; j_2 < t_9 + 1; j_2++) {
    /* cholesky.py:18: total += np.log(L[j, j]) */
    d_L[j_2 * A_n1 + j_2] += 2.0 / L[j_2 * A_n1 + j_2];
  }
  /* cholesky.py:8: for j in range(n): */
  for (long long j_3 = t_9; j_3 > -1; j_3--) {
    ADC_POLL(63);
    /* cholesky.py:15: L[i, j] /= L[j, j] */
    /* cholesky.py:12: for i in range(j + 1, n): */
    const long long t_10 = j_3 + 1 - 1;
    for (long long i_1 = t_9; i_1 > t_10; i_1--) {
      ADC_POLL(32);
      /* cholesky.py:15: L[i, j] /= L[j, j] */
      const double t_11 = d_L[i_1 * A_n1 + j_3];
      d_L[i_1 * A_n1 + j_3] = 0.0;
      const double t_12 = *(double *)adc_pop(tape_L, 1, sizeof(double));
      L[i_1 * A_n1 + j_3] = t_12;
      const double t_13 = L[j_3 * A_n1 + j_3];
      d_L[j_3 * A_n1 + j_3] += -t_11 * (L[i_1 * A_n1 + j_3] / t_13) / t_13;
      d_L[i_1 * A_n1 + j_3] += t_11 / t_13;
      /* cholesky.py:13: for k in range(j): */
      if (0 < j_3) {
        /* cholesky.py:14: L[i, j] -= L[i, k] * L[j, k] */
        const double t_14 = d_L[i_1 * A_n1 + j_3];
        d_L[i_1 * A_n1 + j_3] = 0.0;
        const double t_15 = *(double *)adc_pop(tape_L_1, 1, sizeof(double));
        L[i_1 * A_n1 + j_3] = t_15;
        /* cholesky.py:13: for k in range(j): */
        const long long t_16 = j_3 - 1;
        ADC_POLL_TRIPS(t_16 + 1);
        #pragma omp simd
        for (long long k_2 = 0; k_2 < t_16 + 1; k_2++) {
          /* cholesky.py:14: L[i, j] -= L[i, k] * L[j, k] */
          const double t_17 = -t_14;
          d_L[j_3 * A_n1 + k_2] += t_17 * L[i_1 * A_n1 + k_2];
          d_L[i_1 * A_n1 + k_2] += t_17 * L[j_3 * A_n1 + k_2];
        }
        /* cholesky.py:13: for k in range(j): */
        d_L[i_1 * A_n1 + j_3] += t_14;
      }
    }
    /* cholesky.py:11: L[j, j] = np.sqrt(L[j, j]) */
    const double t_18 = d_L[j_3 * A_n1 + j_3];
    d_L[j_3 * A_n1 + j_3] = 0.0;
    const double t_19 = *(double *)adc_pop(tape_L_3, 1, sizeof(double));
    L[j_3 * A_n1 + j_3] = t_19;
    d_L[j_3 * A_n1 + j_3] += t_18 * 0.5 / sqrt(L[j_3 * A_n1 + j_3]);
    /* cholesky.py:9: for k in range(j): */
    if (0 < j_3) {
      /* cholesky.py:10: L[j, j] -= L[j, k] ** 2 */
      const double t_20 = d_L[j_3 * A_n1 + j_3];
      d_L[j_3 * A_n1 + j_3] = 0.0;
      const double t_21 = *(double *)adc_pop(tape_L_2, 1, sizeof(double));
      L[j_3 * A_n1 + j_3] = t_21;
      /* cholesky.py:9: for k in range(j): */
      const long long t_22 = j_3 - 1;
      ADC_POLL_TRIPS(t_22 + 1);
      #pragma omp simd
      for (long long k_3 = 0; k_3 < t_22 + 1; k_3++) {
        /* cholesky.py:10: L[j, j] -= L[j, k] ** 2 */
        const double t_23 = -t_20 * L[j_3 * A_n1 + k_3];
        d_L[j_3 * A_n1 + k_3] += t_23 + t_23;
      }
      /* cholesky.py:9: for k in range(j): */
      d_L[j_3 * A_n1 + j_3] += t_20;
    }
  }
done:
  adc_leave(&frame, adc_spare());
  return status;
}
