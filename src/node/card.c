#include "node/card.h"

#include <sodium.h>
#include <stdio.h>

#include "base/encode.h"
#include "stix/id.h"
#include "json/json.h"
#include "json/write.h"

static const char card_domain[] = "renkei card v1\n";

static void key_member(struct json_writer *w, const char *name, const uint8_t key[CARD_KEY_SIZE]) {
    struct buf text = BUF_EMPTY;
    buf_add_cstr(&text, "ed25519:");
    buf_add_base64(&text, span_of(key, CARD_KEY_SIZE));
    json_member(w, name, buf_span(&text));
    buf_free(&text);
}

static void hash_member(struct json_writer *w, const char *name, const struct sha256 *hash) {
    char text[2 * SHA256_SIZE + 1];
    hex_write(span_of(hash->b, SHA256_SIZE), text);
    json_member_cstr(w, name, text);
}

/* Members in the order of RFC 8785, so that what is written is canonical as it stands. */
enum err card_content(const struct card *c, struct buf *out, struct diag *d) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    key_member(&w, "agreement_key", c->agreement_key);
    json_member(&w, "identity", c->identity);
    key_member(&w, "log_key", c->log_key);
    json_member(&w, "name", c->name);
    json_member(&w, "party", c->party);
    if (c->has_predecessor) hash_member(&w, "predecessor", &c->predecessor);
    json_member_number(&w, "serial", c->serial);
    hash_member(&w, "tls_pin", &c->tls_pin);
    json_member(&w, "url", c->url);
    json_member_number(&w, "v", 1);
    json_member_time(&w, "valid_from", c->valid_from);
    json_member_time(&w, "valid_until", c->valid_until);
    json_end_object(&w);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a card");
}

enum err card_message(const struct card *c, struct buf *out, struct diag *d) {
    buf_add_cstr(out, card_domain);
    return card_content(c, out, d);
}

enum err card_write(const struct card *c, const uint8_t own[CARD_SIGNATURE_SIZE], const uint8_t *by_predecessor,
                    struct buf *out, struct diag *d) {
    struct buf content = BUF_EMPTY, signature = BUF_EMPTY;
    enum err e = card_content(c, &content, d);
    if (e) goto out;
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_key(&w, "card");
    json_splice(&w, buf_span(&content));
    buf_add_base64(&signature, span_of(own, CARD_SIGNATURE_SIZE));
    json_member(&w, "signature", buf_span(&signature));
    if (by_predecessor) {
        buf_clear(&signature);
        buf_add_base64(&signature, span_of(by_predecessor, CARD_SIGNATURE_SIZE));
        json_member(&w, "predecessor_signature", buf_span(&signature));
    }
    json_end_object(&w);
    if (!buf_ok(out)) e = diag_set(d, ERR_NOMEM, "no memory for a card");
out:
    buf_free(&content);
    buf_free(&signature);
    return e;
}

static enum err read_text(struct json_value content, const char *name, size_t max, struct arena *a, struct span *out,
                          struct diag *d) {
    *out = json_text(json_get(content, name), a);
    if (out->len == 0 || out->len > max)
        return diag_set(d, ERR_INVALID, "a card needs \"%s\", a text of 1 to %zu bytes", name, max);
    for (size_t i = 0; i < out->len; i++) /* it will be shown on terminals */
        if ((unsigned char)out->at[i] < 0x20 || out->at[i] == 0x7f)
            return diag_set(d, ERR_INVALID, "\"%s\" of a card may hold no control characters", name);
    *out = arena_copy(a, *out);
    return out->at ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a card");
}

static enum err read_key(struct json_value content, const char *name, struct arena *a, uint8_t *out, struct diag *d) {
    struct span text = json_text(json_get(content, name), a), raw;
    if (!span_starts(text, SPAN("ed25519:")) || !base64_read(a, span_from(text, 8), &raw) || raw.len != CARD_KEY_SIZE)
        return diag_set(d, ERR_INVALID, "\"%s\" must be \"ed25519:\" and 32 bytes in base64", name);
    memcpy(out, raw.at, CARD_KEY_SIZE);
    return ERR_NONE;
}

static enum err read_hash(struct json_value content, const char *name, struct arena *a, struct sha256 *out,
                          struct diag *d) {
    if (!hex_read(json_text(json_get(content, name), a), out->b, SHA256_SIZE))
        return diag_set(d, ERR_INVALID, "\"%s\" must be 64 hexadecimal digits", name);
    return ERR_NONE;
}

static bool party_id_valid(struct span id) {
    if (id.len < 2 || id.len > 32) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c == '-' && i > 0)) return false;
    }
    return true;
}

