#include "ledger/merkle.h"

#include <inttypes.h>

struct sha256 ledger_leaf_hash(struct span entry) {
    struct span parts[] = {SPAN("\x00"), entry};
    return sha256_of_parts(parts, 2);
}

struct sha256 ledger_node_hash(const struct sha256 *left, const struct sha256 *right) {
    uint8_t bytes[1 + 2 * SHA256_SIZE];
    bytes[0] = 0x01;
    memcpy(bytes + 1, left->b, SHA256_SIZE);
    memcpy(bytes + 1 + SHA256_SIZE, right->b, SHA256_SIZE);
    return sha256_of(span_of(bytes, sizeof bytes));
}

static bool bit(uint64_t n, unsigned level) {
    return n >> level & 1;
}

/* ---- the tree ---- */

void ledger_tree_init(struct ledger_tree *t) {
    memset(t, 0, sizeof *t);
}

/* Adding to a binary number: every node that is already there is a carry. */
static void add_node(struct ledger_tree *t, unsigned level, struct sha256 hash) {
    uint64_t leaves = UINT64_C(1) << level;
    for (; level < LEDGER_TREE_LEVELS - 1 && bit(t->size, level); level++)
        hash = ledger_node_hash(&t->frontier[level], &hash);
    t->frontier[level] = hash;
    t->size += leaves;
}

void ledger_tree_append(struct ledger_tree *t, const struct sha256 *leaf_hash) {
    add_node(t, 0, *leaf_hash);
}

bool ledger_tree_append_subtree(struct ledger_tree *t, unsigned level, const struct sha256 *hash) {
    if (level >= LEDGER_TREE_LEVELS) return false;
    uint64_t leaves = UINT64_C(1) << level;
    if (t->size % leaves != 0 || t->size > LEDGER_TREE_SIZE_MAX || leaves > LEDGER_TREE_SIZE_MAX - t->size)
        return false;
    add_node(t, level, *hash);
    return true;
}

struct sha256 ledger_tree_root(const struct ledger_tree *t) {
    struct sha256 root;
    bool any = false;
    for (unsigned level = 0; level < LEDGER_TREE_LEVELS; level++) {
        if (!bit(t->size, level)) continue;
        root = any ? ledger_node_hash(&t->frontier[level], &root) : t->frontier[level];
        any = true;
    }
    return any ? root : sha256_of(SPAN(""));
}

void ledger_tree_write(const struct ledger_tree *t, struct buf *out) {
    for (int shift = 56; shift >= 0; shift -= 8) buf_add_char(out, (char)(t->size >> shift & 0xff));
    for (unsigned level = LEDGER_TREE_LEVELS; level-- > 0;)
        if (bit(t->size, level)) buf_add(out, span_of(t->frontier[level].b, SHA256_SIZE));
}

enum err ledger_tree_read(struct span bytes, struct ledger_tree *out, struct diag *d) {
    ledger_tree_init(out);
    if (bytes.len < 8)
        return diag_set(d, ERR_SYNTAX, "a tree's frontier begins with its size in 8 bytes; there are %zu", bytes.len);
    uint64_t size = 0;
    for (size_t i = 0; i < 8; i++) size = size << 8 | (unsigned char)bytes.at[i];
    if (size > LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a tree of %" PRIu64 " leaves; the limit is %" PRIu64, size,
                        LEDGER_TREE_SIZE_MAX);
    size_t nodes = (size_t)__builtin_popcountll(size), want = 8 + nodes * SHA256_SIZE;
    if (bytes.len != want)
        return diag_set(d, ERR_SYNTAX, "the frontier of a tree of %" PRIu64 " leaves has %zu bytes, not %zu", size,
                        want, bytes.len);
    const char *at = bytes.at + 8;
    for (unsigned level = LEDGER_TREE_LEVELS; level-- > 0;)
        if (bit(size, level)) {
            memcpy(out->frontier[level].b, at, SHA256_SIZE);
            at += SHA256_SIZE;
        }
    out->size = size;
    return ERR_NONE;
}

/* ---- where hashes come from ---- */

