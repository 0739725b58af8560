/* Pulling from a TAXII 2.1 server that is no Renkei (TAXII 2.1 §3.4, §5.4): page by page, by added_after and next,
 * whatever of both the server knows. */
#include <stdio.h>

#include "base/file.h"
#include "taxii/discover.h"
#include "taxii/sync_run.h"
#include "json/write.h"

enum {
    SECRET_SIZE_MAX = 8192,
    PATH_SIZE = 4096 + ENVELOPE_NEXT_MAX * 3,
    PAGE_ARENA_MAX = 256 << 20,
    STORE_AFTER = 5000,    /* objects; less work is repeated after an interruption, larger batches are faster */
    EMPTY_PAGES_MAX = 100, /* in a row, from a server that always says there is more */
    DATE_SIZE = 64,
    PAGE_LIMIT = 1000
};

static const char state_kind[] = "sync";

struct plain {
    struct sync *sync;
    struct span source;            /* "taxii:NAME" */
    char added_after[DATE_SIZE];   /* what the server last told, as it spelt it; "" = from the beginning */
    char page_last[DATE_SIZE];     /* of the page at hand */
    char newest[DATE_SIZE];        /* of the last page that told one */
    char request_after[DATE_SIZE]; /* what the requests of this run of pages carry */
    struct buf next;
    char stored_after[DATE_SIZE]; /* what the store has of added_after */
    struct sync_range range;      /* objects that wait to be taken in */
    unsigned empty_pages;
    uint64_t read;
};

/* ---- what was there before --------------------------------------------------------------------------------------- */

