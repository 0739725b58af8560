#include "node/signer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "http/tls.h"
#include "node/sandbox.h"

enum { CERTIFICATE_YEARS = 10, KEY_FILE_MAX = 64 << 10, CONFIGURATION_MAX = 60 << 10 /* fits a reply */ };

enum request {
    REQUEST_PUBLIC,
    REQUEST_SIGN,
    REQUEST_TLS,
    REQUEST_ROTATE,
    REQUEST_SIGN_NEXT,
    REQUEST_SWITCH,
    REQUEST_RELOAD,
    REQUEST_CONFIGURATION
};

/* A datagram each way. A reply begins with one byte: 0 and the result, or 1 and a sentence. */
struct request_head {
    uint8_t request, use;
    uint16_t party_len; /* REQUEST_ROTATE: party, then host */
    int64_t now;
};

struct signer {
    int socket;
    pid_t child;
    pthread_mutex_t lock;
    uint8_t public_key[2][SIGNER_PUBLIC_SIZE];
    struct buf certificate;
    struct sha256 pin;
};

/* What may be signed with which key: the message must begin with one of these. */
static const struct {
    enum signer_use use;
    const char *begins;
} allowed[] = {
    {SIGNER_AGREEMENT, "renkei agreement signature v1\n"},
    {SIGNER_AGREEMENT, "renkei card v1\n"},
    {SIGNER_AGREEMENT, "renkei consent v1\n"},
    {SIGNER_AGREEMENT, "renkei termination v1\n"},
    {SIGNER_AGREEMENT, "renkei erasure v1\n"},
    {SIGNER_LOG, "renkei/"},
    {SIGNER_LOG, "cosignature/v1\n"},
    {SIGNER_LOG, "renkei audit head v1\n"},
};

static const char *const key_names[2] = {[SIGNER_AGREEMENT] = "agreement.key", [SIGNER_LOG] = "log.key"};

/* ---- key files --------------------------------------------------------------------------------------------------- */

static void key_path(char *path, size_t size, const char *folder, uint32_t serial, const char *name) {
    snprintf(path, size, "%s/%u%s%s", folder, serial, name[0] ? "/" : "", name);
}

static enum err seed_create(const char *folder, uint32_t serial, const char *name, struct diag *d) {
    char path[4096];
    uint8_t seed[crypto_sign_SEEDBYTES];
    random_bytes(seed, sizeof seed);
    key_path(path, sizeof path, folder, serial, name);
    enum err e = file_write(path, span_of(seed, sizeof seed), 0600, d);
    sodium_memzero(seed, sizeof seed);
    return e;
}

enum err signer_keys_create(const char *folder, uint32_t serial, struct span party, struct span host, time_us now,
                            struct diag *d) {
    char path[4096];
    struct http_tls_pair pair = {0};
    key_path(path, sizeof path, folder, serial, "");
    enum err e = file_make_folder(path, 0700, d);
    if (e || (e = seed_create(folder, serial, key_names[SIGNER_AGREEMENT], d)) ||
        (e = seed_create(folder, serial, key_names[SIGNER_LOG], d)))
        return e;
    const struct span names[] = {host, SPAN("localhost")};
    time_us until = now + (time_us)CERTIFICATE_YEARS * 366 * 86400 * TIME_US_PER_S;
    if ((e = http_tls_certificate_make(party, names, 2, now - 86400 * TIME_US_PER_S, until, &pair, d))) goto out;
    key_path(path, sizeof path, folder, serial, "tls.key");
    if ((e = file_write(path, buf_span(&pair.private_key), 0600, d))) goto out;
    key_path(path, sizeof path, folder, serial, "tls.crt");
    e = file_write(path, buf_span(&pair.certificate), 0600, d);
out:
    http_tls_pair_free(&pair);
    return e;
}

/* ---- the signer process --------------------------------------------------------------------------------------------
 */

