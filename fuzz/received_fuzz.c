/* What a recipient answers about a ledger of ours it received: nonsense is an error with a message, and what is taken
 * for an answer keeps what sync_restore.c relies on. */
#include <stdlib.h>

#include "ledger/merkle.h"
#include "taxii/received_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct json_doc doc;
    struct received_head head;
    struct received_entry entry;
    struct diag d = {0};
    arena_init(&a, 64 << 20);
    if (json_parse(&a, span_of(data, size), &doc, &d)) goto out;
    if (received_head_read(json_root(&doc), &a, &head, &d))
        must(d.message[0]);
    else
        must(head.size <= head.seen && head.seen <= LEDGER_TREE_SIZE_MAX && (head.seen || !head.checkpoint.len));
    for (struct json_iter it = json_iter(json_get(json_root(&doc), "entries")); json_next(&it);) {
        d = (struct diag){0};
        if (received_entry_read(it.value, &a, &entry, &d))
            must(d.message[0]);
        else
            must(entry.record.len > 0 && entry.record.len < size && entry.body.len < size);
    }
out:
    arena_free(&a);
    return 0;
}
