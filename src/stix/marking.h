/* Markings: TLP 1.0 and 2.0 as exact objects, what other marking definitions are, and the strictest of all that an
 * object carries. A marking is what it is as a whole object: a look-alike id, or the right id over other content,
 * counts as the strictest. */
#ifndef RENKEI_STIX_MARKING_H
#define RENKEI_STIX_MARKING_H

#include "stix/object.h"

/* Ordered: a greater one is stricter. TLP:WHITE is CLEAR. */
enum stix_tlp {
    STIX_TLP_NONE = 0,
    STIX_TLP_CLEAR,
    STIX_TLP_GREEN,
    STIX_TLP_AMBER,
    STIX_TLP_AMBER_STRICT,
    STIX_TLP_RED
};
enum { STIX_TLP_COUNT = 6 };

/* "clear", "white", "TLP:AMBER+STRICT", "amber+strict", "none" … in either case. False for another word. */
bool stix_tlp_parse(struct span text, enum stix_tlp *out);
const char *stix_tlp_name(enum stix_tlp level);  /* "amber+strict"; "none" */
const char *stix_tlp_label(enum stix_tlp level); /* "TLP:AMBER+STRICT"; "" for none */

/* The exact TLP 2.0 marking object of a level, and its id. NULL and "" for STIX_TLP_NONE. Static. */
struct span stix_tlp_object(enum stix_tlp level);
struct span stix_tlp_id(enum stix_tlp level);
/* The exact object of one of the nine ids of TLP 1.0 and 2.0, for sending along with what it marks; {NULL,0} for other
 * ids. Static. */
struct span stix_marking_object(struct span id);
/* Whether the id is one of the nine of TLP 1.0 and 2.0; *level is what it stands for. */
bool stix_marking_builtin(struct span id, enum stix_tlp *level);

enum stix_marking {
    STIX_MARKING_TLP,       /* exactly one of the nine objects */
    STIX_MARKING_STATEMENT, /* a statement: restricts nothing by itself */
    STIX_MARKING_OTHER,     /* another kind: nothing here knows what it allows */
    STIX_MARKING_ALTERED    /* takes a TLP id, name, content or statement without being the object */
};
/* What a marking-definition object is; *level is set for STIX_MARKING_TLP, otherwise STIX_TLP_NONE. */
enum stix_marking stix_marking_classify(const struct stix_object *marking, enum stix_tlp *level);

/* Tells what the marking definition `id` is: STIX_MARKING_OTHER when it is not known. Not asked about the nine: what
 * those mean is known here, whatever somebody sent under their ids. */
typedef enum stix_marking (*stix_marking_lookup)(void *context, struct span id, enum stix_tlp *level);

struct stix_marking_summary {
    enum stix_tlp tlp;     /* strictest of object and granular markings; STIX_TLP_NONE without any */
    bool strictest;        /* some marking is unknown, unresolvable or altered: nothing is stricter */
    struct span offending; /* that marking's id; empty otherwise */
};
void stix_marking_effective(const struct stix_object *object, stix_marking_lookup lookup, void *context,
                            struct stix_marking_summary *out);

#endif
