/* Facts: all that policy asks about a holding. policy_facts_read() takes those that stand in the object; provenance and
 * local handling are the caller's to fill in. */
#ifndef RENKEI_POLICY_FACTS_H
#define RENKEI_POLICY_FACTS_H

#include "stix/marking_meaning.h"

struct agreement;

enum {
    POLICY_OBSERVES_MAX = 32, /* kinds of observable one pattern names; STIX 2.1 has 18 */
    POLICY_ATTACK_MAX = 256   /* ATT&CK ids of one object */
};

/* Spans are borrowed for the call. policy_subject_init() gives one that claims nothing. */
struct policy_subject {
    struct span type;          /* STIX type: "indicator" */
    enum stix_tlp tlp;         /* strictest of object and granular markings, STIX_TLP_NONE if it has none */
    enum stix_pap pap;         /* likewise */
    bool marking_unknown;      /* some marking is altered or not understood, and no agreement can recognise it */
    bool builtin;              /* it is one of the specification's own marking objects, exact */
    const struct span *labels; /* the object's */
    size_t label_count;
    int confidence;                             /* the object's; -1 = none */
    enum stix_tlp handling_tlp;                 /* local handling: STIX_TLP_NONE = none, */
    int handling_confidence;                    /* -1 = none, goes before the object's, */
    struct span handling_labels;                /* '\n'-separated, added to the object's */
    struct span source_party;                   /* whom it came from; empty = own */
    bool sighting_of_recipient;                 /* a sighting of something that came from the recipient */
    bool about_recipient;                       /* an opinion or note whose every object came from the recipient */
    struct stix_words unknown_markings;         /* ids an agreement may recognise */
    const struct stix_meaning *const *meanings; /* ACS, IEP, PAP markings it carries */
    size_t meaning_count;
    struct stix_words markings; /* ids of all markings it carries */
    struct span creator;        /* created_by_ref; empty = none */
    bool creator_stays;         /* no redaction takes it away: there is none, or it is the giver itself */
    bool sighted_nowhere;       /* a sighting without where_sighted_refs: names no member */
    struct stix_words sectors, indicator_types, observes, attack;
    struct span language; /* `lang` */
    time_us version_time; /* modified, else created, else TIME_NONE: age, embargo and expiry count from it */
    bool revoked;
    unsigned hops;  /* how many parties it has passed: 0 own, 1 straight from its creator's party, 2 more */
    bool consented; /* its originator consented to this recipient */
    const struct agreement *const *came_under; /* agreements between its source and this party; of what is not own */
    size_t came_under_count;
};

void policy_subject_init(struct policy_subject *s);

/* Fills what stands in the object: from type to revoked, handling and provenance apart. Lists live in `a` and borrow
 * from the object. ERR_NOMEM. */
MUST_CHECK enum err policy_facts_read(const struct stix_object *object, stix_meaning_lookup lookup, void *context,
                                      struct arena *a, struct policy_subject *out, struct span *offending);

#endif
