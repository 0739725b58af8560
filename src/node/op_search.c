/* Finding and showing what is held. */
#include "node/op_all.h"
#include "share/origin.h"
#include "share/text.h"
#include "stix/marking.h"

enum {
    SEARCH_LIMIT = 50,
    SEARCH_LIMIT_MAX = 1000,
    SIGHTINGS_SHOWN_MAX = 200 /* of what names an object: show is no report */
};

static const char *const states[] = {"current", "quarantined"};

static void write_labels(struct json_writer *w, struct span labels) {
    json_begin_array(w);
    while (labels.at && labels.len) json_string(w, span_cut(&labels, '\n'));
    json_end_array(w);
}

static void write_source(struct json_writer *w, struct op_call *call, struct store_reader *r,
                         const struct store_holding *h) {
    struct span name = {0};
    struct diag ignored;
    if (h->source != STORE_SOURCE_OWN && store_source_name(r, h->source, call->arena, &name, &ignored))
        name = SPAN("?");
    json_member(w, "source", h->source == STORE_SOURCE_OWN ? SPAN("own") : name);
}

static struct json_value object_of(struct op_call *call, const struct store_holding *h, struct json_doc *doc) {
    struct diag ignored;
    return json_parse(call->arena, h->body, doc, &ignored) ? JSON_MISSING : json_root(doc);
}

static void emit_found(struct op_call *call, struct store_reader *r, const struct store_holding *h) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    struct json_doc doc;
    struct json_value object = object_of(call, h, &doc), name = json_get(object, "name");
    if (!json_exists(name)) name = json_get(object, "value");
    if (!json_exists(name)) name = json_get(object, "pattern");
    json_begin_object(&w);
    json_member(&w, "id", h->stix_id);
    json_member(&w, "type", h->type);
    if (json_exists(name)) json_member(&w, "name", json_text(name, call->arena));
    json_member_time(&w, "version", h->modified);
    write_source(&w, call, r, h);
    json_member_cstr(&w, "tlp", stix_tlp_name((enum stix_tlp)h->handling.tlp));
    json_key(&w, "labels");
    write_labels(&w, h->handling.labels);
    json_member_truth(&w, "revoked", h->revoked);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err catch_up(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct node_view *v = node_view(call->node);
    uint64_t left = 1, total = 0;
    enum err e = ERR_NONE;
    node_share_context(call->node, call->realm, v, &c);
    while (!e && left > 0) {
        e = text_fill(&c, &left, d);
        if (left > total) total = left;
        op_progress(call, "indexing text", "holdings", total - left, total);
    }
    node_view_release(call->node, &v);
    return e;
}

/* {"words","type","label","tlp","source","limit"}: the newest first. */
enum err op_search(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_holding *found;
    struct buf match = BUF_EMPTY;
    struct span tlp = op_text(call, "tlp"), source = op_text(call, "source"), words = op_text(call, "words");
    enum stix_tlp level = STIX_TLP_NONE;
    uint32_t number = STORE_SOURCE_OWN;
    size_t count;
    int64_t limit = op_number(call, "limit", SEARCH_LIMIT);
    if (limit < 1 || limit > SEARCH_LIMIT_MAX)
        return diag_set(d, ERR_INVALID, "--limit is a number from 1 to %d", SEARCH_LIMIT_MAX);
    if (tlp.at && !stix_tlp_parse(tlp, &level))
        return diag_set(d, ERR_INVALID, "--tlp: %.*s is no TLP level", SPAN_ARG(tlp));
    struct span label = op_text(call, "label");
    enum err e = words.len || tlp.at || label.at ? catch_up(call, d) : ERR_NONE;
    if (!e) e = text_query(words, &match, d);
    if (tlp.at) text_query_tlp(level, &match);
    if (label.at) text_query_label(label, &match);
    if (!e) e = store_reader_open(call->realm->store, &r, d);
    if (!e && source.at && !span_is(source, "own")) {
        e = store_source_find(r, source, &number, d);
        if (e == ERR_NOT_FOUND) diag_set(d, e, "nothing came from %.*s", SPAN_ARG(source));
    }
    struct store_query q = {.match = buf_span(&match),
                            .type = op_text(call, "type"),
                            .tlp = -1, /* TLP and labels are words of the text: an object's own count, too */
                            .source = source.at ? (int64_t)number : -1,
                            .limit = (size_t)limit};
    if (!e) e = store_search(r, &q, call->arena, &found, &count, d);
    for (size_t i = 0; !e && i < count; i++) emit_found(call, r, &found[i]);
    store_reader_close(&r);
    buf_free(&match);
    return e;
}

