/* Suppression rules: added with a reason, listed, removed. */
#include <stdio.h>

#include "detect/suppress.h"
#include "node/op_all.h"
#include "stix/id.h"

enum { REASON_MAX = 1000, MEMBER_MAX = 128, KEY_SIZE = 24 };

static const char *key_of(uint64_t number, char key[KEY_SIZE]) { /* sorts as the number does */
    snprintf(key, KEY_SIZE, "%012llu", (unsigned long long)number);
    return key;
}

static void emit(struct op_call *call, const struct suppression *s, bool in_force) {
    struct buf out = BUF_EMPTY, body = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    suppression_write(&body, s);
    json_begin_object(&w);
    json_member_number(&w, "number", (int64_t)s->number);
    json_member_truth(&w, "in_force", in_force);
    json_key(&w, "rule");
    json_splice(&w, buf_span(&body));
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&body);
    buf_free(&out);
}

static enum err read_rule(struct op_call *call, struct suppression *s, struct diag *d) {
    struct span value = op_text(call, "value"), until = op_text(call, "until");
    *s = (struct suppression){.indicator = op_text(call, "indicator"),
                              .member = op_text(call, "member"),
                              .reason = span_trim(op_text(call, "reason")),
                              .by = span_cstr(call->actor),
                              .made = clock_now(call->realm->clock),
                              .until = TIME_NONE,
                              .keep_sightings = op_flag(call, "keep_sightings")};
    if (s->indicator.len == 0 && value.len == 0)
        return diag_set(d, ERR_INVALID, "--indicator ID or --value V says what is suppressed");
    if (s->reason.len == 0 || s->reason.len > REASON_MAX)
        return diag_set(d, ERR_INVALID, "--reason says why, in at most %d bytes", REASON_MAX);
    if (s->indicator.len && !(span_starts(s->indicator, SPAN("indicator--")) && stix_id_valid(s->indicator)))
        return diag_set(d, ERR_INVALID, "'%.*s' is no indicator's id", SPAN_ARG(span_first(s->indicator, 64)));
    if (s->member.len > MEMBER_MAX) return diag_set(d, ERR_LIMIT, "--member has at most %d bytes", MEMBER_MAX);
    if (value.len && (!detect_value_read(call->arena, value, &s->value) || s->value.port >= 0))
        return diag_set(d, ERR_INVALID, "'%.*s' is no address, network, domain, URL, hash or e-mail address",
                        SPAN_ARG(span_first(value, 128)));
    if (until.len && !time_parse_rfc3339(until, &s->until))
        return diag_set(d, ERR_INVALID, "--until is a date or time, such as 2026-04-01");
    if (s->until != TIME_NONE && s->until <= s->made) return diag_set(d, ERR_INVALID, "--until has passed already");
    return ERR_NONE;
}

/* {"indicator" and/or "value", "member", "until", "reason", "keep_sightings"}. */
enum err op_suppress_add(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct suppressions held;
    struct suppression rule;
    struct buf body = BUF_EMPTY;
    char key[KEY_SIZE];
    enum err e = read_rule(call, &rule, d);
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = suppressions_load(store_tx_reader(tx), call->arena, &held, d);
    if (!e && held.count >= SUPPRESSIONS_MAX)
        e = diag_set(d, ERR_LIMIT, "there are %d suppressions: remove some", SUPPRESSIONS_MAX);
    if (!e) {
        rule.number = held.count ? held.rules[held.count - 1].number + 1 : 1;
        suppression_write(&body, &rule);
        struct store_document doc = {.kind = SPAN(SUPPRESSION_KIND),
                                     .key = span_cstr(key_of(rule.number, key)),
                                     .body = buf_span(&body),
                                     .time = rule.made};
        e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for a suppression");
    }
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, &rule, true);
    buf_free(&body);
    return e;
}

enum err op_suppress_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct suppressions held = {0};
    time_us now = clock_now(call->realm->clock);
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = suppressions_load(r, call->arena, &held, d);
    for (size_t i = 0; !e && i < held.count; i++)
        emit(call, &held.rules[i], held.rules[i].until == TIME_NONE || now < held.rules[i].until);
    store_reader_close(&r);
    return e;
}

/* {"number"}. */
enum err op_suppress_remove(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct store_document doc;
    struct suppression rule;
    char key[KEY_SIZE];
    uint64_t number = (uint64_t)op_number(call, "number", 0);
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) {
        e = store_document_get(store_tx_reader(tx), SUPPRESSION_KIND, span_cstr(key_of(number, key)), call->arena, &doc,
                               d);
        if (e == ERR_NOT_FOUND) diag_set(d, e, "there is no suppression %llu", (unsigned long long)number);
    }
    if (!e) e = store_document_delete(tx, SUPPRESSION_KIND, span_cstr(key), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e && !suppression_read(call->arena, number, doc.body, &rule, d)) emit(call, &rule, false);
    return e;
}
