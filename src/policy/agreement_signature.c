#include <sodium.h>

#include "base/encode.h"
#include "policy/agreement.h"
#include "json/json.h"
#include "json/write.h"

static const char VERSION[] = "agreement-signature/v1";

void agreement_signature_message(const struct sha256 *agreement, struct span party, time_us time, struct buf *out) {
    char text[TIME_TEXT_SIZE];
    buf_add_cstr(out, "renkei agreement signature v1\n");
    buf_add_hex(out, span_of(agreement->b, SHA256_SIZE));
    buf_printf(out, "\n%.*s\n%s\n", SPAN_ARG(party), time_format_us(time, text));
}

void agreement_signature_write(const struct agreement_signature *s, struct buf *out) {
    struct json_writer w = json_writer(out);
    struct buf coded = BUF_EMPTY;
    char hex[2 * SHA256_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_write(span_of(s->agreement.b, SHA256_SIZE), hex);
    json_begin_object(&w);
    json_member_cstr(&w, "renkei", VERSION);
    json_member_cstr(&w, "agreement", hex);
    json_member(&w, "party", s->party);
    buf_add_cstr(&coded, AGREEMENT_KEY_PREFIX);
    buf_add_base64(&coded, span_of(s->key, AGREEMENT_KEY_SIZE));
    json_member(&w, "key", buf_span(&coded));
    json_member_cstr(&w, "time", time_format_us(s->time, time));
    buf_clear(&coded);
    buf_add_base64(&coded, span_of(s->signature, AGREEMENT_SIGNATURE_SIZE));
    json_member(&w, "signature", buf_span(&coded));
    json_end_object(&w);
    buf_add_char(out, '\n');
    if (!buf_ok(&coded)) out->failed = true;
    buf_free(&coded);
}

/* ---- reading: one row a member -------------------------------------------------------------------------------------
 */

static bool version_member(struct arena *a, struct span text, struct agreement_signature *out) {
    return span_is(text, VERSION);
}
static bool agreement_member(struct arena *a, struct span text, struct agreement_signature *out) {
    return hex_read(text, out->agreement.b, SHA256_SIZE);
}
static bool party_member(struct arena *a, struct span text, struct agreement_signature *out) {
    out->party = text;
    return agreement_party_id_valid(text);
}
static bool base64_exact(struct arena *a, struct span text, uint8_t *out, size_t size) {
    struct span bytes;
    if (!base64_read(a, text, &bytes) || bytes.len != size) return false;
    memcpy(out, bytes.at, size);
    return true;
}
static bool key_member(struct arena *a, struct span text, struct agreement_signature *out) {
    return span_starts(text, SPAN(AGREEMENT_KEY_PREFIX)) &&
           base64_exact(a, span_from(text, sizeof AGREEMENT_KEY_PREFIX - 1), out->key, AGREEMENT_KEY_SIZE);
}
static bool time_member(struct arena *a, struct span text, struct agreement_signature *out) {
    return time_parse_stix(text, &out->time);
}
static bool signature_member(struct arena *a, struct span text, struct agreement_signature *out) {
    return base64_exact(a, text, out->signature, AGREEMENT_SIGNATURE_SIZE);
}

static const struct {
    const char *key;
    bool (*read)(struct arena *a, struct span text, struct agreement_signature *out);
    const char *shape;
} members[] = {
    {"renkei", version_member, "\"agreement-signature/v1\""},
    {"agreement", agreement_member, "64 hexadecimal digits"},
    {"party", party_member, "a party's id"},
    {"key", key_member, "\"ed25519:\" and 44 characters of base64"},
    {"time", time_member, "a time such as 2026-01-20T12:31:12.123456Z"},
    {"signature", signature_member, "88 characters of base64"},
};
enum { MEMBER_COUNT = sizeof members / sizeof *members };

static enum err member_read(struct arena *a, const struct json_iter *it, struct agreement_signature *out,
                            struct diag *d) {
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (!json_is(it->key, span_cstr(members[i].key))) continue;
        struct span text = json_text(it->value, a);
        if (json_type(it->value) == JSON_STRING && text.at && members[i].read(a, text, out)) return ERR_NONE;
        return diag_set(d, ERR_INVALID, "\"%s\" of an agreement's signature must be %s", members[i].key,
                        members[i].shape);
    }
    return diag_set(d, ERR_INVALID, "an agreement's signature has no member \"%.*s\"",
                    SPAN_ARG(span_first(json_spelt(it->key), 40)));
}

