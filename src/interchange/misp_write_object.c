/* STIX objects in an event: MISP objects, event reports, galaxy clusters, organisations. */
#include <stdio.h>

#include "interchange/misp_writer.h"
#include "stix/schema.h"

static struct span text_of(struct json_value o, const char *name, struct arena *a) {
    return json_text(json_get(o, name), a);
}

static void write_seconds(struct json_writer *w, const char *name, time_us t) {
    char text[24];
    snprintf(text, sizeof text, "%lld", t == TIME_NONE ? 0 : (long long)(t / TIME_US_PER_S));
    json_member_cstr(w, name, text);
}

/* ---- organisations ---- */

enum err misp_write_organisation(struct misp_exporter *x, struct json_writer *w, struct span id, struct diag *d) {
    struct misp_item org = {.there = false};
    struct span name = x->options->organisation;
    struct arena a;
    arena_init(&a, 16 << 20);
    enum err e = id.len ? misp_item_read(x, id, &a, &org, d) : ERR_NONE;
    if (!id.len) id = x->options->identity;
    if (org.there) name = text_of(org.o, "name", &a);
    if (id.len && !org.there && !span_equal(id, x->options->identity)) name = id;
    json_begin_object(w);
    json_member(w, "uuid", span_from(id, id.len > MISP_UUID_LEN ? id.len - MISP_UUID_LEN : 0));
    json_member(w, "name", name);
    json_end_object(w);
    arena_free(&a);
    return e;
}

/* ---- galaxies ---- */

bool misp_is_cluster(struct span type) {
    return stix_words_have(" attack-pattern malware tool threat-actor intrusion-set campaign course-of-action ", type);
}

/* ATT&CK's number, if it is one of its objects. */
static struct span attack_number(const struct misp_item *i, struct arena *a) {
    for (struct json_iter it = json_iter(json_get(i->o, "external_references")); json_next(&it);)
        if (json_is(json_get(it.value, "source_name"), SPAN("mitre-attack")))
            return text_of(it.value, "external_id", a);
    return (struct span){0};
}

static void write_meta(struct misp_exporter *x, struct json_writer *w, const struct misp_item *i) {
    struct json_value aliases = json_get(i->o, "aliases"), meta = json_get(json_get(i->said, "cluster"), "meta");
    if (!json_count(aliases) && json_type(meta) != JSON_OBJECT) return;
    json_key(w, "meta");
    if (json_type(meta) == JSON_OBJECT) {
        json_splice(w, json_raw(meta));
        return;
    }
    json_begin_object(w);
    json_key(w, "synonyms");
    json_splice(w, json_raw(aliases));
    json_end_object(w);
}

void misp_write_cluster(struct misp_exporter *x, struct buf *galaxies, struct buf *tags, struct map *named,
                        const struct misp_item *i) {
    struct arena *a = &x->arena;
    struct json_value said = json_get(i->said, "cluster");
    struct span galaxy = text_of(said, "type", a), value = text_of(said, "value", a),
                tag = text_of(said, "tag_name", a), uuid = text_of(said, "uuid", a), number = attack_number(i, a),
                name = text_of(i->o, "name", a);
    bool again = false, own = !galaxy.len && !number.len;
    if (!galaxy.len) galaxy = arena_printf(a, "%s%.*s", number.len ? "mitre-" : "stix-2.1-", SPAN_ARG(i->type));
    if (!value.len) value = number.len ? arena_printf(a, "%.*s - %.*s", SPAN_ARG(name), SPAN_ARG(number)) : name;
    if (!tag.len) tag = arena_printf(a, "misp-galaxy:%.*s=\"%.*s\"", SPAN_ARG(galaxy), SPAN_ARG(value));
    if (!uuid.len) uuid = i->uuid;
    if (!map_set(named, tag, 1, &again)) tags->failed = true;
    if (!again) {
        struct json_writer t = misp_element(tags);
        json_begin_object(&t);
        json_member(&t, "name", tag);
        json_end_object(&t);
    }
    if (!map_set(named, i->id, 1, &again)) tags->failed = true;
    if (again || (json_exists(said) && !json_exists(json_get(said, "uuid")))) return; /* a tag is all there was */
    struct json_writer w = misp_element(galaxies);
    json_begin_object(&w);
    static const char *const kept[] = {"uuid", "description", "version", "icon", "namespace", NULL};
    static const char *const particulars[] = {"source", "version", "default", NULL};
    struct span galaxy_name = text_of(json_get(said, "galaxy"), "name", a);
    json_member(&w, "type", galaxy);
    json_member(&w, "name", galaxy_name.len ? galaxy_name : galaxy);
    misp_write_members(&w, json_get(said, "galaxy"), kept);
    json_key(&w, "GalaxyCluster");
    json_begin_array(&w);
    json_begin_object(&w);
    json_member(&w, "uuid", uuid);
    json_member(&w, "type", galaxy);
    json_member(&w, "value", value);
    json_member(&w, "tag_name", tag);
    json_member(&w, "description", text_of(i->o, "description", a));
    misp_write_members(&w, said, particulars);
    if (!json_exists(json_get(said, "default"))) json_member_truth(&w, "default", !own);
    if (json_type(json_get(said, "authors")) == JSON_ARRAY) {
        json_key(&w, "authors");
        json_splice(&w, json_raw(json_get(said, "authors")));
    }
    write_meta(x, &w, i);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    misp_tell_properties(
        x, i, number.len && own ? NULL : " name description aliases is_family external_references kill_chain_phases ");
}

