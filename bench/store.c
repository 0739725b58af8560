/* How fast the store takes and gives: holdings with references, a ledger's entries, pages of a feed.
 *
 *   build/bench/store [HOLDINGS [FOLDER]]     default 200,000 in /tmp; run by hand, on a quiet machine
 *
 * Ids are random UUIDs, as real ones are: the index of ids is what decides. Every holding names three others: an
 * identity that all name, one of 1,000 malware objects, and an object that was added shortly before. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

enum { BATCH = 5000, BODY_SIZE = 700, RECORD_SIZE = 350, PAGE = 100, MALWARE = 1000, PAGES_ROUNDS_MS = 3000 };

static uint64_t state = UINT64_C(88172645463325252);
static uint64_t random64(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void check(enum err e, const struct diag *d) {
    if (!e) return;
    fprintf(stderr, "%s: %s\n", err_name(e), d->message);
    exit(1);
}

static void make_id(char id[64], const char *type) {
    uint64_t a = random64(), b = random64();
    snprintf(id, 64, "%s--%08x-%04x-4%03x-8%03x-%012llx", type, (unsigned)a, (unsigned)(a >> 32) & 0xffff,
             (unsigned)(a >> 48) & 0xfff, (unsigned)b & 0xfff, (unsigned long long)(b >> 16));
}

struct ids {
    char (*indicator)[64];
    char malware[MALWARE][64];
    char identity[64];
};

static void add_one(struct store_tx *tx, const struct ids *ids, int i, char body[BODY_SIZE]) {
    struct diag d;
    int64_t id;
    bool added;
    memcpy(body, ids->indicator[i], 47);
    struct store_holding h = {.stix_id = span_cstr(ids->indicator[i]),
                              .modified = 1700000000000000 + i,
                              .source = STORE_SOURCE_OWN,
                              .observed = TIME_NONE,
                              .imported = 1700000000000000,
                              .handling = {.confidence = -1},
                              .body = span_of(body, BODY_SIZE)};
    h.hash = sha256_of(h.body);
    struct span refs[3] = {span_cstr(ids->identity), span_cstr(ids->malware[i % MALWARE]),
                           span_cstr(ids->indicator[i > 7 ? i - 7 : 0])};
    check(store_holding_add(tx, &h, refs, 3, &id, &added, &d), &d);
}

static void report(const char *what, int done, int64_t since) {
    printf("  %s: %9.0f/s\n", what, done / ((double)(clock_monotonic_us() - since) / 1e6));
    fflush(stdout);
}

static void add_holdings(struct store *s, const struct ids *ids, int count) {
    char body[BODY_SIZE];
    memset(body, 'x', sizeof body);
    struct diag d;
    struct store_tx *tx;
    int64_t start = clock_monotonic_us(), part = start;
    for (int i = 0; i < count; i += BATCH) {
        check(store_begin(s, &tx, &d), &d);
        for (int j = i; j < i + BATCH && j < count; j++) add_one(tx, ids, j, body);
        check(store_commit(&tx, &d), &d);
        if ((i + BATCH) % 250000 == 0) {
            report("  holdings, these 250,000", 250000, part);
            part = clock_monotonic_us();
        }
    }
    report("holdings added", count, start);
    int64_t publish = clock_monotonic_us();
    check(store_begin(s, &tx, &d), &d);
    check(store_intake_publish(tx, &d), &d);
    check(store_commit(&tx, &d), &d);
    printf("  published in %.2f s\n", (double)(clock_monotonic_us() - publish) / 1e6);
}

static int64_t add_entries(struct store *s, const struct ids *ids, int count) {
    char record[RECORD_SIZE], salt[STORE_SALT_SIZE];
    memset(record, 'r', sizeof record);
    memset(salt, 's', sizeof salt);
    struct diag d;
    struct store_tx *tx;
    int64_t ledger;
    check(store_begin(s, &tx, &d), &d);
    struct store_ledger l = {.publisher = SPAN("A"), .recipient = SPAN("B"), .lineage = SPAN("ab")};
    check(store_ledger_create(tx, &l, &ledger, &d), &d);
    check(store_commit(&tx, &d), &d);
    int64_t start = clock_monotonic_us();
    for (int i = 0; i < count; i += BATCH) {
        check(store_begin(s, &tx, &d), &d);
        for (int j = i; j < i + BATCH && j < count; j++) {
            struct store_entry e = {.ledger = ledger,
                                    .seq = (uint64_t)j,
                                    .time = 1700000000000000 + j,
                                    .decided = 1700000000000000,
                                    .stix_id = span_cstr(ids->indicator[j]),
                                    .modified = 1700000000000000 + j,
                                    .holding = j + 1,
                                    .record = span_of(record, RECORD_SIZE),
                                    .salt = span_of(salt, STORE_SALT_SIZE)};
            check(store_entry_add(tx, &e, &d), &d);
        }
        check(store_commit(&tx, &d), &d);
    }
    report("entries appended", count, start);
    return ledger;
}

struct walker {
    struct store *store;
    int64_t ledger;
    int count;
    bool records;
    uint64_t pages, bytes;
};

static bool take(void *context, const struct store_entry *e) {
    struct walker *w = context;
    w->bytes += e->body.len + e->record.len;
    return true;
}

static void *walk(void *context) {
    struct walker *w = context;
    struct diag d;
    struct store_reader *r;
    check(store_reader_open(w->store, &r, &d), &d);
    int64_t end = clock_monotonic_us() + PAGES_ROUNDS_MS * 1000;
    for (int seq = 0; clock_monotonic_us() < end; seq = seq + PAGE < w->count ? seq + PAGE : 0) {
        struct store_entry_query q = {.ledger = w->ledger,
                                      .from_seq = (uint64_t)seq,
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .limit = PAGE,
                                      .with_body = true,
                                      .with_record = w->records};
        check(store_entry_each(r, &q, take, w, &d), &d);
        w->pages++;
    }
    store_reader_close(&r);
    return NULL;
}

static void pages(struct store *s, int64_t ledger, int count, int threads, bool records) {
    struct walker w[2];
    pthread_t id[2];
    int64_t start = clock_monotonic_us();
    for (int i = 0; i < threads; i++) {
        w[i] = (struct walker){.store = s, .ledger = ledger, .count = count, .records = records};
        pthread_create(&id[i], NULL, walk, &w[i]);
    }
    int done = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(id[i], NULL);
        done += (int)w[i].pages;
    }
    printf("  %d thread%s%s", threads, threads > 1 ? "s" : "", records ? ", with records" : "");
    report(", pages of 100", done, start);
}

static void look_up(struct store *s, const struct ids *ids, int64_t ledger, int count) {
    struct diag d;
    struct store_reader *r;
    struct arena a;
    arena_init(&a, 1 << 20);
    check(store_reader_open(s, &r, &d), &d);
    enum { LOOKUPS = 100000 };
    int64_t start = clock_monotonic_us();
    for (int i = 0; i < LOOKUPS; i++) {
        struct store_holding h;
        arena_reset(&a);
        check(store_holding_latest(r, span_cstr(ids->indicator[random64() % (unsigned)count]), &a, &h, &d), &d);
    }
    report("latest versions by id", LOOKUPS, start);
    start = clock_monotonic_us();
    for (int i = 0; i < LOOKUPS; i++) {
        struct store_entry e;
        check(store_entry_current(r, ledger, span_cstr(ids->indicator[random64() % (unsigned)count]), &e, &d), &d);
    }
    report("current entries by id", LOOKUPS, start);
    store_reader_close(&r);
    arena_free(&a);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 200000;
    char path[512];
    struct diag d;
    struct store *s;
    struct ids ids;
    snprintf(path, sizeof path - 8, "%s/renkei-bench-%d.db", argc > 2 ? argv[2] : "/tmp", (int)getpid());
    ids.indicator = calloc((size_t)count, sizeof *ids.indicator);
    if (!ids.indicator) return 1;
    for (int i = 0; i < count; i++) make_id(ids.indicator[i], "indicator");
    for (int i = 0; i < MALWARE; i++) make_id(ids.malware[i], "malware");
    make_id(ids.identity, "identity");

    check(store_open(path, STORE_WRITE, &s, &d), &d);
    add_holdings(s, &ids, count);
    int64_t ledger = add_entries(s, &ids, count);
    pages(s, ledger, count, 1, false);
    pages(s, ledger, count, 1, true);
    pages(s, ledger, count, 2, false);
    look_up(s, &ids, ledger, count);
    store_close(&s);
    free(ids.indicator);
    remove(path);
    strcat(path, ".lock");
    remove(path);
    return 0;
}
