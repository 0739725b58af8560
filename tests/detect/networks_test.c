/* Networks against looking at each one, and patterns read by template against patterns read in full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "detect/index_template.h"
#include "detect/networks.h"

enum { NETWORKS = 400, LOOKUPS = 4000, ROUNDS = 30 };

static uint64_t state = 88172645463325252u;
static unsigned below(unsigned n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

/* Addresses of few different bytes, so that networks nest and touch. */
static struct address random_address(bool v4) {
    static const uint8_t bytes[] = {0, 1, 127, 128, 254, 255};
    struct address a = {.v4 = v4, .prefix = v4 ? 32 : 128};
    for (int i = 0; i < (v4 ? 4 : 16); i++) a.bytes[i] = bytes[below(sizeof bytes)];
    return a;
}

static bool is_there(const struct network_slot *slots, uint32_t count, const struct address *a) {
    for (uint32_t i = 0; i < count; i++)
        if (slots[i].v4 == a->v4 && slots[i].prefix == a->prefix && memcmp(slots[i].bytes, a->bytes, 16) == 0)
            return true;
    return false;
}

static uint32_t random_networks(struct network_slot *slots) {
    uint32_t count = 0, wanted = below(NETWORKS);
    for (uint32_t i = 0; i < wanted; i++) {
        struct address any = random_address(below(2)), a = address_masked(&any, below(any.v4 ? 32 : 128));
        if (is_there(slots, count, &a)) continue;
        slots[count] = (struct network_slot){.prefix = a.prefix, .v4 = a.v4, .first = count + 1};
        memcpy(slots[count++].bytes, a.bytes, 16);
    }
    return count;
}

static bool holds(const struct network_slot *n, const struct address *a) {
    struct address outer = {.prefix = n->prefix, .v4 = n->v4};
    memcpy(outer.bytes, n->bytes, 16);
    return address_contains(&outer, a);
}

static void nested(void **unused) {
    (void)unused;
    unsigned found = 0, deep = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct network_slot *slots = calloc(NETWORKS + 1, sizeof *slots);
        uint32_t count = random_networks(slots);
        struct networks n;
        assert_true(networks_build(&n, slots, count));
        for (int i = 0; i < LOOKUPS; i++) {
            struct address a = random_address(below(2));
            unsigned expected = 0, chain = 0, narrower = 129;
            for (uint32_t k = 0; k < count; k++) expected += holds(&n.slots[k], &a);
            for (uint32_t at = networks_find(&n, &a); at != NETWORK_NONE; at = n.slots[at].wider, chain++) {
                assert_true(holds(&n.slots[at], &a));
                assert_true(n.slots[at].prefix < narrower); /* each once, the narrowest first */
                narrower = n.slots[at].prefix;
            }
            assert_int_equal(chain, expected);
            found += expected > 0;
            deep += expected > 3;
        }
        networks_free(&n);
    }
    assert_true(found > 1000 && deep > 100); /* or the test tests nothing */
}

static void edges(void **unused) {
    (void)unused;
    static const char *const texts[] = {"0.0.0.0/0", "0.0.0.0/32", "255.255.255.255/31", "128.0.0.0/1", "::/0",
                                        "ffff::/16", "::/127"};
    struct network_slot *slots = calloc(8, sizeof *slots);
    struct networks n;
    for (uint32_t i = 0; i < 7; i++) {
        struct address a;
        assert_true(address_parse_network(span_cstr(texts[i]), &a));
        slots[i] = (struct network_slot){.prefix = a.prefix, .v4 = a.v4};
        memcpy(slots[i].bytes, a.bytes, 16);
    }
    assert_true(networks_build(&n, slots, 7));
    static const struct {
        const char *address;
        unsigned networks;
    } cases[] = {{"0.0.0.0", 2},
                 {"0.0.0.1", 1},
                 {"127.255.255.255", 1},
                 {"128.0.0.0", 2},
                 {"255.255.255.254", 3},
                 {"255.255.255.255", 3},
                 {"::", 2},
                 {"::1", 2},
                 {"::2", 1},
                 {"ffff::", 2},
                 {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2},
                 {"fffe:ffff::", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address a;
        unsigned chain = 0;
        assert_true(address_parse(span_cstr(cases[i].address), &a));
        for (uint32_t at = networks_find(&n, &a); at != NETWORK_NONE; at = n.slots[at].wider) chain++;
        if (chain != cases[i].networks) fail_msg("%s: %u networks", cases[i].address, chain);
    }
    networks_free(&n);
}

/* What a template makes of a pattern, as the compiler would; or that it leaves it alone. */
static void templates(void **unused) {
    (void)unused;
    static const char *const learnt[] = {
        "[domain-name:value = 'a.example']",
        "[file:hashes.'SHA-256' = '8b64b08097c05ac62a28d278d7627b7f230b78d8da722154d0efb54013623592']",
        "[ipv4-addr:value = '198.51.100.7']",
        "[domain-name:value = 'y.example'] // 'y.example']",
        "/* [ */ [url:value = 'y']",
        "[domain-name:value = 'it\\'s']",
    };
    static const struct {
        const char *pattern, *value; /* NULL: to be read in full */
    } cases[] = {
        {"[domain-name:value = 'other.example']", "other.example"},
        {"[domain-name:value = 'b\\'c']", NULL},
        {"[domain-name:value = 'a' AND domain-name:value = 'b']", NULL},
        {"[domain-name:value = '']", NULL},
        {"[domain-name:value = 'b\xc3\xbc']", NULL},
        {"[domain-name:value = 'x'] ", NULL},
        {"[domain-name:value  = 'x']", NULL},
        {"[domain-name:value = 'y.example'] // 'z']", NULL},
        {"/* [ */ [url:value = 'z']", NULL},
        {"[ipv4-addr:value = 'none']", NULL},
        {"[file:hashes.'SHA-256' = '8b64']", NULL},
        {"[ipv4-addr:value = '10.0.0.0/8']", ""},
    };
    struct index_templates t = {0};
    struct arena a;
    struct diag d;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof learnt / sizeof *learnt; i++) {
        const struct pattern *pattern;
        const struct pattern_plan *plan;
        struct span text = span_cstr(learnt[i]);
        assert_int_equal(pattern_parse(&a, text, &pattern, &d), ERR_NONE);
        assert_int_equal(pattern_compile(&a, pattern, &plan, &d), ERR_NONE);
        index_template_learn(&t, text, plan->atoms);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pattern_atom atom;
        bool applied = index_template_apply(&t, span_cstr(cases[i].pattern), &atom);
        if (applied != (cases[i].value != NULL)) fail_msg("%s", cases[i].pattern);
        if (applied) assert_true(span_equal(atom.value, span_cstr(cases[i].value)));
    }
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nested), cmocka_unit_test(edges), cmocka_unit_test(templates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
