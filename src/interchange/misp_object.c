/* Objects: a grouping of what their attributes became. What is for detection, tagged or sighted is an object of its
 * own; the rest stands in the grouping's extension, and as far as the template says, in an observable. An object of
 * which nothing can be named is a note. */
#include "interchange/misp_parts.h"

struct object {
    struct json_value said;
    struct span name, uuid;
    struct misp_times times;
    struct misp_context context; /* joined with that of every attribute that stands in it */
    struct buf refs;             /* what the grouping names */
    bool deleted;
};

static bool apart(struct json_value attribute) {
    return misp_true(json_get(attribute, "to_ids")) || json_count(json_get(attribute, "Tag")) ||
           json_count(json_get(attribute, "Galaxy")) || json_count(json_get(attribute, "Sighting"));
}

static void refer(struct object *x, const char *id) {
    if (x->refs.len) buf_add_char(&x->refs, ',');
    buf_printf(&x->refs, "\"%s\"", id);
}

static void remember(struct misp_reader *r, struct span uuid, const char *id) {
    char *kept = arena_cstr(&r->lasting, span_cstr(id));
    if (kept && uuid.len) (void)!map_set(&r->ids, uuid, (uint64_t)(uintptr_t)kept, NULL);
}

/* Marks the whole as strictly as its strictest part: every value may stand in it. */
static enum err join_attributes(struct misp_reader *r, struct object *x, struct diag *d) {
    struct losses *losses = r->losses, twice; /* what is lost of a tag is told where the attribute is read */
    enum err e = ERR_NONE;
    twice.count = 0;
    r->losses = &twice;
    for (struct json_iter it = json_iter(json_get(x->said, "Attribute")); !e && json_next(&it);) {
        struct misp_context own;
        e = misp_context_read(r, it.value, &x->context, &r->passing, &own, d);
        if (!e) misp_context_join(&x->context, &own);
    }
    r->losses = losses;
    return e;
}

static enum err put_apart(struct misp_reader *r, struct object *x, struct diag *d) {
    struct misp_context outer = x->context;
    char id[STIX_ID_SIZE];
    enum err e = misp_context_read(r, x->said, &r->context, &r->passing, &outer, d);
    r->object = x->uuid;
    for (struct json_iter it = json_iter(json_get(x->said, "Attribute")); !e && json_next(&it);) {
        if (!apart(it.value)) {
            struct span uuid = misp_uuid(json_get(it.value, "uuid"), &r->passing);
            if (uuid.len) e = misp_revoke_others(r, misp_attribute_types, "", uuid, d);
            continue;
        }
        e = misp_attribute(r, it.value, &outer, id, d);
        if (e || !id[0]) continue;
        remember(r, misp_uuid(json_get(it.value, "uuid"), &r->passing), id);
        if (!span_starts(span_cstr(id), SPAN("note--"))) refer(x, id);
    }
    r->object = (struct span){0};
    return e;
}

static void write_attributes(struct misp_reader *r, const struct object *x) {
    static const char *const carried[] = {
        "uuid",      "object_relation",     "type", "category", "to_ids", "value", "comment", "timestamp", "first_seen",
        "last_seen", "disable_correlation", NULL};
    bool any = false; /* STIX has no empty lists */
    for (struct json_iter it = json_iter(json_get(x->said, "Attribute")); json_next(&it);) {
        if (apart(it.value)) continue;
        if (misp_true(json_get(it.value, "deleted"))) {
            losses_add(r->losses, "deleted attributes of objects", "of %.*s", SPAN_ARG(x->uuid));
            continue;
        }
        if (json_spelt(json_get(it.value, "data")).len)
            losses_add(r->losses, "contents of files", "%.*s",
                       SPAN_ARG(span_first(json_spelt(json_get(it.value, "value")), 100)));
        if (!any) json_key(&r->w, "attributes");
        if (!any) json_begin_array(&r->w);
        any = true;
        json_begin_object(&r->w);
        misp_copy_members(r, it.value, carried);
        json_end_object(&r->w);
    }
    if (any) json_end_array(&r->w);
}

static void write_extension(struct misp_reader *r, const struct object *x) {
    static const char *const carried[] = {
        "name",    "meta-category", "description", "template_uuid", "template_version",
        "comment", "timestamp",     "first_seen",  "last_seen",     NULL};
    misp_begin_extension(r);
    json_key(&r->w, "object");
    json_begin_object(&r->w);
    misp_copy_members(r, x->said, carried);
    write_attributes(r, x);
    json_end_object(&r->w);
    misp_end_extension(r);
    if (x->deleted) json_member_truth(&r->w, "revoked", true);
}

