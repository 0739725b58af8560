/* What marking definitions say beyond TLP: PAP, ACS 3.0 and IEP 2.0; and all that an object carries, gathered.
 *
 *  PAP  one of OASIS's marking definitions for it, or another with their extension; a statement, or a name, that is
 *       "PAP:COLOUR" (or "PAP COLOUR") and nothing else; or definition {"pap": COLOUR}.
 *  ACS  the extension of CISA's access control specification, alone in `extensions`.
 *  IEP  FIRST's information exchange policy, its STIX extension, alone in `extensions`.
 *
 * A marking of one of these kinds that cannot be understood to the end (a colour, an effect, a date, a missing part) is
 * STIX_MEANING_ALTERED: as strict as can be. Pure; any thread. */
#ifndef RENKEI_STIX_MARKING_MEANING_H
#define RENKEI_STIX_MARKING_MEANING_H

#include "base/time.h"
#include "stix/marking.h"

enum stix_meaning_kind {
    STIX_MEANING_TLP,
    STIX_MEANING_STATEMENT, /* restricts nothing by itself */
    STIX_MEANING_PAP,
    STIX_MEANING_ACS,
    STIX_MEANING_IEP,
    STIX_MEANING_OTHER,  /* not held, or of a kind nothing here knows; an agreement may recognise it by its id */
    STIX_MEANING_ALTERED /* pretends to be what it is not, or breaks the rules of its kind */
};

/* Permissible actions protocol: what a receiver may do with it. A greater one is stricter. */
enum stix_pap { STIX_PAP_NONE = 0, STIX_PAP_CLEAR, STIX_PAP_GREEN, STIX_PAP_AMBER, STIX_PAP_RED };
enum { STIX_PAP_COUNT = 5 };

/* "clear", "white", "PAP:AMBER" … in either case. */
bool stix_pap_parse(struct span text, enum stix_pap *out);
const char *stix_pap_name(enum stix_pap level); /* "amber"; "none" */
/* Whether a label says a PAP: "PAP:RED", "pap red", "pap=\"amber\"", as statements do. A "pap:" whose
 * colour is not understood is RED. */
bool stix_pap_of_label(struct span label, enum stix_pap *out);

struct stix_words {
    const struct span *at;
    size_t count;
};

/* ACS 3.0, as far as it bears on giving an object to another party. Words as spelt; compared without regard to case. */
struct stix_acs {
    bool unclassified; /* control_set.classification is U */
    bool no_foreign;   /* NF or NOFORN among formal determinations or caveats */
    bool caveated;     /* any other caveat */
    bool public;       /* PUBREL among formal determinations */
    bool use_denied;   /* a privilege ALL, DSPLY or CISAUSES with effect deny */
    bool names_source; /* a privilege IDSRC or ALL with effect permit, and no IDSRC with effect deny */
    struct stix_words nationalities, organizations; /* control_set.permitted_…; empty = not restricted */
    struct stix_words share_permit, share_deny;     /* further_sharing's scopes by effect */
};

enum stix_attribution { STIX_ATTRIBUTION_MAY, STIX_ATTRIBUTION_MUST, STIX_ATTRIBUTION_MUST_NOT };

struct stix_iep {
    time_us start, end; /* TIME_NONE = open */
    enum stix_attribution attribution;
};

struct stix_meaning {
    struct span id;
    enum stix_meaning_kind kind;
    enum stix_tlp tlp; /* of TLP and IEP */
    enum stix_pap pap;
    struct stix_acs acs;
    struct stix_iep iep;
};

/* What the marking definition is. *out borrows from the object and `a`; when `a` overflows it is ALTERED. */
void stix_meaning_read(const struct stix_object *marking, struct arena *a, struct stix_meaning *out);

/* Tells what the marking definition `id` is; NULL when it is not held. Not asked about the nine TLP objects and OASIS's
 * of PAP. What it returns lives as long as the summary it goes into. */
typedef const struct stix_meaning *(*stix_meaning_lookup)(void *context, struct span id);

enum { STIX_MARKINGS_MAX = 64 }; /* different ones on one object: more is no way to mark, and counts as altered */

/* All that an object carries, object_marking_refs and granular_markings alike: whatever marks a part marks the whole
 * (STIX 2.1 §7.2.2, §7.2.3). `lang` entries mark nothing. */
struct stix_markings {
    enum stix_tlp tlp;              /* strictest of TLP and IEP */
    enum stix_pap pap;              /* strictest */
    bool altered;                   /* some marking is ALTERED, or the lists are none */
    struct span offending;          /* that marking's id, or the first of `unknown`; empty otherwise */
    const struct stix_meaning **at; /* those of kind PAP, ACS, IEP */
    size_t count;
    struct span *unknown; /* ids of kind OTHER */
    size_t unknown_count;
    struct span *ids; /* every marking, TLP and statements too, each once */
    size_t id_count;
};
/* Lists live in `a`; when that overflows the summary is `altered`. */
void stix_markings_gather(const struct stix_object *object, stix_meaning_lookup lookup, void *context, struct arena *a,
                          struct stix_markings *out);

#endif
