/* Importing MISP: events become STIX objects, in versions that follow what is held already. */
#include <stdio.h>
#include <stdlib.h>

#include "interchange/misp_read.h"
#include "interchange/misp_stream.h"
#include "node/import.h"
#include "node/op_all.h"
#include "json/skim.h"

enum { HELD_ARENA_MAX = 64 << 20 };

struct misp_import {
    struct import *im;
    const struct store_handling *given; /* by flags: besides what MISP says */
    struct losses losses;
    struct arena arena; /* of the object at hand */
    struct buf text, labels;
    char place[48];
    bool failed; /* the store did, not the event */
};

static const char distribution[] = "misp:distribution=", group[] = "misp:sharing-group=";

/* ---- handling ---- */

static bool of_misp(struct span label) {
    return span_starts(label, span_cstr(distribution)) || span_starts(label, span_cstr(group));
}

static bool says_distribution(struct span labels) {
    while (labels.len)
        if (of_misp(span_cut(&labels, '\n'))) return true;
    return false;
}

static int by_text(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static size_t count_labels(struct span labels) {
    size_t count = labels.len > 0;
    for (size_t i = 0; i < labels.len; i++) count += labels.at[i] == '\n';
    return count;
}

/* Labels of all three, sorted, each once; of what was held those that MISP's distribution left are replaced. */
static struct span join_labels(struct misp_import *x, struct span made, struct span given, struct span held) {
    size_t count = 0, room = count_labels(made) + count_labels(given) + count_labels(held);
    struct span *at = arena_zalloc(&x->arena, room + 1, sizeof *at), label;
    buf_clear(&x->labels);
    if (!at) return (struct span){0};
    while (made.len) at[count++] = span_cut(&made, '\n');
    while (given.len) at[count++] = span_cut(&given, '\n');
    while (held.len)
        if (!of_misp(label = span_cut(&held, '\n'))) at[count++] = label;
    if (count > 1) qsort(at, count, sizeof *at, by_text);
    for (size_t i = 0; i < count; i++) {
        if (i && span_equal(at[i], at[i - 1])) continue;
        if (x->labels.len) buf_add_char(&x->labels, '\n');
        buf_add(&x->labels, at[i]);
    }
    return buf_span(&x->labels);
}

/* The strictest of what MISP's distribution says, what the flags say and what was put on it here by hand. */
static void handle(struct misp_import *x, const struct misp_made *made, const struct store_holding *held) {
    struct store_handling h = {.tlp = (int)made->handling.tlp, .confidence = x->given->confidence};
    struct span before = {0};
    if (x->given->tlp > h.tlp) h.tlp = x->given->tlp;
    if (held) {
        before = held->handling.labels;
        if (h.confidence < 0) h.confidence = held->handling.confidence;
        if (!says_distribution(before) && held->handling.tlp > h.tlp) h.tlp = held->handling.tlp;
    }
    h.labels = join_labels(x, made->handling.labels, x->given->labels, before);
    intake_handle(x->im->intake, h.tlp || h.confidence >= 0 || h.labels.len ? &h : NULL);
}

/* ---- versions ---- */

static bool held_created(struct span body, struct arena *a, time_us *out) {
    struct json_skim s = json_skim(body);
    struct span key, value;
    while (json_skim_next(&s, &key, &value))
        if (span_is(key, "created")) return time_parse_stix(json_skim_text(value, a), out);
    return false;
}

/* Writes the version that this is: the one that is held, if it says the same. MISP does not count versions of what an
 * event's change changes in an attribute (its markings), so that one is a millisecond, or the event's time, later. */
static void write_version(struct misp_import *x, const struct misp_made *made, const struct store_holding *held) {
    time_us modified = made->modified, created = made->created;
    if (modified == TIME_NONE)
        modified = created = 0; /* when an organisation was made nobody says: all readers agree */
    buf_clear(&x->text);
    if (held && held->modified != TIME_NONE) {
        (void)held_created(held->body, &x->arena, &created);
        misp_made_write(&x->text, made, created, held->modified);
        bool same = span_equal(buf_span(&x->text), held->body), newer = modified > held->modified;
        if (same && !newer) return;
        buf_clear(&x->text);
        if (!newer && made->event_time < held->modified && made->modified == TIME_NONE) {
            buf_add(&x->text, held->body); /* an older event says nothing new of it */
            return;
        }
        if (!newer && made->event_time >= held->modified) {
            modified = made->event_time > held->modified ? made->event_time : held->modified + 1000;
        }
    }
    if (created > modified) created = modified;
    misp_made_write(&x->text, made, created, modified);
}

static enum err look_for_warnings(struct misp_import *x, struct diag *d) {
    struct json_skim s = json_skim(buf_span(&x->text));
    struct span key, value;
    while (x->im->warned.lists && json_skim_next(&s, &key, &value))
        if (span_is(key, "pattern")) return warned_look_pattern(&x->im->warned, json_skim_text(value, &x->arena), d);
    return ERR_NONE;
}

static enum err put(void *context, const struct misp_made *made, struct diag *d) {
    struct misp_import *x = context;
    struct store_holding held;
    arena_reset(&x->arena);
    enum err e =
        store_holding_latest(store_tx_reader(intake_transaction(x->im->intake)), made->id, &x->arena, &held, d);
    bool is_held = e == ERR_NONE;
    if (e == ERR_NOT_FOUND) e = ERR_NONE;
    if (!e) {
        write_version(x, made, is_held ? &held : NULL);
        handle(x, made, is_held ? &held : NULL);
        if (!buf_ok(&x->text) || !buf_ok(&x->labels) || x->arena.overflow)
            e = diag_set(d, ERR_NOMEM, "no memory for an event");
    }
    if (!e) e = intake_add(x->im->intake, buf_span(&x->text), x->place, NULL, d);
    if (!e && span_is(made->type, "indicator")) e = look_for_warnings(x, d);
    import_advance(x->im);
    x->failed = x->failed || e;
    return e;
}

static enum err find_held(void *context, struct span id, bool *out, struct diag *d) {
    struct misp_import *x = context;
    struct store_holding held;
    arena_reset(&x->arena);
    enum err e = store_holding_latest(store_tx_reader(intake_transaction(x->im->intake)), id, &x->arena, &held, d);
    *out = e == ERR_NONE;
    if (e == ERR_NOT_FOUND) e = ERR_NONE;
    x->failed = x->failed || e;
    return e;
}

/* The held version again, with `revoked`. An older event revokes nothing that came later. */
static void write_revoked(struct misp_import *x, const struct store_holding *held, time_us when) {
    struct json_skim s = json_skim(held->body);
    struct json_writer w = json_writer(&x->text);
    struct span key, value;
    buf_clear(&x->text);
    json_begin_object(&w);
    while (json_skim_next(&s, &key, &value)) {
        if (span_is(key, "revoked")) continue;
        json_key_span(&w, key);
        if (span_is(key, "modified"))
            json_time(&w, when > held->modified ? when : held->modified + 1000);
        else
            json_splice(&w, value);
    }
    json_member_truth(&w, "revoked", true);
    json_end_object(&w);
}

static enum err take_back(void *context, struct span id, time_us when, struct diag *d) {
    struct misp_import *x = context;
    struct store_holding held;
    arena_reset(&x->arena);
    enum err e = store_holding_latest(store_tx_reader(intake_transaction(x->im->intake)), id, &x->arena, &held, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    if (!e && !held.revoked && held.modified != TIME_NONE && when >= held.modified) {
        write_revoked(x, &held, when);
        intake_handle(x->im->intake, &held.handling);
        e = buf_ok(&x->text) ? intake_add(x->im->intake, buf_span(&x->text), x->place, NULL, d)
                             : diag_set(d, ERR_NOMEM, "no memory for an event");
    }
    x->failed = x->failed || e;
    return e;
}

/* ---- the file ---- */

static enum err read_input(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    return input_read(context, at, size, got, d);
}

static enum err read_events(struct misp_import *x, struct diag *d) {
    const struct misp_sink sink = {.context = x, .put = put, .held = find_held, .revoke = take_back};
    struct misp_stream stream;
    struct span event;
    uint64_t index, offset;
    enum err e;
    misp_stream_open(&stream, read_input, x->im->in);
    while (!(e = misp_stream_next(&stream, &event, &index, &offset, d)) && event.at) {
        snprintf(x->place, sizeof x->place, "events[%llu]", (unsigned long long)index);
        e = misp_event_read(event, offset, &sink, &x->losses, d);
        if (e && (x->failed || e == ERR_NOMEM)) break;
        if (e) intake_reject(x->im->intake, x->place, d->message);
    }
    misp_stream_close(&stream);
    return e;
}

static void write_losses(struct json_writer *w, const void *losses) {
    losses_write(w, losses);
}

static enum err import_misp(struct import *im, const struct store_handling *h, struct diag *d) {
    struct misp_import *x = calloc(1, sizeof *x);
    const struct intake_options options = {
        .keep_going = op_flag(im->call, "keep_going"), .finding = import_finding, .finding_context = im};
    struct intake_totals totals = {0};
    if (!x) return diag_set(d, ERR_NOMEM, "no memory for an import");
    x->im = im;
    x->given = h;
    arena_init(&x->arena, HELD_ARENA_MAX);
    enum err e = intake_open(&im->context, &options, &im->intake, d);
    if (!e) e = read_events(x, d);
    if (e && im->intake) intake_cancel(&im->intake);
    if (!e) {
        e = intake_commit(&im->intake, &totals, d);
        import_tell_totals(im, &totals, write_losses, &x->losses);
    }
    buf_free(&x->text);
    buf_free(&x->labels);
    arena_free(&x->arena);
    free(x);
    return e;
}

enum err op_import_misp(struct op_call *call, struct diag *d) {
    return import_each_file(call, import_misp, d);
}
