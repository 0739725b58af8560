/* What may be done with an indicator: its TLP and its PAP (Permissible Actions Protocol), as far as it carries them.
 *
 * PAP stands in STIX as one of OASIS's marking definitions for it, as another marking definition whose extension, name
 * or statement says so, or as a label ("PAP:RED", as MISP writes it). The strictest of all counts, object, granular and
 * local labels together. A marking that is not known here counts as the strictest of both.
 *
 * For one thread; remembers the marking definitions it has looked up. */
#ifndef RENKEI_DETECT_EXPORT_MARKING_H
#define RENKEI_DETECT_EXPORT_MARKING_H

#include "base/map.h"
#include "stix/marking.h"
#include "store/store.h"

/* Ordered: a greater one permits less. */
enum pap { PAP_NONE, PAP_CLEAR, PAP_GREEN, PAP_AMBER, PAP_RED };
const char *pap_name(enum pap pap); /* "", "clear", "green", "amber", "red"; static */
/* "PAP:RED", "pap red", "PAP:WHITE" (CLEAR); PAP_NONE for another text. */
enum pap pap_of_text(struct span text);

struct export_markings {
    struct store_reader *reader; /* borrowed */
    struct map known;            /* id → what it means */
    bool failed;                 /* the store could not be read */
};
void export_markings_init(struct export_markings *m, struct store_reader *r);
void export_markings_free(struct export_markings *m);

struct export_marking {
    enum stix_tlp tlp;
    enum pap pap;
    bool unknown; /* something on it is not understood: tlp and pap are the strictest */
};
struct export_marking export_marking_of(struct export_markings *m, const struct stix_object *object,
                                        const struct store_handling *handling, struct arena *a);

#endif
