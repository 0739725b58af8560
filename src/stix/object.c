#include "stix/object.h"

#include "base/map.h"
#include "stix/id.h"
#include "stix/schema.h"
#include "json/write.h"

const char *stix_kind_name(enum stix_kind kind) {
    static const char *const names[] = {"domain object", "relationship object", "cyber-observable object",
                                        "meta object", "custom object"};
    return names[kind];
}

/* ---- reading ---- */

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
    return ERR_NONE;
}

/* ---- references ---- */

/* Cheap look before the exact one: "--" where an identifier has it. */
static bool looks_like_id(struct span text) {
    return text.len >= 1 + 2 + STIX_UUID_LEN && text.at[text.len - STIX_UUID_LEN - 1] == '-' &&
           text.at[text.len - STIX_UUID_LEN - 2] == '-';
}

enum { REFS_PAIRWISE = 16 /* more are told apart through a map */ };

struct gather {
    struct stix_ref *refs;
    size_t count, size;
    struct map seen; /* only once there are many */
    bool mapped;
};

/* The entry of an id that was found before, or NULL. */
static struct stix_ref *seen_before(struct gather *g, struct span id, bool *failed) {
    uint64_t at = g->count;
    bool existed = false;
    if (!g->mapped) {
        for (size_t i = 0; i < g->count; i++)
            if (span_equal(g->refs[i].target, id)) return &g->refs[i];
        if (g->count < REFS_PAIRWISE) return NULL;
        map_init(&g->seen);
        g->mapped = true;
        for (size_t i = 0; i < g->count; i++) *failed = *failed || !map_set(&g->seen, g->refs[i].target, i, NULL);
    }
    if (map_get(&g->seen, id, &at)) return &g->refs[at];
    *failed = *failed || !map_set(&g->seen, id, at, &existed);
    return NULL;
}

static bool gather_add(struct gather *g, struct arena *a, struct stix_ref ref) {
    if (g->count == g->size) {
        size_t size = g->size ? g->size * 2 : 8;
        struct stix_ref *bigger = arena_alloc(a, size * sizeof *bigger);
        if (!bigger) return false;
        if (g->count) memcpy(bigger, g->refs, g->count * sizeof *bigger);
        g->refs = bigger;
        g->size = size;
    }
    g->refs[g->count++] = ref;
    return true;
}

/* Where an object's own properties stand on the tape, for telling under which of them a reference was found. */
struct top_level {
    const struct json_doc *doc;
    uint32_t key, next;        /* node of the key the scan is under, and of the key behind it */
    uint32_t extensions_depth; /* next key directly in `extensions`; 0 outside */
};

static bool key_is(const struct json_doc *doc, uint32_t key, struct span name) {
    return json_is((struct json_value){doc, key}, name);
}

/* The keys of `extensions` name definitions that say how to read the object; they are no relationship of it, and are
 * seldom sent along. */
static bool names_extension(struct top_level *top, uint32_t at) {
    if (top->extensions_depth != at) return false;
    uint32_t behind = top->doc->nodes[at + 1].next;
    top->extensions_depth = behind < top->next ? behind : 0;
    return true;
}

static void enter(struct top_level *top, uint32_t at) {
    top->key = at;
    top->next = top->doc->nodes[at + 1].next;
    bool inside = top->doc->nodes[at + 1].type == JSON_OBJECT && top->doc->nodes[at + 1].count > 0 &&
                  key_is(top->doc, at, SPAN("extensions"));
    top->extensions_depth = inside ? at + 2 : 0;
}

enum err stix_object_refs(const struct stix_object *object, struct arena *a, struct stix_ref **out, size_t *count) {
    const struct json_doc *doc = object->json.doc;
    struct gather g = {0};
    struct top_level top = {doc, 0, object->json.index + 1, 0};
    enum err e = ERR_NONE;
    bool failed = false;
    uint32_t end = doc->nodes[object->json.index].next;
    for (uint32_t i = object->json.index + 1; i < end && !e && !failed; i++) {
        const struct json_node *n = &doc->nodes[i];
        if (i == top.next) {
            enter(&top, i);
            continue;
        }
        if (n->type != JSON_STRING) continue;
        bool extension = names_extension(&top, i);
        struct span text = span_of(doc->source.at + n->at, n->len);
        if (n->escaped && !(text = json_text((struct json_value){doc, i}, a)).at) failed = true;
        if (!looks_like_id(text) || !stix_id_valid(text) || span_equal(text, object->id)) continue;
        if (extension && span_starts(text, SPAN("extension-definition--"))) continue;
        bool marking =
            key_is(doc, top.key, SPAN("object_marking_refs")) || key_is(doc, top.key, SPAN("granular_markings"));
        bool creator = key_is(doc, top.key, SPAN("created_by_ref"));
        struct stix_ref *before = seen_before(&g, text, &failed);
        if (before) { /* only a marking, or only the creator, when it is nothing else anywhere */
            before->is_marking = before->is_marking && marking;
            before->is_created_by = before->is_created_by && creator;
        } else if (g.count == STIX_REFS_MAX) {
            e = ERR_LIMIT;
        } else if (!gather_add(&g, a, (struct stix_ref){text, marking, creator})) {
            failed = true;
        }
    }
    if (g.mapped) map_free(&g.seen);
    *out = g.refs;
    *count = g.count;
    return failed ? ERR_NOMEM : e;
}

/* ---- deterministic ids of SCOs (§2.9) ---- */

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
        if (!stix_words_have(schema->contributing, json_text(it.key, a))) continue;
        any = true;
        json_splice(&w, json_raw(it.key));
        buf_add_char(&chosen, ':');
        w.after_key = true;
        if (json_is(it.key, SPAN("hashes")))
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
