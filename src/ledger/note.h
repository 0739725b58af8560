/* Signed notes, checkpoints and cosignatures, as C2SP writes them down (signed-note, tlog-checkpoint,
 * tlog-cosignature).
 *
 *   renkei/jp-mod/us-dod/live/00112233445566   origin  ┐
 *   4711                                       size    ├ the text: what is signed, with its last newline
 *   CsUYapGG…=                                 root    ┘
 *                                              blank line
 *   — jp-mod Az3grlgt…=                        the log's signature line
 *   — us-dod jWbPPwAA…=                        a witness's cosignature line
 *
 * Nothing here signs: private keys live in another process. These functions give the exact bytes to be signed and put
 * the 64-byte signature that comes back where it belongs. To publish a checkpoint: ledger_checkpoint_write() into
 * `text`, have `text` signed, ledger_note_text(), ledger_note_add_signature(). To cosign one: ledger_note_open() gives
 * the checkpoint's text, ledger_cosignature_message(), have it signed, ledger_cosignature_line().
 *
 * Pure functions; any thread may call. */
#ifndef RENKEI_LEDGER_NOTE_H
#define RENKEI_LEDGER_NOTE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

enum {
    LEDGER_NOTE_SIZE_MAX = 256 << 10, /* 16 signatures must be accepted, of nearly 5 kB each when post-quantum */
    LEDGER_NOTE_SIGNATURES_MAX = 64,  /* at least 16 (signed-note, "Format"); bounds our work on a hostile note */
    LEDGER_KEY_NAME_MAX = 255,        /* one byte's length, as in tlog-cosignature's cosigner_name */
    LEDGER_ORIGIN_MAX = 255,          /* likewise log_origin */
    LEDGER_PUBLIC_SIZE = 32,
    LEDGER_SIGNATURE_SIZE = 64
};

/* ---- keys ------------------------------------------------------------------------------------------------------- */

enum ledger_key_kind {
    LEDGER_KEY_LOG = 0x01,    /* Ed25519 over the note's text: the log itself */
    LEDGER_KEY_WITNESS = 0x04 /* cosignature/v1: a witness */
};

/* A public key as verifiers know it. One Ed25519 key used as both kinds has two ids. */
struct ledger_key {
    enum ledger_key_kind kind;
    struct span name; /* borrowed; UTF-8 without spaces, control characters or '+' */
    uint8_t public_key[LEDGER_PUBLIC_SIZE];
    uint32_t id; /* first four bytes of SHA-256(name ‖ 0x0A ‖ kind ‖ public key) */
};

/* Fills *out, computing the id; borrows name. ERR_INVALID for a name no note may carry. */
MUST_CHECK enum err ledger_key_make(enum ledger_key_kind kind, struct span name,
                                    const uint8_t public_key[LEDGER_PUBLIC_SIZE], struct ledger_key *out,
                                    struct diag *d);
/* "name+hex8+base64(kind ‖ public key)" (signed-note, "Verifier keys"). */
void ledger_vkey_write(const struct ledger_key *key, struct buf *out);
/* The name is borrowed from text; `a` is for scratch. ERR_UNSUPPORTED for other signature types, ERR_INVALID when the
 * id is not the key's. */
MUST_CHECK enum err ledger_vkey_read(struct arena *a, struct span text, struct ledger_key *out, struct diag *d);

/* ---- checkpoints ------------------------------------------------------------------------------------------------ */

struct ledger_checkpoint {
    struct span origin; /* non-empty line */
    uint64_t size;      /* at most LEDGER_TREE_SIZE_MAX */
    struct sha256 root;
    struct span extension; /* further lines, each with its newline; empty in ledgers Renkei writes */
    struct span text;      /* after reading: the whole text, the bytes a signature covers; ignored on writing */
};

/* "renkei/<publisher>/<recipient>/<realm>/<first 16 digits of lineage>", ids in lower case. ERR_INVALID for parts that
 * are empty or hold a space, '+', '/' or control character, or a lineage (hex hash of the agreement's first version)
 * of fewer digits. */
MUST_CHECK enum err ledger_origin_write(struct span publisher, struct span recipient, struct span realm,
                                        struct span lineage, struct buf *out, struct diag *d);
