/* Compiling to plans and evaluating them on facts made of small strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "pattern/plan.h"

static enum err compile(struct arena *a, const char *text, const struct pattern_plan **plan, struct diag *d) {
    const struct pattern *pattern;
    *plan = NULL;
    enum err error = pattern_parse(a, span_cstr(text), &pattern, d);
    return error ? error : pattern_compile(a, pattern, plan, d);
}

/* The plan as text: "O(all(address,port))". */
static void spell(const struct pattern_plan *plan, uint32_t at, char *out, size_t size) {
    static const char *const names[] = {"", "all", "any", "O"};
    const struct plan_node *n = &plan->nodes[at];
    size_t len = strlen(out);
    if (n->operation == PLAN_ATOM) {
        const struct pattern_atom *atom = &plan->atoms[n->atom];
        char address[ADDRESS_TEXT_SIZE] = "";
        if (atom->kind == ATOM_ADDRESS) address_format(&atom->address, address);
        snprintf(out + len, size - len, "%s:%s%.*s", atom_kind_name(atom->kind), address, SPAN_ARG(atom->value));
        if (atom->kind == ATOM_PORT) snprintf(out + strlen(out), size - strlen(out), "%u", atom->port);
        return;
    }
    snprintf(out + len, size - len, "%s(", names[n->operation]);
    for (uint32_t child = at + 1; child < at + n->size; child += plan->nodes[child].size) {
        if (child > at + 1) strncat(out, ",", size - strlen(out) - 1);
        spell(plan, child, out, size);
    }
    strncat(out, ")", size - strlen(out) - 1);
}

static const struct {
    const char *pattern, *plan;
} compiled[] = {
    {"[ipv4-addr:value = '198.51.100.1']", "O(address:198.51.100.1)"},
    {"[ipv4-addr:value = '198.51.100.7/24']", "O(address:198.51.100.0/24)"},
    {"[ipv4-addr:value ISSUBSET '10.0.0.0/8' OR ipv6-addr:value ISSUBSET '2001:DB8::/32']",
     "O(any(address:10.0.0.0/8,address:2001:db8::/32))"},
    {"[ipv6-addr:value = '::ffff:198.51.100.1']", "O(address:198.51.100.1)"},
    {"[domain-name:value IN ('a.example', 'b.example')]", "O(any(domain:a.example,domain:b.example))"},
    {"[domain-name:value = 'a.example'] OR [url:value = 'http://b.example/']",
     "any(O(domain:a.example),O(url:http://b.example/))"},
    {"[network-traffic:dst_ref.value = '198.51.100.1' AND network-traffic:dst_port = 443]",
     "O(all(address:198.51.100.1,port:443))"},
    {"[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'a.example']",
     "O(all(type:domain-name,domain:a.example))"},
    {"[network-traffic:extensions.'http-request-ext'.request_value = '/gate.php?x=']", "O(request:/gate.php?x=)"},
    {"[network-traffic:extensions.'http-request-ext'.request_header.'Host' = 'a.example']", "O(domain:a.example)"},
    {"[network-traffic:protocols[*] = 'dns' AND network-traffic:src_port IN (53, 5353)]",
     "O(all(protocol:dns,any(port:53,port:5353)))"},
    {"[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' OR file:name = 'a.exe']",
     "O(any(hash:d41d8cd98f00b204e9800998ecf8427e,file-name:a.exe))"},
    {"[email-message:from_ref.value = 'a@b.example']", "O(email:a@b.example)"},
};

static void compiles(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof compiled / sizeof *compiled; i++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        const struct pattern_plan *plan;
        struct diag d;
        char text[1024] = "";
        if (compile(&a, compiled[i].pattern, &plan, &d)) fail_msg("%s: %s", compiled[i].pattern, d.message);
        spell(plan, 0, text, sizeof text);
        assert_string_equal(text, compiled[i].plan);
        arena_free(&a);
    }
}

