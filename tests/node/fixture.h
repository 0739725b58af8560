/* Up to three real nodes in a temporary folder: cards exchanged, agreements signed by all and added by all, objects
 * imported, through the operations that the command line uses. One process holds them all, so none is in its sandbox
 * (fixture_dispatch() goes the whole way, in a child). Every function fails the running test when something that should
 * work does not. */
#ifndef RENKEI_TESTS_NODE_FIXTURE_H
#define RENKEI_TESTS_NODE_FIXTURE_H

#include "base/buf.h"
#include "node/op.h"

enum { JP, US, KR, FIXTURE_PARTIES_MAX };

extern const char *const fixture_party[FIXTURE_PARTIES_MAX]; /* "JP-MOD", "US-DOD", "KR-MND" */

struct fixture {
    char folder[64];
    int count; /* of nodes */
    struct node *nodes[FIXTURE_PARTIES_MAX];
    time_us now;        /* what every live realm's clock says; begins with 2026-06-01 and stands still */
    struct buf result;  /* of the last operation: its results, a line each */
    char agreement[65]; /* hash of the newest agreement */
};

/* Nodes that trust each other. No agreement yet. */
void fixture_open(struct fixture *f, int count);
void fixture_close(struct fixture *f);
void fixture_home(const struct fixture *f, int who, char path[128]);
/* Closes a node's store and signer, and opens them again. */
void fixture_shut(struct fixture *f, int who);
void fixture_reopen(struct fixture *f, int who);

/* ---- operations ---- */

/* Runs an operation; args is JSON. The error is the operation's. */
enum err fixture_try(struct fixture *f, int who, const char *name, const char *args, const int *fds, size_t fd_count,
                     struct diag *d);
void fixture_run(struct fixture *f, int who, const char *name, const char *args);
/* The same the way a command goes: op_dispatch() in a process of its own. The node must be shut, or be served. */
enum err fixture_dispatch(struct fixture *f, int who, const char *name, const char *args, const int *fds,
                          size_t fd_count, struct diag *d);
/* A member of the result's line `index` (from 0); "" if absent; a number or truth as spelt. Static, rotating. */
const char *fixture_result(const struct fixture *f, unsigned index, const char *member);

/* A file in memory, at its beginning. */
int fixture_file(struct span content);
/* Imports STIX text. args: further members of the arguments, each with a comma before it, or "". */
enum err fixture_import(struct fixture *f, int who, struct span text, const char *args, struct diag *d);
/* Takes objects in as if synced from a partner, and releases. */
enum err fixture_receive(struct fixture *f, int who, const char *source, struct span text, struct diag *d);

/* Agreement of all nodes: everything from `release:` on is the caller's, and so are the dates. */
struct fixture_terms {
    const char *effective, *ends; /* NULL: 2026-01-01, 2027-12-31 */
    const char *predecessor;      /* hash; NULL = none */
    const char *release;          /* YAML, from "release:" on */
};
void fixture_agree(struct fixture *f, const struct fixture_terms *t);
/* Has it signed by all; *args gets what agreement.add takes. */
void fixture_sign(struct fixture *f, const struct fixture_terms *t, struct buf *args);
/* Whatever is CLEAR, GREEN or has no TLP goes from each to each; sightings return and name no member. */
void fixture_terms_open(struct buf *release, const char *name_member);

/* ---- objects ----
 * Written short: "indicator:7" is indicator--00000000-0000-4000-8000-000000000007; "own", or a party, its identity. */

void fixture_id(struct fixture *f, int who, struct span shorthand, char id[80]);
/* One object from words: "indicator 7 v2 green revoked name=text object_refs=[indicator:1,own]", with a newline. The
 * first two are type and number; vN counts minutes of `modified`; a TLP level is its TLP 2.0 marking; bare
 * "no-created-by" leaves out created_by_ref, which is otherwise `who`. Values: short ids, [lists of them], or JSON. */
void fixture_object(struct fixture *f, int who, struct buf *out, struct span words);
/* What the ledger from `who` to `to` serves now, in order: "own indicator:7 malware:2@3" (@ and the version, if not 0);
 * ids that are neither short nor a party's are "sighting:?". With `all`, every entry: superseded ones in (), withdrawn
 * ones in [], records of withdrawal as -SEQ. Static. */
const char *fixture_served(struct fixture *f, int who, int to, bool all);
/* Checks of a ledger that must hold whatever happened: verified; times strictly increasing; no object's version
 * released twice; what is served names only what the partner has, or can know. */
void fixture_ledger_sound(struct fixture *f, int who, int to);

#endif
