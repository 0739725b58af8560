/* Cards: what a party publishes of itself, signed (JSON). A successor is signed by its predecessor's agreement key too.
 */
#ifndef RENKEI_NODE_CARD_H
#define RENKEI_NODE_CARD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

enum { CARD_SIZE_MAX = 16 << 10, CARD_CHAIN_MAX = 64, CARD_KEY_SIZE = 32, CARD_SIGNATURE_SIZE = 64 };

struct card {
    struct span party, name, url;
    struct span identity;                                         /* the STIX identity it creates objects as */
    uint8_t agreement_key[CARD_KEY_SIZE], log_key[CARD_KEY_SIZE]; /* Ed25519 */
    struct sha256 tls_pin; /* SHA-256 of the TLS certificate's SubjectPublicKeyInfo */
    uint32_t serial;       /* 1, then one more a rotation */
    time_us valid_from, valid_until;
    bool has_predecessor;
    struct sha256 predecessor; /* hash of the card before */
    struct sha256 hash;        /* SHA-256 of the signed content's canonical bytes */
    struct span text;          /* the whole signed card, as received or written */
};

/* Writes the content to be signed (canonical JSON, domain-separated by card_message()). */
MUST_CHECK enum err card_content(const struct card *c, struct buf *out, struct diag *d);
/* The exact bytes that agreement keys sign: "renkei card v1\n" ‖ content. */
MUST_CHECK enum err card_message(const struct card *c, struct buf *out, struct diag *d);
/* The whole card; by_predecessor may be NULL for serial 1. */
MUST_CHECK enum err card_write(const struct card *c, const uint8_t own[CARD_SIGNATURE_SIZE],
                               const uint8_t *by_predecessor, struct buf *out, struct diag *d);
/* Reads and checks the card's own signature; spans are in `a`. */
MUST_CHECK enum err card_read(struct arena *a, struct span text, struct card *out, struct diag *d);
/* Whether `next` is the rightful successor of `card`: same party and identity, next serial, names its hash, carries its
 * key's signature. */
MUST_CHECK enum err card_succeeds(const struct card *card, const struct card *next, struct diag *d);
/* "SHA256 ab12 cd34 …": a key's or card's fingerprint for people to compare. text needs 96 bytes. */
const char *card_fingerprint(const uint8_t *key_or_hash, char *text);

#endif
