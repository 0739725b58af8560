#include "share/text.h"

#include <stdio.h>

#include "store/store.h"
#include "json/json.h"

enum { TEXT_ARENA_MAX = 1 << 30, TEXT_OBJECT_MAX = 1 << 20 };

/* Ideographs, kana, Hangul: scripts whose words do not stand between spaces. */
static bool unspaced(uint32_t c) {
    return (c >= 0x1100 && c <= 0x11ff) || (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

static uint32_t code_point(struct span text, size_t at, size_t *len) {
    uint8_t first = (uint8_t)text.at[at];
    uint32_t c = first;
    *len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (*len > text.len - at) *len = 1;
    if (*len > 1) c = first & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++) c = c << 6 | ((uint8_t)text.at[at + i] & 63);
    return c;
}

static void add_segmented(struct buf *out, struct span text) {
    for (size_t i = 0, len; i < text.len; i += len) {
        bool apart = unspaced(code_point(text, i, &len));
        if (apart) buf_add_char(out, ' ');
        buf_add(out, span_of(text.at + i, len));
        if (apart) buf_add_char(out, ' ');
    }
    buf_add_char(out, '\n');
}

static void add_value(struct buf *out, struct json_value v, struct arena *a) {
    if (json_type(v) == JSON_STRING) add_segmented(out, json_text(v, a));
    if (json_type(v) == JSON_ARRAY)
        for (struct json_iter it = json_iter(v); json_next(&it);) add_value(out, it.value, a);
}

static void object_text(const struct store_holding *h, struct arena *a, struct buf *out) {
    static const char *const properties[] = {"name",  "aliases",         "description", "pattern", "labels",
                                             "value", "x_mitre_aliases", "abstract",    "content"};
    struct json_doc doc;
    struct diag ignored;
    if (json_parse(a, h->body, &doc, &ignored)) return;
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        add_value(out, json_get(json_root(&doc), properties[i]), a);
    for (struct json_iter it = json_iter(json_get(json_root(&doc), "external_references")); json_next(&it);)
        add_value(out, json_get(it.value, "external_id"), a);
    if (out->len > TEXT_OBJECT_MAX) out->len = TEXT_OBJECT_MAX;
}

static enum err fill(struct store_tx *tx, struct arena *a, uint64_t *left, struct diag *d) {
    struct store_reader *r = store_tx_reader(tx);
    struct span text;
    struct store_holding *holdings;
    struct buf words = BUF_EMPTY;
    size_t count;
    uint64_t cursor = 0;
    int64_t visible;
    char number[24];
    enum err e = store_meta_get(r, "text-cursor", a, &text, d);
    if (!e && text.at && !span_u64(text, &cursor)) e = diag_set(d, ERR_INVALID, "the store's text cursor is no number");
    if (!e) e = store_holding_visible(r, &visible, d);
    if (!e) e = store_holding_scan(r, (int64_t)cursor, (struct span){0}, TEXT_FILL_BATCH, a, &holdings, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        buf_clear(&words);
        object_text(&holdings[i], a, &words);
        if (words.len) e = store_text_add(tx, holdings[i].id, buf_span(&words), d);
        cursor = (uint64_t)holdings[i].id;
    }
    if (!e && count > 0) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)cursor);
        e = store_meta_set(tx, "text-cursor", span_cstr(number), d);
    }
    if (!e) *left = count < TEXT_FILL_BATCH ? 0 : (uint64_t)visible - cursor;
    buf_free(&words);
    return e;
}

enum err text_fill(const struct share_context *c, uint64_t *left, struct diag *d) {
    struct arena a;
    struct store_tx *tx = NULL;
    arena_init(&a, TEXT_ARENA_MAX);
    enum err e = store_begin(c->store, &tx, d);
    if (!e) e = fill(tx, &a, left, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    arena_free(&a);
    return e;
}

enum err text_query(struct span typed, struct buf *out, struct diag *d) {
    struct buf word = BUF_EMPTY;
    if (typed.len > TEXT_QUERY_MAX) return diag_set(d, ERR_LIMIT, "a query has at most %d bytes", TEXT_QUERY_MAX);
    for (struct span rest = span_trim(typed); rest.at && rest.len;) {
        struct span piece = span_trim(span_cut(&rest, ' '));
        if (piece.len == 0) continue;
        buf_clear(&word);
        add_segmented(&word, piece);
        if (out->len) buf_add_cstr(out, " AND ");
        buf_add_char(out, '"');
        struct span cut = span_trim(buf_span(&word));
        for (size_t i = 0; i < cut.len; i++) {
            if (cut.at[i] == '"') buf_add_char(out, '"');
            buf_add_char(out, cut.at[i]);
        }
        buf_add_char(out, '"');
    }
    buf_free(&word);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a query");
}
