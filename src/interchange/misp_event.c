/* An event as a whole: its creator, its lists, and the report that names what they became. */
#include <stdio.h>
#include <stdlib.h>

#include "interchange/misp_parts.h"
#include "interchange/misp_stream.h"

enum {
    HEAD_MAX = 32 << 20,     /* of an event less its lists: event reports and galaxies, with their parse */
    ELEMENT_MAX = 256 << 20, /* of one attribute or object, with its parse */
    LASTING_MAX = 512 << 20  /* of what is remembered of an event: names of what references may mean */
};

/* The lists that are read element by element. */
struct lists {
    struct span attributes, objects, proposals;
    uint64_t attributes_at, objects_at;
};

/* ---- the head ---- */

/* Cuts the event into its lists and a small object with all the rest. */
static enum err cut(struct span event, uint64_t offset, struct buf *head, struct lists *lists, struct diag *d) {
    struct misp_walk w = misp_walk(event, offset);
    struct span key, value;
    bool more;
    enum err e;
    buf_add_char(head, '{');
    while (!(e = misp_walk_next(&w, &key, &value, &more, d)) && more) {
        struct span *list = span_is(key, "Attribute")         ? &lists->attributes
                            : span_is(key, "Object")          ? &lists->objects
                            : span_is(key, "ShadowAttribute") ? &lists->proposals
                                                              : NULL;
        uint64_t at = offset + (uint64_t)(value.at - event.at);
        if (list && list->at)
            return diag_set(d, ERR_SYNTAX, "byte %llu: \"%.*s\" stands in the event twice", (unsigned long long)at,
                            SPAN_ARG(key));
        if (list && value.at[0] == '[') {
            *list = value;
            if (list == &lists->attributes) lists->attributes_at = at;
            if (list == &lists->objects) lists->objects_at = at;
            continue;
        }
        if (list && !span_is(value, "null"))
            return diag_set(d, ERR_INVALID, "byte %llu: \"%.*s\" must be a list", (unsigned long long)at,
                            SPAN_ARG(key));
        if (head->len + value.len > HEAD_MAX)
            return diag_set(d, ERR_LIMIT, "byte %llu: more than 32 MiB beside the event's attributes and objects",
                            (unsigned long long)at);
        if (head->len > 1) buf_add_char(head, ',');
        buf_add_char(head, '"');
        buf_add(head, key);
        buf_add_cstr(head, "\":");
        buf_add(head, value);
    }
    buf_add_char(head, '}');
    return e ? e : buf_ok(head) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for an event");
}

/* A key may be spelt with escapes: read as what it says, it must not be one of the lists. */
static enum err parse_head(struct misp_reader *r, const struct buf *head, struct diag *d) {
    static const char *const lists[] = {"Attribute", "Object"};
    enum err e = json_parse(&r->lasting, buf_span(head), &r->head, d);
    if (e) {
        diag_prefix(d, "beside the event's attributes and objects");
        return e;
    }
    r->event = json_root(&r->head);
    for (size_t i = 0; i < 2; i++)
        if (json_count(json_get(r->event, lists[i])))
            return diag_set(d, ERR_SYNTAX, "the key \"%s\" is spelt with escapes", lists[i]);
    return ERR_NONE;
}

/* Never published: nothing says that it is finished. */
static bool unpublished(struct json_value event) {
    return !misp_true(json_get(event, "published")) && misp_seconds(json_get(event, "publish_timestamp")) == TIME_NONE;
}

static enum err find_known(struct misp_reader *r, struct diag *d) {
    static const char *const types[] = {"report", "grouping"};
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < 2 && !r->known && r->sink->held; i++) {
        char id[STIX_ID_SIZE];
        misp_id(id, types[i], r->uuid);
        e = r->sink->held(r->sink->context, span_cstr(id), &r->known, d);
    }
    return e;
}

static enum err read_head(struct misp_reader *r, struct diag *d) {
    struct span date = json_text(json_get(r->event, "date"), &r->lasting);
    static const struct misp_context nothing = {.confidence = -1, .distribution = -1};
    r->uuid = misp_uuid(json_get(r->event, "uuid"), &r->lasting);
    if (!r->uuid.len) return diag_set(d, ERR_INVALID, "this is no MISP event: it has no uuid (RFC 4122)");
    r->time = misp_seconds(json_get(r->event, "timestamp"));
    if (!date.len || !time_parse_rfc3339(date, &r->date) || r->date < 0) r->date = r->time;
    if (r->time == TIME_NONE) r->time = r->date;
    if (r->time == TIME_NONE)
        return diag_set(d, ERR_INVALID, "event %.*s has neither a timestamp nor a date", SPAN_ARG(r->uuid));
    misp_id(r->report, unpublished(r->event) ? "grouping" : "report", r->uuid);
    enum err e = find_known(r, d);
    if (!e) e = misp_organisation(r, json_get(r->event, "Orgc"), r->creator, d);
    if (!e) e = misp_context_read(r, r->event, &nothing, &r->lasting, &r->context, d);
    return e ? e : misp_galaxies_read(r, r->event, &r->lasting, &r->context, d);
}

