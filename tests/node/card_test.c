/* Cards: read as written, refused when a byte is another, succeeded only rightfully; and the doors by which a node
 * takes them in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/file.h"
#include "fixture.h"
#include "json/write.h"

enum { ARENA_MAX = 64 << 20 };

/* A party that can sign cards. */
struct holder {
    uint8_t public_key[32], secret[64];
    struct card card;
    struct buf text;
};

static void holder_make(struct holder *h, uint8_t seed) {
    uint8_t bytes[32];
    memset(bytes, seed, sizeof bytes);
    *h = (struct holder){.card = {.party = SPAN("US-DOD"),
                                  .name = SPAN("Department of \"Defense\" — 国防総省"),
                                  .url = SPAN("https://us.example:8443"),
                                  .identity = SPAN("identity--11111111-1111-4111-8111-111111111111"),
                                  .serial = 1,
                                  .valid_from = 1780000000000000,
                                  .valid_until = 1980000000000000}};
    assert_int_equal(crypto_sign_seed_keypair(h->public_key, h->secret, bytes), 0);
    memcpy(h->card.agreement_key, h->public_key, 32);
    memset(h->card.log_key, seed + 1, 32);
    memset(h->card.tls_pin.b, seed + 2, 32);
}

/* Signs what stands in h->card; by: the holder before, or NULL. */
static struct span signed_card(struct holder *h, const struct holder *by) {
    struct buf message = BUF_EMPTY;
    struct diag d = {0};
    uint8_t own[64], before[64];
    assert_int_equal(card_message(&h->card, &message, &d), ERR_NONE);
    crypto_sign_detached(own, NULL, (uint8_t *)message.at, message.len, h->secret);
    if (by) crypto_sign_detached(before, NULL, (uint8_t *)message.at, message.len, by->secret);
    buf_clear(&h->text);
    assert_int_equal(card_write(&h->card, own, by ? before : NULL, &h->text, &d), ERR_NONE);
    buf_free(&message);
    return buf_span(&h->text);
}

static enum err read_card(struct arena *a, struct span text, struct card *out) {
    struct diag d = {0};
    enum err e = card_read(a, text, out, &d);
    if (e) assert_true(d.message[0] && d.code == e);
    return e;
}

static struct card read_good(struct arena *a, struct span text) {
    struct card card;
    struct diag d = {0};
    if (card_read(a, text, &card, &d)) fail_msg("%s", d.message);
    return card;
}

static void is_read_as_written(void **state) {
    struct arena a;
    struct holder h;
    arena_init(&a, ARENA_MAX);
    holder_make(&h, 1);
    struct card card = read_good(&a, signed_card(&h, NULL));
    assert_true(span_equal(card.party, h.card.party) && span_equal(card.name, h.card.name));
    assert_true(span_equal(card.url, h.card.url) && span_equal(card.identity, h.card.identity));
    assert_memory_equal(card.agreement_key, h.public_key, 32);
    assert_memory_equal(card.log_key, h.card.log_key, 32);
    assert_true(sha256_equal(&card.tls_pin, &h.card.tls_pin));
    assert_true(card.serial == 1 && !card.has_predecessor);
    assert_true(card.valid_from == h.card.valid_from && card.valid_until == h.card.valid_until);
    assert_true(span_equal(card.text, buf_span(&h.text)));
    /* White space around it, as an editor or a mail leaves it. */
    struct span around = arena_printf(&a, "\n  %.*s\r\n", SPAN_ARG(buf_span(&h.text)));
    struct card again = read_good(&a, around);
    assert_true(sha256_equal(&card.hash, &again.hash));
    buf_free(&h.text);
    arena_free(&a);
}

/* Every bit of some, in every byte: what is still a card must not succeed the one before, nor be another than it was.
 */
static void is_refused_when_altered(void **state) {
    static const uint8_t flips[] = {0x01, 0x20, 0x80};
    struct arena a, before;
    struct holder first, second;
    struct diag d;
    arena_init(&a, ARENA_MAX);
    arena_init(&before, ARENA_MAX);
    holder_make(&first, 1);
    holder_make(&second, 7);
    struct card card = read_good(&before, signed_card(&first, NULL));
    second.card.serial = 2;
    second.card.has_predecessor = true;
    second.card.predecessor = card.hash;
    signed_card(&second, &first);
    for (int which = 0; which < 2; which++) {
        struct span good = which ? buf_span(&second.text) : buf_span(&first.text);
        char *text = malloc(good.len);
        assert_non_null(text);
        for (size_t i = 0; i < good.len; i++)
            for (size_t k = 0; k < sizeof flips; k++) {
                struct card altered;
                memcpy(text, good.at, good.len);
                text[i] = (char)(text[i] ^ flips[k]);
                arena_reset(&a);
                if (read_card(&a, span_of(text, good.len), &altered) == ERR_NONE &&
                    (which == 0 || card_succeeds(&card, &altered, &d) == ERR_NONE))
                    fail_msg("byte %zu ^ %02x of card %d is not noticed: %.*s", i, flips[k], which,
                             SPAN_ARG(span_of(text, good.len)));
            }
        for (size_t len = 0; len < good.len; len++) {
            struct card cut;
            arena_reset(&a);
            assert_int_not_equal(read_card(&a, span_first(good, len), &cut), ERR_NONE);
        }
        free(text);
    }
    buf_free(&first.text);
    buf_free(&second.text);
    arena_free(&a);
    arena_free(&before);
}

