/* Erasures that come back with a ledger after a restore: the backup has the object, its recipients know that it is to
 * be gone. */
#include <inttypes.h>

#include "share/derive.h"
#include "share/erase.h"
#include "share/erase_document.h"

enum { RECOVERED_ARENA_MAX = 64 << 20, SCAN_AT_ONCE = 500 };

/* Whether anything is held under the id, or was. */
static enum err is_held(struct store_reader *r, struct span id, struct arena *a, bool *out, struct diag *d) {
    struct store_holding *versions;
    size_t count = 0;
    enum err e = store_holding_history(r, id, false, a, &versions, &count, d);
    *out = !e && count;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* An id that a known erasure's object has in what goes out: that object. */
static enum err find_known(const struct share_context *c, struct store_reader *r, struct span lineage, struct span *id,
                           struct arena *a, bool *found, struct diag *d) {
    struct erasure *all;
    size_t count = 0;
    enum err e = erasure_list(r, a, &all, &count, d);
    *found = false;
    for (size_t i = 0; !e && !*found && i < count; i++) {
        char derived[DERIVE_ID_SIZE];
        e = share_derived_id(c, lineage, all[i].object, derived, d);
        *found = !e && (span_equal(*id, span_cstr(derived)) || span_equal(*id, all[i].object));
        if (*found) *id = all[i].object;
        if (e == ERR_LIMIT) e = ERR_NONE;
    }
    return e;
}

/* A derived object's id does not tell the original's: every holding of its type is asked for the id it would have. */
static enum err find_original(const struct share_context *c, struct store_reader *r, struct span lineage,
                              struct span *id, struct arena *a, struct diag *d) {
    struct arena page;
    struct store_holding *holdings;
    int64_t after = 0;
    size_t count;
    enum err e;
    struct span rest = *id,
                type = span_first(rest, span_find(rest, SPAN("--")) == SIZE_MAX ? 0 : span_find(rest, SPAN("--")));
    arena_init(&page, RECOVERED_ARENA_MAX);
    do {
        arena_reset(&page);
        e = store_holding_scan(r, after, type, SCAN_AT_ONCE, &page, &holdings, &count, d);
        for (size_t i = 0; !e && i < count; i++) {
            char derived[DERIVE_ID_SIZE];
            e = share_derived_id(c, lineage, holdings[i].stix_id, derived, d);
            if (e || !span_equal(*id, span_cstr(derived))) continue;
            *id = arena_copy(a, holdings[i].stix_id);
            goto out;
        }
        if (count) after = holdings[count - 1].id;
    } while (!e && count == SCAN_AT_ONCE);
out:
    arena_free(&page);
    return e == ERR_LIMIT ? ERR_NONE : e;
}

/* What the release that the record takes back was made of. */
static enum err object_of(const struct share_context *c, struct store_tx *tx, const struct store_ledger *ledger,
                          const struct ledger_record *record, struct arena *a, struct span *out, struct diag *d) {
    struct store_reader *r = store_tx_reader(tx);
    struct store_entry released;
    struct store_holding h;
    bool held = false;
    *out = record->object_id;
    enum err e = store_entry_get(r, ledger->id, record->withdraws, a, &released, d);
    if (!e && released.holding) {
        e = store_holding_get(r, released.holding, a, &h, d);
        if (!e) *out = h.stix_id;
        if (e != ERR_NOT_FOUND) return e;
        e = ERR_NONE;
    }
    if (!e) e = find_known(c, r, ledger->lineage, out, a, &held, d);
    if (!e && !held) e = is_held(r, record->object_id, a, &held, d);
    return e || held ? e : find_original(c, r, ledger->lineage, out, a, d);
}

static enum err add_asked(struct erasure *e, const struct store_ledger *ledger, uint64_t seq, struct arena *a,
                          struct diag *d) {
    struct erasure_asked *more = arena_zalloc(a, e->asked_count + 1, sizeof *more);
    if (!more) return diag_set(d, ERR_NOMEM, "no memory for an erasure");
    if (e->asked_count) memcpy(more, e->asked, e->asked_count * sizeof *more);
    more[e->asked_count++] =
        (struct erasure_asked){.origin = ledger->origin, .recipient = ledger->recipient, .seq = seq};
    e->asked = more;
    return ERR_NONE;
}

static enum err know_again(const struct share_context *c, struct store_tx *tx, const struct store_ledger *ledger,
                           const struct ledger_record *record, struct arena *a, struct diag *d) {
    struct span object;
    struct erasure erasure = {0};
    time_us now = clock_now(c->clock);
    enum err e = object_of(c, tx, ledger, record, a, &object, d);
    if (e) return e;
    e = erasure_get(store_tx_reader(tx), object, a, &erasure, d);
    if (e == ERR_NOT_FOUND) {
        erasure = (struct erasure){.object = object,
                                   .reason = SPAN("erased before the restore; the reason was lost with the node"),
                                   .by = SPAN("restore"),
                                   .time = record->time};
        e = ERR_NONE;
    }
    erasure.lifted = false;
    if (!e) e = add_asked(&erasure, ledger, record->seq, a, d);
    if (!e) e = erasure_put(tx, &erasure, now, d);
    if (!e) e = store_meta_set(tx, SHARE_META_ERASURES, SPAN("yes"), d);
    return e ? e : erasure_due_put(tx, object, now, d);
}

enum err erasure_recovered(const struct share_context *c, struct store_tx *tx, const struct store_ledger *ledger,
                           const struct ledger_record *record, struct diag *d) {
    struct arena a;
    if (record->kind != LEDGER_ERASE) return ERR_NONE;
    arena_init(&a, RECOVERED_ARENA_MAX);
    enum err e = know_again(c, tx, ledger, record, &a, d);
    arena_free(&a);
    return e;
}
