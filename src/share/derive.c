#include "share/derive.h"

#include "policy/decide.h"
#include "stix/id.h"
#include "json/write.h"

static void derived_id(const struct share_context *c, struct span lineage, const struct stix_object *object,
                       char id[DERIVE_ID_SIZE]) {
    struct buf text = BUF_EMPTY;
    buf_add_cstr(&text, "derived\n");
    buf_add(&text, lineage);
    buf_add_char(&text, '\n');
    buf_add(&text, object->id);
    struct sha256 mac = hmac_sha256(span_of(c->secret, sizeof c->secret), buf_span(&text));
    stix_id_from_hmac(&mac, object->type, id);
    buf_free(&text);
}

/* One redaction at work. */
struct deriving {
    const struct share_context *context;
    const struct stix_object *object;
    unsigned redactions;
    const struct policy_redaction *rule; /* NULL when only sightings or markings redact */
};

static bool described(struct span key) {
    return span_is(key, "description") || span_is(key, "abstract") || span_is(key, "explanation");
}

/* Whether the property is left out. */
static bool is_dropped(const struct deriving *v, struct span key) {
    if ((v->redactions & POLICY_REDACT_REFERENCES) && span_is(key, "external_references")) return true;
    if ((v->redactions & POLICY_REDACT_DESCRIPTIONS) && described(key)) return true;
    for (size_t i = 0; v->rule && i < v->rule->property_count; i++)
        if (span_equal(v->rule->properties[i], key)) return true;
    return false;
}

static void write_key(struct json_writer *w, struct json_value key) {
    json_splice(w, json_raw(key));
    buf_add_char(w->out, ':');
    w->after_key = true;
}

/* ---- granular markings ---- */

static bool selects_dropped(const struct deriving *v, struct span selector) {
    return is_dropped(v, span_cut(&selector, '.'));
}

static bool selects_kept(const struct deriving *v, struct json_value selectors) {
    for (struct json_iter it = json_iter(selectors); json_next(&it);)
        if (!selects_dropped(v, json_spelt(it.value))) return true;
    return false;
}

/* A granular marking of a list that is made anew marks all of it: its old places may be gone. */
static void write_selectors(const struct deriving *v, struct json_writer *w, struct json_value selectors) {
    static const struct span made_anew = SPAN("where_sighted_refs");
    struct json_iter it = json_iter(selectors);
    json_begin_array(w);
    while (json_next(&it)) {
        if ((v->redactions & POLICY_REDACT_MEMBER) && span_starts(json_spelt(it.value), made_anew))
            json_string(w, made_anew);
        else if (!selects_dropped(v, json_spelt(it.value)))
            json_splice(w, json_raw(it.value));
    }
    json_end_array(w);
}

static void write_marking(const struct deriving *v, struct json_writer *w, struct json_value marking) {
    json_begin_object(w);
    for (struct json_iter it = json_iter(marking); json_next(&it);) {
        write_key(w, it.key);
        if (json_is(it.key, SPAN("selectors")))
            write_selectors(v, w, it.value);
        else
            json_splice(w, json_raw(it.value));
    }
    json_end_object(w);
}

static bool has_property(const struct deriving *v, struct span key) {
    for (struct json_iter it = json_iter(v->object->json); json_next(&it);)
        if (json_is(it.key, key)) return !is_dropped(v, key);
    return false;
}

/* How many of the mark's properties the object has, and keeps; with w, writes them. */
static size_t write_mark(const struct deriving *v, const struct policy_mark *mark, struct json_writer *w) {
    size_t count = 0;
    for (size_t i = 0; i < mark->count; i++) {
        if (!has_property(v, mark->selectors[i])) continue;
        if (w) json_string(w, mark->selectors[i]);
        count++;
    }
    return count;
}

