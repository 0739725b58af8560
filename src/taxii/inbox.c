#include "taxii/inbox.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "stix/id.h"
#include "taxii/inbox_post.h"
#include "json/write.h"

enum { ENVELOPE_ARENA_MAX = 256 << 20 };

static const char status_kind[] = "taxii-status";

struct inbox {
    struct node *node;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct post *first, *last; /* what waits or is being taken in */
    size_t count, bytes;
    bool stopping, started;
};

struct span inbox_collection(const uint8_t secret[SHARE_SECRET_SIZE], struct span party, struct arena *a) {
    struct buf text = BUF_EMPTY;
    char id[STIX_ID_SIZE];
    buf_add_cstr(&text, "inbox\n");
    buf_add(&text, party);
    struct sha256 mac = hmac_sha256(span_of(secret, SHARE_SECRET_SIZE), buf_span(&text));
    buf_free(&text);
    stix_id_from_hmac(&mac, SPAN("x"), id);
    return arena_copy(a, span_cstr(id + strlen("x--")));
}

static void post_free(struct post *p) {
    buf_free(&p->content);
    arena_free(&p->arena);
    free(p);
}

/* Under the lock. */
static void post_release(struct post *p) {
    if (--p->references == 0) post_free(p);
}

/* ---- statuses (§4.3.1) ---------------------------------------------------------------------------------------------
 */

