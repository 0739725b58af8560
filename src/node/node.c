#include "node/node.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/log.h"
#include "node/sandbox.h"
#include "share/intake.h"
#include "share/release.h"
#include "stix/id.h"
#include "json/json.h"
#include "json/write.h"

enum { CONFIG_SIZE_MAX = 1 << 20, VIEW_SIZE_MAX = 64 << 20, CARD_YEARS = 5 };

char *node_home(const char *explicit_home) {
    const char *given = explicit_home ? explicit_home : getenv("RENKEI_HOME"), *user = getenv("HOME");
    char *path = NULL;
    if (given && given[0]) return strdup(given);
    if (asprintf(&path, "%s/.local/share/renkei", user ? user : "/root") < 0) return NULL;
    return path;
}

static void home_path(char *path, size_t size, const char *home, const char *name) {
    snprintf(path, size, "%s/%s", home, name);
}

/* ---- making a node ------------------------------------------------------------------------------------------------
 */

static enum err own_card_write(struct signer *s, struct card *card, struct buf *out, struct diag *d) {
    struct buf message = BUF_EMPTY;
    uint8_t signature[CARD_SIGNATURE_SIZE];
    enum err e = card_message(card, &message, d);
    if (!e) e = signer_sign(s, SIGNER_AGREEMENT, buf_span(&message), signature, d);
    if (!e) e = card_write(card, signature, NULL, out, d);
    buf_free(&message);
    return e;
}

enum err node_card_store(struct store_tx *tx, const char *kind, const struct card *card, time_us now, struct diag *d) {
    char key[64];
    snprintf(key, sizeof key, "%.*s/%08u", SPAN_ARG(card->party), card->serial);
    struct store_document doc = {.kind = span_cstr(kind), .key = span_cstr(key), .body = card->text, .time = now};
    return store_document_put(tx, &doc, d);
}

static bool claims(const struct card *card, const struct card *known) {
    return !span_equal(card->party, known->party) &&
           (sha256_equal(&known->tls_pin, &card->tls_pin) || span_equal(known->identity, card->identity) ||
            memcmp(known->agreement_key, card->agreement_key, CARD_KEY_SIZE) == 0);
}

enum err node_card_unclaimed(const struct node_view *v, const struct card *card, struct diag *d) {
    const struct card *owner = claims(card, &v->own) ? &v->own : NULL;
    for (size_t i = 0; i < v->partner_count; i++)
        if (claims(card, &v->partners[i])) owner = &v->partners[i];
    return owner ? diag_set(d, ERR_DENIED, "the card of %.*s claims a key or the identity of %.*s",
                            SPAN_ARG(card->party), SPAN_ARG(owner->party))
                 : ERR_NONE;
}

/* The party's own identity object: what its objects name as their creator. */
static enum err identity_write(const struct node_init *init, struct span id, time_us now, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "identity");
    json_member_cstr(&w, "spec_version", "2.1");
    json_member(&w, "id", id);
    json_member(&w, "created_by_ref", id);
    json_member_time(&w, "created", now);
    json_member_time(&w, "modified", now);
    json_member(&w, "name", init->name);
    json_member_cstr(&w, "identity_class", "organization");
    json_key(&w, "external_references");
    json_begin_array(&w);
    json_begin_object(&w);
    json_member_cstr(&w, "source_name", "renkei-party");
    json_member(&w, "external_id", init->party);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    return buf_ok(out) ? ERR_NONE : ERR_NOMEM;
}

