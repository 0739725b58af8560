/* Values as MISP writes them, and drafts of the objects that are made of them. */
#include <stdio.h>
#include <stdlib.h>

#include "interchange/misp_parts.h"

/* ---- values ---- */

bool misp_number(struct json_value v, int64_t *out) {
    if (json_int(v, out)) return true;
    struct span digits = json_spelt(v);
    uint64_t n;
    if (!span_u64(digits, &n) || n > INT64_MAX) return false;
    *out = (int64_t)n;
    return true;
}

bool misp_true(struct json_value v) {
    int64_t n;
    return json_type(v) == JSON_TRUE || json_is(v, SPAN("true")) || (misp_number(v, &n) && n == 1);
}

time_us misp_seconds(struct json_value v) {
    static const int64_t latest = INT64_C(253402300799); /* the end of the year 9999 */
    int64_t n;
    if (!misp_number(v, &n) || n <= 0 || n > latest) return TIME_NONE;
    return n * TIME_US_PER_S;
}

time_us misp_moment(struct json_value v, struct arena *a) {
    struct span text = json_text(v, a);
    time_us t;
    return text.len && time_parse_rfc3339(text, &t) ? t : TIME_NONE;
}

struct span misp_uuid(struct json_value v, struct arena *a) {
    struct span text = json_text(v, a);
    char id[3 + MISP_UUID_LEN + 1] = "x--";
    if (text.len != MISP_UUID_LEN) return (struct span){0};
    for (size_t i = 0; i < MISP_UUID_LEN; i++) {
        char c = text.at[i];
        id[3 + i] = c >= 'A' && c <= 'F' ? (char)(c | 32) : c;
    }
    struct span whole = span_of(id, 3 + MISP_UUID_LEN);
    return stix_id_valid(whole) ? arena_copy(a, span_from(whole, 3)) : (struct span){0};
}

struct span misp_made_uuid(struct arena *a, const char *what, struct span of, struct span more) {
    char id[STIX_ID_SIZE];
    const struct span parts[] = {SPAN("renkei misp\n"), span_cstr(what), SPAN("\n"), of, SPAN("\n"), more};
    struct sha256 hash = sha256_of_parts(parts, sizeof parts / sizeof *parts);
    stix_id_from_hmac(&hash, SPAN("x"), id);
    return arena_copy(a, span_from(span_cstr(id), 3));
}

struct span misp_description_uuid(struct arena *a, struct span event) {
    return misp_made_uuid(a, "description of", event, (struct span){0});
}

void misp_id(char out[STIX_ID_SIZE], const char *type, struct span uuid) {
    snprintf(out, STIX_ID_SIZE, "%s--%.*s", type, SPAN_ARG(uuid));
}

/* ---- drafts ---- */

void misp_begin(struct misp_reader *r, const char *type, const char *id, bool versioned) {
    buf_clear(&r->text);
    r->w = json_writer(&r->text);
    json_begin_object(&r->w);
    json_member_cstr(&r->w, "type", type);
    json_member_cstr(&r->w, "spec_version", "2.1");
    json_member_cstr(&r->w, "id", id);
    if (versioned && r->creator[0] && strcmp(type, "identity") != 0)
        json_member_cstr(&r->w, "created_by_ref", r->creator);
    r->split = r->text.len;
}

void misp_begin_extension(struct misp_reader *r) {
    json_key(&r->w, "extensions");
    json_begin_object(&r->w);
    json_key(&r->w, MISP_EXTENSION);
    json_begin_object(&r->w);
    json_member_cstr(&r->w, "extension_type", "property-extension");
}

void misp_end_extension(struct misp_reader *r) {
    json_end_object(&r->w);
    json_end_object(&r->w);
}

/* STIX has neither null nor empty lists (§2.12), and in MISP an empty text says nothing. */
static bool says_nothing(struct json_value v) {
    switch (json_type(v)) {
    case JSON_NONE:
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return json_spelt(v).len == 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return true; /* of the members that are copied none is one */
    default:
        return false;
    }
}

