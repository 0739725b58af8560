/* The other side's view: by which records, agreements and clauses a partner gave an object. What else the partner
 * decided, and why, is not this party's to see. */
#include "base/encode.h"
#include "ledger/record.h"
#include "share/agreements.h"
#include "share/release.h"
#include "json/write.h"

enum { WHY_RECEIVED_ARENA_MAX = 256 << 20 };

struct telling {
    struct store_reader *reader;
    struct arena *a;
    struct json_writer *w;
    const struct share_agreement *all;
    size_t count, found;
};

static void write_agreement(struct telling *t, const struct ledger_record *record) {
    char hash[2 * SHA256_SIZE + 1];
    hex_write(span_of(record->agreement.b, SHA256_SIZE), hash);
    const struct share_agreement *g = share_agreement_find(t->all, t->count, span_cstr(hash));
    json_member_cstr(t->w, "agreement", hash);
    if (g) json_member(t->w, "title", g->agreement->title);
    json_key(t->w, "clauses");
    json_begin_array(t->w);
    for (size_t i = 0; i < record->clause_count; i++) json_string(t->w, record->clauses[i]);
    json_end_array(t->w);
}

static enum err tell_record(struct telling *t, const struct store_received *e, bool erased, struct diag *d) {
    struct ledger_record record;
    char time[TIME_TEXT_SIZE];
    enum err err = ledger_record_read(t->a, e->record, &record, d);
    if (err) return err;
    t->found++;
    json_begin_object(t->w);
    json_member(t->w, "ledger", e->origin);
    json_member_number(t->w, "entry", (int64_t)e->seq);
    json_member_cstr(t->w, "released", time_format_us(record.time, time));
    if (record.has_version) json_member(t->w, "version", record.version);
    write_agreement(t, &record);
    json_member_cstr(t->w, "state", erased ? "erased" : e->withdrawn ? "withdrawn" : "standing");
    json_end_object(t->w);
    return ERR_NONE;
}

static enum err tell_version(struct telling *t, const struct store_holding *h, struct diag *d) {
    struct store_received *records;
    size_t count;
    enum err e = store_received_of(t->reader, h->id, t->a, &records, &count, d);
    for (size_t i = 0; !e && i < count; i++) e = tell_record(t, &records[i], h->state == STORE_ERASED, d);
    return e;
}

enum err release_why_received(const struct share_context *c, struct span stix_id, struct span giver, struct buf *out,
                              struct diag *d) {
    struct arena a;
    struct store_holding *versions;
    struct share_agreement *all = NULL;
    size_t count = 0;
    uint32_t source = 0;
    struct json_writer w = json_writer(out);
    struct telling t = {.a = &a, .w = &w};
    arena_init(&a, WHY_RECEIVED_ARENA_MAX);
    enum err e = store_reader_open(c->store, &t.reader, d);
    if (!e) e = store_reader_snapshot(t.reader, d);
    if (!e) e = share_agreements_load(t.reader, &a, &all, &t.count, d);
    t.all = all;
    if (!e) e = store_source_find(t.reader, giver, &source, d);
    if (!e) e = store_holding_history(t.reader, stix_id, false, &a, &versions, &count, d);
    json_begin_object(&w);
    json_member(&w, "id", stix_id);
    json_member(&w, "from", giver);
    json_key(&w, "records");
    json_begin_array(&w);
    for (size_t i = 0; !e && i < count; i++)
        if (versions[i].source == source) e = tell_version(&t, &versions[i], d);
    json_end_array(&w);
    json_end_object(&w);
    if (e == ERR_NOT_FOUND || (!e && t.found == 0))
        e = diag_set(d, ERR_NOT_FOUND, "%.*s did not come from %.*s", SPAN_ARG(stix_id), SPAN_ARG(giver));
    if (t.reader) store_reader_release(t.reader);
    store_reader_close(&t.reader);
    arena_free(&a);
    return e;
}
