/* Goes through what a realm holds and writes it as events. */
#include "interchange/misp_export.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "interchange/misp_writer.h"
#include "stix/schema.h"

enum {
    ITEM_ARENA_MAX = 512 << 20, /* of the largest report, with its parse */
    PAGE = 1000,
    NAMING_PAGE = 1000
};

/* ---- reading ---- */

static void read_distribution(struct misp_item *i) {
    static const struct span head = {"misp:distribution=\"", 19};
    for (struct span rest = i->handling_labels; rest.len;) {
        struct span label = span_cut(&rest, '\n');
        if (span_starts(label, head) && label.len == head.len + 2) i->distribution = label.at[head.len] - '0';
    }
}

static enum err read_marking(struct misp_exporter *x, const struct store_holding *h, struct arena *a,
                             struct misp_item *i, struct diag *d) {
    struct json_value refs = json_get(i->o, "object_marking_refs"), granular = json_get(i->o, "granular_markings"),
                      labels = json_get(i->o, "labels");
    struct indicator_row row = {.handling_labels = h->handling.labels,
                                .marking_refs = json_exists(refs) ? json_raw(refs) : (struct span){0},
                                .granular_markings = json_exists(granular) ? json_raw(granular) : (struct span){0},
                                .labels = json_exists(labels) ? json_raw(labels) : (struct span){0}};
    enum err e = export_marking_of(&x->markings, &row, a, &i->marking, d);
    i->handling = i->marking.tlp;
    if (h->handling.tlp > (int)i->handling) i->handling = (enum stix_tlp)h->handling.tlp;
    if (i->distribution < 0) i->marking.tlp = i->handling;
    return e;
}

