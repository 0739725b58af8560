#include "detect/decay_seen.h"

enum { PAGE = 1000 };

time_us detect_sighting_seen(const struct store_holding *h, struct json_value sighting, struct arena *a) {
    int64_t count = 1;
    time_us seen = TIME_NONE;
    (void)json_int(json_get(sighting, "count"), &count);
    if (h->revoked || h->state != STORE_CURRENT || count < 1) return TIME_NONE;
    if (!time_parse_stix(json_text(json_get(sighting, "last_seen"), a), &seen) &&
        !time_parse_stix(json_text(json_get(sighting, "first_seen"), a), &seen))
        seen = h->modified; /* STIX 2.1 §5.2: a sighting that gives no time was made when it was seen */
    return h->imported != TIME_NONE && seen > h->imported ? h->imported : seen;
}

/* Whether a sighting that names the indicator is of it: or of something that is not held, and then it is of what went
 * out in the indicator's place (share/origin.h). */
static bool is_of(struct store_reader *r, struct json_value of, struct span indicator, struct arena *a) {
    struct store_holding other;
    struct diag ignored;
    return json_is(of, indicator) || store_holding_latest(r, json_text(of, a), a, &other, &ignored) == ERR_NOT_FOUND;
}

enum err detect_last_seen(struct store_reader *r, struct span indicator, struct arena *a, time_us *out,
                          struct diag *d) {
    int64_t after = 0;
    size_t looked = 0, count = 1;
    enum err e = ERR_NONE;
    *out = TIME_NONE;
    while (!e && count > 0 && looked < SIGHTINGS_LOOKED_AT_MAX) {
        int64_t *naming;
        e = store_holding_naming(r, indicator, after, PAGE, a, &naming, &count, d);
        for (size_t i = 0; !e && i < count; i++) {
            struct store_holding h;
            struct json_doc doc;
            struct diag ignored;
            e = store_holding_get(r, after = naming[i], a, &h, d);
            if (e || !span_is(h.type, "sighting") || json_parse(a, h.body, &doc, &ignored)) continue;
            if (!is_of(r, json_get(json_root(&doc), "sighting_of_ref"), indicator, a)) continue;
            time_us seen = detect_sighting_seen(&h, json_root(&doc), a);
            if (seen > *out) *out = seen;
        }
        looked += count;
    }
    return e;
}
