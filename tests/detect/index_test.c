/* The index on single lines: which indicators an event matches, nesting of networks, plans, what is unsupported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/index.h"
#include "detect/reader.h"
#include "detect/validity.h"

static struct detect_indicator indicator(const char *id, const char *pattern) {
    return (struct detect_indicator){.id = span_cstr(id),
                                     .source = SPAN("US-DOD"),
                                     .names = SPAN("Emotet"),
                                     .marking = SPAN("amber+strict"),
                                     .pattern = span_cstr(pattern),
                                     .valid_from = 5,
                                     .valid_until = TIME_NONE,
                                     .confidence = 85};
}

static struct detect_index *build(const char *const *patterns, size_t count) {
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    for (size_t i = 0; i < count; i++) {
        char id[64];
        snprintf(id, sizeof id, "indicator--00000000-0000-4000-8000-%012zu", i);
        struct detect_indicator one = indicator(id, patterns[i]);
        assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
    }
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    assert_null(b);
    return index;
}

/* The indicators a JSON line matches, as "0 2". */
static void match(const struct detect_index *index, const char *line, char *out, size_t size) {
    struct arena a;
    struct diag d;
    const struct detect_event *event;
    struct detect_match matches[16];
    arena_init(&a, 16 << 20);
    if (detect_reader_ndjson.read(span_cstr(line), NULL, &a, &event, &d)) fail_msg("%s: %s", line, d.message);
    uint32_t count = detect_index_match(index, event, &a, matches, 16);
    bool hit[64] = {false};
    for (uint32_t i = 0; i < count; i++) {
        assert_false(hit[matches[i].indicator]); /* each once */
        hit[matches[i].indicator] = true;
    }
    out[0] = '\0';
    for (unsigned i = 0; i < 64; i++)
        if (hit[i]) snprintf(out + strlen(out), size - strlen(out), "%s%u", out[0] ? " " : "", i);
    arena_free(&a);
}

static const char *const patterns[] = {
    /* 0 */ "[ipv4-addr:value = '198.51.100.7']",
    /* 1 */ "[ipv4-addr:value = '198.51.100.0/24']",
    /* 2 */ "[ipv4-addr:value ISSUBSET '198.51.0.0/16']",
    /* 3 */ "[ipv4-addr:value ISSUBSET '0.0.0.0/0']",
    /* 4 */ "[ipv6-addr:value ISSUBSET '2001:db8::/32']",
    /* 5 */ "[ipv6-addr:value = '2001:DB8:0:0::1']",
    /* 6 */ "[domain-name:value = 'Evil.Example.']",
    /* 7 */ "[network-traffic:dst_ref.value = '203.0.113.9' AND network-traffic:dst_port = 443]",
    /* 8 */ "[network-traffic:src_ref.value = '203.0.113.9']",
    /* 9 */ "[url:value = 'http://evil.example/gate.php']",
    /* 10 */ "[url:value = 'http://evil.example/a' OR url:value = 'https://evil.example/a']",
    /* 11 */ "[network-traffic:extensions.'http-request-ext'.request_value = '/gate.php']",
    /* 12 */ "[file:hashes.MD5 = 'CC85D7649546D3C0B1607F761B73FEC2']",
    /* 13 */ "[x509-certificate:hashes.'SHA-1' = 'a3819badccae799ec8533a917dbd5a8bd7f14bfb']",
    /* 14 */ "[email-addr:value = 'Bad@Evil.example']",
    /* 15 */ "[email-addr:value = 'bad@evil.example']",
    /* 16 */ "[file:hashes.MD5 = 'cc85d7649546d3c0b1607f761b73fec2' AND file:name = 'gpt.ini']",
    /* 17 */
    "[domain-name:value = 'b\xc3\xbc"
    "cher.example'] OR [domain-name:value = 'x.example']",
    /* 18 */ "[network-traffic:dst_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '2001:db8::1']",
    /* 19 */ "[network-traffic:protocols[*] = 'dns' AND network-traffic:dst_ref.value = '10.0.0.53']",
    /* 20 */ "[url:value = 'evil.example/b']",
    /* 21 */ "[url:value = '/naked?x=']",
    /* 22 */ "[network-traffic:extensions.'http-request-ext'.request_header.Host = 'host.example']",
    /* 23 */ "[network-traffic:dst_port = 4444]",
    /* 24 */ "[artifact:hashes.'SHA-256' = '8b64b08097c05ac62a28d278d7627b7f230b78d8da722154d0efb54013623592']",
    /* 25 */ "[url:value = 'http://evil.example:8080/p']",
    /* 26 */ "[domain-name:value = 'a.example' AND domain-name:value = 'b.example']",
};

#define ZEEK(log, rest) "{\"_path\":\"" log "\",\"ts\":1,\"uid\":\"C\"," rest "}"

