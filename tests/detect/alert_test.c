/* Alerts as table rows and ECS documents; sightings summed and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/alert.h"
#include "detect/sighting.h"
#include "stix/id.h"
#include "json/json.h"

static const struct detect_hit hit = {
    .indicator = 0,
    .time = INT64_C(1588205199824370),
    .line = 42,
    .file = "/var/log/zeek/dns.log",
    .log = "zeek.dns",
    .kind = ATOM_DOMAIN,
    .value = {"evil.example", 12},
    .src = {"10.0.0.1", 8},
    .dst = {"10.0.0.53", 9},
    .src_port = 5353,
    .dst_port = 53,
    .text = {"{\"query\":\"evil.example\"}", 24},
};
static const struct detect_indicator indicator = {
    .id = {"indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", 47},
    .source = {"JP-MOD", 6},
    .names = {"Emotet", 6},
    .marking = {"amber+strict", 12},
    .valid_from = TIME_NONE,
    .valid_until = TIME_NONE,
    .confidence = 85,
};

static void table(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct alert alert = {.hit = &hit,
                          .indicator = &indicator,
                          .validity = VALIDITY_ALERT,
                          .confidence = DETECT_CONFIDENCE_NONE,
                          .now = 0};
    static const struct alert_table wide = {0};
    alert_write_header(&out, &wide);
    alert_write_row(&out, &wide, &alert);
    const char *text = buf_cstr(&out);
    assert_non_null(strstr(text, "2020-04-30T00:06:39  evil.example"));
    assert_non_null(strstr(text, "10.0.0.1:5353 > 10.0.0.53:53"));
    assert_non_null(strstr(text, "Emotet"));
    assert_non_null(strstr(text, "dns.log:42\n"));
    assert_null(strstr(text, "outside"));
    buf_free(&out);
}

/* Telemetry is hostile: it does not write to the terminal, nor past its width. */
static void table_is_safe_and_fits(void **state) {
    (void)state;
    struct detect_hit hostile = hit;
    char long_value[] =
        "\x1b[31mevil-name-that-goes-on-and-on-and-on-\xe3\x81\x8b\xe3\x81\xaa\xe3\x81\x8b\xe3\x81\xaa.example";
    hostile.value = span_cstr(long_value);
    struct alert alert = {
        .hit = &hostile, .indicator = &indicator, .validity = VALIDITY_OUTSIDE, .confidence = DETECT_CONFIDENCE_NONE};
    for (unsigned width = 92; width < 220; width++) {
        struct buf out = BUF_EMPTY;
        alert_write_row(&out, &(struct alert_table){.width = width}, &alert);
        unsigned columns = 0;
        for (size_t i = 0; i < out.len; i++) columns += ((unsigned char)out.at[i] & 0xc0) != 0x80;
        assert_null(memchr(out.at, '\x1b', out.len));
        if (columns - 1 > width) fail_msg("%u columns for %u: %s", columns - 1, width, buf_cstr(&out));
        if (width > 180) assert_non_null(strstr(buf_cstr(&out), "outside-valid"));
        buf_free(&out);
    }
}

/* What cannot be seen, or turns the line around, is shown. */
static void table_shows_what_cannot_be_seen(void **state) {
    static const char *const bad[] = {
        "\x07",         "\x7f",         "\xc2\x9b",     "\xe2\x80\xae", "\xe2\x80\x8b",
        "\xe2\x81\xa6", "\xef\xbb\xbf", "\xc2\xad",     "\xd8\x9c",     "\xf3\xa0\x81\x81",
        "\xe2\x80\xa8", "\xe3\x85\xa4", "\xef\xb8\x8f", "\xff",         "\xed\xa0\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf out = BUF_EMPTY;
        struct detect_hit hostile = hit;
        char value[64];
        snprintf(value, sizeof value, "evil%sname.example", bad[i]);
        hostile.value = span_cstr(value);
        struct alert alert = {.hit = &hostile, .indicator = &indicator, .confidence = DETECT_CONFIDENCE_NONE};
        alert_write_row(&out, &(struct alert_table){0}, &alert);
        if (strstr(buf_cstr(&out), bad[i])) fail_msg("row %zu is shown as it is", i);
        assert_non_null(strstr(buf_cstr(&out), "evil?"));
        buf_free(&out);
    }
}

