/* One attribute as an object of its own, with its galaxies and sightings. */
#include <stdio.h>

#include "interchange/misp_parts.h"

static const char *const carried[] = {"type",      "category",        "to_ids",
                                      "comment",   "timestamp",       "first_seen",
                                      "last_seen", "object_relation", "disable_correlation",
                                      NULL};

struct attribute {
    struct json_value said;
    const struct misp_type *type;
    struct span type_name, value, uuid, comment;
    bool to_ids, deleted;
    struct misp_times times;
    time_us valid_until; /* of an expiration; TIME_NONE */
    struct misp_context context;
};

/* ---- what there may be more of ---- */

enum err misp_relate(struct misp_reader *r, struct span uuid, const char *source, const char *what, const char *target,
                     const struct misp_context *c, struct misp_times times, struct json_value said, struct diag *d) {
    static const char *const kept[] = {"comment", "relationship_type", "timestamp", NULL};
    struct misp_context bare = *c;
    char id[STIX_ID_SIZE];
    bare.label_count = 0;
    if (!uuid.len) uuid = misp_made_uuid(&r->passing, "relationship", span_cstr(source), span_cstr(target));
    misp_id(id, "relationship", uuid);
    misp_begin(r, "relationship", id, true);
    json_member_cstr(&r->w, "relationship_type", what);
    json_member_cstr(&r->w, "source_ref", source);
    json_member_cstr(&r->w, "target_ref", target);
    if (json_exists(said)) {
        misp_begin_extension(r);
        json_key(&r->w, "reference");
        json_begin_object(&r->w);
        misp_copy_members(r, said, kept);
        json_end_object(&r->w);
        misp_end_extension(r);
    }
    return misp_put(r, "relationship", id, &bare, times, true, true, d);
}

static enum err relate_galaxies(struct misp_reader *r, const struct attribute *x, const char *id, bool indicator,
                                struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < x->context.galaxy_count; i++) {
        const struct misp_galaxy *g = &x->context.galaxies[i];
        e = misp_relate(r, (struct span){0}, id, indicator && g->may_be_indicated ? "indicates" : "related-to",
                        g->id.at, &x->context, x->times, JSON_MISSING, d);
    }
    return e;
}

enum { SIGHTING_SEEN, SIGHTING_FALSE_POSITIVE, SIGHTING_EXPIRATION };

static enum err put_sighting(struct misp_reader *r, const struct attribute *x, struct json_value said, const char *of,
                             struct diag *d) {
    char id[STIX_ID_SIZE], org[STIX_ID_SIZE], creator[STIX_ID_SIZE];
    struct misp_context bare = x->context;
    struct span uuid = misp_uuid(json_get(said, "uuid"), &r->passing),
                source = json_text(json_get(said, "source"), &r->passing);
    time_us when = misp_seconds(json_get(said, "date_sighting"));
    int64_t kind = SIGHTING_SEEN;
    bare.label_count = 0;
    bare.confidence = -1;
    if (json_exists(json_get(said, "type")) && !misp_number(json_get(said, "type"), &kind)) kind = -1;
    if (kind == SIGHTING_EXPIRATION && x->valid_until == when) return ERR_NONE; /* stands in the indicator */
    if (kind < 0 || kind > SIGHTING_FALSE_POSITIVE || when == TIME_NONE) {
        losses_add(r->losses, "expirations and sightings that nothing can be made of", "of %s", of);
        return ERR_NONE;
    }
    if (!uuid.len)
        uuid = misp_made_uuid(&r->passing, "sighting", span_cstr(of), json_raw(json_get(said, "date_sighting")));
    enum err e = misp_organisation(r, json_get(said, "Organisation"), org, d);
    if (e) return e;
    bool seen = kind == SIGHTING_SEEN;
    misp_id(id, seen ? "sighting" : "opinion", uuid);
    memcpy(creator, r->creator, sizeof creator);
    if (org[0]) memcpy(r->creator, org, sizeof org); /* whoever saw it says so */
    misp_begin(r, seen ? "sighting" : "opinion", id, true);
    memcpy(r->creator, creator, sizeof creator);
    if (seen) {
        if (source.len) json_member(&r->w, "description", source);
        json_member_time(&r->w, "first_seen", when);
        json_member_time(&r->w, "last_seen", when);
        json_member_number(&r->w, "count", 1);
        json_member_cstr(&r->w, "sighting_of_ref", of);
        if (org[0]) {
            json_key(&r->w, "where_sighted_refs");
            json_begin_array(&r->w);
            json_cstr(&r->w, org);
            json_end_array(&r->w);
        }
    } else {
        json_member_cstr(&r->w, "explanation", "False positive");
        if (source.len) {
            json_key(&r->w, "authors");
            json_begin_array(&r->w);
            json_string(&r->w, source);
            json_end_array(&r->w);
        }
        json_member_cstr(&r->w, "opinion", "strongly-disagree");
        json_key(&r->w, "object_refs");
        json_begin_array(&r->w);
        json_cstr(&r->w, of);
        json_end_array(&r->w);
    }
    /* not named by the report: to a partner it may go under another id, and the report with it */
    return misp_put(r, seen ? "sighting" : "opinion", id, &bare, (struct misp_times){when, when}, true, false, d);
}

