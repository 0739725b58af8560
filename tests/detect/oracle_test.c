/* The scanner against an evaluator that is slow and obvious. Random events are made as facts, small numbers into pools
 * of values; each is written as a line in a random dialect and spelling, and indicators are random sentences over the
 * same pools. The oracle compares numbers; the scanner has only the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/index_file.h"
#include "detect/scan.h"

enum {
    POOL = 12,
    LINES = 2000,
    INDICATORS = 150,
    NONE = -1,
    SEEDS = 30 /* each kind of sentence is once alone with another */
};

static const char *const domains[POOL] = {"a.example",
                                          "b.example",
                                          "www.a.example",
                                          "evil-c2.example",
                                          "x.y.example",
                                          "xn--bcher-kva.de",
                                          "t.co",
                                          "k_1.example",
                                          "nota.example",
                                          "a.example.org",
                                          "long-name-for-a-host-that-fills-more-than-sixteen-bytes.example",
                                          "co.uk"};
static const char *const addresses[POOL] = {"198.51.100.1",  "198.51.100.2", "198.51.100.200", "203.0.113.9",
                                            "10.0.0.1",      "10.0.1.1",     "2001:db8::1",    "2001:db8::2",
                                            "2001:db8:1::1", "fe80::1",      "0.0.0.0",        "255.255.255.255"};
static const char *const paths[POOL] = {
    "/",    "/a", "/a/b.php?x=1",          "/gate.php", "/A",       "/a?u=http://b.example/", "/a.",
    "/%41", "/b", "/c/d/e/f/g/h/i/j.html", "/x,y",      "/\xc3\xbc"};
