/* The gradient of grad(wave)(x, k) in second_order.py, by x.
 * Types as given: k: i64
 * Types assumed, for none were given: x: f64
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
ADC_VECTOR double sin(double);
ADC_VECTOR double cos(double);

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

int adc_grad_wave(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  int status = 0;
  long long work = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double x = in[0].f;
  const long long k = in[1].i;
  adc_stack *tape_value = adc_stack_new(&frame, 0);
  ADC_MEMORY(tape_value);
  adc_stack *tape_x = adc_stack_new(&frame, 1);
  ADC_MEMORY(tape_x);
  adc_stack *tape_d_x = adc_stack_new(&frame, 2);
  ADC_MEMORY(tape_d_x);
  adc_stack *tape_x_1 = adc_stack_new(&frame, 3);
  ADC_MEMORY(tape_x_1);
  adc_stack *tape_x_3 = adc_stack_new(&frame, 5);
  ADC_MEMORY(tape_x_3);
  /* second_order.py:8: for _ in range(k): */
  double x_1 = x;
  for (long long i_1 = 0; i_1 < k; i_1++) {
    ADC_POLL(7);
    double *row = adc_push(tape_x_3, 2, sizeof(double));
    ADC_MEMORY(row);
    double *place = adc_push(tape_x_1, 1, sizeof(double));
    ADC_MEMORY(place);
    *place = x_1;
    row[0] = x_1;
    /* second_order.py:9: x = math.sin(x) */
    ADC_CHECK(0, !(x_1 == x_1 && x_1 - x_1 != 0));
    const double x_2 = sin(x_1);
    row[1] = x_2;
    x_1 = x_2;
  }
  /* second_order.py:8: for _ in range(k): */
  long long t;
  ADC_CHECK(1, !__builtin_sub_overflow(k, 1, &t));
  double d_x = 0.0;
  for (long long i_2 = t; i_2 > -1; i_2--) {
    ADC_POLL(9);
    const double *row_1 = adc_pop(tape_x_3, 2, sizeof(double));
    /* second_order.py:10: total += x * x */
    const double x_3 = row_1[1];
    const double d_x_1 = d_x + x_3;
    const double d_x_2 = d_x_1 + x_3;
    double *place_1 = adc_push(tape_d_x, 1, sizeof(double));
    ADC_MEMORY(place_1);
    *place_1 = d_x_2;
    /* second_order.py:9: x = math.sin(x) */
    const double x_4 = row_1[0];
    double *place_2 = adc_push(tape_x, 1, sizeof(double));
    ADC_MEMORY(place_2);
    *place_2 = x_4;
    const double t_1 = cos(x_4);
    double *place_3 = adc_push(tape_value, 1, sizeof(double));
    ADC_MEMORY(place_3);
    *place_3 = t_1;
    d_x = d_x_2 * t_1;
  }
  /* second_order.py:8: for _ in range(k): */
  adc_stack *d_tape_x_1 = adc_stack_new(&frame, 7);
  ADC_MEMORY(d_tape_x_1);
  const long long t_2 = t - -1;
  double d_d_x = 1.0;
  for (long long i_3 = 0; i_3 < t_2; i_3++) {
    ADC_POLL(11);
    double *row_2 = adc_push(d_tape_x_1, 2, sizeof(double));
    ADC_MEMORY(row_2);
    /* second_order.py:9: x = math.sin(x) */
    const double t_3 = *(double *)adc_pop(tape_value, 1, sizeof(double));
    const double d_d_x_1 = d_d_x * t_3;
    const double d_x_3 = *(double *)adc_pop(tape_d_x, 1, sizeof(double));
    const double x_5 = *(double *)adc_pop(tape_x, 1, sizeof(double));
    const double d_x_4 = -(d_d_x * d_x_3) * sin(x_5);
    row_2[0] = d_x_4;
    /* second_order.py:10: total += x * x */
    const double d_d_x_2 = d_d_x_1 + d_d_x_1;
    row_2[1] = d_d_x_2;
    d_d_x = d_d_x_1;
  }
  /* second_order.py:8: for _ in range(k): */
  double d_x_5 = 0.0;
  for (long long i_4 = t; i_4 > -1; i_4--) {
    ADC_POLL(7);
    const double *row_3 = adc_pop(d_tape_x_1, 2, sizeof(double));
    /* second_order.py:9: x = math.sin(x) */
    const double d_x_6 = row_3[1];
    const double d_x_7 = d_x_5 + d_x_6;
    const double x_6 = *(double *)adc_pop(tape_x_1, 1, sizeof(double));
    const double d_x_8 = d_x_7 * cos(x_6);
    /* second_order.py:8: for _ in range(k): */
    const double d_x_9 = row_3[0];
    d_x_5 = d_x_8 + d_x_9;
  }
  out[0].f = d_x_5;
done:
  adc_leave(&frame, adc_spare());
  return status;
}
