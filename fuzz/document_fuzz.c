/* Settings and records that a store keeps as JSON: ours, but a backup passes through other hands, and a database has
 * other users. The first byte says of which kind the rest is one. Nonsense is an error with a message; what is read can
 * be written, and is then read as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/collection.h"
#include "node/token.h"
#include "share/erase.h"
#include "share/erase_document.h"
#include "share/hold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_ARENA_MAX = 64 << 20 };
static const time_us now = INT64_C(1767225600000000); /* any */
static char place[] = "/tmp/renkei-fuzz-document-XXXXXX", path[64];
static struct store *store;

static void must(bool holds) {
    if (!holds) abort();
}

static void close_store(void) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[80];
    store_close(&store);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(place);
}

static void start(void) {
    struct diag d;
    must(mkdtemp(place) != NULL);
    snprintf(path, sizeof path, "%s/store.db", place);
    must(store_open(path, STORE_WRITE, &store, &d) == ERR_NONE && atexit(close_store) == 0);
}

static enum err as_collection(struct store_tx *tx, struct arena *a, struct diag *d) {
    struct collection *all, *again;
    size_t count;
    enum err e = collection_list(store_tx_reader(tx), a, &all, &count, d);
    if (e) return e;
    must(count == 1 && all[0].grant_count <= COLLECTION_GRANTS_MAX);
    must(collection_store(tx, &all[0], now, d) == ERR_NONE);
    must(collection_list(store_tx_reader(tx), a, &again, &count, d) == ERR_NONE && count == 1);
    must(span_equal(all[0].alias, again[0].alias) && span_equal(all[0].title, again[0].title));
    must(all[0].number == again[0].number && all[0].media_count == again[0].media_count);
    must(all[0].grant_count == again[0].grant_count);
    return ERR_NONE;
}

static enum err as_erasure(struct store_tx *tx, struct arena *a, struct diag *d) {
    struct erasure *all, again;
    size_t count;
    enum err e = erasure_list(store_tx_reader(tx), a, &all, &count, d);
    if (e) return e;
    must(count == 1 && erasure_put(tx, &all[0], now, d) == ERR_NONE);
    must(erasure_get(store_tx_reader(tx), all[0].object, a, &again, d) == ERR_NONE);
    must(span_equal(all[0].reason, again.reason) && all[0].asked_count == again.asked_count);
    must(all[0].time == again.time && all[0].versions == again.versions && all[0].lifted == again.lifted);
    return ERR_NONE;
}

static enum err as_request(struct store_tx *tx, struct arena *a, struct diag *d) {
    struct erasure_request *all;
    size_t count;
    enum err e = erasure_request_list(store_tx_reader(tx), a, &all, &count, d);
    if (!e) must(count == 1 && all[0].seq <= INT64_MAX);
    return e;
}

static enum err as_hold(struct store_tx *tx, struct arena *a, struct diag *d) {
    struct share_hold *all;
    size_t count;
    enum err e = share_hold_list(store_tx_reader(tx), a, &all, &count, d);
    if (!e) must(count == 1 && share_hold_close(tx, &all[0], now, d) == ERR_NONE);
    return e;
}

static enum err as_account(struct store_tx *tx, struct arena *a, struct diag *d) {
    struct account *all, again;
    size_t count;
    enum err e = account_list(store_tx_reader(tx), a, &all, &count, d);
    if (e) return e;
    must(count == 1 && account_store(tx, &all[0], now, d) == ERR_NONE);
    must(account_load(store_tx_reader(tx), all[0].name, a, &again, d) == ERR_NONE);
    must(all[0].roles == again.roles && all[0].disabled == again.disabled && all[0].failures == again.failures);
    must(memcmp(all[0].sealed, again.sealed, sizeof again.sealed) == 0);
    return ERR_NONE;
}

static enum err as_token(struct store_tx *tx, struct arena *a, struct diag *d) {
    struct token *all, *again;
    size_t count;
    enum err e = token_list(store_tx_reader(tx), a, &all, &count, d);
    if (e) return e;
    must(count == 1 && token_store(tx, &all[0], now, d) == ERR_NONE);
    must(token_list(store_tx_reader(tx), a, &again, &count, d) == ERR_NONE && count == 1);
    must(all[0].roles == again[0].roles && all[0].expires == again[0].expires);
    must(span_equal(all[0].account, again[0].account) && sha256_equal(&all[0].secret, &again[0].secret));
    return ERR_NONE;
}

/* What to read by the first byte. */
static const struct kind {
    char name;
    const char *document;
    enum err (*read)(struct store_tx *tx, struct arena *a, struct diag *d);
} kinds[] = {
    {'c', COLLECTION_KIND, as_collection}, {'e', ERASURE_KIND, as_erasure}, {'r', ERASURE_REQUEST_KIND, as_request},
    {'h', "ledger-hold", as_hold},         {'a', ACCOUNT_KIND, as_account}, {'t', TOKEN_KIND, as_token},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!store) start();
    for (size_t i = 0; size && i < sizeof kinds / sizeof *kinds; i++) {
        struct store_document doc = {
            .kind = span_cstr(kinds[i].document), .key = SPAN("a"), .body = span_of(data + 1, size - 1), .time = now};
        struct store_tx *tx = NULL;
        struct arena a;
        struct diag d = {0};
        if (kinds[i].name != (char)data[0]) continue;
        arena_init(&a, FUZZ_ARENA_MAX);
        must(store_begin(store, &tx, &d) == ERR_NONE && store_document_put(tx, &doc, &d) == ERR_NONE);
        if (kinds[i].read(tx, &a, &d)) must(d.message[0]);
        store_rollback(&tx);
        arena_free(&a);
    }
    return 0;
}
