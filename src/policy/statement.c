#include "policy/statement.h"

#include <sodium.h>

#include "base/encode.h"
#include "stix/id.h"
#include "json/json.h"
#include "json/write.h"

static bool is_hash(struct span text) {
    uint8_t hash[SHA256_SIZE];
    return hex_read(text, hash, sizeof hash);
}

static bool is_time(struct span text) {
    time_us t;
    return time_parse_stix(text, &t);
}

enum { REASON_MAX = 500, ORIGIN_MAX = 1024 };

static bool is_origin(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~') return false;
    return text.len > 0 && text.len <= ORIGIN_MAX;
}

static bool is_number(struct span text) {
    uint64_t n;
    return span_u64(text, &n);
}

static bool is_answer(struct span text) {
    return span_is(text, "erased") || span_is(text, "refused");
}

static bool is_reason(struct span text) {
    size_t bad;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f) return false;
    return text.len > 0 && text.len <= REASON_MAX && utf8_valid(text, &bad);
}

/* One row a kind: what it is called in the file and in what is signed, and its own members. */
static const struct {
    const char *version, *begins, *name;
    struct {
        const char *key;
        bool (*valid)(struct span text);
        const char *shape;
    } fields[STATEMENT_FIELDS_MAX];
} kinds[] = {
    [STATEMENT_CONSENT] = {"consent/v1",
                           "renkei consent v1\n",
                           "a consent",
                           {[CONSENT_OBJECT] = {"object", stix_id_valid, "a STIX id"},
                            [CONSENT_HOLDER] = {"holder", agreement_party_id_valid, "a party's id"},
                            [CONSENT_RECIPIENT] = {"recipient", agreement_party_id_valid, "a party's id"}}},
    [STATEMENT_TERMINATION] = {"termination/v1",
                               "renkei termination v1\n",
                               "a termination",
                               {[TERMINATION_AGREEMENT] = {"agreement", is_hash, "64 hexadecimal digits"},
                                [TERMINATION_ENDS] = {"ends", is_time, "a time such as 2026-01-20T12:31:12Z"}}},
    [STATEMENT_ERASURE] = {"erasure/v1",
                           "renkei erasure v1\n",
                           "an answer to an erasure",
                           {[ERASURE_LEDGER] = {"ledger", is_origin, "a ledger's origin line"},
                            [ERASURE_ENTRY] = {"entry", is_number, "an entry's number"},
                            [ERASURE_ANSWER] = {"answer", is_answer, "erased or refused"},
                            [ERASURE_REASON] = {"reason", is_reason, "a text of one line and at most 500 bytes"}}},
};

void statement_message(const struct statement *s, struct buf *out) {
    char time[TIME_TEXT_SIZE];
    buf_add_cstr(out, kinds[s->kind].begins);
    buf_printf(out, "%.*s\n%.*s\n", SPAN_ARG(s->realm), SPAN_ARG(s->party));
    for (size_t i = 0; i < STATEMENT_FIELDS_MAX && kinds[s->kind].fields[i].key; i++)
        buf_printf(out, "%.*s\n", SPAN_ARG(s->fields[i]));
    buf_printf(out, "%s\n", time_format_us(s->time, time));
}

void statement_write(const struct statement *s, struct buf *out) {
    struct json_writer w = json_writer(out);
    struct buf coded = BUF_EMPTY;
    char time[TIME_TEXT_SIZE];
    json_begin_object(&w);
    json_member_cstr(&w, "renkei", kinds[s->kind].version);
    json_member(&w, "realm", s->realm);
    json_member(&w, "party", s->party);
    for (size_t i = 0; i < STATEMENT_FIELDS_MAX && kinds[s->kind].fields[i].key; i++)
        json_member(&w, kinds[s->kind].fields[i].key, s->fields[i]);
    json_member_cstr(&w, "time", time_format_us(s->time, time));
    buf_add_cstr(&coded, AGREEMENT_KEY_PREFIX);
    buf_add_base64(&coded, span_of(s->key, AGREEMENT_KEY_SIZE));
    json_member(&w, "key", buf_span(&coded));
    buf_clear(&coded);
    buf_add_base64(&coded, span_of(s->signature, AGREEMENT_SIGNATURE_SIZE));
    json_member(&w, "signature", buf_span(&coded));
    json_end_object(&w);
    buf_add_char(out, '\n');
    if (!buf_ok(&coded)) out->failed = true;
    buf_free(&coded);
}

