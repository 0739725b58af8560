#include "ledger/proof.h"

#include <inttypes.h>

#include "base/encode.h"

static const struct span first_line = {"c2sp.org/tlog-proof@v1\n", sizeof "c2sp.org/tlog-proof@v1\n" - 1};

enum err ledger_receipt_write(struct arena *a, const struct ledger_receipt *r, struct buf *out, struct diag *d) {
    struct ledger_note note;
    if (r->has_extra && r->extra.len == 0)
        return diag_set(d, ERR_INVALID, "a receipt's extra data is left out when there is none");
    if (r->has_extra && r->extra.len > LEDGER_RECEIPT_EXTRA_MAX)
        return diag_set(d, ERR_LIMIT, "a receipt's extra data has %zu bytes; the limit is %d", r->extra.len,
                        LEDGER_RECEIPT_EXTRA_MAX);
    if (r->index > LEDGER_TREE_SIZE_MAX || r->proof.count > LEDGER_PROOF_MAX)
        return diag_set(d, ERR_LIMIT, "a receipt of entry %" PRIu64 " with %zu hashes", r->index, r->proof.count);
    enum err e = ledger_note_read(a, r->note, &note, d);
    if (e == ERR_SYNTAX) e = ERR_INVALID;
    if (e) return e;
    buf_add(out, first_line);
    if (r->has_extra) {
        buf_add_cstr(out, "extra ");
        buf_add_base64(out, r->extra);
        buf_add_char(out, '\n');
    }
    buf_printf(out, "index %" PRIu64 "\n", r->index);
    for (size_t i = 0; i < r->proof.count; i++) {
        buf_add_base64(out, span_of(r->proof.hashes[i].b, SHA256_SIZE));
        buf_add_char(out, '\n');
    }
    buf_add_char(out, '\n');
    buf_add(out, r->note);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no room for a receipt");
}

/* ---- reading ---- */

struct lines {
    struct span rest;
    uint64_t number; /* of the line last taken */
};

/* The next line without its newline; false when there is no whole line left. */
static bool next_line(struct lines *in, struct span *line) {
    size_t end = span_find_char(in->rest, '\n');
    if (end == SIZE_MAX) return false;
    *line = span_first(in->rest, end);
    in->rest = span_from(in->rest, end + 1);
    in->number++;
    return true;
}

static enum err line_error(const struct lines *in, const char *message, struct diag *d) {
    diag_set(d, ERR_SYNTAX, "%s", message);
    diag_at(d, in->number, 0, 0);
    return ERR_SYNTAX;
}

static enum err read_extra(struct arena *a, const struct lines *in, struct span line, struct ledger_receipt *out,
                           struct diag *d) {
    out->has_extra = true;
    if (!base64_read(a, span_from(line, strlen("extra ")), &out->extra) || out->extra.len == 0)
        return a->overflow ? diag_set(d, ERR_NOMEM, "no room for a receipt's extra data")
                           : line_error(in, "a receipt's extra data is base64 and not empty", d);
    if (out->extra.len > LEDGER_RECEIPT_EXTRA_MAX)
        return diag_set(d, ERR_LIMIT, "a receipt's extra data has %zu bytes; the limit is %d", out->extra.len,
                        LEDGER_RECEIPT_EXTRA_MAX);
    return ERR_NONE;
}

static enum err read_index(const struct lines *in, struct span line, uint64_t *out, struct diag *d) {
    struct span digits = span_from(line, strlen("index "));
    if (!span_starts(line, SPAN("index ")) || !span_u64(digits, out) || *out > LEDGER_TREE_SIZE_MAX ||
        (digits.len > 1 && digits.at[0] == '0'))
        return line_error(in, "here must stand \"index \" and the entry's number in decimal", d);
    return ERR_NONE;
}

static enum err read_hashes(struct arena *a, struct lines *in, struct ledger_proof *out, struct diag *d) {
    struct span line, hash;
    while (next_line(in, &line)) {
        if (line.len == 0) return ERR_NONE;
        if (out->count == LEDGER_PROOF_MAX)
            return diag_set(d, ERR_LIMIT, "an inclusion proof of more than %d hashes", LEDGER_PROOF_MAX);
        if (!base64_read(a, line, &hash) || hash.len != SHA256_SIZE)
            return line_error(in, "a proof's line is a hash of 32 bytes in base64", d);
        memcpy(out->hashes[out->count++].b, hash.at, SHA256_SIZE);
    }
    return line_error(in, "a receipt ends before its checkpoint", d);
}

enum err ledger_receipt_read(struct arena *a, struct span bytes, struct ledger_receipt *out, struct diag *d) {
    *out = (struct ledger_receipt){0};
    if (bytes.len > LEDGER_RECEIPT_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a receipt of %zu bytes; the limit is %d", bytes.len, LEDGER_RECEIPT_SIZE_MAX);
    if (!span_starts(bytes, first_line))
        return diag_set(d, ERR_SYNTAX, "a receipt's first line is c2sp.org/tlog-proof@v1");
    struct lines in = {.rest = span_from(bytes, first_line.len), .number = 1};
    struct span line;
    if (!next_line(&in, &line)) return line_error(&in, "a receipt ends after its first line", d);
    enum err e = ERR_NONE;
    if (span_starts(line, SPAN("extra "))) {
        e = read_extra(a, &in, line, out, d);
        if (!e && !next_line(&in, &line)) e = line_error(&in, "a receipt ends before its index", d);
    }
    if (!e) e = read_index(&in, line, &out->index, d);
    if (!e) e = read_hashes(a, &in, &out->proof, d);
    out->note = in.rest;
    return e;
}

enum err ledger_receipt_verify(struct arena *a, const struct ledger_receipt *r, struct span entry,
                               const struct ledger_key *key, struct span origin, struct ledger_checkpoint *out,
                               struct diag *d) {
    struct sha256 leaf = ledger_leaf_hash(entry);
    enum err e = ledger_note_open(a, r->note, key, origin, out, d);
    if (!e) e = ledger_inclusion_verify(&leaf, r->index, out->size, &r->proof, &out->root, d);
    if (e) *out = (struct ledger_checkpoint){0};
    return e;
}
