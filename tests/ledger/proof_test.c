#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <sodium.h>

#include "ledger/proof.h"

#define DASH   "\xe2\x80\x94 "
#define ORIGIN "renkei/jp-mod/us-dod/live/0011223344556677"
#define HASH   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
#define NOTE   "o\n1\n" HASH "\n\n" DASH "a AAAAAAA=\n"
#define FIRST  "c2sp.org/tlog-proof@v1\n"

enum { SIZE = 37 };

static struct arena arena;
static struct diag diag;
static struct ledger_key key;
static struct sha256 leaves[SIZE];
static struct buf note;

static struct span entry(size_t i) {
    return arena_printf(&arena, "entry %zu", i);
}

static int set_up(void **state) {
    (void)state;
    uint8_t seed[32] = {7}, public_key[32], secret[64], signature[64];
    struct buf text = BUF_EMPTY;
    struct ledger_checkpoint c = {.origin = SPAN(ORIGIN), .size = SIZE};
    struct ledger_leaves all = {leaves, SIZE};
    struct ledger_nodes nodes = {ledger_leaves_node, &all};
    arena_init(&arena, 64 << 20);
    for (size_t i = 0; i < SIZE; i++) leaves[i] = ledger_leaf_hash(entry(i));
    crypto_sign_seed_keypair(public_key, secret, seed);
    if (ledger_key_make(LEDGER_KEY_LOG, SPAN("jp-mod"), public_key, &key, &diag) ||
        ledger_nodes_root(&nodes, SIZE, &c.root, &diag) || ledger_checkpoint_write(&c, &text, &diag) ||
        ledger_note_text(buf_span(&text), &note, &diag))
        return 1;
    crypto_sign_detached(signature, NULL, (const unsigned char *)text.at, text.len, secret);
    ledger_note_add_signature(&note, &key, signature);
    buf_free(&text);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    buf_free(&note);
    return 0;
}

static struct ledger_receipt receipt(size_t index) {
    struct ledger_leaves all = {leaves, SIZE};
    struct ledger_nodes nodes = {ledger_leaves_node, &all};
    struct ledger_receipt r = {.has_extra = true, .extra = entry(index), .index = index, .note = buf_span(&note)};
    assert_int_equal(ledger_inclusion_prove(&nodes, index, SIZE, &r.proof, &diag), ERR_NONE);
    return r;
}

static void every_entry_has_a_receipt(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        struct ledger_receipt r = receipt(i), back;
        struct ledger_checkpoint c;
        struct buf text = BUF_EMPTY;
        r.has_extra = i % 2;
        assert_int_equal(ledger_receipt_write(&arena, &r, &text, &diag), ERR_NONE);
        assert_int_equal(ledger_receipt_read(&arena, buf_span(&text), &back, &diag), ERR_NONE);
        assert_int_equal(back.index, i);
        assert_int_equal(back.has_extra, r.has_extra);
        if (r.has_extra) assert_true(span_equal(back.extra, r.extra));
        assert_true(span_equal(back.note, r.note));
        assert_int_equal(ledger_receipt_verify(&arena, &back, entry(i), &key, SPAN(ORIGIN), &c, &diag), ERR_NONE);
        assert_int_equal(c.size, SIZE);
        assert_int_equal(ledger_receipt_verify(&arena, &back, entry(i + 1), &key, SPAN(ORIGIN), &c, &diag), ERR_VERIFY);
        assert_int_equal(c.size, 0);
        assert_int_equal(ledger_receipt_verify(&arena, &back, entry(i), &key, SPAN("another"), &c, &diag), ERR_VERIFY);
        back.index = SIZE;
        assert_int_equal(ledger_receipt_verify(&arena, &back, entry(i), &key, SPAN(ORIGIN), &c, &diag), ERR_VERIFY);
        buf_free(&text);
    }
}

