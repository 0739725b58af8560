/* A pattern in words and lines, for people: what its parts are and how they hang together. */
#ifndef RENKEI_PATTERN_OUTLINE_H
#define RENKEI_PATTERN_OUTLINE_H

#include "base/buf.h"
#include "pattern/pattern.h"

/* "file:hashes.'SHA-256'" */
void pattern_write_path(struct buf *out, const struct pattern_path *path);
/* "file:name NOT LIKE '%.exe'", as a pattern would have it. */
void pattern_write_test(struct buf *out, const struct pattern_test *test);
/* The whole as an outline: a line a part, indented by two a level; the observations numbered as in the text, from 1. */
void pattern_write_outline(struct buf *out, const struct pattern *pattern);

#endif
