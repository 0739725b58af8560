/* Everything of a note, a checkpoint, a cosignature, a vkey or a receipt that comes from outside. What is taken apart
 * must go together again to the same bytes. */
#include <stdlib.h>

#include "ledger/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void fuzz_note(struct arena *a, struct span bytes, const struct ledger_key *log,
                      const struct ledger_key *witness) {
    struct ledger_note note;
    struct ledger_checkpoint c;
    struct diag d;
    uint64_t time;
    if (ledger_note_read(a, bytes, &note, &d)) return;
    must(note.count >= 1 && note.count <= LEDGER_NOTE_SIGNATURES_MAX);
    struct buf again = BUF_EMPTY;
    must(ledger_note_text(note.text, &again, &d) == ERR_NONE);
    for (size_t i = 0; i < note.count; i++) buf_add(&again, note.signatures[i].line);
    must(span_equal(buf_span(&again), bytes));
    enum err e = ledger_note_cosigned(&note, witness, &time, &d);
    (void)e;
    e = ledger_cosignature_verify(a, note.signatures[0].line, note.text, witness, &time, &d);
    e = ledger_note_open(a, bytes, log, SPAN("o"), &c, &d);
    buf_clear(&again);
    if (ledger_checkpoint_read(a, note.text, &c, &d) == ERR_NONE) {
        must(ledger_checkpoint_write(&c, &again, &d) == ERR_NONE);
        must(span_equal(buf_span(&again), note.text));
    }
    buf_free(&again);
}

static void fuzz_receipt(struct arena *a, struct span bytes, const struct ledger_key *log) {
    struct ledger_receipt r;
    struct ledger_checkpoint c;
    struct diag d;
    if (ledger_receipt_read(a, bytes, &r, &d)) return;
    struct buf again = BUF_EMPTY;
    if (ledger_receipt_write(a, &r, &again, &d) == ERR_NONE) must(span_equal(buf_span(&again), bytes));
    buf_free(&again);
    enum err e = ledger_receipt_verify(a, &r, SPAN("entry"), log, SPAN("o"), &c, &d);
    (void)e;
}

static void fuzz_vkey(struct arena *a, struct span bytes) {
    struct ledger_key key;
    struct diag d;
    if (ledger_vkey_read(a, bytes, &key, &d)) return;
    struct buf again = BUF_EMPTY;
    ledger_vkey_write(&key, &again);
    must(span_equal(buf_span(&again), bytes));
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct ledger_key log, witness;
    struct diag d;
    uint8_t public_key[LEDGER_PUBLIC_SIZE] = {0xe9, 0x32, 0x79, 0x1a};
    struct span bytes = span_of(data, size);
    arena_init(&a, 4 << 20);
    /* the names are those of the seed corpus; ids are made to fit there */
    must(ledger_key_make(LEDGER_KEY_LOG, SPAN("a"), public_key, &log, &d) == ERR_NONE);
    must(ledger_key_make(LEDGER_KEY_WITNESS, SPAN("w"), public_key, &witness, &d) == ERR_NONE);
    log.id = witness.id = 0;
    fuzz_note(&a, bytes, &log, &witness);
    fuzz_receipt(&a, bytes, &log);
    fuzz_vkey(&a, bytes);
    arena_free(&a);
    return 0;
}