static void write_added_marks(const struct deriving *v, struct json_writer *w) {
    for (size_t i = 0; v->rule && i < v->rule->mark_count; i++) {
        const struct policy_mark *mark = &v->rule->marks[i];
        if (write_mark(v, mark, NULL) == 0) continue;
        json_begin_object(w);
        json_member(w, "marking_ref", stix_tlp_id(mark->tlp));
        json_key(w, "selectors");
        json_begin_array(w);
        write_mark(v, mark, w);
        json_end_array(w);
        json_end_object(w);
    }
}

static void write_granular(const struct deriving *v, struct json_writer *w) {
    struct json_value list = json_get(v->object->json, "granular_markings");
    bool any = false;
    for (struct json_iter it = json_iter(list); json_next(&it);)
        any = any || selects_kept(v, json_get(it.value, "selectors"));
    for (size_t i = 0; v->rule && i < v->rule->mark_count; i++)
        any = any || write_mark(v, &v->rule->marks[i], NULL) > 0;
    if (!any) return; /* an empty list is not allowed */
    json_key(w, "granular_markings");
    json_begin_array(w);
    for (struct json_iter it = json_iter(list); json_next(&it);)
        if (selects_kept(v, json_get(it.value, "selectors"))) write_marking(v, w, it.value);
    write_added_marks(v, w);
    json_end_array(w);
}

/* ---- times ---- */

static bool ends_something(struct span key) {
    return span_is(key, "valid_until") || span_is(key, "last_seen") || span_is(key, "last_observed") ||
           span_is(key, "stop_time");
}

/* The time cut down to a multiple, or up where it ends something; false when the value is no time or stays. */
static bool coarse(const struct deriving *v, struct json_value key, struct json_value value, time_us *out) {
    time_us t, unit = v->rule ? v->rule->times : 0;
    if (!(v->redactions & POLICY_REDACT_TIMES) || unit <= 0 || json_type(value) != JSON_STRING ||
        json_is(key, SPAN("modified")) || !time_parse_stix(json_spelt(value), &t))
        return false;
    time_us over = (t % unit + unit) % unit;
    *out = t - over + (over && ends_something(json_spelt(key)) ? unit : 0);
    return true;
}

/* ---- the object ---- */

static void write_self(struct json_writer *w, struct span identity) {
    json_begin_array(w);
    json_string(w, identity);
    json_end_array(w);
}

static void write_property(const struct deriving *v, struct json_writer *w, const struct json_iter *it,
                           const char *id) {
    time_us t;
    if (is_dropped(v, json_spelt(it->key)) || json_is(it->key, SPAN("granular_markings"))) return;
    write_key(w, it->key);
    if (json_is(it->key, SPAN("id")))
        json_cstr(w, id);
    else if (json_is(it->key, SPAN("created_by_ref")))
        json_string(w, v->context->identity);
    else if ((v->redactions & POLICY_REDACT_MEMBER) && json_is(it->key, SPAN("where_sighted_refs")))
        write_self(w, v->context->identity);
    else if (coarse(v, it->key, it->value, &t))
        json_time(w, t);
    else
        json_splice(w, json_raw(it->value));
}

enum err share_derive(const struct share_context *c, struct span lineage, const struct stix_object *object,
                      const struct policy_decision *decision, char id[DERIVE_ID_SIZE], struct buf *out,
                      struct diag *d) {
    struct json_writer w = json_writer(out);
    const struct deriving v = {c, object, decision->redactions, decision->redaction};
    if (object->type.len + 40 > DERIVE_ID_SIZE)
        return diag_set(d, ERR_LIMIT, "the type's name is too long to derive an object");
    derived_id(c, lineage, object, id);
    json_begin_object(&w);
    for (struct json_iter it = json_iter(object->json); json_next(&it);) write_property(&v, &w, &it, id);
    if (object->kind != STIX_SCO && !json_exists(json_get(object->json, "created_by_ref")))
        json_member(&w, "created_by_ref", c->identity);
    write_granular(&v, &w);
    json_end_object(&w);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a derived object");
}
