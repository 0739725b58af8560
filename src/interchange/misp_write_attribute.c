/* STIX objects as attributes, with their sightings, tags and galaxies. */
#include <stdio.h>

#include "interchange/misp_writer.h"
#include "stix/schema.h"

struct attribute {
    struct span type, category, value, comment;
    bool to_ids;
    struct json_value said; /* MISP's own words; missing: the object was not read from MISP */
};

/* ---- values of patterns ---- */

/* The string literal at the start of text, escapes undone. False: there is none. *rest is what follows. */
static bool literal(struct span text, struct buf *out, struct span *rest) {
    size_t i = 1;
    if (!text.len || text.at[0] != '\'') return false;
    for (; i < text.len && text.at[i] != '\''; i++) {
        if (text.at[i] == '\\') i++;
        if (i < text.len) buf_add_char(out, text.at[i]);
    }
    *rest = span_from(text, i + 1);
    return i < text.len;
}

static bool writes(const struct misp_type *type, struct span value, struct span pattern) {
    struct buf again = BUF_EMPTY;
    bool same = type && misp_value_fits(type, value) && misp_pattern(&again, type, value) &&
                span_equal(buf_span(&again), pattern);
    buf_free(&again);
    return same;
}

/* The second half of a composite: what follows the last '=' or ISSUBSET. */
static void second_half(struct span rest, struct buf *value) {
    struct span digits = span_trim(rest), behind;
    size_t equal = digits.len;
    while (equal > 0 && digits.at[equal - 1] != '=') equal--;
    if (!equal) return;
    digits = span_trim(span_from(digits, equal));
    buf_add_char(value, '|');
    if (digits.len && digits.at[0] == '\'') {
        (void)literal(digits, value, &behind);
        return;
    }
    for (size_t i = 0; i < digits.len && digits.at[i] >= '0' && digits.at[i] <= '9'; i++)
        buf_add_char(value, digits.at[i]);
}

/* An attribute that reads back as exactly this pattern: MISP's type and its value. */
static bool from_pattern(struct span pattern, struct arena *a, struct attribute *out) {
    static const char *const composites[] = {"ip-dst|port", "ip-src|port", "hostname|port", "domain|ip",
                                             "regkey|value"};
    struct span path = span_from(pattern, 1), rest;
    size_t blank = span_find_char(path, ' '), quote = span_find_char(pattern, '\'');
    struct buf value = BUF_EMPTY;
    const struct misp_type *type = NULL;
    if (pattern.len < 4 || pattern.at[0] != '[' || blank == SIZE_MAX) return false;
    path = span_first(path, blank);
    /* a quote in the path is of a key such as hashes.'SHA-256' */
    if (quote != SIZE_MAX && quote < blank) quote = span_find(pattern, SPAN(" '"));
    if (quote != SIZE_MAX && pattern.at[quote] == ' ') quote++;
    if (span_is(path, "autonomous-system:number")) {
        struct span digits = span_from(pattern, blank + 4);
        buf_add_cstr(&value, "AS");
        buf_add(&value, span_trim(span_first(digits, digits.len ? digits.len - 1 : 0)));
        type = misp_type_of_path(path);
    } else if (quote != SIZE_MAX && literal(span_from(pattern, quote), &value, &rest)) {
        type = misp_type_of_path(path);
        for (size_t i = 0; i < sizeof composites / sizeof *composites && !writes(type, buf_span(&value), pattern);
             i++) {
            struct buf both = BUF_EMPTY;
            buf_add(&both, buf_span(&value));
            second_half(rest, &both);
            type = misp_type_named(span_cstr(composites[i]));
            if (writes(type, buf_span(&both), pattern)) {
                buf_free(&value);
                value = both;
            } else {
                buf_free(&both);
                type = misp_type_of_path(path);
            }
        }
    }
    bool found = writes(type, buf_span(&value), pattern);
    if (found) {
        out->type = span_cstr(type->name);
        out->category = span_cstr(type->category);
        out->value = arena_copy(a, buf_span(&value));
    }
    buf_free(&value);
    return found && out->value.at;
}

/* ---- what an object is as an attribute ---- */

static struct span text_of(struct json_value o, const char *name, struct arena *a) {
    return json_text(json_get(o, name), a);
}

/* MISP's own words, if they still say what the pattern says. */
static bool indicator_said(const struct misp_item *i, struct arena *a, struct attribute *out) {
    struct json_value said = json_get(i->said, "attribute");
    struct span pattern = text_of(i->o, "pattern", a);
    const struct misp_type *type = misp_type_named(text_of(said, "type", a));
    if (!type) return false;
    out->said = said;
    out->type = span_cstr(type->name);
    if (type->form == MISP_RULE) {
        out->value = pattern;
        return json_is(json_get(i->o, "pattern_type"), span_cstr(type->word));
    }
    out->value = text_of(said, "value", a);
    return writes(type, out->value, pattern);
}

