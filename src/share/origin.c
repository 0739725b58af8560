#include "share/origin.h"

static enum err in_ledger(struct store_reader *r, int64_t ledger, struct span id, struct arena *a, struct span *out,
                          struct diag *d) {
    struct store_entry_query q = {.ledger = ledger,
                                  .stix_id = id,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .limit = 1};
    struct store_entry *entries;
    struct store_holding h;
    size_t count;
    enum err e = store_entry_scan(r, &q, a, &entries, &count, d);
    if (e || count == 0) return e;
    e = store_holding_get(r, entries[0].holding, a, &h, d);
    if (!e && !span_equal(h.stix_id, id)) *out = h.stix_id;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

enum err share_original_of(struct store_reader *r, struct span id, struct span recipient, struct arena *a,
                           struct span *out, struct diag *d) {
    struct store_ledger *ledgers;
    size_t count;
    *out = (struct span){0};
    enum err e = store_ledger_list(r, a, &ledgers, &count, d);
    for (size_t i = 0; !e && !out->len && i < count; i++)
        if (recipient.len == 0 || span_equal(ledgers[i].recipient, recipient))
            e = in_ledger(r, ledgers[i].id, id, a, out, d);
    return e;
}