/* ---- reading ---- */

static bool read_base64(struct arena *a, struct span text, const char *prefix, uint8_t *out, size_t size) {
    struct span bytes;
    if (!span_starts(text, span_cstr(prefix)) || !base64_read(a, span_from(text, strlen(prefix)), &bytes) ||
        bytes.len != size)
        return false;
    memcpy(out, bytes.at, size);
    return true;
}

/* The shape a member must have; NULL when it has it. */
static const char *read_member(struct arena *a, struct span key, struct span text, struct statement *out) {
    if (span_is(key, "renkei")) return span_is(text, kinds[out->kind].version) ? NULL : kinds[out->kind].version;
    if (span_is(key, "realm")) return (out->realm = text).len ? NULL : "a realm's name";
    if (span_is(key, "party")) return agreement_party_id_valid(out->party = text) ? NULL : "a party's id";
    if (span_is(key, "time")) return time_parse_stix(text, &out->time) ? NULL : "a time such as 2026-01-20T12:31:12Z";
    if (span_is(key, "key"))
        return read_base64(a, text, AGREEMENT_KEY_PREFIX, out->key, sizeof out->key)
                   ? NULL
                   : "\"ed25519:\" and 44 characters of base64";
    if (span_is(key, "signature"))
        return read_base64(a, text, "", out->signature, sizeof out->signature) ? NULL : "88 characters of base64";
    for (size_t i = 0; i < STATEMENT_FIELDS_MAX && kinds[out->kind].fields[i].key; i++)
        if (span_is(key, kinds[out->kind].fields[i].key))
            return kinds[out->kind].fields[i].valid(out->fields[i] = text) ? NULL : kinds[out->kind].fields[i].shape;
    return "left out: there is no such member";
}

static enum err check_complete(struct json_value root, const struct statement *s, struct diag *d) {
    static const char *const always[] = {"renkei", "realm", "party", "time", "key", "signature"};
    for (size_t i = 0; i < sizeof always / sizeof *always + STATEMENT_FIELDS_MAX; i++) {
        size_t own = i - sizeof always / sizeof *always;
        const char *key = i < sizeof always / sizeof *always ? always[i] : kinds[s->kind].fields[own].key;
        if (key && !json_exists(json_get(root, key)))
            return diag_set(d, ERR_INVALID, "\"%s\" is missing in %s", key, kinds[s->kind].name);
    }
    return ERR_NONE;
}

enum err statement_read(struct arena *a, struct span text, enum statement_kind kind, struct statement *out,
                        struct diag *d) {
    struct json_doc doc;
    *out = (struct statement){.kind = kind};
    if (text.len > STATEMENT_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "%s of %zu bytes: %d are allowed", kinds[kind].name, text.len,
                        STATEMENT_SIZE_MAX);
    enum err e = json_parse(a, text, &doc, d);
    if (e) return e;
    struct json_value root = json_root(&doc);
    if (json_type(root) != JSON_OBJECT) return diag_set(d, ERR_INVALID, "%s is a JSON object", kinds[kind].name);
    for (struct json_iter it = json_iter(root); json_next(&it);) {
        struct span key = json_text(it.key, a), value = json_text(it.value, a);
        bool line = value.at && !memchr(value.at, '\n', value.len) && !memchr(value.at, 0, value.len);
        const char *shape = line ? read_member(a, key, value, out) : "a text of one line";
        if (shape)
            return diag_set(d, ERR_INVALID, "\"%.*s\" in %s must be %s", SPAN_ARG(span_first(json_spelt(it.key), 40)),
                            kinds[kind].name, shape);
    }
    if ((e = check_complete(root, out, d))) return e;
    if (kind == STATEMENT_TERMINATION) (void)time_parse_stix(out->fields[TERMINATION_ENDS], &out->ends);
    return ERR_NONE;
}

enum err statement_verify(const struct statement *s, struct diag *d) {
    struct buf message = BUF_EMPTY;
    statement_message(s, &message);
    enum err e = ERR_NONE;
    if (!buf_ok(&message))
        e = diag_set(d, ERR_NOMEM, "no memory to verify a signature");
    else if (crypto_sign_verify_detached(s->signature, (const unsigned char *)message.at, message.len, s->key) != 0)
        e = diag_set(d, ERR_VERIFY, "the signature of %.*s does not hold", SPAN_ARG(s->party));
    buf_free(&message);
    return e;
}
