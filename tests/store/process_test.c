/* Several threads, several processes, and processes that are killed. */
#include "store/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { READERS = 3, COMMITS = 60, PER_COMMIT = 25 };

struct crowd {
    struct fixture *f;
    int64_t ledger;
    atomic_bool done;
    atomic_int snapshots;
};

static void must(enum err e, const struct diag *d) {
    if (!e) return;
    fprintf(stderr, "%s\n", d->message);
    abort(); /* in a thread or child cmocka cannot fail for us */
}

/* In every snapshot the ledger's row, its entries and the holdings fit together. */
static void *read_snapshots(void *context) {
    struct crowd *crowd = context;
    struct store_reader *r;
    struct arena a;
    struct diag d;
    uint64_t last = 0;
    arena_init(&a, 1 << 24);
    must(store_reader_open(crowd->f->s, &r, &d), &d);
    bool done;
    do {
        done = atomic_load(&crowd->done);
        struct store_ledger l;
        struct store_entry *list;
        size_t count;
        uint64_t size;
        int64_t visible;
        arena_reset(&a);
        must(store_reader_snapshot(r, &d), &d);
        must(store_ledger_get(r, crowd->ledger, &a, &l, &d), &d);
        must(store_entry_after(r, crowd->ledger, INT64_MAX, &size, &d), &d);
        must(store_holding_visible(r, &visible, &d), &d);
        struct store_entry_query q = {.ledger = crowd->ledger,
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .limit = 10000,
                                      .with_body = true};
        must(store_entry_scan(r, &q, &a, &list, &count, &d), &d);
        if (l.size != size || count != size || visible != (int64_t)size || size < last) abort();
        for (size_t i = 0; i < count; i++) {
            if (list[i].seq != i || list[i].body.len == 0) abort();
        }
        last = size;
        store_reader_release(r);
        atomic_fetch_add(&crowd->snapshots, 1);
    } while (!done);
    if (last != COMMITS * PER_COMMIT) abort();
    store_reader_close(&r);
    arena_free(&a);
    return NULL;
}

static void add_round(struct fixture *f, int64_t ledger, unsigned first) {
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = first; i < first + PER_COMMIT; i++) {
        struct store_holding h = fixture_holding(i, 1);
        fixture_add(f, tx, &h, NULL, 0);
    }
    OK(store_intake_publish(tx, &f->d));
    for (unsigned i = first; i < first + PER_COMMIT; i++) {
        struct store_entry e = fixture_entry(ledger, i, i, i + 1);
        OK(store_entry_add(tx, &e, &f->d));
    }
    struct store_ledger l = {.id = ledger, .size = first + PER_COMMIT, .last_time = 1};
    OK(store_ledger_update(tx, &l, &f->d));
    fixture_commit(f, &tx);
}

static void test_readers_beside_a_writer(void **state) {
    struct fixture *f = *state;
    struct crowd crowd = {.f = f, .ledger = fixture_ledger(f, "US-DOD")};
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_snapshots, &crowd), 0);
    for (unsigned n = 0; n < COMMITS; n++) add_round(f, crowd.ledger, n * PER_COMMIT);
    atomic_store(&crowd.done, true);
    for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    assert_true(atomic_load(&crowd.snapshots) >= READERS);
}

static void *count_up(void *context) {
    struct crowd *crowd = context;
    struct arena a;
    struct diag d;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < 50; i++) {
        struct store_tx *tx;
        struct span value;
        char text[32];
        uint64_t n = 0;
        must(store_begin(crowd->f->s, &tx, &d), &d);
        must(store_meta_get(store_tx_reader(tx), "count", &a, &value, &d), &d);
        if (value.len) span_u64(value, &n);
        snprintf(text, sizeof text, "%llu", (unsigned long long)n + 1);
        must(store_meta_set(tx, "count", span_cstr(text), &d), &d);
        if (i % 10 == 9)
            store_rollback(&tx);
        else
            must(store_commit(&tx, &d), &d);
    }
    arena_free(&a);
    return NULL;
}

static void test_writers_take_turns(void **state) {
    struct fixture *f = *state;
    struct crowd crowd = {.f = f};
    pthread_t writers[3];
    struct span value;
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&writers[i], NULL, count_up, &crowd), 0);
    for (int i = 0; i < 3; i++) pthread_join(writers[i], NULL);
    OK(store_meta_get(f->r, "count", &f->a, &value, &f->d));
    assert_span(value, "135");
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

/* The child's exit code: what the second process saw. */
static int second_process(const char *url) {
    struct fixture other = {0}, *f = &other;
    struct store_holding h;
    arena_init(&f->a, 1 << 20);
    if (fixture_one_writer() && store_open(url, STORE_WRITE, &f->s, &f->d) != ERR_BUSY) return 1;
    if (store_open(url, STORE_READ, &f->s, &f->d)) return 2;
    if (store_reader_open(f->s, &f->r, &f->d)) return 3;
    if (store_holding_latest(f->r, fixture_id("indicator", 5), &f->a, &h, &f->d)) return 4;
    if (store_holding_latest(f->r, fixture_id("indicator", 50), &f->a, &h, &f->d) != ERR_NOT_FOUND) return 5;
    fixture_close(f);
    arena_free(&f->a);
    return 0;
}