/* From where to where is not cut while another cell has room, nor without a limit. */
static void table_keeps_the_flow(void **state) {
    (void)state;
    struct detect_hit v4 = hit, v6 = hit;
    v4.src = v4.dst = SPAN("255.255.255.255");
    v6.src = v6.dst = SPAN("2001:db8:1111:2222:3333:4444:5555:6666");
    v4.src_port = v4.dst_port = v6.src_port = v6.dst_port = 65535;
    struct alert alert = {.hit = &v4, .indicator = &indicator, .confidence = DETECT_CONFIDENCE_NONE};
    for (unsigned width = 120; width <= 200; width += 20) {
        struct buf out = BUF_EMPTY;
        alert_write_row(&out, &(struct alert_table){.width = width, .counts = true}, &alert);
        assert_non_null(strstr(buf_cstr(&out), "255.255.255.255:65535 > 255.255.255.255:65535"));
        buf_free(&out);
    }
    struct buf out = BUF_EMPTY;
    alert.hit = &v6;
    alert_write_row(&out, &(struct alert_table){0}, &alert);
    assert_non_null(strstr(buf_cstr(&out), "6666:65535 > 2001:db8:1111:2222:3333:4444:5555:6666:65535  "));
    buf_free(&out);
}

static struct span at(struct json_doc *doc, struct arena *a, const char *first, const char *second, const char *third) {
    struct json_value v = json_get(json_root(doc), first);
    if (second) v = json_get(v, second);
    if (third) v = json_get(v, third);
    return json_type(v) == JSON_STRING ? json_text(v, a) : json_raw(v);
}

static void ecs(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    struct diag d;
    struct alert alert = {.hit = &hit,
                          .indicator = &indicator,
                          .validity = VALIDITY_ALERT,
                          .confidence = 85,
                          .member = SPAN("port-authority"),
                          .now = 0};
    arena_init(&a, 1 << 20);
    alert_write_ecs(&out, &alert);
    assert_true(out.at[out.len - 1] == '\n' && !memchr(out.at, '\n', out.len - 1));
    assert_int_equal(json_parse(&a, span_first(buf_span(&out), out.len - 1), &doc, &d), ERR_NONE);
    assert_true(span_is(at(&doc, &a, "@timestamp", NULL, NULL), "2020-04-30T00:06:39.824370Z"));
    assert_true(span_is(at(&doc, &a, "event", "kind", NULL), "alert"));
    assert_true(span_is(at(&doc, &a, "event", "dataset", NULL), "zeek.dns"));
    assert_true(span_is(at(&doc, &a, "threat", "feed", "name"), "JP-MOD"));
    assert_true(span_is(at(&doc, &a, "threat", "indicator", "type"), "domain-name"));
    assert_true(span_is(at(&doc, &a, "threat", "indicator", "confidence"), "High"));
    assert_true(span_is(at(&doc, &a, "source", "ip", NULL), "10.0.0.1"));
    assert_true(span_is(at(&doc, &a, "destination", "port", NULL), "53"));
    assert_true(span_is(at(&doc, &a, "organization", "name", NULL), "port-authority"));
    buf_clear(&out);
    alert.validity = VALIDITY_OUTSIDE;
    alert_write_ecs(&out, &alert);
    assert_int_equal(json_parse(&a, span_first(buf_span(&out), out.len - 1), &doc, &d), ERR_NONE);
    assert_true(span_is(at(&doc, &a, "event", "kind", NULL), "event"));
    assert_true(span_is(at(&doc, &a, "event", "reason", NULL), "outside-validity"));
    arena_free(&a);
    buf_free(&out);
}

static void eve(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    struct diag d;
    struct alert alert = {.hit = &hit, .indicator = &indicator, .confidence = 85};
    arena_init(&a, 1 << 20);
    alert_write_eve(&out, &alert);
    assert_int_equal(json_parse(&a, span_trim(buf_span(&out)), &doc, &d), ERR_NONE);
    assert_true(span_is(at(&doc, &a, "timestamp", NULL, NULL), "2020-04-30T00:06:39.824370+0000"));
    assert_true(span_is(at(&doc, &a, "event_type", NULL, NULL), "alert"));
    assert_true(span_is(at(&doc, &a, "src_ip", NULL, NULL), "10.0.0.1"));
    assert_true(span_is(at(&doc, &a, "dest_port", NULL, NULL), "53"));
    assert_true(span_is(at(&doc, &a, "alert", "severity", NULL), "1"));
    assert_true(span_is(at(&doc, &a, "alert", "signature", NULL), "Renkei indicator of Emotet: evil.example"));
    assert_true(span_is(at(&doc, &a, "renkei", "indicator", NULL), "indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"));
    arena_free(&a);
    buf_free(&out);
}

