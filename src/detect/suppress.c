#include "detect/suppress.h"

#include <stdio.h>

#include "json/write.h"

void suppression_write(struct buf *out, const struct suppression *s) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    if (s->indicator.len) json_member(&w, "indicator", s->indicator);
    if (s->value.value.len) {
        json_member(&w, "value", s->value.value);
        json_member_cstr(&w, "kind", atom_kind_name(s->value.kind));
    }
    if (s->member.len) json_member(&w, "member", s->member);
    if (s->until != TIME_NONE) json_member_time(&w, "until", s->until);
    json_member_truth(&w, "keep_sightings", s->keep_sightings);
    json_member(&w, "reason", s->reason);
    json_member(&w, "by", s->by);
    json_member_time(&w, "made", s->made);
    json_end_object(&w);
}

enum err suppression_read(struct arena *a, uint64_t number, struct span body, struct suppression *out, struct diag *d) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    enum err e = doc ? json_parse(a, body, doc, d) : diag_set(d, ERR_NOMEM, "no memory for the suppressions");
    if (e) return e;
    struct json_value o = json_root(doc);
    struct span kind = json_text(json_get(o, "kind"), a);
    *out = (struct suppression){.number = number,
                                .indicator = json_text(json_get(o, "indicator"), a),
                                .member = json_text(json_get(o, "member"), a),
                                .reason = json_text(json_get(o, "reason"), a),
                                .by = json_text(json_get(o, "by"), a),
                                .until = TIME_NONE,
                                .made = TIME_NONE};
    out->value.value = json_text(json_get(o, "value"), a);
    while (out->value.kind < ATOM_KIND_COUNT && !span_is(kind, atom_kind_name(out->value.kind))) out->value.kind++;
    if (out->value.kind == ATOM_ADDRESS) (void)address_parse_network(out->value.value, &out->value.address);
    (void)json_bool(json_get(o, "keep_sightings"), &out->keep_sightings);
    (void)time_parse_stix(json_text(json_get(o, "until"), a), &out->until);
    (void)time_parse_stix(json_text(json_get(o, "made"), a), &out->made);
    if (out->indicator.len == 0 && out->value.value.len == 0)
        return diag_set(d, ERR_INVALID, "suppression %llu is damaged: remove it", (unsigned long long)number);
    return ERR_NONE;
}

enum err suppressions_load(struct store_reader *r, struct arena *a, struct suppressions *out, struct diag *d) {
    struct store_document *docs;
    *out = (struct suppressions){0};
    enum err e = store_document_list(r, SUPPRESSION_KIND, a, &docs, &out->count, d);
    if (!e && !(out->rules = arena_zalloc(a, out->count + 1, sizeof *out->rules)))
        e = diag_set(d, ERR_NOMEM, "no memory for the suppressions");
    for (size_t i = 0; !e && i < out->count; i++) {
        uint64_t number = 0;
        (void)span_u64(docs[i].key, &number);
        e = suppression_read(a, number, docs[i].body, &out->rules[i], d);
    }
    return e;
}

static bool covers_value(const struct suppression *s, enum atom_kind kind, struct span value) {
    struct address address;
    if (s->value.kind != kind) return false;
    if (kind == ATOM_ADDRESS)
        return address_parse_network(value, &address) && address_contains(&s->value.address, &address);
    return span_equal(s->value.value, value);
}

const struct suppression *suppressions_find(const struct suppressions *s, struct span indicator, enum atom_kind kind,
                                            struct span value, struct span member, time_us now) {
    for (size_t i = 0; i < s->count; i++) {
        const struct suppression *rule = &s->rules[i];
        if (rule->until != TIME_NONE && now >= rule->until) continue;
        if (rule->member.len && !span_equal(rule->member, member)) continue;
        if (rule->indicator.len && !span_equal(rule->indicator, indicator)) continue;
        if (rule->value.value.len && !covers_value(rule, kind, value)) continue;
        return rule;
    }
    return NULL;
}
