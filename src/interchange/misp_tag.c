/* Tags, distribution and organisations: what holds of an event or attribute as a whole. */
#include <stdio.h>

#include "interchange/misp_parts.h"

/* ---- tags ---- */

/* STIX 2.1 appendix A's scales, as far as MISP's taxonomies have them. */
static const struct {
    const char *tag;
    int confidence;
} scale[] = {{"admiralty-scale:information-credibility=\"1\"", 90},
             {"admiralty-scale:information-credibility=\"2\"", 70},
             {"admiralty-scale:information-credibility=\"3\"", 50},
             {"admiralty-scale:information-credibility=\"4\"", 30},
             {"admiralty-scale:information-credibility=\"5\"", 10},
             {"misp:confidence-level=\"completely-confident\"", 95},
             {"misp:confidence-level=\"usually-confident\"", 75},
             {"misp:confidence-level=\"fairly-confident\"", 50},
             {"misp:confidence-level=\"rarely-confident\"", 25},
             {"misp:confidence-level=\"unconfident\"", 5},
             {"estimative-language:likelihood-probability=\"almost-certain\"", 95},
             {"estimative-language:likelihood-probability=\"very-likely\"", 85},
             {"estimative-language:likelihood-probability=\"likely\"", 70},
             {"estimative-language:likelihood-probability=\"roughly-even-chance\"", 50},
             {"estimative-language:likelihood-probability=\"unlikely\"", 30},
             {"estimative-language:likelihood-probability=\"very-unlikely\"", 15},
             {"estimative-language:likelihood-probability=\"almost-no-chance\"", 5}};
enum { SCALE = sizeof scale / sizeof *scale };

int misp_confidence_of(struct span tag) {
    for (int i = 0; i < SCALE; i++)
        if (span_is(tag, scale[i].tag)) return scale[i].confidence;
    return -1;
}

const char *misp_confidence_tag(int confidence) {
    for (int i = 0; i < SCALE; i++)
        if (scale[i].confidence == confidence) return scale[i].tag;
    return NULL;
}

/* TLP:AMBER, tlp:amber+strict, and what begins so and is none of them: the strictest. */
bool misp_tlp_of(struct span tag, enum stix_tlp *out) {
    if (tag.len < 4 || !span_equal_nocase(span_first(tag, 4), SPAN("tlp:"))) return false;
    if (!stix_tlp_parse(tag, out) || *out == STIX_TLP_NONE) *out = STIX_TLP_RED;
    return true;
}

static void take_tag(struct misp_reader *r, struct span tag, struct misp_context *c) {
    enum stix_tlp tlp;
    enum stix_pap pap;
    int confidence = misp_confidence_of(tag);
    if (misp_tlp_of(tag, &tlp) && tlp > c->tlp) c->tlp = tlp;
    if (stix_pap_of_label(tag, &pap) && pap > c->pap) c->pap = pap;
    if (confidence >= 0 && (c->confidence < 0 || confidence < c->confidence)) c->confidence = confidence;
}

static bool among(const struct span *at, size_t count, struct span text) {
    for (size_t i = 0; i < count; i++)
        if (span_equal(at[i], text)) return true;
    return false;
}

static enum err read_tags(struct misp_reader *r, struct json_value tags, struct arena *a, struct misp_context *c,
                          struct diag *d) {
    struct span *labels = arena_zalloc(a, MISP_LABELS_MAX, sizeof *labels),
                *local = arena_zalloc(a, MISP_LABELS_MAX, sizeof *local);
    if (!labels || !local) return diag_set(d, ERR_NOMEM, "no memory for the tags of an event");
    for (struct json_iter it = json_iter(tags); json_next(&it);) {
        struct span name = json_text(json_get(it.value, "name"), a);
        bool is_local = misp_true(json_get(it.value, "local"));
        if (!name.len || span_find_char(name, '\n') != SIZE_MAX) { /* it may have been TLP:RED */
            losses_add(r->losses, "tags without a name of one line: what they are on is marked TLP:RED", "%.*s",
                       SPAN_ARG(span_first(json_raw(it.value), 100)));
            c->tlp = STIX_TLP_RED;
            continue;
        }
        take_tag(r, name, c);
        if (json_spelt(json_get(it.value, "colour")).len)
            losses_add(r->losses, "colours of tags", "%.*s", SPAN_ARG(name));
        if (json_text(json_get(it.value, "relationship_type"), a).len)
            losses_add(r->losses, "relationship types of tags", "%.*s", SPAN_ARG(name));
        if (is_local ? c->local_count == MISP_LABELS_MAX : c->label_count == MISP_LABELS_MAX) {
            losses_add(r->losses, "tags beyond 256 of one attribute or event", "%.*s", SPAN_ARG(name));
            continue;
        }
        if (is_local && !among(local, c->local_count, name)) local[c->local_count++] = name;
        if (!is_local && !among(labels, c->label_count, name)) labels[c->label_count++] = name;
    }
    c->labels = labels;
    c->local_labels = local;
    return ERR_NONE;
}

