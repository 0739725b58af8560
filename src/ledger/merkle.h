/* The Merkle tree of RFC 6962 §2.1 (as in RFC 9162 §2.1) over a ledger's entries: its growing edge, its root, and
 * proofs that an entry is in it and that one tree is the beginning of another.
 *
 * A node (level, index) is the root over the 2^level leaves from index × 2^level on; only such complete nodes are ever
 * stored or asked for. Pure functions; any thread may call, a tree by one thread at a time. */
#ifndef RENKEI_LEDGER_MERKLE_H
#define RENKEI_LEDGER_MERKLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

enum {
    LEDGER_TREE_LEVELS = 64, /* one node per bit of a size */
    LEDGER_PROOF_MAX = 64    /* hashes in a proof: at most 54 for the largest tree */
};
/* The largest tree: sizes are numbers in JSON, too (record.h's LEDGER_SEQ_MAX). */
#define LEDGER_TREE_SIZE_MAX UINT64_C(9007199254740991)

/* SHA-256(0x00 ‖ entry). */
struct sha256 ledger_leaf_hash(struct span entry);
/* SHA-256(0x01 ‖ left ‖ right). */
struct sha256 ledger_node_hash(const struct sha256 *left, const struct sha256 *right);

/* A tree's frontier: for each bit that is set in size, the complete node that ends there; a tree of 6 = 110b leaves
 * keeps
 *
 *        frontier[2]      frontier[1]
 *        a  b  c  d          e  f
 *
 * and frontier[0] means nothing. That is all one needs in order to append and to know the root. */
struct ledger_tree {
    uint64_t size;
    struct sha256 frontier[LEDGER_TREE_LEVELS];
};

void ledger_tree_init(struct ledger_tree *t);
void ledger_tree_append(struct ledger_tree *t, const struct sha256 *leaf_hash);
/* Appends 2^level leaves at once by their root. False, and nothing changed, unless size is a multiple of 2^level and
 * the new size is within LEDGER_TREE_SIZE_MAX. */
MUST_CHECK bool ledger_tree_append_subtree(struct ledger_tree *t, unsigned level, const struct sha256 *hash);
/* The root; SHA-256("") of the empty tree. */
struct sha256 ledger_tree_root(const struct ledger_tree *t);

/* The frontier for storage: size in 8 bytes, big-endian, then the nodes from the highest level down. */
void ledger_tree_write(const struct ledger_tree *t, struct buf *out);
/* ERR_SYNTAX unless the length is exactly what the size asks for; ERR_LIMIT over LEDGER_TREE_SIZE_MAX. */
MUST_CHECK enum err ledger_tree_read(struct span bytes, struct ledger_tree *out, struct diag *d);

/* Where a proof's hashes come from: node() gives the complete node (level, index), or an error that ends the proof. */
struct ledger_nodes {
    enum err (*node)(void *context, unsigned level, uint64_t index, struct sha256 *out, struct diag *d);
    void *context;
};
/* A source over all leaf hashes of a small tree, in memory: .node = ledger_leaves_node, .context = &leaves. Hashes
 * afresh on every call. */
struct ledger_leaves {
    const struct sha256 *hashes; /* borrowed */
    uint64_t count;
};
enum err ledger_leaves_node(void *leaves, unsigned level, uint64_t index, struct sha256 *out, struct diag *d);

struct ledger_proof {
    size_t count;
    struct sha256 hashes[LEDGER_PROOF_MAX]; /* in RFC 6962's order */
};

/* Root of the first `size` leaves, from a source that has them. */
MUST_CHECK enum err ledger_nodes_root(const struct ledger_nodes *n, uint64_t size, struct sha256 *out, struct diag *d);
/* Audit path of leaf `index` in the tree of `size` (RFC 6962 §2.1.1). ERR_INVALID unless index < size. */
MUST_CHECK enum err ledger_inclusion_prove(const struct ledger_nodes *n, uint64_t index, uint64_t size,
                                           struct ledger_proof *out, struct diag *d);
/* Proof that the tree of old_size is the beginning of the one of new_size (RFC 6962 §2.1.2); empty when they are equal
 * or old_size is 0. ERR_INVALID unless old_size <= new_size. */
MUST_CHECK enum err ledger_consistency_prove(const struct ledger_nodes *n, uint64_t old_size, uint64_t new_size,
                                             struct ledger_proof *out, struct diag *d);

/* ERR_VERIFY unless the proof leads from the leaf hash at index to the root of the tree of `size` (RFC 9162 §2.1.3.2).
 */
MUST_CHECK enum err ledger_inclusion_verify(const struct sha256 *leaf_hash, uint64_t index, uint64_t size,
                                            const struct ledger_proof *proof, const struct sha256 *root,
                                            struct diag *d);
/* ERR_VERIFY unless the proof shows the old tree to be the beginning of the new one (RFC 9162 §2.1.4.2). Two trees of
 * one size must have one root; an old tree of size 0 must have the empty root. */
MUST_CHECK enum err ledger_consistency_verify(uint64_t old_size, const struct sha256 *old_root, uint64_t new_size,
                                              const struct sha256 *new_root, const struct ledger_proof *proof,
                                              struct diag *d);

#endif