static void tell_left_out(struct misp_reader *r, const struct lists *lists) {
    static const struct {
        const char *key, *kind;
    } out[] = {{"RelatedEvent", "correlations with other events, which every MISP finds by itself"},
               {"CryptographicKey", "signatures of protected events"},
               {"Feed", "names of feeds"}};
    struct json_value owner = json_get(json_get(r->event, "Org"), "uuid");
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (json_count(json_get(r->event, out[i].key)))
            losses_add(r->losses, out[i].kind, "of event %.*s", SPAN_ARG(r->uuid));
    struct misp_walk w = misp_walk(lists->proposals, 0);
    struct span key, value;
    struct diag ignored;
    for (bool more; lists->proposals.len && !misp_walk_next(&w, &key, &value, &more, &ignored) && more;)
        losses_add(r->losses, "proposals to change attributes", "to event %.*s", SPAN_ARG(r->uuid));
    if (json_exists(owner) && !json_is(json_get(json_get(r->event, "Orgc"), "uuid"), json_spelt(owner)))
        losses_add(r->losses, "organisations that hold a copy of an event (Org)", "%.*s",
                   SPAN_ARG(json_spelt(json_get(json_get(r->event, "Org"), "name"))));
}

/* ---- the lists ---- */

typedef enum err (*element_read)(struct misp_reader *r, struct json_value element, struct diag *d);

static enum err each(struct misp_reader *r, struct span list, uint64_t at, const char *name, element_read read,
                     struct diag *d) {
    struct misp_walk w = misp_walk(list, at);
    struct span key, value;
    bool more;
    enum err e = ERR_NONE;
    for (uint64_t i = 0; list.len && !(e = misp_walk_next(&w, &key, &value, &more, d)) && more; i++) {
        struct json_doc doc;
        arena_reset(&r->passing);
        if ((e = json_parse(&r->passing, value, &doc, d))) {
            diag_prefix(d, "Event.%s[%llu]", name, (unsigned long long)i);
            return e;
        }
        if (json_type(json_root(&doc)) != JSON_OBJECT)
            return diag_set(d, ERR_INVALID, "Event.%s[%llu] must be an object", name, (unsigned long long)i);
        if ((e = read(r, json_root(&doc), d))) return e;
    }
    return e;
}

static enum err read_attribute(struct misp_reader *r, struct json_value attribute, struct diag *d) {
    char id[STIX_ID_SIZE];
    enum err e = misp_attribute(r, attribute, &r->context, id, d);
    if (e || !id[0]) return e;
    struct span uuid = misp_uuid(json_get(attribute, "uuid"), &r->passing);
    char *kept = arena_cstr(&r->lasting, span_cstr(id));
    if (!kept || (uuid.len && !map_set(&r->ids, uuid, (uint64_t)(uintptr_t)kept, NULL)))
        return diag_set(d, ERR_NOMEM, "no memory for an event");
    return ERR_NONE;
}

/* Written by an export of ours, for the report's own description. */
static bool is_description(struct misp_reader *r, struct span uuid, struct json_value said) {
    int64_t level;
    return misp_number(json_get(said, "distribution"), &level) && level == 5 && !misp_true(json_get(said, "deleted")) &&
           span_equal(uuid, misp_description_uuid(&r->passing, r->uuid));
}

