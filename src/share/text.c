#include "share/text.h"

#include <stdio.h>

#include "base/encode.h"
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

/* A label may hold any character; its hash is a word. Case does not tell labels apart. */
static void add_label_word(struct span label, struct buf *out) {
    struct buf folded = BUF_EMPTY;
    for (size_t i = 0; i < label.len; i++)
        buf_add_char(&folded, label.at[i] >= 'A' && label.at[i] <= 'Z' ? (char)(label.at[i] + 32) : label.at[i]);
    struct sha256 hash = sha256_of(buf_span(&folded));
    buf_add_cstr(out, "renkeilabel");
    buf_add_hex(out, span_of(hash.b, 8));
    buf_free(&folded);
}

static void add_tlp_word(enum stix_tlp level, struct buf *out) {
    buf_printf(out, "renkeitlp%d", (int)level);
}

static enum stix_marking only_tlp(void *context, struct span id, enum stix_tlp *level) {
    (void)context;
    (void)id;
    (void)level;
    return STIX_MARKING_STATEMENT;
}

static void add_handling_words(const struct store_holding *h, struct json_value object, struct arena *a,
                               struct buf *out) {
    struct stix_object o;
    struct stix_marking_summary marking = {0};
    struct diag ignored;
    struct span rest = h->handling.labels;
    if (!stix_object_view(a, object, &o, &ignored)) stix_marking_effective(&o, only_tlp, NULL, &marking);
    if (h->handling.tlp > (int)marking.tlp) marking.tlp = (enum stix_tlp)h->handling.tlp;
    add_tlp_word(marking.tlp, out);
    buf_add_char(out, '\n');
    for (struct json_iter it = json_iter(json_get(object, "labels")); json_next(&it);) {
        add_label_word(json_text(it.value, a), out);
        buf_add_char(out, '\n');
    }
    while (rest.at && rest.len) {
        add_label_word(span_cut(&rest, '\n'), out);
        buf_add_char(out, '\n');
    }
}

static void object_text(const struct store_holding *h, struct arena *a, struct buf *out) {
    static const char *const properties[] = {"name",  "aliases",         "description", "pattern", "labels",
                                             "value", "x_mitre_aliases", "abstract",    "content"};
    struct json_doc doc;
    struct diag ignored;
    if (json_parse(a, h->body, &doc, &ignored)) return;
    add_handling_words(h, json_root(&doc), a, out);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        add_value(out, json_get(json_root(&doc), properties[i]), a);
    for (struct json_iter it = json_iter(json_get(json_root(&doc), "external_references")); json_next(&it);)
        add_value(out, json_get(it.value, "external_id"), a);
    if (out->len > TEXT_OBJECT_MAX) out->len = TEXT_OBJECT_MAX;
}

static enum err fill(struct store_tx *tx, struct arena *a, uint64_t *left, struct diag *d) {
    struct store_reader *r = store_tx_visible(tx);
    struct span text;
    struct store_holding *holdings;
    struct buf words = BUF_EMPTY;
    size_t count;
    uint64_t cursor = 0;
    int64_t visible;
    char number[24];
    enum err e = store_meta_get(r, STORE_META_TEXT, a, &text, d);
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
        e = store_meta_set(tx, STORE_META_TEXT, span_cstr(number), d);
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

static void add_and(struct buf *query) {
    if (query->len) buf_add_cstr(query, " AND ");
}

void text_query_tlp(enum stix_tlp level, struct buf *query) {
    add_and(query);
    add_tlp_word(level, query);
}

void text_query_label(struct span label, struct buf *query) {
    add_and(query);
    add_label_word(label, query);
}
