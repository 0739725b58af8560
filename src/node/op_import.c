/* Importing: STIX bundles, and indicator lists that become STIX. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "interchange/stix20.h"
#include "node/import.h"
#include "node/op_all.h"
#include "share/list_object.h"
#include "share/reading.h"
#include "share/release.h"
#include "stix/id.h"
#include "stix/marking_meaning.h"

enum { LIST_ARENA_MAX = 256 << 20, PLACE_SIZE = 512, PROGRESS_EVERY = 1000 };

/* ---- arguments
 * ---------------------------------------------------------------------------------------------------------- */

static enum err read_handling(struct import *im, struct store_handling *h, struct diag *d) {
    struct span tlp = op_text(im->call, "tlp");
    enum stix_tlp level = STIX_TLP_NONE;
    struct buf labels = BUF_EMPTY;
    if (tlp.at && !stix_tlp_parse(tlp, &level))
        return diag_set(d, ERR_INVALID, "--tlp: %.*s is none of clear, green, amber, amber+strict, red", SPAN_ARG(tlp));
    *h = (struct store_handling){.tlp = (int)level, .confidence = (int)op_number(im->call, "confidence", -1)};
    if (h->confidence < -1 || h->confidence > 100)
        return diag_set(d, ERR_INVALID, "--confidence is a number from 0 to 100");
    for (struct json_iter it = json_iter(json_get(im->call->args, "labels"));
         json_next(&it);) { /* sorted and single by the CLI */
        struct span label = json_text(it.value, im->call->arena);
        if (label.len == 0 || span_find_char(label, '\n') != SIZE_MAX)
            return diag_set(d, ERR_INVALID, "--label is empty or has a line break");
        if (im->label_count == sizeof im->labels / sizeof *im->labels)
            return diag_set(d, ERR_LIMIT, "more than 64 labels");
        im->labels[im->label_count++] = label;
        if (labels.len) buf_add_char(&labels, '\n');
        buf_add(&labels, label);
    }
    h->labels = arena_copy(im->call->arena, buf_span(&labels));
    buf_free(&labels);
    return ERR_NONE;
}

/* ---- results
 * -------------------------------------------------------------------------------------------------------------- */

void import_finding(void *context, bool error, const char *place, struct span id, const char *path,
                    const char *message) {
    struct import *im = context;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    if (!error && !op_flag(im->call, "warnings")) return;
    json_begin_object(&w);
    json_member_cstr(&w, "finding", error ? "error" : "warning");
    json_member_cstr(&w, "file", im->file);
    json_member_cstr(&w, "place", place);
    if (id.len) json_member(&w, "id", id);
    if (path[0]) json_member_cstr(&w, "path", path);
    json_member_cstr(&w, "message", message);
    json_end_object(&w);
    op_emit(im->call, &out);
    buf_free(&out);
}

void import_tell_totals(struct import *im, const struct intake_totals *t,
                        void (*more)(struct json_writer *w, const void *context), const void *context) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "file", im->file);
    json_member_number(&w, "read", (int64_t)t->read);
    json_member_number(&w, "added", (int64_t)t->added);
    json_member_number(&w, "known", (int64_t)t->known);
    json_member_number(&w, "rejected", (int64_t)t->rejected);
    json_member_number(&w, "quarantined", (int64_t)t->quarantined);
    json_member_number(&w, "warnings", (int64_t)t->warnings);
    if (more) more(&w, context);
    json_end_object(&w);
    op_emit(im->call, &out);
    buf_free(&out);
}

void import_advance(struct import *im) {
    if (++im->objects % PROGRESS_EVERY == 0)
        op_progress(im->call, "importing", "bytes", input_raw_bytes(im->in), input_raw_size(im->in));
}

static void release_progress(void *context, uint64_t done, uint64_t total) {
    op_progress(context, "deciding releases", "holdings", done, total);
}

static enum err release_after(struct import *im, struct diag *d) {
    struct release_totals totals;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    enum err e = release_run(&im->context, release_progress, im->call, &totals, d);
    if (e || totals.decided == 0) return e;
    json_begin_object(&w);
    json_member_number(&w, "decided", (int64_t)totals.decided);
    json_member_number(&w, "released", (int64_t)totals.released);
    json_member_number(&w, "withheld", (int64_t)totals.withheld);
    json_member_number(&w, "waiting", (int64_t)totals.waiting);
    json_end_object(&w);
    op_emit(im->call, &out);
    buf_free(&out);
    return ERR_NONE;
}