/* ---- objects that were MISP's ---- */

struct referring {
    struct misp_exporter *x;
    const struct misp_item *of;
    struct buf list;
};

static enum err add_reference(void *context, const struct misp_item *s, struct diag *d) {
    static const char *const kept[] = {"comment", "relationship_type", "timestamp", NULL};
    struct referring *r = context;
    struct span to = text_of(s->o, "target_ref", &r->x->related);
    if (s->revoked || misp_done(r->x, s->id) || !json_is(json_get(s->o, "source_ref"), r->of->id) ||
        !stix_id_valid(to) || !misp_item_may(r->x, s))
        return ERR_NONE;
    struct json_value said = json_get(s->said, "reference");
    struct json_writer w = misp_element(&r->list);
    json_begin_object(&w);
    json_member(&w, "uuid", s->uuid);
    json_member(&w, "object_uuid", r->of->uuid);
    json_member(&w, "referenced_uuid", span_from(to, to.len - MISP_UUID_LEN));
    misp_write_members(&w, said, kept);
    if (!json_exists(json_get(said, "relationship_type")))
        json_member(&w, "relationship_type", text_of(s->o, "relationship_type", &r->x->related));
    if (!json_exists(json_get(said, "timestamp"))) write_seconds(&w, "timestamp", s->modified);
    json_end_object(&w);
    misp_tell_properties(r->x, s, " relationship_type source_ref target_ref ");
    return misp_set_done(r->x, s->id, d);
}

static enum err write_references(struct misp_exporter *x, struct json_writer *w, const struct misp_item *i,
                                 struct diag *d) {
    struct referring r = {.x = x, .of = i};
    enum err e = misp_each_naming(x, i->id, " relationship ", add_reference, &r, d);
    if (r.list.len) {
        json_key(w, "ObjectReference");
        json_begin_array(w);
        json_splice(w, buf_span(&r.list));
        json_end_array(w);
    }
    if (!e && !buf_ok(&r.list)) e = diag_set(d, ERR_NOMEM, "no memory for an object");
    buf_free(&r.list);
    return e;
}

/* Observables an attribute stands for: they say nothing more. */
static enum err observables_done(struct misp_exporter *x, const struct misp_item *i, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(i->o, "object_refs")); !e && json_next(&it);)
        e = misp_set_done(x, json_text(it.value, &x->arena), d);
    return e;
}

/* What stood in the object and is an object of its own, and what says the same in STIX's words. */
static enum err write_parts(struct misp_exporter *x, struct misp_out *event, struct buf *list,
                            const struct misp_item *of, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(of->o, "object_refs")); !e && json_next(&it);) {
        struct misp_item part;
        struct span id = json_text(it.value, &x->arena);
        bool written;
        if (misp_done(x, id)) continue;
        if ((e = misp_item_read(x, id, &x->arena, &part, d)) || !part.there) continue;
        bool same = json_is(json_get(part.said, "object_uuid"), of->uuid);
        bool mine = json_is(json_get(json_get(part.said, "attribute"), "object"), of->uuid);
        if (!same && !mine) continue;
        if ((e = misp_set_done(x, id, d)) || !misp_item_may(x, &part)) continue;
        if (mine) e = misp_write_attribute(x, event, list, &part, &written, d);
        if (same) event->items++;
        if (!e && span_is(part.type, "observed-data")) e = observables_done(x, &part, d);
    }
    return e;
}

static enum err write_texts(struct misp_exporter *x, struct misp_out *event, struct buf *list,
                            const struct misp_item *of, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct span rest = buf_span(&event->kept); !e && rest.len;) {
        struct span id = span_cut(&rest, '\n'), object = span_cut(&id, ' ');
        struct misp_item note;
        bool written;
        if (!span_equal(object, of->uuid) || misp_done(x, id)) continue;
        if ((e = misp_item_read(x, id, &x->arena, &note, d)) || !note.there) continue;
        if ((e = misp_set_done(x, id, d)) || !misp_item_may(x, &note)) continue;
        e = misp_write_attribute(x, event, list, &note, &written, d);
    }
    return e;
}

