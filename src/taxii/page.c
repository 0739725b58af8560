#include "taxii/page.h"

#include <stdlib.h>

#include "stix/id.h"
#include "taxii/media.h"
#include "json/write.h"

enum { SCAN_CHUNK = 2000, CREATED_ARENA_MAX = 64 << 20 };

void taxii_page_free(struct taxii_page *page) {
    buf_free(&page->body);
    *page = TAXII_PAGE_EMPTY;
}

/* ---- rendering --------------------------------------------------------------------------------------------------- */

/* The page as it grows; each entry is shown to it in ledger order. */
struct sheet {
    const struct taxii_page_request *request;
    struct taxii_page *page;
    uint64_t next; /* when page->more: where the next page begins */
};

/* The version of an object that has no `modified`: its `created`, or when it was added (§5.6.1). */
static time_us version_without_modified(struct span body, time_us added) {
    struct arena a;
    struct json_doc doc;
    time_us created = added;
    arena_init(&a, CREATED_ARENA_MAX);
    if (body.len && !json_parse(&a, body, &doc, NULL)) {
        struct span text = json_text(json_get(json_root(&doc), "created"), &a);
        if (!time_parse_stix(text, &created)) created = added;
    }
    arena_free(&a);
    return created;
}

static void add_time(struct buf *out, time_us t) {
    char text[TIME_TEXT_SIZE];
    buf_printf(out, "\"%s\"", time_format_us(t, text));
}

/* A version is the object's `modified` (§5.3.1) and spelt as STIX spells it: three digits, unless it has more. */
static void add_version(struct buf *out, time_us t) {
    char text[TIME_TEXT_SIZE];
    buf_printf(out, "\"%s\"", time_format_stix(t, text));
}

static void add_item(struct buf *out, const struct taxii_page_request *q, const struct store_entry *e) {
    enum taxii_page_kind kind = q->kind;
    if (kind == TAXII_PAGE_OBJECTS) {
        buf_add(out, e->body);
        return;
    }
    time_us version = e->modified != TIME_NONE ? e->modified : version_without_modified(e->body, e->time);
    if (kind == TAXII_PAGE_VERSIONS) {
        add_version(out, version);
        return;
    }
    buf_add(out, SPAN("{\"id\":\""));
    buf_add(out, e->stix_id);
    buf_add(out, SPAN("\",\"date_added\":"));
    add_time(out, e->time);
    buf_add(out, SPAN(",\"version\":"));
    add_version(out, version);
    buf_add(out, SPAN(",\"media_type\":\""));
    buf_add(out, q->ordinary ? collection_media(e) : SPAN(STIX_MEDIA_TYPE));
    buf_add(out, SPAN("\"}"));
}

/* Takes one entry in; false when the page is full and the entry belongs to the next. */
static bool sheet_add(void *context, const struct store_entry *e) {
    struct sheet *s = context;
    struct taxii_page *page = s->page;
    if (s->request->kind == TAXII_PAGE_OBJECTS && e->body.len == 0) return true; /* erased in this moment */
    size_t size = s->request->kind == TAXII_PAGE_OBJECTS ? e->body.len : 0;
    if (page->count == s->request->filter->limit || (page->count && page->body.len + size > TAXII_PAGE_BYTES_MAX)) {
        page->more = true;
        s->next = e->seq;
        return false;
    }
    if (page->count) {
        buf_add_char(&page->body, ',');
    } else {
        buf_add_cstr(&page->body, s->request->kind == TAXII_PAGE_VERSIONS ? "{\"versions\":[" : "{\"objects\":[");
        page->first = e->time;
    }
    add_item(&page->body, s->request, e);
    page->last = e->time;
    page->count++;
    return buf_ok(&page->body);
}

/* An empty list is forbidden: the member is left out (§1.6.2). The specification gives `next` to envelopes alone; a
 * manifest and a list of versions carry it as an addition of ours: OASIS's server sends it, and its client would ask
 * for the first page for ever without. Others go on with added_after, which loses nothing here because no two entries
 * share a date_added. */
static enum err sheet_end(struct sheet *s, struct diag *d) {
    struct buf *out = &s->page->body;
    char cursor[TAXII_CURSOR_SIZE];
    buf_add_cstr(out, s->page->count ? "]" : "{");
    if (s->page->more) {
        buf_add_cstr(out, s->page->count ? ",\"more\":true" : "\"more\":true");
        taxii_cursor_write(s->request->scope, &s->request->filter->binding, s->next, cursor);
        buf_printf(out, ",\"next\":\"%s\"", cursor);
    } else if (s->page->count) {
        buf_add_cstr(out, ",\"more\":false");
    }
    buf_add_char(out, '}');
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory left for a page");
}