static const struct {
    const char *pattern;
    enum err error;
    const char *names; /* what the message must name */
} refused[] = {
    {"[domain-name:value LIKE '%.example']", ERR_UNSUPPORTED, "LIKE on domain-name:value"},
    {"[domain-name:value MATCHES 'a']", ERR_UNSUPPORTED, "MATCHES"},
    {"[domain-name:value != 'a.example']", ERR_UNSUPPORTED, "!="},
    {"[domain-name:value NOT = 'a.example']", ERR_UNSUPPORTED, "NOT ="},
    {"[file:size > 5]", ERR_UNSUPPORTED, "file:size"},
    {"[EXISTS domain-name:value]", ERR_UNSUPPORTED, "EXISTS"},
    {"[process:command_line = 'x']", ERR_UNSUPPORTED, "process:command_line"},
    {"[domain-name:value ISSUBSET '10.0.0.0/8']", ERR_UNSUPPORTED, "ISSUBSET"},
    {"[domain-name:value = 'a'] AND [domain-name:value = 'b']", ERR_UNSUPPORTED, "AND between observations"},
    {"[domain-name:value = 'a'] FOLLOWEDBY [domain-name:value = 'b']", ERR_UNSUPPORTED, "FOLLOWEDBY"},
    {"[domain-name:value = 'a'] WITHIN 5 SECONDS", ERR_UNSUPPORTED, "WITHIN"},
    {"[domain-name:value = 'a'] REPEATS 5 TIMES", ERR_UNSUPPORTED, "REPEATS"},
    {"[domain-name:value = 'a'] START t'2020-01-01T00:00:00Z' STOP t'2021-01-01T00:00:00Z'", ERR_UNSUPPORTED, "START"},
    {"[domain-name:value = 'a.example' AND ipv4-addr:value = '198.51.100.1']", ERR_UNSUPPORTED, "different objects"},
    {"[file:hashes.ssdeep = 'x']", ERR_UNSUPPORTED, "ssdeep"},
    {"[file:hashes.MD5 = 'x']", ERR_INVALID, "32 hexadecimal"},
    {"[ipv4-addr:value = '198.51.100']", ERR_INVALID, "neither an IP address"},
    {"[ipv4-addr:value = '198.51.100.1/33']", ERR_INVALID, "neither an IP address"},
    {"[network-traffic:dst_port = 70000]", ERR_INVALID, "65535"},
    {"[domain-name:value = 5]", ERR_INVALID, "quotes"},
    {"[domain-name:value IN ()]", ERR_INVALID, "empty set"},
};

static void refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        const struct pattern_plan *plan;
        struct diag d = {0};
        enum err error = compile(&a, refused[i].pattern, &plan, &d);
        if (error != refused[i].error || !strstr(d.message, refused[i].names))
            fail_msg("%s: %s: %s", refused[i].pattern, err_name(error), d.message);
        arena_free(&a);
    }
}

/* Facts: one string an object, "domain=a.example"; an atom holds where its kind and value are named. */
static bool named(const void *context, const struct pattern_atom *atom, uint32_t object) {
    const char *const *objects = context;
    char want[256];
    if (atom->kind == ATOM_PORT)
        snprintf(want, sizeof want, "port=%u;", atom->port);
    else
        snprintf(want, sizeof want, "%s=%.*s;", atom_kind_name(atom->kind), SPAN_ARG(atom->value));
    return strstr(objects[object], want) != NULL;
}

static bool matches(const char *pattern, const char *first, const char *second) {
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct pattern_plan *plan;
    struct diag d;
    if (compile(&a, pattern, &plan, &d)) fail_msg("%s: %s", pattern, d.message);
    const char *objects[] = {first, second};
    bool result = plan_evaluate(plan, &(struct plan_facts){2, named, objects});
    arena_free(&a);
    return result;
}

#define BOTH_HASHES                                                                                                    \
    "[file:name = 'a' AND (file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' OR file:name IN ('b', 'c'))]"

static void evaluates(void **state) {
    (void)state;
    const char *md5 = "hash=d41d8cd98f00b204e9800998ecf8427e;";
    assert_true(matches(BOTH_HASHES, "file-name=a;hash=d41d8cd98f00b204e9800998ecf8427e;", ""));
    assert_true(matches(BOTH_HASHES, "", "file-name=c;file-name=a;"));
    assert_false(matches(BOTH_HASHES, "file-name=a;", md5)); /* two objects, not one */
    assert_false(matches(BOTH_HASHES, md5, ""));
    assert_true(matches("[file:name = 'a'] OR [file:name = 'b']", "", "file-name=b;"));
    assert_false(matches("[file:name = 'a'] OR [file:name = 'b']", "", "file-name=c;"));
}

static uint32_t anchors(const char *pattern, char *kinds, size_t size) {
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct pattern_plan *plan;
    struct diag d;
    if (compile(&a, pattern, &plan, &d)) fail_msg("%s: %s", pattern, d.message);
    uint32_t found[8], count = plan_anchors(plan, found, 8);
    kinds[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        snprintf(kinds + strlen(kinds), size - strlen(kinds), "%s ", atom_kind_name(plan->atoms[found[i]].kind));
    arena_free(&a);
    return count;
}

static void chooses_anchors(void **state) {
    (void)state;
    char kinds[256];
    assert_int_equal(anchors("[network-traffic:dst_port = 1 AND network-traffic:dst_ref.value = '198.51.100.1']", kinds,
                             sizeof kinds),
                     1);
    assert_string_equal(kinds, "address ");
    anchors("[file:name = 'a' AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", kinds, sizeof kinds);
    assert_string_equal(kinds, "hash ");
    anchors("[domain-name:value = 'a' OR url:value = 'http://b/']", kinds, sizeof kinds);
    assert_string_equal(kinds, "domain url ");
    assert_int_equal(anchors("[network-traffic:dst_port = 1]", kinds, sizeof kinds), 0);
    assert_int_equal(
        anchors("[network-traffic:dst_port = 1 OR network-traffic:dst_ref.value = 'a.example']", kinds, sizeof kinds),
        0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(compiles), cmocka_unit_test(refuses),
                                       cmocka_unit_test(evaluates), cmocka_unit_test(chooses_anchors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
