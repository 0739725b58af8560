#include "detect/indicator_rows.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "json/skim.h"

/* Stretches of row numbers are dealt out to the threads in turn, and each thread may be a page ahead. */
enum {
    STRETCH = 4096,
    PAGES = 2,
    THREADS_MAX = 4, /* one thread's work on the rows keeps up with no more */
    PAGE_ARENA_MAX = 1 << 30,
    SNAPSHOT_TRIES = 50,
    KEPT_MAX = 64 << 20
};

struct page {
    struct arena arena;
    struct indicator_row *rows;
    uint32_t *sources;
    size_t count, size;
    enum err error;
    struct diag diag;
    bool full; /* read and not given back yet */
};

struct reading {
    struct indicator_rows *all;
    struct store_reader *reader;
    pthread_t thread;
    bool started;
    unsigned number;
    struct page pages[PAGES];
};

struct indicator_rows {
    struct store_reader *reader; /* the caller's */
    enum indicator_what what;
    struct reading threads[THREADS_MAX];
    unsigned thread_count;
    int64_t visible, next; /* next: the stretch the caller gets */
    bool held;             /* the caller has the stretch before it */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
    struct span *sources; /* by number, names known so far */
    size_t source_count;
    struct arena kept;
};

/* ---- one row ---- */

/* What is wanted of a body. */
#define MEMBERS(X)                                                                                                     \
    X(id)                                                                                                              \
    X(name)                                                                                                            \
    X(pattern)                                                                                                         \
    X(pattern_type) X(valid_from) X(valid_until) X(confidence) X(object_marking_refs) X(granular_markings) X(labels)   \
        X(created_by_ref) X(description)
enum {
#define X(name) MEMBER_##name,
    MEMBERS(X) MEMBER_COUNT
#undef X
};
static const struct span member_names[] = {
#define X(name) {#name, sizeof #name - 1},
    MEMBERS(X)
#undef X
};

static void skim_members(struct span body, struct arena *a, struct span members[MEMBER_COUNT]) {
    struct span key, value;
    for (struct json_skim s = json_skim(body); json_skim_next(&s, &key, &value);) {
        if (memchr(key.at, '\\', key.len)) key = json_skim_text(span_of(key.at - 1, key.len + 2), a);
        for (int i = 0; i < MEMBER_COUNT; i++)
            if (key.len == member_names[i].len && key.at[0] == member_names[i].at[0] &&
                memcmp(key.at, member_names[i].at, key.len) == 0)
                members[i] = value;
    }
}

static struct span keep_text(struct span value, struct arena *a) {
    struct span text = json_skim_text(value, a);
    bool borrowed = text.at && text.at == value.at + 1;
    return borrowed ? arena_copy(a, text) : text;
}

static int confidence_of(struct span value) {
    uint64_t number;
    struct arena a;
    struct json_doc doc;
    struct diag d;
    int64_t whole = -1;
    if (value.len == 0) return -1;
    if (span_u64(value, &number)) return number <= 100 ? (int)number : -1;
    arena_init(&a, 1 << 16); /* "1e1" */
    if (json_parse(&a, value, &doc, &d) || !json_int(json_root(&doc), &whole) || whole < 0 || whole > 100) whole = -1;
    arena_free(&a);
    return (int)whole;
}

/* What neighbours have in common is kept once a page. */
static struct span keep_again(struct span value, struct span before, struct arena *a) {
    return before.len && span_equal(value, before) ? before : arena_copy(a, value);
}