enum err misp_item_read(struct misp_exporter *x, struct span id, struct arena *a, struct misp_item *out,
                        struct diag *d) {
    struct store_holding h;
    struct stix_object o;
    *out = (struct misp_item){.distribution = -1, .created = TIME_NONE, .modified = TIME_NONE};
    if (!stix_id_valid(id)) return ERR_NONE;
    enum err e = store_holding_latest(x->reader, id, a, &h, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    struct json_doc *doc = e ? NULL : arena_alloc(a, sizeof *doc); /* values point to it: it must not move */
    if (!e && !doc) e = diag_set(d, ERR_NOMEM, "no memory for an object");
    if (!e) e = json_parse(a, h.body, doc, d);
    if (!e) e = stix_object_view(a, json_root(doc), &o, d);
    if (e) return e;
    out->o = o.json;
    out->said = json_get(json_get(o.json, "extensions"), MISP_EXTENSION);
    out->id = o.id;
    out->type = o.type;
    out->uuid = span_from(o.id, o.id.len - MISP_UUID_LEN);
    out->there = true;
    out->revoked = o.revoked;
    out->created = o.created;
    out->modified = o.modified;
    out->handling_labels = h.handling.labels;
    read_distribution(out);
    return read_marking(x, &h, a, out, d);
}

bool misp_is_object(const struct misp_item *i) {
    struct json_value name = json_get(json_get(i->said, "object"), "name");
    return stix_words_have(" grouping note ", i->type) && json_spelt(name).len > 0;
}

static bool is_part(const struct misp_item *i) {
    return json_exists(json_get(i->said, "part_of")) && span_is(i->type, "grouping");
}

bool misp_item_may(struct misp_exporter *x, const struct misp_item *i) {
    if (i->marking.unknown)
        x->result->not_known++;
    else if (i->handling > x->options->tlp)
        x->result->too_strict++;
    else
        return true;
    return false;
}

bool misp_done(const struct misp_exporter *x, struct span id) {
    uint64_t ignored;
    return map_get(&x->done, id, &ignored);
}

enum err misp_set_done(struct misp_exporter *x, struct span id, struct diag *d) {
    return map_set(&x->done, id, 1, NULL) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for an export");
}

struct peeking {
    bool wanted;
    char id[STIX_ID_SIZE];
};

static bool peek(void *context, const struct store_holding *h) {
    struct peeking *p = context;
    p->wanted = h->state == STORE_CURRENT && h->stix_id.len < sizeof p->id;
    if (p->wanted) snprintf(p->id, sizeof p->id, "%.*s", SPAN_ARG(h->stix_id));
    return false;
}

/* The id of the object in this row, if it is of one of the types. */
static enum err peek_row(struct misp_exporter *x, int64_t row, const char *types, struct peeking *p, struct diag *d) {
    enum err e = ERR_NONE;
    p->wanted = false;
    for (struct span rest = span_trim(span_cstr(types)); !e && !p->wanted && rest.len;)
        e = store_holding_each(x->reader, row - 1, row, span_cut(&rest, ' '), false, peek, p, d);
    return e;
}

/* Only what is of these types is read whole: a report of a hundred thousand indicators names each of them. */
enum err misp_each_naming(struct misp_exporter *x, struct span id, const char *types,
                          enum err (*each)(void *context, const struct misp_item *i, struct diag *d), void *context,
                          struct diag *d) {
    int64_t rows[NAMING_PAGE], after = 0;
    size_t count;
    enum err e = ERR_NONE;
    do {
        int64_t *page;
        arena_reset(&x->related);
        if ((e = store_holding_naming(x->reader, id, after, NAMING_PAGE, &x->related, &page, &count, d))) return e;
        if (count) memcpy(rows, page, count * sizeof *rows);
        for (size_t i = 0; !e && i < count; i++) {
            struct peeking p;
            struct misp_item item;
            after = rows[i];
            arena_reset(&x->related);
            e = peek_row(x, rows[i], types, &p, d);
            if (!e && p.wanted) e = misp_item_read(x, span_cstr(p.id), &x->related, &item, d);
            if (!e && p.wanted && item.there) e = each(context, &item, d);
        }
    } while (!e && count == NAMING_PAGE);
    return e;
}

/* ---- parts of elements ---- */

struct json_writer misp_element(struct buf *list) {
    if (list->len) buf_add_char(list, ',');
    return json_writer(list);
}

void misp_write_members(struct json_writer *w, struct json_value said, const char *const *names) {
    for (; *names; names++) {
        struct json_value v = json_get(said, *names);
        enum json_type type = json_type(v);
        if (type == JSON_NONE || type == JSON_NULL || type == JSON_ARRAY || type == JSON_OBJECT) continue;
        if (type == JSON_STRING && !json_spelt(v).len) continue;
        json_key(w, *names);
        json_splice(w, json_raw(v));
    }
}

/* Where a property is told under its own name. */
static const char *property_loss(struct span key) {
    static const struct {
        const char *key, *kind;
    } known[] = {{"name", "property name"},
                 {"description", "property description"},
                 {"external_references", "property external_references"},
                 {"kill_chain_phases", "property kill_chain_phases"},
                 {"granular_markings", "property granular_markings: the strictest marks the whole"},
                 {"lang", "property lang"},
                 {"pattern_version", "property pattern_version"},
                 {"indicator_types", "property indicator_types"},
                 {"report_types", "property report_types"},
                 {"authors", "property authors"},
                 {"aliases", "property aliases"},
                 {"start_time", "property start_time"},
                 {"stop_time", "property stop_time"},
                 {"first_seen", "property first_seen"},
                 {"last_seen", "property last_seen"},
                 {"number_observed", "property number_observed"},
                 {"observed_data_refs", "property observed_data_refs"},
                 {"object_refs", "property object_refs"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is(key, known[i].key)) return known[i].kind;
    return "further properties of single types, and custom ones";
}

static bool says_default(const struct misp_item *i, struct json_value key, struct json_value value) {
    int64_t n;
    if (json_is(key, SPAN("indicator_types")))
        return json_count(value) == 1 && json_is(json_at(value, 0), SPAN("malicious-activity"));
    if (json_is(key, SPAN("number_observed"))) return json_int(value, &n) && n == 1;
    return json_exists(i->said) && json_is(key, SPAN("external_references")); /* made of what MISP said */
}

void misp_tell_properties(struct misp_exporter *x, const struct misp_item *i, const char *carried) {
    static const char everywhere[] = " type spec_version id created_by_ref created modified revoked labels confidence "
                                     "object_marking_refs extensions ";
    for (struct json_iter it = json_iter(i->o); carried && json_next(&it);) {
        struct span key = json_text(it.key, &x->arena);
        bool default_only = says_default(i, it.key, it.value);
        if (default_only || stix_words_have(everywhere, key)) continue;
        if (stix_words_have(carried, key) && !span_is(key, "indicator_types") && !span_is(key, "number_observed"))
            continue;
        losses_add(&x->result->losses, property_loss(key), "%.*s of %.*s", SPAN_ARG(span_first(key, 60)),
                   SPAN_ARG(i->id));
    }
    for (struct json_iter it = json_iter(json_get(i->o, "object_marking_refs")); json_next(&it);) {
        struct span id = json_text(it.value, &x->arena);
        enum stix_tlp ignored;
        if (!stix_marking_builtin(id, &ignored) && !misp_is_pap(id))
            losses_add(&x->result->losses, "markings other than TLP and PAP (statements)", "%.*s of %.*s", SPAN_ARG(id),
                       SPAN_ARG(i->id));
    }
    for (struct json_iter it = json_iter(json_get(i->o, "extensions")); json_next(&it);)
        if (!json_is(it.key, SPAN(MISP_EXTENSION)))
            losses_add(&x->result->losses, "extensions", "of %.*s", SPAN_ARG(i->id));
}

/* ---- tags ---- */

static void write_tag(struct misp_exporter *x, struct buf *list, struct map *named, struct span name) {
    bool again = false;
    if (!map_set(named, name, 1, &again)) list->failed = true;
    if (again) return;
    struct json_writer w = misp_element(list);
    json_begin_object(&w);
    json_member(&w, "name", name);
    json_end_object(&w);
}

static int confidence_of(const struct misp_item *i) {
    int64_t n;
    return json_int(json_get(i->o, "confidence"), &n) && n >= 0 && n <= 100 ? (int)n : -1;
}

static struct span pap_tag(struct arena *a, enum stix_pap pap) {
    char name[16];
    size_t i = 0;
    for (const char *c = stix_pap_name(pap); *c && i < sizeof name - 1; c++) name[i++] = (char)(*c & ~32);
    return arena_printf(a, "PAP:%.*s", (int)i, name);
}

void misp_write_tags(struct misp_exporter *x, struct buf *list, struct map *named, const struct misp_item *i,
                     const struct misp_out *event) {
    enum stix_tlp tlp = i->marking.tlp, said_tlp = STIX_TLP_NONE, level;
    enum stix_pap pap = i->marking.pap, said_pap = STIX_PAP_NONE, colour;
    int confidence = confidence_of(i), said_confidence = -1;
    for (struct json_iter it = json_iter(json_get(i->o, "labels")); json_next(&it);) {
        struct span label = json_text(it.value, &x->arena);
        if (!label.len) continue;
        if (misp_tlp_of(label, &level) && level > said_tlp) said_tlp = level;
        if (stix_pap_of_label(label, &colour) && colour > said_pap) said_pap = colour;
        if (misp_confidence_of(label) >= 0) said_confidence = misp_confidence_of(label);
        write_tag(x, list, named, label);
    }
    if (tlp > said_tlp && tlp > (event ? event->tlp : STIX_TLP_NONE))
        write_tag(x, list, named, arena_printf(&x->arena, "tlp:%s", stix_tlp_name(tlp)));
    if (pap > said_pap && pap > (event ? event->pap : STIX_PAP_NONE))
        write_tag(x, list, named, pap_tag(&x->arena, pap));
    if (event && tlp < event->tlp)
        losses_add(&x->result->losses, "objects marked less strictly than the event they stand in", "%.*s",
                   SPAN_ARG(i->id));
    if (confidence < 0 || confidence == said_confidence || (event && confidence == event->confidence)) return;
    if (misp_confidence_tag(confidence))
        write_tag(x, list, named, span_cstr(misp_confidence_tag(confidence)));
    else
        losses_add(&x->result->losses, "confidence between the steps of MISP's scales", "%d of %.*s", confidence,
                   SPAN_ARG(i->id));
}

void misp_write_distribution(struct json_writer *w, struct misp_exporter *x, const struct misp_item *i,
                             const struct misp_out *event) {
    enum { OWN = 0, GROUP = 4, INHERIT = 5 };
    int level = i->distribution;
    if (event && (level < 0 || level == event->distribution)) level = INHERIT;
    if (level < 0) level = OWN;
    if (level == GROUP) {
        losses_add(&x->result->losses, "sharing groups, which every MISP numbers by itself: the own organisation only",
                   "%.*s", SPAN_ARG(i->id));
        level = OWN;
    }
    char text[12];
    snprintf(text, sizeof text, "%d", level);
    json_member_cstr(w, "distribution", text);
}

/* ---- events ---- */

static void out_free(struct misp_out *o) {
    buf_free(&o->attributes);
    buf_free(&o->objects);
    buf_free(&o->reports);
    buf_free(&o->galaxies);
    buf_free(&o->tags);
    buf_free(&o->kept);
    map_free(&o->named);
}

static void out_init(struct misp_out *o) {
    *o = (struct misp_out){.confidence = -1, .distribution = -1, .latest = TIME_NONE};
    map_init(&o->named);
}

static bool out_ok(const struct misp_out *o) {
    return buf_ok(&o->attributes) && buf_ok(&o->objects) && buf_ok(&o->reports) && buf_ok(&o->galaxies) &&
           buf_ok(&o->tags) && buf_ok(&o->kept);
}

static void write_list(struct json_writer *w, const char *name, const struct buf *list) {
    json_key(w, name);
    json_begin_array(w);
    if (list->len) json_splice(w, buf_span(list));
    json_end_array(w);
}

static void write_seconds(struct json_writer *w, const char *name, time_us t) {
    char text[24];
    snprintf(text, sizeof text, "%lld", t == TIME_NONE || t < 0 ? 0 : (long long)(t / TIME_US_PER_S));
    json_member_cstr(w, name, text);
}

static void write_defaults(struct misp_exporter *x, struct json_writer *w, struct json_value said, time_us created,
                           time_us modified, time_us published) {
    static const char *const kept[] = {"date",      "threat_level_id", "analysis",          "published",
                                       "timestamp", "extends_uuid",    "publish_timestamp", "disable_correlation",
                                       NULL};
    char date[TIME_TEXT_SIZE];
    misp_write_members(w, said, kept);
    if (!json_exists(json_get(said, "date"))) {
        time_format_us(created == TIME_NONE ? 0 : created, date);
        json_member(w, "date", span_first(span_cstr(date), 10));
    }
    if (!json_exists(json_get(said, "threat_level_id"))) json_member_cstr(w, "threat_level_id", "4");
    if (!json_exists(json_get(said, "analysis"))) json_member_cstr(w, "analysis", "2");
    if (!json_exists(json_get(said, "published"))) json_member_truth(w, "published", published != TIME_NONE);
    if (!json_exists(json_get(said, "timestamp"))) write_seconds(w, "timestamp", modified);
    if (!json_exists(said) && published != TIME_NONE) write_seconds(w, "publish_timestamp", published);
}

/* Ends the event that `w` has begun in `head` with its lists, and writes it. */
static enum err put_out(struct misp_exporter *x, struct json_writer *w, struct buf *head, const struct misp_out *o,
                        struct diag *d) {
    write_list(w, "Tag", &o->tags);
    write_list(w, "Attribute", &o->attributes);
    write_list(w, "Object", &o->objects);
    write_list(w, "Galaxy", &o->galaxies);
    write_list(w, "EventReport", &o->reports);
    json_end_object(w);
    if (!buf_ok(head) || !out_ok(o)) return diag_set(d, ERR_NOMEM, "no memory for an event");
    enum err e = file_write_all(x->fd, x->any ? SPAN(",\n{\"Event\":") : SPAN("{\"Event\":"), d);
    if (!e) e = file_write_all(x->fd, buf_span(head), d);
    if (!e) e = file_write_all(x->fd, SPAN("}"), d);
    x->any = true;
    x->result->events++;
    x->result->objects += o->items;
    return e;
}

/* ---- of reports ---- */

struct reporting {
    struct misp_exporter *x;
    struct misp_out *out;
    bool late; /* what stood in an object has had its chance to be written there */
};

/* Texts about the report that stood in one of its objects: told before the objects are written. */
static enum err keep_note(void *context, const struct misp_item *i, struct diag *d) {
    struct reporting *r = context;
    struct span object = json_text(json_get(json_get(i->said, "attribute"), "object"), &r->x->related);
    if (object.len == MISP_UUID_LEN) buf_printf(&r->out->kept, "%.*s %.*s\n", SPAN_ARG(object), SPAN_ARG(i->id));
    return ERR_NONE;
}

static bool tagged(const struct misp_out *out, const struct misp_item *cluster, struct arena *a) {
    struct span tag = json_text(json_get(json_get(cluster->said, "cluster"), "tag_name"), a);
    uint64_t ignored;
    return tag.len && map_get(&out->named, tag, &ignored);
}

static enum err write_refs(struct misp_exporter *x, struct misp_out *out, struct json_value refs, bool late,
                           struct diag *d);

/* A grouping with more of what the report names. What calls itself a part is not looked into for further parts. */
static enum err write_part(struct misp_exporter *x, struct misp_out *out, struct span id, bool late, struct diag *d) {
    struct misp_item i;
    struct arena whole;
    enum err e = ERR_NONE;
    if (out->in_part) return ERR_NONE;
    arena_init(&whole, ITEM_ARENA_MAX);
    out->in_part = true;
    if (late) e = misp_set_done(x, id, d);
    if (!e) e = misp_item_read(x, id, &whole, &i, d);
    if (!e && i.there && misp_item_may(x, &i)) e = write_refs(x, out, json_get(i.o, "object_refs"), late, d);
    out->in_part = false;
    arena_free(&whole);
    return e;
}

/* What has an object of MISP's around it waits for that; `late`: it did not come. */
static enum err write_refs(struct misp_exporter *x, struct misp_out *out, struct json_value refs, bool late,
                           struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(refs); !e && json_next(&it);) {
        struct misp_item i;
        arena_reset(&x->arena);
        struct span id = json_text(it.value, &x->arena), type = stix_id_type(id);
        if (stix_words_have(" identity marking-definition relationship sighting opinion report extension-definition ",
                            type))
            continue;
        /* a cluster that an attribute has stands there, unless the event is tagged with it, too: asked last */
        bool cluster = misp_is_cluster(type), done = misp_done(x, id);
        if (cluster ? !late : done) continue;
        if ((e = misp_item_read(x, id, &x->arena, &i, d))) break;
        if (done && !tagged(out, &i, &x->arena)) continue;
        if (is_part(&i)) {
            e = write_part(x, out, id, late, d);
            continue;
        }
        if (!i.there) {
            if (late)
                losses_add(&x->result->losses, "objects that a report names and that are not held", "%.*s",
                           SPAN_ARG(id));
            continue;
        }
        bool waits = json_exists(json_get(i.said, "object_uuid")) ||
                     json_exists(json_get(json_get(i.said, "attribute"), "object"));
        if (waits && !late) continue;
        if ((e = misp_set_done(x, i.id, d)) || !misp_item_may(x, &i)) continue;
        e = misp_write_item(x, out, &i, d);
    }
    return e;
}

static enum err add_note(void *context, const struct misp_item *i, struct diag *d) {
    struct reporting *r = context;
    struct misp_item again;
    bool waits = json_exists(json_get(json_get(i->said, "attribute"), "object"));
    if (misp_done(r->x, i->id) || (waits && !r->late)) return ERR_NONE;
    enum err e = misp_set_done(r->x, i->id, d);
    arena_reset(&r->x->arena);
    if (!e) e = misp_item_read(r->x, i->id, &r->x->arena, &again, d); /* out of the way of what it asks for */
    return e || !again.there || !misp_item_may(r->x, &again) ? e : misp_write_item(r->x, r->out, &again, d);
}

/* A restricted part: the report does not name it, it names the report. */
static enum err add_part(void *context, const struct misp_item *i, struct diag *d) {
    struct reporting *r = context;
    char id[STIX_ID_SIZE];
    if (!is_part(i) || misp_done(r->x, i->id) || i->revoked) return ERR_NONE;
    snprintf(id, sizeof id, "%.*s", SPAN_ARG(i->id));
    return write_part(r->x, r->out, span_cstr(id), r->late, d);
}

/* An event has no description but in its reports. */
static void write_description(struct misp_exporter *x, struct misp_out *out, const struct misp_item *i,
                              struct arena *a) {
    struct span text = json_text(json_get(i->o, "description"), a);
    if (!text.len) return;
    struct json_writer w = misp_element(&out->reports);
    json_begin_object(&w);
    json_member(&w, "uuid", misp_description_uuid(a, i->uuid));
    json_member_cstr(&w, "name", "Description");
    json_member(&w, "content", text);
    write_seconds(&w, "timestamp", i->modified);
    json_member_cstr(&w, "distribution", "5");
    json_end_object(&w);
}

static enum err write_report(struct misp_exporter *x, struct span id, struct diag *d) {
    struct misp_out out;
    struct misp_item i;
    struct arena whole; /* the report lasts, what it names comes and goes */
    struct buf head = BUF_EMPTY;
    time_us published = TIME_NONE;
    arena_init(&whole, ITEM_ARENA_MAX);
    out_init(&out);
    enum err e = misp_item_read(x, id, &whole, &i, d);
    if (e || !i.there || i.revoked || !misp_item_may(x, &i)) goto out;
    out.tlp = i.marking.tlp;
    out.pap = i.marking.pap;
    out.confidence = confidence_of(&i);
    out.distribution = i.distribution;
    out.latest = i.modified;
    out.items = 1;
    struct json_value refs = json_get(i.o, "object_refs"), said = json_get(i.said, "event");
    struct reporting r = {x, &out, false};
    misp_write_tags(x, &out.tags, &out.named, &i, NULL);
    if (!e) e = misp_each_naming(x, i.id, " note ", keep_note, &r, d);
    if (!e) e = write_refs(x, &out, refs, false, d);
    if (!e) e = misp_each_naming(x, i.id, " grouping ", add_part, &r, d);
    if (!e) e = write_refs(x, &out, refs, true, d);
    if (!e) e = misp_each_naming(x, i.id, " note ", add_note, &r, d);
    r.late = true;
    if (!e) e = misp_each_naming(x, i.id, " grouping ", add_part, &r, d);
    if (!e) e = misp_each_naming(x, i.id, " note ", add_note, &r, d);
    if (e) goto out;
    struct json_writer w = json_writer(&head);
    json_begin_object(&w);
    json_member(&w, "uuid", i.uuid);
    json_member(&w, "info", json_text(json_get(i.o, "name"), &whole));
    misp_write_distribution(&w, x, &i, NULL);
    (void)time_parse_stix(json_text(json_get(i.o, "published"), &whole), &published);
    write_defaults(x, &w, said, i.created, i.modified, published);
    json_key(&w, "Orgc");
    e = misp_write_organisation(x, &w, json_text(json_get(i.o, "created_by_ref"), &whole), d);
    write_description(x, &out, &i, &whole);
    misp_tell_properties(x, &i, " name description published object_refs context ");
    if (!e) e = put_out(x, &w, &head, &out, d);
out:
    buf_free(&head);
    out_free(&out);
    arena_free(&whole);
    return e;
}

/* ---- of what no report names: an event a creator ---- */

struct creators {
    struct map index;
    struct misp_out **at;
    size_t count, size;
};

static enum err flush(struct misp_exporter *x, struct misp_out *o, struct diag *d) {
    struct buf head = BUF_EMPTY;
    struct json_writer w = json_writer(&head);
    struct arena a;
    char number[24];
    arena_init(&a, 1 << 20);
    snprintf(number, sizeof number, "%llu", (unsigned long long)o->part);
    struct span creator = span_cstr(o->creator);
    json_begin_object(&w);
    json_member(&w, "uuid",
                misp_made_uuid(&a, "event of", creator.len ? creator : x->options->identity, span_cstr(number)));
    json_member(&w, "info",
                arena_printf(&a, "Indicators outside of reports, part %llu", (unsigned long long)o->part + 1));
    json_member_cstr(&w, "distribution", "0");
    write_defaults(x, &w, JSON_MISSING, o->latest, o->latest, TIME_NONE);
    json_key(&w, "Orgc");
    enum err e = misp_write_organisation(x, &w, creator, d);
    if (!e) e = put_out(x, &w, &head, o, d);
    struct misp_out next;
    out_init(&next);
    next.part = o->part + 1;
    memcpy(next.creator, o->creator, sizeof next.creator);
    out_free(o);
    *o = next;
    buf_free(&head);
    arena_free(&a);
    return e;
}

static enum err creator_out(struct creators *c, struct span creator, struct misp_out **out, struct diag *d) {
    uint64_t at;
    if (map_get(&c->index, creator, &at)) {
        *out = c->at[at];
        return ERR_NONE;
    }
    if (c->count == c->size) {
        size_t size = c->size ? c->size * 2 : 16;
        struct misp_out **bigger = realloc(c->at, size * sizeof(*bigger));
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory for an export");
        c->at = bigger;
        c->size = size;
    }
    *out = c->at[c->count] = malloc(sizeof **out);
    if (!*out || !map_set(&c->index, creator, c->count, NULL)) {
        free(*out);
        return diag_set(d, ERR_NOMEM, "no memory for an export");
    }
    out_init(*out);
    snprintf((*out)->creator, sizeof(*out)->creator, "%.*s", SPAN_ARG(creator));
    c->count++;
    return ERR_NONE;
}

static enum err write_rest(struct misp_exporter *x, struct creators *c, struct span id, struct diag *d) {
    struct misp_item i;
    struct misp_out *out = NULL;
    arena_reset(&x->arena);
    enum err e = misp_set_done(x, id, d);
    if (!e) e = misp_item_read(x, id, &x->arena, &i, d);
    if (e || !i.there || i.revoked || !misp_item_may(x, &i)) return e;
    struct span creator = json_text(json_get(i.o, "created_by_ref"), &x->arena);
    if ((e = creator_out(c, stix_id_valid(creator) ? creator : (struct span){0}, &out, d))) return e;
    e = misp_write_item(x, out, &i, d);
    return e || out->items < MISP_EVENT_ATTRIBUTES_MAX ? e : flush(x, out, d);
}

/* ---- everything ---- */

struct walking {
    struct misp_exporter *x;
    struct creators creators;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
    int64_t visible;
};

static enum err each_of_type(struct walking *k, const char *type,
                             enum err (*each)(struct walking *k, const struct store_holding *h, struct diag *d),
                             struct diag *d) {
    struct arena page;
    int64_t after = 0;
    size_t count;
    enum err e = ERR_NONE;
    arena_init(&page, ITEM_ARENA_MAX);
    do {
        struct store_holding *at;
        arena_reset(&page);
        e = store_holding_scan(k->x->reader, after, span_cstr(type), PAGE / 10, &page, &at, &count, d);
        for (size_t i = 0; !e && i < count; i++) {
            after = at[i].id;
            if (at[i].state == STORE_CURRENT && !misp_done(k->x, at[i].stix_id)) e = each(k, &at[i], d);
        }
        if (k->progress) k->progress(k->context, (uint64_t)after, (uint64_t)k->visible);
    } while (!e && count == PAGE / 10);
    arena_free(&page);
    return e;
}

static enum err take_report(struct walking *k, const struct store_holding *h, struct diag *d) {
    struct misp_item i;
    if (span_is(h->type, "grouping")) { /* a MISP object's stands in its event */
        arena_reset(&k->x->arena);
        enum err e = misp_item_read(k->x, h->stix_id, &k->x->arena, &i, d);
        if (e || misp_is_object(&i) || is_part(&i)) return e;
    }
    enum err e = misp_set_done(k->x, h->stix_id, d);
    return e ? e : write_report(k->x, h->stix_id, d);
}

static enum err take_rest(struct walking *k, const struct store_holding *h, struct diag *d) {
    return write_rest(k->x, &k->creators, h->stix_id, d);
}

/* What stands nowhere, by type. */
static enum err tell_rest(struct walking *k, const struct store_holding *h, struct diag *d) {
    const char *kind = span_is(h->type, "relationship") ? "relationships between what MISP does not relate"
                       : span_is(h->type, "sighting")   ? "sightings of what is no attribute"
                       : span_is(h->type, "opinion")    ? "opinions"
                       : misp_is_cluster(h->type)       ? "domain objects that no event and no attribute is about"
                                                        : "objects of types that MISP has no place for";
    if (!h->revoked) losses_add(&k->x->result->losses, kind, "%.*s", SPAN_ARG(h->stix_id));
    return misp_set_done(k->x, h->stix_id, d);
}

static enum err write_all(struct walking *k, struct diag *d) {
    static const char *const reports[] = {"report", "grouping", NULL};
    static const char *const rest[] = {"indicator", "grouping",  "observed-data", "vulnerability",
                                       "note",      "ipv4-addr", "ipv6-addr",     "domain-name",
                                       "url",       "file",      "email-addr",    NULL};
    static const char *const untold[] = {"relationship",     "sighting",
                                         "opinion",          "attack-pattern",
                                         "malware",          "tool",
                                         "threat-actor",     "intrusion-set",
                                         "campaign",         "course-of-action",
                                         "infrastructure",   "location",
                                         "malware-analysis", "language-content",
                                         "incident",         NULL};
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && reports[i]; i++) e = each_of_type(k, reports[i], take_report, d);
    for (size_t i = 0; !e && rest[i]; i++) e = each_of_type(k, rest[i], take_rest, d);
    for (size_t i = 0; !e && i < k->creators.count; i++)
        if (k->creators.at[i]->items) e = flush(k->x, k->creators.at[i], d);
    for (size_t i = 0; !e && untold[i]; i++) e = each_of_type(k, untold[i], tell_rest, d);
    return e;
}

