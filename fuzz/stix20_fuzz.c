/* Objects of STIX 2.0 of any bytes: no crash, and what becomes of them is JSON with every id once. */
#include <stdlib.h>

#include "base/map.h"
#include "interchange/stix20.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
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
    map_free(&seen);
    arena_free(&a);
    return 0;
}
