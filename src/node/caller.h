/* Callers: who speaks to the TAXII server, and for whom. A partner's node proves itself by its certificate; tools and
 * partners without Renkei by an account's password (HTTP Basic) or token (bearer). An account speaks for this party, or
 * for the party or member it was made for.
 *
 * Argon2id takes a tenth of a second and 64 MiB: a password that was proven is remembered for a while (a keyed hash of
 * it, never the password), together with the account's stored hash, so that changing or disabling the account ends it
 * at once. */
#ifndef RENKEI_NODE_CALLER_H
#define RENKEI_NODE_CALLER_H

#include "node/node.h"

enum {
    CALLER_NAME_MAX = 128,   /* of a party or member an account acts for */
    CALLERS_PROVEN_MAX = 512 /* passwords remembered; a power of two */
};

/* Spans live in the arena of the call that filled it. */
struct caller {
    struct span party;   /* the partner it speaks for; empty: this party, or one of its members */
    struct span member;  /* the member it speaks for; empty: none */
    struct span account; /* whose password or token proved it; empty: a certificate did */
    struct span key;     /* "party:US-DOD" or "account:siem": who it is, for limits, cursors and statuses */
};

struct callers;
MUST_CHECK enum err callers_new(struct callers **out, struct diag *d);
void callers_free(struct callers **c);

/* ERR_DENIED says no more than it must. `r` reads the live realm's store. Any thread. */
MUST_CHECK enum err caller_by_pin(struct node *n, const struct sha256 *pin, struct arena *a, struct caller *out,
                                  struct diag *d);
MUST_CHECK enum err caller_by_password(struct callers *c, struct node *n, struct store_reader *r, struct span name,
                                       struct span password, struct arena *a, struct caller *out, struct diag *d);
/* Only tokens whose scope is TAXII. */
MUST_CHECK enum err caller_by_token(struct node *n, struct store_reader *r, struct span text, struct arena *a,
                                    struct caller *out, struct diag *d);

#endif
