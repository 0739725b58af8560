#include "node/sighting_id.h"

#include "base/buf.h"
#include "base/hash.h"

static void make_id(struct span secret, const char *type, struct span a, struct span b, struct span c,
                    char out[STIX_ID_SIZE]) {
    struct buf name = BUF_EMPTY;
    buf_printf(&name, "sighting\n%s\n%.*s\n%.*s\n%.*s", type, SPAN_ARG(a), SPAN_ARG(b), SPAN_ARG(c));
    struct sha256 mac = hmac_sha256(secret, buf_span(&name));
    stix_id_from_hmac(&mac, span_cstr(type), out);
    buf_free(&name);
}

void sighting_id(struct span secret, struct span indicator, struct span member, time_us hour, char out[STIX_ID_SIZE]) {
    char text[TIME_TEXT_SIZE];
    make_id(secret, "sighting", indicator, member, span_cstr(time_format_stix(hour, text)), out);
}

void sighting_member_id(struct span secret, struct span member, char out[STIX_ID_SIZE]) {
    make_id(secret, "identity", member, (struct span){0}, (struct span){0}, out);
}
