/* Strict JSON: whatever is accepted can be read in every way, and its canonical form is one: it parses, and is its own
 * canonical form. Members of an accepted object are the same when gone through without a document. */
#include <stdlib.h>

#include "json/skim.h"
#include "json/write.h"

enum { MEMORY = 8 << 20 }; /* small enough that the arena's cap is met too */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) abort();
}

static void visit(struct json_value v, struct arena *a) {
    int64_t whole;
    double real;
    bool truth;
    (void)json_int(v, &whole);
    (void)json_double(v, &real);
    (void)json_bool(v, &truth);
    struct span raw = json_raw(v), text = json_text(v, a);
    require(raw.len > 0);
    if (json_type(v) == JSON_STRING && !a->overflow) require(json_is(v, text) && text.len <= raw.len - 2);
    uint32_t count = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); count++) visit(it.value, a);
    require(count == json_count(v));
}

static void skim(struct span source) {
    struct span key, value;
    for (struct json_skim s = json_skim(source); json_skim_next(&s, &key, &value);)
        require(value.len > 0 && key.at + key.len <= source.at + source.len &&
                value.at + value.len <= source.at + source.len);
}

static void compare_members(struct span source, struct json_value object) {
    struct span key, value;
    struct json_skim s = json_skim(source);
    if (json_type(object) != JSON_OBJECT) return;
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        require(json_skim_next(&s, &key, &value));
        require(span_equal(key, json_spelt(it.key)) && span_equal(value, json_raw(it.value)));
    }
    require(!json_skim_next(&s, &key, &value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct json_doc doc;
    struct diag d = {0};
    struct buf once = BUF_EMPTY, twice = BUF_EMPTY;
    char path[JSON_PATH_SIZE];
    arena_init(&a, MEMORY);
    skim(span_of(data, size));
    if (json_parse(&a, span_of(data, size), &doc, &d)) {
        require(d.code != ERR_NONE && d.message[0] && d.offset <= size);
        goto out;
    }
    visit(json_root(&doc), &a);
    compare_members(span_of(data, size), json_root(&doc));
    json_path((struct json_value){&doc, doc.count - 1}, path, sizeof path);
    if (json_canonical(&once, json_root(&doc), &a, &d)) goto out;
    if (json_parse(&a, buf_span(&once), &doc, &d)) { /* it nests no deeper and repeats no key: only memory may lack */
        require(d.code == ERR_NOMEM);
        goto out;
    }
    if (json_canonical(&twice, json_root(&doc), &a, &d))
        require(d.code == ERR_NOMEM);
    else
        require(span_equal(buf_span(&once), buf_span(&twice)));
out:
    buf_free(&once);
    buf_free(&twice);
    arena_free(&a);
    return 0;
}
