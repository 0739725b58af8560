#include "node/collection.h"

#include <stdlib.h>

#include "stix/id.h"
#include "json/json.h"
#include "json/write.h"

/* ---- kept ---- */

enum err collection_store(struct store_tx *tx, const struct collection *c, time_us now, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member(&w, "alias", c->alias);
    json_member(&w, "title", c->title);
    json_member(&w, "description", c->description);
    json_member(&w, "root", c->root);
    json_member_number(&w, "number", c->number);
    json_member_truth(&w, "quarantine", c->quarantine);
    json_key(&w, "media");
    json_begin_array(&w);
    for (size_t i = 0; i < c->media_count; i++) json_string(&w, c->media[i]);
    json_end_array(&w);
    json_key(&w, "grants");
    json_begin_object(&w);
    for (size_t i = 0; i < c->grant_count; i++) {
        json_key_span(&w, c->grants[i].who);
        json_number(&w, c->grants[i].rights);
    }
    json_end_object(&w);
    json_end_object(&w);
    struct store_document doc = {.kind = SPAN(COLLECTION_KIND), .key = c->id, .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for a collection");
    buf_free(&body);
    return e;
}

static enum err read_lists(struct json_value v, struct arena *a, struct collection *out, struct diag *d) {
    struct json_value media = json_get(v, "media"), grants = json_get(v, "grants");
    struct span *list = arena_zalloc(a, json_count(media) + 1, sizeof *list);
    out->grants = arena_zalloc(a, COLLECTION_GRANTS_MAX, sizeof *out->grants); /* room for more */
    if (!list || !out->grants) return diag_set(d, ERR_NOMEM, "no memory for the collections");
    for (struct json_iter it = json_iter(media); json_next(&it);) list[out->media_count++] = json_text(it.value, a);
    out->media = list;
    for (struct json_iter it = json_iter(grants); json_next(&it) && out->grant_count < COLLECTION_GRANTS_MAX;) {
        int64_t rights = 0;
        if (!json_int(it.value, &rights)) continue;
        out->grants[out->grant_count++] = (struct collection_grant){json_text(it.key, a), (unsigned)rights};
    }
    return a->overflow ? diag_set(d, ERR_NOMEM, "no memory for the collections") : ERR_NONE;
}

static enum err read_one(const struct store_document *doc, struct arena *a, struct collection *out, struct diag *d) {
    struct json_doc json;
    enum err e = json_parse(a, doc->body, &json, d);
    if (e) return e;
    struct json_value v = json_root(&json);
    *out = (struct collection){.id = doc->key,
                               .alias = json_text(json_get(v, "alias"), a),
                               .title = json_text(json_get(v, "title"), a),
                               .description = json_text(json_get(v, "description"), a),
                               .root = json_text(json_get(v, "root"), a)};
    if (!json_int(json_get(v, "number"), &out->number) || !json_bool(json_get(v, "quarantine"), &out->quarantine))
        return diag_set(d, ERR_INVALID, "the collection %.*s is damaged", SPAN_ARG(doc->key));
    return read_lists(v, a, out, d);
}

static int by_number(const void *left, const void *right) {
    const struct collection *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

enum err collection_list(struct store_reader *r, struct arena *a, struct collection **out, size_t *count,
                         struct diag *d) {
    struct store_document *docs;
    *out = NULL;
    enum err e = store_document_list(r, COLLECTION_KIND, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the collections");
    for (size_t i = 0; i < *count && !e; i++) e = read_one(&docs[i], a, &(*out)[i], d);
    if (!e && *count) qsort(*out, *count, sizeof **out, by_number);
    return e;
}

enum err collection_find(struct store_reader *r, struct span name, struct arena *a, struct collection *out,
                         struct diag *d) {
    struct collection *all;
    size_t count, found = 0;
    struct span alias = name, root = span_cut(&alias, '/');
    enum err e = collection_list(r, a, &all, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        bool by_root = alias.at && span_equal(root, all[i].root) && span_equal(alias, all[i].alias);
        if (!by_root && !span_equal(name, all[i].id) && !span_equal(name, all[i].alias)) continue;
        *out = all[i];
        found++;
    }
    if (e) return e;
    if (found == 1) return ERR_NONE;
    return found ? diag_set(d, ERR_INVALID, "several API roots have a collection %.*s: name ROOT/%.*s", SPAN_ARG(name),
                            SPAN_ARG(name))
                 : diag_set(d, ERR_NOT_FOUND, "there is no collection %.*s", SPAN_ARG(span_first(name, 80)));
}

/* ---- making ---- */

static bool name_good(struct span name) {
    bool good = name.len > 0 && name.len <= COLLECTION_NAME_MAX && name.at[0] != '-' && name.at[0] != '.';
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_';
    }
    return good;
}

/* "type/subtype" with parameters, of which nothing could break a header. */
static bool media_good(struct span media) {
    size_t slash = span_find_char(media, '/');
    bool good = media.len <= COLLECTION_NAME_MAX * 2 && slash != SIZE_MAX && slash > 0 && slash + 1 < media.len;
    for (size_t i = 0; good && i < media.len; i++) good = media.at[i] > ' ' && media.at[i] < 127 && media.at[i] != '"';
    return good;
}

static enum err check(const struct collection *c, struct diag *d) {
    if (!name_good(c->alias) || !name_good(c->root))
        return diag_set(d, ERR_INVALID,
                        "a collection's name, and its API root's, is 1 to %d of A-Z, a-z, 0-9, '-', '.' and '_'",
                        COLLECTION_NAME_MAX);
    if (span_is(c->alias, "inbox") || span_starts(c->alias, SPAN("feed")))
        return diag_set(d, ERR_INVALID, "inbox and feed… are the names of partners' own collections");
    if (c->title.len > COLLECTION_TEXT_MAX || c->description.len > COLLECTION_TEXT_MAX)
        return diag_set(d, ERR_LIMIT, "title and description have at most %d bytes", COLLECTION_TEXT_MAX);
    if (c->media_count > COLLECTION_MEDIA_MAX)
        return diag_set(d, ERR_LIMIT, "a collection takes at most %d media types", COLLECTION_MEDIA_MAX);
    for (size_t i = 0; i < c->media_count; i++)
        if (!media_good(c->media[i]))
            return diag_set(d, ERR_INVALID, "'%.*s' is no media type such as " COLLECTION_STIX,
                            SPAN_ARG(span_first(c->media[i], 80)));
    return ERR_NONE;
}

/* Numbers are not used again: what refers to one refers to nothing else later. */
static enum err next_number(struct store_tx *tx, struct arena *a, int64_t *out, struct diag *d) {
    static const char name[] = "collection-next";
    struct span text;
    uint64_t next = 0;
    enum err e = store_meta_get(store_tx_reader(tx), name, a, &text, d);
    if (e) return e;
    if (text.len && !span_u64(text, &next)) return diag_set(d, ERR_INVALID, "the number of collections is damaged");
    *out = STORE_COLLECTION_FIRST + (int64_t)next;
    if (*out >= STORE_LEDGER_MAX) return diag_set(d, ERR_LIMIT, "too many collections were made");
    return store_meta_set(tx, name, arena_printf(a, "%llu", (unsigned long long)next + 1), d);
}

enum err collection_create(struct store_tx *tx, struct arena *a, struct collection *c, time_us now, struct diag *d) {
    struct collection *all;
    size_t count;
    struct sha256 seed;
    char id[STIX_ID_SIZE];
    enum err e = check(c, d);
    if (!e) e = collection_list(store_tx_reader(tx), a, &all, &count, d);
    if (e) return e;
    if (count >= COLLECTIONS_MAX) return diag_set(d, ERR_LIMIT, "there are %d collections already", COLLECTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        if (span_equal(all[i].alias, c->alias) && span_equal(all[i].root, c->root))
            return diag_set(d, ERR_EXISTS, "there is a collection %.*s already", SPAN_ARG(c->alias));
    random_bytes(seed.b, sizeof seed.b);
    stix_id_from_hmac(&seed, SPAN("x"), id);
    c->id = arena_copy(a, span_cstr(id + strlen("x--")));
    e = next_number(tx, a, &c->number, d);
    return e ? e : collection_store(tx, c, now, d);
}

/* ---- rights ---- */

unsigned collection_rights(const struct collection *c, const struct caller *caller) {
    unsigned rights = 0;
    for (size_t i = 0; i < c->grant_count; i++) {
        struct span name = c->grants[i].who, kind = span_cut(&name, ':');
        bool his = (span_is(kind, "account") && caller->account.len && span_equal(name, caller->account)) ||
                   (span_is(kind, "party") && caller->party.len && span_equal(name, caller->party)) ||
                   (span_is(kind, "member") && caller->member.len && span_equal(name, caller->member));
        if (his) rights |= c->grants[i].rights;
    }
    if (caller->party.len || caller->member.len) rights &= COLLECTION_WRITE;
    return rights;
}

bool collection_mixed(const struct collection *c) {
    for (size_t i = 0; i < c->media_count; i++)
        if (!span_is(c->media[i], COLLECTION_STIX)) return true;
    return false;
}

/* ---- contents ---- */

#define STIX_HEAD "application/stix+json"

bool collection_item_read(struct arena *a, struct span body, struct collection_item *out) {
    struct json_doc doc;
    *out = (struct collection_item){.version = TIME_NONE, .body = body, .media = SPAN(COLLECTION_STIX)};
    if (json_parse(a, body, &doc, NULL)) return false;
    struct json_value v = json_root(&doc), spec = json_get(v, "spec_version");
    struct span modified = json_text(json_get(v, "modified"), a), created = json_text(json_get(v, "created"), a);
    out->stix_id = json_text(json_get(v, "id"), a);
    if (!time_parse_stix(modified, &out->version) && !time_parse_stix(created, &out->version)) out->version = TIME_NONE;
    if (json_exists(spec))
        out->media = arena_printf(a, STIX_HEAD ";version=%.*s", SPAN_ARG(span_first(json_text(spec, a), 16)));
    else if (created.len) /* a cyber-observable of 2.1 may leave spec_version out, and has no creation date */
        out->media = SPAN(STIX_HEAD ";version=2.0");
    return !a->overflow && stix_id_valid(out->stix_id);
}

struct span collection_takes(const struct collection *c, struct span media) {
    struct span other = {0};
    for (size_t i = 0; i < c->media_count; i++) {
        if (span_equal(c->media[i], media) || span_is(c->media[i], STIX_HEAD)) return media;
        if (!span_starts(c->media[i], SPAN(STIX_HEAD))) other = c->media[i];
    }
    return other;
}

struct span collection_media(const struct store_entry *e) {
    return e->record.len ? e->record : SPAN(COLLECTION_STIX);
}

struct span collection_spec_version(struct span media) {
    static const char head[] = "application/stix+json;version=";
    return span_starts(media, SPAN(head)) ? span_from(media, sizeof head - 1) : SPAN("");
}

enum { OBJECT_ARENA_MAX = 512 << 20 /* all versions of one object */ };

enum err collection_size(struct store_reader *r, int64_t number, uint64_t *out, struct diag *d) {
    return store_entry_after(r, number, INT64_MAX, out, d); /* no entry is that late */
}

static enum err entries_of(struct store_reader *r, int64_t number, struct span stix_id, struct arena *a,
                           struct store_entry **out, size_t *count, struct diag *d) {
    struct store_entry_query q = {.ledger = number,
                                  .stix_id = stix_id,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .limit = STORE_PAGE_MAX,
                                  .with_body = true,
                                  .with_record = true};
    return store_entry_scan(r, &q, a, out, count, d);
}

enum err collection_end(struct store_tx *tx, int64_t number, struct collection_end *out, struct diag *d) {
    struct arena a;
    struct store_entry last;
    *out = (struct collection_end){.number = number, .last = TIME_NONE};
    enum err e = collection_size(store_tx_reader(tx), number, &out->size, d);
    if (e || out->size == 0) return e;
    arena_init(&a, OBJECT_ARENA_MAX);
    e = store_entry_get(store_tx_reader(tx), number, out->size - 1, &a, &last, d);
    if (!e) out->last = last.time;
    arena_free(&a);
    return e;
}

/* Puts an entry behind the last, with a date_added that no other has. */
static enum err append(struct store_tx *tx, struct collection_end *end, struct store_entry *entry, time_us now,
                       struct diag *d) {
    entry->ledger = end->number;
    entry->seq = end->size;
    entry->time = end->last != TIME_NONE && end->last >= now ? end->last + 1 : now;
    entry->decided = now;
    if (entry->modified == TIME_NONE && entry->state != STORE_ENTRY_RECORD) entry->modified = entry->time;
    enum err e = store_entry_add(tx, entry, d);
    if (e) return e;
    end->size++;
    end->last = entry->time;
    return ERR_NONE;
}

static enum err add(struct store_tx *tx, struct collection_end *end, const struct collection_item *item, time_us now,
                    struct arena *a, bool *added, struct diag *d) {
    struct store_entry *held, entry = {.modified = item->version, .holding = item->holding, .stix_id = item->stix_id};
    struct span media = span_is(item->media, COLLECTION_STIX) ? SPAN("") : item->media;
    size_t count;
    bool newest = true;
    enum err e = entries_of(store_tx_reader(tx), end->number, item->stix_id, a, &held, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (!span_equal(held[i].record, media)) continue;
        if (item->version == TIME_NONE ? span_equal(held[i].body, item->body) : held[i].modified == item->version)
            return ERR_NONE;
        newest = newest && (item->version == TIME_NONE || held[i].modified < item->version);
    }
    if (e) return e;
    entry.state = newest ? STORE_ENTRY_CURRENT : STORE_ENTRY_SUPERSEDED;
    entry.record = media;
    entry.body = item->holding ? SPAN("") : item->body;
    *added = true;
    return append(tx, end, &entry, now, d);
}

enum err collection_add(struct store_tx *tx, struct collection_end *end, const struct collection_item *item,
                        time_us now, bool *added, struct diag *d) {
    struct arena a;
    *added = false;
    arena_init(&a, OBJECT_ARENA_MAX);
    enum err e = add(tx, end, item, now, &a, added, d);
    arena_free(&a);
    return e;
}

/* The newest of what is left counts again. */
static enum err uncover(struct store_tx *tx, int64_t number, struct span stix_id, struct arena *a, struct diag *d) {
    struct store_entry *held;
    size_t count, newest = 0;
    enum err e = entries_of(store_tx_reader(tx), number, stix_id, a, &held, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (held[i].state == STORE_ENTRY_CURRENT) return ERR_NONE;
        if (held[i].modified >= held[newest].modified) newest = i;
    }
    return e || count == 0 ? e : store_entry_set_state(tx, number, held[newest].seq, STORE_ENTRY_CURRENT, d);
}

enum err collection_remove(struct store_tx *tx, struct collection_end *end, struct span stix_id, const uint64_t *seqs,
                           size_t count, time_us now, struct diag *d) {
    struct arena a;
    struct store_entry record = {.state = STORE_ENTRY_RECORD, .stix_id = stix_id, .modified = TIME_NONE};
    enum err e = ERR_NONE;
    arena_init(&a, OBJECT_ARENA_MAX);
    for (size_t i = 0; !e && i < count; i++) e = store_entry_withdraw(tx, end->number, seqs[i], d);
    if (!e) e = uncover(tx, end->number, stix_id, &a, d);
    if (!e) e = append(tx, end, &record, now, d);
    arena_free(&a);
    return e;
}

/* Its entries that have no bytes any more. */
static enum err forget_in(struct store_tx *tx, const struct collection *c, struct span stix_id, struct arena *a,
                          time_us now, struct diag *d) {
    struct store_entry *held;
    struct collection_end end;
    uint64_t *seqs;
    size_t count, gone = 0;
    enum err e = entries_of(store_tx_reader(tx), c->number, stix_id, a, &held, &count, d);
    if (e || count == 0) return e;
    seqs = arena_zalloc(a, count, sizeof *seqs);
    if (!seqs) return diag_set(d, ERR_NOMEM, "no memory for a collection");
    for (size_t i = 0; i < count; i++)
        if (held[i].body.len == 0) seqs[gone++] = held[i].seq;
    if (gone) e = collection_end(tx, c->number, &end, d);
    return e || gone == 0 ? e : collection_remove(tx, &end, stix_id, seqs, gone, now, d);
}

enum err collection_forget(struct store *store, struct span stix_id, struct arena *a, time_us now, struct diag *d) {
    struct store_tx *tx = NULL;
    struct collection *all;
    size_t count = 0;
    enum err e = store_begin(store, &tx, d);
    if (!e) e = collection_list(store_tx_reader(tx), a, &all, &count, d);
    for (size_t i = 0; !e && i < count; i++) e = forget_in(tx, &all[i], stix_id, a, now, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

struct gathering {
    uint64_t seqs[STORE_PAGE_MAX];
    size_t count;
};

static bool gather(void *context, const struct store_entry *e) {
    struct gathering *g = context;
    g->seqs[g->count++] = e->seq;
    return g->count < STORE_PAGE_MAX;
}

enum err collection_delete(struct store_tx *tx, const struct collection *c, struct diag *d) {
    struct gathering *g = calloc(1, sizeof *g);
    struct store_entry_query q = {.ledger = c->number,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .limit = STORE_PAGE_MAX};
    enum err e = g ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a collection");
    do {
        if (e) break;
        g->count = 0;
        e = store_entry_each(store_tx_reader(tx), &q, gather, g, d);
        for (size_t i = 0; !e && i < g->count; i++) e = store_entry_withdraw(tx, c->number, g->seqs[i], d);
    } while (!e && g->count);
    free(g);
    return e ? e : store_document_delete(tx, COLLECTION_KIND, c->id, d);
}
