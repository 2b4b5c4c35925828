"""Helpers of the prelude for memory: what a call works in, and stacks that keep what the sweep needs.

What is seldom called is never put into its callers: each push would hold it twice, and compiling
that took up to a third of a kernel's time.
"""

__all__ = ["FOR_MEMORY", "FOR_STACKS"]

#: Chunks, frames and marks, and copies.
FOR_MEMORY = (
    """
/* Memory of one call: chunks, allocated from in order, given back by going back to a mark. `owner`: of
   one that waits for a stack, so that each stack finds the room that it had in the last call. */
typedef struct adc_chunk { struct adc_chunk *next; long long size, used, owner, mapped, pad[3]; } adc_chunk;
""",
    """
/* A sequence of elements, one behind the other. `ends`: where each ends, if they are arrays. */
typedef struct adc_stack {
  struct adc_stack *older;
  struct adc_frame *frame;
  char *data;
  long long *ends;
  long long used, room, length, ends_room, number;
} adc_stack;
""",
    """
typedef struct adc_frame { adc_chunk *first, *now; adc_stack *stacks; } adc_frame;
""",
    """
typedef struct adc_mark { adc_chunk *chunk; long long used; adc_stack *stacks; } adc_mark;
""",
    """
/* On Linux long chunks are mappings of whole large pages (MADV_HUGEPAGE), as long arrays of NumPy's ask
   for: they are soon touched, and grow without being copied. */
#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)
#define ADC_LARGE_PAGE ((__SIZE_TYPE__)1 << 21)
#endif
""",
    """
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
""",
    """
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
""",
    """
static void adc_drop(adc_chunk *c) {
#ifdef ADC_LARGE_PAGE
  if (c->mapped) munmap(c, (__SIZE_TYPE__)c->mapped);
  else free(c);
#else
  free(c);
#endif
}
""",
    """
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
""",
    """
/* the memory of `room` elements that nothing reads any more, if it is enough; or new memory */
static __attribute__((noinline)) void *adc_again(
    adc_frame *f, void *old, long long room, long long count, long long size) {
  return count >= 0 && count <= room ? old : adc_alloc(f, count, size);
}
""",
    """
static void adc_give_back(adc_frame *f, void *data, long long owner) {
  adc_chunk *c, **place = f->now ? &f->now->next : &f->first;
  if (!data) return;
  c = (adc_chunk *)data - 1;
  c->owner = owner;
  c->next = *place;
  *place = c;
}
""",
    """
static __attribute__((noinline)) void adc_free_stacks(adc_frame *f, adc_stack *until) {
  while (f->stacks != until) {
    adc_stack *s = f->stacks;
    f->stacks = s->older;
    adc_give_back(f, s->data, 2 * s->number + 1);
    adc_give_back(f, s->ends, 2 * s->number + 2);
  }
}
""",
    """
static inline adc_mark adc_here(const adc_frame *f) {
  adc_mark m;
  m.chunk = f->now;
  m.used = f->now ? f->now->used : 0;
  m.stacks = f->stacks;
  return m;
}
""",
    """
static inline void adc_release(adc_frame *f, adc_mark m) {
  if (f->stacks != m.stacks) adc_free_stacks(f, m.stacks);
  f->now = m.chunk;
  if (f->now) f->now->used = m.used;
}
""",
    """
/* What the last call worked in (*keep), for the next one. Whoever takes it has it alone. */
static adc_chunk **adc_spare(void) { static adc_chunk *keep; return &keep; }
""",
    """
static adc_chunk *adc_enter(adc_chunk **keep) {
  return __atomic_exchange_n(keep, 0, __ATOMIC_ACQ_REL);
}
""",
    """
/* bytes that may be kept between calls */
#ifndef ADC_KEEP
#define ADC_KEEP (64LL << 20)
#endif
""",
    """
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
""",
    """
static inline void adc_copy(void *to, const void *from, long long count, long long size) {
  if (to != from && count > 0) memcpy(to, from, (__SIZE_TYPE__)(count * size));
}
""",
    """
/* Larger results are put past the caches. */
#ifndef ADC_ASIDE
#define ADC_ASIDE (16LL << 20)
#endif
""",
    """
/* memory for a row of a result of `whole` bytes: its place, or aside */
static inline void *adc_row(adc_frame *f, void *place, long long bytes, long long whole) {
  return whole < ADC_ASIDE ? place : adc_alloc(f, bytes, 1);
}
""",
    """
typedef double adc_line __attribute__((vector_size(32), may_alias));
""",
    """
#ifdef __clang__
#define ADC_STREAM(to, from) __builtin_nontemporal_store(from, to)
#elif defined __AVX__
#define ADC_STREAM(to, from) __builtin_ia32_movntpd256((double *)(to), from)
#else
#define ADC_STREAM(to, from) (*(to) = (from))
#endif
""",
    """
/* puts a row in its place, past the caches */
static void adc_set_row(void *place, const void *row, long long bytes) {
  char *to = place;
  const char *from = row;
  if (to == from) return;
  long long head = -(long long)(__SIZE_TYPE__)to & 31, k = head < bytes ? head : bytes;
  memcpy(to, from, (__SIZE_TYPE__)k);
  for (; k + 32 <= bytes; k += 32) {
    adc_line x;
    memcpy(&x, from + k, sizeof x);
    ADC_STREAM((adc_line *)(to + k), x);
  }
  memcpy(to + k, from + k, (__SIZE_TYPE__)(bytes - k));
}
""",
    """
/* from here on every processor sees them */
static inline void adc_rows_settled(void) {
#ifdef __SSE2__
  __builtin_ia32_sfence();
#endif
}
""",
    """
static int adc_less(const long long *a, const long long *b, long long width) {
  for (long long k = 0; k < width; k++) if (a[k] != b[k]) return a[k] < b[k];
  return 0;
}
""",
    """
/* sorts rows of indices (heap sort, in place) and tells whether all differ */
static int adc_distinct(long long *rows, long long count, long long width) {
  for (long long end = count, top = count / 2; end > 1;) {
    long long hole, child;
    if (top > 0) top--;
    else {
      end--;
      for (long long k = 0; k < width; k++) {
        long long t = rows[k];
        rows[k] = rows[end * width + k];
        rows[end * width + k] = t;
      }
    }
    for (hole = top; (child = 2 * hole + 1) < end; hole = child) {
      if (child + 1 < end && adc_less(rows + child * width, rows + (child + 1) * width, width)) child++;
      if (!adc_less(rows + hole * width, rows + child * width, width)) break;
      for (long long k = 0; k < width; k++) {
        long long t = rows[hole * width + k];
        rows[hole * width + k] = rows[child * width + k];
        rows[child * width + k] = t;
      }
    }
  }
  for (long long r = 1; r < count; r++)
    if (!adc_less(rows + (r - 1) * width, rows + r * width, width)) return 0;
  return 1;
}
""",
)