/* ---- what the attributes say together ---- */

static struct span value_of(struct misp_reader *r, const struct object *x, const char *relation) {
    for (struct json_iter it = json_iter(json_get(x->said, "Attribute")); json_next(&it);)
        if (json_is(json_get(it.value, "object_relation"), span_cstr(relation)) &&
            !misp_true(json_get(it.value, "deleted")))
            return json_text(json_get(it.value, "value"), &r->passing);
    return (struct span){0};
}

/* Vulnerabilities and attack patterns have objects of their own in STIX. */
static enum err put_named(struct misp_reader *r, struct object *x, struct diag *d) {
    bool weakness = span_is(x->name, "attack-pattern");
    const char *type = weakness ? "attack-pattern" : "vulnerability";
    struct span number = value_of(r, x, "id"), name = value_of(r, x, weakness ? "name" : "id"),
                text = value_of(r, x, weakness ? "summary" : "description");
    char id[STIX_ID_SIZE];
    if (!weakness && !span_is(x->name, "vulnerability")) return ERR_NONE;
    if (!text.len) text = value_of(r, x, "summary");
    if (!name.len) return ERR_NONE;
    misp_id(id, type, x->uuid);
    misp_begin(r, type, id, true);
    json_member(&r->w, "name", name);
    if (text.len) json_member(&r->w, "description", text);
    if (number.len) {
        json_key(&r->w, "external_references");
        json_begin_array(&r->w);
        json_begin_object(&r->w);
        json_member_cstr(&r->w, "source_name", weakness ? "capec" : "cve");
        json_key(&r->w, "external_id");
        struct span head = weakness && number.at[0] >= '0' && number.at[0] <= '9' ? SPAN("CAPEC-") : (struct span){0};
        json_string(&r->w, arena_printf(&r->passing, "%.*s%.*s", SPAN_ARG(head), SPAN_ARG(number)));
        json_end_object(&r->w);
        json_end_array(&r->w);
    }
    /* marked as made for the object, so that it is not written back a second time */
    misp_begin_extension(r);
    json_member(&r->w, "object_uuid", x->uuid);
    misp_end_extension(r);
    if (x->deleted) json_member_truth(&r->w, "revoked", true);
    refer(x, id);
    return misp_put(r, type, id, &x->context, x->times, true, true, d);
}

static enum err put_observed(struct misp_reader *r, struct object *x, struct diag *d) {
    char id[STIX_ID_SIZE];
    enum err e = misp_compose(r, x->name, x->uuid, json_get(x->said, "Attribute"), &x->context, id, d);
    if (e || !id[0]) return e;
    misp_id(id, "observed-data", x->uuid);
    misp_write_observed(r, id, x->times, x->said);
    misp_begin_extension(r);
    json_member(&r->w, "object_uuid", x->uuid);
    misp_end_extension(r);
    if (x->deleted) json_member_truth(&r->w, "revoked", true);
    refer(x, id);
    return misp_put(r, "observed-data", id, &x->context, x->times, true, true, d);
}

/* ---- the grouping ---- */

static enum err put_grouping(struct misp_reader *r, struct object *x, char id[STIX_ID_SIZE], struct diag *d) {
    struct span text = json_text(json_get(x->said, "comment"), &r->passing);
    misp_id(id, "grouping", x->uuid);
    misp_begin(r, "grouping", id, true);
    json_member(&r->w, "name", x->name);
    if (text.len) json_member(&r->w, "description", text);
    json_member_cstr(&r->w, "context", "unspecified");
    json_key(&r->w, "object_refs");
    json_begin_array(&r->w);
    json_splice(&r->w, buf_span(&x->refs));
    json_end_array(&r->w);
    write_extension(r, x);
    return misp_put(r, "grouping", id, &x->context, x->times, true, true, d);
}

