#include "node/erasure.h"
#include "node/collection.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum { ERASURE_ARENA_MAX = 1 << 30, OBEY_MAX = 10000 /* requests done in one sync; the rest in the next */ };

#define REASON_OBEYED "as renkei.yaml says: erasures: obey"

/* ---- deciding ---- */

static enum err answer(struct node *n, struct erasure_request q, bool refuse, struct span reason, struct diag *d) {
    struct store_tx *tx = NULL;
    q.answer = refuse ? SPAN("refused") : SPAN("erased");
    q.reason = reason;
    q.sent = false;
    enum err e = store_begin(n->live.store, &tx, d);
    if (!e) e = erasure_request_put(tx, &q, clock_now(n->live.clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

/* Erased before its answer is kept: killed in between, it is asked again, and finds nothing left to erase. */
static enum err do_request(struct node *n, const struct erasure_request *q, struct span reason, struct span by,
                           struct arena *a, struct diag *d) {
    struct share_context c;
    uint64_t taken;
    struct erasure erasure = {.object = q->object, .from = q->party, .reason = reason, .by = by};
    struct node_view *v = node_view(n);
    node_share_context(n, &n->live, v, &c);
    enum err e = erase_object(&c, &erasure, a, &taken, d);
    if (!e) e = collection_forget(n->live.store, erasure.object, a, erasure.time, d);
    node_view_release(n, &v);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err decide(struct node *n, struct span object, struct span party, bool refuse, struct span reason,
                       struct span by, size_t limit, size_t *count, struct diag *d) {
    struct store_reader *r = NULL;
    struct erasure_request *all = NULL;
    struct arena a;
    size_t all_count = 0;
    *count = 0;
    arena_init(&a, ERASURE_ARENA_MAX);
    enum err e = store_reader_open(n->live.store, &r, d);
    if (!e) e = erasure_request_list(r, &a, &all, &all_count, d);
    store_reader_close(&r);
    for (size_t i = 0; i < all_count && *count < limit && !e; i++) {
        const struct erasure_request *q = &all[i];
        if (q->answer.len || (object.len && !span_equal(q->object, object)) ||
            (party.len && !span_equal(q->party, party)))
            continue;
        ++*count;
        if (!refuse) e = do_request(n, q, reason, by, &a, d);
        if (!e) e = answer(n, *q, refuse, reason, d);
    }
    arena_free(&a);
    return e;
}

enum err node_erasure_decide(struct node *n, struct span object, struct span party, bool refuse, struct span reason,
                             struct span by, size_t *count, struct diag *d) {
    return decide(n, object, party, refuse, reason, by, SIZE_MAX, count, d);
}

enum err node_erasures_obey(struct node *n, struct span party, struct diag *d) {
    size_t count = 0;
    bool done;
    const char *erasures = ((const struct config *)n->config)->erasures;
    if (!erasures || strcmp(erasures, "obey") != 0) return ERR_NONE;
    enum err e =
        decide(n, (struct span){0}, party, false, SPAN(REASON_OBEYED), SPAN("renkei.yaml"), OBEY_MAX, &count, d);
    return e || count == 0 ? e : node_scrub(n, &done, d);
}

/* ---- again ---- */

static enum err do_again(struct node *n, struct span object, struct arena *a, struct diag *d) {
    struct share_context c;
    struct store_tx *tx = NULL;
    struct node_view *v = node_view(n);
    time_us now = clock_now(n->live.clock);
    node_share_context(n, &n->live, v, &c);
    enum err e = erase_again(&c, object, a, d);
    if (!e) e = collection_forget(n->live.store, object, a, now, d);
    node_view_release(n, &v);
    struct store_audit entry = {.time = now,
                                .actor = SPAN("restore"),
                                .operation = SPAN("erase"),
                                .detail = arena_printf(a, "%.*s again", SPAN_ARG(object)),
                                .outcome = SPAN("done")};
    if (!e) e = store_begin(n->live.store, &tx, d);
    if (!e) e = store_audit_add(tx, &entry, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

enum err node_erasures_again(struct node *n, struct diag *d) {
    struct store_reader *r = NULL;
    struct span *objects = NULL;
    struct arena a;
    size_t count = 0;
    bool done;
    arena_init(&a, ERASURE_ARENA_MAX);
    enum err e = store_reader_open(n->live.store, &r, d);
    if (!e) e = erasure_due_list(r, &a, &objects, &count, d);
    store_reader_close(&r);
    for (size_t i = 0; i < count && !e; i++) e = do_again(n, objects[i], &a, d);
    arena_free(&a);
    return e || count == 0 ? e : node_scrub(n, &done, d);
}

/* ---- answers, to and fro ---- */

static enum err sign(struct node *n, const struct erasure_request *q, struct arena *a, struct buf *file,
                     struct diag *d) {
    struct buf message = BUF_EMPTY;
    struct node_view *v = node_view(n);
    struct statement s = {.kind = STATEMENT_ERASURE,
                          .realm = span_cstr(n->live.name),
                          .party = v->own.party,
                          .time = clock_now(n->live.clock)};
    s.fields[ERASURE_LEDGER] = q->origin;
    s.fields[ERASURE_ENTRY] = arena_printf(a, "%" PRIu64, q->seq);
    s.fields[ERASURE_ANSWER] = q->answer;
    s.fields[ERASURE_REASON] = q->reason;
    memcpy(s.key, v->own.agreement_key, sizeof s.key);
    statement_message(&s, &message);
    enum err e = signer_sign(n->signer, SIGNER_AGREEMENT, buf_span(&message), s.signature, d);
    if (!e) statement_write(&s, file);
    if (!e && !buf_ok(file)) e = diag_set(d, ERR_NOMEM, "no memory for an answer");
    node_view_release(n, &v);
    buf_free(&message);
    return e;
}

static enum err mark_sent(struct node *n, struct erasure_request q, struct diag *d) {
    struct store_tx *tx = NULL;
    q.sent = true;
    enum err e = store_begin(n->live.store, &tx, d);
    if (!e) e = erasure_request_put(tx, &q, clock_now(n->live.clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

enum err node_erasures_answer(struct node *n, struct span party,
                              enum err (*send)(void *context, struct span statement, struct diag *d), void *context,
                              struct diag *d) {
    struct store_reader *r = NULL;
    struct erasure_request *all = NULL;
    struct arena a;
    size_t count = 0;
    arena_init(&a, ERASURE_ARENA_MAX);
    enum err e = store_reader_open(n->live.store, &r, d);
    if (!e) e = erasure_request_list(r, &a, &all, &count, d);
    store_reader_close(&r);
    for (size_t i = 0; i < count && !e; i++) {
        struct buf file = BUF_EMPTY;
        if (all[i].answer.len == 0 || all[i].sent || !span_equal(all[i].party, party)) continue;
        e = sign(n, &all[i], &a, &file, d);
        if (!e) e = send(context, buf_span(&file), d);
        if (!e) e = mark_sent(n, all[i], d);
        buf_free(&file);
    }
    arena_free(&a);
    return e;
}

static enum err check(const struct node *n, const struct node_view *v, struct span party, const struct statement *s,
                      struct diag *d) {
    const struct card *card = NULL;
    for (size_t i = 0; i < v->partner_count; i++)
        if (span_equal(v->partners[i].party, party)) card = &v->partners[i];
    if (!card || !span_equal(s->party, party))
        return diag_set(d, ERR_DENIED, "an answer is given by the party that was asked");
    if (!span_is(s->realm, n->live.name)) return diag_set(d, ERR_INVALID, "an answer of another realm");
    if (memcmp(s->key, card->agreement_key, sizeof s->key) != 0)
        return diag_set(d, ERR_VERIFY, "the key of the answer is not the one on the card of %.*s", SPAN_ARG(party));
    return statement_verify(s, d);
}

enum err node_erasure_answered(struct node *n, struct span party, struct span text, struct diag *d) {
    struct statement s;
    struct store_tx *tx = NULL;
    struct arena a;
    struct node_view *v = node_view(n);
    arena_init(&a, ERASURE_ARENA_MAX);
    enum err e = statement_read(&a, text, STATEMENT_ERASURE, &s, d);
    if (!e) e = check(n, v, party, &s, d);
    if (!e) e = store_begin(n->live.store, &tx, d);
    if (!e) e = erasure_answer_put(tx, &s, text, clock_now(n->live.clock), d);
    if (!e) {
        struct store_audit entry = {
            .time = clock_now(n->live.clock),
            .actor = party,
            .operation = SPAN("erase.answer"),
            .detail = arena_printf(&a, "%.*s of entry %.*s in %.*s", SPAN_ARG(s.fields[ERASURE_ANSWER]),
                                   SPAN_ARG(s.fields[ERASURE_ENTRY]), SPAN_ARG(s.fields[ERASURE_LEDGER])),
            .outcome = SPAN("done")};
        e = store_audit_add(tx, &entry, d);
    }
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    node_view_release(n, &v);
    arena_free(&a);
    return e;
}

/* ---- files ---- */

/* The index has patterns and names in it. It is made anew when it is missing. */
static enum err remove_index(const struct node *n, struct diag *d) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/realms/%s/index", n->home, n->live.name);
    DIR *dir = opendir(folder);
    if (!dir) return errno == ENOENT ? ERR_NONE : diag_set(d, ERR_IO, "%s: %s", folder, strerror(errno));
    enum err e = ERR_NONE;
    for (struct dirent *entry; !e && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
            e = diag_set(d, ERR_IO, "%s/%s: %s", folder, entry->d_name, strerror(errno));
    closedir(dir);
    return e;
}

enum err node_scrub(struct node *n, bool *done, struct diag *d) {
    enum err e = erase_scrub(n->live.store, done, d);
    return e || !*done ? e : remove_index(n, d);
}
