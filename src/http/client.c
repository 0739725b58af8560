#include "http/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/encode.h"
#include "http/tls_openssl.h"

#ifndef RENKEI_VERSION
#define RENKEI_VERSION "development"
#endif

struct http_client {
    CURL *curl;
    struct http_client_config config; /* its texts point into `texts` */
    struct arena texts;
    char *pins; /* as libcurl wants them: "sha256//…;sha256//…"; NULL = none */
    struct http_tls_chain chain;
    EVP_PKEY *key;
    char error[CURL_ERROR_SIZE];
};

/* One exchange, for the callbacks. */
struct exchange {
    struct http_client *client;
    struct http_reply *reply;
    size_t limit;
    size_t header_bytes;
    bool over_limit, over_headers, no_memory, stopped;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- opening ---- */

static const char *keep_text(struct http_client *c, const char *text) {
    return text ? arena_cstr(&c->texts, span_cstr(text)) : NULL;
}

static bool keep_config(struct http_client *c, const struct http_client_config *from) {
    struct http_client_config *to = &c->config;
    *to = *from;
    to->ca_file = keep_text(c, from->ca_file);
    to->user = keep_text(c, from->user);
    to->password = keep_text(c, from->password ? from->password : "");
    to->bearer = keep_text(c, from->bearer);
    to->user_agent = keep_text(c, from->user_agent ? from->user_agent : "renkei/" RENKEI_VERSION);
    to->pins = NULL;
    if (!to->connect_timeout_ms) to->connect_timeout_ms = HTTP_CLIENT_CONNECT_TIMEOUT_MS_DEFAULT;
    if (!to->stall_timeout_ms) to->stall_timeout_ms = HTTP_CLIENT_STALL_TIMEOUT_MS_DEFAULT;
    if (!to->timeout_ms) to->timeout_ms = HTTP_CLIENT_TIMEOUT_MS_DEFAULT;
    if (to->redirects > HTTP_CLIENT_REDIRECTS_MAX) to->redirects = HTTP_CLIENT_REDIRECTS_MAX;
    struct buf pins = BUF_EMPTY;
    for (size_t i = 0; i < from->pin_count; i++) {
        buf_add_cstr(&pins, i ? ";sha256//" : "sha256//");
        buf_add_base64(&pins, span_of(from->pins[i].b, SHA256_SIZE));
    }
    if (from->pin_count) c->pins = arena_cstr(&c->texts, buf_span(&pins));
    bool ok = buf_ok(&pins) && !c->texts.overflow;
    buf_free(&pins);
    return ok;
}

enum err http_client_open(const struct http_client_config *config, struct http_client **out, struct diag *d) {
    *out = NULL;
    if (config->pin_count > HTTP_CLIENT_PINS_MAX)
        return diag_set(d, ERR_LIMIT, "%zu pins; at most %d", config->pin_count, HTTP_CLIENT_PINS_MAX);
    if (config->user && strchr(config->user, ':'))
        return diag_set(d, ERR_INVALID, "a user name for Basic authentication cannot hold ':'");
    if ((config->bearer && !http_header_value_valid(span_cstr(config->bearer))) ||
        (config->user_agent && !http_header_value_valid(span_cstr(config->user_agent))))
        return diag_set(d, ERR_INVALID, "a control character in the bearer token or user agent");
    pthread_once(&curl_once, init_curl);
    struct http_client *c = calloc(1, sizeof *c);
    if (!c) return diag_set(d, ERR_NOMEM, "no memory left for an HTTP client");
    arena_init(&c->texts, 1 << 16);
    enum err err = ERR_NONE;
    c->curl = curl_easy_init();
    if (!c->curl || !keep_config(c, config)) err = diag_set(d, ERR_NOMEM, "no memory left for an HTTP client");
    if (!err && config->identity) {
        err = http_tls_chain_read(config->identity->certificate, &c->chain, d);
        if (!err) err = http_tls_remote_key(config->identity, &c->chain, &c->key, d);
    }
    if (err) {
        http_client_close(&c);
        return err;
    }
    *out = c;
    return ERR_NONE;
}

void http_client_close(struct http_client **client) {
    struct http_client *c = *client;
    if (!c) return;
    curl_easy_cleanup(c->curl);
    EVP_PKEY_free(c->key);
    http_tls_chain_free(&c->chain);
    arena_free(&c->texts);
    free(c);
    *client = NULL;
}

void http_reply_free(struct http_reply *reply) {
    buf_free(&reply->body);
    arena_free(&reply->arena);
    *reply = HTTP_REPLY_EMPTY;
}

bool http_reply_header(const struct http_reply *reply, const char *name, struct span *value) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (!span_equal_nocase(reply->headers[i].name, span_cstr(name))) continue;
        *value = reply->headers[i].value;
        return true;
    }
    return false;
}

