/* What a running serve counts and knows about itself, as text for Prometheus (exposition format 0.0.4) and as a verdict
 * on its health. Both are for this node's own operators: they name partners and sizes, never an object, and nothing
 * that distinguishes what is withheld from what does not exist. Thread-safe. */
#ifndef RENKEI_NODE_METRICS_H
#define RENKEI_NODE_METRICS_H

#include "http/server.h"
#include "node/node.h"

struct metrics;

/* The node is borrowed. NULL when memory ran out. */
struct metrics *metrics_new(struct node *n);
void metrics_free(struct metrics **m);

/* For the HTTP server of partners; lives as long as the metrics. */
struct http_counts *metrics_http(struct metrics *m);
/* A sync with a partner ended; trouble is "" when it went well. */
void metrics_sync(struct metrics *m, const char *party, const char *trouble, uint64_t added);
/* The work in the background went round once more; trouble is "" when it went well. */
void metrics_kept_up(struct metrics *m, const char *trouble);
/* From now on no more requests are wanted: health says so, while those under way end. */
void metrics_draining(struct metrics *m);
/* renkei.yaml was read anew, or could not be. */
void metrics_reloaded(struct metrics *m, bool well);

/* All of it as Prometheus reads it. */
MUST_CHECK enum err metrics_write(struct metrics *m, struct buf *out, struct diag *d);
/* One JSON object: {"status": "ok", "degraded" or "draining", …, "troubles": […]}. False when the node should get no
 * requests: it drains, or its store cannot be read. Degraded is not that: partners are served. */
bool metrics_health(struct metrics *m, struct buf *out);

#endif
