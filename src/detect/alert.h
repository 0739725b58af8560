/* Hits as people and programs read them: a table, or a line of JSON each in the Elastic Common Schema's names. */
#ifndef RENKEI_DETECT_ALERT_H
#define RENKEI_DETECT_ALERT_H

#include "base/buf.h"
#include "detect/scan.h"
#include "detect/validity.h"

struct alert {
    const struct detect_hit *hit;
    const struct detect_indicator *indicator;
    enum validity validity;
    struct span member; /* whose telemetry it is; may be empty */
    time_us now;        /* when the match was made (event.created) */
};

/* One table row: time, what was seen, roles and addresses, what it indicates, source, file:line. `width` columns of the
 * terminal (0 = no limit). Control characters of the telemetry are shown as '?'. */
void alert_write_header(struct buf *out, unsigned width);
void alert_write_row(struct buf *out, const struct alert *alert, unsigned width);
/* One ECS document and a newline. */
void alert_write_ecs(struct buf *out, const struct alert *alert);

#endif