static void says_what_is_wrong(void **state) {
    struct arena a;
    struct card card;
    struct diag d;
    arena_init(&a, ARENA_MAX);
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"US-DOD", "us-dod", "id"},
        {"https://us", "http://us", "https://"},
        {"\"serial\":1", "\"serial\":0", "serial"},
        {"\"serial\":1", "\"serial\":2", "predecessor"},
        {"\"v\":1", "\"v\":2", "version 1"},
        {"identity--11111111-1111", "identity--1111111x-1111", "identity"},
        {"国防総省", "\\u001b[2J", "control"},
        {"ed25519:", "rsa:", "ed25519:"},
        {"{\"card\"", "{\"note\":1,\"card\"", "note"},
        {"\"name\"", "\"nick\":1,\"name\"", "canonical"},
        {"\"valid_until\":\"2032", "\"valid_until\":\"2022", "valid_until"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct holder h;
        struct buf text = BUF_EMPTY;
        holder_make(&h, 1);
        struct span good = signed_card(&h, NULL);
        size_t at = span_find(good, span_cstr(cases[i].from));
        if (at == SIZE_MAX) fail_msg("%s is not in the card", cases[i].from);
        buf_add(&text, span_first(good, at));
        buf_add_cstr(&text, cases[i].to);
        buf_add(&text, span_from(good, at + strlen(cases[i].from)));
        if (card_read(&a, buf_span(&text), &card, &d) == ERR_NONE || !strstr(d.message, cases[i].says))
            fail_msg("%s → %s: %s", cases[i].from, cases[i].to, d.message);
        buf_free(&text);
        buf_free(&h.text);
    }
    arena_free(&a);
}

static void succeeds_only_rightfully(void **state) {
    struct arena a;
    struct diag d;
    struct holder first, second, stranger;
    arena_init(&a, ARENA_MAX);
    holder_make(&first, 1);
    holder_make(&second, 7);
    holder_make(&stranger, 9);
    struct card old = read_good(&a, signed_card(&first, NULL));
    second.card.serial = 2;
    second.card.has_predecessor = true;
    second.card.predecessor = old.hash;
    struct card next = read_good(&a, signed_card(&second, &first));
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_NONE);
    assert_int_equal(card_succeeds(&next, &old, &d), ERR_VERIFY);
    assert_int_equal(card_succeeds(&old, &old, &d), ERR_VERIFY);

    next = read_good(&a, signed_card(&second, &stranger)); /* by another key */
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_VERIFY);
    next = read_good(&a, signed_card(&second, &second)); /* by its own only */
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_VERIFY);
    second.card.serial = 3; /* a skipped one */
    next = read_good(&a, signed_card(&second, &first));
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_VERIFY);
    second.card.serial = 2;
    second.card.party = SPAN("KR-MND");
    next = read_good(&a, signed_card(&second, &first));
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_VERIFY);
    second.card.party = old.party;
    second.card.identity = SPAN("identity--22222222-2222-4222-8222-222222222222");
    next = read_good(&a, signed_card(&second, &first));
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_VERIFY);
    second.card.identity = old.identity;
    second.card.predecessor.b[0] ^= 1;
    next = read_good(&a, signed_card(&second, &first));
    assert_int_equal(card_succeeds(&old, &next, &d), ERR_VERIFY);
    buf_free(&first.text);
    buf_free(&second.text);
    buf_free(&stranger.text);
    arena_free(&a);
}

/* ---- at a node ------------------------------------------------------------------------------------------------------
 */

static struct card own_card(struct fixture *f, int who, struct arena *a) {
    struct node_view *v = node_view(f->nodes[who]);
    struct card card = read_good(a, v->own.text);
    node_view_release(f->nodes[who], &v);
    return card;
}

static struct card trusted_card(struct fixture *f, int who, int whom, struct arena *a) {
    struct node_view *v = node_view(f->nodes[who]);
    struct card card = {0};
    for (size_t i = 0; i < v->partner_count; i++)
        if (span_is(v->partners[i].party, fixture_party[whom])) card = read_good(a, v->partners[i].text);
    node_view_release(f->nodes[who], &v);
    return card;
}

