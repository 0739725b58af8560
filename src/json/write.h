/* Writing JSON: a writer that puts commas and escapes where they belong, and canonical form (RFC 8785). */
#ifndef RENKEI_JSON_WRITE_H
#define RENKEI_JSON_WRITE_H

#include "base/buf.h"
#include "base/time.h"
#include "json/json.h"

/* Appends to a buffer that it does not own. Compact output. Nesting at most JSON_DEPTH_MAX. */
struct json_writer {
    struct buf *out;
    uint64_t filled; /* bit per level: something has been written there */
    unsigned depth;
    bool after_key;
};

struct json_writer json_writer(struct buf *out);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_span(struct json_writer *w, struct span key);
void json_string(struct json_writer *w, struct span text); /* escapes; bytes that are no UTF-8 become U+FFFD */
void json_cstr(struct json_writer *w, const char *text);
void json_number(struct json_writer *w, int64_t n);
void json_real(struct json_writer *w, double n);
void json_truth(struct json_writer *w, bool b);
void json_null(struct json_writer *w);
void json_splice(struct json_writer *w, struct span raw); /* bytes that are a JSON value already */
void json_time(struct json_writer *w, time_us t);         /* STIX spelling; null for TIME_NONE */
/* key and value in one line each. */
void json_member(struct json_writer *w, const char *key, struct span text);
void json_member_cstr(struct json_writer *w, const char *key, const char *text);
void json_member_number(struct json_writer *w, const char *key, int64_t n);
void json_member_truth(struct json_writer *w, const char *key, bool b);
void json_member_time(struct json_writer *w, const char *key, time_us t);

/* Appends the canonical form of a value (RFC 8785, JCS): keys sorted by UTF-16 units, numbers as ECMAScript prints
 * them, minimal escapes. `a` is for scratch. Fails for numbers no double holds. */
MUST_CHECK enum err json_canonical(struct buf *out, struct json_value v, struct arena *a, struct diag *d);

#endif
