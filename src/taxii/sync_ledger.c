/* Pulling one ledger: its head verified, then bundle by bundle its records and objects, each against the tree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/map.h"
#include "ledger/record.h"
#include "share/purpose.h"
#include "taxii/sync_run.h"
#include "json/json.h"

enum {
    RACES_MAX = 3,              /* times a withdrawal may overtake us without progress in between */
    SCRATCH_ARENA_MAX = 4 << 20 /* a record, or two notes */
};

/* One ledger being pulled. */
struct pull {
    struct sync *sync;
    struct span origin, lineage;
    const char *collection;
    struct taxii_sync_ledger *out;
    struct sync_state state; /* what is stored */
    struct sync_head head;
    struct sync_range range; /* verified, not given to be stored yet */
    struct sync_storing storing;
    int64_t range_begun_us; /* monotonic */
    bool limited;           /* an agreement says what its objects may be used for */
    uint64_t next;          /* entries verified */
    time_us last_time;
    struct fetch *fetch;
    struct fetch_page *page; /* being consumed */
    size_t page_at;
    bool withdrawals_known;                  /* the rest of the ledger was gone through for them */
    struct map withdrawals;                  /* seq → 1 */
    const struct share_agreement *agreement; /* the last record's */
    struct arena scratch;
    bool begun;
    bool raced; /* the failure could be a withdrawal that overtook us */
};

static enum err refuse(struct pull *p, uint64_t seq, const char *why, struct diag *d) {
    return diag_set(d, ERR_VERIFY, "%.*s, entry %" PRIu64 ": %s", SPAN_ARG(p->origin), seq, why);
}

/* The same, of a diagnosis already made. */
static enum err refuse_for(struct pull *p, uint64_t seq, struct diag *d) {
    diag_prefix(d, "%.*s, entry %" PRIu64, SPAN_ARG(p->origin), seq);
    d->code = ERR_VERIFY;
    return ERR_VERIFY;
}

static enum err refuse_perhaps_raced(struct pull *p, uint64_t seq, const char *why, struct diag *d) {
    p->raced = true;
    return refuse(p, seq, why, d);
}

/* ---- withdrawals ahead ------------------------------------------------------------------------------------------- */

static enum err note_withdrawals(struct pull *p, const struct fetch_bundle *b, struct diag *d) {
    struct span entries[LEDGER_TILE_WIDTH];
    struct sha256 leaves[LEDGER_TILE_WIDTH];
    enum err e = sync_bundle_leaves(b, entries, leaves, d);
    if (!e) e = sync_head_check(&p->head, b->index, leaves, b->width, d);
    for (unsigned i = 0; !e && i < b->width; i++) {
        struct ledger_record record;
        arena_reset(&p->scratch);
        if (ledger_record_read(&p->scratch, entries[i], &record, d))
            return refuse_for(p, b->index * LEDGER_TILE_WIDTH + i, d);
        if (record.kind == LEDGER_RELEASE) continue;
        if (!map_set(&p->withdrawals, span_of(&record.withdraws, sizeof record.withdraws), 1, NULL))
            e = diag_set(d, ERR_NOMEM, "no memory left for a ledger's withdrawals");
    }
    return e;
}

/* A release without a body must be taken back by a record further on. The first such release makes us go once through
 * all records between it and the head; a ledger in which nothing was withdrawn never costs that. */
static enum err withdrawn_later(struct pull *p, uint64_t seq, bool *out, struct diag *d) {
    enum err e = ERR_NONE;
    uint64_t size = p->head.checkpoint.size;
    for (uint64_t i = seq / LEDGER_TILE_WIDTH; !e && !p->withdrawals_known && i * LEDGER_TILE_WIDTH < size; i++) {
        struct fetch_bundle *b;
        e = fetch_bundle_get(&p->sync->link, p->collection, i, ledger_tile_width(size, 0, i), false, &b, d);
        if (e) break;
        e = note_withdrawals(p, b, d);
        fetch_bundle_free(&b);
    }
    if (!e) p->withdrawals_known = true;
    *out = !e && map_get(&p->withdrawals, span_of(&seq, sizeof seq), &(uint64_t){0});
    return e;
}

