/* Accounts: the people who may work on a node, what each may do, and how they prove who they are.
 *
 * A node without accounts is in set-up: the Unix user that owns it does everything, as "uid:N" in the audit. The first
 * account made is an administrator's; from then on every operation that writes needs an account with one of the roles
 * its row in op.c names. Reading is the file system's matter: who can read the node's folder can read what is in it.
 *
 * Passwords are Argon2id hashes (libsodium, interactive limits). Every account has an Ed25519 key, sealed under its
 * password: what an officer approves, he signs; nobody else can, the administrator who set the first password only
 * until it is changed. Wrong passwords lock an account for a while.
 *
 * What this cannot do: root can replace the program or the store. That shows: without an officer's key there is no
 * signature, and the audit's chain and the partners' cosigned ledgers hold what was done. */
#ifndef RENKEI_NODE_ACCOUNT_H
#define RENKEI_NODE_ACCOUNT_H

#include "base/buf.h"
#include "base/time.h"
#include "store/store.h"

#define ACCOUNT_KIND "account" /* documents of the live realm's store, by name */

enum {
    ROLE_ANALYST = 1u << 0,       /* imports, keeps sightings, warning lists and suppressions */
    ROLE_RELEASING = 1u << 1,     /* approves, refuses, releases, withdraws */
    ROLE_POLICY = 1u << 2,        /* signs and installs agreements and national policy */
    ROLE_AUDITOR = 1u << 3,       /* reads */
    ROLE_ADMINISTRATOR = 1u << 4, /* partners, keys, accounts */
};

enum {
    ACCOUNT_NAME_MAX = 64,
    ACCOUNT_PASSWORD_MIN = 12,  /* characters; NIST SP 800-63B asks for 8 at least, and has no lockout in mind */
    ACCOUNT_PASSWORD_MAX = 256, /* bytes; Argon2's work does not grow with it, a request's does */
    ACCOUNT_FAILURES_MAX = 5,   /* wrong passwords in a row, then: */
    ACCOUNT_LOCKED_S = 300,
    ACCOUNT_HASH_SIZE = 128, /* crypto_pwhash_STRBYTES */
    ACCOUNT_KEY_SIZE = 32,
    ACCOUNT_SALT_SIZE = 16,
    ACCOUNT_NONCE_SIZE = 24,
    ACCOUNT_SEALED_SIZE = 32 + 16,
    ACCOUNT_SIGNATURE_SIZE = 64
};

struct account {
    struct span name;
    struct span acts_for; /* "party:ID" or "member:ID": it only speaks TAXII, for them; empty: one of this party's */
    unsigned roles;       /* ROLE_…; several at once */
    bool disabled;
    char password[ACCOUNT_HASH_SIZE];
    uint8_t key[ACCOUNT_KEY_SIZE]; /* public */
    uint8_t salt[ACCOUNT_SALT_SIZE], nonce[ACCOUNT_NONCE_SIZE], sealed[ACCOUNT_SEALED_SIZE];
    unsigned failures;
    time_us locked_until; /* TIME_NONE: it is not */
};

/* "analyst", "releasing", "policy", "auditor", "administrator"; 0 for anything else. */
unsigned account_role(struct span name);
/* Appends the roles, joined with ", ". */
void account_roles_write(unsigned roles, struct buf *out);

/* A new account's name, password and key; roles are the caller's. ERR_INVALID with what would be right. */
MUST_CHECK enum err account_make(struct span name, struct span password, struct account *out, struct diag *d);
/* Another password, with the same key: the old password opens it. With `old` {NULL, 0} (an administrator's reset) the
 * key is made anew, for without the password nobody can open it. */
MUST_CHECK enum err account_set_password(struct account *account, struct span old, struct span password,
                                         struct diag *d);
/* Spans in `a`. ERR_NOT_FOUND. */
MUST_CHECK enum err account_load(struct store_reader *r, struct span name, struct arena *a, struct account *out,
                                 struct diag *d);
MUST_CHECK enum err account_list(struct store_reader *r, struct arena *a, struct account **out, size_t *count,
                                 struct diag *d);
MUST_CHECK enum err account_store(struct store_tx *tx, const struct account *account, time_us now, struct diag *d);

/* Whether this is the person: keeps the failures, and locks. ERR_DENIED says no more than it must: neither whether
 * there is such an account, nor which of the two is wrong. */
MUST_CHECK enum err account_prove(struct store *store, time_us now, struct span name, struct span password,
                                  struct arena *a, struct account *out, struct diag *d);
/* Signs with the account's key. ERR_DENIED when the password does not open it. */
MUST_CHECK enum err account_sign(const struct account *account, struct span password, struct span message,
                                 uint8_t signature[ACCOUNT_SIGNATURE_SIZE], struct diag *d);

#endif
