/* Notes: published ones that must verify, our own, and hostile ones that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/encode.h"
#include "ledger/note.h"

#define DASH   "\xe2\x80\x94 "
#define ORIGIN "renkei/jp-mod/us-dod/live/0011223344556677"

static struct arena arena;
static struct diag diag;

struct pair {
    struct ledger_key log, witness;
    uint8_t secret[64];
};

static struct pair pair_of(const char *name, uint8_t seed_byte) {
    struct pair p;
    uint8_t seed[32], public_key[32];
    memset(seed, seed_byte, sizeof seed);
    crypto_sign_seed_keypair(public_key, p.secret, seed);
    assert_int_equal(ledger_key_make(LEDGER_KEY_LOG, span_cstr(name), public_key, &p.log, &diag), ERR_NONE);
    assert_int_equal(ledger_key_make(LEDGER_KEY_WITNESS, span_cstr(name), public_key, &p.witness, &diag), ERR_NONE);
    return p;
}

static void sign(const struct pair *p, struct span message, uint8_t out[64]) {
    crypto_sign_detached(out, NULL, (const unsigned char *)message.at, message.len, p->secret);
}

static struct span vector(const char *name) {
    const char *source = getenv("RENKEI_SOURCE");
    struct span path = arena_printf(&arena, "%s/tests/ledger/vectors/%s%c", source ? source : ".", name, 0);
    FILE *f = fopen(path.at, "rb");
    if (!f) fail_msg("cannot open %s: set RENKEI_SOURCE to the source's root", path.at);
    static char bytes[8192];
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return arena_copy(&arena, span_of(bytes, len));
}

static struct ledger_key key(const char *vkey) {
    struct ledger_key out;
    assert_int_equal(ledger_vkey_read(&arena, span_cstr(vkey), &out, &diag), ERR_NONE);
    struct buf again = BUF_EMPTY;
    ledger_vkey_write(&out, &again);
    assert_string_equal(buf_cstr(&again), vkey);
    buf_free(&again);
    return out;
}

/* ---- keys ---- */