enum err ledger_leaves_node(void *leaves, unsigned level, uint64_t index, struct sha256 *out, struct diag *d) {
    const struct ledger_leaves *l = leaves;
    uint64_t complete = level < LEDGER_TREE_LEVELS ? l->count >> level : 0;
    if (index >= complete)
        return diag_set(d, ERR_NOT_FOUND, "a tree of %" PRIu64 " leaves has no complete node %u/%" PRIu64, l->count,
                        level, index);
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    for (uint64_t i = index << level; i < (index + 1) << level; i++) ledger_tree_append(&tree, &l->hashes[i]);
    *out = ledger_tree_root(&tree);
    return ERR_NONE;
}

/* Root over `count` leaves from `start` on; start is a multiple of the least power of two not below count, as every
 * subtree of RFC 6962's is. The complete nodes in it are the bits of count, widest first. */
static enum err range_root(const struct ledger_nodes *n, uint64_t start, uint64_t count, struct sha256 *out,
                           struct diag *d) {
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    for (unsigned level = LEDGER_TREE_LEVELS; level-- > 0;) {
        if (!bit(count, level)) continue;
        enum err e = n->node(n->context, level, start >> level, &tree.frontier[level], d);
        if (e) return e;
        start += UINT64_C(1) << level;
    }
    tree.size = count;
    *out = ledger_tree_root(&tree);
    return ERR_NONE;
}

enum err ledger_nodes_root(const struct ledger_nodes *n, uint64_t size, struct sha256 *out, struct diag *d) {
    if (size > LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a tree of %" PRIu64 " leaves; the limit is %" PRIu64, size,
                        LEDGER_TREE_SIZE_MAX);
    return range_root(n, 0, size, out, d);
}

/* ---- proofs ---- */

static enum err push_range(struct ledger_proof *p, const struct ledger_nodes *n, uint64_t start, uint64_t count,
                           struct diag *d) {
    if (p->count == LEDGER_PROOF_MAX)
        return diag_set(d, ERR_INTERNAL, "a proof of more than %d hashes", LEDGER_PROOF_MAX);
    return range_root(n, start, count, &p->hashes[p->count++], d);
}

/* Proofs are found from the root down and told from the leaf up. */
static void reverse(struct ledger_proof *p) {
    for (size_t i = 0; i < p->count / 2; i++) {
        struct sha256 kept = p->hashes[i];
        p->hashes[i] = p->hashes[p->count - 1 - i];
        p->hashes[p->count - 1 - i] = kept;
    }
}

/* The largest power of two below n; n is at least 2. */
static uint64_t split(uint64_t n) {
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

enum err ledger_inclusion_prove(const struct ledger_nodes *n, uint64_t index, uint64_t size, struct ledger_proof *out,
                                struct diag *d) {
    out->count = 0;
    if (index >= size || size > LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_INVALID, "entry %" PRIu64 " is not in a tree of %" PRIu64, index, size);
    uint64_t start = 0, count = size;
    while (count > 1) {
        uint64_t left = split(count);
        bool goes_left = index - start < left;
        enum err e = goes_left ? push_range(out, n, start + left, count - left, d) : push_range(out, n, start, left, d);
        if (e) return e;
        start += goes_left ? 0 : left;
        count = goes_left ? left : count - left;
    }
    reverse(out);
    return ERR_NONE;
}

enum err ledger_consistency_prove(const struct ledger_nodes *n, uint64_t old_size, uint64_t new_size,
                                  struct ledger_proof *out, struct diag *d) {
    out->count = 0;
    if (old_size > new_size || new_size > LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_INVALID, "a tree of %" PRIu64 " is not the beginning of one of %" PRIu64, old_size,
                        new_size);
    if (old_size == 0 || old_size == new_size) return ERR_NONE;
    /* The node down to which both trees go together; whole_old: it is the old tree's root, which the verifier has. */
    uint64_t start = 0, count = new_size;
    bool whole_old = true;
    while (old_size - start != count) {
        uint64_t left = split(count);
        bool goes_left = old_size - start <= left;
        enum err e = goes_left ? push_range(out, n, start + left, count - left, d) : push_range(out, n, start, left, d);
        if (e) return e;
        whole_old = whole_old && goes_left;
        start += goes_left ? 0 : left;
        count = goes_left ? left : count - left;
    }
    enum err e = whole_old ? ERR_NONE : push_range(out, n, start, count, d);
    if (!e) reverse(out);
    return e;
}

/* ---- verification ---- */

/* Climbs past the levels at which the path's node is an only child on the right edge, which add nothing to a proof. */
static void climb(uint64_t *node, uint64_t *last) {
    while (!(*node & 1) && *node != 0) {
        *node >>= 1;
        *last >>= 1;
    }
}

enum err ledger_inclusion_verify(const struct sha256 *leaf_hash, uint64_t index, uint64_t size,
                                 const struct ledger_proof *proof, const struct sha256 *root, struct diag *d) {
    if (index >= size) return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " cannot be in a tree of %" PRIu64, index, size);
    if (proof->count > LEDGER_PROOF_MAX)
        return diag_set(d, ERR_VERIFY, "an inclusion proof of %zu hashes; none needs more than %d", proof->count,
                        LEDGER_PROOF_MAX);
    uint64_t node = index, last = size - 1;
    struct sha256 hash = *leaf_hash;
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0) return diag_set(d, ERR_VERIFY, "the inclusion proof has hashes left over");
        if (node & 1 || node == last) {
            hash = ledger_node_hash(&proof->hashes[i], &hash);
            climb(&node, &last);
        } else {
            hash = ledger_node_hash(&hash, &proof->hashes[i]);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return diag_set(d, ERR_VERIFY, "the inclusion proof is too short");
    if (!sha256_equal(&hash, root))
        return diag_set(d, ERR_VERIFY, "the inclusion proof of entry %" PRIu64 " does not lead to the tree's root",
                        index);
    return ERR_NONE;
}