static const struct {
    const char *line, *hits;
} lines[] = {
    {ZEEK("conn", "\"id.orig_h\":\"198.51.100.7\""), "0 1 2 3"},
    {ZEEK("conn", "\"id.orig_h\":\"198.51.100.8\""), "1 2 3"},
    {ZEEK("conn", "\"id.orig_h\":\"198.51.101.8\""), "2 3"},
    {ZEEK("conn", "\"id.orig_h\":\"10.0.0.1\""), "3"},
    {ZEEK("conn", "\"id.orig_h\":\"::ffff:198.51.100.7\""), "0 1 2 3"},
    {ZEEK("conn", "\"id.orig_h\":\"2001:db8::5\""), "4"},
    {ZEEK("conn", "\"id.orig_h\":\"2001:0db8:0000:0000:0000:0000:0000:0001\""), "4 5"},
    {ZEEK("conn", "\"id.resp_h\":\"2001:db8::1\""), "4 5 18"},
    {ZEEK("conn", "\"id.orig_h\":\"2001:db9::1\""), ""},
    {ZEEK("dns", "\"query\":\"EVIL.example\""), "6"},
    {ZEEK("dns", "\"query\":\"evil.example.\""), "6"},
    {ZEEK("dns", "\"query\":\"x.evil.example\""), ""},
    {ZEEK("dns", "\"query\":\"notevil.example\""), ""},
    {ZEEK("dns", "\"query\":\"x.example\",\"answers\":[\"evil.example\"]"), "6 17"},
    {ZEEK("dns", "\"query\":\"B\\u00dcCHER.example\""), "17"},
    {ZEEK("dns", "\"query\":\"xn--bcher-kva.example\""), "17"},
    {ZEEK("conn", "\"id.resp_h\":\"203.0.113.9\",\"id.resp_p\":443"), "3 7"},
    {ZEEK("conn", "\"id.resp_h\":\"203.0.113.9\",\"id.resp_p\":80"), "3"},
    {ZEEK("conn", "\"id.orig_h\":\"203.0.113.9\",\"id.orig_p\":443"), "3 8"},
    {ZEEK("conn", "\"id.orig_h\":\"203.0.113.9\",\"id.resp_p\":443"), "3 8"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"\\/gate.php\",\"id.resp_p\":80"), "6 9 11"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"/gate.php#x\",\"id.resp_p\":80"), "6 9"},
    {ZEEK("http", "\"host\":\"other.example\",\"uri\":\"/gate.php\",\"id.resp_p\":80"), "11"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"/GATE.php\",\"id.resp_p\":80"), "6"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"/a\",\"id.resp_p\":80"), "6 10"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"/b\",\"id.resp_p\":80"), "6 20"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"/p\",\"id.resp_p\":80"), "6"},
    {ZEEK("http", "\"host\":\"evil.example\",\"uri\":\"/p\",\"id.resp_p\":8080"), "6 25"},
    {ZEEK("http", "\"host\":\"q.example\",\"uri\":\"/naked?x=\",\"id.resp_p\":80"), "21"},
    {ZEEK("http", "\"host\":\"host.example\",\"uri\":\"/\",\"id.resp_p\":80"), "22"},
    {ZEEK("ssl", "\"server_name\":\"host.example\""), ""},
    {"{\"u\":\"https://evil.example/a\"}", "6 10"},
    {"{\"u\":\"HTTP://EVIL.example:80/a\"}", "6 10"},
    {"{\"u\":\"ftp://evil.example/b\"}", "6 20"},
    {ZEEK("files", "\"md5\":\"cc85d7649546d3c0b1607f761b73fec2\",\"filename\":\"a\\\\gpt.ini\""), "12 16"},
    {ZEEK("files", "\"md5\":\"cc85d7649546d3c0b1607f761b73fec2\",\"filename\":\"other\""), "12"},
    {ZEEK("files", "\"sha256\":\"8B64B08097c05ac62a28d278d7627b7f230b78d8da722154d0efb54013623592\""), "24"},
    {ZEEK("files", "\"sha1\":\"a3819badccae799ec8533a917dbd5a8bd7f14bfb\""), ""},
    {ZEEK("ssl", "\"resp_certificate_sha1\":\"a3819badccae799ec8533a917dbd5a8bd7f14bfb\""), "13"},
    {"{\"h\":\"a3819badccae799ec8533a917dbd5a8bd7f14bfb\"}", "13"},
    {ZEEK("smtp", "\"mailfrom\":\"<Bad@EVIL.example>\""), "14"},
    {ZEEK("smtp", "\"mailfrom\":\"bad@evil.example\""), "15"},
    {ZEEK("smtp", "\"rcptto\":[\"bad@evil.example\"]"), "15"},
    {ZEEK("conn", "\"id.resp_h\":\"10.0.0.53\",\"service\":\"dns\""), "3 19"},
    {ZEEK("conn", "\"id.resp_h\":\"10.0.0.53\",\"service\":\"ssl\""), "3"},
    {ZEEK("conn", "\"id.resp_p\":4444"), "23"},
    {ZEEK("dns", "\"query\":\"a.example\",\"answers\":[\"b.example\"]"), ""}, /* two domains are not one */
};

