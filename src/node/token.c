#include "node/token.h"

#include <sodium.h>
#include <string.h>

#include "base/encode.h"
#include "json/json.h"
#include "json/write.h"

#define PREFIX "renkei_"

enum err token_make(struct token *token, time_us now, struct arena *a, struct buf *text, struct diag *d) {
    uint8_t id[TOKEN_ID_SIZE], secret[TOKEN_SECRET_SIZE];
    const time_us hour = 3600 * (time_us)TIME_US_PER_S;
    if (token->roles == 0 && !token->taxii)
        return diag_set(d, ERR_INVALID, "a token needs a scope: a role of its account, or taxii");
    if (token->expires <= now) return diag_set(d, ERR_INVALID, "a token that has ended opens nothing");
    if (token->session && token->expires > now + SESSION_HOURS_MAX * hour)
        return diag_set(d, ERR_LIMIT, "a login lasts %d hours at most", SESSION_HOURS_MAX);
    if (token->expires > now + TOKEN_DAYS_MAX * 24 * hour)
        return diag_set(d, ERR_LIMIT, "a token lives %d days at most", TOKEN_DAYS_MAX);
    if (token->note.len > TOKEN_NOTE_MAX)
        return diag_set(d, ERR_LIMIT, "a token's note has at most %d bytes", TOKEN_NOTE_MAX);
    randombytes_buf(id, sizeof id);
    randombytes_buf(secret, sizeof secret);
    char *name = arena_alloc(a, 2 * sizeof id + 1);
    if (!name) return diag_set(d, ERR_NOMEM, "no memory for a token");
    hex_write(span_of(id, sizeof id), name);
    token->id = span_cstr(name);
    token->made = now;
    token->secret = sha256_of(span_of(secret, sizeof secret));
    buf_add_cstr(text, PREFIX);
    buf_add(text, token->id);
    buf_add_cstr(text, "_");
    buf_add_hex(text, span_of(secret, sizeof secret));
    sodium_memzero(secret, sizeof secret);
    return buf_ok(text) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a token");
}

enum err token_store(struct store_tx *tx, const struct token *token, time_us now, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    char hash[2 * sizeof token->secret.b + 1];
    hex_write(span_of(token->secret.b, sizeof token->secret.b), hash);
    json_begin_object(&w);
    json_member(&w, "account", token->account);
    json_member(&w, "note", token->note);
    json_member_number(&w, "roles", token->roles);
    json_member_truth(&w, "taxii", token->taxii);
    json_member_truth(&w, "session", token->session);
    json_member_number(&w, "made", token->made);
    json_member_number(&w, "expires", token->expires);
    json_member_cstr(&w, "secret", hash);
    json_end_object(&w);
    struct store_document doc = {.kind = SPAN(TOKEN_KIND), .key = token->id, .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for a token");
    buf_free(&body);
    return e;
}

static enum err token_read(const struct store_document *doc, struct arena *a, struct token *out, struct diag *d) {
    struct json_doc json;
    int64_t roles = 0;
    enum err e = json_parse(a, doc->body, &json, d);
    if (e) return e;
    struct json_value v = json_root(&json);
    *out = (struct token){
        .id = doc->key, .account = json_text(json_get(v, "account"), a), .note = json_text(json_get(v, "note"), a)};
    bool good = out->account.len > 0 && json_int(json_get(v, "roles"), &roles) &&
                json_bool(json_get(v, "taxii"), &out->taxii) && json_bool(json_get(v, "session"), &out->session) &&
                json_int(json_get(v, "made"), &out->made) && json_int(json_get(v, "expires"), &out->expires) &&
                hex_read(json_text(json_get(v, "secret"), a), out->secret.b, sizeof out->secret.b);
    out->roles = (unsigned)roles;
    return good ? ERR_NONE : diag_set(d, ERR_INVALID, "the token %.*s is damaged", SPAN_ARG(doc->key));
}

enum err token_list(struct store_reader *r, struct arena *a, struct token **out, size_t *count, struct diag *d) {
    struct store_document *docs;
    *out = NULL;
    enum err e = store_document_list(r, TOKEN_KIND, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the tokens");
    for (size_t i = 0; i < *count && !e; i++) e = token_read(&docs[i], a, &(*out)[i], d);
    return e;
}

enum err token_delete(struct store_tx *tx, struct span id, struct diag *d) {
    return store_document_delete(tx, TOKEN_KIND, id, d);
}

enum err token_delete_of(struct store_tx *tx, struct span account, bool all, struct arena *a, struct diag *d) {
    struct token *tokens = NULL;
    size_t count = 0;
    enum err e = token_list(store_tx_reader(tx), a, &tokens, &count, d);
    for (size_t i = 0; i < count && !e; i++)
        if (span_equal(tokens[i].account, account) && (all || tokens[i].session)) e = token_delete(tx, tokens[i].id, d);
    return e;
}

static enum err refuse(struct diag *d) {
    return diag_set(d, ERR_DENIED, "the token is unknown, has ended or was taken back");
}

enum err token_prove(struct store_reader *r, time_us now, struct span text, struct arena *a, struct token *out,
                     struct account *account, struct diag *d) {
    const size_t prefix = sizeof PREFIX - 1, id_end = prefix + 2 * (size_t)TOKEN_ID_SIZE;
    uint8_t secret[TOKEN_SECRET_SIZE];
    struct store_document doc;
    if (text.len != TOKEN_TEXT_SIZE || memcmp(text.at, PREFIX, prefix) != 0 || text.at[id_end] != '_' ||
        !hex_read((struct span){text.at + id_end + 1, 2 * sizeof secret}, secret, sizeof secret))
        return refuse(d);
    struct sha256 hash = sha256_of(span_of(secret, sizeof secret));
    sodium_memzero(secret, sizeof secret);
    enum err e = store_document_get(r, TOKEN_KIND, (struct span){text.at + prefix, id_end - prefix}, a, &doc, d);
    if (e == ERR_NOT_FOUND) return refuse(d);
    if (!e) e = token_read(&doc, a, out, d);
    if (!e && (sodium_memcmp(hash.b, out->secret.b, sizeof hash.b) != 0 || now >= out->expires)) return refuse(d);
    if (!e) e = account_load(r, out->account, a, account, d);
    if (e == ERR_NOT_FOUND || (!e && account->disabled)) return refuse(d);
    if (!e) account->roles &= out->roles;
    return e;
}
