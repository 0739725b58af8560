#include "ledger/note.h"

#include <inttypes.h>
#include <sodium.h>

#include "base/encode.h"
#include "ledger/merkle.h"

_Static_assert(LEDGER_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(LEDGER_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");

#define EM_DASH "\xe2\x80\x94"

enum {
    KEY_ID_SIZE = 4,
    COSIGNATURE_SIZE = 8 + LEDGER_SIGNATURE_SIZE, /* time, signature */
    VKEY_ID_DIGITS = 8
};

/* ---- characters ---- */

/* Every Unicode space beyond ASCII, as UTF-8 (White_Space=yes). */
static const char *const wide_spaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
    "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
    "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

/* Whether a note may carry this key name (signed-note, "Format"). */
static bool name_valid(struct span name) {
    if (name.len == 0 || name.len > LEDGER_KEY_NAME_MAX || !utf8_valid(name, NULL)) return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] <= ' ' || name.at[i] == '+') return false;
    for (size_t i = 0; i < sizeof wide_spaces / sizeof wide_spaces[0]; i++)
        if (span_find(name, span_cstr(wide_spaces[i])) != SIZE_MAX) return false;
    return true;
}

/* What a whole note and its text must hold: UTF-8, no control characters but newlines, a newline at the end. */
static enum err check_lines(const char *what, struct span text, struct diag *d) {
    uint64_t line = 1;
    size_t start = 0, bad = SIZE_MAX;
    bool utf8 = utf8_valid(text, &bad);
    for (size_t i = 0; i < text.len && (utf8 || i < bad); i++) {
        if (text.at[i] == '\n') {
            line++;
            start = i + 1;
        } else if ((unsigned char)text.at[i] < 0x20) {
            diag_set(d, ERR_SYNTAX, "%s holds the control character 0x%02x", what, (unsigned char)text.at[i]);
            diag_at(d, line, i - start + 1, i);
            return ERR_SYNTAX;
        }
    }
    if (!utf8) {
        diag_set(d, ERR_SYNTAX, "%s is not UTF-8", what);
        diag_at(d, line, bad - start + 1, bad);
        return ERR_SYNTAX;
    }
    if (!span_ends(text, SPAN("\n"))) return diag_set(d, ERR_SYNTAX, "%s must end in a newline", what);
    return ERR_NONE;
}

/* ---- keys ---- */

static uint32_t big_endian_32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

enum err ledger_key_make(enum ledger_key_kind kind, struct span name, const uint8_t public_key[LEDGER_PUBLIC_SIZE],
                         struct ledger_key *out, struct diag *d) {
    if (!name_valid(name))
        return diag_set(d, ERR_INVALID,
                        "a key's name is UTF-8 of 1 to %d bytes without spaces, control characters or '+'",
                        LEDGER_KEY_NAME_MAX);
    *out = (struct ledger_key){.kind = kind, .name = name};
    memcpy(out->public_key, public_key, LEDGER_PUBLIC_SIZE);
    char separator[] = {'\n', (char)kind};
    struct span parts[] = {name, span_of(separator, sizeof separator), span_of(public_key, LEDGER_PUBLIC_SIZE)};
    out->id = big_endian_32(sha256_of_parts(parts, 3).b);
    return ERR_NONE;
}

void ledger_vkey_write(const struct ledger_key *key, struct buf *out) {
    uint8_t material[1 + LEDGER_PUBLIC_SIZE];
    material[0] = (uint8_t)key->kind;
    memcpy(material + 1, key->public_key, LEDGER_PUBLIC_SIZE);
    buf_add(out, key->name);
    buf_printf(out, "+%08" PRIx32 "+", key->id);
    buf_add_base64(out, span_of(material, sizeof material));
}

