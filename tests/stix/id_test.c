/* Identifiers, and the deterministic ids of observables: sco_ids.ndjson has examples of the specification and others
 * made with an independent implementation. */
#include "case_lines.h"

#include "stix/id.h"
#include "stix/object.h"

static void run(struct arena *a, struct json_value line, const char *where) {
    char id[STIX_ID_SIZE];
    struct diag d;
    const char *about = text_of(a, line, "about");
    enum err e = stix_sco_id(a, json_get(line, "object"), id, &d);
    if (json_type(json_get(line, "id")) == JSON_NULL) {
        if (e != ERR_NOT_FOUND) fail_msg("%s (%s): expected none, got %s", where, about, e ? d.message : id);
    } else if (e || strcmp(id, text_of(a, line, "id")) != 0) {
        fail_msg("%s (%s): %s", where, about, e ? d.message : id);
    }
}

static void test_observables(void **state) {
    (void)state;
    each_case("sco_ids.ndjson", run);
}

static void test_parts(void **state) {
    (void)state;
    struct span id = SPAN("x-agency-case--4f1c5a3e-8d2b-4c6a-9e7f-0123456789ab");
    assert_true(stix_id_valid(id));
    assert_true(span_is(stix_id_type(id), "x-agency-case"));
    assert_int_equal(stix_id_version(id), 4);
    for (size_t len = 0; len < id.len; len++) assert_false(stix_id_valid(span_first(id, len)));
    assert_int_equal(stix_id_type(SPAN("x")).len, 0);
    assert_int_equal(stix_id_version(SPAN("x")), 0);
    assert_false(stix_id_valid((struct span){0}));
}

static void test_lengths(void **state) {
    char text[STIX_ID_SIZE + 8];
    (void)state;
    memset(text, 'a', sizeof text);
    static const char uuid[] = "--4f1c5a3e-8d2b-4c6a-9e7f-0123456789ab";
    memcpy(text + STIX_TYPE_MAX, uuid, sizeof uuid - 1);
    assert_true(stix_id_valid(span_of(text, STIX_TYPE_MAX + sizeof uuid - 1)));
    memset(text, 'a', sizeof text);
    memcpy(text + STIX_TYPE_MAX + 1, uuid, sizeof uuid - 1);
    assert_false(stix_id_valid(span_of(text, STIX_TYPE_MAX + sizeof uuid)));
}

/* Any hash becomes an identifier that is valid, of version 4, and of which nothing but the six fixed bits is lost. */
static void test_from_hmac(void **state) {
    struct sha256 hash;
    char id[STIX_ID_SIZE], other[STIX_ID_SIZE];
    (void)state;
    memset(hash.b, 0xff, sizeof hash.b);
    stix_id_from_hmac(&hash, SPAN("indicator"), id);
    assert_string_equal(id, "indicator--ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(hash.b, 0, sizeof hash.b);
    stix_id_from_hmac(&hash, SPAN("indicator"), id);
    assert_string_equal(id, "indicator--00000000-0000-4000-8000-000000000000");
    assert_true(stix_id_valid(span_cstr(id)));
    hash.b[15] = 1;
    stix_id_from_hmac(&hash, SPAN("indicator"), other);
    assert_string_not_equal(id, other);
}

static void test_uuid5(void **state) {
    char id[STIX_ID_SIZE];
    struct buf big = BUF_EMPTY;
    (void)state;
    stix_id_uuid5(SPAN("ipv4-addr"), SPAN("{\"value\":\"198.51.100.3\"}"), id);
    assert_string_equal(id, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
    for (int i = 0; i < 5000; i++) buf_add_char(&big, 'x');
    stix_id_uuid5(SPAN("url"), buf_span(&big), id);
    assert_true(stix_id_valid(span_cstr(id)));
    assert_int_equal(stix_id_version(span_cstr(id)), 5);
    buf_free(&big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_observables), cmocka_unit_test(test_parts), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_from_hmac),   cmocka_unit_test(test_uuid5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
