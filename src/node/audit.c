#include "node/audit.h"

#include <sodium.h>
#include <string.h>

#include "base/encode.h"

enum { PAGE = 1000, PAGE_ARENA_MAX = 256 << 20, HEAD_ARENA_MAX = 1 << 20, DIGITS = 20 };
static const char head_name[] = "audit-head";

/* What is signed. Kept in the store: number, space, hash, space, signature, the last two in hexadecimal. */
static void head_message(const struct realm *realm, const struct audit_head *head, struct buf *out) {
    buf_printf(out, "renkei audit head v1\n%s\n%llu\n", realm->name, (unsigned long long)head->number);
    buf_add_hex(out, span_of(head->chain.b, SHA256_SIZE));
    buf_add_char(out, '\n');
}

static enum err newest(struct store_reader *r, struct arena *a, struct audit_head *out, struct diag *d) {
    struct store_audit_kept *last;
    size_t count;
    enum err e = store_audit_scan(r, out->number, 1, a, &last, &count, d);
    if (!e && count) *out = (struct audit_head){last->number, last->chain};
    return e;
}

static enum err sign_head(struct node *n, const struct realm *realm, struct store_tx *tx, const struct audit_head *head,
                          struct diag *d) {
    struct buf message = BUF_EMPTY, kept = BUF_EMPTY;
    uint8_t signature[SIGNER_SIGNATURE_SIZE];
    head_message(realm, head, &message);
    enum err e = buf_ok(&message) ? signer_sign(n->signer, SIGNER_LOG, buf_span(&message), signature, d)
                                  : diag_set(d, ERR_NOMEM, "no memory for the audit's head");
    if (!e) {
        buf_printf(&kept, "%llu ", (unsigned long long)head->number);
        buf_add_hex(&kept, span_of(head->chain.b, SHA256_SIZE));
        buf_add_char(&kept, ' ');
        buf_add_hex(&kept, span_of(signature, sizeof signature));
        e = buf_ok(&kept) ? store_meta_set(tx, head_name, buf_span(&kept), d)
                          : diag_set(d, ERR_NOMEM, "no memory for the audit's head");
    }
    buf_free(&kept);
    buf_free(&message);
    return e;
}

/* {0} and no error when there is none. */
static enum err read_head(struct store_reader *r, struct arena *a, struct audit_head *out,
                          uint8_t signature[SIGNER_SIGNATURE_SIZE], struct diag *d) {
    struct span kept;
    *out = (struct audit_head){0};
    enum err e = store_meta_get(r, head_name, a, &kept, d);
    if (e || kept.len == 0) return e;
    const char *space = memchr(kept.at, ' ', kept.len);
    size_t digits = space ? (size_t)(space - kept.at) : 0;
    size_t hash = digits + 1, sign = hash + 2 * SHA256_SIZE + 1;
    if (digits == 0 || digits > DIGITS || kept.len != sign + 2 * SIGNER_SIGNATURE_SIZE ||
        !span_u64(span_first(kept, digits), &out->number) ||
        !hex_read(span_of(kept.at + hash, 2 * SHA256_SIZE), out->chain.b, SHA256_SIZE) ||
        !hex_read(span_of(kept.at + sign, 2 * SIGNER_SIGNATURE_SIZE), signature, SIGNER_SIGNATURE_SIZE))
        return diag_set(d, ERR_VERIFY, "the audit's signed head is garbled");
    return ERR_NONE;
}

enum err audit_add(struct node *n, struct realm *realm, const struct store_audit *entry, struct diag *d) {
    struct store_tx *tx = NULL;
    struct arena a;
    struct audit_head head = {0};
    uint8_t signature[SIGNER_SIGNATURE_SIZE];
    struct diag ignored;
    arena_init(&a, HEAD_ARENA_MAX);
    enum err e = store_begin(realm->store, &tx, d);
    if (!e) e = store_audit_add(tx, entry, d);
    if (!e && n->signer) {
        /* From the signed head on, to the entry just added: mostly one step. A garbled head is verify's to tell. */
        if (read_head(store_tx_reader(tx), &a, &head, signature, &ignored)) head = (struct audit_head){0};
        uint64_t before;
        do {
            before = head.number;
            arena_reset(&a);
            e = newest(store_tx_reader(tx), &a, &head, d);
        } while (!e && head.number != before);
        if (!e) e = sign_head(n, realm, tx, &head, d);
    }
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    arena_free(&a);
    return e;
}