/* ---- URLs ---- */

struct target {
    char *scheme, *host, *port, *path; /* libcurl's, freed with target_free() */
};

static void target_free(struct target *t) {
    curl_free(t->scheme);
    curl_free(t->host);
    curl_free(t->port);
    curl_free(t->path);
    *t = (struct target){0};
}

static bool host_is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    char bare[64];
    if (strcmp(host, "localhost") == 0) return true;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    size_t len = strlen(host);
    if (len < 2 || len >= sizeof bare || host[0] != '[') return false;
    memcpy(bare, host + 1, len - 2);
    bare[len - 2] = 0;
    return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static enum err target_read(const char *url, struct target *out, struct diag *d) {
    enum err err = ERR_NONE;
    char *user = NULL, *password = NULL;
    CURLU *parts = NULL;
    *out = (struct target){0};
    if (strlen(url) > HTTP_CLIENT_URL_MAX)
        return diag_set(d, ERR_LIMIT, "a URL longer than %d bytes", HTTP_CLIENT_URL_MAX);
    parts = curl_url();
    if (!parts) return diag_set(d, ERR_NOMEM, "no memory left for a URL");
    CURLUcode rc = curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_url_get(parts, CURLUPART_USER, &user, 0);
    curl_url_get(parts, CURLUPART_PASSWORD, &password, 0);
    if (rc != CURLUE_OK || curl_url_get(parts, CURLUPART_SCHEME, &out->scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &out->host, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PORT, &out->port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PATH, &out->path, 0) != CURLUE_OK) {
        err = diag_set(d, ERR_INVALID, "not a URL that can be fetched; expected https://host/path");
    } else if (user || password) {
        err =
            diag_set(d, ERR_INVALID, "user and password belong in the configuration, not in the URL of %s", out->host);
    } else if (strcmp(out->scheme, "https") != 0 && strcmp(out->scheme, "http") != 0) {
        err = diag_set(d, ERR_INVALID, "the URL of %s is %s; expected https", out->host, out->scheme);
    } else if (strcmp(out->scheme, "http") == 0 && !host_is_loopback(out->host)) {
        err = diag_set(d, ERR_DENIED, "http://%s would send in the clear; expected https", out->host);
    }
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parts);
    if (err) target_free(out);
    return err;
}