static enum err put_note(struct misp_reader *r, struct object *x, char id[STIX_ID_SIZE], struct diag *d) {
    struct buf text = BUF_EMPTY;
    for (struct json_iter it = json_iter(json_get(x->said, "Attribute")); json_next(&it);) {
        if (misp_true(json_get(it.value, "deleted"))) continue;
        struct span relation = json_text(json_get(it.value, "object_relation"), &r->passing),
                    value = json_text(json_get(it.value, "value"), &r->passing);
        buf_add(&text, relation);
        buf_add_cstr(&text, ": ");
        buf_add(&text, value);
        buf_add_char(&text, '\n');
    }
    if (!text.len) buf_add(&text, x->name);
    if (!buf_ok(&text)) r->text.failed = true;
    misp_id(id, "note", x->uuid);
    misp_begin(r, "note", id, true);
    json_member(&r->w, "abstract", x->name);
    json_member(&r->w, "content", buf_span(&text));
    json_key(&r->w, "object_refs");
    json_begin_array(&r->w);
    json_cstr(&r->w, r->report);
    json_end_array(&r->w);
    write_extension(r, x);
    buf_free(&text);
    return misp_put(r, "note", id, &x->context, x->times, true, false, d);
}

enum err misp_object(struct misp_reader *r, struct json_value said, struct diag *d) {
    struct object x = {.said = said,
                       .name = json_text(json_get(said, "name"), &r->passing),
                       .uuid = misp_uuid(json_get(said, "uuid"), &r->passing),
                       .deleted = misp_true(json_get(said, "deleted")),
                       .refs = BUF_EMPTY};
    static const char *const containers[] = {"grouping", "note", NULL};
    char id[STIX_ID_SIZE];
    if (!x.name.len) {
        losses_add(r->losses, "objects without a name", "%.*s", SPAN_ARG(span_first(json_raw(said), 100)));
        return ERR_NONE;
    }
    if (!x.uuid.len) x.uuid = misp_made_uuid(&r->passing, "object", r->uuid, json_raw(json_get(said, "Attribute")));
    x.times.modified = misp_seconds(json_get(said, "timestamp"));
    if (x.times.modified == TIME_NONE) x.times.modified = r->time;
    x.times.created = r->date < x.times.modified ? r->date : x.times.modified;
    enum err e = misp_context_read(r, said, &r->context, &r->passing, &x.context, d);
    if (!e) e = join_attributes(r, &x, d);
    if (!e) e = put_apart(r, &x, d);
    if (!e) e = put_named(r, &x, d);
    if (!e) e = put_observed(r, &x, d);
    if (!e) e = x.refs.len ? put_grouping(r, &x, id, d) : put_note(r, &x, id, d);
    if (!e) e = misp_revoke_others(r, containers, x.refs.len ? "grouping" : "note", x.uuid, d);
    if (!e) remember(r, x.uuid, id);
    buf_free(&x.refs);
    return e;
}

/* ---- references ---- */

/* STIX 2.1 §5.1: a-z, 0-9 and '-'. */
static bool relationship_word(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return text.len > 0;
}

static const char *known_id(struct misp_reader *r, struct span uuid) {
    uint64_t at;
    return uuid.len && map_get(&r->ids, uuid, &at) ? (const char *)(uintptr_t)at : NULL;
}

enum err misp_object_references(struct misp_reader *r, struct json_value said, struct diag *d) {
    struct span uuid = misp_uuid(json_get(said, "uuid"), &r->passing);
    const char *source = known_id(r, uuid);
    struct misp_context c;
    enum err e = misp_context_read(r, said, &r->context, &r->passing, &c, d);
    for (struct json_iter it = json_iter(json_get(said, "ObjectReference")); !e && json_next(&it);) {
        struct span to = misp_uuid(json_get(it.value, "referenced_uuid"), &r->passing),
                    own = misp_uuid(json_get(it.value, "uuid"), &r->passing),
                    what = json_text(json_get(it.value, "relationship_type"), &r->passing);
        const char *target = known_id(r, to);
        if (misp_true(json_get(it.value, "deleted"))) continue;
        if (!source || !target) {
            losses_add(r->losses, "references to what is not in the event, or has no object of its own",
                       "%.*s %.*s %.*s", SPAN_ARG(uuid), SPAN_ARG(span_first(what, 60)), SPAN_ARG(to));
            continue;
        }
        struct misp_times times = {TIME_NONE, misp_seconds(json_get(it.value, "timestamp"))};
        if (times.modified == TIME_NONE) times.modified = r->time;
        times.created = r->date < times.modified ? r->date : times.modified;
        char *word = arena_cstr(&r->passing, relationship_word(what) ? what : SPAN("related-to"));
        if (!word) return diag_set(d, ERR_NOMEM, "no memory for an object");
        e = misp_relate(r, own, source, word, target, &c, times, it.value, d);
    }
    return e;
}
