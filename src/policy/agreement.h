/* Agreements: the machine-readable rules that parties sign. One YAML file, byte-identical on every node; what is signed
 * is the SHA-256 of its exact bytes. This file reads them, compares an amendment with what it amends, and checks
 * signatures. It makes no signature (a signer process does) and decides nothing (policy/decide.h does).
 *
 *     renkei: agreement/v1
 *     title: Cyber threat intelligence sharing arrangement
 *     predecessor: 64 hexadecimal digits   # the version this one amends; the first version has no such line
 *     effective: 2026-04-01                # a date is midnight UTC; or a time, 2026-04-01T09:00:00+09:00
 *     ends: 2028-03-31                     # a date is in force to its last moment (UTC); a time is the first moment
 * not parties:
 *       - {id: JP-MOD, name: …, key: "ed25519:BASE64"}
 *       - {id: US-DOD, name: …, key: "ed25519:BASE64"}
 *     release:                             # one item a direction; a direction that is not listed releases nothing
 *       - from: JP-MOD
 *         to: US-DOD
 *         no_tlp: amber                    # what an object without TLP counts as, or withhold
 *         rules:                           # the first rule that matches decides; if none does: withheld
 *           - clause: JP-1                 # unique in the file
 *             outcome: release             # or withhold
 *             types: [indicator, malware]  # or [all]
 *             tlp: [clear, green]          # RED and AMBER+STRICT go out only where a rule names them
 *             labels: {any: [apt], none: [jp-only]}        # compared without regard to ASCII case
 *             confidence: {min: 50, absent: too-low}       # absent: what no confidence counts as, enough or too-low
 *             when: 'attack = T1059 and age < 90d'          # an expression, where lists do not say it
 *             redact: {creator: true, times: 1d}            # what goes out is a derived object
 *             embargo: 7d
 *         sightings:                       # what US-DOD tells JP-MOD of seeing JP-MOD's intelligence
 *           return: true
 *           name_member: false             # whether the member that saw it may be named
 *
 * docs/agreements.md defines the language: every key, every comparison, and the order of the decision. Everything a
 * rule states must hold. Without `sightings` none return. Unknown keys are errors, for a condition that is not
 * understood must not be passed over. Pure: no I/O, no clock. A struct agreement is immutable and may be read by any
 * number of threads.
 */
#ifndef RENKEI_POLICY_AGREEMENT_H
#define RENKEI_POLICY_AGREEMENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"
#include "policy/rule.h"

enum {
    AGREEMENT_SIZE_MAX = 1 << 20, /* bytes; written, read and compared by people */
    AGREEMENT_PARTIES_MAX = 32, /* every pair may have two directions: more is no agreement but a treaty organisation */
    AGREEMENT_MEMBERS_MAX = 1024,   /* of one party: agencies, not people */
    AGREEMENT_MARKINGS_MAX = 64,    /* that an agreement recognises */
    AGREEMENT_OBLIGATIONS_MAX = 64, /* officials answer for each */
    AGREEMENT_PARTY_ID_MAX = 32,    /* [A-Z0-9][A-Z0-9-]{1,31} */
    AGREEMENT_KEY_SIZE = 32,        /* Ed25519 public key */
    AGREEMENT_SIGNATURE_SIZE = 64,
    AGREEMENT_SIGNATURE_FILE_MAX = 4096 /* bytes of a detached signature file */
};

/* "ed25519:" and 44 characters of base64; what a template holds until the key is known. */
#define AGREEMENT_KEY_PREFIX      "ed25519:"
#define AGREEMENT_KEY_PLACEHOLDER "ed25519:PUT-THE-KEY-OF-THEIR-CARD-HERE"

struct agreement_member {
    struct span id, name, identity; /* identity: its STIX identity; empty = not stated */
};

struct agreement_party {
    struct span id, name;
    uint8_t key[AGREEMENT_KEY_SIZE]; /* agreement key */
    struct span country;             /* ISO 3166-1 alpha-3, for ACS markings; empty = not stated */
    const struct agreement_member *members;
    size_t member_count;
};

struct agreement_direction {
    struct span from, to;
    bool no_tlp_withhold; /* the absence of TLP means: withhold; otherwise: */
    int no_tlp;           /* the enum stix_tlp it counts as */
    struct policy_vocabulary words;
    struct policy_rules rules; /* the first that matches decides */
    struct policy_rules
        onward; /* what `to` may do with what came so; the first that matches decides, else: forbidden */
    bool sightings_return, sightings_name_member;
    bool opinions_return, requests_return;
    struct span sightings_clause; /* "sightings JP-MOD→US-DOD": how decisions cite it; likewise: */
    struct span opinions_clause, requests_clause;
};

/* What the parties undertake to do. Kept and shown; measured by others. One row: name in C, in the file. */
#define AGREEMENT_DUTIES(X)                                                                                            \
    X(REPORT_SIGHTINGS, "report-sightings")                                                                            \
    X(CONFIRM_WITHDRAWALS, "confirm-withdrawals")                                                                      \
    X(CONFIRM_ERASURES, "confirm-erasures")                                                                            \
    X(ANSWER_REQUESTS, "answer-requests")                                                                              \
    X(SHARE, "share")                                                                                                  \
    X(CONSULT, "consult")                                                                                              \
    X(EXERCISE, "exercise")                                                                                            \
    X(TRAIN, "train")                                                                                                  \
    X(REVIEW, "review")

