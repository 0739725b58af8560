#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/tile.h"

/* ---- paths ---- */

static void paths(void **state) {
    (void)state;
    static const struct {
        const char *path;
        struct ledger_tile_ref ref;
    } cases[] = {
        {"tile/0/000", {.width = 256}},
        {"tile/0/000.p/1", {.width = 1}},
        {"tile/0/999.p/255", {.index = 999, .width = 255}},
        {"tile/0/x001/000", {.index = 1000, .width = 256}},
        {"tile/1/x001/x234/067", {.level = 1, .index = 1234067, .width = 256}},
        {"tile/63/x001/x234/067.p/17", {.level = 63, .index = 1234067, .width = 17}},
        {"tile/entries/000", {.entries = true, .width = 256}},
        {"tile/entries/x001/x234/067.p/8", {.entries = true, .index = 1234067, .width = 8}},
        {"tile/0/x009/x007/x199/x254/x740/991.p/255", {.index = LEDGER_TREE_SIZE_MAX, .width = 255}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[LEDGER_TILE_PATH_SIZE];
        struct ledger_tile_ref ref;
        assert_string_equal(ledger_tile_path_write(&cases[i].ref, text), cases[i].path);
        assert_true(ledger_tile_path_read(span_cstr(cases[i].path), &ref));
        assert_int_equal(ref.level, cases[i].ref.level);
        assert_int_equal(ref.entries, cases[i].ref.entries);
        assert_int_equal(ref.index, cases[i].ref.index);
        assert_int_equal(ref.width, cases[i].ref.width);
    }
}

static void other_paths_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile//000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/x001/x234/x067",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+0/000",
        "tile/4294967296/000",
        "tile/Entries/000",
        "tile/entries/",
        "tile/entries",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/.p/1",
        "tile/0/X001/000",
        "tile/0/x01/000",
        "tile/0/0a0",
        "tile/0/../000",
        "tile/0/%30000",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/x001/x000/x000/x000/x000/x000/000",
        "tile/0/000?",
        "tile/0/000 ",
        "tile/0/x009/x007/x199/x254/x740/992",
        "checkpoint",
    };
    struct ledger_tile_ref ref;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ledger_tile_path_read(span_cstr(cases[i]), &ref)) fail_msg("accepted: %s", cases[i]);
    assert_false(ledger_tile_path_read(span_of("tile/0/000\0", 11), &ref));
}

/* The specification's own example: 70,000 entries. */
static void widths(void **state) {
    (void)state;
    assert_int_equal(ledger_tile_width(70000, 0, 272), 256);
    assert_int_equal(ledger_tile_width(70000, 0, 273), 112);
    assert_int_equal(ledger_tile_width(70000, 0, 274), 0);
    assert_int_equal(ledger_tile_width(70000, 1, 0), 256);
    assert_int_equal(ledger_tile_width(70000, 1, 1), 17);
    assert_int_equal(ledger_tile_width(70000, 2, 0), 1);
    assert_int_equal(ledger_tile_width(70000, 3, 0), 0);
    assert_int_equal(ledger_tile_width(256, 0, 0), 256);
    assert_int_equal(ledger_tile_width(256, 1, 0), 1);
    assert_int_equal(ledger_tile_width(0, 0, 0), 0);
    assert_int_equal(ledger_tile_width(UINT64_MAX, 63, 0), 0);
    assert_int_equal(ledger_tile_width(5, 0, UINT64_MAX), 0);
}

/* ---- bundles ---- */

