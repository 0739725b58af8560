/* Receipts: a proof that stands alone that an entry is in a ledger, as C2SP's tlog-proof writes it:
 *
 *   c2sp.org/tlog-proof@v1
 *   extra <base64>            optional, authenticated by nothing
 *   index 73894
 *   <base64 hash>             inclusion proof, leaf's sibling first
 *
 *   <checkpoint, verbatim, with its signatures>
 *
 * Renkei puts the record (the entry) into `extra`, so that a receipt needs only the publisher's vkey to be verified.
 * Pure functions; any thread may call. */
#ifndef RENKEI_LEDGER_PROOF_H
#define RENKEI_LEDGER_PROOF_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "ledger/merkle.h"
#include "ledger/note.h"

enum {
    LEDGER_RECEIPT_EXTRA_MAX = 128 << 10, /* twice the largest entry */
    LEDGER_RECEIPT_SIZE_MAX = LEDGER_NOTE_SIZE_MAX + LEDGER_RECEIPT_EXTRA_MAX * 2
};

struct ledger_receipt {
    bool has_extra;
    struct span extra;
    uint64_t index;
    struct ledger_proof proof;
    struct span note; /* the checkpoint with its signatures */
};

/* Appends the receipt. ERR_INVALID when the note is none, ERR_LIMIT. */
MUST_CHECK enum err ledger_receipt_write(struct arena *a, const struct ledger_receipt *r, struct buf *out,
                                         struct diag *d);
/* Takes a receipt apart and enforces its syntax; the note is checked by ledger_receipt_verify(). note is borrowed,
 * extra is in `a`. ERR_SYNTAX with line. */
MUST_CHECK enum err ledger_receipt_read(struct arena *a, struct span bytes, struct ledger_receipt *out, struct diag *d);
/* Verifies that `entry` is in the ledger `origin` at the receipt's index, as signed by `key`. *out is the checkpoint.
 * Cosignatures in the note are the caller's to weigh (ledger_note_cosigned()). Errors as ledger_note_open(). */
MUST_CHECK enum err ledger_receipt_verify(struct arena *a, const struct ledger_receipt *r, struct span entry,
                                          const struct ledger_key *key, struct span origin,
                                          struct ledger_checkpoint *out, struct diag *d);

#endif