static void write_kept(struct buf *list, struct json_value attributes) {
    static const char *const kept[] = {
        "uuid",       "type",      "category",  "object_relation",     "value", "to_ids", "comment",
        "first_seen", "last_seen", "timestamp", "disable_correlation", NULL};
    for (struct json_iter it = json_iter(attributes); json_next(&it);) {
        struct json_writer w = misp_element(list);
        json_begin_object(&w);
        misp_write_members(&w, it.value, kept);
        json_end_object(&w);
    }
}

static enum err write_object(struct misp_exporter *x, struct misp_out *event, const struct misp_item *i,
                             struct diag *d) {
    static const char *const kept[] = {"name",    "meta-category", "description", "template_uuid", "template_version",
                                       "comment", "timestamp",     "first_seen",  "last_seen",     NULL};
    struct json_value said = json_get(i->said, "object");
    struct buf attributes = BUF_EMPTY;
    write_kept(&attributes, json_get(said, "attributes"));
    enum err e = write_parts(x, event, &attributes, i, d);
    if (!e) e = write_texts(x, event, &attributes, i, d);
    struct json_writer w = misp_element(&event->objects);
    json_begin_object(&w);
    json_member(&w, "uuid", i->uuid);
    misp_write_members(&w, said, kept);
    misp_write_distribution(&w, x, i, event);
    json_member_truth(&w, "deleted", i->revoked);
    json_key(&w, "Attribute");
    json_begin_array(&w);
    json_splice(&w, buf_span(&attributes));
    json_end_array(&w);
    if (!e) e = write_references(x, &w, i, d);
    json_end_object(&w);
    if (!e && !buf_ok(&attributes)) e = diag_set(d, ERR_NOMEM, "no memory for an object");
    buf_free(&attributes);
    event->items++;
    misp_tell_properties(x, i, " name description context object_refs abstract content ");
    return e;
}

/* ---- texts ---- */

static void write_report(struct misp_exporter *x, struct misp_out *event, const struct misp_item *i) {
    struct json_writer w = misp_element(&event->reports);
    struct span name = text_of(i->o, "abstract", &x->arena);
    json_begin_object(&w);
    json_member(&w, "uuid", i->uuid);
    json_member(&w, "name", name.len ? name : SPAN("Note"));
    json_member(&w, "content", text_of(i->o, "content", &x->arena));
    write_seconds(&w, "timestamp", i->modified);
    misp_write_distribution(&w, x, i, event);
    json_member_truth(&w, "deleted", i->revoked);
    json_end_object(&w);
    event->items++;
    misp_tell_properties(x, i, " abstract content object_refs ");
}

/* ---- observables that were never MISP's ---- */

struct saying {
    struct misp_exporter *x;
    struct diag *d;
    enum err failed;
};

/* What an observable says in one word. What is named so needs no attribute of its own. */
static struct span value_of(void *context, struct span id) {
    static const char *const properties[] = {"value", "path", "name", "number"};
    struct saying *s = context;
    struct misp_item o;
    if (!s->failed) s->failed = misp_item_read(s->x, id, &s->x->arena, &o, s->d);
    if (s->failed || !o.there || !misp_item_may(s->x, &o)) return (struct span){0};
    s->failed = misp_set_done(s->x, id, s->d);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        struct span text = text_of(o.o, properties[i], &s->x->arena);
        if (text.len) return text;
    }
    return (struct span){0};
}

static bool plain(struct misp_exporter *x, const struct misp_item *i, struct span *value,
                  const struct misp_type **type) {
    const char *property = span_is(i->type, "mutex")               ? "name"
                           : span_is(i->type, "autonomous-system") ? "number"
                                                                   : "value";
    struct json_value v = json_get(i->o, property);
    *type = misp_type_of_path(arena_printf(&x->arena, "%.*s:%s", SPAN_ARG(i->type), property));
    *value = json_type(v) == JSON_NUMBER ? arena_printf(&x->arena, "AS%.*s", SPAN_ARG(json_raw(v)))
                                         : json_text(v, &x->arena);
    return *type && value->len && !json_count(json_get(i->o, "resolves_to_refs"));
}

