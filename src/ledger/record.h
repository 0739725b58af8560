/* Records: the leaves of a ledger, version 1. A record says what a publisher did to one object for one recipient; it
 * holds digests and names, never contents, because a leaf can never be taken back.
 *
 * A record is one canonical JSON object (RFC 8785: members in this order, no white space, minimal escapes):
 *
 *   {"agreement":"<hex>","clauses":["…"],"commitment":"<hex>","kind":"release","object":"indicator--…","seq":7,
 *    "time":"2026-01-02T03:04:05.000006Z","v":1,"version":"2026-01-01T00:00:00.000Z"}
 *
 *   commitment  releases only
 *   version     the object's `modified` as spelt; absent for objects that have none
 *   withdraws   withdrawals and erasures only: the seq of the release they take back, below their own
 *
 * Pure functions; any thread may call. */
#ifndef RENKEI_LEDGER_RECORD_H
#define RENKEI_LEDGER_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

enum {
    LEDGER_RECORD_SIZE_MAX = 65535, /* an entry's length is a uint16 in a bundle (C2SP tlog-tiles, "Log entries") */
    LEDGER_OBJECT_ID_MAX = 512,     /* STIX 2.1 §2.9: type of at most 250 characters, "--", UUID of 36; with room */
    LEDGER_VERSION_MAX = 64,        /* a STIX timestamp with nine fractional digits has 30 */
    LEDGER_CLAUSE_NAME_MAX = 128,   /* people name clauses */
    LEDGER_CLAUSES_MAX = 256,       /* rules that can speak of one object in one agreement */
    LEDGER_SALT_SIZE = 32
};
/* Numbers in JSON are exact to here (RFC 7493 §2.2); also the largest tree. */
#define LEDGER_SEQ_MAX UINT64_C(9007199254740991)

enum ledger_kind {
    LEDGER_RELEASE,  /* the object's bytes were given to the recipient */
    LEDGER_WITHDRAW, /* a release was taken back: its body is served no more */
    LEDGER_ERASE     /* likewise, and its body and salt were destroyed */
};

struct ledger_record {
    enum ledger_kind kind;
    uint64_t seq;             /* position in the ledger, from 0 */
    time_us time;             /* date_added */
    struct span object_id;    /* UTF-8, no control characters; never empty */
    struct span version;      /* as spelt in the object */
    bool has_version;         /* false: the object has no `modified`; version is then ignored on writing */
    struct sha256 commitment; /* of a release: ledger_commitment(); otherwise ignored on writing, zero after reading */
    struct sha256 agreement;  /* hash of the agreement's version that was in force */
    const struct span *clauses; /* the clauses that said so, in the decision's order; may be none */
    size_t clause_count;
    uint64_t withdraws; /* of a withdrawal or erasure: the release's seq; otherwise as for commitment */
};

/* "release", "withdraw", "erase"; static. */
const char *ledger_kind_name(enum ledger_kind kind);

/* SHA-256(salt ‖ released bytes): proves later what was disclosed, reveals nothing while the salt is unknown. */
struct sha256 ledger_commitment(const uint8_t salt[LEDGER_SALT_SIZE], struct span body);

/* Appends the record's canonical bytes. ERR_INVALID for a field against the rules above, ERR_LIMIT for one over its
 * limit or a record over LEDGER_RECORD_SIZE_MAX; *out is then as before. */
MUST_CHECK enum err ledger_record_write(const struct ledger_record *r, struct buf *out, struct diag *d);

/* Strict: accepts exactly the bytes ledger_record_write() makes and nothing else, so that a record has one spelling and
 * one hash. Text is borrowed from `bytes` where it holds no escapes; clauses and unescaped text are in `a`. ERR_SYNTAX
 * with the offset of the first byte that is not as it must be. */
MUST_CHECK enum err ledger_record_read(struct arena *a, struct span bytes, struct ledger_record *out, struct diag *d);

#endif