/* ---- the straight way: one walk over the ledger --------------------------------------------------------------------
 */

static bool straight(const struct taxii_page_request *q) {
    const struct taxii_filter *f = q->filter;
    return !q->scope->mixed && f->time_count == 0 && !(f->versions & TAXII_VERSION_FIRST) && f->id_count <= 1 &&
           f->type_count <= 1;
}

static struct store_entry_query base_query(const struct taxii_page_request *q) {
    const struct taxii_filter *f = q->filter;
    return (struct store_entry_query){
        .ledger = q->ledger,
        .from_seq = f->from,
        .to_seq = q->size,
        .added_after = f->added_after,
        .superseded = q->scope->mixed || f->time_count || f->versions & (TAXII_VERSION_ALL | TAXII_VERSION_FIRST),
        .modified = TIME_NONE,
    };
}

static enum err build_straight(struct store_reader *r, const struct taxii_page_request *q, struct sheet *s,
                               struct diag *d) {
    const struct taxii_filter *f = q->filter;
    struct store_entry_query query = base_query(q);
    query.stix_id = q->object;
    if (f->id_count && !q->object.len) query.stix_id = f->ids[0];
    if (f->id_count && q->object.len && !span_equal(q->object, f->ids[0])) return ERR_NONE;
    if (f->type_count) query.type = f->types[0];
    query.limit = (size_t)f->limit + 1; /* one more tells whether there is more */
    query.with_body = true;
    return store_entry_each(r, &query, sheet_add, s, d);
}

/* ---- the long way: several ids or types, first versions, exact versions ---------------------------------------------
 */

struct found {
    uint64_t seq;
    struct span stix_id; /* only while it is to be asked what else there is of its object */
    bool ask;            /* whether this is its object's first version; in ordinary collections, whether it is wanted */
};

struct search {
    const struct taxii_page_request *request;
    struct arena *arena;
    struct found *found;
    size_t count, room;
    size_t scanned; /* entries gone through in this chunk */
    uint64_t last;  /* the last of them */
    bool failed;
};

static bool type_wanted(const struct taxii_filter *f, struct span stix_id) {
    if (f->type_count == 0) return true;
    struct span type = stix_id_type(stix_id);
    for (size_t i = 0; i < f->type_count; i++)
        if (span_equal(type, f->types[i])) return true;
    return false;
}

static bool version_wanted(const struct taxii_filter *f, const struct store_entry *e) {
    if (f->versions & TAXII_VERSION_ALL) return true;
    if (f->versions & TAXII_VERSION_LAST && e->state == STORE_ENTRY_CURRENT) return true;
    if (f->time_count == 0) return false;
    time_us version = e->modified != TIME_NONE ? e->modified : version_without_modified(e->body, e->time);
    for (size_t i = 0; i < f->time_count; i++)
        if (version == f->times[i]) return true;
    return false;
}

static bool search_add(void *context, const struct store_entry *e) {
    struct search *s = context;
    const struct taxii_filter *f = s->request->filter;
    s->scanned++;
    s->last = e->seq;
    if (!type_wanted(f, e->stix_id)) return true;
    bool wanted = !s->request->ordinary && version_wanted(f, e);
    if (!s->request->ordinary && !wanted && !(f->versions & TAXII_VERSION_FIRST)) return true;
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 256;
        struct found *more = arena_zalloc(s->arena, room, sizeof *more);
        if (!more) return !(s->failed = true);
        if (s->count) memcpy(more, s->found, s->count * sizeof *more);
        s->found = more;
        s->room = room;
    }
    struct found *found = &s->found[s->count++];
    *found = (struct found){.seq = e->seq, .ask = !wanted};
    if (!wanted) found->stix_id = arena_copy(s->arena, e->stix_id);
    return !(s->failed = s->arena->overflow);
}

static bool take_seq(void *context, const struct store_entry *e) {
    *(uint64_t *)context = e->seq;
    return false;
}

/* Of one object of an ordinary collection: whether the entry is among those the filter's versions of it name (§3.4.1).
 * Specification versions first: those asked for, or the newest held; among the rest, versions by their own order. */
