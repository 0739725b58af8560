/* Receipts: that an entry is in a ledger, shown to anybody, with no other entry shown; and what was disclosed by it, to
 * whom the publisher or the recipient opens it.
 *
 * A receipt is a C2SP tlog-proof whose extra data is the entry's record. Its opening is a JSON object
 * {"salt","object"}: SHA-256(salt ‖ object's bytes) is the record's commitment. */
#include <stdio.h>

#include "base/encode.h"
#include "ledger/note.h"
#include "ledger/proof.h"
#include "ledger/record.h"
#include "ledger/tile.h"
#include "node/op_all.h"
#include "node/op_ledger.h"

/* ---- made ---- */

struct tile_source {
    struct store_reader *reader;
    int64_t ledger;
    struct arena *arena;
};

static enum err tile_get(void *context, const struct ledger_tile_ref *ref, struct span *hashes, struct diag *d) {
    const struct tile_source *s = context;
    return store_tile_get(s->reader, s->ledger, ref->level, ref->index, s->arena, hashes, d);
}

static void write_opening(struct json_writer *w, const struct store_entry *entry) {
    char salt[2 * STORE_SALT_SIZE + 1];
    if (entry->salt.len != STORE_SALT_SIZE || entry->body.len == 0) return; /* taken back, or a record */
    hex_write(entry->salt, salt);
    json_key(w, "opening");
    json_begin_object(w);
    json_member_cstr(w, "salt", salt);
    json_member(w, "object", entry->body);
    json_end_object(w);
}

static enum err prove(struct op_call *call, struct store_reader *r, const struct store_ledger *l,
                      const struct store_entry *entry, struct diag *d) {
    struct tile_source source = {r, l->id, call->arena};
    struct ledger_tiles tiles = {tile_get, &source, l->size};
    struct ledger_nodes nodes = {ledger_tiles_node, &tiles};
    struct buf text = BUF_EMPTY, out = BUF_EMPTY, note = BUF_EMPTY;
    buf_add(&note, l->checkpoint);
    if (l->cosigned_size == l->size) buf_add(&note, l->cosignature);
    struct ledger_receipt receipt = {
        .index = entry->seq, .note = buf_span(&note), .has_extra = true, .extra = entry->record};
    enum err e = ledger_inclusion_prove(&nodes, entry->seq, l->size, &receipt.proof, d);
    if (!e) e = ledger_receipt_write(call->arena, &receipt, &text, d);
    if (!e) {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member(&w, "origin", l->origin);
        json_member_number(&w, "seq", (int64_t)entry->seq);
        json_member(&w, "receipt", buf_span(&text));
        json_member(&w, "entry", entry->record);
        if (op_flag(call, "open")) write_opening(&w, entry);
        json_end_object(&w);
        op_emit(call, &out);
    }
    buf_free(&note);
    buf_free(&text);
    buf_free(&out);
    return e;
}

static enum err prove_one(struct op_call *call, struct store_reader *r, const struct store_ledger *l, struct diag *d) {
    struct store_holding h;
    struct store_entry entry, full;
    struct span id = op_text(call, "id");
    int64_t seq = op_number(call, "entry", -1);
    if (seq >= 0) {
        enum err e = (uint64_t)seq < l->size ? store_entry_get(r, l->id, (uint64_t)seq, call->arena, &full, d)
                                             : diag_set(d, ERR_NOT_FOUND, "%.*s has %llu entries", SPAN_ARG(l->origin),
                                                        (unsigned long long)l->size);
        return e ? e : prove(call, r, l, &full, d);
    }
    enum err e = store_holding_latest(r, id, call->arena, &h, d);
    if (!e) e = store_entry_of_holding(r, l->id, h.id, call->arena, &entry, d);
    if (e == ERR_NOT_FOUND) e = store_entry_current(r, l->id, id, &entry, d);
    if (e == ERR_NOT_FOUND)
        return diag_set(d, e, "%.*s was not released to %.*s", SPAN_ARG(id), SPAN_ARG(l->recipient));
    if (!e) e = store_entry_get(r, l->id, entry.seq, call->arena, &full, d);
    return e ? e : prove(call, r, l, &full, d);
}

/* {"id" or "entry","to","open"}: a receipt (C2SP tlog-proof) that the entry is in the ledger. */
enum err op_ledger_prove(struct op_call *call, struct diag *d) {
    return op_each_ledger(call, op_text(call, "to"), prove_one, d);
}

/* ---- checked ---- */

/* The checkpoint's first line, "renkei/jp-mod/us-dod/live/…": the publisher's name. */
static struct span publisher_of(struct span note, struct span *origin) {
    struct span rest = note;
    *origin = span_cut(&rest, '\n');
    rest = *origin;
    (void)span_cut(&rest, '/');
    return span_cut(&rest, '/');
}

static bool is_party(struct span name, struct span party) {
    return span_equal_nocase(name, party);
}

struct checking {
    struct op_call *call;
    struct ledger_receipt receipt;
    struct span origin, publisher;
    struct ledger_checkpoint head;
    struct span signed_by;
};

