/* What full-text search knows of an object: names, aliases, descriptions, pattern values, labels. Filled in the
 * background, behind the visible holdings. Chinese, Japanese and Korean text is indexed character by character, so that
 * a word is found without spaces around it. */
#ifndef RENKEI_SHARE_TEXT_H
#define RENKEI_SHARE_TEXT_H

#include "base/buf.h"
#include "share/context.h"
#include "stix/marking.h"

enum { TEXT_FILL_BATCH = 5000, TEXT_QUERY_MAX = 1000 };

/* Indexes up to TEXT_FILL_BATCH more holdings in one transaction; *left is how many are behind. */
MUST_CHECK enum err text_fill(const struct share_context *c, uint64_t *left, struct diag *d);
/* Words that stand for an object's effective TLP (its own markings or local handling, whichever is stricter) and for
 * each of its labels, own or local: what `search --tlp` and `--label` ask for. Appended to a query like a word typed.
 */
void text_query_tlp(enum stix_tlp level, struct buf *query);
void text_query_label(struct span label, struct buf *query);
/* Turns what a person typed into an FTS5 query: every word must occur; a word with signs in it (a domain, a URL) as the
 * phrase it is. */
MUST_CHECK enum err text_query(struct span typed, struct buf *out, struct diag *d);

#endif