static enum err put_sightings(struct misp_reader *r, const struct attribute *x, const char *of, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(x->said, "Sighting")); !e && json_next(&it);)
        e = put_sighting(r, x, it.value, of, d);
    return e;
}

/* The latest expiration, if it comes after the indicator began to be valid. */
static time_us expiration(const struct attribute *x, time_us valid_from) {
    time_us latest = TIME_NONE;
    for (struct json_iter it = json_iter(json_get(x->said, "Sighting")); json_next(&it);) {
        int64_t kind;
        time_us when = misp_seconds(json_get(it.value, "date_sighting"));
        if (misp_number(json_get(it.value, "type"), &kind) && kind == SIGHTING_EXPIRATION && when > valid_from &&
            when > latest)
            latest = when;
    }
    return latest;
}

/* ---- the object ---- */

static void write_extension(struct misp_reader *r, const struct attribute *x, bool with_value) {
    misp_begin_extension(r);
    json_key(&r->w, "attribute");
    json_begin_object(&r->w);
    misp_copy_members(r, x->said, carried);
    if (r->object.len) json_member(&r->w, "object", r->object);
    if (with_value) json_member(&r->w, "value", x->value);
    json_end_object(&r->w);
    misp_end_extension(r);
    if (x->deleted) json_member_truth(&r->w, "revoked", true);
}

static enum err put_indicator(struct misp_reader *r, struct attribute *x, const char *id, struct span pattern,
                              const char *language, struct diag *d) {
    time_us from = misp_moment(json_get(x->said, "first_seen"), &r->passing);
    if (from == TIME_NONE) from = x->times.created;
    x->valid_until = expiration(x, from);
    misp_begin(r, "indicator", id, true);
    json_member(&r->w, "name", x->type->form == MISP_RULE && x->comment.len ? x->comment : x->value);
    if (x->comment.len) json_member(&r->w, "description", x->comment);
    json_key(&r->w, "indicator_types");
    json_begin_array(&r->w);
    json_cstr(&r->w, "malicious-activity");
    json_end_array(&r->w);
    json_member(&r->w, "pattern", pattern);
    json_member_cstr(&r->w, "pattern_type", language);
    json_member_time(&r->w, "valid_from", from);
    if (x->valid_until != TIME_NONE) json_member_time(&r->w, "valid_until", x->valid_until);
    write_extension(r, x, x->type->form != MISP_RULE);
    return misp_put(r, "indicator", id, &x->context, x->times, true, true, d);
}

void misp_write_observed(struct misp_reader *r, const char *id, struct misp_times times, struct json_value said) {
    time_us first = misp_moment(json_get(said, "first_seen"), &r->passing),
            last = misp_moment(json_get(said, "last_seen"), &r->passing);
    if (first == TIME_NONE) first = times.created;
    if (last == TIME_NONE || last < first) last = first;
    misp_begin(r, "observed-data", id, true);
    json_member_time(&r->w, "first_observed", first);
    json_member_time(&r->w, "last_observed", last);
    json_member_number(&r->w, "number_observed", 1);
    json_key(&r->w, "object_refs");
    json_begin_array(&r->w);
    json_splice(&r->w, buf_span(&r->observed));
    json_end_array(&r->w);
}

static enum err put_observed(struct misp_reader *r, const struct attribute *x, const char *id, struct diag *d) {
    misp_write_observed(r, id, x->times, x->said);
    write_extension(r, x, true);
    return misp_put(r, "observed-data", id, &x->context, x->times, true, true, d);
}

static enum err put_named(struct misp_reader *r, const struct attribute *x, const char *type, const char *id,
                          struct diag *d) {
    misp_begin(r, type, id, true);
    json_member(&r->w, "name", x->value);
    if (x->comment.len) json_member(&r->w, "description", x->comment);
    if (x->type->form == MISP_VULNERABILITY && x->value.len > 4 &&
        span_equal_nocase(span_first(x->value, 4), SPAN("CVE-"))) {
        json_key(&r->w, "external_references");
        json_begin_array(&r->w);
        json_begin_object(&r->w);
        json_member_cstr(&r->w, "source_name", "cve");
        json_member(&r->w, "external_id", x->value);
        json_end_object(&r->w);
        json_end_array(&r->w);
    }
    write_extension(r, x, false);
    return misp_put(r, type, id, &x->context, x->times, true, true, d);
}

/* Whatever is text: about the report, which does not name it, or each would wait for the other. */
static enum err put_note(struct misp_reader *r, const struct attribute *x, const char *id, struct diag *d) {
    misp_begin(r, "note", id, true);
    json_member(&r->w, "abstract", x->type_name);
    json_member(&r->w, "content", x->value);
    json_key(&r->w, "object_refs");
    json_begin_array(&r->w);
    json_cstr(&r->w, r->report);
    json_end_array(&r->w);
    write_extension(r, x, false);
    return misp_put(r, "note", id, &x->context, x->times, true, false, d);
}

