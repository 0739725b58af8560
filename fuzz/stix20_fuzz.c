/* Objects of STIX 2.0 of any bytes: no crash, and what becomes of them is JSON with every id once. So is what becomes
 * of any object in the words of 2.0. */
#include <stdlib.h>

#include "base/map.h"
#include "interchange/stix20.h"
#include "interchange/stix20_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static enum err fetch(void *context, struct span id, struct json_value *out, bool *there, struct diag *d) {
    *out = *(struct json_value *)context; /* an observable that names itself, whatever it is */
    *there = true;
    return ERR_NONE;
}

static void fuzz_back(struct json_value object, struct arena *a, struct losses *l) {
    struct stix20_fetch source = {&object, fetch};
    struct buf out = BUF_EMPTY, objects = BUF_EMPTY;
    struct json_value *all;
    struct json_doc doc;
    struct diag d;
    size_t count = 0;
    if (json_type(object) != JSON_OBJECT) return;
    if (stix20_fold(object, &source, a, l, &objects, &all, &count, &d) == ERR_NONE)
        must(json_parse(a, buf_span(&objects), &doc, &d) == ERR_NONE);
    const struct stix20_more more = {.objects = count ? buf_span(&objects) : (struct span){0}};
    if (stix20_downgrade(object, &more, a, l, &out) && buf_ok(&out))
        must(json_parse(a, buf_span(&out), &doc, &d) == ERR_NONE || a->overflow);
    buf_free(&out);
    buf_free(&objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct losses losses;
    struct arena a;
    struct map seen;
    struct json_doc doc, made;
    struct diag d;
    struct span *texts;
    size_t count = 0;
    losses = (struct losses){0};
    arena_init(&a, 64 << 20);
    map_init(&seen);
    if (json_parse(&a, span_of(data, size), &doc, &d) == ERR_NONE &&
        stix20_upgrade(&losses, json_root(&doc), &a, &texts, &count, &d) == ERR_NONE) {
        must(count > 0 || !stix20_is(json_root(&doc)));
        for (size_t i = 0; i < count; i++) {
            bool again = false;
            must(json_parse(&a, texts[i], &made, &d) == ERR_NONE);
            struct span id = json_text(json_get(json_root(&made), "id"), &a);
            must(i + 1 == count || (id.len && map_set(&seen, id, 1, &again) && !again));
        }
    }
    arena_reset(&a);
    if (json_parse(&a, span_of(data, size), &doc, &d) == ERR_NONE) fuzz_back(json_root(&doc), &a, &losses);
    map_free(&seen);
    arena_free(&a);
    return 0;
}