static void vkeys(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } cases[] = {
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_NONE},
        {"TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6", ERR_NONE}, /* '+' is a base64 digit, too */
        {"remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", ERR_NONE},
        {"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX},
        {"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID},
        {"PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID},
        {"PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID},
        {"PeterNeumann+c74f20a3+AhpcAAAA", ERR_UNSUPPORTED},
        {"PeterNeumann+c74f20a3+ARpcAAAA", ERR_SYNTAX},
        {"PeterNeumann+c74f20a3+", ERR_SYNTAX},
        {"PeterNeumann+c74f20a3", ERR_SYNTAX},
        {"PeterNeumann", ERR_SYNTAX},
        {"PeterNeumann+c74f20+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n", ERR_SYNTAX},
        {"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID},
        {"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID},
        {"", ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ledger_key out;
        enum err e = ledger_vkey_read(&arena, span_cstr(cases[i].text), &out, &diag);
        if (e != cases[i].want) fail_msg("%s: %s", cases[i].text, err_name(e));
        if (!e) key(cases[i].text);
    }
}

static void key_names(void **state) {
    (void)state;
    static const struct span bad[] = {
        SPAN(""),     SPAN("a b"),       SPAN("a+b"),          SPAN("a\nb"),          SPAN("a\tb"),
        SPAN("a\0b"), SPAN("a\xc2\xa0"), SPAN("\xe3\x80\x80"), SPAN("a\xe2\x80\xa8"), SPAN("a\xff"),
    };
    uint8_t public_key[32] = {1};
    struct ledger_key out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ledger_key_make(LEDGER_KEY_LOG, bad[i], public_key, &out, &diag), ERR_INVALID);
    assert_int_equal(ledger_key_make(LEDGER_KEY_LOG, SPAN("防衛省"), public_key, &out, &diag), ERR_NONE);
}

/* ---- published notes ---- */

static void published_note(void **state) {
    (void)state;
    struct ledger_note note;
    struct ledger_key foo = key("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    assert_int_equal(ledger_note_read(&arena, vector("example.note"), &note, &diag), ERR_NONE);
    assert_true(span_is(note.text, "This is an example message.\n"));
    assert_int_equal(note.count, 1);
    assert_int_equal(ledger_note_verify(&note, &foo, &diag), ERR_NONE);
    foo.id++;
    assert_int_equal(ledger_note_verify(&note, &foo, &diag), ERR_VERIFY);
}

static void published_checkpoints(void **state) {
    (void)state;
    struct ledger_checkpoint c;
    struct ledger_key sum = key("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8");
    struct span bytes = vector("go-sum-database.note");
    assert_int_equal(ledger_note_open(&arena, bytes, &sum, SPAN("go.sum database tree"), &c, &diag), ERR_NONE);
    assert_int_equal(c.size, 20852163);
    assert_int_equal(ledger_note_open(&arena, bytes, &sum, SPAN("go.sum database"), &c, &diag), ERR_VERIFY);
    assert_int_equal(c.size, 0);
    assert_int_equal(ledger_note_open(&arena, bytes, &sum, SPAN(""), &c, &diag), ERR_INVALID);

    static const char *const witnesses[] = {
        "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
        "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    };
    struct ledger_key log =
        key("arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f");
    struct ledger_note note;
    bytes = vector("arche2025h1.note");
    assert_int_equal(ledger_note_open(&arena, bytes, &log, log.name, &c, &diag), ERR_NONE);
    assert_int_equal(c.size, 1432088532);
    assert_int_equal(ledger_note_read(&arena, bytes, &note, &diag), ERR_NONE);
    assert_int_equal(note.count, 6);
    for (size_t i = 0; i < 4; i++) {
        struct ledger_key witness = key(witnesses[i]);
        uint64_t time = 0;
        assert_int_equal(ledger_note_cosigned(&note, &witness, &time, &diag), ERR_NONE);
        assert_int_equal(time, 0x6a122120);
        assert_int_equal(
            ledger_cosignature_verify(&arena, note.signatures[i + 2].line, note.text, &witness, &time, &diag),
            ERR_NONE);
        assert_int_equal(ledger_cosignature_verify(&arena, note.signatures[i + 2].line, SPAN("another\n0\n\n"),
                                                   &witness, &time, &diag),
                         ERR_VERIFY);
    }
    struct ledger_key absent = pair_of("remora.n621.de", 9).witness;
    uint64_t time;
    assert_int_equal(ledger_note_cosigned(&note, &absent, &time, &diag), ERR_NOT_FOUND);
}

/* ---- our own ---- */

static struct ledger_checkpoint checkpoint(void) {
    struct ledger_checkpoint c = {.origin = SPAN(ORIGIN), .size = 4711};
    c.root = sha256_of(SPAN("root"));
    return c;
}

static struct span signed_checkpoint(const struct ledger_checkpoint *c, const struct pair *log, struct buf *out) {
    struct buf text = BUF_EMPTY;
    uint8_t signature[64];
    assert_int_equal(ledger_checkpoint_write(c, &text, &diag), ERR_NONE);
    sign(log, buf_span(&text), signature);
    assert_int_equal(ledger_note_text(buf_span(&text), out, &diag), ERR_NONE);
    ledger_note_add_signature(out, &log->log, signature);
    buf_free(&text);
    return buf_span(out);
}

static void write_sign_open(void **state) {
    (void)state;
    struct pair log = pair_of("jp-mod", 1), other = pair_of("jp-mod", 2);
    struct ledger_checkpoint c = checkpoint(), back;
    struct buf note = BUF_EMPTY;
    struct span bytes = signed_checkpoint(&c, &log, &note);
    assert_int_equal(ledger_note_open(&arena, bytes, &log.log, SPAN(ORIGIN), &back, &diag), ERR_NONE);
    assert_true(span_equal(back.origin, c.origin));
    assert_int_equal(back.size, c.size);
    assert_true(sha256_equal(&back.root, &c.root));
    assert_int_equal(back.extension.len, 0);
    assert_int_equal(ledger_note_open(&arena, bytes, &other.log, SPAN(ORIGIN), &back, &diag), ERR_VERIFY);
    assert_int_equal(ledger_note_open(&arena, bytes, &log.witness, SPAN(ORIGIN), &back, &diag), ERR_INVALID);
    assert_int_equal(
        ledger_note_open(&arena, bytes, &log.log, SPAN("renkei/jp-mod/kr-mnd/live/0011223344556677"), &back, &diag),
        ERR_VERIFY);

    /* a second key's signature beside it, as after a rotation: either key opens it, and a broken one of either refuses
     */
    uint8_t signature[64];
    sign(&other, span_first(bytes, span_find(bytes, SPAN("\n\n")) + 1), signature);
    ledger_note_add_signature(&note, &other.log, signature);
    assert_int_equal(ledger_note_open(&arena, buf_span(&note), &log.log, SPAN(ORIGIN), &back, &diag), ERR_NONE);
    assert_int_equal(ledger_note_open(&arena, buf_span(&note), &other.log, SPAN(ORIGIN), &back, &diag), ERR_NONE);
    signature[0] ^= 1;
    ledger_note_add_signature(&note, &other.log, signature);
    assert_int_equal(ledger_note_open(&arena, buf_span(&note), &log.log, SPAN(ORIGIN), &back, &diag), ERR_NONE);
    assert_int_equal(ledger_note_open(&arena, buf_span(&note), &other.log, SPAN(ORIGIN), &back, &diag), ERR_VERIFY);
    buf_free(&note);
}

static void empty_ledger(void **state) {
    (void)state;
    struct pair log = pair_of("jp-mod", 1);
    struct ledger_checkpoint c = checkpoint(), back;
    struct buf note = BUF_EMPTY, text = BUF_EMPTY;
    c.size = 0;
    assert_int_equal(ledger_checkpoint_write(&c, &text, &diag), ERR_INVALID);
    c.root = sha256_of(SPAN(""));
    struct span bytes = signed_checkpoint(&c, &log, &note);
    assert_int_equal(ledger_note_open(&arena, bytes, &log.log, SPAN(ORIGIN), &back, &diag), ERR_NONE);
    assert_int_equal(back.size, 0);
    buf_free(&note);
    buf_free(&text);
}

static void cosignatures(void **state) {
    (void)state;
    struct pair log = pair_of("jp-mod", 1), us = pair_of("us-dod", 2);
    struct ledger_checkpoint c = checkpoint(), opened;
    struct buf note = BUF_EMPTY, message = BUF_EMPTY, line = BUF_EMPTY;
    struct ledger_note parts;
    uint8_t signature[64];
    uint64_t time = 0;
    struct span bytes = signed_checkpoint(&c, &log, &note);
    assert_int_equal(ledger_note_open(&arena, bytes, &log.log, SPAN(ORIGIN), &opened, &diag), ERR_NONE);
    struct span text = arena_copy(&arena, opened.text);
    assert_int_equal(ledger_cosignature_message(1767323045, text, &message, &diag), ERR_NONE);
    assert_true(span_starts(buf_span(&message), SPAN("cosignature/v1\ntime 1767323045\n" ORIGIN "\n4711\n")));
    sign(&us, buf_span(&message), signature);
    ledger_cosignature_line(&us.witness, 1767323045, signature, &line);
    assert_int_equal(ledger_cosignature_verify(&arena, buf_span(&line), text, &us.witness, &time, &diag), ERR_NONE);
    assert_int_equal(time, 1767323045);
    assert_int_equal(ledger_cosignature_verify(&arena, buf_span(&line), text, &us.log, &time, &diag), ERR_INVALID);
    assert_int_equal(ledger_cosignature_verify(&arena, buf_span(&line), text, &log.witness, &time, &diag), ERR_VERIFY);
    struct span cut = span_first(buf_span(&line), line.len - 1);
    assert_int_equal(ledger_cosignature_verify(&arena, cut, text, &us.witness, &time, &diag), ERR_SYNTAX);

    buf_add(&note, buf_span(&line));
    assert_int_equal(ledger_note_open(&arena, buf_span(&note), &log.log, SPAN(ORIGIN), &opened, &diag), ERR_NONE);
    assert_int_equal(ledger_note_read(&arena, buf_span(&note), &parts, &diag), ERR_NONE);
    time = 0;
    assert_int_equal(ledger_note_cosigned(&parts, &us.witness, &time, &diag), ERR_NONE);
    assert_int_equal(time, 1767323045);
    assert_int_equal(ledger_note_cosigned(&parts, &us.log, &time, &diag), ERR_INVALID);

    buf_clear(&line); /* the same signature under another time */
    ledger_cosignature_line(&us.witness, 1767323046, signature, &line);
    assert_int_equal(ledger_cosignature_verify(&arena, buf_span(&line), text, &us.witness, &time, &diag), ERR_VERIFY);
    buf_clear(&line); /* a time no cosignature may have */
    ledger_cosignature_line(&us.witness, UINT64_MAX, signature, &line);
    assert_int_equal(ledger_cosignature_verify(&arena, buf_span(&line), text, &us.witness, &time, &diag), ERR_VERIFY);
    assert_int_equal(ledger_cosignature_message(UINT64_MAX, text, &message, &diag), ERR_INVALID);
    buf_clear(&line); /* a log's signature is no cosignature, whatever it says it is */
    sign(&us, text, signature);
    ledger_note_add_signature(&line, &us.witness, signature);
    assert_int_equal(ledger_cosignature_verify(&arena, buf_span(&line), text, &us.witness, &time, &diag), ERR_VERIFY);
    buf_free(&note);
    buf_free(&message);
    buf_free(&line);
}

static void every_changed_byte_is_noticed(void **state) {
    (void)state;
    struct pair log = pair_of("jp-mod", 1);
    struct ledger_checkpoint c = checkpoint(), back;
    struct buf note = BUF_EMPTY;
    signed_checkpoint(&c, &log, &note);
    for (size_t at = 0; at < note.len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            note.at[at] = (char)(note.at[at] ^ (1 << bit));
            assert_int_not_equal(ledger_note_open(&arena, buf_span(&note), &log.log, SPAN(ORIGIN), &back, &diag),
                                 ERR_NONE);
            note.at[at] = (char)(note.at[at] ^ (1 << bit));
        }
    for (size_t len = 0; len < note.len; len++)
        assert_int_not_equal(
            ledger_note_open(&arena, span_first(buf_span(&note), len), &log.log, SPAN(ORIGIN), &back, &diag), ERR_NONE);
    buf_free(&note);
}

/* ---- hostile ---- */

static void notes_that_are_none(void **state) {
    (void)state;
    static const struct span bad[] = {
        SPAN(""),
        SPAN("\n"),
        SPAN("\n\n"),
        SPAN("text\n"),
        SPAN("text\n\n"),
        SPAN("text\n\n\n"),
        SPAN("text\n" DASH "a AAAAAAA=\n"),         /* no empty line */
        SPAN("\n" DASH "a AAAAAAA=\n"),             /* no text */
        SPAN("text\n\n" DASH "a AAAAAAA="),         /* no newline at the end */
        SPAN("text\n\n" DASH "a AAAAAAA=\n\n"),     /* the last empty line has nothing after it */
        SPAN("text\n\n" DASH "a AAAAAAA=\ntext\n"), /* something else among the signatures */
        SPAN("text\n\n" DASH " AAAAAAA=\n"),        /* no name */
        SPAN("text\n\n" DASH "a\n"),                /* no signature */
        SPAN("text\n\n" DASH "a \n"),               /* an empty one */
        SPAN("text\n\n" DASH "a  AAAAAAA=\n"),      /* two spaces */
        SPAN("text\n\n" DASH "a AAAAAAA= \n"),      /* a space at the end */
        SPAN("text\n\n" DASH "a AAAA AAA=\n"),      /* a space within */
        SPAN("text\n\n" DASH "a AAAAAA==\n"),       /* a key id and nothing more */
        SPAN("text\n\n" DASH "a AAAAAAB=\n"),       /* stray bits */
        SPAN("text\n\n" DASH "a AAAAAAA\n"),        /* no padding */
        SPAN("text\n\n" DASH "a AAAA_-A=\n"),       /* the other alphabet */
        SPAN("text\n\n" DASH "a+b AAAAAAA=\n"),     /* plus in a name */
        SPAN("text\n\n" DASH "a\xc2\xa0"
             "b AAAAAAA=\n"), /* a no-break space in a name */
        SPAN("text\n\n\xe2\x80\x94"
             "a AAAAAAA=\n"),                             /* no space after the dash */
        SPAN("text\n\n- a AAAAAAA=\n"),                   /* another dash */
        SPAN("text\n\n\xe2\x80\x93 a AAAAAAA=\n"),        /* an en dash */
        SPAN("text\r\n\r\n" DASH "a AAAAAAA=\r\n"),       /* carriage returns */
        SPAN("te\txt\n\n" DASH "a AAAAAAA=\n"),           /* a tab */
        SPAN("te\0xt\n\n" DASH "a AAAAAAA=\n"),           /* NUL */
        SPAN("te\x1bxt\n\n" DASH "a AAAAAAA=\n"),         /* an escape */
        SPAN("te\xc0\xafxt\n\n" DASH "a AAAAAAA=\n"),     /* overlong UTF-8 */
        SPAN("te\xed\xa0\x80xt\n\n" DASH "a AAAAAAA=\n"), /* a surrogate */
    };
    struct ledger_note note;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum err e = ledger_note_read(&arena, bad[i], &note, &diag);
        if (e != ERR_SYNTAX) fail_msg("%s: %.*s", err_name(e), SPAN_ARG(bad[i]));
        assert_true(diag.message[0] != 0);
    }
    assert_int_equal(ledger_note_read(&arena, SPAN("a\n\nb\n\n\n" DASH "a AAAAAAA=\n"), &note, &diag), ERR_NONE);
    assert_true(span_is(note.text, "a\n\nb\n\n"));
    assert_int_equal(ledger_note_read(&arena, SPAN("a\n\n" DASH "x AAAAAAA=\n- a AAAAAAA=\n"), &note, &diag),
                     ERR_SYNTAX);
    assert_int_equal(diag.line, 4);
}

static void limits(void **state) {
    (void)state;
    struct buf note = BUF_EMPTY;
    struct ledger_note parts;
    buf_add_cstr(&note, "text\n\n");
    for (size_t i = 0; i < LEDGER_NOTE_SIGNATURES_MAX; i++) buf_add_cstr(&note, DASH "a AAAAAAA=\n");
    assert_int_equal(ledger_note_read(&arena, buf_span(&note), &parts, &diag), ERR_NONE);
    assert_int_equal(parts.count, LEDGER_NOTE_SIGNATURES_MAX);
    buf_add_cstr(&note, DASH "a AAAAAAA=\n");
    assert_int_equal(ledger_note_read(&arena, buf_span(&note), &parts, &diag), ERR_LIMIT);
    buf_clear(&note);
    while (note.len <= LEDGER_NOTE_SIZE_MAX) buf_add_cstr(&note, "a line of text that goes on for a while\n");
    assert_int_equal(ledger_note_read(&arena, buf_span(&note), &parts, &diag), ERR_LIMIT);
    struct ledger_checkpoint c;
    assert_int_equal(ledger_checkpoint_read(&arena, buf_span(&note), &c, &diag), ERR_LIMIT);
    struct arena none;
    arena_init(&none, 0);
    assert_int_equal(ledger_note_read(&none, SPAN("text\n\n" DASH "a AAAAAAA=\n"), &parts, &diag), ERR_NOMEM);
    arena_free(&none);
    buf_free(&note);
}

#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

static void checkpoints_that_are_none(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        "o\n",
        "o\n1\n",
        "o\n1",
        "\n1\n" ROOT "\n",
        "o\n\n" ROOT "\n",
        "o\n01\n" ROOT "\n",
        "o\n00\n" ROOT "\n",
        "o\n-1\n" ROOT "\n",
        "o\n+1\n" ROOT "\n",
        "o\n 1\n" ROOT "\n",
        "o\n1 \n" ROOT "\n",
        "o\n0x1\n" ROOT "\n",
        "o\n1.0\n" ROOT "\n",
        "o\n18446744073709551616\n" ROOT "\n",
        "o\n18446744073709551615\n" ROOT "\n",
        "o\n9007199254740992\n" ROOT "\n",
        "o\n0\n" ROOT "\n",
        "o\n1\n" ROOT,
        "o\n1\n" ROOT " \n",
        "o\n1\n" ROOT "\n\n",
        "o\n1\n" ROOT "\nextension\n\n",
        "o\n1\n" ROOT "\n\nextension\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "o\n1\n\n",
        "o\r\n1\r\n" ROOT "\r\n",
        "o\xff\n1\n" ROOT "\n",
    };
    struct ledger_checkpoint c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ledger_checkpoint_read(&arena, span_cstr(bad[i]), &c, &diag) == ERR_NONE) fail_msg("accepted: %s", bad[i]);
    assert_int_equal(ledger_checkpoint_read(
                         &arena, SPAN("go.sum database tree\n9007199254740991\n" ROOT "\nmore\nlines\n"), &c, &diag),
                     ERR_NONE);
    assert_true(span_is(c.extension, "more\nlines\n"));
    struct buf again = BUF_EMPTY;
    assert_int_equal(ledger_checkpoint_write(&c, &again, &diag), ERR_NONE);
    assert_true(span_equal(buf_span(&again), c.text));
    c.extension = SPAN("more");
    assert_int_equal(ledger_checkpoint_write(&c, &again, &diag), ERR_INVALID);
    c.extension = SPAN("");
    c.origin = SPAN("two\nlines");
    assert_int_equal(ledger_checkpoint_write(&c, &again, &diag), ERR_INVALID);
    c.origin = SPAN("a\tb");
    size_t before = again.len;
    assert_int_not_equal(ledger_checkpoint_write(&c, &again, &diag), ERR_NONE);
    assert_int_equal(again.len, before);
    assert_int_equal(ledger_note_text(SPAN("no newline"), &again, &diag), ERR_INVALID);
    assert_int_equal(ledger_note_text(SPAN("\x01\n"), &again, &diag), ERR_INVALID);
    assert_int_equal(again.len, before);
    buf_free(&again);
}

static void origins(void **state) {
    (void)state;
    const struct span lineage = SPAN("00112233445566778899aabbccddeeff");
    struct buf out = BUF_EMPTY;
    assert_int_equal(ledger_origin_write(SPAN("JP-MOD"), SPAN("US-DOD"), SPAN("live"), lineage, &out, &diag), ERR_NONE);
    assert_string_equal(buf_cstr(&out), ORIGIN);
    static const struct span bad[] = {SPAN(""), SPAN("a/b"), SPAN("a b"), SPAN("a+b"), SPAN("a\n"), SPAN("a\x7f")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ledger_origin_write(SPAN("JP-MOD"), bad[i], SPAN("live"), lineage, &out, &diag), ERR_INVALID);
    assert_int_equal(ledger_origin_write(SPAN("A"), SPAN("B"), SPAN("live"), SPAN("0011"), &out, &diag), ERR_INVALID);
    assert_int_equal(ledger_origin_write(SPAN("A"), SPAN("B"), SPAN("live"), SPAN("zz112233445566778899"), &out, &diag),
                     ERR_INVALID);
    assert_string_equal(buf_cstr(&out), ORIGIN);
    buf_free(&out);
}

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 64 << 20);
    return sodium_init() < 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vkeys),
        cmocka_unit_test(key_names),
        cmocka_unit_test(published_note),
        cmocka_unit_test(published_checkpoints),
        cmocka_unit_test(write_sign_open),
        cmocka_unit_test(empty_ledger),
        cmocka_unit_test(cosignatures),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(notes_that_are_none),
        cmocka_unit_test(limits),
        cmocka_unit_test(checkpoints_that_are_none),
        cmocka_unit_test(origins),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