enum err misp_export(struct store_reader *r, const struct misp_export_options *o, int fd,
                     void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                     struct misp_export_result *out, struct diag *d) {
    struct misp_exporter *x = calloc(1, sizeof *x);
    struct walking k = {.x = x, .progress = progress, .context = context};
    if (!x) return diag_set(d, ERR_NOMEM, "no memory for an export");
    *out = (struct misp_export_result){0};
    x->reader = r;
    x->options = o;
    x->result = out;
    x->fd = fd;
    map_init(&x->done);
    map_init(&k.creators.index);
    arena_init(&x->arena, ITEM_ARENA_MAX);
    arena_init(&x->related, ITEM_ARENA_MAX);
    export_markings_init(&x->markings, r);
    enum err e = store_reader_snapshot(r, d);
    if (!e) e = store_holding_visible(r, &k.visible, d);
    if (!e) e = file_write_all(fd, SPAN("{\"response\":["), d);
    if (!e) e = write_all(&k, d);
    if (!e) e = file_write_all(fd, SPAN("]}\n"), d);
    store_reader_release(r);
    for (size_t i = 0; i < k.creators.count; i++) {
        out_free(k.creators.at[i]);
        free(k.creators.at[i]);
    }
    free(k.creators.at);
    map_free(&k.creators.index);
    map_free(&x->done);
    arena_free(&x->arena);
    arena_free(&x->related);
    export_markings_free(&x->markings);
    free(x);
    return e;
}