enum agreement_duty {
#define X(name, word) AGREEMENT_DUTY_##name,
    AGREEMENT_DUTIES(X)
#undef X
        AGREEMENT_DUTY_COUNT
};

struct agreement_obligation {
    struct span clause;
    const struct span *parties; /* who owes it; NULL = all */
    size_t party_count;
    enum agreement_duty duty;
    time_us within, every; /* 0 = not stated */
    struct span text;      /* in words; empty = not stated */
};

/* A party has left: nothing goes to or from it any more from `ends` on (policy/statement.h). */
struct agreement_departure {
    struct span party;
    time_us ends;
};

struct agreement {
    struct span text;   /* the exact bytes, borrowed from the caller of agreement_read() */
    struct sha256 hash; /* of text */
    bool has_predecessor;
    struct sha256 predecessor;
    struct span title;
    time_us effective, ends; /* in force when effective <= t < ends */
    time_us review;          /* TIME_NONE = not stated */
    const struct agreement_party *parties;
    size_t party_count;
    const struct policy_named_marking *markings; /* of other kinds, which its rules may name */
    size_t marking_count;
    const struct policy_purpose *purpose; /* of everything released under it; NULL = not limited */
    const struct agreement_direction *directions;
    size_t direction_count;
    const struct agreement_obligation *obligations;
    size_t obligation_count;
    const struct agreement_departure *departures; /* no part of the file: put here by whoever knows of any */
    size_t departure_count;
};

const char *agreement_duty_name(enum agreement_duty duty);

/* Reads and checks an agreement. *out lives in `a` and points into `text`, which must outlive it. Every error carries
 * the line and column of what is wrong. ERR_SYNTAX, ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err agreement_read(struct arena *a, struct span text, struct agreement **out, struct diag *d);

/* NULL when there is none. Borrowed from the agreement. */
const struct agreement_party *agreement_party(const struct agreement *g, struct span id);
const struct agreement_direction *agreement_direction(const struct agreement *g, struct span from, struct span to);

/* When it ends between two parties: with the agreement, or when one of them leaves it. */
time_us agreement_ends(const struct agreement *g, struct span from, struct span to);

/* Whether the text is a party's id: [A-Z0-9][A-Z0-9-]{1,31}. */
bool agreement_party_id_valid(struct span id);

/* Whether `amendment` may take the place of `old`: its predecessor is old's hash and the party ids are the same. Keys
 * may differ (they rotate): whoever accepts it compares them with the cards it trusts. ERR_INVALID says which condition
 * failed.
 */
MUST_CHECK enum err agreement_amends(const struct agreement *amendment, const struct agreement *old, struct diag *d);

/* ---- signatures: one detached JSON file a party --------------------------------------------------------------------
 *
 * {"renkei":"agreement-signature/v1","agreement":"<hex>","party":"JP-MOD","key":"ed25519:…","time":"…","signature":"<base64>"}
 */
struct agreement_signature {
    struct sha256 agreement;
    struct span party;
    uint8_t key[AGREEMENT_KEY_SIZE];
    time_us time; /* when it was signed, as the signer says */
    uint8_t signature[AGREEMENT_SIGNATURE_SIZE];
};

/* Appends the bytes an agreement key signs: "renkei agreement signature v1\n", hash in hex, party, time (six digits),
 * each on a line of its own. */
void agreement_signature_message(const struct sha256 *agreement, struct span party, time_us time, struct buf *out);
/* Appends the file (one line of JSON and a newline). */
void agreement_signature_write(const struct agreement_signature *s, struct buf *out);
/* Strict: unknown, missing or misspelt members are errors. Spans are in `a` or borrowed from text. Does not verify. */
MUST_CHECK enum err agreement_signature_read(struct arena *a, struct span text, struct agreement_signature *out,
                                             struct diag *d);
/* ERR_VERIFY unless it is of this agreement, by a party of it, with the key the agreement names for that party, and
 * holds. */
MUST_CHECK enum err agreement_signature_verify(const struct agreement *g, const struct agreement_signature *s,
                                               struct diag *d);
/* 0 when every signature verifies and every party has one; ERR_VERIFY names the signature that fails, ERR_INVALID who
 * is missing. */
MUST_CHECK enum err agreement_signatures_complete(const struct agreement *g,
                                                  const struct agreement_signature *signatures, size_t count,
                                                  struct diag *d);

/* ---- template ------------------------------------------------------------------------------------------------------
 */

struct agreement_template {
    struct span own_id, own_name, own_key;             /* key "ed25519:…" */
    struct span partner_id, partner_name, partner_key; /* partner_key empty: the placeholder, which does not pass */
    struct span predecessor;                           /* hex; empty for the first version */
    time_us effective, ends;                           /* written as dates */
};
/* Appends a commented agreement that passes agreement_read() once no placeholder is left. */
void agreement_template(const struct agreement_template *t, struct buf *out);

#endif
