/* The tree against RFC 6962's recursive definition, written here as slowly and plainly as it stands there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "ledger/merkle.h"

enum { LEAVES = 300, TAMPERED = 34 };

static struct sha256 leaves[LEAVES];
static struct sha256 *known[LEAVES + 1]; /* known[start][count], once computed */
static bool *is_known[LEAVES + 1];

static void split_at(size_t n, size_t *k) {
    for (*k = 1; *k * 2 < n; *k *= 2) continue;
}

/* MTH(D[start : start + count]) */
static struct sha256 mth(size_t start, size_t count) {
    if (is_known[start][count]) return known[start][count];
    struct sha256 out;
    if (count == 0) {
        out = sha256_of(SPAN(""));
    } else if (count == 1) {
        char bytes[16];
        int len = snprintf(bytes, sizeof bytes, "%centry %zu", 0, start);
        out = sha256_of(span_of(bytes, (size_t)len));
    } else {
        size_t k;
        split_at(count, &k);
        struct sha256 left = mth(start, k), right = mth(start + k, count - k);
        struct span parts[] = {SPAN("\x01"), span_of(&left, 32), span_of(&right, 32)};
        out = sha256_of_parts(parts, 3);
    }
    is_known[start][count] = true;
    return known[start][count] = out;
}

/* PATH(m, D[start : start + count]) */
static void path(size_t m, size_t start, size_t count, struct ledger_proof *p) {
    if (count <= 1) return;
    size_t k;
    split_at(count, &k);
    if (m < k) {
        path(m, start, k, p);
        p->hashes[p->count++] = mth(start + k, count - k);
    } else {
        path(m - k, start + k, count - k, p);
        p->hashes[p->count++] = mth(start, k);
    }
}

/* SUBPROOF(m, D[start : start + count], b) */
static void subproof(size_t m, size_t start, size_t count, bool b, struct ledger_proof *p) {
    if (m == count) {
        if (!b) p->hashes[p->count++] = mth(start, count);
        return;
    }
    size_t k;
    split_at(count, &k);
    if (m <= k) {
        subproof(m, start, k, b, p);
        p->hashes[p->count++] = mth(start + k, count - k);
    } else {
        subproof(m - k, start + k, count - k, false, p);
        p->hashes[p->count++] = mth(start, k);
    }
}

static enum err oracle_node(void *context, unsigned level, uint64_t index, struct sha256 *out, struct diag *d) {
    (void)context, (void)d;
    assert_true(level < 9 && (index + 1) << level <= LEAVES);
    *out = mth((size_t)index << level, (size_t)1 << level);
    return ERR_NONE;
}
static const struct ledger_nodes oracle = {oracle_node, NULL};

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i <= LEAVES; i++) {
        known[i] = calloc(LEAVES + 1, sizeof *known[i]);
        is_known[i] = calloc(LEAVES + 1, sizeof *is_known[i]);
    }
    for (size_t i = 0; i < LEAVES; i++) {
        char text[16];
        snprintf(text, sizeof text, "entry %zu", i);
        leaves[i] = ledger_leaf_hash(span_cstr(text));
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i <= LEAVES; i++) {
        free(known[i]);
        free(is_known[i]);
    }
    return 0;
}

static void assert_hash(struct sha256 a, struct sha256 b) {
    assert_memory_equal(a.b, b.b, SHA256_SIZE);
}

static void assert_proof(const struct ledger_proof *got, const struct ledger_proof *want) {
    assert_int_equal(got->count, want->count);
    assert_memory_equal(got->hashes, want->hashes, got->count * SHA256_SIZE);
}