/* Whatever byte changes: refused, or the extra data, which nothing authenticates. */
static void every_changed_byte_is_noticed(void **state) {
    (void)state;
    struct ledger_receipt r = receipt(11), back;
    struct ledger_checkpoint c;
    struct buf text = BUF_EMPTY;
    assert_int_equal(ledger_receipt_write(&arena, &r, &text, &diag), ERR_NONE);
    size_t extra_end = span_find(buf_span(&text), SPAN("index "));
    for (size_t at = 0; at < text.len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            text.at[at] = (char)(text.at[at] ^ (1 << bit));
            enum err e = ledger_receipt_read(&arena, buf_span(&text), &back, &diag);
            if (!e) e = ledger_receipt_verify(&arena, &back, entry(11), &key, SPAN(ORIGIN), &c, &diag);
            assert_true(e || (at >= strlen(FIRST "extra ") && at < extra_end));
            text.at[at] = (char)(text.at[at] ^ (1 << bit));
        }
    buf_free(&text);
}

static void receipts_that_are_none(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE,
        FIRST,
        FIRST "index 0\n",
        FIRST "index 0\n" HASH "\n",
        FIRST "index 0\n" HASH "\n" NOTE,
        FIRST "\n" NOTE,
        FIRST "index\n\n" NOTE,
        FIRST "index \n\n" NOTE,
        FIRST "index 00\n\n" NOTE,
        FIRST "index -1\n\n" NOTE,
        FIRST "index 0 \n\n" NOTE,
        FIRST "index 9007199254740992\n\n" NOTE,
        FIRST "index 18446744073709551616\n\n" NOTE,
        FIRST "extra\nindex 0\n\n" NOTE,
        FIRST "extra \nindex 0\n\n" NOTE,
        FIRST "extra AAA\nindex 0\n\n" NOTE,
        FIRST "extra AAAA",
        FIRST "extra AAAA\n",
        FIRST "extra AAAA\n\n" NOTE,
        FIRST "extra AAAA\nextra AAAA\nindex 0\n\n" NOTE,
        FIRST "index 0\nextra AAAA\n\n" NOTE,
        FIRST "index 0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n\n" NOTE,
        FIRST "index 0\n" HASH " \n\n" NOTE,
    };
    struct ledger_receipt r;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum err e = ledger_receipt_read(&arena, span_cstr(bad[i]), &r, &diag);
        if (e != ERR_SYNTAX) fail_msg("%s: %s", err_name(e), bad[i]);
    }
    assert_int_equal(ledger_receipt_read(&arena, SPAN(FIRST "index 0\n\n" NOTE), &r, &diag), ERR_NONE);
    assert_int_equal(ledger_receipt_read(&arena, SPAN(FIRST "index 0\n" HASH "\nx\n\n" NOTE), &r, &diag), ERR_SYNTAX);
    assert_int_equal(diag.line, 4);
    struct buf text = BUF_EMPTY;
    buf_add_cstr(&text, FIRST "index 0\n");
    for (size_t i = 0; i <= LEDGER_PROOF_MAX; i++) buf_add_cstr(&text, HASH "\n");
    buf_add_cstr(&text, "\n" NOTE);
    assert_int_equal(ledger_receipt_read(&arena, buf_span(&text), &r, &diag), ERR_LIMIT);
    buf_free(&text);
}

static void receipts_that_are_not_written(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct ledger_receipt r = receipt(3);
    r.extra.len = 0;
    assert_int_equal(ledger_receipt_write(&arena, &r, &out, &diag), ERR_INVALID);
    r = receipt(3);
    r.note = SPAN("no note");
    assert_int_equal(ledger_receipt_write(&arena, &r, &out, &diag), ERR_INVALID);
    r = receipt(3);
    r.index = LEDGER_TREE_SIZE_MAX + 1;
    assert_int_equal(ledger_receipt_write(&arena, &r, &out, &diag), ERR_LIMIT);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_has_a_receipt),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(receipts_that_are_none),
        cmocka_unit_test(receipts_that_are_not_written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
