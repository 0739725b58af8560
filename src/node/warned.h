/* What an import brings that is on a warning list: looked at as it comes in, told when it is in. One thread. */
#ifndef RENKEI_NODE_WARNED_H
#define RENKEI_NODE_WARNED_H

#include "detect/warninglist_kept.h"
#include "node/op.h"
#include "share/list.h"

enum { WARNED_SHOWN = 5 };

struct warned {
    struct store_reader *reader;
    struct warninglists *lists; /* NULL: there are none, and nothing is looked at */
    struct arena scratch, kept;
    struct buf pattern;
    uint64_t count; /* indicators with a value on a list */
    struct {
        struct span value, list;
    } shown[WARNED_SHOWN];
};
MUST_CHECK enum err warned_open(struct warned *w, struct store *store, struct diag *d);
void warned_close(struct warned *w);
MUST_CHECK enum err warned_look_pattern(struct warned *w, struct span pattern, struct diag *d);
MUST_CHECK enum err warned_look_value(struct warned *w, enum list_kind kind, struct span value, struct diag *d);
/* Emits how many there were, and the first with their lists; nothing when there were none. Begins anew. */
void warned_tell(struct warned *w, struct op_call *call, const char *file);

#endif
