#include "http/srv.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

enum { ANSWER_MAX = 65535, WAIT_S = 3, TRIES = 2, SRV_FIXED = 6 /* bytes before the target */ };

static bool read_record(const ns_msg *message, int number, struct http_srv *out) {
    ns_rr record;
    char name[NS_MAXDNAME];
    if (ns_parserr((ns_msg *)(uintptr_t)message, ns_s_an, number, &record) < 0 || ns_rr_type(record) != ns_t_srv ||
        ns_rr_class(record) != ns_c_in || ns_rr_rdlen(record) <= SRV_FIXED)
        return false;
    const unsigned char *at = ns_rr_rdata(record);
    if (ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), at + SRV_FIXED, name, sizeof name) < 0)
        return false;
    size_t len = strlen(name);
    if (len && name[len - 1] == '.') name[--len] = 0;
    if (len == 0 || len >= sizeof out->host) return false; /* ".": decidedly not here */
    *out = (struct http_srv){
        .priority = (uint16_t)ns_get16(at), .weight = (uint16_t)ns_get16(at + 2), .port = (uint16_t)ns_get16(at + 4)};
    memcpy(out->host, name, len + 1);
    /* It goes into a URL. */
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '.' || c == '_';
        if (!good) return false;
    }
    return out->port != 0;
}

static int by_priority(const void *left, const void *right) {
    const struct http_srv *a = left, *b = right;
    return (a->priority > b->priority) - (a->priority < b->priority);
}

static uint64_t next_random(uint64_t *state) { /* xorshift64: to share load, not to keep secrets */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Within each priority: one after the other is drawn, the heavier the likelier. */
static void shuffle(struct http_srv *list, size_t count, uint64_t random) {
    uint64_t state = random | 1;
    for (size_t at = 0; at < count; at++) {
        uint64_t total = 0, drawn;
        size_t end = at;
        while (end < count && list[end].priority == list[at].priority) total += list[end++].weight + 1u;
        drawn = next_random(&state) % total;
        size_t chosen = at;
        while (drawn > list[chosen].weight) drawn -= list[chosen++].weight + 1u;
        struct http_srv first = list[at];
        list[at] = list[chosen];
        list[chosen] = first;
    }
}

enum err http_srv_read(struct span answer, uint64_t random, struct http_srv out[HTTP_SRV_MAX], size_t *count,
                       struct diag *d) {
    ns_msg message;
    *count = 0;
    if (answer.len > ANSWER_MAX || ns_initparse((const unsigned char *)answer.at, (int)answer.len, &message) < 0)
        return diag_set(d, ERR_SYNTAX, "the answer is no DNS message");
    int records = ns_msg_count(message, ns_s_an);
    for (int i = 0; i < records && *count < HTTP_SRV_MAX; i++) *count += read_record(&message, i, &out[*count]);
    if (*count == 0) return diag_set(d, ERR_NOT_FOUND, "there is no such service");
    qsort(out, *count, sizeof *out, by_priority);
    shuffle(out, *count, random);
    return ERR_NONE;
}

static bool use_nameserver(struct __res_state *state, const char *nameserver) {
    char host[64];
    struct span address = span_cstr(nameserver), port;
    uint64_t number = NS_DEFAULTPORT;
    port = address;
    address = span_cut(&port, ':');
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (port.at && (!span_u64(port, &number) || number == 0 || number > UINT16_MAX)) return false;
    snprintf(host, sizeof host, "%.*s", SPAN_ARG(address));
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) return false;
    to.sin_port = htons((uint16_t)number);
    state->nscount = 1;
    state->nsaddr_list[0] = to;
    return true;
}

enum err http_srv_find(const char *nameserver, const char *service, const char *domain,
                       struct http_srv out[HTTP_SRV_MAX], size_t *count, struct diag *d) {
    struct __res_state state = {0};
    char name[NS_MAXDNAME];
    uint64_t random;
    unsigned char *answer = malloc(ANSWER_MAX);
    enum err e = ERR_NONE;
    *count = 0;
    if (!answer) return diag_set(d, ERR_NOMEM, "no memory for a DNS answer");
    random_bytes(&random, sizeof random);
    if (res_ninit(&state) != 0) {
        free(answer);
        return diag_set(d, ERR_NETWORK, "the resolver does not start");
    }
    state.retrans = WAIT_S;
    state.retry = TRIES;
    if (nameserver && !use_nameserver(&state, nameserver))
        e = diag_set(d, ERR_INVALID, "'%s' is no name server's ADDRESS:PORT", nameserver);
    else if (snprintf(name, sizeof name, "%s.%s", service, domain) >= (int)sizeof name)
        e = diag_set(d, ERR_LIMIT, "the domain's name is too long");
    if (!e) {
        int len = res_nquery(&state, name, ns_c_in, ns_t_srv, answer, ANSWER_MAX);
        if (len >= 0)
            e = http_srv_read(span_of(answer, len > ANSWER_MAX ? ANSWER_MAX : (size_t)len), random, out, count, d);
        else if (state.res_h_errno == HOST_NOT_FOUND || state.res_h_errno == NO_DATA)
            e = diag_set(d, ERR_NOT_FOUND, "no SRV record");
        else
            e = diag_set(d, ERR_NETWORK, "no name server answers");
    }
    if (e == ERR_NOT_FOUND) e = diag_set(d, e, "%s has no TAXII server in DNS: there is no %s", domain, name);
    res_nclose(&state);
    free(answer);
    return e;
}
