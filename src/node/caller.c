#include "node/caller.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/buf.h"
#include "node/token.h"

enum { PROVEN_S = 300, KEY_SIZE = 32 };
_Static_assert((CALLERS_PROVEN_MAX & (CALLERS_PROVEN_MAX - 1)) == 0, "a mask is made of it");

struct proven {
    struct sha256 mac;
    time_us until;
};

struct callers {
    uint8_t key[KEY_SIZE];         /* of this process */
    char decoy[ACCOUNT_HASH_SIZE]; /* of no password: what is not there takes as long to refuse as what is */
    pthread_mutex_t lock;
    struct proven proven[CALLERS_PROVEN_MAX]; /* by the first bytes of the MAC; a newer one takes the place */
};

enum err callers_new(struct callers **out, struct diag *d) {
    struct callers *c = calloc(1, sizeof *c);
    *out = c;
    if (!c) return diag_set(d, ERR_NOMEM, "no memory left for a server");
    random_bytes(c->key, sizeof c->key);
    pthread_mutex_init(&c->lock, NULL);
    if (crypto_pwhash_str(c->decoy, (const char *)c->key, sizeof c->key, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0)
        return ERR_NONE;
    callers_free(out);
    return diag_set(d, ERR_NOMEM, "no memory for Argon2id (64 MiB)");
}

void callers_free(struct callers **callers) {
    if (!*callers) return;
    pthread_mutex_destroy(&(*callers)->lock);
    free(*callers);
    *callers = NULL;
}

/* ---- passwords proven a moment ago ---- */

static struct sha256 proof_of(const struct callers *c, const struct account *account, struct span password) {
    struct buf text = BUF_EMPTY;
    buf_printf(&text, "%zu:%.*s:%s:", account->name.len, SPAN_ARG(account->name), account->password);
    buf_add(&text, password);
    struct sha256 mac = hmac_sha256(span_of(c->key, sizeof c->key), buf_span(&text));
    buf_wipe(&text);
    return mac;
}

static struct proven *slot_of(struct callers *c, const struct sha256 *mac) {
    return &c->proven[(mac->b[0] | (size_t)mac->b[1] << 8) & (CALLERS_PROVEN_MAX - 1)];
}

static bool remembered(struct callers *c, const struct sha256 *mac, time_us now) {
    pthread_mutex_lock(&c->lock);
    const struct proven *p = slot_of(c, mac);
    bool known = p->until > now && sha256_equal(&p->mac, mac);
    pthread_mutex_unlock(&c->lock);
    return known;
}

static void remember(struct callers *c, const struct sha256 *mac, time_us now) {
    pthread_mutex_lock(&c->lock);
    *slot_of(c, mac) = (struct proven){*mac, now + PROVEN_S * (time_us)TIME_US_PER_S};
    pthread_mutex_unlock(&c->lock);
}

/* ---- callers ---- */

static enum err speak(const struct account *account, struct arena *a, struct caller *out, struct diag *d) {
    struct span name = account->acts_for, kind = span_cut(&name, ':');
    *out = (struct caller){.account = arena_copy(a, account->name),
                           .key = arena_printf(a, "account:%.*s", SPAN_ARG(account->name))};
    if (span_is(kind, "party"))
        out->party = arena_copy(a, name);
    else if (span_is(kind, "member"))
        out->member = arena_copy(a, name);
    return a->overflow ? diag_set(d, ERR_NOMEM, "no memory left for this request") : ERR_NONE;
}

enum err caller_by_pin(struct node *n, const struct sha256 *pin, struct arena *a, struct caller *out, struct diag *d) {
    *out = (struct caller){0};
    enum err e = node_party_of_pin(n, pin, a, &out->party, d);
    if (e) return e;
    out->key = arena_printf(a, "party:%.*s", SPAN_ARG(out->party));
    return out->key.at ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory left for this request");
}

enum err caller_by_password(struct callers *c, struct node *n, struct store_reader *r, struct span name,
                            struct span password, struct arena *a, struct caller *out, struct diag *d) {
    struct account account;
    time_us now = clock_now(n->live.clock);
    enum err e = account_load(r, name, a, &account, d);
    if (!e && password.len > ACCOUNT_PASSWORD_MAX)
        return diag_set(d, ERR_DENIED, "no such account, or not its password");
    if (e == ERR_NOT_FOUND || (!e && account.disabled)) {
        size_t len = password.len < ACCOUNT_PASSWORD_MAX ? password.len : ACCOUNT_PASSWORD_MAX;
        (void)!crypto_pwhash_str_verify(c->decoy, password.len ? password.at : "", len);
        return diag_set(d, ERR_DENIED, "no such account, or not its password");
    }
    if (e) return e;
    struct sha256 proof = proof_of(c, &account, password);
    bool locked = account.locked_until != TIME_NONE && now < account.locked_until;
    if (!locked && remembered(c, &proof, now)) return speak(&account, a, out, d);
    e = account_prove(n->live.store, now, name, password, a, &account, d);
    if (e) return e;
    remember(c, &proof, now);
    return speak(&account, a, out, d);
}

enum err caller_by_token(struct node *n, struct store_reader *r, struct span text, struct arena *a, struct caller *out,
                         struct diag *d) {
    struct token token;
    struct account account;
    enum err e = token_prove(r, clock_now(n->live.clock), text, a, &token, &account, d);
    if (!e && !token.taxii) e = diag_set(d, ERR_DENIED, "this token's scopes do not hold TAXII");
    return e ? e : speak(&account, a, out, d);
}
