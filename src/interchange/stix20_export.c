#include "interchange/stix20_export.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "detect/export_marking.h"
#include "interchange/stix20_words.h"
#include "stix/id.h"
#include "stix/schema.h"

enum {
    ITEM_ARENA_MAX = 512 << 20, /* of an observed-data with its observables, all parsed */
    PAGE = 100,
    WRITE_AT = 1 << 20,
    MARKS_MAX = 256 /* of one observed-data and its observables */
};

struct exporting {
    struct store_reader *reader;
    const struct stix20_export_options *options;
    struct stix20_export_result *result;
    struct export_markings markings;
    struct map observables; /* id → 1 when it stands in an observed-data */
    struct arena arena;     /* of the object at hand */
    struct buf out;
    int fd;
    bool used[STIX_TLP_COUNT];
};

/* ---- one object ---- */

struct item {
    struct json_value o;
    struct export_marking marking;
    int handling;
};

static enum err read_item(struct exporting *x, const struct store_holding *h, struct item *out, struct diag *d) {
    struct json_doc *doc = arena_alloc(&x->arena, sizeof *doc);
    if (!doc) return diag_set(d, ERR_NOMEM, "no memory for an object");
    enum err e = json_parse(&x->arena, h->body, doc, d);
    if (e) return e;
    *out = (struct item){.o = json_root(doc), .handling = h->handling.tlp};
    struct json_value refs = json_get(out->o, "object_marking_refs"), granular = json_get(out->o, "granular_markings"),
                      labels = json_get(out->o, "labels");
    struct indicator_row row = {.handling_tlp = h->handling.tlp,
                                .handling_labels = h->handling.labels,
                                .marking_refs = json_exists(refs) ? json_raw(refs) : (struct span){0},
                                .granular_markings = json_exists(granular) ? json_raw(granular) : (struct span){0},
                                .labels = json_exists(labels) ? json_raw(labels) : (struct span){0}};
    e = export_marking_of(&x->markings, &row, &x->arena, &out->marking, d);
    if (!e && out->handling > (int)out->marking.tlp) out->marking.tlp = (enum stix_tlp)out->handling;
    return e;
}

static bool may(const struct exporting *x, const struct item *i) {
    return i->marking.tlp <= x->options->tlp && (!i->marking.unknown || x->options->tlp == STIX_TLP_RED);
}

static bool may_counted(struct exporting *x, const struct item *i) {
    if (may(x, i)) return true;
    if (i->marking.unknown)
        x->result->not_known++;
    else
        x->result->too_strict++;
    return false;
}

/* Markings of others that go onto the object, each once. */
struct marks {
    struct span at[MARKS_MAX];
    size_t count;
    bool too_many;
};

static void add_mark(struct marks *m, struct span id) {
    if (!id.len) return;
    for (size_t i = 0; i < m->count; i++)
        if (span_equal(m->at[i], id)) return;
    if (m->count == MARKS_MAX)
        m->too_many = true;
    else
        m->at[m->count++] = id;
}

static void add_marks(struct exporting *x, struct marks *m, const struct item *i) {
    for (struct json_iter it = json_iter(json_get(i->o, "object_marking_refs")); json_next(&it);)
        add_mark(m, json_text(it.value, &x->arena));
    for (struct json_iter it = json_iter(json_get(i->o, "granular_markings")); json_next(&it);)
        add_mark(m, json_text(json_get(it.value, "marking_ref"), &x->arena));
    if (i->handling > STIX_TLP_NONE) add_mark(m, stix_tlp_id((enum stix_tlp)i->handling));
}

struct fetching {
    struct exporting *x;
    struct marks *marks;
};

