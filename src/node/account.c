#include "node/account.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "json/json.h"
#include "json/write.h"

_Static_assert(ACCOUNT_HASH_SIZE == crypto_pwhash_STRBYTES, "as libsodium has it");
_Static_assert(ACCOUNT_SALT_SIZE == crypto_pwhash_SALTBYTES, "as libsodium has it");
_Static_assert(ACCOUNT_NONCE_SIZE == crypto_secretbox_NONCEBYTES, "as libsodium has it");
_Static_assert(ACCOUNT_SEALED_SIZE == crypto_sign_SEEDBYTES + crypto_secretbox_MACBYTES, "as libsodium has it");

static const struct {
    const char *name;
    unsigned role;
} roles[] = {{"analyst", ROLE_ANALYST},
             {"releasing", ROLE_RELEASING},
             {"policy", ROLE_POLICY},
             {"auditor", ROLE_AUDITOR},
             {"administrator", ROLE_ADMINISTRATOR}};

unsigned account_role(struct span name) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (span_is(name, roles[i].name)) return roles[i].role;
    return 0;
}

void account_roles_write(unsigned held, struct buf *out) {
    bool any = false;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (!(held & roles[i].role)) continue;
        if (any) buf_add_cstr(out, ", ");
        buf_add_cstr(out, roles[i].name);
        any = true;
    }
}

/* ---- passwords and keys ---- */

static enum err check_name(struct span name, struct diag *d) {
    bool good = name.len > 0 && name.len <= ACCOUNT_NAME_MAX && name.at[0] != '-';
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_');
    }
    return good ? ERR_NONE
                : diag_set(d, ERR_INVALID, "an account's name is 1 to %d of a-z, 0-9, '-', '.' and '_'",
                           ACCOUNT_NAME_MAX);
}

static enum err check_password(struct span password, struct diag *d) {
    size_t characters = 0;
    for (size_t i = 0; i < password.len; i++) characters += ((unsigned char)password.at[i] & 0xc0) != 0x80;
    if (characters < ACCOUNT_PASSWORD_MIN)
        return diag_set(d, ERR_INVALID, "a password has at least %d characters", ACCOUNT_PASSWORD_MIN);
    return password.len > ACCOUNT_PASSWORD_MAX
               ? diag_set(d, ERR_LIMIT, "a password has at most %d bytes", ACCOUNT_PASSWORD_MAX)
               : ERR_NONE;
}

