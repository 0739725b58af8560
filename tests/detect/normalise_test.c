/* One spelling for each value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/fields.h"
#include "detect/normalise.h"
#include "detect/reader.h"
#include "detect/words.h"

static const struct {
    enum atom_kind kind;
    const char *text, *normal; /* NULL: none of its kind */
} cases[] = {
    {ATOM_DOMAIN, "Evil.EXAMPLE.", "evil.example"},
    {ATOM_DOMAIN, "evil.example", "evil.example"},
    {ATOM_DOMAIN,
     "b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example"},
    {ATOM_DOMAIN,
     "B\xc3\x9c"
     "CHER.example",
     "xn--bcher-kva.example"},
    {ATOM_DOMAIN, "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
    {ATOM_DOMAIN, "\xe3\x81\x8b\xe3\x81\xaa.example", "xn--u8j2c.example"},
    {ATOM_DOMAIN, "_dmarc.example", "_dmarc.example"},
    {ATOM_DOMAIN, "two words.example", NULL},
    {ATOM_DOMAIN, "evil.example/x", NULL},
    {ATOM_DOMAIN, ".", NULL},
    {ATOM_DOMAIN, "", NULL},
    {ATOM_URL, "HTTP://Evil.Example", "http://evil.example/"},
    {ATOM_URL, "http://evil.example:80/A?b=C#d", "http://evil.example/A?b=C"},
    {ATOM_URL, "https://evil.example:443/", "https://evil.example/"},
    {ATOM_URL, "https://evil.example:8443?x", "https://evil.example:8443/?x"},
    {ATOM_URL, "http://user:pass@evil.example/", "http://evil.example/"},
    {ATOM_URL, "http://evil.example:/", "http://evil.example/"},
    {ATOM_URL, "http://[2001:DB8:0::1]:8080/x", "http://[2001:db8::1]:8080/x"},
    {ATOM_URL, "http://198.51.100.7/x", "http://198.51.100.7/x"},
    {ATOM_URL,
     "http://b\xc3\xbc"
     "cher.example/\xc3\xbc",
     "http://xn--bcher-kva.example/%C3%BC"},
    {ATOM_URL, "evil.example/x", "//evil.example/x"},
    {ATOM_URL, "evil.example:8080/x", "//evil.example:8080/x"},
    {ATOM_URL, "and/or", NULL},
    {ATOM_URL, "http://a.example/%7euser/%2f%2D%zz%4", "http://a.example/~user/%2F-%zz%4"},
    {ATOM_URL, "http://a.example/a/./b/../c?x=/../%41", "http://a.example/a/c?x=/../A"},
    {ATOM_URL, "http://a.example/../../x/..", "http://a.example/"},
    {ATOM_URL, "http://a.example/a/.", "http://a.example/a/"},
    {ATOM_URL, "http://a.example/.../..a/b..", "http://a.example/.../..a/b.."},
    {ATOM_URL, "http://a.example/%C3%bc", "http://a.example/%C3%BC"},
    {ATOM_URL, "http://a.example/%2e%2E/x", "http://a.example/x"},
    {ATOM_URL, "http://", NULL},
    {ATOM_URL, "http:///x", NULL},
    {ATOM_HASH, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"},
    {ATOM_HASH, "a3:81:9b:ad:cc:ae:79:9e:c8:53:3a:91:7d:bd:5a:8b:d7:f1:4b:fb",
     "a3819badccae799ec8533a917dbd5a8bd7f14bfb"},
    {ATOM_HASH, "a3:81:9b:ad", NULL},
    {ATOM_HASH, "d41d8cd98f00b204e9800998ecf8427", NULL},
    {ATOM_HASH, "g41d8cd98f00b204e9800998ecf8427e", NULL},
    {ATOM_EMAIL, "Some.One@Evil.Example", "Some.One@evil.example"},
    {ATOM_EMAIL, "\"Name, A\" <a@EVIL.example>", "a@evil.example"},
    {ATOM_EMAIL, "mailto:a@evil.example", "a@evil.example"},
    {ATOM_EMAIL, "@evil.example", NULL},
    {ATOM_EMAIL, "a@", NULL},
};

static void normalises(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct span out = {0};
        arena_init(&a, 1 << 20);
        bool ok = normalise_value(&a, cases[i].kind, span_cstr(cases[i].text), &out);
        if (ok != (cases[i].normal != NULL) || (ok && !span_is(out, cases[i].normal)))
            fail_msg("%s: %d \"%.*s\"", cases[i].text, ok, SPAN_ARG(out));
        /* what is normal already stays */
        if (ok && (!normalise_value(&a, cases[i].kind, out, &out) || !span_is(out, cases[i].normal)))
            fail_msg("%s: not stable: \"%.*s\"", cases[i].text, SPAN_ARG(out));
        arena_free(&a);
    }
}

static void splits_hosts_and_ports(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
    } hosts[] = {
        {"evil.example:8080", "evil.example", 8080},
        {"evil.example:", "evil.example", -1},
        {"[2001:db8::1]:443", "2001:db8::1", 443},
        {"[2001:db8::1]", "2001:db8::1", -1},
        {"198.51.100.7:0", "198.51.100.7", 0},
        {"evil.example", NULL, 0},
        {"2001:db8::1", NULL, 0},
        {"evil.example:65536", NULL, 0},
        {"evil.example:8o80", NULL, 0},
        {":80", NULL, 0},
        {"[]:80", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct span host;
        int32_t port;
        bool ok = split_host_port(span_cstr(hosts[i].text), &host, &port);
        if (ok != (hosts[i].host != NULL)) fail_msg("%s: %d", hosts[i].text, ok);
        if (ok && (!span_is(host, hosts[i].host) || port != hosts[i].port)) fail_msg("%s", hosts[i].text);
    }
}

static void shapes(void **state) {
    (void)state;
    assert_true(looks_like_domain(SPAN("evil.example")));
    assert_true(looks_like_domain(SPAN("a-b_c.1.example.")));
    assert_false(looks_like_domain(SPAN("example")));
    assert_false(looks_like_domain(SPAN("1.25")));
    assert_false(looks_like_domain(SPAN("198.51.100.7")));
    assert_false(looks_like_domain(SPAN("a..example")));
    assert_false(looks_like_domain(SPAN("a.example/x")));
}

static void words(void **state) {
    (void)state;
    static const char line[] =
        "Nov 23 src=198.51.100.7:443 (evil.example), \"http://a.example/x?y=z\". [2001:db8::1]:53 "
        "[tag] <a@b.example>; http://[2001:db8::2]/p end.";
    static const char *const expected[] = {"Nov",
                                           "23",
                                           "src",
                                           "198.51.100.7:443",
                                           "evil.example",
                                           "http://a.example/x?y=z",
                                           "[2001:db8::1]:53",
                                           "tag",
                                           "a@b.example",
                                           "http://[2001:db8::2]/p",
                                           "end"};
    struct span rest = SPAN(line), word;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(words_next(&rest, &word));
        if (!span_is(word, expected[i])) fail_msg("\"%.*s\", not %s", SPAN_ARG(word), expected[i]);
    }
    assert_false(words_next(&rest, &word));
}

