#include "share/purpose.h"

#include "base/buf.h"

static const struct policy_purpose *purpose_of(const struct agreement *g, struct span from, struct span to,
                                               struct span clause) {
    const struct agreement_direction *dir = agreement_direction(g, from, to);
    for (size_t i = 0; dir && i < dir->rules.count; i++)
        if (span_equal(dir->rules.at[i].clause, clause) && dir->rules.at[i].purpose) return dir->rules.at[i].purpose;
    return g->purpose;
}

static void add(struct buf *out, const char *label, struct span word) {
    if (!word.len) return;
    if (out->len) buf_add_char(out, '\n');
    buf_add_cstr(out, label);
    buf_add(out, word);
}

/* In the order of their bytes, as labels are kept. */
static void write_labels(const struct policy_purpose *p, struct buf *out) {
    static const char *const colours[STIX_PAP_COUNT] = {"", "CLEAR", "GREEN", "AMBER", "RED"};
    add(out, "IEP:affected-party-notifications=", p->notifications);
    add(out, "IEP:permitted-actions=", p->actions);
    add(out, "IEP:provider-attribution=", p->attribution);
    add(out, "IEP:unmodified-resale=", p->resale);
    add(out, "PAP:", span_cstr(colours[p->pap]));
}

void share_purpose_labels(const struct share_agreement *all, size_t count, struct span from, struct span to,
                          const struct ledger_record *record, struct arena *a, struct span *out) {
    *out = (struct span){0};
    for (size_t i = 0; i < count; i++) {
        struct buf labels = BUF_EMPTY;
        if (!sha256_equal(&all[i].agreement->hash, &record->agreement)) continue;
        struct span clause = record->clause_count ? record->clauses[0] : (struct span){0};
        const struct policy_purpose *p = purpose_of(all[i].agreement, from, to, clause);
        if (p) write_labels(p, &labels);
        if (labels.len && buf_ok(&labels)) *out = arena_copy(a, buf_span(&labels));
        buf_free(&labels);
        return;
    }
}
