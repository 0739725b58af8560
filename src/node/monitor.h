/* Where a running serve answers those who watch it: plain HTTP on a loopback address of its own, away from the
 * partners' server.
 *
 *   GET /health    200 and a JSON object; 503 when it should get no requests (draining, the store does not answer)
 *   GET /metrics   Prometheus */
#ifndef RENKEI_NODE_MONITOR_H
#define RENKEI_NODE_MONITOR_H

#include "node/metrics.h"

struct monitor;

/* Where the node's configuration says; *out is NULL when it says nowhere. The metrics are borrowed. */
MUST_CHECK enum err monitor_start(struct node *n, struct metrics *m, struct monitor **out, struct diag *d);
void monitor_stop(struct monitor **m);
uint16_t monitor_port(const struct monitor *m);

#endif
