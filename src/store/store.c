/* The store's front: checks what every driver may rely on, then calls the driver. */
#include "store/store.h"

#include "store/driver.h"

/* Which driver serves an address: the first whose scheme it starts with; a plain path is SQLite's. */
static const struct scheme {
    const char *prefix;
    const struct store_driver *driver;
} schemes[] = {
    {"postgres://", &store_postgres},
    {"postgresql://", &store_postgres},
    {"", &store_sqlite},
};

static enum err check_stix_id(struct span id, struct diag *d) {
    if (id.len == 0) return diag_set(d, ERR_INVALID, "an object without an id cannot be kept");
    if (id.len > STORE_ID_MAX) {
        return diag_set(d, ERR_LIMIT, "an id of %zu characters is longer than %d", id.len, (int)STORE_ID_MAX);
    }
    return ERR_NONE;
}

static enum err check_name(struct span name, const char *what, struct diag *d) {
    if (name.len <= STORE_NAME_MAX) return ERR_NONE;
    return diag_set(d, ERR_LIMIT, "a %s of %zu bytes is longer than %d", what, name.len, (int)STORE_NAME_MAX);
}

static enum err check_body(struct span body, const char *what, struct diag *d) {
    if (body.len <= STORE_BODY_MAX) return ERR_NONE;
    return diag_set(d, ERR_LIMIT, "a %s of %zu bytes is larger than %d", what, body.len, (int)STORE_BODY_MAX);
}

static enum err check_ledger(int64_t ledger, struct diag *d) {
    if (ledger > 0 && ledger < STORE_LEDGER_MAX) return ERR_NONE;
    return diag_set(d, ERR_INVALID, "%lld is not the number of a ledger", (long long)ledger);
}

static enum err check_seq(uint64_t seq, struct diag *d) {
    if (seq < (uint64_t)STORE_SEQ_MAX) return ERR_NONE;
    return diag_set(d, ERR_LIMIT, "a ledger has no entry %llu: it holds 2^40 at most", (unsigned long long)seq);
}

static size_t page_size(size_t limit) {
    return limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX;
}

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        enum err tried = (call);                                                                                       \
        if (tried) return tried;                                                                                       \
    } while (0)

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static const struct store_driver *driver_of(const char *url) {
    const struct scheme *s = schemes;
    while (!span_starts(span_cstr(url), span_cstr(s->prefix))) s++;
    return s->driver;
}

enum err store_open(const char *url, enum store_mode mode, struct store **out, struct diag *d) {
    *out = NULL;
    return driver_of(url)->open(url, mode, out, d);
}

void store_close(struct store **s) {
    if (!*s) return;
    (*s)->driver->close(*s);
    *s = NULL;
}

enum err store_reader_open(struct store *s, struct store_reader **out, struct diag *d) {
    *out = NULL;
    return s->driver->reader_open(s, out, d);
}

enum err store_reader_twin(struct store_reader *r, struct store_reader **out, struct diag *d) {
    *out = NULL;
    return r->driver->reader_twin(r, out, d);
}

void store_reader_close(struct store_reader **r) {
    if (!*r) return;
    (*r)->driver->reader_close(*r);
    *r = NULL;
}

enum err store_reader_snapshot(struct store_reader *r, struct diag *d) {
    return r->driver->reader_snapshot(r, d);
}

void store_reader_release(struct store_reader *r) {
    r->driver->reader_release(r);
}

