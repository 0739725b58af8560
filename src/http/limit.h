/* Rate limits: how many requests a caller may make. A token bucket for each key (a caller, an address): it holds at
 * most `burst` requests and refills at `per_second`. A fixed table: when it is full, the key that was not seen longest
 * gives its place, and with it what it had used up. No I/O, no clock: time is an argument. Any thread. */
#ifndef RENKEI_HTTP_LIMIT_H
#define RENKEI_HTTP_LIMIT_H

#include <stdint.h>

#include "base/span.h"

enum { HTTP_LIMIT_KEYS = 8192 /* a power of two: callers, and addresses that failed to prove who they are */ };

struct http_limit;
/* NULL when memory ran out. `per_second` above 0, `burst` at least 1. */
struct http_limit *http_limit_new(double per_second, double burst);
/* Another rate from now on; what was used up stays so. */
void http_limit_set(struct http_limit *l, double per_second, double burst);
void http_limit_free(struct http_limit **l);
/* Whether one more is allowed at `now_us` (monotonic), and takes it; if not, *retry_s is after how many whole seconds
 * it will be (at least 1). */
bool http_limit_take(struct http_limit *l, struct span key, int64_t now_us, unsigned *retry_s);
/* Whether one more would be allowed, without taking it. */
bool http_limit_allows(struct http_limit *l, struct span key, int64_t now_us, unsigned *retry_s);

#endif