static bool from_indicator(struct misp_exporter *x, const struct misp_item *i, struct attribute *out) {
    static const char *const rules[] = {"yara", "sigma", "snort", "suricata", "zeek"};
    struct span pattern = text_of(i->o, "pattern", &x->arena), language = text_of(i->o, "pattern_type", &x->arena),
                name = text_of(i->o, "name", &x->arena), text = text_of(i->o, "description", &x->arena);
    out->to_ids = true;
    if (indicator_said(i, &x->arena, out)) return true;
    *out = (struct attribute){.to_ids = true, .comment = text.len ? text : name};
    if (span_is(language, "stix")) {
        if (from_pattern(pattern, &x->arena, out)) {
            if (!text.len && span_equal(name, out->value)) out->comment = (struct span){0};
        } else {
            *out = (struct attribute){
                .type = SPAN("stix2-pattern"), .value = pattern, .to_ids = true, .comment = out->comment};
        }
    } else {
        for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
            if (span_is(language, rules[k])) out->type = span_cstr(rules[k]);
        out->value = pattern;
    }
    losses_add(&x->result->losses, "creation times: MISP has that of the last change, and the event's date", "%.*s",
               SPAN_ARG(i->id));
    if (name.len && !span_equal(name, out->value) && !span_equal(name, text))
        losses_add(&x->result->losses,
                   text.len ? "names of indicators that have a description, too"
                            : "names of indicators, which are written as comments",
                   "%.*s of %.*s", SPAN_ARG(span_first(name, 80)), SPAN_ARG(i->id));
    if (!out->type.len)
        losses_add(&x->result->losses, "indicators in languages that MISP has no type for", "%.*s: %.*s",
                   SPAN_ARG(span_first(language, 40)), SPAN_ARG(i->id));
    return out->type.len > 0;
}

/* Whether the text stands in the observables, in any case of letters. */
static bool observed_says(struct misp_exporter *x, const struct misp_item *i, struct span part, struct diag *d) {
    struct buf quoted = BUF_EMPTY;
    struct json_writer w = json_writer(&quoted);
    bool found = false;
    json_string(&w, part);
    struct span text = buf_ok(&quoted) && quoted.len > 2 ? span_of(quoted.at + 1, quoted.len - 2) : (struct span){0};
    for (struct json_iter it = json_iter(json_get(i->o, "object_refs")); text.len && !found && json_next(&it);) {
        struct misp_item o;
        if (misp_item_read(x, json_text(it.value, &x->arena), &x->arena, &o, d) || !o.there) continue;
        struct span raw = json_raw(o.o);
        for (size_t at = 0; !found && at + text.len <= raw.len; at++)
            found = span_equal_nocase(span_of(raw.at + at, text.len), text);
    }
    buf_free(&quoted);
    return found;
}

/* What MISP said must be what the object says: an extension is easily written by somebody else. */
static bool consistent(struct misp_exporter *x, const struct misp_item *i, const struct attribute *at) {
    const struct misp_type *type = misp_type_named(at->type);
    struct diag ignored;
    if (span_is(i->type, "observed-data")) {
        struct span rest = at->value, first = type && misp_type_is_composite(type) ? span_cut(&rest, '|') : at->value;
        if (type && type->form == MISP_NUMBER && span_equal_nocase(span_first(first, 2), SPAN("AS")))
            first = span_from(first, 2);
        return type && observed_says(x, i, first, &ignored) &&
               (!misp_type_is_composite(type) || observed_says(x, i, rest, &ignored));
    }
    if (span_is(i->type, "note"))
        return !type || type->form == MISP_NOTE || type->form == MISP_PATH || !misp_value_fits(type, at->value);
    return type && (span_is(i->type, "vulnerability") ? type->form == MISP_VULNERABILITY
                                                      : type->form == MISP_NAME && span_is(i->type, type->word));
}

/* Notes, named objects and observed-data that were attributes. */
static bool from_said(struct misp_exporter *x, const struct misp_item *i, struct attribute *out) {
    struct json_value said = json_get(i->said, "attribute");
    const char *holds = span_is(i->type, "note") ? "content" : span_is(i->type, "observed-data") ? NULL : "name";
    if (json_type(said) != JSON_OBJECT) return false;
    out->said = said;
    out->type = text_of(said, "type", &x->arena);
    out->value = holds ? text_of(i->o, holds, &x->arena) : text_of(said, "value", &x->arena);
    if (out->type.len && out->value.len && consistent(x, i, out)) return true;
    *out = (struct attribute){.to_ids = false};
    return false;
}

