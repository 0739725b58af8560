/* Tokens: what programs, and people who logged in, prove an account with instead of its password. A token is made by a
 * person with a password, can do no more than its scopes and never more than its account, ends by itself, and can be
 * taken back. It signs nothing: an approval or a policy needs the password that opens the officer's key.
 *
 * As written: "renkei_" id "_" secret; the id (16 hex digits) names it in lists and in the audit, the secret is 256
 * random bits, of which the store keeps the SHA-256 only: nothing to guess, so no slow hash is needed. */
#ifndef RENKEI_NODE_TOKEN_H
#define RENKEI_NODE_TOKEN_H

#include "node/account.h"

#define TOKEN_KIND "token" /* documents of the live realm's store, by id */

enum {
    TOKEN_SECRET_SIZE = 32,
    TOKEN_ID_SIZE = 8,
    TOKEN_TEXT_SIZE = 7 + 2 * TOKEN_ID_SIZE + 1 + 2 * TOKEN_SECRET_SIZE, /* characters */
    TOKEN_NOTE_MAX = 200,
    TOKEN_DAYS_MAX = 366, /* what nobody renews nobody needs */
    TOKEN_PER_ACCOUNT_MAX = 100,
    SESSION_HOURS_MAX = 24 /* a login ends with the working day */
};

struct token {
    struct span id, account, note;
    unsigned roles; /* ROLE_…: what of its account's it may do */
    bool taxii;     /* may speak to the TAXII server as its account */
    bool session;   /* a login's: ends with a change of the password */
    time_us made, expires;
    struct sha256 secret; /* hash of it */
};

/* Fills id, made and secret of a token whose other members are set; `text` (wiped by the caller) gets what its owner is
 * shown once. ERR_INVALID when it lives too long or can do nothing. */
MUST_CHECK enum err token_make(struct token *token, time_us now, struct arena *a, struct buf *text, struct diag *d);
MUST_CHECK enum err token_store(struct store_tx *tx, const struct token *token, time_us now, struct diag *d);
/* All, those that ended too, by id. */
MUST_CHECK enum err token_list(struct store_reader *r, struct arena *a, struct token **out, size_t *count,
                               struct diag *d);
MUST_CHECK enum err token_delete(struct store_tx *tx, struct span id, struct diag *d);
/* Takes back an account's sessions or, with `all`, all its tokens. */
MUST_CHECK enum err token_delete_of(struct store_tx *tx, struct span account, bool all, struct arena *a,
                                    struct diag *d);
/* Whose this is: the token, and its account with no more roles than both have. ERR_DENIED says not why: unknown, ended,
 * taken back or of a disabled account are one. */
MUST_CHECK enum err token_prove(struct store_reader *r, time_us now, struct span text, struct arena *a,
                                struct token *out, struct account *account, struct diag *d);

#endif
