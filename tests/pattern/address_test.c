#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "pattern/address.h"

static void spellings(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical; /* NULL: refused */
    } cases[] = {
        {"198.51.100.1", "198.51.100.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255/32", "255.255.255.255"},
        {"198.51.100.77/24", "198.51.100.0/24"},
        {"198.51.100.77/0", "0.0.0.0/0"},
        {"198.51.100.255/31", "198.51.100.254/31"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8::1/64", "2001:db8::/64"},
        {"2001:db8:ffff::/33", "2001:db8:8000::/33"},
        {"::", "::"},
        {"::/0", "::/0"},
        {"::ffff:198.51.100.1", "198.51.100.1"},
        {"::ffff:c633:6401", "198.51.100.1"},
        {"::ffff:198.51.100.1/120", "198.51.100.0/24"},
        {"::ffff:198.51.100.1/24", NULL},
        {"198.51.100.1/33", NULL},
        {"198.51.100.1/", NULL},
        {"198.51.100.1/-1", NULL},
        {"198.51.100.1/0024", NULL},
        {"198.51.100", NULL},
        {"198.51.100.1.1", NULL},
        {"198.51.100.256", NULL},
        {"198.51.100.01", NULL},
        {"198.51.100.1 ", NULL},
        {"2001:db8::1::1", NULL},
        {"fe80::1%eth0", NULL},
        {"[::1]", NULL},
        {"::1/129", NULL},
        {"", NULL},
        {"/", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address a;
        char text[ADDRESS_TEXT_SIZE];
        bool ok = address_parse_network(span_cstr(cases[i].text), &a);
        if (ok != (cases[i].canonical != NULL)) fail_msg("%s: %d", cases[i].text, ok);
        if (ok) assert_string_equal(address_format(&a, text), cases[i].canonical);
    }
}

static bool contains(const char *outer, const char *inner) {
    struct address o, i;
    assert_true(address_parse_network(span_cstr(outer), &o) && address_parse_network(span_cstr(inner), &i));
    return address_contains(&o, &i);
}

static void containment(void **state) {
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.0.1"));
    assert_true(contains("10.0.0.0/8", "10.1.0.0/16"));
    assert_true(contains("10.0.0.0/8", "10.0.0.0/8"));
    assert_true(contains("0.0.0.0/0", "203.0.113.9"));
    assert_false(contains("10.1.0.0/16", "10.0.0.0/8"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(spellings), cmocka_unit_test(containment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