enum err import_each_file(struct op_call *call,
                          enum err (*one)(struct import *im, const struct store_handling *h, struct diag *d),
                          struct diag *d) {
    struct import im = {.call = call};
    struct node_view *v = node_view(call->node);
    struct store_handling handling;
    struct json_value names = json_get(call->args, "files");
    node_share_context(call->node, call->realm, v, &im.context);
    enum err e = read_handling(&im, &handling, d);
    if (!e) e = warned_open(&im.warned, call->realm->store, d);
    for (size_t i = 0; !e && i < call->fd_count; i++) {
        im.file = arena_cstr(call->arena, json_text(json_at(names, (uint32_t)i), call->arena));
        int fd = dup(call->fds[i]);
        if (!im.file || fd < 0) {
            if (fd >= 0) close(fd);
            e = diag_set(d, ERR_IO, "no descriptor to read a file");
            break;
        }
        e = input_open_fd(fd, im.file, &im.in, d);
        if (!e) e = one(&im, &handling, d);
        if (!e) warned_tell(&im.warned, call, im.file);
        if (e && !d->where[0]) diag_where(d, "%s", im.file);
        input_close(&im.in);
    }
    warned_close(&im.warned);
    struct diag later;
    enum err after = release_after(&im, e ? &later : d); /* what came in before a failure is released all the same */
    node_view_release(call->node, &v);
    return e ? e : after;
}

/* ---- STIX
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Called by the reading's thread. */
static enum err read_input(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct import *im = context;
    enum err e = input_read(im->in, at, size, got, d);
    atomic_store_explicit(&im->raw_bytes, input_raw_bytes(im->in), memory_order_relaxed);
    return e;
}

static enum err look_for_warnings(struct import *im, const struct intake_object *o, struct diag *d) {
    struct arena a;
    if (!im->warned.lists || o->outcome != READING_GOOD || !span_is(o->object.type, "indicator")) return ERR_NONE;
    arena_init(&a, 4 << 20); /* of a pattern, which is at most a megabyte */
    enum err e = warned_look_pattern(&im->warned, json_text(json_get(o->object.json, "pattern"), &a), d);
    arena_free(&a);
    return e;
}

static enum err expect(struct import *im, const struct reading_batch *batch, struct diag *d) {
    struct span ids[READING_BATCH];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->objects[i].outcome == READING_GOOD) ids[count++] = batch->objects[i].object.id;
    return intake_expect(im->intake, ids, count, d);
}

static void write_losses(struct json_writer *w, const void *losses) {
    losses_write(w, losses);
}

static enum err import_stix(struct import *im, const struct store_handling *h, struct diag *d) {
    struct intake_options options = {.has_handling = h->tlp || h->confidence >= 0 || h->labels.len,
                                     .handling = *h,
                                     .keep_going = op_flag(im->call, "keep_going"),
                                     .finding = import_finding,
                                     .finding_context = im};
    struct intake_totals totals = {0};
    struct reading *reading = NULL;
    struct reading_batch batch = {0};
    struct losses *losses = calloc(1, sizeof *losses);
    const struct reading_source source = {
        .source = read_input, .context = im, .convert = stix20_upgrade, .convert_context = losses};
    if (!losses) return diag_set(d, ERR_NOMEM, "no memory for an import");
    enum err e = intake_open(&im->context, &options, &im->intake, d);
    if (!e) e = reading_open(&source, &reading, d);
    while (!e && !(e = reading_next(reading, &batch, d)) && batch.count > 0) {
        e = expect(im, &batch, d);
        for (size_t i = 0; !e && i < batch.count; i++) {
            e = intake_take(im->intake, &batch.objects[i], NULL, d);
            if (!e) e = look_for_warnings(im, &batch.objects[i], d);
        }
        op_progress(im->call, "importing", "bytes", atomic_load_explicit(&im->raw_bytes, memory_order_relaxed),
                    input_raw_size(im->in));
    }
    reading_close(&reading);
    if (e && im->intake) intake_cancel(&im->intake);
    if (!e) {
        e = intake_commit(&im->intake, &totals, d);
        import_tell_totals(im, &totals, write_losses, losses);
    }
    free(losses);
    return e;
}

enum err op_import_stix(struct op_call *call, struct diag *d) {
    return import_each_file(call, import_stix, d);
}

/* ---- lists
 * ----------------------------------------------------------------------------------------------------------------------
 */