static enum err fetch(void *context, struct span id, struct json_value *out, bool *there, struct diag *d) {
    struct fetching *f = context;
    struct store_holding h;
    struct item i;
    *there = false;
    enum err e = store_holding_latest(f->x->reader, id, &f->x->arena, &h, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    if (!e) e = read_item(f->x, &h, &i, d);
    if (e || !may(f->x, &i)) return e;
    *there = true;
    *out = i.o;
    add_marks(f->x, f->marks, &i);
    return map_set(&f->x->observables, id, 1, NULL) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for an export");
}

static enum err fold(struct exporting *x, const struct item *i, struct marks *marks, struct buf *objects,
                     struct diag *d) {
    struct fetching context = {x, marks};
    struct json_value *all;
    size_t count;
    enum err e = stix20_fold(i->o, &(struct stix20_fetch){&context, fetch}, &x->arena, &x->result->losses, objects,
                             &all, &count, d);
    if (!e && !buf_ok(objects)) e = diag_set(d, ERR_NOMEM, "no memory for an observed-data");
    if (!e && count == 0) buf_clear(objects);
    return e;
}

static enum err flush(struct exporting *x, size_t at, struct diag *d) {
    if (!buf_ok(&x->out)) return diag_set(d, ERR_NOMEM, "no memory to write");
    if (x->out.len < at) return ERR_NONE;
    enum err e = file_write_all(x->fd, buf_span(&x->out), d);
    buf_clear(&x->out);
    return e;
}

static void note_tlp(struct exporting *x, struct span id) {
    enum stix_tlp level;
    if (stix_marking_builtin(id, &level)) x->used[level] = true;
}

static void note_tlps(struct exporting *x, const struct item *i, const struct marks *marks) {
    for (size_t k = 0; k < marks->count; k++) note_tlp(x, marks->at[k]);
    for (struct json_iter it = json_iter(json_get(i->o, "object_marking_refs")); json_next(&it);)
        note_tlp(x, json_text(it.value, &x->arena));
    for (struct json_iter it = json_iter(json_get(i->o, "granular_markings")); json_next(&it);)
        note_tlp(x, json_text(json_get(it.value, "marking_ref"), &x->arena));
}

static enum err write_item(struct exporting *x, const struct item *i, const struct marks *marks, struct span objects,
                           struct diag *d) {
    const struct stix20_more more = {.marks = marks->at, .mark_count = marks->count, .objects = objects};
    size_t before = x->out.len;
    if (x->result->objects) buf_add_char(&x->out, ',');
    if (!stix20_downgrade(i->o, &more, &x->arena, &x->result->losses, &x->out)) {
        x->out.len = before;
        return ERR_NONE;
    }
    x->result->objects++;
    note_tlps(x, i, marks);
    return flush(x, WRITE_AT, d);
}

static enum err take(struct exporting *x, const struct store_holding *h, struct diag *d) {
    struct store_holding latest;
    struct item i;
    struct marks marks = {.count = 0};
    struct buf objects = BUF_EMPTY;
    enum stix_tlp level;
    const struct schema *schema = stix_schema(h->type);
    if (h->state != STORE_CURRENT || stix_marking_builtin(h->stix_id, &level)) return ERR_NONE;
    arena_reset(&x->arena);
    if (schema && schema->kind == STIX_SCO) {
        uint64_t known;
        bool ok = map_get(&x->observables, h->stix_id, &known) || map_set(&x->observables, h->stix_id, 0, NULL);
        return ok ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for an export");
    }
    enum err e = store_holding_latest(x->reader, h->stix_id, &x->arena, &latest, d);
    if (e || latest.id != h->id) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if ((e = read_item(x, h, &i, d)) || !may_counted(x, &i)) return e;
    if (i.handling > STIX_TLP_NONE) add_mark(&marks, stix_tlp_id((enum stix_tlp)i.handling));
    if (span_is(h->type, "observed-data")) e = fold(x, &i, &marks, &objects, d);
    if (!e && marks.too_many)
        losses_add(&x->result->losses, "observed-data with too many markings", "%.*s", SPAN_ARG(h->stix_id));
    else if (!e)
        e = write_item(x, &i, &marks, buf_span(&objects), d);
    buf_free(&objects);
    return e;
}

/* ---- everything ---- */

static enum err take_all(struct exporting *x, int64_t visible,
                         void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                         struct diag *d) {
    struct arena page;
    int64_t after = 0;
    size_t count;
    enum err e = ERR_NONE;
    arena_init(&page, (size_t)2 * ITEM_ARENA_MAX);
    do {
        struct store_holding *at;
        arena_reset(&page);
        e = store_holding_scan(x->reader, after, (struct span){0}, PAGE, &page, &at, &count, d);
        for (size_t i = 0; !e && i < count; i++) {
            after = at[i].id;
            e = take(x, &at[i], d);
        }
        if (progress) progress(context, (uint64_t)after, (uint64_t)visible);
    } while (!e && count == PAGE);
    arena_free(&page);
    return e;
}

/* The definitions of what was written: TLP's are not held as objects of their own. */
static void write_tlp(struct exporting *x) {
    for (int level = STIX_TLP_CLEAR; level < STIX_TLP_COUNT; level++) {
        if (level == STIX_TLP_AMBER_STRICT || !x->result->objects) continue;
        bool used = x->used[level] || (level == STIX_TLP_RED && x->used[STIX_TLP_AMBER_STRICT]);
        if (!used) continue;
        buf_add_char(&x->out, ',');
        buf_add(&x->out, stix20_tlp_object((enum stix_tlp)level));
    }
}

static void tell_lonely(struct exporting *x) {
    struct span id;
    uint64_t folded;
    for (size_t at = 0; map_next(&x->observables, &at, &id, &folded);)
        if (!folded) losses_add(&x->result->losses, "observables that no observed-data names", "%.*s", SPAN_ARG(id));
}

static void begin(struct exporting *x, int64_t visible) {
    struct buf name = BUF_EMPTY;
    char id[STIX_ID_SIZE];
    buf_printf(&name, "stix20 bundle\n%.*s\n%lld", SPAN_ARG(x->options->identity), (long long)visible);
    struct sha256 hash = sha256_of(buf_span(&name));
    stix_id_from_hmac(&hash, SPAN("bundle"), id);
    buf_free(&name);
    buf_printf(&x->out, "{\"type\":\"bundle\",\"id\":\"%s\",\"spec_version\":\"2.0\",\"objects\":[", id);
}

enum err stix20_export(struct store_reader *r, const struct stix20_export_options *o, int fd,
                       void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                       struct stix20_export_result *out, struct diag *d) {
    struct exporting *x = calloc(1, sizeof *x);
    int64_t visible = 0;
    if (!x) return diag_set(d, ERR_NOMEM, "no memory for an export");
    *out = (struct stix20_export_result){0};
    x->reader = r;
    x->options = o;
    x->result = out;
    x->fd = fd;
    map_init(&x->observables);
    arena_init(&x->arena, ITEM_ARENA_MAX);
    export_markings_init(&x->markings, r);
    enum err e = store_reader_snapshot(r, d);
    if (!e) e = store_holding_visible(r, &visible, d);
    begin(x, visible);
    if (!e) e = take_all(x, visible, progress, context, d);
    if (!e) {
        write_tlp(x);
        tell_lonely(x);
        buf_add_cstr(&x->out, "]}\n");
        e = flush(x, 0, d);
    }
    store_reader_release(r);
    export_markings_free(&x->markings);
    map_free(&x->observables);
    arena_free(&x->arena);
    buf_free(&x->out);
    free(x);
    return e;
}
