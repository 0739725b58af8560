/* What may be done with an indicator: its TLP and its PAP, as stix/marking_meaning.h reads them of its markings, object
 * and granular, and of labels, its own and local ones. The strictest counts. A marking that is not understood, or asks
 * for more than TLP and PAP can say (ACS), counts as the strictest of both.
 *
 * For one thread; remembers the marking definitions it has looked up, and what neighbours were marked with. */
#ifndef RENKEI_DETECT_EXPORT_MARKING_H
#define RENKEI_DETECT_EXPORT_MARKING_H

#include "base/map.h"
#include "detect/indicator_rows.h"
#include "stix/marking_meaning.h"

struct export_marking {
    enum stix_tlp tlp;
    enum stix_pap pap;
    bool unknown; /* something on it is not understood: tlp and pap are the strictest */
};

struct export_markings {
    struct store_reader *reader; /* borrowed */
    struct arena kept;           /* the definitions, */
    struct map definitions;      /* id → where, 0: not held */
    struct arena last_text;
    struct indicator_row last; /* whose markings `last_is` is, copied */
    struct export_marking last_is;
    bool failed; /* the store could not be read */
};
void export_markings_init(struct export_markings *m, struct store_reader *r);
void export_markings_free(struct export_markings *m);

/* Scratch from `a`. Errors: ERR_NOMEM; ERR_IO when a definition cannot be looked up. */
MUST_CHECK enum err export_marking_of(struct export_markings *m, const struct indicator_row *row, struct arena *a,
                                      struct export_marking *out, struct diag *d);

#endif