static void stix(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    struct diag d;
    struct map written;
    char observed[STIX_ID_SIZE];
    bool first = true;
    struct alert alert = {.hit = &hit, .indicator = &indicator, .confidence = 85};
    struct alert_stix how = {.secret = SPAN("secret"), .first = &first, .written = &written, .observed_id = observed};
    arena_init(&a, 1 << 20);
    map_init(&written);
    buf_add_char(&out, '[');
    assert_int_equal(alert_write_stix(&out, &alert, &how, &d), ERR_NONE);
    assert_int_equal(alert_write_stix(&out, &alert, &how, &d), ERR_NONE); /* the same again adds nothing */
    buf_add_char(&out, ']');
    assert_int_equal(json_parse(&a, buf_span(&out), &doc, &d), ERR_NONE);
    static const char *const types[] = {"domain-name", "ipv4-addr", "ipv4-addr", "network-traffic", "observed-data"};
    assert_int_equal(json_count(json_root(&doc)), 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(json_is(json_get(json_at(json_root(&doc), i), "type"), span_cstr(types[i])));
    struct json_value refs = json_get(json_at(json_root(&doc), 4), "object_refs");
    for (uint32_t i = 0; i < 4; i++)
        assert_true(json_is(json_at(refs, i), json_text(json_get(json_at(json_root(&doc), i), "id"), &a)));
    assert_true(json_is(json_get(json_at(json_root(&doc), 4), "id"), span_cstr(observed)));
    map_free(&written);
    arena_free(&a);
    buf_free(&out);
}

static void sums(void **state) {
    (void)state;
    struct sighting_set set;
    const time_us hour = SIGHTING_HOUR_US;
    sighting_set_init(&set);
    assert_true(sighting_set_add(&set, 1, 0, 5 * hour + 7, 0));
    assert_true(sighting_set_add(&set, 1, 0, 5 * hour + 3, 0));
    assert_true(sighting_set_add(&set, 1, 0, 6 * hour - 1, 0));
    assert_true(sighting_set_add(&set, 1, 0, 6 * hour, 0)); /* the next hour */
    assert_true(sighting_set_add(&set, 1, 2, 5 * hour, 0)); /* another member */
    assert_true(sighting_set_add(&set, 9, 0, TIME_NONE, 8 * hour + 1));
    assert_true(sighting_set_add(&set, 9, 0, -1, 0)); /* before 1970 */
    assert_int_equal(set.count, 5);
    assert_int_equal(set.sums[0].count, 3);
    assert_int_equal(set.sums[0].first_seen, 5 * hour + 3);
    assert_int_equal(set.sums[0].last_seen, 6 * hour - 1);
    assert_int_equal(set.sums[0].hour, 5 * hour);
    assert_int_equal(set.sums[3].hour, 8 * hour);
    assert_int_equal(set.sums[4].hour, -hour);
    sighting_set_free(&set);
}

static void sighting(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct span where[] = {SPAN("identity--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")};
    struct sighting s = {.id = SPAN("sighting--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                         .sighting_of_ref = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                         .created = 0,
                         .modified = 0,
                         .first_seen = 1000000,
                         .last_seen = TIME_NONE,
                         .count = UINT64_MAX,
                         .where_sighted_refs = where,
                         .where_sighted_count = 1};
    detect_sighting_write(&out, &s);
    assert_string_equal(buf_cstr(&out),
                        "{\"type\":\"sighting\",\"spec_version\":\"2.1\","
                        "\"id\":\"sighting--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\","
                        "\"created\":\"1970-01-01T00:00:00.000Z\",\"modified\":\"1970-01-01T00:00:00.000Z\","
                        "\"first_seen\":\"1970-01-01T00:00:01.000Z\",\"count\":999999999,"
                        "\"sighting_of_ref\":\"indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\","
                        "\"where_sighted_refs\":[\"identity--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\"]}");
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(table),
                                       cmocka_unit_test(table_is_safe_and_fits),
                                       cmocka_unit_test(table_shows_what_cannot_be_seen),
                                       cmocka_unit_test(table_keeps_the_flow),
                                       cmocka_unit_test(ecs),
                                       cmocka_unit_test(eve),
                                       cmocka_unit_test(stix),
                                       cmocka_unit_test(sums),
                                       cmocka_unit_test(sighting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
