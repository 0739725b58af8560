/* Makes telemetry and indicators for the matching benchmark: the same for the same seed, every line different.
 *
 *   match_generate indicators COUNT SEED            one a line: id, tab, pattern, tab, the literal a grep would seek
 *   match_generate telemetry BYTES COUNT SEED RATE  Zeek's conn, dns, http and files logs mixed, as JSON lines; RATE of
 *                                                   the lines (0.001) name one of those COUNT indicators
 *
 * Everything is drawn from one 64-bit generator; an indicator's value is a function of its number and the seed. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

struct generator {
    uint64_t state;
};
static uint64_t next(struct generator *g) {
    return mix(g->state += UINT64_C(0x9e3779b97f4a7c15));
}
static unsigned below(struct generator *g, unsigned n) {
    return (unsigned)(next(g) % n);
}

enum { VALUE_SIZE = 160 };

/* The proportions of public lists: mostly domains, some addresses, few URLs and hashes. */
enum kind { DOMAIN, ADDRESS, ENDPOINT, URL, HASH };
struct value {
    enum kind kind;
    char text[VALUE_SIZE]; /* the domain, the address, the URL's host or the hash */
    char path[VALUE_SIZE];
    unsigned port;
};

static const char *const syllables[] = {"ka",  "ro",  "mi",  "ten", "sho", "lu", "ver", "net", "dan", "xi",
                                        "cho", "bel", "tor", "an",  "si",  "go", "pra", "wes", "nu",  "ex"};
static const char *const tops[] = {"com", "net", "org", "info", "top", "xyz", "ru", "cn", "io", "biz"};

static void write_domain(struct generator *g, char *out, size_t size) {
    size_t len = 0;
    unsigned labels = 1 + below(g, 2);
    for (unsigned l = 0; l < labels; l++) {
        for (unsigned i = 0, n = 2 + below(g, 4); i < n && len + 16 < size; i++)
            len += (size_t)snprintf(out + len, size - len, "%s", syllables[below(g, 20)]);
        len += (size_t)snprintf(out + len, size - len, "%u.", below(g, 10000));
    }
    snprintf(out + len, size - len, "%s", tops[below(g, 10)]);
}

static struct value value_of(uint64_t number, uint64_t seed) {
    struct generator g = {mix(number ^ seed << 32)};
    struct value v = {.port = 1 + below(&g, 65535)};
    unsigned draw = below(&g, 100);
    v.kind = draw < 70 ? DOMAIN : draw < 83 ? ADDRESS : draw < 92 ? ENDPOINT : draw < 97 ? URL : HASH;
    switch (v.kind) {
    case DOMAIN:
        write_domain(&g, v.text, sizeof v.text);
        break;
    case ADDRESS:
    case ENDPOINT:
        snprintf(v.text, sizeof v.text, "%u.%u.%u.%u", 1 + below(&g, 222), below(&g, 256), below(&g, 256),
                 below(&g, 256));
        break;
    case URL:
        write_domain(&g, v.text, sizeof v.text);
        snprintf(v.path, sizeof v.path, "/%s/%" PRIx64 ".php", syllables[below(&g, 20)], next(&g) >> 40);
        break;
    case HASH:
        for (int i = 0; i < 4; i++) snprintf(v.text + 16 * i, 17, "%016" PRIx64, next(&g));
        break;
    }
    return v;
}

static void print_indicator(uint64_t number, uint64_t seed) {
    struct value v = value_of(number, seed);
    struct generator g = {mix(number + 1) ^ seed};
    uint64_t a = next(&g), b = next(&g);
    printf("indicator--%08x-%04x-4%03x-8%03x-%012" PRIx64 "\t", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
           (unsigned)(a & 0xfff), (unsigned)(b & 0xfff), b >> 16);
    switch (v.kind) {
    case DOMAIN:
        printf("[domain-name:value = '%s']\t%s\n", v.text, v.text);
        break;
    case ADDRESS:
        printf("[ipv4-addr:value = '%s']\t%s\n", v.text, v.text);
        break;
    case ENDPOINT:
        printf("[network-traffic:dst_ref.value = '%s' AND network-traffic:dst_port = %u]\t%s\n", v.text, v.port,
               v.text);
        break;
    case URL:
        printf("[url:value = 'http://%s%s']\t%s\n", v.text, v.path, v.path);
        break;
    case HASH:
        printf("[file:hashes.'SHA-256' = '%s']\t%s\n", v.text, v.text);
        break;
    }
}