struct keys {
    bool loaded;
    uint8_t secret[2][crypto_sign_SECRETKEYBYTES], public_key[2][crypto_sign_PUBLICKEYBYTES];
    struct http_tls_private *tls;
    struct buf certificate;
};

struct keeper {
    const char *folder;
    uint32_t serial;
    struct keys now, next;
};

static enum err seed_load(const char *folder, uint32_t serial, int use, struct keys *keys, struct diag *d) {
    char path[4096];
    struct buf seed = BUF_EMPTY;
    key_path(path, sizeof path, folder, serial, key_names[use]);
    enum err e = file_read(path, KEY_FILE_MAX, &seed, d);
    if (!e && seed.len != crypto_sign_SEEDBYTES) e = diag_set(d, ERR_INVALID, "%s is not a key", path);
    if (!e) crypto_sign_seed_keypair(keys->public_key[use], keys->secret[use], (const uint8_t *)seed.at);
    if (seed.at) sodium_memzero(seed.at, seed.len);
    buf_free(&seed);
    return e;
}

static enum err keys_load(const char *folder, uint32_t serial, struct keys *keys, struct diag *d) {
    char path[4096];
    struct buf pem = BUF_EMPTY;
    enum err e;
    if ((e = seed_load(folder, serial, SIGNER_AGREEMENT, keys, d)) ||
        (e = seed_load(folder, serial, SIGNER_LOG, keys, d)))
        return e;
    key_path(path, sizeof path, folder, serial, "tls.key");
    e = file_read(path, KEY_FILE_MAX, &pem, d);
    if (!e) e = http_tls_private_load(buf_span(&pem), &keys->tls, d);
    if (pem.at) sodium_memzero(pem.at, pem.len);
    buf_free(&pem);
    key_path(path, sizeof path, folder, serial, "tls.crt");
    if (!e) e = file_read(path, KEY_FILE_MAX, &keys->certificate, d);
    keys->loaded = e == ERR_NONE;
    return e;
}

static enum err answer_publics(const struct keys *keys, struct buf *out, struct diag *d) {
    struct sha256 pin;
    enum err e = http_tls_pin(buf_span(&keys->certificate), &pin, d);
    if (e) return e;
    buf_add(out, span_of(keys->public_key, sizeof keys->public_key));
    buf_add(out, span_of(pin.b, sizeof pin.b));
    buf_add(out, buf_span(&keys->certificate));
    return ERR_NONE;
}

static enum err answer_signature(const struct keys *keys, unsigned use, struct span message, struct buf *out,
                                 struct diag *d) {
    uint8_t signature[crypto_sign_BYTES];
    bool may = false;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        may = may || (use == (unsigned)allowed[i].use && span_starts(message, span_cstr(allowed[i].begins)));
    if (!may || !keys->loaded) return diag_set(d, ERR_DENIED, "the signer does not sign such a message with that key");
    crypto_sign_detached(signature, NULL, (const uint8_t *)message.at, message.len, keys->secret[use]);
    buf_add(out, span_of(signature, sizeof signature));
    return ERR_NONE;
}

static enum err answer_tls(const struct keys *keys, struct span digest, struct buf *out, struct diag *d) {
    uint8_t signature[HTTP_TLS_SIGNATURE_MAX];
    size_t len = sizeof signature;
    enum http_tls_hash hash = digest.len == 32 ? HTTP_TLS_SHA256 : digest.len == 48 ? HTTP_TLS_SHA384 : HTTP_TLS_SHA512;
    enum err e = http_tls_private_sign(keys->tls, digest, hash, signature, &len, d);
    if (!e) buf_add(out, span_of(signature, len));
    return e;
}

static enum err answer_rotate(struct keeper *k, const struct request_head *head, struct span payload, struct buf *out,
                              struct diag *d) {
    struct span party = span_first(payload, head->party_len), host = span_from(payload, head->party_len);
    if (k->next.tls) http_tls_private_free(&k->next.tls);
    buf_free(&k->next.certificate);
    k->next = (struct keys){0};
    enum err e = signer_keys_create(k->folder, k->serial + 1, party, host, head->now, d);
    if (e || (e = keys_load(k->folder, k->serial + 1, &k->next, d))) return e;
    return answer_publics(&k->next, out, d);
}