/* ---- one record -------------------------------------------------------------------------------------------------- */

static enum err check_agreement(struct pull *p, const struct ledger_record *r, struct diag *d) {
    struct sync *s = p->sync;
    const struct share_agreement *a = p->agreement;
    for (size_t i = 0; (!a || !sha256_equal(&a->agreement->hash, &r->agreement)) && i < s->agreement_count; i++)
        a = &s->agreements[i];
    if (!a || !sha256_equal(&a->agreement->hash, &r->agreement)) {
        char hash[2 * SHA256_SIZE + 1];
        hex_write(span_of(r->agreement.b, SHA256_SIZE), hash);
        return diag_set(d, ERR_VERIFY,
                        "%.*s, entry %" PRIu64 ": released under agreement %.12s…, which is not held here; "
                        "`renkei agreement add` it first",
                        SPAN_ARG(p->origin), r->seq, hash);
    }
    p->agreement = a;
    if (!span_equal(a->lineage, p->lineage)) return refuse(p, r->seq, "made under an agreement of another lineage", d);
    if (r->kind == LEDGER_RELEASE && (r->time < a->agreement->effective || r->time >= a->agreement->ends))
        return refuse(p, r->seq, "released while its agreement was not in force", d);
    return ERR_NONE;
}

static enum err check_place(struct pull *p, const struct ledger_record *r, struct diag *d) {
    if (r->seq != p->next) return refuse(p, p->next, "the record says it is of another place", d);
    if (p->last_time != TIME_NONE && r->time <= p->last_time)
        return refuse(p, r->seq, "its time does not come after that of the entry before", d);
    return check_agreement(p, r, d);
}

/* The next object of the pages, in ledger order; empty when there is none. */
static enum err next_body(struct pull *p, struct span *out, struct diag *d) {
    *out = (struct span){0};
    while (!p->page || p->page_at == p->page->envelope.count) {
        fetch_page_free(&p->page);
        p->page_at = 0;
        enum err e = fetch_next_page(p->fetch, &p->page, d);
        if (e || !p->page) return e;
    }
    *out = p->page->envelope.objects[p->page_at++];
    return ERR_NONE;
}

/* The record's id and version must be the object's own: what is held is filed under the one, proved by the other. */
static enum err check_object(struct pull *p, const struct ledger_record *r, const struct intake_object *o,
                             struct diag *d) {
    if (o->outcome == READING_NO_JSON) return refuse(p, r->seq, "the object is not well-formed JSON", d);
    if (o->outcome == READING_TOO_BIG) return ERR_NONE; /* and so it is not taken in */
    struct span modified = json_text(json_get(o->object.json, "modified"), &p->scratch);
    if (!json_is(json_get(o->object.json, "id"), r->object_id))
        return refuse(p, r->seq, "the record names another object than the one released", d);
    if (r->has_version != (modified.len > 0) || (r->has_version && !span_equal(modified, r->version)))
        return refuse(p, r->seq, "the record names another version than the one released", d);
    return ERR_NONE;
}

static bool says_purpose(const struct agreement *g) {
    bool any = g->purpose != NULL;
    for (size_t i = 0; i < g->direction_count; i++)
        for (size_t k = 0; k < g->directions[i].rules.count; k++) any = any || g->directions[i].rules.at[k].purpose;
    return any;
}

/* What its clause says about its use stays with the object. */
static void label(struct pull *p, const struct ledger_record *r, struct pulled *to) {
    const struct sync *s = p->sync;
    if (p->limited)
        share_purpose_labels(s->agreements, s->agreement_count, s->party, s->view->own.party, r, &p->range.arena,
                             &to->labels);
}