/* Texts about the event: the report does not name them, they name it. */
static enum err read_reports(struct misp_reader *r, struct diag *d) {
    static const char *const carried[] = {"timestamp", NULL};
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(r->event, "EventReport")); !e && json_next(&it);) {
        struct span name, content, uuid;
        struct misp_context c;
        char id[STIX_ID_SIZE];
        arena_reset(&r->passing);
        name = json_text(json_get(it.value, "name"), &r->passing);
        content = json_text(json_get(it.value, "content"), &r->passing);
        uuid = misp_uuid(json_get(it.value, "uuid"), &r->passing);
        if (!content.len) continue;
        if (is_description(r, uuid, it.value)) {
            r->description = json_text(json_get(it.value, "content"), &r->lasting);
            continue;
        }
        if (!uuid.len) uuid = misp_made_uuid(&r->passing, "event report", r->uuid, name);
        struct misp_times times = {TIME_NONE, misp_seconds(json_get(it.value, "timestamp"))};
        if (times.modified == TIME_NONE) times.modified = r->time;
        times.created = r->date < times.modified ? r->date : times.modified;
        if ((e = misp_context_read(r, it.value, &r->context, &r->passing, &c, d))) return e;
        misp_id(id, "note", uuid);
        misp_begin(r, "note", id, true);
        if (name.len) json_member(&r->w, "abstract", name);
        json_member(&r->w, "content", content);
        json_key(&r->w, "object_refs");
        json_begin_array(&r->w);
        json_cstr(&r->w, r->report);
        json_end_array(&r->w);
        misp_begin_extension(r);
        json_key(&r->w, "event_report");
        json_begin_object(&r->w);
        misp_copy_members(r, it.value, carried);
        json_end_object(&r->w);
        misp_end_extension(r);
        if (misp_true(json_get(it.value, "deleted"))) json_member_truth(&r->w, "revoked", true);
        e = misp_put(r, "note", id, &c, times, true, false, d);
    }
    return e;
}

/* ---- the report ---- */

static void write_event(struct misp_reader *r) {
    static const char *const carried[] = {"date",         "threat_level_id",     "analysis",
                                          "published",    "timestamp",           "publish_timestamp",
                                          "extends_uuid", "disable_correlation", NULL};
    misp_begin_extension(r);
    json_key(&r->w, "event");
    json_begin_object(&r->w);
    misp_copy_members(r, r->event, carried);
    json_end_object(&r->w);
    misp_end_extension(r);
}

static void part_id(struct misp_reader *r, size_t part, char id[STIX_ID_SIZE]) {
    char number[24];
    arena_reset(&r->passing);
    snprintf(number, sizeof number, "%zu", part);
    misp_id(id, "grouping", misp_made_uuid(&r->passing, "part of", r->uuid, span_cstr(number)));
}

/* What is more than one object may name stands in groupings that the report names. */
static enum err put_parts(struct misp_reader *r, struct diag *d) {
    struct span all = buf_span(&r->refs), info = json_text(json_get(r->event, "info"), &r->lasting);
    struct misp_times times = {r->date < r->time ? r->date : r->time, r->time};
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < r->part_count; i++) {
        size_t end = i + 1 < r->part_count ? r->parts[i + 1] - 1 : all.len;
        char id[STIX_ID_SIZE];
        part_id(r, i, id);
        misp_begin(r, "grouping", id, true);
        json_member(&r->w, "name", info.len ? info : r->uuid);
        json_member_cstr(&r->w, "context", "unspecified");
        json_key(&r->w, "object_refs");
        json_begin_array(&r->w);
        json_splice(&r->w, span_of(all.at + r->parts[i], end - r->parts[i]));
        json_end_array(&r->w);
        misp_begin_extension(r);
        json_member(&r->w, "part_of", r->uuid);
        misp_end_extension(r);
        e = misp_put(r, "grouping", id, &r->context, times, true, false, d);
    }
    return e;
}

/* What is marked more strictly than the event names the report, in a grouping that is as strict: whoever may have the
 * report and not this neither waits for it nor learns of it. */
static enum err put_strict(struct misp_reader *r, struct diag *d) {
    struct misp_times times = {r->date < r->time ? r->date : r->time, r->time};
    struct span info = json_text(json_get(r->event, "info"), &r->lasting);
    char id[STIX_ID_SIZE];
    misp_id(id, "grouping", misp_made_uuid(&r->lasting, "restricted part of", r->uuid, (struct span){0}));
    if (!r->strict_count)
        return r->known && r->sink->revoke ? r->sink->revoke(r->sink->context, span_cstr(id), r->time, d) : ERR_NONE;
    r->strictest.labels = NULL;
    r->strictest.label_count = 0;
    misp_begin(r, "grouping", id, true);
    json_member(&r->w, "name", info.len ? info : r->uuid);
    json_member_cstr(&r->w, "context", "unspecified");
    json_key(&r->w, "object_refs");
    json_begin_array(&r->w);
    json_cstr(&r->w, r->report);
    json_splice(&r->w, span_from(buf_span(&r->strict), 1));
    json_end_array(&r->w);
    misp_begin_extension(r);
    json_member(&r->w, "part_of", r->uuid);
    misp_end_extension(r);
    return misp_put(r, "grouping", id, &r->strictest, times, true, false, d);
}