/* The holder of a node's agreement key: its seed is a file. */
static void holder_of_node(struct fixture *f, int who, struct arena *a, struct holder *h) {
    char path[256], home[128];
    struct buf seed = BUF_EMPTY;
    struct diag d = {0};
    *h = (struct holder){.card = own_card(f, who, a)};
    fixture_home(f, who, home);
    snprintf(path, sizeof path, "%s/keys/%u/agreement.key", home, h->card.serial);
    assert_int_equal(file_read(path, 100, &seed, &d), ERR_NONE);
    assert_int_equal(crypto_sign_seed_keypair(h->public_key, h->secret, (uint8_t *)seed.at), 0);
    buf_free(&seed);
}

static enum err add(struct fixture *f, int who, struct span card, bool trust, struct diag *d) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member(&w, "card", card);
    json_member_truth(&w, "trust", trust);
    json_end_object(&w);
    enum err e = fixture_try(f, who, "party.add", buf_cstr(&args), NULL, 0, d);
    buf_free(&args);
    return e;
}

static void a_party_is_added_once_it_is_trusted(void **state) {
    struct arena a;
    struct fixture f;
    struct diag d = {0};
    struct holder h;
    arena_init(&a, ARENA_MAX);
    fixture_open(&f, 2);
    holder_make(&h, 3);
    h.card.party = SPAN("AU-DOD");
    assert_int_equal(add(&f, JP, signed_card(&h, NULL), false, &d), ERR_NONE);
    assert_string_equal(fixture_result(&f, 0, "party"), "AU-DOD");
    fixture_run(&f, JP, "party.list", "{}");
    assert_string_equal(fixture_result(&f, 1, "party"), ""); /* US-DOD alone */
    assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_NONE);
    assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_NONE); /* again changes nothing */
    fixture_run(&f, JP, "party.list", "{}");
    assert_string_equal(fixture_result(&f, 0, "party"), "AU-DOD");
    fixture_run(&f, JP, "party.remove", "{\"party\":\"AU-DOD\"}");
    assert_int_equal(fixture_try(&f, JP, "party.remove", "{\"party\":\"AU-DOD\"}", NULL, 0, &d), ERR_NOT_FOUND);
    buf_free(&h.text);
    fixture_close(&f);
    arena_free(&a);
}

static void a_card_that_claims_what_is_anothers_is_refused(void **state) {
    struct arena a;
    struct fixture f;
    struct diag d = {0};
    arena_init(&a, ARENA_MAX);
    fixture_open(&f, 2);
    for (int of = JP; of <= US; of++) { /* JP is asked: what is its own is no less another's */
        struct card victim = own_card(&f, of, &a);
        struct holder h;
        holder_make(&h, 3);
        h.card.party = SPAN("AU-DOD");
        h.card.tls_pin = victim.tls_pin;
        assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_DENIED);
        assert_non_null(strstr(d.message, fixture_party[of]));
        buf_free(&h.text);
        holder_make(&h, 3);
        h.card.party = SPAN("AU-DOD");
        h.card.identity = victim.identity;
        assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_DENIED);
        assert_non_null(strstr(d.message, fixture_party[of]));
        buf_free(&h.text);
    }
    struct holder h;
    holder_make(&h, 3); /* a trusted party's name on another card */
    assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_VERIFY);
    assert_non_null(strstr(d.message, "party remove"));
    h.card.party = SPAN("JP-MOD");
    assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_INVALID);
    h.card.party = SPAN("AU-DOD");
    h.card.valid_from = 1500000000000000;
    h.card.valid_until = 1600000000000000;
    assert_int_equal(add(&f, JP, signed_card(&h, NULL), true, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, "expired"));
    fixture_run(&f, JP, "party.list", "{}");
    assert_string_equal(fixture_result(&f, 1, "party"), "");
    buf_free(&h.text);
    fixture_close(&f);
    arena_free(&a);
}

