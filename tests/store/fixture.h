/* What the store's tests share: a store in a folder of its own, once for every driver. */
#ifndef RENKEI_TESTS_STORE_FIXTURE_H
#define RENKEI_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

struct fixture {
    char folder[256], url[512];
    struct store *s;
    struct store_reader *r;
    struct arena a;
    struct diag d;
};

/* Per test: setup opens a new, empty store and a reader; teardown closes and removes everything. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* The same without opening, and closing what is open before the test's own opening. */
int fixture_setup_closed(void **state);
void fixture_close(struct fixture *f);
void fixture_open(struct fixture *f);
void fixture_reopen(struct fixture *f);

/* Runs the tests once against every driver. Returns the number of failures. */
int fixture_run_all(const char *name, const struct CMUnitTest *tests, size_t count);
#define fixture_run(name, tests) fixture_run_all(name, tests, sizeof(tests) / sizeof *(tests))
#define STORE_TEST(f)            cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
#define STORE_TEST_CLOSED(f)     cmocka_unit_test_setup_teardown(f, fixture_setup_closed, fixture_teardown)

/* Whether a second process that wants to write is turned away: a file has one writer, a database several in turn. */
bool fixture_one_writer(void);

/* Fails the test with the diagnosis. f must be in scope. */
#define OK(call)         fixture_ok((call), &f->d, #call, __FILE__, __LINE__)
#define FAILS(err, call) fixture_fails((err), (call), &f->d, #call, __FILE__, __LINE__)
void fixture_ok(enum err e, const struct diag *d, const char *call, const char *file, int line);
void fixture_fails(enum err expected, enum err e, const struct diag *d, const char *call, const char *file, int line);

struct store_tx *fixture_begin(struct fixture *f);
void fixture_commit(struct fixture *f, struct store_tx **tx);

/* "TYPE--…" with a UUID made of n. Static memory, 16 in turn for indicators, 64 for all others. */
struct span fixture_id(const char *type, unsigned n);
/* A holding of fixture_id("indicator", n), version `version`; its body is made of both. Static memory, 16 in turn. */
struct store_holding fixture_holding(unsigned n, unsigned version);
/* Adds it with the given references; returns the row. */
int64_t fixture_add(struct fixture *f, struct store_tx *tx, const struct store_holding *h, const struct span *refs,
                    size_t count);
/* Adds n holdings (fixture_holding(first…, 1)) and publishes them, in one transaction. */
void fixture_publish(struct fixture *f, unsigned first, unsigned n);
int64_t fixture_ledger(struct fixture *f, const char *recipient);
/* An entry releasing holding `holding` as it is. */
struct store_entry fixture_entry(int64_t ledger, uint64_t seq, unsigned n, int64_t holding);

#define assert_span(span, text) assert_true(span_is((span), (text)))

#endif