struct list_import {
    struct import *im;
    struct list_object_frame frame;
    time_us now, valid_for;
    bool valid_from_given;
    struct span subject_name;
    enum list_subject subject;
    char subject_id[STIX_ID_SIZE];
    struct arena arena; /* of the value at hand */
    struct buf text, name;
    struct losses losses;
    struct span row_labels[IMPORT_LABELS_MAX];
    time_us valid_until; /* by the row; TIME_NONE = not said */
    struct map seen;     /* ids put in this import: a value that stands in the list again changes nothing */
};

/* Ids come from the realm's secret: the same value of the same list gives the same object, and nobody else can compute
 * it. */
static void made_id(struct list_import *li, const char *type, struct span what, struct span more,
                    char id[STIX_ID_SIZE]) {
    buf_clear(&li->name);
    buf_printf(&li->name, "list\n%s\n", type);
    buf_add(&li->name, what);
    buf_add_char(&li->name, '\n');
    buf_add(&li->name, more);
    struct sha256 mac =
        hmac_sha256(span_of(li->im->context.secret, sizeof li->im->context.secret), buf_span(&li->name));
    stix_id_from_hmac(&mac, span_cstr(type), id);
}

static time_us valid_until(const struct list_import *li) {
    if (li->valid_until != TIME_NONE) return li->valid_until;
    return li->valid_for ? li->frame.valid_from + li->valid_for : TIME_NONE;
}

typedef void (*list_write)(struct list_import *li, struct span id, const void *what);

/* Writes the object as it would be, were it the version that is held; only if that differs, as a new version. */
static enum err put(struct list_import *li, struct span id, list_write write, const void *what, struct diag *d) {
    struct store_holding held;
    struct json_doc doc;
    arena_reset(&li->arena);
    li->frame.created = li->frame.modified = li->now;
    if (!li->valid_from_given) li->frame.valid_from = li->now;
    enum err e = store_holding_latest(store_tx_reader(intake_transaction(li->im->intake)), id, &li->arena, &held, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e && !(e = json_parse(&li->arena, held.body, &doc, d))) {
        time_us from;
        (void)time_parse_stix(json_text(json_get(json_root(&doc), "created"), &li->arena), &li->frame.created);
        if (!li->valid_from_given &&
            time_parse_stix(json_text(json_get(json_root(&doc), "valid_from"), &li->arena), &from))
            li->frame.valid_from = from;
        li->frame.modified = held.modified;
        li->frame.valid_until = valid_until(li);
        buf_clear(&li->text);
        write(li, id, what);
        if (span_equal(buf_span(&li->text), held.body)) return intake_add_own(li->im->intake, held.body, d);
        li->frame.modified = li->now > held.modified ? li->now : held.modified + 1000;
    }
    li->frame.valid_until = valid_until(li);
    buf_clear(&li->text);
    write(li, id, what);
    return buf_ok(&li->text) ? intake_add_own(li->im->intake, buf_span(&li->text), d)
                             : diag_set(d, ERR_NOMEM, "no memory for an indicator");
}

static void write_indicator(struct list_import *li, struct span id, const void *what) {
    list_object_indicator(&li->text, id, &li->frame, what);
}
static void write_subject(struct list_import *li, struct span id, const void *what) {
    list_object_subject(&li->text, id, &li->frame, what);
}
static void write_indicates(struct list_import *li, struct span id, const void *what) {
    list_object_indicates(&li->text, id, &li->frame, *(const struct span *)what, span_cstr(li->subject_id));
}

/* ---- what a CSV says of its values ---- */

static bool add_label(struct list_import *li, struct span label) {
    label = span_trim(label);
    for (size_t i = 0; i < li->frame.label_count; i++)
        if (span_equal(li->row_labels[i], label)) return true;
    if (!label.len) return true;
    if (li->frame.label_count == IMPORT_LABELS_MAX) return false;
    li->row_labels[li->frame.label_count++] = label;
    return true;
}

