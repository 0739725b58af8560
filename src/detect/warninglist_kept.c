#include "detect/warninglist_kept.h"

#include <stdlib.h>
#include <zstd.h>

#include "json/write.h"

#define KIND_HEADER  "warninglist"
#define KIND_ENTRIES "warninglist-entries"
enum { LEVEL = 3, HEADERS_ARENA_MAX = 64 << 20, ENTRIES_ARENA_MAX = WARNINGLIST_SIZE_MAX + (1 << 20) };

/* ---- keeping ---- */

static void write_header(struct buf *out, const struct warninglist_header *h) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_member(&w, "name", h->name);
    if (h->description.len) json_member(&w, "description", h->description);
    if (h->version.len) json_member(&w, "version", h->version);
    json_member_cstr(&w, "type", warninglist_type_name(h->type));
    json_member_number(&w, "kinds", h->kinds);
    json_member_number(&w, "entries", (int64_t)h->entry_count);
    json_key(&w, "matching_attributes");
    json_begin_array(&w);
    for (size_t i = 0; i < h->attribute_count; i++) json_string(&w, h->attributes[i]);
    json_end_array(&w);
    json_end_object(&w);
}

static enum err read_header(struct arena *a, const struct store_document *doc, struct warninglist_header *out,
                            struct diag *d) {
    struct json_doc *json = arena_alloc(a, sizeof *json);
    int64_t kinds = 0, entries = 0;
    enum err e = json ? json_parse(a, doc->body, json, d) : diag_set(d, ERR_NOMEM, "no memory for the warning lists");
    if (e) return e;
    struct json_value o = json_root(json), names = json_get(o, "matching_attributes");
    struct span *attributes = arena_zalloc(a, json_count(names) + (size_t)1, sizeof *attributes);
    if (!attributes) return diag_set(d, ERR_NOMEM, "no memory for the warning lists");
    *out = (struct warninglist_header){.name = doc->key,
                                       .description = json_text(json_get(o, "description"), a),
                                       .version = json_text(json_get(o, "version"), a),
                                       .attributes = attributes};
    while (out->type < WARNINGLIST_REGEX && !json_is(json_get(o, "type"), span_cstr(warninglist_type_name(out->type))))
        out->type++;
    (void)json_int(json_get(o, "kinds"), &kinds);
    (void)json_int(json_get(o, "entries"), &entries);
    out->kinds = (uint32_t)kinds;
    out->entry_count = (size_t)entries;
    for (struct json_iter it = json_iter(names); json_next(&it);)
        attributes[out->attribute_count++] = json_text(it.value, a);
    return ERR_NONE;
}

static enum err put_entries(struct store_tx *tx, struct span name, struct span entries, time_us now, struct diag *d) {
    size_t room = ZSTD_compressBound(entries.len);
    char *packed = malloc(room);
    if (!packed) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    size_t len = ZSTD_compress(packed, room, entries.at, entries.len, LEVEL);
    struct store_document doc = {.kind = SPAN(KIND_ENTRIES), .key = name, .time = now};
    doc.body = span_of(packed, ZSTD_isError(len) ? 0 : len);
    enum err e = ZSTD_isError(len)
                     ? diag_set(d, ERR_NOMEM, "a warning list cannot be compressed: %s", ZSTD_getErrorName(len))
                     : store_document_put(tx, &doc, d);
    free(packed);
    return e;
}

enum err warninglist_keep(struct store_tx *tx, const struct warninglist_header *header, struct span entries,
                          time_us now, size_t *before, struct diag *d) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct warninglist_header *held;
    size_t count, had = 0;
    bool known = false;
    arena_init(&a, HEADERS_ARENA_MAX);
    enum err e = warninglist_headers(store_tx_reader(tx), &a, &held, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (!span_equal(held[i].name, header->name)) continue;
        had = held[i].entry_count;
        known = true;
    }
    if (!e && !known && count >= WARNINGLISTS_MAX)
        e = diag_set(d, ERR_LIMIT, "there are %d warning lists, and no more may be kept", WARNINGLISTS_MAX);
    write_header(&text, header);
    if (!e && !buf_ok(&text)) e = diag_set(d, ERR_NOMEM, "no memory for a warning list");
    struct store_document doc = {.kind = SPAN(KIND_HEADER), .key = header->name, .body = buf_span(&text), .time = now};
    if (!e) e = store_document_put(tx, &doc, d);
    if (!e) e = put_entries(tx, header->name, entries, now, d);
    if (before) *before = had;
    buf_free(&text);
    arena_free(&a);
    return e;
}

enum err warninglist_drop(struct store_tx *tx, struct span name, struct diag *d) {
    struct arena a;
    struct store_document doc;
    arena_init(&a, HEADERS_ARENA_MAX);
    enum err e = store_document_get(store_tx_reader(tx), KIND_HEADER, name, &a, &doc, d);
    if (e == ERR_NOT_FOUND) diag_set(d, e, "there is no warning list '%.*s'", SPAN_ARG(span_first(name, 128)));
    if (!e) e = store_document_delete(tx, KIND_HEADER, name, d);
    if (!e) e = store_document_delete(tx, KIND_ENTRIES, name, d);
    arena_free(&a);
    return e;
}

