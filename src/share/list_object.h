/* The STIX 2.1 objects an indicator list becomes, as exact JSON bytes: indicators, the malware or intrusion set they
 * stand for, and the relationships between them. Ids are the caller's. Output is deterministic: the same arguments give
 * the same bytes. */
#ifndef RENKEI_SHARE_LIST_OBJECT_H
#define RENKEI_SHARE_LIST_OBJECT_H

#include "base/time.h"
#include "share/list.h"
#include "stix/marking.h"

/* What all objects of one import have in common. Borrowed for the call. */
struct list_object_frame {
    struct span created_by; /* identity id; empty = the property is left out */
    time_us created, modified;
    time_us valid_from;  /* of indicators; required */
    time_us valid_until; /* of indicators; TIME_NONE = left out */
    const struct span *labels;
    size_t label_count;
    struct span description; /* of indicators; empty = left out */
    int confidence;          /* 0 to 100; -1 = left out */
    enum stix_tlp tlp;       /* STIX_TLP_NONE = left out; otherwise object_marking_refs names the TLP 2.0 object */
};

/* Each appends one object to out (no newline). */

/* name is the value, pattern is list_pattern()'s, indicator_types ["malicious-activity"] (STIX 2.1 §4.7). */
void list_object_indicator(struct buf *out, struct span id, const struct list_object_frame *f,
                           const struct list_value *value);
/* A malware family (§4.11, is_family true) or an intrusion set (§4.8), by the summary's subject, with its aliases and
 * references. */
void list_object_subject(struct buf *out, struct span id, const struct list_object_frame *f,
                         const struct list_summary *summary);
/* relationship "indicates" (§5.1) from an indicator to its subject. */
void list_object_indicates(struct buf *out, struct span id, const struct list_object_frame *f, struct span indicator,
                           struct span subject);

#endif