enum err ledger_vkey_read(struct arena *a, struct span text, struct ledger_key *out, struct diag *d) {
    struct span rest = text, material;
    struct span name = span_cut(&rest, '+'), id = span_cut(&rest, '+');
    uint8_t id_bytes[KEY_ID_SIZE];
    if (id.len != VKEY_ID_DIGITS || !hex_read(id, id_bytes, KEY_ID_SIZE) || !base64_read(a, rest, &material))
        return diag_set(d, ERR_SYNTAX, "a vkey is written name+id in 8 hexadecimal digits+base64");
    for (size_t i = 0; i < id.len; i++)
        if (id.at[i] >= 'A' && id.at[i] <= 'F') return diag_set(d, ERR_SYNTAX, "a vkey's id is written in lower case");
    if (material.len == 0) return diag_set(d, ERR_SYNTAX, "a vkey without a key");
    uint8_t kind = (uint8_t)material.at[0];
    if (kind != LEDGER_KEY_LOG && kind != LEDGER_KEY_WITNESS)
        return diag_set(d, ERR_UNSUPPORTED, "a vkey of signature type 0x%02x; Ed25519 ones are 0x01 and 0x04", kind);
    if (material.len != 1 + LEDGER_PUBLIC_SIZE)
        return diag_set(d, ERR_SYNTAX, "an Ed25519 vkey holds 33 bytes, not %zu", material.len);
    uint8_t public_key[LEDGER_PUBLIC_SIZE];
    memcpy(public_key, material.at + 1, LEDGER_PUBLIC_SIZE);
    enum err e = ledger_key_make((enum ledger_key_kind)kind, name, public_key, out, d);
    if (!e && out->id != big_endian_32(id_bytes))
        e = diag_set(d, ERR_INVALID, "the vkey's id should be %08" PRIx32 " for its name and key", out->id);
    return e;
}

/* ---- checkpoints ---- */

static bool origin_part_valid(struct span part) {
    return name_valid(part) && span_find_char(part, '/') == SIZE_MAX && span_find_char(part, '\x7f') == SIZE_MAX;
}

static void add_lower(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}

enum err ledger_origin_write(struct span publisher, struct span recipient, struct span realm, struct span lineage,
                             struct buf *out, struct diag *d) {
    enum { LINEAGE_DIGITS = 16 };
    uint8_t bytes[LINEAGE_DIGITS / 2];
    struct span parts[] = {publisher, recipient, realm, span_first(lineage, LINEAGE_DIGITS)};
    size_t len = strlen("renkei");
    for (size_t i = 0; i < 4; i++) {
        if (!origin_part_valid(parts[i]))
            return diag_set(d, ERR_INVALID, "\"%.*s\" cannot be part of a ledger's origin", SPAN_ARG(parts[i]));
        len += 1 + parts[i].len;
    }
    if (!hex_read(parts[3], bytes, sizeof bytes))
        return diag_set(d, ERR_INVALID, "an agreement's lineage is a hash in hexadecimal digits");
    if (len > LEDGER_ORIGIN_MAX)
        return diag_set(d, ERR_LIMIT, "an origin of %zu bytes; the limit is %d", len, LEDGER_ORIGIN_MAX);
    buf_add_cstr(out, "renkei");
    for (size_t i = 0; i < 4; i++) {
        buf_add_char(out, '/');
        add_lower(out, parts[i]);
    }
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no room for an origin");
}

static enum err check_checkpoint(const struct ledger_checkpoint *c, struct diag *d) {
    if (c->origin.len == 0 || span_find_char(c->origin, '\n') != SIZE_MAX)
        return diag_set(d, ERR_INVALID, "a checkpoint's origin is one line that is not empty");
    if (c->origin.len > LEDGER_ORIGIN_MAX)
        return diag_set(d, ERR_LIMIT, "an origin of %zu bytes; the limit is %d", c->origin.len, LEDGER_ORIGIN_MAX);
    if (c->size > LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a tree of %" PRIu64 " leaves; the limit is %" PRIu64, c->size,
                        LEDGER_TREE_SIZE_MAX);
    struct sha256 empty = sha256_of(SPAN(""));
    if (c->size == 0 && !sha256_equal(&c->root, &empty))
        return diag_set(d, ERR_INVALID, "the root of an empty tree is SHA-256(\"\")");
    struct span rest = c->extension;
    if (rest.len > 0 && !span_ends(rest, SPAN("\n")))
        return diag_set(d, ERR_INVALID, "a checkpoint's extension lines end in newlines");
    while (rest.len > 0)
        if (span_cut(&rest, '\n').len == 0)
            return diag_set(d, ERR_INVALID, "a checkpoint's extension lines are not empty");
    return ERR_NONE;
}

