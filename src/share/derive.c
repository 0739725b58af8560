#include "share/derive.h"

#include "base/map.h"
#include "policy/decide.h"
#include "stix/id.h"
#include "json/write.h"

enum err share_derived_id(const struct share_context *c, struct span lineage, struct span id, char out[DERIVE_ID_SIZE],
                          struct diag *d) {
    struct buf text = BUF_EMPTY;
    size_t type = span_find(id, SPAN("--"));
    if (type == SIZE_MAX || type + 40 > DERIVE_ID_SIZE)
        return diag_set(d, ERR_LIMIT, "the type's name is too long to derive an object");
    buf_add_cstr(&text, "derived\n");
    buf_add(&text, lineage);
    buf_add_char(&text, '\n');
    buf_add(&text, id);
    bool ok = buf_ok(&text);
    struct sha256 mac = hmac_sha256(span_of(c->secret, sizeof c->secret), buf_span(&text));
    if (ok) stix_id_from_hmac(&mac, span_first(id, type), out);
    buf_free(&text);
    return ok ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a derived object");
}

/* One redaction at work. */
struct deriving {
    const struct share_context *context;
    const struct stix_object *object;
    unsigned redactions;
    const struct policy_redaction *rule; /* NULL when only sightings or markings redact */
    const struct derive_order *order;
    struct derive_rename self; /* it may name itself */
    struct map renames;        /* id → its place among the order's renames, behind them for itself */
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

/* ---- names ---- */

static enum err renames_gather(struct deriving *v, struct diag *d) {
    for (size_t i = 0; i < v->order->rename_count; i++)
        if (!map_set(&v->renames, v->order->renames[i].from, i, NULL))
            return diag_set(d, ERR_NOMEM, "no memory for a derived object");
    return map_set(&v->renames, v->self.from, v->order->rename_count, NULL)
               ? ERR_NONE
               : diag_set(d, ERR_NOMEM, "no memory for a derived object");
}

/* What a text is called in what goes out; NULL when it is no renamed id. */
static const struct derive_rename *rename_of(const struct deriving *v, struct json_value text) {
    struct span spelt = json_spelt(text);
    uint64_t at;
    if (map_get(&v->renames, spelt, &at)) return at < v->order->rename_count ? &v->order->renames[at] : &v->self;
    if (span_find(spelt, SPAN("\\")) == SIZE_MAX) return NULL;
    if (json_is(text, v->self.from)) return &v->self;
    for (size_t i = 0; i < v->order->rename_count; i++) /* spelt with escapes: nobody does, but it is the same name */
        if (json_is(text, v->order->renames[i].from)) return &v->order->renames[i];
    return NULL;
}

static bool has_renamed(const struct deriving *v, struct json_value value) {
    if (json_type(value) == JSON_STRING) return rename_of(v, value) != NULL;
    for (struct json_iter it = json_iter(value); json_next(&it);)
        if (has_renamed(v, it.value) || (it.object && rename_of(v, it.key))) return true;
    return false;
}

/* The value as it was, but for the names in it. Recursion ends at JSON_DEPTH_MAX. */
static void write_value(const struct deriving *v, struct json_writer *w, struct json_value value) {
    if (!has_renamed(v, value)) {
        json_splice(w, json_raw(value));
    } else if (json_type(value) == JSON_STRING) {
        json_string(w, rename_of(v, value)->to);
    } else if (json_type(value) == JSON_ARRAY) {
        json_begin_array(w);
        for (struct json_iter it = json_iter(value); json_next(&it);) write_value(v, w, it.value);
        json_end_array(w);
    } else {
        json_begin_object(w);
        for (struct json_iter it = json_iter(value); json_next(&it);) {
            const struct derive_rename *renamed = rename_of(v, it.key);
            if (renamed)
                json_key_span(w, renamed->to);
            else
                write_key(w, it.key);
            write_value(v, w, it.value);
        }
        json_end_object(w);
    }
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
            write_value(v, w, it.value);
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
    else if (v->order->modified != TIME_NONE && json_is(it->key, SPAN("modified")))
        json_time(w, v->order->modified);
    else if (coarse(v, it->key, it->value, &t))
        json_time(w, t);
    else
        write_value(v, w, it->value);
}

enum err share_derive(const struct share_context *c, const struct stix_object *object, const struct derive_order *order,
                      char id[DERIVE_ID_SIZE], struct buf *out, struct diag *d) {
    struct json_writer w = json_writer(out);
    const struct policy_decision *decision = order->decision;
    struct deriving v = {.context = c,
                         .object = object,
                         .redactions = decision->redactions,
                         .rule = decision->redaction,
                         .order = order};
    map_init(&v.renames);
    enum err e = share_derived_id(c, order->lineage, object->id, id, d);
    v.self = (struct derive_rename){object->id, span_cstr(id)};
    if (!e) e = renames_gather(&v, d);
    if (!e) {
        json_begin_object(&w);
        for (struct json_iter it = json_iter(object->json); json_next(&it);) write_property(&v, &w, &it, id);
        if (object->kind != STIX_SCO && !json_exists(json_get(object->json, "created_by_ref")))
            json_member(&w, "created_by_ref", c->identity);
        write_granular(&v, &w);
        json_end_object(&w);
        if (!buf_ok(out)) e = diag_set(d, ERR_NOMEM, "no memory for a derived object");
    }
    map_free(&v.renames);
    return e;
}