void misp_copy_members(struct misp_reader *r, struct json_value from, const char *const *names) {
    for (; *names; names++) {
        struct json_value v = json_get(from, *names);
        if (says_nothing(v)) continue;
        json_key(&r->w, *names);
        json_splice(&r->w, json_raw(v));
    }
}

static void write_labels(struct misp_reader *r, const struct misp_context *c) {
    if (!c->label_count) return;
    json_key(&r->w, "labels");
    json_begin_array(&r->w);
    for (size_t i = 0; i < c->label_count; i++) json_string(&r->w, c->labels[i]);
    json_end_array(&r->w);
}

static const struct {
    const char *id, *created;
} paps[STIX_PAP_COUNT] = {[STIX_PAP_CLEAR] = {"marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92", "2022-10-01"},
                          [STIX_PAP_GREEN] = {"marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9", "2022-10-09"},
                          [STIX_PAP_AMBER] = {"marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab", "2022-10-02"},
                          [STIX_PAP_RED] = {"marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e", "2022-10-06"}};

bool misp_is_pap(struct span id) {
    for (int i = STIX_PAP_NONE + 1; i < STIX_PAP_COUNT; i++)
        if (span_is(id, paps[i].id)) return true;
    return false;
}

static void write_markings(struct misp_reader *r, const struct misp_context *c) {
    if (c->tlp == STIX_TLP_NONE && c->pap == STIX_PAP_NONE) return;
    json_key(&r->w, "object_marking_refs");
    json_begin_array(&r->w);
    if (c->tlp != STIX_TLP_NONE) json_string(&r->w, stix_tlp_id(c->tlp));
    if (c->pap != STIX_PAP_NONE) json_cstr(&r->w, paps[c->pap].id);
    json_end_array(&r->w);
}

/* OASIS's marking definition of a PAP, which whoever gets what it marks needs as well. */
static enum err put_pap(struct misp_reader *r, enum stix_pap pap, struct diag *d) {
    static const char extension[] = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b";
    struct buf text = BUF_EMPTY;
    bool again = false;
    if (pap == STIX_PAP_NONE) return ERR_NONE;
    if (!map_set(&r->put_once, span_cstr(paps[pap].id), 1, &again))
        return diag_set(d, ERR_NOMEM, "no memory for an event");
    if (again) return ERR_NONE;
    const char *name = stix_pap_name(pap);
    buf_printf(
        &text,
        "{\"type\":\"marking-definition\",\"spec_version\":\"2.1\",\"id\":\"%s\",\"created\":\"%sT00:00:00.000Z\",",
        paps[pap].id, paps[pap].created);
    buf_add_cstr(&text, "\"name\":\"PAP:");
    for (const char *c = name; *c; c++) buf_add_char(&text, (char)(*c & ~32));
    buf_printf(&text, "\",\"extensions\":{\"%s\":{\"extension_type\":\"property-extension\",\"pap\":\"%s\"}}}",
               extension, name);
    struct misp_made made = {.type = SPAN("marking-definition"),
                             .id = span_cstr(paps[pap].id),
                             .head = buf_span(&text),
                             .event_time = r->time,
                             .handling = {.tlp = STIX_TLP_CLEAR}}; /* OASIS's: no secret of anybody's */
    enum err e =
        buf_ok(&text) ? r->sink->put(r->sink->context, &made, d) : diag_set(d, ERR_NOMEM, "no memory for an event");
    buf_free(&text);
    return e;
}

/* ---- local handling ---- */