static void matches(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, sizeof patterns / sizeof *patterns);
    assert_int_equal(detect_index_unsupported_count(index), 0);
    assert_int_equal(detect_index_stats(index).unanchored, 1);
    int wrong = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char hits[256];
        match(index, lines[i].line, hits, sizeof hits);
        if (strcmp(hits, lines[i].hits) == 0) continue;
        print_error("%s\n  expected %s, got %s\n", lines[i].line, lines[i].hits, hits);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    detect_index_free(&index);
    assert_null(index);
}

static void keeps_what_it_was_given(void **state) {
    (void)state;
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    struct detect_indicator given[] = {
        indicator("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "[domain-name:value = 'a.example']"),
        indicator("x-my-own-id", "[domain-name:value = 'b.example']"),
        indicator("indicator--0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D", "[domain-name:value LIKE '%']"),
    };
    given[1].revoked = true;
    given[1].names = given[1].marking = (struct span){0};
    for (int i = 0; i < 3; i++) assert_int_equal(detect_builder_add(b, &given[i], &d), ERR_NONE);
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    assert_int_equal(detect_index_count(index), 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct detect_indicator got;
        detect_index_get(index, i, &got);
        assert_true(span_equal(got.id, given[i].id));
        /* A pattern is kept where it is still to be compiled: there it stands before an id of another form. */
        assert_true(span_equal(got.pattern, i == 2 ? given[i].pattern : SPAN("")));
        assert_true(span_equal(got.source, given[i].source) && span_equal(got.names, given[i].names));
        assert_true(span_equal(got.marking, given[i].marking));
        assert_true(got.valid_from == 5 && got.valid_until == TIME_NONE && got.confidence == 85);
        assert_int_equal(got.revoked, given[i].revoked);
    }
    detect_index_free(&index);
}

/* Nothing is silently skipped: each indicator that cannot be evaluated is named, with why. */
static void names_the_unsupported(void **state) {
    (void)state;
    static const char *const bad[] = {"[domain-name:value = 'a.example'", "[domain-name:value = 'not a domain']",
                                      "[url:value = 'nonsense']", "[domain-name:value = 'ok.example']"};
    static const char *const why[] = {"column 33", "domain name", "URL"};
    struct detect_index *index = build(bad, 4);
    assert_int_equal(detect_index_unsupported_count(index), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const char *reason;
        assert_int_equal(detect_index_unsupported(index, i, &reason), i);
        if (!strstr(reason, why[i])) fail_msg("%s: %s", bad[i], reason);
    }
    detect_index_free(&index);
}

static void foreign_pattern_types(void **state) {
    (void)state;
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    const char *reason;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    struct detect_indicator sigma = indicator("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "title: x");
    sigma.pattern_type = SPAN("sigma");
    assert_int_equal(detect_builder_add(b, &sigma, &d), ERR_NONE);
    sigma.id = SPAN("");
    assert_int_equal(detect_builder_add(b, &sigma, &d), ERR_LIMIT);
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    assert_int_equal(detect_index_unsupported(index, 0, &reason), 0);
    assert_non_null(strstr(reason, "sigma"));
    detect_index_free(&index);
}

/* valid_from is inclusive, valid_until exclusive; without an event's time, now counts; revoked never alerts. */
static void validity(void **state) {
    (void)state;
    struct detect_indicator i = {.valid_from = 100, .valid_until = 200};
    assert_int_equal(detect_validity(&i, 99, VALIDITY_EVENT, 150), VALIDITY_OUTSIDE);
    assert_int_equal(detect_validity(&i, 100, VALIDITY_EVENT, 900), VALIDITY_ALERT);
    assert_int_equal(detect_validity(&i, 199, VALIDITY_EVENT, 900), VALIDITY_ALERT);
    assert_int_equal(detect_validity(&i, 200, VALIDITY_EVENT, 150), VALIDITY_OUTSIDE);
    assert_int_equal(detect_validity(&i, 99, VALIDITY_NOW, 150), VALIDITY_ALERT);
    assert_int_equal(detect_validity(&i, 150, VALIDITY_NOW, 900), VALIDITY_OUTSIDE);
    assert_int_equal(detect_validity(&i, TIME_NONE, VALIDITY_EVENT, 150), VALIDITY_ALERT);
    assert_int_equal(detect_validity(&i, TIME_NONE, VALIDITY_EVENT, 900), VALIDITY_OUTSIDE);
    assert_int_equal(detect_validity(&i, 99, VALIDITY_ANY, 900), VALIDITY_ALERT);
    i.valid_from = i.valid_until = TIME_NONE;
    assert_int_equal(detect_validity(&i, -5, VALIDITY_EVENT, 0), VALIDITY_ALERT);
    i.revoked = true;
    assert_int_equal(detect_validity(&i, 150, VALIDITY_ANY, 150), VALIDITY_REVOKED);
    enum validity_mode mode;
    assert_true(validity_mode_parse(SPAN("now"), &mode) && mode == VALIDITY_NOW);
    assert_false(validity_mode_parse(SPAN("later"), &mode));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(keeps_what_it_was_given),
        cmocka_unit_test(names_the_unsupported),
        cmocka_unit_test(foreign_pattern_types),
        cmocka_unit_test(validity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
