/* Signed statements that parties make about an agreement in operation. One JSON file each:
 *
 *   {"renkei":"consent/v1","realm":"live","party":"JP-MOD","object":"indicator--…","holder":"US-DOD",
 *    "recipient":"KR-MND","time":"…","key":"ed25519:…","signature":"…"}
 *       the originator lets the holder pass an object on to a third party, where an onward rule says `consent`
 *   {"renkei":"termination/v1","realm":"live","party":"US-DOD","agreement":"<hex>","ends":"…","time":"…",…}
 *       a party leaves an agreement: nothing goes to or from it under this version, or one before it, from `ends` on
 *   {"renkei":"erasure/v1","realm":"live","party":"US-DOD","ledger":"renkei/jp-mod/…","entry":"7","answer":"erased",
 *    "reason":"…","time":"…",…}
 *       a recipient has done what a record of erasure in a ledger asked of it, or refuses, and why
 *
 * Pure, but for the verification of a signature it makes none. */
#ifndef RENKEI_POLICY_STATEMENT_H
#define RENKEI_POLICY_STATEMENT_H

#include "policy/agreement.h"

enum statement_kind { STATEMENT_CONSENT, STATEMENT_TERMINATION, STATEMENT_ERASURE };
enum { STATEMENT_FIELDS_MAX = 4, STATEMENT_SIZE_MAX = 4096 /* bytes of a file */ };

/* Places in struct statement's fields. */
enum { CONSENT_OBJECT, CONSENT_HOLDER, CONSENT_RECIPIENT };
enum { TERMINATION_AGREEMENT, TERMINATION_ENDS };
enum { ERASURE_LEDGER, ERASURE_ENTRY, ERASURE_ANSWER, ERASURE_REASON };

struct statement {
    enum statement_kind kind;
    struct span realm, party;
    struct span fields[STATEMENT_FIELDS_MAX];
    time_us ends; /* of a termination */
    time_us time; /* when it was signed, as the signer says */
    uint8_t key[AGREEMENT_KEY_SIZE], signature[AGREEMENT_SIGNATURE_SIZE];
};

/* Appends what the agreement key signs: "renkei consent v1\n" or "renkei termination v1\n", then realm, party, fields
 * and time, each on a line of its own. */
void statement_message(const struct statement *s, struct buf *out);
/* Appends the file (one line of JSON and a newline). */
void statement_write(const struct statement *s, struct buf *out);
/* Strict: unknown, missing or misspelt members are errors, and so is another kind. Spans are in `a` or borrowed from
 * text. Does not verify. */
MUST_CHECK enum err statement_read(struct arena *a, struct span text, enum statement_kind kind, struct statement *out,
                                   struct diag *d);
/* ERR_VERIFY unless the signature holds with the key that the statement names; whether that is the party's is the
 * caller's to know. */
MUST_CHECK enum err statement_verify(const struct statement *s, struct diag *d);

#endif