enum err agreement_signature_read(struct arena *a, struct span text, struct agreement_signature *out, struct diag *d) {
    struct json_doc doc;
    *out = (struct agreement_signature){0};
    if (text.len > AGREEMENT_SIGNATURE_FILE_MAX)
        return diag_set(d, ERR_LIMIT, "an agreement's signature of %zu bytes: %d are allowed", text.len,
                        AGREEMENT_SIGNATURE_FILE_MAX);
    enum err e = json_parse(a, text, &doc, d);
    if (e) return e;
    struct json_value root = json_root(&doc);
    if (json_type(root) != JSON_OBJECT) return diag_set(d, ERR_INVALID, "an agreement's signature is a JSON object");
    struct json_iter it = json_iter(root);
    while (json_next(&it)) {
        e = member_read(a, &it, out, d);
        if (e) return e;
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (!json_exists(json_get(root, members[i].key)))
            return diag_set(d, ERR_INVALID, "\"%s\" is missing in the agreement's signature", members[i].key);
    return ERR_NONE;
}

/* ---- verifying
 * --------------------------------------------------------------------------------------------------------- */

enum err agreement_signature_verify(const struct agreement *g, const struct agreement_signature *s, struct diag *d) {
    const struct agreement_party *party = agreement_party(g, s->party);
    if (!sha256_equal(&s->agreement, &g->hash))
        return diag_set(d, ERR_VERIFY, "%.*s signed another version of the agreement, or the file was changed since",
                        SPAN_ARG(s->party));
    if (!party) return diag_set(d, ERR_VERIFY, "%.*s is no party of this agreement", SPAN_ARG(s->party));
    if (memcmp(party->key, s->key, AGREEMENT_KEY_SIZE) != 0)
        return diag_set(d, ERR_VERIFY, "%.*s signed with a key that is not the one the agreement names for it",
                        SPAN_ARG(s->party));
    struct buf message = BUF_EMPTY;
    agreement_signature_message(&s->agreement, s->party, s->time, &message);
    enum err e = ERR_NONE;
    if (!buf_ok(&message))
        e = diag_set(d, ERR_NOMEM, "no memory to verify a signature");
    else if (crypto_sign_verify_detached(s->signature, (const unsigned char *)message.at, message.len, party->key) != 0)
        e = diag_set(d, ERR_VERIFY, "the signature of %.*s does not hold", SPAN_ARG(s->party));
    buf_free(&message);
    return e;
}

enum err agreement_signatures_complete(const struct agreement *g, const struct agreement_signature *signatures,
                                       size_t count, struct diag *d) {
    char missing[DIAG_MESSAGE_SIZE / 2] = "";
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        enum err e = agreement_signature_verify(g, &signatures[i], d);
        if (e) return e;
    }
    for (size_t p = 0; p < g->party_count; p++) {
        struct span id = g->parties[p].id;
        bool signed_it = false;
        for (size_t i = 0; i < count; i++) signed_it |= span_equal(signatures[i].party, id);
        if (signed_it || len + id.len + 3 > sizeof missing) continue;
        if (len) len = (size_t)(stpcpy(missing + len, ", ") - missing);
        memcpy(missing + len, id.at, id.len);
        missing[len += id.len] = 0;
    }
    return len ? diag_set(d, ERR_INVALID, "the agreement is not signed by %s yet", missing) : ERR_NONE;
}