static void read_row(const struct store_holding *h, enum indicator_what what, struct arena *a,
                     const struct indicator_row *before, struct indicator_row *out) {
    struct span members[MEMBER_COUNT] = {{0}};
    *out = (struct indicator_row){.holding = h->id,
                                  .modified = h->modified,
                                  .valid_from = TIME_NONE,
                                  .valid_until = TIME_NONE,
                                  .revoked = h->revoked,
                                  .handling_tlp = h->handling.tlp};
    skim_members(h->body, a, members);
    out->id = keep_text(members[MEMBER_id], a);
    out->name = keep_text(members[MEMBER_name], a);
    out->pattern = keep_text(members[MEMBER_pattern], a);
    out->pattern_type = keep_again(json_skim_text(members[MEMBER_pattern_type], a), before->pattern_type, a);
    (void)time_parse_stix(json_skim_text(members[MEMBER_valid_from], a), &out->valid_from);
    (void)time_parse_stix(json_skim_text(members[MEMBER_valid_until], a), &out->valid_until);
    out->confidence = h->handling.confidence >= 0 ? h->handling.confidence : confidence_of(members[MEMBER_confidence]);
    out->handling_labels = keep_again(h->handling.labels, before->handling_labels, a);
    out->marking_refs = keep_again(members[MEMBER_object_marking_refs], before->marking_refs, a);
    out->granular_markings = keep_again(members[MEMBER_granular_markings], before->granular_markings, a);
    out->labels = keep_again(members[MEMBER_labels], before->labels, a);
    if (what != INDICATOR_DESCRIBED) return;
    out->created_by = keep_again(json_skim_text(members[MEMBER_created_by_ref], a), before->created_by, a);
    out->description = keep_text(members[MEMBER_description], a);
}

/* ---- the threads ---- */

struct filling {
    struct page *page;
    enum indicator_what what;
};

static bool grow(struct page *page) {
    size_t size = page->size ? page->size * 2 : 1024;
    struct indicator_row *rows = realloc(page->rows, size * sizeof *rows);
    if (rows) page->rows = rows;
    uint32_t *sources = realloc(page->sources, size * sizeof *sources);
    if (sources) page->sources = sources;
    if (rows && sources) page->size = size;
    return rows && sources;
}

static bool fill(void *context, const struct store_holding *h) {
    static const struct indicator_row nothing;
    struct filling *f = context;
    struct page *page = f->page;
    if (h->state != STORE_CURRENT) return true;
    if (page->count == page->size && !grow(page)) {
        page->error = diag_set(&page->diag, ERR_NOMEM, "no memory for the indicators");
        return false;
    }
    struct indicator_row *row = &page->rows[page->count];
    if (f->what != INDICATOR_VERSIONS)
        read_row(h, f->what, &page->arena, page->count ? row - 1 : &nothing, row);
    else
        *row = (struct indicator_row){
            .holding = h->id, .modified = h->modified, .id = arena_copy(&page->arena, h->stix_id)};
    page->sources[page->count++] = h->source;
    if (page->arena.overflow) page->error = diag_set(&page->diag, ERR_NOMEM, "no memory for the indicators");
    return !page->error;
}

/* Waits until the page is full or empty, as wanted; false when all is to stop. */
static bool wait_for(struct indicator_rows *all, const struct page *page, bool full) {
    pthread_mutex_lock(&all->lock);
    while (page->full != full && !all->stop) pthread_cond_wait(&all->changed, &all->lock);
    bool go_on = !all->stop;
    pthread_mutex_unlock(&all->lock);
    return go_on;
}

