#include "stix/object.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "stix/id.h"
#include "stix/schema.h"
#include "json/write.h"

const char *stix_kind_name(enum stix_kind kind) {
    static const char *const names[] = {"domain object", "relationship object", "cyber-observable object",
                                        "meta object", "custom object"};
    return names[kind];
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------------------ */

enum err stix_object_view(struct arena *a, struct json_value v, struct stix_object *out, struct diag *d) {
    bool flag = false;
    int64_t number;
    *out = (struct stix_object){.json = v,
                                .bytes = json_raw(v),
                                .created = TIME_NONE,
                                .modified = TIME_NONE,
                                .confidence = -1,
                                .kind = STIX_CUSTOM};
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span key = json_spelt(it.key);
        switch (key.len) { /* the few properties everything here turns on */
        case 2:
            if (span_is(key, "id")) out->id = json_text(it.value, a);
            break;
        case 4:
            if (span_is(key, "type")) out->type = json_text(it.value, a);
            break;
        case 7:
            if (span_is(key, "created")) (void)time_parse_stix(json_text(it.value, a), &out->created);
            if (span_is(key, "revoked")) out->revoked = json_bool(it.value, &flag) && flag;
            break;
        case 8:
            if (span_is(key, "modified")) {
                out->modified_text = json_text(it.value, a);
                out->has_modified = time_parse_stix(out->modified_text, &out->modified);
            }
            break;
        case 10:
            if (span_is(key, "confidence") && json_int(it.value, &number) && number >= 0 && number <= 100)
                out->confidence = (int)number;
            break;
        case 14:
            if (span_is(key, "created_by_ref")) out->created_by = json_text(it.value, a);
            break;
        }
    }
    if (out->id.len == 0 || out->type.len == 0)
        return diag_set(d, ERR_INVALID, "a STIX object needs \"type\" and \"id\"");
    const struct schema *schema = stix_schema(out->type);
    if (schema) out->kind = schema->kind;
    /* A marking definition has no versions; without `modified` its creation is the version (STIX 2.1 §7.2). */
    return ERR_NONE;
}

/* ---- references
 * ----------------------------------------------------------------------------------------------------------- */

/* Cheap look before the exact one: "--" where an identifier has it. */
static bool looks_like_id(struct span text) {
    return text.len >= 1 + 2 + STIX_UUID_LEN && text.at[text.len - STIX_UUID_LEN - 1] == '-' &&
           text.at[text.len - STIX_UUID_LEN - 2] == '-';
}

struct gather {
    struct stix_ref *refs;
    size_t count, size;
    struct map seen; /* only once there are many */
    bool mapped;
};

static bool seen_before(struct gather *g, struct span id, bool *failed) {
    if (!g->mapped) {
        for (size_t i = 0; i < g->count; i++)
            if (span_equal(g->refs[i].target, id)) return true;
        if (g->count < 16) return false;
        map_init(&g->seen);
        g->mapped = true;
        for (size_t i = 0; i < g->count; i++) *failed = *failed || !map_set(&g->seen, g->refs[i].target, i, NULL);
    }
    bool existed = false;
    *failed = *failed || !map_set(&g->seen, id, g->count, &existed);
    return existed;
}

/* The key under whose value the node stands, for "created_by_ref" and the markings. */
static bool key_is(const struct json_doc *doc, uint32_t key, const char *name) {
    return key != UINT32_MAX && span_is(span_of(doc->source.at + doc->nodes[key].at, doc->nodes[key].len), name);
}