/* The event as a report, or as a grouping. */
static enum err put_whole(struct misp_reader *r, const char *type, struct diag *d) {
    struct span info = json_text(json_get(r->event, "info"), &r->lasting);
    time_us published = misp_seconds(json_get(r->event, "publish_timestamp")),
            created = r->date < r->time ? r->date : r->time;
    struct span refs = span_first(buf_span(&r->refs), r->part_count ? r->parts[0] - 1 : r->refs.len);
    if (published == TIME_NONE) published = r->time;
    misp_begin(r, type, r->report, true);
    json_member(&r->w, "name", info.len ? info : r->uuid);
    if (r->description.len) json_member(&r->w, "description", r->description);
    if (strcmp(type, "grouping") == 0)
        json_member_cstr(&r->w, "context", "suspicious-activity");
    else
        json_member_time(&r->w, "published", published);
    json_key(&r->w, "object_refs");
    json_begin_array(&r->w);
    json_splice(&r->w, refs);
    for (size_t i = 0; i < r->part_count; i++) {
        char id[STIX_ID_SIZE];
        part_id(r, i, id);
        json_cstr(&r->w, id);
    }
    json_end_array(&r->w);
    write_event(r);
    return misp_put(r, type, r->report, &r->context, (struct misp_times){created, r->time}, true, false, d);
}

static enum err put_report(struct misp_reader *r, struct diag *d) {
    static const char *const types[] = {"grouping", "report", NULL};
    const char *type = unpublished(r->event) ? "grouping" : "report";
    if (!r->ref_count && r->creator[0]) misp_name(r, r->creator, &r->context); /* the list must not be empty */
    if (!r->ref_count) {
        losses_add(r->losses, "events without attributes and creator", "%.*s", SPAN_ARG(r->uuid));
        return ERR_NONE;
    }
    enum err e = put_parts(r, d);
    if (!e) e = put_whole(r, type, d);
    if (!e) e = put_strict(r, d);
    return e ? e : misp_revoke_others(r, types, type, r->uuid, d);
}

static enum err read_all(struct misp_reader *r, const struct lists *lists, struct diag *d) {
    enum err e = read_head(r, d);
    if (!e) e = each(r, lists->attributes, lists->attributes_at, "Attribute", read_attribute, d);
    if (!e) e = each(r, lists->objects, lists->objects_at, "Object", misp_object, d);
    if (!e) e = each(r, lists->objects, lists->objects_at, "Object", misp_object_references, d);
    if (!e) e = read_reports(r, d);
    if (!e) e = put_report(r, d);
    if (!e) tell_left_out(r, lists);
    return e;
}

/* {"Event": {…}}: the inner object; anything else is the event itself. */
static enum err unwrap(struct span *event, uint64_t *offset, struct diag *d) {
    struct misp_walk w = misp_walk(*event, *offset);
    struct span key, value;
    bool more;
    enum err e = misp_walk_next(&w, &key, &value, &more, d);
    if (e || !more || !span_is(key, "Event")) return e;
    if (value.at[0] != '{') return diag_set(d, ERR_INVALID, "\"Event\" must be an object");
    *offset += (uint64_t)(value.at - event->at);
    *event = value;
    return ERR_NONE;
}

enum err misp_event_read(struct span event, uint64_t offset, const struct misp_sink *sink, struct losses *losses,
                         struct diag *d) {
    struct misp_reader *r = calloc(1, sizeof *r);
    struct lists lists = {0};
    struct buf head = BUF_EMPTY;
    if (!r) return diag_set(d, ERR_NOMEM, "no memory for an event");
    r->sink = sink;
    r->losses = losses;
    arena_init(&r->lasting, LASTING_MAX);
    arena_init(&r->passing, ELEMENT_MAX);
    map_init(&r->ids);
    map_init(&r->put_once);
    enum err e = unwrap(&event, &offset, d);
    if (!e) e = cut(event, offset, &head, &lists, d);
    if (!e) e = parse_head(r, &head, d);
    if (!e) e = read_all(r, &lists, d);
    buf_free(&head);
    buf_free(&r->text);
    buf_free(&r->labels);
    buf_free(&r->refs);
    buf_free(&r->strict);
    buf_free(&r->observed);
    map_free(&r->ids);
    map_free(&r->put_once);
    arena_free(&r->passing);
    arena_free(&r->lasting);
    free(r);
    return e;
}