static enum err answer_switch(struct keeper *k, struct buf *out, struct diag *d) {
    if (!k->next.loaded) return diag_set(d, ERR_INVALID, "no successor keys were made");
    if (k->now.tls) http_tls_private_free(&k->now.tls);
    buf_free(&k->now.certificate);
    sodium_memzero(&k->now, sizeof k->now);
    k->now = k->next;
    k->next = (struct keys){0};
    k->serial++;
    return answer_publics(&k->now, out, d);
}

static enum err answer_reload(struct keeper *k, struct buf *out, struct diag *d) {
    struct buf certificate = BUF_EMPTY;
    struct sha256 now, renewed;
    char path[4096];
    key_path(path, sizeof path, k->folder, k->serial, "tls.crt");
    enum err e = file_read(path, KEY_FILE_MAX, &certificate, d);
    if (!e) e = http_tls_pin(buf_span(&k->now.certificate), &now, d);
    if (!e) e = http_tls_pin(buf_span(&certificate), &renewed, d);
    if (!e && !sha256_equal(&now, &renewed))
        e = diag_set(d, ERR_DENIED, "%s is a certificate of another key: new keys are made by `renkei key rotate`",
                     path);
    if (e) {
        buf_free(&certificate);
        return e;
    }
    buf_free(&k->now.certificate);
    k->now.certificate = certificate;
    return answer_publics(&k->now, out, d);
}

/* keys/ stands beside renkei.yaml. */
static enum err answer_configuration(struct keeper *k, struct buf *out, struct diag *d) {
    char path[4096];
    snprintf(path, sizeof path, "%s/../renkei.yaml", k->folder);
    return file_read(path, CONFIGURATION_MAX, out, d);
}

static enum err answer(struct keeper *k, const struct request_head *head, struct span payload, struct buf *out,
                       struct diag *d) {
    switch ((enum request)head->request) {
    case REQUEST_PUBLIC:
        return answer_publics(&k->now, out, d);
    case REQUEST_SIGN:
        return answer_signature(&k->now, head->use, payload, out, d);
    case REQUEST_TLS:
        return answer_tls(&k->now, payload, out, d);
    case REQUEST_ROTATE:
        return answer_rotate(k, head, payload, out, d);
    case REQUEST_SIGN_NEXT:
        return answer_signature(&k->next, SIGNER_AGREEMENT, payload, out, d);
    case REQUEST_SWITCH:
        return answer_switch(k, out, d);
    case REQUEST_RELOAD:
        return answer_reload(k, out, d);
    case REQUEST_CONFIGURATION:
        return answer_configuration(k, out, d);
    }
    return diag_set(d, ERR_INVALID, "unknown request");
}

/* Serves until the other end is closed. Never returns. */
static void keeper_run(int socket, const char *folder, uint32_t serial) {
    static char datagram[sizeof(struct request_head) + SIGNER_MESSAGE_MAX];
    struct keeper k = {.folder = folder, .serial = serial};
    struct diag d = {0};
    enum err loaded;
    prctl(PR_SET_NAME, "renkei-signer");
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGINT, SIG_IGN); /* a Ctrl-C is the parent's to handle; we end when it closes the socket */
    signal(SIGTERM, SIG_IGN);
    loaded = keys_load(folder, serial, &k.now, &d);
    for (;;) {
        ssize_t got = recv(socket, datagram, sizeof datagram, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < (ssize_t)sizeof(struct request_head)) _exit(0);
        struct request_head head;
        memcpy(&head, datagram, sizeof head);
        struct span payload = span_of(datagram + sizeof head, (size_t)got - sizeof head);
        struct buf reply = BUF_EMPTY;
        buf_add_char(&reply, 0);
        enum err e = loaded ? loaded : answer(&k, &head, payload, &reply, &d);
        if (e) {
            buf_clear(&reply);
            buf_add_char(&reply, 1);
            buf_add_cstr(&reply, d.message);
        }
        ssize_t sent = send(socket, reply.at, reply.len, MSG_NOSIGNAL);
        buf_free(&reply);
        if (sent < 0) _exit(0);
    }
}