static void bundles(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct span entries[LEDGER_TILE_WIDTH];
    struct diag d;
    char *largest = calloc(1, 65536);
    assert_int_equal(ledger_bundle_add(&out, SPAN("first"), &d), ERR_NONE);
    assert_int_equal(ledger_bundle_add(&out, SPAN(""), &d), ERR_NONE);
    assert_int_equal(ledger_bundle_add(&out, span_of(largest, 65535), &d), ERR_NONE);
    assert_int_equal(ledger_bundle_add(&out, span_of(largest, 65536), &d), ERR_LIMIT);
    assert_memory_equal(out.at, "\0\5first\0\0\xff\xff", 11);
    assert_int_equal(ledger_bundle_read(buf_span(&out), entries, 3, &d), ERR_NONE);
    assert_true(span_is(entries[0], "first"));
    assert_int_equal(entries[1].len, 0);
    assert_int_equal(entries[2].len, 65535);
    assert_int_equal(ledger_bundle_read(buf_span(&out), entries, 2, &d), ERR_SYNTAX);
    assert_int_equal(ledger_bundle_read(buf_span(&out), entries, 4, &d), ERR_SYNTAX);
    assert_int_equal(ledger_bundle_read(span_first(buf_span(&out), out.len - 1), entries, 3, &d), ERR_SYNTAX);
    assert_int_equal(ledger_bundle_read(span_first(buf_span(&out), 8), entries, 2, &d), ERR_SYNTAX);
    assert_int_equal(ledger_bundle_read(buf_span(&out), entries, LEDGER_TILE_WIDTH + 1, &d), ERR_LIMIT);
    assert_int_equal(ledger_bundle_read(span_of(NULL, 0), entries, 0, &d), ERR_NONE);
    free(largest);
    buf_free(&out);
}

/* ---- the edge and its tiles ---- */

enum { KEPT = 512, SIZES = 66000 }; /* past two tile levels being full */

struct shelf {
    struct {
        struct ledger_tile_ref ref;
        struct span hashes;
    } tile[KEPT];
    size_t count, puts;
    uint64_t hide; /* 1 + index of a level-0 tile that answers short */
};

static enum err put(void *context, const struct ledger_tile_ref *ref, struct span hashes, struct diag *d) {
    struct shelf *s = context;
    (void)d;
    assert_int_equal(hashes.len, ref->width * SHA256_SIZE);
    size_t i = 0;
    while (i < s->count && (s->tile[i].ref.level != ref->level || s->tile[i].ref.index != ref->index)) i++;
    if (i == s->count) {
        assert_true(s->count < KEPT);
        s->count++;
    } else {
        assert_true(ref->width > s->tile[i].ref.width);
        free((void *)(uintptr_t)s->tile[i].hashes.at);
    }
    char *copy = malloc(hashes.len);
    memcpy(copy, hashes.at, hashes.len);
    s->tile[i].ref = *ref;
    s->tile[i].hashes = span_of(copy, hashes.len);
    s->puts++;
    return ERR_NONE;
}

static enum err get(void *context, const struct ledger_tile_ref *ref, struct span *hashes, struct diag *d) {
    struct shelf *s = context;
    for (size_t i = 0; i < s->count; i++)
        if (s->tile[i].ref.level == ref->level && s->tile[i].ref.index == ref->index) {
            *hashes = s->tile[i].hashes;
            if (ref->level == 0 && s->hide == ref->index + 1) hashes->len = 31;
            return ERR_NONE;
        }
    return diag_set(d, ERR_NOT_FOUND, "no tile");
}

static struct sha256 leaf(uint64_t i) {
    return ledger_leaf_hash(span_of(&i, sizeof i));
}

static void empty(struct shelf *s) {
    for (size_t i = 0; i < s->count; i++) free((void *)(uintptr_t)s->tile[i].hashes.at);
    free(s);
}