enum err stix_object_refs(const struct stix_object *object, struct arena *a, struct stix_ref **out, size_t *count) {
    const struct json_doc *doc = object->json.doc;
    struct gather g = {0};
    enum err e = ERR_NONE;
    bool failed = false;
    uint32_t end = doc->nodes[object->json.index].next, top_key = UINT32_MAX, next_key = object->json.index + 1;
    *out = NULL;
    *count = 0;
    for (uint32_t i = object->json.index + 1; i < end && !e; i++) {
        const struct json_node *n = &doc->nodes[i];
        if (i == next_key) { /* a property of the object itself */
            top_key = i;
            next_key = doc->nodes[i + 1].next;
            continue;
        }
        if (n->type != JSON_STRING) continue;
        struct span text = span_of(doc->source.at + n->at, n->len);
        if (n->escaped) text = json_text((struct json_value){doc, i}, a);
        if (!looks_like_id(text) || !stix_id_valid(text) || span_equal(text, object->id)) continue;
        if (seen_before(&g, text, &failed)) continue;
        if (g.count == g.size) {
            size_t size = g.size ? g.size * 2 : 8;
            struct stix_ref *bigger = arena_alloc(a, size * sizeof *bigger);
            if (!bigger) failed = true;
            if (failed) break;
            if (g.count) memcpy(bigger, g.refs, g.count * sizeof *bigger);
            g.refs = bigger;
            g.size = size;
        }
        bool marking = key_is(doc, top_key, "object_marking_refs") || key_is(doc, top_key, "granular_markings");
        g.refs[g.count++] = (struct stix_ref){text, marking, key_is(doc, top_key, "created_by_ref")};
        if (g.count > STIX_REFS_MAX) e = ERR_LIMIT;
    }
    if (g.mapped) map_free(&g.seen);
    *out = g.refs;
    *count = g.count;
    return failed ? ERR_NOMEM : e;
}

/* ---- deterministic ids of SCOs (§2.9)
 * ------------------------------------------------------------------------------------------ */

static bool listed(const char *words, struct span word) {
    for (const char *at = words; at && (at = strstr(at, " ")) && at[1]; at++)
        if (strlen(at + 1) > word.len && memcmp(at + 1, word.at, word.len) == 0 && at[1 + word.len] == ' ') return true;
    return false;
}

/* Of hashes only one contributes, the first of these that is there; any other only if none of them is. */
static void write_hash(struct json_writer *w, struct json_value hashes) {
    static const char *const preferred[] = {"MD5", "SHA-1", "SHA-256", "SHA-512"};
    struct json_iter it = json_iter(hashes);
    json_begin_object(w);
    for (size_t i = 0; i < 4; i++)
        if (json_exists(json_get(hashes, preferred[i]))) {
            json_key(w, preferred[i]);
            json_splice(w, json_raw(json_get(hashes, preferred[i])));
            json_end_object(w);
            return;
        }
    if (json_next(&it)) {
        json_splice(w, json_raw(it.key));
        buf_add_char(w->out, ':');
        w->after_key = true;
        json_splice(w, json_raw(it.value));
    }
    json_end_object(w);
}

enum err stix_sco_id(struct arena *a, struct json_value object, char *out, struct diag *d) {
    struct span type = json_text(json_get(object, "type"), a);
    const struct schema *schema = stix_schema(type);
    struct buf chosen = BUF_EMPTY, canonical = BUF_EMPTY;
    struct json_writer w = json_writer(&chosen);
    struct json_doc doc;
    bool any = false;
    if (!schema || !schema->contributing)
        return diag_set(d, ERR_NOT_FOUND, "%.*s has no deterministic id", SPAN_ARG(type));
    json_begin_object(&w);
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        if (!listed(schema->contributing, json_spelt(it.key))) continue;
        any = true;
        json_splice(&w, json_raw(it.key));
        buf_add_char(&chosen, ':');
        w.after_key = true;
        if (span_is(json_spelt(it.key), "hashes"))
            write_hash(&w, it.value);
        else
            json_splice(&w, json_raw(it.value));
    }
    json_end_object(&w);
    enum err e = ERR_NONE;
    if (!any) e = diag_set(d, ERR_NOT_FOUND, "none of the properties that make its id is there");
    if (!e && !buf_ok(&chosen)) e = diag_set(d, ERR_NOMEM, "no memory for an id");
    if (!e) e = json_parse(a, buf_span(&chosen), &doc, d);
    if (!e) e = json_canonical(&canonical, json_root(&doc), a, d);
    if (!e) stix_id_uuid5(type, buf_span(&canonical), out);
    buf_free(&chosen);
    buf_free(&canonical);
    return e;
}
