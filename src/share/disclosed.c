#include "share/disclosed.h"

#include "ledger/record.h"
#include "stix/marking.h"
#include "json/json.h"

enum { DISCLOSED_ARENA_MAX = 256 << 20, DISCLOSED_SLICE = 1000 };

struct telling {
    struct store_reader *reader;
    const struct disclosed_query *query;
    void (*each)(void *context, const struct disclosed_entry *e);
    void *context;
    struct disclosed *out;
    struct arena page;
};

static bool count(struct map *m, struct span name) {
    uint64_t before = 0;
    (void)map_get(m, name, &before);
    return map_set(m, name, before + 1, NULL);
}

static enum stix_marking of_another_kind(void *context, struct span id, enum stix_tlp *level) {
    *level = STIX_TLP_NONE;
    return STIX_MARKING_STATEMENT;
}

/* As strict as the object and its handling say; other kinds of marking are not what is counted here. */
static enum stix_tlp level_of(const struct store_holding *h, struct arena *a) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct stix_object o;
    struct stix_marking_summary s = {0};
    struct diag ignored;
    if (doc && !json_parse(a, h->body, doc, &ignored) && !stix_object_view(a, json_root(doc), &o, &ignored))
        stix_marking_effective(&o, of_another_kind, NULL, &s);
    return s.tlp > (enum stix_tlp)h->handling.tlp ? s.tlp : (enum stix_tlp)h->handling.tlp;
}

static enum err tell_release(struct telling *t, struct disclosed_entry *e, struct diag *d) {
    struct store_holding h;
    struct span type = e->entry->stix_id;
    enum err err = store_holding_get(t->reader, e->entry->holding, &t->page, &h, d);
    if (err && err != ERR_NOT_FOUND) return err;
    e->tlp = err ? "unknown" : stix_tlp_name(level_of(&h, &t->page));
    if (!err) e->object = h.stix_id;
    t->out->released++;
    t->out->standing += e->entry->state <= STORE_ENTRY_SUPERSEDED;
    type = span_first(type, span_find(type, SPAN("--")));
    if (!count(&t->out->types, type) || !count(&t->out->markings, span_cstr(e->tlp)) ||
        !count(&t->out->clauses, e->clause))
        return diag_set(d, ERR_NOMEM, "no memory for totals");
    return ERR_NONE;
}

static enum err tell(struct telling *t, const struct store_ledger *ledger, const struct store_entry *entry,
                     struct diag *d) {
    struct ledger_record record;
    enum err e = ledger_record_read(&t->page, entry->record, &record, d);
    if (e) return e;
    struct disclosed_entry told = {.entry = entry,
                                   .object = entry->stix_id,
                                   .kind = ledger_kind_name(record.kind),
                                   .tlp = "",
                                   .confirmed = entry->seq < ledger->cosigned_size,
                                   .clause = record.clause_count ? record.clauses[0] : (struct span){0}};
    if (record.kind == LEDGER_RELEASE)
        e = tell_release(t, &told, d);
    else
        t->out->taken_back++;
    if (!e && t->each) t->each(t->context, &told);
    return e;
}

static enum err tell_ledger(struct telling *t, const struct store_ledger *ledger, struct diag *d) {
    struct store_entry_query q = {.ledger = ledger->id,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .records = true,
                                  .limit = DISCLOSED_SLICE,
                                  .with_record = true};
    enum err e = ERR_NONE;
    if (t->query->since != TIME_NONE) e = store_entry_after(t->reader, ledger->id, t->query->since - 1, &q.from_seq, d);
    while (!e) {
        struct store_entry *entries;
        size_t n = 0;
        arena_reset(&t->page);
        e = store_entry_scan(t->reader, &q, &t->page, &entries, &n, d);
        for (size_t i = 0; !e && i < n; i++) {
            if (t->query->until != TIME_NONE && entries[i].time >= t->query->until) return ERR_NONE;
            e = tell(t, ledger, &entries[i], d);
        }
        if (e || n == 0) break;
        q.from_seq = entries[n - 1].seq + 1;
    }
    return e;
}

enum err share_disclosed(const struct share_context *c, const struct disclosed_query *q,
                         void (*each)(void *context, const struct disclosed_entry *e), void *context,
                         struct disclosed *out, struct diag *d) {
    struct arena a;
    struct store_ledger *ledgers;
    size_t ledger_count = 0, found = 0;
    struct telling t = {.query = q, .each = each, .context = context, .out = out};
    *out = (struct disclosed){0};
    map_init(&out->types);
    map_init(&out->markings);
    map_init(&out->clauses);
    arena_init(&a, DISCLOSED_ARENA_MAX);
    arena_init(&t.page, DISCLOSED_ARENA_MAX);
    enum err e = store_reader_open(c->store, &t.reader, d);
    if (!e) e = store_reader_snapshot(t.reader, d);
    if (!e) e = store_ledger_list(t.reader, &a, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        if (!span_equal(ledgers[i].recipient, q->recipient)) continue;
        found++;
        e = tell_ledger(&t, &ledgers[i], d);
    }
    if (!e && found == 0)
        e = diag_set(d, ERR_NOT_FOUND, "there is no agreement with %.*s, so it was given nothing",
                     SPAN_ARG(q->recipient));
    if (t.reader) store_reader_release(t.reader);
    store_reader_close(&t.reader);
    arena_free(&t.page);
    arena_free(&a);
    return e;
}

void share_disclosed_free(struct disclosed *out) {
    map_free(&out->types);
    map_free(&out->markings);
    map_free(&out->clauses);
}