static const char *read_row_labels(struct list_import *li, const struct list_row *row) {
    static const struct span pap_labels[STIX_PAP_COUNT] = {
        {0}, {"PAP:CLEAR", 9}, {"PAP:GREEN", 9}, {"PAP:AMBER", 9}, {"PAP:RED", 7}};
    char separator = span_find_char(row->labels, ';') != SIZE_MAX ? ';' : ',';
    enum stix_pap pap = STIX_PAP_NONE;
    li->frame.label_count = 0;
    for (size_t i = 0; i < li->im->label_count; i++) (void)add_label(li, li->im->labels[i]);
    li->frame.labels = li->row_labels;
    for (struct span rest = row->labels; rest.len;)
        if (!add_label(li, span_cut(&rest, separator))) return "more than 64 labels";
    if (row->pap.len && !stix_pap_parse(row->pap, &pap)) return "pap is none of clear, green, amber, red";
    return pap && !add_label(li, pap_labels[pap]) ? "more than 64 labels" : NULL;
}

static const char *read_row_times(struct list_import *li, const struct list_row *row) {
    li->valid_until = TIME_NONE;
    if (row->valid_from.len && !time_parse_rfc3339(row->valid_from, &li->frame.valid_from))
        return "valid_from is no date or time, such as 2026-04-01";
    if (row->valid_from.len) li->valid_from_given = true;
    if (row->valid_until.len && !time_parse_rfc3339(row->valid_until, &li->valid_until))
        return "valid_until is no date or time, such as 2026-04-01";
    time_us from = li->valid_from_given ? li->frame.valid_from : li->now;
    return li->valid_until != TIME_NONE && li->valid_until <= from ? "valid_until is not after valid_from" : NULL;
}

/* What restricts, or ends, and is not understood rejects the row: it must not count as more than was meant. */
static const char *read_row(struct list_import *li, const struct list_value *value) {
    const struct list_row *row = value->row;
    enum stix_tlp tlp = STIX_TLP_NONE;
    uint64_t confidence;
    if (row->tlp.len && !stix_tlp_parse(row->tlp, &tlp)) return "tlp is none of clear, green, amber, amber+strict, red";
    if (tlp > li->frame.tlp) li->frame.tlp = tlp;
    li->frame.description = row->comment.len ? row->comment : row->description;
    if (row->confidence.len && span_u64(row->confidence, &confidence) && confidence <= 100)
        li->frame.confidence = (int)confidence;
    else if (row->confidence.len)
        losses_add(&li->losses, "confidence that is no number from 0 to 100", "line %llu: %.*s",
                   (unsigned long long)value->line, SPAN_ARG(span_first(row->confidence, 60)));
    const char *wrong = read_row_labels(li, row);
    return wrong ? wrong : read_row_times(li, row);
}

static void tell_unread(struct list_import *li, const struct list_summary *summary) {
    for (uint64_t i = 0; i < summary->skipped; i++)
        losses_add(&li->losses, "file names and certificates' hashes, which lists do not have", "line %llu",
                   (unsigned long long)summary->first_skipped);
    struct buf names = BUF_EMPTY;
    for (size_t i = 0; i < summary->unread_count; i++) {
        if (i) buf_add_cstr(&names, ", ");
        buf_add(&names, summary->unread[i]);
    }
    for (size_t i = 0; i < summary->unread_count; i++)
        losses_add(&li->losses, "columns that are not read", "%.*s", SPAN_ARG(buf_span(&names)));
    buf_free(&names);
}

static enum err reject_line(void *context, uint64_t line, struct span text, const char *reason, struct diag *d);

/* *taken is false for a row that is rejected. */
static enum err put_indicator(struct list_import *li, struct span id, const struct list_value *value, bool *taken,
                              struct diag *d) {
    const struct list_object_frame whole = li->frame;
    bool given = li->valid_from_given;
    const char *wrong = value->row ? read_row(li, value) : NULL;
    enum err e = wrong ? reject_line(li, value->line, value->value, wrong, d) : put(li, id, write_indicator, value, d);
    *taken = !wrong;
    li->frame = whole;
    li->valid_from_given = given;
    li->valid_until = TIME_NONE;
    return e;
}

static enum err take_value(void *context, const struct list_value *value, struct diag *d) {
    struct list_import *li = context;
    char indicator[STIX_ID_SIZE], relationship[STIX_ID_SIZE];
    bool again = false;
    made_id(li, "indicator", li->subject_name, value->value, indicator);
    import_advance(li->im);
    if (!map_set(&li->seen, span_cstr(indicator), 1, &again))
        return diag_set(d, ERR_NOMEM, "no memory for an indicator list");
    if (again) return ERR_NONE;
    bool taken;
    enum err e = put_indicator(li, span_cstr(indicator), value, &taken, d);
    if (!e && !taken) return ERR_NONE;
    if (!e) e = warned_look_value(&li->im->warned, value->kind, value->value, d);
    if (e || li->subject == LIST_SUBJECT_NONE) return e;
    struct span source = span_cstr(indicator);
    made_id(li, "relationship", source, span_cstr(li->subject_id), relationship);
    return put(li, span_cstr(relationship), write_indicates, &source, d);
}