#: Stacks and their elements.
FOR_STACKS = (
    """
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
""",
    """
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
""",
    """
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
""",
    """
/* the same for elements that are arrays: they may differ in size */
static inline void *adc_push_array(adc_stack *s, long long count, long long size) {
  char *ends = (char *)s->ends;
  if (s->ends_room < (s->length + 1) * 8) {
    if (!adc_grow(s->frame, 2 * s->number + 2, &ends, &s->ends_room, (s->length + 1) * 8)) return 0;
    s->ends = (long long *)ends;
  }
  s->ends[s->length] = s->used;
  return adc_push(s, count, size);
}
""",
    """
/* shortens by one element and gives its place, good until the next push */
static inline void *adc_pop(adc_stack *s, long long count, long long size) {
  s->used -= count * size;
  s->length--;
  return s->data + s->used;
}
""",
    """
/* makes `to` hold what `from` holds; null if there is no memory */
static adc_stack *adc_stack_copy(adc_stack *to, const adc_stack *from) {
  char *ends = (char *)to->ends;
  if (to == from) return to;
  if (to->room < from->used && !adc_grow(to->frame, 2 * to->number + 1, &to->data, &to->room, from->used)) return 0;
  if (from->ends && to->ends_room < from->length * 8) {
    if (!adc_grow(to->frame, 2 * to->number + 2, &ends, &to->ends_room, from->length * 8)) return 0;
    to->ends = (long long *)ends;
  }
  adc_copy(to->data, from->data, from->used, 1);
  if (from->ends) adc_copy(to->ends, from->ends, from->length, 8);
  to->used = from->used;
  to->length = from->length;
  return to;
}
""",
    """
/* trades contents: how a stack outlives the loop body that it was made in */
static inline void adc_stack_swap(adc_stack *a, adc_stack *b) {
  adc_stack old = *a;
  adc_stack *a_older = a->older, *b_older = b->older;
  *a = *b;
  *b = old;
  a->older = a_older;
  b->older = b_older;
}
""",
)