static enum err read_content(struct json_value content, struct arena *a, struct card *out, struct diag *d) {
    int64_t number = 0;
    enum err e;
    if (!json_int(json_get(content, "v"), &number) || number != 1)
        return diag_set(d, ERR_UNSUPPORTED, "not a version 1 card");
    if ((e = read_text(content, "party", 32, a, &out->party, d)) ||
        (e = read_text(content, "name", 256, a, &out->name, d)) ||
        (e = read_text(content, "url", 512, a, &out->url, d)) ||
        (e = read_text(content, "identity", 64, a, &out->identity, d)) ||
        (e = read_key(content, "agreement_key", a, out->agreement_key, d)) ||
        (e = read_key(content, "log_key", a, out->log_key, d)) ||
        (e = read_hash(content, "tls_pin", a, &out->tls_pin, d)))
        return e;
    if (!party_id_valid(out->party))
        return diag_set(d, ERR_INVALID,
                        "a party's id is 2 to 32 of A-Z, 0-9 and '-', beginning with a letter or digit");
    if (!span_starts(out->url, SPAN("https://"))) return diag_set(d, ERR_INVALID, "a card's url begins with https://");
    if (!span_starts(out->identity, SPAN("identity--")) || !stix_id_valid(out->identity))
        return diag_set(d, ERR_INVALID, "a card's identity is a STIX identity id");
    if (!json_int(json_get(content, "serial"), &number) || number < 1 || number > 1000000)
        return diag_set(d, ERR_INVALID, "a card's serial is a number from 1");
    out->serial = (uint32_t)number;
    if (!time_parse_stix(json_text(json_get(content, "valid_from"), a), &out->valid_from) ||
        !time_parse_stix(json_text(json_get(content, "valid_until"), a), &out->valid_until))
        return diag_set(d, ERR_INVALID, "a card needs valid_from and valid_until, timestamps");
    if (out->valid_until <= out->valid_from)
        return diag_set(d, ERR_INVALID, "a card's valid_until comes after its valid_from");
    out->has_predecessor = json_exists(json_get(content, "predecessor"));
    if (out->has_predecessor && (e = read_hash(content, "predecessor", a, &out->predecessor, d))) return e;
    if (out->has_predecessor != (out->serial > 1))
        return diag_set(d, ERR_INVALID, "a card has a predecessor exactly when its serial is above 1");
    return ERR_NONE;
}

/* Exactly the members a card has, so that nothing unsigned rides along. */
static enum err check_members(struct json_value root, bool successor, struct diag *d) {
    struct json_iter it = json_iter(root);
    while (json_next(&it)) {
        bool known = json_is(it.key, SPAN("card")) || json_is(it.key, SPAN("signature")) ||
                     (successor && json_is(it.key, SPAN("predecessor_signature")));
        if (!known)
            return diag_set(d, ERR_INVALID, "\"%.*s\" is nothing a card has",
                            SPAN_ARG(span_first(json_spelt(it.key), 40)));
    }
    if (json_type(json_get(root, "predecessor_signature")) == JSON_STRING || !successor) return ERR_NONE;
    return diag_set(d, ERR_INVALID, "a card with a predecessor carries its signature");
}

static bool signature_holds(struct json_value v, struct arena *a, struct span message,
                            const uint8_t key[CARD_KEY_SIZE]) {
    struct span raw;
    return base64_read(a, json_text(v, a), &raw) && raw.len == CARD_SIGNATURE_SIZE &&
           crypto_sign_verify_detached((const uint8_t *)raw.at, (const uint8_t *)message.at, message.len, key) == 0;
}

enum err card_read(struct arena *a, struct span text, struct card *out, struct diag *d) {
    struct buf message = BUF_EMPTY;
    struct json_doc doc;
    enum err e = ERR_NONE;
    *out = (struct card){0};
    if (text.len > CARD_SIZE_MAX) return diag_set(d, ERR_LIMIT, "a card has at most %d bytes", CARD_SIZE_MAX);
    out->text = arena_copy(a, span_trim(text));
    if ((e = json_parse(a, out->text, &doc, d))) return e;
    struct json_value content = json_get(json_root(&doc), "card");
    if (json_type(content) != JSON_OBJECT)
        return diag_set(d, ERR_INVALID, "not a card: no object \"card\" (renkei card prints one)");
    if ((e = read_content(content, a, out, d)) || (e = check_members(json_root(&doc), out->has_predecessor, d)) ||
        (e = card_message(out, &message, d)))
        goto out;
    /* What was signed is what we would write: anything else in the content (an unknown member, another spelling) is
     * refused. */
    struct span canonical = span_from(buf_span(&message), sizeof card_domain - 1);
    if (!span_equal(canonical, json_raw(content))) {
        e = diag_set(d, ERR_INVALID, "the card's content is not in canonical form or has unknown members");
        goto out;
    }
    out->hash = sha256_of(canonical);
    if (!signature_holds(json_get(json_root(&doc), "signature"), a, buf_span(&message), out->agreement_key))
        e = diag_set(d, ERR_VERIFY, "the signature on the card of %.*s does not hold", SPAN_ARG(out->party));
out:
    buf_free(&message);
    return e;
}

enum err card_succeeds(const struct card *card, const struct card *next, struct diag *d) {
    struct arena a;
    struct json_doc doc;
    struct buf message = BUF_EMPTY;
    arena_init(&a, 1 << 20);
    enum err e = ERR_NONE;
    if (!span_equal(card->party, next->party) || !span_equal(card->identity, next->identity))
        e = diag_set(d, ERR_VERIFY, "the card of %.*s cannot succeed one of %.*s", SPAN_ARG(next->party),
                     SPAN_ARG(card->party));
    else if (next->serial != card->serial + 1 || !next->has_predecessor ||
             !sha256_equal(&next->predecessor, &card->hash))
        e = diag_set(d, ERR_VERIFY, "card %u of %.*s does not follow card %u", next->serial, SPAN_ARG(next->party),
                     card->serial);
    if (e || (e = json_parse(&a, next->text, &doc, d)) || (e = card_message(next, &message, d))) goto out;
    if (!signature_holds(json_get(json_root(&doc), "predecessor_signature"), &a, buf_span(&message),
                         card->agreement_key))
        e = diag_set(d, ERR_VERIFY, "card %u of %.*s is not signed by the key of card %u", next->serial,
                     SPAN_ARG(next->party), card->serial);
out:
    buf_free(&message);
    arena_free(&a);
    return e;
}

const char *card_fingerprint(const uint8_t *key_or_hash, char *text) {
    struct sha256 hash = sha256_of(span_of(key_or_hash, 32));
    int at = snprintf(text, 96, "SHA256");
    for (int i = 0; i < 16; i += 2) at += snprintf(text + at, 96 - (size_t)at, " %02x%02x", hash.b[i], hash.b[i + 1]);
    return text;
}