static const char *const hashes[POOL] = {"d41d8cd98f00b204e9800998ecf8427e",
                                         "cc85d7649546d3c0b1607f761b73fec2",
                                         "00000000000000000000000000000000",
                                         "ffffffffffffffffffffffffffffffff",
                                         "1a1a10b819f321b91b47d7dd73668406a15992db",
                                         "a3819badccae799ec8533a917dbd5a8bd7f14bfb",
                                         "0000000000000000000000000000000000000000",
                                         "8b64b08097c05ac62a28d278d7627b7f230b78d8da722154d0efb54013623592",
                                         "b2dafbcdbc75210672f137f27ce882ccb799887631655d4f11191d5a678e44fe",
                                         "0123456789abcdef0123456789abcdef",
                                         "0123456789abcdef0123456789abcdef01234567",
                                         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
static const char *const emails[POOL] = {
    "a@a.example", "b@a.example",   "A@a.example",   "a@b.example", "x.y@xn--bcher-kva.de",   "u+t@t.co",
    "root@co.uk",  "q@k_1.example", "a_b@a.example", "1@a.example", "no-reply@a.example.org", "z@z.example"};
static const char *const names[POOL] = {"a.exe",    "gpt.ini",          "x",     "setup.EXE",  "noext", "a b.doc",
                                        "q.tar.gz", "\xe6\x96\x87.pdf", "1.dll", "readme.txt", "c",     "d.e.f"};
static const int ports[4] = {80, 443, 8080, 53};

/* What a line says. NONE where it does not. */
struct facts {
    int src, dst, sport, dport; /* numbers into addresses; ports */
    int asked[3], asked_count;  /* domains named: DNS query and answers, host, SNI */
    int answer;                 /* an address in a DNS answer */
    int host, path;             /* of an HTTP request; also in asked */
    int sni;
    int hash, name, sender, recipient;
    bool certificate; /* the hash is a certificate's */
};

static uint64_t state;
static unsigned below(unsigned n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}
static int pick(void) {
    return (int)below(POOL);
}

/* --- spelling --- */

/* A JSON string, its letters perhaps in another case, its characters perhaps escaped. */
static void put(struct buf *out, const char *text, bool fold) {
    bool fancy = below(3) == 0, shout = fold && below(4) == 0;
    buf_add_char(out, '"');
    for (const char *c = text; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z');
        char shown = shout && letter && below(2) ? (char)(*c & ~0x20) : *c;
        if (shown == '"' || shown == '\\')
            buf_printf(out, "\\%c", shown);
        else if (shown == '/' && below(2))
            buf_add_cstr(out, "\\/");
        else if (fancy && (unsigned char)shown < 0x80 && below(8) == 0)
            buf_printf(out, "\\u00%02x", (unsigned)shown);
        else
            buf_add_char(out, shown);
    }
    buf_add_char(out, '"');
}

static void put_domain(struct buf *out, int number) {
    char text[256];
    if (strcmp(domains[number], "xn--bcher-kva.de") == 0 && below(2))
        snprintf(text, sizeof text,
                 "b\xc3\xbc"
                 "cher.de");
    else
        snprintf(text, sizeof text, "%s", domains[number]);
    if (below(6) == 0) strcat(text, ".");
    put(out, text, true);
}

static void put_address(struct buf *out, int number) {
    const char *text = addresses[number];
    char full[64];
    if (!strchr(text, ':') && below(8) == 0) {
        snprintf(full, sizeof full, "::ffff:%s", text);
        text = full;
    } else if (strcmp(text, "2001:db8::1") == 0 && below(2)) {
        text = "2001:0db8:0000:0000:0000:0000:0000:0001";
    }
    put(out, text, true);
}

static void put_path(struct buf *out, int number) {
    char text[256];
    snprintf(text, sizeof text, "%s%s", paths[number], below(8) == 0 ? "#frag" : "");
    put(out, strcmp(text, paths[number]) == 0 ? paths[number] : text, false);
}

static void key(struct buf *out, const char *name) {
    if (out->at[out->len - 1] != '{') buf_add_char(out, ',');
    if (below(5) == 0) buf_add_char(out, ' ');
    buf_printf(out, "\"%s\":", name);
    if (below(5) == 0) buf_add_char(out, ' ');
}

static void put_zeek_head(struct buf *out, const struct facts *f, const char *log) {
    bool dots = below(2);
    key(out, "_path");
    put(out, log, false);
    key(out, "ts");
    buf_add_cstr(out, "1588205199.82437");
    key(out, "uid");
    put(out, "CAcJiB1hWq9bXkJg7", false);
    if (f->src != NONE) {
        key(out, dots ? "id.orig_h" : "id_orig_h");
        put_address(out, f->src);
        key(out, dots ? "id.orig_p" : "id_orig_p");
        buf_printf(out, "%d", f->sport);
    }
    if (f->dst != NONE) {
        key(out, dots ? "id.resp_h" : "id_resp_h");
        put_address(out, f->dst);
        key(out, dots ? "id.resp_p" : "id_resp_p");
        buf_printf(out, "%d", f->dport);
    }
}

static struct facts flow(void) {
    struct facts f = {.src = pick(), .dst = pick(), .sport = ports[below(4)], .dport = ports[below(4)]};
    f.answer = f.host = f.path = f.sni = f.hash = f.name = f.sender = f.recipient = NONE;
    return f;
}
static void ask(struct facts *f, int domain) {
    f->asked[f->asked_count++] = domain;
}

static void make_zeek(struct buf *out, struct facts *f) {
    *f = flow();
    switch (below(6)) {
    case 0:
        put_zeek_head(out, f, "conn");
        break;
    case 1:
        put_zeek_head(out, f, "dns");
        ask(f, pick());
        key(out, "query");
        put_domain(out, f->asked[0]);
        key(out, "answers");
        ask(f, pick());
        f->answer = pick();
        buf_add_char(out, '[');
        put_domain(out, f->asked[1]);
        buf_add_char(out, ',');
        put_address(out, f->answer);
        buf_add_char(out, ']');
        break;
    case 2:
        put_zeek_head(out, f, "http");
        f->host = pick();
        f->path = pick();
        ask(f, f->host);
        key(out, "host");
        put_domain(out, f->host);
        key(out, "uri");
        put_path(out, f->path);
        break;
    case 3:
        put_zeek_head(out, f, "ssl");
        f->sni = pick();
        ask(f, f->sni);
        key(out, "server_name");
        put_domain(out, f->sni);
        f->hash = pick();
        f->certificate = true;
        key(out, "cert_chain_fps");
        buf_add_char(out, '[');
        put(out, hashes[f->hash], true);
        buf_add_char(out, ']');
        break;
    case 4:
        f->src = f->dst = NONE;
        put_zeek_head(out, f, "files");
        f->hash = pick();
        key(out, strlen(hashes[f->hash]) == 32 ? "md5" : strlen(hashes[f->hash]) == 40 ? "sha1" : "sha256");
        put(out, hashes[f->hash], true);
        f->name = pick();
        key(out, "filename");
        char name[128];
        snprintf(name, sizeof name, "%s%s", below(2) ? "" : below(2) ? "C:\\Users\\" : "/var/tmp/", names[f->name]);
        put(out, name, false);
        break;
    default:
        put_zeek_head(out, f, "smtp");
        f->sender = pick();
        f->recipient = pick();
        key(out, "mailfrom");
        put(out, emails[f->sender], false);
        key(out, "rcptto");
        char header[256];
        snprintf(header, sizeof header, below(2) ? "%s" : "\"Some One\" <%s>", emails[f->recipient]);
        buf_add_char(out, '[');
        put(out, header, false);
        buf_add_char(out, ']');
        break;
    }
}

static void make_eve(struct buf *out, struct facts *f) {
    *f = flow();
    key(out, "timestamp");
    buf_add_cstr(out, "\"2020-05-01T07:02:24.441272+0000\"");
    key(out, "event_type");
    buf_add_cstr(out, "\"any\"");
    key(out, "src_ip");
    put_address(out, f->src);
    key(out, "src_port");
    buf_printf(out, "%d", f->sport);
    key(out, "dest_ip");
    put_address(out, f->dst);
    key(out, "dest_port");
    buf_printf(out, "%d", f->dport);
    if (below(2)) {
        ask(f, pick());
        key(out, "dns");
        buf_add_cstr(out, "{\"rrname\":");
        put_domain(out, f->asked[0]);
        buf_add_char(out, '}');
    } else {
        f->host = pick();
        f->path = pick();
        ask(f, f->host);
        key(out, "http");
        buf_add_cstr(out, "{\"hostname\":");
        put_domain(out, f->host);
        buf_printf(out, ",\"http_port\":%d,\"url\":", f->dport);
        put_path(out, f->path);
        buf_add_char(out, '}');
    }
}

/* --- indicators --- */

enum sentence {
    DOMAIN,
    ADDRESS,
    NETWORK,
    ENDPOINT,
    NAMED_ENDPOINT,
    URL,
    NAKED_URL,
    REQUEST,
    HASH,
    FILE_AND_NAME,
    NAME,
    EMAIL,
    SET,
    EITHER,
    SENTENCES
};
struct rule {
    enum sentence sentence;
    int a, b; /* numbers into the pools */
    int port, prefix;
};

static struct rule make_rule(void) {
    static const int prefixes[] = {0, 8, 16, 24, 25, 31, 32};
    return (struct rule){.sentence = (enum sentence)below(SENTENCES),
                         .a = pick(),
                         .b = pick(),
                         .port = ports[below(4)],
                         .prefix = prefixes[below(7)]};
}

static void write_rule(const struct rule *r, struct buf *out) {
    const char *v6 = strchr(addresses[r->a], ':') ? "ipv6-addr" : "ipv4-addr";
    const char *length = strlen(hashes[r->a]) == 32 ? "MD5" : strlen(hashes[r->a]) == 40 ? "'SHA-1'" : "'SHA-256'";
    switch (r->sentence) {
    case DOMAIN:
        buf_printf(out, "[domain-name:value = '%s']", domains[r->a]);
        break;
    case ADDRESS:
        buf_printf(out, "[%s:value = '%s']", v6, addresses[r->a]);
        break;
    case NETWORK:
        buf_printf(out, "[%s:value ISSUBSET '%s/%d']", v6, addresses[r->a], r->prefix);
        break;
    case ENDPOINT:
        buf_printf(out, "[network-traffic:dst_ref.value = '%s' AND network-traffic:dst_port = %d]", addresses[r->a],
                   r->port);
        break;
    case NAMED_ENDPOINT:
        buf_printf(out, "[network-traffic:dst_port = %d AND network-traffic:dst_ref.value = '%s']", r->port,
                   domains[r->a]);
        break;
    case URL:
        buf_printf(out, "[url:value = 'http://%s:%d%s']", domains[r->a], r->port, paths[r->b]);
        break;
    case NAKED_URL:
        buf_printf(out, "[url:value = 'http://%s%s' OR url:value = 'https://%s%s']", domains[r->a], paths[r->b],
                   domains[r->a], paths[r->b]);
        break;
    case REQUEST:
        buf_printf(out, "[network-traffic:extensions.'http-request-ext'.request_value = '%s']", paths[r->a]);
        break;
    case HASH:
        buf_printf(out, "[file:hashes.%s = '%s']", length, hashes[r->a]);
        break;
    case FILE_AND_NAME:
        buf_printf(out, "[file:name = '%s' AND file:hashes.%s = '%s']", names[r->b], length, hashes[r->a]);
        break;
    case NAME:
        buf_printf(out, "[file:name = '%s']", names[r->a]);
        break;
    case EMAIL:
        buf_printf(out, "[email-addr:value = '%s']", emails[r->a]);
        break;
    case SET:
        buf_printf(out, "[domain-name:value IN ('%s', '%s')]", domains[r->a], domains[r->b]);
        break;
    default:
        buf_printf(out, "[domain-name:value = '%s'] OR [%s:value = '%s']", domains[r->b], v6, addresses[r->a]);
        break;
    }
}

/* --- the oracle --- */

static bool subdomains; /* whether the scan under way counts names below a domain, too */

static bool is_domain(int name, int domain) {
    if (name == domain) return true;
    if (!subdomains || name == NONE) return false;
    size_t len = strlen(domains[name]), tail = strlen(domains[domain]);
    return len > tail && domains[name][len - tail - 1] == '.' &&
           strcmp(domains[name] + len - tail, domains[domain]) == 0;
}

static bool asks(const struct facts *f, int domain) {
    for (int i = 0; i < f->asked_count; i++)
        if (is_domain(f->asked[i], domain)) return true;
    return false;
}

static bool in_network(int address, int network, int prefix) {
    struct address inner, outer;
    char text[64];
    if (address == NONE) return false;
    snprintf(text, sizeof text, "%s/%d", addresses[network], prefix);
    return address_parse(span_cstr(addresses[address]), &inner) && address_parse_network(span_cstr(text), &outer) &&
           address_contains(&outer, &inner);
}

/* "/%41" is "/A" in a URL: an escape for what needs none. */
static bool same_in_url(int path, int other) {
    static const char *const alike[] = {"/A", "/%41"};
    bool first = strcmp(paths[path], alike[0]) == 0 || strcmp(paths[path], alike[1]) == 0;
    bool second = strcmp(paths[other], alike[0]) == 0 || strcmp(paths[other], alike[1]) == 0;
    return path == other || (first && second);
}

/* The request as logged, with or without a fragment, asks for the fragmentless URL; the request itself is as sent. */
static bool requests(const struct facts *f, int host, int path, int port) {
    return f->host == host && f->path != NONE && same_in_url(f->path, path) && f->dport == port;
}

static bool says(const struct facts *f, const struct rule *r, bool fragment) {
    switch (r->sentence) {
    case DOMAIN:
        return asks(f, r->a);
    case ADDRESS:
        return f->src == r->a || f->dst == r->a || f->answer == r->a;
    case NETWORK:
        return in_network(f->src, r->a, r->prefix) || in_network(f->dst, r->a, r->prefix) ||
               in_network(f->answer, r->a, r->prefix);
    case ENDPOINT:
        return f->dst == r->a && f->dport == r->port;
    case NAMED_ENDPOINT:
        return f->dport == r->port && (is_domain(f->host, r->a) || is_domain(f->sni, r->a));
    case URL:
        return requests(f, r->a, r->b, r->port);
    case NAKED_URL:
        return requests(f, r->a, r->b, 80);
    case REQUEST:
        return f->path == r->a && !fragment;
    case HASH:
        return f->hash == r->a && !f->certificate;
    case FILE_AND_NAME:
        return f->hash == r->a && f->name == r->b && !f->certificate;
    case NAME:
        return f->name == r->a;
    case EMAIL:
        return f->sender == r->a || f->recipient == r->a;
    case SET:
        return asks(f, r->a) || asks(f, r->b);
    default:
        return asks(f, r->b) || f->src == r->a || f->dst == r->a || f->answer == r->a;
    }
}

/* --- the comparison --- */

static bool (*hits)[INDICATORS]; /* a row a line */
static unsigned hits_of[SENTENCES];

static bool on_hit(void *context, const struct detect_hit *hit) {
    (void)context;
    assert_true(hit->line >= 1 && hit->line <= LINES && hit->indicator < INDICATORS);
    assert_false(hits[hit->line - 1][hit->indicator]); /* each once */
    hits[hit->line - 1][hit->indicator] = true;
    return true;
}

static struct detect_index *build(const struct rule *rules) {
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    for (int i = 0; i < INDICATORS; i++) {
        struct buf pattern = BUF_EMPTY;
        write_rule(&rules[i], &pattern);
        struct detect_indicator one = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                       .pattern = buf_span(&pattern),
                                       .valid_from = TIME_NONE,
                                       .valid_until = TIME_NONE};
        assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
        buf_free(&pattern);
    }
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    const char *reason;
    if (detect_index_unsupported_count(index)) {
        detect_index_unsupported(index, 0, &reason);
        fail_msg("%s", reason);
    }
    return index;
}

