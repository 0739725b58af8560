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

/* A granular marking of a list that is made anew marks all of it: its old places may be gone. */
static void write_selectors(struct json_writer *w, struct json_value selectors) {
    static const struct span made_anew = SPAN("where_sighted_refs");
    struct json_iter it = json_iter(selectors);
    json_begin_array(w);
    while (json_next(&it)) {
        if (span_starts(json_spelt(it.value), made_anew))
            json_string(w, made_anew);
        else
            json_splice(w, json_raw(it.value));
    }
    json_end_array(w);
}

static void write_key(struct json_writer *w, struct json_value key) {
    json_splice(w, json_raw(key));
    buf_add_char(w->out, ':');
    w->after_key = true;
}

static void write_granular(struct json_writer *w, struct json_value list) {
    struct json_iter markings = json_iter(list);
    json_begin_array(w);
    while (json_next(&markings)) {
        struct json_iter it = json_iter(markings.value);
        json_begin_object(w);
        while (json_next(&it)) {
            write_key(w, it.key);
            if (json_is(it.key, SPAN("selectors")))
                write_selectors(w, it.value);
            else
                json_splice(w, json_raw(it.value));
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_self(struct json_writer *w, struct span identity) {
    json_begin_array(w);
    json_string(w, identity);
    json_end_array(w);
}

enum err share_derive(const struct share_context *c, struct span lineage, const struct stix_object *object,
                      unsigned redactions, char id[DERIVE_ID_SIZE], struct buf *out, struct diag *d) {
    struct json_writer w = json_writer(out);
    struct json_iter it = json_iter(object->json);
    if (object->type.len + 40 > DERIVE_ID_SIZE)
        return diag_set(d, ERR_LIMIT, "the type's name is too long to derive an object");
    derived_id(c, lineage, object, id);
    json_begin_object(&w);
    while (json_next(&it)) {
        write_key(&w, it.key);
        if (json_is(it.key, SPAN("id"))) {
            json_cstr(&w, id);
        } else if (json_is(it.key, SPAN("created_by_ref"))) {
            json_string(&w, c->identity);
        } else if ((redactions & POLICY_REDACT_MEMBER) && json_is(it.key, SPAN("where_sighted_refs"))) {
            write_self(&w, c->identity);
        } else if ((redactions & POLICY_REDACT_MEMBER) && json_is(it.key, SPAN("granular_markings"))) {
            write_granular(&w, it.value);
        } else {
            json_splice(&w, json_raw(it.value));
        }
    }
    if (!json_exists(json_get(object->json, "created_by_ref"))) json_member(&w, "created_by_ref", c->identity);
    json_end_object(&w);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a derived object");
}