static enum err store_fill(struct store *store, struct signer *signer, const struct node_init *init, struct diag *d) {
    struct arena a;
    struct store_tx *tx = NULL;
    struct intake *in = NULL;
    struct buf card_text = BUF_EMPTY, identity = BUF_EMPTY;
    struct sha256 seed;
    char id[STIX_ID_SIZE];
    uint8_t secret[SHARE_SECRET_SIZE];
    time_us now = clock_now(clock_system());
    arena_init(&a, 1 << 20);
    random_bytes(seed.b, sizeof seed.b);
    random_bytes(secret, sizeof secret);
    stix_id_from_hmac(&seed, SPAN("identity"), id);
    now -= now % 1000; /* STIX timestamps here carry milliseconds */
    struct card card = {.party = init->party,
                        .name = init->name,
                        .url = init->url,
                        .identity = span_cstr(id),
                        .serial = 1,
                        .valid_from = now,
                        .valid_until = now + (time_us)CARD_YEARS * 365 * 86400 * TIME_US_PER_S};
    signer_public(signer, SIGNER_AGREEMENT, card.agreement_key);
    signer_public(signer, SIGNER_LOG, card.log_key);
    signer_tls_pin(signer, &card.tls_pin);
    enum err e = own_card_write(signer, &card, &card_text, d);
    struct card checked;
    if (!e) e = card_read(&a, buf_span(&card_text), &checked, d);
    if (e || (e = store_begin(store, &tx, d))) goto out;
    if ((e = node_card_store(tx, "own-card", &checked, now, d)) ||
        (e = store_meta_set(tx, "id-secret", span_of(secret, sizeof secret), d)) || (e = store_commit(&tx, d)))
        goto out;
    if ((e = identity_write(init, span_cstr(id), now, &identity))) {
        e = diag_set(d, e, "no memory for the identity object");
        goto out;
    }
    struct share_context context = {.store = store,
                                    .clock = clock_system(),
                                    .realm = SPAN("live"),
                                    .party = init->party,
                                    .identity = card.identity};
    struct intake_options options = {0};
    struct intake_totals totals;
    if (!(e = intake_open(&context, &options, &in, d)) && !(e = intake_add_own(in, buf_span(&identity), d)))
        e = intake_commit(&in, &totals, d);
out:
    if (in) intake_cancel(&in);
    if (tx) store_rollback(&tx);
    sodium_memzero(secret, sizeof secret);
    buf_free(&card_text);
    buf_free(&identity);
    arena_free(&a);
    return e;
}

static enum err init_check(const struct node_init *init, struct diag *d) {
    for (size_t i = 0; i < init->name.len; i++)
        if ((unsigned char)init->name.at[i] < 0x20)
            return diag_set(d, ERR_INVALID, "--name may hold no control characters");
    if (init->name.len == 0 || init->name.len > 256) return diag_set(d, ERR_INVALID, "--name needs 1 to 256 bytes");
    if (!utf8_valid(init->name, NULL)) return diag_set(d, ERR_INVALID, "--name is not UTF-8");
    bool fits = init->party.len >= 2 && init->party.len <= 32;
    for (size_t i = 0; fits && i < init->party.len; i++) {
        char c = init->party.at[i];
        fits = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c == '-' && i > 0);
    }
    if (!fits) return diag_set(d, ERR_INVALID, "--party is 2 to 32 of A-Z, 0-9 and '-', such as JP-MOD");
    if (!span_starts(init->url, SPAN("https://")) || init->url.len > 500)
        return diag_set(d, ERR_INVALID, "--url must begin with https://");
    return ERR_NONE;
}

/* A database may hold another node's store: two in one would be neither. */
static enum err store_unused(struct store *store, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_document *cards;
    struct arena a;
    size_t count = 0;
    arena_init(&a, 16 << 20);
    enum err e = store_reader_open(store, &r, d);
    if (!e) e = store_document_list(r, "own-card", &a, &cards, &count, d);
    if (!e && count) e = diag_set(d, ERR_EXISTS, "another node's store is there: name another schema (…&schema=NAME)");
    store_reader_close(&r);
    arena_free(&a);
    return e;
}

enum err node_create(const char *home, const struct node_init *init, struct diag *d) {
    char path[4096], host[256];
    struct buf text = BUF_EMPTY;
    struct config *config = NULL;
    struct signer *signer = NULL;
    struct store *store = NULL;
    uint16_t port;
    enum err e = init_check(init, d);
    if (e) return e;
    home_path(path, sizeof path, home, "renkei.yaml");
    if (access(path, F_OK) == 0)
        return diag_set(d, ERR_EXISTS, "%s is a node already; give another --home or remove it first", home);
    if ((e = file_make_folder(home, 0700, d)) ||
        (e = config_write(&text, init->party, init->name, init->url, init->store, d)) ||
        (e = config_read(buf_span(&text), &config, d)) || (e = config_listen(config, host, sizeof host, &port, d)))
        goto out;
    home_path(path, sizeof path, home, "keys");
    if ((e = file_make_folder(path, 0700, d)) ||
        (e = signer_keys_create(path, 1, init->party, span_cstr(host), clock_now(clock_system()), d)) ||
        (e = signer_start(path, 1, &signer, d)))
        goto out;
    home_path(path, sizeof path, home, "run");
    if ((e = file_make_folder(path, 0700, d))) goto out;
    home_path(path, sizeof path, home, "realms/live");
    if ((e = file_make_folder(path, 0700, d))) goto out;
    home_path(path, sizeof path, home, "realms/live/store.db");
    if (!config->store && access(path, F_OK) == 0) {
        e = diag_set(d, ERR_EXISTS, "%s is left from another node: remove %s first", path, home);
        goto out;
    }
    if ((e = store_open(config->store ? config->store : path, STORE_WRITE, &store, d)) ||
        (e = store_unused(store, d)) || (e = store_fill(store, signer, init, d)))
        goto out;
    /* The configuration comes last: a folder without it is no node, so an interrupted init leaves none. */
    home_path(path, sizeof path, home, "renkei.yaml");
    e = file_write(path, buf_span(&text), 0600, d);
out:
    if (store) store_close(&store);
    signer_stop(&signer);
    config_free(&config);
    buf_free(&text);
    return e;
}