/* What the attribute becomes: chooses, and puts it. */
static enum err put_attribute(struct misp_reader *r, struct attribute *x, char id[STIX_ID_SIZE], bool *indicator,
                              struct diag *d) {
    struct buf pattern = BUF_EMPTY;
    enum misp_form form = x->type->form;
    bool fits = misp_value_fits(x->type, x->value);
    enum err e = ERR_NONE;
    *indicator = form == MISP_RULE || (x->to_ids && fits && misp_pattern(&pattern, x->type, x->value));
    if (form == MISP_RULE) buf_add(&pattern, x->value);
    if (!buf_ok(&pattern)) return diag_set(d, ERR_NOMEM, "no memory for an attribute");
    if (*indicator) {
        misp_id(id, "indicator", x->uuid);
        e = put_indicator(r, x, id, buf_span(&pattern), form == MISP_RULE ? x->type->word : "stix", d);
    } else if (form == MISP_VULNERABILITY || form == MISP_NAME) {
        const char *type = form == MISP_NAME ? x->type->word : "vulnerability";
        misp_id(id, type, x->uuid);
        e = put_named(r, x, type, id, d);
    } else {
        id[0] = 0;
        if (x->to_ids)
            losses_add(r->losses,
                       fits ? "values for detection, of types that STIX has no pattern for: kept as notes"
                            : "values for detection that are not of their type: kept as notes",
                       "%.*s %.*s", SPAN_ARG(x->type_name), SPAN_ARG(span_first(x->value, 80)));
        if (fits && !x->to_ids) e = misp_observable(r, x->type, x->uuid, x->value, &x->context, id, d);
        bool observed = id[0];
        misp_id(id, observed ? "observed-data" : "note", x->uuid);
        if (!e) e = observed ? put_observed(r, x, id, d) : put_note(r, x, id, d);
    }
    buf_free(&pattern);
    return e;
}

static void tell_left_out(struct misp_reader *r, const struct attribute *x) {
    if (json_spelt(json_get(x->said, "data")).len)
        losses_add(r->losses, "contents of files", "%.*s", SPAN_ARG(span_first(x->value, 100)));
    if (json_count(json_get(x->said, "ShadowAttribute")))
        losses_add(r->losses, "proposals to change attributes", "to %.*s", SPAN_ARG(span_first(x->value, 100)));
}

const char *const misp_attribute_types[] = {"indicator", "observed-data", "note", NULL};

static const char *of_type(const char *id, char *out, size_t size) {
    snprintf(out, size, "%.*s", SPAN_ARG(stix_id_type(span_cstr(id))));
    return out;
}

enum err misp_attribute(struct misp_reader *r, struct json_value said, const struct misp_context *outer,
                        char id[STIX_ID_SIZE], struct diag *d) {
    static const struct misp_type unknown = {.form = MISP_NOTE};
    struct attribute x = {.said = said,
                          .type_name = json_text(json_get(said, "type"), &r->passing),
                          .value = json_text(json_get(said, "value"), &r->passing),
                          .comment = json_text(json_get(said, "comment"), &r->passing),
                          .uuid = misp_uuid(json_get(said, "uuid"), &r->passing),
                          .to_ids = misp_true(json_get(said, "to_ids")),
                          .deleted = misp_true(json_get(said, "deleted")),
                          .valid_until = TIME_NONE};
    char type[32];
    bool indicator = false;
    id[0] = 0;
    if (!x.type_name.len || !x.value.len) {
        losses_add(r->losses, "attributes without type or value", "%.*s", SPAN_ARG(span_first(json_raw(said), 100)));
        return ERR_NONE;
    }
    x.type = misp_type_named(x.type_name);
    if (!x.type) x.type = &unknown;
    if (!x.uuid.len)
        x.uuid = misp_made_uuid(&r->passing, "attribute", r->uuid,
                                arena_printf(&r->passing, "%.*s\n%.*s", SPAN_ARG(x.type_name), SPAN_ARG(x.value)));
    x.times.modified = misp_seconds(json_get(said, "timestamp"));
    if (x.times.modified == TIME_NONE) x.times.modified = r->time;
    x.times.created = r->date < x.times.modified ? r->date : x.times.modified;
    enum err e = misp_context_read(r, said, outer, &r->passing, &x.context, d);
    if (!e) e = misp_galaxies_read(r, said, &r->passing, &x.context, d);
    if (!e) e = put_attribute(r, &x, id, &indicator, d);
    if (!e) e = misp_revoke_others(r, misp_attribute_types, of_type(id, type, sizeof type), x.uuid, d);
    if (!e && !x.deleted) e = relate_galaxies(r, &x, id, indicator, d);
    if (!e) e = put_sightings(r, &x, id, d);
    tell_left_out(r, &x);
    return e;
}