static void scan_text(const struct detect_index *index, struct span text, unsigned threads, size_t chunk,
                      unsigned processor) {
    char path[] = "/tmp/renkei-oracle-XXXXXX";
    struct diag d;
    struct scan_result result;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, &d), ERR_NONE);
    close(fd);
    memset(hits, 0, LINES * sizeof *hits);
    struct scan_options options = {.index = index,
                                   .threads = threads,
                                   .chunk_size = chunk,
                                   .subdomains = subdomains,
                                   .processor = processor,
                                   .on_hit = on_hit};
    assert_int_equal(scan_path(path, &options, &result, &d), ERR_NONE);
    unlink(path);
    assert_int_equal(result.lines, LINES);
    if (result.unreadable) fail_msg("line %llu: %s", (unsigned long long)result.shown[0].line, result.shown[0].message);
}

static void compare(const struct facts *facts, const bool *fragments, const struct rule *rules, struct span text) {
    int wrong = 0;
    for (int l = 0; l < LINES; l++) {
        struct span line = span_cut(&text, '\n');
        for (int i = 0; i < INDICATORS; i++) {
            bool expected = says(&facts[l], &rules[i], fragments[l]);
            hits_of[rules[i].sentence] += expected;
            if (expected == hits[l][i]) continue;
            struct buf pattern = BUF_EMPTY;
            write_rule(&rules[i], &pattern);
            if (wrong++ < 5)
                print_error("%s: %.*s\n  %.*s\n", expected ? "missed" : "wrongly hit", SPAN_ARG(buf_span(&pattern)),
                            SPAN_ARG(line));
            buf_free(&pattern);
        }
    }
    assert_int_equal(wrong, 0);
}