static void set_full(struct indicator_rows *all, struct page *page, bool full) {
    pthread_mutex_lock(&all->lock);
    page->full = full;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

static void *read_stretches(void *context) {
    struct reading *t = context;
    struct indicator_rows *all = t->all;
    unsigned turn = 0;
    for (int64_t stretch = t->number;; stretch += all->thread_count, turn = (turn + 1) % PAGES) {
        struct page *page = &t->pages[turn];
        struct filling f = {page, all->what};
        if (stretch * STRETCH >= all->visible || !wait_for(all, page, false)) return NULL;
        arena_reset(&page->arena);
        page->count = 0;
        enum err e = store_holding_each(t->reader, stretch * STRETCH, (stretch + 1) * STRETCH, SPAN("indicator"),
                                        all->what != INDICATOR_VERSIONS, fill, &f, &page->diag);
        if (!page->error) page->error = e;
        bool last = page->error;
        set_full(all, page, true);
        if (last) return NULL;
    }
}

/* ---- opening ---- */

enum err indicator_rows_state(struct store_reader *r, struct sha256 *out, struct diag *d) {
    struct arena a;
    struct store_holding newest = {0};
    struct span altered = {0};
    arena_init(&a, KEPT_MAX);
    enum err e = store_holding_visible(r, &newest.id, d);
    if (!e && newest.id > 0) e = store_holding_get(r, newest.id, &a, &newest, d);
    if (!e) e = store_meta_get(r, "holdings-altered", &a, &altered, d);
    if (!e) {
        const struct span parts[] = {SPAN("renkei/index/v3"), span_of(&newest.id, sizeof newest.id),
                                     span_of(&newest.imported, sizeof newest.imported),
                                     span_of(newest.hash.b, sizeof newest.hash.b), altered};
        *out = sha256_of_parts(parts, sizeof parts / sizeof *parts);
    }
    arena_free(&a);
    return e;
}

static enum err take_snapshot(struct store_reader *r, struct sha256 *state, struct diag *d) {
    enum err e = store_reader_snapshot(r, d);
    return e ? e : indicator_rows_state(r, state, d);
}

/* All readers at one moment: where a commit came between, once more. */
static enum err take_snapshots(struct indicator_rows *rows, struct sha256 *state, struct diag *d) {
    for (int tried = 0; tried < SNAPSHOT_TRIES; tried++) {
        bool same = true;
        enum err e = take_snapshot(rows->reader, state, d);
        for (unsigned i = 0; !e && i < rows->thread_count && same; i++) {
            struct sha256 seen;
            e = take_snapshot(rows->threads[i].reader, &seen, d);
            same = !e && sha256_equal(&seen, state);
        }
        if (e || same) return e;
    }
    return diag_set(d, ERR_BUSY, "the holdings change faster than they can be read; try again");
}

static enum err start(struct indicator_rows *rows, struct diag *d) {
    for (unsigned i = 0; i < rows->thread_count; i++) {
        struct reading *t = &rows->threads[i];
        t->started = pthread_create(&t->thread, NULL, read_stretches, t) == 0;
        if (!t->started) return diag_set(d, ERR_BUSY, "no thread can be started to read the indicators");
    }
    return ERR_NONE;
}

enum err indicator_rows_open(struct store_reader *r, enum indicator_what what, struct indicator_rows **out,
                             struct sha256 *state, struct diag *d) {
    struct indicator_rows *rows = *out = calloc(1, sizeof *rows);
    struct sha256 seen;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    enum err e = ERR_NONE;
    if (!rows) return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    rows->reader = r;
    rows->what = what;
    rows->thread_count = processors < 1 ? 1 : processors < THREADS_MAX ? (unsigned)processors : THREADS_MAX;
    pthread_mutex_init(&rows->lock, NULL);
    pthread_cond_init(&rows->changed, NULL);
    arena_init(&rows->kept, KEPT_MAX);
    for (unsigned i = 0; i < rows->thread_count; i++) {
        struct reading *t = &rows->threads[i];
        *t = (struct reading){.all = rows, .number = i};
        for (int page = 0; page < PAGES; page++) arena_init(&t->pages[page].arena, PAGE_ARENA_MAX);
        if (!e) e = store_reader_twin(r, &t->reader, d);
    }
    if (!e) e = take_snapshots(rows, &seen, d);
    if (!e) e = store_holding_visible(r, &rows->visible, d);
    if (!e) e = start(rows, d);
    if (!e && state) *state = seen;
    if (e) indicator_rows_close(out);
    return e;
}

static void reading_close(struct reading *t) {
    if (t->started) pthread_join(t->thread, NULL);
    store_reader_close(&t->reader);
    for (int i = 0; i < PAGES; i++) {
        arena_free(&t->pages[i].arena);
        free(t->pages[i].rows);
        free(t->pages[i].sources);
    }
}

void indicator_rows_close(struct indicator_rows **out) {
    struct indicator_rows *rows = *out;
    if (!rows) return;
    pthread_mutex_lock(&rows->lock);
    rows->stop = true;
    pthread_cond_broadcast(&rows->changed);
    pthread_mutex_unlock(&rows->lock);
    for (unsigned i = 0; i < rows->thread_count; i++) reading_close(&rows->threads[i]);
    pthread_cond_destroy(&rows->changed);
    pthread_mutex_destroy(&rows->lock);
    free(rows->sources);
    arena_free(&rows->kept);
    free(rows);
    *out = NULL;
}

/* ---- reading ---- */

static enum err source_name(struct indicator_rows *rows, uint32_t number, struct span *out, struct diag *d) {
    *out = SPAN("own");
    if (number == STORE_SOURCE_OWN) return ERR_NONE;
    if (number >= rows->source_count) {
        size_t count = (size_t)number + 64;
        struct span *sources = realloc(rows->sources, count * sizeof *sources);
        if (!sources) return diag_set(d, ERR_NOMEM, "no memory for the names of sources");
        memset(sources + rows->source_count, 0, (count - rows->source_count) * sizeof *sources);
        rows->sources = sources;
        rows->source_count = count;
    }
    enum err e = ERR_NONE;
    if (!rows->sources[number].at) e = store_source_name(rows->reader, number, &rows->kept, &rows->sources[number], d);
    *out = rows->sources[number];
    return e;
}

static struct page *page_of(struct indicator_rows *rows, int64_t stretch) {
    struct reading *t = &rows->threads[stretch % rows->thread_count];
    return &t->pages[stretch / rows->thread_count % PAGES];
}

enum err indicator_rows_next(struct indicator_rows *rows, const struct indicator_row **at, size_t *count,
                             struct diag *d) {
    enum err e = ERR_NONE;
    *count = 0;
    while (!e && *count == 0 && rows->next * STRETCH < rows->visible) {
        if (rows->held) set_full(rows, page_of(rows, rows->next - 1), false);
        struct page *page = page_of(rows, rows->next++);
        wait_for(rows, page, true);
        rows->held = true;
        if (page->error && d) *d = page->diag;
        e = page->error;
        for (size_t i = 0; !e && i < page->count; i++)
            e = source_name(rows, page->sources[i], &page->rows[i].source, d);
        *at = page->rows;
        *count = page->count;
    }
    return e;
}

void indicator_rows_progress(const struct indicator_rows *rows, uint64_t *done, uint64_t *total) {
    int64_t at = rows->next * STRETCH;
    *total = (uint64_t)rows->visible;
    *done = (uint64_t)(at < rows->visible ? at : rows->visible);
}

/* ---- markings ---- */

enum err indicator_markings(const struct indicator_row *row, struct arena *a, struct stix_object *out, struct diag *d) {
    const struct {
        const char *name;
        struct span value;
    } parts[] = {{"object_marking_refs", row->marking_refs},
                 {"granular_markings", row->granular_markings},
                 {"labels", row->labels}};
    struct buf text = BUF_EMPTY;
    struct json_doc *doc = arena_zalloc(a, 1, sizeof *doc);
    buf_add_cstr(&text, "{\"type\":\"indicator\",\"id\":\"indicator--00000000-0000-4000-8000-000000000000\"");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].value.len == 0) continue;
        buf_printf(&text, ",\"%s\":", parts[i].name);
        buf_add(&text, parts[i].value);
    }
    buf_add_cstr(&text, "}");
    struct span kept = arena_copy(a, buf_span(&text));
    bool ok = doc && kept.at && buf_ok(&text);
    buf_free(&text);
    if (!ok) return diag_set(d, ERR_NOMEM, "no memory for the markings");
    enum err e = json_parse(a, kept, doc, d);
    return e ? e : stix_object_view(a, json_root(doc), out, d);
}