static bool from_vulnerability(struct misp_exporter *x, const struct misp_item *i, struct attribute *out) {
    out->type = SPAN("vulnerability");
    out->value = text_of(i->o, "name", &x->arena);
    out->comment = text_of(i->o, "description", &x->arena);
    return out->value.len > 0;
}

/* ---- what hangs on it ---- */

struct hanging {
    struct misp_exporter *x;
    struct misp_out *event;
    const struct misp_item *of;
    struct buf sightings, galaxies, tags;
    struct map named;
};

static long long seconds(time_us t) {
    return t == TIME_NONE ? 0 : (long long)(t / TIME_US_PER_S);
}

static enum err add_sighting(struct hanging *h, const struct misp_item *s, struct diag *d) {
    struct json_value count = json_get(s->o, "count"), where = json_at(json_get(s->o, "where_sighted_refs"), 0);
    struct span org = json_text(where, &h->x->related);
    struct json_writer w = misp_element(&h->sightings);
    time_us first = TIME_NONE, last = TIME_NONE;
    int64_t n = 1;
    (void)time_parse_stix(text_of(s->o, "first_seen", &h->x->related), &first);
    if (!time_parse_stix(text_of(s->o, "last_seen", &h->x->related), &last)) last = first;
    if (last == TIME_NONE) last = s->modified;
    if (json_int(count, &n) && n != 1)
        losses_add(&h->x->result->losses, "counts of sightings", "%lld of %.*s", (long long)n, SPAN_ARG(s->id));
    if (first != TIME_NONE && seconds(first) != seconds(last))
        losses_add(&h->x->result->losses, "first times of sightings", "of %.*s", SPAN_ARG(s->id));
    if (!org.len) org = text_of(s->o, "created_by_ref", &h->x->related);
    json_begin_object(&w);
    json_member(&w, "uuid", s->uuid);
    json_member_cstr(&w, "type", "0");
    json_key(&w, "date_sighting");
    char text[24];
    snprintf(text, sizeof text, "%lld", seconds(last));
    json_cstr(&w, text);
    json_member(&w, "source", text_of(s->o, "description", &h->x->related));
    json_key(&w, "Organisation");
    enum err e = misp_write_organisation(h->x, &w, org, d);
    json_end_object(&w);
    misp_tell_properties(h->x, s, " description first_seen last_seen count sighting_of_ref where_sighted_refs ");
    return e;
}

static enum err add_opinion(struct hanging *h, const struct misp_item *s, struct diag *d) {
    struct json_writer w;
    char text[24];
    if (!json_is(json_get(s->o, "opinion"), SPAN("strongly-disagree"))) return ERR_NONE;
    w = misp_element(&h->sightings);
    json_begin_object(&w);
    json_member(&w, "uuid", s->uuid);
    json_member_cstr(&w, "type", "1");
    snprintf(text, sizeof text, "%lld", seconds(s->modified));
    json_member_cstr(&w, "date_sighting", text);
    json_member(&w, "source", json_text(json_at(json_get(s->o, "authors"), 0), &h->x->related));
    json_key(&w, "Organisation");
    enum err e = misp_write_organisation(h->x, &w, text_of(s->o, "created_by_ref", &h->x->related), d);
    json_end_object(&w);
    misp_tell_properties(h->x, s, " opinion authors explanation object_refs ");
    return e ? e : misp_set_done(h->x, s->id, d);
}

static enum err add_relationship(struct hanging *h, const struct misp_item *s, struct diag *d) {
    struct misp_item target;
    struct span to = text_of(s->o, "target_ref", &h->x->arena);
    if (!json_is(json_get(s->o, "source_ref"), h->of->id) || !misp_is_cluster(stix_id_type(to)) ||
        json_exists(json_get(s->said, "reference")))
        return ERR_NONE;
    enum err e = misp_set_done(h->x, s->id, d);
    if (!e) e = misp_item_read(h->x, to, &h->x->arena, &target, d);
    if (e || !target.there || !misp_item_may(h->x, &target)) return e;
    misp_write_cluster(h->x, &h->galaxies, &h->tags, &h->named, &target);
    misp_tell_properties(h->x, s, " relationship_type source_ref target_ref ");
    return misp_set_done(h->x, target.id, d);
}

static enum err hang(void *context, const struct misp_item *s, struct diag *d) {
    struct hanging *h = context;
    if (s->revoked || misp_done(h->x, s->id) || !misp_item_may(h->x, s)) return ERR_NONE;
    if (span_is(s->type, "opinion")) return add_opinion(h, s, d);
    if (span_is(s->type, "relationship")) return add_relationship(h, s, d);
    if (!json_is(json_get(s->o, "sighting_of_ref"), h->of->id)) return ERR_NONE;
    enum err e = add_sighting(h, s, d);
    return e ? e : misp_set_done(h->x, s->id, d);
}