static int by_text(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static struct span handling_labels(struct misp_reader *r, const struct misp_context *c) {
    struct span at[MISP_LABELS_MAX + 2];
    char level[40];
    size_t count = 0;
    struct buf group = BUF_EMPTY;
    for (size_t i = 0; i < c->local_count && count < MISP_LABELS_MAX; i++) at[count++] = c->local_labels[i];
    if (c->distribution >= 0) {
        snprintf(level, sizeof level, "misp:distribution=\"%d\"", c->distribution);
        at[count++] = span_cstr(level);
    }
    if (c->sharing_group.len) {
        buf_printf(&group, "misp:sharing-group=\"%.*s\"", SPAN_ARG(c->sharing_group));
        for (size_t i = 0; i < group.len; i++)
            if (group.at[i] == '\n') group.at[i] = ' ';
        at[count++] = buf_span(&group);
    }
    if (count > 1) qsort(at, count, sizeof *at, by_text);
    buf_clear(&r->labels);
    for (size_t i = 0; i < count; i++) {
        if (i && span_equal(at[i], at[i - 1])) continue;
        if (r->labels.len) buf_add_char(&r->labels, '\n');
        buf_add(&r->labels, at[i]);
    }
    buf_free(&group);
    return buf_span(&r->labels);
}

/* ---- putting ---- */

static void name_apart(struct misp_reader *r, const char *id, const struct misp_context *c) {
    if (r->strict_count == MISP_REFS_MAX) {
        losses_add(r->losses, "objects beyond what a report can name", "%s", id);
        return;
    }
    if (!r->strict_count++) r->strictest = r->context;
    misp_context_join(&r->strictest, c);
    buf_printf(&r->strict, ",\"%s\"", id);
}

void misp_name(struct misp_reader *r, const char *id, const struct misp_context *c) {
    if (c->tlp > r->context.tlp || c->pap > r->context.pap || c->handling > r->context.handling) {
        name_apart(r, id, c);
        return;
    }
    if (r->ref_count && r->ref_count % MISP_REFS_MAX == 0) {
        if (r->part_count == MISP_PARTS_MAX) {
            losses_add(r->losses, "objects beyond what a report can name", "%s", id);
            return;
        }
        r->parts[r->part_count++] = r->refs.len + 1;
    }
    r->ref_count++;
    if (r->refs.len) buf_add_char(&r->refs, ',');
    buf_printf(&r->refs, "\"%s\"", id);
}

enum err misp_put(struct misp_reader *r, const char *type, const char *id, const struct misp_context *c,
                  struct misp_times times, bool versioned, bool named, struct diag *d) {
    struct span whole;
    if (versioned) {
        write_labels(r, c);
        if (c->confidence >= 0) json_member_number(&r->w, "confidence", c->confidence);
    }
    write_markings(r, c);
    json_end_object(&r->w);
    struct misp_made made = {.type = span_cstr(type),
                             .id = span_cstr(id),
                             .versioned = versioned,
                             .created = times.created,
                             .modified = times.modified,
                             .event_time = r->time,
                             .handling = {.tlp = c->handling, .labels = handling_labels(r, c)}};
    if (!buf_ok(&r->text) || !buf_ok(&r->labels) || !buf_ok(&r->refs) || !buf_ok(&r->strict))
        return diag_set(d, ERR_NOMEM, "no memory for an event");
    whole = buf_span(&r->text);
    made.head = versioned ? span_first(whole, r->split) : whole;
    made.tail = versioned ? span_from(whole, r->split) : (struct span){0};
    if (named) misp_name(r, id, c);
    enum err e = r->sink->put(r->sink->context, &made, d);
    return e ? e : put_pap(r, c->pap, d);
}

enum err misp_revoke_others(struct misp_reader *r, const char *const *types, const char *now, struct span uuid,
                            struct diag *d) {
    enum err e = ERR_NONE;
    for (; !e && r->known && r->sink->revoke && *types; types++) {
        char id[STIX_ID_SIZE];
        if (strcmp(*types, now) == 0) continue;
        misp_id(id, *types, uuid);
        e = r->sink->revoke(r->sink->context, span_cstr(id), r->time, d);
    }
    return e;
}

void misp_made_write(struct buf *out, const struct misp_made *made, time_us created, time_us modified) {
    char text[TIME_TEXT_SIZE];
    buf_add(out, made->head);
    if (!made->versioned) return;
    buf_printf(out, ",\"created\":\"%s\"", time_format_stix(created, text));
    buf_printf(out, ",\"modified\":\"%s\"", time_format_stix(modified, text));
    buf_add(out, made->tail);
}
