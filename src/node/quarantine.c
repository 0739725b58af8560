#include "node/quarantine.h"

#include <stdio.h>

#include "json/json.h"
#include "json/write.h"

enum { KEY_SIZE = 24 };

static struct span key_of(int64_t holding, char key[KEY_SIZE]) { /* sorts as the number does */
    snprintf(key, KEY_SIZE, "%015lld", (long long)holding);
    return span_cstr(key);
}

enum err quarantine_put(struct store_tx *tx, const struct quarantine_item *item, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    char key[KEY_SIZE];
    json_begin_object(&w);
    json_member(&w, "from", item->from);
    json_member(&w, "collection", item->collection);
    json_end_object(&w);
    struct store_document doc = {
        .kind = SPAN(QUARANTINE_KIND), .key = key_of(item->holding, key), .body = buf_span(&body), .time = item->since};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory");
    buf_free(&body);
    return e;
}

enum err quarantine_list(struct store_reader *r, struct arena *a, struct quarantine_item **out, size_t *count,
                         struct diag *d) {
    struct store_document *docs;
    *out = NULL;
    enum err e = store_document_list(r, QUARANTINE_KIND, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the quarantine");
    for (size_t i = 0; i < *count && !e; i++) {
        struct json_doc json;
        uint64_t holding = 0;
        if ((e = json_parse(a, docs[i].body, &json, d))) break;
        if (!span_u64(docs[i].key, &holding)) return diag_set(d, ERR_INVALID, "the quarantine is damaged");
        (*out)[i] = (struct quarantine_item){.holding = (int64_t)holding,
                                             .from = json_text(json_get(json_root(&json), "from"), a),
                                             .collection = json_text(json_get(json_root(&json), "collection"), a),
                                             .since = docs[i].time};
    }
    return e;
}

enum err quarantine_delete(struct store_tx *tx, int64_t holding, struct diag *d) {
    char key[KEY_SIZE];
    return store_document_delete(tx, QUARANTINE_KIND, key_of(holding, key), d);
}