static enum err reject_line(void *context, uint64_t line, struct span text, const char *reason, struct diag *d) {
    struct list_import *li = context;
    char place[64], message[400];
    snprintf(place, sizeof place, "line %llu", (unsigned long long)line);
    snprintf(message, sizeof message, "%s: %.*s", reason, SPAN_ARG(span_first(text, 200)));
    intake_reject(li->im->intake, place, message);
    return ERR_NONE;
}

/* The subject is known by the file's name before the first value is read. */
static enum err find_subject(struct list_import *li, struct arena *a, struct diag *d) {
    struct list_summary summary;
    const char *slash = strrchr(li->im->file, '/');
    enum err e = list_read_span((struct span){0}, span_cstr(slash ? slash + 1 : li->im->file), a,
                                &(struct list_events){0}, &summary, d);
    if (e) return e;
    li->subject = summary.subject;
    li->subject_name = summary.name;
    if (li->subject != LIST_SUBJECT_NONE)
        made_id(li, li->subject == LIST_SUBJECT_MALWARE ? "malware" : "intrusion-set", summary.name, (struct span){0},
                li->subject_id);
    return ERR_NONE;
}

static enum err read_validity(struct list_import *li, struct diag *d) {
    struct span from = op_text(li->im->call, "valid_from"), length = op_text(li->im->call, "valid_for");
    li->valid_from_given = from.at != NULL;
    if (from.at && !time_parse_rfc3339(from, &li->frame.valid_from))
        return diag_set(d, ERR_INVALID, "--valid-from is a date or time, such as 2026-04-01");
    if (length.at && (!time_parse_duration(length, &li->valid_for) || li->valid_for <= 0))
        return diag_set(d, ERR_INVALID, "--valid-for is a time span, such as 90d");
    return ERR_NONE;
}

struct list_told {
    const struct list_summary *summary;
    const struct losses *losses;
};

static void write_told(struct json_writer *w, const void *context) {
    const struct list_told *told = context;
    json_member_number(w, "values", (int64_t)told->summary->values);
    losses_write(w, told->losses);
}

static enum err import_list(struct import *im, const struct store_handling *h, struct diag *d) {
    struct arena a;
    struct list_import *li = calloc(1, sizeof *li);
    if (!li) return diag_set(d, ERR_NOMEM, "no memory for an indicator list");
    li->im = im;
    li->now = clock_now(im->context.clock);
    li->valid_until = TIME_NONE;
    struct list_summary summary = {0};
    struct intake_totals totals = {0};
    struct intake_options options = {
        .keep_going = op_flag(im->call, "keep_going"), .finding = import_finding, .finding_context = im};
    const struct list_events events = {.context = li, .value = take_value, .reject = reject_line};
    arena_init(&a, LIST_ARENA_MAX);
    arena_init(&li->arena, 16 << 20);
    map_init(&li->seen);
    li->now -= li->now % 1000;
    li->frame = (struct list_object_frame){.created_by = im->context.identity,
                                           .labels = im->labels,
                                           .label_count = im->label_count,
                                           .confidence = h->confidence,
                                           .tlp = (enum stix_tlp)h->tlp,
                                           .valid_until = TIME_NONE};
    enum err e = read_validity(li, d);
    if (!e) e = find_subject(li, &a, d);
    if (!e) e = intake_open(&im->context, &options, &im->intake, d);
    if (!e) e = list_read(im->in, &a, &events, &summary, d);
    if (!e && li->subject != LIST_SUBJECT_NONE) e = put(li, span_cstr(li->subject_id), write_subject, &summary, d);
    if (e && im->intake) intake_cancel(&im->intake);
    if (!e) {
        e = intake_commit(&im->intake, &totals, d);
        tell_unread(li, &summary);
        import_tell_totals(im, &totals, write_told, &(struct list_told){&summary, &li->losses});
    }
    buf_free(&li->text);
    map_free(&li->seen);
    buf_free(&li->name);
    arena_free(&li->arena);
    arena_free(&a);
    free(li);
    return e;
}

enum err op_import_list(struct op_call *call, struct diag *d) {
    return import_each_file(call, import_list, d);
}
