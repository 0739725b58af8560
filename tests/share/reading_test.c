/* Reading ahead: the same objects in the same order as one by one, whatever is wrong with them, and an end that comes
 * early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "share/reading.h"

struct source {
    struct span text;
    size_t at, step;
    bool fails; /* at the end of the text */
};

static enum err give(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct source *s = context;
    size_t n = s->text.len - s->at;
    if (n > s->step) n = s->step;
    if (n > size) n = size;
    if (n == 0 && s->fails) return diag_set(d, ERR_IO, "the disk is gone");
    memcpy(at, s->text.at + s->at, n);
    s->at += n;
    *got = n;
    return ERR_NONE;
}

/* Every seventh object is broken in one of several ways; the index makes each its own. */
static void write_object(struct buf *out, unsigned n) {
    static const char *const broken[] = {
        "{\"type\":\"indicator\",\"type\":\"indicator\"}", /* a key twice: no JSON that counts */
        "{\"type\":\"malware\"}",                          /* no id */
        "{}",                                              /* nothing */
    };
    if (n % 7 == 6) {
        buf_add_cstr(out, broken[n / 7 % 3]);
        return;
    }
    buf_printf(out,
               "{\"type\":\"url\",\"spec_version\":\"2.1\",\"id\":\"url--%08x-0000-4000-8000-000000000000\","
               "\"value\":\"https://host-%u.example/%0*u\"}",
               n, n, (int)(n % 500), n);
}

static void write_bundle(struct buf *out, unsigned count) {
    buf_add_cstr(out, "{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000000\",\"objects\":[");
    for (unsigned i = 0; i < count; i++) {
        if (i) buf_add_char(out, ',');
        write_object(out, i);
    }
    buf_add_cstr(out, "]}");
}

static void expect_same(const struct intake_object *got, unsigned n) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct intake_object one;
    char place[READING_PLACE_SIZE];
    struct stix_report *scratch = calloc(1, sizeof *scratch);
    arena_init(&a, READING_ARENA_MAX);
    write_object(&text, n);
    intake_read(&a, buf_span(&text), "", scratch, &one);
    snprintf(place, sizeof place, "objects[%u]", n);
    assert_string_equal(got->place, place);
    assert_true(span_equal(got->bytes, one.bytes));
    assert_int_equal(got->outcome, one.outcome);
    assert_int_equal(got->outcome == READING_GOOD, n % 7 != 6);
    assert_true(span_equal(got->object.id, one.object.id));
    assert_true(sha256_equal(&got->hash, &one.hash));
    assert_int_equal(got->report != NULL, one.report != NULL);
    if (one.report) assert_string_equal(got->report->findings[0].message, one.report->findings[0].message);
    if (one.wrong) assert_string_equal(got->wrong->message, one.wrong->message);
    buf_free(&text);
    arena_free(&a);
    free(scratch);
}

static void all_in_order(void **state) {
    enum { COUNT = 3000 };
    static const size_t steps[] = {1 << 20, 4097, 61};
    struct buf text = BUF_EMPTY;
    (void)state;
    write_bundle(&text, COUNT);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct source source = {.text = buf_span(&text), .step = steps[i]};
        struct reading *r;
        struct reading_batch batch;
        struct diag d = {0};
        unsigned n = 0;
        assert_int_equal(reading_open(&(struct reading_source){.source = give, .context = &source}, &r, &d), ERR_NONE);
        while (reading_next(r, &batch, &d) == ERR_NONE && batch.count > 0)
            for (size_t k = 0; k < batch.count; k++) expect_same(&batch.objects[k], n++);
        assert_int_equal(d.code, ERR_NONE);
        assert_int_equal(n, COUNT);
        reading_close(&r);
    }
    buf_free(&text);
}

/* What came before the trouble is handed over; then the trouble. */
static void trouble_comes_last(void **state) {
    enum { COUNT = 700 };
    struct buf text = BUF_EMPTY;
    (void)state;
    write_bundle(&text, COUNT);
    for (int fails = 0; fails < 2; fails++) {
        struct source source = {.text = span_first(buf_span(&text), text.len - 2), .step = 1000, .fails = fails == 1};
        struct reading *r;
        struct reading_batch batch;
        struct diag d = {0};
        enum err e;
        unsigned n = 0;
        assert_int_equal(reading_open(&(struct reading_source){.source = give, .context = &source}, &r, &d), ERR_NONE);
        while (!(e = reading_next(r, &batch, &d)) && batch.count > 0) n += (unsigned)batch.count;
        assert_int_equal(e, fails ? ERR_IO : ERR_SYNTAX);
        assert_true(d.message[0]);
        assert_int_equal(n, COUNT);
        reading_close(&r);
    }
    buf_free(&text);
}

static void closing_early(void **state) {
    struct buf text = BUF_EMPTY;
    (void)state;
    write_bundle(&text, 5000);
    for (unsigned batches = 0; batches < 6; batches++) {
        struct source source = {.text = buf_span(&text), .step = 1 << 20};
        struct reading *r;
        struct reading_batch batch;
        struct diag d = {0};
        assert_int_equal(reading_open(&(struct reading_source){.source = give, .context = &source}, &r, &d), ERR_NONE);
        for (unsigned i = 0; i < batches; i++) assert_int_equal(reading_next(r, &batch, &d), ERR_NONE);
        reading_close(&r);
        assert_null(r);
    }
    buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_order),
        cmocka_unit_test(trouble_comes_last),
        cmocka_unit_test(closing_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