static enum err fold(const struct store_audit_kept *kept, const struct audit_head *known, bool *chained,
                     struct audit_report *out, struct diag *d) {
    unsigned long long number = (unsigned long long)kept->number;
    if (kept->number != out->newest.number + 1)
        return diag_set(d, ERR_VERIFY, "audit entry %llu is missing", (unsigned long long)out->newest.number + 1);
    if (*chained && !kept->chained) return diag_set(d, ERR_VERIFY, "audit entry %llu has no hash", number);
    *chained = kept->chained;
    out->newest.chain = store_audit_chain(&out->newest.chain, kept->number, &kept->entry);
    out->newest.number = kept->number;
    if (kept->chained && !sha256_equal(&kept->chain, &out->newest.chain))
        return diag_set(d, ERR_VERIFY, "audit entry %llu, or one before it, is not what was written", number);
    if (kept->number == known->number && !sha256_equal(&known->chain, &out->newest.chain))
        return diag_set(d, ERR_VERIFY, "audit entry %llu is not the one whose head was kept elsewhere", number);
    if (kept->number == out->signed_head.number && !sha256_equal(&out->signed_head.chain, &out->newest.chain))
        return diag_set(d, ERR_VERIFY, "audit entry %llu is not the one that the node signed", number);
    return ERR_NONE;
}

static enum err check_signature(struct node *n, const struct realm *realm, const struct audit_head *head,
                                const uint8_t signature[SIGNER_SIGNATURE_SIZE], struct diag *d) {
    struct buf message = BUF_EMPTY;
    struct node_view *v = node_view(n);
    head_message(realm, head, &message);
    struct span text = buf_span(&message);
    bool good = buf_ok(&message) &&
                crypto_sign_verify_detached(signature, (const uint8_t *)text.at, text.len, v->own.log_key) == 0;
    node_view_release(n, &v);
    buf_free(&message);
    return good ? ERR_NONE : diag_set(d, ERR_VERIFY, "the audit's head is not signed with this node's log key");
}

enum err audit_verify(struct node *n, struct realm *realm, const struct audit_head *known, struct audit_report *out,
                      struct diag *d) {
    struct store_reader *r = NULL;
    struct arena a;
    uint8_t signature[SIGNER_SIGNATURE_SIZE] = {0};
    bool chained = false;
    size_t count = 1;
    *out = (struct audit_report){0};
    arena_init(&a, PAGE_ARENA_MAX);
    enum err e = store_reader_open(realm->store, &r, d);
    if (!e) e = store_reader_snapshot(r, d);
    if (!e) e = read_head(r, &a, &out->signed_head, signature, d);
    if (!e && out->signed_head.number) e = check_signature(n, realm, &out->signed_head, signature, d);
    while (!e && count) {
        struct store_audit_kept *page;
        arena_reset(&a);
        e = store_audit_scan(r, out->newest.number, PAGE, &a, &page, &count, d);
        for (size_t i = 0; !e && i < count; i++) e = fold(&page[i], known, &chained, out, d);
    }
    uint64_t least = known->number > out->signed_head.number ? known->number : out->signed_head.number;
    if (!e && out->newest.number < least)
        e = diag_set(d, ERR_VERIFY, "the audit was cut: it ends at entry %llu, and there were %llu",
                     (unsigned long long)out->newest.number, (unsigned long long)least);
    if (!e && chained && out->signed_head.number == 0)
        e = diag_set(d, ERR_VERIFY, "the audit's signed head is missing");
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
