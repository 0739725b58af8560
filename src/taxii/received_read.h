/* What a recipient answers about a ledger of ours that it received (received.c writes it): how far it has seen the
 * ledger, and entries of it. A stranger's bytes; what is read here is well-formed and no more: whether we signed it is
 * the caller's to find out. */
#ifndef RENKEI_TAXII_RECEIVED_READ_H
#define RENKEI_TAXII_RECEIVED_READ_H

#include "json/json.h"

struct received_head {
    uint64_t size, seen;    /* entries it has, entries of the newest head it has seen: size ≤ seen */
    struct span checkpoint; /* the signed note of that head, in the arena; empty when seen is 0 */
};
struct received_entry {
    struct span record;     /* in the arena, as are the others */
    struct span salt, body; /* empty when it has none any more */
};

/* ERR_NETWORK. */
MUST_CHECK enum err received_head_read(struct json_value answer, struct arena *a, struct received_head *out,
                                       struct diag *d);
MUST_CHECK enum err received_entry_read(struct json_value entry, struct arena *a, struct received_entry *out,
                                        struct diag *d);

#endif