static void a_succession_is_followed(void **state) {
    struct arena a;
    struct fixture f;
    struct diag d = {0};
    struct buf chain = BUF_EMPTY;
    bool changed;
    arena_init(&a, ARENA_MAX);
    fixture_open(&f, 3);
    for (int i = 0; i < 3; i++) fixture_run(&f, US, "key.rotate", "{}");
    struct card newest = own_card(&f, US, &a);
    assert_int_equal(newest.serial, 4);
    assert_int_equal(node_card_chain(f.nodes[US], &chain, &d), ERR_NONE);
    assert_int_equal(node_card_receive(f.nodes[JP], buf_span(&chain), &changed, &d), ERR_NONE);
    assert_true(changed);
    struct card trusted = trusted_card(&f, JP, US, &a);
    assert_true(sha256_equal(&trusted.hash, &newest.hash));
    assert_int_equal(node_card_receive(f.nodes[JP], buf_span(&chain), &changed, &d), ERR_NONE);
    assert_false(changed);
    /* The newest alone does not lead there from the first. */
    struct span alone = arena_printf(&a, "[%.*s]", SPAN_ARG(newest.text));
    assert_int_equal(node_card_receive(f.nodes[KR], alone, &changed, &d), ERR_VERIFY);
    assert_false(changed);
    /* By hand, one after the other. */
    assert_int_equal(add(&f, KR, newest.text, true, &d), ERR_VERIFY);
    static const char *const bad[] = {"", "[]", "{}", "[1]", "[{}]", "null", "[{\"card\":{}}]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(node_card_receive(f.nodes[JP], span_cstr(bad[i]), &changed, &d), ERR_NONE);
    fixture_run(&f, KR, "party.remove", "{\"party\":\"US-DOD\"}");
    assert_int_equal(node_card_receive(f.nodes[KR], buf_span(&chain), &changed, &d), ERR_DENIED);
    buf_free(&chain);
    fixture_close(&f);
    arena_free(&a);
}

/* KR is trusted, and its successor card claims US's TLS key: US would be taken for KR. */
static void a_successor_cannot_take_anothers_key(void **state) {
    struct arena a;
    struct fixture f;
    struct diag d = {0};
    struct holder kr, next;
    bool changed;
    arena_init(&a, ARENA_MAX);
    fixture_open(&f, 3);
    holder_of_node(&f, KR, &a, &kr);
    holder_make(&next, 5);
    struct card victim = own_card(&f, US, &a), jp = own_card(&f, JP, &a);
    uint8_t key[32];
    memcpy(key, next.public_key, 32);
    next.card = kr.card;
    memcpy(next.card.agreement_key, key, 32);
    next.card.serial = 2;
    next.card.has_predecessor = true;
    next.card.predecessor = kr.card.hash;
    const struct sha256 *pins[] = {&victim.tls_pin, &jp.tls_pin};
    for (int i = 0; i < 2; i++) {
        next.card.tls_pin = *pins[i];
        struct span chain = arena_printf(&a, "[%.*s]", SPAN_ARG(signed_card(&next, &kr)));
        assert_int_equal(node_card_receive(f.nodes[JP], chain, &changed, &d), ERR_DENIED);
        assert_false(changed);
        assert_int_equal(add(&f, JP, buf_span(&next.text), true, &d), ERR_DENIED);
    }
    struct span party;
    assert_int_equal(node_party_of_pin(f.nodes[JP], &victim.tls_pin, &a, &party, &d), ERR_NONE);
    assert_true(span_is(party, "US-DOD"));
    buf_free(&next.text);
    fixture_close(&f);
    arena_free(&a);
}

/* What was signed before a rotation is still good; not so once the trust was ended. */
static void keys_count_along_the_succession(void **state) {
    struct fixture f;
    struct diag d = {0};
    struct buf chain = BUF_EMPTY, terms = BUF_EMPTY, before = BUF_EMPTY, other = BUF_EMPTY;
    bool changed;
    fixture_open(&f, 2);
    fixture_terms_open(&terms, "false");
    fixture_sign(&f, &(struct fixture_terms){.release = buf_cstr(&terms)}, &before);
    fixture_sign(&f, &(struct fixture_terms){.release = buf_cstr(&terms), .ends = "2027-06-01"}, &other);
    fixture_run(&f, US, "key.rotate", "{}");
    assert_int_equal(node_card_chain(f.nodes[US], &chain, &d), ERR_NONE);
    assert_int_equal(node_card_receive(f.nodes[JP], buf_span(&chain), &changed, &d), ERR_NONE);
    fixture_run(&f, JP, "agreement.add", buf_cstr(&before));
    assert_int_equal(fixture_try(&f, JP, "agreement.add", buf_cstr(&before), NULL, 0, &d), ERR_EXISTS);
    fixture_run(&f, JP, "party.remove", "{\"party\":\"US-DOD\"}");
    assert_int_equal(fixture_try(&f, JP, "agreement.add", buf_cstr(&other), NULL, 0, &d), ERR_VERIFY);
    assert_non_null(strstr(d.message, "US-DOD"));
    buf_free(&terms);
    buf_free(&chain);
    buf_free(&before);
    buf_free(&other);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_as_written),
        cmocka_unit_test(is_refused_when_altered),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(succeeds_only_rightfully),
        cmocka_unit_test(a_party_is_added_once_it_is_trusted),
        cmocka_unit_test(a_card_that_claims_what_is_anothers_is_refused),
        cmocka_unit_test(a_succession_is_followed),
        cmocka_unit_test(a_successor_cannot_take_anothers_key),
        cmocka_unit_test(keys_count_along_the_succession),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