/* Who saw it, as they said; sightings of what went out in its place are named by the index, too. */
static void write_sightings(struct json_writer *w, struct op_call *call, struct store_reader *r, struct span id) {
    int64_t *naming;
    size_t count = 0;
    struct diag ignored;
    if (store_holding_naming(r, id, 0, SIGHTINGS_SHOWN_MAX, call->arena, &naming, &count, &ignored)) return;
    json_key(w, "sightings");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        struct store_holding h, newest;
        struct json_doc doc;
        if (store_holding_get(r, naming[i], call->arena, &h, &ignored) || !span_is(h.type, "sighting") ||
            store_holding_latest(r, h.stix_id, call->arena, &newest, &ignored) || newest.id != h.id ||
            json_parse(call->arena, h.body, &doc, &ignored))
            continue;
        json_begin_object(w);
        json_member(w, "id", h.stix_id);
        write_source(w, call, r, &h);
        static const char *const told[] = {"count", "first_seen", "last_seen"};
        for (size_t k = 0; k < sizeof told / sizeof *told; k++) {
            struct json_value v = json_get(json_root(&doc), told[k]);
            if (!json_exists(v)) continue;
            json_key(w, told[k]);
            json_splice(w, json_raw(v));
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void emit_version(struct op_call *call, struct store_reader *r, const struct store_holding *h, bool counts) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", h->stix_id);
    json_member(&w, "type", h->type);
    write_source(&w, call, r, h);
    json_member_cstr(&w, "state", states[h->state]);
    json_member_time(&w, "version", h->modified);
    json_member_truth(&w, "revoked", h->revoked);
    json_member_time(&w, "imported", h->imported);
    json_member_time(&w, "observed", h->observed);
    json_key(&w, "handling");
    json_begin_object(&w);
    json_member_cstr(&w, "tlp", stix_tlp_name((enum stix_tlp)h->handling.tlp));
    if (h->handling.confidence >= 0) json_member_number(&w, "confidence", h->handling.confidence);
    json_key(&w, "labels");
    write_labels(&w, h->handling.labels);
    json_end_object(&w);
    if (counts) write_sightings(&w, call, r, h->stix_id);
    json_key(&w, "object");
    json_splice(&w, h->body);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"id","history": bool}: the version that counts, or all of them, oldest first. The id may be one under which
 * something went out redacted: then its original is shown. */
enum err op_show(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_holding *versions;
    size_t count = 0, shown = 0;
    struct span id = op_text(call, "id");
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_holding_history(r, id, true, call->arena, &versions, &count, d);
    if (e == ERR_NOT_FOUND) e = ERR_NONE;
    struct span original = {0};
    if (!e && count == 0) e = share_original_of(r, id, (struct span){0}, call->arena, &original, d);
    if (!e && original.len) e = store_holding_history(r, id = original, true, call->arena, &versions, &count, d);
    struct store_holding latest;
    bool counts = !e && store_holding_latest(r, id, call->arena, &latest, d) == ERR_NONE;
    for (size_t i = 0; !e && i < count; i++) {
        if (!op_flag(call, "history") && counts && versions[i].id != latest.id) continue;
        emit_version(call, r, &versions[i], counts && versions[i].id == latest.id);
        shown++;
    }
    if (!e && shown == 0)
        e = diag_set(d, ERR_NOT_FOUND, "%.*s is not held here (renkei search finds ids)", SPAN_ARG(id));
    store_reader_close(&r);
    return e;
}