/* Both roots from a proof, old_size being neither 0 nor new_size (RFC 9162 §2.1.4.2, steps 2 to 7). */
static bool consistency_roots(uint64_t old_size, uint64_t new_size, const struct sha256 *old_root,
                              const struct ledger_proof *proof, struct sha256 *old_out, struct sha256 *new_out) {
    bool old_complete = (old_size & (old_size - 1)) == 0; /* then the old root itself begins the proof */
    if (!old_complete && proof->count == 0) return false;
    uint64_t node = old_size - 1, last = new_size - 1;
    while (node & 1) {
        node >>= 1;
        last >>= 1;
    }
    *old_out = *new_out = old_complete ? *old_root : proof->hashes[0];
    for (size_t i = old_complete ? 0 : 1; i < proof->count; i++) {
        const struct sha256 *hash = &proof->hashes[i];
        if (last == 0) return false;
        if (node & 1 || node == last) {
            *old_out = ledger_node_hash(hash, old_out);
            *new_out = ledger_node_hash(hash, new_out);
            climb(&node, &last);
        } else {
            *new_out = ledger_node_hash(new_out, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0;
}

enum err ledger_consistency_verify(uint64_t old_size, const struct sha256 *old_root, uint64_t new_size,
                                   const struct sha256 *new_root, const struct ledger_proof *proof, struct diag *d) {
    if (old_size > new_size)
        return diag_set(d, ERR_VERIFY, "the tree went back from %" PRIu64 " to %" PRIu64, old_size, new_size);
    if (proof->count > LEDGER_PROOF_MAX)
        return diag_set(d, ERR_VERIFY, "a consistency proof of %zu hashes; none needs more than %d", proof->count,
                        LEDGER_PROOF_MAX);
    struct sha256 empty = sha256_of(SPAN(""));
    if ((old_size == 0 && !sha256_equal(old_root, &empty)) || (new_size == 0 && !sha256_equal(new_root, &empty)))
        return diag_set(d, ERR_VERIFY, "an empty tree has another root than SHA-256(\"\")");
    if (old_size == 0 || old_size == new_size) {
        if (proof->count != 0) return diag_set(d, ERR_VERIFY, "the consistency proof has hashes left over");
        if (old_size == new_size && !sha256_equal(old_root, new_root))
            return diag_set(d, ERR_VERIFY, "two trees of %" PRIu64 " entries have different roots", new_size);
        return ERR_NONE;
    }
    struct sha256 old_found, new_found;
    if (!consistency_roots(old_size, new_size, old_root, proof, &old_found, &new_found))
        return diag_set(d, ERR_VERIFY, "the consistency proof from %" PRIu64 " to %" PRIu64 " has the wrong length",
                        old_size, new_size);
    if (!sha256_equal(&old_found, old_root) || !sha256_equal(&new_found, new_root))
        return diag_set(d, ERR_VERIFY, "the tree of %" PRIu64 " is not the beginning of the tree of %" PRIu64, old_size,
                        new_size);
    return ERR_NONE;
}