enum err warninglist_headers(struct store_reader *r, struct arena *a, struct warninglist_header **out, size_t *count,
                             struct diag *d) {
    struct store_document *docs;
    *count = 0;
    *out = NULL;
    enum err e = store_document_list(r, KIND_HEADER, a, &docs, count, d);
    if (e) return e;
    if (!(*out = arena_zalloc(a, *count + 1, sizeof **out)))
        return diag_set(d, ERR_NOMEM, "no memory for the warning lists");
    for (size_t i = 0; !e && i < *count; i++) e = read_header(a, &docs[i], &(*out)[i], d);
    return e;
}

enum err warninglist_entries(struct store_reader *r, struct span name, struct buf *out, struct diag *d) {
    struct arena a;
    struct store_document doc;
    arena_init(&a, ENTRIES_ARENA_MAX);
    enum err e = store_document_get(r, KIND_ENTRIES, name, &a, &doc, d);
    unsigned long long size = e ? 0 : ZSTD_getFrameContentSize(doc.body.at, doc.body.len);
    /* Entries grow by at most a newline each when they are spelt out; beyond twice the file it is no list of ours. */
    if (!e &&
        (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > 2ULL * WARNINGLIST_SIZE_MAX))
        e = diag_set(d, ERR_INVALID, "warning list '%.*s' is damaged: add it again", SPAN_ARG(name));
    char *at = e ? NULL : buf_reserve(out, size);
    if (!e && !at) e = diag_set(d, ERR_NOMEM, "no memory for warning list '%.*s'", SPAN_ARG(name));
    if (!e && ZSTD_decompress(at, size, doc.body.at, doc.body.len) != size)
        e = diag_set(d, ERR_INVALID, "warning list '%.*s' is damaged: add it again", SPAN_ARG(name));
    if (!e) out->len += size;
    arena_free(&a);
    return e;
}

/* ---- asking ---- */

struct kept_list {
    struct warninglist_header header;
    struct buf entries;
    struct warninglist *list; /* NULL until first asked */
};
struct warninglists {
    struct store_reader *reader;
    struct arena arena;
    struct kept_list *lists;
    size_t count;
};

enum err warninglists_open(struct store_reader *r, struct warninglists **out, struct diag *d) {
    struct warninglists *w = *out = calloc(1, sizeof *w);
    struct warninglist_header *headers;
    if (!w) return diag_set(d, ERR_NOMEM, "no memory for the warning lists");
    w->reader = r;
    arena_init(&w->arena, HEADERS_ARENA_MAX);
    enum err e = warninglist_headers(r, &w->arena, &headers, &w->count, d);
    if (!e && !(w->lists = calloc(w->count + 1, sizeof *w->lists)))
        e = diag_set(d, ERR_NOMEM, "no memory for the warning lists");
    for (size_t i = 0; !e && i < w->count; i++) w->lists[i].header = headers[i];
    if (e) {
        if (!w->lists) w->count = 0;
        warninglists_close(out);
    }
    return e;
}

void warninglists_close(struct warninglists **lists) {
    struct warninglists *w = *lists;
    if (!w) return;
    for (size_t i = 0; i < w->count; i++) {
        warninglist_free(&w->lists[i].list);
        buf_free(&w->lists[i].entries);
    }
    free(w->lists);
    arena_free(&w->arena);
    free(w);
    *lists = NULL;
}

size_t warninglists_count(const struct warninglists *w) {
    return w->count;
}

static enum err compiled(struct warninglists *w, struct kept_list *k, struct diag *d) {
    if (k->list) return ERR_NONE;
    buf_clear(&k->entries);
    enum err e = warninglist_entries(w->reader, k->header.name, &k->entries, d);
    return e ? e : warninglist_compile(k->header.type, buf_span(&k->entries), &k->list, d);
}

enum err warninglists_find(struct warninglists *w, enum atom_kind kind, struct span value, size_t from,
                           struct warning *out, size_t *next, struct diag *d) {
    *out = (struct warning){0};
    if (next) *next = w->count;
    for (size_t i = from; i < w->count; i++) {
        struct kept_list *k = &w->lists[i];
        if (!(k->header.kinds >> kind & 1)) continue;
        enum err e = compiled(w, k, d);
        if (e) return e;
        if (!warninglist_holds(k->list, kind, value, &out->entry)) continue;
        out->list = k->header.name;
        if (next) *next = i + 1;
        return ERR_NONE;
    }
    return ERR_NONE;
}

enum err warninglists_judge(struct warninglists *w, struct arena *a, struct span pattern, struct pattern_warnings *out,
                            struct diag *d) {
    const struct detect_value *values;
    struct warning warning;
    *out = (struct pattern_warnings){0};
    if (w->count == 0) return ERR_NONE;
    detect_values(a, pattern, &values, &out->values, &out->complete);
    for (size_t i = 0; i < out->values; i++) {
        enum err e = warninglists_find(w, values[i].kind, values[i].value, 0, &warning, NULL, d);
        if (e) return e;
        if (warning.list.len == 0) continue;
        if (out->warned++ > 0) continue;
        out->first = warning;
        out->first_value = values[i].value;
    }
    return ERR_NONE;
}