enum err ledger_checkpoint_write(const struct ledger_checkpoint *c, struct buf *out, struct diag *d) {
    enum err e = check_checkpoint(c, d);
    if (e) return e;
    size_t before = out->len;
    buf_add(out, c->origin);
    buf_printf(out, "\n%" PRIu64 "\n", c->size);
    buf_add_base64(out, span_of(c->root.b, SHA256_SIZE));
    buf_add_char(out, '\n');
    buf_add(out, c->extension);
    e = buf_ok(out) ? check_lines("a checkpoint", span_from(buf_span(out), before), d)
                    : diag_set(d, ERR_NOMEM, "no room for a checkpoint");
    if (e) out->len = before;
    return e;
}

/* Decimal as C2SP wants it: digits only, no leading zero. */
static bool decimal(struct span text, uint64_t *out) {
    return span_u64(text, out) && (text.len == 1 || text.at[0] != '0');
}

static enum err line_error(struct diag *d, uint64_t line, const char *message) {
    diag_set(d, ERR_SYNTAX, "%s", message);
    diag_at(d, line, 0, 0);
    return ERR_SYNTAX;
}

enum err ledger_checkpoint_read(struct arena *a, struct span text, struct ledger_checkpoint *out, struct diag *d) {
    *out = (struct ledger_checkpoint){.text = text};
    if (text.len > LEDGER_NOTE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a checkpoint of %zu bytes; the limit is %d", text.len, LEDGER_NOTE_SIZE_MAX);
    enum err e = check_lines("a checkpoint", text, d);
    if (e) return e;
    struct span rest = text, root;
    out->origin = span_cut(&rest, '\n');
    if (!decimal(span_cut(&rest, '\n'), &out->size))
        return line_error(d, 2, "a checkpoint's second line is the tree's size in decimal, without leading zeros");
    if (!base64_read(a, span_cut(&rest, '\n'), &root) || root.len != SHA256_SIZE)
        return line_error(d, 3, "a checkpoint's third line is the root, 32 bytes in base64");
    memcpy(out->root.b, root.at, SHA256_SIZE);
    out->extension = rest;
    return check_checkpoint(out, d);
}

/* ---- notes ---- */

enum err ledger_note_text(struct span text, struct buf *out, struct diag *d) {
    enum err e = check_lines("a note's text", text, d);
    if (e) {
        if (d) d->code = ERR_INVALID; /* ours to get right, not a peer's */
        return ERR_INVALID;
    }
    buf_add(out, text);
    buf_add_char(out, '\n');
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no room for a note");
}

static void add_signature_line(struct buf *out, const struct ledger_key *key, struct span head,
                               const uint8_t signature[LEDGER_SIGNATURE_SIZE]) {
    uint8_t bytes[KEY_ID_SIZE + COSIGNATURE_SIZE];
    size_t len = 0;
    for (int shift = 24; shift >= 0; shift -= 8) bytes[len++] = (uint8_t)(key->id >> shift);
    if (head.len) memcpy(bytes + len, head.at, head.len);
    len += head.len;
    memcpy(bytes + len, signature, LEDGER_SIGNATURE_SIZE);
    len += LEDGER_SIGNATURE_SIZE;
    buf_add_cstr(out, EM_DASH " ");
    buf_add(out, key->name);
    buf_add_char(out, ' ');
    buf_add_base64(out, span_of(bytes, len));
    buf_add_char(out, '\n');
}

void ledger_note_add_signature(struct buf *out, const struct ledger_key *key,
                               const uint8_t signature[LEDGER_SIGNATURE_SIZE]) {
    add_signature_line(out, key, span_of(NULL, 0), signature);
}

/* One signature line with its newline. line_number is for messages. */
static enum err read_signature(struct arena *a, struct span line, uint64_t line_number, struct ledger_signature *out,
                               struct diag *d) {
    *out = (struct ledger_signature){.line = line};
    if (!span_starts(line, SPAN(EM_DASH " ")) || !span_ends(line, SPAN("\n")))
        return line_error(d, line_number, "a signature line begins with an em dash and a space");
    struct span rest = span_from(span_first(line, line.len - 1), strlen(EM_DASH " ")), bytes;
    out->name = span_cut(&rest, ' ');
    if (!name_valid(out->name))
        return line_error(d, line_number, "a key's name is not empty and has no spaces, control characters or '+'");
    if (!base64_read(a, rest, &bytes))
        return a->overflow ? diag_set(d, ERR_NOMEM, "no room for a note's signatures")
                           : line_error(d, line_number, "a signature is one word of base64 after the key's name");
    if (bytes.len <= KEY_ID_SIZE)
        return line_error(d, line_number, "a signature is a key id of 4 bytes and at least one byte more");
    uint8_t id[KEY_ID_SIZE];
    memcpy(id, bytes.at, KEY_ID_SIZE);
    out->id = big_endian_32(id);
    out->signature = span_from(bytes, KEY_ID_SIZE);
    return ERR_NONE;
}

static size_t count_lines(struct span text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.at[i] == '\n';
    return count;
}

/* The text ends at the last empty line; false if there is none. */
static bool split_note(struct span bytes, struct span *text, struct span *signatures) {
    for (size_t i = bytes.len; i-- > 1;)
        if (bytes.at[i] == '\n' && bytes.at[i - 1] == '\n') {
            *text = span_first(bytes, i);
            *signatures = span_from(bytes, i + 1);
            return true;
        }
    return false;
}

enum err ledger_note_read(struct arena *a, struct span bytes, struct ledger_note *out, struct diag *d) {
    *out = (struct ledger_note){0};
    struct span rest;
    if (bytes.len > LEDGER_NOTE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a note of %zu bytes; the limit is %d", bytes.len, LEDGER_NOTE_SIZE_MAX);
    enum err e = check_lines("a note", bytes, d);
    if (e) return e;
    if (!split_note(bytes, &out->text, &rest))
        return diag_set(d, ERR_SYNTAX, "a note needs an empty line between its text and its signatures");
    size_t count = count_lines(rest);
    if (count == 0) return diag_set(d, ERR_SYNTAX, "a note needs a signature line after its last empty line");
    if (count > LEDGER_NOTE_SIGNATURES_MAX)
        return diag_set(d, ERR_LIMIT, "a note with %zu signatures; the limit is %d", count, LEDGER_NOTE_SIGNATURES_MAX);
    out->signatures = arena_zalloc(a, count, sizeof *out->signatures);
    if (!out->signatures) return diag_set(d, ERR_NOMEM, "no room for a note's signatures");
    uint64_t line_number = count_lines(out->text) + 2;
    while (rest.len > 0) {
        struct span line = span_first(rest, span_find_char(rest, '\n') + 1);
        e = read_signature(a, line, line_number++, &out->signatures[out->count], d);
        if (e) return e;
        out->count++;
        rest = span_from(rest, line.len);
    }
    return ERR_NONE;
}

static bool signed_by(const struct ledger_signature *s, const struct ledger_key *key) {
    return s->id == key->id && span_equal(s->name, key->name);
}

static bool ed25519_holds(const struct ledger_key *key, struct span message, struct span signature) {
    return signature.len == LEDGER_SIGNATURE_SIZE &&
           crypto_sign_verify_detached((const unsigned char *)signature.at, (const unsigned char *)message.at,
                                       message.len, key->public_key) == 0;
}

enum err ledger_note_verify(const struct ledger_note *note, const struct ledger_key *key, struct diag *d) {
    if (key->kind != LEDGER_KEY_LOG)
        return diag_set(d, ERR_INVALID, "a note is verified with a log key, not with a witness's");
    bool any = false;
    for (size_t i = 0; i < note->count; i++) {
        if (!signed_by(&note->signatures[i], key)) continue;
        if (!ed25519_holds(key, note->text, note->signatures[i].signature))
            return diag_set(d, ERR_VERIFY, "the signature of %.*s does not hold", SPAN_ARG(key->name));
        any = true;
    }
    if (!any)
        return diag_set(d, ERR_VERIFY, "there is no signature of %.*s with key id %08" PRIx32, SPAN_ARG(key->name),
                        key->id);
    return ERR_NONE;
}

enum err ledger_note_open(struct arena *a, struct span bytes, const struct ledger_key *key, struct span origin,
                          struct ledger_checkpoint *out, struct diag *d) {
    struct ledger_note note;
    *out = (struct ledger_checkpoint){0};
    if (origin.len == 0) return diag_set(d, ERR_INVALID, "a checkpoint is opened for the ledger it must be of");
    enum err e = ledger_note_read(a, bytes, &note, d);
    if (!e) e = ledger_note_verify(&note, key, d);
    if (!e) e = ledger_checkpoint_read(a, note.text, out, d);
    if (!e && !span_equal(out->origin, origin))
        e = diag_set(d, ERR_VERIFY, "the checkpoint is of ledger \"%.*s\", not \"%.*s\"", SPAN_ARG(out->origin),
                     SPAN_ARG(origin));
    if (e) *out = (struct ledger_checkpoint){0}; /* nothing unverified leaves here */
    return e;
}

/* ---- cosignatures ---- */

enum err ledger_cosignature_message(uint64_t time_s, struct span text, struct buf *out, struct diag *d) {
    if (time_s > INT64_MAX) return diag_set(d, ERR_INVALID, "a cosignature's time is at most 2^63 - 1 seconds");
    buf_printf(out, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    buf_add(out, text);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no room for a cosignature's message");
}

void ledger_cosignature_line(const struct ledger_key *key, uint64_t time_s,
                             const uint8_t signature[LEDGER_SIGNATURE_SIZE], struct buf *out) {
    uint8_t time[8];
    for (size_t i = 0; i < sizeof time; i++) time[i] = (uint8_t)(time_s >> (56 - 8 * i));
    add_signature_line(out, key, span_of(time, sizeof time), signature);
}

static enum err verify_cosignature(const struct ledger_signature *s, struct span text, const struct ledger_key *key,
                                   uint64_t *time_s, struct diag *d) {
    if (s->signature.len != COSIGNATURE_SIZE)
        return diag_set(d, ERR_VERIFY, "a cosignature has %d bytes, not %zu", COSIGNATURE_SIZE, s->signature.len);
    uint64_t time = 0;
    for (size_t i = 0; i < 8; i++) time = time << 8 | (unsigned char)s->signature.at[i];
    struct buf message = BUF_EMPTY;
    enum err e = ledger_cosignature_message(time, text, &message, d);
    if (!e && !ed25519_holds(key, buf_span(&message), span_from(s->signature, 8)))
        e = diag_set(d, ERR_VERIFY, "the cosignature of %.*s does not hold", SPAN_ARG(key->name));
    buf_free(&message);
    if (!e) *time_s = time;
    return e == ERR_INVALID ? ERR_VERIFY : e;
}

static enum err check_witness(const struct ledger_key *key, struct diag *d) {
    return key->kind == LEDGER_KEY_WITNESS ? ERR_NONE
                                           : diag_set(d, ERR_INVALID, "a cosignature is verified with a witness's key");
}

enum err ledger_cosignature_verify(struct arena *a, struct span line, struct span text, const struct ledger_key *key,
                                   uint64_t *time_s, struct diag *d) {
    struct ledger_signature s;
    enum err e = check_witness(key, d);
    if (!e && line.len > LEDGER_NOTE_SIZE_MAX)
        e = diag_set(d, ERR_LIMIT, "a cosignature of %zu bytes; the limit is %d", line.len, LEDGER_NOTE_SIZE_MAX);
    if (!e) e = check_lines("a cosignature", line, d);
    if (!e && count_lines(line) != 1) e = diag_set(d, ERR_SYNTAX, "a cosignature is one line");
    if (!e) e = read_signature(a, line, 1, &s, d);
    if (e) return e;
    if (!signed_by(&s, key))
        return diag_set(d, ERR_VERIFY, "the cosignature is not of %.*s with key id %08" PRIx32, SPAN_ARG(key->name),
                        key->id);
    return verify_cosignature(&s, text, key, time_s, d);
}

enum err ledger_note_cosigned(const struct ledger_note *note, const struct ledger_key *key, uint64_t *time_s,
                              struct diag *d) {
    enum err e = check_witness(key, d);
    bool any = false;
    uint64_t newest = 0;
    for (size_t i = 0; !e && i < note->count; i++) {
        uint64_t time = 0;
        if (!signed_by(&note->signatures[i], key)) continue;
        e = verify_cosignature(&note->signatures[i], note->text, key, &time, d);
        newest = time > newest ? time : newest;
        any = true;
    }
    if (!e && !any) e = diag_set(d, ERR_NOT_FOUND, "there is no cosignature of %.*s", SPAN_ARG(key->name));
    if (!e) *time_s = newest;
    return e;
}