static bool spec_wanted(const struct taxii_filter *f, const struct store_entry *all, size_t count, struct span spec) {
    for (size_t i = 0; i < f->spec_count; i++)
        if (span_equal(f->specs[i], spec)) return true;
    for (size_t i = 0; f->spec_count == 0 && i < count; i++) {
        struct span other = collection_spec_version(collection_media(&all[i]));
        size_t n = other.len < spec.len ? other.len : spec.len;
        int order = n ? memcmp(other.at, spec.at, n) : 0;
        if (order > 0 || (order == 0 && other.len > spec.len)) return false;
    }
    return f->spec_count == 0;
}

static bool wanted_of_object(const struct taxii_filter *f, const struct store_entry *all, size_t count, uint64_t seq) {
    const struct store_entry *e = NULL;
    bool first = true, last = true;
    for (size_t i = 0; i < count && !e; i++)
        if (all[i].seq == seq) e = &all[i];
    if (!e || !spec_wanted(f, all, count, collection_spec_version(collection_media(e)))) return false;
    for (size_t i = 0; i < count; i++) {
        if (!spec_wanted(f, all, count, collection_spec_version(collection_media(&all[i])))) continue;
        first = first && e->modified <= all[i].modified;
        last = last && e->modified >= all[i].modified;
    }
    bool wanted = f->versions & TAXII_VERSION_ALL || (f->versions & TAXII_VERSION_FIRST && first) ||
                  (f->versions & TAXII_VERSION_LAST && last);
    for (size_t i = 0; i < f->time_count; i++) wanted |= e->modified == f->times[i];
    return wanted;
}

static enum err settle_ordinary(struct store_reader *r, struct search *s, size_t from, struct diag *d) {
    struct arena a;
    size_t kept = from;
    enum err e = ERR_NONE;
    arena_init(&a, CREATED_ARENA_MAX);
    for (size_t i = from; !e && i < s->count; i++) {
        struct store_entry *all;
        size_t count;
        struct store_entry_query query = {.ledger = s->request->ledger,
                                          .added_after = TIME_NONE,
                                          .superseded = true,
                                          .stix_id = s->found[i].stix_id,
                                          .modified = TIME_NONE,
                                          .limit = STORE_PAGE_MAX,
                                          .with_record = true};
        arena_reset(&a);
        e = store_entry_scan(r, &query, &a, &all, &count, d);
        if (!e && wanted_of_object(s->request->filter, all, count, s->found[i].seq)) s->found[kept++] = s->found[i];
    }
    s->count = kept;
    arena_free(&a);
    return e;
}

/* Drops what is not its object's first version; called between walks, as the store allows none within another. */
static enum err settle_first(struct store_reader *r, struct search *s, size_t from, struct diag *d) {
    size_t kept = from;
    for (size_t i = from; i < s->count; i++) {
        uint64_t first = UINT64_MAX;
        struct store_entry_query query = {.ledger = s->request->ledger,
                                          .added_after = TIME_NONE,
                                          .superseded = true,
                                          .stix_id = s->found[i].stix_id,
                                          .modified = TIME_NONE,
                                          .limit = 1};
        if (s->found[i].ask) {
            enum err e = store_entry_each(r, &query, take_seq, &first, d);
            if (e) return e;
        }
        if (!s->found[i].ask || first == s->found[i].seq) s->found[kept++] = s->found[i];
    }
    s->count = kept;
    return ERR_NONE;
}

/* Walks the ledger for one id (or all) until the page is full; *end is where a walk was given up before the
 * ledger's end: nothing from there on may be shown yet. */
static enum err search_one(struct store_reader *r, struct search *s, struct span id, size_t *budget, uint64_t *end,
                           struct diag *d) {
    const struct taxii_filter *f = s->request->filter;
    struct store_entry_query query = base_query(s->request);
    size_t begun = s->count;
    query.stix_id = id;
    query.type = f->type_count == 1 ? f->types[0] : (struct span){0};
    query.with_body = f->time_count > 0; /* versions of objects without `modified` stand in the body */
    query.limit = SCAN_CHUNK;
    for (;;) {
        size_t before = s->count;
        s->scanned = 0;
        enum err e = store_entry_each(r, &query, search_add, s, d);
        if (!e && s->failed) e = diag_set(d, ERR_NOMEM, "no memory left for this request");
        if (!e) e = s->request->ordinary ? settle_ordinary(r, s, before, d) : settle_first(r, s, before, d);
        if (e) return e;
        *budget -= s->scanned < *budget ? s->scanned : *budget;
        if (s->scanned < SCAN_CHUNK) return ERR_NONE;
        query.from_seq = s->last + 1;
        if (*budget == 0 || s->count - begun > f->limit) {
            if (query.from_seq < *end) *end = query.from_seq;
            return ERR_NONE;
        }
    }
}

