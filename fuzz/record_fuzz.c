/* Records, and the other bytes of a ledger that a partner sends: a frontier, a bundle, a tile's path. Whatever is
 * accepted must be written again to exactly the same bytes. */
#include <stdlib.h>

#include "ledger/record.h"
#include "ledger/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void fuzz_record(struct span bytes) {
    struct arena a;
    struct ledger_record r;
    struct diag d;
    arena_init(&a, 1 << 20);
    if (ledger_record_read(&a, bytes, &r, &d) == ERR_NONE) {
        struct buf again = BUF_EMPTY;
        must(ledger_record_write(&r, &again, &d) == ERR_NONE);
        must(span_equal(buf_span(&again), bytes));
        buf_free(&again);
    } else {
        must(d.code != ERR_NONE && d.message[0] != 0);
    }
    arena_free(&a);
}

static void fuzz_tree(struct span bytes) {
    struct ledger_tree tree;
    struct diag d;
    if (ledger_tree_read(bytes, &tree, &d)) return;
    struct buf again = BUF_EMPTY;
    struct sha256 leaf = ledger_tree_root(&tree);
    ledger_tree_write(&tree, &again);
    must(span_equal(buf_span(&again), bytes));
    ledger_tree_append(&tree, &leaf);
    leaf = ledger_tree_root(&tree);
    buf_free(&again);
}

static void fuzz_bundle(struct span bytes, size_t count) {
    struct span entries[LEDGER_TILE_WIDTH];
    struct diag d;
    if (ledger_bundle_read(bytes, entries, count, &d)) return;
    struct buf again = BUF_EMPTY;
    for (size_t i = 0; i < count; i++) must(ledger_bundle_add(&again, entries[i], &d) == ERR_NONE);
    must(span_equal(buf_span(&again), bytes));
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span bytes = span_of(data, size);
    struct ledger_tile_ref ref;
    char path[LEDGER_TILE_PATH_SIZE];
    fuzz_record(bytes);
    fuzz_tree(bytes);
    if (size > 0) fuzz_bundle(span_from(bytes, 1), data[0]);
    if (ledger_tile_path_read(bytes, &ref)) must(span_is(bytes, ledger_tile_path_write(&ref, path)));
    return 0;
}