/* ---- the client's side ---------------------------------------------------------------------------------------------
 */

static enum err call(struct signer *s, const struct request_head *head, struct span payload, struct buf *out,
                     struct diag *d) {
    struct buf request = BUF_EMPTY;
    static const size_t reply_max = SIGNER_MESSAGE_MAX;
    enum err e = ERR_NONE;
    if (payload.len > SIGNER_MESSAGE_MAX) return diag_set(d, ERR_LIMIT, "too long to sign");
    buf_add(&request, span_of(head, sizeof *head));
    buf_add(&request, payload);
    char *reply = buf_reserve(out, reply_max);
    if (!buf_ok(&request) || !reply) {
        buf_free(&request);
        return diag_set(d, ERR_NOMEM, "no memory to ask the signer");
    }
    pthread_mutex_lock(&s->lock);
    ssize_t got = -1;
    if (send(s->socket, request.at, request.len, MSG_NOSIGNAL) == (ssize_t)request.len) do
            got = recv(s->socket, reply, reply_max, 0);
        while (got < 0 && errno == EINTR);
    pthread_mutex_unlock(&s->lock);
    buf_free(&request);
    if (got < 1) return diag_set(d, ERR_IO, "the signer process is gone: restart renkei");
    if (reply[0] != 0) return diag_set(d, ERR_DENIED, "%.*s", (int)got - 1, reply + 1);
    memmove(reply, reply + 1, (size_t)got - 1);
    out->len += (size_t)got - 1;
    return e;
}

static enum err take_publics(struct span reply, uint8_t keys[2][SIGNER_PUBLIC_SIZE], struct sha256 *pin,
                             struct span *certificate, struct diag *d) {
    if (reply.len <= 3 * 32) return diag_set(d, ERR_INTERNAL, "the signer's answer is cut short");
    memcpy(keys, reply.at, 64);
    memcpy(pin->b, reply.at + 64, 32);
    *certificate = span_from(reply, 96);
    return ERR_NONE;
}

static enum err refresh(struct signer *s, enum request request, struct diag *d) {
    struct buf reply = BUF_EMPTY;
    struct span certificate;
    struct request_head head = {.request = (uint8_t)request};
    enum err e = call(s, &head, (struct span){0}, &reply, d);
    if (!e) e = take_publics(buf_span(&reply), s->public_key, &s->pin, &certificate, d);
    /* Most often nothing has changed, and a handshake may be reading it. */
    if (!e && !span_equal(buf_span(&s->certificate), certificate)) {
        buf_clear(&s->certificate);
        buf_add(&s->certificate, certificate);
    }
    buf_free(&reply);
    return e;
}

enum err signer_start(const char *folder, uint32_t serial, struct signer **out, struct diag *d) {
    int pair[2];
    if (sodium_init() < 0) return diag_set(d, ERR_INTERNAL, "libsodium does not start");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return diag_set(d, ERR_IO, "no socket for the signer: %s", strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        close(pair[0]);
        close(pair[1]);
        return diag_set(d, ERR_IO, "the signer process does not start: %s", strerror(errno));
    }
    if (child == 0) {
        if (dup2(pair[1], 3) < 0) _exit(1);
        close_range(4, ~0U, 0);
        keeper_run(3, folder, serial);
    }
    close(pair[1]);
    struct signer *s = calloc(1, sizeof *s);
    if (!s) {
        close(pair[0]);
        return diag_set(d, ERR_NOMEM, "no memory for the signer");
    }
    s->socket = pair[0];
    s->child = child;
    pthread_mutex_init(&s->lock, NULL);
    enum err e = refresh(s, REQUEST_PUBLIC, d);
    if (e) signer_stop(&s);
    *out = s;
    return e;
}

