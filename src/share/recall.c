#include "share/recall.h"

#include "base/map.h"
#include "share/release.h"

enum { QUEUE_FIRST = 64 };

static enum err take_back(struct recall *r, const struct store_entry *entry, struct diag *d) {
    enum err e = ledgerlog_withdraw(r->log, entry, &r->question->agreement->hash,
                                    r->by_policy ? LEDGERLOG_BY_POLICY : LEDGERLOG_SAID, d);
    r->taken += e == ERR_NONE;
    return e || !r->each || entry->holding == 0 ? e : r->each(r->context, entry->holding, d);
}

enum err recall_entry(struct recall *r, const struct store_entry *entry, struct diag *d) {
    struct store_entry full;
    enum err e = store_entry_get(r->question->reader, entry->ledger, entry->seq, r->arena, &full, d);
    return e ? e : take_back(r, &full, d);
}

static enum err original_of(struct recall *r, int64_t holding, struct store_holding *out, bool *found, struct diag *d) {
    enum err e = store_holding_get(r->question->reader, holding, r->arena, out, d);
    *found = !e;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static bool erased_before(const struct recall *r, const struct store_entry *entry) {
    return r->erased_before ? r->erased_before(r->context, entry->seq)
                            : entry->state == STORE_ENTRY_WITHDRAWN && entry->salt.len == 0;
}

/* One release of what is erased. What it was released from is not found where that was erased before its record. */
static enum err erase_entry(struct recall *r, const struct store_entry *entry, struct diag *d) {
    struct store_holding h;
    bool found;
    if (erased_before(r, entry)) return ERR_NONE;
    enum err e = original_of(r, entry->holding, &h, &found, d);
    if (e || (!found && !r->erased_before)) return e;
    if (found && r->source != STORE_SOURCE_ANY && h.source != (uint32_t)r->source) return ERR_NONE;
    uint64_t seq = r->log->ledger.size;
    e = ledgerlog_withdraw(r->log, entry, &r->question->agreement->hash, LEDGERLOG_ERASED, d);
    r->taken += e == ERR_NONE;
    return e || !r->erased ? e : r->erased(r->context, entry, seq, d);
}

/* Every entry under an id that is served: its current version and older ones; to erase, all. */
static enum err take_back_id(struct recall *r, struct span id, bool erase, struct diag *d) {
    struct store_entry_query q = {.ledger = r->log->ledger.id,
                                  .stix_id = id,
                                  .superseded = true,
                                  .withdrawn = erase,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .limit = STORE_PAGE_MAX,
                                  .with_record = true};
    struct store_entry *entries;
    size_t count;
    enum err e;
    do {
        e = store_entry_scan(r->question->reader, &q, r->arena, &entries, &count, d);
        for (size_t i = 0; !e && i < count; i++)
            e = erase ? erase_entry(r, &entries[i], d) : take_back(r, &entries[i], d);
        if (count) q.from_seq = entries[count - 1].seq + 1;
    } while (!e && count == STORE_PAGE_MAX);
    return e;
}

static enum err take_back_object(struct recall *r, struct span id, bool erase, struct diag *d) {
    char derived[DERIVE_ID_SIZE];
    enum err e = take_back_id(r, id, erase, d);
    if (e || !r->question->derivations) return e;
    e = share_derived_id(r->question->context, r->question->lineage, id, derived, d);
    return e == ERR_LIMIT ? ERR_NONE : e ? e : take_back_id(r, span_cstr(derived), erase, d);
}

/* ---- what goes with it ---- */

struct queue {
    struct span *ids; /* of originals; in the arena */
    size_t head, tail, room;
    struct map seen;
};

static enum err enqueue(struct recall *r, struct queue *q, struct span id, struct diag *d) {
    bool known;
    if (!map_set(&q->seen, id, 1, &known)) return diag_set(d, ERR_NOMEM, "no memory to withdraw");
    if (known) return ERR_NONE;
    if (q->tail == q->room) {
        size_t room = q->room ? q->room * 2 : QUEUE_FIRST;
        struct span *bigger = arena_alloc(r->arena, room * sizeof *bigger);
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory to withdraw all that names it");
        if (q->tail) memcpy(bigger, q->ids, q->tail * sizeof *bigger);
        q->ids = bigger;
        q->room = room;
    }
    q->ids[q->tail++] = id;
    return ERR_NONE;
}

/* A holding that names what is taken back: if it is what is served of its object, the object goes too; if only an older
 * version named it, only that version. */
static enum err take_back_naming(struct recall *r, struct queue *q, int64_t holding, struct diag *d) {
    struct store_entry out;
    enum err e = store_entry_of_holding(r->question->reader, r->log->ledger.id, holding, r->arena, &out, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if (out.state == STORE_ENTRY_SUPERSEDED) return recall_entry(r, &out, d);
    if (out.state != STORE_ENTRY_CURRENT) return ERR_NONE;
    struct store_holding h;
    bool found;
    e = original_of(r, holding, &h, &found, d);
    return e ? e : enqueue(r, q, found ? h.stix_id : out.stix_id, d);
}

static enum err take_back_all_naming(struct recall *r, struct queue *q, struct span id, struct diag *d) {
    int64_t *naming, after = 0;
    for (;;) {
        size_t count = 0;
        enum err e = store_holding_naming(r->question->reader, id, after, STORE_PAGE_MAX, r->arena, &naming, &count, d);
        if (e || count == 0) return e;
        for (size_t i = 0; !e && i < count; i++) e = take_back_naming(r, q, naming[i], d);
        if (e) return e;
        after = naming[count - 1];
    }
}

/* The object itself, or the one from which what went out under this id was derived. */
static enum err resolve(struct recall *r, struct span *id, struct diag *d) {
    struct store_entry entry;
    enum err e = store_entry_current(r->question->reader, r->log->ledger.id, *id, &entry, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    struct store_holding h;
    bool found;
    e = original_of(r, entry.holding, &h, &found, d);
    if (found) *id = h.stix_id;
    return e;
}

enum err recall_object(struct recall *r, struct span stix_id, struct diag *d) {
    struct queue q = {0};
    map_init(&q.seen);
    enum err e = resolve(r, &stix_id, d);
    if (!e) e = enqueue(r, &q, stix_id, d);
    while (!e && q.head < q.tail) {
        bool itself = q.head == 0;
        struct span id = q.ids[q.head++];
        e = take_back_object(r, id, itself && r->erases, d);
        if (!e && !(itself && r->alone)) e = take_back_all_naming(r, &q, id, d);
    }
    map_free(&q.seen);
    return e;
}