static enum err try_card(struct checking *c, const struct card *card, struct diag *d) {
    struct ledger_key key;
    if (!is_party(c->publisher, card->party)) return ERR_NOT_FOUND;
    enum err e = ledger_key_make(LEDGER_KEY_LOG, card->party, card->log_key, &key, d);
    if (!e) e = ledger_receipt_verify(c->call->arena, &c->receipt, c->receipt.extra, &key, c->origin, &c->head, d);
    if (!e) c->signed_by = card->party;
    return e;
}

/* Every card this node has of the publisher, its own among them: keys rotate, receipts stay. */
static enum err check_signed(struct checking *c, struct store_reader *r, struct diag *d) {
    static const char *const kinds[] = {"card", "own-card"};
    struct diag trouble = {0};
    enum err last = ERR_NOT_FOUND;
    for (size_t k = 0; k < 2; k++) {
        struct store_document *docs;
        size_t count;
        enum err e = store_document_list(r, kinds[k], c->call->arena, &docs, &count, d);
        if (e) return e;
        for (size_t i = count; i > 0; i--) {
            struct card card;
            if (card_read(c->call->arena, docs[i - 1].body, &card, &trouble)) continue;
            e = try_card(c, &card, &trouble);
            if (!e) return e;
            if (e != ERR_NOT_FOUND) {
                last = e;
                *d = trouble;
            }
        }
    }
    return last == ERR_NOT_FOUND
               ? diag_set(d, last, "no card of %.*s is kept here, so nothing says whose signature it is",
                          SPAN_ARG(c->publisher))
               : last;
}

static enum err check_opening(struct op_call *call, const struct ledger_record *record, bool *opened, struct diag *d) {
    struct span text = op_text(call, "opening");
    struct json_doc doc;
    uint8_t salt[LEDGER_SALT_SIZE];
    *opened = text.at != NULL;
    if (!*opened) return ERR_NONE;
    enum err e = json_parse(call->arena, text, &doc, d);
    if (e) return e;
    struct json_value v = json_get(json_root(&doc), "opening");
    if (!json_exists(v)) v = json_root(&doc);
    if (!hex_read(json_text(json_get(v, "salt"), call->arena), salt, sizeof salt))
        return diag_set(d, ERR_SYNTAX, "an opening is {\"salt\": 64 hexadecimal digits, \"object\": text}");
    struct sha256 commitment = ledger_commitment(salt, json_text(json_get(v, "object"), call->arena));
    return record->kind == LEDGER_RELEASE && sha256_equal(&commitment, &record->commitment)
               ? ERR_NONE
               : diag_set(d, ERR_VERIFY, "the object of the opening is not the one that was released");
}

static void emit_checked(const struct checking *c, const struct ledger_record *record, bool opened) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    char hash[2 * SHA256_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_write(span_of(record->agreement.b, SHA256_SIZE), hash);
    json_begin_object(&w);
    json_member(&w, "publisher", c->signed_by);
    json_member(&w, "origin", c->origin);
    json_member_number(&w, "entry", (int64_t)c->receipt.index);
    json_member_number(&w, "size", (int64_t)c->head.size);
    json_member_cstr(&w, "kind", ledger_kind_name(record->kind));
    json_member(&w, "object", record->object_id);
    if (record->has_version) json_member(&w, "version", record->version);
    json_member_cstr(&w, "time", time_format_us(record->time, time));
    json_member_cstr(&w, "agreement", hash);
    json_key(&w, "clauses");
    json_begin_array(&w);
    for (size_t i = 0; i < record->clause_count; i++) json_string(&w, record->clauses[i]);
    json_end_array(&w);
    json_member_truth(&w, "opened", opened);
    json_end_object(&w);
    op_emit(c->call, &out);
    buf_free(&out);
}

/* {"receipt","opening" or none}: what it proves. ERR_VERIFY. */
enum err op_ledger_check_receipt(struct op_call *call, struct diag *d) {
    struct checking c = {.call = call};
    struct store_reader *r = NULL;
    struct ledger_record record;
    bool opened = false;
    enum err e = ledger_receipt_read(call->arena, op_text(call, "receipt"), &c.receipt, d);
    if (!e && !c.receipt.has_extra) e = diag_set(d, ERR_INVALID, "the receipt does not carry the entry it proves");
    if (!e) e = ledger_record_read(call->arena, c.receipt.extra, &record, d);
    if (e) return e;
    c.publisher = publisher_of(c.receipt.note, &c.origin);
    e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = check_signed(&c, r, d);
    if (!e && record.seq != c.receipt.index)
        e = diag_set(d, ERR_VERIFY, "its record is of entry %llu, not %llu", (unsigned long long)record.seq,
                     (unsigned long long)c.receipt.index);
    if (!e) e = check_opening(call, &record, &opened, d);
    if (!e) emit_checked(&c, &record, opened);
    store_reader_close(&r);
    return e;
}
