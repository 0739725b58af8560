/* An agreement in plain words, for those who sign it: in English, Japanese or Korean. */
#ifndef RENKEI_POLICY_DESCRIBE_H
#define RENKEI_POLICY_DESCRIBE_H

#include "base/buf.h"
#include "policy/agreement.h"

enum policy_language { POLICY_ENGLISH, POLICY_JAPANESE, POLICY_KOREAN };

bool policy_language_parse(struct span text, enum policy_language *out); /* "en", "ja", "ko" */
/* Appends the whole agreement, a line a statement. Names, clauses and STIX's own words stay as written. */
void policy_describe(const struct agreement *g, enum policy_language language, struct buf *out);

#endif
