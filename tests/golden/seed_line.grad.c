/* The gradient of line(x, w, b) in seed_line.py, by w and b.
 * Types assumed, for none were given: x: f64, w: f64, b: f64
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

int adc_grad_line(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where)
{
  (void)call;
  (void)where;
  const double x = in[0].f;
  out[0].f = x;
  out[1].f = 1.0;
  return 0;
}
