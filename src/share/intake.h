/* Intake: STIX objects from outside (a file, a TAXII page, a partner's ledger) become holdings.
 *
 * All objects of one intake become visible together, or none does. Each is validated; what is already held is counted
 * and changes nothing; a version or revocation of an object that its creator's party did not send is kept in quarantine
 * (STIX 2.1 §3.6: only the creator may make new versions). One intake at a time per store; the second waits. */
#ifndef RENKEI_SHARE_INTAKE_H
#define RENKEI_SHARE_INTAKE_H

#include "share/context.h"
#include "store/store.h"

enum {
    INTAKE_BATCH =
        5000, /* objects a transaction: large enough for SQLite, small enough to leave the writer to others */
    INTAKE_FINDINGS_MAX = 1000000 /* rejected objects reported one by one; beyond, only counted */
};

struct intake;

struct intake_options {
    struct span source; /* party id or source name; empty = own */
    bool has_handling;  /* put `handling` beside every object that is taken */
    struct store_handling handling;
    bool quarantine; /* keep what is new in quarantine: it waits to be accepted (node/quarantine.h) */
    bool keep_going; /* take the good objects although others are rejected */
    /* Called for every finding, errors (the object is rejected) and warnings. May be NULL. `place` is where the object
     * stands ("objects[12]"), path where in it. */
    void (*finding)(void *context, bool error, const char *place, struct span object_id, const char *path,
                    const char *message);
    void *finding_context;
};

struct intake_totals {
    uint64_t read, added, known, rejected, quarantined, warnings;
};

MUST_CHECK enum err intake_open(const struct share_context *c, const struct intake_options *o, struct intake **out,
                                struct diag *d);
/* One object's exact bytes. `place` for messages. Returns an error only for trouble that ends the intake (store,
 * memory); a rejected object is a finding. *holding (may be NULL) gets the row, 0 if rejected. */
MUST_CHECK enum err intake_add(struct intake *in, struct span object, const char *place, int64_t *holding,
                               struct diag *d);
/* The same for an object that was read ahead (share/reading.h). */
struct intake_object;
MUST_CHECK enum err intake_take(struct intake *in, const struct intake_object *object, int64_t *holding,
                                struct diag *d);
/* Says of which objects (by id) versions are taken next: what the store is to look up for them it looks up together.
 * Changes nothing else. */
MUST_CHECK enum err intake_expect(struct intake *in, const struct span *ids, size_t count, struct diag *d);
/* Labels of local handling for what is new among the objects that follow ('\n'-separated, sorted; borrowed until the
 * next call), beside no handling in the options. */
void intake_label(struct intake *in, struct span labels);
/* Local handling of the objects that follow, new ones and those held, in place of the options'; NULL: none is put
 * beside them. Its labels are borrowed until the next call. */
void intake_handle(struct intake *in, const struct store_handling *handling);
/* Own objects this program made itself (already valid): skips validation. */
MUST_CHECK enum err intake_add_own(struct intake *in, struct span object, struct diag *d);
/* Counts and tells a rejection of what could not even be made an object: a line of an indicator list. */
void intake_reject(struct intake *in, const char *place, const char *message);
/* The write transaction under way, for rows that must be durable together with the objects (a sync's state). Borrowed.
 */
struct store_tx *intake_transaction(struct intake *in);
/* Makes everything visible — or, if something was rejected and keep_going is off, nothing (ERR_INVALID, totals filled).
 * Always ends and frees the intake. */
MUST_CHECK enum err intake_commit(struct intake **in, struct intake_totals *totals, struct diag *d);
/* Ends it and takes everything back. */
void intake_cancel(struct intake **in);
/* Waits until no intake is under way, and keeps others waiting: for who must see all that is held. */
void intake_hold(void);
void intake_let_go(void);

#endif