static int by_seq(const void *left, const void *right) {
    const struct found *a = left, *b = right;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static enum err build_searched(struct store_reader *r, const struct taxii_page_request *q, struct arena *a,
                               struct sheet *sheet, struct diag *d) {
    const struct taxii_filter *f = q->filter;
    struct search s = {.request = q, .arena = a};
    size_t budget = TAXII_PAGE_SCAN_MAX;
    uint64_t end = UINT64_MAX;
    enum err e = ERR_NONE;
    if (q->object.len) {
        bool wanted = f->id_count == 0;
        for (size_t i = 0; i < f->id_count; i++) wanted |= span_equal(f->ids[i], q->object);
        if (wanted) e = search_one(r, &s, q->object, &budget, &end, d);
    } else if (f->id_count == 0) {
        e = search_one(r, &s, (struct span){0}, &budget, &end, d);
    }
    for (size_t i = 0; !e && !q->object.len && i < f->id_count; i++) e = search_one(r, &s, f->ids[i], &budget, &end, d);
    if (e) return e;
    if (s.count) qsort(s.found, s.count, sizeof *s.found, by_seq);
    for (size_t i = 0; i < s.count && s.found[i].seq < end; i++) {
        struct store_entry entry;
        if ((e = store_entry_get(r, q->ledger, s.found[i].seq, a, &entry, d))) return e;
        if (entry.state == STORE_ENTRY_WITHDRAWN || entry.body.len == 0) continue; /* taken back in this moment */
        if (!sheet_add(sheet, &entry)) return ERR_NONE;
    }
    if (end < q->size) {
        sheet->page->more = true;
        sheet->next = end;
    }
    return ERR_NONE;
}

/* ---- pages ---------------------------------------------------------------------------------------------------------
 */

enum err taxii_page_build(struct store_reader *r, const struct taxii_page_request *q, struct arena *a,
                          struct taxii_page *out, struct diag *d) {
    struct sheet sheet = {.request = q, .page = out};
    enum err e = ERR_NONE;
    *out = TAXII_PAGE_EMPTY;
    if (!q->filter->nothing && q->size > 0)
        e = straight(q) ? build_straight(r, q, &sheet, d) : build_searched(r, q, a, &sheet, d);
    if (!e && !buf_ok(&out->body)) e = diag_set(d, ERR_NOMEM, "no memory left for a page");
    if (!e) e = sheet_end(&sheet, d);
    if (e) taxii_page_free(out);
    return e;
}

bool taxii_page_cacheable(const struct taxii_page_request *q) {
    const struct taxii_filter *f = q->filter;
    return q->kind == TAXII_PAGE_OBJECTS && straight(q) && !q->object.len && f->id_count == 0 && !f->nothing;
}

enum err taxii_page_object_exists(struct store_reader *r, int64_t ledger, struct span object, struct diag *d) {
    uint64_t seq = UINT64_MAX;
    struct store_entry_query query = {.ledger = ledger,
                                      .added_after = TIME_NONE,
                                      .superseded = true,
                                      .stix_id = object,
                                      .modified = TIME_NONE,
                                      .limit = 1};
    enum err e = stix_id_valid(object) ? store_entry_each(r, &query, take_seq, &seq, d) : ERR_NONE;
    if (e) return e;
    return seq != UINT64_MAX ? ERR_NONE : diag_set(d, ERR_NOT_FOUND, "there is no such object in this collection");
}

enum err taxii_page_entries(struct store_reader *r, const struct taxii_page_request *q, struct arena *a, uint64_t **out,
                            size_t *count, struct diag *d) {
    struct store_entry *all;
    size_t all_count;
    struct store_entry_query query = {.ledger = q->ledger,
                                      .added_after = TIME_NONE,
                                      .superseded = true,
                                      .stix_id = q->object,
                                      .modified = TIME_NONE,
                                      .limit = STORE_PAGE_MAX,
                                      .with_record = true};
    enum err e = store_entry_scan(r, &query, a, &all, &all_count, d);
    *count = 0;
    *out = NULL;
    if (e || q->filter->nothing) return e;
    *out = arena_zalloc(a, all_count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory left for this request");
    for (size_t i = 0; i < all_count; i++)
        if (wanted_of_object(q->filter, all, all_count, all[i].seq)) (*out)[(*count)++] = all[i].seq;
    return ERR_NONE;
}