static enum err take_release(struct pull *p, const struct ledger_record *r, struct span salt, struct pulled *to,
                             struct diag *d) {
    static const char none[LEDGER_SALT_SIZE];
    struct span body;
    enum err e;
    if (memcmp(salt.at, none, sizeof none) == 0) {
        bool explained;
        if ((e = withdrawn_later(p, r->seq, &explained, d))) return e;
        if (!explained) return refuse_perhaps_raced(p, r->seq, "its body is kept back and no record withdraws it", d);
        to->withdrawn = true;
        return ERR_NONE;
    }
    if ((e = next_body(p, &body, d))) return e;
    if (!body.len) return refuse_perhaps_raced(p, r->seq, "no object was served for it", d);
    struct sha256 commitment = ledger_commitment((const uint8_t *)salt.at, body);
    if (!sha256_equal(&commitment, &r->commitment))
        return refuse_perhaps_raced(p, r->seq, "the object served is not the one it commits to", d);
    if ((e = sync_range_read(&p->range, to, body, "entry ", d))) return e;
    to->salt = arena_copy(&p->range.arena, salt);
    label(p, r, to);
    return check_object(p, r, to->object, d);
}

static const struct pulled *in_range(const struct pull *p, uint64_t seq) {
    if (p->range.count == 0 || seq < p->range.items[0].seq) return NULL;
    return &p->range.items[seq - p->range.items[0].seq];
}

/* A withdrawal must name a release that came before, of the same object. */
static enum err check_withdrawal(struct pull *p, const struct ledger_record *r, struct diag *d) {
    const struct pulled *target = in_range(p, r->withdraws);
    struct span object = target && target->kind == LEDGER_RELEASE ? target->object_id : (struct span){0};
    if (!target) {
        struct store_received *received;
        struct ledger_record released;
        size_t count;
        enum err e = sync_storing_wait(&p->storing, d);
        if (e) return e;
        e = store_received_scan(p->sync->reader, p->origin, r->withdraws, 1, &p->scratch, &received, &count, d);
        if (e) return e;
        if (count && received->seq == r->withdraws &&
            !ledger_record_read(&p->scratch, received->record, &released, d) && released.kind == LEDGER_RELEASE)
            object = released.object_id;
    }
    return span_equal(object, r->object_id) ? ERR_NONE
                                            : refuse(p, r->seq, "it withdraws something else than it names", d);
}

static enum err take_entry(struct pull *p, struct span entry, const struct sha256 *leaf, struct span salt,
                           struct diag *d) {
    struct ledger_record r;
    arena_reset(&p->scratch);
    enum err e = ledger_record_read(&p->scratch, entry, &r, d);
    if (e == ERR_NOMEM) return e;
    if (e) return refuse_for(p, p->next, d);
    if ((e = check_place(p, &r, d))) return e;
    if (r.kind != LEDGER_RELEASE && (e = check_withdrawal(p, &r, d))) return e;
    struct pulled *to = sync_range_add(&p->range);
    if (!to) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
    to->kind = r.kind;
    to->seq = r.seq;
    to->withdraws = r.withdraws;
    to->time = r.time;
    to->leaf = *leaf;
    to->record = arena_copy(&p->range.arena, entry);
    to->object_id = arena_copy(&p->range.arena, r.object_id);
    if (r.kind == LEDGER_RELEASE && (e = take_release(p, &r, salt, to, d))) return e;
    if (p->range.arena.overflow) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
    p->last_time = r.time;
    p->next++;
    return ERR_NONE;
}

/* ---- a bundle, the ledger ---------------------------------------------------------------------------------------- */

static enum err store_range(struct pull *p, struct diag *d) {
    enum err e = sync_storing_begin(&p->storing, &p->range, d);
    p->range_begun_us = clock_monotonic_us();
    return e;
}

static enum err take_bundle(struct pull *p, const struct fetch_bundle *b, struct diag *d) {
    struct span entries[LEDGER_TILE_WIDTH];
    struct sha256 leaves[LEDGER_TILE_WIDTH];
    enum err e = sync_bundle_leaves(b, entries, leaves, d);
    if (!e) e = sync_head_check(&p->head, b->index, leaves, b->width, d);
    for (unsigned i = (unsigned)(p->next - b->index * LEDGER_TILE_WIDTH); !e && i < b->width; i++) {
        e = take_entry(p, entries[i], &leaves[i], span_of(b->salts.at + i * LEDGER_SALT_SIZE, LEDGER_SALT_SIZE), d);
        if (!e && p->range.bytes >= TAXII_SYNC_RANGE_BYTES) e = store_range(p, d);
    }
    bool long_ago = clock_monotonic_us() - p->range_begun_us > TAXII_SYNC_RANGE_MS * INT64_C(1000);
    if (!e && (p->range.count >= TAXII_SYNC_RANGE || long_ago)) e = store_range(p, d);
    return e;
}