/* In MISP a value stops being valid by a sighting that says so. */
static void add_expiration(struct hanging *h, const struct misp_item *i) {
    time_us until;
    char text[24];
    if (!time_parse_stix(text_of(i->o, "valid_until", &h->x->arena), &until)) return;
    struct json_writer w = misp_element(&h->sightings);
    json_begin_object(&w);
    json_member(&w, "uuid", misp_made_uuid(&h->x->arena, "expiration", i->id, (struct span){0}));
    json_member_cstr(&w, "type", "2");
    snprintf(text, sizeof text, "%lld", seconds(until));
    json_member_cstr(&w, "date_sighting", text);
    json_end_object(&w);
}

static void write_list(struct json_writer *w, const char *name, const struct buf *list) {
    if (!list->len) return;
    json_key(w, name);
    json_begin_array(w);
    json_splice(w, buf_span(list));
    json_end_array(w);
}

static enum err write_hanging(struct misp_exporter *x, struct misp_out *event, const struct misp_item *i,
                              struct json_writer *w, struct diag *d) {
    struct hanging h = {.x = x, .event = event, .of = i};
    map_init(&h.named);
    misp_write_tags(x, &h.tags, &h.named, i, event);
    if (span_is(i->type, "indicator")) add_expiration(&h, i);
    enum err e = misp_each_naming(x, i->id, " sighting opinion relationship ", hang, &h, d);
    write_list(w, "Tag", &h.tags);
    write_list(w, "Galaxy", &h.galaxies);
    write_list(w, "Sighting", &h.sightings);
    if (!buf_ok(&h.tags) || !buf_ok(&h.galaxies) || !buf_ok(&h.sightings))
        e = e ? e : diag_set(d, ERR_NOMEM, "no memory for an attribute");
    buf_free(&h.tags);
    buf_free(&h.galaxies);
    buf_free(&h.sightings);
    map_free(&h.named);
    return e;
}

/* ---- writing ---- */

static void write_seen(struct misp_exporter *x, const struct misp_item *i, struct json_writer *w) {
    bool observed = span_is(i->type, "observed-data");
    struct span first = text_of(i->o, observed ? "first_observed" : "valid_from", &x->arena),
                last = text_of(i->o, observed ? "last_observed" : "", &x->arena);
    if (first.len) json_member(w, "first_seen", first);
    if (last.len) json_member(w, "last_seen", last);
}

/* What MISP said is written as it was; what it did not say follows from the object. */
static void write_members(struct misp_exporter *x, const struct misp_item *i, const struct attribute *at,
                          struct json_writer *w) {
    static const char *const said[] = {"category",  "to_ids",    "comment",         "first_seen",
                                       "last_seen", "timestamp", "object_relation", "disable_correlation",
                                       NULL};
    const struct misp_type *type = misp_type_named(at->type);
    struct span category = at->category.len ? at->category : type ? span_cstr(type->category) : SPAN("Other");
    char text[24];
    json_member(w, "uuid", i->uuid);
    json_member(w, "type", at->type);
    json_member(w, "value", at->value);
    misp_write_members(w, at->said, said);
    if (!json_exists(json_get(at->said, "category"))) json_member(w, "category", category);
    if (!json_exists(json_get(at->said, "to_ids"))) json_member_truth(w, "to_ids", at->to_ids);
    if (!json_exists(json_get(at->said, "timestamp"))) {
        snprintf(text, sizeof text, "%lld", seconds(i->modified));
        json_member_cstr(w, "timestamp", text);
    }
    if (!json_exists(at->said)) {
        if (at->comment.len) json_member(w, "comment", at->comment);
        write_seen(x, i, w);
    }
    json_member_truth(w, "deleted", i->revoked);
}

enum err misp_write_attribute(struct misp_exporter *x, struct misp_out *event, struct buf *list,
                              const struct misp_item *i, bool *written, struct diag *d) {
    struct attribute at = {.to_ids = false};
    if (span_is(i->type, "indicator"))
        *written = from_indicator(x, i, &at);
    else if (!(*written = from_said(x, i, &at)) && span_is(i->type, "vulnerability"))
        *written = from_vulnerability(x, i, &at);
    if (!*written) return ERR_NONE;
    struct json_writer w = misp_element(list);
    json_begin_object(&w);
    write_members(x, i, &at, &w);
    misp_write_distribution(&w, x, i, event);
    enum err e = write_hanging(x, event, i, &w, d);
    json_end_object(&w);
    misp_tell_properties(x, i,
                         " name description indicator_types pattern pattern_type valid_from valid_until first_observed "
                         "last_observed number_observed object_refs content abstract ");
    event->items++;
    return e;
}