/* ---- opening -------------------------------------------------------------------------------------------------------
 */

static enum err realm_open(struct node *n, enum node_mode mode, struct diag *d) {
    char path[4096];
    snprintf(n->live.name, sizeof n->live.name, "live");
    n->live.clock = clock_system();
    home_path(path, sizeof path, n->home, "realms/live/store.db");
    const char *url = n->config->store ? n->config->store : path;
    enum err e = store_open(url, mode == NODE_WRITE ? STORE_WRITE : STORE_READ, &n->live.store, d);
    if (e == ERR_BUSY) diag_prefix(d, "another renkei is writing in %s", n->home);
    return e;
}

static enum err signer_open(struct node *n, struct diag *d) {
    char path[4096];
    home_path(path, sizeof path, n->home, "keys");
    enum err e = signer_start(path, n->view->own.serial, &n->signer, d);
    if (e) return e;
    e = sandbox_forbid(path, d);
    if (e == ERR_UNSUPPORTED) {
        log_warn("%s", d->message);
        e = ERR_NONE;
    }
    return e;
}

/* A rotation that was interrupted behind its card has left checkpoints by the key before. */
static enum err checkpoints_renew(struct node *n, struct diag *d) {
    struct share_context c;
    struct node_view *v = node_view(n);
    node_share_context(n, &n->live, v, &c);
    enum err e = release_checkpoint_stale(&c, d);
    node_view_release(n, &v);
    return e;
}

/* signer: whoever may open it now, or NULL when this process may. */
static enum err read_config(const char *home, struct signer *signer, struct config **out, struct diag *d) {
    char path[4096];
    struct buf text = BUF_EMPTY;
    home_path(path, sizeof path, home, "renkei.yaml");
    enum err e = signer ? signer_configuration(signer, &text, d) : file_read(path, CONFIG_SIZE_MAX, &text, d);
    if (!e && (e = config_read(buf_span(&text), out, d))) diag_where(d, "%s", path);
    buf_free(&text);
    return e;
}

enum err node_reload(struct node *n, struct diag *d) {
    struct config *read = NULL, *before = n->config;
    enum err e = read_config(n->home, n->signer, &read, d);
    if (!e && strcmp(read->party, before->party) != 0)
        e = diag_set(d, ERR_INVALID, "renkei.yaml says %s now: a node stays the one of %s", read->party, before->party);
    if (!e && n->signer) e = signer_reload(n->signer, d);
    if (e) {
        config_free(&read);
        return e;
    }
    before->replaced_before = n->configs_before;
    n->configs_before = before;
    n->config = read;
    return ERR_NONE;
}

enum err node_open(const char *home, enum node_mode mode, struct node **out, struct diag *d) {
    char path[4096];
    struct config *config = NULL;
    *out = NULL;
    home_path(path, sizeof path, home, "renkei.yaml");
    if (access(path, F_OK) != 0)
        return diag_set(d, ERR_NOT_FOUND,
                        "no node in %s: make one with `renkei init --party ID --name \"…\" --url https://…`", home);
    struct node *n = calloc(1, sizeof *n);
    if (!n) return diag_set(d, ERR_NOMEM, "no memory for the node");
    pthread_mutex_init(&n->lock, NULL);
    enum err e = sodium_init() < 0 ? diag_set(d, ERR_INTERNAL, "libsodium does not start") : ERR_NONE;
    n->home = strdup(home);
    if (!e) e = read_config(home, NULL, &config, d);
    n->config = config;
    if (!e) e = realm_open(n, mode, d);
    if (!e) e = node_refresh(n, d);
    if (!e && mode == NODE_WRITE) e = signer_open(n, d);
    if (!e && mode == NODE_WRITE) e = checkpoints_renew(n, d);
    if (e) node_close(&n);
    *out = n;
    return e;
}

static void view_free(struct node_view **v) {
    if (!*v) return;
    struct arena arena = (*v)->arena;
    sodium_memzero((*v)->secret, sizeof(*v)->secret);
    free(*v);
    arena_free(&arena);
    *v = NULL;
}