static enum err load_state(struct plain *p, struct diag *d) {
    struct store_document doc;
    struct json_doc json;
    enum err e = store_document_get(p->sync->reader, state_kind, p->source, &p->sync->arena, &doc, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    if (!e) e = json_parse(&p->sync->arena, doc.body, &json, d);
    if (e) return e;
    struct span text = json_text(json_get(json_root(&json), "added_after"), &p->sync->arena);
    snprintf(p->added_after, sizeof p->added_after, "%.*s", SPAN_ARG(text));
    return ERR_NONE;
}

static enum err put_state(struct plain *p, struct intake *in, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member_cstr(&w, "added_after", p->added_after);
    json_end_object(&w);
    struct store_document doc = {.kind = span_cstr(state_kind),
                                 .key = p->source,
                                 .body = buf_span(&body),
                                 .time = clock_now(p->sync->node->live.clock)};
    enum err e = buf_ok(&body) ? store_document_put(intake_transaction(in), &doc, d)
                               : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    buf_free(&body);
    return e;
}

/* ---- storing ----------------------------------------------------------------------------------------------------- */

/* Takes in what the pages brought, and with it the date from which the next sync may go on. The store is not held while
 * the network is waited for. */
static enum err store_pages(struct plain *p, struct diag *d) {
    struct intake *in = NULL;
    if (p->range.count == 0 && !strcmp(p->added_after, p->stored_after)) return ERR_NONE;
    enum err e = sync_intake_open(p->sync, p->source, &in, d);
    if (!e) e = sync_range_take(&p->range, in, d);
    if (!e) e = put_state(p, in, d);
    e = sync_intake_close(p->sync, &in, e, d);
    sync_range_clear(&p->range);
    snprintf(p->stored_after, sizeof p->stored_after, "%s", p->added_after);
    return e;
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static enum err get_page(struct plain *p, struct diag *d) {
    struct buf path = BUF_EMPTY;
    struct span header;
    buf_printf(&path, "/objects/?limit=%d", PAGE_LIMIT);
    if (p->request_after[0]) http_query_add(&path, SPAN("added_after"), span_cstr(p->request_after));
    if (p->next.len) http_query_add(&path, SPAN("next"), buf_span(&p->next));
    const char *text = buf_cstr(&path);
    enum err e = text ? link_get(&p->sync->link, text, true, LINK_PAGE_MAX, d)
                      : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    buf_free(&path);
    p->page_last[0] = 0;
    time_us ignored;
    if (!e && http_reply_header(&p->sync->link.reply, "X-TAXII-Date-Added-Last", &header) && header.len < DATE_SIZE &&
        time_parse_rfc3339(header, &ignored))
        snprintf(p->page_last, sizeof p->page_last, "%.*s", SPAN_ARG(header));
    if (p->page_last[0]) memcpy(p->newest, p->page_last, sizeof p->newest);
    return e;
}

static enum err take_objects(struct plain *p, const struct envelope *page, struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < page->count; i++) {
        struct pulled *to = sync_range_add(&p->range);
        if (!to) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
        to->seq = p->read++;
        e = sync_range_read(&p->range, to, page->objects[i], "object ", d);
    }
    sync_progress(p->sync, "pulling", "objects", p->read, 0);
    return e;
}

/* Halfway through, several objects may share the last date and some of them still be on the next page: the safe place
 * to go on from after an interruption is just before that date. What comes twice is known and changes nothing. */
static void note_halfway(struct plain *p) {
    time_us last;
    char text[TIME_TEXT_SIZE];
    if (!time_parse_rfc3339(span_cstr(p->page_last), &last)) return;
    snprintf(p->added_after, sizeof p->added_after, "%s", time_format_us(last - 1, text));
}

/* Where the next page is. With `next` the same request goes on; without it the dates do, if they move. */
static enum err follow(struct plain *p, const struct envelope *page, struct diag *d) {
    const char *base = p->sync->links.base;
    if (page->count)
        p->empty_pages = 0;
    else if (++p->empty_pages > EMPTY_PAGES_MAX)
        return diag_set(d, ERR_NETWORK, "%s always says there is more and sends nothing", base);
    if (page->next.len) {
        if (span_equal(page->next, buf_span(&p->next)) && p->page_last[0] && !strcmp(p->page_last, p->added_after))
            return diag_set(d, ERR_NETWORK, "%s sends the same page again and again", base);
        buf_clear(&p->next);
        buf_add(&p->next, page->next);
        return buf_ok(&p->next) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    }
    buf_clear(&p->next);
    if (!p->page_last[0] || !strcmp(p->page_last, p->request_after))
        return diag_set(d, ERR_NETWORK,
                        "%s says there is more, but neither `next` nor X-TAXII-Date-Added-Last leads on", base);
    snprintf(p->request_after, sizeof p->request_after, "%s", p->page_last);
    return ERR_NONE;
}

static enum err take_page(struct plain *p, bool *more, struct diag *d) {
    struct arena a;
    struct envelope page;
    arena_init(&a, PAGE_ARENA_MAX);
    enum err e = get_page(p, d);
    if (!e && (e = envelope_read(&a, buf_span(&p->sync->link.reply.body), &page, d)))
        diag_prefix(d, "%s", p->sync->links.base);
    if (!e && page.count) e = take_objects(p, &page, d);
    *more = !e && page.more;
    if (*more) {
        note_halfway(p);
        e = follow(p, &page, d);
    } else if (!e && p->newest[0]) {
        snprintf(p->added_after, sizeof p->added_after, "%s", p->newest);
    }
    if (!e && p->read && !p->page_last[0] && !p->added_after[0]) p->sync->result->restarted = true;
    if (!e && (p->range.count >= STORE_AFTER || p->range.bytes >= TAXII_SYNC_RANGE_BYTES)) e = store_pages(p, d);
    arena_free(&a);
    return e;
}

static enum err pull(struct plain *p, struct diag *d) {
    const struct taxii_sync_options *o = p->sync->options;
    bool more = true;
    enum err e = load_state(p, d);
    snprintf(p->request_after, sizeof p->request_after, "%s", p->added_after);
    snprintf(p->stored_after, sizeof p->stored_after, "%s", p->added_after);
    while (!e && more) {
        if (o->stop && o->stop(o->context))
            e = diag_set(d, ERR_BUSY, "stopped; what was pulled is kept");
        else
            e = take_page(p, &more, d);
    }
    struct diag later;
    enum err stored = store_pages(p, e ? &later : d); /* whole pages: as good as they came */
    sync_range_free(&p->range);
    return e ? e : stored;
}

/* ---- who we are to it -------------------------------------------------------------------------------------------- */

/* A secret stands in a file of its own, relative to the node's folder; the line's end is not part of it. */
static enum err read_secret(struct sync *s, const char *file, const char **out, struct diag *d) {
    struct buf text = BUF_EMPTY;
    struct span path = file[0] == '/' ? span_cstr(file) : arena_printf(&s->arena, "%s/%s", s->node->home, file);
    const char *name = arena_cstr(&s->arena, path);
    enum err e =
        name ? file_read(name, SECRET_SIZE_MAX, &text, d) : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    if (!e) *out = arena_cstr(&s->arena, span_trim(buf_span(&text)));
    buf_free(&text);
    return e;
}

static enum err configure(struct sync *s, const struct config_source *source, struct diag *d) {
    struct http_client_config *c = &s->links.client;
    enum err e = source->url ? link_base(&s->links, span_cstr(source->url), d) : ERR_NONE;
    c->ca_file = source->ca_file && source->ca_file[0] != '/'
                     ? arena_cstr(&s->arena, arena_printf(&s->arena, "%s/%s", s->node->home, source->ca_file))
                     : source->ca_file;
    c->user = source->username;
    c->redirects = HTTP_CLIENT_REDIRECTS_MAX;
    if (!e && source->password_file) e = read_secret(s, source->password_file, &c->password, d);
    if (!e && source->token_file) e = read_secret(s, source->token_file, &c->bearer, d);
    return e;
}

enum err sync_plain(struct sync *s, const struct config_source *source, struct diag *d) {
    struct plain p = {.sync = s};
    p.source = arena_printf(&s->arena, "taxii:%s", source->name);
    s->view = node_view(s->node);
    enum err e = p.source.at ? configure(s, source, d) : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    if (!e && source->domain)
        e = discover_collection(&s->links, s->node->config->nameserver, source->domain, source->collection, &s->arena,
                                d);
    if (!e) e = link_open(&s->links, &s->link, d);
    if (!e) e = pull(&p, d);
    link_close(&s->link);
    buf_free(&p.next);
    node_view_release(s->node, &s->view);
    return e;
}
