/* The warning lists a realm keeps: headers as documents of kind "warninglist" under their names, entries beside them
 * (compressed) as documents of kind "warninglist-entries".
 *
 * struct warninglists is for one thread at a time: it reads and compiles a list when it is first asked about a value
 * the list speaks of, so that a scan without hits pays for nothing. */
#ifndef RENKEI_DETECT_WARNINGLIST_KEPT_H
#define RENKEI_DETECT_WARNINGLIST_KEPT_H

#include "detect/values.h"
#include "detect/warninglist.h"
#include "store/store.h"

enum { WARNINGLISTS_MAX = 1000 };

/* Puts a list in place of the one of its name. *before (may be NULL) gets the entries that one had, 0 for a new list.
 * ERR_LIMIT over WARNINGLISTS_MAX. */
MUST_CHECK enum err warninglist_keep(struct store_tx *tx, const struct warninglist_header *header, struct span entries,
                                     time_us now, size_t *before, struct diag *d);
/* Removes the list of exactly this name. ERR_NOT_FOUND. */
MUST_CHECK enum err warninglist_drop(struct store_tx *tx, struct span name, struct diag *d);
/* All headers, by name. In `a`. */
MUST_CHECK enum err warninglist_headers(struct store_reader *r, struct arena *a, struct warninglist_header **out,
                                        size_t *count, struct diag *d);
/* The entries of a list, a line each, appended to `out`. */
MUST_CHECK enum err warninglist_entries(struct store_reader *r, struct span name, struct buf *out, struct diag *d);

struct warninglists;
/* The reader is borrowed until warninglists_close(). *out is owned. */
MUST_CHECK enum err warninglists_open(struct store_reader *r, struct warninglists **out, struct diag *d);
void warninglists_close(struct warninglists **lists);
size_t warninglists_count(const struct warninglists *lists);

/* Where a value was found. Spans live as long as the lists. list is empty when it is on none. */
struct warning {
    struct span list, entry;
};
/* The first list (by name) that holds the value; from: how many lists to leave out, for finding all of them; *next (may
 * be NULL) gets what to go on from. */
MUST_CHECK enum err warninglists_find(struct warninglists *lists, enum atom_kind kind, struct span value, size_t from,
                                      struct warning *out, size_t *next, struct diag *d);

/* What is found of one indicator's values. */
struct pattern_warnings {
    size_t values, warned; /* warned == values, and complete: whatever fulfils the pattern is on a list */
    bool complete;
    struct warning first;
    struct span first_value; /* lives in the arena given */
};
MUST_CHECK enum err warninglists_judge(struct warninglists *lists, struct arena *a, struct span pattern,
                                       struct pattern_warnings *out, struct diag *d);

#endif