/* The key that the private key is sealed with. */
static enum err stretch(const struct account *account, struct span password, uint8_t out[crypto_secretbox_KEYBYTES],
                        struct diag *d) {
    if (crypto_pwhash(out, crypto_secretbox_KEYBYTES, password.at, password.len, account->salt,
                      crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return diag_set(d, ERR_NOMEM, "no memory for Argon2id (64 MiB)");
    return ERR_NONE;
}

static enum err open_seed(const struct account *account, struct span password, uint8_t seed[crypto_sign_SEEDBYTES],
                          struct diag *d) {
    uint8_t key[crypto_secretbox_KEYBYTES];
    enum err e = stretch(account, password, key, d);
    if (!e && crypto_secretbox_open_easy(seed, account->sealed, sizeof account->sealed, account->nonce, key) != 0)
        e = diag_set(d, ERR_DENIED, "the password does not open the account's key");
    sodium_memzero(key, sizeof key);
    return e;
}

static enum err seal_seed(struct account *account, struct span password, const uint8_t seed[crypto_sign_SEEDBYTES],
                          struct diag *d) {
    uint8_t key[crypto_secretbox_KEYBYTES];
    randombytes_buf(account->salt, sizeof account->salt);
    randombytes_buf(account->nonce, sizeof account->nonce);
    enum err e = stretch(account, password, key, d);
    if (!e && crypto_secretbox_easy(account->sealed, seed, crypto_sign_SEEDBYTES, account->nonce, key) != 0)
        e = diag_set(d, ERR_INTERNAL, "the account's key cannot be sealed");
    sodium_memzero(key, sizeof key);
    return e;
}

static void public_of(struct account *account, const uint8_t seed[crypto_sign_SEEDBYTES]) {
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(account->key, secret, seed);
    sodium_memzero(secret, sizeof secret);
}

enum err account_set_password(struct account *account, struct span old, struct span password, struct diag *d) {
    uint8_t seed[crypto_sign_SEEDBYTES];
    enum err e = check_password(password, d);
    if (e) return e;
    if (old.at)
        e = open_seed(account, old, seed, d);
    else
        randombytes_buf(seed, sizeof seed);
    if (!e) e = seal_seed(account, password, seed, d);
    if (!e && !old.at) public_of(account, seed);
    sodium_memzero(seed, sizeof seed);
    if (!e && crypto_pwhash_str(account->password, password.at, password.len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        e = diag_set(d, ERR_NOMEM, "no memory for Argon2id (64 MiB)");
    account->failures = 0;
    account->locked_until = TIME_NONE;
    return e;
}

enum err account_make(struct span name, struct span password, struct account *out, struct diag *d) {
    *out = (struct account){.name = name, .locked_until = TIME_NONE};
    enum err e = check_name(name, d);
    return e ? e : account_set_password(out, (struct span){0}, password, d);
}

enum err account_sign(const struct account *account, struct span password, struct span message,
                      uint8_t signature[ACCOUNT_SIGNATURE_SIZE], struct diag *d) {
    uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    if (password.len == 0)
        return diag_set(d, ERR_DENIED,
                        "a signature needs the password that opens the officer's key, not a login or "
                        "token: --as %.*s",
                        SPAN_ARG(account->name));
    enum err e = open_seed(account, password, seed, d);
    if (!e) {
        crypto_sign_seed_keypair(public, secret, seed);
        crypto_sign_detached(signature, NULL, (const unsigned char *)message.at, message.len, secret);
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return e;
}

/* ---- kept ---- */

static void member_hex(struct json_writer *w, const char *name, const void *bytes, size_t size) {
    char text[2 * ACCOUNT_SEALED_SIZE + 1];
    hex_write(span_of(bytes, size), text);
    json_member_cstr(w, name, text);
}

static bool read_hex(struct json_value from, const char *name, void *out, size_t size, struct arena *a) {
    return hex_read(json_text(json_get(from, name), a), out, size);
}

static enum err account_read(struct span name, struct span body, struct arena *a, struct account *out, struct diag *d) {
    struct json_doc doc;
    int64_t number = 0;
    *out = (struct account){.name = name, .locked_until = TIME_NONE};
    enum err e = json_parse(a, body, &doc, d);
    if (e) return e;
    struct json_value v = json_root(&doc);
    struct span hash = json_text(json_get(v, "password"), a);
    bool good =
        hash.len > 0 && hash.len < sizeof out->password && json_int(json_get(v, "roles"), &number) &&
        json_bool(json_get(v, "disabled"), &out->disabled) && read_hex(v, "key", out->key, sizeof out->key, a) &&
        read_hex(v, "salt", out->salt, sizeof out->salt, a) && read_hex(v, "nonce", out->nonce, sizeof out->nonce, a) &&
        read_hex(v, "sealed", out->sealed, sizeof out->sealed, a);
    if (!good) return diag_set(d, ERR_INVALID, "the account %.*s is damaged", SPAN_ARG(name));
    memcpy(out->password, hash.at, hash.len);
    out->roles = (unsigned)number;
    out->acts_for = json_text(json_get(v, "acts_for"), a);
    if (json_int(json_get(v, "failures"), &number)) out->failures = (unsigned)number;
    if (json_int(json_get(v, "locked_until"), &number)) out->locked_until = number;
    return ERR_NONE;
}

enum err account_store(struct store_tx *tx, const struct account *account, time_us now, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member_number(&w, "roles", account->roles);
    json_member_truth(&w, "disabled", account->disabled);
    if (account->acts_for.len) json_member(&w, "acts_for", account->acts_for);
    json_member_cstr(&w, "password", account->password);
    member_hex(&w, "key", account->key, sizeof account->key);
    member_hex(&w, "salt", account->salt, sizeof account->salt);
    member_hex(&w, "nonce", account->nonce, sizeof account->nonce);
    member_hex(&w, "sealed", account->sealed, sizeof account->sealed);
    json_member_number(&w, "failures", account->failures);
    if (account->locked_until != TIME_NONE) json_member_number(&w, "locked_until", account->locked_until);
    json_end_object(&w);
    struct store_document doc = {
        .kind = SPAN(ACCOUNT_KIND), .key = account->name, .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for an account");
    buf_free(&body);
    return e;
}

enum err account_load(struct store_reader *r, struct span name, struct arena *a, struct account *out, struct diag *d) {
    struct store_document doc;
    enum err e = store_document_get(r, ACCOUNT_KIND, name, a, &doc, d);
    if (e == ERR_NOT_FOUND) return diag_set(d, e, "there is no account %.*s", SPAN_ARG(span_first(name, 64)));
    return e ? e : account_read(doc.key, doc.body, a, out, d);
}

enum err account_list(struct store_reader *r, struct arena *a, struct account **out, size_t *count, struct diag *d) {
    struct store_document *docs;
    *out = NULL;
    enum err e = store_document_list(r, ACCOUNT_KIND, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the accounts");
    for (size_t i = 0; i < *count && !e; i++) e = account_read(docs[i].key, docs[i].body, a, &(*out)[i], d);
    return e;
}

/* ---- proving ---- */

static enum err refuse(struct diag *d) {
    return diag_set(d, ERR_DENIED, "no such account, or not its password");
}

/* Counted before the password is looked at: who kills the process in between gains no try. */
static enum err count_failure(struct store *store, struct account *account, time_us now, struct diag *d) {
    struct store_tx *tx = NULL;
    account->failures++;
    if (account->failures >= ACCOUNT_FAILURES_MAX) {
        account->failures = 0;
        account->locked_until = now + (time_us)ACCOUNT_LOCKED_S * TIME_US_PER_S;
    }
    enum err e = store_begin(store, &tx, d);
    if (!e) e = account_store(tx, account, now, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

static enum err clear_failures(struct store *store, struct account *account, time_us now, struct diag *d) {
    struct store_tx *tx = NULL;
    account->failures = 0;
    account->locked_until = TIME_NONE;
    enum err e = store_begin(store, &tx, d);
    if (!e) e = account_store(tx, account, now, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

enum err account_prove(struct store *store, time_us now, struct span name, struct span password, struct arena *a,
                       struct account *out, struct diag *d) {
    struct store_reader *r = NULL;
    enum err e = store_reader_open(store, &r, d);
    if (!e) e = account_load(r, name, a, out, d);
    store_reader_close(&r);
    if (e == ERR_NOT_FOUND) return refuse(d);
    if (e) return e;
    if (out->locked_until != TIME_NONE && now < out->locked_until)
        return diag_set(d, ERR_DENIED, "the account is locked after %d wrong passwords; try again in %d minutes",
                        ACCOUNT_FAILURES_MAX, ACCOUNT_LOCKED_S / 60);
    if ((e = count_failure(store, out, now, d))) return e;
    if (password.len > ACCOUNT_PASSWORD_MAX ||
        crypto_pwhash_str_verify(out->password, password.at, password.len) != 0 || out->disabled)
        return refuse(d);
    return clear_failures(store, out, now, d);
}