static void show_progress(const struct pull *p) {
    sync_progress(p->sync, "pulling", "entries", p->next, p->head.checkpoint.size);
}

static enum err take_bundles(struct pull *p, struct diag *d) {
    const struct taxii_sync_options *o = p->sync->options;
    enum err e = ERR_NONE;
    while (!e && p->next < p->head.checkpoint.size) {
        struct fetch_bundle *b;
        if (o->stop && o->stop(o->context)) return diag_set(d, ERR_BUSY, "stopped; what was pulled is kept");
        if ((e = fetch_next_bundle(p->fetch, &b, d))) break;
        if (!b) return diag_set(d, ERR_INTERNAL, "the ledger's entries ended early");
        e = take_bundle(p, b, d);
        fetch_bundle_free(&b);
        show_progress(p);
    }
    return e ? e : store_range(p, d);
}

/* The state now says that the head was verified; it becomes durable with the first range. */
static enum err note_head(struct pull *p, struct diag *d) {
    buf_clear(&p->state.seen_note);
    buf_add(&p->state.seen_note, buf_span(&p->head.note));
    p->state.seen_size = p->head.checkpoint.size;
    p->state.seen_root = p->head.checkpoint.root;
    return buf_ok(&p->state.seen_note) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory left for a sync");
}

static enum err pull_entries(struct pull *p, struct diag *d) {
    struct fetch_plan plan = {.links = &p->sync->links,
                              .collection = p->collection,
                              .from = p->state.size,
                              .to = p->head.checkpoint.size,
                              .added_after = p->state.last_time};
    enum err e = note_head(p, d);
    p->next = p->state.size;
    p->last_time = p->state.last_time;
    p->range_begun_us = clock_monotonic_us();
    p->storing = (struct sync_storing){.sync = p->sync, .origin = p->origin, .state = &p->state};
    for (size_t i = 0; i < p->sync->agreement_count; i++)
        p->limited = p->limited || says_purpose(p->sync->agreements[i].agreement);
    if (!e) e = fetch_start(&plan, &p->fetch, d);
    if (!e) e = take_bundles(p, d);
    struct diag later;
    enum err stored = sync_storing_wait(&p->storing, e ? &later : d); /* what was verified is stored in any case */
    sync_storing_free(&p->storing);
    if (!e) e = stored;
    p->out->size = p->state.size;
    fetch_stop(&p->fetch);
    fetch_page_free(&p->page);
    p->page_at = 0;
    return e;
}

/* From the state in the store to the head the partner serves now. */
static enum err pull_once(struct pull *p, struct diag *d) {
    p->raced = p->withdrawals_known = false;
    map_clear(&p->withdrawals);
    sync_head_free(&p->head);
    sync_range_free(&p->range);
    sync_state_free(&p->state);
    enum err e = sync_state_load(p->sync->reader, p->origin, &p->state, d);
    if (!e) e = sync_head_get(p->sync, p->origin, p->collection, &p->state, &p->head, d);
    if (e) return e;
    p->out->size = p->state.size;
    if (!p->begun) p->out->size_before = p->state.size;
    p->begun = true;
    return p->head.exists && p->head.checkpoint.size > p->state.size ? pull_entries(p, d) : ERR_NONE;
}

/* A failure that a withdrawal may have caused is one only if the ledger has grown since: the partner signs that. */
static bool overtaken(struct pull *p) {
    struct sync_head newer;
    struct sync_state state;
    struct diag ignored;
    if (!p->raced || sync_state_load(p->sync->reader, p->origin, &state, &ignored)) return false;
    bool grown = !sync_head_get(p->sync, p->origin, p->collection, &state, &newer, &ignored) && newer.exists &&
                 newer.checkpoint.size > p->head.checkpoint.size;
    sync_head_free(&newer);
    sync_state_free(&state);
    return grown;
}

/* ---- cosigning --------------------------------------------------------------------------------------------------- */