/* ---- distribution ---- */

enum { DISTRIBUTION_GROUP = 4, DISTRIBUTION_INHERIT = 5 };

/* Your organisation only, this community, connected communities, all, a sharing group. */
static const enum stix_tlp handling_of[] = {STIX_TLP_RED, STIX_TLP_AMBER_STRICT, STIX_TLP_AMBER, STIX_TLP_NONE,
                                            STIX_TLP_RED};

static void read_distribution(struct misp_reader *r, struct json_value element, struct arena *a,
                              struct misp_context *c) {
    struct json_value v = json_get(element, "distribution");
    int64_t level;
    if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL) return;
    if (!misp_number(v, &level) || level < 0 || level > DISTRIBUTION_INHERIT) {
        losses_add(r->losses, "distributions that MISP does not know: taken for the own organisation only", "%.*s",
                   SPAN_ARG(span_first(json_raw(v), 60)));
        level = 0;
    }
    if (level == DISTRIBUTION_INHERIT) return;
    enum stix_tlp handling = handling_of[level];
    if (c->distribution >= 0 && handling < c->handling) return; /* never wider than what it stands in */
    if (c->distribution >= 0 && handling == c->handling && c->sharing_group.len) return;
    c->distribution = (int)level;
    c->handling = handling;
    if (level == DISTRIBUTION_GROUP) {
        c->sharing_group = json_text(json_get(json_get(element, "SharingGroup"), "name"), a);
        if (!c->sharing_group.len) c->sharing_group = json_spelt(json_get(element, "sharing_group_id"));
        if (!c->sharing_group.len) c->sharing_group = SPAN("unknown");
        if (json_count(json_get(json_get(element, "SharingGroup"), "SharingGroupOrg")))
            losses_add(r->losses, "members of sharing groups", "%.*s", SPAN_ARG(c->sharing_group));
    }
}

enum err misp_context_read(struct misp_reader *r, struct json_value element, const struct misp_context *outer,
                           struct arena *a, struct misp_context *out, struct diag *d) {
    *out = *outer;
    out->labels = out->local_labels = NULL;
    out->label_count = out->local_count = 0;
    out->galaxies = NULL;
    out->galaxy_count = 0;
    out->confidence = -1;
    read_distribution(r, element, a, out);
    enum err e = read_tags(r, json_get(element, "Tag"), a, out, d);
    if (out->confidence < 0) out->confidence = outer->confidence;
    return e;
}

void misp_context_join(struct misp_context *c, const struct misp_context *other) {
    if (other->tlp > c->tlp) c->tlp = other->tlp;
    if (other->pap > c->pap) c->pap = other->pap;
    if (other->handling <= c->handling) return;
    c->handling = other->handling;
    c->distribution = other->distribution;
    c->sharing_group = other->sharing_group;
}

/* ---- organisations ---- */

enum err misp_organisation(struct misp_reader *r, struct json_value org, char out[STIX_ID_SIZE], struct diag *d) {
    static const struct misp_context nothing = {.confidence = -1, .distribution = -1};
    struct span name = json_text(json_get(org, "name"), &r->lasting),
                uuid = misp_uuid(json_get(org, "uuid"), &r->lasting);
    bool again = false;
    out[0] = 0;
    if (!name.len) return ERR_NONE;
    if (!uuid.len) uuid = misp_made_uuid(&r->lasting, "organisation", name, (struct span){0});
    misp_id(out, "identity", uuid);
    if (!map_set(&r->put_once, span_cstr(out), 1, &again)) return diag_set(d, ERR_NOMEM, "no memory for an event");
    if (again) return ERR_NONE;
    misp_begin(r, "identity", out, true);
    json_member(&r->w, "name", name);
    json_member_cstr(&r->w, "identity_class", "organization");
    return misp_put(r, "identity", out, &nothing, (struct misp_times){TIME_NONE, TIME_NONE}, true, false, d);
}
