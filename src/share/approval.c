#include "share/approval.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "json/json.h"
#include "json/write.h"

enum { KEY_SIZE = 512, HEX_SIZE = 65 };

static const char *hex_of(const struct sha256 *hash, char text[HEX_SIZE]) {
    hex_write(span_of(hash->b, sizeof hash->b), text);
    return text;
}

/* OBJECT/HASH/RECIPIENT/AGREEMENT: none of them holds a slash. */
static struct span decision_key(const struct approval_of *of, char key[KEY_SIZE]) {
    char content[HEX_SIZE], agreement[HEX_SIZE];
    int n = snprintf(key, KEY_SIZE, "%.*s/%s/%.*s/%s", SPAN_ARG(of->object), hex_of(&of->content, content),
                     SPAN_ARG(of->recipient), hex_of(&of->agreement, agreement));
    return span_of(key, n > 0 && n < KEY_SIZE ? (size_t)n : 0);
}

void approval_message(const struct approval *a, struct buf *out) {
    char content[HEX_SIZE], agreement[HEX_SIZE], time[TIME_TEXT_SIZE];
    buf_add_cstr(out, "renkei release approval v1\n");
    buf_printf(out, "%.*s\n%.*s\n%s\n%.*s\n%s\n%s\n%.*s\n%s\n", SPAN_ARG(a->of.realm), SPAN_ARG(a->of.object),
               hex_of(&a->of.content, content), SPAN_ARG(a->of.recipient), hex_of(&a->of.agreement, agreement),
               a->refuses ? "refused" : "approved", SPAN_ARG(a->officer), time_format_us(a->time, time));
    buf_add(out, a->reason); /* last: it may hold anything */
}

static void member_hex(struct json_writer *w, const char *name, const uint8_t *bytes, size_t size) {
    char text[2 * APPROVAL_SIGNATURE_SIZE + 1];
    hex_write(span_of(bytes, size), text);
    json_member_cstr(w, name, text);
}

enum err approval_store(struct store_tx *tx, const struct approval *a, struct diag *d) {
    char key[KEY_SIZE], full[KEY_SIZE + 80];
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    struct span decision = decision_key(&a->of, key);
    if (decision.len == 0) return diag_set(d, ERR_LIMIT, "the object's id is too long to be approved");
    int n = snprintf(full, sizeof full, "%.*s/%.*s", SPAN_ARG(decision), SPAN_ARG(span_first(a->officer, 64)));
    json_begin_object(&w);
    json_member(&w, "realm", a->of.realm);
    json_member_truth(&w, "refuses", a->refuses);
    json_member(&w, "officer", a->officer);
    json_member(&w, "reason", a->reason);
    json_member_number(&w, "time", a->time);
    member_hex(&w, "key", a->key, sizeof a->key);
    member_hex(&w, "signature", a->signature, sizeof a->signature);
    json_end_object(&w);
    struct store_document doc = {.kind = SPAN(SHARE_APPROVAL_KIND),
                                 .key = span_of(full, n > 0 && (size_t)n < sizeof full ? (size_t)n : 0),
                                 .body = buf_span(&body),
                                 .time = a->time};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for an approval");
    buf_free(&body);
    return e;
}

/* False for one that is damaged, or whose signature does not hold. */
static bool approval_read(const struct store_document *doc, struct arena *a, struct approval *out) {
    struct span rest = doc->key, content, agreement;
    struct json_doc json;
    int64_t time;
    struct diag ignored;
    *out = (struct approval){.of.object = span_cut(&rest, '/')};
    content = span_cut(&rest, '/');
    out->of.recipient = span_cut(&rest, '/');
    agreement = span_cut(&rest, '/');
    if (!hex_read(content, out->of.content.b, sizeof out->of.content.b) ||
        !hex_read(agreement, out->of.agreement.b, sizeof out->of.agreement.b) ||
        json_parse(a, doc->body, &json, &ignored))
        return false;
    struct json_value v = json_root(&json);
    out->of.realm = json_text(json_get(v, "realm"), a);
    out->officer = json_text(json_get(v, "officer"), a);
    out->reason = json_text(json_get(v, "reason"), a);
    if (!json_bool(json_get(v, "refuses"), &out->refuses) || !json_int(json_get(v, "time"), &time) ||
        !span_equal(out->officer, rest) || !hex_read(json_text(json_get(v, "key"), a), out->key, sizeof out->key) ||
        !hex_read(json_text(json_get(v, "signature"), a), out->signature, sizeof out->signature))
        return false;
    out->time = time;
    struct buf message = BUF_EMPTY;
    approval_message(out, &message);
    bool holds = buf_ok(&message) && crypto_sign_verify_detached(out->signature, (const unsigned char *)message.at,
                                                                 message.len, out->key) == 0;
    buf_free(&message);
    return holds;
}

enum err approvals_load(struct store_reader *r, time_us until, struct arena *a, struct approvals *out, struct diag *d) {
    struct store_document *docs;
    size_t count;
    map_init(&out->by_decision);
    enum err e = store_document_list(r, SHARE_APPROVAL_KIND, a, &docs, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct approval one;
        char key[KEY_SIZE];
        uint64_t tally = 0;
        if ((until != TIME_NONE && docs[i].time > until) || !approval_read(&docs[i], a, &one)) continue;
        struct span decision = decision_key(&one.of, key);
        (void)map_get(&out->by_decision, decision, &tally);
        tally += one.refuses ? 1 : UINT64_C(1) << 32;
        if (!map_set(&out->by_decision, arena_copy(a, decision), tally, NULL))
            e = diag_set(d, ERR_NOMEM, "no memory for the approvals");
    }
    return e;
}

void approvals_free(struct approvals *all) {
    map_free(&all->by_decision);
}

void approvals_count(const struct approvals *all, const struct approval_of *of, unsigned *approved, unsigned *refused) {
    char key[KEY_SIZE];
    uint64_t tally = 0;
    (void)map_get(&all->by_decision, decision_key(of, key), &tally);
    *approved = (unsigned)(tally >> 32);
    *refused = (unsigned)(tally & UINT32_MAX);
}

enum err approvals_list(struct store_reader *r, const struct approval_of *of, struct arena *a, struct approval **out,
                        size_t *count, struct diag *d) {
    struct store_document *docs;
    size_t all;
    char key[KEY_SIZE];
    struct span decision = decision_key(of, key);
    *count = 0;
    enum err e = store_document_list(r, SHARE_APPROVAL_KIND, a, &docs, &all, d);
    if (e) return e;
    *out = arena_zalloc(a, all + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the approvals");
    for (size_t i = 0; i < all; i++)
        if (span_starts(docs[i].key, decision) && approval_read(&docs[i], a, &(*out)[*count])) ++*count;
    return ERR_NONE;
}