static const char base62[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static void write_uid(struct generator *g, char *out, char first) {
    out[0] = first;
    for (int i = 1; i < 18; i++) out[i] = base62[below(g, 62)];
    out[18] = '\0';
}

static void write_outer_address(struct generator *g, char *out, size_t size) {
    snprintf(out, size, "%u.%u.%u.%u", 1 + below(g, 222), below(g, 256), below(g, 256), below(g, 256));
}

struct line {
    char uid[19], src[32], dst[VALUE_SIZE];
    unsigned src_port, dst_port;
    double time;
};

static int write_head(const struct line *l, const char *log, char *out, size_t size) {
    return snprintf(out, size,
                    "{\"_path\":\"%s\",\"ts\":%.6f,\"uid\":\"%s\",\"id.orig_h\":\"%s\",\"id.orig_p\":%u,"
                    "\"id.resp_h\":\"%s\",\"id.resp_p\":%u,",
                    log, l->time, l->uid, l->src, l->src_port, l->dst, l->dst_port);
}

static void write_conn(struct generator *g, const struct line *l, char *out, size_t size) {
    static const char *const services[] = {"dns", "ssl", "http", "smb", "krb_tcp"};
    static const char *const states[] = {"SF", "S0", "REJ", "RSTO", "S1"};
    int n = write_head(l, "conn", out, size);
    snprintf(
        out + n, size - (size_t)n,
        "\"proto\":\"%s\",\"service\":\"%s\",\"duration\":%u.%06u,\"orig_bytes\":%u,\"resp_bytes\":%u,"
        "\"conn_state\":\"%s\",\"local_orig\":true,\"local_resp\":false,\"missed_bytes\":0,\"history\":\"ShADadfF\","
        "\"orig_pkts\":%u,\"orig_ip_bytes\":%u,\"resp_pkts\":%u,\"resp_ip_bytes\":%u,"
        "\"orig_l2_addr\":\"00:0d:3a:%02x:%02x:%02x\",\"resp_l2_addr\":\"12:34:56:78:9a:bc\"}\n",
        below(g, 4) ? "tcp" : "udp", services[below(g, 5)], below(g, 300), below(g, 1000000), below(g, 100000),
        below(g, 1000000), states[below(g, 5)], below(g, 100), below(g, 100000), below(g, 1000), below(g, 1000000),
        below(g, 256), below(g, 256), below(g, 256));
}

static void write_dns(struct generator *g, const struct line *l, const char *name, const char *answer, char *out,
                      size_t size) {
    int n = write_head(l, "dns", out, size);
    snprintf(
        out + n, size - (size_t)n,
        "\"proto\":\"udp\",\"trans_id\":%u,\"rtt\":0.%06u,\"query\":\"%s\",\"qclass\":1,\"qclass_name\":\"C_INTERNET\","
        "\"qtype\":1,\"qtype_name\":\"A\",\"rcode\":0,\"rcode_name\":\"NOERROR\",\"AA\":false,\"TC\":false,\"RD\":true,"
        "\"RA\":true,\"Z\":0,\"answers\":[\"%s\"],\"TTLs\":[%u.0],\"rejected\":false}\n",
        below(g, 65536), below(g, 1000000), name, answer, below(g, 86400));
}

static void write_http(struct generator *g, const struct line *l, const char *host, const char *path, char *out,
                       size_t size) {
    char fuid[19];
    write_uid(g, fuid, 'F');
    int n = write_head(l, "http", out, size);
    snprintf(out + n, size - (size_t)n,
             "\"trans_depth\":%u,\"method\":\"GET\",\"host\":\"%s\",\"uri\":\"%s\",\"version\":\"1.1\","
             "\"user_agent\":\"Mozilla\\/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)\","
             "\"request_body_len\":0,\"response_body_len\":%u,\"status_code\":200,\"status_msg\":\"OK\",\"tags\":[],"
             "\"resp_fuids\":[\"%s\"],\"resp_mime_types\":[\"text/html\"]}\n",
             1 + below(g, 9), host, path, below(g, 1000000), fuid);
}

static void write_file(struct generator *g, const struct line *l, const char *sha256, char *out, size_t size) {
    char fuid[19];
    write_uid(g, fuid, 'F');
    int n =
        snprintf(out, size,
                 "{\"_path\":\"files\",\"ts\":%.6f,\"fuid\":\"%s\",\"tx_hosts\":[\"%s\"],\"rx_hosts\":[\"%s\"],"
                 "\"conn_uids\":[\"%s\"],\"source\":\"HTTP\",\"depth\":0,\"analyzers\":[\"MD5\",\"SHA1\",\"SHA256\"],",
                 l->time, fuid, l->dst, l->src, l->uid);
    snprintf(
        out + n, size - (size_t)n,
        "\"mime_type\":\"application/x-dosexec\",\"filename\":\"C:\\\\Users\\\\u%u\\\\%s%u.exe\",\"duration\":0.%06u,"
        "\"local_orig\":false,\"is_orig\":false,\"seen_bytes\":%u,\"md5\":\"%016" PRIx64 "%016" PRIx64 "\","
        "\"sha256\":\"%s\"}\n",
        below(g, 1000), syllables[below(g, 20)], below(g, 10000), below(g, 1000000), below(g, 1000000), next(g),
        next(g), sha256);
}

/* One line; `planted` is NULL or the indicator it names. */
static void write_line(struct generator *g, double time, const struct value *planted, char *out, size_t size) {
    struct line l = {.src_port = 1024 + below(g, 64000), .time = time};
    char name[VALUE_SIZE], hash[65];
    unsigned draw = below(g, 100);
    write_uid(g, l.uid, 'C');
    snprintf(l.src, sizeof l.src, "10.%u.%u.%u", below(g, 256), below(g, 256), 1 + below(g, 254));
    write_outer_address(g, l.dst, sizeof l.dst);
    write_domain(g, name, sizeof name);
    l.dst_port = draw < 45 ? 443 : 80;
    if (planted) {
        if (planted->kind == DOMAIN) draw = 50;
        if (planted->kind == ADDRESS || planted->kind == ENDPOINT) {
            draw = 10;
            snprintf(l.dst, sizeof l.dst, "%s", planted->text);
            if (planted->kind == ENDPOINT) l.dst_port = planted->port;
        }
        if (planted->kind == URL) {
            draw = 80;
            l.dst_port = 80;
        }
        if (planted->kind == HASH) draw = 99;
        if (planted->kind == DOMAIN || planted->kind == URL) snprintf(name, sizeof name, "%s", planted->text);
    }
    if (draw < 45) {
        write_conn(g, &l, out, size);
    } else if (draw < 75) {
        char answer[32];
        write_outer_address(g, answer, sizeof answer);
        l.dst_port = 53;
        snprintf(l.dst, sizeof l.dst, "10.0.0.%u", 2 + below(g, 3));
        write_dns(g, &l, name, answer, out, size);
    } else if (draw < 92) {
        char path[VALUE_SIZE];
        snprintf(path, sizeof path, "/%s/%u/%s.html?id=%u", syllables[below(g, 20)], below(g, 1000),
                 syllables[below(g, 20)], below(g, 100000));
        write_http(g, &l, name, planted ? planted->path : path, out, size);
    } else {
        for (int i = 0; i < 4; i++) snprintf(hash + 16 * i, 17, "%016" PRIx64, next(g));
        write_file(g, &l, planted ? planted->text : hash, out, size);
    }
}

static int generate_telemetry(uint64_t bytes, uint64_t count, uint64_t seed, double rate) {
    struct generator g = {mix(seed + 7)};
    char line[4096];
    double time = 1700000000;
    uint64_t threshold = (uint64_t)(rate * (double)UINT32_MAX), planted_count = 0, lines = 0;
    for (uint64_t written = 0; written < bytes; lines++) {
        struct value value;
        bool plant = count > 0 && (next(&g) & UINT32_MAX) < threshold;
        if (plant) value = value_of(next(&g) % count, seed);
        time += below(&g, 1000) / 1e6;
        write_line(&g, time, plant ? &value : NULL, line, sizeof line);
        size_t len = strlen(line);
        if (fwrite(line, 1, len, stdout) != len) return 1;
        written += len;
        planted_count += plant;
    }
    fprintf(stderr, "%" PRIu64 " lines, %" PRIu64 " of them with a planted indicator\n", lines, planted_count);
    return 0;
}

int main(int argc, char **argv) {
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (argc == 4 && strcmp(argv[1], "indicators") == 0) {
        uint64_t count = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10);
        for (uint64_t i = 0; i < count; i++) print_indicator(i, seed);
        return fflush(stdout) != 0;
    }
    if (argc == 6 && strcmp(argv[1], "telemetry") == 0)
        return generate_telemetry(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                                  strtod(argv[5], NULL)) ||
               fflush(stdout) != 0;
    fprintf(stderr, "usage: match_generate indicators COUNT SEED\n"
                    "       match_generate telemetry BYTES COUNT SEED RATE\n");
    return 2;
}
