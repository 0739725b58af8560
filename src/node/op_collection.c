/* Ordinary collections: made, listed, shown, opened to callers, deleted. */
#include "node/collection.h"
#include "node/op_all.h"

static void write_rights(struct json_writer *w, unsigned rights) {
    json_cstr(w, rights == (COLLECTION_READ | COLLECTION_WRITE) ? "read and write"
                 : rights == COLLECTION_READ                    ? "read"
                                                                : "write");
}

static void emit(struct op_call *call, const struct collection *c, int64_t objects) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", c->id);
    json_member(&w, "name", c->alias);
    json_member(&w, "root", c->root);
    json_member(&w, "title", c->title);
    json_member(&w, "description", c->description);
    json_member_truth(&w, "quarantine", c->quarantine);
    json_key(&w, "media_types");
    json_begin_array(&w);
    for (size_t i = 0; i < c->media_count; i++) json_string(&w, c->media[i]);
    json_end_array(&w);
    json_key(&w, "grants");
    json_begin_object(&w);
    for (size_t i = 0; i < c->grant_count; i++) {
        json_key_span(&w, c->grants[i].who);
        write_rights(&w, c->grants[i].rights);
    }
    json_end_object(&w);
    if (objects >= 0) json_member_number(&w, "objects", objects);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"name", "title", "description", "root", "media_types": […], "quarantine"}. */
enum err op_collection_create(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct json_value media = json_get(call->args, "media_types");
    struct span *types = arena_zalloc(call->arena, json_count(media) + 1, sizeof *types);
    struct collection c = {.alias = op_text(call, "name"),
                           .title = op_text(call, "title"),
                           .description = op_text(call, "description"),
                           .root = op_text(call, "root"),
                           .quarantine = op_flag(call, "quarantine"),
                           .media = types};
    if (!types) return diag_set(d, ERR_NOMEM, "no memory for a collection");
    for (struct json_iter it = json_iter(media); json_next(&it);)
        types[c.media_count++] = json_text(it.value, call->arena);
    if (c.media_count == 0) types[c.media_count++] = SPAN(COLLECTION_STIX);
    if (c.root.len == 0) c.root = SPAN(COLLECTION_ROOT);
    if (c.title.len == 0) c.title = c.alias;
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = collection_create(tx, call->arena, &c, clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, &c, -1);
    return e;
}

enum err op_collection_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct collection *all = NULL;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = collection_list(r, call->arena, &all, &count, d);
    store_reader_close(&r);
    for (size_t i = 0; !e && i < count; i++) emit(call, &all[i], -1);
    return e;
}

static bool count_one(void *context, const struct store_entry *e) {
    uint64_t *at = context;
    at[0]++;
    at[1] = e->seq + 1;
    return true;
}

/* {"name"}: with how many objects are in it. */
enum err op_collection_show(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct collection c;
    uint64_t counted[2] = {0, 0}, before;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = collection_find(r, op_text(call, "name"), call->arena, &c, d);
    do {
        if (e) break;
        before = counted[0];
        struct store_entry_query q = {.ledger = c.number,
                                      .from_seq = counted[1],
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .limit = STORE_PAGE_MAX};
        e = store_entry_each(r, &q, count_one, counted, d);
    } while (!e && counted[0] - before == STORE_PAGE_MAX);
    store_reader_close(&r);
    if (!e) emit(call, &c, (int64_t)counted[0]);
    return e;
}

/* Who a right is given to: one that exists, and no right that nobody would have. */
static enum err check_grant(struct op_call *call, struct store_reader *r, struct span who, unsigned rights,
                            struct diag *d) {
    struct account account;
    struct span name = who, kind = span_cut(&name, ':');
    bool account_named = span_is(kind, "account");
    if (name.len == 0 || name.len > CALLER_NAME_MAX ||
        !(account_named || span_is(kind, "party") || span_is(kind, "member")))
        return diag_set(d, ERR_INVALID, "--to takes account:NAME, party:ID or member:ID");
    enum err e = account_named ? account_load(r, name, call->arena, &account, d) : ERR_NONE;
    if (e) return e;
    if (rights & COLLECTION_READ && (!account_named || account.acts_for.len))
        return diag_set(d, ERR_DENIED,
                        "%.*s may write only: what partners and members get, they get by a decision, from their feed",
                        SPAN_ARG(who));
    return ERR_NONE;
}

static enum err put_grant(struct collection *c, struct span who, unsigned rights, bool revoke, struct diag *d) {
    size_t at = 0;
    while (at < c->grant_count && !span_equal(c->grants[at].who, who)) at++;
    if (at == c->grant_count && revoke)
        return diag_set(d, ERR_NOT_FOUND, "%.*s has no rights there", SPAN_ARG(span_first(who, 80)));
    if (at == COLLECTION_GRANTS_MAX)
        return diag_set(d, ERR_LIMIT, "a collection has at most %d grants", COLLECTION_GRANTS_MAX);
    if (revoke)
        c->grants[at] = c->grants[--c->grant_count];
    else
        c->grants[at] = (struct collection_grant){who, rights};
    if (at == c->grant_count && !revoke) c->grant_count++;
    return ERR_NONE;
}

static enum err change(struct op_call *call, bool revoke, struct diag *d) {
    struct store_tx *tx = NULL;
    struct collection c;
    struct span who = op_text(call, "who");
    unsigned rights = (op_flag(call, "read") ? COLLECTION_READ : 0U) | (op_flag(call, "write") ? COLLECTION_WRITE : 0U);
    if (!revoke && !rights) return diag_set(d, ERR_INVALID, "--read, --write or both say what is granted");
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = collection_find(store_tx_reader(tx), op_text(call, "name"), call->arena, &c, d);
    if (!e && !revoke) e = check_grant(call, store_tx_reader(tx), who, rights, d);
    if (!e) e = put_grant(&c, who, rights, revoke, d);
    if (!e) e = collection_store(tx, &c, clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, &c, -1);
    return e;
}

/* {"name", "who", "read", "write"}. */
enum err op_collection_grant(struct op_call *call, struct diag *d) {
    return change(call, false, d);
}

/* {"name", "who"}. */
enum err op_collection_revoke(struct op_call *call, struct diag *d) {
    return change(call, true, d);
}

/* {"name"}. */
enum err op_collection_delete(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct collection c;
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = collection_find(store_tx_reader(tx), op_text(call, "name"), call->arena, &c, d);
    if (!e) e = collection_delete(tx, &c, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, &c, -1);
    return e;
}
