/* What intake and release know of the world they work in: a realm's store, clock, own party, its partners, and a way to
 * have checkpoints signed. Filled by the node; everything is borrowed and outlives the calls. */
#ifndef RENKEI_SHARE_CONTEXT_H
#define RENKEI_SHARE_CONTEXT_H

#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

struct store;

enum { SHARE_PARTIES_MAX = 256, SHARE_SECRET_SIZE = 32 };

/* A trusted party: its id and the STIX identity objects it speaks as. */
struct share_party {
    struct span id;
    struct span identity; /* "identity--…" from its card */
};

struct share_context {
    struct store *store;
    struct clock clock;
    struct span realm;                 /* "live" */
    struct span party;                 /* own party's id */
    struct span identity;              /* own STIX identity id */
    const struct share_party *parties; /* partners, own party not among them */
    size_t party_count;
    uint8_t secret[SHARE_SECRET_SIZE]; /* the realm's own: ids of derived objects come from it; never leaves the node */
    /* Signs a checkpoint's or cosignature's message with the log key (in the signer process). */
    enum err (*sign_log)(void *context, struct span message, uint8_t signature[64], struct diag *d);
    void *sign_context;
    struct span log_name; /* the name in the log key's vkey: the party's id in lower case */
    uint8_t log_public[32];
};

#endif
