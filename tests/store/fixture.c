#include "store/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool sqlite_url(const char *folder, char url[512]) {
    snprintf(url, 512, "%s/store.db", folder);
    return true;
}

/* RENKEI_TEST_POSTGRES names a server (tests/postgres.sh starts one); every test has a schema of its own in it. */
static bool postgres_url(const char *folder, char url[512]) {
    static unsigned number;
    const char *server = getenv("RENKEI_TEST_POSTGRES");
    if (!server) return false;
    snprintf(url, 512, "%s%cschema=t%ld_%u", server, strchr(server, '?') ? '&' : '?', (long)getpid(), number++);
    return true;
}

/* The drivers the suite runs against. url() says where a new store is made; false when there is none to test with. */
static const struct driver {
    const char *name;
    bool (*url)(const char *folder, char url[512]);
} drivers[] = {
    {"sqlite", sqlite_url},
    {"postgres", postgres_url},
};
static const struct driver *driver = drivers;

bool fixture_one_writer(void) {
    return driver == drivers;
}

int fixture_setup_closed(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    const char *base = getenv("TMPDIR");
    snprintf(f->folder, sizeof f->folder, "%s/renkei-store-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(f->folder)) return -1;
    if (!driver->url(f->folder, f->url)) return -1;
    arena_init(&f->a, (size_t)256 << 20);
    *state = f;
    return 0;
}

void fixture_open(struct fixture *f) {
    OK(store_open(f->url, STORE_WRITE, &f->s, &f->d));
    OK(store_reader_open(f->s, &f->r, &f->d));
}

void fixture_close(struct fixture *f) {
    store_reader_close(&f->r);
    store_close(&f->s);
}

void fixture_reopen(struct fixture *f) {
    fixture_close(f);
    fixture_open(f);
}

int fixture_setup(void **state) {
    if (fixture_setup_closed(state)) return -1;
    struct fixture *f = *state;
    if (store_open(f->url, STORE_WRITE, &f->s, &f->d) || store_reader_open(f->s, &f->r, &f->d)) {
        fprintf(stderr, "%s\n", f->d.message);
        return -1;
    }
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    char command[600];
    fixture_close(f);
    arena_free(&f->a);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    int left = system(command);
    free(f);
    return left;
}

int fixture_run_all(const char *name, const struct CMUnitTest *tests, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        char group[128], url[512];
        driver = &drivers[i];
        if (!driver->url("", url)) {
            print_message("[  SKIPPED ] on %s: RENKEI_TEST_POSTGRES names no server\n", driver->name);
            continue;
        }
        snprintf(group, sizeof group, "%s on %s", name, driver->name);
        failed += _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    }
    return failed;
}

void fixture_ok(enum err e, const struct diag *d, const char *call, const char *file, int line) {
    if (!e) return;
    print_error("%s: %s: %s\n", call, err_name(e), d->message);
    _fail(file, line);
}

void fixture_fails(enum err expected, enum err e, const struct diag *d, const char *call, const char *file, int line) {
    if (e == expected && d->code == e && d->message[0]) return;
    print_error("%s: %s instead of %s: %s\n", call, err_name(e), err_name(expected), d->message);
    _fail(file, line);
}

struct store_tx *fixture_begin(struct fixture *f) {
    struct store_tx *tx;
    OK(store_begin(f->s, &tx, &f->d));
    return tx;
}

void fixture_commit(struct fixture *f, struct store_tx **tx) {
    OK(store_commit(tx, &f->d));
    assert_null(*tx);
}

static char *text_in_turn(void) {
    static char texts[16][256];
    static unsigned turn;
    return texts[turn++ % 16];
}

struct span fixture_id(const char *type, unsigned n) {
    /* Of other types than indicator there are few, and tests hold on to them. */
    static char kept[64][256];
    static unsigned kept_count;
    char *text = strcmp(type, "indicator") == 0 ? text_in_turn() : kept[kept_count++ % 64];
    /* Spread over the whole range, as random UUIDs are. */
    unsigned spread = n * 2654435761U;
    snprintf(text, 256, "%s--%08x-0000-4000-8000-%012x", type, spread, n);
    return span_cstr(text);
}

struct store_holding fixture_holding(unsigned n, unsigned version) {
    char *body = text_in_turn();
    struct span id = fixture_id("indicator", n);
    snprintf(body, 256, "{\"id\":\"%.*s\",\"version\":%u,\"name\":\"holding number %u\"}", SPAN_ARG(id), version, n);
    struct store_holding h = {
        .stix_id = id,
        .modified = (time_us)version * TIME_US_PER_S,
        .source = STORE_SOURCE_OWN,
        .observed = TIME_NONE,
        .imported = 1000,
        .handling = {.confidence = -1},
        .body = span_cstr(body),
    };
    h.type = span_first(h.stix_id, 9);
    h.hash = sha256_of(h.body);
    return h;
}

int64_t fixture_add(struct fixture *f, struct store_tx *tx, const struct store_holding *h, const struct span *refs,
                    size_t count) {
    int64_t id;
    bool added;
    OK(store_holding_add(tx, h, refs, count, &id, &added, &f->d));
    assert_true(id > 0);
    return id;
}

void fixture_publish(struct fixture *f, unsigned first, unsigned n) {
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = first; i < first + n; i++) {
        struct store_holding h = fixture_holding(i, 1);
        fixture_add(f, tx, &h, NULL, 0);
    }
    OK(store_intake_publish(tx, &f->d));
    fixture_commit(f, &tx);
}

int64_t fixture_ledger(struct fixture *f, const char *recipient) {
    int64_t id;
    struct store_tx *tx = fixture_begin(f);
    struct store_ledger l = {
        .publisher = SPAN("A"), .recipient = span_cstr(recipient), .lineage = SPAN("0123"), .last_time = TIME_NONE};
    OK(store_ledger_create(tx, &l, &id, &f->d));
    fixture_commit(f, &tx);
    return id;
}

struct store_entry fixture_entry(int64_t ledger, uint64_t seq, unsigned n, int64_t holding) {
    return (struct store_entry){
        .ledger = ledger,
        .seq = seq,
        .time = (time_us)(seq + 1) * 1000,
        .decided = 500,
        .state = STORE_ENTRY_CURRENT,
        .stix_id = fixture_id("indicator", n),
        .modified = TIME_US_PER_S,
        .holding = holding,
        .record = SPAN("the record"),
        .salt = SPAN("0123456789abcdef0123456789abcdef"),
    };
}