static enum err cosignature(struct pull *p, struct buf *out, struct diag *d) {
    struct sync *s = p->sync;
    struct buf message = BUF_EMPTY;
    struct ledger_key key;
    uint8_t signature[LEDGER_SIGNATURE_SIZE];
    uint64_t time_s = (uint64_t)(clock_now(s->node->live.clock) / TIME_US_PER_S);
    enum err e = ledger_key_make(LEDGER_KEY_WITNESS, s->view->own.party, s->view->own.log_key, &key, d);
    if (!e) e = ledger_cosignature_message(time_s, p->head.checkpoint.text, &message, d);
    if (!e) e = signer_sign(s->node->signer, SIGNER_LOG, buf_span(&message), signature, d);
    buf_add(out, buf_span(&p->head.note));
    if (!e) ledger_cosignature_line(&key, time_s, signature, out);
    if (!e && !buf_ok(out)) e = diag_set(d, ERR_NOMEM, "no memory left for a cosignature");
    buf_free(&message);
    return e;
}

static enum err keep_state(struct pull *p, struct diag *d) {
    struct store_tx *tx = NULL;
    enum err e = store_begin(p->sync->node->live.store, &tx, d);
    if (!e) e = sync_state_put_with_head(tx, p->origin, &p->state, clock_now(p->sync->node->live.clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

/* Nothing new in the ledger, but its head is signed anew: the partner has rotated its log key. */
static enum err keep_new_signature(struct pull *p, struct diag *d) {
    struct ledger_note seen, now;
    struct diag ignored;
    if (!p->head.exists || p->state.size != p->head.checkpoint.size) return ERR_NONE;
    arena_reset(&p->scratch);
    if (!ledger_note_read(&p->scratch, buf_span(&p->state.seen_note), &seen, &ignored) &&
        !ledger_note_read(&p->scratch, buf_span(&p->head.note), &now, &ignored) && span_equal(seen.text, now.text) &&
        span_equal(seen.signatures[0].line, now.signatures[0].line))
        return ERR_NONE;
    enum err e = note_head(p, d);
    return e ? e : keep_state(p, d);
}

/* Tells the partner what we have seen. What fails here fails nothing that was pulled: the next sync does it again. */
static void cosign(struct pull *p) {
    char path[256];
    struct buf body = BUF_EMPTY;
    struct diag d = {0};
    if (!p->head.exists || p->state.size != p->head.checkpoint.size) return;
    if (p->state.cosigned && p->state.cosigned_size == p->state.size) {
        p->out->cosigned = true;
        return;
    }
    snprintf(path, sizeof path, "/renkei/v1/ledgers/%s/cosign", p->collection);
    enum err e = cosignature(p, &body, &d);
    if (!e) e = link_post(&p->sync->link, path, "text/plain; charset=utf-8", buf_span(&body), &d);
    p->out->cosigned = !e;
    if (!e) {
        p->state.cosigned = true;
        p->state.cosigned_size = p->head.checkpoint.size;
        e = keep_state(p, &d);
    }
    if (e) snprintf(p->out->trouble, sizeof p->out->trouble, "not cosigned: %.480s", d.message);
    buf_free(&body);
}

enum err sync_ledger(struct sync *s, struct span origin, struct span lineage, const char *collection,
                     struct taxii_sync_ledger *out, struct diag *d) {
    struct pull p = {.sync = s, .origin = origin, .lineage = lineage, .collection = collection, .out = out};
    arena_init(&p.scratch, SCRATCH_ARENA_MAX);
    map_init(&p.withdrawals);
    enum err e = pull_once(&p, d);
    for (int races = 1; e == ERR_VERIFY && races < RACES_MAX && overtaken(&p); races++) {
        uint64_t before = out->size;
        e = pull_once(&p, d);
        if (out->size > before) races = 0;
    }
    if (!e) e = keep_new_signature(&p, d);
    out->verified = !e;
    if (e)
        snprintf(out->trouble, sizeof out->trouble, "%s", d->message);
    else
        cosign(&p);
    sync_head_free(&p.head);
    sync_range_free(&p.range);
    sync_state_free(&p.state);
    map_free(&p.withdrawals);
    arena_free(&p.scratch);
    return e;
}
