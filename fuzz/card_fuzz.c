/* Cards of any bytes: an error with a message, or a card whose own writing is what was signed. */
#include <stdlib.h>

#include "node/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct card card;
    struct diag d = {0};
    char print[96];
    struct buf message = BUF_EMPTY;
    arena_init(&a, 8 << 20);
    if (card_read(&a, span_of(data, size), &card, &d)) {
        must(d.message[0]);
        goto out;
    }
    must(card.party.len >= 2 && card.url.len > 8 && card.serial >= 1);
    must(card.has_predecessor == (card.serial > 1));
    must(card_fingerprint(card.hash.b, print) == print && print[0] == 'S');
    must(card_message(&card, &message, &d) == ERR_NONE);
    /* Nothing succeeds itself. */
    must(card_succeeds(&card, &card, &d) != ERR_NONE);
out:
    buf_free(&message);
    arena_free(&a);
    return 0;
}