/* Appends the text: these bytes are what the log key signs. */
MUST_CHECK enum err ledger_checkpoint_write(const struct ledger_checkpoint *c, struct buf *out, struct diag *d);
/* Reads a note's text. Borrows from it. Says nothing about signatures: see ledger_note_open(). `a` is for scratch. */
MUST_CHECK enum err ledger_checkpoint_read(struct arena *a, struct span text, struct ledger_checkpoint *out,
                                           struct diag *d);

/* ---- notes ------------------------------------------------------------------------------------------------------ */

struct ledger_signature {
    struct span name;      /* borrowed from the note */
    uint32_t id;           /* key id */
    struct span signature; /* the bytes after the key id, in the arena; may be of any type and length but 0 */
    struct span line;      /* the whole line with its newline, borrowed */
};
/* A note taken apart; nothing in it is to be believed yet. */
struct ledger_note {
    struct span text;                    /* with its last newline; borrowed */
    struct ledger_signature *signatures; /* in the arena */
    size_t count;                        /* at least 1 */
};

/* Begins a note: the text and the blank line. ERR_INVALID unless text is UTF-8 without control characters but newlines,
 * and ends in a newline. Signature lines must follow. */
MUST_CHECK enum err ledger_note_text(struct span text, struct buf *out, struct diag *d);
/* Appends the signature line of a LEDGER_KEY_LOG key. */
void ledger_note_add_signature(struct buf *out, const struct ledger_key *key,
                               const uint8_t signature[LEDGER_SIGNATURE_SIZE]);
/* Takes a note apart and enforces all of its syntax. ERR_SYNTAX with line; ERR_LIMIT. */
MUST_CHECK enum err ledger_note_read(struct arena *a, struct span bytes, struct ledger_note *out, struct diag *d);
/* Verifies a note's text, whatever it says: every signature line with the key's name and id must hold, and there must
 * be one; those of other keys are ignored (signed-note, "Signatures"). For LEDGER_KEY_LOG keys. ERR_VERIFY otherwise.
 */
MUST_CHECK enum err ledger_note_verify(const struct ledger_note *note, const struct ledger_key *key, struct diag *d);
/* Reads a checkpoint and verifies that the log key signed it and that it is of the ledger `origin`: one log key signs
 * for many ledgers, so a caller must know which it asked for; an empty origin is refused. Every signature line of the
 * key's name and id must hold; those of other keys are ignored. *out borrows from `bytes`. ERR_VERIFY when no
 * signature of the key is there, one does not hold, or the origin is another; ERR_SYNTAX, ERR_INVALID, ERR_LIMIT. */
MUST_CHECK enum err ledger_note_open(struct arena *a, struct span bytes, const struct ledger_key *key,
                                     struct span origin, struct ledger_checkpoint *out, struct diag *d);

/* ---- cosignatures ----------------------------------------------------------------------------------------------- */

/* Appends what a witness signs: "cosignature/v1\ntime <seconds since 1970>\n" and the checkpoint's text. ERR_INVALID if
 * time_s exceeds 2^63 - 1. */
MUST_CHECK enum err ledger_cosignature_message(uint64_t time_s, struct span text, struct buf *out, struct diag *d);
/* Appends the signature line of a LEDGER_KEY_WITNESS key: the whole answer of a witness, and a line for the note. */
void ledger_cosignature_line(const struct ledger_key *key, uint64_t time_s,
                             const uint8_t signature[LEDGER_SIGNATURE_SIZE], struct buf *out);
/* Verifies one cosignature line (with its newline) over a checkpoint's text; *time_s is when it was made. ERR_SYNTAX,
 * or ERR_VERIFY when it is another key's or does not hold. */
MUST_CHECK enum err ledger_cosignature_verify(struct arena *a, struct span line, struct span text,
                                              const struct ledger_key *key, uint64_t *time_s, struct diag *d);
/* Verifies the cosignature of `key` in a note. ERR_NOT_FOUND when there is none, ERR_VERIFY when it does not hold. */
MUST_CHECK enum err ledger_note_cosigned(const struct ledger_note *note, const struct ledger_key *key, uint64_t *time_s,
                                         struct diag *d);

#endif