static void sorted(const struct field_table *table) {
    for (size_t i = 1; i < table->count; i++) {
        int order = strcmp(table->rows[i - 1].name, table->rows[i].name);
        if (order > 0) fail_msg("%s stands before %s", table->rows[i - 1].name, table->rows[i].name);
        if (order == 0 && !table->rows[i - 1].log)
            fail_msg("%s for any log hides the row beside it", table->rows[i].name);
    }
}

static void tables_are_sorted(void **state) {
    (void)state;
    sorted(&zeek_fields);
    sorted(&eve_fields);
    sorted(&generic_fields);
}

static void times(void **state) {
    (void)state;
    static const struct {
        const char *text;
        time_us time;
    } moments[] = {
        {"1588205199.824370", INT64_C(1588205199824370)},
        {"1588205199", INT64_C(1588205199000000)},
        {"1588205199824", INT64_C(1588205199824000)},
        {"1588205199824370", INT64_C(1588205199824370)},
        {"1588205199824370000", INT64_C(1588205199824370)},
        {"2020-04-30T00:06:39.82437Z", INT64_C(1588205199824370)},
        {"2020-04-30T09:06:39.824370+0900", INT64_C(1588205199824370)},
        {"2020-04-30 00:06:39.82437", INT64_C(1588205199824370)},
        {"2020/04/30 00:06:39,824", INT64_C(1588205199824000)},
        {"2020-04-30T00:06", INT64_C(1588205160000000)},
        {"30/Apr/2020:09:06:39 +0900", INT64_C(1588205199000000)},
        {"Thu, 30 Apr 2020 09:06:39 +0900 (JST)", INT64_C(1588205199000000)},
        {"30 Apr 2020 00:06:39 +0000", INT64_C(1588205199000000)},
        {"Apr 30 00:06:39 2020 GMT", INT64_C(1588205199000000)},
    };
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        time_us t = TIME_NONE;
        if (!field_time(span_cstr(moments[i].text), 0, &t) || t != moments[i].time)
            fail_msg("%s: %lld", moments[i].text, (long long)t);
    }
    static const char *const none[] = {"", "yesterday", "2020-13-30 00:06:39", "30/Foo/2020:09:06:39 +0900",
                                       "99999999999999999999"};
    time_us t;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_false(field_time(span_cstr(none[i]), 0, &t));
    assert_true(field_time(SPAN("2020-04-30 09:06:39"), INT64_C(9) * 3600 * TIME_US_PER_S, &t));
    assert_int_equal(t, INT64_C(1588205199000000));
    int64_t zone;
    assert_true(reader_zone_parse(SPAN("+09:00"), &zone) && zone == INT64_C(9) * 3600 * TIME_US_PER_S);
    assert_true(reader_zone_parse(SPAN("-0530"), &zone) &&
                zone == INT64_C(-5) * 3600 * TIME_US_PER_S - 1800 * TIME_US_PER_S);
    assert_false(reader_zone_parse(SPAN("JST"), &zone));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises), cmocka_unit_test(splits_hosts_and_ports), cmocka_unit_test(shapes),
        cmocka_unit_test(words),      cmocka_unit_test(tables_are_sorted),      cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
