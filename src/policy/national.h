/* National policy: a party's own rules on top of every agreement. Private to its node, versioned, signed by an officer.
 * It can only take away: withhold, or refer to releasing officers. One YAML file:
 *
 *     renkei: national-policy/v1
 *     party: JP-MOD
 *     version: 3                    # each version is one more than the last
 *     effective: 2026-04-01
 *     officer: "ed25519:BASE64"     # whose signature makes it valid
 *     labels:                       # local labels that analysts may put on holdings, and what they mean
 *       - {label: jp-only, meaning: "For Japanese eyes only"}
 *     quarantine: [ACME]            # what these write into an inbox waits until it is accepted; [all]: everybody's
 *     rules:                        # all are looked at; the strictest that matches counts
 *       - clause: N-1
 *         outcome: withhold         # or refer
 *         labels: {any: [jp-only]}
 *       - clause: N-2
 *         outcome: refer
 *         approvals: 2              # 1 or 2; 1 when not stated
 *         to: [US-DOD]              # all parties when not stated
 *         tlp: [amber, none]        # "none": without TLP
 *         when: 'attack is present'
 *
 * Conditions are those of an agreement's rules. Pure; a struct national_policy is immutable. */
#ifndef RENKEI_POLICY_NATIONAL_H
#define RENKEI_POLICY_NATIONAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "policy/rule.h"

enum {
    NATIONAL_SIZE_MAX = 1 << 20,    /* bytes */
    NATIONAL_LABELS_MAX = 256,      /* analysts choose from them */
    NATIONAL_VERSION_MAX = 1000000, /* far more than anybody signs */
    NATIONAL_KEY_SIZE = 32,
    NATIONAL_SIGNATURE_SIZE = 64
};

struct national_label {
    struct span label, meaning;
};

struct national_policy {
    struct span text;   /* the exact bytes, borrowed */
    struct sha256 hash; /* of text */
    struct span party;
    unsigned version;
    time_us effective;
    uint8_t officer[NATIONAL_KEY_SIZE];
    const struct national_label *labels;
    size_t label_count;
    bool quarantines;              /* somebody's objects wait: */
    const struct span *quarantine; /* these parties'; NULL: everybody's */
    size_t quarantine_count;
    struct policy_vocabulary words;
    struct policy_rules rules;
};

/* Reads and checks a policy. *out lives in `a` and points into `text`. Errors carry line and column. ERR_SYNTAX,
 * ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err national_policy_read(struct arena *a, struct span text, struct national_policy **out,
                                         struct diag *d);
/* Whether what a party (empty: a member) writes into an inbox waits until somebody accepts it. NULL: no. */
bool national_policy_quarantines(const struct national_policy *n, struct span party);
/* Appends the bytes an officer's key signs: "renkei national policy signature v1\n", hash in hex, party and version,
 * each on a line of its own. */
void national_policy_message(const struct national_policy *n, struct buf *out);
/* ERR_VERIFY unless the officer named in the policy signed these bytes. */
MUST_CHECK enum err national_policy_verify(const struct national_policy *n,
                                           const uint8_t signature[NATIONAL_SIGNATURE_SIZE], struct diag *d);
/* Whether `next` may take the place of `old` (NULL: none was): same party, a higher version, not earlier in effect.
 * Another officer may sign it: whoever accepts it checks that he is one. */
MUST_CHECK enum err national_policy_follows(const struct national_policy *next, const struct national_policy *old,
                                            struct diag *d);

#endif