static bool same_origin(const struct target *a, const struct target *b) {
    return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

/* ---- what libcurl calls ---- */

static size_t take_body(char *at, size_t size, size_t count, void *context) {
    struct exchange *x = context;
    size_t len = size * count; /* libcurl: size is 1 */
    if (len > x->limit - x->reply->body.len) {
        x->over_limit = true;
        return 0;
    }
    buf_add(&x->reply->body, span_of(at, len));
    if (buf_ok(&x->reply->body)) return len;
    x->no_memory = true;
    return 0;
}

/* Asked while the connection is in use, the only time when libcurl can tell. */
static void learn_peer(struct exchange *x) {
    struct curl_tlssessioninfo *info = NULL;
    x->reply->has_peer = false;
    if (curl_easy_getinfo(x->client->curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
        return;
    X509 *certificate = SSL_get1_peer_certificate(info->internals);
    if (!certificate) return;
    x->reply->has_peer = http_tls_x509_pin(certificate, &x->reply->peer_pin);
    X509_free(certificate);
}

static bool add_header(struct http_reply *r, struct span line) {
    size_t colon = span_find_char(line, ':');
    if (colon == SIZE_MAX) return true;
    if (r->header_count == r->header_room) {
        size_t room = r->header_room ? r->header_room * 2 : 16;
        struct http_param *more = arena_zalloc(&r->arena, room, sizeof *more);
        if (!more) return false;
        if (r->header_count) memcpy(more, r->headers, r->header_count * sizeof *more);
        r->headers = more;
        r->header_room = room;
    }
    struct span copy = arena_copy(&r->arena, line);
    if (!copy.at) return false;
    r->headers[r->header_count++] =
        (struct http_param){span_trim(span_first(copy, colon)), span_trim(span_from(copy, colon + 1))};
    return true;
}

/* Each header line, of interim responses (100 Continue) too: a status line begins anew. */
static size_t take_header(char *at, size_t size, size_t count, void *context) {
    struct exchange *x = context;
    size_t len = size * count;
    struct span line = span_of(at, len);
    x->header_bytes += len;
    if (x->header_bytes > HTTP_CLIENT_HEADERS_MAX) {
        x->over_headers = true;
        return 0;
    }
    if (span_starts(line, SPAN("HTTP/"))) {
        x->reply->header_count = 0;
        learn_peer(x);
        return len;
    }
    if (add_header(x->reply, line)) return len;
    x->no_memory = true;
    return 0;
}

static int ask_stop(void *context, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total, curl_off_t ul) {
    struct exchange *x = context;
    const struct http_client_config *config = &x->client->config;
    x->stopped = config->stop && config->stop(config->stop_context);
    return x->stopped;
}

/* Gives the connection's context our certificate and the key that signs elsewhere. */
static CURLcode set_identity(CURL *curl, void *ssl_context, void *context) {
    struct http_client *c = context;
    if (!c->key) return CURLE_OK;
    if (SSL_CTX_use_certificate(ssl_context, c->chain.certificates[0]) != 1) goto failed;
    for (size_t i = 1; i < c->chain.count; i++)
        if (SSL_CTX_add1_chain_cert(ssl_context, c->chain.certificates[i]) != 1) goto failed;
    if (SSL_CTX_use_PrivateKey(ssl_context, c->key) != 1) goto failed;
    return CURLE_OK;
failed:
    ERR_clear_error();
    return CURLE_SSL_CERTPROBLEM;
}

/* ---- one exchange ---- */

static bool make_headers(const struct http_param *headers, size_t count, bool body, struct curl_slist **out,
                         struct diag *d) {
    struct buf line = BUF_EMPTY;
    bool typed = false, ok = true;
    *out = NULL;
    for (size_t i = 0; ok && i < count; i++) {
        if (!http_header_name_valid(headers[i].name) || !http_header_value_valid(headers[i].value)) {
            (void)diag_set(d, ERR_INVALID, "a header field with a control character or an invalid name");
            ok = false;
            break;
        }
        typed |= span_equal_nocase(headers[i].name, SPAN("Content-Type"));
        buf_clear(&line);
        buf_add(&line, headers[i].name);
        buf_add_cstr(&line, headers[i].value.len ? ": " : ";"); /* libcurl's spelling of an empty value */
        buf_add(&line, headers[i].value);
        const char *text = buf_cstr(&line);
        struct curl_slist *more = text ? curl_slist_append(*out, text) : NULL;
        if (more)
            *out = more;
        else
            ok = false;
    }
    if (ok && body && !typed) { /* else libcurl would call it a form */
        struct curl_slist *more = curl_slist_append(*out, "Content-Type:");
        if (more)
            *out = more;
        else
            ok = false;
    }
    buf_free(&line);
    if (!ok && d && !d->code) (void)diag_set(d, ERR_NOMEM, "no memory left for a request");
    if (!ok) {
        curl_slist_free_all(*out);
        *out = NULL;
    }
    return ok;
}

static void set_method(CURL *curl, const char *method, struct span body) {
    bool get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0;
    if (head) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (get && body.len == 0) return;
    if (body.len || strcmp(method, "DELETE") != 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.len ? body.at : "");
    }
    if (strcmp(method, "POST") != 0) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/* Of TLS 1.2 only what has forward secrecy and authenticated encryption (RFC 7540, Appendix A, lists the others). */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"

static void set_trust(struct http_client *c) {
    const struct http_client_config *config = &c->config;
    bool by_ca = !c->pins && !config->allow_unpinned;
    curl_easy_setopt(c->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c->curl, CURLOPT_SSL_CIPHER_LIST, CIPHERS);
    curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, by_ca ? 1L : 0L);
    curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, by_ca ? 2L : 0L);
    if (c->pins) curl_easy_setopt(c->curl, CURLOPT_PINNEDPUBLICKEY, c->pins);
    if (config->ca_file && by_ca) curl_easy_setopt(c->curl, CURLOPT_CAINFO, config->ca_file);
    curl_easy_setopt(c->curl, CURLOPT_SSL_CTX_FUNCTION, set_identity);
    curl_easy_setopt(c->curl, CURLOPT_SSL_CTX_DATA, c);
}

static void set_credentials(struct http_client *c) {
    const struct http_client_config *config = &c->config;
    if (config->bearer) {
        curl_easy_setopt(c->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(c->curl, CURLOPT_XOAUTH2_BEARER, config->bearer);
    } else if (config->user) {
        curl_easy_setopt(c->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(c->curl, CURLOPT_USERNAME, config->user);
        curl_easy_setopt(c->curl, CURLOPT_PASSWORD, config->password);
    }
}

static void set_options(struct http_client *c, struct exchange *x, const char *url, bool loopback) {
    const struct http_client_config *config = &c->config;
    CURL *curl = c->curl;
    curl_easy_reset(curl); /* keeps connections and TLS sessions */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, config->user_agent);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip, zstd");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    if (loopback) curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* else the environment's */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(config->stall_timeout_ms + 999) / 1000);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, config->stop ? 0L : 1L);
    set_trust(c);
    set_credentials(c);
}

static enum err explain(const struct exchange *x, CURLcode rc, const struct target *t, struct diag *d) {
    const char *why = x->client->error[0] ? x->client->error : curl_easy_strerror(rc);
    char where[256];
    snprintf(where, sizeof where, "%s://%s:%s%.120s", t->scheme, t->host, t->port, t->path);
    if (x->over_limit) return diag_set(d, ERR_LIMIT, "%s: the reply is larger than %zu bytes", where, x->limit);
    if (x->over_headers)
        return diag_set(d, ERR_LIMIT, "%s: the reply's headers are larger than %d bytes", where,
                        HTTP_CLIENT_HEADERS_MAX);
    if (x->no_memory || rc == CURLE_OUT_OF_MEMORY) return diag_set(d, ERR_NOMEM, "%s: no memory left", where);
    if (x->stopped) return diag_set(d, ERR_BUSY, "%s: stopped", where);
    switch (rc) {
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return diag_set(d, ERR_VERIFY, "%s: the server's key is not the one expected", where);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return diag_set(d, ERR_VERIFY, "%s: %s", where, why);
    case CURLE_URL_MALFORMAT:
        return diag_set(d, ERR_INVALID, "%s: %s", where, why);
    case CURLE_WRITE_ERROR: /* not take_body()'s, which is told above: of what unpacks */
    case CURLE_BAD_CONTENT_ENCODING:
        return diag_set(d, ERR_NETWORK, "%s: the reply's compression is broken", where);
    case CURLE_OPERATION_TIMEDOUT:
        return diag_set(d, ERR_NETWORK, "%s: timed out: %s", where, why);
    default:
        return diag_set(d, ERR_NETWORK, "%s: %s", where, why);
    }
}

static void reply_begin(struct http_reply *r) {
    if (!r->arena.cap)
        arena_init(&r->arena, 4 * HTTP_CLIENT_HEADERS_MAX); /* the bytes, the growing list, rounding */
    else
        arena_reset(&r->arena);
    buf_clear(&r->body);
    r->headers = NULL;
    r->status = 0;
    r->header_count = r->header_room = 0;
    r->has_peer = false;
}

static enum err exchange_once(struct http_client *c, const char *method, const char *url, const struct target *t,
                              struct curl_slist *headers, struct span body, size_t limit, struct http_reply *out,
                              struct diag *d) {
    struct exchange x = {.client = c, .reply = out, .limit = limit};
    long status = 0;
    reply_begin(out);
    c->error[0] = 0;
    set_options(c, &x, url, host_is_loopback(t->host));
    set_method(c->curl, method, body);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode rc = curl_easy_perform(c->curl);
    ERR_clear_error();
    if (rc != CURLE_OK) return explain(&x, rc, t, d);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 100 || status > 599) /* RFC 9110 §15: libcurl takes any three digits */
        return diag_set(d, ERR_NETWORK, "%s://%s:%s%s answers with %ld, which is no status", t->scheme, t->host,
                        t->port, t->path, status);
    out->status = (unsigned)status;
    return ERR_NONE;
}

/* Where a redirect that may be followed leads (owned by the caller, free()), or NULL. */
static char *redirect_of(struct http_client *c, const struct http_reply *reply, const struct target *from) {
    char *url = NULL;
    struct target to;
    if (reply->status != 301 && reply->status != 302 && reply->status != 307 && reply->status != 308) return NULL;
    if (curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &url) != CURLE_OK || !url) return NULL;
    if (target_read(url, &to, NULL)) return NULL;
    char *copy = same_origin(from, &to) ? strdup(url) : NULL;
    target_free(&to);
    return copy;
}

enum err http_client_send(struct http_client *client, const char *method, const char *url,
                          const struct http_param *headers, size_t header_count, struct span body,
                          size_t response_limit, struct http_reply *out, struct diag *d) {
    struct target target = {0};
    struct curl_slist *list = NULL;
    char *followed = NULL;
    struct diag why = {0};
    bool safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

    if (!http_header_name_valid(span_cstr(method))) return diag_set(d, ERR_INVALID, "not an HTTP method");
    enum err err = target_read(url, &target, &why);
    bool sends_body = body.len || !(safe || strcmp(method, "DELETE") == 0);
    if (!err && !make_headers(headers, header_count, sends_body, &list, &why)) err = why.code;
    for (unsigned left = client->config.redirects; !err; left--) {
        err = exchange_once(client, method, followed ? followed : url, &target, list, body, response_limit, out, &why);
        if (err || !safe || left == 0) break;
        char *next = redirect_of(client, out, &target);
        if (!next) break;
        free(followed);
        followed = next;
    }
    if (err && d) *d = why;
    free(followed);
    curl_slist_free_all(list);
    target_free(&target);
    /* Nothing of the caller's stays behind in the handle. */
    curl_easy_reset(client->curl);
    return err;
}
