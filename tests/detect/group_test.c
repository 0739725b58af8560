/* Alerts that say the same are one; suppression rules and what they cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "detect/group.h"
#include "detect/suppress.h"

#define MINUTE (60 * TIME_US_PER_S)

static struct detect_hit hit_of(uint32_t indicator, time_us time, const char *src, int port) {
    return (struct detect_hit){.indicator = indicator,
                               .time = time,
                               .value = SPAN("evil.example"),
                               .src = span_cstr(src),
                               .dst = SPAN("192.0.2.53"),
                               .src_port = port,
                               .dst_port = 53};
}

static void add(struct alert_groups *g, uint32_t indicator, time_us time, const char *src, int port,
                enum validity validity) {
    struct detect_hit hit = hit_of(indicator, time, src, port);
    char file[] = "dns.log", log[] = "zeek.dns"; /* live as long as a file is read */
    hit.file = file;
    hit.log = log;
    struct alert alert = {.hit = &hit, .validity = validity};
    assert_true(alert_groups_add(g, &alert));
}

static void grouped(void **state) {
    (void)state;
    struct alert_groups g;
    alert_groups_init(&g, 60 * MINUTE);
    add(&g, 1, 0, "10.0.0.1", 1000, VALIDITY_ALERT);
    add(&g, 1, 59 * MINUTE, "10.0.0.1", 1001, VALIDITY_ALERT);
    add(&g, 1, 30 * MINUTE, "10.0.0.2", 1000, VALIDITY_ALERT);  /* another host */
    add(&g, 2, 30 * MINUTE, "10.0.0.1", 1000, VALIDITY_ALERT);  /* another indicator */
    add(&g, 1, 30 * MINUTE, "10.0.0.1", 1000, VALIDITY_WARNED); /* another verdict */
    add(&g, 1, 60 * MINUTE, "10.0.0.1", 1000, VALIDITY_ALERT);  /* the window is over */
    add(&g, 1, 61 * MINUTE, "10.0.0.1", 1000, VALIDITY_ALERT);  /* counted to the newest */
    add(&g, 1, TIME_NONE, "10.0.0.1", 1000, VALIDITY_ALERT);
    assert_int_equal(g.count, 5);
    assert_int_equal(g.groups[0].alert.count, 2);
    assert_true(g.groups[0].alert.ports_vary);
    assert_int_equal(g.groups[0].hit.time, 0);
    assert_string_equal(g.groups[0].hit.file, "dns.log");
    assert_string_equal(g.groups[0].hit.log, "zeek.dns");
    assert_true(span_is(g.groups[0].hit.src, "10.0.0.1"));
    for (int i = 1; i < 4; i++) assert_int_equal(g.groups[i].alert.count, 1);
    assert_int_equal(g.groups[4].alert.count, 3);
    assert_false(g.groups[4].alert.ports_vary);
    alert_groups_clear(&g);
    add(&g, 1, 61 * MINUTE, "10.0.0.1", 1000, VALIDITY_ALERT);
    assert_int_equal(g.count, 1);
    assert_int_equal(g.groups[0].alert.count, 1);
    alert_groups_free(&g);
}

static const struct suppression *find(const struct suppressions *s, const char *indicator, enum atom_kind kind,
                                      const char *value, const char *member, time_us now) {
    return suppressions_find(s, span_cstr(indicator), kind, span_cstr(value), span_cstr(member), now);
}

static void suppressed(void **state) {
    (void)state;
    struct suppression rules[] = {
        {.number = 1, .indicator = SPAN("indicator--1"), .until = 100},
        {.number = 2,
         .value = {.kind = ATOM_DOMAIN, .value = SPAN("evil.example")},
         .member = SPAN("NAVY-1"),
         .until = TIME_NONE},
        {.number = 3, .value = {.kind = ATOM_ADDRESS, .value = SPAN("10.0.0.0/8")}, .until = TIME_NONE},
        {.number = 4,
         .indicator = SPAN("indicator--4"),
         .value = {.kind = ATOM_URL, .value = SPAN("http://a/")},
         .until = TIME_NONE},
    };
    struct suppressions s = {rules, sizeof rules / sizeof *rules};
    assert_true(address_parse_network(rules[2].value.value, &rules[2].value.address));
    assert_ptr_equal(find(&s, "indicator--1", ATOM_HASH, "ab", "", 99), &rules[0]);
    assert_null(find(&s, "indicator--1", ATOM_HASH, "ab", "", 100)); /* until is exclusive */
    assert_null(find(&s, "indicator--9", ATOM_DOMAIN, "evil.example", "", 0));
    assert_ptr_equal(find(&s, "indicator--9", ATOM_DOMAIN, "evil.example", "NAVY-1", 0), &rules[1]);
    assert_null(find(&s, "indicator--9", ATOM_DOMAIN, "evil.example", "NAVY-2", 0));
    assert_null(find(&s, "indicator--9", ATOM_URL, "evil.example", "NAVY-1", 0));
    assert_ptr_equal(find(&s, "indicator--9", ATOM_ADDRESS, "10.255.0.1", "", 0), &rules[2]);
    assert_ptr_equal(find(&s, "indicator--9", ATOM_ADDRESS, "10.1.0.0/16", "", 0), &rules[2]);
    assert_null(find(&s, "indicator--9", ATOM_ADDRESS, "0.0.0.0/0", "", 0));
    assert_null(find(&s, "indicator--9", ATOM_ADDRESS, "11.0.0.1", "", 0));
    assert_null(find(&s, "indicator--9", ATOM_DOMAIN, "10.1.1.1", "", 0));
    assert_null(find(&s, "indicator--4", ATOM_URL, "http://b/", "", 0)); /* both must be so */
    assert_null(find(&s, "indicator--5", ATOM_URL, "http://a/", "", 0));
    assert_ptr_equal(find(&s, "indicator--4", ATOM_URL, "http://a/", "", 0), &rules[3]);
}

static void a_rule_is_read_as_written(void **state) {
    (void)state;
    struct arena a;
    struct buf body = BUF_EMPTY;
    struct diag d;
    struct suppression rule = {.number = 7,
                               .indicator = SPAN("indicator--1"),
                               .value = {.kind = ATOM_ADDRESS, .value = SPAN("10.0.0.0/8")},
                               .member = SPAN("NAVY-1"),
                               .until = 5000000,
                               .keep_sightings = true,
                               .reason = SPAN("\"our\" scanner\n"),
                               .by = SPAN("uid:0"),
                               .made = 0},
                       back;
    arena_init(&a, 1 << 20);
    suppression_write(&body, &rule);
    assert_int_equal(suppression_read(&a, 7, buf_span(&body), &back, &d), ERR_NONE);
    assert_true(span_equal(back.indicator, rule.indicator) && span_equal(back.value.value, rule.value.value));
    assert_true(span_equal(back.member, rule.member) && span_equal(back.reason, rule.reason));
    assert_true(back.value.kind == ATOM_ADDRESS && back.value.address.prefix == 8 && back.value.address.bytes[0] == 10);
    assert_true(back.until == rule.until && back.made == 0 && back.keep_sightings);
    assert_int_equal(suppression_read(&a, 7, SPAN("{\"reason\":\"x\"}"), &back, &d), ERR_INVALID);
    buf_free(&body);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(grouped), cmocka_unit_test(suppressed),
                                       cmocka_unit_test(a_rule_is_read_as_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
