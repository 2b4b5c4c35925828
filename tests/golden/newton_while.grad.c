/* The gradient of eccentric_anomaly(mean, eccentricity) in newton_while.py, by mean and eccentricity.
 * Types assumed, for none were given: mean: f64, eccentricity: f64
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

void *malloc(__SIZE_TYPE__);
void *realloc(void *, __SIZE_TYPE__);
void free(void *);
int madvise(void *, __SIZE_TYPE__, int);
void *memset(void *, int, __SIZE_TYPE__);
#if defined(__GNUC__) && !defined(__clang__)
#define ADC_VECTOR _Pragma("omp declare simd notinbranch")
#else
#define ADC_VECTOR
#endif
ADC_VECTOR double sin(double);
ADC_VECTOR double cos(double);
double fabs(double);

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
typedef struct adc_chunk { struct adc_chunk *next; long long size, used, owner, pad[4]; } adc_chunk;

/* A sequence of elements, one behind the other. `ends`: where each ends, if they are arrays. */
typedef struct adc_stack {
  struct adc_stack *older;
  struct adc_frame *frame;
  char *data;
  long long *ends;
  long long used, room, length, ends_room, number;
} adc_stack;

typedef struct adc_frame { adc_chunk *first, *now; adc_stack *stacks; } adc_frame;

/* on Linux: pages of a long chunk may be large ones (MADV_HUGEPAGE), as those of NumPy's arrays */
static __attribute__((noinline)) void adc_large_pages(adc_chunk *c) {
#ifdef __linux__
  char *page = (char *)c + (-(__SIZE_TYPE__)c & 4095);
  if (c->size >= 1 << 22) madvise(page, (__SIZE_TYPE__)((char *)(c + 1) + c->size - page), 14);
#else
  (void)c;
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
    c = malloc((__SIZE_TYPE__)room + sizeof *c + 64);
    if (!c) return 0;
    c->size = room;
    c->used = c->owner = 0;
    adc_large_pages(c);
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
    free(c);
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
    adc_chunk *const grown = realloc(c, (__SIZE_TYPE__)more + sizeof *c);
    if (!grown) {
      if (c && !*data) adc_give_back(f, c + 1, owner);
      return 0;
    }
    c = grown;
    c->size = more;
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

int adc_grad_eccentric_anomaly(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  int status = 0;
  long long work = 0;
  adc_frame frame = {adc_enter(adc_spare()), 0, 0};
  const double mean = in[0].f;
  const double eccentricity = in[1].f;
  adc_stack *tape_E = adc_stack_new(&frame, 2);
  ADC_MEMORY(tape_E);
  /* newton_while.py:8: while abs(step) > 1e-10: */
  double E = mean;
  double step = 1.0;
  long long t = 0;
  while (fabs(step) > 1e-10) {
    ADC_POLL(20);
    double *row = adc_push(tape_E, 3, sizeof(double));
    ADC_MEMORY(row);
    row[0] = E;
    /* newton_while.py:9: step = (E - eccentricity * math.sin(E) - mean) / (1.0 - eccentricity * math.cos(E)) */
    ADC_CHECK(0, !(E == E && E - E != 0));
    const double t_1 = sin(E);
    row[1] = t_1;
    const double t_2 = cos(E);
    row[2] = t_2;
    const double t_3 = 1.0 - eccentricity * t_2;
    ADC_CHECK(1, t_3 != 0.0);
    const double step_1 = (E - eccentricity * t_1 - mean) / t_3;
    /* newton_while.py:10: E -= step */
    long long t_4;
    ADC_CHECK(2, !__builtin_add_overflow(t, 1, &t_4));
    E -= step_1;
    step = step_1;
    t = t_4;
  }
  /* newton_while.py:8: while abs(step) > 1e-10: */
  const long long t_5 = t;
  double d_E = 1.0;
  double t_6 = 0.0;
  double t_7 = 0.0;
  for (long long i_1 = 0; i_1 < t_5; i_1++) {
    ADC_POLL(31);
    const double *row_1 = adc_pop(tape_E, 3, sizeof(double));
    /* newton_while.py:10: E -= step */
    const double d_step = -d_E;
    /* newton_while.py:9: step = (E - eccentricity * math.sin(E) - mean) / (1.0 - eccentricity * math.cos(E)) */
    const double t_8 = row_1[2];
    const double t_9 = 1.0 - eccentricity * t_8;
    const double d_E_1 = d_step / t_9;
    const double E_1 = row_1[0];
    const double t_10 = row_1[1];
    const double step_2 = (E_1 - eccentricity * t_10 - mean) / t_9;
    const double t_11 = -(-d_step * step_2 / t_9);
    const double d_eccentricity = t_11 * t_8;
    const double d_eccentricity_1 = t_6 + d_eccentricity;
    const double d_E_2 = -(t_11 * eccentricity) * sin(E_1);
    const double d_E_3 = d_E + d_E_2;
    const double d_mean = -d_E_1;
    const double d_E_4 = d_E_3 + d_E_1;
    const double d_eccentricity_2 = d_mean * t_10;
    const double d_E_5 = d_mean * eccentricity * cos(E_1);
    d_E = d_E_4 + d_E_5;
    t_6 = d_eccentricity_1 + d_eccentricity_2;
    t_7 += d_mean;
  }
  /* newton_while.py:8: while abs(step) > 1e-10: */
  const double d_E_6 = t_7 + d_E;
  out[0].f = d_E_6;
  out[1].f = t_6;
done:
  adc_leave(&frame, adc_spare());
  return status;
}