static int wait_for(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_two_processes(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_publish(f, 0, 10);
    struct store_tx *tx = fixture_begin(f);
    struct store_holding h = fixture_holding(50, 1);
    fixture_add(f, tx, &h, NULL, 0);
    /* The child opens by itself and leaves by _exit(): it must not touch what it inherited. */
    pid_t child = fork();
    if (child == 0) _exit(second_process(f->url));
    assert_int_equal(wait_for(child), 0);
    OK(store_intake_publish(tx, &f->d));
    fixture_commit(f, &tx);
    OK(store_holding_latest(f->r, fixture_id("indicator", 50), &f->a, &h, &f->d));
}

enum { KILLS = 15, INTAKE = 200 };

static void write_until_killed(const char *url, int64_t ledger, int acknowledge) {
    struct fixture own = {0}, *f = &own;
    struct store_ledger l;
    arena_init(&f->a, 1 << 20);
    must(store_open(url, STORE_WRITE, &f->s, &f->d), &f->d);
    must(store_reader_open(f->s, &f->r, &f->d), &f->d);
    must(store_ledger_get(f->r, ledger, &f->a, &l, &f->d), &f->d);
    for (uint32_t size = (uint32_t)l.size;; size += INTAKE) {
        struct store_tx *tx = NULL;
        int64_t id;
        bool added;
        for (unsigned i = 0; i < INTAKE; i++) {
            if (i % 50 == 0) {
                if (tx) must(store_commit(&tx, &f->d), &f->d);
                must(store_begin(f->s, &tx, &f->d), &f->d);
            }
            struct store_holding h = fixture_holding(size + i, 1);
            struct span ref = fixture_id("identity", 1);
            must(store_holding_add(tx, &h, &ref, 1, &id, &added, &f->d), &f->d);
        }
        must(store_intake_publish(tx, &f->d), &f->d);
        for (unsigned i = 0; i < INTAKE; i++) {
            struct store_entry e = fixture_entry(ledger, size + i, size + i, (int64_t)size + i + 1);
            must(store_entry_add(tx, &e, &f->d), &f->d);
        }
        l.size = size + INTAKE;
        must(store_ledger_update(tx, &l, &f->d), &f->d);
        must(store_commit(&tx, &f->d), &f->d);
        uint32_t done = size + INTAKE;
        if (write(acknowledge, &done, sizeof done) != sizeof done) _exit(1);
    }
}

/* Everything acknowledged is there, whole, once; returns how much there is. */
static uint64_t check_after_kill(struct fixture *f, int64_t ledger, uint32_t acknowledged) {
    struct store_ledger l;
    struct store_total *totals;
    uint64_t size;
    int64_t visible, *naming;
    size_t count;
    fixture_open(f);
    OK(store_ledger_get(f->r, ledger, &f->a, &l, &f->d));
    assert_true(l.size >= acknowledged && l.size <= (uint64_t)acknowledged + INTAKE);
    OK(store_entry_after(f->r, ledger, INT64_MAX, &size, &f->d));
    assert_int_equal(size, l.size);
    OK(store_holding_visible(f->r, &visible, &f->d));
    assert_int_equal(visible, l.size);
    OK(store_holding_totals(f->r, &f->a, &totals, &count, &f->d));
    assert_int_equal(count ? totals[0].count : 0, l.size);
    int64_t after = visible > 100 ? visible - 100 : 0;
    OK(store_holding_naming(f->r, fixture_id("identity", 1), after, 1000, &f->a, &naming, &count, &f->d));
    assert_int_equal(count, visible - after);
    fixture_close(f);
    return l.size;
}

static void test_killed_writers(void **state) {
    struct fixture *f = *state;
    uint32_t acknowledged = 0;
    fixture_open(f);
    int64_t ledger = fixture_ledger(f, "US-DOD");
    fixture_close(f);
    for (unsigned n = 0; n < KILLS; n++) {
        int pipes[2];
        uint32_t done;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) write_until_killed(f->url, ledger, pipes[1]);
        close(pipes[1]);
        /* Some rounds are killed before anything is done, on a slow machine; others after. */
        if (n % 3 == 0 && read(pipes[0], &done, sizeof done) == sizeof done) acknowledged = done;
        usleep(20000 + n * 7919 % 60000);
        kill(child, SIGKILL);
        assert_int_equal(wait_for(child), -SIGKILL);
        while (read(pipes[0], &done, sizeof done) == sizeof done) acknowledged = done;
        close(pipes[0]);
        acknowledged = (uint32_t)check_after_kill(f, ledger, acknowledged);
    }
    assert_true(acknowledged > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_readers_beside_a_writer),
        STORE_TEST(test_writers_take_turns),
        STORE_TEST_CLOSED(test_two_processes),
        STORE_TEST_CLOSED(test_killed_writers),
    };
    return fixture_run("threads and processes", tests);
}
