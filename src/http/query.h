/* Request targets: paths and query strings as they arrive from outside, decoded once and strictly (RFC 3986 §2.1,
 * §3.3, §3.4). Percent-encoding for those that build URLs. Pure: no I/O, any thread. */
#ifndef RENKEI_HTTP_QUERY_H
#define RENKEI_HTTP_QUERY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    HTTP_TARGET_MAX = 16384,    /* bytes of a request target: several hundred ids in match[id] fit */
    HTTP_QUERY_PARAMS_MAX = 128 /* more parameters than any resource defines, times some */
};

/* A name with its value: a query parameter or a header field. */
struct http_param {
    struct span name, value;
};

/* In the order they arrived, duplicates included. */
struct http_query {
    struct http_param *params; /* in the arena given to http_query_parse() */
    size_t count;
};

/* Splits "a=1&b=2" (without "?") and undoes percent-encoding; '+' is a blank, as forms and Python's clients write it.
 * A name without "=" has the empty value; empty parts ("&&") are skipped. ERR_SYNTAX: a broken %-sequence;
 * ERR_INVALID: NUL, or text that is not UTF-8; ERR_LIMIT: too many parameters; ERR_NOMEM. Values live in the arena or
 * in `raw`. */
MUST_CHECK enum err http_query_parse(struct arena *a, struct span raw, struct http_query *out, struct diag *d);

/* The first value of a parameter; false when it is not there. Names are compared exactly. */
bool http_query_find(const struct http_query *q, const char *name, struct span *value);
/* How often a parameter is there. */
size_t http_query_count(const struct http_query *q, const char *name);

/* Decodes the path of a request target. It must begin with "/". Refused with ERR_INVALID, because they mean different
 * things to different readers: NUL and other control characters, "." and ".." as segments (also when encoded), an
 * encoded "/" (%2F), a backslash, text that is not UTF-8. ERR_SYNTAX: a broken %-sequence. Empty segments stay. */
MUST_CHECK enum err http_path_decode(struct arena *a, struct span raw, struct span *out, struct diag *d);

/* Appends `text` with everything but RFC 3986's unreserved characters percent-encoded. */
void http_percent_encode(struct buf *out, struct span text);
/* Appends "?name=value" or, when *out holds a "?" already, "&name=value", both encoded. */
void http_query_add(struct buf *out, struct span name, struct span value);

/* Whether a name is a token (RFC 9110 §5.6.2), and a value free of CR, LF, NUL and other controls except tab. */
bool http_header_name_valid(struct span name);
bool http_header_value_valid(struct span value);

#endif