/* Flushed and loaded again at odd places, the edge keeps the root of the plain tree; the tiles prove everything. */
static void edge_and_tree_agree(void **state) {
    (void)state;
    struct shelf *s = calloc(1, sizeof *s);
    struct ledger_edge *e = malloc(sizeof *e);
    struct ledger_tree tree;
    struct diag d;
    ledger_edge_init(e);
    ledger_tree_init(&tree);
    struct sha256 old_root = {0};
    for (uint64_t i = 0; i < SIZES; i++) {
        struct sha256 hash = leaf(i);
        if (i == 40000) old_root = ledger_tree_root(&tree);
        assert_int_equal(ledger_edge_append(e, &hash, put, s, &d), ERR_NONE);
        ledger_tree_append(&tree, &hash);
        if (i % 1021 != 0 && i % 256 > 1 && i < SIZES - 3) continue;
        assert_int_equal(ledger_edge_flush(e, put, s, &d), ERR_NONE);
        size_t puts = s->puts;
        assert_int_equal(ledger_edge_flush(e, put, s, &d), ERR_NONE);
        assert_int_equal(s->puts, puts); /* nothing twice */
        struct sha256 a = ledger_edge_root(e), b = ledger_tree_root(&tree);
        assert_true(sha256_equal(&a, &b));
        memset(e, 0xee, sizeof *e);
        assert_int_equal(ledger_edge_load(e, i + 1, get, s, &d), ERR_NONE);
    }
    struct ledger_tiles tiles = {get, s, SIZES};
    struct ledger_nodes nodes = {ledger_tiles_node, &tiles};
    struct ledger_proof proof;
    struct sha256 root = ledger_tree_root(&tree), got;
    assert_int_equal(ledger_nodes_root(&nodes, SIZES, &got, &d), ERR_NONE);
    assert_true(sha256_equal(&got, &root));
    for (uint64_t i = 0; i < SIZES; i = i * 2 + 1) {
        struct sha256 hash = leaf(i);
        assert_int_equal(ledger_inclusion_prove(&nodes, i, SIZES, &proof, &d), ERR_NONE);
        assert_int_equal(ledger_inclusion_verify(&hash, i, SIZES, &proof, &root, &d), ERR_NONE);
    }
    assert_int_equal(ledger_consistency_prove(&nodes, 40000, SIZES, &proof, &d), ERR_NONE);
    assert_int_equal(ledger_consistency_verify(40000, &old_root, SIZES, &root, &proof, &d), ERR_NONE);
    /* a tree from before: its partial tiles have grown since */
    tiles.size = 40000;
    assert_int_equal(ledger_nodes_root(&nodes, 40000, &got, &d), ERR_NONE);
    assert_true(sha256_equal(&got, &old_root));
    assert_int_equal(ledger_tiles_node(&tiles, 0, 40000, &got, &d), ERR_NOT_FOUND);
    assert_int_equal(ledger_tiles_node(&tiles, 64, 0, &got, &d), ERR_NOT_FOUND);
    tiles.size = SIZES;
    s->hide = 1 + SIZES / 256;
    assert_int_equal(ledger_inclusion_prove(&nodes, SIZES - 1, SIZES, &proof, &d), ERR_INVALID);
    assert_int_equal(ledger_edge_load(e, SIZES, get, s, &d), ERR_INVALID);
    assert_int_equal(ledger_edge_load(e, UINT64_MAX, get, s, &d), ERR_LIMIT);
    free(e);
    empty(s);
}

static void tile_hash_is_its_root(void **state) {
    (void)state;
    struct sha256 hashes[LEDGER_TILE_WIDTH];
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    for (size_t i = 0; i < LEDGER_TILE_WIDTH; i++) {
        hashes[i] = leaf(i);
        ledger_tree_append(&tree, &hashes[i]);
        struct sha256 a = ledger_tile_hash(hashes, i + 1), b = ledger_tree_root(&tree);
        assert_true(sha256_equal(&a, &b));
    }
}

static enum err refuse(void *context, const struct ledger_tile_ref *ref, struct span hashes, struct diag *d) {
    (void)context, (void)ref, (void)hashes;
    return diag_set(d, ERR_IO, "disk full");
}

static void errors_of_the_shelf_come_through(void **state) {
    (void)state;
    struct ledger_edge *e = malloc(sizeof *e);
    struct sha256 hash = leaf(0);
    struct diag d;
    ledger_edge_init(e);
    for (unsigned i = 0; i < 255; i++) assert_int_equal(ledger_edge_append(e, &hash, refuse, NULL, &d), ERR_NONE);
    assert_int_equal(ledger_edge_flush(e, refuse, NULL, &d), ERR_IO);
    assert_int_equal(ledger_edge_append(e, &hash, refuse, NULL, &d), ERR_IO);
    ledger_edge_init(e);
    e->size = LEDGER_TREE_SIZE_MAX;
    assert_int_equal(ledger_edge_append(e, &hash, refuse, NULL, &d), ERR_LIMIT);
    free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(other_paths_are_refused),
        cmocka_unit_test(widths),
        cmocka_unit_test(bundles),
        cmocka_unit_test(edge_and_tree_agree),
        cmocka_unit_test(tile_hash_is_its_root),
        cmocka_unit_test(errors_of_the_shelf_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