/* The same index, written to a file and opened again. */
static struct detect_index *through_file(struct detect_index *index) {
    char path[] = "/tmp/renkei-oracle-index-XXXXXX";
    struct sha256 wrote = {{1, 2, 3}}, read;
    struct diag d;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(detect_index_write(index, path, &wrote, &d), ERR_NONE);
    detect_index_free(&index);
    assert_int_equal(detect_index_open(path, &index, &read, &d), ERR_NONE);
    assert_true(sha256_equal(&wrote, &read));
    unlink(path);
    return index;
}

static void agrees(void **unused) {
    (void)unused;
    struct facts *facts = calloc(LINES, sizeof *facts);
    bool *fragments = calloc(LINES, sizeof *fragments);
    hits = calloc(LINES, sizeof *hits);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rule rules[INDICATORS];
        struct buf text = BUF_EMPTY;
        state = seed * UINT64_C(0x9e3779b97f4a7c15);
        for (int i = 0; i < INDICATORS; i++) rules[i] = make_rule();
        /* every second time few values of few kinds, so that a line is let through for one reason alone */
        for (int i = 0; seed % 2 == 0 && i < INDICATORS; i++) {
            rules[i].sentence = (enum sentence)((seed / 2 + (unsigned)i % 2) % SENTENCES);
            rules[i].a %= 2;
            rules[i].b %= 3;
        }
        for (int l = 0; l < LINES; l++) {
            size_t start = text.len;
            buf_add_char(&text, '{');
            if (below(3))
                make_zeek(&text, &facts[l]);
            else
                make_eve(&text, &facts[l]);
            buf_add_char(&text, '}');
            fragments[l] = span_find(span_from(buf_span(&text), start), SPAN("#f")) != SIZE_MAX ||
                           span_find(span_from(buf_span(&text), start), SPAN("u0023")) != SIZE_MAX ||
                           span_find(span_from(buf_span(&text), start), SPAN("#\\u0066")) != SIZE_MAX;
            buf_add_char(&text, '\n');
        }
        struct detect_index *index = build(rules);
        for (unsigned way = 0; way < 4; way++) {
            subdomains = way == 3;
            if (way == 1) index = through_file(index);
            scan_text(index, buf_span(&text), way == 1 ? 3 : 1, way == 1 ? 700 : 0, way % 3);
            compare(facts, fragments, rules, buf_span(&text));
        }
        detect_index_free(&index);
        buf_free(&text);
    }
    for (int i = 0; i < SENTENCES; i++) assert_true(hits_of[i] > 20); /* or the test tests nothing */
    free(facts);
    free(fragments);
    free(hits);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