void node_close(struct node **n) {
    if (!*n) return;
    signer_stop(&(*n)->signer);
    store_close(&(*n)->live.store);
    view_free(&(*n)->view);
    struct config *config = (*n)->config;
    config_free(&config);
    while ((config = (*n)->configs_before)) {
        (*n)->configs_before = config->replaced_before;
        config_free(&config);
    }
    pthread_mutex_destroy(&(*n)->lock);
    free((*n)->home);
    free(*n);
    *n = NULL;
}

/* ---- views ---------------------------------------------------------------------------------------------------------
 */

struct node_view *node_view(struct node *n) {
    pthread_mutex_lock(&n->lock);
    struct node_view *v = n->view;
    v->references++;
    pthread_mutex_unlock(&n->lock);
    return v;
}

void node_view_release(struct node *n, struct node_view **v) {
    pthread_mutex_lock(&n->lock);
    int left = --(*v)->references;
    pthread_mutex_unlock(&n->lock);
    if (left == 0) view_free(v);
    *v = NULL;
}

static enum err view_load(struct store_reader *r, struct node_view *v, struct diag *d) {
    struct store_document *docs;
    size_t count;
    struct span secret;
    enum err e = store_meta_get(r, "id-secret", &v->arena, &secret, d);
    if (e) return e;
    if (secret.len != SHARE_SECRET_SIZE)
        return diag_set(d, ERR_INVALID, "the store has no secret of its own: it was not made by renkei init");
    memcpy(v->secret, secret.at, SHARE_SECRET_SIZE);
    if ((e = store_document_list(r, "own-card", &v->arena, &docs, &count, d))) return e;
    if (count == 0) return diag_set(d, ERR_INVALID, "the store has no card of its own");
    if ((e = card_read(&v->arena, docs[count - 1].body, &v->own, d)))
        return e; /* keys sort by serial: the last is the newest */
    if ((e = store_document_list(r, "partner", &v->arena, &docs, &count, d))) return e;
    v->partners = arena_zalloc(&v->arena, count + 1, sizeof *v->partners);
    v->parties = arena_zalloc(&v->arena, count + 1, sizeof *v->parties);
    if (!v->partners || !v->parties) return diag_set(d, ERR_NOMEM, "no memory for the partners' cards");
    for (size_t i = 0; i < count; i++) {
        if ((e = card_read(&v->arena, docs[i].body, &v->partners[i], d))) return e;
        v->parties[i] = (struct share_party){.id = v->partners[i].party, .identity = v->partners[i].identity};
    }
    v->partner_count = count;
    return ERR_NONE;
}

enum err node_refresh(struct node *n, struct diag *d) {
    struct store_reader *r = NULL;
    struct node_view *v = calloc(1, sizeof *v);
    if (!v) return diag_set(d, ERR_NOMEM, "no memory for the node's view");
    arena_init(&v->arena, VIEW_SIZE_MAX);
    v->references = 1;
    enum err e = store_reader_open(n->live.store, &r, d);
    if (!e) e = view_load(r, v, d);
    store_reader_close(&r);
    if (e) {
        view_free(&v);
        return e;
    }
    pthread_mutex_lock(&n->lock);
    struct node_view *old = n->view;
    n->view = v;
    int left = old ? --old->references : 1;
    pthread_mutex_unlock(&n->lock);
    if (left == 0) view_free(&old);
    return ERR_NONE;
}

enum err node_party_of_pin(struct node *n, const struct sha256 *pin, struct arena *a, struct span *party,
                           struct diag *d) {
    struct node_view *v = node_view(n);
    enum err e = diag_set(d, ERR_DENIED, "no trusted party's card carries this TLS key");
    for (size_t i = 0; i < v->partner_count; i++) {
        if (!sha256_equal(&v->partners[i].tls_pin, pin)) continue;
        *party = arena_copy(a, v->partners[i].party);
        e = party->at ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory");
    }
    node_view_release(n, &v);
    return e;
}

static enum err sign_with_log_key(void *context, struct span message, uint8_t signature[64], struct diag *d) {
    return signer_sign(context, SIGNER_LOG, message, signature, d);
}

void node_share_context(struct node *n, struct realm *realm, struct node_view *v, struct share_context *out) {
    *out = (struct share_context){.store = realm->store,
                                  .clock = realm->clock,
                                  .realm = span_cstr(realm->name),
                                  .party = v->own.party,
                                  .identity = v->own.identity,
                                  .parties = v->parties,
                                  .party_count = v->partner_count,
                                  .sign_log = sign_with_log_key,
                                  .sign_context = n->signer,
                                  .log_name = v->own.party};
    memcpy(out->secret, v->secret, sizeof out->secret);
    memcpy(out->log_public, v->own.log_key, sizeof out->log_public);
}
