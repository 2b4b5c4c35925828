/* The gradient of final_energy(position, velocity, dt, steps) in leapfrog.py, by position and velocity.
 * Types as given: position: f64[n], velocity: f64[n], steps: i64
 * Types assumed, for none were given: dt: f64
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
#if defined(__GNUC__) && !defined(__clang__)
#define ADC_VECTOR _Pragma("omp declare simd notinbranch")
#else
#define ADC_VECTOR
#endif
ADC_VECTOR double pow(double, double);

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

typedef struct adc_mark { adc_chunk *chunk; long long used; adc_stack *stacks; } adc_mark;

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

static inline adc_mark adc_here(const adc_frame *f) {
  adc_mark m;
  m.chunk = f->now;
  m.used = f->now ? f->now->used : 0;
  m.stacks = f->stacks;
  return m;
}

static inline void adc_release(adc_frame *f, adc_mark m) {
  if (f->stacks != m.stacks) adc_free_stacks(f, m.stacks);
  f->now = m.chunk;
  if (f->now) f->now->used = m.used;
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

int adc_grad_final_energy(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  (void)out;
  int status = 0;
  long long work = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double *position = in[0].a.data;
  const double *velocity = in[1].a.data;
  const double dt = in[2].f;
  const long long steps = in[3].i;
  const long long position_n0 = in[0].a.shape[0];
  const long long velocity_n0 = in[1].a.shape[0];
  adc_stack *tape_x = adc_stack_new(&frame, 0);
  ADC_MEMORY(tape_x);
  /* leapfrog.py:5: x, v = position.copy(), velocity.copy() */
  const long long shape[] = {position_n0};
  void *data;
  ADC_MEMORY(call->alloc(call, 0, shape, &data) == 0);
  double *result = data;
  double *x = result; /* which is not written yet */
  adc_copy(x, position, position_n0, sizeof(double));
  const long long shape_1[] = {velocity_n0};
  void *data_1;
  ADC_MEMORY(call->alloc(call, 1, shape_1, &data_1) == 0);
  double *result_1 = data_1;
  double *v = result_1; /* which is not written yet */
  adc_copy(v, velocity, velocity_n0, sizeof(double));
  /* leapfrog.py:6: for _ in range(steps): */
  for (long long i_1 = 0; i_1 < steps; i_1++) {
    ADC_POLL(20 + 2 * velocity_n0 + position_n0);
    /* leapfrog.py:7: v -= 0.5 * dt * x**3 */
    const double t = 0.5 * dt;
    ADC_CHECK(0, velocity_n0 == position_n0);
    double *place = adc_push(tape_x, position_n0, sizeof(double));
    ADC_MEMORY(place);
    #pragma omp simd
    for (long long i = 0; i < position_n0; i++) {
      const double t_4 = x[i];
      const double t_5 = v[i] - t * pow(t_4, 3.0);
      v[i] = t_5;
      /* leapfrog.py:8: x += dt * v */
      place[i] = t_4;
      x[i] = t_4 + dt * t_5;
    }
    /* leapfrog.py:9: v -= 0.5 * dt * x**3 */
    #pragma omp simd
    for (long long i = 0; i < position_n0; i++) {
      v[i] = v[i] - t * pow(x[i], 3.0);
    }
  }
  /* leapfrog.py:10: return 0.5 * np.sum(v * v) + 0.25 * np.sum(x**4) */
  double *d_x = adc_alloc(&frame, position_n0, sizeof(double));
  ADC_MEMORY(d_x);
  #pragma omp simd
  for (long long i = 0; i < position_n0; i++) {
    d_x[i] = pow(x[i], 3.0);
  }
  double *d_v_1 = adc_alloc(&frame, velocity_n0, sizeof(double));
  ADC_MEMORY(d_v_1);
  #pragma omp simd
  for (long long i = 0; i < velocity_n0; i++) {
    const double d_v = 0.5 * v[i];
    d_v_1[i] = d_v + d_v;
  }
  /* leapfrog.py:6: for _ in range(steps): */
  long long t_1;
  ADC_CHECK(1, !__builtin_sub_overflow(steps, 1, &t_1));
  double *d_x_next = adc_alloc(&frame, position_n0, sizeof(double));
  ADC_MEMORY(d_x_next);
  double *d_v_next = adc_alloc(&frame, velocity_n0, sizeof(double));
  ADC_MEMORY(d_v_next);
  const adc_mark mark_1 = adc_here(&frame);
  for (long long i_2 = t_1; i_2 > -1; i_2--) {
    ADC_POLL(29 + 6 * velocity_n0 + 5 * position_n0);
    /* leapfrog.py:9: v -= 0.5 * dt * x**3 */
    const double t_2 = 0.5 * dt;
    double *d_x_1 = adc_alloc(&frame, position_n0, sizeof(double));
    ADC_MEMORY(d_x_1);
    double *d_x_2 = adc_alloc(&frame, position_n0, sizeof(double));
    ADC_MEMORY(d_x_2);
    const double *t_3 = adc_pop(tape_x, position_n0, sizeof(double));
    double *d_v_3 = adc_alloc(&frame, position_n0, sizeof(double));
    ADC_MEMORY(d_v_3);
    double *d_v_4 = adc_alloc(&frame, position_n0, sizeof(double));
    ADC_MEMORY(d_v_4);
    #pragma omp simd
    for (long long i = 0; i < position_n0; i++) {
      const double d_v_2 = d_v_1[i];
      d_v_1[i] = 0.0;
      const double t_6 = d_x[i] + -d_v_2 * t_2 * 3.0 * pow(x[i], 2.0);
      /* leapfrog.py:8: x += dt * v */
      d_x_2[i] = t_6;
      d_x_1[i] = 0.0;
      x[i] = t_3[i];
      const double t_7 = 0.0 + d_v_2 + t_6 * dt;
      /* leapfrog.py:7: v -= 0.5 * dt * x**3 */
      d_v_4[i] = t_7;
      d_v_3[i] = 0.0;
      d_v_next[i] = 0.0 + t_7;
    }
    #pragma omp simd
    for (long long i = 0; i < position_n0; i++) {
      d_x_next[i] = d_x_1[i] + d_x_2[i] + -d_v_4[i] * t_2 * 3.0 * pow(x[i], 2.0);
    }
    double *old_d_x = d_x;
    d_x = d_x_next;
    d_x_next = old_d_x;
    double *old_d_v_1 = d_v_1;
    d_v_1 = d_v_next;
    d_v_next = old_d_v_1;
    adc_release(&frame, mark_1);
  }
  adc_copy(result, d_x, position_n0, sizeof(double));
  adc_copy(result_1, d_v_1, velocity_n0, sizeof(double));
done:
  adc_leave(&frame, adc_spare());
  return status;
}
