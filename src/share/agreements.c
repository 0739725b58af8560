#include "share/agreements.h"

#include <stdlib.h>

#include "base/encode.h"
#include "policy/statement.h"
#include "policy/vocabulary.h"

/* Documents: kind "agreement" under its hash, "agreement-lineage" under its hash, "agreement-signature" under
 * HASH/PARTY, "agreement-termination" under HASH/PARTY. */

static int by_lineage_and_version(const void *left, const void *right) {
    const struct share_agreement *a = left, *b = right;
    int order = span_compare(a->lineage, b->lineage);
    return order ? order : (a->version > b->version) - (a->version < b->version);
}

static struct span hex_of(struct arena *a, const struct sha256 *hash) {
    char text[2 * SHA256_SIZE + 1];
    hex_write(span_of(hash->b, SHA256_SIZE), text);
    return arena_copy(a, span_of(text, 2 * SHA256_SIZE));
}

/* How many amendments lead to it. A chain longer than the list is no chain. */
static unsigned version_of(const struct share_agreement *all, size_t count, const struct share_agreement *one) {
    unsigned version = 1;
    const struct agreement *at = one->agreement;
    while (at->has_predecessor && version <= count) {
        const struct agreement *before = NULL;
        for (size_t i = 0; i < count; i++)
            if (sha256_equal(&all[i].agreement->hash, &at->predecessor)) before = all[i].agreement;
        if (!before) break;
        at = before;
        version++;
    }
    return version;
}

/* Whoever leaves a version has left those before it, too; those after it were signed again. */
static bool is_left(const struct share_agreement *all, size_t count, const struct share_agreement *one,
                    const struct statement *s) {
    const struct share_agreement *named = share_agreement_find(all, count, s->fields[TERMINATION_AGREEMENT]);
    return named && span_equal(named->lineage, one->lineage) && one->version <= named->version;
}

/* Whoever leaves at once has left when its notice is here, even if its clock is hours ahead of ours. */
static time_us left_from(const struct statement *s, time_us added) {
    return s->ends <= s->time && added < s->ends ? added : s->ends;
}

static enum err departures_load(struct store_reader *r, struct arena *a, struct share_agreement *all, size_t count,
                                struct diag *d) {
    struct store_document *docs;
    size_t doc_count;
    enum err e = store_document_list(r, "agreement-termination", a, &docs, &doc_count, d);
    for (size_t i = 0; !e && doc_count > 0 && i < count; i++) {
        struct agreement_departure *left = arena_zalloc(a, doc_count, sizeof *left);
        if (!left) return diag_set(d, ERR_NOMEM, "no memory for the agreements");
        all[i].agreement->departures = left;
        for (size_t k = 0; !e && k < doc_count; k++) {
            struct statement s;
            e = statement_read(a, docs[k].body, STATEMENT_TERMINATION, &s, d);
            if (!e && is_left(all, count, &all[i], &s))
                left[all[i].agreement->departure_count++] =
                    (struct agreement_departure){s.party, left_from(&s, docs[k].time)};
        }
    }
    return e;
}

enum err share_termination_put(struct store_tx *tx, const struct statement *s, struct span file, time_us now,
                               struct diag *d) {
    struct buf key = BUF_EMPTY;
    buf_printf(&key, "%.*s/%.*s", SPAN_ARG(s->fields[TERMINATION_AGREEMENT]), SPAN_ARG(s->party));
    struct store_document doc = {
        .kind = SPAN("agreement-termination"), .key = buf_span(&key), .body = file, .time = now};
    enum err e = buf_ok(&key) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory");
    buf_free(&key);
    return e;
}

enum err share_agreements_load(struct store_reader *r, struct arena *a, struct share_agreement **out, size_t *count,
                               struct diag *d) {
    struct store_document *docs, lineage;
    enum err e = store_document_list(r, "agreement", a, &docs, count, d);
    if (e) return e;
    struct share_agreement *all = arena_zalloc(a, *count + 1, sizeof *all);
    if (!all) return diag_set(d, ERR_NOMEM, "no memory for the agreements");
    for (size_t i = 0; i < *count; i++) {
        if ((e = agreement_read(a, docs[i].body, &all[i].agreement, d))) return e;
        all[i].hash = hex_of(a, &all[i].agreement->hash);
        all[i].added = docs[i].time;
        if ((e = store_document_get(r, "agreement-lineage", all[i].hash, a, &lineage, d))) return e;
        all[i].lineage = lineage.body;
    }
    for (size_t i = 0; i < *count; i++) all[i].version = version_of(all, *count, &all[i]);
    qsort(all, *count, sizeof *all, by_lineage_and_version);
    *out = all;
    return departures_load(r, a, all, *count, d);
}

const struct share_agreement *share_agreement_in_force(const struct share_agreement *all, size_t count,
                                                       struct span lineage, time_us now) {
    const struct share_agreement *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (span_equal(all[i].lineage, lineage) && (!best || all[i].agreement->effective <= now)) best = &all[i];
    return best;
}

size_t share_agreements_known(struct share_agreement *all, size_t count, time_us at) {
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].added <= at) all[known++] = all[i];
    return known;
}

bool share_agreements_pass_on(const struct share_agreement *all, size_t count, struct span from, struct span to,
                              struct span source, time_us now) {
    for (size_t i = 0; i < count; i++) {
        const struct agreement *g = all[i].agreement;
        const struct agreement_direction *dir = agreement_direction(g, from, to);
        if (dir && now >= g->effective && now < agreement_ends(g, from, to) &&
            share_agreement_in_force(all, count, all[i].lineage, now) == &all[i] &&
            policy_word_find(&dir->words, POLICY_SPACE_SOURCE, source) >= 0)
            return true;
    }
    return false;
}

const struct share_agreement *share_agreement_find(const struct share_agreement *all, size_t count, struct span hash) {
    const struct share_agreement *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (span_equal(all[i].hash, hash)) return &all[i];
        if (hash.len < 6 || !span_starts(all[i].hash, hash)) continue;
        if (found) return NULL;
        found = &all[i];
    }
    return found;
}

enum err share_agreement_put(struct store_tx *tx, const struct agreement *g,
                             const struct agreement_signature *signatures, size_t signature_count, struct span lineage,
                             time_us now, struct diag *d) {
    char hash[2 * SHA256_SIZE + 1];
    hex_write(span_of(g->hash.b, SHA256_SIZE), hash);
    struct store_document doc = {.kind = SPAN("agreement"), .key = span_cstr(hash), .body = g->text, .time = now};
    enum err e = store_document_put(tx, &doc, d);
    doc.kind = SPAN("agreement-lineage");
    doc.body = lineage;
    if (!e) e = store_document_put(tx, &doc, d);
    for (size_t i = 0; !e && i < signature_count; i++) {
        struct buf key = BUF_EMPTY, text = BUF_EMPTY;
        buf_printf(&key, "%s/%.*s", hash, SPAN_ARG(signatures[i].party));
        agreement_signature_write(&signatures[i], &text);
        doc = (struct store_document){
            .kind = SPAN("agreement-signature"), .key = buf_span(&key), .body = buf_span(&text), .time = now};
        e = buf_ok(&key) && buf_ok(&text) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory");
        buf_free(&key);
        buf_free(&text);
    }
    return e;
}