/* When it was seen, by the observed-data that names it (NULL: it stands alone). */
static void write_seen(struct misp_exporter *x, struct json_writer *w, const struct misp_item *of,
                       const struct misp_out *event) {
    struct span first = of ? text_of(of->o, "first_observed", &x->arena) : (struct span){0},
                last = of ? text_of(of->o, "last_observed", &x->arena) : (struct span){0};
    if (first.len) json_member(w, "first_seen", first);
    if (last.len) json_member(w, "last_seen", last);
    write_seconds(w, "timestamp", of ? of->modified : event->latest);
}

/* `of` is the observed-data that names it; NULL: it stands alone. */
static enum err write_observable(struct misp_exporter *x, struct misp_out *event, const struct misp_item *of,
                                 const struct misp_item *i, struct diag *d) {
    struct saying s = {.x = x, .d = d};
    struct buf attributes = BUF_EMPTY;
    const struct misp_type *type;
    const char *name = NULL;
    struct span value;
    if (plain(x, i, &value, &type)) {
        struct json_writer w = misp_element(&event->attributes);
        json_begin_object(&w);
        json_member(&w, "uuid", i->uuid);
        json_member_cstr(&w, "type", type->name);
        json_member_cstr(&w, "category", type->category);
        json_member(&w, "value", value);
        json_member_truth(&w, "to_ids", false);
        write_seen(x, &w, of, event);
        misp_write_distribution(&w, x, i, event);
        json_end_object(&w);
    } else if (misp_decompose(&attributes, i->o, i->type, &x->arena, value_of, &s, &name) && attributes.len) {
        struct json_writer w = misp_element(&event->objects);
        json_begin_object(&w);
        json_member(&w, "uuid", i->uuid);
        json_member_cstr(&w, "name", name);
        json_member_cstr(&w, "meta-category", span_is(i->type, "file") ? "file" : "network");
        write_seen(x, &w, of, event);
        misp_write_distribution(&w, x, i, event);
        json_key(&w, "Attribute");
        json_begin_array(&w);
        json_splice(&w, buf_span(&attributes));
        json_end_array(&w);
        json_end_object(&w);
    } else {
        losses_add(&x->result->losses, "observables that MISP has no object for", "%.*s", SPAN_ARG(i->id));
    }
    buf_free(&attributes);
    event->items++;
    return s.failed;
}

/* Those that name others come first: what they name stands in them. */
static enum err write_observed(struct misp_exporter *x, struct misp_out *event, const struct misp_item *of,
                               struct diag *d) {
    enum err e = ERR_NONE;
    if (json_exists(json_get(of->o, "objects")))
        losses_add(&x->result->losses, "observables inside of observed-data (STIX 2.0)", "%.*s", SPAN_ARG(of->id));
    misp_tell_properties(x, of, " object_refs objects first_observed last_observed number_observed ");
    for (int round = 0; round < 2; round++)
        for (struct json_iter it = json_iter(json_get(of->o, "object_refs")); !e && json_next(&it);) {
            struct misp_item o;
            struct span id = json_text(it.value, &x->arena), value;
            const struct misp_type *type;
            if (misp_done(x, id) || (e = misp_item_read(x, id, &x->arena, &o, d)) || !o.there) continue;
            if (round == 0 && plain(x, &o, &value, &type)) continue;
            if ((e = misp_set_done(x, id, d)) || !misp_item_may(x, &o)) continue;
            e = write_observable(x, event, of, &o, d);
        }
    event->items++;
    return e;
}

/* ---- any object ---- */

enum err misp_write_item(struct misp_exporter *x, struct misp_out *event, const struct misp_item *i, struct diag *d) {
    bool written = false;
    enum err e = ERR_NONE;
    const struct schema *schema = stix_schema(i->type);
    if (i->modified != TIME_NONE && i->modified > event->latest) event->latest = i->modified;
    if (misp_is_object(i)) return write_object(x, event, i, d);
    if (stix_words_have(" indicator vulnerability note threat-actor campaign observed-data ", i->type))
        e = misp_write_attribute(x, event, &event->attributes, i, &written, d);
    if (!e && written && span_is(i->type, "observed-data")) e = observables_done(x, i, d);
    if (e || written) return e;
    if (span_is(i->type, "note")) {
        write_report(x, event, i);
    } else if (misp_is_cluster(i->type)) {
        misp_write_cluster(x, &event->galaxies, &event->tags, &event->named, i);
        event->items++;
    } else if (span_is(i->type, "observed-data")) {
        e = write_observed(x, event, i, d);
    } else if (schema && schema->kind == STIX_SCO) {
        e = write_observable(x, event, NULL, i, d);
    } else {
        losses_add(&x->result->losses, "objects of types that MISP has no place for", "%.*s", SPAN_ARG(i->id));
    }
    return e;
}