static void write_details(struct json_writer *w, const struct post *p, const char *name, bool failed) {
    json_key(w, name);
    json_begin_array(w);
    for (size_t i = 0; i < p->envelope.count; i++) {
        const struct outcome *o = &p->outcomes[i];
        if (o->failed != failed) continue;
        json_begin_object(w);
        json_member(w, "id", o->id);
        json_member_cstr(w, "version", o->shown);
        if (o->message.len) json_member(w, "message", o->message);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_status(const struct post *p, bool done, struct buf *out) {
    char time[TIME_TEXT_SIZE];
    struct json_writer w = json_writer(out);
    bool details = done && p->envelope.count <= INBOX_DETAILS_MAX;
    json_begin_object(&w);
    json_member_cstr(&w, "id", p->id);
    json_member_cstr(&w, "status", done ? "complete" : "pending");
    json_member_cstr(&w, "request_timestamp", time_format_us(p->received, time));
    json_member_number(&w, "total_count", (int64_t)p->envelope.count);
    json_member_number(&w, "success_count", done ? (int64_t)p->successes : 0);
    if (details && p->successes) write_details(&w, p, "successes", false);
    json_member_number(&w, "failure_count", done ? (int64_t)p->failures : 0);
    if (details && p->failures) write_details(&w, p, "failures", true);
    json_member_number(&w, "pending_count", done ? 0 : (int64_t)p->envelope.count);
    json_end_object(&w);
}

/* Kept as OWNER newline STATUS, so that nobody reads another's. */
static enum err keep_status(struct inbox *in, const struct post *p, struct diag *d) {
    struct store_tx *tx = NULL;
    struct buf body = BUF_EMPTY;
    struct arena a;
    struct store_document *old;
    size_t count;
    time_us now = clock_now(in->node->live.clock);
    time_us expired = now - (time_us)INBOX_STATUS_HOURS * 3600 * TIME_US_PER_S;
    arena_init(&a, INBOX_QUEUE_BYTES_MAX);
    buf_add(&body, p->owner);
    buf_add_char(&body, '\n');
    write_status(p, true, &body);
    struct store_document doc = {
        .kind = span_cstr(status_kind), .key = span_cstr(p->id), .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) ? store_begin(in->node->live.store, &tx, d) : diag_set(d, ERR_NOMEM, "no memory");
    if (!e) e = store_document_put(tx, &doc, d);
    if (!e) e = store_document_list(store_tx_reader(tx), status_kind, &a, &old, &count, d);
    for (size_t i = 0; !e && i < count; i++)
        if (old[i].time < expired) e = store_document_delete(tx, status_kind, old[i].key, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    arena_free(&a);
    buf_free(&body);
    return e;
}

static struct span owner_of(const struct caller *from, struct span root, struct arena *a) {
    return arena_printf(a, "%.*s %.*s", SPAN_ARG(from->key), SPAN_ARG(root));
}

enum err inbox_status(struct inbox *in, struct store_reader *r, const struct caller *from, struct span root,
                      struct span id, struct arena *a, struct buf *status, struct diag *d) {
    struct store_document doc;
    struct span asking = owner_of(from, root, a);
    bool found = false;
    pthread_mutex_lock(&in->lock);
    for (struct post *p = in->first; p && !found; p = p->next) {
        if (!span_is(id, p->id) || !span_equal(p->owner, asking)) continue;
        write_status(p, false, status);
        found = true;
    }
    pthread_mutex_unlock(&in->lock);
    if (found) return ERR_NONE;
    enum err e = stix_id_valid(arena_printf(a, "x--%.*s", SPAN_ARG(span_first(id, STIX_UUID_LEN + 1))))
                     ? store_document_get(r, status_kind, id, a, &doc, d)
                     : ERR_NOT_FOUND;
    if (e && e != ERR_NOT_FOUND) return e;
    struct span body = e ? (struct span){0} : doc.body;
    struct span owner = span_cut(&body, '\n');
    if (e || !span_equal(owner, asking)) return diag_set(d, ERR_NOT_FOUND, "there is no such status");
    buf_add(status, body);
    return ERR_NONE;
}

/* ---- working off -------------------------------------------------------------------------------------------------
 */

static void fail_all(struct post *p) {
    p->successes = 0;
    p->failures = p->envelope.count;
    for (size_t i = 0; i < p->envelope.count; i++) {
        p->outcomes[i].failed = true;
        p->outcomes[i].message = SPAN("this node could not store it; post it again later");
        if (!p->outcomes[i].id.len) p->outcomes[i].id = SPAN("object");
        if (!p->outcomes[i].shown[0]) time_format_stix(p->received, p->outcomes[i].shown);
    }
}

static void work_off(struct inbox *in, struct post *p) {
    struct diag d = {0};
    enum err e = inbox_take_in(in->node, p, &d);
    if (e) {
        log_error("a post of %.*s: %s", SPAN_ARG(p->owner), d.message);
        fail_all(p);
    }
    if ((e = keep_status(in, p, &d))) log_error("a status could not be kept: %s", d.message);
}

static void *inbox_main(void *context) {
    struct inbox *in = context;
    pthread_mutex_lock(&in->lock);
    for (;;) {
        while (!in->first && !in->stopping) pthread_cond_wait(&in->changed, &in->lock);
        struct post *p = in->first;
        if (!p) break;
        pthread_mutex_unlock(&in->lock);
        work_off(in, p);
        pthread_mutex_lock(&in->lock);
        in->first = p->next;
        if (!in->first) in->last = NULL;
        in->count--;
        in->bytes -= p->content.len;
        p->done = true;
        post_release(p);
        pthread_cond_broadcast(&in->changed);
    }
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

enum err inbox_open(struct node *n, struct inbox **out, struct diag *d) {
    pthread_condattr_t monotonic;
    *out = NULL;
    struct inbox *in = calloc(1, sizeof *in);
    if (!in) return diag_set(d, ERR_NOMEM, "no memory left for an inbox");
    in->node = n;
    pthread_mutex_init(&in->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&in->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    in->started = pthread_create(&in->thread, NULL, inbox_main, in) == 0;
    *out = in;
    if (in->started) return ERR_NONE;
    inbox_close(out);
    return diag_set(d, ERR_IO, "no thread for the inbox");
}

void inbox_close(struct inbox **inbox) {
    struct inbox *in = *inbox;
    if (!in) return;
    pthread_mutex_lock(&in->lock);
    in->stopping = true;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    if (in->started) pthread_join(in->thread, NULL);
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
    free(in);
    *inbox = NULL;
}

/* ---- posting ----------------------------------------------------------------------------------------------------- */

static enum err post_make(struct inbox *in, const struct caller *from, struct span root, struct span collection,
                          struct span content, struct post **out, struct diag *d) {
    struct post *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p) return diag_set(d, ERR_NOMEM, "no memory left for a post");
    struct sha256 seed;
    char id[STIX_ID_SIZE];
    arena_init(&p->arena, ENVELOPE_ARENA_MAX);
    random_bytes(seed.b, sizeof seed.b);
    stix_id_from_hmac(&seed, SPAN("x"), id);
    snprintf(p->id, sizeof p->id, "%.36s", id + strlen("x--"));
    p->received = clock_now(in->node->live.clock);
    p->owner = owner_of(from, root, &p->arena);
    p->from = (struct caller){.party = arena_copy(&p->arena, from->party),
                              .member = arena_copy(&p->arena, from->member),
                              .key = arena_copy(&p->arena, from->key)};
    p->collection = arena_copy(&p->arena, collection);
    buf_add(&p->content, content);
    enum err e = buf_ok(&p->content) ? envelope_read(&p->arena, buf_span(&p->content), &p->envelope, d)
                                     : diag_set(d, ERR_NOMEM, "no memory left for a post");
    if (!e && p->envelope.count == 0)
        e = diag_set(d, ERR_INVALID, "there are no objects in what was posted: send an envelope with \"objects\"");
    if (!e) p->outcomes = arena_zalloc(&p->arena, p->envelope.count, sizeof *p->outcomes);
    if (!e && !p->outcomes) e = diag_set(d, ERR_NOMEM, "no memory left for a post");
    if (e)
        post_free(p);
    else
        *out = p;
    return e;
}

/* Under the lock. */
static enum err enqueue(struct inbox *in, struct post *p, struct diag *d) {
    if (in->stopping || in->count == INBOX_QUEUE_MAX || in->bytes + p->content.len > INBOX_QUEUE_BYTES_MAX)
        return diag_set(d, ERR_BUSY, "too many posts wait to be taken in");
    *(in->last ? &in->last->next : &in->first) = p;
    in->last = p;
    in->count++;
    in->bytes += p->content.len;
    p->references = 2;
    pthread_cond_broadcast(&in->changed);
    return ERR_NONE;
}

static void wait_for(struct inbox *in, const struct post *p) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += INBOX_WAIT_MS / 1000;
    until.tv_nsec += (long)(INBOX_WAIT_MS % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!p->done && pthread_cond_timedwait(&in->changed, &in->lock, &until) == 0) {
    }
}

enum err inbox_post(struct inbox *in, const struct caller *from, struct span root, struct span collection,
                    struct span content, struct buf *status, struct diag *d) {
    struct post *p;
    enum err e = post_make(in, from, root, collection, content, &p, d);
    if (e) return e;
    pthread_mutex_lock(&in->lock);
    e = enqueue(in, p, d);
    if (e) {
        post_free(p);
    } else {
        wait_for(in, p);
        write_status(p, p->done, status);
        post_release(p);
    }
    pthread_mutex_unlock(&in->lock);
    return e;
}
