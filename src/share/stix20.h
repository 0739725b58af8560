/* STIX 2.0 objects made STIX 2.1 ones at import, as far as the two say the same: spec_version, the indicator's
 * pattern_type, a malware's is_family (a 2.0 malware is a named one: true), and the vocabularies that 2.0 kept in
 * labels (the labels stay as well). What 2.1 still takes of 2.0 stays as it is, an observed-data's `objects` among it:
 * their identifiers are known inside it only, so nothing outside can name them. Ids, versions and everything else are
 * the creator's and are not touched. Pure functions; any thread. */
#ifndef RENKEI_SHARE_STIX20_H
#define RENKEI_SHARE_STIX20_H

#include "base/arena.h"
#include "json/json.h"

/* Whether it is one: a type of 2.0, and no spec_version (STIX 2.1 §3.2 requires one; 2.0 has none). */
bool stix20_is(struct json_value object);
/* The same object as STIX 2.1, its text in `a`. ERR_NOMEM. */
MUST_CHECK enum err stix20_upgrade(struct json_value object, struct arena *a, struct span *out, struct diag *d);

#endif
