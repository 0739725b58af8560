/* One spelling for each value, so that indicators and telemetry compare byte by byte.
 *
 *  domain   ASCII letters folded, a trailing dot off, non-ASCII labels to punycode (UTS #46 by libidn2)
 *  URL      scheme and host folded, default port and fragment off, an empty path is "/", dot segments resolved, escapes
 *           only where needed and in upper case (RFC 3986 §6.2.2), bytes beyond ASCII escaped; the rest as it stands
 *  hash     lower-case hexadecimal without colons
 *  e-mail   the domain part as a domain, the local part as it stands, angle brackets and "mailto:" off
 *  path, file name   as they stand
 *
 * Each returns false when the text is no value of its kind. The result is borrowed from `text` when nothing changed,
 * else in the arena. */
#ifndef RENKEI_DETECT_NORMALISE_H
#define RENKEI_DETECT_NORMALISE_H

#include "base/arena.h"
#include "pattern/plan.h"

enum { DOMAIN_LENGTH_MAX = 253, EMAIL_LENGTH_MAX = 320, URL_LENGTH_MAX = 8192 /* what HTTP servers accept */ };

bool normalise_domain(struct arena *a, struct span text, struct span *out);
bool normalise_hash(struct arena *a, struct span text, struct span *out);
bool normalise_email(struct arena *a, struct span text, struct span *out);

/* A URL in parts. */
struct url {
    struct span scheme; /* folded; empty when the text had none ("host/path") */
    struct span host;   /* normalised: a domain, an address, "[v6]" */
    struct span path;   /* with query; starts with '/' */
    int32_t port;       /* -1 = default or none */
    struct span whole;  /* scheme://host[:port]path */
};
/* The offset of "://" after a scheme (RFC 3986 §3.1) of at most 15 letters; SIZE_MAX without. */
size_t url_scheme_end(struct span text);
/* Text with "://", or "host/path" or "//host/path" without; never a bare path. */
bool normalise_url(struct arena *a, struct span text, struct url *out);
/* The URL of an HTTP request for `path` from `host` (with or without a port, which then wins over `port`; -1 = none).
 */
bool url_of_request(struct arena *a, struct span host, int32_t port, struct span path, struct url *out);

/* Any kind that has a value: dispatches to the above. */
bool normalise_value(struct arena *a, enum atom_kind kind, struct span text, struct span *out);

/* Whether text looks like a domain name: two labels or more, the last not all digits. */
bool looks_like_domain(struct span text);
bool looks_like_hash(struct span text);
/* "host:8080" → host and port; false when there is no port. Brackets of IPv6 are taken off. */
bool split_host_port(struct span text, struct span *host, int32_t *port);

#endif