enum err store_backup(struct store_reader *r, const char *path,
                      void (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct diag *d) {
    return r->driver->backup ? r->driver->backup(r, path, progress, context, d)
                             : store_copy(r, path, progress, context, d);
}

enum { COPY_TOLD_ROWS = 4096 };

struct copy {
    struct store_fill *to;
    enum store_rows kind;
    uint64_t rows;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

static enum err copy_row(void *context, const struct store_cell *cells, struct diag *d) {
    struct copy *c = context;
    if (c->kind == STORE_ROWS_META && span_is(cells[0].bytes, STORE_META_TEXT)) return ERR_NONE;
    if (c->progress && c->rows++ % COPY_TOLD_ROWS == 0) c->progress(c->context, c->rows, 0);
    return c->to->driver->fill_row(c->to, c->kind, cells, d);
}

enum err store_copy(struct store_reader *r, const char *url,
                    void (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct diag *d) {
    struct copy c = {.progress = progress, .context = context};
    const struct store_driver *driver = driver_of(url);
    struct diag later;
    enum err e = driver->fill_open(url, &c.to, d);
    if (e) return e;
    for (c.kind = 0; !e && c.kind < STORE_ROWS_KINDS; c.kind++) e = r->driver->rows(r, c.kind, copy_row, &c, d);
    enum err closed = driver->fill_close(c.to, !e, e ? &later : d);
    return e ? e : closed;
}

enum err store_retire(struct store_tx **tx, struct diag *d) {
    struct store_tx *t = *tx;
    *tx = NULL;
    return t->driver->retire(t, d);
}

enum err store_begin(struct store *s, struct store_tx **out, struct diag *d) {
    *out = NULL;
    return s->driver->begin(s, out, d);
}

enum err store_commit(struct store_tx **tx, struct diag *d) {
    struct store_tx *t = *tx;
    *tx = NULL;
    return t->driver->commit(t, d);
}

void store_rollback(struct store_tx **tx) {
    if (!*tx) return;
    (*tx)->driver->rollback(*tx);
    *tx = NULL;
}

struct store_reader *store_tx_reader(struct store_tx *tx) {
    return tx->driver->tx_reader(tx);
}

struct store_reader *store_tx_visible(struct store_tx *tx) {
    return tx->driver->tx_visible(tx);
}

/* ---- small facts ------------------------------------------------------------------------------------------------ */

enum err store_meta_get(struct store_reader *r, const char *name, struct arena *a, struct span *out, struct diag *d) {
    *out = (struct span){0};
    return r->driver->meta_get(r, name, a, out, d);
}

enum err store_meta_set(struct store_tx *tx, const char *name, struct span value, struct diag *d) {
    TRY(check_name(span_cstr(name), "name", d));
    TRY(check_body(value, "value", d));
    return tx->driver->meta_set(tx, name, value, d);
}

enum err store_document_put(struct store_tx *tx, const struct store_document *doc, struct diag *d) {
    TRY(check_name(doc->kind, "kind", d));
    TRY(check_name(doc->key, "key", d));
    TRY(check_body(doc->body, "document", d));
    return tx->driver->document_put(tx, doc, d);
}

enum err store_document_get(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                            struct store_document *out, struct diag *d) {
    return r->driver->document_get(r, kind, key, a, out, d);
}

enum err store_document_list(struct store_reader *r, const char *kind, struct arena *a, struct store_document **out,
                             size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->document_list(r, kind, a, out, count, d);
}

enum err store_document_delete(struct store_tx *tx, const char *kind, struct span key, struct diag *d) {
    return tx->driver->document_delete(tx, kind, key, d);
}

enum err store_source_number(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d) {
    TRY(check_name(name, "source's name", d));
    return tx->driver->source_number(tx, name, out, d);
}

enum err store_source_name(struct store_reader *r, uint32_t number, struct arena *a, struct span *out, struct diag *d) {
    *out = (struct span){0};
    return r->driver->source_name(r, number, a, out, d);
}

enum err store_source_find(struct store_reader *r, struct span name, uint32_t *out, struct diag *d) {
    return r->driver->source_find(r, name, out, d);
}

enum err store_audit_add(struct store_tx *tx, const struct store_audit *entry, struct diag *d) {
    TRY(check_name(entry->actor, "actor's name", d));
    TRY(check_name(entry->operation, "operation's name", d));
    TRY(check_body(entry->detail, "detail", d));
    TRY(check_body(entry->outcome, "outcome", d));
    return tx->driver->audit_add(tx, entry, d);
}

static void big_endian(uint64_t n, uint8_t out[8]) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(n >> (56 - 8 * i));
}

struct sha256 store_audit_chain(const struct sha256 *before, uint64_t number, const struct store_audit *entry) {
    const struct span texts[] = {entry->actor, entry->operation, entry->detail, entry->outcome};
    enum { TEXTS = sizeof texts / sizeof *texts, PARTS = 4 + 2 * TEXTS };
    uint8_t numbers[2 + TEXTS][8];
    struct span parts[PARTS] = {SPAN("renkei audit v1\n"), span_of(before->b, SHA256_SIZE)};
    size_t count = 2;
    big_endian(number, numbers[0]);
    big_endian((uint64_t)entry->time, numbers[1]);
    parts[count++] = span_of(numbers[0], 8);
    parts[count++] = span_of(numbers[1], 8);
    for (size_t i = 0; i < TEXTS; i++) {
        big_endian(texts[i].len, numbers[2 + i]);
        parts[count++] = span_of(numbers[2 + i], 8);
        parts[count++] = texts[i];
    }
    return sha256_of_parts(parts, count);
}

enum err store_audit_scan(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                          struct store_audit_kept **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    if (limit > STORE_PAGE_MAX) limit = STORE_PAGE_MAX;
    if (after >= INT64_MAX) return ERR_NONE;
    return r->driver->audit_scan(r, after, limit, a, out, count, d);
}

/* ---- holdings --------------------------------------------------------------------------------------------------- */

enum err store_holding_add(struct store_tx *tx, const struct store_holding *h, const struct span *refs,
                           size_t ref_count, int64_t *id, bool *added, struct diag *d) {
    *id = 0, *added = false;
    TRY(check_stix_id(h->stix_id, d));
    TRY(check_body(h->body, "object", d));
    TRY(check_body(h->handling.labels, "list of labels", d));
    if (ref_count > STORE_REFS_MAX) {
        return diag_set(d, ERR_LIMIT, "an object that names %zu others names more than %d", ref_count,
                        (int)STORE_REFS_MAX);
    }
    for (size_t i = 0; i < ref_count; i++) TRY(check_stix_id(refs[i], d));
    return tx->driver->holding_add(tx, h, refs, ref_count, id, added, d);
}

enum err store_intake_publish(struct store_tx *tx, struct diag *d) {
    return tx->driver->intake_publish(tx, d);
}

enum err store_intake_discard(struct store_tx *tx, struct diag *d) {
    return tx->driver->intake_discard(tx, d);
}

enum err store_holding_visible(struct store_reader *r, int64_t *out, struct diag *d) {
    *out = 0;
    return r->driver->holding_visible(r, out, d);
}

enum err store_holding_get(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out,
                           struct diag *d) {
    return r->driver->holding_get(r, id, a, out, d);
}

enum err store_holding_latest(struct store_reader *r, struct span stix_id, struct arena *a, struct store_holding *out,
                              struct diag *d) {
    return r->driver->holding_latest(r, stix_id, a, out, d);
}

enum err store_holding_history(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                               struct store_holding **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->holding_history(r, stix_id, with_body, a, out, count, d);
}

enum err store_holding_scan(struct store_reader *r, int64_t after, struct span type, size_t limit, struct arena *a,
                            struct store_holding **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->holding_scan(r, after, type, page_size(limit), a, out, count, d);
}

enum err store_holding_expect(struct store_tx *tx, const struct span *ids, size_t count, struct diag *d) {
    return tx->driver->holding_expect && count > 0 ? tx->driver->holding_expect(tx, ids, count, d) : ERR_NONE;
}

enum err store_holding_undecided(struct store_reader *r, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                                 struct store_holding **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->holding_undecided(r, ledger, after, page_size(limit), a, out, count, d);
}

enum err store_holding_each(struct store_reader *r, int64_t after, int64_t upto, struct span type, bool with_body,
                            bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d) {
    return r->driver->holding_each(r, after, upto, type, with_body, each, context, d);
}

enum err store_holding_naming(struct store_reader *r, struct span stix_id, int64_t after, size_t limit, struct arena *a,
                              int64_t **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->holding_naming(r, stix_id, after, page_size(limit), a, out, count, d);
}

enum err store_holding_totals(struct store_reader *r, struct arena *a, struct store_total **out, size_t *count,
                              struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->holding_totals(r, a, out, count, d);
}

enum err store_holding_quarantine(struct store_tx *tx, int64_t id, struct diag *d) {
    return tx->driver->holding_set_state(tx, id, STORE_QUARANTINED, d);
}

enum err store_holding_restore(struct store_tx *tx, int64_t id, struct diag *d) {
    return tx->driver->holding_set_state(tx, id, STORE_CURRENT, d);
}

enum err store_object_erase(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions,
                            struct diag *d) {
    *versions = 0;
    TRY(check_stix_id(stix_id, d));
    return tx->driver->object_erase(tx, stix_id, source, versions, d);
}

enum err store_scrub(struct store *s, struct diag *d) {
    return s->driver->scrub(s, d);
}

/* ---- search ----------------------------------------------------------------------------------------------------- */

enum err store_text_add(struct store_tx *tx, int64_t id, struct span text, struct diag *d) {
    TRY(check_body(text, "text", d));
    return tx->driver->text_add(tx, id, text, d);
}

enum err store_search(struct store_reader *r, const struct store_query *q, struct arena *a, struct store_holding **out,
                      size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    TRY(check_name(q->match, "search text", d));
    TRY(check_name(q->label, "label", d));
    struct store_query bounded = *q;
    bounded.limit = page_size(q->limit);
    return r->driver->search(r, &bounded, a, out, count, d);
}

/* ---- ledgers ---------------------------------------------------------------------------------------------------- */

enum err store_ledger_create(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d) {
    *id = 0;
    TRY(check_name(l->recipient, "recipient", d));
    TRY(check_name(l->lineage, "lineage", d));
    return tx->driver->ledger_create(tx, l, id, d);
}

enum err store_ledger_list(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                           struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->ledger_list(r, a, out, count, d);
}

enum err store_ledger_get(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out,
                          struct diag *d) {
    return r->driver->ledger_get(r, id, a, out, d);
}

enum err store_ledger_update(struct store_tx *tx, const struct store_ledger *l, struct diag *d) {
    TRY(check_ledger(l->id, d));
    return tx->driver->ledger_update(tx, l, d);
}

enum err store_entry_add(struct store_tx *tx, const struct store_entry *e, struct diag *d) {
    TRY(check_ledger(e->ledger, d));
    TRY(check_seq(e->seq, d));
    if (e->stix_id.len > 0 || e->state != STORE_ENTRY_RECORD) TRY(check_stix_id(e->stix_id, d));
    TRY(check_body(e->body, "body", d));
    TRY(check_body(e->record, "record", d));
    if (e->salt.len != 0 && e->salt.len != STORE_SALT_SIZE) {
        return diag_set(d, ERR_INVALID, "a salt is %d bytes, not %zu", (int)STORE_SALT_SIZE, e->salt.len);
    }
    return tx->driver->entry_add(tx, e, d);
}

enum err store_entry_withdraw(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d) {
    TRY(check_ledger(ledger, d));
    TRY(check_seq(seq, d));
    return tx->driver->entry_withdraw(tx, ledger, seq, d);
}

enum err store_entry_set_state(struct store_tx *tx, int64_t ledger, uint64_t seq, enum store_entry_state state,
                               struct diag *d) {
    TRY(check_ledger(ledger, d));
    TRY(check_seq(seq, d));
    return tx->driver->entry_set_state(tx, ledger, seq, state, d);
}

enum err store_entry_get(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a, struct store_entry *out,
                         struct diag *d) {
    TRY(check_ledger(ledger, d));
    TRY(check_seq(seq, d));
    return r->driver->entry_get(r, ledger, seq, a, out, d);
}

/* Where entry_scan() gathers what entry_each() shows it. */
struct gathered {
    struct arena *arena;
    struct store_entry *rows;
    size_t count, room;
};

static bool gather(void *context, const struct store_entry *e) {
    struct gathered *g = context;
    if (g->count == g->room) {
        size_t room = g->room ? g->room * 2 : 32;
        struct store_entry *rows = arena_zalloc(g->arena, room, sizeof *rows);
        if (!rows) return false;
        if (g->count) memcpy(rows, g->rows, g->count * sizeof *rows);
        g->rows = rows, g->room = room;
    }
    struct store_entry *to = &g->rows[g->count++];
    *to = *e;
    to->stix_id = arena_copy(g->arena, e->stix_id);
    to->body = arena_copy(g->arena, e->body);
    to->record = arena_copy(g->arena, e->record);
    to->salt = arena_copy(g->arena, e->salt);
    return !g->arena->overflow;
}

enum err store_entry_scan(struct store_reader *r, const struct store_entry_query *q, struct arena *a,
                          struct store_entry **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    struct gathered g = {.arena = a};
    TRY(store_entry_each(r, q, gather, &g, d));
    if (a->overflow) return diag_set(d, ERR_NOMEM, "a page of entries does not fit into its memory");
    *out = g.rows, *count = g.count;
    return ERR_NONE;
}

enum err store_entry_each(struct store_reader *r, const struct store_entry_query *q,
                          bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d) {
    TRY(check_ledger(q->ledger, d));
    struct store_entry_query bounded = *q;
    bounded.limit = page_size(q->limit);
    /* Sequence numbers come from outside (a page's cursor): beyond the end is an empty page, not an error. */
    if (bounded.from_seq >= (uint64_t)STORE_SEQ_MAX) return ERR_NONE;
    if (bounded.to_seq == 0 || bounded.to_seq > (uint64_t)STORE_SEQ_MAX) bounded.to_seq = (uint64_t)STORE_SEQ_MAX;
    return r->driver->entry_each(r, &bounded, each, context, d);
}

enum err store_entry_out(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count, struct diag *d) {
    return r->driver->entry_out(r, ledger, bits, count, d);
}

enum err store_entry_after(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d) {
    *seq = 0;
    TRY(check_ledger(ledger, d));
    return r->driver->entry_after(r, ledger, t, seq, d);
}

enum err store_entry_current(struct store_reader *r, int64_t ledger, struct span stix_id, struct store_entry *out,
                             struct diag *d) {
    TRY(check_ledger(ledger, d));
    return r->driver->entry_current(r, ledger, stix_id, out, d);
}

enum err store_entry_of_holding(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                                struct store_entry *out, struct diag *d) {
    TRY(check_ledger(ledger, d));
    return r->driver->entry_of_holding(r, ledger, holding, a, out, d);
}

static enum err check_tile(int64_t ledger, unsigned level, uint64_t index, struct diag *d) {
    TRY(check_ledger(ledger, d));
    if (level <= STORE_TILE_LEVEL_MAX && index < (uint64_t)STORE_SEQ_MAX >> 8) return ERR_NONE;
    return diag_set(d, ERR_NOT_FOUND, "no ledger has a tile %u/%llu", level, (unsigned long long)index);
}

enum err store_tile_put(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index, struct span hashes,
                        struct diag *d) {
    TRY(check_tile(ledger, level, index, d));
    return tx->driver->tile_put(tx, ledger, level, index, hashes, d);
}

enum err store_tile_get(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index, struct arena *a,
                        struct span *out, struct diag *d) {
    *out = (struct span){0};
    TRY(check_tile(ledger, level, index, d));
    return r->driver->tile_get(r, ledger, level, index, a, out, d);
}

enum err store_waiting_add(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding, struct diag *d) {
    TRY(check_ledger(ledger, d));
    TRY(check_stix_id(needs, d));
    return tx->driver->waiting_add(tx, ledger, needs, holding, d);
}

enum err store_waiting_take(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a, int64_t **out,
                            size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    TRY(check_ledger(ledger, d));
    return tx->driver->waiting_take(tx, ledger, needs, a, out, count, d);
}

enum err store_decision_add(struct store_tx *tx, const struct store_decision_run *run, struct diag *d) {
    TRY(check_ledger(run->ledger, d));
    TRY(check_name(run->agreement, "agreement's hash", d));
    if (run->first > run->last) return diag_set(d, ERR_INVALID, "a decision run ends before it begins");
    return tx->driver->decision_add(tx, run, d);
}

enum err store_decision_find(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                             struct store_decision_run *out, struct diag *d) {
    TRY(check_ledger(ledger, d));
    return r->driver->decision_find(r, ledger, holding, a, out, d);
}

/* ---- ledgers received ------------------------------------------------------------------------------------------- */

enum err store_received_add(struct store_tx *tx, struct span origin, const struct store_received *e, struct diag *d) {
    TRY(check_name(origin, "ledger's origin", d));
    TRY(check_seq(e->seq, d));
    TRY(check_body(e->record, "record", d));
    return tx->driver->received_add(tx, origin, e, d);
}

enum err store_received_scan(struct store_reader *r, struct span origin, uint64_t from, size_t limit, struct arena *a,
                             struct store_received **out, size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    if (from >= (uint64_t)STORE_SEQ_MAX) return ERR_NONE;
    return r->driver->received_scan(r, origin, from, page_size(limit), a, out, count, d);
}

enum err store_received_of(struct store_reader *r, int64_t holding, struct arena *a, struct store_received **out,
                           size_t *count, struct diag *d) {
    *out = NULL, *count = 0;
    return r->driver->received_of(r, holding, a, out, count, d);
}

enum err store_received_withdraw(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding,
                                 struct diag *d) {
    *holding = 0;
    TRY(check_seq(seq, d));
    return tx->driver->received_withdraw(tx, origin, seq, holding, d);
}

enum err store_received_from(struct store_reader *r, struct span stix_id, uint32_t source, bool *out, struct diag *d) {
    *out = false;
    return r->driver->received_from(r, stix_id, source, out, d);
}