void signer_stop(struct signer **s) {
    if (!*s) return;
    close((*s)->socket);
    while (waitpid((*s)->child, NULL, 0) < 0 && errno == EINTR) {
    }
    buf_free(&(*s)->certificate);
    pthread_mutex_destroy(&(*s)->lock);
    free(*s);
    *s = NULL;
}

void signer_public(const struct signer *s, enum signer_use use, uint8_t out[SIGNER_PUBLIC_SIZE]) {
    memcpy(out, s->public_key[use], SIGNER_PUBLIC_SIZE);
}

struct span signer_tls_certificate(const struct signer *s) {
    return buf_span(&s->certificate);
}

void signer_tls_pin(const struct signer *s, struct sha256 *out) {
    *out = s->pin;
}

static enum err fixed_answer(struct signer *s, const struct request_head *head, struct span message, uint8_t *out,
                             size_t size, size_t *len, struct diag *d) {
    struct buf reply = BUF_EMPTY;
    enum err e = call(s, head, message, &reply, d);
    if (!e && (reply.len > size || (!len && reply.len != size)))
        e = diag_set(d, ERR_INTERNAL, "the signer's answer is of the wrong length");
    if (!e) memcpy(out, reply.at, reply.len);
    if (!e && len) *len = reply.len;
    buf_free(&reply);
    return e;
}

enum err signer_sign(struct signer *s, enum signer_use use, struct span message, uint8_t out[SIGNER_SIGNATURE_SIZE],
                     struct diag *d) {
    struct request_head head = {.request = REQUEST_SIGN, .use = (uint8_t)use};
    return fixed_answer(s, &head, message, out, SIGNER_SIGNATURE_SIZE, NULL, d);
}

enum err signer_sign_next(struct signer *s, struct span message, uint8_t out[SIGNER_SIGNATURE_SIZE], struct diag *d) {
    struct request_head head = {.request = REQUEST_SIGN_NEXT};
    return fixed_answer(s, &head, message, out, SIGNER_SIGNATURE_SIZE, NULL, d);
}

enum err signer_tls_sign(struct signer *s, struct span digest, uint8_t *out, size_t *len, struct diag *d) {
    struct request_head head = {.request = REQUEST_TLS};
    return fixed_answer(s, &head, digest, out, HTTP_TLS_SIGNATURE_MAX, len, d);
}

enum err signer_rotate(struct signer *s, struct span party, struct span host, time_us now, struct signer_next *out,
                       struct diag *d) {
    struct buf payload = BUF_EMPTY, reply = BUF_EMPTY;
    struct request_head head = {.request = REQUEST_ROTATE, .party_len = (uint16_t)party.len, .now = now};
    uint8_t keys[2][SIGNER_PUBLIC_SIZE];
    struct span certificate;
    buf_add(&payload, party);
    buf_add(&payload, host);
    enum err e = call(s, &head, buf_span(&payload), &reply, d);
    if (!e) e = take_publics(buf_span(&reply), keys, &out->tls_pin, &certificate, d);
    if (!e) {
        memcpy(out->agreement, keys[SIGNER_AGREEMENT], SIGNER_PUBLIC_SIZE);
        memcpy(out->log, keys[SIGNER_LOG], SIGNER_PUBLIC_SIZE);
    }
    buf_free(&payload);
    buf_free(&reply);
    return e;
}

enum err signer_configuration(struct signer *s, struct buf *out, struct diag *d) {
    struct request_head head = {.request = REQUEST_CONFIGURATION};
    return call(s, &head, (struct span){0}, out, d);
}

enum err signer_reload(struct signer *s, struct diag *d) {
    return refresh(s, REQUEST_RELOAD, d);
}

enum err signer_switch(struct signer *s, struct diag *d) {
    return refresh(s, REQUEST_SWITCH, d);
}
