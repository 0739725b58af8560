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

enum err share_derive(const struct share_context *c, struct span lineage, const struct stix_object *object,
                      unsigned redactions, char id[DERIVE_ID_SIZE], struct buf *out, struct diag *d) {
    struct json_writer w = json_writer(out);
    struct json_iter it = json_iter(object->json);
    if (object->type.len + 40 > DERIVE_ID_SIZE)
        return diag_set(d, ERR_LIMIT, "the type's name is too long to derive an object");
    derived_id(c, lineage, object, id);
    json_begin_object(&w);
    while (json_next(&it)) {
        json_splice(&w, json_raw(it.key));
        buf_add_char(out, ':');
        w.after_key = true;
        if (json_is(it.key, SPAN("id"))) {
            json_cstr(&w, id);
        } else if (json_is(it.key, SPAN("created_by_ref"))) {
            json_string(&w, c->identity);
        } else if ((redactions & POLICY_REDACT_MEMBER) && json_is(it.key, SPAN("where_sighted_refs"))) {
            json_begin_array(&w);
            json_string(&w, c->identity);
            json_end_array(&w);
        } else {
            json_splice(&w, json_raw(it.value));
        }
    }
    json_end_object(&w);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a derived object");
}