/* The eight leaves and roots that Certificate Transparency's implementations share as vectors. */
static void published_roots(void **state) {
    (void)state;
    static const struct {
        struct span leaf;
        const char *root;
    } cases[] = {
        {{"", 0}, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {{"\x00", 1}, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {{"\x10", 1}, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {{"\x20\x21", 2}, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {{"\x30\x31", 2}, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {{"\x40\x41\x42\x43", 4}, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {{"\x50\x51\x52\x53\x54\x55\x56\x57", 8}, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    struct ledger_tree tree;
    char hex[2 * SHA256_SIZE + 1];
    ledger_tree_init(&tree);
    struct sha256 root = ledger_tree_root(&tree);
    hex_write(span_of(root.b, SHA256_SIZE), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sha256 leaf = ledger_leaf_hash(cases[i].leaf);
        ledger_tree_append(&tree, &leaf);
        root = ledger_tree_root(&tree);
        hex_write(span_of(root.b, SHA256_SIZE), hex);
        assert_string_equal(hex, cases[i].root);
    }
}

static void roots_of_all_sizes(void **state) {
    (void)state;
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    for (size_t size = 0; size <= LEAVES; size++) {
        struct sha256 want = mth(0, size), got = ledger_tree_root(&tree);
        assert_hash(got, want);
        assert_int_equal(ledger_nodes_root(&oracle, size, &got, NULL), ERR_NONE);
        assert_hash(got, want);
        if (size < LEAVES) ledger_tree_append(&tree, &leaves[size]);
    }
}

static void frontier_is_stored_and_read_back(void **state) {
    (void)state;
    struct ledger_tree tree, back;
    struct diag d;
    ledger_tree_init(&tree);
    for (size_t size = 0; size <= LEAVES; size++) {
        struct buf stored = BUF_EMPTY;
        ledger_tree_write(&tree, &stored);
        assert_int_equal(ledger_tree_read(buf_span(&stored), &back, &d), ERR_NONE);
        struct sha256 a = ledger_tree_root(&tree), b = ledger_tree_root(&back);
        assert_int_equal(back.size, size);
        assert_hash(a, b);
        assert_int_equal(ledger_tree_read(span_first(buf_span(&stored), stored.len - 1), &back, &d), ERR_SYNTAX);
        buf_add_char(&stored, 'x');
        assert_int_equal(ledger_tree_read(buf_span(&stored), &back, &d), ERR_SYNTAX);
        buf_free(&stored);
        if (size < LEAVES) ledger_tree_append(&tree, &leaves[size]);
    }
    char huge[8 + 64 * SHA256_SIZE];
    memset(huge, 0xff, sizeof huge);
    assert_int_equal(ledger_tree_read(span_of(huge, sizeof huge), &back, &d), ERR_LIMIT);
    assert_int_equal(ledger_tree_read(span_of(NULL, 0), &back, &d), ERR_SYNTAX);
}

static void subtrees_append_like_their_leaves(void **state) {
    (void)state;
    for (unsigned level = 0; level < 8; level++) {
        size_t width = (size_t)1 << level;
        struct ledger_tree tree;
        ledger_tree_init(&tree);
        for (size_t at = 0; at + width <= LEAVES; at += width) {
            struct sha256 node = mth(at, width);
            assert_true(ledger_tree_append_subtree(&tree, level, &node));
            struct sha256 got = ledger_tree_root(&tree), want = mth(0, at + width);
            assert_hash(got, want);
        }
    }
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    ledger_tree_append(&tree, &leaves[0]);
    assert_false(ledger_tree_append_subtree(&tree, 1, &leaves[0]));
    assert_false(ledger_tree_append_subtree(&tree, 64, &leaves[0]));
    ledger_tree_init(&tree);
    assert_true(ledger_tree_append_subtree(&tree, 52, &leaves[0]));
    assert_false(ledger_tree_append_subtree(&tree, 52, &leaves[0])); /* 2^53 is one too many */
    assert_int_equal(tree.size, UINT64_C(1) << 52);
}

static void every_inclusion_proof(void **state) {
    (void)state;
    for (size_t size = 1; size <= LEAVES; size++) {
        struct sha256 root = mth(0, size);
        for (size_t index = 0; index < size; index++) {
            struct ledger_proof want = {0}, got;
            path(index, 0, size, &want);
            assert_int_equal(ledger_inclusion_prove(&oracle, index, size, &got, NULL), ERR_NONE);
            assert_proof(&got, &want);
            assert_int_equal(ledger_inclusion_verify(&leaves[index], index, size, &got, &root, NULL), ERR_NONE);
        }
    }
}

static void every_consistency_proof(void **state) {
    (void)state;
    for (size_t size = 0; size <= LEAVES; size++) {
        struct sha256 root = mth(0, size);
        for (size_t old = 0; old <= size; old++) {
            struct sha256 old_root = mth(0, old);
            struct ledger_proof want = {0}, got;
            if (old > 0) subproof(old, 0, size, true, &want);
            assert_int_equal(ledger_consistency_prove(&oracle, old, size, &got, NULL), ERR_NONE);
            assert_proof(&got, &want);
            assert_int_equal(ledger_consistency_verify(old, &old_root, size, &root, &got, NULL), ERR_NONE);
        }
    }
}

static void proofs_from_leaves_in_memory(void **state) {
    (void)state;
    struct ledger_proof want, got;
    for (size_t size = 1; size <= TAMPERED; size++) {
        struct ledger_leaves all = {leaves, size};
        struct ledger_nodes nodes = {ledger_leaves_node, &all};
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(ledger_inclusion_prove(&oracle, i, size, &want, NULL), ERR_NONE);
            assert_int_equal(ledger_inclusion_prove(&nodes, i, size, &got, NULL), ERR_NONE);
            assert_proof(&got, &want);
            assert_int_equal(ledger_consistency_prove(&oracle, i, size, &want, NULL), ERR_NONE);
            assert_int_equal(ledger_consistency_prove(&nodes, i, size, &got, NULL), ERR_NONE);
            assert_proof(&got, &want);
        }
        struct sha256 none;
        assert_int_equal(ledger_leaves_node(&all, 0, size, &none, NULL), ERR_NOT_FOUND);
        assert_int_equal(ledger_leaves_node(&all, 64, 0, &none, NULL), ERR_NOT_FOUND);
    }
}

static void refuse_inclusion(size_t index, size_t size, const struct ledger_proof *p, const struct sha256 *root) {
    struct diag d;
    assert_int_equal(ledger_inclusion_verify(&leaves[index], index, size, p, root, &d), ERR_VERIFY);
    assert_int_equal(d.code, ERR_VERIFY);
}

static void tampered_inclusion_is_refused(void **state) {
    (void)state;
    for (size_t size = 1; size <= TAMPERED; size++) {
        struct sha256 root = mth(0, size), other = mth(0, size + 1);
        for (size_t index = 0; index < size; index++) {
            struct ledger_proof good = {0}, p;
            path(index, 0, size, &good);
            refuse_inclusion(index, size, &good, &other);
            for (size_t i = 0; i < good.count; i++) {
                p = good;
                p.hashes[i].b[i % SHA256_SIZE] ^= 1;
                refuse_inclusion(index, size, &p, &root);
            }
            p = good;
            p.hashes[p.count++] = root;
            refuse_inclusion(index, size, &p, &root);
            for (size_t wrong = 0; wrong <= size; wrong++)
                if (wrong != index)
                    assert_int_equal(ledger_inclusion_verify(&leaves[index], wrong, size, &good, &root, NULL),
                                     ERR_VERIFY);
            if (good.count) {
                p = good;
                p.count--;
                refuse_inclusion(index, size, &p, &root);
            }
        }
    }
    struct ledger_proof p = {.count = LEDGER_PROOF_MAX + 1};
    refuse_inclusion(0, 1, &p, &leaves[0]);
    refuse_inclusion(0, 0, &(struct ledger_proof){0}, &leaves[0]);
    p.count = LEDGER_PROOF_MAX;
    assert_int_equal(ledger_inclusion_verify(&leaves[0], UINT64_MAX - 1, UINT64_MAX, &p, &leaves[0], NULL), ERR_VERIFY);
}

static void refuse_consistency(size_t old, const struct sha256 *old_root, size_t size, const struct sha256 *root,
                               const struct ledger_proof *p) {
    assert_int_equal(ledger_consistency_verify(old, old_root, size, root, p, NULL), ERR_VERIFY);
}

static void tampered_consistency_is_refused(void **state) {
    (void)state;
    for (size_t size = 1; size <= TAMPERED; size++) {
        struct sha256 root = mth(0, size), other = mth(1, size);
        for (size_t old = 1; old <= size; old++) {
            struct sha256 old_root = mth(0, old);
            struct ledger_proof good = {0}, p;
            subproof(old, 0, size, true, &good);
            refuse_consistency(old, &other, size, &root, &good);
            refuse_consistency(old, &old_root, size, &other, &good);
            for (size_t i = 0; i < good.count; i++) {
                p = good;
                p.hashes[i].b[i % SHA256_SIZE] ^= 0x80;
                refuse_consistency(old, &old_root, size, &root, &p);
            }
            p = good;
            p.hashes[p.count++] = root;
            refuse_consistency(old, &old_root, size, &root, &p);
            if (good.count) {
                p = good;
                p.count--;
                refuse_consistency(old, &old_root, size, &root, &p);
            }
            if (old < size) refuse_consistency(size, &root, old, &old_root, &good);
        }
        struct ledger_proof none = {0}, one = {.count = 1};
        struct sha256 empty = mth(0, 0);
        refuse_consistency(0, &root, size, &root, &none);
        refuse_consistency(0, &empty, size, &root, &one);
        refuse_consistency(0, &empty, 0, &root, &none);
    }
    struct ledger_proof p = {.count = LEDGER_PROOF_MAX + 1};
    refuse_consistency(1, &leaves[0], 2, &leaves[1], &p);
    p.count = LEDGER_PROOF_MAX;
    assert_int_equal(ledger_consistency_verify(UINT64_MAX - 1, &leaves[0], UINT64_MAX, &leaves[1], &p, NULL),
                     ERR_VERIFY);
}

static enum err no_node(void *context, unsigned level, uint64_t index, struct sha256 *out, struct diag *d) {
    (void)context, (void)out;
    return diag_set(d, ERR_IO, "no node %u/%llu", level, (unsigned long long)index);
}

static void what_cannot_be_proved(void **state) {
    (void)state;
    struct ledger_proof p;
    struct sha256 root;
    struct diag d;
    const struct ledger_nodes broken = {no_node, NULL};
    assert_int_equal(ledger_inclusion_prove(&oracle, 5, 5, &p, &d), ERR_INVALID);
    assert_int_equal(ledger_inclusion_prove(&oracle, 0, UINT64_MAX, &p, &d), ERR_INVALID);
    assert_int_equal(ledger_consistency_prove(&oracle, 6, 5, &p, &d), ERR_INVALID);
    assert_int_equal(ledger_nodes_root(&oracle, UINT64_MAX, &root, &d), ERR_LIMIT);
    assert_int_equal(ledger_inclusion_prove(&broken, 0, 5, &p, &d), ERR_IO);
    assert_int_equal(ledger_consistency_prove(&broken, 3, 5, &p, &d), ERR_IO);
    assert_int_equal(ledger_nodes_root(&broken, 5, &root, &d), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_roots),
        cmocka_unit_test(roots_of_all_sizes),
        cmocka_unit_test(frontier_is_stored_and_read_back),
        cmocka_unit_test(subtrees_append_like_their_leaves),
        cmocka_unit_test(every_inclusion_proof),
        cmocka_unit_test(every_consistency_proof),
        cmocka_unit_test(proofs_from_leaves_in_memory),
        cmocka_unit_test(tampered_inclusion_is_refused),
        cmocka_unit_test(tampered_consistency_is_refused),
        cmocka_unit_test(what_cannot_be_proved),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
